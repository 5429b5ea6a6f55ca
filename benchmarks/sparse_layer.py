"""The sparse layer at the size of a genome: beside a dense layer with a mask.

27,655 genes, 1,273 pathways, batches of 10, forward and backward through the layer, single
precision. ``edges a gene`` is 1 (a partition, as the published number of weights says) or about 2.2
(overlapping sets). torch.sparse computes the same with its compressed rows. Memory is what torch
holds at its peak beside the inputs: parameters, their gradients, and everything in between. Each
method runs a few times in turns, and the shortest CPU time counts. The accuracy is the largest
difference of outputs and gradients from the dense layer with a mask, relative to the largest entry.
Run as ``python benchmarks/sparse_layer.py``; it prints one table and writes it to
benchmarks/sparse_layer.csv. ``--quick`` runs a small layer and writes nothing.
"""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gitools.book.bench import asked_to_be_quick, blas_name, run_table
from gitools.genomes.layers import SparseLinear

SIZE, QUICK_SIZE = (27_655, 1_273), (500, 40)
BATCH, REPEATS, CALLS, DENSE_CALLS = 10, 3, 20, 1
N_OVERLAPPING = 2.2
COLUMNS = (
    "genes",
    "pathways",
    "edges",
    "method",
    "milliseconds",
    "time_ratio",
    "peak_mb",
    "memory_ratio",
    "difference",
)


class MaskedLinear(nn.Module):
    """The dense layer that the sparse one replaces: all weights, most of them times zero."""

    def __init__(self, layer):
        super().__init__()
        self.weight = nn.Parameter(layer.to_dense().detach().clone())
        mask = torch.zeros_like(self.weight)
        mask[layer.outputs, layer.inputs] = 1
        self.register_buffer("mask", mask)
        self.bias = nn.Parameter(layer.bias.detach().clone())

    def forward(self, x):
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


class CompressedLinear(nn.Module):
    """torch.sparse: the weights as coordinates of a sparse matrix."""

    def __init__(self, layer):
        super().__init__()
        order = torch.argsort(layer.outputs * layer.n_in + layer.inputs)
        self.weight = nn.Parameter(layer.weight.detach()[order].clone())
        self.register_buffer("places", torch.stack([layer.outputs, layer.inputs])[:, order])
        self.bias = nn.Parameter(layer.bias.detach().clone())
        self.size = (layer.n_out, layer.n_in)

    def forward(self, x):
        matrix = torch.sparse_coo_tensor(
            self.places, self.weight, self.size, is_coalesced=True, check_invariants=False
        )
        return torch.sparse.mm(matrix, x.t()).t() + self.bias


def draw_edges(n_in, n_out, per_gene, rng):
    """Each gene in one pathway, and further pairs at random."""
    one = np.column_stack([np.arange(n_in), rng.integers(n_out, size=n_in)])
    more = rng.integers((n_in, n_out), size=(int((per_gene - 1) * n_in), 2))
    return np.unique(np.concatenate([one, more]), axis=0)


def step(layer, x):
    """Forward and backward once; the output."""
    layer.zero_grad()
    x.grad = None
    y = layer(x)
    y.square().sum().backward()
    return y


def peak_megabytes(layer, x):
    """Parameters, buffers, and the peak of what a step allocates."""
    held = sum(t.numel() * t.element_size() for t in [*layer.parameters(), *layer.buffers()])
    layer.zero_grad()
    x.grad = None
    with torch.profiler.profile(profile_memory=True) as record:
        y = layer(x)
        y.square().sum().backward()
    total = peak = 0
    events = [
        event
        for event in record.profiler.kineto_results.events()
        if event.name() == "[memory]" and event.device_type() == torch.profiler.DeviceType.CPU
    ]
    for event in sorted(events, key=lambda event: event.start_ns()):
        total += event.nbytes()
        peak = max(peak, total)
    return (held + peak) / 1e6


def milliseconds(layers, x):
    """Shortest CPU time of a step of each."""
    times = {name: [] for name in layers}
    for _ in range(REPEATS):
        for name, layer in layers.items():
            calls = CALLS if name == "gitools" else DENSE_CALLS
            step(layer, x)
            begin = time.process_time()
            for _ in range(calls):
                step(layer, x)
            times[name].append((time.process_time() - begin) / calls * 1e3)
    return {name: min(taken) for name, taken in times.items()}


def difference(layer, dense, x):
    """Largest difference of outputs and of gradients of inputs, over the largest entry."""
    results = []
    for each in (layer, dense):
        y = step(each, x)
        results.append((y.detach(), x.grad.clone(), each.bias.grad.clone()))
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(*results, strict=True))


def measure(quick):
    """One row a method and graph."""
    n_in, n_out = QUICK_SIZE if quick else SIZE
    for stream, per_gene in enumerate((1, N_OVERLAPPING)):
        rng = np.random.default_rng([54, 90, stream])
        edges = draw_edges(n_in, n_out, per_gene, rng)
        sparse = SparseLinear(edges, n_in, n_out, generator=torch.Generator().manual_seed(54))
        x = torch.from_numpy(rng.normal(size=(BATCH, n_in)).astype(np.float32)).requires_grad_()
        layers = {
            "gitools": sparse,
            "torch.sparse": CompressedLinear(sparse),
            "dense with a mask": MaskedLinear(sparse),
        }
        times = milliseconds(layers, x)
        peaks = {name: peak_megabytes(layer, x) for name, layer in layers.items()}
        for name, layer in layers.items():
            yield {
                "genes": n_in,
                "pathways": n_out,
                "edges": len(edges),
                "method": name,
                "milliseconds": f"{times[name]:.1f}",
                "time_ratio": f"{times[name] / times['dense with a mask']:.4f}",
                "peak_mb": f"{peaks[name]:.1f}",
                "memory_ratio": f"{peaks[name] / peaks['dense with a mask']:.4f}",
                "difference": f"{difference(layer, layers['dense with a mask'], x):.0e}",
            }


def main():
    quick = asked_to_be_quick(__doc__)
    torch.set_num_threads(1)
    print(f"1 thread, torch {torch.__version__}, {blas_name()}")
    run_table(Path(__file__).with_suffix(".csv"), COLUMNS, measure(quick), quick=quick)


if __name__ == "__main__":
    main()
