"""Shrinkage of marginal effects by a network whose symmetries are built in.

The network itself stands in `gitools.shrinkage.neural_solver`, its training in
`gitools.shrinkage.neural_training`. Prediction needs NumPy only.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gitools.shrinkage import neural_solver
from gitools.shrinkage._checks import check_correlation, check_count, finite_array

# Raised whenever the meaning of a parameter changes.
_VERSION = "1"
_FORMAT = "gitools neural shrinkage"
_PRETRAINED = "neural_shrinkage.safetensors"
_ROWS_AT_ONCE = 128


class ShrunkenEffects(NamedTuple):
    """What the network makes of marginal effects; all arrays have the shape of ``beta``.

    Attributes
    ----------
    mean : float array
        Estimates of the joint effects, in the units of ``beta``.
    sd : float array
        How far the estimate is expected to be from the effect (root mean squared error), in the
        units of ``beta``.
    pip : float array
        Probability that the effect is not zero.
    """

    mean: np.ndarray
    sd: np.ndarray
    pip: np.ndarray


class NeuralShrinkage:
    r"""Joint effects from marginal ones, by an unrolled solver with learnt parts.

    The estimate is ``se`` times a function of z = beta / se and of LD, and that function is odd
    under recoding. So it is equivariant, exactly but for rounding, to the scale of the effects,
    to the sign of the trait, to which allele is counted, to the order of variants, and to whether
    blocks that share no correlation come together or apart.

    Parameters
    ----------
    n_rounds : int
        Rounds over all layers.
    n_layers : int
        Sparse layers: how many effects an LD neighbourhood can hold.
    n_steps : int
        Steps of training, each with one block.
    learning_rate : float
        Largest learning rate of Adam; it rises to this value and falls again.
    random_state : int, numpy Generator or None
        Source of randomness of the initial parameters and the order of the blocks.

    Attributes
    ----------
    parameters_ : dict of float arrays
        What was learnt; `gitools.shrinkage.neural_solver.initial_parameters` lists names and
        shapes.
    history_ : list of dict
        Losses of the training blocks and, where there are any, of the validation blocks.
    metadata_ : dict of str
        How the parameters came about, as saved with them.
    """

    def __init__(
        self,
        *,
        n_rounds=neural_solver.N_ROUNDS,
        n_layers=neural_solver.N_LAYERS,
        n_steps=1000,
        learning_rate=6e-3,
        random_state=None,
    ):
        self.n_rounds = n_rounds
        self.n_layers = n_layers
        self.n_steps = n_steps
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, blocks, validation=()):
        """Learn from simulated blocks.

        Parameters
        ----------
        blocks : sequence or iterator of SimulatedBlock
            See `gitools.shrinkage.neural_training.SimulatedBlock`. A sequence is drawn from at
            random; an iterator (say, a generator without end) is asked for one block a step.
        validation : sequence of SimulatedBlock
            Blocks that share no genotype with ``blocks``; the parameters that do best on them
            are kept. Without any, the last ones are.

        Returns
        -------
        NeuralShrinkage
            Itself.

        Raises
        ------
        ValueError
            If an argument is out of range, or ``blocks`` ends before ``n_steps``.
        """
        from gitools.shrinkage.neural_training import train

        check_count(self.n_rounds, "n_rounds")
        check_count(self.n_layers, "n_layers")
        rng = np.random.default_rng(self.random_state)
        start = neural_solver.initial_parameters(rng, self.n_rounds, self.n_layers)
        self.parameters_, self.history_ = train(
            start,
            blocks,
            validation,
            n_steps=self.n_steps,
            learning_rate=self.learning_rate,
            rng=rng,
        )
        self.metadata_ = {}
        return self

    def predict(self, beta, se, R):
        """Shrunken effects.

        Parameters
        ----------
        beta : array-like of shape (p,) or (p, n_traits)
            Marginal effects, in any units.
        se : array-like of the shape of beta, or of shape (p,)
            Their standard errors, in the same units.
        R : array-like of shape (p, p), or sequence of such
            LD correlations. A sequence holds the matrices of blocks that follow one another;
            only one of them is worked on at a time.

        Returns
        -------
        ndarray of the shape of beta
            Estimates of the joint effects, in the units of beta.

        Raises
        ------
        ValueError
            If sizes disagree, a number is not finite, a standard error is not above 0, or R is no
            correlation matrix.
        """
        return self.posterior(beta, se, R).mean

    def posterior(self, beta, se, R):
        """Shrunken effects with their uncertainty; see `predict` for the arguments.

        Returns
        -------
        ShrunkenEffects
        """
        theta = self._parameters()
        beta, se = _check_effects(beta, se)
        z = beta / se
        answers = [np.empty_like(z) for _ in range(3)]
        for rows, block in _blocks(R, len(z)):
            for members, part in _components(block):
                at = rows.start + members
                found = neural_solver.solve(theta, z[at].reshape(len(at), -1), _ld(part))
                for whole, values in zip(answers, found, strict=True):
                    whole[at] = values.reshape(z[at].shape)
        mean, log_variance, pip_logit = answers
        return ShrunkenEffects(
            se * mean, se * np.exp(log_variance / 2), 1 / (1 + np.exp(-pip_logit))
        )

    def save(self, path, metadata=None):
        """Write the parameters as plain tensors (safetensors).

        Parameters
        ----------
        path : path
        metadata : dict of str, optional
            How the parameters came about.
        """
        from safetensors.numpy import save_file

        kept = {**self.metadata_, **(metadata or {}), "format": _FORMAT, "version": _VERSION}
        save_file(self._parameters(), str(path), metadata=kept)

    @classmethod
    def load(cls, path):
        """Read parameters that `save` wrote.

        Parameters
        ----------
        path : path

        Returns
        -------
        NeuralShrinkage

        Raises
        ------
        ValueError
            If the file holds something else, or parameters of another version of the network.
        FileNotFoundError
            If there is no such file.
        """
        tensors, metadata = _read(path)
        _check_kind(path, metadata)
        theta = _check_tensors(path, tensors)
        n_rounds, n_layers = theta["variant_bias"].shape[:2]
        self = cls(n_rounds=n_rounds, n_layers=n_layers)
        self.parameters_, self.history_ = theta, []
        self.metadata_ = {k: v for k, v in metadata.items() if k not in ("format", "version")}
        return self

    @classmethod
    def pretrained(cls):
        """The network that the book trained (``python benchmarks/neural_training.py``).

        Returns
        -------
        NeuralShrinkage
        """
        return cls.load(Path(__file__).with_name(_PRETRAINED))

    def _parameters(self):
        if not hasattr(self, "parameters_"):
            raise ValueError(
                "NeuralShrinkage: got a network without parameters, expected fit, load or "
                "NeuralShrinkage.pretrained() before it is used."
            )
        return self.parameters_


def _check_effects(beta, se):
    axes = ("p",) if np.ndim(beta) < 2 else ("p", "n_traits")
    beta = finite_array(beta, "beta", axes)
    se = finite_array(se, "se", ("p",) if np.ndim(se) < 2 else ("p", "n_traits"))
    if beta.ndim == 2 and se.ndim == 1:
        se = se[:, None]
    if se.shape not in (beta.shape, (len(beta), 1)):
        raise ValueError(f"se: got shape {se.shape}, expected that of beta, {beta.shape}.")
    if se.min() <= 0:
        place = int(np.argmin(se.min(axis=1) if se.ndim == 2 else se))
        raise ValueError(f"se: got {se.min():g} at place {place}, expected numbers above 0.")
    return beta, se


def _blocks(R, p):
    """Rows and checked LD matrix of each block, one at a time."""
    several = not hasattr(R, "shape") and len(R) and np.ndim(R[0]) == 2
    start = 0
    for block in R if several else [R]:
        size = len(block) if several else p
        if start + size > p:
            break
        yield slice(start, start + size), check_correlation(block, size)
        start += size
    if several and start != p:
        total = sum(len(block) for block in R)
        raise ValueError(f"R: got blocks of {total} variants together, expected {p} as in beta.")


def _components(R):
    """Indices and LD matrix of each set of variants that a chain of correlations joins."""
    if np.all(R[0] != 0):
        yield np.arange(len(R)), R
        return
    todo = np.ones(len(R), dtype=bool)
    while todo.any():
        members = _reached(R, int(np.argmax(todo)))
        todo[members] = False
        yield members, R if len(members) == len(R) else R[np.ix_(members, members)]


def _reached(R, start):
    inside = np.zeros(len(R), dtype=bool)
    inside[start] = True
    frontier = np.array([start])
    while len(frontier):
        linked = np.zeros(len(R), dtype=bool)
        for j in frontier:
            linked |= R[j] != 0
            if linked.all():
                break
        frontier = np.flatnonzero(linked & ~inside)
        inside |= linked
    return np.flatnonzero(inside)


def _ld(R):
    """Products with R, and with functions of R a few rows at a time: no second matrix is kept."""
    p = len(R)
    scores, absolute = np.empty((p, 1)), np.empty((p, 1))
    for rows in _chunks(p):
        scores[rows, 0] = np.einsum("ij,ij->i", R[rows], R[rows])
        absolute[rows, 0] = np.abs(R[rows]).sum(axis=1)

    def among(of_pairs):
        def product(values):
            total = np.zeros_like(values)
            present = np.flatnonzero(values.any(axis=1))
            for rows in _chunks(len(present)):
                at = present[rows]
                total += of_pairs(R[at]).T @ values[at]
            return total

        return product

    nearby = among(lambda r: r * neural_solver.nearness(r))
    competing = among(lambda r: r * r * neural_solver.nearness(r))
    return neural_solver.Ld(R.__matmul__, nearby, competing, scores, absolute)


def _chunks(p):
    return [slice(k, k + _ROWS_AT_ONCE) for k in range(0, p, _ROWS_AT_ONCE)]


def _read(path):
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"path: got {path}, where there is no file.")
    try:
        with safe_open(str(path), framework="np") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"path: got {path}, expected a safetensors file ({error}).") from None


def _check_kind(path, metadata):
    kind, version = metadata.get("format"), metadata.get("version")
    if kind != _FORMAT:
        raise ValueError(f"path: got {path} of format {kind!r}, expected {_FORMAT!r}.")
    if version != _VERSION:
        raise ValueError(
            f"path: got weights of version {version!r} in {path}, expected {_VERSION!r}, the one "
            "of this network. Train anew, or use the release of gitools that wrote them."
        )


def _check_tensors(path, tensors):
    shape = tensors["variant_bias"].shape[:2] if "variant_bias" in tensors else (1, 1)
    expected = neural_solver.initial_parameters(np.random.default_rng(0), *shape)
    found = {name: array.shape for name, array in tensors.items()}
    wanted = {name: array.shape for name, array in expected.items()}
    if found != wanted:
        raise ValueError(f"path: got tensors {found} in {path}, expected {wanted}.")
    return {name: finite_array(array, name, _axes(array)) for name, array in tensors.items()}


def _axes(array):
    return tuple(f"axis {k}" for k in range(array.ndim))
