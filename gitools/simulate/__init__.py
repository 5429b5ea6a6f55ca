"""Simulated data with known truth."""

from gitools.simulate.genotypes import Genotypes, simulate_genotypes
from gitools.simulate.gwas import SummaryStatistics, simulate_summary_statistics
from gitools.simulate.intensities import dosage_means, simulate_intensities
from gitools.simulate.traits import (
    BinaryTrait,
    binary_target,
    genetic_values,
    n_effective,
    simulate_binary,
    simulate_effects,
    simulate_quantitative,
)

__all__ = [
    "BinaryTrait",
    "Genotypes",
    "SummaryStatistics",
    "binary_target",
    "dosage_means",
    "genetic_values",
    "n_effective",
    "simulate_binary",
    "simulate_effects",
    "simulate_genotypes",
    "simulate_intensities",
    "simulate_quantitative",
    "simulate_summary_statistics",
]
