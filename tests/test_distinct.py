"""Gene tensors as distinct vectors and their places."""

import numpy as np
import pytest
import torch

import gitools.genomes.distinct as distinct
from gitools.genomes.distinct import DistinctGenes, distinct_genes


def counts(n=7, genes=30, types=5, seed=0):
    return np.random.default_rng(seed).poisson(0.2, (n, genes, types)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.float16])
def test_the_tensor_comes_back(dtype):
    x = counts().astype(dtype)
    genes = distinct_genes(x)
    assert genes.shape == x.shape
    assert len(genes) == len(x)
    assert np.array_equal(genes.dense().numpy(), x)


def test_vectors_are_distinct_and_all_used():
    x = counts()
    genes = distinct_genes(x)
    truth = np.unique(x.reshape(-1, x.shape[2]), axis=0)
    assert np.array_equal(genes.vectors.numpy(), truth)
    assert genes.share == len(truth) / x[..., 0].size
    assert set(genes.index.flatten().tolist()) == set(range(len(truth)))


def test_negative_zero_is_zero():
    x = np.zeros((1, 2, 3), dtype=np.float32)
    x[0, 1] = -0.0
    assert len(distinct_genes(x).vectors) == 1


def test_rows_keep_only_what_they_carry():
    x = counts()
    genes = distinct_genes(x)
    truths = np.arange(len(x)) % 2 == 0
    for rows in ([1, 3], slice(2, 5), np.array([6, 0, 6]), [4], truths):
        part = genes[rows]
        assert np.array_equal(part.dense().numpy(), x[rows])
        assert len(part.vectors) == len(np.unique(x[rows].reshape(-1, 5), axis=0))
    assert torch.equal(genes[torch.tensor([4])].index, genes[[4]].index)


def test_colliding_keys_are_found_and_mended(monkeypatch):
    x = counts()
    want = distinct_genes(x)
    monkeypatch.setattr(distinct, "_hash", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    got = distinct_genes(x)
    assert torch.equal(got.vectors, want.vectors)
    assert torch.equal(got.index, want.index)


def test_work_in_parts_gives_the_same(monkeypatch):
    x = counts()
    want = distinct_genes(x)
    monkeypatch.setattr(distinct, "_GENES_AT_ONCE", 11)
    got = distinct_genes(x)
    assert torch.equal(got.vectors, want.vectors)
    assert torch.equal(got.index, want.index)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: distinct_genes(np.zeros((2, 3))), "tensor must have the shape"),
        (lambda: distinct_genes(np.zeros((2, 0, 3))), "none of them 0"),
        (lambda: distinct_genes(np.full((1, 1, 1), np.nan)), "tensor must be finite"),
        (lambda: DistinctGenes(torch.zeros(3), torch.zeros(1, 1, dtype=torch.int64)), "vectors"),
        (lambda: DistinctGenes(torch.zeros(3, 2), torch.zeros(1, 1)), "index must be"),
        (lambda: distinct_genes(np.zeros((2, 3, 4)))[1], "rows must choose"),
    ],
)
def test_bad_input_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
