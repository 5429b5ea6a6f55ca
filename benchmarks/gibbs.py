"""Sampled and variational spike-and-slab effects beside the ceiling: seconds a locus, and error.

Loci of p variants in LD that falls with distance (correlation 0.95 between neighbours); one
variant in fifty is causal on average, and together they explain 5 % of a trait in 20,000 people
on average. The oracle is given the prior that made the effects, the other two learn it. The error
of a method is the square root of its squared error, summed over all loci, over that of the
oracle's (1: no worse); its 95 % bootstrap interval is over loci, as are those of the fractions.

Run as ``python benchmarks/gibbs.py``; it prints one table and writes it to benchmarks/gibbs.csv.
``--quick`` runs one small locus and writes nothing.
"""

import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from gitools.book.bench import asked_to_be_quick, run_table
from gitools.shrinkage import oracle_posterior, spike_and_slab_rss

# As many loci as the smallest standard error worth having asks for, and twenty at the least.
N_LOCI = {100: 40, 500: 24, 1_000: 20}
QUICK = {30: 2}
N_PEOPLE = 20_000
CORRELATION = 0.95
CAUSAL_FRACTION = 0.02
H2 = 0.05
N_BOOTSTRAP = 2_000
METHODS = ("oracle", "gibbs", "variational")
COLUMNS = (
    "p",
    "loci",
    "method",
    "seconds",
    "relative_error",
    "error_low",
    "error_high",
    "causal_fraction",
    "fraction_low",
    "fraction_high",
    "rmse_over_zero",
    "converged",
)


def locus(p, rng):
    """True effects, marginal effects and LD."""
    R = CORRELATION ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    slab = H2 / (CAUSAL_FRACTION * p)
    causal = rng.random(p) < CAUSAL_FRACTION
    b = np.where(causal, rng.normal(0, np.sqrt(slab), p), 0)
    error = np.linalg.cholesky(R) @ rng.standard_normal(p)
    return b, R @ b + np.sqrt((1 - H2) / N_PEOPLE) * error, R, slab


def fit(method, beta, R, slab, rng):
    """Estimate by one method, its CPU seconds and the causal fraction it used."""
    begin = time.process_time()
    if method == "oracle":
        prior = (CAUSAL_FRACTION, slab, 1 - H2)
        found, fraction = oracle_posterior(beta, R, N_PEOPLE, *prior, random_state=rng), np.nan
    else:
        found = spike_and_slab_rss(beta, R, N_PEOPLE, method=method, random_state=rng)
        fraction = found.causal_fraction
    return found, time.process_time() - begin, fraction


def study(p, n_loci):
    """Squared errors, seconds, fractions and convergence: arrays [loci, methods]."""
    rows = []
    quiet = bool(os.environ.get("GITOOLS_QUIET"))
    for k in tqdm(range(n_loci), desc=f"p = {p}", disable=quiet):
        b, beta, R, slab = locus(p, np.random.default_rng([p, k, 0]))
        row = []
        for method in METHODS:
            with warnings.catch_warnings():
                # Counted in the table instead.
                warnings.simplefilter("ignore", ConvergenceWarning)
                found, taken, fraction = fit(
                    method, beta, R, slab, np.random.default_rng([p, k, 1])
                )
            row.append((np.sum((found.posterior_mean - b) ** 2), taken, fraction, found.converged))
        rows.append([*row, (np.sum(b**2), 0.0, np.mean(b != 0), True)])
    return np.moveaxis(np.array(rows, dtype=float), 2, 0)


def interval(statistic, n_loci, rng):
    """Bootstrap interval (95 %) over loci of a function of their indices."""
    draws = rng.integers(n_loci, size=(N_BOOTSTRAP, n_loci))
    return np.quantile([statistic(draw) for draw in draws], [0.025, 0.975])


def summarise(p, loss, seconds, fraction, converged):
    """The rows of one size: one a method, and one of the truth."""
    n_loci, everything = len(loss), np.arange(len(loss))
    rows = []
    for m, method in enumerate((*METHODS, "truth")):

        def relative(index, m=m):
            return np.sqrt(loss[index, m].sum() / loss[index, 0].sum())

        def mean_fraction(index, m=m):
            return fraction[index, m].mean()

        row = dict.fromkeys(COLUMNS, "") | {"p": p, "loci": n_loci, "method": method}
        if method != "oracle":
            low, high = interval(mean_fraction, n_loci, np.random.default_rng([p, 2]))
            row |= {
                "causal_fraction": f"{mean_fraction(everything):.4f}",
                "fraction_low": f"{low:.4f}",
                "fraction_high": f"{high:.4f}",
            }
        if method != "truth":
            low, high = interval(relative, n_loci, np.random.default_rng([p, 3]))
            row |= {
                "seconds": f"{np.median(seconds[:, m]):.3f}",
                "relative_error": f"{relative(everything):.3f}",
                "error_low": f"{low:.3f}",
                "error_high": f"{high:.3f}",
                "rmse_over_zero": f"{np.sqrt(loss[:, m].sum() / loss[:, -1].sum()):.3f}",
                "converged": f"{converged[:, m].mean():.2f}",
            }
        rows.append(row)
    return rows


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print("Spike-and-slab effects, CPU seconds a locus (median), 1 thread")
    sizes = (QUICK if quick else N_LOCI).items()
    rows = (row for p, n_loci in sizes for row in summarise(p, *study(p, n_loci)))
    with threadpool_limits(1):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
