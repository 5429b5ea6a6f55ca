"""Simulated arrays and copy numbers: moments, exact posteriors, refused arguments."""

import numpy as np
import pytest
from scipy.stats import betabinom, binom, multivariate_normal, norm

from gitools.simulate import (
    Probes,
    dosage_frequencies,
    draw_probes,
    expected_ratio,
    simulate_array,
    simulate_copies,
    simulate_copy_chains,
)
from gitools.simulate.arrays import lowest_inbreeding

CHAIN = np.array([[0.9, 0.1, 0.0], [0.01, 0.98, 0.01], [0.0, 0.2, 0.8]])


@pytest.mark.parametrize("ploidy", [1, 2, 4, 6])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_frequencies_are_binomial_beta_binomial_and_fixed(ploidy, p):
    copies = np.arange(ploidy + 1)
    np.testing.assert_allclose(dosage_frequencies(ploidy, p), binom.pmf(copies, ploidy, p))
    f = 0.3
    a, b = p * (1 - f) / f, (1 - p) * (1 - f) / f
    expected = betabinom.pmf(copies, ploidy, a, b)
    np.testing.assert_allclose(dosage_frequencies(ploidy, p, f), expected)
    fixed = dosage_frequencies(ploidy, p, 1.0)
    np.testing.assert_allclose(fixed[[0, -1]], [1 - p, p])


def test_diploids_have_the_textbook_heterozygotes_and_the_variance_follows():
    for f in (-0.2, 0.0, 0.4):
        assert dosage_frequencies(2, 0.3, f)[1] == pytest.approx(2 * 0.3 * 0.7 * (1 - f))
        shares = dosage_frequencies(4, 0.4, min(f, 0.4) if f > -0.1 else -0.1)
        f4 = f if f > -0.1 else -0.1
        variance = shares @ np.arange(5) ** 2 - (shares @ np.arange(5)) ** 2
        assert variance == pytest.approx(4 * 0.4 * 0.6 * (1 + 3 * f4))
    lowest = lowest_inbreeding(4, 0.3)
    assert dosage_frequencies(4, 0.3, lowest).min() == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="inbreeding"):
        dosage_frequencies(4, 0.3, lowest - 0.01)


def test_ratio_rises_and_mirrors():
    shares = np.linspace(0, 1, 5)
    ratio = expected_ratio(shares, 2.0, 0.1, 0.0)
    assert ratio[0] == 0
    assert np.all(np.diff(ratio) > 0)
    mirrored = 1 - expected_ratio(1 - shares, 0.5, 0.0, 0.05)
    np.testing.assert_allclose(ratio, mirrored)


def test_array_posteriors_are_those_of_the_simulation():
    marker = simulate_array(20_000, 4, 0.4, inbreeding=0.1, brightness=1.3, random_state=0)
    shares = dosage_frequencies(4, 0.4, 0.1)
    counts = np.bincount(marker.dosage, minlength=5) / 20_000
    assert np.all(np.abs(counts - shares) < 5 * np.sqrt(shares * (1 - shares) / 20_000))
    log_odds = np.log(marker.ratio / (1 - marker.ratio))
    means = expected_ratio(np.arange(5) / 4, 1.3)
    centres = np.log(means / (1 - means))
    joint = shares[:, None] * norm.pdf(log_odds, centres[:, None], 0.2)
    np.testing.assert_allclose(marker.posteriors, joint / joint.sum(axis=0), atol=1e-8)
    said = marker.posteriors.max(axis=0)
    right = marker.posteriors.argmax(axis=0) == marker.dosage
    assert abs(right.mean() - said.mean()) < 5 * np.sqrt(said.mean() * (1 - said.mean()) / 20_000)


def test_probes_have_their_means_and_covariance():
    probes = draw_probes(4, correlation=0.4, random_state=1)
    signals, states = simulate_copies(60_000, probes, (0.2, 0.5, 0.3), random_state=2)
    assert probes.means[0] == pytest.approx(-probes.response)
    correlations = np.corrcoef(signals[states == 1].T)[~np.eye(4, dtype=bool)]
    np.testing.assert_allclose(correlations, 0.4, atol=0.03)
    np.testing.assert_allclose(np.diag(probes.covariance), probes.sd**2)
    for k, share in enumerate((0.2, 0.5, 0.3)):
        here = signals[states == k]
        assert abs(len(here) / 60_000 - share) < 0.01
        error = 5 * probes.sd / np.sqrt(len(here))
        assert np.all(np.abs(here.mean(axis=0) - probes.means[k]) < error)
        scale = np.outer(probes.sd, probes.sd)
        assert np.abs((np.cov(here.T) - probes.covariance) / scale).max() < 0.06
    assert np.isfinite(multivariate_normal.logpdf(signals[0], probes.means[0], probes.covariance))


def test_chains_step_as_told():
    probe = Probes([1.0], [0.3])
    signals, states = simulate_copy_chains(50, 400, [0.0, 1.0, 0.0], CHAIN, probe, random_state=3)
    assert signals.shape == (50, 400, 1)
    assert np.all(states[:, 0] == 1)
    steps = np.zeros((3, 3))
    np.add.at(steps, (states[:, :-1].ravel(), states[:, 1:].ravel()), 1)
    shares = steps / steps.sum(axis=1, keepdims=True)
    errors = 5 * np.sqrt(CHAIN * (1 - CHAIN) / steps.sum(axis=1, keepdims=True))
    assert np.all(np.abs(shares - CHAIN) <= errors)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: expected_ratio(1.2), "share"),
        (lambda: expected_ratio(0.5, brightness=0), "brightness"),
        (lambda: expected_ratio(0.5, background_a=-1), "background_a"),
        (lambda: dosage_frequencies(0, 0.5), "ploidy"),
        (lambda: dosage_frequencies(4, np.nan), "frequency"),
        (lambda: simulate_array(0), "n"),
        (lambda: simulate_array(5, noise=0), "noise"),
        (lambda: Probes([1.0, 2.0], [0.1]), "sd"),
        (lambda: Probes([np.nan], [0.1]), "response"),
        (lambda: Probes([1.0], [0.1], 1.0), "correlation"),
        (lambda: draw_probes(0), "n_probes"),
        (lambda: draw_probes(3, sd=(0, 1)), "sd"),
        (lambda: simulate_copies(0, Probes([1.0], [1.0])), "n"),
        (lambda: simulate_copies(5, Probes([1.0], [1.0]), (0.5, 0.5)), "frequencies"),
        (lambda: simulate_copy_chains(1, 5, [0, 1, 0], np.ones((3, 3)), None), "transitions"),
        (lambda: simulate_copy_chains(1, 0, [0, 1, 0], CHAIN, None), "length"),
    ],
)
def test_refused_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
