"""Hidden Markov model: sums over all paths, another package, EM's promise, refused arguments."""

import itertools

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from gitools.mixtures import GaussianHiddenMarkov, GaussianMixtureEM, forward_backward, viterbi
from gitools.mixtures._chains import _sums_in_logs

FAMILIES = ("full", "diag", "spherical", "tied")


def chain(n_states=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_states)), rng.dirichlet(np.ones(n_states), n_states)


def over_all_paths(log_emissions, start, transitions):
    """Posteriors, log-likelihood, transition counts and best path, by writing every path down."""
    length, n_states = log_emissions.shape
    paths = np.array(list(itertools.product(range(n_states), repeat=length)))
    weights = start[paths[:, 0]] * np.exp(log_emissions[np.arange(length), paths].sum(axis=1))
    for before, after in zip(paths.T[:-1], paths.T[1:], strict=True):
        weights = weights * transitions[before, after]
    shares = weights / weights.sum()
    posteriors = np.array([shares @ (paths == k) for k in range(n_states)]).T
    counts = np.zeros((n_states, n_states))
    for before, after in zip(paths.T[:-1], paths.T[1:], strict=True):
        np.add.at(counts, (before, after), shares)
    return posteriors, np.log(weights.sum()), counts, paths[weights.argmax()]


@pytest.mark.parametrize("n_states", [1, 2, 3])
def test_two_sequences_equal_sums_over_all_paths(n_states):
    start, transitions = chain(n_states)
    log_emissions = 2 * np.random.default_rng(1).normal(size=(9, n_states))
    sums = forward_backward(log_emissions, start, transitions, [5, 4])
    parts = [over_all_paths(e, start, transitions) for e in np.split(log_emissions, [5])]
    posteriors, log_likelihoods, counts, paths = zip(*parts, strict=True)
    np.testing.assert_allclose(sums.posteriors, np.vstack(posteriors), atol=1e-12)
    np.testing.assert_allclose(sums.log_likelihoods, log_likelihoods, rtol=1e-12)
    np.testing.assert_allclose(sums.transition_counts, sum(counts), atol=1e-12)
    np.testing.assert_allclose(sums.start_counts, posteriors[0][0] + posteriors[1][0], atol=1e-12)
    best = viterbi(log_emissions, start, transitions, [5, 4])
    np.testing.assert_array_equal(best, np.concatenate(paths))


NEIGHBOURS_ONLY = np.array([[0.9, 0.1, 0.0], [0.01, 0.98, 0.01], [0.0, 0.2, 0.8]])


@pytest.mark.parametrize("lengths", [[3000], [1, 2000, 3, 996], [30] * 100])
@pytest.mark.parametrize("zeros", [False, True])
def test_blocks_equal_position_by_position(lengths, zeros):
    start, transitions = ([0.0, 1.0, 0.0], NEIGHBOURS_ONLY) if zeros else chain()
    start = np.asarray(start)
    log_emissions = 3 * np.random.default_rng(2).normal(size=(3000, 3))
    sums = forward_backward(log_emissions, start, transitions, lengths)
    inside = np.ones(3000, dtype=bool)
    inside[np.cumsum(lengths) - lengths] = False
    slow = _sums_in_logs(log_emissions, start, transitions, np.array(lengths), inside)
    np.testing.assert_allclose(sums.posteriors, slow[0], atol=1e-10)
    np.testing.assert_allclose(sums.transition_counts, slow[1], rtol=1e-10)
    assert sums.log_likelihoods.sum() == pytest.approx(slow[2].sum(), rel=1e-12)
    assert len(sums.log_likelihoods) == len(lengths)
    assert sums.transition_counts.sum() == pytest.approx(3000 - len(lengths))


def test_impossible_steps_and_vanishing_densities_need_no_luck():
    left_to_right = np.array([[0.9, 0.1], [0.0, 1.0]])
    log_emissions = np.array([[0.0, -np.inf], [-2000.0, -1.0], [-3000.0, 0.0]])
    sums = forward_backward(log_emissions, [1.0, 0.0], left_to_right)
    np.testing.assert_allclose(sums.posteriors, [[1, 0], [0, 1], [0, 1]], atol=1e-12)
    assert sums.log_likelihoods[0] == pytest.approx(np.log(0.1) - 1)


def test_evidence_that_comes_late_is_not_lost():
    # State 1 falls a thousand nats behind the absorbing state before it is found to be true.
    log_emissions = np.zeros((300, 2))
    log_emissions[:150, 1], log_emissions[150:, 1] = 7.0, -20.0
    sums = forward_backward(log_emissions, [0.5, 0.5], [[1.0 - 1e-9, 1e-9], [0.0, 1.0]])
    np.testing.assert_allclose(sums.posteriors[:, 0], 1)


def test_a_sequence_without_path_is_an_error():
    with pytest.raises(ValueError, match="no path of positive"):
        forward_backward([[0.0, 0.0], [-np.inf, 0.0]], [1.0, 0.0], np.eye(2))


def test_equal_rows_of_transitions_give_the_mixture():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 2)) + 3 * rng.integers(2, size=(60, 1))
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    start = {
        "start_probabilities": mixture.weights_,
        "transitions": np.tile(mixture.weights_, (2, 1)),
        "means": mixture.means_,
        "covariances": mixture.covariances_,
    }
    with pytest.warns(ConvergenceWarning):
        model = GaussianHiddenMarkov(2, init=start, max_iter=1, tol=0).fit(X)
    for name, value in start.items():
        setattr(model, f"{name}_", value)
    np.testing.assert_allclose(model.predict_proba(X), mixture.predict_proba(X), atol=1e-10)
    assert model.score(X) == pytest.approx(mixture.score(X), rel=1e-10)


def series(seed=0, n=400, d=2):
    rng = np.random.default_rng(seed)
    states = np.cumsum(rng.random(n) < 0.05) % 3
    means = np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, 2.0]])[:, :d]
    return means[states] + rng.normal(size=(n, d)) * [1.0, 0.5][:d], states


@pytest.mark.parametrize("family", FAMILIES)
def test_every_iteration_equals_hmmlearn(family):
    X, _ = series()
    start, transitions = chain(seed=4)
    means = np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])
    covariances = {
        "full": np.tile(np.eye(2), (3, 1, 1)),
        "tied": np.eye(2),
        "diag": np.ones((3, 2)),
        "spherical": np.ones(3),
    }[family]
    silent = {"init_params": "", "covars_prior": 0, "min_covar": 0, "tol": -np.inf}
    peer = GaussianHMM(3, family, n_iter=15, **silent)
    peer.startprob_, peer.transmat_, peer.means_ = start, transitions, means
    peer.covars_ = covariances
    peer.fit(X, lengths=[150, 250])
    init = {
        "start_probabilities": start,
        "transitions": transitions,
        "means": means,
        "covariances": covariances,
    }
    ours = GaussianHiddenMarkov(3, family, init=init, tol=0, max_iter=15, floor=0)
    with pytest.warns(ConvergenceWarning):
        ours.fit(X, lengths=[150, 250])
    # hmmlearn's history begins with the likelihood of the start.
    theirs = np.array(peer.monitor_.history)[1:] / len(X)
    np.testing.assert_allclose(ours.log_likelihoods_[: len(theirs)], theirs, rtol=1e-9)
    np.testing.assert_allclose(ours.transitions_, peer.transmat_, atol=1e-7)
    np.testing.assert_allclose(ours.means_, peer.means_, atol=1e-7)
    np.testing.assert_array_equal(ours.predict(X, lengths=[150, 250]), peer.predict(X, [150, 250]))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_iteration_lowers_the_likelihood_and_the_last_is_the_score(family):
    X, _ = series(seed=5)
    model = GaussianHiddenMarkov(3, family, n_init=2, random_state=0).fit(X, lengths=[100, 300])
    assert np.diff(model.log_likelihoods_).min() > -1e-12
    assert model.score(X, lengths=[100, 300]) == pytest.approx(model.log_likelihoods_[-1])
    assert model.converged_
    n_free = {"full": 9, "diag": 6, "spherical": 3, "tied": 3}[family] + 6 + 2 + 6
    assert model.n_parameters_ == n_free
    bic = -2 * 400 * model.log_likelihoods_[-1] + n_free * np.log(400)
    assert model.bic(X, lengths=[100, 300]) == pytest.approx(bic)


def test_units_change_nothing():
    X, _ = series(seed=6)
    unit = np.array([1e-3, 1e4])
    plain = GaussianHiddenMarkov(2, n_init=1, random_state=1).fit(X)
    other = GaussianHiddenMarkov(2, n_init=1, random_state=1).fit(X * unit)
    np.testing.assert_allclose(plain.predict_proba(X), other.predict_proba(X * unit), atol=1e-8)
    np.testing.assert_allclose(other.means_, plain.means_ * unit, rtol=1e-6)


def test_finds_what_it_was_sampled_from():
    X, states = series(seed=7, n=2000)
    model = GaussianHiddenMarkov(3, "diag", n_init=3, random_state=0).fit(X)
    drawn, labels = model.sample(4000, random_state=1)
    again = GaussianHiddenMarkov(3, "diag", n_init=3, random_state=2).fit(drawn)
    order, order_again = np.argsort(model.means_[:, 0]), np.argsort(again.means_[:, 0])
    np.testing.assert_allclose(again.means_[order_again], model.means_[order], atol=0.15)
    stays, stays_again = np.diag(model.transitions_), np.diag(again.transitions_)
    np.testing.assert_allclose(stays_again[order_again], stays[order], atol=0.03)
    assert np.bincount(labels, minlength=3).min() > 200
    assert len(np.unique(states)) == 3


# What depends on neighbours is no function of a row alone.
ORDER = {
    "check_methods_sample_order_invariance": "the order of rows is the data",
    "check_methods_subset_invariance": "a position's posterior depends on its neighbours",
}


@parametrize_with_checks(
    [GaussianHiddenMarkov(2, n_init=1, random_state=0)], expected_failed_checks=lambda _: ORDER
)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_components": 0}, "n_components"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"floor": -1}, "floor"),
        ({"tol": np.nan}, "tol"),
        ({"max_iter": 0}, "max_iter"),
        ({"init": "random"}, "init"),
        ({"init": {"means": [[0.0]]}}, "init"),
        ({"random_state": -3}, "random_state"),
    ],
)
def test_refused_parameters_are_named(change, named):
    with pytest.raises(ValueError, match=named):
        GaussianHiddenMarkov(**{"n_components": 2, **change}).fit(series()[0])


@pytest.mark.parametrize("lengths", [[100, 200], [0, 400], [200.0, 200.0], [], 400])
def test_refused_lengths(lengths):
    with pytest.raises(ValueError, match="lengths"):
        GaussianHiddenMarkov(2).fit(series()[0], lengths=lengths)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"log_emissions": [[0.0, np.nan]]}, "log_emissions"),
        ({"log_emissions": [0.0, 1.0]}, "log_emissions"),
        ({"start": [0.5, 0.6]}, "start"),
        ({"start": [1.0]}, "start"),
        ({"transitions": [[1.0, 0.0], [-0.5, 1.5]]}, "transitions"),
    ],
)
def test_refused_chains_are_named(change, named):
    given = {
        "log_emissions": np.zeros((3, 2)),
        "start": [0.5, 0.5],
        "transitions": np.full((2, 2), 0.5),
    }
    for function in (forward_backward, viterbi):
        with pytest.raises(ValueError, match=named):
            function(**{**given, **change})


def test_missing_and_constant_values_are_refused():
    X, _ = series()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="X"):
        GaussianHiddenMarkov(2).fit(X)
    X[:, 1] = 1.0
    with pytest.raises(ValueError, match="constant"):
        GaussianHiddenMarkov(2).fit(X)
