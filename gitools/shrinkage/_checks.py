"""Checks of summary statistics, and the correlation matrix nearest to one that is none.

References
----------
Higham, N. J. (2002). Computing the nearest correlation matrix: a problem from finance.
IMA Journal of Numerical Analysis 22, 329-343.
"""

from numbers import Integral, Real

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigvalsh

# Entries kept in single precision are off by up to 6e-8; twenty times that is still rounding.
_ROUNDING = 1e-6


def check_summary_statistics(beta, R, n, *, name="beta"):
    """Check marginal effects, the LD matrix and the sample size against each other.

    Parameters
    ----------
    beta : array-like of shape (p,)
        Marginal effects in standard deviations of the trait per standard deviation of the
        dosage, or z scores.
    R : array-like of shape (p, p)
        Correlations between the variants (LD), without unit.
    n : float
        Number of people behind ``beta``, at least 2.
    name : str
        What the caller calls its first argument, for the messages.

    Returns
    -------
    beta : float array of shape (p,)
    R : float array of shape (p, p)
        Exactly symmetric, with a diagonal of exactly one. The input itself where it is so
        already, else a copy.
    n : float

    Raises
    ------
    ValueError
        If an argument is not numeric or finite, the sizes disagree, ``n`` is below 2, or ``R``
        is not symmetric, has a diagonal other than one, or has an eigenvalue below
        -1e-6 sqrt(p): more than rounding to single precision can do.
    """
    beta = finite_array(beta, name, ("p",))
    return beta, check_correlation(R, len(beta), name), check_sample_size(n)


def check_sample_size(n):
    """Check a number of people.

    Parameters
    ----------
    n : float
        At least 2; an effective size need not be an integer.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ``n`` is not one finite number of at least 2.
    """
    return check_number(n, "n", low=2)


def check_correlation(R, p, name="beta"):
    """Check that a matrix is a correlation matrix of p variables.

    Parameters
    ----------
    R : array-like of shape (p, p)
    p : int
        Number of variants.
    name : str
        The argument that has p entries, for the messages.

    Returns
    -------
    float array of shape (p, p)
        Exactly symmetric, with a diagonal of exactly one.

    Raises
    ------
    ValueError
        See `check_summary_statistics`.
    """
    R = finite_array(R, "R", ("p", "p"))
    if R.shape != (p, p):
        raise ValueError(f"R: got shape {R.shape}, expected ({p}, {p}), as {name} has {p} entries.")
    R = _symmetric_with_unit_diagonal(R)
    tolerance = _ROUNDING * np.sqrt(p)
    try:
        cholesky(R + tolerance * np.eye(p), lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        smallest = eigvalsh(R, subset_by_index=[0, 0])[0]
        if smallest < -tolerance:
            raise ValueError(
                f"R: got a smallest eigenvalue of {smallest:.3g}, expected a positive "
                f"semi-definite matrix (none below {-tolerance:.1g}). Correlations taken pair by "
                "pair, rounded or joined from several samples lose this; "
                "gitools.shrinkage.nearest_correlation(R) gives the nearest matrix that has it."
            ) from None
    return R


def _symmetric_with_unit_diagonal(R):
    asymmetry = np.abs(R - R.T).max()
    if asymmetry > _ROUNDING:
        raise ValueError(
            f"R: got entries that differ from their mirror image by up to {asymmetry:.3g}, "
            "expected a symmetric matrix."
        )
    diagonal = np.diag(R)
    worst = int(np.argmax(np.abs(diagonal - 1)))
    if abs(diagonal[worst] - 1) > _ROUNDING:
        raise ValueError(
            f"R: got {diagonal[worst]:.6g} at place {worst} of the diagonal, expected ones: "
            "R holds correlations, not covariances, and a variant that does not vary has none."
        )
    if asymmetry > 0:
        R = (R + R.T) / 2
    if np.any(np.diag(R) != 1):
        R = R.copy()
        np.fill_diagonal(R, 1.0)
    return R


def nearest_correlation(R, *, tol=1e-9, max_iter=500):
    """Correlation matrix nearest to a symmetric matrix, in the Frobenius norm.

    Alternating projections onto the positive semi-definite matrices and those with a diagonal of
    one, with Dykstra's correction (Higham 2002, algorithm 3.3).

    Parameters
    ----------
    R : array-like of shape (p, p)
        Symmetric matrix, its diagonal near one.
    tol : float
        Stop when a round of projections moves no entry by more than this.
    max_iter : int
        Most rounds, each with one eigendecomposition. What they give is a correlation matrix in
        any case.

    Returns
    -------
    float array of shape (p, p)
        Symmetric, positive semi-definite to rounding, with a diagonal of exactly one.

    Raises
    ------
    ValueError
        If ``R`` is not a finite square matrix, or not symmetric.
    """
    R = finite_array(R, "R", ("p", "p"))
    tol = check_number(tol, "tol", low=0)
    max_iter = check_count(max_iter, "max_iter")
    if R.shape[0] != R.shape[1]:
        raise ValueError(f"R: got shape {R.shape}, expected a square matrix.")
    asymmetry = np.abs(R - R.T).max()
    if asymmetry > _ROUNDING:
        raise ValueError(
            f"R: got entries that differ from their mirror image by up to {asymmetry:.3g}, "
            "expected a symmetric matrix."
        )
    current = (R + R.T) / 2
    correction = np.zeros_like(current)
    for _ in range(max_iter):
        shifted = current - correction
        projected = _positive_part(shifted)
        correction = projected - shifted
        moved = projected.copy()
        np.fill_diagonal(moved, 1.0)
        change = np.abs(moved - current).max()
        current = moved
        if change <= tol:
            break
    projected = _positive_part(current)
    sd = np.sqrt(np.diag(projected))
    nearest = projected / np.outer(sd, sd)
    np.fill_diagonal(nearest, 1.0)
    return nearest


def _positive_part(matrix):
    values, vectors = np.linalg.eigh(matrix)
    part = (vectors * np.maximum(values, 0)) @ vectors.T
    return (part + part.T) / 2


def finite_array(value, name, axes):
    """Array of finite floats with as many axes as are named.

    Parameters
    ----------
    value : array-like
    name : str
        Name of the argument, for the messages.
    axes : tuple of str
        Names of the axes, for the messages.

    Returns
    -------
    float array

    Raises
    ------
    ValueError
        If ``value`` is not numeric, empty, of another number of axes, or not finite.
    """
    wanted = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise ValueError(f"{name}: got {kind}, expected numbers of shape {wanted}.") from None
    if array.ndim != len(axes) or array.size == 0:
        raise ValueError(f"{name}: got shape {array.shape}, expected shape {wanted}.")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        raise ValueError(
            f"{name}: got {array[tuple(bad[0])]} at [{place}] ({len(bad)} such), "
            "expected finite numbers."
        )
    return array


def check_number(value, name, *, low=None, high=None, open_low=False, open_high=False):
    """One finite number within bounds.

    Parameters
    ----------
    value : float
    name : str
        Name of the argument, for the messages.
    low, high : float, optional
        Bounds.
    open_low, open_high : bool
        Whether the bound itself is excluded.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ``value`` is no finite number, or out of bounds.
    """
    wanted = "a finite number"
    if low is not None:
        wanted += f" {'above' if open_low else 'of at least'} {low:g}"
    if high is not None:
        wanted += f"{'' if low is None else ' and'} {'below' if open_high else 'at most'} {high:g}"
    number = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)
    if (
        not number
        or (low is not None and (value < low or (open_low and value == low)))
        or (high is not None and (value > high or (open_high and value == high)))
    ):
        raise ValueError(f"{name}: got {value!r}, expected {wanted}.")
    return float(value)


def check_count(value, name, low=1):
    """One integer of at least ``low``.

    Parameters
    ----------
    value : int
    name : str
        Name of the argument, for the messages.
    low : int

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If ``value`` is no integer, or below ``low``.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {low}.")
    return int(value)
