"""Copy numbers called from probes and along chromosomes: the studies behind chapter 13.

    python benchmarks/calling_copies.py [--quick]

Writes to ``benchmarks/calling_copies.csv`` one row for each simulated data set: 200 genes in each
of three settings of their eight probes (300 people), 100 panels of 20 chromosomes of 200 probes,
and 50 panels without any copy variant. Each data set has a random stream of its own. Values are
log losses in nats a person, or a probe; for panels without variants, the share of probes outside
the commonest state. Finished rows are kept, so that an interrupted run goes on where it was.
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

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("study", "set", "method", "value")
SEED = 13
N_SETS = {**dict.fromkeys(PROBE_SETTINGS, 200), "chains": 100, "no copies": 50}
QUICK = dict.fromkeys(N_SETS, 2)
N_PEOPLE, N_PROBES = 300, 8
N_CHAINS, LENGTH = 20, 200


def values_of(study, index):
    """Values of one data set, by method."""
    rng = np.random.default_rng([SEED, list(N_SETS).index(study), index])
    if study == "chains":
        return chain_losses(N_CHAINS, LENGTH, rng)
    if study == "no copies":
        return {"outside": invented_segments(N_CHAINS, LENGTH, 1, random_state=rng)[0]}
    return probe_losses(study, N_PEOPLE, N_PROBES, rng)


def finished():
    """Pairs (study, set) that the table already holds."""
    if not TABLE.exists():
        return set()
    with open(TABLE, newline="", encoding="utf-8") as file:
        return {(row["study"], int(row["set"])) for row in csv.DictReader(file)}


def main(arguments=None):
    """Add what the table lacks; with --quick, print two data sets of each study."""
    quick = asked_to_be_quick(__doc__, arguments)
    done = set() if quick else finished()
    sizes = QUICK if quick else N_SETS
    todo = [(s, i) for s, n in sizes.items() for i in range(n) if (s, i) not in done]
    if not quick and not TABLE.exists():
        TABLE.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    for study, index in tqdm(todo, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        rows = [(study, index, m, f"{v:.5f}") for m, v in values_of(study, index).items()]
        if quick:
            print(*rows, sep="\n")
            continue
        with open(TABLE, "a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
