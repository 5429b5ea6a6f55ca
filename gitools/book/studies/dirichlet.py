"""Studies of mixtures about zero on many simulated data sets, and the exact posterior by Gibbs."""

import os
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp
from scipy.stats import multivariate_normal, wishart
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from gitools.mixtures._stick_ascent import begin, climb, merge, random_starts
from gitools.mixtures._sticks import SharedNoise, StickFactors, StickPrior, normalise
from gitools.mixtures.dirichlet_process import ZeroMeanDPMixture

# Covariance of the effects of a single kind of variant on two traits.
ONE_KIND = ((1.0, 0.5), (0.5, 1.0))


def four_kinds():
    """Variants of no effect (nearly), on trait A, on B, on both: covariances and weights."""
    little = np.eye(2) / 75
    large = np.array([[[0, 0], [0, 0]], [[1, 0], [0, 0]], [[0, 0], [0, 1]], [[1, 0.8], [0.8, 1]]])
    return large + little, np.array([0.64, 0.12, 0.12, 0.12])


def draw_cut(covariance, rng, n=1000, cutoff=2.5):
    """Rows of one Gaussian, of which some entry exceeds `cutoff` standard deviations."""
    X, _ = draw_mixture([covariance], [1.0], 80 * n, rng)
    passed = (np.abs(X) > cutoff * np.sqrt(np.diag(covariance))).any(axis=1)
    return X[passed][:n]


def draw_heavy(covariance, rng, n=2000, dof=4):
    """Rows of a bivariate t distribution."""
    X, _ = draw_mixture([covariance], [1.0], n, rng)
    return X / np.sqrt(rng.chisquare(dof, (n, 1)) / dof)


def draw_from_prior(n, concentration, dof, scale, rng, n_sticks=100):
    """Rows and kinds of a mixture that is itself drawn from the Dirichlet process's prior."""
    v = rng.beta(1, concentration, n_sticks)
    v[-1] = 1
    weights = v * np.append(1, np.cumprod(1 - v[:-1]))
    precisions = wishart(dof, np.linalg.inv(scale)).rvs(n_sticks, random_state=rng)
    return draw_mixture(np.linalg.inv(precisions), weights / weights.sum(), n, rng)


def bar(iterable):
    """Progress that readers see and tests don't."""
    return tqdm(iterable, disable=bool(os.environ.get("GITOOLS_QUIET")))


def draw_mixture(covariances, weights, n, rng):
    """Rows of a mixture about zero, (n, d), and the component of each, (n,)."""
    labels = rng.choice(len(weights), n, p=weights)
    roots = np.linalg.cholesky(np.asarray(covariances))[labels]
    return np.einsum("nij,nj->ni", roots, rng.standard_normal((n, roots.shape[-1]))), labels


def log_densities(X, covariances):
    """Log density of each row under each component, (n, K)."""
    zero = np.zeros(X.shape[1])
    return np.array([multivariate_normal(zero, c).logpdf(X) for c in covariances]).T


class KindStudy(NamedTuple):
    """One entry for each data set.

    Attributes
    ----------
    n_clusters : int array of shape (n_datasets,)
    ari_true, ari_fitted, ari_unweighted : float arrays of shape (n_datasets,)
        Adjusted Rand index of the labels that the true parameters give, the fitted ones, and the
        fitted ones without their weights (among components of weight at least 0.01).
    density_loss : float array of shape (n_datasets,)
        Mean log density of fresh rows under the truth less that under the fit.
    """

    n_clusters: np.ndarray
    ari_true: np.ndarray
    ari_fitted: np.ndarray
    ari_unweighted: np.ndarray
    density_loss: np.ndarray


def study_kinds(covariances, weights, n, n_datasets, *, n_fresh=5000, random_state=None):
    """Fit many data sets drawn from one mixture, one start each.

    Parameters
    ----------
    covariances : array of shape (K, d, d)
    weights : array of shape (K,)
    n, n_datasets, n_fresh : int
        Rows of a data set, number of data sets, rows on which densities are compared.
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    KindStudy
    """
    rng = np.random.default_rng(random_state)
    found = []
    for _ in bar(range(n_datasets)):
        X, labels = draw_mixture(covariances, weights, n, rng)
        fresh, _ = draw_mixture(covariances, weights, n_fresh, rng)
        mixture = ZeroMeanDPMixture(n_init=1, random_state=rng).fit(X)
        kept = mixture.weights_ >= mixture.min_weight
        densest = log_densities(X, mixture.covariances_[kept]).argmax(axis=1)
        truth = np.log(weights) + log_densities(X, covariances)
        best = logsumexp(np.log(weights) + log_densities(fresh, covariances), axis=1).mean()
        found.append(
            (
                mixture.n_clusters_,
                adjusted_rand_score(labels, truth.argmax(axis=1)),
                adjusted_rand_score(labels, mixture.predict(X)),
                adjusted_rand_score(labels, densest),
                best - mixture.score(fresh),
            )
        )
    return KindStudy(*(np.array(column) for column in zip(*found, strict=True)))


class OneKindStudy(NamedTuple):
    """One entry for each data set.

    Attributes
    ----------
    n_clusters : int array of shape (n_datasets,)
    variance, correlation : float arrays of shape (n_datasets,)
        Mean variance over the two traits, and correlation, of the heaviest component.
    """

    n_clusters: np.ndarray
    variance: np.ndarray
    correlation: np.ndarray


def study_one_kind(draw, n_datasets, *, random_state=None):
    """Fit many data sets of a single kind of variant on two traits, one start each.

    Parameters
    ----------
    draw : callable
        From a numpy Generator to a data set, (n, 2).
    n_datasets : int
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    OneKindStudy
    """
    rng = np.random.default_rng(random_state)
    found = []
    for _ in bar(range(n_datasets)):
        mixture = ZeroMeanDPMixture(n_init=1, random_state=rng).fit(draw(rng))
        heaviest = mixture.covariances_[mixture.weights_.argmax()]
        correlation = heaviest[0, 1] / np.sqrt(heaviest[0, 0] * heaviest[1, 1])
        found.append((mixture.n_clusters_, np.trace(heaviest) / 2, correlation))
    return OneKindStudy(*(np.array(column) for column in zip(*found, strict=True)))


def climb_from_many_starts(X, n_components, concentration, n_starts, *, random_state=None):
    """Where sweeps without merges end, from many starts.

    Parameters
    ----------
    X : array of shape (n, d)
        In units of each trait's typical size: the prior has nu_0 = d + 2 and S_0 = I.
    n_components, n_starts : int
    concentration : float
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    elbos : array of shape (n_starts,)
    n_occupied : int array of shape (n_starts,)
        Components with at least a hundredth of the rows.
    """
    d = X.shape[1]
    prior = StickPrior(concentration, d + 2.0, np.eye(d))
    rng = np.random.default_rng(random_state)
    state = begin(random_starts(X, n_components, n_starts, rng))
    climb(SharedNoise(X, np.zeros((d, d))), state, prior, 1e-8, 5000)
    occupied = (state.statistics.counts >= len(X) / 100).sum(axis=1)
    return state.elbos, occupied


class GibbsPosterior(NamedTuple):
    """Exact posterior of partitions, up to Monte Carlo error.

    Attributes
    ----------
    n_clusters : int array of shape (n_kept, n_datasets)
        Number of clusters after each kept sweep.
    together : float array of shape (n_datasets, n, n)
        Probability that two rows share a cluster.
    """

    n_clusters: np.ndarray
    together: np.ndarray


def gibbs_clusters(X, concentration, dof, scales, n_sweeps, n_dropped, *, random_state=None):
    """Collapsed Gibbs sampling of Dirichlet-process mixtures about zero, many data sets at once.

    One row at a time leaves its cluster and joins one with probability proportional to the
    cluster's size times the row's predictive density there, or founds one with the concentration
    in the place of the size. Weights and precisions are integrated out.

    Parameters
    ----------
    X : array of shape (n_datasets, n, 2)
    concentration, dof : float
        alpha and nu_0.
    scales : array of shape (n_datasets, 2, 2)
        S_0 of each data set.
    n_sweeps, n_dropped : int
        Sweeps in all, and how many of the first are dropped.
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    GibbsPosterior

    References
    ----------
    Neal, R. M. (2000). Markov chain sampling methods for Dirichlet process mixture models.
    Journal of Computational and Graphical Statistics 9, 249-265 (algorithm 3).
    """
    rng = np.random.default_rng(random_state)
    n_datasets, n, d = X.shape
    slots, at = min(n, 25), np.arange(n_datasets)
    outer = X[..., :, None] * X[..., None, :]
    labels = np.zeros((n_datasets, n), dtype=int)
    counts = np.zeros((n_datasets, slots), dtype=int)
    counts[:, 0] = n
    scatters = np.repeat(scales[:, None], slots, axis=1)
    scatters[:, 0] += outer.sum(axis=1)
    table = _predictive_constants(dof, d, n)
    n_clusters, together = [], np.zeros((n_datasets, n, n))
    for sweep_number in bar(range(n_sweeps)):
        for i in range(n):
            old = labels[:, i]
            counts[at, old] -= 1
            scatters[at, old] -= outer[:, i]
            log_odds = _log_size(counts, concentration) + _log_predictive(
                X[:, i], counts, scatters, table, dof
            )
            new = (log_odds + rng.gumbel(size=log_odds.shape)).argmax(axis=1)
            labels[:, i] = new
            counts[at, new] += 1
            scatters[at, new] += outer[:, i]
        if sweep_number >= n_dropped:
            n_clusters.append((counts > 0).sum(axis=1))
            together += labels[:, :, None] == labels[:, None, :]
    return GibbsPosterior(np.array(n_clusters), together / len(n_clusters))


def _log_size(counts, concentration):
    """Log of each cluster's size; alpha for the first empty slot, none for the others."""
    with np.errstate(divide="ignore"):
        log_size = np.log(counts)
    empty = (counts == 0).argmax(axis=1)
    has_empty = (counts == 0).any(axis=1)
    log_size[has_empty, empty[has_empty]] = np.log(concentration)
    return log_size


def _predictive_constants(dof, d, n):
    nu = dof + np.arange(n + 1)
    return gammaln((nu + 1) / 2) - gammaln((nu + 1 - d) / 2) - d / 2 * np.log(np.pi)


def _log_predictive(x, counts, scatters, table, dof):
    """Log of the t density of x (D, 2) given the rows of each slot, (D, slots)."""
    a, b, c = scatters[..., 0, 0], scatters[..., 0, 1], scatters[..., 1, 1]
    det = a * c - b * b
    form = c * x[:, :1] ** 2 - 2 * b * x[:, :1] * x[:, 1:] + a * x[:, 1:] ** 2
    return table[counts] - np.log(det) / 2 - (dof + counts + 1) / 2 * np.log1p(form / det)


def variational_responsibilities(X, concentration, dof, scale, *, n_starts=5, random_state=None):
    """q(z_i = k) of the best of several fits with merges, (n, 20), for a given prior."""
    rng = np.random.default_rng(random_state)
    prior = StickPrior(concentration, dof, scale)
    data = SharedNoise(X, np.zeros_like(scale))
    unit = np.sqrt(np.diag(scale))
    starts = random_starts(X / unit, 20, n_starts, rng)
    starts.scatters[:] *= np.outer(unit, unit)
    state = begin(starts)
    for tol in (1e-4, 1e-8):
        climb(data, state, prior, tol, 5000)
        for run in range(n_starts):
            merge(data, state, run, prior, tol, 5000)
    best = state.statistics.take([int(np.argmax(state.elbos))])
    return normalise(data.log_joint(StickFactors(best, prior)))[1][0].T


class PairStudy(NamedTuple):
    """Variational answer beside the exact posterior, one entry for each data set.

    Attributes
    ----------
    exact_clusters, variational_clusters : float arrays of shape (n_datasets,)
        Posterior mean number of clusters; number of components that are the most probable one
        of some row.
    exact_loss, variational_loss : float arrays of shape (n_datasets,)
        Log loss of the probabilities that two rows are of one kind, mean over pairs.
    exact_pairs, variational_pairs : arrays of shape (n_datasets, n (n - 1) / 2)
        Those probabilities, of each pair.
    same : bool array of shape (n_datasets, n (n - 1) / 2)
        Whether the pair is of one kind.
    """

    exact_clusters: np.ndarray
    variational_clusters: np.ndarray
    exact_loss: np.ndarray
    variational_loss: np.ndarray
    exact_pairs: np.ndarray
    variational_pairs: np.ndarray
    same: np.ndarray


def study_pairs(draw, n_datasets, n_sweeps, n_dropped, *, random_state=None):
    """Compare the variational answer with Gibbs sampling on many small data sets.

    Both use concentration 1, nu_0 = 4 and S_0 = I. Probabilities are kept within 1e-3 and
    1 - 1e-3 in the log loss of both: Gibbs draws cannot tell smaller ones from zero.

    Parameters
    ----------
    draw : callable
        From a numpy Generator to rows (n, 2) and their kinds (n,).
    n_datasets, n_sweeps, n_dropped : int
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    PairStudy
    """
    rng = np.random.default_rng(random_state)
    drawn = [draw(rng) for _ in range(n_datasets)]
    X = np.array([rows for rows, _ in drawn])
    n = X.shape[1]
    scales = np.repeat(np.eye(2)[None], n_datasets, axis=0)
    gibbs = gibbs_clusters(X, 1.0, 4.0, scales, n_sweeps, n_dropped, random_state=rng)
    q = [variational_responsibilities(rows, 1.0, 4.0, np.eye(2), random_state=rng) for rows in X]
    first, second = np.triu_indices(n, 1)
    exact = gibbs.together[:, first, second]
    variational = np.array([(r @ r.T)[first, second] for r in q])
    same = np.array([labels[first] == labels[second] for _, labels in drawn])
    return PairStudy(
        gibbs.n_clusters.mean(axis=0),
        np.array([len(np.unique(r.argmax(axis=1))) for r in q], dtype=float),
        _log_loss(exact, same),
        _log_loss(variational, same),
        exact,
        variational,
        same,
    )


def _log_loss(probability, same):
    probability = np.clip(probability, 1e-3, 1 - 1e-3)
    return -np.log(np.where(same, probability, 1 - probability)).mean(axis=1)
