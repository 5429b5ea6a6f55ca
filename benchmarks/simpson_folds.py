"""Every model under every cross-validation on simulated plants: the study behind chapter 61.

    python benchmarks/simpson_folds.py [--steps linear networks ...] [--seconds 240]

A replicate is a panel of 300 plants and 100 genes with 36 additive traits. Models predict it under
three schemes of three folds (at random, whole countries, blocks of 500 km): ``linear``, one row
each; ``networks``, the same for three networks on the first panels. ``selection``: traits without
genetics, predicted from genes that were chosen inside or outside the folds. ``inputs``: Galiana on
raw counts, per-gene frequencies and common variants only. Rows are appended to
``benchmarks/simpson_folds.csv`` as they are finished, and only missing ones are computed: a stopped
run goes on where it was.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from gitools.book.studies import simpson as studies
from gitools.book.studies import simpson_networks as networks

TABLE = Path(__file__).with_suffix(".csv")
INPUTS = ("raw", "frequencies", "maf 5 %", "maf 10 %")
N_NULL = 12


def rows_of(predictions, data, replicate, stream) -> list[dict]:
    """Scores of all models that ``predictions(data, folds, rng)`` gives, under three schemes."""
    rows = []
    for number, scheme in enumerate(studies.SCHEMES):
        rng = np.random.default_rng([61, 2, replicate, number])
        folds = studies.folds_of(scheme, data.panel, rng)
        rng = np.random.default_rng([61, stream, replicate, number])
        for model, P in predictions(data, folds, rng).items():
            found = studies.score(data.Y, P, data.panel.country, folds)
            rows.append({"scheme": scheme, "model": model, **found})
    return rows


def rows_of_linear(data, replicate) -> list[dict]:
    """Country mean, GBLUP and ridge on the tensor."""
    return rows_of(networks.linear_predictions, data, replicate, 11)


def rows_of_networks(data, replicate) -> list[dict]:
    """Galiana, BMSNN50 and GPSNN."""
    return rows_of(networks.network_models, data, replicate, 12)


def rows_of_selection(data, replicate) -> list[dict]:
    """Genes chosen inside and outside random folds, for traits without genetics."""
    rng = np.random.default_rng([61, 3, replicate])
    Y = studies.null_traits(data.panel.country, N_NULL, rng)
    folds = studies.folds_of("random", data.panel, rng)
    rows = []
    for where in ("inside", "outside"):
        P = studies.selected_genes(data, Y, folds, where == "inside")
        found = studies.score(Y, P, data.panel.country, folds)
        rows.append({"scheme": "random", "model": f"null, genes chosen {where}", **found})
    return rows


def rows_of_inputs(data, replicate) -> list[dict]:
    """Galiana on other inputs, whole countries held out; folds as for the models."""
    rows, panel = [], data.panel
    for number, name in enumerate(INPUTS):
        rng = np.random.default_rng([61, 2, replicate, 1])
        folds = studies.folds_of("countries", panel, rng)
        rng = np.random.default_rng([61, 4, replicate, number])
        maf = {"maf 5 %": 0.05, "maf 10 %": 0.10}.get(name)
        counts = panel.tensor if maf is None else networks.common_counts(panel, maf)
        how = name if maf is None else "global"
        P = networks.galiana_predictions(panel, counts, how, data.Y, folds, rng)
        found = studies.score(data.Y, P, panel.country, folds)
        rows.append({"scheme": "countries", "model": f"Galiana, {name}", **found})
    return rows


STEPS = {
    "linear": rows_of_linear,
    "selection": rows_of_selection,
    "networks": rows_of_networks,
    "inputs": rows_of_inputs,
}
REPLICATES = {"linear": 50, "selection": 50, "networks": 15, "inputs": 6}


def append(rows, step, replicate) -> None:
    """Add finished rows to the table."""
    table = pd.DataFrame(rows).round(4)
    table.insert(0, "replicate", replicate)
    table.insert(0, "step", step)
    table.to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False, lineterminator="\n")


def main(steps, seconds) -> None:
    """Compute what is missing, until it is done or the time is up."""
    torch.set_num_threads(1)
    done = set()
    if TABLE.exists():
        table = pd.read_csv(TABLE)
        done = set(zip(table["step"], table["replicate"], strict=True))
    started = time.monotonic()
    quiet = bool(os.environ.get("GITOOLS_QUIET"))
    for replicate in tqdm(range(max(REPLICATES.values())), disable=quiet):
        missing = [s for s in steps if replicate < REPLICATES[s] and (s, replicate) not in done]
        if missing and time.monotonic() - started > seconds:
            return
        if missing:
            data = networks.draw_data(np.random.default_rng([61, 1, replicate]))
        for step in missing:
            append(STEPS[step](data, replicate), step, replicate)
    table = pd.read_csv(TABLE).sort_values(["step", "replicate", "scheme", "model"])
    table.to_csv(TABLE, index=False, lineterminator="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    main(arguments.steps, arguments.seconds)
