"""The replicate study of association: what it measures where the answer is known."""

import numpy as np
import pytest

from gitools.association import ld_matrix
from gitools.book.studies.gwas import replicate_estimates, study_panels, study_traits
from gitools.simulate import simulate_genotypes


def _panel(dosages, blocks):
    return dosages, blocks, [ld_matrix(dosages[:, blocks == k]) for k in range(blocks.max() + 1)]


@pytest.fixture(scope="module")
def linked():
    panel = simulate_genotypes(1000, 120, n_blocks=3, sequence_length=3e5, random_state=1)
    return _panel(panel.dosages, panel.blocks)


@pytest.fixture(scope="module")
def unlinked():
    rng = np.random.default_rng(2)
    return _panel(rng.binomial(2, 0.3, (2000, 60)), np.zeros(60, dtype=int))


def test_without_ld_nothing_is_inflated_and_joint_removes_the_other_effects_noise(unlinked):
    found = study_traits(*unlinked, 40, 0.1, 0.3, random_state=3)
    # Sixty independent variants in 2,000 people have a mean LD score of 1 + 60/2000.
    assert found.inflation.mean() == pytest.approx(1.03, abs=0.03)
    # A joint fit has noise of variance 0.7, a marginal one counts the other effects as noise too.
    ratio = found.joint_error.mean() / found.marginal_error.mean()
    assert ratio == pytest.approx(np.sqrt(0.7), abs=0.05)


def test_with_ld_the_noise_is_as_large_as_the_standard_errors_say(linked):
    found = study_traits(*linked, 60, 0.05, 0.3, random_state=4)
    assert found.noise.mean() == pytest.approx(1.0, abs=0.1)
    assert found.inflation.mean() > 2
    assert (found.joint_error > found.marginal_error).all()


def test_chosen_variants_are_counted(linked):
    found = study_traits(*linked, 20, 0.05, 0.5, random_state=5)
    assert (found.n_chosen_causal <= found.n_chosen).all()
    assert found.n_chosen_causal.sum() > 0
    assert found.chosen_estimate.sum() > 0.9 * found.chosen_truth.sum()


def test_one_seed_gives_one_study(linked):
    first, second = (study_traits(*linked, 2, 0.05, 0.3, random_state=6) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n_traits", [0, 2.5])
def test_a_number_of_traits_is_asked_for(linked, n_traits):
    with pytest.raises(ValueError, match="n_traits: got"):
        study_traits(*linked, n_traits, 0.05, 0.3)


def test_replicates_differ_by_their_noise_alone(linked):
    dosages = linked[0][:, :30]
    R, b = ld_matrix(dosages), np.zeros(30)
    b[[3, 20]] = 0.2, -0.3
    found = replicate_estimates(dosages, b, 800, random_state=7)
    assert found.shape == (800, 30)
    noise = (1 - b @ R @ b) / len(dosages)
    assert np.abs(found.mean(axis=0) - R @ b).max() < 4.5 * np.sqrt(noise / 800)
    error = found - R @ b
    size = np.einsum("ij,jk,ik->i", error, R, error) / noise / np.sum(R**2)
    assert abs(size.mean() - 1) < 4 * size.std() / np.sqrt(800)


def test_panels_are_inflated_as_their_ld_says():
    size = {"n_people": 500, "n_variants": 60, "n_blocks": 2}
    found = study_panels(4, 30, 0.1, 0.3, **size, random_state=8)
    assert len(set(found.ld_score)) == 4
    np.testing.assert_allclose(found.inflation / found.ld_score, 1, atol=0.35)
    assert (found.joint_ratio > 0).all() and (found.curse > 0.9).all()
    again = study_panels(4, 30, 0.1, 0.3, **size, random_state=8)
    np.testing.assert_array_equal(again.inflation, found.inflation)


@pytest.mark.parametrize("n_panels", [0, 1.5])
def test_a_number_of_panels_is_asked_for(n_panels):
    with pytest.raises(ValueError, match="n_panels: got"):
        study_panels(n_panels, 2, 0.1, 0.3, n_people=100, n_variants=20, n_blocks=1)
