"""Dosages called from signal ratios, by a mixture whose means follow the chemistry.

Every row of a matrix is a marker, and one step of EM is made for all markers together. R is the
number of markers, n of plants, K = ploidy + 1 of dosages.

References
----------
Voorrips, R. E., Gort, G. and Vosman, B. (2011). Genotype calling in tetraploid species from
bi-allelic marker data using mixture models. BMC Bioinformatics 12, 172 (means tied by the signal
ratio, on the arcsine square-root scale; the priors here are ours).
"""

from dataclasses import dataclass

import numpy as np

from gitools.mixtures._checks import check_integer, check_number
from gitools.simulate.arrays import dosage_frequencies, expected_ratio, lowest_inbreeding

# Priors of the logarithms of brightness, background of A and background of B: normal.
_PRIOR_CENTRES = np.log([1.0, 0.04, 0.04])
_PRIOR_SDS = np.array([0.5, 1.0, 1.0])
_STARTS = (-0.7, 0.0, 0.7)
_START_SD = 0.08
_STEPS_BETWEEN_CHECKS = 5
_BLOCK_ENTRIES = 2**17
_GOLDEN = (np.sqrt(5) - 1) / 2
_SEARCH_STEPS = 18
_WEIGHTS = ("free", "hardy-weinberg", "inbreeding")


@dataclass(frozen=True)
class DosageFits:
    """Mixtures of ordered dosage classes, one for each marker.

    Attributes
    ----------
    ploidy : int
    weights : float array of shape (R, K)
        Shares of the dosages.
    chemistry : float array of shape (R, 3)
        Brightness of B beside A, background of A, background of B; see
        `gitools.simulate.arrays.expected_ratio`.
    sds : float array of shape (R,)
        Standard deviation within a class, in radians of arcsin(sqrt(ratio)).
    log_likelihood : float array of shape (R,)
        Natural log-likelihood of the angles, summed over plants, without the prior.
    converged : bool array of shape (R,)
    """

    ploidy: int
    weights: np.ndarray
    chemistry: np.ndarray
    sds: np.ndarray
    log_likelihood: np.ndarray
    converged: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Expected ratio of each dosage: float array of shape (R, K)."""
        return self.means_at(np.arange(self.ploidy + 1) / self.ploidy)

    def means_at(self, shares) -> np.ndarray:
        """Expected ratios at given shares (S,) of allele B: float array of shape (R, S)."""
        return expected_ratio(np.asarray(shares, dtype=float), *self.chemistry.T[:, :, None])

    def posteriors(self, ratios, weights=None) -> np.ndarray:
        """Probability of each dosage.

        Parameters
        ----------
        ratios : array of shape (R, n)
            Ratios of any plants at the same markers, in [0, 1].
        weights : array of shape (K,) or (R, K), optional
            Prior shares of the dosages, where the plants come from another population than the
            fitted ones. Default: the fitted weights.

        Returns
        -------
        float array of shape (R, K, n)

        Raises
        ------
        ValueError
            If an argument has the wrong shape or range.
        """
        angles = _angles(ratios)
        if len(angles) != len(self.sds):
            raise ValueError(f"ratios: got {len(angles)} rows, expected {len(self.sds)}")
        weights = self.weights if weights is None else _check_weights(weights, self.weights.shape)
        means = np.arcsin(np.sqrt(self.means))
        return _expect(angles, weights, means, self.sds)[1]


def fit_dosages(
    ratios, ploidy, *, weights="free", floor=0.01, tol=1e-6, max_iter=500
) -> DosageFits:
    r"""Fit ordered dosage classes to the signal ratios of each marker.

    On the angle :math:`\arcsin\sqrt{r}`, whose spread depends on its mean less than that of r,
    class k is normal around that of `expected_ratio` at share k / ploidy, all classes with one
    standard deviation. Three numbers place all means: brightness, and two backgrounds, with
    log-normal priors (medians 1, 0.04, 0.04; standard deviations of the logarithms 0.5, 1, 1).
    The fit is the posterior mode, the best of three starts; each step of EM raises it or
    leaves it.

    Parameters
    ----------
    ratios : array of shape (R, n) or (n,)
        Signal of allele B over both, in [0, 1]; no NaN.
    ploidy : int
        Copies of each chromosome, at least 1.
    weights : {"free", "hardy-weinberg", "inbreeding"}
        What the shares of the dosages may be: anything, binomial, or as
        `dosage_frequencies` with an allele frequency and an inbreeding term for each marker.
    floor : float
        Smallest standard deviation of a class, in radians.
    tol : float
        EM stops when the objective rises by less than this a plant.
    max_iter : int
        Largest number of steps.

    Returns
    -------
    DosageFits

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range.
    """
    angles = _angles(ratios)
    check_integer(ploidy, "ploidy", 1)
    check_integer(max_iter, "max_iter", 1)
    check_number(floor, "floor", "above 0", lambda number: number > 0)
    check_number(tol, "tol", "above 0", lambda number: number > 0)
    if weights not in _WEIGHTS:
        raise ValueError(f"weights: got {weights!r}, expected one of {', '.join(_WEIGHTS)}")
    step = max(1, _BLOCK_ENTRIES // (angles.shape[1] * (ploidy + 1)))
    blocks = [
        _best_start(angles[rows], ploidy, weights, floor, tol, max_iter)
        for rows in (slice(i, i + step) for i in range(0, len(angles), step))
    ]
    parts = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return DosageFits(ploidy, *parts)


def call_dosages(posteriors, threshold=0.95) -> np.ndarray:
    """Likeliest dosage of each plant, or -1, no call, where it is not likely enough.

    Parameters
    ----------
    posteriors : array of shape (R, K, n)
    threshold : float
        Smallest posterior probability of a call, in (0, 1].

    Returns
    -------
    int array of shape (R, n)

    Raises
    ------
    ValueError
        If an argument has the wrong shape or range.
    """
    posteriors = np.asarray(posteriors, dtype=float)
    if posteriors.ndim != 3 or not np.all((posteriors >= 0) & (posteriors <= 1 + 1e-9)):
        raise ValueError(
            f"posteriors: got shape {posteriors.shape}, expected probabilities (R, K, n)"
        )
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: got {threshold!r}, expected a number in (0, 1]")
    return np.where(posteriors.max(axis=1) >= threshold, posteriors.argmax(axis=1), -1)


def inbreeding_coefficient(weights) -> tuple[np.ndarray, np.ndarray]:
    r"""Allele frequency and inbreeding term that shares of dosages imply, by their moments.

    With m the ploidy, p the mean dosage over m and V the dosage's variance,
    :math:`F = (V / (m p (1-p)) - 1) / (m - 1)`.

    Parameters
    ----------
    weights : array of shape (..., K)
        Shares of the dosages 0 to K - 1, K at least 3; they sum to 1.

    Returns
    -------
    frequency, inbreeding : float arrays of shape (...)

    Raises
    ------
    ValueError
        If a row is no distribution, or holds one allele only, where F is 0 / 0.
    """
    weights = np.asarray(weights, dtype=float)
    if weights.ndim < 1 or weights.shape[-1] < 3:
        raise ValueError(f"weights: got shape {weights.shape}, expected (..., K), K at least 3")
    if not (np.all(weights >= 0) and np.allclose(weights.sum(axis=-1), 1, rtol=0, atol=1e-6)):
        raise ValueError("weights: got a row that is no distribution, expected sums of 1")
    ploidy = weights.shape[-1] - 1
    dosage = np.arange(ploidy + 1)
    mean = weights @ dosage
    variance = weights @ dosage**2 - mean**2
    p = mean / ploidy
    if np.any((p < 1e-9) | (p > 1 - 1e-9)):
        raise ValueError("weights: got a row with one allele only, expected both")
    return p, (variance / (ploidy * p * (1 - p)) - 1) / (ploidy - 1)


def _best_start(angles, ploidy, kind, floor, tol, max_iter):
    """Parameters, log-likelihood and convergence of the best start of each row."""
    runs = [_climb(angles, ploidy, kind, shift, floor, tol, max_iter) for shift in _STARTS]
    best = np.argmax([objective for *_, objective in runs], axis=0)
    chosen = [np.stack(part)[best, np.arange(len(angles))] for part in zip(*runs, strict=True)]
    return chosen[:-1]


def _climb(angles, ploidy, kind, shift, floor, tol, max_iter):
    n_rows, n = angles.shape
    weights = np.full((n_rows, ploidy + 1), 1 / (ploidy + 1))
    logs = np.tile(_PRIOR_CENTRES, (n_rows, 1))
    logs[:, 0] += shift
    sds = np.full(n_rows, max(_START_SD, floor))
    objective = np.full(n_rows, -np.inf)
    converged = np.zeros(n_rows, dtype=bool)
    for t in range(max_iter):
        if t % _STEPS_BETWEEN_CHECKS == 0:
            active = np.flatnonzero(~converged)
            here = angles[active]
            if active.size == 0:
                break
        now = weights[active], logs[active], sds[active]
        density, responsibilities = _expect(here, now[0], _mean_angles(now[1], ploidy), now[2])
        reached = density.sum(axis=1) + _log_prior(now[1])
        converged[active] = reached - objective[active] < tol * n
        objective[active] = reached
        rising = ~converged[active]
        updated = _maximise(here, responsibilities, *now, kind, floor)
        for old, new in zip((weights, logs, sds), updated, strict=True):
            old[active[rising]] = new[rising]
    density, _ = _expect(angles, weights, _mean_angles(logs, ploidy), sds)
    log_likelihood = density.sum(axis=1)
    objective = log_likelihood + _log_prior(logs)
    return weights, np.exp(logs), sds, log_likelihood, converged, objective


def _expect(angles, weights, means, sds):
    """Log density (R, n) and responsibilities (R, K, n)."""
    scaled = (angles[:, None, :] - means[:, :, None]) / sds[:, None, None]
    with np.errstate(divide="ignore"):
        offset = np.log(weights) - np.log(sds)[:, None] - np.log(2 * np.pi) / 2
    log_joint = offset[:, :, None] - scaled**2 / 2
    top = log_joint.max(axis=1, keepdims=True)
    joint = np.exp(log_joint - top)
    total = joint.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], joint / total


def _maximise(angles, responsibilities, weights, logs, sds, kind, floor):
    counts = responsibilities.sum(axis=2)
    first = np.einsum("rkn,rn->rk", responsibilities, angles)
    second = np.einsum("rkn,rn->rk", responsibilities, angles**2)
    ploidy = counts.shape[1] - 1
    logs = _place(counts, first, logs, sds, ploidy)
    means = _mean_angles(logs, ploidy)
    squares = (second - 2 * means * first + means**2 * counts).sum(axis=1)
    sds = np.maximum(np.sqrt(np.maximum(squares, 0) / angles.shape[1]), floor)
    return _shares(counts, weights, kind), logs, sds


def _place(counts, first, logs, sds, ploidy):
    """One damped Gauss-Newton step for the three numbers that place the means.

    A step that does not lower the penalised squares is halved, at most ten times, and then left.
    """
    precision = 1 / _PRIOR_SDS**2
    slopes = _slopes(logs, ploidy)
    residual = first - counts * _mean_angles(logs, ploidy)
    scale = 1 / sds[:, None] ** 2
    gradient = np.einsum("rkj,rk->rj", slopes, residual * scale) + precision * (
        _PRIOR_CENTRES - logs
    )
    curvature = np.einsum("rkj,rk,rki->rji", slopes, counts * scale, slopes) + np.diag(precision)
    step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    before = _penalised_squares(counts, first, logs, sds, ploidy)
    kept, share = logs.copy(), 1.0
    todo = np.ones(len(logs), dtype=bool)
    for _ in range(10):
        tried = logs + share * step
        better = todo & (_penalised_squares(counts, first, tried, sds, ploidy) <= before)
        kept[better] = tried[better]
        todo &= ~better
        if not todo.any():
            break
        share /= 2
    return kept


def _penalised_squares(counts, first, logs, sds, ploidy):
    """Twice the negative expected log posterior of `logs`, up to a constant."""
    means = _mean_angles(logs, ploidy)
    squares = (counts * means**2 - 2 * means * first).sum(axis=1) / sds**2
    return squares - 2 * _log_prior(logs)


def _mean_angles(logs, ploidy):
    share = np.arange(ploidy + 1) / ploidy
    f, a, b = np.exp(logs).T[:, :, None]
    return np.arctan(np.sqrt((f * share + b) / (1 - share + a)))


def _slopes(logs, ploidy):
    """Derivatives of the mean angles by the three logarithms: (R, K, 3)."""
    share = np.arange(ploidy + 1) / ploidy
    f, a, b = np.exp(logs).T[:, :, None]
    signal_b, signal_a = f * share + b, 1 - share + a
    odds = signal_b / signal_a
    by_log_odds = np.sqrt(odds) / (2 * (1 + odds))
    parts = np.stack([f * share / signal_b, -a / signal_a, b / signal_b], axis=2)
    return by_log_odds[:, :, None] * parts


def _log_prior(logs):
    return -0.5 * (((logs - _PRIOR_CENTRES) / _PRIOR_SDS) ** 2).sum(axis=1)


def _shares(counts, before, kind):
    n = counts.sum(axis=1)
    ploidy = counts.shape[1] - 1
    if kind == "free":
        return counts / n[:, None]
    p = counts @ np.arange(ploidy + 1) / (n * ploidy)
    if kind == "hardy-weinberg" or ploidy == 1:
        return dosage_frequencies(ploidy, p)
    return _inbred_shares(counts, p, before)


def _inbred_shares(counts, p, before):
    """Search for F at the frequency p of the mean dosage; kept where it beats the shares before.

    With F searched at a fixed p the step may fall short of the best pair, so it is a
    generalised M-step: it never lowers the objective.
    """
    ploidy = counts.shape[1] - 1
    p = np.clip(p, 1e-6, 1 - 1e-6)
    height = _inbreeding_height(counts, p)
    best = _golden_search(height, lowest_inbreeding(ploidy, p), np.full_like(p, 0.999))
    shares = dosage_frequencies(ploidy, p, best)
    reached = (counts * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
    had = (counts * np.log(np.maximum(before, 1e-300))).sum(axis=1)
    return np.where((reached >= had)[:, None], shares, before)


def _inbreeding_height(counts, p):
    """Function of F (R,): log-likelihood of expected counts (R, K), up to a constant.

    Factor i of the numerator's first product stands in every dosage above i, and of the second
    in every dosage below ploidy - i.
    """
    steps = np.arange(counts.shape[1] - 1)
    above = counts[:, :0:-1].cumsum(axis=1)[:, ::-1]
    below = counts[:, :-1].cumsum(axis=1)[:, ::-1]
    n = counts.sum(axis=1)[:, None]

    def height(f):
        less, more = 1 - f[:, None], steps * f[:, None]
        of_b = above * np.log(np.maximum(p[:, None] * less + more, 1e-300))
        of_a = below * np.log(np.maximum((1 - p[:, None]) * less + more, 1e-300))
        return (of_b + of_a - n * np.log(less + more)).sum(axis=1)

    return height


def _golden_search(height, low, high):
    """Argument of the largest height in [low, high], row by row, by golden sections."""
    for _ in range(_SEARCH_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        rises = height(left) < height(right)
        low, high = np.where(rises, left, low), np.where(rises, high, right)
    return (low + high) / 2


def _angles(ratios):
    try:
        ratios = np.asarray(ratios, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("ratios: got values that are not numbers, expected ratios") from None
    ratios = ratios[None] if ratios.ndim == 1 else ratios
    if ratios.ndim != 2 or ratios.shape[1] < 2 or not len(ratios):
        raise ValueError(f"ratios: got shape {ratios.shape}, expected (R, n) or (n,), n at least 2")
    if not np.all((ratios >= 0) & (ratios <= 1)):
        raise ValueError("ratios: got values outside [0, 1] or NaN, expected ratios in [0, 1]")
    return np.arcsin(np.sqrt(ratios))


def _check_weights(weights, shape):
    weights = np.asarray(weights, dtype=float)
    if weights.shape not in (shape, shape[1:]):
        raise ValueError(f"weights: got shape {weights.shape}, expected {shape[1:]} or {shape}")
    if not (np.all(weights >= 0) and np.allclose(weights.sum(axis=-1), 1, rtol=0, atol=1e-6)):
        raise ValueError("weights: got a row that is no distribution, expected sums of 1")
    return np.broadcast_to(weights, shape)
