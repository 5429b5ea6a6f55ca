"""Loci with known causal variants, fine-mapped over and over."""

import warnings
from itertools import product
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score

from gitools.association.ld import ld_matrix
from gitools.association.regression import marginal_regression
from gitools.shrinkage.ld_diagnostics import estimate_s_rss
from gitools.shrinkage.oracle import oracle_posterior
from gitools.shrinkage.spike_and_slab import spike_and_slab_rss
from gitools.shrinkage.susie import susie_rss
from gitools.simulate.genotypes import simulate_genotypes

N_PEOPLE, N_PANEL = 5_000, 500
EFFECT_VARIANCE = 0.008
"""Of a causal variant's standardised effect: an expected z² of 40 in 5,000 people."""
BACKGROUND = 0.005
SPLIT_TIME = 2_000.0
CAUSAL_FRACTION = 0.02
PIP_EDGES = (0.0, 0.01, 0.1, 0.5, 0.9, 1.0)
REGION_SIZES = (100, 500, 2000)

_HOTSPOTS = 20.0
_MIN_MAF = 0.01
# About half of the variants of two populations together are common in samples of both; some
# genealogies have fewer.
_CANDIDATES_PER_VARIANT, _MORE_CANDIDATES = 3.5, 40


class Locus(NamedTuple):
    """Genotypes of a locus, and its LD in three samples.

    Attributes
    ----------
    dosages : int8 array of shape (n, p)
        Of the study's people.
    R, panel_R, other_R : float arrays of shape (p, p)
        LD of the study's people, of others of their population, and of another population.
    """

    dosages: np.ndarray
    R: np.ndarray
    panel_R: np.ndarray
    other_R: np.ndarray


def draw_locus(
    p, *, n=N_PEOPLE, n_panel=N_PANEL, split_time=SPLIT_TIME, random_state=None
) -> Locus:
    """Neighbouring variants that are common in the study and in both panels.

    Parameters
    ----------
    p : int
        Number of variants.
    n, n_panel : int
        People of the study, and of each panel.
    split_time : float
        Generations since the other panel's population split off.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Locus
        Every variant has a minor allele frequency of at least 0.01 in all three samples.

    Raises
    ------
    ValueError
        If the simulation refuses an argument, or gives too few such variants.
    """
    candidates = int(_CANDIDATES_PER_VARIANT * p) + _MORE_CANDIDATES
    genotypes = simulate_genotypes(
        (n + n_panel, n_panel),
        candidates,
        n_blocks=1,
        thinning=1,
        hotspots=_HOTSPOTS,
        split_time=split_time,
        random_state=random_state,
    )
    samples = np.split(genotypes.dosages, [n, n + n_panel])
    frequencies = np.array([sample.mean(axis=0) / 2 for sample in samples])
    common = np.minimum(frequencies, 1 - frequencies).min(axis=0) >= _MIN_MAF
    kept = np.flatnonzero(common)[:p]
    if len(kept) < p:
        raise ValueError(
            f"p: got {p}, but {len(kept)} of {candidates} variants are common in all samples"
        )
    study, panel, other = (sample[:, kept] for sample in samples)
    return Locus(study, ld_matrix(study), ld_matrix(panel), ld_matrix(other))


def draw_effects(p, n_causal, *, variance=EFFECT_VARIANCE, random_state=None) -> np.ndarray:
    """Standardised effects: normal at some variants, zero at all others.

    Parameters
    ----------
    p, n_causal : int
        Number of variants, and of those with an effect.
    variance : float
        Of an effect that is not zero.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    ndarray of shape (p,)
    """
    rng = np.random.default_rng(random_state)
    b = np.zeros(p)
    b[rng.choice(p, n_causal, replace=False)] = rng.normal(0, np.sqrt(variance), n_causal)
    return b


def draw_trait(dosages, R, b, *, random_state=None) -> np.ndarray:
    """A trait of expected variance one: standardised dosages times effects, and normal noise.

    Parameters
    ----------
    dosages : int array of shape (n, p)
        No column constant.
    R : float array of shape (p, p)
        Its LD.
    b : float array of shape (p,)
        Standardised effects.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If the effects explain all of the trait.
    """
    explained = b @ R @ b
    if explained >= 1:
        raise ValueError(f"b: got effects that explain {explained:.3g}, expected less than 1")
    rng = np.random.default_rng(random_state)
    at = np.flatnonzero(b)
    columns = dosages[:, at].astype(float)
    genetic = (columns - columns.mean(axis=0)) / columns.std(axis=0) @ b[at]
    return genetic + rng.normal(0, np.sqrt(1 - explained), len(dosages))


def fit_quietly(z, R, n, L=10):
    """`susie_rss` with the answer to "converged?" in the fit alone, not in a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return susie_rss(z, R, n, L)


def set_rows(fit, causal) -> list[dict]:
    """One row for each credible set of a fit, or one with ``set`` -1 where there is none.

    Parameters
    ----------
    fit : SusieFit
    causal : int array
        Causal variants.

    Returns
    -------
    list of dict
        Keys ``n_found`` (causal variants in any set), ``converged``, ``set``, ``size``,
        ``purity``, ``mass`` (posterior probability of the set) and ``covers`` (1 if a causal
        variant is in it).
    """
    inside = [one.indices for one in fit.credible_sets]
    found = len(np.intersect1d(np.concatenate([*inside, []]), causal))
    common = {"n_found": found, "converged": int(fit.converged)}
    rows = [
        common
        | {
            "set": place,
            "size": len(one.indices),
            "purity": one.purity,
            "mass": one.coverage,
            "covers": int(np.isin(one.indices, causal).any()),
        }
        for place, one in enumerate(fit.credible_sets)
    ]
    return rows or [common | {"set": -1, "size": 0}]


def study_coverage(n_causal, *, n=N_PEOPLE, p=400, random_state=None) -> list[dict]:
    """Fine-map one locus in eight ways.

    ``sample``: LD of the study's own people and L = 10. ``true_l``, ``one``: L is the number of
    causal variants, or 1. ``panel``, ``other``: LD of other people, of their population or
    another. ``other_one``: the latter with L = 1. ``polygenic``: every variant has a tiny effect
    besides. ``no_effect``: a trait without any.

    Parameters
    ----------
    n_causal : int
    n, p : int
        People of the study, and variants.
    random_state : int, sequence of int, SeedSequence, numpy Generator or None
        Source of randomness.

    Returns
    -------
    list of dict
        Rows of `set_rows` with ``n_causal``, ``analysis``, ``top_causal`` (1 if the largest
        absolute z is at a causal variant) and, for the three kinds of LD, ``s``.
    """
    rng = np.random.default_rng(random_state)
    locus = draw_locus(p, n=n, random_state=rng)
    b = draw_effects(p, n_causal, random_state=rng)
    tiny = rng.normal(0, np.sqrt(BACKGROUND / p), p)
    causal = np.flatnonzero(b)
    z = _z_scores(locus, b, rng)
    z_polygenic, z_null = _z_scores(locus, b + tiny, rng), _z_scores(locus, np.zeros(p), rng)
    ways = {
        "sample": (z, locus.R, 10),
        "true_l": (z, locus.R, n_causal),
        "one": (z, locus.R, 1),
        "panel": (z, locus.panel_R, 10),
        "other": (z, locus.other_R, 10),
        "other_one": (z, locus.other_R, 1),
        "polygenic": (z_polygenic, locus.R, 10),
        "no_effect": (z_null, locus.R, 10),
    }
    rows = []
    for name, (scores, R, L) in ways.items():
        truth = causal[:0] if name == "no_effect" else causal
        common = {"n_causal": len(truth), "analysis": name}
        common["top_causal"] = int(np.argmax(np.abs(scores)) in truth)
        if name in ("sample", "panel", "other"):
            common["s"] = estimate_s_rss(scores, R, n)
        rows += [common | row for row in set_rows(fit_quietly(scores, R, n, L), truth)]
    return rows


def _z_scores(locus, b, rng):
    trait = draw_trait(locus.dosages, locus.R, b, random_state=rng)
    return marginal_regression(locus.dosages, trait).z


def study_regions(*, n=N_PEOPLE, sizes=REGION_SIZES, random_state=None) -> list[dict]:
    """Fine-map the same three causal variants within regions of growing size.

    Parameters
    ----------
    n : int
        People.
    sizes : sequence of int
        Numbers of variants, increasing; all causal ones are among the middle ``sizes[0]``.
    random_state : int, sequence of int, SeedSequence, numpy Generator or None
        Source of randomness.

    Returns
    -------
    list of dict
        Rows of `set_rows` with ``n_causal`` and ``analysis``, "region_" and the size.
    """
    rng = np.random.default_rng(random_state)
    p, core = sizes[-1], sizes[0]
    dosages = _neighbours(n, p, rng)
    R = ld_matrix(dosages)
    b = np.zeros(p)
    begin = (p - core) // 2
    b[begin : begin + core] = draw_effects(core, 3, random_state=rng)
    z = marginal_regression(dosages, draw_trait(dosages, R, b, random_state=rng)).z
    rows = []
    for size in sizes:
        window = slice((p - size) // 2, (p - size) // 2 + size)
        fit = fit_quietly(z[window], R[window, window], n)
        common = {"n_causal": 3, "analysis": f"region_{size}"}
        rows += [common | row for row in set_rows(fit, np.flatnonzero(b[window]))]
    return rows


def _neighbours(n, p, rng):
    return simulate_genotypes(
        n, p, n_blocks=1, thinning=1, hotspots=_HOTSPOTS, random_state=rng
    ).dosages


def study_ceiling(*, n=N_PEOPLE, p=150, random_state=None) -> list[dict]:
    """Inclusion probabilities of one locus by four methods, beside the truth.

    Each variant is causal with probability 0.02, so that the optimal posterior can be told the
    prior; SuSiE (L = 10) and mean field learn theirs.

    Parameters
    ----------
    n, p : int
        People and variants.
    random_state : int, sequence of int, SeedSequence, numpy Generator or None
        Source of randomness.

    Returns
    -------
    list of dict
        One row for each of ``optimal``, ``susie``, ``mean_field`` and ``z``: ``n_causal``,
        ``method``, ``ap`` (average precision; absent without causal variants), ``brier`` (sum of
        squared differences of probabilities from labels) and, for each bin k of `PIP_EDGES`,
        ``n_k``, ``pip_k`` (sum of probabilities) and ``causal_k``. ``z`` has ``ap`` alone.
    """
    rng = np.random.default_rng(random_state)
    dosages = _neighbours(n, p, rng)
    R = ld_matrix(dosages)
    b = draw_effects(p, rng.binomial(p, CAUSAL_FRACTION), random_state=rng)
    z = marginal_regression(dosages, draw_trait(dosages, R, b, random_state=rng)).z
    beta = z / np.sqrt(z**2 + n - 2)
    optimal = oracle_posterior(
        beta, R, n, CAUSAL_FRACTION, EFFECT_VARIANCE, 1 - b @ R @ b, random_state=rng
    )
    susie, mean_field = fit_quietly(z, R, n), spike_and_slab_rss(beta, R, n)
    causal = b != 0
    rows = [
        {"method": name, "converged": int(fit.converged)} | _score(fit.pip, causal)
        for name, fit in (("optimal", optimal), ("susie", susie), ("mean_field", mean_field))
    ]
    rows.append({"method": "z"} | _precision(np.abs(z), causal))
    return [{"n_causal": causal.sum()} | row for row in rows]


def _precision(score, causal):
    return {"ap": average_precision_score(causal, score)} if causal.any() else {}


def _score(pip, causal):
    row = _precision(pip, causal) | {"brier": np.sum((pip - causal) ** 2)}
    which = np.digitize(pip, PIP_EDGES[1:-1])
    for k in range(len(PIP_EDGES) - 1):
        at = which == k
        row |= {f"n_{k}": at.sum(), f"pip_{k}": pip[at].sum(), f"causal_{k}": causal[at].sum()}
    return row


def exact_pips(beta, R, n, L, variance, residual_variance=1.0) -> np.ndarray:
    r"""SuSiE's model with fixed variances, summed over all p^L placements of its effects.

    Parameters
    ----------
    beta : float array of shape (p,)
        Marginal standardised effects.
    R : float array of shape (p, p)
        LD.
    n : float
        People.
    L : int
        Number of effects, each at any variant with probability 1/p.
    variance, residual_variance : float
        Of each effect, and of the noise.

    Returns
    -------
    ndarray of shape (p,)
        Posterior probability that at least one effect is at the variant.

    Notes
    -----
    Given a placement S (a variant may be in it twice) the effects integrate out:
    :math:`p(S | \hat\beta) \propto |I + V A|^{-1/2} \exp\{\tfrac12 u^\top (A + I/V)^{-1} u\}`
    with :math:`A = \tfrac{n}{\sigma^2} R_{SS}` and :math:`u = \tfrac{n}{\sigma^2} \hat\beta_S`.
    """
    p = len(beta)
    placements = np.array(list(product(range(p), repeat=L)))
    A = n / residual_variance * R[placements[:, :, None], placements[:, None, :]]
    u = n / residual_variance * beta[placements]
    solved = np.linalg.solve(A + np.eye(L) / variance, u[:, :, None])[:, :, 0]
    log_weight = 0.5 * np.einsum("sl,sl->s", u, solved)
    log_weight -= 0.5 * np.linalg.slogdet(np.eye(L) + variance * A)[1]
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return np.array([weight[(placements == j).any(axis=1)].sum() for j in range(p)])


class SmallLoci(NamedTuple):
    """Inclusion probabilities of small loci, exact and by SuSiE.

    Attributes
    ----------
    exact, susie : float arrays of shape (n_loci, p)
    correlation : float array of shape (n_loci,)
        Absolute correlation of the two causal variants.
    """

    exact: np.ndarray
    susie: np.ndarray
    correlation: np.ndarray


def study_small_loci(dosages, n_loci, *, p=10, L=3, random_state=None) -> SmallLoci:
    """SuSiE against its own model's exact posterior, two causal variants in each small locus.

    Parameters
    ----------
    dosages : int array of shape (n, more than p)
        A panel; each locus takes p of its variants at random.
    n_loci, p, L : int
        Number of loci, of variants in each, and of effects of model and fit.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    SmallLoci
    """
    rng = np.random.default_rng(random_state)
    n, rows = len(dosages), []
    for _ in range(n_loci):
        own = dosages[:, np.sort(rng.choice(dosages.shape[1], p, replace=False))]
        R = ld_matrix(own)
        b = draw_effects(p, 2, random_state=rng)
        z = marginal_regression(own, draw_trait(own, R, b, random_state=rng)).z
        # What susie_rss makes of z: n - 1 in place of n, correlations for effects.
        correlations = z / np.sqrt(z**2 + n - 2)
        exact = exact_pips(correlations, R, n - 1, L, EFFECT_VARIANCE)
        fit = susie_rss(
            z,
            R,
            n,
            L,
            scaled_prior_variance=EFFECT_VARIANCE,
            estimate_prior_variance=False,
            tol=1e-8,
            max_iter=2000,
        )
        first, second = np.flatnonzero(b)
        rows.append((exact, fit.pip, abs(R[first, second])))
    return SmallLoci(*(np.array(column) for column in zip(*rows, strict=True)))


class Twins(NamedTuple):
    """Inclusion probabilities of a causal variant and of its exact copy.

    Attributes
    ----------
    susie, mean_field : float arrays of shape (n_loci, 2)
        The causal variant's, and its copy's; which of them comes first in the data is random.
    mean_field_elsewhere : float array of shape (n_loci,)
        Largest inclusion probability that mean field gives to any other variant.
    """

    susie: np.ndarray
    mean_field: np.ndarray
    mean_field_elsewhere: np.ndarray


def study_twins(dosages, n_loci, *, p=50, random_state=None) -> Twins:
    """Copy the only causal variant of a locus exactly, and ask both methods where the effect is.

    Parameters
    ----------
    dosages : int array of shape (n, more than p)
        A panel; each locus takes p neighbours of it.
    n_loci, p : int
        Number of loci, and of variants in each before the copy is added.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Twins
    """
    rng = np.random.default_rng(random_state)
    n, rows = len(dosages), []
    for _ in range(n_loci):
        begin = rng.integers(dosages.shape[1] - p + 1)
        own, causal = dosages[:, begin : begin + p], rng.integers(p)
        own = np.column_stack([own, own[:, causal]])
        place = rng.permutation(p + 1)
        own, pair = own[:, place], np.array([np.argmax(place == causal), np.argmax(place == p)])
        R = ld_matrix(own)
        b = np.zeros(p + 1)
        b[pair[0]] = np.sqrt(EFFECT_VARIANCE)
        z = marginal_regression(own, draw_trait(own, R, b, random_state=rng)).z
        mean_field = spike_and_slab_rss(z / np.sqrt(z**2 + n - 2), R, n).pip
        elsewhere = np.delete(mean_field, pair).max()
        rows.append((fit_quietly(z, R, n).pip[pair], mean_field[pair], elsewhere))
    return Twins(*(np.array(column) for column in zip(*rows, strict=True)))
