"""Figures of the comparison: what is sorted is sorted, what is missing is left out."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gitools.book.figures import compared


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_every_method_has_a_colour_and_the_networks_their_names():
    from gitools.book.studies.shrinkage import METHODS

    assert set(METHODS) - set(compared.KINDS) == {"marginal", "ceiling"}
    assert compared.label("ours") == "unrolled network"
    assert compared.label("ridge") == "ridge"


def test_dots_stand_in_the_order_of_their_values():
    intervals = [[0.8, 1.0], [0.4, 0.6], [0.6, 0.8]]
    compared.draw_dots(["ridge", "susie", "lasso"], [0.9, 0.5, 0.7], intervals, "error", 0.4, "x")
    pair = plt.gca().get_yticklabels(), plt.gca().get_yticks()
    places = {tick.get_text(): y for tick, y in zip(*pair, strict=True)}
    assert places["SuSiE"] > places["lasso"] > places["ridge"]


def test_a_grid_shows_each_ratio_that_exists():
    compared.draw_grid(np.array([[1.0, 0.5], [np.nan, 2.0]]), ["a", "b"], ["susie", "ours"], "c")
    texts = sorted(text.get_text() for text in plt.gcf().axes[0].texts)
    assert texts == ["0.50", "1.00", "2.00"]
