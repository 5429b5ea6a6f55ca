"""Networks trained side by side end where each would alone."""

import numpy as np
import pytest
import torch
from torch import nn

from gitools.genomes import SparseLinear
from gitools.genomes.distinct import DistinctGenes, distinct_genes
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana, SeededDropout
from gitools.genomes.together import Stack, predict_together, train_together
from gitools.genomes.training import copy_body, predict, torch_generator, train

N, GENES, TYPES, TASKS = 24, 7, 3, 4
EDGES = np.column_stack([np.arange(GENES), np.arange(GENES) % 3])
DENSE = np.stack(np.meshgrid(range(GENES), range(3), indexing="ij"), axis=-1).reshape(-1, 2)


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


def rng_of(*key):
    return np.random.default_rng(key)


def galiana(seed=0, dropout=0.0, tasks=TASKS):
    return Galiana(GENES, TYPES, tasks, dropout, hidden=6, generator=torch_generator(rng_of(seed)))


def bmsnn(seed, edges=EDGES):
    return BMSNN(edges, GENES, 3, 5, TYPES, TASKS, generator=torch_generator(rng_of(seed)))


def chain(seed):
    start = torch_generator(rng_of(seed))
    layers = nn.Sequential(
        SparseLinear(EDGES, GENES, 3, bias=False),
        nn.Sequential(nn.Linear(3, 5, bias=False), nn.LayerNorm(5), nn.ReLU()),
        nn.Linear(5, TASKS),
    )
    for weight in layers.parameters():
        nn.init.uniform_(weight, -1, 1, generator=start)
    return layers


class TwoParts(nn.Module):
    """A G of another make than Galiana's, so that its gradient isn't written out."""

    def __init__(self, seed):
        super().__init__()
        self.G = nn.Sequential(nn.Linear(TYPES, 4), nn.Sigmoid(), nn.Linear(4, 1, bias=False))
        self.head = nn.Linear(GENES, TASKS)
        for weight in self.parameters():
            nn.init.uniform_(weight, -1, 1, generator=torch_generator(rng_of(seed)))

    def forward(self, x):
        if isinstance(x, DistinctGenes):
            x = x.dense()
        return self.head(self.G(x).squeeze(-1))


def folds_of(k):
    return [np.sort(rng_of(k, i).permutation(N)[: N - 3 - i]) for i in range(k)]


KINDS = {
    "double": lambda i: galiana(i).double(),
    "dense": galiana,
    "distinct": galiana,
    "sparse": bmsnn,
    "edges, double": lambda i: bmsnn(i, (EDGES, DENSE, EDGES[1:], DENSE[::2])[i]).double(),
    "heads": lambda i: FrozenHead(8, GENES * TYPES, TASKS, generator=torch_generator(rng_of(i))),
    "points": lambda i: GPSNN(TASKS, generator=torch_generator(rng_of(i))),
    "chain": chain,
    "another G": TwoParts,
    "another G, double": lambda i: TwoParts(i).double(),
}


def inputs_of(kind):
    x, _ = data()
    forms = {
        "heads": x.reshape(N, -1),
        "points": x[:, 0],
        "chain": x[:, :, 0],
        "dense": x.numpy(),
        "sparse": x,
    }
    if "edges" in kind:
        return distinct_genes(x.double())
    forms |= {name: x.double() for name in KINDS if "double" in name}
    return forms.get(kind, distinct_genes(x))


def close(kind):
    # RMSprop divides small gradients by their own size, which makes rounding grow.
    return 1e-9 if "double" in kind else 5e-3


@pytest.mark.parametrize("kind", KINDS)
def test_folds_together_are_folds_apart(kind):
    new, inputs, Y = KINDS[kind], inputs_of(kind), data()[1]
    rows, options = folds_of(4), {"epochs": 8, "batch_size": 5, "learning_rate": 0.1}
    apart, together = [new(i) for i in range(4)], [new(i) for i in range(4)]
    expected = [
        train(m, inputs, Y, rows=r, generator=rng_of(i), **options)
        for i, (m, r) in enumerate(zip(apart, rows, strict=True))
    ]
    generators = [rng_of(i) for i in range(4)]
    seen = []
    found = train_together(
        together,
        inputs,
        Y,
        rows,
        generators=generators,
        on_epoch=lambda epoch, losses: seen.append(losses),
        **options,
    )
    for a, b, m, n in zip(expected, found, apart, together, strict=True):
        np.testing.assert_allclose(a.losses, b.losses, rtol=close(kind))
        np.testing.assert_allclose(a.learning_rates, b.learning_rates)
        np.testing.assert_allclose(predict(m, inputs), predict(n, inputs), atol=close(kind))
    np.testing.assert_array_equal(np.transpose(seen), [h.losses for h in found])
    state = rng_of(0)
    train(new(0), inputs, Y, rows=rows[0], generator=state, **options)
    assert state.bit_generator.state == generators[0].bit_generator.state


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_together_are_those_apart(kind):
    models, inputs = [KINDS[kind](i) for i in range(4)], inputs_of(kind)
    expected = [predict(model, inputs) for model in models]
    for size in (256, 5):
        found = predict_together(models, inputs, batch_size=size)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    own = predict_together(models, [inputs] * 3 + [inputs[:]])
    np.testing.assert_allclose(own, expected, atol=1e-5)


@pytest.mark.parametrize("length", [20, N])
@pytest.mark.parametrize("form", ["tensors", "arrays", "distinct"])
def test_each_network_may_have_its_own_data(form, length):
    make = {"tensors": lambda x: x, "arrays": lambda x: x.numpy(), "distinct": distinct_genes}[form]
    (x, Y), (x2, Y2) = data(0), data(9)
    inputs, targets = [make(x), make(x2[:length])], [Y, Y2[:length]]
    models, alone = [galiana(0), galiana(1)], [galiana(0), galiana(1)]
    train_together(models, inputs, targets, generators=[rng_of(0), rng_of(1)], epochs=2)
    for k, model in enumerate(alone):
        train(model, inputs[k], targets[k], epochs=2, generator=rng_of(k))
        np.testing.assert_allclose(predict(model, x), predict(models[k], x), atol=1e-3)


def test_each_network_may_have_its_own_settings():
    x, Y = data()
    x, rates, penalties = x.double(), [0.1, 1e-3, 1e-2], [0.0, 1e-6, 0.3]
    models = [bmsnn(k, edges).double() for k, edges in enumerate((EDGES, DENSE, EDGES[2:]))]
    alone = [bmsnn(k, edges).double() for k, edges in enumerate((EDGES, DENSE, EDGES[2:]))]
    train_together(
        models,
        x,
        np.array([Y, 2 * Y, Y + 1]),
        np.arange(20),
        generators=[rng_of(k) for k in range(3)],
        epochs=3,
        learning_rate=rates,
        weight_decay=penalties,
    )
    for k, y in enumerate((Y, 2 * Y, Y + 1)):
        settings = {"learning_rate": rates[k], "weight_decay": penalties[k], "epochs": 3}
        train(alone[k], x, y, rows=np.arange(20), generator=rng_of(k), **settings)
        np.testing.assert_allclose(predict(alone[k], x), predict(models[k], x), atol=1e-9)


def orders_of(generators, rows, epochs):
    """What train draws."""
    orders = []
    for generator, part in zip(generators, rows, strict=True):
        orders.append([])
        for _ in range(epochs):
            orders[-1].append(generator.permutation(part))
            generator.integers(2**63)
    return np.array(orders)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("form", ["tensor", "distinct"])
def test_orders_may_be_given(form, shared):
    x, Y = data()
    x = distinct_genes(x.double()) if form == "distinct" else x.double()
    seeds, rows = (
        ([5, 5], [np.arange(20)] * 2) if shared else ([5, 6], [np.arange(20), np.arange(3, 23)])
    )
    models, alone = ([bmsnn(0).double(), bmsnn(1, DENSE).double()] for _ in range(2))
    orders = orders_of([rng_of(s) for s in seeds], rows, 3)
    history = train_together(models, x, Y, orders=orders, batch_size=6)
    assert [len(one.losses) for one in history] == [3, 3]
    for k, model in enumerate(alone):
        train(model, x, Y, rows=rows[k], generator=rng_of(seeds[k]), epochs=3, batch_size=6)
        np.testing.assert_allclose(predict(model, x), predict(models[k], x), atol=1e-9)


def test_batches_are_taken_as_ordered():
    x, Y = data(missing=0)
    order, models, alone = np.array([4, 0, 9, 2, 7]), [galiana()], galiana()
    train_together(models, x, Y, orders=order[None, None], batch_size=2)
    optimiser = torch.optim.RMSprop(alone.parameters(), lr=1e-2, weight_decay=1e-6)
    for part in (order[:2], order[2:4], order[4:]):
        optimiser.zero_grad()
        (alone(x[part]) - torch.tensor(Y[part], dtype=torch.float32)).square().mean().backward()
        optimiser.step()
    np.testing.assert_allclose(predict(alone, x), predict(models[0], x), atol=1e-3)


def test_a_network_without_labels_in_a_batch_stays_where_it_is():
    x, Y = data(missing=0)
    x, Y2 = x.double(), Y.copy()
    Y2[5:] = np.nan
    models, alone = ([galiana(k).double() for k in range(2)] for _ in range(2))
    options = {"epochs": 4, "batch_size": 4, "weight_decay": 0.1}
    train_together(models, x, [Y, Y2], generators=[rng_of(0), rng_of(1)], **options)
    for k, y in enumerate((Y, Y2)):
        train(alone[k], x, y, generator=rng_of(k), **options)
        np.testing.assert_allclose(predict(alone[k], x), predict(models[k], x), atol=1e-9)


def test_frozen_weights_stay():
    x, Y = data()
    models = [galiana(0), galiana(1)]
    for model in models:
        model.G.requires_grad_(False)
    before = [model.G[0].weight.clone() for model in models]
    head = models[1].head.weight.detach().clone()
    train_together(models, x, Y, generators=[rng_of(0), rng_of(1)], epochs=1)
    for model, weight in zip(models, before, strict=True):
        assert torch.equal(model.G[0].weight, weight)
    assert not torch.equal(models[1].head.weight, head)


def test_models_hold_the_weights_of_each_epoch():
    x, Y = data()
    models, seen = [galiana(0), galiana(1)], []
    train_together(
        models,
        x,
        Y,
        generators=[rng_of(0), rng_of(1)],
        epochs=3,
        on_epoch=lambda epoch, losses: seen.append(predict_together(models, x)),
    )
    for epochs in (1, 2):
        fewer = [galiana(0), galiana(1)]
        train_together(fewer, x, Y, generators=[rng_of(0), rng_of(1)], epochs=epochs)
        np.testing.assert_array_equal(seen[epochs - 1], predict_together(fewer, x))


def test_a_stack_goes_back_and_hands_on_its_weights():
    x, Y = data()
    genes = distinct_genes(x)

    def run(epochs):
        models = [galiana(0), galiana(1)]
        stack, kept = Stack(models), {}
        train_together(
            stack,
            genes,
            Y,
            generators=[rng_of(0), rng_of(1)],
            epochs=epochs,
            on_epoch=lambda epoch, losses: kept.update({epoch: stack.snapshot()}),
        )
        assert torch.equal(models[0].head.weight, galiana(0).head.weight)
        return stack, kept

    early, _ = run(2)
    late, kept = run(4)
    last = predict_together(late, genes)
    late.restore(kept[2])
    np.testing.assert_array_equal(predict_together(late, genes), predict_together(early, genes))
    late.restore(kept[4])
    np.testing.assert_array_equal(predict_together(late, genes), last)
    models = [galiana(5), galiana(6)]
    late.write_back(models)
    np.testing.assert_allclose(last, [predict(model, genes) for model in models], atol=1e-6)
    tuned, expected = (
        Stack([galiana(7, tasks=2), galiana(8, tasks=2)]),
        [galiana(7, tasks=2), galiana(8, tasks=2)],
    )
    tuned.copy_from(late, leave_out="head")
    for source, target in zip(models, expected, strict=True):
        assert copy_body(source, target) == ["head.weight", "head.bias"]
    expected = [predict(model, genes) for model in expected]
    np.testing.assert_allclose(predict_together(tuned, genes), expected, atol=1e-6)
    codes = predict_together(late, genes, encoding=True)
    expected = [model.encode(genes).detach().numpy() for model in models]
    np.testing.assert_allclose(codes, expected, atol=1e-6)


def test_a_second_training_starts_with_slopes_of_its_own():
    x, Y = data()
    x, stack, alone = x.double(), Stack([galiana().double()]), galiana().double()
    for seed in (1, 2):
        train_together(stack, x, Y, generators=[rng_of(seed)], epochs=2)
        train(alone, x, Y, generator=rng_of(seed), epochs=2)
    np.testing.assert_allclose(predict_together(stack, x)[0], predict(alone, x), atol=1e-9)


class SameMasks(nn.Module):
    """Dropout that draws what a stack of one network draws."""

    def __init__(self, rate, generator):
        super().__init__()
        self.draws, self.generator = rate, generator

    def forward(self, x):
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self.generator) >= self.draws
        return x * kept / (1 - self.draws)


def test_dropout_is_in_its_places_and_in_training_only():
    x, Y = data()
    model, alone = galiana(), galiana()
    masks = torch.Generator().manual_seed(3)
    for name, part in list(alone.body.named_children()):
        if isinstance(part, SeededDropout):
            alone.body[int(name)] = SameMasks(0.4, masks)
    stack = Stack([model], dropout=0.4, generator=torch.Generator().manual_seed(3))
    before = predict_together([model], x)
    np.testing.assert_array_equal(predict_together(stack, x), before)
    order = rng_of(1).permutation(N)
    train_together(stack, x, Y, orders=order[None, None], batch_size=N)
    # In batches of all samples their order would only matter to the masks.
    train(alone, x[order], Y[order], generator=rng_of(2), epochs=1, batch_size=N)
    found = predict_together(stack, x)[0]
    np.testing.assert_allclose(found, predict(alone, x), atol=1e-4)
    plain = galiana()
    train(plain, x, Y, generator=rng_of(2), epochs=1, batch_size=N)
    assert np.abs(found - predict(plain, x)).max() > 1e-2


class Shortcut(nn.Sequential):
    """Its children in order, and something else."""

    def forward(self, x):
        return super().forward(x) + x[:, :TASKS]


def test_what_cannot_be_stacked_is_refused():
    x, Y = data()
    rows, rng = [np.arange(N)] * 2, np.random.default_rng

    def run(models, **change):
        options = {"inputs": x, "targets": Y, "rows": rows, "generators": [rng(0), rng(1)]}
        options |= {"epochs": 1} | change
        train_together(models, **options)

    pair, one = [galiana(0), galiana(1)], rng(0)
    orders = np.tile(np.arange(6), (2, 3, 1))
    given = {"rows": None, "generators": None, "orders": orders, "epochs": None}
    for models, change, words in [
        ([], {}, "models: got none"),
        ([galiana(0), galiana(1, tasks=5)], {}, "models: expected networks of one"),
        ([galiana(0), bmsnn(1)], {}, "models: expected networks of one"),
        ([galiana(0, 0.5), galiana(1, 0.5)], {}, "models: got networks with dropout"),
        ([nn.Linear(3, TASKS)] * 2, {}, "models: got a single layer"),
        ([nn.Sequential(nn.BatchNorm1d(3))] * 2, {}, r"models: got a layer BatchNorm1d \(0\)"),
        (
            [Shortcut(nn.Linear(7, TASKS))] * 2,
            {"inputs": x[:, :, 0]},
            "models: a Shortcut predicts",
        ),
        (pair, {"rows": rows[:1]}, "rows: got 1"),
        (pair, {"rows": [[0, 0]] * 2}, "rows: expected distinct"),
        (pair, {"generators": [rng(0)] * 3}, "generators: got 3"),
        (pair, {"generators": one}, "generators: got 1, expected 2"),
        (pair, {"generators": [one, one]}, "generators: one comes twice"),
        (pair, {"generators": [1, 2]}, "generator: got int"),
        (pair, {"generators": None}, "generators, orders: expected one"),
        (pair, {"orders": orders}, "generators, orders: expected one"),
        (pair, given | {"rows": rows}, "rows: expected none beside orders"),
        (pair, given | {"orders": orders[:1]}, "orders: got shape"),
        (pair, given | {"orders": orders + np.arange(3)[:, None]}, "orders: expected the same"),
        (pair, given | {"orders": orders + N}, "rows: expected distinct integers from 0"),
        (pair, given | {"epochs": 2}, "epochs: got 2, expected 3"),
        (pair, {"inputs": [x]}, "inputs: got 1"),
        (pair, {"inputs": x[:5]}, "inputs: got 5 samples, expected 24"),
        (pair, {"inputs": [x, distinct_genes(x)]}, "inputs: got DistinctGenes and tensors"),
        (pair, {"inputs": x[:, :3]}, r"x must have the shape \[batch, 7 genes"),
        (pair, {"targets": Y[:, :3]}, "targets: got 3 columns"),
        (pair, {"targets": [Y, Y[:, :3]]}, "targets: the numbers of columns differ"),
        (pair, {"targets": [Y, Y * np.nan]}, "targets: no value is observed"),
        (pair, {"learning_rate": [0.1]}, "learning_rate: got 1, expected 2"),
        (pair, {"learning_rate": [0.1, 0.0]}, "learning_rate: got 0.0"),
        (pair, {"weight_decay": -1.0}, "weight_decay: got -1.0"),
        (pair, {"batch_size": 0}, "batch_size: got 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            run(models, **change)
    for change, words in [
        ({"dropout": 0.5}, "generator: got NoneType"),
        ({"dropout": 1.0}, r"dropout: got 1.0, expected a number in \[0, 1\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            Stack(pair, **change)
    with pytest.raises(ValueError, match="inputs: the numbers of samples differ"):
        predict_together(pair, [x, x[:5]])
    with pytest.raises(ValueError, match="other: no parameter 'head\\.weight'"):
        Stack(pair).copy_from(Stack([galiana(0, tasks=2)] * 2))
    with pytest.raises(ValueError, match="weights: got shape"):
        Stack(pair).restore(torch.zeros(3))
    with pytest.raises(ValueError, match="models: got 1, expected 2"):
        Stack(pair).write_back(pair[:1])
    with pytest.raises(FloatingPointError, match="loss: became"):
        run([chain(0), chain(1)], inputs=x[:, :, 0], learning_rate=1e30, epochs=5)
