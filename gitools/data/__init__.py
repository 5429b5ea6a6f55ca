"""Real data: fetched by address and checksum, converted into open formats, opened offline."""

from gitools.data.arabidopsis import (
    ArabidopsisGenotypes,
    arabidopsis_accessions,
    arabidopsis_genotypes,
    arabidopsis_phenotypes,
)
from gitools.data.forms import Array, Arrays, Column, Table
from gitools.data.genes import (
    GeneTerms,
    arabidopsis_gene_parts,
    arabidopsis_gene_terms,
    arabidopsis_genes,
)
from gitools.data.loci import Region, SusieN3, g1000_europeans, susie_n3, ukb_ld
from gitools.data.potato import potato_intensities
from gitools.data.registry import REGISTRY, Citation, DataSet
from gitools.data.store import (
    DataError,
    DataNotAvailable,
    available,
    cache_folder,
    fetch,
    load,
    source_address,
)
from gitools.data.variants import (
    AuxinReceptorCalls,
    StressGeneCalls,
    auxin_receptor_calls,
    stress_gene_calls,
)

__all__ = [
    "REGISTRY",
    "ArabidopsisGenotypes",
    "Array",
    "Arrays",
    "AuxinReceptorCalls",
    "Citation",
    "Column",
    "DataError",
    "DataNotAvailable",
    "DataSet",
    "GeneTerms",
    "Region",
    "StressGeneCalls",
    "SusieN3",
    "Table",
    "arabidopsis_accessions",
    "arabidopsis_gene_parts",
    "arabidopsis_gene_terms",
    "arabidopsis_genes",
    "arabidopsis_genotypes",
    "arabidopsis_phenotypes",
    "auxin_receptor_calls",
    "available",
    "cache_folder",
    "fetch",
    "g1000_europeans",
    "load",
    "potato_intensities",
    "source_address",
    "stress_gene_calls",
    "susie_n3",
    "ukb_ld",
]
