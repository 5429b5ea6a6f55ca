"""The explorer of EM in one dimension: a page fragment in which the reader takes the steps."""

import json
import math
import re
from importlib.resources import files

import numpy as np
from IPython.display import HTML

from gitools.book.style import COLORS

_COMPONENT_COLORS = [COLORS[c] for c in ("blue", "orange", "green", "vermillion", "purple", "sky")]
_MAX_VALUES = 300
_MAX_GROUPS = 10
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# A thousandth of the values' variance: low enough for narrow humps, high enough to be seen.
_FLOOR_SHARE = 1e-3


def em_explorer(
    values, *, xlabel: str, truth=None, name: str = "em-explorer", n_components: int = 3
) -> HTML:
    """Show values with a Gaussian mixture that the reader fits step by step.

    The reader chooses the number of components, the start and whether the variances have a floor,
    then takes E steps and M steps. Values are shown to a ten-thousandth of their range. The same
    call gives the same HTML; nothing is fetched from elsewhere.

    Parameters
    ----------
    values : array-like [n]
        The values, 5 to 300 finite numbers that are not all the same.
    xlabel : str
        Label of the axis of values, with its unit.
    truth : array-like [n] of int, optional
        Group that each value comes from, at most 10 of them, shown when the reader asks for it.
    name : str
        Id of the fragment in the page: one for each explorer of a page. Lower-case letters,
        digits and single hyphens, starting with a letter.
    n_components : int
        Number of components at the beginning, 1 to 6.

    Returns
    -------
    IPython.display.HTML
        Markup, style and script in one piece.

    Raises
    ------
    ValueError
        If an argument is not of the form given above.

    Notes
    -----
    The starts, for K components and values of mean m and variance v: *quantiles* takes the means
    at the quantiles (k + 1/2)/K and the variances v/K^2; *random values* takes K different values
    as means, with the same variances; *all means equal* takes m and v for all; *two means on one
    value* puts a wide (v) and a narrow component on the value that stands most alone, the narrow
    one with a standard deviation of a fifth of the gap to its nearest neighbour. All weights are
    1/K. The floor under the variances is v/1000. Steps are those of Dempster, Laird and Rubin
    (1977), J. R. Stat. Soc. B 39, computed with logarithms and log-sum-exp.
    """
    numbers = _checked_values(values)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name: got {name!r}, expected lower-case letters, digits and single hyphens, "
            "starting with a letter"
        )
    config = {
        "values": _rounded(numbers),
        "truth": None if truth is None else _checked_truth(truth, len(numbers)),
        "xlabel": _checked_label(xlabel),
        "k": _checked_n_components(n_components),
        "colors": _COMPONENT_COLORS,
        "floorShare": _FLOOR_SHARE,
    }
    return HTML(_filled_template(name, config))


def _checked_values(values) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"values: expected numbers [n], got something else: {error}") from error
    if numbers.ndim != 1 or not 5 <= numbers.size <= _MAX_VALUES:
        raise ValueError(
            f"values: got an array of shape {numbers.shape}, expected [n] with 5 <= n <= "
            f"{_MAX_VALUES}"
        )
    if not np.isfinite(numbers).all():
        bad = np.count_nonzero(~np.isfinite(numbers))
        raise ValueError(f"values: got {bad} NaN or infinite of {numbers.size}, expected none")
    if numbers.min() == numbers.max():
        raise ValueError(f"values: all are {numbers[0]:g}, expected at least 2 different values")
    return numbers


def _checked_truth(truth, n: int) -> list[int]:
    labels = np.asarray(truth)
    if labels.shape != (n,):
        raise ValueError(f"truth: got an array of shape {labels.shape}, expected ({n},) as values")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"truth: got {labels.dtype} values, expected integer labels")
    if len(np.unique(labels)) > _MAX_GROUPS:
        raise ValueError(
            f"truth: got {len(np.unique(labels))} different labels, expected at most {_MAX_GROUPS}"
        )
    return [int(label) for label in labels]


def _checked_label(xlabel) -> str:
    if not isinstance(xlabel, str) or not xlabel.strip():
        raise ValueError(f"xlabel: got {xlabel!r}, expected a label such as 'allele ratio'")
    return xlabel


def _checked_n_components(n_components) -> int:
    if isinstance(n_components, bool) or n_components not in range(1, 7):
        raise ValueError(f"n_components: got {n_components!r}, expected an integer from 1 to 6")
    return int(n_components)


def _rounded(numbers: np.ndarray) -> list[float]:
    decimals = 4 - math.floor(math.log10(np.ptp(numbers)))
    # Adding zero turns -0.0 into 0.0.
    return [round(float(x), decimals) + 0.0 for x in numbers]


def _filled_template(name: str, config: dict) -> str:
    template = files("gitools.book").joinpath("em_explorer.html").read_text(encoding="utf-8")
    # An escaped "<" is the same JSON, and no label can end the script element.
    text = json.dumps(config, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    return template.replace("__NAME__", name).replace("__CONFIG__", text)
