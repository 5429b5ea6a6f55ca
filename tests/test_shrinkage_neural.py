"""Neural shrinkage: symmetries, the solver it starts from, training, files, errors."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from gitools.shrinkage import neural_solver
from gitools.shrinkage.neural import NeuralShrinkage, _ld
from gitools.shrinkage.neural_training import (
    ReleaseSettings,
    SettingsPrior,
    SimulatedBlock,
    _tensors,
    draw_block,
    simulate_stretch,
    stream_of_blocks,
    train,
    weigh,
)


def correlations(rng, p, n=200):
    """Correlations of a random walk with noise: strong LD of both signs."""
    X = np.cumsum(rng.normal(size=(n, p)), axis=1) * rng.choice([-1, 1], p)
    R = np.corrcoef((X + rng.normal(size=(n, p))).T).reshape(p, p)
    np.fill_diagonal(R, 1.0)
    return (R + R.T) / 2


def excited(rng, **options):
    """Parameters far from the analytic start, so that every learnt part matters."""
    theta = neural_solver.initial_parameters(rng, **options)
    for name in ("block_out", "variant_out", "final_out"):
        theta[name] = theta[name] * 4
    return theta


def network(theta):
    n_rounds, n_layers = theta["variant_bias"].shape[:2]
    model = NeuralShrinkage(n_rounds=n_rounds, n_layers=n_layers)
    model.parameters_, model.metadata_ = theta, {}
    return model


@pytest.fixture(scope="module")
def stretch():
    return simulate_stretch(120, np.random.default_rng(3), n_people=400)


@pytest.fixture(scope="module")
def pretrained():
    return NeuralShrinkage.pretrained()


def all_of(answer):
    return np.stack([answer.mean, answer.sd, answer.pip])


sizes = st.integers(1, 40)
seeds = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, p=sizes, factor=st.sampled_from([2.0**-20, 0.1, 7.0, 1e5]))
def test_scale_is_carried_through(seed, p, factor):
    rng = np.random.default_rng(seed)
    model, R = network(excited(rng)), correlations(rng, p)
    beta, se = rng.normal(0, 4, p), rng.uniform(0.5, 2, p)
    before, after = model.posterior(beta, se, R), model.posterior(factor * beta, factor * se, R)
    np.testing.assert_allclose(after.mean, factor * before.mean, rtol=1e-7, atol=1e-9 * factor)
    np.testing.assert_allclose(after.sd, factor * before.sd, rtol=1e-7)
    np.testing.assert_allclose(after.pip, before.pip, rtol=1e-7, atol=1e-12)
    if factor == 2.0**-20:
        np.testing.assert_array_equal(after.mean, factor * before.mean)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, p=sizes)
def test_recoding_and_the_sign_of_the_trait_turn_signs_only(seed, p):
    rng = np.random.default_rng(seed)
    model, R = network(excited(rng)), correlations(rng, p)
    beta, se = rng.normal(0, 4, p), rng.uniform(0.5, 2, p)
    before = model.posterior(beta, se, R)
    for turn in (-np.ones(p), rng.choice([-1.0, 1.0], p)):
        after = model.posterior(turn * beta, se, R * np.outer(turn, turn))
        np.testing.assert_allclose(after.mean, turn * before.mean, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(all_of(after)[1:], all_of(before)[1:], rtol=1e-10)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, p=sizes)
def test_order_of_variants_does_not_matter(seed, p):
    rng = np.random.default_rng(seed)
    model, R = network(excited(rng)), correlations(rng, p)
    beta, se, order = rng.normal(0, 4, p), rng.uniform(0.5, 2, p), rng.permutation(p)
    before = all_of(model.posterior(beta, se, R))
    after = all_of(model.posterior(beta[order], se[order], R[np.ix_(order, order)]))
    np.testing.assert_allclose(after, before[:, order], rtol=1e-7, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, p=st.tuples(sizes, sizes, sizes))
def test_blocks_together_equal_blocks_apart(seed, p):
    rng = np.random.default_rng(seed)
    model = network(excited(rng))
    parts = [(rng.normal(0, 4, k), rng.uniform(0.5, 2, k), correlations(rng, k)) for k in p]
    apart = np.hstack([all_of(model.posterior(*part)) for part in parts])
    beta, se = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    joined, ends = np.zeros((sum(p), sum(p))), np.cumsum(p)
    for (_, _, R), end in zip(parts, ends, strict=True):
        joined[end - len(R) : end, end - len(R) : end] = R
    for order in (np.arange(sum(p)), rng.permutation(sum(p))):
        shuffled = joined[np.ix_(order, order)]
        together = all_of(model.posterior(beta[order], se[order], shuffled))
        np.testing.assert_allclose(together, apart[:, order], rtol=1e-7, atol=1e-9)
    listed = all_of(model.posterior(beta, se, [part[2] for part in parts]))
    np.testing.assert_array_equal(listed, apart)


def test_traits_at_once_equal_traits_one_by_one():
    rng = np.random.default_rng(1)
    model, R = network(excited(rng)), correlations(rng, 30)
    beta, se = rng.normal(0, 4, (30, 3)), rng.uniform(0.5, 2, (30, 3))
    together = model.predict(beta, se, R)
    apart = [model.predict(beta[:, k], se[:, k], R) for k in range(3)]
    np.testing.assert_allclose(together, np.transpose(apart), rtol=1e-10, atol=1e-12)
    shared = model.predict(beta, se[:, 0], R)
    np.testing.assert_allclose(shared[:, 1], model.predict(beta[:, 1], se[:, 0], R), rtol=1e-10)


def test_torch_and_numpy_run_the_same_lines():
    rng = np.random.default_rng(2)
    theta, R, z = excited(rng), correlations(rng, 25), rng.normal(0, 4, (25, 3))
    ld, z_torch, _ = _tensors(SimulatedBlock(R, z, z, np.ones(3)))
    tensors = {name: torch.tensor(value) for name, value in theta.items()}
    ours = neural_solver.solve(theta, z, _ld(R))
    theirs = neural_solver.solve(tensors, z_torch, ld, torch)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, atol=1e-10)


def test_before_training_one_layer_without_ld_is_the_spike_and_slab():
    """The inclusion weight is the exact posterior probability, the effect the posterior mean."""
    rng = np.random.default_rng(4)
    theta = neural_solver.initial_parameters(rng, n_rounds=1, n_layers=1)
    theta["block_out"][:], theta["variant_out"][:], theta["final_out"][:] = 0, 0, 0
    theta["block_last"][2] = -60.0  # no dense layer
    p, z = 50, rng.normal(0, 3, 50)
    slab, noise = (z @ z - p) / (0.02 * p) + 1, expit(3.0)
    log_bf = 0.5 * z**2 / noise * slab / (slab + noise) - 0.5 * np.log1p(slab / noise)
    alpha = expit(log_bf - 4.0)
    # Correlations of exactly zero would make every variant a block of its own, with its own prior.
    answer = network(theta).posterior(z, np.ones(p), np.eye(p) + 1e-9 * (1 - np.eye(p)))
    np.testing.assert_allclose(answer.mean, alpha * slab / (slab + noise) * z, rtol=1e-6)
    np.testing.assert_allclose(answer.pip, alpha, rtol=1e-5, atol=1e-7)
    spread = slab * noise / (slab + noise)
    variance = alpha * (spread + (1 - alpha) * (slab / (slab + noise) * z) ** 2)
    np.testing.assert_allclose(answer.sd**2, variance + 1e-6, rtol=1e-5, atol=1e-8)


def test_copies_of_a_variant_share_its_effect(pretrained):
    rng = np.random.default_rng(5)
    R = correlations(rng, 12)
    copies = np.r_[np.arange(12), 3, 3]
    turn = np.r_[np.ones(13), -1.0]
    R = R[np.ix_(copies, copies)] * np.outer(turn, turn)
    z = turn * rng.normal(0, 5, 12)[copies]
    mean = pretrained.predict(z, np.ones(14), R)
    np.testing.assert_allclose(mean[[12, 13]], [mean[3], -mean[3]], rtol=1e-9)


@pytest.mark.parametrize("largest", [30.0, 300.0, 3000.0])
def test_very_strong_signals_stay_finite(pretrained, largest):
    rng = np.random.default_rng(6)
    R = correlations(rng, 60)
    z = R[:, 10] * largest + rng.normal(size=60)
    answer = pretrained.posterior(z, np.ones(60), R)
    assert np.all(np.isfinite(all_of(answer)))
    assert np.all((answer.pip >= 0) & (answer.pip <= 1)) and np.all(answer.sd > 0)


def test_memory_beyond_r_is_linear_in_variants(pretrained):
    rng = np.random.default_rng(7)
    peaks = []
    for p in (400, 1200):
        R, z = correlations(rng, p), rng.normal(0, 2, (p, 1))
        tracemalloc.start()
        neural_solver.solve(pretrained.parameters_, z, _ld(R))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Three times the variants: linear is three times the memory, quadratic would be nine.
    assert peaks[1] < 4 * peaks[0]
    assert peaks[1] < 0.5 * R.nbytes


def test_training_lowers_the_loss_and_repeats(stretch):
    rng = np.random.default_rng(8)
    options = {"sizes": (60, 60), "cells": 1_200}
    blocks = [draw_block(stretch, SettingsPrior(), rng, **options) for _ in range(3)]

    def fitted():
        options = {"n_rounds": 2, "n_layers": 2, "n_steps": 60, "learning_rate": 0.01}
        return NeuralShrinkage(**options, random_state=9).fit(blocks, blocks)

    first, second = fitted(), fitted()
    assert first.history_[-1]["validation"] < 0.95 * first.history_[0]["validation"]
    for name, value in first.parameters_.items():
        np.testing.assert_array_equal(value, second.parameters_[name])


def test_training_goes_on_from_a_checkpoint_as_if_unbroken(stretch, tmp_path):
    path = tmp_path / "state"

    def run(stop_after=None):
        rng = np.random.default_rng(16)
        options = {"sizes": (30, 60), "cells": 200}
        stream = stream_of_blocks([stretch], SettingsPrior(), rng, **options)
        start = neural_solver.initial_parameters(np.random.default_rng(17), 1, 2)

        def on_step(row):
            if stop_after is not None and row["step"] > stop_after:
                raise KeyboardInterrupt

        return train(
            start, stream, [], n_steps=20, learning_rate=0.01, rng=rng, on_step=on_step,
            checkpoint=path,
        )  # fmt: skip

    whole, history = run()
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        run(stop_after=7)
    resumed, history_resumed = run()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, resumed[name])
    assert [row["step"] for row in history] == [row["step"] for row in history_resumed]


def test_the_best_parameters_on_held_out_blocks_are_kept(stretch):
    """A learning rate far too large wrecks the later steps, not the answer."""
    rng = np.random.default_rng(9)
    prior, options = SettingsPrior(), {"sizes": (40, 40), "cells": 400}
    blocks = [draw_block(stretch, prior, rng, **options) for _ in range(3)]
    model = NeuralShrinkage(
        n_rounds=1, n_layers=2, n_steps=30, learning_rate=3.0, random_state=rng
    ).fit(blocks, blocks)
    losses = [row["validation"] for row in model.history_]
    assert losses[-1] > min(losses)
    assert model.history_[-1]["step"] == 30
    first = neural_solver.initial_parameters(np.random.default_rng(9), 1, 2)
    weights = weigh(blocks, first)
    assert all(weight.shape == (10,) and np.all(weight > 0) for weight in weights)


def test_training_ends_clearly_when_blocks_run_out(stretch):
    rng = np.random.default_rng(10)
    block = draw_block(stretch, SettingsPrior(), rng, sizes=(30, 30), cells=100)
    model = NeuralShrinkage(n_rounds=1, n_layers=1, n_steps=5, random_state=rng)
    with pytest.raises(ValueError, match="blocks: got 2 of them, expected 5"):
        model.fit(iter([block, block]))
    with pytest.raises(ValueError, match="blocks: got none"):
        model.fit([])
    with pytest.raises(ValueError, match="n_steps"):
        train({}, [block], [], n_steps=0, learning_rate=0.1, rng=rng)
    with pytest.raises(ValueError, match="learning_rate"):
        train({}, [block], [], n_steps=1, learning_rate=0, rng=rng)


def test_blocks_follow_the_summary_statistics_model(stretch):
    """z has mean R u and covariance (1 - h2) R over traits."""
    rng = np.random.default_rng(11)
    prior = SettingsPrior(n=(1e4, 1e4), h2=(0.05, 0.05), null_share=0.0)
    chi, explained = [], []
    for _ in range(30):
        block = draw_block(stretch, prior, rng, sizes=(20, 20), cells=1280)
        values, vectors = np.linalg.eigh(block.R)
        kept = values > 1e-6
        noise = vectors[:, kept].T @ (block.z - block.R @ block.u)
        h2 = np.einsum("pt,pq,qt->t", block.u, block.R, block.u) * block.se**2
        chi.append((noise**2 / values[kept, None]).mean(axis=0) / (1 - h2))
        explained.append(h2)
    assert np.mean(chi) == pytest.approx(1.0, abs=0.03)
    assert np.mean(explained) == pytest.approx(0.05, abs=0.005)
    assert block.se == pytest.approx(0.01)


def test_settings_are_drawn_within_their_bounds(stretch):
    rng = np.random.default_rng(12)
    R, f = stretch.R.astype(float), stretch.frequencies
    draws = [SettingsPrior().draw(R, f, rng) for _ in range(300)]
    n = np.array([draw[2] for draw in draws])
    assert n.min() >= 5e3 and n.max() <= 5e5
    counts = np.array([np.count_nonzero(u) for u, _, _ in draws])
    assert 1 <= counts[counts > 0].min() and counts.max() <= 0.1 * len(R) + 1
    assert 0 < np.mean(counts == 0) < 0.1
    assert all(0.1 <= noise <= 1 for _, noise, _ in draws)
    release = [ReleaseSettings().draw(R, f, rng) for _ in range(100)]
    assert {draw[2] for draw in release} == {10_000}
    assert {np.count_nonzero(u) for u, _, _ in release} == {1, 6}


def test_saved_and_loaded_parameters_are_the_same(tmp_path):
    rng = np.random.default_rng(13)
    model, path = network(excited(rng)), tmp_path / "weights.safetensors"
    model.save(path, {"command": "by hand"})
    loaded = NeuralShrinkage.load(path)
    assert loaded.metadata_ == {"command": "by hand"}
    z, R = rng.normal(0, 3, 20), correlations(rng, 20)
    np.testing.assert_array_equal(
        loaded.predict(z, np.ones(20), R), model.predict(z, np.ones(20), R)
    )


def test_files_that_hold_something_else_are_refused(tmp_path):
    from safetensors.numpy import save_file

    theta = neural_solver.initial_parameters(np.random.default_rng(0))
    path = tmp_path / "weights.safetensors"
    with pytest.raises(FileNotFoundError, match="no file"):
        NeuralShrinkage.load(path)
    path.write_bytes(b"not tensors at all")
    with pytest.raises(ValueError, match="safetensors"):
        NeuralShrinkage.load(path)
    kind = {"format": "gitools neural shrinkage", "version": "0"}
    save_file(theta, str(path), metadata={"format": "another"})
    with pytest.raises(ValueError, match="format 'another'"):
        NeuralShrinkage.load(path)
    save_file(theta, str(path), metadata=kind)
    with pytest.raises(ValueError, match=r"version '0'.*expected '1'"):
        NeuralShrinkage.load(path)
    theta["block_in"] = theta["block_in"][:-1]
    save_file(theta, str(path), metadata={**kind, "version": "1"})
    with pytest.raises(ValueError, match="tensors"):
        NeuralShrinkage.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": [1.0, np.nan, 0.0]}, "beta: got nan"),
        ({"beta": [[[1.0]]]}, "beta: got shape"),
        ({"se": [1.0, 0.0, 1.0]}, "se: got 0 at place 1"),
        ({"se": [1.0, -2.0, 1.0]}, "se: got -2 at place 1"),
        ({"se": [1.0, 1.0]}, "se: got shape"),
        ({"se": [1.0, np.inf, 1.0]}, "se: got inf"),
        ({"R": np.eye(4)}, "R: got shape"),
        ({"R": 2 * np.eye(3)}, "R: got 2"),
        ({"R": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]}, "R: got a smallest eigenvalue"),
        ({"R": [np.eye(2), np.eye(2)]}, "R: got blocks of 4 variants"),
        ({"R": [np.eye(2)]}, "R: got blocks of 2 variants"),
        ({"R": np.full((3, 3), np.nan)}, "R: got nan"),
    ],
)
def test_bad_input_is_named(pretrained, change, message):
    good = {"beta": [1.0, 2.0, 0.0], "se": [1.0, 1.0, 1.0], "R": np.eye(3)}
    with pytest.raises(ValueError, match=message):
        pretrained.predict(**{**good, **change})


def test_a_network_without_parameters_says_so():
    with pytest.raises(ValueError, match="expected fit, load or"):
        NeuralShrinkage().predict([1.0], [1.0], [[1.0]])


def test_importing_the_package_does_not_import_torch():
    import subprocess
    import sys

    code = "import sys, gitools.shrinkage as s; s.NeuralShrinkage; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_committed_weights_shrink_well_and_say_where_they_come_from(pretrained):
    """Blocks that no training saw: far below the error of zero, and no constant comes near."""
    assert "benchmarks/neural_training.py" in pretrained.metadata_["command"]
    rng = np.random.default_rng(14)
    stretch = simulate_stretch(200, rng, n_people=1000)
    prior = SettingsPrior(n=(5e4, 5e4), h2=(0.01, 0.01), causal_fraction=(0.01, 0.02))
    block = draw_block(stretch, prior, rng, sizes=(200, 200), cells=200 * 64)
    mean = pretrained.predict(block.z, np.ones(len(block.z)), block.R)
    zero = np.sum(block.u**2)
    constant = zero - np.sum(block.z * block.u) ** 2 / np.sum(block.z**2)
    assert np.sum((mean - block.u) ** 2) < 0.7 * constant < zero
    slope = np.sum(mean * block.u) / np.sum(mean**2)
    assert 0.8 < slope < 1.2


@pytest.mark.parametrize("strong", [30.0, 90.0, 250.0])
def test_a_strong_signal_does_not_silence_a_distant_one(strong):
    """Scores of thousands are summed in bands; an empty band must add nothing."""
    rng = np.random.default_rng(15)
    # One layer, one round: with more of them a later one would find what this one missed.
    theta = neural_solver.initial_parameters(rng, n_rounds=1, n_layers=1)
    R = np.full((40, 40), 1e-4) + (1 - 1e-4) * np.eye(40)
    z = np.r_[strong, 12.0, rng.normal(0, 0.5, 38)]
    answer = network(theta).posterior(z, np.ones(40), R)
    assert answer.pip[:2] == pytest.approx(1, abs=0.01)
    assert answer.mean[:2] == pytest.approx(z[:2], rel=0.1)
    assert answer.pip[2:].max() < 0.2
