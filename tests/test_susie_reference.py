"""SuSiE and the LD diagnostics against susieR's outputs, at the tolerances stated with them.

The outputs are those of tests/reference/susie, of susieR 0.16.5 and 0.12.35.
"""

import json
import warnings
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gitools.shrinkage.ld_diagnostics import estimate_s_rss, kriging_rss
from gitools.shrinkage.susie import susie, susie_rss

HERE = Path(__file__).resolve().parent / "reference" / "susie"
# Real genotypes under a licence of their own: beside the project or not at all.
SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference" / "susie"
REAL = "N3finemapping_t1"
CASES = (
    "locus1",
    "locus2",
    "locus3",
    "duplicates",
    "monomorphic",
    "null",
    "strong",
    "p_gt_n",
    "tiny_p",
    "mismatch_pop",
    pytest.param(
        REAL,
        marks=pytest.mark.skipif(
            not (SHARED / f"{REAL}.npz").exists(),
            reason="the real N3 locus is not part of the project",
        ),
    ),
)
MISMATCHED = ("mismatch_pop", "mismatch_smallpanel")
VERSIONS = ("0.16.5", "0.12.35")
TIGHT = {"tol": 1e-10, "max_iter": 2000}
FIXED = {"estimate_prior_variance": False, "estimate_residual_variance": False}


@cache
def read(case):
    folder = SHARED if case == REAL else HERE
    arrays = dict(np.load(folder / f"{case}.npz"))
    text = json.loads((folder / f"{case}.json").read_text(encoding="utf-8"))
    if "G" in arrays:
        X = arrays["G"].astype(float)
    else:
        code = arrays["X_code"].astype(int)
        X = np.take_along_axis(arrays["X_levels"], code, axis=0)
    return SimpleNamespace(X=X, y=arrays["y"], z=arrays["z"], arrays=arrays, text=text)


def ld(X):
    """Correlations, zero for constant columns, as the reference has them."""
    centred = X - X.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(norms > 1e-9, norms, 1)
    R = scaled.T @ scaled
    np.fill_diagonal(R, 1)
    return R


@cache
def fitted(case, kind):
    """Our fit of a case, as the reference's fit of that name was called."""
    data = read(case)
    calls = {
        "ind_L1": lambda: susie(data.X, data.y, 1, **FIXED),
        "ind_fixed": lambda: susie(data.X, data.y, **FIXED, **TIGHT),
        "ind_tight": lambda: susie(data.X, data.y, **TIGHT),
        "ind_default": lambda: susie(data.X, data.y),
        "rss_tight": lambda: rss(data, **TIGHT),
        "rss_default": lambda: rss(data),
        "rss_estvar": lambda: rss(data, estimate_residual_variance=True, **TIGHT),
    }
    return calls[kind]()


def rss(data, **settings):
    return susie_rss(data.z, ld(data.X), len(data.y), **settings)


def reference(case, kind, version):
    data, name = read(case), f"susieR-{version}/{kind}"
    arrays = {
        key.removeprefix(name + "/"): value
        for key, value in data.arrays.items()
        if key.startswith(name + "/")
    }
    return SimpleNamespace(**(data.text["fits"][name] | arrays))


def same_sets(fit, expected):
    """Whether the credible sets are the reference's, up to variants of equal probability."""
    left = [one.indices for one in fit.credible_sets]
    right = [np.array(one) for one in (expected.cs or {}).values()]

    def alike(ours, theirs):
        return len(ours) == len(theirs) and np.allclose(
            np.sort(expected.pip[ours]), np.sort(expected.pip[theirs]), rtol=0, atol=1e-6
        )

    return len(left) == len(right) and all(
        any(alike(ours, theirs) for ours in left) for theirs in right
    )


def sorted_variances(values):
    return np.sort(np.atleast_1d(values))[::-1]


def check_elbos(fit):
    assert (np.diff(fit.elbos) >= -1e-6).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_one_effect_with_given_variances(case, version):
    fit, expected = fitted(case, "ind_L1"), reference(case, "ind_L1", version)
    assert fit.pip == pytest.approx(expected.pip, abs=1e-9)
    assert fit.elbos == pytest.approx(expected.elbo, abs=1e-3)
    if version == "0.16.5":
        assert fit.mu == pytest.approx(np.atleast_2d(expected.mu), abs=1e-9)
        # What the data say nothing of keeps its prior variance here, and has none there.
        varies = np.ptp(read(case).X, axis=0) > 0
        mu2 = np.atleast_2d(expected.mu2)[:, varies]
        assert fit.mu2[:, varies] == pytest.approx(mu2, abs=1e-9)
        assert fit.posterior_mean == pytest.approx(expected.coef_with_intercept[1:], abs=1e-9)
        assert fit.intercept == pytest.approx(expected.coef_with_intercept[0], abs=1e-9)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_many_effects_with_given_variances(case, version):
    fit, expected = fitted(case, "ind_fixed"), reference(case, "ind_fixed", version)
    assert fit.pip == pytest.approx(expected.pip, abs=1e-5)
    assert fit.elbos[-1] == pytest.approx(expected.elbo[-1], abs=1e-3)
    assert same_sets(fit, expected)
    check_elbos(fit)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["ind_tight", "rss_tight"])
def test_estimated_variances(case, kind, version):
    """Any optimum no lower than the reference's is right; at the same one, all must agree."""
    fit, expected = fitted(case, kind), reference(case, kind, version)
    check_elbos(fit)
    assert fit.converged
    assert fit.elbos[-1] >= expected.elbo[-1] - 1e-2
    if fit.elbos[-1] > expected.elbo[-1] + 1e-2:
        return
    assert fit.pip == pytest.approx(expected.pip, abs=1e-4)
    assert fit.residual_variance == pytest.approx(expected.sigma2, rel=1e-4)
    variances = sorted_variances(expected.V)
    assert sorted_variances(fit.prior_variance) == pytest.approx(
        variances, rel=1e-3, abs=1e-3 * variances.max() + 1e-12
    )
    assert same_sets(fit, expected)


@pytest.mark.parametrize("case", CASES)
def test_maximum_likelihood_residual_variance(case):
    fit, expected = fitted(case, "ind_tight"), reference(case, "ind_mle", "0.16.5")
    assert fit.elbos[-1] >= expected.elbo[-1] - 1e-2
    assert fit.pip == pytest.approx(expected.pip, abs=1e-4)
    assert fit.residual_variance == pytest.approx(expected.sigma2, rel=1e-4)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["ind_default", "rss_default"])
def test_default_settings(case, kind):
    """Stopping at 1e-3 ends on a plateau of locus3, in one version of susieR as here."""
    fit = fitted(case, kind)
    expected = [reference(case, kind, version) for version in VERSIONS]
    check_elbos(fit)
    assert fit.converged
    lowest = min(one.elbo[-1] for one in expected)
    assert fit.elbos[-1] >= lowest - 1e-2
    assert min(np.abs(fit.pip - one.pip).max() for one in expected) < 1e-2
    assert any(same_sets(fit, one) for one in expected)


@pytest.mark.parametrize("case", [case for case in CASES if case != "monomorphic"])
def test_summary_data_with_the_samples_own_ld_are_the_individual_data(case):
    fit, summary = fitted(case, "ind_tight"), fitted(case, "rss_estvar")
    assert summary.pip == pytest.approx(fit.pip, abs=3e-9)
    y_variance = read(case).y.var(ddof=1)
    assert summary.residual_variance * y_variance == pytest.approx(fit.residual_variance, rel=1e-7)


def test_duplicated_variants_share_their_probability():
    data = read("duplicates")
    originals = data.text["dup_of"] + data.text["flip_of"]
    signs = np.repeat([1, -1], [len(data.text["dup_of"]), len(data.text["flip_of"])])
    # The copies are the last columns.
    copies = np.arange(data.X.shape[1] - len(originals), data.X.shape[1])
    for kind in ("ind_tight", "rss_tight"):
        fit = fitted("duplicates", kind)
        assert fit.alpha[:, copies] == pytest.approx(fit.alpha[:, originals], abs=1e-12)
        assert fit.mu[:, copies] == pytest.approx(fit.mu[:, originals] * signs, abs=1e-12)


def test_variants_that_do_not_vary_have_no_effect():
    data = read("monomorphic")
    constant = data.text["mono"]
    fit = fitted("monomorphic", "ind_tight")
    assert np.isfinite(fit.pip).all() and fit.pip[constant].max() < 1e-5
    assert (fit.mu[:, constant] == 0).all() and (fit.posterior_mean[constant] == 0).all()


def test_nothing_is_found_where_nothing_is():
    for kind in ("ind_tight", "rss_tight"):
        fit = fitted("null", kind)
        assert fit.credible_sets == [] and (fit.prior_variance == 0).all()
        assert fit.pip.max() < 1e-9 and (fit.posterior_mean == 0).all()


def test_purity_is_the_references():
    fit, expected = fitted("locus1", "ind_tight"), reference("locus1", "ind_tight", "0.16.5")
    (one,) = fit.credible_sets
    assert one.purity == pytest.approx(expected.cs_purity_min_mean_median[0][0], abs=1e-9)
    assert one.coverage == pytest.approx(expected.cs_coverage[0], abs=1e-6)


@pytest.mark.parametrize("case", MISMATCHED)
def test_one_effect_needs_no_ld(case):
    data, expected = read(case), reference(case, "rss_panel_L1", "0.16.5")
    fit = susie_rss(data.z, ld(data.arrays["G_panel"]), len(data.y), L=1)
    assert fit.pip == pytest.approx(expected.pip, abs=1e-9)


def test_ld_of_another_population_does_not_converge():
    data = read("mismatch_pop")
    with pytest.warns(ConvergenceWarning):
        fit = susie_rss(data.z, ld(data.arrays["G_panel"]), len(data.y))
    assert not fit.converged
    assert fit.prior_variance.max() > 100


def test_ld_of_a_small_panel_converges():
    data, kind = read("mismatch_smallpanel"), "rss_panel_default"
    fit = susie_rss(data.z, ld(data.arrays["G_panel"]), len(data.y))
    expected = [reference("mismatch_smallpanel", kind, version) for version in VERSIONS]
    assert fit.converged
    assert fit.elbos[-1] >= min(one.elbo[-1] for one in expected) - 1e-2


@pytest.mark.parametrize(
    ("case", "lowest", "highest"),
    [("mismatch_pop", 0.72, 0.74), ("mismatch_smallpanel", 0.035, 0.049)],
)
def test_the_wrong_ld_is_found(case, lowest, highest):
    data = read(case)
    n, panel = len(data.y), ld(data.arrays["G_panel"])
    s = estimate_s_rss(data.z, panel, n)
    assert lowest < s < highest
    assert s == pytest.approx(data.text["diagnostics"]["0.16.5"]["s_panel"], rel=1e-4)
    assert estimate_s_rss(data.z, ld(data.X), n) < 1e-8


@pytest.mark.parametrize("case", MISMATCHED)
def test_kriging(case):
    data = read(case)
    result = kriging_rss(data.z, ld(data.arrays["G_panel"]), len(data.y))
    expected = data.arrays["susieR-0.16.5/kriging"].T
    for ours, theirs in zip(result, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-3)


def test_kriging_is_gaussian_conditioning():
    """Against the conditional moments by definition, variant by variant."""
    data = read("tiny_p")
    R, s = ld(data.X), 0.1
    result = kriging_rss(data.z, R, len(data.y), s)
    mixed = (1 - s) * R + s * np.eye(6)
    for j in range(6):
        rest = np.arange(6) != j
        weights = np.linalg.solve(mixed[np.ix_(rest, rest)], mixed[rest, j])
        assert result.conditional_mean[j] == pytest.approx(weights @ result.z[rest])
        assert result.conditional_variance[j] == pytest.approx(1 - weights @ mixed[rest, j])


def test_exchanged_alleles_are_found():
    """A flipped z score among correctly signed ones stands out, and only it."""
    data = read("locus1")
    R, n = ld(data.X), len(data.y)
    # A null trait first: only the LD ties the z scores together.
    rng = np.random.default_rng(3)
    values, vectors = np.linalg.eigh(R)
    root = vectors * np.sqrt(np.maximum(values, 0))
    z = root @ rng.standard_normal(len(R))
    z += R[:, 29] * 8
    z[29] *= -1
    suspects = kriging_rss(z, R, n).log_flip_ratio
    assert np.argmax(suspects) == 29 and suspects[29] > 2
    assert estimate_s_rss(z, R, n) > 1e-3


DIAGNOSTICS = [
    ({"z": [1.0]}, "R: got shape"),
    ({"z": [1.0, np.nan]}, "z: got nan"),
    ({"R": [[1, 2], [2, 1]]}, "R: got a smallest eigenvalue"),
    ({"n": 2}, "n: got 2, expected more than 2"),
]


@pytest.mark.parametrize("function", [estimate_s_rss, kriging_rss])
@pytest.mark.parametrize(("wrong", "message"), DIAGNOSTICS)
def test_bad_input_of_diagnostics(function, wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        function(**({"z": [1.0, 2.0], "R": [[1, 0.5], [0.5, 1]], "n": 100} | wrong))


@pytest.mark.parametrize("s", [-0.1, 1.1, np.nan])
def test_bad_share_of_identity(s):
    with pytest.raises(ValueError, match=r"^s: got"):
        kriging_rss([1.0, 2.0], [[1, 0.5], [0.5, 1]], 100, s)


def test_no_other_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in ("monomorphic", "duplicates", "null"):
            fitted.__wrapped__(case, "ind_tight")
