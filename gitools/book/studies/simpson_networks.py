"""Simulated panels, networks and maps for the chapter on population structure and prediction."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import f1_score, matthews_corrcoef
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gitools.association.mixed_model import kinship
from gitools.book.studies.simpson import (
    COUNTRY_SHARE,
    MIN_SIZE,
    Data,
    gblup_many,
    group_means,
    out_of_fold,
)
from gitools.genomes.distinct import distinct_genes
from gitools.genomes.evaluation import gps_encoding, standardise_targets
from gitools.genomes.models import BMSNN, GPSNN, Galiana
from gitools.genomes.preprocess import maf_filter, standardise
from gitools.genomes.training import predict, torch_generator, train
from gitools.simulate.plants import simulate_ionome, simulate_plants
from gitools.structure import random_folds

N_PLANTS, N_GENES, HERITABILITY = 300, 100, 0.3
EPOCHS, BATCH = 12, 50


def draw_data(rng) -> Data:
    """Simulate one panel of 300 plants with 36 additive traits, and its kinships."""
    panel = simulate_plants(N_PLANTS, N_GENES, random_state=rng)
    traits = simulate_ionome(
        panel,
        heritability=HERITABILITY,
        country_share=COUNTRY_SHARE,
        n_auxiliary=0,
        random_state=rng,
    )
    counts = panel.tensor.reshape(len(panel.tensor), -1).astype(float)
    counts -= counts.mean(axis=0)
    tensor_kinship = counts @ counts.T
    tensor_kinship /= np.trace(tensor_kinship) / len(counts)
    return Data(panel, traits.means, traits.genetic, kinship(panel.variants), tensor_kinship)


def draw_traits(panel, country_share, rng) -> np.ndarray:
    """Means [n, 36] of traits like those of `draw_data`, with another share between countries."""
    return simulate_ionome(
        panel,
        heritability=HERITABILITY,
        country_share=country_share,
        n_auxiliary=0,
        random_state=rng,
    ).means


def network_predictions(make, inputs, Y, train_rows, test, rng, weight_decay=1e-6) -> np.ndarray:
    """Train one network on training rows, targets standardised there, and predict others."""
    model = make(torch_generator(rng))
    targets = standardise_targets(Y, train_rows)
    train(
        model,
        inputs,
        targets,
        rows=train_rows,
        generator=rng,
        epochs=EPOCHS,
        batch_size=BATCH,
        weight_decay=weight_decay,
    )
    scale, centre = Y[train_rows].std(axis=0), Y[train_rows].mean(axis=0)
    return predict(model, inputs)[test] * scale + centre


def galiana_predictions(panel, counts, how, Y, folds, rng) -> np.ndarray:
    """Out-of-fold predictions of Galiana from counts [n, genes, 17] on one of the scales."""

    def fit_predict(train_rows, test):
        inputs = distinct_genes(standardise(counts, how, train=train_rows))
        return network_predictions(
            lambda g: Galiana(counts.shape[1], n_tasks=Y.shape[1], generator=g),
            inputs, Y, train_rows, test, rng,
        )  # fmt: skip

    return out_of_fold(fit_predict, Y.shape[1], folds)


def bmsnn_predictions(panel, Y, folds, rng) -> np.ndarray:
    """Out-of-fold predictions of BMSNN50."""

    def fit_predict(train_rows, test):
        inputs = distinct_genes(standardise(panel.tensor, train=train_rows))
        return network_predictions(
            lambda g: BMSNN(
                panel.pathways, panel.tensor.shape[1], panel.n_pathways, 50,
                n_tasks=Y.shape[1], generator=g,
            ),
            inputs, Y, train_rows, test, rng, weight_decay=1e-4,
        )  # fmt: skip

    return out_of_fold(fit_predict, Y.shape[1], folds)


def gps_predictions(coordinates, Y, folds, rng) -> np.ndarray:
    """Out-of-fold predictions of GPSNN, in the printed encoding."""
    inputs = torch.tensor(gps_encoding(coordinates), dtype=torch.float32)

    def fit_predict(train_rows, test):
        return network_predictions(
            lambda g: GPSNN(Y.shape[1], generator=g), inputs, Y, train_rows, test, rng
        )

    return out_of_fold(fit_predict, Y.shape[1], folds)


def linear_predictions(data, folds, rng) -> dict[str, np.ndarray]:
    """Out-of-fold predictions [n, T] of the country mean and of two linear models."""
    panel, Y = data.panel, data.Y

    def linear(K):
        return out_of_fold(lambda a, b: gblup_many(K, Y, a, b), Y.shape[1], folds)

    return {
        "country mean": out_of_fold(
            lambda a, b: group_means(Y, panel.country, a, b), Y.shape[1], folds
        ),
        "GBLUP": linear(data.kinship),
        "ridge on tensor": linear(data.tensor_kinship),
    }


def network_models(data, folds, rng) -> dict[str, np.ndarray]:
    """Out-of-fold predictions [n, T] of three networks."""
    panel, Y = data.panel, data.Y
    return {
        "Galiana": galiana_predictions(panel, panel.tensor, "global", Y, folds, rng),
        "BMSNN50": bmsnn_predictions(panel, Y, folds, rng),
        "GPSNN": gps_predictions(panel.coordinates, Y, folds, rng),
    }


def common_counts(panel, min_maf) -> np.ndarray:
    """Counts [n, genes, 17] of the variants above a minor allele frequency."""
    keep = np.flatnonzero(maf_filter(panel.variants, min_maf))
    counts = np.zeros(panel.tensor.shape, dtype=np.int8)
    for variant in keep:
        at = panel.variant_gene[variant], panel.variant_type[variant]
        counts[:, at[0], at[1]] += panel.variants[:, variant]
    return counts


def country_scores(features, country, rng, min_size=MIN_SIZE) -> tuple[float, float]:
    """Macro F1 and Matthews correlation of the large countries, five-fold, logistic regression."""
    large = np.flatnonzero(np.bincount(country) > min_size)
    rows = np.flatnonzero(np.isin(country, large))
    X, labels = features[rows], country[rows]
    folds, found = random_folds(len(rows), 5, rng), np.empty(len(rows), dtype=int)
    for fold in range(5):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        model.fit(X[folds != fold], labels[folds != fold])
        found[folds == fold] = model.predict(X[folds == fold])
    return f1_score(labels, found, average="macro"), matthews_corrcoef(labels, found)


def tsne_map(features, perplexity, seed) -> np.ndarray:
    """Two-dimensional t-SNE map [n, 2] from a start at the principal components."""
    model = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    return model.fit_transform(features)


def neighbour_purity(places, groups, k=10) -> float:
    """Share of the k nearest neighbours on a map that are of the same group."""
    at = NearestNeighbors(n_neighbors=k + 1).fit(places).kneighbors(places)[1][:, 1:]
    return float(np.mean(groups[at] == groups[:, None]))
