"""Networks trained side by side against the same networks one after the other.

    python benchmarks/folds_together.py

Galiana on simulated plants, five folds (and four data sets of five folds), both ways in one process
on one thread, best of three, and how far apart the predictions of both ways are after three epochs:
in single precision, and in double precision, where only rounding could make a difference smaller.
Writes ``benchmarks/folds_together.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gitools.genomes import (
    Galiana,
    distinct_genes,
    predict,
    torch_generator,
    train,
    train_together,
)
from gitools.simulate import simulate_plants

TABLE = Path(__file__).with_suffix(".csv")
CASES = [(200, 100, 5), (200, 100, 20), (300, 200, 5), (300, 1000, 5)]
"""Plants, genes, networks."""
EPOCHS, ROUNDS, SEED = 3, 3, 55


def folds_of(n: int, k: int) -> list[np.ndarray]:
    """Training rows of k fits, each without a fifth of the plants."""
    order = np.random.default_rng([SEED, n]).permutation(n)
    return [np.sort(order[np.arange(n) % 5 != i % 5]) for i in range(k)]


def run(way: str, inputs, Y, rows, double: bool = False) -> tuple[float, np.ndarray]:
    """CPU seconds of one way, and the predictions at its end."""
    k, genes = len(rows), inputs.shape[1]
    models = [
        Galiana(genes, generator=torch_generator(np.random.default_rng([SEED, i])))
        for i in range(k)
    ]
    if double:
        models, inputs = [model.double() for model in models], inputs.dense().double()
    generators = [np.random.default_rng([SEED, 1, i]) for i in range(k)]
    start = time.process_time()
    if way == "apart":
        for model, part, rng in zip(models, rows, generators, strict=True):
            train(model, inputs, Y, rows=part, generator=rng, epochs=EPOCHS)
    else:
        train_together(models, inputs, Y, rows, generators=generators, epochs=EPOCHS)
    seconds = time.process_time() - start
    return seconds, np.array([predict(model, inputs) for model in models])


def measure(n: int, genes: int, k: int) -> dict:
    """CPU seconds of both ways, and how far their ends are apart."""
    panel = simulate_plants(n, genes, random_state=SEED)
    inputs = distinct_genes(panel.tensor.astype(np.float32))
    Y = np.random.default_rng(SEED).normal(size=(n, 36))
    rows, best, gaps = folds_of(n, k), {"apart": np.inf, "together": np.inf}, []
    for _ in range(ROUNDS):
        ends = {way: run(way, inputs, Y, rows) for way in best}
        best = {way: min(best[way], ends[way][0]) for way in best}
        gaps.append(np.abs(ends["apart"][1] - ends["together"][1]).max())
    exact = np.nan
    if genes <= 100:
        ends = [run(way, inputs, Y, rows, double=True)[1] for way in best]
        exact = np.abs(ends[0] - ends[1]).max()
    sizes = {"plants": n, "genes": genes, "networks": k}
    times = {f"{way}_s": seconds for way, seconds in best.items()}
    ratio = {"ratio": best["together"] / best["apart"]}
    return sizes | times | ratio | {"largest_gap": max(gaps), "gap_in_double": exact}


def main() -> None:
    """Measure all cases and write the table."""
    torch.set_num_threads(1)
    measure(100, 50, 2)
    table = pd.DataFrame([measure(*case) for case in CASES])
    table.to_csv(TABLE, index=False, float_format="%.3g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
