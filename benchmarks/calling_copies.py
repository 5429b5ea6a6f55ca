"""Copy numbers called from probes and along chromosomes: the studies behind chapter 13.

    python benchmarks/calling_copies.py [--quick]

Writes to ``benchmarks/calling_copies.csv`` one line for each simulated data set and method: 100
genes in each of three settings of their eight probes (300 people), 100 panels of 20 chromosomes
of 200 probes, and 50 panels without any copy variant. Values are log losses in nats a person, or
a probe; for panels without variants, the share of probes outside the commonest state.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import csv
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gitools.book.bench import asked_to_be_quick
from gitools.book.studies.calling import (
    PROBE_SETTINGS,
    chain_losses,
    invented_segments,
    probe_losses,
)

QUIET = bool(os.environ.get("GITOOLS_QUIET"))
TABLE = Path(__file__).with_suffix(".csv")
SEED = 13
N_GENES, N_PANELS, N_EMPTY = 100, 100, 50
N_PEOPLE, N_PROBES = 300, 8
N_CHAINS, LENGTH = 20, 200


def studies(shrink):
    """Pairs of a study's name and its values by method, each an array over data sets."""
    for number, setting in enumerate(PROBE_SETTINGS):
        rng = np.random.default_rng([SEED, 20, number])
        losses = [
            probe_losses(setting, N_PEOPLE, N_PROBES, rng)
            for _ in tqdm(range(N_GENES // shrink), disable=QUIET)
        ]
        yield setting, {name: [loss[name] for loss in losses] for name in losses[0]}
    rng = np.random.default_rng([SEED, 21])
    yield "chains", chain_losses(N_PANELS // shrink, N_CHAINS, LENGTH, rng)
    outside = invented_segments(N_CHAINS, LENGTH, N_EMPTY // shrink, random_state=[SEED, 22])
    yield "no copies", {"outside": outside}


def main(arguments=None):
    """Run all studies and write the table; with --quick, print small ones."""
    quick = asked_to_be_quick(__doc__, arguments)
    rows = [
        (study, index, method, f"{value:.5f}")
        for study, values in studies(25 if quick else 1)
        for method, column in values.items()
        for index, value in enumerate(column)
    ]
    if quick:
        print(*rows[::5], sep="\n")
        return
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("study", "set", "method", "value"), *rows]
        )


if __name__ == "__main__":
    main()
