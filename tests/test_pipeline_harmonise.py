"""Alleles, blocks and signs: each row has one fate, and the effect is that of the right allele."""

import itertools

import numpy as np
import pandas as pd
import pytest

from gitools.association import ld_matrix
from gitools.pipeline import (
    HarmoniseOptions,
    check_build,
    common_variants,
    cut_blocks,
    cut_costs,
    fate_table,
    flag_signs,
    harmonise,
    scan_genes,
    shrink_and_check,
    shrink_block,
    shrinker,
)
from gitools.pipeline.signs import _worst_of_each
from gitools.pipeline.stages import type_patterns
from gitools.shrinkage import NeuralShrinkage, susie_rss
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def _panel(*rows):
    return pd.DataFrame(rows, columns=["position", "effect_allele", "other_allele", "frequency"])


def _statistics(*rows):
    names = ["position", "effect_allele", "other_allele", "frequency", "z"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(row=np.arange(1, len(table) + 1), n=100.0)


def _one(statistics, variants, **options):
    found = harmonise(statistics, variants, HarmoniseOptions(**options))
    z = found.table["z"].tolist()
    return found.fates["fate"].tolist(), z


@pytest.mark.parametrize(("effect", "other"), [("A", "G"), ("C", "A"), ("G", "T"), ("T", "C")])
def test_four_ways_to_write_a_variant(effect, other):
    variants = _panel((10, effect, other, 0.3))
    ways = {
        (effect, other): ("kept", 2.0),
        (other, effect): ("swapped", -2.0),
        (COMPLEMENT[effect], COMPLEMENT[other]): ("strand", 2.0),
        (COMPLEMENT[other], COMPLEMENT[effect]): ("strand_swapped", -2.0),
    }
    for (first, second), (fate, z) in ways.items():
        frequency = 0.3 if z > 0 else 0.7
        found = _one(_statistics((10, first, second, frequency, 2.0)), variants)
        assert found == ([fate], [z]), (first, second)


def test_every_pair_of_pairs_has_a_fate():
    pairs = list(itertools.permutations("ACGT", 2))
    for panel_pair, file_pair in itertools.product(pairs, pairs):
        fates, _ = _one(_statistics((10, *file_pair, 0.3, 1.0)), _panel((10, *panel_pair, 0.3)))
        same = {*panel_pair} == {*file_pair}
        mirrored = {COMPLEMENT[base] for base in panel_pair} == {*file_pair}
        assert (fates == ["alleles_differ"]) == (not (same or mirrored))


@pytest.mark.parametrize("pair", [("A", "T"), ("T", "A"), ("C", "G"), ("G", "C")])
def test_ambiguous_by_frequency(pair):
    variants = _panel((10, *pair, 0.2))
    for first, second in (pair, pair[::-1]):
        assert _one(_statistics((10, first, second, 0.22, 2.0)), variants) == (
            ["ambiguous_kept"],
            [2.0],
        )
        assert _one(_statistics((10, first, second, 0.78, 2.0)), variants) == (
            ["ambiguous_swapped"],
            [-2.0],
        )
    for unclear in (0.45, np.nan):
        assert _one(_statistics((10, *pair, unclear, 2.0)), variants)[0] == ["ambiguous"]
    unclear_panel = _panel((10, *pair, 0.45))
    assert _one(_statistics((10, *pair, 0.3, 2.0)), unclear_panel)[0] == ["ambiguous"]
    assert _one(_statistics((10, *pair, 0.2, 2.0)), variants, ambiguous="drop")[0] == ["ambiguous"]
    kept = _one(_statistics((10, *pair[::-1], 0.8, 2.0)), variants, ambiguous="keep")
    assert kept == (["swapped"], [-2.0])


def test_longer_alleles_are_compared_as_text():
    variants = _panel((10, "AT", "A", 0.3), (20, "A", "AG", 0.3))
    statistics = _statistics(
        (10, "AT", "A", 0.3, 2.0), (20, "AG", "A", 0.7, 3.0), (20, "TC", "T", 0.7, 3.0)
    )
    assert _one(statistics, variants) == (["kept", "swapped", "alleles_differ"], [2.0, -3.0])


def test_other_fates():
    variants = _panel(
        (10, "A", "G", 0.3), (20, "A", "G", 0.3), (30, "A", "G", 0.0), (40, "A", "G", np.nan)
    )
    statistics = _statistics(
        (11, "A", "G", 0.3, 1.0),
        (10, "A", "C", 0.3, 1.0),
        (20, "A", "G", 0.7, 1.0),
        (30, "A", "G", 0.01, 1.0),
        (40, "A", "G", 0.01, 1.0),
    )
    assert _one(statistics, variants) == (
        ["not_in_panel", "alleles_differ", "frequency_differs", *["panel_constant"] * 2],
        [],
    )


def test_duplicates_keep_one_where_they_agree_and_none_where_they_do_not():
    variants = _panel((10, "A", "G", 0.3), (20, "A", "G", 0.3))
    statistics = _statistics(
        (10, "A", "G", 0.3, 2.0),
        (10, "C", "T", 0.7, -2.0),
        (20, "A", "G", 0.3, 2.0),
        (20, "A", "G", 0.3, -2.0),
    )
    assert _one(statistics, variants) == (
        ["kept", "duplicate", *["contradicting_duplicate"] * 2],
        [2.0],
    )


def test_several_variants_at_one_position_are_told_apart_by_alleles():
    variants = _panel((10, "A", "G", 0.3), (10, "A", "C", 0.2))
    statistics = _statistics((10, "C", "A", 0.8, 1.0), (10, "A", "G", 0.3, 2.0))
    found = harmonise(statistics, variants)
    assert found.table["panel_row"].tolist() == [0, 1]
    assert found.table["z"].tolist() == [2.0, -1.0]


def test_rows_lost_in_another_trait_are_named():
    variants = _panel((10, "A", "G", 0.3), (20, "A", "G", 0.3))
    both = harmonise(_statistics((20, "A", "G", 0.3, 2.0), (10, "A", "G", 0.3, 1.0)), variants)
    one = harmonise(_statistics((20, "G", "A", 0.7, 3.0)), variants)
    table, fates = common_variants({"x": both, "y": one})
    assert table.to_dict("list") == {
        "panel_row": [1], "row_x": [1], "z_x": [2.0], "n_x": [100.0],
        "row_y": [1], "z_y": [-3.0], "n_y": [100.0],
    }  # fmt: skip
    assert fates["x"]["fate"].tolist() == ["kept", "not_in_every_trait"]
    assert fates["y"]["fate"].tolist() == ["swapped"]


def test_columns_and_options_are_checked():
    variants, statistics = _panel((10, "A", "G", 0.3)), _statistics((10, "A", "G", 0.3, 1.0))
    with pytest.raises(ValueError, match="statistics: missing the columns z"):
        harmonise(statistics.drop(columns="z"), variants)
    for name, value in [
        ("ambiguous", "guess"),
        ("max_ambiguous_maf", 0.5),
        ("max_frequency_difference", 0),
    ]:
        with pytest.raises(ValueError, match=f"{name}: got"):
            harmonise(statistics, variants, HarmoniseOptions(**{name: value}))
    with pytest.raises(ValueError, match="counts: got 'lost'"):
        fate_table({"lost": 3}, trait="x")


def test_wrong_builds_are_refused_and_files_with_more_or_fewer_variants_are_not():
    check_build({"kept": 80, "alleles_differ": 5, "missing_value": 900}, 100, trait="x")
    check_build({"kept": 90, "not_in_panel": 9_000}, 100, trait="x")
    check_build({"kept": 90, "not_in_panel": 5}, 9_000, trait="x")
    with pytest.raises(ValueError, match="x: got 40 of 100 rows"):
        check_build({"kept": 40, "not_in_panel": 60}, 100, trait="x")
    with pytest.raises(ValueError, match="70% of them with its alleles"):
        check_build({"kept": 70, "alleles_differ": 30}, 100, trait="x")


def test_costs_of_cuts_are_those_of_the_definition():
    R = np.corrcoef(np.random.default_rng(0).normal(size=(30, 12)).T)
    costs = cut_costs(R, np.arange(1, 12), reach=3)
    for cut, cost in zip(range(1, 12), costs, strict=True):
        block = R[max(0, cut - 3) : cut, cut : cut + 3]
        assert cost == pytest.approx(np.mean(block**2))
    with pytest.raises(ValueError, match="candidates: expected cuts"):
        cut_costs(R, np.array([12]))


@pytest.mark.parametrize("n_variants", [1, 19, 40, 41, 59, 97, 200])
def test_blocks_keep_to_their_sizes_and_see_little_at_a_time(n_variants):
    R = np.corrcoef(np.random.default_rng(1).normal(size=(50, n_variants)).T).reshape(
        n_variants, -1
    )
    seen = []

    def ld(start, stop):
        seen.append(stop - start)
        return R[start:stop, start:stop]

    borders = cut_blocks(ld, n_variants, min_size=20, max_size=40, reach=8)
    sizes = np.diff(borders)
    assert borders[0] == 0 and borders[-1] == n_variants
    assert sizes.max() <= 40 and (len(sizes) == 1 or sizes.min() >= 20)
    assert max(seen, default=0) <= 40 + 2 * 8


def test_blocks_are_cut_where_chromosomes_of_ld_meet():
    rng = np.random.default_rng(2)
    sizes = [30, 25, 34, 28]
    R = np.zeros((sum(sizes),) * 2)
    start = 0
    for size in sizes:
        factor = rng.normal(size=(200, 1))
        part = factor + rng.normal(size=(200, size))
        R[start : start + size, start : start + size] = np.corrcoef(part.T)
        start += size
    borders = cut_blocks(lambda a, b: R[a:b, a:b], len(R), min_size=20, max_size=40, reach=10)
    assert borders.tolist() == [0, *np.cumsum(sizes)]
    with pytest.raises(ValueError, match="max_size: got 30"):
        cut_blocks(None, 100, min_size=20, max_size=30)
    with pytest.raises(ValueError, match="reach: got 0"):
        cut_blocks(None, 100, min_size=20, max_size=40, reach=0)


def _locus(seed, p=120, n=20_000):
    """LD, z scores of one causal variant, and a variant in strong LD with it."""
    rng = np.random.default_rng(seed)
    genotypes = simulate_genotypes(800, p, min_maf=0.05, thinning=1, random_state=rng)
    R = ld_matrix(genotypes.dosages)
    alike = np.where(np.abs(R) < 0.98, np.abs(R), 0)
    causal, partner = np.unravel_index(np.argmax(alike), R.shape)
    assert alike[causal, partner] > 0.9
    b = np.zeros(p)
    b[causal] = 0.06
    return R, simulate_summary_statistics(R, b, n, random_state=rng).z, int(partner)


def test_a_wrong_sign_in_strong_ld_is_flagged_and_right_ones_are_not():
    R, z, wrong = _locus(3)
    assert not flag_signs(z, R, 20_000).any()
    z[wrong] *= -1
    assert np.flatnonzero(flag_signs(z, R, 20_000)).tolist() == [wrong]
    with pytest.raises(ValueError, match="rounds: got 0"):
        flag_signs(z, R, 20_000, rounds=0)


def test_only_the_worst_of_each_neighbourhood_is_flagged_at_a_time():
    R = np.eye(6)
    R[0, 1] = R[1, 0] = R[1, 2] = R[2, 1] = 0.9
    R[3, 4] = R[4, 3] = 0.2
    places = np.array([0, 1, 2, 3, 4])
    chosen = _worst_of_each(places, np.array([5.0, 9.0, 4.0, 3.0, 2.5]), R)
    assert sorted(chosen) == [1, 3, 4]


def test_dropped_signs_leave_the_rest_as_if_they_had_never_been():
    R, z, wrong = _locus(3)
    z[wrong] *= -1
    rest = np.delete(np.arange(len(z)), wrong)
    n = np.full((len(z), 1), 20_000.0)
    method = shrinker("none")
    dropped = shrink_and_check(z[:, None], R, n, method, signs="drop")
    assert np.flatnonzero(dropped.flagged).tolist() == [wrong]
    np.testing.assert_allclose(dropped.effects[rest, 0], z[rest])
    assert dropped.effects[wrong] == 0
    reported = shrink_and_check(z[:, None], R, n, method)
    assert reported.flagged.sum() == 1 and reported.effects[wrong, 0] == z[wrong]
    assert not shrink_and_check(z[:, None], R, n, method, signs="ignore").flagged.any()
    with pytest.raises(ValueError, match="signs: got 'maybe'"):
        shrink_and_check(z[:, None], R, n, method, signs="maybe")
    with pytest.raises(ValueError, match="ld_shrinkage: got 2"):
        shrink_and_check(z[:, None], R, n, method, ld_shrinkage=2)


def test_methods_give_effects_in_standard_errors():
    R, z, _ = _locus(4)
    n = np.full((len(z), 1), 20_000.0)
    found = shrink_block(z[:, None], R, n, shrinker("susie"))[:, 0]
    np.testing.assert_allclose(
        found, susie_rss(z, R, 20_000).posterior_mean * np.sqrt(20_000), rtol=1e-12
    )
    network = NeuralShrinkage.pretrained()
    found = shrink_block(z[:, None], R, n, shrinker("network"))[:, 0]
    np.testing.assert_allclose(found, network.predict(z, np.ones(len(z)), R), rtol=1e-9, atol=1e-12)
    assert shrinker(network).name == shrinker("network").name
    with pytest.raises(ValueError, match="shrink: got 'magic'"):
        shrinker("magic")


def test_genes_by_turns_equal_one_by_one():
    from gitools.association import gene_test

    rng = np.random.default_rng(5)
    p = 300
    R = ld_matrix(simulate_genotypes(400, p, random_state=rng).dosages)
    z = rng.normal(size=(p, 2))
    positions = np.arange(p) * 10
    genes = pd.DataFrame({"start": [0, 150, 160, 1_000, 2_990, 5_000],
                          "end": [300, 170, 2_000, 1_400, 4_000, 6_000]})  # fmt: skip
    spans = []

    def ld(start, stop):
        spans.append(stop - start)
        return R[start:stop, start:stop]

    table, members = scan_genes(z, ld, positions, genes)
    assert table["n_variants"].tolist() == [31, 3, 185, 41, 1, 0]
    for gene, inside in enumerate(members[:-1]):
        for trait in range(2):
            rows = np.arange(inside.start, inside.stop)
            alone = gene_test(z[rows, trait] / np.sqrt(50), R[np.ix_(rows, rows)], 50)
            assert table.loc[gene, f"p_{trait}"] == pytest.approx(alone.p, rel=1e-8)
    assert table.iloc[-1][["p_0", "p_1"]].isna().all()
    with pytest.raises(ValueError, match="flank: got -1"):
        scan_genes(z, ld, positions, genes, flank=-1)


def test_patterns_of_types():
    names = ["null", "height", "height+disease"]
    assert type_patterns(names, ["height", "disease"]).tolist() == [
        [False, False], [True, False], [True, True],
    ]  # fmt: skip
    assert type_patterns(["null", "AB"], ["A", "B"]).tolist() == [[False] * 2, [True] * 2]
