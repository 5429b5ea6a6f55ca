"""The comparison of shrinkage methods: what is drawn, how it is scored, how tables are read."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitools.book.studies.shrinkage import METHODS, Estimate, Study, score
from gitools.book.studies.shrinkage_tables import error_ratio, mean_score, squared_errors

FOLDER = Path(__file__).parents[1] / "benchmarks"


def script(name):
    specification = importlib.util.spec_from_file_location(f"study_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


COMPARED = script("shrinkage_compared")


def a_study():
    truth = np.array([0.3, 0.0, 0.0, -0.1])
    beta = np.array([0.31, 0.02, -0.01, -0.08])
    se = np.full(4, 0.02)
    return Study(truth, beta, se, beta / se, np.eye(4), 2500, 0.1, 0.5, np.full(4, 0.05))


def test_scores_are_those_of_their_definitions():
    study = a_study()
    found = score(study, lambda study, rng: Estimate(2 * study.truth), None)
    assert found["rmse"] == pytest.approx(1e3 * np.sqrt(0.1 / 4))
    assert found["r"] == pytest.approx(1)
    assert found["slope"] == pytest.approx(0.5)
    assert found["ap"] == 1
    ranked = score(study, lambda study, rng: Estimate(study.truth, np.array([0, 1, 1, 0])), None)
    assert ranked["ap"] == pytest.approx(0.5)


def test_what_cannot_be_scored_is_missing():
    found = score(a_study(), METHODS["zero"], None)
    assert np.isnan(found["r"]) and np.isnan(found["slope"])
    empty = a_study()._replace(truth=np.zeros(4))
    assert np.isnan(score(empty, METHODS["marginal"], None)["ap"])


def test_the_constant_is_the_best_one():
    study = a_study()
    best = METHODS["constant"](study, None).effects
    error = np.sum((best - study.truth) ** 2)
    for factor in (0.9, 1.1):
        assert np.sum((factor * best - study.truth) ** 2) > error


@pytest.mark.parametrize("name", ["ours-base", "ours-small-panel", "authors-0.05-0.3-0.0-0.0"])
def test_settings_are_drawn_as_they_say(name):
    setting = COMPARED.replace(COMPARED.SETTINGS[name], p=120)
    rng = np.random.default_rng(3)
    dosages, others = COMPARED.draw_panel(setting, rng)
    R = COMPARED.ld_matrix(dosages)
    studies = [COMPARED.draw_study(setting, dosages, others, rng) for _ in range(60)]
    share = np.mean([np.mean(study.truth != 0) for study in studies])
    assert share == pytest.approx(setting.causal, abs=4 * np.sqrt(setting.causal / 7200))
    explained = [study.truth @ R @ study.truth for study in studies]
    if setting.exact_h2:
        np.testing.assert_allclose(explained, setting.h2)
    else:
        error = np.std(explained) / np.sqrt(60)
        assert np.mean(explained) == pytest.approx(setting.h2, abs=4 * error)
    noise = [
        np.sum((study.beta - R @ study.truth) ** 2) * setting.n / (1 - one)
        for study, one in zip(studies, explained, strict=True)
    ]
    assert np.mean(noise) == pytest.approx(120, abs=4 * np.std(noise) / np.sqrt(60))
    assert (np.abs(studies[0].R - R).max() < 1e-12) == (setting.panel == "in sample")


def test_a_binary_study_is_on_the_scale_of_its_target():
    setting = COMPARED.replace(COMPARED.SETTINGS["ours-binary"], p=40, causal=0.05, h2=0.1)
    rng = np.random.default_rng(4)
    panel = COMPARED.draw_panel(setting, rng)
    cross = square = 0.0
    for _ in range(10):
        study = COMPARED.draw_study(setting, *panel, rng)
        expected = study.R @ study.truth
        cross, square = cross + expected @ study.beta, square + expected @ expected
    assert cross / square == pytest.approx(1, abs=0.1)


def test_a_stopped_run_goes_on_to_the_same_table(tmp_path, monkeypatch):
    small = {"one": COMPARED.Setting(p=30, h2=0.02), "two": COMPARED.Setting(p=30, causal=0.1)}
    monkeypatch.setattr(COMPARED, "SETTINGS", small)
    monkeypatch.setattr(COMPARED, "SAMPLED", [])
    monkeypatch.setattr(COMPARED, "TABLE", tmp_path / "table.csv")
    methods = ["zero", "ridge", "susie"]
    whole = pd.DataFrame(
        [row for task in COMPARED.missing(2, methods, small) for row in COMPARED.run(*task)]
    )
    assert len(whole) == 2 * 2 * 3
    whole.drop(index=[1, 4, 5, 9]).to_csv(COMPARED.TABLE, index=False)
    tasks = COMPARED.missing(2, methods, small)
    rest = pd.DataFrame([row for task in tasks for row in COMPARED.run(*task)])
    pd.testing.assert_frame_equal(
        rest.reset_index(drop=True), whole.loc[[1, 4, 5, 9]].reset_index(drop=True)
    )


def test_the_real_blocks_get_the_causal_variants_they_are_promised():
    real = script("shrinkage_real_ld")
    R = 0.4 ** np.abs(np.subtract.outer(np.arange(100), np.arange(100)))
    rng = np.random.default_rng(5)
    studies = [real.draw_study(0.01, 0.05, R, rng) for _ in range(200)]
    assert {np.count_nonzero(study.truth) for study in studies} == {5}
    squares = [study.truth @ study.truth for study in studies]
    assert np.mean(squares) == pytest.approx(0.01, abs=4 * np.std(squares) / np.sqrt(200))


def a_table():
    rows = [
        (setting, replicate, method, error, error / 10, np.nan if replicate else 0.5)
        for setting, factor in (("a", 1.0), ("b", 4.0))
        for replicate in range(40)
        for method, error in (("zero", 10.0 + replicate), ("one", factor * (10.0 + replicate)))
    ]
    return pd.DataFrame(rows, columns=["setting", "replicate", "method", "rmse", "r", "slope"])


def test_ratios_are_geometric_means_over_settings_with_paired_intervals():
    found = error_ratio(a_table(), ["a", "b"], "one", "zero", rng=np.random.default_rng(1))
    np.testing.assert_allclose(found, 2.0)
    assert squared_errors(a_table(), "b", "one")[3] == pytest.approx((4 * 13.0) ** 2)
    with pytest.raises(ValueError, match="method: got 'none' in setting 'a'"):
        squared_errors(a_table(), "a", "none")


def test_mean_scores_leave_out_what_is_missing():
    found = mean_score(a_table(), ["a"], "zero", "r", rng=np.random.default_rng(1))
    assert found.value == pytest.approx(np.mean(1 + np.arange(40) / 10))
    assert found.low < found.value < found.high
