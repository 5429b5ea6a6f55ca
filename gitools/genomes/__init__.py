"""From genomes to traits: encoding, networks, training and their evaluation."""

from gitools.genomes.distinct import DistinctGenes, distinct_genes
from gitools.genomes.evaluation import (
    ReplicateCeilings,
    correlations,
    country_mean_prediction,
    gps_encoding,
    replicate_ceilings,
    standardise_targets,
)
from gitools.genomes.layers import SparseLinear
from gitools.genomes.models import BMSNN, GPSNN, FrozenHead, Galiana, count_parameters
from gitools.genomes.together import Stack, predict_together, train_together
from gitools.genomes.training import (
    PlateauSchedule,
    TrainingHistory,
    copy_body,
    fold_predictions,
    masked_squared_error,
    predict,
    saliency,
    seeded,
    torch_generator,
    train,
)

__all__ = [
    "BMSNN",
    "GPSNN",
    "DistinctGenes",
    "FrozenHead",
    "Galiana",
    "PlateauSchedule",
    "ReplicateCeilings",
    "SparseLinear",
    "Stack",
    "TrainingHistory",
    "copy_body",
    "correlations",
    "count_parameters",
    "country_mean_prediction",
    "distinct_genes",
    "fold_predictions",
    "gps_encoding",
    "masked_squared_error",
    "predict",
    "predict_together",
    "replicate_ceilings",
    "saliency",
    "seeded",
    "standardise_targets",
    "torch_generator",
    "train",
    "train_together",
]
