"""Every method of shrinkage on two real blocks of LD: the second study behind chapter 36.

    python benchmarks/shrinkage_real_ld.py [--jobs 2] [--replicates 50] [--methods zero ridge ...]

The blocks (603 and 588 variants of chromosome 22, UK Biobank) were published with ML-MAGES. Effects
are drawn at random variants from N(0, h2 / number of causal ones), summary statistics from the
direct model with 50,000 people. Needs the data (``make data``). Rows are appended to
``benchmarks/shrinkage_real_ld.csv`` as they are finished and only missing ones are computed.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from gitools.book.studies.shrinkage import METHODS, Study, score
from gitools.data import ukb_ld
from gitools.simulate import simulate_summary_statistics

TABLE = Path(__file__).with_suffix(".csv")
KEYS = ["h2", "causal", "block", "replicate", "method"]
SEED = 3605
N = 50_000
SETTINGS = [(0.01, 0.01), (0.01, 0.05), (0.002, 0.01)]
BLOCKS = (0, 5)


def draw_study(h2: float, causal: float, R, rng) -> Study:
    """Effects at a fixed number of random variants, and the summary statistics they give."""
    p = len(R)
    chosen = rng.choice(p, round(causal * p), replace=False)
    effects = np.zeros(p)
    effects[chosen] = rng.normal(0, np.sqrt(h2 / len(chosen)), len(chosen))
    found = simulate_summary_statistics(R, effects, N, random_state=rng)
    variances = np.full(p, h2 / len(chosen))
    return Study(effects, *found, R, N, h2, len(chosen) / p, variances)


def run(h2: float, causal: float, block: int, replicate: int, methods) -> list[dict]:
    """The rows of some methods on one data set."""
    place = [SEED, SETTINGS.index((h2, causal)), block, replicate]
    study = draw_study(h2, causal, ukb_ld(block), np.random.default_rng(place))
    rows = []
    for method in methods:
        rng = np.random.default_rng([*place, 1 + list(METHODS).index(method)])
        key = dict(zip(KEYS, (h2, causal, block, replicate, method), strict=True))
        rows.append(key | score(study, METHODS[method], rng))
    return rows


def missing(replicates: int, methods) -> list[tuple]:
    """Arguments of `run` for what the table does not hold yet."""
    done = set()
    if TABLE.exists():
        done = set(pd.read_csv(TABLE)[KEYS].itertuples(index=False, name=None))
    tasks = []
    for (h2, causal), block, replicate in itertools.product(SETTINGS, BLOCKS, range(replicates)):
        absent = [m for m in methods if (h2, causal, block, replicate, m) not in done]
        if absent:
            tasks.append((h2, causal, block, replicate, absent))
    return tasks


def main() -> None:
    """Compute what is missing and append it to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--replicates", type=int, default=50, help="data sets of each block")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args()
    tasks = missing(options.replicates, options.methods)
    workers = Parallel(n_jobs=options.jobs, return_as="generator_unordered")
    results = workers(delayed(run)(*task) for task in tasks)
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    for rows in tqdm(results, total=len(tasks), unit="data set", disable=hidden):
        table = pd.DataFrame(rows)
        table.to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
