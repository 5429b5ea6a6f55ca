"""When a first training on other phenotypes pays: the study behind chapter 55.

    python benchmarks/transfer_study.py [--groups N] [--size N]

A data set is a panel of 520 simulated plants with 100 genes, 36 ionome traits and 288 auxiliary
phenotypes; 200 plants are left out, and networks are trained on nested parts of the others. All
settings run on the same 20 panels, and networks of one size are trained side by side, which changes
nothing but the time. Rows are appended to ``benchmarks/transfer_study.csv`` after each group of
panels, and only what is missing is run: a stopped run goes on where it was.

The settings with one replicate were added when the scores of four panels were known, and "more
plants, 160" when those of thirteen were.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from gitools.book.studies.transfer import (
    SETTINGS,
    draw_plants,
    run_ceiling,
    run_linear,
    run_networks,
)

TABLE = Path(__file__).with_suffix(".csv")
N_PANELS = 20
LINEAR = (
    *("scratch", "base", "leak", "shared 0", "shared 1", "permuted T1", "more plants, 160"),
    *("one replicate, scratch", "one replicate, shared 1"),
)
"""Settings in which GBLUP is fitted, too."""


def run(panels, names) -> list[dict]:
    """All rows of some settings on some panels."""
    settings = {name: SETTINGS[name] for name in names}
    plants = {replicate: draw_plants(replicate, settings) for replicate in panels}
    rows = run_networks(plants, names)
    for replicate, panel in plants.items():
        rows += run_linear(replicate, panel, [name for name in LINEAR if name in names])
        if "scratch" in names:
            rows += run_ceiling(replicate, panel)
    return rows


def missing(size: int) -> list[tuple]:
    """(panels, settings) that the table does not hold yet, at most `size` panels at once."""
    done = set()
    if TABLE.exists():
        done = set(pd.read_csv(TABLE)[["setting", "replicate"]].itertuples(index=False, name=None))
    absent = {r: [name for name in SETTINGS if (name, r) not in done] for r in range(N_PANELS)}
    groups = []
    for wanted in dict.fromkeys(tuple(names) for names in absent.values() if names):
        these = [r for r in absent if tuple(absent[r]) == wanted]
        groups += [(these[i : i + size], wanted) for i in range(0, len(these), size)]
    return groups


def main() -> None:
    """Run what is missing, append it, and sort the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4, help="panels a group")
    parser.add_argument("--groups", type=int, help="stop after so many groups of panels")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tasks = missing(options.size)[: options.groups]
    for panels, names in tqdm(tasks, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        started = time.process_time()
        table = pd.DataFrame(run(panels, names))
        table.to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False, float_format="%.4f")
        seconds = time.process_time() - started
        print(f"panels {panels}, {len(names)} settings: {seconds:.0f} s of CPU time", flush=True)
    order = ["setting", "method", "epoch", "replicate"]
    pd.read_csv(TABLE).sort_values(order).to_csv(TABLE, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
