"""Linkage disequilibrium: correlations between variants, and LD scores.

References
----------
Bulik-Sullivan, B. K. et al. (2015). LD Score regression distinguishes confounding from polygenicity
in genome-wide association studies. Nature Genetics 47, 291-295.
"""

import numpy as np

_CHUNK_ENTRIES = 2**22
_ASYMMETRY = 1e-8
_OFF_ONE = 1e-6


def ld_matrix(X) -> np.ndarray:
    """Correlations between the columns of a genotype matrix.

    Parameters
    ----------
    X : array of shape (n, p)
        Dosages of any numeric type, at least two people; converted some rows at a time.

    Returns
    -------
    ndarray of shape (p, p)
        Pearson correlations: symmetric, within [-1, 1], the diagonal exactly 1. A column that does
        not vary has correlation 0 with every other.

    Raises
    ------
    ValueError
        If X is not a matrix of finite numbers with at least two rows.
    """
    X = np.asarray(X)
    if X.ndim != 2 or len(X) < 2 or X.shape[1] == 0:
        raise ValueError(f"X: got shape {X.shape}, expected (people, variants), two people or more")
    if not (np.issubdtype(X.dtype, np.number) or X.dtype == bool) or np.iscomplexobj(X):
        raise ValueError(f"X: got {X.dtype}, expected real numbers")
    means = X.mean(axis=0, dtype=float)
    if not np.all(np.isfinite(means)):
        raise ValueError(
            f"X: got NaN or infinity in column {np.argmin(np.isfinite(means))}, expected finite "
            "numbers"
        )
    constant = X.max(axis=0) == X.min(axis=0)
    products = np.zeros((X.shape[1], X.shape[1]))
    step = max(1, _CHUNK_ENTRIES // X.shape[1])
    for start in range(0, len(X), step):
        centred = X[start : start + step] - means
        products += centred.T @ centred
    scale = np.sqrt(np.where(constant, 1, np.diag(products)))
    R = products / scale / scale[:, None]
    R[constant], R[:, constant] = 0, 0
    R = np.clip((R + R.T) / 2, -1, 1)
    np.fill_diagonal(R, 1)
    return R


def ld_scores(R, n: int | None = None) -> np.ndarray:
    r"""LD score of each variant: the sum of its squared correlations, its own included.

    With ``n`` each square is freed from what chance adds in a sample of n people,
    :math:`r^2 - (1 - r^2) / (n - 2)`; the self term stays 1.

    Parameters
    ----------
    R : array of shape (p, p)
        Correlations between variants.
    n : int, optional
        Number of people from whom R was computed, at least 3.

    Returns
    -------
    ndarray of shape (p,)
        LD scores: at least 1 without ``n``; with it, unbiased, and scattered around 1 for a variant
        that is correlated with no other.

    Raises
    ------
    ValueError
        If R is not a matrix of correlations or n is too small.

    References
    ----------
    Bulik-Sullivan et al. (2015).
    """
    R = np.asarray(R, dtype=float)
    if R.ndim != 2 or R.shape[0] != R.shape[1] or R.size == 0:
        raise ValueError(f"R: got shape {R.shape}, expected a square matrix")
    largest = np.abs(R).max()
    if not largest <= 1 + _OFF_ONE:
        raise ValueError(f"R: got an entry of size {largest:.4g}, expected correlations")
    if np.abs(np.diag(R) - 1).max() > _OFF_ONE:
        raise ValueError(
            f"R: got a diagonal entry {np.diag(R)[np.argmax(np.abs(np.diag(R) - 1))]:.4g}, "
            "expected ones"
        )
    asymmetry = np.abs(R - R.T).max()
    if asymmetry > _ASYMMETRY:
        raise ValueError(f"R: got an asymmetry of {asymmetry:.3g}, expected a symmetric matrix")
    scores = np.einsum("ij,ij->i", R, R)
    if n is None:
        return scores
    if isinstance(n, bool) or not np.isfinite(n) or n < 3:
        raise ValueError(f"n: got {n!r}, expected at least 3")
    return scores - (len(R) - scores) / (n - 2)
