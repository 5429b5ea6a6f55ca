"""Figures of the chapter on population structure and prediction."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_ORDER = ("blue", "vermillion", "green", "purple", "orange", "sky", "black")
MODEL_COLORS = {
    "country mean": "grey",
    "GPSNN": "orange",
    "GBLUP": "blue",
    "ridge on tensor": "sky",
    "Galiana": "vermillion",
    "BMSNN50": "green",
}


def _color(k):
    return COLORS[_ORDER[k % len(_ORDER)]]


def draw_stripes(prediction, y, groups, names, xlabel, ylabel) -> None:
    """Measured against predicted values [n]; groups [n] named in `names` in colour."""
    _, axis = plt.subplots(figsize=(6.6, 3.9))
    other = ~np.isin(groups, names)
    axis.plot(prediction[other], y[other], "o", ms=3, mew=0, alpha=0.3, color=COLORS["grey"])
    for k, name in enumerate(names):
        here = groups == name
        axis.plot(prediction[here], y[here], "o", ms=3.4, mew=0, alpha=0.6, color=_color(k),
                  label=name)  # fmt: skip
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.1, markerscale=1.6)


def draw_decompositions(cases) -> None:
    """Title to (prediction, y, groups): points by group, group means and the pooled line."""
    _, axes = plt.subplots(1, len(cases), figsize=(8.2, 3.0))
    for axis, (title, (p, y, groups)) in zip(axes, cases.items(), strict=True):
        for k, group in enumerate(np.unique(groups)):
            here = groups == group
            axis.plot(p[here], y[here], "o", ms=3, mew=0, alpha=0.45, color=_color(k))
            _line(axis, p[here], y[here], _color(k), "-")
        _line(axis, p, y, COLORS["black"], "--")
        axis.set(title=title, xticks=[], yticks=[], xlabel="predicted")
    axes[0].set_ylabel("measured")


def _line(axis, x, y, color, style):
    slope = np.polyfit(x, y, 1)
    ends = np.array([x.min(), x.max()])
    axis.plot(ends, np.polyval(slope, ends), ls=style, color=color, lw=1.8)


def draw_bias(scores) -> None:
    """Name to scores [traits] without any signal: one histogram each, zero marked."""
    _, axis = plt.subplots(figsize=(6.6, 3.2))
    for k, (name, values) in enumerate(scores.items()):
        axis.hist(values, bins=30, histtype="step", lw=1.8, color=_color(k))
        axis.annotate(name, (np.mean(values), 1), xycoords=("data", "axes fraction"),
                      xytext=(0, -2 - 13 * k), textcoords="offset points", ha="center",
                      color=_color(k))  # fmt: skip
    axis.margins(y=0.35)
    axis.axvline(0, ymax=0.8, color=COLORS["black"], lw=1, ls="--")
    axis.set(xlabel="correlation within countries, nothing to predict", ylabel="traits")


def draw_models(values, schemes, models) -> None:
    """Two panels of dots: (scheme, model) to {"pooled": (mean, half), "within": (mean, half)}."""
    _, axes = plt.subplots(1, 2, figsize=(8.8, 3.7), sharey=True)
    steps = np.linspace(-0.3, 0.3, len(models))
    for axis, part, title in ((axes[0], "pooled", "over the whole dataset"),
                              (axes[1], "within", "within countries, fold by fold")):  # fmt: skip
        for model, step in zip(models, steps, strict=True):
            points = [values[scheme, model][part] for scheme in schemes]
            mean, half = np.array(points).T
            axis.errorbar(np.arange(len(schemes)) + step, mean, half, fmt="o", ms=5, capsize=2,
                          color=COLORS[MODEL_COLORS[model]], label=model)  # fmt: skip
        axis.axhline(0, color=COLORS["black"], lw=0.8)
        axis.set(title=title, xticks=range(len(schemes)))
        axis.set_xticklabels([s.replace(" ", "\n") for s in schemes])
    axes[0].set_ylabel("correlation, mean of 36 traits")
    axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.1)


def draw_maps(maps, country, n_large=7) -> None:
    """Title to t-SNE places [n, 2], by country [n]; small countries in grey."""
    _, axes = plt.subplots(1, len(maps), figsize=(min(8.4, 3.2 * len(maps) + 0.6), 3.1))
    for axis, (title, places) in zip(np.atleast_1d(axes), maps.items(), strict=True):
        for k in range(n_large + 1):
            here = country == k if k < n_large else country >= n_large
            color = _color(k) if k < n_large else COLORS["grey"]
            axis.plot(*places[here].T, "o", ms=3, mew=0, alpha=0.7, color=color)
        axis.set(title=title, xticks=[], yticks=[])


def draw_promises(estimates, truth) -> None:
    """Name to estimates [data sets] beside what a new country gives [data sets]."""
    _, axis = plt.subplots(figsize=(5.6, 4.0))
    both = [*estimates.values(), truth]
    low, high = min(map(np.min, both)), max(map(np.max, both))
    axis.plot([low, high], [low, high], color=COLORS["grey"], lw=1, ls="--")
    for k, (name, values) in enumerate(estimates.items()):
        axis.plot(values, truth, "o", ms=4.5, mew=0, alpha=0.7, color=_color(k), label=name)
    axis.set(xlabel="r within countries, estimated", ylabel="r in the new country, got")
    axis.legend(loc="upper left", handletextpad=0.1, markerscale=1.4)


def draw_scan(places, curves, thresholds, genes) -> None:
    """-log10 p along the genome: name to values [p], one panel each; genes named at their place."""
    _, axes = plt.subplots(len(curves), 1, figsize=(8.0, 2.1 * len(curves)), sharex=True)
    chromosome, position, starts = places
    x = position + starts[chromosome - 1]
    for axis, (name, values) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        for c in np.unique(chromosome):
            here = chromosome == c
            color = COLORS["blue"] if c % 2 else COLORS["sky"]
            axis.plot(x[here] / 1e6, values[here], "o", ms=2.6, mew=0, color=color)
        axis.axhline(thresholds, color=COLORS["grey"], ls="--", lw=1)
        for gene, (c, at) in genes.items():
            axis.axvline((at + starts[c - 1]) / 1e6, color=COLORS["vermillion"], lw=0.9, alpha=0.6)
            axis.annotate(gene, ((at + starts[c - 1]) / 1e6, 1), xycoords=("data", "axes fraction"),
                          xytext=(3, -11), textcoords="offset points",
                          color=COLORS["vermillion"])  # fmt: skip
        axis.set(ylabel="$-\\log_{10} p$", title=name)
        axis.margins(y=0.22)
    np.atleast_1d(axes)[-1].set_xlabel("place in the genome, Mb; chromosomes in turn")


def draw_real(values, schemes, models) -> None:
    """Trait to (scheme, model) to {"pooled"/"within": (r, low, high)}: a panel for each trait."""
    _, axes = plt.subplots(1, len(values), figsize=(8.8, 3.5), sharey=True)
    axes = np.atleast_1d(axes)
    for axis, (trait, found) in zip(axes, values.items(), strict=True):
        for k, model in enumerate(models):
            for part, marker, fill in (("pooled", "o", "white"), ("within", "o", None)):
                points = [found[s, model].get(part) for s in schemes]
                for j, point in enumerate(points):
                    if point is None or not np.isfinite(point[0]):
                        continue
                    x = (
                        j
                        + 0.2 * (k - (len(models) - 1) / 2)
                        + (0.04 if part == "within" else -0.04)
                    )
                    r, low, high = point
                    axis.plot([x, x], [low, high], color=_color(k), lw=1.2)
                    axis.plot(x, r, marker, ms=5.5, color=_color(k), mfc=fill or _color(k))
            axis.plot([], [], "o", color=_color(k), label=model)
        axis.axhline(0, color=COLORS["black"], lw=0.8)
        axis.set(title=trait, xticks=range(len(schemes)))
        axis.set_xticklabels([s.replace(" ", "\n") for s in schemes])
    axes[0].set_ylabel("correlation")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.1)


def draw_blocks(sizes, curves) -> None:
    """r within countries against the size of held-out blocks: name to values [sizes]."""
    _, axis = plt.subplots(figsize=(6.0, 3.3))
    for k, (name, values) in enumerate(curves.items()):
        axis.plot(sizes, values, "o-", ms=4.5, color=_color(k))
        axis.annotate(name, (sizes[-1], values[-1]), xytext=(7, -4), textcoords="offset points",
                      color=_color(k))  # fmt: skip
    axis.set(xscale="log", ylim=(0, None), xlim=(sizes[0] * 0.85, sizes[-1] * 3.2),
             xlabel="side of the blocks held out, km", ylabel="r within countries")  # fmt: skip
    axis.set_xticks(sizes, [f"{s:g}" for s in sizes])
    axis.minorticks_off()


def draw_exceeding(levels, curves, bound) -> None:
    """Share of scores above a bound against the true correlation: name to shares [levels]."""
    _, axis = plt.subplots(figsize=(6.2, 3.3))
    axis.axvline(bound[0], color=COLORS["grey"], ls="--", lw=1)
    axis.axvline(bound[1], color=COLORS["black"], ls="--", lw=1)
    labels = (
        ("replicates'\nbound", bound[0], 0.82, "grey"),
        ("genetic\nceiling", bound[1], 0.12, "black"),
    )
    for text, at, height, color in labels:
        axis.annotate(text, (at, height), xytext=(-4, 0), textcoords="offset points", ha="right",
                      color=COLORS[color], fontsize=9)  # fmt: skip
    for k, (name, values) in enumerate(curves.items()):
        axis.plot(levels, values, "o-", ms=4, color=_color(k), label=name)
    axis.legend(
        loc="center right", bbox_to_anchor=(0.98, 0.5), frameon=True, framealpha=1, edgecolor="none"
    )
    axis.set(xlabel="true correlation of the predictor", ylabel="share of scores above the bound",
             ylim=(-0.03, 1.05))  # fmt: skip
