"""The study and the figures of the chapter on transfer."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gitools.book.figures import transfer as figures
from gitools.book.studies import transfer as study
from gitools.structure import within_group_correlation


@pytest.fixture(scope="module")
def small():
    """Two tiny panels, with the study's sizes cut down."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "SIZES", (20, 30, 40))
        patch.setattr(study, "N_TEST", 30)
        patch.setattr(study, "N_GENES", 30)
        patch.setattr(study, "MANY", 40)
        patch.setattr(study, "EPOCHS", 1)
        patch.setattr(study, "EARLY", 1)
        settings = {
            "scratch": study.Setting(30, auxiliary="none"),
            "base": study.Setting(30),
            "leak": study.Setting(30, auxiliary="leak"),
            "more plants": study.Setting(20, auxiliary="more plants"),
            "permuted T1": study.Setting(30, auxiliary="permuted"),
            "permuted ionome": study.Setting(30, ionome="permuted"),
            "one replicate, scratch": study.Setting(30, auxiliary="none", ionome="one replicate"),
        }
        patch.setattr(study, "SETTINGS", settings)
        yield settings, {r: study.draw_plants(r, settings) for r in (1, 2)}


def test_rows_of_panels(small):
    settings, plants = small
    for panel in plants.values():
        assert set(panel.train[20]) < set(panel.train[30]) < set(panel.train[40])
        assert not set(panel.train[40]) & set(panel.test)
        assert len(panel.test) + len(panel.train[40]) == len(panel.ionome)
        assert np.isnan(panel.auxiliary[0.5, 0.5]).mean() == pytest.approx(0.5, abs=0.03)
    only = {"base": settings["base"]}
    again = study.draw_plants(1, only)
    np.testing.assert_array_equal(again.ionome, plants[1].ionome)
    np.testing.assert_array_equal(again.test, plants[1].test)


def test_only_the_leak_sees_left_out_plants(small):
    settings, plants = small
    panel = plants[1]
    seen = {
        name: set(study.Job(1, name, one, panel).first_rows) & set(panel.test)
        for name, one in settings.items()
    }
    assert seen.pop("leak") == set(panel.test)
    assert not any(seen.values())
    assert len(study.Job(1, "more plants", settings["more plants"], panel).first_rows) == 40


def test_permuted_targets_are_the_training_plants_own(small):
    settings, plants = small
    job = study.Job(1, "permuted T1", settings["permuted T1"], plants[1])
    base = study.Job(1, "base", settings["base"], plants[1])
    a, b = job.first_targets()[job.train], base.first_targets()[base.train]
    assert not np.array_equal(a, b, equal_nan=True)
    np.testing.assert_allclose(np.nansum(np.sort(a, axis=0)), np.nansum(np.sort(b, axis=0)))
    for country in np.unique(plants[1].country):
        rows = plants[1].country == country
        np.testing.assert_allclose(
            np.sort(plants[1].permuted[rows], axis=0), np.sort(plants[1].ionome[rows], axis=0)
        )


def test_counts_are_standardised_by_training_plants(small):
    panel = small[1][1]
    train = panel.train[20]
    x = panel.counts.dense().double().numpy()
    expected = (x - x[train].mean()) / x[train].std()
    found = study.standardised(panel.counts, train).dense().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_score_is_the_pooled_correlation_within_countries():
    rng = np.random.default_rng(0)
    Y, P, country = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)), rng.integers(0, 4, 60)
    Y, P = Y + country[:, None], P + 3 * country[:, None]
    expected = [
        within_group_correlation(Y[:, t], P[:, t], country, min_size=5).pooled_within
        for t in range(2)
    ]
    assert study.score_within(Y, P, country) == pytest.approx(np.mean(expected))


def test_networks_of_one_panel_do_not_depend_on_the_others(small):
    settings, plants = small
    names = list(settings)
    both = pd.DataFrame(study.run_networks(plants, names))
    alone = pd.DataFrame(study.run_networks({2: plants[2]}, names))
    keys = ["setting", "method", "epoch"]
    both = both[both.replicate == 2].sort_values(keys).reset_index(drop=True)
    alone = alone.sort_values(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(both[keys], alone[keys])
    np.testing.assert_allclose(both.r, alone.r, atol=5e-3)
    assert {"scratch", "fine-tuned", "frozen500", "frozen200"} == set(both.method)
    assert set(both.setting) == set(names)


def test_linear_rows_and_the_second_kernel(small):
    settings, plants = small
    panel = plants[1]
    rows = pd.DataFrame(study.run_linear(1, panel, ["scratch", "base"]))
    assert list(rows.method) == ["GBLUP", "GBLUP on T1", "GBLUP with T1"]
    assert rows.r.between(-1, 1).all()
    job = study.Job(1, "base", settings["base"], panel)
    K = study.predicted_kernel(panel.K, job.first_targets(), job.first_rows)
    assert np.mean(np.diag(K)) == pytest.approx(1)
    assert np.linalg.eigvalsh(K).min() > -1e-8
    (ceiling,) = study.run_ceiling(1, panel)
    assert 0.7 < ceiling["r"] < 1


def test_linear_study_calls_its_method_with_fitting_shapes():
    def mean_of_markers(X, y, trait, X_new, rho, noise):
        assert len(X) == len(y) == len(trait)
        assert len(noise) == 2
        return X_new.mean(axis=1)

    rng = np.random.default_rng(0)
    found = study.linear_study(
        mean_of_markers, [0.5, 1.0], 0.9, rng, n=8, n_markers=5, replicates=3
    )
    assert {values.shape for values in found.values()} == {(3, 2)}
    np.testing.assert_array_equal(found["alone"], found["other plants"])


def test_paired_differences():
    a, b = pd.Series([1.0, 2.0, 4.0], index=[0, 1, 2]), pd.Series([0.0, 1.0], index=[2, 1])
    mean, half, n = study.difference(a, b)
    assert (mean, n) == (2.5, 2)
    assert half == pytest.approx(12.706 * 2.1213 / np.sqrt(2), rel=1e-3)
    with pytest.raises(ValueError, match="got 1 panels"):
        study.difference(a, b[:1])
    with pytest.raises(ValueError, match="values: got 1 row"):
        study.mean_and_half([1.0])
    table = pd.DataFrame(
        {"setting": "x", "method": "m", "epoch": [30, 50], "replicate": 0, "r": [0.1, 0.2]}
    )
    assert list(study.scores(table, "x", "m")) == [0.2]
    assert list(study.scores(table, "x", "m", 30)) == [0.1]
    with pytest.raises(ValueError, match="no rows of 'y'"):
        study.scores(table, "y", "m")


def test_figures_are_drawn():
    rng = np.random.default_rng(0)
    v = rng.normal(size=(6, 4))
    draws = [
        lambda: figures.draw_pair(v[:, 0], v[:, 1], v[:, 2] > 0, "a", "b"),
        lambda: figures.draw_linear(np.arange(4), {"a": (v[0], v[1] ** 2), "b": (v[2], None)}),
        lambda: figures.draw_losses({"a": v**2}),
        lambda: figures.draw_methods(["GBLUP", "net"], [0.5, 0.4], [0.1, 0.1], 0.9),
        lambda: figures.draw_epochs([1, 2, 3, 4], {"a": (v[0], v[1] ** 2)}),
        lambda: figures.draw_gain(["a", "b"], [v[:, 0], v[:4, 1]], "x"),
        lambda: figures.draw_leak(["x", "y"], {"a": (v[:, 0], v[:, 1]), "b": (v[:, 2], v[:, 3])}),
        lambda: figures.draw_null({"a": v[:, 0], "b": v[:, 1]}),
    ]
    for draw in draws:
        draw()
        assert all(axis.get_xlabel() or axis.get_title() for axis in plt.gcf().axes)
        plt.close("all")
