r"""Spike-and-slab effects with a prior learnt from the data, by mean-field variational inference.

An effect is zero with probability :math:`1 - \pi`, else drawn from
:math:`N(0, \sigma_b^2)`. With genotypes and trait standardised, the likelihood needs only the
marginal effects and LD:

.. math:: \log p(y \mid b) = -\tfrac{n}{2} \log(2 \pi \sigma^2) - \tfrac{n}{2 \sigma^2}
          \left( 1 - 2 b^\top \hat\beta + b^\top R b \right) .

The approximation is a product over variants, :math:`q(b_j, \gamma_j)`, of a probability
:math:`\alpha_j` of being causal and a Gaussian :math:`N(\mu_j, s_j^2)` given that it is. p is the
number of variants, n of people; effects are in standard deviations of the trait per standard
deviation of the dosage.

References
----------
Carbonetto, P. and Stephens, M. (2012). Scalable variational inference for Bayesian variable
selection in regression, and its accuracy in genetic association studies. Bayesian Analysis 7,
73-108 (the updates).

Privé, F., Arbel, J. and Vilhjálmsson, B. J. (2020). LDpred2: better, faster, stronger.
Bioinformatics 36, 5424-5431, and Lloyd-Jones, L. R. et al. (2019). Improved polygenic prediction
by Bayesian multiple regression on summary statistics. Nature Communications 10, 5086 (the same
model, its prior learnt by Gibbs sampling).
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage._checks import check_count, check_number, check_summary_statistics

# A trait of variance one keeps at least this much of it: a bound, not an estimate.
_LEAST_RESIDUAL = 0.01
_LEAST_EFFECT_VARIANCE = 1e-12
# The expected number of causal variants is at least this: none at all has no logarithm.
_LEAST_CAUSAL = 0.01
_STARTS = (0.001, 0.01, 0.1)


@dataclass(frozen=True)
class SpikeAndSlabFit:
    """Posterior of spike-and-slab effects, and the prior that was learnt.

    Attributes
    ----------
    posterior_mean : array of shape (p,)
        Posterior mean of each joint effect.
    posterior_variance : array of shape (p,)
        Posterior variance by the mean-field approximation, which is too small under LD.
    pip : array of shape (p,)
        Posterior inclusion probability.
    causal_fraction : float
        Prior probability that a variant has an effect.
    effect_variance : float
        Variance of the effects that are not zero.
    residual_variance : float
        Variance of the trait that the variants leave.
    elbos : array of shape (n_iter,)
        Evidence lower bound after each round, in natural logarithms; it never falls.
    converged : bool
        Whether the bound rose by less than ``tol`` in the last round.
    n_iter : int
        Rounds of the start that was kept.
    """

    posterior_mean: np.ndarray
    posterior_variance: np.ndarray
    pip: np.ndarray
    causal_fraction: float
    effect_variance: float
    residual_variance: float
    elbos: np.ndarray
    converged: bool
    n_iter: int


@dataclass
class _State:
    """Parameters of q and of the prior while they change."""

    alpha: np.ndarray
    mu: np.ndarray
    s2: float
    residual: np.ndarray  # beta - R E[b]
    pi: float
    slab: float
    noise: float

    @property
    def mean(self):
        return self.alpha * self.mu

    @property
    def variance(self):
        return self.alpha * (self.s2 + self.mu**2) - self.mean**2


def spike_and_slab_rss(
    beta,
    R,
    n,
    *,
    causal_fraction=None,
    effect_variance=None,
    residual_variance=None,
    tol=1e-4,
    max_iter=1000,
):
    """Shrink marginal effects by a spike-and-slab prior that is learnt from them.

    Coordinate ascent on the evidence lower bound, over variants in order of their marginal
    effects, largest first; after each round the parts of the prior that were not given are
    re-estimated (empirical Bayes). Several starts of the causal fraction (0.001, 0.01, 0.1, none
    below one variant) are run, and the one of the highest bound is kept.

    Parameters
    ----------
    beta : array-like of shape (p,)
        Marginal effects.
    R : array-like of shape (p, p)
        LD correlations.
    n : float
        Number of people.
    causal_fraction : float, optional
        Probability that a variant has an effect, in (0, 1). Default: learnt.
    effect_variance : float, optional
        Variance of the effects that are not zero, above 0. Default: learnt.
    residual_variance : float, optional
        Variance of the trait that the variants leave, in (0, 1]. Default: learnt, between 0.01
        and 1. Where ``R`` is of other people, 1 is the safe choice.
    tol : float
        Stop when a round raises the bound by less than this.
    max_iter : int
        Most rounds for each start.

    Returns
    -------
    SpikeAndSlabFit

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` rounds are not enough.

    Raises
    ------
    ValueError
        If the summary statistics disagree or an argument is out of range.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    tol, max_iter = check_number(tol, "tol", low=0), check_count(max_iter, "max_iter")
    fixed = _check_fixed(causal_fraction, effect_variance, residual_variance)
    fits = [
        _ascend(_start(beta, R, n, start, fixed), beta, R, n, fixed, tol, max_iter)
        for start in _starting_fractions(len(beta), causal_fraction)
    ]
    best = max(fits, key=lambda fit: fit.elbos[-1])
    if not best.converged:
        warnings.warn(
            f"spike_and_slab_rss: the bound still rose by {best.elbos[-1] - best.elbos[-2]:.2g} "
            f"in round {max_iter}, expected less than {tol:g}."
            if max_iter > 1
            else "spike_and_slab_rss: one round cannot show convergence.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return best


def _check_fixed(causal_fraction, effect_variance, residual_variance):
    fixed = {}
    if causal_fraction is not None:
        bounds = {"low": 0, "high": 1, "open_low": True, "open_high": True}
        fixed["pi"] = check_number(causal_fraction, "causal_fraction", **bounds)
    if effect_variance is not None:
        fixed["slab"] = check_number(effect_variance, "effect_variance", low=0, open_low=True)
    if residual_variance is not None:
        bounds = {"low": 0, "high": 1, "open_low": True}
        fixed["noise"] = check_number(residual_variance, "residual_variance", **bounds)
    return fixed


def _starting_fractions(p, causal_fraction):
    if causal_fraction is not None:
        return [causal_fraction]
    return sorted({min(max(start, 1 / p), 0.5) for start in _STARTS})


def _start(beta, R, n, pi, fixed):
    """Nothing included; the slab spreads what exceeds the noise over the causal variants."""
    p = len(beta)
    excess = max(beta @ beta - p / n, 1 / n)
    mean_ld_score = np.einsum("ij,ij->", R, R) / p
    slab = max(excess / (mean_ld_score * p * pi), 1 / n)
    state = _State(np.zeros(p), np.zeros(p), 1.0, beta.copy(), pi, min(slab, 1.0), 1.0)
    for name, value in fixed.items():
        setattr(state, name, value)
    return state


def _ascend(state, beta, R, n, fixed, tol, max_iter):
    order = np.argsort(-np.abs(beta), kind="stable")
    elbos, converged = [], False
    while len(elbos) < max_iter and not converged:
        _round(state, R, n, order)
        _learn_prior(state, beta, n, fixed)
        elbos.append(_elbo(state, beta, n))
        converged = len(elbos) > 1 and elbos[-1] - elbos[-2] < tol
    return SpikeAndSlabFit(
        state.mean,
        state.variance,
        state.alpha,
        state.pi,
        state.slab,
        state.noise,
        np.array(elbos),
        converged,
        len(elbos),
    )


def _round(state, R, n, order):
    """Update q of each variant in turn, given the others (Carbonetto and Stephens, eq. 8-10)."""
    precision = n / state.noise
    state.s2 = 1 / (precision + 1 / state.slab)
    shrink = state.s2 * precision
    half_inverse = 1 / (2 * state.s2)
    prior_logit = math.log(state.pi / (1 - state.pi)) + 0.5 * math.log(state.s2 / state.slab)
    mean, residual = state.mean, state.residual
    for j in order.tolist():
        old = mean.item(j)
        mu = shrink * (residual.item(j) + old)
        alpha = _expit(prior_logit + mu * mu * half_inverse)
        new = alpha * mu
        state.alpha[j], state.mu[j], mean[j] = alpha, mu, new
        if new != old:
            residual -= (new - old) * R[j]


def _expit(value):
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0


def _learn_prior(state, beta, n, fixed):
    """Maximise the bound over the parts of the prior that were not given."""
    p, n_causal = len(beta), state.alpha.sum()
    second_moment = state.alpha @ (state.s2 + state.mu**2)
    if "pi" not in fixed:
        least = min(_LEAST_CAUSAL / p, 0.5)
        state.pi = float(np.clip(n_causal / p, least, 1 - least))
    if "slab" not in fixed and n_causal > 0:
        state.slab = float(np.clip(second_moment / n_causal, _LEAST_EFFECT_VARIANCE, 1.0))
    if "noise" not in fixed:
        state.noise = float(np.clip(_residual_square(state, beta), _LEAST_RESIDUAL, 1.0))


def _residual_square(state, beta):
    """Expected mean square of y - X b, when y has variance one."""
    mean = state.mean
    return 1 - mean @ beta - mean @ state.residual + state.variance.sum()


def _elbo(state, beta, n):
    alpha, log_pi, log_rest = state.alpha, math.log(state.pi), math.log1p(-state.pi)
    fit = -0.5 * n * (math.log(2 * math.pi * state.noise))
    fit -= 0.5 * n / state.noise * _residual_square(state, beta)
    slab = 1 + math.log(state.s2 / state.slab) - (state.s2 + state.mu**2) / state.slab
    labels = alpha * log_pi + (1 - alpha) * log_rest
    labels -= xlogy(alpha, alpha) + xlogy(1 - alpha, 1 - alpha)
    return float(fit + 0.5 * alpha @ slab + labels.sum())
