"""Hidden Markov model with Gaussian emissions, fitted by the Baum-Welch algorithm."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from gitools.mixtures._chains import ChainSums, best_paths, sum_chains
from gitools.mixtures._checks import check_array, check_integer, check_not_negative, generator
from gitools.mixtures._covariances import FAMILIES, count_parameters, expand
from gitools.mixtures._em import (
    Parameters,
    log_joint_density,
    split_by_pattern,
    weighted_moments,
)
from gitools.mixtures._prior import scale_prior
from gitools.mixtures._scaling import standardise
from gitools.mixtures._starts import Model, given_start, kmeans_start

# Where a random start puts its states: nine steps of ten stay.
_STAYS_AT_FIRST = 0.9
# A step made less often than this is not told from one never made, unless it began as zero.
_RAREST_STEP = 1e-99


def forward_backward(log_emissions, start, transitions, lengths=None) -> ChainSums:
    r"""Posterior probability of each hidden state at each position.

    With :math:`\alpha_t(k) = p(x_1..x_t, z_t = k)` and
    :math:`\beta_t(k) = p(x_{t+1}..x_T \mid z_t = k)`, the posterior is
    :math:`\alpha_t(k) \beta_t(k) / \sum_j \alpha_t(j) \beta_t(j)`. Cost: T K^2 products and, on a
    long sequence, T K^3 for not having to wait from one position to the next.

    Parameters
    ----------
    log_emissions : array of shape (T, K)
        Natural log density of each position's observation under each state. -inf is allowed
        where some path of positive probability avoids it.
    start : array of shape (K,)
        Probability of each state at the first position of a sequence.
    transitions : array of shape (K, K)
        Probability of a step, from the row's state to the column's.
    lengths : sequence of int, optional
        Lengths of the independent sequences, which stand one after another; they sum to T.
        Default: one sequence.

    Returns
    -------
    ChainSums
        ``posteriors`` (T, K), ``log_likelihoods`` (n_sequences,), ``transition_counts`` (K, K)
        and ``start_counts`` (K,).

    Raises
    ------
    ValueError
        If shapes disagree, a distribution does not sum to one, an entry is NaN, or no path can
        make a sequence.

    References
    ----------
    Baum, L. E., Petrie, T., Soules, G. and Weiss, N. (1970). A maximization technique occurring
    in the statistical analysis of probabilistic functions of Markov chains. Annals of
    Mathematical Statistics 41, 164-171.
    """
    return sum_chains(*_check_chain(log_emissions, start, transitions, lengths))


def viterbi(log_emissions, start, transitions, lengths=None) -> np.ndarray:
    """Likeliest path of hidden states, of each sequence as a whole.

    Parameters
    ----------
    log_emissions, start, transitions, lengths
        See `forward_backward`.

    Returns
    -------
    int array of shape (T,)
        States, from 0. Where two paths are equally likely, the one of lower numbers.

    Raises
    ------
    ValueError
        As `forward_backward`, but for a sequence that no path can make.

    References
    ----------
    Viterbi, A. J. (1967). Error bounds for convolutional codes and an asymptotically optimum
    decoding algorithm. IEEE Transactions on Information Theory 13, 260-269.
    """
    return best_paths(*_check_chain(log_emissions, start, transitions, lengths))


class GaussianHiddenMarkov(DensityMixin, BaseEstimator):
    r"""Hidden Markov model with Gaussian emissions, fitted by Baum-Welch, which is EM.

    Each row of X is a position along a sequence (a gene, with a column for each of its probes,
    say). Its hidden state depends on the state before it through ``transitions_``, and the row
    is normal with the mean and covariance of its state. No iteration lowers the likelihood.
    Inside, the data are centred and scaled by their standard deviations, as in
    `GaussianMixtureEM`.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    covariance_type : {"full", "diag", "spherical", "tied"}, default="full"
        See `GaussianMixtureEM`.
    n_init : int, default=10
        Number of starts; the fit of highest likelihood is kept. A given `init` is run once.
    tol : float, default=1e-7
        A run has converged when an iteration raises the mean log-likelihood per position by no
        more than this.
    max_iter : int, default=1000
        Largest number of iterations of a run.
    floor : float, default=1e-6
        Smallest eigenvalue (or variance) a covariance may have, as a share of the data's
        variance.
    init : "k-means++" or mapping, default="k-means++"
        "k-means++": means drawn among the rows, one pooled covariance, and states that stay with
        probability 0.9. A mapping holds ``start_probabilities`` (K,), ``transitions`` (K, K),
        ``means`` (K, d) and ``covariances`` (shaped as `covariances_`), in the data's units; a
        probability of zero stays zero.
    random_state : int, numpy.random.Generator or None, default=None
        Source of the k-means++ starts.

    Attributes
    ----------
    start_probabilities_ : array of shape (n_components,)
    transitions_ : array of shape (n_components, n_components)
        From the row's state to the column's.
    means_ : array of shape (n_components, n_features)
    covariances_ : array
        Shape (K, d, d) for "full", (K, d) for "diag", (K,) for "spherical", (d, d) for "tied".
    log_likelihoods_ : array of shape (n_iter_,)
        Mean log-likelihood per position after each iteration.
    converged_ : bool
    n_iter_ : int
    n_parameters_ : int
        Free parameters: those of start, transitions, means and covariances.
    n_features_in_ : int

    References
    ----------
    Baum, L. E., Petrie, T., Soules, G. and Weiss, N. (1970). A maximization technique occurring
    in the statistical analysis of probabilistic functions of Markov chains. Annals of
    Mathematical Statistics 41, 164-171.

    Rabiner, L. R. (1989). A tutorial on hidden Markov models and selected applications in speech
    recognition. Proceedings of the IEEE 77, 257-286.

    Examples
    --------
    >>> import numpy as np
    >>> from gitools.mixtures import GaussianHiddenMarkov
    >>> x = np.array([0.0, 0.1, -0.1, 5.1, 4.9, 5.0, 0.1, 0.0])[:, None]
    >>> chain = GaussianHiddenMarkov(2, covariance_type="tied", random_state=0).fit(x)
    >>> np.sort(chain.means_.ravel()).round(2)
    array([0.02, 5.  ])
    """

    def __init__(
        self,
        n_components=1,
        covariance_type="full",
        n_init=10,
        tol=1e-7,
        max_iter=1000,
        floor=1e-6,
        init="k-means++",
        random_state=None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.floor = floor
        self.init = init
        self.random_state = random_state

    def fit(self, X, y=None, lengths=None):
        """Fit by Baum-Welch.

        Parameters
        ----------
        X : array-like of shape (n_positions, n_features)
            All sequences, one after another.
        y : ignored
        lengths : sequence of int, optional
            Lengths of the sequences; they sum to n_positions. Default: one sequence.

        Returns
        -------
        GaussianHiddenMarkov
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If X, lengths or a parameter is not as described, if a feature is constant, if X has
            fewer distinct rows than states, or if a state collapses in spite of the floor.

        Warns
        -----
        ConvergenceWarning
            If the run that is kept used up `max_iter`.
        """
        X = self._validate_data(X, reset=True)
        self._check_parameters()
        lengths = _check_lengths(lengths, len(X), "X")
        scaling = standardise(X, self.n_components, self.covariance_type)
        no_prior = scale_prior(
            None, self.n_components, self.covariance_type, scaling.variances, scaling.unit
        )
        patterns = split_by_pattern(scaling.X)
        model = Model(self.covariance_type, self.floor, no_prior, patterns)
        best = None
        for start in self._starts(scaling, model, generator(self.random_state)):
            run = _climb(start, model, lengths, self.tol, self.max_iter)
            if best is None or run.trace[-1] > best.trace[-1]:
                best = run
        self._keep(best, scaling)
        if not self.converged_:
            warnings.warn(
                f"Baum-Welch used up max_iter={self.max_iter} iterations before an iteration "
                f"raised the mean log-likelihood by less than tol={self.tol:g}.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X, lengths=None):
        """Posterior probability of each state at each position, given its whole sequence.

        Parameters
        ----------
        X : array-like of shape (n_positions, n_features)
        lengths : sequence of int, optional
            See `fit`.

        Returns
        -------
        array of shape (n_positions, n_components)

        Raises
        ------
        NotFittedError, ValueError
            If the estimator is not fitted, or X or lengths does not fit it.
        """
        return self._sums(X, lengths).posteriors

    def predict(self, X, lengths=None):
        """Likeliest path of states (Viterbi).

        It is likeliest as a whole; the likeliest state of each position by itself is the
        largest of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_positions, n_features)
        lengths : sequence of int, optional

        Returns
        -------
        int array of shape (n_positions,)

        Raises
        ------
        NotFittedError, ValueError
            As `predict_proba`.
        """
        log_emissions = self._log_emissions(X)
        lengths = _check_lengths(lengths, len(log_emissions), "X")
        return best_paths(log_emissions, self.start_probabilities_, self.transitions_, lengths)

    def score(self, X, y=None, lengths=None):
        """Mean log-likelihood per position.

        Parameters
        ----------
        X : array-like of shape (n_positions, n_features)
        y : ignored
        lengths : sequence of int, optional

        Returns
        -------
        float
            Natural logarithm, in the data's units.

        Raises
        ------
        NotFittedError, ValueError
            As `predict_proba`.
        """
        sums = self._sums(X, lengths)
        return float(sums.log_likelihoods.sum() / len(sums.posteriors))

    def bic(self, X, lengths=None):
        r"""Bayesian information criterion in Schwarz's sign: smaller is better.

        :math:`-2 \log L + p \log n` with p free parameters and n positions. Positions are not
        independent, so n overstates what they tell.

        Parameters
        ----------
        X : array-like of shape (n_positions, n_features)
        lengths : sequence of int, optional

        Returns
        -------
        float

        Raises
        ------
        NotFittedError, ValueError
            As `predict_proba`.
        """
        sums = self._sums(X, lengths)
        n = len(sums.posteriors)
        return float(-2 * sums.log_likelihoods.sum() + self.n_parameters_ * np.log(n))

    def sample(self, n_positions=1, random_state=None):
        """Draw one sequence from the fitted model.

        Parameters
        ----------
        n_positions : int, default=1
        random_state : int, numpy.random.Generator or None, default=None

        Returns
        -------
        X : array of shape (n_positions, n_features)
        states : int array of shape (n_positions,)

        Raises
        ------
        NotFittedError, ValueError
            If the estimator is not fitted or n_positions is not an integer of at least 1.
        """
        check_is_fitted(self)
        check_integer(n_positions, "n_positions", 1)
        rng = generator(random_state)
        edges = np.cumsum(np.vstack([self.start_probabilities_, self.transitions_]), axis=1)
        states = np.empty(n_positions, dtype=np.intp)
        row = 0
        for t, u in enumerate(rng.random(n_positions)):
            states[t] = min(np.searchsorted(edges[row], u, side="right"), edges.shape[1] - 1)
            row = states[t] + 1
        noise = rng.standard_normal((n_positions, self.n_features_in_))
        covariances = expand(self.covariances_, self.covariance_type, self.means_.shape)
        if covariances.ndim == 3:
            roots = np.linalg.cholesky(covariances)[states]
            return self.means_[states] + (roots @ noise[:, :, None])[:, :, 0], states
        return self.means_[states] + noise * np.sqrt(covariances[states]), states

    def _validate_data(self, X, reset):
        try:
            return validate_data(
                self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1
            )
        except ValueError as error:
            raise ValueError(f"X: {error}") from error

    def _check_parameters(self):
        for name in ("n_components", "n_init", "max_iter"):
            check_integer(getattr(self, name), name, 1)
        for name in ("tol", "floor"):
            check_not_negative(getattr(self, name), name)
        if not isinstance(self.covariance_type, str) or self.covariance_type not in FAMILIES:
            raise ValueError(
                f"covariance_type: got {self.covariance_type!r}, expected one of "
                f"{', '.join(FAMILIES)}."
            )

    def _starts(self, scaling, model, rng):
        n_states = self.n_components
        if isinstance(self.init, Mapping):
            yield _mapped_start(self.init, scaling, n_states, model)
            return
        if self.init != "k-means++":
            raise ValueError(f"init: got {self.init!r}, expected 'k-means++' or a mapping.")
        leaves = (1 - _STAYS_AT_FIRST) / max(n_states - 1, 1)
        transitions = np.full((n_states, n_states), leaves)
        np.fill_diagonal(transitions, _STAYS_AT_FIRST if n_states > 1 else 1.0)
        for _ in range(self.n_init):
            emissions = kmeans_start(scaling, n_states, model, rng).parameters
            yield _Chain(np.full(n_states, 1 / n_states), transitions, emissions)

    def _keep(self, run, scaling):
        unit, emissions = scaling.unit, run.chain.emissions
        covariances = emissions.covariances
        self.start_probabilities_, self.transitions_ = run.chain.start, run.chain.transitions
        self.means_ = scaling.centre + emissions.means * unit
        if self.covariance_type == "full":
            self.covariances_ = covariances * np.outer(unit, unit)
        elif self.covariance_type == "tied":
            self.covariances_ = covariances[0] * np.outer(unit, unit)
        elif self.covariance_type == "diag":
            self.covariances_ = covariances * unit**2
        else:
            self.covariances_ = covariances[:, 0] * unit[0] ** 2
        self.log_likelihoods_ = np.array(run.trace) - np.log(unit).sum()
        self.converged_ = run.converged
        self.n_iter_ = len(run.trace)
        n_states, n_features = self.means_.shape
        self.n_parameters_ = n_states * (n_states - 1) + count_parameters(
            n_states, n_features, self.covariance_type
        )

    def _log_emissions(self, X):
        check_is_fitted(self)
        X = self._validate_data(X, reset=False)
        covariances = expand(self.covariances_, self.covariance_type, self.means_.shape)
        flat = Parameters(np.ones(len(self.means_)), self.means_, covariances)
        return log_joint_density(split_by_pattern(X), flat, len(X))

    def _sums(self, X, lengths):
        log_emissions = self._log_emissions(X)
        lengths = _check_lengths(lengths, len(log_emissions), "X")
        return sum_chains(log_emissions, self.start_probabilities_, self.transitions_, lengths)


@dataclass(frozen=True)
class _Chain:
    """Start (K,), transitions (K, K), and emissions of standardised data, with weights of one."""

    start: np.ndarray
    transitions: np.ndarray
    emissions: Parameters

    def sums(self, patterns, lengths):
        n_states = len(self.start)
        flat = Parameters(np.ones(n_states), self.emissions.means, self.emissions.covariances)
        log_emissions = log_joint_density(patterns, flat, int(lengths.sum()))
        return sum_chains(log_emissions, self.start, self.transitions, lengths)


@dataclass(frozen=True)
class _Run:
    chain: _Chain
    trace: list
    converged: bool


def _climb(chain, model, lengths, tol, max_iter):
    trace, converged = [], False
    sums = chain.sums(model.patterns, lengths)
    before = sums.log_likelihoods.sum() / lengths.sum()
    while not converged and len(trace) < max_iter:
        chain = _maximise(sums, chain, model)
        sums = chain.sums(model.patterns, lengths)
        trace.append(sums.log_likelihoods.sum() / lengths.sum())
        converged = trace[-1] - before <= tol
        before = trace[-1]
    return _Run(chain, trace, bool(converged))


def _maximise(sums, chain, model):
    """Shares of expected starts and steps, weighted moments of the emissions."""
    values = model.patterns[0].values
    # A state that no position is in keeps a mean (that of all) and costs nothing.
    responsibilities = np.ascontiguousarray(np.maximum(sums.posteriors, 1e-300).T)
    centres, statistics = weighted_moments(values, responsibilities, model.dense)
    about = Parameters(chain.emissions.weights, centres, chain.emissions.covariances)
    left = sums.transition_counts.sum(axis=1, keepdims=True)
    steps = sums.transition_counts / np.where(left > 0, left, 1)
    transitions = np.where(left > 0, _not_quite_zero(steps, chain.transitions), chain.transitions)
    starts = sums.start_counts / sums.start_counts.sum()
    return _Chain(
        _not_quite_zero(starts, chain.start), transitions, model.maximisation(statistics, about)
    )


def _not_quite_zero(probabilities, before):
    return np.where(before > 0, np.maximum(probabilities, _RAREST_STEP), 0.0)


def _mapped_start(init, scaling, n_states, model):
    names = {"start_probabilities", "transitions", "means", "covariances"}
    if set(init) != names:
        raise ValueError(f"init: got keys {sorted(init)}, expected {sorted(names)}.")
    emissions = {
        "weights": np.full(n_states, 1 / n_states),
        "means": init["means"],
        "covariances": init["covariances"],
    }
    start, transitions = _check_probabilities(
        init["start_probabilities"], init["transitions"], n_states, "init['{}']"
    )
    given = given_start(emissions, scaling, n_states, model)
    return _Chain(start, transitions, given.parameters)


def _check_chain(log_emissions, start, transitions, lengths):
    try:
        log_emissions = np.asarray(log_emissions, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("log_emissions: got values that are not numbers") from None
    if log_emissions.ndim != 2 or 0 in log_emissions.shape:
        raise ValueError(f"log_emissions: got shape {log_emissions.shape}, expected (T, K)")
    if np.isnan(log_emissions).any() or np.isposinf(log_emissions).any():
        raise ValueError("log_emissions: got NaN or +inf, expected log densities")
    start, transitions = _check_probabilities(start, transitions, log_emissions.shape[1], "{}")
    lengths = _check_lengths(lengths, len(log_emissions), "log_emissions")
    return log_emissions, start, transitions, lengths


def _check_probabilities(start, transitions, n_states, label):
    names = "start_probabilities" if "init" in label else "start", "transitions"
    shapes = (n_states,), (n_states, n_states)
    checked = []
    for name, value, shape in zip(names, (start, transitions), shapes, strict=True):
        name = label.format(name)
        array = check_array(value, name, shape)
        sums = array.sum(axis=-1)
        if array.min() < 0 or not np.allclose(sums, 1, rtol=0, atol=1e-8):
            raise ValueError(
                f"{name}: got minimum {array.min():g} and sums from {sums.min():g} to "
                f"{sums.max():g}, expected none negative and sums of 1."
            )
        checked.append(array / sums[..., None])
    return checked


def _check_lengths(lengths, n_positions, of):
    if lengths is None:
        return np.array([n_positions])
    try:
        array = np.asarray(lengths)
    except (TypeError, ValueError):
        raise ValueError(f"lengths: got {lengths!r}, expected integers") from None
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer) or array.size == 0:
        raise ValueError(f"lengths: got {lengths!r}, expected a list of integers")
    if array.min() < 1 or array.sum() != n_positions:
        raise ValueError(
            f"lengths: got minimum {array.min()} and sum {array.sum()}, expected lengths of at "
            f"least 1 that sum to the {n_positions} rows of {of}"
        )
    return array
