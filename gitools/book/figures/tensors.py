"""Figures of the chapter on gene tensors."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS


def draw_gene(parts, variants, distance) -> None:
    """One gene to scale, with variants at their places.

    Parameters
    ----------
    parts : list of (start, end, name)
        Stretches of exons ("translated") and untranslated ends.
    variants : list of (position, label)
    distance : int
        Reach of upstream and downstream.
    """
    _, axes = plt.subplots(figsize=(7.4, 2.7))
    first, last = parts[0][0], max(end for _, end, _ in parts)
    axes.plot([first - distance, last + distance], [0, 0], color=COLORS["grey"], lw=1)
    axes.plot([first, last], [0, 0], color=COLORS["black"], lw=2.5)
    for start, end, name in parts:
        height, color = (0.5, "blue") if name == "translated" else (0.26, "sky")
        axes.fill_between([start, end], -height / 2, height / 2, color=COLORS[color], lw=0)
    for k, (position, label) in enumerate(variants):
        level = 0.75 + 0.45 * (k % 3)
        axes.plot([position, position], [0.05, level], color=COLORS["vermillion"], lw=1)
        axes.plot(position, 0.05, "v", color=COLORS["vermillion"], ms=4)
        axes.annotate(label, (position, level), ha=_side(k, variants), va="bottom", fontsize=8.5)
    axes.annotate("upstream", (first - distance / 2, -0.5), ha="center", color=COLORS["grey"])
    axes.annotate("downstream", (last + distance / 2, -0.5), ha="center", color=COLORS["grey"])
    axes.set(ylim=(-0.75, 2.1), yticks=[], xlabel="base pairs")
    axes.spines["left"].set_visible(False)


def _side(k, variants):
    """Alignment of a label: away from a neighbour that stands close."""
    places = [position for position, _ in variants]
    if k + 1 < len(places) and places[k + 1] - places[k] < 100:
        return "right"
    return "left" if k and places[k] - places[k - 1] < 100 else "center"


def draw_histograms(counts, plants, types) -> None:
    """Counts [plants, types] of one gene as a small table of squares."""
    figure, axes = plt.subplots(figsize=(7.4, 2.9))
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(3, counts.max()), aspect="auto")
    for i, t in np.argwhere(counts > 0):
        axes.text(t, i, counts[i, t], ha="center", va="center", fontsize=10)
    axes.set_xticks(range(len(types)), types, rotation=40, ha="right", fontsize=8.5)
    axes.set_yticks(range(len(plants)), plants)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    figure.align_labels()


def draw_types(shares) -> None:
    """Mean number of variants a plant: name of group to {type: number}, as paired bars."""
    types = list(next(iter(shares.values())))
    _, axes = plt.subplots(figsize=(7.0, 3.4))
    at = np.arange(len(types))
    width = 0.8 / len(shares)
    for k, (name, color) in enumerate(zip(shares, ("blue", "orange"), strict=False)):
        values = [shares[name][t] for t in types]
        axes.barh(at + (k - 0.5) * width, values, width, color=COLORS[color], label=name)
    axes.set_yticks(at, types)
    axes.invert_yaxis()
    axes.set_xlabel("variants an accession carries, mean")
    axes.legend(loc="upper right")


def draw_missing(missing, counts, groups) -> None:
    """Variants counted [n] against the share of missing calls [n], by group [n]."""
    _, axes = plt.subplots(figsize=(6.0, 3.6))
    for name, color, marker in zip(sorted(set(groups)), ("blue", "orange"), "os", strict=False):
        at = np.asarray(groups) == name
        axes.plot(missing[at], counts[at], marker, color=COLORS[color], ms=6, label=name)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set(xlabel="share of calls that are missing", ylabel="variants counted")
    axes.legend()


def draw_receptors(counts, types, genes, most=5) -> None:
    """For two genes, the number of accessions with 0, 1, 2, ... variants of each type.

    Parameters
    ----------
    counts : int array of shape (n, 2, types)
    types, genes : sequences of str
    most : int
        The last column is for this many variants and more.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.6), sharey=True)
    for k, one in enumerate(axes):
        shown = np.minimum(counts[:, k], most).T
        table = np.array([np.bincount(column, minlength=most + 1) for column in shown])
        shares = table / len(counts)
        image = one.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for t, c in np.argwhere(table > 0):
            color = "white" if shares[t, c] > 0.6 else COLORS["black"]
            one.text(c, t, table[t, c], ha="center", va="center", fontsize=8, color=color)
        labels = [*map(str, range(most)), f"{most} or more"]
        one.set(title=genes[k], xlabel="variants of the type")
        one.set_xticks(range(most + 1), labels, fontsize=8.5)
    axes[0].set_yticks(range(len(types)), types)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of accessions")


def draw_pairs(first, second, titles) -> None:
    """Plants or copies as rows of variants, carried ones filled.

    Parameters
    ----------
    first, second : dict of str to sequence of int
        Label of a row to 0 or 1 for each variant.
    titles : two str
    """
    _, axes = plt.subplots(1, 2, figsize=(7.4, 2.3))
    for one, rows, title in zip(axes, (first, second), titles, strict=True):
        for i, carried in enumerate(rows.values()):
            one.plot([-0.6, len(carried) - 0.4], [i, i], color=COLORS["grey"], lw=1, zorder=1)
            for j, filled in enumerate(carried):
                face = COLORS["vermillion"] if filled else "white"
                one.plot(j, i, "o", ms=11, mfc=face, mec=COLORS["vermillion"], zorder=2)
        one.set(title=title, ylim=(len(rows) - 0.4, -0.6), xticks=[])
        one.set_yticks(range(len(rows)), list(rows))
        one.tick_params(length=0)
        for side in one.spines.values():
            side.set_visible(False)


def draw_shares(correlations, expected, drawn, any_function) -> None:
    """Share that counts explain against the correlation of effects.

    Parameters
    ----------
    correlations : float array of shape (k,)
    expected, drawn : float arrays of shape (panels, k)
    any_function : float
        Upper bound for any function of the counts, at correlation 0.
    """
    _, axes = plt.subplots(figsize=(6.4, 3.8))
    axes.plot(correlations, expected.mean(axis=0), color=COLORS["blue"], label="formula")
    spread = 2 * drawn.std(axis=0, ddof=1)
    axes.errorbar(
        correlations,
        drawn.mean(axis=0),
        spread,
        fmt="o",
        color=COLORS["orange"],
        capsize=3,
        label="drawn, ± 2 standard deviations over panels",
    )
    axes.plot(0, any_function, "D", color=COLORS["green"], ms=7)
    axes.annotate(
        "any function of the counts",
        (0, any_function),
        xytext=(9, -3),
        textcoords="offset points",
        color=COLORS["green"],
    )
    axes.axhline(1, color=COLORS["grey"], lw=1, ls="--")
    axes.annotate(
        "the variants themselves",
        (1, 1),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        color=COLORS["grey"],
    )
    axes.set(
        xlabel="correlation of effects of one type in one gene",
        ylabel="share of the gene's variance",
        ylim=(0, 1.1),
    )
    axes.legend(loc="lower right")


def draw_scales(scaled, types, names) -> None:
    """Standard deviation of each type's entries on several scales: name to values [types]."""
    figure, axes = plt.subplots(1, len(names), figsize=(7.6, 3.4), sharey=True)
    at = np.arange(len(types))
    for one, name in zip(axes, names, strict=True):
        one.barh(at, scaled[name], color=COLORS["blue"])
        one.set_title(name, fontsize=10)
    axes[0].set_yticks(at, types, fontsize=8.5)
    axes[0].invert_yaxis()
    figure.supxlabel("standard deviation over plants and genes", fontsize=10.5)


def draw_rejections(shares, nominal) -> None:
    """Shares of tests that reject, name to (share, lower, upper), against the nominal rate."""
    _, axes = plt.subplots(figsize=(6.2, 2.2))
    for k, (share, low, high) in enumerate(shares.values()):
        axes.plot([low, high], [k, k], color=COLORS["blue"], lw=3)
        axes.plot(share, k, "o", color=COLORS["blue"], ms=7)
    axes.axvline(nominal, color=COLORS["grey"], lw=1, ls="--")
    axes.set_yticks(range(len(shares)), list(shares))
    axes.set(xlim=(0, 1), ylim=(-0.6, len(shares) - 0.4), xlabel="share of tests with p < 0.05")
