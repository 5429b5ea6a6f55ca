"""Cutting a chromosome into blocks where LD is weakest."""

import numpy as np

MIN_SIZE, MAX_SIZE, REACH = 500, 1_500, 200


def cut_costs(R, candidates, reach=REACH) -> np.ndarray:
    """Mean squared correlation across each candidate cut.

    Parameters
    ----------
    R : array of shape (p, p)
        Correlations between neighbouring variants, in order.
    candidates : int array of shape (k,)
        A cut at c lies between variants c - 1 and c; from 1 to p - 1.
    reach : int
        Variants counted on each side of a cut.

    Returns
    -------
    ndarray of shape (k,)

    Raises
    ------
    ValueError
        If a candidate lies outside.
    """
    R, candidates = np.asarray(R, dtype=float), np.asarray(candidates)
    p = len(R)
    if candidates.size and (candidates.min() < 1 or candidates.max() > p - 1):
        raise ValueError(f"candidates: expected cuts from 1 to {p - 1}, inside {p} variants")
    sums = np.zeros((p + 1, p + 1))
    np.cumsum(np.cumsum(R**2, axis=0), axis=1, out=sums[1:, 1:])
    low, high = np.maximum(candidates - reach, 0), np.minimum(candidates + reach, p)
    across = (
        sums[candidates, high]
        - sums[low, high]
        - sums[candidates, candidates]
        + sums[low, candidates]
    )
    return across / ((candidates - low) * (high - candidates))


def cut_blocks(ld, n_variants, *, min_size=MIN_SIZE, max_size=MAX_SIZE, reach=REACH) -> np.ndarray:
    """Cut ordered variants into blocks, each time where LD across the cut is least.

    From the start of a block on, the cuts that leave it between ``min_size`` and ``max_size``
    variants are compared, and the best one starts the next block. Only the LD of so many variants
    is looked at a time.

    Parameters
    ----------
    ld : callable
        ``ld(start, stop)`` returns correlations of the variants in this range.
    n_variants : int
    min_size, max_size : int
        Bounds of a block's size; a chromosome of fewer variants is one block. At least twice the
        minimum must fit into the maximum, so that the rest can always be divided.
    reach : int
        Variants on each side of a cut that are compared.

    Returns
    -------
    int array of shape (n_blocks + 1,)
        Borders: block k holds the variants from borders[k] to borders[k + 1] - 1.

    Raises
    ------
    ValueError
        If a size is out of range.
    """
    _check_sizes(n_variants, min_size, max_size, reach)
    borders = [0]
    while n_variants - borders[-1] > max_size:
        start = borders[-1]
        last = min(start + max_size, n_variants - min_size)
        first, stop = max(start, start + min_size - reach), min(last + reach, n_variants)
        candidates = np.arange(start + min_size, last + 1)
        costs = cut_costs(ld(first, stop), candidates - first, reach)
        borders.append(int(candidates[np.argmin(costs)]))
    return np.array([*borders, n_variants])


def _check_sizes(n_variants, min_size, max_size, reach):
    sizes = {"n_variants": n_variants, "min_size": min_size, "reach": reach}
    for name, value in sizes.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
    if max_size < 2 * min_size:
        raise ValueError(
            f"max_size: got {max_size!r}, expected at least twice min_size, {2 * min_size}"
        )
