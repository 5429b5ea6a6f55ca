"""Figures of the chapter on starts, components and priors. Arrays in, drawings out."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2, norm

from gitools.book.style import COLORS

_CYCLE = ("blue", "orange", "green", "vermillion", "purple", "sky")


def two_answers(x, answers):
    """Histogram of `x` with the components of each answer: {title: (weights, means, sds)}."""
    _fig, axes = plt.subplots(1, len(answers), sharey=True)
    grid = np.linspace(-0.02, 1.06, 700)
    for ax, (title, (weights, means, sds)) in zip(axes, answers.items(), strict=True):
        ax.hist(x, bins=50, range=(0, 1), density=True, color=COLORS["grey"], alpha=0.35)
        for k, color in zip(np.argsort(means), _CYCLE, strict=False):
            density = weights[k] * norm.pdf(grid, means[k], sds[k])
            ax.plot(grid, density, color=COLORS[color])
            ax.fill_between(grid, density, color=COLORS[color], alpha=0.18)
        ax.set(title=title, xlabel="intensity ratio")
    axes[0].set(ylabel="density", ylim=(0, 7.5))


def climb_speed(gaps):
    """Gap to the top against steps, a line for each distance between humps: {distance: gap}."""
    _, ax = plt.subplots()
    for (distance, gap), color in zip(gaps.items(), _CYCLE, strict=False):
        # Below this, rounding hides the rest of the way.
        shown = np.flatnonzero(gap > 1e-11)
        ax.plot(shown + 1, gap[shown], color=COLORS[color])
        at = shown[int(0.85 * len(shown))]
        ax.annotate(
            f" {distance} sd apart", (at + 1, gap[at]), color=COLORS[color], xytext=(3, 3),
            textcoords="offset points",
        )  # fmt: skip
    ax.set(
        yscale="log", xlabel="steps of EM", ylabel="log-likelihood still to gain\n(nats a plant)"
    )


def plateau(traces):
    """Mean log-likelihood against steps, by how far apart the two means start: {start: trace}."""
    _, ax = plt.subplots()
    top = max(trace[-1] for trace in traces.values())
    for (start, trace), color in zip(traces.items(), _CYCLE, strict=False):
        steps = np.arange(1, len(trace) + 1)
        ax.plot(steps, trace, color=COLORS[color])
        middle = (trace[0] + top) / 2
        at = int(np.argmax(trace > middle))
        ax.text(steps[at] * 0.93, middle, f"{start} sd", color=COLORS[color], ha="right")
    ax.set(xscale="log", xlabel="steps of EM", ylabel="log-likelihood\n(nats a plant)")


def spike(minus_log_sd, log_likelihood, single):
    """Log-likelihood against minus the log of the narrow component's sd; `single`: one hump's."""
    _, ax = plt.subplots()
    ax.plot(minus_log_sd, log_likelihood, color=COLORS["vermillion"])
    ax.axhline(single, color=COLORS["grey"], linestyle="--")
    ax.text(
        minus_log_sd[-1], single, "one component", color=COLORS["grey"], va="bottom", ha="right"
    )
    ax.text(
        minus_log_sd[-1] * 0.62, np.interp(minus_log_sd[-1] * 0.62, minus_log_sd, log_likelihood),
        "a second one, on one plant ", color=COLORS["vermillion"], ha="right", va="bottom",
    )  # fmt: skip
    ax.set(xlabel="minus log of the narrow component's standard deviation", ylabel="log-likelihood")


def optima(ends, believed):
    """Sorted final log-likelihoods of the runs of each kind of start: {name: values}."""
    _, ax = plt.subplots()
    for (name, values), color in zip(ends.items(), ("vermillion", "blue"), strict=True):
        values = np.sort(values)[::-1]
        ax.plot(np.arange(1, len(values) + 1), values, ".", color=COLORS[color], markersize=4)
        at, lift = (0.72, 9) if name == "k-means++" else (0.28, -15)
        ax.annotate(
            name,
            (at * len(values), values[int(at * len(values))]),
            color=COLORS[color],
            xytext=(0, lift),
            textcoords="offset points",
            ha="center",
        )
    ax.axhline(believed, color=COLORS["black"], linewidth=0.8, linestyle=":")
    ax.text(len(values), believed, "answer A", ha="right", va="bottom", fontsize=9)
    ax.set(xlabel="runs, best first", ylabel="log-likelihood where the run ended")


def null_statistic(statistics, dofs=(3, 6)):
    """Histogram of the simulated null of the likelihood-ratio statistic, with chi-squares."""
    _, ax = plt.subplots()
    ax.hist(statistics, bins=60, range=(0, 20), density=True, color=COLORS["blue"], alpha=0.35)
    grid = np.linspace(0.02, 20, 400)
    for dof, color, at in zip(dofs, ("vermillion", "green"), (1.9, 11.2), strict=True):
        ax.plot(grid, chi2.pdf(grid, dof), color=COLORS[color])
        ax.text(
            at, chi2.pdf(at, dof) + 0.006, f"chi-square, {dof} df", color=COLORS[color],
        )  # fmt: skip
    cut = np.quantile(statistics, 0.95)
    ax.axvline(cut, color=COLORS["blue"])
    ax.axvline(chi2.ppf(0.95, dofs[0]), color=COLORS["vermillion"], linestyle="--")
    ax.text(cut + 0.2, 0.12, "95% of the\nsimulated null", color=COLORS["blue"])
    ax.set(xlabel="likelihood-ratio statistic, one component against two", ylabel="density")


def label_switching(raw, aligned):
    """Means of each component over refits [refits, K], as numbered by EM and after matching."""
    _, axes = plt.subplots(1, 2, sharey=True)
    for ax, means, title in zip(
        axes, (raw, aligned), ("numbered as EM left them", "matched to the fit"), strict=True
    ):
        for k in range(means.shape[1]):
            ax.plot(means[:, k], ".", color=COLORS[_CYCLE[k]], markersize=4, label=f"component {k}")
        ax.set(title=title, xlabel="bootstrap refit")
    axes[0].set(ylabel="estimated mean (ratio)")
    axes[0].legend(ncols=3, loc="upper center", fontsize=8, handletextpad=0, columnspacing=0.8)
    axes[0].set_ylim(-0.05, 1.2)


def running_integral(decades, integrals):
    """Integral of the posterior up to a standard deviation, for each prior: {name: values}."""
    _, ax = plt.subplots()
    for (name, values), color in zip(integrals.items(), ("vermillion", "blue"), strict=True):
        ax.plot(decades, values, color=COLORS[color])
        at = int(0.55 * len(values))
        ax.annotate(
            name,
            (decades[at], values[at]),
            color=COLORS[color],
            xytext=(-6, 8),
            textcoords="offset points",
            ha="right",
        )
    ax.set(
        xlabel="integrated up to this sd of component two (powers of ten)",
        ylabel="integral, in units of\nits first decade",
        ylim=(0, None),
    )


def missing_bias(errors):
    """Errors of an estimate over data sets, a row of dots for each way: {name: errors}."""
    _, ax = plt.subplots()
    jitter = np.linspace(-0.22, 0.22, 7)
    for row, (_, values) in enumerate(reversed(errors.items())):
        heights = row + jitter[np.arange(len(values)) % 7]
        ax.plot(values, heights, ".", color=COLORS[_CYCLE[row]], alpha=0.45, markersize=5)
        ax.plot(values.mean(), row, "|", color=COLORS["black"], markersize=24, markeredgewidth=2.2)
    ax.axvline(0, color=COLORS["grey"], linestyle="--")
    ax.set(
        yticks=range(len(errors)), yticklabels=reversed(errors),
        xlabel="estimated minus true mean (sd of a component)",
    )  # fmt: skip


def criteria(counts, values):
    """Each criterion minus its own minimum, against the number of components: {name: values}."""
    _, ax = plt.subplots()
    for (name, curve), color in zip(values.items(), _CYCLE, strict=False):
        curve = curve - curve.min()
        best = int(curve.argmin())
        ax.plot(counts, curve, marker=".", color=COLORS[color])
        ax.plot(counts[best], 0, "o", color=COLORS[color], markersize=9, fillstyle="none")
        steep = curve[best:] > 70
        if steep.any():
            # A curve that leaves the figure is named on its way out.
            last = best + int(steep.argmax())
            x = np.interp(70, curve[last - 1 : last + 1], counts[last - 1 : last + 1])
            ax.text(x - 0.12, 70, name, color=COLORS[color], va="center", ha="right")
        else:
            ax.text(counts[-1] + 0.12, curve[-1], name, color=COLORS[color], va="center")
    ax.set(
        xlabel="number of components", ylabel="criterion above its minimum",
        ylim=(-5, 90), xticks=counts, xlim=(counts[0] - 0.2, counts[-1] + 0.8),
    )  # fmt: skip


def predictive_check(simulated, observed, label):
    """Histogram of a statistic over data sets simulated from the fit, and its observed value."""
    _, ax = plt.subplots()
    ax.hist(simulated, bins=40, color=COLORS["blue"], alpha=0.35)
    ax.axvline(observed, color=COLORS["vermillion"])
    top = ax.get_ylim()[1]
    ax.text(observed, top * 0.93, "real plants  ", color=COLORS["vermillion"], ha="right")
    ax.text(
        np.quantile(simulated, 0.9), top * 0.75, "simulated from\nthe fit", color=COLORS["blue"]
    )
    ax.set(xlabel=label, ylabel="simulated data sets", xlim=(observed - 0.016, None))


def excess_losses(losses):
    """Mean excess log loss over the Bayes classifier with two standard errors: {name: values}."""
    _, ax = plt.subplots()
    for row, (name, values) in enumerate(reversed(losses.items())):
        mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
        ax.errorbar(mean, row, xerr=2 * error, fmt="o", color=COLORS["blue"], capsize=4)
        left = mean > 0.6
        at = mean - 2 * error - 0.02 if left else mean + 2 * error + 0.02
        ax.text(at, row, name, ha="right" if left else "left", va="center")
    ax.axvline(0, color=COLORS["green"], linestyle="--")
    ax.text(0, len(losses) - 0.35, " true parameters", color=COLORS["green"], va="bottom")
    ax.set(
        yticks=[], ylim=(-0.5, len(losses) - 0.1), xlabel="excess log loss (nats a plant)",
        xlim=(-0.01, None),
    )  # fmt: skip
    ax.spines["left"].set_visible(False)
