"""The study of penalised regression: folds keep their people apart, and both scripts run."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from gitools.book.studies.penalised import (
    fold_losses,
    make_folds,
    null_trait,
    penalty_grid,
    split_people,
)

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    dosages = rng.binomial(2, 0.3, (400, 12))
    trait = 0.4 * dosages[:, 3] + rng.standard_normal(400)
    return dosages, trait


def test_losses_are_those_of_a_lasso_that_never_saw_the_people_left_out(people):
    dosages, trait = people
    folds = make_folds(dosages, 4, np.random.default_rng(2))
    assert sorted(np.concatenate([fold.left_out for fold in folds])) == list(range(400))
    penalties = np.array([0.2, 0.05, 0.01])
    losses = fold_losses(folds, trait, penalties)
    for row, fold in zip(losses, folds, strict=True):
        assert not set(fold.fit) & set(fold.left_out)
        centre, sd = dosages[fold.fit].mean(axis=0), dosages[fold.fit].std(axis=0)
        fit, new = ((dosages[who] - centre) / sd for who in (fold.fit, fold.left_out))
        target = trait[fold.left_out] - trait[fold.fit].mean()
        for loss, penalty in zip(row, penalties, strict=True):
            model = Lasso(alpha=penalty, tol=1e-10).fit(fit, trait[fold.fit])
            missed = trait[fold.left_out] - model.predict(new)
            assert loss == pytest.approx((missed**2).mean() - (target**2).mean(), abs=1e-5)


def test_the_grid_begins_where_nothing_is_left():
    grid = penalty_grid(np.array([0.1, -0.3]), 0.5, 5, 0.1)
    np.testing.assert_allclose(grid[[0, -1]], [0.6, 0.06])


def test_left_out_people_of_a_null_trait_are_other_people(people):
    """In the people fitted to the correlation is nearly always there, in others it is not."""
    dosages, _ = people
    fold = split_people(dosages, np.arange(200), np.arange(200, 400))
    rng = np.random.default_rng(3)
    folds = make_folds(dosages[:200], 5, rng)
    traits = [null_trait(fold, folds, rng) for _ in range(60)]
    some = [one for one in traits if one.n_chosen]
    assert len(some) > 10
    assert all(np.isnan(one.p_left_out) for one in traits if not one.n_chosen)
    assert np.mean([one.p_same < 0.1 for one in some]) > 0.9
    assert np.mean([one.p_left_out < 0.1 for one in some]) < 0.4


def test_bad_arguments_are_named(people):
    dosages, _ = people
    with pytest.raises(ValueError, match="n_folds: got 1, expected an integer from 2 to 400"):
        make_folds(dosages, 1, np.random.default_rng(4))
    flat = dosages.copy()
    flat[:200, 5] = 1
    with pytest.raises(ValueError, match="dosages: got column 5 of equal values among the 200"):
        split_people(flat, np.arange(200), np.arange(200, 400))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("penalised_loci", {"locus", "kind", "method", "mse", "loss", "cross"}),
        ("penalised_null", {"locus", "n_chosen", "p_left_out", "p_same"}),
        ("penalised_splits", {"locus", "people", "splits_5", "summary_folds", "hindsight"}),
    ],
)
def test_quick_scripts_write_nothing_and_give_the_tables_columns(name, columns, capsys):
    specification = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    table = script.TABLE
    before = table.read_bytes() if table.exists() else None
    assert columns <= set(script.main(["--quick"]).columns)
    assert (table.read_bytes() if table.exists() else None) == before
    assert capsys.readouterr().out
