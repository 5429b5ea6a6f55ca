r"""Genes by association type: which set of traits does a gene act on?

A mixture over traits gives each variant a posterior over association types: no trait (null), one,
or several. With :math:`q_{jS}` the posterior of type S for variant j of gene g, and
:math:`\varnothing` the null,

.. math::

    P(g \text{ null}) = \prod_{j \in g} q_{j\varnothing}, \qquad
    P(g \text{ of type } S) = \bigl(1 - P(g \text{ null})\bigr)
        \frac{\sum_{j \in g} q_{jS}}{\sum_{S' \neq \varnothing} \sum_{j \in g} q_{jS'}} .

So a gene is associated if any of its variants is, and its type is that of the variants which make
it so, in proportion to how many of each are expected. Variants are taken as independent given
their posteriors; in LD they are not, and a signal that a method spreads over several variants
counts more than once in the product.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_ROUNDING = 1e-6
# A variant whose null has underflown still leaves its gene a logarithm.
_LEAST_PROBABILITY = 1e-300


class GeneTypes(NamedTuple):
    """Outcome of `gene_types`.

    Attributes
    ----------
    probability : float array of shape (n_genes, n_types)
        Probability of each type; rows sum to 1.
    expected : float array of shape (n_genes, n_types)
        Expected number of the gene's variants of each type; rows sum to the gene's size.
    trait_probability : float array of shape (n_genes, n_traits)
        Probability that at least one of the gene's variants acts on the trait, whether the same
        variant acts on others or not.
    products : float array of shape (n_genes, n_traits, n_traits)
        Sums over the gene's variants of products of effects: on the diagonal the statistic of a
        single trait, off it the direction in which two traits share the gene.
    energy : float array of shape (n_genes, n_types)
        The sum of squared effects over all traits, split over types.
    score : float array of shape (n_genes, n_types)
        ``energy`` squared over its sum: what to rank genes of a type by.
    n_variants : int array of shape (n_genes,)
    """

    probability: np.ndarray
    expected: np.ndarray
    trait_probability: np.ndarray
    products: np.ndarray
    energy: np.ndarray
    score: np.ndarray
    n_variants: np.ndarray


def gene_types(effects, posterior, patterns, genes: Sequence) -> GeneTypes:
    """Collect variants' effects and association types into genes.

    Parameters
    ----------
    effects : array of shape (p, n_traits)
        Effects of the variants, usually shrunken ones, in units in which traits may be compared.
    posterior : array of shape (p, n_types)
        Posterior probability of each association type of each variant; rows sum to 1.
    patterns : bool array of shape (n_types, n_traits)
        Which traits each type acts on; exactly one row, the null, has none, and rows differ.
    genes : sequence of int arrays
        Variants of each gene, as indices into the p; genes may overlap.

    Returns
    -------
    GeneTypes

    Raises
    ------
    ValueError
        If sizes disagree, a number is not finite, rows of ``posterior`` are no probabilities,
        ``patterns`` repeats a type or has not one null, or a gene is empty, has a variant twice or
        variants outside the p.

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.association import gene_types
    >>> posterior = np.array([[0.9, 0.1], [0.5, 0.5]])
    >>> found = gene_types(np.ones((2, 1)), posterior, [[False], [True]], [np.array([0, 1])])
    >>> found.probability.round(2)
    array([[0.45, 0.55]])
    """
    effects, posterior, patterns = _check(effects, posterior, patterns)
    genes = _check_genes(genes, len(effects))
    null = int(np.flatnonzero(~patterns.any(axis=1))[0])
    expected = np.array([posterior[gene].sum(axis=0) for gene in genes])
    spared = 1 - posterior @ patterns
    trait_probability = np.array([1 - _product(spared[gene]) for gene in genes])
    products = np.array([effects[gene].T @ effects[gene] for gene in genes])
    squares = posterior * (effects**2).sum(axis=1, keepdims=True)
    energy = np.array([squares[gene].sum(axis=0) for gene in genes])
    is_null = np.array([_product(posterior[gene, null]) for gene in genes])
    return GeneTypes(
        _split(expected, is_null, null),
        expected,
        trait_probability,
        products,
        energy,
        energy * _shares(energy),
        np.array([len(gene) for gene in genes]),
    )


def _split(expected, is_null, null):
    """Probability of each type: what is not null, in proportion to the expected numbers."""
    weights = expected.copy()
    weights[:, null] = 0
    probability = (1 - is_null)[:, None] * _shares(weights)
    probability[:, null] = 1 - probability.sum(axis=1)
    return np.maximum(probability, 0)


def _shares(values):
    """Each row over its sum; a row of zeros stays one."""
    total = values.sum(axis=1, keepdims=True)
    return np.divide(values, total, out=np.zeros_like(values), where=total > 0)


def _product(values):
    """Product along the first axis, by logarithms: a gene may hold thousands of variants."""
    return np.exp(np.log(np.maximum(values, _LEAST_PROBABILITY)).sum(axis=0))


def _check(effects, posterior, patterns):
    effects, posterior = _finite("effects", effects), _finite("posterior", posterior)
    p, n_traits = effects.shape
    if len(posterior) != p:
        raise ValueError(
            f"posterior: got {len(posterior)} rows, expected {p} as effects has {p} variants"
        )
    off = np.abs(posterior.sum(axis=1) - 1).max()
    if posterior.min() < -_ROUNDING or off > _ROUNDING:
        raise ValueError(
            f"posterior: got a smallest entry of {posterior.min():.3g} and rows off 1 by up to "
            f"{off:.3g}, expected probabilities that sum to 1"
        )
    patterns = np.asarray(patterns)
    if patterns.dtype != bool or patterns.shape != (posterior.shape[1], n_traits):
        raise ValueError(
            f"patterns: got {patterns.dtype} of shape {patterns.shape}, expected bool of shape "
            f"({posterior.shape[1]}, {n_traits}): types as in posterior, traits as in effects"
        )
    if len(np.unique(patterns, axis=0)) < len(patterns) or patterns.any(axis=1).all():
        raise ValueError("patterns: expected types that differ, and among them one of no trait")
    return effects, np.clip(posterior, 0, 1), patterns


def _check_genes(genes, p):
    if len(genes) == 0:
        raise ValueError("genes: got none, expected at least one")
    checked = []
    for k, gene in enumerate(genes):
        gene = np.asarray(gene)
        integers = gene.ndim == 1 and np.issubdtype(gene.dtype, np.integer)
        if not integers or gene.size == 0 or gene.min() < 0 or gene.max() >= p:
            raise ValueError(f"genes[{k}]: expected at least one index from 0 to {p - 1}")
        if np.unique(gene).size < gene.size:
            raise ValueError(f"genes[{k}]: got a variant twice, expected each once")
        checked.append(gene)
    return checked


def _finite(name, value):
    try:
        value = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got {type(value).__name__}, expected numbers") from None
    if value.ndim != 2 or value.size == 0:
        raise ValueError(f"{name}: got shape {value.shape}, expected a row for each variant")
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{name}: got NaN or infinity, expected finite numbers")
    return value
