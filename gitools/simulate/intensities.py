"""Signal ratios of a genotyping array, with the allele dosage that made them."""

import numpy as np


def dosage_means(ploidy: int, *, bias: float = 1.0, background: float = 0.05) -> np.ndarray:
    """Expected signal ratio of each dosage class.

    With k copies of allele B among ``ploidy``, the two dyes give signals proportional to
    ``bias * k`` and ``ploidy - k``; the ratio is B / (A + B), pressed into
    [background, 1 - background] by the light that is there without any allele.

    Parameters
    ----------
    ploidy : int
        Number of chromosome copies, at least 1.
    bias : float
        How much brighter a B allele shines than an A allele; 1 means equally bright.
    background : float
        Ratio at dosage 0, in [0, 0.5).

    Returns
    -------
    ndarray of shape (ploidy + 1,)
        Ratios without unit, increasing.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    if not isinstance(ploidy, int | np.integer) or ploidy < 1:
        raise ValueError(f"ploidy: got {ploidy!r}, expected an integer of at least 1")
    if not (np.isfinite(bias) and bias > 0):
        raise ValueError(f"bias: got {bias!r}, expected a positive number")
    if not 0 <= background < 0.5:
        raise ValueError(f"background: got {background!r}, expected a number in [0, 0.5)")
    copies = np.arange(ploidy + 1)
    ratio = bias * copies / (bias * copies + ploidy - copies)
    return background + (1 - 2 * background) * ratio


def simulate_intensities(
    n: int,
    ploidy: int = 4,
    frequency: float = 0.5,
    *,
    sd: float | np.ndarray = 0.03,
    bias: float = 1.0,
    background: float = 0.05,
    random_state=None,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate the signal ratio of one marker in a population of polyploid plants.

    The dosage is binomial (random mating, no double reduction), and the ratio is Gaussian around
    the mean of its dosage class (`dosage_means`), so that the ratios are exactly a Gaussian
    mixture with known labels.

    Parameters
    ----------
    n : int
        Number of plants, at least 1.
    ploidy : int
        Number of chromosome copies.
    frequency : float
        Frequency of allele B, in [0, 1].
    sd : float or array of shape (ploidy + 1,)
        Standard deviation of the ratio within a class, or within each class.
    bias, background : float
        See `dosage_means`.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    ratio : ndarray of shape (n,)
        Signal ratios, without unit. They are not cut to [0, 1].
    dosage : ndarray of int, shape (n,)
        True number of copies of allele B.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n: got {n!r}, expected an integer of at least 1")
    if not 0 <= frequency <= 1:
        raise ValueError(f"frequency: got {frequency!r}, expected a number in [0, 1]")
    means = dosage_means(ploidy, bias=bias, background=background)
    sd = np.asarray(sd, dtype=float)
    if sd.shape not in ((), means.shape) or not np.all(np.isfinite(sd) & (sd > 0)):
        raise ValueError(f"sd: got {sd!r}, expected a positive number, or {ploidy + 1} of them")
    rng = np.random.default_rng(random_state)
    dosage = rng.binomial(ploidy, frequency, size=n)
    ratio = rng.normal(means[dosage], np.broadcast_to(sd, means.shape)[dosage])
    return ratio, dosage
