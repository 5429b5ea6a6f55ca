"""Figures of chapter 61 draw what they are given; the slider's fragment is whole."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gitools.book.figures import simpson as figures
from gitools.book.figures.simpson_slider import correlation_slider
from gitools.structure import decompose_correlation


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def rng():
    return np.random.default_rng(61)


def test_a_prediction_of_every_plant_is_drawn(rng):
    groups = np.array(["a", "b", "c"])[rng.integers(3, size=40)]
    figures.draw_stripes(rng.random(40), rng.random(40), groups, ["a", "b"], "x", "y")
    (axis,) = plt.gcf().axes
    assert sum(len(line.get_xdata()) for line in axis.lines) == 40


def test_models_stand_in_both_panels():
    values = {
        (s, m): {"pooled": (0.3, 0.1), "within": (np.nan, np.nan) if m == "GBLUP" else (0.2, 0.1)}
        for s in ("random", "blocks")
        for m in ("GBLUP", "Galiana")
    }
    figures.draw_models(values, ["random", "blocks"], ["GBLUP", "Galiana"])
    assert len(plt.gcf().axes) == 2


def test_a_model_without_a_score_leaves_its_place_empty():
    points = {"pooled": (0.3, 0.2, 0.4), "within": (np.nan, np.nan, np.nan)}
    figures.draw_real({"sodium": {("random", "map"): points}}, ["random"], ["map"])
    (axis,) = plt.gcf().axes
    drawn = [line for line in axis.lines if len(line.get_xdata()) == 1]
    assert len(drawn) == 1


def test_genes_are_named_in_every_panel_of_a_scan(rng):
    chromosome, position = np.repeat([1, 2], 5), np.tile(np.arange(1, 6) * 10**6, 2)
    places = chromosome, position, np.array([0, 6_000_000])
    figures.draw_scan(places, {"a": rng.random(10), "b": rng.random(10)}, 1.0, {"X": (2, 10**6)})
    assert [a.texts[0].get_text() for a in plt.gcf().axes] == ["X", "X"]


def config_of(html):
    return json.loads(re.search(r"c = (\{.*?\});", html).group(1))


def test_the_sliders_points_have_the_correlation_that_the_text_says(rng):
    html = correlation_slider(rng).data
    assert "http" not in html
    assert html.count("<div") == html.count("</div>")
    config = config_of(html)
    u, v = np.array(config["u"]), np.array(config["v"])
    w, d = 0.3, 1.5
    groups = np.repeat([0, 1, 2], u.shape[1])
    p = (u + d * np.array([[-1], [0], [1]])).ravel()
    y = (w * u + np.sqrt(1 - w**2) * v + d * np.array([[-1], [0], [1]])).ravel()
    found = decompose_correlation(y, p, groups)
    share = (2 * d**2 / 3) / (1 + 2 * d**2 / 3)
    assert found.within_term == pytest.approx((1 - share) * w, abs=2e-3)
    assert found.between_term == pytest.approx(share, abs=2e-3)


def test_the_slider_is_the_same_each_time():
    first, second = (correlation_slider(np.random.default_rng(1)).data for _ in range(2))
    assert first == second
