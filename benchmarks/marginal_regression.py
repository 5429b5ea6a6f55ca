"""Marginal regression of all variants at once, beside a loop over scipy.stats.linregress.

Both get the same int8 dosages and trait on one thread; they take turns, and the shortest of
several runs counts. Run as ``python benchmarks/marginal_regression.py``; it prints one table and
writes it to benchmarks/marginal_regression.csv. ``--quick`` runs a small size and writes nothing.
"""

import time
import tracemalloc
from pathlib import Path

import numpy as np
from scipy.stats import linregress
from threadpoolctl import threadpool_limits

from gitools.association import marginal_regression
from gitools.book.bench import asked_to_be_quick, blas_name, run_table

SIZES = ((1_000, 1_000), (1_000, 10_000), (10_000, 1_000), (10_000, 10_000))
QUICK_SIZES = ((100, 200),)
N_THREADS = 1
COLUMNS = (
    "n",
    "p",
    "seconds_ours",
    "seconds_linregress",
    "time_ratio",
    "peak_mb_ours",
    "largest_difference",
)


def simulate(n, p, rng):
    """Dosages of common variants, in columns, and a trait without any effect."""
    X = rng.binomial(2, rng.uniform(0.05, 0.5, p)[:, None], size=(p, n)).astype(np.int8).T
    return X, rng.standard_normal(n)


def loop(X, y):
    """Slopes, standard errors and p-values, one regression after the other."""
    fits = [linregress(column, y) for column in X.T]
    return np.array([(fit.slope, fit.stderr, fit.pvalue) for fit in fits]).T


def at_once(X, y):
    """The same from one call."""
    fit = marginal_regression(X, y)
    return np.array([fit.beta, fit.se, fit.p])


def seconds(functions, X, y, repeats):
    """Shortest of several runs of each; they take turns, so that a busy machine slows both."""
    times = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, times, strict=True):
            begin = time.perf_counter()
            function(X, y)
            taken.append(time.perf_counter() - begin)
    return [min(taken) for taken in times]


def peak_megabytes(X, y):
    """Peak of what NumPy allocates in one call, above the data."""
    tracemalloc.start()
    at_once(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def compare(n, p, repeats):
    """One row of the table."""
    X, y = simulate(n, p, np.random.default_rng(1))
    difference = np.max(np.abs(at_once(X, y) - loop(X, y)))
    ours, theirs = seconds((at_once, loop), X, y, repeats)
    return {
        "n": n,
        "p": p,
        "seconds_ours": f"{ours:.4f}",
        "seconds_linregress": f"{theirs:.3f}",
        "time_ratio": f"{ours / theirs:.3f}",
        "peak_mb_ours": f"{peak_megabytes(X, y):.1f}",
        "largest_difference": f"{difference:.1e}",
    }


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print(f"marginal regression, int8 dosages, {N_THREADS} thread, {blas_name()}")
    rows = (compare(n, p, repeats=3) for n, p in (QUICK_SIZES if quick else SIZES))
    with threadpool_limits(N_THREADS):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
