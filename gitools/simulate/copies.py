"""Copy numbers, and what the probes of an array say about them."""

from dataclasses import dataclass

import numpy as np

# Copies of the three states: one chromosome lost, none, one gained.
COPIES = np.array([1, 2, 3])


@dataclass(frozen=True)
class Probes:
    """Probes of one gene.

    A probe's signal is ``response * log2(copies / 2)`` plus normal noise.

    Attributes
    ----------
    response : float array of shape (d,)
        Share of the log ratio that each probe shows; 1 would be all of it.
    sd : float array of shape (d,)
        Standard deviation of each probe's noise, in units of log2 ratio.
    correlation : float
        Correlation of the noise of any two probes, in [0, 1).
    """

    response: np.ndarray
    sd: np.ndarray
    correlation: float = 0.0

    def __post_init__(self):
        for name in ("response", "sd"):
            value = np.asarray(getattr(self, name), dtype=float)
            if value.ndim != 1 or value.size == 0 or not np.all(np.isfinite(value)):
                raise ValueError(f"{name}: got {value!r}, expected a finite vector")
            object.__setattr__(self, name, value)
        if self.response.shape != self.sd.shape or self.sd.min() <= 0:
            raise ValueError(
                f"sd: got shape {self.sd.shape} and minimum {self.sd.min():g}, expected positive "
                f"numbers, one for each of the {self.response.size} responses"
            )
        if not 0 <= self.correlation < 1:
            raise ValueError(f"correlation: got {self.correlation!r}, expected a number in [0, 1)")

    @property
    def means(self) -> np.ndarray:
        """Expected signals of 1, 2 and 3 copies: float array of shape (3, d)."""
        return np.log2(COPIES / 2)[:, None] * self.response

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the noise: float array of shape (d, d)."""
        correlations = np.full((self.sd.size, self.sd.size), float(self.correlation))
        np.fill_diagonal(correlations, 1.0)
        return correlations * np.outer(self.sd, self.sd)


def draw_probes(
    n_probes, *, response=(0.3, 1.0), sd=(0.2, 1.0), correlation=0.0, random_state=None
) -> Probes:
    """Draw probes of unequal quality.

    Parameters
    ----------
    n_probes : int
        Number of probes, at least 1.
    response : (float, float)
        Range of the responses, uniform.
    sd : (float, float)
        Range of the noise's standard deviations, uniform on the log scale.
    correlation : float
        See `Probes`.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Probes

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    if not isinstance(n_probes, int | np.integer) or n_probes < 1:
        raise ValueError(f"n_probes: got {n_probes!r}, expected an integer of at least 1")
    if not 0 < sd[0] <= sd[1]:
        raise ValueError(f"sd: got {sd!r}, expected two positive numbers, the smaller first")
    rng = np.random.default_rng(random_state)
    responses = rng.uniform(*response, size=n_probes)
    sds = np.exp(rng.uniform(*np.log(sd), size=n_probes))
    return Probes(responses, sds, correlation)


def simulate_copies(n, probes, frequencies=(0.1, 0.8, 0.1), *, random_state=None):
    """Simulate people's copy numbers of one gene, and its probes' signals.

    Parameters
    ----------
    n : int
        Number of people, at least 1.
    probes : Probes
    frequencies : array of shape (3,)
        Shares of people with 1, 2 and 3 copies.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    signals : float array of shape (n, d)
        Log2 ratios to a reference with two copies.
    states : int array of shape (n,)
        0, 1, 2 for 1, 2, 3 copies.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n: got {n!r}, expected an integer of at least 1")
    shares = _check_distribution(frequencies, "frequencies", (3,))
    rng = np.random.default_rng(random_state)
    states = rng.choice(3, size=n, p=shares)
    noise = rng.standard_normal((n, probes.sd.size)) @ np.linalg.cholesky(probes.covariance).T
    return probes.means[states] + noise, states


def simulate_copy_chains(
    n_chains, length, start, transitions, probes, *, random_state=None
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate copy numbers along chromosomes, and the signals of each gene's probes.

    Parameters
    ----------
    n_chains, length : int
        Number of chromosomes, and of genes (positions) on each; at least 1.
    start : array of shape (3,)
        Shares of 1, 2 and 3 copies at the first gene.
    transitions : array of shape (3, 3)
        Probability of a step from the row's copies to the column's, from gene to gene.
    probes : Probes
        Those of every gene.
    random_state : int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    signals : float array of shape (n_chains, length, d)
        Log2 ratios.
    states : int array of shape (n_chains, length)
        0, 1, 2 for 1, 2, 3 copies.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    for name, value in (("n_chains", n_chains), ("length", length)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
    start = _check_distribution(start, "start", (3,))
    transitions = _check_distribution(transitions, "transitions", (3, 3))
    rng = np.random.default_rng(random_state)
    edges = np.cumsum(np.vstack([start, transitions]), axis=1)[:, :-1]
    states = np.empty((n_chains, length), dtype=np.intp)
    row = np.zeros(n_chains, dtype=np.intp)
    for t in range(length):
        states[:, t] = (rng.random((n_chains, 1)) > edges[row]).sum(axis=1)
        row = states[:, t] + 1
    shape = (n_chains, length, probes.sd.size)
    noise = rng.standard_normal(shape) @ np.linalg.cholesky(probes.covariance).T
    return probes.means[states] + noise, states


def _check_distribution(values, name, shape):
    array = np.asarray(values, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name}: got shape {array.shape}, expected {shape}")
    if not np.all(array >= 0) or not np.allclose(array.sum(axis=-1), 1, rtol=0, atol=1e-8):
        raise ValueError(f"{name}: got {array!r}, expected probabilities that sum to 1")
    return array / array.sum(axis=-1, keepdims=True)
