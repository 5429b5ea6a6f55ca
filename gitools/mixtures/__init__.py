"""Mixture models fitted by expectation-maximisation and its relatives."""

from gitools.mixtures._prior import MixturePrior
from gitools.mixtures.association_types import AssociationTypes, association_types
from gitools.mixtures.dirichlet_process import ZeroMeanDPMixture
from gitools.mixtures.gaussian_mixture import GaussianMixtureEM

__all__ = [
    "AssociationTypes",
    "GaussianMixtureEM",
    "MixturePrior",
    "ZeroMeanDPMixture",
    "association_types",
]
