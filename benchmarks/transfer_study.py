"""When a first training on other phenotypes pays: the study behind chapter 55.

    python benchmarks/transfer_study.py [--groups N]

A data set is a panel of 520 simulated plants with 100 genes, 36 ionome traits and 288 auxiliary
phenotypes; 200 plants are left out, and networks are trained on nested parts of the others. All
settings run on the same 20 panels, and networks of one size are trained side by side, which changes
nothing but the time. Rows are appended to ``benchmarks/transfer_study.csv`` after each group of
panels and only missing panels are run: a stopped run goes on where it was.

Planned were 50 panels for three of the settings, and small and large panels without shared biology
on all 20. When the first four panels had taken 208 seconds (their scores had not been looked at),
both were cut to what the machine could do: the settings in FIRST_ONLY have four panels.
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
GROUP = 4
PANELS = 20
FIRST_ONLY = ("shared 0, 80", "shared 0, 320")
LINEAR = ["scratch", "base", "leak", "shared 0", "shared 1", "permuted T1"]


def run(replicates) -> list[dict]:
    """All rows of some panels."""
    settings = dict(SETTINGS)
    if replicates[0] >= GROUP:
        settings = {name: s for name, s in SETTINGS.items() if name not in FIRST_ONLY}
    plants = {replicate: draw_plants(replicate, settings) for replicate in replicates}
    rows = run_networks(plants, list(settings))
    for replicate, panel in plants.items():
        rows += run_linear(replicate, panel, LINEAR) + run_ceiling(replicate, panel)
    return rows


def missing() -> list[list[int]]:
    """Groups of panels that the table does not hold yet."""
    done = set(pd.read_csv(TABLE).replicate) if TABLE.exists() else set()
    left = [replicate for replicate in range(PANELS) if replicate not in done]
    return [left[i : i + GROUP] for i in range(0, len(left), GROUP)]


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
        print(f"{group}: {time.process_time() - started:.0f} s of CPU time")
    order = ["setting", "method", "epoch", "replicate"]
    pd.read_csv(TABLE).sort_values(order).to_csv(TABLE, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
