"""Train the published layout for the comparison of chapter 36, and keep the weights beside this.

    python benchmarks/published_training.py [authors] [wide]

``authors`` learns from the sixteen settings of the training data published with ML-MAGES: 10,000
people, 1,000 consecutive variants, effects rescaled to the very h2. ``wide`` learns from the prior
of chapter 35, so that the layout can be told from what it was trained on. Both see windows of the
same 40 stretches, stop early on 8 others, and have ten members of 2,849 parameters, mean of which
is the answer. The recipe is the published one: weighted squared error, Adam at 1e-4, batches of
100, patience of 10 passes.

The scale is not. It was fixed before anything was trained, by what eight minutes of one core can
do: 200,000 rows where the release has 400,000, 40,000 held-out rows for 100,000, and at most 45
passes for 500. Nor are estimates mapped to a Laplace law: that would break the relation between
estimates and LD on which every other method relies. The intercept is not left out either.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gitools.shrinkage.neural_published import PublishedShrinkage
from gitools.shrinkage.neural_published_ensemble import fit_together, save_published
from gitools.shrinkage.neural_training import (
    ReleaseSettings,
    SettingsPrior,
    draw_block,
    simulate_stretch,
)

HERE = Path(__file__).parent
N_STRETCHES, N_HELD_OUT, CELLS = 40, 8, 5_000
MAX_PASSES, N_MEMBERS = 45, 10
SEED = 3610


class ExactSettings(ReleaseSettings):
    """The release's settings with effects rescaled, so that they explain h2 and not about h2."""

    def draw(self, R, frequencies, rng):
        """See `gitools.shrinkage.neural_training.SettingsPrior.draw`."""
        h2, fraction = rng.choice([0.3, 0.7]), rng.choice([0.01, 0.05])
        power, w = 1 + rng.choice([-0.25, 0.0]), rng.choice([-1.0, 0.0])
        one = SettingsPrior(
            (10_000, 10_000), (h2, h2), (0, np.inf), (fraction, fraction), (power, power), (w, w), 0
        )
        u, noise, n = one.draw(R, frequencies, rng)
        return u * np.sqrt(h2 / (1 - noise)), 1 - h2, n


PRIORS = {
    "authors": (ExactSettings(), (1_000, 1_000)),
    "wide": (SettingsPrior(), (250, 500)),
}
"""What settings are drawn from, and how many variants a window has."""


def weights_of(name: str) -> Path:
    """Where the weights of a training are kept."""
    return HERE / f"published_{name}.safetensors"


def draw_blocks(name, stretches, rng):
    """One window of each stretch with several traits, about 5,000 rows."""
    prior, sizes = PRIORS[name]
    return [draw_block(one, prior, rng, sizes=sizes, cells=CELLS) for one in stretches]


def train(name: str, stretches) -> None:
    """Train one ensemble and write its weights."""
    began, place = time.process_time(), list(PRIORS).index(name)
    rng = np.random.default_rng([SEED, 1, place])
    blocks = draw_blocks(name, stretches[:N_STRETCHES], rng)
    held_out = draw_blocks(name, stretches[N_STRETCHES:], rng)
    n_rows, n_kept = (sum(block.z.size for block in each) for each in (blocks, held_out))
    model = PublishedShrinkage(n_members=N_MEMBERS, max_epochs=MAX_PASSES, random_state=rng)
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    with tqdm(total=MAX_PASSES, desc=name, disable=hidden) as bar:
        fit_together(model, blocks, held_out, on_pass=lambda losses: bar.update())
    losses = np.array(model.validation_losses_)
    notes = {
        "command": f"python benchmarks/published_training.py {name}",
        "device": "CPU, one thread",
        "seconds": f"{time.process_time() - began:.0f}",
        "rows": str(n_rows),
        "held_out_rows": str(n_kept),
        "passes": str(losses.shape[1]),
        "best_passes": " ".join(map(str, 1 + losses.argmin(axis=1))),
        "held_out_losses": " ".join(f"{one:.5g}" for one in losses.min(axis=1)),
        "torch": torch.__version__.split("+")[0],
    }
    save_published(model, weights_of(name), notes)
    print(f"wrote {weights_of(name).name}:", notes, flush=True)


def main() -> None:
    """Simulate the stretches and train what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(PRIORS), metavar="NAME")
    names = parser.parse_args().names
    if unknown := set(names) - set(PRIORS):
        parser.error(f"NAME: got {sorted(unknown)}, expected some of {list(PRIORS)}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng([SEED, 0])
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    lengths = tqdm(range(N_STRETCHES + N_HELD_OUT), desc="stretches", disable=hidden)
    stretches = [simulate_stretch(1_000, rng) for _ in lengths]
    for name in names:
        train(name, stretches)


if __name__ == "__main__":
    main()
