"""Studies and figures of the chapter on predicting traits."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gitools.association import gblup, kinship
from gitools.book.figures import predicting as figures
from gitools.book.studies import predicting as studies
from gitools.structure import per_fold_within, random_folds

N = 120


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    country = np.repeat([0, 1, 2, 3], [50, 40, 20, 10])
    X = rng.integers(0, 2, (N, 200)).astype(float)
    return rng, country, random_folds(N, 5, rng), X, rng.standard_normal((N, 3))


def test_group_means_and_within_variance(data):
    _, country, _, _, Y = data
    means = studies.group_means(Y, country)
    assert np.allclose(means[country == 2], Y[country == 2].mean(axis=0))
    assert np.allclose(studies.group_means(Y[:, 0], country), means[:, 0])
    expected = sum(Y[country == c].var(axis=0) * (country == c).sum() for c in range(4)) / (N - 4)
    assert np.allclose(studies.within_variance(Y, country), expected)


def test_training_means_leave_the_fold_out(data):
    _, country, folds, _, Y = data
    guess = studies.training_means(Y, folds, country)
    at, rest = (folds == 2) & (country == 1), (folds != 2) & (country == 1)
    assert np.allclose(guess[at], Y[rest].mean(axis=0))
    assert np.allclose(studies.training_means(Y, folds)[folds == 3], Y[folds != 3].mean(axis=0))
    alone = np.where(folds == 0, 1, 0)
    lonely = studies.training_means(Y, folds, alone)
    assert np.allclose(lonely[folds == 0], Y[folds != 0].mean(axis=0))


def test_cell_score_is_the_score_per_fold(data):
    rng, country, folds, _, Y = data
    P = rng.standard_normal(Y.shape)
    expected = per_fold_within(Y, P, country, folds, min_size=15, min_cell=3)
    assert np.allclose(studies.cell_score(Y, P, country, folds), expected)


def test_source_score_averages_large_countries(data):
    rng, country, _, _, Y = data
    P = rng.standard_normal(Y.shape)
    expected = [np.corrcoef(Y[country == c, 0], P[country == c, 0])[0, 1] for c in (0, 1, 2)]
    assert studies.source_score(Y, P, country)[0] == pytest.approx(np.mean(expected))


def test_prediction_map_is_gblup_at_one_heritability(data):
    _, _, folds, X, Y = data
    K, h = kinship(X), 0.3
    train, test = folds != 1, folds == 1
    V = h * K[np.ix_(train, train)] + (1 - h) * np.eye(train.sum())
    weights = np.linalg.solve(V, np.ones(train.sum()))
    mu = weights @ Y[train, 0] / weights.sum()
    expected = mu + h * K[np.ix_(test, train)] @ np.linalg.solve(V, Y[train, 0] - mu)
    assert np.allclose((studies.prediction_map(K, folds, h) @ Y[:, 0])[test], expected)


def test_out_of_fold_never_reads_the_fold(data):
    _, _, folds, X, Y = data
    K = kinship(X)
    changed = Y.copy()
    changed[folds == 0] += 100
    before, after = (studies.out_of_fold(K, y, folds)[folds == 0] for y in (Y, changed))
    assert np.array_equal(before, after)
    assert np.allclose(before, gblup(K, Y, folds != 0, folds == 0))


def test_selection_inside_reads_training_alone(data):
    _, _, folds, X, Y = data
    changed = Y[:, 0] + 5 * (folds == 0) * np.sign(X[:, 0] - 0.5)
    inside, outside = (
        [studies.predict_selected(X, y, folds, where, 5)[folds == 0] for y in (Y[:, 0], changed)]
        for where in (True, False)
    )
    assert np.array_equal(*inside) and not np.allclose(*outside)


def test_shuffles_stay_within_groups(data):
    rng, country, _, _, Y = data
    shuffled = studies.shuffle_within(Y, country, rng)
    assert not np.array_equal(shuffled, Y)
    for c in range(4):
        at = country == c
        assert np.array_equal(np.sort(shuffled[at], axis=0), np.sort(Y[at], axis=0))
    assert not np.array_equal(np.argsort(shuffled[:, 0]), np.argsort(shuffled[:, 1]))


def test_reliability_is_estimated_within_groups():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(10), 200)
    genetic = rng.standard_normal((2_000, 20))
    place = 3 * rng.standard_normal(10)[groups]
    replicates = (genetic + place[:, None])[:, :, None] + 3 * rng.standard_normal((2_000, 20, 6))
    found = studies.estimated_reliability(replicates, groups)
    assert found.mean() == pytest.approx(1 / (1 + 9 / 6), abs=0.015)


def test_heritability_within_countries_of_a_polygenic_trait():
    rng = np.random.default_rng(3)
    country = np.repeat(np.arange(4), 150)
    X = (rng.random((600, 400)) < rng.uniform(0.1, 0.9, (4, 400))[country]).astype(float)
    K = kinship(X)
    genetic = (X - X.mean(axis=0)) @ rng.standard_normal((400, 6))
    noise = studies.within_variance(genetic, country) ** 0.5
    Y = genetic + noise * rng.standard_normal(genetic.shape) + 5 * country[:, None]
    found = [studies.within_heritability(K, y, country) for y in Y.T]
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_table_measures_that_are_not_there_are_named():
    table = studies.read_table("benchmarks/predicting_traits.csv")
    assert len(studies.values_of(table, "panels", "gblup, per fold")) == 60
    with pytest.raises(ValueError, match=r"^measure: got"):
        studies.values_of(table, "panels", "gblup, perhaps")


def test_figures_draw(data):
    rng, country, folds, _, Y = data
    y, p = Y[:, 0], Y[:, 1]
    figures.draw_map(rng.uniform(30, 60, (N, 2)), country, y, "trait")
    figures.draw_folds(folds.astype(float), y, folds, np.arange(5.0))
    figures.draw_likelihood(np.linspace(0, 1, 9), -(np.linspace(-1, 1, 9) ** 2), 0.5, "best")
    figures.draw_scale(np.linspace(0, 3, 9), np.linspace(1, -1, 9), 0.5)
    figures.draw_nulls({"one": y, "two": p})
    figures.draw_neighbours((1, 10), [0.0, -0.1], [0.01, 0.01], {"printed": -0.01, "other": 0.02})
    figures.draw_panels({"one": (y, "blue"), "two": (p, "grey")})
    levels = np.array([0.1, 0.5])
    figures.draw_ceilings(levels, levels, np.sqrt(levels), levels / 2, levels / 9)
    figures.draw_leak({"inside": y, "before": p + 1})
    figures.draw_two_worlds({"one": (p, y), "two": (y, p)}, country)
    figures.draw_p_values(rng.random(N))
    assert len(plt.get_fignums()) == 11
    plt.close("all")
