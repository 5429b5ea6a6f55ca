"""Figures of the chapter on variational inference."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

from gitools.book.style import COLORS


def draw_directions(grid, target, forward, reverse) -> None:
    """A density [grid] of two humps, and the Gaussians [grid] nearest to it in each direction."""
    _, axes = plt.subplots(figsize=(6.8, 3.6))
    axes.fill_between(grid, target, color=COLORS["grey"], alpha=0.35, lw=0)
    for density, color, text, shift in (
        (forward, "blue", "KL(p‖q): cover both", (26, 42)),
        (reverse, "vermillion", "KL(q‖p): choose one", (14, -12)),
    ):
        axes.plot(grid, density, color=COLORS[color])
        top = density.argmax()
        axes.annotate(text, (grid[top], density[top]), xytext=shift, color=COLORS[color],
                      textcoords="offset points", weight="bold")  # fmt: skip
    axes.annotate("p", (2.6, 0.2), color=COLORS["grey"], weight="bold")
    axes.set(xlabel="unknown", ylabel="density", ylim=(0, 1.12 * max(target.max(), reverse.max())))


def draw_ellipses(correlations) -> None:
    """Gaussians of the given correlations, and their mean-field approximations, at 90 %."""
    _, panels = plt.subplots(1, len(correlations), figsize=(7.4, 2.9), sharey=True)
    radius = np.sqrt(-2 * np.log(0.1))
    for axes, r in zip(panels, correlations, strict=True):
        wide, narrow = 2 * radius * np.sqrt(1 + r), 2 * radius * np.sqrt(1 - r)
        axes.add_patch(Ellipse((0, 0), wide, narrow, angle=45, lw=0, alpha=0.35,
                               color=COLORS["grey"]))  # fmt: skip
        across = 2 * radius * np.sqrt(1 - r**2)
        axes.add_patch(Ellipse((0, 0), across, across, fill=False, lw=2, color=COLORS["blue"]))
        axes.set(xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), aspect="equal", title=f"r = {r}")
        axes.set_xlabel("effect of variant 1")
    panels[0].set_ylabel("effect of variant 2")


def draw_trait(x) -> None:
    """Histogram of a trait [n], with one tick for every plant."""
    _, axes = plt.subplots()
    axes.hist(x, np.linspace(x.min() - 0.3, x.max() + 0.3, 22), color=COLORS["grey"], alpha=0.55)
    axes.plot(x, np.full(len(x), -0.3), "|", color=COLORS["black"], alpha=0.6, ms=8)
    axes.set(xlabel="trait", ylabel="plants")


def draw_bounds(traces) -> None:
    """Evidence lower bound by round, from name of a start to bounds [n_rounds]."""
    _, axes = plt.subplots()
    for (name, bounds), color in zip(traces.items(), ("blue", "orange", "green"), strict=True):
        axes.plot(np.arange(1, len(bounds) + 1), bounds, color=COLORS[color], label=name)
    axes.set(xlabel="round", ylabel="ELBO, nats", xscale="log")
    axes.legend(title="first labels")


def draw_collapse(sizes, sd, distance) -> None:
    """Spread of q [sizes] and distance of its mean to EM's estimate [sizes], both log."""
    _, axes = plt.subplots()
    for values, color, text, shift in (
        (sd, "blue", "standard deviation of q", (-4, 10)),
        (distance, "vermillion", "distance to EM's estimate", (-96, -46)),
    ):
        axes.loglog(sizes, values, "o-", color=COLORS[color])
        axes.annotate(text, (sizes[1], values[1]), xytext=shift, color=COLORS[color],
                      textcoords="offset points", weight="bold")  # fmt: skip
    axes.set(xlabel="plants", ylabel="units of the trait")


def draw_posteriors(mean_field, gibbs, truth) -> None:
    """Draws [draws] of a difference of means from q and from the Gibbs sampler, and the truth."""
    _, axes = plt.subplots()
    bins = np.linspace(*np.quantile(gibbs, [0.001, 0.999]), 60)
    axes.hist(gibbs, bins, density=True, color=COLORS["grey"], alpha=0.5)
    heights, _, _ = axes.hist(mean_field, bins, density=True, histtype="step", lw=2,
                              color=COLORS["blue"])  # fmt: skip
    axes.axvline(truth, color=COLORS["vermillion"], lw=1.4, ls="--")
    axes.set(xlabel="difference of the two means", ylabel="posterior density",
             ylim=(0, 1.25 * heights.max()))  # fmt: skip
    for at, text, color in ((0.97, "mean field", "blue"), (0.89, "Gibbs", "grey"),
                            (0.81, "truth", "vermillion")):  # fmt: skip
        axes.text(0.02, at, text, color=COLORS[color], weight="bold", va="top",
                  transform=axes.transAxes)  # fmt: skip


def draw_coverage(distance, shares, errors, nominal) -> None:
    """Share of intervals that hold the truth [groups] by distance, for each named method."""
    _, axes = plt.subplots()
    axes.axhline(nominal, color=COLORS["black"], lw=1, ls="--")
    for (name, share), color, shift in zip(
        shares.items(), ("blue", "grey"), ((14, -16), (14, 22)), strict=True
    ):
        axes.errorbar(distance, share, yerr=errors[name], fmt="o-", color=COLORS[color], capsize=3)
        axes.annotate(name, (distance[-2], share[-2]), xytext=shift, color=COLORS[color],
                      textcoords="offset points", weight="bold")  # fmt: skip
    axes.set(xlabel="estimated distance of the two means", ylabel="intervals that hold the truth",
             ylim=(None, 1.02))  # fmt: skip


def draw_locus(z, learnt, optimal, causal) -> None:
    """z scores [p] and two sets of inclusion probabilities [p], causal variants ringed."""
    _, panels = plt.subplots(3, sharex=True, figsize=(7.2, 5.6))
    at = np.flatnonzero(causal)
    for axes, values, label in zip(
        panels,
        (np.abs(z), learnt, optimal),
        ("|z|", "PIP, mean field", "PIP, optimal"),
        strict=True,
    ):
        axes.plot(values, ".", color=COLORS["blue"], ms=6)
        axes.plot(at, values[at], "o", mfc="none", mec=COLORS["vermillion"], ms=11)
        axes.set_ylabel(label)
    for axes in panels[1:]:
        axes.set_ylim(-0.05, 1.1)
    panels[2].set_xlabel("variant of the locus")


def draw_learnt(named, truth) -> None:
    """Learnt causal fractions [data sets] for each named setting, a dot a data set."""
    _, axes = plt.subplots(figsize=(6.4, 2.8))
    axes.axvline(truth, color=COLORS["vermillion"], ls="--", lw=1.2)
    rows = np.arange(len(named))[::-1]
    for row, values in zip(rows, named.values(), strict=True):
        order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
        axes.plot(values, row + 0.25 * np.cos(order * 2.4), ".", color=COLORS["blue"], alpha=0.6)
        axes.plot(values.mean(), row, "D", color=COLORS["black"], ms=7)
    axes.set_yticks(rows, list(named))
    axes.annotate("truth", (truth, rows[0] + 0.42), xytext=(5, 0), textcoords="offset points",
                  color=COLORS["vermillion"], weight="bold")  # fmt: skip
    axes.set(xlabel="causal fraction that was learnt", ylim=(-0.6, rows[0] + 0.7), xlim=(0, None))


def draw_errors(names, values, half_widths) -> None:
    """Mean squared errors [methods] over the optimum's, half-widths [2, methods]; log axis."""
    _, axes = plt.subplots(figsize=(6.8, 3.2))
    rows = np.arange(len(names))[::-1]
    axes.axvline(1, color=COLORS["grey"], ls="--", lw=1)
    axes.errorbar(values, rows, xerr=half_widths, fmt="o", color=COLORS["blue"], capsize=3)
    axes.set_xscale("log")
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100) if t < 1.3 * values.max()]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(rows, names)
    axes.set(xlabel="mean squared error, in units of the optimum's", ylim=(-0.6, len(names) - 0.4))


def draw_calibration(named) -> None:
    """Causal share against mean inclusion probability: name to (mean, share, low, high) arrays."""
    _, panels = plt.subplots(1, len(named), figsize=(7.6, 3.0), sharey=True)
    for axes, (name, (mean, share, low, high)) in zip(panels, named.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=COLORS["grey"], ls="--", lw=1)
        axes.errorbar(mean, share, yerr=[share - low, high - share], fmt="o", ms=4, capsize=2,
                      color=COLORS["blue"])  # fmt: skip
        axes.set(title=name, xlabel="inclusion probability", xlim=(-0.03, 1.03))
    panels[0].set_ylabel("share that is causal")


def draw_twins(grid, bound, paths) -> None:
    """The bound [grid, grid] over two inclusion probabilities, and paths [rounds, 2] up to it."""
    figure, axes = plt.subplots(figsize=(5.6, 4.6))
    levels = bound.max() - np.array([12, 10, 8, 6, 5, 4, 3, 2, 1, 0.5, 0])
    image = axes.contourf(grid, grid, bound.T, levels, cmap="viridis", extend="min")
    figure.colorbar(image, label="ELBO, nats below its top", shrink=0.85,
                    format=lambda v, _: f"{v - bound.max():.1f}")  # fmt: skip
    for path in paths:
        axes.plot(*path.T, "-", color="white", lw=1.6)
        axes.plot(*path[0], "o", color="white", ms=6)
        axes.plot(*path[-1], "*", color=COLORS["orange"], ms=16, clip_on=False, zorder=4)
    axes.plot(0.5, 0.5, "X", color=COLORS["vermillion"], ms=12)
    axes.set(xlabel="inclusion probability of variant 1",
             ylabel="inclusion probability of variant 2")  # fmt: skip
