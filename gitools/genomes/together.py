"""Several networks of one shape trained side by side, as one network with a leading axis.

A step of a small network is mostly the overhead of its many small operations. Networks of the same
shape (the folds of a cross-validation, or the same fit on many panels) can share it: their weights
are stacked, and each operation runs once for all of them. They share nothing else: each has its own
samples, order, learning rate and schedule, and ends where `gitools.genomes.training.train` would
have left it, up to rounding.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from gitools.genomes.distinct import DistinctGenes
from gitools.genomes.training import (
    PlateauSchedule,
    TrainingHistory,
    _check_generator,
    _count,
    _Run,
    take,
)

# The defaults of torch.optim.RMSprop, which train uses.
_SMOOTHING, _TINY = 0.99, 1e-8


def train_together(
    models: Sequence[nn.Module],
    inputs,
    targets,
    rows: Sequence,
    *,
    generators: Sequence[np.random.Generator],
    epochs: int = 50,
    batch_size: int = 10,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-6,
    decay: float = 1 / 3,
    patience: int = 3,
    on_epoch: Callable[[int, list[float]], None] | None = None,
) -> list[TrainingHistory]:
    """Fit k networks in place, each on samples of its own.

    Settings are those of `gitools.genomes.training.train` and the same for all networks.

    Parameters
    ----------
    models : sequence of k torch modules
        Of one class and one shape, without dropout, on one device.
    inputs : tensor or array of shape (n, ...), DistinctGenes, or a list of k such
        One for all networks, or one each.
    targets : float array of shape (n, T), or a list of k such
        NaN where missing.
    rows : sequence of k int arrays
        The samples that each network is trained on.
    generators : sequence of k numpy Generators
        For the order of the samples, one a network.
    epochs, batch_size, learning_rate, weight_decay, decay, patience
        See `gitools.genomes.training.train`.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, losses)`` after each epoch; the models then hold its weights.

    Returns
    -------
    list of k TrainingHistory

    Raises
    ------
    ValueError
        If an argument is out of range, lengths disagree, a generator comes twice, or the models
        differ in shape or have dropout.
    FloatingPointError
        If a loss stops being finite.
    """
    models, epochs = list(models), _count(epochs, "epochs")
    k = len(models)
    _check_models(models)
    inputs, targets = _each(inputs, k, "inputs"), _each(targets, k, "targets")
    for name, given in (("rows", rows), ("generators", generators)):
        if len(given) != k:
            raise ValueError(f"{name}: got {len(given)}, expected {k}, one a model.")
    for generator in generators:
        _check_generator(generator)
    if len({id(generator) for generator in generators}) < k:
        raise ValueError("generators: one comes twice, expected a generator of its own each.")
    runs = [
        _Run(*one, batch_size, weight_decay)
        for one in zip(models, inputs, targets, rows, generators, strict=True)
    ]
    if len({run.targets.shape[1] for run in runs}) > 1:
        raise ValueError("targets: the numbers of columns differ, expected the same for all.")
    for run in runs:
        run.schedule = PlateauSchedule(learning_rate, decay, patience)
    stack = _Stack(models)
    for epoch in range(1, epochs + 1):
        _one_epoch(runs, stack)
        stack.write_back()
        if on_epoch is not None:
            on_epoch(epoch, [run.losses[-1] for run in runs])
    for model in models:
        model.eval()
    return [TrainingHistory(np.array(run.losses), np.array(run.rates)) for run in runs]


class _Stack:
    """The weights of k networks in tensors with a leading axis, and RMSprop on them."""

    def __init__(self, models):
        for model in models:
            model.train()
        self.models = models
        self.weights, self.buffers = stack_module_state(models)
        self.squares = {name: torch.zeros_like(w) for name, w in self.weights.items()}
        self.trained = {name for name, w in models[0].named_parameters() if w.requires_grad}
        # The gene scores are computed apart, on the distinct vectors; this copy begins with them.
        self.after_scores = copy.copy(models[0])
        self.after_scores.gene_scores = lambda scores: scores

    def __call__(self, batch):
        """Predictions [k, batch, T] of each network for its own batch."""
        if isinstance(batch, torch.Tensor):
            return vmap(self._plain)(self.weights, self.buffers, batch)
        return vmap(self._genes)(self.weights, self.buffers, *batch)

    def _plain(self, weights, buffers, batch):
        return functional_call(self.models[0], (weights, buffers), (batch,))

    def _genes(self, weights, buffers, vectors, index):
        shared = {name[2:]: w for name, w in weights.items() if name.startswith("G.")}
        scores = functional_call(self.models[0].G, shared, (vectors,)).squeeze(-1)
        return functional_call(self.after_scores, (weights, buffers), (scores[index],))

    @torch.no_grad()
    def descend(self, rates, active, weight_decay):
        """One step of RMSprop, each network with its own rate; only the active ones move."""
        everyone = bool(active.all())
        for name in self.trained:
            weight, square = self.weights[name], self.squares[name]
            shape = (-1,) + (1,) * (weight.ndim - 1)
            slope = weight.grad.add(weight, alpha=weight_decay)
            new_square = (_SMOOTHING * square).addcmul_(slope, slope, value=1 - _SMOOTHING)
            step = rates.view(shape) * slope / (new_square.sqrt() + _TINY)
            if not everyone:
                step = torch.where(active.view(shape), step, 0.0)
                new_square = torch.where(active.view(shape), new_square, square)
            weight.sub_(step)
            self.squares[name] = new_square
            weight.grad = None

    @torch.no_grad()
    def write_back(self):
        """Put each network's weights back where they came from."""
        for k, model in enumerate(self.models):
            for name, weight in model.named_parameters():
                weight.copy_(self.weights[name][k])


def _one_epoch(runs, stack):
    """One epoch of each network; the history of each is in its run."""
    orders = []
    for run in runs:
        orders.append(run.generator.permutation(run.rows))
        # train draws a seed for dropout here; without it the streams would part.
        run.generator.integers(2**63)
    k, size = len(runs), runs[0].batch_size
    labels = runs[0].labels
    rates = labels.new_tensor([run.schedule.rate for run in runs])
    totals, counts = np.zeros(k), np.zeros(k)
    for start in range(0, max(len(order) for order in orders), size):
        batches = [np.sort(order[start : start + size]) for order in orders]
        target = _stacked_targets(runs, batches)
        seen = ~torch.isnan(target)
        number = seen.sum(dim=(1, 2))
        prediction = stack(_stacked_inputs(runs, batches, target.shape[1]))
        if prediction.shape != target.shape:
            raise ValueError(
                f"targets: got {target.shape[2]} columns, expected {prediction.shape[2]}, as many "
                "as the models predict."
            )
        error = torch.where(seen, prediction - torch.nan_to_num(target), 0.0)
        error = error.square().sum(dim=(1, 2))
        (error / number.clamp(min=1)).sum().backward()
        stack.descend(rates, number > 0, runs[0].weight_decay)
        totals += error.detach().cpu().numpy()
        counts += number.cpu().numpy()
    for run, loss in zip(runs, totals / counts, strict=True):
        run.finish_epoch(float(loss))


def _stacked_targets(runs, batches):
    """Targets [k, longest batch, T], NaN where a batch is shorter."""
    longest = max(len(batch) for batch in batches)
    shape = (len(runs), longest, runs[0].labels.shape[1])
    target = torch.full(shape, torch.nan, dtype=runs[0].labels.dtype, device=runs[0].device)
    for k, (run, batch) in enumerate(zip(runs, batches, strict=True)):
        target[k, : len(batch)] = run.labels[torch.from_numpy(batch).to(run.device)]
    return target


def _stacked_inputs(runs, batches, longest):
    """Inputs with a leading axis; places without a target are filled with any sample."""
    parts = []
    for run, batch in zip(runs, batches, strict=True):
        filler = np.full(longest - len(batch), run.rows[0])
        parts.append(take(run.inputs, np.concatenate([batch, filler]), run.device))
    if not isinstance(parts[0], DistinctGenes):
        return torch.stack(parts)
    m = max(len(part.vectors) for part in parts)
    shape = (len(parts), m, parts[0].vectors.shape[1])
    vectors = parts[0].vectors.new_zeros(shape)
    for k, part in enumerate(parts):
        vectors[k, : len(part.vectors)] = part.vectors
    return vectors, torch.stack([part.index for part in parts])


def _each(values, k, name):
    if not isinstance(values, list):
        return [values] * k
    if len(values) != k:
        raise ValueError(f"{name}: got {len(values)}, expected {k}, one a model.")
    return values


def _check_models(models):
    if not models:
        raise ValueError("models: got none, expected at least one.")
    shapes = [[(name, w.shape) for name, w in model.state_dict().items()] for model in models]
    if any(type(m) is not type(models[0]) for m in models) or any(s != shapes[0] for s in shapes):
        raise ValueError("models: expected networks of one class and one shape.")
    for part in models[0].modules():
        if getattr(part, "p", 0) > 0 or getattr(part, "rate", 0) > 0:
            raise ValueError(
                "models: got networks with dropout, which draws random numbers of its own; "
                "expected networks without it."
            )
