"""Summary statistics are checked before they are used, and a broken LD matrix can be mended."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitools.shrinkage import check_summary_statistics, nearest_correlation

BETA = np.array([0.1, -0.2, 0.05])
R = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.4], [0.2, 0.4, 1.0]])


def changed(entries):
    matrix = R.copy()
    for place, value in entries.items():
        matrix[place] = value
    return matrix


INDEFINITE = changed({(0, 1): 0.9, (1, 0): 0.9, (1, 2): 0.9, (2, 1): 0.9, (0, 2): 0.0, (2, 0): 0.0})

BAD = [
    ({"beta": "abc"}, "beta: got str"),
    ({"beta": [[0.1, 0.2, 0.3]]}, r"beta: got shape \(1, 3\), expected shape \(p,\)"),
    ({"beta": []}, r"beta: got shape \(0,\)"),
    ({"beta": [0.1, np.nan, 0.2]}, r"beta: got nan at \[1\] \(1 such\)"),
    ({"beta": [0.1, 0.2]}, r"R: got shape \(3, 3\), expected \(2, 2\), as beta has 2 entries"),
    ({"R": R[:2]}, r"R: got shape \(2, 3\)"),
    ({"R": BETA}, r"R: got shape \(3,\), expected shape \(p, p\)"),
    ({"R": changed({(0, 1): np.inf})}, r"R: got inf at \[0, 1\]"),
    ({"R": changed({(0, 1): 0.6})}, "R: got entries that differ .* up to 0.1, .* symmetric"),
    ({"R": changed({(1, 1): 1.3})}, "R: got 1.3 at place 1 of the diagonal, expected ones"),
    ({"R": changed({(2, 2): 0.0})}, "R: got 0 at place 2 of the diagonal"),
    ({"R": INDEFINITE}, "R: got a smallest eigenvalue of -0.273, .*nearest_correlation"),
    ({"n": 1}, "n: got 1, expected a finite number of at least 2"),
    ({"n": np.nan}, "n: got nan"),
    ({"n": "100"}, "n: got '100'"),
    ({"n": [100]}, r"n: got \[100\]"),
    ({"n": True}, "n: got True"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_summary_statistics(**{"beta": BETA, "R": R, "n": 100} | arguments)


def test_the_caller_names_its_own_argument():
    with pytest.raises(ValueError, match="z: got shape"):
        check_summary_statistics([[1.0]], R, 10, name="z")


def test_good_input_passes_unchanged():
    beta, correlation, n = check_summary_statistics(list(BETA), R, 100)
    np.testing.assert_array_equal(beta, BETA)
    assert correlation is R
    assert n == 100.0


def test_single_precision_is_rounding_not_an_error():
    """Duplicates give eigenvalues of zero, which single precision moves below zero."""
    rng = np.random.default_rng(1)
    X = np.repeat(rng.standard_normal((60, 100)), 3, axis=1)
    single = np.corrcoef(X.T).astype(np.float32)
    assert np.linalg.eigvalsh(single.astype(float)).min() < 0
    _, correlation, _ = check_summary_statistics(np.zeros(300), single, 60)
    np.testing.assert_array_equal(correlation, correlation.T)
    np.testing.assert_array_equal(np.diag(correlation), 1.0)


def test_the_input_is_not_written_to():
    almost = changed({(0, 0): 1 + 1e-9, (0, 1): 0.5 + 1e-9})
    before = almost.copy()
    check_summary_statistics(BETA, almost, 100)
    np.testing.assert_array_equal(almost, before)


def test_nearest_correlation_agrees_with_higham():
    """The worked example of Higham (2002), section 4, to the digits printed there."""
    broken = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=float)
    expected = np.array([[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]])
    np.testing.assert_allclose(nearest_correlation(broken), expected, atol=5e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(2, 12), noise=st.floats(0, 0.5))
def test_a_mended_matrix_passes_the_check(seed, p, noise):
    rng = np.random.default_rng(seed)
    good = np.corrcoef(rng.standard_normal((p, p + 2)))
    error = noise * rng.standard_normal((p, p))
    broken = good + np.tril(error, -1) + np.tril(error, -1).T
    mended = nearest_correlation(broken)
    check_summary_statistics(np.zeros(p), mended, 10)
    assert np.linalg.norm(mended - broken) <= np.linalg.norm(good - broken) + 1e-6


def test_a_correlation_matrix_is_its_own_nearest():
    np.testing.assert_allclose(nearest_correlation(R), R, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"R": R[:2]}, r"R: got shape \(2, 3\), expected a square"),
        ({"R": changed({(0, 1): 0.6})}, "R: got entries that differ"),
        ({"tol": -1}, "tol: got -1"),
        ({"max_iter": 0}, "max_iter: got 0"),
    ],
)
def test_nearest_correlation_names_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        nearest_correlation(**{"R": R} | arguments)
