r"""Variational inference for a truncated stick-breaking mixture of zero-mean Gaussians.

Stick proportions :math:`v_k \sim \mathrm{Beta}(1, \alpha)` for k < K and :math:`v_K = 1`, weights
:math:`\pi_k = v_k \prod_{j<k} (1 - v_j)`, precisions :math:`\Lambda_k \sim W(\nu_0, S_0^{-1})`,
effects :math:`b_i \mid z_i = k \sim N(0, \Lambda_k^{-1})` and what is seen of them,
:math:`x_i \mid b_i \sim N(b_i, V_i)`; without sampling error :math:`V_i = 0`. The approximation is

.. math:: q = \prod_{k<K} \mathrm{Beta}(v_k; 1 + N_k, \alpha + \textstyle\sum_{j>k} N_j)
          \prod_k W(\Lambda_k; \nu_0 + N_k, (S_0 + T_k)^{-1}) \prod_i q(z_i) q(b_i \mid z_i) ,

so expected counts N_k and expected scatters T_k are all there is to keep. Arrays carry a leading
axis of runs: R runs (restarts, or proposals) climb side by side. K is the number of components,
n of rows, d of traits, f = d (d + 1) / 2.

References
----------
Blei, D. M. and Jordan, M. I. (2006). Variational inference for Dirichlet process mixtures.
Bayesian Analysis 1, 121-143.

Bishop, C. M. (2006). Pattern Recognition and Machine Learning, sections 10.2 and B (Wishart).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, gammaln, multigammaln

# Working arrays of about a megabyte stay in the processor's cache.
_CHUNK_ENTRIES = 2**17
_LOG_2PI = np.log(2 * np.pi)


@dataclass(frozen=True)
class StickPrior:
    """Concentration alpha, Wishart degrees of freedom nu_0 and inverse scale S_0 (d, d)."""

    concentration: float
    dof: float
    scale: np.ndarray


@dataclass(frozen=True)
class StickStatistics:
    """Expected counts (R, K) and scatters (R, K, d, d): they determine every factor of q."""

    counts: np.ndarray
    scatters: np.ndarray

    def take(self, runs):
        """The given runs only."""
        return StickStatistics(self.counts[runs], self.scatters[runs])

    def put(self, runs, other):
        """Overwrite the given runs."""
        self.counts[runs] = other.counts
        self.scatters[runs] = other.scatters

    def reordered(self, order):
        """Components in another order (R, K)."""
        counts = np.take_along_axis(self.counts, order, axis=1)
        scatters = np.take_along_axis(self.scatters, order[:, :, None, None], axis=1)
        return StickStatistics(counts, scatters)


class StickFactors:
    """The factors of q that the statistics determine, and the expectations taken under them.

    Attributes
    ----------
    log_weights : array of shape (R, K)
        E[ln pi_k].
    weights : array of shape (R, K)
        E[pi_k].
    log_determinants : array of shape (R, K)
        E[ln |Lambda_k|].
    covariances : array of shape (R, K, d, d)
        Inverses of E[Lambda_k].
    divergence : array of shape (R,)
        Kullback-Leibler divergence of q(v) q(Lambda) from the prior.
    """

    def __init__(self, statistics, prior):
        counts = statistics.counts
        self._sticks(counts, prior.concentration)
        self._precisions(statistics, prior)
        self.divergence = self.stick_divergence + self.precision_divergence

    def _sticks(self, counts, concentration):
        a, b = 1 + counts[:, :-1], concentration + counts_after(counts)
        both = digamma(a + b)
        log_v, log_rest = digamma(a) - both, digamma(b) - both
        self.log_weights = np.zeros_like(counts)
        self.log_weights[:, :-1] = log_v
        self.log_weights[:, 1:] += np.cumsum(log_rest, axis=1)
        self.weights = np.ones_like(counts)
        self.weights[:, :-1] = a / (a + b)
        self.weights[:, 1:] *= np.cumprod(b / (a + b), axis=1)
        self.stick_divergence = (
            (a - 1) * log_v
            + (b - concentration) * log_rest
            - betaln(a, b)
            + betaln(1, concentration)
        ).sum(axis=1)

    def _precisions(self, statistics, prior):
        d = len(prior.scale)
        dof = prior.dof + statistics.counts
        scale = prior.scale + statistics.scatters
        log_det = np.linalg.slogdet(scale)[1]
        halves = (dof[..., None] - np.arange(d)) / 2
        self.log_determinants = digamma(halves).sum(axis=-1) + d * np.log(2) - log_det
        self.covariances = scale / dof[..., None, None]
        # tr(E[Lambda] (S - S0))
        trace = dof * np.linalg.solve(scale, statistics.scatters).trace(axis1=-2, axis2=-1)
        log_constant = _log_wishart_constant(dof, log_det, d)
        log_prior = _log_wishart_constant(prior.dof, np.linalg.slogdet(prior.scale)[1], d)
        self.precision_divergence = (
            statistics.counts * self.log_determinants / 2 - trace / 2 - log_constant + log_prior
        ).sum(axis=1)


def counts_after(counts):
    """Sum of the counts of later components, for all but the last: (R, K - 1)."""
    return np.cumsum(counts[:, :0:-1], axis=1)[:, ::-1]


def _log_wishart_constant(dof, log_det, d):
    """Log normalising constant of W(dof, S^-1) for ln |S|."""
    return dof * d / 2 * np.log(2) - dof / 2 * log_det + multigammaln_of(dof / 2, d)


def multigammaln_of(a, d):
    """Log multivariate gamma function; `scipy.special.multigammaln` for arrays of any shape."""
    if np.isscalar(a):
        return multigammaln(a, d)
    steps = np.arange(d) / 2
    return d * (d - 1) / 4 * np.log(np.pi) + gammaln(a[..., None] - steps).sum(axis=-1)


class SharedNoise:
    """Rows with one sampling covariance for all (zero: none), kept as products x_a x_b.

    A quadratic form in a row is linear in these f products, so that the log densities of all
    components are one matrix product, and so are the expected scatters.

    Parameters
    ----------
    Y : array of shape (n, d)
    noise : array of shape (d, d)
        Sampling covariance of every row.
    """

    def __init__(self, Y, noise):
        self.n_rows, self.n_traits = Y.shape
        self.noise = noise
        self.upper = np.triu_indices(self.n_traits)
        self.features = np.empty((1 + len(self.upper[0]), self.n_rows))
        self.features[0] = 1
        for feature, a, b in zip(self.features[1:], *self.upper, strict=True):
            np.multiply(Y[:, a], Y[:, b], out=feature)

    def log_joint(self, factors, rows=slice(None)):
        """E[ln p(x_i, b_i, z_i = k)] + entropy of q(b_i | z_i = k), shape (R, K, rows)."""
        return self._coefficients(factors) @ self.features[:, rows]

    def expectation(self, factors):
        """Sum of log normalisers (R,) and expected statistics, at the best q(z) and q(b | z)."""
        coefficients = self._coefficients(factors)
        n_runs, n_components, n_features = coefficients.shape
        sums = np.zeros((n_runs, n_components, n_features))
        total = np.zeros(n_runs)
        step = max(256, _CHUNK_ENTRIES // (n_runs * n_components))
        for begin in range(0, self.n_rows, step):
            chunk = self.features[:, begin : begin + step]
            log_normalisers, responsibilities = normalise(coefficients @ chunk)
            total += log_normalisers.sum(axis=-1)
            sums += responsibilities @ chunk.T
        return total, self._statistics(sums, factors)

    def _coefficients(self, factors):
        shrunken = factors.covariances + self.noise
        constant = factors.log_weights + 0.5 * (
            factors.log_determinants
            + np.linalg.slogdet(factors.covariances)[1]
            - np.linalg.slogdet(shrunken)[1]
            - self.n_traits * _LOG_2PI
        )
        a, b = self.upper
        forms = np.where(a == b, -0.5, -1.0) * np.linalg.inv(shrunken)[..., a, b]
        return np.concatenate([constant[..., None], forms], axis=-1)

    def _statistics(self, sums, factors):
        counts = sums[..., 0]
        a, b = self.upper
        scatters = np.empty(factors.covariances.shape)
        scatters[..., a, b] = scatters[..., b, a] = sums[..., 1:]
        if self.noise.any():
            # E[b | x, k] = A x, with the same A for every row
            shrink = factors.covariances @ np.linalg.inv(factors.covariances + self.noise)
            left = factors.covariances - shrink @ factors.covariances
            scatters = shrink @ scatters @ shrink.swapaxes(-1, -2) + counts[..., None, None] * left
            scatters = (scatters + scatters.swapaxes(-1, -2)) / 2
        return StickStatistics(counts, scatters)


class OwnNoise:
    """Rows each with a sampling covariance of its own.

    Parameters
    ----------
    Y : array of shape (n, d)
    noise : array of shape (n, d, d)
    """

    def __init__(self, Y, noise):
        self.n_rows, self.n_traits = Y.shape
        self.rows = np.ascontiguousarray(Y.T)
        self.noise = np.ascontiguousarray(noise.transpose(1, 2, 0))

    def log_joint(self, factors, rows=slice(None)):
        """As in `SharedNoise`."""
        return self._whiten(factors, rows)[0]

    def expectation(self, factors):
        """As in `SharedNoise`."""
        n_runs, n_components = factors.log_weights.shape
        counts = np.zeros((n_runs, n_components))
        scatters = np.zeros(factors.covariances.shape)
        total = np.zeros(n_runs)
        step = max(256, _CHUNK_ENTRIES // (n_runs * n_components))
        for begin in range(0, self.n_rows, step):
            log_joint, means, lift = self._whiten(factors, slice(begin, begin + step))
            log_normalisers, responsibilities = normalise(log_joint)
            total += log_normalisers.sum(axis=-1)
            counts += responsibilities.sum(axis=-1)
            for a, b in zip(*np.triu_indices(self.n_traits), strict=True):
                # E[b b'] = m m' + Sigma - lift' lift, lift being the whitened Sigma
                product = means[:, :, a] * means[:, :, b]
                product -= (lift[:, :, :, a] * lift[:, :, :, b]).sum(axis=0)
                sums = np.einsum("rkc,rkc->rk", responsibilities, product)
                scatters[..., a, b] += sums
                if a != b:
                    scatters[..., b, a] += sums
        scatters += counts[..., None, None] * factors.covariances
        return total, StickStatistics(counts, scatters)

    def _whiten(self, factors, rows):
        """Log joint (R, K, c), E[b | x, k] (R, K, d, c) and whitened Sigma_k, (d, R, K, d, c).

        With the Cholesky factor C of Sigma_k + V_i, one triangular solve gives C^-1 x_i and
        C^-1 Sigma_k: the quadratic form, the conditional mean and its covariance follow. Written
        over the few traits, so that each line works on all rows and components at once.
        """
        covariances, d = factors.covariances[..., None], self.n_traits
        root, log_det = _cholesky(covariances + self.noise[:, :, rows])
        right = np.concatenate(
            [
                np.broadcast_to(covariances, root.shape),
                np.broadcast_to(self.rows[:, None, rows], (*root.shape[:3], 1, root.shape[-1])),
            ],
            axis=3,
        )
        solved = []
        for a in range(d):
            row = right[:, :, a]
            for b in range(a):
                row = row - root[:, :, a, b, None] * solved[b]
            solved.append(row / root[:, :, a, a, None])
        solved = np.stack(solved)
        lift, whitened = solved[:, :, :, :d], solved[:, :, :, d]
        constant = factors.log_weights + 0.5 * (
            factors.log_determinants + np.linalg.slogdet(factors.covariances)[1] - d * _LOG_2PI
        )
        quadratic = (whitened**2).sum(axis=0)
        means = (whitened[:, :, :, None] * lift).sum(axis=0)
        return constant[..., None] - 0.5 * (log_det + quadratic), means, lift


def _cholesky(matrices):
    """Cholesky factors of (R, K, d, d, c) over the two inner axes, and log determinants."""
    root = np.array(matrices)
    log_det = 0.0
    for a in range(root.shape[2]):
        for b in range(a):
            for c in range(b):
                root[:, :, a, b] -= root[:, :, a, c] * root[:, :, b, c]
            root[:, :, a, b] /= root[:, :, b, b]
            root[:, :, a, a] -= root[:, :, a, b] ** 2
        log_det = log_det + np.log(root[:, :, a, a])
        root[:, :, a, a] = np.sqrt(root[:, :, a, a])
    return root, log_det


def normalise(log_joint):
    """Log normalisers (R, c) and responsibilities (R, K, c); overwrites its argument.

    The largest term is taken out first: a row far from every component has densities of zero in
    floating point and still gets responsibilities that sum to one.
    """
    largest = log_joint.max(axis=1, keepdims=True)
    log_joint -= largest
    responsibilities = np.exp(log_joint, out=log_joint)
    total = responsibilities.sum(axis=1, keepdims=True)
    responsibilities /= total
    return (largest + np.log(total))[:, 0], responsibilities


def sweep(data, statistics, prior):
    """One sweep of coordinate ascent for every run.

    Returns
    -------
    elbo : array of shape (R,)
        The bound, with every constant, at the factors of `statistics` and the best q(z), q(b | z)
        for them.
    statistics : StickStatistics
        Those of the new q(z) and q(b | z).
    """
    factors = StickFactors(statistics, prior)
    total, updated = data.expectation(factors)
    return total - factors.divergence, updated


def stick_evidence(counts, concentration):
    """What the order of components contributes to the bound at its best q(v), shape (R,)."""
    after = counts_after(counts)
    return betaln(1 + counts[:, :-1], concentration + after).sum(axis=1)


def order_sticks(statistics, concentration):
    """Sort components by decreasing count, in the runs whose bound does not fall by it.

    With the last stick fixed at 1 that order is not always the best: a concentration above 1
    expects the last component to be large.
    """
    counts = statistics.counts
    order = np.argsort(-counts, axis=1, kind="stable")
    ordered = np.take_along_axis(counts, order, axis=1)
    worse = stick_evidence(ordered, concentration) <= stick_evidence(counts, concentration)
    order[worse] = np.arange(counts.shape[1])
    return statistics.reordered(order)
