"""Figures of the chapter on penalised regression."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS


def draw_directions(eigenvalues, undone, zero, ridge) -> None:
    """Expected squared errors along each direction of LD [p] against its eigenvalue [p]; logs."""
    _, axes = plt.subplots(figsize=(6.4, 3.8))
    order = np.argsort(eigenvalues)
    d = eigenvalues[order]
    for values, color, label, at, shift in (
        (undone[order], "vermillion", "LD undone", 0.3, (8, 6)),
        (np.full(len(d), zero), "grey", "zero", 0.02, (0, 5)),
        (ridge[order], "blue", "ridge", 0.6, (0, -16)),
    ):
        k = int(at * (len(d) - 1))
        axes.plot(d, values, ".-", color=COLORS[color], ms=4, lw=1)
        axes.annotate(label, (d[k], values[k]), xytext=shift, textcoords="offset points",
                      color=COLORS[color], weight="bold")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="eigenvalue of R: variance in this direction",
             ylabel="expected squared error", ylim=(ridge.min() / 3, 300 * zero))  # fmt: skip


def draw_ridge_curve(penalties, errors, chosen, constant) -> None:
    """Error relative to zero's [penalties] against the number added to the diagonal; logs."""
    _, axes = plt.subplots(figsize=(6.4, 3.6))
    axes.plot(penalties, errors, color=COLORS["blue"])
    axes.axhline(1, color=COLORS["grey"], ls="--", lw=1)
    axes.axhline(constant, color=COLORS["orange"], ls="--", lw=1)
    axes.axvline(chosen, color=COLORS["black"], ls=":", lw=1)
    axes.set(xscale="log", yscale="log", xlabel="λ, added to the diagonal of R",
             ylabel="error / error of zero")  # fmt: skip
    axes.set_yticks([1, 2, 5], ["1", "2", "5"])
    axes.minorticks_off()
    right = penalties[-1]
    for height, text, color, shift, va in (
        (1, "zero", "grey", 4, "bottom"),
        (constant, "best constant", "orange", -4, "top"),
    ):
        axes.annotate(text, (right, height), xytext=(0, shift), textcoords="offset points",
                      ha="right", va=va, color=COLORS[color])  # fmt: skip
    axes.annotate("p(1 − h²) / (n h²)", (chosen, axes.get_ylim()[1]), xytext=(6, -14),
                  textcoords="offset points")  # fmt: skip


def draw_shrinkage(x, named) -> None:
    """Estimates [x] against the marginal estimate [x] in standard errors: name to curve."""
    _, axes = plt.subplots(figsize=(5.8, 4.4))
    axes.plot(x, x, color=COLORS["grey"], lw=1, ls="--")
    axes.axhline(0, color=COLORS["grey"], lw=0.5)
    for (name, y), color, dash in zip(
        named.items(), ("orange", "blue", "sky", "green"), ("-", "-", "--", "-"), strict=True
    ):
        axes.plot(x, y, color=COLORS[color], ls=dash, label=name)
    axes.set(xlabel="marginal estimate, in standard errors", ylabel="what becomes of it")
    axes.legend(loc="upper left")


def draw_paths(named, causal) -> None:
    """Effects [penalties, p] as the penalty falls: name to (penalties, path); causal in colour."""
    _, panels = plt.subplots(1, len(named), sharey=True, figsize=(7.6, 3.8))
    for axes, (name, (penalties, path)) in zip(panels, named.items(), strict=True):
        axes.plot(penalties, path[:, ~causal], color=COLORS["grey"], lw=0.7)
        axes.plot(penalties, path[:, causal], color=COLORS["vermillion"], lw=2)
        axes.set(xscale="log", title=name, xlabel="penalty λ")
        axes.invert_xaxis()
    panels[0].set_ylabel("effect")


def draw_kkt(residual, effects, penalty) -> None:
    """What is left at each variant [p] inside its band, variants with an effect [p] ringed."""
    _, axes = plt.subplots(figsize=(7.0, 3.2))
    place = np.arange(len(residual))
    axes.axhspan(-penalty, penalty, color=COLORS["sky"], alpha=0.25, lw=0)
    axes.plot(place, residual, ".", color=COLORS["blue"], ms=5)
    inside = effects != 0
    axes.plot(place[inside], residual[inside], "o", mfc="none", mec=COLORS["vermillion"], ms=9)
    axes.set(xlabel="variant of the locus", ylabel="left over: β̂ − R b̂",
             ylim=(-1.4 * penalty, 1.4 * penalty))  # fmt: skip
    for sign, text in ((1, "+λ"), (-1, "−λ")):
        axes.annotate(text, (len(residual), sign * penalty), xytext=(2, -4),
                      textcoords="offset points")  # fmt: skip


def draw_tuning(penalties, named) -> None:
    """Losses [penalties] by name, less the trait's variance, each lowest point marked."""
    _, axes = plt.subplots(figsize=(6.6, 3.8))
    for (name, loss), color in zip(named.items(), ("blue", "orange", "black"), strict=True):
        best = int(np.argmin(loss))
        axes.plot(penalties, loss, color=COLORS[color], label=name)
        axes.plot(penalties[best], loss[best], "o", color=COLORS[color])
    axes.axhline(0, color=COLORS["grey"], lw=1, ls="--")
    axes.set(xscale="log", xlabel="penalty λ", ylabel="squared error − trait's variance")
    axes.invert_xaxis()
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def draw_pairs(first, second, labels) -> None:
    """Errors times 1000 under two choices of the penalty, a point a locus [loci], [loci]."""
    _, axes = plt.subplots(figsize=(4.4, 4.2))
    limit = 1.05 * max(first.max(), second.max()) * 1000
    axes.plot([0, limit], [0, limit], color=COLORS["grey"], lw=1, ls="--")
    axes.plot(first * 1000, second * 1000, "o", color=COLORS["blue"], ms=4, alpha=0.7)
    axes.set(xlabel=f"{labels[0]}: error × 1000", ylabel=f"{labels[1]}: error × 1000",
             xlim=(-0.02 * limit, limit), ylim=(-0.02 * limit, limit))  # fmt: skip


def draw_division(share, named) -> None:
    """Objectives [shares] above their lowest when two copies divide one effect, by name."""
    _, axes = plt.subplots(figsize=(6.0, 3.2))
    for (name, height), color in zip(named.items(), ("blue", "green"), strict=True):
        axes.plot(share, height, color=COLORS[color])
        axes.annotate(name, (share[-1], height[-1]), xytext=(6, -4), textcoords="offset points",
                      color=COLORS[color], weight="bold")  # fmt: skip
    axes.set(xlabel="share of the effect at the first copy", ylabel="objective above its lowest",
             xlim=(0, 1.28))  # fmt: skip
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))


def draw_shares(named) -> None:
    """Share of the effect that the causal one of two near copies gets: name to shares [traits]."""
    _, panels = plt.subplots(1, len(named), sharey=True, figsize=(7.0, 3.0))
    for axes, (name, shares), color in zip(panels, named.items(), ("blue", "green"), strict=True):
        axes.hist(shares, bins=np.linspace(-0.025, 1.025, 22), color=COLORS[color])
        axes.set(title=name, xlabel="share at the causal variant")
    panels[0].set_ylabel("traits")


def draw_errors(names, values, low, high, label) -> None:
    """Ratios [methods] with interval ends, one row each, beside the line of no difference."""
    _, axes = plt.subplots(figsize=(6.6, 0.5 * len(names) + 1.0))
    rows = np.arange(len(names))[::-1]
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    spread = [values - low, high - values]
    axes.errorbar(values, rows, xerr=spread, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set_yticks(rows, names)
    axes.set(xlabel=label, ylim=(-0.6, len(names) - 0.4))


def draw_kinds(kinds, named) -> None:
    """Ratios to zero's error for each kind of trait: method to (values, low, high) [kinds]."""
    _, axes = plt.subplots(figsize=(6.6, 3.4))
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    base = np.arange(len(kinds))[::-1]
    for k, ((name, (values, low, high)), color) in enumerate(
        zip(named.items(), ("orange", "blue", "green"), strict=True)
    ):
        rows = base + 0.2 * (1 - k)
        axes.errorbar(values, rows, xerr=[values - low, high - values], fmt="o", capsize=3,
                      color=COLORS[color], label=name)  # fmt: skip
    axes.set_yticks(base, kinds)
    axes.set(xlabel="squared error of the genetic value / its variance", xlim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
