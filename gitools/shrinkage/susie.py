"""SuSiE: fine-mapping by a sum of single effects, on individuals or on summary statistics.

The model is y = X b + e, b = b_1 + ... + b_L, each b_l with one non-zero entry, at variant j with
the prior probability π_j, of size N(0, V_l); e ~ N(0, σ²). Iterative Bayesian stepwise selection
(IBSS) fits one single effect after the other to what the rest leave over. It is coordinate ascent
on the evidence lower bound (ELBO) over posteriors in which the L effects are independent.

References
----------
Wang, G., Sarkar, A., Carbonetto, P. and Stephens, M. (2020). A simple new approach to variable
selection in regression, with application to genetic fine mapping. Journal of the Royal
Statistical Society B 82, 1273-1300.

Zou, Y., Carbonetto, P., Wang, G. and Stephens, M. (2022). Fine-mapping from summary data with the
"Sum of Single Effects" model. PLOS Genetics 18, e1010299.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage._checks import (
    check_count,
    check_number,
    check_summary_statistics,
    finite_array,
)
from gitools.shrinkage._credible_sets import CredibleSet, find_credible_sets
from gitools.shrinkage._single_effect import SingleEffect, best_prior_variance, fit_single_effect

# An effect whose prior variance is below this share of the trait's says nothing of any variant.
_NO_VARIANCE = 1e-9
# The residual variance stays above this share of the trait's variance.
_SMALLEST_RESIDUAL_SHARE = 1e-4
# Entries of a posterior mean below this share of its largest are less than its rounding error.
_NEGLIGIBLE = 1e-18
# A column whose standard deviation is below this share of its mean is constant.
_ROUNDING = 1e-10
# X'X costs about p / 10 products X'(X b), and makes those that follow almost free.
_PRODUCTS_PER_GRAM_ROW = 10
_LARGEST_GRAM = 5_000


@dataclass(frozen=True)
class SusieFit:
    """Posterior of a sum of single effects over p variants.

    Attributes
    ----------
    pip : array of shape (p,)
        Posterior inclusion probability: that at least one effect is at the variant, over the
        effects whose prior variance exceeds 1e-9 of the trait's.
    alpha : array of shape (L, p)
        Probability that effect l is at variant j; rows sum to one.
    mu, mu2 : array of shape (L, p)
        Mean and second moment of effect l, given that it is at variant j, on the scale of the
        fitted columns (standardised X where it was standardised).
    posterior_mean : array of shape (p,)
        Effects summed over l: per unit of X, or standardised for summary statistics.
    posterior_sd : array of shape (p,)
        Posterior standard deviations of the effects, on the same scale.
    intercept : float
        Of the fitted line; 0 without one.
    credible_sets : list of CredibleSet
        Purest first; each with ``effect``, ``indices``, ``coverage`` and ``purity``.
    elbos : array of shape (n_iter,)
        Evidence lower bound after each iteration; never falls.
    log_bayes_factors : array of shape (L,)
        Of each effect, against no effect, given the others.
    prior_variance : array of shape (L,)
        V_l, in squared units of the trait per unit of the fitted columns.
    residual_variance : float
        σ², that the last ELBO was computed with.
    converged : bool
        Whether the last iteration raised the ELBO by less than ``tol``.
    n_iter : int
    """

    pip: np.ndarray
    alpha: np.ndarray
    mu: np.ndarray
    mu2: np.ndarray
    posterior_mean: np.ndarray
    posterior_sd: np.ndarray
    intercept: float
    credible_sets: list[CredibleSet]
    elbos: np.ndarray
    log_bayes_factors: np.ndarray
    prior_variance: np.ndarray
    residual_variance: float
    converged: bool
    n_iter: int


def susie(
    X,
    y,
    L=10,
    *,
    scaled_prior_variance=0.2,
    residual_variance=None,
    estimate_prior_variance=True,
    estimate_residual_variance=True,
    prior_weights=None,
    standardize=True,
    intercept=True,
    coverage=0.95,
    min_abs_corr=0.5,
    tol=1e-3,
    max_iter=100,
):
    """Fine-map a locus from individual data.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Dosages, or any other numeric columns. A constant column is allowed and has no effect.
    y : array-like of shape (n,)
        Trait, in any unit.
    L : int, default=10
        Largest number of effects; not more than p are used.
    scaled_prior_variance : float, default=0.2
        Prior variance of each effect as a share of y's variance: the value itself, or the start
        of its estimate.
    residual_variance : float, optional
        σ² in squared units of y: the value, or the start of its estimate. Default: y's variance.
    estimate_prior_variance : bool, default=True
        Whether each V_l maximises its effect's Bayes factor; it becomes zero where no positive
        value has one above 1.
    estimate_residual_variance : bool, default=True
        Whether σ² maximises the ELBO after each iteration. It stays above 1e-4 of y's variance.
    prior_weights : array-like of shape (p,), optional
        Prior probability of each variant, up to a constant. Default: equal.
    standardize : bool, default=True
        Whether columns are scaled to variance 1, so that the prior is on standardised effects.
    intercept : bool, default=True
        Whether X and y are centred.
    coverage : float, default=0.95
        Probability that each credible set must reach.
    min_abs_corr : float, default=0.5
        Smallest absolute correlation allowed within a credible set.
    tol : float, default=1e-3
        Converged when an iteration raises the ELBO by less.
    max_iter : int, default=100
        Largest number of iterations.

    Returns
    -------
    SusieFit

    Raises
    ------
    ValueError
        If an argument is not numeric or finite, the sizes disagree, y is constant, n is below 2
        or a setting is out of bounds.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations were not enough.

    References
    ----------
    Wang et al. (2020), algorithm 1 (IBSS) and its extension to unknown variances.

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.shrinkage import susie
    >>> X = np.random.default_rng(0).binomial(2, 0.3, size=(300, 20))
    >>> y = X[:, 7] + np.random.default_rng(1).standard_normal(300)
    >>> fit = susie(X, y, L=3)
    >>> [one.indices.tolist() for one in fit.credible_sets]
    [[7]]
    """
    X, y = _check_individual_data(X, y)
    standardize = _check_flag(standardize, "standardize")
    intercept = _check_flag(intercept, "intercept")
    X, x_mean, scale = _prepare_columns(X, standardize, intercept)
    y_mean = float(y.mean()) if intercept else 0.0
    y_variance = float(y.var(ddof=1))
    data = _from_individuals(X, y - y_mean)
    state = _start(
        data,
        L,
        y_variance,
        scaled_prior_variance,
        residual_variance,
        prior_weights,
    )
    settings = _check_settings(
        estimate_prior_variance, estimate_residual_variance, coverage, min_abs_corr, tol, max_iter
    )
    bound = _SMALLEST_RESIDUAL_SHARE * y_variance
    elbos, converged = _iterate(data, state, settings, bound)
    return _summarise(data, state, settings, elbos, converged, scale, x_mean, y_mean)


def susie_rss(
    z,
    R,
    n,
    L=10,
    *,
    scaled_prior_variance=0.2,
    residual_variance=None,
    estimate_prior_variance=True,
    estimate_residual_variance=False,
    prior_weights=None,
    coverage=0.95,
    min_abs_corr=0.5,
    tol=1e-3,
    max_iter=100,
):
    """Fine-map a locus from z scores and LD.

    The z scores are those of marginal regressions, t statistics on n - 2 degrees of freedom;
    they are turned into correlations with the trait, r² = z² / (z² + n - 2), so that large
    effects are not overstated (Zou et al. 2022). With R from the same individuals
    and ``estimate_residual_variance=True`` the fit is that of `susie` on a standardised trait.

    Parameters
    ----------
    z : array-like of shape (p,)
        Marginal z scores; 0 for a variant that does not vary.
    R : array-like of shape (p, p)
        Correlations between the variants (LD), from the sample of the z scores. LD of another
        population or of a small panel can give confident nonsense, see `estimate_s_rss`.
    n : float
        Number of individuals behind z.
    L : int, default=10
        Largest number of effects; not more than p are used.
    scaled_prior_variance : float, default=0.2
        Prior variance of each standardised effect: the value, or the start of its estimate.
    residual_variance : float, optional
        σ² as a share of the trait's variance. Default: 1, which is right for small effects.
    estimate_prior_variance : bool, default=True
        As in `susie`.
    estimate_residual_variance : bool, default=False
        As in `susie`. Only with LD from the very sample of the z scores.
    prior_weights : array-like of shape (p,), optional
        Prior probability of each variant, up to a constant. Default: equal.
    coverage : float, default=0.95
        Probability that each credible set must reach.
    min_abs_corr : float, default=0.5
        Smallest absolute correlation allowed within a credible set.
    tol : float, default=1e-3
        Converged when an iteration raises the ELBO by less.
    max_iter : int, default=100
        Largest number of iterations.

    Returns
    -------
    SusieFit
        On standardised effects: standard deviations of the trait per standard deviation of the
        dosage.

    Raises
    ------
    ValueError
        If an argument is not numeric or finite, the sizes disagree, R is not a correlation
        matrix, a setting is out of bounds, or z and R contradict each other so far that the
        residual variance would be negative.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations were not enough: often a sign that R does not belong to z.
    """
    z, R, n = check_summary_statistics(z, R, n, name="z")
    if n <= 2:
        raise ValueError(f"n: got {n:g}, expected more than 2, as z scores have n - 2 df.")
    data = _from_summary(adjusted_z(z, n), R, n)
    state = _start(data, L, 1.0, scaled_prior_variance, residual_variance, prior_weights)
    settings = _check_settings(
        estimate_prior_variance, estimate_residual_variance, coverage, min_abs_corr, tol, max_iter
    )
    elbos, converged = _iterate(data, state, settings, _SMALLEST_RESIDUAL_SHARE)
    zeros, ones = np.zeros(len(z)), np.ones(len(z))
    return _summarise(data, state, settings, elbos, converged, ones, zeros, 0.0)


def adjusted_z(z, n):
    """Scores sqrt(n - 1) times the marginal correlation, from t statistics with n - 2 df.

    Parameters
    ----------
    z : array of shape (p,)
    n : float
        Above 2.

    Returns
    -------
    array of shape (p,)
        z sqrt((n - 1) / (z² + n - 2)), as Zou et al. (2022) adjust them.
    """
    return z * np.sqrt((n - 1) / (z**2 + n - 2))


@dataclass(frozen=True)
class _Data:
    """What IBSS sees of the data: X'X as an operator, X'y, y'y and n."""

    gram_product: Callable  # b of shape (p,) -> X'X b
    correlations: Callable  # two index arrays -> correlations
    score: np.ndarray  # X'y, shape (p,)
    gram_diagonal: np.ndarray  # shape (p,)
    sum_of_squares: float
    n: float


@dataclass
class _State:
    """Current posterior, its effects' X'X b_l, and the parameters that are estimated."""

    alpha: np.ndarray
    mu: np.ndarray
    mu2: np.ndarray
    gram_products: np.ndarray
    prior_variance: np.ndarray
    log_bayes_factors: np.ndarray
    divergences: np.ndarray
    residual_variance: float
    log_prior: np.ndarray


@dataclass(frozen=True)
class _Settings:
    estimate_prior_variance: bool
    estimate_residual_variance: bool
    coverage: float
    min_abs_corr: float
    tol: float
    max_iter: int


def _from_individuals(X, y):
    gram_diagonal = np.einsum("ij,ij->j", X, X)

    def correlations(left, right):
        norms = np.sqrt(np.where(gram_diagonal > 0, gram_diagonal, 1))
        if len(left) == len(right) and np.array_equal(left, right):
            columns = X[:, left] / norms[left]
            return columns.T @ columns
        return (X[:, left] / norms[left]).T @ X[:, right] / norms[right]

    return _Data(_GramOfColumns(X), correlations, X.T @ y, gram_diagonal, float(y @ y), len(X))


def _from_summary(z, R, n):
    def gram_product(effect):
        return (n - 1) * _symmetric_times(R, effect)

    def correlations(left, right):
        return R[np.ix_(left, right)]

    score, gram_diagonal = np.sqrt(n - 1) * z, np.full(len(z), n - 1.0)
    return _Data(gram_product, correlations, score, gram_diagonal, n - 1.0, n)


class _GramOfColumns:
    """X'X b: by X'(X b) at first, by X'X itself once so many were asked for that it pays."""

    def __init__(self, X):
        self._X = X
        self._gram = None
        self._n_products = 0

    def __call__(self, effect):
        n_variants = self._X.shape[1]
        self._n_products += 1
        if self._gram is None:
            enough = self._n_products * _PRODUCTS_PER_GRAM_ROW > n_variants
            if not (enough and n_variants <= _LARGEST_GRAM):
                return self._X.T @ _times(self._X, effect)
            self._gram = self._X.T @ self._X
        return _symmetric_times(self._gram, effect)


def _symmetric_times(gram, effect):
    """Product with a symmetric matrix, by its rows, which lie together in memory."""
    support = _support(effect)
    if 2 * len(support) > len(effect):
        return gram @ effect
    return effect[support] @ gram[support]


def _times(X, effect):
    """X b over the entries of b that matter."""
    support = _support(effect)
    if 2 * len(support) > len(effect):
        return X @ effect
    return X[:, support] @ effect[support]


def _support(effect):
    """Entries that are more than rounding beside the largest: most effects have a few."""
    size = np.abs(effect)
    return np.flatnonzero(size > _NEGLIGIBLE * size.max())


def _start(data, L, y_variance, scaled_prior_variance, residual_variance, prior_weights):
    """No effects yet; variances at their starting values."""
    p = len(data.score)
    L = min(check_count(L, "L"), p)
    share = check_number(scaled_prior_variance, "scaled_prior_variance", low=0, open_low=True)
    if residual_variance is None:
        residual_variance = y_variance
    residual_variance = check_number(residual_variance, "residual_variance", low=0, open_low=True)
    log_prior = _log_prior(prior_weights, p)
    return _State(
        alpha=np.tile(np.exp(log_prior), (L, 1)),
        mu=np.zeros((L, p)),
        mu2=np.zeros((L, p)),
        gram_products=np.zeros((L, p)),
        prior_variance=np.full(L, share * y_variance),
        log_bayes_factors=np.zeros(L),
        divergences=np.zeros(L),
        residual_variance=residual_variance,
        log_prior=log_prior,
    )


def _iterate(data, state, settings, smallest_residual_variance):
    """Run IBSS; gives the ELBO's trace and whether it has settled."""
    # One number where all columns have the same norm: the logarithms of p equal numbers are
    # what an iteration would spend its time on.
    diagonal = data.gram_diagonal
    if np.ptp(diagonal) <= 1e-13 * diagonal.max():
        diagonal = float(diagonal.mean())
    elbos = []
    while len(elbos) < settings.max_iter:
        _update_effects(data, state, diagonal, settings.estimate_prior_variance)
        expected_rss = _expected_residual_sum_of_squares(data, state)
        elbos.append(_elbo(data.n, expected_rss, state))
        if len(elbos) > 1 and elbos[-1] - elbos[-2] < settings.tol:
            return np.array(elbos), True
        if settings.estimate_residual_variance and len(elbos) < settings.max_iter:
            if expected_rss <= 0:
                raise ValueError(
                    f"R: got a residual sum of squares of {expected_rss:.3g} with these z scores, "
                    "expected a positive one: R is not the LD of the sample that z comes from."
                )
            state.residual_variance = max(expected_rss / data.n, smallest_residual_variance)
    warnings.warn(
        f"IBSS used up max_iter={settings.max_iter} iterations before one raised the ELBO by less "
        f"than tol={settings.tol:g}.",
        ConvergenceWarning,
        stacklevel=3,
    )
    return np.array(elbos), False


def _update_effects(data, state, diagonal, estimate_prior_variance):
    """Fit each single effect in turn to what the others leave over."""
    residual_score = data.score - state.gram_products.sum(axis=0)
    information = diagonal / state.residual_variance
    for one in range(len(state.alpha)):
        score = (residual_score + state.gram_products[one]) / state.residual_variance
        if estimate_prior_variance:
            state.prior_variance[one] = best_prior_variance(
                score, information, state.prior_variance[one], state.log_prior
            )
        effect = fit_single_effect(score, information, state.prior_variance[one], state.log_prior)
        before = state.gram_products[one].copy()
        _store(data, state, one, effect, score, information)
        residual_score += before - state.gram_products[one]


def _store(data, state, one, effect: SingleEffect, score, information):
    state.alpha[one], state.mu[one], state.mu2[one] = effect.alpha, effect.mu, effect.mu2
    state.log_bayes_factors[one] = effect.log_bayes_factor
    mean, second = effect.alpha * effect.mu, effect.alpha * effect.mu2
    # KL divergence from the prior: E_q of the log-likelihood ratio less the log Bayes factor.
    expected = mean @ score - 0.5 * np.sum(information * second)
    state.divergences[one] = expected - effect.log_bayes_factor
    if state.prior_variance[one] == 0:
        state.gram_products[one] = 0
    else:
        state.gram_products[one] = data.gram_product(mean)


def _expected_residual_sum_of_squares(data, state):
    """E_q of ||y - X b||², by the independence of the effects (Wang et al. 2020, appendix)."""
    means = state.alpha * state.mu
    total, total_product = means.sum(axis=0), state.gram_products.sum(axis=0)
    of_mean = data.sum_of_squares - 2 * total @ data.score + total @ total_product
    second = (state.alpha * state.mu2).sum(axis=0) @ data.gram_diagonal
    return float(of_mean + second - np.sum(means * state.gram_products))


def _elbo(n, expected_rss, state):
    """Expected log-likelihood less the effects' divergences (Wang et al. 2020, appendix)."""
    variance = state.residual_variance
    likelihood = -0.5 * (n * np.log(2 * np.pi * variance) + expected_rss / variance)
    return float(likelihood - state.divergences.sum())


def _summarise(data, state, settings, elbos, converged, scale, x_mean, y_mean):
    active = state.prior_variance > _NO_VARIANCE * data.sum_of_squares / data.n
    means = state.alpha * state.mu
    posterior_mean = means.sum(axis=0) / scale
    variance = (state.alpha * state.mu2 - means**2).sum(axis=0)
    return SusieFit(
        pip=1 - np.prod(1 - state.alpha[active], axis=0),
        alpha=state.alpha,
        mu=state.mu,
        mu2=state.mu2,
        posterior_mean=posterior_mean,
        posterior_sd=np.sqrt(np.maximum(variance, 0)) / scale,
        intercept=float(y_mean - x_mean @ posterior_mean),
        credible_sets=find_credible_sets(
            state.alpha, active, data.correlations, settings.coverage, settings.min_abs_corr
        ),
        elbos=elbos,
        log_bayes_factors=state.log_bayes_factors,
        prior_variance=state.prior_variance,
        residual_variance=state.residual_variance,
        converged=converged,
        n_iter=len(elbos),
    )


def _prepare_columns(X, standardize, intercept):
    """Centred and scaled copy of X, with what was subtracted from and divided out of its columns.

    In column order: a few columns, or all of them one by one, are then read in one sweep.
    """
    means = X.mean(axis=0)
    centred = np.subtract(X, means, order="F")
    sd = np.sqrt(np.einsum("ij,ij->j", centred, centred) / (len(X) - 1))
    # The mean of a constant column is off by rounding, which must not become its variance.
    constant = sd <= _ROUNDING * np.abs(means)
    if intercept:
        centred[:, constant] = 0
        prepared = centred
    else:
        prepared, means = np.array(X, order="F"), np.zeros_like(means)
    scale = np.where(constant, 1.0, sd) if standardize else np.ones_like(sd)
    if standardize:
        prepared /= scale
    return prepared, means, scale


def _log_prior(prior_weights, p):
    if prior_weights is None:
        return np.full(p, -np.log(p))
    weights = finite_array(prior_weights, "prior_weights", ("p",))
    if len(weights) != p:
        raise ValueError(f"prior_weights: got {len(weights)} entries, expected {p}, one a variant.")
    if weights.min() < 0 or weights.sum() <= 0:
        raise ValueError(
            f"prior_weights: got a smallest value of {weights.min():g} and a sum of "
            f"{weights.sum():g}, expected none negative and not all zero."
        )
    with np.errstate(divide="ignore"):
        return np.log(weights / weights.sum())


def _check_individual_data(X, y):
    X, y = finite_array(X, "X", ("n", "p")), finite_array(y, "y", ("n",))
    if len(X) != len(y):
        raise ValueError(f"y: got {len(y)} entries, expected {len(X)}, one for each row of X.")
    if len(y) < 2:
        raise ValueError(f"X: got {len(y)} row, expected at least 2.")
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        raise ValueError(f"y: got the constant {y[0]:g}, expected a trait that varies.")
    return X, y


def _check_settings(
    estimate_prior_variance, estimate_residual_variance, coverage, min_abs_corr, tol, max_iter
):
    return _Settings(
        _check_flag(estimate_prior_variance, "estimate_prior_variance"),
        _check_flag(estimate_residual_variance, "estimate_residual_variance"),
        check_number(coverage, "coverage", low=0, high=1, open_low=True, open_high=True),
        check_number(min_abs_corr, "min_abs_corr", low=0, high=1),
        check_number(tol, "tol", low=0),
        check_count(max_iter, "max_iter"),
    )


def _check_flag(value, name):
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}: got {value!r}, expected True or False.")
    return bool(value)
