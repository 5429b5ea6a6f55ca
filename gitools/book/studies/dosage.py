"""How well dosage is called, over many simulated markers."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom, norm

from gitools.mixtures.selection import RowFits, em_rows, fit_rows, row_posteriors
from gitools.simulate.intensities import dosage_means, simulate_intensities

_PLOIDY = 4
# Posteriors of 0 would make a log loss infinite; none of the methods is charged more than this.
_SMALLEST = 1e-12
_FLOOR = 1e-3


class Excess(NamedTuple):
    """Log losses over simulated data sets, in nats a plant.

    Attributes
    ----------
    bayes : float array of shape (n_sets,)
        Log loss under the true parameters.
    evenly_spaced, restarts : float arrays of shape (n_sets,)
        Excess over it of EM from evenly spaced means, and of the likeliest of several k-means++
        starts.
    likelier : bool array of shape (n_sets,)
        Whether the restarts found a higher likelihood than the evenly spaced start.
    """

    bayes: np.ndarray
    evenly_spaced: np.ndarray
    restarts: np.ndarray
    likelier: np.ndarray


def excess_log_loss(n_plants, sd, n_sets, *, n_starts=4, random_state=None) -> Excess:
    """Excess log loss of EM's dosage calls over the Bayes classifier's.

    Tetraploid plants at allele frequency 1/2, five components, labels in the order of the means.
    Plants are scored that were also fitted: their dosage was hidden all the same.

    Parameters
    ----------
    n_plants : int
        Plants in each data set.
    sd : float
        Standard deviation of the ratio within a dosage class; class means are 0.225 apart.
    n_sets : int
        Simulated data sets, the unit of replication.
    n_starts : int
        Number of k-means++ starts.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Excess

    Raises
    ------
    ValueError
        If `sd` or `n_plants` is refused by `simulate_intensities`, or `n_sets` is below 1.
    """
    rng = np.random.default_rng(random_state)
    ratio, dosage = _simulate(n_plants, sd, n_sets, rng)
    means = np.tile(dosage_means(_PLOIDY), (n_sets, 1))
    weights = np.tile(binom.pmf(np.arange(_PLOIDY + 1), _PLOIDY, 0.5), (n_sets, 1))
    nothing = np.zeros(n_sets)
    truth = RowFits(weights, means, np.full(means.shape, sd), nothing, nothing, nothing)
    even = _from_evenly_spaced(ratio)
    likeliest = fit_rows(ratio, _PLOIDY + 1, n_starts=n_starts, floor=_FLOOR, random_state=rng)
    losses = [_log_loss(ratio, dosage, fits) for fits in (truth, even, likeliest)]
    return Excess(
        losses[0],
        losses[1] - losses[0],
        losses[2] - losses[0],
        likeliest.log_likelihood > even.log_likelihood + 1e-3,
    )


def expected_excess(n_plants, sd) -> float:
    r"""Large-sample excess log loss of maximum likelihood over the Bayes classifier.

    The estimates' covariance is the inverse of the observed information, and what they cost the
    labels is weighted by the information that the labels would have added:

    .. math:: \frac{1}{2n} \operatorname{tr}\left[ (\mathcal{I}_{complete}
       - \mathcal{I}_{observed}) \, \mathcal{I}_{observed}^{-1} \right].

    Tetraploid plants at allele frequency 1/2 as in `excess_log_loss`, all 14 parameters free;
    the informations are integrals over the ratio, by the trapezoidal rule.

    Parameters
    ----------
    n_plants : int
        Plants in a data set.
    sd : float
        Standard deviation of the ratio within a dosage class.

    Returns
    -------
    float
        Nats a plant.

    Raises
    ------
    ValueError
        If `n_plants` is below 1 or `sd` is not positive.
    """
    if not n_plants >= 1:
        raise ValueError(f"n_plants: got {n_plants!r}, expected a number of at least 1")
    if not 0 < sd < np.inf:
        raise ValueError(f"sd: got {sd!r}, expected a positive number")
    weights = binom.pmf(np.arange(_PLOIDY + 1), _PLOIDY, 0.5)
    means = dosage_means(_PLOIDY)
    grid = np.linspace(means[0] - 10 * sd, means[-1] + 10 * sd, 8001)
    z = (grid - means[:, None]) / sd
    joint = weights[:, None] * norm.pdf(z) / sd
    density = joint.sum(axis=0)
    scores = _complete_scores(weights, z, sd)
    observed_score = np.einsum("kg,kpg->pg", joint / density, scores)
    width = grid[1] - grid[0]
    observed = (observed_score * density) @ observed_score.T * width
    complete = np.einsum("kg,kpg,kqg->pq", joint, scores, scores) * width
    missing = np.trace(np.linalg.solve(observed, complete - observed))
    return float(missing / (2 * n_plants))


def _complete_scores(weights, z, sd) -> np.ndarray:
    """Gradients of log joint densities by weights, means and sds: [K, 3K - 1, grid]."""
    k = len(weights)
    scores = np.zeros((k, 3 * k - 1, z.shape[1]))
    by_weight = np.vstack([np.diag(1 / weights[:-1]), np.full(k - 1, -1 / weights[-1])])
    scores[:, : k - 1] = by_weight[:, :, None]
    own = np.arange(k)
    scores[own, k - 1 + own] = z / sd
    scores[own, 2 * k - 1 + own] = (z**2 - 1) / sd
    return scores


def calls(n_plants, sd, n_sets, *, random_state=None) -> tuple[np.ndarray, np.ndarray]:
    """Largest responsibility of each plant under EM's fit, and whether that call is right.

    Parameters
    ----------
    n_plants, sd, n_sets, random_state
        See `excess_log_loss`; EM starts from evenly spaced means.

    Returns
    -------
    largest : float array of shape (n_sets, n_plants)
    right : bool array of shape (n_sets, n_plants)

    Raises
    ------
    ValueError
        As `excess_log_loss`.
    """
    ratio, dosage = _simulate(n_plants, sd, n_sets, np.random.default_rng(random_state))
    posteriors = _by_dosage(ratio, _from_evenly_spaced(ratio))
    return posteriors.max(axis=1), posteriors.argmax(axis=1) == dosage


def _simulate(n_plants, sd, n_sets, rng) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(n_sets, int | np.integer) or n_sets < 1:
        raise ValueError(f"n_sets: got {n_sets!r}, expected an integer of at least 1")
    sets = [
        simulate_intensities(n_plants, _PLOIDY, 0.5, sd=sd, random_state=rng) for _ in range(n_sets)
    ]
    ratio, dosage = (np.array(part) for part in zip(*sets, strict=True))
    return ratio, dosage


def _from_evenly_spaced(ratio) -> RowFits:
    means = np.tile(dosage_means(_PLOIDY), (len(ratio), 1))
    return em_rows(
        ratio, np.full(means.shape, 0.2), means, np.full(means.shape, 0.05), floor=_FLOOR
    )


def _by_dosage(ratio, fits) -> np.ndarray:
    """Responsibilities [n_sets, K, n], components in the order of their means."""
    order = np.argsort(fits.means, axis=1)[:, :, None]
    return np.take_along_axis(row_posteriors(ratio, fits)[1], order, axis=1)


def _log_loss(ratio, dosage, fits) -> np.ndarray:
    """Log loss of each data set [n_sets]."""
    posteriors = _by_dosage(ratio, fits)
    of_truth = np.take_along_axis(posteriors, dosage[:, None, :], axis=1)[:, 0]
    return -np.log(np.maximum(of_truth, _SMALLEST)).mean(axis=1)
