"""Simulated data with known truth."""

from gitools.simulate.intensities import dosage_means, simulate_intensities

__all__ = ["dosage_means", "simulate_intensities"]
