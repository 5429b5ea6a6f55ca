"""Checks of arguments that the mixture models share, with one wording."""

from numbers import Integral, Real

import numpy as np


def check_array(value, name, *shapes):
    """A copy of the value as a finite array of one of the shapes."""
    expected = " or ".join(str(shape) for shape in shapes)
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: got {type(value).__name__} that is no array of numbers, expected shape "
            f"{expected}."
        ) from None
    if array.shape not in shapes:
        raise ValueError(f"{name}: got shape {array.shape}, expected {expected}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinite entries, expected finite ones.")
    return array


def check_integer(value, name, smallest, largest=np.inf):
    """An integer of any integer type, but no truth value."""
    integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not integer or not smallest <= value <= largest:
        top = f" and at most {largest}" if largest < np.inf else ""
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {smallest}{top}.")


def check_number(value, name, expected, is_allowed):
    """A finite number that is allowed; `expected` says in words which are."""
    number = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)
    if not number or not is_allowed(value):
        raise ValueError(f"{name}: got {value!r}, expected a finite number {expected}.")


def check_not_negative(value, name):
    """A finite number of at least 0."""
    check_number(value, name, "of at least 0", lambda number: number >= 0)


def generator(random_state):
    """The numpy Generator that a seed or a Generator stands for."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state: got {random_state!r}, expected an integer of at least 0, a numpy "
            "Generator or None."
        ) from None
