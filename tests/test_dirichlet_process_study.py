"""The Gibbs sampler beside which chapter 41 puts the variational answer, and the benchmark."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp, multigammaln

from gitools.book.studies import dirichlet

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "dirichlet_process.py"


def partitions(n):
    """All partitions of n rows, as labels that count up."""
    if n == 0:
        yield ()
        return
    for labels in partitions(n - 1):
        for label in range(max(labels, default=-1) + 2):
            yield (*labels, label)


def log_weight(labels, X, concentration, dof, scale):
    """Log prior times marginal likelihood of a partition."""
    d, labels = X.shape[1], np.array(labels)
    total = 0.0
    for k in range(labels.max() + 1):
        rows = X[labels == k]
        n = len(rows)
        total += np.log(concentration) + gammaln(n)
        total += multigammaln((dof + n) / 2, d) - multigammaln(dof / 2, d)
        total += dof / 2 * np.log(np.linalg.det(scale)) - n * d / 2 * np.log(np.pi)
        total -= (dof + n) / 2 * np.log(np.linalg.det(scale + rows.T @ rows))
    return total


def test_gibbs_equals_the_sum_over_all_partitions():
    rng = np.random.default_rng(1)
    X = np.array([[3, 0.1], [-2.5, 0], [0.1, 2], [0, -3], [0.1, 0.1], [0.0, 0.2]])
    X = np.array([X, rng.standard_normal((6, 2))])
    scales = np.array([0.2 * np.eye(2), np.diag([1.0, 2.0])])
    found = dirichlet.gibbs_clusters(X, 1.5, 4.0, scales, 9000, 1000, random_state=2)
    for data_set in range(2):
        every = list(partitions(6))
        assert len(every) == 203
        log_weights = np.array([log_weight(p, X[data_set], 1.5, 4.0, scales[data_set])
                                for p in every])  # fmt: skip
        posterior = np.exp(log_weights - logsumexp(log_weights))
        counts = np.array([max(p) + 1 for p in every])
        for k in range(1, 7):
            share = np.mean(found.n_clusters[:, data_set] == k)
            assert share == pytest.approx(posterior[counts == k].sum(), abs=0.02)
        together = np.array([[[a == b for b in p] for a in p] for p in every])
        exact = np.einsum("p,pij->ij", posterior, together)
        assert found.together[data_set] == pytest.approx(exact, abs=0.02)


def test_studies_run_and_their_arrays_belong_together():
    covariances, weights = np.array([np.eye(2) * 0.01, np.diag([4, 0.01])]), np.array([0.6, 0.4])
    kinds = dirichlet.study_kinds(covariances, weights, 500, 3, n_fresh=500, random_state=1)
    assert kinds.n_clusters.tolist() == [2, 2, 2]
    assert np.all(kinds.ari_true - kinds.ari_fitted < 0.1)
    pairs = dirichlet.study_pairs(
        lambda rng: dirichlet.draw_from_prior(20, 1.0, 4.0, np.eye(2), rng),
        2, 60, 10, random_state=1,
    )  # fmt: skip
    assert pairs.exact_pairs.shape == pairs.variational_pairs.shape == pairs.same.shape == (2, 190)
    assert np.all(pairs.exact_clusters >= 1)
    elbos, occupied = dirichlet.climb_from_many_starts(
        dirichlet.draw_mixture(covariances, weights, 200, np.random.default_rng(3))[0],
        8, 1.0, 5, random_state=1,
    )  # fmt: skip
    assert elbos.shape == occupied.shape == (5,)


def test_quick_benchmark(capsys):
    specification = importlib.util.spec_from_file_location("benchmark_dirichlet", SCRIPT)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    rows = benchmark.main(["--quick"])
    assert [row["traits"] for row in rows] == list(benchmark.TRAITS)
    for row in rows:
        assert row["converged_ours"]
        # the parameters cost something: about their number over twice the rows
        assert -0.3 < float(row["density_ours"]) < 0.02
        assert float(row["density_ours"]) > float(row["density_sklearn"]) - 0.02
    sizes = [row["n"] for row in rows]
    assert all(a <= b for a, b in pairwise(sizes))
    assert "time_ratio" in capsys.readouterr().out
