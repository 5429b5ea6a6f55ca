"""Population structure: principal components of genotypes, what must be left out of them, and FST.

References
----------
Patterson, N., Price, A. L. and Reich, D. (2006). Population structure and eigenanalysis. PLoS
Genetics 2, e190.

McVean, G. (2009). A genealogical interpretation of principal components analysis. PLoS Genetics 5,
e1000686.

Bhatia, G., Patterson, N., Sankararaman, S. and Price, A. L. (2013). Estimating and interpreting
FST: the impact of rare variants. Genome Research 23, 1514-1521.

Halko, N., Martinsson, P. G. and Tropp, J. A. (2011). Finding structure with randomness:
probabilistic algorithms for constructing approximate matrix decompositions. SIAM Review 53,
217-288.
"""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh

# Columns are standardised in chunks of about this many entries, 4 bytes each.
_CHUNK_ENTRIES = 2**22
# Above this size of the smaller side the exact method gives way to the randomised one.
_LARGEST_GRAM = 6_000
# Below this size all eigenvectors cost less than a search for the leading ones.
_SMALL_GRAM = 400
_OVERSAMPLES, _POWER_STEPS = 20, 6


class PrincipalComponents(NamedTuple):
    """Leading principal components of n people at p variants.

    Attributes
    ----------
    scores : float array of shape (n, k)
        Each person's place on each component, in units of one standardised variant: the
        standardised genotypes times the loadings. The person farthest from zero is on the
        positive side.
    eigenvalues : float array of shape (k,)
        Sums of squared scores over the number of kept variants, decreasing. With the sample's own
        standard deviations the mean of all n of them is 1.
    shares : float array of shape (k,)
        Share of the variance of all standardised variants.
    loadings : float array of shape (p, k)
        Weight of each variant, of unit length; zero where it was not kept.
    kept : bool array of shape (p,)
        Variants that vary. The others are dropped.
    """

    scores: np.ndarray
    eigenvalues: np.ndarray
    shares: np.ndarray
    loadings: np.ndarray
    kept: np.ndarray


def principal_components(
    dosages, n_components=10, *, ploidy=2, scale="sample", method="auto", random_state=None
) -> PrincipalComponents:
    r"""Leading principal components of standardised dosages.

    With Z the matrix of dosages whose columns have mean 0 and standard deviation 1, the scores
    are U S of the singular value decomposition Z = U S V'. The exact method finds them from the
    smaller of the two Gram matrices, Z Z' (n, n) or Z' Z (p, p), the randomised one from a few
    products of Z with a thin matrix. Neither ever holds Z: integers are standardised in chunks, in
    single precision.

    Parameters
    ----------
    dosages : array of shape (n, p)
        Copies of an allele, 0 to `ploidy`, of any numeric type; fractions are imputed dosages.
        NaN is missing and takes the variant's mean. Variants without variation, or without any
        observed dosage, are dropped (see ``kept``).
    n_components : int, default=10
        Number of components k, at most min(n - 1, kept variants).
    ploidy : int, default=2
        Copies of a chromosome; 1 for inbred lines of which one copy is counted.
    scale : {"sample", "binomial"}, default="sample"
        Divide by the observed standard deviation, or by sqrt(ploidy f (1 - f)), which is the
        standard deviation in Hardy-Weinberg proportions (Patterson et al. 2006).
    method : {"auto", "exact", "randomized"}, default="auto"
        "auto" is exact where the smaller side of the matrix is at most 6,000.
    random_state : int, numpy Generator or None
        Source of the randomised method's start; the exact method draws nothing.

    Returns
    -------
    PrincipalComponents

    Raises
    ------
    ValueError
        If dosages are no matrix, lie outside 0 to ploidy, are infinite, or do not vary; or if
        another argument is none of those named here.

    References
    ----------
    Patterson et al. (2006); Halko et al. (2011) for the randomised method.
    """
    ploidy = _check_ploidy(ploidy)
    dosages = _check_dosages(dosages, ploidy)
    _check_choice("scale", scale, ("sample", "binomial"))
    _check_choice("method", method, ("auto", "exact", "randomized"))
    means, sds = _moments(dosages, ploidy, scale)
    kept = sds > 0
    k = _check_components(n_components, min(len(dosages) - 1, int(kept.sum())))
    columns = _Standardised(dosages, means, sds, np.flatnonzero(kept))
    if method == "auto":
        method = "exact" if min(columns.shape) <= _LARGEST_GRAM else "randomized"
    if method == "exact":
        U, squares = _exact(columns, k)
    else:
        U, squares = _randomised(columns, k, np.random.default_rng(random_state))
    scores = U * np.sqrt(squares)
    scores *= np.where(scores.max(axis=0) < -scores.min(axis=0), -1, 1)
    loadings = np.zeros((dosages.shape[1], k))
    loadings[kept] = columns.transpose_times(scores / squares)
    return PrincipalComponents(
        scores, squares / columns.shape[1], squares / columns.total(), loadings, kept
    )


def ld_prune(dosages, positions, chromosomes=None, *, window=500_000, threshold=0.2) -> np.ndarray:
    """Choose variants of which no two neighbours are strongly correlated.

    Variants are taken in order of place. Each is kept unless its squared correlation with one that
    was kept before it, on the same chromosome and no farther than `window`, exceeds `threshold`.

    Parameters
    ----------
    dosages : array of shape (n, p)
        Copies of an allele; NaN is missing and takes the variant's mean.
    positions : array of shape (p,)
        Base pairs.
    chromosomes : array of shape (p,), optional
        Chromosome of each variant; without it all lie on one.
    window : float, default=500,000
        Distance in base pairs up to which two variants are compared.
    threshold : float, default=0.2
        Largest squared correlation allowed, 0 to 1.

    Returns
    -------
    bool array of shape (p,)
        Variants that are kept. One that does not vary is not.

    Raises
    ------
    ValueError
        If dosages are no matrix of finite or missing numbers that vary, the sizes disagree, or a
        number is outside its range.
    """
    dosages = _check_dosages(dosages, None)
    positions, chromosomes = _check_places(positions, chromosomes, dosages.shape[1])
    if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold: got {threshold!r}, expected a number from 0 to 1")
    if not isinstance(window, Real) or not window >= 0:
        raise ValueError(f"window: got {window!r}, expected a distance of at least 0 base pairs")
    means, sds = _moments(dosages, 2, "sample")
    order = np.lexsort((positions, chromosomes))
    order = order[sds[order] > 0]
    kept, near = np.zeros(dosages.shape[1], dtype=bool), _Neighbours(len(dosages))
    for columns, chunk in _Standardised(dosages, means, sds, order).chunks():
        for j, z in zip(columns, chunk.T, strict=True):
            near.forget_all_but(chromosomes[j], positions[j] - window)
            if near.largest_square(z) <= threshold:
                near.add(z, chromosomes[j], positions[j])
                kept[j] = True
    return kept


def near_identical(dosages, *, identity=0.99, ploidy=2) -> np.ndarray:
    """Families of people (or lines) whose genotypes are all but the same.

    Two are joined where 1 - mean(abs(difference)) / ploidy reaches `identity`; a family is
    everything that is joined directly or through others.

    Parameters
    ----------
    dosages : array of shape (n, p)
        Whole numbers 0 to `ploidy`, nothing missing.
    identity : float, default=0.99
        Smallest share of allele copies in common that joins two.
    ploidy : int, default=2

    Returns
    -------
    int array of shape (n,)
        Family of each, numbered from 0 in order of appearance.

    Raises
    ------
    ValueError
        If a dosage is missing, no whole number or outside 0 to ploidy, or identity outside 0 to 1.
    """
    ploidy = _check_ploidy(ploidy)
    dosages = _check_dosages(dosages, ploidy)
    if not isinstance(identity, Real) or not 0 < identity <= 1:
        raise ValueError(f"identity: got {identity!r}, expected a number above 0, at most 1")
    if not np.all(np.equal(dosages, np.floor(dosages))):
        raise ValueError("dosages: got a missing dosage or a fraction, expected whole numbers")
    n, p = dosages.shape
    distance = np.zeros((n, n))
    for copies in range(1, ploidy + 1):
        # abs(a - b) is the number of levels that one of two dosages reaches and the other does not.
        reached = (dosages >= copies).astype(np.float32)
        count = reached.sum(axis=1, dtype=float)
        distance += count[:, None] + count - 2.0 * (reached @ reached.T)
    joined = distance <= (1 - identity) * p * ploidy + 1e-6
    return connected_components(joined, directed=False)[1]


def hudson_fst(dosages, populations, *, ploidy=2) -> np.ndarray:
    r"""Hudson's FST between each pair of populations.

    One minus the mean number of differences between two chromosomes of one population over that
    between chromosomes of two, as a ratio of averages over variants (Bhatia et al. 2013, eq. 10).

    Parameters
    ----------
    dosages : array of shape (n, p)
        Copies of an allele, 0 to `ploidy`, nothing missing.
    populations : array of shape (n,)
        Population of each person; at least two, each of at least two chromosomes.
    ploidy : int, default=2

    Returns
    -------
    float array of shape (K, K)
        FST of populations in sorted order, zero on the diagonal. NaN never occurs.

    Raises
    ------
    ValueError
        If dosages are missing or outside 0 to ploidy, the sizes disagree, there is one
        population only, or a pair does not differ at any variant.
    """
    ploidy = _check_ploidy(ploidy)
    dosages, populations = _check_dosages(dosages, ploidy), np.asarray(populations)
    if populations.shape != (len(dosages),):
        raise ValueError(
            f"populations: got shape {populations.shape}, expected ({len(dosages)},), one a person"
        )
    names, labels = np.unique(populations, return_inverse=True)
    copies = ploidy * np.bincount(labels)
    if len(names) < 2 or copies.min() < 2:
        raise ValueError(
            f"populations: got {len(names)} with {copies.min()} chromosomes in the smallest, "
            "expected at least two populations of at least two chromosomes"
        )
    f = np.array([dosages[labels == k].mean(axis=0, dtype=float) for k in range(len(names))])
    f /= ploidy
    if np.isnan(f).any():
        raise ValueError("dosages: got a missing dosage, expected none")
    within = (f * (1 - f)).sum(axis=1) * copies / (copies - 1)
    between = f @ (1 - f).T
    between = between + between.T
    off = ~np.eye(len(names), dtype=bool)
    if np.any(between[off] == 0):
        raise ValueError("dosages: got two populations without any difference, FST is undefined")
    fst = np.zeros_like(between)
    fst[off] = 1 - (within[:, None] + within)[off] / between[off]
    return fst


class _Standardised:
    """Standardised columns of a dosage matrix, made in chunks and never held together."""

    def __init__(self, dosages, means, sds, columns):
        self.dosages, self.columns = dosages, columns
        self.means, self.sds = means.astype(np.float32), sds.astype(np.float32)
        self.shape = len(dosages), len(columns)

    def chunks(self) -> Iterator:
        """Pairs of column indices and standardised columns (n, m), float32."""
        step = max(1, _CHUNK_ENTRIES // self.shape[0])
        for start in range(0, self.shape[1], step):
            columns = self.columns[start : start + step]
            # Adjacent columns are a slice: no copy of the dosages is made beside the chunk.
            adjacent = columns[-1] - columns[0] == len(columns) - 1 and np.all(np.diff(columns) > 0)
            at = slice(columns[0], columns[-1] + 1) if adjacent else columns
            chunk = self.dosages[:, at].astype(np.float32)
            chunk -= self.means[columns]
            chunk /= self.sds[columns]
            if self.dosages.dtype.kind == "f":
                np.nan_to_num(chunk, copy=False)
            yield columns, chunk

    def gram(self) -> np.ndarray:
        """Z Z' (n, n) or Z' Z (p, p), whichever is smaller."""
        n, p = self.shape
        if n > p:
            Z = np.concatenate([chunk for _, chunk in self.chunks()], axis=1).astype(float)
            return Z.T @ Z
        product = np.zeros((n, n))
        for _, chunk in self.chunks():
            product += chunk @ chunk.T
        return product

    def times(self, V) -> np.ndarray:
        """Z V for V of shape (kept, k)."""
        V, product, start = V.astype(np.float32), np.zeros((self.shape[0], V.shape[1])), 0
        for _, chunk in self.chunks():
            product += chunk @ V[start : start + chunk.shape[1]]
            start += chunk.shape[1]
        return product

    def transpose_times(self, U) -> np.ndarray:
        """Z' U for U of shape (n, k)."""
        U = U.astype(np.float32)
        return np.concatenate([chunk.T @ U for _, chunk in self.chunks()]).astype(float)

    def total(self) -> float:
        """Sum of squares of all entries."""
        return float(sum(np.einsum("ij,ij->", c, c, dtype=float) for _, c in self.chunks()))


class _Neighbours:
    """Kept variants that the next one must be compared with."""

    def __init__(self, n):
        self.n, self.first, self.last = n, 0, 0
        self.rows = np.empty((64, n), dtype=np.float32)
        self.places = []

    def forget_all_but(self, chromosome, least) -> None:
        """Drop those of other chromosomes, or before a position."""
        while self.first < self.last:
            on, at = self.places[self.first]
            if on == chromosome and at >= least:
                return
            self.first += 1

    def largest_square(self, z) -> float:
        """Largest squared correlation with a standardised variant; 0 without neighbours."""
        if self.first == self.last:
            return 0.0
        return float(np.max((self.rows[self.first : self.last] @ z / self.n) ** 2))

    def add(self, z, chromosome, position) -> None:
        """Keep a variant."""
        if self.last == len(self.rows):
            grown = np.empty((2 * (self.last - self.first) + 64, self.n), dtype=np.float32)
            grown[: self.last - self.first] = self.rows[self.first : self.last]
            self.rows, self.places = grown, self.places[self.first :]
            self.first, self.last = 0, self.last - self.first
        self.rows[self.last] = z
        self.places.append((chromosome, position))
        self.last += 1


def _exact(columns, k):
    """Left singular vectors (n, k) and squared singular values (k,) from the smaller Gram."""
    gram = columns.gram()
    size = len(gram)
    if size <= _SMALL_GRAM or k > size // 4:
        squares, vectors = eigh(gram, subset_by_index=[size - k, size - 1])
    else:
        # Any start but the vector of ones will do, which centring has put in the null space.
        squares, vectors = eigsh(gram, k=k, v0=np.cos(np.arange(size, dtype=float)))
    order = np.argsort(squares)[::-1]
    squares, vectors = np.maximum(squares[order], 0), vectors[:, order]
    if size == columns.shape[0]:
        return vectors, squares
    return columns.times(vectors) / np.sqrt(squares), squares


def _randomised(columns, k, rng):
    """The same from a random subspace, made more exact by power steps (Halko et al. 2011)."""
    size = min(k + _OVERSAMPLES, min(columns.shape))
    Q = np.linalg.qr(columns.times(rng.standard_normal((columns.shape[1], size))))[0]
    for _ in range(_POWER_STEPS):
        Q = np.linalg.qr(columns.times(columns.transpose_times(Q)))[0]
    B = columns.transpose_times(Q)
    squares, rotation = np.linalg.eigh(B.T @ B)
    order = np.argsort(squares)[::-1][:k]
    return Q @ rotation[:, order], squares[order]


def _moments(dosages, ploidy, scale):
    """Means and standard deviations (p,) of observed dosages; 0 where nothing varies."""
    if dosages.dtype.kind == "f":
        observed = ~np.isnan(dosages)
        counts = observed.sum(axis=0)
        filled = np.where(observed, dosages, 0)
    else:
        counts, filled = np.full(dosages.shape[1], len(dosages)), dosages
    safe = np.maximum(counts, 1)
    means = filled.sum(axis=0, dtype=float) / safe
    step = max(1, _CHUNK_ENTRIES // max(1, dosages.shape[1]))
    squares = np.zeros(dosages.shape[1])
    for start in range(0, len(dosages), step):
        rows = filled[start : start + step].astype(float) - means
        if dosages.dtype.kind == "f":
            rows *= observed[start : start + step]
        squares += np.einsum("ij,ij->j", rows, rows)
    varies = squares > 1e-10 * safe
    if not varies.any():
        raise ValueError("dosages: got no variant that varies, expected at least one")
    variances = squares / safe
    if scale == "binomial":
        f = means / ploidy
        variances = ploidy * f * (1 - f)
    return means, np.sqrt(np.where(varies, variances, 0))


def _check_ploidy(ploidy):
    if isinstance(ploidy, bool) or not isinstance(ploidy, Integral) or ploidy < 1:
        raise ValueError(f"ploidy: got {ploidy!r}, expected an integer of at least 1")
    return int(ploidy)


def _check_dosages(dosages, ploidy):
    dosages = np.asarray(dosages)
    if dosages.ndim != 2 or len(dosages) < 2 or dosages.shape[1] == 0:
        raise ValueError(
            f"dosages: got shape {dosages.shape}, expected (people, variants), two people or more"
        )
    if dosages.dtype == bool:
        dosages = dosages.astype(np.int8)
    if dosages.dtype.kind not in "iuf":
        raise ValueError(f"dosages: got {dosages.dtype}, expected real numbers")
    if dosages.dtype.kind == "f" and np.isnan(dosages).all():
        raise ValueError("dosages: got no observed dosage, expected at least one")
    least, most = np.nanmin(dosages), np.nanmax(dosages)
    if not np.isfinite([least, most]).all():
        raise ValueError("dosages: got an infinite dosage, expected finite ones or NaN")
    if ploidy is not None and not 0 <= least <= most <= ploidy:
        raise ValueError(
            f"dosages: got values from {least:g} to {most:g}, expected 0 to {ploidy} "
            "(missing dosages as NaN)"
        )
    return dosages


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(choices)}")


def _check_components(n_components, most):
    if isinstance(n_components, bool) or not isinstance(n_components, Integral):
        raise ValueError(f"n_components: got {n_components!r}, expected an integer")
    if not 1 <= n_components <= most:
        raise ValueError(
            f"n_components: got {n_components}, expected 1 to {most} (people less one, and "
            "variants that vary)"
        )
    return int(n_components)


def _check_places(positions, chromosomes, p):
    positions = np.asarray(positions)
    chromosomes = np.zeros(p, dtype=int) if chromosomes is None else np.asarray(chromosomes)
    for name, value in (("positions", positions), ("chromosomes", chromosomes)):
        if value.shape != (p,):
            raise ValueError(f"{name}: got shape {value.shape}, expected ({p},), one a variant")
    if positions.dtype.kind not in "iuf" or not np.isfinite(positions).all():
        raise ValueError("positions: got values that are no finite numbers, expected base pairs")
    # Numbers for names, so that any kind of name sorts.
    return positions, np.unique(chromosomes, return_inverse=True)[1]
