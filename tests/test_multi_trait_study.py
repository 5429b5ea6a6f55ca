"""Studies and figures of effects on several traits: draws, scores and the benchmark's table."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gitools.book.figures import multi_trait as figures
from gitools.book.studies import multi_trait as studies
from gitools.mixtures import ZeroMeanDPMixture, association_types

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import multi_trait as benchmark


def block_ld(m=60, decay=0.93):
    places = np.arange(m)
    return decay ** np.abs(places[:, None] - places)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_kinds_are_named_as_they_are_and_drawn_with_their_covariances(d):
    kinds, noise = studies.kinds_of(d), studies.noise_of(d, 0.3)
    assert kinds.weights.sum() == pytest.approx(1)
    known = association_types((kinds.weights, kinds.effects), sampling_covariance=noise)
    assert tuple(known.component_types) == kinds.names
    z, labels = studies.draw_kinds(kinds, noise, 40_000, np.random.default_rng(0))
    np.testing.assert_allclose(
        np.bincount(labels) / 40_000, kinds.weights, atol=4 * np.sqrt(0.25 / 40_000)
    )
    for k in range(len(kinds.names)):
        seen = np.cov(z[labels == k].T)
        np.testing.assert_allclose(seen, kinds.effects[k] + noise, atol=2.5)


def test_opposite_effects_are_opposite():
    kinds = studies.kinds_of(4)
    assert kinds.effects[kinds.names.index("CD")][2, 3] < 0
    assert kinds.effects[kinds.names.index("ABCD")][2, 3] > 0


def test_log_loss_and_told_shares_by_hand():
    P = np.array([[0.5, 0.5], [1.0, 0.0]])
    expected = (np.log(2) - np.log(studies.FLOOR)) / 2
    assert studies.log_loss(P, np.array([0, 1])) == pytest.approx(expected)
    told = studies.told_shares(np.array([3, 3, 0, 0]), np.array([1, 0, 0, 0]), 2)
    np.testing.assert_allclose(told, [[0.5, 0.5], [0.5, 0.5], [1, 0], [1, 0]])


def test_lists_take_what_passes_in_each_trait():
    z = np.array([[5.0, 0.0], [0.0, -5.0], [-5.0, 5.0], [2.0, 2.0]])
    np.testing.assert_array_equal(studies.lists_of(z, 0.05), [1, 2, 3, 0])


def test_calibration_counts_every_variant_once():
    probability = np.array([0.0, 0.04, 0.55, 1.0])
    bins = studies.calibration_of(probability, np.array([False, True, True, True]))
    np.testing.assert_allclose(bins[0], [2, 0.04, 1])
    np.testing.assert_allclose(bins[5], [1, 0.55, 1])
    np.testing.assert_allclose(bins[9], [1, 1, 1])
    assert bins[:, 0].sum() == 4


def test_scores_of_the_truth_beat_those_of_lists():
    rng = np.random.default_rng(1)
    kinds, noise = studies.kinds_of(2), studies.noise_of(2)
    z, labels = studies.draw_kinds(kinds, noise, 3000, rng)
    known = association_types((kinds.weights, kinds.effects + noise), z)
    ours = studies.scores_of(known, kinds, labels)
    lists = studies.scores_of_lists(z, kinds, labels)
    assert ours["types_right"] == 1
    assert ours["log_loss"] < lists["log_loss"]
    assert ours["recall"] > lists["recall"]
    assert ours["ari"] > lists["ari"]
    told = studies.told_shares(studies.lists_of(z, 0.05), labels, 4)
    assert lists["log_loss"] == pytest.approx(studies.log_loss(told, labels))
    shared = labels == 3
    called = known.shared() > 0.5
    assert ours["recall"] == pytest.approx(called[shared].mean())
    assert ours["precision"] == pytest.approx(shared[called].mean())


def test_overlap_of_lists_is_chance_or_not():
    rng = np.random.default_rng(2)
    z = rng.standard_normal((2000, 2))
    assert studies.lists_overlap_p(z) > 0.01
    assert studies.lists_overlap_p(z[:, [0, 0]]) < 1e-10


def test_called_variants_are_counted():
    rng = np.random.default_rng(3)
    z = rng.standard_normal((600, 2))
    z[:60] *= 8
    called, shared = studies.anything_called(z, np.random.default_rng(0))
    fit = ZeroMeanDPMixture(n_init=1, random_state=np.random.default_rng(0)).fit(z)
    expected = np.sum(association_types(fit, z).probability("null") < 0.5)
    assert 30 <= expected <= 70
    assert shared == called == expected


def test_uneven_noise_has_mean_one_and_the_overlap():
    noise = studies.uneven_noise(500, np.random.default_rng(4))
    assert noise[:, 0, 0].mean() == pytest.approx(1)
    np.testing.assert_allclose(noise[:, 0, 1] / noise[:, 0, 0], studies.NOISE_CORRELATION)
    assert 10 < noise[:, 0, 0].max() / noise[:, 0, 0].min() < 25.3
    x = studies.draw_noise(np.repeat(noise[:1], 20_000, axis=0), np.random.default_rng(5))
    np.testing.assert_allclose(np.cov(x.T), noise[0], rtol=0.1)


def test_pruned_variants_keep_their_distance():
    R = block_ld()
    kept = studies.pruned(R, 0.2)
    among = R[np.ix_(kept, kept)] ** 2 - np.eye(len(kept))
    assert among.max() <= 0.2
    for j in np.setdiff1d(np.arange(len(R)), kept):
        assert (R[j, kept[kept < j]] ** 2).max() > 0.2


@pytest.mark.parametrize("r2_range", [None, (0.5, 0.8)])
def test_loci_have_the_causal_variants_they_say(r2_range):
    R = block_ld(80)
    loci = studies.draw_loci(R, 300, r2_range, np.random.default_rng(6), p=40, mean_z=8.0)
    own = np.take_along_axis(loci.R, loci.causal[:, :1, None], axis=1)[:, 0]
    between = np.take_along_axis(own, loci.causal[:, 1:], axis=1)[:, 0]
    np.testing.assert_allclose(between**2, loci.r2)
    low, high = r2_range or (1, 1)
    assert loci.r2.min() >= low
    assert loci.r2.max() <= high
    at_causal = np.take_along_axis(loci.z, loci.causal[:, None, :], axis=1)[:, 0]
    np.testing.assert_allclose(at_causal.mean(axis=0), 8, atol=0.3)
    at_other = loci.z[np.arange(300), loci.causal[:, 0], 1]
    assert at_other.mean() == pytest.approx(8 * between.mean(), abs=0.3)


def test_two_signals_stand_where_they_should():
    R = block_ld(150, 0.85)
    loci = studies.draw_two_signals(R, 200, np.random.default_rng(7), p=60)
    assert loci.r2.max() <= 0.05
    means = loci.z[np.arange(200)[:, None], loci.causal].mean(axis=0)
    np.testing.assert_allclose(means, [[9, 0], [6, 8]], atol=1.6)


def test_a_range_without_pairs_is_refused():
    with pytest.raises(ValueError, match=r"r2_range: got .*, expected"):
        studies.draw_loci(np.eye(30), 3, (0.5, 0.8), np.random.default_rng(0), p=10)


def test_the_benchmark_goes_on_where_it_was(tmp_path, monkeypatch):
    made = []

    def one(setting, rng):
        made.append(rng.random())
        yield benchmark.SCORES, {"method": "ours", "log_loss": made[-1]}

    monkeypatch.setitem(benchmark.PLAN, "types", (one, (2, 3), 2, 2))
    monkeypatch.setattr(benchmark, "SCORES", (tmp_path / "scores.csv", benchmark.SCORES[1]))
    benchmark.run("types")
    first = (tmp_path / "scores.csv").read_text()
    assert len(set(made)) == 4
    benchmark.run("types")
    assert (tmp_path / "scores.csv").read_text() == first
    (tmp_path / "scores.csv").write_text("\n".join(first.splitlines()[:-1]) + "\n")
    benchmark.run("types")
    assert (tmp_path / "scores.csv").read_text() == first


def test_figures_draw():
    rng = np.random.default_rng(8)
    z = rng.normal(size=(50, 2))
    names = np.array(["null", "A", "B", "AB", "null"] * 10)
    figures.draw_scores(z)
    figures.draw_units(np.array([[17, 4], [4, 5]]), np.array([0.5, 1, 2]), [10, 20, 50], (1, 2))
    figures.draw_regions(np.linspace(-5, 5, 9), rng.integers(4, size=(9, 9)), np.full((9, 9), 0.6),
                         4.0)  # fmt: skip
    figures.draw_types(z, names, names)
    figures.draw_calibration({"2 traits": (np.array([0.1, 0.9]), np.array([0.1, 0.8]))})
    figures.draw_compared([2, 3], {m: rng.random((2, 6)) for m in ("ours", "sklearn", "lists")})
    figures.draw_uneven(z, z[:, 0] > 1, z[:, 0] > 2)
    figures.draw_loci(z, np.array([3, 3]), z, np.array([3, 9]))
    figures.draw_neighbours(np.array([0.1, 0.5, 0.9]), np.ones(3), np.zeros(3), np.zeros((2, 3)))
    assert len(plt.get_fignums()) == 9
    plt.close("all")
