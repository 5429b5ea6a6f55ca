"""Figures of the chapter that compares models on simulated ionomes: pure drawing."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_LINES = ("blue", "vermillion", "green", "orange", "purple", "sky")


def draw_printed(printed) -> None:
    """The printed table (index model; seed, leaf, weights): correlation against weights."""
    _, axes = plt.subplots(figsize=(6.8, 3.8))
    axes.axhline(0, color=COLORS["grey"], lw=1)
    for tissue, color, marker in (("seed", "vermillion", "o"), ("leaf", "green", "s")):
        axes.plot(printed.weights, printed[tissue], marker, color=COLORS[color], ms=6, label=tissue)
    # Models of one size share a place: their names are stacked above it, best leaf first.
    for weights, models in printed.groupby("weights"):
        names = "\n".join(models.sort_values("leaf", ascending=False).index)
        top = models[["seed", "leaf"]].to_numpy().max()
        axes.annotate(names, (weights, top), xytext=(0, 6), textcoords="offset points",
                      ha="center", va="bottom", fontsize=9)  # fmt: skip
    axes.set(xscale="log", xlabel="weights", ylabel="printed correlation", ylim=(-0.04, 0.32),
             xlim=(8e3, 4e6))  # fmt: skip
    axes.legend(loc="lower right")


def draw_countries(values, country, names, title) -> None:
    """One trait [n] by country [n]: a point a plant, a bar at each large country's mean."""
    _, axes = plt.subplots(figsize=(6.8, 3.2))
    for c in range(len(names)):
        own = np.sort(values[country == c])
        across = c + 0.55 * (((np.arange(own.size) * 0.618) % 1) - 0.5)
        axes.plot(across, own, ".", color=COLORS["sky"], ms=5)
        axes.plot([c - 0.35, c + 0.35], [own.mean()] * 2, color=COLORS["black"], lw=2)
    axes.set_xticks(
        range(len(names)), [f"{n}\n{np.sum(country == c)}" for c, n in enumerate(names)]
    )
    axes.set(xlabel="country, and its number of plants", ylabel=title)


def draw_fold_levels(measured, predicted, folds, titles) -> None:
    """One country's plants: measured against the country mean of the other folds, by fold."""
    _, axes = plt.subplots(1, 2, figsize=(7.4, 3.4), sharey=True)
    for axis, values, title in zip(axes, predicted, titles, strict=True):
        for k in np.unique(folds):
            axis.plot(values[folds == k], measured[folds == k], ".", color=COLORS[_LINES[k]], ms=7)
        axis.set(xlabel="prediction", title=title)
        axis.locator_params(axis="x", nbins=4)
    axes[0].set_ylabel("measured")


def draw_table(means, order, architectures) -> None:
    """Mean scores by architecture: a panel each, a row a model, bars of two standard errors.

    ``means`` maps an architecture to a table (index model; mean, error).
    """
    _, axes = plt.subplots(1, len(architectures), figsize=(8.2, 4.8), sharey=True, sharex=True)
    rows = np.arange(len(order))[::-1]
    for axis, name in zip(np.atleast_1d(axes), architectures, strict=True):
        own = means[name].reindex(order)
        colors = [COLORS["green" if "GBLUP" in m or "elastic" in m else
                         "vermillion" if "GPS" in m else "blue"] for m in order]  # fmt: skip
        axis.axvline(0, color=COLORS["grey"], lw=1)
        for y, mean, error, color in zip(rows, own["mean"], own["error"], colors, strict=True):
            axis.errorbar(mean, y, xerr=error, fmt="o", color=color, ms=4.5, lw=1.4)
        axis.set(title=name, xlabel="correlation\nwithin countries")
        axis.locator_params(axis="x", nbins=4)
    np.atleast_1d(axes)[0].set_yticks(rows, order)


def draw_full_scale(table, printed) -> None:
    """One panel of the paper's size, filled, and the printed table, hollow: a row a model.

    Both have the index model and the columns seed and leaf; ``printed`` may lack models.
    """
    _, axes = plt.subplots(figsize=(6.8, 4.2))
    rows = dict(zip(table.index, np.arange(len(table))[::-1], strict=True))
    axes.axvline(0, color=COLORS["grey"], lw=1)
    for tissue, color, marker, up in (
        ("seed", "vermillion", "o", 0.12),
        ("leaf", "green", "s", -0.12),
    ):
        for source, own, fill in (
            ("simulated", table, COLORS[color]),
            ("printed", printed, "none"),
        ):
            heights = [rows[model] + up for model in own.index]
            axes.plot(own[tissue], heights, marker, color=COLORS[color], mfc=fill, ms=5.5,
                      label=f"{tissue}, {source}")  # fmt: skip
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set(xlabel="correlation within countries, mean over 18 elements")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0, fontsize=9)


def draw_radars(scores, ceilings, elements, tissues) -> None:
    """Scores by element: ``scores[tissue][model]`` and ``ceilings[tissue]`` are [elements]."""
    _, axes = plt.subplots(1, len(tissues), figsize=(8.2, 4.4), subplot_kw={"projection": "polar"})
    angles = np.linspace(0, 2 * np.pi, len(elements), endpoint=False)
    closed = np.append(angles, angles[0])
    for axis, tissue in zip(axes, tissues, strict=True):
        bound = np.append(ceilings[tissue], ceilings[tissue][0])
        axis.plot(closed, bound, color=COLORS["black"], lw=1, ls="--", label="replicate ceiling")
        for (model, values), color in zip(scores[tissue].items(), _LINES, strict=False):
            values = np.append(values, values[0])
            axis.plot(closed, values, color=COLORS[color], lw=1.4, label=model)
        axis.set_xticks(angles, elements, fontsize=9)
        axis.set_ylim(-0.3, 1)
        axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
        axis.set_title(tissue, pad=16)
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5,
                          fontsize=9)  # fmt: skip


def draw_sizes(sizes, differences) -> None:
    """GBLUP minus Galiana: ``differences`` maps an architecture to (means, errors) over sizes."""
    _, axes = plt.subplots(figsize=(6.4, 3.4))
    axes.axhline(0, color=COLORS["grey"], lw=1)
    for k, ((name, (means, errors)), color) in enumerate(
        zip(differences.items(), _LINES, strict=False)
    ):
        shifted = np.asarray(sizes) * 1.04 ** (k - 1)
        axes.errorbar(shifted, means, yerr=errors, fmt="o-", color=COLORS[color], ms=4, lw=1.4,
                      label=name)  # fmt: skip
    axes.set(xscale="log", xlabel="plants", ylabel="GBLUP less Galiana")
    axes.set_xticks(sizes, [str(s) for s in sizes])
    axes.minorticks_off()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)


def draw_shares(models, replicate, genetic) -> None:
    """Per cent of both ceilings that each model reaches."""
    _, axes = plt.subplots(figsize=(6.8, 3.9))
    rows = np.arange(len(models))[::-1]
    axes.plot(replicate, rows, "o", color=COLORS["blue"], label="of the replicate ceiling")
    axes.plot(genetic, rows, "s", color=COLORS["orange"], label="of the genetic ceiling")
    axes.axvline(100, color=COLORS["grey"], lw=1, ls="--")
    axes.set_yticks(rows, models)
    axes.set(xlabel="per cent reached", xlim=(min(-5, np.min(replicate) - 5), None))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)


def draw_ideal(scores, replicate, genetic) -> None:
    """The best possible predictor's scores against each of the two ceilings."""
    _, axes = plt.subplots(1, 2, figsize=(7.2, 3.6), sharey=True, sharex=True)
    for axis, bound, title in zip(
        axes, (replicate, genetic), ("replicate", "genetic"), strict=True
    ):
        axis.plot([0, 1], [0, 1], color=COLORS["grey"], lw=1, ls="--")
        axis.plot(bound, scores, ".", color=COLORS["blue"], ms=7)
        axis.set(xlabel=f"{title} ceiling", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel("correlation of the genetic value")


def draw_fifteen(scatters, titles) -> None:
    """Fifteen best scatters of two models side by side.

    ``scatters`` is a pair of lists of (predicted, measured, r), 15 each, best first.
    """
    figure = plt.figure(figsize=(8.4, 4.1))
    halves = figure.subfigures(1, 2, wspace=0.06)
    for half, cells, title in zip(halves, scatters, titles, strict=True):
        half.suptitle(title, x=0.03, ha="left", fontsize=10.5)
        for axis, (predicted, measured, r) in zip(half.subplots(3, 5).flat, cells, strict=True):
            axis.plot(predicted, measured, ".", color=COLORS["blue"], ms=3)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(f"{r:.2f}", fontsize=9, pad=2, loc="center")
        half.supxlabel("predicted", fontsize=9)
        half.supylabel("measured", fontsize=9)


def draw_relations(x, scores, label) -> None:
    """Scores against a property of a trait; ``x`` [traits], ``scores`` maps a model to [traits]."""
    _, axes = plt.subplots(1, len(scores), figsize=(7.2, 3.3), sharey=True)
    for axis, (model, values) in zip(axes, scores.items(), strict=True):
        axis.axhline(0, color=COLORS["grey"], lw=1)
        axis.plot(x, values, ".", color=COLORS["blue"], ms=7)
        slope, level = np.polyfit(x, values, 1)
        ends = np.array([np.min(x), np.max(x)])
        axis.plot(ends, level + slope * ends, color=COLORS["vermillion"])
        axis.set(title=model, xlabel=label)
    axes[0].set_ylabel("correlation within countries")


def draw_trials(validation, test) -> None:
    """Trials of a search: score on the validation plants against score on the test plants."""
    _, axes = plt.subplots(figsize=(5.4, 4))
    axes.axhline(0, color=COLORS["grey"], lw=1)
    axes.axvline(0, color=COLORS["grey"], lw=1)
    for k, (x, y) in enumerate(zip(validation, test, strict=True)):
        color = COLORS[_LINES[k % len(_LINES)]]
        axes.plot(x, y, ".", color=color, ms=6)
        best = np.argmax(x)
        axes.plot(x[best], y[best], "o", mfc="none", mec=color, ms=11)
    axes.set(xlabel="on the validation plants", ylabel="on the test plants")


def draw_null(models, pooled, centred) -> None:
    """Scores under permuted labels, a panel a point: folds pooled above, centred below."""
    _, axes = plt.subplots(figsize=(6.8, 3.6))
    axes.axvline(0, color=COLORS["grey"], lw=1)
    rows = np.arange(len(models))[::-1]
    for y, own, mended in zip(rows, pooled, centred, strict=True):
        axes.plot(own, np.full(len(own), y + 0.14), ".", color=COLORS["vermillion"], ms=6)
        axes.plot(mended, np.full(len(mended), y - 0.14), ".", color=COLORS["blue"], ms=6)
    axes.plot([], [], ".", color=COLORS["vermillion"], label="folds pooled")
    axes.plot([], [], ".", color=COLORS["blue"], label="centred in fold and country")
    axes.set_yticks(rows, models)
    axes.set(xlabel="mean correlation within countries, labels permuted")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)
