"""SuSiE: the model against exact enumeration, its invariants, bad input, the benchmark."""

import importlib.util
import warnings
from importlib import import_module
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage._credible_sets import find_credible_sets, smallest_set
from gitools.shrinkage._single_effect import best_prior_variance, log_bayes_factors, log_mean_exp
from gitools.shrinkage.susie import susie, susie_rss

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "susie.py"
FIXED = {"estimate_prior_variance": False, "estimate_residual_variance": False}


def locus(n=200, p=12, seed=0, correlation=0.6, effects=((3, 0.3), (8, -0.25))):
    """Dosages with LD that decays along the locus, and a trait."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n, p))
    for _ in range(2):
        latent = rng.standard_normal((n, p))
        for j in range(1, p):
            latent[:, j] *= np.sqrt(1 - correlation**2)
            latent[:, j] += correlation * latent[:, j - 1]
        X += latent < -0.3
    y = rng.standard_normal(n)
    for variant, size in effects:
        y += size * X[:, variant]
    return X, y


def standardised(X, y):
    return (X - X.mean(axis=0)) / X.std(axis=0, ddof=1), y - y.mean()


def enumerate_models(X, y, n_effects, variance, residual_variance, prior):
    """Log evidence and PIPs of the model of independent effects, over all p^L placements."""
    n, p = X.shape
    placements = np.array(list(product(range(p), repeat=n_effects)))
    log_joint = []
    for placement in placements:
        columns = X[:, placement]
        covariance = variance * columns @ columns.T + residual_variance * np.eye(n)
        log_joint.append(
            np.log(prior[placement]).sum() + multivariate_normal(np.zeros(n), covariance).logpdf(y)
        )
    evidence = logsumexp(log_joint)
    weights = np.exp(log_joint - evidence)
    pip = np.array([weights[(placements == j).any(axis=1)].sum() for j in range(p)])
    return evidence, pip


@pytest.mark.parametrize("equal", [True, False], ids=["equal prior", "unequal prior"])
def test_one_effect_is_exact(equal):
    """With L = 1 the posterior and the evidence are exact, and the ELBO is the log evidence."""
    X, y = locus(n=80, p=8, effects=((3, 0.4),))
    prior = np.ones(8) if equal else np.arange(1.0, 9)
    fit = susie(X, y, 1, prior_weights=prior, **FIXED)
    variance = y.var(ddof=1)
    evidence, pip = enumerate_models(
        *standardised(X, y), 1, 0.2 * variance, variance, prior / prior.sum()
    )
    assert fit.pip == pytest.approx(pip, abs=1e-10)
    assert fit.elbos[-1] == pytest.approx(evidence, abs=1e-9)


def test_two_effects_against_enumeration():
    """L = 2, all 8² placements: the ELBO is a bound, and the PIPs are near where LD is weak."""
    X, y = locus(n=80, p=8, correlation=0.2, effects=((2, 0.7), (6, -0.7)))
    fit = susie(X, y, 2, tol=1e-10, **FIXED)
    variance = y.var(ddof=1)
    evidence, pip = enumerate_models(
        *standardised(X, y), 2, 0.2 * variance, variance, np.full(8, 1 / 8)
    )
    # Two labellings of the same two effects are one to the bound: it is short by log 2.
    assert fit.elbos[-1] < evidence
    assert fit.elbos[-1] + np.log(2) == pytest.approx(evidence, abs=0.1)
    assert fit.pip == pytest.approx(pip, abs=0.03)
    assert set(np.argsort(-pip)[:2]) == {2, 6}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(15, 80),
    p=st.integers(1, 40),
    n_effects=st.integers(1, 6),
    estimated=st.tuples(st.booleans(), st.booleans()),
    standardize=st.booleans(),
    intercept=st.booleans(),
    log_scale=st.integers(-5, 5),
)
def test_elbo_never_falls(seed, n, p, n_effects, estimated, standardize, intercept, log_scale):
    rng = np.random.default_rng(seed)
    X, y = locus(n, p, seed, rng.uniform(0, 0.99), [(0, rng.normal()), (p // 2, rng.normal())])
    X[:, rng.integers(p)] = X[:, 0]
    X[:, -1] = rng.choice([X[:, -1], np.full(n, 0.1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = susie(
            X,
            (y + 3) * 10.0**log_scale,
            n_effects,
            estimate_prior_variance=estimated[0],
            estimate_residual_variance=estimated[1],
            standardize=standardize,
            intercept=intercept,
            prior_weights=rng.exponential(size=p),
            tol=1e-8,
            max_iter=50,
        )
    assert (np.diff(fit.elbos) >= -1e-9 * np.abs(fit.elbos[:-1]) - 1e-9).all()
    assert fit.alpha.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert ((fit.pip >= 0) & (fit.pip <= 1)).all()
    assert np.isfinite(fit.posterior_mean).all() and np.isfinite(fit.posterior_sd).all()
    assert fit.residual_variance > 0 and (fit.prior_variance >= 0).all()
    for one in fit.credible_sets:
        assert one.coverage >= 0.95 - 1e-12 and one.purity >= 0.5


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    p=st.integers(1, 60),
    strength=st.floats(0, 12),
    current=st.floats(1e-8, 1e3),
    equal=st.booleans(),
)
def test_prior_variance_has_the_highest_bayes_factor(seed, p, strength, current, equal):
    """On a fine grid over 30 decades no other prior variance does better."""
    rng = np.random.default_rng(seed)
    information = 500.0 if equal else rng.uniform(1, 2000, size=p)
    score = rng.standard_normal(p) * np.sqrt(information)
    score[0] += strength * np.sqrt(np.max(information))
    log_prior = np.log(rng.dirichlet(np.ones(p)))

    def height(variance):
        return log_mean_exp(log_bayes_factors(score, information, variance), log_prior)

    found = best_prior_variance(score, information, current, log_prior)
    highest = max(0.0, *height(np.logspace(-15, 15, 3001)[:, None]))
    assert height(found) >= highest - 1e-7
    assert height(found) >= height(current) - 1e-12


@pytest.mark.parametrize(
    ("strongest", "share", "ratio"),
    [(6.0, 1e-6, 33.1), (6.0, 1e-7, 19.58), (5.9, 1e-7, 0.69)],
)
def test_of_two_maxima_the_higher_is_found(strongest, share, ratio):
    """Many weak signals and an unlikely strong one: a small or a large V, best at V / s²."""
    score = np.array([1.3, strongest]) * np.sqrt(500)
    found = best_prior_variance(score, 500.0, 1e-12, np.log([1 - share, share]))
    assert found * 500 == pytest.approx(ratio, abs=0.05)


def test_a_constant_column_has_no_effect_at_all():
    """Though 0.1 has no exact mean."""
    X, y = locus()
    X[:, 5] = 0.1
    fit = susie(X, y)
    assert (fit.mu[:, 5] == 0).all() and fit.posterior_mean[5] == 0


@pytest.mark.parametrize("unit", [-5, 1e-7])
def test_changing_units_changes_the_units_alone(unit):
    X, y = locus()
    shift, scale = np.linspace(-4, 4, 12), np.logspace(-3, 3, 12)
    fit = susie(X, y, tol=1e-8)
    other = susie(shift + X * scale, unit * (y - 2), tol=1e-8)
    assert other.pip == pytest.approx(fit.pip, abs=1e-9)
    assert other.posterior_mean * scale == pytest.approx(unit * fit.posterior_mean, rel=1e-6)
    assert other.posterior_sd * scale == pytest.approx(abs(unit) * fit.posterior_sd, rel=1e-6)
    assert other.residual_variance == pytest.approx(unit**2 * fit.residual_variance)
    line = other.intercept + (shift + X * scale) @ other.posterior_mean
    assert line == pytest.approx(unit * (fit.intercept - 2 + X @ fit.posterior_mean), rel=1e-6)


def test_order_of_variants_does_not_matter():
    X, y = locus()
    order = np.random.default_rng(1).permutation(12)
    fit, other = susie(X, y, tol=1e-8), susie(X[:, order], y, tol=1e-8)
    assert other.pip == pytest.approx(fit.pip[order], abs=1e-8)


def test_posterior_moments_of_one_effect():
    X, y = locus(effects=((3, 0.3),))
    fit = susie(X, y, 1)
    sd = X.std(axis=0, ddof=1)
    mean = fit.alpha[0] * fit.mu[0]
    assert fit.posterior_mean == pytest.approx(mean / sd, rel=1e-12)
    variance = fit.alpha[0] * fit.mu2[0] - mean**2
    assert fit.posterior_sd == pytest.approx(np.sqrt(variance) / sd, rel=1e-9)


@pytest.mark.parametrize("largest_gram", [0, 5000], ids=["products with X", "Gram matrix"])
@pytest.mark.parametrize(("n", "p"), [(60, 40), (40, 60)])
def test_individual_data_equal_summary_data(n, p, largest_gram, monkeypatch):
    """Both ways of multiplying by X'X, against z scores with the sample's own LD."""
    monkeypatch.setattr(import_module("gitools.shrinkage.susie"), "_LARGEST_GRAM", largest_gram)
    X, y = locus(n, p, correlation=0.9, effects=((3, 1.0), (30, -1.0)))
    correlation = np.corrcoef(X.T, y)[-1, :-1]
    z = correlation * np.sqrt((n - 2) / (1 - correlation**2))
    fit = susie(X, y, tol=1e-10, max_iter=2000)
    summary = susie_rss(
        z, np.corrcoef(X.T), n, estimate_residual_variance=True, tol=1e-10, max_iter=2000
    )
    sd = y.std(ddof=1)
    assert fit.pip.max() > 0.5
    assert summary.pip == pytest.approx(fit.pip, abs=3e-9)
    assert summary.residual_variance * sd**2 == pytest.approx(fit.residual_variance, rel=1e-8)
    standardised_mean = fit.posterior_mean * X.std(axis=0, ddof=1) / sd
    assert summary.posterior_mean == pytest.approx(standardised_mean, abs=3e-9)
    assert summary.elbos == pytest.approx(fit.elbos + n * np.log(sd), abs=1e-6)


def test_without_intercept_the_raw_columns_are_used():
    X, y = locus(effects=((3, 0.6),))
    X, y = X - X.mean(axis=0), y - y.mean()
    with_intercept, without = susie(X, y), susie(X, y, intercept=False)
    assert without.pip == pytest.approx(with_intercept.pip, abs=1e-10)
    assert without.intercept == 0
    shifted = susie(X + 1, y, intercept=False)
    assert np.abs(shifted.pip - without.pip).max() > 1e-3


def test_the_prior_moves_the_posterior():
    X, y = locus(effects=((3, 0.5),))
    X[:, 4] = X[:, 3]
    prior = np.ones(12)
    prior[4] = 3
    fit = susie(X, y, 1, prior_weights=prior)
    assert fit.alpha[0, 4] == pytest.approx(3 * fit.alpha[0, 3], rel=1e-9)
    prior[3] = 0
    assert susie(X, y, prior_weights=prior).pip[3] == 0


def test_stopping_early_warns():
    X, y = locus()
    with pytest.warns(ConvergenceWarning, match="max_iter=1 "):
        fit = susie(X, y, max_iter=1)
    assert not fit.converged and fit.n_iter == len(fit.elbos) == 1


def test_smallest_set():
    alpha = np.array([0.1, 0.5, 0.0, 0.4])
    assert smallest_set(alpha, 0.85).tolist() == [1, 3]
    assert smallest_set(alpha, 0.95).tolist() == [0, 1, 3]
    assert smallest_set(alpha, 0.3).tolist() == [1]
    assert smallest_set(np.full(4, 0.25), 0.5).tolist() == [0, 1]


def test_credible_sets_are_pure_and_listed_once():
    R = np.array([[1, 0.9, 0.2, 0.6], [0.9, 1, 0.3, -0.4], [0.2, 0.3, 1, 0], [0.6, -0.4, 0, 1.0]])
    alpha = np.array(
        [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0.6, 0, 0.4, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    )
    active = np.array([True, True, True, True, False])

    def found(min_abs_corr):
        sets = find_credible_sets(
            alpha, active, lambda left, right: R[np.ix_(left, right)], 0.95, min_abs_corr
        )
        return [(one.effect, one.indices.tolist(), one.purity) for one in sets]

    pure = [(3, [2], 1.0), (0, [0, 1], 0.9)]
    assert found(0.5) == pure
    assert found(0.2) == [*pure, (2, [0, 2], 0.2)]
    alpha[0] = [0.5, 0.3, 0, 0.2]
    assert found(0.4)[-1] == (0, [0, 1, 3], 0.4)
    assert (0, [0, 1, 3], 0.4) not in found(0.5)


X, Y = locus(n=20, p=3, effects=())
R, Z = np.corrcoef(X.T), np.array([1.0, -2.0, 0.5])


def altered(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


SETTINGS = [
    ({"L": 0}, "L: got 0"),
    ({"L": 2.5}, "L: got 2.5"),
    ({"scaled_prior_variance": 0}, "scaled_prior_variance: got 0"),
    ({"scaled_prior_variance": np.nan}, "scaled_prior_variance: got nan"),
    ({"residual_variance": -1.0}, "residual_variance: got -1.0"),
    ({"residual_variance": "1"}, "residual_variance: got '1'"),
    ({"estimate_prior_variance": "no"}, "estimate_prior_variance: got 'no'"),
    ({"estimate_residual_variance": None}, "estimate_residual_variance: got None"),
    ({"prior_weights": [1, 1]}, "prior_weights: got 2 entries, expected 3"),
    ({"prior_weights": [1, -1, 1]}, "prior_weights: got a smallest value of -1"),
    ({"prior_weights": [0, 0, 0]}, "prior_weights: got a smallest value of 0"),
    ({"prior_weights": [1, np.nan, 1]}, "prior_weights: got nan"),
    ({"coverage": 1}, "coverage: got 1"),
    ({"coverage": 0.0}, "coverage: got 0.0"),
    ({"min_abs_corr": 1.5}, "min_abs_corr: got 1.5"),
    ({"tol": -1e-3}, "tol: got -0.001"),
    ({"max_iter": 0}, "max_iter: got 0"),
]
INDIVIDUAL = [
    ({"X": X[:, 0]}, "X: got shape"),
    ({"X": X[:, :0]}, "X: got shape"),
    ({"X": altered(X, (2, 1), np.nan)}, r"X: got nan at \[2, 1\]"),
    ({"X": [["a", "b"]]}, "X: got list, expected numbers"),
    ({"X": X[:1], "y": Y[:1]}, "X: got 1 row"),
    ({"y": Y[:-1]}, "y: got 19 entries, expected 20"),
    ({"y": altered(Y, 3, np.inf)}, r"y: got inf at \[3\]"),
    ({"y": np.full(20, 0.1)}, "y: got the constant 0.1"),
    ({"y": Y[:, None]}, "y: got shape"),
    ({"standardize": 1}, "standardize: got 1"),
    ({"intercept": "yes"}, "intercept: got 'yes'"),
]
SUMMARY = [
    ({"z": Z[:2]}, "R: got shape"),
    ({"z": altered(Z, 0, np.nan)}, "z: got nan"),
    ({"R": altered(R, (0, 1), 0.5)}, "R: got entries that differ"),
    ({"R": R * 2}, "R: got 2 at"),
    ({"R": altered(R, (0, 0), np.nan)}, "R: got nan"),
    ({"R": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]}, "R: got a smallest eigenvalue"),
    ({"n": 2}, "n: got 2, expected more than 2"),
    ({"n": np.inf}, "n: got inf"),
]


@pytest.mark.parametrize(("wrong", "message"), SETTINGS + INDIVIDUAL)
def test_bad_individual_data(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        susie(**({"X": X, "y": Y} | wrong))


@pytest.mark.parametrize(("wrong", "message"), SETTINGS + SUMMARY)
def test_bad_summary_data(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        susie_rss(**({"z": Z, "R": R, "n": 100} | wrong))


def test_contradicting_z_and_ld_have_no_residual_variance():
    with pytest.raises(ValueError, match=r"^R: got a residual sum of squares of -"):
        susie_rss(
            [20.0, -20.0, 0],
            [[1, 0.99, 0], [0.99, 1, 0], [0, 0, 1]],
            500,
            estimate_residual_variance=True,
        )


def _benchmark():
    specification = importlib.util.spec_from_file_location("benchmark_susie", SCRIPT)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    return benchmark


def test_quick_benchmark(capsys):
    """Where susieR is: an ELBO no lower, the same PIPs. Elsewhere the script says it is not."""
    benchmark = _benchmark()
    rows = benchmark.main(["--quick"])
    if not rows:
        assert "skipped, R with susieR is not here" in capsys.readouterr().out
        return
    assert [(row["n"], row["p"]) for row in rows] == list(benchmark.QUICK_SIZES)
    for row in rows:
        assert float(row["elbo_difference"]) > -1e-3
        assert float(row["largest_pip_difference"]) < 1e-2


def test_benchmark_without_r(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert _benchmark().main([]) == []
    assert "skipped, R with susieR is not here" in capsys.readouterr().out
