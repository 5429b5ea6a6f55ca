"""Scales of the gene tensor and filters by frequency."""

import numpy as np
import pytest

from gitools.genomes.preprocess import maf_filter, standardise


@pytest.fixture
def tensor():
    rng = np.random.default_rng(1)
    return rng.poisson([0.1, 2.0, 5.0], size=(150, 7, 3)).astype(np.int8)


def test_global_is_one_mean_and_one_deviation_over_the_training_rows(tensor):
    train = np.arange(100)
    expected = (tensor - tensor[train].mean()) / tensor[train].std()
    np.testing.assert_allclose(standardise(tensor, train=train), expected, rtol=1e-5, atol=1e-6)


def test_per_type_has_a_mean_and_a_deviation_for_each_type(tensor):
    train = np.arange(30, 150)
    part = tensor[train]
    expected = (tensor - part.mean(axis=(0, 1))) / part.std(axis=(0, 1))
    got = standardise(tensor, "per type", train=train)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_the_tested_rows_leave_no_trace_in_the_scale(tensor):
    other = tensor.copy()
    other[100:] = 9
    train = np.arange(100) < 100
    mask = np.r_[train, np.zeros(50, dtype=bool)]
    for how in ("global", "per type"):
        a, b = (standardise(x, how, train=mask)[:100] for x in (tensor, other))
        np.testing.assert_array_equal(a, b)


def test_raw_are_the_counts(tensor):
    np.testing.assert_array_equal(standardise(tensor, "raw"), tensor)


def test_frequencies_of_a_gene_sum_to_one_or_are_zero(tensor):
    tensor[3, 2] = 0
    got = standardise(tensor, "frequencies")
    sums = got.sum(axis=2)
    empty = tensor.sum(axis=2) == 0
    assert empty.any()
    np.testing.assert_allclose(sums[~empty], 1, rtol=1e-6)
    assert (got[empty] == 0).all()


def test_a_type_that_no_training_plant_carries_stays_finite(tensor):
    tensor[:, :, 0] = 0
    tensor[140, 0, 0] = 2
    got = standardise(tensor, "per type", train=np.arange(100))
    assert got[140, 0, 0] == 2
    assert np.isfinite(got).all()


def test_large_counts_in_small_integers_do_not_overflow():
    tensor = np.full((70, 3, 2), 120, dtype=np.int8)
    tensor[::2] = 100
    got = standardise(tensor)
    assert abs(got.mean()) < 1e-6
    assert abs(got.std() - 1) < 1e-6


def test_writes_into_a_memory_map(tensor, tmp_path):
    out = np.lib.format.open_memmap(
        tmp_path / "scaled.npy", mode="w+", dtype=np.float32, shape=tensor.shape
    )
    assert standardise(tensor, out=out) is out
    np.testing.assert_array_equal(out, standardise(tensor))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tensor": np.zeros((3, 2))}, "tensor"),
        ({"tensor": np.full((3, 2, 2), -1)}, "tensor"),
        ({"tensor": np.full((3, 2, 2), np.nan)}, "tensor"),
        ({"how": "Global"}, "how"),
        ({"train": [0, 150]}, "train"),
        ({"train": [-1]}, "train"),
        ({"train": []}, "train"),
        ({"train": np.zeros(150, dtype=bool)}, "train"),
        ({"train": [0.5]}, "train"),
        ({"out": np.zeros((150, 7, 3))}, "out"),
    ],
)
def test_bad_input_is_named(tensor, changes, match):
    arguments = {"tensor": tensor} | changes
    with pytest.raises(ValueError, match=match):
        standardise(arguments.pop("tensor"), **arguments)


def test_a_variant_at_the_threshold_is_not_common():
    carriers = np.array([0, 1, 2, 10, 18, 19, 20])
    variants = (np.arange(20)[:, None] < carriers).astype(np.int8)
    np.testing.assert_array_equal(maf_filter(variants, 0.05), [0, 0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(maf_filter(variants, 0), [0, 1, 1, 1, 1, 1, 0])


def test_frequencies_are_of_called_plants_and_of_training_ones():
    variants = np.array([[1, -1, 1], [0, -1, 1], [0, -1, 0], [0, -1, 0]], dtype=np.int8)
    np.testing.assert_array_equal(maf_filter(variants, 0.3), [False, False, True])
    np.testing.assert_array_equal(maf_filter(variants, 0.3, train=[0, 1]), [True, False, False])
    missing = variants.copy()
    missing[2:, 0] = -1
    np.testing.assert_array_equal(maf_filter(missing, 0.3), [True, False, True])


@pytest.mark.parametrize(
    ("variants", "min_maf", "match"),
    [
        (np.zeros(3, dtype=int), 0.05, "variants"),
        (np.full((2, 2), 2), 0.05, "variants"),
        (np.full((2, 2), 0.5), 0.05, "variants"),
        (np.zeros((2, 2), dtype=int), 0.5, "min_maf"),
        (np.zeros((2, 2), dtype=int), np.nan, "min_maf"),
    ],
)
def test_bad_frequencies_are_named(variants, min_maf, match):
    with pytest.raises(ValueError, match=match):
        maf_filter(variants, min_maf)
