"""Dirichlet-process mixture of zero-mean Gaussians, fitted by variational inference."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from gitools.mixtures._checks import check_array, check_integer, check_number, generator
from gitools.mixtures._stick_ascent import begin, climb, merge, random_starts, refill
from gitools.mixtures._sticks import (
    OwnNoise,
    SharedNoise,
    StickFactors,
    StickPrior,
    normalise,
    order_sticks,
)

# Rough climbs before merging: merges do in a step what sweeps would take hundreds for.
_ROUGH_TOL = 1e-4
# The median of |N(0, 1)|.
_MEDIAN_ABSOLUTE_NORMAL = 0.6744897501960817
# Below this smallest eigenvalue of the directions of the rows a trait is a sum of others.
_DEPENDENT = 1e-10
_ROWS_AT_ONCE = 2**16
_FARTHEST = 3e4


class ZeroMeanDPMixture(DensityMixin, BaseEstimator):
    r"""Mixture of Gaussians about zero whose number of components is learnt.

    For effects of variants on traits: a row is a variant, and what tells the kinds of variant
    apart is the covariance of their effects, not their mean. Sticks
    :math:`v_k \sim \mathrm{Beta}(1, \alpha)` for k < K and :math:`v_K = 1`, weights
    :math:`\pi_k = v_k \prod_{j<k} (1 - v_j)`, precisions
    :math:`\Lambda_k \sim W(\nu_0, S_0^{-1})` and rows
    :math:`x_i \mid z_i = k \sim N(0, \Lambda_k^{-1})`. The posterior is approximated by a product
    of independent factors, fitted by coordinate ascent on the evidence lower bound (ELBO), with
    squared extrapolation, merges of components and births of new ones, all of which are kept only
    where the bound rises. Spare components end up empty.

    Inside, each trait is measured in units of its typical size (median absolute value of its
    entries that are not zero, divided by 0.6745), so that rescaling a trait changes nothing but
    the units of the result. A row with an entry beyond 30,000 typical sizes is scaled down to
    that size before the fit.

    Parameters
    ----------
    n_components : int, default=20
        Truncation K: the largest number of components.
    concentration : float, default=1.0
        alpha. Before the data are seen, about alpha ln n components are expected in n rows; 1
        makes each stick uniform.
    n_init : int, default=3
        Number of random starts; the fit of the highest bound is kept.
    tol : float, default=1e-7
        A run has converged when three sweeps raise the bound by less than this per row.
    max_iter : int, default=2000
        Largest number of sweeps of a run.
    random_state : int, numpy.random.Generator or None, default=None
        Source of the starts.
    min_weight : float, default=0.01
        `n_clusters_` counts components of at least this weight. It changes nothing else.
    prior_dof : float, optional
        nu_0, above d - 1 for d traits. Default d + 2, for which the prior mean of a covariance is
        S_0: a component is believed to be of typical size as firmly as d + 2 rows could say.
    prior_scale : array-like of shape (d, d), optional
        S_0, in the data's squared units. Default: squared typical sizes on the diagonal.

    Attributes
    ----------
    weights_ : array of shape (n_components,)
        Posterior means of the weights; they sum to one.
    covariances_ : array of shape (n_components, n_features, n_features)
        Inverses of the posterior mean precisions, in the data's squared units. Components are
        ordered by their trace, largest first. Where typical sizes of traits differ by more
        than a factor of three, the trace is taken after multiplying traits by powers of ten that
        bring them together: otherwise the trait with the largest unit alone would decide.
    elbos_ : array of shape (n_iter_,)
        The bound in nats, every constant included, after each sweep that was kept. It does not
        fall.
    n_clusters_ : int
        Number of components with a weight of at least `min_weight`.
    converged_ : bool
    n_iter_ : int
        Length of `elbos_`. Sweeps that were tried and undone are not counted.
    restart_elbos_ : array of shape (n_init,)
        Where each start ended.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,)
        Only where X came with names.

    References
    ----------
    Blei, D. M. and Jordan, M. I. (2006). Variational inference for Dirichlet process mixtures.
    Bayesian Analysis 1, 121-143.

    Ishwaran, H. and James, L. F. (2001). Gibbs sampling methods for stick-breaking priors.
    Journal of the American Statistical Association 96, 161-173 (the truncation).

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.mixtures import ZeroMeanDPMixture
    >>> rng = np.random.default_rng(0)
    >>> effects = rng.normal(size=(2000, 2)) * np.repeat([[1.0, 0.1], [0.1, 1.0]], 1000, axis=0)
    >>> mixture = ZeroMeanDPMixture(random_state=0).fit(effects)
    >>> mixture.n_clusters_
    2
    """

    def __init__(
        self,
        n_components=20,
        concentration=1.0,
        n_init=3,
        tol=1e-7,
        max_iter=2000,
        random_state=None,
        min_weight=0.01,
        prior_dof=None,
        prior_scale=None,
    ):
        self.n_components = n_components
        self.concentration = concentration
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.min_weight = min_weight
        self.prior_dof = prior_dof
        self.prior_scale = prior_scale

    def fit(self, X, y=None, sampling_covariance=None):
        r"""Fit the mixture.

        With `sampling_covariance` a row is a latent effect plus sampling error,
        :math:`x_i = b_i + e_i` with :math:`e_i \sim N(0, V_i)`, and the mixture is that of the
        effects b. Given its component, q(b_i) is Gaussian and has a closed form; the bound still
        rises with every sweep.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Effects of variants (rows) on traits.
        y : ignored
            The sampling covariance goes by its name; a matrix given here is an error.
        sampling_covariance : array-like, shape (d, d) or (n_samples, d, d), optional
            V, of all rows or of each, in the data's squared units.

        Returns
        -------
        ZeroMeanDPMixture
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If an argument is not as described, if a trait is zero throughout, or if a trait is a
            linear combination of others (a copy of one, say).

        Warns
        -----
        ConvergenceWarning
            If the run that is kept used up `max_iter`.
        """
        if np.ndim(y) > 1:
            raise ValueError(
                f"y: got an array of shape {np.shape(y)}, expected nothing; give a sampling "
                "covariance by its name."
            )
        X = self._validate_data(X, reset=True)
        self._check_parameters()
        rng = generator(self.random_state)
        unit = _typical_sizes(X)
        rows = _draw_in(X / unit)
        _check_spread(rows)
        prior = self._prior(unit)
        data = _with_noise(rows, sampling_covariance, unit)
        state = begin(random_starts(rows, self.n_components, self.n_init, rng))
        tols = (max(self.tol, _ROUGH_TOL), self.tol)
        for tol in tols:
            climb(data, state, prior, tol, self.max_iter)
            for run in range(self.n_init):
                merge(data, state, run, prior, tol, self.max_iter)
        for run in range(self.n_init):
            refill(data, rows, state, run, prior, tols, self.max_iter, rng)
        self._keep(state, prior, unit, len(X))
        if not self.converged_:
            warnings.warn(
                f"The bound still rose by more than tol={self.tol:g} per row after "
                f"max_iter={self.max_iter} sweeps.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def score_samples(self, X, sampling_covariance=None):
        """Log density of each row under `weights_` and `covariances_`.

        A plug-in density: the uncertainty of the parameters is left out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sampling_covariance : array-like of shape (d, d) or (n_samples, d, d), optional
            If given, the density is that of effect plus sampling error.

        Returns
        -------
        array of shape (n_samples,)
            Natural logarithm of the density, in the data's units.

        Raises
        ------
        NotFittedError, ValueError
            If the estimator is not fitted, or an argument does not fit it.
        """
        parts = self._in_parts(X, sampling_covariance)
        return np.concatenate([logsumexp(part, axis=0) for part in parts]) - self._log_unit()

    def score(self, X, y=None, sampling_covariance=None):
        """Mean log density per row; arguments and errors as in `score_samples`."""
        return float(self.score_samples(X, sampling_covariance).mean())

    def predict_proba(self, X, sampling_covariance=None):
        """Posterior probability of each component, weights included.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sampling_covariance : array-like of shape (d, d) or (n_samples, d, d), optional

        Returns
        -------
        array of shape (n_samples, n_components)
            Rows sum to one. Columns are ordered as `covariances_`.

        Raises
        ------
        NotFittedError, ValueError
            As `score_samples`.
        """
        parts = self._in_parts(X, sampling_covariance)
        return np.concatenate([normalise(part[None])[1][0].T for part in parts])

    def predict(self, X, sampling_covariance=None):
        """Most probable component of each row, weights included.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        sampling_covariance : array-like of shape (d, d) or (n_samples, d, d), optional

        Returns
        -------
        int array of shape (n_samples,)

        Raises
        ------
        NotFittedError, ValueError
            As `score_samples`.
        """
        parts = self._in_parts(X, sampling_covariance)
        return np.concatenate([part.argmax(axis=0) for part in parts])

    def _validate_data(self, X, reset):
        try:
            return validate_data(
                self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1
            )
        except ValueError as error:
            raise ValueError(f"X: {error}") from error

    def _check_parameters(self):
        for name in ("n_components", "n_init", "max_iter"):
            check_integer(getattr(self, name), name, 1)
        check_number(self.concentration, "concentration", "above 0", lambda a: a > 0)
        check_number(self.tol, "tol", "of at least 0", lambda a: a >= 0)
        check_number(
            self.min_weight, "min_weight", "of at least 0 and below 1", lambda a: 0 <= a < 1
        )
        if self.prior_dof is not None:
            d = self.n_features_in_
            check_number(self.prior_dof, "prior_dof", f"above d - 1 = {d - 1}", lambda a: a > d - 1)

    def _prior(self, unit):
        d = len(unit)
        dof = d + 2.0 if self.prior_dof is None else float(self.prior_dof)
        if self.prior_scale is None:
            return StickPrior(float(self.concentration), dof, np.eye(d))
        scale = check_array(self.prior_scale, "prior_scale", (d, d)) / np.outer(unit, unit)
        _check_covariances(scale, "prior_scale", singular_allowed=False)
        return StickPrior(float(self.concentration), dof, scale)

    def _keep(self, state, prior, unit, n_rows):
        shift = n_rows * np.log(unit).sum()
        best = int(np.argmax(state.elbos))
        factors = StickFactors(
            order_sticks(state.statistics.take([best]), prior.concentration), prior
        )
        scale = np.outer(unit, unit)
        covariances, weights = factors.covariances[0], factors.weights[0]
        order = np.argsort(-_common_trace(covariances, unit), kind="stable")
        self.weights_ = weights[order]
        self.covariances_ = covariances[order] * scale
        self.elbos_ = np.array(state.traces[best]) - shift
        self.restart_elbos_ = state.elbos - shift
        self.converged_ = bool(state.converged[best])
        self.n_iter_ = len(self.elbos_)
        self.n_clusters_ = int(np.sum(self.weights_ >= self.min_weight))
        self._unit = unit

    def _log_unit(self):
        return np.log(self._unit).sum()

    def _in_parts(self, X, sampling_covariance):
        """Log of weight times density, in units of the typical sizes: arrays (K, rows)."""
        check_is_fitted(self)
        X = self._validate_data(X, reset=False)
        covariances = self.covariances_ / np.outer(self._unit, self._unit)
        plug_in = _PlugIn(
            np.log(self.weights_)[None], -np.linalg.slogdet(covariances)[1][None], covariances[None]
        )
        data = _with_noise(X / self._unit, sampling_covariance, self._unit)
        for begin_at in range(0, len(X), _ROWS_AT_ONCE):
            yield data.log_joint(plug_in, slice(begin_at, begin_at + _ROWS_AT_ONCE))[0]


@dataclass(frozen=True)
class _PlugIn:
    """Fixed parameters in the place of expectations under q, with a leading axis of one run."""

    log_weights: np.ndarray
    log_determinants: np.ndarray
    covariances: np.ndarray


def _typical_sizes(X):
    """Median absolute entry of each trait, zeros left out, as a standard deviation.

    A median, because a single gross outlier would otherwise set the scale of the prior; without
    the zeros, because more than half of all effects may be exactly zero.
    """
    unit = np.empty(X.shape[1])
    for trait, column in enumerate(X.T):
        sizes = np.abs(column[column != 0])
        if len(sizes) == 0:
            raise ValueError(
                f"X: got zeros alone in trait {trait}, expected some effects that are not zero; "
                "drop the trait."
            )
        unit[trait] = np.median(sizes) / _MEDIAN_ABSOLUTE_NORMAL
    if not (unit.min() > 1e-140 and unit.max() < 1e140):
        raise ValueError(
            f"X: got typical sizes from {unit.min():g} to {unit.max():g}, expected traits whose "
            "squares are neither zero nor infinite; rescale."
        )
    return unit


def _draw_in(rows):
    """Gross outliers brought to the largest size at which a covariance is more than rounding."""
    largest = np.abs(rows).max(axis=1)
    if not largest.max() < 1e100:
        raise ValueError(
            "X: got an entry more than 1e100 times the typical size of its trait, expected "
            "entries whose squares are finite; drop it."
        )
    far = largest > _FARTHEST
    rows[far] *= (_FARTHEST / largest[far])[:, None]
    return rows


def _check_spread(rows):
    """Rows must span every trait."""
    largest = np.abs(rows).max(axis=1)
    directions = rows[largest > 0] / largest[largest > 0, None]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # directions, so that one outlier does not make all else look singular
    moments = directions.T @ directions / len(directions)
    eigenvalues, eigenvectors = np.linalg.eigh(moments)
    if eigenvalues[0] < _DEPENDENT:
        traits = np.flatnonzero(np.abs(eigenvectors[:, 0]) > 1e-3).tolist()
        raise ValueError(
            f"X: got traits {traits} that are linearly dependent, or too few rows (n_samples = "
            f"{len(rows)}, of which {len(directions)} are not zero), expected traits none of "
            "which is a combination of others (a copy, say); drop one."
        )


def _with_noise(rows, sampling_covariance, unit):
    """Rows in units of typical size, with their sampling covariance brought to these units."""
    n, d = rows.shape
    if sampling_covariance is None:
        return SharedNoise(rows, np.zeros((d, d)))
    noise = check_array(sampling_covariance, "sampling_covariance", (d, d), (n, d, d))
    noise = noise / np.outer(unit, unit)
    _check_covariances(noise, "sampling_covariance", singular_allowed=True)
    return SharedNoise(rows, noise) if noise.ndim == 2 else OwnNoise(rows, noise)


def _common_trace(covariances, unit):
    """Trace of each covariance after powers of ten have made the traits comparable.

    Within a factor of three of each other the traits keep their units.
    """
    power = np.round(np.log10(unit / unit.max()))
    return np.trace(covariances * np.outer(unit, unit) / 10.0 ** (power[:, None] + power),
                    axis1=1, axis2=2)  # fmt: skip


def _check_covariances(matrices, name, singular_allowed):
    size = np.abs(matrices).max()
    if np.abs(matrices - matrices.swapaxes(-1, -2)).max() > 1e-8 * size:
        raise ValueError(f"{name}: got a matrix that is not symmetric, expected a covariance.")
    smallest = np.linalg.eigvalsh(matrices).min()
    if smallest < -1e-8 * size or (not singular_allowed and smallest <= 0):
        expected = "no negative ones" if singular_allowed else "positive ones"
        raise ValueError(
            f"{name}: got a matrix with an eigenvalue of {smallest:.2g} (in squared typical "
            f"sizes), expected {expected}."
        )
