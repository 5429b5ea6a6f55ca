"""Scores, nulls and stacked networks behind the comparison of chapter 56."""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitools.book.studies.ionome import (
    PRINTED,
    blup_on_noise,
    country_scores,
    noise_scatters,
    paired_difference,
    permutation_p_values,
    permute_within,
    trait_scores,
    unit_means,
    within_country_ceilings,
)
from gitools.genomes.models import GPSNN, FrozenHead, count_parameters
from gitools.simulate.plants import simulate_ionome, simulate_plants
from gitools.structure import per_fold_within, within_group_correlation

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "ionome_compared.py"
SIZES = (30, 25, 20, 15, 12, 10, 10, 8)


@pytest.fixture(scope="module")
def study():
    specification = importlib.util.spec_from_file_location("ionome_compared", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def panel():
    return simulate_plants(60, 30, random_state=56)


def made_up(rng, n_traits=4):
    country = np.repeat(np.arange(len(SIZES)), SIZES)
    folds = rng.permutation(np.arange(len(country)) % 5)
    Y = rng.standard_normal((len(country), n_traits)) + 2 * rng.standard_normal((8, 1))[country]
    return Y, country, folds


def test_pooled_scores_are_those_of_the_structure_package():
    rng = np.random.default_rng(0)
    Y, country, _ = made_up(rng)
    prediction = Y + rng.standard_normal(Y.shape)
    expected = within_group_correlation(Y[:, 1], prediction[:, 1], country, min_size=8)
    found = country_scores(Y, prediction, country)
    np.testing.assert_allclose(found[:, 1], expected.per_group.to_numpy(), atol=1e-12)


def test_centred_scores_ignore_levels_of_cells():
    rng = np.random.default_rng(1)
    Y, country, folds = made_up(rng)
    prediction = Y + rng.standard_normal(Y.shape)
    moved = prediction + rng.standard_normal((8, 5))[country, folds][:, None]
    first = country_scores(Y, prediction, country, folds=folds)
    np.testing.assert_allclose(first, country_scores(Y, moved, country, folds=folds), atol=1e-9)
    both = country_scores(Y + moved - prediction, moved, country, folds=folds)
    np.testing.assert_allclose(first, both, atol=1e-9)
    assert (
        np.abs(country_scores(Y, prediction, country) - country_scores(Y, moved, country)).max()
        > 0.1
    )


def test_one_fold_of_centred_scores_is_the_score_of_each_fold():
    rng = np.random.default_rng(2)
    Y, country, _ = made_up(rng)
    prediction, one = Y + rng.standard_normal(Y.shape), np.zeros(len(Y), dtype=int)
    expected = per_fold_within(Y, prediction, country, one, min_size=8)
    np.testing.assert_allclose(
        trait_scores(Y, prediction, country, folds=one), expected, atol=1e-12
    )


def test_constant_predictions_have_no_score():
    rng = np.random.default_rng(3)
    Y, country, folds = made_up(rng)
    level = np.zeros_like(Y)
    for fold in range(5):
        level[folds == fold] = Y[folds != fold].mean(axis=0)
    assert np.isnan(trait_scores(Y, level, country, folds=folds)).all()
    assert trait_scores(Y, level, country).mean() < 0


@pytest.mark.parametrize("bad", ["shape", "nan", "small", "labels"])
def test_bad_scores_are_refused(bad):
    Y, country, folds = made_up(np.random.default_rng(4))
    prediction = Y.copy()
    if bad == "shape":
        prediction = prediction[:, :2]
    if bad == "nan":
        prediction[0, 0] = np.nan
    if bad == "small":
        country = np.where(country == 6, 7, country)
    if bad == "labels":
        folds = folds.astype(float)
    names = {"shape": "prediction", "nan": "prediction", "small": "country", "labels": "folds"}
    with pytest.raises(ValueError, match=names[bad]):
        country_scores(Y, prediction, country, folds=folds)


def test_permutation_moves_plants_within_labels_only():
    _, country, _ = made_up(np.random.default_rng(5))
    order = permute_within(country, random_state=6)
    assert (country[order] == country).all()
    assert sorted(order) == list(range(len(country)))
    assert (order != np.arange(len(country))).any()


def test_p_values_are_uniform_for_noise_and_small_for_signal():
    rng = np.random.default_rng(7)
    p = []
    for _ in range(12):
        Y, country, folds = made_up(rng, 20)
        noise = rng.standard_normal(Y.shape)
        p.append(
            permutation_p_values(Y, noise, country, folds, n_permutations=59, random_state=rng)
        )
    p = np.concatenate(p)
    assert abs(np.mean(p <= 0.2) - 0.2) < 0.09
    good = permutation_p_values(Y, Y + noise, country, folds, n_permutations=59, random_state=rng)
    assert (good == 1 / 60).all()


def test_noise_has_a_centred_numerator_and_a_ratio_slightly_below_zero():
    found = blup_on_noise(0.2, n_panels=4, n_traits=300, n_permutations=19, random_state=9)
    n = 4 * 300
    assert abs(found.numerator.mean()) < 4 / np.sqrt(n)
    assert -0.04 < found.score.mean() < -0.002
    assert 0.02 < found.rejected.mean() < 0.15


def test_noise_refuses_a_share_that_is_no_share():
    with pytest.raises(ValueError, match="share"):
        blup_on_noise(1.0)


def test_ceilings_are_what_ideal_predictors_reach(panel):
    traits = simulate_ionome(panel, n_traits=40, heritability=0.2, random_state=8)
    found = within_country_ceilings(traits, panel.country)
    assert np.allclose(found.genetic**2 <= found.replicate + 0.2, True)
    genetic = trait_scores(traits.means, traits.genetic, panel.country)
    assert abs(genetic.mean() - found.genetic.mean()) < 0.05
    rng = np.random.default_rng(9)
    noise = np.sqrt(traits.noise_variance / 6)
    again = traits.means - traits.replicates.mean(axis=2) + traits.genetic
    again = again + traits.country_effects[panel.country] + noise * rng.standard_normal(again.shape)
    second = trait_scores(traits.means, again, panel.country)
    assert abs(second.mean() - found.replicate.mean()) < 0.06
    assert abs(found.estimated.mean() - found.replicate.mean()) < 0.08


def test_noise_scatters_are_the_largest_of_simulated_correlations():
    drawn = noise_scatters(400, sizes=(20, 40), n_traits=5, random_state=10)
    rng = np.random.default_rng(11)
    direct = []
    for _ in range(400):
        r = [np.corrcoef(rng.standard_normal((2, n)))[0, 1] for n in (20, 40) for _ in range(5)]
        direct.append(max(r))
    assert abs(drawn[:, 0].mean() - np.mean(direct)) < 0.03
    assert drawn.shape == (400, 10)
    assert (np.diff(drawn, axis=1) <= 0).all()


def test_paired_difference_pairs_panels():
    table = pd.DataFrame(
        {
            "panel": [0, 1, 2, 0, 1, 2, 3],
            "model": list("aaabbbb"),
            "score": [3, 5, 7, 1, 4, 5, 100.0],
        }
    )
    mean, error, n = paired_difference(table, "a", "b")
    assert (mean, n) == (pytest.approx(5 / 3), 3)
    assert error == pytest.approx(2 * np.std([2, 1, 2], ddof=1) / np.sqrt(3))
    assert unit_means(table).loc["a", "mean"] == 5


def test_study_writes_each_row_once_and_goes_on(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "EPOCHS", 2)
    monkeypatch.setattr(study, "EARLY", 1)
    monkeypatch.setattr(study, "N_PLANTS", 60)
    monkeypatch.setattr(study, "N_GENES", 20)
    monkeypatch.setattr(study, "N_TRAITS", 12)
    monkeypatch.setattr(study, "HERITABILITIES", np.geomspace(0.02, 0.5, 12))
    monkeypatch.setattr(study, "FIRST_TRAITS", slice(0, 12, 3))
    monkeypatch.setattr(study, "NETWORK_ARCHITECTURES", ("additive",))
    monkeypatch.setattr(
        study, "PARTS", {k: (run, ("additive",)) for k, (run, _) in study.PARTS.items()}
    )
    monkeypatch.setattr(study, "draw", cache(study.draw.__wrapped__))
    monkeypatch.setattr(study.run, "__defaults__", (20,))
    table = tmp_path / "t.csv"
    arguments = ["--panels", "1", "--parts", "networks", "linear", "null", "--table", str(table)]
    study.main(arguments)
    rows = pd.read_csv(table)
    assert not rows.duplicated(study.KEYS).any()
    permuted = rows[rows.labels == "permuted"]
    assert set(permuted.model) >= {"Galiana", "BMSNN100", "GPSNN", "GBLUP, SNPs"}
    assert rows[rows.labels == "true"].model.nunique() == 18
    assert rows.set_index("model").loc["mean", "score"].isna().all()
    whole = table.read_bytes()
    # A killed run has lost the last job's rows: they come back the same.
    last = rows.model.isin(["BMSNN50"])
    rows[~last].to_csv(table, index=False)
    study.main(arguments)
    again = pd.read_csv(table).drop(columns="seconds")
    pd.testing.assert_frame_equal(again, rows.drop(columns="seconds"), rtol=1e-3)
    assert len(whole) > 0


def test_committed_rows_are_those_of_the_code(study):
    if not study.TABLE.exists():
        pytest.fail(f"{study.TABLE.name} is missing: run the benchmark")
    table = pd.read_csv(study.TABLE)
    table = table[(table.panel == 0) & (table.n == study.N_PLANTS) & (table.labels == "true")]
    rows, _, _ = study.run(study.Job(0, study.N_PLANTS, "truth"))
    for row in rows:
        same = (table.architecture == row["architecture"]) & (table.model == row["model"])
        assert table[same].score.item() == pytest.approx(row["score"], abs=2e-3)


def test_printed_table_is_the_sources():
    assert count_parameters(FrozenHead(200)) == PRINTED.weights["frozen200"]
    assert count_parameters(FrozenHead(500)) == PRINTED.weights["frozen500"]
    assert count_parameters(GPSNN()) == PRINTED.weights["GPSNN"]
    assert PRINTED[["seed", "leaf"]].to_numpy().sum() == pytest.approx(1.117 + 1.295, abs=1e-9)


def test_search_for_settings_keeps_test_plants_out(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    specification = importlib.util.spec_from_file_location(
        "ionome_compared_tuning", SCRIPT.with_name("ionome_compared_tuning.py")
    )
    tuning = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tuning)
    monkeypatch.setattr(tuning, "EPOCHS", 1)
    monkeypatch.setattr(tuning, "N_TRIALS", 2)
    monkeypatch.setattr(tuning, "N_PLANTS", 60)
    seen = []

    def fit(data, rows, settings, rng):
        seen.append(rows)
        return np.stack([rng.standard_normal((60, 36))] * 5)

    monkeypatch.setattr(tuning, "fit", fit)
    rows = pd.DataFrame(tuning.run(0, 20))
    folds = tuning.draw(0, 60, 20).folds
    for k in range(5):
        assert not np.isin(seen[0][k], np.flatnonzero(folds == k)).any()
        assert len(seen[0][k]) == 39 and len(seen[-1][k]) == 48
    assert (rows.trial == 0).sum() == 5 and rows[rows.trial == 0].learning_rate.eq(1e-2).all()
    assert rows.fold.isna().sum() == 2
