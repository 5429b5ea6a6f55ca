"""Mixture models fitted by expectation-maximisation and its relatives."""

from gitools.mixtures._prior import MixturePrior
from gitools.mixtures.gaussian_mixture import GaussianMixtureEM

__all__ = ["GaussianMixtureEM", "MixturePrior"]
