r"""A normal-mixture prior on the effects of many variants, learnt by Gibbs sampling (BayesR).

The mixed model is

.. math:: y = Z a + X b + \varepsilon, \qquad b_j \sim \sum_k \pi_{g(j) k}\,
          N(0, m_k \sigma_g^2), \qquad \varepsilon_i \sim N(0, \sigma^2),

with covariates Z (an intercept among them) as fixed effects under a flat prior, standardised
dosages X, classes k whose effect variances are given multiples :math:`m_k` of a genetic variance,
and proportions :math:`\pi` for each group g of variants (a pathway and the rest, say). Fixed
effects are projected out. A binary trait is the sign of a liability with :math:`\sigma^2 = 1`
(probit), which is drawn along. `gitools.shrinkage._effect_gibbs` gives the sweep.

n is the number of people, p of variants, K of classes, C of groups. Memory grows with p squared.

References
----------
Erbe, M. et al. (2012). Improving accuracy of genomic predictions within and between dairy cattle
breeds with imputed high-density single nucleotide polymorphism panels. Journal of Dairy Science
95, 4114-4129.

Moser, G. et al. (2015). Simultaneous discovery, estimation and prediction analysis of complex
traits using a Bayesian mixture model. PLOS Genetics 11, e1004969.

Albert, J. H. and Chib, S. (1993). Bayesian analysis of binary and polychotomous response data.
Journal of the American Statistical Association 88, 669-679 (the liability drawn along).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage import _effect_gibbs as gibbs
from gitools.shrinkage._checks import check_count, check_number, finite_array

DEFAULT_MULTIPLES = (0.0, 1e-4, 1e-3, 1e-2)
"""Of BayesR, meant for tens of thousands of variants; a class explains its multiple times the
number of its variants, so fewer variants want larger multiples."""
_LARGEST_R_HAT = 1.1
_SMALLEST_TAIL = 1e-15


@dataclass(frozen=True)
class EffectMixtureFit:
    """Posterior of effects under a normal mixture, and the mixture that was learnt.

    Attributes
    ----------
    posterior_mean : array of shape (p,)
        Of each effect, in units of the trait (or of the liability's noise) per standard deviation
        of the dosage after covariates.
    second_moment : array of shape (p,)
        Posterior mean of each squared effect: the variance that the variant explains by itself.
    class_probabilities : array of shape (p, K)
        Posterior probability of each class.
    pip : array of shape (p,)
        Posterior probability of a class whose multiple is not zero.
    mean_error, pip_error : arrays of shape (p,)
        Standard errors of ``posterior_mean`` and ``pip``, from the spread of the chains. Sweeps go
        one variant at a time, so two near copies exchange an effect seldom: ``r_hat`` doesn't see
        that; these do, unless all chains sit on the same copy.
    proportions : array of shape (C, K)
        Posterior mean of each group's proportions, or those given.
    genetic_variance, residual_variance : float
        Posterior means, or what was given; a binary trait has a residual variance of one.
    explained_variance : float
        Posterior mean of the variance of X b over these people.
    heritability : float
        Posterior mean of explained / (explained + residual variance), sweep by sweep.
    r_hat : float
        Potential scale reduction of the explained variance between chains.
    converged : bool
        Whether ``r_hat`` is at most 1.1.
    centre, scale : arrays of shape (p,)
        Mean of each dosage, and its standard deviation after covariates.
    """

    posterior_mean: np.ndarray
    second_moment: np.ndarray
    class_probabilities: np.ndarray
    pip: np.ndarray
    mean_error: np.ndarray
    pip_error: np.ndarray
    proportions: np.ndarray
    genetic_variance: float
    residual_variance: float
    explained_variance: float
    heritability: float
    r_hat: float
    converged: bool
    centre: np.ndarray
    scale: np.ndarray

    def predict(self, X):
        """Genetic values of other people, without their covariates.

        Parameters
        ----------
        X : array-like of shape (m, p)
            Dosages of the same variants.

        Returns
        -------
        array of shape (m,)
            In units of the trait, or of the liability's noise.

        Raises
        ------
        ValueError
            If ``X`` is not finite or has another number of columns.
        """
        X = finite_array(X, "X", ("m", "p"))
        if X.shape[1] != len(self.scale):
            raise ValueError(
                f"X: got {X.shape[1]} columns, expected {len(self.scale)}, as in the fit."
            )
        return (X - self.centre) @ (self.posterior_mean / self.scale)


def effect_mixture(
    X,
    y,
    *,
    multiples=DEFAULT_MULTIPLES,
    groups=None,
    covariates=None,
    binary=False,
    proportions=None,
    concentration=1.0,
    genetic_variance=None,
    residual_variance=None,
    n_chains=4,
    n_draws=1000,
    n_burn=250,
    random_state=None,
):
    """Fit all variants at once as random effects with a normal-mixture prior.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Dosages, or any predictors; standardised inside.
    y : array-like of shape (n,)
        Trait, in any unit; 0 and 1 if ``binary``.
    multiples : array-like of shape (K,)
        Effect variance of each class over the genetic variance, increasing; the first may be zero.
    groups : int array-like of shape (p,), optional
        Group of each variant, 0 to C - 1, each with proportions of its own. Default: one group.
    covariates : array-like of shape (n, c), optional
        Fixed effects; an intercept is always added.
    binary : bool
        Whether the trait is the sign of a liability.
    proportions : array-like of shape (K,), (C, K) or (p, K), optional
        Proportions that are not learnt; with p rows each variant has its own, and groups may not
        be given.
    concentration : float or array-like of shape (K,)
        Dirichlet prior of the proportions, in variants.
    genetic_variance, residual_variance : float, optional
        Not learnt if given. Learnt ones have weak priors with a mean of half the trait's variance
        (binary: half of one). A binary trait takes no residual variance.
    n_chains : int
        Number of chains, at least 2. All begin without effects.
    n_draws, n_burn : int
        Sweeps of each chain kept, at least 20, and dropped before.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    EffectMixtureFit

    Warns
    -----
    ConvergenceWarning
        If the chains disagree on the variance that the effects explain.

    Raises
    ------
    ValueError
        If an argument is not finite, out of range or of the wrong size, a variant or the trait
        does not vary (after covariates), or a binary trait has other values than 0 and 1.

    Notes
    -----
    Which of two variants with a correlation near one carries an effect is found out slowly (use
    many chains, or leave one of the two out); what they predict together is found out at once.

    References
    ----------
    Moser et al. (2015), equations of the sampler; Albert and Chib (1993) for ``binary``.
    """
    X, y, Z = _checked_data(X, y, covariates, binary)
    project = _projection(Z)
    centre = X.mean(axis=0)
    X, scale = _standardise(project(X))
    n, p = X.shape
    multiples = _checked_multiples(multiples)
    prior = _checked_prior(p, multiples, groups, proportions, concentration)
    _set_variances(prior, genetic_variance, residual_variance, binary)
    n_chains = check_count(n_chains, "n_chains", low=2)
    n_draws = check_count(n_draws, "n_draws", low=20)
    n_burn = check_count(n_burn, "n_burn", low=0)
    rng = np.random.default_rng(random_state)
    dof = n - Z.shape[1]
    between = None
    if binary:
        liability = Liability(X[None], y[:, None] > 0.5, Z, n_chains, rng)
        xy, yy, trait_scale, between = *liability.products(), np.ones(n_chains), liability.redraw
    else:
        projected = project(y)
        xy = np.repeat((X.T @ projected)[:, None], n_chains, axis=1)
        yy = np.full(n_chains, projected @ projected)
        trait_scale = yy / dof
    gram = (X.T @ X)[:, :, None]
    limits = {"n_burn": n_burn, "n_draws": n_draws, "rng": rng, "between": between}
    found = gibbs.run(gram, xy, yy, dof, prior, trait_scale, **limits)
    return _summarise(found, multiples, centre, scale, proportions)


class Liability:
    """A latent trait whose sign is seen, redrawn given the effects (Albert and Chib 1993).

    Parameters
    ----------
    X : array of shape (M, n, p) or (1, n, p)
        Standardised predictors, covariates projected out.
    ill : bool array of shape (n, M) or (n, 1)
        Whose liability is above zero.
    Z : array of shape (n, c)
        Covariates with the intercept.
    m : int
        Number of chains or data sets.
    rng : numpy Generator
    """

    def __init__(self, X, ill, Z, m, rng):
        self.X, self.Z, self.rng = X, Z, rng
        self.ill = np.broadcast_to(ill, (X.shape[1], m))
        self.root = np.linalg.cholesky(np.linalg.inv(Z.T @ Z))
        start = ndtri(np.clip(self.ill.mean(axis=0), 0.01, 0.99))
        self.latent = self._draw(np.broadcast_to(start, self.ill.shape))

    def products(self):
        """X' l, (p, M), and the residual sum of squares that a fixed noise makes needless."""
        return self._cross(self.latent), np.zeros(self.latent.shape[1])

    def redraw(self, chains, xy):
        """New fixed effects and liabilities; brings X' l and the running product up to date."""
        genetic = self._values(chains.effects)
        rest = self.Z.T @ (self.latent - genetic)
        noise = self.rng.standard_normal(rest.shape)
        fixed = self.root @ (self.root.T @ rest + noise)
        self.latent = self._draw(self.Z @ fixed + genetic)
        new = self._cross(self.latent)
        chains.r += new - xy
        xy[...] = new

    def _values(self, effects):
        return (self.X @ effects.T[:, :, None].astype(self.X.dtype))[:, :, 0].T

    def _cross(self, latent):
        columns = latent.T[:, :, None].astype(self.X.dtype)
        return (np.swapaxes(self.X, 1, 2) @ columns)[:, :, 0].T.astype(float)

    def _draw(self, mean):
        """Normal with this mean and variance one, above zero for the ill and below for others."""
        sign = np.where(self.ill, 1.0, -1.0)
        tail = ndtr(sign * mean)
        share = np.maximum(tail * self.rng.random(mean.shape), _SMALLEST_TAIL)
        return mean - sign * ndtri(share)


def _projection(Z):
    """Function that takes the covariates' share out of columns."""
    basis = np.linalg.qr(Z)[0]

    def project(columns):
        return columns - basis @ (basis.T @ columns)

    return project


def _standardise(X):
    scale = np.sqrt((X**2).mean(axis=0))
    flat = scale < 1e-10 * max(1.0, float(scale.max()))
    if flat.any():
        raise ValueError(
            f"X: got column {int(np.argmax(flat))} without variation after the covariates "
            f"({int(flat.sum())} such), expected variants that vary."
        )
    return X / scale, scale


def _checked_data(X, y, covariates, binary):
    X = finite_array(X, "X", ("n", "p"))
    y = finite_array(y, "y", ("n",))
    if len(y) != len(X):
        raise ValueError(f"y: got {len(y)} values, expected {len(X)}, as X has {len(X)} rows.")
    Z = np.ones((len(X), 1))
    if covariates is not None:
        covariates = finite_array(covariates, "covariates", ("n", "c"))
        if len(covariates) != len(X):
            raise ValueError(
                f"covariates: got {len(covariates)} rows, expected {len(X)}, as X has."
            )
        Z = np.column_stack([Z, covariates])
    if len(X) < Z.shape[1] + 2:
        raise ValueError(
            f"X: got {len(X)} people, expected at least {Z.shape[1] + 2}: two more than fixed "
            "effects, the intercept among them."
        )
    if np.linalg.matrix_rank(Z) < Z.shape[1]:
        raise ValueError(
            "covariates: got columns that depend on each other or on the intercept, expected "
            "independent ones."
        )
    if binary and not (np.isin(y, (0, 1)).all() and 0 < y.mean() < 1):
        raise ValueError(
            f"y: got values {np.unique(y)[:5]}, expected zeros and ones, some of each, as binary "
            "is set."
        )
    rest = _projection(Z)(y)
    if not binary and rest @ rest <= 1e-20 * max(1.0, y @ y):
        raise ValueError("y: got a trait without variation after the covariates, expected one.")
    return X, y, Z


def _checked_multiples(multiples):
    multiples = finite_array(multiples, "multiples", ("K",))
    if multiples[0] < 0 or np.any(np.diff(multiples) <= 0) or multiples[-1] <= 0:
        raise ValueError(
            f"multiples: got {multiples}, expected increasing numbers from zero or above."
        )
    return multiples


def _checked_prior(p, multiples, groups, proportions, concentration):
    k = len(multiples)
    groups = _checked_groups(groups, p, proportions)
    n_groups = int(groups.max()) + 1
    concentration = np.asarray(concentration, dtype=float)
    if concentration.shape not in ((), (k,)) or not np.all(
        np.isfinite(concentration) & (concentration > 0)
    ):
        raise ValueError(
            f"concentration: got {concentration}, expected a positive number, or {k} of them."
        )
    concentration = np.broadcast_to(concentration, (n_groups, k)).copy()
    if proportions is None:
        return gibbs.EffectPrior(multiples, groups, concentration)
    proportions = _checked_proportions(proportions, p, n_groups, k)
    rows = proportions if len(proportions) == p and n_groups == 1 else proportions[groups]
    return gibbs.EffectPrior(multiples, groups, concentration, fixed=rows[:, :, None])


def _checked_groups(groups, p, proportions):
    if groups is None:
        return np.zeros(p, dtype=int)
    if proportions is not None and np.shape(proportions) and np.shape(proportions)[0] == p:
        raise ValueError("groups: got groups beside proportions of each variant, expected one.")
    found = np.asarray(groups)
    if found.shape != (p,) or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            f"groups: got {found.dtype} of shape {found.shape}, expected integers of shape ({p},)."
        )
    present = np.unique(found)
    if not np.array_equal(present, np.arange(len(present))):
        raise ValueError(
            f"groups: got numbers {present[:6]}, expected 0 to C - 1 with no group empty."
        )
    return found


def _checked_proportions(proportions, p, n_groups, k):
    found = np.asarray(proportions, dtype=float)
    if found.ndim == 1:
        found = np.tile(found, (n_groups, 1))
    if found.ndim != 2 or found.shape[1] != k or len(found) not in (n_groups, p):
        raise ValueError(
            f"proportions: got shape {np.shape(proportions)}, expected ({k},), ({n_groups}, {k}) "
            f"or ({p}, {k})."
        )
    if not (np.isfinite(found).all() and (found >= 0).all()) or not np.allclose(
        found.sum(axis=1), 1, atol=1e-6
    ):
        raise ValueError("proportions: got rows that are no probabilities, expected sums of one.")
    return found


def _set_variances(prior, genetic_variance, residual_variance, binary):
    positive = {"low": 0, "open_low": True}
    if genetic_variance is not None:
        prior.genetic_variance = check_number(genetic_variance, "genetic_variance", **positive)
    if residual_variance is not None:
        if binary:
            raise ValueError(
                f"residual_variance: got {residual_variance!r}, expected none with a binary trait: "
                "the liability's noise has variance one."
            )
        prior.residual_variance = check_number(residual_variance, "residual_variance", **positive)
    if binary:
        prior.residual_variance = 1.0


def _summarise(found, multiples, centre, scale, proportions):
    classes = found.classes.mean(axis=2)
    pips = found.classes[:, multiples > 0].sum(axis=1)
    r_hat = _r_hat(found.trace)
    if not r_hat <= _LARGEST_R_HAT:
        warnings.warn(
            f"effect_mixture: R-hat of the explained variance is {r_hat:.3g}, expected at most "
            f"{_LARGEST_R_HAT:g}; raise n_burn and n_draws.",
            ConvergenceWarning,
            stacklevel=3,
        )
    if proportions is None:
        learnt = found.proportions.mean(axis=2)
    else:
        learnt = np.atleast_2d(np.asarray(proportions, dtype=float))
    return EffectMixtureFit(
        found.mean.mean(axis=1),
        found.square.mean(axis=1),
        classes,
        pips.mean(axis=1),
        _error(found.mean),
        _error(pips),
        learnt,
        float(found.genetic.mean()),
        float(found.residual.mean()),
        float(found.explained.mean()),
        float(found.heritability.mean()),
        r_hat,
        r_hat <= _LARGEST_R_HAT,
        centre,
        scale,
    )


def _error(of_chains):
    """Standard error of the mean over chains, the last axis."""
    return of_chains.std(axis=-1, ddof=1) / np.sqrt(of_chains.shape[-1])


def _r_hat(trace):
    """Gelman and Rubin's potential scale reduction of a trace [draws, chains]."""
    n_draws = len(trace)
    within = trace.var(axis=0, ddof=1).mean()
    between = trace.mean(axis=0).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((n_draws - 1) / n_draws + between / within))
