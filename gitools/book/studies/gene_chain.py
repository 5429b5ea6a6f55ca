"""Studies of four traits on genes that lie side by side, and the chain from estimates to genes."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score

from gitools.association.gene_tests import effective_tests
from gitools.association.gene_types import GeneTypes
from gitools.association.ld import ld_matrix
from gitools.association.weighted_chi2 import weighted_chi2_sf
from gitools.book.studies.genes import overlap_p
from gitools.mixtures.association_types import association_types
from gitools.mixtures.dirichlet_process import ZeroMeanDPMixture
from gitools.shrinkage.neural import NeuralShrinkage
from gitools.shrinkage.penalised import pseudo_validate, ridge_rss
from gitools.shrinkage.spike_and_slab import spike_and_slab_rss
from gitools.shrinkage.susie import susie_rss
from gitools.simulate import binary_target, simulate_genotypes, simulate_summary_statistics

TRAITS = "ABCD"
BINARY = (False, False, True, True)
PREVALENCE = 0.1
KINDS = {"A": 1, "B": 1, "C": 1, "D": 1, "AB": 2, "CD": 2, "ABCD": 2}
"""Causal genes of each association type among 200: 5 per cent."""
N_BLOCKS, BLOCK, GENE, N_CAUSAL = 8, 500, 20, 6
N_GENES = N_BLOCKS * BLOCK // GENE
LEAST_CORRELATION, LARGEST_CORRELATION = 0.6, 0.9
TYPES = tuple(KINDS)
# Effects below a tenth of a standard error are as good as none: not clustered, and blurred by it.
BLUR = 0.1
# Half a standard error: what a component must vary by, at the least, to act on a trait.
LEAST_EFFECT = 0.5
FALSE_SHARE = 0.1
PATHWAY, PLANTED = 20, 5
_N_NEGATIVES = 15
# Of more rows than this so many, drawn at random, teach the mixture, from one start.
_MANY = 5_000


class Setting(NamedTuple):
    """How studies are drawn: people, variance explained by the 200 genes, correlation of noise."""

    n: int
    h2: float
    overlap: float = 0.0


SETTINGS = {
    "authors": Setting(10_000, 0.7),
    "realistic": Setting(100_000, 0.003),
    "one cohort": Setting(100_000, 0.003, 0.5),
    "nothing": Setting(100_000, 0.0),
}


class Study(NamedTuple):
    """One data set.

    Attributes
    ----------
    setting : Setting
    ld : list of arrays of shape (500, 500)
    truth : float array of shape (p, 4)
        Joint effects on the observed scale: of a binary trait, on the standardised status.
    beta, se, z : float arrays of shape (p, 4)
        Marginal effects, standard errors, ratios.
    kinds : str array of shape (n_genes,)
        Association type of each gene, "" for none.
    covariances : dict of str to array of shape (4, 4)
        Covariance of a causal variant's effects for each type.
    """

    setting: Setting
    ld: list
    truth: np.ndarray
    beta: np.ndarray
    se: np.ndarray
    z: np.ndarray
    kinds: np.ndarray
    covariances: dict


def genes():
    """Indices of each gene's variants: windows of 20, side by side."""
    return list(np.arange(N_GENES * GENE).reshape(N_GENES, GENE))


def draw_panel(random_state) -> list:
    """LD matrices of eight blocks of 500 variants, from 3,000 simulated people.

    Parameters
    ----------
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    list of arrays of shape (500, 500)
    """
    rng = np.random.default_rng(random_state)
    panel = simulate_genotypes(
        3000, N_BLOCKS * BLOCK, n_blocks=N_BLOCKS, hotspots=20, random_state=rng
    )
    return [ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(N_BLOCKS)]


def draw_covariances(rng) -> dict:
    """Covariance of a causal variant's effects for each type, unit variances where not zero."""
    return {kind: _covariance(kind, rng) for kind in KINDS}


def draw_study(ld, setting: Setting, shapes, rng) -> Study:
    """Causal genes, correlated effects, and summary statistics of four traits on one chromosome.

    Parameters
    ----------
    ld : list of arrays
        See `draw_panel`.
    setting : Setting
    shapes : dict of str to array of shape (4, 4)
        See `draw_covariances`; the chromosomes of a study share them.
    rng : numpy Generator

    Returns
    -------
    Study
    """
    kinds = np.zeros(N_GENES, dtype="<U4")
    effects, covariances = np.zeros((N_GENES * GENE, len(TRAITS))), {}
    if setting.h2 > 0:
        kinds[rng.choice(N_GENES, sum(KINDS.values()), replace=False)] = np.repeat(
            list(KINDS), list(KINDS.values())
        )
        for g in np.flatnonzero(kinds != ""):
            causal = g * GENE + rng.choice(GENE, N_CAUSAL, replace=False)
            root = np.linalg.cholesky(shapes[kinds[g]] + 1e-12 * np.eye(len(TRAITS)))
            effects[causal] = rng.standard_normal((N_CAUSAL, len(TRAITS))) @ root.T
            effects[causal] *= np.diag(shapes[kinds[g]]) > 0
        scale = np.sqrt(setting.h2 / explained(ld, effects)) * observed_scale()
        effects *= scale
        covariances = {k: C * np.outer(scale, scale) for k, C in shapes.items()}
    beta, se = _statistics(ld, effects, setting, rng)
    return Study(setting, ld, effects, beta, se, beta / se, kinds, covariances)


def observed_scale():
    """What a trait's liability effects are multiplied by to give effects on its status."""
    factor = binary_target(np.ones(1), PREVALENCE)[0]
    return np.where(BINARY, factor, 1.0)


def explained(ld, effects):
    """Variance of each trait that effects explain, (n_traits,)."""
    parts = effects.reshape(len(ld), -1, effects.shape[1])
    return sum(np.einsum("it,ij,jt->t", b, R, b) for b, R in zip(parts, ld, strict=True))


def _covariance(kind, rng):
    """Unit variances in the type's traits, one correlation of at least 0.6, random signs."""
    inside = np.array([trait in kind for trait in TRAITS], dtype=float)
    signs = inside * rng.choice([-1, 1], len(TRAITS))
    rho = rng.uniform(LEAST_CORRELATION, LARGEST_CORRELATION)
    return rho * np.outer(signs, signs) + (1 - rho) * np.diag(inside)


def _statistics(ld, effects, setting, rng):
    """Marginal effects and standard errors, (p, n_traits); noise of traits may be correlated."""
    d, total = len(TRAITS), explained(ld, effects)
    mix = np.linalg.cholesky(noise_correlation(setting))
    beta, se = np.empty_like(effects), np.empty_like(effects)
    for k, R in enumerate(ld):
        rows = slice(k * BLOCK, (k + 1) * BLOCK)
        # Studies without effects: their estimates are the noise, for one factorisation of R.
        noise = simulate_summary_statistics(
            R, np.zeros(BLOCK), setting.n, n_replicates=d, random_state=rng
        ).beta.T
        expected = R @ effects[rows]
        beta[rows] = expected + noise @ mix.T * np.sqrt(1 - total)
        se[rows] = np.sqrt((1 - expected**2) / (setting.n - 2))
    return beta, se


def noise_correlation(setting):
    """Correlation of the estimates' noise between traits, (n_traits, n_traits)."""
    d = len(TRAITS)
    return np.full((d, d), setting.overlap) + (1 - setting.overlap) * np.eye(d)


def _each(shrink):
    """A shrinker of one block and one trait, run on all: effects over standard errors."""

    def run(study, rng):
        found = np.empty_like(study.beta)
        for k, R in enumerate(study.ld):
            rows = slice(k * BLOCK, (k + 1) * BLOCK)
            for t in range(len(TRAITS)):
                found[rows, t] = shrink(study, rows, t, R, rng)
        return found / study.se

    return run


def _network(study, rng):
    return NeuralShrinkage.pretrained().predict(study.beta, study.se, study.ld) / study.se


def _elastic_net(study, rows, t, R, rng):
    options = {"n_splits": 2, "n_penalties": 25, "patience": 5, "random_state": rng}
    return pseudo_validate(study.beta[rows, t], R, study.setting.n, 0.5, **options).effects


def _spike_and_slab(study, rows, t, R, rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return spike_and_slab_rss(
            study.beta[rows, t], R, study.setting.n, tol=0.1, max_iter=30
        ).posterior_mean


def _susie(study, rows, t, R, rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return susie_rss(study.z[rows, t], R, study.setting.n, L=10).posterior_mean


def _ridge(study, rows, t, R, rng):
    told = SETTINGS["realistic"].h2 if study.setting.h2 == 0 else study.setting.h2
    h2 = told * observed_scale()[t] ** 2 / N_BLOCKS
    return ridge_rss(study.beta[rows, t], R, study.setting.n, h2)


def _nothing(study, rng):
    return study.z


def _truth(study, rng):
    return study.truth / study.se


METHODS = {
    "network": _network,
    "elastic net": _each(_elastic_net),
    "spike-and-slab": _each(_spike_and_slab),
    "susie": _each(_susie),
    "ridge": _each(_ridge),
    "none": _nothing,
    "truth": _truth,
}


def cluster(x, rng, *, marginal=False, noise=None):
    """Infinite mixture over the traits' effects, and the posterior type of every variant.

    Shrunken effects that stay below a tenth of a standard error in every trait are not clustered:
    they are null. Marginal effects are clustered all, as latent effects plus sampling error.

    Parameters
    ----------
    x : array of shape (p, n_traits)
        Effects over their standard errors.
    rng : numpy Generator
    marginal : bool
        Whether the effects are marginal ones, with their sampling error.
    noise : array of shape (n_traits, n_traits), optional
        Covariance of the sampling error of marginal effects; default the identity.

    Returns
    -------
    types : list of str
    members : bool array of shape (n_types, n_traits)
    posterior : array of shape (p, n_types)
    """
    d = x.shape[1]
    kept = np.ones(len(x), bool) if marginal else np.abs(x).max(axis=1) > BLUR
    if kept.sum() < 2 * d:
        return ["null"], np.zeros((1, d), bool), np.ones((len(x), 1))
    if marginal:
        sampling, null = np.eye(d) if noise is None else noise, None
    else:
        sampling, null = BLUR**2 * np.eye(d), np.full(d, LEAST_EFFECT**2 / 2)
    mixture = ZeroMeanDPMixture(
        n_components=20,
        n_init=3,
        tol=1e-6,
        max_iter=500,
        prior_dof=d + 1.0,
        prior_scale=BLUR * np.eye(d),
        random_state=rng,
    )
    fitted = np.flatnonzero(kept)
    if len(fitted) > _MANY:
        fitted = rng.choice(fitted, _MANY, replace=False)
        mixture.set_params(n_components=12, n_init=1, tol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(x[fitted], sampling_covariance=sampling)
    named = association_types(mixture, x[kept], sampling_covariance=sampling, noise=null)
    posterior = np.zeros((len(x), len(named.types)))
    posterior[:, 0] = 1
    posterior[kept] = named.posterior
    return named.types, named.members, posterior


def of_kinds(found: GeneTypes, types) -> np.ndarray:
    """Scores for the seven types that exist, (n_genes, 7); 0 for a type that no component has."""
    return np.stack(
        [
            found.score[:, types.index(kind)] if kind in types else np.zeros(len(found.score))
            for kind in TYPES
        ],
        axis=1,
    )


def called_types(found: GeneTypes, types) -> np.ndarray:
    """The most probable type of each gene that is more probably associated than not, else ""."""
    of_gene = np.array(types)[1:][found.energy[:, 1:].argmax(axis=1)] if len(types) > 1 else ""
    return np.where(found.probability[:, 0] < 0.5, of_gene, "")


def judge(study: Study) -> np.ndarray:
    """Posterior of each type for a judge who is told all but the gene's type, (n_genes, 8).

    Told are the effects of all other genes, the share of genes of each type, and the covariance of
    its effects, here spread evenly over the gene's variants. In the principal components of a
    gene's LD what is left of the estimates is independent, with covariance
    lambda C + lambda^2 V_S over traits. The first column is the null.
    """
    n, total = study.setting.n, explained(study.ld, study.truth)
    C = noise_correlation(study.setting)
    spread = np.sqrt((1 - total) / n)
    covariances = [np.zeros_like(C)] + [
        study.covariances[k] * N_CAUSAL / GENE / np.outer(spread, spread) for k in TYPES
    ]
    prior = np.array([N_GENES - sum(KINDS.values()), *KINDS.values()]) / N_GENES
    log_joint = np.empty((N_GENES, len(prior)))
    for g, gene in enumerate(genes()):
        block = study.ld[gene[0] // BLOCK]
        inside = gene % BLOCK
        others = study.truth[gene[0] // BLOCK * BLOCK :][:BLOCK].copy()
        others[inside] = 0
        left = (study.beta[gene] - block[inside] @ others) / spread
        values, vectors = np.linalg.eigh(block[np.ix_(inside, inside)])
        seen = values > 1e-8 * values[-1]
        rotated, values = vectors[:, seen].T @ left, values[seen]
        for k, V in enumerate(covariances):
            total_cov = values[:, None, None] * C + values[:, None, None] ** 2 * V
            solved = np.linalg.solve(total_cov, rotated[..., None])[..., 0]
            form = np.einsum("kt,kt->", rotated, solved)
            log_joint[g, k] = -(form + np.linalg.slogdet(total_cov)[1].sum()) / 2
    log_joint += np.log(prior)
    return np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))


def smallest_p(study: Study) -> np.ndarray:
    """Smallest p of each gene and trait, corrected for its effective tests, (n_genes, n_traits)."""
    p = 2 * ndtr(-np.abs(study.z)).reshape(N_GENES, GENE, -1).min(axis=1)
    tests = [
        effective_tests(study.ld[gene[0] // BLOCK][np.ix_(gene % BLOCK, gene % BLOCK)])
        for gene in genes()
    ]
    return -np.expm1(np.array(tests)[:, None] * np.log1p(-np.minimum(p, 1 - 1e-16)))


def squares_p(study: Study) -> np.ndarray:
    """P-values of sums of squared z scores, (n_genes, n_traits)."""
    squares = (study.z**2).reshape(N_GENES, GENE, -1).sum(axis=1)
    spectra = [
        np.maximum(
            np.linalg.eigvalsh(study.ld[gene[0] // BLOCK][np.ix_(gene % BLOCK, gene % BLOCK)]), 0
        )
        for gene in genes()
    ]
    return np.stack([weighted_chi2_sf(column, spectra) for column in squares.T], axis=1)


def overlap_scores(p) -> np.ndarray:
    """How well p-values say "all of these traits and no other", (n_genes, 7)."""
    return evidence_scores(-np.log10(np.maximum(p, 1e-300)))


def evidence_scores(evidence) -> np.ndarray:
    """Worst evidence among a type's traits less the best among the others, (n_genes, 7).

    Parameters
    ----------
    evidence : array of shape (n_genes, n_traits)
        Large where the gene acts on the trait.
    """
    scores = []
    for kind in TYPES:
        inside = np.array([trait in kind for trait in TRAITS])
        best_outside = evidence[:, ~inside].max(axis=1) if not inside.all() else 0
        scores.append(evidence[:, inside].min(axis=1) - best_outside)
    return np.stack(scores, axis=1)


def names_of(acts_on) -> np.ndarray:
    """Each gene's set of traits, a row of bool, as the name of a type."""
    rows = np.asarray(acts_on)
    return np.array(["".join(t for t, on in zip(TRAITS, r, strict=True) if on) for r in rows])


def listed(p, level=FALSE_SHARE) -> np.ndarray:
    """Benjamini and Hochberg's lists, one for each column of p-values."""
    p = np.asarray(p)
    order = np.argsort(p, axis=0)
    ordered = np.take_along_axis(p, order, axis=0)
    passed = ordered <= level * np.arange(1, len(p) + 1)[:, None] / len(p)
    n_listed = np.where(passed.any(axis=0), len(p) - passed[::-1].argmax(axis=0), 0)
    limit = np.where(n_listed > 0, ordered[np.maximum(n_listed - 1, 0), range(p.shape[1])], -1)
    return p <= limit


def pooled_p(statistics, null) -> np.ndarray:
    """Share of the simulated null (all genes and traits together) at least as large, plus one."""
    null = np.sort(np.ravel(null))
    at_least = len(null) - np.searchsorted(null, statistics, side="left")
    return (1 + at_least) / (1 + len(null))


def acts(kinds) -> np.ndarray:
    """Which traits each gene acts on, bool (n_genes, n_traits)."""
    return np.array([[trait in kind for trait in TRAITS] for kind in kinds])


def average_precisions(scores, kinds) -> np.ndarray:
    """Average precision of a ranking for each of the seven types, (7,)."""
    return np.array(
        [average_precision_score(kinds == k, scores[:, i]) for i, k in enumerate(TYPES)]
    )


def best_of(scores, kinds) -> list[dict]:
    """Scores of the true genes of each type, and of the best others: what curves need."""
    rows = []
    for i, kind in enumerate(TYPES):
        true = kinds == kind
        rows.append(
            {
                "type": kind,
                "true": np.sort(scores[true, i])[::-1],
                "false": np.sort(scores[~true, i])[::-1][:_N_NEGATIVES],
            }
        )
    return rows


def pathway_p(called, kinds, rng) -> tuple[float, float]:
    """Enrichment of called genes in a planted list, and in it after genes' labels are shuffled."""
    causal, rest = np.flatnonzero(kinds != ""), np.flatnonzero(kinds == "")
    members = np.concatenate(
        [rng.choice(causal, PLANTED, replace=False), rng.choice(rest, PATHWAY - PLANTED, False)]
    )
    return overlap_p(called, members), overlap_p(rng.permutation(called), members)
