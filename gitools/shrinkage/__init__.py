"""Shrinkage of effects: penalties, Bayesian priors, fine-mapping, and the ceiling of them all."""

from gitools.shrinkage._checks import check_summary_statistics, nearest_correlation

__all__ = ["check_summary_statistics", "nearest_correlation"]
