"""Climbing the bound of a stick-breaking mixture: starts, sweeps, jumps, merges and births.

Several runs climb side by side; arrays carry a leading axis of runs, as in `_sticks`.

References
----------
Varadhan, R. and Roland, C. (2008). Simple and globally convergent methods for accelerating the
convergence of any EM algorithm. Scandinavian Journal of Statistics 35, 335-353 (squared
extrapolation).

Hughes, M. C. and Sudderth, E. B. (2013). Memoized online variational inference for Dirichlet
process mixture models. Advances in Neural Information Processing Systems 26 (merges and births
that are kept only if the bound rises).
"""

from dataclasses import dataclass

import numpy as np

from gitools.mixtures._sticks import (
    StickStatistics,
    multigammaln_of,
    order_sticks,
    sweep,
)

# A component with fewer expected rows than this holds nothing that a merge could move.
_EMPTY = 0.5
_MERGES_TRIED = 4
_SHARE_OF_NEW = 0.3
_SWEEPS_AFTER_MERGE = 3
_SMALLEST_COUNT = 1e-12
_ROUNDING = 1e-11
# Largest change of a log standard deviation in one jump, and largest ratio in a Cholesky factor.
_LONGEST = 3.0
_STEEPEST = 1e6
# How round a start's components are: the share of isotropic variance added to one row's direction.
_ROUNDNESS = 0.2


@dataclass
class Climb:
    """Where the runs stand, and how they came there.

    Attributes
    ----------
    statistics : StickStatistics
        Those that the last kept sweep gave.
    traces : list of lists of float
        Of each run, the bound after every kept sweep.
    n_sweeps : int array of shape (R,)
        Sweeps spent, kept or not.
    converged : bool array of shape (R,)
    """

    statistics: StickStatistics
    traces: list
    n_sweeps: np.ndarray
    converged: np.ndarray

    @property
    def elbos(self):
        """Bound of each run at its last kept sweep."""
        return np.array([trace[-1] for trace in self.traces])


def random_starts(rows, n_components, n_starts, rng):
    """Statistics to begin with: each component is one row, made round, and all count the same.

    Parameters
    ----------
    rows : array of shape (n, d)
        In units of each trait's typical size.
    n_components, n_starts : int
    rng : numpy Generator

    Returns
    -------
    StickStatistics
        Of `n_starts` runs.
    """
    n, d = rows.shape
    filled = np.flatnonzero(rows.any(axis=1))
    chosen = [
        rng.choice(filled, n_components, replace=len(filled) < n_components)
        for _ in range(n_starts)
    ]
    rows = rows[np.array(chosen)]
    outer = rows[..., :, None] * rows[..., None, :]
    mean_square = (rows**2).mean(axis=-1)[..., None, None]
    count = n / n_components
    scatters = count * (outer + _ROUNDNESS * mean_square * np.eye(d))
    return StickStatistics(np.full(scatters.shape[:2], count), scatters)


def begin(statistics):
    """A `Climb` at its start."""
    n_runs = len(statistics.counts)
    return Climb(
        statistics,
        [[] for _ in range(n_runs)],
        np.zeros(n_runs, dtype=int),
        np.zeros(n_runs, dtype=bool),
    )


def climb(data, state, prior, tol, max_sweeps):
    """Climb until three sweeps raise the bound by less than `tol` per row, in every run.

    Each round sweeps twice, extrapolates the path of the two and sweeps from where that leads;
    the jump is kept only in runs whose bound did not fall by it, so that the bound never falls.

    Parameters
    ----------
    data : SharedNoise or OwnNoise
    state : Climb
        Changed in place.
    prior : StickPrior
    tol : float
        In nats per row.
    max_sweeps : int
        Of each run, counted from the beginning of `state`.
    """
    state.converged[:] = False
    reach = np.full(len(state.converged), 4.0)
    smallest_rise = tol * data.n_rows
    while True:
        runs = np.flatnonzero(~state.converged & (state.n_sweeps < max_sweeps))
        if len(runs) == 0:
            return
        start = order_sticks(state.statistics.take(runs), prior.concentration)
        first_elbo, first = sweep(data, start, prior)
        second_elbo, second = sweep(data, first, prior)
        jump, lengths = _extrapolate(start, first, second, prior, reach[runs], data.n_rows)
        jump_elbo, after = sweep(data, jump, prior)
        kept = jump_elbo >= second_elbo
        reach[runs] = np.where(
            kept, np.where(lengths >= reach[runs], 4 * reach[runs], reach[runs]),
            np.maximum(reach[runs] / 4, 4.0),
        )  # fmt: skip
        second.put(kept, after.take(kept))
        state.statistics.put(runs, second)
        state.n_sweeps[runs] += 3
        best = np.where(kept, jump_elbo, second_elbo)
        for r, run in enumerate(runs):
            trace = state.traces[run]
            before = trace[-1] if trace else -np.inf
            for elbo in [first_elbo[r], second_elbo[r]] + [jump_elbo[r]] * int(kept[r]):
                _record(trace, float(elbo), 0.01 * smallest_rise)
            state.converged[run] = best[r] - before < smallest_rise


def _record(trace, elbo, negligible):
    """Append a bound; where rounding alone makes it fall, at the top, the last one again."""
    if trace and 0 < trace[-1] - elbo < negligible + _ROUNDING * abs(elbo):
        elbo = trace[-1]
    trace.append(elbo)


def _extrapolate(start, first, second, prior, reach, n_rows):
    """Squared extrapolation of log counts and covariances; returns statistics and step lengths."""
    d = len(prior.scale)
    points = [_coordinates(point, prior) for point in (start, first, second)]
    change = points[1] - points[0]
    bend = points[2] - points[1] - change
    # a component's parameters are known to about one over its count
    weights = first.counts[..., None]
    size = np.sqrt((weights * change**2).sum(axis=(1, 2)))
    curvature = np.sqrt((weights * bend**2).sum(axis=(1, 2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(curvature > 0, size / curvature, 1.0)
    lengths = np.clip(lengths, 1.0, reach)
    step = lengths[:, None, None]
    jump = points[0] + 2 * step * change + step**2 * bend
    # beyond these a jump is never right, and the bound there would be lost in rounding
    jump[..., 0] = np.clip(jump[..., 0], np.log(_SMALLEST_COUNT), np.log(n_rows))
    near = points[2][..., 1 : 1 + d]
    jump[..., 1 : 1 + d] = np.clip(jump[..., 1 : 1 + d], near - _LONGEST, near + _LONGEST)
    jump[..., 1 + d :] = np.clip(jump[..., 1 + d :], -_STEEPEST, _STEEPEST)
    return _statistics(jump, prior), lengths


def _coordinates(statistics, prior):
    """Log counts and the logs and ratios of Cholesky factors, in which any point is allowed."""
    d = len(prior.scale)
    dof = prior.dof + statistics.counts
    covariances = (prior.scale + statistics.scatters) / dof[..., None, None]
    roots = np.linalg.cholesky(covariances)
    scales = np.diagonal(roots, axis1=-2, axis2=-1)
    ratios = (roots / scales[..., None])[..., *np.tril_indices(d, -1)]
    log_counts = np.log(np.maximum(statistics.counts, _SMALLEST_COUNT))
    return np.concatenate([log_counts[..., None], np.log(scales), ratios], axis=-1)


def _statistics(coordinates, prior):
    d = len(prior.scale)
    counts, scales = np.exp(coordinates[..., 0]), np.exp(coordinates[..., 1 : 1 + d])
    roots = np.broadcast_to(np.eye(d), (*counts.shape, d, d)).copy()
    roots[..., *np.tril_indices(d, -1)] = coordinates[..., 1 + d :]
    roots *= scales[..., None]
    dof = (prior.dof + counts)[..., None, None]
    return StickStatistics(counts, roots @ roots.swapaxes(-1, -2) * dof - prior.scale)


def merge(data, state, run, prior, tol, max_sweeps):
    """Join pairs of components in one run for as long as that raises the bound.

    The pair whose scatters are cheapest to pool is joined and swept a few times, and kept if the
    bound is higher by more than `tol` per row; if not, the next few pairs are tried, each on its
    own. Where joins were kept the run climbs on, and more are tried.
    """
    while _merge_once(data, state, run, prior, tol, max_sweeps):
        while _merge_once(data, state, run, prior, tol, max_sweeps):
            pass
        alone = Climb(
            state.statistics.take([run]),
            [state.traces[run]],
            state.n_sweeps[[run]],
            state.converged[[run]],
        )
        climb(data, alone, prior, tol, max_sweeps)
        state.statistics.put([run], alone.statistics)
        state.n_sweeps[run], state.converged[run] = alone.n_sweeps[0], alone.converged[0]


def _merge_once(data, state, run, prior, tol, max_sweeps):
    """Try the cheapest pair, then the next few; whether a join was kept."""
    here = state.statistics.take([run])
    pairs = _similar_pairs(here, prior)
    needed = state.traces[run][-1] + tol * data.n_rows
    for some in (pairs[:1], pairs[1:_MERGES_TRIED]):
        if len(some) == 0 or state.n_sweeps[run] >= max_sweeps:
            return False
        joined = _join(here, some)
        for _ in range(_SWEEPS_AFTER_MERGE):
            joined = order_sticks(joined, prior.concentration)
            elbos, joined = sweep(data, joined, prior)
        state.n_sweeps[run] += _SWEEPS_AFTER_MERGE
        best = int(np.argmax(elbos))
        if elbos[best] > needed:
            state.statistics.put([run], joined.take([best]))
            state.traces[run].append(float(elbos[best]))
            return True
    return False


def refill(data, rows, state, run, prior, tols, max_sweeps, rng):
    """Seed the empty components of one run anew for as long as that raises the bound.

    A kind that was joined to another by mistake is out of the reach of sweeps and merges: a
    component must be born for it. Each trial gives a share of the rows to components begun anew,
    climbs and merges, and is kept if it ends higher by more than the last of `tols` per row.
    """
    while state.n_sweeps[run] < max_sweeps:
        seeded = _seed_empty(rows, state.statistics.take([run]), rng)
        if seeded is None:
            return
        trial = begin(seeded)
        trial.n_sweeps[0] = state.n_sweeps[run]
        for tol in tols:
            climb(data, trial, prior, tol, max_sweeps)
            merge(data, trial, 0, prior, tol, max_sweeps)
        state.n_sweeps[run] = trial.n_sweeps[0]
        reached = state.traces[run][-1]
        if not trial.traces[0] or trial.traces[0][-1] <= reached + tols[-1] * data.n_rows:
            return
        state.statistics.put([run], trial.statistics)
        state.traces[run].extend(elbo for elbo in trial.traces[0] if elbo > reached)
        state.converged[run] = trial.converged[0]


def _seed_empty(rows, statistics, rng):
    empty = np.flatnonzero(statistics.counts[0] < _EMPTY)
    if len(empty) == 0:
        return None
    new = random_starts(rows, len(empty), 1, rng)
    seeded = StickStatistics(
        (1 - _SHARE_OF_NEW) * statistics.counts, (1 - _SHARE_OF_NEW) * statistics.scatters
    )
    seeded.counts[0, empty] = _SHARE_OF_NEW * new.counts[0]
    seeded.scatters[0, empty] = _SHARE_OF_NEW * new.scatters[0]
    return seeded


def _similar_pairs(statistics, prior):
    """Pairs (P, 2) of occupied components, those whose scatters cost least to pool first."""
    counts, scatters = statistics.counts[0], statistics.scatters[0]
    occupied = np.flatnonzero(counts > _EMPTY)
    first, second = (occupied[index] for index in np.triu_indices(len(occupied), 1))
    if len(first) == 0:
        return np.empty((0, 2), dtype=int)
    alone = _evidence(counts, scatters, prior)
    pooled = _evidence(counts[first] + counts[second], scatters[first] + scatters[second], prior)
    gain = pooled - alone[first] - alone[second]
    return np.column_stack([first, second])[np.argsort(-gain)]


def _evidence(counts, scatters, prior):
    """Log marginal likelihood of such rows, up to terms linear in the count."""
    d = len(prior.scale)
    dof = prior.dof + counts
    log_det = np.linalg.slogdet(prior.scale + scatters)[1]
    log_prior_det = np.linalg.slogdet(prior.scale)[1]
    of_prior = multigammaln_of(prior.dof / 2, d) - prior.dof / 2 * log_prior_det
    return multigammaln_of(dof / 2, d) - dof / 2 * log_det - of_prior


def _join(statistics, pairs):
    n_pairs, at = len(pairs), np.arange(len(pairs))
    counts = np.repeat(statistics.counts, n_pairs, axis=0)
    scatters = np.repeat(statistics.scatters, n_pairs, axis=0)
    for array in (counts, scatters):
        array[at, pairs[:, 0]] += array[at, pairs[:, 1]]
        array[at, pairs[:, 1]] = 0
    return StickStatistics(counts, scatters)
