"""The full-scale benchmark at a small size: killed, it goes on to the same result."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitools.book.studies.ionome import trait_scores
from gitools.genomes.distinct import distinct_genes
from gitools.simulate.plants import simulate_plants

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "full_scale.py"
ARGUMENTS = ["--plants", "120", "--genes", "20", "--epochs", "3", "--folds", "1", "--models"]
MODELS = ["GBLUP, tensors", "BMSNN50", "transf30", "transf50", "frozen200"]


@pytest.fixture(scope="module")
def benchmark():
    specification = importlib.util.spec_from_file_location("full_scale", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def results(folder):
    return {path.name: np.load(path) for path in sorted(folder.glob("*-0.npy"))}


def lines(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_killed_at_random_moments_it_ends_in_the_same_place(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("GITOOLS_QUIET", "1")
    rest = [*ARGUMENTS, *MODELS, "--table", str(tmp_path / "table.csv")]
    whole = benchmark.main([str(tmp_path / "whole"), *rest])
    moments = np.random.default_rng().integers(1, 10, 2)
    killed, log = tmp_path / "killed", tmp_path / "killed" / "epochs.csv"
    command = [sys.executable, str(SCRIPT), str(killed), *rest]
    for more in moments:
        goal = lines(log) + more
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while lines(log) < goal and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
    table = benchmark.main([str(killed), *rest])
    expected, found = results(tmp_path / "whole"), results(killed)
    assert list(found) == list(expected) and len(found) == len(MODELS)
    for name, values in expected.items():
        np.testing.assert_array_equal(
            found[name], values, err_msg=f"{name}, killed after {moments}"
        )
    timeless = ["model", "folds", "epochs", "leaf", "seed"]
    assert table[timeless].equals(whole[timeless])


def test_out_of_time_keeps_what_was_done(benchmark, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GITOOLS_QUIET", "1")
    rest = [*ARGUMENTS, "country mean", "GPSNN", "--table", str(tmp_path / "table.csv")]
    table = benchmark.main([str(tmp_path), "--minutes", "0", *rest])
    assert (table.folds == 0).all()
    assert "again" in capsys.readouterr().out
    table = benchmark.main([str(tmp_path), *rest]).set_index("model")
    assert table.loc["GPSNN", "epochs"] == 3
    assert (table.folds == 1).all()
    with pytest.raises(ValueError, match="folder"):
        benchmark.Panel(tmp_path, 120, 30)


def test_the_table_scores_what_was_held_out(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("GITOOLS_QUIET", "1")
    rest = ["--plants", "200", "--genes", "20", "--models", "genetic value", "GBLUP, tensors"]
    rest += ["--table", str(tmp_path / "table.csv")]
    table = benchmark.main([str(tmp_path), *rest]).set_index("model")
    panel = benchmark.Panel(tmp_path, 200, 20)
    held_out = np.full_like(panel.Y, np.nan)
    for fold in range(5):
        rows = panel.folds == fold
        held_out[rows] = np.load(tmp_path / f"GBLUP-tensors-{fold}.npy")[rows]
    traits = pd.read_csv(tmp_path / "table_traits.csv", index_col="trait")
    for model, values in {"genetic value": panel.genetic, "GBLUP, tensors": held_out}.items():
        found = trait_scores(panel.Y, values, panel.country, folds=panel.folds)
        np.testing.assert_allclose(traits[model], found, atol=6e-5)
        expected = [found[:18].mean(), found[18:].mean()]
        np.testing.assert_allclose(table.loc[model, ["leaf", "seed"]].astype(float), expected)
        expected = [found[:18].std(ddof=1), found[18:].std(ddof=1)]
        np.testing.assert_allclose(table.loc[model, ["leaf_sd", "seed_sd"]].astype(float), expected)


def test_distinct_vectors_in_chunks_are_those_of_the_whole(benchmark):
    tensor = simulate_plants(60, 20, random_state=1).tensor
    vectors, index = benchmark.distinct_in_chunks(tensor, 7)
    np.testing.assert_array_equal(vectors[index], tensor)
    assert len(vectors) == len(distinct_genes(tensor).vectors)


def test_kinship_in_chunks_is_that_of_standardised_counts(benchmark):
    tensor = simulate_plants(40, 20, random_state=2).tensor
    counts = tensor.reshape(len(tensor), -1).astype(float)
    counts = counts[:, counts.std(axis=0) > 0]
    Z = (counts - counts.mean(axis=0)) / counts.std(axis=0)
    K = benchmark.tensor_kinship(distinct_genes(tensor), genes_at_once=3)
    np.testing.assert_allclose(K, Z @ Z.T / Z.shape[1], atol=1e-5)


def test_parts_of_files_are_never_read(benchmark, tmp_path):
    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark.write_whole(tmp_path / "a.npy", fail)
    assert not (tmp_path / "a.npy").exists()
    assert os.listdir(tmp_path) == ["a.npy.part"]


def test_vectors_of_one_key_are_noticed(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "_keys", lambda rows, multipliers: rows[:, 0].astype(np.int64))
    with pytest.raises(RuntimeError, match="same key"):
        benchmark.distinct_in_chunks(simulate_plants(40, 20, random_state=3).tensor)
