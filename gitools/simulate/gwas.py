"""Summary statistics of an association study, drawn without any person.

References
----------
Zhu, X. and Stephens, M. (2017). Bayesian large-scale multiple regression with summary statistics
from genome-wide association studies. Annals of Applied Statistics 11, 1561-1592.
"""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigh

_ASYMMETRY = 1e-8
_OFF_DIAGONAL = 1e-6
# Far above the pivot that rounding leaves of a copy, far below that of a correlation of 0.9999.
_SMALLEST_PIVOT = 1e-4
# An LD matrix of fewer people than variants is singular: rounding, not an error.
_NEGATIVE_EIGENVALUE = 1e-6


class SummaryStatistics(NamedTuple):
    """Marginal effects of standardised genotypes on a standardised trait.

    Attributes
    ----------
    beta : float array of shape (p,) or (n_replicates, p)
        Marginal effects, trait standard deviations per standard deviation of the dosage.
    se : float array of shape (p,)
        Their standard errors as a marginal regression reports them.
    z : float array of the shape of beta
        beta / se.
    """

    beta: np.ndarray
    se: np.ndarray
    z: np.ndarray


def simulate_summary_statistics(
    R, b, n: int, h2: float | None = None, *, n_replicates: int | None = None, random_state=None
) -> SummaryStatistics:
    r"""Draw marginal effects :math:`\hat\beta \sim N(R b,\; R\,(1-h^2)/n)`.

    This is the law of the marginal least-squares estimates over new traits of the same n people,
    with R the correlations among these very people and genotypes and trait scaled to variance 1.
    The reported standard error of a variant counts the other variants' effects as noise:
    :math:`\sqrt{(1-(Rb)_j^2)/(n-2)}`.

    Parameters
    ----------
    R : array of shape (p, p)
        LD matrix: correlations, positive semi-definite (singular ones are welcome).
    b : array of shape (p,)
        Joint standardised effects.
    n : int
        Number of people, at least 3.
    h2 : float, optional
        Variance that is not noise, in [0, 1); by default that explained by these variants, b' R b.
    n_replicates : int, optional
        Number of data sets with the same effects; one factorisation of R serves all.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    SummaryStatistics
        ``beta``, ``se`` and ``z``; ``beta`` and ``z`` have a row for each replicate if
        ``n_replicates`` is given.

    Raises
    ------
    ValueError
        If R is no correlation matrix, sizes disagree, a value is not finite or out of range, or the
        effects explain 1 or more.

    References
    ----------
    Zhu and Stephens (2017), the regression with summary statistics.
    """
    R = _check_correlations(R)
    b = _check_effects(b, len(R))
    _check_integer("n", n, 3)
    expected = R @ b
    explained = b @ expected
    noise = 1 - _check_h2(h2, explained)
    rng = np.random.default_rng(random_state)
    if n_replicates is not None:
        _check_integer("n_replicates", n_replicates, 1)
    shape = (1 if n_replicates is None else n_replicates, len(R))
    draws = rng.standard_normal(shape) @ _root(R).T
    beta = expected + np.sqrt(noise / n) * draws
    # No variant explains more than all together (Cauchy-Schwarz), but for rounding in R.
    se = np.sqrt(np.maximum(1 - expected**2, 1 - explained) / (n - 2))
    if n_replicates is None:
        beta = beta[0]
    return SummaryStatistics(beta, se, beta / se)


def _root(R):
    """A matrix A with A A' = R: Cholesky's, or the symmetric one where R is nearly singular.

    With copies among the variants, rounding decides whether Cholesky's factorisation succeeds. The
    symmetric root is unique, so that the draws are the same on every machine.
    """
    try:
        factor = cholesky(R, lower=True, check_finite=False)
        if np.diag(factor).min() > _SMALLEST_PIVOT:
            return factor
    except LinAlgError:
        pass
    values, vectors = eigh(R, check_finite=False)
    if values[0] < -_NEGATIVE_EIGENVALUE * values[-1]:
        raise ValueError(
            f"R: got smallest eigenvalue {values[0]:.3g} (largest {values[-1]:.3g}), expected a "
            "positive semi-definite matrix"
        )
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _check_correlations(R):
    R = np.asarray(R, dtype=float)
    if R.ndim != 2 or R.shape[0] != R.shape[1] or R.shape[0] == 0:
        raise ValueError(f"R: got shape {R.shape}, expected a square matrix")
    if not np.all(np.isfinite(R)):
        raise ValueError("R: got NaN or infinity, expected finite correlations")
    asymmetry = np.abs(R - R.T).max()
    if asymmetry > _ASYMMETRY:
        raise ValueError(f"R: got an asymmetry of {asymmetry:.3g}, expected a symmetric matrix")
    off = np.abs(np.diag(R) - 1).max()
    if off > _OFF_DIAGONAL:
        raise ValueError(f"R: got a diagonal off by {off:.3g}, expected ones")
    return R


def _check_effects(b, p):
    b = np.asarray(b, dtype=float)
    if b.shape != (p,):
        raise ValueError(f"b: got shape {b.shape}, expected ({p},) as R has {p} variants")
    if not np.all(np.isfinite(b)):
        raise ValueError("b: got NaN or infinity, expected finite numbers")
    return b


def _check_integer(name, value, least):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")


def _check_h2(h2, explained):
    """The variance that is not noise."""
    if not -_NEGATIVE_EIGENVALUE <= explained < 1:
        raise ValueError(
            f"b: got effects that explain {explained:.4g}, expected b' R b in [0, 1), below the "
            "trait's variance"
        )
    if h2 is None:
        return max(explained, 0.0)
    if not isinstance(h2, Real) or not 0 <= h2 < 1:
        raise ValueError(f"h2: got {h2!r}, expected a number in [0, 1)")
    return h2
