"""Scores, nulls and tables of the comparison of models on simulated ionomes (chapter 56).

Source of the printed table: Raimondi, D. et al. (2024), Scientific Reports 14,
doi 10.1038/s41598-024-63855-6, Table 1.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.association.mixed_model import kinship
from gitools.book.studies.simpson import smoother
from gitools.simulate.plants import simulate_plants

PRINTED = pd.DataFrame(
    [
        ("Galiana", 0.202, 0.079, 0.196, 0.090, 1_443_747),
        ("transf50", 0.202, 0.085, 0.217, 0.093, 1_443_747),
        ("transf30", 0.180, 0.070, 0.225, 0.091, 1_443_747),
        ("frozen200", 0.095, 0.069, 0.100, 0.055, 17_836),
        ("frozen500", 0.105, 0.065, 0.138, 0.057, 44_536),
        ("BMSNN100", 0.173, 0.084, 0.216, 0.083, 163_996),
        ("BMSNN50", 0.172, 0.083, 0.182, 0.097, 98_396),
        ("GPSNN", -0.012, 0.075, 0.021, 0.051, 21_036),
    ],
    columns=["model", "seed", "seed_sd", "leaf", "leaf_sd", "weights"],
).set_index("model")
"""The paper's table: mean correlations over 18 elements, their deviations, numbers of weights."""

PRINTED_COUNTRIES = (243, 180, 123, 118, 73, 69, 60)
"""Plants in each of the seven countries that the paper scores, as printed."""

N_SCORED = 7
_ROUNDING = 1e-12


def country_scores(Y, prediction, country, *, folds=None, n_scored=N_SCORED) -> np.ndarray:
    """Correlation of each trait with its prediction within each of the largest countries.

    Parameters
    ----------
    Y, prediction : float arrays of shape (n, T)
        Measured and predicted values, none missing, in any unit.
    country : int array of shape (n,)
        Country of each plant; those that are scored are 0 to ``n_scored`` - 1.
    folds : int array of shape (n,), optional
        Fold in which each plant was held out. With it, values and predictions are centred in each
        cell of country and fold first, so that what a fold's training mean does to the level of
        its predictions is no part of the score. Without it, folds are pooled, as in the paper.
    n_scored : int
        Countries that are scored.

    Returns
    -------
    float array of shape (n_scored, T)
        NaN where values or predictions do not vary, up to rounding.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, or a scored country has fewer than 3 plants.
    """
    Y, prediction = _two_matrices(Y, prediction)
    country = _labels(country, "country", len(Y))
    folds = None if folds is None else _labels(folds, "folds", len(Y))
    scores = np.empty((n_scored, Y.shape[1]))
    for c in range(n_scored):
        rows = np.flatnonzero(country == c)
        if len(rows) < 3:
            raise ValueError(f"country: got {len(rows)} plants of country {c}, expected 3 or more")
        cells = np.zeros(len(rows), dtype=int) if folds is None else folds[rows]
        scores[c] = _correlate(centre(Y[rows], cells), centre(prediction[rows], cells))
    return scores


def centre(values, cells) -> np.ndarray:
    """Deviations of each column from its mean in each cell.

    Parameters
    ----------
    values : float array of shape (n, T)
    cells : int array of shape (n,)
        At least 0.

    Returns
    -------
    float array of shape (n, T)
        Exactly 0 where a cell's values are equal up to rounding.
    """
    values = np.asarray(values, dtype=float)
    sums = np.zeros((np.max(cells) + 1, values.shape[1]))
    np.add.at(sums, cells, values)
    counts = np.maximum(np.bincount(cells), 1)[:, None]
    away = values - (sums / counts)[cells]
    return np.where(np.abs(away) <= _ROUNDING * np.abs(values), 0.0, away)


def trait_scores(Y, prediction, country, *, folds=None, n_scored=N_SCORED) -> np.ndarray:
    """Mean over countries of `country_scores`; a country without a defined one is left out.

    Returns
    -------
    float array of shape (T,)
        NaN where no country has a defined correlation.
    """
    scores = country_scores(Y, prediction, country, folds=folds, n_scored=n_scored)
    defined = np.isfinite(scores)
    total = np.where(defined, scores, 0.0).sum(axis=0)
    counts = defined.sum(axis=0)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def permute_within(labels, *, random_state=None) -> np.ndarray:
    """A permutation of rows that leaves each row's label as it is.

    Parameters
    ----------
    labels : int array of shape (n,)
        Rows move among those of their own label only.
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    int array of shape (n,)
        Row k of the permuted data is row ``result[k]`` of the data.
    """
    rng = np.random.default_rng(random_state)
    labels = np.asarray(labels)
    order = np.arange(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        order[rows] = rng.permutation(rows)
    return order


def permutation_p_values(
    Y, prediction, country, folds, *, n_permutations=199, n_scored=N_SCORED, random_state=None
) -> np.ndarray:
    """P-value of each trait's score: how often do shuffled plants do as well?

    Held-out plants of one country and one fold are exchangeable if nothing is predicted, so for a
    single fold the test is exact. For several it is an approximation: a shuffled plant would have
    changed the predictions of the other folds, and nothing is trained again.

    Parameters
    ----------
    Y, prediction : float arrays of shape (n, T)
    country, folds : int arrays of shape (n,)
    n_permutations, n_scored : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    float array of shape (T,)
        (1 + number of permuted scores at least as large) / (1 + n_permutations); NaN where the
        score is undefined.
    """
    rng = np.random.default_rng(random_state)
    Y, prediction = _two_matrices(Y, prediction)
    country = _labels(country, "country", len(Y))
    cells = country * (np.max(folds) + 1) + _labels(folds, "folds", len(Y))
    kept = country < n_scored
    Y, prediction, country, cells = Y[kept], prediction[kept], country[kept], cells[kept]
    y, p = centre(Y, cells), centre(prediction, cells)
    weights = _inverse_norms(y, p, country, n_scored)
    observed = (y * p * weights).sum(axis=0)
    larger = np.ones(Y.shape[1])
    for _ in range(n_permutations):
        shuffled = y[permute_within(cells, random_state=rng)]
        larger += (shuffled * p * weights).sum(axis=0) >= observed - _ROUNDING
    return np.where(weights.any(axis=0), larger / (1 + n_permutations), np.nan)


def blup_on_noise(
    share,
    *,
    n_panels=8,
    n_traits=400,
    n_plants=200,
    n_genes=60,
    n_permutations=99,
    random_state=None,
) -> pd.DataFrame:
    """Scores and quick tests of BLUP where there is nothing to predict.

    Traits are unrelated normal values, predicted from the kinship of a simulated panel in five
    random folds, with a share of genetic variance that is set and not estimated.

    Parameters
    ----------
    share : float
        Of the genetic in the variance, above 0 and below 1.
    n_panels, n_traits, n_plants, n_genes, n_permutations : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    DataFrame
        A row a panel: ``numerator``, the mean over traits of the sum over countries of the
        numerators of `country_scores`, in standard deviations over traits; ``score``, the mean of
        `trait_scores`; ``rejected``, the share of `permutation_p_values` of at most 0.05.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share: got {share}, expected a number between 0 and 1")
    rng = np.random.default_rng(random_state)
    rows = []
    for _ in range(n_panels):
        panel = simulate_plants(n_plants, n_genes, random_state=rng)
        country, folds = panel.country, rng.permutation(np.arange(n_plants) % 5)
        Y = rng.standard_normal((n_plants, n_traits))
        prediction = smoother(kinship(panel.variants), folds, share) @ Y
        cells, kept = 5 * country + folds, country < N_SCORED
        products = (centre(Y, cells) * centre(prediction, cells))[kept].sum(axis=0)
        p = permutation_p_values(
            Y, prediction, country, folds, n_permutations=n_permutations, random_state=rng
        )
        rows.append(
            {
                "numerator": products.mean() / products.std(ddof=1),
                "score": trait_scores(Y, prediction, country, folds=folds).mean(),
                "rejected": np.mean(p <= 0.05),
            }
        )
    return pd.DataFrame(rows)


def _inverse_norms(y, p, country, n_scored):
    """One over the product of a country's norms, at its rows: then sums are sums of r."""
    weights = np.zeros_like(y)
    for c in range(n_scored):
        rows = country == c
        norm = np.sqrt((y[rows] ** 2).sum(axis=0) * (p[rows] ** 2).sum(axis=0))
        weights[rows] = np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)
    return weights


class Ceilings(NamedTuple):
    """Bounds of the correlation within countries, averaged over the scored countries.

    Attributes
    ----------
    replicate, genetic : float arrays of shape (T,)
        A second experiment as predictor reaches the reliability, the genetic value its root.
    estimated : float array of shape (T,)
        The replicate bound as estimated from the replicates' variances alone.
    """

    replicate: np.ndarray
    genetic: np.ndarray
    estimated: np.ndarray


def within_country_ceilings(traits, country, *, n_scored=N_SCORED) -> Ceilings:
    """Both ceilings of simulated traits, from the truth and from the replicates.

    Parameters
    ----------
    traits : gitools.simulate.PlantTraits
        Without missing values.
    country : int array of shape (n,)
    n_scored : int

    Returns
    -------
    Ceilings
    """
    m = traits.replicates.shape[2]
    noise = traits.noise_variance / m
    measured_noise = traits.replicates.var(axis=2, ddof=1).mean(axis=0) / m
    true, root, estimated = [], [], []
    for c in range(n_scored):
        rows = country == c
        genetic = traits.genetic[rows].var(axis=0, ddof=1)
        true.append(genetic / (genetic + noise))
        root.append(np.sqrt(true[-1]))
        total = traits.means[rows].var(axis=0, ddof=1)
        estimated.append(np.clip(1 - measured_noise / total, 0, 1))
    return Ceilings(*(np.mean(part, axis=0) for part in (true, root, estimated)))


def noise_scatters(n_draws, *, sizes=PRINTED_COUNTRIES, n_traits=36, random_state=None):
    """The fifteen largest of the correlations that pure noise gives, for many draws.

    Parameters
    ----------
    n_draws : int
    sizes : sequence of int
        Plants in each country.
    n_traits : int
    random_state : int, sequence of int, numpy Generator or None

    Returns
    -------
    float array of shape (n_draws, 15)
        Largest first, of ``len(sizes) * n_traits`` correlations of unrelated normal values.

    Notes
    -----
    The correlation r of N unrelated normal pairs is drawn from its law: r = t / sqrt(N - 2 + t^2)
    with t from Student's distribution with N - 2 degrees of freedom.
    """
    rng = np.random.default_rng(random_state)
    columns = []
    for size in sizes:
        t = rng.standard_t(size - 2, size=(n_draws, n_traits))
        columns.append(t / np.sqrt(size - 2 + t**2))
    return -np.sort(-np.concatenate(columns, axis=1), axis=1)[:, :15]


def paired_difference(table, first, second, *, value="score", unit="panel"):
    """Mean difference of two models over units, and two standard errors of it.

    Parameters
    ----------
    table : DataFrame
        Rows with columns ``model``, ``unit`` and ``value``; several rows of a unit are averaged.
    first, second : str
        Models.
    value, unit : str
        Columns.

    Returns
    -------
    mean, two_errors : float
    n : int
        Units that have both.
    """
    wide = table.pivot_table(index=unit, columns="model", values=value, aggfunc="mean")
    both = wide[[first, second]].dropna()
    difference = both[first] - both[second]
    n = len(difference)
    return float(difference.mean()), float(2 * difference.std(ddof=1) / np.sqrt(n)), n


def unit_means(table, *, value="score", unit="panel"):
    """Mean of each model over units and two standard errors over units.

    Parameters
    ----------
    table : DataFrame
        Rows with columns ``model``, ``unit`` and ``value``; several rows of a unit are averaged.
    value, unit : str
        Columns.

    Returns
    -------
    DataFrame
        Indexed by model, columns ``mean``, ``error`` (two standard errors) and ``n``.
    """
    wide = table.pivot_table(index=unit, columns="model", values=value, aggfunc="mean")
    n = wide.count()
    return pd.DataFrame({"mean": wide.mean(), "error": 2 * wide.std(ddof=1) / np.sqrt(n), "n": n})


def _correlate(y, p):
    norm = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    r = np.divide((y * p).sum(axis=0), norm, out=np.full(norm.shape, np.nan), where=norm > 0)
    return np.clip(r, -1, 1)


def _two_matrices(Y, prediction):
    Y, prediction = np.asarray(Y, dtype=float), np.asarray(prediction, dtype=float)
    if Y.ndim != 2 or prediction.shape != Y.shape:
        raise ValueError(
            f"prediction: got shape {prediction.shape} for Y of shape {Y.shape}, expected the "
            "same, (plants, traits)"
        )
    for name, values in (("Y", Y), ("prediction", prediction)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: got NaN or infinite values, expected none")
    return Y, prediction


def _labels(labels, name, n):
    labels = np.asarray(labels)
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or (len(labels) and labels.min() < 0):
        raise ValueError(f"{name}: expected {n} integers of at least 0, one a plant")
    return labels
