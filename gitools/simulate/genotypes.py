"""Genotypes with realistic linkage disequilibrium, drawn from the coalescent.

References
----------
Baumdicker, F. et al. (2022). Efficient ancestry and mutation simulation with msprime 1.0.
Genetics 220, iyab229.

Myers, S., Bottolo, L., Freeman, C., McVean, G. and Donnelly, P. (2005). A fine-scale map of
recombination rates and hotspots across the human genome. Science 310, 321-324.
"""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import NamedTuple

import msprime
import numpy as np
import tskit

EFFECTIVE_SIZE = 10_000
MUTATION_RATE = 1.25e-8
# A genotyping array carries about one common variant in five or fewer.
_ARRAY_SHARE = 0.2
_VARIANTS_PER_BLOCK = 1_000
_HOTSPOT_WIDTH = 2_000
_HOTSPOT_SHARE = 0.8
_MOST_HOTSPOTS = 250
# The number of segregating sites varies from history to history: room for a short draw.
_MARGIN = 1.2
_MARGIN_VARIANTS = 40
_MOST_ATTEMPTS = 4


class Genotypes(NamedTuple):
    """Genotypes of unrelated people.

    Attributes
    ----------
    dosages : int8 array of shape (n, p)
        Copies of the derived allele, 0, 1 or 2. Fortran order: a variant's column is contiguous.
    positions : int64 array of shape (p,)
        Positions in base pairs, increasing. Blocks follow one another on one axis.
    frequencies : float array of shape (p,)
        Frequency of the derived allele among these people.
    blocks : int array of shape (p,)
        Block of each variant. Different blocks are simulated apart, like chromosomes.
    populations : int array of shape (n,)
        Population of each person.
    """

    dosages: np.ndarray
    positions: np.ndarray
    frequencies: np.ndarray
    blocks: np.ndarray
    populations: np.ndarray


def simulate_genotypes(
    n_people,
    n_variants: int,
    *,
    sequence_length: float | None = None,
    n_blocks: int | None = None,
    recombination: float = 1e-8,
    hotspots: float = 0.0,
    min_maf: float = 0.01,
    thinning: float | None = None,
    split_time: float = 2_000.0,
    random_state=None,
) -> Genotypes:
    """Simulate dosages of exactly ``n_variants`` variants by the coalescent.

    Effective size 10,000 (diploid) and 1.25e-8 mutations a base pair and generation; the ancestry
    is exact (Hudson's algorithm), every variant has two alleles. Blocks are simulated one by one
    and only the chosen variants are kept, so that the memory is that of the answer and of one
    block's ancestry.

    Parameters
    ----------
    n_people : int or pair of int
        Number of people. A pair draws them from two populations that split ``split_time``
        generations ago and have not mixed since.
    n_variants : int
        Number of variants, over all blocks.
    sequence_length : float, optional
        Length in base pairs, over all blocks. By default as long as ``thinning`` needs.
    n_blocks : int, optional
        Number of independent blocks of (nearly) equally many variants; by default one for every
        1,000 variants begun.
    recombination : float
        Recombination rate a base pair and generation, at least 0: the mean if there are hot spots.
    hotspots : float
        Hot spots a megabase, at most 250. Each is 2 kb wide, and together they carry 80 % of the
        recombination.
    min_maf : float
        Smallest minor allele frequency kept, in [0, 0.5), among all people together. A variant
        that does not vary is never kept.
    thinning : float, optional
        Share of the variants above ``min_maf`` that are kept, in (0, 1]; 1 keeps neighbouring
        ones. As on an array the kept variants are spread evenly, and common ones are preferred:
        one is drawn from each run of 1 / thinning neighbours with probability proportional to
        2 f (1 - f). By default 0.2 or, with a ``sequence_length``, what fills the sequence.
    split_time : float
        Generations since the split, positive. Used only with two populations.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Genotypes
        ``dosages`` [n, p], ``positions`` [p], ``frequencies`` [p], ``blocks`` [p] and
        ``populations`` [n].

    Raises
    ------
    ValueError
        If an argument is outside its range, or the sequence holds too few variants.

    Notes
    -----
    Without a ``sequence_length`` a block that turns out too poor in variants is drawn again, twice
    as long; this favours deep ancestries slightly in blocks of a few variants.

    References
    ----------
    Baumdicker et al. (2022); hot spots after Myers et al. (2005).
    """
    sizes = _check_people(n_people)
    n_variants = _check_count("n_variants", n_variants)
    n_blocks = _check_blocks(n_blocks, n_variants)
    _check_rates(recombination, hotspots, min_maf, thinning, split_time)
    if sequence_length is not None:
        _check_length(sequence_length, n_blocks)
    rng = np.random.default_rng(random_state)
    variants = np.empty((n_variants, sum(sizes)), dtype=np.int8)
    positions = np.empty(n_variants, dtype=np.int64)
    blocks = np.repeat(np.arange(n_blocks), _shares(n_variants, n_blocks))
    offset = 0
    for block in range(n_blocks):
        rows = np.flatnonzero(blocks == block)
        candidates = None if thinning is None else int(np.ceil(rows.size / thinning))
        if sequence_length is None:
            candidates = candidates or int(np.ceil(rows.size / _ARRAY_SHARE))
            length = _length_for(candidates, 2 * sum(sizes), min_maf)
        else:
            length = int(sequence_length // n_blocks)
        draw = _draws(sizes, length, recombination, hotspots, split_time, rng)
        needed = candidates or rows.size
        ancestry, counts, kept = _rich_enough(draw, needed, min_maf, sequence_length is not None)
        if candidates is not None:
            kept = kept[:candidates]
        kept = _thin(kept, counts[kept] / (2 * sum(sizes)), rows.size, rng)
        _fill(variants[rows[0] : rows[-1] + 1], ancestry, kept)
        positions[rows] = offset + ancestry.tables.sites.position[kept].astype(np.int64)
        offset += int(ancestry.sequence_length)
    frequencies = variants.sum(axis=1, dtype=np.int64) / (2 * sum(sizes))
    populations = np.repeat(np.arange(len(sizes)), sizes)
    return Genotypes(variants.T, positions, frequencies, blocks, populations)


def _shares(total, parts):
    """Sizes of ``parts`` nearly equal parts of ``total``."""
    return np.diff(np.linspace(0, total, parts + 1).astype(int))


def _length_for(candidates, n_haplotypes, min_maf):
    """Base pairs in which the neutral model expects enough variants above ``min_maf``."""
    least = max(1, int(np.ceil(min_maf * n_haplotypes)))
    counts = np.arange(least, max(least + 1, n_haplotypes - least + 1))
    per_base = 4 * EFFECTIVE_SIZE * MUTATION_RATE * np.sum(1 / counts)
    return int(np.ceil((_MARGIN * candidates + _MARGIN_VARIANTS) / per_base))


def _draws(sizes, length, recombination, hotspots, split_time, rng) -> Iterator:
    """Ancestries with mutations, each on a sequence twice as long as the one before."""
    while True:
        seeds = rng.integers(1, 2**31, size=2)
        ancestry = msprime.sim_ancestry(
            samples={f"population_{i}": size for i, size in enumerate(sizes)},
            demography=_demography(len(sizes), split_time),
            recombination_rate=_rate_map(length, recombination, hotspots, rng),
            random_seed=int(seeds[0]),
        )
        yield msprime.sim_mutations(
            ancestry,
            rate=MUTATION_RATE,
            model=msprime.BinaryMutationModel(),
            random_seed=int(seeds[1]),
        )
        length *= 2


def _demography(n_populations, split_time):
    demography = msprime.Demography()
    names = [f"population_{i}" for i in range(n_populations)]
    for name in names:
        demography.add_population(name=name, initial_size=EFFECTIVE_SIZE)
    if n_populations > 1:
        demography.add_population(name="ancestors", initial_size=EFFECTIVE_SIZE)
        demography.add_population_split(time=split_time, derived=names, ancestral="ancestors")
    return demography


def _rate_map(length, recombination, hotspots, rng):
    """Recombination map with one hot spot at a random place in each of equal stretches."""
    n_hot = round(hotspots * length / 1e6)
    if n_hot == 0 or recombination == 0:
        return msprime.RateMap.uniform(length, recombination)
    stretch = length / n_hot
    starts = stretch * np.arange(n_hot) + rng.uniform(0, stretch - _HOTSPOT_WIDTH, n_hot)
    edges = np.column_stack([starts, starts + _HOTSPOT_WIDTH]).ravel()
    hot = recombination * _HOTSPOT_SHARE * length / (n_hot * _HOTSPOT_WIDTH)
    cold = recombination * (1 - _HOTSPOT_SHARE) * length / (length - n_hot * _HOTSPOT_WIDTH)
    rates = np.full(2 * n_hot + 1, cold)
    rates[1::2] = hot
    return msprime.RateMap(position=np.concatenate([[0], edges, [length]]), rate=rates)


def _rich_enough(draws, needed, min_maf, fixed_length):
    """First ancestry with enough variants above ``min_maf``; their counts, and which they are."""
    for _ in range(1 if fixed_length else _MOST_ATTEMPTS):
        ancestry = next(draws)
        counts = _derived_counts(ancestry)
        minor = np.minimum(counts, ancestry.num_samples - counts)
        kept = np.flatnonzero((minor > 0) & (minor >= min_maf * ancestry.num_samples))
        if kept.size >= needed:
            return ancestry, counts, kept
    name = "sequence_length" if fixed_length else "n_variants"
    raise ValueError(
        f"{name}: got a block of {int(ancestry.sequence_length)} base pairs in which {kept.size} "
        f"variants reach min_maf = {min_maf:g}, expected at least {needed} "
        "(variants of the block / thinning)"
    )


def _derived_counts(ancestry):
    """Copies of the derived allele at each site."""
    return np.fromiter(
        (np.count_nonzero(variant.genotypes) for variant in ancestry.variants()),
        dtype=np.int64,
        count=ancestry.num_sites,
    )


def _thin(kept, frequencies, n_variants, rng):
    """One of each run of neighbours, with probability proportional to 2 f (1 - f)."""
    run = np.repeat(np.arange(n_variants), _shares(kept.size, n_variants))
    # The smallest of exponential times whose rates are the weights is a weighted draw.
    times = rng.exponential(size=kept.size) / (frequencies * (1 - frequencies))
    order = np.lexsort((times, run))
    first = np.searchsorted(run, np.arange(n_variants))
    return kept[order[first]]


def _fill(rows, ancestry, sites):
    """Write the dosages at ``sites`` into rows of shape (variants, people)."""
    variant = tskit.Variant(ancestry)
    for row, site in zip(rows, sites, strict=True):
        variant.decode(int(site))
        haplotypes = variant.genotypes.astype(np.int8)
        # BinaryMutationModel lists the ancestral state first.
        np.add(haplotypes[0::2], haplotypes[1::2], out=row)


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
    return int(value)


def _check_people(n_people):
    sizes = (n_people,) if np.ndim(n_people) == 0 else tuple(n_people)
    if len(sizes) > 2:
        raise ValueError(f"n_people: got {n_people!r}, expected an integer or a pair of integers")
    return tuple(_check_count("n_people", size) for size in sizes)


def _check_blocks(n_blocks, n_variants):
    if n_blocks is None:
        return -(-n_variants // _VARIANTS_PER_BLOCK)
    n_blocks = _check_count("n_blocks", n_blocks)
    if n_blocks > n_variants:
        raise ValueError(
            f"n_blocks: got {n_blocks}, expected at most one a variant ({n_variants} variants)"
        )
    return n_blocks


def _check_length(sequence_length, n_blocks):
    if not isinstance(sequence_length, Real) or not np.isfinite(sequence_length):
        raise ValueError(f"sequence_length: got {sequence_length!r}, expected a finite number")
    if sequence_length < 1_000 * n_blocks:
        raise ValueError(
            f"sequence_length: got {sequence_length!r}, expected at least 1,000 base pairs a block "
            f"({n_blocks} blocks)"
        )


def _check_rates(recombination, hotspots, min_maf, thinning, split_time):
    ranges = {
        "recombination": (recombination, lambda x: 0 <= x < 0.5, "a number in [0, 0.5)"),
        "hotspots": (hotspots, lambda x: 0 <= x <= _MOST_HOTSPOTS, "a number from 0 to 250"),
        "min_maf": (min_maf, lambda x: 0 <= x < 0.5, "a number in [0, 0.5)"),
        "thinning": (
            1.0 if thinning is None else thinning,
            lambda x: 0 < x <= 1,
            "a number in (0, 1] or None",
        ),
        "split_time": (split_time, lambda x: 0 < x < np.inf, "a positive number"),
    }
    for name, (value, inside, expected) in ranges.items():
        if not isinstance(value, Real) or not inside(value):
            raise ValueError(f"{name}: got {value!r}, expected {expected}")
