"""Scores, ceilings and baselines of predicted traits."""

import numpy as np
import pytest

from gitools.genomes.evaluation import (
    correlations,
    country_mean_prediction,
    gps_encoding,
    replicate_ceilings,
    standardise_targets,
)


def test_ceilings_are_what_ideal_predictors_score():
    rng = np.random.default_rng(0)
    n, m, genetic, noise = 200_000, 6, 0.5, 2.0
    g = rng.normal(0, np.sqrt(genetic), n)
    y, again = (g + rng.normal(0, np.sqrt(noise), (m, n)).mean(axis=0) for _ in range(2))
    ceilings = replicate_ceilings(genetic, noise, m)
    assert ceilings.replicate == pytest.approx(np.corrcoef(y, again)[0, 1], abs=0.01)
    assert ceilings.genetic == pytest.approx(np.corrcoef(y, g)[0, 1], abs=0.01)


def test_ceilings_of_arrays_and_corners():
    ceilings = replicate_ceilings([1.0, 0.0, 1.0], [0.0, 1.0, 9.0], [1, 2, 1])
    np.testing.assert_allclose(ceilings.replicate, [1, 0, 0.1])
    np.testing.assert_allclose(ceilings.genetic**2, ceilings.replicate)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((-1, 1, 6), "genetic_variance: expected"),
        ((1, np.nan, 6), "noise_variance: expected"),
        ((1, 1, 0), "m: got 0"),
        ((1, 1, 2.5), "m: got 2.5"),
        ((0, 0, 6), "both are 0"),
        (([1, 2], [1, 2, 3], 6), "shapes that broadcast"),
    ],
)
def test_ceilings_refuse_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        replicate_ceilings(*arguments)


def test_gps_as_printed_and_on_the_sphere():
    places = np.array([[0.0, 0.0], [90.0, 17.0], [60.0, -90.0], [-35.0, 149.0]])
    printed, sphere = gps_encoding(places), gps_encoding(places, "sphere")
    np.testing.assert_allclose(printed[2], [np.sqrt(3) / 2, -1, 0], atol=1e-12)
    np.testing.assert_allclose(sphere[1], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose((sphere**2).sum(axis=1), 1)
    latitude = np.radians(places[:, 0])
    np.testing.assert_allclose((printed**2).sum(axis=1), 1 + np.sin(latitude) ** 2)


@pytest.mark.parametrize(
    ("coordinates", "kind", "words"),
    [
        (np.zeros(2), "sphere", "coordinates: got shape"),
        ([[91.0, 0.0]], "sphere", "latitude from -90 to 90 first"),
        ([[np.nan, 0.0]], "sphere", "finite degrees"),
        ([[1.0, 2.0]], "globe", "kind: got 'globe'"),
    ],
)
def test_gps_refuses_bad_input(coordinates, kind, words):
    with pytest.raises(ValueError, match=words):
        gps_encoding(coordinates, kind)


def traits(seed=0, n=30, tasks=3):
    rng = np.random.default_rng(seed)
    Y = rng.normal(3, 2, (n, tasks))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    return Y


def test_targets_are_standardised_by_the_training_plants_alone():
    Y, train = traits(), np.arange(20)
    Z = standardise_targets(Y, train)
    np.testing.assert_allclose(np.nanmean(Z[train], axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(Z[train], axis=0), 1)
    np.testing.assert_array_equal(np.isnan(Z), np.isnan(Y))
    other = Y.copy()
    other[20:] += 100
    np.testing.assert_array_equal(standardise_targets(other, train)[train], Z[train])
    mask = np.arange(30) < 20
    np.testing.assert_array_equal(standardise_targets(Y, mask), Z)


def test_targets_that_cannot_be_standardised():
    Y = traits()
    Y[:20, 1] = np.nan
    with pytest.raises(ValueError, match="trait 1 has 0 observed"):
        standardise_targets(Y, np.arange(20))
    Y[:20, 1] = 0.1
    with pytest.raises(ValueError, match="trait 1 does not vary"):
        standardise_targets(Y, np.arange(20))
    with pytest.raises(ValueError, match="train: expected rows from 0 to 29"):
        standardise_targets(Y, [30])
    with pytest.raises(ValueError, match="Y: got shape"):
        standardise_targets(Y[0], [0])


def test_country_means_by_hand():
    Y = np.array([[1.0, np.nan], [3.0, 5.0], [10.0, 7.0], [99.0, 99.0], [99.0, 99.0], [0, 0]])
    countries = np.array(["a", "a", "b", "a", "b", "c"])
    found = country_mean_prediction(Y, countries, [0, 1, 2], [3, 4, 5])
    np.testing.assert_allclose(found, [[2, 5], [10, 7], [14 / 3, 6]])


def test_a_trait_no_training_plant_has_in_a_country_takes_the_overall_mean():
    Y = np.array([[1.0, np.nan], [3.0, 5.0], [0.0, 0.0]])
    found = country_mean_prediction(Y, [0, 1, 0], [0, 1], [2])
    np.testing.assert_allclose(found, [[1, 5]])


def test_country_means_refuse_bad_input():
    Y = traits()
    with pytest.raises(ValueError, match="countries: got shape"):
        country_mean_prediction(Y, np.zeros(3), [0], [1])
    Y[:, 2] = np.nan
    with pytest.raises(ValueError, match="trait 2 is observed in no training plant"):
        country_mean_prediction(Y, np.zeros(30), np.arange(20), [25])
    with pytest.raises(ValueError, match="test: got shape"):
        country_mean_prediction(Y, np.zeros(30), [0], [])


def test_correlations_column_by_column():
    Y, P = traits(1), traits(2)
    expected = []
    for y, p in zip(Y.T, P.T, strict=True):
        both = ~np.isnan(y) & ~np.isnan(p)
        expected.append(np.corrcoef(y[both], p[both])[0, 1])
    np.testing.assert_allclose(correlations(Y, P), expected)


def test_undefined_correlations_are_nan_and_said_to_be():
    Y, P = traits(1, tasks=4), traits(2, tasks=4)
    P[:, 0] = 0.1
    Y[1:, 1] = np.nan
    P[:, 2] = np.nan
    r = correlations(Y, P)
    assert np.isnan(r[:3]).all()
    assert np.isfinite(r[3])
    with pytest.raises(ValueError, match="prediction: got shape"):
        correlations(Y, P[:, :2])
    with pytest.raises(ValueError, match="prediction: got infinite"):
        correlations(Y, np.where(np.isnan(P), np.inf, P))
