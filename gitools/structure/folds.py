"""Folds for cross-validation: at random, by group, by place; and a bootstrap over places.

References
----------
Roberts, D. R. et al. (2017). Cross-validation strategies for data with temporal, spatial,
hierarchical, or phylogenetic structure. Ecography 40, 913-929.
"""

from numbers import Integral, Real

import numpy as np

_KM_PER_DEGREE = 111.2


def random_folds(n, k, rng) -> np.ndarray:
    """Folds of equal size (but for one), at random.

    Parameters
    ----------
    n : int
        Rows.
    k : int
        Folds, from 2 to n.
    rng : numpy Generator

    Returns
    -------
    int array of shape (n,)
        Fold of each row, 0 to k - 1: the one in which it is held out.

    Raises
    ------
    ValueError
        If n or k is no integer, or k is not from 2 to n.
    """
    n = _check_integer("n", n, 2)
    k = _check_folds(k, n, "rows")
    return rng.permutation(np.arange(n) % k)


def grouped_folds(groups, k, rng) -> np.ndarray:
    """Folds of which no group is on both sides.

    Groups are taken from the largest to the smallest, those of one size in random order, and each
    goes to the fold that is smallest so far. With k equal to the number of groups each is held
    out alone.

    Parameters
    ----------
    groups : array of shape (n,)
        Group of each row.
    k : int
        Folds, from 2 to the number of groups.
    rng : numpy Generator

    Returns
    -------
    int array of shape (n,)
        Fold of each row, 0 to k - 1.

    Raises
    ------
    ValueError
        If groups are no vector or have NaN among them, or k is not from 2 to their number.
    """
    groups = np.asarray(groups)
    if groups.ndim != 1 or len(groups) < 2:
        raise ValueError(f"groups: got shape {groups.shape}, expected a vector of two or more")
    if groups.dtype.kind == "f" and np.isnan(groups).any():
        raise ValueError("groups: got NaN, expected a label for every row")
    labels, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    k = _check_folds(k, len(counts), "groups")
    fold_of, filled = np.empty(len(counts), dtype=int), np.zeros(k)
    for group in np.lexsort((rng.random(len(counts)), -counts)):
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += counts[group]
    return fold_of[labels]


def spatial_blocks(coordinates, rng, size_km=500.0) -> np.ndarray:
    """Blocks of the map about `size_km` wide and high, on a grid that starts at random.

    Rows of blocks follow circles of latitude; within a row, widths in degrees grow with latitude so
    that they stay the same in kilometres.

    Parameters
    ----------
    coordinates : array of shape (n, 2)
        Latitude (-90 to 90) and longitude (-180 to 180) in degrees, none missing.
    rng : numpy Generator
    size_km : float, default=500
        Side of a block in kilometres.

    Returns
    -------
    int array of shape (n,)
        Block of each row, from 0, in order of place.

    Raises
    ------
    ValueError
        If a coordinate is missing or off the map, or size_km is not a positive number.
    """
    coordinates = _check_coordinates(coordinates)
    if not isinstance(size_km, Real) or not 0 < size_km < np.inf:
        raise ValueError(f"size_km: got {size_km!r}, expected a positive number of kilometres")
    height = size_km / _KM_PER_DEGREE
    start = rng.random(2)
    row = np.floor(coordinates[:, 0] / height + start[0])
    middle = np.clip((row - start[0] + 0.5) * height, -89, 89)
    width = height / np.cos(np.radians(middle))
    column = np.floor((coordinates[:, 1] + 180) / width + start[1])
    return np.unique(np.stack([row, column], axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def spatial_folds(coordinates, k, rng, size_km=500.0) -> np.ndarray:
    """Folds of whole blocks of the map: neighbours are held out together.

    Parameters
    ----------
    coordinates : array of shape (n, 2)
        Latitude and longitude in degrees.
    k : int
        Folds, from 2 to the number of blocks.
    rng : numpy Generator
    size_km : float, default=500
        Side of a block in kilometres.

    Returns
    -------
    int array of shape (n,)
        Fold of each row, 0 to k - 1.

    Raises
    ------
    ValueError
        If a coordinate is missing or off the map, size_km is not positive, or there are fewer
        blocks than folds.
    """
    return grouped_folds(spatial_blocks(coordinates, rng, size_km), k, rng)


def block_bootstrap(coordinates, n_draws, rng, size_km=500.0) -> list[np.ndarray]:
    """Bootstrap samples of whole blocks of the map, drawn with replacement.

    Neighbours share history and weather, so rows are not independent; blocks are, more nearly.

    Parameters
    ----------
    coordinates : array of shape (n, 2)
        Latitude and longitude in degrees.
    n_draws : int
        Samples.
    rng : numpy Generator
    size_km : float, default=500
        Side of a block in kilometres. One grid serves all draws.

    Returns
    -------
    list of int arrays
        Row indices of each sample, as many blocks as there are; their lengths differ.

    Raises
    ------
    ValueError
        If a coordinate is missing or off the map, size_km is not positive, n_draws is no positive
        integer, or all rows lie in one block.
    """
    n_draws = _check_integer("n_draws", n_draws, 1)
    blocks = spatial_blocks(coordinates, rng, size_km)
    members = np.split(np.argsort(blocks, kind="stable"), np.bincount(blocks).cumsum()[:-1])
    if len(members) < 2:
        raise ValueError(
            f"size_km: got {size_km:g}, which leaves one block, expected two or more to draw from"
        )
    draws = rng.integers(len(members), size=(n_draws, len(members)))
    return [np.concatenate([members[b] for b in draw]) for draw in draws]


def _check_coordinates(coordinates) -> np.ndarray:
    coordinates = np.asarray(coordinates, dtype=float)
    if coordinates.ndim != 2 or coordinates.shape[1] != 2 or len(coordinates) < 2:
        raise ValueError(
            f"coordinates: got shape {coordinates.shape}, expected (rows, 2), latitude and "
            "longitude of two rows or more"
        )
    if not np.isfinite(coordinates).all():
        missing = int((~np.isfinite(coordinates)).any(axis=1).sum())
        raise ValueError(f"coordinates: got {missing} rows without a place, expected none")
    if np.any(np.abs(coordinates) > [90, 180]):
        raise ValueError(
            "coordinates: got values off the map, expected latitude from -90 to 90 and longitude "
            "from -180 to 180 degrees"
        )
    return coordinates


def _check_integer(name, value, least) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")
    return int(value)


def _check_folds(k, most, of) -> int:
    k = _check_integer("k", k, 2)
    if k > most:
        raise ValueError(f"k: got {k} folds, expected at most {most}, the number of {of}")
    return k
