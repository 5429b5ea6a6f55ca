"""Effects as draws from a mixture: many simulated data sets, fitted side by side.

M counts data sets, each with genotypes, effects and noise of its own; n people, p variants,
K classes of effects. Everything of M data sets is kept in arrays, so that one Gibbs sweep redraws
an effect in all of them at once.
"""

import os
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score
from tqdm import tqdm

from gitools.shrinkage._effect_gibbs import EffectPrior
from gitools.shrinkage._effect_gibbs import run as run_gibbs
from gitools.shrinkage.effect_mixture import Liability
from gitools.simulate.genotypes import simulate_genotypes

N_EARLIER, N_MAIN, N_LATER, N_TEST = 3000, 1000, 500, 1000
"""People of an earlier and a later study, of the main study (the first of the earlier one), and
people who are only predicted."""
H2 = 0.4
TRUE_MULTIPLES = np.array([0.0, 0.005, 0.05])
TRUE_PROPORTIONS = np.array([[1 - 0.16 - 4 / 450, 0.16, 4 / 450], [1 - 0.16 - 0.16, 0.16, 0.16]])
"""Classes outside and inside the pathway: none, small and large effects."""
MULTIPLES = np.array([0.0, 0.001, 0.01, 0.1])
"""What the fits are told: not the true sizes, and not their number."""
THRESHOLDS = (1, 0.5, 0.2, 0.05, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 5e-8)


def bar(iterable):
    """Progress that readers see and tests don't."""
    return tqdm(iterable, disable=bool(os.environ.get("GITOOLS_QUIET")))


class Panels(NamedTuple):
    """Genotypes and truth of M data sets.

    Attributes
    ----------
    X : float32 array of shape (M, n, p)
        Standardised dosages.
    pathway, decoy : int arrays of shape (p, M)
        1 in the true pathway, and in a random set of as many variants.
    effects, classes : arrays of shape (p, M)
    trait : array of shape (n, M)
    """

    X: np.ndarray
    pathway: np.ndarray
    decoy: np.ndarray
    effects: np.ndarray
    classes: np.ndarray
    trait: np.ndarray


def draw_effects(pathway, rng):
    """Classes and effects, each (p, M), drawn from the true prior."""
    shares = TRUE_PROPORTIONS[pathway].cumsum(axis=-1)
    classes = (rng.random((*pathway.shape, 1)) > shares[..., :-1]).sum(axis=-1)
    sizes = np.sqrt(TRUE_MULTIPLES[classes] * H2)
    return classes, sizes * rng.standard_normal(pathway.shape)


def draw_trait(X, effects, rng):
    """Trait (n, M): genetic values plus noise of variance 1 - H2."""
    genetic = (X @ effects.T[:, :, None].astype(X.dtype))[:, :, 0].T.astype(float)
    return genetic + rng.normal(0, np.sqrt(1 - H2), genetic.shape)


def draw_panels(m, rng, *, n=N_EARLIER + N_LATER + N_TEST, n_blocks=10, per_block=50):
    """Draw M data sets: coalescent genotypes, a pathway, a decoy, effects and a trait.

    Parameters
    ----------
    m, n : int
        Data sets, people of each.
    n_blocks, per_block : int
        Independent stretches, variants of each. The pathway is a run of a fifth of the variants in
        each of the first half of the stretches.
    rng : numpy Generator

    Returns
    -------
    Panels
    """
    p, run = n_blocks * per_block, per_block // 5
    X = np.empty((m, n, p), dtype=np.float32)
    for k in bar(range(m)):
        panel = simulate_genotypes(n, p, n_blocks=n_blocks, hotspots=20, random_state=rng)
        X[k] = (panel.dosages - panel.dosages.mean(axis=0)) / panel.dosages.std(axis=0)
    pathway = np.zeros((p, m), dtype=int)
    for block in range(n_blocks // 2):
        pathway[block * per_block + 2 * run : block * per_block + 3 * run] = 1
    decoy = rng.permuted(pathway, axis=0)
    classes, effects = draw_effects(pathway, rng)
    return Panels(X, pathway, decoy, effects, classes, draw_trait(X, effects, rng))


class Sums(NamedTuple):
    """What a fit needs of the people: X'X (p, p, M), X'y (p, M), y'y (M,), and their number."""

    gram: np.ndarray
    xy: np.ndarray
    yy: np.ndarray
    n: int

    def __add__(self, other):
        """Sums over the people of two studies, each centred by itself."""
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


def sums_of(X, y) -> Sums:
    """Centre X (M, n, p) and y (n, M) and sum over people."""
    m, n, p = X.shape
    gram, xy = np.empty((p, p, m), dtype=np.float32), np.empty((p, m))
    y = y - y.mean(axis=0)
    for k in range(m):
        centred = X[k] - X[k].mean(axis=0)
        gram[:, :, k] = centred.T @ centred
        xy[:, k] = centred.T @ y[:, k]
    return Sums(gram, xy, (y**2).sum(axis=0), n - 1)


def learnt_prior(groups, multiples=MULTIPLES):
    """A prior whose proportions and variances are learnt; groups (p,) or (p, M)."""
    return EffectPrior(multiples, groups, np.ones((int(groups.max()) + 1, len(multiples))))


def true_prior(proportions):
    """The prior that the effects were drawn from; proportions broadcast to (p, K, M)."""
    groups = np.zeros(len(proportions), dtype=int)
    none = np.ones((1, len(TRUE_MULTIPLES)))
    return EffectPrior(TRUE_MULTIPLES, groups, none, proportions, H2, 1 - H2)


def proportions_by(groups):
    """The true proportions (p, K, M), for groups (p, M) taken to be the pathway."""
    return np.moveaxis(TRUE_PROPORTIONS[groups], 2, 1)


def fit(sums, prior, rng, *, n_burn=200, n_draws=500):
    """Gibbs averages for M data sets, see `gitools.shrinkage._effect_gibbs.run`."""
    scale = sums.yy / sums.n
    options = {"n_burn": n_burn, "n_draws": n_draws, "rng": rng, "progress": bar}
    return run_gibbs(*sums, prior, scale, **options)


def fit_binary(X, ill, gram, prior, rng, *, n_burn=200, n_draws=500):
    """The same for status (n, M), by a liability that is drawn along."""
    m, n, _ = X.shape
    prior.residual_variance = 1.0
    X = X - X.mean(axis=1, keepdims=True)
    liability = Liability(X, ill, np.ones((n, 1)), m, rng)
    options = {"n_burn": n_burn, "n_draws": n_draws, "rng": rng, "progress": bar}
    scale = np.ones(m)
    return run_gibbs(gram, *liability.products(), n - 1, prior, scale,
                     between=liability.redraw, **options)  # fmt: skip


def predict(X, effects):
    """Genetic values (n, M) of people X (M, n, p) under effects (p, M)."""
    return (X @ effects.T[:, :, None].astype(X.dtype))[:, :, 0].T.astype(float)


def prediction_scores(y, predicted) -> dict:
    """R2, squared correlation and slope of y on the prediction, columns (n, M); each (M,)."""
    error = ((y - predicted) ** 2).sum(axis=0)
    y, predicted = y - y.mean(axis=0), predicted - predicted.mean(axis=0)
    cross, square = (y * predicted).sum(axis=0), (predicted**2).sum(axis=0)
    total = (y**2).sum(axis=0)
    square = np.maximum(square, 1e-300)
    return {"r2": 1 - error / total, "corr2": cross**2 / (square * total), "slope": cross / square}


def average_precision(truth, score):
    """Average precision of each column; NaN where nothing is to be found."""
    return np.array([
        average_precision_score(t, s) if t.any() else np.nan
        for t, s in zip(truth.T, score.T, strict=True)
    ])  # fmt: skip


def areas(status, score):
    """Area under the ROC curve of each column."""
    return np.array([roc_auc_score(t, s) for t, s in zip(status.T, score.T, strict=True)])


def one_normal(sums, h2=H2):
    """Posterior mean (p, M) when all effects have one normal prior and h2 is told."""
    p = len(sums.xy)
    penalty = p * (1 - h2) / h2
    return np.array([
        np.linalg.solve(sums.gram[:, :, k] + penalty * np.eye(p), sums.xy[:, k])
        for k in range(sums.xy.shape[1])
    ]).T  # fmt: skip


def least_squares(sums):
    """Fixed effects of all variants, (p, M)."""
    return np.array([
        np.linalg.lstsq(sums.gram[:, :, k].astype(float), sums.xy[:, k], rcond=1e-6)[0]
        for k in range(sums.xy.shape[1])
    ]).T  # fmt: skip


def marginal_z(sums):
    """Marginal slopes and z scores, each (p, M)."""
    diagonal = np.einsum("jjm->jm", sums.gram).astype(float)
    slope = sums.xy / diagonal
    rest = (sums.yy - slope * sums.xy) / (sums.n - 1)
    return slope, slope * np.sqrt(diagonal / rest)


def clump(z, gram, limit=0.1):
    """Variants kept, largest z first, if no kept one has a squared correlation above limit."""
    sd = np.sqrt(np.diag(gram))
    squared = (gram / np.outer(sd, sd)) ** 2
    kept, free = np.zeros(len(z), dtype=bool), np.ones(len(z), dtype=bool)
    for j in np.argsort(-np.abs(z)):
        if free[j]:
            kept[j] = True
            free &= squared[j] <= limit
    return kept


def threshold_scores(sums, X, y):
    """Squared correlations (thresholds, M) of y with clumped and thresholded marginal effects."""
    slope, z = marginal_z(sums)
    kept = np.array([clump(z[:, k], sums.gram[:, :, k]) for k in range(z.shape[1])]).T
    p_values = 2 * norm.sf(np.abs(z))
    return np.array([
        prediction_scores(y, predict(X, slope * (kept & (p_values <= t))))["corr2"]
        for t in THRESHOLDS
    ])  # fmt: skip


def tiers(z):
    """Groups by p-value: 2 under 5e-8, 1 under 0.001, else 0."""
    p_values = 2 * norm.sf(np.abs(z))
    return (p_values < 1e-3).astype(int) + (p_values < 5e-8)


class Pairs(NamedTuple):
    """Main effects and interactions of M data sets.

    Attributes
    ----------
    X : float32 array of shape (M, n, p)
        Genes, then products of two of them, standardised.
    kinds : int array of shape (p, M)
        0 for a gene, 1 for a pair of the network, 2 for any other pair.
    decoy : int array of shape (p, M)
        The same with a random network without an interaction.
    interacting : bool array of shape (p, M)
    trait : array of shape (n, M)
    """

    X: np.ndarray
    kinds: np.ndarray
    decoy: np.ndarray
    interacting: np.ndarray
    trait: np.ndarray


def draw_pairs(m, rng, *, n=2000, n_genes=40, n_listed=40, n_true=6):
    """Eight genes with main effects (h2 of 0.25), six pairs that explain 0.015 each."""
    first, second = np.triu_indices(n_genes, 1)
    p = n_genes + len(first)
    X = np.empty((m, n, p), dtype=np.float32)
    kinds, decoy = (np.full((p, m), 2) for _ in range(2))
    interacting, trait = np.zeros((p, m), dtype=bool), np.empty((n, m))
    for k in range(m):
        genes = rng.binomial(2, rng.uniform(0.1, 0.5, n_genes), (n, n_genes)).astype(float)
        genes = (genes - genes.mean(axis=0)) / genes.std(axis=0)
        columns = np.column_stack([genes, genes[:, first] * genes[:, second]])
        X[k] = (columns - columns.mean(axis=0)) / columns.std(axis=0)
        order = n_genes + rng.permutation(len(first))
        kinds[:n_genes, k] = decoy[:n_genes, k] = 0
        kinds[order[:n_listed], k] = 1
        decoy[order[n_listed : 2 * n_listed], k] = 1
        interacting[order[:n_true], k] = True
        b = np.zeros(p)
        b[rng.choice(n_genes, 8, replace=False)] = rng.normal(0, np.sqrt(0.25 / 8), 8)
        b[order[:n_true]] = rng.choice([-1, 1], n_true) * np.sqrt(0.015)
        trait[:, k] = X[k] @ b + rng.normal(0, np.sqrt(1 - 0.25 - 0.015 * n_true), n)
    return Pairs(X, kinds, decoy, interacting, trait)


def em_weights(estimates, noise, variances, n_iter=200):
    """Weights (K, M) of a mixture about zero with known variances, by EM.

    Parameters
    ----------
    estimates : array of shape (p, M)
    noise : float
        Sampling variance.
    variances : array of shape (K,)
    n_iter : int
    """
    total = (variances + noise)[:, None, None]
    log_density = -0.5 * (np.log(total) + estimates**2 / total)
    density = np.exp(log_density - log_density.max(axis=0))
    weights = np.full((len(variances), estimates.shape[1]), 1 / len(variances))
    for _ in range(n_iter):
        joint = weights[:, None] * density
        weights = (joint / joint.sum(axis=0)).mean(axis=1)
    return weights


def shrink(estimates, noise, weights, variances):
    """Posterior means (p, M) of effects under weights (K, M)."""
    total = (variances + noise)[:, None, None]
    log_joint = np.log(weights[:, None]) - 0.5 * (np.log(total) + estimates**2 / total)
    share = np.exp(log_joint - logsumexp(log_joint, axis=0))
    return (share * (variances[:, None, None] / total)).sum(axis=0) * estimates


class DegreesStudy(NamedTuple):
    """Fixed and random effects of ever more variants, (n_datasets, sizes) each.

    Attributes
    ----------
    train, test : float arrays
        R2 of least squares among the people fitted and among new ones (beyond as many variants as
        people, the solution of least norm).
    error : float array
        Mean squared error of least squares among new people.
    random : float array
        R2 of one normal prior among new people, its variance told.
    """

    train: np.ndarray
    test: np.ndarray
    error: np.ndarray
    random: np.ndarray


def ridge(X, y, penalty):
    """Penalised least squares; solves for people or for variants, whichever are fewer."""
    n, p = X.shape
    if p < n:
        return np.linalg.solve(X.T @ X + penalty * np.eye(p), X.T @ y)
    return X.T @ np.linalg.solve(X @ X.T + penalty * np.eye(n), y)


def study_degrees(sizes, n_datasets, rng, *, n=200, n_new=400, p=800, h2=0.5) -> DegreesStudy:
    """A trait of p independent variants of equal variance, regressed on the first few of them.

    Parameters
    ----------
    sizes : sequence of int
    n_datasets, n, n_new, p : int
        Data sets, people fitted, new people, variants.
    rng : numpy Generator
    h2 : float

    Returns
    -------
    DegreesStudy
    """
    found = []
    for _ in bar(range(n_datasets)):
        f = rng.uniform(0.05, 0.5, p)
        X = sum((rng.random((n + n_new, p)) < f).astype(float) for _ in range(2))
        X = (X - 2 * f) / np.sqrt(2 * f * (1 - f))
        y = X @ rng.normal(0, np.sqrt(h2 / p), p) + rng.normal(0, np.sqrt(1 - h2), n + n_new)
        X, y = X - X[:n].mean(axis=0), y - y[:n].mean()
        found.append([_degrees(X[:, :size], y, n, h2 / p, 1 - h2 * size / p) for size in sizes])
    return DegreesStudy(*np.moveaxis(np.array(found), 2, 0))


def _degrees(X, y, n, effect_variance, rest):
    fixed = ridge(X[:n], y[:n], 1e-8)
    random = ridge(X[:n], y[:n], rest / effect_variance)
    total, new = (y[:n] ** 2).sum(), y[n:]
    error, other = (((new - X[n:] @ b) ** 2).mean() for b in (fixed, random))
    spread = new.var()
    train = 1 - ((y[:n] - X[:n] @ fixed) ** 2).sum() / total
    return train, 1 - error / spread, error, 1 - other / spread
