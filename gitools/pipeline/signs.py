"""Effects whose sign contradicts LD: alleles that the files themselves did not give away.

Reference
---------
Zou, Y., Carbonetto, P., Wang, G. and Stephens, M. (2022). Fine-mapping from summary data with the
"Sum of Single Effects" model. PLOS Genetics 18, e1010299.
"""

import numpy as np

from gitools.shrinkage import kriging_rss

_LARGE_Z, _LARGE_RATIO, _SAME_NEIGHBOURHOOD = 2.0, 2.0, 0.1


def flag_signs(z, R, n, *, rounds: int = 10) -> np.ndarray:
    """Variants whose sign contradicts that of their neighbours.

    One wrong sign makes its right neighbours look wrong as well. So in each round only the most
    suspicious variant of each neighbourhood (squared correlation above 0.1) is flagged and left
    out, until nothing is suspicious: log flip ratio above 2 at an absolute z score above 2.

    Parameters
    ----------
    z : array of shape (p,)
        Marginal z scores.
    R : array of shape (p, p)
        LD correlations.
    n : float
        Number of people.
    rounds : int
        Most rounds, each with an eigendecomposition of what is left.

    Returns
    -------
    bool array of shape (p,)

    Raises
    ------
    ValueError
        If sizes disagree, a value is not finite, or ``rounds`` is below 1.
    """
    if not isinstance(rounds, int) or isinstance(rounds, bool) or rounds < 1:
        raise ValueError(f"rounds: got {rounds!r}, expected an integer of at least 1")
    z, R = np.asarray(z, dtype=float), np.asarray(R, dtype=float)
    flagged = np.zeros(len(z), dtype=bool)
    for _ in range(rounds):
        left = np.flatnonzero(~flagged)
        ratio = kriging_rss(z[left], R[np.ix_(left, left)], n).log_flip_ratio
        suspicious = (np.abs(z[left]) > _LARGE_Z) & (ratio > _LARGE_RATIO)
        if not suspicious.any():
            break
        flagged[_worst_of_each(left[suspicious], ratio[suspicious], R)] = True
    return flagged


def _worst_of_each(places, ratio, R):
    chosen = []
    for place in places[np.argsort(-ratio, kind="stable")]:
        if all(R[place, other] ** 2 <= _SAME_NEIGHBOURHOOD for other in chosen):
            chosen.append(place)
    return chosen
