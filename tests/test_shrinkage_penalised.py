"""Ridge and elastic net on summary statistics: closed forms, optimality, and peers."""

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, enet_path

from gitools.shrinkage import (
    elastic_net_objective,
    elastic_net_rss,
    elastic_net_rss_path,
    fold_summary_statistics,
    pseudo_validate,
    ridge_rss,
    split_summary_statistics,
)

REFERENCE = Path(__file__).parent / "reference"
CASES = sorted(path.name.removesuffix(".json.gz") for path in (REFERENCE / "glmnet").iterdir())
PATHS = [(case, alpha) for case in CASES for alpha in ("1", "0.5", "0.1")]


def ar1(p, correlation):
    return correlation ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


def people(seed, n, p, correlation=0.7, scale=0.3):
    """Standardised columns in LD, and a standardised trait of a few of them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) @ np.linalg.cholesky(ar1(p, correlation)).T
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = X[:, ::5] @ rng.normal(0, scale, X[:, ::5].shape[1]) + rng.standard_normal(n)
    return X, (y - y.mean()) / y.std()


def summarise(X, y):
    return X.T @ y / len(y), X.T @ X / len(y)


def kkt_violation(b, beta, R, penalty, l1_ratio):
    """Largest distance of zero from the subdifferential, written independently of the solver."""
    slope = R @ b - beta + penalty * (1 - l1_ratio) * b
    worst = 0.0
    for effect, pull in zip(b, slope, strict=True):
        if effect == 0:
            worst = max(worst, abs(pull) - penalty * l1_ratio)
        else:
            worst = max(worst, abs(pull + penalty * l1_ratio * np.sign(effect)))
    return worst


def test_ridge_is_the_blup_of_individual_data():
    X, y = people(1, 80, 30)
    h2, (n, p) = 0.4, X.shape
    V = X @ X.T * h2 / p + (1 - h2) * np.eye(n)
    blup = h2 / p * X.T @ np.linalg.solve(V, y)
    np.testing.assert_allclose(ridge_rss(*summarise(X, y), n, h2), blup, atol=1e-12)


def test_ridge_without_ld_multiplies_by_one_constant():
    beta = np.array([0.3, -0.1, 0.02])
    expected = beta / (1 + 3 * 0.8 / (50 * 0.2))
    np.testing.assert_allclose(ridge_rss(beta, np.eye(3), 50, 0.2), expected)


def test_ridge_limits():
    X, y = people(2, 200, 20)
    beta, R = summarise(X, y)
    np.testing.assert_array_equal(ridge_rss(beta, R, 200, 0), 0)
    least_squares = np.linalg.solve(R, beta)
    np.testing.assert_allclose(ridge_rss(beta, R, 200, 1 - 1e-12), least_squares, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(10, 80),
    p=st.integers(1, 60),
    n_copies=st.integers(0, 5),
    share=st.floats(0.01, 1.1),
    l1_ratio=st.sampled_from([0.0, 0.1, 0.5, 0.95, 1.0]),
    scale=st.sampled_from([1e-3, 1.0]),
)
def test_optimality_conditions_hold(seed, n, p, n_copies, share, l1_ratio, scale):
    """Also where there are more variants than people, and where columns are copies."""
    X, y = people(seed, n, p)
    X = np.hstack([X, -X[:, :n_copies]])
    beta, R = summarise(X, scale * y)
    assume(np.abs(beta).max() > 0)
    penalty = share * np.abs(beta).max() / max(l1_ratio, 0.1)
    b = elastic_net_rss(beta, R, n, penalty, l1_ratio)
    assert kkt_violation(b, beta, R, penalty, l1_ratio) <= 1e-8 * scale
    if share > 1 and l1_ratio >= 0.1:
        np.testing.assert_array_equal(b, 0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(2, 50), l1_ratio=st.floats(0.05, 1))
def test_the_path_is_monotone_and_free_of_its_own_history(seed, p, l1_ratio):
    """As the penalty falls, the fit never gets worse and the penalised norm never smaller."""
    X, y = people(seed, 40, p)
    beta, R = summarise(X, y)
    penalties, path = elastic_net_rss_path(beta, R, 40, l1_ratio, n_penalties=20)
    fit = [elastic_net_objective(b, beta, R, 0, l1_ratio) for b in path]
    norm = [elastic_net_objective(b, np.zeros(p), np.zeros((p, p)), 1, l1_ratio) for b in path]
    assert np.all(np.diff(penalties) < 0)
    assert np.all(np.diff(fit) <= 1e-10)
    assert np.all(np.diff(norm) >= -1e-10)
    np.testing.assert_array_equal(path[0], 0)
    alone = elastic_net_rss(beta, R, 40, penalties[10], l1_ratio)
    objectives = [
        elastic_net_objective(b, beta, R, penalties[10], l1_ratio) for b in (path[10], alone)
    ]
    assert objectives[0] == pytest.approx(objectives[1], abs=1e-12)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_without_ld_it_is_the_soft_threshold(l1_ratio):
    beta = np.linspace(-1, 1, 21)
    size = np.maximum(np.abs(beta) - 0.3 * l1_ratio, 0) / (1 + 0.3 * (1 - l1_ratio))
    b = elastic_net_rss(beta, np.eye(21), 100, 0.3, l1_ratio)
    np.testing.assert_allclose(b, np.sign(beta) * size, atol=1e-15)


def test_the_square_alone_is_ridge():
    X, y = people(3, 100, 25)
    beta, R = summarise(X, y)
    ratio = 25 * 0.7 / (100 * 0.3)
    b = elastic_net_rss(beta, R, 100, ratio, l1_ratio=0)
    np.testing.assert_allclose(b, ridge_rss(beta, R, 100, 0.3), atol=1e-13)


def test_copies_share_one_effect():
    """The lasso may give the effect of identical variants to any of them; a square divides it."""
    X, y = people(4, 200, 10)
    X = np.hstack([X, X[:, [5]], -X[:, [5]]])
    beta, R = summarise(X, y)
    one = elastic_net_rss(beta[:10], R[:10, :10], 200, 0.02)
    lasso = elastic_net_rss(beta, R, 200, 0.02)
    combined = lasso[:10].copy()
    combined[5] += lasso[10] - lasso[11]
    np.testing.assert_allclose(combined, one, atol=1e-10)
    net = elastic_net_rss(beta, R, 200, 0.02, 0.5)
    np.testing.assert_allclose(net[[10, 11]], net[5] * np.array([1, -1]), atol=1e-10)


def test_scale_and_sign_pass_through():
    X, y = people(5, 100, 30)
    beta, R = summarise(X, y)
    b = elastic_net_rss(beta, R, 100, 0.05, 0.7)
    np.testing.assert_allclose(elastic_net_rss(-beta, R, 100, 0.05, 0.7), -b, atol=1e-12)
    # The penalty is on the scale of an effect, so that the lasso knows no units of the trait.
    lasso = elastic_net_rss(beta, R, 100, 0.05)
    np.testing.assert_allclose(elastic_net_rss(1e-4 * beta, R, 100, 5e-6), 1e-4 * lasso, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_individual_data_in_scikit_learn(l1_ratio):
    X, y = people(6, 300, 40)
    beta, R = summarise(X, y)
    theirs = ElasticNet(alpha=0.03, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(X, y).coef_
    ours = elastic_net_rss(beta, R, 300, 0.03, l1_ratio)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    squares = ((y - X @ ours) ** 2).sum() / 600
    norm = 0.03 * (l1_ratio * np.abs(ours).sum() + (1 - l1_ratio) / 2 * (ours**2).sum())
    objective = elastic_net_objective(ours, beta, R, 0.03, l1_ratio)
    assert objective + 0.5 == pytest.approx(squares + norm, abs=1e-12)


def reference_data(case):
    data = np.load(REFERENCE / "susie" / f"{case}.npz")
    G, y = data["G"].astype(float), data["y"]
    X = (G - G.mean(axis=0)) / G.std(axis=0)
    return G.std(axis=0), X, y - y.mean()


@pytest.mark.parametrize(("case", "alpha"), PATHS)
def test_objective_is_no_higher_than_that_of_glmnet_and_scikit_learn(case, alpha):
    with gzip.open(REFERENCE / "glmnet" / f"{case}.json.gz") as file:
        reference = json.load(file)[f"alpha_{alpha}"]
    l1_ratio, penalties = float(alpha), np.array(reference["lambda"])
    sd, X, y = reference_data(case)
    beta, R = summarise(X, y)
    n = len(y)
    _, path = elastic_net_rss_path(beta, R, n, l1_ratio, penalties=penalties)
    for place, coefficients in zip(reference["path_index"], reference["coefs"], strict=True):
        theirs = np.zeros(len(beta))
        theirs[np.array(coefficients["idx"], dtype=int)] = coefficients["val"]
        arguments = (beta, R, penalties[place], l1_ratio)
        goal = elastic_net_objective(theirs * sd, *arguments)
        assert elastic_net_objective(path[place], *arguments) <= goal + 1e-10
        # Far below would mean that the two minimise different things.
        assert elastic_net_objective(path[place], *arguments) >= goal - 2e-5
        assert kkt_violation(path[place], *arguments) <= 1e-8
    some = penalties[::10]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, peers, _ = enet_path(
            X, y, l1_ratio=l1_ratio, alphas=some, precompute=n * R, Xy=n * beta, tol=1e-8
        )
    for place, theirs in zip(range(0, len(penalties), 10), peers.T, strict=True):
        arguments = (beta, R, penalties[place], l1_ratio)
        goal = elastic_net_objective(theirs, *arguments)
        assert elastic_net_objective(path[place], *arguments) <= goal + 1e-10


def test_effects_that_the_ld_cannot_make_are_refused():
    """Two copies with opposite effects: the lasso could gain without end."""
    R, beta = np.ones((2, 2)), np.array([0.5, -0.5])
    with pytest.raises(ValueError, match="beta: got effects that R cannot have made"):
        elastic_net_rss(beta, R, 100, 0.1)
    np.testing.assert_allclose(elastic_net_rss(beta, R, 100, 0.1, 0.5), [9, -9], rtol=1e-6)
    np.testing.assert_array_equal(elastic_net_rss(beta, R, 100, 0.6), 0)


def test_too_few_rounds_are_said():
    X, y = people(7, 100, 60)
    with pytest.warns(ConvergenceWarning, match="stopped after 1 rounds"):
        elastic_net_rss(*summarise(X, y), 100, 0.01, max_iter=1)


def test_halves_are_independent_and_unbiased():
    """Over many draws of the data: means R b, noise of n f and n (1 - f) people, no covariance."""
    p, n, n_sets, rng = 4, 50, 20_000, np.random.default_rng(8)
    R, b = ar1(p, 0.6), np.array([0.3, 0, -0.2, 0])
    root = np.linalg.cholesky(R) * np.sqrt(0.8 / n)
    halves = np.array(
        [
            split_summary_statistics(
                R @ b + root @ rng.standard_normal(p),
                R,
                n,
                0.75,
                residual_variance=0.8,
                random_state=rng,
            )
            for _ in range(n_sets)
        ]
    ).reshape(n_sets, -1)
    covariance = np.kron(np.diag([1 / 0.75, 1 / 0.25]), 0.8 / n * R)
    np.testing.assert_allclose(
        halves.mean(axis=0), np.tile(R @ b, 2), atol=5 * np.sqrt(covariance.max() / n_sets)
    )
    error = np.sqrt(2 / n_sets) * covariance.max()
    np.testing.assert_allclose(np.cov(halves.T), covariance, atol=5 * error)


def test_folds_are_independent_and_average_to_the_study():
    """Over many draws of the data: each of K folds has the noise of n / K people, on its own."""
    p, n, k, n_sets, rng = 3, 60, 3, 20_000, np.random.default_rng(9)
    R, b = ar1(p, 0.6), np.array([0.3, 0, -0.2])
    root = np.linalg.cholesky(R) * np.sqrt(0.8 / n)
    folds = np.empty((n_sets, k, p))
    for place in range(n_sets):
        beta = R @ b + root @ rng.standard_normal(p)
        train, folds[place] = fold_summary_statistics(
            beta, R, n, k, residual_variance=0.8, random_state=rng
        )
        np.testing.assert_allclose(folds[place].mean(axis=0), beta, atol=1e-12)
        np.testing.assert_allclose(train[0], folds[place, 1:].mean(axis=0), atol=1e-12)
    covariance = np.kron(np.eye(k), k * 0.8 / n * R)
    error = covariance.max()
    means = folds.reshape(n_sets, -1).mean(axis=0)
    np.testing.assert_allclose(means, np.tile(R @ b, k), atol=5 * np.sqrt(error / n_sets))
    observed = np.cov(folds.reshape(n_sets, -1).T)
    np.testing.assert_allclose(observed, covariance, atol=5 * np.sqrt(2 / n_sets) * error)


def simulate_summary(seed, p=100, n=2000, n_causal=5, h2=0.2):
    rng = np.random.default_rng(seed)
    R, b = ar1(p, 0.8), np.zeros(p)
    b[rng.choice(p, n_causal, replace=False)] = rng.standard_normal(n_causal)
    b *= np.sqrt(h2 / (b @ R @ b)) if n_causal else 0
    noise = np.linalg.cholesky(R) @ rng.standard_normal(p)
    return b, R @ b + noise * np.sqrt((1 - h2) / n), R


def test_pseudo_validation_finds_a_penalty_near_the_best():
    """Loss of prediction against the truth, over data sets: near that of the best penalty."""
    excess, gain = [], []
    for seed in range(20):
        b, beta, R = simulate_summary(seed)
        found = pseudo_validate(beta, R, 2000, random_state=seed)
        _, path = elastic_net_rss_path(beta, R, 2000, penalties=found.penalties)
        losses = np.einsum("ij,jk,ik->i", path - b, R, path - b)
        chosen = (found.effects - b) @ R @ (found.effects - b)
        excess.append(chosen - losses.min())
        gain.append(b @ R @ b - chosen)
        assert found.losses.shape == (5, 50)
    assert np.mean(excess) < 0.1 * np.mean(gain)


def test_patience_leaves_the_path_early_with_the_same_choice():
    shorter = 0
    for seed in range(5):
        _, beta, R = simulate_summary(seed)
        full = pseudo_validate(beta, R, 2000, 0.5, random_state=seed)
        left = pseudo_validate(beta, R, 2000, 0.5, patience=10, random_state=seed)
        tried = left.losses.shape[1]
        assert left.penalty == full.penalty
        np.testing.assert_array_equal(left.effects, full.effects)
        np.testing.assert_array_equal(left.losses, full.losses[:, :tried])
        np.testing.assert_array_equal(left.penalties, full.penalties[:tried])
        shorter += tried < 50
    assert shorter == 5


def test_pseudo_validation_without_effects_shrinks_all_to_nearly_nothing():
    sizes = []
    for seed in range(10):
        _, beta, R = simulate_summary(seed, n_causal=0, h2=0)
        found = pseudo_validate(beta, R, 2000, random_state=seed)
        sizes.append(found.effects @ R @ found.effects / (beta @ beta))
    assert np.mean(sizes) < 0.05


GOOD = {"beta": np.array([0.1, 0.2]), "R": np.eye(2), "n": 10}
BAD = [
    (ridge_rss, {"h2": 1.0}, "h2: got 1.0, expected a finite number of at least 0 and below 1"),
    (ridge_rss, {"h2": -0.1}, "h2: got -0.1"),
    (ridge_rss, {"h2": 0.5, "n": 0}, "n: got 0"),
    (ridge_rss, {"h2": 0.5, "beta": [0.1]}, "R: got shape"),
    (elastic_net_rss, {"penalty": 0}, "penalty: got 0, expected a finite number above 0"),
    (elastic_net_rss, {"penalty": np.inf}, "penalty: got inf"),
    (elastic_net_rss, {"penalty": 0.1, "l1_ratio": 1.1}, "l1_ratio: got 1.1"),
    (elastic_net_rss, {"penalty": 0.1, "l1_ratio": "lasso"}, "l1_ratio: got 'lasso'"),
    (elastic_net_rss, {"penalty": 0.1, "tol": -1}, "tol: got -1"),
    (elastic_net_rss, {"penalty": 0.1, "max_iter": 0}, "max_iter: got 0"),
    (elastic_net_rss, {"penalty": 0.1, "R": 2 * np.eye(2)}, "R: got 2 at place 0"),
    (elastic_net_rss_path, {"penalties": [0.1, 0.2]}, "penalties: expected positive"),
    (elastic_net_rss_path, {"penalties": [0.1, 0.0]}, "penalties: expected positive"),
    (elastic_net_rss_path, {"l1_ratio": 0}, "l1_ratio: got 0, expected a number above 0 unless"),
    (elastic_net_rss_path, {"n_penalties": 1}, "n_penalties: got 1"),
    (elastic_net_rss_path, {"smallest": 1.0}, "smallest: got 1.0"),
    (elastic_net_rss_path, {"beta": np.zeros(2)}, "beta: got zeros only"),
    (split_summary_statistics, {"train_fraction": 1.0}, "train_fraction: got 1.0"),
    (split_summary_statistics, {"residual_variance": 0}, "residual_variance: got 0"),
    (fold_summary_statistics, {"n_folds": 1}, "n_folds: got 1"),
    (fold_summary_statistics, {"residual_variance": 0}, "residual_variance: got 0"),
    (pseudo_validate, {"n_splits": 0}, "n_splits: got 0"),
    (pseudo_validate, {"patience": 0}, "patience: got 0"),
    (pseudo_validate, {"train_fraction": np.nan}, "train_fraction: got nan"),
]


@pytest.mark.parametrize(("function", "arguments", "message"), BAD)
def test_bad_arguments_are_named(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**GOOD | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effects": [0.1]}, "effects: got 1 entries"),
        ({"effects": [0.1, np.nan]}, r"effects: got nan at \[1\]"),
        ({"penalty": -1}, "penalty: got -1"),
    ],
)
def test_objective_names_bad_arguments(arguments, message):
    good = {"effects": [0.1, 0.2], "beta": [0.1, 0.2], "R": np.eye(2), "penalty": 0.1}
    with pytest.raises(ValueError, match=message):
        elastic_net_objective(**good | arguments)
