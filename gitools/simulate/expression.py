"""Gene expression with two modes, tails, and correlations that the modes make or hide."""

from typing import NamedTuple

import numpy as np


class Expression(NamedTuple):
    """Simulated expression of genes that are each on or off in a sample.

    Attributes
    ----------
    values : float array of shape (n_genes, n_samples)
        Log expression, in standard deviations within a mode.
    on : bool array of shape (n_genes, n_samples)
        Whether the gene is on.
    in_tail : bool array of shape (n_genes, n_samples)
        Whether the sample is in the tail above the upper mode.
    """

    values: np.ndarray
    on: np.ndarray
    in_tail: np.ndarray


class Pairs(NamedTuple):
    """Simulated pairs of genes whose samples share a mode.

    Attributes
    ----------
    first, second : float arrays of shape (n_pairs, n_samples)
        Log expression of the two genes, in standard deviations within a mode.
    others : float array of shape (n_pairs, n_others, n_samples)
        Other genes that follow the mode and nothing else.
    on : bool array of shape (n_pairs, n_samples)
        The mode of each sample.
    """

    first: np.ndarray
    second: np.ndarray
    others: np.ndarray
    on: np.ndarray


def simulate_expression(
    n_genes: int,
    n_samples: int,
    *,
    separation: float = 4.0,
    share_on: float = 0.4,
    tail_share: float = 0.0,
    tail_scale: float = 3.0,
    random_state=None,
) -> Expression:
    """Simulate genes with a lower and an upper mode and a tail of strongly expressing samples.

    Off: N(0, 1). On: N(separation, 1). In the tail, as where the gene is amplified: `separation`
    plus an exponential variable. Genes are independent of each other.

    Parameters
    ----------
    n_genes, n_samples : int
        Numbers of genes and samples, at least 1.
    separation : float
        Distance of the modes, in standard deviations within a mode.
    share_on : float
        Probability, in [0, 1], that a sample outside the tail is on.
    tail_share : float
        Probability, in [0, 1], that a sample is in the tail; these count as on.
    tail_scale : float
        Mean of the exponential variable, in standard deviations; positive.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Expression

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_sizes(n_genes=n_genes, n_samples=n_samples)
    _check_shares(share_on=share_on, tail_share=tail_share)
    _check_finite(separation=separation, tail_scale=tail_scale)
    if tail_scale <= 0:
        raise ValueError(f"tail_scale: got {tail_scale!r}, expected a positive number")
    rng = np.random.default_rng(random_state)
    shape = n_genes, n_samples
    in_tail = rng.random(shape) < tail_share
    on = (rng.random(shape) < share_on) | in_tail
    values = rng.normal(size=shape) + separation * on
    tail = separation + rng.exponential(tail_scale, shape)
    return Expression(np.where(in_tail, tail, values), on, in_tail)


def simulate_pairs(
    n_pairs: int,
    n_samples: int,
    *,
    shifts: tuple[float, float] = (3.0, 3.0),
    within: float = 0.0,
    share_on: float = 0.4,
    n_others: int = 0,
    random_state=None,
) -> Pairs:
    r"""Simulate pairs of genes with a correlation within modes and a shift between them.

    By the law of total covariance a pair has the covariance
    :math:`\rho + \pi (1 - \pi) s_1 s_2`, with :math:`\rho` the correlation within modes,
    :math:`\pi` the share of samples in the upper mode and s the shifts.

    Parameters
    ----------
    n_pairs, n_samples : int
        Numbers of pairs (each a data set of its own) and samples, at least 1.
    shifts : pair of float
        How much higher each gene is in the upper mode, in standard deviations within a mode.
    within : float
        Correlation within a mode, in [-1, 1].
    share_on : float
        Probability of the upper mode, in [0, 1].
    n_others : int
        Other genes for each pair, shifted by ``shifts[0]``, independent given the mode.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Pairs

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    _check_sizes(n_pairs=n_pairs, n_samples=n_samples)
    _check_shares(share_on=share_on)
    if np.shape(shifts) != (2,):
        raise ValueError(f"shifts: got shape {np.shape(shifts)}, expected two numbers")
    _check_finite(shifts=shifts, within=within)
    if not -1 <= within <= 1:
        raise ValueError(f"within: got {within!r}, expected a number in [-1, 1]")
    if not isinstance(n_others, int | np.integer) or n_others < 0:
        raise ValueError(f"n_others: got {n_others!r}, expected an integer of at least 0")
    rng = np.random.default_rng(random_state)
    on = rng.random((n_pairs, n_samples)) < share_on
    first, own = rng.normal(size=(2, n_pairs, n_samples))
    second = within * first + np.sqrt(1 - within**2) * own
    others = rng.normal(size=(n_pairs, n_others, n_samples)) + shifts[0] * on[:, None]
    return Pairs(first + shifts[0] * on, second + shifts[1] * on, others, on)


def _check_sizes(**sizes):
    for name, value in sizes.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")


def _check_shares(**shares):
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: got {value!r}, expected a number in [0, 1]")


def _check_finite(**numbers):
    for name, value in numbers.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: got {value!r}, expected finite numbers")
