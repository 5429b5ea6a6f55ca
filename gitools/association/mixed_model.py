r"""Linear mixed model with one kinship matrix: REML, prediction, and a scan of all variants.

The model of a trait y of n people is

.. math:: y = W a + x b + g + e, \qquad g \sim N(0, \sigma^2 h K), \quad
   e \sim N(0, \sigma^2 (1 - h) I),

with covariates W (an intercept among them), one variant x, a kinship matrix K and a heritability h.
One eigendecomposition of K makes the covariance diagonal, so that a likelihood costs O(n).

References
----------
Patterson, H. D. and Thompson, R. (1971). Recovery of inter-block information when block sizes are
unequal. Biometrika 58, 545-554.

Kang, H. M. et al. (2008). Efficient control of population structure in model organism association
mapping. Genetics 178, 1709-1723.

Kang, H. M. et al. (2010). Variance component model to account for sample structure in genome-wide
association studies. Nature Genetics 42, 348-354.

Zhou, X. and Stephens, M. (2012). Genome-wide efficient mixed-model analysis for association
studies. Nature Genetics 44, 821-824.

VanRaden, P. M. (2008). Efficient methods to compute genomic predictions. Journal of Dairy Science
91, 4414-4423.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from gitools.association.regression import _covariate_basis, log10_p

# Columns of X are worked on in chunks of about this many entries, 8 bytes each.
_CHUNK_ENTRIES = 2**19
# Log-odds of the heritability where the likelihood of every variant is looked at first.
_GRID = np.linspace(-11.5, 11.5, 24)
_STEP_TOLERANCE = 1e-9
_MOST_STEPS = 60
# A likelihood may fall short of the best one on the grid by no more than this.
_SHORTFALL = 1e-7
# Below this share of the trait's sum of squares a residual is rounding error.
_NOTHING_LEFT = 1e-24
# A variant that keeps less than this share of its variance given the covariates is rounding error.
_NO_VARIATION_LEFT = 1e-20
_NEGATIVE_EIGENVALUE = 1e-6
_ASYMMETRY = 1e-8


class VarianceComponents(NamedTuple):
    """Outcome of `reml`.

    Attributes
    ----------
    heritability : float
        h, the share of the genetic variance, 0 to 1; the heritability where the mean diagonal of
        the kinship matrix is 1.
    genetic_variance, noise_variance : float
        Variances of g for a person with kinship 1 to itself, and of e, in squared units of y.
    log_likelihood : float
        Restricted log-likelihood at the estimate, constants and log|W'W|/2 included.
    coefficients : float array of shape (1 + c,)
        Generalised least squares estimates of the intercept and of the covariates' slopes.
    """

    heritability: float
    genetic_variance: float
    noise_variance: float
    log_likelihood: float
    coefficients: np.ndarray


class MixedModelScan(NamedTuple):
    """Outcome of `mixed_model_scan`; one entry a variant.

    Attributes
    ----------
    beta : float array of shape (p,)
        Effects, in units of y for one unit of x.
    se : float array of shape (p,)
        Standard errors.
    log10_p : float array of shape (p,)
        Decimal logarithm of the two-sided p-value of Wald's t test with `df` degrees of freedom.
    heritability : float array of shape (p,)
        Share of the genetic variance beside this variant; one value throughout if not exact.
    n_used : int
        People with a phenotype.
    n_dropped : int
        People without one, who were left out.
    df : int
        Degrees of freedom: n_used less intercept, covariates and the variant.
    """

    beta: np.ndarray
    se: np.ndarray
    log10_p: np.ndarray
    heritability: np.ndarray
    n_used: int
    n_dropped: int
    df: int


class _Rotated(NamedTuple):
    """Trait and covariates in the eigenvectors' coordinates, and their products.

    d [n] eigenvalues; W [n, q]; y [n]; WW [n, q * q], Wy [n, q] and yy [n] are the products of
    entries whose weighted sums make every inner product.
    """

    d: np.ndarray
    W: np.ndarray
    y: np.ndarray
    WW: np.ndarray
    Wy: np.ndarray
    yy: np.ndarray


def kinship(X, min_maf: float = 0.0, *, ploidy: int | None = None) -> np.ndarray:
    r"""Kinship matrix from genotypes: mean product of standardised dosages.

    :math:`K = Z Z^\top / m` over the m variants that vary, with each column of Z centred and
    scaled by its own standard deviation (the second matrix of VanRaden 2008, with sample variances
    in place of Hardy-Weinberg ones). Rows sum to 0 and the mean of the diagonal is 1.

    Parameters
    ----------
    X : array of shape (n, p)
        Dosages of any numeric type, nothing missing; read some columns at a time.
    min_maf : float, default=0
        Smallest minor allele frequency of a variant that counts, 0 to below 0.5.
    ploidy : int, optional
        Copies of a chromosome, for frequencies; by default the largest dosage in X. Only needed
        with `min_maf`.

    Returns
    -------
    float array of shape (n, n)

    Raises
    ------
    ValueError
        If X is no matrix of finite numbers, no variant is left, or min_maf is out of range.

    References
    ----------
    VanRaden (2008).
    """
    X = _check_genotypes(X)
    if isinstance(min_maf, bool) or not isinstance(min_maf, Real) or not 0 <= min_maf < 0.5:
        raise ValueError(f"min_maf: got {min_maf!r}, expected a number from 0 to below 0.5")
    n, p = X.shape
    copies = X.max() if ploidy is None else ploidy
    K, used = np.zeros((n, n)), 0
    for part in _chunks(p, n):
        Z = _finite_columns(X, part)
        varies = Z.max(axis=0) > Z.min(axis=0)
        if min_maf > 0:
            frequency = Z.mean(axis=0) / copies
            varies &= np.minimum(frequency, 1 - frequency) >= min_maf
        Z = Z[:, varies]
        Z -= Z.mean(axis=0)
        Z /= np.sqrt(np.mean(Z**2, axis=0))
        K += Z @ Z.T
        used += Z.shape[1]
    if used == 0:
        raise ValueError(f"X: got no variant that varies with min_maf = {min_maf:g}, expected some")
    return K / used


def reml(y, K, covariates=None) -> VarianceComponents:
    r"""Variance components by restricted maximum likelihood.

    With :math:`V_h = h K + (1 - h) I` and residual sum of squares :math:`S_h` of generalised least
    squares, maximised over h in [0, 1):

    .. math:: \ell(h) = -\tfrac12 \left[ \nu \log \frac{2 \pi S_h}{\nu} + \nu + \log|V_h|
       + \log|W^\top V_h^{-1} W| - \log|W^\top W| \right], \qquad \nu = n - q .

    Parameters
    ----------
    y : array of shape (n,)
        Trait; NaN is missing and its person left out.
    K : array of shape (n, n)
        Kinship: symmetric, positive semi-definite.
    covariates : array of shape (n, c) or (n,), optional
        Covariates; the intercept is always fitted and must not be among them.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    ValueError
        If sizes disagree, K is no kinship matrix, y does not vary beyond the covariates or has no
        value, or covariates are linearly dependent (on the intercept, for example).

    References
    ----------
    Patterson and Thompson (1971); Kang et al. (2008).
    """
    y, K = _check_trait(y), _check_kinship(K)
    _check_same_people("K", K, y)
    keep = _observed(y)
    design = _design(covariates, keep)
    d, U = _spectrum(K[np.ix_(keep, keep)])
    data = _rotate(d, U, y[keep], design)
    h, log_likelihood = _best_heritability(data)
    b, scale, _ = _generalised_least_squares(h, data)
    nu = len(d) - design.shape[1]
    log_likelihood -= nu / 2 * (np.log(2 * np.pi) + 1)
    return VarianceComponents(
        h,
        scale * h,
        scale * (1 - h),
        float(log_likelihood),
        _on_covariates(b, design, covariates, keep),
    )


def gblup(K, Y, train, test, covariates=None) -> np.ndarray:
    r"""Best linear unbiased prediction of traits from kinship, variances by REML in training.

    .. math:: \hat y_t = W_t \hat a + h K_{ts} V_h^{-1} (y_s - W_s \hat a)

    for test people t and training people s.

    Parameters
    ----------
    K : array of shape (n, n)
        Kinship of all people.
    Y : array of shape (n, T) or (n,)
        Traits; NaN is missing. Values of test people are never read.
    train, test : int arrays or bool arrays of shape (n,)
        Which people are learnt from and which are predicted.
    covariates : array of shape (n, c) or (n,), optional
        Covariates of all people, without an intercept.

    Returns
    -------
    float array of shape (len(test), T)
        Predictions, in units of Y; a vector Y counts as one trait.

    Raises
    ------
    ValueError
        As `reml`, for each trait; or if train or test is empty or out of range.

    References
    ----------
    VanRaden (2008).
    """
    K, Y = _check_kinship(K), np.asarray(Y, dtype=float)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if Y.ndim != 2 or Y.shape[1] == 0:
        raise ValueError(f"Y: got shape {Y.shape}, expected (people, traits)")
    _check_same_people("K", K, Y)
    train, test = (_check_rows(name, r, len(Y)) for name, r in (("train", train), ("test", test)))
    predictions = np.empty((len(test), Y.shape[1]))
    patterns = {}
    for t, observed in enumerate(np.isfinite(Y[train].T)):
        if np.isinf(Y[train, t]).any():
            raise ValueError(f"Y: got infinity in trait {t}, expected finite numbers or NaN")
        patterns.setdefault(observed.tobytes(), []).append(t)
    for traits in patterns.values():
        rows = train[~np.isnan(Y[train, traits[0]])]
        if len(rows) < 3:
            raise ValueError(
                f"Y: got {len(rows)} values of trait {traits[0]} in training, expected 3 or more"
            )
        predictions[:, traits] = _predictions(K, Y, rows, test, traits, covariates)
    return predictions


def mixed_model_scan(X, y, K=None, covariates=None, exact: bool = True) -> MixedModelScan:
    r"""Test each variant in a mixed model.

    The test is Wald's: the generalised least squares estimate over its standard error, with the
    residual variance :math:`S_h / \nu`, against Student's t with :math:`\nu = n - q - 1` degrees
    of freedom (its square is the F test of Zhou and Stephens 2012). With `exact`, h is estimated
    by REML anew for every variant, with the variant among the fixed effects; without, it is taken
    from the model without any variant (Kang et al. 2010).

    Parameters
    ----------
    X : array of shape (n, p)
        Genotypes of any numeric type, nothing missing; read some columns at a time.
    y : array of shape (n,)
        Trait; NaN is missing, and its person is left out and counted in `n_dropped`.
    K : array of shape (n, n), optional
        Kinship, symmetric and positive semi-definite; by default ``kinship(X)``, of all people.
    covariates : array of shape (n, c) or (n,), optional
        Covariates; the intercept is always fitted and must not be among them.
    exact : bool, default=True

    Returns
    -------
    MixedModelScan
        A variant that does not vary beyond the covariates has beta 0, se infinite, log10_p 0 and
        the heritability of the model without a variant.

    Raises
    ------
    ValueError
        If sizes disagree, X is not finite, K is no kinship matrix, y has no value or does not vary
        beyond the covariates, covariates are linearly dependent (on the intercept, for example), or
        no degree of freedom is left.

    Notes
    -----
    Variants are rotated by the eigenvectors of K in chunks, O(n^2) operations each. The restricted
    likelihood is first looked at on a grid of log-odds of h, by matrix products for all variants;
    then secant steps on its slope, kept inside the grid's cell, run until h no longer moves.

    References
    ----------
    Kang et al. (2008, 2010); Zhou and Stephens (2012).
    """
    X, y = _check_genotypes(X), _check_trait(y)
    _check_same_people("X", X, y)
    keep = _observed(y)
    design = _design(covariates, keep)
    df = keep.sum() - design.shape[1] - 1
    if df < 1:
        raise ValueError(
            f"y: got {keep.sum()} values, expected at least {design.shape[1] + 2} for an "
            f"intercept, {design.shape[1] - 1} covariates and a slope"
        )
    K = kinship(X) if K is None else _check_kinship(K)
    _check_same_people("K", K, y)
    d, U = _spectrum(K[np.ix_(keep, keep)])
    data = _rotate(d, U, y[keep], design)
    null, _ = _best_heritability(data)
    p = X.shape[1]
    beta, se, h = np.zeros(p), np.full(p, np.inf), np.full(p, null)
    for part in _chunks(p, len(d)):
        columns = _finite_columns(X, part)[keep]
        sd, varies = _spread(columns, design)
        columns = (columns[:, varies] - columns[:, varies].mean(axis=0)) / sd[varies]
        if not varies.any():
            continue
        # Variants as rows: what is summed over people is then contiguous.
        x = columns.T @ U
        at = np.arange(part.start, part.stop)[varies]
        h[at] = _best_heritabilities(data, x) if exact else null
        slope, error = _wald(h[at], data, x)
        beta[at], se[at] = slope / sd[varies], error / sd[varies]
    z = np.divide(beta, se, out=np.zeros(p), where=np.isfinite(se))
    return MixedModelScan(beta, se, log10_p(z, df), h, int(keep.sum()), int((~keep).sum()), int(df))


def _predictions(K, Y, rows, test, traits, covariates):
    """Predictions [test, traits] of traits that are observed in the same training people."""
    covariates = _as_columns(covariates, len(K))
    among = None if covariates is None else covariates[rows]
    design = _design(among, np.ones(len(rows), dtype=bool))
    d, U = _spectrum(K[np.ix_(rows, rows)])
    between = K[np.ix_(test, rows)] @ U
    predictions = np.empty((len(test), len(traits)))
    for k, t in enumerate(traits):
        data = _rotate(d, U, Y[rows, t], design)
        h, _ = _best_heritability(data)
        b, _, residual = _generalised_least_squares(h, data)
        a = _on_covariates(b, design, covariates, rows)
        fixed = a[0] if covariates is None else a[0] + covariates[test] @ a[1:]
        predictions[:, k] = fixed + h * (between @ (residual / _variances(h, d)))
    return predictions


def _rotate(d, U, y, design):
    """The data in the coordinates of the eigenvectors."""
    _check_varies(y, design)
    W, y = U.T @ design, U.T @ y
    products = (W[:, :, None] * W[:, None, :]).reshape(len(d), -1)
    return _Rotated(d, W, y, products, W * y[:, None], y**2)


def _variances(h, d):
    return 1 + h * (d - 1)


def _inner_products(weights, data, x=None):
    """Z'DZ [m, q, q], Z'Dy [m, q] and y'Dy [m] with weights D [m, n]; x [m, n] is Z's last."""
    m, q = len(weights), data.W.shape[1]
    WW = (weights @ data.WW).reshape(m, q, q)
    Wy, yy = weights @ data.Wy, weights @ data.yy
    if x is None:
        return WW, Wy, yy
    weighted = weights * x
    ZZ, Zy = np.empty((m, q + 1, q + 1)), np.empty((m, q + 1))
    ZZ[:, :q, :q], Zy[:, :q] = WW, Wy
    ZZ[:, q, :q] = ZZ[:, :q, q] = weighted @ data.W
    ZZ[:, q, q] = np.einsum("ij,ij->i", weighted, x)
    Zy[:, q] = weighted @ data.y
    return ZZ, Zy, yy


def _fit(h, data, x=None):
    """Coefficients [m, q], residual sum of squares [m] and Z'DZ at heritabilities h [m]."""
    ZZ, Zy, yy = _inner_products(1 / _variances(h[:, None], data.d), data, x)
    b = np.linalg.solve(ZZ, Zy[:, :, None])[:, :, 0]
    rss = np.maximum(yy - np.einsum("ij,ij->i", b, Zy), _NOTHING_LEFT * yy)
    return b, rss, ZZ


def _likelihood(h, data, x=None):
    """Restricted log-likelihood [m], up to constants that do not depend on h."""
    b, rss, ZZ = _fit(h, data, x)
    nu = len(data.d) - b.shape[1]
    log_v = np.log(_variances(h[:, None], data.d)).sum(axis=1)
    return -0.5 * (nu * np.log(rss / nu) + log_v + np.linalg.slogdet(ZZ)[1])


def _slope(h, data, x=None):
    """Derivative [m] of the restricted log-likelihood in the log-odds of h [m]."""
    weights = 1 / _variances(h[:, None], data.d)
    ZZ, Zy, yy = _inner_products(weights, data, x)
    # Each inner product's derivative in h is minus the one with these weights.
    log_v = weights @ (data.d - 1)
    weights *= weights * (data.d - 1)
    dZZ, dZy, dyy = _inner_products(weights, data, x)
    solved = np.linalg.solve(ZZ, np.concatenate([Zy[:, :, None], dZZ], axis=2))
    b, trace = solved[:, :, 0], np.einsum("ijj->i", solved[:, :, 1:])
    rss = np.maximum(yy - np.einsum("ij,ij->i", b, Zy), _NOTHING_LEFT * yy)
    d_rss = 2 * np.einsum("ij,ij->i", b, dZy) - dyy - np.einsum("ij,ijk,ik->i", b, dZZ, b)
    nu = len(data.d) - b.shape[1]
    return -0.5 * (nu * d_rss / rss + log_v - trace) * h * (1 - h)


def _grid_likelihoods(data, x):
    """Restricted log-likelihoods [m, grid], from matrix products with shared weights."""
    h = expit(_GRID)
    weights = 1 / _variances(h[:, None], data.d)
    WW, Wy, yy = _inner_products(weights, data)
    shared = (weights[:, :, None] * data.W).transpose(1, 0, 2)
    n, q = data.W.shape
    Wx = (x @ shared.reshape(n, -1)).reshape(len(x), len(h), q)
    xx, xy = x**2 @ weights.T, x @ (weights * data.y).T
    inverse = np.linalg.inv(WW)
    solved = np.einsum("mgi,gij->mgj", Wx, inverse)
    xx = xx - np.einsum("mgi,mgi->mg", solved, Wx)
    xy = xy - np.einsum("mgi,gi->mg", solved, Wy)
    yy = yy - np.einsum("gi,gij,gj->g", Wy, inverse, Wy)
    rss = np.maximum(yy - xy**2 / xx, _NOTHING_LEFT * yy)
    nu = n - q - 1
    shared_terms = np.log(_variances(h[:, None], data.d)).sum(axis=1) + np.linalg.slogdet(WW)[1]
    return -0.5 * (nu * np.log(rss / nu) + np.log(xx) + shared_terms)


def _best_heritability(data):
    """h that maximises the restricted likelihood without a variant, and that likelihood."""
    on_grid = _likelihood(expit(_GRID), data)[None, :]
    h = _maximise(on_grid, lambda h, _: _slope(h, data), lambda h, _: _likelihood(h, data))
    return float(h[0]), float(_likelihood(h, data)[0])


def _best_heritabilities(data, x):
    """The same [m] with each of the variants x [m, n]."""
    return _maximise(
        _grid_likelihoods(data, x),
        lambda h, at: _slope(h, data, x[at]),
        lambda h, at: _likelihood(h, data, x[at]),
    )


def _maximise(on_grid, slope, likelihood):
    """Heritabilities [m] of largest likelihood, from values [m, grid], in log-odds.

    `slope` and `likelihood` take heritabilities and the indices of the rows that they belong to.
    """
    m, last = len(on_grid), len(_GRID) - 1
    best, step = on_grid.argmax(axis=1), _GRID[1] - _GRID[0]
    middle = np.clip(best, 1, last - 1)
    t = _GRID[best].copy()
    at_edge = np.flatnonzero((best == 0) | (best == last))
    outwards = np.ones(m, dtype=bool)
    if at_edge.size:
        slopes = slope(expit(t[at_edge]), at_edge)
        outwards[at_edge] = np.where(best[at_edge] == 0, slopes > 0, slopes < 0)
    t[~outwards & (best == 0)] = -np.inf
    low, high = _GRID[np.maximum(best - 1, 0)], _GRID[np.minimum(best + 1, last)]
    rows = np.arange(m)
    left, at, right = (on_grid[rows, middle + k] for k in (-1, 0, 1))
    curvature = np.minimum((left - 2 * at + right) / step**2, -1e-9)
    inside = outwards & (best == middle)
    t[inside] += ((left - right) / (2 * step * curvature))[inside]
    _climb(t, low.copy(), high.copy(), curvature, slope, np.flatnonzero(outwards))
    h = expit(t)
    short = np.flatnonzero(outwards)
    short = short[likelihood(h[short], short) < on_grid[short, best[short]] - _SHORTFALL]
    for j in short:
        # A second hump inside one cell: climb it without a slope.
        found = minimize_scalar(
            lambda s, j=j: -likelihood(expit(np.array([s])), np.array([j]))[0],
            bounds=(low[j], high[j]),
            method="bounded",
            options={"xatol": 1e-10},
        )
        h[j] = expit(found.x)
    return h


def _climb(t, low, high, curvature, slope, active):
    """Move t [m], in place, to where the slope is 0: secant steps that never leave [low, high].

    The bounds are narrowed in place as well.
    """
    before, slope_before = np.full_like(t, np.nan), np.full_like(t, np.nan)
    for _ in range(_MOST_STEPS):
        if not active.size:
            return
        now, f = t[active], slope(expit(t[active]), active)
        low[active] = np.where(f > 0, now, low[active])
        high[active] = np.where(f > 0, high[active], now)
        moved = now - before[active]
        # A rise of 0 gives an infinite or missing step, which bisection replaces.
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = now - f * moved / (f - slope_before[active])
        first = np.isnan(moved)
        proposed = np.where(first, now - f / curvature[active], secant)
        inside = (proposed > low[active]) & (proposed < high[active])
        proposed = np.where(inside, proposed, (low[active] + high[active]) / 2)
        proposed = np.where(f == 0, now, proposed)
        before[active], slope_before[active] = now, f
        t[active] = proposed
        active = active[np.abs(proposed - now) > _STEP_TOLERANCE]


def _wald(h, data, x):
    """Slopes [m] of the variants x [m, n] and their standard errors."""
    b, rss, ZZ = _fit(h, data, x)
    q = data.W.shape[1]
    last = np.zeros((len(x), q + 1, 1))
    last[:, q] = 1
    inverse = np.linalg.solve(ZZ, last)[:, q, 0]
    return b[:, q], np.sqrt(rss / (len(data.d) - q - 1) * inverse)


def _generalised_least_squares(h, data):
    """Coefficients of the design [q], scale of the variances, and rotated residuals [n]."""
    b, rss, _ = _fit(np.array([h]), data)
    return b[0], float(rss[0] / (len(data.d) - b.shape[1])), data.y - data.W @ b[0]


def _on_covariates(b, design, covariates, keep):
    """Coefficients of intercept and covariates, from those of the orthonormal design."""
    if covariates is None:
        return b / np.sqrt(len(design))
    raw = _as_columns(covariates, None)[keep]
    raw = np.column_stack([np.ones(len(raw)), raw])
    return np.linalg.lstsq(raw, design @ b, rcond=None)[0]


def _design(covariates, keep):
    """Orthonormal intercept and covariates of the people kept, [n, q]."""
    covariates = _as_columns(covariates, len(keep))
    basis = _covariate_basis(None if covariates is None else covariates[keep], keep.sum())
    return np.column_stack([np.full(len(basis), 1 / np.sqrt(len(basis))), basis])


def _as_columns(covariates, n):
    if covariates is None:
        return None
    covariates = np.asarray(covariates, dtype=float)
    covariates = covariates[:, None] if covariates.ndim == 1 else covariates
    if n is not None and (covariates.ndim != 2 or len(covariates) != n):
        raise ValueError(f"covariates: got shape {covariates.shape}, expected ({n}, c)")
    return covariates


def _spread(columns, design):
    """Standard deviations [m] of columns, and which vary beyond the design."""
    centred = columns - columns.mean(axis=0)
    before = np.einsum("ij,ij->j", centred, centred)
    inside = design.T @ centred
    left = before - np.einsum("ij,ij->j", inside, inside)
    # The difference of sums is exact to rounding of `before`; only near it are columns looked at.
    doubtful = np.flatnonzero(left <= 1e-6 * before)
    rest = centred[:, doubtful] - design @ inside[:, doubtful]
    left[doubtful] = np.einsum("ij,ij->j", rest, rest)
    constant = columns.max(axis=0) == columns.min(axis=0)
    varies = ~constant & (left > _NO_VARIATION_LEFT * before)
    return np.sqrt(np.where(varies, before / len(columns), 1)), varies


def _spectrum(K):
    """Eigenvalues, increasing, and eigenvectors of a kinship matrix."""
    d, U = np.linalg.eigh(K)
    if d[0] < -_NEGATIVE_EIGENVALUE * max(abs(d[-1]), 1e-300):
        raise ValueError(
            f"K: got an eigenvalue of {d[0]:.4g} beside a largest of {d[-1]:.4g}, expected a "
            "positive semi-definite matrix"
        )
    return np.maximum(d, 0), U


def _chunks(p, n):
    step = max(1, _CHUNK_ENTRIES // n)
    return [slice(start, min(start + step, p)) for start in range(0, p, step)]


def _finite_columns(X, part):
    columns = np.array(X[:, part], dtype=float)
    finite = np.isfinite(columns).all(axis=0)
    if not finite.all():
        raise ValueError(
            f"X: got NaN or infinity in column {part.start + np.argmin(finite)}, expected finite "
            "numbers"
        )
    return columns


def _observed(y):
    keep = ~np.isnan(y)
    if not keep.any():
        raise ValueError(f"y: got {len(y)} missing values and no other, expected phenotypes")
    return keep


def _check_varies(y, design):
    left = y - design @ (design.T @ y)
    centred = y - y.mean()
    if y.max() == y.min() or left @ left <= _NO_VARIATION_LEFT * (centred @ centred):
        raise ValueError("y: got a trait that does not vary beyond the covariates, expected one")
    if len(y) <= design.shape[1] + 1:
        raise ValueError(
            f"y: got {len(y)} values, expected at least {design.shape[1] + 2} for an intercept, "
            f"{design.shape[1] - 1} covariates and two variances"
        )


def _check_trait(y):
    y = np.asarray(y, dtype=float)
    if y.ndim != 1 or y.size == 0:
        raise ValueError(f"y: got shape {y.shape}, expected one value a person")
    if np.isinf(y).any():
        raise ValueError("y: got infinity, expected finite numbers, or NaN where missing")
    return y


def _check_genotypes(X):
    X = np.asarray(X)
    if X.ndim != 2 or 0 in X.shape or X.dtype.kind not in "biuf":
        raise ValueError(
            f"X: got {X.dtype} of shape {X.shape}, expected real numbers of shape (people, "
            "variants)"
        )
    return X


def _check_kinship(K):
    K = np.asarray(K, dtype=float)
    if K.ndim != 2 or K.shape[0] != K.shape[1] or K.size == 0:
        raise ValueError(f"K: got shape {K.shape}, expected (people, people)")
    if not np.isfinite(K).all():
        raise ValueError("K: got NaN or infinity, expected finite numbers")
    largest = np.abs(K).max()
    if largest == 0:
        raise ValueError("K: got zeros only, expected a kinship matrix")
    if np.abs(K - K.T).max() > _ASYMMETRY * largest:
        raise ValueError(
            f"K: got an asymmetry of {np.abs(K - K.T).max():.4g}, expected a symmetric matrix"
        )
    return K


def _check_same_people(name, value, y):
    if len(value) != len(y):
        raise ValueError(f"{name}: got {len(value)} rows, expected {len(y)}, one for each of y")


def _check_rows(name, rows, n):
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.size == 0 or rows.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: got {rows.dtype} of shape {rows.shape}, expected indices of people, or one "
            f"truth value for each of {n}"
        )
    if rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"{name}: got {rows.min()} to {rows.max()}, expected 0 to {n - 1}")
    return rows
