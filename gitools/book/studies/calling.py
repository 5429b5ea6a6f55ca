"""Calling dosages and copy numbers over many simulated data sets."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from gitools.mixtures.dosage_calling import DosageFits, fit_dosages
from gitools.mixtures.gaussian_mixture import GaussianMixtureEM
from gitools.mixtures.hidden_markov import forward_backward, viterbi
from gitools.mixtures.selection import RowFits, em_rows, fit_rows, row_posteriors
from gitools.simulate.arrays import expected_ratio, simulate_array
from gitools.simulate.copies import (
    Probes,
    draw_probes,
    simulate_copies,
    simulate_copy_chains,
)

_FLOOR = 1e-3
# For counting components: far below the spread of a class against its wall.
_NARROW = 1e-5
# Every answer is mixed with so much uniform doubt, so that no miss costs without limit.
_DOUBT = 0.01
# Where a hump of each dosage is put at first: the chemistry's own medians.
_START_SD = 0.08

START = np.array([0.05, 0.9, 0.05])
TRANSITIONS = np.array([[0.9, 0.1, 0.0], [0.005, 0.99, 0.005], [0.0, 0.1, 0.9]])
CHAIN_PROBE = Probes(np.array([0.65]), np.array([0.3]))


class Markers(NamedTuple):
    """Simulated markers: ratio (R, n), dosage (R, n) and true posteriors (R, K, n)."""

    ratio: np.ndarray
    dosage: np.ndarray
    posteriors: np.ndarray


def random_markers(
    n_markers, n_plants, ploidy=4, *, frequencies=(0.05, 0.95), noise=0.2, background_a=0.04, rng
) -> Markers:
    """Markers of uniform allele frequency and log-normal brightness (sd of the log 0.3).

    Parameters
    ----------
    n_markers, n_plants, ploidy : int
    frequencies : (float, float)
        Range of the allele frequency.
    noise, background_a : float
        See `simulate_array`.
    rng : numpy Generator

    Returns
    -------
    Markers
    """
    drawn = [
        simulate_array(
            n_plants,
            ploidy,
            rng.uniform(*frequencies),
            brightness=np.exp(0.3 * rng.standard_normal()),
            noise=noise,
            background_a=background_a,
            random_state=rng,
        )
        for _ in range(n_markers)
    ]
    return Markers(*(np.array(part) for part in zip(*drawn, strict=True)))


def free_fits(ratios, ploidy) -> RowFits:
    """Free mixture on the angle arcsin(sqrt(ratio)), started where the chemistry's medians are.

    Parameters
    ----------
    ratios : float array of shape (R, n)
    ploidy : int

    Returns
    -------
    RowFits
        Of angles; components in the order of their means.
    """
    k = ploidy + 1
    angles = np.arcsin(np.sqrt(ratios))
    means = np.tile(np.arcsin(np.sqrt(expected_ratio(np.arange(k) / ploidy))), (len(ratios), 1))
    fits = em_rows(
        angles, np.full(means.shape, 1 / k), means, np.full(means.shape, _START_SD),
        floor=_FLOOR, tol=1e-6, max_iter=500,
    )  # fmt: skip
    order = np.argsort(fits.means, axis=1)
    parts = (np.take_along_axis(p, order, axis=1) for p in (fits.weights, fits.means, fits.sds))
    return RowFits(*parts, fits.log_likelihood, fits.n_iter, fits.converged)


def free_posteriors(fits, ratios, weights=None) -> np.ndarray:
    """Posteriors (R, K, n) of `free_fits` for any plants, with other weights if given."""
    if weights is not None:
        fits = replace(fits, weights=np.broadcast_to(weights, fits.weights.shape))
    return row_posteriors(np.arcsin(np.sqrt(ratios)), fits)[1]


def log_loss(posteriors, labels) -> np.ndarray:
    """Log loss with one per cent of uniform doubt, in nats a plant.

    Parameters
    ----------
    posteriors : float array of shape (R, K, n)
    labels : int array of shape (R, n)

    Returns
    -------
    float array of shape (R,)
    """
    hit = np.take_along_axis(posteriors, labels[:, None, :], axis=1)[:, 0]
    return -np.log((1 - _DOUBT) * hit + _DOUBT / posteriors.shape[1]).mean(axis=1)


def odd_share(posteriors) -> np.ndarray:
    """Mean posterior probability of an odd dosage, for each marker: (R, K, n) to (R,)."""
    return posteriors[:, 1::2].sum(axis=1).mean(axis=1)


def ruler_fits(ratios, ploidy) -> DosageFits:
    """Classes that stay at the chemistry's medians; only shares and one spread are fitted."""
    angles = np.arcsin(np.sqrt(ratios))
    k = ploidy + 1
    means = np.arcsin(np.sqrt(expected_ratio(np.arange(k) / ploidy)))
    weights, sds = np.full((len(ratios), k), 1 / k), np.full(len(ratios), _START_SD)
    chemistry = np.tile([1.0, 0.04, 0.04], (len(ratios), 1))
    for _ in range(60):
        nothing = np.zeros(len(ratios))
        now = DosageFits(ploidy, weights, chemistry, sds, nothing, nothing)
        r = now.posteriors(ratios)
        weights = r.mean(axis=2)
        squares = (r * (angles[:, None, :] - means[:, None]) ** 2).sum(axis=1)
        sds = np.maximum(np.sqrt(squares.mean(axis=1)), 0.01)
    return DosageFits(ploidy, weights, chemistry, sds, nothing, nothing)


def chosen_by_bic(values, n_components, *, n_starts=3, random_state=None) -> np.ndarray:
    """Number of components that BIC prefers for each row: (R, n) to (R,).

    Each number after the first also starts from the fit before it with one component split:
    random starts split the widest class, seldom the one that is skewed against a wall.
    """
    rng = np.random.default_rng(random_state)
    settings = {"floor": _NARROW, "tol": 1e-6, "max_iter": 1000}
    bics, before = [], None
    for k in n_components:
        fits = fit_rows(values, k, n_starts=n_starts, random_state=rng, **settings)
        best = fits.log_likelihood
        if before is not None and before.weights.shape[1] == k - 1:
            for component in range(k - 1):
                for side in (-1, 1):
                    start = _split(before, component, side)
                    best = np.maximum(best, em_rows(values, *start, **settings).log_likelihood)
        bics.append((3 * k - 1) * np.log(values.shape[1]) - 2 * best)
        before = fits
    return np.asarray(n_components)[np.argmin(bics, axis=0)]


def _split(fits, component, side):
    """Weights, means and sds (R, K + 1): one component leaves three tenths on one side."""
    new = [np.append(p, p[:, [component]], axis=1) for p in (fits.weights, fits.means, fits.sds)]
    weights, means, sds = new
    weights[:, component] *= 0.7
    weights[:, -1] *= 0.3
    means[:, component] -= 0.3 * side * sds[:, component]
    means[:, -1] += 0.8 * side * sds[:, -1]
    sds[:, [component, -1]] *= 0.75
    return weights, means, sds


def hardy_weinberg_statistics(ratios, ploidy) -> np.ndarray:
    """Likelihood-ratio statistic of an inbreeding term against none, one for each marker."""
    null = fit_dosages(ratios, ploidy, weights="hardy-weinberg")
    inbred = fit_dosages(ratios, ploidy, weights="inbreeding")
    return 2 * (inbred.log_likelihood - null.log_likelihood)


PROBE_SETTINGS = {
    "unequal, correlated": {"response": (0.3, 1.0), "sd": (0.2, 1.0), "correlation": 0.3},
    "unequal": {"response": (0.3, 1.0), "sd": (0.2, 1.0), "correlation": 0.0},
    "equal": {"response": (0.65, 0.65), "sd": (0.45, 0.45), "correlation": 0.0},
}


def probe_losses(setting, n_people, n_probes, rng) -> dict:
    """Log losses of one gene's copy numbers, called in five ways.

    Parameters
    ----------
    setting : str
        A key of `PROBE_SETTINGS`.
    n_people, n_probes : int
    rng : numpy Generator

    Returns
    -------
    dict of str to float
        Nats a person, without doubt mixed in for "bayes" (true parameters, all probes) and
        "bayes average" (true parameters, their average): nobody could do better.
    """
    probes = draw_probes(n_probes, random_state=rng, **PROBE_SETTINGS[setting])
    signals, states = simulate_copies(n_people, probes, random_state=rng)
    shares = np.array([0.1, 0.8, 0.1])
    average = signals.mean(axis=1, keepdims=True)
    of_average = Probes(
        np.array([probes.response.mean()]),
        np.array([np.sqrt(probes.covariance.mean())]),
    )
    by_average = called_copies(average, by_nearest(average[:, 0]), "tied")
    posteriors = {
        "thresholds": np.eye(3)[by_nearest(average[:, 0])],
        "average": by_average,
        "all probes": called_copies(signals, by_average, "tied"),
        "independent probes": called_copies(signals, by_average, "diag"),
        "bayes average": true_copies(average, of_average, shares),
        "bayes": true_copies(signals, probes, shares),
    }
    return {name: float(log_loss(p.T[None], states[None])[0]) for name, p in posteriors.items()}


def from_truth_and_average(setting, n_genes, n_people, n_probes, rng) -> dict:
    """Free mixtures on all probes, started from the true copies and from the average's mixture.

    Parameters
    ----------
    setting : str
        A key of `PROBE_SETTINGS`.
    n_genes, n_people, n_probes : int
    rng : numpy Generator

    Returns
    -------
    dict of str to float array of shape (n_genes,)
        "loss from truth", "loss from average" in nats a person, and "likelier": the
        log-likelihood reached from the average less that reached from the truth, in nats.
    """
    found = {"loss from truth": [], "loss from average": [], "likelier": []}
    for _ in range(n_genes):
        probes = draw_probes(n_probes, random_state=rng, **PROBE_SETTINGS[setting])
        x, states = simulate_copies(n_people, probes, random_state=rng)
        average = x.mean(axis=1, keepdims=True)
        reached = {}
        for name, start in (
            ("truth", np.eye(3)[states]),
            ("average", called_copies(average, by_nearest(average[:, 0]), "tied")),
        ):
            softened = 0.9 * start + 0.1 / 3
            mixture = GaussianMixtureEM(3, "tied", init=softened, tol=1e-6, floor=_FLOOR).fit(x)
            posteriors = mixture.predict_proba(x)[:, np.argsort(mixture.means_.mean(axis=1))]
            found[f"loss from {name}"].append(log_loss(posteriors.T[None], states[None])[0])
            reached[name] = n_people * mixture.score(x)
        found["likelier"].append(reached["average"] - reached["truth"])
    return {name: np.array(values) for name, values in found.items()}


def line_losses(setting, n_genes, n_people, n_probes, rng) -> np.ndarray:
    """Log losses of mixtures whose means lie on the line of known log ratios.

    Draws the genes of `probe_losses` from the same stream, one after another, and fits all of
    them together: probe means are response times log2(copies / 2), one covariance for all
    classes, started from the average's nearest log ratios, 100 steps of EM.

    Parameters
    ----------
    setting : str
        A key of `PROBE_SETTINGS`.
    n_genes, n_people, n_probes : int
    rng : numpy Generator

    Returns
    -------
    float array of shape (n_genes,)
        Nats a person.
    """
    drawn = [
        simulate_copies(
            n_people,
            draw_probes(n_probes, random_state=rng, **PROBE_SETTINGS[setting]),
            random_state=rng,
        )
        for _ in range(n_genes)
    ]
    x, states = (np.array(part) for part in zip(*drawn, strict=True))
    delta = np.log2([0.5, 1.0, 1.5])
    r = 0.9 * np.eye(3)[by_nearest(x.mean(axis=2).ravel())].reshape(n_genes, -1, 3) + 0.1 / 3
    moments = x.transpose(0, 2, 1) @ x
    for _ in range(100):
        spread = (r * delta**2).sum(axis=(1, 2))
        response = np.einsum("snk,k,snd->sd", r, delta, x, optimize=True) / spread[:, None]
        line = response[:, :, None] * response[:, None, :] * spread[:, None, None]
        covariance = (moments - line) / n_people
        weights = np.linalg.solve(covariance, response[:, :, None])
        score = (x @ weights)[:, :, 0]
        apart = np.einsum("sd,sd->s", response, weights[:, :, 0])
        log_joint = score[:, :, None] * delta - apart[:, None, None] * delta**2 / 2
        log_joint += np.log(r.mean(axis=1))[:, None, :]
        joint = np.exp(log_joint - log_joint.max(axis=2, keepdims=True))
        r = joint / joint.sum(axis=2, keepdims=True)
    return log_loss(r.transpose(0, 2, 1), states)


def by_nearest(average) -> np.ndarray:
    """State whose log2 ratio of copies is nearest to the average: (n,) to int (n,)."""
    return np.abs(average[:, None] - np.log2([0.5, 1.0, 1.5])).argmin(axis=1)


def called_copies(signals, start, covariance_type) -> np.ndarray:
    """Posteriors (n, 3) of a mixture started from calls (n,) or posteriors (n, 3)."""
    responsibilities = np.eye(3)[start] if np.ndim(start) == 1 else start
    softened = 0.9 * responsibilities + 0.1 / 3
    mixture = GaussianMixtureEM(3, covariance_type, init=softened, tol=1e-6, floor=_FLOOR)
    mixture.fit(signals)
    order = np.argsort(mixture.means_.mean(axis=1))
    return mixture.predict_proba(signals)[:, order]


def true_copies(signals, probes, shares) -> np.ndarray:
    """Posteriors (n, 3) of copy numbers under true parameters."""
    log_joint = log_densities(signals, probes) + np.log(shares)
    joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return joint / joint.sum(axis=1, keepdims=True)


def log_densities(signals, probes) -> np.ndarray:
    """Log densities (n, 3) of signals (n, d) under 1, 2 and 3 copies."""
    white = np.linalg.inv(np.linalg.cholesky(probes.covariance))
    scaled = (signals[:, None, :] - probes.means) @ white.T
    log_determinant = np.log(np.diag(white)).sum()
    constant = log_determinant - signals.shape[1] * np.log(2 * np.pi) / 2
    return constant - (scaled**2).sum(axis=2) / 2


def chain_start() -> dict:
    """Where Baum-Welch begins: rough log ratios, states that stay in nine steps of ten."""
    return {
        "start_probabilities": np.array([0.1, 0.8, 0.1]),
        "transitions": np.array([[0.9, 0.09, 0.01], [0.05, 0.9, 0.05], [0.01, 0.09, 0.9]]),
        "means": np.array([[-0.8], [0.0], [0.5]]),
        "covariances": np.array([[0.1]]),
    }


class PanelFits(NamedTuple):
    """Chains fitted to many panels at once; P panels of C chromosomes of T probes.

    Attributes
    ----------
    posteriors : float array of shape (P, C, T, 3)
    start, means : float arrays of shape (P, 3)
    transitions : float array of shape (P, 3, 3)
    sds : float array of shape (P,)
    log_likelihoods : float array of shape (P,)
        Mean per probe, before the last step.
    """

    posteriors: np.ndarray
    start: np.ndarray
    transitions: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    log_likelihoods: np.ndarray


def fit_panels(signals, *, tol=1e-6, max_iter=300) -> PanelFits:
    """Baum-Welch from `chain_start` for each panel by itself, one step for all together.

    What `GaussianHiddenMarkov` does for one panel with tied variances; a replicate study would
    spend most of its time on calling it.

    Parameters
    ----------
    signals : float array of shape (P, C, T)
    tol : float
        All stop when none gains so much a probe any more.
    max_iter : int

    Returns
    -------
    PanelFits
    """
    n_panels = len(signals)
    given = chain_start()
    start = np.tile(given["start_probabilities"], (n_panels, 1))
    transitions = np.tile(given["transitions"], (n_panels, 1, 1))
    means = np.tile(given["means"][:, 0], (n_panels, 1))
    sds = np.full(n_panels, np.sqrt(given["covariances"][0, 0]))
    before = np.full(n_panels, -np.inf)
    for _ in range(max_iter):
        r, counts, reached = _expect_panels(signals, start, transitions, means, sds)
        if np.all(reached - before < tol):
            break
        before = reached
        occupied = r.sum(axis=(1, 2))
        means = np.einsum("pctk,pct->pk", r, signals) / np.maximum(occupied, 1e-300)
        squares = (r * (signals[..., None] - means[:, None, None]) ** 2).sum(axis=(1, 2, 3))
        sds = np.sqrt(squares / signals[0].size)
        start = r[:, :, 0].mean(axis=1)
        transitions = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1e-300)
    return PanelFits(r, start, transitions, means, sds, reached)


def _expect_panels(signals, start, transitions, means, sds):
    """Posteriors (P, C, T, 3), steps (P, 3, 3) and mean log-likelihood per probe (P,)."""
    scaled = (signals[..., None] - means[:, None, None]) / sds[:, None, None, None]
    log_b = -(scaled**2) / 2 - np.log(sds * np.sqrt(2 * np.pi))[:, None, None, None]
    top = log_b.max(axis=3)
    b = np.exp(log_b - top[..., None])
    n_steps = signals.shape[2]
    forward, backward = np.empty_like(b), np.ones_like(b)
    totals = np.empty_like(top)
    for t in range(n_steps):
        reached = forward[:, :, t - 1] @ transitions if t else start[:, None, :]
        joint = reached * b[:, :, t]
        totals[:, :, t] = joint.sum(axis=2)
        forward[:, :, t] = joint / totals[:, :, t, None]
    after = np.empty_like(b)
    for t in range(n_steps - 1, 0, -1):
        after[:, :, t] = b[:, :, t] * backward[:, :, t] / totals[:, :, t, None]
        backward[:, :, t - 1] = after[:, :, t] @ transitions.transpose(0, 2, 1)
    leaving = forward[:, :, :-1].reshape(len(signals), -1, 3)
    entering = after[:, :, 1:].reshape(len(signals), -1, 3)
    counts = transitions * (leaving.transpose(0, 2, 1) @ entering)
    return forward * backward, counts, (np.log(totals) + top).mean(axis=(1, 2))


def chain_losses(n_panels, n_chains, length, rng) -> dict:
    """Log losses of copies along chromosomes: with neighbours, without, and the ceiling.

    Parameters
    ----------
    n_panels, n_chains, length : int
    rng : numpy Generator

    Returns
    -------
    dict of str to float array of shape (n_panels,)
        Nats a probe.
    """
    drawn = [
        simulate_copy_chains(n_chains, length, START, TRANSITIONS, CHAIN_PROBE, random_state=rng)
        for _ in range(n_panels)
    ]
    signals = np.array([panel[..., 0] for panel, _ in drawn])
    labels = np.array([states.ravel() for _, states in drawn])
    fits = fit_panels(signals)
    flat = signals.reshape(n_panels, -1)
    order = np.argsort(fits.means, axis=1)[:, :, None]
    by_chain = fits.posteriors.reshape(n_panels, -1, 3).transpose(0, 2, 1)
    posteriors = {
        "mixture": np.array([_by_mixture(x) for x in flat]),
        "markov": np.take_along_axis(by_chain, order, axis=1),
        "bayes": np.array([_by_true_chain(x, n_chains, length) for x in flat]),
    }
    return {name: log_loss(p, labels) for name, p in posteriors.items()}


def _by_mixture(x):
    """Posteriors (3, n) of a mixture that ignores the order, from the chain's start."""
    given = chain_start()
    start = {
        "weights": given["start_probabilities"],
        "means": given["means"],
        "covariances": given["covariances"],
    }
    mixture = GaussianMixtureEM(3, "tied", tol=1e-6, floor=_FLOOR, init=start).fit(x[:, None])
    return mixture.predict_proba(x[:, None])[:, np.argsort(mixture.means_[:, 0])].T


def _by_true_chain(x, n_chains, length):
    log_emissions = log_densities(x[:, None], CHAIN_PROBE)
    lengths = np.full(n_chains, length)
    return forward_backward(log_emissions, START, TRANSITIONS, lengths).posteriors.T


def invented_segments(n_chains, length, n_panels, *, random_state=None) -> np.ndarray:
    """Panels without any copy variant, to which three states are fitted freely.

    Parameters
    ----------
    n_chains, length, n_panels : int
    random_state : int, numpy Generator or None

    Returns
    -------
    float array of shape (n_panels,)
        Share of positions that the best path puts outside its commonest state.
    """
    rng = np.random.default_rng(random_state)
    signals = rng.normal(0, CHAIN_PROBE.sd[0], (n_panels, n_chains, length))
    fits = fit_panels(signals)
    shares = np.empty(n_panels)
    for panel, x in enumerate(signals.reshape(n_panels, -1)):
        log_emissions = norm.logpdf(x[:, None], fits.means[panel], fits.sds[panel])
        path = viterbi(
            log_emissions, fits.start[panel], fits.transitions[panel], np.full(n_chains, length)
        )
        shares[panel] = 1 - np.bincount(path).max() / len(x)
    return shares


def segment_scores(signals) -> np.ndarray:
    """How much likelier copy variants make each chromosome, under the true parameters.

    Parameters
    ----------
    signals : float array of shape (n_chains, length)

    Returns
    -------
    float array of shape (n_chains,)
        Natural log of the likelihood ratio of the chain to two copies throughout.
    """
    n_chains, length = signals.shape
    log_emissions = log_densities(signals.reshape(-1, 1), CHAIN_PROBE)
    sums = forward_backward(log_emissions, START, TRANSITIONS, np.full(n_chains, length))
    normal = log_emissions[:, 1].reshape(n_chains, length).sum(axis=1)
    return sums.log_likelihoods - normal
