"""The mixed model against dense likelihoods, and what it must not depend on."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit

import gitools.association.mixed_model as module
from gitools.association import (
    gblup,
    kinship,
    log10_p,
    marginal_regression,
    mixed_model_scan,
    reml,
)


def two_populations(n, p, rng):
    """Dosages of people from two populations that have drifted apart."""
    f = rng.uniform(0.1, 0.5, p) + rng.normal(0, 0.1, (2, p))
    f = np.clip(f, 0.05, 0.95)
    return rng.binomial(2, np.repeat(f, [n // 2, n - n // 2], axis=0)).astype(np.int8)


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(1)
    X = two_populations(120, 150, rng)
    y = X[:, :20] @ rng.normal(0, 0.4, 20) + rng.normal(size=120)
    return X, y, kinship(X), rng.normal(size=(120, 2))


class Dense:
    """The restricted likelihood by its definition: n by n matrices, one ratio at a time."""

    def __init__(self, y, K, Z):
        self.y, self.K, self.Z = y, K, Z
        self.nu = len(y) - Z.shape[1]

    def parts(self, h):
        V = h * self.K + (1 - h) * np.eye(len(self.y))
        inverse = np.linalg.inv(V)
        A = self.Z.T @ inverse @ self.Z
        b = np.linalg.solve(A, self.Z.T @ inverse @ self.y)
        residual = self.y - self.Z @ b
        return V, inverse, A, b, residual @ inverse @ residual

    def log_likelihood(self, h):
        V, _, A, _, rss = self.parts(h)
        constant = self.nu * (np.log(2 * np.pi / self.nu) + 1)
        logs = [np.linalg.slogdet(M)[1] for M in (V, A, self.Z.T @ self.Z)]
        return -0.5 * (constant + self.nu * np.log(rss) + logs[0] + logs[1] - logs[2])

    def score(self, h):
        """Derivative in h, from the projection matrix."""
        _, inverse, A, _, rss = self.parts(h)
        P = inverse - inverse @ self.Z @ np.linalg.solve(A, self.Z.T @ inverse)
        dV = self.K - np.eye(len(self.y))
        Py = P @ self.y
        return 0.5 * (self.nu * (Py @ dV @ Py) / rss - np.trace(P @ dV))

    def best(self):
        grid = expit(np.linspace(-11.5, 11.5, 47))
        k = int(np.argmax([self.log_likelihood(h) for h in grid]))
        if k == 0 and self.score(grid[0]) <= 0:
            return 0.0
        ends = logit(grid[[max(k - 1, 0), min(k + 1, 46)]])
        return expit(brentq(lambda t: self.score(expit(t)), *ends, xtol=1e-10, rtol=1e-14))

    def test(self):
        _, _, A, b, rss = self.parts(self.best())
        se = np.sqrt(rss / self.nu * np.linalg.inv(A)[-1, -1])
        return b[-1], se, log10_p(b[-1] / se, self.nu)


def with_intercept(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns])


def test_reml_maximises_the_dense_likelihood(study):
    _, y, K, C = study
    fit, dense = reml(y, K, C), Dense(y, K, with_intercept(C))
    h = dense.best()
    _, _, _, b, rss = dense.parts(h)
    assert 0.1 < h < 0.95
    assert fit.heritability == pytest.approx(h, rel=1e-8)
    assert fit.log_likelihood == pytest.approx(dense.log_likelihood(h), rel=1e-12)
    assert fit.coefficients == pytest.approx(b, rel=1e-8)
    assert fit.genetic_variance == pytest.approx(h * rss / dense.nu, rel=1e-8)
    assert fit.noise_variance == pytest.approx((1 - h) * rss / dense.nu, rel=1e-8)


@pytest.mark.parametrize("with_covariates", [False, True])
def test_every_variant_is_maximised_anew(study, with_covariates):
    X, y, K, C = study
    C = C if with_covariates else None
    scan = mixed_model_scan(X, y, K, C)
    for j in range(0, 150, 10):
        columns = [X[:, j]] if C is None else [C, X[:, j]]
        beta, se, log_p = Dense(y, K, with_intercept(*columns)).test()
        assert scan.beta[j] == pytest.approx(beta, rel=1e-7)
        assert scan.se[j] == pytest.approx(se, rel=1e-7)
        assert scan.log10_p[j] == pytest.approx(log_p, rel=1e-6)
    assert np.ptp(scan.heritability) > 0.01


def test_ratios_at_the_edge_are_found_too(study):
    X, _, K, _ = study
    noise = np.random.default_rng(4).normal(size=120)
    scan = mixed_model_scan(X[:, :20], noise, K)
    wanted = [Dense(noise, K, with_intercept(X[:, j])).best() for j in range(20)]
    assert scan.heritability == pytest.approx(wanted, abs=1e-7)
    assert np.any(scan.heritability == 0)


def test_a_second_hump_inside_a_cell_is_climbed(study, monkeypatch):
    X, y, K, _ = study
    plain = mixed_model_scan(X[:, :10], y, K)
    true_climb = module._climb

    def lost(t, low, high, curvature, slope, active):
        true_climb(t, low, high, curvature, slope, active)
        t[:] = -11.0

    monkeypatch.setattr(module, "_climb", lost)
    mended = mixed_model_scan(X[:, :10], y, K)
    assert mended.heritability == pytest.approx(plain.heritability, abs=1e-6)


def test_approximate_scan_is_least_squares_under_the_null_ratio(study):
    X, y, K, C = study
    scan, null = mixed_model_scan(X, y, K, C, exact=False), reml(y, K, C)
    assert np.all(scan.heritability == null.heritability)
    V = null.heritability * K + (1 - null.heritability) * np.eye(120)
    L = np.linalg.inv(np.linalg.cholesky(V))
    for j in (0, 7, 90):
        Z, u = L @ with_intercept(C, X[:, j]), L @ y
        b, rss = np.linalg.lstsq(Z, u)[:2]
        se = np.sqrt(rss[0] / (120 - 4) * np.linalg.inv(Z.T @ Z)[-1, -1])
        assert (scan.beta[j], scan.se[j]) == pytest.approx((b[-1], se), rel=1e-8)


def test_without_kinship_it_is_plain_regression(study):
    X, y, _, C = study
    scan, plain = mixed_model_scan(X, y, np.eye(120), C), marginal_regression(X, y, C)
    assert scan.beta == pytest.approx(plain.beta, rel=1e-8)
    assert 10**scan.log10_p == pytest.approx(plain.p, rel=1e-8)
    assert scan.df == 120 - 4


def test_units_order_and_reference_allele_do_not_matter(study):
    X, y, K, C = study
    scan, order = mixed_model_scan(X, y, K, C), np.random.default_rng(2).permutation(120)
    moved = mixed_model_scan(2.0 - X[order], 5 + 3 * y[order], K[np.ix_(order, order)], C[order])
    assert moved.beta == pytest.approx(-3 * scan.beta, rel=1e-6, abs=1e-9)
    assert moved.log10_p == pytest.approx(scan.log10_p, rel=1e-6)
    other = mixed_model_scan(X, y + C @ [4.0, -2.0], K, C @ [[1, 2], [0, 1]] + 7)
    assert other.log10_p == pytest.approx(scan.log10_p, rel=1e-6)


def test_chunks_do_not_matter(study, monkeypatch):
    X, y, K, _ = study
    whole, K_whole = mixed_model_scan(X, y, K), kinship(X)
    monkeypatch.setattr(module, "_CHUNK_ENTRIES", 120 * 7)
    assert mixed_model_scan(X, y, K).log10_p == pytest.approx(whole.log10_p, rel=1e-9)
    assert kinship(X) == pytest.approx(K_whole, abs=1e-12)


def test_missing_phenotypes_are_left_out_and_counted(study):
    X, y, K, C = study
    gaps, kept = y.copy(), np.arange(10, 120)
    gaps[:10] = np.nan
    scan = mixed_model_scan(X, gaps, K, C)
    few = mixed_model_scan(X[kept], y[kept], K[np.ix_(kept, kept)], C[kept])
    assert scan.log10_p == pytest.approx(few.log10_p, rel=1e-9)
    assert (scan.n_used, scan.n_dropped) == (110, 10)
    inside = reml(y[kept], K[np.ix_(kept, kept)], C[kept])
    assert reml(gaps, K, C).coefficients == pytest.approx(inside.coefficients, rel=1e-7)


def test_variants_without_variation_carry_no_evidence(study):
    X, y, K, C = study
    X, dead = X.astype(float), np.arange(3, 24)
    X[:, 3], X[:, 4:24] = 1, C @ np.random.default_rng(7).normal(size=(2, 20)) - 1
    scan = mixed_model_scan(X, y, K, C)
    assert np.all(scan.beta[dead] == 0)
    assert np.all(np.isinf(scan.se[dead]))
    assert np.all(scan.log10_p[dead] == 0)
    assert np.all(np.isfinite(scan.se[24:]))


def test_a_variant_that_is_the_trait_has_a_tiny_p(study):
    X, y, K, _ = study
    scan = mixed_model_scan(np.column_stack([y, X[:, 0]]), y, K)
    assert scan.beta[0] == pytest.approx(1)
    assert scan.log10_p[0] < -300


def test_null_tests_are_nominal_within_populations():
    rng, rates = np.random.default_rng(3), []
    for _ in range(25):
        X = two_populations(150, 200, rng)
        K = kinship(X)
        genetic = np.linalg.cholesky(K + 1e-8 * np.eye(150)) @ rng.normal(size=150)
        scan = mixed_model_scan(two_populations(150, 100, rng), genetic + rng.normal(size=150), K)
        rates.append(np.mean(scan.log10_p < np.log10(0.05)))
    error = np.std(rates, ddof=1) / np.sqrt(25)
    assert abs(np.mean(rates) - 0.05) < 4 * error
    assert error < 0.008


def test_reml_recovers_heritability():
    rng, found = np.random.default_rng(5), []
    X = two_populations(400, 300, rng)
    K = kinship(X)
    root = np.linalg.cholesky(K + 1e-8 * np.eye(400))
    for _ in range(12):
        y = np.sqrt(0.6) * root @ rng.normal(size=400) + np.sqrt(0.4) * rng.normal(size=400)
        found.append(reml(y, K).heritability)
    assert abs(np.mean(found) - 0.6) < 4 * np.std(found, ddof=1) / np.sqrt(12)


def test_kinship_is_a_mean_of_standardised_products():
    X = two_populations(50, 80, np.random.default_rng(6))
    X[:, 0] = 1
    X[:, 1], X[0, 1] = 0, 1
    Z = X[:, 1:].astype(float)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    K = kinship(X)
    assert pytest.approx(Z @ Z.T / 79) == K
    assert np.trace(K) == pytest.approx(50)
    common = Z[:, 1:][:, np.minimum(X.mean(axis=0) / 2, 1 - X.mean(axis=0) / 2)[2:] >= 0.1]
    assert kinship(X, 0.1) == pytest.approx(common @ common.T / common.shape[1])
    lines = np.where(X > 0, 2, 0)
    assert kinship(X > 0, 0.1) == pytest.approx(kinship(lines, 0.1))
    assert kinship(lines, 0.1, ploidy=4) != pytest.approx(kinship(lines, 0.1))


def test_gblup_is_the_mean_given_the_training_data(study):
    _, y, K, C = study
    train, test = np.arange(90), np.arange(90, 120)
    fit = reml(y[train], K[:90, :90], C[train])
    V = fit.genetic_variance * K[:90, :90] + fit.noise_variance * np.eye(90)
    a = fit.coefficients
    residual = y[train] - with_intercept(C[train]) @ a
    wanted = with_intercept(C[test]) @ a
    wanted = wanted + fit.genetic_variance * K[90:, :90] @ np.linalg.solve(V, residual)
    hidden = np.where(np.arange(120) < 90, y, 1e9)
    assert gblup(K, hidden, train, test, C)[:, 0] == pytest.approx(wanted, rel=1e-7)
    assert gblup(K, hidden, np.arange(120) < 90, np.arange(120) >= 90, C)[:, 0] == pytest.approx(
        wanted, rel=1e-7
    )


def test_gblup_drops_missing_values_trait_by_trait(study):
    X, y, K, _ = study
    Y = np.column_stack([y, y, X[:, 3] + y])
    Y[:20, 1] = np.nan
    train, test = np.arange(90), np.arange(90, 120)
    together = gblup(K, Y, train, test)
    assert together.shape == (30, 3)
    for t in range(3):
        rows = train[~np.isnan(Y[train, t])]
        assert together[:, t] == pytest.approx(gblup(K, Y[:, t], rows, test)[:, 0], rel=1e-7)


def bad_calls(X, y, K, C):
    """Name of the argument that is wrong, and a call."""
    asymmetric, negative = K.copy(), K - 0.5 * np.eye(120)
    asymmetric[0, 1] += 1
    holes, gaps = X.astype(float), np.full(120, np.nan)
    holes[3, 5] = np.nan
    train, test = np.arange(90), np.arange(90, 120)
    return {
        "no covariance": ("K", lambda: mixed_model_scan(X, y, negative)),
        "no covariance, reml": ("K", lambda: reml(y, negative)),
        "asymmetric": ("K", lambda: reml(y, asymmetric)),
        "zeros": ("K", lambda: reml(y, 0 * K)),
        "NaN in K": ("K", lambda: reml(y, np.where(K > 1, np.nan, K))),
        "other people": ("K", lambda: mixed_model_scan(X, y, K[:50, :50])),
        "constant trait": ("y", lambda: mixed_model_scan(X, np.ones(120), K)),
        "constant trait, reml": ("y", lambda: reml(np.ones(120), K)),
        "constant trait, gblup": ("y", lambda: gblup(K, np.ones(120), train, test)),
        "no phenotype": ("y", lambda: mixed_model_scan(X, gaps, K)),
        "no phenotype, reml": ("y", lambda: reml(gaps, K)),
        "no phenotype, gblup": ("Y", lambda: gblup(K, gaps, train, test)),
        "infinite": ("y", lambda: reml(np.where(y > 1, np.inf, y), K)),
        "too few": ("y", lambda: mixed_model_scan(X, np.where(np.arange(120) < 2, y, np.nan), K)),
        "collinear": ("covariates", lambda: mixed_model_scan(X, y, K, np.ones(120))),
        "twice": ("covariates", lambda: reml(y, K, C[:, [0, 0]])),
        "short covariates": ("covariates", lambda: reml(y, K, C[:50])),
        "short, gblup": ("covariates", lambda: gblup(K, y, train, test, C[:50])),
        "trait in covariates": ("y", lambda: reml(C[:, 0], K, C)),
        "missing genotype": ("X", lambda: mixed_model_scan(holes, y, K)),
        "missing genotype, kinship": ("X", lambda: kinship(holes)),
        "text": ("X", lambda: kinship(np.full((3, 3), "a"))),
        "flat": ("X", lambda: kinship(np.ones((5, 5)))),
        "frequency": ("min_maf", lambda: kinship(X, 0.6)),
        "sizes": ("X", lambda: mixed_model_scan(X[:100], y, K)),
        "no training": ("train", lambda: gblup(K, y, train[:0], test)),
        "nobody": ("test", lambda: gblup(K, y, train, np.array([120]))),
        "fractions": ("test", lambda: gblup(K, y, train, np.array([0.5]))),
        "cube": ("Y", lambda: gblup(K, y[:, None, None], train, test)),
    }


@pytest.mark.parametrize("case", bad_calls(*[np.zeros((120, 120))] * 4))
def test_bad_input_is_named(study, case):
    name, call = bad_calls(*study)[case]
    with pytest.raises(ValueError, match=f"^{name}: got .*expected"):
        call()
