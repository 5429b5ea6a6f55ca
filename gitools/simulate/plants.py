"""A panel of inbred plants like thale cress, with genes, pathways and places, and traits on it.

Two steps, so that many traits can be drawn on one panel: `simulate_plants` draws genomes and
places, `simulate_ionome` traits.

References
----------
Baumdicker, F. et al. (2022). Efficient ancestry and mutation simulation with msprime 1.0.
Genetics 220, iyab229.

Nordborg, M. and Donnelly, P. (1997). The coalescent process with selfing. Genetics 146, 1185-1195.

1001 Genomes Consortium (2016). 1,135 genomes reveal the global pattern of polymorphism in
Arabidopsis thaliana. Cell 166, 481-491.

Raimondi, D. et al. (2024). Scientific Reports 14, doi 10.1038/s41598-024-63855-6: sizes of the
panel, the 17 types of variants, the traits.
"""

from numbers import Integral, Real
from typing import NamedTuple

import msprime
import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist

from gitools.simulate.variant_types import DAMAGING_TYPES, LOSS_OF_FUNCTION, VARIANT_TYPES

ARCHITECTURES = ("additive", "dominant", "burden", "epistatic", "signed")
ELEMENTS = (
    *("Li", "Na", "Mg", "P", "S", "K", "Ca", "Mn", "Fe"),
    *("Co", "Cu", "Zn", "As", "Se", "Rb", "Sr", "Mo", "Cd"),
)

# Haploid effective size. Selfing leaves two thirds of a per cent of the meiotic recombination
# (3.6e-8 a base pair) effective, as lines that are 97 % inbred and then some would have.
_EFFECTIVE_SIZE = 100_000
_RECOMBINATION = 1e-9
_N_CHROMOSOMES = 5
# Generations since the deepest split of the map's tree, and chromosomes that live at one site.
_DEEPEST_SPLIT = 15_000
_SITE_SIZE = 1_500
_PLANTS_A_SITE = 3.5

# Counts of the source's panel, largest first; 132 plants in the other 39 countries.
_LARGE = np.array([243, 180, 123, 118, 73, 69, 60])
_TAIL_PLANTS, _TAIL_COUNTRIES = 132, 39
# Latitude, longitude and half extent in degrees of the large countries on the simulated map. The
# third lies over an ocean and was settled lately from the fourth and the sixth.
_CENTRES = np.array([[60, 15], [40, -4], [41, -82], [50, 10], [42, 13], [54, -2], [55, 45]])
_EXTENTS = np.array([[5, 2.5], [3, 4], [4, 8], [3, 4], [4, 3], [3, 2.5], [4, 12]])
_OVERSEAS, _SOURCES, _N_FOUNDERS = 2, (3, 5), 6

_FLANK = 1_000
_GENE_LENGTH, _GAP = 2_200.0, 2_100.0
_NONCODING_SHARE, _DUMMY_SHARE = 0.1, 0.28
_GENES_A_PATHWAY, _LEAST_PATHWAYS = 15.654, 20
# Variants of a type are kept with probability 1 / (1 + strength x frequency of the new allele).
_LOSS_STRENGTH, _CHANGE_STRENGTH, _UTR_STRENGTH = 60.0, 8.0, 2.0
_MARGIN, _MOST_ATTEMPTS = 1.3, 6

# Types of new variants in the translated and in the intronic part of a gene, per mille. What is
# missing to one thousand is synonymous, and not counted by the encoding.
_CODING = {
    "nonsynonymous": 560,
    "non-frameshift insertion": 12,
    "non-frameshift deletion": 18,
    "stoploss": 6,
    "frameshift insertion": 28,
    "frameshift deletion": 36,
    "splicing": 22,
    "stopgain": 38,
}
_INTRON_SHARE = 0.4


class PlantPanel(NamedTuple):
    """Genomes, genes, pathways and places of n inbred plants.

    Attributes
    ----------
    tensor : int8 array of shape (n, genes, 17)
        Variants of each type (in the order of ``VARIANT_TYPES``) that a plant carries in each
        gene. The lines are inbred, so a variant counts once.
    variants : int8 array of shape (n, p), or None
        1 where a plant carries the allele that the reference line lacks. Every variant varies.
        None if the panel was drawn with ``keep_variants=False``.
    variant_gene, variant_type : int arrays of shape (p,)
        Gene and type of each variant.
    variant_chromosome : int array of shape (p,)
        1 to 5.
    variant_position : int64 array of shape (p,)
        Base pairs from the chromosome's start, increasing in each chromosome.
    gene_chromosome : int array of shape (genes,)
        1 to 5.
    gene_start, gene_end : int64 arrays of shape (genes,)
        Transcribed stretch in base pairs, start included, end excluded.
    country : int array of shape (n,)
        Country of each plant; country 0 is the largest, and plants are sorted by country.
    country_names : tuple of str
        The large ones are "A" to "G".
    coordinates : float array of shape (n, 2)
        Latitude and longitude in degrees.
    pathways : int array of shape (edges, 2)
        Pairs of gene and pathway, sorted. A gene without an entry hangs on the last node.
    n_pathways : int
        Number of nodes, the dummy included.
    """

    tensor: np.ndarray
    variants: np.ndarray | None
    variant_gene: np.ndarray
    variant_type: np.ndarray
    variant_chromosome: np.ndarray
    variant_position: np.ndarray
    gene_chromosome: np.ndarray
    gene_start: np.ndarray
    gene_end: np.ndarray
    country: np.ndarray
    country_names: tuple[str, ...]
    coordinates: np.ndarray
    pathways: np.ndarray
    n_pathways: int


class PlantTraits(NamedTuple):
    """Traits of a panel of n plants, and what they are made of.

    Attributes
    ----------
    means : float array of shape (n, T)
        Mean over the replicates, NaN where missing.
    replicates : float array of shape (n, T, m)
        Single measurements, NaN where missing.
    auxiliary : float array of shape (n, A)
        The phenotypes of the first task (T1), measured once, NaN where missing.
    names : tuple of str
        "leaf Li", ..., then "seed Li", ....
    genetic : float array of shape (n, T)
        Genetic values, of mean 0, without the country effects.
    country_effects : float array of shape (countries, T)
        What each country adds to its plants' values.
    noise_variance : float array of shape (T,)
        Variance of the noise of one replicate, V_e.
    causal_genes : bool array of shape (genes, T)
        Genes with an effect.
    causal_pathways : bool array of shape (n_pathways, T)
        Pathways through which genes act; the dummy is none.
    heritability : float array of shape (T,)
        Genetic variance within countries over itself plus V_e. The genetic variance is the sum of
        squares around the countries' means over (n - countries).
    """

    means: np.ndarray
    replicates: np.ndarray
    auxiliary: np.ndarray
    names: tuple[str, ...]
    genetic: np.ndarray
    country_effects: np.ndarray
    noise_variance: np.ndarray
    causal_genes: np.ndarray
    causal_pathways: np.ndarray
    heritability: np.ndarray


def simulate_plants(
    n_plants: int = 300,
    n_genes: int = 200,
    *,
    density: float = 8.0,
    n_pathways: int | None = None,
    overlap: float = 0.0,
    keep_variants: bool = True,
    random_state=None,
) -> PlantPanel:
    r"""Draw genomes of inbred plants from a map, by the coalescent.

    Plants live at sites (three to four at each), sites in countries, countries on a map. Average
    linkage of the sites' distances makes one tree; its height, as a share of the deepest, times
    15,000 generations is when two branches split. Without migration afterwards, alleles differ more
    the farther two sites lie apart, within countries and between them. A site holds 1,500
    chromosomes and a branch 100,000 times the square root of its share of the sites, so some
    neighbours are nearly identical. One large country lies over an ocean and descends from six
    founding sites in two others. Sizes of countries follow the source's counts: seven large ones
    (243 : 180 : 123 : 118 : 73 : 69 : 60 of 998), and a tail of countries of three or so. The
    numbers were chosen so that FST between large countries is about 0.1 to 0.2, and correlations
    between variants reach over some ten thousand base pairs, as in thale cress.

    A selfing line recombines with itself, which leaves about 1 - F of the recombination effective
    (Nordborg and Donnelly 1997); here 1e-9 a base pair and generation. Chromosomes are simulated
    apart, five of them. Variants are differences from one more line of the largest country, the
    reference, at sites that vary among the plants.

    Types follow from where a variant falls: intergenic, 1,000 base pairs upstream or downstream,
    the untranslated ends, introns, and the translated rest, where they are drawn by fixed shares;
    a tenth of the genes are RNA genes, with the ncRNA types only. Synonymous variants are not among
    the 17 types and not drawn. A variant whose new allele has the frequency f is kept with
    probability :math:`1 / (1 + c f)`, c = 60 for loss of function, 8 for other changes of the
    protein, 2 for untranslated ends, 0 else: damaging types are rarer. Where a plant would carry
    more than 127 variants of one type in a gene, some of them are dropped at random.

    Parameters
    ----------
    n_plants : int
        Number of plants, at least 20.
    n_genes : int
        Number of genes, at least 10, in equal parts on five chromosomes.
    density : float
        Mean number of variants a gene and plant, positive; thale cress has about 4 to 20.
    n_pathways : int, optional
        Number of nodes, the dummy included, at least 2; by default 1 for every 15.7 annotated
        genes, as in the source (1,273 for 27,655 genes), and at least 21.
    overlap : float
        Share of the annotated genes that belong to a second pathway as well, in [0, 1]. With 0 the
        pathways are a partition.
    keep_variants : bool
        Whether to return the single variants. They need n x p bytes, nine tenths of the memory.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    PlantPanel

    Raises
    ------
    ValueError
        If an argument is outside its range.

    References
    ----------
    Baumdicker et al. (2022); Nordborg and Donnelly (1997); sizes after Raimondi et al. (2024).
    """
    n_plants = _check_count("n_plants", n_plants, 20)
    n_genes = _check_count("n_genes", n_genes, 10)
    _check_number("density", density, 0 < _as_float(density) <= 100, "a number in (0, 100]")
    _check_number("overlap", overlap, 0 <= _as_float(overlap) <= 1, "a number in [0, 1]")
    rng = np.random.default_rng(random_state)
    pathways, n_pathways = _draw_pathways(n_genes, n_pathways, overlap, rng)
    country, country_names = _draw_countries(n_plants)
    site, site_places, site_roots = _draw_sites(country, rng)
    coordinates = site_places[site] + rng.normal(0, 0.03, (n_plants, 2))
    demography = _tree_of_sites(site_roots)
    tensor = np.zeros((n_plants, n_genes, len(VARIANT_TYPES)), dtype=np.int8)
    parts = []
    gene_chromosome = np.sort(np.arange(n_genes) % _N_CHROMOSOMES) + 1
    starts, ends = np.empty(n_genes, dtype=np.int64), np.empty(n_genes, dtype=np.int64)
    for chromosome in range(1, _N_CHROMOSOMES + 1):
        genes = np.flatnonzero(gene_chromosome == chromosome)
        layout = _lay_out_genes(genes, rng)
        starts[genes], ends[genes] = layout.start, layout.end
        part = _cap(_draw_chromosome(demography, site, layout, density, rng), rng)
        _count(tensor, part)
        parts.append(part if keep_variants else part._replace(carried=None))
    return PlantPanel(
        tensor=tensor,
        variants=_join(parts) if keep_variants else None,
        variant_gene=np.concatenate([part.gene for part in parts]),
        variant_type=np.concatenate([part.type for part in parts]),
        variant_chromosome=np.repeat(
            np.arange(1, _N_CHROMOSOMES + 1), [part.gene.size for part in parts]
        ),
        variant_position=np.concatenate([part.position for part in parts]),
        gene_chromosome=gene_chromosome,
        gene_start=starts,
        gene_end=ends,
        country=country,
        country_names=country_names,
        coordinates=coordinates,
        pathways=pathways,
        n_pathways=n_pathways,
    )


def gene_scores(panel: PlantPanel, architecture: str, *, genes=None, random_state=None):
    """What each gene contributes in each plant, before it is weighed by the gene's effect.

    Parameters
    ----------
    panel : PlantPanel
        Genomes.
    architecture : {"additive", "dominant", "burden", "epistatic", "signed"}
        - "additive": variants of all 17 types, weighed by type (4 for loss of function, 2 for
          other changes of the protein, 1 for untranslated ends, 0.5 up- and downstream and in RNA
          genes, 0.1 else);
        - "dominant": 1 if the plant carries any damaging variant of the gene, else 0;
        - "burden" and "epistatic": number of damaging variants, loss of function counted twice;
        - "signed": as additive, but each single variant raises or lowers, with equal chance. It
          needs the panel's variants.
    genes : int array of shape (k,), optional
        Which genes; by default all.
    random_state : int, numpy Generator or None
        Source of the signs; the other architectures draw nothing.

    Returns
    -------
    float array of shape (n, k)
        Scores, not centred.

    Raises
    ------
    ValueError
        If the architecture is unknown, a gene isn't in the panel, or "signed" is asked of a panel
        without variants.
    """
    _check_architecture(panel, architecture)
    genes = np.arange(panel.tensor.shape[1]) if genes is None else np.asarray(genes)
    if genes.ndim != 1 or np.any((genes < 0) | (genes >= panel.tensor.shape[1])):
        raise ValueError(
            f"genes: got shape {genes.shape} and values outside the panel, expected a vector of "
            f"integers from 0 to {panel.tensor.shape[1] - 1}"
        )
    if architecture == "signed":
        return _signed_scores(panel, genes, np.random.default_rng(random_state))
    counts = panel.tensor[:, genes]
    if architecture == "additive":
        return counts @ _type_weights()
    damaging = counts @ _damage_weights()
    return (damaging > 0).astype(float) if architecture == "dominant" else damaging


def simulate_ionome(
    panel: PlantPanel,
    architecture: str = "additive",
    *,
    n_traits: int = 36,
    n_causal_genes: int | None = None,
    heritability=0.4,
    country_share: float = 0.2,
    pathway_share: float = 1.0,
    n_replicates: int = 6,
    missing: float = 0.0,
    n_auxiliary: int = 288,
    shared_biology: float = 0.5,
    auxiliary_missing: float = 0.5,
    random_state=None,
) -> PlantTraits:
    r"""Draw correlated traits of known make on a panel, and phenotypes that share their biology.

    A gene's score (`gene_scores`) is standardised over the plants. A gene has a size, drawn once
    from a gamma distribution of shape 2; a pathway has a loading for each trait. The genetic value
    is the sum over a trait's causal genes of loading x size x score: damage anywhere in a pathway
    pushes the trait the same way. In the epistatic architecture scores are replaced by products of
    two neighbouring causal genes' scores (in a ring through the pathway), from which the causal
    genes' own linear effects are projected out, pathway by pathway.

    Causal pathways come from one random half of the pathways. A trait takes the pathways of
    highest priority until it has its genes; priorities and loadings are sums of a part of the
    element and a part of the trait, so that leaf and seed of an element are alike, and priorities
    have a part that all traits share. Only ``pathway_share`` of the causal genes are found so; the
    others come in the same way from groups that are pathways with the genes shuffled, of which
    ``panel.pathways`` knows nothing. Genes that don't vary are never causal.

    Country effects are Gaussian and independent of the genomes. Variances: a trait's genetic
    values, country effects and one replicate's noise have variances that sum to 1; country effects
    have the share ``country_share``, and V_e is set so that ``heritability`` holds exactly within
    countries.

    Parameters
    ----------
    panel : PlantPanel
        Genomes.
    architecture : {"additive", "dominant", "burden", "epistatic", "signed"}
        How variants make a gene's contribution; see `gene_scores`.
    n_traits : int
        Number of traits T. Up to 36 they are named by tissue and element, leaves first.
    n_causal_genes : int, optional
        Causal genes of a trait; by default a tenth of the genes, at least 5 and at most 100 (and
        a third of the plants for epistatic traits).
    heritability : float or float array of shape (T,)
        Share of the genetic variance within countries in that of one replicate, in (0, 1].
    country_share : float
        Share of the country effects in a trait's variance, in [0, 1).
    pathway_share : float
        Share of the causal genes that the pathways describe, in [0, 1].
    n_replicates : int
        Replicates m of a value.
    missing : float
        Share of the values (plant and trait) that are missing with all replicates, in [0, 1).
    n_auxiliary : int
        Number of T1 phenotypes A; 0 for none.
    shared_biology : float
        Share of a T1 phenotype's genetic variance that comes from the ionome's half of the
        pathways, in [0, 1]; the rest comes from the other half.
    auxiliary_missing : float
        Share of the T1 values that are missing, in [0, 1).
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    PlantTraits

    Raises
    ------
    ValueError
        If an argument is outside its range, or too few genes vary for the causal ones.

    References
    ----------
    Tasks, tissues and replicates after Raimondi et al. (2024). The architectures are ours.
    """
    _check_architecture(panel, architecture)
    n_traits = _check_count("n_traits", n_traits, 1)
    n_replicates = _check_count("n_replicates", n_replicates, 1)
    n_auxiliary = _check_count("n_auxiliary", n_auxiliary, 0)
    heritability = _check_heritability(heritability, n_traits)
    _check_shares(country_share, pathway_share, missing, shared_biology, auxiliary_missing)
    rng = np.random.default_rng(random_state)
    biology = _Biology(panel, architecture, rng)
    n_causal_genes = _check_causal(n_causal_genes, panel, biology)
    effects = _draw_effects(biology, n_traits, n_causal_genes, pathway_share, rng)
    genetic, country_effects, noise_variance = _scale(
        biology.values(effects), panel.country, heritability, country_share, rng
    )
    expected = genetic + country_effects[panel.country]
    noise = rng.standard_normal((*expected.shape, n_replicates))
    replicates = expected[:, :, None] + np.sqrt(noise_variance)[:, None] * noise
    replicates[rng.random(expected.shape) < missing] = np.nan
    auxiliary = np.empty((len(expected), 0))
    if n_auxiliary:
        auxiliary = _draw_auxiliary(
            biology, n_auxiliary, n_causal_genes, pathway_share, shared_biology, rng
        )
        same = np.full(n_auxiliary, heritability.mean())
        auxiliary = _measure_once(auxiliary, panel.country, same, country_share, rng)
        auxiliary[rng.random(auxiliary.shape) < auxiliary_missing] = np.nan
    return PlantTraits(
        means=replicates.mean(axis=2),
        replicates=replicates,
        auxiliary=auxiliary,
        names=_trait_names(n_traits),
        genetic=genetic,
        country_effects=country_effects,
        noise_variance=noise_variance,
        causal_genes=_indicator([one.genes for one in effects], panel.tensor.shape[1]),
        causal_pathways=_indicator(
            [one.modules[one.modules < panel.n_pathways - 1] for one in effects], panel.n_pathways
        ),
        heritability=heritability.copy(),
    )


class _Layout(NamedTuple):
    """Genes of one chromosome: which, where, whether RNA only, and the borders of their parts."""

    gene: np.ndarray
    start: np.ndarray
    end: np.ndarray
    edges: np.ndarray
    noncoding: np.ndarray


class _Part(NamedTuple):
    """Variants of one chromosome; carried has shape (p, n)."""

    carried: np.ndarray
    gene: np.ndarray
    type: np.ndarray
    position: np.ndarray


class _Effects(NamedTuple):
    """One trait's causal genes, their modules and their effects."""

    genes: np.ndarray
    modules: np.ndarray
    weights: np.ndarray


def _draw_pathways(n_genes, n_pathways, overlap, rng):
    """Edges (gene, pathway) with uneven pathway sizes, and the number of nodes."""
    annotated = np.sort(rng.permutation(n_genes)[: n_genes - round(_DUMMY_SHARE * n_genes)])
    if n_pathways is None:
        wanted = max(_LEAST_PATHWAYS, round(annotated.size / _GENES_A_PATHWAY))
        n_pathways = 1 + min(wanted, annotated.size // 2)
    n_pathways = _check_count("n_pathways", n_pathways, 2)
    n_real = n_pathways - 1
    if n_real > annotated.size:
        raise ValueError(
            f"n_pathways: got {n_pathways}, expected at most {annotated.size + 1}, one for every "
            "annotated gene and the dummy"
        )
    popularity = rng.gamma(2.0, size=n_real)
    first = rng.choice(n_real, size=annotated.size, p=popularity / popularity.sum())
    # Every pathway has its first one or two genes by right, the others by popularity.
    sure = np.arange(min(annotated.size, 2 * n_real)) % n_real
    first[: sure.size] = sure
    rng.shuffle(first)
    edges = [np.column_stack([annotated, first])]
    if overlap > 0 and n_real > 1:
        twice = rng.permutation(annotated.size)[: round(overlap * annotated.size)]
        # A step of 1 to n_real - 1 around the circle never ends where it began.
        second = (first[twice] + rng.integers(1, n_real, twice.size)) % n_real
        edges.append(np.column_stack([annotated[twice], second]))
    dummy = np.setdiff1d(np.arange(n_genes), annotated)
    edges.append(np.column_stack([dummy, np.full(dummy.size, n_real)]))
    edges = np.concatenate(edges)
    return edges[np.lexsort((edges[:, 1], edges[:, 0]))], n_pathways


def _draw_countries(n_plants):
    """Country of each plant, sorted, sizes after the source's counts; names of the countries."""
    total = _LARGE.sum() + _TAIL_PLANTS
    n_tail = min(_TAIL_COUNTRIES, max(1, round(n_plants * _TAIL_COUNTRIES / total)))
    shares = np.concatenate([_LARGE, np.full(n_tail, _TAIL_PLANTS / n_tail)]) / total
    # Rounding the cumulated shares keeps the sum; at 998 plants it gives the source's counts.
    sizes = np.diff(np.round(np.concatenate([[0.0], shares.cumsum()]) * n_plants).astype(int))
    sizes = sizes[sizes > 0]
    names = tuple("ABCDEFG") + tuple(f"tail {i + 1}" for i in range(n_tail))
    return np.repeat(np.arange(sizes.size), sizes), names[: sizes.size]


def _draw_sites(country, rng):
    """Site of each plant, place of each site in degrees, and its ancestors' place in kilometres."""
    sizes = np.bincount(country)
    n_tail = max(0, sizes.size - len(_LARGE))
    centres = np.concatenate([_CENTRES, rng.uniform([36, -9], [62, 85], (n_tail, 2))])
    extents = np.concatenate([_EXTENTS, np.full((n_tail, 2), 1.5)])
    site, places, owner = [], [], []
    for k, size in enumerate(sizes):
        n_sites = int(np.ceil(size / _PLANTS_A_SITE))
        extra = rng.integers(0, n_sites, size - n_sites)
        site.append(len(owner) + np.sort(np.concatenate([np.arange(n_sites), extra])))
        places.append(centres[k] + extents[k] * rng.uniform(-1, 1, (n_sites, 2)))
        owner += [k] * n_sites
    places, owner = np.concatenate(places), np.array(owner)
    roots = (
        111.0 * places * np.column_stack([np.ones(owner.size), np.cos(np.radians(places[:, 0]))])
    )
    overseas, sources = owner == _OVERSEAS, np.flatnonzero(np.isin(owner, _SOURCES))
    if overseas.any() and sources.size:
        founders = rng.choice(sources, _N_FOUNDERS)
        chosen = rng.choice(founders, overseas.sum())
        roots[overseas] = roots[chosen] + rng.normal(0, 10.0, (overseas.sum(), 2))
    return np.concatenate(site), places, roots


def _tree_of_sites(roots):
    """Demography in which sites split in the order of their distances on the map."""
    n_sites = len(roots)
    demography = msprime.Demography()
    for k in range(n_sites):
        demography.add_population(name=f"site_{k}", initial_size=_SITE_SIZE)
    merges = linkage(pdist(roots), "average")
    stands_for, time = list(range(n_sites)), 0.0
    for a, b, height, size in merges:
        time = max(_DEEPEST_SPLIT * height / merges[-1, 2], time + 1e-3)
        into, gone = stands_for[int(a)], stands_for[int(b)]
        stands_for.append(into)
        new_size = _EFFECTIVE_SIZE * np.sqrt(size / n_sites)
        demography.add_mass_migration(time=time, source=gone, dest=into, proportion=1.0)
        demography.add_population_parameters_change(
            time=time, population=into, initial_size=new_size
        )
    return demography


def _lay_out_genes(genes, rng):
    """Place genes along a chromosome: lengths and gaps are log-normal and gamma distributed."""
    lengths = np.clip(rng.lognormal(np.log(_GENE_LENGTH) - 0.18, 0.6, genes.size), 300, 20_000)
    gaps = 200 + rng.gamma(1.0, _GAP - 200, genes.size + 1)
    ends = np.cumsum(lengths + gaps[:-1]).astype(np.int64)
    starts = ends - lengths.astype(np.int64)
    length = int(ends[-1] + gaps[-1])
    # A gene's part reaches to the middle of the gap on either side.
    edges = np.concatenate([[0], (ends[:-1] + starts[1:]) // 2, [length]])
    return _Layout(genes, starts, ends, edges, rng.random(genes.size) < _NONCODING_SHARE)


def _draw_chromosome(demography, site, layout, density, rng):
    """Variants of one chromosome, thinned so that a plant carries ``density`` a gene."""
    seed = rng.integers(1, 2**31)
    sites = np.concatenate([site, [site[0]]])
    ancestry = msprime.sim_ancestry(
        samples=[msprime.SampleSet(1, population=int(k), ploidy=1) for k in sites],
        demography=demography,
        sequence_length=int(layout.edges[-1]),
        recombination_rate=_RECOMBINATION,
        ploidy=1,
        record_provenance=False,
        random_seed=int(seed),
    )
    plants = list(range(site.size))
    # Twice the branch length between a plant and the reference, summed over the chromosome.
    apart = ancestry.divergence([plants, [site.size]], mode="branch", span_normalise=False)
    rate = _MARGIN * density * layout.gene.size / float(apart)
    for _ in range(_MOST_ATTEMPTS):
        part = _candidates(ancestry, rate, layout, rng)
        carried = part.carried.sum(dtype=np.int64) / (site.size * layout.gene.size)
        if carried >= density:
            return _choose(part, rng.random(part.gene.size) < density / carried)
        rate *= 1.5
    raise RuntimeError("no draw of mutations reached the density")


def _candidates(ancestry, rate, layout, rng):
    """All variants of one draw of mutations that vary, have a type and pass selection."""
    mutated = msprime.sim_mutations(
        ancestry,
        rate=rate,
        model=msprime.BinaryMutationModel(),
        record_provenance=False,
        random_seed=int(rng.integers(1, 2**31)),
    )
    position = mutated.tables.sites.position.astype(np.int64)
    gene, kind = _draw_types(position, layout, rng)
    derived = np.empty((position.size, mutated.num_samples), dtype=np.int8)
    for row, variant in zip(derived, mutated.variants(copy=False), strict=True):
        row[:] = variant.genotypes
    frequency = derived.sum(axis=1, dtype=np.int64) / mutated.num_samples
    kept = (kind >= 0) & (rng.random(position.size) * (1 + _strengths()[kind] * frequency) < 1)
    carried = derived[:, :-1]
    # In place, as a copy would be the largest thing in memory.
    carried ^= derived[:, -1:]
    count = carried.sum(axis=1, dtype=np.int64)
    kept &= (count > 0) & (count < carried.shape[1])
    return _choose(_Part(carried, gene, kind, position), kept)


def _choose(part, kept):
    return _Part(*(values[kept] for values in part))


def _draw_types(position, layout, rng):
    """Gene and type of new variants by where they fall; type -1 is synonymous."""
    at = np.searchsorted(layout.edges, position, side="right") - 1
    at = np.minimum(at, layout.gene.size - 1)
    start, end = layout.start[at], layout.end[at]
    inside = (position - start) / (end - start)
    coding = ~layout.noncoding[at]
    kind = np.full(position.size, _type("intergenic"))
    kind[(position < start) & (position >= start - _FLANK)] = _type("upstream")
    kind[(position >= end) & (position < end + _FLANK)] = _type("downstream")
    body = (inside >= 0) & (inside < 1)
    intron = rng.random(position.size) < _INTRON_SHARE
    kind[body & coding] = _draw_coding(np.count_nonzero(body & coding), rng)
    kind[body & coding & intron] = _type("intronic")
    kind[body & coding & (inside < 0.07)] = _type("UTR5")
    kind[body & coding & (inside >= 0.88)] = _type("UTR3")
    rna = rng.choice(
        [_type("exonic ncRNA"), _type("intronic ncRNA"), _type("ncRNA splicing")],
        size=position.size,
        p=[0.78, 0.2, 0.02],
    )
    kind[body & ~coding] = rna[body & ~coding]
    return layout.gene[at], kind


def _draw_coding(size, rng):
    """Types of new variants in the translated part."""
    shares = np.array([*_CODING.values(), 0.0]) / 1_000
    shares[-1] = 1 - shares.sum()
    return rng.choice([*map(_type, _CODING), -1], size=size, p=shares)


def _type(name):
    return VARIANT_TYPES.index(name)


def _by_type(loss, change, utr, flank, other):
    """One number for each of the 17 types."""
    values = np.full(len(VARIANT_TYPES), float(other))
    groups = {
        flank: ("upstream", "downstream", "exonic ncRNA", "ncRNA splicing"),
        utr: ("UTR3", "UTR5"),
        change: [name for name in DAMAGING_TYPES if name not in LOSS_OF_FUNCTION],
        loss: LOSS_OF_FUNCTION,
    }
    for value, names in groups.items():
        values[[_type(name) for name in names]] = value
    return values


def _strengths():
    return _by_type(_LOSS_STRENGTH, _CHANGE_STRENGTH, _UTR_STRENGTH, 0.0, 0.0)


def _type_weights():
    return _by_type(4.0, 2.0, 1.0, 0.5, 0.1)


def _damage_weights():
    return _by_type(2.0, 1.0, 0.0, 0.0, 0.0)


def _cap(part, rng):
    """Drop variants at random where a plant has more of one gene and type than the tensor holds."""
    most = np.iinfo(np.int8).max
    cell = part.gene * len(VARIANT_TYPES) + part.type
    kept = np.ones(cell.size, dtype=bool)
    for at in np.flatnonzero(np.bincount(cell) > most):
        order = rng.permutation(np.flatnonzero(cell == at))
        counts = part.carried[order].cumsum(axis=0, dtype=np.int64).max(axis=1)
        kept[order[counts > most]] = False
    return part if kept.all() else _choose(part, kept)


def _count(tensor, part):
    """Write one chromosome's counts of variants of each gene and type."""
    n_types = tensor.shape[2]
    cell = part.gene * n_types + part.type
    order = np.argsort(cell, kind="stable")
    cells, starts = np.unique(cell[order], return_index=True)
    for at, rows in zip(cells, np.split(order, starts[1:]), strict=True):
        tensor[:, at // n_types, at % n_types] = part.carried[rows].sum(axis=0)


def _join(parts):
    """Variants of all chromosomes, one plant's in a row; each part is let go when copied."""
    total = sum(part.gene.size for part in parts)
    variants = np.empty((parts[0].carried.shape[1], total), dtype=np.int8)
    at = 0
    for i, part in enumerate(parts):
        variants[:, at : at + part.gene.size] = part.carried.T
        at += part.gene.size
        parts[i] = part._replace(carried=None)
    return variants


class _Biology:
    """What all traits of a panel have in common: scores, sizes of genes, and modules.

    Modules are the pathways and then the same pathways with genes shuffled.
    """

    def __init__(self, panel, architecture, rng):
        self.epistatic = architecture == "epistatic"
        self.country = panel.country
        self.n_pathways = panel.n_pathways
        self.scores = _standardised_scores(panel, architecture, rng)
        self.varies = self.scores.any(axis=0)
        n_genes = self.varies.size
        self.sizes = rng.gamma(2.0, 0.5, n_genes)
        real = panel.pathways[panel.pathways[:, 1] < panel.n_pathways - 1]
        shuffled = np.column_stack([rng.permutation(n_genes)[real[:, 0]], real[:, 1]])
        self.members = [
            _group(edges, panel.n_pathways - 1, self.varies) for edges in (real, shuffled)
        ]
        n_real = panel.n_pathways - 1
        self.in_pool = np.zeros(n_real, dtype=bool)
        self.in_pool[rng.permutation(n_real)[: (n_real + 1) // 2]] = True
        self.hubs = rng.standard_normal(n_real)

    def values(self, effects):
        """Genetic values of each trait, of mean 0; shape (n, traits)."""
        return np.column_stack([self._value(one) for one in effects])

    def _value(self, effects):
        scores = self.scores[:, effects.genes].astype(float)
        if not self.epistatic:
            value = scores @ effects.weights
            return value - value.mean()
        first, second = _neighbours(effects.modules)
        products = scores[:, first] * scores[:, second]
        value = products @ (effects.weights[first] * self.sizes[effects.genes[second]])
        linear = np.column_stack([np.ones(len(scores)), scores])
        return value - linear @ np.linalg.lstsq(linear, value, rcond=None)[0]


def _group(edges, n_groups, varies):
    """Varying genes of each pathway."""
    edges = edges[varies[edges[:, 0]]]
    return [edges[edges[:, 1] == k, 0] for k in range(n_groups)]


def _neighbours(modules):
    """Pairs of neighbours in the ring of each module's genes, or of all if no module has two."""
    first, second = [], []
    for module in np.unique(modules):
        at = np.flatnonzero(modules == module)
        if at.size > 1:
            n_pairs = at.size if at.size > 2 else 1
            first.append(at[:n_pairs])
            second.append(np.roll(at, -1)[:n_pairs])
    if not first:
        return _neighbours(np.zeros(modules.size, dtype=int))
    return np.concatenate(first), np.concatenate(second)


def _standardised_scores(panel, architecture, rng):
    """Scores with mean 0 and variance 1 of each gene, 0 where they don't vary; single precision."""
    n, n_genes = panel.tensor.shape[:2]
    scores = np.empty((n, n_genes), dtype=np.float32)
    for start in range(0, n_genes, 1_000):
        genes = np.arange(start, min(n_genes, start + 1_000))
        chunk = gene_scores(panel, architecture, genes=genes, random_state=rng)
        chunk -= chunk.mean(axis=0)
        sd = chunk.std(axis=0)
        scores[:, genes] = np.divide(chunk, sd, out=np.zeros_like(chunk), where=sd > 1e-9)
    return scores


def _signed_scores(panel, genes, rng):
    """Sum over a gene's variants of sign x weight of the type x carried."""
    signs = (
        rng.choice([-1.0, 1.0], size=panel.variant_gene.size) * _type_weights()[panel.variant_type]
    )
    scores = np.zeros((len(panel.tensor), genes.size))
    # Variants are sorted by position, hence by gene.
    starts = np.searchsorted(panel.variant_gene, genes, side="left")
    ends = np.searchsorted(panel.variant_gene, genes, side="right")
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        scores[:, k] = panel.variants[:, start:end] @ signs[start:end]
    return scores


def _draw_effects(biology, n_traits, n_causal_genes, pathway_share, rng):
    """Effects of each trait."""
    element = np.arange(n_traits) % max(1, -(-n_traits // 2))
    n_following = round(pathway_share * n_causal_genes)
    numbers = (n_following, n_causal_genes - n_following)
    drawn = [_priorities(biology, element, rng) for _ in numbers]
    return [
        _pick(biology, numbers, [(p[t], w[t]) for p, w in drawn], True) for t in range(n_traits)
    ]


def _priorities(biology, element, rng):
    """Priority and loading of each pathway for each trait, alike for traits of one element."""
    shape = (element.max() + 1, biology.n_pathways - 1)
    own = (element.size, biology.n_pathways - 1)
    draw = rng.standard_normal
    priority = 0.5 * biology.hubs + draw(shape)[element] + 0.5 * draw(own)
    loading = np.sqrt(0.6) * draw(shape)[element] + np.sqrt(0.4) * draw(own)
    return priority, loading


def _pick(biology, numbers, drawn, inside):
    """Genes of the pathways of highest priority in one half of them, until there are enough."""
    genes, modules, weights, taken = [], [], [], set()
    for kind, (number, (priority, loading)) in enumerate(zip(numbers, drawn, strict=True)):
        left = number
        for k in np.argsort(-priority):
            if left == 0 or biology.in_pool[k] != inside:
                continue
            new = [g for g in biology.members[kind][k] if g not in taken][:left]
            taken.update(new)
            left -= len(new)
            genes += new
            modules += [k + kind * (biology.n_pathways - 1)] * len(new)
            weights += list(loading[k] * biology.sizes[new])
        if left:
            raise ValueError(
                f"n_causal_genes: got {number} for one half of the pathways, expected at most "
                f"{number - left}, the genes there that vary"
            )
    return _Effects(np.array(genes, dtype=int), np.array(modules, dtype=int), np.array(weights))


def _draw_auxiliary(biology, n_auxiliary, n_causal_genes, pathway_share, shared_biology, rng):
    """Genetic values of the T1 phenotypes: a part from the ionome's pathways, and a rest."""
    n_following = round(pathway_share * n_causal_genes)
    numbers = (n_following, n_causal_genes - n_following)
    total = 0.0
    for share, inside in ((shared_biology, True), (1 - shared_biology, False)):
        if share == 0:
            continue
        drawn = [_priorities(biology, np.arange(n_auxiliary), rng) for _ in numbers]
        effects = [
            _pick(biology, numbers, [(p[a], w[a]) for p, w in drawn], inside)
            for a in range(n_auxiliary)
        ]
        values = biology.values(effects)
        total = total + np.sqrt(share) * values / values.std(axis=0)
    return total


def _measure_once(genetic, country, heritability, country_share, rng):
    """One replicate of each value, country effects included."""
    genetic, effects, noise = _scale(genetic, country, heritability, country_share, rng)
    return genetic + effects[country] + np.sqrt(noise) * rng.standard_normal(genetic.shape)


def _scale(genetic, country, heritability, country_share, rng):
    """Genetic values, country effects and V_e with variances that sum to 1."""
    sizes = np.bincount(country)
    around = genetic - _country_means(genetic, country)[country]
    within = (around**2).sum(axis=0) / max(1, len(genetic) - sizes.size)
    if np.any(within <= 1e-12):
        raise ValueError(
            f"n_causal_genes: got a trait ({int(np.argmin(within))}) whose genetic values don't "
            "vary within countries, expected enough causal genes for some variance"
        )
    noise = within * (1 - heritability) / heritability
    factor = (1 - country_share) / (genetic.var(axis=0) + noise)
    effects = rng.standard_normal((sizes.size, genetic.shape[1]))
    effects -= sizes @ effects / len(genetic)
    spread = sizes @ effects**2 / len(genetic)
    scale = np.divide(country_share, spread, out=np.zeros_like(spread), where=spread > 0)
    return genetic * np.sqrt(factor), effects * np.sqrt(scale), noise * factor


def _country_means(values, country):
    sums = np.zeros((country.max() + 1, values.shape[1]))
    np.add.at(sums, country, values)
    return sums / np.bincount(country)[:, None]


def _indicator(members, size):
    """Column t is True at members[t]; shape (size, len(members))."""
    answer = np.zeros((size, len(members)), dtype=bool)
    for t, rows in enumerate(members):
        answer[rows, t] = True
    return answer


def _trait_names(n_traits):
    if n_traits > 2 * len(ELEMENTS):
        return tuple(f"trait {t + 1}" for t in range(n_traits))
    n_elements = -(-n_traits // 2)
    names = [f"{tissue} {e}" for tissue in ("leaf", "seed") for e in ELEMENTS[:n_elements]]
    return tuple(names[:n_traits])


def _as_float(value):
    """The value, or NaN (inside no range) where it is no number."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    return float("nan")


def _check_number(name, value, inside, expected):
    if not inside:
        raise ValueError(f"{name}: got {value!r}, expected {expected}")


def _check_count(name, value, least):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")
    return int(value)


def _check_shares(country_share, pathway_share, missing, shared_biology, auxiliary_missing):
    for name, value in (("pathway_share", pathway_share), ("shared_biology", shared_biology)):
        _check_number(name, value, 0 <= _as_float(value) <= 1, "a number in [0, 1]")
    below_one = (
        ("country_share", country_share),
        ("missing", missing),
        ("auxiliary_missing", auxiliary_missing),
    )
    for name, value in below_one:
        _check_number(name, value, 0 <= _as_float(value) < 1, "a number in [0, 1)")


def _check_architecture(panel, architecture):
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture: got {architecture!r}, expected one of {ARCHITECTURES}")
    if architecture == "signed" and panel.variants is None:
        raise ValueError(
            "panel: got one without variants, expected keep_variants=True for signed effects"
        )


def _check_heritability(heritability, n_traits):
    values = np.asarray(heritability, dtype=float)
    if values.shape not in ((), (n_traits,)) or not np.all((values > 0) & (values <= 1)):
        raise ValueError(
            f"heritability: got {heritability!r}, expected a number in (0, 1] or {n_traits} of them"
        )
    return np.broadcast_to(values, (n_traits,))


def _check_causal(n_causal_genes, panel, biology):
    n_plants, n_genes = panel.tensor.shape[:2]
    if n_causal_genes is None:
        most = min(100, n_plants // 3) if biology.epistatic else 100
        n_causal_genes = min(most, max(5, n_genes // 10))
    n_causal_genes = _check_count("n_causal_genes", n_causal_genes, 1)
    if biology.epistatic and not 2 <= n_causal_genes <= n_plants // 3:
        raise ValueError(
            f"n_causal_genes: got {n_causal_genes}, expected 2 to {n_plants // 3} (a third of the "
            "plants) for epistatic traits, whose linear effects are projected out"
        )
    return n_causal_genes
