"""How many kinds of variant? The replicate studies that chapter 41 reads.

    python benchmarks/dirichlet_kinds.py

Five studies, each data set fitted from one start with default settings:

- kinds: 60 data sets of 3,000 variants of four kinds (none, A, B, both) on two traits;
- known: 20 data sets of 5,000 variants from the two-trait mixture of
  ``tests/reference/dpmix/known_mixtures.npz``;
- cut: 60 data sets of one kind, the first 1,000 variants whose effect on some trait exceeds 2.5
  standard deviations;
- heavy: 60 data sets of one kind, 2,000 variants with effects from a bivariate t distribution with
  4 degrees of freedom;
- plain: 200 data sets of one kind, 500 variants, nothing spoilt.

One row for each data set goes to ``benchmarks/dirichlet_kinds.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd

from gitools.book.studies.dirichlet import (
    ONE_KIND,
    draw_cut,
    draw_heavy,
    draw_mixture,
    four_kinds,
    study_kinds,
    study_one_kind,
)

TABLE = Path(__file__).with_suffix(".csv")
KNOWN = Path(__file__).parents[1] / "tests" / "reference" / "dpmix" / "known_mixtures.npz"


def draw_one_kind(covariance, rng):
    """Rows of one Gaussian."""
    return draw_mixture([covariance], [1.0], 500, rng)[0]


def main() -> None:
    """Run the studies, write the table and print its averages."""
    with np.load(KNOWN) as file:
        known = file["sim2_Sigma"], file["sim2_pi"]
    studies = {
        "kinds": study_kinds(*four_kinds(), 3000, 60, random_state=[41, 21])._asdict(),
        "known": study_kinds(*known, 5000, 20, random_state=[41, 22])._asdict(),
    }
    one_kind = {
        "cut": (23, 60, draw_cut),
        "heavy": (24, 60, draw_heavy),
        "plain": (13, 200, draw_one_kind),
    }
    for name, (stream, n_datasets, draw) in one_kind.items():
        found = study_one_kind(
            lambda rng, draw=draw: draw(ONE_KIND, rng), n_datasets, random_state=[41, stream]
        )
        studies[name] = found._asdict()
    table = pd.concat(pd.DataFrame(columns).assign(study=name) for name, columns in studies.items())
    columns = ["study", *(name for name in table.columns if name != "study")]
    table[columns].to_csv(TABLE, index=False, float_format="%.6g")
    print(table.groupby("study", sort=False).mean().to_string())


if __name__ == "__main__":
    main()
