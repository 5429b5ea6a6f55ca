"""How well dosage is called, over many simulated markers."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom

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
