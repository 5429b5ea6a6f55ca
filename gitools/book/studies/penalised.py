"""Penalised regression on many simulated data sets: folds of people, and what is lost without."""

from typing import NamedTuple

import numpy as np
from scipy.stats import pearsonr

from gitools.shrinkage.penalised import elastic_net_rss_path


class Fold(NamedTuple):
    """One split of the people; both parts are scaled by what the fitting part knows.

    Attributes
    ----------
    fit, left_out : int arrays of shape (n_fit,) and (n_left_out,)
        Places of the people.
    X_fit, X_left_out : float arrays of shape (n_fit, p) and (n_left_out, p)
        Dosages less the mean, over the standard deviation, of the fitting part.
    R_fit, R_left_out : float arrays of shape (p, p)
        X'X over the number of people, of each part.
    """

    fit: np.ndarray
    left_out: np.ndarray
    X_fit: np.ndarray
    X_left_out: np.ndarray
    R_fit: np.ndarray
    R_left_out: np.ndarray


def split_people(dosages, fit, left_out) -> Fold:
    """Standardise by one group of people, and apply it to another.

    Parameters
    ----------
    dosages : array of shape (n, p)
        Genotypes.
    fit, left_out : int arrays
        Places of the people who are fitted to, and of those who are left out.

    Returns
    -------
    Fold

    Raises
    ------
    ValueError
        If a variant does not vary among the people who are fitted to.
    """
    X_fit, X_left_out = dosages[fit].astype(float), dosages[left_out].astype(float)
    mean, sd = X_fit.mean(axis=0), X_fit.std(axis=0)
    if np.any(sd == 0):
        raise ValueError(
            f"dosages: got column {np.argmin(sd)} of equal values among the {len(fit)} people "
            "fitted to, expected variants that vary"
        )
    X_fit, X_left_out = (X_fit - mean) / sd, (X_left_out - mean) / sd
    R_fit, R_left_out = (X.T @ X / len(X) for X in (X_fit, X_left_out))
    return Fold(fit, left_out, X_fit, X_left_out, R_fit, R_left_out)


def make_folds(dosages, n_folds, rng) -> list[Fold]:
    """Folds of people at random, each left out once.

    Parameters
    ----------
    dosages : array of shape (n, p)
        Genotypes.
    n_folds : int
        Number of folds, at least 2.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    list of Fold

    Raises
    ------
    ValueError
        If ``n_folds`` is not between 2 and the number of people, or see `split_people`.
    """
    n = len(dosages)
    if not isinstance(n_folds, int | np.integer) or not 2 <= n_folds <= n:
        raise ValueError(f"n_folds: got {n_folds!r}, expected an integer from 2 to {n}")
    parts = np.array_split(rng.permutation(n), n_folds)
    return [
        split_people(dosages, np.concatenate(parts[:k] + parts[k + 1 :]), parts[k])
        for k in range(n_folds)
    ]


def fold_losses(folds, trait, penalties, l1_ratio=1.0) -> np.ndarray:
    """Squared error of prediction in people left out, less their trait's variance.

    Parameters
    ----------
    folds : list of Fold
    trait : float array of shape (n,)
        The trait of all people.
    penalties : float array of shape (n_penalties,)
        Falling.
    l1_ratio : float
        Share of the absolute value in the penalty.

    Returns
    -------
    ndarray of shape (n_folds, n_penalties)
        In units of the squared trait; below 0 is better than the mean of the fitting people.
    """
    losses = np.empty((len(folds), len(penalties)))
    for row, fold in zip(losses, folds, strict=True):
        centre = trait[fold.fit].mean()
        beta = fold.X_fit.T @ (trait[fold.fit] - centre) / len(fold.fit)
        new = fold.X_left_out.T @ (trait[fold.left_out] - centre) / len(fold.left_out)
        _, path = elastic_net_rss_path(
            beta, fold.R_fit, len(fold.fit), l1_ratio, penalties=penalties, tol=1e-6
        )
        row[:] = np.einsum("ij,ij->i", path @ fold.R_left_out, path) - 2 * path @ new
    return losses


def penalty_grid(beta, l1_ratio=1.0, n_penalties=50, smallest=1e-2) -> np.ndarray:
    """Penalties from the smallest that leaves nothing, evenly in the logarithm.

    Parameters
    ----------
    beta : float array of shape (p,)
        Marginal effects, not all zero.
    l1_ratio : float
        Share of the absolute value in the penalty, above 0.
    n_penalties : int
    smallest : float
        The last penalty over the first.

    Returns
    -------
    ndarray of shape (n_penalties,)
    """
    return np.abs(beta).max() / l1_ratio * np.geomspace(1, smallest, n_penalties)


class NullTrait(NamedTuple):
    """A lasso, tuned and tested, on a trait of noise.

    Attributes
    ----------
    n_chosen : int
        Variants with an effect.
    p_left_out : float
        One-sided p-value of the correlation of prediction and trait in people left out of
        fitting and tuning; NaN if no variant has an effect.
    p_same : float
        The same in the people fitted to.
    """

    n_chosen: int
    p_left_out: float
    p_same: float


def null_trait(fold, folds, rng, n_penalties=30, smallest=0.1) -> NullTrait:
    """Tune a lasso on noise by folds within one part of the people, test it on the other.

    Parameters
    ----------
    fold : Fold
        Who is fitted to, and who is kept for the test.
    folds : list of Fold
        Folds of the people in ``fold.fit``, their places counted within that part.
    rng : numpy Generator
        Source of the trait.
    n_penalties, smallest : see `penalty_grid`

    Returns
    -------
    NullTrait
    """
    trait = rng.standard_normal(len(fold.fit))
    beta = fold.X_fit.T @ (trait - trait.mean()) / len(trait)
    penalties = penalty_grid(beta, n_penalties=n_penalties, smallest=smallest)
    best = int(fold_losses(folds, trait, penalties).mean(axis=0).argmin())
    _, path = elastic_net_rss_path(beta, fold.R_fit, len(trait), penalties=penalties, tol=1e-6)
    b = path[best]
    if not b.any():
        return NullTrait(0, np.nan, np.nan)
    kept = rng.standard_normal(len(fold.left_out))
    tests = (
        pearsonr(fold.X_left_out @ b, kept, alternative="greater"),
        pearsonr(fold.X_fit @ b, trait, alternative="greater"),
    )
    return NullTrait(int(np.count_nonzero(b)), *(float(test.pvalue) for test in tests))
