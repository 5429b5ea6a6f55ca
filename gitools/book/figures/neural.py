"""Figures of the chapter on neural shrinkage: pure drawing of what it is given."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS


def draw_scaled(own, scaled, names) -> None:
    """Outputs at a tenth of the inputs, times ten, against the outputs; a panel a network.

    Parameters
    ----------
    own, scaled : lists of arrays
        Outputs of each network as they are, and with all inputs a tenth the size.
    names : list of str
    """
    _, axes = plt.subplots(1, len(own), figsize=(7.4, 3.5))
    for axis, x, y, name in zip(axes, own, scaled, names, strict=True):
        limit = 1.1 * max(np.abs(x).max(), np.abs(y).max())
        axis.plot([-limit, limit], [-limit, limit], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(x, y, ".", color=COLORS["blue"], ms=5)
        axis.set(title=name, xlabel="output", ylabel="10 × output at a tenth")
        axis.locator_params(nbins=5)


def draw_neighbours(correlations, signed, absolute) -> None:
    """Correlations of one variant with its block [p], and the two choices of neighbours."""
    _, axes = plt.subplots(figsize=(6.8, 3.2))
    axes.axhline(0, color=COLORS["grey"], lw=1)
    axes.plot(correlations, ".", color=COLORS["grey"], ms=4)
    axes.plot(absolute, correlations[absolute], "o", color=COLORS["blue"], ms=5)
    axes.plot(signed, correlations[signed], "o", mfc="none", mec=COLORS["vermillion"], ms=9)
    for y, text, color in (
        (0.97, "filled: largest absolute correlations", "blue"),
        (0.89, "rings: largest signed correlations", "vermillion"),
    ):
        axes.text(0.99, y, text, color=COLORS[color], transform=axes.transAxes, ha="right")
    axes.set(xlabel="variant of the block", ylabel="correlation", ylim=(-1.05, 1.3))


def draw_layer(z, alpha, causal) -> None:
    """z scores [p] above, inclusion weights of one layer [p] below; causal variants ringed."""
    _, axes = plt.subplots(2, sharex=True, figsize=(7.0, 4.4))
    at = np.flatnonzero(causal)
    for axis, values, label in (
        (axes[0], np.abs(z), "|z|"),
        (axes[1], alpha, "weight in the layer"),
    ):
        axis.plot(values, ".", color=COLORS["blue"], ms=5)
        axis.plot(at, values[at], "o", mfc="none", mec=COLORS["vermillion"], ms=11)
        axis.set_ylabel(label)
    axes[1].set(xlabel="variant of the block", ylim=(-0.05, 1.08))


def draw_rounds(rounds, before, after) -> None:
    """Error over zero's after each round, before and after training."""
    _, axes = plt.subplots()
    for values, name, color, shift in (
        (before, "before training", "orange", 8),
        (after, "after training", "blue", -14),
    ):
        axes.plot(rounds, values, "o-", color=COLORS[color])
        axes.annotate(
            name, (rounds[-2], values[-2]), xytext=(0, shift), textcoords="offset points",
            color=COLORS[color], ha="center",
        )  # fmt: skip
    axes.set(xlabel="rounds", ylabel="squared error, zero's = 1", xticks=rounds)
    axes.margins(y=0.2)


def draw_history(steps, train, validation) -> None:
    """Losses of training and of held-out blocks against steps."""
    _, axes = plt.subplots()
    axes.plot(steps, train, color=COLORS["grey"], lw=1)
    axes.plot(steps, validation, "o-", color=COLORS["blue"])
    for y, text, color in ((0.97, "training blocks", "grey"), (0.89, "held-out blocks", "blue")):
        axes.text(0.99, y, text, color=COLORS[color], transform=axes.transAxes, ha="right")
    axes.set(xlabel="step", ylabel="weighted squared error")


def draw_ratios(names, ratios, intervals, label) -> None:
    """Ratios [variants] with intervals [variants, 2] beside a line at 1, on a logarithmic axis."""
    _, axes = plt.subplots(figsize=(6.8, 0.36 * len(names) + 1.0))
    rows = np.arange(len(names))[::-1]
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    errors = np.abs(np.asarray(intervals).T - np.asarray(ratios))
    axes.errorbar(ratios, rows, xerr=errors, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set_xscale("log")
    ticks = [t for t in (0.5, 0.8, 1, 1.2, 1.5, 2, 3, 5, 10) if 0.6 * min(ratios) < t]
    ticks = [t for t in ticks if t < 1.6 * max(np.asarray(intervals).max(), 1)]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(rows, names)
    axes.set(xlabel=label, ylim=(-0.6, len(names) - 0.4))


def draw_methods(settings, methods, values, intervals) -> None:
    """Errors over zero's [settings, methods] with intervals [settings, methods, 2]."""
    _, axes = plt.subplots(figsize=(7.2, 4.2))
    colors = ["grey", "orange", "purple", "green", "vermillion", "blue"]
    for m, (method, color) in enumerate(zip(methods, colors, strict=True)):
        x = np.arange(len(settings)) + (m - (len(methods) - 1) / 2) * 0.12
        errors = np.abs(intervals[:, m].T - values[:, m])
        axes.errorbar(x, values[:, m], yerr=errors, fmt="o", ms=5, color=COLORS[color],
                      label=method)  # fmt: skip
    axes.axhline(1, color=COLORS["grey"], ls="--", lw=1)
    axes.set_xticks(np.arange(len(settings)), settings)
    axes.set(ylabel="squared error, zero's = 1", ylim=(0, None))
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9)


def draw_calibration(predicted, observed, errors, labels) -> None:
    """Observed against announced values [bins] with errors, beside the diagonal, both logarithmic.

    Parameters
    ----------
    predicted, observed, errors : arrays of shape (bins,)
    labels : pair of str
        Of the two axes.
    """
    _, axes = plt.subplots(figsize=(4.8, 4.2))
    limits = [
        0.7 * min(predicted.min(), observed.min()),
        1.4 * max(predicted.max(), observed.max()),
    ]
    axes.plot(limits, limits, color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(predicted, observed, yerr=errors, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])


def draw_shares(announced, observed, errors) -> None:
    """Share of causal variants [bins] against announced probability [bins]."""
    _, axes = plt.subplots(figsize=(4.8, 4.0))
    axes.plot([0, 1], [0, 1], color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(announced, observed, yerr=errors, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set(xlabel="announced probability", ylabel="share that is causal")


def draw_mismatch(sizes, ratios, errors) -> None:
    """Error over zero's against the number of people behind the LD matrix, with errors."""
    _, axes = plt.subplots()
    axes.axhline(1, color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(sizes, ratios, yerr=errors, fmt="o-", color=COLORS["blue"], capsize=3)
    axes.annotate("predicting zero", (sizes[-1], 1), xytext=(0, 5), textcoords="offset points",
                  color=COLORS["grey"], ha="right")  # fmt: skip
    axes.set(xscale="log", xlabel="people behind the LD matrix",
             ylabel="squared error, zero's = 1")  # fmt: skip
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
