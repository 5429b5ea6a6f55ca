"""Networks from genomes to traits, in the layouts that fit the published numbers of parameters.

Raimondi et al., Scientific Reports 14 (2024), doi 10.1038/s41598-024-63855-6, print the number of
parameters of each of their models; the layouts below are readings of the text that give these
numbers: `Galiana` 1,443,747, `GPSNN` 21,036, `FrozenHead` 17,836 and 44,536, all exactly, and
`BMSNN` all but 235.

All of them take an optional torch Generator, from which the initial weights are drawn: the global
generator is never touched. Weights and biases of a layer are uniform between -1 and 1 over the
square root of its number of inputs; normalisations begin with scale 1 and shift 0.
"""

import math

import torch
from torch import nn

from gitools.genomes._gene_network import scores_of_vectors
from gitools.genomes.distinct import DistinctGenes
from gitools.genomes.layers import SparseLinear

GENE_WIDTH = 50
ENCODING_WIDTH = 50
GPS_WIDTH = 500


def count_parameters(model):
    """Number of trained parameters.

    Parameters
    ----------
    model : torch module

    Returns
    -------
    int
        Entries of all parameters that require a gradient.
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


class Galiana(nn.Module):
    r"""One score for each gene from a shared network, then a dense network over all genes.

    The shared module G turns the ``n_types`` counts of a gene into one number: Linear(n_types,
    50), LayerNorm, Tanh, Linear(50, 1). The module P reads the scores of all genes: LayerNorm,
    Linear(n_genes, 50), LayerNorm, Tanh, Linear(50, 50), LayerNorm, Tanh, and the head
    Linear(50, n_tasks).

    Parameters
    ----------
    n_genes : int
    n_types : int
        Types of variants that are counted in a gene.
    n_tasks : int
        Traits predicted at once.
    dropout : float
        Probability with which each normalised gene score, and each unit of both hidden layers of
        P, is left out of a step of training.
    hidden : int
        Width of both hidden layers of P; 50 in the paper.
    generator : torch Generator, optional
        Source of the initial weights and of the seed of dropout.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or ``dropout`` is not in [0, 1).
    """

    def __init__(
        self,
        n_genes,
        n_types=17,
        n_tasks=36,
        dropout=0.0,
        *,
        hidden=ENCODING_WIDTH,
        generator=None,
    ):
        super().__init__()
        for name, size in [
            ("n_genes", n_genes),
            ("n_types", n_types),
            ("n_tasks", n_tasks),
            ("hidden", hidden),
        ]:
            _check_size(size, name)
        _check_dropout(dropout)
        generator = _generator(generator)
        self.n_genes, self.n_types, self.n_tasks = n_genes, n_types, n_tasks
        self.G = _gene_network(n_types, generator)
        self.body = nn.Sequential(
            nn.LayerNorm(n_genes),
            SeededDropout(dropout, generator),
            _linear(n_genes, hidden, generator),
            nn.LayerNorm(hidden),
            nn.Tanh(),
            SeededDropout(dropout, generator),
            _linear(hidden, hidden, generator),
            nn.LayerNorm(hidden),
            nn.Tanh(),
            SeededDropout(dropout, generator),
        )
        self.head = _linear(hidden, n_tasks, generator)

    def gene_scores(self, x):
        """What G makes of each gene.

        Parameters
        ----------
        x : float tensor of shape (batch, n_genes, n_types), or DistinctGenes

        Returns
        -------
        tensor of shape (batch, n_genes)

        Raises
        ------
        ValueError
            If ``x`` has another shape.
        """
        return _gene_scores(self.G, x, self.n_genes, self.n_types)

    def encode(self, x):
        """The last hidden layer, which the head reads.

        Parameters
        ----------
        x : float tensor of shape (batch, n_genes, n_types), or DistinctGenes

        Returns
        -------
        tensor of shape (batch, hidden)
        """
        return self.body(self.gene_scores(x))

    def forward(self, x):
        """Predicted traits, [batch, n_tasks], in the units of the targets."""
        return self.head(self.encode(x))


class BMSNN(nn.Module):
    r"""Gene scores, then a sparse layer from genes to the pathways they belong to.

    G as in `Galiana`; SparseLinear(genes, pathways) with a bias, LayerNorm, Tanh; and the head
    Linear(n_pathways, hidden), LayerNorm, Tanh, Linear(hidden, n_tasks).

    Parameters
    ----------
    edges : integer array of shape (n_edges, 2)
        (gene, pathway) of each weight of the sparse layer.
    n_genes, n_pathways : int
    hidden : int
        Width of the dense hidden layer; 50 and 100 in the paper.
    n_types : int
        Types of variants that are counted in a gene.
    n_tasks : int
        Traits predicted at once.
    generator : torch Generator, optional
        Source of the initial weights.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or an edge names no gene or no pathway.
    """

    def __init__(
        self, edges, n_genes, n_pathways, hidden, n_types=17, n_tasks=36, *, generator=None
    ):
        super().__init__()
        for name, size in [
            ("n_genes", n_genes),
            ("n_pathways", n_pathways),
            ("hidden", hidden),
            ("n_types", n_types),
            ("n_tasks", n_tasks),
        ]:
            _check_size(size, name)
        generator = _generator(generator)
        self.n_genes, self.n_types, self.n_tasks = n_genes, n_types, n_tasks
        self.G = _gene_network(n_types, generator)
        self.pathways = SparseLinear(edges, n_genes, n_pathways, generator=generator)
        self.normalise = nn.Sequential(nn.LayerNorm(n_pathways), nn.Tanh())
        self.head = _two_layers(n_pathways, hidden, n_tasks, generator)

    def gene_scores(self, x):
        """What G makes of each gene, [batch, n_genes]; see `Galiana.gene_scores`."""
        return _gene_scores(self.G, x, self.n_genes, self.n_types)

    def pathway_scores(self, x):
        """Activity of each pathway, between -1 and 1: [batch, n_pathways]."""
        return self.normalise(self.pathways(self.gene_scores(x)))

    def forward(self, x):
        """Predicted traits, [batch, n_tasks], in the units of the targets."""
        return self.head(self.pathway_scores(x))


class GPSNN(nn.Module):
    """Traits from where a plant comes from, without its genome.

    Linear(3, 500), LayerNorm, Tanh, Linear(500, n_tasks).

    Parameters
    ----------
    n_tasks : int
        Traits predicted at once.
    generator : torch Generator, optional
        Source of the initial weights.

    Raises
    ------
    ValueError
        If ``n_tasks`` is not a positive integer.
    """

    def __init__(self, n_tasks=36, *, generator=None):
        super().__init__()
        _check_size(n_tasks, "n_tasks")
        self.n_tasks = n_tasks
        self.layers = _two_layers(3, GPS_WIDTH, n_tasks, _generator(generator))

    def forward(self, x):
        """Predicted traits, [batch, n_tasks], from encoded coordinates [batch, 3]."""
        return self.layers(_check_matrix(x, 3))


class FrozenHead(nn.Module):
    """The module that is trained on the encoding of a network trained on other traits.

    Linear(n_latent, hidden), LayerNorm, Tanh, Linear(hidden, n_tasks).

    Parameters
    ----------
    hidden : int
        Width of the hidden layer; 200 and 500 in the paper.
    n_latent : int
        Width of the encoding.
    n_tasks : int
        Traits predicted at once.
    generator : torch Generator, optional
        Source of the initial weights.

    Raises
    ------
    ValueError
        If a size is not a positive integer.
    """

    def __init__(self, hidden, n_latent=ENCODING_WIDTH, n_tasks=36, *, generator=None):
        super().__init__()
        for name, size in [("hidden", hidden), ("n_latent", n_latent), ("n_tasks", n_tasks)]:
            _check_size(size, name)
        self.n_latent, self.n_tasks = n_latent, n_tasks
        self.layers = _two_layers(n_latent, hidden, n_tasks, _generator(generator))

    def forward(self, x):
        """Predicted traits, [batch, n_tasks], from encodings [batch, n_latent]."""
        return self.layers(_check_matrix(x, self.n_latent))


class SeededDropout(nn.Module):
    """Dropout whose masks depend on its own seed and on how many it has drawn, nothing else.

    Both numbers are buffers, so that they are saved with the weights: a training run that is
    taken up again from its saved state draws the masks it would have drawn.

    Parameters
    ----------
    rate : float
        Probability with which an entry is left out; the others are divided by 1 - rate.
    generator : torch Generator
        Source of the seed.
    """

    def __init__(self, rate, generator):
        super().__init__()
        self.rate = rate
        if rate > 0:
            seed = torch.randint(2**62, (), generator=generator)
            self.register_buffer("seed", seed)
            self.register_buffer("drawn", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        """``x``, or while training ``x`` with entries left out."""
        if not self.training or self.rate == 0:
            return x
        generator = torch.Generator(device=x.device)
        generator.manual_seed(int(self.seed) + int(self.drawn))
        self.drawn += 1
        kept = torch.rand(x.shape, generator=generator, device=x.device) >= self.rate
        return x * kept / (1 - self.rate)


def _gene_network(n_types, generator):
    return nn.Sequential(
        _linear(n_types, GENE_WIDTH, generator),
        nn.LayerNorm(GENE_WIDTH),
        nn.Tanh(),
        _linear(GENE_WIDTH, 1, generator),
    )


def _two_layers(n_in, hidden, n_out, generator):
    return nn.Sequential(
        _linear(n_in, hidden, generator),
        nn.LayerNorm(hidden),
        nn.Tanh(),
        _linear(hidden, n_out, generator),
    )


def _linear(n_in, n_out, generator):
    # The constructor would draw from the global generator.
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = 1 / math.sqrt(n_in)
    for values in (layer.weight, layer.bias):
        nn.init.uniform_(values, -bound, bound, generator=generator)
    return layer


def _gene_scores(network, x, n_genes, n_types):
    if isinstance(x, DistinctGenes):
        _check_shape(x.shape, n_genes, n_types)
        scores = scores_of_vectors(network, x.vectors)
        return torch.index_select(scores, 0, x.index.reshape(-1)).view(x.index.shape)
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise ValueError(
            "x must be a floating-point torch tensor [batch, genes, types] or DistinctGenes, "
            f"not {getattr(x, 'dtype', type(x).__name__)}"
        )
    _check_shape(x.shape, n_genes, n_types)
    return network(x).squeeze(-1)


def _check_shape(shape, n_genes, n_types):
    if len(shape) != 3 or tuple(shape[1:]) != (n_genes, n_types):
        raise ValueError(
            f"x must have the shape [batch, {n_genes} genes, {n_types} types], not {tuple(shape)}"
        )


def _check_matrix(x, width):
    if not isinstance(x, torch.Tensor) or x.ndim != 2 or x.shape[1] != width:
        raise ValueError(
            f"x must be a torch tensor of shape [batch, {width}], "
            f"not {tuple(getattr(x, 'shape', ()))}"
        )
    return x


def _check_size(size, name):
    if isinstance(size, bool) or not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"{name} must be a positive integer, not {size!r}")


def _check_dropout(dropout):
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and under 1, not {dropout!r}")


def _generator(generator):
    if generator is None:
        generator = torch.Generator()
        generator.seed()
        return generator
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch Generator, not {type(generator).__name__}")
    return generator
