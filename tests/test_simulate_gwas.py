"""Summary statistics drawn without people, beside those of people."""

import numpy as np
import pytest

from gitools.association import ld_matrix, marginal_regression
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

NAN = float("nan")
N, H2, N_REPLICATES = 400, 0.3, 4_000


@pytest.fixture(scope="module")
def locus():
    """Standardised genotypes of a few people, their LD, and effects that explain H2."""
    dosages = simulate_genotypes(N, 6, min_maf=0.1, random_state=1).dosages
    X = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    R = ld_matrix(dosages)
    b = np.array([0.5, 0, -0.3, 0, 0, 0.2])
    return X, R, b * np.sqrt(H2 / (b @ R @ b))


@pytest.fixture(scope="module")
def from_people(locus):
    """Marginal regressions of new traits of the same people, each with its own noise."""
    X, _, b = locus
    rng = np.random.default_rng(2)
    noise = np.sqrt(1 - H2) * rng.standard_normal((N_REPLICATES, N))
    fits = [marginal_regression(X, X @ b + e) for e in noise]
    return np.array([fit.beta for fit in fits]), np.array([fit.se for fit in fits])


def assert_same_moments(beta, mean, covariance):
    """Mean and covariance of replicates are the given ones, to five standard errors."""
    m = len(beta)
    errors = np.sqrt(np.diag(covariance) / m)
    np.testing.assert_array_less(np.abs(beta.mean(axis=0) - mean), 5 * errors)
    variances = np.diag(covariance)
    errors = np.sqrt((np.outer(variances, variances) + covariance**2) / m)
    np.testing.assert_array_less(np.abs(np.cov(beta.T) - covariance), 5 * errors)


def test_people_follow_the_stated_law(locus, from_people):
    _, R, b = locus
    assert_same_moments(from_people[0], R @ b, R * (1 - H2) / N)


def test_draws_follow_the_stated_law_and_so_the_people(locus, from_people):
    _, R, b = locus
    draws = simulate_summary_statistics(R, b, N, n_replicates=N_REPLICATES, random_state=3)
    assert_same_moments(draws.beta, R @ b, R * (1 - H2) / N)
    people = from_people[0]
    error = np.sqrt(2 * (1 - H2) / N / N_REPLICATES)
    assert np.abs(draws.beta.mean(axis=0) - people.mean(axis=0)).max() < 5 * error
    np.testing.assert_allclose(draws.beta.std(axis=0), people.std(axis=0), rtol=0.06)


def test_standard_errors_are_those_that_regressions_report(locus, from_people):
    _, R, b = locus
    draws = simulate_summary_statistics(R, b, N, random_state=4)
    np.testing.assert_allclose(draws.se, from_people[1].mean(axis=0), rtol=0.01)
    np.testing.assert_allclose(draws.z, draws.beta / draws.se)


def test_other_variance_explained_elsewhere_only_lowers_the_noise(locus):
    _, R, b = locus
    small, large = (
        simulate_summary_statistics(R, b, N, h2, random_state=5).beta - R @ b for h2 in (0.3, 0.8)
    )
    np.testing.assert_allclose(large / small, np.sqrt(0.2 / 0.7))


def test_copies_of_a_variant_get_one_effect():
    R = np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1.0]])
    draws = simulate_summary_statistics(R, [0.1, 0, 0], 1_000, n_replicates=500, random_state=6)
    np.testing.assert_allclose(draws.beta[:, 1], draws.beta[:, 0], atol=1e-7)
    np.testing.assert_allclose(draws.beta[:, 2], -draws.beta[:, 0], atol=1e-7)
    assert abs(draws.beta[:, 0].std() / np.sqrt(0.99 / 1_000) - 1) < 5 / np.sqrt(1_000)


def test_more_variants_than_people_are_welcome():
    dosages = simulate_genotypes(40, 120, min_maf=0.05, random_state=7).dosages
    R = ld_matrix(dosages)
    draws = simulate_summary_statistics(R, np.zeros(120), 40, n_replicates=300, random_state=8)
    # The draws stay in the space that R spans.
    outside = np.linalg.eigh(R)[1][:, :70]
    assert np.abs(draws.beta @ outside).max() < 1e-6
    assert abs(draws.beta.var() * 40 - 1) < 0.1


def test_shapes_and_seeds():
    one = simulate_summary_statistics(np.eye(3), np.zeros(3), 10, random_state=9)
    many = simulate_summary_statistics(
        np.eye(3), np.zeros(3), 10, n_replicates=4, random_state=np.random.default_rng(9)
    )
    assert one.beta.shape == one.z.shape == one.se.shape == (3,)
    assert many.beta.shape == many.z.shape == (4, 3)
    assert many.se.shape == (3,)
    np.testing.assert_array_equal(one.beta, many.beta[0])


EYE, B = np.eye(2), np.array([0.1, 0.2])
BAD_R = np.array([[1, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 1]])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"R": np.ones((2, 3))}, r"R: got shape \(2, 3\), expected a square"),
        ({"R": [[1, NAN], [NAN, 1]]}, "R: got NaN"),
        ({"R": [[1, 0.5], [0.4, 1]]}, "R: got an asymmetry of 0.1"),
        ({"R": 2 * EYE}, "R: got a diagonal off by 1"),
        ({"R": BAD_R, "b": np.zeros(3)}, "R: got smallest eigenvalue -0.273"),
        ({"b": np.zeros(3)}, r"b: got shape \(3,\), expected \(2,\)"),
        ({"b": [NAN, 0]}, "b: got NaN"),
        ({"b": [1.0, 0.1]}, "b: got effects that explain 1.01, expected"),
        ({"n": 2}, "n: got 2, expected an integer of at least 3"),
        ({"n": 100.0}, "n: got 100.0"),
        ({"h2": 1.0}, r"h2: got 1.0, expected a number in \[0, 1\)"),
        ({"h2": NAN}, "h2: got nan"),
        ({"n_replicates": 0}, "n_replicates: got 0"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        simulate_summary_statistics(**{"R": EYE, "b": B, "n": 100} | arguments)


def test_draws_on_copies_do_not_hang_on_rounding():
    rng = np.random.default_rng(8)
    R = np.corrcoef(rng.normal(size=(300, 12)), rowvar=False)
    R = R[np.ix_([*range(12), 3, 7], [*range(12), 3, 7])]
    shaken = R + 1e-15 * (lambda a: (a + a.T) / 2)(rng.normal(size=R.shape))
    np.fill_diagonal(shaken, 1)
    draws = [
        simulate_summary_statistics(ld, np.zeros(14), 1_000, random_state=1).beta
        for ld in (R, shaken)
    ]
    np.testing.assert_allclose(draws[1], draws[0], atol=1e-7)
