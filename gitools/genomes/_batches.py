"""Mini-batches for networks trained side by side: their samples, inputs and targets."""

import numpy as np
import torch

from gitools.genomes.distinct import DistinctGenes
from gitools.genomes.training import (
    _LARGEST_SEED,
    _check_generator,
    _check_length,
    _check_rows,
    _check_targets,
    _count,
    _n_samples,
    take,
)

_EPOCHS = 50


class Orders:
    """The samples of each network in the order of an epoch.

    Attributes
    ----------
    shared : bool
        Whether all networks read the same samples in the same order.
    rows : list of k int arrays
        The samples of each network.
    epochs : int
    """

    def __init__(self, rows, generators, orders, epochs, lengths):
        self.k, self.generators, self.orders, self.drawn = len(lengths), generators, orders, 0
        if (orders is None) == (generators is None):
            raise ValueError("generators, orders: expected one of them.")
        if orders is not None:
            self._take_orders(rows, epochs, lengths)
            return
        self.epochs = _EPOCHS if epochs is None else _count(epochs, "epochs")
        own = rows is not None and not (isinstance(rows, np.ndarray) and rows.ndim == 1)
        rows = each(list(rows) if own else rows, self.k, "rows", own)
        self.rows = [_check_rows(part, n) for part, n in zip(rows, lengths, strict=True)]
        if isinstance(generators, np.random.Generator):
            generators = [generators]
        self.shared, self.generators = False, each(list(generators), self.k, "generators", True)
        for generator in self.generators:
            _check_generator(generator)
        if len({id(generator) for generator in self.generators}) < self.k:
            raise ValueError("generators: one comes twice, expected a generator of its own each.")

    def _take_orders(self, rows, epochs, lengths):
        self.orders = np.asarray(self.orders)
        if rows is not None:
            raise ValueError("rows: expected none beside orders.")
        if self.orders.ndim != 3 or len(self.orders) != self.k or 0 in self.orders.shape:
            raise ValueError(
                f"orders: got shape {self.orders.shape}, expected ({self.k} models, epochs, m)."
            )
        self.epochs = self.orders.shape[1]
        if epochs not in (None, self.epochs):
            raise ValueError(f"epochs: got {epochs}, expected {self.epochs}, as many as in orders.")
        self.rows = [_check_rows(part[0], n) for part, n in zip(self.orders, lengths, strict=True)]
        alike = np.sort(self.orders, axis=2) == np.array(self.rows)[:, None]
        if not alike.all():
            raise ValueError("orders: expected the same samples in each epoch of a model.")
        self.shared = bool((self.orders == self.orders[:1]).all())

    def draw(self, size) -> list:
        """The batches of the next epoch: samples [k, batch], and which of them are absent or None.

        Where a network has fewer samples than another its first one stands in.
        """
        order, absent = self._draw()
        batches = torch.from_numpy(order).split(size, dim=1)
        if absent is None:
            return [(batch, None) for batch in batches]
        return list(zip(batches, torch.from_numpy(absent).split(size, dim=1), strict=True))

    def _draw(self):
        epoch, self.drawn = self.drawn, self.drawn + 1
        if self.orders is not None:
            return np.ascontiguousarray(self.orders[:, epoch]), None
        parts = [_permuted(g, rows) for g, rows in zip(self.generators, self.rows, strict=True)]
        lengths = np.array([len(part) for part in parts])
        order = np.repeat([part[0] for part in parts], lengths.max()).reshape(self.k, -1)
        for place, part in zip(order, parts, strict=True):
            place[: len(part)] = part
        absent = np.arange(lengths.max()) >= lengths[:, None]
        return order, absent if absent.any() else None


def _permuted(generator, rows):
    order = generator.permutation(rows)
    # train draws a seed for dropout here; without it the streams would part.
    generator.integers(_LARGEST_SEED)
    return order


class Labels:
    """Targets of k networks, [n, T] for all or [k, n, T].

    Attributes
    ----------
    lengths : list of k int
        Numbers of samples.
    """

    def __init__(self, targets, k, dtype, device):
        own = isinstance(targets, list) or np.ndim(targets) == 3
        self.parts = [_check_targets(part) for part in (targets if own else [targets])]
        if own and len(self.parts) != k:
            raise ValueError(f"targets: got {len(self.parts)}, expected {k}, one a model.")
        if len({part.shape[1] for part in self.parts}) > 1:
            raise ValueError("targets: the numbers of columns differ, expected the same for all.")
        self.k, self.own, self.device = k, own, device
        self.lengths = [len(part) for part in (self.parts if own else self.parts * k)]
        values = np.full((len(self.parts), max(self.lengths), self.parts[0].shape[1]), np.nan)
        for part, place in zip(self.parts, values, strict=True):
            place[: len(part)] = part
        self.values = torch.as_tensor(values, dtype=dtype, device=device)
        self.models = torch.arange(k if own else 1, device=device)[:, None]

    def check_seen(self, rows):
        """Refuse a network without a label."""
        for k, chosen in enumerate(rows):
            if not np.isfinite(self.parts[k if self.own else 0][chosen]).any():
                raise ValueError("targets: no value is observed in rows, expected at least one.")

    def take(self, batch, absent):
        """Targets [k, batch, T] without NaN, which of them are observed, and how many a network.

        Where none is missing the second is None.
        """
        target = self.values[self.models, batch.to(self.device)]
        seen = ~torch.isnan(target)
        if absent is not None:
            seen &= ~absent.to(self.device)[..., None]
        number = seen.sum(dim=(1, 2))
        if bool(seen.all()):
            return target, None, number
        # NaN must go before a difference is taken: zero times NaN is NaN in the backward pass.
        return torch.nan_to_num(target), seen, number


def reader_of(inputs, k, lengths, device, shared):
    """What makes the input of a `Stack` from samples [k, batch].

    Parameters
    ----------
    inputs : tensor, array, DistinctGenes, or list of k such
    k : int
    lengths : list of k int, or None
        Numbers of samples that are expected; None for any, the same for all.
    device : torch device
    shared : bool
        Whether all networks read the same samples.
    """
    own = isinstance(inputs, list)
    parts = each(inputs, k, "inputs", own)
    found = [_n_samples(part) for part in parts]
    if lengths is None and len(set(found)) > 1:
        raise ValueError("inputs: the numbers of samples differ, expected the same for all.")
    for part, n in zip(parts, lengths or found, strict=True):
        _check_length(part, n)
    if min(found) == 0:
        raise ValueError("inputs: got 0 samples, expected at least 1.")
    kinds = {isinstance(part, DistinctGenes) for part in parts}
    if len(kinds) > 1:
        raise ValueError("inputs: got DistinctGenes and tensors, expected one kind.")
    alike = all(part is parts[0] for part in parts)
    make = _Genes if kinds.pop() else _Samples
    return make(parts[:1] if alike else parts, k, device, shared)


class _Samples:
    """Batches of tensors or arrays."""

    def __init__(self, parts, k, device, shared):
        self.n, self.k, self.device = _n_samples(parts[0]), k, device
        self.parts, self.one, self.shared = parts, len(parts) == 1, shared
        plain = all(isinstance(part, torch.Tensor) for part in parts)
        self.stacked = None
        if plain and len({part.shape for part in parts}) == 1:
            self.stacked = parts[0] if self.one else torch.stack(parts)

    def __call__(self, batch):
        if self.one and self.shared:
            part = take(self.parts[0], batch[0].numpy(), self.device)
            return part.expand(self.k, *part.shape)
        if self.stacked is not None:
            batch = batch.to(self.stacked.device)
            models = torch.arange(self.k, device=batch.device)[:, None]
            chosen = self.stacked[batch] if self.one else self.stacked[models, batch]
            return chosen.to(self.device)
        parts = self.parts * (self.k if self.one else 1)
        rows = batch.numpy()
        return torch.stack([take(p, r, self.device) for p, r in zip(parts, rows, strict=True)])


class _Genes:
    """Batches of genes, each network's distinct vectors computed once."""

    def __init__(self, parts, k, device, shared):
        self.n, self.k, self.device, self.shared = len(parts[0]), k, device, shared
        self.genes, self.one = parts[0], len(parts) == 1
        self.models = torch.arange(k, device=parts[0].index.device)[:, None]
        if self.one:
            self.vectors = parts[0].vectors.expand(k, -1, -1)
            return
        _check_genes(parts)
        most, n = max(len(part.vectors) for part in parts), max(len(part) for part in parts)
        self.vectors = parts[0].vectors.new_zeros((k, most, parts[0].shape[2]))
        self.index = parts[0].index.new_zeros((k, n, parts[0].shape[1]))
        for own, part in enumerate(parts):
            self.vectors[own, : len(part.vectors)] = part.vectors
            self.index[own, : len(part)] = part.index

    def __call__(self, batch):
        """Vectors [k, m, types] that each network's samples carry, and their places."""
        batch = batch.to(self.vectors.device)
        if self.one and self.shared:
            genes = self.genes[batch[0]].to(self.device)
            return genes.vectors.expand(self.k, -1, -1), genes.index
        chosen = self.genes.index[batch] if self.one else self.index[self.models, batch]
        places = chosen.flatten(1).long()
        carried = torch.zeros(self.vectors.shape[:2], dtype=torch.bool, device=batch.device)
        carried.scatter_(1, places, True)
        # The new number of a vector is the count of carried ones before it.
        number = carried.cumsum(1) - 1
        network, vector = carried.nonzero(as_tuple=True)
        most = int(number[:, -1].max()) + 1
        vectors = self.vectors.new_zeros((self.k, most, self.vectors.shape[2]))
        vectors[network, number[network, vector]] = self.vectors[network, vector]
        index = number.gather(1, places).view(chosen.shape)
        return vectors.to(self.device), index.to(self.device)


def _check_genes(parts):
    if len({part.shape[1:] for part in parts}) > 1:
        raise ValueError("inputs: the numbers of genes or types differ, expected the same for all.")


def each(values, k, name, own):
    """The same value k times, or k values."""
    if not own:
        return [values] * k
    if len(values) != k:
        raise ValueError(f"{name}: got {len(values)}, expected {k}, one a model.")
    return values
