r"""Gaussian mixtures with a tail, fitted to many data sets at once.

A component of constant density over the range of the data takes up what no Gaussian explains:

.. math:: p(x) = \frac{w_0}{b - a} + \sum_{k=1}^K w_k \, N(x; \mu_k, \sigma_k^2),

with a and b the smallest and the largest sample. R is the number of rows (data sets), n of samples
in each, K of Gaussians.

References
----------
Banfield, J. D. and Raftery, A. E. (1993). Model-based Gaussian and non-Gaussian clustering.
Biometrics 49, 803-821 (noise of constant density in a mixture).
"""

from dataclasses import dataclass

import numpy as np

from gitools.mixtures._checks import check_integer, check_not_negative
from gitools.mixtures.selection import _check_rows, start_means

# Weight of the tail at the start: enough to be taken up, too little to take a mode.
_FIRST_TAIL = 0.1


@dataclass(frozen=True)
class TailFits:
    """Mixtures with a tail fitted to the rows of a matrix.

    Attributes
    ----------
    weights, means, sds : float arrays of shape (R, K)
        The Gaussians; means and sds in units of the data, in increasing order of the means.
    tail_weight : float array of shape (R,)
        Weight of the constant density; with ``weights`` it sums to 1.
    low, high : float arrays of shape (R,)
        Ends of the constant density, in units of the data.
    log_likelihood : float array of shape (R,)
        Natural log-likelihood of the row, summed over its samples.
    n_iter : int array of shape (R,)
        Steps of EM.
    converged : bool array of shape (R,)
        Whether the log-likelihood rose by less than ``tol`` a sample in the last step.
    """

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    tail_weight: np.ndarray
    low: np.ndarray
    high: np.ndarray
    log_likelihood: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray

    def bic(self, n: int) -> np.ndarray:
        """Bayesian information criterion (smaller is better) at ``n`` samples, shape (R,).

        3 K free parameters: K means, K variances and K + 1 weights that sum to 1. The ends of the
        tail are the data's own and not counted.
        """
        return -2 * self.log_likelihood + 3 * self.means.shape[1] * np.log(n)


def fit_with_tail(
    X,
    n_components: int,
    *,
    n_starts: int = 4,
    floor: float = 1e-3,
    tol: float = 1e-7,
    max_iter: int = 1000,
    random_state=None,
) -> TailFits:
    """Fit Gaussians and a tail to each row by EM, the best of several starts.

    Starting means are samples drawn at random (spread-out draws would begin in the tail), with
    equal weights and standard deviations of the row's divided by K.

    Parameters
    ----------
    X : array of shape (R, n) or (n,)
        A data set in each row.
    n_components : int
        Number of Gaussians K, at least 1.
    n_starts : int
        Runs of EM for each row.
    floor : float
        Smallest variance of a Gaussian, relative to the variance of its row.
    tol : float
        EM stops when the log-likelihood rises by less than this a sample.
    max_iter : int
        Largest number of steps.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    TailFits

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range, or a row of X is constant.
    """
    X = _check_rows(X)
    check_integer(n_starts, "n_starts", 1)
    check_integer(max_iter, "max_iter", 1)
    check_not_negative(floor, "floor")
    check_not_negative(tol, "tol")
    if (np.ptp(X, axis=1) == 0).any():
        row = int(np.flatnonzero(np.ptp(X, axis=1) == 0)[0])
        raise ValueError(f"X: got the constant row {row}, expected rows that vary")
    repeated = np.repeat(X, n_starts, axis=0)
    means = start_means(repeated, n_components, init="points", random_state=random_state)
    fits = _em(repeated, means, floor, tol, max_iter)
    best = fits[-3].reshape(len(X), n_starts).argmax(axis=1) + np.arange(len(X)) * n_starts
    return _in_order([values[best] for values in fits], X)


def tail_posteriors(X, fits: TailFits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log density and responsibilities of samples under the mixture of their row.

    Parameters
    ----------
    X : array of shape (R, n) or (n,)
        Samples, in units of the data.
    fits : TailFits
        R mixtures.

    Returns
    -------
    log_density : float array of shape (R, n)
        Natural logarithm of the mixture's density at each sample.
    responsibilities : float array of shape (R, K, n)
        Posterior probability of each Gaussian.
    tail : float array of shape (R, n)
        Posterior probability of the tail; 1 minus the sum of the others.

    Raises
    ------
    ValueError
        If the numbers of rows disagree or X is not finite.
    """
    X = _check_rows(X)
    if len(X) != len(fits.means):
        raise ValueError(f"X: got {len(X)} rows, expected {len(fits.means)}")
    inside = (fits.low[:, None] <= X) & (fits.high[:, None] >= X)
    flat = np.where(inside, -np.log(fits.high - fits.low)[:, None], -np.inf)
    return _responsibilities(X, fits.weights, fits.means, fits.sds, fits.tail_weight, flat)


def _responsibilities(X, weights, means, sds, tail_weight, flat):
    scaled = (X[:, None, :] - means[:, :, None]) / sds[:, :, None]
    with np.errstate(divide="ignore"):
        # An emptied component has weight zero: its responsibility is then zero as well.
        offset = np.log(weights) - np.log(sds) - np.log(2 * np.pi) / 2
        in_tail = np.log(tail_weight)[:, None] + flat
    log_joint = np.concatenate([offset[:, :, None] - scaled**2 / 2, in_tail[:, None]], axis=1)
    top = log_joint.max(axis=1, keepdims=True)
    r = np.exp(log_joint - top)
    total = r.sum(axis=1, keepdims=True)
    r /= total
    return (top + np.log(total))[:, 0], r[:, :-1], r[:, -1]


def _em(X, means, floor, tol, max_iter):
    """Weights, means, sds, tail weight, log-likelihood, steps and convergence of every row."""
    R, n, K = *X.shape, means.shape[1]
    spread = X.std(axis=1)
    flat = np.repeat(-np.log(np.ptp(X, axis=1))[:, None], n, axis=1)
    state = [
        np.full((R, K), (1 - _FIRST_TAIL) / K),
        means.copy(),
        np.repeat(spread[:, None], K, axis=1) / K,
        np.full(R, _FIRST_TAIL),
    ]
    smallest = floor * spread**2
    reached = np.full(R, -np.inf)
    n_iter, converged = np.zeros(R, dtype=int), np.zeros(R, dtype=bool)
    active = np.arange(R)
    for _ in range(max_iter):
        parameters = [values[active] for values in state]
        density, r, tail = _responsibilities(X[active], *parameters, flat[active])
        log_likelihood = density.sum(axis=1)
        still = log_likelihood - reached[active] >= tol * n
        reached[active], converged[active] = log_likelihood, ~still
        active = active[still]
        if active.size == 0:
            break
        updated = _m_step(X[active], r[still], tail[still], smallest[active])
        for old, new in zip(state, updated, strict=True):
            old[active] = new
        n_iter[active] += 1
    density, _, _ = _responsibilities(X, *state, flat)
    return [*state, density.sum(axis=1), n_iter, converged]


def _m_step(X, r, tail, smallest):
    counts = np.maximum(r.sum(axis=2), 1e-300)
    means = (r @ X[:, :, None])[:, :, 0] / counts
    squares = (r * (X[:, None, :] - means[:, :, None]) ** 2).sum(axis=2)
    sds = np.sqrt(np.maximum(squares / counts, smallest[:, None]))
    return counts / X.shape[1], means, sds, tail.mean(axis=1)


def _in_order(values, X):
    weights, means, sds, tail_weight, log_likelihood, n_iter, converged = values
    order = means.argsort(axis=1)
    gaussians = [np.take_along_axis(p, order, axis=1) for p in (weights, means, sds)]
    ends = X.min(axis=1), X.max(axis=1)
    return TailFits(*gaussians, tail_weight, *ends, log_likelihood, n_iter, converged)
