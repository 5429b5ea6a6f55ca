"""The study of priors on effects: what it draws, how it scores, what it compares."""

import numpy as np
import pytest
from scipy.stats import norm

from gitools.book.studies import effects as studies
from gitools.shrinkage import effect_mixture


@pytest.fixture(scope="module")
def panels():
    return studies.draw_panels(2, np.random.default_rng(1), n=400, n_blocks=2, per_block=20)


def test_effects_follow_the_true_classes_in_and_outside_the_pathway():
    pathway = np.repeat([0, 1], 50_000)[:, None]
    classes, effects = studies.draw_effects(pathway, np.random.default_rng(2))
    for group in (0, 1):
        seen = np.bincount(classes[pathway == group], minlength=3) / 50_000
        np.testing.assert_allclose(seen, studies.TRUE_PROPORTIONS[group], atol=0.006)
    variances = [effects[classes == k].var() for k in range(3)]
    np.testing.assert_allclose(variances, studies.TRUE_MULTIPLES * studies.H2, rtol=0.05)


def test_a_full_panel_is_expected_to_have_the_heritability_it_claims():
    shares = studies.TRUE_PROPORTIONS.T @ [450, 50]
    assert shares @ studies.TRUE_MULTIPLES == pytest.approx(1)
    np.testing.assert_allclose(shares[1:], [80, 12])


def test_panels_are_standardised_and_the_decoy_is_as_large_as_the_pathway(panels):
    np.testing.assert_allclose(panels.X.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(panels.X.std(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(panels.pathway.sum(axis=0), panels.decoy.sum(axis=0))
    assert panels.pathway[8:12].all() and panels.pathway.sum() == 8
    assert (panels.pathway != panels.decoy).any()
    noise = panels.trait - studies.predict(panels.X, panels.effects)
    assert noise.var() == pytest.approx(1 - studies.H2, abs=0.08)


def test_sums_of_two_studies_are_sums_over_both(panels):
    first = studies.sums_of(panels.X[:, :250], panels.trait[:250])
    second = studies.sums_of(panels.X[:, 250:], panels.trait[250:])
    both = first + second
    X, y = panels.X[1].astype(float), panels.trait[:, 1]
    parts = [(X[:250], y[:250]), (X[250:], y[250:])]
    centred = [(a - a.mean(axis=0), b - b.mean()) for a, b in parts]
    np.testing.assert_allclose(both.gram[:, :, 1], sum(a.T @ a for a, _ in centred), atol=0.02)
    np.testing.assert_allclose(both.xy[:, 1], sum(a.T @ b for a, b in centred), atol=0.01)
    assert both.n == 398


def test_side_by_side_fits_are_those_of_the_estimator(panels):
    sums = studies.sums_of(panels.X, panels.trait)
    prior = studies.learnt_prior(panels.pathway)
    found = studies.fit(sums, prior, np.random.default_rng(3), n_burn=50, n_draws=300)
    fit = effect_mixture(
        panels.X[0],
        panels.trait[:, 0],
        multiples=studies.MULTIPLES,
        groups=panels.pathway[:, 0],
        n_draws=150,
        n_burn=50,
        random_state=4,
    )
    values = [panels.X[0] @ b for b in (found.mean[:, 0], fit.posterior_mean)]
    assert np.corrcoef(*values)[0, 1] > 0.98
    assert found.heritability[0] == pytest.approx(fit.heritability, abs=0.05)


def test_the_true_prior_fixes_what_it_says(panels):
    prior = studies.true_prior(studies.proportions_by(panels.decoy))
    j = int(np.flatnonzero(panels.decoy[:, 1])[0])
    np.testing.assert_array_equal(prior.fixed[j, :, 1], studies.TRUE_PROPORTIONS[1])
    sums = studies.sums_of(panels.X, panels.trait)
    found = studies.fit(sums, prior, np.random.default_rng(5), n_burn=2, n_draws=5)
    np.testing.assert_allclose(found.genetic, studies.H2)
    np.testing.assert_allclose(found.residual, 1 - studies.H2)


def test_a_binary_fit_predicts_who_is_ill(panels):
    ill = studies.predict(panels.X, panels.effects) * 3 + panels.trait > 0
    gram = studies.sums_of(panels.X, panels.trait).gram
    prior = studies.learnt_prior(np.zeros(40, dtype=int))
    rng = np.random.default_rng(6)
    found = studies.fit_binary(panels.X, ill, gram, prior, rng, n_burn=30, n_draws=60)
    assert (studies.areas(ill, studies.predict(panels.X, found.mean)) > 0.7).all()
    np.testing.assert_allclose(found.residual, 1)


def test_scores_of_a_perfect_a_doubled_and_a_useless_prediction():
    y = np.random.default_rng(7).normal(size=(5000, 3))
    useless = np.random.default_rng(8).normal(size=5000)
    found = studies.prediction_scores(y, np.column_stack([y[:, 0], 2 * y[:, 1], useless]))
    np.testing.assert_allclose(found["r2"], [1, 0, -1], atol=0.08)
    np.testing.assert_allclose(found["corr2"], [1, 1, 0], atol=0.01)
    np.testing.assert_allclose(found["slope"], [1, 0.5, 0], atol=0.05)
    found = studies.average_precision(np.array([[1, 0], [0, 0]]), np.array([[0.2, 1], [0.9, 0]]))
    assert found[0] == 0.5 and np.isnan(found[1])


def test_clumps_keep_the_strongest_of_each_and_what_stands_alone():
    gram = np.array([[100, 90, 0], [90, 100, 0], [0, 0, 100.0]])
    np.testing.assert_array_equal(studies.clump(np.array([3, -5, 0.1]), gram), [0, 1, 1])


def test_tiers_and_z_scores():
    assert studies.tiers(np.array([0, 3.2, -3.4, 5.3, -5.5])).tolist() == [0, 0, 1, 1, 2]
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(1, 300, 1)), rng.normal(size=(300, 1))
    y += 0.3 * X[0]
    slope, z = studies.marginal_z(studies.sums_of(X, y))
    design = np.column_stack([np.ones(300), X[0]])
    b, rss = np.linalg.lstsq(design, y[:, 0], rcond=None)[:2]
    se = np.sqrt(rss[0] / 298 * np.linalg.inv(design.T @ design)[1, 1])
    assert slope[0, 0] == pytest.approx(b[1], rel=1e-4)
    assert z[0, 0] == pytest.approx(b[1] / se, rel=1e-3)


def test_one_normal_and_least_squares_are_penalties_of_some_size_and_of_none(panels):
    few = panels._replace(X=panels.X[:, :, ::8])
    sums = studies.sums_of(few.X, few.trait)
    X = few.X[0] - few.X[0].mean(axis=0)
    y = few.trait[:, 0] - few.trait[:, 0].mean()
    fixed = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(studies.least_squares(sums)[:, 0], fixed, atol=1e-3)
    penalty = X.shape[1] * 0.6 / 0.4
    random = np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)
    np.testing.assert_allclose(studies.one_normal(sums)[:, 0], random, atol=1e-4)


def test_em_finds_weights_and_shrinks_as_bayes_does():
    rng, variances = np.random.default_rng(10), np.array([0.0, 1.0])
    b = np.where(rng.random((20_000, 1)) < 0.3, rng.normal(size=(20_000, 1)), 0)
    estimates = b + rng.normal(0, 0.3, b.shape)
    weights = studies.em_weights(estimates, 0.09, variances)
    np.testing.assert_allclose(weights[:, 0], [0.7, 0.3], atol=0.015)
    densities = 0.7 * norm.pdf(1.0, 0, 0.3), 0.3 * norm.pdf(1.0, 0, np.sqrt(1.09))
    exact = densities[1] / sum(densities) / 1.09
    given = np.array([[0.7], [0.3]])
    found = studies.shrink(np.array([[1.0]]), 0.09, given, variances)
    assert found[0, 0] == pytest.approx(exact)


def test_fixed_effects_fail_as_theory_says_and_random_ones_do_not():
    rng = np.random.default_rng(11)
    found = studies.study_degrees([20, 40], 60, rng, n=60, n_new=300, p=100)
    for k, size in enumerate((20, 40)):
        theory = (1 - 0.5 * size / 100) * 61 * 58 / (60 * (58 - size))
        assert found.error[:, k].mean() == pytest.approx(theory, rel=0.12)
    assert (found.random.mean(axis=0) > 0).all()
    assert (found.test.mean(axis=0) < 0).all()
    assert (found.train > found.test).all()


def test_pairs_are_products_and_the_decoy_network_holds_no_interaction():
    pairs = studies.draw_pairs(
        1, np.random.default_rng(12), n=300, n_genes=10, n_listed=8, n_true=3
    )
    product = pairs.X[0, :, 0] * pairs.X[0, :, 1]
    product = (product - product.mean()) / product.std()
    np.testing.assert_allclose(pairs.X[0, :, 10], product, atol=1e-4)
    assert (pairs.kinds == 1).sum() == (pairs.decoy == 1).sum() == 8
    assert (pairs.kinds[pairs.interacting] == 1).all() and pairs.interacting.sum() == 3
    assert (pairs.decoy[pairs.interacting] == 2).all()
