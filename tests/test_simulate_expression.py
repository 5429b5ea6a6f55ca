"""Simulated expression: modes, tails, and the law of total covariance."""

import numpy as np
import pytest

from gitools.simulate.expression import simulate_expression, simulate_pairs


def test_modes_and_tail_are_where_they_should_be():
    found = simulate_expression(50, 4000, tail_share=0.1, share_on=0.3, random_state=1)
    assert found.values.shape == found.on.shape == found.in_tail.shape == (50, 4000)
    assert found.in_tail.mean() == pytest.approx(0.1, abs=0.004)
    assert found.on.mean() == pytest.approx(0.9 * 0.3 + 0.1, abs=0.006)
    off, on = found.values[~found.on], found.values[found.on & ~found.in_tail]
    assert (off.mean(), on.mean()) == pytest.approx((0, 4), abs=0.02)
    assert (off.std(), on.std()) == pytest.approx((1, 1), abs=0.02)
    tail = found.values[found.in_tail]
    assert tail.min() > 4
    assert tail.mean() == pytest.approx(7, abs=0.1)


def test_pairs_obey_the_law_of_total_covariance():
    found = simulate_pairs(200, 2000, shifts=(3, -0.7), within=0.5, random_state=2)
    covariance = np.mean((found.first - found.first.mean()) * (found.second - found.second.mean()))
    assert covariance == pytest.approx(0.5 + 0.24 * 3 * -0.7, abs=0.01)
    inside = [found.first[found.on] - 3, found.second[found.on] + 0.7]
    assert np.corrcoef(inside)[0, 1] == pytest.approx(0.5, abs=0.01)


def test_other_genes_follow_the_mode_alone():
    found = simulate_pairs(100, 500, shifts=(3, 1), within=0.8, n_others=2, random_state=3)
    assert found.others.shape == (100, 2, 500)
    rest = found.others - 3 * found.on[:, None]
    assert np.abs(rest.mean()) < 0.01
    assert np.corrcoef(rest[:, 0].ravel(), (found.first - 3 * found.on).ravel())[0, 1] < 0.02


def test_generator_decides():
    first, again = (simulate_pairs(2, 5, random_state=4).first for _ in range(2))
    assert (first == again).all()
    assert (simulate_pairs(2, 5, random_state=5).first != first).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_genes": 0}, "n_genes: got 0"),
        ({"n_samples": 2.5}, "n_samples: got 2.5"),
        ({"share_on": 1.5}, "share_on: got 1.5"),
        ({"tail_share": -0.1}, "tail_share: got -0.1"),
        ({"tail_scale": 0}, "tail_scale: got 0"),
        ({"separation": np.inf}, "separation: got inf"),
    ],
)
def test_bad_settings_of_genes_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        simulate_expression(**({"n_genes": 2, "n_samples": 5} | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_pairs": 0}, "n_pairs: got 0"),
        ({"shifts": (1, 2, 3)}, "shifts: got shape"),
        ({"shifts": (1, np.nan)}, "shifts: got"),
        ({"within": 1.2}, "within: got 1.2"),
        ({"n_others": -1}, "n_others: got -1"),
    ],
)
def test_bad_settings_of_pairs_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        simulate_pairs(**({"n_pairs": 2, "n_samples": 5} | settings))
