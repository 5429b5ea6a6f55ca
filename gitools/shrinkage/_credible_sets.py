"""Credible sets of single effects, and how far their variants are correlated.

Reference: Wang et al. (2020), see `gitools.shrinkage.susie`.
"""

from dataclasses import dataclass

import numpy as np

_DECIMALS_OF_TIES = 12


@dataclass(frozen=True)
class CredibleSet:
    """Smallest set of variants that holds one effect with a stated probability.

    Attributes
    ----------
    effect : int
        Row of ``alpha`` that the set describes, from 0.
    indices : int array of shape (k,)
        Variants, ascending, from 0.
    coverage : float
        Posterior probability of the set, at least the one asked for.
    purity : float
        Smallest absolute correlation between two of its variants; 1 for a single one.
    """

    effect: int
    indices: np.ndarray
    coverage: float
    purity: float


def smallest_set(alpha, coverage):
    """Fewest variants whose probabilities sum to at least the coverage; ties to the first.

    Parameters
    ----------
    alpha : array of shape (p,)
        Probabilities, summing to one.
    coverage : float
        Between 0 and 1.

    Returns
    -------
    int array of shape (k,)
        Ascending.
    """
    # Variants in perfect LD differ by rounding alone, which must not choose between them.
    order = np.argsort(-np.round(alpha, _DECIMALS_OF_TIES), kind="stable")
    size = int(np.sum(np.cumsum(alpha[order]) < coverage)) + 1
    return np.sort(order[:size])


def find_credible_sets(alpha, active, correlations, coverage, min_abs_corr):
    """Credible sets that are pure enough, purest first; each set once.

    Parameters
    ----------
    alpha : array of shape (L, p)
        Posterior inclusion probabilities of each single effect.
    active : bool array of shape (L,)
        Effects whose prior variance is not zero; the others have no set.
    correlations : callable
        From two int arrays of variants to the correlations between them, shape (k, m).
    coverage : float
        Probability that a set must reach.
    min_abs_corr : float
        Smallest purity of a set that is kept.

    Returns
    -------
    list of CredibleSet
    """
    found, seen = [], set()
    for effect in np.flatnonzero(active):
        indices = smallest_set(alpha[effect], coverage)
        if indices.tobytes() in seen:
            continue
        seen.add(indices.tobytes())
        lead = indices[np.argmax(alpha[effect, indices])]
        purity = _purity(indices, lead, correlations, min_abs_corr)
        if purity >= min_abs_corr:
            reached = float(alpha[effect, indices].sum())
            found.append(CredibleSet(int(effect), indices, reached, purity))
    return sorted(found, key=lambda one: -one.purity)


def _purity(indices, lead, correlations, min_abs_corr):
    """Smallest absolute correlation, or a larger number that is below the bound already.

    A set of thousands of variants fails by its correlations with the lead variant alone, and
    needs no matrix of all pairs.
    """
    if len(indices) == 1:
        return 1.0
    with_lead = float(np.abs(correlations(np.array([lead]), indices)).min())
    if with_lead < min_abs_corr:
        return with_lead
    return min(1.0, float(np.abs(correlations(indices, indices)).min()))
