r"""The spike-and-slab prior sampled along with the effects.

Given the causal variants :math:`\gamma` (k of p) and their effects b, the parts of the prior are
independent of each other and of the data but through these conjugate updates:

.. math::

    \pi &\sim \operatorname{Beta}(1 + k,\; 19 + p - k) , \\
    \sigma_b^2 &\sim \operatorname{InvGamma}\bigl(\tfrac12 + \tfrac{k}{2},\;
        \tfrac{5}{n} + \tfrac12 b^\top b\bigr) , \\
    \sigma^{-2} &\sim \operatorname{Gamma}\bigl(\tfrac{n}{2},\; \text{rate }
        \tfrac{n}{2} (1 - 2 b^\top \hat\beta + b^\top R b)\bigr)
        \text{ cut to } [1, 100] .

They follow from the priors :math:`\pi \sim \operatorname{Beta}(1, 19)` (one variant in twenty,
worth twenty variants), :math:`\sigma_b^2 \sim \operatorname{InvGamma}(1/2, 5/n)` (worth one
variant; its scale is five sampling variances of an effect, below which effects cannot be seen and
any number of them would do; its tail is heavy), and a flat prior of :math:`\log \sigma^2` on
[log 0.01, 0]. The effects are drawn for the redraw, from their Gaussian given the set, and
forgotten: the chain itself moves over sets with the effects integrated out.

p is the number of variants, n of people; effects are in standard deviations of the trait per
standard deviation of the dosage.

References
----------
Privé, F., Arbel, J. and Vilhjálmsson, B. J. (2020). LDpred2: better, faster, stronger.
Bioinformatics 36, 5424-5431, and Lloyd-Jones, L. R. et al. (2019). Improved polygenic prediction
by Bayesian multiple regression on summary statistics. Nature Communications 10, 5086 (priors
learnt by Gibbs sampling of the effects themselves).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammainc, gammaincinv

from gitools.shrinkage._gibbs import EXPLORATION, Chain, Model, ratio_of_means

FRACTION_PRIOR = (1.0, 19.0)
SLAB_SHAPE, SLAB_SCALE_IN_SAMPLING_VARIANCES = 0.5, 5.0
# A trait of variance one keeps at least this much of it: a bound, not an estimate.
LEAST_NOISE = 0.01
# A chain of unit length flips each label some times; the prior is redrawn about a fifth as often.
_REDRAWS_PER_FLIP = 0.2


@dataclass
class Prior:
    """Causal fraction, variance of effects that are not zero, and residual variance."""

    pi: float
    slab: float
    noise: float

    def model(self, beta, R, n):
        """Likelihood and prior as the chain wants them."""
        ones = np.ones(len(beta))
        logit = np.log(self.pi) - np.log1p(-self.pi)
        return Model(R, beta, n / self.noise, logit * ones, self.slab * ones)


class PriorRedraw:
    """Draws the prior's parameters given a chain's set, but for those that are fixed.

    Parameters
    ----------
    prior : Prior
        Where to begin.
    n : float
        Number of people.
    fixed : container of str
        Which of "pi", "slab" and "noise" stay as they are.
    rng : numpy Generator
    """

    def __init__(self, prior, n, fixed, rng):
        self.prior, self.n, self.fixed, self.rng = prior, n, fixed, rng

    def rate(self, k):
        """Redraws per unit of time for a set of size k."""
        return 0.0 if len(self.fixed) == 3 else _REDRAWS_PER_FLIP * (k + EXPLORATION)

    def record(self):
        """log pi, log slab, noise."""
        return np.log(self.prior.pi), np.log(self.prior.slab), self.prior.noise

    def draw(self, chain):
        """New parameters, as a Model for the chain."""
        model, S, rng = chain.model, chain.inside, self.rng
        RSS, beta = model.R[np.ix_(S, S)], model.beta[S]
        b = _draw_effects(RSS + np.diag(chain.ridge[S]), chain.mean, model.evidence, rng)
        k, p, prior = len(S), len(model.beta), self.prior
        if "pi" not in self.fixed:
            a, c = FRACTION_PRIOR
            prior.pi = float(np.clip(rng.beta(a + k, c + p - k), 1e-12, 1 - 1e-12))
        if "slab" not in self.fixed:
            scale = SLAB_SCALE_IN_SAMPLING_VARIANCES / self.n + 0.5 * b @ b
            prior.slab = float(scale / rng.gamma(SLAB_SHAPE + 0.5 * k))
        if "noise" not in self.fixed:
            prior.noise = draw_noise(1 - 2 * b @ beta + b @ RSS @ b, self.n, rng)
        return prior.model(model.beta, model.R, self.n)


def _draw_effects(A, mean, evidence, rng):
    """Effects of the set: N(mean, (evidence A)^-1)."""
    if len(mean) == 0:
        return mean
    root = np.linalg.cholesky(A)
    shock = solve_triangular(root.T, rng.standard_normal(len(mean)), lower=False)
    return mean + shock / np.sqrt(evidence)


def draw_noise(square, n, rng):
    """Residual variance given the mean square of what the variants leave of the trait.

    Parameters
    ----------
    square : float
        Mean square; LD of other people can make it negative, and is then counted as 0.01.
    n : float
        Number of people.
    rng : numpy Generator

    Returns
    -------
    float
        Between 0.01 and 1.
    """
    shape, rate = n / 2, n / 2 * max(square, LEAST_NOISE)
    low, high = gammainc(shape, rate), gammainc(shape, rate / LEAST_NOISE)
    if high - low < 1e-12:
        return float(np.clip(square, LEAST_NOISE, 1.0))
    precision = gammaincinv(shape, low + (high - low) * rng.random()) / rate
    return float(np.clip(1 / precision, LEAST_NOISE, 1.0))


@dataclass(frozen=True)
class Sampled:
    """What the chains found, and how well.

    Attributes
    ----------
    mean, variance, pip, mean_error, pip_error, r_hat : arrays of shape (p,)
    prior : Prior
        Posterior mean of the causal fraction and of the residual variance, geometric posterior
        mean of the effect variance.
    prior_r_hat : float
        Largest R-hat of the three.
    n_draws : int
        States visited by all chains after burn-in.
    """

    mean: np.ndarray
    variance: np.ndarray
    pip: np.ndarray
    mean_error: np.ndarray
    pip_error: np.ndarray
    r_hat: np.ndarray
    prior: Prior
    prior_r_hat: float
    n_draws: int


def sample_posterior(beta, R, n, fixed, starts, *, n_draws, max_draws, enough, rng):
    """Run one chain from each start, and go on until they agree.

    Parameters
    ----------
    beta : array of shape (p,)
    R : array of shape (p, p)
    n : float
    fixed : container of str
        Parts of the prior that are not learnt.
    starts : sequence of Prior
        Where the chains begin; every second one also begins with a draw of its prior.
    n_draws, max_draws : int
        States of each chain after burn-in: at first, and at most, doubling.
    enough : callable
        From a Sampled to whether it will do.
    rng : numpy Generator

    Returns
    -------
    Sampled
    """
    chains = [
        _begin(beta, R, n, fixed, start, own, full=k % 2 == 1)
        for k, (start, own) in enumerate(zip(starts, rng.spawn(len(starts)), strict=True))
    ]
    for chain in chains:
        chain.run(max(n_draws // 4, 1))
    runs, drawn = [], 0
    while True:
        length = n_draws if drawn == 0 else min(drawn, max_draws - drawn)
        runs.append([chain.run(length) for chain in chains])
        drawn += length
        sampled = _summarise(runs, drawn, fixed, starts[0].pi)
        if enough(sampled) or drawn >= max_draws:
            return sampled


def _begin(beta, R, n, fixed, start, rng, *, full):
    inside = np.flatnonzero(rng.random(len(beta)) < start.pi) if full else ()
    return Chain(start.model(beta, R, n), inside, rng, PriorRedraw(start, n, fixed, rng))


def _summarise(runs, drawn, fixed, pi):
    weights, labels, effects, squares, prior = (
        np.array([[getattr(totals, name) for totals in run] for run in runs])
        for name in ("weights", "labels", "effects", "squares", "prior")
    )
    pip, pip_error, r_hat = ratio_of_means(weights, labels)
    mean, mean_error, _ = ratio_of_means(weights, effects)
    second, _, _ = ratio_of_means(weights, squares)
    (_, log_slab, noise), error, prior_r_hat = ratio_of_means(weights, prior)
    # What is known to a fiftieth (the noise to a thousandth) need not be known better.
    known = error <= [0.02, 0.02, 0.001]
    if "pi" not in fixed:
        # The mean of a Beta, over sets: less noisy than the mean of its draws.
        a, c = FRACTION_PRIOR
        pi = (a + pip.sum()) / (a + c + len(pip))
    return Sampled(
        mean,
        np.maximum(second - mean**2, 0),
        pip,
        mean_error,
        pip_error,
        r_hat,
        Prior(float(pi), float(np.exp(log_slab)), float(noise)),
        float(np.where(known, 1.0, prior_r_hat).max()),
        drawn * weights.shape[1],
    )
