"""EM for a Gaussian mixture: ours beside scikit-learn's, same data, start, threads and optimum.

Both start from the same parameters and run the number of iterations that brings their mean
log-likelihood within 1e-7 of the common optimum, which a long run of ours finds. The floor and
the regularisation are off, so both climb the same likelihood. Run as ``python benchmarks/em.py``;
it prints one table and writes it to benchmarks/em.csv. ``--quick`` runs small sizes and writes
nothing.
"""

import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.mixtures import GaussianMixtureEM

N_FEATURES, N_COMPONENTS = 4, 5
SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (500, 1_000)
CLOSE_ENOUGH = 1e-7
N_THREADS = 1
COLUMNS = (
    "n",
    "iterations_ours",
    "iterations_sklearn",
    "seconds_ours",
    "seconds_sklearn",
    "time_ratio",
    "peak_mb_ours",
    "peak_mb_sklearn",
    "loglik_difference",
)


def simulate(n_samples, rng):
    """Five overlapping correlated clusters in four dimensions, and parameters to start from."""
    means = 2.5 * rng.standard_normal((N_COMPONENTS, N_FEATURES))
    roots = 0.6 * rng.standard_normal((N_COMPONENTS, N_FEATURES, N_FEATURES)) + np.eye(N_FEATURES)
    labels = rng.integers(N_COMPONENTS, size=n_samples)
    X = rng.standard_normal((n_samples, N_FEATURES))
    for component, root in enumerate(roots):
        rows = labels == component
        X[rows] = X[rows] @ root.T + means[component]
    start = {
        "weights": np.full(N_COMPONENTS, 1 / N_COMPONENTS),
        "means": means + 0.5 * rng.standard_normal(means.shape),
        "covariances": np.repeat(np.cov(X.T)[None], N_COMPONENTS, axis=0),
    }
    return X, start


def ours(start, max_iter):
    """Our estimator from the given start, without floor or early stop."""
    return GaussianMixtureEM(N_COMPONENTS, init=start, floor=0, tol=0, max_iter=max_iter)


def theirs(start, max_iter):
    """scikit-learn's from the same start; the cheapest of its own starts, which it overwrites."""
    return GaussianMixture(
        N_COMPONENTS,
        weights_init=start["weights"],
        means_init=start["means"],
        precisions_init=np.linalg.inv(start["covariances"]),
        init_params="random_from_data",
        reg_covar=0,
        tol=0,
        max_iter=max_iter,
        random_state=0,
    )


def fit(estimator, X):
    """Fit; both warn of non-convergence, which is meant, since tol is zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X)


def seconds(makers, X, repeats):
    """Shortest of several fits of each; they take turns, so that a busy machine slows both."""
    times = [[] for _ in makers]
    for _ in range(repeats):
        for make, taken in zip(makers, times, strict=True):
            begin = time.perf_counter()
            fit(make(), X)
            taken.append(time.perf_counter() - begin)
    return [min(taken) for taken in times]


def peak_megabytes(make, X):
    """Peak of what NumPy allocates during a fit, above the data."""
    tracemalloc.start()
    fit(make(), X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def iterations_needed(X, start, max_iter=100):
    """Iterations that bring each close enough to the optimum, and the likelihoods reached.

    Returns the iterations of ours and theirs, then the mean log-likelihoods there.
    """
    trace = fit(ours(start, max_iter), X).log_likelihoods_
    goal = trace[-1] - CLOSE_ENOUGH
    n_ours = 1 + int(np.argmax(trace >= goal))
    n_theirs, reached = n_ours, -np.inf
    while reached < goal and n_theirs <= max_iter:
        reached = fit(theirs(start, n_theirs), X).score(X)
        n_theirs += 1
    return n_ours, n_theirs - 1, trace[n_ours - 1], reached


def compare(n_samples, repeats):
    """One row of the table."""
    X, start = simulate(n_samples, np.random.default_rng(1))
    n_ours, n_theirs, reached_ours, reached_theirs = iterations_needed(X, start)
    makers = (lambda: ours(start, n_ours), lambda: theirs(start, n_theirs))
    time_ours, time_theirs = seconds(makers, X, repeats)
    return {
        "n": n_samples,
        "iterations_ours": n_ours,
        "iterations_sklearn": n_theirs,
        "seconds_ours": f"{time_ours:.3f}",
        "seconds_sklearn": f"{time_theirs:.3f}",
        "time_ratio": f"{time_ours / time_theirs:.2f}",
        "peak_mb_ours": f"{peak_megabytes(lambda: ours(start, 2), X):.1f}",
        "peak_mb_sklearn": f"{peak_megabytes(lambda: theirs(start, 2), X):.1f}",
        "loglik_difference": f"{reached_ours - reached_theirs:.1e}",
    }


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print(
        f"EM, d = {N_FEATURES}, K = {N_COMPONENTS}, full covariances, {N_THREADS} thread, "
        f"{blas_name()}; to within {CLOSE_ENOUGH:g} of the common optimum"
    )
    sizes = QUICK_SIZES if quick else SIZES
    rows = (compare(n, repeats=5 if n <= 100_000 else 1) for n in sizes)
    with threadpool_limits(N_THREADS):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
