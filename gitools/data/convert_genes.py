"""From published files on genes and annotated variants to tables and arrays."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.data.forms import MISSING
from gitools.data.r_format import read_r_file

_ORGANELLES = {"chrC": "Pt", "chrM": "Mt"}
_FIRST_SAMPLE = 9


def gene_places(original: Path) -> pd.DataFrame:
    """Genes from a bed-like table without a header.

    Parameters
    ----------
    original : Path
        Tab-separated: chromosome, start (from 1), end (included), gene, a dot, strand.

    Returns
    -------
    DataFrame of shape [genes, 5]
        gene_id, chromosome, start, end and strand, in the file's order.

    Raises
    ------
    ValueError
        If the file does not have six columns, or a gene stands twice.
    """
    table = pd.read_csv(original, sep="\t", header=None, dtype=str, keep_default_na=False)
    if table.shape[1] != 6 or table[3].duplicated().any():
        raise ValueError(
            f"original: has {table.shape[1]} columns and {table.iloc[:, 3:4].duplicated().sum()} "
            "genes that stand twice; expected 6 and none"
        )
    return pd.DataFrame(
        {
            "gene_id": table[3],
            "chromosome": table[0],
            "start": table[1].astype("int64"),
            "end": table[2].astype("int64"),
            "strand": table[5],
        }
    )


def gene_parts(original: Path) -> pd.DataFrame:
    """Parts of genes (exons, say) from a bed file whose fourth column names transcripts.

    Parameters
    ----------
    original : Path
        Tab-separated, gzip: chromosome ("chr1"), start (from 0), end (excluded), and
        "Parent=gene.transcript", several parted by commas.

    Returns
    -------
    DataFrame of shape [parts, 5]
        chromosome, start, end, gene_id and transcripts: one row for each stretch and gene, in
        the file's order. Chromosomes are "1" to "5", "Mt" and "Pt".

    Raises
    ------
    ValueError
        If the file does not have four columns.
    """
    table = pd.read_csv(original, sep="\t", header=None, dtype=str, keep_default_na=False)
    if table.shape[1] != 4:
        raise ValueError(f"original: has {table.shape[1]} columns; expected 4")
    rows, genes, transcripts = [], [], []
    for row, text in enumerate(table[3]):
        by_gene = {}
        for name in text.replace("Parent=", "").split(","):
            by_gene.setdefault(name.split(".")[0], []).append(name)
        rows += [row] * len(by_gene)
        genes += by_gene
        transcripts += [",".join(names) for names in by_gene.values()]
    at = table.iloc[rows].reset_index(drop=True)
    return pd.DataFrame(
        {
            "chromosome": at[0].replace(_ORGANELLES).str.removeprefix("chr"),
            "start": at[1].astype("int64"),
            "end": at[2].astype("int64"),
            "gene_id": genes,
            "transcripts": transcripts,
        }
    )


def gene_terms(original: Path) -> dict[str, np.ndarray]:
    """Pairs of gene and GO term from the R file of the package GOfisher.

    Parameters
    ----------
    original : Path
        The ``.rda`` file: a matrix of strings with the columns locus and GO.

    Returns
    -------
    dict of str to ndarray
        genes and terms (names, sorted), and pairs of their indices, sorted by term, then gene.

    Raises
    ------
    ValueError
        If the file does not hold a matrix of strings with two columns of genes and terms.
    """
    matrix = read_r_file(original)
    shape = tuple(matrix.attributes["dim"].values) if "dim" in matrix.attributes else ()
    if len(shape) != 2 or shape[1] != 2 or not isinstance(matrix.values, list):
        raise ValueError(f"original: holds an object of shape {shape}; expected a matrix (p, 2)")
    half = int(shape[0])
    columns = [matrix.values[:half], matrix.values[half:]]
    (gene, genes), (term, terms) = (_coded(column) for column in columns)
    if terms[0].startswith("GO:") == genes[0].startswith("GO:"):
        raise ValueError("original: expected one column of GO terms and one of genes")
    if genes[0].startswith("GO:"):
        gene, genes, term, terms = term, terms, gene, genes
    both = np.unique(term.astype(np.int64) * len(genes) + gene)
    pairs = np.column_stack([both % len(genes), both // len(genes)])
    return {"genes": genes, "terms": terms, "pairs": pairs.astype(np.int32)}


def _coded(words):
    """Index of each word among the different ones, sorted; and these."""
    different = sorted(set(words))
    index = {word: k for k, word in enumerate(different)}
    return np.array([index[word] for word in words]), _strings(w.decode() for w in different)


def inbred_vcf(original: Path) -> dict[str, np.ndarray]:
    """Calls of inbred lines at biallelic SNPs from a VCF file.

    Parameters
    ----------
    original : Path
        The ``.vcf.gz`` file; samples are named by the accessions' numbers.

    Returns
    -------
    dict of str to ndarray
        genotypes (lines x SNPs), accessions, chromosomes, positions, references, alternatives.

    Raises
    ------
    ValueError
        If a call is neither missing nor homozygous for one of two alleles.
    """
    codes = {"0|0": 0, "0/0": 0, "1|1": 1, "1/1": 1, ".|.": MISSING, "./.": MISSING}
    samples, rows, calls = [], [], []
    with gzip.open(original, "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                samples = fields[_FIRST_SAMPLE:]
                continue
            rows.append(fields[:5])
            try:
                calls.append([codes[field[:3]] for field in fields[_FIRST_SAMPLE:]])
            except KeyError as error:
                raise ValueError(
                    f"original: a call of {fields[0]}:{fields[1]} is {error}; expected a missing "
                    "or a homozygous one of two alleles"
                ) from error
    chromosomes, positions, _, references, alternatives = zip(*rows, strict=True)
    return {
        "genotypes": np.ascontiguousarray(np.array(calls, dtype=np.int8).T),
        "accessions": np.array(samples, dtype=np.int64),
        "chromosomes": np.array(chromosomes, dtype=np.int64),
        "positions": np.array(positions, dtype=np.int64),
        "references": np.array(references),
        "alternatives": np.array(alternatives),
    }


def annotated_genes(original: Path) -> dict[str, np.ndarray]:
    """Calls and snpEff annotations of two genes from the R file of the package r1001genomes.

    The file has a row for each variant, accession with a call, and effect. Calls that are not
    there are missing ones.

    Parameters
    ----------
    original : Path
        The ``.rds`` file: a list of data frames, one for each gene.

    Returns
    -------
    dict of str to ndarray
        Arrays as in `gitools.data.auxin_receptor_calls`, variants in order of gene and place.

    Raises
    ------
    ValueError
        If an accession has two calls of a variant, a variant two annotations, or a call is
        heterozygous.
    """
    frames = read_r_file(original).named()
    tables = [_calls(name, frame.named()) for name, frame in sorted(frames.items())]
    calls = pd.concat(tables, ignore_index=True).drop_duplicates(ignore_index=True)
    key = ["gene", "position", "reference", "alternative", "annotation"]
    variants = calls[key].drop_duplicates().sort_values(key, ignore_index=True)
    if variants[key[:-1]].duplicated().any():
        raise ValueError("original: a variant has two annotations; expected one")
    calls = calls.merge(variants.assign(variant=np.arange(len(variants))), on=key)
    if calls.duplicated(["variant", "accession"]).any():
        raise ValueError("original: an accession has two calls of a variant; expected one")
    accessions, line = np.unique(calls["accession"].to_numpy(), return_inverse=True)
    genotypes = np.full((len(accessions), len(variants)), MISSING, dtype=np.int8)
    genotypes[line, calls["variant"]] = _alleles(calls["call"])
    return {
        "genotypes": genotypes,
        "accessions": accessions,
        "positions": variants["position"].to_numpy(),
        **{f"{name}s": _strings(variants[name]) for name in key if name != "position"},
    }


def _calls(transcript, columns):
    """One row for each call of a data frame."""
    text = {"reference": "REF", "alternative": "ALT", "annotation": "EFF", "call": "gt_GT"}
    table = {name: _words(columns[column].values) for name, column in text.items()}
    return pd.DataFrame(
        {
            "gene": transcript.split(".")[0],
            "position": columns["POS"].values.astype(np.int64),
            "accession": columns["Indiv"].values.astype(np.int64),
            **table,
        }
    )


def _words(values):
    # Few different words in many rows: each is decoded once.
    known = {value: value.decode() for value in set(values)}
    return [known[value] for value in values]


def _alleles(calls):
    """The allele of which a line carries two copies."""
    codes, words = pd.factorize(calls)
    pairs = [word.split("|") for word in words]
    if any(first != second for first, second in pairs):
        raise ValueError(f"original: has the calls {sorted(words)}; expected homozygous ones")
    return np.array([int(first) for first, _ in pairs], dtype=np.int8)[codes]


def _strings(values):
    return np.array([str(value) for value in values])
