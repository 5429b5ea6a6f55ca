"""The sparse layer: equal to a dense layer with a mask, and nothing of that layer's size."""

import io

import numpy as np
import pytest
import torch

from gitools.genomes.layers import SparseLinear, rewire_edges

EDGES = [[0, 1], [4, 0], [2, 1], [0, 0], [2, 3], [1, 1]]


def _layer(**options):
    return SparseLinear(EDGES, 5, 4, generator=torch.Generator().manual_seed(1), **options)


def _inputs(*shape, seed=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype, requires_grad=True)


def _random_edges(n_in, n_out, n_edges, seed=3):
    rng = np.random.default_rng(seed)
    return np.column_stack(np.divmod(rng.choice(n_in * n_out, n_edges, replace=False), n_out))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_dense_layer_with_a_mask(shape, bias):
    layer = _layer(bias=bias, dtype=torch.float64)
    x, twin = _inputs(*shape), _inputs(*shape)
    dense = layer.to_dense().detach().requires_grad_()
    y, expected = layer(x), torch.nn.functional.linear(twin, dense, layer.bias)
    assert y.shape == expected.shape
    torch.testing.assert_close(y, expected)
    y.square().sum().backward()
    bias_gradient = layer.bias.grad.clone() if bias else None
    expected.square().sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)
    torch.testing.assert_close(layer.weight.grad, dense.grad[layer.outputs, layer.inputs])
    if bias:
        torch.testing.assert_close(layer.bias.grad, 2 * bias_gradient)


def test_by_hand():
    layer = _layer(dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2, 3, 4, 5, 6]))
        layer.bias.copy_(torch.tensor([0.5, 0, 7, 0]))
    y = layer(torch.tensor([1.0, 10, 100, 1000, 10000], dtype=torch.float64))
    assert y.tolist() == [20004.5, 361.0, 7.0, 500.0]


def test_gradients_of_first_and_second_order():
    layer = _layer(dtype=torch.float64)

    def function(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    values = (_inputs(3, 5), _inputs(6, seed=4), _inputs(4, seed=5))
    assert torch.autograd.gradcheck(function, values)
    assert torch.autograd.gradgradcheck(function, values)


def test_many_layers_at_once():
    layer = _layer()
    weights = _inputs(7, 6, dtype=torch.float32)
    x = _inputs(7, 3, 5, dtype=torch.float32)

    def function(weight, x):
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    at_once = torch.func.vmap(function)(weights, x)
    one_by_one = torch.stack([function(w, part) for w, part in zip(weights, x, strict=True)])
    torch.testing.assert_close(at_once, one_by_one)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_the_dtype(dtype):
    layer = _layer(dtype=dtype)
    assert layer.weight.dtype == layer.bias.dtype == dtype
    assert layer(torch.ones(2, 5, dtype=dtype)).dtype == dtype
    assert layer.to(torch.float64)(torch.ones(2, 5, dtype=torch.float64)).dtype == torch.float64
    assert layer.inputs.dtype == torch.int64


def test_goes_to_a_device_with_its_edges():
    layer = SparseLinear(EDGES, 5, 4, device="meta")
    assert {t.device.type for t in [*layer.parameters(), *layer.buffers()]} == {"meta"}
    assert layer(torch.ones(2, 5, device="meta")).shape == (2, 4)


def test_starts_within_the_fan_in_of_each_output():
    edges = [[i, 0] for i in range(400)] + [[0, 1], [1, 1], [2, 1], [3, 1]]
    layers = [
        SparseLinear(edges, 400, 3, generator=torch.Generator().manual_seed(seed))
        for seed in range(50)
    ]
    weights = torch.stack([layer.weight for layer in layers])
    large, small = weights[:, :400].abs().max(), weights[:, 400:].abs().max()
    assert 0.049 < large <= 0.05
    assert 0.45 < small <= 0.5
    biases = torch.stack([layer.bias for layer in layers]).abs().amax(0)
    assert 0 < biases[0] <= 0.05 < biases[1] <= 0.5
    assert biases[2] == 0


def test_a_generator_decides_and_the_global_one_is_left_alone():
    before = torch.random.get_rng_state()
    assert torch.equal(_layer().weight, _layer().weight)
    assert torch.equal(before, torch.random.get_rng_state())
    other = SparseLinear(EDGES, 5, 4, generator=torch.Generator().manual_seed(2))
    assert not torch.equal(other.weight, _layer().weight)


def test_weights_travel_with_their_edges():
    layer, other = _layer(), SparseLinear(np.array(EDGES)[::-1].copy(), 5, 4)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    x = torch.arange(5.0)
    assert torch.equal(other(x), layer(x))
    assert other.edges.tolist() == EDGES


def test_the_same_bits_for_any_number_of_threads():
    layer = SparseLinear(_random_edges(2000, 100, 6000), 2000, 100)
    results, threads = [], torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            layer.zero_grad()
            x = _inputs(64, 2000, dtype=torch.float32)
            y = layer(x)
            y.square().sum().backward()
            results.append([y, x.grad, layer.weight.grad.clone()])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_makes_nothing_of_the_dense_size():
    n_in, n_out, n_edges, batch = 3000, 400, 4000, 2
    layer = SparseLinear(_random_edges(n_in, n_out, n_edges), n_in, n_out)
    x = _inputs(batch, n_in, dtype=torch.float32)
    with torch.profiler.profile(profile_memory=True) as record:
        layer(x).square().sum().backward()
    largest = max(event.self_cpu_memory_usage for event in record.key_averages())
    assert 0 < largest < 4 * n_in * n_out / 10


def test_missing_input_stays_with_its_outputs():
    layer, x = _layer(), torch.ones(5)
    x[4] = torch.nan
    assert torch.isnan(layer(x)).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("edges", "sizes", "message"),
    [
        ([[0, 4]], (5, 4), "output indices from 0 to 3, got 4 in row 0"),
        ([[0, 0], [5, 0]], (5, 4), "input indices from 0 to 4, got 5 in row 1"),
        ([[0, 0], [-1, 0]], (5, 4), "got -1"),
        ([[0, 1], [2, 2], [0, 1]], (5, 4), r"got \(0, 1\) 2 times"),
        ([[0.0, 1.0]], (5, 4), "float64"),
        ([[True, False]], (5, 4), "bool"),
        ([0, 1], (5, 4), r"shape \(2,\)"),
        ([[0, 1, 2]], (5, 4), r"shape \(1, 3\)"),
        (np.empty((0, 2), dtype=int), (5, 4), "at least one"),
        ([[0, 0]], (0, 4), "n_in"),
        ([[0, 0]], (5, 2.5), "n_out"),
        ([[0, 0]], (True, 4), "n_in"),
    ],
)
def test_says_what_is_wrong_with_edges(edges, sizes, message):
    with pytest.raises(ValueError, match=message):
        SparseLinear(edges, *sizes)


def test_says_what_is_wrong_with_inputs():
    with pytest.raises(ValueError, match=r"x: expected 5 inputs .* \(2, 4\)"):
        _layer()(torch.ones(2, 4))
    with pytest.raises(ValueError, match="int64"):
        _layer()(torch.ones(2, 5, dtype=torch.int64))


def test_edges_may_be_a_tensor_and_stay_the_callers():
    edges = torch.tensor(EDGES)
    layer = SparseLinear(edges, 5, 4)
    edges[0, 0] = 3
    assert layer.edges.tolist() == EDGES


@pytest.mark.parametrize("n_edges", [200, 900])
def test_rewired_edges_keep_degrees_and_lose_the_rest(n_edges):
    edges = _random_edges(200, 20, n_edges)
    other = rewire_edges(edges, random_state=1)
    assert np.array_equal(other[:, 0], edges[:, 0])
    assert np.array_equal(np.bincount(other[:, 1]), np.bincount(edges[:, 1]))
    assert len(np.unique(other, axis=0)) == n_edges
    kept = len(set(map(tuple, edges)) & set(map(tuple, other)))
    # A random edge meets an old one of its gene by chance: degree / 20.
    expected = (np.bincount(edges[:, 0]) ** 2).sum() / 20
    assert abs(kept - expected) < 5 * np.sqrt(expected)
    assert np.array_equal(other, rewire_edges(edges, random_state=1))
    assert not np.array_equal(other, rewire_edges(edges, random_state=2))


def test_rewiring_says_when_it_cannot():
    crowded = [[i, o] for i in range(20) for o in range(20)]
    with pytest.raises(ValueError, match="leave room"):
        rewire_edges(crowded, random_state=1)
    with pytest.raises(ValueError, match="shape"):
        rewire_edges([1, 2], random_state=1)
