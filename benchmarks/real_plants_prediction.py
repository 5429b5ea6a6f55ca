"""Leaf sodium and flowering time of real accessions, predicted under several cross-validations.

    python benchmarks/real_plants_prediction.py [--seconds 240]

Accessions of the 1001 Genomes with a value, a country and a place, one of each family of
near-identical ones; everything that is learnt is learnt inside the folds. ``models``: four models
under three schemes of five folds, one split, with 95 % intervals of a bootstrap over
blocks of the map; the countries that count are those large enough among all accessions, in every
draw. ``blocks``: GBLUP with blocks of several sizes held out, one split. ``drop``: GBLUP under
random folds less GBLUP under held-out countries, on the same draws.
``structure``: country told from the genome, and mean kinship by distance. Rows are appended to
``benchmarks/real_plants_prediction.csv`` as they are finished; needs ``make data``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.association.mixed_model import kinship
from gitools.book.studies import simpson, simpson_networks, simpson_real
from gitools.structure import block_bootstrap, grouped_folds, random_folds, spatial_folds

TABLE = Path(__file__).with_suffix(".csv")
TRAITS = ("leaf_sodium", "flowering_time_16")
MIN_SIZE, MIN_CELL = 50, 5
N_FOLDS, N_SPLITS, N_DRAWS = 5, 1, 200
BLOCKS_KM = (25, 100, 200, 400, 800)
EDGES_KM = [0, 1, 10, 25, 50, 100, 200, 400, 800, 1_200, 2_000, 3_000, 5_000]


@lru_cache(maxsize=1)
def loaded(trait):
    """Accessions with the trait, a country and a place, and their kinship."""
    data = simpson_real.measured(trait, placed=True)
    return data, kinship(data.genotypes)


def folds_of(scheme, data, rng):
    """Five folds at random, of countries, or of blocks 500 km wide."""
    if scheme == "random":
        return random_folds(len(data.y), N_FOLDS, rng)
    if scheme == "countries":
        return grouped_folds(data.country, N_FOLDS, rng)
    return spatial_folds(data.coordinates, N_FOLDS, rng)


def both_scores(y, predictions, groups, folds, rows) -> tuple[float, float]:
    """Pooled and within-country r on some rows, mean over splits.

    Which countries count is settled by all rows, not by those drawn: a bootstrap draw repeats
    plants, which would let small countries in and keep large ones out. A country of which a draw
    leaves no fold with enough plants is missing from that draw.
    """
    large = np.bincount(groups) > MIN_SIZE
    inside = rows[large[groups[rows]]]
    some_cell = N_FOLDS * (MIN_CELL - 1)
    found = []
    for P, fold in zip(predictions, folds, strict=True):
        within = simpson.cell_scores(
            y[inside, None], P[inside, None], groups[inside], fold[inside], some_cell, MIN_CELL
        )
        pooled = simpson.column_correlations(y[rows, None], P[rows, None])
        found.append((pooled[0], within[0]))
    return tuple(np.mean(found, axis=0))


def on_draws(data, predictions, folds, rng) -> tuple[np.ndarray, np.ndarray]:
    """Both scores [2], and those of draws [draws, 2] of whole blocks of 200 km."""
    groups = np.unique(data.country, return_inverse=True)[1]
    found = both_scores(data.y, predictions, groups, folds, np.arange(len(data.y)))
    draws = block_bootstrap(data.coordinates, N_DRAWS, rng, size_km=200.0)
    drawn = [both_scores(data.y, predictions, groups, folds, rows) for rows in draws]
    return np.array(found), np.array(drawn)


def with_interval(found, drawn) -> dict[str, float]:
    """Pooled and within, each with its percentile interval."""
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return {
        f"{name}{suffix}": value
        for name, values in zip(
            ("pooled", "within"), zip(found, low, high, strict=True), strict=True
        )
        for suffix, value in zip(("", " low", " high"), values, strict=True)
    }


def splits(trait, scheme, data) -> list[np.ndarray]:
    """The folds of a trait under a scheme, the same for all models."""
    rng = np.random.default_rng([61, 20, TRAITS.index(trait), simpson.SCHEMES.index(scheme)])
    return [folds_of(scheme, data, rng) for _ in range(N_SPLITS)]


def run_models(trait, scheme) -> list[dict]:
    """Four models, all on the same split."""
    data, K = loaded(trait)
    folds, rows = splits(trait, scheme, data), []
    for model, fit_predict in simpson_real.predictors(data, K).items():
        predictions = [simpson.out_of_fold(fit_predict, 1, fold)[:, 0] for fold in folds]
        scores = on_draws(data, predictions, folds, np.random.default_rng([61, 21]))
        rows.append({"model": model, "n": len(data.y), **with_interval(*scores)})
    return rows


def run_drop(trait, scheme) -> list[dict]:
    """GBLUP under random folds less GBLUP under held-out countries, draw by draw."""
    data, K = loaded(trait)
    fit_predict, scores = simpson_real.predictors(data, K)["GBLUP"], []
    for one in ("random", "countries"):
        folds = splits(trait, one, data)
        predictions = [simpson.out_of_fold(fit_predict, 1, fold)[:, 0] for fold in folds]
        scores.append(on_draws(data, predictions, folds, np.random.default_rng([61, 21])))
    (found, drawn), (found_held, drawn_held) = scores
    change = with_interval(found - found_held, drawn - drawn_held)
    return [{"model": "GBLUP", "n": len(data.y), **change}]


def run_blocks(trait, size_km) -> list[dict]:
    """GBLUP with whole blocks held out."""
    data, K = loaded(trait)
    rng = np.random.default_rng([61, 22, TRAITS.index(trait), int(size_km)])
    folds = [spatial_folds(data.coordinates, N_FOLDS, rng, float(size_km))]
    fit_predict = simpson_real.predictors(data, K)["GBLUP"]
    predictions = [simpson.out_of_fold(fit_predict, 1, fold)[:, 0] for fold in folds]
    groups = np.unique(data.country, return_inverse=True)[1]
    found = both_scores(data.y, predictions, groups, folds, np.arange(len(data.y)))
    return [{"model": "GBLUP", "n": len(data.y), "pooled": found[0], "within": found[1]}]


def run_structure(trait, scheme) -> list[dict]:
    """Country from genome over all accessions; kinship by distance in Europe."""
    data, K = loaded(None)
    groups = np.unique(data.country, return_inverse=True)[1]
    f1, mcc = simpson_networks.country_scores(
        simpson.leading_components(K, 50), groups, np.random.default_rng([61, 23]), MIN_SIZE
    )
    rows = [{"model": "country F1", "n": len(K), "pooled": f1}]
    rows.append({"model": "country MCC", "n": len(K), "pooled": mcc})
    latitude, longitude = data.coordinates.T
    europe = np.flatnonzero(
        (latitude > 34) & (latitude < 72) & (longitude > -12) & (longitude < 45)
    )
    part = data._replace(coordinates=data.coordinates[europe])
    near = simpson_real.kinship_by_distance(part, K[np.ix_(europe, europe)], EDGES_KM)
    for row in near.itertuples():
        model = f"kinship {row.from_km}-{row.to_km} km"
        rows.append({"model": model, "n": row.pairs, "pooled": row.kinship})
    return rows


def main(seconds) -> None:
    """Compute what is missing, until it is done or the time is up."""
    tasks = [("structure", "", "")]
    tasks += [("models", trait, scheme) for trait in TRAITS for scheme in simpson.SCHEMES]
    tasks += [("blocks", trait, str(size)) for trait in TRAITS for size in BLOCKS_KM]
    tasks += [("drop", trait, "random less countries") for trait in TRAITS]
    done = set()
    if TABLE.exists():
        table = pd.read_csv(TABLE, dtype=str, keep_default_na=False)
        done = set(zip(table["study"], table["trait"], table["scheme"], strict=True))
    started = time.monotonic()
    run = {
        "structure": run_structure,
        "models": run_models,
        "blocks": run_blocks,
        "drop": run_drop,
    }
    for study, trait, scheme in tasks:
        if (study, trait, scheme) in done:
            continue
        if time.monotonic() - started > seconds:
            return
        rows = pd.DataFrame(run[study](trait, scheme)).round(4)
        columns = [
            "model",
            "n",
            *(f"{s}{e}" for s in ("pooled", "within") for e in ("", " low", " high")),
        ]
        rows = rows.reindex(columns=columns)
        for name, value in (("scheme", scheme), ("trait", trait), ("study", study)):
            rows.insert(0, name, value)
        rows.to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False, lineterminator="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float("inf"))
    main(parser.parse_args().seconds)
