r"""Ridge, lasso and elastic net on marginal effects and LD.

With genotypes and trait standardised, :math:`X^\top X / n = R` and
:math:`X^\top y / n = \hat\beta`, so least squares with a penalty needs no individual data: up to a
constant,

.. math:: \frac{1}{2n} \lVert y - X b \rVert^2 = \frac{1}{2} b^\top R b - b^\top \hat\beta .

p is the number of variants, n of people. Effects are in standard deviations of the trait per
standard deviation of the dosage.

References
----------
Zou, H. and Hastie, T. (2005). Regularization and variable selection via the elastic net.
Journal of the Royal Statistical Society B 67, 301-320.

Friedman, J., Hastie, T. and Tibshirani, R. (2010). Regularization paths for generalized linear
models via coordinate descent. Journal of Statistical Software 33(1), 1-22.

Lee, H., Battle, A., Raina, R. and Ng, A. Y. (2006). Efficient sparse coding algorithms.
Advances in Neural Information Processing Systems 19 (exact steps within one pattern of signs).

Mak, T. S. H. et al. (2017). Polygenic scores via penalized regression on summary statistics.
Genetic Epidemiology 41, 469-480.

Zhao, Z. et al. (2021). PUMAS: fine-tuning polygenic risk scores with GWAS summary statistics.
Genome Biology 22, 257 (the split into two independent halves).
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve
from scipy.linalg.lapack import dposv
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage._checks import (
    check_count,
    check_number,
    check_summary_statistics,
    finite_array,
)

# Zero effects that enter at once: few, so that a variant can explain its neighbours away first.
_LEAST_ENTERING = 5
_ENTERING_SHARE = 1 / 8
# Shares of a step that are tried when it would turn signs, before it stops at the first of them.
_STEP_SHARES = (1.0, 0.5, 0.25)
# Without a ridge part an R of lower rank may leave the objective without a minimum. Beyond this
# multiple of the largest l1 norm that a standardised trait allows, it has none.
_UNBOUNDED = 1e4


def ridge_rss(beta, R, n, h2):
    r"""Ridge regression from summary statistics: the BLUP when all effects have one variance.

    With :math:`\hat\beta \sim N(R b, R (1 - h^2) / n)` and :math:`b \sim N(0, h^2 / p)` the
    posterior mean is

    .. math:: (R + \lambda I)^{-1} \hat\beta, \qquad \lambda = \frac{p (1 - h^2)}{n h^2} .

    Parameters
    ----------
    beta : array-like of shape (p,)
        Marginal effects.
    R : array-like of shape (p, p)
        LD correlations.
    n : float
        Number of people.
    h2 : float
        Share of the trait's variance that these p variants explain together, in [0, 1).
        At 0 every effect is 0.

    Returns
    -------
    ndarray of shape (p,)
        Shrunken joint effects.

    Raises
    ------
    ValueError
        If the summary statistics disagree or ``h2`` is out of range.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    h2 = check_number(h2, "h2", low=0, high=1, open_high=True)
    if h2 == 0:
        return np.zeros_like(beta)
    ratio = len(beta) * (1 - h2) / (n * h2)
    return solve(R + ratio * np.eye(len(beta)), beta, assume_a="sym", overwrite_a=True)


def elastic_net_objective(effects, beta, R, penalty, l1_ratio=1.0):
    r"""What the elastic net minimises.

    .. math:: \tfrac12 b^\top R b - b^\top \hat\beta
              + \lambda \left( \alpha \lVert b \rVert_1
              + \tfrac{1 - \alpha}{2} \lVert b \rVert_2^2 \right)

    Adding half the trait's variance gives the objective of scikit-learn and glmnet on
    standardised columns, where ``penalty`` is alpha and lambda, ``l1_ratio`` l1_ratio and alpha.

    Parameters
    ----------
    effects : array-like of shape (p,)
        The point b at which to evaluate.
    beta : array-like of shape (p,)
        Marginal effects.
    R : array-like of shape (p, p)
        LD correlations. Only its shape and numbers are checked.
    penalty : float
        :math:`\lambda`, not negative.
    l1_ratio : float
        :math:`\alpha`, in [0, 1].

    Returns
    -------
    float
        In units of the trait's variance.

    Raises
    ------
    ValueError
        If shapes disagree, or an argument is out of range.
    """
    effects = finite_array(effects, "effects", ("p",))
    beta, R = finite_array(beta, "beta", ("p",)), finite_array(R, "R", ("p", "p"))
    p = len(effects)
    if beta.shape != (p,) or R.shape != (p, p):
        raise ValueError(
            f"effects: got {p} entries, with beta of shape {beta.shape} and R of shape {R.shape}, "
            "expected the same p in all."
        )
    penalty = check_number(penalty, "penalty", low=0)
    l1_ratio = check_number(l1_ratio, "l1_ratio", low=0, high=1)
    norm = l1_ratio * np.abs(effects).sum() + (1 - l1_ratio) / 2 * effects @ effects
    return float(effects @ R @ effects / 2 - effects @ beta + penalty * norm)


def elastic_net_rss(beta, R, n, penalty, l1_ratio=1.0, *, tol=1e-10, max_iter=1000):
    """Elastic net from summary statistics; with ``l1_ratio=1`` the lasso.

    Minimises `elastic_net_objective`. Variants that violate the optimality (KKT) conditions enter
    by coordinate descent; then the variants in the model move by exact steps within their pattern
    of signs, a variant whose sign would turn leaving it.

    Parameters
    ----------
    beta : array-like of shape (p,)
        Marginal effects.
    R : array-like of shape (p, p)
        LD correlations.
    n : float
        Number of people. The objective is a mean over people and does not depend on it; it is
        checked, so that all methods are called alike.
    penalty : float
        Size of the penalty, above 0, in units of a marginal effect.
    l1_ratio : float
        Share of the absolute value in the penalty, in [0, 1]; the rest is the square.
    tol : float
        Largest violation of the optimality conditions, relative to the largest marginal effect.
    max_iter : int
        Most rounds.

    Returns
    -------
    ndarray of shape (p,)
        Shrunken joint effects. The minimiser need not be unique for the lasso when R is singular
        (of identical variants it picks one).

    Warns
    -----
    ConvergenceWarning
        If ``tol`` is not reached.

    Raises
    ------
    ValueError
        If the summary statistics disagree, an argument is out of range, or the objective has no
        minimum because ``beta`` cannot come from ``R`` (possible for the lasso only).
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    penalty = check_number(penalty, "penalty", low=0, open_low=True)
    l1_ratio = check_number(l1_ratio, "l1_ratio", low=0, high=1)
    tol, max_iter = check_number(tol, "tol", low=0), check_count(max_iter, "max_iter")
    return _minimise(beta, R, penalty, l1_ratio, np.zeros_like(beta), tol, max_iter)


def elastic_net_rss_path(
    beta,
    R,
    n,
    l1_ratio=1.0,
    *,
    penalties=None,
    n_penalties=100,
    smallest=1e-3,
    tol=1e-10,
    max_iter=1000,
):
    """Elastic net from summary statistics for a falling sequence of penalties.

    Parameters
    ----------
    beta, R, n : see `elastic_net_rss`
    l1_ratio : float
        Share of the absolute value in the penalty, in (0, 1] (in [0, 1] if ``penalties`` is
        given).
    penalties : array-like of shape (n_penalties,), optional
        Falling sequence of positive penalties. Default: evenly spaced in the logarithm from the
        smallest penalty at which every effect is zero, max |beta| / l1_ratio.
    n_penalties : int
        Length of the default sequence.
    smallest : float
        Last penalty of the default sequence divided by its first, in (0, 1).
    tol, max_iter : see `elastic_net_rss`

    Returns
    -------
    penalties : ndarray of shape (n_penalties,)
    effects : ndarray of shape (n_penalties, p)
        Shrunken joint effects at each penalty.

    Warns
    -----
    ConvergenceWarning
        If ``tol`` is not reached at some penalty.

    Raises
    ------
    ValueError
        See `elastic_net_rss`; also if ``penalties`` does not fall.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    l1_ratio = check_number(l1_ratio, "l1_ratio", low=0, high=1)
    tol, max_iter = check_number(tol, "tol", low=0), check_count(max_iter, "max_iter")
    penalties = _check_penalties(penalties, beta, l1_ratio, n_penalties, smallest)
    return penalties, _path(beta, R, penalties, l1_ratio, tol, max_iter)


def _check_penalties(penalties, beta, l1_ratio, n_penalties, smallest):
    n_penalties = check_count(n_penalties, "n_penalties", low=2)
    smallest = check_number(smallest, "smallest", low=0, high=1, open_low=True, open_high=True)
    if penalties is not None:
        penalties = finite_array(penalties, "penalties", ("n_penalties",))
        if penalties.min() <= 0 or np.any(np.diff(penalties) >= 0):
            raise ValueError("penalties: expected positive numbers, each below the one before.")
        return penalties
    if l1_ratio == 0:
        raise ValueError(
            "l1_ratio: got 0, expected a number above 0 unless penalties are given: "
            "no ridge penalty brings every effect to zero, so the path has no beginning."
        )
    largest = np.abs(beta).max() / l1_ratio
    if largest == 0:
        raise ValueError("beta: got zeros only, expected some effect, or penalties to be given.")
    return largest * np.geomspace(1, smallest, n_penalties)


def _path(beta, R, penalties, l1_ratio, tol, max_iter):
    effects = np.zeros((len(penalties), len(beta)))
    current = np.zeros_like(beta)
    for place, penalty in enumerate(penalties):
        current = _minimise(beta, R, penalty, l1_ratio, current, tol, max_iter)
        effects[place] = current
    return effects


def _minimise(beta, R, penalty, l1_ratio, start, tol, max_iter):
    """Minimiser of the elastic net's objective, from a start that is left as it is."""
    l1, l2 = penalty * l1_ratio, penalty * (1 - l1_ratio)
    if l1 == 0:
        return solve(R + l2 * np.eye(len(beta)), beta, assume_a="sym", overwrite_a=True)
    b = start.copy()
    threshold = tol * np.abs(beta).max()
    residual = _residual(beta, R, b)
    for _ in range(max_iter):
        violation = _violation(residual, b, l1, l2)
        if violation.max() <= threshold:
            # Steps leave rounding behind in the residual: stop on a fresh one only.
            residual = _residual(beta, R, b)
            violation = _violation(residual, b, l1, l2)
            if violation.max() <= threshold:
                return b
        working = _working_set(violation, b, threshold)
        _step(working, b, residual, R, l1, l2)
        if l2 == 0:
            _refuse_unbounded(b, beta, l1)
    warnings.warn(
        f"The elastic net at penalty {penalty:.3g} stopped after {max_iter} rounds with a "
        f"violation of {violation.max():.2g} where {threshold:.2g} was asked for.",
        ConvergenceWarning,
        stacklevel=3,
    )
    return b


def _residual(beta, R, b):
    active = np.flatnonzero(b)
    return beta - b[active] @ R[active]


def _violation(residual, b, l1, l2):
    """Distance of zero from the subdifferential, for each variant."""
    at_zero = np.maximum(np.abs(residual) - l1, 0)
    elsewhere = np.abs(residual - l2 * b - l1 * np.sign(b))
    return np.where(b == 0, at_zero, elsewhere)


def _working_set(violation, b, threshold):
    """Variants in the model, and the zeros that violate optimality most, worst first."""
    active = np.flatnonzero(b)
    outside = np.where(b == 0, violation, 0)
    most = max(_LEAST_ENTERING, int(_ENTERING_SHARE * len(active)))
    entering = np.argsort(-outside, kind="stable")[:most]
    return np.concatenate([entering[outside[entering] > threshold], active])


def _step(working, b, residual, R, l1, l2):
    """One round on the working set; updates effects and residual."""
    rows = R[working]
    R_working = rows[:, working]
    before = b[working]
    n_entering = len(working) - np.count_nonzero(before)
    local, local_residual = before.copy(), residual[working]
    _sweep(n_entering, local, local_residual, R_working, l1, l2)
    _exact_steps(local, local_residual, R_working, l1, l2)
    b[working] = local
    residual -= (local - before) @ rows


def _sweep(n_first, b, residual, R, l1, l2):
    """Coordinate descent once over the first few variants."""
    for j in range(n_first):
        partial = residual.item(j) + b.item(j)
        size = abs(partial) - l1
        change = (math.copysign(size, partial) / (1 + l2) if size > 0 else 0.0) - b.item(j)
        if change:
            b[j] += change
            residual -= change * R[j]


def _exact_steps(b, residual, R, l1, l2):
    """Minimise with the signs held; a variant whose sign would turn is set to zero and leaves.

    Within a pattern of signs the objective is quadratic. Each pass but the last removes at least
    one variant, and none raises the objective.
    """
    inside = np.flatnonzero(b)
    while len(inside):
        current = b[inside]
        signs = np.sign(current)
        hessian = R[np.ix_(inside, inside)]
        hessian[np.diag_indices_from(hessian)] += l2
        gradient = l2 * current + l1 * signs - residual[inside]
        step = -_solve_positive(hessian, gradient)
        turning = (current + step) * signs <= 0
        if turning.any():
            step = _shortened(step, current, turning, gradient, hessian)
        new = current + step
        new[new * signs <= 0] = 0
        residual -= (new - current) @ R[inside]
        b[inside] = new
        if not turning.any():
            return
        inside = inside[new != 0]


def _shortened(step, current, turning, gradient, hessian):
    """A step to the border of the orthant: a projected one if it descends, else the first hit."""
    signs = np.sign(current)
    for share in _STEP_SHARES:
        leaves = (current + share * step) * signs <= 0
        projected = np.where(leaves, -current, share * step)
        if leaves.any() and projected @ gradient + projected @ hessian @ projected / 2 < 0:
            return projected
    shares = np.where(turning, -current / np.where(turning, step, 1), np.inf)
    first = int(np.argmin(shares))
    step = shares[first] * step
    step[first] = -current[first]
    return step


def _solve_positive(matrix, vector):
    """Solve with a positive semi-definite matrix; a singular one gets the least ridge it needs."""
    ridge = 0.0
    while True:
        shifted = matrix + ridge * np.eye(len(matrix)) if ridge else matrix
        # Called directly: on matrices this small SciPy's wrappers would take most of the time.
        _, solution, failed = dposv(shifted, vector)
        if not failed:
            return solution
        ridge = 100 * ridge if ridge else 1e-12


def _refuse_unbounded(b, beta, l1):
    if l1 * np.abs(b).sum() > _UNBOUNDED * max(1.0, np.abs(beta).max() ** 2):
        raise ValueError(
            "beta: got effects that R cannot have made (a combination of variants that does not "
            "vary by R goes with the trait), so that the lasso has no minimum; expected beta and "
            "R of the same people, an l1_ratio below 1, or R shrunken as (1 - s) R + s I."
        )


def split_summary_statistics(
    beta, R, n, train_fraction=0.8, *, residual_variance=1.0, random_state=None
):
    r"""Marginal effects as two independent groups of people would have given them.

    With :math:`\hat\beta \sim N(R b, R \sigma^2 / n)`, a fraction f and an extra draw
    :math:`e \sim N(0, R \sigma^2 / n)`, the two vectors
    :math:`\hat\beta + \sqrt{(1 - f) / f}\, e` and :math:`\hat\beta - \sqrt{f / (1 - f)}\, e` are
    independent, both unbiased for R b, with the noise of f n and of (1 - f) n people.

    Parameters
    ----------
    beta, R, n : see `elastic_net_rss`
    train_fraction : float
        Fraction f of the people in the first part, in (0, 1).
    residual_variance : float
        :math:`\sigma^2`, the trait's variance that the variants leave, above 0.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    train, validation : ndarrays of shape (p,)

    Raises
    ------
    ValueError
        If the summary statistics disagree or an argument is out of range.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    scale = _noise_scale(n, train_fraction, residual_variance)
    noise = scale * (_root(R) @ np.random.default_rng(random_state).standard_normal(len(beta)))
    return _halves(beta, noise, train_fraction)


def fold_summary_statistics(beta, R, n, n_folds=5, *, residual_variance=1.0, random_state=None):
    r"""Marginal effects as K independent groups of n / K people would have given them.

    With :math:`\hat\beta \sim N(R b, R \sigma^2 / n)` and K independent draws
    :math:`e_k \sim N(0, K R \sigma^2 / n)` of mean :math:`\bar e`, the vectors
    :math:`\hat\beta + e_k - \bar e` are independent, each unbiased for R b with the noise of n / K
    people, and their mean is :math:`\hat\beta`. Unlike repeated calls of
    `split_summary_statistics`, every group is left out once.

    Parameters
    ----------
    beta, R, n : see `elastic_net_rss`
    n_folds : int
        Number of groups K, at least 2.
    residual_variance, random_state : see `split_summary_statistics`

    Returns
    -------
    train : ndarray of shape (n_folds, p)
        Marginal effects of all groups but one.
    validation : ndarray of shape (n_folds, p)
        Marginal effects of that one.

    Raises
    ------
    ValueError
        If the summary statistics disagree or an argument is out of range.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    n_folds = check_count(n_folds, "n_folds", low=2)
    scale = np.sqrt(n_folds) * _noise_scale(n, 1 / n_folds, residual_variance)
    draws = np.random.default_rng(random_state).standard_normal((n_folds, len(beta)))
    noise = scale * draws @ _root(R).T
    validation = beta + noise - noise.mean(axis=0)
    return (n_folds * beta - validation) / (n_folds - 1), validation


def _noise_scale(n, train_fraction, residual_variance):
    check_number(train_fraction, "train_fraction", low=0, high=1, open_low=True, open_high=True)
    check_number(residual_variance, "residual_variance", low=0, open_low=True)
    return np.sqrt(residual_variance / n)


def _root(R):
    values, vectors = np.linalg.eigh(R)
    return vectors * np.sqrt(np.maximum(values, 0))


def _halves(beta, noise, train_fraction):
    odds = (1 - train_fraction) / train_fraction
    return beta + np.sqrt(odds) * noise, beta - noise / np.sqrt(odds)


@dataclass(frozen=True)
class PseudoValidation:
    """Penalties compared without individual data.

    Attributes
    ----------
    penalties : array of shape (n_penalties,)
        Those that were tried.
    losses : array of shape (n_splits, n_penalties)
        Estimated mean squared error of prediction minus the trait's variance, in units of that
        variance: below 0 is better than predicting nothing.
    penalty : float
        The one of the smallest mean loss.
    effects : array of shape (p,)
        Elastic net of all the data at ``penalty``.
    """

    penalties: np.ndarray
    losses: np.ndarray
    penalty: float
    effects: np.ndarray


def pseudo_validate(
    beta,
    R,
    n,
    l1_ratio=1.0,
    *,
    penalties=None,
    n_penalties=50,
    smallest=1e-2,
    n_splits=5,
    train_fraction=0.8,
    residual_variance=1.0,
    patience=None,
    random_state=None,
):
    r"""Choose the elastic net's penalty by splits of the summary statistics.

    The path is fitted to the first part of each split (`split_summary_statistics`) and scored on
    the second by :math:`b^\top R b - 2 b^\top \hat\beta`: what the squared error of prediction
    would be, less the trait's variance.

    Parameters
    ----------
    beta, R, n, l1_ratio, penalties, n_penalties, smallest : see `elastic_net_rss_path`
    n_splits : int
        Number of random splits, at least 1.
    train_fraction, residual_variance, random_state : see `split_summary_statistics`
    patience : int, optional
        Leave the path when the mean loss has not reached a new minimum for so many penalties; its
        end, where most effects are not zero, costs most. Default: all penalties are tried.

    Returns
    -------
    PseudoValidation

    Raises
    ------
    ValueError
        If the summary statistics disagree or an argument is out of range.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    l1_ratio = check_number(l1_ratio, "l1_ratio", low=0, high=1)
    n_splits = check_count(n_splits, "n_splits")
    scale = _noise_scale(n, train_fraction, residual_variance)
    penalties = _check_penalties(penalties, beta, l1_ratio, n_penalties, smallest)
    patience = len(penalties) if patience is None else check_count(patience, "patience")
    draws = np.random.default_rng(random_state).standard_normal((n_splits, len(beta)))
    train, validation = _halves(beta, scale * draws @ _root(R).T, train_fraction)
    losses = _losses_along_path(train, validation, R, penalties, l1_ratio, patience)
    penalties, best = penalties[: losses.shape[1]], int(np.argmin(losses.mean(axis=0)))
    effects = _path(beta, R, penalties[: best + 1], l1_ratio, 1e-10, 1000)[best]
    return PseudoValidation(penalties, losses, float(penalties[best]), effects)


def _losses_along_path(train, validation, R, penalties, l1_ratio, patience):
    effects = np.zeros_like(train)
    losses = np.empty((len(train), len(penalties)))
    for k, penalty in enumerate(penalties):
        for split, (seen, unseen) in enumerate(zip(train, validation, strict=True)):
            b = _minimise(seen, R, penalty, l1_ratio, effects[split], 1e-6, 1000)
            effects[split], losses[split, k] = b, b @ R @ b - 2 * b @ unseen
        if k - np.argmin(losses[:, : k + 1].mean(axis=0)) >= patience:
            return losses[:, : k + 1]
    return losses
