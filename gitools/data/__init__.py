"""Real data: fetched by address and checksum, converted into open formats, opened offline."""

from gitools.data.arabidopsis import (
    ArabidopsisGenotypes,
    arabidopsis_accessions,
    arabidopsis_genotypes,
    arabidopsis_phenotypes,
)
from gitools.data.forms import Array, Arrays, Column, Table
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

__all__ = [
    "REGISTRY",
    "ArabidopsisGenotypes",
    "Array",
    "Arrays",
    "Citation",
    "Column",
    "DataError",
    "DataNotAvailable",
    "DataSet",
    "Region",
    "SusieN3",
    "Table",
    "arabidopsis_accessions",
    "arabidopsis_genotypes",
    "arabidopsis_phenotypes",
    "available",
    "cache_folder",
    "fetch",
    "g1000_europeans",
    "load",
    "potato_intensities",
    "source_address",
    "susie_n3",
    "ukb_ld",
]
