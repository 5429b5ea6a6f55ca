"""Right and wrong biology in a sparse layer: linear predictors, networks side by side, recovery."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import nn
from tqdm import tqdm

from gitools.genomes import BMSNN, DistinctGenes, SparseLinear
from gitools.genomes.together import train_together


def progress(steps, label: str):
    """A bar over long loops, silent where the book is built."""
    return tqdm(steps, desc=label, disable=bool(os.environ.get("GITOOLS_QUIET")))


def read_kernels(path) -> pd.DataFrame:
    """The table of the linear study, one row a panel, condition and share, with its r."""
    keys = ["panel", "overlap", "n", "edges", "weight"]
    table = pd.read_csv(path).melt(keys, var_name="share", value_name="r")
    return table.assign(share=table.share.astype(float))


def two_errors(values) -> float:
    """Two standard errors of a mean over data sets."""
    values = np.asarray(values, dtype=float)
    return float(2 * values.std(ddof=1) / np.sqrt(len(values)))


def dense_edges(n_in: int, n_out: int) -> np.ndarray:
    """Every pair of input and output: a dense layer, as edges."""
    return np.stack(np.meshgrid(range(n_in), range(n_out), indexing="ij"), axis=-1).reshape(-1, 2)


def random_groups(n_genes: int, n_pathways: int, rng) -> np.ndarray:
    """One pathway a gene, all equally likely."""
    return np.column_stack([np.arange(n_genes), rng.integers(n_pathways, size=n_genes)])


def ring_edges(edges, n_genes: int, dummy: int) -> np.ndarray:
    """Gene-gene edges: each gene to itself, and in a pathway to both neighbours in a ring."""
    pairs = [np.column_stack([np.arange(n_genes)] * 2)]
    for pathway in np.unique(edges[:, 1]):
        genes = edges[edges[:, 1] == pathway, 0]
        if pathway != dummy and len(genes) > 1:
            after = np.roll(genes, -1)
            pairs += [np.column_stack([genes, after]), np.column_stack([after, genes])]
    return np.unique(np.concatenate(pairs), axis=0)


def within_correlation(Y, prediction, groups) -> np.ndarray:
    """Correlation of each trait with its prediction, both less their groups' means.

    Parameters
    ----------
    Y, prediction : float arrays of shape (n, T)
    groups : array of shape (n,)

    Returns
    -------
    float array of shape (T,)
        The pooled-within correlation; 0 where the prediction does not vary within groups.
    """
    y, p = less_group_means(Y, groups), less_group_means(prediction, groups)
    size = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    return (y * p).sum(axis=0) / np.maximum(size, 1e-12)


def less_group_means(values, groups, train=None) -> np.ndarray:
    """Values less the mean of their group over the training rows (default: all rows).

    A group without a training row loses the mean of all training rows.
    """
    values = np.asarray(values, dtype=float)
    rows = np.arange(len(values)) if train is None else np.asarray(train)
    _, labels = np.unique(groups, return_inverse=True)
    member = np.zeros((labels.max() + 1, len(values)))
    member[labels[rows], rows] = 1
    counts = member.sum(axis=1, keepdims=True)
    means = np.where(counts > 0, member @ values / np.maximum(counts, 1), values[rows].mean(axis=0))
    return values - means[labels]


def standardised(values, train) -> np.ndarray:
    """Columns with mean 0 and standard deviation 1 on the training rows; flat ones become 0."""
    centred = values - values[train].mean(axis=0)
    sd = centred[train].std(axis=0)
    return np.where(sd > 1e-9, centred / np.where(sd > 1e-9, sd, 1), 0.0)


def shared_effects(edges, n_genes: int, dummy: int, weight: float) -> np.ndarray:
    r"""Covariance [genes, genes] of effects that share a part within pathways.

    An effect is the gene's size times the sum of its pathways' loadings: with the share ``weight``
    that is common to a pathway, M the membership and n_g a gene's number of pathways, it is
    :math:`(1 - \omega)\, \mathrm{diag}(n_g) + \omega\, M M^\top`. Genes of the dummy share
    nothing.
    """
    member = np.zeros((n_genes, edges[:, 1].max() + 1))
    kept = edges[edges[:, 1] != dummy]
    member[kept[:, 0], kept[:, 1]] = 1
    alone = np.maximum(member.sum(axis=1), 1)
    together = member @ member.T
    np.fill_diagonal(together, alone)
    return (1 - weight) * np.diag(alone) + weight * together


def kernel_predictions(B, covariance, Y, groups, train, test, ratio) -> np.ndarray:
    """Best linear prediction where effects have a given covariance and variances are known.

    Parameters
    ----------
    B : float array of shape (n, genes)
        Gene scores.
    covariance : float array of shape (genes, genes)
        Of effects, up to scale.
    Y : float array of shape (n, T)
    groups : array of shape (n,)
        Each group has a mean of its own.
    train, test : int arrays
    ratio : float
        Variance of a value's noise over the genetic variance within groups.

    Returns
    -------
    float array of shape (len(test), T)
        Predicted deviations from the group's mean.
    """
    features = less_group_means(standardised(B, train), groups, train)
    root = features[train] @ covariance
    K = root @ features[train].T
    scale = np.trace(K) / len(train)
    y = less_group_means(Y, groups, train)[train]
    weights = np.linalg.solve(K / scale + ratio * np.eye(len(train)), y)
    return features[test] @ root.T @ weights / scale


def auc(scores, truth) -> np.ndarray:
    """Probability that a causal node outranks another, trait by trait.

    Parameters
    ----------
    scores : float array of shape (nodes, T)
    truth : bool array of shape (nodes, T)

    Returns
    -------
    float array of shape (T,)
        NaN for a trait with no causal node or with causal ones only.
    """
    positive = truth.sum(axis=0)
    negative = len(truth) - positive
    ranks = (rankdata(scores, axis=0) * truth).sum(axis=0) - positive * (positive + 1) / 2
    pairs = positive * negative
    return np.where(pairs > 0, ranks / np.maximum(pairs, 1), np.nan)


def precision(scores, truth) -> np.ndarray:
    """Share of causal nodes among as many top nodes as are causal, trait by trait."""
    places = rankdata(-scores, axis=0, method="ordinal")
    positive = truth.sum(axis=0)
    return ((places <= positive) & truth).sum(axis=0) / np.maximum(positive, 1)


def pathway_saliency(model, inputs) -> np.ndarray:
    r"""How much each trait leans on each node of the sparse layer.

    The mean over plants of :math:`|\partial \hat y_t / \partial z_k|`, times the standard
    deviation of :math:`z_k`, the layer's output before it is normalised.

    Returns
    -------
    float array of shape (nodes, T)
    """
    with torch.no_grad():
        z = model.pathways(model.gene_scores(inputs))
    z.requires_grad_()
    prediction = model.head(model.normalise(z))
    slopes = [
        torch.autograd.grad(prediction[:, t].sum(), z, retain_graph=True)[0].abs().mean(dim=0)
        for t in range(prediction.shape[1])
    ]
    return (torch.stack(slopes, dim=1) * z.detach().std(dim=0)[:, None]).numpy()


def train_side_by_side(
    models: Sequence[BMSNN],
    inputs: DistinctGenes,
    targets: Sequence[np.ndarray],
    rows,
    *,
    generator: np.random.Generator,
    epochs: int = 50,
    weight_decay: float = 1e-4,
    **settings,
) -> list[np.ndarray]:
    """Train several `BMSNN` in place on the same mini-batches, each with its own targets.

    Parameters
    ----------
    models : sequence of k BMSNN
        Of the same sizes; edges may differ.
    inputs : DistinctGenes
    targets : sequence of k float arrays of shape (n, T)
        NaN where missing.
    rows : int array
        The plants to train on.
    generator : numpy Generator
        For their order.
    epochs, weight_decay, settings
        See `gitools.genomes.together.train_together`.

    Returns
    -------
    list of k float arrays of shape (epochs,)
        Loss of each epoch.
    """
    order = []
    for _ in range(epochs):
        order.append(generator.permutation(rows))
        # train draws a seed for dropout here; without it the streams would part.
        generator.integers(2**63)
    histories = train_together(
        models,
        inputs,
        list(targets),
        orders=np.tile(order, (len(models), 1, 1)),
        weight_decay=weight_decay,
        **settings,
    )
    return [history.losses for history in histories]


class SparseNetwork(nn.Module):
    """G, any number of sparse layers, each with LayerNorm and Tanh after it, and a dense head.

    With one layer it is `BMSNN`. Initial weights come from torch's global generator: build it
    within `gitools.genomes.training.seeded`.

    Parameters
    ----------
    layers : sequence of (edges, n_in, n_out)
        From the genes upwards.
    hidden : int
        Width of the dense hidden layer.
    n_types, n_tasks : int
    """

    def __init__(self, layers, hidden: int, n_types: int = 17, n_tasks: int = 36):
        super().__init__()
        self.G = nn.Sequential(
            nn.Linear(n_types, 50), nn.LayerNorm(50), nn.Tanh(), nn.Linear(50, 1)
        )
        parts = [
            (SparseLinear(edges, n_in, n_out), nn.LayerNorm(n_out), nn.Tanh())
            for edges, n_in, n_out in layers
        ]
        self.sparse = nn.Sequential(*[part for triple in parts for part in triple])
        self.head = nn.Sequential(
            nn.Linear(layers[-1][2], hidden),
            nn.LayerNorm(hidden),
            nn.Tanh(),
            nn.Linear(hidden, n_tasks),
        )

    def forward(self, inputs: DistinctGenes) -> torch.Tensor:
        """Predictions [batch, T]."""
        scores = self.G(inputs.vectors).squeeze(-1)
        return self.head(self.sparse(scores[inputs.index]))


def equal_width(n_weights: int, n_genes: int, n_types: int = 17, n_tasks: int = 36) -> int:
    """Hidden width at which `Galiana` comes closest to a number of weights."""
    shared = 50 * n_types + 50 + 100 + 51 + 2 * n_genes + n_tasks
    widths = np.arange(1, 200)
    totals = shared + widths * (n_genes + 1 + 2 + widths + 1 + 2 + n_tasks)
    return int(widths[np.abs(totals - n_weights).argmin()])
