"""Galiana on many simulated panels, and what it is compared to."""

from typing import NamedTuple

import numpy as np

from gitools.genomes.models import Galiana
from gitools.genomes.training import torch_generator
from gitools.simulate.plants import simulate_ionome, simulate_plants
from gitools.simulate.variant_types import DAMAGING_TYPES, VARIANT_TYPES

N_PLANTS, N_GENES, N_TEST = 700, 200, 300


class Panel(NamedTuple):
    """A simulated panel with one trait architecture, split once.

    Attributes
    ----------
    tensor : int8 array of shape (n, genes, 17)
    variants : int8 array of shape (n, p)
    variant_gene : int array of shape (p,)
    country : int array of shape (n,)
    traits : float array of shape (n, T)
        Means over replicates.
    genetic : float array of shape (n, T)
        Genetic values without country effects.
    causal_genes : bool array of shape (genes, T)
    pool, test : int arrays
        Plants to learn from (their order is random, so the first of them are a random sample) and
        plants to score.
    """

    tensor: np.ndarray
    variants: np.ndarray
    variant_gene: np.ndarray
    country: np.ndarray
    traits: np.ndarray
    genetic: np.ndarray
    causal_genes: np.ndarray
    pool: np.ndarray
    test: np.ndarray


def draw_panel(architecture, *, n_plants=N_PLANTS, n_genes=N_GENES, n_test=N_TEST, random_state):
    """Simulate plants and traits and choose the test plants.

    Parameters
    ----------
    architecture : str
        As `gitools.simulate.plants.simulate_ionome`.
    n_plants, n_genes, n_test : int
    random_state : int or numpy Generator

    Returns
    -------
    Panel
    """
    rng = np.random.default_rng(random_state)
    plants = simulate_plants(n_plants, n_genes, random_state=rng)
    order = rng.permutation(n_plants)
    traits = simulate_ionome(plants, architecture, n_auxiliary=0, random_state=rng)
    return Panel(
        tensor=plants.tensor,
        variants=plants.variants,
        variant_gene=plants.variant_gene,
        country=plants.country,
        traits=traits.means,
        genetic=traits.genetic,
        causal_genes=traits.causal_genes,
        pool=order[n_test:],
        test=order[:n_test],
    )


def shuffle_within(values, groups, rng):
    """Rows permuted among the plants of each group."""
    shuffled = values.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        shuffled[rows] = values[rng.permutation(rows)]
    return shuffled


def centre_within(values, groups):
    """Values minus the mean of their group, column by column."""
    _, place = np.unique(groups, return_inverse=True)
    sums = np.zeros((place.max() + 1, values.shape[1]))
    np.add.at(sums, place, values)
    return values - (sums / np.bincount(place)[:, None])[place]


def correlations_within(values, predictions, groups):
    """Pooled correlation within groups, column by column; 0 where a prediction is constant.

    Parameters
    ----------
    values, predictions : float arrays of shape (n, T)
    groups : array of shape (n,)

    Returns
    -------
    float array of shape (T,)
    """
    y, p = centre_within(values, groups), centre_within(predictions, groups)
    size = np.sqrt((y**2).sum(0) * (p**2).sum(0))
    return np.divide((y * p).sum(0), size, out=np.zeros(y.shape[1]), where=size > 1e-12)


def permutation_p_values(values, predictions, groups, n_permutations, rng):
    """One-sided p-values of correlations within groups, labels permuted within groups.

    Parameters
    ----------
    values, predictions : float arrays of shape (n, T)
    groups : array of shape (n,)
    n_permutations : int
    rng : numpy Generator

    Returns
    -------
    float array of shape (T,)
    """
    found = correlations_within(values, predictions, groups)
    reached = np.zeros(len(found))
    for _ in range(n_permutations):
        shuffled = shuffle_within(values, groups, rng)
        reached += correlations_within(shuffled, predictions, groups) >= found
    return (1 + reached) / (1 + n_permutations)


def damaging_counts(tensor):
    """Variants of a damaging type in each gene, [n, genes]."""
    damaging = [name in DAMAGING_TYPES for name in VARIANT_TYPES]
    return tensor[:, :, damaging].sum(axis=2).astype(float)


def gene_statistics(values, predictors):
    """Absolute correlation of each predictor with each trait, [predictors, T]; 0 if constant."""
    x, y = (v - v.mean(axis=0) for v in (predictors, values))
    size = np.sqrt((x**2).sum(axis=0))[:, None] * np.sqrt((y**2).sum(axis=0))
    return np.abs(np.divide(x.T @ y, size, out=np.zeros(size.shape), where=size > 1e-12))


def best_in_gene(statistics, variant_gene, n_genes):
    """Largest statistic among the variants of each gene, [genes, T]."""
    best = np.zeros((n_genes, statistics.shape[1]))
    np.maximum.at(best, variant_gene, statistics)
    return best


def precision_at_causal(scores, causal):
    """Share of causal genes among the k of highest score, k the number of causal ones.

    Parameters
    ----------
    scores : float array of shape (genes, T)
    causal : bool array of shape (genes, T)

    Returns
    -------
    float array of shape (T,)
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(causal, order, axis=0)
    k = causal.sum(axis=0)
    return np.array([ranked[: k[t], t].mean() for t in range(len(k))])


def start_models(n_models, n_genes, n_types, n_tasks, hidden, rng):
    """Galianas with initial weights of their own."""
    return [
        Galiana(n_genes, n_types, n_tasks, hidden=hidden, generator=torch_generator(rng))
        for _ in range(n_models)
    ]
