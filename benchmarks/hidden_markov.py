"""Baum-Welch: ours beside hmmlearn's, same data, start, threads and iterations.

Both run 20 iterations from the same parameters, hmmlearn's priors and our floor off, so they end
at the same likelihood; the last column shows how closely. Times are of the processor. Run as
``python benchmarks/hidden_markov.py``; it prints one table and writes it to
benchmarks/hidden_markov.csv. It also writes hmmlearn's log-likelihoods on the chromosome that
chapter 13 fits in the page, to benchmarks/hidden_markov_trace.csv. ``--quick`` runs small sizes
and writes nothing.
"""

import csv
import time
import warnings
from pathlib import Path

import numpy as np
from hmmlearn.hmm import GaussianHMM
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.book.studies.calling import CHAIN_PROBE, START, TRANSITIONS
from gitools.mixtures import GaussianHiddenMarkov
from gitools.simulate import simulate_copy_chains

ITERATIONS = 20
N_THREADS = 1
# Chains, positions of each, features of each position.
SIZES = ((1, 2_000, 1), (1, 100_000, 1), (500, 200, 1), (500, 200, 8))
QUICK_SIZES = ((1, 500, 1), (5, 100, 2))
COLUMNS = (
    "chains",
    "positions",
    "features",
    "seconds_ours",
    "seconds_hmmlearn",
    "time_ratio",
    "loglik_difference",
)


def simulate(n_chains, length, n_features, rng):
    """Three sticky states, one standard deviation apart, and parameters to start from."""
    stays = np.full((3, 3), 0.01) + 0.97 * np.eye(3)
    switches = rng.random(n_chains * length) < 0.03
    states = (np.cumsum(switches * rng.integers(1, 3, switches.size))) % 3
    X = rng.standard_normal((states.size, n_features)) + states[:, None]
    means = np.array([[-0.5], [1.2], [2.2]]) + np.zeros(n_features)
    return X, np.full(n_chains, length), stays, means


def ours(stays, means):
    """Our estimator from the given start, without floor or early stop."""
    init = {
        "start_probabilities": np.full(3, 1 / 3),
        "transitions": stays,
        "means": means,
        "covariances": np.ones(means.shape),
    }
    return GaussianHiddenMarkov(3, "diag", init=init, tol=0, max_iter=ITERATIONS, floor=0)


def theirs(stays, means):
    """hmmlearn's from the same start, without priors or early stop."""
    model = GaussianHMM(
        3, "diag", n_iter=ITERATIONS, tol=-np.inf, init_params="", covars_prior=0, min_covar=0
    )
    model.startprob_, model.transmat_ = np.full(3, 1 / 3), stays
    model.means_, model.covars_ = means, np.ones(means.shape)
    return model


def fit(model, X, lengths):
    """Fit; ours warns of non-convergence, which is meant, since tol is zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, lengths=lengths)


def seconds(makers, X, lengths, repeats):
    """Shortest of several fits of each; they take turns, so that a busy machine slows both."""
    times = [[] for _ in makers]
    for _ in range(repeats):
        for make, taken in zip(makers, times, strict=True):
            begin = time.process_time()
            fit(make(), X, lengths)
            taken.append(time.process_time() - begin)
    return [min(taken) for taken in times]


def compare(n_chains, length, n_features, repeats=1):
    """One row of the table."""
    X, lengths, stays, means = simulate(n_chains, length, n_features, np.random.default_rng(1))
    makers = (lambda: ours(stays, means), lambda: theirs(stays, means))
    time_ours, time_theirs = seconds(makers, X, lengths, repeats)
    reached = fit(ours(stays, means), X, lengths).log_likelihoods_[-1]
    by_theirs = fit(theirs(stays, means), X, lengths).score(X, lengths) / len(X)
    return {
        "chains": n_chains,
        "positions": length,
        "features": n_features,
        "seconds_ours": f"{time_ours:.3f}",
        "seconds_hmmlearn": f"{time_theirs:.3f}",
        "time_ratio": f"{time_ours / time_theirs:.2f}",
        "loglik_difference": f"{reached - by_theirs:.1e}",
    }


def chapter_trace():
    """hmmlearn's log-likelihoods on the chapter's first chromosome, from the chapter's start."""
    rng = np.random.default_rng([13, 5])
    signals, _ = simulate_copy_chains(20, 200, START, TRANSITIONS, CHAIN_PROBE, random_state=rng)
    stays = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    model = theirs(stays, np.array([[-0.8], [0.0], [0.5]]))
    model.startprob_, model.covars_ = np.array([0.1, 0.8, 0.1]), np.full((3, 1), 0.35**2)
    return np.array(model.fit(signals[0]).monitor_.history)


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print(f"Baum-Welch, 3 states, {ITERATIONS} iterations, {N_THREADS} thread, {blas_name()}")
    sizes = QUICK_SIZES if quick else SIZES
    rows = (compare(*size) for size in sizes)
    if not quick:
        path = Path(__file__).with_name("hidden_markov_trace.csv")
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["iteration", "log_likelihood"])
            writer.writerows((t, f"{v:.12f}") for t, v in enumerate(chapter_trace()))
    with threadpool_limits(N_THREADS):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
