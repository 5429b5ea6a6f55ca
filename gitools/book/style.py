"""One look for every figure."""

import matplotlib as mpl

# Okabe and Ito's colours, told apart by readers with any common colour vision.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#222222",
    "grey": "#8C8C8C",
}

_STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    # Opaque: a transparent figure is unreadable on a dark page.
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.prop_cycle": mpl.cycler(
        color=[COLORS[c] for c in ("blue", "orange", "green", "vermillion", "purple", "sky")]
    ),
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "font.size": 10.5,
    "image.cmap": "viridis",
}


def set_style() -> None:
    """Give the figures that follow the book's style: size, 100 dpi, colours, no upper spines."""
    mpl.rcParams.update(_STYLE)
