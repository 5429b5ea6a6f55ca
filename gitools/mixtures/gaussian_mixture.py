"""Gaussian mixture fitted by the EM algorithm."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from gitools.mixtures._checks import check_integer, check_not_negative, generator
from gitools.mixtures._covariances import FAMILIES, count_parameters, expand
from gitools.mixtures._em import (
    Parameters,
    log_joint_density,
    normalise,
    split_by_pattern,
)
from gitools.mixtures._prior import scale_prior
from gitools.mixtures._scaling import standardise
from gitools.mixtures._starts import (
    Model,
    check_responsibilities,
    given_start,
    kmeans_start,
    responsibility_start,
)


class GaussianMixtureEM(DensityMixin, BaseEstimator):
    r"""Gaussian mixture fitted by expectation-maximisation (EM).

    The density is :math:`p(x) = \sum_k w_k N(x; \mu_k, \Sigma_k)`. Each iteration raises the
    likelihood (with a prior, the posterior density) or leaves it. Entries that are NaN are taken
    as missing at random and integrated out. Inside, the data are centred and scaled by their
    standard deviations (``"spherical"``: by one common scale), so that features in very
    different units are no trouble; everything reported is in the data's own units.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    covariance_type : {"full", "diag", "spherical", "tied"}, default="full"
        One covariance matrix per component, one variance per component and feature, one
        variance per component, or one matrix shared by all.
    n_init : int, default=10
        Number of k-means++ starts; the fit of highest likelihood (or posterior) is kept.
        A start given by `init` is run once.
    tol : float, default=1e-7
        A run has converged when an iteration raises the mean log-likelihood per sample
        (with a prior: log posterior / n) by no more than this. A mean, so that stopping does
        not depend on the number of samples.
    max_iter : int, default=1000
        Largest number of iterations of a run.
    floor : float, default=1e-6
        Smallest eigenvalue (or variance) a covariance may have, as a share of the data's
        variance: it refers to the scaled data. Zero gives plain maximum likelihood, where a
        component that collapses on too few points is an error.
    prior : MixturePrior, optional
        Prior on weights and covariances; the fit is then the posterior mode.
    init : "k-means++", array of shape (n_samples, n_components), or mapping, default="k-means++"
        Start. An array holds responsibilities: the first M-step uses them, with missing entries
        at their feature's mean. A mapping holds the start's ``weights`` (K,), ``means`` (K, d)
        and ``covariances`` (shaped as `covariances_`), in the data's units.
    random_state : int, numpy.random.Generator or None, default=None
        Source of the k-means++ starts.

    Attributes
    ----------
    weights_ : array of shape (n_components,)
    means_ : array of shape (n_components, n_features)
    covariances_ : array
        Shape (K, d, d) for "full", (K, d) for "diag", (K,) for "spherical", (d, d) for "tied".
    log_likelihoods_ : array of shape (n_iter_,)
        Mean log-likelihood per sample after each iteration; with a prior the log posterior
        density divided by the number of samples (with the prior's normalising constant
        wherever it is proper). Samples without any observed entry are not counted. The last
        value belongs to the fitted parameters. A given array's M-step is the first iteration.
    converged_ : bool
    n_iter_ : int
    n_parameters_ : int
        Free parameters: those of weights, means and covariances.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,)
        Only where X came with names.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
    data via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    McLachlan, G. and Peel, D. (2000). Finite Mixture Models. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.mixtures import GaussianMixtureEM
    >>> x = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> mixture = GaussianMixtureEM(n_components=2, random_state=0).fit(x)
    >>> np.sort(mixture.means_.ravel()).round(2)
    array([0.1, 5.1])
    """

    def __init__(
        self,
        n_components=1,
        covariance_type="full",
        n_init=10,
        tol=1e-7,
        max_iter=1000,
        floor=1e-6,
        prior=None,
        init="k-means++",
        random_state=None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.floor = floor
        self.prior = prior
        self.init = init
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None):
        """Fit the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN marks a missing entry. A row of NaN alone has no influence.
        y : ignored

        Returns
        -------
        GaussianMixtureEM
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If X or a parameter is not as described, if a feature is constant or never
            observed, if X has fewer distinct rows than components, or if a component collapses
            in spite of floor and prior.

        Warns
        -----
        ConvergenceWarning
            If the run that is kept used up `max_iter`.
        """
        X = self._validate_data(X, reset=True)
        self._check_parameters()
        rng = generator(self.random_state)
        used = ~np.isnan(X).all(axis=1)
        scaling = standardise(X[used], self.n_components, self.covariance_type)
        prior = scale_prior(
            self.prior,
            self.n_components,
            self.covariance_type,
            scaling.variances,
            scaling.unit,
        )
        model = Model(self.covariance_type, self.floor, prior, split_by_pattern(scaling.X))
        best = None
        for start in self._starts(scaling, used, model, rng):
            run = _climb(start, model, self.tol, self.max_iter)
            if best is None or run.trace[-1] > best.trace[-1]:
                best = run
        self._keep(best, scaling)
        if not self.converged_:
            warnings.warn(
                f"EM used up max_iter={self.max_iter} iterations before an iteration raised the "
                f"mean log-likelihood by less than tol={self.tol:g}.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def score_samples(self, X):
        """Log density of each sample's observed entries.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN marks a missing entry; a row of NaN alone has log density 0.

        Returns
        -------
        array of shape (n_samples,)
            Natural logarithm of the density, in the data's units.

        Raises
        ------
        NotFittedError, ValueError
            If the estimator is not fitted, or X does not fit it.
        """
        return normalise(self._log_joint(X))[0]

    def score(self, X, y=None):
        """Mean log density per sample, over samples with at least one observed entry.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float

        Raises
        ------
        NotFittedError, ValueError
            As `score_samples`; also if no entry is observed.
        """
        total, n_samples, _ = self._likelihood_summary(X)
        return total / n_samples

    def predict_proba(self, X):
        """Responsibilities: posterior probability of each component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN marks a missing entry; a row of NaN alone gets the weights.

        Returns
        -------
        array of shape (n_samples, n_components)
            Rows sum to one, however far a sample is from every mean.

        Raises
        ------
        NotFittedError, ValueError
            As `score_samples`.
        """
        return np.ascontiguousarray(normalise(self._log_joint(X))[1].T)

    def predict(self, X):
        """Most probable component of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        int array of shape (n_samples,)

        Raises
        ------
        NotFittedError, ValueError
            As `score_samples`.
        """
        return self._log_joint(X).argmax(axis=0)

    def bic(self, X):
        r"""Bayesian information criterion in Schwarz's sign: smaller is better.

        :math:`-2 \log L + p \log n` with p free parameters; mclust reports the negative. With a
        prior, L is still the likelihood, at the posterior mode.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float

        Raises
        ------
        NotFittedError, ValueError
            As `score`.
        """
        total, n_samples, _ = self._likelihood_summary(X)
        return -2 * total + self.n_parameters_ * np.log(n_samples)

    def aic(self, X):
        r"""Akaike's information criterion :math:`-2 \log L + 2p`: smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float

        Raises
        ------
        NotFittedError, ValueError
            As `score`.
        """
        total, _, _ = self._likelihood_summary(X)
        return -2 * total + 2 * self.n_parameters_

    def icl(self, X):
        r"""Integrated completed likelihood criterion: smaller is better.

        BIC :math:`- 2 \sum_i \log \max_k r_{ik}`, r the responsibilities: it charges for
        samples that could belong to several components. mclust reports the negative.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float

        Raises
        ------
        NotFittedError, ValueError
            As `score`.

        References
        ----------
        Biernacki, C., Celeux, G. and Govaert, G. (2000). Assessing a mixture model for
        clustering with the integrated completed likelihood. IEEE Transactions on Pattern
        Analysis and Machine Intelligence 22, 719-725.
        """
        total, n_samples, log_certainty = self._likelihood_summary(X)
        return -2 * (total + log_certainty) + self.n_parameters_ * np.log(n_samples)

    def sample(self, n_samples=1, random_state=None):
        """Draw from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, numpy.random.Generator or None, default=None

        Returns
        -------
        X : array of shape (n_samples, n_features)
            In the data's units.
        labels : int array of shape (n_samples,)
            The component each row came from.

        Raises
        ------
        NotFittedError, ValueError
            If the estimator is not fitted or n_samples is not an integer of at least 1.
        """
        check_is_fitted(self)
        check_integer(n_samples, "n_samples", 1)
        rng = generator(random_state)
        weights = self.weights_ / self.weights_.sum()
        labels = rng.choice(len(weights), size=n_samples, p=weights)
        noise = rng.standard_normal((n_samples, self.n_features_in_))
        X = self.means_[labels]
        covariances = self._fitted_parameters().covariances
        for component, covariance in enumerate(covariances):
            rows = labels == component
            if covariance.ndim == 2:
                X[rows] += noise[rows] @ np.linalg.cholesky(covariance).T
            else:
                X[rows] += noise[rows] * np.sqrt(covariance)
        return X, labels

    def _validate_data(self, X, reset):
        try:
            return validate_data(
                self,
                X,
                reset=reset,
                dtype=np.float64,
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
            )
        except ValueError as error:
            raise ValueError(f"X: {error}") from error

    def _check_parameters(self):
        check_integer(self.n_components, "n_components", 1)
        check_integer(self.n_init, "n_init", 1)
        check_integer(self.max_iter, "max_iter", 1)
        check_not_negative(self.tol, "tol")
        check_not_negative(self.floor, "floor")
        if not isinstance(self.covariance_type, str) or self.covariance_type not in FAMILIES:
            raise ValueError(
                f"covariance_type: got {self.covariance_type!r}, expected one of "
                f"{', '.join(FAMILIES)}."
            )

    def _starts(self, scaling, used, model, rng):
        if isinstance(self.init, str):
            if self.init != "k-means++":
                raise ValueError(
                    f"init: got {self.init!r}, expected 'k-means++', an array of "
                    "responsibilities or a mapping of weights, means and covariances."
                )
            for _ in range(self.n_init):
                yield kmeans_start(scaling, self.n_components, model, rng)
        elif isinstance(self.init, Mapping):
            yield given_start(self.init, scaling, self.n_components, model)
        else:
            responsibilities = check_responsibilities(self.init, len(used), self.n_components)
            yield responsibility_start(responsibilities[used], scaling, model)

    def _keep(self, run, scaling):
        unit = scaling.unit
        weights, means = run.parameters.weights, run.parameters.means
        covariances = run.parameters.covariances
        self.weights_ = weights
        self.means_ = scaling.centre + means * unit
        if self.covariance_type == "full":
            self.covariances_ = covariances * np.outer(unit, unit)
        elif self.covariance_type == "tied":
            self.covariances_ = covariances[0] * np.outer(unit, unit)
        elif self.covariance_type == "diag":
            self.covariances_ = covariances * unit**2
        else:
            self.covariances_ = covariances[:, 0] * unit[0] ** 2
        self.log_likelihoods_ = np.array(run.trace) - np.log(unit) @ scaling.observed_share
        self.converged_ = run.converged
        self.n_iter_ = len(run.trace)
        self.n_parameters_ = count_parameters(*means.shape, self.covariance_type)

    def _fitted_parameters(self):
        shape = self.means_.shape
        covariances = expand(self.covariances_, self.covariance_type, shape)
        return Parameters(self.weights_, self.means_, covariances)

    def _log_joint(self, X):
        """Log of weight times density, shape (n_components, n_samples)."""
        check_is_fitted(self)
        X = self._validate_data(X, reset=False)
        return log_joint_density(split_by_pattern(X), self._fitted_parameters(), len(X)).T

    def _likelihood_summary(self, X):
        log_joint = self._log_joint(X)
        observed = ~np.isnan(np.asarray(X, dtype=float)).all(axis=1)
        if not observed.any():
            raise ValueError("X: got no observed entry, expected at least one row with one.")
        log_density, responsibilities = normalise(log_joint[:, observed])
        log_certainty = np.log(responsibilities.max(axis=0)).sum()
        return log_density.sum(), int(observed.sum()), log_certainty


@dataclass(frozen=True)
class _Run:
    parameters: Parameters
    trace: list
    converged: bool


def _climb(start, model, tol, max_iter):
    parameters = start.parameters
    objective, statistics = model.expectation(parameters)
    trace = [objective] if start.is_iteration else []
    converged = False
    while not converged and len(trace) < max_iter:
        before = objective
        parameters = model.maximisation(statistics, parameters)
        objective, statistics = model.expectation(parameters)
        trace.append(objective)
        converged = objective - before <= tol
    return _Run(parameters, trace, bool(converged))
