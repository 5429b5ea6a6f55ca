"""What scores of predicted traits are worth, over 60 simulated panels: the studies of chapter 51.

    python benchmarks/predicting_traits.py [--seconds 200]

A panel has 300 plants, 200 genes and twelve traits. Rows are appended to
``benchmarks/predicting_traits.csv`` panel by panel, and only missing panels are computed: a stopped
run goes on where it was. ``--seconds`` stops it after a panel when that time is over. The studies
"map" (998 plants) and "permutations" have fewer replicates, each of several data sets.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.book.studies import predicting as studies

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ["study", "replicate", "measure", "value"]
SEED = 51
# Study: (number of replicates, first stream).
PLAN = {
    "panels": (60, 1_000),
    "permutations": (24, 2_000),
    "map": (8, 3_000),
    "large": (12, 4_000),
}
NEIGHBOURS = (1, 3, 10, 30, 100, 300)


def run_panel(rng) -> dict:
    """All measures of one panel of 300 plants."""
    panel = studies.draw_panel(rng)
    found = studies.study_base(panel, rng)
    for reliability in studies.RELIABILITIES:
        found |= studies.study_ceilings(panel, reliability, rng)
    return found | studies.study_selection(panel, rng) | studies.study_relatives(panel, rng)


def run_permutations(rng) -> dict:
    p = studies.study_permutations(studies.draw_panel(rng), rng)
    return {f"p {i}": value for i, value in enumerate(p)}


def run_map(rng) -> dict:
    return studies.study_map(rng, NEIGHBOURS)


def run_large(rng) -> dict:
    """The lowest reliability on 998 plants; added when the first 43 panels of 300 were known."""
    return studies.study_ceilings(studies.draw_panel(rng, 998), studies.RELIABILITIES[0], rng)


RUN = {"panels": run_panel, "permutations": run_permutations, "map": run_map, "large": run_large}


def missing() -> list:
    """Studies and replicates that have no row yet."""
    wanted = [(study, r) for study, (n, _) in PLAN.items() for r in range(n)]
    if not TABLE.exists():
        return wanted
    table = pd.read_csv(TABLE)
    done = set(zip(table.study, table.replicate, strict=True))
    return [one for one in wanted if one not in done]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=np.inf)
    end = time.monotonic() + parser.parse_args().seconds
    for study, replicate in missing():
        if time.monotonic() > end:
            break
        rng = np.random.default_rng([SEED, PLAN[study][1] + replicate])
        rows = [(study, replicate, name, value) for name, value in RUN[study](rng).items()]
        frame = pd.DataFrame(rows, columns=COLUMNS)
        frame.to_csv(
            TABLE, mode="a", header=not TABLE.exists(), index=False, float_format="%.6g",
            lineterminator="\n",
        )  # fmt: skip
        print(study, replicate, flush=True)


if __name__ == "__main__":
    main()
