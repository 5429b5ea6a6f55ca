"""Families of covariances: their shapes, and how many free numbers they hold."""

import numpy as np

FAMILIES = ("full", "diag", "spherical", "tied")


def covariance_shape(n_components, n_features, covariance_type):
    """Shape in which covariances of a family are given and reported."""
    return {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }[covariance_type]


def expand(covariances, covariance_type, shape):
    """From the reported shape to (K, d, d) for full and tied, (K, d) for diag and spherical."""
    n_components, n_features = shape
    if covariance_type == "tied":
        return np.broadcast_to(covariances, (n_components, n_features, n_features))
    if covariance_type == "spherical":
        return np.broadcast_to(covariances[:, None], shape)
    return covariances


def count_parameters(n_components, n_features, covariance_type):
    """Free numbers in the weights, means and covariances of a mixture."""
    per_matrix = n_features * (n_features + 1) // 2
    of_covariances = {
        "full": n_components * per_matrix,
        "tied": per_matrix,
        "diag": n_components * n_features,
        "spherical": n_components,
    }[covariance_type]
    return n_components - 1 + n_components * n_features + of_covariances
