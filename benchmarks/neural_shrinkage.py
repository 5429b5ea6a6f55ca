"""What each choice in the network of chapter 35 is worth, and how it stands against others.

    python benchmarks/neural_shrinkage.py ablation   -> benchmarks/neural_ablation.csv
    python benchmarks/neural_shrinkage.py compare    -> benchmarks/neural_shrinkage.csv
                                                        and benchmarks/neural_symmetry.csv
    python benchmarks/neural_shrinkage.py release    -> benchmarks/neural_release.csv
    python benchmarks/neural_shrinkage.py ceiling    -> benchmarks/neural_ceiling.csv
    python benchmarks/neural_shrinkage.py speed      -> benchmarks/neural_speed.csv

The unit of replication is the data set: a trait on a window of a simulated stretch that no
training saw. ``ablation`` trains every variant of the network anew, small and alike: the solver on
160 blocks, one a step, the published layout in up to 25 passes over two traits of each of as many.
``compare`` and ``ceiling`` take the committed weights. Errors are in squared standard errors,
summed over the window; those of the ablation are divided by what the untrained
solver makes of the data, as in training.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
import tracemalloc
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score
from tqdm import tqdm

from gitools.book.studies.neural import SETTINGS, exchangeable
from gitools.shrinkage import (
    NeuralShrinkage,
    neural_solver,
    oracle_posterior,
    ridge_rss,
    spike_and_slab_rss,
    susie_rss,
)
from gitools.shrinkage.neural_published import PublishedShrinkage
from gitools.shrinkage.neural_training import (
    ReleaseSettings,
    SettingsPrior,
    draw_block,
    simulate_stretch,
    stream_of_blocks,
    train,
    weigh,
)

HERE = Path(__file__).parent
HIDDEN = bool(os.environ.get("GITOOLS_QUIET"))
N_STRETCHES, TRAITS_EACH, N_VARIANTS = 20, 5, 500
ABLATION_STEPS, SMALL = 160, {"sizes": (100, 400), "cells": 4_000}


def unrolled(stretches, held_out, seed, *, prior=None, n_layers=4, n_rounds=4, change=None):
    """A small training of the unrolled solver; ``change`` may alter its start."""
    rng = np.random.default_rng([35, 201, seed])
    start = neural_solver.initial_parameters(rng, n_rounds, n_layers)
    if change is not None:
        change(start)
    blocks = stream_of_blocks(stretches, prior or SettingsPrior(), rng, **SMALL)
    theta, _ = train(start, blocks, held_out, n_steps=ABLATION_STEPS, learning_rate=4e-3, rng=rng)
    return as_model(theta)


def as_model(theta):
    """A network with given parameters."""
    model = NeuralShrinkage()
    model.parameters_, model.metadata_ = theta, {}
    return model


def no_dense_layer(start):
    """Switch the dense layer off for good."""
    start["block_last"][2] = -60.0


def perceptron(stretches, held_out, repairs, prior=None):
    """The published layout, one member, on rows of as many blocks as the solver sees."""
    rng = np.random.default_rng([35, 202])
    source = stream_of_blocks(stretches, prior or SettingsPrior(), rng, **SMALL)
    blocks = [thinned(next(source), rng) for _ in range(ABLATION_STEPS)]
    model = PublishedShrinkage(
        n_members=1, max_epochs=25, repairs=repairs, random_state=np.random.default_rng([35, 203])
    )
    return model.fit(blocks, held_out)


def thinned(block, rng, n_traits=2):
    """A few traits of a block."""
    kept = rng.choice(block.z.shape[1], n_traits, replace=False)
    return block._replace(z=block.z[:, kept], u=block.u[:, kept], se=block.se[kept])


def ablation():
    """Train every variant and write its errors on the same held-out data sets."""
    rng = np.random.default_rng([35, 200])
    bar = tqdm(range(36), desc="stretches", disable=HIDDEN)
    stretches = [simulate_stretch(600, rng) for _ in bar]
    learn, stop, test = stretches[:16], stretches[16:22], stretches[22:]
    prior = SettingsPrior()
    held_out = [draw_block(one, prior, rng, sizes=(200, 400), cells=2_000) for one in stop]
    tests = [
        thinned(draw_block(one, prior, rng, sizes=(200, 600)), rng, 4)
        for one in test
        for _ in range(2)
    ]
    start = neural_solver.initial_parameters(np.random.default_rng([35, 201, 0]))
    weights = weigh(tests, start)
    makers = {
        "solver before training": lambda: as_model(start),
        "unrolled solver": lambda: unrolled(learn, held_out, 0),
        "unrolled, second start": lambda: unrolled(learn, held_out, 1),
        "unrolled, third start": lambda: unrolled(learn, held_out, 2),
        "one sparse layer": lambda: unrolled(learn, held_out, 0, n_layers=1),
        "one round": lambda: unrolled(learn, held_out, 0, n_rounds=1),
        "no dense layer": lambda: unrolled(learn, held_out, 0, change=no_dense_layer),
        "release's settings": lambda: unrolled(learn, held_out, 0, prior=ReleaseSettings()),
        "published": lambda: perceptron(learn, held_out, ()),
        "published, release's settings": lambda: perceptron(
            learn, held_out, (), prior=ReleaseSettings()
        ),
        "z scores": lambda: perceptron(learn, held_out, ("scale",)),
        "z, absolute neighbours": lambda: perceptron(learn, held_out, ("scale", "neighbours")),
        "z, absolute, signs": lambda: perceptron(learn, held_out, ("scale", "neighbours", "signs")),
    }
    rows, kept = [], {}
    for name, make in makers.items():
        began = time.perf_counter()
        model = make()
        seconds = time.perf_counter() - began
        estimates = [
            model.predict(b.z * b.se, np.broadcast_to(b.se, b.z.shape), b.R) / b.se for b in tests
        ]
        if name.startswith("unrolled"):
            kept[name] = estimates
        rows += records(name, tests, weights, estimates, seconds)
        print(f"{name}: {np.mean([r['error'] for r in rows if r['variant'] == name]):.4f}, "
              f"{seconds:.0f} s", flush=True)  # fmt: skip
    together = [np.mean(three, axis=0) for three in zip(*kept.values(), strict=True)]
    rows += records("mean of three", tests, weights, together, np.nan)
    rows += records("zero", tests, weights, [np.zeros_like(b.u) for b in tests], np.nan)
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "neural_ablation.csv", index=False, float_format="%.5g")
    print(table.groupby("variant", sort=False).error.mean().to_string())


def records(name, tests, weights, estimates, seconds):
    """One row for each test data set."""
    rows = []
    for place, (block, estimate, weight) in enumerate(zip(tests, estimates, weights, strict=True)):
        errors = weight * ((estimate - block.u) ** 2).sum(axis=0)
        rows += [
            {"variant": name, "block": place, "trait": k, "error": error, "seconds": seconds}
            for k, error in enumerate(errors)
        ]
    return rows


def published(rng, prior):
    """The published layout at work: four members on blocks with settings of a prior."""
    stretches = [simulate_stretch(600, rng) for _ in range(24)]
    draw = lambda one: thinned(draw_block(one, prior, rng, **SMALL), rng, 2)  # noqa: E731
    blocks = [draw(stretches[k % 20]) for k in range(120)]
    held_out = [draw(one) for one in stretches[20:] for _ in range(4)]
    model = PublishedShrinkage(n_members=4, max_epochs=25, random_state=rng)
    return model.fit(blocks, held_out)


def compare():
    """Write errors, correlations and average precision of every method on every data set."""
    rng = np.random.default_rng([35, 300])
    peers = published(np.random.default_rng([35, 301]), SettingsPrior())
    ours = NeuralShrinkage.pretrained()
    bar = tqdm(range(N_STRETCHES), desc="stretches", disable=HIDDEN)
    stretches = [simulate_stretch(N_VARIANTS, rng) for _ in bar]
    rows, symmetry = [], []
    for setting, values in SETTINGS.items():
        for place, stretch in enumerate(tqdm(stretches, desc=setting, disable=HIDDEN)):
            block = draw_block(
                stretch, exchangeable(*values), rng, sizes=(N_VARIANTS,) * 2,
                cells=N_VARIANTS * TRAITS_EACH,
            )  # fmt: skip
            for k in range(TRAITS_EACH):
                rows += methods(setting, place, k, block, values, ours, peers)
                if setting == "sparse":
                    symmetry.append(symmetries(block, k, peers, rng))
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "neural_shrinkage.csv", index=False, float_format="%.5g")
    changes = pd.DataFrame(symmetry)
    changes.to_csv(HERE / "neural_symmetry.csv", index=False, float_format="%.5g")
    print(changes.mean().to_string())
    shown = table.assign(relative=table.error / table.truth)
    print(shown.groupby(["setting", "method"])[["relative", "correlation", "seconds"]].mean())


def methods(setting, place, k, block, values, ours, peers):
    """All estimates of one data set, in units of the standard error."""
    n, h2, _ = values
    z, u, root = block.z[:, k], block.u[:, k], np.sqrt(n)
    one = np.ones(len(z))
    answer = ours.posterior(z, one, block.R)
    calls = {
        "marginal": lambda: (z, np.abs(z)),
        "ridge": lambda: score_by_size(ridge_rss(z / root, block.R, n, h2) * root),
        "spike and slab": lambda: fitted(spike_and_slab_rss(z / root, block.R, n), root),
        "SuSiE": lambda: fitted(susie_rss(z, block.R, n, L=10), root),
        "published": lambda: score_by_size(peers.predict(z / root, one / root, block.R) * root),
        "neural": lambda: (ours.predict(z, one, block.R), answer.pip),
    }
    rows = []
    for name, call in calls.items():
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimate, score = call()
        row = {"setting": setting, "stretch": place, "trait": k, "method": name}
        row |= {"seconds": time.perf_counter() - began, "truth": u @ u}
        row |= {"error": np.sum((estimate - u) ** 2), "cross": estimate @ u}
        row |= {"square": estimate @ estimate, "correlation": correlation(estimate, u)}
        row["precision"] = average_precision_score(u != 0, score)
        if name == "neural":
            row["announced"] = answer.sd @ answer.sd
        rows.append(row)
    return rows


def release():
    """The changes of `symmetries` for members trained and tested in the release's settings."""
    rng = np.random.default_rng([35, 310])
    peers = published(np.random.default_rng([35, 311]), ReleaseSettings())
    stretches = [simulate_stretch(N_VARIANTS, rng) for _ in range(N_STRETCHES)]
    rows = []
    for stretch in tqdm(stretches, disable=HIDDEN):
        block = draw_block(
            stretch, ReleaseSettings(), rng, sizes=(N_VARIANTS,) * 2, cells=N_VARIANTS * 5
        )
        for k in range(TRAITS_EACH):
            beta, se = block.z[:, k] * block.se[k], np.full(N_VARIANTS, block.se[k])
            error = (peers.predict(beta, se, block.R) / block.se[k] - block.u[:, k]) ** 2
            row = {"error": error.sum(), "truth": np.sum(block.u[:, k] ** 2)}
            rows.append(row | symmetries(block, k, peers, rng))
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "neural_release.csv", index=False, float_format="%.5g")
    print(table.mean().to_string())


def symmetries(block, k, peers, rng):
    """What harmless changes of one data set do to the published layout."""
    beta, se = block.z[:, k] * block.se[k], np.full(len(block.z), block.se[k])
    members = peers.predict_members(beta, se, block.R)
    before = members.mean(axis=0)
    pairs = np.corrcoef(members)[np.triu_indices(len(members), 1)]
    tenth = 10 * peers.predict(beta / 10, se / 10, block.R)
    turn = rng.choice([-1.0, 1.0], len(beta))
    recoded = turn * peers.predict(turn * beta, se, block.R * np.outer(turn, turn))
    return {
        "members": pairs.mean(),
        "tenth": correlation(tenth, before),
        "tenth_size": np.sqrt(np.mean(tenth**2) / np.mean(before**2)),
        "turned": correlation(-peers.predict(-beta, se, block.R), before),
        "recoded": correlation(recoded, before),
    }


def score_by_size(estimate):
    return estimate, np.abs(estimate)


def fitted(fit, root):
    return fit.posterior_mean * root, fit.pip


def correlation(estimate, u):
    """Pearson correlation; 0 for an estimate that does not vary."""
    return np.corrcoef(estimate, u)[0, 1] if estimate.std() > 0 else 0.0


def ceiling():
    """Errors beside the Bayes-optimal ones, which know the prior, on loci of 200 variants."""
    rng = np.random.default_rng([35, 400])
    ours = NeuralShrinkage.pretrained()
    stretches = [simulate_stretch(200, rng) for _ in range(20)]
    rows = []
    for setting in ("sparse", "weak"):
        n, h2, fraction = SETTINGS[setting]
        root, slab = np.sqrt(n), h2 / (200 * fraction)
        for place in tqdm(range(30), desc=setting, disable=HIDDEN):
            R = stretches[place % 20].R.astype(float)
            causal = rng.random(200) < fraction
            b = np.where(causal, rng.normal(0, np.sqrt(slab), 200), 0.0)
            noise = stretches[place % 20].standardised.T @ rng.standard_normal(3000)
            rest = 1 - b @ R @ b
            beta = R @ b + np.sqrt(rest / n / 3000) * noise
            best = oracle_posterior(beta, R, n, fraction, slab, rest, random_state=rng)
            guesses = {
                "neural": ours.predict(beta, np.full(200, 1 / root), R),
                "spike_and_slab": spike_and_slab_rss(beta, R, n).posterior_mean,
                "susie": susie_rss(beta * root, R, n, L=10).posterior_mean,
                "optimal": best.posterior_mean,
                "zero": np.zeros(200),
            }
            row = {"setting": setting, "locus": place, "converged": best.converged}
            row |= {name: n * np.sum((guess - b) ** 2) for name, guess in guesses.items()}
            rows.append(row)
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "neural_ceiling.csv", index=False, float_format="%.5g")
    print(table.groupby("setting").mean(numeric_only=True))


def speed():
    """Seconds and memory of one call, for one block of p variants and for many of 500."""
    rng, rows = np.random.default_rng([35, 500]), []
    ours = NeuralShrinkage.pretrained()
    values = SETTINGS["dense"]
    for n_blocks, p in ((1, 250), (1, 500), (1, 1000), (1, 2000), (4, 500), (16, 500)):
        blocks = [
            draw_block(simulate_stretch(p, rng), exchangeable(*values), rng, sizes=(p, p), cells=p)
            for _ in range(n_blocks)
        ]
        z = np.concatenate([block.z[:, 0] for block in blocks])
        R, one = [block.R for block in blocks], np.ones(n_blocks * p)
        calls = {"neural": partial(ours.predict, z, one, R)}
        if n_blocks == 1:
            n, h2, _ = values
            beta, R = z / np.sqrt(n), R[0]
            calls["ridge"] = partial(ridge_rss, beta, R, n, h2)
            calls["SuSiE"] = partial(susie_rss, z, R, n, L=10)
            calls["spike and slab"] = partial(spike_and_slab_rss, beta, R, n)
        for name, call in calls.items():
            row = {"method": name, "blocks": n_blocks, "variants": n_blocks * p}
            rows.append(row | {"seconds": fastest(call), "megabytes": peak(call)})
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "neural_speed.csv", index=False, float_format="%.4g")
    print(table.assign(a_second=table.variants / table.seconds).to_string())


def fastest(call, repeats=3):
    """Least processor time of several calls, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            call()
        times.append(time.process_time() - began)
    return min(times)


def peak(call):
    """Most memory allocated during a call, in megabytes; the LD matrices are there before."""
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    stages = {"ablation": ablation, "compare": compare, "release": release}
    (stages | {"ceiling": ceiling, "speed": speed})[sys.argv[1]]()
