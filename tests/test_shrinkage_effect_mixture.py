"""The normal mixture on effects: against exact posteriors of small problems, and its errors."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr, softmax
from scipy.stats import multivariate_normal, truncnorm

from gitools.shrinkage import _effect_gibbs as gibbs
from gitools.shrinkage import effect_mixture, oracle_posterior
from gitools.shrinkage.effect_mixture import Liability

MULTIPLES = np.array([0.0, 0.05, 0.4])
PROPORTIONS = np.array([0.5, 0.3, 0.2])


def _people(n=80, p=4, seed=1):
    """Predictors in LD, covariates and a trait that depends on both."""
    rng = np.random.default_rng([24, seed])
    X = rng.binomial(2, 0.4, (n, p)).astype(float)
    X[:, 1] = np.where(rng.random(n) < 0.7, X[:, 0], X[:, 1])
    age = rng.normal(size=n)
    y = 0.4 * X[:, 0] - 0.3 * X[:, 2] + 0.8 * age + rng.normal(size=n)
    return X, y, age[:, None]


def _standardised(X, covariates):
    Z = np.column_stack([np.ones(len(X)), covariates])
    X = X - Z @ np.linalg.lstsq(Z, X, rcond=None)[0]
    return X / np.sqrt((X**2).mean(axis=0)), Z


def _enumerate(X, y, covariates, proportions, genetic, residual):
    """Class probabilities, posterior means and second moments, over all K^p configurations."""
    X, Z = _standardised(X, covariates)
    y = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    p, k = X.shape[1], len(MULTIPLES)
    classes = np.array(list(itertools.product(range(k), repeat=p)))
    log_weights, means, squares = [], [], []
    for chosen in classes:
        prior = np.diag(MULTIPLES[chosen] * genetic)
        covariance = residual * np.eye(len(y)) + X @ prior @ X.T
        log_prior = np.log(proportions[np.arange(p), chosen]).sum()
        log_weights.append(log_prior + multivariate_normal(cov=covariance).logpdf(y))
        gain = prior @ X.T @ np.linalg.inv(covariance)
        means.append(gain @ y)
        squares.append(means[-1] ** 2 + np.diag(prior - gain @ X @ prior))
    weights = softmax(log_weights)
    probabilities = np.array([weights @ (classes == c) for c in range(k)]).T
    return probabilities, weights @ np.array(means), weights @ np.array(squares)


@pytest.mark.parametrize("per_variant", [False, True])
def test_the_sampler_gives_the_posterior_that_enumeration_gives(per_variant):
    X, y, age = _people()
    rows = np.tile(PROPORTIONS, (4, 1))
    if per_variant:
        rows[2] = [0.9, 0.05, 0.05]
    exact = _enumerate(X, y, age, rows, 0.6, 2.5)
    fit = effect_mixture(
        X,
        y,
        multiples=MULTIPLES,
        covariates=age,
        proportions=rows if per_variant else PROPORTIONS,
        genetic_variance=0.6,
        residual_variance=2.5,
        n_draws=4000,
        random_state=2,
    )
    np.testing.assert_allclose(fit.class_probabilities, exact[0], atol=0.015)
    np.testing.assert_allclose(fit.posterior_mean, exact[1], atol=0.006)
    np.testing.assert_allclose(fit.second_moment, exact[2], atol=0.006)
    np.testing.assert_allclose(fit.pip, exact[0][:, 1:].sum(axis=1), atol=0.015)


def test_with_two_classes_it_is_the_spike_and_slab():
    X, y, _ = _people(n=200, p=6, seed=3)
    Xs, _ = _standardised(X, np.empty((200, 0)))
    y = (y - y.mean()) / y.std()
    R, beta = Xs.T @ Xs / 200, Xs.T @ y / 200
    oracle = oracle_posterior(beta, R, 200, 0.2, 0.05, 0.9, method="enumerate")
    fit = effect_mixture(
        X,
        y,
        multiples=[0, 0.1],
        proportions=[0.8, 0.2],
        genetic_variance=0.5,
        residual_variance=0.9,
        n_draws=3000,
        random_state=4,
    )
    np.testing.assert_allclose(fit.pip, oracle.pip, atol=0.015)
    np.testing.assert_allclose(fit.posterior_mean, oracle.posterior_mean, atol=0.006)


def test_with_one_class_it_is_ridge_regression():
    X, y, age = _people(seed=14)
    one = {"multiples": [0.1], "genetic_variance": 0.5, "residual_variance": 0.8}
    fit = effect_mixture(X, y, covariates=age, n_draws=1500, random_state=15, **one)
    X = _standardised(X, age)[0]
    ridge = np.linalg.solve(X.T @ X + 0.8 / 0.05 * np.eye(4), X.T @ y)
    np.testing.assert_allclose(fit.posterior_mean, ridge, atol=0.006)


def test_copies_that_chains_disagree_on_have_large_errors():
    X, y, _ = _independent(500, 6, 1, 0.3, 16)
    X[:, 1] = X[:, 0]
    given = {"multiples": [0, 0.1], "proportions": [0.95, 0.05], "n_chains": 10}
    fit = effect_mixture(X, y, n_draws=60, n_burn=20, random_state=17, **given)
    assert fit.pip[:2].sum() == pytest.approx(1, abs=0.15)
    assert fit.pip_error[:2].min() > 0.1 > 10 * fit.pip_error[2:].max()
    assert fit.mean_error[:2].min() > 0.02 > 5 * fit.mean_error[2:].max()


def _independent(n, p, n_large, size, seed):
    rng = np.random.default_rng([24, seed])
    X = rng.binomial(2, 0.4, (n, p)).astype(float)
    b = np.zeros(p)
    b[:n_large] = rng.choice([-1, 1], n_large) * size
    y = (X - X.mean(axis=0)) / X.std(axis=0) @ b + rng.normal(size=n)
    return X, y, b


def test_learnt_proportions_and_variances_are_those_of_the_simulation():
    X, y, b = _independent(2000, 40, 12, 0.2, 5)
    groups = (np.arange(40) >= 15).astype(int)
    fit = effect_mixture(
        X, y, multiples=[0, 0.05], groups=groups, n_draws=300, n_burn=100, random_state=6
    )
    # Given the number with an effect, a proportion is Beta with one more of each kind.
    counts = np.array([fit.pip[groups == g].sum() for g in (0, 1)])
    np.testing.assert_allclose(fit.proportions[:, 1], (1 + counts) / [17, 27], atol=0.01)
    assert fit.proportions[0, 1] > 0.7 and fit.proportions[1, 1] < 0.15
    assert fit.heritability == pytest.approx(0.48 / 1.48, abs=0.04)
    assert fit.residual_variance == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(fit.posterior_mean, b, atol=0.08)
    assert fit.converged and fit.r_hat < 1.1


def test_units_do_not_matter_and_covariates_and_means_are_taken_out():
    X, y, age = _people(n=150)
    options = {"multiples": MULTIPLES, "n_draws": 100, "random_state": 7}
    fit = effect_mixture(X, y, covariates=age, **options)
    scaled = effect_mixture(X * 3 + 2, 10 * y + 50 * age[:, 0] + 7, covariates=2 * age, **options)
    np.testing.assert_allclose(scaled.posterior_mean, 10 * fit.posterior_mean, rtol=1e-6)
    np.testing.assert_allclose(scaled.class_probabilities, fit.class_probabilities, rtol=1e-6)
    np.testing.assert_allclose(scaled.predict(X * 3 + 2), 10 * fit.predict(X), rtol=1e-6)


def test_a_binary_trait_has_the_posterior_that_integration_gives():
    rng = np.random.default_rng([24, 8])
    x = rng.binomial(2, 0.4, 12).astype(float)
    standard = (x - x.mean()) / x.std()
    ill = (0.8 * standard + rng.normal(size=12) > 0.5).astype(float)
    # Probit likelihood on a grid of intercepts and effects; the prior has two normal classes.
    intercepts, effects = np.linspace(-4, 3, 281), np.linspace(-3, 4, 281)
    mean = intercepts[:, None, None] + effects[:, None] * standard
    log_likelihood = np.log(ndtr(np.where(ill > 0.5, 1, -1) * mean)).sum(axis=2)
    likelihood = np.exp(log_likelihood - log_likelihood.max()).sum(axis=0)
    slabs = np.exp(-0.5 * effects**2 / np.array([[0.02], [0.4]])) / np.sqrt([[0.02], [0.4]])
    weights = np.array([[0.7], [0.3]]) * slabs * likelihood
    fit = effect_mixture(
        x[:, None],
        ill,
        binary=True,
        multiples=[0.02, 0.4],
        proportions=[0.7, 0.3],
        genetic_variance=1.0,
        n_draws=4000,
        random_state=9,
    )
    assert fit.class_probabilities[0, 1] == pytest.approx(
        weights[1].sum() / weights.sum(), abs=0.02
    )
    exact = (weights.sum(axis=0) @ effects) / weights.sum()
    assert fit.posterior_mean[0] == pytest.approx(exact, abs=0.02)
    assert fit.residual_variance == 1.0


def test_liabilities_vary_as_the_unknown_intercept_makes_them():
    ill, m = np.array([True] * 4 + [False] * 6)[:, None], 200
    rng = np.random.default_rng([24, 18])
    liability = Liability(np.zeros((1, 10, 1)), ill, np.ones((10, 1)), m, rng)
    chains, xy = SimpleNamespace(effects=np.zeros((1, m)), r=np.zeros((1, m))), np.zeros((1, m))
    means = []
    for _ in range(80):
        liability.redraw(chains, xy)
        means.append(liability.latent.mean(axis=0))
    # Given the intercept, liabilities are cut normals; the intercept is integrated on a grid.
    grid = np.linspace(-4, 4, 401)
    weight = ndtr(grid) ** 4 * ndtr(-grid) ** 6
    weight /= weight.sum()
    above = truncnorm.stats(-grid, np.inf, loc=grid, moments="mv")
    below = truncnorm.stats(-np.inf, -grid, loc=grid, moments="mv")
    mean, variance = ((4 * a + 6 * b) / 10 for a, b in zip(above, below, strict=True))
    exact = weight @ (variance / 10 + mean**2) - (weight @ mean) ** 2
    assert np.var(means[20:]) == pytest.approx(exact, rel=0.06)
    assert np.mean(means[20:]) == pytest.approx(weight @ mean, abs=0.03)


def test_data_sets_side_by_side_have_the_posteriors_they_have_alone():
    both = [_independent(400, 8, 3, 0.2, seed)[:2] for seed in (10, 11)]
    grams, xys, yys, fits = [], [], [], []
    for X, y in both:
        fits.append(effect_mixture(X, y, multiples=[0, 0.2], n_draws=600, random_state=12))
        X, y = (X - X.mean(axis=0)) / X.std(axis=0), y - y.mean()
        grams.append(X.T @ X)
        xys.append(X.T @ y)
        yys.append(y @ y)
    # In one group, and with the same single group written for each data set.
    for groups in (np.zeros(8, dtype=int), np.zeros((8, 2), dtype=int)):
        prior = gibbs.EffectPrior(np.array([0, 0.2]), groups, np.ones((1, 2)))
        found = gibbs.run(
            np.stack(grams, axis=2),
            np.stack(xys, axis=1),
            np.array(yys),
            399,
            prior,
            np.array(yys) / 399,
            n_burn=100,
            n_draws=1500,
            rng=np.random.default_rng([24, 13]),
        )
        for k, fit in enumerate(fits):
            np.testing.assert_allclose(found.classes[:, 1, k], fit.pip, atol=0.04)
            np.testing.assert_allclose(found.mean[:, k], fit.posterior_mean, atol=0.01)


GOOD_X, GOOD_Y, GOOD_AGE = _people(n=40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.full((40, 4), np.nan)}, "X: got nan"),
        ({"X": GOOD_X * [1, 0, 1, 1]}, "X: got column 1 without variation"),
        ({"X": np.column_stack([GOOD_X, GOOD_AGE])}, "X: got column 4 without variation"),
        ({"y": GOOD_Y[:39]}, "y: got 39 values"),
        ({"y": GOOD_AGE[:, 0] * 2 + 1}, "y: got a trait without variation"),
        ({"y": GOOD_Y, "binary": True}, "y: got values .* expected zeros and ones"),
        ({"y": np.ones(40), "binary": True}, "y: got values .* some of each"),
        ({"covariates": GOOD_AGE[:30]}, "covariates: got 30 rows"),
        ({"covariates": np.ones((40, 1))}, "covariates: got columns that depend"),
        ({"multiples": [0, 0]}, "multiples"),
        ({"multiples": [0.1, 0.01]}, "multiples"),
        ({"groups": [0, 1, 2]}, "groups: got .* of shape"),
        ({"groups": [0, 1, 3, 3]}, "groups: got numbers"),
        ({"proportions": [0.5, 0.5]}, "proportions: got shape"),
        ({"proportions": [0.5, 0.6, 0.1]}, "proportions: got rows"),
        ({"proportions": [PROPORTIONS] * 4, "groups": [0, 0, 1, 1]}, "groups: got groups"),
        ({"concentration": 0}, "concentration"),
        ({"concentration": [1, 1]}, "concentration"),
        ({"genetic_variance": 0}, "genetic_variance"),
        ({"residual_variance": -1.0}, "residual_variance"),
        ({"y": GOOD_Y > 1.0, "binary": True, "residual_variance": 1.0}, "residual_variance"),
        ({"n_chains": 1}, "n_chains"),
        ({"n_draws": 5}, "n_draws"),
        ({"n_burn": -1}, "n_burn"),
    ],
)  # fmt: skip
def test_bad_input_names_the_argument(change, message):
    arguments = {"X": GOOD_X, "y": GOOD_Y, "covariates": GOOD_AGE, "multiples": MULTIPLES}
    with pytest.raises(ValueError, match=message):
        effect_mixture(**(arguments | change))


def test_prediction_refuses_other_variants():
    fit = effect_mixture(GOOD_X, GOOD_Y, multiples=MULTIPLES, n_draws=20, random_state=1)
    with pytest.raises(ValueError, match="X: got 3 columns"):
        fit.predict(GOOD_X[:, :3])
