"""The stages after harmonising, each a function of arrays and tables: nothing here is stored."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.association import gene_scan
from gitools.mixtures import AssociationTypes, ZeroMeanDPMixture, association_types
from gitools.pipeline.shrinkers import Shrinker, shrink_block
from gitools.pipeline.signs import flag_signs

SIGN_RULES = ("report", "drop", "ignore")
# Signs are compared with LD only in blocks with a z score of this size: small ones mislead nobody.
_SIGN_MATTERS = 5.0
# A component acts on a trait if its shrunken effects are typically one standard error or more:
# twice (the ratio of `association_types`) this variance.
_NULL_VARIANCE = 0.5
_GENE_SPAN = 1_000
_FEWEST_ROWS = 50


class ShrunkenBlock(NamedTuple):
    """One block, shrunken.

    Attributes
    ----------
    effects : float array of shape (p, n_traits)
        In standard errors; 0 for a variant that was left out.
    flagged : bool array of shape (p, n_traits)
        Whether a variant's sign contradicts that of its neighbours.
    """

    effects: np.ndarray
    flagged: np.ndarray


class Mixture(NamedTuple):
    """A mixture about zero, as `gitools.mixtures.association_types` takes it.

    Attributes
    ----------
    weights : array of shape (n_components,)
    covariances : array of shape (n_components, n_traits, n_traits)
        Of shrunken effects in standard errors.
    """

    weights: np.ndarray
    covariances: np.ndarray


def shrink_and_check(z, R, n, method: Shrinker, *, ld_shrinkage=0.0, signs="report"):
    """Look for wrong signs in a block, then shrink it.

    Parameters
    ----------
    z, n : arrays of shape (p, n_traits)
        Marginal z scores and number of people.
    R : array of shape (p, p)
        LD correlations.
    method : Shrinker
    ld_shrinkage : float
        Share of the identity that is mixed into R, from 0 to 1.
    signs : {"report", "drop", "ignore"}
        What to do with variants whose sign contradicts LD, looked for where an absolute z score
        reaches 5. "drop" leaves them out, of all traits.

    Returns
    -------
    ShrunkenBlock

    Raises
    ------
    ValueError
        If an argument is out of range or a method refuses the block.
    """
    if signs not in SIGN_RULES:
        raise ValueError(f"signs: got {signs!r}, expected one of {', '.join(SIGN_RULES)}")
    if not 0 <= ld_shrinkage <= 1:
        raise ValueError(f"ld_shrinkage: got {ld_shrinkage!r}, expected a number from 0 to 1")
    z, n = np.asarray(z, dtype=float), np.asarray(n, dtype=float)
    R = (1 - ld_shrinkage) * R
    np.fill_diagonal(R, 1.0)
    flagged = np.zeros(z.shape, dtype=bool)
    for trait in range(z.shape[1]):
        if signs != "ignore" and np.abs(z[:, trait]).max() >= _SIGN_MATTERS:
            flagged[:, trait] = flag_signs(z[:, trait], R, float(np.median(n[:, trait])))
    inside = ~flagged.any(axis=1) if signs == "drop" else np.ones(len(z), dtype=bool)
    effects = np.zeros_like(z)
    if inside.any():
        effects[inside] = shrink_block(z[inside], R[np.ix_(inside, inside)], n[inside], method)
    return ShrunkenBlock(effects, flagged)


def fit_mixture(effects, *, random_state=0) -> Mixture:
    """Mixture of shrunken effects over traits.

    Parameters
    ----------
    effects : array of shape (n_variants, n_traits)
        In standard errors: a sample of the genome's variants.
    random_state : int or numpy Generator

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If there are fewer than 50 variants, or effects without any spread.
    """
    effects = np.asarray(effects, dtype=float)
    if effects.ndim != 2 or len(effects) < _FEWEST_ROWS:
        raise ValueError(
            f"effects: got shape {effects.shape}, expected (variants, traits) with at least "
            f"{_FEWEST_ROWS} variants"
        )
    fitted = ZeroMeanDPMixture(random_state=random_state).fit(effects)
    return Mixture(fitted.weights_, fitted.covariances_)


def variant_types(effects, mixture: Mixture, traits) -> AssociationTypes:
    """Which traits each variant acts on: a posterior over types.

    A component acts on a trait if its shrunken effects there are typically (root mean square) one
    standard error or more.

    Parameters
    ----------
    effects : array of shape (n_variants, n_traits)
        In standard errors.
    mixture : Mixture
    traits : sequence of str

    Returns
    -------
    AssociationTypes
        See `gitools.mixtures.association_types`.
    """
    noise = np.full(len(traits), _NULL_VARIANCE)
    return association_types(mixture, effects, noise=noise, trait_names=traits)


def type_patterns(names, traits) -> np.ndarray:
    """Which traits each type acts on, from the names that `variant_types` gives.

    Parameters
    ----------
    names, traits : sequences of str

    Returns
    -------
    bool array of shape (n_types, n_traits)
    """
    letters = all(len(trait) == 1 for trait in traits)
    parts = [list(name) if letters else name.split("+") for name in names]
    parts = [[] if name == "null" else part for name, part in zip(names, parts, strict=True)]
    return np.array([[trait in part for trait in traits] for part in parts])


def scan_genes(z, ld, positions, genes, *, flank=0) -> tuple[pd.DataFrame, list]:
    """Sum-of-squares tests of the genes of one chromosome, on the marginal z scores.

    Genes are taken by turns, so that the LD of about a thousand variants is held at a time.

    Parameters
    ----------
    z : array of shape (p, n_traits)
    ld : callable
        ``ld(start, stop)`` returns correlations of the variants in this range.
    positions : int array of shape (p,)
        Increasing.
    genes : DataFrame
        start and end in base pairs, ordered by start.
    flank : int
        Base pairs on each side that count as the gene's.

    Returns
    -------
    table : DataFrame
        One row a gene: n_variants, then statistic_<k> and p_<k> for each trait's number k; NaN for
        genes without variants.
    members : list of slice
        Variants of each gene.

    Raises
    ------
    ValueError
        If ``flank`` is negative or positions decrease.
    """
    if flank < 0:
        raise ValueError(f"flank: got {flank!r}, expected base pairs of at least 0")
    z, positions = np.asarray(z, dtype=float), np.asarray(positions)
    if np.any(np.diff(positions) < 0):
        raise ValueError("positions: got decreasing ones, expected variants in order")
    first = np.searchsorted(positions, genes["start"].to_numpy() - flank)
    stop = np.searchsorted(positions, genes["end"].to_numpy() + flank, side="right")
    statistic = np.full((len(genes), z.shape[1]), np.nan)
    p = statistic.copy()
    for batch in _batches(first, stop):
        start, end = first[batch].min(), stop[batch].max()
        inside = [np.arange(first[g], stop[g]) - start for g in batch]
        # z / sqrt(2) are the effects that would have these z scores in two people.
        found = gene_scan(z[start:end].T / np.sqrt(2), ld(start, end), 2, inside)
        statistic[batch], p[batch] = found.statistic.T, found.p.T
    columns = {"n_variants": stop - first}
    for trait in range(z.shape[1]):
        columns |= {f"statistic_{trait}": statistic[:, trait], f"p_{trait}": p[:, trait]}
    return pd.DataFrame(columns), [slice(a, b) for a, b in zip(first, stop, strict=True)]


def _batches(first, stop):
    """Numbers of genes with variants, in runs that span few variants together."""
    batch, reach = [], 0
    for gene in np.flatnonzero(stop > first):
        if batch and max(stop[gene], reach) - first[batch[0]] > _GENE_SPAN:
            yield np.array(batch)
            batch, reach = [], 0
        batch.append(gene)
        reach = max(reach, stop[gene])
    if batch:
        yield np.array(batch)
