"""Studies of calling: scores that mean what they say, and ceilings that nothing beats."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gitools.book.studies import calling as studies
from gitools.mixtures import GaussianHiddenMarkov, fit_dosages
from gitools.simulate import Probes, draw_probes, simulate_copies, simulate_copy_chains


def test_log_loss_by_hand():
    posteriors = np.array([[[0.9, 0.0], [0.1, 1.0]]])
    expected = -(np.log(0.99 * 0.9 + 0.005) + np.log(0.005)) / 2
    assert studies.log_loss(posteriors, np.array([[0, 0]]))[0] == pytest.approx(expected)


def test_odd_share_counts_one_and_three_only():
    posteriors = np.zeros((1, 5, 2))
    posteriors[0, [0, 1], 0] = 0.25, 0.75
    posteriors[0, [2, 3], 1] = 0.5, 0.5
    assert studies.odd_share(posteriors)[0] == pytest.approx((0.75 + 0.5) / 2)


def test_true_posteriors_beat_every_fit_on_average():
    markers = studies.random_markers(30, 224, rng=np.random.default_rng(0))
    ceiling = studies.log_loss(markers.posteriors, markers.dosage).mean()
    free = studies.free_fits(markers.ratio, 4)
    fits = {
        "free": studies.free_posteriors(free, markers.ratio),
        "chemistry": fit_dosages(markers.ratio, 4).posteriors(markers.ratio),
        "ruler": studies.ruler_fits(markers.ratio, 4).posteriors(markers.ratio),
    }
    for posteriors in fits.values():
        np.testing.assert_allclose(posteriors.sum(axis=1), 1)
        assert studies.log_loss(posteriors, markers.dosage).mean() > ceiling
    assert np.all(np.diff(free.means, axis=1) >= 0)


def test_given_weights_are_used():
    markers = studies.random_markers(3, 224, rng=np.random.default_rng(1))
    fits = studies.free_fits(markers.ratio, 4)
    sure = np.array([1.0, 0, 0, 0, 0])
    np.testing.assert_allclose(studies.free_posteriors(fits, markers.ratio, sure)[:, 0], 1)


def test_densities_of_copies_equal_those_of_the_linear_score():
    probes = draw_probes(5, correlation=0.3, random_state=2)
    signals, _ = simulate_copies(40, probes, random_state=3)
    log_ratio = np.diff(studies.log_densities(signals, probes)[:, 1:], axis=1)[:, 0]
    delta, a = np.log2(1.5), probes.response
    weights = np.linalg.solve(probes.covariance, a)
    np.testing.assert_allclose(log_ratio, delta * signals @ weights - delta**2 * a @ weights / 2)


def test_average_of_equal_probes_is_sufficient():
    probes = Probes(np.full(4, 0.65), np.full(4, 0.45))
    signals, _ = simulate_copies(50, probes, random_state=4)
    average = Probes(np.array([0.65]), np.array([0.225]))
    shares = np.array([0.1, 0.8, 0.1])
    both = studies.true_copies(signals, probes, shares)
    of_average = studies.true_copies(signals.mean(axis=1, keepdims=True), average, shares)
    np.testing.assert_allclose(both, of_average, atol=1e-10)


@pytest.mark.parametrize("setting", studies.PROBE_SETTINGS)
def test_probe_losses_have_every_method_and_a_ceiling(setting):
    rng = np.random.default_rng(5)
    losses = [studies.probe_losses(setting, 300, 8, rng) for _ in range(6)]
    means = {name: np.mean([loss[name] for loss in losses]) for name in losses[0]}
    assert min(means, key=means.get) in ("bayes", "bayes average")
    assert means["bayes average"] >= means["bayes"] - 1e-3


def test_neighbours_help_and_truth_is_the_ceiling():
    losses = studies.chain_losses(4, 20, 200, np.random.default_rng(6))
    assert losses["bayes"].mean() <= losses["markov"].mean() < losses["mixture"].mean()
    assert losses["bayes"].shape == (4,)


def test_panels_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(10)
    drawn = [
        simulate_copy_chains(
            6, 100, studies.START, studies.TRANSITIONS, studies.CHAIN_PROBE, random_state=rng
        )[0]
        for _ in range(2)
    ]
    fits = studies.fit_panels(np.array(drawn)[..., 0], tol=0, max_iter=12)
    for panel, signals in enumerate(drawn):
        settings = {"init": studies.chain_start(), "tol": 0, "max_iter": 11, "floor": 0}
        model = GaussianHiddenMarkov(3, "tied", **settings)
        x, lengths = signals.reshape(-1, 1), np.full(6, 100)
        with pytest.warns(ConvergenceWarning):
            model.fit(x, lengths=lengths)
        assert fits.log_likelihoods[panel] == pytest.approx(model.score(x, lengths=lengths))
        expected = model.predict_proba(x, lengths=lengths)
        np.testing.assert_allclose(fits.posteriors[panel].reshape(-1, 3), expected, atol=1e-8)


def test_three_states_for_nothing_leave_the_commonest():
    shares = studies.invented_segments(4, 50, 3, random_state=11)
    assert shares.shape == (3,)
    assert np.all((shares >= 0) & (shares < 1))


def test_scores_of_variants_are_high_and_of_nothing_low():
    rng = np.random.default_rng(7)
    nothing = rng.normal(0, 0.3, (20, 100))
    variant = nothing.copy()
    variant[:, 40:60] -= 0.65
    assert studies.segment_scores(variant).min() > 5
    assert np.median(studies.segment_scores(nothing)) < 0


def test_bic_counts_what_is_plain():
    rng = np.random.default_rng(8)
    values = rng.normal(3.0 * rng.integers(0, 3, (4, 400)), 0.3)
    chosen = studies.chosen_by_bic(values, (2, 3, 4), random_state=9)
    np.testing.assert_array_equal(chosen, 3)


def test_bic_finds_the_skewed_class_against_the_wall():
    ratio = studies.random_markers(
        6, 1000, 2, frequencies=(0.4, 0.6), noise=0.4, rng=np.random.default_rng(10)
    ).ratio
    assert np.mean(studies.chosen_by_bic(ratio, (3, 4), random_state=11) == 4) > 0.5
    log_odds = np.log(ratio / (1 - ratio))
    assert np.mean(studies.chosen_by_bic(log_odds, (3, 4), random_state=11) == 3) > 0.5
