"""Layouts, numbers of parameters and behaviour of the networks."""

import numpy as np
import pytest
import torch

from gitools.genomes.distinct import distinct_genes
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana, count_parameters


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def counts(n=6, genes=12, types=17, seed=0):
    return np.random.default_rng(seed).poisson(0.3, (n, genes, types)).astype(np.float32)


def test_numbers_of_parameters_are_the_published_ones():
    assert count_parameters(Galiana(27_655)) == 1_443_747
    assert count_parameters(GPSNN()) == 21_036
    assert count_parameters(FrozenHead(200)) == 17_836
    assert count_parameters(FrozenHead(500)) == 44_536


@pytest.mark.parametrize(("hidden", "published"), [(50, 98_396), (100, 163_996)])
def test_sparse_model_is_235_parameters_below_the_published_number(hidden, published):
    genes = np.arange(27_655)
    edges = np.column_stack([genes, genes % 1_273])
    assert count_parameters(BMSNN(edges, 27_655, 1_273, hidden)) == published - 235


def test_frozen_parameters_do_not_count():
    model = FrozenHead(7)
    before = count_parameters(model)
    model.layers[0].bias.requires_grad_(False)
    assert count_parameters(model) == before - 7


def test_same_generator_same_weights_and_the_global_one_is_left_alone():
    state = torch.get_rng_state()
    first, second = Galiana(12, generator=generator()), Galiana(12, generator=generator())
    other = Galiana(12, generator=generator(2))
    assert torch.equal(torch.get_rng_state(), state)
    for name, values in first.state_dict().items():
        assert torch.equal(values, second.state_dict()[name])
    assert not torch.equal(first.head.weight, other.head.weight)


def test_initial_weights_lie_within_one_over_root_fan_in():
    weight = Galiana(400, generator=generator()).body[2].weight
    assert weight.abs().max() <= 1 / 20
    assert weight.abs().max() > 0.99 / 20
    assert abs(weight.std().item() - 1 / 20 / 3**0.5) < 5e-4


def test_forward_is_what_plain_numpy_makes_of_it():
    model = Galiana(12, n_tasks=3, generator=generator())
    for values in model.parameters():
        torch.nn.init.normal_(values, generator=generator(3))
    x = counts()
    p = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}

    def linear(x, name):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def normed(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]

    scores = linear(np.tanh(normed(linear(x.astype(float), "G.0"), "G.1")), "G.3")[..., 0]
    hidden = np.tanh(normed(linear(normed(scores, "body.0"), "body.2"), "body.3"))
    hidden = np.tanh(normed(linear(hidden, "body.6"), "body.7"))
    got = model(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(got, linear(hidden, "head"), rtol=1e-4, atol=1e-4)
    encoded = model.encode(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(encoded, hidden, atol=1e-4)


def loss_and_gradients(model, x):
    model.zero_grad()
    loss = (model(x) ** 2).mean()
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_distinct_form_gives_the_same_loss_and_gradients(kind):
    edges = np.column_stack([np.arange(12), np.arange(12) % 4])
    if kind == "dense":
        model = Galiana(12, n_tasks=3, generator=generator())
    else:
        model = BMSNN(edges, 12, 4, 5, n_tasks=3, generator=generator())
    x = counts() * 0.7 - 0.2
    loss, gradients = loss_and_gradients(model, torch.from_numpy(x))
    found, others = loss_and_gradients(model, distinct_genes(x))
    assert abs(found - loss) < 1e-6
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 1e-7 or name.endswith("G.3.bias")
        torch.testing.assert_close(others[name], gradient, rtol=1e-4, atol=1e-6)


def test_gradient_with_respect_to_the_vectors_is_the_sum_over_their_copies():
    model = Galiana(12, n_tasks=3, generator=generator())
    x = torch.from_numpy(counts()).requires_grad_()
    model(x).sum().backward()
    genes = distinct_genes(x)
    genes.vectors.requires_grad_()
    model(genes).sum().backward()
    summed = torch.zeros_like(genes.vectors)
    summed.index_add_(0, genes.index.reshape(-1), x.grad.reshape(-1, 17))
    torch.testing.assert_close(genes.vectors.grad, summed, rtol=1e-4, atol=1e-5)


def test_one_gene_moves_its_own_score_and_no_other():
    model = Galiana(12, generator=generator())
    x = torch.from_numpy(counts())
    changed = x.clone()
    changed[:, 4, 2] += 1
    moved = (model.gene_scores(x) != model.gene_scores(changed)).any(0)
    assert moved.nonzero().flatten().tolist() == [4]


def test_dropout_only_while_training_and_each_step_anew():
    model = Galiana(12, dropout=0.5, generator=generator())
    x = torch.from_numpy(counts())
    first, second = model(x), model(x)
    assert not torch.equal(first, second)
    model.eval()
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x), model(distinct_genes(x)))


def test_dropout_goes_on_from_saved_weights():
    model = Galiana(12, dropout=0.5, generator=generator())
    x = torch.from_numpy(counts())
    model(x)
    other = Galiana(12, dropout=0.5, generator=generator(9))
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(x), other(x))


def test_dropout_keeps_the_mean():
    dropped = Galiana(12, dropout=0.3, generator=generator()).body[1]
    kept = dropped(torch.ones(200, 500))
    assert kept.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    assert abs(kept.mean().item() - 1) < 0.01


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Galiana(0), "n_genes"),
        (lambda: Galiana(5, n_types=1.5), "n_types"),
        (lambda: Galiana(5, n_tasks=True), "n_tasks"),
        (lambda: Galiana(5, dropout=1.0), "dropout"),
        (lambda: Galiana(5, hidden=-1), "hidden"),
        (lambda: Galiana(5, generator=7), "generator"),
        (lambda: FrozenHead(0), "hidden"),
        (lambda: GPSNN(0), "n_tasks"),
        (lambda: BMSNN([[0, 0]], 5, 0, 5), "n_pathways"),
        (lambda: BMSNN([[7, 0]], 5, 2, 5), "edges"),
        (lambda: Galiana(5)(torch.zeros(2, 4, 17)), "x must have the shape"),
        (lambda: Galiana(5)(torch.zeros(2, 5, 17, dtype=torch.int64)), "floating-point"),
        (lambda: Galiana(5)(distinct_genes(np.zeros((2, 4, 17)))), "x must have the shape"),
        (lambda: GPSNN()(torch.zeros(2, 2)), "x must be"),
        (lambda: FrozenHead(5)(torch.zeros(2, 5, 50)), "x must be"),
    ],
)
def test_bad_input_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
