"""Several networks of one layout trained side by side, with their weights in one tensor.

A step of a small network is mostly the overhead of its many small operations. Networks of one
layout (the folds of a cross-validation, the same fit on many panels, one fit with several graphs)
can share it: their weights are stacked, and each operation runs once for all of them. They share
nothing else: each has its own samples, order, learning rate and schedule, and ends where
`gitools.genomes.training.train` would have left it, up to rounding.
"""

from collections.abc import Callable, Sequence
from numbers import Real

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from gitools.genomes._batches import Labels, Orders, reader_of
from gitools.genomes._gene_network import scores_of_stack
from gitools.genomes.distinct import DistinctGenes
from gitools.genomes.layers import SparseLinear
from gitools.genomes.models import SeededDropout
from gitools.genomes.training import PlateauSchedule, TrainingHistory, _count, _number

# The defaults of torch.optim.RMSprop, which train uses.
_SMOOTHING, _TINY = 0.99, 1e-8
_PREDICTION_BATCH = 256
_ELEMENTWISE = (nn.Tanh, nn.Sigmoid, nn.ReLU, nn.GELU, nn.SiLU, nn.Identity)


class Stack:
    """Networks of one layout as one network with a leading axis.

    A layout is a chain: a module whose children are run one after the other, in the order in which
    they were defined (`Galiana`, `BMSNN`, `GPSNN`, `FrozenHead`, ``nn.Sequential`` and the like),
    made of Linear, LayerNorm, SparseLinear and elementwise layers. A child ``G`` is applied to each
    gene. Sparse layers may have other edges in each network, even other numbers of them.

    Parameters
    ----------
    models : sequence of k torch modules
        Of one class and one shape, without dropout of their own, on one device. They are left as
        they are.
    dropout : float
        Probability, in [0, 1), with which an entry is left out of a step of training where the
        layout has a `SeededDropout`.
    generator : torch Generator, optional
        Source of the masks of all networks; needed if ``dropout`` is above 0.

    Attributes
    ----------
    weights : dict of tensors
        By parameter name, [k, ...]; the weights of a sparse layer are one after the other.

    Raises
    ------
    ValueError
        If the models differ in class or shape, have dropout of their own, a layer that is not
        known, or nothing to train; or if there is dropout without a generator. When called, if the
        modules' own predictions are not those of the chain.
    """

    def __init__(self, models: Sequence[nn.Module], *, dropout: float = 0.0, generator=None):
        models = list(models)
        _check_models(models)
        self.dropout = _check_dropout(dropout, generator)
        self.generator, self.layout, self._k = generator, models[0], len(models)
        *first, last = self.layout.named_children()
        self._genes = [layer for part in first if part[0] == "G" for layer in _chain(*part)]
        self._first = [layer for part in first if part[0] != "G" for layer in _chain(*part)]
        self._last = _chain(*last)
        self._blocks = {
            name: _Block([m.get_submodule(name) for m in models])
            for name, layer in [*self._genes, *self._first, *self._last]
            if isinstance(layer, SparseLinear)
        }
        self._checked = False
        self._lay_out(models)

    def __len__(self) -> int:
        return self._k

    @torch.no_grad()
    def _lay_out(self, models):
        """One tensor for all weights, those to be trained first, so that a step is few operations.

        A parameter's weights of all networks stand together, network after network.
        """
        named = [dict(model.named_parameters()) for model in models]
        parameters = sorted(named[0].items(), key=lambda item: not item[1].requires_grad)
        parts = {name: [weights[name].reshape(-1) for weights in named] for name, _ in parameters}
        self._flat = torch.cat([part for several in parts.values() for part in several])
        self._sizes = {name: [len(part) for part in several] for name, several in parts.items()}
        sizes = [sum(several) for several in self._sizes.values()]
        self.weights = {}
        for (name, weight), values in zip(parameters, self._flat.split(sizes), strict=True):
            alike = len(set(self._sizes[name])) == 1 and not self._is_sparse(name)
            view = values.view(len(models), *weight.shape) if alike else values
            self.weights[name] = view.detach().requires_grad_(weight.requires_grad)
        self._trained = [w for w in self.weights.values() if w.requires_grad]
        if not self._trained:
            raise ValueError("models: no parameter requires a gradient, expected at least one.")
        number = sum(w.numel() for w in self._trained)
        owner = [
            torch.arange(self._k).repeat_interleave(torch.tensor(s)) for s in self._sizes.values()
        ]
        self._owner = torch.cat(owner)[:number].to(self.device)
        self._moving, self._squares = self._flat[:number], None

    def _is_sparse(self, name):
        return name.endswith(".weight") and name.removesuffix(".weight") in self._blocks

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._flat.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self._flat.dtype

    def snapshot(self) -> torch.Tensor:
        """A copy of all weights, for `restore`."""
        return self._flat.clone()

    @torch.no_grad()
    def restore(self, weights: torch.Tensor) -> None:
        """Go back to the weights of a `snapshot`.

        Raises
        ------
        ValueError
            If they are not of this stack's shape.
        """
        if getattr(weights, "shape", None) != self._flat.shape:
            raise ValueError(
                f"weights: got shape {tuple(getattr(weights, 'shape', ()))}, expected a snapshot "
                f"of this stack, {tuple(self._flat.shape)}."
            )
        self._flat.copy_(weights)

    @torch.no_grad()
    def copy_from(self, other: "Stack", *, leave_out: Sequence[str] = ()) -> None:
        """Take over another stack's weights, as the start of a fine-tuning.

        Parameters
        ----------
        other : Stack
            Of as many networks, with the same parameters but for those left out.
        leave_out : sequence of str
            Beginnings of names of parameters that stay as they are.

        Raises
        ------
        ValueError
            If a parameter is missing in `other` or has another shape there.
        """
        leave_out = (leave_out,) if isinstance(leave_out, str) else tuple(leave_out)
        taken = [name for name in self.weights if not name.startswith(leave_out)]
        for name in taken:
            if self._sizes[name] != other._sizes.get(name):
                raise ValueError(f"other: no parameter {name!r} of the shape that it has here.")
        for name in taken:
            self.weights[name].copy_(other.weights[name])

    @torch.no_grad()
    def write_back(self, models: Sequence[nn.Module]) -> None:
        """Put each network's weights into a module of its own.

        Raises
        ------
        ValueError
            If there are not as many modules as networks.
        """
        if len(models) != len(self):
            raise ValueError(f"models: got {len(models)}, expected {len(self)}.")
        for k, model in enumerate(models):
            own = self._own_weights(k)
            for name, weight in model.named_parameters():
                weight.copy_(own[name])

    def _own_weights(self, k):
        """Weights of network k by name."""
        shapes = {name: w.shape for name, w in self.layout.named_parameters()}
        own = {}
        for name, weight in self.weights.items():
            if self._is_sparse(name):
                own[name] = weight.detach().split(self._sizes[name])[k]
            else:
                own[name] = weight.detach()[k].view(shapes[name])
        return own

    def encode(self, x, *, training: bool = False) -> torch.Tensor:
        """What the last child reads, [k, batch, width].

        Parameters
        ----------
        x : tensor of shape (k, batch, ...), or pair of tensors
            Of networks on genes, the pair is each network's distinct vectors [k, m, types] and the
            place of each gene's vector, [k, batch, genes], or [batch, genes] for all alike.
        training : bool
            Whether entries are dropped.
        """
        return self._run(self._first, self._genes_first(x), training)

    def __call__(self, x, *, training: bool = False) -> torch.Tensor:
        """Predictions [k, batch, T] from inputs as in `encode`."""
        if not self._checked:
            self._check_chain(x)
        return self._run(self._last, self.encode(x, training=training), training)

    def _genes_first(self, x):
        """Gene scores in place of genes, where the layout has a G."""
        if not self._genes:
            return x
        if isinstance(x, torch.Tensor):
            return self._scores(x.flatten(1, 2)).view(x.shape[:3])
        vectors, index = x
        scores = self._scores(vectors)
        if index.ndim == 2:
            return scores.index_select(1, index.reshape(-1)).view(self._k, *index.shape)
        return scores.gather(1, index.flatten(1)).view(index.shape)

    def _scores(self, vectors):
        if _has_written_gradient(self._genes):
            names = [f"G.{layer}.{part}" for layer in (0, 1, 3) for part in ("weight", "bias")]
            weights = [self.weights[name] for name in names]
            return scores_of_stack(vectors, weights, self._genes[1][1].eps)
        return self._run(self._genes, vectors, False).squeeze(-1)

    def _run(self, chain, x, training):
        for name, layer in chain:
            if isinstance(layer, nn.Linear):
                x = _linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))
            elif isinstance(layer, nn.LayerNorm):
                x = nn.functional.layer_norm(x, layer.normalized_shape, eps=layer.eps)
                weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
                x = torch.addcmul(bias[:, None], x, weight[:, None])
            elif isinstance(layer, SparseLinear):
                weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
                x = self._blocks[name](x, weight, bias)
            elif not isinstance(layer, SeededDropout):
                x = layer(x)
            elif training and self.dropout > 0:
                x = self._drop(x)
        return x

    def _drop(self, x):
        draws = torch.rand(x.shape, generator=self.generator, device=x.device)
        return x * (draws >= self.dropout) / (1 - self.dropout)

    @torch.no_grad()
    def _check_chain(self, x):
        """A module that does something else than its children in order must not pass for it."""
        one = x[0]
        if not isinstance(x, torch.Tensor):
            vectors, index = x
            one = DistinctGenes(vectors[0], index if index.ndim == 2 else index[0])
        buffers = dict(self.layout.named_buffers())
        expected = functional_call(self.layout, (self._own_weights(0), buffers), (one,))
        found = self._run(self._last, self.encode(x), False)[0]
        if found.shape != expected.shape or not torch.allclose(
            found, expected, rtol=1e-3, atol=1e-3, equal_nan=True
        ):
            raise ValueError(
                f"models: a {type(self.layout).__name__} predicts something else than its children "
                "in order, expected a chain of them."
            )
        self._checked = True

    def descend(self, loss, rates, penalties, active) -> None:
        """One step of RMSprop on the sum of the networks' losses.

        Parameters
        ----------
        loss : tensor, a scalar
        rates, penalties : float, or tensor with an entry a trained weight
            See `per_weight`.
        active : bool tensor of shape (k,), or None
            The networks that move; None for all.
        """
        slopes = torch.autograd.grad(loss, self._trained)
        slope = torch.cat([part.reshape(-1) for part in slopes])
        with torch.no_grad():
            before = None if active is None else (self._moving.clone(), self._squares.clone())
            slope.add_(penalties * self._moving)
            self._squares.mul_(_SMOOTHING).addcmul_(slope, slope, value=1 - _SMOOTHING)
            slope.div_(self._squares.sqrt().add_(_TINY)).mul_(rates)
            self._moving.sub_(slope)
            if before is not None:
                still = ~active[self._owner]
                for values, old in zip((self._moving, self._squares), before, strict=True):
                    values[still] = old[still]

    def start_descent(self) -> None:
        """Forget the slopes of an earlier training."""
        self._squares = torch.zeros_like(self._moving)

    def per_weight(self, values: Sequence[float]):
        """A number for each network as one for each trained weight; a float if all are equal."""
        if len(set(values)) == 1:
            return values[0]
        return self._flat.new_tensor(values)[self._owner]


class _Block:
    """The sparse layers of several networks as one, whose blocks know nothing of each other."""

    def __init__(self, layers):
        self.n_in, self.n_out, self.k = layers[0].n_in, layers[0].n_out, len(layers)
        self.inputs = torch.cat([layer.inputs + k * self.n_in for k, layer in enumerate(layers)])
        self.outputs = torch.cat([layer.outputs + k * self.n_out for k, layer in enumerate(layers)])

    def __call__(self, x, weight, bias):
        batch = x.shape[1]
        along = x.transpose(0, 1).reshape(batch, -1).index_select(1, self.inputs) * weight
        start = along.new_zeros(()) if bias is None else bias.reshape(-1)
        y = start.expand(batch, self.k * self.n_out).index_add(1, self.outputs, along)
        return y.view(batch, self.k, self.n_out).transpose(0, 1)


def train_together(
    models: Sequence[nn.Module] | Stack,
    inputs,
    targets,
    rows=None,
    *,
    generators=None,
    orders=None,
    epochs: int | None = None,
    batch_size: int = 10,
    learning_rate: float | Sequence[float] = 1e-2,
    weight_decay: float | Sequence[float] = 1e-6,
    decay: float = 1 / 3,
    patience: int = 3,
    on_epoch: Callable[[int, list[float]], None] | None = None,
) -> list[TrainingHistory]:
    """Fit k networks in place, each on samples of its own.

    Parameters
    ----------
    models : sequence of k torch modules, or Stack
        What `Stack` takes; a stack is trained itself, and the modules it was made from are not.
    inputs : tensor or array of shape (n, ...), DistinctGenes, or a list of k such
        One for all networks, or one each. Tensors of a list are copied into one, arrays (which may
        be memory-mapped) are read a batch at a time.
    targets : float array of shape (n, T) or (k, n, T), or a list of k of shape (n, T)
        NaN where missing.
    rows : int array, or sequence of k int arrays
        The samples to train on: for all networks, or each network's own, maybe of several
        lengths. All by default.
    generators : sequence of k numpy Generators
        For the order of the samples, as `gitools.genomes.training.train` draws it.
    orders : int array of shape (k, epochs, m), optional
        In place of rows and generators: the samples of each epoch, the same in all epochs of a
        network, in the order in which batches are taken. Networks that read the same genes in the
        same order share more of the work.
    epochs : int, optional
        50 by default, or as many as `orders` has.
    learning_rate, weight_decay : float, or sequence of k floats
    batch_size, decay, patience
        See `gitools.genomes.training.train`.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, losses)`` after each epoch; models or stack then hold its
        weights.

    Returns
    -------
    list of k TrainingHistory

    Raises
    ------
    ValueError
        If an argument is out of range, lengths disagree, a generator comes twice, or the models
        cannot be stacked.
    FloatingPointError
        If a loss stops being finite.
    """
    stack = models if isinstance(models, Stack) else Stack(models)
    k, batch_size = len(stack), _count(batch_size, "batch_size")
    labels = Labels(targets, k, stack.dtype, stack.device)
    order = Orders(rows, generators, orders, epochs, labels.lengths)
    reader = reader_of(inputs, k, labels.lengths, stack.device, order.shared)
    labels.check_seen(order.rows)
    decays = _one_each(weight_decay, k, "weight_decay", closed=True)
    schedules = [
        PlateauSchedule(rate, decay, patience)
        for rate in _one_each(learning_rate, k, "learning_rate")
    ]
    penalties = stack.per_weight(decays)
    losses, rates = [], []
    stack.start_descent()
    for epoch in range(1, order.epochs + 1):
        rates.append([schedule.rate for schedule in schedules])
        now = stack.per_weight(rates[-1])
        batches = order.draw(batch_size)
        losses.append(_one_epoch(stack, reader, labels, batches, now, penalties))
        _check_losses(losses[-1], epoch, rates[-1])
        for schedule, loss in zip(schedules, losses[-1], strict=True):
            schedule.step(loss)
        if on_epoch is not None:
            if stack is not models:
                stack.write_back(models)
            on_epoch(epoch, losses[-1])
    if stack is not models:
        stack.write_back(models)
        for model in models:
            model.eval()
    return [
        TrainingHistory(np.array(loss), np.array(rate))
        for loss, rate in zip(zip(*losses, strict=True), zip(*rates, strict=True), strict=True)
    ]


def _one_epoch(stack, reader, labels, batches, rates, penalties):
    """Run through all samples once; the mean squared error of each network."""
    total, observed = 0.0, 0
    for batch, absent in batches:
        target, seen, number = labels.take(batch, absent)
        prediction = stack(reader(batch), training=True)
        if prediction.shape != target.shape:
            raise ValueError(
                f"targets: got {target.shape[2]} columns, expected {prediction.shape[2]}, as many "
                "as the models predict."
            )
        error = prediction - target
        if seen is not None:
            error = torch.where(seen, error, 0.0)
        error = error.square().sum(dim=(1, 2))
        active = None if seen is None or bool(number.all()) else number > 0
        stack.descend((error / number.clamp(min=1)).sum(), rates, penalties, active)
        total, observed = total + error.detach().double(), observed + number
    return (total / observed).tolist()


@torch.no_grad()
def predict_together(
    models: Sequence[nn.Module] | Stack,
    inputs,
    *,
    encoding: bool = False,
    batch_size: int = _PREDICTION_BATCH,
) -> np.ndarray:
    """Predictions of every network for every sample, without dropout.

    Parameters
    ----------
    models : sequence of k torch modules, or Stack
    inputs : tensor or array of shape (n, ...), DistinctGenes, or a list of k such
        One for all networks, or one each, with the same number of samples.
    encoding : bool
        Return what the last child of the networks reads instead.
    batch_size : int
        Samples at a time, at least 1; it does not change the result.

    Returns
    -------
    float array of shape (k, n, T), or (k, n, width)

    Raises
    ------
    ValueError
        If `batch_size` is below 1, there is no sample, or the numbers of samples differ.
    """
    stack = models if isinstance(models, Stack) else Stack(models)
    batch_size = _count(batch_size, "batch_size")
    reader = reader_of(inputs, len(stack), None, stack.device, True)
    run = stack.encode if encoding else stack
    rows = torch.arange(reader.n).expand(len(stack), -1)
    parts = [run(reader(batch)).cpu() for batch in rows.split(batch_size, dim=1)]
    return torch.cat(parts, dim=1).numpy()


def _chain(name, module):
    """Leaves of nested Sequentials, with their names, in the order in which they run."""
    if isinstance(module, nn.Sequential):
        return [
            leaf
            for key, child in module.named_children()
            for leaf in _chain(f"{name}.{key}", child)
        ]
    whole = (nn.Linear, SparseLinear, SeededDropout, *_ELEMENTWISE)
    norm = isinstance(module, nn.LayerNorm) and module.bias is not None
    if not isinstance(module, whole) and not (norm and len(module.normalized_shape) == 1):
        raise ValueError(
            f"models: got a layer {type(module).__name__} ({name}), expected Linear, SparseLinear, "
            "LayerNorm over the last axis with scale and shift, or an elementwise function."
        )
    return [(name, module)]


def _has_written_gradient(chain):
    """Whether G is the network whose gradient is written out."""
    layers = [layer for _, layer in chain]
    kinds = [nn.Linear, nn.LayerNorm, nn.Tanh, nn.Linear]
    return (
        [type(layer) for layer in layers] == kinds
        and layers[3].out_features == 1
        and layers[0].bias is not None
        and layers[3].bias is not None
    )


def _linear(x, weight, bias):
    if bias is None:
        return torch.bmm(x, weight.mT)
    return torch.baddbmm(bias[:, None], x, weight.mT)


def _check_models(models):
    if not models:
        raise ValueError("models: got none, expected at least one.")
    shapes = [_shapes(model) for model in models]
    if any(type(m) is not type(models[0]) for m in models) or any(s != shapes[0] for s in shapes):
        raise ValueError("models: expected networks of one class and one shape.")
    if not list(models[0].children()):
        raise ValueError("models: got a single layer, expected a chain of children.")
    for part in models[0].modules():
        if getattr(part, "p", 0) > 0 or getattr(part, "rate", 0) > 0:
            raise ValueError(
                "models: got networks with dropout, which draws random numbers of its own; "
                "expected networks without it."
            )


def _shapes(model):
    """Names and shapes of all weights, whatever the edges of sparse layers."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name, part in model.named_modules():
        if isinstance(part, SparseLinear):
            for key in ("weight", "inputs", "outputs"):
                shapes[f"{name}.{key}"] = (part.n_in, part.n_out)
    return shapes


def _check_dropout(dropout, generator):
    dropout = _number(dropout, "dropout", low=0, closed=True)
    if dropout >= 1:
        raise ValueError(f"dropout: got {dropout}, expected a number in [0, 1).")
    if dropout > 0 and not isinstance(generator, torch.Generator):
        raise ValueError(
            f"generator: got {type(generator).__name__}, expected a torch Generator for dropout."
        )
    return dropout


def _one_each(values, k, name, closed=False):
    values = [values] * k if isinstance(values, Real) else list(values)
    if len(values) != k:
        raise ValueError(f"{name}: got {len(values)}, expected {k}, one a model.")
    return [_number(float(value), name, low=0, closed=closed) for value in values]


def _check_losses(losses, epoch, rates):
    for loss, rate in zip(losses, rates, strict=True):
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"loss: became {loss} in epoch {epoch}, expected a finite number; "
                f"try a learning_rate below {rate:g}."
            )
