"""Variants read a chunk at a time, from VCF files or from arrays, and put into genes."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from gitools.genomes.annotations import (
    FORMATS,
    RANK,
    SEVERITY,
    Effect,
    parse_ann,
    parse_annovar,
    parse_csq,
    parse_eff,
)
from gitools.genomes.gene_features import chromosome_names

_CHOICES = ("auto", *FORMATS, "position")


class Chunk(NamedTuple):
    """Some sites of a file, in its order.

    Attributes
    ----------
    samples : tuple of str
        Names of the n plants.
    chromosomes : array of str, shape (v,)
    positions : int array of shape (v,)
        From 1, of the first base of the reference allele.
    references : sequence of str, of length v
    alternatives : sequence of tuples of str, of length v
    genotypes : int8 array of shape (v, n, ploidy)
        Numbers of alleles, 0 the reference, -1 missing.
    effects : sequence of lists of Effect, of length v, or None
        What an annotation says of each site; None if there is none.
    """

    samples: tuple[str, ...]
    chromosomes: np.ndarray
    positions: np.ndarray
    references: list[str]
    alternatives: list[tuple[str, ...]]
    genotypes: np.ndarray
    effects: list[list[Effect]] | None = None


class VariantFile(NamedTuple):
    """An open VCF file.

    Attributes
    ----------
    samples : tuple of str
    kind : str or None
        Its annotation, one of ``FORMATS``, "position", or None.
    chunks : iterator over Chunk
    """

    samples: tuple[str, ...]
    kind: str | None
    chunks: Iterator[Chunk]


def call_chunks(
    genotypes,
    chromosomes,
    positions,
    references,
    alternatives,
    samples,
    *,
    annotations=None,
    annotation="eff",
    chunk_size=2_000,
) -> Iterator[Chunk]:
    """Chunks of calls that are already in memory, for `encode`.

    Parameters
    ----------
    genotypes : int array of shape (n, p) or (n, p, ploidy)
        Numbers of alleles, 0 the reference, -1 missing; inbred lines may give one number for all
        copies.
    chromosomes, positions, references, alternatives : sequences of length p
        Sites; several alternative alleles are parted by commas.
    samples : sequence of length n
        Names of the plants.
    annotations : sequence of str, optional
        What snpEff says of each site.
    annotation : {"ann", "eff"}
        In which of its two forms.
    chunk_size : int
        Sites in a chunk.

    Yields
    ------
    Chunk

    Raises
    ------
    ValueError
        If lengths disagree, or a genotype is not the number of an allele of its site.
    """
    genotypes = np.asarray(genotypes)
    if genotypes.ndim == 2:
        genotypes = genotypes[:, :, None]
    n, p = genotypes.shape[:2] if genotypes.ndim == 3 else (0, 0)
    columns = {
        "chromosomes": chromosomes,
        "positions": positions,
        "references": references,
        "alternatives": alternatives,
    }
    for name, column in columns.items():
        if len(column) != p or not p:
            raise ValueError(f"{name}: got {len(column)} entries for genotypes of {p} sites")
    if len(samples) != n:
        raise ValueError(f"samples: got {len(samples)} names for genotypes of {n} plants")
    if annotation not in ("ann", "eff"):
        raise ValueError(f"annotation: got {annotation!r}; expected 'ann' or 'eff'")
    split = [tuple(str(text).split(",")) for text in alternatives]
    if genotypes.min() < -1 or (genotypes.max(axis=(0, 2)) > [len(s) for s in split]).any():
        raise ValueError("genotypes: holds a number that is no allele of its site, and not -1")
    parse = {"ann": parse_ann, "eff": parse_eff}[annotation]
    names = tuple(str(sample) for sample in samples)
    for start in range(0, p, chunk_size):
        at = slice(start, start + chunk_size)
        here = [str(text) for text in references[at]]
        effects = None
        if annotations is not None:
            told = zip(annotations[at], here, split[at], strict=True)
            effects = [parse(str(text), reference, others) for text, reference, others in told]
        yield Chunk(
            samples=names,
            chromosomes=chromosome_names(chromosomes[at]),
            positions=np.asarray(positions[at], dtype=np.int64),
            references=here,
            alternatives=split[at],
            genotypes=np.ascontiguousarray(genotypes[:, at].transpose(1, 0, 2), dtype=np.int8),
            effects=effects,
        )


def read_vcf(path, annotation="auto", *, chunk_size=2_000, progress=False) -> VariantFile:
    """Open a VCF file and find out who annotated it.

    Parameters
    ----------
    path : path
        The file, plain, gzip or bgzip.
    annotation : str
        As in `encode`.
    chunk_size : int
    progress : bool

    Returns
    -------
    VariantFile

    Raises
    ------
    ImportError
        If cyvcf2 is not installed.
    ValueError
        If the file is not there or no VCF, the annotation is not one of those known, is not in the
        header, or more than one is.
    """
    path = Path(path)
    if annotation not in _CHOICES:
        raise ValueError(f"annotation: got {annotation!r}; expected one of {', '.join(_CHOICES)}")
    if not isinstance(chunk_size, int) or chunk_size < 1:
        raise ValueError(f"chunk_size: got {chunk_size!r}; expected a whole number of at least 1")
    if not path.is_file():
        raise ValueError(f"source: there is no file {path}")
    file = _vcf_class()(str(path), gts012=False)
    declared = _declared(file.raw_header)
    kind = _chosen(annotation, declared, path)
    parse = None if kind in (None, "position") else _parser(kind, declared[kind])
    chunks = _chunks(file, parse, chunk_size, progress)
    return VariantFile(tuple(file.samples), kind, chunks)


class Located:
    """Puts the alleles of a chunk into genes by their place.

    Parameters
    ----------
    features : GeneFeatures
    """

    def __init__(self, features):
        self.features = features

    def __call__(self, chunk, site, number, left_out: Counter, kept):
        """Rows of alleles, genes and names of types; what is left out is counted."""
        rows = np.flatnonzero(kept)
        first, last = _changed(chunk, site, number)
        found = []
        for name in dict.fromkeys(chunk.chromosomes[site[rows]]):
            here = rows[chunk.chromosomes[site[rows]] == name]
            references = [chunk.references[v] for v in site[here]]
            alternatives = [
                chunk.alternatives[v][k - 1] for v, k in zip(site[here], number[here], strict=True)
            ]
            placed = self.features.place(name, first[here], last[here], references, alternatives)
            if not len(placed.variant):
                left_out["no gene on the chromosome"] += len(here)
            found.append((here[placed.variant], placed.gene, placed.rank))
        return _joined(found)


class SaidEffects:
    """Puts the alleles of a chunk into genes by what their annotation says.

    Parameters
    ----------
    features : GeneFeatures
        For the names of genes, and for the gene nearest to an intergenic variant.
    """

    def __init__(self, features):
        self.features = features
        self.index = {name: g for g, name in enumerate(features.genes["gene_id"])}

    def __call__(self, chunk, site, number, left_out: Counter, kept):
        """Rows of alleles, genes and names of types; what is left out is counted."""
        row_of = {
            key: row for row, key in enumerate(zip(site.tolist(), number.tolist(), strict=True))
        }
        best, between, told = {}, set(), set()
        for v, effects in enumerate(chunk.effects):
            for effect in effects:
                row = row_of[v, effect.allele]
                if kept[row]:
                    told.add(row)
                    self._enter(row, effect, best, between, left_out)
        left_out["no annotation"] += int(kept.sum()) - len(told)
        inside = {row for row, _ in best}
        alone = np.array(sorted(between - inside), dtype=np.int64)
        found = [self._nearest(chunk, site, alone, left_out)]
        if best:
            row, gene = np.array(list(best), dtype=np.int64).T
            found.append((row, gene, np.array([RANK[name] for name in best.values()])))
        return _joined(found)

    def _enter(self, row, effect, best, between, left_out):
        if effect.type == "intergenic":
            between.add(row)
            return
        gene = next((self.index[name] for name in effect.genes if name in self.index), None)
        if effect.type not in RANK:
            left_out[effect.type] += 1
        elif gene is None:
            left_out["gene not in the table"] += 1
        elif RANK[effect.type] < RANK.get(best.get((row, gene)), len(RANK)):
            best[row, gene] = effect.type

    def _nearest(self, chunk, site, rows, left_out):
        gene = np.full(len(rows), -1)
        names = chunk.chromosomes[site[rows]]
        at = chunk.positions[site[rows]]
        for name in set(names):
            here = names == name
            gene[here] = self.features.nearest(name, at[here], at[here])
        left_out["no gene on the chromosome"] += int((gene < 0).sum())
        kept = gene >= 0
        return rows[kept], gene[kept], np.full(kept.sum(), RANK["intergenic"])


def _joined(found):
    allele, gene, rank = (
        np.concatenate([*parts, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        for parts in zip(*found, strict=True)
    )
    return allele, gene, [SEVERITY[r] for r in rank]


def _changed(chunk, site, number):
    """First and last base pair that each allele changes; an insertion's is the one before it."""
    first = chunk.positions[site].copy()
    last = first.copy()
    for row, (v, k) in enumerate(zip(site, number, strict=True)):
        reference, alternative = chunk.references[v], chunk.alternatives[v][k - 1]
        if len(reference) == len(alternative) == 1:
            continue
        pairs = zip(reference, alternative, strict=False)
        shared = next(
            (k for k, (a, b) in enumerate(pairs) if a != b),
            len(min(reference, alternative, key=len)),
        )
        last[row] = first[row] + len(reference) - 1
        first[row] = min(first[row] + shared, last[row])
    return first, last


def _vcf_class():
    try:
        from cyvcf2 import VCF
    except ImportError as error:
        raise ImportError(
            "source: reading VCF files needs the package cyvcf2, which has no build for Windows; "
            "install it, or hand over calls with gitools.genomes.variant_files.call_chunks"
        ) from error
    return VCF


def _declared(header):
    """Kinds of annotation that the header declares, with what is needed to read them."""
    found = {}
    for name in re.findall(r"##INFO=<ID=Func\.(\w+)", header)[:1]:
        found["annovar"] = name
    for kind in ("ANN", "EFF"):
        if f"##INFO=<ID={kind}," in header:
            found[kind.lower()] = kind
    said = re.search(r'##INFO=<ID=CSQ,[^\n]*Format: ([^"\n>]+)"', header)
    if said:
        found["csq"] = said.group(1).strip().split("|")
    return found


def _chosen(annotation, declared, path):
    if annotation == "position":
        return "position"
    if annotation != "auto":
        if annotation not in declared:
            raise ValueError(
                f"annotation: the header of {path} declares {sorted(declared) or 'no annotation'}, "
                f"not {annotation!r}"
            )
        return annotation
    if len(declared) > 1:
        raise ValueError(f"annotation: {path} has {sorted(declared)}; say which one to use")
    return next(iter(declared), None)


def _parser(kind, detail):
    """A function from a record of cyvcf2 to its effects."""
    if kind == "annovar":
        return lambda record: _annovar_effects(record, detail)
    parse = {"ann": parse_ann, "eff": parse_eff, "csq": parse_csq}[kind]
    more = (detail,) if kind == "csq" else ()

    def effects(record):
        text = record.INFO.get(kind.upper())
        return parse(text, record.REF, record.ALT, *more) if text else []

    return effects


def _annovar_effects(record, name):
    """Annovar repeats its fields for each allele, which cyvcf2's own look-up does not show."""
    fields = (f"Func.{name}", f"Gene.{name}", f"ExonicFunc.{name}")
    if len(record.ALT) == 1:
        told = [[record.INFO.get(field) or "." for field in fields]]
    else:
        text = str(record).split("\t")[7]
        told = [re.findall(rf"(?:^|;){re.escape(f)}=([^;]*)", text) for f in fields]
        if {len(values) for values in told} != {len(record.ALT)}:
            raise ValueError(
                f"source: Annovar's fields at {record.CHROM}:{record.POS} do not stand once for "
                f"each of {len(record.ALT)} alleles"
            )
        told = list(zip(*told, strict=True))
    effects = []
    for k, (functions, genes, exonic) in enumerate(told):
        if functions != ".":
            alleles = (record.REF, record.ALT[k])
            effects += parse_annovar(functions, genes, exonic, k + 1, alleles)
    return effects


def _chunks(file, parse, chunk_size, progress):
    hidden = not progress or bool(os.environ.get("GITOOLS_QUIET"))
    records, n = [], len(file.samples)
    try:
        for record in tqdm(file, disable=hidden, unit=" variants", leave=False):
            if not record.ALT:
                continue
            records.append(_record(record, parse))
            if len(records) == chunk_size:
                yield _chunk(file, records, n, parse is not None)
                records = []
        if records:
            yield _chunk(file, records, n, parse is not None)
    finally:
        file.close()


def _record(record, parse):
    alleles = record.genotype.array()[:, :-1]
    # Haploid calls beside diploid ones are padded with -2.
    alleles = np.where(alleles == -2, alleles[:, :1], alleles).astype(np.int8)
    effects = None if parse is None else parse(record)
    return record.CHROM, record.POS, record.REF, tuple(record.ALT), alleles, effects


def _chunk(file, records, n, annotated):
    chromosomes, positions, references, alternatives, genotypes, effects = zip(
        *records, strict=True
    )
    ploidy = max(alleles.shape[1] for alleles in genotypes)
    filled = [
        alleles if alleles.shape[1] == ploidy else np.repeat(alleles[:, :1], ploidy, axis=1)
        for alleles in genotypes
    ]
    return Chunk(
        samples=tuple(file.samples),
        chromosomes=chromosome_names(chromosomes),
        positions=np.array(positions, dtype=np.int64),
        references=list(references),
        alternatives=list(alternatives),
        genotypes=np.stack(filled).reshape(len(records), n, ploidy),
        effects=list(effects) if annotated else None,
    )
