"""A training step of Galiana at full scale: G once a distinct vector, beside the plain model.

Ten plants with 27,655 genes of 17 counts, 36 traits; forward, backward and the step of RMSprop,
both forms in turn on the same batch with the same weights. Made-up batches have a given share of
distinct vectors; the last two rows are batches of simulated plants at two densities of variants.
Processor time on one thread, the shortest of several steps; beside it the differences of the loss
and of the gradients (each relative to its own largest entry) between the two forms, and of each
form's gradients from those in double precision. The bias of G's last layer is left out there: its
true gradient is zero, since the normalisation over genes takes any constant off.
Run as ``python benchmarks/galiana_step.py``; it prints one table and writes it to
benchmarks/galiana_step.csv. ``--quick`` runs small sizes and writes nothing.
"""

import copy
import time
from pathlib import Path

import numpy as np
import torch

from gitools.book.bench import asked_to_be_quick, run_table
from gitools.genomes import Galiana, distinct_genes
from gitools.simulate.plants import simulate_plants

N_PLANTS, N_GENES, N_TYPES, N_TASKS = 10, 27_655, 17, 36
SHARES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.1, 0.05)
DENSITIES = (8.0, 20.0)
N_IN_PANEL = 40
ALWAYS_ZERO = "G.3.bias"
COLUMNS = (
    "batch",
    "distinct_share",
    "seconds_ours",
    "seconds_plain",
    "time_ratio",
    "loss_difference",
    "gradient_difference",
    "error_ours",
    "error_plain",
)


def made_up_batch(share, n_genes, rng):
    """Counts of which a given share are first copies."""
    n_vectors = N_PLANTS * n_genes
    n_distinct = max(int(share * n_vectors), 1)
    vectors = rng.poisson(0.6, (n_distinct, N_TYPES))
    copies = rng.integers(n_distinct, size=n_vectors - n_distinct)
    carried = rng.permutation(np.concatenate([np.arange(n_distinct), copies]))
    return vectors[carried].reshape(N_PLANTS, n_genes, N_TYPES)


def simulated_batch(density, n_genes, rng):
    """Ten plants of a simulated panel."""
    plants = simulate_plants(
        N_IN_PANEL, n_genes, density=density, keep_variants=False, random_state=rng
    )
    return plants.tensor[rng.permutation(N_IN_PANEL)[:N_PLANTS]]


def loss_of(model, inputs, targets):
    return (model(inputs) - targets).square().mean()


def gradients(model, inputs, targets):
    """Loss and gradients by name."""
    model.zero_grad()
    loss = loss_of(model, inputs, targets)
    loss.backward()
    return loss.item(), {
        name: value.grad.double().clone()
        for name, value in model.named_parameters()
        if name != ALWAYS_ZERO
    }


def largest_difference(found, wanted):
    """Largest difference of any gradient, relative to that gradient's largest entry."""
    return max(
        ((found[name] - value).abs().max() / value.abs().max()).item()
        for name, value in wanted.items()
    )


def seconds(model, forms, targets, repeats):
    """Shortest processor time of a step on each form; they take turns."""
    optimiser = torch.optim.RMSprop(model.parameters(), lr=1e-12, weight_decay=1e-6)
    times = [[] for _ in forms]
    for _ in range(repeats):
        for form, taken in zip(forms, times, strict=True):
            begin = time.process_time()
            optimiser.zero_grad()
            loss_of(model, form, targets).backward()
            optimiser.step()
            taken.append(time.process_time() - begin)
    return [min(taken) for taken in times]


def compare(name, counts, rng, repeats):
    """One row of the table."""
    x = (counts - counts.mean()) / counts.std()
    plain, distinct = torch.from_numpy(x.astype(np.float32)), distinct_genes(x.astype(np.float32))
    seed = torch.Generator().manual_seed(int(rng.integers(2**62)))
    model = Galiana(counts.shape[1], N_TYPES, N_TASKS, generator=seed)
    targets = torch.from_numpy(rng.standard_normal((N_PLANTS, N_TASKS)).astype(np.float32))
    loss_plain, slopes_plain = gradients(model, plain, targets)
    loss_ours, slopes_ours = gradients(model, distinct, targets)
    _, truth = gradients(copy.deepcopy(model).double(), plain.double(), targets.double())
    time_ours, time_plain = seconds(model, (distinct, plain), targets, repeats)
    return {
        "batch": name,
        "distinct_share": f"{distinct.share:.3f}",
        "seconds_ours": f"{time_ours:.3f}",
        "seconds_plain": f"{time_plain:.3f}",
        "time_ratio": f"{time_ours / time_plain:.3f}",
        "loss_difference": f"{abs(loss_ours - loss_plain):.1e}",
        "gradient_difference": f"{largest_difference(slopes_ours, slopes_plain):.1e}",
        "error_ours": f"{largest_difference(slopes_ours, truth):.1e}",
        "error_plain": f"{largest_difference(slopes_plain, truth):.1e}",
    }


def main(arguments=None):
    quick = asked_to_be_quick(__doc__, arguments)
    torch.set_num_threads(1)
    n_genes, repeats = (300, 2) if quick else (N_GENES, 7)
    print(f"{N_PLANTS} plants x {n_genes:,} genes x {N_TYPES} types, one thread, torch on the CPU")
    rng = np.random.default_rng([53, 500])
    batches = [(f"made up, {s:g}", lambda s=s: made_up_batch(s, n_genes, rng)) for s in SHARES]
    batches += [
        (f"simulated, {d:g} variants a gene", lambda d=d: simulated_batch(d, n_genes, rng))
        for d in DENSITIES
    ]
    rows = (compare(name, make(), rng, repeats) for name, make in batches)
    return run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows, quick=quick)


if __name__ == "__main__":
    main()
