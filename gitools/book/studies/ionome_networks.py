"""Networks of one layout trained side by side: all folds, and all traits of a panel, at once.

A small network spends more time between its operations than in them. Stacking the weights of many
networks of one layout, and a batch for each, does the same arithmetic in fewer operations. The
results are those of `gitools.genomes.train`, up to rounding and the order of batches.
"""

import numpy as np
import torch
from torch import nn
from torch.func import stack_module_state

from gitools.genomes.distinct import DistinctGenes
from gitools.genomes.layers import SparseLinear
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana, SeededDropout
from gitools.genomes.training import PlateauSchedule

_PARTS = {
    Galiana: ("body", "head"),
    BMSNN: ("pathways", "normalise", "head"),
    GPSNN: ("layers",),
    FrozenHead: ("layers",),
}
_SMOOTHING, _EPSILON = 0.99, 1e-8


class Stack:
    """Networks of one layout with their weights stacked.

    Parameters
    ----------
    models : list of torch modules
        Of one class and one size, without dropout: Galiana, BMSNN (with the same edges), GPSNN
        or FrozenHead. They are left as they are.

    Raises
    ------
    ValueError
        If the models are of several classes, or of a class that is not known here.
    """

    def __init__(self, models):
        kinds = {type(model) for model in models}
        if len(kinds) != 1 or not kinds <= set(_PARTS):
            raise ValueError(
                f"models: got {sorted(k.__name__ for k in kinds)}, expected networks of one of "
                f"the classes {sorted(k.__name__ for k in _PARTS)}"
            )
        self.layout = models[0]
        stacked, _ = stack_module_state(models)
        self.shapes = {name: w.shape for name, w in stacked.items()}
        self.flat = torch.cat([w.detach().flatten(1) for w in stacked.values()], dim=1)

    def __len__(self):
        return len(self.flat)

    @property
    def flat(self):
        """All weights, [models, number of weights]: one tensor, so that a step is one operation."""
        return self._flat

    @flat.setter
    def flat(self, values):
        self._flat = values
        sizes = [shape[1:].numel() for shape in self.shapes.values()]
        parts = values.split(sizes, dim=1)
        self.weights = {
            name: part.reshape(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def copy_from(self, other, *, leave_out):
        """Take over the weights of another stack whose names don't begin with `leave_out`."""
        self.flat = torch.cat(
            [
                (w if name.startswith(leave_out) else other.weights[name]).flatten(1)
                for name, w in self.weights.items()
            ],
            dim=1,
        ).detach()

    def encode(self, x):
        """What the last part reads, [models, batch, width].

        Inputs are [models, batch, ...], or for networks on genes the pair (vectors [models, m,
        types], place of each gene's vector [models, batch, genes]).
        """
        if isinstance(x, tuple):
            vectors, index = x
            scores = self._run("G", vectors).squeeze(-1)
            x = scores.gather(1, index.flatten(1)).view(index.shape)
        for part in _PARTS[type(self.layout)][:-1]:
            x = self._run(part, x)
        return x

    def __call__(self, x):
        """Predictions [models, batch, tasks] from inputs as in `encode`."""
        return self._run(_PARTS[type(self.layout)][-1], self.encode(x))

    def _run(self, name, x):
        return self._apply(self.layout.get_submodule(name), name, x)

    def _apply(self, module, name, x):
        if isinstance(module, nn.Sequential):
            for key, child in module.named_children():
                x = self._apply(child, f"{name}.{key}", x)
            return x
        if isinstance(module, nn.Linear):
            weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
            return torch.baddbmm(bias[:, None], x, weight.mT)
        if isinstance(module, nn.LayerNorm):
            x = nn.functional.layer_norm(x, x.shape[-1:])
            weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
            return torch.addcmul(bias[:, None], x, weight[:, None])
        if isinstance(module, SparseLinear):
            weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
            along = x.index_select(-1, module.inputs) * weight[:, None]
            start = bias[:, None].expand(-1, x.shape[1], -1)
            return start.index_add(-1, module.outputs, along)
        if isinstance(module, SeededDropout) and module.rate == 0:
            return x
        if isinstance(module, nn.Tanh):
            return torch.tanh(x)
        raise ValueError(f"models: got a layer {type(module).__name__}, expected none")


def train_stack(
    stack,
    inputs,
    targets,
    rows,
    *,
    generators,
    epochs,
    batch_size=10,
    learning_rate=1e-2,
    weight_decay=1e-6,
    decay=1 / 3,
    patience=3,
    snapshots=(),
):
    """Train stacked networks by RMSprop on the mean squared error, each on its own rows.

    Parameters
    ----------
    stack : Stack
        Of M networks; changed in place.
    inputs : DistinctGenes of n plants, or float tensor of shape (M, n, width)
        Genes are shared by all networks; a tensor has a slice for each.
    targets : float array of shape (M, n, T)
        NaN where a label is missing.
    rows : int array of shape (M, k)
        The plants that each network is trained on.
    generators : list of M numpy Generators
        For the order of plants.
    epochs, batch_size, patience : int
    learning_rate, weight_decay : float or sequence of M floats
    decay : float
        As in `gitools.genomes.train`.
    snapshots : sequence of int
        Numbers of epochs after which the weights are kept too.

    Returns
    -------
    dict
        For each snapshot the stack's weights after that many epochs.

    Raises
    ------
    ValueError
        If the numbers of networks, targets, rows and generators disagree.
    """
    M = len(stack)
    rows = np.asarray(rows)
    if len(targets) != M or rows.ndim != 2 or len(rows) != M or len(generators) != M:
        raise ValueError(
            f"targets, rows, generators: got {len(targets)}, {len(rows)} and {len(generators)}, "
            f"expected {M} of each, one a network"
        )
    targets = torch.as_tensor(np.asarray(targets), dtype=torch.float32)
    rates = np.broadcast_to(np.asarray(learning_rate, dtype=float), (M,))
    penalties = torch.as_tensor(np.broadcast_to(weight_decay, (M,)).astype(np.float32))
    schedules = [PlateauSchedule(float(rate), decay, patience) for rate in rates]
    squares = torch.zeros_like(stack.flat)
    models, kept = torch.arange(M)[:, None], {}
    for epoch in range(1, epochs + 1):
        order = np.stack([g.permutation(r) for g, r in zip(generators, rows, strict=True)])
        now = torch.tensor([s.rate for s in schedules], dtype=torch.float32)
        total, observed = np.zeros(M), np.zeros(M)
        for start in range(0, rows.shape[1], batch_size):
            batch = torch.from_numpy(np.sort(order[:, start : start + batch_size], axis=1))
            x = take_batches(inputs, batch)
            errors, seen = _descend(stack, squares, x, targets[models, batch], now, penalties)
            total, observed = total + errors, observed + seen
        for schedule, loss in zip(schedules, total / observed, strict=True):
            schedule.step(float(loss))
        if epoch in snapshots:
            kept[epoch] = stack.flat.clone()
    return kept


def _descend(stack, squares, x, target, rates, penalties):
    """One step of all networks; squared errors before it and numbers of labels."""
    stack.flat = stack.flat.requires_grad_()
    seen = ~torch.isnan(target)
    errors = torch.where(seen, stack(x) - torch.nan_to_num(target), 0.0).square().sum((1, 2))
    counts = seen.sum((1, 2))
    (gradient,) = torch.autograd.grad((errors / counts.clamp(min=1)).sum(), stack.flat)
    flat = stack.flat.detach()
    gradient.addcmul_(penalties[:, None], flat)
    squares.mul_(_SMOOTHING).addcmul_(gradient, gradient, value=1 - _SMOOTHING)
    stack.flat = flat.sub_(gradient.div_(squares.sqrt().add_(_EPSILON)).mul_(rates[:, None]))
    return errors.detach().numpy(), counts.numpy()


def take_batches(inputs, batch):
    """A batch of plants for each network, in the form that `Stack` reads.

    Parameters
    ----------
    inputs : DistinctGenes of n plants, or float tensor of shape (M, n, width)
    batch : int tensor of shape (M, k)

    Returns
    -------
    tuple of tensors, or tensor of shape (M, k, width)
        Of genes, each network's distinct vectors [M, m, types], padded with zeros to the largest
        number of them, and [M, k, genes] the place of each gene's vector.
    """
    models = torch.arange(len(batch))[:, None]
    if not isinstance(inputs, DistinctGenes):
        return inputs[models, batch]
    chosen = inputs.index[batch]
    flat = chosen.flatten(1)
    carried = torch.zeros(len(batch), len(inputs.vectors), dtype=torch.bool)
    carried.scatter_(1, flat, True)
    places = torch.cumsum(carried, 1) - 1
    network, vector = carried.nonzero(as_tuple=True)
    vectors = inputs.vectors.new_zeros(
        len(batch), int(places[:, -1].max()) + 1, inputs.vectors.shape[1]
    )
    vectors[network, places[network, vector]] = inputs.vectors[vector]
    return vectors, places.gather(1, flat).view(chosen.shape)


@torch.no_grad()
def predict_stack(stack, inputs, *, encoding=False, batch_size=40):
    """Predictions of every network for every plant.

    Parameters
    ----------
    stack : Stack
    inputs : DistinctGenes of n plants, or float tensor of shape (M, n, width)
    encoding : bool
        Return what the last part reads instead.
    batch_size : int
        Plants at a time.

    Returns
    -------
    float32 array of shape (M, n, T), or (M, n, width)
    """
    n = len(inputs) if isinstance(inputs, DistinctGenes) else inputs.shape[1]
    run = stack.encode if encoding else stack
    batches = torch.arange(n).expand(len(stack), n).split(batch_size, dim=1)
    return torch.cat([run(take_batches(inputs, batch)) for batch in batches], dim=1).numpy()
