"""Reading the tables of the chapter on population structure and prediction."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

SCHEMES = {
    "random": "random",
    "countries": "held-out countries",
    "blocks": "held-out blocks",
}
TRAITS = {"leaf_sodium": "leaf sodium", "flowering_time_16": "flowering time"}


class Tables(NamedTuple):
    """Tables that the benchmarks of the chapter wrote."""

    models: pd.DataFrame
    small: pd.DataFrame
    maps: pd.DataFrame
    scan: pd.DataFrame
    choices: pd.DataFrame
    real: pd.DataFrame


def read_tables(folder) -> Tables:
    """Open the six tables in a folder."""
    names = ("simpson_folds", "simpson_studies", "simpson_maps")
    names += ("real_plants_scan", "real_plants_choices", "real_plants_prediction")
    return Tables(*(pd.read_csv(Path(folder) / f"{name}.csv") for name in names))


def study(small, name) -> pd.DataFrame:
    """One study, a row for each data set and a column for each quantity."""
    rows = small[small["study"] == name]
    return rows.pivot(index="replicate", columns="quantity", values="value")


def mean_and_half(values) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval, missing values left out."""
    v = np.asarray(values, dtype=float)
    v = v[~np.isnan(v)]
    if len(v) == 0:
        return np.nan, np.nan
    return float(v.mean()), float(1.96 * v.std(ddof=1) / np.sqrt(len(v)))


def column(models, model, scheme, name="within") -> pd.Series:
    """Values of one model under one scheme by data set."""
    rows = models[(models["model"] == model) & (models["scheme"] == scheme)]
    return rows.set_index("replicate")[name]


def difference(models, first, second, name="within") -> tuple[float, float]:
    """Paired difference of two (model, scheme), mean and half width."""
    d = column(models, *first, name) - column(models, *second, name)
    return mean_and_half(d)


def dots(models, named) -> dict:
    """(scheme's title, model) to pooled and within, mean and half width."""
    return {
        (title, model): {
            part: mean_and_half(column(models, model, scheme, part))
            for part in ("pooled", "within")
        }
        for scheme, title in SCHEMES.items()
        for model in named
    }


def real_panels(real, named) -> dict:
    """Trait's title to (scheme's title, model) to pooled and within: value, low, high."""
    rows = real[real["study"] == "models"].set_index(["trait", "scheme", "model"])
    return {
        trait_title: {
            (title, model): {
                part: tuple(
                    float(rows.loc[(trait, scheme, model), f"{part}{end}"])
                    for end in ("", " low", " high")
                )
                for part in ("pooled", "within")
            }
            for scheme, title in SCHEMES.items()
            for model in named
        }
        for trait, trait_title in TRAITS.items()
    }


def real_blocks(real) -> tuple[np.ndarray, dict]:
    """Sizes of held-out blocks in km, and trait's title to r within countries at each."""
    rows = real[real["study"] == "blocks"]
    sizes = rows["scheme"].astype(int).unique()
    curves = {t: rows[rows["trait"] == k]["within"].to_numpy() for k, t in TRAITS.items()}
    return sizes, curves


def kinship_levels(real) -> dict[str, float]:
    """Mean kinship of pairs below 10 km, from 100 to 200 km and beyond 2,000 km."""
    rows = real[real["model"].str.startswith("kinship")]
    start = rows["model"].str.extract(r"kinship ([\d.]+)-")[0].astype(float).to_numpy()
    values, pairs = rows["pooled"].to_numpy(), rows["n"].to_numpy()
    bins = {"local": start < 10, "hundred": start == 100, "far": start >= 2000}
    return {name: np.average(values[b], weights=pairs[b]) for name, b in bins.items()}


def near_gene(scan, trait, gene, window=100_000) -> tuple[float, float, int]:
    """Largest -log10 p near a gene of chromosome 4, its distance in kb, number of tests."""
    p = scan[f"{trait} mixed"]
    away = distance(scan["position"].to_numpy(), gene)
    best = p[(scan["chromosome"] == 4) & (away <= window)].idxmax()
    return p[best], away[best] / 1000, int(p.notna().sum())


def distance(position, gene):
    """Base pairs from a position to a gene (start, end); 0 inside."""
    return np.maximum(np.maximum(gene[0] - position, position - gene[1]), 0)


def inflation(log10_p) -> float:
    """Genomic control's lambda: the median chi-square over that of the null."""
    p = 10.0 ** -log10_p.dropna()
    return float(np.median(chi2.isf(p, 1)) / chi2.isf(0.5, 1))
