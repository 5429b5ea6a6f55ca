"""Figures of the chapter on genes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from gitools.book.style import COLORS

_LINE = -np.log10(5e-8)


def draw_gene(log_p) -> None:
    """Minus log10 p of a gene's variants [p], and the genome-wide line."""
    _, axes = plt.subplots(figsize=(6.6, 2.8))
    axes.vlines(np.arange(len(log_p)), 0, log_p, color=COLORS["sky"], lw=2)
    axes.plot(log_p, "o", color=COLORS["blue"], ms=5)
    axes.axhline(_LINE, color=COLORS["grey"], lw=1, ls="--")
    axes.annotate("5e-8", (len(log_p) - 1, _LINE), xytext=(0, 3),
                  textcoords="offset points", ha="right")  # fmt: skip
    axes.set(xlabel="variant of the gene", ylabel="−log10 p", ylim=(0, _LINE + 1))


def draw_null_of_sum(draws, grid, ignoring, exact, observed) -> None:
    """Simulated sums of squares [draws], two densities [grid], and the observed sum."""
    _, axes = plt.subplots(figsize=(7.0, 3.8))
    inside = draws[draws <= grid[-1]]
    counts, edges = np.histogram(inside, bins=70, range=(0, grid[-1]))
    heights = counts / len(draws) / np.diff(edges)
    axes.stairs(heights, edges, fill=True, color=COLORS["sky"], alpha=0.5)
    axes.plot(grid, ignoring, color=COLORS["vermillion"])
    axes.plot(grid, exact, color=COLORS["blue"])
    axes.axvline(observed, color=COLORS["black"], ls="--", lw=1.2)
    top = ignoring.max()
    axes.annotate("this gene", (observed, 0.62 * top), xytext=(5, 0), textcoords="offset points")
    axes.annotate(
        "50 df,\nLD ignored",
        (grid[ignoring.argmax()], top),
        xytext=(24, -14),
        textcoords="offset points",
        color=COLORS["vermillion"],
        weight="bold",
    )
    at = np.searchsorted(grid, 0.62 * grid[-1])
    axes.annotate(
        "Σ λ χ², with LD",
        (grid[at], exact[at]),
        xytext=(14, 30),
        textcoords="offset points",
        color=COLORS["blue"],
        weight="bold",
        arrowprops={"arrowstyle": "-", "color": COLORS["blue"]},
    )
    axes.set(
        xlabel="sum of 50 squared z scores without any effect", ylabel="density", ylim=(0, None)
    )


def draw_spectrum(values) -> None:
    """Eigenvalues of a gene's LD [p], largest first."""
    _, axes = plt.subplots(figsize=(6.0, 2.8))
    axes.bar(np.arange(1, len(values) + 1), np.sort(values)[::-1], color=COLORS["blue"])
    axes.axhline(1, color=COLORS["grey"], lw=1, ls="--")
    axes.annotate("no LD: all 1", (len(values), 1), xytext=(0, 4), textcoords="offset points",
                  ha="right")  # fmt: skip
    axes.set(xlabel="principal component", ylabel="eigenvalue λ")


def draw_tail_errors(log_p, ratios) -> None:
    """Claimed over true probability [genes] against true −log10 p [k]; name to array [genes, k]."""
    _, axes = plt.subplots(figsize=(6.8, 3.8))
    axes.axhline(1, color=COLORS["grey"], lw=1, ls="--")
    for (name, values), color in zip(ratios.items(), ("vermillion", "green", "blue"), strict=False):
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
        axes.fill_between(log_p, low, high, color=COLORS[color], alpha=0.25, lw=0)
        axes.plot(log_p, middle, color=COLORS[color])
        axes.annotate(
            name,
            (log_p[-1], middle[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            color=COLORS[color],
            weight="bold",
            va="center",
        )
    axes.set_yscale("log")
    axes.set(xlabel="true −log10 p", ylabel="claimed p over true p")
    axes.margins(x=0.02)


def draw_calibration(names, levels, rates, lows, highs) -> None:
    """Rejection rate over level [tests, levels] with intervals, one column of points a level."""
    figure, axes = plt.subplots(1, len(levels), sharey=True, figsize=(7.6, 2.9))
    rows = np.arange(len(names))[::-1]
    for column, (axis, level) in enumerate(zip(axes, levels, strict=True)):
        ratio, low, high = (x[:, column] / level for x in (rates, lows, highs))
        axis.axvline(1, color=COLORS["grey"], ls="--", lw=1)
        error = np.abs([ratio - low, high - ratio])
        axis.errorbar(ratio, rows, xerr=error, fmt="o", ms=5, color=COLORS["blue"], capsize=2)
        axis.set_xscale("log")
        ticks = [0.3, 1, 3, 10, 100] if ratio.max() > 20 else [0.3, 1, 3]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.set_title(f"level {level:g}")
    axes[0].set_yticks(rows, names)
    figure.supxlabel("rejection rate over level", fontsize="medium")


def draw_qq(named) -> None:
    """QQ plot of null p-values on −log10 scales: name to p [m]."""
    _, axes = plt.subplots(figsize=(5.2, 4.2))
    places = ((30, (-8, 8), "right"), (0, (2, 8), "right"))
    for (name, p), color, place in zip(named.items(), ("vermillion", "blue"), places, strict=True):
        observed = np.sort(-np.log10(p))[::-1]
        expected = -np.log10((np.arange(len(p)) + 0.5) / len(p))
        axes.plot(expected, observed, ".", ms=4, color=COLORS[color])
        at, offset, side = place
        axes.annotate(name, (expected[at], observed[at]), xytext=offset, ha=side,
                      textcoords="offset points", color=COLORS[color], weight="bold")  # fmt: skip
    limit = axes.get_xlim()[1]
    axes.plot([0, limit], [0, limit], color=COLORS["grey"], lw=1, ls="--")
    axes.set(xlabel="expected −log10 p", ylabel="observed −log10 p")


def draw_power(tests, architectures, power, low, high) -> None:
    """Power [tests, architectures] with intervals; the last test, the ceiling, as a bar behind."""
    _, axes = plt.subplots(1, len(architectures), sharey=True, figsize=(8.0, 3.8))
    rows = np.arange(len(tests) - 1)[::-1]
    for column, (axis, name) in enumerate(zip(axes, architectures, strict=True)):
        axis.axvspan(low[-1, column], high[-1, column], color=COLORS["yellow"], alpha=0.6, lw=0)
        axis.axvline(power[-1, column], color=COLORS["orange"])
        middle = power[:-1, column]
        error = np.abs([middle - low[:-1, column], high[:-1, column] - middle])
        axis.errorbar(middle, rows, xerr=error, fmt="o", ms=5, color=COLORS["blue"], capsize=2)
        axis.set(title=name, xlim=(0, 1.15 * high.max()), xlabel="power")
        axis.xaxis.set_major_locator(MaxNLocator(3))
    axes[0].set_yticks(rows, tests[:-1])


def draw_rates(names, rates, lows, highs, label, level=None) -> None:
    """Rates [k] with intervals, one row a name; a dashed line at the nominal level."""
    _, axes = plt.subplots(figsize=(6.6, 0.9 + 0.42 * len(names)))
    rows = np.arange(len(names))[::-1]
    if level is not None:
        axes.axvline(level, color=COLORS["grey"], ls="--", lw=1)
    error = np.abs([rates - lows, highs - rates])
    axes.errorbar(rates, rows, xerr=error, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set_yticks(rows, names)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel=label, xlim=(0, None), ylim=(-0.6, len(names) - 0.4))
