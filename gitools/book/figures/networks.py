"""Figures of the chapter on small networks."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_LINES = ("blue", "vermillion", "green", "purple", "orange", "sky")


def draw_pairs(z, effect, grid, exact) -> None:
    """Simulated pairs (z [m], effect [m]), and the exact curve [g] over grid [g]."""
    _, axes = plt.subplots()
    axes.plot([grid[0], grid[-1]], [grid[0], grid[-1]], color=COLORS["grey"], lw=1, ls="--")
    axes.plot(z, effect, ".", ms=3, color=COLORS["sky"])
    axes.plot(grid, exact, color=COLORS["black"])
    arrow = {"arrowstyle": "-", "color": COLORS["grey"], "lw": 0.8}
    axes.annotate("believe the estimate", (1.6, 1.6), xytext=(-6, 5), color=COLORS["grey"],
                  arrowprops=arrow)  # fmt: skip
    axes.annotate("posterior mean", (3.1, np.interp(3.1, grid, exact)), xytext=(4.6, -3.5),
                  weight="bold", arrowprops=arrow)  # fmt: skip
    axes.set(xlabel="estimate, in standard errors", ylabel="true effect, in standard errors",
             xlim=(grid[0], grid[-1]), ylim=(grid[0], grid[-1]))  # fmt: skip


def draw_hinges(grid, hinges, total) -> None:
    """Hidden units times their output weight [g, h] on the left, their sum [g] on the right."""
    _, axes = plt.subplots(1, 2, figsize=(7.4, 3.2))
    for k, hinge in enumerate(hinges.T):
        axes[0].plot(grid, hinge, color=COLORS[_LINES[k % len(_LINES)]], lw=1.4)
    axes[1].plot(grid, total, color=COLORS["blue"])
    for axis, title in zip(axes, ("eight hinges", "and their sum"), strict=True):
        axis.set(xlabel="input", title=title)
    axes[0].set_ylabel("contribution to the output")


def draw_losses(named, floor=None) -> None:
    """Name to errors [epochs]; a dashed line at ``floor``, a pair of a value and its name."""
    _, axes = plt.subplots()
    last = max(len(losses) for losses in named.values())
    for (name, losses), color in zip(named.items(), _LINES, strict=False):
        epochs = np.arange(1, len(losses) + 1)
        axes.plot(epochs, losses, color=COLORS[color], label=name)
    if floor is not None:
        axes.axhline(floor[0], color=COLORS["grey"], lw=1, ls="--")
        axes.annotate(floor[1], (last, floor[0]), xytext=(0, -13), ha="right",
                      textcoords="offset points", color=COLORS["grey"])  # fmt: skip
        axes.set_ylim(bottom=0.7 * floor[0])
    axes.set_yscale("log")
    axes.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    axes.minorticks_off()
    axes.legend(loc="upper right")
    axes.set(xlabel="epoch", ylabel="mean squared error")


def draw_learned(grid, exact, learned) -> None:
    """The exact curve [g] and that of a network [g] on top of it."""
    _, axes = plt.subplots(figsize=(6.4, 4.0))
    axes.plot([grid[0], grid[-1]], [grid[0], grid[-1]], color=COLORS["grey"], lw=1, ls="--")
    axes.plot(grid, exact, color=COLORS["black"], lw=5, alpha=0.3)
    axes.plot(grid, learned, color=COLORS["vermillion"])
    axes.annotate("Bayes' formula", (-5, np.interp(-5, grid, exact)), xytext=(14, -6),
                  textcoords="offset points", color=COLORS["grey"], weight="bold")  # fmt: skip
    axes.annotate("network", (5, np.interp(5, grid, learned)), xytext=(12, -10),
                  textcoords="offset points", color=COLORS["vermillion"],
                  weight="bold")  # fmt: skip
    axes.set(xlabel="estimate, in standard errors", ylabel="answer, in standard errors")


def draw_members(grid, exact, members) -> None:
    """Curves of networks [members, g], their mean, and the exact curve [g]."""
    _, axes = plt.subplots(figsize=(6.4, 4.0))
    for k, member in enumerate(members):
        axes.plot(grid, member, color=COLORS["sky"], lw=0.9, label=None if k else "members")
    axes.plot(grid, exact, color=COLORS["black"], lw=5, alpha=0.3, label="Bayes' formula")
    axes.plot(grid, members.mean(axis=0), color=COLORS["vermillion"], label="mean of the members")
    axes.legend(loc="upper left")
    axes.set(xlabel="estimate, in standard errors", ylabel="answer, in standard errors")


def draw_errors(names, ratios, xlabel) -> None:
    """Errors relative to another's: for each name a value, a low and a high end; dashed at 1."""
    _, axes = plt.subplots(figsize=(6.6, 0.42 * len(names) + 1.1))
    rows = np.arange(len(names))[::-1]
    values, low, high = np.array(ratios).T
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(values, rows, xerr=[values - low, high - values], fmt="o", color=COLORS["blue"],
                  capsize=3)  # fmt: skip
    axes.set_yticks(rows, names)
    axes.set(xlabel=xlabel, ylim=(-0.6, len(names) - 0.4))


def draw_leak(promised, kept) -> None:
    """Way of setting aside to errors [data sets]: promised, and kept on new loci."""
    _, axes = plt.subplots(1, len(promised), sharex=True, sharey=True, figsize=(7.0, 3.6))
    top = 1.05 * max(max(v.max() for v in promised.values()), max(v.max() for v in kept.values()))
    for axis, name in zip(axes, promised, strict=True):
        axis.plot([0, top], [0, top], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(promised[name], kept[name], "o", color=COLORS["blue"], ms=4, mec="none")
        axis.set(title=f"set aside: {name}", xlabel="error on the rows set aside",
                 xlim=(0, top), ylim=(0, top))  # fmt: skip
    axes[0].set_ylabel("error on new loci")


def draw_modes(evaluation, training) -> None:
    """Predictions [rows] in evaluation mode against those in training mode."""
    _, axes = plt.subplots(figsize=(4.8, 4.2))
    limit = 1.05 * max(np.abs(evaluation).max(), np.abs(training).max())
    axes.plot([-limit, limit], [-limit, limit], color=COLORS["grey"], lw=1, ls="--")
    axes.plot(evaluation, training, ".", ms=4, color=COLORS["vermillion"])
    axes.set(xlabel="evaluation mode", ylabel="training mode, a locus a batch",
             xlim=(-limit, limit), ylim=(-limit, limit))  # fmt: skip


def draw_scale(plain, built_in) -> None:
    """Answers [rows] and ten times the answers to a tenth of the input, as two pairs."""
    _, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(7.2, 3.6))
    limit = 1.05 * np.abs(plain).max()
    titles = ("raw effects", "z-scores, odd part")
    for axis, (x, y), title in zip(axes, (plain, built_in), titles, strict=True):
        axis.plot([-limit, limit], [-limit, limit], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(x, y, ".", ms=4, color=COLORS["blue"])
        axis.set(title=title, xlabel="answer", xlim=(-limit, limit), ylim=(-limit, limit))
    axes[0].set_ylabel("10 × answer at a tenth")


def draw_priors(groups, methods, errors) -> None:
    """Errors [groups, methods] in units of predicting zero, a column of points for each group."""
    _, axes = plt.subplots(figsize=(6.8, 3.8))
    for k, (method, color) in enumerate(zip(methods, _LINES, strict=False)):
        at = np.arange(len(groups)) + 0.12 * (k - (len(methods) - 1) / 2)
        axes.plot(at, errors[:, k], "o", color=COLORS[color], ms=8, label=method)
    axes.axhline(1, color=COLORS["grey"], lw=1, ls="--")
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set(ylabel="error, predicting zero = 1", ylim=(0, None),
             xlim=(-0.5, len(groups) - 0.5))  # fmt: skip


def draw_recipes(named) -> None:
    """Name of a recipe to losses [data sets], a row of points each, on a logarithmic axis."""
    _, axes = plt.subplots(figsize=(6.6, 0.5 * len(named) + 1.0))
    rows = np.arange(len(named))[::-1]
    for row, losses in zip(rows, named.values(), strict=True):
        jitter = np.linspace(-0.2, 0.2, len(losses))
        axes.plot(losses, row + jitter, "o", ms=3.5, color=COLORS["sky"], mec="none")
        axes.plot(losses.mean(), row, "o", ms=9, color=COLORS["blue"])
    axes.set_xscale("log")
    axes.set_xticks([0.01, 0.03, 0.1, 0.3, 1], ["0.01", "0.03", "0.1", "0.3", "1"])
    axes.minorticks_off()
    axes.set_yticks(rows, named)
    axes.set(xlabel="squared distance from the exact curve, Bayes risk = 1",
             ylim=(-0.6, len(named) - 0.4))  # fmt: skip
