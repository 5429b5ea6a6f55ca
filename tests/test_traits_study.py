"""The studies behind the chapter on mixtures of traits."""

import numpy as np
import pytest
from scipy.stats import linregress, norm, ttest_ind

from gitools.book.studies import traits as studies
from gitools.mixtures import GaussianMixtureEM

BIG = (20, 20_000)
SCENARIOS = [
    studies.Scenario("class", 3.0),
    studies.Scenario("normal"),
    studies.Scenario("humped", 3.0),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.kind)
def test_the_marker_explains_what_it_should(scenario):
    rng = np.random.default_rng(1)
    dosages = studies.draw_dosages(BIG, rng)
    r = studies.row_correlations(scenario.draw(dosages, rng), dosages)
    assert np.mean(r**2) == pytest.approx(studies.EXPLAINED, abs=0.001)


def test_penetrance_keeps_the_share_of_the_upper_hump():
    odds = studies.penetrance(2.0, upper=0.25)
    f = studies.FREQUENCY
    assert odds @ [(1 - f) ** 2, 2 * f * (1 - f), f**2] == pytest.approx(0.25)
    with pytest.raises(ValueError, match=r"^explained:"):
        studies.penetrance(0.5, explained=0.05)


@pytest.mark.parametrize("scenario", [*SCENARIOS, studies.Scenario("skewed")], ids=lambda s: s.kind)
def test_the_ceiling_is_a_likelihood_ratio(scenario):
    rng = np.random.default_rng(2)
    dosages = studies.draw_dosages((1, 400_000), rng)
    independent = studies.draw_dosages(dosages.shape, rng)
    y = scenario.draw(dosages, rng)
    # The mean of a likelihood ratio under the null is 1, person by person.
    one_each = np.exp(scenario.log_ratio(y.T, independent.T))
    assert one_each.mean() == pytest.approx(1, abs=4 * one_each.std() / np.sqrt(400_000))
    assert scenario.log_ratio(y, dosages)[0] > 0


def test_the_skewed_ratio_sees_the_normal_trait_behind():
    rng = np.random.default_rng(3)
    dosages, u = studies.draw_dosages((3, 50), rng), rng.normal(size=(3, 50))
    skewed = studies.Scenario("skewed").log_ratio(np.exp(studies.LOG_SD * u), dosages)
    assert np.allclose(skewed, studies.Scenario("normal").log_ratio(u, dosages))


def test_p_values_are_those_of_scipy():
    rng = np.random.default_rng(4)
    dosages, Y = studies.draw_dosages((5, 60), rng), rng.normal(size=(5, 60))
    theirs = [linregress(g, y).pvalue for g, y in zip(dosages, Y, strict=True)]
    assert np.allclose(studies.regression_p(Y, dosages), theirs, rtol=1e-8)
    assert studies.regression_p(np.ones((1, 60)), dosages[:1])[0] == pytest.approx(1)


def test_responsibilities_are_those_of_the_estimator_for_the_upper_component():
    rng = np.random.default_rng(5)
    Y = rng.normal(5.0 * (rng.random((3, 300)) < 0.3), 1)
    ours, _ = studies.fitted_scores(Y, np.random.default_rng(6))
    for y, r in zip(Y, ours, strict=True):
        em = GaussianMixtureEM(2, n_init=5, tol=1e-9, max_iter=3000, random_state=7)
        upper = em.fit(y[:, None]).means_[:, 0].argmax()
        assert np.allclose(em.predict_proba(y[:, None])[:, upper], r, atol=0.03)


def test_the_score_within_humps_is_a_derivative():
    rng = np.random.default_rng(16)
    Y = rng.normal(5.0 * (rng.random((1, 400)) < 0.3), 1)
    _, within = studies.fitted_scores(Y, np.random.default_rng(17))
    fits = studies.fit_rows(Y, 2, random_state=np.random.default_rng(17), **studies.FIT)
    up, down = (studies.row_posteriors(Y + h, fits)[0] for h in (1e-4, -1e-4))
    assert np.allclose(within, (down - up) / 2e-4, atol=1e-5)


def test_true_responsibilities_are_bayes_rule():
    y = np.linspace(-3, 6, 10)
    upper, lower = 0.1 * norm.pdf(y - 3), 0.9 * norm.pdf(y)
    assert np.allclose(studies.true_responsibilities(y, 3.0), upper / (upper + lower))


def test_a_test_of_a_null_marker_keeps_its_level_and_the_ceiling_is_highest():
    scenario, rng = studies.Scenario("class", 3.0), np.random.default_rng(8)
    threshold = studies.ceiling_threshold(scenario, 200, 1000, 0.05, rng)
    rows = {r["test"]: r for r in studies.study_tests(scenario, 150, 200, threshold, rng)}
    error = np.sqrt(0.05 * 0.95 / 600)
    corrected = {name: row for name, row in rows.items() if name != "smaller p"}
    assert all(abs(row["null"] - 0.05) < 4 * error for row in corrected.values())
    assert rows["ceiling"]["power"] > rows["trait"]["power"] + 0.02


@pytest.mark.parametrize("kappa", [-0.4, 0.0, 0.3])
def test_power_transform_is_box_and_coxs(kappa):
    x = np.exp(np.random.default_rng(9).normal(1, 0.5, (1, 40)))
    sd = np.log(x).std()
    ours = studies.power_transform(studies.standardise(np.log(x)), kappa)
    power = kappa / sd
    theirs = np.log(x) if kappa == 0 else (x**power - 1) / power
    assert np.corrcoef(ours[0], theirs[0])[0, 1] == pytest.approx(1)


def test_a_hump_test_has_no_units_and_finds_the_scale():
    rng = np.random.default_rng(10)
    X = studies.draw_positive("lognormal", 0, (20, 200), rng)
    one = studies.hump_tests(X, np.random.default_rng(11))
    other = studies.hump_tests(1000 * X, np.random.default_rng(11))
    assert np.allclose(one.together, other.together, atol=1e-4)
    assert abs(one.power_one.mean()) < 0.1
    cubes = studies.hump_tests(rng.normal(10, 1, (20, 200)) ** 3, np.random.default_rng(12))
    # The cube's logarithm has a standard deviation near 0.3, and a third of that is the power.
    assert cubes.power_one.mean() == pytest.approx(0.1, abs=0.06)
    assert np.all(one.raw > one.first - 1)


def test_two_humps_are_seen_on_every_scale_when_they_are_far_apart():
    rng = np.random.default_rng(13)
    X = np.exp(0.5 * (rng.normal(size=(10, 200)) + 8 * (rng.random((10, 200)) < 0.3)))
    found = studies.hump_tests(X, rng)
    for values in (found.raw, found.logarithm, found.first, found.together):
        assert values.min() > 20


def test_panel_rows_count_false_discoveries_by_stretch():
    rng = np.random.default_rng(14)
    blocks = np.repeat(np.arange(8), 5)
    dosages = rng.binomial(2, 0.4, (1500, 40))
    rows = studies.study_panel(dosages, blocks, 2, 39, rng)
    causal = [row for row in rows if "found" in row]
    assert {row["correction"] for row in causal} == {
        "bonferroni",
        "benjamini-hochberg",
        "permutation",
    }
    assert np.mean([row["found"] for row in causal]) > 0.9
    assert max(row["false"] for row in causal) < 0.5
    assert all(0 < row["threshold"] < 0.05 for row in rows if "any" in row)


def test_rare_carriers_agree_with_a_t_test():
    rng = np.random.default_rng(15)
    y = rng.normal(size=(1, 12))
    carriers = np.arange(12) < 4
    p = studies.regression_p(y, carriers[None].astype(float))
    assert p[0] == pytest.approx(ttest_ind(y[0, carriers], y[0, ~carriers]).pvalue)
    rate = studies.rare_carriers(5, 60, 4000, 200, rng, level=0.05, log=True)
    assert rate == pytest.approx(1, abs=0.1)
