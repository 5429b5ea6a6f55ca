"""The replicate studies of the chapter on neural shrinkage."""

import numpy as np
import pytest

from gitools.book.studies import neural as studies
from gitools.shrinkage import NeuralShrinkage


def test_ratios_are_of_sums_and_their_intervals_hold_them():
    rng = np.random.default_rng(1)
    denominator = rng.uniform(1, 2, 400)
    numerator = 0.7 * denominator * rng.uniform(0.5, 1.5, 400)
    ratio, (low, high) = studies.ratio_interval(numerator, denominator, rng)
    assert ratio == pytest.approx(numerator.sum() / denominator.sum())
    assert low < ratio < high and high - low < 0.1
    drawn = studies.resampled_ratios(numerator, denominator, rng, n_boot=50)
    assert drawn.shape == (51,) and drawn[0] == pytest.approx(ratio)


def test_groups_and_bins_compare_what_was_announced_with_what_came():
    rng = np.random.default_rng(2)
    announced = rng.uniform(0, 1, (300, 20))
    came = rng.random(announced.shape) < announced
    for means in (studies.grouped(announced, came, 5), studies.binned(announced, came, 5)):
        said, observed, half = means
        assert np.all(np.diff(said) > 0) and len(said) == 5
        assert np.all(np.abs(observed - said) < 2 * half)
        # Independent trials here: two binomial standard errors.
        np.testing.assert_allclose(half, 2 * np.sqrt(said * (1 - said) / 1200), rtol=0.3)


def test_the_study_of_references_begins_with_the_studys_own_people():
    rng = np.random.default_rng(3)
    model = NeuralShrinkage.pretrained()
    prior = studies.exchangeable(50_000, 0.01, 0.02)
    table = studies.study_references(model, [100], 2, 60, 10, prior, rng)
    assert table.shape == (2, 20)
    assert table[0].mean() < table[1].mean()
    assert table[0].mean() < 0.8


def test_answers_and_errors_by_round_agree_on_the_last_round():
    rng = np.random.default_rng(4)
    model = NeuralShrinkage.pretrained()
    blocks = studies.draw_windows(1, 50, 4, studies.exchangeable(50_000, 0.01, 0.05), rng)
    found = studies.answer(model, blocks)
    assert found.mean.shape == (4, 50)
    rounds = studies.errors_by_round(model, blocks)
    expected = np.sum((found.mean - found.truth) ** 2) / np.sum(found.truth**2)
    assert rounds[-1] == pytest.approx(expected)
    assert len(rounds) == 4
