"""Networks in worlds that they were not trained for. The study behind a section of chapter 34.

    python benchmarks/networks_worlds.py

Three worlds of effects at loci of twelve variants in 20,000 people: one variant in ten causal with
effect variance 0.002 (sparse), every variant causal with variance 0.0002 (dense, the same
heritability), one in ten with variance 0.008 (large). An ensemble of five networks is trained in
each world, on 160 loci with 20 draws of the effects, and stopped by 60 others. On 80 further loci,
five draws each, the mean squared error a locus goes to ``benchmarks/networks_worlds.csv``: of the
ensemble trained in the sparse world, of the one trained in the same world, of ridge regression
that knows the heritability, of the exact posterior mean, and of predicting zero. Loci, draws and
networks of the sparse world are the chapter's own.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.association import ld_matrix
from gitools.book.studies.networks import (
    exact_means,
    neighbour_features,
    simulate_loci,
    train_ensemble,
)
from gitools.shrinkage import ridge_rss
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
CHAPTER, PANEL = 34, 10
N_PEOPLE, N_VARIANTS, N_NEIGHBOURS = 20_000, 12, 4
# Causal fraction, effect variance; streams of the training, stopping and test loci and of the
# networks.
WORLDS = {
    "sparse": (0.1, 0.002, (11, 12, 13, 14)),
    "dense": (1.0, 0.0002, (30, 31, 33, 32)),
    "large": (0.1, 0.008, (40, 41, 43, 42)),
}


def rows_of(ld, n_draws, fraction, variance, stream):
    """Loci and the networks' inputs."""
    loci = simulate_loci(ld, N_PEOPLE, fraction, variance, n_draws, random_state=[CHAPTER, stream])
    return loci, neighbour_features(loci.beta, ld, loci.locus, N_NEIGHBOURS)


def trained_in(parts, fraction, variance, streams):
    """Five networks of one world."""
    loci, X = rows_of(parts[0], 20, fraction, variance, streams[0])
    stop, stop_X = rows_of(parts[1], 10, fraction, variance, streams[1])
    held = stop_X, stop.b.ravel()
    seed = [CHAPTER, streams[3]]
    return train_ensemble(X, loci.b.ravel(), held, [32, 16], 5, random_state=seed)


def tested_in(ld, fraction, variance, stream, networks) -> dict:
    """Mean squared error a locus of every rule."""
    loci, X = rows_of(ld, 5, fraction, variance, stream)
    pairs = list(zip(loci.beta, loci.locus, strict=True))
    h2 = N_VARIANTS * fraction * variance
    answers = {name: ensemble.predict(X) for name, ensemble in networks.items()}
    answers["ridge"] = np.array([ridge_rss(beta, ld[k], N_PEOPLE, h2) for beta, k in pairs])
    # If every effect is normal with one variance, ridge is the posterior mean.
    answers["ceiling"] = (
        answers["ridge"] if fraction == 1 else exact_means(loci, ld, N_PEOPLE, fraction, variance)
    )
    answers["zero"] = np.zeros_like(loci.b)
    return {
        name: np.mean((answer.reshape(len(ld), -1) - loci.b.reshape(len(ld), -1)) ** 2, axis=1)
        for name, answer in answers.items()
    }


def main() -> None:
    """Train in each world, test in each, write the table and print the averages."""
    panel = simulate_genotypes(
        1000, N_VARIANTS * 300, n_blocks=300, sequence_length=300 * 60e3,
        random_state=np.random.default_rng([CHAPTER, PANEL]),
    )  # fmt: skip
    ld = np.array([ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(300)])
    parts = ld[:160], ld[160:220], ld[220:]
    hidden, tables, home = bool(os.environ.get("GITOOLS_QUIET")), [], None
    for world, (fraction, variance, streams) in tqdm(WORLDS.items(), disable=hidden):
        here = trained_in(parts, fraction, variance, streams)
        home = home or here
        networks = {"trained on sparse": home, "trained on this world": here}
        errors = tested_in(parts[2], fraction, variance, streams[2], networks)
        table = pd.DataFrame(errors)
        table.insert(0, "world", world)
        table.insert(1, "locus", np.arange(len(table)))
        tables.append(table)
    whole = pd.concat(tables)
    whole.to_csv(TABLE, index=False, float_format="%.6g")
    print(whole.groupby("world").mean().to_string())


if __name__ == "__main__":
    main()
