"""Readings of the tables that benchmarks/gene_chain.py writes."""

import numpy as np
import pandas as pd
from scipy.stats import t

from gitools.book.studies.gene_chain import FALSE_SHARE, KINDS, TYPES

CLASSES = {"one trait": 1, "two traits": 2, "four traits": 4}


def read_table(path) -> pd.DataFrame:
    """The table of studies, with the mean average precision over the seven types as ``ap``."""
    table = pd.read_csv(path)
    table["ap"] = table[[f"ap_{kind}" for kind in TYPES]].mean(axis=1)
    return table


def mean_interval(values) -> tuple[float, float, float]:
    """Mean over studies and its 95 per cent interval by Student's t.

    Parameters
    ----------
    values : array of shape (n_studies,)

    Returns
    -------
    mean, low, high : float
    """
    values = np.asarray(values, dtype=float)
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def column(table, setting, method, name="ap") -> np.ndarray:
    """One column of one method, ordered by study."""
    rows = table[(table.setting == setting) & (table.method == method)]
    return rows.sort_values("study")[name].to_numpy(dtype=float)


def difference(table, setting, first, second, name="ap") -> tuple[float, float, float]:
    """Paired difference over studies, with its interval."""
    return mean_interval(column(table, setting, first, name) - column(table, setting, second, name))


def ratio(table, setting, method, above, below) -> tuple[float, float, float]:
    """A ratio of sums over studies, and its interval by the jackknife over studies.

    Parameters
    ----------
    table : DataFrame
    setting, method : str
    above, below : sequences of str
        Columns that are summed.

    Returns
    -------
    ratio, low, high : float
    """
    top = sum(column(table, setting, method, name) for name in above)
    bottom = sum(column(table, setting, method, name) for name in below)
    whole, n = top.sum() / bottom.sum(), len(top)
    without = (top.sum() - top) / (bottom.sum() - bottom)
    error = np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))
    half = t.ppf(0.975, n - 1) * error
    return whole, whole - half, whole + half


def read_scores(path) -> dict:
    """Scores of true genes and of the best false ones.

    Returns
    -------
    dict
        (setting, method, class of types) to a list with an entry for each study: lists of
        (true scores, false scores), one for each type of the class.
    """
    found = {}
    for row in pd.read_csv(path, dtype={"true": str, "false": str}).itertuples():
        size = next(name for name, n in CLASSES.items() if n == len(row.type))
        studies = found.setdefault((row.setting, row.method, size), {})
        studies.setdefault(row.study, []).append((_numbers(row.true), _numbers(row.false)))
    return {key: [studies[k] for k in sorted(studies)] for key, studies in found.items()}


def curve(studies) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision of one ranking of all genes of all studies.

    It ends where the false genes of some study are no longer all in the table, and before genes
    that score nothing.

    Parameters
    ----------
    studies : list
        Of one key of `read_scores`.

    Returns
    -------
    recall, precision : arrays of shape (n_points,)
    """
    true, false, end = _pooled(studies)
    n_true = len(true)
    limits = np.unique(true[(true > 0) & (true >= end)])[::-1]
    if len(limits) == 0:
        return np.zeros(0), np.zeros(0)
    hits = len(true) - np.searchsorted(np.sort(true), limits, side="left")
    misses = len(false) - np.searchsorted(np.sort(false), limits, side="left")
    return hits / n_true, hits / (hits + misses)


def matched_recall(studies, false_share=FALSE_SHARE) -> float:
    """Largest recall at which the share of false genes is no more than given."""
    recall, precision = curve(studies)
    kept = recall[precision >= 1 - false_share]
    return float(kept.max()) if len(kept) else 0.0


def matched_differences(scores, setting, methods, size, n_boots=300, *, random_state=None):
    """Recall at a matched false share, and the network's lead, by bootstrap over studies.

    Parameters
    ----------
    scores : dict
        See `read_scores`.
    setting : str
    methods : list of str
        The first is the one that the others are compared with.
    size : str
        Class of types.
    n_boots : int
    random_state : int, sequence of int or numpy Generator

    Returns
    -------
    DataFrame
        A row a method: ``recall``, ``low``, ``high``, and ``lead``, ``lead_low``, ``lead_high`` of
        the first method over this one.
    """
    rng = np.random.default_rng(random_state)
    studies = [scores[setting, method, size] for method in methods]
    observed = np.array([matched_recall(one) for one in studies])
    draws = rng.integers(len(studies[0]), size=(n_boots, len(studies[0])))
    boots = np.array([[matched_recall([one[k] for k in draw]) for one in studies]
                      for draw in draws])  # fmt: skip
    low, high = np.quantile(boots, [0.025, 0.975], axis=0)
    lead_low, lead_high = np.quantile(boots[:, :1] - boots, [0.025, 0.975], axis=0)
    return pd.DataFrame(
        {
            "recall": observed,
            "low": low,
            "high": high,
            "lead": observed[0] - observed,
            "lead_low": lead_low,
            "lead_high": lead_high,
        },
        index=methods,
    )


def n_true(size, n_studies, n_chromosomes=5) -> int:
    """How many genes of a class there are in all studies together."""
    return sum(n for k, n in KINDS.items() if len(k) == CLASSES[size]) * n_studies * n_chromosomes


def _pooled(studies):
    true = np.concatenate([one for study in studies for one, _ in study])
    false = np.concatenate([one for study in studies for _, one in study])
    ends = [one.min() for study in studies for _, one in study if len(one)]
    return true, false, max(ends, default=-np.inf)


def _numbers(text):
    return np.array([float(x) for x in text.split()]) if isinstance(text, str) else np.zeros(0)
