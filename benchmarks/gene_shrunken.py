"""Null distributions of squared shrunken effects, and what leaks between neighbours: chapter 43.

    python benchmarks/gene_shrunken.py

Forty genes of 50 variants with coalescent LD, 5,000 people, z ~ N(0, R). Each gene has 500 null
data sets, tested against the textbook law eps * sum lambda chi2 (eps: the mean square
of all null shrunken effects, the kindest choice) and
against 999 simulated null data sets of its own, by every shrinker. Then forty blocks of three
genes, 25 data sets each: the middle gene holds one causal variant that explains 0.005 of the trait,
and the third gene, without any, is tested at 0.001 by its z scores and by effects shrunken over
the gene alone and over the block. Rejections go to ``benchmarks/gene_shrunken.csv``.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.association import draw_null, ld_matrix, weighted_chi2_sf
from gitools.book.studies.genes import sums_of_squares
from gitools.shrinkage import elastic_net_rss, ridge_rss, spike_and_slab_rss
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
SEED = [43, 300]
N_GENES, N_VARIANTS, N_PEOPLE = 40, 50, 5000
N_TESTED, N_NULL, N_NEIGHBOURS = 500, 999, 25
LEVELS = (0.05, 0.01, 0.001)
EXPLAINED = 0.005


def ridge(beta, R, n):
    """Told what one causal variant of the study of power explains."""
    return ridge_rss(beta, R, n, 16 / 5000)


def lasso(beta, R, n):
    """Nothing within two standard errors."""
    return elastic_net_rss(beta, R, n, 2 / np.sqrt(n))


def spike_and_slab(beta, R, n):
    """A prior as a whole genome would teach it: one variant in fifty."""
    prior = {"causal_fraction": 0.02, "effect_variance": 16 / 5000, "residual_variance": 1.0}
    return spike_and_slab_rss(beta, R, n, **prior).posterior_mean


SHRINKERS = {"ridge": ridge, "lasso": lasso, "spike and slab": spike_and_slab}


def counted(values, null):
    """P-values of statistics from their simulated null."""
    return (1 + (null[None, :] >= values[:, None]).sum(axis=1)) / (1 + len(null))


def null_study(ld, n_tested, n_null, rng):
    """P-values of null genes; list of dicts with shrinker, null, level, rejections, tests."""
    z = [(draw_null(R, n_tested, random_state=rng), draw_null(R, n_null, random_state=rng))
         for R in ld]  # fmt: skip
    rows = []
    for name, shrink in tqdm(SHRINKERS.items(), disable=bool(os.environ.get("GITOOLS_QUIET"))):
        pairs = list(zip(ld, z, strict=True))
        tested = [sums_of_squares(shrink, here, R, N_PEOPLE) for R, (here, _) in pairs]
        null = [sums_of_squares(shrink, there, R, N_PEOPLE) for R, (_, there) in pairs]
        eps = np.mean(tested) / len(ld[0])
        spectra = [np.maximum(np.linalg.eigvalsh(R), 0) for R in ld]
        textbook = [weighted_chi2_sf(T / eps, s) for T, s in zip(tested, spectra, strict=True)]
        simulated = [counted(T, N) for T, N in zip(tested, null, strict=True)]
        for kind, p in (("textbook", textbook), ("simulated", simulated)):
            for level in LEVELS:
                # A p-value of exactly the level counts: simulated ones take such values.
                rejected = np.array(p) <= level * (1 + 1e-9)
                rows += [
                    {
                        "study": "no effect",
                        "gene": gene,
                        "shrinker": name,
                        "null": kind,
                        "level": level,
                        "rejections": int(one.sum()),
                        "tests": one.size,
                    }
                    for gene, one in enumerate(rejected)
                ]
    return rows


def neighbour_study(ld, n_data_sets, n_null, rng):
    """Rejections at 0.001 of a gene beside a causal one; list of dicts."""
    rows = []
    for block, R in enumerate(tqdm(ld, disable=bool(os.environ.get("GITOOLS_QUIET")))):
        p = len(R) // 3
        own = np.arange(2 * p, 3 * p)
        b = np.zeros((n_data_sets, len(R)))
        causal = rng.integers(p, 2 * p, n_data_sets)
        b[np.arange(n_data_sets), causal] = np.sqrt(EXPLAINED * N_PEOPLE)
        z = b @ R + draw_null(R, n_data_sets, random_state=rng)
        null = draw_null(R, n_null, random_state=rng)
        inside = R[np.ix_(own, own)]
        spectrum = np.maximum(np.linalg.eigvalsh(inside), 0)
        found = {"squares": weighted_chi2_sf((z[:, own] ** 2).sum(axis=1), spectrum)}
        for name, where, matrix, members in (
            ("gene alone", own, inside, np.arange(p)),
            ("block", np.arange(len(R)), R, own),
        ):
            values, reference = (
                sums_of_squares(spike_and_slab, one[:, where], matrix, N_PEOPLE, members)
                for one in (z, null)
            )
            found[name] = counted(values, reference)
        strongest = (R[own] ** 2)[:, causal].max(axis=0)
        for name, values in found.items():
            rows.append(
                {
                    "study": "neighbour",
                    "gene": block,
                    "shrinker": name,
                    "null": "simulated" if name != "squares" else "formula",
                    "level": 0.001,
                    "rejections": int((values <= 0.001 * (1 + 1e-9)).sum()),
                    "tests": n_data_sets,
                    "r2_across": round(float(strongest.mean()), 4),
                }
            )
    return rows


def main(arguments=None):
    """Run both studies, write the table and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two small genes, nothing written")
    quick = parser.parse_args(arguments).quick
    n_genes, p = (2, 10) if quick else (N_GENES, N_VARIANTS)
    n_tested, n_null, n_beside = (50, 999, 10) if quick else (N_TESTED, N_NULL, N_NEIGHBOURS)
    rng = np.random.default_rng(SEED)
    panel = simulate_genotypes(N_PEOPLE, 3 * n_genes * p, n_blocks=n_genes, random_state=rng)
    blocks = [ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(n_genes)]
    rows = null_study([R[:p, :p] for R in blocks], n_tested, n_null, rng)
    rows += neighbour_study(blocks, n_beside, n_null, rng)
    table = pd.DataFrame(rows)
    if not quick:
        table.to_csv(TABLE, index=False)
    sums = table.groupby(["study", "shrinker", "null", "level"])[["rejections", "tests"]].sum()
    print((sums.rejections / sums.tests).round(4).to_string())
    return table


if __name__ == "__main__":
    main()
