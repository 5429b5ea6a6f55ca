"""Reading where the genes lie."""

from pathlib import Path

import numpy as np
import pandas as pd

from gitools.pipeline.columns import GENE_ALIASES, require, standard_columns
from gitools.pipeline.statistics import normal_chromosomes


def read_genes(path, *, columns=None) -> pd.DataFrame:
    """Read a table of genes.

    Parameters
    ----------
    path : path
        Tab-separated text with a header, gzip-compressed or not: gene, chromosome, start and end
        (base pairs, both ends included), or common aliases.
    columns : dict of str to str, optional
        Standard name to the file's name, for columns under other names.

    Returns
    -------
    DataFrame
        gene, chromosome, start, end, ordered by chromosome and start.

    Raises
    ------
    ValueError
        If columns are missing, a gene is named twice, a value is missing or no whole number, or a
        gene ends before it starts.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: got {path}, where there is no file")
    compression = "gzip" if path.read_bytes()[:2] == b"\x1f\x8b" else None
    table = pd.read_csv(path, sep="\t", dtype=str, compression=compression)
    found = list(table.columns)
    chosen = standard_columns(found, GENE_ALIASES, columns, name=path.name)
    require(chosen, list(GENE_ALIASES), found, name=path.name)
    genes = pd.DataFrame({name: table[chosen[name]] for name in GENE_ALIASES})
    for name in ("start", "end"):
        genes[name] = pd.to_numeric(genes[name], errors="coerce")
    genes["chromosome"] = normal_chromosomes(genes["chromosome"])
    _check(genes, path.name)
    whole = genes.astype({"start": np.int64, "end": np.int64})
    return whole.sort_values(["chromosome", "start"], kind="stable", ignore_index=True)


def _check(genes, name):
    if genes.empty:
        raise ValueError(f"path: got {name} without any gene")
    missing = genes.isna().any(axis=1)
    if missing.any():
        row = int(np.argmax(missing)) + 1
        raise ValueError(f"path: got a missing value or no number in row {row} of {name}")
    twice = genes["gene"].duplicated()
    if twice.any():
        raise ValueError(
            f"gene: got {genes['gene'][twice].iloc[0]!r} more than once in {name}, expected one "
            "row a gene"
        )
    backwards = genes["end"] < genes["start"]
    if backwards.any():
        gene = genes["gene"][backwards].iloc[0]
        raise ValueError(f"end: got an end before the start for {gene!r} in {name}")
