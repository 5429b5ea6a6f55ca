"""Training of networks on genomes: loss, schedule, checkpoints, folds and saliency."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from gitools.genomes.distinct import distinct_genes
from gitools.genomes.models import Galiana
from gitools.genomes.training import (
    CHECKPOINT_NAME,
    PlateauSchedule,
    copy_body,
    fold_predictions,
    masked_squared_error,
    predict,
    saliency,
    seeded,
    torch_generator,
    train,
)

N, GENES, TYPES, TASKS = 24, 7, 3, 4


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(seed=0, missing=0.3):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.poisson(0.7, (N, GENES, TYPES)).astype(np.float32))
    Y = rng.normal(size=(N, TASKS))
    Y[rng.random(Y.shape) < missing] = np.nan
    return x, Y


def galiana(seed=0, dropout=0.0, tasks=TASKS):
    start = torch_generator(np.random.default_rng(seed))
    return Galiana(GENES, TYPES, tasks, dropout, hidden=6, generator=start)


def weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_masked_error_is_a_loop_over_observed_targets():
    _, Y = data()
    prediction = np.random.default_rng(1).normal(size=Y.shape)
    total, number = 0.0, 0
    for i in range(N):
        for t in range(TASKS):
            if not np.isnan(Y[i, t]):
                total += (prediction[i, t] - Y[i, t]) ** 2
                number += 1
    found, seen = masked_squared_error(torch.from_numpy(prediction), torch.from_numpy(Y))
    assert float(found) == pytest.approx(total, rel=1e-12)
    assert int(seen) == number < N * TASKS


def test_missing_targets_give_no_gradient_and_no_nan():
    _, Y = data()
    prediction = torch.zeros(Y.shape, dtype=torch.float64, requires_grad=True)
    masked_squared_error(prediction, torch.from_numpy(Y))[0].backward()
    expected = np.where(np.isnan(Y), 0.0, -2 * np.nan_to_num(Y))
    np.testing.assert_allclose(prediction.grad.numpy(), expected)


def test_a_task_without_labels_leaves_the_others_as_they_are():
    x, Y = data(missing=0.0)
    Y[:, 1] = np.nan
    model = galiana()
    before = model.head.weight[1].detach().clone()
    train(model, x, Y, epochs=2, weight_decay=0.0, generator=np.random.default_rng(0))
    assert torch.equal(model.head.weight[1], before)
    assert not torch.isnan(model.head.weight).any()


@pytest.mark.parametrize("decay", [1 / 3, 2 / 3])
def test_schedule_on_a_made_up_sequence(decay):
    losses = [5.0, 4.0, 4.0, 4.5, 4.1, 3.9, 3.9, 3.9, 4.0, 3.8, 3.8, 3.8, 3.8, 3.8, 3.8, 3.8]
    # The third epoch in a row without a new lowest loss: the 5th, 9th, 13th and 16th.
    factors = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4]
    schedule = PlateauSchedule(0.01, decay, 3)
    rates = [schedule.step(loss) for loss in losses]
    np.testing.assert_allclose(rates, 0.01 * decay ** np.array(factors))


def test_training_uses_the_schedule_and_says_what_it_did():
    x, Y = data()
    history = train(
        galiana(), x, Y, epochs=30, learning_rate=0.3, generator=np.random.default_rng(0)
    )
    schedule = PlateauSchedule(0.3)
    expected = [0.3] + [schedule.step(loss) for loss in history.losses[:-1]]
    np.testing.assert_allclose(history.learning_rates, expected)
    assert history.learning_rates[-1] < 0.3


def test_first_step_is_rmsprop_with_a_penalty():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    model = nn.Linear(2, 1, bias=False).double()
    w = model.weight.detach().numpy().copy()
    slope = 2 * (x @ w.T - y).T @ x / 6 + 0.5 * w
    train(
        model,
        torch.from_numpy(x),
        y,
        epochs=1,
        learning_rate=0.02,
        weight_decay=0.5,
        generator=np.random.default_rng(0),
    )
    expected = w - 0.02 * slope / (np.sqrt(0.01 * slope**2) + 1e-8)
    np.testing.assert_allclose(model.weight.detach().numpy(), expected, rtol=1e-10)


def test_it_learns_a_linear_truth():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 5))
    Y = x @ rng.normal(size=(5, 2))
    model = nn.Linear(5, 2).double()
    history = train(model, torch.from_numpy(x), Y, epochs=40, generator=rng)
    assert history.losses[-1] < 0.01 * history.losses[0]


def test_the_same_generator_gives_the_same_network_and_leaves_the_global_one_alone():
    x, Y = data()
    a, b = galiana(dropout=0.2), galiana(dropout=0.2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(a, x, Y, epochs=3, generator=np.random.default_rng(7))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    train(b, x, Y, epochs=3, generator=np.random.default_rng(7))
    assert same(weights(a), weights(b))
    c = galiana(dropout=0.2)
    train(c, x, Y, epochs=3, generator=np.random.default_rng(8))
    assert not same(weights(a), weights(c))


def test_seeded_makes_plain_dropout_repeatable():
    def draw():
        with seeded(np.random.default_rng(1)):
            return torch.rand(3)

    assert torch.equal(draw(), draw())


def test_rows_are_the_training_set():
    x, Y = data()
    a, b = galiana(), galiana()
    rows = np.arange(0, N, 2)
    train(a, x, Y, rows=rows, epochs=2, generator=np.random.default_rng(1))
    Y = Y.copy()
    Y[1::2] = 1e6
    train(b, x, Y, rows=rows, epochs=2, generator=np.random.default_rng(1))
    assert same(weights(a), weights(b))


def test_arrays_tensors_and_distinct_vectors_agree():
    x, Y = data()
    kinds = [x, x.numpy(), distinct_genes(x)]
    predictions = []
    for inputs in kinds:
        model = galiana()
        train(model, inputs, Y, epochs=3, generator=np.random.default_rng(1))
        predictions.append(predict(model, inputs))
    np.testing.assert_array_equal(predictions[0], predictions[1])
    np.testing.assert_allclose(predictions[0], predictions[2], atol=1e-4)


def test_one_and_two_threads_agree_to_printed_digits():
    x, Y = data()
    predictions = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = galiana()
        train(model, x, Y, epochs=5, generator=np.random.default_rng(1))
        predictions.append(predict(model, x))
    np.testing.assert_allclose(*predictions, atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_resumed_training_ends_at_the_same_network(tmp_path, dropout):
    x, Y = data()
    whole, rng = galiana(dropout=dropout), np.random.default_rng(4)
    history = train(whole, x, Y, epochs=9, learning_rate=0.3, generator=rng)
    for epochs in (2, 5, 9):
        part, again = galiana(seed=epochs, dropout=dropout), np.random.default_rng(epochs)
        if epochs == 2:
            part, again = galiana(dropout=dropout), np.random.default_rng(4)
        resumed = train(
            part,
            x,
            Y,
            epochs=epochs,
            learning_rate=0.3,
            generator=again,
            checkpoint=tmp_path / "run",
        )
    assert same(weights(whole), weights(part))
    np.testing.assert_array_equal(resumed.losses, history.losses)
    np.testing.assert_array_equal(resumed.learning_rates, history.learning_rates)
    assert rng.bit_generator.state == again.bit_generator.state
    assert [file.name for file in (tmp_path / "run").iterdir()] == [CHECKPOINT_NAME]


CHILD = """
import sys, numpy as np, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from test_training import data, galiana, train
x, Y = data()
train(galiana(dropout=0.1), x, Y, epochs=10_000, learning_rate=0.1,
      generator=np.random.default_rng(4), checkpoint=sys.argv[2])
"""


def test_killed_at_a_random_moment_it_resumes_to_the_same_end(tmp_path):
    x, Y = data()
    command = [sys.executable, "-c", CHILD, os.path.dirname(__file__), str(tmp_path)]
    child = subprocess.Popen(command)
    while not (tmp_path / CHECKPOINT_NAME).exists() and child.poll() is None:
        time.sleep(0.005)
    time.sleep(np.random.default_rng().uniform(0, 0.2))
    child.kill()
    assert child.wait() != 0
    epochs = _epochs_kept(tmp_path) + 5
    whole, resumed = galiana(dropout=0.1), galiana(seed=9, dropout=0.1)
    options = {"epochs": epochs, "learning_rate": 0.1}
    train(whole, x, Y, generator=np.random.default_rng(4), **options)
    history = train(
        resumed, x, Y, generator=np.random.default_rng(0), checkpoint=tmp_path, **options
    )
    assert len(history.losses) == epochs > 5
    assert same(weights(whole), weights(resumed))


def _epochs_kept(folder):
    with safe_open(folder / CHECKPOINT_NAME, "pt") as file:
        return len(json.loads(file.metadata()["state"])["losses"])


def test_half_a_checkpoint_never_stands_in_its_place(tmp_path, monkeypatch):
    x, Y = data()
    model = galiana()
    train(model, x, Y, epochs=1, generator=np.random.default_rng(1), checkpoint=tmp_path)
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()

    def broken(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr("gitools.genomes.training.os.fsync", broken)
    with pytest.raises(OSError, match="full"):
        train(model, x, Y, epochs=2, generator=np.random.default_rng(1), checkpoint=tmp_path)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    x, Y = data()
    options = {"generator": np.random.default_rng(1), "checkpoint": tmp_path}
    train(galiana(), x, Y, epochs=3, **options)
    for change, name in [
        ({"batch_size": 5}, "batch_size"),
        ({"learning_rate": 0.5}, "learning_rate"),
        ({"rows": np.arange(10)}, "samples"),
    ]:
        with pytest.raises(ValueError, match=f"checkpoint: .*{name}"):
            train(galiana(), x, Y, epochs=5, **options, **change)
    with pytest.raises(ValueError, match=r"checkpoint: .*3 epochs"):
        train(galiana(), x, Y, epochs=2, **options)
    with pytest.raises(ValueError, match=r"checkpoint: .*weights"):
        train(galiana(dropout=0.5), x, Y, epochs=4, **options)
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"checkpoint: .*cannot be read"):
        train(galiana(), x, Y, epochs=5, **options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": np.zeros(N)}, "targets: got shape"),
        ({"targets": np.full((N, TASKS), np.nan)}, "targets: no value is observed"),
        ({"targets": np.full((N, TASKS), np.inf)}, "targets: got infinite"),
        ({"targets": np.zeros((N, TASKS + 1))}, "targets: got 5 columns"),
        ({"targets": np.zeros((N + 1, TASKS))}, "inputs: got 24 samples, expected 25"),
        ({"epochs": 0}, "epochs: got 0"),
        ({"batch_size": 2.5}, "batch_size: got 2.5"),
        ({"learning_rate": 0}, "learning_rate: got 0"),
        ({"weight_decay": -1}, "weight_decay: got -1"),
        ({"decay": 1.5}, "decay: got 1.5"),
        ({"patience": True}, "patience: got True"),
        ({"generator": 3}, "generator: got int"),
        ({"rows": [0, 0]}, "rows: expected distinct"),
        ({"rows": [N]}, "rows: expected distinct"),
        ({"rows": [0.5]}, "rows: got shape"),
    ],
)
def test_bad_input_is_named(change, words):
    x, Y = data()
    options = {"inputs": x, "targets": Y, "generator": np.random.default_rng(0), "epochs": 1}
    options |= change
    with pytest.raises(ValueError, match=words):
        train(galiana(), **options)


def test_a_frozen_model_has_nothing_to_train():
    x, Y = data()
    model = galiana().requires_grad_(False)
    with pytest.raises(ValueError, match="model: no parameter"):
        train(model, x, Y, generator=np.random.default_rng(0))


def test_divergence_is_an_error_not_a_nan():
    x, Y = data()
    model = nn.Sequential(nn.Flatten(), nn.Linear(GENES * TYPES, TASKS))
    with pytest.raises(FloatingPointError, match="epoch 1"):
        train(model, x, Y, learning_rate=1e30, generator=np.random.default_rng(0))


def test_prediction_does_not_depend_on_the_batch_and_keeps_the_mode():
    x, _ = data()
    model = galiana(dropout=0.5)
    model.train()
    a, b = predict(model, x, batch_size=5), predict(model, x)
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert model.training
    with pytest.raises(ValueError, match="inputs: got 0"):
        predict(model, x[:0])


def test_body_is_copied_and_the_head_is_not():
    source, target = galiana(seed=1, tasks=9), galiana(seed=2)
    head = target.head.weight.detach().clone()
    left = copy_body(source, target)
    assert left == ["head.weight", "head.bias"]
    assert torch.equal(target.head.weight, head)
    x, _ = data()
    assert torch.equal(source.encode(x), target.encode(x))
    source.G[0].weight.data.zero_()
    assert not torch.equal(source.encode(x), target.encode(x))
    assert "head.weight" in copy_body(galiana(seed=3), target, leave_out=["head"])
    with pytest.raises(ValueError, match="source: no parameter"):
        copy_body(nn.Linear(2, 3), nn.Linear(3, 3, bias=False))


def test_every_sample_is_predicted_by_a_fit_that_has_not_seen_it():
    folds = np.random.default_rng(0).integers(0, 3, 20)
    seen = []

    def fit_predict(train_rows, test):
        assert not np.intersect1d(train_rows, test).size
        assert len(train_rows) + len(test) == 20
        seen.append(test)
        return np.column_stack([test, np.full(len(test), len(train_rows))])

    result = fold_predictions(fit_predict, 20, folds)
    np.testing.assert_array_equal(result[:, 0], np.arange(20))
    assert len(seen) == 3
    with pytest.raises(ValueError, match="folds: got shape"):
        fold_predictions(fit_predict, 19, folds)
    with pytest.raises(ValueError, match="folds: got 1 fold"):
        fold_predictions(fit_predict, 20, np.zeros(20))
    with pytest.raises(ValueError, match="fit_predict: returned shape"):
        fold_predictions(lambda a, b: np.zeros(3), 20, folds)


class LinearGenes(nn.Module):
    """Predictions linear in the counts, so that contributions are known."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weight, dtype=torch.float32))

    def forward(self, x):
        return torch.einsum("bgt,gtk->bk", x, self.weight)


def test_saliency_of_a_linear_model_is_its_contributions():
    x, _ = data()
    w = np.random.default_rng(5).normal(size=(GENES, TYPES, TASKS))
    centred = x.numpy() - x.numpy().mean(axis=0)
    expected = np.abs(np.einsum("bgt,gtk->bgk", centred, w)).mean(axis=0)
    model = LinearGenes(w)
    np.testing.assert_allclose(saliency(model, x, batch_size=5), expected, rtol=1e-4)
    np.testing.assert_allclose(saliency(model, x, task=2), expected[:, 2], rtol=1e-4)
    network = galiana()
    np.testing.assert_allclose(saliency(network, distinct_genes(x)), saliency(network, x))
    with pytest.raises(ValueError, match="task: got 4"):
        saliency(model, x, task=4)
    with pytest.raises(ValueError, match="inputs: got shape"):
        saliency(model, x[0])


def test_a_gene_without_variation_has_no_saliency():
    x, _ = data()
    x[:, 3] = 2.0
    assert (saliency(galiana(), x)[3] == 0).all()


def test_state_in_a_checkpoint_is_plain(tmp_path):
    x, Y = data()
    train(galiana(), x, Y, epochs=1, generator=np.random.default_rng(1), checkpoint=tmp_path)
    with safe_open(tmp_path / CHECKPOINT_NAME, "pt") as file:
        state = json.loads(file.metadata()["state"])
        assert state["settings"]["samples"] == N
        assert any(key.startswith("optimiser.") for key in file.keys())
