"""Layers whose weights are the edges of a graph: genes to pathways, or genes to genes.

The layer is that of the BMSNN of Raimondi et al., Scientific Reports 14 (2024): both ends of a
weight stand for something known, and only known edges have a weight.
"""

import operator

import numpy as np
import torch
from torch import nn


def _count(value, name: str) -> int:
    """A whole number from 1 on."""
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if isinstance(value, bool | np.bool_) or count < 1:
        raise ValueError(f"{name}: expected a whole number from 1 on, got {value!r}")
    return count


def check_edges(edges, n_in: int, n_out: int) -> np.ndarray:
    """Edges as an array, or an error that says what is wrong with them.

    Parameters
    ----------
    edges : array_like of int, shape (n_edges, 2)
        One row an edge: index of the input, index of the output.
    n_in, n_out : int
        Inputs are 0 to ``n_in`` - 1, outputs 0 to ``n_out`` - 1.

    Returns
    -------
    int64 array, shape (n_edges, 2)
        A copy, in the given order.

    Raises
    ------
    ValueError
        If there is no edge, an edge is not a pair of whole numbers, lies outside the layer, or
        stands there twice; or if ``n_in`` or ``n_out`` is no whole number from 1 on.
    """
    n_in, n_out = _count(n_in, "n_in"), _count(n_out, "n_out")
    array = np.asarray(edges.cpu() if isinstance(edges, torch.Tensor) else edges)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise ValueError(
            f"edges: expected at least one row of (input, output), got shape {array.shape}"
        )
    if array.dtype.kind not in "iu":
        raise ValueError(f"edges: expected whole numbers, got dtype {array.dtype}")
    array = array.astype(np.int64)
    for column, size, name in ((0, n_in, "input"), (1, n_out, "output")):
        wrong = (array[:, column] < 0) | (array[:, column] >= size)
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"edges: expected {name} indices from 0 to {size - 1}, "
                f"got {array[row, column]} in row {row}"
            )
    _, first, times = np.unique(array, axis=0, return_index=True, return_counts=True)
    if times.max() > 1:
        row = int(first[times > 1].min())
        pair = tuple(array[row].tolist())
        raise ValueError(f"edges: expected each edge once, got {pair} {times.max()} times")
    return array


class SparseLinear(nn.Module):
    r"""A linear layer with one weight for each edge of a graph, and no other.

    Output :math:`o` is
    :math:`y_o = b_o + \sum_{e:\, \mathrm{out}(e) = o} w_e\, x_{\mathrm{in}(e)}`.
    Time and memory grow with the number of edges; no matrix of the size inputs x outputs is ever
    made, forward or backward. An input without an edge changes nothing; an output without an edge
    is its bias. On a CPU results are the same bits for any number of threads; on a GPU the sums
    are so after ``torch.use_deterministic_algorithms(True)``.

    Parameters
    ----------
    edges : array_like of int, shape (n_edges, 2)
        (input, output) indices; ``weight[k]`` belongs to row ``k``.
    n_in, n_out : int
        Numbers of inputs and outputs.
    bias : bool
        Whether each output has a bias.
    generator : torch.Generator, optional
        Source of the initial weights.
    device, dtype : optional
        Of the parameters, as everywhere in torch.

    Attributes
    ----------
    weight : Parameter, shape (n_edges,)
    bias : Parameter, shape (n_out,), or None
    inputs, outputs : int64 buffers, shape (n_edges,)
        The two columns of the edges. They are saved with the weights, so that a weight never
        lands on another graph's edge.

    Raises
    ------
    ValueError
        As `check_edges`; from ``forward`` if the last axis of ``x`` is not ``n_in`` long or ``x``
        holds no floating-point numbers.
    """

    def __init__(
        self, edges, n_in, n_out, bias=True, *, generator=None, device=None, dtype=None
    ) -> None:
        super().__init__()
        columns = torch.from_numpy(check_edges(edges, n_in, n_out)).to(device)
        self.n_in, self.n_out = operator.index(n_in), operator.index(n_out)
        self.register_buffer("inputs", columns[:, 0].contiguous())
        self.register_buffer("outputs", columns[:, 1].contiguous())
        self.weight = nn.Parameter(torch.empty(len(columns), device=device, dtype=dtype))
        if bias:
            self.bias = nn.Parameter(torch.empty(self.n_out, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters(generator)

    @property
    def edges(self) -> torch.Tensor:
        """Rows of (input, output), int64 [n_edges, 2]."""
        return torch.stack([self.inputs, self.outputs], dim=1)

    def fan_in(self) -> torch.Tensor:
        """Edges that end in each output, int64 [n_out]."""
        none = self.outputs.new_zeros(self.n_out)
        return none.index_add(0, self.outputs, torch.ones_like(self.outputs))

    @torch.no_grad()
    def reset_parameters(self, generator=None) -> None:
        """Draw weights and biases anew, evenly within 1 / sqrt(edges of their output).

        That is how torch starts a dense layer, with an output's own edges in the place of all
        inputs. An output without edges gets a bias of 0.

        Parameters
        ----------
        generator : torch.Generator, optional
            On the parameters' device.
        """
        fan_in = self.fan_in().to(self.weight.dtype)
        bound = torch.where(fan_in > 0, fan_in.clamp(min=1).rsqrt(), 0)
        self.weight.uniform_(-1, 1, generator=generator).mul_(bound[self.outputs])
        if self.bias is not None:
            self.bias.uniform_(-1, 1, generator=generator).mul_(bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs [..., n_out] of inputs ``x`` [..., n_in]."""
        if x.ndim == 0 or x.shape[-1] != self.n_in:
            raise ValueError(
                f"x: expected {self.n_in} inputs on the last axis, got shape {tuple(x.shape)}"
            )
        if not x.is_floating_point():
            raise ValueError(f"x: expected floating-point numbers, got dtype {x.dtype}")
        # index_select and index_add beat torch.sparse, whose gradient of a weight costs a
        # hundred times as much, and unlike a function of our own they work under torch.func.
        along = x.index_select(-1, self.inputs) * self.weight
        y = along.new_zeros((*x.shape[:-1], self.n_out)).index_add(-1, self.outputs, along)
        return y if self.bias is None else y + self.bias

    def to_dense(self) -> torch.Tensor:
        """The weights as a matrix [n_out, n_in], 0 where there is no edge; for small layers."""
        dense = self.weight.new_zeros((self.n_out, self.n_in))
        return dense.index_put((self.outputs, self.inputs), self.weight)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return (
            f"n_in={self.n_in}, n_out={self.n_out}, n_edges={len(self.inputs)}, "
            f"bias={self.bias is not None}"
        )


def rewire_edges(edges, *, random_state=None) -> np.ndarray:
    """Random edges with the same degrees: wrong biology of the right shape.

    Outputs are permuted over the edges; an edge that then stands there twice swaps its output
    with one of another edge, drawn at random, until none does. Each input keeps its number of
    outputs and each output its number of inputs.

    Parameters
    ----------
    edges : array_like of int, shape (n_edges, 2)
    random_state : int, numpy Generator or None

    Returns
    -------
    int64 array, shape (n_edges, 2)
        Inputs in the given order.

    Raises
    ------
    ValueError
        If the edges are no edges (see `check_edges`), or after 1,000 rounds of swaps some still
        stand there twice: no or few other graphs have these degrees.
    """
    edges = np.asarray(edges)
    sizes = edges.max(axis=0, initial=0) + 1 if edges.ndim == 2 and edges.size else (1, 1)
    inputs, outputs = check_edges(edges, *sizes).T
    rng = np.random.default_rng(random_state)
    outputs = rng.permutation(outputs)
    for _ in range(1000):
        key = inputs * int(sizes[1]) + outputs
        _, first = np.unique(key, return_index=True)
        twice = np.setdiff1d(np.arange(len(key)), first)
        if len(twice) == 0:
            return np.column_stack([inputs, outputs])
        for edge, other in zip(twice, rng.integers(len(key), size=len(twice)), strict=True):
            outputs[[edge, other]] = outputs[[other, edge]]
    raise ValueError("edges: expected degrees that leave room for other edges, found too little")
