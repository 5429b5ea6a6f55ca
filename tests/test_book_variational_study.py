"""The study of chapter 32: mean field against a package, its sampler against a full sum."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln, softmax
from sklearn.mixture import BayesianGaussianMixture

from gitools.book.studies.variational import (
    Prior,
    _gibbs,
    calibration,
    fit_mean_field,
    mixture_intervals,
)

PRIOR = Prior(alpha=2.0, m=0.3, kappa=0.2, a=3.0, b=2.0)


def two_humps(rng, n, distance):
    return np.sort(rng.normal(distance * rng.choice([-0.5, 0.5], n), 1.0))


def test_mean_field_of_many_sets_is_that_of_a_package():
    """Humps well apart, so that every start leads to one optimum."""
    rng = np.random.default_rng(1)
    sets = np.array([two_humps(rng, 80, 6) for _ in range(3)])
    factors = fit_mean_field(sets, PRIOR, tol=1e-12)
    for k, x in enumerate(sets):
        peer = BayesianGaussianMixture(
            n_components=2,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=PRIOR.alpha,
            mean_prior=[PRIOR.m],
            mean_precision_prior=PRIOR.kappa,
            degrees_of_freedom_prior=2 * PRIOR.a,
            covariance_prior=[[2 * PRIOR.b]],
            reg_covar=0,
            tol=1e-12,
            max_iter=5000,
            random_state=0,
        ).fit(x[:, None])
        order = np.argsort(peer.means_[:, 0])
        theirs = (
            peer.weight_concentration_,
            peer.means_[:, 0],
            peer.mean_precision_,
            peer.degrees_of_freedom_ / 2,
            peer.covariances_[:, 0, 0] * peer.degrees_of_freedom_ / 2,
        )
        own = np.argsort(factors[1][k])
        for ours, other in zip(factors, theirs, strict=True):
            np.testing.assert_allclose(ours[k][own], other[order], rtol=1e-4)


def exact_sum_of_means(x):
    """Posterior mean of the sum of both means, over all labellings."""
    logs, sums = [], []
    for labels in product((0, 1), repeat=len(x)):
        log, total = 0.0, 0.0
        for k in (0, 1):
            inside = x[np.array(labels) == k]
            n, kappa = len(inside), PRIOR.kappa + len(inside)
            m = (PRIOR.kappa * PRIOR.m + inside.sum()) / kappa
            square = inside @ inside + PRIOR.kappa * PRIOR.m**2 - kappa * m**2
            shape, rate = PRIOR.a + n / 2, PRIOR.b + square / 2
            log += gammaln(PRIOR.alpha + n) + gammaln(shape) - shape * np.log(rate)
            log -= 0.5 * np.log(kappa)
            total += m
        logs.append(log)
        sums.append(total)
    return softmax(logs) @ np.array(sums)


def test_the_sampler_has_the_mean_of_the_full_sum():
    rng = np.random.default_rng(2)
    x = two_humps(rng, 9, 3) + 0.4
    copies = np.tile(x, (200, 1))
    sums = _gibbs(copies, PRIOR, 400, rng).sum(axis=2).mean(axis=0)
    error = sums.std(ddof=1) / np.sqrt(len(sums))
    assert abs(sums.mean() - exact_sum_of_means(x)) < 4 * error
    assert error < 0.02


def test_intervals_are_wider_by_gibbs_and_start_from_one_seed():
    one, again = (mixture_intervals(PRIOR, 40, 30, n_draws=300, random_state=3) for _ in "ab")
    assert one.held["Gibbs"].shape == (30, 2)
    np.testing.assert_array_equal(one.width["Gibbs"], again.width["Gibbs"])
    assert np.median(one.width["mean field"] / one.width["Gibbs"]) < 1


def test_calibration_counts_over_data_sets():
    counts = pd.DataFrame(
        {
            "data_set": [0, 1, 1],
            "tenth": [0, 0, 9],
            "n": [3, 7, 2],
            "n_causal": [0, 1, 2],
            "sum_of_pips": [0.1, 0.4, 1.9],
        }
    )
    mean, share, low, high = calibration(counts, random_state=0)
    np.testing.assert_allclose(mean, [0.05, 0.95])
    np.testing.assert_allclose(share, [0.1, 1.0])
    assert np.all(low <= share) and np.all(share <= high)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PRIOR, 1, 5), "n_samples: got 1, expected an integer of at least 2"),
        ((PRIOR, 20, 0), "n_sets: got 0"),
        ((PRIOR._replace(kappa=0.0), 20, 5), "prior: got"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        mixture_intervals(*arguments)
    with pytest.raises(ValueError, match="counts: got 0 rows"):
        calibration(pd.DataFrame())
