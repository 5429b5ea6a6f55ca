"""When a first training on other phenotypes pays: the study behind chapter 55.

    python benchmarks/transfer_study.py [--groups N]

A data set is a panel of 520 simulated plants with 100 genes, 36 ionome traits and 288 auxiliary
phenotypes; 200 plants are left out, and networks are trained on nested parts of the others. All
settings run on the same panels, and networks of one size are trained side by side, which changes
nothing but the time. Rows are appended to ``benchmarks/transfer_study.csv`` after each group of
panels and only missing panels are run: a stopped run goes on where it was.

Planned were 20 panels for all settings and 50 for three of them. When the first four panels had
taken 208 seconds on a machine that many shared, and before any score had been looked at, this was
cut: the settings in CORE have 20 panels, the others 8, and those in FIRST_ONLY the first four. The
settings in ADDED were added when the scores of the first four panels were known; they have the 16
panels after these.
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
GROUPS = [range(4), range(4, 8), range(8, 14), range(14, 20)]
CORE = ("scratch", "base", "shared 0", "shared 1", "scratch 80", "shared 1, 80")
FIRST_ONLY = ("shared 0, 80", "shared 0, 320")
ADDED = ("one replicate, scratch", "one replicate, shared 1")
LINEAR = ("scratch", "base", "leak", "shared 0", "shared 1", "permuted T1", *ADDED)


def settings_of(group) -> dict:
    """The settings that a group of panels runs."""
    if group == GROUPS[0]:
        return {name: s for name, s in SETTINGS.items() if name not in ADDED}
    if group == GROUPS[1]:
        return {name: s for name, s in SETTINGS.items() if name not in FIRST_ONLY}
    return {name: SETTINGS[name] for name in CORE + ADDED}


def run(group) -> list[dict]:
    """All rows of a group of panels."""
    settings = settings_of(group)
    plants = {replicate: draw_plants(replicate, settings) for replicate in group}
    rows = run_networks(plants, list(settings))
    for replicate, panel in plants.items():
        rows += run_linear(replicate, panel, [name for name in LINEAR if name in settings])
        rows += run_ceiling(replicate, panel)
    return rows


def missing() -> list[range]:
    """Groups of panels that the table does not hold yet."""
    done = set(pd.read_csv(TABLE).replicate) if TABLE.exists() else set()
    return [group for group in GROUPS if not done.issuperset(group)]


def main() -> None:
    """Run what is missing, append it, and sort the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, help="stop after so many groups of panels")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for group in tqdm(missing()[: options.groups], disable=bool(os.environ.get("GITOOLS_QUIET"))):
        started = time.process_time()
        table = pd.DataFrame(run(group))
        table.to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False, float_format="%.4f")
        print(f"panels {list(group)}: {time.process_time() - started:.0f} s of CPU time")
    order = ["setting", "method", "epoch", "replicate"]
    pd.read_csv(TABLE).sort_values(order).to_csv(TABLE, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
