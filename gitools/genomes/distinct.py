"""Gene tensors written with each distinct vector of counts once.

Most genes of most plants carry no variant, or the same few: of the vectors that a batch of gene
tensors holds, few are distinct. What a network computes for one gene alone needs to be computed
once for each distinct vector, and gathered. This is exact, and so are the gradients: those of the
copies of one vector add up.
"""

from dataclasses import dataclass

import numpy as np
import torch

# Odd 64-bit constants of a multiply-and-shift hash: any such would do, since a collision is
# looked for and mended.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_GENES_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class DistinctGenes:
    """A tensor [batch, genes, types] as its distinct vectors and where each of them stands.

    Attributes
    ----------
    vectors : torch tensor of shape (m, types)
        The distinct vectors.
    index : torch tensor of shape (batch, genes), int64
        For each plant and gene the row of ``vectors`` that it carries.
    """

    vectors: torch.Tensor
    index: torch.Tensor

    def __post_init__(self):
        if self.vectors.ndim != 2 or not self.vectors.is_floating_point():
            raise ValueError(
                "vectors must be a floating-point tensor [m, types], "
                f"not {self.vectors.dtype} of shape {tuple(self.vectors.shape)}"
            )
        if self.index.ndim != 2 or self.index.dtype not in (torch.int32, torch.int64):
            raise ValueError(
                "index must be an integer tensor [batch, genes], "
                f"not {self.index.dtype} of shape {tuple(self.index.shape)}"
            )

    def __len__(self):
        return len(self.index)

    def __getitem__(self, rows):
        """The plants of ``rows`` (a slice, a list, or an array of numbers or of truth values).

        Only vectors that these plants carry are kept, so that nothing is computed for others.
        """
        if isinstance(rows, np.ndarray):
            rows = torch.from_numpy(rows)
        chosen = self.index[rows]
        if chosen.ndim != 2:
            raise ValueError(f"rows must choose several plants (say, a list), not {rows!r}")
        carried = torch.zeros(len(self.vectors), dtype=torch.bool, device=chosen.device)
        carried[chosen.reshape(-1)] = True
        # The new number of a vector is the count of kept ones before it.
        renumbered = torch.cumsum(carried, 0) - 1
        return DistinctGenes(self.vectors[carried], renumbered[chosen])

    @property
    def shape(self):
        """Shape (batch, genes, types) of the tensor that is meant."""
        return (*self.index.shape, self.vectors.shape[1])

    @property
    def share(self):
        """Number of distinct vectors over the number of vectors."""
        return len(self.vectors) / max(self.index.numel(), 1)

    def dense(self):
        """The tensor [batch, genes, types] itself."""
        return self.vectors[self.index]

    def to(self, device):
        """A copy on another device."""
        return DistinctGenes(self.vectors.to(device), self.index.to(device))


def distinct_genes(tensor):
    """Find the distinct vectors of a gene tensor.

    Parameters
    ----------
    tensor : array or torch tensor of shape (batch, genes, types)
        Counts, or counts after standardisation. What is not floating point becomes float32.

    Returns
    -------
    DistinctGenes
        ``dense()`` gives back the tensor, bit by bit (but that -0 becomes 0).

    Raises
    ------
    ValueError
        If ``tensor`` does not have three dimensions, or is not finite.
    """
    values = _finite(tensor)
    batch, genes, types = values.shape
    rows = values.reshape(batch * genes, types)
    keys = _hash(rows)
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    index = index.reshape(-1)
    vectors = rows[first]
    if not _restores(vectors, index, rows):
        vectors, index = np.unique(rows, axis=0, return_inverse=True)
    # The same tensor always gives the same order, whatever the hash.
    order = np.lexsort(vectors.T[::-1])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return DistinctGenes(
        torch.from_numpy(np.ascontiguousarray(vectors[order])),
        torch.from_numpy(place[index.reshape(-1)].reshape(batch, genes)),
    )


def _finite(tensor):
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.detach().cpu().numpy()
    values = np.asarray(tensor)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(
            f"tensor must have the shape [batch, genes, types], none of them 0, not {values.shape}"
        )
    if not np.issubdtype(values.dtype, np.floating):
        return values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("tensor must be finite, and holds NaN or infinity")
    # -0 and 0 are equal numbers of different bits.
    return np.ascontiguousarray(values) + values.dtype.type(0)


def _hash(rows):
    """One 64-bit number a row, equal where the rows are."""
    bits = rows.view({8: np.uint64, 4: np.uint32, 2: np.uint16}[rows.dtype.itemsize])
    keys = np.zeros(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _GENES_AT_ONCE):
        part = keys[start : start + _GENES_AT_ONCE]
        for column in bits[start : start + _GENES_AT_ONCE].T:
            part += column
            part *= _MULTIPLIER
            part ^= part >> _SHIFT
    return keys


def _restores(vectors, index, rows):
    parts = (slice(s, s + _GENES_AT_ONCE) for s in range(0, len(rows), _GENES_AT_ONCE))
    return all(np.array_equal(vectors[index[part]], rows[part]) for part in parts)
