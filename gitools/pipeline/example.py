"""Example files with planted faults, in the formats that the chain reads.

Genotypes come from the coalescent; some people are the reference panel, the others the study whose
LD the summary statistics follow. Each planted fault is known to the row.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_ndtr

from gitools.association import ld_matrix
from gitools.pipeline.fates import KEPT, fate_table
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

TRAITS = ("height", "disease")
N_STUDY, N_PANEL = 2_000, 500
N_PEOPLE = {"height": 20_000, "disease": 12_000}
N_CONSTANT = 5
_GENE_SIZE = 40
_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}
_PAIRS = (("A", "G"), ("C", "T"), ("A", "C"), ("G", "T"))
_AMBIGUOUS_PAIRS = (("A", "T"), ("G", "C"))
# Far enough from 0.4 that study and panel agree on which side they are.
_CLEAR_MAF, _UNCLEAR_MAF = 0.33, 0.44
_RARE_ENOUGH = 0.3
# Faults planted in existing rows, of each trait.
_PLANTED = {
    "swapped": 150,
    "strand": 60,
    "strand_swapped": 40,
    "ambiguous_swapped": 30,
    "frequency_differs": 25,
    "missing_value": 9,
    "infinite_value": 4,
    "bad_standard_error": 5,
    "bad_frequency": 3,
    "bad_allele": 6,
    "alleles_differ": 8,
}
_REPEATED = {"duplicate": 7, "contradicting_duplicate": 6}
_ELSEWHERE = 20


class Example(NamedTuple):
    """Files that `write_example` wrote, and what is in them.

    Attributes
    ----------
    traits : dict of str to Path
        "height" (GWAS-SSF names, gzip-compressed, linear effects) and "disease" (other names,
        plain, odds ratios).
    panel : Path
        Prefix of PLINK files.
    genes : Path
    planted : DataFrame
        Like the report of `gitools.pipeline.run_pipeline`: what it has to find.
    truth : DataFrame
        chromosome, position, and each trait's standardised effect of the panel's allele.
    """

    traits: dict
    panel: Path
    genes: Path
    planted: pd.DataFrame
    truth: pd.DataFrame


def write_example(
    folder, *, n_chromosomes=3, n_variants=800, effects=True, random_state=None
) -> Example:
    """Write a panel, two files of summary statistics with planted faults, and genes.

    Parameters
    ----------
    folder : path
        Made if needed.
    n_chromosomes, n_variants : int
        Number of chromosomes, and of variants on each; at least 600 in all.
    effects : bool
        Whether the traits have any.
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    Example

    Raises
    ------
    ValueError
        If there are too few variants to hold the faults.
    """
    if n_chromosomes * n_variants < 600:
        raise ValueError(
            f"n_variants: got {n_chromosomes} x {n_variants}, expected at least 600 together"
        )
    rng = np.random.default_rng(random_state)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    genotypes = simulate_genotypes(
        N_STUDY + N_PANEL, n_chromosomes * n_variants, n_blocks=n_chromosomes, min_maf=0.02,
        hotspots=10, random_state=rng,
    )  # fmt: skip
    study, panel = genotypes.dosages[:N_STUDY], genotypes.dosages[N_STUDY:].copy()
    variants = _variants(genotypes, study, panel, rng)
    constant = _choose(variants, ~variants["palindromic"], N_CONSTANT, rng)
    panel[:, constant] = 0
    variants["constant"] = False
    variants.loc[constant, "constant"] = True
    write_panel(folder / "panel", variants, panel)
    truth = variants[["chromosome", "position"]].copy()
    b = _effects(n_chromosomes, n_variants, rng) * effects
    plans, paths = {}, {}
    for k, trait in enumerate(TRAITS):
        truth[trait] = b[:, k]
        table = _statistics(study, variants, b[:, k], N_PEOPLE[trait], rng)
        plans[trait] = _plan(variants, trait, rng)
        rows = _spoil(table, variants, plans[trait], rng)
        paths[trait] = _WRITERS[trait](folder, rows)
    genes = _genes(folder / "genes.tsv", variants)
    planted = _planted(plans, variants)
    return Example(paths, folder / "panel", genes, planted, truth)


def write_panel(prefix, variants: pd.DataFrame, dosages) -> None:
    """Write a panel as PLINK's .bed, .bim and .fam.

    Parameters
    ----------
    prefix : path
    variants : DataFrame
        chromosome, position, effect_allele, other_allele.
    dosages : int array of shape (n_people, n_variants)
        Copies of the effect allele; -127 where missing.
    """
    from gitools.pipeline._bed import to_bed

    properties = {
        "chromosome": variants["chromosome"].to_numpy(str),
        "bp_position": variants["position"].to_numpy(),
        "allele_1": variants["effect_allele"].to_numpy(str),
        "allele_2": variants["other_allele"].to_numpy(str),
        "sid": [f"v{k}" for k in range(len(variants))],
        "iid": [f"p{k}" for k in range(len(dosages))],
    }
    to_bed(f"{prefix}.bed", dosages, properties=properties, num_threads=1)


def _variants(genotypes, study, panel, rng):
    """Alleles such that A/T and C/G stand only where frequencies are clear, or clearly not."""
    p = len(genotypes.positions)
    chromosome = genotypes.blocks + 1
    position = genotypes.positions.copy()
    for block in np.unique(genotypes.blocks):
        inside = genotypes.blocks == block
        position[inside] += 10_000 - position[inside].min()
    frequencies = np.array([group.mean(axis=0) / 2 for group in (study, panel)])
    minor = np.minimum(frequencies, 1 - frequencies)
    clear, unclear = (minor < _CLEAR_MAF).all(axis=0), (minor > _UNCLEAR_MAF).all(axis=0)
    palindromic = (clear | unclear) & (rng.uniform(size=p) < 0.15)
    pairs = np.array(_PAIRS)[rng.integers(len(_PAIRS), size=p)]
    pairs[palindromic] = np.array(_AMBIGUOUS_PAIRS)[rng.integers(2, size=palindromic.sum())]
    turned = rng.uniform(size=p) < 0.5
    pairs[turned] = pairs[turned, ::-1]
    # Two variants at one place would be told apart by their alleles, which may be the same.
    position += _shift_repeats(position, genotypes.blocks)
    return pd.DataFrame(
        {
            "chromosome": chromosome.astype(str),
            "position": position,
            "effect_allele": pairs[:, 0],
            "other_allele": pairs[:, 1],
            "frequency": frequencies[0],
            "minor": minor.max(axis=0),
            "palindromic": palindromic,
            "clear": clear,
        }
    )


def _shift_repeats(position, blocks):
    steps = (np.diff(position) <= 0) & (np.diff(blocks) == 0)
    return np.concatenate([[0], np.cumsum(steps)])


def _effects(n_chromosomes, n_variants, rng):
    """Standardised effects [p, 2]: four variants of each trait alone and four shared."""
    b = np.zeros((n_chromosomes * n_variants, 2))
    causal = rng.choice(len(b), size=12, replace=False)
    b[causal[:8], 0] = rng.normal(0, 0.06, 8)
    b[causal[4:8], 1] = b[causal[4:8], 0] * 1.2
    b[causal[8:], 1] = rng.normal(0, 0.07, 4)
    return b


def _statistics(study, variants, b, n, rng):
    """Per-allele effects of the panel's allele, block by block."""
    parts = []
    for chromosome in variants["chromosome"].unique():
        at = (variants["chromosome"] == chromosome).to_numpy()
        R = ld_matrix(study[:, at])
        parts.append(simulate_summary_statistics(R, b[at], n, random_state=rng))
    per_allele = np.sqrt(2 * variants["frequency"] * (1 - variants["frequency"]))
    table = variants[["chromosome", "position", "effect_allele", "other_allele"]].copy()
    table["beta"] = np.concatenate([part.beta for part in parts]) / per_allele
    table["se"] = np.concatenate([part.se for part in parts]) / per_allele
    table["frequency"] = variants["frequency"]
    table["n"] = n
    return table


def _choose(variants, allowed, number, rng):
    return rng.choice(np.flatnonzero(allowed), size=number, replace=False)


def _plan(variants, trait, rng):
    """Fate of each variant's row, and the variants that come twice."""
    fate = np.full(len(variants), "kept", dtype=object)
    palindromic = variants["palindromic"].to_numpy()
    fate[palindromic & variants["clear"]] = "ambiguous_kept"
    fate[palindromic & ~variants["clear"]] = "ambiguous"
    fate[variants["constant"]] = "panel_constant"
    wanted = dict(_PLANTED)
    if trait == "disease":
        wanted["bad_odds_ratio"] = 4
    for name, number in wanted.items():
        free = fate == "kept"
        if name == "ambiguous_swapped":
            free = fate == "ambiguous_kept"
        if name == "frequency_differs":
            free &= variants["minor"].to_numpy() < _RARE_ENOUGH
        fate[_choose(variants, free, number, rng)] = name
    repeated = {
        name: _choose(variants, fate == "kept", number, rng) for name, number in _REPEATED.items()
    }
    fate[repeated["contradicting_duplicate"]] = "contradicting_duplicate"
    return fate, repeated


def _spoil(table, variants, plan, rng):
    """The rows of the file as they will be written."""
    fate, repeated = plan
    rows = table.copy()
    again = {name: rows.iloc[places].copy() for name, places in repeated.items()}
    again["contradicting_duplicate"]["beta"] *= -1
    _exchange(rows, np.isin(fate, ["swapped", "strand_swapped", "ambiguous_swapped"]))
    _complement(rows, np.isin(fate, ["strand", "strand_swapped"]))
    mislabelled = fate == "frequency_differs"
    names = ["effect_allele", "other_allele"]
    rows.loc[mislabelled, names] = rows.loc[mislabelled, names[::-1]].to_numpy()
    rows.loc[fate == "missing_value", "beta"] = np.nan
    rows.loc[fate == "infinite_value", "beta"] = np.inf
    rows.loc[fate == "bad_standard_error", "se"] = 0.0
    rows.loc[fate == "bad_frequency", "frequency"] = 1.7
    rows.loc[fate == "bad_allele", "other_allele"] = "<DEL>"
    # A minus of infinity becomes an odds ratio of zero.
    rows.loc[fate == "bad_odds_ratio", "beta"] = -np.inf
    differ = fate == "alleles_differ"
    third = [_other_base(a, b) for a, b in rows.loc[differ, names].to_numpy()]
    rows.loc[differ, "other_allele"] = third
    elsewhere = rows.iloc[_choose(variants, fate == "kept", _ELSEWHERE, rng)].copy()
    elsewhere["position"] += 1
    taken = set(zip(table["chromosome"], table["position"], strict=True))
    while any(place in taken for place in zip(elsewhere["chromosome"], elsewhere["position"],
                                               strict=True)):  # fmt: skip
        elsewhere["position"] += 1
    return pd.concat([rows, *again.values(), elsewhere], ignore_index=True)


def _exchange(rows, at):
    names = ["effect_allele", "other_allele"]
    rows.loc[at, names] = rows.loc[at, names[::-1]].to_numpy()
    rows.loc[at, "beta"] *= -1
    rows.loc[at, "frequency"] = 1 - rows.loc[at, "frequency"]


def _complement(rows, at):
    for name in ("effect_allele", "other_allele"):
        rows.loc[at, name] = rows.loc[at, name].map(_COMPLEMENT)


def _other_base(first, second):
    """A base that makes another pair of ``first`` on either strand, and no ambiguous one."""
    pair = {frozenset((first, second)), frozenset((_COMPLEMENT[first], _COMPLEMENT[second]))}
    return next(
        base for base in "ACGT"
        if base not in (first, _COMPLEMENT[first]) and frozenset((first, base)) not in pair
    )  # fmt: skip


def _p_values(rows):
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(rows["beta"].to_numpy() / rows["se"].to_numpy())
        return 2 * np.exp(log_ndtr(-z))


def _write_height(folder, rows):
    table = pd.DataFrame(
        {
            "chromosome": rows["chromosome"],
            "base_pair_location": rows["position"],
            "effect_allele": rows["effect_allele"],
            "other_allele": rows["other_allele"],
            "beta": rows["beta"],
            "standard_error": rows["se"],
            "effect_allele_frequency": rows["frequency"],
            "p_value": _p_values(rows),
            "n": rows["n"],
        }
    )
    path = folder / "height.tsv.gz"
    table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.8g")
    return path


def _write_disease(folder, rows):
    ratio = np.exp(rows["beta"].to_numpy())
    table = pd.DataFrame(
        {
            "#CHR": "chr" + rows["chromosome"],
            "BP": rows["position"],
            "A1": rows["effect_allele"].str.lower(),
            "A2": rows["other_allele"].str.lower(),
            "EAF": rows["frequency"],
            "OR": ratio,
            "SE": rows["se"],
            "P": _p_values(rows),
            "N_EFF": rows["n"],
        }
    )
    path = folder / "disease.tsv"
    table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.8g")
    return path


_WRITERS = {"height": _write_height, "disease": _write_disease}


def _genes(path, variants):
    parts = []
    for chromosome, table in variants.groupby("chromosome", sort=False):
        position = table["position"].to_numpy()
        starts = np.arange(0, len(position) - _GENE_SIZE + 1, _GENE_SIZE)
        parts += [
            (f"G{chromosome}.{k + 1}", chromosome, position[a], position[a + _GENE_SIZE - 1])
            for k, a in enumerate(starts)
        ]
    # A gene that no variant of the panel reaches is part of a reader's life too.
    parts.append(("G99", "99", 1_000, 2_000))
    columns = ["gene", "chromosome", "start", "end"]
    pd.DataFrame(parts, columns=columns).to_csv(path, sep="\t", index=False)
    return path


def _planted(plans, variants):
    kept = {trait: np.isin(fate.astype(str), list(KEPT)) for trait, (fate, _) in plans.items()}
    everywhere = np.logical_and.reduce(list(kept.values()))
    tables = []
    for trait, (fate, repeated) in plans.items():
        final = np.where(kept[trait] & ~everywhere, "not_in_every_trait", fate)
        names, numbers = np.unique(final.astype(str), return_counts=True)
        counts = dict(zip(names.tolist(), numbers.tolist(), strict=True))
        for name, places in repeated.items():
            counts[name] = counts.get(name, 0) + len(places)
        counts["not_in_panel"] = _ELSEWHERE
        tables.append(fate_table(counts, trait=trait))
    return pd.concat(tables, ignore_index=True)
