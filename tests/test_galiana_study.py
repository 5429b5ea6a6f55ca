"""Networks side by side learn what each would learn alone, and the scores are what they say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gitools.book.figures import galiana as figures
from gitools.book.studies import galiana as studies
from gitools.structure import within_group_correlation


def test_correlations_within_are_those_of_the_package():
    rng = np.random.default_rng([53, 903])
    groups = rng.integers(5, size=200)
    y = rng.standard_normal((200, 3)) + groups[:, None]
    p = 0.3 * y + rng.standard_normal((200, 3))
    p[:, 2] = groups
    got = studies.correlations_within(y, p, groups)
    for t in range(2):
        want = within_group_correlation(y[:, t], p[:, t], groups, min_size=10).pooled_within
        assert got[t] == pytest.approx(want)
    assert got[2] == 0


def test_permutation_p_values_are_small_for_signal_and_level_for_none():
    rng = np.random.default_rng([53, 904])
    groups = rng.integers(3, size=60)
    y = rng.standard_normal((60, 40))
    p = rng.standard_normal((60, 40))
    p[:, 0] = y[:, 0]
    values = studies.permutation_p_values(y, p, groups, 99, rng)
    assert values[0] == 0.01
    assert 0.3 < values[1:].mean() < 0.7


def test_precision_and_gene_statistics():
    causal = np.array([[True, False], [True, True], [False, False], [False, False]])
    scores = np.array([[3.0, 0.0], [1.0, 5.0], [2.0, 1.0], [0.0, 9.0]])
    assert studies.precision_at_causal(scores, causal).tolist() == [0.5, 0.0]
    x = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 5.0], [2.0, 0.5, 5.0], [3.0, 0.1, 5.0]])
    y = x[:, :2] * [-2.0, 1.0]
    found = studies.gene_statistics(y, x)
    np.testing.assert_allclose(found[0, 0], 1)
    np.testing.assert_allclose(found[2], 0)
    best = studies.best_in_gene(found, np.array([1, 0, 0]), 3)
    assert best[0, 0] == found[1, 0]
    assert best[2].tolist() == [0, 0]


def test_a_panel_has_disjoint_plants_and_counts_damage():
    panel = studies.draw_panel("burden", n_plants=40, n_genes=20, n_test=10, random_state=1)
    assert sorted([*panel.pool, *panel.test]) == list(range(40))
    assert panel.tensor.shape == (40, 20, 17)
    assert np.all(studies.damaging_counts(panel.tensor) <= panel.tensor.sum(axis=2))
    shuffled = studies.shuffle_within(panel.traits, panel.country, np.random.default_rng(1))
    for country in np.unique(panel.country):
        rows = panel.country == country
        assert np.array_equal(np.sort(shuffled[rows], axis=0), np.sort(panel.traits[rows], axis=0))
    assert not np.array_equal(shuffled, panel.traits)


def test_figures_draw_what_they_are_given():
    rng = np.random.default_rng([53, 905])
    values = rng.uniform(0.2, 0.9, (4, 6))
    figures.draw_plant(rng.poisson(0.3, (9, 17)), [str(k) for k in range(17)])
    figures.draw_curves({"one": (np.arange(1, 7), values[0], values[1])})
    figures.draw_speed((values[0], values[1]), (values[2], values[3]), 0.4)
    figures.draw_pairs({"a": values[:2], "b": values[2:]})
    figures.draw_widths([2, 10, 50, 200], values, values / 2, values[0])
    figures.draw_learning([100, 200, 400], {"Galiana": values[:3], "ridge": values[1:]})
    figures.draw_differences({"dropout": values[0] - values[1], "alone": values[2] - values[3]})
    figures.draw_saliency(values[0], values[0] > 0.5)
    figures.draw_precision({"saliency": values[0], "burden": values[1]}, 0.1)
    figures.draw_leak({"true": values[:2], "shuffled": values[2:]})
    drawn = [plt.figure(number) for number in plt.get_fignums()]
    assert len(drawn) == 10
    for figure in drawn:
        assert all(axes.get_xlabel() for axes in figure.axes if axes.get_label() != "<colorbar>")
    bars = drawn[7].axes[0].patches
    assert sorted(bar.get_height() for bar in bars) == pytest.approx(sorted(values[0]))
    plt.close("all")
