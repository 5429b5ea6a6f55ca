"""Many small mixtures at once: against plain EM, scikit-learn, closed forms and known truth."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from gitools.mixtures.selection import (
    RowFits,
    align_labels,
    bootstrap_lrt,
    count_optima,
    em_rows,
    fit_rows,
    lrt_rows,
    row_posteriors,
    start_means,
)


def two_humps(rows=6, n=120, seed=3):
    rng = np.random.default_rng(seed)
    labels = rng.random((rows, n)) < 0.4
    return 5 + 20 * rng.normal(np.where(labels, 0.0, 3.0), np.where(labels, 1.0, 0.5))


def plain_em(x, w, m, s, steps):
    for _ in range(steps):
        joint = w * norm.pdf(x[:, None], m, s)
        r = joint / joint.sum(axis=1, keepdims=True)
        counts = r.sum(axis=0)
        w, m = counts / len(x), r.T @ x / counts
        s = np.sqrt((r * (x[:, None] - m) ** 2).sum(axis=0) / counts)
    return w, m, s


def test_each_row_follows_plain_em():
    X = two_humps()
    weights = np.full((6, 2), 0.5)
    means, sds = np.tile([0.0, 70.0], (6, 1)), np.full((6, 2), 30.0)
    fits = em_rows(X, weights, means, sds, tol=0, max_iter=12)
    for i, x in enumerate(X):
        w, m, s = plain_em(x, weights[i], means[i], sds[i], 12)
        np.testing.assert_allclose(fits.weights[i], w, rtol=1e-9)
        np.testing.assert_allclose(fits.means[i], m, rtol=1e-9)
        np.testing.assert_allclose(fits.sds[i], s, rtol=1e-9)
        expected = np.log((w * norm.pdf(x[:, None], m, s)).sum(axis=1)).sum()
        np.testing.assert_allclose(fits.log_likelihood[i], expected, rtol=1e-10)


def test_a_tight_hump_far_from_the_rest_keeps_its_digits():
    rng = np.random.default_rng(8)
    x = np.concatenate([1e3 + 1e-5 * rng.normal(size=50), rng.normal(size=50)])
    start = [[0.5, 0.5]], [[1e3, 0.0]], [[1e-4, 2.0]]
    fits = em_rows(x, *start, floor=0, tol=0, max_iter=10)
    assert fits.sds[0, 0] == pytest.approx(x[:50].std(), rel=1e-6)
    assert fits.sds[0, 1] == pytest.approx(x[50:].std(), rel=1e-9)
    density = norm.logpdf(x, np.repeat(fits.means[0], 50), np.repeat(fits.sds[0], 50))
    assert fits.log_likelihood[0] == pytest.approx((density + np.log(0.5)).sum(), rel=1e-8)


def test_rows_do_not_depend_on_their_neighbours():
    X = two_humps(rows=900)
    start = np.full((900, 2), 0.5), np.tile([0.0, 70.0], (900, 1)), np.full((900, 2), 30.0)
    together = em_rows(X, *start)
    alone = em_rows(X[700], *(p[700:701] for p in start))
    np.testing.assert_allclose(together.means[700], alone.means[0], rtol=1e-10)
    assert together.n_iter[700] == alone.n_iter[0]
    assert together.converged.all()


def test_one_data_set_serves_many_starts():
    x = two_humps()[0]
    means = start_means(np.repeat(x[None], 30, axis=0), 2, init="points", random_state=1)
    fits = em_rows(x, np.full((30, 2), 0.5), means, np.full((30, 2), 20.0), tol=1e-10)
    heights, counts = count_optima(fits.log_likelihood, tol=1e-3)
    reference = GaussianMixture(2, n_init=10, tol=1e-10, max_iter=5000, random_state=0)
    best = reference.fit(x[:, None]).score(x[:, None]) * len(x)
    assert counts.sum() == 30
    assert heights[0] >= best - 1e-3


def test_log_likelihood_of_one_component_is_closed_form():
    X = two_humps()
    expected = norm.logpdf(X, X.mean(axis=1)[:, None], X.std(axis=1)[:, None]).sum(axis=1)
    np.testing.assert_allclose(fit_rows(X, 1).log_likelihood, expected, rtol=1e-10)


def test_floor_holds_and_likelihood_stays_finite_on_a_spike():
    x = np.concatenate([np.zeros(40), np.random.default_rng(1).normal(3, 1, 60)])
    fits = fit_rows(x, 2, floor=1e-4, random_state=2)
    assert fits.sds.min() == pytest.approx(1e-2 * x.std(), rel=1e-6)
    assert np.isfinite(fits.log_likelihood).all()


def test_prior_is_the_inverse_gamma_mode_for_one_component():
    x = two_humps()[0]
    fits = fit_rows(x, 1, dof=3.0, scale=0.5)
    expected = (len(x) * x.var() + 0.5 * x.var()) / (len(x) + 5)
    assert fits.sds[0, 0] ** 2 == pytest.approx(expected, rel=1e-9)


def test_posterior_agrees_with_scipy_far_from_every_mean():
    fits = RowFits(
        *(np.array([p]) for p in ([0.3, 0.7], [0.0, 1.0], [1.0, 2.0])),
        np.zeros(1), np.ones(1, int), np.ones(1, bool),
    )  # fmt: skip
    x = np.array([-1e3, 0.2, 1e3])
    density, responsibilities = row_posteriors(x, fits)
    log_joint = np.log([0.3, 0.7])[:, None] + norm.logpdf(x, [[0], [1]], [[1], [2]])
    np.testing.assert_allclose(density[0], np.logaddexp(*log_joint), rtol=1e-12)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1, rtol=1e-12)


def test_sample_has_the_moments_of_the_mixture():
    fits = RowFits(
        *(np.array([p]) for p in ([0.3, 0.7], [0.0, 10.0], [1.0, 2.0])),
        np.zeros(1), np.ones(1, int), np.ones(1, bool),
    )  # fmt: skip
    x = fits.sample(200_000, random_state=5)[0]
    assert x.mean() == pytest.approx(7, abs=0.06)
    assert x.var() == pytest.approx(0.3 * 1 + 0.7 * 4 + 0.21 * 100, rel=0.02)


def test_k_means_plus_plus_spreads_its_means():
    x = np.concatenate([np.zeros(90), np.full(5, 100.0), np.full(5, 200.0)])
    X = np.repeat(x[None], 200, axis=0) + np.random.default_rng(1).normal(0, 0.1, (200, 100))
    spread = [
        np.mean([len(set(np.rint(row / 100))) == 3 for row in start_means(X, 3, init=init,
                                                                         random_state=4)])
        for init in ("points", "k-means++")
    ]  # fmt: skip
    assert spread[0] < 0.2 < 0.9 < spread[1]


def test_statistic_is_unmoved_by_shift_and_scale():
    X = np.random.default_rng(7).normal(size=(5, 80))
    plain = lrt_rows(X, random_state=1, floor=0.01)
    moved = lrt_rows(1e3 + 1e-3 * X, random_state=1, floor=0.01)
    np.testing.assert_allclose(plain, moved, atol=1e-4)


def test_bootstrap_finds_two_humps_and_keeps_quiet_on_one():
    found = bootstrap_lrt(two_humps()[0], n_bootstrap=39, random_state=1)
    assert found.p_value == pytest.approx(1 / 40)
    assert found.statistic > found.null.max()
    rng = np.random.default_rng(11)
    nulls = [bootstrap_lrt(rng.normal(size=60), n_bootstrap=19, n_starts=2, random_state=rng)
             for _ in range(40)]  # fmt: skip
    rejected = sum(test.p_value <= 0.05 for test in nulls)
    # Binomial(40, 0.05) exceeds 7 in fewer than one of a thousand draws.
    assert rejected <= 7


def test_optima_are_grouped_by_height():
    heights, counts = count_optima([3.0, 1.0, 2.9999, 1.00001, 3.0], tol=1e-3)
    np.testing.assert_allclose(heights, [3.0, 1.00001])
    np.testing.assert_array_equal(counts, [3, 2])


def test_labels_are_aligned_by_the_nearest_permutation():
    means = np.array([[9.0, 1.2, 5.0], [1.0, 5.5, 9.1]])
    order = align_labels(means, np.array([1.0, 5.0, 9.0]))
    np.testing.assert_array_equal(order, [[1, 2, 0], [0, 1, 2]])


GOOD = np.arange(10.0)
ONE = np.ones((1, 1))
BAD = [
    (lambda: fit_rows([["a", "b"]], 1), "X"),
    (lambda: fit_rows(np.zeros((2, 2, 2)), 1), "X"),
    (lambda: fit_rows([1.0], 1), "X"),
    (lambda: fit_rows([1.0, np.nan], 1), "X"),
    (lambda: fit_rows([1.0, np.inf], 1), "X"),
    (lambda: fit_rows(np.ones(5), 2), "X"),
    (lambda: fit_rows(GOOD, 0), "n_components"),
    (lambda: fit_rows(GOOD, 11), "n_components"),
    (lambda: fit_rows(GOOD, 2.0), "n_components"),
    (lambda: fit_rows(GOOD, True), "n_components"),
    (lambda: fit_rows(GOOD, 2, n_starts=0), "n_starts"),
    (lambda: fit_rows(GOOD, 2, init="best"), "init"),
    (lambda: fit_rows(GOOD, 2, floor=-1), "floor"),
    (lambda: fit_rows(GOOD, 2, tol=np.nan), "tol"),
    (lambda: fit_rows(GOOD, 2, max_iter=0), "max_iter"),
    (lambda: fit_rows(GOOD, 2, dof=1.0), "dof"),
    (lambda: fit_rows(GOOD, 2, dof=-1.0, scale=1.0), "dof"),
    (lambda: fit_rows(GOOD, 2, dof=1.0, scale=-1.0), "scale"),
    (lambda: em_rows(GOOD, np.ones(1), ONE, ONE), "weights"),
    (lambda: em_rows(GOOD, 2 * ONE, ONE, ONE), "weights"),
    (lambda: em_rows(GOOD, ONE, ONE * np.nan, ONE), "means"),
    (lambda: em_rows(GOOD, ONE, ONE, 0 * ONE), "sds"),
    (lambda: em_rows(GOOD, ONE, ONE, np.ones((1, 2))), "sds"),
    (lambda: em_rows(np.vstack([GOOD, GOOD]), ONE, ONE, ONE), "X"),
    (lambda: row_posteriors(np.vstack([GOOD] * 3), fit_rows(np.vstack([GOOD] * 2), 1)), "X"),
    (lambda: bootstrap_lrt(np.vstack([GOOD, GOOD])), "x"),
    (lambda: bootstrap_lrt(GOOD, 0), "n_components"),
    (lambda: bootstrap_lrt(GOOD, n_bootstrap=0), "n_bootstrap"),
    (lambda: count_optima([[1.0]]), "log_likelihoods"),
    (lambda: count_optima([]), "log_likelihoods"),
    (lambda: count_optima([np.nan]), "log_likelihoods"),
    (lambda: count_optima([1.0], tol=-1), "tol"),
    (lambda: align_labels(np.ones((2, 3)), np.ones(2)), "means"),
    (lambda: align_labels(np.ones(3), np.ones(3)), "means"),
    (lambda: align_labels(np.full((1, 2), np.nan), np.ones(2)), "means"),
]


@pytest.mark.parametrize(("call", "name"), BAD)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name}: got"):
        call()
