"""What the studies of expression compute, on cases whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from gitools.book.studies import expression as study
from gitools.simulate.expression import simulate_expression, simulate_pairs


def test_one_mode_gives_the_plain_test():
    pairs = simulate_pairs(4, 30, within=0.4, random_state=1)
    same = np.ones_like(pairs.on)
    expected = [stats.pearsonr(*pair)[1] for pair in zip(pairs.first, pairs.second, strict=True)]
    np.testing.assert_allclose(study.within_mode_p(pairs.first, pairs.second, same), expected)


def test_within_modes_is_the_partial_correlation():
    pairs = simulate_pairs(3, 40, within=0.3, random_state=2)
    for pair in range(3):
        design = np.column_stack([np.ones(40), pairs.on[pair], pairs.first[pair]])
        y = pairs.second[pair]
        beta, rest = np.linalg.lstsq(design, y, rcond=None)[:2]
        error = np.sqrt(rest[0] / 37 * np.linalg.inv(design.T @ design)[2, 2])
        expected = 2 * stats.t.sf(abs(beta[2] / error), 37)
        found = study.within_mode_p(pairs.first, pairs.second, pairs.on)[pair]
        assert found == pytest.approx(expected)


def test_modes_far_apart_are_found_by_either_way():
    pairs = simulate_pairs(3, 80, shifts=(9, 9), n_others=5, random_state=3)
    for modes in (
        study.modes_of_pair(pairs.first, pairs.second, random_state=4),
        study.modes_of_others(pairs.others, random_state=4),
    ):
        right = np.mean(modes == pairs.on, axis=1)
        np.testing.assert_array_equal(np.maximum(right, 1 - right), 1)


def test_one_round_cloud_has_no_modes():
    pairs = simulate_pairs(10, 80, shifts=(0, 0), random_state=5)
    assert study.modes_of_pair(pairs.first, pairs.second, random_state=6).any(axis=1).mean() < 0.3


@pytest.mark.parametrize("with_tail", [True, False])
def test_clear_modes_are_counted_and_called(with_tail):
    genes = simulate_expression(6, 150, separation=10.0, random_state=7)
    modes = study.count_modes(genes.values, with_tail=with_tail, random_state=8)
    assert (modes == 2).all()
    wrong = study.wrong_calls(genes.values, genes.on, with_tail=with_tail, random_state=8)
    assert (wrong == 0).all()


def test_no_caller_beats_the_true_densities():
    settings = {"separation": 2.5, "share_on": 0.3, "tail_share": 0.1, "tail_scale": 3.0}
    genes = simulate_expression(20, 2000, **settings, random_state=9)
    bayes = study.bayes_wrong_calls(genes.values, genes.on, **settings).mean()
    for cut in np.linspace(0.5, 2.5, 9):
        assert bayes <= np.mean((genes.values > cut) != genes.on) + 1e-3
    assert 0.05 < bayes < 0.12


def test_filling_in_is_a_regression_with_one_component():
    rng = np.random.default_rng(10)
    X = study.simulate_factor(400, 3, separation=0.0, random_state=rng)
    holes = X.copy()
    holes[0, 1] = np.nan
    whole = np.delete(X, 0, axis=0)
    design = np.column_stack([np.ones(399), whole[:, [0, 2]]])
    expected = np.array([1, X[0, 0], X[0, 2]]) @ np.linalg.lstsq(design, whole[:, 1])[0]
    filled = study.fill_in(holes, n_components=1, random_state=11)
    assert filled[0, 1] == pytest.approx(expected, abs=0.01)
    np.testing.assert_array_equal(filled[1:], X[1:])


def test_a_sample_without_any_reading_gets_the_mean():
    X = study.simulate_factor(300, 2, random_state=12)
    X[5] = np.nan
    filled = study.fill_in(X, random_state=13)
    np.testing.assert_allclose(filled[5], np.nanmean(X, axis=0), atol=0.05)


def test_profiles_are_standardised_and_modules_correlate():
    profiles, module = study.simulate_modules(True, np.random.default_rng(14))
    np.testing.assert_allclose(profiles.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(profiles.std(axis=1), 1)
    r = np.corrcoef(profiles)
    tight = r[np.ix_(module == 3, module == 3)]
    assert tight[np.triu_indices(20, 1)].mean() == pytest.approx(0.8, abs=0.08)
    _, none = study.simulate_modules(False, np.random.default_rng(14))
    assert (none == 0).all()


def test_spots_are_bright_where_they_should_be():
    spots = study.simulate_spots(5, np.random.default_rng(15))
    assert np.median(spots.pixels[spots.on_spot]) == pytest.approx(10, abs=0.1)
    assert np.median(spots.pixels[~spots.on_spot]) == pytest.approx(8, abs=0.1)
    assert (spots.on_spot <= spots.template).all()
