"""Simulated data with known truth."""

from gitools.simulate.arrays import ArrayMarker, dosage_frequencies, expected_ratio, simulate_array
from gitools.simulate.copies import Probes, draw_probes, simulate_copies, simulate_copy_chains
from gitools.simulate.genotypes import Genotypes, simulate_genotypes
from gitools.simulate.gwas import SummaryStatistics, simulate_summary_statistics
from gitools.simulate.intensities import dosage_means, simulate_intensities
from gitools.simulate.plants import (
    PlantPanel,
    PlantTraits,
    gene_scores,
    simulate_ionome,
    simulate_plants,
)
from gitools.simulate.traits import (
    BinaryTrait,
    binary_target,
    genetic_values,
    n_effective,
    simulate_binary,
    simulate_effects,
    simulate_quantitative,
)
from gitools.simulate.variant_types import DAMAGING_TYPES, LOSS_OF_FUNCTION, VARIANT_TYPES

__all__ = [
    "DAMAGING_TYPES",
    "LOSS_OF_FUNCTION",
    "VARIANT_TYPES",
    "ArrayMarker",
    "BinaryTrait",
    "Genotypes",
    "PlantPanel",
    "PlantTraits",
    "Probes",
    "SummaryStatistics",
    "binary_target",
    "dosage_frequencies",
    "dosage_means",
    "draw_probes",
    "expected_ratio",
    "gene_scores",
    "genetic_values",
    "n_effective",
    "simulate_array",
    "simulate_binary",
    "simulate_copies",
    "simulate_copy_chains",
    "simulate_effects",
    "simulate_genotypes",
    "simulate_intensities",
    "simulate_ionome",
    "simulate_plants",
    "simulate_quantitative",
    "simulate_summary_statistics",
]
