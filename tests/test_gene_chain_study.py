"""The studies behind chapter 44: what is drawn, how it is scored, and the tables."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, multivariate_normal

from gitools.book.studies import gene_chain as chain
from gitools.book.studies import gene_chain_read as read

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gene_chain.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("gene_chain_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ld():
    """Eight small-world blocks: the study's sizes, without a coalescent."""
    R = 0.8 ** np.abs(np.subtract.outer(np.arange(500), np.arange(500)))
    return [R] * 8


@pytest.fixture(scope="module")
def study(ld):
    rng = np.random.default_rng(1)
    return chain.draw_study(
        ld, chain.SETTINGS["authors"], chain.draw_covariances(rng), np.random.default_rng(2)
    )


def test_a_study_has_the_stated_architecture(study):
    assert {k: int(np.sum(study.kinds == k)) for k in chain.KINDS} == chain.KINDS
    per_gene = (study.truth.reshape(200, 20, 4) != 0).sum(axis=1)
    assert np.array_equal(per_gene, 6 * chain.acts(study.kinds))
    observed = chain.explained(study.ld, study.truth)
    assert observed[:2] == pytest.approx(0.7)
    # phi(t)^2 / (K (1 - K)) at K = 0.1
    assert observed[2:] == pytest.approx(0.7 * 0.34222, rel=1e-4)


def test_correlations_of_effects_are_at_least_six_tenths():
    shapes = chain.draw_covariances(np.random.default_rng(3))
    for kind, C in shapes.items():
        inside = np.array([trait in kind for trait in chain.TRAITS])
        assert np.array_equal(np.diag(C), inside)
        off = np.abs(C[np.ix_(inside, inside)] - np.eye(inside.sum()))
        if inside.sum() > 1:
            assert np.all(off[~np.eye(inside.sum(), dtype=bool)] >= 0.6)


def test_noise_has_the_law_of_marginal_estimates_and_the_overlap(ld):
    setting = chain.Setting(1000, 0.0, 0.5)
    z = [
        chain.draw_study(ld, setting, {}, np.random.default_rng([4, k])).beta * np.sqrt(1000)
        for k in range(3)
    ]
    z = np.concatenate(z)
    assert np.mean(z**2) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(z.T)[0, 1:] == pytest.approx(0.5, abs=0.08)
    assert np.mean(z[1:, 0] * z[:-1, 0]) == pytest.approx(0.8, abs=0.06)


def test_settings_of_one_stream_share_effects(ld):
    shapes = chain.draw_covariances(np.random.default_rng(5))
    one, other = (
        chain.draw_study(ld, chain.SETTINGS[name], shapes, np.random.default_rng(6))
        for name in ("realistic", "one cohort")
    )
    assert np.array_equal(one.truth, other.truth)
    assert np.allclose(one.beta[:, 0], other.beta[:, 0])
    assert not np.allclose(one.beta[:, 1], other.beta[:, 1])


def test_judge_equals_the_full_density(ld):
    rng = np.random.default_rng(12)
    study = chain.draw_study(
        ld, chain.Setting(4000, 0.05, 0.3), chain.draw_covariances(rng), np.random.default_rng(13)
    )
    told = chain.judge(study)
    assert np.allclose(told.sum(axis=1), 1)
    g = int(np.flatnonzero(study.kinds == "CD")[0])
    rows, start = np.arange(20 * g, 20 * g + 20), 20 * g // 500 * 500
    others = study.truth[start : start + 500].copy()
    others[rows - start] = 0
    assert 0.01 < told[g].max() < 0.99
    R, C = study.ld[0], chain.noise_correlation(study.setting)
    total = chain.explained(study.ld, study.truth)
    spread = np.sqrt((1 - total) / study.setting.n)
    y = ((study.beta[rows] - R[rows - start] @ others) / spread).ravel()
    inside = R[np.ix_(rows - start, rows - start)]
    logs = []
    for kind, n in [("", 190), *chain.KINDS.items()]:
        V = 0.3 * study.covariances[kind] / np.outer(spread, spread) if kind else np.zeros((4, 4))
        cov = np.kron(inside, C) + np.kron(inside @ inside, V)
        logs.append(np.log(n) + multivariate_normal(cov=cov).logpdf(y))
    brute = np.exp(np.array(logs) - max(logs))
    assert told[g] == pytest.approx(brute / brute.sum(), abs=1e-8)


def test_true_effects_of_clear_kinds_are_clustered_and_named():
    rng = np.random.default_rng(7)
    x = np.zeros((3000, 2))
    x[:60, 0] = rng.normal(0, 5, 60)
    x[60:120, 1] = rng.normal(0, 5, 60)
    x[120:180] = rng.multivariate_normal([0, 0], [[25, 20], [20, 25]], 60)
    types, members, posterior = chain.cluster(x, rng)
    assert set(types) == {"null", "A", "B", "AB"}
    assert np.all(posterior[180:, types.index("null")] == 1)
    assert posterior[:60, types.index("A")].mean() > 0.8
    assert members[types.index("AB")].all()


def test_nothing_to_cluster_is_all_null():
    types, members, posterior = chain.cluster(np.zeros((50, 4)), np.random.default_rng(8))
    assert types == ["null"] and not members.any() and np.all(posterior == 1)


def test_lists_are_those_of_benjamini_and_hochberg():
    p = np.random.default_rng(9).beta(0.5, 2, (300, 40))
    expected = np.array([false_discovery_control(column) <= 0.1 for column in p.T]).T
    assert np.array_equal(chain.listed(p), expected)
    assert not chain.listed(np.ones((5, 2))).any()


def test_pooled_p_counts():
    p = chain.pooled_p(np.array([0.5, 2.5, 9.0]), np.array([[1.0, 2.0], [3.0, 2.5]]))
    assert p == pytest.approx([1, 3 / 5, 1 / 5])


def test_overlap_scores_want_all_traits_of_a_type_and_no_other():
    p = np.array([[1e-6, 1e-4, 1.0, 1.0], [1e-6, 1e-4, 1e-5, 1e-3]])
    scores = chain.overlap_scores(p)
    assert scores[0, chain.TYPES.index("AB")] == pytest.approx(4)
    assert scores[0, chain.TYPES.index("A")] == pytest.approx(2)
    assert scores[1, chain.TYPES.index("ABCD")] == pytest.approx(3)
    assert scores[1].argmax() == chain.TYPES.index("ABCD")


def study_of(true, false):
    return [(np.array(true, dtype=float), np.array(false, dtype=float))]


def test_curve_of_a_small_list():
    recall, precision = read.curve([study_of([5, 3, 1], [4, 0.5]), study_of([6], [2])])
    assert recall == pytest.approx([0.25, 0.5, 0.75])
    assert precision == pytest.approx([1, 1, 0.75])
    assert read.matched_recall([study_of([5, 3, 1], [4, 0.5])], 0.1) == pytest.approx(1 / 3)
    assert read.matched_recall([study_of([0, 0], [0])]) == 0


def test_a_curve_ends_where_the_kept_false_genes_end():
    recall, _ = read.curve([study_of([5, 3, 1], [4, 2])])
    assert recall.max() == pytest.approx(2 / 3)


def test_ratio_and_its_jackknife():
    table = pd.DataFrame(
        {"setting": "s", "method": "m", "study": range(3), "a": [1, 2, 3], "b": [1, 1, 1]}
    )
    # With one denominator the jackknife's error is that of a mean.
    assert read.ratio(table, "s", "m", ["a"], ["b"]) == pytest.approx(read.mean_interval([1, 2, 3]))
    mean, low, high = read.mean_interval([1, 2, 3])
    assert (mean, high - mean) == pytest.approx((2, 4.30265 / np.sqrt(3)))
    assert mean - low == pytest.approx(high - mean)


def test_a_study_runs_through_and_its_rows_can_be_read(script, ld, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "N_CHROMOSOMES", 1)
    methods = {name: chain.METHODS[name] for name in ("network", "ridge", "truth")}
    monkeypatch.setattr(chain, "METHODS", methods)
    monkeypatch.setattr(script, "TABLE", tmp_path / "t.csv")
    rows, curves = script.run_study([ld], "authors", 0, {"network": np.arange(100.0)})
    script.append(rows, tmp_path / "t.csv")
    script.append(curves, tmp_path / "s.csv")
    table = read.read_table(tmp_path / "t.csv")
    assert set(table.method) == {"network", "ridge", "truth", "smallest p", "squares", "judge"}
    assert read.column(table, "authors", "judge")[0] > 0.9
    assert read.column(table, "authors", "network")[0] > 0.3
    assert np.isnan(read.column(table, "authors", "ridge", "list_true_q")[0])
    scores = read.read_scores(tmp_path / "s.csv")
    assert len(scores["authors", "judge", "two traits"]) == 1
    rows[0]["ap_A"] = 0.5
    script.append(rows[:1], tmp_path / "t.csv")
    assert len(pd.read_csv(tmp_path / "t.csv")) == len(rows) + 1


def test_the_tail_stands_for_the_whole_null(script, tmp_path, monkeypatch):
    null = np.random.default_rng(10).chisquare(2, 1000)
    tail = np.sort(null)[::-1][:100]
    pd.DataFrame({"network": tail}).to_csv(tmp_path / "n.csv", index=False)
    monkeypatch.setattr(script, "NULL", tmp_path / "n.csv")
    values = np.array([tail[50], tail[0] + 1])
    assert np.allclose(
        chain.pooled_p(values, script.read_null()["network"]), chain.pooled_p(values, null)
    )
