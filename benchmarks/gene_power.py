"""Power of gene tests by architecture, against the best test there can be: chapter 43.

    python benchmarks/gene_power.py

Fifty genes of 50 variants with coalescent LD, 5,000 people. Z scores follow N(sqrt(n) R b, R).
In each of four architectures the squared effects of a gene sum to 16 / n on average, in 40 data
sets a gene: one causal variant; three with effects of one sign; three of which one has the other
sign; all 50 small. Every test is held against the same 9,999 null draws of its gene and rejects at
level 0.001 when at most 9 of them are as large, which is exact for any statistic, so that only
power differs. The ceiling is the likelihood ratio averaged over the architecture (which variants,
which signs): no test has more power on average (Neyman and Pearson). Rejections by gene,
architecture and test go to ``benchmarks/gene_power.csv``.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr
from tqdm import tqdm

from gitools.association import acat, draw_null, ld_matrix
from gitools.shrinkage import elastic_net_rss, ridge_rss, spike_and_slab_rss
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
SEED = [43, 100]
N_GENES, N_VARIANTS, N_PEOPLE, N_PER_GENE = 50, 50, 5000, 40
SIZE = 16.0
N_NULL = 9_999
ARCHITECTURES = ("one", "same signs", "mixed signs", "all small")
SIGNS = {
    "one": [(1,), (-1,)],
    "same signs": [(1, 1, 1), (-1, -1, -1)],
    "mixed signs": [s for s in product((1, -1), repeat=3) if abs(sum(s)) == 1],
}


def draw_effects(architecture, n_variants, n_draws, rng):
    """Effects times sqrt(n), one row a data set."""
    if architecture == "all small":
        return rng.normal(0, np.sqrt(SIZE / n_variants), (n_draws, n_variants))
    effects = np.zeros((n_draws, n_variants))
    signs = SIGNS[architecture]
    for row in effects:
        chosen = rng.choice(n_variants, len(signs[0]), replace=False)
        row[chosen] = np.sqrt(SIZE / len(chosen)) * np.array(signs[rng.integers(len(signs))])
    return effects


def likelihood_ratio(architecture, z, R):
    """Likelihood of z [d, p] under the architecture over that under the null.

    For effects that are all small a function that rises with it.
    """
    if architecture == "all small":
        values, vectors = np.linalg.eigh(R)
        values = np.maximum(values, 0)
        # In principal components (of variance lambda) the log ratio weighs u^2 by this share.
        share = values / (values + len(R) / SIZE)
        kept = values > 1e-10
        return ((z @ vectors[:, kept]) ** 2 / values[kept]) @ share[kept]
    if architecture == "one":
        return np.cosh(np.sqrt(SIZE) * z).mean(axis=1) * np.exp(-SIZE / 2)
    size = np.sqrt(SIZE / 3)
    first, second = np.triu_indices(len(R), 1)
    later = np.arange(len(R)) > second[:, None]
    factors = {1: np.exp(size * z.T), -1: np.exp(-size * z.T)}
    total = np.zeros(len(z))
    for i, j, k in SIGNS[architecture]:
        # exp(b'z - b'Rb / 2) over all sets of three: a product for each pair, summed over thirds.
        explained = 3 + 2 * i * j * R[first, second][:, None]
        explained = explained + 2 * i * k * R[first] + 2 * j * k * R[second]
        inner = np.where(later, np.exp(-(size**2) * explained / 2), 0) @ factors[k]
        total += np.einsum("pd,pd,pd->d", factors[i][first], factors[j][second], inner)
    return total / (later.sum() * len(SIGNS[architecture]))


def shrinkers():
    """Shrinkage methods, told the size of effects of the first architecture."""
    explained = SIZE / N_PEOPLE
    return {
        "lasso": lambda beta, R, n: elastic_net_rss(beta, R, n, 2 / np.sqrt(n)),
        "spike and slab": lambda beta, R, n: (
            spike_and_slab_rss(
                beta,
                R,
                n,
                causal_fraction=0.02,
                effect_variance=explained,
                residual_variance=1.0,
            ).posterior_mean
        ),
    }


def statistics(z, R):
    """Statistic of each test for every row of z; name to array [d]."""
    found = {
        "squares": (z**2).sum(axis=1),
        "smallest p": np.abs(z).max(axis=1),
        "burden": z.sum(axis=1) ** 2,
    }
    found["ACAT"] = -acat(2 * ndtr(-np.abs(z)))
    beta, explained = z / np.sqrt(N_PEOPLE), SIZE / N_PEOPLE
    # Ridge is linear: its answer to each unit vector is enough.
    units = np.array([ridge_rss(unit, R, N_PEOPLE, explained) for unit in np.eye(len(R))])
    found["ridge"] = ((beta @ units) ** 2).sum(axis=1)
    for name, shrink in shrinkers().items():
        effects = np.array([shrink(row, R, N_PEOPLE) for row in beta])
        found[name] = (effects**2).sum(axis=1)
    return found


def study_gene(R, n_null, n_per_gene, rng):
    """Rejections of every test under every architecture; list of dicts."""
    null = draw_null(R, n_null, random_state=rng)
    null_statistics = statistics(null, R)
    most = (n_null + 1) // 1000 - 1
    rows = []
    for architecture in ARCHITECTURES:
        b = draw_effects(architecture, len(R), n_per_gene, rng)
        z = b @ R + draw_null(R, n_per_gene, random_state=rng)
        under_null = null_statistics | {"ceiling": likelihood_ratio(architecture, null, R)}
        observed = statistics(z, R) | {"ceiling": likelihood_ratio(architecture, z, R)}
        for name, values in observed.items():
            beyond = (under_null[name][None, :] >= values[:, None]).sum(axis=1)
            rows.append(
                {
                    "architecture": architecture,
                    "test": name,
                    "rejections": int((beyond <= most).sum()),
                    "data_sets": n_per_gene,
                }
            )
    return rows


def main(arguments=None):
    """Run all genes, write the table and print the powers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small gene, nothing written")
    quick = parser.parse_args(arguments).quick
    n_genes, n_variants = (1, 10) if quick else (N_GENES, N_VARIANTS)
    n_null, n_per_gene = (1_999, 20) if quick else (N_NULL, N_PER_GENE)
    rng = np.random.default_rng(SEED)
    panel = simulate_genotypes(
        N_PEOPLE, n_genes * n_variants, n_blocks=max(n_genes // 5, 1), random_state=rng
    )
    rows = []
    for gene in tqdm(range(n_genes), disable=bool(os.environ.get("GITOOLS_QUIET"))):
        R = ld_matrix(panel.dosages[:, gene * n_variants : (gene + 1) * n_variants])
        rows += [{"gene": gene} | row for row in study_gene(R, n_null, n_per_gene, rng)]
    table = pd.DataFrame(rows)
    if not quick:
        table.to_csv(TABLE, index=False)
    power = table.groupby(["test", "architecture"]).rejections.mean().unstack() / n_per_gene
    print(power[list(ARCHITECTURES)].round(3).to_string())
    return table


if __name__ == "__main__":
    main()
