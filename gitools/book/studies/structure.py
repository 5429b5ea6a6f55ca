"""Simulated populations for the chapter on structure, and studies of PCA and mixtures on many."""

import os
from functools import lru_cache
from typing import NamedTuple

import msprime
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp
from scipy.stats import spearmanr
from tqdm import tqdm

from gitools.data import arabidopsis_accessions, arabidopsis_genotypes
from gitools.mixtures import GaussianMixtureEM
from gitools.structure import ld_prune, near_identical

MUTATION_RATE, RECOMBINATION_RATE = 1.25e-8, 1e-8
MIN_MAF = 0.05


class Sample(NamedTuple):
    """People drawn from a coalescent.

    Attributes
    ----------
    dosages : int8 array of shape (n, p)
        Copies of the derived allele at variants of a minor allele frequency of at least 0.05.
    positions, stretches : int arrays of shape (p,)
        Base pair within a stretch, and the stretch; stretches are simulated apart.
    populations : int array of shape (n,)
    """

    dosages: np.ndarray
    positions: np.ndarray
    stretches: np.ndarray
    populations: np.ndarray


class Panel(NamedTuple):
    """Accessions of the 1001 Genomes at common, pruned variants.

    Attributes
    ----------
    genotypes : int8 array of shape (n, p)
        0 or 1.
    accessions : DataFrame of n rows
        As `gitools.data.arabidopsis_accessions` gives them.
    families : int array of shape (n,)
        Accessions of one family are all but identical.
    chromosomes, positions : int arrays of shape (p,)
    """

    genotypes: np.ndarray
    accessions: pd.DataFrame
    families: np.ndarray
    chromosomes: np.ndarray
    positions: np.ndarray

    def take(self, rows) -> "Panel":
        """Some of the accessions, at the variants that vary among all."""
        accessions = self.accessions.iloc[np.flatnonzero(rows)]
        return Panel(self.genotypes[rows], accessions, self.families[rows], *self[3:])


def thousand_and_one() -> Panel:
    """The 1,135 accessions, variants of a minor allele frequency of at least 0.05, pruned."""
    panel, accessions = arabidopsis_genotypes(), arabidopsis_accessions()
    rows = accessions["in_1001g"].to_numpy()
    genotypes = panel.genotypes[rows]
    frequencies = genotypes.mean(axis=0)
    common = np.minimum(frequencies, 1 - frequencies) >= MIN_MAF
    genotypes, places = genotypes[:, common], (panel.chromosomes[common], panel.positions[common])
    families = near_identical(genotypes, identity=0.99, ploidy=1)
    kept = ld_prune(genotypes, places[1], places[0])
    return Panel(genotypes[:, kept], accessions[rows], families, *(place[kept] for place in places))


@lru_cache(maxsize=1)
def old_world() -> Panel:
    """The accessions of `thousand_and_one` outside the Americas, one of each family."""
    panel = thousand_and_one()
    first = np.unique(panel.families, return_index=True)[1]
    one = np.isin(np.arange(len(panel.families)), first)
    return panel.take(one & (panel.accessions["longitude"].to_numpy() > -25))


def bar(iterable):
    """Progress that readers see and tests don't."""
    return tqdm(iterable, disable=bool(os.environ.get("GITOOLS_QUIET")))


def simulate_sample(demography, n_people, n_stretches, length, rng, *, min_maf=MIN_MAF) -> Sample:
    """People of several populations at the variants of many short stretches of genome.

    Parameters
    ----------
    demography : msprime.Demography
    n_people : sequence of int
        People drawn from each of its first populations.
    n_stretches : int
    length : float
        Base pairs of a stretch.
    rng : numpy Generator
    min_maf : float

    Returns
    -------
    Sample
    """
    names = [population.name for population in demography.populations]
    seeds = rng.integers(1, 2**31, size=2)
    ancestries = msprime.sim_ancestry(
        samples=dict(zip(names, n_people, strict=False)),
        demography=demography,
        sequence_length=length,
        recombination_rate=RECOMBINATION_RATE,
        num_replicates=n_stretches,
        random_seed=int(seeds[0]),
    )
    rows, positions, stretches = [], [], []
    for stretch, ancestry in enumerate(ancestries):
        found, at = _common_variants(ancestry, int(seeds[1] // 2) + stretch, min_maf)
        rows.append(found)
        positions.append(at)
        stretches.append(np.full(len(at), stretch))
    populations = np.repeat(np.arange(len(n_people)), n_people)
    return Sample(
        np.ascontiguousarray(np.concatenate(rows).T),
        np.concatenate(positions),
        np.concatenate(stretches),
        populations,
    )


def _common_variants(ancestry, seed, min_maf):
    mutated = msprime.sim_mutations(
        ancestry, rate=MUTATION_RATE, model=msprime.BinaryMutationModel(), random_seed=seed
    )
    haplotypes = mutated.genotype_matrix().astype(np.int8)
    dosages = haplotypes[:, 0::2] + haplotypes[:, 1::2]
    frequencies = haplotypes.mean(axis=1)
    kept = np.minimum(frequencies, 1 - frequencies) >= max(min_maf, 1e-9)
    return dosages[kept], mutated.sites_position[kept].astype(np.int64)


def islands(n_islands, fst, size=10_000):
    """Islands that exchange migrants at the rate at which Hudson's FST is `fst`."""
    migration = (n_islands - 1) / (4 * size * n_islands) * (1 - fst) / fst
    # msprime's rate is that of each ordered pair of islands.
    return msprime.Demography.island_model(
        [size] * n_islands, migration_rate=migration / (n_islands - 1)
    )


def chain(n_demes, size, migration):
    """Demes on a line, each exchanging migrants with its neighbours."""
    return msprime.Demography.stepping_stone_model(
        [size] * n_demes, migration_rate=migration, boundaries=True
    )


def simulate_inversion(n_people, n_stretches, length, rng, *, frequency=0.4, share=0.1) -> Sample:
    """One randomly mating population, one stretch of whose genome is inverted in some.

    The two arrangements have not recombined for 40,000 generations, and each chromosome is dealt
    to people at random. The last stretch holds the inversion, `populations` the copies of it.

    Parameters
    ----------
    n_people, n_stretches : int
    length : float
    rng : numpy Generator
    frequency : float
        Of the inverted arrangement.
    share : float
        Share of all variants that lie in the inversion.

    Returns
    -------
    Sample
    """
    whole = simulate_sample(one_population(), [n_people], n_stretches, length, rng)
    n_inverted = round(2 * n_people * frequency)
    split = msprime.Demography()
    for name, size in (("standard", 10_000 * (1 - frequency)), ("inverted", 10_000 * frequency)):
        split.add_population(name=name, initial_size=size)
    split.add_population(name="ancestors", initial_size=10_000)
    split.add_population_split(40_000, derived=["standard", "inverted"], ancestral="ancestors")
    # Samples of ploidy one: each is a chromosome.
    counts = {"standard": 2 * n_people - n_inverted, "inverted": n_inverted}
    ancestry = msprime.sim_ancestry(
        samples=[msprime.SampleSet(n, population=k, ploidy=1) for k, n in counts.items()],
        demography=split,
        sequence_length=300_000,
        recombination_rate=RECOMBINATION_RATE,
        random_seed=int(rng.integers(1, 2**31)),
    )
    mutated = msprime.sim_mutations(
        ancestry,
        rate=MUTATION_RATE,
        model=msprime.BinaryMutationModel(),
        random_seed=int(rng.integers(1, 2**31)),
    )
    dealt = rng.permutation(2 * n_people)
    haplotypes = mutated.genotype_matrix()[:, dealt].astype(np.int8)
    inverted = (dealt >= counts["standard"]).astype(np.int64)
    frequencies = haplotypes.mean(axis=1)
    common = np.flatnonzero(np.minimum(frequencies, 1 - frequencies) >= MIN_MAF)
    wanted = min(len(common), round(share / (1 - share) * whole.dosages.shape[1]))
    common = common[np.linspace(0, len(common) - 1, wanted).astype(int)]
    inside = (haplotypes[common, 0::2] + haplotypes[common, 1::2]).T
    return Sample(
        np.concatenate([whole.dosages, inside], axis=1),
        np.concatenate([whole.positions, mutated.sites_position[common].astype(np.int64)]),
        np.concatenate([whole.stretches, np.full(wanted, n_stretches)]),
        inverted[0::2] + inverted[1::2],
    )


def one_population(size=10_000):
    """A single randomly mating population."""
    return msprime.Demography.isolated_model([size])


def drift_apart(fst, n_variants, n_populations, rng):
    """Allele frequencies (populations, variants) of Balding and Nichols's model, unlinked."""
    ancestral = rng.uniform(0.1, 0.9, n_variants)
    spread = (1 - fst) / fst
    shape = (n_populations, n_variants)
    return rng.beta(ancestral * spread, (1 - ancestral) * spread, shape)


def draw_people(frequencies, ancestry, rng):
    """Dosages of people whose alleles come from populations in the shares `ancestry` (n, K)."""
    expected = np.clip(ancestry @ frequencies, 0, 1)
    return rng.binomial(2, expected).astype(np.int8)


def draw_siblings(frequencies, n_siblings, rng):
    """Children of one couple from a population with allele frequencies (variants,)."""
    parents = rng.random((2, 2, len(frequencies))) < frequencies
    passed = rng.integers(2, size=(n_siblings, 2, len(frequencies)))
    mother = np.where(passed[:, 0] == 0, parents[0, 0], parents[0, 1])
    father = np.where(passed[:, 1] == 0, parents[1, 0], parents[1, 1])
    return mother.astype(np.int8) + father.astype(np.int8)


def fit_by_bic(scores, most, rng, *, n_init=2):
    """The mixture of lowest BIC among 1 to `most` components, and the BICs (most,)."""
    fits = [
        GaussianMixtureEM(
            k, n_init=n_init, tol=1e-5, max_iter=500, floor=1e-3, random_state=rng
        ).fit(scores)
        for k in range(1, most + 1)
    ]
    bics = np.array([fit.bic(scores) for fit in fits])
    return fits[int(bics.argmin())], bics


def class_probabilities(responsibilities, labels):
    """Probability of each class (n, C): each component speaks for the class it holds most of."""
    classes = np.unique(labels)
    held = responsibilities.T @ (labels[:, None] == classes)
    return responsibilities @ (held.argmax(axis=1)[:, None] == np.arange(len(classes)))


def log_loss(probabilities, labels, doubt=0.01):
    """Mean log loss in nats, every answer mixed with a share of uniform doubt."""
    classes, at = np.unique(labels, return_inverse=True)
    hit = probabilities[np.arange(len(labels)), at]
    return float(-np.log((1 - doubt) * hit + doubt / len(classes)).mean())


def known_frequency_posterior(dosages, frequencies):
    """Probability of each population (n, K) for who knows the frequencies, variants unlinked."""
    frequencies = np.clip(frequencies, 1e-9, 1 - 1e-9)
    joint = dosages @ np.log(frequencies).T + (2 - dosages) @ np.log1p(-frequencies).T
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def known_frequency_share(dosages, frequencies, steps=40):
    """Likeliest share (n,) of the second of two populations for who knows their frequencies.

    The log-likelihood is concave in the share, so its slope is halved in on.
    """
    low, high = np.zeros(len(dosages)), np.ones(len(dosages))
    first, second = np.clip(frequencies, 1e-9, 1 - 1e-9)
    for _ in range(steps):
        share = (low + high) / 2
        p = first + share[:, None] * (second - first)
        slope = ((dosages / p - (2 - dosages) / (1 - p)) * (second - first)).sum(axis=1)
        low, high = np.where(slope > 0, share, low), np.where(slope > 0, high, share)
    return (low + high) / 2


def squared_correlation(x, y):
    """Squared correlation of two vectors."""
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def limit_of_correlation(fst, n, p):
    """Squared correlation of the first component with two equal populations, n and p large."""
    signal, aspect = n * fst, n / p
    if signal <= np.sqrt(aspect):
        return 0.0
    return 1 - aspect * (1 + signal) / (signal * (signal + aspect))


def quadratic_r2(x, y):
    """Share of the variance of y that a parabola in x explains."""
    residual = y - np.polyval(np.polyfit(x, y, 2), x)
    return float(1 - residual.var() / y.var())


def matched(responsibilities, labels):
    """Responsibilities (n, C) of as many components as classes, columns in order of classes."""
    held = responsibilities.T @ (labels[:, None] == np.unique(labels))
    component, at = linear_sum_assignment(-held)
    return responsibilities[:, component[np.argsort(at)]]


def read_table(path):
    """The replicate studies' table, settings as text."""
    return pd.read_csv(path, dtype={"setting": str}, keep_default_na=False)


def values_of(table, study, quantity, setting=""):
    """One value a data set, in order of replicates."""
    chosen = (table["study"] == study) & (table["quantity"] == quantity)
    rows = table[chosen & (table["setting"] == setting)]
    if rows.empty:
        raise ValueError(f"table: holds no {quantity!r} of {study!r} with the setting {setting!r}")
    return rows.sort_values("replicate")["value"].to_numpy(dtype=float)


def two_errors(values):
    """Two standard errors of a mean."""
    return 2 * np.std(values, ddof=1) / np.sqrt(len(values))


def great_circle(latitude, longitude):
    """Distances (n, n) in kilometres on a sphere, from degrees."""
    phi, theta = np.radians(latitude), np.radians(longitude)
    places = np.column_stack(
        [np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)]
    )
    return 6371 * np.arccos(np.clip(places @ places.T, -1, 1))


def share_that_differs(genotypes):
    """Share of variants (n, n) at which two inbred lines differ."""
    X = np.asarray(genotypes, dtype=np.float32)
    counts = X.sum(axis=1)
    return (counts[:, None] + counts - 2 * (X @ X.T)) / X.shape[1]


def predict_in_folds(predictors, y, folds):
    """Linear predictions (n,) of each fold from the others."""
    A, predicted = np.column_stack([np.ones(len(y)), predictors]), np.empty(len(y))
    for fold in np.unique(folds):
        test = folds == fold
        predicted[test] = A[test] @ np.linalg.lstsq(A[~test], y[~test], rcond=None)[0]
    return predicted


def fold_cells(latitude, longitude, n_folds, rng):
    """A fold (n,) for each plant; plants of one cell of a degree share it."""
    cells = np.floor(np.column_stack([latitude, longitude]))
    cell = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
    return rng.permutation(cell.max() + 1)[cell] % n_folds


def correlations_within(genetic, distance, groups, names, rng=None):
    """Spearman's correlation of two distances over pairs within each group (len(names),).

    With a Generator the plants of a group swap places first: the null.
    """
    found = []
    for name in names:
        rows = np.flatnonzero(groups == name)
        places = rows if rng is None else rng.permutation(rows)
        i, j = np.triu_indices(len(rows), 1)
        found.append(spearmanr(genetic[rows[i], rows[j]], distance[places[i], places[j]]).statistic)
    return np.array(found)


def excess_by_distance(differ, distance, groups, edges):
    """Mean share of variants that differ, less its mean in the pair of groups, by distance.

    Parameters
    ----------
    differ, distance : float arrays of shape (n, n)
    groups : array of shape (n,)
        Pairs with "admixed" are left out.
    edges : array of shape (m + 1,)
        Bins of distance.

    Returns
    -------
    dict of str to ndarray of shape (m,)
        For pairs of one group and of two; NaN in a bin without pairs.
    """
    i, j = np.triu_indices(len(groups), 1)
    known = (groups[i] != "admixed") & (groups[j] != "admixed")
    i, j = i[known], j[known]
    labels = np.unique(groups, return_inverse=True)[1]
    low, high = np.minimum(labels[i], labels[j]), np.maximum(labels[i], labels[j])
    pairs = pd.DataFrame({"pair": low * len(groups) + high, "differ": differ[i, j]})
    excess = pairs["differ"] - pairs.groupby("pair")["differ"].transform("mean")
    bins = np.digitize(distance[i, j], edges) - 1
    named = {"pairs of one group": low == high, "pairs of two groups": low != high}
    return {
        name: excess[chosen].groupby(bins[chosen]).mean().reindex(range(len(edges) - 1)).to_numpy()
        for name, chosen in named.items()
    }
