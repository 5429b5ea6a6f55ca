r"""Single-site sweeps over effects with a normal-mixture prior, for many data sets at once.

All that the sweep needs of the people is :math:`G = X^\top X` and the running product
:math:`r = X^\top (y - X b)`. Given all other effects, the estimate at variant j rests on
:math:`s_j = r_j + G_{jj} b_j`, and its class k (effect variance :math:`v_k`) has log odds

.. math:: \log \pi_k - \tfrac12 \log\frac{\sigma^2 + G_{jj} v_k}{\sigma^2}
          + \frac{s_j^2}{2 \sigma^2} \, \frac{v_k}{\sigma^2 + G_{jj} v_k} ;

within the class the effect is normal with mean :math:`s_j v_k / (\sigma^2 + G_{jj} v_k)` and
variance :math:`\sigma^2 v_k / (\sigma^2 + G_{jj} v_k)`. Class and effect are drawn together.

M counts chains or data sets, which are updated side by side; p variants, K classes, C groups of
variants. A Gram matrix of shape (p, p, M) holds one for each data set, of shape (p, p, 1) one for
all.

References
----------
Erbe, M. et al. (2012). Improving accuracy of genomic predictions within and between dairy cattle
breeds with imputed high-density single nucleotide polymorphism panels. Journal of Dairy Science
95, 4114-4129 (the prior: BayesR).

Moser, G. et al. (2015). Simultaneous discovery, estimation and prediction analysis of complex
traits using a Bayesian mixture model. PLOS Genetics 11, e1004969 (the sampler for people).
"""

from dataclasses import dataclass, field

import numpy as np

# The running product loses digits slowly in single precision.
_SWEEPS_BETWEEN_REFRESHES = 100
_PRIOR_DOF = 4.0
"""Degrees of freedom of the scaled inverse chi-square priors of both variances."""


@dataclass
class EffectPrior:
    """Prior of the effects, and which of its parts are learnt.

    Attributes
    ----------
    multiples : array of shape (K,)
        Effect variances of the classes over the genetic variance; the first may be zero.
    groups : int array of shape (p,) or (p, M)
        Group of each variant, 0 to C - 1.
    concentration : array of shape (C, K)
        Dirichlet prior of each group's proportions.
    fixed : array, optional
        Proportions that are not learnt: anything that broadcasts to (p, K, M).
    genetic_variance : float or array of shape (M,), optional
        Fixed if given.
    residual_variance : float or array of shape (M,), optional
        Fixed if given.
    """

    multiples: np.ndarray
    groups: np.ndarray
    concentration: np.ndarray
    fixed: np.ndarray | None = None
    genetic_variance: np.ndarray | None = None
    residual_variance: np.ndarray | None = None


@dataclass
class Chains:
    """State of M chains.

    Attributes
    ----------
    effects : array of shape (p, M)
    classes : int array of shape (p, M)
    r : array of shape (p, M)
        X' (y - X b).
    proportions : array of shape (C, K, M)
    genetic, residual : arrays of shape (M,)
        Variances.
    """

    effects: np.ndarray
    classes: np.ndarray
    r: np.ndarray
    proportions: np.ndarray
    genetic: np.ndarray
    residual: np.ndarray


@dataclass
class Tally:
    """Running sums over kept sweeps, divided by their number at the end.

    Attributes
    ----------
    mean, square : arrays of shape (p, M)
        Conditional expectations of the effect and of its square.
    classes : array of shape (p, K, M)
        Conditional class probabilities.
    proportions : array of shape (C, K, M)
    genetic, residual, explained, heritability : arrays of shape (M,)
        The last: explained over explained plus residual variance.
    trace : list of arrays of shape (M,)
        Variance explained by the effects, sweep by sweep.
    """

    mean: np.ndarray
    square: np.ndarray
    classes: np.ndarray
    proportions: np.ndarray
    genetic: np.ndarray
    residual: np.ndarray
    explained: np.ndarray
    heritability: np.ndarray
    trace: list = field(default_factory=list)

    @classmethod
    def empty(cls, shape, n_groups):
        """All zeros for shape (p, K, M)."""
        p, k, m = shape
        vectors = (np.zeros(m) for _ in range(4))
        return cls(np.zeros((p, m)), np.zeros((p, m)), np.zeros(shape),
                   np.zeros((n_groups, k, m)), *vectors)  # fmt: skip

    def averages(self, n_kept):
        """Every sum over the number of sweeps; the trace as one array [sweeps, M]."""
        sums = (self.mean, self.square, self.classes, self.proportions)
        sums += (self.genetic, self.residual, self.explained, self.heritability)
        return Tally(*(total / n_kept for total in sums), np.array(self.trace))


def start(xy, yy, n, prior, scale, dtype=float):
    """No effects; a genetic variance of half the scale, equal proportions.

    Parameters
    ----------
    xy : array of shape (p, M)
        X' y.
    yy : array of shape (M,)
        y' y.
    n : float
        Degrees of freedom of the people.
    prior : EffectPrior
    scale : array of shape (M,)
        Variance of the trait.
    dtype : dtype
        Of the running product: that of the Gram matrix.
    """
    m = xy.shape[1]
    half = np.broadcast_to(scale / 2, (m,)).copy()
    genetic = half if prior.genetic_variance is None else _each(prior.genetic_variance, m)
    rest = yy / n
    residual = rest if prior.residual_variance is None else _each(prior.residual_variance, m)
    shares = prior.concentration / prior.concentration.sum(axis=1, keepdims=True)
    proportions = np.repeat(shares[:, :, None], m, axis=2)
    zeros = np.zeros(xy.shape)
    return Chains(zeros, np.zeros(xy.shape, dtype=int), xy.astype(dtype), proportions,
                  np.array(genetic), np.array(residual, dtype=float))  # fmt: skip


def _each(value, m):
    return np.broadcast_to(np.asarray(value, dtype=float), (m,)).copy()


def sweep(chains, gram, diagonal, prior, rng):
    """Redraw every class and effect once; returns the conditional expectations.

    Parameters
    ----------
    chains : Chains
        Changed in place.
    gram : array of shape (p, p, M) or (p, p, 1)
    diagonal : array of shape (p, M) or (p, 1)
        Its diagonal.
    prior : EffectPrior
    rng : numpy Generator

    Returns
    -------
    mean, square : arrays of shape (p, M)
    classes : array of shape (p, K, M)
    """
    noise = chains.residual
    shrink, log_prior, spread = _class_terms(chains, diagonal, prior)
    uniform, normal = (draw(chains.effects.shape) for draw in (rng.random, rng.standard_normal))
    b, r, columns = chains.effects, chains.r, np.arange(len(noise))
    s, change, responsibilities = np.empty_like(b), np.empty_like(r), np.empty_like(shrink)
    for j in rng.permutation(len(b)).tolist():
        s[j] = r[j] + diagonal[j] * b[j]
        weight = shrink[j] * (0.5 * s[j] ** 2 / noise)
        weight += log_prior[j]
        weight -= weight.max(axis=0)
        np.exp(weight, out=weight)
        weight /= weight.sum(axis=0)
        responsibilities[j] = weight
        drawn = (np.add.accumulate(weight, axis=0)[:-1] < uniform[j]).sum(axis=0)
        new = s[j] * shrink[j, drawn, columns] + spread[j, drawn, columns] * normal[j]
        r -= np.multiply(gram[j], (new - b[j]).astype(r.dtype), out=change)
        b[j], chains.classes[j] = new, drawn
    means = s[:, None] * shrink
    mean = (responsibilities * means).sum(axis=1)
    square = (responsibilities * (means**2 + spread**2)).sum(axis=1)
    return mean, square, responsibilities


def _class_terms(chains, diagonal, prior):
    """What the conditional of each class needs beside s, each (p, K, M)."""
    (p, m), noise = chains.effects.shape, chains.residual
    variances = prior.multiples[:, None] * chains.genetic
    total = noise + diagonal[:, None] * variances
    log_prior = _log_proportions(chains, prior) - 0.5 * np.log(total / noise)
    shape = (p, len(variances), m)
    shrink = np.broadcast_to(variances / total, shape)
    return shrink, np.broadcast_to(log_prior, shape), np.sqrt(noise * shrink)


def _log_proportions(chains, prior):
    m = chains.effects.shape[1]
    if prior.fixed is not None:
        proportions = prior.fixed
    elif prior.groups.ndim == 1:
        proportions = chains.proportions[prior.groups]
    else:
        proportions = chains.proportions[prior.groups, :, np.arange(m)]
        proportions = np.moveaxis(proportions, 2, 1)
    with np.errstate(divide="ignore"):
        return np.log(proportions)


def redraw_prior(chains, prior, xy, yy, n, scale, rng):
    """Proportions, genetic and residual variance given effects and classes, in place.

    Proportions are Dirichlet given the counts of classes; both variances have scaled inverse
    chi-square priors with 4 degrees of freedom and a mean of half the trait's variance.
    """
    if prior.fixed is None:
        _redraw_proportions(chains, prior, rng)
    prior_sum = (_PRIOR_DOF - 2) * scale / 2
    if prior.genetic_variance is None:
        multiples = prior.multiples[chains.classes]
        with_effect = multiples > 0
        relative = np.divide(chains.effects**2, multiples, where=with_effect,
                             out=np.zeros_like(chains.effects))  # fmt: skip
        dof = _PRIOR_DOF + with_effect.sum(axis=0)
        chains.genetic = (prior_sum + relative.sum(axis=0)) / rng.chisquare(dof)
    if prior.residual_variance is None:
        rest = yy - (chains.effects * (xy + chains.r)).sum(axis=0)
        dof = np.full(len(chains.residual), _PRIOR_DOF + n)
        chains.residual = (prior_sum + np.maximum(rest, 0)) / rng.chisquare(dof)


def _redraw_proportions(chains, prior, rng):
    (c, k), m = prior.concentration.shape, chains.effects.shape[1]
    groups = np.broadcast_to(prior.groups.reshape(len(chains.classes), -1), chains.classes.shape)
    cells = (groups * k + chains.classes) * m + np.arange(m)
    counts = np.bincount(cells.ravel(), minlength=c * k * m).reshape(c, k, m)
    draws = rng.standard_gamma(prior.concentration[:, :, None] + counts)
    # A gamma draw can underflow to zero where its shape is small.
    draws = np.maximum(draws, 1e-300)
    chains.proportions = draws / draws.sum(axis=1, keepdims=True)


def explained_variance(chains, xy, n):
    """Mean square of X b over people, (M,)."""
    return (chains.effects * (xy - chains.r)).sum(axis=0) / n


def _apply(gram, effects):
    if gram.shape[2] == 1:
        return gram[:, :, 0] @ effects
    return np.einsum("jim,jm->im", gram, effects)


def run(gram, xy, yy, n, prior, scale, *, n_burn, n_draws, rng, between=None, progress=None):
    """Burn in, then average conditional expectations over the kept sweeps.

    Parameters
    ----------
    gram : array of shape (p, p, M) or (p, p, 1)
    xy : array of shape (p, M)
        Changed in place if ``between`` changes it.
    yy : array of shape (M,)
    n : float
        Degrees of freedom of the people, after covariates.
    prior : EffectPrior
    scale : array of shape (M,)
        Variance of the trait, to centre the variances' priors.
    n_burn, n_draws : int
    rng : numpy Generator
    between : callable, optional
        Called with the chains and ``xy`` after each sweep; it may redraw a latent trait, and then
        must bring ``xy`` and ``chains.r`` up to date.
    progress : callable, optional
        Wraps the range of sweeps.

    Returns
    -------
    Tally
        Averages.
    """
    diagonal = np.einsum("jjm->jm", gram).astype(float)
    chains = start(xy, yy, n, prior, scale, gram.dtype)
    tally = Tally.empty((len(xy), len(prior.multiples), xy.shape[1]), len(prior.concentration))
    sweeps = range(n_burn + n_draws)
    for step in sweeps if progress is None else progress(sweeps):
        mean, square, classes = sweep(chains, gram, diagonal, prior, rng)
        redraw_prior(chains, prior, xy, yy, n, scale, rng)
        if between is not None:
            between(chains, xy)
        if step % _SWEEPS_BETWEEN_REFRESHES == 0:
            chains.r[...] = xy - _apply(gram, chains.effects)
        if step >= n_burn:
            explained = explained_variance(chains, xy, n)
            tally.mean += mean
            tally.square += square
            tally.classes += classes
            tally.proportions += chains.proportions
            tally.genetic += chains.genetic
            tally.residual += chains.residual
            tally.explained += explained
            tally.heritability += explained / (explained + chains.residual)
            tally.trace.append(explained)
    return tally.averages(n_draws)
