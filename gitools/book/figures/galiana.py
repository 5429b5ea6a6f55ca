"""Figures of the chapter on Galiana."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS


def draw_plant(counts, type_names) -> None:
    """Counts [genes, types] of one plant, types with their names downwards."""
    figure, axes = plt.subplots(figsize=(7.4, 3.8))
    image = axes.imshow(
        np.ma.masked_equal(counts.T, 0), aspect="auto", cmap="viridis_r", interpolation="none"
    )
    axes.set_yticks(range(len(type_names)), type_names, fontsize=8)
    axes.set_xlabel("gene")
    figure.colorbar(image, label="variants carried", pad=0.01)


def draw_curves(named) -> None:
    """Name to (epochs [k], correlations on training plants [k], on other plants [k])."""
    _, axes = plt.subplots(1, len(named), figsize=(7.4, 3.3), sharey=True, squeeze=False)
    for axis, (name, (epochs, train, test)) in zip(axes[0], named.items(), strict=True):
        for values, color, label, above in (
            (train, "blue", "plants it learns from", 6),
            (test, "vermillion", "other plants", 6),
        ):
            axis.plot(epochs, values, color=COLORS[color])
            axis.annotate(label, (epochs[-1], values[-1]), xytext=(0, above), ha="right",
                          textcoords="offset points", color=COLORS[color])  # fmt: skip
        axis.set(xlabel="epoch", title=name, ylim=(-0.1, 1.12))
    axes[0, 0].set_ylabel("correlation within countries")


def draw_speed(made_up, simulated, target) -> None:
    """Pairs (distinct share [k], time ratio [k]) of made-up and simulated batches."""
    _, axes = plt.subplots()
    order = np.argsort(made_up[0])
    axes.plot(made_up[0][order], made_up[1][order], "o-", color=COLORS["blue"], ms=5)
    axes.plot(*simulated, "D", color=COLORS["vermillion"], ms=7)
    axes.annotate("simulated plants", (simulated[0][-1], simulated[1][-1]), xytext=(8, -13),
                  textcoords="offset points", color=COLORS["vermillion"])  # fmt: skip
    axes.plot([0, 0.5], [target, target], color=COLORS["grey"], lw=1, ls="--")
    axes.annotate("wanted at most", (0, target), xytext=(4, 5), color=COLORS["grey"],
                  textcoords="offset points")  # fmt: skip
    axes.set(xlabel="distinct vectors in a batch, share", ylabel="time, plain model = 1",
             xlim=(0, 1.03), ylim=(0, None))  # fmt: skip


def draw_pairs(named) -> None:
    """Name to (scores of ridge [k], scores of Galiana [k]), a point a simulated panel."""
    _, axes = plt.subplots(figsize=(4.8, 4.4))
    both = np.concatenate([np.concatenate(pair) for pair in named.values()])
    ends = [min(both.min(), 0) - 0.02, both.max() + 0.03]
    axes.plot(ends, ends, color=COLORS["grey"], lw=1, ls="--")
    for (name, (ridge, network)), color, marker in zip(
        named.items(), ("blue", "orange"), "os", strict=True
    ):
        axes.plot(ridge, network, marker, color=COLORS[color], ms=4.5, label=name)
    axes.legend(loc="upper left", title="traits")
    axes.set(xlabel="ridge on the tensor (GBLUP)", ylabel="Galiana", xlim=ends, ylim=ends,
             aspect="equal")  # fmt: skip


def draw_widths(widths, train, test, ridge) -> None:
    """Training and test scores [widths, panels], and ridge's test scores [panels]."""
    _, axes = plt.subplots()
    for values, color, label, below in (
        (train, "blue", "plants it learnt from", 9),
        (test, "vermillion", "other plants", -34),
    ):
        _with_interval(axes, widths, values, color)
        axes.annotate(label, (widths[2], values[2].mean()), xytext=(0, below), ha="center",
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axes.axhline(ridge.mean(), color=COLORS["grey"], lw=1, ls="--")
    axes.annotate("ridge, other plants", (widths[0], ridge.mean()), xytext=(-4, 5),
                  textcoords="offset points", color=COLORS["grey"])  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.set(xlabel="width of the hidden layers", ylabel="correlation within countries",
             ylim=(-0.03, 1.08))  # fmt: skip


def draw_learning(sizes, named) -> None:
    """Name to test scores [sizes, panels] over numbers of training plants."""
    _, axes = plt.subplots()
    for (name, values), color in zip(named.items(), ("vermillion", "grey"), strict=True):
        _with_interval(axes, sizes, values, color)
        axes.annotate(name, (sizes[-1], values[-1].mean()), xytext=(8, -4),
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="plants to learn from", ylabel="correlation within countries",
             xlim=(sizes[0] * 0.9, sizes[-1] * 1.75))  # fmt: skip


def draw_differences(named) -> None:
    """Name to paired differences [panels]: points, and the mean with two standard errors."""
    _, axes = plt.subplots(figsize=(6.8, 0.75 + 0.55 * len(named)))
    rows = np.arange(len(named))[::-1]
    for row, values in zip(rows, named.values(), strict=True):
        axes.plot(values, np.full(len(values), row - 0.18), ".", color=COLORS["sky"], ms=5)
        axes.errorbar(values.mean(), row + 0.1, xerr=_two_errors(values), fmt="o", ms=5,
                      color=COLORS["black"], capsize=3)  # fmt: skip
    axes.axvline(0, color=COLORS["grey"], lw=1)
    axes.set_yticks(rows, list(named))
    axes.set(xlabel="change of the correlation on other plants", ylim=(-0.6, len(named) - 0.5))


def draw_saliency(saliency, causal) -> None:
    """Saliency [genes] of one trait, and which genes are causal [genes]."""
    _, axes = plt.subplots(figsize=(7.4, 3.0))
    genes = np.arange(len(saliency))
    for chosen, color, label in ((~causal, "sky", "other"), (causal, "vermillion", "causal")):
        axes.bar(genes[chosen], saliency[chosen], color=COLORS[color], width=0.85, label=label)
    axes.legend(loc="upper right", ncols=2)
    axes.set(xlabel="gene", ylabel="saliency", ylim=(0, 1.25 * saliency.max()))


def draw_precision(named, chance) -> None:
    """Name to precisions [panels]; the share of causal genes as a line."""
    _, axes = plt.subplots(figsize=(6.8, 0.9 + 0.42 * len(named)))
    rows = np.arange(len(named))[::-1]
    for row, (name, values) in zip(rows, named.items(), strict=True):
        color = COLORS["vermillion" if name.startswith("saliency") else "blue"]
        axes.barh(row, values.mean(), xerr=_two_errors(values), color=color, height=0.6,
                  error_kw={"capsize": 3})  # fmt: skip
    axes.axvline(chance, color=COLORS["black"], lw=1, ls="--")
    axes.annotate("chance", (chance, rows[0] + 0.42), xytext=(4, 0), textcoords="offset points")
    axes.set_yticks(rows, list(named))
    axes.set(xlabel="share of the top genes that are causal", ylim=(-0.6, len(named) - 0.2))


def draw_leak(named) -> None:
    """Name to (scores, genes chosen on training plants [k]; chosen on all plants [k])."""
    _, axes = plt.subplots(1, len(named), figsize=(7.4, 3.2), sharey=True)
    for axis, (name, pair) in zip(axes, named.items(), strict=True):
        for values in zip(*pair, strict=True):
            axis.plot([0, 1], values, color=COLORS["sky"], lw=0.8)
        means = [values.mean() for values in pair]
        axis.errorbar([0, 1], means, [_two_errors(values) for values in pair], fmt="o-",
                      color=COLORS["black"], capsize=3)  # fmt: skip
        axis.axhline(0, color=COLORS["grey"], lw=1, ls="--")
        axis.set_xticks([0, 1], ["training plants", "all plants"])
        axis.set(xlim=(-0.3, 1.3), xlabel="genes chosen on", title=name)
    axes[0].set_ylabel("correlation within countries")


def _two_errors(values):
    return 2 * values.std(ddof=1) / np.sqrt(len(values))


def _with_interval(axes, x, values, color):
    axes.errorbar(x, values.mean(axis=1), [_two_errors(row) for row in values], fmt="o-", ms=4,
                  color=COLORS[color], capsize=3)  # fmt: skip
