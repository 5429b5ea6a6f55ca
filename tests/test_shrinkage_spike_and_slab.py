"""Variational spike-and-slab: exact without LD, its bound, the prior it learns, its errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage import oracle_posterior, ridge_rss, spike_and_slab_rss


def ar1(p, correlation):
    return correlation ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


def draw_effects(rng, p, causal_fraction, effect_variance):
    is_causal = rng.random(p) < causal_fraction
    return np.where(is_causal, np.sqrt(effect_variance) * rng.standard_normal(p), 0)


def draw_marginal(rng, b, R, n, noise):
    root = np.linalg.cholesky(R + 1e-12 * np.eye(len(R)))
    return R @ b + np.sqrt(noise / n) * (root @ rng.standard_normal(len(b)))


def log_normal(x, variance):
    return -0.5 * (np.log(2 * np.pi * variance) + x**2 / variance)


def test_without_ld_the_approximation_is_exact():
    """Variants are then independent: means, probabilities and the evidence have closed forms."""
    rng = np.random.default_rng(1)
    n, pi, slab, noise = 400, 0.2, 0.02, 0.8
    beta = draw_marginal(rng, draw_effects(rng, 30, pi, slab), np.eye(30), n, noise)
    fixed = {"causal_fraction": pi, "effect_variance": slab, "residual_variance": noise}
    fit = spike_and_slab_rss(beta, np.eye(30), n, **fixed)
    out = np.log(1 - pi) + log_normal(beta, noise / n)
    log_in = np.log(pi) + log_normal(beta, noise / n + slab)
    pip = 1 / (1 + np.exp(out - log_in))
    np.testing.assert_allclose(fit.pip, pip, rtol=1e-10)
    shrinkage = slab / (slab + noise / n)
    np.testing.assert_allclose(fit.posterior_mean, pip * shrinkage * beta, rtol=1e-10)
    second = pip * (shrinkage * noise / n + (shrinkage * beta) ** 2)
    np.testing.assert_allclose(fit.posterior_variance, second - fit.posterior_mean**2, rtol=1e-8)
    # Evidence of beta, times what y'y has beyond beta in the likelihood of individual data.
    evidence = np.logaddexp(out, log_in).sum() - log_normal(beta, noise / n).sum()
    alone = -0.5 * n * (np.log(2 * np.pi * noise) + 1 / noise)
    assert fit.elbos[-1] == pytest.approx(evidence + alone, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    p=st.integers(1, 60),
    correlation=st.sampled_from([-0.9, 0.0, 0.5, 0.95, 0.999]),
    n=st.sampled_from([20, 1000, 100_000]),
    h2=st.sampled_from([0.0, 0.05, 0.6]),
    fixed=st.sets(st.sampled_from(["causal_fraction", "effect_variance", "residual_variance"])),
)
def test_the_bound_never_falls(seed, p, correlation, n, h2, fixed):
    rng = np.random.default_rng(seed)
    R = ar1(p, correlation)
    beta = draw_marginal(rng, draw_effects(rng, p, 0.2, h2 / p), R, n, 1 - h2)
    given_values = {"causal_fraction": 0.1, "effect_variance": 0.01, "residual_variance": 0.9}
    fit = spike_and_slab_rss(beta, R, n, **{name: given_values[name] for name in fixed})
    assert np.diff(fit.elbos).min(initial=0) >= -1e-12 * np.abs(fit.elbos).max()
    assert fit.converged
    assert len(fit.elbos) == fit.n_iter
    for name in fixed:
        assert getattr(fit, name) == given_values[name]
    assert np.all((fit.pip >= 0) & (fit.pip <= 1))
    assert np.all(np.isfinite(fit.posterior_mean)) and np.all(fit.posterior_variance >= 0)


def test_the_bound_is_below_the_evidence_under_ld():
    """Evidence by enumeration of all sets, on a locus small enough for it."""
    p, n, pi, slab, noise = 6, 500, 0.2, 0.02, 0.9
    rng = np.random.default_rng(2)
    R = ar1(p, 0.8)
    beta = draw_marginal(rng, draw_effects(rng, p, 0.4, slab), R, n, noise)
    logs = []
    for code in range(2**p):
        S = np.array([j for j in range(p) if code >> j & 1], dtype=int)
        A = n / noise * R[np.ix_(S, S)] + np.eye(len(S)) / slab
        pull = n / noise * beta[S]
        log_bf = -0.5 * (np.linalg.slogdet(A)[1] + len(S) * np.log(slab))
        log_bf += 0.5 * pull @ np.linalg.solve(A, pull)
        logs.append(log_bf + len(S) * np.log(pi) + (p - len(S)) * np.log(1 - pi))
    evidence = np.logaddexp.reduce(logs) - 0.5 * n * (np.log(2 * np.pi * noise) + 1 / noise)
    fit = spike_and_slab_rss(
        beta, R, n, causal_fraction=pi, effect_variance=slab, residual_variance=noise, tol=1e-10
    )
    assert evidence - 3 < fit.elbos[-1] < evidence


# p, correlation, n, causal fraction, h2: effects strong enough that few go unseen.
RECOVERY = [(1000, 0.5, 50_000, 0.02, 0.2), (600, 0.8, 100_000, 0.03, 0.3)]


@pytest.mark.parametrize(("p", "correlation", "n", "causal_fraction", "h2"), RECOVERY)
def test_the_prior_is_learnt(p, correlation, n, causal_fraction, h2):
    """Over 24 data sets the mean estimate is within its interval of the truth.

    Effects below the noise are not seen, which takes a few hundredths off the fraction and adds
    them to the variance: the interval is widened by a tenth of the truth.
    """
    effect_variance = h2 / (p * causal_fraction)
    truth = np.array([causal_fraction, effect_variance])
    R = ar1(p, correlation)
    learnt, noise_ratio = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        b = draw_effects(rng, p, causal_fraction, effect_variance)
        noise = 1 - min(b @ R @ b, 0.9)
        fit = spike_and_slab_rss(draw_marginal(rng, b, R, n, noise), R, n)
        learnt.append([fit.causal_fraction, fit.effect_variance])
        noise_ratio.append(fit.residual_variance / noise)
    learnt = np.array(learnt)
    error = learnt.std(axis=0, ddof=1) / np.sqrt(len(learnt))
    assert np.all(np.abs(learnt.mean(axis=0) - truth) < 2.8 * error + 0.1 * truth)
    assert np.all(error < 0.15 * truth)
    assert abs(np.mean(noise_ratio) - 1) < 0.02


def test_no_effects_are_found_where_there_are_none():
    shrunken, included = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        R = ar1(200, 0.8)
        beta = draw_marginal(rng, np.zeros(200), R, 5000, 1.0)
        fit = spike_and_slab_rss(beta, R, 5000)
        shrunken.append(fit.posterior_mean @ fit.posterior_mean / (beta @ beta))
        included.append(fit.pip.max())
    assert np.mean(shrunken) < 0.02
    assert np.mean(np.array(included) > 0.5) <= 0.2


def squared_errors(seed, p, correlation, n, causal_fraction, h2):
    rng = np.random.default_rng(seed)
    R, slab = ar1(p, correlation), h2 / (p * causal_fraction)
    b = draw_effects(rng, p, causal_fraction, slab)
    beta = draw_marginal(rng, b, R, n, 1 - h2)
    fit = spike_and_slab_rss(beta, R, n)
    oracle = oracle_posterior(
        beta, R, n, causal_fraction, slab, 1 - h2, n_draws=500, tol=0.1, random_state=seed
    )
    estimates = [fit.posterior_mean, oracle.posterior_mean, ridge_rss(beta, R, n, h2), 0 * beta]
    return [np.sum((estimate - b) ** 2) for estimate in estimates]


def test_errors_are_between_the_ceiling_and_ridge():
    """Mean squared error over data sets: above the oracle's by less than half of it."""
    errors = [squared_errors(seed, 200, 0.8, 20_000, 0.03, 0.05) for seed in range(12)]
    ours, oracle, ridge, zero = np.mean(errors, axis=0)
    assert oracle < ours < 1.5 * oracle
    assert ours < 0.5 * ridge
    assert ridge < zero


def test_with_the_prior_given_small_loci_are_near_the_oracle():
    """The mean-field posterior mean loses little in squared error to the exact one."""
    ours, exact = [], []
    prior = {"causal_fraction": 0.2, "effect_variance": 0.02, "residual_variance": 0.95}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        R, b = ar1(8, 0.6), draw_effects(rng, 8, 0.2, 0.02)
        beta = draw_marginal(rng, b, R, 1000, 0.95)
        fit = spike_and_slab_rss(beta, R, 1000, **prior)
        best = oracle_posterior(beta, R, 1000, *prior.values())
        ours.append(np.sum((fit.posterior_mean - b) ** 2))
        exact.append(np.sum((best.posterior_mean - b) ** 2))
    assert np.mean(exact) < np.mean(ours) < 1.25 * np.mean(exact)


def test_sign_order_and_allele_coding_pass_through():
    rng = np.random.default_rng(3)
    R = ar1(80, 0.7)
    beta = draw_marginal(rng, draw_effects(rng, 80, 0.1, 0.01), R, 5000, 0.9)
    fit = spike_and_slab_rss(beta, R, 5000)
    flip = rng.choice([-1, 1], 80)
    recoded = spike_and_slab_rss(flip * beta, R * np.outer(flip, flip), 5000)
    np.testing.assert_allclose(recoded.posterior_mean, flip * fit.posterior_mean, atol=1e-12)
    order = rng.permutation(80)
    shuffled = spike_and_slab_rss(beta[order], R[np.ix_(order, order)], 5000)
    np.testing.assert_allclose(shuffled.pip, fit.pip[order], atol=1e-8)


def test_an_end_without_convergence_is_said():
    beta = np.array([0.3, 0.25, 0.1])
    for rounds in (1, 2):
        with pytest.warns(ConvergenceWarning, match="spike_and_slab_rss"):
            fit = spike_and_slab_rss(beta, ar1(3, 0.9), 500, max_iter=rounds, tol=1e-12)
        assert not fit.converged
        assert fit.n_iter == rounds


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1}, "n: got 1"),
        ({"beta": [0.1, np.nan]}, r"beta: got nan at \[1\]"),
        ({"R": np.eye(3)}, r"R: got shape \(3, 3\), expected \(2, 2\)"),
        ({"causal_fraction": 0}, "causal_fraction: got 0, expected a finite number above 0 and"),
        ({"causal_fraction": 1.0}, "causal_fraction: got 1.0"),
        ({"effect_variance": -0.1}, "effect_variance: got -0.1"),
        ({"residual_variance": 1.5}, "residual_variance: got 1.5"),
        ({"residual_variance": 0}, "residual_variance: got 0"),
        ({"tol": np.nan}, "tol: got nan"),
        ({"max_iter": 2.5}, "max_iter: got 2.5"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        spike_and_slab_rss(**{"beta": [0.1, 0.2], "R": np.eye(2), "n": 100} | arguments)
