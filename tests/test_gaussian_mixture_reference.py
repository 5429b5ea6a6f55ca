"""GaussianMixtureEM against mclust and scikit-learn (tests/reference/gmm)."""

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gitools.mixtures import GaussianMixtureEM

FOLDER = Path(__file__).parent / "reference" / "gmm"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))
REFERENCE = {name: json.loads(gzip.open(FOLDER / f"{name}.json.gz").read()) for name in NAMES}
DATA = {name: np.loadtxt(FOLDER / f"{name}.csv.gz", delimiter=",", ndmin=2) for name in NAMES}

TRACES = [
    (name, family)
    for name in NAMES
    for family in REFERENCE[name]["mclust"].get("em_trace_from_sorted_thirds", {})
]
FITS = [(name, fit) for name in NAMES for fit in REFERENCE[name]["mclust"]["fits"]]
FLOOR = 1e-6


def loglik(mixture, X):
    return mixture.score(X) * len(X)


def fit_cut_short(mixture, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(X)


def test_reference_is_there():
    assert len(NAMES) == 8
    assert len(TRACES) == 24


@pytest.mark.parametrize(("name", "family"), TRACES)
def test_trace_from_given_labels(name, family):
    """mclust's k-th value and ours belong to the parameters after k M-steps.

    Where mclust failed (badly scaled data), scikit-learn's trace without regularisation serves:
    it begins one M-step later, and agrees with mclust there only to 4e-7.
    """
    reference = REFERENCE[name]
    X = DATA[name]
    start = np.eye(3)[reference["mclust"]["init_labels"]]
    trace = reference["mclust"]["em_trace_from_sorted_thirds"][family]["loglik_after_iter"]
    skip, tolerance = 0, 1e-8
    if None in trace:
        trace, skip, tolerance = reference["sklearn"]["em_trace"][family], 1, 1e-6
    mixture = GaussianMixtureEM(3, family, init=start, floor=0, tol=0, max_iter=len(trace) + skip)
    ours = fit_cut_short(mixture, X).log_likelihoods_[skip:] * len(X)
    # A run that has stopped rising for good ends before the reference does.
    ours = np.append(ours, np.repeat(ours[-1], len(trace) - len(ours)))
    assert np.allclose(ours, trace, rtol=tolerance, atol=0)


def smallest_scaled_eigenvalue(fit, X, family):
    """Smallest covariance eigenvalue of a reference fit in the estimator's scaled units."""
    sd = X.std(axis=0)
    unit = np.full_like(sd, np.sqrt(np.mean(sd**2))) if family == "spherical" else sd
    covariances = np.asarray(fit["covariances"], dtype=float).reshape(-1, len(sd), len(sd))
    return np.linalg.eigvalsh(covariances / np.outer(unit, unit)).min()


@pytest.mark.parametrize(("name", "fit"), FITS)
def test_final_likelihood_is_no_lower_than_that_of_mclust(name, fit):
    """Where a few starts end lower, more starts must not."""
    reference = REFERENCE[name]["mclust"]["fits"][fit]
    family, n_components = fit.split("_")
    X = DATA[name]
    goal = -np.inf if reference.get("failed") else reference["loglik"] - 1e-3
    if "covariances" in reference and smallest_scaled_eigenvalue(reference, X, family) < FLOOR:
        goal = -np.inf
    for n_init, tol in ((3, 1e-6), (10, 1e-7), (30, 1e-7), (30, 1e-8)):
        mixture = GaussianMixtureEM(
            int(n_components), family, n_init=n_init, tol=tol, max_iter=3000, random_state=0
        ).fit(X)
        if loglik(mixture, X) >= goal:
            break
    assert np.isfinite(loglik(mixture, X))
    assert loglik(mixture, X) >= goal
    assert mixture.n_parameters_ == reference.get("df", mixture.n_parameters_)


def test_badly_scaled_data_reach_the_best_known_fit():
    X, best = DATA["extreme_scale2d"], REFERENCE["extreme_scale2d"]["best_known"]
    for family in ("tied", "full"):
        mixture = GaussianMixtureEM(2, family, tol=1e-9, random_state=0).fit(X)
        assert loglik(mixture, X) == pytest.approx(best[f"{family}_2"]["loglik"], abs=1e-2)


@pytest.mark.parametrize("family", ["full", "diag", "spherical"])
def test_duplicates_are_finite_with_a_floor_and_a_clear_error_without(family):
    X = DATA["degenerate_duplicates2d"]
    start = np.eye(2)[(X == X[0]).all(axis=1).astype(int)]
    assert np.isfinite(GaussianMixtureEM(2, family, init=start).fit(X).score(X))
    with pytest.raises(ValueError, match=r"Component 1 collapsed.*Raise floor"):
        GaussianMixtureEM(2, family, init=start, floor=0).fit(X)


def test_criteria_and_their_signs():
    """scikit-learn's sign of BIC is Schwarz's (smaller is better), mclust's its negative."""
    X, fit = DATA["faithful"], REFERENCE["faithful"]["mclust"]["fits"]["full_2"]
    mixture = GaussianMixtureEM(2, tol=1e-12, random_state=0).fit(X)
    assert mixture.bic(X) == pytest.approx(fit["bic_schwarz"], abs=1e-3)
    assert mixture.bic(X) == pytest.approx(-fit["bic_mclust"], abs=1e-3)
    assert mixture.aic(X) == pytest.approx(fit["aic"], abs=1e-3)
    assert mixture.icl(X) == pytest.approx(-fit["icl_mclust"], abs=1e-2)
