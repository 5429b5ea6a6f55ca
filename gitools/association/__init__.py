"""Association of single variants with a trait, and linkage disequilibrium."""

from gitools.association.ld import ld_matrix, ld_scores
from gitools.association.regression import (
    GenomicControl,
    MarginalRegression,
    genomic_control,
    log10_p,
    marginal_regression,
)

__all__ = [
    "GenomicControl",
    "MarginalRegression",
    "genomic_control",
    "ld_matrix",
    "ld_scores",
    "log10_p",
    "marginal_regression",
]
