"""Studies of the chapter on a reader's own data: faults nobody caught, and the chain on noise."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.association import ld_matrix
from gitools.pipeline import (
    HarmoniseOptions,
    PipelineOptions,
    common_variants,
    cut_blocks,
    flag_signs,
    harmonise,
    run_pipeline,
    scan_genes,
    shrink_and_check,
    shrinker,
    write_example,
)
from gitools.shrinkage import susie_rss
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

N_STUDY, N_PANEL = 2_000, 500
LD_SHRINKAGE = 0.1
LARGE_Z = 4.0


def damage_of_faults(
    rng, *, p=300, n=20_000, h2=0.005, n_causal=3, shares=(0.01, 0.05)
) -> pd.DataFrame:
    """Shrink one simulated locus soundly, with wrong signs, and with LD of others.

    Parameters
    ----------
    rng : numpy Generator
    p, n : int
        Variants and people.
    h2 : float
        Variance that the causal variants explain.
    n_causal : int
    shares : pair of float
        Shares of the variants whose sign is wrong; the smaller set lies in the larger.

    Returns
    -------
    DataFrame
        One row for each condition and method: condition, method, rmse (standardised effects, over
        the variants whose sign is never wrong), sets and covered (credible sets, and those with a
        causal variant; SuSiE only), wrong and found (variants of absolute z above 4 with a wrong
        sign, and those of them that are flagged), sound and accused (variants without, and those
        of them that are flagged); the last four in the condition "mended" only.
    """
    R, same, other = _three_lds(rng, p)
    b = np.zeros(len(R))
    causal = rng.choice(len(R), n_causal, replace=False)
    b[causal] = rng.normal(size=n_causal)
    b *= np.sqrt(h2 / (b @ R @ b))
    z = simulate_summary_statistics(R, b, n, random_state=rng).z
    order = rng.permutation(len(R))
    few, many = (np.isin(np.arange(len(R)), order[: round(s * len(R))]) for s in shares)
    wrong = np.where(many, -z, z)
    flags = flag_signs(wrong, R, n)
    conditions = {
        "sound": (z, R, None),
        "few wrong": (np.where(few, -z, z), R, None),
        "many wrong": (wrong, R, None),
        "mended": (wrong, R, ~flags),
        "own panel": (z, _softened(same), None),
        "foreign panel": (z, _softened(other), None),
    }
    large = many & (np.abs(z) > LARGE_Z)
    signs = {
        "wrong": large.sum(),
        "found": (large & flags).sum(),
        "sound": (~many).sum(),
        "accused": (flags & ~many).sum(),
    }
    rows = []
    for name, (scores, ld, kept) in conditions.items():
        extra = signs if name == "mended" else {}
        for method in ("network", "susie"):
            scored = _score(method, scores, ld, n, kept, b, causal, ~many)
            rows.append({"condition": name, "method": method, **scored, **extra})
    return pd.DataFrame(rows)


def _three_lds(rng, p):
    """LD of the study, of others of its population, and of another population."""
    return [ld_matrix(group) for group in _three_groups(rng, p)]


def _three_groups(rng, p):
    """Dosages of the study, of others of its population, and of another, where all three vary."""
    genotypes = simulate_genotypes(
        (N_STUDY + N_PANEL, N_PANEL), p, n_blocks=1, min_maf=0.02, random_state=rng
    )
    edges = np.cumsum([N_STUDY, N_PANEL, N_PANEL])[:-1]
    groups = np.split(genotypes.dosages, edges)
    frequencies = np.array([group.mean(axis=0) / 2 for group in groups])
    common = (np.minimum(frequencies, 1 - frequencies) >= 0.01).all(axis=0)
    return [group[:, common] for group in groups]


def _softened(R):
    return (1 - LD_SHRINKAGE) * R + LD_SHRINKAGE * np.eye(len(R))


def frequencies_of_panels(rng, *, p=300) -> pd.DataFrame:
    """How many allele frequencies of a panel the report would find far from the study's.

    Parameters
    ----------
    rng : numpy Generator
        The same as for `damage_of_faults` gives the same loci.
    p : int
        Variants.

    Returns
    -------
    DataFrame
        One row: variants, and the shares of them whose frequency in a panel of the same population
        (own) and of another (foreign) is farther from the study's than `harmonise` allows.
    """
    study, same, other = (group.mean(axis=0) / 2 for group in _three_groups(rng, p))
    limit = HarmoniseOptions().max_frequency_difference
    own, foreign = (np.mean(np.abs(panel - study) > limit) for panel in (same, other))
    return pd.DataFrame({"variants": [len(study)], "own": [own], "foreign": [foreign]})


def _score(method, z, R, n, kept, b, causal, judged):
    kept = np.arange(len(z)) if kept is None else np.flatnonzero(kept)
    z, R = z[kept], R[np.ix_(kept, kept)]
    estimate = np.zeros(len(b))
    sets = []
    if method == "susie":
        fit = susie_rss(z, R, n, max_iter=300)
        estimate[kept], sets = fit.posterior_mean, fit.credible_sets
    else:
        estimate[kept] = shrinker("network").function(z, R, n)
    error = np.sqrt(np.mean((estimate - b)[judged] ** 2))
    covered = sum(np.isin(kept[found.indices], causal).any() for found in sets)
    return {"rmse": error, "sets": len(sets), "covered": covered}


def null_pipeline(folder, rng) -> pd.DataFrame:
    """The whole chain on example files without any effect.

    Parameters
    ----------
    folder : path
        For the files and results.
    rng : numpy Generator

    Returns
    -------
    DataFrame
        One row: genes tested (both traits), those with p below 0.05 and 0.001, expected number of
        variants with any type but null.
    """
    folder = Path(folder)
    example = write_example(folder / "files", effects=False, random_state=rng)
    options = PipelineOptions(min_size=150, max_size=500, reach=100)
    result = run_pipeline(example.traits, example.panel, example.genes, folder / "results", options)
    p = result.genes["p"].dropna()
    types = result.gene_types
    return pd.DataFrame(
        {
            "tests": [len(p)],
            "below_05": [(p < 0.05).sum()],
            "below_001": [(p < 0.001).sum()],
            "not_null": [types.loc[types["type"] != "null", "expected"].sum()],
        }
    )


def one_chromosome(chromosome, statistics, panel, genes, method, options):
    """The stages on one chromosome alone, in memory.

    Parameters
    ----------
    chromosome : str
    statistics : dict of str to DataFrame
        Sound rows of each trait, all chromosomes.
    panel : PlinkPanel or StoredLD
    genes : DataFrame
        As `gitools.pipeline.read_genes` returns it.
    method : Shrinker
    options : PipelineOptions
        Only sizes of blocks are used.

    Returns
    -------
    effects : float array of shape (p, n_traits)
        Shrunken effects in standard errors.
    tests : DataFrame
        As `gitools.pipeline.scan_genes` returns it.
    """
    variants = panel.variants(chromosome)
    own = {name: rows[rows["chromosome"] == chromosome] for name, rows in statistics.items()}
    table, _ = common_variants({name: harmonise(rows, variants) for name, rows in own.items()})
    places = table["panel_row"].to_numpy()
    z, n = (table[[f"{kind}_{name}" for name in own]].to_numpy() for kind in "zn")

    def ld(start, stop):
        return panel.ld(chromosome, places[start:stop])

    sizes = {name: getattr(options, name) for name in ("min_size", "max_size", "reach")}
    borders = cut_blocks(ld, len(places), **sizes)
    effects = [
        shrink_and_check(z[a:b], ld(a, b), n[a:b], method, ld_shrinkage=panel.ld_shrinkage).effects
        for a, b in pairwise(borders)
    ]
    positions = variants["position"].to_numpy()[places]
    tests, _ = scan_genes(z, ld, positions, genes[genes["chromosome"] == chromosome])
    return np.vstack(effects), tests


def region(gene, variants, genes, truth, trait, flank=50_000):
    """What lies around a gene.

    Parameters
    ----------
    gene : Series
        chromosome, start, end.
    variants, genes, truth : DataFrame
        With chromosome, and position, or start and end; truth has the trait's effects.
    trait : str
    flank : int
        Base pairs on each side.

    Returns
    -------
    near : DataFrame
        Rows of ``variants``.
    around : list of (gene, start, end)
    causal : array
        Positions of variants with an effect.
    """
    low, high = gene["start"] - flank, gene["end"] + flank
    near = variants[variants["chromosome"] == gene["chromosome"]]
    near = near[near["position"].between(low, high)]
    around = genes[genes["chromosome"] == gene["chromosome"]]
    around = around[(around["end"] >= low) & (around["start"] <= high)]
    true = truth[(truth["chromosome"] == gene["chromosome"]) & (truth[trait] != 0)]
    causal = true["position"][true["position"].between(low, high)].to_numpy()
    return near, around[["gene", "start", "end"]].to_numpy().tolist(), causal


def interval(values: pd.DataFrame):
    """Mean over rows and a 95 % interval of it, of each column.

    Parameters
    ----------
    values : DataFrame of shape (n_replicates, k)

    Returns
    -------
    mean, low, high : arrays of shape (k,)
    """
    mean = values.mean().to_numpy()
    half = 1.96 * values.std(ddof=1).to_numpy() / np.sqrt(len(values))
    return mean, mean - half, mean + half
