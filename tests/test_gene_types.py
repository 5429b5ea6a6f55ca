"""Genes by association type: the sums by hand, the limits, and what is refused."""

import numpy as np
import pytest

from gitools.association import gene_types

PATTERNS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=bool)
GENES = [np.array([0, 1, 2]), np.array([3]), np.array([1, 4])]


def random_input(seed=0, p=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(p, 2)), rng.dirichlet(np.ones(4), size=p)


def test_sums_by_hand():
    effects, q = random_input()
    found = gene_types(effects, q, PATTERNS, GENES)
    gene = GENES[0]
    null = q[0, 0] * q[1, 0] * q[2, 0]
    share = q[gene, 3].sum() / q[gene, 1:].sum()
    assert found.probability[0, 0] == pytest.approx(null, rel=1e-12)
    assert found.probability[0, 3] == pytest.approx((1 - null) * share, rel=1e-12)
    on_first = 1 - np.prod([1 - q[j, 1] - q[j, 3] for j in gene])
    assert found.trait_probability[0, 0] == pytest.approx(on_first, rel=1e-12)
    energy = sum(q[j, 2] * (effects[j] @ effects[j]) for j in gene)
    total = (effects[gene] ** 2).sum()
    assert found.energy[0, 2] == pytest.approx(energy, rel=1e-12)
    assert found.score[0, 2] == pytest.approx(energy**2 / total, rel=1e-12)
    product = sum(effects[j, 0] * effects[j, 1] for j in gene)
    assert found.products[0, 0, 1] == pytest.approx(product, rel=1e-12)


def test_totals():
    effects, q = random_input(1)
    found = gene_types(effects, q, PATTERNS, GENES)
    assert np.allclose(found.probability.sum(axis=1), 1, atol=1e-12)
    assert np.allclose(found.expected.sum(axis=1), found.n_variants)
    traces = np.trace(found.products, axis1=1, axis2=2)
    assert np.allclose(found.energy.sum(axis=1), traces)


def test_two_specific_variants_make_a_gene_of_both_traits_without_a_shared_one():
    q = np.array([[0, 1.0, 0, 0], [0, 0, 1.0, 0]])
    found = gene_types(np.ones((2, 2)), q, PATTERNS, [np.array([0, 1])])
    assert np.allclose(found.trait_probability, 1)
    assert found.probability[0].tolist() == [0, 0.5, 0.5, 0]


def test_null_gene_and_order_of_types_and_traits():
    effects, q = random_input(2)
    q[3] = [1, 0, 0, 0]
    found = gene_types(effects, q, PATTERNS, GENES)
    assert found.probability[1].tolist() == [1, 0, 0, 0]
    order = [2, 0, 3, 1]
    other = gene_types(effects[:, ::-1], q[:, order], PATTERNS[order][:, ::-1], GENES)
    assert np.allclose(other.score, found.score[:, order])
    assert np.allclose(other.trait_probability, found.trait_probability[:, ::-1])


def test_blocks_at_once_equal_one_by_one():
    effects, q = random_input(3, p=8)
    whole = gene_types(effects, q, PATTERNS, [np.array([0, 2]), np.array([5, 7])])
    second = gene_types(effects[4:], q[4:], PATTERNS, [np.array([1, 3])])
    for together, alone in zip(whole, second, strict=True):
        assert np.allclose(together[1], alone[0])


def test_thousands_of_variants_do_not_underflow():
    q = np.tile([0.9, 0.1, 0, 0], (20_000, 1))
    found = gene_types(np.ones((20_000, 2)), q, PATTERNS, [np.arange(20_000)])
    assert found.probability[0].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"effects": np.full((5, 2), np.nan)}, "effects"),
        ({"effects": np.ones(5)}, "effects"),
        ({"posterior": np.full((5, 4), 0.3)}, "posterior"),
        ({"posterior": np.full((4, 4), 0.25)}, "posterior"),
        ({"posterior": "abc"}, "posterior"),
        ({"patterns": PATTERNS[:3]}, "patterns"),
        ({"patterns": PATTERNS.astype(int)}, "patterns"),
        ({"patterns": PATTERNS[[1, 1, 2, 0]]}, "patterns"),
        ({"patterns": PATTERNS[1:], "posterior": np.full((5, 3), 1 / 3)}, "patterns"),
        ({"genes": []}, "genes"),
        ({"genes": [np.array([], dtype=int)]}, "genes"),
        ({"genes": [np.array([5])]}, "genes"),
        ({"genes": [np.array([1, 1])]}, "genes"),
        ({"genes": [np.array([0.5])]}, "genes"),
    ],
)
def test_bad_input_is_named(change, name):
    effects, q = random_input()
    arguments = {"effects": effects, "posterior": q, "patterns": PATTERNS, "genes": GENES} | change
    with pytest.raises(ValueError, match=f"^{name}"):
        gene_types(**arguments)
