"""What gene tensors keep of simulated genomes, over many panels."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from gitools.genomes.preprocess import maf_filter
from gitools.genomes.variant_files import call_chunks
from gitools.simulate.plants import simulate_plants
from gitools.simulate.variant_types import DAMAGING_TYPES, LOSS_OF_FUNCTION, VARIANT_TYPES

CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
N_PLANTS, N_GENES, N_DRAWS = 400, 60, 200
_N_TYPES = len(VARIANT_TYPES)


class Gene(NamedTuple):
    """One gene of a panel.

    Attributes
    ----------
    variants : float array of shape (n, p)
        Centred.
    cells : int array of shape (p,)
        Type of each variant.
    counts : float array of shape (n, types)
        Counts of the types, centred.
    basis : float array of shape (n, k)
        Orthonormal basis of what is linear in the counts.
    weights : float array of shape (p,)
        Size of each variant's effect.
    """

    variants: np.ndarray
    cells: np.ndarray
    counts: np.ndarray
    basis: np.ndarray
    weights: np.ndarray


def type_weights() -> np.ndarray:
    """Size of an effect by type: that of the simulated additive and signed traits.

    Returns
    -------
    float array of shape (17,)
    """
    flanks = ("upstream", "downstream", "exonic ncRNA", "ncRNA splicing")

    def weight(name):
        if name in LOSS_OF_FUNCTION:
            return 4.0
        if name in DAMAGING_TYPES:
            return 2.0
        return 1.0 if name.startswith("UTR") else 0.5 if name in flanks else 0.1

    return np.array([weight(name) for name in VARIANT_TYPES])


def gene_of(panel, gene) -> Gene | None:
    """A gene of a panel, None if it has fewer than two variants.

    Parameters
    ----------
    panel : PlantPanel
    gene : int

    Returns
    -------
    Gene or None
    """
    rows = np.flatnonzero(panel.variant_gene == gene)
    if len(rows) < 2:
        return None
    variants = panel.variants[:, rows].astype(float)
    cells = panel.variant_type[rows]
    counts = variants @ np.eye(_N_TYPES)[cells]
    variants, counts = (array - array.mean(axis=0) for array in (variants, counts))
    return Gene(variants, cells, counts, span(counts), type_weights()[cells])


def span(columns) -> np.ndarray:
    """Orthonormal basis of the columns' span.

    Parameters
    ----------
    columns : float array of shape (n, k)

    Returns
    -------
    float array of shape (n, rank)
    """
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-9 * max(s[0], 1e-300)]


def expected_shares(gene: Gene, correlations=CORRELATIONS) -> np.ndarray:
    r"""Share of a gene's variance that is linear in its counts, in expectation over effects.

    The effect of variant v of type c is :math:`w_c (\sqrt\rho\, u_c + \sqrt{1 - \rho}\, e_v)`
    with independent u and e of mean 0 and variance 1.

    Parameters
    ----------
    gene : Gene
    correlations : sequence of float
        Values of rho.

    Returns
    -------
    float array, one entry for each correlation
    """
    rho = np.asarray(correlations)
    common = (gene.counts**2).sum(axis=0) @ type_weights() ** 2
    total = (gene.variants**2).sum(axis=0) @ gene.weights**2
    linear = ((gene.basis.T @ gene.variants) ** 2).sum(axis=0) @ gene.weights**2
    return (rho * common + (1 - rho) * linear) / (rho * common + (1 - rho) * total)


def drawn_shares(gene: Gene, n_draws, rng, correlations=CORRELATIONS) -> np.ndarray:
    """The same by drawing effects: sums over draws of explained and of whole variance.

    Parameters
    ----------
    gene : Gene
    n_draws : int
    rng : numpy Generator
    correlations : sequence of float

    Returns
    -------
    float array, one entry for each correlation
    """
    shares = []
    projected, gram = gene.basis.T @ gene.variants, gene.variants.T @ gene.variants
    for rho in correlations:
        u = rng.standard_normal((_N_TYPES, n_draws))[gene.cells]
        e = rng.standard_normal((len(gene.cells), n_draws))
        effects = gene.weights[:, None] * (np.sqrt(rho) * u + np.sqrt(1 - rho) * e)
        total = (effects * (gram @ effects)).sum()
        shares.append(((projected @ effects) ** 2).sum() / total)
    return np.array(shares)


def adjusted(share, n, rank):
    """A share explained by `rank` columns among n plants, less what chance explains."""
    return 1 - (1 - share) * (n - 1) / (n - 1 - rank)


def classes(columns) -> np.ndarray:
    """Number of the class of each plant: plants with equal rows are of one class.

    Parameters
    ----------
    columns : int array of shape (n, k)

    Returns
    -------
    int array of shape (n,)
    """
    return np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)


def between_classes(values, of) -> np.ndarray:
    """Sum of squares of centred columns that lies between classes.

    Parameters
    ----------
    values : float array of shape (n, p)
        Columns of mean 0.
    of : int array of shape (n,)
        Class of each row.

    Returns
    -------
    float array of shape (p,)
    """
    sizes = np.bincount(of)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, of, values)
    return (sums**2 / sizes[:, None]).sum(axis=0)


def f_test(y, basis) -> float:
    """p-value of the hypothesis that nothing of y is linear in the columns of `basis`."""
    n, k = basis.shape
    explained = ((basis.T @ y) ** 2).sum()
    rest = (y**2).sum() - explained
    return float(f_distribution.sf(explained / k / (rest / (n - 1 - k)), k, n - 1 - k))


def study_panel(rng, n_plants=N_PLANTS, n_genes=N_GENES, n_draws=N_DRAWS) -> dict[str, float]:
    """Every quantity of the chapter on one simulated panel.

    Parameters
    ----------
    rng : numpy Generator
    n_plants, n_genes, n_draws : int

    Returns
    -------
    dict of str to float
    """
    panel = simulate_plants(n_plants, n_genes, random_state=rng)
    genes = {g: gene_of(panel, g) for g in range(n_genes)}
    genes = {g: gene for g, gene in genes.items() if gene is not None}
    rows = [_study_gene(panel, g, genes, n_draws, rng) for g in genes]
    table = pd.DataFrame(rows)
    sums = ("pairs different", "pairs equal", "tests", "shuffled rejects", "wrong gene rejects")
    result = {name: float(table[name].sum()) for name in sums}
    means = table.drop(columns=list(sums)).mean()
    return result | means.to_dict() | _filtered(panel, genes)


def _study_gene(panel, g, genes, n_draws, rng):
    gene = genes[g]
    n = len(gene.variants)
    total = (gene.variants**2).sum(axis=0) @ gene.weights**2
    linear = ((gene.basis.T @ gene.variants) ** 2).sum(axis=0) @ gene.weights**2
    raw = panel.variants[:, panel.variant_gene == g]
    haplotype, histogram = classes(raw), classes(panel.tensor[:, g])
    any_function = between_classes(gene.variants, histogram) @ gene.weights**2
    same = [(np.bincount(of).astype(float) ** 2).sum() for of in (haplotype, histogram)]
    row = {
        "linear": adjusted(linear / total, n, gene.basis.shape[1]),
        "any function": any_function / total,
        "pairs different": n**2 - same[0],
        "pairs equal": same[1] - same[0],
        "variants": len(gene.cells),
        "cells": gene.basis.shape[1],
        "haplotypes": haplotype.max() + 1,
        "histograms": histogram.max() + 1,
    }
    expected, drawn = expected_shares(gene), drawn_shares(gene, n_draws, rng)
    for rho, a, b in zip(CORRELATIONS, expected, drawn, strict=True):
        row |= {f"expected {rho:g}": a, f"drawn {rho:g}": b}
    return row | _controls(panel, g, genes, total, rng)


def _controls(panel, g, genes, total, rng):
    """The same trait against the counts of a gene elsewhere, and against shuffled plants."""
    gene = genes[g]
    elsewhere = [h for h in genes if panel.gene_chromosome[h] != panel.gene_chromosome[g]]
    other = genes[int(rng.choice(elsewhere))].basis
    wrong = ((other.T @ gene.variants) ** 2).sum(axis=0) @ gene.weights**2 / total
    y = gene.variants @ (gene.weights * rng.choice([-1.0, 1.0], size=len(gene.weights)))
    if not y.any():
        return {"wrong gene": adjusted(wrong, len(y), other.shape[1]), "tests": 0}
    return {
        "wrong gene": adjusted(wrong, len(y), other.shape[1]),
        "tests": 1,
        "shuffled rejects": f_test(rng.permutation(y), gene.basis) < 0.05,
        "wrong gene rejects": f_test(y, other) < 0.05,
    }


def _filtered(panel, genes):
    """What is left after a filter by frequency, for all variants and for the damaging ones."""
    damaging = np.isin(np.array(VARIANT_TYPES), DAMAGING_TYPES)[panel.variant_type]
    result = {}
    for name, threshold in (("5%", 0.05), ("10%", 0.1)):
        common = maf_filter(panel.variants, threshold)
        shares = [_burden_share(panel, g, common, damaging) for g in genes]
        result |= {
            f"kept variants {name}": common.mean(),
            f"kept damaging {name}": common[damaging].mean(),
            f"kept burden {name}": np.nanmean(shares),
        }
    return result


def _burden_share(panel, g, common, damaging):
    """Share of the number of damaging variants that the filtered counts of the gene explain."""
    here = panel.variant_gene == g
    y = panel.variants[:, here & damaging].sum(axis=1).astype(float)
    y -= y.mean()
    if not y.any():
        return np.nan
    kept = here & common
    counts = panel.variants[:, kept].astype(float) @ np.eye(_N_TYPES)[panel.variant_type[kept]]
    counts -= counts.mean(axis=0)
    if not counts.any():
        return 0.0
    basis = span(counts)
    return adjusted(((basis.T @ y) ** 2).sum() / (y**2).sum(), len(y), basis.shape[1])


def read_table(path) -> pd.DataFrame:
    """The study's table, one row a panel.

    Parameters
    ----------
    path : path

    Returns
    -------
    DataFrame of shape [panels, quantities]

    Raises
    ------
    ValueError
        If a panel stands twice or a value is missing.
    """
    table = pd.read_csv(path).set_index("panel")
    if table.index.has_duplicates or table.isna().any(axis=None):
        raise ValueError(f"path: {path} repeats a panel or lacks a value")
    return table


def two_errors(values) -> float:
    """Two standard errors of a mean over panels."""
    values = np.asarray(values, dtype=float)
    return float(2 * values.std(ddof=1) / np.sqrt(len(values)))


_SMALL_EFFECTS = {
    900: [("T", "upstream_gene_variant", "G1", "G1.1")],
    1_200: [("A", "missense_variant", "G1", "G1.1")],
    1_250: [("AT", "frameshift_variant", "G1", "G1.1")],
    1_402: [("C", "intron_variant", "G1", "G1.2"), ("C", "splice_donor_variant", "G1", "G1.1")],
    1_700: [("T", "stop_gained", "G1", "G1.1"), ("G", "synonymous_variant", "G1", "G1.1")],
    2_550: [("G", "3_prime_UTR_variant", "G1", "G1.1"), ("G", "missense_variant", "G2", "G2.1")],
    5_000: [("A", "intergenic_region", "G2-G3", "G2-G3")],
}
_SMALL_LINES = (
    (900, "C", "T", "1|1 0|0 1|1 0|0"),
    (1_200, "G", "A", "1|1 1|1 0|0 0|0"),
    (1_250, "A", "AT", "0|0 0|0 1|1 0|0"),
    (1_402, "T", "C", "0|0 0|0 0|0 1|1"),
    (1_700, "C", "T,G", "1|1 2|2 0|0 .|."),
    (2_550, "A", "G", "0|0 1|1 1|1 0|0"),
    (5_000, "T", "A", "1|1 0|0 0|0 0|0"),
)
_SMALL_PLANTS = ("p1", "p2", "p3", "p4")


def _small_annotation(position):
    return ",".join(
        f"{allele}|{term}||{gene}|{gene}|transcript|{transcript}|protein_coding"
        for allele, term, gene, transcript in _SMALL_EFFECTS[position]
    )


def small_vcf() -> str:
    """Text of a VCF file of four plants and seven sites, annotated as snpEff does."""
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=1>",
        '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join([*"#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split(), *_SMALL_PLANTS]),
    ]
    for position, reference, alternatives, calls in _SMALL_LINES:
        told = f"ANN={_small_annotation(position)}"
        fields = ("1", position, ".", reference, alternatives, ".", ".", told, "GT", *calls.split())
        lines.append("\t".join(map(str, fields)))
    return "\n".join(lines) + "\n"


def small_calls():
    """The same as chunks of calls, for systems without a reader of VCF files."""
    codes = [
        [[int(copy) if copy != "." else -1 for copy in call.split("|")] for call in calls.split()]
        for *_, calls in _SMALL_LINES
    ]
    positions, references, alternatives, _ = zip(*_SMALL_LINES, strict=True)
    return call_chunks(
        np.array(codes).transpose(1, 0, 2),
        ["1"] * len(positions),
        positions,
        references,
        alternatives,
        _SMALL_PLANTS,
        annotations=[_small_annotation(position) for position in positions],
        annotation="ann",
    )


def small_genes() -> pd.DataFrame:
    """The two genes of the small file."""
    return pd.DataFrame(
        {
            "gene_id": ["G1", "G2"],
            "chromosome": ["1", "1"],
            "start": [1_001, 2_501],
            "end": [2_600, 3_600],
            "strand": ["+", "-"],
        }
    )


def small_gene_drawing():
    """Parts of G1 and the places of five variants, for a figure."""
    parts = [
        (1_001, 1_100, "untranslated"),
        (1_101, 1_400, "translated"),
        (1_601, 2_400, "translated"),
        (2_401, 2_600, "untranslated"),
    ]
    labels = {900: "upstream", 1_200: "nonsynonymous", 1_250: "frameshift insertion"}
    labels |= {1_402: "splicing", 1_700: "stopgain", 2_550: "UTR3"}
    return parts, list(labels.items())
