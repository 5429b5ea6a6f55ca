"""The comparison of shrinkage methods: what is drawn, how it is scored, how tables are read."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitools.book.studies.shrinkage import METHODS, Estimate, Study, score
from gitools.book.studies.shrinkage_tables import (
    as_settings,
    error_ratio,
    mean_score,
    pooled_slopes,
    ratio_grid,
    shared_replicates,
    squared_errors,
)

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


def test_grids_are_ratios_and_leave_out_what_was_not_run():
    table = a_table()
    table = table[(table.setting == "a") | (table.method == "zero")]
    found = ratio_grid(table, ["b", "a"], ["one", "zero"], "zero")
    np.testing.assert_allclose(found, [[np.nan, 1.0], [1.0, 1.0]])


def test_only_shared_data_sets_are_compared():
    table = a_table()
    late = (table.method == "one") & (table.replicate > 30) & (table.setting == "a")
    found = shared_replicates(table[~late], ["zero", "one"])
    assert found.groupby(["setting", "method"]).size().tolist() == [31, 31, 40, 40]


def test_pooled_slopes_are_those_of_all_data_sets_together():
    rng = np.random.default_rng(6)
    truth = np.where(rng.random((30, 200)) < 0.1, rng.normal(size=(30, 200)), 0.0)
    strength = np.array([0.3, 1.0, 1.815, 1.82])[np.arange(30) % 4]
    truth[5] *= 4
    estimates = strength[:, None] * (truth + rng.normal(0, 0.1, truth.shape))
    estimates[5] = 2 * truth[5]  # a slope of one half: zero's error, whatever the size
    rows = []
    for replicate in range(30):
        study = a_study()._replace(truth=truth[replicate])
        for name, effects in (("zero", 0 * truth[0]), ("one", estimates[replicate])):
            scores = score(study, lambda study, rng, effects=effects: Estimate(effects), None)
            rows.append({"setting": "a", "replicate": replicate, "method": name} | scores)
    table = pd.DataFrame(rows).round(1)
    table["slope"] = pd.DataFrame(rows).slope.round(4)
    table["r"] = pd.DataFrame(rows).r.round(4)
    expected = np.sum(truth * estimates) / np.sum(estimates**2)
    assert pooled_slopes(table, ["a"], ["one"])[0, 0] == pytest.approx(expected, abs=0.01)
    assert abs(table.slope.mean() - expected) > 0.1


def test_two_blocks_are_replicates_of_one_setting():
    table = pd.DataFrame(
        {"h2": [0.01] * 4, "causal": [0.05] * 4, "block": [0, 0, 5, 5], "replicate": [0, 1, 0, 1]}
    )
    found = as_settings(table)
    assert set(found.setting) == {"0.01 0.05"}
    assert found.replicate.tolist() == [0, 1, 2, 3]


def test_streams_do_not_move():
    assert list(METHODS)[:6] == ["zero", "marginal", "constant", "ridge", "lasso", "elastic net"]
    assert list(METHODS)[6:10] == ["spike-and-slab", "gibbs", "susie", "ceiling"]
    assert list(METHODS)[10:] == ["published", "published, wide", "ours"]


def test_networks_answer_as_their_weights_do():
    from gitools.shrinkage import NeuralShrinkage
    from gitools.shrinkage.neural_published_ensemble import load_published

    rng = np.random.default_rng(7)
    R = 0.7 ** np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    truth = np.where(rng.random(40) < 0.1, 0.05, 0.0)
    beta, se = R @ truth + rng.normal(0, 0.005, 40), np.full(40, 0.005)
    study = Study(truth, beta, se, beta / se, R, 40_000, 0.01, 0.1, np.ones(40))
    for name, training in (("published", "authors"), ("published, wide", "wide")):
        model = load_published(FOLDER / f"published_{training}.safetensors")
        assert (model.n_members, model.hidden, model.repairs) == (10, (64, 8), ())
        found = METHODS[name](study, None).effects
        np.testing.assert_array_equal(found, model.predict(beta, se, R))
    found = METHODS["ours"](study, None)
    expected = NeuralShrinkage.pretrained().posterior(beta, se, R)
    np.testing.assert_array_equal(found.effects, expected.mean)
    np.testing.assert_array_equal(found.rank, expected.pip)


def test_the_table_is_sorted_whatever_the_order_of_the_runs(tmp_path, monkeypatch):
    rows = [
        (setting, replicate, method, 1.25, 0.5, 0.5, 1.0, 0)
        for setting in ("ours-n-10k", "ours-base")
        for replicate in (11, 2)
        for method in ("ours", "zero")
    ]
    names = ["setting", "replicate", "method", "rmse", "r", "ap", "slope", "warned"]
    table, files = pd.DataFrame(rows, columns=names), []
    for seed in range(2):
        monkeypatch.setattr(COMPARED, "TABLE", tmp_path / f"{seed}.csv.gz")
        table.sample(frac=1, random_state=seed).to_csv(COMPARED.TABLE, index=False)
        COMPARED.sort_table()
        files.append(COMPARED.TABLE.read_bytes()[10:])  # after the header, which names the file
    found = pd.read_csv(COMPARED.TABLE)
    assert len(found) == 8
    assert found.setting.tolist() == ["ours-base"] * 4 + ["ours-n-10k"] * 4
    assert found.replicate.tolist()[:4] == [2, 11, 2, 11]
    assert found.method.tolist()[:4] == ["zero", "zero", "ours", "ours"]


def test_training_data_explain_the_very_heritability():
    training = script("published_training")
    rng = np.random.default_rng(8)
    R = 0.6 ** np.abs(np.subtract.outer(np.arange(200), np.arange(200)))
    for _ in range(5):
        u, noise, n = training.ExactSettings().draw(R, np.full(200, 0.3), rng)
        assert n == 10_000
        assert u @ R @ u / n == pytest.approx(1 - noise)
        assert 1 - noise in (pytest.approx(0.3), pytest.approx(0.7))
        assert np.count_nonzero(u) in (2, 10)


def test_null_regions_hold_nothing_and_are_measured():
    null = script("shrinkage_null")
    rng = np.random.default_rng(9)
    R = 0.6 ** np.abs(np.subtract.outer(np.arange(100), np.arange(100)))
    studies = [null.null_study(R, 10_000, rng) for _ in range(30)]
    squares = np.array([study.z @ study.z for study in studies])
    assert squares.mean() == pytest.approx(100, abs=4 * squares.std() / np.sqrt(30))
    assert not any(study.truth.any() for study in studies)
    rows = pd.DataFrame(null.run(studies[0], ["marginal", "zero", "susie"], rng))
    assert rows["size"].tolist()[:2] == [1, 0]
    assert np.isnan(rows.highest[0]) and 0 <= rows.highest[2] <= 1


def test_memory_of_a_call_is_its_peak(monkeypatch):
    speed = script("shrinkage_speed")

    def hungry(study, rng):
        held = np.ones(10_000_000)  # 80 megabytes
        return Estimate(held[:4])

    monkeypatch.setitem(METHODS, "hungry", hungry)
    assert 70 < speed.peak_megabytes("hungry", a_study()) < 110
    assert speed.peak_megabytes("marginal", a_study()) < 10
    assert speed.least_seconds("hungry", a_study(), 2) > 0
