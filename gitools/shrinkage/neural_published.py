"""The shrinkage network of ML-MAGES, rebuilt: one variant and its neighbours in, its effect out.

Layout, features and recipe follow the authors' release of January 2026 (github.com/
ramachandran-lab/ML-MAGES at 777a95f). What the release lacks can be switched on one by one, so
that each repair can be measured. For comparison; use `gitools.shrinkage.NeuralShrinkage`.
"""

import numpy as np
import torch
from torch import nn

from gitools.shrinkage._checks import check_correlation, check_count, finite_array

REPAIRS = ("scale", "neighbours", "signs")
_DROPOUT, _LAST_DROPOUT = 0.2, 0.1
_CAUSAL_WEIGHT = 2.0
_ROWS_AT_ONCE = 256


def build_network(n_inputs, hidden=(64, 8), generator=None):
    """Linear, BatchNorm, ReLU and Dropout for every hidden layer, then one linear output.

    Dropout is 0.2, and 0.1 after the last hidden layer. Without hidden layers the network is a
    linear function.

    Parameters
    ----------
    n_inputs : int
        Columns of the features: 33 for 15 neighbours.
    hidden : tuple of int
        Widths of the hidden layers: (64, 8) has 2,849 parameters, (64, 32, 8) has 4,737.
    generator : torch Generator, optional
        Source of randomness of the initial weights.

    Returns
    -------
    torch.nn.Sequential
        In double precision.
    """
    layers, width = [], n_inputs
    for place, size in enumerate(hidden):
        rate = _LAST_DROPOUT if place == len(hidden) - 1 else _DROPOUT
        layers += [nn.Linear(width, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(rate)]
        width = size
    network = nn.Sequential(*layers, nn.Linear(width, 1)).double()
    for layer in network:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return network


def count_parameters(network):
    """Number of parameters that training changes.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    int
    """
    return sum(value.numel() for value in network.parameters() if value.requires_grad)


def neighbours_of(R, n_neighbours=15, absolute=False):
    """Variants of the largest correlation with each variant, in decreasing order.

    Parameters
    ----------
    R : float array of shape (p, p)
    n_neighbours : int
        Below p.
    absolute : bool
        By size of the correlation. The release ranks by the signed correlation.

    Returns
    -------
    int array of shape (p, n_neighbours)

    Raises
    ------
    ValueError
        If the block holds too few variants.
    """
    n_neighbours = check_count(n_neighbours, "n_neighbours")
    if len(R) <= n_neighbours:
        raise ValueError(
            f"R: got a block of {len(R)} variants, expected more than the {n_neighbours} "
            "neighbours that the network looks at."
        )
    places = np.empty((len(R), n_neighbours), dtype=np.intp)
    for first in range(0, len(R), _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, len(R)))
        rank = -(np.abs(R[rows]) if absolute else R[rows])
        rank[rows - first, rows] = np.inf
        places[rows] = np.argsort(rank, axis=1, kind="stable")[:, :n_neighbours]
    return places


def features_of(beta, se, R, n_neighbours=15, repairs=()):
    """Columns that the network sees: 2 r + 3 for r neighbours.

    Published: estimate, standard error, LD score in the block less 1, the neighbours' estimates,
    their correlations. Repaired: "scale" puts z scores for estimates and 1 for the standard error,
    "neighbours" ranks by absolute correlation, "signs" turns each neighbour's estimate by the
    sign of its correlation and drops that sign, so that its coding no longer matters.

    Parameters
    ----------
    beta, se : float arrays of shape (p, n_traits)
    R : float array of shape (p, p)
    n_neighbours : int
    repairs : collection of str
        Some of `REPAIRS`.

    Returns
    -------
    float array of shape (n_traits, p, 2 n_neighbours + 3)
    """
    if "scale" in repairs:
        beta, se = beta / se, np.ones_like(beta)
    places = neighbours_of(R, n_neighbours, absolute="neighbours" in repairs)
    correlations = np.take_along_axis(R, places, axis=1)
    estimates = beta.T[:, places]
    if "signs" in repairs:
        estimates, correlations = estimates * np.sign(correlations), np.abs(correlations)
    p, n_traits = beta.shape
    scores = np.einsum("ij,ij->i", R, R) - 1
    columns = np.empty((n_traits, p, 2 * n_neighbours + 3))
    columns[:, :, 0], columns[:, :, 1], columns[:, :, 2] = beta.T, se.T, scores
    columns[:, :, 3 : 3 + n_neighbours] = estimates
    columns[:, :, 3 + n_neighbours :] = correlations
    return columns


class PublishedShrinkage:
    """Mean of several networks of the published layout, trained by the published recipe.

    Weighted squared error (a variant with an effect counts double), Adam at 1e-4, batches of 100
    rows, early stopping on whole blocks in evaluation mode.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    n_neighbours : int
    n_members : int
        Networks whose mean is the answer.
    max_epochs, patience : int
        Most passes over the rows, and how many passes without improvement end the training.
    learning_rate : float
    repairs : collection of str
        See `features_of`. With "scale" the target is the effect over its standard error. With
        "signs" the network f is used as (f(x) - f(-x)) / 2, -x with all estimates turned.
    random_state : int, numpy Generator or None

    Attributes
    ----------
    members_ : list of torch.nn.Sequential
        In evaluation mode.
    validation_losses_ : list of list of float
        Of each member after each pass.
    """

    def __init__(
        self,
        hidden=(64, 8),
        *,
        n_neighbours=15,
        n_members=10,
        max_epochs=500,
        patience=10,
        learning_rate=1e-4,
        repairs=(),
        random_state=None,
    ):
        self.hidden = hidden
        self.n_neighbours = n_neighbours
        self.n_members = n_members
        self.max_epochs = max_epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.repairs = repairs
        self.random_state = random_state

    def fit(self, blocks, validation):
        """Train all members on the rows of the blocks.

        Parameters
        ----------
        blocks, validation : sequences of SimulatedBlock
            See `gitools.shrinkage.neural_training.SimulatedBlock`; they share no genotypes.

        Returns
        -------
        PublishedShrinkage
            Itself.

        Raises
        ------
        ValueError
            If an argument is out of range or a block too small.
        """
        unknown = set(self.repairs) - set(REPAIRS)
        if unknown:
            raise ValueError(f"repairs: got {sorted(unknown)}, expected some of {REPAIRS}.")
        rng = np.random.default_rng(self.random_state)
        train, held_out = self._rows(blocks), self._rows(validation)
        self.members_, self.validation_losses_ = [], []
        for _ in range(check_count(self.n_members, "n_members")):
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            # Layers and dropout draw from torch's own stream: it is seeded here and put back.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**62)))
                network = build_network(train[0].shape[1], self.hidden, generator)
                losses = self._descend(network, train, held_out, generator)
            self.members_.append(network.eval())
            self.validation_losses_.append(losses)
        return self

    def predict(self, beta, se, R):
        """Mean over members of the estimated effects.

        Parameters
        ----------
        beta : array-like of shape (p,) or (p, n_traits)
        se : array-like of the same shape
        R : array-like of shape (p, p)

        Returns
        -------
        ndarray of the shape of beta

        Raises
        ------
        ValueError
            If sizes disagree, a number is not finite, R is no correlation matrix or holds too few
            variants.
        """
        return self.predict_members(beta, se, R).mean(axis=0)

    def predict_members(self, beta, se, R):
        """Estimates of each member; see `predict`.

        Returns
        -------
        ndarray of shape (n_members, *beta.shape)
        """
        axes = ("p",) if np.ndim(beta) < 2 else ("p", "n_traits")
        beta, se = finite_array(beta, "beta", axes), finite_array(se, "se", axes)
        if se.shape != beta.shape or se.min() <= 0:
            raise ValueError(
                f"se: got shape {se.shape} and smallest value {se.min():g}, expected "
                f"{beta.shape} and numbers above 0."
            )
        R = check_correlation(R, len(beta))
        p = len(beta)
        columns = features_of(
            beta.reshape(p, -1), se.reshape(p, -1), R, self.n_neighbours, self.repairs
        )
        rows = torch.from_numpy(columns.reshape(-1, columns.shape[2]))
        with torch.no_grad():
            outputs = [self._output(member, rows).numpy() for member in self.members_]
        shaped = np.array([out.reshape(-1, p).T.reshape(beta.shape) for out in outputs])
        return shaped * se if "scale" in self.repairs else shaped

    def _rows(self, blocks):
        """Features, targets and weights of all variants of all traits."""
        columns, targets = [], []
        for block in blocks:
            se = np.broadcast_to(block.se, block.z.shape)
            one = features_of(block.z * se, se, block.R, self.n_neighbours, self.repairs)
            columns.append(one.reshape(-1, one.shape[2]))
            target = block.u if "scale" in self.repairs else block.u * se
            targets.append(target.T.ravel())
        columns, targets = torch.from_numpy(np.concatenate(columns)), np.concatenate(targets)
        weights = torch.from_numpy(np.where(targets != 0, _CAUSAL_WEIGHT, 1.0))
        return columns, torch.from_numpy(targets), weights

    def _output(self, network, rows):
        if "signs" not in self.repairs:
            return network(rows)[:, 0]
        turned = rows.clone()
        turned[:, 0] *= -1
        turned[:, 3 : 3 + self.n_neighbours] *= -1
        return (network(rows)[:, 0] - network(turned)[:, 0]) / 2

    def _loss(self, network, rows):
        columns, targets, weights = rows
        return (weights * (self._output(network, columns) - targets) ** 2).mean()

    def _descend(self, network, train, held_out, generator):
        """Passes over shuffled rows until the held-out loss no longer falls; keeps the best."""
        scale = (train[2] * train[1] ** 2).mean()
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        losses, best = [], None
        while len(losses) < self.max_epochs:
            network.train()
            order = torch.randperm(len(train[0]), generator=generator)
            for batch in order.split(100):
                if len(batch) < 2:
                    continue
                optimiser.zero_grad()
                loss = self._loss(network, [part[batch] for part in train]) / scale
                loss.backward()
                optimiser.step()
            network.eval()
            with torch.no_grad():
                losses.append(self._loss(network, held_out).item())
            if losses[-1] == min(losses):
                best = {name: value.clone() for name, value in network.state_dict().items()}
            if len(losses) - 1 - int(np.argmin(losses)) >= self.patience:
                break
        network.load_state_dict(best)
        return losses
