"""What faults do that no check caught: the studies behind chapter 45.

    python benchmarks/pipeline_faults.py

Study "loci": 60 loci of 300 variants, three of them causal, 20,000 people. The network and SuSiE
shrink the same z scores with the study's own LD, with 1 and 5 in 100 signs changed (alleles
exchanged, effects not), with the flagged signs left out again, with LD of 500 others of the same
population and of one that split 2,000 generations ago (both 0.9 R + 0.1 I). Study "null": 50 whole
example data sets without effects through the chain. Study "panels": allele frequencies of both
panels at the same loci, beside the study's. Rows are appended to
``benchmarks/pipeline_faults.csv``,
``benchmarks/pipeline_null.csv`` and ``benchmarks/pipeline_panels.csv`` as they are finished: a
stopped run goes on. ``--quick`` runs one of each and writes nothing.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.book.bench import asked_to_be_quick
from gitools.book.studies.own_data import (
    damage_of_faults,
    frequencies_of_panels,
    null_pipeline,
)

LOCI = Path(__file__).with_suffix(".csv")
NULL = Path(__file__).with_name("pipeline_null.csv")
PANELS = Path(__file__).with_name("pipeline_panels.csv")
N_LOCI, N_NULL = 60, 50


def resumed(path, replicates, make, *, quick):
    """Tables of the missing replicates, appended one by one."""
    done = set(pd.read_csv(path)["replicate"]) if path.is_file() and not quick else set()
    todo = [k for k in range(1 if quick else replicates) if k not in done]
    for k in tqdm(todo, desc=path.stem, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        table = make(k)
        table.insert(0, "replicate", k)
        if quick:
            print(table.to_string(index=False))
        else:
            table.to_csv(path, mode="a", header=not path.is_file(), index=False,
                         float_format="%.6g", lineterminator="\n")  # fmt: skip


def loci(k):
    return damage_of_faults(np.random.default_rng([45, 200, k]))


def panels(k):
    return frequencies_of_panels(np.random.default_rng([45, 200, k]))


def null(k):
    with tempfile.TemporaryDirectory() as folder:
        return null_pipeline(folder, np.random.default_rng([45, 300, k]))


def main():
    quick = asked_to_be_quick(__doc__)
    resumed(LOCI, N_LOCI, loci, quick=quick)
    resumed(PANELS, N_LOCI, panels, quick=quick)
    resumed(NULL, N_NULL, null, quick=quick)


if __name__ == "__main__":
    main()
