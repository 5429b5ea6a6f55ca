"""From counts of variants to what a network reads: scales of the gene tensor, filters by frequency.

Every scale is learnt from training plants alone.
"""

import numpy as np

SCALES = ("global", "per type", "raw", "frequencies")
_MISSING = -1
_ROWS_AT_A_TIME = 64


def standardise(tensor, how="global", *, train=None, out=None):
    """Put a gene tensor on the scale that a network is to read.

    Parameters
    ----------
    tensor : array of shape (n, genes, types)
        Counts of variants; a NumPy array, a memory map or a zarr array. It is read a few plants
        at a time.
    how : {"global", "per type", "raw", "frequencies"}
        - "global": less one mean, over one standard deviation, both over all training plants,
          genes and types.
        - "per type": the same with a mean and a standard deviation for each type.
        - "raw": the counts as they are.
        - "frequencies": each gene's counts over their sum, so that they sum to 1 in a plant;
          a gene without variants stays at 0.
    train : int or bool array, optional
        Rows whose means and standard deviations are used. Default: all rows, which leaks where
        some of them are tested later. "raw" and "frequencies" learn nothing.
    out : float32 array of shape (n, genes, types), optional
        Where to write, such as a memory map. Default: a new array.

    Returns
    -------
    float32 array of shape (n, genes, types)
        `out`. What has no variance among the training rows (a type that none of them carries) is
        centred and not divided.

    Raises
    ------
    ValueError
        If the tensor is not three-dimensional, holds a negative or missing count, `how` is
        unknown, `train` does not choose rows of the tensor, or `out` has another shape or type.

    References
    ----------
    Raimondi et al. (2024), Scientific Reports 14. The paper standardises "the integer counts of
    the 17 types of variants on all genes and all samples", which may mean "global" (the default
    here) or "per type"; its other two scales are "raw" and "frequencies". It says "all samples";
    `train` keeps the tested ones out.
    """
    shape = _checked_shape(tensor)
    if how not in SCALES:
        raise ValueError(f"how: got {how!r}; expected one of {', '.join(map(repr, SCALES))}")
    rows = _training_rows(train, shape[0])
    out = _checked_out(out, shape)
    centre, scale = np.float32(0), np.float32(1)
    if how in ("global", "per type"):
        centre, scale = _moments(tensor, rows, per_type=how == "per type")
    for chunk in _chunks(shape[0]):
        counts = _checked_counts(tensor[chunk])
        if how == "frequencies":
            totals = counts.sum(axis=2, keepdims=True, dtype=np.float32)
            out[chunk] = counts / np.maximum(totals, np.finfo(np.float32).tiny)
        else:
            out[chunk] = (counts - centre) / scale
    return out


def maf_filter(variants, min_maf, *, train=None):
    """Which variants are common: their minor allele frequency is above a threshold.

    Parameters
    ----------
    variants : int array of shape (n, p)
        0/1 for inbred lines (1: carries the non-reference allele); -1: missing call.
    min_maf : float
        Threshold, 0 to below 0.5. A variant exactly at it is dropped, and so is one without any
        call.
    train : int or bool array, optional
        Rows whose calls are counted. Default: all rows.

    Returns
    -------
    bool array of shape (p,)

    Raises
    ------
    ValueError
        If `variants` is no matrix of -1, 0 and 1, or `min_maf` or `train` is out of range.
    """
    variants = np.asarray(variants)
    if variants.ndim != 2 or not variants.size:
        raise ValueError(f"variants: got shape {variants.shape}; expected a matrix (n, p)")
    if variants.dtype.kind not in "iu" or variants.min() < _MISSING or variants.max() > 1:
        raise ValueError("variants: expected whole numbers, 0 or 1, or -1 for a missing call")
    if not 0 <= min_maf < 0.5:
        raise ValueError(f"min_maf: got {min_maf!r}; expected a number from 0 to below 0.5")
    calls = variants if train is None else variants[_training_rows(train, len(variants))]
    called = (calls >= 0).sum(axis=0)
    carriers = (calls == 1).sum(axis=0)
    return is_common(carriers, called, min_maf)


def is_common(carriers, called, min_maf):
    """Whether a minor allele frequency is above a threshold, from counts.

    Parameters
    ----------
    carriers, called : int arrays of one shape
        Copies of the allele, and copies that were called.
    min_maf : float

    Returns
    -------
    bool array of the same shape
        False where nothing was called. In whole numbers as far as they go, so that 1 of 20 is not
        "above 5 %" by a rounding error.
    """
    minor = np.minimum(carriers, called - carriers)
    return (minor > 0) & (minor - min_maf * called > 1e-9 * called)


def _chunks(n):
    return (slice(start, start + _ROWS_AT_A_TIME) for start in range(0, n, _ROWS_AT_A_TIME))


def _moments(tensor, rows, *, per_type):
    """Mean and standard deviation over the rows, of everything or for each type."""
    axes = (0, 1) if per_type else (0, 1, 2)
    total = square = 0.0
    n = 0
    for chunk in _chunks(tensor.shape[0]):
        counts = _checked_counts(tensor[chunk])[rows[chunk]]
        if not len(counts):
            continue
        # Sums of whole numbers: exact in double precision, so no pass for the centred squares.
        total = total + counts.sum(axis=axes, dtype=np.float64)
        square = square + np.square(counts, dtype=np.float64).sum(axis=axes)
        n += counts.size // (counts.shape[2] if per_type else 1)
    mean = total / n
    variance = np.maximum(square / n - mean**2, 0)
    scale = np.where(variance > 1e-12 * np.maximum(square / n, 1e-300), np.sqrt(variance), 1.0)
    return np.float32(mean), np.float32(scale)


def _checked_shape(tensor):
    shape = tuple(getattr(tensor, "shape", np.shape(tensor)))
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"tensor: got shape {shape}; expected (n, genes, types), none of them 0")
    return shape


def _checked_counts(chunk):
    counts = np.asarray(chunk)
    if counts.dtype.kind not in "iuf" or not (counts >= 0).all():
        raise ValueError("tensor: holds a negative or missing count; expected counts of at least 0")
    return counts


def _training_rows(train, n):
    """A mask of the training rows."""
    mask = np.zeros(n, dtype=bool)
    if train is None:
        return ~mask
    train = np.asarray(train)
    if train.dtype == bool and train.shape == (n,) and train.any():
        return train
    fits = train.dtype.kind in "iu" and train.ndim == 1 and train.size
    if not fits or train.min() < 0 or train.max() >= n:
        raise ValueError(f"train: expected row numbers from 0 to {n - 1}, or a mask of {n} rows")
    mask[train] = True
    return mask


def _checked_out(out, shape):
    if out is None:
        return np.empty(shape, dtype=np.float32)
    if tuple(out.shape) != shape or out.dtype != np.float32:
        raise ValueError(f"out: got {out.dtype} of shape {out.shape}; expected float32 of {shape}")
    return out
