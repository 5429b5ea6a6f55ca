r"""Training of `gitools.shrinkage.NeuralShrinkage`: simulated blocks, settings and the loss.

The squared error of a data set is divided by what the solver made of it before training: the error
announced and a share of the squared estimates, a function of the data alone. Such a weight keeps
studies of strong signals from outvoting all others, and leaves the best answer where it was, at the
posterior mean; a weight by the true effects would not.

PyTorch is needed here, and only here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from gitools.association.ld import ld_matrix
from gitools.shrinkage import neural_solver
from gitools.shrinkage._checks import check_count, check_number
from gitools.simulate.genotypes import simulate_genotypes

# Added to the error that is announced: where signals are strong it is too small by far.
_SIGNAL_SHARE, _WEIGHT_FLOOR = 0.3, 1.0
_VARIANCE_WEIGHT, _PIP_WEIGHT = 0.02, 0.5
_LARGEST_LOG_SCORE = 50.0
# Opposite effects that hide each other are beyond anybody's reach; they only add noise.
_LARGEST_ERROR = 10.0
_LARGEST_GRADIENT = 1.0
# Effects that explain more of the trait than this are drawn again.
_MOST_EXPLAINED, _MOST_DRAWS = 0.9, 20


class SimulatedBlock(NamedTuple):
    """One LD block with the summary statistics of several simulated traits.

    Attributes
    ----------
    R : float array of shape (p, p)
        LD correlations.
    z : float array of shape (p, n_traits)
        z scores.
    u : float array of shape (p, n_traits)
        True joint effects over their standard errors.
    se : float array of shape (n_traits,)
        Standard errors of standardised effects, the same for all variants: 1 / sqrt(n).
    """

    R: np.ndarray
    z: np.ndarray
    u: np.ndarray
    se: np.ndarray


@dataclass(frozen=True)
class SettingsPrior:
    """What settings of a locus training draws from; pairs are bounds.

    Attributes
    ----------
    n : pair of float
        People; log-uniform.
    h2 : pair of float
        Share of the trait's variance that the block explains, were its causal variants not in LD
        with each other; log-uniform.
    signal : pair of float
        n times h2, the sum of squared joint z scores; draws outside are drawn again.
    causal_fraction : pair of float
        Log-uniform; at least one variant is causal.
    frequency_power : pair of float
        1 + s: power of 2 f (1 - f) in the variance of a standardised effect; uniform.
    ld_power : pair of float
        w: power of the LD score (its self term counted) in that variance; uniform.
    null_share : float
        Share of traits without any effect.
    """

    n: tuple[float, float] = (5e3, 5e5)
    h2: tuple[float, float] = (2e-4, 0.5)
    signal: tuple[float, float] = (5.0, 2e4)
    causal_fraction: tuple[float, float] = (0.002, 0.1)
    frequency_power: tuple[float, float] = (0.0, 1.0)
    ld_power: tuple[float, float] = (-1.0, 0.0)
    null_share: float = 0.03

    def draw(self, R, frequencies, rng):
        """True effects over standard errors [p], variance of the noise, and number of people.

        Parameters
        ----------
        R : float array of shape (p, p)
        frequencies : float array of shape (p,)
            Allele frequencies.
        rng : numpy Generator

        Returns
        -------
        u : float array of shape (p,)
        noise : float
        n : float
        """
        p = len(R)
        n, h2 = self._size(rng)
        if rng.random() < self.null_share:
            return np.zeros(p), 1.0, n
        n_causal = max(1, round(p * _log_uniform(self.causal_fraction, rng)))
        causal = rng.choice(p, n_causal, replace=False)
        f, scores = frequencies[causal], np.einsum("ij,ij->i", R[causal], R[causal])
        variance = (2 * f * (1 - f)) ** rng.uniform(*self.frequency_power)
        variance = variance * scores ** rng.uniform(*self.ld_power)
        among = R[np.ix_(causal, causal)]
        for _ in range(_MOST_DRAWS):
            b = rng.normal(0, np.sqrt(variance * h2 / variance.sum()))
            explained = b @ among @ b
            if explained < _MOST_EXPLAINED:
                break
        else:
            b, explained = b * np.sqrt(h2 / explained), h2
        u = np.zeros(p)
        u[causal] = b * np.sqrt(n)
        return u, 1 - explained, n

    def _size(self, rng):
        while True:
            n, h2 = _log_uniform(self.n, rng), _log_uniform(self.h2, rng)
            if self.signal[0] <= n * h2 <= self.signal[1]:
                return n, h2


@dataclass(frozen=True)
class ReleaseSettings(SettingsPrior):
    """The 16 settings that ML-MAGES trains on: two values each of h2, fraction, s and w."""

    def draw(self, R, frequencies, rng):
        """See `SettingsPrior.draw`."""
        h2, fraction = rng.choice([0.3, 0.7]), rng.choice([0.01, 0.05])
        power, w = 1 + rng.choice([-0.25, 0.0]), rng.choice([-1.0, 0.0])
        one = SettingsPrior(
            (10_000, 10_000), (h2, h2), (0, np.inf), (fraction, fraction), (power, power), (w, w), 0
        )
        return one.draw(R, frequencies, rng)


def _log_uniform(bounds, rng):
    low, high = bounds
    return float(low * (high / low) ** rng.random())


class Stretch(NamedTuple):
    """Genotypes of one stretch of sequence, from which windows are cut.

    Attributes
    ----------
    standardised : float32 array of shape (n_people, p)
        Dosages of mean 0 and variance 1.
    R : float32 array of shape (p, p)
    frequencies : float array of shape (p,)
    """

    standardised: np.ndarray
    R: np.ndarray
    frequencies: np.ndarray


def simulate_stretch(n_variants, rng, n_people=3000):
    """Coalescent genotypes with a density of variants and of hot spots drawn at random.

    Array-like thinning keeps 1 in 20 to all variants (log-uniform), recombination is 3e-9 to 2e-8
    (log-uniform), with 0 to 60 hot spots a megabase.

    Parameters
    ----------
    n_variants : int
    rng : numpy Generator
    n_people : int
        Unrelated people, from whom LD is computed too.

    Returns
    -------
    Stretch
    """
    panel = simulate_genotypes(
        n_people,
        n_variants,
        n_blocks=1,
        thinning=_log_uniform((0.05, 1.0), rng),
        recombination=_log_uniform((3e-9, 2e-8), rng),
        hotspots=float(rng.uniform(0, 60)),
        random_state=rng,
    )
    X = panel.dosages.astype(np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return Stretch(X, ld_matrix(panel.dosages).astype(np.float32), panel.frequencies)


def draw_block(stretch, prior, rng, *, sizes=(100, 2000), cells=10_000):
    """A random window of a stretch with summary statistics of traits drawn from a prior.

    Parameters
    ----------
    stretch : Stretch
    prior : SettingsPrior
    rng : numpy Generator
    sizes : pair of int
        Bounds of the number of variants, which is log-uniform; no larger than the stretch.
    cells : int
        Variants times traits, about; at least 4 and at most 64 traits.

    Returns
    -------
    SimulatedBlock
    """
    longest = len(stretch.R)
    p = int(_log_uniform((min(sizes[0], longest), min(sizes[1], longest)), rng))
    first = int(rng.integers(longest - p + 1))
    window = slice(first, first + p)
    R = stretch.R[window, window].astype(float)
    n_traits = int(np.clip(cells // p, 4, 64))
    draws = [prior.draw(R, stretch.frequencies[window], rng) for _ in range(n_traits)]
    u, noise, n = (np.array(part) for part in zip(*draws, strict=True))
    u = u.T
    people = rng.standard_normal((len(stretch.standardised), n_traits), dtype=np.float32)
    smeared = stretch.standardised[:, window].T @ people / np.sqrt(len(people))
    return SimulatedBlock(R, R @ u + np.sqrt(noise) * smeared, u, 1 / np.sqrt(n))


def stream_of_blocks(stretches, prior, rng, **options):
    """Blocks without end, each from a stretch chosen at random; see `draw_block`."""
    while True:
        yield draw_block(stretches[rng.integers(len(stretches))], prior, rng, **options)


def train(start, blocks, validation, *, n_steps, learning_rate, rng, on_step=None, checkpoint=None):
    """Adam on the loss of one block a step, with a learning rate that rises and falls.

    Parameters
    ----------
    start : dict of float arrays
        See `gitools.shrinkage.neural_solver.initial_parameters`.
    blocks : sequence or iterator of SimulatedBlock
    validation : sequence of SimulatedBlock
        The parameters of the best validation loss, asked for 20 times, are returned.
    n_steps : int
    learning_rate : float
    rng : numpy Generator
        Chooses from ``blocks`` if they are a sequence.
    on_step : callable, optional
        Called with each new entry of the history.
    checkpoint : path, optional
        Where the state is kept whenever the validation loss is asked for. If the file is there,
        training goes on from it, and ends as it would have without the break, provided that an
        iterator ``blocks`` draws from this very ``rng``.

    Returns
    -------
    parameters : dict of float arrays
    history : list of dict
        Keys ``step``, ``train`` (mean since the entry before), ``validation``; step 0 first.

    Raises
    ------
    ValueError
        If an argument is out of range, or ``blocks`` ends too early.
    """
    n_steps = check_count(n_steps, "n_steps")
    check_number(learning_rate, "learning_rate", low=0, open_low=True)
    source = _endless(blocks, rng)
    run = _Run(start, n_steps, learning_rate)
    if checkpoint is not None and Path(checkpoint).exists():
        run.resume(checkpoint, rng)
    every, recent = max(1, n_steps // 20), []
    if run.step == 0:
        run.note(0, [], validation)
    for step in range(run.step + 1, n_steps + 1):
        block = next(source, None)
        if block is None:
            raise ValueError(f"blocks: got {step - 1} of them, expected {n_steps}, one a step.")
        recent.append(run.descend(block))
        if step % every == 0 or step == n_steps:
            run.note(step, recent, validation)
            recent = []
            if on_step is not None:
                on_step(run.history[-1])
            if checkpoint is not None:
                run.keep(checkpoint, rng)
    return run.best, run.history


class _Run:
    """Parameters, optimiser and history of a training that can be put down and taken up."""

    def __init__(self, start, n_steps, learning_rate):
        self.theta = {k: torch.tensor(value, requires_grad=True) for k, value in start.items()}
        self.optimiser = torch.optim.Adam(self.theta.values(), lr=learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=learning_rate, total_steps=n_steps + 1
        )
        self.start = {k: torch.tensor(value) for k, value in start.items()}
        self.step, self.history, self.best = 0, [], _plain(self.theta)

    def descend(self, block):
        """One step; returns the weighted squared error before it."""
        total, error = _losses(self.theta, block, self.start)
        self.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.theta.values(), _LARGEST_GRADIENT)
        self.optimiser.step()
        self.schedule.step()
        return error

    def note(self, step, recent, validation):
        """Extend the history; keep the parameters if none were better."""
        value = validation_loss(_plain(self.theta), validation, _plain(self.start))
        earlier = [row["validation"] for row in self.history]
        if not validation or value < min(earlier, default=np.inf):
            self.best = _plain(self.theta)
        self.step = step
        row = {
            "step": step,
            "train": float(np.mean(recent)) if recent else np.nan,
            "validation": value,
        }
        self.history.append(row)

    def keep(self, path, rng):
        """Write the whole state, by way of a second file: a break in between harms neither."""
        state = {
            "theta": {k: v.detach() for k, v in self.theta.items()},
            "best": {k: torch.from_numpy(v) for k, v in self.best.items()},
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "plain": json.dumps([self.step, self.history, rng.bit_generator.state]),
        }
        torch.save(state, f"{path}.new")
        Path(f"{path}.new").replace(path)

    def resume(self, path, rng):
        """Read what `keep` wrote."""
        state = torch.load(path, weights_only=True)
        for name, value in self.theta.items():
            value.data.copy_(state["theta"][name])
        self.best = _plain(state["best"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.history, rng.bit_generator.state = json.loads(state["plain"])


def train_variance(theta, blocks, *, n_steps, learning_rate):
    r"""Fit the announced error alone: the last layer of its head, from the analytic start.

    The score of an announced variance v for a squared error e is
    :math:`2 \sqrt{v} + 2 e / \sqrt{v}`. Its expectation is smallest at v = E[e] whatever the law
    of e, and, other than a Gaussian score, it is not carried away by a rare large error where
    little was announced.

    Parameters
    ----------
    theta : dict of float arrays
        Trained parameters.
    blocks : iterator of SimulatedBlock
    n_steps : int
    learning_rate : float

    Returns
    -------
    dict of float arrays
        The same, but for the first column of ``final_out`` and the first entry of ``final_last``.
    """
    fixed = {name: torch.tensor(value) for name, value in theta.items()}
    slope = torch.zeros(len(theta["final_out"]), 1, dtype=torch.double, requires_grad=True)
    shift = torch.zeros(1, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.Adam([slope, shift], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=learning_rate, total_steps=n_steps + 1
    )
    for _ in range(check_count(n_steps, "n_steps")):
        ld, z, u = _tensors(next(blocks))
        mixed = {
            **fixed,
            "final_out": torch.cat([slope, fixed["final_out"][:, 1:]], 1),
            "final_last": torch.cat([shift, fixed["final_last"][1:]]),
        }
        mean, log_variance, _ = neural_solver.solve(mixed, z, ld, torch)
        scale = torch.sqrt(_weight(fixed, ld, z))
        root = torch.exp(log_variance / 2)
        score = (scale * (root + (mean - u) ** 2 / root)).sum(0).mean()
        optimiser.zero_grad()
        score.backward()
        torch.nn.utils.clip_grad_norm_([slope, shift], _LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
    kept = {name: value.copy() for name, value in theta.items()}
    kept["final_out"][:, :1] = slope.detach().numpy()
    kept["final_last"][0] = shift.item()
    return kept


def weigh(blocks, start):
    """Weights of the traits of each block, from what the untrained solver makes of them.

    Parameters
    ----------
    blocks : sequence of SimulatedBlock
    start : dict of float arrays
        Parameters of the untrained solver.

    Returns
    -------
    list of float arrays of shape (n_traits,)
    """
    tensors = {name: torch.tensor(value) for name, value in start.items()}
    return [_weight(tensors, *_tensors(block)[:2]).numpy() for block in blocks]


def validation_loss(theta, blocks, start):
    """Mean weighted squared error of the last round over blocks; nan without blocks.

    Parameters
    ----------
    theta : dict of float arrays
    blocks : sequence of SimulatedBlock
    start : dict of float arrays
        Parameters of the untrained solver, which give the weights.

    Returns
    -------
    float
    """
    tensors, first = (
        {name: torch.tensor(value) for name, value in each.items()} for each in (theta, start)
    )
    with torch.no_grad():
        errors = [_losses(tensors, block, first)[1] for block in blocks]
    return float(np.mean(errors)) if errors else np.nan


def _endless(blocks, rng):
    if hasattr(blocks, "__next__"):
        return blocks
    if not len(blocks):
        raise ValueError("blocks: got none, expected at least one block.")
    return (blocks[rng.integers(len(blocks))] for _ in iter(int, 1))


def _plain(theta):
    return {name: value.detach().numpy().copy() for name, value in theta.items()}


def _weight(start, ld, z):
    with torch.no_grad():
        mean, log_variance, _ = neural_solver.solve(start, z, ld, torch)
    announced = torch.exp(log_variance).sum(0)
    return 1 / (announced + _SIGNAL_SHARE * (mean * mean).sum(0) + _WEIGHT_FLOOR)


def _losses(theta, block, start):
    """The loss that is descended, and the weighted squared error of the last round."""
    ld, z, u = _tensors(block)
    weight = _weight(start, ld, z)
    mean, log_variance, pip_logit, means = neural_solver.solve(
        theta, z, ld, torch, every_round=True, freeze=torch.Tensor.detach
    )
    errors = [torch.clip(weight * ((m - u) ** 2).sum(0), None, _LARGEST_ERROR) for m in means]
    # The heads of uncertainty learn about the mean as it is, they do not move it.
    error = (mean.detach() - u) ** 2
    # Clipped, this score is too kind to rare large errors: `train_variance` has the last word.
    score = log_variance + error * torch.exp(-log_variance)
    labels = (u != 0).to(u.dtype)
    total = sum(each.mean() for each in errors)
    total = total + _VARIANCE_WEIGHT * torch.clip(score, None, _LARGEST_LOG_SCORE).mean()
    total = total + _PIP_WEIGHT * torch.nn.functional.binary_cross_entropy_with_logits(
        pip_logit, labels
    )
    return total, errors[-1].mean().item()


def _tensors(block):
    R, z, u = (torch.as_tensor(np.asarray(part, dtype=float)) for part in block[:3])
    squares, near = R * R, neural_solver.nearness(R, torch)
    scores, absolute = squares.sum(0)[:, None], R.abs().sum(0)[:, None]
    nearby, competing = R * near, squares * near
    products = (R.__matmul__, nearby.__matmul__, competing.__matmul__)
    return neural_solver.Ld(*products, scores, absolute), z, u
