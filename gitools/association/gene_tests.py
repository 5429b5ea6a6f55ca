r"""Tests of a gene: does any of its variants matter?

Under the null hypothesis the z scores of a gene's variants are :math:`z \sim N(0, R)`, with R
their LD, in a study of many people. A test boils z down to one number and compares it with what
that number is under this law.

References
----------
Liu, J. Z. et al. (2010). A versatile gene-based test for genome-wide association studies. American
Journal of Human Genetics 87, 139-145 (sum of squares).

Li, J. and Ji, L. (2005). Adjusting multiple testing in multilocus analyses using the eigenvalues of
a correlation matrix. Heredity 95, 221-227.

Liu, Y. and Xie, J. (2020). Cauchy combination test: a powerful test with analytic p-value
calculation under arbitrary dependency structures. Journal of the American Statistical Association
115, 393-402; Liu, Y. et al. (2019). ACAT. American Journal of Human Genetics 104, 410-421.

Knijnenburg, T. A., Wessels, L. F. A., Reinders, M. J. T. and Shmulevich, I. (2009). Fewer
permutations, more accurate P-values. Bioinformatics 25, i161-i168 (the tail of a simulated null).
"""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import cauchy, chi2

from gitools.association.weighted_chi2 import weighted_chi2_sf

METHODS = ("squares", "smallest", "burden", "acat")
_ROUNDING = 1e-6
# Eigenvalues below this share of the largest are rounding.
_NO_EIGENVALUE = 1e-12
_NULL_DRAWS = 999
# With at least so many null draws beyond the statistic, counting them is good enough.
_ENOUGH_BEYOND = 10
_TAIL_SHARE = 0.1
_LEAST_TAIL_DRAWS = 500
# Below this p-value cot(pi p) is 1 / (pi p) to the last digit.
_TINY_P = 1e-9


class GeneTest(NamedTuple):
    """Outcome of `gene_test`.

    Attributes
    ----------
    statistic : float
        Sum of squares (of z scores, or of shrunken effects), largest absolute z, squared burden
        score, or mean Cauchy score.
    p : float
        Its p-value; at least 1 / (n_null + 1) if it was counted in a simulated null.
    null : float array of shape (n_null,) or None
        The statistic of each simulated null data set.
    """

    statistic: float
    p: float
    null: np.ndarray | None


class GeneScan(NamedTuple):
    """Outcome of `gene_scan`.

    Attributes
    ----------
    statistic : float array of shape (n_genes,) or (n_traits, n_genes)
        Sum of squared z scores.
    p : float array of the same shape
        P-values.
    n_variants : int array of shape (n_genes,)
    """

    statistic: np.ndarray
    p: np.ndarray
    n_variants: np.ndarray


def gene_test(
    beta,
    R,
    n,
    *,
    method: str = "squares",
    members=None,
    shrink: Callable | None = None,
    n_null: int | None = None,
    tail: bool = False,
    random_state=None,
) -> GeneTest:
    r"""Test whether a gene's variants are associated with the trait.

    With :math:`z = \sqrt n\, \hat\beta`, which is N(0, R) under the null:

    - ``"squares"``: z'z against :math:`\sum_j \lambda_j \chi^2_1`, with the eigenvalues of R. With
      ``shrink``, the sum of squared shrunken effects: no distribution of textbooks, so that the
      shrinker is run on null data drawn from N(0, R).
    - ``"smallest"``: the smallest p-value, corrected by Sidak's formula for the effective number of
      tests of Li and Ji, or against a simulated null.
    - ``"burden"``: (1'z)^2 / 1'R1 against a chi-square with one degree of freedom. It depends on
      which alleles were counted.
    - ``"acat"``: the Cauchy combination of the variants' p-values, or against a simulated null.

    Parameters
    ----------
    beta : array of shape (p,)
        Marginal standardised effects of the gene's variants, or of the whole block around it.
    R : array of shape (p, p)
        LD correlations of the same variants.
    n : float
        Number of people, at least 2.
    method : {"squares", "smallest", "burden", "acat"}
    members : int or bool array, optional
        The gene's variants among the p; the others are given to ``shrink`` and do not count
        otherwise. Default: all.
    shrink : callable, optional
        ``shrink(beta, R, n)`` returns effects of shape (p,), on any scale; for "squares" only.
    n_null : int, optional
        Number of simulated null data sets. Default: none where there is a formula, else 999.
    tail : bool
        Where fewer than 10 null draws exceed the statistic: whether to read the p-value off a
        generalised Pareto tail, fitted to the largest tenth of at least 500 draws, instead of
        counting. Its shape is not allowed to be negative, which would set an end to it. A factor
        of three is as good as it gets near 1 / n_null; farther out it can err by ten.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness of the null.

    Returns
    -------
    GeneTest

    Raises
    ------
    ValueError
        If sizes disagree, a value is not finite, R is not a correlation matrix, an argument is out
        of range or unknown, ``shrink`` returns something other than p finite numbers, or 1'R1 is 0
        for a burden test.

    References
    ----------
    Liu et al. (2010); Li and Ji (2005); Liu and Xie (2020); Knijnenburg et al. (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.association import gene_test
    >>> round(gene_test(np.array([0.05, 0.04]), np.eye(2), 1000).p, 4)
    0.1287
    """
    beta, R, n = _check_study(beta, R, n)
    members = _check_members(members, len(beta))
    n_null = _check_plan(method, shrink, n_null, tail)
    inside = R[np.ix_(members, members)]
    z = np.sqrt(n) * beta
    if shrink is None:
        statistic = _statistic_of(method, inside)
        observed = float(statistic(z[members]))
        if n_null is None:
            return GeneTest(observed, _p_by_formula(method, observed, inside), None)
        null = statistic(draw_null(inside, n_null, random_state=random_state))
    else:
        observed = _shrunken_statistic(shrink, beta, R, n, members)
        draws = draw_null(R, n_null, random_state=random_state) / np.sqrt(n)
        null = np.array([_shrunken_statistic(shrink, draw, R, n, members) for draw in draws])
    return GeneTest(observed, monte_carlo_p(observed, null, tail=tail), null)


def gene_scan(beta, R, n, genes: Sequence) -> GeneScan:
    """Sum-of-squares tests of many genes of one block, for one trait or many.

    Parameters
    ----------
    beta : array of shape (p,) or (n_traits, p)
        Marginal standardised effects.
    R : array of shape (p, p)
        LD correlations of the block.
    n : float
        Number of people.
    genes : sequence of int arrays
        Variants of each gene, as indices into this block; genes may overlap.

    Returns
    -------
    GeneScan

    Raises
    ------
    ValueError
        If sizes disagree, a value is not finite, a gene is empty or has variants outside the block.
    """
    beta = _finite("beta", beta)
    if beta.ndim not in (1, 2) or beta.size == 0:
        raise ValueError(
            f"beta: got shape {beta.shape}, expected (variants,) or (traits, variants)"
        )
    _, R, n = _check_study(np.atleast_2d(beta)[0], R, n)
    if len(genes) == 0:
        raise ValueError("genes: got none, expected at least one")
    genes = [_check_members(gene, len(R), f"genes[{k}]") for k, gene in enumerate(genes)]
    eigenvalues = [_eigenvalues(R[np.ix_(gene, gene)]) for gene in genes]
    squares = n * np.atleast_2d(beta) ** 2
    statistic = np.stack([squares[:, gene].sum(axis=1) for gene in genes], axis=1)
    if len(statistic) < len(genes):
        p = np.stack([weighted_chi2_sf(row, eigenvalues) for row in statistic])
    else:
        columns = zip(statistic.T, eigenvalues, strict=True)
        p = np.stack([weighted_chi2_sf(column, weights) for column, weights in columns], axis=1)
    sizes = np.array([len(gene) for gene in genes])
    if beta.ndim == 1:
        statistic, p = statistic[0], p[0]
    return GeneScan(statistic, p, sizes)


def acat(p, weights=None, *, axis: int = -1):
    r"""Cauchy combination of p-values that may depend on each other.

    .. math:: T = \sum_j w_j \cot(\pi p_j), \qquad P \approx P(\text{Cauchy} > T),

    with weights that sum to 1: right in the far tail under any Gaussian dependence, approximate
    at usual levels.

    Parameters
    ----------
    p : array
        P-values in [0, 1]. One that is exactly 1 counts as 1 - 1/m among m of them.
    weights : array of shape (m,), optional
        Not negative, one for each p-value along the axis. Default: equal.
    axis : int
        Axis along which p-values are combined.

    Returns
    -------
    float or ndarray
        Combined p-values.

    Raises
    ------
    ValueError
        If p-values are outside [0, 1], or weights negative, all zero or of another length.

    References
    ----------
    Liu and Xie (2020).
    """
    p = np.moveaxis(_finite("p", p), axis, -1) if np.ndim(p) else _finite("p", p)[None]
    if p.size == 0 or p.min() < 0 or p.max() > 1:
        raise ValueError("p: expected p-values in [0, 1], at least one")
    m = p.shape[-1]
    if m == 1:
        result = p[..., 0]
    else:
        weights = np.full(m, 1 / m) if weights is None else _check_weights(weights, m)
        result = cauchy.sf(_cauchy_score(p, weights))
    return float(result) if np.ndim(result) == 0 else result


def effective_tests(R) -> float:
    r"""Effective number of independent tests among correlated ones.

    Each eigenvalue of R counts :math:`[\lambda \ge 1] + (\lambda - \lfloor \lambda \rfloor)`.

    Parameters
    ----------
    R : array of shape (p, p)
        LD correlations.

    Returns
    -------
    float
        Between 1 and p.

    Raises
    ------
    ValueError
        If R is not a correlation matrix.

    References
    ----------
    Li and Ji (2005), equation 5.
    """
    values = _eigenvalues(_check_correlations(R, None))
    # An eigenvalue that is whole but for rounding must not count as nearly one more.
    values = np.where(np.abs(values - np.round(values)) < _ROUNDING, np.round(values), values)
    return float(np.sum((values >= 1) + values - np.floor(values)))


def monte_carlo_p(statistic: float, null, *, tail: bool = False) -> float:
    """P-value of a statistic from its simulated null.

    Parameters
    ----------
    statistic : float
        Large values speak against the null.
    null : array of shape (n_null,)
        The statistic in null data sets.
    tail : bool
        See `gene_test`.

    Returns
    -------
    float
        (1 + number of null draws at least as large) / (1 + n_null), or the fitted tail's.

    Raises
    ------
    ValueError
        If a value is not finite, or there are too few draws for a tail.

    References
    ----------
    Knijnenburg et al. (2009); moments for the generalised Pareto tail.
    """
    null = _finite("null", null)
    statistic = float(_finite("statistic", statistic))
    if null.ndim != 1 or null.size == 0:
        raise ValueError(f"null: got shape {null.shape}, expected (n_null,)")
    beyond = np.count_nonzero(null >= statistic)
    counted = (1 + beyond) / (1 + null.size)
    if not tail or beyond >= _ENOUGH_BEYOND:
        return float(counted)
    if null.size < _LEAST_TAIL_DRAWS:
        raise ValueError(
            f"null: got {null.size} draws, expected at least {_LEAST_TAIL_DRAWS} to fit a tail"
        )
    return _tail_p(statistic, null, counted)


def draw_null(R, n_draws: int, *, random_state=None) -> np.ndarray:
    """Z scores of studies without any association, z ~ N(0, R).

    Parameters
    ----------
    R : array of shape (p, p)
        LD correlations, singular ones too.
    n_draws : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    ndarray of shape (n_draws, p)

    Raises
    ------
    ValueError
        If R is not a correlation matrix, or ``n_draws`` is below 1.
    """
    R = _check_correlations(R, None)
    n_draws = _check_count("n_draws", n_draws)
    values, vectors = np.linalg.eigh(R)
    _refuse_negative(values)
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(random_state)
    return rng.standard_normal((n_draws, len(R))) @ root.T


def _statistic_of(method, R):
    """Function from z scores [..., p] to the statistic [...]."""
    if method == "squares":
        return lambda z: (z**2).sum(axis=-1)
    if method == "smallest":
        return lambda z: np.abs(z).max(axis=-1)
    if method == "burden":
        total = R.sum()
        if total <= _ROUNDING * len(R):
            raise ValueError("R: got variants whose sum does not vary, expected 1'R1 above 0")
        return lambda z: z.sum(axis=-1) ** 2 / total
    weights = np.full(len(R), 1 / len(R))
    return lambda z: _cauchy_score(_two_sided(z), weights)


def _p_by_formula(method, observed, R):
    if method == "squares":
        return weighted_chi2_sf(observed, _eigenvalues(R))
    if method == "smallest":
        return float(-np.expm1(effective_tests(R) * np.log1p(-_two_sided(observed))))
    if method == "burden":
        return float(chi2.sf(observed, 1))
    return float(cauchy.sf(observed))


def _two_sided(z):
    return 2 * ndtr(-np.abs(z))


def _cauchy_score(p, weights):
    p = np.where(p == 1, 1 - 1 / max(p.shape[-1], 2), p)
    with np.errstate(divide="ignore", over="ignore"):
        score = np.where(p < _TINY_P, 1 / (np.pi * p), 1 / np.tan(np.pi * np.maximum(p, _TINY_P)))
    return score @ weights


def _shrunken_statistic(shrink, beta, R, n, members):
    effects = np.asarray(shrink(beta, R, n), dtype=float)
    if effects.shape != beta.shape or not np.all(np.isfinite(effects)):
        raise ValueError(
            f"shrink: returned shape {effects.shape}, expected {len(beta)} finite effects"
        )
    return float(np.sum(effects[members] ** 2))


def _tail_p(statistic, null, counted):
    ordered = np.sort(null)
    n_tail = int(_TAIL_SHARE * null.size)
    threshold = ordered[-n_tail - 1]
    excess = ordered[-n_tail:] - threshold
    mean, variance = excess.mean(), excess.var()
    if variance == 0 or statistic <= threshold:
        return float(counted)
    shape = max((1 - mean**2 / variance) / 2, 0.0)
    scaled = (statistic - threshold) / (mean * (1 - shape))
    log_p = -scaled if shape < 1e-8 else -np.log1p(shape * scaled) / shape
    return float(_TAIL_SHARE * np.exp(log_p))


def _eigenvalues(R):
    values = np.linalg.eigvalsh(R)
    _refuse_negative(values)
    return np.where(values > _NO_EIGENVALUE * values[-1], values, 0)


def _refuse_negative(values):
    if values[0] < -_ROUNDING * np.sqrt(len(values)):
        raise ValueError(
            f"R: got smallest eigenvalue {values[0]:.3g}, expected a positive semi-definite matrix"
        )


def _check_study(beta, R, n):
    beta = _finite("beta", beta)
    if beta.ndim != 1 or beta.size == 0:
        raise ValueError(f"beta: got shape {beta.shape}, expected (variants,)")
    if not isinstance(n, Real) or isinstance(n, bool) or not np.isfinite(n) or n < 2:
        raise ValueError(f"n: got {n!r}, expected a finite number of at least 2")
    return beta, _check_correlations(R, beta.size), float(n)


def _check_correlations(R, p):
    R = _finite("R", R)
    if R.ndim != 2 or R.shape[0] != R.shape[1] or R.size == 0 or p not in (None, len(R)):
        wanted = "a square matrix" if p is None else f"({p}, {p}), as beta has {p} variants"
        raise ValueError(f"R: got shape {R.shape}, expected {wanted}")
    if np.abs(np.diag(R) - 1).max() > _ROUNDING:
        worst = np.diag(R)[np.argmax(np.abs(np.diag(R) - 1))]
        raise ValueError(f"R: got {worst:.4g} on the diagonal, expected ones")
    asymmetry = np.abs(R - R.T).max()
    if asymmetry > _ROUNDING:
        raise ValueError(f"R: got an asymmetry of {asymmetry:.3g}, expected a symmetric matrix")
    return R


def _check_members(members, p, name="members"):
    if members is None:
        return np.arange(p)
    members = np.asarray(members)
    if members.dtype == bool and members.shape == (p,):
        members = np.flatnonzero(members)
    integers = members.ndim == 1 and np.issubdtype(members.dtype, np.integer)
    if not integers or members.size == 0 or members.min() < 0 or members.max() >= p:
        raise ValueError(f"{name}: expected at least one index from 0 to {p - 1}, or {p} booleans")
    if np.unique(members).size < members.size:
        raise ValueError(f"{name}: got an index twice, expected each variant once")
    return members


def _check_plan(method, shrink, n_null, tail):
    """Number of null draws, or None."""
    if method not in METHODS:
        raise ValueError(f"method: got {method!r}, expected one of {', '.join(METHODS)}")
    if shrink is not None and method != "squares":
        raise ValueError(f'shrink: got one with method {method!r}, expected "squares"')
    if shrink is not None and not callable(shrink):
        raise ValueError(f"shrink: got {shrink!r}, expected a function of beta, R and n")
    if n_null is None:
        n_null = None if shrink is None else _NULL_DRAWS
    else:
        n_null = _check_count("n_null", n_null)
    if tail and (n_null is None or n_null < _LEAST_TAIL_DRAWS):
        raise ValueError(
            f"n_null: got {n_null}, expected at least {_LEAST_TAIL_DRAWS} draws to fit a tail"
        )
    return n_null


def _check_weights(weights, m):
    weights = _finite("weights", weights)
    if weights.shape != (m,) or weights.min() < 0 or weights.sum() == 0:
        raise ValueError(f"weights: expected {m} numbers of at least 0, not all of them 0")
    return weights / weights.sum()


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
    return int(value)


def _finite(name, value):
    try:
        value = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got {type(value).__name__}, expected numbers") from None
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{name}: got NaN or infinity, expected finite numbers")
    return value
