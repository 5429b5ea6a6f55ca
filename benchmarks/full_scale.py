"""All models at the ionome paper's size: 998 plants, 27,655 genes, 36 traits, five folds.

    python benchmarks/full_scale.py FOLDER [--minutes 10] [--models Galiana GPSNN] [--device cuda]

The panel is drawn once and kept in FOLDER: the distinct vectors of counts, and a memory-mapped
table of which gene of which plant carries which (110 MB instead of 1.9 GB). After every epoch the
state of the training is kept there too, so that a run that is stopped or killed at any moment goes
on where it was, to the same result. A GPU is used where there is one. Run it with more
``--minutes`` as often as you like; the table ``full_scale.csv`` says how far it has come, and
``full_scale_traits.csv`` beside it has the scores trait by trait.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from gitools.association.mixed_model import gblup
from gitools.book.studies.ionome import N_SCORED, trait_scores
from gitools.genomes.distinct import DistinctGenes
from gitools.genomes.evaluation import country_mean_prediction, gps_encoding, standardise_targets
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana
from gitools.genomes.training import copy_body, predict, torch_generator, train
from gitools.simulate.plants import simulate_ionome, simulate_plants

TABLE = Path(__file__).with_suffix(".csv")
SEED = 57
N_FOLDS, EPOCHS, EARLY = 5, 50, 30
SPARSE_PENALTY = 1e-4
HERITABILITIES = np.geomspace(0.02, 0.5, 36)
MODELS = (
    *("genetic value", "country mean", "GBLUP, tensors", "Galiana", "BMSNN100", "GPSNN"),
    *("BMSNN50", "transf30", "transf50", "frozen200", "frozen500"),
)


class OutOfTime(Exception):
    """The minutes that a run was given are over; what it has done is kept."""


def write_whole(path: Path, write) -> None:
    """Write a file beside its place, then rename it: it is there as a whole or not at all."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


class Panel:
    """The simulated panel as it lies in the folder; drawn if it isn't there."""

    def __init__(self, folder: Path, n_plants: int, n_genes: int):
        self.folder = folder / "panel"
        self.sizes = {"n_plants": n_plants, "n_genes": n_genes}
        if not (self.folder / "sizes.json").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._draw()
        found = json.loads((self.folder / "sizes.json").read_text())
        if found != self.sizes:
            raise ValueError(f"folder: holds a panel of {found}, expected {self.sizes}")
        small = np.load(self.folder / "small.npz")
        for name in ("Y", "auxiliary", "genetic", "country", "coordinates", "pathways", "folds"):
            setattr(self, name, small[name])
        self.n_pathways = int(small["n_pathways"])
        # Copy on write: torch asks for an array that could be written to.
        index = np.load(self.folder / "index.npy", mmap_mode="c")
        self.genes = DistinctGenes(torch.from_numpy(small["vectors"]), torch.from_numpy(index))

    def _draw(self):
        panel = simulate_plants(
            **self.sizes, keep_variants=False, random_state=np.random.default_rng([SEED, 1])
        )
        rng = np.random.default_rng([SEED, 2])
        traits = simulate_ionome(
            panel, heritability=rng.permutation(HERITABILITIES), random_state=rng
        )
        vectors, index = distinct_in_chunks(panel.tensor)
        mean, sd = panel.tensor.mean(dtype=float), panel.tensor.std(dtype=float)
        folds = rng.permutation(len(panel.tensor)) % N_FOLDS
        write_whole(self.folder / "index.npy", lambda file: np.save(file, index))
        small = {
            "vectors": ((vectors - mean) / sd).astype(np.float32),
            "Y": traits.means,
            "auxiliary": traits.auxiliary,
            "genetic": traits.genetic,
            "folds": folds,
            **{k: getattr(panel, k) for k in ("country", "coordinates", "pathways", "n_pathways")},
        }
        write_whole(self.folder / "small.npz", lambda file: np.savez(file, **small))
        # Last, so that a folder with sizes is whole.
        sizes = json.dumps(self.sizes).encode()
        write_whole(self.folder / "sizes.json", lambda file: file.write(sizes))


def distinct_in_chunks(tensor, plants_at_once: int = 50):
    """Distinct vectors of a gene tensor, int8 [m, types], and their places, int32 [n, genes].

    Vectors are told apart by the sum of their counts times random 64-bit numbers, and the result
    is compared with the tensor.
    """
    n, genes, types = tensor.shape
    multipliers = np.random.default_rng(SEED).integers(1, 2**63, types, dtype=np.int64)
    chunks = [slice(s, s + plants_at_once) for s in range(0, n, plants_at_once)]
    keys, vectors = np.empty(0, dtype=np.int64), np.empty((0, types), dtype=tensor.dtype)
    for chunk in chunks:
        rows = tensor[chunk].reshape(-1, types)
        new, first = np.unique(_keys(rows, multipliers), return_index=True)
        keys, kept = np.unique(np.concatenate([keys, new]), return_index=True)
        vectors = np.concatenate([vectors, rows[first]])[kept]
    index = np.empty((n, genes), dtype=np.int32)
    for chunk in chunks:
        rows = tensor[chunk].reshape(-1, types)
        places = np.searchsorted(keys, _keys(rows, multipliers))
        if not np.array_equal(vectors[places], rows):
            raise RuntimeError("two vectors got the same key: take another seed")
        index[chunk] = places.reshape(-1, genes)
    return vectors, index


def _keys(rows, multipliers):
    keys = np.zeros(len(rows), dtype=np.int64)
    for column, multiplier in zip(rows.T, multipliers, strict=True):
        keys += column * multiplier
    return keys


def tensor_kinship(genes: DistinctGenes, n_types: int = 17, genes_at_once: int = 500):
    """Kinship from standardised counts of every gene and type, some genes at a time."""
    index, vectors = genes.index.numpy(), genes.vectors.numpy()
    K, total = np.zeros((len(index), len(index))), 0
    for start in range(0, index.shape[1], genes_at_once):
        part = vectors[index[:, start : start + genes_at_once]].reshape(len(index), -1)
        part = part - part.mean(axis=0)
        sd = part.std(axis=0)
        part = part[:, sd > 1e-6] / sd[sd > 1e-6]
        K += part @ part.T
        total += part.shape[1]
    return K / total


class Run:
    """One pass over models and folds, as far as the time goes."""

    def __init__(self, panel: Panel, folder: Path, device: str, minutes: float, epochs: int):
        self.panel, self.folder, self.device = panel, folder, torch.device(device)
        self.deadline = time.monotonic() + 60 * minutes
        self.epochs, self.early = epochs, max(1, round(epochs * EARLY / EPOCHS))
        self.log = folder / "epochs.csv"

    def rows(self, fold):
        return np.flatnonzero(self.panel.folds != fold)

    def predictions(self, model: str, fold: int) -> np.ndarray:
        """Predictions for all plants by a model that has not seen the fold."""
        path = self.folder / f"{model.replace(', ', '-').replace(' ', '-')}-{fold}.npy"
        if not path.exists():
            values = self._predict(model, fold)
            write_whole(path, lambda file: np.save(file, values))
        return np.load(path)

    def _predict(self, model, fold):
        """By the model's kind; networks predict in standard deviations of the training plants."""
        self.check_time()
        Y, train_rows, panel = self.panel.Y, self.rows(fold), self.panel
        everyone = np.arange(len(Y))
        started = time.perf_counter()
        if model == "genetic value":
            return panel.genetic
        if model == "country mean":
            return country_mean_prediction(Y, panel.country, train_rows, everyone)
        if model == "GBLUP, tensors":
            values = gblup(self.kinship(), Y, train_rows, everyone)
            self.note(model, fold, 1, time.perf_counter() - started)
            return values
        if model == "transf30":
            values = predict(self.tuned(fold, self.early), panel.genes)
        elif model == "transf50":
            values = predict(self.tuned(fold, self.epochs), panel.genes)
        elif model.startswith("frozen"):
            values = self.frozen(fold, int(model[6:]))
        else:
            network, inputs, penalty = self.network(model)
            values = predict(
                self.fit(model, fold, network, inputs, Y, weight_decay=penalty), inputs
            )
        return values * Y[train_rows].std(axis=0) + Y[train_rows].mean(axis=0)

    def network(self, model):
        """A way to make a network, its inputs, and its L2 penalty."""
        panel, n_genes = self.panel, self.panel.genes.shape[1]
        if model == "GPSNN":
            points = gps_encoding(panel.coordinates).astype(np.float32)
            return lambda g: GPSNN(generator=g), torch.from_numpy(points), 1e-6
        if model == "Galiana":
            return lambda g: Galiana(n_genes, generator=g), panel.genes, 1e-6
        sizes = (panel.pathways, n_genes, panel.n_pathways, int(model[5:]))
        return lambda g: BMSNN(*sizes, generator=g), panel.genes, SPARSE_PENALTY

    def kinship(self):
        path = self.folder / "kinship.npy"
        if not path.exists():
            K = tensor_kinship(self.panel.genes)
            write_whole(path, lambda file: np.save(file, K))
        return np.load(path)

    def fit(self, name, fold, make, inputs, Y, *, weight_decay=1e-6, epochs=None, start=None):
        """Train a network, or go on with its training, from its own stream of random numbers."""
        rng = np.random.default_rng([SEED, 3, fold, *name.encode()])
        network = make(torch_generator(rng)).to(self.device)
        if start is not None:
            copy_body(start, network, leave_out=("head",))
        ended = [time.perf_counter()]

        def on_epoch(epoch, loss):
            now = time.perf_counter()
            self.note(name, fold, epoch, now - ended[0])
            ended[0] = now
            self.check_time()

        train(
            network,
            inputs,
            standardise_targets(Y, self.rows(fold)),
            generator=rng,
            rows=self.rows(fold),
            epochs=self.epochs if epochs is None else epochs,
            weight_decay=weight_decay,
            checkpoint=self.folder / f"{name}-{fold}",
            on_epoch=on_epoch,
            progress=not os.environ.get("GITOOLS_QUIET"),
        )
        return network

    def first_task(self, fold):
        n_genes, auxiliary = self.panel.genes.shape[1], self.panel.auxiliary
        return self.fit(
            "T1",
            fold,
            lambda g: Galiana(n_genes, n_tasks=auxiliary.shape[1], generator=g),
            self.panel.genes,
            auxiliary,
        )

    def tuned(self, fold, epochs):
        n_genes = self.panel.genes.shape[1]
        return self.fit(
            "transf",
            fold,
            lambda g: Galiana(n_genes, generator=g),
            self.panel.genes,
            self.panel.Y,
            epochs=epochs,
            start=self.first_task(fold),
        )

    def frozen(self, fold, hidden):
        encoding = self.encoding(fold)
        head = self.fit(
            f"frozen{hidden}",
            fold,
            lambda g: FrozenHead(hidden, generator=g),
            encoding,
            self.panel.Y,
        )
        return predict(head, encoding)

    def encoding(self, fold):
        body = self.first_task(fold)
        with torch.no_grad():
            batches = torch.arange(len(self.panel.Y)).split(100)
            parts = [body.encode(self.panel.genes[rows].to(self.device)).cpu() for rows in batches]
        return torch.cat(parts)

    def note(self, name, fold, epoch, seconds):
        """One line of the log: it is kept when the run is killed."""
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(f"{name};{fold};{epoch};{seconds:.3f};{self.device.type}\n")

    def check_time(self):
        if time.monotonic() > self.deadline:
            raise OutOfTime


def score(panel, predictions: dict) -> np.ndarray:
    """Correlation of each trait within the seven countries, over whole folds; leaf traits first."""
    rows = np.isin(panel.folds, list(predictions))
    held_out = np.zeros_like(panel.Y)
    for fold, values in predictions.items():
        held_out[panel.folds == fold] = values[panel.folds == fold]
    if np.bincount(panel.country[rows], minlength=N_SCORED)[:N_SCORED].min() < 3:
        return np.full(panel.Y.shape[1], np.nan)
    return trait_scores(panel.Y[rows], held_out[rows], panel.country[rows], folds=panel.folds[rows])


def report(run: Run, models, scores: dict, folds: dict) -> pd.DataFrame:
    """One row a model: folds and epochs done, seconds an epoch, scores of whole folds.

    ``seconds`` is all that the model took, with the first task that it builds on.
    """
    log = pd.DataFrame(columns=["name", "fold", "epoch", "seconds", "device"])
    if run.log.exists():
        log = pd.read_csv(run.log, sep=";", names=log.columns)
    log = log.drop_duplicates(["name", "fold", "epoch"], keep="last")
    names = {"transf30": "transf", "transf50": "transf"}
    first = log[log.name == "T1"].seconds.sum()
    rows = []
    for model in models:
        own = log[log.name == names.get(model, model)]
        leaf, seed = np.split(scores[model], 2)
        rows.append(
            {
                "model": model,
                "plants": len(run.panel.Y),
                "genes": run.panel.genes.shape[1],
                "folds": folds[model],
                "epochs": len(own),
                "seconds_an_epoch": own.seconds.median() if len(own) else np.nan,
                "seconds": own.seconds.sum() + first * model.startswith(("transf", "frozen")),
                "leaf": leaf.mean(),
                "leaf_sd": leaf.std(ddof=1),
                "seed": seed.mean(),
                "seed_sd": seed.std(ddof=1),
                "device": ", ".join(sorted(set(own.device))) or "cpu",
                "threads": torch.get_num_threads(),
                "machine": platform.machine(),
            }
        )
    return pd.DataFrame(rows)


def main(arguments=None) -> pd.DataFrame:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the panel and the state are kept")
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop after these")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--folds", type=int, default=N_FOLDS, help="first folds only")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--plants", type=int, default=998)
    parser.add_argument("--genes", type=int, default=27_655)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    panel = Panel(options.folder, options.plants, options.genes)
    run = Run(panel, options.folder, options.device, options.minutes, options.epochs)
    found = {model: {} for model in options.models}
    tasks = [(model, fold) for fold in range(options.folds) for model in options.models]
    late = False
    for model, fold in tqdm(tasks, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        try:
            found[model][fold] = run.predictions(model, fold)
        except OutOfTime:
            # What is finished is still read, so that the table knows it.
            late = True
    if late:
        print("out of time; run the same command again to go on")
    scores = {model: score(panel, done) for model, done in found.items()}
    traits = pd.DataFrame(scores).rename_axis("trait")
    traits.to_csv(options.table.with_name(f"{options.table.stem}_traits.csv"), float_format="%.4f")
    folds = {model: len(done) for model, done in found.items()}
    table = report(run, options.models, scores, folds)
    table.to_csv(options.table, index=False, float_format="%.4g")
    print(table.to_string(index=False))
    return table


if __name__ == "__main__":
    main()
