"""Training of networks on genomes: mini-batches, RMSprop, a plateau schedule, missing labels.

Everything random (the order of the samples, dropout) comes from one NumPy generator, so that a
training can be put down after any epoch and taken up again to the same end.

References
----------
Raimondi, D. et al. (2024). Biologically meaningful genome interpretation models to address data
underdetermination for the leaf and seed ionome prediction in Arabidopsis thaliana. Scientific
Reports 14. doi 10.1038/s41598-024-63855-6 (section Implementation).

Tieleman, T. and Hinton, G. (2012). Lecture 6.5: RMSprop. COURSERA: Neural networks for machine
learning.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from tqdm import tqdm

CHECKPOINT_NAME = "training.safetensors"
_LARGEST_SEED = 2**63
_PREDICTION_BATCH = 256


class TrainingHistory(NamedTuple):
    """What happened in each epoch.

    Attributes
    ----------
    losses : float array of shape (epochs,)
        Mean squared error over the observed targets, each measured before the step that its
        mini-batch caused.
    learning_rates : float array of shape (epochs,)
        The rate that the epoch was run with.
    """

    losses: np.ndarray
    learning_rates: np.ndarray


class PlateauSchedule:
    """A learning rate that is multiplied by `decay` after `patience` epochs without improvement.

    An epoch improves if its loss is below the lowest so far. After a reduction the count of epochs
    starts anew. "A reduction of 1/3" can mean times 1/3 (the default) or times 2/3.

    Parameters
    ----------
    learning_rate : float
        Above 0.
    decay : float
        In (0, 1].
    patience : int
        At least 1.

    Attributes
    ----------
    rate : float
        The rate for the next epoch.
    best : float
        The lowest loss so far; infinity at the start.
    waited : int
        Epochs without improvement since then or since the last reduction.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    def __init__(self, learning_rate: float, decay: float = 1 / 3, patience: int = 3):
        self.rate = _number(learning_rate, "learning_rate", low=0)
        self.decay = _number(decay, "decay", low=0, high=1)
        self.patience = _count(patience, "patience")
        self.best, self.waited = np.inf, 0

    def step(self, loss: float) -> float:
        """Take the loss of the epoch that has ended and return the rate for the next."""
        if loss < self.best:
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited == self.patience:
            self.rate, self.waited = self.rate * self.decay, 0
        return self.rate


@contextmanager
def seeded(generator: np.random.Generator, device: torch.device | str = "cpu") -> Iterator[None]:
    """Draw PyTorch's random numbers from a NumPy generator for a while.

    Initial weights and dropout take their random numbers from PyTorch's global generator. Inside
    this context it starts from a number drawn from `generator`; afterwards it is what it was.

    Parameters
    ----------
    generator : numpy Generator
    device : torch device

    Raises
    ------
    ValueError
        If `generator` is not a NumPy generator.
    """
    _check_generator(generator)
    device = torch.device(device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(generator.integers(_LARGEST_SEED)))
        yield


def torch_generator(generator: np.random.Generator) -> torch.Generator:
    """A PyTorch generator, for initial weights, seeded by a draw from a NumPy one.

    Parameters
    ----------
    generator : numpy Generator

    Returns
    -------
    torch Generator
        On the CPU.

    Raises
    ------
    ValueError
        If `generator` is not a NumPy generator.
    """
    _check_generator(generator)
    return torch.Generator().manual_seed(int(generator.integers(_LARGEST_SEED)))


def masked_squared_error(prediction: torch.Tensor, target: torch.Tensor) -> tuple:
    """Sum of squared errors over the observed targets, and their number.

    Parameters
    ----------
    prediction, target : float tensors of shape (n, T)
        NaN in `target` is a label that nobody measured; it gives neither loss nor gradient.

    Returns
    -------
    sum : float tensor, a scalar
    observed : int tensor, a scalar
    """
    seen = ~torch.isnan(target)
    # NaN must go before the difference is taken: zero times NaN is NaN in the backward pass.
    error = torch.where(seen, prediction - torch.nan_to_num(target), 0.0)
    return error.square().sum(), seen.sum()


def train(
    model: nn.Module,
    inputs,
    targets,
    *,
    generator: np.random.Generator,
    rows=None,
    epochs: int = 50,
    batch_size: int = 10,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-6,
    decay: float = 1 / 3,
    patience: int = 3,
    checkpoint: str | os.PathLike | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
    progress: bool = False,
) -> TrainingHistory:
    """Fit a network in place: RMSprop on the mean squared error over the observed targets.

    The settings are those of the ionome paper. Parameters that do not require a gradient stay as
    they are. The model is left in evaluation mode.

    Parameters
    ----------
    model : torch module
        From a batch of inputs to predictions [batch, T]. It is trained on the device it is on.
    inputs : tensor or array of shape (n, ...), or DistinctGenes
        Whatever the model takes, indexable by rows. Arrays may be memory-mapped: a batch is read
        and moved to the device at a time.
    targets : float array or tensor of shape (n, T)
        NaN where a label is missing.
    generator : numpy Generator
        For the order of the samples and for dropout.
    rows : int array, optional
        The samples to train on, all by default.
    epochs, batch_size, patience : int
        At least 1.
    learning_rate : float
        Above 0.
    weight_decay : float
        L2 penalty, at least 0: its gradient `weight_decay` times the weight is added to the loss's.
    decay : float
        Factor on the learning rate, in (0, 1], after `patience` epochs without a new lowest loss.
    checkpoint : path, optional
        A folder, made if it is missing, that holds the state after the last complete epoch. If one
        is there the training goes on from it, and ends, generator included, where it would have
        ended without the break. More epochs than before may be asked for; no other setting, nor the
        shape of the data, may change.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, loss)`` after each epoch, the first being 1.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    TrainingHistory

    Raises
    ------
    ValueError
        If an argument is out of range, sizes disagree, a target is infinite, no target is observed,
        or the checkpoint belongs to another training.
    FloatingPointError
        If the loss stops being finite.
    """
    run = _Run(model, inputs, targets, rows, generator, batch_size, weight_decay)
    run.schedule = PlateauSchedule(learning_rate, decay, patience)
    epochs = _count(epochs, "epochs")
    store = None if checkpoint is None else Path(checkpoint) / CHECKPOINT_NAME
    settings = run.settings() | {
        "learning_rate": learning_rate,
        "decay": decay,
        "patience": patience,
    }
    if store is not None and store.exists():
        run.resume(store, settings, epochs)
    bar = tqdm(total=epochs, initial=run.epoch, unit="epoch", disable=not progress)
    model.train()
    with bar:
        while run.epoch < epochs:
            loss = run.one_epoch()
            if store is not None:
                run.keep(store, settings)
            if on_epoch is not None:
                on_epoch(run.epoch, loss)
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update()
    model.eval()
    return TrainingHistory(np.array(run.losses), np.array(run.rates))


class _Run:
    """A training that can be put down after each epoch and taken up again."""

    def __init__(self, model, inputs, targets, rows, generator, batch_size, weight_decay):
        _check_generator(generator)
        self.model, self.inputs, self.generator = model, inputs, generator
        self.targets = _check_targets(targets)
        _check_length(inputs, len(self.targets))
        self.rows = _check_rows(rows, len(self.targets))
        if not np.isfinite(self.targets[self.rows]).any():
            raise ValueError("targets: no value is observed in rows, expected at least one.")
        self.batch_size = _count(batch_size, "batch_size")
        self.weight_decay = _number(weight_decay, "weight_decay", low=0, closed=True)
        weights = [w for w in model.parameters() if w.requires_grad]
        if not weights:
            raise ValueError("model: no parameter requires a gradient, expected at least one.")
        self.device = weights[0].device
        self.optimiser = torch.optim.RMSprop(weights, lr=1.0, weight_decay=self.weight_decay)
        self.labels = torch.as_tensor(self.targets, dtype=weights[0].dtype, device=self.device)
        self.epoch, self.losses, self.rates = 0, [], []

    def settings(self) -> dict:
        """What must be the same when a training is taken up again."""
        return {
            "samples": len(self.rows),
            "tasks": self.targets.shape[1],
            "batch_size": self.batch_size,
            "weight_decay": self.weight_decay,
        }

    def one_epoch(self) -> float:
        """Run through all samples once and set the rate for the next epoch."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate
        order = self.generator.permutation(self.rows)
        total, observed = 0.0, 0
        with seeded(self.generator, self.device):
            for start in range(0, len(order), self.batch_size):
                batch = np.sort(order[start : start + self.batch_size])
                error, seen = self.descend(batch)
                total, observed = total + error, observed + seen
        self.finish_epoch(total / observed)
        return self.losses[-1]

    def finish_epoch(self, loss: float) -> None:
        """Note the loss of an epoch that has ended, and set the rate for the next."""
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"loss: became {loss} in epoch {self.epoch + 1}, expected a finite number; "
                f"try a learning_rate below {self.schedule.rate:g}."
            )
        self.epoch += 1
        self.losses.append(loss)
        self.rates.append(self.schedule.rate)
        self.schedule.step(loss)

    def descend(self, batch) -> tuple[float, int]:
        """One step on a mini-batch; its squared error before the step and its observed labels."""
        target = self.labels[torch.from_numpy(batch).to(self.device)]
        prediction = self.model(take(self.inputs, batch, self.device))
        if prediction.shape != target.shape:
            raise ValueError(
                f"targets: got {target.shape[1]} columns, expected the model's output, "
                f"of shape {tuple(prediction.shape)} for a batch of {len(batch)}."
            )
        error, seen = masked_squared_error(prediction, target)
        if not seen:
            return 0.0, 0
        self.optimiser.zero_grad(set_to_none=True)
        (error / seen).backward()
        self.optimiser.step()
        return float(error.detach()), int(seen)

    def keep(self, store: Path, settings: dict) -> None:
        """Write the state in one go: a reader finds the old state or the new one, never a part."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{k}": v for k, v in state.items()}
        tensors = {k: torch.as_tensor(v).detach().cpu().contiguous() for k, v in tensors.items()}
        plain = {
            "settings": settings,
            "losses": self.losses,
            "rates": self.rates,
            "schedule": [self.schedule.rate, self.schedule.best, self.schedule.waited],
            "generator": self.generator.bit_generator.state,
        }
        store.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(store, save(tensors, {"state": json.dumps(plain)}))

    def resume(self, store: Path, settings: dict, epochs: int) -> None:
        """Go back to the state that `keep` wrote."""
        try:
            with safe_open(store, "pt") as file:
                plain = json.loads(file.metadata()["state"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}
        except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as problem:
            raise ValueError(
                f"checkpoint: {store.name} cannot be read ({problem}), expected one that train "
                "wrote; delete it to start anew."
            ) from problem
        self._check_checkpoint(plain, settings, epochs, store.name)
        own = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
        try:
            self.model.load_state_dict(own)
        except RuntimeError as problem:
            raise ValueError(
                f"checkpoint: {store.name} holds other weights than model: {problem}"
            ) from problem
        self.optimiser.load_state_dict(_optimiser_state(self.optimiser, tensors))
        self.losses, self.rates = plain["losses"], plain["rates"]
        self.schedule.rate, self.schedule.best, self.schedule.waited = plain["schedule"]
        self.generator.bit_generator.state = plain["generator"]
        self.epoch = len(self.losses)

    def _check_checkpoint(self, plain, settings, epochs, name):
        for key, value in settings.items():
            if plain["settings"].get(key) != value:
                raise ValueError(
                    f"checkpoint: {name} was written with {key} {plain['settings'].get(key)}, "
                    f"expected {value}; delete it to start anew."
                )
        if len(plain["losses"]) > epochs:
            raise ValueError(
                f"checkpoint: {name} holds {len(plain['losses'])} epochs, expected at most "
                f"epochs = {epochs}."
            )


def _optimiser_state(optimiser, tensors):
    """The optimiser's state with the tensors of a checkpoint in their places."""
    states = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, i, name = key.split(".")
            states.setdefault(int(i), {})[name] = value
    return optimiser.state_dict() | {"state": states}


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, force it to disk, then rename it, which is atomic."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def take(inputs, rows, device="cpu"):
    """The given rows of inputs, on a device.

    Parameters
    ----------
    inputs : tensor, array or DistinctGenes
    rows : int array of shape (k,)
    device : torch device

    Returns
    -------
    float tensor of shape (k, ...), or DistinctGenes
    """
    if isinstance(inputs, np.ndarray):
        return torch.from_numpy(np.asarray(inputs[rows], dtype=np.float32)).to(device)
    part = inputs[torch.from_numpy(np.asarray(rows))]
    return part.to(device) if torch.device(device).type != "cpu" else part


@torch.no_grad()
def predict(model: nn.Module, inputs, *, batch_size: int = _PREDICTION_BATCH) -> np.ndarray:
    """Predictions in evaluation mode (no dropout); the model's mode is left as it was.

    Parameters
    ----------
    model : torch module
    inputs : tensor or array of shape (n, ...), or DistinctGenes
    batch_size : int
        Samples at a time, at least 1; it does not change the result.

    Returns
    -------
    float array of shape (n, T)

    Raises
    ------
    ValueError
        If `batch_size` is below 1 or there is no sample.
    """
    batch_size, n = _count(batch_size, "batch_size"), _n_samples(inputs)
    if n == 0:
        raise ValueError("inputs: got 0 samples, expected at least 1.")
    device = next(model.parameters()).device
    with _evaluating(model):
        parts = [
            model(take(inputs, np.arange(start, min(start + batch_size, n)), device)).cpu().numpy()
            for start in range(0, n, batch_size)
        ]
    return np.concatenate(parts)


@contextmanager
def _evaluating(model):
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def copy_body(source: nn.Module, target: nn.Module, *, leave_out: Sequence[str] = ()) -> list[str]:
    """Copy weights from one network to another, as the start of a fine-tuning.

    Copied is each parameter that both have under the same name in the same shape. A last layer for
    other tasks has another shape, and so stays as it is in `target`.

    Parameters
    ----------
    source, target : torch modules
        `target` is changed in place.
    leave_out : sequence of str
        Beginnings of names that are not copied, for a last layer of the same shape.

    Returns
    -------
    list of str
        Names of the parameters of `target` that were not copied.

    Raises
    ------
    ValueError
        If nothing can be copied.
    """
    given, own = dict(source.named_parameters()), dict(target.named_parameters())
    same = [
        name
        for name, value in own.items()
        if name in given
        and given[name].shape == value.shape
        and not name.startswith(tuple(leave_out))
    ]
    if not same:
        raise ValueError("source: no parameter has the name and shape of one in target.")
    with torch.no_grad():
        for name in same:
            own[name].copy_(given[name])
    return [name for name in own if name not in same]


def fold_predictions(
    fit_predict: Callable[[np.ndarray, np.ndarray], np.ndarray], n: int, folds
) -> np.ndarray:
    """Predict every sample from a fit that has not seen its fold.

    Parameters
    ----------
    fit_predict : callable
        ``fit_predict(train, test)`` fits on the rows `train` and returns predictions of shape
        (len(test), ...) for the rows `test`; both are sorted int arrays.
    n : int
        Samples.
    folds : int array of shape (n,)
        The fold of each sample; at least two folds.

    Returns
    -------
    float array of shape (n, ...)

    Raises
    ------
    ValueError
        If `folds` does not name one fold a sample, there is one fold only, or a prediction has the
        wrong length.
    """
    n, folds = _count(n, "n"), np.asarray(folds)
    if folds.shape != (n,):
        raise ValueError(f"folds: got shape {folds.shape}, expected one label a sample, ({n},).")
    labels = np.unique(folds)
    if len(labels) < 2:
        raise ValueError(f"folds: got {len(labels)} fold, expected at least 2.")
    result = None
    for label in labels:
        train_rows, test = np.flatnonzero(folds != label), np.flatnonzero(folds == label)
        part = np.asarray(fit_predict(train_rows, test), dtype=float)
        if part.ndim == 0 or len(part) != len(test):
            raise ValueError(
                f"fit_predict: returned shape {part.shape} for fold {label}, expected "
                f"{len(test)} rows."
            )
        if result is None:
            result = np.full((n, *part.shape[1:]), np.nan)
        result[test] = part
    return result


def saliency(
    model: nn.Module, inputs, *, task: int | None = None, batch_size: int = 64
) -> np.ndarray:
    """How much each gene moves the predictions: mean absolute input times gradient.

    For plant i, gene g and task t the linearised contribution is the sum over variant types of
    (x - mean over plants of x) times the derivative of the prediction by x. A gene that no plant
    carries a variant in contributes nothing, whatever its weight.

    Parameters
    ----------
    model : torch module
    inputs : float tensor or array of shape (n, genes, types), or DistinctGenes
    task : int, optional
        One task only.
    batch_size : int
        Plants at a time; it does not change the result.

    Returns
    -------
    float array of shape (genes, T), or (genes,) if `task` is given
        Mean over plants of the absolute contributions, in units of the prediction.

    Raises
    ------
    ValueError
        If the inputs are not plants by genes by types, or `task` is out of range.
    """
    x, batch_size = _dense(inputs), _count(batch_size, "batch_size")
    mean, total = x.mean(dim=0), 0.0
    device = next(model.parameters()).device
    with _evaluating(model):
        for start in range(0, len(x), batch_size):
            batch = x[start : start + batch_size].to(device).requires_grad_()
            output = model(batch)
            tasks = _check_task(task, output.shape[1])
            away = (batch - mean.to(device)).detach()
            parts = []
            for t in tasks:
                (slope,) = torch.autograd.grad(output[:, t].sum(), batch, retain_graph=True)
                parts.append((slope * away).sum(dim=2).abs().sum(dim=0))
            total = total + torch.stack(parts, dim=1).cpu().numpy()
    result = np.asarray(total, dtype=float) / len(x)
    return result if task is None else result[:, 0]


def _dense(inputs) -> torch.Tensor:
    if hasattr(inputs, "vectors"):
        inputs = inputs.vectors[inputs.index]
    x = torch.as_tensor(inputs, dtype=torch.float32)
    if x.ndim != 3 or len(x) == 0:
        raise ValueError(
            f"inputs: got shape {tuple(x.shape)}, expected (n, genes, types) with n at least 1."
        )
    return x


def _check_task(task, n_tasks):
    if task is None:
        return range(n_tasks)
    if isinstance(task, bool) or not isinstance(task, Integral) or not 0 <= task < n_tasks:
        raise ValueError(f"task: got {task!r}, expected an integer from 0 to {n_tasks - 1}.")
    return [int(task)]


def _n_samples(inputs) -> int:
    return len(inputs.index) if hasattr(inputs, "vectors") else len(inputs)


def _check_length(inputs, n):
    if _n_samples(inputs) != n:
        raise ValueError(f"inputs: got {_n_samples(inputs)} samples, expected {n}, as targets.")


def _check_targets(targets) -> np.ndarray:
    if isinstance(targets, torch.Tensor):
        targets = targets.detach().cpu().numpy()
    targets = np.asarray(targets, dtype=float)
    if targets.ndim != 2 or 0 in targets.shape:
        raise ValueError(f"targets: got shape {targets.shape}, expected (n, T), none of them 0.")
    if np.isinf(targets).any():
        raise ValueError("targets: got infinite values, expected finite ones or NaN.")
    return targets


def _check_rows(rows, n) -> np.ndarray:
    if rows is None:
        return np.arange(n)
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or len(rows) == 0 or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(
            f"rows: got shape {rows.shape} of {rows.dtype}, expected one or more integers, or a "
            f"mask of shape ({n},)."
        )
    if rows.min() < 0 or rows.max() >= n or len(np.unique(rows)) < len(rows):
        raise ValueError(f"rows: expected distinct integers from 0 to {n - 1}.")
    return np.sort(rows)


def _check_generator(generator):
    if not isinstance(generator, np.random.Generator):
        raise ValueError(
            f"generator: got {type(generator).__name__}, expected a numpy.random.Generator; "
            "torch_generator makes one for initial weights from it."
        )


def _count(value, name) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1.")
    return int(value)


def _number(value, name, *, low, high=np.inf, closed=False) -> float:
    good = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)
    if not good or value > high or value < low or (value == low and not closed):
        start, end = "[" if closed else "(", f"{high:g}]" if np.isfinite(high) else "inf)"
        raise ValueError(f"{name}: got {value!r}, expected a number in {start}{low:g}, {end}.")
    return float(value)
