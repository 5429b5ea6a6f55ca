"""Data on a common scale, on which a mixture is fitted, and the way back."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """Standardised data X (n, d) and the way back: x = centre + unit * standardised x."""

    X: np.ndarray
    centre: np.ndarray
    unit: np.ndarray
    variances: np.ndarray
    observed_share: np.ndarray


def standardise(X, n_components, covariance_type):
    """Centre X and bring it to variance 1: each feature, or for spherical ones their mean."""
    observed = ~np.isnan(X)
    if not observed.any(axis=0).all():
        features = np.flatnonzero(~observed.any(axis=0)).tolist()
        raise ValueError(
            f"X: got features {features} without an observed entry, expected some in each."
        )
    if len(X) < n_components:
        raise ValueError(
            f"n_components: got {n_components} for n_samples = {len(X)} (rows with an observed "
            "entry), expected no more components than samples."
        )
    centre = np.nanmean(X, axis=0)
    with np.errstate(over="ignore", invalid="ignore"):  # caught below, as an error
        variances = np.nanmean((X - centre) ** 2, axis=0)
    if not np.isfinite(variances).all():
        raise ValueError("X: got values whose variance overflows, expected smaller ones; rescale.")
    constant = np.nanmax(X, axis=0) == np.nanmin(X, axis=0)
    if constant.all() or (constant.any() and covariance_type != "spherical"):
        raise ValueError(
            f"X: got constant features {np.flatnonzero(constant).tolist()}, expected features "
            "that vary (no Gaussian has a variance of zero); drop them."
        )
    unit = np.sqrt(variances)
    if covariance_type == "spherical":
        unit = np.full_like(unit, np.sqrt(variances.mean()))
    if not unit.min() > 0:
        raise ValueError("X: got values whose variance underflows, expected larger ones; rescale.")
    scaled = (X - centre) / unit
    _check_distinct(scaled, n_components)
    return Scaling(scaled, centre, unit, variances, observed.mean(axis=0))


def _check_distinct(X, n_components):
    """A handful of rows nearly always settles it; only otherwise are all rows compared."""
    filled = np.nan_to_num(X)
    for rows in (filled[: 10 * n_components], filled):
        n_distinct = len(np.unique(rows, axis=0))
        if n_distinct >= n_components:
            return
    raise ValueError(
        f"n_components: got {n_components} for an X with {n_distinct} distinct rows, expected no "
        "more components than distinct rows."
    )
