"""Replicate studies of the chapter on neural shrinkage."""

from typing import NamedTuple

import numpy as np

from gitools.shrinkage.neural import _ld
from gitools.shrinkage.neural_solver import solve
from gitools.shrinkage.neural_training import SettingsPrior, draw_block, simulate_stretch

# People, share of variance explained by the window, share of variants that are causal.
SETTINGS = {
    "sparse": (50_000, 0.01, 0.01),
    "dense": (50_000, 0.01, 0.05),
    "weak": (50_000, 0.002, 0.01),
    "biobank": (400_000, 0.005, 0.02),
    "small study": (10_000, 0.02, 0.02),
}


class Answers(NamedTuple):
    """Posterior and truth of many data sets on windows of one size; units: standard errors.

    Attributes
    ----------
    mean, sd, pip, truth : arrays of shape (n_data_sets, p)
    """

    mean: np.ndarray
    sd: np.ndarray
    pip: np.ndarray
    truth: np.ndarray


def exchangeable(n, h2, causal_fraction, null_share=0.0) -> SettingsPrior:
    """Settings whose effects depend on neither frequency nor LD.

    Parameters
    ----------
    n : float
        People.
    h2 : float
        Share of the trait's variance that a window explains, were its causal variants unlinked.
    causal_fraction : float
    null_share : float
        Share of traits without any effect.

    Returns
    -------
    SettingsPrior
    """
    return SettingsPrior(
        n=(n, n),
        h2=(h2, h2),
        signal=(0.0, np.inf),
        causal_fraction=(causal_fraction, causal_fraction),
        frequency_power=(0.0, 0.0),
        ld_power=(0.0, 0.0),
        null_share=null_share,
    )


def draw_windows(n_windows, n_variants, n_traits, prior, rng):
    """Fresh stretches, each whole and with several traits.

    Parameters
    ----------
    n_windows, n_variants, n_traits : int
        At most 64 traits a window.
    prior : SettingsPrior
    rng : numpy Generator

    Returns
    -------
    list of SimulatedBlock
    """
    blocks = []
    for _ in range(n_windows):
        stretch = simulate_stretch(n_variants, rng)
        size, cells = (n_variants, n_variants), n_variants * n_traits
        blocks.append(draw_block(stretch, prior, rng, sizes=size, cells=cells))
    return blocks


def answer(model, blocks) -> Answers:
    """Posterior of every data set of blocks of one size.

    Parameters
    ----------
    model : NeuralShrinkage
    blocks : list of SimulatedBlock

    Returns
    -------
    Answers
    """
    parts = []
    for block in blocks:
        found = model.posterior(block.z, np.ones(len(block.z)), block.R)
        parts.append((found.mean.T, found.sd.T, found.pip.T, block.u.T))
    return Answers(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def study_references(model, sizes, n_windows, n_variants, n_traits, prior, rng):
    """Errors with LD from other people of the same population.

    Parameters
    ----------
    model : NeuralShrinkage
    sizes : sequence of int
        People behind the LD matrix, at most 3,000; none of them is in the study.
    n_windows, n_variants, n_traits : int
    prior : SettingsPrior
    rng : numpy Generator

    Returns
    -------
    array of shape (1 + len(sizes), n_windows * n_traits)
        Squared errors over the mean of zero's; first with the LD of the study's own people.
    """
    rows = []
    for _ in range(n_windows):
        stretch = simulate_stretch(n_variants, rng, n_people=6000)
        own, others = stretch.standardised[:3000], stretch.standardised[3000:]
        own = own - own.mean(axis=0)
        own = own / np.maximum(own.std(axis=0), 1e-6)
        R = _correlations(own)
        inside = stretch._replace(standardised=own, R=R)
        size, cells = (n_variants, n_variants), n_variants * n_traits
        block = draw_block(inside, prior, rng, sizes=size, cells=cells)
        panels = [block.R, *(_correlations(others[:m]) for m in sizes)]
        estimates = [model.predict(block.z, np.ones(n_variants), one) for one in panels]
        errors = [((estimate - block.u) ** 2).sum(axis=0) for estimate in estimates]
        rows.append([*errors, (block.u**2).sum(axis=0)])
    table = np.concatenate(rows, axis=1)
    return table[:-1] / table[-1].mean()


def _correlations(standardised):
    """Correlations of the columns; one that does not vary among these people has none."""
    X = standardised.astype(float) - standardised.mean(axis=0)
    sd = X.std(axis=0)
    X = X / np.where(sd > 0, sd, 1)
    R = X.T @ X / len(X)
    np.fill_diagonal(R, 1.0)
    return (R + R.T) / 2


def ratio_interval(numerator, denominator, rng, n_boot=2000):
    """Ratio of two sums over data sets, with a bootstrap interval of 95 %.

    Parameters
    ----------
    numerator, denominator : arrays of shape (n_data_sets,)
        Paired.
    rng : numpy Generator
    n_boot : int

    Returns
    -------
    ratio : float
    interval : array of shape (2,)
    """
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    drawn = rng.integers(len(numerator), size=(n_boot, len(numerator)))
    ratios = numerator[drawn].sum(axis=1) / denominator[drawn].sum(axis=1)
    return numerator.sum() / denominator.sum(), np.quantile(ratios, [0.025, 0.975])


def errors_by_round(model, blocks) -> np.ndarray:
    """Squared error after every round, over that of predicting zero.

    Parameters
    ----------
    model : NeuralShrinkage
    blocks : list of SimulatedBlock

    Returns
    -------
    array of shape (n_rounds,)
        Mean over data sets of the ratio of summed errors within a window.
    """
    ratios = []
    for block in blocks:
        means = solve(model.parameters_, block.z, _ld(block.R), every_round=True)[3]
        zero = np.sum(block.u**2)
        ratios.append([np.sum((mean - block.u) ** 2) / zero for mean in means])
    return np.mean(ratios, axis=0)


def resampled_ratios(numerator, denominator, rng, n_boot=2000) -> np.ndarray:
    """Ratio of two sums over paired data sets, then the same of resampled data sets.

    Parameters
    ----------
    numerator, denominator : arrays of shape (n_data_sets,)
    rng : numpy Generator
    n_boot : int

    Returns
    -------
    array of shape (1 + n_boot,)
    """
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    drawn = rng.integers(len(numerator), size=(n_boot, len(numerator)))
    drawn = np.vstack([np.arange(len(numerator)), drawn])
    return numerator[drawn].sum(axis=1) / denominator[drawn].sum(axis=1)


def grouped(announced, observed, n_groups):
    """Means in groups of equal size, by what was announced.

    Parameters
    ----------
    announced, observed : arrays of shape (n_data_sets, p)
    n_groups : int

    Returns
    -------
    announced, observed, half_widths : arrays of shape (n_groups,)
        Means, and two standard errors over data sets of the observed one.
    """
    edges = np.quantile(announced, np.linspace(0, 1, n_groups + 1)[1:-1])
    return _means(announced, observed, np.digitize(announced, edges), n_groups)


def binned(announced, observed, n_bins):
    """Means in bins of equal width from 0 to 1, by what was announced; see `grouped`."""
    places = np.minimum((announced * n_bins).astype(int), n_bins - 1)
    return _means(announced, observed, places, n_bins)


def _means(announced, observed, places, n_groups):
    rows = []
    for group in range(n_groups):
        inside = places == group
        count = inside.sum()
        if count == 0:
            continue
        mean = observed[inside].mean()
        # Variants of one data set move together: residuals are summed within it first.
        sums = np.where(inside, observed - mean, 0.0).sum(axis=1)
        half = 2 * np.sqrt(len(sums)) * sums.std(ddof=1) / count
        rows.append((announced[inside].mean(), mean, half))
    return tuple(np.array(column) for column in zip(*rows, strict=True))
