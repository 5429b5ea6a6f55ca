r"""Scores of predicted traits, what they can reach at best, and the baselines beside them.

References
----------
Raimondi, D. et al. (2024). Biologically meaningful genome interpretation models to address data
underdetermination for the leaf and seed ionome prediction in Arabidopsis thaliana. Scientific
Reports 14. doi 10.1038/s41598-024-63855-6

Spearman, C. (1904). The proof and measurement of association between two things. American Journal
of Psychology 15, 72-101.
"""

from typing import NamedTuple

import numpy as np


class ReplicateCeilings(NamedTuple):
    """Correlations with the mean of m replicates that two ideal predictors would have.

    Attributes
    ----------
    replicate : float array
        Of the mean of m replicates of a second experiment, as noisy as the first: the reliability.
    genetic : float array
        Of the genetic values themselves, free of noise: the root of the reliability.
    """

    replicate: np.ndarray
    genetic: np.ndarray


def replicate_ceilings(genetic_variance, noise_variance, m) -> ReplicateCeilings:
    r"""The two ceilings that replicates set to a correlation.

    A trait is y = g + e with e the mean of m replicates' noise, so var(e) = V_e / m. With the
    reliability h = V_g / (V_g + V_e / m) (Spearman 1904), cor(y, y') = h for a second experiment
    y' on the same plants, and cor(y, g) = sqrt(h). For a correlation within countries both
    variances are those within countries.

    Parameters
    ----------
    genetic_variance : float or array
        V_g, at least 0, in squared units of the trait.
    noise_variance : float or array
        V_e of one replicate, at least 0; the two may not both be 0.
    m : int or array
        Replicates a mean, at least 1 (they may differ between traits).

    Returns
    -------
    ReplicateCeilings
        Of the shape to which the arguments broadcast.

    Raises
    ------
    ValueError
        If a variance is negative or not finite, both are 0, `m` is no integer of at least 1, or the
        shapes do not fit.
    """
    genetic = _variances(genetic_variance, "genetic_variance")
    noise = _variances(noise_variance, "noise_variance")
    replicates = np.asarray(m)
    if not np.issubdtype(replicates.dtype, np.integer) or (replicates < 1).any():
        raise ValueError(f"m: got {m!r}, expected integers of at least 1.")
    try:
        total = genetic + noise / replicates
    except ValueError as problem:
        raise ValueError(
            f"genetic_variance, noise_variance, m: got shapes {genetic.shape}, {noise.shape} and "
            f"{replicates.shape}, expected shapes that broadcast."
        ) from problem
    if (total == 0).any():
        raise ValueError("genetic_variance, noise_variance: both are 0, expected one above 0.")
    reliability = genetic / total
    return ReplicateCeilings(reliability, np.sqrt(reliability))


def gps_encoding(coordinates, kind: str = "printed") -> np.ndarray:
    """Latitude and longitude as three numbers.

    Parameters
    ----------
    coordinates : float array of shape (n, 2)
        Latitude and longitude in degrees.
    kind : {"printed", "sphere"}
        "printed": (sin lat, sin lon, cos lon), as in the ionome paper, where it is called the unit
        sphere; its squared norm is 1 + sin(lat)^2, so it is a point on a cylinder.
        "sphere": (cos lat cos lon, cos lat sin lon, sin lat), the point on the unit sphere.

    Returns
    -------
    float array of shape (n, 3)

    Raises
    ------
    ValueError
        If the coordinates are not pairs of finite degrees with |latitude| <= 90 and
        |longitude| <= 360, or the kind is unknown.
    """
    degrees = np.asarray(coordinates, dtype=float)
    if degrees.ndim != 2 or degrees.shape[1] != 2:
        raise ValueError(f"coordinates: got shape {degrees.shape}, expected (n, 2).")
    if not (np.abs(degrees) <= [90, 360]).all():
        raise ValueError(
            "coordinates: expected finite degrees, latitude from -90 to 90 first, longitude from "
            "-360 to 360 second."
        )
    lat, lon = np.radians(degrees).T
    if kind == "printed":
        return np.column_stack([np.sin(lat), np.sin(lon), np.cos(lon)])
    if kind == "sphere":
        return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    raise ValueError(f"kind: got {kind!r}, expected 'printed' or 'sphere'.")


def standardise_targets(Y, train) -> np.ndarray:
    """Traits with mean 0 and variance 1 on the training plants.

    Mean and standard deviation are those of the observed values of the training plants alone, so
    that nothing about the test plants enters the training.

    Parameters
    ----------
    Y : float array of shape (n, T)
        NaN where missing; it stays NaN.
    train : int array, or bool array of shape (n,)
        Rows of the training plants.

    Returns
    -------
    float array of shape (n, T)
        In standard deviations of the training plants.

    Raises
    ------
    ValueError
        If a trait has fewer than two observed values among the training plants or does not vary
        there, or rows are out of range.
    """
    Y, train = _traits(Y, "Y"), _rows(train, "train", len(Y))
    observed = np.isfinite(Y[train]).sum(axis=0)
    if (observed < 2).any():
        raise ValueError(
            f"Y: trait {int(observed.argmin())} has {int(observed.min())} observed values among "
            "the training plants, expected at least 2."
        )
    mean, sd = np.nanmean(Y[train], axis=0), np.nanstd(Y[train], axis=0)
    # A constant column can leave a rounding error where its standard deviation should be 0.
    flat = sd <= 1e-12 * np.abs(mean)
    if flat.any():
        raise ValueError(f"Y: trait {int(flat.argmax())} does not vary among the training plants.")
    return (Y - mean) / sd


def country_mean_prediction(Y, countries, train, test) -> np.ndarray:
    """Predict each trait by its mean over the training plants of the same country.

    Where no training plant of the country has the trait, by the mean over all training plants.

    Parameters
    ----------
    Y : float array of shape (n, T)
        NaN where missing.
    countries : array of shape (n,)
        Labels, one a plant.
    train, test : int arrays, or bool arrays of shape (n,)
        Rows; the values of test plants that are not training plants are not looked at.

    Returns
    -------
    float array of shape (len(test), T)

    Raises
    ------
    ValueError
        If the sizes disagree, rows are out of range, or a trait is observed in no training plant.
    """
    Y = _traits(Y, "Y")
    countries = np.asarray(countries)
    if countries.shape != (len(Y),):
        raise ValueError(
            f"countries: got shape {countries.shape}, expected ({len(Y)},), one a row of Y."
        )
    train, test = _rows(train, "train", len(Y)), _rows(test, "test", len(Y))
    seen = np.isfinite(Y[train])
    if not seen.any(axis=0).all():
        missing = int(seen.any(axis=0).argmin())
        raise ValueError(f"Y: trait {missing} is observed in no training plant.")
    values, overall = np.where(seen, Y[train], 0.0), np.nanmean(Y[train], axis=0)
    labels, codes = np.unique(countries, return_inverse=True)
    sums, counts = (np.zeros((len(labels), Y.shape[1])) for _ in range(2))
    np.add.at(sums, codes[train], values)
    np.add.at(counts, codes[train], seen)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    return means[codes[test]]


def correlations(Y, prediction) -> np.ndarray:
    """Pearson correlation of each trait with its prediction, over the plants that have both.

    Parameters
    ----------
    Y, prediction : float arrays of shape (n, T)
        NaN where missing.

    Returns
    -------
    float array of shape (T,)
        NaN for a trait with fewer than two such plants, or without variation in one of the two
        (up to rounding): a correlation is then undefined.

    Raises
    ------
    ValueError
        If the shapes differ or a value is infinite.
    """
    Y, prediction = _traits(Y, "Y"), _traits(prediction, "prediction")
    if Y.shape != prediction.shape:
        raise ValueError(
            f"prediction: got shape {prediction.shape}, expected {Y.shape}, the shape of Y."
        )
    both = np.isfinite(Y) & np.isfinite(prediction)
    count = np.maximum(both.sum(axis=0), 1)
    y, y_varies = _centred(Y, both, count)
    p, p_varies = _centred(prediction, both, count)
    scale = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    defined = y_varies & p_varies & (scale > 0)
    r = (y * p).sum(axis=0) / np.where(defined, scale, 1.0)
    return np.where(defined, np.clip(r, -1, 1), np.nan)


def _centred(values, both, count):
    """Deviations from the column's mean, 0 where masked, and whether the column varies."""
    kept = np.where(both, values, 0.0)
    mean = kept.sum(axis=0) / count
    away = np.where(both, kept - mean, 0.0)
    largest = np.abs(kept).max(axis=0, initial=0.0)
    return away, np.abs(away).max(axis=0, initial=0.0) > 1e-12 * largest


def _variances(values, name) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"{name}: expected finite values of at least 0.")
    return values


def _traits(values, name) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"{name}: got shape {values.shape}, expected (n, T), none of them 0.")
    if np.isinf(values).any():
        raise ValueError(f"{name}: got infinite values, expected finite ones or NaN.")
    return values


def _rows(rows, name, n) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or len(rows) == 0 or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(
            f"{name}: got shape {rows.shape} of {rows.dtype}, expected one or more integers, or a "
            f"mask of shape ({n},)."
        )
    if rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"{name}: expected rows from 0 to {n - 1}.")
    return rows
