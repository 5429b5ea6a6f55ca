"""Marginal regression beside scipy's and beside full least squares; genomic control."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import chi2, kstest, linregress, norm, t

from gitools.association import genomic_control, log10_p, marginal_regression, regression

NAN = float("nan")


def study(n=80, p=30, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.2, 0.8, p), size=(n, p)).astype(np.int8)
    y = X[:, :3] @ [1.0, -0.5, 0.2] + rng.normal(size=n)
    return X, y, rng.normal(size=(n, 3)) + y[:, None] / 3 + X[:, 3:6]


def carriers(X):
    return X > 0


@pytest.mark.parametrize("convert", [np.asfortranarray, np.ascontiguousarray, np.float64, carriers])
def test_equals_linregress(convert):
    X, y, _ = study()
    X = convert(X)
    fit = marginal_regression(X, y)
    for j in range(X.shape[1]):
        single = linregress(X[:, j].astype(float), y)
        assert fit.beta[j] == pytest.approx(single.slope, rel=1e-10)
        assert fit.se[j] == pytest.approx(single.stderr, rel=1e-10)
        assert fit.p[j] == pytest.approx(single.pvalue, rel=1e-9)
        assert fit.z[j] == pytest.approx(single.slope / single.stderr, rel=1e-10)


def test_equals_least_squares_with_covariates():
    X, y, covariates = study()
    fit = marginal_regression(X, y, covariates)
    for j in range(X.shape[1]):
        Z = np.column_stack([np.ones(len(y)), covariates, X[:, j]])
        coefficients, rss = np.linalg.lstsq(Z, y)[:2]
        se = np.sqrt(rss[0] / (len(y) - 5) * np.linalg.inv(Z.T @ Z)[-1, -1])
        assert fit.beta[j] == pytest.approx(coefficients[-1], rel=1e-10)
        assert fit.se[j] == pytest.approx(se, rel=1e-10)
        assert fit.p[j] == pytest.approx(2 * t.sf(abs(coefficients[-1] / se), len(y) - 5), rel=1e-9)


def test_one_covariate_may_be_a_vector_and_none_a_matrix_without_columns():
    X, y, covariates = study()
    one, column = (marginal_regression(X, y, c) for c in (covariates[:, 0], covariates[:, :1]))
    np.testing.assert_array_equal(one.beta, column.beta)
    none, empty = (marginal_regression(X, y, c) for c in (None, covariates[:, :0]))
    np.testing.assert_array_equal(none.beta, empty.beta)


def test_chunks_do_not_matter(monkeypatch):
    X, y, covariates = study()
    whole = marginal_regression(X, y, covariates)
    monkeypatch.setattr(regression, "_CHUNK_ENTRIES", 7 * len(y))
    for one, other in zip(marginal_regression(X, y, covariates), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(6, 60),
    n_covariates=st.integers(0, 2),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    seed=st.integers(0, 10**6),
)
def test_only_the_scale_of_the_effect_follows_scale_and_origin(n, n_covariates, scale, shift, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 4)), rng.normal(size=n)
    covariates = rng.normal(size=(n, n_covariates))
    plain = marginal_regression(X, y, covariates)
    changed = marginal_regression(scale * (X + shift), y - shift, 2 * covariates + shift)
    np.testing.assert_allclose(changed.beta * scale, plain.beta, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(changed.z, plain.z, rtol=1e-6, atol=1e-9)
    recoded = marginal_regression(2 - X, y, covariates)
    np.testing.assert_allclose(recoded.z, -plain.z, rtol=1e-8, atol=1e-10)
    assert np.all((plain.p > 0) & (plain.p <= 1))


def test_the_intercept_spares_effects_from_the_frequency():
    rng = np.random.default_rng(1)
    f = np.array([0.1, 0.3, 0.5])
    X = rng.binomial(2, f, size=(50_000, 3)).astype(np.int8)
    y = 0.2 * (X - 2 * f).sum(axis=1) + rng.normal(size=50_000)
    fit = marginal_regression(X, y)
    assert np.all(np.abs(fit.beta - 0.2) < 5 * fit.se)
    without = X.T.astype(float) @ (y - y.mean()) / np.sum(X.astype(float) ** 2, axis=0)
    np.testing.assert_allclose(without, 0.2 * (1 - f) / (1 + f), rtol=0.1)


def test_p_values_are_uniform_under_the_null_in_a_small_sample():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(8, 4_000))
    fit = marginal_regression(X, rng.normal(size=8), rng.normal(size=8))
    # Given y the columns are independent draws: only X is random here.
    assert kstest(fit.p, "uniform").pvalue > 1e-3
    assert kstest(2 * norm.sf(np.abs(fit.z)), "uniform").pvalue < 1e-10


def test_columns_without_variation_give_no_evidence():
    X, y, covariates = study()
    X = X.astype(float)
    X[:, 4] = 0.1
    X[:, 7] = 3 * covariates[:, 1] - covariates[:, 0] + 2
    fit = marginal_regression(X, y, covariates)
    for j in (4, 7):
        assert (fit.beta[j], fit.se[j], fit.z[j], fit.p[j]) == (0, np.inf, 0, 1)
    assert np.all(np.isfinite(fit.beta) & ~np.isnan(fit.se))
    with pytest.raises(ValueError, match=r"X: got 2 columns that do not vary .* the first at 4"):
        marginal_regression(X, y, covariates, constant="raise")


def test_a_perfect_fit_has_no_nan():
    y = np.arange(8.0)
    fit = marginal_regression(np.column_stack([y, -y, y % 2]), y)
    assert not np.isnan(fit).any()
    np.testing.assert_allclose(fit.beta[:2], [1, -1])
    assert np.all(np.abs(fit.z[:2]) > 1e6)
    assert np.all(np.sign(fit.z[:2]) == [1, -1])


@pytest.mark.parametrize("df", [1, 3, 30, 10_000, 10**6])
def test_log10_p_equals_scipy_where_p_is_a_double(df):
    z = np.array([-5.0, 0, 0.3, 2, 8, 30])
    np.testing.assert_allclose(log10_p(z, df), np.log10(2 * t.sf(np.abs(z), df)), atol=1e-9)


@pytest.mark.parametrize("df", [30, 1_000, 100_000])
def test_log10_p_is_the_same_on_both_sides_of_the_change_of_method(df):
    z = t.isf(10.0 ** np.array([-270.0, -290]), df)
    np.testing.assert_allclose(log10_p(z, df), np.log10(2) - [270, 290], rtol=1e-9)


@pytest.mark.parametrize(("z", "df"), [(60.0, 10_000), (-150.0, 500_000), (1e60, 20)])
def test_log10_p_where_p_underflows(z, df):
    # Twice the tail integral, in units of the density at z and of z itself.
    start = t.logpdf(abs(z), df)
    tail = quad(
        lambda u: np.exp(t.logpdf(abs(z) * (1 + u), df) - start),
        0,
        np.inf if df < 100 else 0.1,
        epsabs=0,
        epsrel=1e-10,
        limit=500,
    )[0]
    expected = (np.log(2 * abs(z)) + start + np.log(tail)) / np.log(10)
    assert expected < -320
    assert log10_p(z, df) == pytest.approx(expected, rel=1e-7)


def test_log10_p_of_two_degrees_of_freedom_has_a_closed_form():
    z = np.array([1e3, 1e120, 1e150])
    # 1 - z / sqrt(z^2 + 2), which is 1 / z^2 far out
    np.testing.assert_allclose(log10_p(z, 2), -2 * np.log10(z), rtol=1e-6)


def test_log10_p_of_an_infinite_statistic():
    assert log10_p([-np.inf, 0], 5).tolist() == [-np.inf, 0]


def test_genomic_control_removes_inflation_and_only_that():
    z = norm.isf((np.arange(1, 10_000) - 0.5) / 10_000)
    plain, inflated, deflated = (genomic_control(factor * z) for factor in (1, 1.2, 0.8))
    assert plain.inflation == pytest.approx(1, abs=1e-3)
    assert inflated.inflation == pytest.approx(1.44, abs=2e-3)
    np.testing.assert_allclose(np.median(inflated.z**2), chi2.ppf(0.5, 1))
    assert deflated.inflation == pytest.approx(0.64, abs=1e-3)
    np.testing.assert_array_equal(deflated.z, 0.8 * z)


X, Y = np.array([[0, 1], [1, 1], [2, 0], [0, 2.0]]), np.array([0.1, 0.5, 0.3, 0.2])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"X": X[0]}, r"X: got float64 of shape \(2,\), expected numbers of shape"),
        ({"X": X.astype(str)}, "X: got <U"),
        ({"X": X.astype(complex)}, "X: got complex128"),
        ({"X": np.where(X == 2, NAN, X)}, "X: got NaN or infinity in column 0"),
        ({"X": np.where(np.arange(2) * X == 2, np.inf, X)}, "X: got NaN or infinity in column 1"),
        ({"X": X[:2], "y": Y[:2]}, "X: got 2 rows, expected at least 3"),
        ({"y": Y[:3]}, r"y: got shape \(3,\), expected \(4,\)"),
        ({"y": Y[:, None]}, r"y: got shape \(4, 1\)"),
        ({"y": [NAN, 1, 2, 3]}, "y: got NaN"),
        ({"y": np.full(4, 0.1)}, "y: got a trait that does not vary"),
        ({"y": Y, "covariates": 2 * Y + 1}, "y: got a trait that does not vary"),
        ({"covariates": np.ones(3)}, r"covariates: got shape \(3, 1\), expected \(4, c\)"),
        ({"covariates": np.full(4, 0.1)}, "covariates: got 1 columns of rank 0"),
        ({"covariates": np.column_stack([X[:, 0], 1 - X[:, 0]])}, "2 columns of rank 1"),
        ({"covariates": [NAN, 1, 2, 3]}, "covariates: got NaN"),
        ({"covariates": X}, "X: got 4 rows, expected at least 5"),
        ({"constant": "drop"}, "constant: got 'drop'"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        marginal_regression(**{"X": X, "y": Y} | arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (genomic_control, ([],), r"z: got shape \(0,\)"),
        (genomic_control, ([NAN],), "z: got shape"),
        (genomic_control, (np.ones((2, 2)),), r"z: got shape \(2, 2\)"),
        (log10_p, (NAN, 5), "z: got NaN"),
        (log10_p, (1.0, 0), "df: got 0"),
    ],
)
def test_bad_statistics_are_named(function, arguments, named):
    with pytest.raises(ValueError, match=named):
        function(*arguments)
