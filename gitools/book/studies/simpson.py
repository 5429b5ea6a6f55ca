"""Studies of the chapter on population structure and prediction: one simulated panel at a time."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.stats import norm, wilcoxon

from gitools.structure import grouped_folds, random_folds, spatial_folds

COUNTRY_SHARE = 0.3
MIN_SIZE, MIN_CELL, N_FOLDS = 15, 3, 3
SCHEMES = ("random", "countries", "blocks")
_GRID = np.linspace(0.04, 0.96, 12)
_EARTH_KM = 6_371.0


class Data(NamedTuple):
    """A panel, its measured traits [n, T] and the kinships made from variants and from counts."""

    panel: NamedTuple
    Y: np.ndarray
    genetic: np.ndarray
    kinship: np.ndarray
    tensor_kinship: np.ndarray


def null_traits(country, n_traits, rng, shared=0.0) -> np.ndarray:
    """Traits [n, T] with country effects and no genetics; `shared`: correlation of their noise."""
    noise = rng.standard_normal((len(country), n_traits))
    common = rng.standard_normal((len(country), 1))
    noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * noise
    effects = rng.standard_normal((country.max() + 1, n_traits))
    return np.sqrt(COUNTRY_SHARE) * effects[country] + np.sqrt(1 - COUNTRY_SHARE) * noise


def folds_of(scheme, panel, rng, k=N_FOLDS) -> np.ndarray:
    """Folds at random, of whole countries, or of whole blocks of the map 500 km wide."""
    if scheme == "random":
        return random_folds(len(panel.country), k, rng)
    if scheme == "countries":
        return grouped_folds(panel.country, k, rng)
    return spatial_folds(panel.coordinates, k, rng)


def gblup_many(K, Y, train, test, covariates=None) -> np.ndarray:
    """GBLUP of complete traits [n, T], each with its REML heritability on a grid of twelve.

    One Cholesky factor a grid point serves all traits, which costs less than eigenvectors.
    """
    W = np.column_stack([np.ones(len(K)), *([] if covariates is None else [covariates])])
    inner, between = K[np.ix_(train, train)], K[np.ix_(test, train)]
    q, eye = W.shape[1], np.eye(len(train))
    best = np.full(Y.shape[1], -np.inf)
    predictions = np.empty((len(test), Y.shape[1]))
    for h in _GRID:
        factor = cholesky(h * inner + (1 - h) * eye, lower=True, check_finite=False)
        both = solve_triangular(factor, np.hstack([W, Y])[train], lower=True, check_finite=False)
        w, y = both[:, :q], both[:, q:]
        gram = w.T @ w
        a = np.linalg.solve(gram, w.T @ y)
        residual = y - w @ a
        rss = (residual**2).sum(axis=0)
        penalty = 2 * np.log(np.diag(factor)).sum() + np.linalg.slogdet(gram)[1]
        fit = -0.5 * ((len(train) - q) * np.log(rss) + penalty)
        better = fit > best
        best[better] = fit[better]
        alpha = solve_triangular(
            factor, residual[:, better], lower=True, trans="T", check_finite=False
        )
        predictions[:, better] = W[test] @ a[:, better] + h * (between @ alpha)
    return predictions


def smoother(K, folds, h=0.5) -> np.ndarray:
    """Matrix S [n, n] for which S @ Y are out-of-fold GBLUP predictions at heritability h."""
    S = np.zeros((len(K), len(K)))
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        V = h * K[np.ix_(train, train)] + (1 - h) * np.eye(len(train))
        inverse = np.linalg.inv(V)
        mean = inverse.sum(axis=0) / inverse.sum()
        residual = np.eye(len(train)) - mean
        S[np.ix_(test, train)] = mean + h * K[np.ix_(test, train)] @ inverse @ residual
    return S


def great_circle(coordinates) -> np.ndarray:
    """Distances [n, n] in kilometres between places given in degrees."""
    lat, lon = np.radians(coordinates).T
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    return _EARTH_KM * np.arccos(np.clip(points @ points.T, -1, 1))


def place_kernel(coordinates, length_km=300.0) -> np.ndarray:
    """Exponential kernel of distance [n, n]: what a smooth map of the trait would know."""
    return np.exp(-great_circle(coordinates) / length_km)


def out_of_fold(fit_predict, n_traits, folds) -> np.ndarray:
    """Predictions [n, T] of each fold by ``fit_predict(train, test)`` on the others."""
    found = np.empty((len(folds), n_traits))
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        found[test] = fit_predict(train, test)
    return found


def group_means(Y, groups, train, test) -> np.ndarray:
    """Mean of the training rows of the same group; of all of them where it has none."""
    found = np.tile(Y[train].mean(axis=0), (len(test), 1))
    for group in np.unique(groups[train]):
        found[groups[test] == group] = Y[train[groups[train] == group]].mean(axis=0)
    return found


def column_correlations(A, B) -> np.ndarray:
    """Pearson r of each pair of columns [T]; NaN where one is constant."""
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    scale = np.sqrt((A**2).sum(axis=0) * (B**2).sum(axis=0))
    ok = scale > 1e-10 * len(A)
    return np.divide((A * B).sum(axis=0), scale, out=np.full(A.shape[1], np.nan), where=ok)


def cell_scores(Y, P, groups, folds, min_size=MIN_SIZE, min_cell=MIN_CELL) -> np.ndarray:
    """`per_fold_within` for complete traits [n, T], all columns at once."""
    means = []
    for group in np.flatnonzero(np.bincount(groups) > min_size):
        r, weights = [], []
        for fold in np.unique(folds):
            cell = np.flatnonzero((groups == group) & (folds == fold))
            if len(cell) >= min_cell:
                r.append(column_correlations(Y[cell], P[cell]))
                weights.append(len(cell) - 1.0)
        r, weights = np.array(r), np.array(weights)[:, None] * np.ones(Y.shape[1])
        weights[np.isnan(r)] = 0
        total = weights.sum(axis=0)
        sums = (np.nan_to_num(r) * weights).sum(axis=0)
        means.append(np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0))
    means = np.array(means)
    defined = (~np.isnan(means)).sum(axis=0)
    sums = np.nansum(means, axis=0)
    return np.divide(sums, defined, out=np.full(len(sums), np.nan), where=defined > 0)


def group_correlations(Y, P, groups, min_size=MIN_SIZE) -> np.ndarray:
    """r of each large group over all its rows, [groups, T]: folds pooled, as the source did."""
    large = np.flatnonzero(np.bincount(groups) > min_size)
    return np.array([column_correlations(Y[groups == g], P[groups == g]) for g in large])


def between_parts(Y, P, groups) -> tuple[np.ndarray, np.ndarray]:
    """Within and between term [T] of the pooled correlation."""
    counts = np.bincount(groups)[:, None]
    parts = []
    for M in (Y - Y.mean(axis=0), P - P.mean(axis=0)):
        means = np.zeros((len(counts), M.shape[1]))
        np.add.at(means, groups, M)
        parts.append((M, (means / np.maximum(counts, 1))[groups]))
    (y, ym), (p, pm) = parts
    scale = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    between = (ym * pm).sum(axis=0) / scale
    return (y * p).sum(axis=0) / scale - between, between


def score(Y, P, groups, folds) -> dict[str, float]:
    """Mean scores over traits, and the share of traits whose sign turns round within groups."""
    pooled = column_correlations(Y, P)
    within = cell_scores(Y, P, groups, folds)
    parts = between_parts(Y, P, groups)
    naive = group_correlations(Y, P, groups)
    naive = naive[np.isfinite(naive)]
    return {
        "pooled": np.nanmean(pooled),
        "within": np.nanmean(within) if np.isfinite(within).any() else np.nan,
        "within_term": np.nanmean(parts[0]),
        "between_term": np.nanmean(parts[1]),
        "folds_pooled": naive.mean() if naive.size else np.nan,
        "reversed": float(np.mean((pooled > 0.1) & (within < -0.1))),
    }


def selected_genes(data, Y, folds, inside, n_genes=20) -> np.ndarray:
    """Ridge on the genes that go best with a trait [n], chosen in training or over all plants.

    The ridge is that of half the variance in the chosen genes.
    """
    load = data.panel.tensor.sum(axis=2).astype(float)
    load = load[:, load.std(axis=0) > 0]
    found = np.empty_like(Y)
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        rows = train if inside else np.arange(len(Y))
        a, b = (M[rows] - M[rows].mean(axis=0) for M in (load, Y))
        r = np.abs(a.T @ b) / np.sqrt((a**2).sum(axis=0))[:, None]
        for t in range(Y.shape[1]):
            Z = load[:, np.argsort(-r[:, t])[:n_genes]]
            Z = Z - Z[train].mean(axis=0)
            y, penalty = Y[train, t] - Y[train, t].mean(), (Z[train] ** 2).sum() / len(train)
            inner = Z[train].T @ Z[train] + penalty * np.eye(Z.shape[1])
            found[test, t] = Y[train, t].mean() + Z[test] @ np.linalg.solve(inner, Z[train].T @ y)
    return found


def breeder(data, new, rng) -> dict[str, float]:
    """What two cross-validations promise of GBLUP, and what a new country then gets of it."""
    country, Y, K = data.panel.country, data.Y, data.kinship
    old, target = np.flatnonzero(country != new), np.flatnonzero(country == new)
    found = {}
    for scheme in ("random", "countries"):
        folds = (
            random_folds(len(old), 5, rng)
            if scheme == "random"
            else grouped_folds(country[old], 5, rng)
        )
        inner = K[np.ix_(old, old)]
        P = out_of_fold(lambda a, b, k=inner: gblup_many(k, Y[old], a, b), Y.shape[1], folds)
        found[scheme] = float(np.nanmean(cell_scores(Y[old], P, country[old], folds)))
        if scheme == "random":
            pooled = column_correlations(Y[old], P)
    P = gblup_many(K, Y, old, target)
    found["new country"] = float(np.nanmean(column_correlations(Y[target], P)))
    intensity = norm.pdf(norm.ppf(0.8)) / 0.2
    n_best = max(1, round(len(target) / 5))
    best = np.argsort(-P, axis=0)[:n_best]
    gain = np.take_along_axis(Y[target], best, axis=0).mean(axis=0) - Y[target].mean(axis=0)
    found["pooled"] = float(np.nanmean(pooled))
    found["promised gain"] = float(np.mean(intensity * pooled * Y[old].std(axis=0)))
    found["realised gain"] = float(gain.mean())
    return found


def objectives(K, rng, n_environments=6, n_traits=10) -> dict[str, float]:
    """r within environments for old and new lines in old and new environments.

    Values are g + (g x environment) + noise with variances 0.3, 0.15 and 0.55; the variances are
    known to the model. A fifth of the lines and the last environment are new; a fifth of the old
    cells is left out and predicted.
    """
    n, variances = len(K), (0.3, 0.15, 0.55)
    L = np.linalg.cholesky(K + 1e-6 * np.eye(n))
    main = L @ rng.standard_normal((n, n_traits)) * np.sqrt(variances[0])
    special = np.stack(
        [L @ rng.standard_normal((n, n_traits)) for _ in range(n_environments)], axis=1
    )
    Y = main[:, None] + np.sqrt(variances[1]) * special
    Y = Y + np.sqrt(variances[2]) * rng.standard_normal(Y.shape)
    new_line = np.zeros(n, dtype=bool)
    new_line[rng.permutation(n)[: n // 5]] = True
    line, environment = (a.ravel() for a in np.mgrid[:n, :n_environments])
    new_environment = environment == n_environments - 1
    held = rng.random(len(line)) < 0.2
    seen = np.flatnonzero(~new_line[line] & ~new_environment & ~held)
    alike = environment[:, None] == environment[seen]
    C = K[np.ix_(line, line[seen])] * (variances[0] + variances[1] * alike)
    V = C[seen] + variances[2] * np.eye(len(seen))
    values = Y.reshape(-1, n_traits)
    P = C @ np.linalg.solve(V, values[seen])
    cells = {
        "old lines, old environments": ~new_line[line] & ~new_environment & held,
        "old lines, new environment": ~new_line[line] & new_environment,
        "new lines, old environments": new_line[line] & ~new_environment,
        "new lines, new environment": new_line[line] & new_environment,
    }
    return {
        name: float(
            np.mean(
                [
                    column_correlations(
                        values[cell & (environment == e)], P[cell & (environment == e)]
                    )
                    for e in np.unique(environment[cell])
                ]
            )
        )
        for name, cell in cells.items()
    }


def permuted_within(groups, n_draws, rng) -> np.ndarray:
    """Row orders [draws, n] that shuffle the rows of each group among themselves."""
    orders = np.tile(np.arange(len(groups)), (n_draws, 1))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        orders[:, rows] = rng.permuted(np.tile(rows, (n_draws, 1)), axis=1)
    return orders


def permutation_p_values(data, rng, n_traits=40, n_draws=199) -> np.ndarray:
    """p-values of the within-country score of traits without genetics, labels permuted."""
    country = data.panel.country
    Y = null_traits(country, n_traits, rng)
    folds = random_folds(len(Y), 5, rng)
    S = smoother(data.kinship, folds)
    observed = cell_scores(Y, S @ Y, country, folds)
    above = np.ones(n_traits)
    for order in permuted_within(country, n_draws, rng):
        shuffled = Y[order]
        above += cell_scores(shuffled, S @ shuffled, country, folds) >= observed
    return above / (n_draws + 1)


def field_score(data, rng, n_traits=20) -> float:
    """r within countries by GBLUP of traits made by soil alone, a smooth map 300 km across."""
    places = data.panel.coordinates
    L = np.linalg.cholesky(place_kernel(places) + 1e-6 * np.eye(len(places)))
    field = L @ rng.standard_normal((len(places), n_traits))
    Y = np.sqrt(0.5) * field + np.sqrt(0.5) * rng.standard_normal(field.shape)
    folds = random_folds(len(Y), 5, rng)
    P = out_of_fold(lambda a, b: gblup_many(data.kinship, Y, a, b), n_traits, folds)
    return float(np.nanmean(cell_scores(Y, P, data.panel.country, folds)))


def overcounting_p_value(data, rng) -> float:
    """Wilcoxon's p over 36 correlated null traits x countries, GBLUP against a map."""
    country = data.panel.country
    Y = null_traits(country, 36, rng, shared=0.5)
    folds = random_folds(len(Y), 5, rng)
    scores = [
        group_correlations(Y, smoother(K, folds) @ Y, country).ravel()
        for K in (data.kinship, place_kernel(data.panel.coordinates))
    ]
    return float(wilcoxon(scores[0], scores[1]).pvalue)


def leading_components(K, n_components=20) -> np.ndarray:
    """Leading eigenvectors of a kinship, scaled by the roots of their eigenvalues."""
    d, U = np.linalg.eigh(K)
    return U[:, -n_components:] * np.sqrt(np.maximum(d[-n_components:], 0))
