"""What the committed tables of shrinkage methods say, with intervals over data sets."""

from typing import NamedTuple

import numpy as np
import pandas as pd


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
