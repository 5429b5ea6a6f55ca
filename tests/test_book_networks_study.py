"""The networks of chapter 34: gradients, modes, early stopping, and what they are fed."""

import numpy as np
import pytest
import torch

from gitools.book.studies.networks import (
    Network,
    error_ratio,
    exact_means,
    neighbour_features,
    record,
    simulate_loci,
    train,
    train_ensemble,
)

_OPTIONS = [{}, {"batch_norm": True}, {"dropout": 0.3}, {"batch_norm": True, "dropout": 0.3}]


def _rows(n=40, inputs=3, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, inputs))
    return X, np.maximum(X[:, 0], 0) - 0.5 * X[:, 1]


def _loss(network, X, y):
    output, cache = network.forward(X, training=True, rng=np.random.default_rng(5))
    return np.mean((output - y) ** 2), network.backward(cache, 2 * (output - y) / len(y))


@pytest.mark.parametrize("options", _OPTIONS, ids=str)
def test_gradients_agree_with_finite_differences(options):
    X, y = _rows()
    network = Network([3, 6, 5, 1], 2, **options)
    _, gradient = _loss(network, X, y)
    numeric = np.empty_like(gradient)
    for k in range(len(gradient)):
        sides = []
        for step in (1e-6, -1e-6):
            network.parameters[k] += step
            sides.append(_loss(network, X, y)[0])
            network.parameters[k] -= step
        numeric[k] = (sides[0] - sides[1]) / 2e-6
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)


def _as_torch(network):
    """The same layers in torch, with the parameters of a network with BatchNorm."""
    parts = []
    for n_in, n_out in zip(network.sizes[:-2], network.sizes[1:-1], strict=True):
        parts += [torch.nn.Linear(n_in, n_out), torch.nn.BatchNorm1d(n_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts, torch.nn.Linear(network.sizes[-2], 1)).double()
    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, (W, c) in zip(linear, network._views[0], strict=True):
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.copy_(torch.from_numpy(c.copy()))
    return model


def test_both_modes_and_a_training_step_are_those_of_torch():
    X, y = _rows(64)
    network = Network([3, 6, 5, 1], 3, batch_norm=True)
    model = _as_torch(network)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    train(network, X, y, epochs=3, batch=64, rate=0.01, random_state=4)
    for _ in range(3):
        loss = torch.mean((model(torch.from_numpy(X))[:, 0] - torch.from_numpy(y)) ** 2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(
        network.predict(X, training=True), model(torch.from_numpy(X))[:, 0].detach(), atol=1e-6
    )
    # The call above in training mode moved torch's running statistics once more than ours.
    network.forward(X, training=True, update=True)
    model.eval()
    np.testing.assert_allclose(
        network.predict(X), model(torch.from_numpy(X))[:, 0].detach(), atol=1e-6
    )


def test_weight_decay_shrinks_weights_and_not_biases():
    X, y = _rows()
    plain, decayed = (
        train(Network([3, 4, 1], 1), X, y, epochs=1, batch=40, weight_decay=w, random_state=2)
        for w in (0.0, 0.5)
    )
    start = Network([3, 4, 1], 1)
    moved = decayed.network.parameters - plain.network.parameters
    np.testing.assert_allclose(moved, -3e-3 * 0.5 * start.is_weight * start.parameters, atol=1e-15)
    assert start.is_weight.sum() == 16


def test_training_keeps_the_epoch_of_least_validation_error():
    X, y = _rows(200)
    noisy = y + np.random.default_rng(8).normal(0, 2, 200)
    fit = train(
        Network([3, 64, 1], 1), X[:60], noisy[:60], (X[100:], y[100:]), epochs=200, batch=20,
        rate=0.01, patience=10, random_state=3,
    )  # fmt: skip
    assert fit.epoch == fit.validation.argmin() and len(fit.validation) == fit.epoch + 11
    again = np.mean((fit.network.predict(X[100:]) - y[100:]) ** 2)
    assert again == pytest.approx(fit.validation.min(), rel=1e-12)


def test_dropout_keeps_the_expected_activation():
    network = Network([3, 500, 1], 1, dropout=0.4)
    X, _ = _rows(5)
    rng = np.random.default_rng(6)
    draws = np.array([network.predict(X, training=True, rng=rng) for _ in range(4000)])
    error = draws.std(axis=0) / np.sqrt(4000)
    assert (np.abs(draws.mean(axis=0) - network.predict(X)) < 5 * error).all()


def test_training_mode_depends_on_the_company_and_evaluation_mode_does_not():
    X, y = _rows(60)
    network = train(Network([3, 8, 1], 1, batch_norm=True), X, y, epochs=5).network
    np.testing.assert_allclose(network.predict(X[:12]), network.predict(X)[:12])
    one = network.predict(X, training=True, group=12)
    assert np.abs(one[:12] - network.predict(X, training=True)[:12]).max() > 0.01


def test_errors_are_recorded_in_both_modes():
    X, y = _rows(48)
    found = record(
        Network([3, 8, 1], 1, dropout=0.2), X, y, (X, y), (X, y), 12, epochs=4, rate=0.01, batch=12,
        random_state=1,
    )  # fmt: skip
    np.testing.assert_array_equal(found.validation, found.test)
    assert found.test[-1] < found.test[0]
    assert not np.allclose(found.test, found.test_training)


def test_features_are_the_closest_neighbours():
    R = np.array([[1.0, 0.2, -0.9], [0.2, 1.0, 0.1], [-0.9, 0.1, 1.0]])
    X = neighbour_features(np.array([[1.0, 2.0, 3.0]]), R[None], np.array([0]), 1)
    np.testing.assert_array_equal(X, [[1, 3, -0.9], [2, 1, 0.2], [3, 1, -0.9]])


def test_loci_have_the_effects_and_the_noise_that_were_asked_for():
    R = np.array([[1.0, 0.5], [0.5, 1.0]])
    loci = simulate_loci(np.array([R, np.eye(2)]), 1000, 0.3, 0.01, 4000, n_cohorts=2,
                         random_state=1)  # fmt: skip
    assert loci.beta.shape == loci.b.shape == (16000, 2)
    np.testing.assert_array_equal(loci.b[::2], loci.b[1::2])
    assert np.mean(loci.b != 0) == pytest.approx(0.3, abs=0.01)
    assert loci.b[loci.b != 0].var() == pytest.approx(0.01, rel=0.05)
    noise = loci.beta[:8000] - loci.b[:8000] @ R
    np.testing.assert_allclose(np.cov(noise.T), R / 1000, rtol=0.06)


def test_an_ensemble_answers_in_the_targets_units():
    rng = np.random.default_rng(3)
    X = rng.normal([2.0, 50.0], [0.5, 7.0], (400, 2))
    y = 3 * X[:, 0]
    fit = train_ensemble(X, y, (X, y), [8], 3, random_state=1, rate=0.02, epochs=60, batch=40)
    each = fit.predict_each(X)
    assert each.shape == (3, 400) and not np.allclose(each[0], each[1])
    assert np.sqrt(np.mean((fit.predict(X) - y) ** 2)) < 0.15


def test_exact_means_of_independent_variants_are_one_curve():
    loci = simulate_loci(np.eye(3)[None], 1000, 0.2, 0.01, 20, random_state=1)
    means = exact_means(loci, np.eye(3)[None], 1000, 0.2, 0.01)
    precision = 1000 / (1 - 3 * 0.2 * 0.01)
    shrink = 0.01 / (0.01 + 1 / precision)
    odds = 0.25 / np.sqrt(1 + 0.01 * precision) * np.exp(0.5 * precision * shrink * loci.beta**2)
    np.testing.assert_allclose(means, odds / (1 + odds) * shrink * loci.beta, atol=1e-10)


def test_the_ratio_of_errors_is_of_means_and_pairs_are_kept():
    reference = np.random.default_rng(1).exponential(size=50)
    found = error_ratio(0.5 * reference, reference, random_state=2)
    np.testing.assert_allclose(found, 0.5)
    other = error_ratio(reference[::-1], reference, random_state=2)
    assert other.low < 1 < other.high and other.value == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Network([3, 2]), "sizes: got"),
        (lambda: Network([3, 0, 1]), "sizes: got 0"),
        (lambda: Network([3, 2, 1], dropout=1), "dropout: got 1"),
        (lambda: train(Network([3, 1]), np.ones((4, 2)), np.ones(4)), "X: got shapes"),
        (lambda: train(Network([1, 1]), np.full((4, 1), np.nan), np.ones(4)), "X: got NaN"),
        (lambda: train(Network([1, 1]), np.ones((4, 1)), np.ones(4), epochs=0), "epochs: got 0"),
        (lambda: simulate_loci(np.eye(2), 100, 0.1, 1), "ld: got shape"),
        (lambda: simulate_loci(np.eye(2)[None], 100, 1.1, 1), "causal_fraction: got 1.1"),
        (lambda: simulate_loci(np.eye(2)[None], 100, 0.1, -1), "effect_variance: got -1"),
        (
            lambda: neighbour_features(np.ones((1, 2)), np.eye(2)[None], np.zeros(1, int), 2),
            "n_neighbours: got 2",
        ),
        (
            lambda: neighbour_features(np.ones((1, 3)), np.eye(2)[None], np.zeros(1, int), 1),
            "beta: got shape",
        ),
        (lambda: error_ratio([1.0], [1.0]), "errors: got shapes"),
        (
            lambda: train_ensemble(
                np.ones((4, 1)), np.ones(4), (np.ones((4, 1)), np.ones(4)), [2], 1
            ),
            "X: got a column",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
