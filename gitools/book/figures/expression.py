"""Figures of the chapter on mixtures of expression. Arrays in, drawings out."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from gitools.book.style import COLORS

_KINDS = {
    "spurious": "spurious",
    "hidden": "hidden",
    "nothing": "nothing",
    "one mode": "one mode",
}
_WAYS = {
    "plain": ("plain test", "vermillion"),
    "pair": ("modes of the pair", "orange"),
    "others": ("modes of other genes", "blue"),
    "known": ("modes known", "green"),
}


def two_pairs(pairs):
    """Scatter of each pair (a row), without and with the mode of the samples in colour."""
    fig, axes = plt.subplots(2, 2, figsize=(6.4, 5.6), sharex=True, sharey="row")
    for (left, right), pair in zip(axes, pairs, strict=True):
        first, second, on = pair.first[0], pair.second[0], pair.on[0]
        left.plot(first, second, ".", color=COLORS["black"])
        for mode, color in ((on, "vermillion"), (~on, "blue")):
            right.plot(first[mode], second[mode], ".", color=COLORS[color])
        left.set_ylabel("gene 2 (sd)")
    axes[0, 0].set_title("what the correlation sees")
    axes[0, 1].set_title("mutated (orange) or not (blue)")
    for ax in axes[1]:
        ax.set_xlabel("gene 1 (sd)")
    return fig


def one_gene(x, plain, tailed):
    """Histogram of a gene under a plain mixture (`RowFits`) and one with a tail (its parameters,
    the tail's weight last)."""
    _, axes = plt.subplots(1, 2, sharey=True, sharex=True)
    grid = np.linspace(x.min() - 0.5, x.max() + 0.5, 600)
    order = plain.means[0].argsort()
    fits = [
        (plain.weights[0, order], plain.means[0, order], plain.sds[0, order]),
        tailed,
    ]
    titles = "two Gaussians", "two Gaussians and a tail"
    for ax, (weights, means, sds), title in zip(axes, fits, titles, strict=True):
        ax.hist(x, bins=45, density=True, color=COLORS["grey"], alpha=0.4)
        for k, color in enumerate(("blue", "vermillion")):
            density = weights[k] * norm.pdf(grid, means[k], sds[k])
            ax.plot(grid, density, color=COLORS[color])
            ax.fill_between(grid, density, color=COLORS[color], alpha=0.15)
        if len(weights) > 2:
            height = weights[2] / np.ptp(x)
            ax.plot([x.min(), x.max()], [height] * 2, color=COLORS["green"])
            ax.text(x.max(), height + 0.01, "tail", color=COLORS["green"], ha="right")
        ax.set(title=title, xlabel="log expression (sd)")
    axes[0].set_ylabel("density")


def modes_found(right, n):
    """Share of genes with two modes found against the share in the tail; columns are methods."""
    _, ax = plt.subplots()
    for name, label, color in (
        ("modes_tail", "with a tail component", "blue"),
        ("modes_plain", "plain mixture", "vermillion"),
    ):
        share = right[name].to_numpy()
        error = 1.96 * np.sqrt(share * (1 - share) / n)
        ax.errorbar(right.index, share, yerr=error, marker="o", color=COLORS[color], capsize=3)
        at = -1
        ax.annotate(
            label, (right.index[at], share[at]), xytext=(0, 10), textcoords="offset points",
            color=COLORS[color], ha="right",
        )  # fmt: skip
    ax.set(
        xlabel="share of samples in the tail", ylabel="genes with two modes found",
        ylim=(-0.03, 1.12), xticks=right.index,
    )  # fmt: skip


def rejections(rates, n, level):
    """Rejection rates of the correlation test: a row a kind of pair, a dot a way of finding
    modes."""
    _, ax = plt.subplots(figsize=(6.4, 3.8))
    for row, kind in enumerate(reversed(_KINDS)):
        for k, (way, (label, color)) in enumerate(_WAYS.items()):
            rate = rates.loc[kind, way]
            error = 1.96 * np.sqrt(rate * (1 - rate) / n)
            height = row + 0.24 - 0.16 * k
            ax.errorbar(
                rate, height, xerr=error, fmt="o", markersize=5, color=COLORS[color],
                label=label if row == 0 else None,
            )  # fmt: skip
    ax.axvline(level, color=COLORS["grey"], linestyle="--")
    ax.set(
        yticks=range(len(_KINDS)), yticklabels=list(reversed(_KINDS.values())),
        xlabel="share of significant correlations", xlim=(-0.02, 1.02),
    )  # fmt: skip
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), ncols=2, handletextpad=0.2)


def modules(profiles, cluster, rng):
    """Profiles in random order and sorted by cluster."""
    _, axes = plt.subplots(1, 2, figsize=(6.4, 4.2), sharey=True)
    orders = rng.permutation(len(profiles)), cluster.argsort(kind="stable")
    titles = "in random order", "sorted by component"
    for ax, order, title in zip(axes, orders, titles, strict=True):
        image = ax.imshow(
            profiles[order], aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5,
            interpolation="nearest",
        )  # fmt: skip
        ax.set(title=title, xlabel="sample", xticks=[0, 11, 23], xticklabels=[1, 12, 24])
    edges = np.flatnonzero(np.diff(cluster[orders[1]])) + 0.5
    for edge in edges:
        axes[1].axhline(edge, color=COLORS["black"], linewidth=1)
    axes[0].set_ylabel("gene")
    plt.colorbar(image, ax=axes, label="standardised expression", shrink=0.8)


def filled_in(truth, guesses):
    """What was filled in against what was lost, a panel a method: {name: values}."""
    _, axes = plt.subplots(1, len(guesses), sharex=True, sharey=True)
    ends = [truth.min(), truth.max()]
    for ax, (name, values) in zip(axes, guesses.items(), strict=True):
        ax.plot(ends, ends, color=COLORS["grey"], linestyle="--")
        ax.plot(truth, values, ".", color=COLORS["blue"], alpha=0.6)
        ax.set(title=name, xlabel="lost value (sd)")
    axes[0].set_ylabel("filled in (sd)")


def network(truth, estimates):
    """Box plots of the estimated probabilities [data sets, 5] of each method: {name: values}."""
    _, ax = plt.subplots()
    names = ["P(R)", "P(A | no R)", "P(A | R)", "P(B | no R)", "P(B | R)"]
    for k, ((name, values), color) in enumerate(
        zip(estimates.items(), ("blue", "vermillion"), strict=True)
    ):
        boxes = ax.boxplot(
            values, positions=np.arange(5) + 0.3 * k - 0.15, widths=0.24, showfliers=False,
            patch_artist=True, medianprops={"color": COLORS["black"]}, manage_ticks=False,
        )  # fmt: skip
        for box in boxes["boxes"]:
            box.set(facecolor=COLORS[color], alpha=0.5)
        ax.plot([], [], "s", color=COLORS[color], alpha=0.5, label=name)
    for k, value in enumerate(truth):
        ax.plot([k - 0.35, k + 0.35], [value, value], color=COLORS["green"], linewidth=1.2)
    ax.set(xticks=range(5), xticklabels=names, ylabel="probability", ylim=(0, 1.15))
    ax.legend(loc="upper left", ncols=2)


def spot(image, inside, errors):
    """A spot, the posterior of its pixels, and errors of its brightness: {name: errors}."""
    fig = plt.figure(figsize=(6.4, 4.6))
    grid = fig.add_gridspec(2, 2, height_ratios=[1, 0.8])
    panels = (
        (image, "light (binary log)", {"vmin": 6.5, "vmax": 12}),
        (inside, "probability of the spot", {"vmin": 0, "vmax": 1}),
    )
    for k, (values, title, limits) in enumerate(panels):
        ax = fig.add_subplot(grid[0, k])
        drawn = ax.imshow(values, interpolation="nearest", **limits)
        if k == 0:
            ax.add_patch(plt.Circle((19.5, 19.5), 15, fill=False, color="white", linestyle="--"))
        ax.set(title=title, xticks=[], yticks=[])
        plt.colorbar(drawn, ax=ax, shrink=0.9)
    ax = fig.add_subplot(grid[1, :])
    jitter = np.linspace(-0.2, 0.2, 5)
    for row, values in enumerate(reversed(errors.values())):
        ax.plot(
            values, row + jitter[np.arange(len(values)) % 5], ".", color=COLORS["blue"],
            markersize=4, alpha=0.7,
        )  # fmt: skip
    ax.axvline(0, color=COLORS["grey"], linestyle="--")
    ax.set(
        yticks=range(len(errors)), yticklabels=list(reversed(errors)),
        xlabel="error of the spot's brightness (binary log)",
    )  # fmt: skip
