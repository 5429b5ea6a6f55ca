"""Humps of every potato marker: the study behind "Every marker, and a surprise" (chapter 11).

    python benchmarks/potato_humps.py

Fits one-dimensional Gaussian mixtures with 4 to 6 components to the signal ratios of the
tetraploid plants and with 2 to 4 to those of the diploid plants, 30 k-means++ starts each, and
writes for each marker and ploidy the number of components that BIC prefers, and the humps of the
fit with one component for each dosage, to ``benchmarks/potato_humps.csv``. Needs the real data
(``make data``).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.data import potato_intensities
from gitools.mixtures.selection import fit_rows

TABLE = Path(__file__).with_suffix(".csv")
SEED = 11
N_STARTS = 30
FLOOR = 1e-3


def humps(ploidy: int, random_state) -> pd.DataFrame:
    """One row a marker: BIC's choice, and means and weights of ``ploidy + 1`` humps."""
    ratios = potato_intensities(ploidy).pivot(index="marker", columns="sample", values="ratio")
    values = ratios.to_numpy()
    fits, bic = {}, {}
    for k in tqdm((ploidy, ploidy + 1, ploidy + 2), disable=bool(os.environ.get("GITOOLS_QUIET"))):
        fits[k] = fit_rows(
            values, k, n_starts=N_STARTS, floor=FLOOR, tol=1e-6, random_state=random_state
        )
        bic[k] = (3 * k - 1) * np.log(values.shape[1]) - 2 * fits[k].log_likelihood
    fit = fits[ploidy + 1]
    order = np.argsort(fit.means, axis=1)
    table = pd.DataFrame({"marker": ratios.index, "ploidy": ploidy})
    table["chosen"] = np.array(list(bic))[np.argmin(list(bic.values()), axis=0)]
    for name, part in (("mean", fit.means), ("weight", fit.weights)):
        for k, column in enumerate(np.take_along_axis(part, order, axis=1).T):
            table[f"{name}_{k}"] = column.round(4)
    return table


def main() -> None:
    """Fit both panels, write the table and print what BIC chose."""
    rng = np.random.default_rng(SEED)
    table = pd.concat([humps(4, rng), humps(2, rng)], ignore_index=True)
    table.to_csv(TABLE, index=False)
    print("Markers by the number of components that BIC prefers")
    print(table.groupby("ploidy")["chosen"].value_counts().unstack(fill_value=0).to_string())


if __name__ == "__main__":
    main()
