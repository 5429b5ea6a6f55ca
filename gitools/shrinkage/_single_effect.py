"""Single-effect regression: Bayesian regression in which exactly one variant has an effect.

Everything is told by two numbers for each variant j, both in units of the residual variance:
its information d_j / σ², d_j = x_j'x_j, and its score x_j'r / σ², r the residuals.

References
----------
Wang, G., Sarkar, A., Carbonetto, P. and Stephens, M. (2020). A simple new approach to variable
selection in regression, with application to genetic fine mapping. Journal of the Royal
Statistical Society B 82, 1273-1300.
"""

from typing import NamedTuple

import numpy as np

# Half-decades of the prior variance that are looked at before the best is refined.
_STEPS_PER_DECADE = 2
# How much higher, at most, a maximum is than the grid's point beside it.
_GRID_ERROR = 1.0
# Below this multiple of the smallest sampling variance an effect changes no Bayes factor by more
# than rounding would.
_SMALLEST_RATIO = 1e-6
_MAX_NEWTON_STEPS = 60
_NEWTON_TOLERANCE = 1e-10


class SingleEffect(NamedTuple):
    """Posterior of one single effect.

    Attributes
    ----------
    alpha : array of shape (p,)
        Probability that the effect is at each variant; sums to one.
    mu : array of shape (p,)
        Mean of the effect, given that it is at the variant.
    mu2 : array of shape (p,)
        Second moment of the effect, given that it is at the variant.
    log_bayes_factor : float
        Log of the Bayes factor against no effect at all: the prior mean of the variants' own.
    """

    alpha: np.ndarray
    mu: np.ndarray
    mu2: np.ndarray
    log_bayes_factor: float


def log_bayes_factors(score, information, variance):
    """Log Bayes factor of each variant against no effect (Wakefield's, in the other sign).

    Parameters
    ----------
    score : array of shape (p,)
        x_j'r / σ².
    information : array of shape (p,) or float
        x_j'x_j / σ².
    variance : float, or array of shape (k, 1)
        Prior variance V of the effect.

    Returns
    -------
    array of shape (p,), or (k, p)
    """
    ratio = variance * information
    return 0.5 * (variance / (1 + ratio) * score**2 - np.log1p(ratio))


def log_mean_exp(values, log_weights):
    """Log of the weighted mean of exp(values) over the last axis."""
    joint = values + log_weights
    top = joint.max(axis=-1, keepdims=True)
    return np.log(np.exp(joint - top).sum(axis=-1)) + top[..., 0]


def fit_single_effect(score, information, variance, log_prior):
    """Posterior of a single effect with a given prior variance.

    Parameters
    ----------
    score : array of shape (p,)
        x_j'r / σ².
    information : array of shape (p,) or float
        x_j'x_j / σ².
    variance : float
        Prior variance V; zero means no effect, and leaves alpha at the prior.
    log_prior : array of shape (p,)
        Log of the prior probability of each variant; sums to one on the natural scale.

    Returns
    -------
    SingleEffect
        As Wang et al. (2020) define the single-effect regression.
    """
    joint = log_bayes_factors(score, information, variance) + log_prior
    top = joint.max()
    alpha = np.exp(joint - top)
    total = alpha.sum()
    alpha /= total
    posterior_variance = variance / (1 + variance * information)
    mu = posterior_variance * score
    return SingleEffect(alpha, mu, mu**2 + posterior_variance, float(np.log(total) + top))


def best_prior_variance(score, information, current, log_prior):
    """Prior variance that maximises the single effect's Bayes factor.

    The Bayes factor may have several maxima in V: a grid finds them, Newton's method in log V
    refines them, the highest is kept. Never worse than the current value, or than no effect
    (V = 0), so that the evidence lower bound cannot fall.

    Parameters
    ----------
    score : array of shape (p,)
        x_j'r / σ².
    information : array of shape (p,) or float
        x_j'x_j / σ².
    current : float
        Prior variance until now.
    log_prior : array of shape (p,)
        Log of the prior probability of each variant.

    Returns
    -------
    float
        Zero where no positive variance has a Bayes factor above one.
    """
    rest = score, information, log_prior
    smallest, largest = _range_of_variances(score, information)
    if largest <= 0:
        return 0.0
    n_steps = 2 + int(_STEPS_PER_DECADE * np.log10(largest / smallest))
    grid = np.linspace(np.log(smallest), np.log(largest), n_steps)
    heights = log_mean_exp(log_bayes_factors(score, information, np.exp(grid)[:, None]), log_prior)
    refined = [
        np.exp(_climb(grid[i], grid[max(i - 1, 0)], grid[min(i + 1, n_steps - 1)], *rest))
        for i in _promising(heights)
    ]
    candidates = np.array([*refined, np.exp(grid[heights.argmax()]), current])
    at_candidates = log_mean_exp(
        log_bayes_factors(score, information, candidates[:, None]), log_prior
    )
    winner = int(at_candidates.argmax())
    return float(candidates[winner]) if at_candidates[winner] > 0 else 0.0


def _promising(heights):
    """Places of the grid's local maxima that the highest maximum may be beside."""
    padded = np.pad(heights, 1, constant_values=-np.inf)
    is_peak = (heights >= padded[:-2]) & (heights >= padded[2:])
    return np.flatnonzero(is_peak & (heights > heights.max() - _GRID_ERROR))


def _range_of_variances(score, information):
    """Bounds of the maximising prior variance; the upper is at most 0 if there is none.

    Each variant's Bayes factor rises until V = beta_j² - s_j² and falls from there, so their mean
    falls beyond the largest of these.
    """
    informative = np.broadcast_to(information, score.shape) > 0
    if not informative.any():
        return 0.0, 0.0
    if np.ndim(information):
        information, score = information[informative], score[informative]
    largest = ((score**2 - information) / information**2).max()
    smallest = min(_SMALLEST_RATIO / np.max(information), largest / 10)
    return smallest, largest


def _climb(start, lower, upper, score, information, log_prior):
    """Maximum of the log Bayes factor over log V in an interval, by guarded Newton steps."""
    position = start
    for _ in range(_MAX_NEWTON_STEPS):
        slope, curvature = _derivatives(np.exp(position), score, information, log_prior)
        if slope > 0:
            lower = position
        else:
            upper = position
        step = -slope / curvature if curvature < 0 else np.inf
        inside = lower < position + step < upper
        following = position + step if inside else (lower + upper) / 2
        if abs(following - position) < _NEWTON_TOLERANCE:
            return following
        position = following
    return position


def _derivatives(variance, score, information, log_prior):
    """First and second derivative of the single effect's log Bayes factor in log V."""
    ratio = variance * information
    kept = 1 / (1 + ratio)
    shrinkage = ratio * kept
    chi2 = variance * kept * score**2
    joint = 0.5 * (chi2 - np.log1p(ratio)) + log_prior
    alpha = np.exp(joint - joint.max())
    alpha /= alpha.sum()
    slopes = 0.5 * (kept * chi2 - shrinkage)
    curvatures = 0.5 * kept * ((kept - shrinkage) * chi2 - shrinkage)
    slope = alpha @ slopes
    return slope, alpha @ curvatures + alpha @ slopes**2 - slope**2
