"""The study of chapter 54: networks side by side, kernels of pathways, and what ranks them."""

import numpy as np
import pytest
import torch

from gitools.book.figures import sparse_biology as figures
from gitools.book.studies import sparse_biology as studies
from gitools.genomes import BMSNN, Galiana, count_parameters, distinct_genes
from gitools.genomes.layers import rewire_edges
from gitools.genomes.training import train

EDGES = studies.random_groups(12, 4, np.random.default_rng(1))


def _models():
    graphs = [EDGES, rewire_edges(EDGES, random_state=2), studies.dense_edges(12, 4)]
    return [
        BMSNN(e, 12, 4, 5, n_types=3, n_tasks=2, generator=torch.Generator().manual_seed(k))
        for k, e in enumerate(graphs)
    ]


def test_side_by_side_is_one_by_one():
    rng = np.random.default_rng(3)
    inputs = distinct_genes(rng.poisson(1, (20, 12, 3)).astype(np.float32))
    Y = rng.normal(size=(20, 2))
    Y[3, 1] = np.nan
    targets, rows = [Y, 2 * Y, Y + 1], np.arange(16)
    together, apart = _models(), _models()
    losses = studies.train_side_by_side(
        together,
        inputs,
        targets,
        rows,
        generator=np.random.default_rng(4),
        epochs=3,
        batch_size=5,
        learning_rate=1e-3,
    )
    for one, other, y, loss in zip(together, apart, targets, losses, strict=True):
        history = train(
            other,
            inputs,
            y,
            generator=np.random.default_rng(4),
            rows=rows,
            epochs=3,
            batch_size=5,
            learning_rate=1e-3,
            weight_decay=1e-4,
        )
        np.testing.assert_allclose(loss, history.losses, rtol=1e-4)
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_kernel_is_ridge_on_genes_where_nothing_is_shared():
    rng = np.random.default_rng(5)
    B, Y, groups = rng.normal(size=(30, 12)), rng.normal(size=(30, 2)), np.arange(30) % 3
    fit, new = np.arange(21), np.arange(21, 30)
    covariance = studies.shared_effects(EDGES, 12, 3, 0.0)
    predicted = studies.kernel_predictions(B, covariance, Y, groups, fit, new, 0.5)
    X = studies.less_group_means(studies.standardised(B, fit), groups, fit)
    y = studies.less_group_means(Y, groups, fit)[fit]
    scale = (X[fit] ** 2).sum() / len(fit)
    ridge = np.linalg.solve(X[fit].T @ X[fit] + 0.5 * scale * np.eye(12), X[fit].T @ y)
    np.testing.assert_allclose(predicted, X[new] @ ridge)


def test_shared_effects_leave_the_dummy_alone():
    covariance = studies.shared_effects(EDGES, 12, 3, 0.6)
    group = EDGES[:, 1]
    same = (group[:, None] == group) & (group != 3)
    np.testing.assert_allclose(covariance, 0.6 * same * (1 - np.eye(12)) + np.eye(12))


def test_shared_effects_are_those_of_sizes_times_loadings():
    rng = np.random.default_rng(10)
    twice = [[gene, pathway] for gene in (0, 1) for pathway in (0, 1)]
    edges = np.unique(np.concatenate([EDGES[EDGES[:, 1] != 3], twice]), axis=0)
    loadings = rng.normal(size=(200_000, 3))
    sizes = rng.gamma(2, size=(200_000, 12)) / np.sqrt(6)
    member = np.zeros((12, 3))
    member[edges[:, 0], edges[:, 1]] = 1
    effects = sizes * (loadings @ member.T)
    covariance = studies.shared_effects(edges, 12, 3, 2 / 3)
    placed = member.any(axis=1)
    simulated = effects.T @ effects / len(effects)
    np.testing.assert_allclose(
        covariance[placed][:, placed], simulated[placed][:, placed], atol=0.05
    )
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_scores_within_groups_forget_the_groups():
    rng = np.random.default_rng(6)
    groups = np.arange(40) % 4
    Y, P = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    P[:, 2] = groups
    r = studies.within_correlation(Y + 9 * groups[:, None], P, groups)
    y, p = (a - np.array([a[groups == g].mean(0) for g in range(4)])[groups] for a in (Y, P))
    assert r[0] == pytest.approx(np.corrcoef(y[:, 0], p[:, 0])[0, 1])
    assert r[2] == pytest.approx(0, abs=1e-6)


def test_rankings():
    truth = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], dtype=bool)
    scores = np.array([[4.0, 1], [3, 2], [2, 3], [1, 4]])
    assert studies.auc(scores, truth)[0] == 0.75
    assert np.isnan(studies.auc(scores, truth)[1])
    assert studies.precision(scores, truth)[0] == 0.5


def test_saliency_of_an_unused_pathway_is_nothing():
    model = _models()[0]
    with torch.no_grad():
        model.pathways.weight[model.pathways.outputs == 1] = 0
    inputs = distinct_genes(np.random.default_rng(7).poisson(1, (9, 12, 3)))
    saliency = studies.pathway_saliency(model, inputs)
    assert saliency.shape == (4, 2)
    assert np.all(saliency[1] == 0)
    assert np.all(saliency[[0, 2, 3]] > 0)


def test_shapes_of_networks():
    ring = studies.ring_edges(EDGES, 12, 3)
    assert {(g, g) for g in range(12)} <= set(map(tuple, ring))
    assert {(b, a) for a, b in ring} == set(map(tuple, ring))
    apart = EDGES[ring[:, 0], 1] != EDGES[ring[:, 1], 1]
    assert not apart.any()
    network = studies.SparseNetwork([(ring, 12, 12), (EDGES, 12, 4)], 5, n_types=3, n_tasks=2)
    inputs = distinct_genes(np.random.default_rng(8).poisson(1, (9, 12, 3)))
    assert network(inputs).shape == (9, 2)
    one = studies.SparseNetwork([(EDGES, 12, 4)], 5, n_types=3, n_tasks=2)
    assert count_parameters(one) == count_parameters(_models()[0])
    width = studies.equal_width(4000, 200)
    sizes = [abs(count_parameters(Galiana(200, hidden=h)) - 4000) for h in range(1, 30)]
    assert width == 1 + int(np.argmin(sizes))


def test_figures_are_drawn():
    import matplotlib.pyplot as plt
    import pandas as pd

    rng = np.random.default_rng(9)
    draws = {name: rng.normal(size=5) for name in ("a", "b")}
    line = ([100, 200, 400], [0.1, 0.2, 0.3], [0.01] * 3)
    rows = pd.DataFrame(
        {
            "method": ["ours", "peer"] * 2,
            "edges": [10, 10, 20, 20],
            "milliseconds": [1.0, 2, 3, 4],
            "peak_mb": [1.0, 2, 3, 4],
        }
    )
    figures.draw_edges({"a": EDGES, "b": EDGES}, 12, 4)
    figures.draw_costs(rows, "peer")
    figures.draw_losses({"right": [2, 1], "rewired": [2, 1]}, {"right": (1, 0)})
    figures.draw_differences(draws)
    figures.draw_conditions({"x": line}, {"x": line}, ("share", "n"))
    shares = {s: np.zeros(3) for s in (0, 0.25, 0.5, 0.75, 1)}
    figures.draw_weights(np.arange(3) / 2, {"right": shares, "rewired": shares})
    figures.draw_map(np.array([[0.1, -0.1]]), [100], [0, 1])
    figures.draw_recovery(draws, 0.5)
    figures.draw_spill({"a": np.ones(4), "b": np.ones(4)}, own=1)
    assert len(plt.get_fignums()) == 9
    plt.close("all")
