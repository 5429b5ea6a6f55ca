"""Figures of the chapter on effects as draws from a mixture."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from gitools.book.style import COLORS


def draw_histograms(effects, estimates) -> None:
    """Two histograms with a logarithmic count on one axis of effects: the truth, the estimates."""
    _, axes = plt.subplots(1, 2, figsize=(7.4, 3.1), sharex=True, sharey=True)
    limit = np.abs(estimates).max() * 1.05
    edges = np.linspace(-limit, limit, 82)
    for axis, values, title, color in (
        (axes[0], effects, "what you never see", "vermillion"),
        (axes[1], estimates, "what you get", "blue"),
    ):
        axis.hist(values, edges, color=COLORS[color])
        axis.set(title=title, yscale="log", xlabel="standardised effect")
    axes[0].set(ylabel="variants")


def draw_degrees(sizes, train, test, theory, random) -> None:
    """R2 against number of variants: train, test and random arrays [sizes], theory (x, y)."""
    _, axis = plt.subplots(figsize=(6.6, 3.6))
    axis.axhline(0, color=COLORS["grey"], lw=1)
    axis.plot(*theory, color=COLORS["grey"], ls="--")
    for values, name, color, at, offset in (
        (train, "least squares, the people fitted", "orange", 6, (4, -16)),
        (test, "least squares, new people", "vermillion", 8, (12, -12)),
        (random, "random effects, new people", "blue", -1, (-4, 8)),
    ):
        axis.plot(sizes, values, "o-", color=COLORS[color])
        axis.annotate(name, (sizes[at], values[at]), xytext=offset, textcoords="offset points",
                      ha="right" if at < 0 else "left", color=COLORS[color])  # fmt: skip
    axis.set(ylim=(-2.2, 1.3), xlabel="variants in the model", ylabel="R²")


def _tail(x, weights, variances, n_variants):
    """Expected number of variants with an absolute effect above x."""
    with_effect = variances > 0
    sd = np.sqrt(variances[with_effect])
    return n_variants * 2 * norm.sf(x[:, None] / sd) @ weights[with_effect]


def draw_learnt(truth, learnt, estimates, n_variants) -> None:
    """How many variants exceed a size: truth and learnt as (weights, variances), and estimates."""
    _, axis = plt.subplots(figsize=(6.2, 3.6))
    x = np.linspace(0.002, 0.13, 200)
    above = (np.abs(estimates)[:, None] > x).sum(axis=0)
    lines = (
        (above, "estimates", "grey", 35, (8, 6)),
        (_tail(x, *truth, n_variants), "truth", "vermillion", 12, (-8, -26)),
        (_tail(x, *learnt, n_variants), "learnt", "blue", 90, (-44, -16)),
    )
    for y, name, color, at, offset in lines:
        axis.plot(x, y, color=COLORS[color], ls="--" if name == "learnt" else "-")
        axis.annotate(name, (x[at], y[at]), xytext=offset, textcoords="offset points",
                      color=COLORS[color])  # fmt: skip
    axis.set(yscale="log", ylim=(0.5, n_variants), xlabel="size of effect",
             ylabel="variants with a larger effect")  # fmt: skip


def draw_shrinkage(x, named, threshold) -> None:
    """Estimate against what is kept of it: name to curve, and a threshold's cut."""
    _, axis = plt.subplots(figsize=(5.6, 4.0))
    axis.plot(x, x, color=COLORS["grey"], lw=1, ls=":")
    corners = [0, threshold, threshold, x[-1]], [0, 0, threshold, x[-1]]
    axis.plot(*corners, color=COLORS["orange"])
    axis.annotate("p-value threshold", (threshold, 0.6 * threshold), xytext=(6, -4),
                  textcoords="offset points", color=COLORS["orange"])  # fmt: skip
    for (name, y), color, ls in zip(
        named.items(), ("vermillion", "blue"), ("-", "--"), strict=True
    ):
        axis.plot(x, y, color=COLORS[color], ls=ls, label=name)
    axis.legend(loc="upper left")
    axis.set(xlabel="estimate", ylabel="what is kept of it", xlim=(0, x[-1]), ylim=(0, x[-1]))


def draw_genome(truth, marginal, posterior) -> None:
    """Effects along the variants: truth, marginal estimates, posterior means."""
    _, axes = plt.subplots(3, 1, figsize=(7.2, 4.8), sharex=True, sharey=True)
    for axis, values, title, color in (
        (axes[0], truth, "true effects", "vermillion"),
        (axes[1], marginal, "one variant at a time", "grey"),
        (axes[2], posterior, "all at once, under a mixture", "blue"),
    ):
        axis.vlines(np.arange(len(values)), 0, values, color=COLORS[color], lw=1.2)
        axis.set_title(title)
    axes[1].set_ylabel("standardised effect")
    axes[2].set_xlabel("variant")


def draw_trace(trace, truth, burn_in) -> None:
    """Variance explained sweep by sweep, its true value, and the sweeps that are dropped."""
    _, axis = plt.subplots(figsize=(6.6, 3.0))
    axis.axvspan(0, burn_in, color=COLORS["grey"], alpha=0.2, lw=0)
    axis.plot(trace, color=COLORS["blue"], lw=0.9)
    axis.axhline(truth, color=COLORS["vermillion"], ls="--", lw=1.2)
    axis.annotate("truth", (1.0, truth), xycoords=("axes fraction", "data"), xytext=(4, 0),
                  textcoords="offset points", va="center", color=COLORS["vermillion"])  # fmt: skip
    axis.set(xlabel="sweep", ylabel="variance explained")


def draw_rows(names, values, intervals, label, *, reference=None, colors=None) -> None:
    """Values [rows] with intervals [rows, 2], first name on top, on one axis."""
    height = 0.42 * len(names) + 0.9
    _, axis = plt.subplots(figsize=(6.6, height))
    at = np.arange(len(names))[::-1]
    for y, value, (low, high), color in zip(
        at, values, intervals, colors or ["blue"] * len(names), strict=True
    ):
        axis.plot([low, high], [y, y], color=COLORS[color], lw=2.2, solid_capstyle="butt")
        axis.plot(value, y, "o", color=COLORS[color], ms=6)
    if reference is not None:
        axis.axvline(reference, color=COLORS["grey"], ls="--", lw=1)
    axis.set(yticks=at, yticklabels=names, xlabel=label, ylim=(-0.6, len(names) - 0.4))


def draw_two_columns(names, quantitative, binary, label) -> None:
    """Rows of values and half-widths, (rows, 2) each, for a whole and for a cut trait."""
    _, axes = plt.subplots(1, 2, figsize=(7.4, 0.42 * len(names) + 1.2), sharey=True, sharex=True)
    at = np.arange(len(names))[::-1]
    for axis, rows, title in (
        (axes[0], quantitative, "body mass index"),
        (axes[1], binary, "obese or not"),
    ):
        axis.axvline(0, color=COLORS["grey"], ls="--", lw=1)
        for y, (value, error) in zip(at, rows, strict=True):
            axis.plot([value - error, value + error], [y, y], color=COLORS["blue"], lw=2.2)
            axis.plot(value, y, "o", color=COLORS["blue"], ms=6)
        axis.set(title=title, xlabel=label)
    axes[0].set(yticks=at, yticklabels=names, ylim=(-0.6, len(names) - 0.4))


def draw_heritabilities(null, real) -> None:
    """Heritability given to noise and to a trait, an entry a data set."""
    _, axis = plt.subplots(figsize=(6.2, 3.1))
    edges = np.linspace(0, max(real.max(), null.max()) * 1.05, 40)
    for values, name, color in ((null, "pure noise", "grey"), (real, "the trait", "blue")):
        counts, _, _ = axis.hist(values, edges, color=COLORS[color], alpha=0.8)
        axis.annotate(name, (np.median(values), counts.max()), xytext=(0, 4), ha="center",
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axis.set(xlabel="heritability found", ylabel="data sets")
    axis.margins(y=0.15)
