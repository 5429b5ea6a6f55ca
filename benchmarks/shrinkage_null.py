"""Methods of shrinkage on regions without any effect: the third study behind chapter 36.

    python benchmarks/shrinkage_null.py [--panels 10]

Summary statistics of 50,000 people are drawn from the direct model with no effect at all, ten
times on each panel of 500 variants. ``size`` is the root mean square of the estimates over that of
the marginal effects, ``highest`` the largest inclusion probability where a method gives any. The
constant, the ridge and the ceiling are left out: they are told that there is nothing to find.
Writes ``benchmarks/shrinkage_null.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from gitools.association import ld_matrix
from gitools.book.studies.shrinkage import METHODS, Study
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

TABLE = Path(__file__).with_suffix(".csv")
SEED = 3620
N, N_PEOPLE, N_VARIANTS, EACH = 50_000, 5_000, 500, 10
LEFT_OUT = {"zero", "marginal", "constant", "ridge", "gibbs", "ceiling"}


def null_study(R, n, rng) -> Study:
    """A region without effects; what only oracles are told is left out."""
    nothing = np.zeros(len(R))
    found = simulate_summary_statistics(R, nothing, n, random_state=rng)
    return Study(nothing, *found, R, n, np.nan, np.nan, nothing)


def run(study: Study, methods, rng) -> list[dict]:
    """Size of the estimates and the highest inclusion probability, for each method."""
    rows, marginal = [], np.sqrt(np.mean(study.beta**2))
    for method in methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            effects, pip = METHODS[method](study, rng)
        size = np.sqrt(np.mean(effects**2)) / marginal
        rows.append(
            {"method": method, "size": size, "highest": np.nan if pip is None else pip.max()}
        )
    return rows


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=10)
    rows, rng = [], np.random.default_rng(SEED)
    methods = [method for method in METHODS if method not in LEFT_OUT]
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    for panel in tqdm(range(parser.parse_args().panels), unit="panel", disable=hidden):
        genotypes = simulate_genotypes(
            N_PEOPLE, N_VARIANTS, n_blocks=1, hotspots=20, random_state=rng
        )
        R = ld_matrix(genotypes.dosages)
        for region in range(EACH):
            found = run(null_study(R, N, rng), methods, rng)
            rows += [{"panel": panel, "region": region} | row for row in found]
    pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
