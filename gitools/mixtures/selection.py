"""One-dimensional mixtures fitted to many data sets at once, and tests built on them.

A bootstrap fits thousands of small mixtures. Here every row of a matrix is a data set of its own,
and one step of EM is made for all rows together. R is the number of rows, n of samples in each,
K of components.

References
----------
Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete data
via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

McLachlan, G. J. (1987). On bootstrapping the likelihood ratio test statistic for the number of
components in a normal mixture. Applied Statistics 36, 318-324.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from gitools.mixtures._checks import check_integer, check_not_negative, generator

# Rows are worked on in blocks whose arrays stay in the processor's cache.
_BLOCK_ENTRIES = 2**16
# Rows that have converged are taken out of the block every so many steps.
_STEPS_BETWEEN_CHECKS = 5
_LOG_2PI = np.log(2 * np.pi)
# Below this variance (of standardised rows) squares are taken around the means themselves:
# expanded ones would lose their digits to cancellation.
_TIGHT = 1e-6


@dataclass(frozen=True)
class RowFits:
    """Mixtures fitted to the rows of a matrix.

    Attributes
    ----------
    weights, means, sds : float arrays of shape (R, K)
        Parameters; means and sds in units of the data. Components are in no order.
    log_likelihood : float array of shape (R,)
        Natural log-likelihood of the row, summed over its samples (without any prior).
    n_iter : int array of shape (R,)
        Steps of EM.
    converged : bool array of shape (R,)
        Whether the objective rose by less than ``tol`` a sample in the last step.
    """

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    log_likelihood: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray

    def take(self, rows) -> "RowFits":
        """Fits of some of the rows, given by an index array or a mask."""
        return RowFits(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def sample(self, n: int, random_state=None) -> np.ndarray:
        """Simulate ``n`` samples from each fitted mixture: float array of shape (R, n)."""
        rng = generator(random_state)
        edges = np.cumsum(self.weights, axis=1)[:, None, :-1]
        labels = (rng.random((len(self.weights), n, 1)) > edges).sum(axis=2)
        means = np.take_along_axis(self.means, labels, axis=1)
        return rng.normal(means, np.take_along_axis(self.sds, labels, axis=1))


@dataclass(frozen=True)
class BootstrapTest:
    """Outcome of `bootstrap_lrt`.

    Attributes
    ----------
    statistic : float
        Likelihood-ratio statistic of the data, twice a difference of log-likelihoods.
    null : float array of shape (n_bootstrap,)
        The statistic of data sets simulated from the smaller model.
    p_value : float
        (1 + how many of ``null`` reach ``statistic``) / (1 + n_bootstrap).
    """

    statistic: float
    null: np.ndarray
    p_value: float


def em_rows(
    X,
    weights,
    means,
    sds,
    *,
    floor=1e-6,
    dof=None,
    scale=None,
    tol=1e-7,
    max_iter=1000,
) -> RowFits:
    r"""EM for a one-dimensional Gaussian mixture in each row, from given parameters.

    With ``dof`` and ``scale`` the variances have an inverse-gamma prior, the one-dimensional
    inverse-Wishart of `MixturePrior`, and the M-step becomes
    :math:`\sigma_k^2 = (S_k + \lambda s^2) / (N_k + \nu + 2)`, with S_k the weighted sum of
    squares, s^2 the row's variance, :math:`\nu` the degrees of freedom, :math:`\lambda` the scale.

    Parameters
    ----------
    X : array of shape (R, n) or (n,)
        A data set in each row; one of shape (n,) is used for every start.
    weights, means, sds : arrays of shape (R, K)
        Where EM starts.
    floor : float
        Smallest variance of a component, relative to the variance of its row.
    dof, scale : float, optional
        Prior of the variances: nu >= 0 and lambda > 0 (relative to the row's variance). Both or
        neither.
    tol : float
        EM stops when the objective rises by less than this a sample.
    max_iter : int
        Largest number of steps.

    Returns
    -------
    RowFits

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range, or a row has fewer than two distinct values.

    References
    ----------
    Dempster, Laird and Rubin (1977); for the prior Fraley and Raftery (2007), Journal of
    Classification 24, 155-181.
    """
    X = _check_rows(X)
    if np.any(X.max(axis=1) == X.min(axis=1)):
        raise ValueError("X: got a row of equal values, expected at least two distinct ones")
    weights, means, sds = _check_start(weights, means, sds)
    if len(X) not in (1, len(means)):
        raise ValueError(f"X: got {len(X)} rows, expected 1 or one for each of {len(means)} starts")
    check_not_negative(floor, "floor")
    check_not_negative(tol, "tol")
    check_integer(max_iter, "max_iter", 1)
    prior = _check_prior(dof, scale)
    centre, unit = X.mean(axis=1, keepdims=True), X.std(axis=1, keepdims=True)
    Z = (X - centre) / unit
    start = [weights, (means - centre) / unit, (sds / unit) ** 2]
    step = max(1, _BLOCK_ENTRIES // (X.shape[1] * means.shape[1]))
    blocks = [
        _fit_block(
            Z if len(Z) == 1 else Z[rows], [p[rows] for p in start], floor, prior, tol, max_iter
        )
        for rows in (slice(i, i + step) for i in range(0, len(means), step))
    ]
    weights, means, variances, objective, n_iter, converged = map(
        np.concatenate, zip(*blocks, strict=True)
    )
    log_likelihood = objective - X.shape[1] * np.log(unit[:, 0])
    fits = weights, centre + unit * means, unit * np.sqrt(variances)
    return RowFits(*fits, log_likelihood, n_iter, converged)


def fit_rows(
    X,
    n_components,
    *,
    n_starts=4,
    init="k-means++",
    floor=1e-6,
    dof=None,
    scale=None,
    tol=1e-7,
    max_iter=1000,
    random_state=None,
) -> RowFits:
    """Best of several runs of EM in each row.

    Each run starts from equal weights, from means drawn by `start_means`, and from a common
    standard deviation, that of the row divided by the number of components.

    Parameters
    ----------
    X : array of shape (R, n) or (n,)
        A data set in each row.
    n_components : int
        Number of components K, at least 1.
    n_starts : int
        Runs of EM for each row.
    init : {"k-means++", "points"}
        How starting means are drawn, see `start_means`.
    floor, dof, scale, tol, max_iter
        See `em_rows`.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    RowFits
        The run of the highest log-likelihood in each row (with a prior: likewise).

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range.
    """
    X = _check_rows(X)
    check_integer(n_starts, "n_starts", 1)
    repeated = np.repeat(X, 1 if n_components == 1 else n_starts, axis=0)
    means = start_means(repeated, n_components, init=init, random_state=random_state)
    weights = np.full(means.shape, 1 / n_components)
    sds = np.repeat(repeated.std(axis=1, keepdims=True), n_components, axis=1) / n_components
    fits = em_rows(
        repeated,
        weights,
        means,
        sds,
        floor=floor,
        dof=dof,
        scale=scale,
        tol=tol,
        max_iter=max_iter,
    )
    of_row = fits.log_likelihood.reshape(len(X), -1)
    return fits.take(np.arange(len(X)) * of_row.shape[1] + of_row.argmax(axis=1))


def start_means(X, n_components, *, init="k-means++", random_state=None) -> np.ndarray:
    """Draw starting means among the samples of each row.

    Parameters
    ----------
    X : array of shape (R, n) or (n,)
        A data set in each row.
    n_components : int
        Number of means, from 1 to n.
    init : {"k-means++", "points"}
        "points": samples drawn without replacement, each as likely. "k-means++": the first so,
        each further one with a probability proportional to the squared distance to the nearest
        mean drawn before.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    float array of shape (R, n_components)

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range.

    References
    ----------
    Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    Proceedings of the 18th ACM-SIAM Symposium on Discrete Algorithms, 1027-1035.
    """
    X = _check_rows(X)
    check_integer(n_components, "n_components", 1, X.shape[1])
    rng = generator(random_state)
    if init == "points":
        drawn = rng.random(X.shape).argsort(axis=1)[:, :n_components]
        return np.take_along_axis(X, drawn, axis=1)
    if init != "k-means++":
        raise ValueError(f"init: got {init!r}, expected 'k-means++' or 'points'")
    rows = np.arange(len(X))
    means = np.empty((len(X), n_components))
    nearest = np.ones_like(X)
    for k in range(n_components):
        mass = nearest.cumsum(axis=1)
        drawn = (mass <= rng.random((len(X), 1)) * mass[:, -1:]).sum(axis=1)
        means[:, k] = X[rows, np.minimum(drawn, X.shape[1] - 1)]
        distance = (X - means[:, k, None]) ** 2
        nearest = distance if k == 0 else np.minimum(nearest, distance)
    return means


def row_posteriors(X, fits: RowFits) -> tuple[np.ndarray, np.ndarray]:
    """Log density and responsibilities of samples under the mixture of their row.

    Parameters
    ----------
    X : array of shape (R, n) or (n,)
        Samples, in units of the data.
    fits : RowFits
        R mixtures.

    Returns
    -------
    log_density : float array of shape (R, n)
        Natural logarithm of the mixture's density at each sample.
    responsibilities : float array of shape (R, K, n)
        Posterior probability of each component; sums to 1 over components.

    Raises
    ------
    ValueError
        If the numbers of rows disagree or X is not finite.
    """
    X = _check_rows(X)
    if len(X) not in (1, len(fits.means)):
        raise ValueError(f"X: got {len(X)} rows, expected 1 or {len(fits.means)}")
    scaled = (X[:, None, :] - fits.means[:, :, None]) / fits.sds[:, :, None]
    with np.errstate(divide="ignore"):
        # An emptied component has weight zero: its responsibility is then zero as well.
        offset = np.log(fits.weights) - np.log(fits.sds) - _LOG_2PI / 2
    return _normalise(offset[:, :, None] - scaled**2 / 2)


def bootstrap_lrt(
    x,
    n_components=1,
    *,
    n_bootstrap=99,
    n_starts=4,
    floor=1e-2,
    tol=1e-6,
    max_iter=500,
    random_state=None,
) -> BootstrapTest:
    """Parametric bootstrap test of K components against K + 1, in one dimension.

    Data sets of the same size are simulated from the mixture fitted with K components, and both
    models are fitted to each of them exactly as to the data. Unequal variances throughout.

    Parameters
    ----------
    x : array of shape (n,)
        The data.
    n_components : int
        K, the number of components under the null hypothesis.
    n_bootstrap : int
        Simulated data sets. At level a the test is exact for K = 1 where
        ``a * (n_bootstrap + 1)`` is an integer.
    n_starts : int
        Runs of EM for each fit.
    floor : float
        Smallest variance of a component relative to the data's; without one the statistic is
        the height of the narrowest spike.
    tol, max_iter
        See `em_rows`.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    BootstrapTest

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range.

    References
    ----------
    McLachlan (1987).
    """
    X = _check_rows(x)
    if len(X) != 1:
        raise ValueError(f"x: got shape {np.shape(x)}, expected (n,)")
    check_integer(n_components, "n_components", 1)
    check_integer(n_bootstrap, "n_bootstrap", 1)
    rng = generator(random_state)
    settings = {"n_starts": n_starts, "floor": floor, "tol": tol, "max_iter": max_iter}
    null_fit = fit_rows(X, n_components, random_state=rng, **settings)
    repeated = null_fit.take(np.zeros(n_bootstrap, dtype=int))
    simulated = repeated.sample(X.shape[1], rng)
    statistics = lrt_rows(np.vstack([X, simulated]), n_components, random_state=rng, **settings)
    reached = np.count_nonzero(statistics[1:] >= statistics[0])
    return BootstrapTest(float(statistics[0]), statistics[1:], (1 + reached) / (1 + n_bootstrap))


def lrt_rows(X, n_components=1, *, random_state=None, **settings) -> np.ndarray:
    """Likelihood-ratio statistic of K components against K + 1, in each row.

    Parameters
    ----------
    X : array of shape (R, n)
        A data set in each row.
    n_components : int
        K.
    random_state : int, numpy Generator or None
        Source of randomness of the starts.
    **settings
        Passed on to `fit_rows`.

    Returns
    -------
    float array of shape (R,)
        Twice the difference of the two log-likelihoods. It can be slightly negative where EM
        missed the better optimum of the larger model.

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range.
    """
    rng = generator(random_state)
    smaller = fit_rows(X, n_components, random_state=rng, **settings)
    larger = fit_rows(X, n_components + 1, random_state=rng, **settings)
    return 2 * (larger.log_likelihood - smaller.log_likelihood)


def count_optima(log_likelihoods, tol=1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Group the end points of several runs of EM by their height.

    Parameters
    ----------
    log_likelihoods : array of shape (runs,)
        Log-likelihoods where the runs ended.
    tol : float
        Neighbours in height closer than this count as one optimum. EM itself stops a little
        short of the top, so tol must be well above its own tolerance.

    Returns
    -------
    heights : float array of shape (optima,)
        The best log-likelihood of each group, highest first.
    counts : int array of shape (optima,)
        How many runs ended there.

    Raises
    ------
    ValueError
        If `log_likelihoods` is not a finite vector or `tol` is negative.
    """
    values = np.asarray(log_likelihoods, dtype=float)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"log_likelihoods: got shape {values.shape} or values that are not finite, "
            "expected a finite vector"
        )
    check_not_negative(tol, "tol")
    values = np.sort(values)[::-1]
    first = np.concatenate([[True], -np.diff(values) > tol])
    starts = np.flatnonzero(first)
    return values[starts], np.diff(np.append(starts, len(values)))


def align_labels(means, reference) -> np.ndarray:
    """Order in which components match those of a reference, in one dimension.

    Parameters
    ----------
    means : array of shape (R, K)
        Component means of each fit, in any order.
    reference : array of shape (K,)
        Means to match. The sum of squared distances is minimised over permutations.

    Returns
    -------
    int array of shape (R, K)
        ``order`` such that ``np.take_along_axis(means, order, axis=1)`` matches the reference.

    Raises
    ------
    ValueError
        If shapes disagree or values are not finite.

    References
    ----------
    Stephens, M. (2000). Dealing with label switching in mixture models. Journal of the Royal
    Statistical Society B 62, 795-809 (relabelling as an assignment problem).
    """
    means, reference = np.asarray(means, dtype=float), np.asarray(reference, dtype=float)
    if reference.ndim != 1 or means.ndim != 2 or means.shape[1] != len(reference):
        raise ValueError(
            f"means: got shape {means.shape} for a reference of shape {reference.shape}, "
            "expected (R, K) and (K,)"
        )
    if not (np.isfinite(means).all() and np.isfinite(reference).all()):
        raise ValueError("means: got values that are not finite, expected finite ones")
    costs = (means[:, None, :] - reference[None, :, None]) ** 2
    return np.array([linear_sum_assignment(cost)[1] for cost in costs], dtype=int)


def _fit_block(Z, start, floor, prior, tol, max_iter):
    """EM on standardised rows; returns parameters, log-likelihood, steps and convergence."""
    n_starts, n = len(start[1]), Z.shape[1]
    weights, means, variances = (np.array(p) for p in start)
    variances = np.maximum(variances, floor)
    features = np.stack([np.ones_like(Z), Z, Z**2], axis=1)
    objective = np.full(n_starts, -np.inf)
    n_iter = np.zeros(n_starts, dtype=int)
    converged = np.zeros(n_starts, dtype=bool)
    for t in range(max_iter):
        if t % _STEPS_BETWEEN_CHECKS == 0:
            active = np.flatnonzero(~converged)
            here = features if len(Z) == 1 else features[active]
            if active.size == 0:
                break
        parameters = weights[active], means[active], variances[active]
        density, responsibilities = _normalise(_log_joint(here, *parameters))
        reached = density.sum(axis=1) + _log_prior(parameters[2], prior)
        converged[active] = reached - objective[active] < tol * n
        objective[active] = reached
        rising = ~converged[active]
        updated = _m_step(responsibilities, here, parameters[2].min() < _TIGHT, floor, prior)
        for old, new in zip((weights, means, variances), updated, strict=True):
            old[active[rising]] = new[rising]
        n_iter[active[rising]] = t + 1
    density, _ = _normalise(_log_joint(features, weights, means, variances))
    return weights, means, variances, density.sum(axis=1), n_iter, converged


def _log_joint(features, weights, means, variances):
    """Log of weight times density, shape (R, K, n), as a product with the quadratic features."""
    with np.errstate(divide="ignore"):
        constant = np.log(weights) - (np.log(variances) + _LOG_2PI) / 2
    if variances.min() < _TIGHT:
        squares = (features[:, 1:2] - means[:, :, None]) ** 2
        return constant[:, :, None] - squares / (2 * variances[:, :, None])
    constant -= means**2 / (2 * variances)
    return np.stack([constant, means / variances, -0.5 / variances], axis=2) @ features


def _normalise(log_joint):
    """Log-sum-exp over components and the responsibilities; reuses the memory of its argument."""
    top = log_joint.max(axis=1, keepdims=True)
    log_joint -= top
    np.exp(log_joint, out=log_joint)
    total = log_joint.sum(axis=1, keepdims=True)
    log_joint /= total
    return (top + np.log(total))[:, 0], log_joint


def _m_step(responsibilities, features, tight, floor, prior):
    exponent, scale = prior
    moments = responsibilities @ features.transpose(0, 2, 1)
    counts = np.maximum(moments[:, :, 0], 1e-300)
    means = moments[:, :, 1] / counts
    if tight:
        squares = (features[:, 1:2] - means[:, :, None]) ** 2
        scatter = (responsibilities * squares).sum(axis=2)
    else:
        scatter = np.maximum(moments[:, :, 2] - counts * means**2, 0)
    variances = np.maximum((scatter + scale) / (counts + exponent), floor)
    return moments[:, :, 0] / features.shape[2], means, variances


def _log_prior(variances, prior):
    exponent, scale = prior
    if exponent == 0:
        return 0.0
    return -0.5 * (exponent * np.log(variances) + scale / variances).sum(axis=1)


def _check_rows(X):
    try:
        X = np.asarray(X, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("X: got values that are not numbers, expected real numbers") from None
    X = X[None] if X.ndim == 1 else X
    if X.ndim != 2 or X.shape[1] < 2 or X.shape[0] < 1:
        raise ValueError(f"X: got shape {X.shape}, expected (R, n) or (n,) with n of at least 2")
    if not np.isfinite(X).all():
        raise ValueError("X: got NaN or infinite values, expected finite ones")
    return X


def _check_start(weights, means, sds):
    named = {"weights": weights, "means": means, "sds": sds}
    arrays = {name: np.asarray(value, dtype=float) for name, value in named.items()}
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape != arrays["means"].shape:
            raise ValueError(
                f"{name}: got shape {array.shape}, expected (R, K) as means, "
                f"{arrays['means'].shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: got NaN or infinite values, expected finite ones")
    if arrays["weights"].min() < 0 or np.abs(arrays["weights"].sum(axis=1) - 1).max() > 1e-6:
        raise ValueError("weights: got a row that is no distribution, expected sums of 1")
    if arrays["sds"].min() <= 0:
        raise ValueError(f"sds: got {arrays['sds'].min():g}, expected positive numbers")
    return tuple(arrays.values())


def _check_prior(dof, scale):
    """Exponent nu + 2 and scale of the inverse-gamma prior; zeros where there is none."""
    if (dof is None) != (scale is None):
        raise ValueError("dof: got one of dof and scale, expected both or neither")
    if dof is None:
        return 0.0, 0.0
    check_not_negative(dof, "dof")
    check_not_negative(scale, "scale")
    return dof + 2.0, float(scale)
