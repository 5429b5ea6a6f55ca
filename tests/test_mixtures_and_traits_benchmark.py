"""The script behind the tables of chapter 23 goes on where it was."""

import sys

import numpy as np
import pandas as pd
import pytest

from gitools.book.root import find_root


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(find_root() / "benchmarks")
    import mixtures_and_traits

    monkeypatch.setattr(mixtures_and_traits, "FOLDER", tmp_path)
    yield mixtures_and_traits
    sys.modules.pop("mixtures_and_traits", None)


def test_only_missing_batches_are_run(script):
    everything = script.missing("tests", len(script.SCENARIOS), script.BATCHES)
    assert len(everything) == len(script.SCENARIOS) * script.BATCHES
    scenario = script.SCENARIOS[2]
    done = {"kind": [scenario.kind], "distance": [scenario.distance], "batch": [3]}
    pd.DataFrame(done).to_csv(script.table_of("tests"), index=False)
    left = script.missing("tests", len(script.SCENARIOS), script.BATCHES)
    assert set(everything) - set(left) == {(2, 3)}
    pd.DataFrame({"batch": [0]}).to_csv(script.table_of("panels"), index=False)
    assert script.missing("panels", 1, 3) == [(0, 1), (0, 2)]


def test_a_batch_of_humps_has_every_scale(script, monkeypatch):
    thresholds = pd.DataFrame([dict.fromkeys(script.SCALES, 10.0)])
    thresholds.to_csv(script.table_of("thresholds"), index=False)
    monkeypatch.setattr(script, "BATCH", 4)
    rows = pd.DataFrame(script.run_humps(len(script.HUMPS) - 1, 0))
    assert tuple(rows.scale) == script.SCALES
    assert rows.rejected.between(0, 1).all() and np.isfinite(rows.power_chosen).sum() == 2
