"""Figures of the chapter on effects on several traits."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse

from gitools.book.style import COLORS

_OF_TYPE = {"null": "grey", "A": "vermillion", "B": "blue", "AB": "green"}
_METHODS = {"ours": "blue", "sklearn": "orange", "lists": "vermillion", "known": "black"}


def _plane(axis, limit, title=None):
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title or "")
    axis.set_xlabel("z score, trait A")


def _dots(axis, z, color, size=4):
    axis.plot(z[:, 0], z[:, 1], ".", ms=size, color=color, alpha=0.6, mew=0)


def _ellipse(axis, covariance, color, scale=2.0):
    values, vectors = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    width, height = 2 * scale * np.sqrt(values[::-1])
    axis.add_patch(Ellipse((0, 0), width, height, angle=angle, fill=False, ec=color, lw=2))


def draw_scores(z, limit=14) -> None:
    """z scores [n, 2] without any label."""
    _, axis = plt.subplots(figsize=(4.8, 4.4))
    _dots(axis, z, COLORS["grey"])
    _plane(axis, limit)
    axis.set_ylabel("z score, trait B")


def draw_units(covariance, factors, angles, shown) -> None:
    """One covariance in two units of trait B on the left, angle of its long axis on the right.

    Parameters
    ----------
    covariance : array of shape (2, 2)
    factors, angles : arrays
        Factor of trait B's unit, and angle in degrees between trait A's axis and the long one.
    shown : pair of float
        Factors whose ellipses are drawn.
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.4))
    for factor, color, place in zip(shown, ("blue", "vermillion"), (0.94, 0.86), strict=True):
        scale = np.diag([1.0, factor])
        changed = scale @ covariance @ scale
        _ellipse(axes[0], changed, COLORS[color])
        long = np.linalg.eigh(changed)[1][:, 1] * 2 * np.sqrt(np.linalg.eigvalsh(changed)[1])
        axes[0].plot(*np.outer(long, [-1, 1]), color=COLORS[color], lw=1, ls="--")
        axes[0].text(0.04, place, f"B times {factor:g}", color=COLORS[color],
                     transform=axes[0].transAxes)  # fmt: skip
    axes[0].set(xlim=(-20, 20), ylim=(-20, 20), aspect="equal", xlabel="effect on A",
                ylabel="effect on B, own unit")  # fmt: skip
    axes[1].axhspan(0, 22.5, color=COLORS["grey"], alpha=0.15, lw=0)
    axes[1].axhspan(67.5, 90, color=COLORS["grey"], alpha=0.15, lw=0)
    axes[1].plot(factors, angles, color=COLORS["black"])
    for text, height in (("“A”", 11), ("“shared”", 45), ("“B”", 79)):
        axes[1].text(factors[0] * 1.15, height, text, va="center")
    axes[1].set(xscale="log", ylim=(0, 90), yticks=[0, 22.5, 45, 67.5, 90],
                xlabel="factor of trait B's unit", ylabel="angle of the long axis (°)",
                xlim=(factors[0], factors[-1]))  # fmt: skip
    figure.align_ylabels()


def draw_regions(grid, best, certainty, cutoff) -> None:
    """Most probable type over the plane, paler where less certain, and the lists' cutoff.

    Parameters
    ----------
    grid : array of shape (m,)
        z scores along each axis.
    best : int array of shape (m, m)
        Index of the most probable type in null, A, B, AB; rows run along trait B.
    certainty : array of shape (m, m)
        Its probability.
    cutoff : float
        z score beyond which a list takes a variant.
    """
    _, axis = plt.subplots(figsize=(5.2, 4.8))
    colors = np.array([to_rgb(COLORS[c]) for c in _OF_TYPE.values()])[best]
    strength = np.clip((certainty - 0.25) / 0.75, 0, 1)[..., None]
    extent = (grid[0], grid[-1], grid[0], grid[-1])
    axis.imshow(1 - strength * (1 - colors), origin="lower", extent=extent, aspect="equal")
    for sign in (-1, 1):
        axis.axvline(sign * cutoff, color=COLORS["black"], ls="--", lw=1)
        axis.axhline(sign * cutoff, color=COLORS["black"], ls="--", lw=1)
    far = 0.78 * grid[-1]
    for text, x, y in (("null", 0, 0), ("A", far, 0), ("A", -far, 0), ("B", 0, far),
                       ("B", 0, -far), ("AB", far, far), ("AB", -far, -far)):  # fmt: skip
        axis.text(x, y, text, ha="center", va="center", weight="bold")
    axis.set(xlabel="z score, trait A", ylabel="z score, trait B")


def draw_types(z, truth, found, limit=14) -> None:
    """z scores [n, 2] by true type on the left and by most probable type on the right.

    `truth` and `found` are sequences of names.
    """
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.9), sharey=True)
    for axis, names, title in ((axes[0], truth, "true types"), (axes[1], found, "types found")):
        names = np.asarray(names)
        for name, color in _OF_TYPE.items():
            _dots(axis, z[names == name], COLORS[color])
        _plane(axis, limit, title)
    for name, (x, y) in {"A": (0.9, 0.5), "B": (0.5, 0.95), "AB": (0.88, 0.93)}.items():
        axes[0].text(x, y, name, color=COLORS[_OF_TYPE[name]], weight="bold", ha="center",
                     va="center", transform=axes[0].transAxes)  # fmt: skip
    axes[0].set_ylabel("z score, trait B")


def draw_calibration(named) -> None:
    """Share of variants that are shared against the posterior of it: name to (given, kept)."""
    _, axis = plt.subplots(figsize=(4.8, 4.2))
    axis.plot([0, 1], [0, 1], color=COLORS["grey"], ls="--", lw=1)
    for (name, (given, kept)), color, mark in zip(
        named.items(), ("blue", "green", "vermillion"), "os^", strict=False
    ):
        axis.plot(given, kept, marker=mark, color=COLORS[color], label=name, lw=1.2, ms=5)
    axis.legend(loc="upper left")
    axis.set(xlabel="posterior of acting on two traits or more", ylabel="share that do",
             xlim=(0, 1), ylim=(0, 1))  # fmt: skip


def draw_compared(traits, losses) -> None:
    """Log loss above that of the true parameters: method to a series for each number of traits."""
    _, axis = plt.subplots(figsize=(6.2, 3.4))
    for place, (method, label) in enumerate(
        {"ours": "fitted mixture", "sklearn": "scikit-learn", "lists": "lists and overlap"}.items()
    ):
        for at, row in zip(traits, losses[method], strict=True):
            spread = np.linspace(-0.09, 0.09, len(row))
            axis.plot(at + 0.28 * (place - 1) + spread, np.sort(np.maximum(row, 3e-4)), ".", ms=4,
                      color=COLORS[_METHODS[method]])  # fmt: skip
            middle = np.maximum(row.mean(), 3e-4)
            axis.plot(at + 0.28 * (place - 1) + np.array([-0.12, 0.12]), [middle, middle],
                      color=COLORS["black"], lw=2)  # fmt: skip
        axis.text(0.62, 0.25 - 0.09 * place, label, color=COLORS[_METHODS[method]],
                  transform=axis.transAxes)  # fmt: skip
    axis.set(yscale="log", xticks=traits, xlabel="traits", xlim=(traits[0] - 0.6, traits[-1] + 0.5),
             ylabel="log loss above the ceiling\n(nats a variant)")  # fmt: skip


def draw_uneven(x, called, given) -> None:
    """Null effects [n, 2]; called ones coloured, without and with the sampling covariances."""
    _, axes = plt.subplots(1, 2, figsize=(7.6, 3.9), sharey=True)
    for axis, chosen, title in (
        (axes[0], called, "standard errors left out"),
        (axes[1], given, "standard errors given"),
    ):
        _dots(axis, x[~chosen], COLORS["grey"])
        _dots(axis, x[chosen], COLORS["green"], 5)
        limit = 1.05 * np.abs(x).max()
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title,
                 xlabel="effect per allele, trait A")  # fmt: skip
    axes[0].set_ylabel("effect per allele, trait B")


def draw_loci(z_one, causal_one, z_two, causal_two) -> None:
    """Two loci [p, 2]: one causal variant on the left, two neighbours on the right."""
    _, axes = plt.subplots(2, 2, figsize=(7.6, 4.4), sharex=True, sharey=True)
    for column, (z, causal) in enumerate(((z_one, causal_one), (z_two, causal_two))):
        for trait, color in enumerate(("vermillion", "blue")):
            axis = axes[trait, column]
            axis.plot(np.abs(z[:, trait]), ".", color=COLORS["grey"], ms=5)
            axis.plot(causal[trait], np.abs(z[causal[trait], trait]), "o", color=COLORS[color])
            axis.set_ylim(0, 11.5)
    axes[0, 0].set(title="one locus", ylabel="|z|, trait A")
    axes[0, 1].set_title("another locus")
    axes[1, 0].set(ylabel="|z|, trait B", xlabel="variant in the locus")
    axes[1, 1].set_xlabel("variant in the locus")


def draw_neighbours(r2, called, coloc, errors) -> None:
    """Share of pairs taken for one variant against their r2, by two methods with 2 s.e."""
    _, axis = plt.subplots(figsize=(6.0, 3.5))
    for values, error, color, text, shift in (
        (called, errors[0], "green", "mixture at the lead variant", (-80, 8)),
        (coloc, errors[1], "purple", "colocalisation", (12, -8)),
    ):
        axis.errorbar(r2, values, 2 * error, fmt="o-", color=COLORS[color], capsize=2)
        at = len(r2) // 2
        axis.annotate(text, (r2[at], values[at]), xytext=shift, textcoords="offset points",
                      color=COLORS[color])  # fmt: skip
    axis.set(xlabel="squared correlation of the two causal variants", xlim=(0, 1.03),
             ylim=(-0.06, 1.14), ylabel="share taken for one variant")  # fmt: skip
