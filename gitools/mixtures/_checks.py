"""Checks of arguments that the mixture models share, with one wording."""

from numbers import Integral, Real

import numpy as np


def check_array(value, name, shape):
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: got {type(value).__name__} that is no array of numbers, expected shape "
            f"{shape}."
        ) from None
    if array.shape != shape:
        raise ValueError(f"{name}: got shape {array.shape}, expected {shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinite entries, expected finite ones.")
    return array


def check_integer(value, name, smallest):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < smallest:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {smallest}.")


def check_not_negative(value, name):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < np.inf:
        raise ValueError(f"{name}: got {value!r}, expected a finite number of at least 0.")


def generator(random_state):
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state: got {random_state!r}, expected an integer of at least 0, a numpy "
            "Generator or None."
        ) from None
