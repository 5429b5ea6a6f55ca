"""Where an ascent begins: centres by k-means++, given parameters, or given responsibilities."""

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import kmeans_plusplus

from gitools.mixtures._checks import check_array
from gitools.mixtures._covariances import covariance_shape, expand
from gitools.mixtures._em import (
    Parameters,
    expectation_step,
    maximisation_step,
    raise_to_floor,
    weighted_moments,
)
from gitools.mixtures._prior import ScaledPrior


@dataclass(frozen=True)
class Model:
    """What stays the same from one iteration and one start to the next."""

    covariance_type: str
    floor: float
    prior: ScaledPrior
    patterns: list

    @property
    def dense(self):
        return self.covariance_type in ("full", "tied")

    @property
    def n_samples(self):
        return sum(len(pattern.rows) for pattern in self.patterns)

    def expectation(self, parameters):
        """Objective per sample at the parameters, and the expected statistics there."""
        log_likelihood, statistics = expectation_step(self.patterns, parameters)
        distinct = parameters.covariances
        if self.covariance_type == "tied":
            distinct = distinct[:1]
        log_prior = self.prior.log_density(parameters.weights, distinct)
        return (log_likelihood + log_prior) / self.n_samples, statistics

    def maximisation(self, statistics, parameters):
        return maximisation_step(
            statistics, parameters, self.covariance_type, self.floor, self.prior
        )


@dataclass(frozen=True)
class Start:
    """Parameters to begin with, and whether finding them was already the first iteration."""

    parameters: Parameters
    is_iteration: bool = False


def kmeans_start(scaling, n_components, model, rng):
    """Centres by k-means++, weights by nearest centre, one pooled covariance for all.

    Pooled, because a centre that drew a single sample has no covariance of its own: a start
    from it would sit on a singularity.
    """
    filled = np.nan_to_num(scaling.X)
    seed = int(rng.integers(2**31))
    centres, _ = kmeans_plusplus(filled, n_components, random_state=seed)
    distances = -2 * filled @ centres.T + (centres**2).sum(axis=1)
    nearest = np.eye(n_components)[distances.argmin(axis=1)]
    nearest += 1e-3  # so that none is empty where rounding ties two centres
    weights = nearest.sum(axis=0) / nearest.sum()
    means, statistics = weighted_moments(filled.T, nearest.T, model.dense)
    within = statistics.second.sum(axis=0) / statistics.counts.sum()
    if model.covariance_type == "spherical":
        within = np.full_like(within, within.mean())
    covariances = np.repeat(within[None], n_components, axis=0)
    return Start(Parameters(weights, means, raise_to_floor(covariances, model.floor)))


def responsibility_start(responsibilities, scaling, model):
    """The maximisation step from the responsibilities, counted as the first iteration."""
    empty = np.flatnonzero(responsibilities.sum(axis=0) <= 0)
    if len(empty):
        raise ValueError(
            f"init: got responsibilities that give component {empty[0]} no sample, "
            "expected some for each."
        )
    filled = np.nan_to_num(scaling.X)
    means, statistics = weighted_moments(filled.T, responsibilities.T, model.dense)
    centres = Parameters(np.ones(len(means)), means, np.zeros_like(statistics.second))
    return Start(model.maximisation(statistics, centres), is_iteration=True)


def given_start(init, scaling, n_components, model):
    """Weights, means and covariances in the units of the data, brought to the fitted scale."""
    names = {"weights", "means", "covariances"}
    if set(init) != names:
        raise ValueError(f"init: got keys {sorted(init)}, expected {sorted(names)}.")
    n_features = len(scaling.unit)
    weights = check_array(init["weights"], "init['weights']", (n_components,))
    if weights.min() < 0 or not np.isclose(weights.sum(), 1, rtol=0, atol=1e-8):
        raise ValueError(
            f"init['weights']: got minimum {weights.min():g} and sum {weights.sum():g}, expected "
            "no negative weight and a sum of 1."
        )
    means = check_array(init["means"], "init['means']", (n_components, n_features))
    shape = covariance_shape(n_components, n_features, model.covariance_type)
    covariances = check_array(init["covariances"], "init['covariances']", shape)
    covariances = expand(covariances, model.covariance_type, means.shape)
    unit = scaling.unit
    scaled = covariances / (np.outer(unit, unit) if model.dense else unit**2)
    _check_positive_definite(scaled)
    scaled = raise_to_floor(scaled, model.floor)
    return Start(Parameters(weights / weights.sum(), (means - scaling.centre) / unit, scaled))


def _check_positive_definite(covariances):
    if covariances.ndim == 3:
        asymmetry = np.abs(covariances - covariances.transpose(0, 2, 1)).max()
        smallest = np.linalg.eigvalsh(covariances).min()
        if asymmetry > 1e-8 * np.abs(covariances).max():
            raise ValueError("init['covariances']: got a matrix that is not symmetric.")
    else:
        smallest = covariances.min()
    if smallest <= 0:
        raise ValueError(
            "init['covariances']: got a covariance with an eigenvalue (or variance) that is not "
            "positive, expected positive definite ones."
        )


def check_responsibilities(init, n_samples, n_components):
    """Responsibilities (n, K) that are not negative and sum to 1 in each row."""
    responsibilities = check_array(init, "init", (n_samples, n_components))
    sums = responsibilities.sum(axis=1)
    if responsibilities.min() < 0 or not np.allclose(sums, 1, rtol=0, atol=1e-6):
        raise ValueError(
            f"init: got responsibilities with minimum {responsibilities.min():g} and row sums "
            f"from {sums.min():g} to {sums.max():g}, expected none negative and sums of 1."
        )
    return responsibilities
