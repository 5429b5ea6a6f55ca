"""The chain: every fault counted, nothing lost or done twice after a kill, blocks kept apart."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitools.pipeline import (
    PipelineOptions,
    PlinkPanel,
    Shrinker,
    TraitFile,
    read_genes,
    run_pipeline,
    store,
    write_example,
    write_stored_ld,
)
from gitools.pipeline.__main__ import main
from gitools.pipeline.run import STAGES

OPTIONS = PipelineOptions(
    shrink="none", min_size=60, max_size=150, reach=30, signs="ignore", mixture_rows=80
)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return write_example(folder, n_chromosomes=2, n_variants=330, random_state=11)


@pytest.fixture(scope="module")
def whole(example, tmp_path_factory):
    return _run(example, tmp_path_factory.mktemp("whole"))


def _run(example, folder, options=OPTIONS, **settings):
    return run_pipeline(example.traits, example.panel, example.genes, folder, options, **settings)


def _assert_same(one, other):
    for name in ("genes", "gene_types", "report", "flagged"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    for chromosome in ("1", "2"):
        pd.testing.assert_frame_equal(
            one.variants(chromosome), other.variants(chromosome), check_exact=True
        )


def test_each_planted_fault_is_counted_exactly(example, whole):
    pd.testing.assert_frame_equal(whole.report, example.planted)


def test_counts_sum_to_the_rows_of_the_files(example, whole):
    for trait, path in example.traits.items():
        n_rows = len(pd.read_csv(path, sep="\t"))
        assert whole.report.loc[whole.report["trait"] == trait, "rows"].sum() == n_rows
        used = whole.report[(whole.report["trait"] == trait) & whole.report["used"]]["rows"].sum()
        assert used == sum(len(whole.variants(chromosome)) for chromosome in ("1", "2"))


def test_effects_are_those_of_the_panel_allele(example, whole):
    truth = example.truth.set_index(["chromosome", "position"])
    for trait in example.traits:
        large = truth[truth[trait].abs() > 0.05]
        assert len(large) > 0
        for (chromosome, position), b in large[trait].items():
            table = whole.variants(chromosome).set_index("position")
            if position in table.index:
                z = table.loc[position, f"z_{trait}"]
                assert np.sign(z) == np.sign(b) and abs(z) > 3


def test_every_gene_is_in_the_table_whatever_became_of_it(example, whole):
    genes = read_genes(example.genes)
    for trait in example.traits:
        rows = whole.genes[whole.genes["trait"] == trait]
        assert rows["gene"].tolist() == genes["gene"].tolist()
        lost = rows[rows["n_variants"] == 0]
        assert lost["gene"].tolist() == ["G99"] and lost["p"].isna().all()
        assert rows.loc[rows["n_variants"] > 0, "p"].between(0, 1).all()
    total = whole.gene_types.groupby("gene")[["expected", "probability"]].sum()
    sizes = whole.genes[whole.genes["trait"] == "height"].set_index("gene")["n_variants"]
    np.testing.assert_allclose(total["expected"], sizes[total.index])
    np.testing.assert_allclose(total.loc[sizes[total.index] > 0, "probability"], 1)


def test_dropped_rows_can_be_looked_up(whole):
    dropped = pd.concat([whole.dropped("disease", c) for c in ("1", "2")])
    counts = dropped["fate"].value_counts()
    report = whole.report[whole.report["trait"] == "disease"].set_index("fate")["rows"]
    for fate in ("alleles_differ", "frequency_differs", "duplicate", "ambiguous"):
        assert counts[fate] == report[fate]


def test_a_second_call_computes_nothing(example, whole):
    again = _run(example, whole.folder)
    assert again.computed == []
    assert sorted(again.reused) == sorted(whole.computed)
    assert {stage for stage, _ in whole.computed} == set(STAGES)
    _assert_same(again, whole)


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_at_each_stage_it_goes_on_where_it_was(example, whole, tmp_path, stage):
    stored = []

    def stop(at, unit):
        stored.append((at, unit))
        if at == stage:
            raise _Stopped

    with pytest.raises(_Stopped):
        _run(example, tmp_path, on_result=stop)
    resumed = _run(example, tmp_path)
    assert sorted(resumed.reused) == sorted(stored)
    assert sorted(stored + resumed.computed) == sorted(whole.computed)
    _assert_same(resumed, whole)


@pytest.mark.parametrize("stage", ["read", "harmonise", "shrink", "report"])
def test_stopped_while_writing_leaves_nothing_half_done(
    example, whole, tmp_path, monkeypatch, stage
):
    replace, stopped = os.replace, []

    def fail(source, target):
        part = Path(target).relative_to(tmp_path).parts[0].removesuffix(".parquet")
        if part == stage and not stopped:
            stopped.append(target)
            raise _Stopped
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(_Stopped):
        _run(example, tmp_path)
    monkeypatch.undo()
    assert not list(tmp_path.rglob(".unfinished-*"))
    resumed = _run(example, tmp_path)
    assert sorted(resumed.reused + resumed.computed) == sorted(whole.computed)
    _assert_same(resumed, whole)


_KILLED = """
import os, signal, sys
from gitools.pipeline import PipelineOptions, run_pipeline

def die(stage, unit):
    print(stage, unit, flush=True)
    if (stage, unit) == (sys.argv[5], sys.argv[6]):
        os.kill(os.getpid(), signal.SIGKILL)

options = PipelineOptions(
    shrink="none", min_size=60, max_size=150, reach=30, signs="ignore", mixture_rows=80
)
traits = {"height": sys.argv[1] + "/height.tsv.gz", "disease": sys.argv[1] + "/disease.tsv"}
run_pipeline(traits, sys.argv[2], sys.argv[3], sys.argv[4], options, on_result=die)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_killed_without_notice_it_goes_on_where_it_was(example, whole, tmp_path):
    arguments = [str(example.panel.parent), str(example.panel), str(example.genes), str(tmp_path)]
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments, "shrink", "2:1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    stored = [tuple(line.split()) for line in killed.stdout.splitlines()]
    assert stored[-1] == ("shrink", "2:1")
    (tmp_path / "shrink" / "2" / ".unfinished-x.npz").write_bytes(b"half of a resu")
    resumed = _run(example, tmp_path)
    assert sorted(resumed.reused) == sorted(stored)
    assert sorted(stored + resumed.computed) == sorted(whole.computed)
    assert not list(tmp_path.rglob(".unfinished-*"))
    _assert_same(resumed, whole)


def test_damaged_results_are_made_anew(example, whole, tmp_path):
    _run(example, tmp_path)
    (tmp_path / "shrink" / "1" / "0.npz").write_bytes(b"PK not really")
    (tmp_path / "genes" / "2.parquet").write_bytes(b"PAR1")
    again = _run(example, tmp_path)
    assert sorted(again.computed) == [("genes", "2"), ("shrink", "1:0")]
    _assert_same(again, whole)


def test_what_changes_is_made_anew_and_what_does_not_is_not(example, tmp_path):
    first = _run(example, tmp_path)
    assert first.computed
    flank = _run(example, tmp_path, OPTIONS._replace(flank=100))
    assert {stage for stage, _ in flank.computed} == {"genes", "report"}
    doubled = Shrinker("doubled", lambda z, R, n: 2 * z / np.sqrt(n))
    other = _run(example, tmp_path, OPTIONS._replace(shrink=doubled))
    assert {stage for stage, _ in other.computed} == {
        "shrink", "mixture", "types", "genes", "report",
    }  # fmt: skip
    path = example.traits["disease"]
    os.utime(path, ns=(1, 1))
    touched = _run(example, tmp_path, OPTIONS._replace(shrink=doubled))
    assert ("read", "disease") in touched.computed and ("read", "height") in touched.reused


def test_chromosomes_together_equal_chromosomes_apart(example, whole, tmp_path):
    options = OPTIONS._replace(least_found=0.2)
    for chromosome in ("1", "2"):
        traits = {}
        for trait, path in example.traits.items():
            table = pd.read_csv(path, sep="\t", dtype=str)
            own = table[table.iloc[:, 0].str.removeprefix("chr") == chromosome]
            traits[trait] = tmp_path / f"{trait}.{chromosome}.tsv"
            own.to_csv(traits[trait], sep="\t", index=False, na_rep="NA")
        alone = run_pipeline(traits, example.panel, example.genes, tmp_path / chromosome, options)
        ours, theirs = alone.variants(chromosome), whole.variants(chromosome)
        for column in ("position", "block", "z_height", "shrunken_height", "shrunken_disease"):
            np.testing.assert_allclose(ours[column], theirs[column], atol=1e-12)
        pick = whole.genes["chromosome"] == chromosome
        np.testing.assert_allclose(
            alone.genes.loc[pick, ["statistic", "p"]],
            whole.genes.loc[pick, ["statistic", "p"]],
            rtol=1e-12,
        )


def test_blocks_are_shrunken_with_their_own_ld_only(example, tmp_path):
    """A method that answers with products of R betrays any index that leaves its block."""
    weigh = Shrinker("weigh", lambda z, R, n: R @ z)
    options = OPTIONS._replace(shrink=weigh, ld_shrinkage=0.0)
    result = _run(example, tmp_path, options)
    panel = PlinkPanel(example.panel)
    for chromosome in ("1", "2"):
        table = result.variants(chromosome)
        n_blocks = 0
        for _, block in table.groupby("block"):
            R = panel.ld(chromosome, block["panel_row"].to_numpy())
            expected = R @ block["z_height"] * np.sqrt(20_000)
            np.testing.assert_allclose(block["shrunken_height"], expected, rtol=1e-9, atol=1e-9)
            n_blocks += 1
        assert n_blocks > 1


def test_stored_ld_gives_what_the_panel_gives(example, whole, tmp_path):
    panel = PlinkPanel(example.panel)
    (tmp_path / "ld").mkdir()
    for chromosome in panel.chromosomes:
        variants = panel.variants(chromosome)
        R = panel.ld(chromosome, np.arange(len(variants)))
        write_stored_ld(tmp_path / "ld" / f"{chromosome}.npz", chromosome, variants, R)
    stored = run_pipeline(
        example.traits, tmp_path / "ld", example.genes, tmp_path / "results", OPTIONS
    )
    pd.testing.assert_frame_equal(stored.report, whole.report)
    np.testing.assert_allclose(stored.genes["p"], whole.genes["p"], rtol=1e-3)


def test_wrong_signs_can_be_dropped_and_are_then_in_the_report(example, tmp_path):
    panel = PlinkPanel(example.panel)
    table = pd.read_csv(example.traits["height"], sep="\t")
    table["beta"] *= np.where(np.arange(len(table)) % 7 == 0, -1, 1)
    table.to_csv(tmp_path / "height.tsv", sep="\t", index=False, na_rep="NA")
    traits = {"height": tmp_path / "height.tsv"}
    reported = run_pipeline(
        traits, panel, example.genes, tmp_path / "a", OPTIONS._replace(signs="report")
    )
    dropped = run_pipeline(
        traits, panel, example.genes, tmp_path / "b", OPTIONS._replace(signs="drop")
    )
    n_flagged = len(reported.flagged)
    assert n_flagged > 0 and reported.flagged["used"].all()
    assert not dropped.flagged["used"].any()
    report = dropped.report.set_index("fate")["rows"]
    assert report["sign_contradicts_ld"] == n_flagged
    assert dropped.report["rows"].sum() == reported.report["rows"].sum() == len(table)
    fewer = reported.genes["n_variants"].sum() - dropped.genes["n_variants"].sum()
    assert 0 < fewer <= n_flagged


def test_a_file_of_another_build_is_refused(example, tmp_path):
    table = pd.read_csv(example.traits["height"], sep="\t")
    table["base_pair_location"] += 12_345
    table.to_csv(tmp_path / "moved.tsv", sep="\t", index=False, na_rep="NA")
    with pytest.raises(ValueError, match=r"height: got .* another genome build"):
        run_pipeline(
            {"height": tmp_path / "moved.tsv"},
            example.panel,
            example.genes,
            tmp_path / "r",
            OPTIONS,
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signs": "maybe"}, "signs: got 'maybe'"),
        ({"shrink": "magic"}, "shrink: got 'magic'"),
        ({"min_size": 0}, "min_size: got 0"),
        ({"max_size": 100}, "max_size: got 100"),
        ({"ld_shrinkage": -1}, "ld_shrinkage: got -1"),
        ({"flank": -5}, "flank: got -5"),
    ],
)
def test_bad_options_are_refused_before_anything_is_read(example, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        _run(example, tmp_path, OPTIONS._replace(**change))
    assert not list(tmp_path.iterdir())


def test_bad_names_of_traits_are_refused(example, tmp_path):
    for traits in ({}, {"a/b": "x"}, {"null": "x"}, ["x"]):
        with pytest.raises(ValueError, match=r"^traits: got"):
            run_pipeline(traits, example.panel, example.genes, tmp_path)


def test_a_method_that_returns_nonsense_is_named(example, tmp_path):
    broken = Shrinker("broken", lambda z, R, n: z * np.nan)
    with pytest.raises(ValueError, match="broken returned"):
        _run(example, tmp_path, OPTIONS._replace(shrink=broken))


def test_from_a_terminal(example, tmp_path, capsys):
    arguments = ["--panel", str(example.panel), "--genes", str(example.genes)]
    arguments += ["--folder", str(tmp_path), "--shrink", "none"]
    for trait, path in example.traits.items():
        arguments += ["--trait", f"{trait}={path}"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "frequency_differs" in shown and "0 found finished" in shown
    genes = pd.read_csv(tmp_path / "genes.tsv", sep="\t")
    assert len(genes) == 2 * len(read_genes(example.genes))
    assert main([*arguments[:-2], "--trait", "height"]) == 1
    assert "name=path" in capsys.readouterr().err
    assert main([*arguments, "--trait", "x=a.tsv", "--trait", "x=b.tsv"]) == 1
    assert "twice" in capsys.readouterr().err


def test_given_n_and_columns_reach_the_reader(example, tmp_path):
    table = pd.read_csv(example.traits["height"], sep="\t").drop(columns="n")
    table = table.rename(columns={"beta": "gwas_b"})
    table.to_csv(tmp_path / "x.tsv", sep="\t", index=False, na_rep="NA")
    file = TraitFile(tmp_path / "x.tsv", 12_345, {"beta": "gwas_b"})
    result = run_pipeline({"x": file}, example.panel, example.genes, tmp_path / "r", OPTIONS)
    assert (result.variants("1")["n_x"] == 12_345).all()


def test_fingerprints_see_every_option():
    base = store.fingerprint("stage", ["a"], x=1)
    others = [
        store.fingerprint("other", ["a"], x=1),
        store.fingerprint("stage", ["b"], x=1),
        store.fingerprint("stage", ["a", "a"], x=1),
        store.fingerprint("stage", ["a"], x=2),
    ]
    assert len({base, *others}) == 5
