"""Genes of Arabidopsis: places, parts, terms."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.data.store import load

_PARTS = {
    "exon": "arabidopsis_exons",
    "intron": "arabidopsis_introns",
    "UTR5": "arabidopsis_utr5",
    "UTR3": "arabidopsis_utr3",
}


class GeneTerms(NamedTuple):
    """Which genes belong to which terms.

    Attributes
    ----------
    genes, terms : arrays of str
        Names.
    pairs : int array of shape (m, 2)
        Index of a gene, index of a term; sorted by term, then gene.
    """

    genes: np.ndarray
    terms: np.ndarray
    pairs: np.ndarray


def arabidopsis_genes() -> pd.DataFrame:
    """Open the 27,655 genes of Araport11, as many as the ionome paper counts variants in.

    Returns
    -------
    DataFrame of shape [27655, 5]
        gene_id; chromosome ("1" to "5", "Mt", "Pt"); start and end in base pairs, counted from 1,
        both included; strand ("+" or "-").

    Raises
    ------
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    Cheng et al. (2017), The Plant Journal 89, 789-804.
    """
    return load("arabidopsis_genes")


def arabidopsis_gene_parts() -> pd.DataFrame:
    """Open exons, introns and untranslated ends of the genes, of all their transcripts.

    Returns
    -------
    DataFrame of shape [parts, 6]
        part ("exon", "intron", "UTR5", "UTR3"); chromosome; start and end in base pairs, counted
        from 0, the end excluded; gene_id; transcripts, parted by commas. Exons include the
        untranslated ends. Introns reach one base into the exons beside them, as published.

    Raises
    ------
    DataNotAvailable, DataError
        As in `arabidopsis_genes`.

    References
    ----------
    Lamesch et al. (2012), Nucleic Acids Research 40, D1202-D1210.
    """
    tables = [load(name).assign(part=part) for part, name in _PARTS.items()]
    joined = pd.concat(tables, ignore_index=True)
    return joined[["part", *joined.columns.drop("part")]]


def arabidopsis_gene_terms(min_size: int = 5, max_size: int = 500, *, genes=None) -> GeneTerms:
    """Open the Gene Ontology terms of the genes, ancestors of a gene's terms included.

    Parameters
    ----------
    min_size, max_size : int
        Terms with fewer or more genes are left out.
    genes : sequence of str, optional
        Names of the only genes to keep, in the order of the indices. Default: all, sorted.

    Returns
    -------
    GeneTerms

    Raises
    ------
    ValueError
        If the sizes are not whole numbers with 1 <= min_size <= max_size, or a gene is named
        twice.
    DataNotAvailable, DataError
        As in `arabidopsis_genes`.

    References
    ----------
    Ashburner et al. (2000), Nature Genetics 25, 25-29; The Gene Ontology Consortium (2023),
    Genetics 224, iyad031.
    """
    if not 1 <= min_size <= max_size or int(min_size) != min_size or int(max_size) != max_size:
        raise ValueError(
            f"min_size, max_size: got {min_size!r} and {max_size!r}; expected whole numbers with "
            "1 <= min_size <= max_size"
        )
    names, terms, pairs = load("arabidopsis_terms").values()
    if genes is not None:
        index = pd.Index(genes)
        if index.has_duplicates:
            raise ValueError("genes: a gene is named twice; expected each once")
        new = index.get_indexer(names)
        pairs = np.column_stack([new[pairs[:, 0]], pairs[:, 1]])
        pairs, names = pairs[pairs[:, 0] >= 0], np.asarray(index)
    size = np.bincount(pairs[:, 1], minlength=len(terms))
    kept = (size >= min_size) & (size <= max_size)
    pairs = pairs[kept[pairs[:, 1]]]
    pairs = np.column_stack([pairs[:, 0], (np.cumsum(kept) - 1)[pairs[:, 1]]])
    order = np.lexsort((pairs[:, 0], pairs[:, 1]))
    return GeneTerms(names, terms[kept], pairs[order])
