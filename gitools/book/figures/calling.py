"""Figures of the chapter on calling genotypes and copy numbers."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_DOSAGE = ("sky", "blue", "green", "orange", "vermillion")
_STATES = ("vermillion", "grey", "blue")
_COPIES = ("1 copy", "2 copies", "3 copies")


def _classes(axis, positions, spreads, weights, color, top):
    """Mark classes by a line at each position and a bar of two spreads, on the ratio axis."""
    grid = np.linspace(0.001, 0.999, 600)
    angles = np.arcsin(np.sqrt(grid))
    jacobian = 1 / (2 * np.sqrt(grid * (1 - grid)))
    total = np.zeros_like(grid)
    for k, (mean, sd, weight) in enumerate(zip(positions, spreads, weights, strict=True)):
        z = (angles - np.arcsin(np.sqrt(mean))) / sd
        total += weight * np.exp(-(z**2) / 2) / (sd * np.sqrt(2 * np.pi)) * jacobian
        axis.annotate(str(k), (mean, 0.93 * top), ha="center", color=COLORS[color], fontsize=10)
        axis.axvline(mean, ymax=0.9, color=COLORS[color], lw=0.8, ls=":")
    axis.plot(grid, total, color=COLORS[color], lw=1.6)


def draw_two_fits(tetraploids, diploids, named) -> None:
    """Tetraploid ratios with the classes of two fits, and diploid ticks under them.

    named : title to (means [K], spreads [K] of the angle, weights [K]).
    """
    _, axes = plt.subplots(len(named), 1, figsize=(6.6, 5.2), sharex=True)
    for axis, (title, fit), color in zip(axes, named.items(), ("vermillion", "blue"), strict=True):
        heights, *_ = axis.hist(tetraploids, bins=60, range=(0, 1), density=True, color="#D9D9D9")
        top = 1.45 * heights.max()
        _classes(axis, *fit, color, top)
        axis.plot(diploids, np.full(len(diploids), -0.05 * top), "|", color="black", ms=9, mew=1)
        axis.set(ylim=(-0.12 * top, top), yticks=[], title=title, xlim=(0, 1))
        axis.spines["left"].set_visible(False)
    axes[-1].set_xlabel("signal ratio (bars: tetraploids; ticks: diploids)")


def draw_chemistry(shares, curves) -> None:
    """Expected ratio against the share of allele B; name to ratios [S]."""
    _, axis = plt.subplots(figsize=(5.4, 3.6))
    colors = ("black", "vermillion", "blue", "purple")
    for (name, ratios), color in zip(curves.items(), colors, strict=False):
        axis.plot(shares, ratios, color=COLORS[color], label=name)
        axis.plot(np.arange(5) / 4, np.interp(np.arange(5) / 4, shares, ratios), "o",
                  color=COLORS[color], ms=4)  # fmt: skip
    axis.legend(loc="lower right", fontsize=9)
    axis.set(xlabel="copies of allele B", ylabel="expected signal ratio", ylim=(0, 1),
             xticks=np.arange(5) / 4, xticklabels=["0", "1", "2", "3", "4"])  # fmt: skip


def draw_means(names, means, intervals, xlabel, reference=None) -> None:
    """One dot with an interval for each method; reference : (value, label) of a dashed line."""
    _, axis = plt.subplots(figsize=(6.2, 0.55 * len(names) + 1.2))
    rows = np.arange(len(names))[::-1]
    low, high = means - intervals[0], intervals[1] - means
    axis.errorbar(means, rows, xerr=[low, high], fmt="o", color=COLORS["blue"], capsize=3)
    if reference is not None:
        axis.axvline(reference[0], color=COLORS["grey"], ls="--", lw=1)
        axis.annotate(reference[1], (reference[0], len(names) - 0.55), xytext=(-4, 0),
                      textcoords="offset points", ha="right", color=COLORS["grey"])  # fmt: skip
    axis.set(yticks=rows, yticklabels=names, xlabel=xlabel, ylim=(-0.5, len(names) - 0.3))
    axis.set_xlim(left=0)


def draw_shift(ratio, dosage, named) -> None:
    """Ratios [n] coloured by true dosage, and where each fit puts its classes: name to means."""
    _, axis = plt.subplots(figsize=(6.6, 3.4))
    bins = np.linspace(0, max(0.6, ratio.max() + 0.02), 70)
    parts = [ratio[dosage == k] for k in range(5)]
    axis.hist(parts, bins=bins, stacked=True, color=[COLORS[c] for c in _DOSAGE],
              label=[f"{k} copies" for k in range(5)])  # fmt: skip
    top = axis.get_ylim()[1]
    for row, (name, means) in enumerate(named.items()):
        height = -(0.1 + 0.13 * row) * top
        for k, mean in enumerate(means):
            if mean < bins[-1]:
                axis.annotate(str(k), (mean, height), ha="center", va="center", fontweight="bold")
        axis.annotate(name, (1.01, height), xycoords=("axes fraction", "data"), va="center")
    axis.set(ylim=(-(0.05 + 0.13 * len(named)) * top, top), xlim=(0, bins[-1]),
             xlabel="signal ratio", ylabel="plants")  # fmt: skip
    axis.legend(loc="upper right")
    axis.axhline(0, color="black", lw=0.8)
    axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick < top])


def draw_thresholds(named) -> None:
    """Wrong calls against plants left uncalled, over thresholds: name to (uncalled, wrong) [%]."""
    _, axis = plt.subplots(figsize=(5.8, 3.6))
    colors = ("vermillion", "orange", "blue", "black")
    for (name, (uncalled, wrong)), color in zip(named.items(), colors, strict=False):
        axis.plot(uncalled, wrong, "o-", ms=4, color=COLORS[color], label=name)
    axis.legend(loc="upper right")
    axis.set(xlabel="plants without a call (%)", ylabel="wrong calls (%)")
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)


def draw_inbreeding(named) -> None:
    """Histograms of inbreeding terms over markers: name to values."""
    _, axis = plt.subplots(figsize=(6.0, 3.3))
    bins = np.linspace(-0.6, 1, 33)
    for (name, values), color in zip(named.items(), ("blue", "vermillion"), strict=True):
        axis.hist(np.clip(values, -0.6, 1), bins=bins, histtype="step", lw=1.8,
                  color=COLORS[color], label=name, density=True)  # fmt: skip
    axis.axvline(0, color=COLORS["grey"], ls="--", lw=1)
    axis.legend()
    axis.set(xlabel="inbreeding term F", ylabel="density over markers")


def draw_misled(noises, named, example) -> None:
    """One class read as a ratio, and shares of markers misled against noise: name to shares [%].

    example : ratios of one class against the wall.
    """
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.3))
    axes[0].hist(example, bins=40, color=COLORS["sky"])
    axes[0].set(xlabel="signal ratio of the class with no copy", ylabel="plants")
    for (name, shares), color, dy in zip(named.items(), ("vermillion", "blue"), (8, 6),
                                         strict=True):  # fmt: skip
        axes[1].plot(noises, shares, "o-", color=COLORS[color])
        axes[1].annotate(name, (noises[-1], shares[-1]), xytext=(0, dy), ha="right",
                         textcoords="offset points", color=COLORS[color])  # fmt: skip
    axes[1].set(xlabel="noise (sd of log B/A)", ylim=(-4, 112), xticks=noises,
                ylabel="more than three Gaussians (%)")  # fmt: skip


def draw_gene(signals, states, order) -> None:
    """Signals [n, d] of one gene's probes, by true copies, with their average on the right."""
    _, axis = plt.subplots(figsize=(7.2, 3.8))
    columns = np.column_stack([signals[:, order], signals.mean(axis=1)])
    shown = np.linspace(-0.28, 0.28, len(states))[np.argsort(np.argsort(states, kind="stable"))]
    for j, column in enumerate(columns.T):
        x = j + (0.5 if j == columns.shape[1] - 1 else 0)
        for k, color in enumerate(_STATES):
            here = states == k
            axis.plot(x + shown[here], column[here], ".", ms=3, color=COLORS[color], mew=0,
                      label=_COPIES[k] if j == 0 else None)  # fmt: skip
    d = columns.shape[1] - 1
    axis.set(xticks=[*range(d), d + 0.5], xticklabels=[*(str(j + 1) for j in range(d)), "average"],
             xlabel="probe, from the least to the most noise", ylabel="log2 ratio")  # fmt: skip
    axis.set_ylim(top=columns.max() * 1.25)
    axis.legend(loc="upper left", ncols=3, markerscale=3)


def draw_probe_losses(names, methods, means, intervals, ceilings) -> None:
    """Excess log loss [methods, settings] with intervals [2, methods, settings], and a ceiling.

    ceilings : what the true parameters of the average cost over those of all probes [settings].
    """
    _, axis = plt.subplots(figsize=(7.0, 3.6))
    x = np.arange(len(names))
    for m, (method, color) in enumerate(zip(methods, ("orange", "vermillion", "blue"),
                                            strict=True)):  # fmt: skip
        at = x + 0.2 * (m - 1)
        low, high = means[m] - intervals[0, m], intervals[1, m] - means[m]
        axis.errorbar(at, means[m], yerr=[low, high], fmt="o", color=COLORS[color], capsize=3,
                      label=method)  # fmt: skip
    axis.hlines(ceilings, x - 0.1, x + 0.1, color="black", lw=1.5,
                label="average, true parameters")  # fmt: skip
    axis.legend(loc="upper right", fontsize=9)
    axis.set(xticks=x, xticklabels=names, ylabel="excess log loss (nats a person)",
             xlim=(-0.5, len(names) - 0.3))  # fmt: skip
    axis.set_ylim(bottom=0)


def draw_chain(signal, states, named) -> None:
    """One chromosome: signals [T] by true state, and probabilities of a variant by method."""
    _, axes = plt.subplots(2, 1, figsize=(7.2, 4.4), sharex=True, height_ratios=(3, 2))
    position = np.arange(1, len(signal) + 1)
    for k, color in enumerate(_STATES):
        here = states == k
        axes[0].plot(position[here], signal[here], "o", ms=3.5, color=COLORS[color],
                     label=_COPIES[k])  # fmt: skip
    axes[0].legend(loc="lower right", ncols=3)
    axes[0].set(ylabel="log2 ratio")
    axes[0].set_ylim(bottom=signal.min() - 0.5)
    for (name, values), color, width in zip(named.items(), ("orange", "black"), (1, 1.8),
                                            strict=True):  # fmt: skip
        axes[1].plot(position, values, color=COLORS[color], lw=width, label=name)
    axes[1].set(xlabel="probe along the chromosome", ylabel="P(not 2 copies)", ylim=(-0.03, 1.3))
    axes[1].set_yticks([0, 0.5, 1])
    axes[1].legend(loc="upper right", ncols=2)


def draw_scores(named, threshold) -> None:
    """Histograms of segment scores over chromosomes without any variant; name to scores."""
    _, axis = plt.subplots(figsize=(6.2, 3.4))
    high = np.quantile(np.concatenate(list(named.values())), 0.98)
    bins = np.linspace(-2.5, high, 50)
    for (name, scores), color in zip(named.items(), ("blue", "vermillion", "purple"),
                                     strict=False):  # fmt: skip
        axis.hist(np.clip(scores, bins[0], bins[-1]), bins=bins, histtype="step", lw=1.8,
                  color=COLORS[color], label=name)  # fmt: skip
    axis.axvline(threshold, color=COLORS["grey"], ls="--", lw=1)
    axis.annotate("threshold", (threshold, 0.95), xycoords=("data", "axes fraction"),
                  xytext=(4, 0), textcoords="offset points", color=COLORS["grey"])  # fmt: skip
    axis.legend(loc="upper right")
    axis.set(
        yscale="log", xlabel="score of a chromosome (log likelihood ratio)", ylabel="chromosomes"
    )
