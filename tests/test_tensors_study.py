"""The study of chapter 52 and its figures, on small panels."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gitools.book.figures import tensors as figures
from gitools.book.studies import tensors as studies
from gitools.genomes.encode import encode
from gitools.simulate.plants import gene_scores, simulate_plants
from gitools.simulate.variant_types import VARIANT_TYPES


@pytest.fixture(scope="module")
def panel():
    return simulate_plants(60, 12, random_state=np.random.default_rng(1))


@pytest.fixture(scope="module")
def gene(panel):
    return next(g for g in (studies.gene_of(panel, k) for k in range(12)) if g is not None)


def test_sizes_of_effects_are_those_of_the_simulated_traits(panel):
    additive = gene_scores(panel, "additive")
    np.testing.assert_allclose(panel.tensor @ studies.type_weights(), additive)


def test_a_gene_has_the_counts_of_the_tensor(panel):
    for k in range(12):
        one = studies.gene_of(panel, k)
        if one is not None:
            counts = panel.tensor[:, k] - panel.tensor[:, k].mean(axis=0)
            np.testing.assert_allclose(one.counts, counts, atol=1e-12)
            outside = one.counts - one.basis @ (one.basis.T @ one.counts)
            assert np.abs(outside).max() < 1e-9


def test_the_formula_is_one_where_effects_are_alike_and_agrees_with_draws(gene):
    expected = studies.expected_shares(gene)
    drawn = studies.drawn_shares(gene, 3_000, np.random.default_rng(2))
    assert expected[-1] == pytest.approx(1)
    assert drawn[-1] == pytest.approx(1)
    assert 0 < expected[0] < 1
    np.testing.assert_allclose(drawn, expected, atol=0.05)


def test_without_ld_and_types_a_count_explains_one_part_in_p():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20_000, 4))
    x -= x.mean(axis=0)
    counts = np.zeros((20_000, 17))
    counts[:, 0] = x.sum(axis=1)
    one = studies.Gene(x, np.zeros(4, int), counts, studies.span(counts), np.ones(4))
    assert studies.expected_shares(one, [0.0])[0] == pytest.approx(1 / 4, abs=0.01)


def test_variance_between_classes_by_hand():
    values = np.array([[1.0], [3.0], [-2.0], [-2.0]])
    of = studies.classes(np.array([[0, 1], [0, 1], [2, 0], [2, 0]]))
    assert studies.between_classes(values, of) == pytest.approx([8 + 8])


def test_the_f_test_is_uniform_under_the_null():
    rng = np.random.default_rng(4)
    basis = studies.span(rng.standard_normal((40, 3)))
    basis = studies.span(basis - basis.mean(axis=0))
    y = rng.standard_normal((40, 400))
    p = [studies.f_test(column - column.mean(), basis) for column in y.T]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_a_panel_gives_every_quantity(panel):
    row = studies.study_panel(np.random.default_rng(5), 60, 12, 20)
    assert np.isfinite(list(row.values())).all()
    assert row["histograms"] <= row["haplotypes"]
    assert row["linear"] < row["any function"] <= 1
    assert row["kept variants 10%"] < row["kept variants 5%"] < 1
    assert 0 <= row["pairs equal"] < row["pairs different"]


def test_a_table_with_a_panel_twice_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    pd.DataFrame({"panel": [0, 0], "linear": [0.1, 0.2]}).to_csv(path, index=False)
    with pytest.raises(ValueError, match="repeats"):
        studies.read_table(path)


def test_the_small_file_and_its_calls_are_one(tmp_path):
    pytest.importorskip("cyvcf2", reason="cyvcf2 has no build for this system")
    path = tmp_path / "small.vcf"
    path.write_text(studies.small_vcf())
    genes = studies.small_genes()
    read = encode(path, tmp_path / "a", genes)
    told = encode(studies.small_calls(), tmp_path / "b", genes)
    np.testing.assert_array_equal(read.counts[:], told.counts[:])
    np.testing.assert_array_equal(read.missing[:], told.missing[:])
    assert read.report == told.report
    assert read.counts[:].sum() == 12


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (figures.draw_gene, (*studies.small_gene_drawing(), 300)),
        (figures.draw_histograms, (np.eye(4, 17, dtype=int), ["a"] * 4, VARIANT_TYPES)),
        (figures.draw_types, ({"a": {"UTR3": 1.0}, "b": {"UTR3": 2.0}},)),
        (figures.draw_missing, (np.array([0.1, 0.2]), np.array([5, 6]), ["a", "b"])),
        (figures.draw_receptors, (np.ones((5, 2, 3), dtype=int), list("xyz"), ["T", "A"])),
        (figures.draw_pairs, ({"p": [0, 1]}, {"q": [1, 1]}, ["a", "b"])),
        (figures.draw_shares, (np.arange(3) / 2, np.ones((4, 3)), np.ones((4, 3)), 0.9)),
        (figures.draw_scales, ({"a": np.ones(2), "b": np.ones(2)}, list("xy"), ["a", "b"])),
        (figures.draw_rejections, ({"a": (0.05, 0.04, 0.06)}, 0.05)),
    ],
)
def test_figures_have_labels_and_one_picture(draw, arguments):
    plt.close("all")
    draw(*arguments)
    assert len(plt.get_fignums()) == 1
    assert plt.gcf().axes
    plt.close("all")
