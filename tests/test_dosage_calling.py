"""Dosage classes with means that follow the chemistry, and what makes a call."""

import numpy as np
import pytest

from gitools.mixtures import call_dosages, fit_dosages, inbreeding_coefficient
from gitools.mixtures.dosage_calling import _angles, _climb, _mean_angles, _slopes
from gitools.simulate import dosage_frequencies, expected_ratio, simulate_array

KINDS = ("free", "hardy-weinberg", "inbreeding")


def markers(n_markers=12, n=224, seed=0, **settings):
    rng = np.random.default_rng(seed)
    drawn = [simulate_array(n, random_state=rng, **settings) for _ in range(n_markers)]
    return np.array([m.ratio for m in drawn]), np.array([m.dosage for m in drawn])


@pytest.mark.parametrize("kind", KINDS)
def test_no_step_lowers_the_objective(kind):
    ratios, _ = markers(6, frequency=0.3, brightness=1.6, noise=0.35)
    angles = _angles(ratios)
    heights = np.array(
        [_climb(angles, 4, kind, 0.7, 0.01, 1e-300, steps)[-1] for steps in range(1, 40)]
    )
    assert np.diff(heights, axis=0).min() > -1e-9


def test_slopes_are_derivatives():
    logs = np.array([[0.4, -2.0, -4.0], [-0.6, -3.0, -2.5]])
    for j, nudge in enumerate(1e-6 * np.eye(3)):
        difference = (_mean_angles(logs + nudge, 4) - _mean_angles(logs - nudge, 4)) / 2e-6
        np.testing.assert_allclose(_slopes(logs, 4)[:, :, j], difference, atol=1e-8)


def test_chemistry_comes_back_and_one_marker_at_a_time_gives_the_same():
    ratios, _ = markers(8, frequency=0.45, brightness=1.5, background_b=0.08, noise=0.15)
    fits = fit_dosages(ratios, 4)
    assert fits.converged.all()
    np.testing.assert_allclose(np.log(fits.chemistry[:, 0] / 1.5), 0, atol=0.15)
    np.testing.assert_allclose(np.log(fits.chemistry[:, 2] / 0.08), 0, atol=0.5)
    truth = expected_ratio(np.arange(5) / 4, 1.5, 0.04, 0.08)
    np.testing.assert_allclose(fits.means, np.tile(truth, (8, 1)), atol=0.02)
    alone = fit_dosages(ratios[3], 4)
    np.testing.assert_allclose(alone.means[0], fits.means[3], atol=1e-6)
    assert np.all(np.diff(fits.means, axis=1) > 0)


def test_calls_are_nearly_all_right_where_humps_are_apart():
    ratios, dosages = markers(8, frequency=0.4, noise=0.12)
    calls = call_dosages(fit_dosages(ratios, 4).posteriors(ratios))
    assert np.mean(calls == dosages) > 0.99


def test_tetraploid_chemistry_calls_diploids():
    ratios, _ = markers(4, frequency=0.5, brightness=0.7, noise=0.12, seed=1)
    diploids, dosages = markers(4, ploidy=2, brightness=0.7, noise=0.12, seed=2)
    fits = fit_dosages(ratios, 4)
    calls = fits.posteriors(diploids, weights=np.full(5, 0.2)).argmax(axis=1)
    assert np.mean(calls == 2 * dosages) > 0.98


def test_swapping_alleles_mirrors_the_fit():
    ratios, _ = markers(4, frequency=0.3, noise=0.3, seed=3)
    one, other = fit_dosages(ratios, 4, tol=1e-10), fit_dosages(1 - ratios, 4, tol=1e-10)
    # The prior is on brightness with a symmetric logarithm, but backgrounds are in units of A's
    # light, so the mirror image is near, not exact.
    np.testing.assert_allclose(other.means[:, ::-1], 1 - one.means, atol=0.01)
    np.testing.assert_allclose(other.weights[:, ::-1], one.weights, atol=0.02)


def test_weights_obey_their_model():
    ratios, _ = markers(6, n=2000, frequency=0.4, inbreeding=0.3, noise=0.15)
    binomial = fit_dosages(ratios, 4, weights="hardy-weinberg")
    inbred = fit_dosages(ratios, 4, weights="inbreeding")
    free = fit_dosages(ratios, 4)
    np.testing.assert_allclose(inbreeding_coefficient(binomial.weights)[1], 0, atol=1e-8)
    np.testing.assert_allclose(inbreeding_coefficient(inbred.weights)[1], 0.3, atol=0.06)
    assert np.all(inbred.log_likelihood > binomial.log_likelihood + 10)
    # The simulation follows the inbreeding model: three weights more gain little.
    assert np.all(np.abs(free.log_likelihood - inbred.log_likelihood) < 10)


def test_calls_wait_for_the_threshold():
    posteriors = np.array([[[0.96, 0.5], [0.04, 0.5]]])
    np.testing.assert_array_equal(call_dosages(posteriors), [[0, -1]])
    np.testing.assert_array_equal(call_dosages(posteriors, threshold=0.97), [[-1, -1]])


def test_moments_of_weights():
    p, f = inbreeding_coefficient(dosage_frequencies(4, [0.2, 0.5], [0.25, -0.1]))
    np.testing.assert_allclose(p, [0.2, 0.5])
    np.testing.assert_allclose(f, [0.25, -0.1], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ratios": [[0.1, 1.2]]}, "ratios"),
        ({"ratios": [[0.1, np.nan]]}, "ratios"),
        ({"ratios": [[0.1]]}, "ratios"),
        ({"ratios": "many"}, "ratios"),
        ({"ploidy": 0}, "ploidy"),
        ({"ploidy": 2.0}, "ploidy"),
        ({"weights": "binomial"}, "weights"),
        ({"floor": 0}, "floor"),
        ({"tol": -1}, "tol"),
        ({"max_iter": 0}, "max_iter"),
    ],
)
def test_refused_arguments_are_named(change, named):
    given = {"ratios": [[0.1, 0.5, 0.9]], "ploidy": 2, **change}
    with pytest.raises(ValueError, match=named):
        fit_dosages(**given)


def test_refused_posteriors_weights_and_rows():
    with pytest.raises(ValueError, match="posteriors"):
        call_dosages(np.ones((2, 3)))
    with pytest.raises(ValueError, match="threshold"):
        call_dosages(np.ones((1, 2, 3)) / 2, threshold=0)
    with pytest.raises(ValueError, match="one allele"):
        inbreeding_coefficient([1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="no distribution"):
        inbreeding_coefficient([1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match="weights: got shape"):
        inbreeding_coefficient([0.5, 0.5])
    fits = fit_dosages([[0.1, 0.5, 0.9]], 2)
    with pytest.raises(ValueError, match="rows"):
        fits.posteriors([[0.1, 0.5]] * 2)
    with pytest.raises(ValueError, match="weights"):
        fits.posteriors([[0.1, 0.5]], weights=[0.5, 0.5])
