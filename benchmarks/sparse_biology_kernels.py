"""When right pathways help a linear predictor: a study behind chapter 54.

    python benchmarks/sparse_biology_kernels.py [--panels 80] [--seconds 240]

A panel has 1,000 plants and 200 genes in 20 pathways and a dummy; 200 plants are for testing, and
the first 100, 200, 400 or 800 of the others for training. The damage of each gene is known, and so
are the variances; only the covariance of the effects changes: a share (the weight) of an effect's
variance is common to its pathway. Pathways are right or rewired (degrees kept). Traits have 0 to
100 per cent of their causal genes in pathways. Every fourth panel has overlapping pathways: half
of the annotated genes belong to a second one. Each panel has a seed of its own; rows are appended
to benchmarks/sparse_biology_kernels.csv when a panel is done; panels that are there are left out,
and no panel is begun after ``--seconds`` of CPU time. Columns 0.0 to 1.0 hold the mean correlation
within countries over 36 traits, for each share.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.book.studies import sparse_biology as studies
from gitools.genomes.layers import rewire_edges
from gitools.simulate.plants import gene_scores, simulate_ionome, simulate_plants

TABLE = Path(__file__).with_suffix(".csv")
SEED, N_TEST, SIZES = 54, 200, (100, 200, 400, 800)
SHARES, WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0), tuple(k / 10 for k in range(11))
FEW_WEIGHTS = (0.0, 0.7, 1.0)
HERITABILITY, N_REPLICATES = 0.4, 6
RATIO = (1 - HERITABILITY) / HERITABILITY / N_REPLICATES


def draw(number, n_plants, n_genes, overlap):
    """A panel, its traits for all shares, and rewired edges."""
    rng = np.random.default_rng([SEED, 30, number])
    panel = simulate_plants(
        n_plants, n_genes, overlap=overlap, keep_variants=False, random_state=rng
    )
    traits = [
        simulate_ionome(
            panel,
            "burden",
            heritability=HERITABILITY,
            pathway_share=share,
            n_replicates=N_REPLICATES,
            n_auxiliary=0,
            random_state=rng,
        )
        for share in SHARES
    ]
    return panel, traits, rewire_edges(panel.pathways, random_state=rng), rng


def measure(number, n_test=N_TEST, sizes=SIZES, n_genes=200):
    """All rows of a panel: one a size, set of edges, weight and share."""
    overlap = 0.5 * (number % 4 == 3)
    panel, traits, rewired, rng = draw(number, sizes[-1] + n_test, n_genes, overlap)
    order = rng.permutation(sizes[-1] + n_test)
    test, country = order[:n_test], panel.country
    damage, dummy = gene_scores(panel, "burden"), panel.n_pathways - 1
    values = np.concatenate([each.means for each in traits], axis=1)
    found = []
    for n in sizes:
        train = order[n_test : n_test + n]
        for name, edges in (("right", panel.pathways), ("rewired", rewired)):
            for weight in WEIGHTS if n == sizes[1] else FEW_WEIGHTS:
                covariance = studies.shared_effects(edges, n_genes, dummy, weight)
                predicted = studies.kernel_predictions(
                    damage, covariance, values, country, train, test, RATIO
                )
                r = studies.within_correlation(values[test], predicted, country[test])
                means = r.reshape(len(SHARES), -1).mean(axis=1)
                found.append((number, overlap, n, name, weight, *means))
    columns = ["panel", "overlap", "n", "edges", "weight", *map(str, SHARES)]
    return pd.DataFrame(found, columns=columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    done = set(pd.read_csv(TABLE).panel) if TABLE.exists() else set()
    for number in range(asked.panels):
        if number in done or time.process_time() > asked.seconds:
            continue
        measure(number).to_csv(
            TABLE,
            mode="a",
            header=not TABLE.exists(),
            index=False,
            float_format="%.5f",
            lineterminator="\n",
        )
        print(f"panel {number}: {time.process_time():.0f} s", flush=True)


if __name__ == "__main__":
    main()
