r"""Spike-and-slab effects with a prior learnt from the data, by variational inference or sampling.

An effect is zero with probability :math:`1 - \pi`, else drawn from
:math:`N(0, \sigma_b^2)`. With genotypes and trait standardised, the likelihood needs only the
marginal effects and LD:

.. math:: \log p(y \mid b) = -\tfrac{n}{2} \log(2 \pi \sigma^2) - \tfrac{n}{2 \sigma^2}
          \left( 1 - 2 b^\top \hat\beta + b^\top R b \right) .

The variational approximation is a product over variants, :math:`q(b_j, \gamma_j)`, of a
probability :math:`\alpha_j` of being causal and a Gaussian :math:`N(\mu_j, s_j^2)` given that it
is; the prior maximises its bound. Under LD it settles on one of several variants that would do,
and with that on too small a causal fraction. Sampling (`method="gibbs"`) does not settle, and
averages over the prior instead of picking one (where the data say little, the causal fraction is
drawn towards its weak prior's 1/20); `gitools.shrinkage._gibbs` and
`gitools.shrinkage._learnt_prior` say how. p is the number of variants, n of people; effects are in
standard deviations of the trait per standard deviation of the dosage.

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
from gitools.shrinkage._gibbs import BATCHES
from gitools.shrinkage._learnt_prior import LEAST_NOISE, Prior, sample_posterior

_LEAST_EFFECT_VARIANCE = 1e-12
# The expected number of causal variants is at least this: none at all has no logarithm.
_LEAST_CAUSAL = 0.01
_STARTS = (0.001, 0.01, 0.1)
_TOLERANCE = {"variational": 1e-4, "gibbs": 0.02}
_LARGEST_R_HAT = 1.1
# R-hat of an inclusion probability known this well says nothing more.
_NEGLIGIBLE_PIP_ERROR = 1e-3


@dataclass(frozen=True)
class SpikeAndSlabFit:
    """Posterior of spike-and-slab effects, and the prior that was learnt.

    Attributes
    ----------
    posterior_mean : array of shape (p,)
        Posterior mean of each joint effect.
    posterior_variance : array of shape (p,)
        Posterior variance; the variational one is too small under LD.
    pip : array of shape (p,)
        Posterior inclusion probability.
    causal_fraction : float
        Prior probability that a variant has an effect: that of the highest bound, or, sampled, its
        posterior mean.
    effect_variance : float
        Variance of the effects that are not zero: that of the highest bound, or the geometric
        posterior mean.
    residual_variance : float
        Variance of the trait that the variants leave: that of the highest bound, or the posterior
        mean.
    elbos : array of shape (n_iter,)
        Evidence lower bound after each round, in natural logarithms; it never falls. Empty if
        sampled.
    converged : bool
        Variational: the bound rose by less than ``tol`` in the last round. Sampled: every
        ``pip_error`` is at most ``tol``, every ``r_hat`` and ``prior_r_hat`` at most 1.1.
    n_iter : int
        Rounds of the start that was kept, or states visited by all chains after burn-in.
    pip_error : array of shape (p,) or None
        Monte Carlo standard errors of ``pip``, if sampled.
    mean_error : array of shape (p,) or None
        Those of ``posterior_mean``.
    r_hat : array of shape (p,) or None
        Potential scale reduction of ``pip`` between chains, computed on batch means; 1 where the
        Monte Carlo error is below 0.001.
    prior_r_hat : float or None
        The largest one of the three parts of the prior (on the logarithm of the fraction and of the
        effect variance), those known to 2 %, or the noise to 0.001, left out.
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
    pip_error: np.ndarray | None = None
    mean_error: np.ndarray | None = None
    r_hat: np.ndarray | None = None
    prior_r_hat: float | None = None


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
    method="variational",
    tol=None,
    max_iter=1000,
    n_chains=4,
    n_draws=2000,
    max_draws=16000,
    random_state=None,
):
    """Shrink marginal effects by a spike-and-slab prior that is learnt from them.

    Variational: coordinate ascent on the evidence lower bound, over variants in order of their
    marginal effects, largest first; after each round the parts of the prior that were not given
    are re-estimated (empirical Bayes). Several starts of the causal fraction (0.001, 0.01, 0.1,
    none below one variant) are run, and the one of the highest bound is kept.

    Gibbs: chains over sets of causal variants, their effects integrated out; the parts of the
    prior that were not given are sampled along, under weak conjugate priors: a causal fraction
    from Beta(1, 19), an effect variance from InvGamma(1/2, 5/n), log residual variance flat
    between 0.01 and 1.

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
    method : {"variational", "gibbs"}
        Fast, and overconfident under LD; or slower, and exact but for Monte Carlo error.
    tol : float, optional
        Variational: stop when a round raises the bound by less than this; default 1e-4. Gibbs:
        largest Monte Carlo standard error of an inclusion probability; default 0.02.
    max_iter : int
        Most rounds for each start. Variational only.
    n_chains : int
        Number of chains, at least 2, from causal fractions far apart. Gibbs only.
    n_draws : int
        States of each chain after burn-in (a quarter as many more), at least 20. Gibbs only.
    max_draws : int
        While the chains have not converged they are continued, doubling ``n_draws``, up to so many
        states each. Gibbs only.
    random_state : int, numpy Generator or None
        Source of randomness. Gibbs only.

    Returns
    -------
    SpikeAndSlabFit

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` rounds, or ``max_draws`` states, are not enough.

    Raises
    ------
    ValueError
        If the summary statistics disagree or an argument is out of range.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    if method not in _TOLERANCE:
        raise ValueError(f"method: got {method!r}, expected 'variational' or 'gibbs'.")
    tol = check_number(_TOLERANCE[method] if tol is None else tol, "tol", low=0)
    fixed = _check_fixed(causal_fraction, effect_variance, residual_variance)
    if method == "variational":
        return _best_ascent(beta, R, n, fixed, tol, check_count(max_iter, "max_iter"))
    n_chains = check_count(n_chains, "n_chains", low=2)
    n_draws = check_count(n_draws, "n_draws", low=BATCHES)
    max_draws = check_count(max_draws, "max_draws", low=n_draws)
    rng = np.random.default_rng(random_state)
    return _sample(beta, R, n, fixed, tol, n_chains, n_draws, max_draws, rng)


def _best_ascent(beta, R, n, fixed, tol, max_iter):
    fits = [
        _ascend(_start(beta, R, n, start, fixed), beta, R, n, fixed, tol, max_iter)
        for start in _starting_fractions(len(beta), fixed.get("pi"))
    ]
    best = max(fits, key=lambda fit: fit.elbos[-1])
    if not best.converged:
        warnings.warn(
            f"spike_and_slab_rss: the bound still rose by {best.elbos[-1] - best.elbos[-2]:.2g} "
            f"in round {max_iter}, expected less than {tol:g}."
            if max_iter > 1
            else "spike_and_slab_rss: one round cannot show convergence.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return best


def _sample(beta, R, n, fixed, tol, n_chains, n_draws, max_draws, rng):
    fractions = np.resize(_starting_fractions(len(beta), fixed.get("pi")), n_chains)
    states = [_start(beta, R, n, float(fraction), fixed) for fraction in fractions]
    starts = [Prior(state.pi, state.slab, state.noise) for state in states]

    def enough(sampled):
        unsure = sampled.pip_error > _NEGLIGIBLE_PIP_ERROR
        r_hat = max(sampled.r_hat[unsure].max(initial=1.0), sampled.prior_r_hat)
        return bool(sampled.pip_error.max() <= tol and r_hat <= _LARGEST_R_HAT)

    limits = {"n_draws": n_draws, "max_draws": max_draws}
    found = sample_posterior(beta, R, n, fixed, starts, **limits, enough=enough, rng=rng)
    r_hat = np.where(found.pip_error > _NEGLIGIBLE_PIP_ERROR, found.r_hat, 1.0)
    if not enough(found):
        warnings.warn(
            f"spike_and_slab_rss: after {max_draws} states of {n_chains} chains the largest Monte "
            f"Carlo error of an inclusion probability is {found.pip_error.max():.2g} and the "
            f"largest R-hat {max(r_hat.max(), found.prior_r_hat):.3g}, expected at most {tol:g} "
            f"and {_LARGEST_R_HAT:g}.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return SpikeAndSlabFit(
        found.mean,
        found.variance,
        found.pip,
        found.prior.pi,
        found.prior.slab,
        found.prior.noise,
        np.empty(0),
        enough(found),
        found.n_draws,
        found.pip_error,
        found.mean_error,
        r_hat,
        found.prior_r_hat,
    )


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
        state.noise = float(np.clip(_residual_square(state, beta), LEAST_NOISE, 1.0))


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
