"""Gene tests: closed forms, invariances, simulated nulls, and refusals."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, cauchy, chi2, kstest, norm, ttest_ind

from gitools.association import (
    acat,
    draw_null,
    effective_tests,
    gene_scan,
    gene_test,
    monte_carlo_p,
    weighted_chi2_sf,
)
from gitools.book.studies import genes as studies
from gitools.shrinkage import elastic_net_rss, ridge_rss

METHODS = ("squares", "smallest", "burden", "acat")
N = 4000


def ar1(p, correlation=0.8):
    return correlation ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


def ridge(beta, R, n):
    return ridge_rss(beta, R, n, 0.01)


def lasso(beta, R, n):
    return elastic_net_rss(beta, R, n, np.sqrt(1.5 / n))


def test_without_ld_a_chi_square():
    beta = np.array([0.03, -0.01, 0.02])
    test = gene_test(beta, np.eye(3), N)
    assert test.statistic == pytest.approx(N * (beta @ beta))
    assert test.p == pytest.approx(chi2.sf(test.statistic, 3))
    assert test.null is None


@pytest.mark.parametrize("method", METHODS)
def test_copies_of_one_variant_are_one_test(method):
    beta = np.full(6, 0.05)
    p = gene_test(beta, np.ones((6, 6)), N, method=method).p
    assert p == pytest.approx(2 * norm.sf(0.05 * np.sqrt(N)), rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_counting_the_other_allele(method):
    """Nothing but the burden depends on which allele was counted."""
    rng = np.random.default_rng(1)
    R, beta = ar1(8), rng.normal(0, 0.03, 8)
    signs = np.array([1, -1, 1, 1, -1, 1, 1, 1])
    p = gene_test(beta, R, N, method=method).p
    recoded = gene_test(signs * beta, signs * R * signs[:, None], N, method=method).p
    assert (recoded == pytest.approx(p, rel=1e-9)) == (method != "burden")


def test_burden_by_hand():
    R, beta = ar1(4), np.array([0.02, 0.03, 0.0, 0.01])
    score = np.sqrt(N) * beta.sum() / np.sqrt(R.sum())
    assert gene_test(beta, R, N, method="burden").p == pytest.approx(2 * norm.sf(score))


@pytest.mark.parametrize("method", METHODS)
def test_the_simulated_null_is_calibrated(method):
    """P-values of null data are uniform by simulation; by formula for squares and burden."""
    R = ar1(10)
    z = draw_null(R, 2000, random_state=2)
    null = gene_test(z[0] / np.sqrt(N), R, N, method=method, n_null=3999, random_state=3).null
    statistics = [gene_test(row / np.sqrt(N), R, N, method=method) for row in z]
    p = [monte_carlo_p(one.statistic, null) for one in statistics]
    assert kstest(p, "uniform").pvalue > 1e-3
    if method in ("squares", "burden"):
        assert kstest([one.p for one in statistics], "uniform").pvalue > 1e-3


def test_ignoring_ld_rejects_too_often():
    R = ar1(20, 0.9)
    z = draw_null(R, 2000, random_state=4)
    naive = chi2.sf((z**2).sum(axis=1), 20) < 0.01
    exact = weighted_chi2_sf((z**2).sum(axis=1), np.linalg.eigvalsh(R)) < 0.01
    assert binomtest(int(naive.sum()), 2000, 0.01).pvalue < 1e-6
    assert binomtest(int(exact.sum()), 2000, 0.01).pvalue > 1e-3


def test_ridge_has_a_null_in_closed_form():
    """A linear shrinker leaves a quadratic form: eigenvalues lambda / (n (lambda + ratio)^2)."""
    R = ar1(12)
    beta = draw_null(R, 1, random_state=5)[0] / np.sqrt(N) * 1.8
    test = gene_test(beta, R, N, shrink=ridge, n_null=3999, random_state=6)
    values = np.linalg.eigvalsh(R)
    weights = values / N / (values + 12 * 0.99 / (N * 0.01)) ** 2
    exact = weighted_chi2_sf(test.statistic, weights)
    assert 0.001 < exact < 0.5
    assert abs(test.p - exact) < 4 * np.sqrt(exact / 3999)
    assert kstest(weighted_chi2_sf(test.null, weights), "uniform").pvalue > 1e-3


def test_the_tail_of_a_simulated_null():
    """Where counting ends at 1 / (n + 1), the fitted tail is right within a factor of three."""
    R = ar1(12)
    exact = weighted_chi2_sf(120.0, np.linalg.eigvalsh(R))
    assert exact < 2e-5
    for seed in range(5):
        null = (draw_null(R, 20_000, random_state=[7, seed]) ** 2).sum(axis=1)
        assert 1 / 3 < monte_carlo_p(120.0, null, tail=True) / exact < 3
    assert monte_carlo_p(120.0, null[:5000]) == 1 / 5001


def test_a_tail_of_zeros_is_counted():
    assert monte_carlo_p(1.0, np.zeros(999), tail=True) == 1 / 1000
    assert monte_carlo_p(0.0, np.zeros(999), tail=True) == 1


def test_shrinking_sees_the_block_and_sums_over_the_gene():
    R = ar1(9)
    beta = draw_null(R, 1, random_state=8)[0] / np.sqrt(N)
    members = np.array([3, 4, 5])
    test = gene_test(beta, R, N, members=members, shrink=ridge, n_null=99, random_state=9)
    effects = ridge(beta, R, N)
    assert test.statistic == pytest.approx(np.sum(effects[members] ** 2))
    draws = draw_null(R, 99, random_state=9) / np.sqrt(N)
    expected = [np.sum(ridge(draw, R, N)[members] ** 2) for draw in draws]
    np.testing.assert_allclose(test.null, expected)
    mask = np.isin(np.arange(9), members)
    masked = gene_test(beta, R, N, members=mask, shrink=ridge, n_null=99, random_state=9)
    assert masked.p == test.p


def test_shrunken_effects_that_are_zero_give_no_evidence():
    R = ar1(5)
    test = gene_test(np.full(5, 1e-4), R, N, shrink=lasso, random_state=10)
    assert test.statistic == 0
    assert test.p == 1
    assert len(test.null) == 999


def test_a_scan_equals_one_by_one():
    rng = np.random.default_rng(11)
    R = ar1(30)
    beta = draw_null(R, 40, random_state=12) / np.sqrt(N) + rng.normal(0, 0.01, (40, 30))
    genes = [np.arange(10), np.arange(8, 21), np.array([25]), np.arange(21, 30)]
    for traits in (slice(0, 2), slice(0, 40)):
        scan = gene_scan(beta[traits], R, N, genes)
        for row, p, statistic in zip(beta[traits], scan.p, scan.statistic, strict=True):
            alone = [gene_test(row[g], R[np.ix_(g, g)], N) for g in genes]
            np.testing.assert_allclose(p, [one.p for one in alone], rtol=1e-10)
            np.testing.assert_allclose(statistic, [one.statistic for one in alone])
    one = gene_scan(beta[0], R, N, genes)
    assert one.p.shape == one.statistic.shape == (4,)
    np.testing.assert_allclose(one.p, scan.p[0], rtol=1e-10)
    np.testing.assert_array_equal(one.n_variants, [10, 13, 1, 9])


def test_rank_deficient_ld():
    """Fewer people than variants: rounding leaves eigenvalues of either sign."""
    X = np.random.default_rng(13).standard_normal((12, 30))
    R = np.corrcoef(X, rowvar=False)
    beta = draw_null(R, 1, random_state=14)[0] / np.sqrt(N)
    for method in METHODS:
        assert 0 < gene_test(beta, R, N, method=method).p < 1


def test_acat():
    assert acat([0.01, 0.01, 0.01]) == pytest.approx(0.01)
    assert acat(0.2) == 0.2
    # One tiny p-value among m counts m-fold.
    assert acat([1e-30, 0.5, 0.7, 0.9]) == pytest.approx(4e-30, rel=1e-6)
    assert acat([0.0, 0.4]) == 0
    assert acat([1.0, 0.01]) == pytest.approx(0.02, rel=1e-2)
    p = np.random.default_rng(15).random((20_000, 5))
    assert kstest(acat(p), "uniform").pvalue > 1e-3
    np.testing.assert_allclose(acat(p.T, axis=0), acat(p))
    assert acat([0.3, 0.001], weights=[1, 3]) == pytest.approx(
        cauchy.sf(0.25 / np.tan(0.3 * np.pi) + 0.75 / np.tan(0.001 * np.pi))
    )


def test_effective_tests():
    assert effective_tests(np.eye(7)) == pytest.approx(7)
    assert effective_tests(np.ones((7, 7))) == pytest.approx(1)
    pairs = np.kron(np.eye(3), np.ones((2, 2)))
    assert effective_tests(pairs) == pytest.approx(3)
    assert 1 < effective_tests(ar1(20)) < 20


def test_same_seed_same_null():
    R, beta = ar1(5), np.full(5, 0.02)
    first = gene_test(beta, R, N, method="acat", n_null=50, random_state=1)
    second = gene_test(beta, R, N, method="acat", n_null=50, random_state=1)
    np.testing.assert_array_equal(first.null, second.null)


def test_effects_far_out():
    """P-values near the smallest double, none of them NaN."""
    R, beta = ar1(5), np.full(5, 0.9)
    for method in METHODS:
        p = gene_test(beta, R, N, method=method).p
        assert 0 <= p < 1e-300


GOOD = {"beta": np.full(3, 0.01), "R": ar1(3), "n": N}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"beta": np.ones((2, 3))}, "beta: got shape"),
        ({"beta": [0.1, np.nan, 0]}, "beta: got NaN"),
        ({"beta": ["a", "b", "c"]}, "beta: got list"),
        ({"R": ar1(4)}, "R: got shape"),
        ({"R": 2 * ar1(3)}, "R: got 2 on the diagonal"),
        ({"R": np.triu(ar1(3))}, "R: got an asymmetry"),
        ({"R": 2 * np.eye(3) - 1 + 0.0}, "R: got smallest eigenvalue"),
        ({"n": 1}, "n: got 1"),
        ({"n": np.nan}, "n: got nan"),
        ({"method": "sum"}, "method: got 'sum'"),
        ({"members": [0, 3]}, "members: expected"),
        ({"members": [0, 0]}, "members: got an index twice"),
        ({"members": np.zeros(3, dtype=bool)}, "members: expected"),
        ({"shrink": 3}, "shrink: got 3"),
        ({"shrink": ridge, "method": "burden"}, "shrink: got one with method 'burden'"),
        ({"shrink": lambda beta, R, n: beta[:1]}, "shrink: returned shape"),
        ({"shrink": lambda beta, R, n: beta * np.nan}, "shrink: returned shape"),
        ({"n_null": 0}, "n_null: got 0"),
        ({"tail": True}, "n_null: got None"),
        ({"n_null": 99, "tail": True}, "n_null: got 99"),
    ],
)
def test_bad_input_is_named(change, says):
    with pytest.raises(ValueError, match=f"^{says}"):
        gene_test(**(GOOD | change))


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^R: got variants whose sum does not vary"):
        gene_test([0.1, 0.1], [[1, -1], [-1, 1]], N, method="burden")
    with pytest.raises(ValueError, match=r"^genes: got none"):
        gene_scan(GOOD["beta"], GOOD["R"], N, [])
    with pytest.raises(ValueError, match=r"^genes\[1\]: expected"):
        gene_scan(GOOD["beta"], GOOD["R"], N, [[0], [3]])
    with pytest.raises(ValueError, match=r"^beta: got shape"):
        gene_scan(np.ones((2, 2, 2)), GOOD["R"], N, [[0]])
    with pytest.raises(ValueError, match=r"^p: expected"):
        acat([0.1, 1.2])
    with pytest.raises(ValueError, match=r"^weights: expected 2"):
        acat([0.1, 0.2], weights=[1, -1])
    with pytest.raises(ValueError, match=r"^null: got shape"):
        monte_carlo_p(1.0, [])
    with pytest.raises(ValueError, match=r"^null: got 100 draws"):
        monte_carlo_p(1.0, np.zeros(100), tail=True)
    with pytest.raises(ValueError, match=r"^n_draws: got 1.5"):
        draw_null(np.eye(2), 1.5)
    with pytest.raises(ValueError, match=r"^R: got shape"):
        effective_tests(np.ones(3))


def benchmark(name):
    """A script of benchmarks/, as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_benchmark_of_p_values_runs():
    rows = {row["method"]: row for row in benchmark("gene_p_values").main(["--quick"])}
    assert float(rows["saddlepoint contour"]["error_to_1e-12"]) < 1e-6
    assert float(rows["Davies, default"]["error_to_1e-12"]) > 0.5


def test_the_study_of_power_runs():
    """The likelihood ratio has mean 1 under the null, and no test beats it but by chance."""
    study = benchmark("gene_power")
    table = study.main(["--quick"])
    assert set(table.architecture) == set(study.ARCHITECTURES)
    found = table.set_index(["architecture", "test"]).rejections
    for name in study.ARCHITECTURES:
        assert found[name].max() <= found[name, "ceiling"] + 6
    study.SIZE = 2.0
    R = ar1(12, 0.6)
    z = draw_null(R, 20_000, random_state=20)
    for name in study.ARCHITECTURES[:3]:
        ratio = study.likelihood_ratio(name, z, R)
        assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(20_000)


def test_the_study_of_shrunken_effects_runs():
    table = benchmark("gene_shrunken").main(["--quick"])
    null = table[(table.study == "no effect") & (table.null == "simulated")]
    sums = null.groupby("level")[["rejections", "tests"]].sum()
    assert binomtest(int(sums.rejections[0.05]), int(sums.tests[0.05]), 0.05).pvalue > 1e-4
    assert set(table[table.study == "neighbour"].shrinker) == {"squares", "gene alone", "block"}


def test_overlap_by_counting():
    called = np.array([1, 1, 0, 0, 0, 1], dtype=bool)
    # Two of three members are called; of 20 possible sets 9 have two, one has three.
    assert studies.overlap_p(called, np.array([0, 1, 2])) == pytest.approx(10 / 20)
    assert studies.overlap_p(called, np.array([2, 3, 4])) == 1


def test_competitive_regression_as_a_t_test():
    p = np.random.default_rng(21).random(200)
    members = np.arange(40)
    score = norm.isf(p)
    t_test = ttest_ind(score[:40], score[40:], alternative="greater").pvalue
    assert studies.competitive_p(p, members) == pytest.approx(t_test)
    size = np.random.default_rng(22).random(200)
    scored = norm.sf(score + 3 * (np.arange(200) < 40) + 10 * size)
    assert studies.competitive_p(scored, members, size[:, None]) < 1e-10
    shifted = norm.sf(score + 10 * size)
    with_size = studies.competitive_p(shifted, members, size[:, None])
    assert with_size == pytest.approx(studies.competitive_p(p, members, size[:, None]))


def test_null_traits_and_their_tests():
    rng = np.random.default_rng(23)
    dosages = rng.binomial(2, 0.4, (300, 12))
    z = studies.null_traits(dosages, 400, random_state=1)
    assert z.shape == (400, 12)
    assert abs(z.std() - 1) < 0.05
    genes = [np.arange(5), np.arange(5, 12)]
    ld = [np.corrcoef(dosages[:, gene], rowvar=False) for gene in genes]
    found = studies.study_null_tests(z, genes, ld)
    for name, p in found.items():
        assert p.shape == (400, 2)
        assert (p > 0).all()
        low, high = (0.02, 0.09) if "Bonferroni" not in name else (0.0, 0.09)
        rate, *interval = studies.rates_with_intervals(p, 0.05, random_state=2)
        assert low < rate < high
        assert interval[0] <= rate <= interval[1]
    beta = z[0, genes[0]] / np.sqrt(300)
    for name, method in (("squares", "squares"), ("ACAT", "acat"), ("burden", "burden")):
        alone = gene_test(beta, ld[0], 300, method=method).p
        assert found[name][0, 0] == pytest.approx(alone)
    sidak = gene_test(beta, ld[0], 300, method="smallest").p
    assert found["smallest p, Li and Ji"][0, 0] == pytest.approx(sidak)


def test_pathways_without_and_with_something_to_find():
    spectra = [np.linalg.eigvalsh(ar1(size, 0.7)) for size in range(2, 42)] * 5
    quiet = studies.study_pathways(spectra, 0.0, 20, 5, set_size=20, random_state=3)
    assert set(quiet.overlap) == {"random", "large", "planted"}
    assert quiet.with_size["large"].shape == (100,)
    assert 0.3 < np.median(quiet.regression["random"]) < 0.7
    loud = studies.study_pathways(spectra, 0.05, 20, 5, set_size=20, factor=20.0, random_state=3)
    assert np.median(loud.with_size["planted"]) < 0.01
