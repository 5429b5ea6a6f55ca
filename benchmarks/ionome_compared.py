"""The ionome paper's models and the baselines it lacks, on simulated panels: chapter 56.

    python benchmarks/ionome_compared.py [--parts networks linear ...] [--panels 20] [--minutes 4]

Every panel has 200 inbred plants and 60 genes, and 36 traits for each architecture; all models see
the same five random folds. Networks have the paper's layouts and settings (50 epochs, RMSprop from
a learning rate of 0.01), but batches of 20. Sizes follow from time alone: with these a panel costs
one core about half a minute, and 20 panels fit the time at hand. Rows are appended to
``ionome_compared.csv`` as they are finished and only missing ones are computed, so that a stopped
run goes on where it was; a panel's fifteen best scatters and single traits go to
``ionome_compared_scatters.csv`` and ``ionome_compared_traits.csv``. At the end tables are sorted.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import ElasticNet, enet_path
from tqdm import tqdm

from gitools.association.mixed_model import gblup, kinship
from gitools.book.studies.ionome import (
    centre,
    country_scores,
    permutation_p_values,
    permute_within,
    trait_scores,
    within_country_ceilings,
)
from gitools.genomes.distinct import distinct_genes
from gitools.genomes.evaluation import country_mean_prediction, gps_encoding, standardise_targets
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana
from gitools.genomes.preprocess import standardise
from gitools.genomes.together import Stack, predict_together, train_together
from gitools.genomes.training import torch_generator
from gitools.simulate.plants import ARCHITECTURES, simulate_ionome, simulate_plants

TABLE = Path(__file__).with_suffix(".csv")
TRAITS = TABLE.with_name("ionome_compared_traits.csv")
SCATTERS = TABLE.with_name("ionome_compared_scatters.csv")
KEYS = ["panel", "n", "architecture", "labels", "model"]

SEED = 56
N_PLANTS, N_GENES, N_FOLDS, N_TRAITS = 200, 60, 5, 36
SIZES = (100, 400)
EPOCHS, EARLY, BATCH = 50, 30, 20
NETWORK_ARCHITECTURES = ("additive", "burden", "epistatic")
SPARSE_PENALTY = 1e-4
"""L2 penalty of the sparse models in the paper; 1e-6 for all others."""
HERITABILITIES = np.geomspace(0.02, 0.5, N_TRAITS)
"""Of one replicate, shuffled over the traits: the mean of six has a reliability of 0.11 to 0.86,
so that some traits are mostly noise, as some measured elements are, and some hardly at all."""
FIRST_TRAITS = slice(0, N_TRAITS, 6)
"""Elastic nets are fitted to every sixth trait: a path for each takes a tenth of a second."""


class Data(NamedTuple):
    """A panel with its folds and its traits by architecture."""

    panel: object
    folds: np.ndarray
    traits: dict
    genes: object


def stream(*key):
    """A generator for one part of the study."""
    return np.random.default_rng([SEED, *key])


@cache
def draw(number: int, n_plants: int, n_genes: int) -> Data:
    """The panel of a number, its random folds, and traits of every architecture."""
    key = (number, n_plants)
    panel = simulate_plants(n_plants, n_genes, random_state=stream(1, *key))
    folds = stream(2, *key).permutation(np.arange(n_plants) % N_FOLDS)
    traits = {}
    for k, architecture in enumerate(ARCHITECTURES):
        traits[architecture] = draw_traits(panel, architecture, (3, *key, k))
    # One mean and one standard deviation over all plants, as in the paper: no label is looked at.
    genes = distinct_genes(standardise(panel.tensor, "global"))
    return Data(panel, folds, traits, genes)


def draw_traits(panel, architecture: str, key):
    """Traits of one architecture, drawn again where one of them has no variance to be predicted.

    In a small genome it happens that no causal gene of a trait varies within countries.
    """
    for attempt in itertools.count():
        rng = stream(*key, *([attempt] if attempt else []))
        heritability = rng.permutation(HERITABILITIES)
        try:
            return simulate_ionome(
                panel,
                architecture,
                n_traits=N_TRAITS,
                heritability=heritability,
                random_state=rng,
            )
        except ValueError:
            if attempt == 20:
                raise


def targets_of(data: Data, architectures, permuted: bool, key) -> dict:
    """The traits' means; permuted within countries for the null."""
    Y = {a: data.traits[a].means for a in architectures}
    if permuted:
        order = permute_within(data.panel.country, random_state=stream(4, *key))
        Y = {a: values[order] for a, values in Y.items()}
    return Y


def orders_of(generators, rows, epochs: int) -> np.ndarray:
    """The plants of each network in the order of each epoch, [networks, epochs, plants]."""
    return np.array(
        [[g.permutation(r) for _ in range(epochs)] for g, r in zip(generators, rows, strict=True)]
    )


class Runs:
    """The five folds of several sets of traits, side by side: what networks are stacked over."""

    def __init__(self, data: Data, Y: dict, rng):
        self.data, self.Y, self.rng = data, Y, rng
        folds = data.folds
        self.train = [np.flatnonzero(folds != k) for k in range(N_FOLDS)]
        self.rows = np.array(self.train * len(Y))

    def targets(self, values=None):
        """Targets [networks, n, T], standardised on each network's training plants."""
        values = self.Y if values is None else values
        return np.array([standardise_targets(y, t) for y in values.values() for t in self.train])

    def fit(self, make, inputs, *, targets=None, weight_decay=1e-6, start=None):
        """A stack trained from new weights, or from those of another stack but for its head.

        With it its weights after the first epochs.
        """
        generators = self.rng.spawn(len(self.rows))
        stack = Stack([make(torch_generator(g)) for g in generators])
        if start is not None:
            stack.copy_from(start, leave_out="head")
        early = None

        def keep(epoch, losses):
            nonlocal early
            if epoch == EARLY:
                early = stack.snapshot()

        train_together(
            stack,
            inputs,
            self.targets() if targets is None else targets,
            orders=orders_of(generators, self.rows, EPOCHS),
            batch_size=BATCH,
            weight_decay=weight_decay,
            on_epoch=keep,
        )
        return stack, early

    def predictions(self, stack, inputs) -> dict:
        """Out-of-fold predictions of each set of traits, in the traits' units."""
        return self.out_of_fold(predict_together(stack, inputs))

    def out_of_fold(self, values) -> dict:
        """From predictions of all networks for all plants, in training standard deviations."""
        found, k = {}, 0
        for name, y in self.Y.items():
            found[name] = np.empty_like(y)
            for fold, train in enumerate(self.train):
                test = self.data.folds == fold
                scale, level = y[train].std(axis=0), y[train].mean(axis=0)
                found[name][test] = values[k][test] * scale + level
                k += 1
        return found


def run_galiana(runs: Runs) -> dict:
    """Galiana, from scratch."""
    n_genes = runs.data.panel.tensor.shape[1]
    stack, _ = runs.fit(lambda g: Galiana(n_genes, n_tasks=N_TRAITS, generator=g), runs.data.genes)
    return {"Galiana": runs.predictions(stack, runs.data.genes)}


def run_bmsnn(runs: Runs, hidden: int) -> dict:
    """A sparse model."""
    panel = runs.data.panel
    shape = (panel.pathways, panel.tensor.shape[1], panel.n_pathways, hidden)
    stack, _ = runs.fit(
        lambda g: BMSNN(*shape, n_tasks=N_TRAITS, generator=g),
        runs.data.genes,
        weight_decay=SPARSE_PENALTY,
    )
    return {f"BMSNN{hidden}": runs.predictions(stack, runs.data.genes)}


def run_transfer(runs: Runs) -> dict:
    """T1 inside each fold, then fine-tuning (30 and 50 epochs) and heads on the frozen encoding."""
    genes, n_genes = runs.data.genes, runs.data.panel.tensor.shape[1]
    auxiliary = {a: runs.data.traits[a].auxiliary for a in runs.Y}
    n_auxiliary = next(iter(auxiliary.values())).shape[1]
    first, _ = runs.fit(
        lambda g: Galiana(n_genes, n_tasks=n_auxiliary, generator=g),
        genes,
        targets=runs.targets(auxiliary),
    )
    tuned, early = runs.fit(
        lambda g: Galiana(n_genes, n_tasks=N_TRAITS, generator=g), genes, start=first
    )
    found = {"transf50": runs.predictions(tuned, genes)}
    tuned.restore(early)
    found["transf30"] = runs.predictions(tuned, genes)
    encoding = list(torch.from_numpy(predict_together(first, genes, encoding=True)))
    for hidden in (200, 500):
        head, _ = runs.fit(
            lambda g, hidden=hidden: FrozenHead(hidden, n_tasks=N_TRAITS, generator=g), encoding
        )
        found[f"frozen{hidden}"] = runs.predictions(head, encoding)
    return found


def run_gpsnn(runs: Runs) -> dict:
    """Coordinates only, encoded as printed and on the unit sphere."""
    found = {}
    for kind, name in (("printed", "GPSNN"), ("sphere", "GPSNN, sphere")):
        points = gps_encoding(runs.data.panel.coordinates, kind)
        inputs = torch.tensor(points, dtype=torch.float32)
        stack, _ = runs.fit(lambda g: GPSNN(N_TRAITS, generator=g), inputs)
        found[name] = runs.predictions(stack, inputs)
    return found


NETWORKS = {
    "Galiana": run_galiana,
    "BMSNN100": lambda runs: run_bmsnn(runs, 100),
    "GPSNN": run_gpsnn,
    "transfer": run_transfer,
    "BMSNN50": lambda runs: run_bmsnn(runs, 50),
}
MEMBERS = {
    "transfer": ("transf50", "transf30", "frozen200", "frozen500"),
    "GPSNN": ("GPSNN", "GPSNN, sphere"),
}


def run_linear(runs: Runs) -> dict:
    """Means, and GBLUP with the kinship of SNPs or of gene tensors."""
    panel, folds = runs.data.panel, runs.data.folds
    counts = panel.tensor.reshape(len(panel.tensor), -1).astype(float)
    kinships = {"GBLUP, SNPs": kinship(panel.variants), "GBLUP, tensors": kinship(counts)}
    found = {}
    for name, Y in runs.Y.items():
        parts = {key: np.empty_like(Y) for key in ("mean", "country mean", *kinships)}
        for fold, train in enumerate(runs.train):
            test = np.flatnonzero(folds == fold)
            parts["mean"][test] = Y[train].mean(axis=0)
            parts["country mean"][test] = country_mean_prediction(Y, panel.country, train, test)
            for key, K in kinships.items():
                parts[key][test] = gblup(K, Y, train, test)
        for key, prediction in parts.items():
            found.setdefault(key, {})[name] = prediction
    return found


def run_truth(runs: Runs) -> dict:
    """The genetic values themselves."""
    return {"genetic value": {a: runs.data.traits[a].genetic for a in runs.Y}}


def elastic_net(X, y, train, test, rng) -> np.ndarray:
    """Predictions; the penalty is the best of eight on a fifth of the training plants."""
    held = rng.permutation(len(train)) < len(train) // 5
    inner, validation = train[~held], train[held]
    Z = np.asfortranarray(X - X[inner].mean(axis=0))
    largest = np.abs(Z[inner].T @ (y[inner] - y[inner].mean())).max() / (0.5 * len(inner))
    penalties = largest * np.geomspace(0.9, 0.1, 8)
    level = y[inner].mean()
    _, path, _ = enet_path(Z[inner], y[inner] - level, l1_ratio=0.5, alphas=penalties, tol=1e-3)
    errors = ((y[validation] - level)[:, None] - Z[validation] @ path) ** 2
    best = penalties[errors.mean(axis=0).argmin()]
    fitted = ElasticNet(alpha=best, l1_ratio=0.5, tol=1e-3).fit(X[train], y[train])
    return fitted.predict(X[test])


def run_elastic_net(runs: Runs) -> dict:
    """Elastic nets on common SNPs and on tensors, for every sixth trait."""
    panel, folds = runs.data.panel, runs.data.folds
    frequency = panel.variants.mean(axis=0)
    common = panel.variants[:, (frequency >= 0.05) & (frequency <= 0.95)]
    counts = panel.tensor.reshape(len(panel.tensor), -1)
    found = {}
    for key, X in (("elastic net, SNPs", common), ("elastic net, tensors", counts)):
        X = np.unique(X.astype(float), axis=1)
        X = X[:, X.std(axis=0) > 0]
        X = np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0))
        found[key] = {}
        for name, Y in runs.Y.items():
            part = found[key][name] = np.empty_like(Y[:, FIRST_TRAITS])
            for fold, train in enumerate(runs.train):
                test = np.flatnonzero(folds == fold)
                for t, y in enumerate(Y[:, FIRST_TRAITS].T):
                    part[test, t] = elastic_net(X, y, train, test, runs.rng)
    return found


def summary(Y, prediction, data: Data, ceilings, heritability) -> dict:
    """What a row of the table says about one model on one set of traits."""
    country, folds = data.panel.country, data.folds
    scores = trait_scores(Y, prediction, country, folds=folds)
    pooled = trait_scores(Y, prediction, country)
    whole = _columns(Y, prediction)
    cells = np.sort(country_scores(Y, prediction, country, folds=folds), axis=None)[::-1]
    cells = cells[np.isfinite(cells)]
    half = Y.shape[1] // 2
    likeness = np.abs(np.corrcoef(centre(Y, country), rowvar=False))
    row = {
        "leaf": scores[:half].mean(),
        "seed": scores[half:].mean(),
        "score": scores.mean(),
        "first_traits": scores[FIRST_TRAITS].mean() if half > 3 else scores.mean(),
        "leaf_sd": scores[:half].std(ddof=1),
        "seed_sd": scores[half:].std(ddof=1),
        "pooled": pooled.mean(),
        "whole": whole.mean(),
        "best": cells[0] if len(cells) else np.nan,
        "best15": cells[:15].mean() if len(cells) else np.nan,
        "fifteenth": cells[14] if len(cells) > 14 else np.nan,
    }
    if half > 3:
        row |= {
            "near_replicate": np.mean(scores >= 0.9 * ceilings.replicate),
            "above_replicate": np.mean(scores > ceilings.replicate),
            "above_genetic": np.mean(scores > ceilings.genetic),
            "with_heritability": _correlation(scores, heritability),
            "with_likeness": _correlation(scores, (likeness.sum(axis=0) - 1) / (2 * half - 1)),
        }
    return row


def _columns(Y, prediction):
    y, p = centre(Y, np.zeros(len(Y), dtype=int)), centre(prediction, np.zeros(len(Y), dtype=int))
    norm = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    return np.divide((y * p).sum(axis=0), norm, out=np.full(len(norm), np.nan), where=norm > 0)


def _correlation(a, b):
    return np.corrcoef(a, b)[0, 1] if np.isfinite(a).all() else np.nan


def ceiling_rows(ceilings) -> dict:
    """Both ceilings as rows of the table, and the error of the estimated one."""
    half = len(ceilings.replicate) // 2
    error = np.sqrt(np.mean((ceilings.estimated - ceilings.replicate) ** 2))
    rows = {}
    for name in ("replicate", "genetic"):
        values = getattr(ceilings, name)
        rows[f"{name} ceiling"] = {
            "leaf": values[:half].mean(),
            "seed": values[half:].mean(),
            "score": values.mean(),
            "first_traits": values[FIRST_TRAITS].mean(),
        }
    rows["replicate ceiling"]["estimate_error"] = error
    return rows


PARTS = {
    "linear": (run_linear, ARCHITECTURES),
    "truth": (run_truth, ARCHITECTURES),
    "elastic net": (run_elastic_net, NETWORK_ARCHITECTURES),
    **{name: (run, NETWORK_ARCHITECTURES) for name, run in NETWORKS.items()},
}
OUTPUTS = {
    "linear": ("mean", "country mean", "GBLUP, SNPs", "GBLUP, tensors"),
    "truth": ("genetic value",),
    "elastic net": ("elastic net, SNPs", "elastic net, tensors"),
    **{name: MEMBERS.get(name, (name,)) for name in NETWORKS},
}


NULL_PARTS = ("linear", "Galiana", "BMSNN100", "GPSNN")
"""What is run again on labels permuted within countries."""


class Job(NamedTuple):
    """One part of the study on one panel."""

    panel: int
    n: int
    part: str
    labels: str = "true"

    @property
    def architectures(self):
        return ("additive",) if self.labels == "permuted" else PARTS[self.part][1]

    @property
    def rows(self):
        keys = [(a, m) for a in self.architectures for m in OUTPUTS[self.part]]
        return [(self.panel, self.n, a, self.labels, m) for a, m in keys]


def plan(n_panels: int, parts) -> list[Job]:
    """All jobs, a panel's together, so that a run that is cut short is whole for its panels."""
    jobs = []
    for k in range(n_panels):
        wanted = {"networks": list(NETWORKS), "linear": ["linear", "truth", "elastic net"]}
        for group in ("linear", "networks"):
            jobs += [Job(k, N_PLANTS, part) for part in wanted[group] if group in parts]
        if "null" in parts and 2 * k < n_panels:
            jobs += [Job(k, N_PLANTS, part, "permuted") for part in NULL_PARTS]
        if "sizes" in parts and 2 * k < n_panels:
            jobs += [Job(k, n, p) for n in SIZES for p in ("linear", "truth", "Galiana")]
    return jobs


def run(job: Job, n_genes: int = N_GENES):
    """Rows of the table, of single traits and of scatters for one job."""
    started = time.process_time()
    data = draw(job.panel, job.n, n_genes)
    where = (job.panel, job.n, list(PARTS).index(job.part), int(job.labels == "permuted"))
    Y = targets_of(data, job.architectures, job.labels == "permuted", where[:2])
    found = PARTS[job.part][0](Runs(data, Y, stream(5, *where)))
    rows, traits, scatters, rng = [], [], [], stream(6, *where)
    for model, by_architecture in found.items():
        for architecture, prediction in by_architecture.items():
            truth = data.traits[architecture]
            y = Y[architecture]
            y = y if prediction.shape == y.shape else y[:, FIRST_TRAITS]
            ceilings = within_country_ceilings(truth, data.panel.country)
            key = dict(zip(KEYS, (job.panel, job.n, architecture, job.labels, model), strict=True))
            rows.append(key | summary(y, prediction, data, ceilings, truth.heritability))
            if job.labels == "permuted":
                p = permutation_p_values(
                    y, prediction, data.panel.country, data.folds, random_state=rng
                )
                rows[-1]["rejected"] = np.sum(p <= 0.05) if np.isfinite(p).all() else np.nan
            if job.part == "truth":
                rows += [
                    key | {"model": name} | row for name, row in ceiling_rows(ceilings).items()
                ]
            if job.panel == 0 and job.n == N_PLANTS:
                traits += trait_rows(key, y, prediction, data, truth, ceilings)
                if model == "BMSNN100" and architecture == "additive":
                    scatters += scatter_rows(key, y, prediction, data)
    seconds = (time.process_time() - started) / len(rows)
    return [row | {"seconds": seconds} for row in rows], traits, scatters


def trait_rows(key, y, prediction, data, truth, ceilings) -> list[dict]:
    """Single traits of one panel."""
    if y.shape[1] != N_TRAITS:
        return []
    scores = trait_scores(y, prediction, data.panel.country, folds=data.folds)
    return [
        key
        | {
            "trait": truth.names[t],
            "score": scores[t],
            "replicate_ceiling": ceilings.replicate[t],
            "genetic_ceiling": ceilings.genetic[t],
            "heritability": truth.heritability[t],
        }
        for t in range(N_TRAITS)
    ]


def scatter_rows(key, y, prediction, data) -> list[dict]:
    """Points of the fifteen best scatters, centred as they are scored."""
    scores = country_scores(y, prediction, data.panel.country, folds=data.folds)
    order = np.argsort(-scores, axis=None)[:15]
    rows = []
    for rank, (c, t) in enumerate(zip(*np.unravel_index(order, scores.shape), strict=True), 1):
        plants = np.flatnonzero(data.panel.country == c)
        cells = data.folds[plants]
        points = np.column_stack([centre(v[plants][:, [t]], cells)[:, 0] for v in (y, prediction)])
        title = f"{data.traits[key['architecture']].names[t]}, {data.panel.country_names[c]}"
        rows += [
            {
                "labels": key["labels"],
                "rank": rank,
                "title": title,
                "r": scores[c, t],
                "measured": measured,
                "predicted": predicted,
            }
            for measured, predicted in points
        ]
    return rows


def append(path: Path, rows: list[dict]) -> None:
    """Add finished rows to a table."""
    if rows:
        table = pd.DataFrame(rows)
        if path.exists():
            columns = pd.read_csv(path, nrows=0).columns
            table = table.reindex(columns=columns)
        else:
            columns = COLUMNS if path.name == TABLE.name else table.columns
            table = table.reindex(columns=columns)
        table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4g")


COLUMNS = [
    *KEYS,
    *("score", "leaf", "seed", "leaf_sd", "seed_sd", "first_traits", "pooled", "whole"),
    *("best", "best15", "fifteenth", "rejected"),
    *("near_replicate", "above_replicate", "above_genetic"),
    *("with_heritability", "with_likeness", "estimate_error", "seconds"),
]


def finished(path: Path) -> set:
    """Keys of the rows that a table has."""
    if not path.exists():
        return set()
    return set(pd.read_csv(path, usecols=KEYS)[KEYS].itertuples(index=False, name=None))


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = ["networks", "linear", "null", "sizes"]
    parser.add_argument("--parts", nargs="+", choices=choices, default=choices)
    parser.add_argument("--panels", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no job after these")
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    done, started = finished(options.table), time.monotonic()
    jobs = [j for j in plan(options.panels, options.parts) if not set(j.rows) <= done]
    for job in tqdm(jobs, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        if time.monotonic() - started > 60 * options.minutes:
            return
        rows, traits, scatters = run(job)
        # The main table last: a job that is killed in between is done again.
        append(options.table.with_name(f"{options.table.stem}_traits.csv"), traits)
        append(options.table.with_name(f"{options.table.stem}_scatters.csv"), scatters)
        append(options.table, rows)
    tidy(options.table)


def tidy(path: Path) -> None:
    """Sort the tables and drop what a killed job wrote twice."""
    for name, keys in (
        (path, KEYS),
        (path.with_name(f"{path.stem}_traits.csv"), [*KEYS, "trait"]),
        (path.with_name(f"{path.stem}_scatters.csv"), None),
    ):
        if name.exists():
            table = pd.read_csv(name)
            if keys is not None:
                table = table.drop_duplicates(keys, keep="last").sort_values(keys)
            else:
                table = table.drop_duplicates().sort_values(["labels", "rank"], kind="stable")
            table.to_csv(name, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
