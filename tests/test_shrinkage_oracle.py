"""The oracle: exact where all sets can be summed, sampled elsewhere, calibrated, unbeaten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage import oracle_pip, oracle_posterior, oracle_posterior_mean, ridge_rss
from gitools.shrinkage._gibbs import Chain, Model


def ar1(p, correlation):
    return correlation ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


def blocks(p, size, correlation):
    """Blocks of equally correlated variants."""
    R = np.where(np.subtract.outer(np.arange(p) // size, np.arange(p) // size) == 0, correlation, 0)
    np.fill_diagonal(R, 1)
    return R


def draw(rng, R, n, causal_fraction, effect_variance, noise):
    p = len(R)
    is_causal = rng.random(p) < causal_fraction
    b = np.where(is_causal, np.sqrt(effect_variance) * rng.standard_normal(p), 0)
    values, vectors = np.linalg.eigh(R)
    error = vectors @ (np.sqrt(np.maximum(values, 0)) * rng.standard_normal(p))
    return b, R @ b + np.sqrt(noise / n) * error


def by_the_density_of_beta(beta, R, n, fraction, slab, noise):
    """The posterior from N(R b, R noise / n) itself, by Bayes's theorem; R must be regular."""
    p = len(beta)
    logs, labels, means = [], [], []
    for code in range(2**p):
        inside = np.array([bool(code >> j & 1) for j in range(p)])
        prior = np.diag(np.where(inside, slab, 0.0))
        covariance = R * noise / n + R @ prior @ R
        log_prior = np.where(inside, np.log(fraction), np.log1p(-fraction)).sum()
        logs.append(log_prior + multivariate_normal.logpdf(beta, np.zeros(p), covariance))
        labels.append(inside)
        means.append(prior @ R @ np.linalg.solve(covariance, beta))
    weights = np.exp(logs - logsumexp(logs))
    return weights @ np.array(means), weights @ np.array(labels)


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.9])
def test_enumeration_is_bayes_theorem(correlation):
    p, n = 5, 300
    fraction, slab = np.array([0.1, 0.2, 0.3, 0.2, 0.5]), np.array([0.02, 0.01, 0.02, 0.05, 0.1])
    R = ar1(p, correlation)
    _, beta = draw(np.random.default_rng(1), R, n, fraction, slab, 0.8)
    mean, pip = by_the_density_of_beta(beta, R, n, fraction, slab, 0.8)
    exact = oracle_posterior(beta, R, n, fraction, slab, 0.8)
    np.testing.assert_allclose(exact.posterior_mean, mean, atol=1e-10)
    np.testing.assert_allclose(exact.pip, pip, atol=1e-10)
    assert exact.n_draws == 2**p and exact.converged and exact.mean_error.max() == 0


def test_the_short_names_give_the_same():
    beta, R = np.array([0.1, 0.05]), ar1(2, 0.5)
    whole = oracle_posterior(beta, R, 200, 0.1, 0.02, 0.9)
    np.testing.assert_array_equal(
        oracle_posterior_mean(beta, R, 200, 0.1, 0.02, 0.9), whole.posterior_mean
    )
    np.testing.assert_array_equal(oracle_pip(beta, R, 200, 0.1, 0.02, 0.9), whole.pip)


LOCI = [ar1(8, 0.5), ar1(10, 0.95), ar1(10, -0.9), blocks(9, 3, 0.99), blocks(8, 8, 0.8)]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("R", LOCI, ids=["ar.5", "ar.95", "ar-.9", "blocks", "equal"])
def test_sampling_agrees_with_enumeration(R, seed):
    """Within Monte Carlo error, which is small, for variants of unlike priors."""
    p, n, noise = len(R), 2000, 0.9
    fraction, slab = np.linspace(0.05, 0.4, p), np.linspace(0.005, 0.03, p)
    _, beta = draw(np.random.default_rng(seed), R, n, fraction, slab, noise)
    model = (beta, R, n, fraction, slab, noise)
    exact = oracle_posterior(*model, method="enumerate")
    sampled = oracle_posterior(*model, method="gibbs", random_state=seed)
    assert sampled.converged and sampled.pip_error.max() <= 0.02
    deviation = np.abs(sampled.pip - exact.pip)
    assert np.all(deviation <= 4 * sampled.pip_error + 1e-5)
    deviation = np.abs(sampled.posterior_mean - exact.posterior_mean)
    assert np.all(deviation <= 4 * sampled.mean_error + 1e-6)


def test_monte_carlo_errors_are_honest():
    """Over repeated runs, deviations in units of the error said are of size one."""
    R, n = ar1(10, 0.9), 2000
    _, beta = draw(np.random.default_rng(4), R, n, 0.2, 0.02, 0.9)
    exact = oracle_posterior(beta, R, n, 0.2, 0.02, 0.9)
    scores = []
    for seed in range(12):
        run = oracle_posterior(
            beta, R, n, 0.2, 0.02, 0.9, method="gibbs", n_draws=500, tol=0.05, random_state=seed
        )
        scores.append((run.pip - exact.pip) / run.pip_error)
    assert 0.5 < np.sqrt(np.mean(np.square(scores))) < 1.5


def test_two_indistinguishable_variants_do_not_trap_the_chains():
    """Copies, one sign-flipped, with a strong effect: one chain must visit both sides."""
    p, n = 40, 20_000
    R = ar1(p, 0.6)
    signs = np.append(np.ones(p), [1, -1])
    places = np.append(np.arange(p), [10, 10])
    R = R[np.ix_(places, places)] * np.outer(signs, signs)
    b = np.zeros(p + 2)
    b[10], b[25] = 0.2, -0.1
    beta = R @ b
    found = oracle_posterior(beta, R, n, 0.02, 0.02, 0.95, n_draws=1000, random_state=5)
    copies = [10, p, p + 1]
    assert found.converged
    np.testing.assert_allclose(found.pip[copies], 1 / 3, atol=0.06)
    np.testing.assert_allclose(found.posterior_mean[copies] * [1, 1, -1], 0.2 / 3, atol=0.015)
    assert found.pip[25] > 0.99


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(1, 15), n_flips=st.integers(1, 60))
def test_updates_of_a_chain_equal_a_fresh_start(seed, p, n_flips):
    rng = np.random.default_rng(seed)
    R = np.corrcoef(rng.standard_normal((p, 30))).reshape(p, p)
    ones = np.ones(p)
    model = Model(R, rng.normal(0, 0.1, p), 500 / 0.9, np.log(0.25) * ones, 0.05 * ones)
    chain = Chain(model, [], rng)
    for j in rng.integers(p, size=n_flips):
        chain.flip(j)
    fresh = Chain(model, chain.inside, rng)
    for one, other in zip(chain.conditionals(), fresh.conditionals(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def many_small_loci(n_sets, causal_fraction, effect_variance):
    """Truth, oracle and competitors for data sets of one locus each."""
    R, n, noise = ar1(8, 0.8), 1000, 0.95
    rng = np.random.default_rng(6)
    truths, marginals, means, pips = [], [], [], []
    for _ in range(n_sets):
        b, beta = draw(rng, R, n, causal_fraction, effect_variance, noise)
        found = oracle_posterior(beta, R, n, causal_fraction, effect_variance, noise)
        truths.append(b)
        marginals.append(beta)
        means.append(found.posterior_mean)
        pips.append(found.pip)
    return R, n, np.array(truths), np.array(marginals), np.array(means), np.array(pips)


def mean_and_error(values):
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


def test_the_posterior_is_calibrated_and_unbeaten():
    """Slope of truth on estimate one, labels as often as said, and no competitor nearer."""
    R, n, truth, beta, mean, pip = many_small_loci(800, 0.15, 0.01)
    # The residual of the regression of truth on estimate at slope one, a data set at a time.
    moment, error = mean_and_error(((truth - mean) * mean).sum(axis=1))
    size = np.mean((mean**2).sum(axis=1))
    assert abs(moment) < 3 * error
    assert error < 0.05 * size
    for weight in (np.ones_like(pip), pip):
        moment, error = mean_and_error((((truth != 0) - pip) * weight).sum(axis=1))
        assert abs(moment) < 3 * error
    loss = ((mean - truth) ** 2).sum(axis=1)
    constants = np.linspace(0, 1, 21)
    best_constant = min(constants, key=lambda c: np.sum((c * beta - truth) ** 2))
    competitors = {
        "zero": np.zeros_like(truth),
        "best constant": best_constant * beta,
        "ridge": np.array([ridge_rss(row, R, n, 8 * 0.15 * 0.01) for row in beta]),
        "truncated": np.where(pip > 0.5, mean, 0),
    }
    for name, estimate in competitors.items():
        gain, error = mean_and_error(((estimate - truth) ** 2).sum(axis=1) - loss)
        assert gain > 2 * error, name


def test_where_little_is_to_be_found_it_is_no_worse_than_zero():
    _, _, truth, _, mean, _ = many_small_loci(800, 0.02, 0.001)
    gain, error = mean_and_error((truth**2).sum(axis=1) - ((mean - truth) ** 2).sum(axis=1))
    assert gain > -2 * error
    assert np.sqrt(np.mean(mean**2)) < 0.5 * np.sqrt(np.mean(truth**2))


def test_a_locus_of_two_hundred_variants_converges_and_beats_its_rivals():
    R, n, noise, slab = ar1(200, 0.9), 20_000, 0.95, 0.05 / 6
    losses = []
    for seed in range(4):
        b, beta = draw(np.random.default_rng(seed), R, n, 0.03, slab, noise)
        found = oracle_posterior(beta, R, n, 0.03, slab, noise, n_draws=1000, random_state=seed)
        assert found.converged and found.r_hat.max() <= 1.1
        again = oracle_posterior(beta, R, n, 0.03, slab, noise, n_draws=1000, random_state=seed)
        np.testing.assert_array_equal(found.pip, again.pip)
        ridge = ridge_rss(beta, R, n, 0.05)
        losses.append([np.sum((x - b) ** 2) for x in (found.posterior_mean, ridge, 0 * b)])
    oracle, ridge, zero = np.mean(losses, axis=0)
    assert oracle < 0.5 * ridge < 0.5 * zero


def test_chains_that_are_too_short_are_said():
    R, n = ar1(100, 0.95), 5000
    _, beta = draw(np.random.default_rng(7), R, n, 0.1, 0.01, 0.9)
    with pytest.warns(ConvergenceWarning, match="after 40 states of 2 chains"):
        found = oracle_posterior(
            beta, R, n, 0.1, 0.01, 0.9, n_chains=2, n_draws=20, max_draws=40, random_state=1
        )
    assert not found.converged
    assert found.n_draws == 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1}, "n: got 1"),
        ({"beta": [0.1]}, r"R: got shape \(2, 2\), expected \(1, 1\)"),
        ({"R": [[1, 0.5], [0.4, 1]]}, "R: got entries that differ"),
        ({"causal_fraction": 0.0}, "causal_fraction: got values from 0 to 0, expected"),
        ({"causal_fraction": [0.1, 1.0]}, "causal_fraction: got values from 0.1 to 1"),
        ({"causal_fraction": [0.1] * 3}, r"causal_fraction: got shape \(3,\), expected a number"),
        ({"causal_fraction": None}, "causal_fraction: got"),
        ({"effect_variance": 0}, "effect_variance: got 0"),
        ({"effect_variance": [0.1, np.inf]}, r"effect_variance: got inf at \[1\]"),
        ({"residual_variance": -1}, "residual_variance: got -1"),
        ({"method": "exact"}, "method: got 'exact', expected 'auto'"),
        ({"n_chains": 1}, "n_chains: got 1"),
        ({"n_draws": 19}, "n_draws: got 19"),
        ({"n_draws": 100, "max_draws": 50}, "max_draws: got 50, expected an integer of at least"),
        ({"tol": 0}, "tol: got 0"),
        (
            {"beta": np.zeros(21), "R": np.eye(21), "method": "enumerate"},
            "method: got 'enumerate' with 21 variants",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    good = {"beta": [0.1, 0.2], "R": np.eye(2), "n": 100}
    good |= {"causal_fraction": 0.1, "effect_variance": 0.01}
    with pytest.raises(ValueError, match=message):
        oracle_posterior(**good | arguments)
