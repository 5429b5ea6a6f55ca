"""Galiana on simulated panels, one setting changed at a time: the study behind chapter 53.

    python benchmarks/galiana_study.py [--minutes 4]

A panel has 700 plants with 200 genes and 36 traits; the networks learn from 200 of 400 plants and
are scored on 300 others. The recipe in the burden world and GBLUP beside it go through fifty
panels. Every other setting ("arm") goes through the first twelve of them, so that arms compare in
pairs; networks on chosen genes go through the first six. Rows are appended to
``benchmarks/galiana_study.csv`` when an arm is finished on a group of panels, the recipe's scores
along the way, on its first twenty panels, to ``benchmarks/galiana_epochs.csv``; what is there is
not computed again: a stopped run goes on where it was. ``--minutes`` begins nothing new after that
time. About ten minutes of one core in all.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gitools.association.mixed_model import gblup, kinship
from gitools.book.studies import galiana as studies
from gitools.genomes.distinct import distinct_genes
from gitools.genomes.together import Stack, predict_together, train_together
from gitools.genomes.training import saliency

TABLE = Path(__file__).with_suffix(".csv")
EPOCHS_TABLE = TABLE.with_name("galiana_epochs.csv")
SEED = 53
# All fifty panels carry the comparison with GBLUP in the burden world; the other arms go through
# the first twelve, six at a time, networks on chosen genes through the first six of them.
GROUPS = (range(20), range(20, 35), range(35, 50))
FEW = (range(6), range(6, 12))
ALL_FEW = range(12)
SOME_TASKS = (0, 27)
SELECTED_TASKS = range(0, 36, 6)
EPOCHS, BATCH = 50, 10
SEEN_EPOCHS = (1, 2, 3, 5, 10, 20, 30, 40, 50)
N_CHOSEN_GENES, N_PERMUTATIONS = 20, 199


@dataclass(frozen=True)
class Arm:
    """What is trained, and on what; the base is the paper's recipe on 200 plants."""

    architecture: str = "burden"
    n: int = 200
    width: int = 50
    dropout: float = 0.0
    l2: float = 1e-6
    decay: float = 1 / 3
    alone: bool = False
    shuffled: bool = False
    genes: str = "all"
    follow: bool = False
    saliency: bool = False


BASE = Arm()
ARMS = {
    "burden": replace(BASE, follow=True, saliency=True),
    "width-2": replace(BASE, width=2),
    "width-200": replace(BASE, width=200),
    "dropout": replace(BASE, dropout=0.5),
    "shuffled": replace(BASE, shuffled=True, saliency=True),
    "two-thirds": replace(BASE, decay=2 / 3),
    "width-10": replace(BASE, width=10),
    "n-100": replace(BASE, n=100),
    "additive": replace(BASE, architecture="additive"),
    "alone": replace(BASE, alone=True),
    "n-400": replace(BASE, n=400, saliency=True),
    "inside-shuffled": replace(BASE, alone=True, genes="inside", shuffled=True),
    "outside-shuffled": replace(BASE, alone=True, genes="outside", shuffled=True),
    "inside": replace(BASE, alone=True, genes="inside"),
    "outside": replace(BASE, alone=True, genes="outside"),
    "l2-1e-4": replace(BASE, l2=1e-4),
}


@lru_cache(maxsize=120)
def panel_of(number, architecture):
    """A panel; plants are the same for all architectures."""
    return studies.draw_panel(architecture, random_state=[SEED, 100, number])


def labels_of(panel, number, arm):
    """The traits, or the traits of other plants of the same country."""
    if not arm.shuffled:
        return panel.traits
    rng = np.random.default_rng([SEED, 200, number])
    return studies.shuffle_within(panel.traits, panel.country, rng)


def chosen_genes(panel, labels, arm, task):
    """The genes that the network is given."""
    if arm.genes == "all":
        return np.arange(panel.tensor.shape[1])
    rows = panel.pool[: arm.n]
    if arm.genes == "outside":
        rows = np.concatenate([rows, panel.test])
    counts = studies.damaging_counts(panel.tensor[rows])
    found = studies.gene_statistics(labels[rows][:, [task]], counts)[:, 0]
    return np.sort(np.argsort(-found, kind="stable")[:N_CHOSEN_GENES])


class Pupil:
    """One network's data: plants that train come first, then the test plants."""

    def __init__(self, number, arm, task):
        self.number = number
        panel = panel_of(number, arm.architecture)
        labels = labels_of(panel, number, arm)
        rows = np.concatenate([panel.pool[: arm.n], panel.test])
        tasks = np.arange(labels.shape[1]) if task is None else np.array([task])
        genes = chosen_genes(panel, labels, arm, task)
        self.panel, self.genes = panel, genes
        self.n, self.country = arm.n, panel.country[rows]
        self.values, self.genetic = labels[rows][:, tasks], panel.genetic[rows][:, tasks]
        x = panel.tensor[rows][:, genes].astype(np.float32)
        self.x = (x - x[: arm.n].mean()) / x[: arm.n].std()
        train = self.values[: arm.n]
        self.y = (self.values - train.mean(axis=0)) / train.std(axis=0)

    def scores(self, predictions):
        """Mean correlation within countries on the plants that trained and on the others."""
        parts = (slice(None, self.n), slice(self.n, None))
        return [
            studies.correlations_within(self.values[p], predictions[p], self.country[p])
            for p in parts
        ]

    def ceiling(self):
        """What the true genetic values score on the test plants."""
        test = slice(self.n, None)
        return studies.correlations_within(
            self.values[test], self.genetic[test], self.country[test]
        ).mean()


def pupils_of(name, arm, group):
    tasks = SOME_TASKS if arm.alone and arm.genes == "all" else [0 if arm.alone else None]
    return [Pupil(number, arm, task) for number in group for task in tasks]


def train_arm(name, arm, group):
    """Train an arm on a group of panels: rows of the table and of the table of epochs."""
    rng = np.random.default_rng([SEED, 300, *name.encode(), group[0]])
    pupils = pupils_of(name, arm, group)
    n_genes, n_types = pupils[0].x.shape[1:]
    models = studies.start_models(
        len(pupils), n_genes, n_types, pupils[0].y.shape[1], arm.width, rng
    )
    inputs = [distinct_genes(pupil.x) for pupil in pupils]
    orders = np.array([[rng.permutation(arm.n) for _ in range(EPOCHS)] for _ in range(len(pupils))])
    masks = torch.Generator().manual_seed(int(rng.integers(2**62)))
    stack = Stack(models, dropout=arm.dropout, generator=masks)
    followed = []

    def follow(epoch, losses):
        if arm.follow and group[0] == 0 and epoch in SEEN_EPOCHS:
            for pupil, predictions in zip(pupils, predict_together(stack, inputs), strict=True):
                train, test = (f"{r.mean():.4f}" for r in pupil.scores(predictions))
                followed.append(
                    {"panel": pupil.number, "epoch": epoch, "train_r": train, "test_r": test}
                )

    train_together(
        stack,
        inputs,
        [pupil.y for pupil in pupils],
        orders=orders,
        batch_size=BATCH,
        weight_decay=arm.l2,
        decay=arm.decay,
        on_epoch=follow,
    )
    stack.write_back(models)
    rows = [
        row_of(name, arm, *one)
        for one in zip(pupils, predict_together(stack, inputs), models, strict=True)
    ]
    return rows, followed


def row_of(name, arm, pupil, predictions, model):
    """Scores of one trained network."""
    train, test = pupil.scores(predictions)
    row = {"arm": name, "panel": pupil.number, "train_r": train.mean(), "test_r": test.mean()}
    row["ceiling"] = pupil.ceiling()
    if len(test) > 1:
        row["test_first"], row["test_some"] = test[0], test[list(SOME_TASKS)].mean()
    if arm.saliency:
        found = saliency(model, pupil.x[: pupil.n])
        causal = pupil.panel.causal_genes
        row["precision"] = studies.precision_at_causal(found, causal).mean()
        row["chance"] = causal.mean()
    if arm.shuffled and not arm.alone:
        rng = np.random.default_rng([SEED, 400, pupil.number])
        rest = slice(pupil.n, None)
        p_values = studies.permutation_p_values(
            pupil.values[rest], predictions[rest], pupil.country[rest], N_PERMUTATIONS, rng
        )
        row["rejected"] = (p_values <= 0.05).mean()
    return row


def gene_tests(arm, group):
    """Precision of tests, one gene or variant at a time; rows, and none for the other table."""
    rows = []
    for number in group:
        panel = panel_of(number, arm.architecture)
        train = panel.pool[: arm.n]
        y = panel.traits[train]
        found = {
            "damaging-count": studies.gene_statistics(
                y, studies.damaging_counts(panel.tensor[train])
            ),
            "all-count": studies.gene_statistics(y, panel.tensor[train].sum(axis=2).astype(float)),
            "best-variant": studies.best_in_gene(
                studies.gene_statistics(y, panel.variants[train].astype(float)),
                panel.variant_gene,
                panel.tensor.shape[1],
            ),
        }
        for name, statistics in found.items():
            precision = studies.precision_at_causal(statistics, panel.causal_genes).mean()
            rows.append({"arm": f"{name}-{arm.n}", "panel": number, "precision": precision})
    return rows, []


def gblup_rows(architecture, n, group):
    """GBLUP on the same plants, from tensors and from variants; rows, and none for the other."""
    rows = []
    for number in group:
        pupil = Pupil(number, replace(BASE, architecture=architecture, n=n), None)
        order = np.concatenate([pupil.panel.pool[:n], pupil.panel.test])
        inputs = {
            "tensor": pupil.x.reshape(len(order), -1),
            "variants": pupil.panel.variants[order],
        }
        at = np.arange(len(order))
        for name, values in inputs.items():
            predictions = gblup(kinship(values), pupil.y, at[:n], at)
            train, test = pupil.scores(predictions)
            rows.append(
                {
                    "arm": f"gblup-{name}-{architecture}-{n}",
                    "panel": number,
                    "train_r": train.mean(),
                    "test_r": test.mean(),
                    "ceiling": pupil.ceiling(),
                }
            )
    return rows, []


def selection_rows(group):
    """Ridge on the best genes for a trait, chosen without and with the test plants' labels."""
    rows = []
    for number in group:
        panel = panel_of(number, "burden")
        for where, shuffled in itertools.product(("inside", "outside"), (False, True)):
            arm = replace(BASE, genes=where, shuffled=shuffled)
            order = np.concatenate([panel.pool[: arm.n], panel.test])
            labels, at = labels_of(panel, number, arm), np.arange(len(order))
            found = []
            for task in SELECTED_TASKS:
                genes = chosen_genes(panel, labels, arm, task)
                K = kinship(panel.tensor[order][:, genes].reshape(len(order), -1))
                y = labels[order][:, [task]]
                guess = gblup(K, y, at[: arm.n], at[arm.n :])
                rest = slice(arm.n, None)
                found.append(
                    studies.correlations_within(y[rest], guess, panel.country[order][rest])[0]
                )
            name = f"ridge-{where}{'-shuffled' if shuffled else ''}"
            rows.append({"arm": name, "panel": number, "test_r": np.mean(found)})
    return rows, []


def jobs():
    """(name of the arm that shows that a job is done, first panel, function that does it)."""
    for n in (200, 400):
        yield f"damaging-count-{n}", 0, partial(gene_tests, replace(BASE, n=n), ALL_FEW)
    for n in (100, 400):
        yield f"gblup-tensor-burden-{n}", 0, partial(gblup_rows, "burden", n, ALL_FEW)
    yield "ridge-inside", 0, partial(selection_rows, ALL_FEW)
    chosen = [name for name, arm in ARMS.items() if arm.genes != "all"]
    others = [name for name in ARMS if name not in ("burden", *chosen)]
    yield "burden", 0, partial(train_arm, "burden", ARMS["burden"], GROUPS[0])
    yield "gblup-tensor-additive-200", 0, partial(gblup_rows, "additive", 200, ALL_FEW)
    for group in GROUPS:
        job = partial(gblup_rows, "burden", 200, group)
        yield "gblup-tensor-burden-200", group[0], job
    for name in chosen:
        yield name, 0, partial(train_arm, name, ARMS[name], FEW[0])
    for name in others:
        yield name, 0, partial(train_arm, name, ARMS[name], FEW[0])
        yield name, FEW[1][0], partial(train_arm, name, ARMS[name], FEW[1])
    for group in GROUPS[1:]:
        yield "burden", group[0], partial(train_arm, "burden", ARMS["burden"], group)


COLUMNS = [
    "arm",
    "panel",
    "train_r",
    "test_r",
    "ceiling",
    "test_first",
    "test_some",
    "precision",
    "chance",
    "rejected",
]


def append(path, rows, columns):
    """Add rows to a table, with its header where it is new."""
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4f")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=np.inf)
    minutes = parser.parse_args(arguments).minutes
    torch.set_num_threads(1)
    begin = time.monotonic()
    for name, first, work in jobs():
        done = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame(columns=COLUMNS)
        if ((done.arm == name) & (done.panel == first)).any():
            continue
        if time.monotonic() - begin > 60 * minutes:
            print("stopped; run again to go on", flush=True)
            return
        started, wall = time.process_time(), time.monotonic()
        rows, followed = work()
        append(TABLE, rows, COLUMNS)
        if followed:
            append(EPOCHS_TABLE, followed, ["panel", "epoch", "train_r", "test_r"])
        print(
            f"{name} from panel {first}: {time.process_time() - started:.0f} s of processor, "
            f"{time.monotonic() - wall:.0f} s",
            flush=True,
        )
    print("complete", flush=True)


if __name__ == "__main__":
    main()
