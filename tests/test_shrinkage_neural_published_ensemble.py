"""Members of the published layout trained side by side: equal to one by one, and kept on disk."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gitools.shrinkage.neural_published import PublishedShrinkage, build_network
from gitools.shrinkage.neural_published_ensemble import (
    StackedMembers,
    fit_together,
    load_published,
    save_published,
)
from gitools.shrinkage.neural_training import SimulatedBlock


def a_block(seed, p=60, n_traits=6):
    rng = np.random.default_rng(seed)
    R = 0.8 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    u = np.where(rng.random((p, n_traits)) < 0.1, rng.normal(0, 5, (p, n_traits)), 0.0)
    noise = np.linalg.cholesky(R) @ rng.normal(size=(p, n_traits))
    return SimulatedBlock(R, R @ u + noise, u, np.full(n_traits, 0.01))


BLOCKS, HELD_OUT = [a_block(k) for k in range(4)], [a_block(9)]


def trained(**options):
    settings = {"n_members": 3, "max_epochs": 6, "learning_rate": 1e-3, "random_state": 1}
    return fit_together(PublishedShrinkage(**(settings | options)), BLOCKS, HELD_OUT)


@pytest.fixture(scope="module")
def model():
    return trained()


def test_a_stack_is_its_members_side_by_side():
    generator = torch.Generator().manual_seed(2)
    members = [build_network(7, (6, 3), generator).float() for _ in range(3)]
    rows = torch.randn(40, 7, generator=generator)
    targets = torch.randn(40, generator=generator)
    for member in members:
        for layer in member:
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
    stack = StackedMembers(members)
    assert stack.rates == [0.0, 0.0]
    together = stack.forward(rows, training=True)
    ((together - targets) ** 2).mean(dim=1).sum().backward()
    for place, member in enumerate(members):
        alone = member.train()(rows)[:, 0]
        torch.testing.assert_close(together[place], alone)
        ((alone - targets) ** 2).mean().backward()
        for name, value in member.named_parameters():
            found = stack.tensors[name].grad[place]
            torch.testing.assert_close(found, value.grad, rtol=1e-4, atol=1e-6)
    after = stack.forward(rows, training=False)
    for place, member in enumerate(members):
        torch.testing.assert_close(after[place], member.eval()(rows)[:, 0])


def test_dropout_differs_between_members():
    member = build_network(7, (200, 8), torch.Generator().manual_seed(3))
    stack = StackedMembers([member, member])
    with torch.no_grad():
        first, second = stack.forward(torch.ones(50, 7), training=True)
    assert not torch.allclose(first, second)


def test_each_member_keeps_its_best_pass():
    model = trained(learning_rate=0.1, max_epochs=10)  # steps so large that losses go up and down
    places = np.argmin(model.validation_losses_, axis=1)
    assert len(set(places)) > 1 and places.min() < 9
    block = HELD_OUT[0]
    se = np.broadcast_to(block.se, block.z.shape)
    found = model.predict_members(block.z * se, se, block.R)
    truth = block.u * se
    weights = np.where(truth != 0, 2.0, 1.0)
    losses = (weights * (found - truth) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(losses, np.min(model.validation_losses_, axis=1), rtol=1e-4)


def test_training_helps_repeats_and_leaves_the_global_stream_alone(model):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    again = trained()
    assert torch.rand(1) == expected
    assert again.validation_losses_ == model.validation_losses_
    losses = np.array(model.validation_losses_)
    assert np.all(losses.min(axis=1) < 0.95 * losses[:, 0])


def test_patience_ends_the_passes():
    passes = []
    options = {"learning_rate": 0.1, "patience": 2, "max_epochs": 60, "random_state": 1}
    model = PublishedShrinkage(n_members=2, **options)
    fit_together(model, BLOCKS[:1], HELD_OUT, on_pass=passes.append)
    losses = np.array(model.validation_losses_)
    ends = [
        next(n for n in range(1, 61) if n - 1 - np.argmin(one[:n]) >= 2 or n == len(one))
        for one in losses
    ]
    assert len(passes) == losses.shape[1] == max(ends) < 60


def test_saved_members_answer_as_before(model, tmp_path):
    path = tmp_path / "members.safetensors"
    save_published(model, path, {"seconds": "1"})
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    found = load_published(path)
    assert torch.rand(1) == expected
    assert found.metadata_["seconds"] == "1"
    assert (found.hidden, found.n_neighbours, found.n_members) == ((64, 8), 15, 3)
    block = HELD_OUT[0]
    args = block.z[:, 0] * 0.01, np.full(60, 0.01), block.R
    np.testing.assert_array_equal(found.predict(*args), model.predict(*args))


def changed(path, target, metadata=(), **tensors):
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        kept = file.metadata() | dict(metadata)
    save_file(load_file(path) | tensors, target, metadata=kept)
    return target


def test_other_files_are_refused(model, tmp_path):
    path, other = tmp_path / "members.safetensors", tmp_path / "other.safetensors"
    save_published(model, path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_published(tmp_path / "none.safetensors")
    other.write_text("nothing of the kind")
    with pytest.raises(ValueError, match="expected a safetensors file"):
        load_published(other)
    bad = {
        "of format 'else'": {"metadata": {"format": "else"}},
        "version '0'": {"metadata": {"version": "0"}},
        "unreadable layout": {"metadata": {"hidden": "64-x"}},
        "repairs": {"metadata": {"repairs": "magic"}},
        "got tensors": {"metadata": {"hidden": "64-9"}},
        "4.bias of .* not finite": {"4.bias": torch.full((3, 8), torch.nan)},
    }
    for message, change in bad.items():
        metadata = change.pop("metadata", {})
        with pytest.raises(ValueError, match=message):
            load_published(changed(path, other, metadata, **change))
    with pytest.raises(ValueError, match="got one without members"):
        save_published(PublishedShrinkage(), other)


def test_what_cannot_be_stacked_is_refused():
    for options, message in (
        ({"repairs": ("scale",)}, "got repairs"),
        ({"hidden": ()}, "got no hidden layer"),
        ({"n_members": 0}, "n_members"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_together(PublishedShrinkage(**options), BLOCKS, HELD_OUT)
