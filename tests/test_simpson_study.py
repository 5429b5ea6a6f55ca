"""Studies of chapter 61: shortcuts against the plain functions, and what is known beforehand."""

import numpy as np
import pytest

from gitools.association.mixed_model import gblup, kinship
from gitools.book.studies import simpson as studies
from gitools.book.studies import simpson_networks as networks
from gitools.simulate.plants import simulate_ionome, simulate_plants
from gitools.structure import (
    decompose_correlation,
    grouped_folds,
    per_fold_within,
    random_folds,
    within_group_correlation,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(6161)
    panel = simulate_plants(90, 20, random_state=rng)
    traits = simulate_ionome(panel, n_traits=4, n_auxiliary=0, random_state=rng)
    K = kinship(panel.variants)
    return studies.Data(panel, traits.means, traits.genetic, K, K)


@pytest.fixture
def rng():
    return np.random.default_rng(61)


def test_gblup_of_many_traits_is_gblup_of_each(data):
    train, test = np.arange(0, 90, 2), np.arange(1, 90, 2)
    ours = studies.gblup_many(data.kinship, data.Y, train, test)
    theirs = gblup(data.kinship, data.Y, train, test)
    # The grid of heritabilities has steps of 0.08.
    assert (studies.column_correlations(ours, theirs) > 0.998).all()
    covariates = data.panel.coordinates
    ours = studies.gblup_many(data.kinship, data.Y, train, test, covariates)
    theirs = gblup(data.kinship, data.Y, train, test, covariates)
    assert (studies.column_correlations(ours, theirs) > 0.998).all()


def test_a_smoother_predicts_what_gblup_would_at_that_heritability(data, rng):
    folds = random_folds(90, 3, rng)
    S = studies.smoother(data.kinship, folds, h=0.5)
    np.testing.assert_allclose(S.sum(axis=1), 1, atol=1e-8)
    assert all((S[np.ix_(folds == f, folds == f)] == 0).all() for f in range(3))
    train, test = np.flatnonzero(folds != 0), np.flatnonzero(folds == 0)
    V = 0.5 * data.kinship[np.ix_(train, train)] + 0.5 * np.eye(len(train))
    y, one = data.Y[train, 0], np.ones(len(train))
    mean = one @ np.linalg.solve(V, y) / (one @ np.linalg.solve(V, one))
    plain = mean + 0.5 * data.kinship[np.ix_(test, train)] @ np.linalg.solve(V, y - mean)
    np.testing.assert_allclose((S @ data.Y)[test, 0], plain, atol=1e-8)


def test_scores_of_all_columns_are_those_of_each(data, rng):
    groups = np.repeat([0, 1, 2, 3], [40, 25, 20, 5])
    folds = random_folds(90, 4, rng)
    P = data.Y + rng.normal(size=data.Y.shape)
    P[groups == 1, 0] = 1.0
    np.testing.assert_allclose(
        studies.cell_scores(data.Y, P, groups, folds, 15, 3),
        per_fold_within(data.Y, P, groups, folds, 15, 3),
    )
    for t in range(1, 4):
        whole = within_group_correlation(data.Y[:, t], P[:, t], groups, 15)
        np.testing.assert_allclose(
            studies.group_correlations(data.Y, P, groups, 15)[:, t], whole.per_group
        )
        parts = decompose_correlation(data.Y[:, t], P[:, t], groups)
        found = [part[t] for part in studies.between_parts(data.Y, P, groups)]
        np.testing.assert_allclose(found, [parts.within_term, parts.between_term])


def test_a_country_without_training_plants_gets_the_mean_of_all(data):
    Y, groups = data.Y, np.repeat([0, 1, 2], 30)
    train, test = np.arange(60), np.arange(50, 90)
    found = studies.group_means(Y, groups, train, test)
    np.testing.assert_allclose(found[:10], np.tile(Y[30:60].mean(axis=0), (10, 1)))
    np.testing.assert_allclose(found[10:], np.tile(Y[:60].mean(axis=0), (30, 1)))


def test_counts_of_common_variants(data):
    np.testing.assert_array_equal(networks.common_counts(data.panel, 0.0), data.panel.tensor)
    frequency = data.panel.variants.mean(axis=0)
    common = np.minimum(frequency, 1 - frequency) > 0.1
    counts = networks.common_counts(data.panel, 0.1)
    assert counts.sum() == data.panel.variants[:, common].sum()
    assert (counts <= data.panel.tensor).all()


def test_networks_predict_plants_of_one_place_alike(data, rng, monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 2)
    places = data.panel.coordinates.copy()
    places[:45] = places[45:]
    folds = np.tile([0, 1, 2], 30)
    P = networks.gps_predictions(places, data.Y, folds, rng)
    assert P.shape == data.Y.shape
    assert np.isfinite(P).all()
    np.testing.assert_allclose(P[:45], P[45:], atol=1e-5)


def test_every_model_predicts_every_plant(data, rng, monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 1)
    folds = grouped_folds(data.panel.country, 3, rng)
    found = networks.linear_predictions(data, folds, rng)
    found |= networks.network_models(data, folds, rng)
    assert list(found) == [
        *("country mean", "GBLUP", "ridge on tensor", "Galiana", "BMSNN50", "GPSNN")
    ]
    for P in found.values():
        assert np.isfinite(P).all()
        score = studies.score(data.Y, P, data.panel.country, folds)
        assert score["pooled"] == pytest.approx(score["within_term"] + score["between_term"])


def test_labels_move_within_their_groups_only(rng):
    groups = np.array([0, 1, 0, 1, 2, 1, 0])
    orders = studies.permuted_within(groups, 50, rng)
    assert (groups[orders] == groups).all()
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert len(np.unique(orders, axis=0)) > 10


def test_genes_chosen_outside_give_nothing_a_correlation(rng):
    panel = simulate_plants(150, 60, random_state=rng)
    data = studies.Data(panel, None, None, None, None)
    Y = studies.null_traits(np.zeros(150, dtype=int), 12, rng)
    folds = random_folds(150, 3, rng)
    outside, inside = (
        studies.column_correlations(Y, studies.selected_genes(data, Y, folds, inside, 5)).mean()
        for inside in (False, True)
    )
    assert outside > 0.1 + inside


def test_old_lines_in_old_environments_are_easier(data, rng):
    found = [studies.objectives(data.kinship, rng, 4, 10) for _ in range(3)]
    mean = {name: np.mean([f[name] for f in found]) for name in found[0]}
    assert mean["old lines, old environments"] > mean["new lines, new environment"]


def test_a_breeder_is_promised_more_than_she_gets(data, rng):
    found = studies.breeder(data, 1, rng)
    assert set(found) == {
        *("random", "countries", "new country", "pooled", "promised gain", "realised gain")
    }
    assert all(np.isfinite(v) for v in found.values())


def test_countries_that_differ_are_told_apart(rng):
    country = np.repeat([0, 1, 2], [40, 40, 4])
    features = rng.normal(size=(84, 5)) + 5 * np.eye(3, 5)[country]
    f1, mcc = networks.country_scores(features, country, rng)
    assert min(f1, mcc) > 0.95
    f1, mcc = networks.country_scores(rng.normal(size=(84, 5)), country, rng)
    assert abs(mcc) < 0.4
    assert networks.neighbour_purity(features, country, 3) > 0.9


def test_distances_on_the_earth():
    distance = studies.great_circle(np.array([[0.0, 0.0], [0.0, 90.0], [90.0, 0.0]]))
    quarter = np.pi / 2 * 6371
    np.testing.assert_allclose(distance[np.triu_indices(3, 1)], quarter, rtol=1e-9)
