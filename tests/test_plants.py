"""Simulated plants: genomes, places, pathways and traits have the make that is promised."""

import numpy as np
import pytest

from gitools.simulate import (
    DAMAGING_TYPES,
    LOSS_OF_FUNCTION,
    VARIANT_TYPES,
    gene_scores,
    simulate_ionome,
    simulate_plants,
)
from gitools.simulate.plants import ARCHITECTURES

N, GENES = 300, 100


@pytest.fixture(scope="module")
def panel():
    return simulate_plants(N, GENES, density=8, overlap=0.4, random_state=5)


@pytest.fixture(scope="module")
def traits(panel):
    return simulate_ionome(panel, random_state=6)


def within_variance(values, country):
    """Sum of squares around the countries' means, over its degrees of freedom."""
    centred = values.astype(float)
    for k in np.unique(country):
        centred[country == k] -= centred[country == k].mean(axis=0)
    return (centred**2).sum(axis=0) / (len(values) - np.unique(country).size)


def fst(a, b):
    """Hudson's estimator for haploid samples, a ratio of sums over variants."""
    p, q = a.mean(axis=0), b.mean(axis=0)
    within = p * (1 - p) * len(a) / (len(a) - 1) + q * (1 - q) * len(b) / (len(b) - 1)
    return 1 - within.sum() / (p * (1 - q) + q * (1 - p)).sum()


def kilometres(panel, a, b):
    (lat, lon), (lat2, lon2) = (panel.coordinates[panel.country == k].mean(axis=0) for k in (a, b))
    east = (lon - lon2) * np.cos(np.radians((lat + lat2) / 2))
    return 111 * np.hypot(lat - lat2, east)


def test_types_are_the_seventeen():
    assert len(VARIANT_TYPES) == len(set(VARIANT_TYPES)) == 17
    assert set(LOSS_OF_FUNCTION) < set(DAMAGING_TYPES) < set(VARIANT_TYPES)


def test_shapes(panel):
    p = panel.variants.shape[1]
    assert panel.tensor.shape == (N, GENES, 17) and panel.tensor.dtype == np.int8
    assert panel.variants.shape[0] == N and panel.variants.dtype == np.int8
    for values in (panel.variant_gene, panel.variant_type, panel.variant_position):
        assert values.shape == (p,)
    assert set(panel.gene_chromosome) == set(panel.variant_chromosome) == {1, 2, 3, 4, 5}
    assert np.array_equal(panel.gene_chromosome[panel.variant_gene], panel.variant_chromosome)
    assert panel.coordinates.shape == (N, 2) and np.abs(panel.coordinates[:, 0]).max() < 90
    sizes = np.bincount(panel.country)
    assert sizes.size == len(panel.country_names) and sizes.argmax() == 0
    assert np.all(sizes[:7] > 15) and np.all(sizes[7:] < 10)


def test_tensor_counts_the_variants(panel):
    counts = np.zeros(panel.tensor.shape, dtype=int)
    for carried, gene, kind in zip(
        panel.variants.T, panel.variant_gene, panel.variant_type, strict=True
    ):
        counts[:, gene, kind] += carried
    assert np.array_equal(counts, panel.tensor)
    assert set(np.unique(panel.variants)) == {0, 1}
    assert np.all(panel.variants.std(axis=0) > 0)


@pytest.mark.parametrize("density", [4, 20])
def test_density_is_that_asked_for(density):
    panel = simulate_plants(60, 40, density=density, random_state=1)
    carried = panel.tensor.sum(axis=2, dtype=int).mean()
    assert carried == pytest.approx(density, rel=0.1)


def test_counts_never_exceed_the_type():
    from gitools.simulate.plants import _cap, _count, _Part

    rng = np.random.default_rng(0)
    carried = (rng.random((400, 3)) < [0.9, 0.5, 0.1]).astype(np.int8)
    many = _Part(carried, *np.zeros((3, 400), int))
    capped, tensor = _cap(many, rng), np.zeros((3, 2, 17), np.int8)
    _count(tensor, capped)
    counts = capped.carried.sum(axis=0, dtype=int)
    assert np.array_equal(tensor[:, 0, 0], counts) and counts[0] == 127
    few = _Part(*(values[:100] for values in many))
    assert _cap(few, rng) is few


def test_genes_lie_apart_and_types_where_they_belong(panel):
    for chromosome in range(1, 6):
        at = panel.gene_chromosome == chromosome
        assert np.all(panel.gene_start[at] < panel.gene_end[at])
        assert np.all(panel.gene_end[at][:-1] < panel.gene_start[at][1:])
        here = panel.variant_chromosome == chromosome
        assert np.all(np.diff(panel.variant_position[here]) >= 0)
    start, end = panel.gene_start[panel.variant_gene], panel.gene_end[panel.variant_gene]
    inside = (panel.variant_position >= start) & (panel.variant_position < end)
    outside = [VARIANT_TYPES.index(t) for t in ("upstream", "downstream", "intergenic")]
    assert np.array_equal(inside, ~np.isin(panel.variant_type, outside))


def test_damaging_types_are_rarer(panel):
    frequency = panel.variants.mean(axis=0)
    minor = np.minimum(frequency, 1 - frequency)

    def mean_of(names):
        return minor[np.isin(panel.variant_type, [VARIANT_TYPES.index(t) for t in names])].mean()

    changes = [t for t in DAMAGING_TYPES if t not in LOSS_OF_FUNCTION]
    assert mean_of(LOSS_OF_FUNCTION) < 0.6 * mean_of(changes) < 0.6 * mean_of(["intronic"])


def test_ld_is_high_and_decays(panel):
    frequency = panel.variants.mean(axis=0)
    common = np.minimum(frequency, 1 - frequency) > 0.1
    near, far = [], []
    for chromosome in range(1, 6):
        at = common & (panel.variant_chromosome == chromosome)
        r2 = np.corrcoef(panel.variants[:, at].T) ** 2
        position = panel.variant_position[at]
        apart = np.abs(position[:, None] - position)
        near.append(r2[(apart > 0) & (apart < 1_000)].mean())
        far.append(r2[apart > 50_000].mean())
    assert np.mean(near) > 0.3
    assert np.mean(far) < 0.3 * np.mean(near)


def test_fst_is_positive_and_rises_with_distance(panel):
    pairs = [(a, b) for a in range(7) for b in range(a) if 2 not in (a, b)]
    values = np.array([fst(*(panel.variants[panel.country == k] for k in pair)) for pair in pairs])
    distance = [kilometres(panel, *pair) for pair in pairs]
    assert values.min() > 0.02 and 0.05 < values.mean() < 0.35
    assert np.corrcoef(values, distance)[0, 1] > 0.3


def test_the_country_over_the_ocean_descends_from_its_founders(panel):
    others = panel.variants[panel.country == 2]
    values = [fst(others, panel.variants[panel.country == k]) for k in (0, 1, 3, 4, 5, 6)]
    assert np.argmin(values) in (2, 4)
    assert min(values) < 0.5 * np.median(values)


def test_full_size_gives_the_printed_counts():
    panel = simulate_plants(998, 10, keep_variants=False, random_state=0)
    sizes = np.bincount(panel.country)
    assert sizes.size == 46
    assert list(sizes[:7]) == [243, 180, 123, 118, 73, 69, 60]
    assert panel.variants is None


def test_pathways():
    partition = simulate_plants(20, 200, random_state=2)
    genes, counts = np.unique(partition.pathways[:, 0], return_counts=True)
    assert np.array_equal(genes, np.arange(200)) and np.all(counts == 1)
    dummy = partition.pathways[:, 1] == partition.n_pathways - 1
    assert dummy.sum() == 56
    assert np.all(np.bincount(partition.pathways[:, 1]) >= 2)
    overlapping = simulate_plants(20, 200, overlap=0.5, random_state=2).pathways
    assert len(np.unique(overlapping, axis=0)) == len(overlapping) == 200 + 72
    twice = np.bincount(overlapping[:, 0]) == 2
    assert not np.any(twice[overlapping[overlapping[:, 1] == overlapping[:, 1].max(), 0]])


def test_source_size_has_the_printed_number_of_pathways():
    from gitools.simulate.plants import _draw_pathways

    edges, n_pathways = _draw_pathways(27_655, None, 0.0, np.random.default_rng(0))
    assert n_pathways == 1_273 and len(edges) == 27_655


def test_same_seed_same_plants(panel, traits):
    again = simulate_plants(N, GENES, density=8, overlap=0.4, random_state=5)
    assert np.array_equal(again.variants, panel.variants)
    assert np.array_equal(again.coordinates, panel.coordinates)
    assert np.array_equal(simulate_ionome(again, random_state=6).means, traits.means)


def test_shapes_of_traits(panel, traits):
    assert traits.means.shape == traits.genetic.shape == (N, 36)
    assert traits.replicates.shape == (N, 36, 6) and traits.auxiliary.shape == (N, 288)
    assert traits.names[0] == "leaf Li" and traits.names[18] == "seed Li"
    assert traits.causal_genes.shape == (GENES, 36)
    assert np.all(traits.causal_genes.sum(axis=0) == 10)
    assert traits.causal_pathways.shape == (panel.n_pathways, 36)
    assert not traits.causal_pathways[-1].any() and traits.causal_pathways.any(axis=0).all()
    assert traits.country_effects.shape == (len(panel.country_names), 36)


def test_causal_genes_lie_in_causal_pathways(panel, traits):
    edges = panel.pathways
    for t in range(0, 36, 7):
        inside = edges[traits.causal_pathways[edges[:, 1], t], 0]
        assert np.all(np.isin(np.flatnonzero(traits.causal_genes[:, t]), inside))


def test_without_pathway_share_pathways_explain_no_gene(panel):
    traits = simulate_ionome(panel, pathway_share=0, n_auxiliary=0, random_state=1)
    assert not traits.causal_pathways.any()
    assert np.all(traits.causal_genes.sum(axis=0) == 10)
    assert traits.auxiliary.shape == (N, 0)


def test_variances(panel, traits):
    genetic = within_variance(traits.genetic, panel.country)
    realised = genetic / (genetic + traits.noise_variance)
    assert np.allclose(realised, 0.4) and np.allclose(traits.heritability, 0.4)
    places = traits.country_effects[panel.country]
    assert np.allclose(places.var(axis=0), 0.2)
    total = traits.genetic.var(axis=0) + places.var(axis=0) + traits.noise_variance
    assert np.allclose(total, 1)


def test_heritability_holds_within_countries_of_a_replicate(panel, traits):
    one = within_variance(traits.replicates[:, :, 0], panel.country)
    genetic = within_variance(traits.genetic, panel.country)
    assert np.mean(genetic / one) == pytest.approx(0.4, abs=0.02)


def test_replicates_have_their_noise(traits):
    assert np.array_equal(traits.means, traits.replicates.mean(axis=2))
    observed = traits.replicates.var(axis=2, ddof=1).mean(axis=0)
    assert np.mean(observed / traits.noise_variance) == pytest.approx(1, abs=0.02)


def test_missing_values(panel):
    traits = simulate_ionome(panel, missing=0.3, auxiliary_missing=0.6, random_state=3)
    assert np.isnan(traits.means).mean() == pytest.approx(0.3, abs=0.02)
    gone = np.isnan(traits.means)
    assert np.isnan(traits.replicates[gone]).all() and not np.isnan(traits.replicates[~gone]).any()
    assert np.isnan(traits.auxiliary).mean() == pytest.approx(0.6, abs=0.02)


def test_leaf_and_seed_of_an_element_are_alike(panel, traits):
    r = np.corrcoef(traits.genetic.T)
    same = np.mean([r[t, t + 18] for t in range(18)])
    other = np.mean([r[t, (t + 5) % 36] for t in range(36)])
    assert same > 0.3 and abs(other) < 0.2


@pytest.mark.parametrize("architecture", ["additive", "dominant", "burden"])
def test_linear_in_scores_of_causal_genes(panel, architecture):
    traits = simulate_ionome(panel, architecture, n_traits=3, n_auxiliary=0, random_state=4)
    scores = gene_scores(panel, architecture)
    for t in range(3):
        assert residual_share(traits.genetic[:, t], scores[:, traits.causal_genes[:, t]]) < 1e-6


def residual_share(y, X):
    X = np.column_stack([np.ones(len(X)), X])
    left = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return left.var() / y.var()


def test_epistatic_has_no_linear_effect_of_its_genes(panel):
    traits = simulate_ionome(panel, "epistatic", n_traits=4, n_auxiliary=0, random_state=4)
    scores = gene_scores(panel, "epistatic")
    for t in range(4):
        assert residual_share(traits.genetic[:, t], scores[:, traits.causal_genes[:, t]]) > 0.999


def test_epistatic_is_made_of_products_within_pathways():
    panel = simulate_plants(N, GENES, random_state=5)
    traits = simulate_ionome(panel, "epistatic", n_traits=4, n_auxiliary=0, random_state=4)
    scores = gene_scores(panel, "epistatic")
    scores = scores - scores.mean(axis=0)
    pathway = panel.pathways[:, 1]
    for t in range(4):
        genes = np.flatnonzero(traits.causal_genes[:, t])
        products = [
            scores[:, a] * scores[:, b]
            for a in genes
            for b in genes
            if a < b and pathway[a] == pathway[b]
        ]
        X = np.column_stack([scores[:, genes], *products])
        assert residual_share(traits.genetic[:, t], X) < 1e-6


def test_signed_effects_hide_from_counts(panel):
    traits = simulate_ionome(panel, "signed", n_traits=8, n_auxiliary=0, random_state=4)
    counts = gene_scores(panel, "additive")
    hidden, seen = [], []
    for t in range(8):
        genes = traits.causal_genes[:, t]
        hidden.append(residual_share(traits.genetic[:, t], counts[:, genes]))
        carried = panel.variants[:, genes[panel.variant_gene]]
        seen.append(residual_share(traits.genetic[:, t], carried))
    assert np.mean(hidden) > 0.3 and np.max(seen) < 1e-6


def test_burden_and_dominant_read_damaging_types_only(panel):
    harmless = [k for k, name in enumerate(VARIANT_TYPES) if name not in DAMAGING_TYPES]
    emptied = panel.tensor.copy()
    emptied[:, :, harmless] = 0
    for architecture in ("dominant", "burden", "epistatic"):
        emptied_scores = gene_scores(panel._replace(tensor=emptied), architecture)
        assert np.array_equal(emptied_scores, gene_scores(panel, architecture))
    assert set(np.unique(gene_scores(panel, "dominant"))) == {0, 1}
    additive = gene_scores(panel._replace(tensor=emptied), "additive")
    assert not np.allclose(additive, gene_scores(panel, "additive"))


def test_loss_of_function_counts_twice(panel):
    kinds = [VARIANT_TYPES.index(t) for t in DAMAGING_TYPES]
    weights = [2.0 if t in LOSS_OF_FUNCTION else 1.0 for t in DAMAGING_TYPES]
    assert np.allclose(panel.tensor[:, :, kinds] @ weights, gene_scores(panel, "burden"))


def test_auxiliary_phenotypes_share_biology_as_asked(panel):
    """Ionome values predict phenotypes by linear regression, the better the more is shared."""
    found = []
    for share in (0.0, 1.0):
        traits = simulate_ionome(
            panel,
            shared_biology=share,
            country_share=0,
            heritability=1.0,
            n_auxiliary=60,
            auxiliary_missing=0,
            random_state=8,
        )
        found.append(np.mean([residual_share(a, traits.genetic) for a in traits.auxiliary.T]))
    assert found[1] < 0.5 * found[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_plants", 5),
        ("n_plants", 50.0),
        ("n_genes", 3),
        ("density", 0),
        ("density", np.nan),
        ("density", "8"),
        ("overlap", 1.5),
        ("n_pathways", 1),
        ("n_pathways", 500),
    ],
)
def test_bad_input_for_plants(name, value):
    arguments = {"n_plants": 30, "n_genes": 20} | {name: value}
    with pytest.raises(ValueError, match=f"^{name}: got"):
        simulate_plants(**arguments, random_state=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "recessive"),
        ("n_traits", 0),
        ("n_causal_genes", 0),
        ("n_causal_genes", 95),
        ("heritability", 0.0),
        ("heritability", [0.3, 0.4]),
        ("heritability", np.nan),
        ("country_share", 1.0),
        ("pathway_share", -0.1),
        ("n_replicates", 0),
        ("missing", 1.0),
        ("n_auxiliary", -1),
        ("shared_biology", 2),
        ("auxiliary_missing", np.nan),
    ],
)
def test_bad_input_for_traits(panel, name, value):
    arguments = {"n_traits": 4, "n_auxiliary": 4} | {name: value}
    with pytest.raises(ValueError, match=f"^{name}: got"):
        simulate_ionome(panel, **arguments, random_state=0)


def test_bad_genes_and_missing_variants(panel):
    with pytest.raises(ValueError, match=r"^genes: got"):
        gene_scores(panel, "additive", genes=[GENES])
    with pytest.raises(ValueError, match=r"^panel: got one without variants"):
        simulate_ionome(panel._replace(variants=None), "signed", random_state=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_heritability_a_trait(panel, architecture):
    wanted = np.linspace(0.1, 1.0, 4)
    traits = simulate_ionome(
        panel, architecture, n_traits=4, heritability=wanted, n_auxiliary=0, random_state=9
    )
    genetic = within_variance(traits.genetic, panel.country)
    assert np.allclose(genetic / (genetic + traits.noise_variance), wanted)
    assert traits.noise_variance[-1] == pytest.approx(0)
