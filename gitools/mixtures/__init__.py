"""Mixture models fitted by expectation-maximisation and its relatives."""

from gitools.mixtures._prior import MixturePrior
from gitools.mixtures.association_types import AssociationTypes, association_types
from gitools.mixtures.dirichlet_process import ZeroMeanDPMixture
from gitools.mixtures.dosage_calling import (
    DosageFits,
    call_dosages,
    fit_dosages,
    inbreeding_coefficient,
)
from gitools.mixtures.gaussian_mixture import GaussianMixtureEM
from gitools.mixtures.hidden_markov import GaussianHiddenMarkov, forward_backward, viterbi

__all__ = [
    "AssociationTypes",
    "DosageFits",
    "GaussianHiddenMarkov",
    "GaussianMixtureEM",
    "MixturePrior",
    "ZeroMeanDPMixture",
    "association_types",
    "call_dosages",
    "fit_dosages",
    "forward_backward",
    "inbreeding_coefficient",
    "viterbi",
]
