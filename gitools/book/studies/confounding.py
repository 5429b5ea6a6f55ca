"""Confounded association studies, simulated many times, and the methods that mend them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from gitools.association.ld import ld_matrix, ld_scores
from gitools.association.mixed_model import kinship, mixed_model_scan
from gitools.association.regression import genomic_control, log10_p, marginal_regression
from gitools.mixtures.gaussian_mixture import GaussianMixtureEM
from gitools.simulate.genotypes import simulate_genotypes
from gitools.simulate.plants import simulate_plants

N_COMPONENTS = 10
N_CHROMOSOMES = 4
_LEVELS = (0.05, 0.001)
_SMALLEST_MEMBERSHIP = 0.01
_FALSE_SHARE = 0.01


class Panel(NamedTuple):
    """Genotypes, and what the methods make of them.

    Attributes
    ----------
    dosages : int8 array of shape (n, p)
        Every column varies.
    groups : int array of shape (n,)
        Population, country or family.
    blocks, chromosomes : int arrays of shape (p,)
        Stretch of genome, and the chromosome that it lies on.
    K : float array of shape (n, n)
        Kinship from all variants.
    scores : float array of shape (n, 10)
        Principal components: eigenvectors of K times the root of their eigenvalues.
    memberships : float array of shape (n, k)
        Responsibilities of a mixture on the components, the largest component left out.
    """

    dosages: np.ndarray
    groups: np.ndarray
    blocks: np.ndarray
    chromosomes: np.ndarray
    K: np.ndarray
    scores: np.ndarray
    memberships: np.ndarray


class Scan(NamedTuple):
    """One method's result: z and log10_p, each of shape (p,), and a heritability or NaN."""

    z: np.ndarray
    log10_p: np.ndarray
    heritability: float


def people(n, n_variants=2_000, n_blocks=40, *, split_time=1_000.0, rng) -> Panel:
    """People of one population (n an integer) or two (a pair), common variants in blocks."""
    drawn = simulate_genotypes(
        n,
        n_variants,
        n_blocks=n_blocks,
        min_maf=0.05,
        thinning=0.5,
        split_time=split_time,
        random_state=rng,
    )
    chromosomes = drawn.blocks * N_CHROMOSOMES // n_blocks
    return describe(drawn.dosages, drawn.populations, drawn.blocks, chromosomes, rng, most=3)


def plants(n, n_genes, n_variants, *, rng) -> Panel:
    """Inbred plants from many countries, with common variants taken at even distances."""
    drawn = simulate_plants(n, n_genes, random_state=rng)
    frequency = drawn.variants.mean(axis=0)
    common = np.flatnonzero(np.minimum(frequency, 1 - frequency) >= 0.05)
    common = common[np.linspace(0, len(common) - 1, n_variants).astype(int)]
    at = drawn.variant_chromosome[common] - 1
    X = np.asfortranarray(drawn.variants[:, common])
    return describe(X, drawn.country, drawn.variant_gene[common], at, rng, most=8, used=10)


def families(n_families, n_siblings, n_variants, *, rng) -> Panel:
    """Siblings at unlinked variants, their parents unrelated."""
    f = rng.uniform(0.1, 0.9, n_variants)
    parents = rng.random((n_families, 2, 2, n_variants)) < f
    passed = rng.integers(2, size=(n_families, n_siblings, 2, n_variants))
    first, second = parents[:, None, :, 0], parents[:, None, :, 1]
    X = np.where(passed == 0, first, second).sum(axis=2).reshape(-1, n_variants).astype(np.int8)
    groups = np.repeat(np.arange(n_families), n_siblings)
    X = np.asfortranarray(X[:, X.min(axis=0) < X.max(axis=0)])
    blocks = np.arange(X.shape[1])
    return describe(X, groups, blocks, blocks * N_CHROMOSOMES // len(blocks), rng, most=4, used=10)


def describe(X, groups, blocks, chromosomes, rng, *, most, used=2) -> Panel:
    """Kinship, components, and memberships of up to `most` populations on `used` components."""
    K = kinship(X)
    d, U = np.linalg.eigh(K)
    order = np.argsort(d)[::-1][:N_COMPONENTS]
    scores = U[:, order] * np.sqrt(d[order])
    return Panel(
        X, groups, blocks, chromosomes, K, scores, memberships(scores[:, :used], most, rng)
    )


def memberships(scores, most, rng, *, n_init=1) -> np.ndarray:
    """Responsibilities (n, k - 1) of the mixture of lowest BIC among 1 to `most` components."""
    fits = [
        GaussianMixtureEM(
            k, n_init=n_init, tol=1e-5, max_iter=300, floor=1e-3, random_state=rng
        ).fit(scores)
        for k in range(1, most + 1)
    ]
    best = min(fits, key=lambda fit: fit.bic(scores))
    shares = best.predict_proba(scores)[:, np.argsort(-best.weights_)[1:]]
    # A component of a person or two is a covariate for nobody.
    return shares[:, shares.mean(axis=0) > _SMALLEST_MEMBERSHIP]


def fst_of_two(X, groups) -> float:
    """Hudson's FST between two populations, ratio of sums over variants."""
    f = [X[groups == k].mean(axis=0, dtype=float) / 2 for k in (0, 1)]
    copies = [2 * np.sum(groups == k) for k in (0, 1)]
    within = sum(q * (1 - q) * c / (c - 1) for q, c in zip(f, copies, strict=True))
    between = f[0] * (1 - f[1]) + f[1] * (1 - f[0])
    return float(1 - within.sum() / between.sum())


def environment(groups, share, rng) -> np.ndarray:
    """A value for each group, as a column of variance `share` over people."""
    shift = rng.normal(size=groups.max() + 1)
    value = shift[groups] - shift[groups].mean()
    return value * np.sqrt(share) / value.std()


def genetic(X, causal, h2, rng) -> np.ndarray:
    """Genetic values of variance `h2` from normal standardised effects of the causal variants."""
    Z = X[:, causal].astype(float)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    value = Z @ rng.normal(size=len(causal))
    return value * np.sqrt(h2) / value.std()


def equal_effects(X, causal, h2, rng):
    """Columns [n, causal] of causal variants that explain h2 / (their number) each."""
    Z = X[:, causal].astype(float)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    return Z * rng.choice([-1, 1], len(causal)) * np.sqrt(h2 / len(causal))


def misread(X, batch, every, rng, *, share=0.6) -> tuple[np.ndarray, np.ndarray]:
    """Dosages in which one batch reads some heterozygotes as 0 at some variants, and which."""
    affected = np.arange(every // 2, X.shape[1], every)
    Y = X.copy(order="F")
    columns = Y[:, affected]
    lost = (columns == 1) & batch[:, None] & (rng.random(columns.shape) < share)
    Y[:, affected] = np.where(lost, 0, columns)
    return Y, affected


def plain(X, y, panel, covariates=None) -> Scan:
    """Regression of y on each variant, with covariates."""
    fit = marginal_regression(X, y, covariates)
    c = 0 if covariates is None else covariates.reshape(len(y), -1).shape[1]
    return Scan(fit.z, log10_p(fit.z, len(y) - 2 - c), np.nan)


def corrected(X, y, panel) -> Scan:
    """Plain regression with genomic control."""
    z = genomic_control(plain(X, y, panel).z).z
    return Scan(z, log10_p(z, len(y) - 2), np.nan)


def with_memberships(X, y, panel) -> Scan:
    """Responsibilities as covariates; plain where the mixture found one population."""
    found = panel.memberships
    return plain(X, y, panel, found if found.shape[1] else None)


def mixed(X, y, panel, *, exact=True, K=None, covariates=None) -> Scan:
    """Mixed model with the panel's kinship."""
    fit = mixed_model_scan(X, y, panel.K if K is None else K, covariates, exact=exact)
    z = np.divide(fit.beta, fit.se, out=np.zeros(len(fit.se)), where=np.isfinite(fit.se))
    return Scan(z, fit.log10_p, float(np.median(fit.heritability)))


def without_own_chromosome(X, y, panel) -> Scan:
    """Mixed model, ratio of the null, whose kinship leaves out the variant's own chromosome."""
    parts, order = [], []
    for k in np.unique(panel.chromosomes):
        own = panel.chromosomes == k
        others = kinship(panel.dosages[:, ~own])
        parts.append(mixed(X[:, own], y, panel, exact=False, K=others))
        order.append(np.flatnonzero(own))
    back = np.argsort(np.concatenate(order))
    z, log_p = (
        np.concatenate([getattr(s, name) for s in parts])[back] for name in Scan._fields[:2]
    )
    return Scan(z, log_p, float(np.mean([s.heritability for s in parts])))


METHODS: dict[str, Callable] = {
    "plain": plain,
    "genomic control": corrected,
    "components": lambda X, y, panel: plain(X, y, panel, panel.scores),
    "memberships": with_memberships,
    "mixed model": mixed,
    "mixed model, null ratio": lambda X, y, panel: mixed(X, y, panel, exact=False),
    "mixed model, other chromosomes": without_own_chromosome,
    "mixed model and components": lambda X, y, panel: mixed(
        X, y, panel, exact=False, covariates=panel.scores
    ),
    "group known": lambda X, y, panel: plain(X, y, panel, _indicators(panel.groups)),
}


def score(scan: Scan, null, causal) -> dict:
    """Rates among null variants [indices], power among causal ones, lambda of all, chi-squares.

    `power` and `hits` are at Bonferroni's line for 0.05, `power_0.001` at that p-value,
    `power_fair` at the line that one in a hundred of the same data set's null variants pass.
    """
    p = scan.log10_p
    line = np.log10(0.05 / len(p))
    row = {f"rate_{level:g}": np.mean(p[null] < np.log10(level)) for level in _LEVELS}
    row |= {
        "hits": int(np.sum(p[null] < line)),
        "chi_square": np.mean(scan.z[null] ** 2),
        "lambda": np.median(scan.z**2) / chi2.ppf(0.5, 1),
        "heritability": scan.heritability,
    }
    if len(causal):
        fair = np.quantile(p[null], _FALSE_SHARE)
        row |= {
            "power": np.mean(p[causal] < line),
            "power_0.001": np.mean(p[causal] < -3),
            "power_fair": np.mean(p[causal] < fair),
        }
    return row


def local_ld_scores(panel: Panel) -> np.ndarray:
    """LD scores (p,) within blocks and within groups, freed from what chance adds."""
    X = panel.dosages.astype(float)
    for k in np.unique(panel.groups):
        X[panel.groups == k] -= X[panel.groups == k].mean(axis=0)
    scores = np.empty(X.shape[1])
    for block in np.unique(panel.blocks):
        at = panel.blocks == block
        scores[at] = ld_scores(ld_matrix(X[:, at]), len(X))
    return scores


def ld_score_intercept(chi_square, scores) -> float:
    """Intercept of chi-squares (p,) on LD scores (p,), weighted in two rounds.

    A chi-square of mean m has the variance 2 m^2, and variants in LD repeat each other: weights
    are 1 / (score m^2), m at first from no association at all (Bulik-Sullivan et al. 2015).
    """
    scores = np.maximum(scores, 1)
    design, fitted = np.column_stack([np.ones(len(scores)), scores]), np.ones(len(scores))
    for _ in range(3):
        root = 1 / (np.sqrt(scores) * fitted)
        b = np.linalg.lstsq(design * root[:, None], chi_square * root)[0]
        fitted = np.maximum(design @ b, 1)
    return float(b[0])


def _indicators(groups):
    """Indicator columns of all groups but the first."""
    return (groups[:, None] == np.arange(1, groups.max() + 1)).astype(float)


def values_of(table, world, method, column) -> np.ndarray:
    """One value a data set, in order of replicates, from a table of these studies."""
    rows = table[(table["world"] == world) & (table["method"] == method)]
    values = rows.sort_values("replicate")[column].to_numpy(dtype=float)
    if len(values) == 0 or np.isnan(values).any():
        raise ValueError(f"table: holds no {column!r} of {method!r} in the world {world!r}")
    return values


def two_errors(values) -> float:
    """Two standard errors of a mean."""
    return float(2 * np.std(values, ddof=1) / np.sqrt(len(values)))


def means_of(table, world, methods, column) -> tuple[list[float], list[float]]:
    """Means over data sets and two standard errors, one each for every method."""
    values = [values_of(table, world, method, column) for method in methods]
    return [float(v.mean()) for v in values], [two_errors(v) for v in values]
