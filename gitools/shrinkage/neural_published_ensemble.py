"""Members of the published layout trained side by side, and kept as plain tensors.

`gitools.shrinkage.neural_published.PublishedShrinkage` trains one member after another. Networks
this small spend their time between operations, not in them: stacked into one wide network that
shares its batches, ten members cost little more than two. They differ by their start and by
dropout, as the published ones do, and no number of one enters another.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from gitools.shrinkage._checks import check_count
from gitools.shrinkage.neural_published import REPAIRS, PublishedShrinkage, build_network

# Raised whenever the meaning of a tensor changes.
_VERSION = "1"
_FORMAT = "gitools published shrinkage"
_BATCH = 100
_ROWS_AT_ONCE = 8_192
_BUFFERS = ("running_mean", "running_var")
_UNUSED = "num_batches_tracked"


def fit_together(model, blocks, validation, *, on_pass=None):
    """Train all members of a model in the same passes over the same batches.

    The recipe is that of `PublishedShrinkage.fit`, in single precision. Each member keeps the
    weights of its best pass and is judged by its own held-out losses; the passes end when the
    patience of every member has run out.

    Parameters
    ----------
    model : PublishedShrinkage
        Without repairs; its settings and ``random_state`` are used.
    blocks, validation : sequences of SimulatedBlock
        See `gitools.shrinkage.neural_training.SimulatedBlock`; they share no genotypes.
    on_pass : callable, optional
        Called with the held-out losses of all members after each pass.

    Returns
    -------
    PublishedShrinkage
        The same model, with ``members_`` and ``validation_losses_``.

    Raises
    ------
    ValueError
        If the model has repairs, no member or no hidden layer.
    """
    if model.repairs:
        raise ValueError(f"model: got repairs {model.repairs}, expected the published layout.")
    if not model.hidden:
        raise ValueError("model: got no hidden layer, expected at least one.")
    n_members = check_count(model.n_members, "n_members")
    rng = np.random.default_rng(model.random_state)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    train, held_out = (_single(model._rows(each)) for each in (blocks, validation))
    # Layers and dropout draw from torch's own stream: it is seeded here and put back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        members = [
            build_network(train[0].shape[1], model.hidden, generator) for _ in range(n_members)
        ]
        stack = StackedMembers(members)
        model.validation_losses_ = _descend(stack, model, train, held_out, generator, on_pass)
    stack.write_to(members)
    model.members_ = [member.eval() for member in members]
    return model


class StackedMembers:
    """Networks of one layout as one, whose layers do not mix.

    Parameters
    ----------
    members : list of torch.nn.Sequential
        As from `gitools.shrinkage.neural_published.build_network`.

    Attributes
    ----------
    tensors : dict of torch.Tensor
        The members' states by name, stacked along a first axis, in single precision.
    """

    def __init__(self, members):
        self.rates = [layer.p for layer in members[0] if isinstance(layer, torch.nn.Dropout)]
        self.tensors = stacked_states(members)
        self.parameters = [
            tensor.requires_grad_()
            for name, tensor in self.tensors.items()
            if not name.endswith(_BUFFERS)
        ]

    def forward(self, rows, training):
        """Outputs of all members for the same rows.

        Parameters
        ----------
        rows : tensor of shape (n_rows, n_inputs)
        training : bool
            Batch statistics and dropout, and the running statistics move.

        Returns
        -------
        tensor of shape (n_members, n_rows)
        """
        values = rows.expand(len(self.tensors["0.weight"]), -1, -1)
        for place, rate in enumerate(self.rates):
            values = self._linear(4 * place, values)
            values = self._normalise(4 * place + 1, values, training)
            values = functional.dropout(functional.relu(values), rate, training)
        return self._linear(4 * len(self.rates), values)[..., 0]

    def write_to(self, members):
        """Put the stacked states back into the members."""
        for place, member in enumerate(members):
            state = {name: tensor[place].detach() for name, tensor in self.tensors.items()}
            member.load_state_dict(state | _counters(member))

    def _linear(self, layer, values):
        weight, bias = self.tensors[f"{layer}.weight"], self.tensors[f"{layer}.bias"]
        return torch.baddbmm(bias[:, None, :], values, weight.transpose(1, 2))

    def _normalise(self, layer, values, training):
        """All members' units side by side: a unit's statistics are its own."""
        n_members, n_rows, width = values.shape
        names = ("running_mean", "running_var", "weight", "bias")
        flat = [self.tensors[f"{layer}.{name}"].view(-1) for name in names]
        wide = values.transpose(0, 1).reshape(n_rows, -1)
        wide = functional.batch_norm(wide, *flat, training=training)
        return wide.view(n_rows, n_members, width).transpose(0, 1)


def stacked_states(members):
    """States of networks of one layout, stacked by name, in single precision.

    Parameters
    ----------
    members : list of torch.nn.Sequential

    Returns
    -------
    dict of torch.Tensor
    """
    states = [member.state_dict() for member in members]
    return {
        name: torch.stack([state[name] for state in states]).float()
        for name in states[0]
        if not name.endswith(_UNUSED)
    }


def save_published(model, path, metadata=None):
    """Write trained members as plain tensors (safetensors), in single precision.

    Parameters
    ----------
    model : PublishedShrinkage
    path : path
    metadata : dict of str, optional
        How the members came about.
    """
    from safetensors.torch import save_file

    if not hasattr(model, "members_"):
        raise ValueError("model: got one without members, expected a model after its training.")
    kept = {
        **(metadata or {}),
        "format": _FORMAT,
        "version": _VERSION,
        "hidden": "-".join(map(str, model.hidden)),
        "n_neighbours": str(model.n_neighbours),
        "repairs": " ".join(model.repairs),
    }
    tensors = {name: one.contiguous() for name, one in stacked_states(model.members_).items()}
    save_file(tensors, str(path), metadata=kept)


def load_published(path):
    """Read members that `save_published` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    PublishedShrinkage
        With ``members_`` in evaluation mode and ``metadata_``, how they came about.

    Raises
    ------
    ValueError
        If the file holds something else, or tensors that do not fit the layout it names.
    FileNotFoundError
        If there is no such file.
    """
    tensors, metadata = _read(path)
    if (metadata.get("format"), metadata.get("version")) != (_FORMAT, _VERSION):
        raise ValueError(
            f"path: got {path} of format {metadata.get('format')!r} and version "
            f"{metadata.get('version')!r}, expected {_FORMAT!r} and {_VERSION!r}."
        )
    hidden, n_neighbours, repairs = _layout(path, metadata)
    n_members = len(tensors["0.weight"]) if "0.weight" in tensors else 1
    model = PublishedShrinkage(
        hidden, n_neighbours=n_neighbours, n_members=n_members, repairs=repairs
    )
    # Layers draw a start from torch's own stream, which is none of a reader's business.
    with torch.random.fork_rng(devices=[]):
        members = [build_network(2 * n_neighbours + 3, hidden) for _ in range(n_members)]
    _check_tensors(path, tensors, stacked_states(members))
    for place, member in enumerate(members):
        state = {name: tensor[place] for name, tensor in tensors.items()}
        member.load_state_dict(state | _counters(member))
    model.members_ = [member.eval() for member in members]
    model.metadata_ = metadata
    return model


def _descend(stack, model, train, held_out, generator, on_pass):
    """Passes over shuffled rows; leaves the best of each member in the stack."""
    scale = (train[2] * train[1] ** 2).mean()
    optimiser = torch.optim.Adam(stack.parameters, lr=model.learning_rate, fused=True)
    losses, best, open_ = [], None, np.ones(model.n_members, dtype=bool)
    while len(losses) < model.max_epochs and open_.any():
        order = torch.randperm(len(train[0]), generator=generator)
        for batch in order.split(_BATCH):
            if len(batch) < 2:
                continue
            columns, targets, weights = (part[batch] for part in train)
            optimiser.zero_grad()
            errors = (stack.forward(columns, True) - targets) ** 2
            ((weights * errors).mean(dim=1).sum() / scale).backward()
            optimiser.step()
        losses.append(_held_out_losses(stack, held_out))
        best = _keep_better(stack, best, open_ & (losses[-1] == np.min(losses, axis=0)))
        open_ &= len(losses) - 1 - np.argmin(losses, axis=0) < model.patience
        if on_pass is not None:
            on_pass(losses[-1])
    for name, tensor in stack.tensors.items():
        tensor.data.copy_(best[name])
    return np.array(losses).T.tolist()


def _held_out_losses(stack, rows):
    """Weighted squared error of each member in evaluation mode."""
    total = 0.0
    with torch.no_grad():
        for part in zip(*(one.split(_ROWS_AT_ONCE) for one in rows), strict=True):
            columns, targets, weights = part
            errors = (stack.forward(columns, False) - targets) ** 2
            total = total + (weights * errors).double().sum(dim=1)
    return (total / len(rows[0])).numpy()


def _keep_better(stack, best, better):
    if best is None:
        return {name: tensor.detach().clone() for name, tensor in stack.tensors.items()}
    chosen = torch.from_numpy(better)
    for name, tensor in stack.tensors.items():
        best[name][chosen] = tensor.detach()[chosen]
    return best


def _single(rows):
    return [part.float() for part in rows]


def _counters(member):
    """Counts of batches, which a momentum of 0.1 never uses."""
    return {n: value for n, value in member.state_dict().items() if n.endswith(_UNUSED)}


def _read(path):
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"path: got {path}, where there is no file.")
    try:
        with safe_open(str(path), framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"path: got {path}, expected a safetensors file ({error}).") from None


def _layout(path, metadata):
    try:
        hidden = tuple(check_count(int(one), "hidden") for one in metadata["hidden"].split("-"))
        n_neighbours = check_count(int(metadata["n_neighbours"]), "n_neighbours")
        repairs = tuple(metadata["repairs"].split())
    except (KeyError, ValueError) as error:
        raise ValueError(f"path: got {path} with an unreadable layout ({error}).") from None
    if unknown := set(repairs) - set(REPAIRS):
        raise ValueError(f"path: got repairs {sorted(unknown)} in {path}, expected {REPAIRS}.")
    return hidden, n_neighbours, repairs


def _check_tensors(path, tensors, expected):
    found, wanted = (
        {name: tuple(tensor.shape) for name, tensor in each.items()} for each in (tensors, expected)
    )
    if found != wanted:
        raise ValueError(f"path: got tensors {found} in {path}, expected {wanted}.")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"path: got numbers in {name} of {path} that are not finite.")
