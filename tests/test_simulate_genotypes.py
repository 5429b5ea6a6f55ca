"""Simulated genotypes: what was asked for, the coalescent's laws, and refused arguments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitools.simulate import simulate_genotypes
from gitools.simulate.genotypes import _rate_map


def correlations(genotypes):
    return np.corrcoef(genotypes.dosages.T.astype(float))


@settings(deadline=None, max_examples=20)
@given(
    n_people=st.integers(2, 40),
    n_variants=st.integers(1, 60),
    n_blocks=st.integers(1, 3),
    min_maf=st.sampled_from([0.0, 0.05, 0.3]),
    hotspots=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 10**6),
)
def test_what_is_asked_for_comes(n_people, n_variants, n_blocks, min_maf, hotspots, seed):
    n_blocks = min(n_blocks, n_variants)
    genotypes = simulate_genotypes(
        n_people,
        n_variants,
        n_blocks=n_blocks,
        min_maf=min_maf,
        hotspots=hotspots,
        random_state=seed,
    )
    dosages, positions, frequencies, blocks, populations = genotypes
    assert dosages.shape == (n_people, n_variants)
    assert dosages.dtype == np.int8
    assert set(np.unique(dosages)) <= {0, 1, 2}
    np.testing.assert_allclose(frequencies, dosages.mean(axis=0) / 2)
    minor = np.minimum(frequencies, 1 - frequencies)
    assert np.all((minor > 0) & (minor >= min_maf))
    assert np.all(np.diff(positions) > 0)
    assert np.all(np.diff(blocks) >= 0)
    assert np.ptp(np.bincount(blocks, minlength=n_blocks)) <= 1
    assert np.array_equal(populations, np.zeros(n_people))


def test_one_seed_gives_one_data_set_and_another_gives_another():
    first, second, other = (
        simulate_genotypes(20, 30, hotspots=20, random_state=seed) for seed in (5, 5, 6)
    )
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.positions, other.positions)
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(
        simulate_genotypes(20, 30, hotspots=20, random_state=rng).dosages, first.dosages
    )


def test_allele_counts_follow_the_neutral_spectrum():
    genotypes = simulate_genotypes(10, 4_000, n_blocks=100, min_maf=0, thinning=1, random_state=1)
    counts = genotypes.dosages.sum(axis=0)
    harmonic = np.sum(1 / np.arange(1, 20))
    for copies in (1, 2, 5):
        shares = [np.mean(counts[genotypes.blocks == block] == copies) for block in range(100)]
        error = np.std(shares) / np.sqrt(len(shares))
        assert abs(np.mean(shares) - 1 / (copies * harmonic)) < 5 * error


def test_genotypes_are_in_hardy_weinberg_proportions():
    genotypes = simulate_genotypes(2_000, 200, n_blocks=20, random_state=2)
    f = genotypes.frequencies
    ratio = np.mean(genotypes.dosages == 1, axis=0) / (2 * f * (1 - f))
    assert abs(ratio.mean() - 1) < 0.01


def test_ld_decays_with_distance_and_ends_at_a_block():
    genotypes = simulate_genotypes(1_000, 600, n_blocks=2, min_maf=0.05, random_state=3)
    squares = correlations(genotypes) ** 2
    same = genotypes.blocks[:, None] == genotypes.blocks
    distance = np.abs(genotypes.positions[:, None] - genotypes.positions)
    near = squares[same & (distance > 0) & (distance < 10_000)].mean()
    middle = squares[same & (distance > 50_000) & (distance < 100_000)].mean()
    far = squares[same & (distance > 300_000)].mean()
    assert near > 2 * middle > 4 * far
    assert abs(squares[~same].mean() * 999 - 1) < 0.3


def test_recombination_breaks_ld():
    means = [
        np.mean(
            correlations(
                simulate_genotypes(
                    200, 80, n_blocks=1, recombination=rate, min_maf=0.1, random_state=4
                )
            )
            ** 2
        )
        for rate in (0, 1e-8, 1e-7)
    ]
    assert means[0] > 1.5 * means[1] > 2 * means[2]


def test_hot_spots_carry_four_fifths_and_keep_the_mean():
    rates = _rate_map(1_000_000, 1e-8, 20, np.random.default_rng(0))
    assert rates.mean_rate == pytest.approx(1e-8)
    hot = rates.rate > 1e-8
    assert hot.sum() == 20
    np.testing.assert_allclose(rates.span[hot], 2_000)
    assert np.sum(rates.mass[hot]) / rates.total_mass == pytest.approx(0.8)


def test_thinning_spreads_variants_and_prefers_common_ones():
    dense, sparse = (
        simulate_genotypes(500, 300, thinning=share, random_state=7) for share in (1.0, 0.1)
    )
    assert np.diff(sparse.positions).mean() > 5 * np.diff(dense.positions).mean()
    heterozygosity = [np.mean(g.frequencies * (1 - g.frequencies)) for g in (dense, sparse)]
    assert heterozygosity[1] > 1.2 * heterozygosity[0]


def test_a_given_sequence_is_filled():
    genotypes = simulate_genotypes(
        50, 60, sequence_length=400_000, n_blocks=2, hotspots=10, random_state=8
    )
    assert genotypes.positions[-1] < 400_000
    assert genotypes.positions[0] < 40_000
    assert genotypes.positions[-1] > 360_000
    assert np.searchsorted(genotypes.positions, 200_000) == 30


def test_two_populations_drift_apart():
    difference = []
    for split_time in (100, 20_000):
        genotypes = simulate_genotypes(
            (200, 100), 500, n_blocks=10, split_time=split_time, min_maf=0.05, random_state=9
        )
        np.testing.assert_array_equal(genotypes.populations, np.repeat([0, 1], [200, 100]))
        means = [genotypes.dosages[genotypes.populations == k].mean(axis=0) for k in (0, 1)]
        difference.append(np.abs(means[0] - means[1]).mean())
    assert difference[1] > 5 * difference[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"n_people": 0}, "n_people: got 0, expected an integer"),
        ({"n_people": 3.0}, "n_people: got 3.0"),
        ({"n_people": True}, "n_people: got True"),
        ({"n_people": (5, 0)}, "n_people: got 0"),
        ({"n_people": (5, 5, 5)}, "n_people: got .5, 5, 5., expected an integer or a pair"),
        ({"n_variants": 0}, "n_variants: got 0"),
        ({"n_variants": 9.5}, "n_variants: got 9.5"),
        ({"n_blocks": 21}, "n_blocks: got 21, expected at most one a variant"),
        ({"n_blocks": 0}, "n_blocks: got 0"),
        ({"sequence_length": 100}, "sequence_length: got 100, expected at least 1,000"),
        ({"sequence_length": float("nan")}, "sequence_length: got nan"),
        ({"sequence_length": "long"}, "sequence_length: got 'long'"),
        ({"sequence_length": 2_000}, r"sequence_length: got a block of 2000 base pairs in which"),
        ({"recombination": -1e-8}, "recombination: got -1e-08"),
        ({"recombination": float("nan")}, "recombination: got nan"),
        ({"hotspots": -1}, "hotspots: got -1"),
        ({"hotspots": 300}, "hotspots: got 300"),
        ({"min_maf": 0.5}, r"min_maf: got 0.5, expected a number in \[0, 0.5\)"),
        ({"min_maf": "rare"}, "min_maf: got 'rare'"),
        ({"thinning": 0}, r"thinning: got 0, expected a number in \(0, 1\]"),
        ({"thinning": 1.5}, "thinning: got 1.5"),
        ({"split_time": 0, "n_people": (5, 5)}, "split_time: got 0"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        simulate_genotypes(**{"n_people": 10, "n_variants": 20, "random_state": 0} | arguments)
