"""LD matrices and LD scores."""

import numpy as np
import pytest

from gitools.association import ld, ld_matrix, ld_scores

NAN = float("nan")


def dosages(n=50, p=12, seed=0):
    return np.random.default_rng(seed).binomial(2, 0.4, size=(n, p)).astype(np.int8)


@pytest.mark.parametrize("convert", [np.asfortranarray, np.ascontiguousarray, np.float32])
def test_equals_corrcoef(convert):
    R = ld_matrix(convert(dosages()))
    np.testing.assert_allclose(R, np.corrcoef(dosages().T.astype(float)), atol=1e-14)
    np.testing.assert_array_equal(R, R.T)
    np.testing.assert_array_equal(np.diag(R), 1)


def test_chunks_do_not_matter(monkeypatch):
    whole = ld_matrix(dosages())
    monkeypatch.setattr(ld, "_CHUNK_ENTRIES", 7 * 12)
    np.testing.assert_allclose(ld_matrix(dosages()), whole, atol=1e-14)


def test_columns_that_do_not_vary_stand_alone():
    X = dosages().astype(float)
    X[:, 3] = 0.1
    R = ld_matrix(X)
    np.testing.assert_array_equal(R[3], np.eye(12)[3])
    np.testing.assert_array_equal(R, R.T)
    others = np.delete(np.arange(12), 3)
    np.testing.assert_allclose(R[np.ix_(others, others)], ld_matrix(X[:, others]), atol=1e-14)


def test_copies_are_perfectly_correlated_and_never_more():
    X = dosages()
    R = ld_matrix(np.column_stack([X[:, 0], X[:, 0], 2 - X[:, 0]]))
    np.testing.assert_allclose(R, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]], atol=1e-14)
    assert np.abs(R).max() == 1


def test_scores_count_the_variant_itself():
    np.testing.assert_allclose(ld_scores(np.eye(4)), 1)
    R = np.array([[1, 0.5, 0], [0.5, 1, -0.5], [0, -0.5, 1]])
    np.testing.assert_allclose(ld_scores(R), [1.25, 1.5, 1.25])
    corrected = [1 + sum(r**2 - (1 - r**2) / 8 for r in row) for row in ((0.5, 0), (0.5, -0.5))]
    np.testing.assert_allclose(ld_scores(R, 10)[:2], corrected)


def test_corrected_scores_of_independent_variants_are_one_on_average():
    X = np.random.default_rng(1).normal(size=(40, 400))
    R = ld_matrix(X)
    assert ld_scores(R).mean() > 5
    assert abs(ld_scores(R, 40).mean() - 1) < 0.2


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (ld_matrix, (np.ones(3),), r"X: got shape \(3,\)"),
        (ld_matrix, (np.ones((1, 3)),), r"X: got shape \(1, 3\), expected .*two people or more"),
        (ld_matrix, (np.ones((3, 0)),), r"X: got shape \(3, 0\)"),
        (ld_matrix, (np.array([["a"], ["b"]]),), "X: got <U1"),
        (ld_matrix, (np.array([[1, NAN], [2, 3]]),), "X: got NaN or infinity in column 1"),
        (ld_scores, (np.ones((2, 3)),), r"R: got shape \(2, 3\)"),
        (ld_scores, (2 * EYE,), "R: got an entry of size 2, expected correlations"),
        (ld_scores, (NAN * EYE,), "R: got an entry of size nan"),
        (ld_scores, (0.9 * EYE,), "R: got a diagonal entry 0.9, expected ones"),
        (ld_scores, ([[1, 0.2], [0.1, 1]],), "R: got an asymmetry of 0.1"),
        (ld_scores, (EYE, 2), "n: got 2, expected at least 3"),
        (ld_scores, (EYE, NAN), "n: got nan"),
    ],
)
def test_bad_arguments_are_named(function, arguments, named):
    with pytest.raises(ValueError, match=named):
        function(*arguments)
