r"""How well a prediction does within groups, between them, and over all.

For measured values y and predictions p, both centred, write each as the mean of its group plus a
deviation from it. The cross terms vanish, so

    r = sqrt(w_y w_p) r_within + sqrt(b_y b_p) r_between

where w and b = 1 - w are the shares of variance within and between groups, r_within is the
correlation of the deviations of all groups together, and r_between that of the group means, each
counted as often as the group has rows. The identity is exact (the law of total covariance).
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd

# Deviations below this share of the values' size are rounding, not variation.
_ROUNDING = 1e-12


class VarianceShares(NamedTuple):
    """Shares of variance within and between groups, each pair adding up to 1.

    Attributes
    ----------
    within_y, between_y : float
        Of the measured values.
    within_prediction, between_prediction : float
        Of the predictions; NaN where these are one constant.
    """

    within_y: float
    between_y: float
    within_prediction: float
    between_prediction: float


class CorrelationParts(NamedTuple):
    """A correlation taken apart: ``total = within_term + between_term``.

    Attributes
    ----------
    total : float
        Pearson correlation over all rows.
    within, between : float
        Pooled correlation of the deviations from group means; correlation of the group means,
        weighted by group size. NaN where one side has no variance of that kind (its term is 0).
    within_term, between_term : float
        sqrt(w_y w_p) times within, sqrt(b_y b_p) times between.
    shares : VarianceShares
        w and b of both.
    """

    total: float
    within: float
    between: float
    within_term: float
    between_term: float
    shares: VarianceShares


class WithinGroupCorrelation(NamedTuple):
    """Correlations of measured and predicted values, group by group and pooled.

    Attributes
    ----------
    per_group : Series
        Pearson r of each group of more than `min_size` observed rows, indexed by group; NaN where
        the group's values or predictions are all the same.
    mean : float
        Mean of those that are defined; NaN where none is.
    pooled_within, between : float
        As in `CorrelationParts`, over all observed rows, small groups too; NaN where undefined.
    shares : VarianceShares
        Shares of variance within and between groups, over the same rows.
    undefined : tuple
        Groups of more than `min_size` whose r is undefined.
    """

    per_group: pd.Series
    mean: float
    pooled_within: float
    between: float
    shares: VarianceShares
    undefined: tuple


def within_group_correlation(y, prediction, groups, min_size=50) -> WithinGroupCorrelation:
    """Correlation within each large group, and the parts of the correlation over all rows.

    Parameters
    ----------
    y : array of shape (n,)
        Measured values, any unit; NaN is missing, and its row is left out.
    prediction : array of shape (n,)
        Predicted values; none may be missing where y is not.
    groups : array of shape (n,)
        Group of each row (a country, a family), of any type that sorts.
    min_size : int, default=50
        A group has a correlation of its own if it has more observed rows than this.

    Returns
    -------
    WithinGroupCorrelation

    Raises
    ------
    ValueError
        If sizes disagree, a prediction is missing or a value infinite, fewer than 3 values are
        observed, all of them are equal, or no group has more than `min_size` rows.

    Notes
    -----
    Where the predictions come from several folds, each fold's training mean moves with what was
    held out, and r within groups is biased downwards: use `per_fold_within`.
    """
    min_size = _check_size("min_size", min_size, 0)
    y, prediction, groups = _check_rows(y, prediction, groups)
    names, labels, counts = np.unique(groups, return_inverse=True, return_counts=True)
    large = np.flatnonzero(counts > min_size)
    if len(large) == 0:
        raise ValueError(
            f"groups: the largest has {counts.max()} observed rows, expected one of more than "
            f"min_size = {min_size}"
        )
    found = [_pearson(y[labels == k], prediction[labels == k]) for k in large]
    per_group = pd.Series(found, index=pd.Index(names[large], name="group"), name="r", dtype=float)
    parts = _parts(y, prediction, labels)
    return WithinGroupCorrelation(
        per_group,
        float(per_group.mean()),
        parts.within,
        parts.between,
        parts.shares,
        tuple(per_group.index[per_group.isna()]),
    )


def decompose_correlation(y, prediction, groups) -> CorrelationParts:
    """Take a Pearson correlation apart into what lies within groups and what lies between.

    Parameters
    ----------
    y, prediction : array of shape (n,)
        Measured and predicted values; NaN in y is missing, and its row is left out.
    groups : array of shape (n,)
        Group of each row.

    Returns
    -------
    CorrelationParts
        Its total is the sum of its terms, exactly.

    Raises
    ------
    ValueError
        If sizes disagree, a prediction is missing or a value infinite, fewer than 3 values are
        observed, or either side is constant (its correlation does not exist).
    """
    y, prediction, groups = _check_rows(y, prediction, groups)
    if _is_constant(prediction):
        raise ValueError(
            f"prediction: got {prediction[0]:g} in every row, expected values that differ"
        )
    return _parts(y, prediction, np.unique(groups, return_inverse=True)[1])


def per_fold_within(Y, prediction, groups, folds, min_size=50, min_cell=5):
    """Correlation within each group and fold, averaged: no fold's level can leak into it.

    Predictions of different folds have different training means, and a held-out plant's own value
    has left the mean that it is compared with; pooled over folds this pushes r within groups below
    zero. Here r is computed in each cell of one group and one fold, averaged over the folds of a
    group with weight (rows - 1), then over groups with equal weight.

    Parameters
    ----------
    Y, prediction : array of shape (n,) or (n, T)
        Measured and out-of-fold predicted values; NaN in Y is missing.
    groups : array of shape (n,)
        Group of each row.
    folds : array of shape (n,)
        Fold in which each row was held out.
    min_size : int, default=50
        Groups count if they have more observed rows than this, for each trait.
    min_cell : int, default=5
        Cells of fewer observed rows are left out.

    Returns
    -------
    float or float array of shape (T,)
        NaN for a trait without any cell of varying values and varying predictions.

    Raises
    ------
    ValueError
        If sizes disagree, a prediction is missing where Y is not, a value is infinite, or no group
        has more than `min_size` rows.
    """
    min_size, min_cell = _check_size("min_size", min_size, 0), _check_size("min_cell", min_cell, 2)
    Y, prediction = np.asarray(Y, dtype=float), np.asarray(prediction, dtype=float)
    if Y.ndim not in (1, 2) or Y.shape != prediction.shape or len(Y) < 3:
        raise ValueError(
            f"prediction: got shape {prediction.shape} for Y of shape {Y.shape}, expected the "
            "same, (rows,) or (rows, traits), with three rows or more"
        )
    labels = [_check_labels(n, v, len(Y)) for n, v in (("groups", groups), ("folds", folds))]
    if np.bincount(labels[0]).max() <= min_size:
        raise ValueError(
            f"groups: the largest has {np.bincount(labels[0]).max()} rows, expected one of more "
            f"than min_size = {min_size}"
        )
    columns = zip(np.atleast_2d(Y.T), np.atleast_2d(prediction.T), strict=True)
    scores = np.array([_trait_score(y, p, *labels, min_size, min_cell) for y, p in columns])
    return scores if Y.ndim == 2 else float(scores[0])


def _trait_score(y, prediction, groups, folds, min_size, min_cell) -> float:
    """Mean over large groups of the weighted mean r over their folds."""
    observed = _check_values(y, prediction)
    y, prediction = y[observed], prediction[observed]
    groups, folds = groups[observed], folds[observed]
    means = []
    for group in np.flatnonzero(np.bincount(groups, minlength=1) > min_size):
        rows = np.flatnonzero(groups == group)
        cells = [rows[folds[rows] == fold] for fold in np.unique(folds[rows])]
        cells = [cell for cell in cells if len(cell) >= min_cell]
        r = np.array([_pearson(y[cell], prediction[cell]) for cell in cells])
        weights = np.array([len(cell) - 1.0 for cell in cells])
        defined = ~np.isnan(r)
        if defined.any():
            means.append(np.average(r[defined], weights=weights[defined]))
    return float(np.mean(means)) if means else np.nan


def _parts(y, prediction, labels) -> CorrelationParts:
    """The decomposition for checked values; undefined parts are NaN with a term of 0."""
    counts = np.bincount(labels)
    centred = y - y.mean(), prediction - prediction.mean()
    sizes = [_scale(v) for v in (y, prediction)]
    means = [np.bincount(labels, weights=v) / counts for v in centred]
    between = [mean[labels] for mean in means]
    within = [v - b for v, b in zip(centred, between, strict=True)]
    totals = [v @ v for v in centred]
    parts = []
    for a, b in (within, between):
        norms = [_norm(v, size) for v, size in zip((a, b), sizes, strict=True)]
        r = a @ b / np.prod(norms) if all(norms) else np.nan
        parts.append((norms, float(np.clip(r, -1, 1))))
    shares = [_share(norms[k] ** 2, totals[k]) for k in (0, 1) for norms, _ in parts]
    terms = [
        0.0 if np.isnan(r) else float(r * np.sqrt(shares[i] * shares[i + 2]))
        for i, (_, r) in enumerate(parts)
    ]
    total = _pearson(y, prediction)
    return CorrelationParts(total, parts[0][1], parts[1][1], *terms, VarianceShares(*shares))


def _share(part, total) -> float:
    return float(part / total) if total > 0 else np.nan


def _scale(v) -> float:
    return float(np.abs(v).max())


def _norm(deviations, scale) -> float:
    """Length of a vector of deviations; 0 where they are rounding."""
    norm = float(np.sqrt(deviations @ deviations))
    return norm if norm > _ROUNDING * scale * np.sqrt(len(deviations)) else 0.0


def _is_constant(v) -> bool:
    return _norm(v - v.mean(), _scale(v)) == 0


def _pearson(a, b) -> float:
    """Pearson correlation; NaN where a side is constant or there are fewer than two rows."""
    if len(a) < 2 or _is_constant(a) or _is_constant(b):
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _check_rows(y, prediction, groups):
    """Observed rows of three vectors of one length."""
    y, prediction = np.asarray(y, dtype=float), np.asarray(prediction, dtype=float)
    if y.ndim != 1:
        raise ValueError(f"y: got shape {y.shape}, expected a vector")
    if prediction.shape != y.shape:
        raise ValueError(f"prediction: got shape {prediction.shape}, expected {y.shape}, as y")
    labels = _check_labels("groups", groups, len(y))
    observed = _check_values(y, prediction)
    if observed.sum() < 3:
        raise ValueError(f"y: got {observed.sum()} observed values, expected three or more")
    if _is_constant(y[observed]):
        raise ValueError(f"y: got {y[observed][0]:g} in every row, expected values that differ")
    names = np.unique(np.asarray(groups))
    return y[observed], prediction[observed], names[labels][observed]


def _check_values(y, prediction) -> np.ndarray:
    """Rows that are observed; their predictions must be there, and all of them finite."""
    observed = ~np.isnan(y)
    if np.isinf(y).any():
        raise ValueError("y: got an infinite value, expected finite ones, or NaN where missing")
    bad = ~np.isfinite(prediction[observed])
    if bad.any():
        raise ValueError(
            f"prediction: got {bad.sum()} missing or infinite values where y is observed, "
            "expected none"
        )
    return observed


def _check_labels(name, labels, n) -> np.ndarray:
    """Labels of any kind as numbers from 0."""
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"{name}: got shape {labels.shape}, expected ({n},), one a row")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError(f"{name}: got NaN, expected a label for every row")
    try:
        return np.unique(labels, return_inverse=True)[1]
    except TypeError as error:
        raise ValueError(f"{name}: got labels of mixed types, expected one type") from error


def _check_size(name, value, least) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")
    return int(value)
