"""Figures of the chapter on mixtures of traits draw what they are given."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from gitools.book.figures import traits as figures


@pytest.fixture(autouse=True)
def close_figures():
    with mpl.rc_context():
        plt.switch_backend("agg")
        yield
        plt.close("all")


def test_power_shows_every_test_and_prediction():
    distances = np.array([1.0, 2.0])
    counted = {"trait": np.array([0.5, 0.6]), "ceiling": np.array([0.7, 0.8])}
    bars = {name: np.full(2, 0.01) for name in counted}
    figures.draw_power(distances, counted, bars, {"trait": (distances, counted["trait"])})
    axis = plt.gca()
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(counted)
    assert any(np.array_equal(line.get_ydata(), counted["trait"]) for line in axis.lines)


def test_a_test_that_was_not_run_leaves_its_row_empty():
    power = {
        "normal": {"trait": 0.6, "logarithm": np.nan},
        "skewed": {"trait": 0.3, "logarithm": 0.6},
    }
    errors = {name: dict.fromkeys(values, 0.02) for name, values in power.items()}
    figures.draw_scenarios(power, errors, ("a", "b"))
    first, second = plt.gcf().axes
    assert len(first.containers) == 1 and len(second.containers) == 2
    assert [text.get_text() for text in first.get_yticklabels()] == ["logarithm", "trait"]


def test_scans_mark_the_causal_variant():
    log_p = np.array([0.1, 4.0, 0.3])
    figures.draw_scans({"a": log_p, "b": log_p / 2}, 2.0, 1, np.array([0, 0, 1]))
    rings = [line.get_xydata()[0] for axis in plt.gcf().axes for line in axis.lines[:1]]
    assert np.allclose(rings, [[1, 4], [1, 2]])
