"""Dirichlet-process mixtures: ours beside scikit-learn's on the same effects, one start each.

Effects are drawn from mixtures about zero (null, trait-specific and shared variants).
scikit-learn's BayesianGaussianMixture gets means pinned to zero (mean_prior 0, mean_precision_prior
1e8), the same truncation, concentration and Wishart prior, its default tolerance (1e-3 nats of its
bound) and up to 2,000 iterations; ours stops at its default, 1e-7 nats a row. Test density is each
fit's plug-in density on fresh rows, less that of the true parameters. Run as ``python
benchmarks/dirichlet_process.py``; it prints one table and writes it to
benchmarks/dirichlet_process.csv. ``--quick`` runs small sizes and writes nothing.
"""

import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import BayesianGaussianMixture
from threadpoolctl import threadpool_limits

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.mixtures import ZeroMeanDPMixture

K, CONCENTRATION = 20, 1.0
SIZES = (1_000, 5_000, 20_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000,)
LARGEST_FOR_SKLEARN = 20_000
TRAITS = (2, 3, 4)
N_TEST = 20_000
N_THREADS = 1
COLUMNS = (
    "n",
    "traits",
    "true_components",
    "seconds_ours",
    "seconds_sklearn",
    "time_ratio",
    "peak_mb_ours",
    "peak_mb_sklearn",
    "converged_ours",
    "converged_sklearn",
    "components_ours",
    "components_sklearn",
    "density_ours",
    "density_sklearn",
    "ari_true",
    "ari_ours",
    "ari_sklearn",
)


def kinds_of_variant(d):
    """Weights and covariances: null, one kind for each trait, one shared by the first two."""
    axes = np.eye(d)
    shared = np.zeros((d, d))
    shared[:2, :2] = [[1, 0.7], [0.7, 1]]
    covariances = np.array([0 * axes, *[np.outer(a, a) for a in axes], shared]) + 0.02 * axes
    weights = np.array([0.7] + [0.3 / (d + 1)] * (d + 1))
    return weights, covariances


def draw(n, d, rng):
    """Rows and their true components."""
    weights, covariances = kinds_of_variant(d)
    labels = rng.choice(len(weights), n, p=weights)
    roots = np.linalg.cholesky(covariances)[labels]
    return np.einsum("nij,nj->ni", roots, rng.standard_normal((n, d))), labels


def log_joint(X, weights, covariances):
    """Log of weight times density, (n, components)."""
    zero = np.zeros(X.shape[1])
    densities = [multivariate_normal(zero, c).logpdf(X) for c in covariances]
    with np.errstate(divide="ignore"):  # a weight of zero has the right logarithm
        return np.log(weights) + np.array(densities).T


def prior_of(X):
    """What ours takes by default, for both."""
    unit = np.median(np.abs(X), axis=0) / 0.6744897501960817
    return X.shape[1] + 2.0, np.diag(unit**2)


def ours(X):
    return ZeroMeanDPMixture(K, CONCENTRATION, n_init=1, random_state=1)


def theirs(X):
    dof, scale = prior_of(X)
    return BayesianGaussianMixture(
        n_components=K,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=CONCENTRATION,
        mean_prior=np.zeros(X.shape[1]),
        mean_precision_prior=1e8,
        degrees_of_freedom_prior=dof,
        # its covariance prior is the inverse scale of the Wishart law, as ours
        covariance_prior=scale,
        reg_covar=0,
        max_iter=2_000,
        random_state=1,
    )


def fit(make, X):
    """Fitted estimator and seconds; non-convergence is reported in the table, not warned of."""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = make(X).fit(X)
    return estimator, time.perf_counter() - begin


def peak_megabytes(make, X):
    """Peak of what NumPy allocates during a fit, above the data."""
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        make(X).set_params(max_iter=10).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def results(make, X, labels, test, best):
    """Time, memory and quality of one method."""
    estimator, seconds = fit(make, X)
    plug_in = logsumexp(log_joint(test, estimator.weights_, estimator.covariances_), axis=1)
    return {
        "seconds": seconds,
        "peak_mb": f"{peak_megabytes(make, X):.1f}",
        "converged": int(estimator.converged_),
        "components": int(np.sum(estimator.weights_ >= 0.01)),
        "density": f"{plug_in.mean() - best:.5f}",
        "ari": f"{adjusted_rand_score(labels, estimator.predict(X)):.3f}",
    }


def compare(n, d):
    """One row of the table."""
    rng = np.random.default_rng([4, n, d])
    X, labels = draw(n, d, rng)
    test, _ = draw(N_TEST, d, rng)
    truth = kinds_of_variant(d)
    best = logsumexp(log_joint(test, *truth), axis=1).mean()
    row = {"n": n, "traits": d, "true_components": len(truth[0])}
    row["ari_true"] = f"{adjusted_rand_score(labels, log_joint(X, *truth).argmax(axis=1)):.3f}"
    makers = {"ours": ours} | ({"sklearn": theirs} if n <= LARGEST_FOR_SKLEARN else {})
    seconds = {}
    for name, make in makers.items():
        found = results(make, X, labels, test, best)
        seconds[name] = found.pop("seconds")
        row[f"seconds_{name}"] = f"{seconds[name]:.2f}"
        row |= {f"{key}_{name}": value for key, value in found.items()}
    if "sklearn" in seconds:
        row["time_ratio"] = f"{seconds['ours'] / seconds['sklearn']:.3f}"
    return row


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    print(f"K = {K}, one start each, {N_THREADS} thread, {blas_name()}")
    rows = (compare(n, d) for n in (QUICK_SIZES if quick else SIZES) for d in TRAITS)
    with threadpool_limits(N_THREADS):
        return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
