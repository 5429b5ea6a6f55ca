"""Figures of the chapter on population structure."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

from gitools.book.style import COLORS

_ORDER = ("blue", "vermillion", "green", "purple", "orange", "sky", "black", "yellow")


def _color(k):
    return COLORS[_ORDER[k % len(_ORDER)]]


def _components(axis, second=True):
    axis.set_xlabel("first component")
    if second:
        axis.set_ylabel("second component")


def _ellipse(axis, mean, covariance, color, scale=2.0):
    values, vectors = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    width, height = 2 * scale * np.sqrt(values[::-1])
    axis.add_patch(Ellipse(mean, width, height, angle=angle, fill=False, ec=color, lw=1.6))


def draw_unlabelled(scores) -> None:
    """Scores [n, 2] without any label."""
    _, axis = plt.subplots(figsize=(5.4, 4.2))
    axis.plot(*scores.T, "o", ms=3.5, mew=0, alpha=0.5, color=COLORS["grey"])
    _components(axis)


def draw_eigenvalues(eigenvalues, edge) -> None:
    """Leading eigenvalues [k] and the largest that noise gives."""
    _, axis = plt.subplots(figsize=(5.8, 3.2))
    at = np.arange(1, len(eigenvalues) + 1)
    axis.axhline(edge, color=COLORS["grey"], ls="--", lw=1)
    axis.annotate("edge of noise", (at[-1], edge), xytext=(0, -14), textcoords="offset points",
                  ha="right", color=COLORS["grey"])  # fmt: skip
    axis.plot(at, eigenvalues, "o", color=COLORS["blue"])
    axis.set(xlabel="component", ylabel="eigenvalue", xticks=at[::2], ylim=(0, None))


def draw_clusters(scores, populations, means, covariances) -> None:
    """Scores [n, 2] by true population, with the 2-sd ellipses of a mixture."""
    _, axis = plt.subplots(figsize=(5.4, 4.4))
    for k in np.unique(populations):
        axis.plot(*scores[populations == k].T, "o", ms=4, mew=0, alpha=0.6, color=_color(k))
    for mean, covariance in zip(means, covariances, strict=True):
        _ellipse(axis, mean, covariance, COLORS["black"])
    _components(axis)


def draw_admixed(panels) -> None:
    """For each title true ancestry, responsibility and position, all [n]."""
    _, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.2), sharey=True)
    for axis, (title, (share, responsibility, position)) in zip(axes, panels.items(), strict=True):
        axis.plot([0, 1], [0, 1], color=COLORS["grey"], ls="--", lw=1)
        axis.plot(share, position, "o", ms=4, mew=0, color=COLORS["blue"], label="position")
        axis.plot(share, responsibility, "o", ms=4, mew=0, color=COLORS["vermillion"],
                  label="responsibility")  # fmt: skip
        axis.set(title=title, xlabel="true ancestry", ylim=(-0.25, 1.25))
    axes[0].set_ylabel("estimate")
    axes[1].legend(loc="lower right", handletextpad=0.1)


def draw_maps(longitude, latitude, clusters, groups) -> None:
    """Plants on the map, by cluster [n] on the left and by published group [n] on the right."""
    _, axes = plt.subplots(1, 2, figsize=(7.8, 3.6), sharey=True)
    palette = plt.get_cmap("tab20")
    for axis, labels, title in ((axes[0], clusters, "clusters of the mixture"),
                                (axes[1], groups, "published groups")):  # fmt: skip
        names = np.unique(labels)
        for k, name in enumerate(names):
            here = labels == name
            color = COLORS["grey"] if name == "admixed" else palette(k % 20)
            axis.plot(longitude[here], latitude[here], "o", ms=3.2, mew=0, alpha=0.8, color=color)
        axis.set(xlabel="longitude, degrees east", title=f"{title} ({len(names)})",
                 xlim=(-25, 100), ylim=(25, 68))  # fmt: skip
    axes[0].set_ylabel("latitude, degrees north")


def draw_distance(edges, curves) -> None:
    """Excess share of variants that differ against distance: name to means [len(edges) - 1]."""
    _, axis = plt.subplots(figsize=(6.2, 3.5))
    axis.axhline(0, color=COLORS["grey"], ls="--", lw=1)
    middle = np.sqrt(edges[:-1] * edges[1:])
    for k, (name, values) in enumerate(curves.items()):
        axis.plot(middle, values, "o-", ms=4, color=_color(k), label=name)
    axis.legend(loc="lower right")
    axis.set(xscale="log", xlabel="distance, km", ylabel="variants that differ, excess")


def draw_growth(named, half_width) -> None:
    """Mean K against number sampled: name to (sizes, values of K for each), and the interval."""
    _, axis = plt.subplots(figsize=(6.0, 3.5))
    for k, (name, (sizes, values)) in enumerate(named.items()):
        mean = [np.mean(v) for v in values]
        errors = [half_width(v) for v in values]
        axis.errorbar(sizes, mean, errors, fmt="o-", color=_color(k), capsize=2)
        axis.annotate(name, (sizes[-1], mean[-1]), xytext=(8, -4), textcoords="offset points",
                      color=_color(k))  # fmt: skip
    axis.set(xscale="log", xlim=(sizes[0] * 0.9, sizes[-1] * 2.2), ylim=(0, None),
             xlabel="people or plants sampled", ylabel="components found")  # fmt: skip
    axis.set_xticks(sizes, [str(n) for n in sizes])
    axis.minorticks_off()


def draw_threshold(multiples, named, limit) -> None:
    """Squared correlation against FST over the threshold: measured points, theory (x, y)."""
    _, axis = plt.subplots(figsize=(6.0, 3.5))
    axis.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    axis.plot(*limit, color=COLORS["black"], lw=1.5)
    axis.annotate("theory", (limit[0][-1], limit[1][-1]), xytext=(-4, 6),
                  textcoords="offset points", ha="right")  # fmt: skip
    mean, spread = named
    axis.errorbar(multiples, mean, spread, fmt="o", color=COLORS["blue"], capsize=2)
    axis.set(xlabel="FST over the threshold", ylabel="squared correlation", ylim=(-0.02, 1.02))


def draw_losses(fst, mixture, known) -> None:
    """Log loss against FST of the mixture and of known frequencies: (mean, half width) each."""
    _, axis = plt.subplots(figsize=(6.0, 3.4))
    for (mean, error), name, color, dy in (
        (mixture, "mixture on the first component", "vermillion", 8),
        (known, "known frequencies: the ceiling", "blue", 9),
    ):
        axis.errorbar(fst, mean, error, fmt="o-", color=COLORS[color], capsize=2)
        axis.annotate(name, (fst[1], mean[1]), xytext=(12, dy), textcoords="offset points",
                      color=COLORS[color])  # fmt: skip
    axis.set(xlabel="FST", ylabel="log loss, nats a person", ylim=(-0.03, None),
             xticks=[0.002, 0.003, 0.004, 0.005])  # fmt: skip


def draw_siblings(scores, populations, family) -> None:
    """Scores [n, 2] by population, siblings [n] ringed."""
    _, axis = plt.subplots(figsize=(5.2, 3.9))
    for k in np.unique(populations):
        here = (populations == k) & ~family
        axis.plot(*scores[here].T, "o", ms=4, mew=0, alpha=0.6, color=_color(k))
    axis.plot(*scores[family].T, "o", ms=7, mfc="none", mec=COLORS["black"])
    axis.annotate("twelve siblings", scores[family].mean(axis=0), xytext=(-16, -4),
                  textcoords="offset points", ha="right")  # fmt: skip
    _components(axis)


def draw_inversion(scores, copies, clusters, loadings) -> None:
    """Scores [n, 2] by copies of the inversion on the left, loadings [p] along the genome."""
    _, axes = plt.subplots(1, 2, figsize=(7.8, 3.5))
    for k in np.unique(copies):
        axes[0].plot(*scores[copies == k].T, "o", ms=4, mew=0, alpha=0.6, color=_color(k))
        axes[0].annotate(f"{k}", (scores[copies == k, 0].mean(), scores[:, 1].max()),
                         xytext=(0, 8), textcoords="offset points", ha="center",
                         color=_color(k), weight="bold", annotation_clip=False)  # fmt: skip
    for mean, covariance in clusters:
        _ellipse(axes[0], mean, covariance, COLORS["black"])
    _components(axes[0])
    axes[0].set_ylim(scores[:, 1].min() * 1.1, scores[:, 1].max() * 1.3)
    axes[1].plot(np.arange(len(loadings)), loadings**2, ".", ms=2.5, color=COLORS["blue"])
    axes[1].set(xlabel="variants along the genome", ylabel="squared loading, first component")


def draw_arch(scores, place, means, covariances) -> None:
    """Scores [n, 2] coloured by place on a line [n], with the 2-sd ellipses of a mixture."""
    figure, axis = plt.subplots(figsize=(5.8, 4.0))
    points = axis.scatter(*scores.T, c=place, s=10, cmap="viridis", lw=0)
    for mean, covariance in zip(means, covariances, strict=True):
        _ellipse(axis, mean, covariance, COLORS["black"])
    figure.colorbar(points, ax=axis, label="deme on the line", ticks=range(0, 20, 5))
    _components(axis)


def draw_clones(scores, american, titles) -> None:
    """For each title the scores [n, 2] of one analysis, plants of the USA [n] marked."""
    _, axes = plt.subplots(1, len(titles), figsize=(7.6, 3.5))
    for axis, points, here, title in zip(axes, scores, american, titles, strict=True):
        axis.plot(*points[~here].T, "o", ms=3, mew=0, alpha=0.4, color=COLORS["grey"])
        axis.plot(*points[here].T, "o", ms=3.5, mew=0, alpha=0.8, color=COLORS["vermillion"])
        axis.set(title=title, xlabel="component of the American plants")
    axes[0].set_ylabel("first or second component")
