"""ZeroMeanDPMixture: the bound, its invariants, sampling error, hard data and bad input."""

import warnings

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import beta, multivariate_normal, wishart
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import BayesianGaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from gitools.mixtures import ZeroMeanDPMixture
from gitools.mixtures._stick_ascent import begin, climb, merge, random_starts, refill
from gitools.mixtures._sticks import (
    OwnNoise,
    SharedNoise,
    StickFactors,
    StickPrior,
    StickStatistics,
    order_sticks,
    stick_evidence,
    sweep,
)

AXES = np.array([[[1.0, 0.0], [0.0, 0.04]], [[0.04, 0.0], [0.0, 1.0]], [[2.0, 1.8], [1.8, 2.0]]])
NOISE = np.array([[0.3, 0.1], [0.1, 0.2]])


def draw(covariances, n, rng, weights=None):
    """Rows of a zero-mean mixture (n, d) and their components."""
    labels = rng.choice(len(covariances), n, p=weights)
    roots = np.linalg.cholesky(covariances)[labels]
    return np.einsum("nij,nj->ni", roots, rng.standard_normal((n, covariances.shape[1]))), labels


def some_prior(d=2, concentration=1.3):
    return StickPrior(concentration, d + 2.5, np.eye(d) + 0.3)


def start_of(rows, n_components, seed=0, n_starts=1):
    return random_starts(rows, n_components, n_starts, np.random.default_rng(seed))


def each_noise(rng, n):
    roots = 0.4 * rng.standard_normal((n, 2, 2))
    return roots @ roots.swapaxes(1, 2) + 0.05 * np.eye(2)


def kinds_of_data(rows, rng):
    n, d = rows.shape
    return {
        "none": SharedNoise(rows, np.zeros((d, d))),
        "shared": SharedNoise(rows, NOISE),
        "own": OwnNoise(rows, each_noise(rng, n)),
    }


# Nothing is expected to fail.
@parametrize_with_checks([ZeroMeanDPMixture(n_components=5, n_init=1, random_state=0)])
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


def bound_from_definition(rows, noise, statistics, prior):
    """The bound without sampling error or with a shared one, written out from scipy's pieces."""
    counts, scatters = statistics.counts[0], statistics.scatters[0]
    d, n_components = rows.shape[1], len(counts)
    dof, scale = prior.dof + counts, prior.scale + scatters
    divergence, log_weights, rest = 0.0, np.zeros(n_components), 0.0
    for k in range(n_components):
        after = counts[k + 1 :].sum()
        if k < n_components - 1:
            q, p = beta(1 + counts[k], prior.concentration + after), beta(1, prior.concentration)
            divergence += q.expect(lambda v, q=q, p=p: q.logpdf(v) - p.logpdf(v))
            log_weights[k] = rest + q.expect(np.log)
            rest += q.expect(lambda v: np.log1p(-v))
        else:
            log_weights[k] = rest
    log_joint = np.empty((len(rows), n_components))
    for k in range(n_components):
        draws = wishart(dof[k], np.linalg.inv(scale[k])).rvs(1, random_state=0)
        q = wishart(dof[k], np.linalg.inv(scale[k]))
        p = wishart(prior.dof, np.linalg.inv(prior.scale))
        # E[ln q - ln p] is linear in E[Lambda] and E[ln |Lambda|], so any point will do
        mean_det = np.log(np.linalg.det(draws))
        expected_det = mean_log_det(dof[k], scale[k])
        gap = q.logpdf(draws) - p.logpdf(draws)
        gap += (dof[k] - prior.dof) / 2 * (expected_det - mean_det)
        mean = dof[k] * np.linalg.inv(scale[k])
        gap -= 0.5 * np.trace((scale[k] - prior.scale) @ (mean - draws))
        divergence += gap
        covariance = np.linalg.inv(mean)
        seen = multivariate_normal(np.zeros(d), covariance + noise).logpdf(rows)
        log_det = np.log(np.linalg.det(covariance))
        log_joint[:, k] = log_weights[k] + seen + (expected_det + log_det) / 2
    return logsumexp(log_joint, axis=1).sum() - divergence


def mean_log_det(dof, scale, steps=200_000):
    """E[ln |Lambda|] of a Wishart law, from its Bartlett decomposition."""
    from scipy.stats import chi2

    d = len(scale)
    grid = (np.arange(steps) + 0.5) / steps
    return sum(np.log(chi2(dof - i).ppf(grid)).mean() for i in range(d)) - np.log(
        np.linalg.det(scale)
    )


@pytest.mark.parametrize("noise", [np.zeros((2, 2)), NOISE])
def test_bound_equals_its_definition(noise):
    rng = np.random.default_rng(1)
    rows, _ = draw(AXES, 60, rng)
    statistics = start_of(rows, 4)
    prior = some_prior()
    ours, _ = sweep(SharedNoise(rows, noise), statistics, prior)
    assert ours[0] == pytest.approx(bound_from_definition(rows, noise, statistics, prior), abs=1e-2)


@pytest.mark.parametrize("kind", ["none", "shared", "own"])
def test_plain_sweeps_never_lower_the_bound(kind):
    rng = np.random.default_rng(2)
    rows, _ = draw(AXES, 400, rng)
    data, prior = kinds_of_data(rows, rng)[kind], some_prior()
    statistics, before = start_of(rows, 8, n_starts=3), np.full(3, -np.inf)
    for _ in range(150):
        elbo, statistics = sweep(data, statistics, prior)
        assert np.all(elbo >= before - 1e-9 * np.abs(elbo))
        before = elbo


@pytest.mark.parametrize("kind", ["none", "shared", "own"])
def test_a_sweep_at_its_own_top_changes_nothing_and_any_other_point_is_lower(kind):
    rng = np.random.default_rng(3)
    rows, _ = draw(AXES, 300, rng)
    data, prior = kinds_of_data(rows, rng)[kind], some_prior()
    state = begin(start_of(rows, 4))
    climb(data, state, prior, 1e-13, 20_000)
    top, again = sweep(data, state.statistics, prior)
    assert again.counts == pytest.approx(state.statistics.counts, abs=1e-2)
    for _ in range(20):
        other = StickStatistics(
            again.counts * np.exp(0.1 * rng.standard_normal(again.counts.shape)),
            again.scatters * np.exp(0.1 * rng.standard_normal((1, 4, 1, 1))),
        )
        assert sweep(data, other, prior)[0] < top


def test_each_rows_own_noise_equals_shared_noise_when_all_are_the_same():
    rng = np.random.default_rng(4)
    rows, _ = draw(AXES, 500, rng)
    prior, statistics = some_prior(), start_of(rows, 6)
    shared = sweep(SharedNoise(rows, NOISE), statistics, prior)
    own = sweep(OwnNoise(rows, np.repeat(NOISE[None], 500, axis=0)), statistics, prior)
    assert own[0] == pytest.approx(shared[0], rel=1e-12)
    assert own[1].scatters == pytest.approx(shared[1].scatters, rel=1e-9)
    no_noise = sweep(OwnNoise(rows, np.zeros((500, 2, 2))), statistics, prior)
    plain = sweep(SharedNoise(rows, np.zeros((2, 2))), statistics, prior)
    assert no_noise[0] == pytest.approx(plain[0], rel=1e-12)


def test_statistics_equal_a_plain_loop():
    rng = np.random.default_rng(5)
    rows, _ = draw(AXES, 50, rng)
    noise, prior = each_noise(rng, 50), some_prior()
    statistics = start_of(rows, 3)
    factors = StickFactors(statistics, prior)
    _, updated = OwnNoise(rows, noise).expectation(factors)
    counts, scatters = np.zeros(3), np.zeros((3, 2, 2))
    for x, error in zip(rows, noise, strict=True):
        log_joint = np.empty(3)
        moments = []
        for k, covariance in enumerate(factors.covariances[0]):
            total = covariance + error
            log_joint[k] = factors.log_weights[0, k] + multivariate_normal(
                np.zeros(2), total
            ).logpdf(x)
            log_joint[k] += factors.log_determinants[0, k] / 2
            log_joint[k] += np.log(np.linalg.det(covariance)) / 2
            spread = np.linalg.inv(np.linalg.inv(covariance) + np.linalg.inv(error))
            mean = spread @ np.linalg.inv(error) @ x
            moments.append(np.outer(mean, mean) + spread)
        r = np.exp(log_joint - logsumexp(log_joint))
        counts += r
        scatters += r[:, None, None] * np.array(moments)
    assert updated.counts[0] == pytest.approx(counts)
    assert updated.scatters[0] == pytest.approx(scatters)


def test_the_order_of_sticks_changes_only_if_the_bound_rises():
    rng = np.random.default_rng(6)
    lowered_by_sorting = 0
    for _ in range(200):
        counts = rng.gamma(0.5, 50, (1, 5))
        statistics = StickStatistics(counts, rng.standard_normal((1, 5, 2, 2)))
        for concentration in (0.3, 1.0, 20.0):
            ordered = order_sticks(statistics, concentration)
            before = stick_evidence(counts, concentration)
            assert stick_evidence(ordered.counts, concentration) >= before
            largest_first = -np.sort(-counts)
            lowered_by_sorting += stick_evidence(largest_first, concentration)[0] < before[0]
    # the trap is real: sorting without asking would have lowered the bound
    assert lowered_by_sorting > 0


@pytest.mark.parametrize("concentration", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("noise", [None, NOISE])
def test_reported_bound_never_falls(concentration, noise):
    rows, _ = draw(AXES, 800, np.random.default_rng(7))
    mixture = ZeroMeanDPMixture(10, concentration, n_init=1, random_state=0)
    mixture.fit(rows, sampling_covariance=noise)
    assert mixture.converged_
    assert np.diff(mixture.elbos_).min() >= 0


def test_components_found_on_well_separated_kinds():
    rows, labels = draw(AXES * [[[25]], [[25]], [[1]]], 3000, np.random.default_rng(8))
    mixture = ZeroMeanDPMixture(random_state=0).fit(rows)
    assert mixture.n_clusters_ == 3
    traces = np.trace(mixture.covariances_, axis1=1, axis2=2)
    assert np.all(np.diff(traces) <= 0)
    assert mixture.weights_.sum() == pytest.approx(1)
    true = [np.log(1 / 3) + multivariate_normal([0, 0], c).logpdf(rows)
            for c in AXES * [[[25]], [[25]], [[1]]]]  # fmt: skip
    best = adjusted_rand_score(labels, np.argmax(true, axis=0))
    assert adjusted_rand_score(labels, mixture.predict(rows)) > best - 0.02


def test_density_and_posteriors_are_those_of_the_reported_parameters():
    rng = np.random.default_rng(9)
    rows, _ = draw(AXES, 300, rng)
    rows *= [1.0, 1000.0]
    noise = each_noise(rng, 300) * np.outer([1, 1000], [1, 1000])
    mixture = ZeroMeanDPMixture(6, random_state=0).fit(rows)
    for extra in (None, noise[0], noise):
        log_joint = np.array(
            [
                [
                    np.log(w)
                    + multivariate_normal(
                        [0, 0], c + (0 if extra is None else extra if extra.ndim == 2 else extra[i])
                    ).logpdf(x)
                    for w, c in zip(mixture.weights_, mixture.covariances_, strict=True)
                ]
                for i, x in enumerate(rows[:300])
            ]
        )
        density = logsumexp(log_joint, axis=1)
        assert mixture.score_samples(rows, extra) == pytest.approx(density)
        posterior = np.exp(log_joint - density[:, None])
        assert mixture.predict_proba(rows, extra) == pytest.approx(posterior, abs=1e-10)
        assert np.array_equal(mixture.predict(rows, extra), posterior.argmax(axis=1))
    assert mixture.score(rows) == pytest.approx(mixture.score_samples(rows).mean())


@pytest.mark.parametrize("factors", [1e-6, [1.0, 1000.0], [1e9, 1e-9], 7.3])
def test_rescaling_traits_changes_units_alone(factors):
    rows, _ = draw(AXES, 1000, np.random.default_rng(10))
    factors = np.broadcast_to(factors, 2)
    plain = ZeroMeanDPMixture(random_state=0).fit(rows)
    scaled = ZeroMeanDPMixture(random_state=0).fit(rows * factors)
    assert np.array_equal(plain.predict(rows), scaled.predict(rows * factors))
    assert scaled.weights_ == pytest.approx(plain.weights_, abs=1e-6)
    shift = 1000 * np.log(factors).sum()
    assert scaled.elbos_[-1] == pytest.approx(plain.elbos_[-1] - shift, abs=1e-3)
    back = scaled.covariances_ / np.outer(factors, factors)
    assert back == pytest.approx(plain.covariances_, rel=1e-3, abs=1e-6)


def test_turning_the_sign_of_a_trait_or_swapping_traits_changes_nothing_else():
    rows, _ = draw(AXES, 1000, np.random.default_rng(11))
    plain = ZeroMeanDPMixture(random_state=0).fit(rows)
    turned = ZeroMeanDPMixture(random_state=0).fit(rows * [1, -1])
    swapped = ZeroMeanDPMixture(random_state=0).fit(rows[:, ::-1])
    for other in (turned, swapped):
        assert other.elbos_[-1] == pytest.approx(plain.elbos_[-1], abs=1e-3)
        assert np.sort(other.weights_) == pytest.approx(np.sort(plain.weights_), abs=1e-4)


def test_many_small_fits_at_once_equal_one_by_one():
    rows, _ = draw(AXES, 300, np.random.default_rng(12))
    data, prior = SharedNoise(rows, np.zeros((2, 2))), some_prior()
    together, starts = begin(start_of(rows, 7, n_starts=4)), start_of(rows, 7, n_starts=4)
    climb(data, together, prior, 1e-6, 500)
    for run in range(4):
        alone = begin(starts.take([run]))
        climb(data, alone, prior, 1e-6, 500)
        assert alone.traces[0] == pytest.approx(together.traces[run], rel=1e-9)


def test_a_kind_joined_to_another_by_mistake_is_born_again():
    rng = np.random.default_rng(23)
    rows, _ = draw(AXES * [[[25]], [[25]], [[1]]], 1500, rng)
    data, prior = SharedNoise(rows, np.zeros((2, 2))), some_prior()
    state = begin(start_of(rows, 10))
    climb(data, state, prior, 1e-6, 2000)
    merge(data, state, 0, prior, 1e-6, 2000)
    best = state.traces[0][-1]
    largest, second = np.argsort(-state.statistics.counts[0])[:2]
    for array in (state.statistics.counts, state.statistics.scatters):
        array[0, largest] += array[0, second]
        array[0, second] = 0
    stuck = begin(state.statistics)
    for _ in range(3):
        elbo, stuck.statistics = sweep(data, stuck.statistics, prior)
    stuck.traces[0].append(float(elbo[0]))
    assert elbo[0] < best - 50
    refill(data, rows, stuck, 0, prior, (1e-4, 1e-6), 2000, rng)
    assert stuck.traces[0][-1] == pytest.approx(best, abs=0.01)
    assert np.diff(stuck.traces[0]).min() >= 0


def test_one_gaussian_is_one_cluster():
    for seed in range(10):
        rng = np.random.default_rng([13, seed])
        rows = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3))
        assert ZeroMeanDPMixture(random_state=0, n_init=1).fit(rows).n_clusters_ == 1


def test_outliers_and_rows_of_zeros_are_survived():
    rows, _ = draw(AXES, 2000, np.random.default_rng(14))
    rows[0], rows[1], rows[2] = [1e8, 1e8], [-1e6, 0], [0, 1e-20]
    rows[10:1300] = 0
    mixture = ZeroMeanDPMixture(random_state=0).fit(rows)
    assert np.isfinite(mixture.covariances_).all()
    assert np.diff(mixture.elbos_).min() >= 0
    assert np.isfinite(mixture.score_samples(rows)).all()
    assert mixture.predict_proba(rows).sum(axis=1) == pytest.approx(1)
    zero_cluster = mixture.predict(rows[10:11])[0]
    assert mixture.weights_[zero_cluster] == pytest.approx(0.645, abs=0.03)
    # what is no outlier keeps its size
    sizes = np.sqrt(np.trace(mixture.covariances_[mixture.weights_ > 0.05], axis1=1, axis2=2))
    assert sizes.max() < 5


def test_sampling_error_is_taken_off():
    rng = np.random.default_rng(15)
    effects, labels = draw(AXES * [[[9]], [[9]], [[0.1]]], 3000, rng)
    noise = each_noise(rng, 3000) * 2
    seen = effects + np.einsum(
        "nij,nj->ni", np.linalg.cholesky(noise), rng.standard_normal((3000, 2))
    )
    mixture = ZeroMeanDPMixture(10, n_init=1, random_state=0)
    mixture.fit(seen, sampling_covariance=noise)
    assert mixture.n_clusters_ == 3
    main = mixture.weights_ > 0.1
    found = mixture.covariances_[main][:2]
    truth = AXES[:2] * 9
    if found[0, 0, 0] < found[1, 0, 0]:
        truth = truth[::-1]
    assert found == pytest.approx(truth, rel=0.2, abs=0.2)
    ignoring = ZeroMeanDPMixture(random_state=0).fit(seen)
    assert mixture.score_samples(seen, noise).mean() > ignoring.score_samples(seen).mean()
    aware = adjusted_rand_score(labels, mixture.predict(seen, noise))
    assert aware > adjusted_rand_score(labels, ignoring.predict(seen))


def test_min_weight_only_counts():
    rows, _ = draw(AXES, 500, np.random.default_rng(16))
    low = ZeroMeanDPMixture(random_state=0, min_weight=0.0).fit(rows)
    high = ZeroMeanDPMixture(random_state=0, min_weight=0.99).fit(rows)
    assert low.n_clusters_ == 20
    assert high.n_clusters_ == 0
    assert np.array_equal(low.weights_, high.weights_)


def test_a_given_prior_is_used_and_the_default_is_the_typical_size():
    rows, _ = draw(AXES, 400, np.random.default_rng(17))
    unit = np.median(np.abs(rows), axis=0) / 0.6744897501960817
    default = ZeroMeanDPMixture(random_state=0).fit(rows)
    same = ZeroMeanDPMixture(random_state=0, prior_dof=4, prior_scale=np.diag(unit**2)).fit(rows)
    assert same.elbos_ == pytest.approx(default.elbos_)
    firm = ZeroMeanDPMixture(random_state=0, prior_dof=1e6, prior_scale=1e6 * np.eye(2)).fit(rows)
    assert firm.covariances_ == pytest.approx(np.repeat(np.eye(2)[None], 20, axis=0), abs=1e-2)


def test_one_component_has_the_conjugate_posterior_and_the_exact_evidence():
    rng = np.random.default_rng(18)
    rows = rng.standard_normal((50, 2)) * [1, 3]
    scale = np.diag([2.0, 5.0])
    mixture = ZeroMeanDPMixture(1, prior_dof=4, prior_scale=scale).fit(rows)
    scatter = rows.T @ rows
    assert mixture.covariances_[0] == pytest.approx((scale + scatter) / 54)
    # with one component q is exact: bound = evidence, here by the chain rule of predictive t laws
    from scipy.stats import multivariate_t

    evidence, so_far, dof = 0.0, scale.copy(), 4.0
    for x in rows:
        evidence += multivariate_t([0, 0], so_far / (dof - 1), df=dof - 1).logpdf(x)
        so_far, dof = so_far + np.outer(x, x), dof + 1
    assert mixture.elbos_[-1] == pytest.approx(evidence, rel=1e-10)


def test_agrees_with_scikit_learn_with_means_pinned():
    rows, _ = draw(AXES * [[[25]], [[25]], [[1]]], 1500, np.random.default_rng(19))
    ours = ZeroMeanDPMixture(6, 1.0, prior_dof=4, prior_scale=np.eye(2), random_state=0).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = BayesianGaussianMixture(
            n_components=6,
            weight_concentration_prior_type="dirichlet_process",
            weight_concentration_prior=1.0,
            mean_prior=[0, 0],
            mean_precision_prior=1e8,
            degrees_of_freedom_prior=4,
            covariance_prior=np.eye(2),
            reg_covar=0,
            n_init=3,
            tol=1e-8,
            max_iter=2000,
            random_state=0,
        ).fit(rows)
    kept = ours.weights_ > 0.05
    order = np.argsort(-ours.weights_[kept])
    theirs_order = np.argsort(-theirs.weights_)[: kept.sum()]
    assert theirs.weights_[theirs_order] == pytest.approx(ours.weights_[kept][order], abs=0.01)
    assert theirs.covariances_[theirs_order] == pytest.approx(
        ours.covariances_[kept][order], rel=0.02, abs=0.02
    )


def test_same_seed_same_fit_and_generators_are_taken():
    rows, _ = draw(AXES, 300, np.random.default_rng(20))
    one = ZeroMeanDPMixture(random_state=3).fit(rows)
    two = ZeroMeanDPMixture(random_state=np.random.default_rng(3)).fit(rows)
    assert np.array_equal(one.elbos_, two.elbos_)


def test_warning_when_sweeps_run_out():
    rows, _ = draw(AXES, 300, np.random.default_rng(21))
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        mixture = ZeroMeanDPMixture(max_iter=3, random_state=0).fit(rows)
    assert not mixture.converged_


GOOD = draw(AXES, 50, np.random.default_rng(22))[0]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.column_stack([GOOD, GOOD[:, 0]]), r"X: got traits \[0, 2\] that are linearly"),
        (np.column_stack([GOOD, -3 * GOOD[:, 1]]), r"X: got traits \[1, 2\] that are linearly"),
        (np.column_stack([GOOD, GOOD.sum(axis=1)]), r"X: got traits \[0, 1, 2\] that"),
        (np.column_stack([GOOD, np.zeros(50)]), "X: got zeros alone in trait 2"),
        (np.where(np.arange(50)[:, None] == 3, np.nan, GOOD), "X: .*NaN"),
        (GOOD * 1e-200, "X: got typical sizes"),
        (np.vstack([GOOD, [[1e120, 0]]]), "X: got an entry more than 1e100"),
        (GOOD[:1], "X: .*minimum of 2"),
        (np.repeat(GOOD, 2, axis=0)[:2], "too few rows"),
        (GOOD[:, 0], "X: .*2D array"),
        (np.array([["a", "b"], ["c", "d"]]), "X: "),
    ],
)
def test_bad_data(X, message):
    with pytest.raises(ValueError, match=message):
        ZeroMeanDPMixture().fit(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components: got 0"),
        ({"n_components": 2.5}, "n_components: got 2.5"),
        ({"n_init": True}, "n_init: got True"),
        ({"max_iter": -1}, "max_iter: got -1"),
        ({"concentration": 0}, "concentration: got 0"),
        ({"concentration": "high"}, "concentration: got 'high'"),
        ({"tol": -1e-3}, "tol: got"),
        ({"tol": np.nan}, "tol: got nan"),
        ({"min_weight": 1.0}, "min_weight: got 1.0"),
        ({"prior_dof": 1.0}, r"prior_dof: got 1.0, expected a finite number above d - 1 = 1"),
        ({"prior_scale": np.eye(3)}, r"prior_scale: got shape \(3, 3\), expected \(2, 2\)"),
        ({"prior_scale": [[1, 2], [2, 1]]}, "prior_scale: got a matrix with an eigenvalue"),
        ({"prior_scale": [[1, 0.5], [0, 1]]}, "prior_scale: .*symmetric"),
        ({"random_state": "x"}, "random_state: got 'x'"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        ZeroMeanDPMixture(**arguments).fit(GOOD)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (np.eye(3), r"sampling_covariance: got shape \(3, 3\), expected \(2, 2\) or \(50, 2, 2\)"),
        (np.repeat(np.eye(2)[None], 49, axis=0), "sampling_covariance: got shape"),
        (-np.eye(2), "sampling_covariance: got a matrix with an eigenvalue"),
        ([[1, 0.9], [0, 1]], "sampling_covariance: .*symmetric"),
        (np.full((2, 2), np.nan), "sampling_covariance: got NaN"),
        ("none", "sampling_covariance: got str that is no array"),
    ],
)
def test_bad_sampling_covariance(noise, message):
    with pytest.raises(ValueError, match=message):
        ZeroMeanDPMixture().fit(GOOD, sampling_covariance=noise)


def test_a_sampling_covariance_in_the_place_of_y_is_an_error():
    with pytest.raises(ValueError, match="by its name"):
        ZeroMeanDPMixture().fit(GOOD, NOISE)


def test_unfitted():
    with pytest.raises(NotFittedError):
        ZeroMeanDPMixture().predict(GOOD)
