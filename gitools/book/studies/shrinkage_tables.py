"""What the committed tables of shrinkage methods say, with intervals over data sets."""

from typing import NamedTuple

import numpy as np
import pandas as pd

GRID = {
    "ours-base": "base",
    "ours-n-10k": "10,000 people",
    "ours-n-250k": "250,000 people",
    "ours-h2-0.001": "h² 0.001",
    "ours-h2-0.02": "h² 0.02",
    "ours-causal-0.002": "0.2 % causal",
    "ours-causal-0.05": "5 % causal",
    "ours-causal-0.2": "20 % causal",
    "ours-s": "s = −0.25",
    "ours-w": "w = −1",
    "ours-p-100": "100 variants",
    "ours-p-2000": "2,000 variants",
    "ours-heavy-tails": "heavy tails",
    "ours-binary": "cases, controls",
    "ours-small-panel": "LD of 500 others",
    "ours-other-population": "LD of another population",
}
"""The settings of the realistic grid and what changes in each."""


class Ratio(NamedTuple):
    """An estimate with an interval.

    Attributes
    ----------
    value, low, high : float
        The estimate and the ends of its 95 % bootstrap interval over replicates.
    """

    value: float
    low: float
    high: float


def squared_errors(table: pd.DataFrame, setting: str, method: str) -> np.ndarray:
    """Mean squared errors of a method in a setting, one for each replicate, in their order.

    Raises
    ------
    ValueError
        If the table does not hold the method in that setting.
    """
    rows = table[(table.setting == setting) & (table.method == method)]
    if rows.empty:
        raise ValueError(
            f"method: got {method!r} in setting {setting!r}, expected one of the table"
        )
    return rows.sort_values("replicate").rmse.to_numpy() ** 2


def error_ratio(table, settings, method, reference, *, n_bootstrap=2000, rng) -> Ratio:
    """Root mean squared error of a method over a reference's, geometric mean over settings.

    In each setting the squared errors are averaged over replicates before the root and the ratio
    are taken. Settings share their panels, so the bootstrap draws replicates, the same ones for
    all settings and both methods.

    Parameters
    ----------
    table : DataFrame
        Columns setting, replicate, method and rmse; every replicate in every setting.
    settings : list of str
    method, reference : str
    n_bootstrap : int
    rng : numpy Generator

    Returns
    -------
    Ratio
    """
    pairs = [
        np.array([squared_errors(table, setting, name) for name in (method, reference)])
        for setting in settings
    ]
    errors = np.stack(pairs)
    n = errors.shape[-1]
    weights = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), n_bootstrap)])
    means = np.einsum("smr,br->bsm", errors, weights) / n
    ratios = np.exp(0.5 * np.log(means[..., 0] / means[..., 1]).mean(axis=1))
    return Ratio(ratios[0], *np.quantile(ratios[1:], [0.025, 0.975]))


def mean_score(table, settings, method, column, *, n_bootstrap=2000, rng) -> Ratio:
    """Mean of a score over settings and replicates, where the score exists.

    Parameters
    ----------
    table, settings, method, n_bootstrap, rng : see `error_ratio`
    column : str
        "r", "ap" or "slope".

    Returns
    -------
    Ratio
    """
    rows = table[table.setting.isin(settings) & (table.method == method)]
    values = rows.pivot(index="replicate", columns="setting", values=column).to_numpy()
    n = len(values)
    draws = np.vstack([np.arange(n), rng.integers(n, size=(n_bootstrap, n))])
    means = np.nanmean(np.nanmean(values[draws], axis=1), axis=1)
    return Ratio(means[0], *np.quantile(means[1:], [0.025, 0.975]))


def ratio_grid(table, settings, methods, reference) -> np.ndarray:
    """Root mean squared errors over a reference's, without intervals.

    Parameters
    ----------
    table : DataFrame
        See `error_ratio`.
    settings, methods : lists of str
    reference : str

    Returns
    -------
    float array of shape (settings, methods)
        NaN where a method was not run.
    """
    squares = table.assign(square=table.rmse**2)
    means = squares.groupby(["setting", "method"]).square.mean().unstack()
    kept = means.reindex(index=settings, columns=methods)
    return np.sqrt(kept.div(means.loc[settings, reference], axis=0).to_numpy())


def shared_replicates(table, methods) -> pd.DataFrame:
    """Rows of some methods on the data sets that all of them have been run on.

    Parameters
    ----------
    table : DataFrame
    methods : list of str

    Returns
    -------
    DataFrame
    """
    rows = table[table.method.isin(methods)]
    counts = rows.groupby(["setting", "replicate"]).method.transform("size")
    return rows[counts == len(methods)]


def pooled_slopes(table, settings, methods) -> np.ndarray:
    r"""Slopes of the truth on the estimates, through 0, all data sets of a setting together.

    A data set's slope is :math:`c / s` with :math:`c = \sum b \hat b` and
    :math:`s = \sum \hat b^2`; the pooled one is the ratio of their sums. As the squared error is
    :math:`s - 2 c + t`, and zero's is :math:`t`, the table gives s back as their difference over
    :math:`1 - 2 c / s`. A slope near one half makes that 0 / 0; there s follows from the
    correlation, which is :math:`c / \sqrt{s t}` where means are negligible.

    Parameters
    ----------
    table : DataFrame
        With rows of the method "zero".
    settings, methods : lists of str

    Returns
    -------
    float array of shape (settings, methods)
    """
    found = np.empty((len(settings), len(methods)))
    for row, setting in enumerate(settings):
        here = table[table.setting == setting].set_index("replicate")
        truth = here[here.method == "zero"].rmse ** 2
        for column, method in enumerate(methods):
            one = here[here.method == method]
            size = _estimate_sizes(one, truth.loc[one.index]).fillna(0)
            found[row, column] = (one.slope.fillna(0) * size).sum() / size.sum()
    return found


def _estimate_sizes(rows, truth):
    """Mean squared estimates of each data set, 0 where nothing was estimated."""
    twice = 1 - 2 * rows.slope
    from_error = (rows.rmse**2 - truth) / twice
    from_correlation = (rows.r / rows.slope) ** 2 * truth
    return from_error.where(twice.abs() > 0.05, from_correlation).clip(lower=0)


def as_settings(table) -> pd.DataFrame:
    """The table of the real blocks in the columns of the others; both blocks are replicates.

    Parameters
    ----------
    table : DataFrame
        Columns h2, causal, block and replicate besides the scores.

    Returns
    -------
    DataFrame
        With columns setting ("h2 causal") and replicate, unique within it.
    """
    setting = table.h2.map("{:g}".format) + " " + table.causal.map("{:g}".format)
    replicate = table.replicate + (1 + table.replicate.max()) * (table.block != table.block.min())
    return table.assign(setting=setting, replicate=replicate)
