"""Figures of the chapter on transfer between traits."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import t

from gitools.book.style import COLORS

_LINES = ("blue", "vermillion", "green", "purple", "orange")


def draw_pair(x, y, left_out, x_name, y_name) -> None:
    """Two traits of the same plants; training plants and left-out ones (bool array [n])."""
    _, axis = plt.subplots(figsize=(5.0, 3.8))
    for rows, color, label in (
        (~left_out, "grey", "training"),
        (left_out, "vermillion", "left out"),
    ):
        axis.plot(x[rows], y[rows], "o", ms=4.5, mew=0, alpha=0.8, color=COLORS[color], label=label)
    axis.set(xlabel=x_name, ylabel=y_name)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.1)


def draw_linear(reliability, gains) -> None:
    """Gain in squared accuracy against the reliability of the trait predicted.

    `gains` maps a label to (mean, half width of an interval or None), each [k]; a line without
    interval is theory.
    """
    _, axis = plt.subplots(figsize=(6.2, 3.6))
    axis.axhline(0, color=COLORS["grey"], lw=1)
    for (label, (mean, half)), color in zip(gains.items(), _LINES, strict=False):
        if half is None:
            axis.plot(reliability, mean, "--", color=COLORS["black"], lw=1.3, label=label)
        else:
            axis.errorbar(reliability, mean, half, fmt="o-", ms=5, color=COLORS[color], label=label)
    axis.set(xlabel="reliability of the trait that is predicted", ylabel="gain in squared accuracy")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))


def draw_losses(losses) -> None:
    """Training loss by epoch; `losses` maps a label to an array [folds, epochs]."""
    _, axis = plt.subplots(figsize=(6.2, 3.6))
    for (label, values), color in zip(losses.items(), _LINES, strict=False):
        epochs = np.arange(1, values.shape[1] + 1)
        axis.plot(epochs, values.T, color=COLORS[color], lw=0.8, alpha=0.5)
        axis.plot(epochs, values.mean(axis=0), color=COLORS[color], label=label)
    axis.set(xlabel="epoch of the second training", ylabel="training loss", ylim=(0, None))
    axis.legend()


def draw_methods(names, means, halves, ceiling) -> None:
    """Mean score of each method with its interval, and the score of the true genetic values."""
    _, axis = plt.subplots(figsize=(6.4, 0.36 * len(names) + 1.1))
    at = np.arange(len(names))[::-1]
    axis.axvline(ceiling, color=COLORS["grey"], ls="--", lw=1)
    axis.annotate(
        "true genetic\nvalues",
        (ceiling, at[0] - 0.6),
        xytext=(-5, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        color=COLORS["grey"],
    )
    colors = [COLORS["vermillion" if "GBLUP" in name else "blue"] for name in names]
    axis.hlines(at, np.subtract(means, halves), np.add(means, halves), color=colors, lw=2)
    axis.scatter(means, at, c=colors, s=28, zorder=3)
    axis.set(yticks=at, yticklabels=names, xlabel="correlation within countries")


def draw_epochs(epochs, curves) -> None:
    """Score by epoch (log axis); `curves` maps a label to (mean, half width), each [k]."""
    _, axis = plt.subplots(figsize=(6.2, 3.6))
    for (label, (mean, half)), color in zip(curves.items(), _LINES, strict=False):
        axis.fill_between(epochs, mean - half, mean + half, color=COLORS[color], alpha=0.15, lw=0)
        axis.plot(epochs, mean, "o-", ms=4, color=COLORS[color], label=label)
    axis.set_xscale("log")
    axis.set_xticks(epochs, [str(epoch) for epoch in epochs])
    axis.minorticks_off()
    axis.set(xlabel="epoch of the second training", ylabel="correlation within countries")
    axis.legend(loc="lower right")


def draw_gain(labels, gains, xlabel) -> None:
    """Gain of each panel in each setting, with the mean and its interval.

    `gains` holds one array [panels] for each label.
    """
    _, axis = plt.subplots(figsize=(1.15 * len(labels) + 1.6, 3.6))
    axis.axhline(0, color=COLORS["grey"], lw=1)
    for x, values in enumerate(gains):
        n = len(values)
        spread = np.linspace(-0.12, 0.12, n) - 0.15
        axis.plot(x + spread, values, "o", ms=3.5, mew=0, alpha=0.5, color=COLORS["grey"])
        half = t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
        axis.errorbar(x + 0.15, values.mean(), half, fmt="o", ms=6, color=COLORS["blue"], lw=2)
    axis.set(xticks=range(len(labels)), xticklabels=labels, xlabel=xlabel, ylabel="gain in r")
    axis.set_xlim(-0.5, len(labels) - 0.5)


def draw_leak(states, scores) -> None:
    """Score of each panel by what the first training saw, for each method.

    `scores` maps a label to one array [panels] for each of the `states`.
    """
    _, axes = plt.subplots(1, len(scores), figsize=(2.5 * len(scores) + 0.6, 3.6), sharey=True)
    at = np.arange(len(states))
    for axis, (label, values) in zip(axes, scores.items(), strict=True):
        axis.plot(at, np.array(values), color=COLORS["grey"], lw=0.7, alpha=0.6)
        axis.plot(at, np.mean(values, axis=1), "o-", color=COLORS["vermillion"], lw=2.2)
        axis.set(title=label, xticks=at, xticklabels=states, xlim=(-0.3, len(states) - 0.7))
    axes[0].set_ylabel("correlation within countries")


def draw_null(scores) -> None:
    """Scores of panels [k] where there is nothing to predict, by label."""
    _, axis = plt.subplots(figsize=(6.0, 0.6 * len(scores) + 1.2))
    axis.axvline(0, color=COLORS["grey"], lw=1)
    for y, values in enumerate(reversed(scores.values())):
        axis.plot(values, np.full(len(values), y), "|", ms=11, color=COLORS["blue"], alpha=0.7)
        axis.plot(values.mean(), y, "o", ms=7, color=COLORS["vermillion"])
    axis.set(
        yticks=range(len(scores)),
        yticklabels=list(scores)[::-1],
        xlabel="correlation within countries",
        ylim=(-0.6, len(scores) - 0.4),
    )
