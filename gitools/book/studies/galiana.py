"""Galiana on many simulated panels at once, and what it is compared to.

One small network keeps a processor busy with administration. Networks of one shape that learn from
panels of one size therefore stand side by side in one set of tensors, each with its own plants,
weights and learning rate; they never mix.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from gitools.genomes.distinct import distinct_genes
from gitools.genomes.models import Galiana
from gitools.genomes.training import PlateauSchedule, torch_generator
from gitools.simulate.plants import simulate_ionome, simulate_plants
from gitools.simulate.variant_types import DAMAGING_TYPES, VARIANT_TYPES

N_PLANTS, N_GENES, N_TEST = 700, 200, 300
# RMSprop as PyTorch sets it.
_SMOOTHING, _EPSILON = 0.99, 1e-8
_NORM_EPSILON = 1e-5


class Panel(NamedTuple):
    """A simulated panel with one trait architecture, split once.

    Attributes
    ----------
    tensor : int8 array of shape (n, genes, 17)
    variants : int8 array of shape (n, p)
    variant_gene : int array of shape (p,)
    country : int array of shape (n,)
    traits : float array of shape (n, T)
        Means over replicates.
    genetic : float array of shape (n, T)
        Genetic values without country effects.
    causal_genes : bool array of shape (genes, T)
    pool, test : int arrays
        Plants to learn from (their order is random, so the first of them are a random sample) and
        plants to score.
    """

    tensor: np.ndarray
    variants: np.ndarray
    variant_gene: np.ndarray
    country: np.ndarray
    traits: np.ndarray
    genetic: np.ndarray
    causal_genes: np.ndarray
    pool: np.ndarray
    test: np.ndarray


def draw_panel(architecture, *, n_plants=N_PLANTS, n_genes=N_GENES, n_test=N_TEST, random_state):
    """Simulate plants and traits and choose the test plants.

    Parameters
    ----------
    architecture : str
        As `gitools.simulate.plants.simulate_ionome`.
    n_plants, n_genes, n_test : int
    random_state : int or numpy Generator

    Returns
    -------
    Panel
    """
    rng = np.random.default_rng(random_state)
    plants = simulate_plants(n_plants, n_genes, random_state=rng)
    order = rng.permutation(n_plants)
    traits = simulate_ionome(plants, architecture, n_auxiliary=0, random_state=rng)
    return Panel(
        tensor=plants.tensor,
        variants=plants.variants,
        variant_gene=plants.variant_gene,
        country=plants.country,
        traits=traits.means,
        genetic=traits.genetic,
        causal_genes=traits.causal_genes,
        pool=order[n_test:],
        test=order[:n_test],
    )


def shuffle_within(values, groups, rng):
    """Rows permuted among the plants of each group."""
    shuffled = values.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        shuffled[rows] = values[rng.permutation(rows)]
    return shuffled


def centre_within(values, groups):
    """Values minus the mean of their group, column by column."""
    _, place = np.unique(groups, return_inverse=True)
    sums = np.zeros((place.max() + 1, values.shape[1]))
    np.add.at(sums, place, values)
    return values - (sums / np.bincount(place)[:, None])[place]


def correlations_within(values, predictions, groups):
    """Pooled correlation within groups, column by column; 0 where a prediction is constant.

    Parameters
    ----------
    values, predictions : float arrays of shape (n, T)
    groups : array of shape (n,)

    Returns
    -------
    float array of shape (T,)
    """
    y, p = centre_within(values, groups), centre_within(predictions, groups)
    size = np.sqrt((y**2).sum(0) * (p**2).sum(0))
    return np.divide((y * p).sum(0), size, out=np.zeros(y.shape[1]), where=size > 1e-12)


def permutation_p_values(values, predictions, groups, n_permutations, rng):
    """One-sided p-values of correlations within groups, labels permuted within groups.

    Parameters
    ----------
    values, predictions : float arrays of shape (n, T)
    groups : array of shape (n,)
    n_permutations : int
    rng : numpy Generator

    Returns
    -------
    float array of shape (T,)
    """
    found = correlations_within(values, predictions, groups)
    reached = np.zeros(len(found))
    for _ in range(n_permutations):
        shuffled = shuffle_within(values, groups, rng)
        reached += correlations_within(shuffled, predictions, groups) >= found
    return (1 + reached) / (1 + n_permutations)


def damaging_counts(tensor):
    """Variants of a damaging type in each gene, [n, genes]."""
    damaging = [name in DAMAGING_TYPES for name in VARIANT_TYPES]
    return tensor[:, :, damaging].sum(axis=2).astype(float)


def gene_statistics(values, predictors):
    """Absolute correlation of each predictor with each trait, [predictors, T]; 0 if constant."""
    x, y = (v - v.mean(axis=0) for v in (predictors, values))
    size = np.sqrt((x**2).sum(axis=0))[:, None] * np.sqrt((y**2).sum(axis=0))
    return np.abs(np.divide(x.T @ y, size, out=np.zeros(size.shape), where=size > 1e-12))


def best_in_gene(statistics, variant_gene, n_genes):
    """Largest statistic among the variants of each gene, [genes, T]."""
    best = np.zeros((n_genes, statistics.shape[1]))
    np.maximum.at(best, variant_gene, statistics)
    return best


def precision_at_causal(scores, causal):
    """Share of causal genes among the k of highest score, k the number of causal ones.

    Parameters
    ----------
    scores : float array of shape (genes, T)
    causal : bool array of shape (genes, T)

    Returns
    -------
    float array of shape (T,)
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(causal, order, axis=0)
    k = causal.sum(axis=0)
    return np.array([ranked[: k[t], t].mean() for t in range(len(k))])


class SideBySide:
    """Several Galianas of one shape, each with its own gene tensor and targets.

    Parameters
    ----------
    models : list of Galiana
        Their weights are the start. Dropout is drawn here, not by the models.
    tensors : list of float arrays of shape (n, genes, types)
        One a model, all of one shape.
    """

    def __init__(self, models, tensors):
        self.weights = {
            name: torch.stack([dict(m.named_parameters())[name].detach() for m in models])
            for name, _ in models[0].named_parameters()
        }
        forms = [distinct_genes(tensor) for tensor in tensors]
        most = max(len(form.vectors) for form in forms)
        self.types = forms[0].vectors.shape[1]
        self.vectors = torch.zeros(len(forms), most, self.types)
        for k, form in enumerate(forms):
            self.vectors[k, : len(form.vectors)] = form.vectors
        self.index = torch.stack([form.index for form in forms])

    def forward(self, rows, *, dropout=0.0, generator=None):
        """Predictions [models, batch, T] for the plants ``rows`` [models, batch] of each model."""
        w = self.weights
        vectors, index = self._batch(rows)
        scores = _Scores.apply(vectors, *(w[name] for name in w if name.startswith("G.")))

        def linear(x, name):
            return torch.baddbmm(w[f"{name}.bias"][:, None], x, w[f"{name}.weight"].mT)

        def normed(x, name):
            x = torch.nn.functional.layer_norm(x, x.shape[-1:], eps=_NORM_EPSILON)
            return torch.addcmul(w[f"{name}.bias"][:, None], x, w[f"{name}.weight"][:, None])

        def dropped(x):
            if dropout == 0:
                return x
            return x * (torch.rand(x.shape, generator=generator) >= dropout) / (1 - dropout)

        genes = scores.gather(1, index.flatten(1)).view(index.shape)
        hidden = linear(dropped(normed(genes, "body.0")), "body.2")
        hidden = linear(dropped(normed(hidden, "body.3").tanh()), "body.6")
        return linear(dropped(normed(hidden, "body.7").tanh()), "head")

    def _batch(self, rows):
        """Vectors that each model's plants carry, filled up to one number, and their places."""
        chosen = self.index.gather(1, rows[:, :, None].expand(-1, -1, self.index.shape[2]))
        carried = torch.zeros(self.vectors.shape[:2], dtype=torch.bool)
        carried.scatter_(1, chosen.flatten(1), True)
        number = carried.cumsum(1) - 1
        vectors = self.vectors.new_zeros((len(rows), int(number[:, -1].max()) + 1, self.types))
        models, at = carried.nonzero(as_tuple=True)
        vectors[models, number[models, at]] = self.vectors[models, at]
        return vectors, number.gather(1, chosen.flatten(1)).view(chosen.shape)

    def train(
        self,
        targets,
        orders,
        *,
        batch_size=10,
        learning_rate=1e-2,
        weight_decay=1e-6,
        decay=1 / 3,
        dropout=0.0,
        generator=None,
        after_epoch=None,
    ):
        """RMSprop on the mean squared error, with each model's own plateau schedule.

        Parameters
        ----------
        targets : float tensor of shape (models, n, T)
        orders : int array of shape (models, epochs, n_train)
            The plants of each epoch in the order in which batches are taken.
        after_epoch : callable, optional
            Called with the number of epochs done.
        """
        squares = {name: torch.zeros_like(value) for name, value in self.weights.items()}
        schedules = [PlateauSchedule(learning_rate, decay) for _ in orders]
        for epoch in range(orders.shape[1]):
            rates = torch.tensor([s.rate for s in schedules], dtype=torch.float32)
            total = torch.zeros(len(orders))
            for start in range(0, orders.shape[2], batch_size):
                rows = torch.from_numpy(orders[:, epoch, start : start + batch_size])
                error = self._descend(
                    rows, targets, rates, squares, weight_decay, dropout, generator
                )
                total += error * rows.shape[1]
            for schedule, loss in zip(schedules, total.tolist(), strict=True):
                schedule.step(loss / orders.shape[2])
            if after_epoch is not None:
                after_epoch(epoch + 1)

    def _descend(self, rows, targets, rates, squares, weight_decay, dropout, generator):
        for value in self.weights.values():
            value.requires_grad_()
        wanted = targets.gather(1, rows[:, :, None].expand(-1, -1, targets.shape[2]))
        predicted = self.forward(rows, dropout=dropout, generator=generator)
        error = (predicted - wanted).square().mean(dim=(1, 2))
        slopes = torch.autograd.grad(error.sum(), list(self.weights.values()))
        with torch.no_grad():
            for (name, value), slope in zip(self.weights.items(), slopes, strict=True):
                slope = slope.add(value, alpha=weight_decay)
                squares[name].mul_(_SMOOTHING).addcmul_(slope, slope, value=1 - _SMOOTHING)
                step = slope / squares[name].sqrt().add_(_EPSILON)
                value.sub_(step * rates.view(-1, *[1] * (value.ndim - 1)))
        return error.detach()

    @torch.no_grad()
    def predict(self, rows):
        """Predictions for the plants ``rows`` [models, m]: float array [models, m, T]."""
        return self.forward(torch.as_tensor(rows)).numpy().astype(float)

    def model(self, k):
        """Model ``k`` as a Galiana of its own."""
        n_tasks = self.weights["head.bias"].shape[1]
        types = self.weights["G.0.weight"].shape[2]
        width = self.weights["body.2.bias"].shape[1]
        own = Galiana(self.index.shape[2], types, n_tasks, hidden=width)
        own.load_state_dict({name: value[k].detach() for name, value in self.weights.items()})
        return own.eval()


class _Scores(torch.autograd.Function):
    """Gene scores of several networks; `gitools.genomes._gene_network` derives the formulas."""

    @staticmethod
    def forward(ctx, vectors, weight, bias, scale, shift, readout, constant):
        weight = weight - weight.mean(1, keepdim=True)
        bias = bias - bias.mean(1, keepdim=True)
        normed = torch.baddbmm(bias[:, None], vectors, weight.mT)
        square = torch.linalg.vector_norm(normed, dim=2, keepdim=True).square_()
        inverse_sd = square.div_(bias.shape[1]).add_(_NORM_EPSILON).rsqrt_()
        normed.mul_(inverse_sd)
        sigmoid = torch.addcmul(2 * shift[:, None], normed, 2 * scale[:, None]).sigmoid_()
        ctx.save_for_backward(vectors, scale, readout, normed, sigmoid, inverse_sd)
        return torch.bmm(sigmoid, 2 * readout.mT)[..., 0] + constant - readout.sum(2)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        vectors, scale, readout, n, s, inverse_sd = ctx.saved_tensors
        readout, types = readout[:, 0], vectors.shape[2]
        slope = (4 * readout * scale)[..., None]
        g = gradient[..., None]
        g_over_sd = g * inverse_sd
        scaled = torch.cat([vectors * g_over_sd, g_over_sd], dim=2)
        steepness = torch.addcmul(s, s, s, value=-1)
        along = steepness * n
        mean, mean_along = (torch.bmm(a, slope) / scale.shape[1] for a in (steepness, along))
        by_vector = torch.bmm(steepness.mT, torch.cat([scaled, g], dim=2))
        to_first = slope * by_vector[..., :-1] - torch.bmm(n.mT, scaled * mean_along)
        to_first = to_first - torch.bmm(mean.mT, scaled)
        total = gradient.sum(1, keepdim=True)
        return (
            None,
            to_first[..., :types],
            to_first[..., types],
            4 * readout * torch.bmm(along.mT, g)[..., 0],
            4 * readout * by_vector[..., -1],
            (2 * torch.bmm(s.mT, g)[..., 0] - total)[:, None],
            total,
        )


def start_models(n_models, n_genes, n_types, n_tasks, hidden, rng):
    """Galianas with initial weights of their own."""
    return [
        Galiana(n_genes, n_types, n_tasks, hidden=hidden, generator=torch_generator(rng))
        for _ in range(n_models)
    ]
