"""Two-dye genotyping arrays: what the chemistry expects of a ratio, and simulated readings.

`gitools.simulate.intensities` draws ratios that are exactly a Gaussian mixture; here they are
what an array gives, a quotient of two noisy signals.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import comb


class ArrayMarker(NamedTuple):
    """Simulated readings of one marker.

    Attributes
    ----------
    ratio : float array of shape (n,)
        Signal of allele B over both signals, in (0, 1), without unit.
    dosage : int array of shape (n,)
        True copies of allele B.
    posteriors : float array of shape (ploidy + 1, n)
        Probability of each dosage given the ratio, under the parameters of the simulation.
    """

    ratio: np.ndarray
    dosage: np.ndarray
    posteriors: np.ndarray


def expected_ratio(share, brightness=1.0, background_a=0.04, background_b=0.04) -> np.ndarray:
    r"""Ratio that two dyes give where no reading has noise.

    With a share s of allele B, dye B shines with :math:`f s + c_B` and dye A with
    :math:`1 - s + c_A`; the ratio is B over both. It rises with s, whatever f, c_A and c_B are.

    Parameters
    ----------
    share : array-like
        Share of allele B among the copies, in [0, 1].
    brightness : array-like
        f, brightness of a B allele beside an A allele, above 0.
    background_a, background_b : array-like
        Light without any allele, as a share of what a full set of A alleles gives; 0 or more.

    Returns
    -------
    ndarray
        Ratios, of the arguments' broadcast shape.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    share = np.asarray(share, dtype=float)
    if not np.all((share >= 0) & (share <= 1)):
        raise ValueError(f"share: got {share!r}, expected numbers in [0, 1]")
    named = {"background_a": background_a, "background_b": background_b}
    for name, value in named.items():
        if not np.all(np.isfinite(value) & (np.asarray(value) >= 0)):
            raise ValueError(f"{name}: got {value!r}, expected numbers of at least 0")
    if not np.all(np.isfinite(brightness) & (np.asarray(brightness) > 0)):
        raise ValueError(f"brightness: got {brightness!r}, expected positive numbers")
    signal_b = brightness * share + background_b
    return signal_b / (signal_b + 1 - share + background_a)


def dosage_frequencies(ploidy, frequency, inbreeding=0.0) -> np.ndarray:
    r"""Expected shares of the dosages 0 to `ploidy`, with an inbreeding term.

    .. math:: P(k) = \binom{m}{k} \frac{\prod_{i<k} (p(1-F) + iF) \prod_{i<m-k} ((1-p)(1-F) + iF)}
       {\prod_{i<m} (1 - F + iF)}

    with m the ploidy: the binomial at F = 0, and the familiar :math:`2p(1-p)(1-F)` heterozygotes
    in diploids. F is the correlation of two alleles drawn from one plant, so that the dosage has
    variance :math:`m p (1-p) (1 + (m-1) F)`; it is negative where heterozygotes are in excess.

    Parameters
    ----------
    ploidy : int
        Copies of each chromosome, at least 1.
    frequency : array-like
        p, frequency of allele B, in [0, 1].
    inbreeding : array-like
        F, from -q / (m - 1 - q) with q the smaller of p and 1 - p, to 1; broadcasts with p.

    Returns
    -------
    ndarray of shape (..., ploidy + 1)

    Raises
    ------
    ValueError
        If an argument is outside its range.

    References
    ----------
    Skellam, J. G. (1948). A probability distribution derived from the binomial distribution by
    regarding the probability of success as variable between the sets of trials. Journal of the
    Royal Statistical Society B 10, 257-261 (the distribution, for F above 0).
    """
    _check_ploidy(ploidy)
    p, f = np.broadcast_arrays(
        np.asarray(frequency, dtype=float), np.asarray(inbreeding, dtype=float)
    )
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"frequency: got {frequency!r}, expected numbers in [0, 1]")
    if not np.all((f >= lowest_inbreeding(ploidy, p) - 1e-12) & (f <= 1)):
        raise ValueError(
            f"inbreeding: got {inbreeding!r}, expected numbers up to 1 and no lower than the "
            "frequency allows"
        )
    p, f = p[..., None], f[..., None]
    # One factor 1 - F cancels against the denominator's: without it F = 1 would be 0 / 0.
    steps = np.arange(1, ploidy)
    of_b = _running_product(p, p * (1 - f) + steps * f)
    of_a = _running_product(1 - p, (1 - p) * (1 - f) + steps * f)
    both = np.concatenate([np.ones_like(f), np.repeat(1 - f, ploidy - 1, -1), np.ones_like(f)], -1)
    shares = (
        comb(ploidy, np.arange(ploidy + 1))
        * both
        * np.maximum(of_b, 0)
        * np.maximum(of_a[..., ::-1], 0)
    )
    return shares / shares.sum(axis=-1, keepdims=True)


def lowest_inbreeding(ploidy, frequency) -> np.ndarray:
    """Lowest inbreeding term that `dosage_frequencies` allows at an allele frequency.

    Parameters
    ----------
    ploidy : int
        Copies of each chromosome, at least 1.
    frequency : array-like
        Frequency of allele B, in [0, 1].

    Returns
    -------
    ndarray
        Zero or negative; 0 for a ploidy of 1.

    Raises
    ------
    ValueError
        If `ploidy` is not an integer of at least 1.
    """
    _check_ploidy(ploidy)
    rarer = np.minimum(frequency, 1 - np.asarray(frequency, dtype=float))
    return -rarer / np.maximum(ploidy - 1 - rarer, 0.5) if ploidy > 1 else np.zeros_like(rarer)


def simulate_array(
    n,
    ploidy=4,
    frequency=0.5,
    *,
    inbreeding=0.0,
    brightness=1.0,
    background_a=0.04,
    background_b=0.04,
    noise=0.2,
    random_state=None,
) -> ArrayMarker:
    """Simulate one marker on a two-dye array.

    Each dye's signal has multiplicative, log-normal noise, so the log of B over A is normal with
    standard deviation `noise` around the log-odds of `expected_ratio`. The ratio itself is then
    skewed, the more the closer it lies to 0 or 1.

    Parameters
    ----------
    n : int
        Number of plants, at least 1.
    ploidy, frequency, inbreeding
        See `dosage_frequencies`; single numbers.
    brightness, background_a, background_b
        See `expected_ratio`; single numbers.
    noise : float
        Standard deviation of the natural log of signal B over signal A, above 0.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    ArrayMarker

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n: got {n!r}, expected an integer of at least 1")
    if not (np.isfinite(noise) and noise > 0):
        raise ValueError(f"noise: got {noise!r}, expected a positive number")
    rng = np.random.default_rng(random_state)
    shares = dosage_frequencies(ploidy, frequency, inbreeding)
    dosage = np.minimum(np.searchsorted(np.cumsum(shares), rng.random(n), side="right"), ploidy)
    means = expected_ratio(np.arange(ploidy + 1) / ploidy, brightness, background_a, background_b)
    centres = np.log(means) - np.log1p(-means)
    log_odds = rng.normal(centres[dosage], noise)
    with np.errstate(divide="ignore"):
        log_joint = np.log(shares)[:, None] - (log_odds - centres[:, None]) ** 2 / (2 * noise**2)
    joint = np.exp(log_joint - log_joint.max(axis=0))
    return ArrayMarker(1 / (1 + np.exp(-log_odds)), dosage, joint / joint.sum(axis=0))


def _running_product(first, factors):
    """Products of none, one, two... factors along the last axis."""
    factors = np.concatenate([np.ones_like(first), first, factors], axis=-1)
    return np.cumprod(factors, axis=-1)


def _check_ploidy(ploidy):
    if isinstance(ploidy, bool) or not isinstance(ploidy, int | np.integer) or ploidy < 1:
        raise ValueError(f"ploidy: got {ploidy!r}, expected an integer of at least 1")
