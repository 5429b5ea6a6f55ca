r"""Tail probabilities of weighted sums of chi-square variables.

The sum is :math:`Q = \sum_i w_i X_i`, :math:`X_i` independent chi-square variables with one degree
of freedom, :math:`w_i > 0`: what a sum of squares of correlated normal variables is distributed as,
the weights being the eigenvalues of their correlation matrix.

References
----------
Rice, S. O. (1980). Distribution of quadratic forms in normal random variables: evaluation by
numerical integration. SIAM Journal on Scientific and Statistical Computing 1, 438-448 (integration
along a path through the saddlepoint).

Daniels, H. E. (1954). Saddlepoint approximations in statistics. Annals of Mathematical Statistics
25, 631-650.

Liu, H., Tang, Y. and Zhang, H. H. (2009). A new chi-square approximation to the distribution of
non-negative definite quadratic forms in non-central normal variables. Computational Statistics and
Data Analysis 53, 853-856.
"""

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

# Step along the path, and nodes computed at once.
_STEP = 0.1
_NODES = 8
_FARTHEST = 60.0
# Nodes that add less than this share of the integral end it.
_NEGLIGIBLE = 1e-15
# Complex numbers held at once: what stays in a processor's cache.
_CHUNK_ENTRIES = 2**14
# Curvature of the path relative to its width: from nearly straight to an asymptote of 45 degrees.
_LEAST_BEND, _MOST_BEND = 0.5, 1.0
# Threshold over the largest weight below which it counts as zero.
_ALMOST_ZERO = 1e-300
# Factors multiplied before a logarithm is taken.
_FACTORS = 32


def weighted_chi2_sf(q, weights, *, log: bool = False):
    r"""Probability that a weighted sum of chi-square variables exceeds a threshold.

    With the cumulant generating function
    :math:`K(t) = -\tfrac12 \sum_i \log(1 - 2 w_i t)`,

    .. math:: P(Q > q) = \frac{1}{2 \pi i} \int_{c - i\infty}^{c + i\infty}
              e^{K(t) - q t} \frac{dt}{t}, \qquad 0 < c < \frac{1}{2 \max w_i} .

    The path is bent to a hyperbola around the branch points on the real axis, through the
    saddlepoint of the whole integrand, and the trapezoidal rule converges geometrically on it.
    Below the mean the path passes to the left of the pole and gives :math:`P(Q \le q)`.

    Parameters
    ----------
    q : float or array
        Thresholds, in units of Q. With one set of weights, of any shape; with several, one number
        or one for each set.
    weights : array of shape (m,), or array of shape (n_sets, m), or sequence of arrays
        One set of weights, or several: rows padded by zeros, or a list of vectors of any lengths.
        No weight may be negative (set eigenvalues that are negative by rounding to zero); zeros are
        left out.
    log : bool
        Whether to return natural logarithms, which do not underflow.

    Returns
    -------
    float or ndarray
        Probabilities, of the shape of q, or (n_sets,). 1 where q <= 0, 0 where q is infinite.
        In the upper tail the relative error is some 1e-12, at most 1e-9, down to the smallest
        normal double (2e-308); below the mean they are complements of probabilities as accurate.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, a set has no positive weight, q has NaN, or the
        number of thresholds is not that of the sets.

    References
    ----------
    Rice (1980).

    Examples
    --------
    >>> from gitools.association import weighted_chi2_sf
    >>> round(weighted_chi2_sf(3.841459, [1.0]), 6)
    0.05
    """
    sets, several = _check_weights(weights)
    q = _check_thresholds(q, len(sets) if several else None)
    shape = (len(sets),) if several else q.shape
    thresholds = np.broadcast_to(q, shape).ravel()
    rows = np.arange(len(sets)) if several else np.zeros(thresholds.size, dtype=int)
    largest = sets.max(axis=1)
    scaled = sets / largest[:, None]
    # Q itself is below so small a threshold with a probability of less than 1e-150.
    sure = thresholds <= _ALMOST_ZERO * largest[rows]
    logs = np.where(sure, 0.0, -np.inf)
    inside = np.flatnonzero(~sure & np.isfinite(thresholds))
    step = _CHUNK_ENTRIES // _NODES
    for start in range(0, inside.size, step):
        at = inside[start : start + step]
        logs[at] = _log_sf(scaled[rows[at]], thresholds[at] / largest[rows[at]])
    result = (logs if log else np.exp(logs)).reshape(shape)
    return float(result) if result.ndim == 0 else result


def liu_sf(q, weights):
    r"""Moment approximation to the tail of a weighted sum of chi-square variables.

    A chi-square variable, shifted and scaled, with the mean, variance and skewness of Q: with
    :math:`c_k = \sum_i w_i^k` it has :math:`l = c_2^3 / c_3^2` degrees of freedom. (Liu's fourth
    moment enters only where :math:`c_3^2 > c_2 c_4`, which the Cauchy-Schwarz inequality forbids
    when the variables are central.) Far out it errs by factors; `weighted_chi2_sf` does not.

    Parameters
    ----------
    q, weights
        See `weighted_chi2_sf`.

    Returns
    -------
    float or ndarray
        Approximate probabilities.

    Raises
    ------
    ValueError
        See `weighted_chi2_sf`.

    References
    ----------
    Liu, Tang and Zhang (2009).
    """
    sets, several = _check_weights(weights)
    q = _check_thresholds(q, len(sets) if several else None)
    # A common scale changes nothing, and keeps the powers from underflowing.
    scale = sets.max(axis=1)
    c1, c2, c3 = ((sets / scale[:, None]) ** k for k in (1, 2, 3))
    c1, c2, c3 = c1.sum(axis=1), c2.sum(axis=1), c3.sum(axis=1)
    if not several:
        scale, c1, c2, c3 = scale[0], c1[0], c2[0], c3[0]
    df = c2**3 / c3**2
    standardised = (q / scale - c1) / np.sqrt(2 * c2)
    result = chi2.sf(standardised * np.sqrt(2 * df) + df, df)
    return float(result) if np.ndim(result) == 0 else result


def _log_sf(w, q):
    """Logarithms of P(Q > q), for weights [g, m] whose largest is 1 and thresholds [g] > 0."""
    upper = q > w.sum(axis=1)
    c, s = np.empty_like(q), np.empty_like(q)
    if upper.any():
        c[upper], s[upper] = _upper_saddle(w[upper], q[upper])
    if not upper.all():
        c[~upper], s[~upper] = _lower_saddle(w[~upper], q[~upper])
    # 1 - 2 w c, written so that nothing cancels near the branch point of the largest weight.
    distances = 1 - w + w * s[:, None]
    ratios = w / distances
    peak = -0.5 * np.log(distances).sum(axis=1) - c * q - np.log(np.abs(c))
    logs = peak + np.log(_path_integral(ratios, q, c))
    return np.where(upper, np.minimum(logs, 0), np.log1p(-np.exp(np.where(upper, -1, logs))))


def _path_integral(ratios, q, c):
    """The integral over the integrand's value at c, where the path crosses the real axis."""
    curvature = 2 * (ratios**2).sum(axis=1) + 1 / c**2
    third = 8 * (ratios**3).sum(axis=1) - 2 / c**3
    width = 1 / np.sqrt(curvature)
    # The path of steepest descent leaves c along i v + third / (6 curvature) v^2.
    bend = width * np.clip(third * width**3 / 3, _LEAST_BEND, _MOST_BEND)
    total = width / 2
    active = np.arange(len(q))
    for first in range(1, int(_FARTHEST / _STEP), _NODES):
        v = _STEP * np.arange(first, first + _NODES)
        along, across = bend[active, None], width[active, None]
        delta = along * (np.cosh(v) - 1) + 1j * across * np.sinh(v)
        speed = along * np.sinh(v) + 1j * across * np.cosh(v)
        exponent = -0.5 * _sum_of_logs(ratios[active], delta) - q[active, None] * delta
        exponent -= np.log1p(delta / c[active, None])
        values = np.exp(exponent) * speed
        total[active] += values.imag.sum(axis=1)
        active = active[np.abs(values[:, -1]) > _NEGLIGIBLE * total[active]]
        if not active.size:
            break
    return _STEP / np.pi * total


def _sum_of_logs(ratios, delta):
    """Sum over i of log(1 - 2 r_i delta): [g, m] and [g, nodes] to [g, nodes]."""
    total = np.zeros_like(delta)
    for first in range(0, ratios.shape[1], _FACTORS):
        total += _log_of_product(ratios[:, first : first + _FACTORS], delta)
    return total


def _log_of_product(ratios, delta):
    """The same for few enough factors that their product cannot overflow."""
    # One logarithm for many factors. Each turns the product clockwise by less than half a turn, so
    # the sign of the imaginary part changes once for every half turn.
    product = np.ones_like(delta)
    half_turns = np.zeros(delta.shape, dtype=int)
    above = np.zeros(delta.shape, dtype=bool)
    for r in ratios.T:
        product *= 1 - (2 * r[:, None]) * delta
        now_above = product.imag > 0
        half_turns += now_above != above
        above = now_above
    return np.log(product) - 2j * np.pi * ((half_turns + 1) // 2)


def _upper_saddle(w, q):
    """Minimum over (0, 1/2) of K(t) - q t - log t; returns t and 1 - 2 t."""

    def slope(x):
        s, rest = expit(x), expit(-x)
        ratios = w / (1 - w + w * s[:, None])
        value = ratios.sum(axis=1) - q - 2 / rest
        second = 2 * (ratios**2).sum(axis=1) + 4 / rest**2
        return value, -second * s * rest / 2

    low = 1 / (q + 4)
    high = np.maximum(0.5, 1 - 1 / w.sum(axis=1))
    x = _root(slope, np.log(low / (1 - low)), np.log(high / (1 - high)))
    return expit(-x) / 2, expit(x)


def _lower_saddle(w, q):
    """Minimum over t < 0 of K(t) - q t - log(-t); returns t and 1 - 2 t."""

    def slope(x):
        size = np.exp(x)
        ratios = w / (1 + 2 * size[:, None] * w)
        value = ratios.sum(axis=1) - q + 1 / size
        return value, -(2 * (ratios**2).sum(axis=1) + 1 / size**2) * size

    n_weights = (w > 0).sum(axis=1)
    x = _root(slope, -np.log(q), np.log(n_weights / 2 + 1) - np.log(q))
    return -np.exp(x), 1 + 2 * np.exp(x)


def _root(slope, low, high):
    """Roots of falling functions by Newton's method within a bracket; near ones are enough."""
    x = (low + high) / 2
    for _ in range(60):
        value, derivative = slope(x)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        proposed = x - value / derivative
        inside = (proposed >= low) & (proposed <= high)
        new = np.where(inside, proposed, (low + high) / 2)
        moved = np.abs(new - x).max()
        x = new
        if moved < 1e-3:
            break
    return x


def _check_weights(weights):
    """Weights as rows, padded by zeros, and whether there are several sets."""
    rows = _rows_of(weights)
    several = rows is not None
    try:
        sets = _padded(rows) if several else np.atleast_2d(np.asarray(weights, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(
            f"weights: got {type(weights).__name__} that holds something else, expected numbers, "
            "or a list of vectors"
        ) from None
    if sets.ndim != 2 or sets.size == 0:
        raise ValueError(
            f"weights: got shape {np.shape(weights)}, expected (m,), (n_sets, m) or a list of "
            "vectors, none of them empty"
        )
    if not np.all(np.isfinite(sets)):
        raise ValueError("weights: got NaN or infinity, expected finite numbers")
    if sets.min() < 0:
        raise ValueError(
            f"weights: got {sets.min():.3g}, expected none below 0 (set what is negative by "
            "rounding to 0)"
        )
    if not np.all(sets.max(axis=1) > 0):
        raise ValueError(
            f"weights: got only zeros in set {np.argmin(sets.max(axis=1) > 0)}, expected a "
            "positive one"
        )
    return sets, several


def _rows_of(weights):
    """The sets, or None if the weights are one set."""
    if isinstance(weights, np.ndarray) and weights.dtype != object:
        return None if weights.ndim < 2 else weights
    weights = list(weights) if np.iterable(weights) else [weights]
    return None if all(np.ndim(row) == 0 for row in weights) else weights


def _padded(rows):
    if isinstance(rows, np.ndarray):
        return rows.astype(float)
    rows = [np.asarray(row, dtype=float) for row in rows]
    if any(row.ndim != 1 for row in rows):
        raise ValueError("rows are vectors")
    sets = np.zeros((len(rows), max(row.size for row in rows)))
    for place, row in zip(sets, rows, strict=True):
        place[: row.size] = row
    return sets


def _check_thresholds(q, n_sets):
    try:
        q = np.asarray(q, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"q: got {type(q).__name__}, expected numbers") from None
    if np.any(np.isnan(q)):
        raise ValueError("q: got NaN, expected numbers")
    if n_sets is not None and q.shape not in ((), (n_sets,)):
        raise ValueError(
            f"q: got shape {q.shape}, expected one number or ({n_sets},), as there are {n_sets} "
            "sets of weights"
        )
    return q
