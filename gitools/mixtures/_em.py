"""Expectation and maximisation steps of a Gaussian mixture, on data grouped by what is missing.

Covariances come in two forms here: dense, of shape (K, d, d), for the full and tied families,
and variances, of shape (K, d), for the diagonal and spherical ones. K is the number of
components, d of features, p of features observed in a pattern of missing entries.

References
----------
Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete data
via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

Little, R. J. A. and Rubin, D. B. (2019). Statistical Analysis with Missing Data, 3rd ed.,
chapter 11 (a normal sample with missing values).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtrtri

# Working arrays of about a megabyte stay in the processor's cache between the two steps.
_CHUNK_ENTRIES = 2**17
# Below this variance (of standardised data) rounding decides what a covariance is.
_SINGULAR = 1e-12
# A component with fewer expected members has no mean to estimate.
_EMPTY = 1e-200


@dataclass(frozen=True)
class Pattern:
    """Samples that miss the same features.

    Attributes
    ----------
    rows : int array of shape (n_rows,)
        Which samples.
    observed : int array of shape (p,)
        Which features they have.
    values : float array of shape (p, n_rows)
        Their values; a feature's values lie side by side in memory.
    """

    rows: np.ndarray
    observed: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Parameters:
    """Weights (K,), means (K, d) and covariances (K, d, d) or variances (K, d)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


@dataclass(frozen=True)
class Statistics:
    """Expected sufficient statistics: moments of each component about fixed centres.

    Attributes
    ----------
    counts : array of shape (K,)
        Expected number of samples.
    first : array of shape (K, d)
        Sum of responsibility times deviation from the centre.
    second : array of shape (K, d, d), or (K, d) for the diagonals
        Sum of responsibility times products of deviations.
    """

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray


def split_by_pattern(X):
    """Group the rows of X (n, d) by which entries are NaN; returns a list of `Pattern`."""
    missing = np.isnan(X)
    n_features = X.shape[1]
    if not missing.any():
        values = np.ascontiguousarray(X.T)
        return [Pattern(np.arange(len(X)), np.arange(n_features), values)]
    kinds, membership = np.unique(missing, axis=0, return_inverse=True)
    order = np.argsort(membership.ravel(), kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(membership.ravel()))[:-1])
    patterns = []
    for kind, rows in zip(kinds, groups, strict=True):
        observed = np.flatnonzero(~kind)
        patterns.append(Pattern(rows, observed, np.ascontiguousarray(X[np.ix_(rows, observed)].T)))
    return patterns


def log_joint_density(patterns, parameters, n_samples):
    """Log of weight times density of the observed entries, shape (n_samples, K)."""
    log_joint = np.empty((n_samples, len(parameters.weights)))
    for pattern in patterns:
        gaussians = _ObservedGaussians(parameters, pattern.observed)
        for chunk in _chunks(pattern, parameters.means.size):
            deviations = gaussians.deviations(pattern.values[:, chunk])
            log_joint[pattern.rows[chunk]] = gaussians.log_joint(deviations).T
    return log_joint


def normalise(log_joint):
    """Split log joint densities (K, n) into log densities (n,) and responsibilities (K, n).

    The largest term is taken out first, so that a sample far from every component, whose
    densities are all zero in floating point, still gets responsibilities that sum to one.
    The array given is overwritten by the responsibilities.
    """
    largest = log_joint.max(axis=0)
    log_joint -= largest
    responsibilities = np.exp(log_joint, out=log_joint)
    total = responsibilities.sum(axis=0)
    responsibilities /= total
    return largest + np.log(total), responsibilities


def expectation_step(patterns, parameters):
    """Log-likelihood and expected sufficient statistics about the present means.

    Taking the moments about the present means, not about zero, keeps full precision where a
    component is narrow beside its distance from the origin.

    Parameters
    ----------
    patterns : list of Pattern
    parameters : Parameters

    Returns
    -------
    log_likelihood : float
        Sum over samples of the log density of the observed entries.
    statistics : Statistics
    """
    log_likelihood = 0.0
    total = _zero_statistics(parameters.means.shape, parameters.covariances.ndim)
    for pattern in patterns:
        gaussians = _ObservedGaussians(parameters, pattern.observed)
        observed = _zero_statistics(gaussians.means.shape, parameters.covariances.ndim)
        for chunk in _chunks(pattern, parameters.means.size):
            deviations = gaussians.deviations(pattern.values[:, chunk])
            log_density, responsibilities = normalise(gaussians.log_joint(deviations))
            log_likelihood += log_density.sum()
            _accumulate(observed, responsibilities, deviations)
        _add_completed(total, observed, gaussians)
    return log_likelihood, total


def weighted_moments(values, responsibilities, dense):
    """Statistics of complete data for given responsibilities, and the centres they refer to.

    Parameters
    ----------
    values : array of shape (d, n)
    responsibilities : array of shape (K, n)
        No component may have a sum of zero.
    dense : bool
        Whether products of different features are wanted.

    Returns
    -------
    centres : array of shape (K, d)
        The components' weighted means.
    statistics : Statistics
    """
    centres = responsibilities @ values.T / responsibilities.sum(axis=1, keepdims=True)
    statistics = _zero_statistics(centres.shape, 3 if dense else 2)
    step = max(256, _CHUNK_ENTRIES // centres.size)
    for begin in range(0, values.shape[1], step):
        chunk = slice(begin, begin + step)
        deviations = values[None, :, chunk] - centres[:, :, None]
        _accumulate(statistics, responsibilities[:, chunk], deviations)
    return centres, statistics


def maximisation_step(statistics, parameters, covariance_type, floor, prior):
    """Parameters that maximise the expected complete-data log posterior.

    With N_k expected members, scatter W_k about the new mean, and the prior's alpha, nu and
    Lambda (alpha = 1 and no covariance prior for maximum likelihood):
    weight (N_k + alpha_k - 1) / (n + sum(alpha - 1)); covariance
    (W_k + Lambda) / (N_k + nu + d + 1), its diagonal, its mean diagonal entry, or, tied,
    (sum of W_k + Lambda) / (n + nu + d + 1). Eigenvalues under the floor are raised to it, which
    is the exact maximum over covariances whose eigenvalues are at least the floor.

    Parameters
    ----------
    statistics : Statistics
        About the means of `parameters`.
    parameters : Parameters
        The present ones; a component without members keeps its mean (and, without a prior,
        its covariance).
    covariance_type : {"full", "diag", "spherical", "tied"}
    floor : float
        In squared standardised units.
    prior : ScaledPrior

    Returns
    -------
    Parameters

    Raises
    ------
    ValueError
        If a covariance is singular in spite of floor and prior.
    """
    counts = statistics.counts
    empty = counts < _EMPTY
    members = np.where(empty, 1.0, counts)
    shift = np.where(empty[:, None], 0.0, statistics.first / members[:, None])
    scatter = statistics.second - _outer_products(shift, counts, statistics.second.ndim)
    extra = prior.concentration - 1
    weights = (counts + extra) / (counts.sum() + extra.sum())
    covariances = _pooled_covariances(scatter, counts, covariance_type, prior)
    if prior.exponent == 0 and covariance_type != "tied":
        keep = empty.reshape((-1,) + (1,) * (covariances.ndim - 1))
        covariances = np.where(keep, parameters.covariances, covariances)
    covariances = raise_to_floor(covariances, floor)
    return Parameters(weights, parameters.means + shift, covariances)


def raise_to_floor(covariances, floor):
    """Raise eigenvalues (or variances) under the floor to it; leave the others untouched.

    Raises ValueError, naming the component, where a covariance is singular even so.
    """
    if covariances.ndim == 2:
        _check_not_singular(covariances.min(axis=1), floor)
        return np.maximum(covariances, floor)
    eigenvalues, eigenvectors = np.linalg.eigh(covariances)
    smallest = eigenvalues[:, 0]
    _check_not_singular(smallest, floor)
    low = smallest < floor
    if not low.any():
        return covariances
    raised = covariances.copy()
    vectors = eigenvectors[low]
    clipped = np.maximum(eigenvalues[low], floor)
    raised[low] = (vectors * clipped[:, None, :]) @ vectors.transpose(0, 2, 1)
    return raised


def _check_not_singular(smallest, floor):
    if max(smallest.min(), floor) >= _SINGULAR:
        return
    component = int(np.argmin(smallest))
    raise ValueError(
        f"Component {component} collapsed: its covariance is singular (smallest eigenvalue "
        f"{max(smallest[component], 0.0):.1e} of the data's variance), so the likelihood has no "
        f"maximum. Raise floor (got {floor:g}, expected for example 1e-6), set a prior with a "
        "scale, or use fewer components."
    )


class _ObservedGaussians:
    """The components' densities of the observed features of one pattern."""

    def __init__(self, parameters, observed):
        self.observed = observed
        self.parameters = parameters
        self.means = parameters.means[:, observed]
        if parameters.covariances.ndim == 3:
            block = parameters.covariances[:, observed[:, None], observed]
            factor = np.linalg.cholesky(block)
            scales = np.diagonal(factor, axis1=1, axis2=2)
            self.whitener = _invert_triangular(factor)
        else:
            scales = np.sqrt(parameters.covariances[:, observed])
            self.whitener = 1 / scales
        with np.errstate(divide="ignore"):  # a weight of zero has the right logarithm, -inf
            log_weights = np.log(parameters.weights)
        log_scale = np.log(scales).sum(axis=1) + 0.5 * len(observed) * np.log(2 * np.pi)
        self.offset = log_weights - log_scale

    def deviations(self, values):
        """Values (p, n) minus each component's mean: shape (K, p, n)."""
        return values[None] - self.means[:, :, None]

    def log_joint(self, deviations):
        """Log of weight times density, shape (K, n)."""
        with np.errstate(over="ignore", invalid="ignore"):  # caught below, as an error
            if self.whitener.ndim == 3:
                whitened = self.whitener @ deviations
            else:
                whitened = self.whitener[:, :, None] * deviations
            np.multiply(whitened, whitened, out=whitened)
            log_joint = whitened.sum(axis=1)
        log_joint *= -0.5
        log_joint += self.offset[:, None]
        if not np.isfinite(log_joint.max(axis=0)).all():
            raise ValueError(
                "X: got a value more than 1e150 standard deviations from every component, "
                "expected values whose squares are finite; rescale or drop it."
            )
        return log_joint


def _invert_triangular(factors):
    """Inverses of lower triangular matrices, shape (K, p, p)."""
    inverses = np.zeros_like(factors)
    if factors.size:
        for inverse, factor in zip(inverses, factors, strict=True):
            inverse[:] = dtrtri(factor, lower=1)[0]
    return inverses


def _chunks(pattern, n_entries):
    n_rows = len(pattern.rows)
    step = max(256, _CHUNK_ENTRIES // n_entries)
    return [slice(begin, begin + step) for begin in range(0, n_rows, step)]


def _zero_statistics(shape, covariance_ndim):
    n_components, n_features = shape
    second = (n_components,) + (n_features,) * (covariance_ndim - 1)
    return Statistics(np.zeros(n_components), np.zeros(shape), np.zeros(second))


def _accumulate(statistics, responsibilities, deviations):
    """Add a chunk's moments: responsibilities (K, n), deviations (K, p, n)."""
    weighted = deviations * responsibilities[:, None, :]
    statistics.counts[:] += responsibilities.sum(axis=1)
    statistics.first[:] += weighted.sum(axis=2)
    if statistics.second.ndim == 3:
        statistics.second[:] += weighted @ deviations.transpose(0, 2, 1)
    else:
        statistics.second[:] += np.einsum("kpn,kpn->kp", weighted, deviations)


def _add_completed(total, observed, gaussians):
    """Add moments of observed features, with the missing ones at their conditional moments.

    Given what is observed, a missing feature is normal: its mean is linear in the observed
    deviations, with coefficients B = S_mo S_oo^-1, and its covariance is S_mm - B S_om. So the
    expected moments follow from those of the observed features alone.
    """
    here, covariances = gaussians.observed, gaussians.parameters.covariances
    n_features = total.first.shape[1]
    if len(here) == n_features:
        for sums, more in zip(_arrays(total), _arrays(observed), strict=True):
            sums += more
        return
    absent = np.setdiff1d(np.arange(n_features), here)
    total.counts[:] += observed.counts
    if covariances.ndim == 2:
        total.first[:, here] += observed.first
        total.second[:, here] += observed.second
        total.second[:, absent] += observed.counts[:, None] * covariances[:, absent]
        return
    half = covariances[:, absent[:, None], here] @ gaussians.whitener.transpose(0, 2, 1)
    lift = np.zeros((len(covariances), n_features, len(here)))
    lift[:, here, np.arange(len(here))] = 1
    lift[:, absent] = half @ gaussians.whitener
    spread = covariances[:, absent[:, None], absent] - half @ half.transpose(0, 2, 1)
    total.first[:] += (lift @ observed.first[:, :, None])[:, :, 0]
    total.second[:] += lift @ observed.second @ lift.transpose(0, 2, 1)
    total.second[:, absent[:, None], absent] += observed.counts[:, None, None] * spread


def _arrays(statistics):
    return statistics.counts, statistics.first, statistics.second


def _outer_products(shift, counts, ndim):
    if ndim == 2:
        return counts[:, None] * shift**2
    return counts[:, None, None] * shift[:, :, None] * shift[:, None, :]


def _pooled_covariances(scatter, counts, covariance_type, prior):
    n_components, n_features = scatter.shape[:2]
    # Where nothing is known of a covariance the ratio is 0/1; the caller replaces it.
    size = counts + prior.exponent
    size = np.where(size < _EMPTY, 1.0, size)
    if covariance_type == "tied":
        pooled = (scatter.sum(axis=0) + prior.scale) / (counts.sum() + prior.exponent)
        return np.broadcast_to((pooled + pooled.T) / 2, scatter.shape)
    if covariance_type == "full":
        covariances = (scatter + prior.scale) / size[:, None, None]
        return (covariances + covariances.transpose(0, 2, 1)) / 2
    variances = (scatter + np.diag(prior.scale)) / size[:, None]
    if covariance_type == "spherical":
        common = variances.mean(axis=1, keepdims=True)
        return np.broadcast_to(common, (n_components, n_features))
    return variances
