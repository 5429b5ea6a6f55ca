"""Figures of the chapter on the Dirichlet process."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

from gitools.book.style import COLORS

_ORDER = ("vermillion", "blue", "green", "purple", "orange", "sky", "black", "yellow")


def _scatter(axis, X, color, limit, size=4):
    axis.plot(X[:, 0], X[:, 1], ".", ms=size, color=color, alpha=0.6, mew=0)
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="effect on trait A", aspect="equal")


def _ellipse(axis, covariance, color, scale=2.0):
    values, vectors = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    width, height = 2 * scale * np.sqrt(values[::-1])
    axis.add_patch(Ellipse((0, 0), width, height, angle=angle, fill=False, ec=color, lw=2))


def draw_effects(X) -> None:
    """Effects [n, 2] without any label."""
    _, axis = plt.subplots(figsize=(4.8, 4.4))
    _scatter(axis, X, COLORS["grey"], 3.5)
    axis.set_ylabel("effect on trait B")


def draw_kinds(X, kinds, clusters, covariances, nearest) -> None:
    """Effects [n, 2] by true kind on the left, by cluster with 2-sd ellipses on the right.

    A cluster k has the colour of the kind nearest[k].
    """
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.9), sharey=True)
    for kind in np.unique(kinds):
        _scatter(axes[0], X[kinds == kind], COLORS[_ORDER[kind]], 3.5)
    for k, covariance in enumerate(covariances):
        color = COLORS[_ORDER[nearest[k]]]
        _scatter(axes[1], X[clusters == k], color, 3.5)
        _ellipse(axes[1], covariance, color)
    axes[0].set(ylabel="effect on trait B", title="true kinds")
    axes[1].set_title("clusters found")


def draw_likelihoods(n_components, train, test) -> None:
    """Mean log-likelihood against number of components, of fitted and of fresh rows."""
    _, axis = plt.subplots(figsize=(5.8, 3.3))
    for values, name, color, dy in ((train, "fitted rows", "blue", 6), (test, "fresh rows",
                                    "vermillion", -14)):  # fmt: skip
        axis.plot(n_components, values, "o-", color=COLORS[color])
        axis.annotate(name, (n_components[-1], values[-1]), xytext=(0, dy),
                      textcoords="offset points", ha="right", color=COLORS[color])  # fmt: skip
    axis.set(xlabel="number of components", ylabel="mean log density per row")


def draw_tables(n_rows, named) -> None:
    """Number of tables against number of guests, runs [runs, n] for each concentration."""
    _, axis = plt.subplots()
    for (alpha, runs), color in zip(named.items(), ("blue", "green", "vermillion"), strict=False):
        axis.plot(n_rows, runs.T, color=COLORS[color], alpha=0.35, lw=1)
        expected = np.cumsum(alpha / (alpha + n_rows - 1))
        axis.plot(n_rows, expected, color=COLORS[color], lw=2.5)
        axis.annotate(f"α = {alpha:g}", (n_rows[-1], expected[-1]), xytext=(4, -3),
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axis.set(xscale="log", xlabel="guests", ylabel="tables", xlim=(1, 2.2 * n_rows[-1]))


def draw_sticks(named) -> None:
    """Weights from broken sticks: name to draws [draws, K], each a stacked bar."""
    _, axes = plt.subplots(1, len(named), figsize=(7.4, 2.8), sharey=True)
    for axis, (name, draws) in zip(axes, named.items(), strict=True):
        left = np.zeros(len(draws))
        for k, weights in enumerate(draws.T):
            axis.barh(np.arange(len(draws)), weights, left=left, height=0.8,
                      color=COLORS[_ORDER[k % len(_ORDER)]], ec="white", lw=0.6)  # fmt: skip
            left += weights
        axis.set(title=name, xlabel="weights", xlim=(0, 1), yticks=[])
    axes[0].set_ylabel("six draws")


def draw_bounds(traces) -> None:
    """Bound of several runs against sweeps, as distance from the best end, log axis."""
    _, axis = plt.subplots()
    top = max(trace[-1] for trace in traces)
    for trace in traces:
        axis.plot(np.arange(1, len(trace) + 1), top - trace + 0.01, color=COLORS["blue"], alpha=0.7)
    axis.set(xscale="log", yscale="log", xlabel="sweep", ylabel="nats under the best end")


def draw_settings(truncations, of_truncation, concentrations, of_concentration, truth) -> None:
    """Clusters against truncation on the left, against concentration on the right."""
    _, axes = plt.subplots(1, 2, figsize=(7.4, 3.2), sharey=True)
    for axis, x, y, label in (
        (axes[0], truncations, of_truncation, "truncation K"),
        (axes[1], concentrations, of_concentration, "concentration α"),
    ):
        axis.axhline(truth, color=COLORS["grey"], ls="--", lw=1)
        axis.plot(x, y, "o-", color=COLORS["blue"])
        axis.set(xscale="log", xlabel=label)
    axes[0].set(ylabel="clusters found", ylim=(0, truth + 2.5))
    axes[0].annotate("truth", (truncations[-1], truth), xytext=(0, 5), textcoords="offset points",
                     ha="right", color=COLORS["grey"])  # fmt: skip


def draw_optima(gaps, occupied) -> None:
    """Where starts end: nats under the best [starts] against occupied components [starts]."""
    _, axis = plt.subplots(figsize=(5.8, 3.3))
    jitter = np.linspace(-0.12, 0.12, len(gaps))
    axis.plot(occupied + jitter, gaps, "o", color=COLORS["blue"], alpha=0.7)
    axis.set(xlabel="occupied components", ylabel="nats under the best start",
             xticks=np.arange(occupied.min(), occupied.max() + 1))  # fmt: skip


def draw_pairs(exact, variational) -> None:
    """Co-clustering matrices [n, n] side by side, rows in the same order."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.5))
    for axis, matrix, title in zip(
        axes, (exact, variational), ("exact (Gibbs)", "variational"), strict=True
    ):
        image = axis.imshow(matrix, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        axis.set(title=title, xlabel="row", xticks=[], yticks=[])
    axes[0].set_ylabel("row")
    figure.colorbar(image, ax=axes, label="probability of one kind", shrink=0.85)


def draw_counts(values, share, variational) -> None:
    """Posterior share [values] of each number of clusters, the variational number marked."""
    _, axis = plt.subplots(figsize=(5.2, 3.1))
    axis.bar(values, share, color=COLORS["sky"])
    axis.axvline(variational, color=COLORS["vermillion"], lw=2)
    axis.annotate("variational", (variational, 1.12 * share.max()), xytext=(6, -4),
                  textcoords="offset points", color=COLORS["vermillion"])  # fmt: skip
    axis.set_ylim(0, 1.2 * share.max())
    axis.set(xlabel="number of clusters", ylabel="posterior probability", xticks=values)


def draw_calibration(named) -> None:
    """Share of pairs of one kind against the probability given: name to (given, observed)."""
    _, axis = plt.subplots(figsize=(4.8, 4.2))
    axis.plot([0, 1], [0, 1], color=COLORS["grey"], ls="--", lw=1)
    for (name, (given, observed)), color in zip(named.items(), ("blue", "vermillion"), strict=True):
        axis.plot(given, observed, "o-", color=COLORS[color], label=name)
    axis.legend(loc="upper left")
    axis.set(xlabel="probability that two variants are of one kind", ylabel="share that are",
             xlim=(0, 1), ylim=(0, 1))  # fmt: skip


def draw_failures(cut, cut_covariances, heavy, heavy_covariances) -> None:
    """One kind cut by a threshold on the left, with heavy tails on the right, and the clusters."""
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.9))
    for axis, X, covariances, title in (
        (axes[0], cut, cut_covariances, "one kind, small effects dropped"),
        (axes[1], heavy, heavy_covariances, "one kind, heavy tails"),
    ):
        _scatter(axis, X, COLORS["grey"], 5)
        for k, covariance in enumerate(covariances):
            _ellipse(axis, covariance, COLORS[_ORDER[k % len(_ORDER)]])
        axis.set_title(title)
    axes[0].set_ylabel("effect on trait B")
