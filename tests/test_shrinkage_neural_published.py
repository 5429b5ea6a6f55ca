"""The published layout rebuilt: parameters, features, repairs, training, errors."""

import numpy as np
import pytest
import torch

from gitools.shrinkage.neural_published import (
    PublishedShrinkage,
    build_network,
    count_parameters,
    features_of,
    neighbours_of,
)
from gitools.shrinkage.neural_training import SettingsPrior, draw_block, simulate_stretch


@pytest.fixture(scope="module")
def blocks():
    rng = np.random.default_rng(1)
    stretches = [simulate_stretch(60, rng, n_people=300) for _ in range(4)]
    options = {"sizes": (60, 60), "cells": 600}
    return [draw_block(one, SettingsPrior(), rng, **options) for one in stretches]


def fitted(blocks, **options):
    model = PublishedShrinkage(n_members=2, max_epochs=4, random_state=3, **options)
    model.learning_rate = 1e-3
    return model.fit(blocks[:3], blocks[3:])


@pytest.mark.parametrize(
    ("hidden", "count"), [((64, 8), 2849), ((64, 32, 8), 4737), ((), 34)], ids=["2L", "3L", "0L"]
)
def test_the_published_layouts_have_their_parameters(hidden, count):
    assert count_parameters(build_network(33, hidden)) == count


def test_layers_and_dropout_are_those_of_the_release():
    kinds = [type(layer).__name__ for layer in build_network(33)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2 + ["Linear"]
    rates = [one.p for one in build_network(33, (64, 32, 8)) if isinstance(one, torch.nn.Dropout)]
    assert rates == [0.2, 0.2, 0.1]


def test_features_are_those_of_the_description():
    rng = np.random.default_rng(2)
    R = np.corrcoef(rng.normal(size=(30, 50)).cumsum(axis=1).T)
    beta, se = rng.normal(size=(50, 2)), rng.uniform(0.5, 2, (50, 2))
    columns = features_of(beta, se, R, 4)
    assert columns.shape == (2, 50, 11)
    j, others = 7, np.delete(np.arange(50), 7)
    best = others[np.argsort(-R[7, others])[:4]]
    expected = [beta[j, 1], se[j, 1], np.sum(R[j] ** 2) - 1, *beta[best, 1], *R[j, best]]
    np.testing.assert_allclose(columns[1, j], expected)
    repaired = features_of(beta, se, R, 4, ("scale", "neighbours", "signs"))
    best = others[np.argsort(-np.abs(R[7, others]))[:4]]
    z = beta / se
    expected = [z[j, 1], 1, np.sum(R[j] ** 2) - 1, *z[best, 1] * np.sign(R[j, best])]
    np.testing.assert_allclose(repaired[1, j], [*expected, *np.abs(R[j, best])])


def test_neighbours_never_include_the_variant_itself():
    R = np.full((6, 6), -0.1)
    np.fill_diagonal(R, 1)
    for absolute in (False, True):
        places = neighbours_of(R, 5, absolute=absolute)
        assert all(j not in places[j] for j in range(6))
    with pytest.raises(ValueError, match="block of 6 variants, expected more than the 6"):
        neighbours_of(R, 6)


def test_training_repeats_and_leaves_the_global_stream_alone(blocks):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = fitted(blocks)
    assert torch.rand(1) == expected
    second = fitted(blocks)
    block = blocks[3]
    se = np.broadcast_to(block.se, block.z.shape)
    np.testing.assert_array_equal(
        first.predict(block.z * se, se, block.R), second.predict(block.z * se, se, block.R)
    )
    assert not any(member.training for member in first.members_)
    assert len(first.validation_losses_[0]) == 4


def test_the_repairs_give_the_symmetries(blocks):
    block = blocks[3]
    z, ones, R = block.z[:, 0], np.ones(60), block.R
    turn = np.random.default_rng(6).choice([-1.0, 1.0], 60)
    turned = R * np.outer(turn, turn)
    plain = fitted(blocks)
    whole = fitted(blocks, repairs=("scale", "neighbours", "signs"))
    for model, holds in ((plain, False), (whole, True)):
        base = model.predict(z, ones, R)
        tenth = 10 * model.predict(z / 10, ones / 10, R)
        recoded = turn * model.predict(turn * z, ones, turned)
        opposite = -model.predict(-z, ones, R)
        assert [np.allclose(one, base) for one in (tenth, recoded, opposite)] == [holds] * 3


def test_several_traits_equal_one_by_one(blocks):
    model, block = fitted(blocks, repairs=("scale",)), blocks[3]
    se = np.broadcast_to(block.se, block.z.shape)
    together = model.predict(block.z * se, se, block.R)
    alone = model.predict(block.z[:, 2] * se[:, 2], se[:, 2], block.R)
    np.testing.assert_allclose(together[:, 2], alone, rtol=1e-10)


def test_bad_input_is_named(blocks):
    model = fitted(blocks)
    with pytest.raises(ValueError, match="repairs: got"):
        PublishedShrinkage(repairs=("magic",)).fit(blocks[:1], blocks[1:2])
    with pytest.raises(ValueError, match="expected more than the 15 neighbours"):
        model.predict(np.ones(10), np.ones(10), np.eye(10))
    with pytest.raises(ValueError, match="se: got shape"):
        model.predict(np.ones(20), np.zeros(20), np.eye(20))
    with pytest.raises(ValueError, match="beta: got nan"):
        model.predict(np.full(20, np.nan), np.ones(20), np.eye(20))
