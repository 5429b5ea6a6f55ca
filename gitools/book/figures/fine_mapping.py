"""Figures of the chapter on fine-mapping."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_LINE = -np.log10(5e-8)
_OF_SETS = ("orange", "green", "purple", "sky", "yellow", "black")


def _ring(axes, values, causal, size=11):
    axes.plot(causal, values[causal], "o", mfc="none", mec=COLORS["vermillion"], ms=size)


def draw_hits(log_p, squared_ld, causal) -> None:
    """Minus log10 p [p], coloured by squared correlation with the top variant; truth ringed."""
    figure, axes = plt.subplots(figsize=(7.2, 3.5))
    order = np.argsort(squared_ld)
    points = axes.scatter(
        order, log_p[order], c=squared_ld[order], s=16, cmap="viridis_r", vmin=0, vmax=1
    )
    figure.colorbar(points, label="squared correlation\nwith the top variant")
    axes.axhline(_LINE, color=COLORS["grey"], lw=1, ls="--")
    _ring(axes, log_p, causal)
    axes.set(xlabel="variant of the locus", ylabel="−log10 p")


def draw_bayes_factors(variances, curves, peaks) -> None:
    """Log10 Bayes factors against the prior variance [k]: z to curve [k]; each peak marked."""
    _, axes = plt.subplots(figsize=(6.2, 3.5))
    axes.axhline(0, color=COLORS["grey"], lw=1, ls="--")
    for (z, curve), peak, color in zip(
        curves.items(), peaks, ("sky", "blue", "black"), strict=False
    ):
        axes.plot(variances, curve, color=COLORS[color])
        if peak > 0:
            axes.plot(peak, np.interp(peak, variances, curve), "o", color=COLORS[color], ms=6)
        axes.annotate(
            f"z = {z:g}", (variances[-1], curve[-1]), xytext=(5, 0), va="center",
            textcoords="offset points", color=COLORS[color]
        )  # fmt: skip
    axes.set(xscale="log", xlabel="prior variance V of the effect", ylabel="log10 Bayes factor")


def draw_steps(z, alpha, causal) -> None:
    """Rows of z scores of residuals [k, p], and of the single effects [k, p] fitted to them."""
    _, axes = plt.subplots(len(z), 2, sharex=True, figsize=(7.6, 1.75 * len(z)))
    for row, (scores, probability) in enumerate(zip(z, alpha, strict=True)):
        for axis, values in zip(axes[row], (np.abs(scores), probability), strict=True):
            axis.plot(values, ".", color=COLORS["blue"], ms=4)
            _ring(axis, values, causal, size=9)
        axes[row, 0].set(ylim=(0, 1.1 * np.abs(z).max()), ylabel="|z| of what is left")
        axes[row, 1].set(ylim=(-0.05, 1.05), ylabel="probability")
        axes[row, 1].annotate(f"effect {row + 1}", (0.98, 0.85), xycoords="axes fraction",
                              ha="right")  # fmt: skip
    for axis in axes[-1]:
        axis.set_xlabel("variant of the locus")


def draw_pips(pip, sets, causal, positions=None, xlabel="variant of the locus") -> None:
    """Inclusion probabilities [p]; variants of each credible set in a colour, truth ringed."""
    _, axes = plt.subplots(figsize=(7.2, 3.3))
    x = np.arange(len(pip)) if positions is None else positions
    axes.plot(x, pip, ".", color=COLORS["grey"], ms=4)
    for place, (members, color) in enumerate(zip(sets, _OF_SETS, strict=False)):
        axes.plot(
            x[members],
            pip[members],
            "o",
            color=COLORS[color],
            ms=6.5,
            label=f"set {place + 1}, {len(members)} variant" + "s" * (len(members) > 1),
        )
    axes.plot(x[causal], pip[causal], "o", mfc="none", mec=COLORS["vermillion"], ms=13,
              label="causal")  # fmt: skip
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set(xlabel=xlabel, ylabel="inclusion probability", ylim=(-0.04, 1.08))


def draw_pairs(panels, xlabel, ylabel) -> None:
    """Scatter of probabilities against each other, a panel each: title to (x, y)."""
    _, axes = plt.subplots(1, len(panels), sharey=True, figsize=(3.6 * len(panels), 3.6))
    for axis, (title, (x, y)) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        axis.plot([0, 1], [0, 1], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(x, y, "o", color=COLORS["blue"], ms=6, alpha=0.45, mec="none")
        axis.set(title=title, xlabel=xlabel, xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    np.atleast_1d(axes)[0].set_ylabel(ylabel)


def draw_exact(exact, susie, correlation) -> None:
    """SuSiE's inclusion probabilities against exact ones, coloured by the causal pair's LD."""
    figure, axes = plt.subplots(figsize=(5.2, 4.2))
    axes.plot([0, 1], [0, 1], color=COLORS["grey"], lw=1, ls="--")
    shade = np.repeat(correlation, exact.shape[1])
    order = np.argsort(shade, kind="stable")
    points = axes.scatter(
        exact.ravel()[order], susie.ravel()[order], c=shade[order], cmap="viridis_r", s=18,
        vmin=0, vmax=1
    )  # fmt: skip
    figure.colorbar(points, label="absolute correlation\nof the two causal variants")
    axes.set(xlabel="exact inclusion probability", ylabel="SuSiE's")


def draw_coverage(n_causal, coverage, coverage_interval, power, power_interval) -> None:
    """Coverage of sets and share of causal variants in a set, [k] with intervals [2, k]."""
    _, axes = plt.subplots(1, 2, figsize=(7.4, 3.3))
    for axis, value, interval, label in (
        (axes[0], coverage, coverage_interval, "sets that hold a causal variant"),
        (axes[1], power, power_interval, "causal variants in a set"),
    ):
        half = np.abs(interval - value)
        axis.errorbar(n_causal, value, yerr=half, fmt="o", color=COLORS["blue"], capsize=3)
        axis.set(xlabel="causal variants in the locus", ylabel=label)
    axes[0].axhline(0.95, color=COLORS["grey"], ls="--", lw=1)
    axes[0].set_ylim(min(0.8, axes[0].get_ylim()[0]), 1.01)
    axes[0].set_yticks([0.8, 0.85, 0.9, 0.95, 1.0])
    axes[0].set_xticks(n_causal)
    axes[1].set_xticks(n_causal)
    axes[1].set_ylim(0, 1)


def draw_ways(names, coverage, coverage_interval, false_sets) -> None:
    """Coverage [k] with intervals [2, k] and false sets a locus [k], one row a way."""
    _, axes = plt.subplots(1, 2, sharey=True, figsize=(7.6, 3.2))
    rows = np.arange(len(names))[::-1]
    half = np.abs(coverage_interval - coverage)
    axes[0].axvline(0.95, color=COLORS["grey"], ls="--", lw=1)
    axes[0].errorbar(coverage, rows, xerr=half, fmt="o", color=COLORS["blue"], capsize=3)
    axes[1].plot(false_sets, rows, "o", color=COLORS["vermillion"])
    axes[0].set_yticks(rows, names)
    axes[0].set(xlabel="coverage of 95 % sets", ylim=(-0.6, len(names) - 0.4), xlim=(None, 1.01))
    axes[1].set(xlabel="false sets a locus", xlim=(-0.05 * max(false_sets), None))


def draw_calibration(expected, observed, intervals, names) -> None:
    """Share of causal variants [k, bins] against mean inclusion probability [k, bins]."""
    _, axes = plt.subplots(1, len(names), sharey=True, figsize=(2.6 * len(names), 3.0))
    for axis, x, y, interval, name in zip(axes, expected, observed, intervals, names, strict=True):
        axis.plot([0, 1], [0, 1], color=COLORS["grey"], lw=1, ls="--")
        half = np.abs(interval - y)
        axis.errorbar(x, y, yerr=half, fmt="o", color=COLORS["blue"], capsize=3)
        axis.set(title=name, xlabel="mean inclusion probability", xlim=(-0.05, 1.05))
    axes[0].set(ylabel="share that is causal", ylim=(-0.05, 1.05))


def draw_s(named, rule) -> None:
    """Diagnostic s of loci, a row of points for each kind of LD: name to s [loci]; log axis."""
    _, axes = plt.subplots(figsize=(6.6, 2.8))
    rows = np.arange(len(named))[::-1]
    for row, (s, color) in zip(rows, zip(named.values(), ("green", "blue", "vermillion"),
                                         strict=True), strict=True):  # fmt: skip
        # Spread along the row in a fixed order, so that no randomness is needed.
        spread = 0.25 * np.sin(np.arange(len(s)) * 2.4)
        axes.plot(np.maximum(s, 1e-6), row + spread, ".", color=COLORS[color], ms=3)
    axes.axvline(rule, color=COLORS["grey"], ls="--", lw=1)
    axes.set_yticks(rows, list(named))
    axes.set(xscale="log", xlabel="s (values below 1e-6 at 1e-6)", ylim=(-0.6, len(named) - 0.4))


def draw_kriging(panels, flipped=None) -> None:
    """z scores against their neighbours' forecast, a panel each: title to (mean, z)."""
    _, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.4))
    for axis, (title, (mean, z)) in zip(axes, panels.items(), strict=True):
        limit = 1.1 * np.abs([mean, z]).max()
        axis.plot([-limit, limit], [-limit, limit], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(mean, z, ".", color=COLORS["blue"], ms=5)
        if flipped is not None and title in flipped:
            at = flipped[title]
            axis.plot(mean[at], z[at], "o", mfc="none", mec=COLORS["vermillion"], ms=12)
        axis.set(title=title, xlabel="forecast from the neighbours")
    axes[0].set_ylabel("z")


def draw_cancelling(correlation, exact, susie) -> None:
    """Mean inclusion probability of two opposed causal variants against their correlation."""
    _, axes = plt.subplots(figsize=(6.0, 3.4))
    for values, name, color in ((exact, "exact", "green"), (susie, "SuSiE", "blue")):
        axes.plot(correlation, values, "o-", color=COLORS[color])
        axes.annotate(
            name,
            (correlation[-1], np.asarray(values)[-1]),
            xytext=(8, 0),
            va="center",
            textcoords="offset points",
            color=COLORS[color],
            weight="bold",
        )
    axes.set(xlabel="correlation of the two causal variants", ylim=(-0.03, 1.05),
             ylabel="mean inclusion probability")  # fmt: skip
