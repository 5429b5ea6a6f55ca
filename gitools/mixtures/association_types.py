"""Which traits a variant acts on, read off a mixture of its effects.

A type is a set of traits: null, A, B, AB and so on. Several components may be of one type.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from gitools.mixtures._checks import check_number

# Half of the variance of an effect estimated in such a component is then effect, half noise.
RATIO = 2.0
# The null of a trait is sought among components that together hold at least this weight: one
# that is smaller by chance, or holds a handful of zeros, must not set the scale.
NULL_SHARE = 0.05
NULL_NAME = "null"
_ROWS_AT_ONCE = 2**14


@dataclass(frozen=True)
class AssociationTypes:
    """Types of the components of a mixture and, if asked for, of variants.

    Attributes
    ----------
    types : list of str
        Types that occur, "null" first, then those of one trait, of two, and so on; within a size
        in the order of the traits. "null" is always listed.
    component_types : list of str
        Type of each component, those left out for their weight too.
    ratios : array of shape (n_components, n_traits)
        Variance of each component in each trait over that of the trait's null: what decides.
    kept : bool array of shape (n_components,)
        Components of weight at least `min_weight`; only these have a part in what follows.
    weights : array of shape (n_types,)
        Share of variants of each type; sums to one.
    posterior : array of shape (n_variants, n_types) or None
        Probability of each type for each variant; rows sum to one. None without variants.
    trait_names : tuple of str
    members : bool array of shape (n_types, n_traits)
        Which traits a type acts on.
    """

    types: list
    component_types: list
    ratios: np.ndarray
    kept: np.ndarray
    weights: np.ndarray
    posterior: np.ndarray | None
    trait_names: tuple
    members: np.ndarray

    def probability(self, name) -> np.ndarray:
        """Posterior of one type, (n_variants,); zero for a type that does not occur.

        Raises
        ------
        ValueError
            If `name` is no set of the traits, or no variants were given.
        """
        known = _all_names_of(self.trait_names, name)
        posterior = self._posterior()
        return posterior[:, self.types.index(known)] if known in self.types else 0 * posterior[:, 0]

    def acting_on(self, trait) -> np.ndarray:
        """Posterior that a variant acts on a trait, alone or with others, (n_variants,).

        Raises
        ------
        ValueError
            If `trait` is none of the traits, or no variants were given.
        """
        if trait not in self.trait_names:
            raise ValueError(f"trait: got {trait!r}, expected one of {list(self.trait_names)}.")
        return self._posterior() @ self.members[:, self.trait_names.index(trait)]

    def shared(self) -> np.ndarray:
        """Posterior that a variant acts on two traits or more, (n_variants,)."""
        return self._posterior() @ (self.members.sum(axis=1) > 1)

    def _posterior(self):
        if self.posterior is None:
            raise ValueError("X: got none when the types were named, expected effects of variants.")
        return self.posterior


def association_types(
    mixture,
    X=None,
    *,
    sampling_covariance=None,
    noise=None,
    trait_names=None,
    ratio=RATIO,
    min_weight=1e-3,
) -> AssociationTypes:
    r"""Name the components of a mixture about zero, and give variants a posterior of their type.

    Component k acts on trait t if its effects vary at least `ratio` times as much there as those
    of the trait's null, :math:`\Sigma_{k,tt} \ge \text{ratio} \cdot \nu_t`. Each trait is compared
    with itself only, so that neither its unit nor the sign of an effect nor the order of the
    traits matters, and a correlation (as noise of overlapping samples makes) is no sharing. The
    direction of a component's longest axis has none of these properties.

    The null variance :math:`\nu_t` is, in this order: `noise`; the diagonal of the sampling
    covariance; or learnt from the mixture: components are taken from the smallest variance in t up
    until they hold a weight of 0.05, and :math:`\nu_t` is the variance of the heaviest component
    up to `ratio` squared times that variance. (The smallest one itself will not do: a component
    keeps the rows that fit it, and a rare one can have half the null's variance for that.) This
    needs at least one variant in twenty without an effect on the trait; where variants were chosen
    for their effects, or the null's variance is known, give `noise`.

    The posterior of a type is the sum of the responsibilities of its components, weights
    included: :math:`P(T \mid x) \propto \sum_{k \in T} \pi_k\, N(x \mid 0, \Sigma_k)`.

    Parameters
    ----------
    mixture : fitted estimator, or pair of arrays
        Anything with `weights_` and `covariances_` and means of zero, such as a
        `ZeroMeanDPMixture`; or a pair of weights (n_components,) and covariances (n_components,
        n_traits, n_traits), in the squared units of X.
    X : array-like of shape (n_variants, n_traits), optional
        Effects. Without them components are named only.
    sampling_covariance : array-like, shape (d, d) or (n_variants, d, d), optional
        For a mixture of *latent* effects: the covariance of the sampling error, which is added to
        every component. Where each variant has its own, components are named by the median
        variance of each trait. Leave it out if the covariances already hold the noise.
    noise : array-like of shape (n_traits,), optional
        Variance of an estimated effect that is truly zero, if it is known.
    trait_names : sequence of str, optional
        Default A, B, C, ... A type's name is that of its traits, joined by "+" unless all are
        single letters.
    ratio : float, default=2.0
        Above 1. At 2 at least half of the variance is effect, and the best linear estimate of
        such an effect keeps at least half of what is observed.
    min_weight : float, default=0.001
        Lighter components have no part in the types and the posterior. A fit of a thousand
        variants or more leaves its empty components below it.

    Returns
    -------
    AssociationTypes

    Raises
    ------
    ValueError
        If sizes disagree, a value is not finite or out of range, weights do not sum to one or a
        covariance is not one, trait names repeat or are ambiguous, or no component is kept.

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.mixtures import association_types
    >>> covariances = [np.eye(2), np.diag([9.0, 1.0]), [[9.0, 6.0], [6.0, 9.0]]]
    >>> found = association_types(([0.8, 0.1, 0.1], covariances), [[0.5, 0.2], [6.0, 7.0]])
    >>> found.types
    ['null', 'A', 'AB']
    >>> found.posterior.round(2).tolist()
    [[0.94, 0.04, 0.02], [0.0, 0.0, 1.0]]
    """
    weights, covariances = _parameters(mixture)
    d = covariances.shape[-1]
    names = _trait_names(trait_names, d)
    check_number(ratio, "ratio", "above 1", lambda value: value > 1)
    check_number(min_weight, "min_weight", "of at least 0", lambda value: value >= 0)
    rows = None if X is None else _rows(X, d)
    sampling = _sampling(sampling_covariance, d, rows)
    kept = weights >= min_weight
    if not kept.any():
        raise ValueError(
            f"min_weight: got {min_weight:g}, expected a component that heavy; the heaviest has "
            f"{weights.max():.3g}."
        )
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    if sampling is not None:
        sampled = _typical_diagonal(sampling)
        variances = variances + sampled
    if noise is not None:
        null = _positive(noise, "noise", d)
    elif sampling is not None:
        null = _positive(sampled, "sampling_covariance (diagonal)", d)
    else:
        null = _learnt_null(weights[kept], variances[kept], ratio)
    ratios = variances / null
    acts = ratios >= ratio
    component_types = [_name(row, names) for row in acts]
    members = np.unique(np.vstack([acts[kept], np.zeros((1, d), dtype=bool)]), axis=0)
    members = members[np.lexsort((*(~members.T[::-1]), members.sum(axis=1)))]
    types = [_name(row, names) for row in members]
    of_type = np.array([[t == c for t in types] for c in component_types], dtype=float)
    of_type[~kept] = 0
    posterior = None
    if rows is not None:
        log_weights = np.log(weights[kept])
        posterior = _responsibilities(rows, log_weights, covariances[kept], sampling, null)
        posterior = posterior @ of_type[kept]
    shares = weights @ of_type
    return AssociationTypes(
        types, component_types, ratios, kept, shares / shares.sum(), posterior, names, members
    )


def _learnt_null(weights, variances, ratio):
    """Variance of each trait's null, from components in which the trait varies least."""
    null = np.empty(variances.shape[1])
    for trait, column in enumerate(variances.T):
        order = np.argsort(column)
        enough = np.searchsorted(weights[order].cumsum(), NULL_SHARE * weights.sum())
        smallest = column[order[min(enough, len(order) - 1)]]
        near = np.flatnonzero(column <= ratio**2 * smallest)
        null[trait] = column[near[weights[near].argmax()]]
    return _positive(null, "mixture (smallest variance of each trait)", len(null))


def _responsibilities(rows, log_weights, covariances, sampling, null):
    """Posterior probability of each component, (n, K), computed in units of the null."""
    unit = np.sqrt(null)
    rows, covariances = rows / unit, covariances / np.outer(unit, unit)
    if sampling is not None:
        sampling = sampling / np.outer(unit, unit)
    if sampling is None or sampling.ndim == 2:
        total = covariances if sampling is None else covariances + sampling
        inverse_roots, log_dets = _whiten(total)
        return softmax(log_weights - log_dets / 2 - _squares(inverse_roots, rows) / 2, axis=1)
    parts = []
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        at = slice(begin, begin + _ROWS_AT_ONCE)
        log_joint = np.empty((len(rows[at]), len(covariances)))
        for k, covariance in enumerate(covariances):
            inverse_roots, log_dets = _whiten(covariance + sampling[at])
            white = np.einsum("nij,nj->ni", inverse_roots, rows[at])
            log_joint[:, k] = log_weights[k] - log_dets / 2 - (white**2).sum(axis=1) / 2
        parts.append(softmax(log_joint, axis=1))
    return np.concatenate(parts)


def _whiten(covariances):
    """Inverse Cholesky factors and log determinants."""
    try:
        roots = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise ValueError(
            "mixture: got a component without a density (a singular covariance), expected positive "
            "definite ones, or a sampling_covariance that makes them so."
        ) from None
    log_dets = 2 * np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum(axis=-1)
    return np.linalg.inv(roots), log_dets


def _squares(inverse_roots, rows):
    """Squared Mahalanobis lengths, (n, K)."""
    return np.stack([((rows @ root.T) ** 2).sum(axis=1) for root in inverse_roots], axis=1)


def _typical_diagonal(sampling):
    diagonal = np.diagonal(sampling, axis1=-2, axis2=-1)
    return diagonal if sampling.ndim == 2 else np.median(diagonal, axis=0)


def _name(acts, trait_names):
    chosen = [name for name, does in zip(trait_names, acts, strict=True) if does]
    joint = "" if all(len(name) == 1 for name in trait_names) else "+"
    return joint.join(chosen) or NULL_NAME


def _all_names_of(trait_names, name):
    """The name itself if it is a set of these traits in their order."""
    separate = name.split("+") if isinstance(name, str) else []
    if isinstance(name, str) and all(len(trait) == 1 for trait in trait_names):
        separate = list(name)
    acts = [trait in separate for trait in trait_names]
    if name != NULL_NAME and (not any(acts) or _name(acts, trait_names) != name):
        raise ValueError(
            f"name: got {name!r}, expected {NULL_NAME!r} or traits of {list(trait_names)} in this "
            f"order, such as {_name([True] * len(trait_names), trait_names)!r}."
        )
    return name


def _trait_names(names, d):
    if names is None:
        if d > 26:
            raise ValueError(f"trait_names: got None, expected names for {d} traits.")
        return tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:d])
    names = tuple(names)
    if len(names) != d or len(set(names)) != d:
        raise ValueError(f"trait_names: got {names!r}, expected {d} different names.")
    for name in names:
        if not isinstance(name, str) or not name or "+" in name or name == NULL_NAME:
            raise ValueError(
                f"trait_names: got {name!r}, expected texts without '+', other than {NULL_NAME!r}."
            )
    return names


def _parameters(mixture):
    if hasattr(mixture, "weights_") and hasattr(mixture, "covariances_"):
        weights, covariances = mixture.weights_, mixture.covariances_
    else:
        try:
            weights, covariances = mixture
        except (TypeError, ValueError):
            raise ValueError(
                f"mixture: got {type(mixture).__name__}, expected a fitted mixture with weights_ "
                "and covariances_, or a pair of weights and covariances."
            ) from None
    weights = _finite(weights, "mixture (weights)")
    covariances = _finite(covariances, "mixture (covariances)")
    if weights.ndim != 1 or not len(weights) or weights.min() < 0 or abs(weights.sum() - 1) > 1e-6:
        raise ValueError(
            f"mixture (weights): got shape {weights.shape} and a sum of {weights.sum():g}, "
            "expected weights of at least 0 that sum to one."
        )
    shape = covariances.shape
    if len(shape) != 3 or shape[0] != len(weights) or shape[1] != shape[2] or shape[1] < 1:
        raise ValueError(
            f"mixture (covariances): got shape {shape}, expected ({len(weights)}, d, d): a full "
            "covariance for each weight."
        )
    _check_covariances(covariances, "mixture (covariances)")
    means = getattr(mixture, "means_", None)
    if means is not None:
        _check_means(np.asarray(means), weights, covariances)
    return weights, covariances


def _check_means(means, weights, covariances):
    sizes = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    off = np.abs(means) > 0.1 * sizes
    if (off & (weights > 0.01)[:, None]).any():
        raise ValueError(
            "mixture: got components with means away from zero, expected a mixture about zero "
            "(which allele is counted is arbitrary)."
        )


def _rows(X, d):
    rows = _finite(X, "X")
    if rows.ndim != 2 or rows.shape[1] != d:
        raise ValueError(f"X: got shape {rows.shape}, expected (n_variants, {d}).")
    return rows


def _sampling(sampling_covariance, d, rows):
    if sampling_covariance is None:
        return None
    sampling = _finite(sampling_covariance, "sampling_covariance")
    shapes = [(d, d)]
    if sampling.ndim == 3:
        shapes = [(len(sampling) if rows is None else len(rows), d, d)]
    if sampling.shape not in shapes or len(sampling) == 0:
        raise ValueError(
            f"sampling_covariance: got shape {sampling.shape}, expected ({d}, {d}) or "
            f"(n_variants, {d}, {d})."
        )
    _check_covariances(sampling, "sampling_covariance")
    return sampling


def _check_covariances(matrices, name):
    """Symmetric, without negative eigenvalues; judged in each trait's own unit."""
    sizes = np.sqrt(np.abs(np.diagonal(matrices, axis1=-2, axis2=-1)))
    if matrices.ndim == 3:
        sizes = sizes.max(axis=0)
    sizes = np.where(sizes > 0, sizes, 1)
    scaled = matrices / np.outer(sizes, sizes)
    if np.abs(scaled - scaled.swapaxes(-1, -2)).max() > 1e-8:
        raise ValueError(f"{name}: got a matrix that is not symmetric, expected covariances.")
    smallest = np.linalg.eigvalsh(scaled).min()
    if smallest < -1e-8:
        raise ValueError(
            f"{name}: got a matrix with a negative eigenvalue ({smallest:.2g} after each trait is "
            "scaled by its largest standard deviation), expected covariances."
        )


def _positive(values, name, d):
    array = _finite(values, name)
    if array.shape != (d,) or array.min() <= 0:
        raise ValueError(f"{name}: got {array.tolist()}, expected {d} variances above 0.")
    return array


def _finite(value, name):
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got no array of numbers, expected one.") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinite entries, expected finite ones.")
    return array
