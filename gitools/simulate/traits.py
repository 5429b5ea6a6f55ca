"""Effects and traits on given genotypes: quantitative ones, and diseases by a liability.

Two scales of an effect occur. The *per-allele* effect is the change of the trait with one more
copy of the allele; the *standardised* effect is the change with one standard deviation of the
dosage, larger by sqrt(2 f (1 - f)) in Hardy-Weinberg proportions. Functions here take and return
standardised effects, on a trait (or liability) of variance 1.

References
----------
Speed, D., Hemani, G., Johnson, M. R. and Balding, D. J. (2012). Improved heritability estimation
from genome-wide SNPs. American Journal of Human Genetics 91, 1011-1021.

Lee, S. H., Wray, N. R., Goddard, M. E. and Visscher, P. M. (2011). Estimating missing
heritability for disease from genome-wide association studies. American Journal of Human Genetics
88, 294-305.
"""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

_COLUMNS_AT_A_TIME = 512


class BinaryTrait(NamedTuple):
    """People sampled by their disease status.

    Attributes
    ----------
    status : int8 array of shape (m,)
        1 for a case, 0 for a control.
    people : int array of shape (m,)
        Which of the simulated people was sampled, increasing.
    liability : float array of shape (m,)
        Their liabilities, in standard deviations of the population's.
    """

    status: np.ndarray
    people: np.ndarray
    liability: np.ndarray


def simulate_effects(
    frequencies,
    causal_fraction: float,
    h2: float,
    *,
    s: float = -1.0,
    w: float = 0.0,
    ld_scores=None,
    dosages=None,
    R=None,
    random_state=None,
) -> np.ndarray:
    r"""Draw sparse effects whose size may depend on frequency and LD, and scale them to h2.

    The per-allele effect of a causal variant with frequency f and LD score l is drawn from
    :math:`N(0, c\,[2f(1-f)]^s\, l^w)`, so that its standardised effect has variance proportional to
    :math:`[2f(1-f)]^{1+s}\, l^w`. With s = -1 standardised effects do not depend on frequency, with
    s = 0 per-allele effects do not. All effects are then multiplied by one number, so that they
    explain ``h2`` of a trait of variance 1.

    Parameters
    ----------
    frequencies : array of shape (p,)
        Allele frequencies, strictly between 0 and 1.
    causal_fraction : float
        Share of causal variants, in (0, 1]; their number is rounded, and at least one.
    h2 : float
        Variance explained by all variants together, in [0, 1).
    s, w : float
        Exponents of the heterozygosity (per-allele scale) and of the LD score.
    ld_scores : array of shape (p,), optional
        Sums of squared correlations *with the variant itself*, hence positive. Needed unless
        w = 0. (Without the self term, negative exponents have no limit.)
    dosages : array of shape (n, p), optional
        Genotypes in which ``h2`` holds: the variance of their genetic values, LD included.
    R : array of shape (p, p), optional
        LD matrix in which ``h2`` holds: b' R b = h2. With neither of the two, linkage equilibrium
        is assumed: the sum of b^2 is ``h2``.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    ndarray of shape (p,)
        Standardised effects: trait standard deviations per standard deviation of the dosage. Divide
        by sqrt(2 f (1 - f)) for per-allele effects.

    Raises
    ------
    ValueError
        If an argument is outside its range or sizes disagree.

    References
    ----------
    Speed et al. (2012).
    """
    frequencies = _check_frequencies(frequencies)
    variances = _effect_variances(frequencies, s, w, ld_scores)
    _check_range("causal_fraction", causal_fraction, 0 < _number(causal_fraction) <= 1, "(0, 1]")
    _check_range("h2", h2, 0 <= _number(h2) < 1, "[0, 1)")
    if dosages is not None and R is not None:
        raise ValueError("dosages, R: got both, expected at most one of them")
    rng = np.random.default_rng(random_state)
    p = frequencies.size
    causal = rng.choice(p, size=max(1, round(causal_fraction * p)), replace=False)
    effects = np.zeros(p)
    effects[causal] = rng.normal(0, np.sqrt(variances[causal]))
    explained = _explained(effects, dosages, R)
    return effects * np.sqrt(h2 / explained)


def genetic_values(dosages, effects) -> np.ndarray:
    """Genetic value of each person: the sum of effects times standardised dosages.

    Dosages are centred and divided by their standard deviation (divisor n) among these people.
    Only the columns with an effect are read, some hundred at a time.

    Parameters
    ----------
    dosages : array of shape (n, p)
        Genotypes.
    effects : array of shape (p,)
        Standardised effects.

    Returns
    -------
    ndarray of shape (n,)
        Genetic values of mean 0, in units of the trait.

    Raises
    ------
    ValueError
        If sizes disagree, an entry is not finite, or a variant with an effect does not vary.
    """
    dosages, effects = np.asarray(dosages), np.asarray(effects, dtype=float)
    if dosages.ndim != 2 or len(dosages) < 2:
        raise ValueError(f"dosages: got shape {dosages.shape}, expected (people, variants)")
    if effects.shape != dosages.shape[1:]:
        raise ValueError(
            f"effects: got shape {effects.shape}, expected ({dosages.shape[1]},) as dosages has "
            f"{dosages.shape[1]} columns"
        )
    if not np.all(np.isfinite(effects)):
        raise ValueError("effects: got NaN or infinity, expected finite numbers")
    with_effect = np.flatnonzero(effects)
    values = np.zeros(len(dosages))
    for start in range(0, with_effect.size, _COLUMNS_AT_A_TIME):
        columns = with_effect[start : start + _COLUMNS_AT_A_TIME]
        chunk = dosages[:, columns].astype(float)
        chunk -= chunk.mean(axis=0)
        sd = chunk.std(axis=0)
        if not np.all(np.isfinite(sd)):
            raise ValueError("dosages: got NaN or infinity, expected finite numbers")
        if np.any(sd == 0):
            raise ValueError(
                f"dosages: got column {columns[np.argmin(sd)]} of equal values with an effect, "
                "expected a variant that varies"
            )
        values += chunk @ (effects[columns] / sd)
    return values


def simulate_quantitative(genetic, *, noise_variance=None, random_state=None) -> np.ndarray:
    """Trait of variance 1: genetic values plus independent Gaussian noise.

    Parameters
    ----------
    genetic : array of shape (n,)
        Genetic values, in units of the trait.
    noise_variance : float, optional
        Variance of the noise, at least 0; by default 1 - var(genetic), so that the trait has
        variance 1 and the share explained is the heritability.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    ndarray of shape (n,)
        The trait.

    Raises
    ------
    ValueError
        If an argument is outside its range, or the genetic variance is 1 or more and no
        ``noise_variance`` is given.
    """
    genetic = _check_genetic(genetic)
    if noise_variance is None:
        noise_variance = _rest(genetic)
    inside = 0 <= _number(noise_variance) < np.inf
    _check_range("noise_variance", noise_variance, inside, "[0, inf)")
    noise = np.random.default_rng(random_state).normal(0, np.sqrt(noise_variance), genetic.size)
    return genetic + noise


def simulate_binary(
    genetic,
    prevalence: float,
    *,
    n_cases: int | None = None,
    n_controls: int | None = None,
    random_state=None,
) -> BinaryTrait:
    """Disease by the liability-threshold model, and a sample of cases and controls.

    The liability is the genetic value plus Gaussian noise, of variance 1 together; whoever exceeds
    the threshold that a standard normal variable exceeds with probability ``prevalence`` is ill.

    Parameters
    ----------
    genetic : array of shape (n,)
        Genetic values of the population on the liability scale, of mean about 0.
    prevalence : float
        Share of cases in the population, in (0, 1).
    n_cases, n_controls : int, optional
        How many to sample, without replacement; by default all there are.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    BinaryTrait
        ``status`` [m], ``people`` [m] and ``liability`` [m] of the sampled people.

    Raises
    ------
    ValueError
        If an argument is outside its range, the genetic variance is 1 or more, or there are too few
        cases or controls.

    Notes
    -----
    A few large effects make the genetic values and so the liability skewed or lumpy; the share of
    cases is then only near ``prevalence``.

    References
    ----------
    Lee et al. (2011).
    """
    genetic = _check_genetic(genetic)
    _check_range("prevalence", prevalence, 0 < _number(prevalence) < 1, "(0, 1)")
    rng = np.random.default_rng(random_state)
    liability = genetic + rng.normal(0, np.sqrt(_rest(genetic)), genetic.size)
    ill = liability > norm.isf(prevalence)
    sampled = [
        _sample(name, wanted, np.flatnonzero(group), rng)
        for name, wanted, group in (("n_cases", n_cases, ill), ("n_controls", n_controls, ~ill))
    ]
    people = np.sort(np.concatenate(sampled))
    return BinaryTrait(ill[people].astype(np.int8), people, liability[people])


def n_effective(n_cases, n_controls):
    r"""Effective sample size of a case-control study, :math:`4 / (1/n_1 + 1/n_0)`.

    The size of a study with as many cases as controls that is as informative.

    Parameters
    ----------
    n_cases, n_controls : float or array
        Numbers of people, positive.

    Returns
    -------
    float or ndarray
        Number of people.

    Raises
    ------
    ValueError
        If a number is not positive and finite.
    """
    counts = [np.asarray(count, dtype=float) for count in (n_cases, n_controls)]
    for name, count in zip(("n_cases", "n_controls"), counts, strict=True):
        if not np.all((count > 0) & np.isfinite(count)):
            raise ValueError(f"{name}: got {count}, expected positive finite numbers")
    return 4 / (1 / counts[0] + 1 / counts[1])


def binary_target(
    effects, prevalence: float, case_share: float | None = None, *, frequencies=None
) -> np.ndarray:
    r"""What a linear regression of disease status estimates: the target for a binary trait.

    The joint linear coefficients of the *standardised* status (mean 0, variance 1) on genotypes
    standardised in the population, all variants in one model. For liability effects b, prevalence
    K, the normal density :math:`\varphi(t)` at the threshold and a share P of cases in the sample,

    .. math:: \frac{\varphi(t)}{K(1-K)} \sqrt{P(1-P)}\; b,

    which in the whole population (P = K) is :math:`\varphi(t)\, b / \sqrt{K(1-K)}`. Marginal
    effects are, as for a quantitative trait, R times the target. With P = 1/2 it is on the scale of
    z / sqrt(`n_effective`), whatever the sample's true share of cases.

    Parameters
    ----------
    effects : array of shape (p,)
        Standardised effects on a liability of variance 1.
    prevalence : float
        Share of cases in the population, in (0, 1).
    case_share : float, optional
        Share of cases in the sample, in (0, 1); by default the prevalence: the target is then the
        coefficient in the population.
    frequencies : array of shape (p,), optional
        Allele frequencies, strictly between 0 and 1. With them the coefficients are summed over
        genotypes instead of taken to first order: see the notes.

    Returns
    -------
    ndarray of shape (p,)
        Standard deviations of the status per standard deviation of the dosage.

    Raises
    ------
    ValueError
        If an argument is outside its range, or ``frequencies`` are given and the squared effects
        sum to 1 or more.

    Notes
    -----
    Without ``frequencies`` to first order in the effects. In the population that is exact if
    genotypes were Gaussian (Stein's lemma); the first term left out makes a coefficient wrong by a
    share of about :math:`b_j\, t\, \gamma_j / 2`, with t the threshold and
    :math:`\gamma_j = (1-2f_j) / \sqrt{2f_j(1-f_j)}` the skewness of the dosage: a tenth for
    b = 0.05 at a frequency and a prevalence of a few per cent. A sample enriched for cases also
    correlates causal variants, an effect of second order too.

    With ``frequencies`` both are counted. Given the genotypes of one variant, or of two, the rest
    of the liability is taken as Gaussian, so the probability of illness is known for each of the
    three, or nine, genotypes. In Hardy-Weinberg proportions this gives E[x_j y] and E[x_j x_k y],
    hence means and covariances of genotypes among cases, among controls and in the sample; the
    coefficients solve its normal equations. The threshold is that of a Gaussian liability, as in
    `simulate_binary`; the share of cases beyond it is counted as it is. Variants with an effect
    must be in linkage equilibrium with each other; one without keeps zero, and may be in LD with
    one that has an effect (the one dosage is linear in the other).

    References
    ----------
    Lee et al. (2011).
    """
    effects = np.asarray(effects, dtype=float)
    if effects.ndim != 1 or not np.all(np.isfinite(effects)):
        raise ValueError(f"effects: got shape {effects.shape}, expected a vector of finite numbers")
    _check_range("prevalence", prevalence, 0 < _number(prevalence) < 1, "(0, 1)")
    share = prevalence if case_share is None else case_share
    _check_range("case_share", share, 0 < _number(share) < 1, "(0, 1)")
    threshold = norm.isf(prevalence)
    if frequencies is None:
        density = norm.pdf(threshold)
        return density / (prevalence * (1 - prevalence)) * np.sqrt(share * (1 - share)) * effects
    frequencies = _check_frequencies(frequencies)
    if frequencies.shape != effects.shape:
        raise ValueError(
            f"frequencies: got {frequencies.size}, expected {effects.size} as there are effects"
        )
    if effects @ effects >= 1:
        raise ValueError(
            f"effects: got squares that sum to {effects @ effects:.4g}, expected less than 1, the "
            "liability's variance"
        )
    target, at = np.zeros(len(effects)), np.flatnonzero(effects)
    target[at] = _projection(effects[at], frequencies[at], prevalence, case_share)
    return target


def _projection(b, frequencies, prevalence, share):
    """Joint coefficients of the standardised status in a sample with a share of cases."""
    threshold = norm.isf(prevalence)
    dosage, f = np.arange(3), frequencies[:, None]
    x = (dosage - 2 * f) / np.sqrt(2 * f * (1 - f))
    weight = np.array([1, 2, 1]) * f**dosage * (1 - f) ** (2 - dosage)
    shift, weighted = b[:, None] * x, weight * x
    ill = norm.sf((threshold - shift) / np.sqrt(1 - b[:, None] ** 2))
    # What a variant's skewness adds to the share of cases; to leading order variants add up.
    prevalence += np.sum(np.sum(weight * ill, axis=1) - prevalence)
    share = prevalence if share is None else share
    first = np.sum(weighted * ill, axis=1)
    second = np.empty((len(b), len(b)))
    for j in range(len(b)):
        rest = np.sqrt(np.maximum(1 - b[j] ** 2 - b**2, 0))[:, None, None]
        with_both = norm.sf((threshold - shift[j][:, None] - shift[:, None, :]) / rest)
        second[j] = np.einsum("a,kc,kac->k", weighted[j], weighted, with_both)
        second[j, j] = np.sum(weight[j] * x[j] ** 2 * ill[j])
    cases, controls = share / prevalence, (1 - share) / (1 - prevalence)
    mean = (cases - controls) * first
    moments = (cases - controls) * second + controls * np.eye(len(b))
    covariance = moments - np.outer(mean, mean)
    gap = first / (prevalence * (1 - prevalence))
    return np.sqrt(share * (1 - share)) * np.linalg.solve(covariance, gap)


def _effect_variances(frequencies, s, w, ld_scores):
    """Variances of standardised effects, up to a common factor."""
    for name, exponent in (("s", s), ("w", w)):
        _check_range(name, exponent, np.isfinite(_number(exponent)), "(-inf, inf)")
    variances = (2 * frequencies * (1 - frequencies)) ** (1 + s)
    if w == 0:
        return variances
    if ld_scores is None:
        raise ValueError(f"ld_scores: got None, expected {frequencies.size} of them since w = {w}")
    ld_scores = np.asarray(ld_scores, dtype=float)
    if ld_scores.shape != frequencies.shape or not np.all((ld_scores > 0) & np.isfinite(ld_scores)):
        raise ValueError(
            f"ld_scores: got shape {ld_scores.shape} with smallest value "
            f"{np.min(ld_scores, initial=np.inf)}, expected {frequencies.size} positive numbers "
            "(the variant's own correlation is counted)"
        )
    return variances * ld_scores**w


def _explained(effects, dosages, R):
    """Variance that the effects explain."""
    if dosages is not None:
        return genetic_values(dosages, effects).var()
    if R is None:
        return effects @ effects
    R = np.asarray(R, dtype=float)
    if R.shape != 2 * effects.shape or not np.all(np.isfinite(R)):
        raise ValueError(
            f"R: got shape {R.shape}, expected {2 * effects.shape} of finite correlations"
        )
    explained = effects @ R @ effects
    if explained <= 0:
        raise ValueError(
            f"R: got a matrix by which the effects explain {explained:.3g}, expected a positive "
            "variance (is it positive semi-definite?)"
        )
    return explained


def _rest(genetic):
    """Variance left for the environment."""
    explained = genetic.var()
    if explained >= 1:
        raise ValueError(
            f"genetic: got variance {explained:.4g}, expected less than 1, the trait's variance"
        )
    return 1 - explained


def _sample(name, wanted, group, rng):
    if wanted is None:
        return group
    if isinstance(wanted, bool) or not isinstance(wanted, Integral):
        raise ValueError(f"{name}: got {wanted!r}, expected an integer or None")
    if not 0 <= wanted <= group.size:
        raise ValueError(f"{name}: got {wanted}, expected 0 to {group.size}, as many as there are")
    return rng.choice(group, size=wanted, replace=False)


def _check_frequencies(frequencies):
    frequencies = np.asarray(frequencies, dtype=float)
    if frequencies.ndim != 1 or frequencies.size == 0:
        raise ValueError(f"frequencies: got shape {frequencies.shape}, expected (variants,)")
    if not np.all((frequencies > 0) & (frequencies < 1)):
        raise ValueError(
            f"frequencies: got values from {frequencies.min()} to {frequencies.max()}, expected "
            "numbers strictly between 0 and 1"
        )
    return frequencies


def _check_genetic(genetic):
    genetic = np.asarray(genetic, dtype=float)
    if genetic.ndim != 1 or genetic.size == 0 or not np.all(np.isfinite(genetic)):
        raise ValueError(f"genetic: got shape {genetic.shape}, expected a vector of finite numbers")
    return genetic


def _number(value):
    """The value, or NaN (which no range holds) if it is no number."""
    return value if isinstance(value, Real) and not isinstance(value, bool) else np.nan


def _check_range(name, value, inside, interval):
    if not inside:
        raise ValueError(f"{name}: got {value!r}, expected a number in {interval}")
