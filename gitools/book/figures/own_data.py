"""Figures of the chapter on a reader's own data."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from gitools.book.style import COLORS

_LINE = -np.log10(5e-8)


def draw_fates(names, counts, used) -> None:
    """Rows of each fate: counts [fates, traits] by trait, kept fates above dropped ones."""
    figure, axes = plt.subplots(1, len(counts), sharey=True, figsize=(7.8, 4.6))
    rows = np.arange(len(names))[::-1]
    for axis, (trait, numbers) in zip(np.atleast_1d(axes), counts.items(), strict=True):
        colors = [COLORS["blue"] if keep else COLORS["vermillion"] for keep in used]
        axis.barh(rows, np.maximum(numbers, 0.5), color=colors, left=0.5, height=0.72)
        for row, number in zip(rows, numbers, strict=True):
            axis.annotate(f"{number}", (max(number, 0.5) + 0.5, row), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip
        axis.set_xscale("log")
        axis.set(title=trait, xlim=(0.5, 12 * max(numbers)), xlabel="rows")
    np.atleast_1d(axes)[0].set_yticks(rows, names)
    figure.align_labels()


def draw_frequencies(panel, file, groups) -> None:
    """Frequency in the file against the panel's [rows]; groups: name to bool array, drawn last."""
    _, axes = plt.subplots(figsize=(5.4, 4.6))
    colors = ("sky", "blue", "vermillion", "purple")
    for (name, chosen), color in zip(groups.items(), colors, strict=False):
        axes.plot(panel[chosen], file[chosen], ".", ms=4, color=COLORS[color], label=name)
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.17), markerscale=2.5)
    axes.set(
        xlabel="frequency of the panel's allele, panel",
        ylabel="frequency of the effect allele, file",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.set_aspect("equal")


def draw_damage(position, truth, sound, spoilt, wrong) -> None:
    """Effects [p] shrunken from sound and from spoilt z scores; wrong: bool [p]."""
    _, axes = plt.subplots(2, 1, sharex=True, sharey=True, figsize=(7.2, 4.2))
    for axis, values, name in zip(axes, (sound, spoilt), ("sound", "5 % unflipped"), strict=True):
        axis.axhline(0, color=COLORS["grey"], lw=0.8)
        axis.vlines(position, 0, values, color=COLORS["blue"], lw=1.5)
        if name != "sound":
            axis.vlines(position[wrong], 0, values[wrong], color=COLORS["vermillion"], lw=1.5)
            axis.plot(position[wrong], np.zeros(wrong.sum()), "|", color=COLORS["vermillion"], ms=7)
        causal = truth != 0
        axis.plot(position[causal], truth[causal], "o", mfc="none", mec=COLORS["black"], ms=7)
        axis.set_title(name)
        axis.yaxis.set_major_locator(MaxNLocator(4))
        axis.set_ylabel("shrunken effect")
    axes[1].set_xlabel("variant of the locus")


def draw_ratios(names, ratios) -> None:
    """Error over that of sound data: method to (mean, low, high), each [conditions]; log scale."""
    _, axes = plt.subplots(figsize=(7.0, 0.9 + 0.5 * len(names)))
    rows = np.arange(len(names))[::-1]
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    places = ((0.12, "blue"), (-0.12, "orange"))
    for (method, (mean, low, high)), (shift, color) in zip(ratios.items(), places, strict=True):
        error = np.abs([mean - low, high - mean])
        axes.errorbar(mean, rows + shift, xerr=error, fmt="o", color=COLORS[color], capsize=3,
                      label=method)  # fmt: skip
    axes.set_xscale("log")
    ticks = [tick for tick in (0.5, 1, 2, 5, 10) if tick < 1.2 * axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(rows, names)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(xlabel="error over that of sound data", ylim=(-0.6, len(names) - 0.4))


def draw_kriging(expected, z, wrong, flagged) -> None:
    """Each z score against what its neighbours make of it [p]; wrong, flagged: bool [p]."""
    _, axes = plt.subplots(figsize=(5.2, 4.2))
    reach = 1.1 * np.abs(np.concatenate([expected, z])).max()
    axes.plot([-reach, reach], [-reach, reach], color=COLORS["grey"], lw=1, ls="--")
    axes.plot(expected[~wrong], z[~wrong], ".", color=COLORS["blue"], ms=5, label="right sign")
    axes.plot(expected[wrong], z[wrong], "o", color=COLORS["vermillion"], ms=5, label="wrong sign")
    axes.plot(expected[flagged], z[flagged], "o", mfc="none", mec=COLORS["black"], ms=10,
              label="flagged")  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(xlabel="z expected from the neighbours", ylabel="z in the file")


def draw_cuts(costs, borders, first) -> None:
    """Cost of each possible cut [k], from variant ``first`` on, and the cuts chosen."""
    _, axes = plt.subplots(figsize=(7.0, 2.9))
    places = first + np.arange(len(costs))
    axes.plot(places, costs, color=COLORS["blue"], lw=1.2)
    for border in borders:
        axes.axvline(border, color=COLORS["vermillion"], lw=1.2, ls="--")
    axes.set(xlabel="cut before variant", ylabel="mean r² across the cut", ylim=(0, None))


def draw_manhattan(positions, chromosomes, log_p) -> None:
    """Minus log10 p of variants along the genome, one panel a trait: name to [p] each."""
    _, axes = plt.subplots(len(log_p), 1, sharex=True, figsize=(7.6, 2.0 * len(log_p) + 0.5))
    names = list(dict.fromkeys(chromosomes))
    starts, middles, offset = {}, [], 0
    for name in names:
        length = positions[chromosomes == name].max()
        starts[name], offset = offset, offset + 1.04 * length
        middles.append(starts[name] + length / 2)
    along = positions + np.array([starts[name] for name in chromosomes])
    for axis, (trait, values) in zip(np.atleast_1d(axes), log_p.items(), strict=True):
        for k, name in enumerate(names):
            inside = chromosomes == name
            color = COLORS["blue"] if k % 2 == 0 else COLORS["sky"]
            axis.plot(along[inside], values[inside], ".", ms=4, color=color)
        axis.axhline(_LINE, color=COLORS["grey"], lw=1, ls="--")
        axis.set(ylabel="−log10 p", ylim=(0, 1.08 * max(values.max(), _LINE)))
        axis.set_title(trait)
    np.atleast_1d(axes)[-1].set_xticks(middles, names)
    np.atleast_1d(axes)[-1].set_xlabel("chromosome")


def draw_gene(position, log_p, shrunken, genes, causal, chosen) -> None:
    """One region: −log10 p [p] above, shrunken effects [p] below, genes as bars.

    genes: rows of gene, start, end; causal: positions; chosen: name of the gene in colour.
    """
    _, axes = plt.subplots(
        3, 1, sharex=True, figsize=(7.2, 4.8), gridspec_kw={"height_ratios": [3, 3, 1]}
    )
    x = position / 1e3
    axes[0].plot(x, log_p, ".", color=COLORS["blue"], ms=6)
    axes[0].axhline(_LINE, color=COLORS["grey"], lw=1, ls="--")
    axes[0].set(ylabel="−log10 p", ylim=(0, None))
    axes[1].axhline(0, color=COLORS["grey"], lw=0.8)
    axes[1].vlines(x, 0, shrunken, color=COLORS["blue"], lw=2)
    for place in causal:
        for axis in axes[:2]:
            axis.axvline(place / 1e3, color=COLORS["orange"], lw=1)
    axes[1].set_ylabel("shrunken effect\n(standard errors)")
    for name, start, end in genes:
        color = COLORS["vermillion"] if name == chosen else COLORS["grey"]
        axes[2].plot([start / 1e3, end / 1e3], [0, 0], color=color, lw=7, solid_capstyle="butt")
        middle = (max(start, position[0]) + min(end, position[-1])) / 2e3
        axes[2].annotate(name, (middle, 0), xytext=(0, -16), textcoords="offset points",
                         ha="center", color=color, fontsize=9)  # fmt: skip
    axes[2].set(yticks=[], ylim=(-1.2, 0.6), xlabel="position, kb")
    axes[2].spines["left"].set_visible(False)
    axes[2].set_xlim(x.min() - 2, x.max() + 2)


def draw_types(names, types, probabilities) -> None:
    """Probability of each type [genes, types] as stacked bars, one row a gene."""
    _, axes = plt.subplots(figsize=(7.0, 0.9 + 0.34 * len(names)))
    rows = np.arange(len(names))[::-1]
    left = np.zeros(len(names))
    palette = {"null": "grey"}
    spare = iter(("blue", "orange", "green", "purple"))
    for name, column in zip(types, probabilities.T, strict=True):
        color = COLORS[palette.get(name) or next(spare)]
        axes.barh(rows, column, left=left, color=color, label=name)
        left = left + column
    axes.set_yticks(rows, names)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(xlabel="probability of each type", xlim=(0, 1))


def draw_cost(variants, seconds, peak_mb) -> None:
    """Seconds and peak memory against the number of variants [sizes]."""
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.0))
    thousand = np.asarray(variants) / 1e3
    axes[0].loglog(thousand, seconds, "o-", color=COLORS["blue"])
    axes[0].set(xlabel="variants, thousands", ylabel="processor seconds")
    axes[1].semilogx(thousand, peak_mb, "o-", color=COLORS["vermillion"])
    axes[1].set(xlabel="variants, thousands", ylabel="peak memory, MB",
                ylim=(0, 1.25 * max(peak_mb)))  # fmt: skip
    for axis in axes:
        axis.set_xticks(thousand, [f"{value:,.0f}" for value in thousand])
        axis.minorticks_off()
