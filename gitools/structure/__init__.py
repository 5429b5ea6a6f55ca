"""Population structure: components of genotypes, scores within groups, folds that respect them."""

from gitools.structure.components import (
    PrincipalComponents,
    hudson_fst,
    ld_prune,
    near_identical,
    principal_components,
)
from gitools.structure.folds import (
    block_bootstrap,
    grouped_folds,
    random_folds,
    spatial_blocks,
    spatial_folds,
)
from gitools.structure.scores import (
    CorrelationParts,
    VarianceShares,
    WithinGroupCorrelation,
    decompose_correlation,
    per_fold_within,
    within_group_correlation,
)

__all__ = [
    "CorrelationParts",
    "PrincipalComponents",
    "VarianceShares",
    "WithinGroupCorrelation",
    "block_bootstrap",
    "decompose_correlation",
    "grouped_folds",
    "hudson_fst",
    "ld_prune",
    "near_identical",
    "per_fold_within",
    "principal_components",
    "random_folds",
    "spatial_blocks",
    "spatial_folds",
    "within_group_correlation",
]
