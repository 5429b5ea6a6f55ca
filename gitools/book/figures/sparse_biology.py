"""Figures of the chapter on sparse layers and the biology in them."""

import matplotlib.pyplot as plt
import numpy as np

from gitools.book.style import COLORS

_KINDS = {"right": "blue", "rewired": "vermillion", "random groups": "orange"}
_SHARES = ("grey", "sky", "green", "orange", "blue")


def draw_edges(graphs, n_genes, n_nodes) -> None:
    """For each title edges [m, 2] as dots, genes across; the last node is the dummy."""
    _, axes = plt.subplots(1, len(graphs), figsize=(7.6, 3.0), sharey=True)
    for axis, (title, edges) in zip(axes, graphs.items(), strict=True):
        dummy = edges[:, 1] == n_nodes - 1
        for part, color in ((~dummy, "blue"), (dummy, "grey")):
            axis.plot(*edges[part].T, "s", ms=3.2, mew=0, color=COLORS[color])
        axis.set(title=title, xlabel="gene", xlim=(-1, n_genes), ylim=(n_nodes - 0.5, -0.5))
        axis.set_yticks(range(n_nodes), [*map(str, range(1, n_nodes)), "dummy"])
    axes[0].set_ylabel("pathway")


def draw_costs(rows, peer) -> None:
    """Milliseconds and megabytes of methods, as multiples of 1, on logarithmic scales.

    ``rows`` is a table with the columns method, edges, milliseconds and peak_mb.
    """
    _, axes = plt.subplots(1, 2, figsize=(7.4, 2.7), sharey=True)
    names = list(dict.fromkeys(rows.method))
    graphs = list(dict.fromkeys(rows.edges))
    for axis, column, label in (
        (axes[0], "milliseconds", "CPU time of a step, ms"),
        (axes[1], "peak_mb", "peak memory, MB"),
    ):
        for offset, edges, color in zip((-0.15, 0.15), graphs, ("blue", "sky"), strict=True):
            part = rows[rows.edges == edges].set_index("method")[column]
            values = [part[name] for name in names]
            axis.plot(values, np.arange(len(names)) + offset, "o", ms=7, color=COLORS[color],
                      label=f"{edges:,} edges")  # fmt: skip
        axis.set(xscale="log", xlabel=label, ylim=(len(names) - 0.5, -0.5))
        axis.axvline(rows[rows.method == peer][column].iloc[0], color=COLORS["grey"], ls=":", lw=1)
    axes[0].set_yticks(range(len(names)), names)
    axes[1].legend(loc="lower left", handletextpad=0.1)


def draw_losses(losses, scores) -> None:
    """Training loss by epoch and, beside it, correlations on training and test plants.

    ``losses`` holds [epochs] and ``scores`` (training, test) for each name.
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0), width_ratios=(3, 2))
    for name, values in losses.items():
        left.plot(np.arange(1, len(values) + 1), values, color=COLORS[_KINDS[name]], label=name)
    left.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    left.legend(title="edges")
    for name, pair in scores.items():
        right.plot([0, 1], pair, "o-", color=COLORS[_KINDS[name]])
    right.axhline(0, color=COLORS["grey"], lw=0.8)
    right.set_xticks([0, 1], ["training", "test"])
    right.set(ylabel="r within countries", xlim=(-0.3, 1.3))


def draw_differences(differences) -> None:
    """Mean paired difference and its two standard errors for each name: name -> [panels]."""
    _, axis = plt.subplots(figsize=(6.6, 0.42 * len(differences) + 0.9))
    for place, (_, values) in enumerate(differences.items()):
        error = 2 * values.std(ddof=1) / np.sqrt(len(values))
        jitter = np.linspace(-0.18, 0.18, len(values))
        axis.plot(values, place + jitter, "o", ms=3, mew=0, color=COLORS["grey"], alpha=0.6)
        axis.errorbar(values.mean(), place, xerr=error, fmt="D", ms=6, capsize=4,
                      color=COLORS["blue"])  # fmt: skip
    axis.axvline(0, color=COLORS["grey"], lw=1)
    axis.set_yticks(range(len(differences)), list(differences))
    axis.set(
        xlabel="difference of r within countries, right edges minus other",
        ylim=(len(differences) - 0.5, -0.5),
    )


def draw_conditions(left, right, labels) -> None:
    """Mean scores over two kinds of conditions: name -> (x, mean, error), for two panels."""
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.4), sharey=True)
    colors = ("blue", "vermillion", "black", "green")
    for axis, lines, label in zip(axes, (left, right), labels, strict=True):
        for (name, (x, mean, error)), color in zip(lines.items(), colors, strict=False):
            axis.errorbar(x, mean, yerr=error, fmt="o-", capsize=3, ms=5, color=COLORS[color],
                          label=name)  # fmt: skip
        axis.set(xlabel=label)
    axes[1].set_xscale("log")
    axes[1].set_xticks([100, 200, 400], ["100", "200", "400"])
    axes[1].minorticks_off()
    axes[0].set(ylabel="r within countries", ylim=(0, None))
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)


def draw_weights(weights, gains) -> None:
    """Gain in r over genes alone by the weight of the pathway kernel.

    ``gains`` maps a title to {share: [weights]}.
    """
    _, axes = plt.subplots(1, len(gains), figsize=(7.6, 3.2), sharey=True)
    for axis, (title, lines) in zip(axes, gains.items(), strict=True):
        axis.axhline(0, color=COLORS["grey"], lw=0.8)
        for (share, gain), color in zip(lines.items(), _SHARES, strict=True):
            axis.plot(weights, gain, color=COLORS[color], label=f"{share:.0%}")
        axis.set(title=title, xlabel="weight of the pathways", xlim=(0, 1), ylim=(-0.1, 0.06))
        axis.set_xticks([0, 0.5, 1])
    lines, labels = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(
        lines, labels, title="causal genes\nin pathways", loc="outside right center"
    )
    axes[0].set_ylabel("gain in r over genes alone")


def draw_map(gains, sizes, shares) -> None:
    """Gain in r [sizes, shares] as coloured cells with their values."""
    _, axis = plt.subplots(figsize=(5.6, 3.2))
    limit = np.abs(gains).max()
    axis.imshow(gains, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(gains):
        axis.text(column, row, f"{value:+.3f}", ha="center", va="center", fontsize=9,
                  color="white" if abs(value) > 0.65 * limit else "black")  # fmt: skip
    axis.set_xticks(range(len(shares)), [f"{share:.0%}" for share in shares])
    axis.set_yticks(range(len(sizes)), sizes)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set(xlabel="causal genes that lie in pathways", ylabel="plants to train on")


def draw_recovery(found, chance) -> None:
    """Values of each panel by name, with their mean, and the level of chance: name -> [panels]."""
    _, axis = plt.subplots(figsize=(6.2, 3.0))
    for place, values in enumerate(found.values()):
        jitter = np.linspace(-0.15, 0.15, len(values))
        axis.plot(place + jitter, values, "o", ms=3.5, mew=0, color=COLORS["grey"], alpha=0.7)
        error = 2 * values.std(ddof=1) / np.sqrt(len(values))
        axis.errorbar(place, values.mean(), yerr=error, fmt="D", capsize=4, color=COLORS["blue"])
    axis.axhline(chance, color=COLORS["grey"], ls="--", lw=1)
    axis.annotate("chance", (len(found) - 0.55, chance), xytext=(0, 4),
                  textcoords="offset points", color=COLORS["grey"])  # fmt: skip
    axis.set_xticks(range(len(found)), list(found))
    axis.set(ylabel="AUC of causal pathways", xlim=(-0.5, len(found) - 0.2))


def draw_spill(changes, own) -> None:
    """Change of each node when one gene of node ``own`` changes: name -> [nodes]."""
    _, axes = plt.subplots(1, len(changes), figsize=(7.4, 2.8), sharey=True)
    for axis, (title, values) in zip(axes, changes.items(), strict=True):
        colors = [COLORS["vermillion" if k == own else "blue"] for k in range(len(values))]
        axis.bar(range(len(values)), values, color=colors)
        axis.axhline(0, color=COLORS["grey"], lw=0.8)
        axis.set_xticks(range(len(values)), [*map(str, range(1, len(values))), "d"])
        axis.set(title=title, xlabel="pathway (d: dummy)")
    axes[0].set_ylabel("change of activity")


def draw_degrees(degrees) -> None:
    """How many have how many edges, on logarithmic scales: name -> [nodes] of edge counts."""
    _, axis = plt.subplots(figsize=(6.2, 3.2))
    for (name, counts), color in zip(degrees.items(), ("blue", "vermillion"), strict=True):
        sizes = np.sort(counts)[::-1]
        axis.plot(np.arange(1, len(sizes) + 1), sizes, color=COLORS[color], label=name)
    axis.set(xscale="log", yscale="log", xlabel="rank", ylabel="edges")
    axis.legend()
