"""Figures of the chapter on confounded association studies."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_LINE = -np.log10(5e-8)
_ORDER = ("vermillion", "orange", "blue", "green", "purple", "sky", "black")


def _diagonal(axis, limit):
    axis.plot([0, limit], [0, limit], color=COLORS["grey"], lw=1, ls="--")


def _quantiles(log_p):
    """Expected and observed -log10 p, largest first."""
    observed = np.sort(log_p)[::-1]
    return -np.log10((np.arange(len(log_p)) + 0.5) / len(log_p)), observed


def draw_manhattan(log_p, blocks) -> None:
    """Minus log10 p [p] by variant, blocks [p] in two blues, with the genome-wide line."""
    _, axis = plt.subplots(figsize=(7.4, 3.2))
    order = np.arange(len(log_p))
    for parity, color in ((0, "blue"), (1, "sky")):
        at = blocks % 2 == parity
        axis.plot(order[at], log_p[at], ".", ms=3.5, color=COLORS[color])
    axis.axhline(_LINE, color=COLORS["vermillion"], lw=1.2, ls="--")
    axis.annotate("5e-8", (len(log_p), _LINE), xytext=(2, 5), textcoords="offset points",
                  color=COLORS["vermillion"])  # fmt: skip
    axis.set(xlabel="variants, forty blocks side by side", ylabel="−log10 p")


def draw_differences(difference, z) -> None:
    """Test statistics [p] against the difference of allele frequencies [p]."""
    _, axis = plt.subplots(figsize=(5.6, 3.8))
    axis.plot(difference, z, ".", ms=4, color=COLORS["blue"], alpha=0.6, mew=0)
    axis.set(xlabel="allele frequency, town 2 less town 1", ylabel="z of the regression")


def draw_qq(named) -> None:
    """Quantile-quantile plot: name to minus log10 p [m]; names beside the largest value."""
    _, axis = plt.subplots(figsize=(5.8, 4.4))
    for (name, log_p), color in zip(named.items(), _ORDER, strict=False):
        axis.plot(*_quantiles(log_p), ".", ms=4.5, color=COLORS[color], label=name)
    _diagonal(axis, axis.get_xlim()[1])
    axis.legend(loc="upper left", markerscale=2.5, handletextpad=0.1)
    axis.set(xlabel="expected −log10 p", ylabel="observed −log10 p")


def draw_two_lambdas(panels) -> None:
    """Two quantile-quantile plots: title to a mapping of name to minus log10 p."""
    _, axes = plt.subplots(1, len(panels), figsize=(7.6, 3.6))
    for axis, (title, named) in zip(axes, panels.items(), strict=True):
        for (name, log_p), color in zip(named.items(), ("blue", "orange"), strict=False):
            axis.plot(*_quantiles(log_p), ".", ms=4.5, color=COLORS[color], label=name)
        _diagonal(axis, axis.get_xlim()[1])
        axis.set(title=title, xlabel="expected −log10 p")
        axis.legend(loc="upper left", markerscale=2.5, handletextpad=0.1)
        axis.set_xlim(-0.15, None)
    axes[-1].legend(loc="center right", markerscale=2.5, handletextpad=0.1)
    axes[0].set_ylabel("observed −log10 p")


def draw_rotated(eigenvalues, squares, h, scale) -> None:
    """Squared trait along each eigenvector [n] against its eigenvalue, and the model's variance."""
    _, axis = plt.subplots(figsize=(6.2, 3.8))
    kept = eigenvalues > 1e-6
    axis.loglog(eigenvalues[kept], squares[kept], ".", ms=4, color=COLORS["blue"], alpha=0.5, mew=0)
    x = np.geomspace(eigenvalues[kept].min(), eigenvalues.max(), 200)
    axis.plot(x, scale * (h * x + 1 - h), color=COLORS["vermillion"])
    axis.annotate("fitted variance", (x[-1], scale * (h * x[-1] + 1 - h)), xytext=(-4, 6),
                  textcoords="offset points", color=COLORS["vermillion"], ha="right",
                  va="bottom")  # fmt: skip
    largest = eigenvalues.argmax()
    axis.plot(eigenvalues[largest], squares[largest], "o", ms=7, color=COLORS["blue"])
    axis.annotate("the towns", (eigenvalues.max(), squares[eigenvalues.argmax()]), xytext=(-8, -4),
                  textcoords="offset points", ha="right")  # fmt: skip
    axis.set(xlabel="eigenvalue of the kinship matrix", ylabel="squared trait along it",
             ylim=(1e-4 * scale, None))  # fmt: skip


def draw_profile(h, curves, best) -> None:
    """Restricted log-likelihood less its maximum: name to values over h [grid], and the best h."""
    _, axis = plt.subplots(figsize=(5.8, 3.4))
    for (name, values), color in zip(curves.items(), ("blue", "vermillion"), strict=False):
        axis.plot(h, values - values.max(), color=COLORS[color], label=name)
    for place, color in zip(best, ("blue", "vermillion"), strict=False):
        axis.axvline(place, color=COLORS[color], lw=1, ls=":")
    axis.set(xlabel="heritability h", ylabel="log-likelihood, best = 0", ylim=(-12, 0.6))
    axis.legend(loc="lower right")


def draw_rates(names, worlds, *, level=0.05, xlabel="share of null variants with p < 0.05") -> None:
    """Rates of methods [names] in each world: title to (means, half widths); a line at the level.

    NaN leaves a place empty.
    """
    height = 0.9 + 0.33 * len(names)
    figure, axes = plt.subplots(1, len(worlds), figsize=(7.6, height), sharey=True, squeeze=False)
    rows = np.arange(len(names))[::-1]
    for axis, (title, (means, errors)) in zip(axes[0], worlds.items(), strict=True):
        if level is not None:
            axis.axvline(level, color=COLORS["grey"], ls="--", lw=1)
        axis.errorbar(means, rows, xerr=errors, fmt="o", color=COLORS["blue"], capsize=3)
        axis.set(title=title, xlim=(0, None), ylim=(-0.6, len(names) - 0.4))
    axes[0, 0].set_yticks(rows, names)
    figure.supxlabel(xlabel, fontsize="medium")


def draw_lost_power(differences, curves) -> None:
    """Power against the difference of frequencies: name to (means, half widths), each [m]."""
    _, axis = plt.subplots(figsize=(5.8, 3.6))
    looks = zip(
        curves.items(), ("vermillion", "blue", "sky", "green"), ("o", "s", "D", "^"), strict=False
    )
    for k, ((name, (means, errors)), color, marker) in enumerate(looks):
        axis.errorbar(np.asarray(differences) + 0.008 * (k - 1.5), means, yerr=errors, capsize=2,
                      marker=marker, ms=5, color=COLORS[color], label=name)  # fmt: skip
    axis.set(xlabel="difference of the causal allele's frequencies", ylabel="power",
             ylim=(-0.03, 1.05))  # fmt: skip
    axis.legend(loc="lower left")
