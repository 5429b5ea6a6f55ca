"""Train the network of chapter 35 and write its weights into the package.

    python benchmarks/neural_training.py [--steps 1000] [--checkpoint FILE]

Training blocks are windows of simulated stretches with coalescent LD, traits come from a prior
over settings (`gitools.shrinkage.neural_training.SettingsPrior`). The parameters that do best on
windows of other stretches are kept. With a checkpoint file the training can be broken off and
taken up. One thread makes it repeatable on one machine.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

import gitools.shrinkage
from gitools.shrinkage import neural_solver
from gitools.shrinkage.neural import NeuralShrinkage
from gitools.shrinkage.neural_training import (
    SettingsPrior,
    draw_block,
    simulate_stretch,
    stream_of_blocks,
    train,
    train_variance,
)

WEIGHTS = Path(gitools.shrinkage.__file__).with_name("neural_shrinkage.safetensors")
N_STRETCHES, N_VALIDATION = 40, 16
LONGEST = 800
CELLS = 6_000
LEARNING_RATE = 1e-2
VARIANCE_STEPS = 200


def stretches(n, rng):
    """Stretches of up to 1,000 variants; a fifth of them longer, for large blocks."""
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    lengths = [2 * LONGEST if k % 10 == 9 else LONGEST for k in range(n)]
    return [simulate_stretch(p, rng) for p in tqdm(lengths, desc="stretches", disable=hidden)]


def main() -> None:
    """Train, and write the weights with how they came about."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--before", type=float, default=0, help="seconds of a run broken off")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    began, prior = time.perf_counter(), SettingsPrior()
    held_out_rng = np.random.default_rng([35, 101])
    held_out = [
        draw_block(stretch, prior, held_out_rng, cells=3_000)
        for stretch in stretches(N_VALIDATION, held_out_rng)
        for _ in range(2)
    ]
    panel_rng, rng = np.random.default_rng([35, 102]), np.random.default_rng([35, 103])
    blocks = stream_of_blocks(stretches(N_STRETCHES, panel_rng), prior, rng, cells=CELLS)
    parameters, history = train(
        neural_solver.initial_parameters(np.random.default_rng([35, 104])),
        blocks,
        held_out,
        n_steps=options.steps,
        learning_rate=LEARNING_RATE,
        rng=rng,
        on_step=lambda row: print(
            f"step {row['step']}: training {row['train']:.4f}, held out {row['validation']:.4f}, "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        ),
        checkpoint=options.checkpoint,
    )
    parameters = train_variance(parameters, blocks, n_steps=VARIANCE_STEPS, learning_rate=0.02)
    model = NeuralShrinkage(n_steps=options.steps, learning_rate=LEARNING_RATE)
    model.parameters_, model.history_ = parameters, history
    model.metadata_ = {
        "command": f"python benchmarks/neural_training.py --steps {options.steps}",
        "device": "CPU, one thread",
        "seconds": f"{options.before + time.perf_counter() - began:.0f}",
        "seeds": "[35, 101] to [35, 104]",
        "steps": str(options.steps),
        "held_out_loss": f"{min(row['validation'] for row in history):.4f}",
        "torch": torch.__version__.split("+")[0],
    }
    model.save(WEIGHTS)
    print(f"wrote {WEIGHTS.name}: {sum(v.size for v in parameters.values())} parameters")


if __name__ == "__main__":
    main()
