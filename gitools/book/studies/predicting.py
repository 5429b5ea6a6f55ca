"""Scores of predicted traits on many simulated panels: pooling, ceilings, leaks, and a null."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.association.mixed_model import gblup, kinship, reml
from gitools.simulate.plants import simulate_ionome, simulate_plants
from gitools.structure import grouped_folds, per_fold_within, random_folds

N_PLANTS, N_GENES, N_TRAITS, N_FOLDS = 300, 200, 12, 5
MIN_SIZE, MIN_CELL = 15, 3
MIN_MAF = 0.05
RELIABILITIES = (0.1, 0.2, 0.4, 0.6, 0.8)
N_BEST = 50


class Panel(NamedTuple):
    """What a study needs of a panel; names as in `gitools.simulate.PlantPanel`."""

    plants: object
    common: np.ndarray
    K: np.ndarray
    folds: np.ndarray


def read_table(path) -> pd.DataFrame:
    """The committed table, one row a panel and measure."""
    return pd.read_csv(path)


def values_of(table, study, measure) -> np.ndarray:
    """One value a replicate, in the order of replicates."""
    rows = table[(table.study == study) & (table.measure == measure)]
    if rows.empty:
        raise ValueError(f"measure: got {study!r}, {measure!r}, expected one of the table's")
    return rows.sort_values("replicate").value.to_numpy()


def two_errors(values) -> float:
    """Two standard errors of the mean."""
    return float(2 * np.std(values, ddof=1) / np.sqrt(len(values)))


def draw_panel(rng, n_plants=N_PLANTS, n_genes=N_GENES) -> Panel:
    """Plants, their common variants, kinship, and random folds."""
    plants = simulate_plants(n_plants, n_genes, random_state=rng)
    frequency = plants.variants.mean(axis=0)
    common = plants.variants[:, np.minimum(frequency, 1 - frequency) >= MIN_MAF]
    return Panel(plants, common, kinship(common), random_folds(n_plants, N_FOLDS, rng))


def out_of_fold(K, Y, folds, covariates=None) -> np.ndarray:
    """GBLUP of each fold from the others, REML in training; shape of Y."""
    predictions = np.empty_like(Y)
    for k in np.unique(folds):
        predictions[folds == k] = gblup(K, Y, folds != k, folds == k, covariates)
    return predictions


def columnwise_correlation(A, B) -> np.ndarray:
    """Pearson correlation of each column of A with that of B; 0 where a column is constant."""
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    norms = np.sqrt((A**2).sum(axis=0) * (B**2).sum(axis=0))
    return np.divide((A * B).sum(axis=0), norms, out=np.zeros(len(norms)), where=norms > 1e-12)


def source_score(Y, predictions, countries, min_size=MIN_SIZE) -> np.ndarray:
    """Correlation within each large country, folds pooled, averaged over countries; one a trait."""
    large = np.flatnonzero(np.bincount(countries) > min_size)
    found = [columnwise_correlation(Y[countries == c], predictions[countries == c]) for c in large]
    return np.mean(found, axis=0)


def cell_score(Y, predictions, countries, folds) -> np.ndarray:
    """The same number as `per_fold_within`, for many columns at once."""
    means = []
    for c in np.flatnonzero(np.bincount(countries) > MIN_SIZE):
        cells = [np.flatnonzero((countries == c) & (folds == k)) for k in np.unique(folds)]
        cells = [cell for cell in cells if len(cell) >= MIN_CELL]
        r = [columnwise_correlation(Y[cell], predictions[cell]) for cell in cells]
        means.append(np.average(r, axis=0, weights=[len(cell) - 1.0 for cell in cells]))
    return np.mean(means, axis=0)


def group_means(Y, groups) -> np.ndarray:
    """Mean of each group, at each of its rows."""
    indicator = np.eye(groups.max() + 1)[groups]
    return indicator @ ((indicator / indicator.sum(axis=0)).T @ Y)


def within_variance(Y, groups) -> np.ndarray:
    """Sum of squares around group means over rows - groups."""
    return ((Y - group_means(Y, groups)) ** 2).sum(axis=0) / (len(Y) - np.unique(groups).size)


def within_correlation(A, B, groups) -> np.ndarray:
    """Correlation of the deviations from group means, all groups together."""
    return columnwise_correlation(A - group_means(A, groups), B - group_means(B, groups))


def training_means(Y, folds, countries=None) -> np.ndarray:
    """For each plant the mean of the plants (of its country) outside its fold."""
    groups = np.zeros(len(Y), dtype=int) if countries is None else countries
    overall = np.empty_like(Y)
    for k in np.unique(folds):
        train = folds != k
        indicator = np.eye(groups.max() + 1)[groups[train]]
        counts = indicator.sum(axis=0)
        sums = indicator.T @ Y[train]
        # A country without any plant in training gets the mean of all.
        means = np.where(
            counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], Y[train].mean(axis=0)
        )
        overall[~train] = means[groups[~train]]
    return overall


def shuffle_within(Y, groups, rng) -> np.ndarray:
    """Rows of Y in random order within each group; each column is shuffled on its own."""
    shuffled = np.array(Y)
    for c in np.unique(groups):
        rows = np.flatnonzero(groups == c)
        shuffled[rows] = rng.permuted(shuffled[rows], axis=0)
    return shuffled


def study_base(panel: Panel, rng) -> dict:
    """Scores of GBLUP and of the country mean, REML's heritability, and the same for a null."""
    plants, K, folds = panel.plants, panel.K, panel.folds
    country = plants.country
    traits = simulate_ionome(plants, n_traits=N_TRAITS, n_auxiliary=0, random_state=rng)
    Y = traits.means
    null = shuffle_within(Y, country, rng)
    found = {}
    for name, truth, P in (
        ("gblup", Y, out_of_fold(K, Y, folds)),
        ("null", null, out_of_fold(K, null, folds)),
        ("country mean", Y, training_means(Y, folds, country)),
    ):
        found[f"{name}, all plants"] = columnwise_correlation(truth, P).mean()
        found[f"{name}, source's score"] = source_score(truth, P, country).mean()
        if name != "country mean":
            mended = per_fold_within(truth, P, country, folds, min_size=MIN_SIZE, min_cell=MIN_CELL)
            found[f"{name}, per fold"] = mended.mean()
    return found | heritability_errors(K, traits, country)


def heritability_errors(K, traits, country) -> dict:
    """Mean estimate and mean truth of the genetic share within countries, of the means."""
    estimates = [within_heritability(K, y, country) for y in traits.means.T]
    genetic = within_variance(traits.genetic, country)
    truth = genetic / (genetic + traits.noise_variance / traits.replicates.shape[2])
    return {"heritability, estimate": np.mean(estimates), "heritability, truth": truth.mean()}


def within_heritability(K, y, country) -> float:
    """Share of the genetic variance within countries by REML with countries as fixed effects."""
    dummies = np.eye(country.max() + 1)[country][:, 1:]
    fit = reml(y, K, dummies)
    centred = K - group_means(K, country)
    centred -= group_means(centred.T, country).T
    spread = np.trace(centred) / (len(y) - np.unique(country).size)
    genetic = fit.genetic_variance * spread
    return genetic / (genetic + fit.noise_variance)


def study_ceilings(panel: Panel, reliability: float, rng) -> dict:
    """Correlations within countries of a second experiment, of the genes, and of GBLUP."""
    plants, country = panel.plants, panel.plants.country
    m = 6
    one = reliability / (reliability + m * (1 - reliability))
    traits = simulate_ionome(
        plants, n_traits=N_TRAITS, n_auxiliary=0, heritability=one, n_replicates=m, random_state=rng
    )
    Y, V_e = traits.means, traits.noise_variance
    noise = np.sqrt(V_e / m) * rng.standard_normal(Y.shape)
    second = traits.genetic + traits.country_effects[country] + noise
    V_g = within_variance(traits.genetic, country)
    estimated = estimated_reliability(traits.replicates, country)
    true = V_g / (V_g + V_e / m)
    P = out_of_fold(panel.K, Y, panel.folds)
    score = per_fold_within(Y, P, country, panel.folds, min_size=MIN_SIZE, min_cell=MIN_CELL)
    return {
        f"reliability {reliability}, second": within_correlation(Y, second, country).mean(),
        f"reliability {reliability}, genes": within_correlation(Y, traits.genetic, country).mean(),
        f"reliability {reliability}, truth": true.mean(),
        f"reliability {reliability}, squared error": np.mean((estimated - true) ** 2),
        f"reliability {reliability}, gblup": score.mean(),
        f"reliability {reliability}, gblup above": np.mean(score > true),
    }


def estimated_reliability(replicates, groups) -> np.ndarray:
    """Reliability of the means within groups, from replicates [n, T, m]; cut off at 0."""
    noise = replicates.var(axis=2, ddof=1).mean(axis=0) / replicates.shape[2]
    return np.maximum(0, 1 - noise / within_variance(replicates.mean(axis=2), groups))


def study_selection(panel: Panel, rng, n_traits=4) -> dict:
    """Per-fold correlation of noise with its prediction from the best variants."""
    Y = rng.standard_normal((len(panel.folds), n_traits))
    found = {}
    for where in ("outside", "inside"):
        P = np.column_stack(
            [predict_selected(panel.common, y, panel.folds, where == "inside") for y in Y.T]
        )
        r = [columnwise_correlation(Y[panel.folds == k], P[panel.folds == k]) for k in range(5)]
        found[f"selection {where}"] = np.mean(r)
    return found


def predict_selected(X, y, folds, inside, n_best=N_BEST) -> np.ndarray:
    """Ridge on the variants most correlated with y, chosen inside the folds or before them."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    predictions = np.empty(len(y))
    best = _best(Z, y, n_best)
    for k in np.unique(folds):
        train = folds != k
        if inside:
            best = _best(Z[train], y[train], n_best)
        A = Z[np.ix_(train, best)]
        effects = np.linalg.solve(
            A.T @ A + len(best) * np.eye(len(best)), A.T @ (y[train] - y[train].mean())
        )
        predictions[~train] = y[train].mean() + Z[np.ix_(~train, best)] @ effects
    return predictions


def _best(Z, y, n_best):
    return np.argsort(-np.abs(Z.T @ (y - y.mean())))[:n_best]


def study_relatives(panel: Panel, rng) -> dict:
    """GBLUP where half of the plants are copies of the other half, copies apart or together."""
    n = len(panel.folds)
    chosen = rng.permutation(n)[: n // 2]
    rows = np.concatenate([chosen, chosen])
    traits = simulate_ionome(panel.plants, n_traits=N_TRAITS, n_auxiliary=0, random_state=rng)
    country = panel.plants.country[rows]
    mean = traits.genetic + traits.country_effects[panel.plants.country]
    Y = mean[rows] + np.sqrt(traits.noise_variance / 6) * rng.standard_normal((n, N_TRAITS))
    K = kinship(varying(panel.common[rows]))
    found = {}
    for name, folds in (
        ("random", random_folds(n, N_FOLDS, rng)),
        ("copies together", grouped_folds(rows, N_FOLDS, rng)),
    ):
        P = out_of_fold(K, Y, folds)
        score = per_fold_within(Y, P, country, folds, min_size=MIN_SIZE, min_cell=MIN_CELL)
        found[f"relatives, {name}"] = score.mean()
    return found


def varying(X) -> np.ndarray:
    """Columns that vary."""
    return X[:, X.max(axis=0) > X.min(axis=0)]


def study_permutations(panel: Panel, rng, n_traits=10, n_permutations=99) -> np.ndarray:
    """p-values of a permutation test within countries for traits without any genetic part."""
    country, folds = panel.plants.country, panel.folds
    S = prediction_map(panel.K, folds, 0.5)
    effects = rng.standard_normal((country.max() + 1, n_traits))
    Y = np.sqrt(0.2) * effects[country] + np.sqrt(0.8) * rng.standard_normal((300, n_traits))
    p = []
    for y in Y.T:
        many = np.column_stack(
            [y, shuffle_within(np.tile(y[:, None], n_permutations), country, rng)]
        )
        scores = cell_score(many, S @ many, country, folds)
        p.append(np.mean(scores >= scores[0]))
    return np.array(p)


def prediction_map(K, folds, h) -> np.ndarray:
    """Matrix that turns a trait into its out-of-fold GBLUP at heritability h; shape (n, n)."""
    n = len(K)
    S = np.zeros((n, n))
    for k in np.unique(folds):
        train, test = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
        V = h * K[np.ix_(train, train)] + (1 - h) * np.eye(len(train))
        ones = np.ones((len(train), 1))
        inverse = np.linalg.inv(V)
        mean = (ones.T @ inverse) / (ones.T @ inverse @ ones)
        centred = np.eye(len(train)) - ones @ mean
        S[np.ix_(test, train)] = mean + h * K[np.ix_(test, train)] @ inverse @ centred
    return S


def study_map(rng, n_neighbours, n_sets=50) -> dict:
    """The source's score of k nearest neighbours on a map without signal within countries."""
    plants = simulate_plants(998, 10, keep_variants=False, random_state=rng)
    country = plants.country
    north = plants.coordinates[:, 0]
    east = plants.coordinates[:, 1] * np.cos(np.radians(north))
    order = np.argsort((north[:, None] - north) ** 2 + (east[:, None] - east) ** 2, axis=1)[:, 1:]
    effects = rng.standard_normal((country.max() + 1, n_sets))
    Y = np.sqrt(0.2) * effects[country] + np.sqrt(0.8) * rng.standard_normal((998, n_sets))
    found = {k: [] for k in n_neighbours}
    for y in Y.T:
        folds = random_folds(998, N_FOLDS, rng)
        # Neighbours in the plant's own fold are skipped, not counted.
        usable = folds[order] != folds[:, None]
        sums = np.cumsum(np.where(usable, y[order], 0.0), axis=1)
        rank = np.cumsum(usable, axis=1)
        for k in n_neighbours:
            last = np.argmax(rank >= k, axis=1)
            mean = sums[np.arange(998), last] / k
            found[k].append(source_score(y[:, None], mean[:, None], country, 50)[0])
    return {f"map, {k} neighbours": np.mean(found[k]) for k in n_neighbours}
