r"""Corrections for many tests that depend on each other.

Bonferroni's is a division and that of Benjamini and Hochberg is
`scipy.stats.false_discovery_control`. What neither uses is how the tests depend: a permutation
of the people does, and so does the joint normal law of two tests.

References
----------
Westfall, P. H. and Young, S. S. (1993). Resampling-Based Multiple Testing. Wiley.
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

# Correlations of permuted traits are formed for about this many entries at a time, 8 bytes each.
_ENTRIES_AT_A_TIME = 2**21
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
# Two statistics that correlate more than this are one.
_ONE_STATISTIC = 1 - 1e-9


class PermutationTest(NamedTuple):
    """Outcome of `permutation_max`.

    Attributes
    ----------
    correlation : float array of shape (p,) or (p, q)
        Correlation of each variant with y, or with each column of y.
    p_adjusted : float array of the shape of correlation
        Chance, under permutation, that the largest absolute correlation of all reaches this one.
    null_max : float array of shape (n_permutations,)
        The largest absolute correlation after each permutation.
    """

    correlation: np.ndarray
    p_adjusted: np.ndarray
    null_max: np.ndarray


def permutation_max(X, y, n_permutations: int = 999, *, random_state=None) -> PermutationTest:
    r"""Test every variant against y, and correct for their number by permuting people.

    The statistic is the absolute correlation; in a regression on one variant
    :math:`t^2 = (n-2)\, r^2 / (1-r^2)`, so that its order is that of \|t\| and of the p-value. With
    B permutations the adjusted p-value of a variant is
    :math:`(1 + \#\{b : \max_j |r_j^{(b)}| \ge |r|\}) / (1 + B)`: the single-step method of Westfall
    and Young. The chance of any false positive at level a is then at most a, whatever the LD and
    the distribution of y, if people are exchangeable under the null: unrelated, of one population,
    without covariates.

    Parameters
    ----------
    X : array of shape (n, p)
        Genotypes. A column that does not vary has correlation 0.
    y : array of shape (n,) or (n, q)
        Trait, or several functions of it, which are permuted together: one correction then covers
        all p x q tests.
    n_permutations : int
        B, at least 1.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    PermutationTest

    Raises
    ------
    ValueError
        If sizes disagree, a value is not finite, or a column of y does not vary.

    References
    ----------
    Westfall and Young (1993), section 2.3.
    """
    X, Y = _check_matrix("X", X), np.asarray(y, dtype=float)
    Y = _check_matrix("y", Y[:, None] if Y.ndim == 1 else Y)
    if len(X) != len(Y):
        raise ValueError(f"y: got {len(Y)} rows, expected {len(X)} as X has")
    integer = isinstance(n_permutations, Integral) and not isinstance(n_permutations, bool)
    if not integer or n_permutations < 1:
        raise ValueError(f"n_permutations: got {n_permutations!r}, expected an integer >= 1")
    if np.any(Y.max(axis=0) == Y.min(axis=0)):
        raise ValueError("y: got a column of equal values, expected one that varies")
    rng = np.random.default_rng(random_state)
    X, Y = _unit_columns(X), _unit_columns(Y)
    correlation = X.T @ Y
    null_max = np.empty(n_permutations)
    step = max(1, _ENTRIES_AT_A_TIME // (X.shape[1] * Y.shape[1]))
    for start in range(0, n_permutations, step):
        part = slice(start, min(start + step, n_permutations))
        orders = rng.permuted(np.tile(np.arange(len(X)), (part.stop - part.start, 1)), axis=1)
        permuted = Y[orders].transpose(1, 0, 2).reshape(len(X), -1)
        largest = np.abs(X.T @ permuted).max(axis=0)
        null_max[part] = largest.reshape(-1, Y.shape[1]).max(axis=1)
    # A permutation that leaves y as it was must count, whatever the order of the sums.
    reached = np.abs(correlation) * (1 - 1e-12)
    smaller = np.searchsorted(np.sort(null_max), reached)
    p_adjusted = (1 + n_permutations - smaller) / (1 + n_permutations)
    shape = (X.shape[1],) if np.ndim(y) == 1 else correlation.shape
    return PermutationTest(correlation.reshape(shape), p_adjusted.reshape(shape), null_max)


def smaller_of_two(p, q, correlation):
    r"""p-value of the smaller of two two-sided p-values whose statistics correlate.

    With standard normal statistics of correlation :math:`\rho`, and c the quantile that belongs to
    the smaller p-value, the result is :math:`1 - P(|Z_1| < c, |Z_2| < c)`, by quadrature.

    Parameters
    ----------
    p, q : arrays that broadcast
        p-values in [0, 1].
    correlation : array that broadcasts with them
        Correlation of the two statistics, in [-1, 1]: for two regressions on one variant, that of
        the two traits.

    Returns
    -------
    ndarray
        Between the smaller p-value and twice it. Below about 1e-14 rounding is left.

    Raises
    ------
    ValueError
        If a p-value is outside [0, 1] or a correlation outside [-1, 1].
    """
    p, q, rho = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (p, q, correlation)))
    for name, value, low in (("p", p, 0), ("q", q, 0), ("correlation", rho, -1)):
        if not np.all((value >= low) & (value <= 1)):
            raise ValueError(f"{name}: got a value outside [{low}, 1] or NaN, expected none")
    least = np.minimum(p, q)
    c = -ndtri(np.maximum(least, 1e-300) / 2)
    spread = np.sqrt(1 - np.minimum(np.abs(rho), _ONE_STATISTIC) ** 2)
    x = c[..., None] * _NODES
    # The second statistic beyond c while the first is not; what is beyond c alone is `least`.
    beyond = ndtr((rho[..., None] * x - c[..., None]) / spread[..., None])
    beyond += ndtr((-rho[..., None] * x - c[..., None]) / spread[..., None])
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return np.clip(least + c * ((density * beyond) @ _WEIGHTS), least, np.minimum(2 * least, 1))


def _unit_columns(X):
    centred = X - X.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    flat = X.max(axis=0) == X.min(axis=0)
    return np.where(flat, 0.0, centred / np.where(flat | (length == 0), 1.0, length))


def _check_matrix(name, value):
    value = np.asarray(value, dtype=float)
    if value.ndim != 2 or len(value) < 3 or value.shape[1] == 0:
        raise ValueError(f"{name}: got shape {value.shape}, expected at least 3 people in rows")
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{name}: got NaN or infinity, expected finite numbers")
    return value
