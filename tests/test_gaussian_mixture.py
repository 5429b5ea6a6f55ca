"""GaussianMixtureEM: the model, its invariants, missing data, priors and bad input."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import invgamma, invwishart, multivariate_normal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from gitools.mixtures import GaussianMixtureEM, MixturePrior, _em

FAMILIES = ("full", "diag", "spherical", "tied")


def three_clusters(n=150, d=2, seed=0, separation=4.0):
    rng = np.random.default_rng(seed)
    means = separation * rng.standard_normal((3, d))
    return means[rng.integers(3, size=n)] + rng.standard_normal((n, d))


def with_missing(X, share, seed=0):
    rng = np.random.default_rng(seed)
    X = X.copy()
    X[rng.random(X.shape) < share] = np.nan
    return X


def dense(mixture):
    """Covariances as (K, d, d) whatever the family."""
    k, d = mixture.means_.shape
    covariances = mixture.covariances_
    return {
        "full": lambda: covariances,
        "tied": lambda: np.repeat(covariances[None], k, axis=0),
        "diag": lambda: np.stack([np.diag(row) for row in covariances]),
        "spherical": lambda: covariances[:, None, None] * np.eye(d),
    }[mixture.covariance_type]()


def log_densities(mixture, x, observed):
    """Log of weight times density per component, from scipy, for one sample."""
    return np.array(
        [
            np.log(weight)
            + multivariate_normal(mean[observed], cov[np.ix_(observed, observed)]).logpdf(
                x[observed]
            )
            for weight, mean, cov in zip(
                mixture.weights_, mixture.means_, dense(mixture), strict=True
            )
        ]
    )


# Nothing is expected to fail.
@parametrize_with_checks([GaussianMixtureEM(random_state=0), GaussianMixtureEM(2, "diag")])
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("family", FAMILIES)
def test_density_equals_scipy_with_and_without_missing_entries(family):
    X = with_missing(three_clusters(d=3), 0.2)
    mixture = GaussianMixtureEM(3, family, random_state=0).fit(X)
    log_density, responsibilities = mixture.score_samples(X), mixture.predict_proba(X)
    for i, x in enumerate(X):
        observed = np.flatnonzero(~np.isnan(x))
        if len(observed) == 0:
            assert log_density[i] == pytest.approx(0, abs=1e-12)
            assert responsibilities[i] == pytest.approx(mixture.weights_)
            continue
        joint = log_densities(mixture, x, observed)
        total = np.logaddexp.reduce(joint)
        assert log_density[i] == pytest.approx(total, rel=1e-10)
        assert responsibilities[i] == pytest.approx(np.exp(joint - total), abs=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_pattern_against_numerical_marginalisation(family):
    X = with_missing(three_clusters(), 0.2)
    mixture = GaussianMixtureEM(3, family, random_state=0).fit(X)
    grid = np.linspace(-60, 60, 60_001)
    complete = np.column_stack([np.full_like(grid, 1.3), grid])
    integral = np.exp(mixture.score_samples(complete)).sum() * (grid[1] - grid[0])
    assert mixture.score_samples([[1.3, np.nan]])[0] == pytest.approx(np.log(integral), rel=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_last_trace_value_is_the_score_of_the_fit(family):
    for X in (three_clusters(), with_missing(three_clusters(), 0.2)):
        mixture = GaussianMixtureEM(3, family, random_state=0).fit(X)
        assert len(mixture.log_likelihoods_) == mixture.n_iter_
        assert mixture.converged_
        assert mixture.score(X) == pytest.approx(mixture.log_likelihoods_[-1], rel=1e-12)


def random_prior(rng, n_components, d):
    root = rng.standard_normal((d, d))
    scale = [None, 0.0, 0.3, root @ root.T][rng.integers(4)]
    dof = [None, 0.0, d + 3.5][rng.integers(3)]
    return MixturePrior(1 + rng.exponential(size=n_components), dof, scale)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(12, 80),
    d=st.integers(1, 4),
    n_components=st.integers(1, 4),
    family=st.sampled_from(FAMILIES),
    log_scale=st.integers(-6, 6),
    missing=st.sampled_from([0.0, 0.3]),
    prior=st.booleans(),
    floor=st.sampled_from([1e-8, 1e-6, 0.05]),
    soft_start=st.booleans(),
)
def test_objective_never_falls(
    seed, n, d, n_components, family, log_scale, missing, prior, floor, soft_start
):
    rng = np.random.default_rng(seed)
    X = three_clusters(n, d, seed, separation=rng.exponential(3))
    X = X * 10.0 ** rng.integers(-abs(log_scale), abs(log_scale) + 1, size=d)
    X = with_missing(X, missing, seed)
    X[0], X[1] = -np.abs(np.nan_to_num(X[0], nan=1)) - 1, np.abs(np.nan_to_num(X[1], nan=1)) + 1
    init = rng.dirichlet(np.ones(n_components), size=n) if soft_start else "k-means++"
    mixture = GaussianMixtureEM(
        n_components,
        family,
        n_init=1,
        tol=0,
        max_iter=60,
        floor=floor,
        prior=random_prior(rng, n_components, d) if prior else None,
        init=init,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trace = mixture.fit(X).log_likelihoods_
    assert np.isfinite(trace).all()
    slack = 1e-9 * np.maximum(1, np.abs(trace[:-1]))
    assert (np.diff(trace) >= -slack).all()
    probabilities = mixture.predict_proba(X)
    assert np.allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_covariances_keep_to_the_floor(family):
    X = three_clusters()
    mixture = GaussianMixtureEM(3, family, floor=0.3, random_state=0, tol=1e-12).fit(X)
    sd = X.std(axis=0)
    unit = np.full(2, np.sqrt(np.mean(sd**2))) if family == "spherical" else sd
    scaled = dense(mixture) / np.outer(unit, unit)
    assert np.linalg.eigvalsh(scaled).min() == pytest.approx(0.3, rel=1e-9)
    assert mixture.score(X) <= GaussianMixtureEM(3, family, random_state=0).fit(X).score(X)


@pytest.mark.parametrize("family", FAMILIES)
def test_missing_data_optimum_is_stationary(family):
    """At the fit, no small change of a mean or a weight raises the observed-data likelihood."""
    X = with_missing(three_clusters(200), 0.25)
    mixture = GaussianMixtureEM(3, family, random_state=0, tol=0, max_iter=3000).fit(X)
    best = mixture.score(X)
    means, covariances = mixture.means_.copy(), mixture.covariances_.copy()
    for k in range(3):
        for j in range(2):
            for step in (-1e-3, 1e-3):
                mixture.means_ = means.copy()
                mixture.means_[k, j] += step
                assert mixture.score(X) < best
    mixture.means_ = means
    for factor in (0.999, 1.001):
        mixture.covariances_ = covariances * factor
        assert mixture.score(X) < best


def test_rows_without_any_entry_have_no_influence():
    X = with_missing(three_clusters(), 0.1)
    X = X[~np.isnan(X).all(axis=1)]
    padded = np.vstack([X[:20], np.full((30, 2), np.nan), X[20:]])
    plain = GaussianMixtureEM(3, random_state=0).fit(X)
    with_empty = GaussianMixtureEM(3, random_state=0).fit(padded)
    assert np.array_equal(plain.log_likelihoods_, with_empty.log_likelihoods_)
    assert with_empty.score(padded) == pytest.approx(plain.score(X), rel=1e-14)
    assert with_empty.bic(padded) == pytest.approx(plain.bic(X), rel=1e-14)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_missing_entry_moves_the_fit_a_little(family):
    X = three_clusters(400)
    responsibilities = np.random.default_rng(0).dirichlet(np.ones(3), size=400)
    complete = GaussianMixtureEM(3, family, init=responsibilities).fit(X)
    X_one_missing = X.copy()
    X_one_missing[7, 1] = np.nan
    nearly = GaussianMixtureEM(3, family, init=responsibilities).fit(X_one_missing)
    assert np.allclose(complete.means_, nearly.means_, atol=0.15)
    assert not np.array_equal(complete.means_, nearly.means_)


def test_pattern_code_equals_complete_code_on_complete_data():
    """Splitting complete rows over two patterns of the internal form must not matter."""
    X = three_clusters()
    whole = _em.split_by_pattern(X)
    parts = [_em.Pattern(p.rows, p.observed, p.values) for p in _em.split_by_pattern(X[:50])]
    parts += [_em.Pattern(p.rows + 50, p.observed, p.values) for p in _em.split_by_pattern(X[50:])]
    parameters = _em.Parameters(
        np.array([0.5, 0.5]), np.array([[0.0, 1.0], [2.0, 0.0]]), np.stack([np.eye(2)] * 2)
    )
    one, two = _em.expectation_step(whole, parameters), _em.expectation_step(parts, parameters)
    assert one[0] == pytest.approx(two[0], rel=1e-13)
    assert np.allclose(one[1].second, two[1].second, rtol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("family", ["full", "diag", "tied"])
def test_equivariance_to_shift_and_scale_of_each_feature(family, share):
    X = with_missing(three_clusters(d=3), share)
    scale, shift = np.array([1e-5, 3.0, 2e6]), np.array([7.0, -1e3, 1e7])
    one = GaussianMixtureEM(3, family, n_init=2, random_state=1, tol=1e-10).fit(X)
    two = GaussianMixtureEM(3, family, n_init=2, random_state=1, tol=1e-10).fit(X * scale + shift)
    assert np.allclose(two.weights_, one.weights_, atol=1e-6)
    assert np.allclose((two.means_ - shift) / scale, one.means_, atol=1e-5)
    assert np.allclose(dense(two) / np.outer(scale, scale), dense(one), atol=1e-5)
    jacobian = np.log(scale) @ (~np.isnan(X)).sum(axis=0) / (~np.isnan(X).all(axis=1)).sum()
    assert two.score(X * scale + shift) == pytest.approx(one.score(X) - jacobian, abs=1e-7)


def test_a_sample_far_from_every_component_still_gets_probabilities():
    mixture = GaussianMixtureEM(3, random_state=0).fit(three_clusters())
    far = mixture.predict_proba([[1e8, -1e8], [1e100, 0.0]])
    assert np.allclose(far.sum(axis=1), 1)
    with pytest.raises(ValueError, match="X: got a value more than"):
        mixture.predict_proba([[1e200, 0.0]])


def test_a_start_of_chosen_parameters_is_used_as_it_is():
    X = three_clusters()
    start = {"weights": [0.5, 0.5], "means": np.zeros((2, 2)), "covariances": [np.eye(2)] * 2}
    mixture = GaussianMixtureEM(2, init=start).fit(X)
    # Equal components stay equal: a stationary point that is no maximum.
    assert np.allclose(mixture.means_, X.mean(axis=0), atol=1e-12)
    assert np.allclose(mixture.covariances_, np.cov(X.T, bias=True), atol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_started_from_itself_stays(family):
    X = with_missing(three_clusters(), 0.1)
    first = GaussianMixtureEM(3, family, tol=0, max_iter=2000, random_state=0).fit(X)
    start = {
        "weights": first.weights_,
        "means": first.means_,
        "covariances": first.covariances_,
    }
    again = GaussianMixtureEM(3, family, init=start).fit(X)
    assert again.n_iter_ == 1
    assert np.allclose(again.means_, first.means_, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_sample_has_the_moments_of_the_mixture(family):
    mixture = GaussianMixtureEM(3, family, random_state=0).fit(three_clusters())
    draws, labels = mixture.sample(200_000, random_state=1)
    mean = mixture.weights_ @ mixture.means_
    between = (mixture.means_ - mean).T @ np.diag(mixture.weights_) @ (mixture.means_ - mean)
    covariance = between + np.tensordot(mixture.weights_, dense(mixture), 1)
    error = np.sqrt(np.diag(covariance) / len(draws))
    assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * error).all()
    assert np.allclose(np.cov(draws.T), covariance, rtol=0.03, atol=0.03 * covariance.max())
    assert np.allclose(np.bincount(labels) / len(labels), mixture.weights_, atol=0.006)
    for k in range(3):
        assert np.allclose(np.cov(draws[labels == k].T), dense(mixture)[k], atol=0.1)


def test_random_state_decides_starts_and_samples():
    X = three_clusters(separation=1.0)

    def fit(seed):
        return GaussianMixtureEM(4, n_init=1, random_state=seed, tol=1e-5).fit(X)

    assert np.array_equal(fit(0).means_, fit(0).means_)
    assert not np.array_equal(fit(0).means_, fit(1).means_)
    assert np.array_equal(fit(0).means_, fit(np.random.default_rng(0)).means_)
    mixture = fit(0)
    assert np.array_equal(mixture.sample(5, 3)[0], mixture.sample(5, 3)[0])


def test_convergence_depends_on_the_mean_and_not_on_the_number_of_samples():
    X = three_clusters(separation=1.5)
    start = {
        "weights": np.full(3, 1 / 3),
        "means": X[:3],
        "covariances": np.repeat(np.cov(X.T)[None], 3, axis=0),
    }
    once = GaussianMixtureEM(3, init=start, tol=1e-5).fit(X)
    tenfold = GaussianMixtureEM(3, init=start, tol=1e-5).fit(np.tile(X, (10, 1)))
    assert once.n_iter_ == tenfold.n_iter_ > 5


def test_not_converged_is_said():
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        mixture = GaussianMixtureEM(3, max_iter=2, random_state=0).fit(three_clusters())
    assert not mixture.converged_
    assert mixture.n_iter_ == 2


# Priors


def log_prior_by_scipy(mixture, concentration, dof, scale):
    """Log prior density at the fit: Dirichlet by formula, the rest by scipy."""
    k, d = mixture.means_.shape
    alpha = np.broadcast_to(concentration, k)
    value = gammaln(alpha.sum()) - gammaln(alpha).sum()
    value += ((alpha - 1) * np.log(mixture.weights_)).sum()
    if mixture.covariance_type == "diag":
        shape = (dof + d - 1) / 2
        return value + invgamma.logpdf(mixture.covariances_, shape, scale=np.diag(scale) / 2).sum()
    if mixture.covariance_type == "spherical":
        shape = d * (dof + d + 1) / 2 - 1
        return value + invgamma.logpdf(mixture.covariances_, shape, scale=np.trace(scale) / 2).sum()
    blocks = dense(mixture)[: 1 if mixture.covariance_type == "tied" else k]
    return value + sum(invwishart.logpdf(block, dof, scale) for block in blocks)


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("family", FAMILIES)
def test_trace_is_the_log_posterior_and_the_fit_its_mode(family, share):
    X = with_missing(three_clusters(80) * [1.0, 100.0], share)
    scale = np.array([[2.0, 30.0], [30.0, 9e3]])
    prior = MixturePrior([2.0, 1.0, 3.5], dof=7.0, scale=scale)
    mixture = GaussianMixtureEM(3, family, prior=prior, tol=0, max_iter=5000, random_state=0)
    mixture.fit(X)
    n = (~np.isnan(X).all(axis=1)).sum()

    def posterior():
        log_prior = log_prior_by_scipy(mixture, prior.weight_concentration, 7.0, scale)
        return mixture.score(X) + log_prior / n

    best = posterior()
    assert mixture.log_likelihoods_[-1] == pytest.approx(best, rel=1e-10)
    weights, covariances = mixture.weights_, mixture.covariances_
    for factor in (0.99, 1.01):
        mixture.covariances_ = covariances * factor
        assert posterior() < best
    mixture.covariances_ = covariances
    for k in range(3):
        mixture.weights_ = weights * np.where(np.arange(3) == k, 1.02, 1.0)
        mixture.weights_ = mixture.weights_ / mixture.weights_.sum()
        assert posterior() < best


def test_one_component_posterior_mode_in_closed_form():
    X = three_clusters(50)
    scale = np.array([[2.0, 0.5], [0.5, 1.0]])
    mixture = GaussianMixtureEM(prior=MixturePrior(dof=6, scale=scale)).fit(X)
    scatter = (X - X.mean(axis=0)).T @ (X - X.mean(axis=0))
    assert np.allclose(mixture.covariances_[0], (scatter + scale) / (50 + 6 + 2 + 1), rtol=1e-12)
    relative = GaussianMixtureEM(prior=MixturePrior(dof=6, scale=0.5)).fit(X)
    expected = (scatter + 0.5 * np.diag(X.var(axis=0))) / 59
    assert np.allclose(relative.covariances_[0], expected, rtol=1e-12)


def test_defaults_of_the_prior():
    X = three_clusters(50)
    plain = GaussianMixtureEM(random_state=0).fit(X)
    flat = GaussianMixtureEM(prior=MixturePrior(), random_state=0).fit(X)
    assert np.array_equal(plain.covariances_, flat.covariances_)
    by_dof = GaussianMixtureEM(2, prior=MixturePrior(dof=4), random_state=0).fit(X)
    by_scale = GaussianMixtureEM(2, prior=MixturePrior(scale=1 / 2), random_state=0).fit(X)
    assert np.allclose(by_dof.covariances_, by_scale.covariances_, rtol=1e-12)


def test_floor_zero_names_the_collapsed_component_and_prior_or_floor_mend_it():
    X = np.vstack([three_clusters(40), np.zeros((10, 2))])
    responsibilities = np.zeros((50, 2))
    responsibilities[:40, 0] = 1
    responsibilities[40:, 1] = 1
    with pytest.raises(ValueError, match=r"Component 1 collapsed.*floor.*prior"):
        GaussianMixtureEM(2, floor=0, init=responsibilities).fit(X)
    for mended in (
        GaussianMixtureEM(2, init=responsibilities),
        GaussianMixtureEM(2, floor=0, prior=MixturePrior(scale=0.1), init=responsibilities),
    ):
        assert np.isfinite(mended.fit(X).score(X))


def test_a_component_that_runs_empty_stays_finite():
    X = three_clusters()
    start = {
        "weights": [0.5, 0.5],
        "means": [[0.0, 0.0], [1e4, 1e4]],
        "covariances": [np.eye(2), 1e-2 * np.eye(2)],
    }
    for prior in (None, MixturePrior(scale=0.1), MixturePrior(2.0)):
        mixture = GaussianMixtureEM(2, init=start, prior=prior).fit(X)
        assert np.isfinite(mixture.means_).all()
        assert np.isfinite(mixture.log_likelihoods_).all()
        assert np.isfinite(mixture.predict_proba(X)).all()


# Bad input

X_GOOD = three_clusters(30)
NAN = np.nan
GIVEN = {"weights": [0.5, 0.5], "means": np.zeros((2, 2)), "covariances": [np.eye(2)] * 2}

BAD_DATA = {
    "one dimension": (np.zeros(5), "X: .*1D"),
    "three dimensions": (np.zeros((4, 2, 2)), "X: .*dim 3"),
    "infinite": (np.array([[1.0, 2.0], [np.inf, 0.0], [0.0, 1.0]]), "X: .*infinity"),
    "complex": (X_GOOD * 1j, "X: .*[Cc]omplex"),
    "text": (np.array([["a", "b"], ["c", "d"]]), "X: .*could not convert"),
    "no samples": (np.empty((0, 2)), "X: .*0 sample"),
    "no features": (np.empty((5, 0)), "X: .*0 feature"),
    "one sample": (np.zeros((1, 2)), "X: .*1 sample|n_samples"),
    "all missing": (np.full((5, 2), NAN), r"X: .*\[0, 1\]"),
    "a feature missing": (np.column_stack([X_GOOD, np.full(30, NAN)]), r"X: .*\[2\]"),
    "all equal": (np.full((9, 2), 0.1), r"X: .*constant features \[0, 1\]"),
    "constant column": (np.column_stack([X_GOOD, np.full(30, 0.3)]), r"X: .*features \[2\]"),
    "too large": (X_GOOD * 1e200, "X: .*overflow"),
    "too small": (X_GOOD * 1e-200, "X: .*underflow"),
    "too few distinct rows": (np.tile([[0.0, 1.0], [1.0, 0.0]], (9, 1)), "n_components: .*2 dist"),
    "too few rows": (X_GOOD[:2], "n_components: got 3"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(name):
    X, message = BAD_DATA[name]
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(3, random_state=0).fit(X)


BAD_PARAMETERS = [
    ({"n_components": 0}, "n_components: got 0"),
    ({"n_components": 2.0}, "n_components: got 2.0"),
    ({"n_components": True}, "n_components: got True"),
    ({"n_components": 31}, "n_components: got 31"),
    ({"covariance_type": "banana"}, "covariance_type: got 'banana'"),
    ({"covariance_type": None}, "covariance_type: got None"),
    ({"n_init": 0}, "n_init: got 0"),
    ({"max_iter": 0}, "max_iter: got 0"),
    ({"tol": -1e-3}, "tol: got -0.001"),
    ({"tol": NAN}, "tol: got nan"),
    ({"floor": -1e-6}, "floor: got -1e-06"),
    ({"floor": "1"}, "floor: got '1'"),
    ({"random_state": -1}, "random_state: got -1"),
    ({"random_state": "seed"}, "random_state: got 'seed'"),
    ({"init": "kmeans"}, "init: got 'kmeans'"),
    ({"init": None}, "init: got NoneType|init: got shape"),
    ({"init": np.full((30, 3), 1 / 3)}, r"init: got shape \(30, 3\), expected \(30, 2\)"),
    ({"init": np.full((30, 2), 0.7)}, "init: got responsibilities .*sums"),
    ({"init": np.tile([1.5, -0.5], (30, 1))}, "init: got responsibilities with minimum -0.5"),
    ({"init": np.full((30, 2), NAN)}, "init: got NaN"),
    ({"init": np.tile([1.0, 0.0], (30, 1))}, "init: .*component 1 no sample"),
    ({"init": {"weights": [1, 0]}}, "init: got keys"),
    ({"init": {**GIVEN, "weights": [0.5, 0.6]}}, r"init\['weights'\]: .*sum 1.1"),
    ({"init": {**GIVEN, "weights": [1.5, -0.5]}}, r"init\['weights'\]: .*minimum -0.5"),
    ({"init": {**GIVEN, "means": np.zeros((2, 3))}}, r"init\['means'\]: got shape \(2, 3\)"),
    ({"init": {**GIVEN, "covariances": np.eye(2)}}, r"init\['covariances'\]: got shape"),
    ({"init": {**GIVEN, "covariances": -np.ones((2, 2, 2))}}, r"init\['covariances'\]"),
    ({"init": {**GIVEN, "covariances": [[[1, 0], [5, 1]]] * 2}}, r"covariances.*not symmetric"),
    ({"prior": "flat"}, "prior: got str"),
    ({"prior": MixturePrior(0.5)}, "prior.weight_concentration: got 0.5.*unbounded"),
    ({"prior": MixturePrior([1, 2, 3])}, "prior.weight_concentration: got shape"),
    ({"prior": MixturePrior("a")}, "prior.weight_concentration: got 'a'"),
    ({"prior": MixturePrior(NAN)}, "prior.weight_concentration: got nan"),
    ({"prior": MixturePrior(dof=-1)}, "prior.dof: got -1"),
    ({"prior": MixturePrior(dof=[1, 2])}, r"prior.dof: got \[1, 2\]"),
    ({"prior": MixturePrior(scale=-1)}, "prior.scale: got -1"),
    ({"prior": MixturePrior(scale=np.eye(3))}, r"prior.scale: got shape \(3, 3\)"),
    ({"prior": MixturePrior(scale=[[1, 2], [2, 1]])}, "prior.scale: .*semi-definite"),
    ({"prior": MixturePrior(scale=[[1, 0.5], [0, 1]])}, "prior.scale: .*symmetric"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(**{"n_components": 2, **parameters}).fit(X_GOOD)


def test_bad_use_after_fit():
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().score_samples(X_GOOD)
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().sample(3)
    mixture = GaussianMixtureEM(2, random_state=0).fit(X_GOOD)
    with pytest.raises(ValueError, match=r"X: .*1 features.*expecting 2"):
        mixture.predict(X_GOOD[:, :1])
    with pytest.raises(ValueError, match="n_samples: got 0"):
        mixture.sample(0)
    with pytest.raises(ValueError, match="random_state: got 'a'"):
        mixture.sample(1, random_state="a")
    with pytest.raises(ValueError, match="X: got no observed entry"):
        mixture.score(np.full((2, 2), NAN))


def test_a_constant_feature_is_no_trouble_for_spherical_components():
    X = np.column_stack([X_GOOD, np.full(30, 2.0)])
    mixture = GaussianMixtureEM(2, "spherical", random_state=0).fit(X)
    assert np.allclose(mixture.means_[:, 2], 2)
