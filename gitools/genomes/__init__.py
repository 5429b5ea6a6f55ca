"""From genomes to traits: encoding, networks, training and their evaluation."""

from gitools.genomes.distinct import DistinctGenes, distinct_genes
from gitools.genomes.layers import SparseLinear
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana, count_parameters

__all__ = [
    "BMSNN",
    "GPSNN",
    "DistinctGenes",
    "FrozenHead",
    "Galiana",
    "SparseLinear",
    "count_parameters",
    "distinct_genes",
]
