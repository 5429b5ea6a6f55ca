"""Nested cross-validation of Galiana with Optuna: what tuning gains, and why little (chapter 56).

    python benchmarks/ionome_compared_tuning.py [--panels 5] [--minutes 4]

On panels of ``ionome_compared.py`` (additive traits, the same folds): in each outer fold a fifth of
the training plants is set apart, 16 % of all, as in the paper. Optuna tries twelve settings of
learning rate and L2 penalty, the paper's first; each is trained on the rest and scored on the
validation plants, and, only to be reported, on the test plants. The best by validation is then
trained on all training plants. Needs ``optuna``, of the extra [scale]. One row a trial and a fold.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import torch
from ionome_compared import (
    BATCH,
    EPOCHS,
    N_FOLDS,
    N_GENES,
    N_PLANTS,
    N_TRAITS,
    draw,
    orders_of,
    stream,
)
from tqdm import tqdm

from gitools.book.studies.ionome import centre, trait_scores
from gitools.genomes.evaluation import standardise_targets
from gitools.genomes.models import Galiana
from gitools.genomes.together import Stack, predict_together, train_together
from gitools.genomes.training import torch_generator

TABLE = Path(__file__).with_suffix(".csv")
N_TRIALS = 12
PAPER = {"learning_rate": 1e-2, "weight_decay": 1e-6}


def suggest(trial) -> dict:
    """Settings of one trial: an order of magnitude or two around the paper's."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-7, 1e-1, log=True),
    }


def fit(data, rows, settings, rng) -> np.ndarray:
    """Predictions [folds, n, traits] of a Galiana for each fold, each with settings of its own."""
    generators = rng.spawn(N_FOLDS)
    n_genes = data.panel.tensor.shape[1]
    stack = Stack(
        [Galiana(n_genes, n_tasks=N_TRAITS, generator=torch_generator(g)) for g in generators]
    )
    train_together(
        stack,
        data.genes,
        np.array([standardise_targets(data.traits["additive"].means, r) for r in rows]),
        orders=orders_of(generators, rows, EPOCHS),
        batch_size=BATCH,
        learning_rate=[s["learning_rate"] for s in settings],
        weight_decay=[s["weight_decay"] for s in settings],
    )
    return predict_together(stack, data.genes)


def score(data, prediction, plants) -> float:
    """Mean over traits of the correlation of some plants, countries' means taken out."""
    Y = data.traits["additive"].means[plants]
    country = data.panel.country[plants]
    y, p = centre(Y, country), centre(prediction[plants], country)
    norm = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    return float(np.mean((y * p).sum(axis=0) / np.maximum(norm, 1e-12)))


def run(number: int, n_genes: int = N_GENES) -> list[dict]:
    """All trials of one panel, and the final fits."""
    data = draw(number, N_PLANTS, n_genes)
    Y, folds = data.traits["additive"].means, data.folds
    rng = stream(7, number)
    train = [np.flatnonzero(folds != k) for k in range(N_FOLDS)]
    parts = [np.split(rng.permutation(rows), [len(rows) // 5]) for rows in train]
    inner = np.array([np.sort(rest) for _, rest in parts])
    seeds = [int(rng.integers(2**31)) for _ in range(N_FOLDS)]
    studies = [
        optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=s))
        for s in seeds
    ]
    for study in studies:
        study.enqueue_trial(PAPER)
    rows = []
    for number_of_trial in range(N_TRIALS):
        trials = [study.ask() for study in studies]
        settings = [suggest(trial) for trial in trials]
        predictions = fit(data, inner, settings, rng)
        for k in range(N_FOLDS):
            validation = score(data, predictions[k], parts[k][0])
            studies[k].tell(trials[k], validation)
            test = score(data, predictions[k], np.flatnonzero(folds == k))
            rows.append(
                {"panel": number, "fold": k, "trial": number_of_trial, **settings[k]}
                | {"validation": validation, "test": test}
            )
    outer = np.array(train)
    for name, settings in (
        ("paper", [PAPER] * N_FOLDS),
        ("tuned", [study.best_params for study in studies]),
    ):
        rows.append({"panel": number, "trial": name, "test": final(data, outer, settings, Y, rng)})
    return rows


def final(data, rows, settings, Y, rng) -> float:
    """Score within countries of fits to all training plants, as in the main comparison."""
    predictions = fit(data, rows, settings, rng)
    found = np.empty_like(Y)
    for k in range(N_FOLDS):
        test = data.folds == k
        found[test] = predictions[k][test] * Y[~test].std(axis=0) + Y[~test].mean(axis=0)
    return float(trait_scores(Y, found, data.panel.country, folds=data.folds).mean())


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no panel after these")
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done = set(pd.read_csv(options.table).panel) if options.table.exists() else set()
    started = time.monotonic()
    panels = [k for k in range(options.panels) if k not in done]
    for number in tqdm(panels, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        if time.monotonic() - started > 60 * options.minutes:
            return
        columns = ["panel", "fold", "trial", "learning_rate", "weight_decay", "validation", "test"]
        table = pd.DataFrame(run(number)).reindex(columns=columns)
        table.to_csv(
            options.table,
            mode="a",
            header=not options.table.exists(),
            index=False,
            float_format="%.4g",
        )


if __name__ == "__main__":
    main()
