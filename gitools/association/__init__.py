"""Association of single variants with a trait, and linkage disequilibrium."""

from gitools.association.gene_tests import (
    GeneScan,
    GeneTest,
    acat,
    draw_null,
    effective_tests,
    gene_scan,
    gene_test,
    monte_carlo_p,
)
from gitools.association.gene_types import GeneTypes, gene_types
from gitools.association.ld import ld_matrix, ld_scores
from gitools.association.mixed_model import (
    MixedModelScan,
    VarianceComponents,
    gblup,
    kinship,
    mixed_model_scan,
    reml,
)
from gitools.association.multiple_testing import (
    PermutationTest,
    permutation_max,
    smaller_of_two,
)
from gitools.association.regression import (
    GenomicControl,
    MarginalRegression,
    genomic_control,
    log10_p,
    marginal_regression,
)
from gitools.association.weighted_chi2 import liu_sf, weighted_chi2_sf

__all__ = [
    "GeneScan",
    "GeneTest",
    "GeneTypes",
    "GenomicControl",
    "MarginalRegression",
    "MixedModelScan",
    "PermutationTest",
    "VarianceComponents",
    "acat",
    "draw_null",
    "effective_tests",
    "gblup",
    "gene_scan",
    "gene_test",
    "gene_types",
    "genomic_control",
    "kinship",
    "ld_matrix",
    "ld_scores",
    "liu_sf",
    "log10_p",
    "marginal_regression",
    "mixed_model_scan",
    "monte_carlo_p",
    "permutation_max",
    "reml",
    "smaller_of_two",
    "weighted_chi2_sf",
]
