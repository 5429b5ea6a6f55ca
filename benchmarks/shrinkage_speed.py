"""Seconds and memory of every method of shrinkage against the size of the region (chapter 36).

    python benchmarks/shrinkage_speed.py

One data set of 100, 500 and 2,000 variants, the same for all methods, on one thread: the least
processor time of three calls (one for the sampled methods) and the most memory allocated during a
call, beyond the data. Training of networks is not counted, nor are the few tensors that torch holds
for the published one.
Writes ``benchmarks/shrinkage_speed.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning

from gitools.book.studies.shrinkage import METHODS

TABLE = Path(__file__).with_suffix(".csv")
SEED = 3630
SIZES = {100: "ours-p-100", 500: "ours-base", 2_000: "ours-p-2000"}
LEFT_OUT = {"zero", "marginal", "constant", "lasso", "ceiling", "published, wide"}
SAMPLED, LONGEST_SAMPLED = {"gibbs"}, 500


def compared():
    """The script that draws the studies."""
    path = Path(__file__).with_name("shrinkage_compared.py")
    specification = importlib.util.spec_from_file_location("shrinkage_compared", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def call(method, study):
    """One call, silent about convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        METHODS[method](study, np.random.default_rng(SEED))


def least_seconds(method, study, repeats):
    """Least processor time of several calls."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        call(method, study)
        times.append(time.process_time() - began)
    return min(times)


def peak_megabytes(method, study):
    """Most memory allocated during a call."""
    tracemalloc.start()
    call(method, study)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def main() -> None:
    """Write the table and print it."""
    torch.set_num_threads(1)
    study_of, rows = compared(), []
    for size, name in SIZES.items():
        setting = study_of.SETTINGS[name]
        rng = np.random.default_rng([SEED, size])
        study = study_of.draw_study(setting, *study_of.draw_panel(setting, rng), rng)
        for method in METHODS:
            if method in LEFT_OUT or (method in SAMPLED and size > LONGEST_SAMPLED):
                continue
            repeats = 1 if method in SAMPLED else 3
            seconds = least_seconds(method, study, repeats)
            row = {"method": method, "variants": size, "seconds": seconds}
            rows.append(row | {"megabytes": peak_megabytes(method, study)})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.3g")


if __name__ == "__main__":
    main()
