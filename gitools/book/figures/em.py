"""Figures of the chapter on EM."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

DOSAGE_COLORS = [COLORS[c] for c in ("blue", "sky", "green", "orange", "vermillion")]
_RATIO = "signal ratio y / (x + y)"
_BINS = np.linspace(0, 1, 71)


def draw_ratios(ratio) -> None:
    """Histogram of the signal ratios [n] with one tick for every plant."""
    _, axes = plt.subplots()
    axes.hist(ratio, _BINS, color=COLORS["grey"], alpha=0.55)
    axes.plot(ratio, np.full(len(ratio), -0.6), "|", color=COLORS["black"], alpha=0.5, ms=8)
    axes.set(xlabel=_RATIO, ylabel="plants", xlim=(0, 1))


def draw_ploidies(tetraploid, diploid) -> None:
    """Histograms of the ratios of tetraploid [n] and diploid [m] plants, one above the other."""
    _, axes = plt.subplots(2, sharex=True, figsize=(6.4, 4.2))
    for axis, ratio, name in zip(
        axes, (tetraploid, diploid), ("tetraploid", "diploid"), strict=True
    ):
        axis.hist(ratio, _BINS, color=COLORS["grey"], alpha=0.7)
        axis.set_title(f"{len(ratio)} {name} varieties")
        axis.set_ylabel("plants")
    axes[1].set(xlabel=_RATIO, xlim=(0, 1))


def draw_bayes(plant, weights, means, sds) -> None:
    """Weighted humps [K] and the share of each in the total height at one plant's ratio."""
    grid = np.linspace(0, 1, 600)
    _, axes = plt.subplots()
    heights = _heights(np.array([plant]), weights, means, sds)[0]
    for k, color in enumerate(DOSAGE_COLORS):
        axes.plot(grid, _heights(grid, weights, means, sds)[:, k], color=color)
        if heights[k] > 0.01:
            axes.plot(plant, heights[k], "o", color=color, zorder=3)
            axes.annotate(
                f"{k} copies: height {heights[k]:.2f}",
                (plant, heights[k]),
                (plant + 0.02, 1.66 if k == 3 else 1.78),
                color=color,
                weight="bold",
            )
    axes.axvline(plant, color=COLORS["black"], lw=0.8, ls=":")
    axes.set(xlabel=_RATIO, ylabel="weight × density", xlim=(0, 1), ylim=(0, 1.9))


def draw_bound(grid, log_likelihood, starts, bounds) -> None:
    """Log-likelihood over one mean [grid] and the free energies [steps, grid] that touch it.

    `starts` [steps] are the values of the mean at which the E-steps were made.
    """
    _, axes = plt.subplots()
    axes.plot(grid, log_likelihood, color=COLORS["black"], lw=2.6)
    right = int(0.78 * len(grid))
    axes.annotate(
        "log-likelihood",
        (grid[right], log_likelihood[right]),
        xytext=(8, 6),
        textcoords="offset points",
        weight="bold",
    )
    for step, (start, bound) in enumerate(zip(starts, bounds, strict=True)):
        color = DOSAGE_COLORS[[0, 2, 3, 4][step % 4]]
        near = bound > log_likelihood.min() - 0.4
        axes.plot(grid[near], bound[near], color=color, lw=1.4)
        touch = np.interp(start, grid, log_likelihood)
        axes.plot(start, touch, "o", color=color, zorder=3)
        axes.annotate(f"E-step {step + 1}", (start, touch), xytext=(6, 6), color=color,
                      textcoords="offset points")  # fmt: skip
    axes.set(xlabel="mean of the hump of two copies", ylabel="nats a plant")


def draw_iterations(ratio, iterations, parameters) -> None:
    """Weighted humps over the histogram at a few iterations, given (weights, means, sds) each."""
    grid = np.linspace(0, 1, 500)
    _, axes = plt.subplots(2, 2, sharex=True, sharey=True, figsize=(7.2, 4.8))
    for axis, iteration, (weights, means, sds) in zip(
        axes.flat, iterations, parameters, strict=True
    ):
        axis.hist(ratio, _BINS, density=True, color=COLORS["grey"], alpha=0.35)
        for k, color in enumerate(DOSAGE_COLORS[: len(means)]):
            axis.plot(grid, _heights(grid, weights, means, sds)[:, k], color=color)
        axis.set_title(iteration)
    for axis in axes[1]:
        axis.set_xlabel(_RATIO)
    for axis in axes[:, 0]:
        axis.set_ylabel("density")
    axes[0, 0].set(xlim=(0, 1), ylim=(0, 5))


def draw_staircase(after_e, after_m) -> None:
    """Free energy after each E-step and each M-step, [steps] each, as one staircase."""
    _, axes = plt.subplots()
    steps = np.arange(1, len(after_e) + 1)
    both = np.ravel(np.column_stack([after_e, after_m]))
    axes.plot(np.repeat(steps, 2) + np.tile([0, 0.5], len(steps)), both, color=COLORS["grey"])
    axes.plot(steps, after_e, "o", color=COLORS["blue"])
    axes.plot(steps + 0.5, after_m, "s", color=COLORS["vermillion"], ms=5)
    for height, text, color in (
        (0.30, "round: after an E-step, on the log-likelihood", "blue"),
        (0.20, "square: after an M-step, with better parameters", "vermillion"),
    ):
        axes.text(0.28, height, text, color=COLORS[color], weight="bold", transform=axes.transAxes)
    axes.set(xlabel="iteration", ylabel="free energy, nats a plant")


def draw_calls(ratio, responsibilities, threshold) -> None:
    """Responsibilities [n, K] of the plants in the order of their ratios; unsure ones marked."""
    order = np.argsort(ratio)
    best = responsibilities.max(axis=1)[order]
    _, axes = plt.subplots(figsize=(7.2, 3.4))
    bottom = np.zeros(len(ratio))
    for k, color in enumerate(DOSAGE_COLORS):
        axes.bar(range(len(ratio)), responsibilities[order, k], 1.0, bottom, color=color)
        bottom += responsibilities[order, k]
        centre = np.average(np.arange(len(ratio)), weights=responsibilities[order, k])
        axes.annotate(f"{k}", (centre, 0.5), color="white", weight="bold", ha="center", size=14)
    unsure = np.flatnonzero(best < threshold)
    axes.plot(unsure, np.full(len(unsure), 1.05), "v", color=COLORS["black"], clip_on=False)
    axes.set(xlabel="plants in the order of their ratio", ylabel="responsibility",
             xlim=(-0.5, len(ratio) - 0.5), ylim=(0, 1.1), yticks=[0, 0.5, 1])  # fmt: skip


def draw_proportions(fitted, expected) -> None:
    """Fitted weights [5] beside the proportions that random mating would give."""
    _, axes = plt.subplots(figsize=(6.4, 3.0))
    copies = np.arange(len(fitted))
    axes.bar(copies - 0.2, fitted, 0.38, color=DOSAGE_COLORS)
    axes.bar(copies + 0.2, expected, 0.38, color="white", edgecolor=DOSAGE_COLORS, hatch="//")
    axes.set(xlabel="copies of allele B", ylabel="share of plants")
    axes.annotate("filled: EM's weights\nhatched: random mating", (-0.4, max(fitted) * 0.82))


def draw_middles(tetraploid, diploid, apart) -> None:
    """Middle humps of tetraploids against those of diploids, [markers]; `apart` ones are filled."""
    _, axes = plt.subplots(figsize=(4.8, 4.6))
    axes.plot([0, 1], [0, 1], color=COLORS["grey"], lw=1, ls="--")
    axes.scatter(tetraploid[~apart], diploid[~apart], facecolors="none",
                 edgecolors=COLORS["vermillion"])  # fmt: skip
    axes.scatter(tetraploid[apart], diploid[apart], color=COLORS["blue"])
    axes.set(xlabel="third of five humps, tetraploids", ylabel="second of three humps, diploids",
             xlim=(0, 1), ylim=(0, 1), aspect="equal")  # fmt: skip


def draw_humps_of(title, tetraploid, diploid, fit4, fit2) -> None:
    """One marker in both ploidies with its fitted humps, each fit (weights, means, sds)."""
    grid = np.linspace(0, 1, 800)
    _, axes = plt.subplots(2, sharex=True, figsize=(6.4, 4.4))
    for axis, ratio, fit in zip(axes, (tetraploid, diploid), (fit4, fit2), strict=True):
        axis.hist(ratio, _BINS, density=True, color=COLORS["grey"], alpha=0.45)
        axis.plot(grid, _heights(grid, *fit), color=COLORS["blue"], lw=1.3)
        axis.set(ylabel="density", ylim=(0, min(axis.get_ylim()[1], 25)))
    axes[0].set_title(
        f"{title}: {len(tetraploid)} tetraploids above, {len(diploid)} diploids below"
    )
    axes[1].set(xlabel=_RATIO, xlim=(0, 1))


def draw_excess(labels, groups, means, intervals, theory) -> None:
    """Mean excess log loss [groups, settings] with the ends of its intervals, two such arrays.

    `theory` [settings] is drawn as a short bar under each pair.
    """
    _, axes = plt.subplots()
    axes.plot(range(len(labels)), theory, "_", ms=44, mew=1.6, color=COLORS["black"])
    axes.annotate(
        "theory for many plants",
        (len(labels) - 1, theory[-1]),
        xytext=(22, -16),
        textcoords="offset points",
        ha="right",
        weight="bold",
    )
    for row, (name, color) in enumerate(zip(groups, ("blue", "vermillion"), strict=True)):
        x = np.arange(len(labels)) + 0.12 * (2 * row - 1)
        reach = np.abs(np.array([end[row] for end in intervals]) - means[row])
        axes.errorbar(x, means[row], reach, fmt="o", color=COLORS[color], capsize=3)
        axes.annotate(
            name,
            (x[-1], means[row][-1]),
            xytext=(-10, 10 - 10 * row),
            textcoords="offset points",
            ha="right",
            va="center",
            color=COLORS[color],
            weight="bold",
        )
    axes.axhline(0, color=COLORS["black"], lw=0.8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set(xlabel="distance between humps, in their standard deviations",
             ylabel="excess log loss, nats a plant", ylim=(-0.004, None))  # fmt: skip


def draw_underflow(grid, naive, careful) -> None:
    """Responsibility of one component over a wide range, naive [grid] and in log space [grid]."""
    _, axes = plt.subplots()
    lost = np.isnan(naive)
    axes.plot(grid, careful, color=COLORS["blue"])
    axes.plot(grid[~lost], naive[~lost], color=COLORS["orange"], lw=5, alpha=0.5)
    axes.fill_between(grid, 0, 1, where=lost, color=COLORS["vermillion"], alpha=0.15, lw=0)
    axes.set(xlabel="value, in standard deviations from the first mean",
             ylabel="responsibility of the second component")  # fmt: skip
    axes.annotate("0/0 here", (grid[-1], 0.5), xytext=(-12, 0), textcoords="offset points",
                  ha="right", color=COLORS["vermillion"], weight="bold")  # fmt: skip


def draw_null(null, threshold, chi_square, observed) -> None:
    """Null distribution of a likelihood-ratio statistic [replicates] and where tests would cut."""
    _, axes = plt.subplots()
    axes.hist(null, 40, color=COLORS["grey"], alpha=0.6)
    top = axes.get_ylim()[1]
    for value, name, color, height in (
        (chi_square, "chi-square, 3 df", "vermillion", 0.95),
        (threshold, "simulated null", "blue", 0.78),
        (observed, "the potato\n marker", "black", 0.5),
    ):
        axes.axvline(value, color=COLORS[color])
        axes.annotate(f" {name}", (value, top * height), color=COLORS[color], weight="bold")
    axes.set(xlabel="twice the log-likelihood ratio, one component against two",
             ylabel="data sets without any genotype", xlim=(None, observed + 5))  # fmt: skip


def draw_calibration(said, right, half_widths) -> None:
    """Share of right calls [bins] with half-widths of intervals, against what was said [bins]."""
    _, axes = plt.subplots(figsize=(4.8, 4.4))
    axes.plot([0.4, 1], [0.4, 1], color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(said, right, half_widths, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set(xlabel="largest responsibility", ylabel="share of calls that are right",
             xlim=(0.4, 1.02), ylim=(0.4, 1.02))  # fmt: skip


def draw_two_answers(ratio, fits, titles) -> None:
    """Two fits (weights, means, sds) of the same ratios side by side."""
    grid = np.linspace(0, 1, 500)
    _, axes = plt.subplots(1, 2, sharey=True, figsize=(7.4, 3.2))
    for axis, fit, title in zip(axes, fits, titles, strict=True):
        axis.hist(ratio, _BINS, density=True, color=COLORS["grey"], alpha=0.35)
        for k, color in enumerate(DOSAGE_COLORS):
            axis.plot(grid, _heights(grid, *fit)[:, k], color=color)
        axis.set(title=title, xlabel=_RATIO, xlim=(0, 1), ylim=(0, 5))
    axes[0].set_ylabel("density")


def _heights(grid, weights, means, sds) -> np.ndarray:
    """Weighted normal densities [grid, K], for drawing only."""
    z = (np.asarray(grid)[:, None] - means) / sds
    return weights * np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * sds)
