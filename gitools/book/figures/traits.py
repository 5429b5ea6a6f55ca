"""Figures of the chapter on mixtures of traits."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from gitools.book.style import COLORS

TESTS = {
    "trait": "blue",
    "responsibilities": "vermillion",
    "labels": "orange",
    "within humps": "purple",
    "ranks": "sky",
    "logarithm": "green",
    "true responsibilities": "green",
    "smaller p, corrected": "grey",
    "ceiling": "black",
}


def _histogram(axis, y, fit, bins=45):
    axis.hist(y, bins=bins, density=True, color=COLORS["sky"], alpha=0.5)
    grid = np.linspace(y.min(), y.max(), 400)
    for weight, mean, sd, color in zip(*fit, ("blue", "vermillion"), strict=False):
        axis.plot(grid, weight * norm.pdf(grid, mean, sd), color=COLORS[color])
    axis.set(xlabel="trait (sd)", yticks=[])


def draw_two_traits(traits, fits, titles) -> None:
    """Histograms of traits with the two components of each fit (weights, means, sds)."""
    _, axes = plt.subplots(1, len(traits), figsize=(7.4, 3.1))
    for axis, y, fit, title in zip(axes, traits, fits, titles, strict=True):
        _histogram(axis, y, fit)
        axis.set_title(title)
    axes[0].set_ylabel("density of people")


def draw_scores(y, density, class_score, shift_score) -> None:
    """A humped trait's density above; below, the scores of two kinds of effect, standardised."""
    _, axes = plt.subplots(2, 1, figsize=(6.2, 4.6), sharex=True, height_ratios=[1, 1.6])
    axes[0].fill_between(y, density, color=COLORS["sky"], alpha=0.5, lw=0)
    axes[0].set(yticks=[], ylabel="density")
    scaled = (y - np.average(y, weights=density)) / np.sqrt(
        np.cov(y, aweights=density, ddof=0)
    )  # fmt: skip
    named = (
        (scaled, "the trait itself", "blue", (4.1, 1.9)),
        (class_score, "changes the odds of a hump", "vermillion", (0.0, 3.6)),
        (shift_score, "shifts everybody", "purple", (-0.2, 1.7)),
    )
    for score, name, color, place in named:
        axes[1].plot(y, score, color=COLORS[color])
        axes[1].text(*place, name, color=COLORS[color])
    axes[1].set(
        xlabel="trait (sd of one hump)", ylabel="what the test listens to", ylim=(-3.2, 4.2)
    )


def draw_scans(named, threshold, causal, blocks) -> None:
    """Manhattan plots under one another: name to -log10 p; the causal variant circled."""
    figure, axes = plt.subplots(len(named), 1, figsize=(7, 4.4), sharex=True, sharey=True)
    shade = np.where(blocks % 2, COLORS["blue"], COLORS["sky"])
    for axis, (name, log_p) in zip(axes, named.items(), strict=True):
        axis.scatter(np.arange(len(log_p)), log_p, s=5, c=shade, lw=0)
        axis.plot(causal, log_p[causal], "o", ms=9, mfc="none", mec=COLORS["vermillion"])
        axis.axhline(threshold, color=COLORS["grey"], ls="--", lw=1)
        axis.set_title(name)
    axes[-1].set_xlabel("variant")
    figure.supylabel("−log10 p", fontsize="medium")


def draw_efficiency(distances, named) -> None:
    """Relative efficiency of responsibilities against distance, name to values."""
    _, axis = plt.subplots()
    axis.axhline(1, color=COLORS["grey"], ls="--", lw=1)
    colors = ("vermillion", "orange", "green", "blue")
    last = list(named.values())[-1]
    for (name, values), color in zip(named.items(), colors, strict=True):
        axis.plot(distances, values, color=COLORS[color])
        top = values.argmax()
        # The lowest two curves nearly touch: one label above, one below.
        offset = -13 if values is last else 4
        axis.annotate(name, (distances[top], values[top]), xytext=(0, offset), ha="center",
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axis.set(xlabel="distance of the humps (sd of one hump)", ylabel="people saved: ratio of n",
             ylim=(0.9, 1.08 * max(v.max() for v in named.values())))  # fmt: skip


def draw_power(distances, counted, errors, predicted) -> None:
    """Power against distance: name to counts with two standard errors, and to predictions."""
    _, axis = plt.subplots(figsize=(6.6, 4))
    for k, (name, values) in enumerate(counted.items()):
        axis.errorbar(distances + 0.04 * (k - 1.5), values, errors[name], fmt="o", ms=5, lw=1,
                      color=COLORS[TESTS[name]], label=name)  # fmt: skip
    for name, (grid, values) in predicted.items():
        axis.plot(grid, values, color=COLORS[TESTS[name]], lw=1.2, alpha=0.8)
    axis.legend(loc="lower right", ncols=2)
    axis.set(xlabel="distance of the humps (sd of one hump)", ylabel="power at level 0.05")


def draw_scenarios(power, errors, titles) -> None:
    """Power of tests (rows of each frame) in several scenarios, a panel for each.

    `power` and `errors` map a scenario to a name-to-value mapping.
    """
    figure, axes = plt.subplots(1, len(power), figsize=(8.2, 3.2), sharex=True, sharey=True)
    names = list(next(iter(power.values())))[::-1]
    for axis, (scenario, values), title in zip(axes, power.items(), titles, strict=True):
        for row, name in enumerate(names):
            if name in values and np.isfinite(values[name]):
                axis.errorbar(values[name], row, xerr=errors[scenario][name], fmt="o", ms=5,
                              color=COLORS[TESTS[name]])  # fmt: skip
        axis.set(title=title, xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
        axis.title.set_fontsize(9.5)
        axis.grid(axis="y", color="0.9", lw=0.8)
    axes[0].set_yticks(range(len(names)), names)
    figure.supxlabel("power at level 0.05", fontsize="medium")


def draw_largest(named, thresholds, line) -> None:
    """Largest statistic after each permutation, name to values, with a threshold for each.

    `line` is the threshold that looks at no data.
    """
    _, axis = plt.subplots(figsize=(6.4, 3.4))
    bins = np.linspace(min(v.min() for v in named.values()), 6, 40)
    for (name, values), color, height in zip(
        named.items(), ("blue", "vermillion"), (0.97, 0.87), strict=True
    ):
        axis.hist(values, bins=bins, histtype="stepfilled", color=COLORS[color], alpha=0.35)
        axis.axvline(thresholds[name], color=COLORS[color])
        axis.text(0.62, height, f"{name} and its threshold", color=COLORS[color],
                  transform=axis.transAxes)  # fmt: skip
    axis.axvline(line, color=COLORS["black"], ls="--", lw=1.2)
    axis.text(0.62, 0.77, "Bonferroni (dashed)", transform=axis.transAxes)
    axis.set(xlabel="largest |t| over all variants", ylabel="permutations")


def draw_cost(distances, named, errors) -> None:
    """Share of data sets in which two humps are seen, against distance; 0 is no gene at all."""
    _, axis = plt.subplots(figsize=(6.6, 3.8))
    axis.axhline(0.05, color=COLORS["grey"], ls="--", lw=1)
    colors = ("grey", "green", "orange", "vermillion")
    for (name, values), color in zip(named.items(), colors, strict=True):
        axis.errorbar(distances, values, errors[name], fmt="o-", ms=4, lw=1.4,
                      color=COLORS[color], label=name)  # fmt: skip
    axis.legend(loc="lower right", fontsize="small")
    axis.set(xlabel="distance of the humps (sd of one hump); 0: no gene",
             ylabel="share in which one hump is rejected")  # fmt: skip


def draw_rare(carriers, named, level) -> None:
    """Rate of rejection over its nominal level against number of carriers, both logarithmic."""
    _, axis = plt.subplots(figsize=(5.8, 3.4))
    axis.axhline(1, color=COLORS["grey"], ls="--", lw=1)
    for (name, values), color in zip(named.items(), ("vermillion", "green"), strict=True):
        axis.plot(carriers, values, "o-", color=COLORS[color], label=name)
    axis.legend()
    axis.set(xscale="log", yscale="log", xlabel="carriers among 500 people",
             ylabel=f"rate at level {level:g}, over {level:g}")  # fmt: skip
    axis.set_xticks(carriers, [str(c) for c in carriers])
    axis.minorticks_off()
