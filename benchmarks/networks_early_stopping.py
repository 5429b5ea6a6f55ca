"""When to stop, and what a forgotten mode costs. The study behind chapter 34's section on both.

    python benchmarks/networks_early_stopping.py

Fifty data sets. In each, 40 loci of twelve variants are measured in five cohorts of 20,000 people;
one variant in ten is causal, with effects of variance 0.002. A fifth of the rows, or all rows of
a fifth of the loci, are set aside to choose the epoch; the errors are those on 60 other loci. The
network has two hidden layers of 64 units and is trained for 60 epochs with Adam. Recipes: plain,
weight decay 0.1, dropout 0.2, BatchNorm, and the last two together. Mean squared errors at the
chosen epoch, in squared standard errors of an estimate, go to
``benchmarks/networks_early_stopping.csv``; for the last recipe also with the epoch chosen, and
the error measured, in training mode. ``validation`` is the error on the rows set aside at that
epoch; ``zero_validation`` and ``zero_test`` are those of predicting zero.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.association import ld_matrix
from gitools.book.studies.networks import Network, neighbour_features, record, simulate_loci
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
SEED = [34, 100]
N_SETS, N_PEOPLE, N_VARIANTS, N_NEIGHBOURS = 50, 20_000, 12, 4
N_TRAIN, N_TEST, N_COHORTS = 40, 60, 5
CAUSAL_FRACTION, EFFECT_VARIANCE = 0.1, 0.002
HIDDEN, EPOCHS, RATE, BATCH = [64, 64], 60, 3e-3, 64
RECIPES = {
    "plain": {},
    "weight decay": {"weight_decay": 0.1},
    "dropout": {"dropout": 0.2},
    "BatchNorm": {"batch_norm": True},
    "BatchNorm and dropout": {"batch_norm": True, "dropout": 0.2},
}


def rows_of(ld, n_cohorts, rng):
    """Inputs, targets and loci of one draw for each LD matrix, in units of standard errors."""
    loci = simulate_loci(
        ld, N_PEOPLE, CAUSAL_FRACTION, EFFECT_VARIANCE, n_cohorts=n_cohorts, random_state=rng
    )
    scale = np.sqrt(N_PEOPLE)
    X = neighbour_features(loci.beta * scale, ld, loci.locus, N_NEIGHBOURS)
    return X, loci.b.ravel() * scale, np.repeat(loci.locus, N_VARIANTS)


def data_set(ld, rng) -> list[dict]:
    """All recipes and both ways of setting rows aside on one data set."""
    chosen = rng.permutation(len(ld))[: N_TRAIN + N_TEST]
    X, y, locus = rows_of(ld[chosen[:N_TRAIN]], N_COHORTS, rng)
    test_X, test_y, _ = rows_of(ld[chosen[N_TRAIN:]], 1, rng)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    X, test_X = (X - mean) / sd, (test_X - mean) / sd
    aside = {
        "rows": rng.permutation(len(y)) < len(y) // 5,
        "loci": np.isin(locus, rng.permutation(N_TRAIN)[: N_TRAIN // 5]),
    }
    found = []
    for split, recipe in [("rows", "plain"), *(("loci", recipe) for recipe in RECIPES)]:
        out = aside[split]
        options = dict(RECIPES[recipe])
        decay = options.pop("weight_decay", 0.0)
        network = Network([X.shape[1], *HIDDEN, 1], rng, **options)
        errors = record(
            network, X[~out], y[~out], (X[out], y[out]), (test_X, test_y), N_VARIANTS,
            epochs=EPOCHS, rate=RATE, batch=BATCH, weight_decay=decay, random_state=rng,
        )  # fmt: skip
        zeros = {"zero_validation": np.mean(y[out] ** 2), "zero_test": np.mean(test_y**2)}
        found += [row | zeros for row in rows_from(recipe, split, errors)]
    return found


def rows_from(recipe, split, errors) -> list[dict]:
    """Errors at the chosen epoch, at the last one, and with the mode forgotten."""
    at = int(errors.validation.argmin())
    rows = [("early", errors.validation, errors.test, at)]
    if recipe == "plain" and split == "loci":
        rows.append(("end", errors.validation, errors.test, EPOCHS - 1))
    if recipe == "BatchNorm and dropout":
        late = int(errors.validation_training.argmin())
        rows.append(("training mode", errors.validation_training, errors.test_training, at))
        rows.append(("chosen in training mode", errors.validation_training, errors.test, late))
    return [
        {"recipe": recipe, "split": split, "stop": stop, "epoch": epoch + 1,
         "validation": validation[epoch], "test": test[epoch]}
        for stop, validation, test, epoch in rows
    ]  # fmt: skip


def main() -> None:
    """Run all data sets, write the table and print the averages."""
    rng = np.random.default_rng(SEED)
    panel = simulate_genotypes(
        1000, N_VARIANTS * 300, n_blocks=300, sequence_length=300 * 60e3, random_state=rng
    )
    ld = np.array([ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(300)])
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    rows = []
    for k, own in enumerate(tqdm(rng.spawn(N_SETS), disable=hidden)):
        rows += [{"data_set": k} | row for row in data_set(ld, own)]
    table = pd.DataFrame(rows)
    table.to_csv(TABLE, index=False, float_format="%.6g")
    means = table.groupby(["recipe", "split", "stop"])[
        ["epoch", "validation", "test", "zero_validation", "zero_test"]
    ].mean()
    print(means.to_string())


if __name__ == "__main__":
    main()
