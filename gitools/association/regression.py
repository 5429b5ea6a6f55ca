"""Marginal regression: one linear regression for each variant, all of them at once.

References
----------
Frisch, R. and Waugh, F. V. (1933). Partial time regressions as compared with individual trends.
Econometrica 1, 387-401.

Devlin, B. and Roeder, K. (1999). Genomic control for association studies. Biometrics 55, 997-1004.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betaln, stdtr
from scipy.stats import chi2

# Columns are worked on in chunks of about this many entries, 8 bytes each.
_CHUNK_ENTRIES = 2**20
# A column that keeps less than this share of its variance given the covariates is rounding error.
_NO_VARIATION_LEFT = 1e-20
# Below this p-value its logarithm is taken from a continued fraction.
_TINY_P = 1e-280
_MOST_FRACTION_STEPS = 10_000


class MarginalRegression(NamedTuple):
    """One regression for each variant.

    Attributes
    ----------
    beta : float array of shape (p,)
        Effects, in units of y for one unit of x (one copy of the allele).
    se : float array of shape (p,)
        Standard errors of the effects.
    z : float array of shape (p,)
        beta / se, Student's t with n - 2 - (covariates) degrees of freedom under the null.
    p : float array of shape (p,)
        Two-sided p-values of the exact t test.
    """

    beta: np.ndarray
    se: np.ndarray
    z: np.ndarray
    p: np.ndarray


class GenomicControl(NamedTuple):
    """Outcome of `genomic_control`.

    Attributes
    ----------
    inflation : float
        Genomic inflation factor lambda.
    z : float array of shape (p,)
        Test statistics divided by sqrt(lambda), where lambda exceeds 1.
    """

    inflation: float
    z: np.ndarray


def marginal_regression(X, y, covariates=None, *, constant: str = "null") -> MarginalRegression:
    r"""Regress y on each column of X by itself, with an intercept and covariates.

    Covariates are projected out of y and of every column; what is left is a simple regression
    (Frisch and Waugh) on n - 2 - c degrees of freedom, with c covariates:

    .. math:: \hat\beta_j = \frac{x_j' y}{x_j' x_j}, \qquad
       \mathrm{se}_j = \sqrt{\frac{y'y - \hat\beta_j\, x_j' y}{(n - 2 - c)\; x_j' x_j}}.

    Parameters
    ----------
    X : array of shape (n, p)
        Genotypes, of any numeric type; integers are converted chunk by chunk. Fastest in Fortran
        order.
    y : array of shape (n,)
        Trait. A binary one (0/1) is fitted by a linear model.
    covariates : array of shape (n, c) or (n,), optional
        Covariates; the intercept is always fitted and must not be among them.
    constant : {"null", "raise"}
        What becomes of a column that does not vary, or not beyond the covariates: a result of no
        evidence (beta 0, se infinite, z 0, p 1), or a ValueError.

    Returns
    -------
    MarginalRegression
        ``beta``, ``se``, ``z`` and ``p``, each of shape (p,). Where a column fits y perfectly, se
        may be 0, z infinite and p 0. A p-value below the smallest double is 0: see `log10_p`.

    Raises
    ------
    ValueError
        If sizes disagree, a value is not finite, y does not vary beyond the covariates, covariates
        are linearly dependent, or no degree of freedom is left.

    References
    ----------
    Frisch and Waugh (1933).
    """
    X, y = _check_data(X, y)
    basis = _covariate_basis(covariates, len(y))
    if constant not in ("null", "raise"):
        raise ValueError(f'constant: got {constant!r}, expected "null" or "raise"')
    df = len(y) - 2 - basis.shape[1]
    if df < 1:
        raise ValueError(
            f"X: got {len(y)} rows, expected at least {3 + basis.shape[1]} for an intercept, a "
            f"slope and {basis.shape[1]} covariates"
        )
    y_left, yy = _trait_left(y, basis)
    xy, xx = np.empty(X.shape[1]), np.empty(X.shape[1])
    step = max(1, _CHUNK_ENTRIES // len(y))
    for start in range(0, X.shape[1], step):
        part = slice(start, start + step)
        xy[part], xx[part] = _sums(X[:, part], y_left, basis, start)
    flat = xx == 0
    if constant == "raise" and np.any(flat):
        raise ValueError(
            f"X: got {flat.sum()} columns that do not vary beyond the covariates, the first at "
            f"{np.argmax(flat)}, expected none"
        )
    return _tests(xy, xx, yy, df, flat)


def log10_p(z, df: int) -> np.ndarray:
    r"""Decimal logarithm of the two-sided p-value of Student's t, where p itself underflows too.

    The p-value is the regularised incomplete beta function :math:`I_x(\nu/2, 1/2)` at
    :math:`x = \nu / (\nu + z^2)`; for tiny ones its continued fraction gives the logarithm without
    ever forming p.

    Parameters
    ----------
    z : array
        Test statistics beta / se.
    df : int
        Degrees of freedom: n - 2 - (number of covariates) in `marginal_regression`.

    Returns
    -------
    ndarray of the shape of z
        log10 of the p-values; minus infinity where z is infinite.

    Raises
    ------
    ValueError
        If z has NaN, or df is below 1.

    References
    ----------
    Abramowitz, M. and Stegun, I. A. (1964). Handbook of Mathematical Functions, 26.5.8 and 26.7.1.
    """
    z = np.abs(np.asarray(z, dtype=float))
    if np.any(np.isnan(z)):
        raise ValueError("z: got NaN, expected numbers")
    if not np.isfinite(df) or df < 1:
        raise ValueError(f"df: got {df!r}, expected at least 1")
    p = np.asarray(2 * stdtr(df, -z))
    logs = np.asarray(np.log(np.maximum(p, _TINY_P)))
    far = (p < _TINY_P) & np.isfinite(z)
    logs[far] = _log_p_far(z[far], df)
    return np.where(np.isinf(z), -np.inf, logs) / np.log(10)


def genomic_control(z) -> GenomicControl:
    r"""Genomic inflation factor, and test statistics freed from it.

    :math:`\lambda = \mathrm{median}(z^2) / 0.4549`, the median of a chi-square with one degree of
    freedom; statistics are divided by :math:`\sqrt{\max(\lambda, 1)}`.

    Parameters
    ----------
    z : array of shape (p,)
        Test statistics, standard normal under the null.

    Returns
    -------
    GenomicControl
        ``inflation`` and the corrected ``z``.

    Raises
    ------
    ValueError
        If z is empty, not a vector, or has NaN.

    References
    ----------
    Devlin and Roeder (1999).
    """
    z = np.asarray(z, dtype=float)
    if z.ndim != 1 or z.size == 0 or np.any(np.isnan(z)):
        raise ValueError(f"z: got shape {z.shape}, expected a vector of numbers without NaN")
    inflation = float(np.median(z**2) / chi2.ppf(0.5, df=1))
    return GenomicControl(inflation, z / np.sqrt(max(inflation, 1.0)))


def _sums(columns, y_left, basis, start):
    """Products with y, and sums of squares, of columns freed from mean and covariates."""
    # Variants as rows: each is then contiguous, and NumPy's BLAS reads it once.
    rows = np.array(columns.T, dtype=float, order="C")
    _check_rows(rows, start)
    constant = rows.max(axis=1) == rows.min(axis=1)
    rows -= rows.mean(axis=1, keepdims=True)
    before = _squares(rows)
    after = before
    if basis.shape[1]:
        rows -= (rows @ basis) @ basis.T
        after = _squares(rows)
    flat = constant | (after <= _NO_VARIATION_LEFT * before)
    return rows @ y_left, np.where(flat, 0, after)


def _squares(rows):
    return np.einsum("ij,ij->i", rows, rows)


def _check_rows(rows, start):
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"X: got NaN or infinity in column {start + np.argmin(finite)}, expected finite numbers"
        )


def _tests(xy, xx, yy, df, flat):
    """Estimates and t tests from the sums; columns marked flat carry no evidence."""
    safe = np.where(flat, 1, xx)
    beta = np.where(flat, 0, xy / safe)
    r = np.clip(np.where(flat, 0, xy / np.sqrt(safe * yy)), -1, 1)
    unexplained = (1 - r) * (1 + r)
    se = np.where(flat, np.inf, np.sqrt(unexplained * yy / (df * safe)))
    perfect = unexplained == 0
    z = r * np.sqrt(df / np.where(perfect, 1, unexplained))
    z[perfect] = np.copysign(np.inf, r[perfect])
    return MarginalRegression(beta, se, z, 2 * stdtr(df, -np.abs(z)))


def _trait_left(y, basis):
    """The trait without mean and covariates, and its sum of squares."""
    left = y - y.mean()
    before = left @ left
    left = left - basis @ (basis.T @ left)
    after = left @ left
    if y.max() == y.min() or after <= _NO_VARIATION_LEFT * before:
        raise ValueError("y: got a trait that does not vary beyond the covariates, expected one")
    return left, after


def _covariate_basis(covariates, n):
    """Orthonormal columns that span the centred covariates; shape (n, c)."""
    if covariates is None:
        return np.empty((n, 0))
    covariates = np.asarray(covariates, dtype=float)
    if covariates.ndim == 1:
        covariates = covariates[:, None]
    if covariates.ndim != 2 or len(covariates) != n:
        raise ValueError(f"covariates: got shape {covariates.shape}, expected ({n}, c)")
    if not np.all(np.isfinite(covariates)):
        raise ValueError("covariates: got NaN or infinity, expected finite numbers")
    if covariates.shape[1] == 0:
        return covariates
    centred = covariates - covariates.mean(axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    # A constant column leaves only rounding error; it must not be blown up to look like data.
    size = np.abs(covariates).max(axis=0)
    usable = spread > 1e-13 * size
    scaled = centred[:, usable] / spread[usable]
    rank = np.linalg.matrix_rank(scaled, tol=1e-10 * np.sqrt(scaled.size)) if usable.any() else 0
    if rank < covariates.shape[1]:
        raise ValueError(
            f"covariates: got {covariates.shape[1]} columns of rank {rank} beside the intercept, "
            "expected linearly independent ones, none of them constant"
        )
    return np.linalg.qr(scaled)[0]


def _check_data(X, y):
    X, y = np.asarray(X), np.asarray(y, dtype=float)
    if X.ndim != 2 or not (np.issubdtype(X.dtype, np.number) or X.dtype == bool):
        raise ValueError(
            f"X: got {X.dtype} of shape {X.shape}, expected numbers of shape (people, variants)"
        )
    if np.iscomplexobj(X):
        raise ValueError(f"X: got {X.dtype}, expected real numbers")
    if y.shape != X.shape[:1]:
        raise ValueError(f"y: got shape {y.shape}, expected ({len(X)},) as X has {len(X)} rows")
    if not np.all(np.isfinite(y)):
        raise ValueError("y: got NaN or infinity, expected finite numbers")
    return X, y


def _log_p_far(t, df):
    """Natural logarithm of the two-sided p-value far out, t > 0."""
    a, b = df / 2, 0.5
    log_x = -np.log1p(t**2 / df)
    # log(1 - x), with x = df / (df + t^2)
    log_1_minus_x = -np.log1p(df / t**2)
    front = a * log_x + b * log_1_minus_x - np.log(a) - betaln(a, b)
    return front + np.log(_beta_fraction(a, b, np.exp(log_x)))


def _beta_fraction(a, b, x):
    """Continued fraction of the incomplete beta function, by the method of Lentz.

    It stands after x^a (1 - x)^b / (a B(a, b)) and converges fast for x < (a + 1) / (a + b + 2).
    """
    tiny = np.finfo(float).tiny
    c = np.ones_like(x)
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    value = d.copy()
    for m in range(1, _MOST_FRACTION_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d, tiny)
            c = _away_from_zero(1 + term / c, tiny)
            value *= c * d
        if np.all(np.abs(c * d - 1) < 1e-15):
            break
    return value


def _away_from_zero(x, tiny):
    return np.where(np.abs(x) < tiny, tiny, x)
