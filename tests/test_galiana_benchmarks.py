"""The benchmarks of chapter 53 measure what they say."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gitools.book.studies import galiana as studies
from gitools.genomes import distinct_genes


@pytest.fixture
def script():
    """A script of benchmarks/ as a module."""

    def load(name):
        path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
        specification = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
        module = importlib.util.module_from_spec(specification)
        sys.modules[specification.name] = module
        specification.loader.exec_module(module)
        return module

    yield load
    for name in [name for name in sys.modules if name.startswith("benchmark_galiana")]:
        del sys.modules[name]


def test_a_made_up_batch_has_the_share_that_was_asked_for(script):
    step = script("galiana_step")
    counts = step.made_up_batch(0.3, 200, np.random.default_rng([53, 910]))
    assert counts.shape == (10, 200, 17)
    assert distinct_genes(counts).share == pytest.approx(0.3, abs=0.01)


def test_a_row_of_the_step_table(script):
    step = script("galiana_step")
    rng = np.random.default_rng([53, 911])
    row = step.compare("small", step.made_up_batch(0.5, 60, rng), rng, 1)
    assert set(row) == set(step.COLUMNS)
    assert float(row["gradient_difference"]) < 1e-4
    assert float(row["loss_difference"]) < 1e-5


@pytest.fixture
def study(script, monkeypatch):
    """The study on panels of 60 plants with 30 genes, 40 of them to learn from."""
    module, draw = script("galiana_study"), studies.draw_panel
    monkeypatch.setattr(
        module.studies,
        "draw_panel",
        lambda architecture, random_state: draw(
            architecture, n_plants=60, n_genes=30, n_test=20, random_state=random_state
        ),
    )
    monkeypatch.setattr(module, "EPOCHS", 2)
    monkeypatch.setattr(module, "N_CHOSEN_GENES", 5)
    monkeypatch.setattr(module, "N_PERMUTATIONS", 9)
    return module


def test_a_pupil_is_standardised_by_the_plants_it_learns_from(study):
    pupil = study.Pupil(0, replace(study.BASE, n=40), None)
    np.testing.assert_allclose(pupil.y[:40].mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(pupil.y[:40].std(axis=0), 1)
    assert abs(pupil.x[:40].mean()) < 1e-5
    assert abs(pupil.y[40:].mean(axis=0)).max() > 0.01
    assert np.array_equal(pupil.country[40:], pupil.panel.country[pupil.panel.test])


def test_genes_chosen_inside_never_see_a_test_label(study):
    panel = study.panel_of(0, "burden")
    spoilt = panel.traits.copy()
    spoilt[panel.test] = np.random.default_rng([53, 912]).permutation(spoilt[panel.test])
    inside, outside = (replace(study.BASE, n=40, genes=where) for where in ("inside", "outside"))
    genes = study.chosen_genes(panel, panel.traits, inside, 0)
    assert len(genes) == 5
    assert np.array_equal(genes, study.chosen_genes(panel, spoilt, inside, 0))
    seen = study.chosen_genes(panel, panel.traits, outside, 0)
    assert not np.array_equal(seen, study.chosen_genes(panel, spoilt, outside, 0))


def test_an_arm_gives_a_row_a_panel(study):
    arm = replace(study.BASE, n=40, shuffled=True, saliency=True, dropout=0.5)
    rows, followed = study.train_arm("shuffled", arm, range(2))
    assert [row["panel"] for row in rows] == [0, 1]
    assert not followed
    for row in rows:
        assert set(row) <= set(study.COLUMNS)
        assert 0 <= row["rejected"] <= 1
        assert 0 <= row["precision"] <= 1
        assert -1 < row["test_r"] < 1
    again, _ = study.train_arm("shuffled", arm, range(2))
    assert again == rows


def test_what_is_there_is_not_computed_again(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "TABLE", tmp_path / "study.csv")
    done = [{"arm": name, "panel": panel} for name, panel, _ in study.jobs()]
    study.append(study.TABLE, done, study.COLUMNS)
    before = study.TABLE.read_text()
    study.main([])
    assert study.TABLE.read_text() == before
    assert capsys.readouterr().out == "complete\n"
