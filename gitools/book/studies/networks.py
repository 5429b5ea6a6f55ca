"""Small networks in numpy, and the studies of chapter 34 that train many of them.

Each hidden layer is linear, then BatchNorm if asked for, ReLU, and dropout if asked for; the last
layer is linear with one output. All parameters lie in one vector, of which the layers are views,
so that an optimiser's step is a few operations on vectors.

References
----------
Ioffe, S. and Szegedy, C. (2015). Batch normalization. ICML, PMLR 37, 448-456.

Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.

Srivastava, N. et al. (2014). Dropout. Journal of Machine Learning Research 15, 1929-1958.
"""

from itertools import pairwise
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from gitools.shrinkage.oracle import oracle_posterior_mean
from gitools.simulate.gwas import simulate_summary_statistics

_MOMENTUM = 0.1
_SMALLEST_VARIANCE = 1e-5


class Loci(NamedTuple):
    """Studies of simulated loci.

    Attributes
    ----------
    beta, b : float arrays of shape (m, p)
        Marginal estimates and the joint effects behind them, standardised.
    locus : int array of shape (m,)
        Which LD matrix each row was drawn with.
    """

    beta: np.ndarray
    b: np.ndarray
    locus: np.ndarray


def simulate_loci(
    ld, n, causal_fraction, effect_variance, n_draws=1, *, n_cohorts=1, random_state=None
) -> Loci:
    """Draw effects and marginal estimates for every LD matrix.

    Parameters
    ----------
    ld : float array of shape (n_loci, p, p)
        LD matrices.
    n : int
        Number of people of a study.
    causal_fraction, effect_variance : float
        Probability that an effect is not zero, in [0, 1], and its variance then, at least 0.
    n_draws : int
        Draws of the effects for every locus.
    n_cohorts : int
        Studies of each draw, of different people.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.

    Returns
    -------
    Loci
        With m = n_loci * n_draws * n_cohorts rows, a locus's rows together.

    Raises
    ------
    ValueError
        If an argument is out of range or the simulation refuses it.
    """
    ld = np.asarray(ld, dtype=float)
    if ld.ndim != 3 or ld.shape[1] != ld.shape[2]:
        raise ValueError(f"ld: got shape {ld.shape}, expected (n_loci, p, p)")
    _check_number("causal_fraction", causal_fraction, 0, 1)
    _check_number("effect_variance", effect_variance, 0, np.inf)
    _check_count("n_draws", n_draws)
    _check_count("n_cohorts", n_cohorts)
    rng = np.random.default_rng(random_state)
    beta, effects = [], []
    for R in ld:
        for _ in range(n_draws):
            causal = rng.random(len(R)) < causal_fraction
            b = np.where(causal, rng.normal(0, np.sqrt(effect_variance), len(R)), 0.0)
            study = simulate_summary_statistics(R, b, n, n_replicates=n_cohorts, random_state=rng)
            beta.append(study.beta)
            effects.append(np.broadcast_to(b, study.beta.shape))
    locus = np.repeat(np.arange(len(ld)), n_draws * n_cohorts)
    return Loci(np.concatenate(beta), np.concatenate(effects), locus)


def neighbour_features(beta, ld, locus, n_neighbours):
    """What a network sees of each variant: its estimate, its closest neighbours', the correlations.

    Parameters
    ----------
    beta : float array of shape (m, p)
        Marginal estimates.
    ld : float array of shape (n_loci, p, p)
        LD matrices.
    locus : int array of shape (m,)
        LD matrix of each row of ``beta``.
    n_neighbours : int
        Number r of other variants, by absolute correlation, largest first; less than p.

    Returns
    -------
    float array of shape (m * p, 1 + 2 r)

    Raises
    ------
    ValueError
        If a locus has too few variants or shapes disagree.
    """
    p = ld.shape[1]
    if beta.ndim != 2 or beta.shape != (len(locus), p):
        raise ValueError(f"beta: got shape {beta.shape}, expected ({len(locus)}, {p})")
    _check_count("n_neighbours", n_neighbours, least=0)
    if n_neighbours >= p:
        raise ValueError(f"n_neighbours: got {n_neighbours}, expected fewer than {p} variants")
    strength = np.abs(ld)
    strength[:, np.arange(p), np.arange(p)] = -1
    closest = np.argsort(-strength, axis=2, kind="stable")[:, :, :n_neighbours]
    correlations = np.take_along_axis(ld, closest, axis=2)[locus]
    theirs = np.take_along_axis(beta[:, None, :], closest[locus], axis=2)
    return np.concatenate([beta[:, :, None], theirs, correlations], axis=2).reshape(beta.size, -1)


class Network:
    """A multilayer perceptron with ReLU and one output.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden units of each layer, and 1.
    random_state : int, sequence of int, numpy Generator or None
        Draws the initial weights, N(0, 2 / inputs of the layer), and biases, uniform within
        1 / sqrt(inputs) of zero.
    dropout : float
        Share of the hidden units left out in training mode, in [0, 1).
    batch_norm : bool
        Whether hidden units are scaled by the mean and variance of the batch in training mode,
        and by running ones in evaluation mode.

    Attributes
    ----------
    parameters : float array of shape (n_parameters,)
    is_weight : bool array of shape (n_parameters,)
        Which of them are weights: weight decay is for these.

    Raises
    ------
    ValueError
        If the sizes are no network's, or an option is out of range.
    """

    def __init__(self, sizes, random_state=None, *, dropout=0.0, batch_norm=False):
        sizes = list(sizes)
        if len(sizes) < 2 or sizes[-1] != 1:
            raise ValueError(f"sizes: got {sizes}, expected inputs, hidden units, and 1 output")
        for size in sizes:
            _check_count("sizes", size)
        _check_number("dropout", dropout, 0, 1)
        if dropout == 1:
            raise ValueError("dropout: got 1, expected a share below 1")
        self.sizes, self.dropout, self.batch_norm = sizes, dropout, batch_norm
        rng = np.random.default_rng(random_state)
        parts = [part for pair in pairwise(sizes) for part in _initial(*pair, rng)]
        hidden = sizes[1:-1] if batch_norm else []
        parts += [part for size in hidden for part in (np.ones(size), np.zeros(size))]
        self.parameters = np.concatenate([part.ravel() for part in parts])
        self.is_weight = np.concatenate([np.full(part.size, part.ndim == 2) for part in parts])
        self._shapes = [part.shape for part in parts]
        self._running = [(np.zeros(size), np.ones(size)) for size in hidden]
        self._views = self._split(self.parameters)

    def _split(self, vector):
        """Views of a vector in the parameters' shapes: weights and bias a layer, then BatchNorm."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        views = [
            vector[end - int(np.prod(shape)) : end].reshape(shape)
            for end, shape in zip(ends, self._shapes, strict=True)
        ]
        pairs = list(zip(views[::2], views[1::2], strict=True))
        return pairs[: len(self.sizes) - 1], pairs[len(self.sizes) - 1 :]

    def forward(self, X, *, training=False, rng=None, update=False):
        """Outputs [n] of inputs [n, n_inputs], and what `backward` needs.

        ``training`` uses the batch's own mean and variance and drops units drawn from ``rng``;
        ``update`` lets the running ones follow.
        """
        layers, norms = self._views
        h, cache = X, []
        for k, (W, c) in enumerate(layers[:-1]):
            a, scaled, deviation = h @ W + c, None, None
            if self.batch_norm:
                scaled, deviation = self._normalise(a, k, training, update)
                a = norms[k][0] * scaled + norms[k][1]
            mask = (a > 0).astype(float)
            if training and self.dropout:
                mask *= (rng.random(a.shape) >= self.dropout) / (1 - self.dropout)
            cache.append((h, scaled, deviation, mask))
            h = a * mask
        W, c = layers[-1]
        return (h @ W + c)[:, 0], [*cache, h]

    def _normalise(self, a, k, training, update):
        mean, variance = (a.mean(axis=0), a.var(axis=0)) if training else self._running[k]
        if update:
            old, size = self._running[k], len(a)
            self._running[k] = (
                old[0] + _MOMENTUM * (mean - old[0]),
                old[1] + _MOMENTUM * (variance * size / max(size - 1, 1) - old[1]),
            )
        deviation = np.sqrt(variance + _SMALLEST_VARIANCE)
        return (a - mean) / deviation, deviation

    def backward(self, cache, delta):
        """Gradient [n_parameters] of a loss, from its derivative delta [n] by the outputs."""
        gradient = np.empty_like(self.parameters)
        to_layers, to_norms = self._split(gradient)
        layers, norms = self._views
        *hidden, last = cache
        delta = delta[:, None]
        to_layers[-1][0][:], to_layers[-1][1][:] = last.T @ delta, delta.sum(axis=0)
        for k in range(len(hidden) - 1, -1, -1):
            h, scaled, deviation, mask = hidden[k]
            delta = (delta @ layers[k + 1][0].T) * mask
            if self.batch_norm:
                to_norms[k][0][:], to_norms[k][1][:] = (delta * scaled).sum(0), delta.sum(0)
                delta = delta * norms[k][0]
                delta = delta - delta.mean(0) - scaled * (delta * scaled).mean(0)
                delta = delta / deviation
            to_layers[k][0][:], to_layers[k][1][:] = h.T @ delta, delta.sum(axis=0)
        return gradient

    def predict(self, X, *, training=False, rng=None, group=None):
        """Outputs [n]; in training mode rows are put through ``group`` at a time."""
        if not training:
            return self.forward(X)[0]
        starts = range(0, len(X), group or len(X))
        parts = [self.forward(X[s : s + (group or len(X))], training=True, rng=rng) for s in starts]
        return np.concatenate([output for output, _ in parts])


def _initial(n_in, n_out, rng):
    limit = 1 / np.sqrt(n_in)
    return rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)), rng.uniform(-limit, limit, n_out)


class Adam:
    """Adam with decoupled weight decay, on one vector of parameters."""

    def __init__(self, network, rate, weight_decay=0.0):
        self.network, self.rate, self.weight_decay = network, rate, weight_decay
        self.mean = np.zeros_like(network.parameters)
        self.square = np.zeros_like(network.parameters)
        self.t = 0

    def step(self, gradient) -> None:
        """Move the network's parameters against a gradient [n_parameters]."""
        self.t += 1
        self.mean += 0.1 * (gradient - self.mean)
        self.square += 0.001 * (gradient**2 - self.square)
        size = np.sqrt(self.square / (1 - 0.999**self.t)) + 1e-8
        parameters = self.network.parameters
        if self.weight_decay:
            parameters -= self.rate * self.weight_decay * self.network.is_weight * parameters
        parameters -= self.rate * self.mean / (1 - 0.9**self.t) / size


class Training(NamedTuple):
    """A trained network and the mean squared errors on the way.

    Attributes
    ----------
    network : Network
        With the parameters of the epoch of least validation error, if there were validation rows.
    train, validation : float arrays of shape (n_epochs,)
        Error over an epoch's batches as they came, and on the validation rows after it.
    epoch : int
        The epoch chosen, counted from 0.
    """

    network: Network
    train: np.ndarray
    validation: np.ndarray
    epoch: int


def epoch_of(network, optimiser, X, y, batch, rng) -> float:
    """One pass over the rows in random order; mean squared error of the batches as they came."""
    total = 0.0
    order = rng.permutation(len(y))
    for at in np.array_split(order, max(len(y) // batch, 1)):
        output, cache = network.forward(X[at], training=True, rng=rng, update=True)
        error = output - y[at]
        optimiser.step(network.backward(cache, 2 * error / len(at)))
        total += error @ error
    return total / len(y)


def train(
    network, X, y, validation=None, *, rate=3e-3, epochs=30, batch=200, patience=5,
    weight_decay=0.0, random_state=None,
) -> Training:  # fmt: skip
    """Adam with early stopping.

    Parameters
    ----------
    network : Network
        Trained in place.
    X : float array of shape (rows, inputs)
    y : float array of shape (rows,)
    validation : pair of arrays, optional
        Inputs and targets on which the error is watched. Without them all epochs are run.
    rate, weight_decay : float
        Of Adam; the decay is decoupled and leaves biases alone.
    epochs, batch, patience : int
        Most passes over the rows, rows a step, and epochs to wait for a smaller validation error.
    random_state : int, sequence of int, numpy Generator or None
        Order of the rows, and dropout.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If shapes disagree, values are not finite or counts are below 1.
    """
    _check_rows(network, X, y, "X")
    if validation is not None:
        _check_rows(network, *validation, "validation")
    for name, value in (("epochs", epochs), ("batch", batch), ("patience", patience)):
        _check_count(name, value)
    rng = np.random.default_rng(random_state)
    optimiser, errors, watched = Adam(network, rate, weight_decay), [], []
    best, kept = 0, None
    for epoch in range(epochs):
        errors.append(epoch_of(network, optimiser, X, y, batch, rng))
        if validation is None:
            best = epoch
            continue
        watched.append(np.mean((network.predict(validation[0]) - validation[1]) ** 2))
        if watched[epoch] <= watched[best]:
            best, kept = epoch, (network.parameters.copy(), list(network._running))
        if epoch - best >= patience:
            break
    if kept is not None:
        network.parameters[:], network._running = kept
    return Training(network, np.array(errors), np.array(watched), best)


class Ensemble(NamedTuple):
    """Networks of one kind and the scales of what they were fed.

    Attributes
    ----------
    networks : list of Network
    mean, sd : float arrays of shape (inputs,)
        Of the inputs in training.
    unit : float
        Root mean square of the targets' own estimates: outputs are in these units.
    """

    networks: list
    mean: np.ndarray
    sd: np.ndarray
    unit: float

    def predict_each(self, X):
        """Outputs [members, rows] on the targets' scale, for inputs [rows, inputs]."""
        scaled = (X - self.mean) / self.sd
        return self.unit * np.array([network.predict(scaled) for network in self.networks])

    def predict(self, X):
        """Mean of the members [rows]."""
        return self.predict_each(X).mean(axis=0)


def train_ensemble(X, y, validation, hidden, n_members, *, random_state=None, dropout=0.0,
                   batch_norm=False, **options) -> Ensemble:  # fmt: skip
    """Train networks that differ in initial weights and order of the rows only.

    Parameters
    ----------
    X : float array of shape (rows, inputs)
        Features as from `neighbour_features`, the variant's own estimate first.
    y : float array of shape (rows,)
        Effects, in the units of the estimates.
    validation : pair of arrays
        Inputs and targets for early stopping, in the same units.
    hidden : sequence of int
        Units of each hidden layer.
    n_members : int
        Number of networks.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness; each member has a stream of its own.
    dropout, batch_norm
        As in `Network`.
    **options
        As in `train`.

    Returns
    -------
    Ensemble

    Raises
    ------
    ValueError
        If an input does not vary, or `Network` or `train` refuse an argument.
    """
    _check_count("n_members", n_members)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    if not np.all(sd > 0):
        raise ValueError("X: got a column that does not vary, expected inputs that do")
    unit = np.sqrt(np.mean(X[:, 0] ** 2))
    watched = (validation[0] - mean) / sd, validation[1] / unit
    networks = []
    for own in np.random.default_rng(random_state).spawn(n_members):
        network = Network([X.shape[1], *hidden, 1], own, dropout=dropout, batch_norm=batch_norm)
        train(network, (X - mean) / sd, y / unit, watched, random_state=own, **options)
        networks.append(network)
    return Ensemble(networks, mean, sd, float(unit))


def exact_means(loci, ld, n, causal_fraction, effect_variance):
    """Posterior mean of the effects of every study of every locus, all causal sets summed.

    Parameters
    ----------
    loci : Loci
        With at most 12 variants a locus.
    ld : float array of shape (n_loci, p, p)
        LD matrices.
    n, causal_fraction, effect_variance
        The prior and the studies' size, as in `simulate_loci`. The variance that a locus is
        expected to explain is taken off the noise.

    Returns
    -------
    float array of shape (m, p)

    Raises
    ------
    ValueError
        If `gitools.shrinkage.oracle_posterior_mean` refuses an argument.
    """
    rest = 1 - ld.shape[1] * causal_fraction * effect_variance
    return np.array([
        oracle_posterior_mean(
            beta, ld[k], n, causal_fraction, effect_variance, rest, method="enumerate"
        )
        for beta, k in zip(loci.beta, loci.locus, strict=True)
    ])  # fmt: skip


class Ratio(NamedTuple):
    """A ratio of mean errors and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def error_ratio(errors, reference, *, random_state=None, n_boot=2000) -> Ratio:
    """Ratio of the mean of ``errors`` to that of ``reference``, resampling pairs of them.

    Parameters
    ----------
    errors, reference : float arrays of shape (units,)
        Mean squared errors of two rules on the same loci or data sets.
    random_state : int, sequence of int, numpy Generator or None
        Source of randomness.
    n_boot : int
        Number of resamples.

    Returns
    -------
    Ratio

    Raises
    ------
    ValueError
        If shapes disagree or there are fewer than two units.
    """
    errors, reference = np.asarray(errors, dtype=float), np.asarray(reference, dtype=float)
    if errors.shape != reference.shape or errors.ndim != 1 or len(errors) < 2:
        raise ValueError(
            f"errors: got shapes {errors.shape} and {reference.shape}, expected two or more pairs"
        )
    rng = np.random.default_rng(random_state)
    at = rng.integers(0, len(errors), (n_boot, len(errors)))
    drawn = errors[at].mean(axis=1) / reference[at].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Ratio(float(errors.mean() / reference.mean()), float(low), float(high))


class Recorded(NamedTuple):
    """Errors after every epoch; arrays of shape (n_epochs,).

    Attributes
    ----------
    validation, test : float array
        Mean squared errors in evaluation mode.
    validation_training, test_training : float array
        The same in training mode, a study of one locus a batch.
    """

    validation: np.ndarray
    test: np.ndarray
    validation_training: np.ndarray
    test_training: np.ndarray


def record(network, X, y, validation, test, group, *, epochs, rate, batch, weight_decay=0.0,
           random_state=None) -> Recorded:  # fmt: skip
    """Train to the end and write down the errors in both modes after every epoch.

    Parameters
    ----------
    network, X, y, rate, epochs, batch, weight_decay, random_state
        As in `train`.
    validation, test : pairs of arrays
        Inputs and targets.
    group : int
        Rows of one study of a locus: what training mode sees at once.

    Returns
    -------
    Recorded

    Raises
    ------
    ValueError
        If shapes disagree, values are not finite or counts are below 1.
    """
    for name, rows in (("X", (X, y)), ("validation", validation), ("test", test)):
        _check_rows(network, *rows, name)
    for name, value in (("epochs", epochs), ("batch", batch), ("group", group)):
        _check_count(name, value)
    rng, dropped = np.random.default_rng(random_state).spawn(2)
    optimiser, rows = Adam(network, rate, weight_decay), []
    for _ in range(epochs):
        epoch_of(network, optimiser, X, y, batch, rng)
        modes = ({}, {"training": True, "rng": dropped, "group": group})
        rows.append(
            [np.mean((network.predict(A, **mode) - t) ** 2) for mode in modes
             for A, t in (validation, test)]
        )  # fmt: skip
    return Recorded(*np.array(rows).T)


def _check_rows(network, X, y, name):
    if X.ndim != 2 or X.shape[1] != network.sizes[0] or y.shape != (len(X),) or len(X) == 0:
        raise ValueError(
            f"{name}: got shapes {X.shape} and {y.shape}, expected (rows, {network.sizes[0]}) and "
            "(rows,)"
        )
    if not (np.all(np.isfinite(X)) and np.all(np.isfinite(y))):
        raise ValueError(f"{name}: got NaN or infinity, expected finite numbers")


def _check_count(name, value, least=1):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")


def _check_number(name, value, low, high):
    if not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"{name}: got {value!r}, expected a number from {low} to {high}")
