r"""The ceiling: posterior of spike-and-slab effects under the prior that made them.

When the prior is the true one, no method has a smaller expected squared error than the posterior
mean, and none ranks causal variants better, on average, than the posterior inclusion
probability. With standardised genotypes and trait, and each effect zero with probability
:math:`1 - \pi_j`, else from :math:`N(0, v_j)`, the effects of a set of causal variants
:math:`\gamma` integrate out of the likelihood
:math:`\exp\{ \tfrac{n}{\sigma^2} ( b^\top \hat\beta - \tfrac12 b^\top R b ) \}`: with
:math:`A_\gamma = \tfrac{n}{\sigma^2} R_{\gamma\gamma} + \operatorname{diag}(v_\gamma)^{-1}` and
:math:`u_\gamma = \tfrac{n}{\sigma^2} \hat\beta_\gamma`,

.. math:: p(\gamma \mid \hat\beta) \propto \prod_{j \in \gamma} \frac{\pi_j}{1 - \pi_j}\,
          |A_\gamma|^{-1/2} \prod_{j \in \gamma} v_j^{-1/2}
          \exp\{ \tfrac12 u_\gamma^\top A_\gamma^{-1} u_\gamma \} ,

and :math:`E[b_\gamma \mid \gamma] = A_\gamma^{-1} u_\gamma`. Up to 12 variants all sets are
enumerated. Beyond, sets are sampled by the weighted tempered Gibbs sampler: variant j is flipped
at a rate :math:`\eta_j / p(\gamma_j \mid \gamma_{-j}, \hat\beta)`, so that a variant which is
almost surely in, or one in LD with it, does not trap the chain; states are weighted by the
inverse of the total rate, and each contributes conditional probabilities, not only its labels.

p is the number of variants, n of people; effects are in standard deviations of the trait per
standard deviation of the dosage.

References
----------
Zanella, G. and Roberts, G. (2019). Scalable importance tempering and Bayesian variable selection.
Journal of the Royal Statistical Society B 81, 489-517.

Gelman, A. and Rubin, D. B. (1992). Inference from iterative simulation using multiple sequences.
Statistical Science 7, 457-472.
"""

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage._checks import (
    check_count,
    check_number,
    check_summary_statistics,
    finite_array,
)
from gitools.shrinkage._gibbs import BATCHES, Chain, Model, ratio_of_means

_MOST_ENUMERATED_BY_DEFAULT = 12
_MOST_ENUMERATED = 20
_SETS_AT_ONCE = 4096
# R-hat of an inclusion probability known this well says nothing more.
NEGLIGIBLE_PIP_ERROR = 1e-3


@dataclass(frozen=True)
class OraclePosterior:
    """Posterior under the true prior, with its Monte Carlo error.

    Attributes
    ----------
    posterior_mean : array of shape (p,)
    pip : array of shape (p,)
        Posterior inclusion probability.
    mean_error, pip_error : arrays of shape (p,)
        Standard errors of the two by Monte Carlo; zero if all sets were enumerated.
    r_hat : array of shape (p,)
        Potential scale reduction of ``pip`` between chains, computed on batch means; 1 where
        the Monte Carlo error is below 0.001, and if all sets were enumerated.
    converged : bool
        Whether every ``pip_error`` is at most ``tol`` and every ``r_hat`` at most 1.1.
    n_draws : int
        States visited by all chains after burn-in, or sets enumerated.
    """

    posterior_mean: np.ndarray
    pip: np.ndarray
    mean_error: np.ndarray
    pip_error: np.ndarray
    r_hat: np.ndarray
    converged: bool
    n_draws: int


def oracle_posterior(
    beta,
    R,
    n,
    causal_fraction,
    effect_variance,
    residual_variance=1.0,
    *,
    method="auto",
    n_chains=4,
    n_draws=2000,
    max_draws=64000,
    tol=0.02,
    random_state=None,
):
    """Posterior of spike-and-slab effects under a given prior.

    Parameters
    ----------
    beta : array-like of shape (p,)
        Marginal effects.
    R : array-like of shape (p, p)
        LD correlations.
    n : float
        Number of people.
    causal_fraction : float or array of shape (p,)
        Prior probability that a variant has an effect, in (0, 1).
    effect_variance : float or array of shape (p,)
        Variance of an effect that is not zero, above 0.
    residual_variance : float
        Variance of the trait that the variants leave, 1 - h2, above 0.
    method : {"auto", "enumerate", "gibbs"}
        All sets of causal variants (at most 20 variants), or a sample of them. "auto" enumerates
        up to 12 variants.
    n_chains : int
        Number of chains, at least 2; half of them begin without causal variants, the others with
        a draw from the prior. Gibbs only.
    n_draws : int
        States of each chain after burn-in (a quarter as many more), at least 20. Gibbs only.
    max_draws : int
        While ``tol`` is not met the chains are continued, doubling ``n_draws``, up to so many
        states each. Gibbs only.
    tol : float
        Largest Monte Carlo standard error of an inclusion probability. Gibbs only.
    random_state : int, numpy Generator or None
        Source of randomness. Gibbs only.

    Returns
    -------
    OraclePosterior

    Warns
    -----
    ConvergenceWarning
        If the chains disagree, or their error is above ``tol``, after ``max_draws`` states.

    Raises
    ------
    ValueError
        If the summary statistics disagree, an argument is out of range, or more than 20 variants
        are to be enumerated.
    """
    beta, R, n = check_summary_statistics(beta, R, n)
    model = _checked_model(beta, R, n, causal_fraction, effect_variance, residual_variance)
    if method not in ("auto", "enumerate", "gibbs"):
        raise ValueError(f"method: got {method!r}, expected 'auto', 'enumerate' or 'gibbs'.")
    p = len(beta)
    if method == "enumerate" and p > _MOST_ENUMERATED:
        raise ValueError(
            f"method: got 'enumerate' with {p} variants ({2.0**p:.3g} sets), expected at most "
            f"{_MOST_ENUMERATED} of them, or 'gibbs'."
        )
    n_chains = check_count(n_chains, "n_chains", low=2)
    n_draws = check_count(n_draws, "n_draws", low=BATCHES)
    max_draws = check_count(max_draws, "max_draws", low=n_draws)
    tol = check_number(tol, "tol", low=0, open_low=True)
    if method == "enumerate" or (method == "auto" and p <= _MOST_ENUMERATED_BY_DEFAULT):
        return _enumerate(model)
    return _sample(model, n_chains, n_draws, max_draws, tol, np.random.default_rng(random_state))


def oracle_posterior_mean(
    beta, R, n, causal_fraction, effect_variance, residual_variance=1.0, **options
):
    """Bayes-optimal effects for squared error; see `oracle_posterior` for all arguments.

    Returns
    -------
    ndarray of shape (p,)
    """
    return oracle_posterior(
        beta, R, n, causal_fraction, effect_variance, residual_variance, **options
    ).posterior_mean


def oracle_pip(beta, R, n, causal_fraction, effect_variance, residual_variance=1.0, **options):
    """Bayes-optimal inclusion probabilities; see `oracle_posterior` for all arguments.

    Returns
    -------
    ndarray of shape (p,)
    """
    return oracle_posterior(
        beta, R, n, causal_fraction, effect_variance, residual_variance, **options
    ).pip


def _checked_model(beta, R, n, causal_fraction, effect_variance, residual_variance):
    fraction = _per_variant(causal_fraction, "causal_fraction", len(beta))
    if fraction.min() <= 0 or fraction.max() >= 1:
        raise ValueError(
            f"causal_fraction: got values from {fraction.min():g} to {fraction.max():g}, "
            "expected numbers above 0 and below 1."
        )
    slab = _per_variant(effect_variance, "effect_variance", len(beta))
    if slab.min() <= 0:
        raise ValueError(
            f"effect_variance: got {slab.min():g}, expected a number above 0, or {len(beta)}."
        )
    noise = check_number(residual_variance, "residual_variance", low=0, open_low=True)
    return Model(R, beta, n / noise, np.log(fraction) - np.log1p(-fraction), slab)


def _per_variant(value, name, p):
    array = np.asarray(value)
    array = finite_array(value, name, ("p",) if array.ndim else ())
    if array.shape not in ((), (p,)):
        raise ValueError(f"{name}: got shape {array.shape}, expected a number or shape ({p},).")
    return np.broadcast_to(array, (p,))


def _enumerate(model):
    """Sum over all sets of causal variants, in chunks of sets of one size."""
    p = len(model.beta)
    chunks = [_empty_set(p)]
    for size in range(1, p + 1):
        sets = np.array(list(combinations(range(p), size)))
        for begin in range(0, len(sets), _SETS_AT_ONCE):
            chunks.append(_chunk_sums(model, sets[begin : begin + _SETS_AT_ONCE]))
    peaks = np.array([peak for peak, *_ in chunks])
    scales = np.exp(peaks - peaks.max())
    total = sum(scale * mass for scale, (_, mass, _, _) in zip(scales, chunks, strict=True))
    pip = sum(scale * labels for scale, (_, _, labels, _) in zip(scales, chunks, strict=True))
    mean = sum(scale * effects for scale, (_, _, _, effects) in zip(scales, chunks, strict=True))
    zeros = np.zeros(p)
    return OraclePosterior(mean / total, pip / total, zeros, zeros, np.ones(p), True, 2**p)


def _empty_set(p):
    return 0.0, 1.0, np.zeros(p), np.zeros(p)


def _chunk_sums(model, sets):
    """Log weight taken out, then the sums of weights, of labels and of effects."""
    A = model.evidence * model.R[sets[:, :, None], sets[:, None, :]]
    diagonal = np.arange(sets.shape[1])
    A[:, diagonal, diagonal] += 1 / model.slab[sets]
    pull = model.evidence * model.beta[sets]
    effects = np.linalg.solve(A, pull[:, :, None])[:, :, 0]
    log_weight = (model.prior_logit - 0.5 * np.log(model.slab))[sets].sum(axis=1)
    log_weight += 0.5 * np.einsum("sk,sk->s", pull, effects) - 0.5 * np.linalg.slogdet(A)[1]
    peak = log_weight.max()
    weight = np.exp(log_weight - peak)
    p = len(model.beta)
    labels = np.bincount(sets.ravel(), np.repeat(weight, sets.shape[1]), minlength=p)
    sums = np.bincount(sets.ravel(), (weight[:, None] * effects).ravel(), minlength=p)
    return peak, weight.sum(), labels, sums


def _sample(model, n_chains, n_draws, max_draws, tol, rng):
    """Run chains until they agree, doubling their length."""
    children = rng.spawn(n_chains)
    chains = [Chain(model, _start(model, k, own), own) for k, own in enumerate(children)]
    for chain in chains:
        chain.run(max(n_draws // 4, 1))
    runs, drawn = [], 0
    while True:
        length = n_draws if drawn == 0 else min(drawn, max_draws - drawn)
        runs.append([chain.run(length) for chain in chains])
        drawn += length
        posterior = _summarise(runs, drawn, tol)
        if posterior.converged or drawn >= max_draws:
            break
    if not posterior.converged:
        warnings.warn(
            f"oracle_posterior: after {max_draws} states of {n_chains} chains the largest Monte "
            f"Carlo error of an inclusion probability is {posterior.pip_error.max():.2g} and the "
            f"largest R-hat {posterior.r_hat.max():.3g}, expected at most {tol:g} and 1.1.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return posterior


def _start(model, k, rng):
    """Overdispersed starts: nothing for every second chain, a draw of the prior for the others."""
    if k % 2 == 0:
        return []
    return np.flatnonzero(rng.random(len(model.beta)) < expit(model.prior_logit)).tolist()


def _summarise(runs, drawn, tol):
    """Weighted means over all batches, and their errors from the batches' spread."""
    weights, labels, effects = (
        np.array([[getattr(totals, name) for totals in run] for run in runs])
        for name in ("weights", "labels", "effects")
    )
    pip, pip_error, r_hat = ratio_of_means(weights, labels)
    r_hat = np.where(pip_error <= NEGLIGIBLE_PIP_ERROR, 1.0, r_hat)
    mean, mean_error, _ = ratio_of_means(weights, effects)
    converged = bool(pip_error.max() <= tol and r_hat.max() <= 1.1)
    n_states = drawn * weights.shape[1]
    return OraclePosterior(mean, pip, mean_error, pip_error, r_hat, converged, n_states)
