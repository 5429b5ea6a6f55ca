"""Shrinkage methods by name, as functions of z scores, LD and the number of people."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from gitools.shrinkage import NeuralShrinkage, spike_and_slab_rss, susie_rss


class Shrinker(NamedTuple):
    """A method with a name that tells its results from another's.

    Attributes
    ----------
    name : str
    function : callable
        ``function(z, R, n)`` returns standardised effects of the shape of z, (p,).
    """

    name: str
    function: Callable


def shrinker(method) -> Shrinker:
    """A method of shrinkage.

    Parameters
    ----------
    method : {"network", "susie", "spike_and_slab", "none"}, NeuralShrinkage or Shrinker
        "network" is the one that the book trained. For a function of your own give
        ``Shrinker(name, function)``, with another name whenever the function changes.

    Returns
    -------
    Shrinker

    Raises
    ------
    ValueError
        If the method is unknown.
    """
    if isinstance(method, Shrinker):
        return method
    if isinstance(method, NeuralShrinkage):
        return Shrinker(_network_name(method), _network(method))
    if isinstance(method, str) and method in _BY_NAME:
        return _BY_NAME[method]()
    raise ValueError(
        f"shrink: got {method!r}, expected one of {', '.join(_BY_NAME)}, a NeuralShrinkage or "
        "Shrinker(name, function)"
    )


def shrink_block(z, R, n, method: Shrinker) -> np.ndarray:
    """Shrunken effects of one block on every trait.

    Parameters
    ----------
    z : array of shape (p, n_traits)
        Marginal z scores.
    R : array of shape (p, p)
        LD correlations.
    n : array of shape (p, n_traits)
        Number of people behind each; a method that wants one number is given the median.
    method : Shrinker

    Returns
    -------
    ndarray of shape (p, n_traits)
        Effects in standard errors: standardised effects times the root of the median n.

    Raises
    ------
    ValueError
        If the method returns something else than p finite effects.
    """
    effects = np.empty_like(z, dtype=float)
    for trait, column in enumerate(np.asarray(z, dtype=float).T):
        people = float(np.median(n[:, trait]))
        found = np.asarray(method.function(column, R, people), dtype=float)
        if found.shape != column.shape or not np.all(np.isfinite(found)):
            raise ValueError(
                f"shrink: {method.name} returned shape {found.shape}, expected {len(column)} "
                "finite effects"
            )
        effects[:, trait] = found * np.sqrt(people)
    return effects


def _network(network):
    def function(z, R, n):
        return network.predict(z / np.sqrt(n), np.full(len(z), 1 / np.sqrt(n)), R)

    return function


def _network_name(network):
    digest = hashlib.sha256()
    for name, values in sorted(network.parameters_.items()):
        digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return f"network {digest.hexdigest()[:16]}"


@cache
def _pretrained():
    network = NeuralShrinkage.pretrained()
    return Shrinker(_network_name(network), _network(network))


_BY_NAME = {
    "network": _pretrained,
    "susie": lambda: Shrinker("susie", lambda z, R, n: susie_rss(z, R, n).posterior_mean),
    "spike_and_slab": lambda: Shrinker(
        "spike_and_slab", lambda z, R, n: spike_and_slab_rss(z / np.sqrt(n), R, n).posterior_mean
    ),
    "none": lambda: Shrinker("none", lambda z, R, n: z / np.sqrt(n)),
}
