"""The studies of the chapter on a reader's own data, and the benchmark's files."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.book.studies import own_data as studies

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))


def test_damage_of_faults_compares_the_same_scores(monkeypatch):
    """With a method that returns its z scores the errors of all conditions can be told apart."""
    seen = []

    def score(method, z, R, n, kept, b, causal, judged):
        seen.append((method, z, R, kept, judged))
        return {"rmse": 0.0, "sets": 0, "covered": 0}

    monkeypatch.setattr(studies, "_score", score)
    table = studies.damage_of_faults(np.random.default_rng(0), p=60, shares=(0.05, 0.2))
    assert table["condition"].value_counts().eq(2).all() and len(table) == 12
    runs = {(c, m): run for (c, m), run in zip(table[["condition", "method"]].itertuples(
        index=False, name=None), seen, strict=True)}  # fmt: skip
    sound, few, many, mended = (
        runs[name, "susie"] for name in ("sound", "few wrong", "many wrong", "mended")
    )
    p = len(sound[1])
    assert (few[1] != sound[1]).sum() == round(0.05 * p)
    assert (many[1] != sound[1]).sum() == round(0.2 * p)
    assert set(np.flatnonzero(few[1] != sound[1])) <= set(np.flatnonzero(many[1] != sound[1]))
    np.testing.assert_array_equal(np.abs(many[1]), np.abs(sound[1]))
    np.testing.assert_array_equal(mended[1], many[1])
    np.testing.assert_array_equal(sound[4], many[1] == sound[1])
    for name in ("own panel", "foreign panel"):
        np.testing.assert_array_equal(runs[name, "susie"][1], sound[1])
        assert np.abs(runs[name, "susie"][2] - sound[2]).max() > 0.05
    row = table[table["condition"] == "mended"].iloc[0]
    assert row["found"] <= row["wrong"] and row["sound"] == (many[1] == sound[1]).sum()


def test_frequencies_tell_the_other_population_only():
    table = studies.frequencies_of_panels(np.random.default_rng(0), p=80)
    assert table["own"][0] == 0 and 0.05 < table["foreign"][0] < 0.6
    assert 20 < table["variants"][0] <= 80


def test_intervals():
    values = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 2, 2, 2]})
    mean, low, high = studies.interval(values)
    np.testing.assert_allclose(mean, [2.5, 2])
    np.testing.assert_allclose(high - mean, [1.96 * np.std([1, 2, 3, 4], ddof=1) / 2, 0])
    np.testing.assert_allclose(mean - low, high - mean)


def test_the_benchmarks_files_pass_through_the_chain(tmp_path):
    import pipeline

    from gitools.pipeline import PipelineOptions, PlinkPanel, TraitFile, run_pipeline

    pipeline.write_files(tmp_path, 4_000, chromosome=2_000, repeated=1_000)
    panel = PlinkPanel(tmp_path / "panel")
    assert panel.chromosomes == ["1", "2"]
    assert all((np.diff(panel.variants(c)["position"]) > 0).all() for c in ("1", "2"))
    result = run_pipeline(
        {"trait": TraitFile(tmp_path / "trait.tsv", 50_000)},
        panel,
        tmp_path / "genes.tsv",
        tmp_path / "results",
        PipelineOptions(shrink="none", signs="ignore", mixture_rows=100),
    )
    counts = result.report.set_index("fate")["rows"]
    assert counts["kept"] == counts.sum() == 4_000
    assert len(result.genes) == 80 and (result.genes["n_variants"] == 50).all()
