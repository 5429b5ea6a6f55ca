"""Figures of the chapter on association and LD."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_LINE = -np.log10(5e-8)


def draw_manhattan(log_p, blocks, causal) -> None:
    """Minus log10 p [p] by variant, blocks [p] in two blues, causal variants ringed."""
    _, axes = plt.subplots(figsize=(7.4, 3.4))
    order = np.arange(len(log_p))
    for parity, color in ((0, COLORS["blue"]), (1, COLORS["sky"])):
        at = blocks % 2 == parity
        axes.plot(order[at], log_p[at], ".", ms=3.5, color=color)
    axes.plot(order[causal], log_p[causal], "o", mfc="none", mec=COLORS["vermillion"], ms=8)
    axes.axhline(_LINE, color=COLORS["grey"], lw=1, ls="--")
    axes.annotate(
        "5e-8", (len(log_p), _LINE), xytext=(-2, 3), textcoords="offset points", ha="right"
    )
    axes.set(xlabel="variants, twenty blocks side by side", ylabel="−log10 p")


def draw_qq(named) -> None:
    """Quantile-quantile plot of p-values: name to p [m], against the uniform distribution."""
    _, axes = plt.subplots(figsize=(5.2, 4.4))
    for (name, p), color in zip(named.items(), ("blue", "vermillion", "green"), strict=False):
        observed = np.sort(-np.log10(p))[::-1]
        expected = -np.log10((np.arange(len(p)) + 0.5) / len(p))
        axes.plot(expected, observed, ".", ms=4, color=COLORS[color])
        axes.annotate(
            name,
            (expected[0], observed[0]),
            xytext=(-8, -2),
            textcoords="offset points",
            color=COLORS[color],
            ha="right",
            weight="bold",
        )
    limit = axes.get_xlim()[1]
    axes.plot([0, limit], [0, limit], color=COLORS["grey"], lw=1, ls="--")
    axes.set(xlabel="expected −log10 p", ylabel="observed −log10 p")


def draw_ld(R, causal) -> None:
    """LD matrix [p, p] as squared correlations, the causal variants ticked along its edge."""
    figure, axes = plt.subplots(figsize=(5.0, 4.4))
    image = axes.imshow(R**2, vmin=0, vmax=1, cmap="magma_r", interpolation="nearest")
    figure.colorbar(image, label="squared correlation", shrink=0.8)
    axes.plot(np.flatnonzero(causal), np.full(causal.sum(), -3), "v", clip_on=False,
              color=COLORS["vermillion"])  # fmt: skip
    axes.set(xlabel="variant", ylabel="variant")


def draw_decay(distance, squared) -> None:
    """Squared correlation [bins] against distance in kb [bins]."""
    _, axes = plt.subplots()
    axes.plot(distance, squared, "o-", color=COLORS["blue"])
    axes.set(xlabel="distance, kb", ylabel="mean squared correlation", ylim=(0, None))


def draw_tagging(estimate, effects, expected) -> None:
    """Marginal estimates [p] against true effects [p] on the left, against R b on the right."""
    _, axes = plt.subplots(1, 2, sharey=True, figsize=(7.4, 3.6))
    limit = 1.1 * np.max(np.abs([estimate, effects, expected]))
    causal = effects != 0
    for axis, x, label in zip(axes, (effects, expected), ("true effect b", "R b"), strict=True):
        axis.plot([-limit, limit], [-limit, limit], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(x[~causal], estimate[~causal], ".", color=COLORS["blue"], ms=5)
        axis.plot(x[causal], estimate[causal], "o", color=COLORS["vermillion"], ms=6)
        axis.set(xlabel=label, xlim=(-limit, limit), ylim=(-limit, limit))
    axes[0].set_ylabel("marginal estimate")


def draw_direct(expected, R, scaled) -> None:
    """Two routes to marginal estimates, given R b [p] and LD [p, p].

    `scaled` maps a route's name to its mean estimates [p] and the covariance [p, p] of its noise in
    units of the residual variance over the number of people. Left the means against R b, right the
    covariances against LD, as means in bins of equal width.
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.6))
    pairs = np.triu_indices(len(R))
    edges = np.linspace(-1, 1, 21)
    bins = np.digitize(R[pairs], edges[1:-1])
    counts = np.bincount(bins, minlength=20)
    looks = (("blue", "o", 7), ("vermillion", "x", 5))
    for (name, (mean, covariance)), (color, marker, size) in zip(
        scaled.items(), looks, strict=True
    ):
        style = {"color": COLORS[color], "marker": marker, "ms": size, "ls": "none"}
        style |= {"mfc": "none"}
        left.plot(expected, mean, **style, label=name)
        kept = counts > 0
        values = np.bincount(bins, covariance[pairs], minlength=20)[kept] / counts[kept]
        at = np.bincount(bins, R[pairs], minlength=20)[kept] / counts[kept]
        right.plot(at, values, **style)
    for axis in (left, right):
        axis.axline((0, 0), slope=1, color=COLORS["grey"], lw=1, ls="--")
    left.set(xlabel="R b", ylabel="mean estimate")
    left.legend(loc="upper left")
    right.set(xlabel="correlation of two variants", ylabel="covariance of their noise, × n / σ²")


def draw_errors(names, values, half_widths) -> None:
    """Root mean squared errors [methods] relative to zero's, with half-widths; log axis."""
    _, axes = plt.subplots(figsize=(6.4, 2.8))
    rows = np.arange(len(names))[::-1]
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(values, rows, xerr=half_widths, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
    axes.minorticks_off()
    axes.set_yticks(rows, names)
    axes.set(
        xlabel="error, in units of the error of predicting zero", ylim=(-0.6, len(names) - 0.4)
    )


def draw_intercept(frequencies, measured, predicted_at) -> None:
    """Factor on an effect [frequencies] when the intercept is left out, and the formula's curve."""
    _, axes = plt.subplots()
    grid = np.linspace(0.01, 0.95, 200)
    axes.plot(grid, predicted_at(grid), color=COLORS["grey"])
    axes.plot(frequencies, measured, "o", color=COLORS["blue"])
    axes.annotate("(1 − f) / (1 + f)", (0.35, predicted_at(0.35)), xytext=(8, 6),
                  textcoords="offset points")  # fmt: skip
    axes.set(xlabel="allele frequency f", ylabel="estimate over true effect", ylim=(0, 1.05))


def draw_locus(log_p, pip, causal) -> None:
    """Minus log10 p [p] above, optimal inclusion probabilities [p] below, causal ones ringed."""
    _, axes = plt.subplots(2, sharex=True, figsize=(7.0, 4.6))
    for axis, values, label in (
        (axes[0], log_p, "−log10 p"),
        (axes[1], pip, "inclusion probability"),
    ):
        axis.plot(values, ".", color=COLORS["blue"], ms=6)
        at = np.flatnonzero(causal)
        axis.plot(at, values[at], "o", mfc="none", mec=COLORS["vermillion"], ms=11)
        axis.set_ylabel(label)
    axes[0].axhline(_LINE, color=COLORS["grey"], lw=1, ls="--")
    axes[1].set(xlabel="variant of the block", ylim=(-0.03, 1.05))
