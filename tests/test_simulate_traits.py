"""Effects and traits: scales, heritability, liability, the target of a binary trait."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm

from gitools.association import ld_matrix, marginal_regression
from gitools.simulate import (
    binary_target,
    genetic_values,
    n_effective,
    simulate_binary,
    simulate_effects,
    simulate_genotypes,
    simulate_quantitative,
)

NAN = float("nan")


@pytest.fixture(scope="module")
def genotypes():
    """A large population at one locus."""
    return simulate_genotypes(40_000, 25, min_maf=0.3, random_state=1)


def standardised(dosages):
    centred = dosages - dosages.mean(axis=0)
    return centred / centred.std(axis=0)


def test_effects_explain_h2_on_whichever_scale_is_asked(genotypes):
    dosages, f = genotypes.dosages, genotypes.frequencies
    R = ld_matrix(dosages)
    settings = {"causal_fraction": 0.2, "h2": 0.3, "random_state": 2}
    alone, by_people, by_ld = (
        simulate_effects(f, **settings, **reference)
        for reference in ({}, {"dosages": dosages}, {"R": R})
    )
    assert np.count_nonzero(alone) == 5
    assert alone @ alone == pytest.approx(0.3)
    assert genetic_values(dosages, by_people).var() == pytest.approx(0.3)
    assert by_ld @ R @ by_ld == pytest.approx(0.3)
    np.testing.assert_allclose(by_people, by_ld)
    assert not np.allclose(alone, by_ld)


@pytest.mark.parametrize(("s", "w"), [(-1, 0), (0, 0), (-0.25, -1), (0.5, 1)])
def test_effect_sizes_depend_on_frequency_and_ld_as_stated(s, w):
    rng = np.random.default_rng(3)
    f = rng.uniform(0.01, 0.99, 40_000)
    scores = rng.uniform(1, 50, f.size)
    effects = simulate_effects(f, 1, 0.5, s=s, w=w, ld_scores=scores, random_state=rng)
    design = np.column_stack([np.ones(f.size), np.log(2 * f * (1 - f)), np.log(scores)])
    logs = np.log(effects**2)
    slopes, residual = np.linalg.lstsq(design, logs)[:2]
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * residual / f.size)
    assert abs(slopes[1] - (1 + s)) < 5 * errors[1]
    assert abs(slopes[2] - w) < 5 * errors[2]


def test_a_small_share_still_gives_one_causal_variant_and_h2_zero_none_at_all():
    assert np.count_nonzero(simulate_effects(np.full(10, 0.5), 1e-6, 0.1, random_state=0)) == 1
    assert not np.any(simulate_effects(np.full(10, 0.5), 1, 0, random_state=0))


def test_genetic_values_are_standardised_dosages_times_effects():
    rng = np.random.default_rng(4)
    dosages = rng.binomial(2, 0.3, size=(60, 1_100)).astype(np.int8)
    effects = rng.normal(size=1_100)
    expected = standardised(dosages) @ effects
    np.testing.assert_allclose(genetic_values(dosages, effects), expected, atol=1e-12)
    assert genetic_values(dosages, effects).shape == (60,)


def test_a_variant_that_does_not_vary_may_only_lack_an_effect():
    dosages = np.random.default_rng(5).binomial(2, 0.5, size=(30, 4)).astype(np.int8)
    dosages[:, 2] = 1
    effects = np.array([0.1, 0, 0, 0.2])
    assert np.all(np.isfinite(genetic_values(dosages, effects)))
    with pytest.raises(ValueError, match="dosages: got column 2 of equal values with an effect"):
        genetic_values(dosages, effects + 0.1)


def test_a_quantitative_trait_has_variance_one_and_its_heritability(genotypes):
    effects = simulate_effects(
        genotypes.frequencies, 0.2, 0.4, dosages=genotypes.dosages, random_state=6
    )
    genetic = genetic_values(genotypes.dosages, effects)
    trait = simulate_quantitative(genetic, random_state=7)
    assert abs(trait.var() - 1) < 5 * np.sqrt(2 / trait.size)
    assert abs(np.corrcoef(trait, genetic)[0, 1] ** 2 - 0.4) < 0.02
    noisy = simulate_quantitative(genetic, noise_variance=3, random_state=7)
    assert abs(np.var(noisy - genetic) / 3 - 1) < 5 * np.sqrt(2 / trait.size)


def test_prevalence_and_sampling_by_status():
    genetic = np.random.default_rng(8).normal(0, np.sqrt(0.5), 100_000)
    everyone = simulate_binary(genetic, 0.1, random_state=9)
    np.testing.assert_array_equal(everyone.people, np.arange(100_000))
    assert abs(everyone.status.mean() - 0.1) < 5 * np.sqrt(0.1 * 0.9 / 100_000)
    np.testing.assert_array_equal(everyone.status, everyone.liability > norm.isf(0.1))
    assert abs(everyone.liability.var() - 1) < 5 * np.sqrt(2 / 100_000)
    study = simulate_binary(genetic, 0.1, n_cases=4_000, n_controls=6_000, random_state=9)
    assert np.bincount(study.status).tolist() == [6_000, 4_000]
    assert np.all(np.diff(study.people) > 0)
    np.testing.assert_array_equal(study.liability, everyone.liability[study.people])
    # Among cases the genetic mean is its share of the liability's selection differential.
    shift = genetic[study.people][study.status == 1].mean()
    assert abs(shift - 0.5 * norm.pdf(norm.isf(0.1)) / 0.1) < 5 * 0.6 / np.sqrt(4_000)


@pytest.mark.parametrize(
    ("cases", "controls", "expected"), [(500, 500, 1000), (100, 10**9, 400), (1, 1, 2)]
)
def test_effective_size(cases, controls, expected):
    assert n_effective(cases, controls) == pytest.approx(expected, rel=1e-6)


def _joint_coefficients(X, status):
    y = (status - status.mean()) / status.std()
    Z = np.column_stack([np.ones(len(X)), X])
    coefficients = np.linalg.lstsq(Z, y)[0]
    noise = np.var(y - Z @ coefficients)
    return coefficients[1:], np.sqrt(noise * np.diag(np.linalg.inv(Z.T @ Z)))[1:]


def _study(genetic, prevalence, case_share, seed):
    """All cases of a simulated population, and as many controls as the share of cases asks."""
    everyone = simulate_binary(genetic, prevalence, random_state=seed)
    if case_share is None:
        return everyone
    n_controls = round(everyone.status.sum() * (1 - case_share) / case_share)
    return simulate_binary(genetic, prevalence, n_controls=n_controls, random_state=seed)


@pytest.mark.parametrize("case_share", [None, 0.5, 0.2])
def test_binary_target_is_what_a_linear_model_finds_in_a_large_population(genotypes, case_share):
    X = standardised(genotypes.dosages[:, [0, 12, 24]])
    effects = np.array([0.12, 0.0, -0.1])
    studies = [_study(X @ effects, 0.05, case_share, seed) for seed in range(25)]
    people = np.concatenate([study.people for study in studies])
    status = np.concatenate([study.status for study in studies]).astype(float)
    found, errors = _joint_coefficients(X[people], status)
    target = binary_target(effects, 0.05, case_share)
    # The target is of first order in the effects: a few per cent beside chance.
    np.testing.assert_array_less(np.abs(found - target), 4 * errors + 0.04 * np.abs(target).max())
    assert abs(found[0] / target[0] - 1) < 0.1


@pytest.mark.parametrize("effect", [0.05, -0.05])
def test_what_binary_target_leaves_out_is_of_second_order(effect):
    f, prevalence = 0.05, 0.02
    copies = np.arange(3)
    weights = np.array([(1 - f) ** 2, 2 * f * (1 - f), f**2])
    x = (copies - 2 * f) / np.sqrt(2 * f * (1 - f))
    threshold = norm.isf(prevalence)
    ill = norm.sf((threshold - effect * x) / np.sqrt(1 - effect**2))
    exact = weights @ (x * ill) / np.sqrt(prevalence * (1 - prevalence))
    skewness = (1 - 2 * f) / np.sqrt(2 * f * (1 - f))
    first_order = binary_target([effect], prevalence)[0]
    missing = effect * threshold * skewness / 2
    assert abs(missing) > 0.1
    assert exact / first_order - 1 == pytest.approx(missing, abs=0.02)


def by_all_genotypes(effects, frequencies, prevalence, share):
    """Joint coefficients by summing over the genotypes of all variants at once."""
    states = np.array(list(product(range(3), repeat=len(effects))))
    weights = np.prod(binom.pmf(states, 2, frequencies), axis=1)
    x = (states - 2 * frequencies) / np.sqrt(2 * frequencies * (1 - frequencies))
    rest = np.sqrt(1 - effects @ effects)
    ill = norm.sf((norm.isf(prevalence) - x @ effects) / rest)
    share_ill = weights @ ill
    share = share_ill if share is None else share
    cases, controls = weights * ill / share_ill, weights * (1 - ill) / (1 - share_ill)
    sampled = share * cases + (1 - share) * controls
    mean = sampled @ x
    covariance = (x * sampled[:, None]).T @ x - np.outer(mean, mean)
    gap = cases @ x - controls @ x
    return np.sqrt(share * (1 - share)) * np.linalg.solve(covariance, gap)


@pytest.mark.parametrize("share", [None, 0.05, 0.5, 0.8])
def test_with_frequencies_binary_target_is_the_sum_over_genotypes(share):
    effects = np.array([0.1, -0.1, 0.0, 0.06, -0.15, 0.1])
    frequencies = np.array([0.01, 0.01, 0.2, 0.02, 0.4, 0.1])
    exact = by_all_genotypes(effects, frequencies, 0.05, share)
    found = binary_target(effects, 0.05, share, frequencies=frequencies)
    # Only the shape of the other variants' sum is taken as Gaussian.
    np.testing.assert_allclose(found, exact, rtol=0.01, atol=1e-4)
    first_order = binary_target(effects, 0.05, share)
    assert np.abs(first_order / exact - 1)[[0, 1]].min() > 0.15


def test_a_single_variant_needs_no_approximation():
    effects, frequencies = np.array([0.0, -0.3, 0.0]), np.array([0.2, 0.05, 0.1])
    found = binary_target(effects, 0.02, frequencies=frequencies)
    exact = by_all_genotypes(effects, frequencies, 0.02, None)
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-12)
    assert found[0] == found[2] == 0


def test_with_frequencies_it_is_what_sampled_people_show():
    rng = np.random.default_rng(11)
    effects, frequencies = np.array([0.15, -0.15, 0.1]), np.array([0.03, 0.05, 0.02])
    dosages = rng.binomial(2, frequencies, (400_000, 3))
    x = (dosages - 2 * frequencies) / np.sqrt(2 * frequencies * (1 - frequencies))
    cases = 19_000
    study = simulate_binary(x @ effects, 0.05, n_cases=cases, n_controls=cases, random_state=rng)
    found, errors = _joint_coefficients(x[study.people], study.status.astype(float))
    target = binary_target(effects, 0.05, 0.5, frequencies=frequencies)
    np.testing.assert_array_less(np.abs(found - target), 4 * errors)
    assert (np.abs(binary_target(effects, 0.05, 0.5) - found) / errors).max() > 6


def test_tiny_effects_need_no_frequencies():
    effects = np.array([1e-4, -2e-4])
    exact = binary_target(effects, 0.1, 0.5, frequencies=[0.3, 0.5])
    np.testing.assert_allclose(exact, binary_target(effects, 0.1, 0.5), rtol=1e-3)


def test_z_over_root_effective_size_is_on_the_scale_of_the_balanced_target(genotypes):
    X = standardised(genotypes.dosages)
    R = ld_matrix(genotypes.dosages)
    effects = np.zeros(25)
    effects[[3, 17]] = 0.15, -0.15
    target = R @ binary_target(effects, 0.1, 0.5)
    scaled = []
    for seed in range(10):
        study = _study(X @ effects, 0.1, 0.25, seed)
        z = marginal_regression(genotypes.dosages[study.people], study.status).z
        cases = study.status.sum()
        scaled.append(z / np.sqrt(n_effective(cases, len(study.status) - cases)))
    found = np.mean(scaled, axis=0)
    slope = found @ target / (target @ target)
    assert abs(slope - 1) < 0.05
    assert np.abs(found - target).max() < 5 / np.sqrt(10 * 4 * cases * 0.75)


def test_binary_target_grows_with_the_share_of_cases():
    effects = np.array([0.1, -0.2])
    population, balanced = (binary_target(effects, 0.01, share) for share in (None, 0.5))
    np.testing.assert_allclose(population, binary_target(effects, 0.01, 0.01))
    np.testing.assert_allclose(balanced / population, 0.5 / np.sqrt(0.01 * 0.99))


F = np.array([0.2, 0.3, 0.4])
G = np.array([0.1, -0.1, 0.2])
BAD = [
    (simulate_effects, ([0.0, 0.3], 0.5, 0.5), {}, "frequencies: got values from 0.0 to 0.3"),
    (simulate_effects, ([NAN, 0.3], 0.5, 0.5), {}, "frequencies: got values from nan"),
    (simulate_effects, ([], 0.5, 0.5), {}, r"frequencies: got shape \(0,\)"),
    (simulate_effects, (F, 0, 0.5), {}, r"causal_fraction: got 0, expected a number in \(0, 1\]"),
    (simulate_effects, (F, NAN, 0.5), {}, "causal_fraction: got nan"),
    (simulate_effects, (F, 0.5, 1), {}, r"h2: got 1, expected a number in \[0, 1\)"),
    (simulate_effects, (F, 0.5, "half"), {}, "h2: got 'half'"),
    (simulate_effects, (F, 0.5, 0.5), {"s": NAN}, "s: got nan"),
    (simulate_effects, (F, 0.5, 0.5), {"w": -1}, "ld_scores: got None, expected 3 of them"),
    (simulate_effects, (F, 0.5, 0.5), {"w": -1, "ld_scores": [1, 2]}, r"ld_scores: got shape"),
    (simulate_effects, (F, 0.5, 0.5), {"w": -1, "ld_scores": [1, 0, 2]}, "smallest value 0.0"),
    (simulate_effects, (F, 1, 0.5), {"R": np.eye(2)}, r"R: got shape \(2, 2\), expected \(3, 3\)"),
    (simulate_effects, (F, 1, 0.5), {"R": -np.eye(3)}, "R: got a matrix by which"),
    (simulate_effects, (F, 1, 0.5), {"R": np.eye(3), "dosages": np.eye(3)}, "dosages, R: got both"),
    (simulate_effects, (F, 1, 0.5), {"dosages": np.eye(2)}, r"effects: got shape \(3,\)"),
    (genetic_values, (np.ones(3), G), {}, r"dosages: got shape \(3,\)"),
    (genetic_values, (np.eye(3), G[:2]), {}, r"effects: got shape \(2,\), expected \(3,\)"),
    (genetic_values, (np.eye(3), [NAN, 0, 0]), {}, "effects: got NaN"),
    (genetic_values, (np.full((3, 3), NAN), G), {}, "dosages: got NaN"),
    (simulate_quantitative, ([NAN, 1],), {}, r"genetic: got shape \(2,\), expected a vector"),
    (simulate_quantitative, (10 * G,), {}, r"genetic: got variance 1.556, expected less than 1"),
    (simulate_quantitative, (G,), {"noise_variance": -1}, "noise_variance: got -1"),
    (simulate_binary, (G, 0), {}, r"prevalence: got 0, expected a number in \(0, 1\)"),
    (simulate_binary, (10 * G, 0.1), {}, "genetic: got variance"),
    (simulate_binary, (G, 0.5), {"n_cases": 50}, r"n_cases: got 50, expected 0 to \d"),
    (simulate_binary, (G, 0.5), {"n_controls": 1.5}, "n_controls: got 1.5, expected an integer"),
    (simulate_binary, (G, 0.5), {"n_controls": -1}, "n_controls: got -1"),
    (n_effective, (0, 10), {}, "n_cases: got 0.0, expected positive"),
    (n_effective, (10, NAN), {}, "n_controls: got nan"),
    (binary_target, ([NAN], 0.1), {}, "effects: got shape"),
    (binary_target, (G, 1.0), {}, "prevalence: got 1.0"),
    (binary_target, (G, 0.1, 0), {}, "case_share: got 0"),
    (binary_target, (G, 0.1), {"frequencies": [0.1, 0.2]}, "frequencies: got 2, expected 3"),
    (binary_target, (G, 0.1), {"frequencies": [0.1, 0.2, 1]}, "frequencies: got values from"),
    (binary_target, (5 * G, 0.1), {"frequencies": F}, "effects: got squares that sum to 1.5"),
]


@pytest.mark.parametrize(("function", "positional", "named", "message"), BAD)
def test_bad_arguments_are_named(function, positional, named, message):
    with pytest.raises(ValueError, match=message):
        function(*positional, **named)
