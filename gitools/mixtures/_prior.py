"""Conjugate prior of a Gaussian mixture: Dirichlet weights, inverse-Wishart covariances."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, multigammaln, xlogy


@dataclass(frozen=True)
class MixturePrior:
    r"""Prior on the weights and the covariances of a Gaussian mixture; means are left flat.

    The weights have a Dirichlet density, proportional to :math:`\prod_k w_k^{\alpha_k - 1}`.
    Each covariance has an inverse-Wishart density with :math:`\nu` degrees of freedom and
    scale :math:`\Lambda`,

    .. math:: p(\Sigma) \propto |\Sigma|^{-(\nu + d + 1)/2}
              \exp\{-\tfrac{1}{2} \operatorname{tr}(\Lambda \Sigma^{-1})\},

    whose mode is :math:`\Lambda / (\nu + d + 1)`. The restricted covariance families have the
    same density, restricted to them: with ``covariance_type="diag"`` each variance is
    inverse-gamma with shape :math:`(\nu + d - 1)/2` and rate :math:`\Lambda_{jj}/2`; with
    ``"spherical"`` the common variance is inverse-gamma with shape
    :math:`d(\nu + d + 1)/2 - 1` and rate :math:`\operatorname{tr}(\Lambda)/2`; with ``"tied"``
    the one shared covariance has the density once.

    Parameters
    ----------
    weight_concentration : float or array of shape (n_components,), default=1.0
        Dirichlet parameters alpha, each at least 1 (below 1 the posterior is unbounded where a
        weight goes to zero, so it has no mode). One is the flat prior: no influence.
    dof : float, optional
        Degrees of freedom nu >= 0, without unit. Zero with ``scale=0`` is the Jeffreys prior of
        one covariance, which is improper. Default: ``n_features + 2`` if ``scale`` is given.
    scale : float or array of shape (n_features, n_features), optional
        Scale Lambda. A matrix is in squared units of the data, symmetric and positive
        semi-definite. A number multiplies the diagonal matrix of the data's variances.
        Default: ``n_components ** (-2 / n_features)`` if ``dof`` is given.
        With neither ``dof`` nor ``scale`` the covariances have no prior.

    References
    ----------
    Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation
    and model-based clustering. Journal of Classification 24, 155-181 (the two defaults; their
    prior on the means is not used here).
    """

    weight_concentration: float | np.ndarray = 1.0
    dof: float | None = None
    scale: float | np.ndarray | None = None


@dataclass(frozen=True)
class ScaledPrior:
    """A `MixturePrior` in the coordinates of the standardised data.

    Attributes
    ----------
    concentration : array of shape (n_components,)
        Dirichlet parameters.
    exponent : float
        nu + d + 1, or 0 where the covariances have no prior.
    scale : array of shape (n_features, n_features)
        Lambda in squared standardised units.
    constant : float
        Logarithm of the normalising constants (zero for an improper part), with the Jacobian
        of the standardisation: the density is one of covariances in the data's own units.
    """

    concentration: np.ndarray
    exponent: float
    scale: np.ndarray
    constant: float

    def log_density(self, weights, covariances):
        """Log prior density.

        Parameters
        ----------
        weights : array of shape (n_components,)
        covariances : array of shape (n_blocks, d, d), or (n_blocks, d) for variances
            The distinct covariances in standardised units (one block if tied); a spherical
            component is given as d equal variances.

        Returns
        -------
        float
        """
        log_prior = self.constant + xlogy(self.concentration - 1, weights).sum()
        if self.exponent == 0:
            return log_prior
        if covariances.ndim == 3:
            log_det = np.linalg.slogdet(covariances)[1]
            trace = np.trace(np.linalg.solve(covariances, self.scale), axis1=1, axis2=2)
        else:
            log_det = np.log(covariances).sum(axis=1)
            trace = (np.diag(self.scale) / covariances).sum(axis=1)
        return log_prior - 0.5 * (self.exponent * log_det + trace).sum()


def scale_prior(prior, n_components, covariance_type, variances, unit):
    """Check a prior and carry it over to standardised coordinates.

    Parameters
    ----------
    prior : MixturePrior or None
    n_components : int
    covariance_type : {"full", "diag", "spherical", "tied"}
    variances : array of shape (n_features,)
        Variances of the data, in squared units of the data.
    unit : array of shape (n_features,)
        What one standardised unit is, in units of the data.

    Returns
    -------
    ScaledPrior

    Raises
    ------
    ValueError
        If a field of the prior has the wrong type, shape or range.
    """
    n_features = len(variances)
    if prior is None:
        flat = np.ones(n_components)
        return ScaledPrior(flat, 0.0, np.zeros((n_features, n_features)), 0.0)
    if not isinstance(prior, MixturePrior):
        raise ValueError(f"prior: got {type(prior).__name__}, expected MixturePrior or None.")
    concentration = _check_concentration(prior.weight_concentration, n_components)
    constant = gammaln(concentration.sum()) - gammaln(concentration).sum()
    if prior.dof is None and prior.scale is None:
        return ScaledPrior(concentration, 0.0, np.zeros((n_features, n_features)), constant)
    dof = _check_dof(prior.dof, n_features)
    scale = _check_scale(prior.scale, n_components, variances)
    n_blocks = 1 if covariance_type == "tied" else n_components
    exponent = dof + n_features + 1
    constant += n_blocks * _log_normaliser(dof, scale, covariance_type)
    constant -= n_blocks * exponent * np.log(unit).sum()
    return ScaledPrior(concentration, exponent, scale / np.outer(unit, unit), constant)


def _check_concentration(value, n_components):
    concentration = _numbers(value, "weight_concentration")
    if concentration.shape not in [(), (n_components,)]:
        raise ValueError(
            f"prior.weight_concentration: got shape {concentration.shape}, "
            f"expected a number or shape ({n_components},)."
        )
    if concentration.min() < 1:
        raise ValueError(
            f"prior.weight_concentration: got {concentration.min():g}, expected at least 1: "
            "below 1 the posterior density is unbounded where a weight goes to zero, "
            "so there is no posterior mode to find."
        )
    return np.broadcast_to(concentration, (n_components,)).copy()


def _check_dof(value, n_features):
    if value is None:
        return n_features + 2.0
    dof = _numbers(value, "dof")
    if dof.shape != () or dof < 0:
        raise ValueError(f"prior.dof: got {value!r}, expected one number of at least 0.")
    return float(dof)


def _check_scale(value, n_components, variances):
    n_features = len(variances)
    if value is None:
        value = n_components ** (-2 / n_features)
    scale = _numbers(value, "scale")
    if scale.shape == ():
        if scale < 0:
            raise ValueError(f"prior.scale: got {value!r}, expected a number of at least 0.")
        return float(scale) * np.diag(variances)
    if scale.shape != (n_features, n_features):
        raise ValueError(
            f"prior.scale: got shape {scale.shape}, expected a number or shape "
            f"({n_features}, {n_features})."
        )
    sd = np.sqrt(variances)
    relative = scale / np.outer(sd, sd)
    size = np.abs(relative).max()
    symmetric = np.allclose(relative, relative.T, rtol=0, atol=1e-10 * size)
    if not symmetric or np.linalg.eigvalsh(relative).min() < -1e-10 * size:
        raise ValueError(
            "prior.scale: got a matrix that is not symmetric positive semi-definite, "
            "expected one that is."
        )
    return (scale + scale.T) / 2


def _numbers(value, name):
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"prior.{name}: got {value!r}, expected numbers.") from None
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"prior.{name}: got {value!r}, expected finite numbers.")
    return array


def _log_normaliser(dof, scale, covariance_type):
    """Log normalising constant of one covariance's density; 0 where it is improper."""
    n_features = len(scale)
    if covariance_type == "diag":
        shape, rates = (dof + n_features - 1) / 2, np.diag(scale) / 2
        return _log_inverse_gamma_normaliser(shape, rates)
    if covariance_type == "spherical":
        shape = n_features * (dof + n_features + 1) / 2 - 1
        return _log_inverse_gamma_normaliser(shape, np.array([np.trace(scale) / 2]))
    sign, log_det = np.linalg.slogdet(scale)
    if dof <= n_features - 1 or sign <= 0:
        return 0.0
    log_power = dof / 2 * (log_det - n_features * np.log(2))
    return log_power - multigammaln(dof / 2, n_features)


def _log_inverse_gamma_normaliser(shape, rates):
    if shape <= 0 or rates.min() <= 0:
        return 0.0
    return (shape * np.log(rates) - gammaln(shape)).sum()
