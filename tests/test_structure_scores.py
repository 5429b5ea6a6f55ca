"""Scores within groups and folds that respect groups, against plain arithmetic and known truth."""

import numpy as np
import pytest

from gitools.structure import (
    block_bootstrap,
    decompose_correlation,
    grouped_folds,
    per_fold_within,
    random_folds,
    spatial_blocks,
    spatial_folds,
    within_group_correlation,
)


@pytest.fixture
def rng():
    return np.random.default_rng(61)


@pytest.fixture
def plants(rng):
    """Values, predictions and groups; both differ between groups, and agree a little within."""
    groups = np.repeat(["a", "b", "c", "d"], [80, 60, 51, 9])
    level = np.repeat([0.0, 1.0, 2.0, 5.0], [80, 60, 51, 9])
    shared = rng.normal(size=200)
    y = level + shared + rng.normal(size=200)
    return y, 3 * level + shared + rng.normal(size=200), groups


def by_hand(y, p, groups):
    """Parts of the covariance, summed group by group."""
    within = between = 0.0
    for name in np.unique(groups):
        at = groups == name
        within += ((y[at] - y[at].mean()) * (p[at] - p[at].mean())).sum()
        between += at.sum() * (y[at].mean() - y.mean()) * (p[at].mean() - p.mean())
    return within, between


def test_terms_add_up_and_are_covariances_over_standard_deviations(plants):
    y, p, groups = plants
    found = decompose_correlation(y, p, groups)
    scale = len(y) * y.std() * p.std()
    within, between = by_hand(y, p, groups)
    assert found.within_term == pytest.approx(within / scale, abs=1e-12)
    assert found.between_term == pytest.approx(between / scale, abs=1e-12)
    assert found.total == pytest.approx(np.corrcoef(y, p)[0, 1], abs=1e-12)
    assert found.total == pytest.approx(found.within_term + found.between_term, abs=1e-12)
    spread = by_hand(y, y, groups)
    assert found.shares.within_y == pytest.approx(spread[0] / sum(spread))
    assert found.shares.between_y == pytest.approx(spread[1] / sum(spread))
    spread = by_hand(p, p, groups)
    assert found.shares.within_prediction == pytest.approx(spread[0] / sum(spread))
    expected = within / np.sqrt(by_hand(y, y, groups)[0] * spread[0])
    assert found.within == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_a_group_mean_predictor_is_all_between(plants, shift):
    y, _, groups = plants
    means = {name: (y + shift)[groups == name].mean() for name in np.unique(groups)}
    prediction = np.array([means[name] for name in groups])
    found = decompose_correlation(y + shift, prediction, groups)
    assert np.isnan(found.within)
    assert found.within_term == 0
    assert found.between == pytest.approx(1, abs=1e-6)
    assert found.total == pytest.approx(np.sqrt(found.shares.between_y), abs=1e-6)
    score = within_group_correlation(y + shift, prediction, groups)
    assert score.undefined == ("a", "b", "c")
    assert score.per_group.isna().all()
    assert np.isnan(score.mean)


def test_each_large_group_has_its_correlation(plants):
    y, p, groups = plants
    found = within_group_correlation(y, p, groups)
    assert list(found.per_group.index) == ["a", "b", "c"]
    for name, r in found.per_group.items():
        at = groups == name
        assert r == pytest.approx(np.corrcoef(y[at], p[at])[0, 1], abs=1e-12)
    assert found.mean == pytest.approx(found.per_group.mean())
    assert found.pooled_within == pytest.approx(decompose_correlation(y, p, groups).within)
    assert list(within_group_correlation(y, p, groups, min_size=51).per_group.index) == ["a", "b"]
    assert found.undefined == ()


def test_a_constant_group_is_undefined_and_left_out_of_the_mean(plants):
    y, p, groups = plants
    y = np.where(groups == "b", 1 / 3, y)
    found = within_group_correlation(y, p, groups)
    assert found.undefined == ("b",)
    assert np.isnan(found.per_group["b"])
    assert found.mean == pytest.approx(found.per_group[["a", "c"]].mean())


def test_missing_values_are_left_out(plants, rng):
    y, p, groups = plants
    hidden = rng.random(200) < 0.1
    # Large groups lose rows: the smallest of them is no longer large.
    holes, gaps = np.where(hidden, np.nan, y), np.where(hidden, np.nan, p)
    found = within_group_correlation(holes, gaps, groups, 40)
    expected = within_group_correlation(y[~hidden], p[~hidden], groups[~hidden], 40)
    np.testing.assert_allclose(found.per_group, expected.per_group)
    assert found.shares == expected.shares


def test_cells_of_one_fold_and_one_group(plants):
    y, p, groups = plants
    folds = np.tile(np.arange(4), 50)
    means = []
    for name in "abc":
        sizes, r = [], []
        for fold in range(4):
            at = (groups == name) & (folds == fold)
            sizes.append(at.sum() - 1)
            r.append(np.corrcoef(y[at], p[at])[0, 1])
        means.append(np.average(r, weights=sizes))
    assert per_fold_within(y, p, groups, folds) == pytest.approx(np.mean(means), abs=1e-12)
    both = per_fold_within(np.c_[y, y], np.c_[p, -p], groups, folds)
    np.testing.assert_allclose(both, [np.mean(means), -np.mean(means)])


def test_held_out_groups_have_the_score_of_their_groups(plants):
    y, p, groups = plants
    whole = per_fold_within(y, p, groups, groups)
    assert whole == pytest.approx(within_group_correlation(y, p, groups).mean)


def test_pooling_folds_is_biased_and_cells_are_not(rng):
    """A group-mean predictor knows nothing within groups; pooled over folds it scores below 0."""
    groups = np.repeat(np.arange(5), 60)
    pooled, cells = [], []
    for _ in range(200):
        y, folds = rng.normal(size=300), random_folds(300, 5, rng)
        tiny = 1e-3 * rng.normal(size=300)
        means = [[y[(groups == g) & (folds != f)].mean() for f in range(5)] for g in range(5)]
        p = np.array([means[g][f] for g, f in zip(groups, folds, strict=True)]) + tiny
        pooled.append(within_group_correlation(y, p, groups).mean)
        cells.append(per_fold_within(y, p, groups, folds))
    assert np.mean(pooled) < -0.1
    assert abs(np.mean(cells)) < 4 * np.std(cells) / np.sqrt(200)


def test_a_trait_without_any_cell_is_nan(plants):
    y, p, groups = plants
    Y = np.c_[y, np.where(groups == "d", y, np.nan)]
    found = per_fold_within(Y, np.c_[p, p], groups, np.tile(np.arange(4), 50))
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.ones(200)}, "y: got 1 in every row"),
        ({"y": np.full(200, np.nan)}, "y: got 0 observed"),
        ({"y": np.ones((200, 2))}, "y: got shape"),
        ({"y": np.r_[np.inf, np.ones(199)]}, "y: got an infinite"),
        ({"prediction": np.ones(7)}, "prediction: got shape"),
        ({"prediction": np.r_[np.nan, np.arange(199.0)]}, "prediction: got 1 missing"),
        ({"groups": np.arange(200)}, "groups: the largest has 1 observed"),
        ({"groups": np.arange(3)}, "groups: got shape"),
        ({"groups": np.r_[np.nan, np.ones(199)]}, "groups: got NaN"),
        ({"groups": np.array(["a", 1] * 100, dtype=object)}, "groups: got labels of mixed"),
        ({"min_size": -1}, "min_size: got -1"),
        ({"min_size": 2.5}, "min_size: got 2.5"),
    ],
)
def test_bad_input_is_named(plants, change, message):
    y, prediction, groups = plants
    arguments = {"y": y, "prediction": prediction, "groups": groups} | change
    with pytest.raises(ValueError, match=message):
        within_group_correlation(**arguments)


def test_bad_input_of_the_others_is_named(plants):
    y, p, groups = plants
    with pytest.raises(ValueError, match="prediction: got 2 in every row"):
        decompose_correlation(y, np.full(200, 2.0), groups)
    with pytest.raises(ValueError, match="prediction: got shape"):
        per_fold_within(y, np.c_[p, p], groups, groups)
    with pytest.raises(ValueError, match="folds: got shape"):
        per_fold_within(y, p, groups, np.zeros(3))
    with pytest.raises(ValueError, match="expected one of more than min_size = 80"):
        per_fold_within(y, p, groups, groups, min_size=80)
    with pytest.raises(ValueError, match="prediction: got 200 missing"):
        per_fold_within(y, p * np.nan, groups, groups)


def test_random_folds_are_equal_and_differ_from_draw_to_draw(rng):
    folds = random_folds(103, 5, rng)
    assert sorted(np.bincount(folds)) == [20, 20, 21, 21, 21]
    assert (folds != random_folds(103, 5, rng)).any()


def test_no_group_is_on_both_sides_and_folds_are_balanced(rng):
    groups = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 30, 40)))
    folds = grouped_folds(groups, 5, rng)
    assert all(len(set(folds[groups == g])) == 1 for g in range(40))
    counts = np.bincount(folds)
    assert len(counts) == 5
    assert counts.max() - counts.min() <= 30
    alone = grouped_folds(groups, 40, rng)
    assert len(set(zip(alone, groups, strict=True))) == 40


def test_the_largest_group_is_placed_first(rng):
    # Placed last, the group of four would join two of the small ones.
    for _ in range(20):
        folds = grouped_folds(rng.permutation([0, 0, 0, 0, 1, 2, 3, 4]), 2, rng)
        assert np.bincount(folds).tolist() == [4, 4]


def distance_km(a, b):
    (lat, lon), (lat2, lon2) = np.radians(a), np.radians(b)
    cosine = np.sin(lat) * np.sin(lat2) + np.cos(lat) * np.cos(lat2) * np.cos(lon - lon2)
    return 6371 * np.arccos(np.clip(cosine, -1, 1))


def test_blocks_are_as_wide_as_they_are_said_to_be(rng):
    coordinates = np.c_[rng.uniform(35, 65, 4000), rng.uniform(-10, 30, 4000)]
    blocks = spatial_blocks(coordinates, rng, 300.0)
    area = 111.2**2 * 30 * 40 * np.cos(np.radians(50)) / 300**2
    assert 0.8 * area < blocks.max() + 1 < 1.6 * area
    for block in range(0, blocks.max() + 1, 10):
        inside = coordinates[blocks == block]
        assert all(distance_km(inside[0], place) < 1.2 * np.sqrt(2) * 300 for place in inside)


def test_neighbours_are_held_out_together(rng):
    coordinates = np.c_[rng.uniform(35, 65, 300), rng.uniform(-10, 30, 300)]
    state = rng.bit_generator.state
    folds = spatial_folds(coordinates, 4, rng, 400.0)
    rng.bit_generator.state = state
    blocks = spatial_blocks(coordinates, rng, 400.0)
    assert all(len(set(folds[blocks == b])) == 1 for b in np.unique(blocks))
    assert len(set(folds)) == 4


def test_the_bootstrap_draws_whole_blocks(rng):
    coordinates = np.repeat(np.c_[np.arange(10.0, 60, 10), np.arange(0.0, 50, 10)], 3, axis=0)
    draws = block_bootstrap(coordinates, 200, rng, 300.0)
    assert len(draws) == 200
    places = np.arange(15) // 3
    counts = np.array([np.bincount(places[draw], minlength=5) for draw in draws])
    assert (counts % 3 == 0).all()
    assert (counts.sum(axis=1) == 15).all()
    # A block is drawn once on average.
    assert np.abs(counts.mean(axis=0) / 3 - 1).max() < 0.3


def test_blocks_make_intervals_wider_where_neighbours_are_alike(rng):
    places = np.c_[rng.uniform(36, 64, 40), rng.uniform(-9, 30, 40)].repeat(10, axis=0)
    y = rng.normal(size=40).repeat(10) + 0.1 * rng.normal(size=400)
    drawn = [y[rows].mean() for rows in block_bootstrap(places, 300, rng, 100.0)]
    alone = [y[rng.integers(400, size=400)].mean() for _ in range(300)]
    assert np.std(drawn) > 2 * np.std(alone)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: random_folds(10, 1, rng), "k: got 1"),
        (lambda rng: random_folds(10, 11, rng), "k: got 11 folds"),
        (lambda rng: random_folds(0, 2, rng), "n: got 0"),
        (lambda rng: grouped_folds([1, 1, 1], 2, rng), "k: got 2 folds, expected at most 1"),
        (lambda rng: grouped_folds([[1], [2]], 2, rng), "groups: got shape"),
        (lambda rng: grouped_folds([1.0, np.nan], 2, rng), "groups: got NaN"),
        (lambda rng: spatial_folds([[0, 0], [1, np.nan]], 2, rng), "coordinates: got 1 rows"),
        (lambda rng: spatial_folds([[0, 0], [91, 0]], 2, rng), "coordinates: got values off"),
        (lambda rng: spatial_folds([0, 1], 2, rng), "coordinates: got shape"),
        (lambda rng: spatial_folds([[0, 0], [1, 1]], 2, rng, -1), "size_km: got -1"),
        (lambda rng: block_bootstrap([[0, 0], [0, 0]], 2, rng), "size_km: got 500"),
        (lambda rng: block_bootstrap([[0, 0], [50, 0]], 0, rng), "n_draws: got 0"),
    ],
)
def test_bad_folds_are_named(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(rng)
