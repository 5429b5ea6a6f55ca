"""The simulations and scores behind chapter 15."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import eigh
from scipy.stats import binom, spearmanr

from gitools.book.studies import structure as studies
from gitools.structure import hudson_fst

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


def script(name):
    specification = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def rng():
    return np.random.default_rng(15)


def test_islands_have_the_fst_that_was_asked_for(rng):
    sample = studies.simulate_sample(studies.islands(2, 0.3), [10, 10], 80, 5e3, rng, min_maf=0)
    fst = hudson_fst(sample.dosages, sample.populations)[0, 1]
    # 160 half-independent trees: a standard error of about 0.03.
    assert fst == pytest.approx(0.3, abs=0.09)


def test_a_sample_is_in_order_and_common(rng):
    sample = studies.simulate_sample(studies.chain(4, 500, 0.05), [5] * 4, 6, 2e4, rng)
    frequency = sample.dosages.mean(axis=0) / 2
    assert np.minimum(frequency, 1 - frequency).min() >= studies.MIN_MAF
    assert sample.dosages.dtype == np.int8
    assert sample.populations.tolist() == list(np.repeat(range(4), 5))
    assert (np.diff(sample.stretches) >= 0).all()
    assert set(sample.stretches) <= set(range(6))
    assert (np.diff(sample.positions)[np.diff(sample.stretches) == 0] >= 0).all()


def test_frequencies_drift_apart_by_fst(rng):
    frequencies = studies.drift_apart(0.1, 20_000, 2, rng)
    people = studies.draw_people(frequencies, np.eye(2)[np.repeat([0, 1], 50)], rng)
    fst = hudson_fst(people, np.repeat([0, 1], 50))[0, 1]
    assert fst == pytest.approx(0.1, abs=0.01)


def test_siblings_are_correlated_by_a_half(rng):
    f = rng.uniform(0.2, 0.8, 20_000)
    siblings = studies.draw_siblings(f, 3, rng)
    Z = (siblings - 2 * f) / np.sqrt(2 * f * (1 - f))
    R = Z @ Z.T / len(f)
    assert R[np.triu_indices(3, 1)] == pytest.approx(0.5, abs=0.04)
    assert np.diag(R) == pytest.approx(1, abs=0.05)


def test_an_inversion_is_dealt_at_random_and_marks_its_stretch(rng):
    sample = studies.simulate_inversion(100, 8, 5e4, rng)
    assert sample.populations.sum() == 80
    assert set(sample.populations) == {0, 1, 2}
    inside = sample.stretches == 8
    assert np.mean(inside) == pytest.approx(0.1, abs=0.01)
    r2 = np.array([studies.squared_correlation(x, sample.populations) for x in sample.dosages.T])
    assert r2[inside].max() > 0.95
    assert r2[inside].mean() > 10 * r2[~inside].mean()


def test_known_frequencies_give_bayes_rule(rng):
    frequencies = rng.uniform(0.1, 0.9, (3, 12))
    dosages = rng.integers(0, 3, (5, 12))
    likelihood = np.array([binom.pmf(dosages, 2, f).prod(axis=1) for f in frequencies]).T
    expected = likelihood / likelihood.sum(axis=1, keepdims=True)
    found = studies.known_frequency_posterior(dosages, frequencies)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_known_frequencies_give_the_likeliest_ancestry(rng):
    frequencies = studies.drift_apart(0.02, 3000, 2, rng)
    truth = np.linspace(0, 1, 9)
    dosages = studies.draw_people(frequencies, np.column_stack([1 - truth, truth]), rng)
    found = studies.known_frequency_share(dosages, frequencies)
    grid = np.linspace(0.001, 0.999, 999)
    for row, share in zip(dosages, found, strict=True):
        p = np.outer(1 - grid, frequencies[0]) + np.outer(grid, frequencies[1])
        likelihood = (row * np.log(p) + (2 - row) * np.log(1 - p)).sum(axis=1)
        assert share == pytest.approx(grid[likelihood.argmax()], abs=0.0011)


def test_components_speak_for_classes():
    labels = np.array([0, 0, 0, 1, 1])
    r = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [1, 0, 0], [0, 0.1, 0.9], [0, 0, 1]])
    found = studies.class_probabilities(r, labels)
    np.testing.assert_allclose(found[:, 1], [0, 0, 0, 0.9, 1])
    np.testing.assert_allclose(studies.matched(r[:, [2, 0]], labels), r[:, [0, 2]])
    assert studies.log_loss(found, labels, doubt=0) == pytest.approx(-np.log(0.9) / 5)
    wrong = studies.log_loss(1 - found, labels)
    assert np.isfinite(wrong)
    assert wrong > 2


@pytest.mark.parametrize(("n", "p", "multiple"), [(200, 800, 3.0), (200, 800, 1.5)])
def test_the_limit_of_the_correlation(rng, n, p, multiple):
    fst = multiple / np.sqrt(n * p)
    u, found = np.repeat([-1.0, 1.0], n // 2), []
    for _ in range(12):
        Z = np.outer(u, rng.normal(0, np.sqrt(fst), p)) + rng.standard_normal((n, p))
        found.append(
            studies.squared_correlation(eigh(Z @ Z.T, subset_by_index=[n - 1, n - 1])[1][:, 0], u)
        )
    assert np.mean(found) == pytest.approx(studies.limit_of_correlation(fst, n, p), abs=0.06)


def test_there_is_no_limit_below_the_threshold():
    assert studies.limit_of_correlation(0.99 / np.sqrt(200 * 800), 200, 800) == 0
    assert 0 < studies.limit_of_correlation(1.01 / np.sqrt(200 * 800), 200, 800) < 0.1


def test_bic_chooses_the_mixture(rng):
    scores = rng.normal(size=(90, 2)) + 12 * np.repeat(np.eye(3)[:, :2], 30, axis=0)
    best, bics = studies.fit_by_bic(scores, 5, rng)
    assert best.n_components == 3
    assert bics.shape == (5,)
    assert bics.argmin() == 2


def test_distances_and_folds(rng):
    km = studies.great_circle(np.array([0.0, 90.0, 0.0]), np.array([0.0, 0.0, 180.0]))
    np.testing.assert_allclose(km[0], [0, 6371 * np.pi / 2, 6371 * np.pi], atol=1e-3)
    X = rng.integers(0, 2, (4, 30))
    expected = [[np.mean(a != b) for b in X] for a in X]
    np.testing.assert_allclose(studies.share_that_differs(X), expected, atol=1e-6)
    folds = studies.fold_cells(
        np.array([1.2, 1.8, 5.0, 9.0]), np.array([0.1, 0.9, 2, 2]), 3, np.random.default_rng(1)
    )
    assert folds[0] == folds[1]
    assert len(set(folds)) == 3


def test_predictions_come_from_the_other_folds():
    x, y = np.arange(6.0), np.array([1.0, 3, 5, 7, 100, 200])
    folds = np.array([0, 0, 1, 1, 2, 2])
    predicted = studies.predict_in_folds(x[:, None], y, folds)
    np.testing.assert_allclose(predicted[4:], [9, 11])


def test_correlations_within_groups_and_their_null(rng):
    place = rng.uniform(0, 10, 40)
    distance = np.abs(place[:, None] - place)
    genetic = distance + rng.normal(0, 0.1, (40, 40))
    groups = np.repeat(["a", "b"], 20)
    found = studies.correlations_within(genetic, distance, groups, ["a", "b"])
    i, j = np.triu_indices(20, 1)
    assert found[0] == pytest.approx(spearmanr(genetic[i, j], distance[i, j]).statistic)
    assert found.min() > 0.95
    null = [
        studies.correlations_within(genetic, distance, groups, ["a", "b"], rng).mean()
        for _ in range(30)
    ]
    assert abs(np.mean(null)) < 0.1


def test_excess_by_distance_takes_off_the_mean_of_a_pair_of_groups():
    groups = np.array(["a", "a", "a", "b", "admixed"])
    distance = np.array([[0, 1, 5, 5, 1], [0, 0, 5, 1, 1], [0, 0, 0, 1, 1], [0] * 5, [0] * 5])
    distance = distance + distance.T
    differ = 0.1 * distance + np.where(groups[:, None] == groups, 0, 7)
    found = studies.excess_by_distance(differ, distance, groups, np.array([0.5, 2, 4, 6]))
    one, two = found["pairs of one group"], found["pairs of two groups"]
    mean = 0.1 * 11 / 3
    np.testing.assert_allclose(one, [0.1 - mean, np.nan, 0.5 - mean])
    mean = 0.1 * 7 / 3
    np.testing.assert_allclose(two, [0.1 - mean, np.nan, 0.5 - mean])


def test_two_errors_and_parabola(rng):
    assert studies.two_errors(np.array([1.0, 3.0])) == pytest.approx(2)
    x = rng.normal(size=50)
    assert studies.quadratic_r2(x, 3 * x**2 - x + 2) == pytest.approx(1)
    assert studies.quadratic_r2(x, rng.normal(size=50)) < 0.3


def test_the_table_is_read_by_name(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("study,replicate,setting,quantity,value\na,1,10,k,3\na,0,10,k,2\na,0,,k,7\n")
    table = studies.read_table(path)
    assert studies.values_of(table, "a", "k", "10").tolist() == [2, 3]
    assert studies.values_of(table, "a", "k").tolist() == [7]
    with pytest.raises(ValueError, match="table: holds no 'ari' of 'a'"):
        studies.values_of(table, "a", "ari")


@pytest.mark.parametrize("name", ["islands", "threshold", "admixture", "siblings", "inversion"])
def test_a_study_gives_the_same_rows_again(name):
    benchmark = script("population_structure")
    first, second = (list(benchmark.run(name, 0, quick=True)) for _ in range(2))
    assert first == second
    assert first != list(benchmark.run(name, 1, quick=True))
    assert {row["study"] for row in first} == {name}
    assert all(np.isfinite(float(row["value"])) for row in first)


@pytest.mark.parametrize("name", ["null", "growth"])
def test_a_long_study_runs(name):
    rows = list(script("population_structure").run(name, 0, quick=True))
    assert all(float(row["value"]) >= 0 for row in rows)


def test_the_committed_table_is_whole():
    benchmark = script("population_structure")
    table = pd.read_csv(benchmark.TABLE, dtype=str, keep_default_na=False)
    assert tuple(table.columns) == benchmark.COLUMNS
    assert not table.duplicated(["study", "replicate", "setting", "quantity"]).any()
    counts = table.groupby("study")["replicate"].nunique()
    assert counts.to_dict() == {name: n for name, (_, n) in benchmark.STUDIES.items()}


def test_components_are_measured_against_an_exact_answer():
    benchmark = script("principal_components")
    rows = {row["method"]: row for row in benchmark.measure(quick=True)}
    assert float(rows["gitools, exact"]["worst_angle"]) < 0.1
    assert float(rows["scikit-learn, randomised"]["time_ratio"]) == 1
    exact = np.linalg.qr(np.arange(12.0).reshape(6, 2) ** 2)[0]
    assert benchmark.worst_angle(-3 * exact, exact) == pytest.approx(0, abs=1e-5)
    turned = exact @ np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    assert benchmark.worst_angle(turned, exact) == pytest.approx(np.degrees(0.5))
