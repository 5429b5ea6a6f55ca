"""Figures of the chapter from an association study to genes."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_SHADES = ("black", "blue", "orange", "green", "vermillion", "purple", "sky", "grey", "yellow")
_LINE = -np.log10(5e-8)


def draw_traits(log_p, causal, names) -> None:
    """Minus log10 p of each trait [p, traits], with stretches of causal genes shaded.

    Parameters
    ----------
    log_p : array of shape (p, traits)
    causal : list of (first, last, acts) with acts bool [traits]
    names : list of str
    """
    _, axes = plt.subplots(len(names), 1, sharex=True, figsize=(7.4, 5.4))
    for t, (axis, name) in enumerate(zip(axes, names, strict=True)):
        for first, last, on in causal:
            if on[t]:
                axis.axvspan(first - 15, last + 15, color=COLORS["orange"], alpha=0.45, lw=0)
        axis.plot(log_p[:, t], ".", ms=2.5, color=COLORS["blue"])
        axis.axhline(_LINE, color=COLORS["grey"], lw=0.8, ls="--")
        axis.set_ylabel("−log10 p")
        axis.set_title(name)
        axis.set_ylim(0, max(1.05 * log_p[:, t].max(), _LINE + 1))
    axes[-1].set_xlabel("variant of the first chromosome")
    axes[-1].margins(x=0.01)


def draw_two_traits(panels, kinds, limits) -> None:
    """Effects on two traits: title to [p, 2]; kinds of variants [p], "" for none."""
    figure, axes = plt.subplots(1, len(panels), figsize=(7.4, 3.7))
    shown = [k for k in np.unique(kinds) if k]
    for axis, (title, x), limit in zip(axes, panels.items(), limits, strict=True):
        none = kinds == ""
        axis.plot(*x[none].T, ".", ms=2.5, color=COLORS["grey"], alpha=0.6)
        for kind, color in zip(shown, ("blue", "green", "vermillion", "purple"), strict=False):
            here = x[kinds == kind]
            axis.plot(*here.T, "o", ms=4, color=COLORS[color], label=kind)
        axis.set(title=title, xlim=(-limit, limit), ylim=(-limit, limit))
        axis.set_xlabel("trait A")
        axis.set_aspect("equal")
    axes[0].set_ylabel("trait B")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", title="truth")


def draw_gene_types(probability, columns, rows) -> None:
    """Probability of each type [genes, types] for the causal genes, with true types of rows."""
    _, axis = plt.subplots(figsize=(6.6, 5.6))
    image = axis.imshow(probability, aspect="auto", vmin=0, vmax=1, cmap="Blues")
    axis.set_xticks(range(len(columns)), columns)
    edges = np.flatnonzero(rows[1:] != rows[:-1]) + 0.5
    axis.hlines(edges, -0.5, len(columns) - 0.5, color=COLORS["grey"], lw=0.8)
    starts = np.concatenate([[-0.5], edges, [len(rows) - 0.5]])
    axis.set_yticks((starts[1:] + starts[:-1]) / 2, rows[np.append(0, (edges + 0.5).astype(int))])
    axis.set(xlabel="type given to the gene", ylabel="true type")
    axis.tick_params(length=0)
    plt.colorbar(image, ax=axis, label="probability")


def draw_curves(panels, names) -> None:
    """Precision against recall: class to name to (recall, precision)."""
    figure, axes = plt.subplots(1, len(panels), sharey=True, figsize=(7.8, 3.4))
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for name, color in zip(names, _SHADES, strict=False):
            recall, precision = curves[name]
            dashed = {"ls": ":"} if name == "judge" else {}
            axis.plot(recall, precision, color=COLORS[color], label=name, **dashed)
        axis.axhline(0.9, color=COLORS["grey"], lw=0.8, ls="--")
        axis.set(title=title, xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
    axes[0].set_ylabel("precision")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")


def draw_methods(names, panels, label) -> None:
    """Points with intervals for each method: title to (values, lows, highs)."""
    _, axes = plt.subplots(1, len(panels), sharey=True, figsize=(7.6, 0.36 * len(names) + 1.2))
    rows = np.arange(len(names))[::-1]
    for axis, (title, (values, lows, highs)) in zip(np.atleast_1d(axes), panels.items(),
                                                    strict=True):  # fmt: skip
        values, lows, highs = (np.asarray(v, dtype=float) for v in (values, lows, highs))
        error = np.maximum([values - lows, highs - values], 0)
        axis.errorbar(values, rows, xerr=error, fmt="o", ms=5, color=COLORS["blue"], capsize=2)
        axis.set(title=title, xlabel=label)
        axis.grid(axis="y", color=COLORS["grey"], alpha=0.25)
        axis.set_xlim(left=min(0, axis.get_xlim()[0]))
    np.atleast_1d(axes)[0].set_yticks(rows, names)


def draw_distances(distances, shares, expected) -> None:
    """Where falsely called genes lie: share [k] at each distance in genes, and that of chance."""
    _, axis = plt.subplots(figsize=(6.2, 3.2))
    labels = [f"{d}" for d in distances[:-1]] + [f"{distances[-1]} or more"]
    axis.bar(range(len(shares)), shares, color=COLORS["vermillion"], width=0.7)
    axis.plot(range(len(expected)), expected, "_", ms=34, color=COLORS["black"])
    axis.annotate("by chance", (len(expected) - 1, expected[-1]), xytext=(0, 5), ha="center",
                  textcoords="offset points")  # fmt: skip
    axis.set_xticks(range(len(labels)), labels)
    axis.set(xlabel="genes to the nearest causal gene", ylabel="share of false genes")
    axis.margins(y=0.12)


def draw_null(names, rates, lows, highs, level) -> None:
    """Rejection rates without any effect, one row a method."""
    _, axis = plt.subplots(figsize=(6.2, 0.36 * len(names) + 1.2))
    rows = np.arange(len(names))[::-1]
    axis.axvline(level, color=COLORS["grey"], ls="--", lw=1)
    error = np.maximum([rates - lows, highs - rates], 0)
    axis.errorbar(rates, rows, xerr=error, fmt="o", ms=5, color=COLORS["blue"], capsize=2)
    axis.set_yticks(rows, names)
    axis.set(xlabel=f"share of null genes rejected at {level:g}", xlim=(0, 2 * level))
