"""The studies and figures of the chapter on confounding, at small sizes."""

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gitools.association import kinship, marginal_regression, mixed_model_scan
from gitools.book.figures import confounding as figures
from gitools.book.studies import confounding as c
from gitools.structure import hudson_fst

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def script(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def panel():
    return c.people((40, 40), 120, 8, split_time=10_000, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def siblings():
    return c.families(40, 3, 400, rng=np.random.default_rng(2))


def test_two_populations_are_told_apart(panel):
    assert panel.dosages.shape == (80, 120)
    assert np.corrcoef(panel.scores[:, 0], panel.groups)[0, 1] ** 2 > 0.9
    assert panel.scores.T @ panel.scores == pytest.approx(
        np.diag(np.linalg.eigvalsh(panel.K)[::-1][:10]), abs=1e-8
    )
    assert c.fst_of_two(panel.dosages, panel.groups) == pytest.approx(
        hudson_fst(panel.dosages, panel.groups)[0, 1]
    )
    assert panel.chromosomes.max() == 3


def test_siblings_share_half_and_parents_nothing(siblings):
    Z = siblings.dosages - siblings.dosages.mean(axis=0)
    K = np.corrcoef(Z)
    same = siblings.groups[:, None] == siblings.groups
    off = ~np.eye(len(K), dtype=bool)
    assert np.mean(K[same & off]) == pytest.approx(0.5, abs=0.03)
    assert np.mean(K[~same]) == pytest.approx(0, abs=0.03)


def test_traits_have_the_variances_asked_for(panel):
    rng = np.random.default_rng(3)
    place = c.environment(panel.groups, 0.2, rng)
    assert place.var() == pytest.approx(0.2)
    assert len(np.unique(place)) == 2
    assert c.genetic(panel.dosages, np.arange(0, 120, 7), 0.5, rng).var() == pytest.approx(0.5)
    parts = c.equal_effects(panel.dosages, np.array([3, 60]), 0.3, rng)
    assert parts.var(axis=0) == pytest.approx([0.15, 0.15])
    x = panel.dosages[:, 60]
    assert abs(np.corrcoef(parts[:, 1], x)[0, 1]) == pytest.approx(1)


def test_only_heterozygotes_of_bad_variants_in_one_batch_are_misread(panel):
    batch = np.arange(80) < 30
    read, affected = c.misread(panel.dosages, batch, 20, np.random.default_rng(4))
    moved = read != panel.dosages
    assert list(affected) == list(range(10, 120, 20))
    assert not moved[~batch].any()
    assert not np.delete(moved, affected, axis=1).any()
    assert np.all(panel.dosages[moved] == 1)
    assert np.all(read[moved] == 0)
    hets = (panel.dosages[:, affected] == 1) & batch[:, None]
    assert moved.sum() / hets.sum() == pytest.approx(0.6, abs=0.2)


def test_other_chromosomes_are_those_of_each_variant(panel):
    y = np.random.default_rng(5).normal(size=80) + panel.dosages[:, 7]
    scan = c.without_own_chromosome(panel.dosages, y, panel)
    own = panel.chromosomes == 2
    K = kinship(panel.dosages[:, ~own])
    alone = mixed_model_scan(panel.dosages[:, own], y, K, exact=False)
    assert scan.log10_p[own] == pytest.approx(alone.log10_p)


@pytest.mark.parametrize("name", list(c.METHODS))
def test_methods_answer_for_every_variant(panel, name):
    scan = c.METHODS[name](panel.dosages, np.random.default_rng(6).normal(size=80), panel)
    assert scan.z.shape == scan.log10_p.shape == (120,)
    assert np.all(scan.log10_p <= 0)
    row = c.score(scan, np.arange(60), np.arange(60, 120))
    assert row["rate_0.05"] == np.mean(10 ** scan.log10_p[:60] < 0.05)
    assert row["chi_square"] == pytest.approx(np.mean(scan.z[:60] ** 2))


def test_known_groups_are_covariates(panel):
    y = np.random.default_rng(7).normal(size=80) + 3 * panel.groups
    scan = c.METHODS["group known"](panel.dosages, y, panel)
    assert scan.z == pytest.approx(marginal_regression(panel.dosages, y, panel.groups).z)


def test_fair_power_is_at_a_true_rate():
    log_p = -np.concatenate([np.linspace(0, 4, 400), [5, 3.9, 1, 0.5]])
    row = c.score(c.Scan(np.zeros(404), log_p, np.nan), np.arange(400), np.arange(400, 404))
    assert row["power_fair"] == 0.25
    assert row["power_0.001"] == 0.5
    assert row["power"] == 0.25
    assert row["hits"] == np.sum(np.linspace(0, 4, 400) > -np.log10(0.05 / 404))


def test_intercept_of_exact_chi_squares():
    scores = np.random.default_rng(8).uniform(1, 9, 200)
    assert c.ld_score_intercept(1.7 + 0.2 * scores, scores) == pytest.approx(1.7)


def test_ld_scores_are_within_groups_and_blocks(panel):
    scores = c.local_ld_scores(panel)
    shifted = panel._replace(dosages=panel.dosages + 5 * panel.groups[:, None])
    assert c.local_ld_scores(shifted) == pytest.approx(scores)
    assert scores.mean() > 1


def test_table_is_read_by_replicate():
    table = pd.DataFrame(
        {"replicate": [1, 0], "world": "w", "method": "m", "rate": [0.2, 0.1], "empty": np.nan}
    )
    assert list(c.values_of(table, "w", "m", "rate")) == [0.1, 0.2]
    assert c.means_of(table, "w", ["m"], "rate")[0] == [pytest.approx(0.15)]
    for arguments in (("w", "other", "rate"), ("w", "m", "empty")):
        with pytest.raises(ValueError, match="table: holds no"):
            c.values_of(table, *arguments)


def test_rows_fit_the_table(panel):
    study = script("confounding_rates")
    y = np.random.default_rng(9).normal(size=80)
    rows = study.rows_of(panel, panel.dosages, y, ["plain", "components"], np.arange(120))
    rows = study.with_intercept(panel, rows, panel.dosages, y, c.local_ld_scores(panel))
    assert [row["method"] for row in rows] == ["plain", "components"]
    assert set(rows[0]) <= set(study.COLUMNS)
    assert rows[0]["all_chi_square"] == pytest.approx(rows[0]["chi_square"])


def test_dense_search_agrees_with_the_scan():
    bench = script("mixed_model")
    rng = np.random.default_rng(10)
    X, y = bench.simulate(120, 60, rng)
    K = kinship(X)
    scan = mixed_model_scan(X, y, K)
    assert bench.dense_log10_p(X[:, 5], y, K) == pytest.approx(scan.log10_p[5], rel=1e-6)


def test_figures_draw():
    rng = np.random.default_rng(11)
    log_p = -np.log10(rng.random(80))
    figures.draw_manhattan(log_p, np.arange(80) // 20)
    figures.draw_differences(rng.normal(size=80), rng.normal(size=80))
    figures.draw_qq({"one": log_p, "two": log_p})
    figures.draw_two_lambdas({"left": {"a": log_p}, "right": {"a": log_p, "b": log_p}})
    figures.draw_rotated(rng.random(80), rng.random(80), 0.3, 1.0)
    figures.draw_profile(np.linspace(0, 1, 9), {"a": np.arange(9.0)}, [0.3])
    figures.draw_rates(["a", "b"], {"w": ([0.1, np.nan], [0.01, np.nan])})
    axis = figures.draw_lost_power((0, 0.5), {"a": ([1, 0.5], [0, 0.1])})
    assert axis is None
    assert len(plt.get_fignums()) == 8
    plt.close("all")
