"""The Gaussian mixture with a tail against direct maximisation, and what it must not depend on."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from scipy.stats import norm

from gitools.mixtures.tail_mixture import fit_with_tail, tail_posteriors
from gitools.simulate.expression import simulate_expression

GENES = simulate_expression(6, 150, tail_share=0.08, random_state=1)
FITS = fit_with_tail(GENES.values, 2, tol=1e-12, max_iter=5000, random_state=2)


def _log_density(theta, x):
    """Density of two Gaussians and a tail, from unconstrained parameters."""
    log_weights = np.log(softmax(np.append(theta[:2], 0.0)))
    parts = [norm.logpdf(x, theta[2 + k], np.exp(theta[4 + k])) for k in range(2)]
    parts.append(np.full_like(x, -np.log(np.ptp(x))))
    return logsumexp(np.array(parts) + log_weights[:, None], axis=0)


def _theta(row):
    logits = np.log(FITS.weights[row] / FITS.tail_weight[row])
    return np.concatenate([logits, FITS.means[row], np.log(FITS.sds[row])])


@pytest.mark.parametrize("row", range(3))
def test_no_direction_is_uphill_from_the_fit(row):
    x, theta = GENES.values[row], _theta(row)
    start = -_log_density(theta, x).sum()
    assert start == pytest.approx(-FITS.log_likelihood[row], abs=1e-8)
    found = minimize(lambda t: -_log_density(t, x).sum(), theta, method="BFGS")
    assert start - found.fun < 1e-5
    np.testing.assert_allclose(found.x, theta, atol=2e-3)


def test_log_likelihood_never_falls():
    short = [
        fit_with_tail(GENES.values, 2, tol=0, max_iter=k, random_state=3).log_likelihood
        for k in range(1, 25)
    ]
    assert np.diff(short, axis=0).min() > -1e-9
    assert np.diff(short, axis=0).max() > 1


def test_posteriors_sum_to_one_and_give_the_density():
    density, r, tail = tail_posteriors(GENES.values, FITS)
    np.testing.assert_allclose(r.sum(axis=1) + tail, 1)
    np.testing.assert_allclose(density[0], _log_density(_theta(0), GENES.values[0]))
    np.testing.assert_allclose(FITS.weights.sum(axis=1) + FITS.tail_weight, 1)


def test_outside_the_range_the_tail_has_no_density():
    far = np.tile([FITS.low.min() - 50.0, FITS.low.min() - 40.0], (6, 1))
    assert (tail_posteriors(far, FITS)[2] == 0).all()


def test_units_do_not_matter():
    moved = fit_with_tail(1e6 * GENES.values - 3e6, 2, tol=1e-12, max_iter=5000, random_state=2)
    np.testing.assert_allclose(moved.means, 1e6 * FITS.means - 3e6, rtol=1e-5, atol=10)
    np.testing.assert_allclose(moved.tail_weight, FITS.tail_weight, atol=1e-5)


def test_rows_are_independent():
    # Starts are drawn for all rows at once, so only converged optima can be compared.
    alone = fit_with_tail(GENES.values[3], 2, tol=1e-12, max_iter=5000, random_state=9)
    assert alone.log_likelihood[0] == pytest.approx(FITS.log_likelihood[3], abs=1e-6)


def test_far_samples_are_in_the_tail_and_near_ones_are_not():
    genes = simulate_expression(40, 400, tail_share=0.1, random_state=4)
    fits = fit_with_tail(genes.values, 2, random_state=5)
    tail = tail_posteriors(genes.values, fits)[2]
    # In a few genes a broad Gaussian takes the tail instead.
    assert np.mean(tail[genes.values > 9] > 0.9) > 0.95
    assert tail[np.abs(genes.values) < 0.5].max() < 0.2


def test_bic_counts_three_parameters_a_gaussian():
    expected = -2 * FITS.log_likelihood + 6 * np.log(150)
    np.testing.assert_allclose(FITS.bic(150), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 9)), 1), "X: got the constant row 0"),
        ((np.array([[0.0, np.nan, 1.0]]), 1), "X: got NaN"),
        ((np.arange(4.0), 0), "n_components: got 0"),
        ((np.arange(4.0), 5), "n_components: got 5"),
        ((["a", "b", "c"], 1), "X: got values that are not numbers"),
    ],
)
def test_bad_data_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_with_tail(*arguments)


@pytest.mark.parametrize("name", ["n_starts", "max_iter", "floor", "tol"])
def test_bad_settings_are_named(name):
    with pytest.raises(ValueError, match=f"{name}: got -1"):
        fit_with_tail(np.arange(9.0), 1, **{name: -1})


def test_posteriors_need_as_many_rows():
    with pytest.raises(ValueError, match="X: got 2 rows, expected 6"):
        tail_posteriors(GENES.values[:2], FITS)
