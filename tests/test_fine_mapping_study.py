"""The replicate studies of fine-mapping: what they count, and that a stopped run can go on."""

import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitools.association import ld_matrix, marginal_regression
from gitools.book.studies import fine_mapping as study
from gitools.shrinkage import CredibleSet, susie, susie_rss

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "susie_coverage.py"
SMALL = {
    "coverage": {"n": 300, "p": 30},
    "regions": {"n": 300, "sizes": (20, 40)},
    "ceiling": {"n": 500, "p": 12},
}


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("susie_coverage", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dosages():
    return study.draw_locus(120, n=1000, random_state=1).dosages


def test_a_stopped_run_goes_on_and_gives_the_same_tables(script, tmp_path):
    n_loci = {"coverage": 3, "regions": 1, "ceiling": 2}
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    files = script.run(n_loci, whole, sizes=SMALL)
    script.run({"coverage": 1, "regions": 0, "ceiling": 1}, stopped, sizes=SMALL)
    (stopped / "coverage-0001.unfinished").write_text("part,loc")
    kept = (stopped / "coverage-0000.csv").stat().st_mtime_ns
    again = script.run(n_loci, stopped, sizes=SMALL)
    assert (stopped / "coverage-0000.csv").stat().st_mtime_ns == kept
    for run, names in ((files, ("a.csv", "b.csv")), (again, ("c.csv", "d.csv"))):
        script.write_tables(run, *(tmp_path / name for name in names))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "c.csv").read_bytes()
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "d.csv").read_bytes()
    table = pd.read_csv(tmp_path / "a.csv")
    assert set(table[table.part == "coverage"].locus) == {0, 1, 2}
    assert table.analysis.nunique() == 8 + 2


def test_loci_are_drawn_apart(script, tmp_path):
    files = script.run({"coverage": 0, "regions": 0, "ceiling": 2}, tmp_path / "x", sizes=SMALL)
    first, second = (pd.read_csv(path) for path in files["ceiling"])
    assert not np.allclose(first.brier[:3], second.brier[:3])


def test_the_committed_tables_are_those_of_the_script(script):
    table, ceiling = pd.read_csv(script.TABLE), pd.read_csv(script.CEILING)
    loci = table.groupby(["part", "analysis"]).locus.nunique()
    assert (loci["coverage"] == script.N_LOCI["coverage"]).all()
    assert (loci["regions"] == script.N_LOCI["regions"]).all()
    assert len(loci["coverage"]) == 8 and len(loci["regions"]) == 3
    assert (ceiling.groupby("method").locus.nunique() == script.N_LOCI["ceiling"]).all()
    one = table[(table.part == "coverage") & (table.analysis == "sample")]
    assert (one.n_causal == 1 + one.locus % script.MOST_CAUSAL).all()


def test_a_locus_of_the_committed_table_comes_out_again(script, tmp_path):
    table = pd.read_csv(script.TABLE)
    table = table[table.part == "coverage"]
    locus = int(table[(table.analysis == "sample") & (table.set >= 0)].locus.iloc[0])
    again = pd.read_csv(script.run_locus("coverage", locus, tmp_path))
    committed = table[table.locus == locus].reset_index(drop=True)
    same = again.analysis.isin(["sample", "one", "no_effect"])
    columns = ["analysis", "set", "size", "covers", "n_found", "top_causal"]
    found, kept = again[same][columns], committed[same][columns]
    pd.testing.assert_frame_equal(found, kept, check_dtype=False)


def test_a_locus_has_common_variants_and_three_kinds_of_ld():
    locus = study.draw_locus(60, n=800, n_panel=400, random_state=2)
    assert locus.dosages.shape == (800, 60)
    frequency = locus.dosages.mean(axis=0) / 2
    assert np.minimum(frequency, 1 - frequency).min() >= 0.01
    np.testing.assert_allclose(locus.R, np.corrcoef(locus.dosages.T), atol=1e-10)
    own, other = (np.abs(R - locus.R).mean() for R in (locus.panel_R, locus.other_R))
    assert 0 < 1.5 * own < other


def test_too_few_common_variants_are_an_error(monkeypatch):
    monkeypatch.setattr(study, "_CANDIDATES_PER_VARIANT", 0.4)
    with pytest.raises(ValueError, match="p: got 50, but"):
        study.draw_locus(50, n=300, n_panel=100, random_state=3)


def test_a_trait_has_variance_one_and_the_effects_it_was_given(dosages):
    R = ld_matrix(dosages)
    b = study.draw_effects(120, 3, variance=0.1, random_state=4)
    assert np.count_nonzero(b) == 3
    rng = np.random.default_rng(5)
    traits = [study.draw_trait(dosages, R, b, random_state=rng) for _ in range(200)]
    assert np.var(traits, axis=1).mean() == pytest.approx(1, abs=0.02)
    X = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    marginal = np.mean([X.T @ y / len(y) for y in traits], axis=0)
    assert marginal == pytest.approx(R @ b, abs=0.012)
    with pytest.raises(ValueError, match="b: got effects that explain"):
        study.draw_trait(dosages, R, 10 * b)


def test_sets_are_counted(dosages):
    R = ld_matrix(dosages)
    b = np.zeros(120)
    b[60] = 0.4
    z = marginal_regression(dosages, study.draw_trait(dosages, R, b, random_state=6)).z
    fit = susie_rss(z, R, 1000)
    (row,) = study.set_rows(fit, np.array([60]))
    assert (row["set"], row["covers"], row["n_found"]) == (0, 1, 1)
    assert row["size"] == len(fit.credible_sets[0].indices)
    (row,) = study.set_rows(fit, np.array([0]))
    assert (row["covers"], row["n_found"]) == (0, 0)
    empty = susie_rss(np.zeros(120), R, 1000)
    assert study.set_rows(empty, np.array([0]))[0]["set"] == -1
    # Two sets with one causal variant each, and one without.
    sets = [CredibleSet(k, np.array(at), 0.96, 0.9) for k, at in enumerate([[1, 2], [5], [8]])]
    rows = study.set_rows(_Fit(sets), np.array([2, 5]))
    assert [row["covers"] for row in rows] == [1, 1, 0]
    assert {row["n_found"] for row in rows} == {2}


class _Fit:
    converged = True

    def __init__(self, sets):
        self.credible_sets = sets


def test_exact_pips_by_integrating_the_likelihood():
    """Against densities of the trait itself, for two effects of five variants."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(40, 5)) @ (np.eye(5) + 0.5)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = 0.6 * X[:, 1] + rng.normal(size=40)
    y -= y.mean()
    weights = np.empty((5, 5))
    for i in range(5):
        for j in range(5):
            covariance = 0.3 * (np.outer(X[:, i], X[:, i]) + np.outer(X[:, j], X[:, j]))
            covariance += 0.8 * np.eye(40)
            weights[i, j] = -0.5 * (
                np.linalg.slogdet(covariance)[1] + y @ np.linalg.solve(covariance, y)
            )
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    expected = weights.sum(axis=0) + weights.sum(axis=1) - np.diag(weights)
    found = study.exact_pips(X.T @ y / 40, X.T @ X / 40, 40, 2, 0.3, 0.8)
    assert found == pytest.approx(expected, abs=1e-10)


def test_one_effect_is_exact_and_more_are_near(dosages):
    found = study.study_small_loci(dosages, 5, L=1, random_state=8)
    assert found.susie == pytest.approx(found.exact, abs=1e-6)
    found = study.study_small_loci(dosages, 10, random_state=9)
    assert 1e-6 < np.abs(found.susie - found.exact).mean() < 0.1
    assert ((found.correlation >= 0) & (found.correlation <= 1)).all()


def test_twins_share_or_not(dosages, monkeypatch):
    monkeypatch.setattr(study, "EFFECT_VARIANCE", 0.04)
    found = study.study_twins(dosages, 6, random_state=10)
    assert found.susie[:, 0] == pytest.approx(found.susie[:, 1], abs=1e-9)
    assert np.abs(np.diff(found.mean_field, axis=1)).max() > 0.5
    # With one effect to be found, what the pair does not have is elsewhere.
    largest = np.maximum(found.mean_field.max(axis=1), found.mean_field_elsewhere)
    assert (largest > 0.9).all() and (found.mean_field_elsewhere < 0.1).any()


def test_ceiling_rows_add_up():
    rows = pd.DataFrame(study.study_ceiling(n=500, p=12, random_state=11))
    assert list(rows.method) == ["optimal", "susie", "mean_field", "z"]
    binned = rows[:3]
    bins = range(len(study.PIP_EDGES) - 1)
    assert (sum(binned[f"n_{k}"] for k in bins) == 12).all()
    assert (sum(binned[f"causal_{k}"] for k in bins) == binned.n_causal).all()
    for k, (low, high) in enumerate(zip(study.PIP_EDGES[:-1], study.PIP_EDGES[1:], strict=True)):
        assert (binned[f"pip_{k}"] >= low * binned[f"n_{k}"] - 1e-12).all()
        assert (binned[f"pip_{k}"] <= high * binned[f"n_{k}"] + 1e-12).all()


def test_regions_are_nested():
    rows = pd.DataFrame(study.study_regions(n=400, sizes=(10, 30, 60), random_state=12))
    assert set(rows.analysis) == {"region_10", "region_30", "region_60"}
    assert (rows.n_causal == 3).all() and (rows.n_found <= 3).all()


def test_individual_fits_see_the_same_sets(dosages):
    """The study's z scores are those of its genotypes."""
    R = ld_matrix(dosages)
    b = study.draw_effects(120, 2, variance=0.03, random_state=13)
    y = study.draw_trait(dosages, R, b, random_state=14)
    options = {"tol": 1e-8, "max_iter": 500}
    one = susie(dosages, y, **options)
    z = marginal_regression(dosages, y).z
    other = susie_rss(z, R, 1000, estimate_residual_variance=True, **options)
    assert one.pip == pytest.approx(other.pip, abs=1e-6)
    pairs = combinations((one, other), 2)
    assert all(len(a.credible_sets) == len(c.credible_sets) for a, c in pairs)
