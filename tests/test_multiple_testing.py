"""Permutation of people, and the smaller of two p-values."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, pearsonr

from gitools.association.multiple_testing import permutation_max, smaller_of_two


def test_the_correlation_is_pearsons():
    rng = np.random.default_rng(1)
    X, y = rng.binomial(2, 0.3, (40, 5)), rng.normal(size=40)
    found = permutation_max(X, y, 9, random_state=2)
    assert np.allclose(found.correlation, [pearsonr(x, y).statistic for x in X.T])


def test_permutations_approach_the_exact_law_of_all_orders():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 3)), rng.exponential(size=6)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    orders = np.array(list(itertools.permutations(range(6))))
    maxima = np.abs((y[orders] - y.mean()) @ Z / 6 / y.std()).max(axis=1)
    found = permutation_max(X, y, 20_000, random_state=4)
    exact = [(maxima >= abs(r) - 1e-12).mean() for r in found.correlation]
    assert np.allclose(found.p_adjusted, exact, atol=4 * 0.5 / np.sqrt(20_000))


def test_level_holds_for_correlated_variants_and_two_functions_of_a_skewed_trait():
    rng = np.random.default_rng(5)
    rejected = []
    for _ in range(400):
        X = rng.normal(size=(30, 8)) + 2 * rng.normal(size=(30, 1))
        y = rng.exponential(size=30)
        both = np.column_stack([y, y > 1.2])
        rejected.append(permutation_max(X, both, 39, random_state=rng).p_adjusted.min() <= 0.05)
    assert abs(np.mean(rejected) - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / 400)


def test_a_column_without_variation_is_no_evidence():
    rng = np.random.default_rng(6)
    X = np.column_stack([np.full(20, 0.1), rng.normal(size=20)])
    found = permutation_max(X, rng.normal(size=20), 50, random_state=7)
    assert found.correlation[0] == 0 and found.p_adjusted[0] == 1


def test_batches_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(12, 4)), rng.normal(size=12)
    whole = permutation_max(X, y, 37, random_state=9).null_max
    monkeypatch.setattr("gitools.association.multiple_testing._ENTRIES_AT_A_TIME", 20)
    assert np.allclose(whole, permutation_max(X, y, 37, random_state=9).null_max)


@pytest.mark.parametrize("rho", [0.0, 0.4, -0.8, 0.99])
def test_smaller_of_two_is_the_bivariate_normal_probability(rho):
    p = np.array([0.3, 0.01, 1e-5])
    c = norm.isf(p / 2)
    law = multivariate_normal([0, 0], [[1, rho], [rho, 1]])
    inside = [law.cdf([k, k]) - law.cdf([k, -k]) - law.cdf([-k, k]) + law.cdf([-k, -k]) for k in c]
    found = smaller_of_two(p, 0.5, rho)
    assert np.allclose(found, 1 - np.array(inside), rtol=1e-3, atol=2e-7)


def test_smaller_of_two_at_its_ends():
    p = np.array([0.2, 1e-4, 1e-30])
    assert np.allclose(smaller_of_two(p, 1.0, 1.0), p, rtol=1e-3)
    independent = 1 - (1 - p) ** 2
    assert np.allclose(smaller_of_two(p, 1.0, 0.0)[:2], independent[:2], rtol=1e-10)
    assert p[2] <= smaller_of_two(p, 1.0, 0.3)[2] <= 2 * p[2]
    assert smaller_of_two(1.0, 1.0, 0.5) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("X", (np.ones(5), np.arange(5.0))),
        ("X", (np.full((5, 2), np.nan), np.arange(5.0))),
        ("y", (np.ones((5, 2)), np.arange(4.0))),
        ("y", (np.eye(5), np.ones(5))),
        ("n_permutations", (np.eye(5), np.arange(5.0), 0)),
    ],
)
def test_bad_input_is_named(name, arguments):
    with pytest.raises(ValueError, match=f"^{name}:"):
        permutation_max(*arguments)


def test_bad_p_values_are_named():
    with pytest.raises(ValueError, match=r"^q:"):
        smaller_of_two(0.1, np.nan, 0.0)
    with pytest.raises(ValueError, match=r"^correlation:"):
        smaller_of_two(0.1, 0.2, 1.5)


def test_the_largest_statistic_is_taken_over_all_functions_of_the_trait():
    rng = np.random.default_rng(10)
    X, Y = rng.normal(size=(15, 3)), rng.normal(size=(15, 2))
    one, two = (permutation_max(X, y, 60, random_state=11).null_max for y in Y.T)
    both = permutation_max(X, Y, 60, random_state=11)
    assert both.correlation.shape == both.p_adjusted.shape == (3, 2)
    assert np.allclose(both.null_max, np.maximum(one, two))
