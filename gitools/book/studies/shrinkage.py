"""Methods of shrinkage side by side on one simulated data set, and how they are scored."""

import warnings
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score

from gitools.book.root import find_root
from gitools.shrinkage.neural import NeuralShrinkage
from gitools.shrinkage.oracle import oracle_posterior
from gitools.shrinkage.penalised import pseudo_validate, ridge_rss
from gitools.shrinkage.spike_and_slab import spike_and_slab_rss
from gitools.shrinkage.susie import susie_rss


class Study(NamedTuple):
    """One simulated study of a region, and the truth behind it.

    Attributes
    ----------
    truth : float array of shape (p,)
        Joint standardised effects.
    beta, se, z : float arrays of shape (p,)
        Marginal effects, their standard errors and ratios.
    R : float array of shape (p, p)
        The LD that a method is given, not always that of the study's people.
    n : float
        Number of people.
    h2 : float
        Share of the trait's variance expected of the region.
    causal_fraction : float
        Probability of an effect.
    variances : float array of shape (p,)
        Variance of each variant's effect, if it has one.
    """

    truth: np.ndarray
    beta: np.ndarray
    se: np.ndarray
    z: np.ndarray
    R: np.ndarray
    n: float
    h2: float
    causal_fraction: float
    variances: np.ndarray


class Estimate(NamedTuple):
    """Shrunken effects, and what ranks the variants (by default the size of the effects)."""

    effects: np.ndarray
    rank: np.ndarray | None = None


def _zero(study, rng):
    return Estimate(np.zeros_like(study.beta))


def _marginal(study, rng):
    return Estimate(study.beta)


def _constant(study, rng):
    return Estimate(study.beta * (study.truth @ study.beta) / (study.beta @ study.beta))


def _ridge(study, rng):
    return Estimate(ridge_rss(study.beta, study.R, study.n, study.h2))


def _penalised(l1_ratio):
    def fit(study, rng):
        found = pseudo_validate(
            study.beta, study.R, study.n, l1_ratio, patience=10, random_state=rng
        )
        return Estimate(found.effects)

    return fit


def _spike_and_slab(method):
    def fit(study, rng):
        options = {"method": method, "random_state": rng} if method == "gibbs" else {}
        found = spike_and_slab_rss(study.beta, study.R, study.n, **options)
        return Estimate(found.posterior_mean, found.pip)

    return fit


def _susie(study, rng):
    found = susie_rss(study.z, study.R, study.n, L=min(10, len(study.z)))
    return Estimate(found.posterior_mean, found.pip)


def _ceiling(study, rng):
    found = oracle_posterior(
        study.beta,
        study.R,
        study.n,
        study.causal_fraction,
        study.variances,
        1 - study.truth @ study.R @ study.truth,
        random_state=rng,
    )
    return Estimate(found.posterior_mean, found.pip)


def published_weights(name):
    """Where `benchmarks/published_training.py` keeps the weights of a training."""
    return find_root() / "benchmarks" / f"published_{name}.safetensors"


@cache
def _published_network(name):
    # Torch takes seconds to import: only those who use these methods wait for it.
    from gitools.shrinkage.neural_published_ensemble import load_published

    return load_published(published_weights(name))


@cache
def _our_network():
    return NeuralShrinkage.pretrained()


def _published(name):
    def fit(study, rng):
        return Estimate(_published_network(name).predict(study.beta, study.se, study.R))

    return fit


def _ours(study, rng):
    found = _our_network().posterior(study.beta, study.se, study.R)
    return Estimate(found.mean, found.pip)


METHODS = {
    "zero": _zero,
    "marginal": _marginal,
    "constant": _constant,
    "ridge": _ridge,
    "lasso": _penalised(1.0),
    "elastic net": _penalised(0.5),
    "spike-and-slab": _spike_and_slab("variational"),
    "gibbs": _spike_and_slab("gibbs"),
    "susie": _susie,
    "ceiling": _ceiling,
    "published": _published("authors"),
    "published, wide": _published("wide"),
    "ours": _ours,
}
"""``constant`` is the best multiple of the marginal effects in hindsight, ``ridge`` is told h2 and
``ceiling`` the prior; the others learn what they need from the study or have learnt it before.
``published`` and ``published, wide`` are the published layout, trained on its authors' settings and
on the prior that ``ours``, the network of chapter 35, was trained on. The order fixes the random
streams: add at the end."""


def score(study: Study, method, rng) -> dict:
    """Run a method on a study and score what it says.

    Parameters
    ----------
    study : Study
    method : callable
        From (study, rng) to an `Estimate`.
    rng : numpy Generator

    Returns
    -------
    dict
        ``rmse`` (root mean squared error x 1,000), ``r`` (correlation with the truth), ``ap``
        (average precision of the ranking), ``slope`` (of the truth on the estimates, through 0),
        and ``warned`` (1 if the method said it had not converged). What cannot be computed (all
        estimates 0, no causal variant) is NaN.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        effects, rank = method(study, rng)
    rank = np.abs(effects) if rank is None else rank
    causal, square = study.truth != 0, effects @ effects
    some = bool(square) and np.ptp(effects) > 0 and causal.any()
    return {
        "rmse": 1e3 * np.sqrt(np.mean((effects - study.truth) ** 2)),
        "r": np.corrcoef(effects, study.truth)[0, 1] if some else np.nan,
        "ap": average_precision_score(causal, rank) if causal.any() else np.nan,
        "slope": study.truth @ effects / square if square else np.nan,
        "warned": int(any(issubclass(w.category, ConvergenceWarning) for w in caught)),
    }
