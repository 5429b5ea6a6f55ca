"""What keeps a small network from the exact curve? The study behind a figure of chapter 34.

    python benchmarks/networks_curve.py

One variant without LD: one in ten has an effect, of variance 40 squared standard errors. Twenty
training sets for each recipe (hinges, passes over the examples, examples); the squared distance
of the network from the exact posterior mean on 200,000 new estimates, in units of the Bayes risk,
goes to ``benchmarks/networks_curve.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from tqdm import tqdm

from gitools.book.studies.networks import Network, train

TABLE = Path(__file__).with_suffix(".csv")
SEED = [34, 101]
N_SETS, FRACTION, SLAB = 20, 0.1, 40.0
# Hinges, epochs, examples: the chapter's own, then one change at a time, then two.
RECIPES = [
    (8, 15, 20_000),
    (32, 15, 20_000),
    (8, 15, 80_000),
    (8, 60, 20_000),
    (32, 60, 20_000),
]


def draw_pairs(n_pairs, rng):
    """Estimates and true effects [n_pairs], in standard errors."""
    causal = rng.random(n_pairs) < FRACTION
    effect = np.where(causal, rng.normal(0, np.sqrt(SLAB), n_pairs), 0.0)
    return effect + rng.normal(size=n_pairs), effect


def posterior_mean(z):
    """The best answer to an estimate z."""
    odds = np.log(FRACTION / (1 - FRACTION)) - np.log1p(SLAB) / 2
    return expit(odds + z**2 / 2 * SLAB / (1 + SLAB)) * SLAB / (1 + SLAB) * z


def main() -> None:
    """Train all networks, write the table and print the averages."""
    rng = np.random.default_rng(SEED)
    new_z, new_effect = draw_pairs(200_000, rng)
    exact = posterior_mean(new_z)
    risk = np.mean((exact - new_effect) ** 2)
    rows, hidden = [], bool(os.environ.get("GITOOLS_QUIET"))
    for k, own in enumerate(tqdm(rng.spawn(N_SETS), disable=hidden)):
        for (hinges, epochs, n_pairs), stream in zip(RECIPES, own.spawn(len(RECIPES)), strict=True):
            z, effect = draw_pairs(n_pairs, stream)
            fit = train(
                Network([1, hinges, 1], stream), z[:, None], effect,
                rate=0.01, epochs=epochs, batch=100, random_state=stream,
            )  # fmt: skip
            gap = np.mean((fit.network.predict(new_z[:, None]) - exact) ** 2)
            rows.append(
                {"data_set": k, "hinges": hinges, "epochs": epochs, "pairs": n_pairs,
                 "excess": gap / risk}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    table.to_csv(TABLE, index=False, float_format="%.6g")
    print(table.groupby(["hinges", "epochs", "pairs"]).excess.mean().to_string())


if __name__ == "__main__":
    main()
