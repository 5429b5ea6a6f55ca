"""Why do folds of people choose a better penalty than splits of summary statistics? Chapter 31.

    python benchmarks/penalised_splits.py

Run after ``penalised_loci.py`` had shown a difference: a hundred new loci of its first kind, the
lasso's penalty chosen by five folds of people, by five and by twenty-five random splits of the
summary statistics, and by five folds of them. One row a locus with the mean squared errors of the
effects goes to ``benchmarks/penalised_splits.csv``. ``--quick`` runs two loci and writes nothing.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import trange

from gitools.association import ld_matrix
from gitools.book.studies.penalised import fold_losses, make_folds, penalty_grid
from gitools.shrinkage import (
    elastic_net_rss_path,
    fold_summary_statistics,
    split_summary_statistics,
)
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
N_LOCI, N_VARIANTS, N_PEOPLE, N_FOLDS = 100, 150, 5000, 5
CAUSAL_FRACTION, EFFECT_VARIANCE = 0.01, 0.0133


def summary_losses(pairs, R, penalties):
    """Losses [pairs, penalties] of lasso paths, each fitted to one vector, scored on another."""
    losses = np.empty((len(pairs), len(penalties)))
    for row, (fit, new) in zip(losses, pairs, strict=True):
        _, path = elastic_net_rss_path(fit, R, N_PEOPLE, penalties=penalties, tol=1e-6)
        row[:] = np.einsum("ij,ij->i", path @ R, path) - 2 * path @ new
    return losses


def locus(place) -> dict:
    """Squared errors of the lasso under each choice of its penalty."""
    rng = np.random.default_rng([31, 4, place])
    dosages = simulate_genotypes(
        N_PEOPLE, N_VARIANTS, n_blocks=1, sequence_length=1e6, random_state=rng
    ).dosages
    X = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    R = ld_matrix(dosages)
    causal = rng.random(N_VARIANTS) < CAUSAL_FRACTION
    b = np.where(causal, rng.normal(0, np.sqrt(EFFECT_VARIANCE), N_VARIANTS), 0.0)
    trait = X @ b + rng.normal(0, np.sqrt(1 - b @ R @ b), N_PEOPLE)
    beta = X.T @ (trait - trait.mean()) / N_PEOPLE
    penalties = penalty_grid(beta)
    _, path = elastic_net_rss_path(beta, R, N_PEOPLE, penalties=penalties)
    errors = ((path - b) ** 2).mean(axis=1)
    folds = zip(*fold_summary_statistics(beta, R, N_PEOPLE, N_FOLDS, random_state=rng), strict=True)
    splits = [
        split_summary_statistics(beta, R, N_PEOPLE, random_state=rng) for _ in range(5 * N_FOLDS)
    ]
    by_split = summary_losses(splits, R, penalties)
    losses = {
        "people": fold_losses(make_folds(dosages, N_FOLDS, rng), trait, penalties),
        "splits_5": by_split[:N_FOLDS],
        "splits_25": by_split,
        "summary_folds": summary_losses(list(folds), R, penalties),
    }
    chosen = {name: errors[loss.mean(axis=0).argmin()] for name, loss in losses.items()}
    return {"locus": place} | chosen | {"hindsight": errors.min(), "zero": np.mean(b**2)}


def main(arguments=None) -> pd.DataFrame:
    """Run all loci, write the table and print the averages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two loci, nothing written")
    quick = parser.parse_args(arguments).quick
    places = trange(2 if quick else N_LOCI, disable=bool(os.environ.get("GITOOLS_QUIET")))
    table = pd.DataFrame([locus(place) for place in places])
    if not quick:
        table.to_csv(TABLE, index=False, float_format="%.5g")
    print(table.drop(columns="locus").mean().to_string())
    return table


if __name__ == "__main__":
    main()
