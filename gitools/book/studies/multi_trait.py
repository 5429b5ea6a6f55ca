"""Effects on several traits: types of variants, simulated, named and scored on many data sets."""

import os
import warnings
from typing import NamedTuple

import numpy as np
from scipy.stats import hypergeom, norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import BayesianGaussianMixture
from tqdm import tqdm

from gitools.association.ld import ld_matrix
from gitools.mixtures.association_types import association_types
from gitools.mixtures.dirichlet_process import ZeroMeanDPMixture
from gitools.simulate.genotypes import simulate_genotypes

# Probabilities below this are taken as this in every log loss: a type that a method does not
# know has probability zero, and would cost infinitely much.
FLOOR = 1e-4
EFFECT_VARIANCE = 16.0
EFFECT_CORRELATION = 0.7
NOISE_CORRELATION = 0.6
_WEIGHTS = {
    2: {"null": 0.76, "A": 0.08, "B": 0.08, "AB": 0.08},
    3: {"null": 0.72, "A": 0.04, "B": 0.04, "C": 0.04, "AB": 0.08, "ABC": 0.08},
    4: {"null": 0.7, "A": 0.06, "D": 0.06, "AB": 0.06, "CD": 0.06, "ABCD": 0.06},
}


class Kinds(NamedTuple):
    """Types of variants: the truth of a simulation, in z scores.

    Attributes
    ----------
    names : tuple of str
        Type of each component.
    weights : array of shape (K,)
    effects : array of shape (K, d, d)
        Covariance of the true effects, in squared standard errors.
    """

    names: tuple
    weights: np.ndarray
    effects: np.ndarray


def kinds_of(d: int) -> Kinds:
    """The types on two, three or four traits that this chapter simulates."""
    names = tuple(_WEIGHTS[d])
    members = np.array([["ABCD"[t] in name for t in range(d)] for name in names], dtype=float)
    correlations = np.full((d, d), EFFECT_CORRELATION)
    np.fill_diagonal(correlations, 1)
    effects = EFFECT_VARIANCE * correlations * members[:, :, None] * members[:, None, :]
    if "CD" in names:
        opposite = effects[names.index("CD")]
        opposite[2, 3] = opposite[3, 2] = -opposite[2, 3]
    return Kinds(names, np.array(list(_WEIGHTS[d].values())), effects)


def noise_of(d: int, correlation: float = 0.0) -> np.ndarray:
    """Sampling covariance of z scores: ones, and one correlation throughout."""
    return np.eye(d) + correlation * (1 - np.eye(d))


def draw_kinds(kinds: Kinds, noise, n: int, rng):
    """z scores (n, d) of independent variants and their types (n,), as indices of names."""
    labels = rng.choice(len(kinds.weights), n, p=kinds.weights)
    roots = np.linalg.cholesky(kinds.effects + noise)[labels]
    return np.einsum("nij,nj->ni", roots, rng.standard_normal((n, roots.shape[-1]))), labels


def bar(iterable, total=None):
    """Progress that readers see and tests don't."""
    return tqdm(iterable, total=total, disable=bool(os.environ.get("GITOOLS_QUIET")))


def type_probabilities(found, names) -> np.ndarray:
    """Posterior of the named types, (n, len(names)); zero for those that were not found."""
    return np.stack([found.probability(name) for name in names], axis=1)


def log_loss(probabilities, labels) -> float:
    """Mean of -ln of the probability given to the true type, floored at FLOOR."""
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, FLOOR)).mean())


def lists_of(z, level: float) -> np.ndarray:
    """Answer of thresholds: a number for each set of traits with p below level / n, (n,)."""
    passed = 2 * norm.sf(np.abs(z)) < level / len(z)
    return passed @ 2 ** np.arange(z.shape[1])


def told_shares(answers, labels, n_types: int) -> np.ndarray:
    """Share of true types among the variants of the same answer: what no list could know."""
    table = np.zeros((answers.max() + 1, n_types))
    np.add.at(table, (answers, labels), 1)
    return (table / np.maximum(table.sum(axis=1, keepdims=True), 1))[answers]


def pinned_mixture(X, n_components=20, max_iter=300, random_state=1):
    """scikit-learn's mixture with means pinned to zero and ZeroMeanDPMixture's default prior."""
    d = X.shape[1]
    unit = np.median(np.abs(X), axis=0) / 0.6744897501960817
    estimator = BayesianGaussianMixture(
        n_components=n_components,
        weight_concentration_prior=1.0,
        mean_prior=np.zeros(d),
        mean_precision_prior=1e8,
        degrees_of_freedom_prior=d + 2.0,
        covariance_prior=np.diag(unit**2),
        reg_covar=0,
        max_iter=max_iter,
        random_state=random_state,
    )
    with warnings.catch_warnings():
        # non-convergence is a result of the comparison, and in its table
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X)


def scores_of(found, kinds: Kinds, labels) -> dict:
    """Log loss, adjusted Rand index, and the shared variants at a posterior of one half."""
    shared = np.array([len(name) > 1 and name != "null" for name in kinds.names])[labels]
    return _scores(
        type_probabilities(found, kinds.names),
        found.posterior.argmax(axis=1),
        found.shared() > 0.5,
        shared,
        labels,
    ) | {"types_right": int(set(found.types) == set(kinds.names))}


def scores_of_lists(z, kinds: Kinds, labels, level=0.05) -> dict:
    """The same for per-trait thresholds, told the true shares of types behind each answer."""
    answers = lists_of(z, level)
    shared = np.array([len(name) > 1 and name != "null" for name in kinds.names])[labels]
    called = np.array([bin(answer).count("1") > 1 for answer in answers])
    told = told_shares(answers, labels, len(kinds.names))
    return _scores(told, answers, called, shared, labels)


def _scores(probabilities, answers, called, shared, labels):
    return {
        "log_loss": log_loss(probabilities, labels),
        "ari": adjusted_rand_score(labels, answers),
        "recall": np.sum(called & shared) / max(shared.sum(), 1),
        "precision": np.sum(called & shared) / max(called.sum(), 1),
    }


def calibration_of(probability, happened, n_bins=10) -> np.ndarray:
    """Number of variants, sum of probabilities and number of hits in each bin, (n_bins, 3)."""
    bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    columns = (np.ones(len(bins)), probability, happened.astype(float))
    return np.stack([np.bincount(bins, c, minlength=n_bins) for c in columns], axis=1)


def study_types(d: int, n: int, rng):
    """One data set: scores of the truth, of ours and of lists, and the calibration of ours.

    Returns
    -------
    rows : list of dict
    calibration : array of shape (10, 3)
    """
    kinds, z, labels, seed = _draw_types(d, n, rng)
    known = association_types((kinds.weights, kinds.effects + noise_of(d)), z)
    ours = association_types(ZeroMeanDPMixture(n_init=1, random_state=seed).fit(z), z)
    rows = [
        {"method": "known"} | scores_of(known, kinds, labels),
        {"method": "ours"} | scores_of(ours, kinds, labels),
        {"method": "lists"} | scores_of_lists(z, kinds, labels),
    ]
    shared = np.array([len(name) > 1 and name != "null" for name in kinds.names])[labels]
    return rows, calibration_of(ours.shared(), shared)


def study_peer(d: int, n: int, rng) -> dict:
    """scikit-learn's mixture on the data set that `study_types` draws from the same generator."""
    kinds, z, labels, seed = _draw_types(d, n, rng)
    peer = association_types(pinned_mixture(z, random_state=seed), z)
    return {"method": "sklearn"} | scores_of(peer, kinds, labels)


def _draw_types(d, n, rng):
    kinds = kinds_of(d)
    z, labels = draw_kinds(kinds, noise_of(d), n, rng)
    return kinds, z, labels, int(rng.integers(2**31))


def study_overlap(n: int, rng) -> list:
    """One data set of two traits measured in the same people: three ways to treat the noise."""
    kinds, noise = kinds_of(2), noise_of(2, NOISE_CORRELATION)
    z, labels = draw_kinds(kinds, noise, n, rng)
    seed = int(rng.integers(2**31))
    known = association_types((kinds.weights, kinds.effects), z, sampling_covariance=noise)
    rows = [{"method": "known"} | scores_of(known, kinds, labels)]
    for name, given in (("left out", None), ("given", noise), ("believed independent", np.eye(2))):
        fit = ZeroMeanDPMixture(n_init=1, random_state=seed).fit(z, sampling_covariance=given)
        found = association_types(fit, z, sampling_covariance=given)
        rows.append({"method": name} | scores_of(found, kinds, labels))
    return rows


def anything_called(z, rng, sampling_covariance=None):
    """Variants with a posterior above one half of acting on a trait, and of these the shared ones.

    Returns
    -------
    n_called, n_shared : int
    """
    fit = ZeroMeanDPMixture(n_init=1, random_state=rng)
    fit.fit(z, sampling_covariance=sampling_covariance)
    found = association_types(fit, z, sampling_covariance=sampling_covariance)
    acting = 1 - found.probability("null")
    called = acting > 0.5
    return int(called.sum()), int(np.sum(called & (found.shared() > acting / 2)))


def lists_overlap_p(z, level=0.05) -> float:
    """Hypergeometric p-value of the overlap of two lists of nominally significant variants."""
    passed = 2 * norm.sf(np.abs(z)) < level
    both, n_first, n_second = passed.all(axis=1).sum(), *passed.sum(axis=0)
    return float(hypergeom.sf(both - 1, len(z), n_first, n_second))


def uneven_noise(n: int, rng) -> np.ndarray:
    """Sampling covariances (n, 2, 2) of effects per allele, overlapping samples.

    Allele frequencies are log-uniform between 0.01 and 0.5; the mean variance is 1.
    """
    f = np.exp(rng.uniform(np.log(0.01), np.log(0.5), n))
    variances = 1 / (2 * f * (1 - f))
    return (variances / variances.mean())[:, None, None] * noise_of(2, NOISE_CORRELATION)


def draw_noise(noise, rng) -> np.ndarray:
    """One row for each sampling covariance, (n, d)."""
    roots = np.linalg.cholesky(noise)
    return np.einsum("nij,nj->ni", roots, rng.standard_normal(roots.shape[:2]))


def study_cutoff(n: int, rng, cutoff=2.5) -> list:
    """One data set: variants that pass a cutoff, by a fit to all and by a fit to them alone."""
    kinds, noise = kinds_of(2), noise_of(2)
    z, labels = draw_kinds(kinds, noise, n, rng)
    seed = int(rng.integers(2**31))
    passed = np.abs(z).max(axis=1) > cutoff
    rows, z_cut, labels_cut = [], z[passed], labels[passed]
    known = association_types((kinds.weights, kinds.effects + noise), z_cut)
    everyone = ZeroMeanDPMixture(n_init=1, random_state=seed).fit(z)
    alone = ZeroMeanDPMixture(n_init=1, random_state=seed).fit(z_cut)
    for name, fit, level in (
        ("all", everyone, None),
        ("passed, noise known", alone, [1.0, 1.0]),
        ("passed", alone, None),
    ):
        found = association_types(fit, z_cut, noise=level)
        rows.append({"method": name} | scores_of(found, kinds, labels_cut))
        rows[-1]["mean_shared"] = found.shared().mean()
    rows.append({"method": "known"} | scores_of(known, kinds, labels_cut))
    rows[-1]["mean_shared"] = np.mean(labels_cut == kinds.names.index("AB"))
    return rows


def pruned(R, largest_r2=0.1) -> np.ndarray:
    """Variants in the order of the matrix, none with r2 above the limit to one before it."""
    kept = []
    for j in range(len(R)):
        if not kept or np.max(R[j, kept] ** 2) <= largest_r2:
            kept.append(j)
    return np.array(kept)


def study_ld(n_variants: int, rng) -> dict:
    """One data set without any effect, z scores of two traits on variants in LD."""
    panel = simulate_genotypes(2000, n_variants, n_blocks=10, random_state=rng)
    z, few = np.empty((n_variants, 2)), []
    for block in np.unique(panel.blocks):
        at = np.flatnonzero(panel.blocks == block)
        R = ld_matrix(panel.dosages[:, at])
        values, vectors = np.linalg.eigh(R)
        z[at] = (vectors * np.sqrt(np.maximum(values, 0))) @ rng.standard_normal((len(at), 2))
        few.append(at[pruned(R)])
    few = np.concatenate(few)
    return {
        "called": anything_called(z, rng)[0],
        "called_pruned": anything_called(z[few], rng)[0],
        "n_pruned": len(few),
    }


class Loci(NamedTuple):
    """z scores of two traits at many loci.

    Attributes
    ----------
    z : array of shape (n_loci, p, 2)
    r2 : array of shape (n_loci,)
        Squared correlation of the two causal variants; 1 if they are one.
    causal : int array of shape (n_loci, 2)
        Position in the locus of the causal variant of each trait.
    R : array of shape (n_loci, p, p)
    """

    z: np.ndarray
    r2: np.ndarray
    causal: np.ndarray
    R: np.ndarray


def draw_loci(R, n_loci, r2_range, rng, *, p=100, mean_z=8.0) -> Loci:
    """Loci of p neighbouring variants with one causal variant in each trait.

    Parameters
    ----------
    R : array of shape (m, m)
        LD matrix of a stretch of more than p variants.
    n_loci : int
    r2_range : pair of float, or None
        Squared correlation of the two causal variants; None for one variant that acts on both.
    rng : numpy Generator
    p : int
    mean_z : float
        Expected z score at the causal variant.

    Returns
    -------
    Loci

    Raises
    ------
    ValueError
        If the stretch has no pair of variants like that.
    """
    pairs = _pairs(R, r2_range, p)
    if len(pairs) == 0:
        raise ValueError(f"r2_range: got {r2_range}, expected a range in which R has pairs.")
    chosen = pairs[rng.integers(len(pairs), size=n_loci)]
    chosen = np.where(rng.random((n_loci, 1)) < 0.5, chosen, chosen[:, ::-1])
    low = np.maximum(chosen.max(axis=1) - p + 1, 0)
    high = np.minimum(chosen.min(axis=1), len(R) - p)
    starts = rng.integers(low, high + 1)
    local = _windows(R, starts, p)
    causal = chosen - starts[:, None]
    means = mean_z * np.take_along_axis(local, causal[:, None, :], axis=2)
    z = means + _windows_of_noise(R, starts, p, rng)
    return Loci(z, R[tuple(chosen.T)] ** 2, causal, local)


def draw_two_signals(R, n_loci, rng, *, p=100, mean_z=(9.0, 6.0, 8.0)) -> Loci:
    """Loci where trait A has a causal variant of its own and one that it shares with trait B.

    The two have r2 below 0.05. `mean_z` holds the expected z scores of A's own variant on A, and
    of the shared one on A and on B, apart from each other's LD. `causal` holds A's own and the
    shared variant.

    Parameters
    ----------
    R, n_loci, rng, p
        As in `draw_loci`.
    mean_z : tuple of three floats

    Returns
    -------
    Loci
    """
    plain = draw_loci(R, n_loci, (0.0, 0.05), rng, p=p, mean_z=0.0)
    own, shared = np.moveaxis(np.take_along_axis(plain.R, plain.causal[:, None, :], axis=2), 2, 0)
    means = np.stack([mean_z[0] * own + mean_z[1] * shared, mean_z[2] * shared], axis=2)
    return plain._replace(z=plain.z + means)


def _windows(R, starts, p):
    at = starts[:, None] + np.arange(p)
    return R[at[:, :, None], at[:, None, :]]


def _windows_of_noise(R, starts, p, rng):
    """Noise of two traits, correlated as the variants of each window, (n_loci, p, 2)."""
    # copies among the variants make R singular; one millionth of variance is added
    root = np.linalg.cholesky(R + 1e-6 * np.eye(len(R)))
    noise = np.stack([root @ rng.standard_normal((len(R), len(starts))) for _ in range(2)], axis=2)
    at = starts[:, None] + np.arange(p)
    return noise[at, np.arange(len(starts))[:, None]]


def _pairs(R, r2_range, p):
    if r2_range is None:
        return np.repeat(np.arange(len(R))[:, None], 2, axis=1)
    first, second = np.triu_indices(len(R), 1)
    r2 = R[first, second] ** 2
    fits = (second - first < p // 2) & (r2 > r2_range[0]) & (r2 <= r2_range[1])
    return np.stack([first[fits], second[fits]], axis=1)
