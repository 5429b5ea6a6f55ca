"""Elastic net from marginal effects and LD: ours beside scikit-learn's on the same Gram matrix.

Both run the same falling path of penalties, each with the loosest tolerance that brings its
objective within 1e-8, or within 1e-12, of the optimum at every penalty (in units of the trait's
variance; a run of ours at a tolerance of 1e-12 finds the optimum). Ours includes the check of its
input. Run as ``python benchmarks/coordinate_descent.py``; it prints one table and writes it to
benchmarks/coordinate_descent.csv. ``--quick`` runs small sizes and writes nothing.
"""

import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path
from threadpoolctl import threadpool_limits

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.shrinkage import elastic_net_objective, elastic_net_rss_path

SIZES = (500, 1_000, 2_000)
QUICK_SIZES = (50,)
L1_RATIOS = (1.0, 0.5)
N_PEOPLE = 4_000
N_PENALTIES = 50
SMALLEST = 0.03
CORRELATION = 0.95
CLOSE_ENOUGH = (1e-8, 1e-12)
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
N_THREADS = 1
COLUMNS = (
    "p",
    "l1_ratio",
    "largest_model",
    "within",
    "tol_ours",
    "tol_sklearn",
    "excess_ours",
    "excess_sklearn",
    "seconds_ours",
    "seconds_sklearn",
    "time_ratio",
)


def simulate(p, rng):
    """People with variants in LD that falls with distance, and a trait of one variant in 50."""
    X = rng.standard_normal((N_PEOPLE, p))
    for j in range(1, p):
        X[:, j] = CORRELATION * X[:, j - 1] + np.sqrt(1 - CORRELATION**2) * X[:, j]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    causal = rng.choice(p, max(p // 50, 2), replace=False)
    genetic = X[:, causal] @ rng.standard_normal(len(causal))
    y = genetic / genetic.std() * np.sqrt(0.3) + np.sqrt(0.7) * rng.standard_normal(N_PEOPLE)
    return X, (y - y.mean()) / y.std()


def ours(beta, R, penalties, l1_ratio, tol):
    """Effects at each penalty."""
    return elastic_net_rss_path(beta, R, N_PEOPLE, l1_ratio, penalties=penalties, tol=tol)[1]


def theirs(X, y, gram, moments, penalties, l1_ratio, tol):
    """The same from scikit-learn, which reads X for its shape and a check."""
    with warnings.catch_warnings():
        # Looser runs are tried first, and are meant to fall short.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return enet_path(
            X,
            y,
            l1_ratio=l1_ratio,
            alphas=penalties,
            precompute=gram,
            Xy=moments,
            copy_X=False,
            max_iter=100_000,
            tol=tol,
        )[1].T


def loosest(run, objectives, best, within):
    """Loosest tolerance that is close enough at every penalty, and how close it comes."""
    for tol in TOLERANCES:
        excess = np.max(objectives(run(tol)) - best)
        if excess <= within:
            break
    return tol, excess


def seconds(runs, repeats):
    """Shortest of several runs of each; they take turns, so that a busy machine slows both."""
    times = [[] for _ in runs]
    for _ in range(repeats):
        for run, taken in zip(runs, times, strict=True):
            begin = time.perf_counter()
            run()
            taken.append(time.perf_counter() - begin)
    return [min(taken) for taken in times]


def compare(p, l1_ratio, within, repeats):
    """One row of the table."""
    X, y = simulate(p, np.random.default_rng(1))
    gram, moments = X.T @ X, X.T @ y
    R, beta = gram / N_PEOPLE, moments / N_PEOPLE
    penalties = np.abs(beta).max() / l1_ratio * np.geomspace(1, SMALLEST, N_PENALTIES)

    def run_ours(tol):
        return ours(beta, R, penalties, l1_ratio, tol)

    def run_theirs(tol):
        return theirs(X, y, gram, moments, penalties, l1_ratio, tol)

    def objectives(path):
        pairs = zip(path, penalties, strict=True)
        return np.array([elastic_net_objective(b, beta, R, lam, l1_ratio) for b, lam in pairs])

    exact = run_ours(1e-12)
    best = objectives(exact)
    tol_ours, excess_ours = loosest(run_ours, objectives, best, within)
    tol_theirs, excess_theirs = loosest(run_theirs, objectives, best, within)
    taken = seconds([lambda: run_ours(tol_ours), lambda: run_theirs(tol_theirs)], repeats)
    return {
        "p": p,
        "l1_ratio": l1_ratio,
        "largest_model": int(np.count_nonzero(exact, axis=1).max()),
        "within": within,
        "tol_ours": f"{tol_ours:.0e}",
        "tol_sklearn": f"{tol_theirs:.0e}",
        "excess_ours": f"{excess_ours:.1e}",
        "excess_sklearn": f"{excess_theirs:.1e}",
        "seconds_ours": f"{taken[0]:.3f}",
        "seconds_sklearn": f"{taken[1]:.3f}",
        "time_ratio": f"{taken[0] / taken[1]:.2f}",
    }


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print(f"Elastic net, path of {N_PENALTIES} penalties, {N_THREADS} thread, {blas_name()}")
    cases = product(QUICK_SIZES if quick else SIZES, L1_RATIOS, CLOSE_ENOUGH)
    rows = (compare(*case, repeats=1 if quick else 3) for case in cases)
    with threadpool_limits(N_THREADS):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
