"""Modes, tails, correlations and missing values of expression, over many simulated data sets."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from gitools.mixtures import GaussianMixtureEM
from gitools.mixtures.selection import fit_rows, row_posteriors
from gitools.mixtures.tail_mixture import fit_with_tail, tail_posteriors

_FLOOR = 1e-3
_SETTINGS = {"n_starts": 6, "floor": _FLOOR, "tol": 1e-6, "max_iter": 500}


def count_modes(values, *, with_tail: bool, most: int = 4, random_state=None) -> np.ndarray:
    """Number of Gaussians that BIC chooses for each gene.

    Parameters
    ----------
    values : float array of shape (n_genes, n_samples)
        Log expression.
    with_tail : bool
        Whether the mixture has a tail component besides.
    most : int
        Largest number tried.
    random_state : int, numpy Generator or None
        Source of the starts.

    Returns
    -------
    int array of shape (n_genes,)
    """
    rng = np.random.default_rng(random_state)
    n, bics = values.shape[1], []
    for K in range(1, most + 1):
        if with_tail:
            bics.append(fit_with_tail(values, K, **_SETTINGS, random_state=rng).bic(n))
        else:
            # The same starts as with a tail, so that only the tail makes the difference.
            fits = fit_rows(values, K, init="points", **_SETTINGS, random_state=rng)
            bics.append(-2 * fits.log_likelihood + (3 * K - 1) * np.log(n))
    return 1 + np.argmin(bics, axis=0)


def wrong_calls(values, on, *, with_tail: bool, random_state=None) -> np.ndarray:
    """Share of samples called in the wrong mode by a mixture with two Gaussians, for each gene.

    A sample of the tail goes with the nearer Gaussian.

    Parameters
    ----------
    values : float array of shape (n_genes, n_samples)
    on : bool array of shape (n_genes, n_samples)
        The truth.
    with_tail : bool
    random_state : int, numpy Generator or None

    Returns
    -------
    float array of shape (n_genes,)
    """
    if with_tail:
        fits = fit_with_tail(values, 2, **_SETTINGS, random_state=random_state)
        _, r, tail = tail_posteriors(values, fits)
        upper = values > fits.means.mean(axis=1)[:, None]
        called = r[:, 1] + tail * upper > 0.5
    else:
        fits = fit_rows(values, 2, init="points", **_SETTINGS, random_state=random_state)
        _, r = row_posteriors(values, fits)
        which = fits.means.argmax(axis=1)
        called = r[np.arange(len(values)), which] > 0.5
    return np.mean(called != on, axis=1)


def bayes_wrong_calls(values, on, *, separation, share_on, tail_share, tail_scale) -> np.ndarray:
    """The same for the calls that the true densities of `simulate_expression` give."""
    off = (1 - tail_share) * (1 - share_on) * stats.norm.pdf(values)
    upper = (1 - tail_share) * share_on * stats.norm.pdf(values, separation)
    tail = tail_share * stats.expon.pdf(values, separation, tail_scale)
    return np.mean((upper + tail > off) != on, axis=1)


def within_mode_p(first, second, modes) -> np.ndarray:
    """P-values of the correlation of two genes once the means of the modes are taken out.

    Parameters
    ----------
    first, second : float arrays of shape (n_pairs, n_samples)
    modes : bool array of shape (n_pairs, n_samples)
        Mode of each sample; where all are equal this is the plain test.

    Returns
    -------
    float array of shape (n_pairs,)
    """
    residuals = [_residual(values, modes) for values in (first, second)]
    product = (residuals[0] * residuals[1]).sum(axis=1)
    r = product / np.sqrt((residuals[0] ** 2).sum(axis=1) * (residuals[1] ** 2).sum(axis=1))
    mixed = modes.any(axis=1) & ~modes.all(axis=1)
    df = modes.shape[1] - 2 - mixed
    return 2 * stats.t.sf(np.abs(r) * np.sqrt(df / (1 - r**2)), df)


def _residual(values, modes):
    upper = modes.sum(axis=1, keepdims=True)
    lower = modes.shape[1] - upper
    above = (values * modes).sum(axis=1, keepdims=True) / np.maximum(upper, 1)
    below = (values * ~modes).sum(axis=1, keepdims=True) / np.maximum(lower, 1)
    return values - np.where(modes, above, below)


def modes_of_pair(first, second, *, random_state=None) -> np.ndarray:
    """Modes that a mixture on the two genes finds: one or two components, by BIC.

    Parameters
    ----------
    first, second : float arrays of shape (n_pairs, n_samples)
    random_state : int, numpy Generator or None

    Returns
    -------
    bool array of shape (n_pairs, n_samples)
        All false where BIC chooses one component.
    """
    rng = np.random.default_rng(random_state)
    modes = np.zeros(first.shape, dtype=bool)
    for pair, X in enumerate(np.stack([first, second], axis=2)):
        seed = int(rng.integers(2**31))
        two = GaussianMixtureEM(2, n_init=3, floor=_FLOOR, tol=1e-6, random_state=seed).fit(X)
        if two.bic(X) < GaussianMixtureEM(1).fit(X).bic(X):
            modes[pair] = two.predict(X) == 1
    return modes


def modes_of_others(others, *, random_state=None) -> np.ndarray:
    """Modes that a mixture of two Gaussians finds on the mean of other genes.

    Parameters
    ----------
    others : float array of shape (n_pairs, n_others, n_samples)
    random_state : int, numpy Generator or None

    Returns
    -------
    bool array of shape (n_pairs, n_samples)
    """
    mean = others.mean(axis=1)
    fits = fit_rows(mean, 2, **_SETTINGS, random_state=random_state)
    _, r = row_posteriors(mean, fits)
    return r[np.arange(len(mean)), fits.means.argmax(axis=1)] > 0.5


def simulate_factor(n_samples, n_genes=5, *, within=0.6, separation=3.0, random_state=None):
    """Genes that follow a mode and, within it, a common factor.

    Parameters
    ----------
    n_samples, n_genes : int
    within : float
        Correlation of any two genes within a mode.
    separation : float
        Distance of the modes, in standard deviations within a mode.
    random_state : int, numpy Generator or None

    Returns
    -------
    float array of shape (n_samples, n_genes)
    """
    rng = np.random.default_rng(random_state)
    factor, own = rng.normal(size=(n_samples, 1)), rng.normal(size=(n_samples, n_genes))
    on = rng.random((n_samples, 1)) < 0.4
    return np.sqrt(within) * factor + np.sqrt(1 - within) * own + separation * on


def fill_in(X, *, n_components=2, random_state=None) -> np.ndarray:
    """Fill in missing entries by their expectation under a mixture fitted to what is there.

    Parameters
    ----------
    X : float array of shape (n_samples, n_genes)
        NaN marks a missing entry.
    n_components : int
    random_state : int, numpy Generator or None

    Returns
    -------
    float array of shape (n_samples, n_genes)
    """
    mixture = GaussianMixtureEM(
        n_components, n_init=2, floor=_FLOOR, tol=1e-6, random_state=random_state
    ).fit(X)
    r, filled = mixture.predict_proba(X), X.copy()
    for i, missing in enumerate(np.isnan(X)):
        if missing.any():
            guesses = [
                _given(X[i], missing, *p)
                for p in zip(mixture.means_, mixture.covariances_, strict=True)
            ]
            filled[i, missing] = r[i] @ np.array(guesses)
    return filled


def _given(x, missing, mean, covariance):
    """Conditional mean of the missing entries of a Gaussian vector."""
    seen = ~missing
    if not seen.any():
        return mean
    slope = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, missing)])
    return mean[missing] + (x[seen] - mean[seen]) @ slope


MODULE_SIZES = (100, 50, 30, 20)
MODULE_SHARES = (0.5, 0.6, 0.7, 0.8)
N_PROFILE = 24


def simulate_modules(some: bool, rng) -> tuple[np.ndarray, np.ndarray]:
    """Standardised profiles of genes over samples, in four modules or in none.

    Parameters
    ----------
    some : bool
        Whether there are modules.
    rng : numpy Generator

    Returns
    -------
    profiles : float array of shape (200, 24)
        Each row has mean 0 and variance 1.
    module : int array of shape (200,)
    """
    n_genes = sum(MODULE_SIZES)
    module = np.repeat(np.arange(4), MODULE_SIZES) * some
    share = np.array(MODULE_SHARES if some else (0.0,))[module][:, None]
    profiles, noise = rng.normal(size=(4, N_PROFILE)), rng.normal(size=(n_genes, N_PROFILE))
    values = np.sqrt(share) * profiles[module] + np.sqrt(1 - share) * noise
    values -= values.mean(axis=1, keepdims=True)
    return values / values.std(axis=1, keepdims=True), module


def fit_gene_clusters(profiles, most: int = 7, *, random_state=None) -> list[GaussianMixtureEM]:
    """Spherical mixtures over genes with one to `most` components.

    Parameters
    ----------
    profiles : float array of shape (n_genes, n_samples)
    most : int
    random_state : int, numpy Generator or None

    Returns
    -------
    list of GaussianMixtureEM
    """
    rng = np.random.default_rng(random_state)
    return [
        GaussianMixtureEM(
            K, "spherical", n_init=5, floor=_FLOOR, random_state=int(rng.integers(2**31))
        ).fit(profiles)
        for K in range(1, most + 1)
    ]


class Spots(NamedTuple):
    """Simulated spots of a microarray.

    Attributes
    ----------
    pixels : float array of shape (n_spots, 40, 40)
        Binary logarithm of the light.
    on_spot : bool array of shape (n_spots, 40, 40)
        Pixels of the disc, its hole left out.
    template : bool array of shape (n_spots, 40, 40)
        The fixed circle, of radius 15 pixels.
    truth : float
        Brightness of the disc, without noise.
    """

    pixels: np.ndarray
    on_spot: np.ndarray
    template: np.ndarray
    truth: float


def simulate_spots(n_spots: int, rng) -> Spots:
    """Discs of radius 10 to 14 pixels with a hole, background, noise and one pixel in 100 dust.

    Parameters
    ----------
    n_spots : int
    rng : numpy Generator

    Returns
    -------
    Spots
    """
    side = np.arange(40) - 19.5
    distance = np.hypot(side[:, None], side)
    radius = rng.uniform(10, 14, (n_spots, 1, 1))
    on_spot = (distance < radius) & (distance > 0.25 * radius)
    light = np.where(on_spot, rng.normal(10, 0.6, on_spot.shape), rng.normal(8, 0.5, on_spot.shape))
    dust = rng.random(on_spot.shape) < 0.01
    light = np.where(dust, rng.uniform(11, 16, on_spot.shape), light)
    template = np.broadcast_to(distance < 15, on_spot.shape)
    return Spots(light, on_spot, template, 10.0)
