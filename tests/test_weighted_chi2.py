"""Tails of weighted chi-square sums: 40-digit references, closed forms, and peers."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from gitools.association import liu_sf, weighted_chi2_sf

FOLDER = Path(__file__).parent / "reference" / "chi2mix"
TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
with open(FOLDER / "compquadform.csv", newline="", encoding="utf-8") as file:
    PEERS = list(csv.DictReader(file))


def reference(case):
    rows = TRUTH[case]["rows"]
    q = np.array([row["q"] for row in rows])
    return TRUTH[case]["lam"], q, np.array([float(row["p_true_str"]) for row in rows])


def two_pairs(q, a, b):
    """P(Q > q) for weights a, a, b, b, a > b: a sum of two exponential variables."""
    ratio = b / a
    return np.exp(-q / (2 * a)) * -np.expm1(-q / 2 * (1 / b - 1 / a) + np.log(ratio)) / (1 - ratio)


@pytest.mark.parametrize("case", TRUTH)
def test_forty_digit_references(case):
    weights, q, p = reference(case)
    assert p.min() < 1e-10
    np.testing.assert_allclose(weighted_chi2_sf(q, weights), p, rtol=1e-11)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 20, 50, 300])
def test_equal_weights_are_a_chi_square(m):
    """From nearly 1 to the smallest normal number, and through the mean, where the path changes."""
    q = np.concatenate(
        [np.geomspace(1e-6 * m, 1400 + m, 300), m * (1 + np.linspace(-0.1, 0.1, 41))]
    )
    expected = chi2.sf(q, m)
    at = expected > 1e-300
    assert at.sum() > 100
    np.testing.assert_allclose(weighted_chi2_sf(q[at], np.ones(m)), expected[at], rtol=1e-10)
    if m <= 20:
        assert expected[at].min() < 1e-280


def test_logarithms_do_not_underflow():
    q = np.array([1.0, 1e3, 1e5, 1e8])
    np.testing.assert_allclose(weighted_chi2_sf(q, [1, 1], log=True), -q / 2, rtol=1e-11)
    assert weighted_chi2_sf(1e5, [1.0, 1.0]) == 0


def test_one_weight_is_exact():
    q = np.geomspace(1e-3, 500, 50)
    np.testing.assert_allclose(weighted_chi2_sf(q, 0.3), chi2.sf(q / 0.3, 1), rtol=1e-11)


@settings(max_examples=200, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6),
    ratio=st.floats(1e-6, 0.97),
    size=st.floats(0.05, 600),
)
def test_two_pairs_in_closed_form(scale, ratio, size):
    q = 2 * scale * size
    expected = two_pairs(size * 2, 1.0, ratio)
    if expected == 1:
        return
    value = weighted_chi2_sf(q, scale * np.array([1, ratio, ratio, 1]))
    assert value == pytest.approx(expected, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.floats(1e-8, 1e3), min_size=1, max_size=60),
    seed=st.integers(0, 10_000),
)
def test_a_probability_that_falls(weights, seed):
    q = np.sort(np.sum(weights) * np.random.default_rng(seed).uniform(0, 20, 40))
    p = weighted_chi2_sf(q, weights)
    assert np.all((p >= 0) & (p <= 1))
    assert np.all(np.diff(p) <= 1e-12)
    np.testing.assert_allclose(weighted_chi2_sf(q, weights[::-1]), p, rtol=1e-9, atol=1e-300)


def test_against_simulation():
    rng = np.random.default_rng(5)
    weights = rng.exponential(size=12)
    draws = rng.chisquare(1, (400_000, 12)) @ weights
    for q in np.quantile(draws, [0.1, 0.5, 0.95, 0.999]):
        share = np.mean(draws > q)
        error = np.sqrt(share * (1 - share) / len(draws))
        assert abs(weighted_chi2_sf(q, weights) - share) < 4 * error


def test_many_sets_equal_one_by_one():
    rng = np.random.default_rng(6)
    sets = [rng.exponential(size=size) for size in (1, 3, 70, 2, 50) * 30]
    q = np.array([row.sum() for row in sets]) * rng.uniform(0.1, 15, len(sets))
    one_by_one = [weighted_chi2_sf(value, row) for value, row in zip(q, sets, strict=True)]
    np.testing.assert_allclose(weighted_chi2_sf(q, sets), one_by_one, rtol=1e-11)
    padded = np.zeros((len(sets), 90))
    for place, row in zip(padded, sets, strict=True):
        place[5 : 5 + row.size] = row
    np.testing.assert_allclose(weighted_chi2_sf(q, padded), one_by_one, rtol=1e-11)


def test_many_weights():
    """More than the factors that one logarithm takes, and more half turns."""
    q = np.array([1500.0, 1999, 2000, 2001, 2500, 3000])
    np.testing.assert_allclose(weighted_chi2_sf(q, np.ones(2000)), chi2.sf(q, 2000), rtol=1e-9)


def test_shapes_and_edges():
    assert weighted_chi2_sf(0, [1, 2]) == 1
    assert weighted_chi2_sf(-3.0, [1, 2]) == 1
    assert weighted_chi2_sf(np.inf, [1, 2]) == 0
    assert weighted_chi2_sf(5e-324, [1, 2]) == 1
    assert weighted_chi2_sf(np.ones((2, 3)), [1, 2]).shape == (2, 3)
    assert weighted_chi2_sf(np.ones(0), [1, 2]).shape == (0,)
    assert weighted_chi2_sf(2, [[1, 2], [3, 0]]).shape == (2,)
    assert weighted_chi2_sf(2, [[1, 2], [3]])[1] == pytest.approx(chi2.sf(2 / 3, 1))
    assert isinstance(weighted_chi2_sf(2, [1, 2]), float)
    assert weighted_chi2_sf(2, [1, 2], log=True) == pytest.approx(
        np.log(weighted_chi2_sf(2, [1, 2]))
    )


@pytest.mark.parametrize("function", [weighted_chi2_sf, liu_sf])
@pytest.mark.parametrize(
    ("q", "weights", "says"),
    [
        (1, [1, -1e-9], "weights: got -1e-09"),
        (1, [0, 0], "weights: got only zeros in set 0"),
        (1, [[1, 0], [0, 0]], "weights: got only zeros in set 1"),
        (1, [], "weights: got shape"),
        (1, np.ones((2, 2, 2)), "weights: got shape"),
        (1, [1, np.nan], "weights: got NaN"),
        (1, "wide", "weights: got str"),
        (1, [[1, 2], [[3]]], "weights: got list"),
        (np.nan, [1], "q: got NaN"),
        ("high", [1], "q: got str"),
        ([1, 2, 3], [[1, 2], [3, 4]], "q: got shape"),
    ],
)
def test_bad_input_is_named(function, q, weights, says):
    with pytest.raises(ValueError, match=f"^{says}"):
        function(q, weights)


@pytest.mark.parametrize("case", TRUTH)
def test_liu_as_its_authors_code(case):
    rows = [row for row in PEERS if row["set"] == case]
    q = [float(row["q"]) for row in rows]
    expected = [float(row["liu"]) for row in rows]
    np.testing.assert_allclose(liu_sf(q, TRUTH[case]["lam"]), expected, rtol=1e-8)


def test_the_other_methods_fail_far_out():
    """What the chapter says of Davies, Imhof and Liu, from the outputs of their own software."""
    worst = dict.fromkeys(("davies_default", "davies_1e9", "imhof_default", "liu"), 0.0)
    for row in PEERS:
        weights, q, p = reference(row["set"])
        at = np.argmin(np.abs(q - float(row["q"])))
        true = p[at]
        assert weighted_chi2_sf(q[at], weights) == pytest.approx(true, rel=1e-11)
        for name in worst:
            if true < 2e-10:
                worst[name] = max(worst[name], abs(float(row[name]) / true - 1))
    assert min(worst.values()) > 0.9
