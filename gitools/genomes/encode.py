"""Genomes to gene tensors: variants of each type in each gene of each plant, counted from a VCF.

The file is read a chunk of variants at a time and the tensor is kept on disk, so that memory
depends on the number of plants, not on the number of variants.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zarr

from gitools.genomes.gene_features import GeneFeatures, check_genes
from gitools.genomes.preprocess import is_common
from gitools.genomes.variant_files import Chunk, Located, SaidEffects, read_vcf
from gitools.simulate.variant_types import VARIANT_TYPES

_N_TYPES = len(VARIANT_TYPES)
_BLOCK_GENES = 256
_BLOCKS_IN_MEMORY = 4
_CHUNK_PLANTS = 128
_DTYPE = np.int16
_MOST = np.iinfo(_DTYPE).max


class GeneTensor(NamedTuple):
    """A gene tensor on disk; nothing is read before it is asked for.

    Attributes
    ----------
    counts : zarr array of int16, shape (n, genes, types)
        Variants of each type that a plant carries in each gene.
    missing : zarr array of int16, shape (n, genes)
        Alleles placed in the gene, of one of the types, at which the plant's call is missing.
    samples, genes, types : tuples of str
        Names along the axes.
    report : dict
        What became of the variants: see `encode`.
    """

    counts: zarr.Array
    missing: zarr.Array
    samples: tuple[str, ...]
    genes: tuple[str, ...]
    types: tuple[str, ...]
    report: dict


def encode(
    source,
    out,
    genes,
    *,
    annotation="auto",
    parts=None,
    distance=1_000,
    types=VARIANT_TYPES,
    min_maf=None,
    chunk_size=2_000,
    overwrite=False,
    progress=False,
) -> GeneTensor:
    r"""Count the variants of each type that each plant carries in each gene.

    With :math:`x_{ia} = 1` if plant i carries allele a, the tensor is
    :math:`T_{igt} = \sum_a x_{ia} [a \text{ is of type } t \text{ in } g]`. An allele counts once
    in a plant, whether on one chromosome or on both.

    Rules, where sources leave a choice:

    - several alternative alleles: each counts with its own annotation;
    - several transcripts, or several words, of one gene: the most severe, in the order of
      ``gitools.genomes.annotations.SEVERITY`` (Ensembl's);
    - several genes: the variant counts in each;
    - intergenic: only where no other effect of the allele falls in a known gene; it counts in the
      nearest gene, whatever the annotation names;
    - a missing call counts as nothing in ``counts``, and is counted in ``missing``.

    Parameters
    ----------
    source : path or iterable of Chunk
        A VCF file (plain, gzip or bgzip), or chunks of calls
        (`gitools.genomes.variant_files.call_chunks`).
    out : path
        Folder to write; it holds a zarr group (format 3). It appears when all is done: an
        interrupted run leaves no `out`, and the next one begins anew.
    genes : DataFrame
        gene_id, chromosome, start and end (base pairs from 1, both included), strand; a row for
        each gene of the tensor, in its order.
    annotation : {"auto", "annovar", "ann", "eff", "csq", "position"}
        Where types come from: fields of the file (Annovar's Func, snpEff's ANN or EFF, VEP's CSQ),
        or the place alone. "auto" takes the one kind of field that the file's header declares, and
        the place if it declares none and `parts` are given.
    parts : DataFrame, optional
        Exons and untranslated ends for "position": see `GeneFeatures`. The translated part then
        gives the types of insertions and deletions; other changes there are of the type "coding".
    distance : int
        For "position": how far upstream and downstream reach, in base pairs.
    types : sequence of str
        Types to count, by default the 17. "synonymous", "coding" and "genic" may be added.
    min_maf : float, optional
        Only alleles whose frequency f has min(f, 1 - f) above it, among the calls of all plants.
    chunk_size : int
        Variants read at a time.
    overwrite : bool
        Replace an `out` that exists.
    progress : bool
        Show a progress bar of variants (never where GITOOLS_QUIET is set).

    Returns
    -------
    GeneTensor
        Its report counts "sites", "alleles" (alternative ones), "rare" (alleles left out by
        `min_maf`), "placed" (pairs of allele and gene that are counted), "calls" and "missing
        calls" (over sites and plants), "pairs by type", and "left out": pairs or alleles by the
        reason why (a type not asked for, a gene not in the table, no annotation, ...).

    Raises
    ------
    ValueError
        If an argument is not as described, the annotation is ambiguous or absent, or a count
        passes 32,767.
    FileExistsError
        If `out` exists and `overwrite` is False.
    ImportError
        If a file is given and cyvcf2 is not installed (there is no build for Windows).

    References
    ----------
    The encoding of Raimondi et al. (2024), Scientific Reports 14, whose types come from Annovar.
    """
    out = Path(out)
    genes, types = check_genes(genes), _checked_types(types)
    if min_maf is not None and not 0 <= min_maf < 0.5:
        raise ValueError(f"min_maf: got {min_maf!r}; expected a number from 0 to below 0.5")
    if out.exists() and not overwrite:
        raise FileExistsError(f"out: {out} exists; pass overwrite=True to replace it")
    features = GeneFeatures(genes, parts, distance=distance)
    samples, chunks, kind = _opened(source, annotation, parts, chunk_size, progress)
    place = Located(features) if kind == "position" else SaidEffects(features)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        report = _write(part, samples, chunks, place, features, types, min_maf)
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return open_tensor(out)._replace(report=report)


def open_tensor(path) -> GeneTensor:
    """Open a tensor that `encode` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    GeneTensor

    Raises
    ------
    ValueError
        If there is no tensor of `encode` at `path`.
    """
    try:
        group = zarr.open_group(Path(path), mode="r")
        names = {key: tuple(group.attrs[key]) for key in ("samples", "genes", "types")}
        report = json.loads(group.attrs["report"])
    except (OSError, KeyError) as error:
        raise ValueError(f"path: {path} holds no gene tensor written by encode") from error
    return GeneTensor(counts=group["counts"], missing=group["missing"], **names, report=report)


def count_types(carried, variant_gene, variant_type, n_genes, n_types=_N_TYPES):
    """Gene tensor of variants whose gene and type are known, in memory.

    Parameters
    ----------
    carried : int or bool array of shape (n, p)
        1 where a plant carries the variant; anything else, -1 for a missing call included, counts
        as nothing.
    variant_gene, variant_type : int arrays of shape (p,)
        Gene and type of each variant; a variant in two genes stands twice.
    n_genes, n_types : int

    Returns
    -------
    int16 array of shape (n, n_genes, n_types)

    Raises
    ------
    ValueError
        If shapes disagree or an index is out of range.
    """
    carried = np.asarray(carried)
    gene, kind = np.asarray(variant_gene), np.asarray(variant_type)
    if carried.ndim != 2 or gene.shape != (carried.shape[1],) or kind.shape != gene.shape:
        raise ValueError(
            f"carried, variant_gene, variant_type: got shapes {carried.shape}, {gene.shape} and "
            f"{kind.shape}; expected (n, p), (p,) and (p,)"
        )
    for name, index, n in (("variant_gene", gene, n_genes), ("variant_type", kind, n_types)):
        if index.size and (index.min() < 0 or index.max() >= n):
            raise ValueError(f"{name}: got indices outside 0 to {n - 1}")
    counts = np.zeros((n_genes * n_types, len(carried)), dtype=_DTYPE)
    _add_rows(counts, gene * n_types + kind, carried.T == 1)
    return np.ascontiguousarray(counts.T).reshape(len(carried), n_genes, n_types)


def _opened(source, annotation, parts, chunk_size, progress):
    """Names of the plants, an iterator over chunks, and where types come from."""
    if isinstance(source, str | Path):
        file = read_vcf(source, annotation, chunk_size=chunk_size, progress=progress)
        kind = file.kind
        if kind is None and parts is not None and annotation in ("auto", "position"):
            kind = "position"
        if kind is None:
            raise ValueError(
                f"annotation: the header of {source} declares no Annovar, ANN, EFF or CSQ field "
                "and no parts of genes are given; expected one or the other"
            )
        return file.samples, file.chunks, kind
    if not isinstance(source, Iterable):
        raise ValueError(f"source: got {type(source).__name__}; expected a path or chunks")
    chunks = iter(source)
    first = next(chunks, None)
    if not isinstance(first, Chunk):
        raise ValueError("source: expected a path, or an iterable of at least one Chunk")
    said = first.effects is not None
    return first.samples, _chained(first, chunks), "said" if said else "position"


def _chained(first, others):
    yield first
    yield from others


def _write(folder, samples, chunks, place, features, types, min_maf):
    """Write the whole tensor into `folder`; return the report."""
    genes = tuple(features.genes["gene_id"])
    shape = (len(samples), len(genes), len(types))
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    sizes = (min(shape[0], _CHUNK_PLANTS), min(shape[1], _BLOCK_GENES))
    made = {
        "counts": group.create_array(
            "counts", shape=shape, chunks=(*sizes, shape[2]), dtype=_DTYPE, fill_value=0
        ),
        "missing": group.create_array(
            "missing", shape=shape[:2], chunks=sizes, dtype=_DTYPE, fill_value=0
        ),
    }
    blocks = _Blocks(made["counts"], made["missing"])
    tally = Counter()
    left_out, by_type = Counter(), Counter(dict.fromkeys(types, 0))
    for chunk in chunks:
        _count_chunk(chunk, place, blocks, types, min_maf, (tally, left_out, by_type))
    blocks.flush()
    names = ("sites", "alleles", "rare", "placed", "calls", "missing calls")
    report = {name: int(tally[name]) for name in names}
    report["pairs by type"] = {name: int(n) for name, n in by_type.items()}
    report["left out"] = {name: int(n) for name, n in sorted(left_out.items()) if n}
    group.attrs.update(
        samples=list(samples), genes=list(genes), types=list(types), report=json.dumps(report)
    )
    return report


def _count_chunk(chunk, place, blocks, types, min_maf, tallies):
    tally, left_out, by_type = tallies
    genotypes = chunk.genotypes
    alleles = [(v, k + 1) for v, some in enumerate(chunk.alternatives) for k in range(len(some))]
    site, number = np.array(alleles, dtype=np.int64).reshape(-1, 2).T
    copies = (genotypes[site] == number[:, None, None]).sum(axis=2)
    called = (genotypes >= 0).sum(axis=2)
    tally["sites"] += len(genotypes)
    tally["alleles"] += len(site)
    tally["calls"] += called.size
    tally["missing calls"] += int((called < genotypes.shape[2]).sum())
    kept = np.ones(len(site), dtype=bool)
    if min_maf is not None:
        kept = is_common(copies.sum(axis=1), called.sum(axis=1)[site], min_maf)
        tally["rare"] += int((~kept).sum())
    spelt = np.array([_is_spelt(chunk.alternatives[v][k - 1]) for v, k in alleles], dtype=bool)
    left_out["allele without a sequence"] += int((kept & ~spelt).sum())
    allele, gene, names = place(chunk, site, number, left_out, kept & spelt)
    index = {name: k for k, name in enumerate(types)}
    kind = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    left_out.update(f"type: {name}" for name, k in zip(names, kind, strict=True) if k < 0)
    allele, gene, kind = allele[kind >= 0], gene[kind >= 0], kind[kind >= 0]
    tally["placed"] += len(allele)
    by_type.update(types[k] for k in kind)
    carried = copies[allele] > 0
    absent = ~carried & (called[site[allele]] < genotypes.shape[2])
    blocks.add(gene, kind, carried, absent)


def _is_spelt(allele):
    """Whether an allele is letters: not a spanning deletion ("*"), "<DEL>" or a breakpoint."""
    return allele.isalpha()


class _Blocks:
    """Blocks of genes in memory, the least used written back first."""

    def __init__(self, counts, missing):
        self.counts, self.missing = counts, missing
        self.width = min(counts.shape[1], _BLOCK_GENES)
        self.held = {}

    def add(self, gene, kind, carried, absent):
        """Add rows of plants to the cells (gene, kind)."""
        n_types = self.counts.shape[2]
        block = gene // self.width
        for b in np.unique(block):
            counts, missing = self._block(int(b))
            rows = np.flatnonzero(block == b)
            inside = gene[rows] - b * self.width
            _add_rows(counts, inside * n_types + kind[rows], carried[rows])
            _add_rows(missing, inside, absent[rows])

    def flush(self):
        """Write all blocks."""
        while self.held:
            self._write(next(iter(self.held)))

    def _block(self, b):
        if b in self.held:
            # Dictionaries keep their order: put the block last, as the most recently used.
            self.held[b] = self.held.pop(b)
            return self.held[b]
        if len(self.held) >= _BLOCKS_IN_MEMORY:
            self._write(next(iter(self.held)))
        place = self._place(b)
        counts = np.asarray(self.counts[:, place])
        # Cells first: a plant's entry of a cell is then beside the next plant's.
        counts = np.ascontiguousarray(counts.reshape(len(counts), -1).T)
        missing = np.ascontiguousarray(np.asarray(self.missing[:, place]).T)
        self.held[b] = (counts, missing)
        return self.held[b]

    def _write(self, b):
        counts, missing = self.held.pop(b)
        place = self._place(b)
        n_plants, n_types = self.counts.shape[0], self.counts.shape[2]
        self.counts[:, place] = counts.T.reshape(n_plants, -1, n_types)
        self.missing[:, place] = missing.T

    def _place(self, b):
        return slice(b * self.width, min((b + 1) * self.width, self.counts.shape[1]))


def _add_rows(cells, index, rows):
    """cells[index] += rows, where an index may stand several times."""
    if not len(index):
        return
    order = np.argsort(index, kind="stable")
    index = index[order]
    starts = np.flatnonzero(np.r_[True, index[1:] != index[:-1]])
    sums = np.add.reduceat(rows[order], starts, axis=0, dtype=np.int64)
    total = cells[index[starts]] + sums
    if total.max() > _MOST:
        raise ValueError(f"source: a count passes {_MOST:,}, the most that a cell holds")
    cells[index[starts]] = total


def _checked_types(types):
    types = tuple(types)
    if not types or len(set(types)) < len(types) or not all(isinstance(t, str) for t in types):
        raise ValueError(f"types: got {types!r}; expected different names")
    return types
