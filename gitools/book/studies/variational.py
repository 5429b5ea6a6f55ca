"""How often mean field's intervals hold the truth, and its inclusion probabilities say it."""

import os
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, expit, gammaln, xlogy
from tqdm import trange

_LEVEL = 0.9
_SPLITS = (0.3, 0.5, 0.7)
_BURN_IN = 500


class Prior(NamedTuple):
    """Conjugate prior of a mixture of two Gaussians in one dimension, the same for both.

    Attributes
    ----------
    alpha : float
        Parameter of the Dirichlet distribution of the weights.
    m, kappa : float
        The mean of a component is normal around ``m`` with precision ``kappa`` times its own.
    a, b : float
        Shape and rate of the gamma distribution of a component's precision.
    """

    alpha: float
    m: float
    kappa: float
    a: float
    b: float


class Intervals(NamedTuple):
    """Intervals of 90 % for the two means in order, over simulated data sets.

    Attributes
    ----------
    held : dict of str to bool array of shape (n_sets, 2)
        Whether the interval of a method ("mean field", "Gibbs") holds the true mean.
    width : dict of str to float array of shape (n_sets, 2)
    distance : float array of shape (n_sets,)
        Distance of the two means as mean field estimates it, in units of the trait.
    """

    held: dict
    width: dict
    distance: np.ndarray


def mixture_intervals(
    prior: Prior, n_samples, n_sets, *, n_draws=4000, random_state=None
) -> Intervals:
    """Draw parameters from the prior and data from them, then intervals by two methods.

    Since the parameters come from the prior, intervals of the exact posterior hold them in 90 %
    of the data sets, whatever the data are sorted by. Both methods take their intervals from
    ``n_draws`` draws of the two means, put in order in every draw, so that the numbering of the
    components does not matter. Mean field is started from three splits of the sorted samples, and
    the fit of the highest bound is kept.

    Parameters
    ----------
    prior : Prior
    n_samples : int
        Samples in a data set.
    n_sets : int
        Data sets, the unit of replication.
    n_draws : int
        Draws, after 500 that are thrown away by the Gibbs sampler.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Intervals

    Raises
    ------
    ValueError
        If a size is below 1 (2 for ``n_samples``), or a parameter of the prior other than ``m``
        is not positive.
    """
    for name, value, least in (("n_samples", n_samples, 2), ("n_sets", n_sets, 1),
                               ("n_draws", n_draws, 1)):  # fmt: skip
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")
    if not min(prior.alpha, prior.kappa, prior.a, prior.b) > 0:
        raise ValueError(f"prior: got {prior}, expected alpha, kappa, a and b above 0")
    rng = np.random.default_rng(random_state)
    truth, x = _draw_sets(prior, n_samples, n_sets, rng)
    factors = fit_mean_field(x, prior)
    by_method = {
        "mean field": _draw_means(factors, n_draws, rng),
        "Gibbs": _gibbs(x, prior, n_draws, rng),
    }
    held, width = {}, {}
    for method, draws in by_method.items():
        low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
        held[method] = (low <= truth) & (truth <= high)
        width[method] = high - low
    return Intervals(held, width, np.abs(np.diff(factors[1], axis=1)[:, 0]))


def calibration(counts, *, n_resampled=2000, random_state=None) -> tuple:
    """Causal share of the variants in each tenth of inclusion probability.

    Parameters
    ----------
    counts : pandas DataFrame
        A row for each data set and tenth that holds variants, with the columns ``data_set``,
        ``tenth`` (0 to 9), ``n`` (variants), ``n_causal`` and ``sum_of_pips``.
    n_resampled : int
        Bootstrap samples of data sets.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    mean, share, low, high : float arrays of shape (n_tenths,)
        Mean inclusion probability, causal share, and the ends of its 95 % bootstrap interval, for
        each tenth that holds any variant.

    Raises
    ------
    ValueError
        If a column is missing or there is no row.
    """
    columns = ["n", "n_causal", "sum_of_pips"]
    missing = {"data_set", "tenth", *columns} - set(counts)
    if missing or len(counts) == 0:
        raise ValueError(
            f"counts: got {len(counts)} rows without the columns {sorted(missing)}, expected rows "
            "with all of them"
        )
    rng = np.random.default_rng(random_state)
    wide = counts.pivot(index="data_set", columns="tenth", values=columns).fillna(0)
    n, hits, total = (wide[column].to_numpy() for column in columns)
    at = rng.integers(0, len(n), (n_resampled, len(n)))
    shares = hits[at].sum(axis=1) / np.maximum(n[at].sum(axis=1), 1)
    low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    return total.sum(axis=0) / n.sum(axis=0), hits.sum(axis=0) / n.sum(axis=0), low, high


def _draw_sets(prior, n_samples, n_sets, rng):
    """True means in order [n_sets, 2] and samples [n_sets, n_samples], sorted in each set."""
    first = rng.beta(prior.alpha, prior.alpha, (n_sets, 1))
    precision = rng.gamma(prior.a, 1 / prior.b, (n_sets, 2))
    mean = rng.normal(prior.m, 1 / np.sqrt(prior.kappa * precision))
    label = (rng.random((n_sets, n_samples)) > first).astype(int)
    x = np.take_along_axis(mean, label, axis=1)
    x += rng.standard_normal(x.shape) / np.sqrt(np.take_along_axis(precision, label, axis=1))
    return np.sort(mean, axis=1), np.sort(x, axis=1)


def fit_mean_field(x, prior, tol=1e-8, max_iter=2000) -> tuple:
    """Mean field for many data sets at once, each from three splits of its sorted samples.

    Parameters
    ----------
    x : float array of shape (n_sets, n)
        Samples, sorted within each data set.
    prior : Prior
    tol : float
        A start has converged when no data set's bound rises by more.
    max_iter : int
        Most rounds of a start.

    Returns
    -------
    alpha, m, kappa, a, b : float arrays of shape (n_sets, 2)
        Parameters of the factors with the highest bound.
    """
    best = None
    for split in _SPLITS:
        factors, elbo = _ascend(x, split, prior, tol, max_iter)
        if best is None:
            best, highest = factors, elbo
        better = elbo > highest
        highest = np.where(better, elbo, highest)
        for kept, new in zip(best, factors, strict=True):
            kept[better] = new[better]
    return tuple(best)


def _ascend(x, split, prior, tol, max_iter):
    """Parameters [5][n_sets, 2] and bounds [n_sets] from one split; sets that settled rest."""
    r = np.zeros(x.shape)
    r[:, : int(split * x.shape[1])] = 1
    final, elbo = np.zeros((5, len(x), 2)), np.full(len(x), -np.inf)
    moving = np.arange(len(x))
    for _ in range(max_iter):
        now = x[moving]
        factors = _conjugate(now, r[moving], prior)
        r[moving] = expit(_log_odds(now, factors))
        bound = _elbo(now, r[moving], factors, prior)
        rise = bound - elbo[moving]
        final[:, moving], elbo[moving] = factors, bound
        moving = moving[rise >= tol]
        if len(moving) == 0:
            break
    return final, elbo


def _conjugate(x, r, prior):
    """Parameters of the weights, means and precisions for labels r of the first component."""
    both = np.stack([r, 1 - r], axis=-1)
    count = both.sum(axis=1)
    mean = (both * x[..., None]).sum(axis=1) / np.maximum(count, 1e-300)
    spread = (both * (x[..., None] - mean[:, None]) ** 2).sum(axis=1)
    kappa = prior.kappa + count
    m = (prior.kappa * prior.m + count * mean) / kappa
    off = prior.kappa * count / kappa * (mean - prior.m) ** 2
    return prior.alpha + count, m, kappa, prior.a + count / 2, prior.b + (spread + off) / 2


def _expected_logs(factors):
    alpha, _, _, a, b = factors
    return digamma(alpha) - digamma(alpha.sum(axis=1, keepdims=True)), digamma(a) - np.log(b)


def _log_joint(x, factors):
    """Expected log weight plus expected log density, [n_sets, n, 2], less ln(2 pi) / 2."""
    _, m, kappa, a, b = factors
    log_weight, log_precision = _expected_logs(factors)
    square = (a / b)[:, None] * (x[..., None] - m[:, None]) ** 2 + 1 / kappa[:, None]
    return (log_weight + log_precision / 2)[:, None] - square / 2


def _log_odds(x, factors):
    joint = _log_joint(x, factors)
    return joint[..., 0] - joint[..., 1]


def _elbo(x, r, factors, prior):
    """Evidence lower bound of each data set, without -n ln(2 pi) / 2."""
    alpha, m, kappa, a, b = factors
    log_weight, log_precision = _expected_logs(factors)
    joint = _log_joint(x, factors)
    bound = (r * joint[..., 0] + (1 - r) * joint[..., 1]).sum(axis=1)
    bound -= (xlogy(r, r) + xlogy(1 - r, 1 - r)).sum(axis=1)
    bound += gammaln(2 * prior.alpha) - 2 * gammaln(prior.alpha)
    bound -= gammaln(alpha.sum(axis=1)) - gammaln(alpha).sum(axis=1)
    bound += ((prior.alpha - alpha) * log_weight).sum(axis=1)
    pull = prior.kappa * (1 / kappa + a / b * (m - prior.m) ** 2)
    each = (np.log(prior.kappa / kappa) + 1 - pull) / 2
    each += prior.a * np.log(prior.b) - gammaln(prior.a) - a * np.log(b) + gammaln(a)
    each += (prior.a - a) * log_precision - prior.b * a / b + a
    return bound + each.sum(axis=1)


def _draw_parameters(factors, rng):
    """Weight of the first component [n_sets, 1], means and precisions [n_sets, 2]."""
    alpha, m, kappa, a, b = factors
    precision = rng.gamma(a) / b
    mean = rng.normal(m, 1 / np.sqrt(kappa * precision))
    return rng.beta(alpha[:, :1], alpha[:, 1:]), mean, precision


def _draw_means(factors, n_draws, rng):
    return np.stack([np.sort(_draw_parameters(factors, rng)[1], axis=1) for _ in range(n_draws)])


def _gibbs(x, prior, n_draws, rng):
    """Means in order, [n_draws, n_sets, 2], from labels and parameters drawn in turns."""
    r = np.broadcast_to(np.arange(x.shape[1]) < x.shape[1] / 2, x.shape).astype(float)
    draws = np.empty((n_draws, len(x), 2))
    quiet = bool(os.environ.get("GITOOLS_QUIET"))
    for t in trange(-_BURN_IN, n_draws, desc="Gibbs", disable=quiet):
        weight, mean, precision = _draw_parameters(_conjugate_hard(x, r, prior), rng)
        if t >= 0:
            draws[t] = np.sort(mean, axis=1)
        odds = np.log(weight) - np.log1p(-weight)
        odds = odds + 0.5 * np.log(precision[:, :1] / precision[:, 1:])
        odds = odds - 0.5 * precision[:, :1] * (x - mean[:, :1]) ** 2
        odds += 0.5 * precision[:, 1:] * (x - mean[:, 1:]) ** 2
        r = (rng.random(x.shape) < expit(odds)).astype(float)
    return draws


def _conjugate_hard(x, r, prior):
    """As `_conjugate`, from sums of x and of its square: less to compute for labels 0 and 1."""
    first = np.stack([r.sum(axis=1), (r * x).sum(axis=1), (r * x**2).sum(axis=1)])
    total = np.stack([np.full(len(x), x.shape[1]), x.sum(axis=1), (x**2).sum(axis=1)])
    count, one, two = np.stack([first, total - first], axis=-1)
    kappa = prior.kappa + count
    m = (prior.kappa * prior.m + one) / kappa
    twice_b = 2 * prior.b + two + prior.kappa * prior.m**2 - kappa * m**2
    return prior.alpha + count, m, kappa, prior.a + count / 2, twice_b / 2
