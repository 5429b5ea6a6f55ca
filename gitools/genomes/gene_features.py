"""Where a variant falls: parts of genes by position alone, without the sequence.

All joins are of whole arrays of variants against whole arrays of intervals.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.genomes.annotations import GENIC, RANK, coding_type

_EXON, _UTR5, _UTR3, _SPLICE, _SPAN = 1, 2, 4, 8, 16
_PART_BITS = {"exon": _EXON, "UTR5": _UTR5, "UTR3": _UTR3}
_SPLICE_BASES = 2
_GENE_COLUMNS = ("gene_id", "chromosome", "start", "end", "strand")
_NONCODING = {
    "coding": "exonic ncRNA",
    "UTR5": "exonic ncRNA",
    "UTR3": "exonic ncRNA",
    "intronic": "intronic ncRNA",
    "splicing": "ncRNA splicing",
}


class Placed(NamedTuple):
    """Types of variants in genes: one entry for each pair of a variant and a gene.

    Attributes
    ----------
    variant, gene : int arrays of shape (m,)
        Indices; each pair stands once, with its most severe type.
    rank : int array of shape (m,)
        Index of the type in ``SEVERITY``.
    """

    variant: np.ndarray
    gene: np.ndarray
    rank: np.ndarray


def check_genes(genes: pd.DataFrame) -> pd.DataFrame:
    """The table of genes with its columns checked and chromosomes as strings.

    Raises
    ------
    ValueError
        If a column is missing, a gene has no name or stands twice, ends before it starts, or has
        a strand other than + and -.
    """
    lacking = [name for name in _GENE_COLUMNS if name not in getattr(genes, "columns", ())]
    if lacking or not len(genes):
        raise ValueError(f"genes: lacks the columns {lacking} or has no rows; expected a table")
    genes = genes.reset_index(drop=True)
    genes = genes.assign(chromosome=chromosome_names(genes["chromosome"]))
    if genes["gene_id"].duplicated().any() or genes["gene_id"].isna().any():
        raise ValueError("genes: a gene_id is missing or stands twice; expected each once")
    if (genes["end"] < genes["start"]).any() or (genes["start"] < 1).any():
        raise ValueError("genes: a gene starts before 1 or ends before it starts")
    if not genes["strand"].isin(["+", "-"]).all():
        raise ValueError(f"genes: got the strands {sorted(set(genes['strand']))}; expected + and -")
    return genes


def chromosome_names(names) -> np.ndarray:
    """Chromosomes without the prefix that some files use: "chr1", "Chr1" and "1" are one."""
    names = list(names)
    # Few different names in many rows.
    bare = {name: _bare(name) for name in set(names)}
    return np.array([bare[name] for name in names], dtype=object)


def _bare(name):
    name = str(name)
    return name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name


class GeneFeatures:
    """Places of genes and of their parts, to be asked where variants fall.

    Parameters
    ----------
    genes : DataFrame
        gene_id, chromosome, start and end (base pairs from 1, both included) and strand; a column
        "coding" of booleans marks genes that are translated (all, where it is absent).
    parts : DataFrame, optional
        part ("exon", "UTR5" or "UTR3"; other parts are not used), chromosome, start and end (bed:
        from 0, end excluded), gene_id and transcripts (parted by commas). Introns follow from the
        exons: they are what lies between a transcript's exons. Without parts only flanks and
        distances between genes are known.
    distance : int
        Base pairs up to which a variant is upstream or downstream of a gene (Annovar: 1,000;
        snpEff and VEP: 5,000).

    Raises
    ------
    ValueError
        If a table lacks a column, or `distance` is negative.
    """

    def __init__(self, genes, parts=None, *, distance=1_000):
        if distance < 0:
            raise ValueError(f"distance: got {distance!r}; expected at least 0")
        self.genes = check_genes(genes)
        self.distance = int(distance)
        coding = self.genes["coding"] if "coding" in self.genes else np.ones(len(genes), dtype=bool)
        self._coding = np.asarray(coding, dtype=bool)
        self._flanks = _flanks(self.genes, self.distance)
        self._has_parts = np.zeros(len(genes), dtype=bool)
        self._intervals, self._gene_of = _part_intervals(self.genes, parts)
        self._has_parts[self._gene_of] = True

    def place(self, chromosome, first, last, references, alternatives) -> Placed:
        """Types of variants on one chromosome, in every gene that they touch.

        Parameters
        ----------
        chromosome : str
        first, last : int arrays of shape (m,)
            First and last changed base pair, counted from 1.
        references, alternatives : sequences of str, of length m
            Alleles, whose lengths tell frameshifts.

        Returns
        -------
        Placed
            A variant in no gene and near none is intergenic, and is given to the nearest gene
            (the one before it, where two are as near).
        """
        first, last = np.asarray(first), np.asarray(last)
        inside = self._inside(chromosome, first, last, references, alternatives)
        flanking = self._beside(chromosome, first, last)
        near = _most_severe(
            *(np.concatenate(parts) for parts in zip(inside, flanking, strict=True))
        )
        alone = np.setdiff1d(np.arange(len(first)), near.variant)
        gene = self.nearest(chromosome, first[alone], last[alone])
        alone, gene = alone[gene >= 0], gene[gene >= 0]
        rank = np.full(len(alone), RANK["intergenic"])
        between = Placed(alone, gene, rank)
        return Placed(*(np.concatenate(parts) for parts in zip(near, between, strict=True)))

    def _inside(self, chromosome, first, last, references, alternatives):
        """(variant, gene, rank) of every transcript that a variant touches."""
        start, end, transcript, bit = self._intervals.get(chromosome, _NO_INTERVALS)
        variant, interval = overlaps(first, last, start, end)
        pair = variant * len(self._gene_of) + transcript[interval]
        pair, at = np.unique(pair, return_inverse=True)
        bits = np.zeros(len(pair), dtype=np.int64)
        np.bitwise_or.at(bits, at, bit[interval])
        variant, transcript = np.divmod(pair, max(len(self._gene_of), 1))
        gene = self._gene_of[transcript]
        names = [
            self._type(b, g, references[v], alternatives[v])
            for b, g, v in zip(bits, gene, variant, strict=True)
        ]
        rank = np.array([RANK[name] for name in names], dtype=np.int64)
        return self._with_whole_genes(chromosome, first, last, variant, gene, rank)

    def _type(self, bits, gene, reference, alternative):
        if bits & _SPLICE:
            name = "splicing"
        elif not bits & _EXON:
            name = "intronic"
        elif bits & (_UTR5 | _UTR3):
            name = "UTR5" if bits & _UTR5 else "UTR3"
        else:
            name = coding_type(reference, alternative)
        return name if self._coding[gene] else _NONCODING.get(name, "exonic ncRNA")

    def _with_whole_genes(self, chromosome, first, last, *found):
        """Adds variants in genes of which no parts are known."""
        rows = np.flatnonzero((self.genes["chromosome"] == chromosome) & ~self._has_parts)
        places = self.genes.loc[rows, ["start", "end"]].to_numpy(np.int64).reshape(-1, 2)
        variant, at = overlaps(first, last, places[:, 0], places[:, 1])
        more = (variant, rows[at], np.full(len(variant), RANK[GENIC]))
        return tuple(np.concatenate(pair) for pair in zip(found, more, strict=True))

    def _beside(self, chromosome, first, last):
        """(variant, gene, rank) up- and downstream of genes."""
        start, end, gene, rank = self._flanks.get(chromosome, _NO_INTERVALS)
        variant, at = overlaps(first, last, start, end)
        return variant, gene[at], rank[at]

    def nearest(self, chromosome, first, last):
        """Gene nearest to each variant between genes.

        Parameters
        ----------
        chromosome : str
        first, last : int arrays of shape (m,)
            First and last changed base pair, counted from 1.

        Returns
        -------
        int array of shape (m,)
            The gene before the variant where two are as near; -1 on a chromosome without genes.
        """
        rows = np.flatnonzero(self.genes["chromosome"] == chromosome)
        if not len(rows):
            return np.full(len(first), -1)
        starts = self.genes["start"].to_numpy()[rows]
        ends = self.genes["end"].to_numpy()[rows]
        by_start, by_end = np.argsort(starts, kind="stable"), np.argsort(ends, kind="stable")
        after = np.searchsorted(starts[by_start], last, side="right")
        before = np.searchsorted(ends[by_end], first) - 1
        far = np.iinfo(np.int64).max
        to_next = np.append(starts[by_start], far)[after] - last
        previous = np.where(before >= 0, first - ends[by_end][np.maximum(before, 0)], far)
        at_next = by_start[np.minimum(after, len(rows) - 1)]
        return rows[np.where(previous <= to_next, by_end[np.maximum(before, 0)], at_next)]


def overlaps(first, last, start, end):
    """All pairs of a variant and an interval that share a base pair.

    Parameters
    ----------
    first, last : int arrays of shape (m,)
        Variants, both ends included.
    start, end : int arrays of shape (k,)
        Intervals, both ends included.

    Returns
    -------
    variant, interval : int arrays
        Indices of the pairs.
    """
    order = np.argsort(first, kind="stable")
    at = first[order]
    longest = int((last - first).max(initial=0))
    low = np.searchsorted(at, start - longest, side="left")
    high = np.searchsorted(at, end, side="right")
    n = np.maximum(high - low, 0)
    interval = np.repeat(np.arange(len(start)), n)
    offset = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    variant = order[np.repeat(low, n) + offset]
    kept = last[variant] >= start[interval]
    return variant[kept], interval[kept]


def _most_severe(variant, gene, rank):
    """One entry for each pair of variant and gene."""
    order = np.lexsort((rank, gene, variant))
    variant, gene, rank = variant[order], gene[order], rank[order]
    new = np.ones(len(variant), dtype=bool)
    new[1:] = (variant[1:] != variant[:-1]) | (gene[1:] != gene[:-1])
    return Placed(variant[new], gene[new], rank[new])


_NO_INTERVALS = (np.zeros(0, dtype=np.int64),) * 4


def _flanks(genes, distance):
    """By chromosome: start, end, gene and rank of the stretches beside genes."""
    forward = (genes["strand"] == "+").to_numpy()
    up, down = RANK["upstream"], RANK["downstream"]
    start, end = genes["start"].to_numpy(np.int64), genes["end"].to_numpy(np.int64)
    rows = np.arange(len(genes))
    stacked = (
        np.concatenate([start - distance, end + 1]),
        np.concatenate([start - 1, end + distance]),
        np.concatenate([rows, rows]),
        np.concatenate([np.where(forward, up, down), np.where(forward, down, up)]),
    )
    chromosome = np.tile(genes["chromosome"].to_numpy(), 2)
    return {name: tuple(a[chromosome == name] for a in stacked) for name in set(chromosome)}


def _part_intervals(genes, parts):
    """By chromosome: start, end, transcript and bit of stretches; and each transcript's gene."""
    if parts is None:
        return {}, np.zeros(0, dtype=np.int64)
    needed = ("part", "chromosome", "start", "end", "gene_id", "transcripts")
    lacking = [name for name in needed if name not in getattr(parts, "columns", ())]
    if lacking:
        raise ValueError(f"parts: lacks the columns {lacking}")
    index = pd.Index(genes["gene_id"])
    parts = parts[parts["part"].isin(_PART_BITS) & parts["gene_id"].isin(index)]
    names = [text.split(",") for text in parts["transcripts"].tolist()]
    repeat = np.repeat(np.arange(len(parts)), [len(some) for some in names])
    words = np.array([name for some in names for name in some], dtype=object)
    transcript, words = pd.factorize(words)
    rows = parts.iloc[repeat]
    gene_of = np.zeros(len(words), dtype=np.int64)
    gene_of[transcript] = index.get_indexer(rows["gene_id"])
    table = pd.DataFrame(
        {
            "chromosome": chromosome_names(rows["chromosome"]),
            "start": rows["start"].to_numpy(np.int64) + 1,
            "end": rows["end"].to_numpy(np.int64),
            "transcript": transcript,
            "bit": rows["part"].map(_PART_BITS).to_numpy(np.int64),
        }
    )
    table = pd.concat([table, *_from_exons(table)], ignore_index=True)
    names = ("start", "end", "transcript", "bit")
    return {
        key: tuple(part[name].to_numpy() for name in names)
        for key, part in table.groupby("chromosome")
    }, gene_of


def _from_exons(table):
    """Spans of transcripts, and the two base pairs at either end of each intron."""
    exons = table[table["bit"] == _EXON].sort_values(["transcript", "start"])
    if not len(exons):
        return []
    span = exons.groupby("transcript", as_index=False).agg(
        {"chromosome": "first", "start": "min", "end": "max"}
    )
    following = exons["transcript"].to_numpy()[1:] == exons["transcript"].to_numpy()[:-1]
    before, after = exons.iloc[:-1][following], exons.iloc[1:][following]
    introns = pd.DataFrame(
        {
            "chromosome": before["chromosome"].to_numpy(),
            "transcript": before["transcript"].to_numpy(),
            "start": before["end"].to_numpy() + 1,
            "end": after["start"].to_numpy() - 1,
        }
    )
    introns = introns[introns["end"] >= introns["start"]]
    left = introns.assign(end=np.minimum(introns["start"] + _SPLICE_BASES - 1, introns["end"]))
    right = introns.assign(start=np.maximum(introns["end"] - _SPLICE_BASES + 1, introns["start"]))
    return [span.assign(bit=_SPAN), left.assign(bit=_SPLICE), right.assign(bit=_SPLICE)]
