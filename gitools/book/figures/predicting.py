"""Figures of the chapter on predicting traits."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_ORDER = ("blue", "vermillion", "green", "purple", "orange", "sky", "black")


def draw_map(coordinates, country, values, label) -> None:
    """Plants [n, 2] by country on the left, by a trait's value [n] on the right."""
    _, axes = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True, layout="constrained")
    for k in np.unique(country)[::-1]:
        large = k < len(_ORDER)
        color = COLORS[_ORDER[k]] if large else COLORS["grey"]
        at = coordinates[country == k]
        axes[0].plot(at[:, 1], at[:, 0], "o", ms=4 if large else 3, mew=0, alpha=0.8, color=color)
        if large:
            axes[0].annotate("ABCDEFG"[k], (at[:, 1].mean(), at[:, 0].max()), xytext=(0, 3),
                             textcoords="offset points", ha="center", color=color)  # fmt: skip
    limit = np.abs(values).max()
    points = axes[1].scatter(coordinates[:, 1], coordinates[:, 0], c=values, s=14, cmap="PuOr",
                             vmin=-limit, vmax=limit, lw=0)  # fmt: skip
    plt.colorbar(points, ax=axes[1], label=label)
    axes[0].set_ylabel("latitude, degrees")
    for axis in axes:
        axis.set_xlabel("longitude, degrees")
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.06 * (high - low))


def draw_folds(predictions, y, folds, means) -> None:
    """Measured against predicted values of one country, by fold; the folds' own means as lines."""
    _, axis = plt.subplots(figsize=(5.6, 3.8))
    width = 0.025 * np.ptp(predictions)
    for k in np.unique(folds):
        at = folds == k
        color = COLORS[_ORDER[k]]
        axis.plot(predictions[at], y[at], "o", ms=4, mew=0, alpha=0.5, color=color)
        x = predictions[at][0]
        axis.plot([x - width, x + width], [means[k], means[k]], color=color, lw=3)
    axis.set(xlabel="prediction: the country's mean in the other folds",
             ylabel="measured value")  # fmt: skip


def draw_likelihood(grid, log_likelihood, best, label) -> None:
    """Restricted log-likelihood over the heritability, its maximum marked."""
    _, axis = plt.subplots(figsize=(5.6, 3.2))
    axis.plot(grid, log_likelihood - log_likelihood.max(), color=COLORS["blue"])
    axis.plot(best, 0, "o", color=COLORS["vermillion"])
    axis.annotate(label, (best, 0), xytext=(0, -18), textcoords="offset points", ha="center",
                  color=COLORS["vermillion"])  # fmt: skip
    axis.axhline(-1.92, color=COLORS["grey"], ls="--", lw=1)
    axis.set(ylim=(-12, 1), xlabel="heritability $h$ of the means",
             ylabel="log-likelihood below its best")  # fmt: skip


def draw_scale(factors, r2, r) -> None:
    """R2 of a prediction multiplied by a factor, and its unchanging Pearson correlation."""
    _, axis = plt.subplots(figsize=(5.6, 3.4))
    axis.axhline(0, color=COLORS["grey"], lw=0.8)
    axis.plot(factors, np.full_like(factors, r), color=COLORS["vermillion"])
    axis.plot(factors, r2, color=COLORS["blue"])
    axis.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    axis.annotate("Pearson's r", (factors[-1], r), xytext=(0, 5), textcoords="offset points",
                  ha="right", color=COLORS["vermillion"])  # fmt: skip
    at = int(0.62 * len(factors))
    axis.annotate("$R^2$", (factors[at], r2[at]), xytext=(6, 6), textcoords="offset points",
                  color=COLORS["blue"])  # fmt: skip
    axis.set(xlabel="factor on the prediction (1: as GBLUP gave it)", ylabel="score",
             ylim=(-0.8, None))  # fmt: skip


def draw_nulls(named) -> None:
    """Histograms of a score over data sets without signal; means written beside them."""
    _, axis = plt.subplots(figsize=(6.0, 3.4))
    everything = np.concatenate(list(named.values()))
    bins = np.linspace(everything.min(), everything.max(), 46)
    for color, (name, values) in zip(_ORDER, named.items(), strict=False):
        counts, _, _ = axis.hist(values, bins, color=COLORS[color], alpha=0.6)
        axis.annotate(name, (values.mean(), counts.max()), xytext=(0, 4), ha="center",
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axis.axvline(0, color=COLORS["black"], lw=1)
    axis.set(xlabel="correlation within countries, folds pooled", ylabel="data sets")
    axis.margins(y=0.14)


def draw_neighbours(k, scores, errors, printed) -> None:
    """Null score of a map against its smoothness, with the source's two values."""
    _, axis = plt.subplots(figsize=(5.6, 3.4))
    axis.axhline(0, color=COLORS["grey"], lw=0.8)
    for name, value in printed.items():
        axis.axhline(value, color=COLORS["vermillion"], ls="--", lw=1)
        below = value < 0
        axis.annotate(name, (k[-1], value), xytext=(0, -3 if below else 3), ha="right",
                      va="top" if below else "bottom", textcoords="offset points",
                      color=COLORS["vermillion"])  # fmt: skip
    axis.errorbar(k, scores, yerr=errors, fmt="o-", color=COLORS["blue"])
    axis.set(xscale="log", xlabel="neighbours averaged by the map",
             ylabel="correlation within countries")  # fmt: skip
    axis.set_xticks(k, [str(one) for one in k])
    axis.minorticks_off()


def draw_panels(rows) -> None:
    """One dot a panel for each label, with the mean and two standard errors."""
    _, axis = plt.subplots(figsize=(6.8, 0.52 * len(rows) + 1.0), layout="constrained")
    for i, (values, color) in enumerate(rows.values()):
        spread = 0.28 * np.sin(2.4 * np.arange(len(values)))
        axis.plot(values, i + spread, "o", ms=3, mew=0, alpha=0.4, color=COLORS[color])
        axis.errorbar(values.mean(), i, xerr=2 * values.std(ddof=1) / np.sqrt(len(values)),
                      fmt="D", ms=5, color=COLORS["black"], capsize=3)  # fmt: skip
    axis.axvline(0, color=COLORS["grey"], lw=0.8)
    axis.set_yticks(range(len(rows)), rows)
    axis.invert_yaxis()
    axis.set_xlabel("mean correlation over twelve traits, one dot a panel")


def draw_ceilings(reliability, second, genes, gblup, errors) -> None:
    """Measured correlations against the reliability, and the two ceilings as lines."""
    _, axis = plt.subplots(figsize=(5.8, 4.0))
    grid = np.linspace(0, 1, 101)
    axis.plot(grid, np.sqrt(grid), color=COLORS["green"])
    axis.plot(grid, grid, color=COLORS["blue"])
    axis.plot(reliability, genes, "o", color=COLORS["green"])
    axis.plot(reliability, second, "s", color=COLORS["blue"])
    axis.errorbar(reliability, gblup, yerr=errors, fmt="D-", ms=4, color=COLORS["vermillion"])
    for text, x, y, offset, color in (
        ("true genetic values", 0.4, np.sqrt(0.4), (-8, 10), "green"),
        ("a second\nexperiment", 0.8, 0.8, (10, -22), "blue"),
        ("GBLUP", reliability[-1], gblup[-1], (8, -4), "vermillion"),
    ):
        axis.annotate(text, (x, y), xytext=offset, textcoords="offset points",
                      ha="right" if color == "green" else "left", color=COLORS[color])  # fmt: skip
    axis.set(xlabel="reliability of the six-replicate mean, within countries",
             ylabel="correlation within countries", xlim=(0, 1.05), ylim=(0, 1.02))  # fmt: skip


def draw_leak(named) -> None:
    """Histograms of the correlation with pure noise."""
    _, axis = plt.subplots(figsize=(5.8, 3.2))
    everything = np.concatenate(list(named.values()))
    bins = np.linspace(min(everything.min(), -0.1), everything.max(), 40)
    for color, (name, values) in zip(("blue", "vermillion"), named.items(), strict=True):
        counts, _, _ = axis.hist(values, bins, color=COLORS[color], alpha=0.7)
        axis.annotate(name, (values.mean(), counts.max()), xytext=(0, 4), ha="center",
                      textcoords="offset points", color=COLORS[color])  # fmt: skip
    axis.axvline(0, color=COLORS["black"], lw=1)
    axis.set(xlabel="correlation with noise, mean of folds and four traits", ylabel="panels")
    axis.margins(y=0.14)


def draw_two_worlds(named, country) -> None:
    """Measured against predicted values [n] in two worlds, the large countries coloured."""
    _, axes = plt.subplots(1, len(named), figsize=(7.8, 3.6), sharey=True, layout="constrained")
    for axis, (title, (predictions, y)) in zip(axes, named.items(), strict=True):
        for k in np.unique(country)[::-1]:
            color = COLORS[_ORDER[k]] if k < len(_ORDER) else COLORS["grey"]
            at = country == k
            axis.plot(predictions[at], y[at], "o", ms=3.5, mew=0, alpha=0.55, color=color)
        axis.set(title=title, xlabel="prediction by GBLUP")
    axes[0].set_ylabel("measured value")


def draw_p_values(p) -> None:
    """Histogram of p-values in twenty bins, and the height that is expected."""
    _, axis = plt.subplots(figsize=(5.6, 3.0))
    axis.hist(p, np.linspace(0, 1, 21) + 1e-9, color=COLORS["blue"], alpha=0.7)
    axis.axhline(len(p) / 20, color=COLORS["black"], ls="--", lw=1)
    axis.set(xlabel="p-value of the permutation test", ylabel="null traits")
