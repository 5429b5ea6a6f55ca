"""Does this LD matrix belong to these z scores? Two diagnostics to ask before fine-mapping.

If R is the LD of the z scores' own sample, z ~ N(R b, R), so that what one variant's z score
should be can be told from its neighbours'. With LD from elsewhere it cannot.

Reference
---------
Zou, Y., Carbonetto, P., Wang, G. and Stephens, M. (2022). Fine-mapping from summary data with the
"Sum of Single Effects" model. PLOS Genetics 18, e1010299.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar, nnls
from scipy.special import logsumexp

from gitools.shrinkage._checks import check_number, check_summary_statistics
from gitools.shrinkage.susie import adjusted_z

# Eigenvalues below this are zero but for rounding.
_ZERO_EIGENVALUE = 1e-8
_SMALLEST_S = 1e-12
_GRID_OF_S = 60
# Grid of the scale mixture of kriging: ratio between neighbours, and smallest scale.
_SCALE_RATIO, _SMALLEST_SCALE = 1.05, 0.8
_MAX_STEPS, _GRADIENT_TOLERANCE, _SMALLEST_FRACTION = 100, 1e-8, 1e-8


class KrigingResult(NamedTuple):
    """Each z score beside what its neighbours make of it.

    Attributes
    ----------
    z : array of shape (p,)
        The z scores, adjusted for the share of variance that a variant explains.
    conditional_mean, conditional_variance : array of shape (p,)
        Of each z score, given all others.
    standardised_difference : array of shape (p,)
        z minus its conditional mean, in conditional standard deviations.
    log_flip_ratio : array of shape (p,)
        Log-likelihood ratio of a flipped sign (the alleles exchanged) against the sign given.
        Above 2 at an absolute z score above 2 is a reason to look at the alleles.
    """

    z: np.ndarray
    conditional_mean: np.ndarray
    conditional_variance: np.ndarray
    standardised_difference: np.ndarray
    log_flip_ratio: np.ndarray


def estimate_s_rss(z, R, n):
    """How far z and R contradict each other: 0 not at all, 1 as if R said nothing.

    Maximum likelihood of s in z ~ N(0, (1 - s) R + s I), Zou et al. (2022): R alone forbids
    what lies along its small eigenvalues.

    Parameters
    ----------
    z : array-like of shape (p,)
        Marginal z scores.
    R : array-like of shape (p, p)
        Correlations between the variants (LD).
    n : float
        Number of individuals behind z, above 2.

    Returns
    -------
    float
        Between 0 and 1. With LD from the sample itself next to 0 (below 1e-8).

    Raises
    ------
    ValueError
        If an argument is not numeric or finite, the sizes disagree, n is not above 2, or R is
        not a correlation matrix.
    """
    z, R, n = _check(z, R, n)
    values, vectors = _eigen(R)
    return _maximum_likelihood_s(values, vectors.T @ adjusted_z(z, n))


def kriging_rss(z, R, n, s=None):
    """Compare each z score with its conditional distribution given all others.

    Parameters
    ----------
    z : array-like of shape (p,)
        Marginal z scores.
    R : array-like of shape (p, p)
        Correlations between the variants (LD).
    n : float
        Number of individuals behind z, above 2.
    s : float, optional
        Share of the identity mixed into R, above 0 where R is singular. Default: as
        `estimate_s_rss`.

    Returns
    -------
    KrigingResult
        After Zou et al. (2022). The flip ratio is under a scale mixture of normals for
        the standardised differences, fitted to all of them.

    Raises
    ------
    ValueError
        If an argument is not numeric or finite, the sizes disagree, n is not above 2, R is not a
        correlation matrix, or s is not between 0 and 1.
    """
    z, R, n = _check(z, R, n)
    z = adjusted_z(z, n)
    values, vectors = _eigen(R)
    if s is None:
        s = _maximum_likelihood_s(values, vectors.T @ z)
    s = check_number(s, "s", low=0, high=1)
    mixed = (1 - s) * values + s
    # Directions that cannot vary carry no information, rather than infinitely much.
    inverse = np.where(mixed > 0, 1 / np.where(mixed > 0, mixed, 1), 0)
    precision = (vectors * inverse) @ vectors.T
    variance = 1 / np.diag(precision)
    mean = z - variance * (precision @ z)
    difference = (z - mean) / np.sqrt(variance)
    return KrigingResult(z, mean, variance, difference, _log_flip_ratio(z, mean, variance))


def _check(z, R, n):
    z, R, n = check_summary_statistics(z, R, n, name="z")
    if n <= 2:
        raise ValueError(f"n: got {n:g}, expected more than 2, as z scores have n - 2 df.")
    return z, R, n


def _eigen(R):
    values, vectors = np.linalg.eigh(R)
    return np.where(values < _ZERO_EIGENVALUE, 0.0, values), vectors


def _maximum_likelihood_s(values, rotated):
    """Maximise over log s on a grid, then between its best point's neighbours."""

    def loss(log_s):
        variance = (1 - np.exp(log_s)) * values + np.exp(log_s)
        return 0.5 * np.sum(np.log(variance) + rotated**2 / variance)

    grid = np.linspace(np.log(_SMALLEST_S), 0, _GRID_OF_S)
    best = int(np.argmin([loss(point) for point in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, _GRID_OF_S - 1)]
    refined = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    return float(np.exp(min([refined, grid[best]], key=loss)))


def _log_flip_ratio(z, mean, variance):
    largest = np.max((z - mean) ** 2 / variance)
    top = 2.0 if largest < 1 else 2 * np.sqrt(largest)
    n_scales = int(np.ceil(np.log(top / _SMALLEST_SCALE) / np.log(_SCALE_RATIO)))
    scales = np.sqrt(variance)[:, None] * top * _SCALE_RATIO ** np.arange(-n_scales, 1.0)
    as_given = _log_normal((z - mean)[:, None], scales)
    flipped = _log_normal((z + mean)[:, None], scales)
    log_weights = np.log(_mixture_weights(as_given) + 1e-15)
    return logsumexp(flipped + log_weights, axis=1) - logsumexp(as_given + log_weights, axis=1)


def _log_normal(deviation, sd):
    return -0.5 * (deviation / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def _mixture_weights(log_densities):
    """Weights of highest likelihood, for log densities of shape (p, components).

    Wang, Y. (2007), Journal of the Royal Statistical Society B 69, 185-198: the log-likelihood's
    quadratic expansion is maximised under the constraints by non-negative least squares, with a
    line search between the weights and its solution.
    """
    densities = np.exp(log_densities - log_densities.max(axis=1, keepdims=True))
    p, n_components = densities.shape
    weights = np.full(n_components, 1 / n_components)
    for _ in range(_MAX_STEPS):
        relative = densities / (densities @ weights)[:, None]
        # At the maximum no component's gradient exceeds one.
        if relative.mean(axis=0).max() < 1 + _GRADIENT_TOLERANCE:
            break
        heavy = 1e3 * np.sqrt(p)
        system = np.vstack([relative, np.full(n_components, heavy)])
        target = nnls(system, np.append(np.full(p, 2.0), heavy))[0]
        step = target / target.sum() - weights
        if (fraction := _line_search(relative @ step)) == 0:
            break
        weights = np.maximum(weights + fraction * step, 0)
    return weights


def _line_search(direction):
    """Largest of 1, 1/2, 1/4, ... that raises the mean log likelihood enough; 0 if none does."""
    promised = direction.mean()
    fraction = 1.0
    while fraction > _SMALLEST_FRACTION:
        ratio = 1 + fraction * direction
        if ratio.min() > 0 and np.log(ratio).mean() >= fraction * promised / 3:
            return fraction
        fraction /= 2
    return 0.0
