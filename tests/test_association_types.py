"""Names of components and posteriors of types: every pattern, order, sign and unit."""

import sys
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gitools.mixtures import ZeroMeanDPMixture, association_types

LETTERS = "ABCD"
NOISE = 0.5


def subsets(d):
    return [s for size in range(d + 1) for s in combinations(range(d), size)]


def covariance_of(subset, d, rng, noise=NOISE):
    """Noise everywhere, a random full covariance with random signs on the traits of the type."""
    covariance = noise * np.eye(d)
    if subset:
        root = rng.normal(size=(len(subset), len(subset) + 2))
        effect = root @ root.T
        effect *= 8 * noise / np.diag(effect).min()
        covariance[np.ix_(subset, subset)] += effect
    return covariance


def name_of(subset):
    return "".join(LETTERS[t] for t in subset) or "null"


def draw(covariances, labels, rng):
    roots = np.linalg.cholesky(covariances)[labels]
    return np.einsum("nij,nj->ni", roots, rng.standard_normal((len(labels), roots.shape[-1])))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_every_set_of_traits_in_every_order(d):
    rng = np.random.default_rng(d)
    covariances = np.array([covariance_of(s, d, rng) for s in subsets(d)])
    weights = np.full(2**d, 1 / 2**d)
    for order in permutations(range(d)):
        units = rng.choice([-1, 1], d) * 10.0 ** rng.uniform(-6, 6, d)
        changed = (covariances * np.outer(units, units))[:, order][:, :, order]
        expected = [name_of(sorted(order.index(t) for t in s)) for s in subsets(d)]
        found = association_types((weights, changed))
        assert found.component_types == expected
        assert found.types == [name_of(s) for s in subsets(d)]


def test_posterior_is_that_of_bayes_rule():
    rng = np.random.default_rng(1)
    covariances = np.array([covariance_of(s, 2, rng) for s in [(), (0,), (0, 1), (0, 1)]])
    weights = np.array([0.6, 0.2, 0.15, 0.05])
    X = rng.normal(size=(50, 2))
    joint = weights * np.array([multivariate_normal([0, 0], c).pdf(X) for c in covariances]).T
    expected = joint / joint.sum(axis=1, keepdims=True)
    found = association_types((weights, covariances), X)
    assert found.types == ["null", "A", "AB"]
    np.testing.assert_allclose(
        found.posterior, np.column_stack([expected[:, :2], expected[:, 2:].sum(axis=1)]), rtol=1e-9
    )
    np.testing.assert_allclose(found.weights, [0.6, 0.2, 0.2])
    np.testing.assert_allclose(found.shared(), found.probability("AB"))
    np.testing.assert_allclose(found.acting_on("A"), found.posterior[:, 1:].sum(axis=1))
    assert np.all(found.probability("B") == 0)


@pytest.mark.parametrize("own", [False, True])
def test_latent_effects_plus_noise_equal_observed_ones(own):
    rng = np.random.default_rng(2)
    V = np.array([[NOISE, 0.3], [0.3, NOISE]])
    observed = np.array([covariance_of(s, 2, rng) for s in [(), (0,), (1,), (0, 1)]])
    observed += V - NOISE * np.eye(2)
    weights = np.array([0.7, 0.1, 0.1, 0.1])
    X = draw(observed, rng.choice(4, 40, p=weights), rng)
    given = np.repeat(V[None], 40, axis=0) if own else V
    latent = association_types((weights, observed - V), X, sampling_covariance=given)
    plain = association_types((weights, observed), X)
    assert latent.component_types == plain.component_types == ["null", "A", "B", "AB"]
    np.testing.assert_allclose(latent.posterior, plain.posterior, rtol=1e-8)


def test_each_variant_is_judged_by_its_own_noise():
    weights, latent = [0.5, 0.5], np.array([np.zeros((2, 2)), 4 * np.eye(2)])
    V = np.array([1, 1, 100])[:, None, None] * np.eye(2)
    X = np.array([[5.0, 5.0], [1.0, 1.0], [5.0, 5.0]])
    found = association_types((weights, latent), X, sampling_covariance=V)
    log_odds = [
        multivariate_normal([0, 0], latent[1] + v).logpdf(x)
        - multivariate_normal([0, 0], v).logpdf(x)
        for x, v in zip(X, V, strict=True)
    ]
    expected = 1 / (1 + np.exp(-np.array(log_odds)))
    np.testing.assert_allclose(found.probability("AB"), expected, rtol=1e-9)
    assert expected[0] > 0.99 > 0.6 > expected[2]


def test_many_variants_with_noise_of_their_own_equal_one_at_a_time(monkeypatch):
    module = sys.modules["gitools.mixtures.association_types"]
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(3)
    latent = np.array([0.01 * np.eye(2), [[3, 1], [1, 2]]])
    V = rng.uniform(0.5, 2, 20)[:, None, None] * np.array([[1, 0.4], [0.4, 1]])
    X = rng.normal(size=(20, 2)) * 2
    found = association_types(([0.5, 0.5], latent), X, sampling_covariance=V, noise=[1, 1])
    single = [
        association_types(([0.5, 0.5], latent), X[[i]], sampling_covariance=V[i], noise=[1, 1])
        for i in range(20)
    ]
    np.testing.assert_allclose(found.posterior, [s.posterior[0] for s in single], rtol=1e-9)


def test_correlated_noise_is_no_sharing_and_sizes_of_the_axes_do_not_matter():
    null = np.array([[1, 0.9], [0.9, 1]])
    lopsided = null + np.array([[100, 15], [15, 4]])
    found = association_types(([0.9, 0.1], [null, lopsided]))
    assert found.component_types == ["null", "AB"]


@pytest.mark.parametrize(
    ("patterns", "weights"),
    [
        ([(0,), (1,)], [0.5, 0.5]),
        ([(), (0, 1)], [0.06, 0.94]),
        ([(0,), (1,), (0, 1)], [0.2, 0.2, 0.6]),
    ],
)
def test_the_null_of_a_trait_need_not_be_null_in_all(patterns, weights):
    rng = np.random.default_rng(4)
    covariances = np.array([covariance_of(s, 2, rng) for s in patterns])
    found = association_types((weights, covariances))
    assert found.component_types == [name_of(s) for s in patterns]


def test_a_rare_small_component_does_not_set_the_scale():
    covariances = np.array([1e-4, 1.0, 1.3, 9.0])[:, None, None] * np.eye(2)
    found = association_types(([0.02, 0.5, 0.38, 0.1], covariances))
    assert found.component_types == ["null", "null", "null", "AB"]
    assert found.types == ["null", "AB"]


def test_a_rare_component_that_is_narrow_in_a_trait_does_not_make_the_null_act():
    covariances = [np.eye(2), np.diag([15.0, 0.45]), np.diag([0.5, 15.0])]
    found = association_types(([0.86, 0.07, 0.07], covariances))
    assert found.component_types == ["null", "A", "B"]


def test_known_noise_names_variants_chosen_for_their_effects():
    covariances = [[[9.0, 8.0], [8.0, 9.0]]]
    assert association_types(([1.0], covariances)).component_types == ["null"]
    assert association_types(([1.0], covariances), noise=[1, 1]).component_types == ["AB"]
    assert association_types(([1.0], covariances), noise=[1, 5]).component_types == ["A"]


def test_empty_components_have_no_part():
    covariances = [np.eye(2), [[9, 5], [5, 9]], [[1, 0], [0, 50]]]
    found = association_types(([0.8, 0.1996, 0.0004], covariances), [[0.1, 12.0]])
    assert found.types == ["null", "AB"]
    assert found.component_types == ["null", "AB", "B"]
    np.testing.assert_array_equal(found.kept, [True, True, False])
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1)
    np.testing.assert_allclose(found.weights.sum(), 1)
    twins = association_types(([0.8, 0.1996, 0.0004], [covariances[0], *[covariances[1]] * 2]))
    np.testing.assert_allclose(twins.weights, np.array([0.8, 0.1996]) / 0.9996)
    rare = association_types(([0.8, 0.1996, 0.0004], covariances), [[0.1, 12.0]], min_weight=0)
    assert rare.probability("B")[0] > 0.95


@pytest.mark.parametrize("latent", [False, True])
def test_a_fitted_mixture_names_its_components(latent):
    rng = np.random.default_rng(5)
    V = np.array([[1, 0.4, 0], [0.4, 1, 0], [0, 0, 1]])
    patterns = [(), (0,), (1, 2), (0, 1, 2)]
    covariances = np.array([covariance_of(s, 3, rng, noise=1.0) for s in patterns])
    covariances += V - np.eye(3)
    labels = rng.choice(4, 3000, p=[0.7, 0.1, 0.1, 0.1])
    units = np.array([1.0, 1e-3, 50.0])
    X = draw(covariances, labels, rng) * units
    noise = {"sampling_covariance": V * np.outer(units, units)} if latent else {}
    mixture = ZeroMeanDPMixture(10, n_init=1, random_state=0).fit(X, **noise)
    found = association_types(mixture, X, trait_names=["HDL", "LDL", "BMI"], **noise)
    assert found.types == ["null", "HDL", "LDL+BMI", "HDL+LDL+BMI"]
    right = found.posterior[np.arange(3000), labels]
    best = association_types(([0.7, 0.1, 0.1, 0.1], covariances), X / units).posterior
    loss = np.mean(np.log(best[np.arange(3000), labels]) - np.log(right))
    assert abs(loss) < 0.02


BAD = [
    ("mixture", lambda: association_types(3)),
    ("mixture", lambda: association_types(([0.5, 0.4], [np.eye(2)] * 2))),
    ("mixture", lambda: association_types(([0.5, 0.5], [np.eye(2)]))),
    ("mixture", lambda: association_types(([1.0], [[[1, 2], [2, 1]]]))),
    ("mixture", lambda: association_types(([1.0], [[[1, 2], [0, 9]]]))),
    ("mixture", lambda: association_types(([1.0], [[[1, np.nan], [np.nan, 9]]]))),
    ("mixture", lambda: association_types(([1.0], [np.zeros((2, 2))]))),
    ("mixture", lambda: association_types(([1.0], [np.ones((2, 2))]), [[1.0, 1.0]])),
    ("X", lambda: association_types(([1.0], [np.eye(2)]), [[1.0, 2.0, 3.0]])),
    ("X", lambda: association_types(([1.0], [np.eye(2)]), [[1.0, np.nan]])),
    ("X", lambda: association_types(([1.0], [np.eye(2)])).shared()),
    ("sampling_covariance", lambda: association_types(([1.0], [np.eye(2)]), [[1.0, 1.0]],
                                                      sampling_covariance=np.ones((3, 2, 2)))),
    ("sampling_covariance", lambda: association_types(([1.0], [np.eye(2)]),
                                                      sampling_covariance=[[1, 0], [0, -1]])),
    ("noise", lambda: association_types(([1.0], [np.eye(2)]), noise=[1.0, 0.0])),
    ("noise", lambda: association_types(([1.0], [np.eye(2)]), noise=[1.0])),
    ("ratio", lambda: association_types(([1.0], [np.eye(2)]), ratio=1.0)),
    ("min_weight", lambda: association_types(([1.0], [np.eye(2)]), min_weight=2)),
    ("trait_names", lambda: association_types(([1.0], [np.eye(2)]), trait_names=["A"])),
    ("trait_names", lambda: association_types(([1.0], [np.eye(2)]), trait_names=["A", "A"])),
    ("trait_names", lambda: association_types(([1.0], [np.eye(2)]), trait_names=["A", "null"])),
    ("trait_names", lambda: association_types(([1.0], [np.eye(2)]), trait_names=["A", "B+C"])),
    ("name", lambda: association_types(([1.0], [np.eye(2)]), [[1.0, 1.0]]).probability("BA")),
    ("trait", lambda: association_types(([1.0], [np.eye(2)]), [[1.0, 1.0]]).acting_on("C")),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "call"), BAD)
def test_bad_input_is_named(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}.*: got .*expected"):
        call()


def test_a_mixture_with_means_is_refused():
    class Elsewhere:
        weights_, covariances_, means_ = np.ones(1), np.eye(2)[None], np.array([[3.0, 0.0]])

    with pytest.raises(ValueError, match="means away from zero"):
        association_types(Elsewhere())
