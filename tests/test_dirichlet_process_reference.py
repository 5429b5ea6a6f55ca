"""ZeroMeanDPMixture on known mixtures and beside outputs of other software."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from gitools.mixtures import ZeroMeanDPMixture

REFERENCE = Path(__file__).parent / "reference" / "dpmix"
N_DRAWS, N_ROWS = 20, 5000


def known_mixture(d):
    with np.load(REFERENCE / "known_mixtures.npz") as file:
        return file[f"sim{d}_Sigma"], file[f"sim{d}_pi"]


def draw(covariances, weights, n, rng):
    labels = rng.choice(len(weights), n, p=weights)
    roots = np.linalg.cholesky(covariances)[labels]
    return np.einsum("nij,nj->ni", roots, rng.standard_normal((n, covariances.shape[1]))), labels


def true_log_joint(X, covariances, weights):
    zero = np.zeros(X.shape[1])
    densities = [multivariate_normal(zero, c).logpdf(X) for c in covariances]
    return np.log(weights) + np.array(densities).T


@pytest.mark.parametrize("d", [2, 3])
def test_known_mixtures_are_found_over_many_draws(d):
    covariances, weights = known_mixture(d)
    counts, gaps, density_gaps = [], [], []
    held_out, _ = draw(covariances, weights, 20_000, np.random.default_rng([d, 999]))
    best_density = np.logaddexp.reduce(true_log_joint(held_out, covariances, weights), axis=1)
    for seed in range(N_DRAWS):
        X, labels = draw(covariances, weights, N_ROWS, np.random.default_rng([d, seed]))
        mixture = ZeroMeanDPMixture(n_init=1, random_state=seed).fit(X)
        ceiling = adjusted_rand_score(
            labels, true_log_joint(X, covariances, weights).argmax(axis=1)
        )
        counts.append(mixture.n_clusters_)
        gaps.append(ceiling - adjusted_rand_score(labels, mixture.predict(X)))
        density_gaps.append(best_density.mean() - mixture.score(held_out))
    assert counts == [len(weights)] * N_DRAWS
    assert np.mean(gaps) < 0.005
    # half the number of free parameters over n is what estimation costs
    free = len(weights) * d * (d + 1) / 2 + len(weights) - 1
    assert np.mean(density_gaps) < 2 * free / (2 * N_ROWS)


def reference_runs():
    with gzip.open(REFERENCE / "sklearn_bgm.json.gz", "rt") as file:
        return json.load(file)


@pytest.mark.parametrize(("name", "n_clusters"), [("null1d", 1), ("sim1d_zeromean_k2", 2)])
def test_counts_and_density_of_other_software_on_zero_mean_data(name, n_clusters):
    reference = reference_runs()[name]
    X = np.array(reference["X"]).reshape(len(reference["X"]), -1)
    for run in reference["runs"]:
        ours = ZeroMeanDPMixture(
            run["T"],
            run["alpha"],
            prior_dof=X.shape[1] + 1,
            prior_scale=np.eye(X.shape[1]),
            random_state=0,
        ).fit(X)
        if run["alpha"] <= 1:
            assert ours.n_clusters_ == n_clusters == run["n_eff"]
        # theirs may move the means: at most (means + their covariances' freedom) / n better
        assert ours.score(X) > run["score_mean"] - 0.02
