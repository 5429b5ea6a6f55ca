"""Real data: fetched by address and checksum, converted into open formats, opened offline."""

from gitools.data.potato import potato_intensities
from gitools.data.registry import REGISTRY, Citation, Column, DataSet
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
    "Citation",
    "Column",
    "DataError",
    "DataNotAvailable",
    "DataSet",
    "available",
    "cache_folder",
    "fetch",
    "load",
    "potato_intensities",
    "source_address",
]
