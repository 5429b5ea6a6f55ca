"""Spike-and-slab by sampling: exact where it can be summed, calibrated under its own prior."""

import warnings

import numpy as np
import pytest
from scipy.special import betaln, logsumexp
from scipy.stats import kstest
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage import oracle_posterior, spike_and_slab_rss
from gitools.shrinkage._gibbs import Chain
from gitools.shrinkage._learnt_prior import Prior, PriorRedraw, draw_noise


def ar1(p, correlation):
    return correlation ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


def draw_marginal(rng, b, R, n, noise):
    root = np.linalg.cholesky(R + 1e-12 * np.eye(len(R)))
    return R @ b + np.sqrt(noise / n) * (root @ rng.standard_normal(len(b)))


def assert_within_errors(one, other, error, slack):
    np.testing.assert_array_less(np.abs(np.subtract(one, other)), 4 * error + slack)


@pytest.mark.parametrize("correlation", [0.5, -0.9, 0.98])
def test_with_the_prior_fixed_it_is_exact(correlation):
    p, n = 10, 2000
    R, rng = ar1(p, correlation), np.random.default_rng(1)
    b = np.zeros(p)
    b[[2, 5]] = 0.12, -0.08
    beta = draw_marginal(rng, b, R, n, 0.9)
    prior = {"causal_fraction": 0.15, "effect_variance": 0.02, "residual_variance": 0.9}
    exact = oracle_posterior(beta, R, n, *prior.values(), method="enumerate")
    fit = spike_and_slab_rss(beta, R, n, **prior, method="gibbs", random_state=2)
    assert fit.converged and fit.pip_error.max() <= 0.02 and fit.prior_r_hat == 1
    assert_within_errors(fit.pip, exact.pip, fit.pip_error, 1e-5)
    assert_within_errors(fit.posterior_mean, exact.posterior_mean, fit.mean_error, 1e-6)
    for name, value in prior.items():
        assert getattr(fit, name) == pytest.approx(value, rel=1e-12)


def summed_over_sets_and_prior(beta, R, n):
    """Posterior moments by summing over all sets and a grid of the two variances."""
    p = len(beta)
    slab = np.exp(np.linspace(np.log(0.05 / n), 24, 300))[:, None]
    # Midpoints: the posterior is cut at 1, where it is high.
    noise = np.exp(np.log(0.3) * (np.arange(50) + 0.5) / 50)[None, :]
    evidence = n / noise
    common = -0.5 * n * np.log(noise) - 0.5 * evidence - 1.5 * np.log(slab) - 5 / n / slab
    # The grid is even in log slab: the density of the slab times the slab.
    common = common + np.log(slab)
    logs, labels, effects, pis = [], [], [], []
    for code in range(2**p):
        S = np.array([j for j in range(p) if code >> j & 1], dtype=int)
        k, own = len(S), betaln(1 + len(S), 19 + p - len(S)) + common
        mean = np.zeros((*own.shape, p))
        if k:
            A = evidence[..., None, None] * R[np.ix_(S, S)] + np.eye(k) / slab[..., None, None]
            pull = evidence[..., None] * beta[S]
            solved = np.linalg.solve(A, np.broadcast_to(pull, (*A.shape[:2], k))[..., None])[..., 0]
            own = own + 0.5 * (pull * solved).sum(-1) - 0.5 * np.linalg.slogdet(A)[1]
            own, mean[..., S] = own - 0.5 * k * np.log(slab), solved
        logs.append(own)
        labels.append(np.isin(np.arange(p), S))
        effects.append(mean)
        pis.append((1 + k) / (20 + p))
    weight = np.exp(logs - logsumexp(logs))
    by_set = weight.sum(axis=(1, 2))
    return {
        "pip": by_set @ np.array(labels, dtype=float),
        "mean": np.einsum("svn,svnp->p", weight, np.array(effects)),
        "pi": by_set @ pis,
        "log_slab": (weight.sum(axis=(0, 2)) * np.log(slab[:, 0])).sum(),
        "noise": (weight.sum(axis=(0, 1)) * noise[0]).sum(),
    }


@pytest.mark.parametrize("correlation", [0.3, 0.95])
def test_a_learnt_prior_is_averaged_over_exactly(correlation):
    p, n = 5, 150
    R, rng = ar1(p, correlation), np.random.default_rng(3)
    beta = draw_marginal(rng, np.array([0, 0.35, 0, 0, -0.2]), R, n, 0.85)
    exact = summed_over_sets_and_prior(beta, R, n)
    fit = spike_and_slab_rss(
        beta, R, n, method="gibbs", n_draws=12_000, max_draws=12_000, random_state=4
    )
    assert fit.converged
    assert_within_errors(fit.pip, exact["pip"], fit.pip_error, 1e-3)
    assert_within_errors(fit.posterior_mean, exact["mean"], fit.mean_error, 1e-4)
    assert fit.causal_fraction == pytest.approx(exact["pi"], rel=0.03)
    assert np.log(fit.effect_variance) == pytest.approx(exact["log_slab"], abs=0.1)
    assert fit.residual_variance == pytest.approx(exact["noise"], abs=0.005)


def test_over_draws_from_its_own_prior_it_is_calibrated():
    """Truth less posterior mean averages zero: for the fraction, the variance and the labels."""
    p, n, noise = 30, 1000, 0.9
    R, rng = ar1(p, 0.9), np.random.default_rng(5)
    gaps = []
    for seed in range(50):
        pi, slab = rng.beta(1, 19), 5 / n / rng.gamma(0.5)
        causal = rng.random(p) < pi
        beta = draw_marginal(rng, causal * rng.normal(0, np.sqrt(slab), p), R, n, noise)
        fit = spike_and_slab_rss(
            beta, R, n, residual_variance=noise, method="gibbs", n_draws=300, tol=0.1,
            random_state=seed,
        )  # fmt: skip
        gaps.append(
            [
                pi - fit.causal_fraction,
                np.log(slab) - np.log(fit.effect_variance),
                np.sum(causal - fit.pip),
                np.sum((causal - fit.pip) * fit.pip),
            ]
        )
    gaps = np.array(gaps)
    error = gaps.std(axis=0, ddof=1) / np.sqrt(len(gaps))
    np.testing.assert_array_less(np.abs(gaps.mean(axis=0)), 3 * error)
    # What a bias would have to exceed to be seen: prior standard deviations 0.047 and 2.2.
    np.testing.assert_array_less(error[:2], [0.01, 0.35])


def test_a_redraw_follows_the_conjugate_laws():
    """Given a large set of well-known effects: means of the fraction and of both variances."""
    p, k, n, rng = 40, 30, 20_000, np.random.default_rng(12)
    beta = np.concatenate([np.full(k, 0.1), np.zeros(p - k)])
    prior = Prior(0.3, 0.02, 0.9)
    redraw = PriorRedraw(prior, n, set(), rng)
    chain = Chain(prior.model(beta, np.eye(p), n), range(k), rng, redraw)
    drawn = []
    for _ in range(3000):
        redraw.draw(chain)
        drawn.append((prior.pi, 1 / prior.slab, prior.noise))
    fraction, precision, noise = np.mean(drawn, axis=0)
    assert fraction == pytest.approx((1 + k) / (20 + p), rel=0.01)
    assert precision == pytest.approx((0.5 + k / 2) / (5 / n + k * 0.1**2 / 2), rel=0.03)
    assert noise == pytest.approx(1 - k * 0.1**2, rel=0.01)


def fit_of_a_locus(beta, R, n, **options):
    return spike_and_slab_rss(beta, R, n, method="gibbs", random_state=7, **options)


@pytest.fixture(scope="module")
def locus():
    p, n, rng = 40, 5000, np.random.default_rng(6)
    R, b = ar1(p, 0.9), np.zeros(p)
    b[[5, 20, 22]] = 0.1, -0.08, 0.06
    beta = draw_marginal(rng, b, R, n, 0.95)
    return beta, R, n, fit_of_a_locus(beta, R, n)


def test_recoding_alleles_turns_signs_and_order_changes_nothing(locus):
    beta, R, n, fit = locus
    rng = np.random.default_rng(8)
    signs, order = rng.choice([-1, 1], 40), rng.permutation(40)
    other = fit_of_a_locus((beta * signs)[order], (R * np.outer(signs, signs))[order][:, order], n)
    error = np.hypot(fit.pip_error[order], other.pip_error)
    assert_within_errors(other.pip, fit.pip[order], error, 1e-3)
    error = np.hypot(fit.mean_error[order], other.mean_error)
    assert_within_errors(other.posterior_mean, (signs * fit.posterior_mean)[order], error, 1e-4)
    assert other.causal_fraction == pytest.approx(fit.causal_fraction, rel=0.1)


def test_the_prior_knows_the_scale_of_the_effects(locus):
    """Effects k times as large from k^2 times fewer people: the same evidence, scaled."""
    beta, R, n, _ = locus
    one = fit_of_a_locus(beta, R, n, residual_variance=0.9)
    other = fit_of_a_locus(3 * beta, R, n / 9, residual_variance=0.9)
    np.testing.assert_allclose(other.pip, one.pip, rtol=1e-5)
    np.testing.assert_allclose(other.posterior_mean, 3 * one.posterior_mean, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(other.posterior_variance, 9 * one.posterior_variance, rtol=1e-4)
    assert other.effect_variance == pytest.approx(9 * one.effect_variance)
    assert other.causal_fraction == pytest.approx(one.causal_fraction)


def test_what_is_returned(locus):
    beta, R, n, fit = locus
    assert fit.converged and fit.r_hat.max() <= 1.1 and fit.prior_r_hat <= 1.1
    assert fit.pip_error.max() <= 0.02
    assert fit.elbos.shape == (0,) and fit.n_iter >= 4 * 2000
    assert np.all((fit.pip >= 0) & (fit.pip <= 1)) and np.all(fit.posterior_variance >= 0)
    assert 0 < fit.causal_fraction < 1 and fit.effect_variance > 0
    assert 0.01 <= fit.residual_variance <= 1
    again = fit_of_a_locus(beta, R, n)
    np.testing.assert_array_equal(again.pip, fit.pip)
    assert (again.causal_fraction, again.n_iter) == (fit.causal_fraction, fit.n_iter)
    by_default = spike_and_slab_rss(beta, R, n)
    assert by_default.r_hat is None and len(by_default.elbos) == by_default.n_iter


def test_nothing_to_be_found_gives_nothing(locus):
    _, R, n, _ = locus
    fit = fit_of_a_locus(np.zeros(40), R, n)
    assert fit.converged and fit.pip.max() < 0.2
    np.testing.assert_allclose(fit.posterior_mean, 0, atol=1e-4)


def test_wrong_ld_ends_in_numbers_and_not_in_nan():
    """Copies said to be equal that disagree: the mean square goes negative."""
    R = np.array([[1, 0.99, 0], [0.99, 1, 0], [0, 0, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = fit_of_a_locus([0.4, -0.4, 0.1], R, 2000, max_draws=2000)
    assert np.isfinite(fit.posterior_mean).all() and np.isfinite(fit.effect_variance)
    assert 0.01 <= fit.residual_variance <= 1


@pytest.mark.parametrize(("square", "n"), [(0.9, 500), (1.02, 500), (0.99, 20_000)])
def test_the_noise_is_drawn_from_the_cut_gamma(square, n):
    from scipy.stats import gamma

    rng = np.random.default_rng(9)
    drawn = 1 / np.array([draw_noise(square, n, rng) for _ in range(2000)])
    law = gamma(n / 2, scale=2 / (n * square))
    inside = law.cdf(100) - law.cdf(1)
    assert kstest(drawn, lambda x: (law.cdf(x) - law.cdf(1)) / inside).pvalue > 1e-3
    assert drawn.min() >= 1


@pytest.mark.parametrize("square", [-5.0, 0.0, 3.0])
def test_the_noise_stays_within_bounds(square):
    rng = np.random.default_rng(10)
    drawn = [draw_noise(square, 50_000, rng) for _ in range(50)]
    assert min(drawn) >= 0.01 and max(drawn) <= 1


def test_chains_that_are_too_short_are_said(locus):
    beta, R, n, _ = locus
    with pytest.warns(ConvergenceWarning, match="after 40 states of 2 chains the largest Monte"):
        fit = fit_of_a_locus(beta, R, n, n_chains=2, n_draws=20, max_draws=40)
    assert not fit.converged and fit.n_iter == 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "mcmc"}, "method: got 'mcmc', expected 'variational' or 'gibbs'"),
        ({"n_chains": 1}, "n_chains: got 1, expected an integer of at least 2"),
        ({"n_draws": 19}, "n_draws: got 19"),
        ({"n_draws": 100, "max_draws": 99}, "max_draws: got 99, expected an integer of at least"),
        ({"tol": -1}, "tol: got -1"),
        ({"causal_fraction": 1.0}, "causal_fraction: got 1.0"),
        ({"effect_variance": 0}, "effect_variance: got 0"),
        ({"residual_variance": 1.5}, "residual_variance: got 1.5"),
        ({"beta": [0.1, np.nan]}, r"beta: got nan at \[1\]"),
        ({"R": [[1, 0.5], [0.4, 1]]}, "R: got entries that differ"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    good = {"beta": [0.1, 0.2], "R": np.eye(2), "n": 100, "method": "gibbs"}
    with pytest.raises(ValueError, match=message):
        spike_and_slab_rss(**good | arguments)
