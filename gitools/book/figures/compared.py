"""Figures of the chapter that compares shrinkage methods: pure drawing of what it is given."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import TwoSlopeNorm

from gitools.book.style import COLORS

KINDS = {
    "zero": "grey",
    "constant": "grey",
    "ridge": "orange",
    "lasso": "orange",
    "elastic net": "orange",
    "spike-and-slab": "green",
    "gibbs": "green",
    "susie": "vermillion",
    "published": "purple",
    "published, wide": "purple",
    "ours": "blue",
}
"""Colours of methods by kind: bars that know nothing, penalties, priors, fine-mapping, networks."""

LABELS = {
    "constant": "best constant",
    "gibbs": "spike-and-slab, sampled",
    "spike-and-slab": "spike-and-slab, mean field",
    "susie": "SuSiE",
    "published": "published network",
    "published, wide": "published network, wide prior",
    "ours": "unrolled network",
}
"""How methods are called in figures where it is not as in the table."""

SHORT = {
    "spike-and-slab": "mean field",
    "published": "published",
    "published, wide": "published, wide",
    "ours": "unrolled",
}
"""Where space is short."""


def label(method: str) -> str:
    """Name of a method as figures show it."""
    return LABELS.get(method, method)


def _color(method):
    return COLORS[KINDS.get(method, "black")]


def draw_estimates(truth, estimates) -> None:
    """Estimates of each method and the truth along a region, a panel a method.

    Parameters
    ----------
    truth : array of shape (p,)
    estimates : dict of arrays of shape (p,)
    """
    figure, axes = plt.subplots(
        len(estimates), sharex=True, sharey=True, figsize=(7.2, 0.95 * len(estimates) + 0.5)
    )
    at = np.flatnonzero(truth)
    for axis, (method, values) in zip(axes, estimates.items(), strict=True):
        axis.axhline(0, color=COLORS["grey"], lw=0.6)
        axis.vlines(np.arange(len(values)), 0, values, color=_color(method), lw=1.3)
        axis.plot(at, truth[at], "o", mfc="none", mec=COLORS["black"], ms=6, mew=1)
        axis.text(1.01, 0.5, label(method), transform=axis.transAxes, va="center",
                  color=_color(method))  # fmt: skip
        axis.locator_params(axis="y", nbins=3)
    reach = 1.2 * max(np.abs(values).max() for values in [truth, *estimates.values()])
    axes[-1].set_ylim(-reach, reach)
    axes[-1].set_xlabel("variant of the region (rings: true effects)")
    figure.supylabel("effect", fontsize=10.5)


def draw_pairs(first, second, names) -> None:
    """Errors of two methods on the same data sets, one against the other, beside the diagonal."""
    _, axes = plt.subplots(figsize=(4.8, 4.3))
    limits = [0.8 * min(first.min(), second.min()), 1.25 * max(first.max(), second.max())]
    axes.plot(limits, limits, color=COLORS["grey"], ls="--", lw=1)
    axes.plot(first, second, "o", color=COLORS["blue"], ms=5, alpha=0.7)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits,
             xlabel=f"squared error, {names[0]}", ylabel=f"squared error, {names[1]}")  # fmt: skip


def draw_dots(
    methods, values, intervals, axis_label, line=None, line_label="", largest_first=False
) -> None:
    """One value with its interval a method, sorted, and a vertical line to measure it by.

    Parameters
    ----------
    methods : list of str
    values : array of shape (methods,)
    intervals : array of shape (methods, 2)
    axis_label : str
    line : float, optional
    line_label : str
    largest_first : bool
        Whether the largest value stands on top, or the smallest.
    """
    values, intervals = np.asarray(values), np.asarray(intervals)
    _, axes = plt.subplots(figsize=(7.0, 0.33 * len(methods) + 1.1))
    places = np.argsort(np.argsort(values))
    rows = places if largest_first else len(methods) - 1 - places
    if line is not None:
        axes.axvline(line, color=COLORS["black"], ls="--", lw=1)
        axes.annotate(line_label, (line, len(methods) - 0.45), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=9)  # fmt: skip
    for method, row, value, interval in zip(methods, rows, values, intervals, strict=True):
        axes.hlines(row, *interval, color=_color(method), lw=2)
        axes.plot(value, row, "o", color=_color(method), ms=7)
    axes.set_yticks(rows, [label(method) for method in methods])
    axes.set(xlabel=axis_label, ylim=(-0.6, len(methods) - 0.2))


def draw_grid(ratios, settings, methods, colorbar) -> None:
    """Ratios of errors [settings, methods] as a table of colours with their numbers.

    Parameters
    ----------
    ratios : float array of shape (settings, methods)
        NaN where a method was not run.
    settings, methods : lists of str
    colorbar : str
        What the colours say.
    """
    _, axes = plt.subplots(figsize=(7.6, 0.31 * len(settings) + 1.9))
    norm = TwoSlopeNorm(0.0, vmin=-1, vmax=1)
    image = axes.imshow(np.log2(ratios), cmap="RdBu_r", norm=norm, aspect="auto")
    for row, column in np.ndindex(ratios.shape):
        value = ratios[row, column]
        if np.isfinite(value):
            strong = abs(np.log2(value)) > 0.65
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9,
                      color="white" if strong else COLORS["black"])  # fmt: skip
    names = [SHORT.get(method, label(method)) for method in methods]
    axes.set_xticks(range(len(methods)), names, fontsize=9, rotation=35, ha="left")
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(settings)), settings, fontsize=9.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = plt.colorbar(image, ax=axes, ticks=[-1, 0, 1], shrink=0.6, extend="both")
    bar.ax.set_yticklabels(["half", "equal", "twice"])
    bar.set_label(colorbar)


def draw_regime(methods, values, groups, axis_label) -> None:
    """Ratios of each method in groups of settings, a panel a group, a dot a setting.

    Parameters
    ----------
    methods : list of str
    values : list of float arrays of shape (settings, methods)
        One array a group.
    groups : list of str
    axis_label : str
    """
    _, axes = plt.subplots(1, len(groups), sharey=True, sharex=True, figsize=(7.4, 3.4))
    rows = np.arange(len(methods))[::-1]
    for axis, ratios, group in zip(axes, values, groups, strict=True):
        axis.axvline(1, color=COLORS["black"], ls="--", lw=1)
        for row, method, column in zip(rows, methods, np.asarray(ratios).T, strict=True):
            axis.plot(column, np.full(len(column), row), "o", color=_color(method), alpha=0.6)
        axis.set(title=group, xscale="log", xlabel=axis_label)
        axis.set_xticks([0.5, 0.7, 1, 1.4, 2], ["0.5", "0.7", "1", "1.4", "2"])
        axis.minorticks_off()
    axes[0].set_yticks(rows, [label(method) for method in methods])


def draw_slopes(methods, slopes) -> None:
    """Slopes of the truth on the estimates [settings, methods], one dot a setting."""
    _, axes = plt.subplots(figsize=(7.0, 0.36 * len(methods) + 1.0))
    rows = np.arange(len(methods))[::-1]
    axes.axvspan(0.8, 1.2, color=COLORS["sky"], alpha=0.2, lw=0)
    axes.axvline(1, color=COLORS["black"], ls="--", lw=1)
    for row, method, column in zip(rows, methods, np.asarray(slopes).T, strict=True):
        axes.plot(column, np.full(len(column), row), "o", color=_color(method), alpha=0.6)
    axes.set_yticks(rows, [label(method) for method in methods])
    axes.set(xlabel="slope of the truth on the estimate", ylim=(-0.6, len(methods) - 0.4))


def draw_against(methods, ours, theirs, panels, axis_label) -> None:
    """Our values by method, a panel a setting, with the sources' as vertical ticks.

    Parameters
    ----------
    methods : list of str
    ours : float array of shape (settings, methods, 3)
        Value and both ends of the interval.
    theirs : float array of shape (settings, methods)
        The source's, NaN where it has none.
    panels : list of str
    axis_label : str
    """
    _, axes = plt.subplots(1, len(panels), sharey=True, figsize=(7.6, 0.3 * len(methods) + 1.3))
    rows = np.arange(len(methods))[::-1]
    for axis, found, given, panel in zip(axes, ours, theirs, panels, strict=True):
        for row, method, value in zip(rows, methods, found, strict=True):
            axis.hlines(row, *value[1:], color=_color(method), lw=2)
            axis.plot(value[0], row, "o", color=_color(method), ms=6)
        axis.plot(given, rows, "|", color=COLORS["black"], ms=13, mew=2)
        axis.set(title=panel, xlabel=axis_label, ylim=(-0.6, len(methods) - 0.4))
        axis.set_xlim(0, None)
        axis.locator_params(axis="x", nbins=4)
    axes[0].set_yticks(rows, [label(method) for method in methods])


def draw_panels(methods, values, panels) -> None:
    """Errors over that of zero [panels, methods] as a line a method over kinds of LD."""
    _, axes = plt.subplots(figsize=(7.2, 4.0))
    axes.axhline(1, color=COLORS["black"], ls="--", lw=1)
    ends = np.argsort(np.argsort(values[-1]))
    low, high = np.log(values.min()), np.log(values.max())
    for method, column, place in zip(methods, values.T, ends, strict=True):
        axes.plot(range(len(panels)), column, "o-", color=_color(method))
        y = np.exp(low + (high - low) * (place + 0.5) / len(methods))
        thin = {"arrowstyle": "-", "color": COLORS["grey"], "lw": 0.5}
        axes.annotate(label(method), (len(panels) - 1, column[-1]), xytext=(len(panels) - 0.75, y),
                      color=_color(method), va="center", fontsize=9.5, arrowprops=thin)  # fmt: skip
    axes.text(-0.15, 1.05, "predicting zero", fontsize=9)
    axes.set_xticks(range(len(panels)), panels)
    ticks = [
        t for t in (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8) if 0.8 * values.min() < t < values.max()
    ]
    axes.set(yscale="log", xlim=(-0.2, len(panels) + 0.6), ylabel="error, zero's = 1")
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()


def draw_costs(sizes, methods, seconds) -> None:
    """Seconds [methods, sizes] against the variants of a region, NaN where none were taken."""
    _, axes = plt.subplots(figsize=(7.2, 4.0))
    last = [row[np.isfinite(row)][-1] for row in seconds]
    places = np.argsort(np.argsort(last))
    low, high = np.log(np.nanmin(seconds)), np.log(np.nanmax(seconds))
    thin = {"arrowstyle": "-", "color": COLORS["grey"], "lw": 0.5}
    for method, row, value, place in zip(methods, seconds, last, places, strict=True):
        at = np.asarray(sizes)[np.isfinite(row)]
        axes.plot(sizes, row, "o-", ms=5, color=_color(method))
        y = np.exp(low + (high - low) * (0.35 + 0.65 * place / (len(methods) - 1)))
        axes.annotate(label(method), (at[-1], value), xytext=(sizes[-1] * 1.3, y),
                      color=_color(method), va="center", fontsize=9.5, arrowprops=thin)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="variants of the region", ylabel="seconds")
    axes.set_xlim(sizes[0] * 0.9, sizes[-1] * 6)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()


def draw_null(methods, sizes, axis_label) -> None:
    """Sizes of the estimates in null regions, a strip of dots a method with its median."""
    _, axes = plt.subplots(figsize=(7.0, 0.4 * len(methods) + 1.0))
    for row, (method, values) in enumerate(zip(methods[::-1], sizes[::-1], strict=True)):
        spread = row + 0.5 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
        axes.plot(values, spread, ".", color=_color(method), ms=3, alpha=0.6)
        axes.plot(np.median(values), row, "|", color=COLORS["black"], ms=16, mew=2)
    axes.set_yticks(range(len(methods)), [label(method) for method in methods[::-1]])
    axes.set(xlabel=axis_label)
