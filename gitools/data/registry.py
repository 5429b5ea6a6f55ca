"""What real data the book uses: one entry a data set, everything else follows from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from gitools.data.convert import snp_intensity


@dataclass(frozen=True)
class Column:
    """A column of a converted table.

    Attributes
    ----------
    name, dtype : str
        As in the table; dtype is "str", "int64" or "float64".
    meaning : str
        What it holds, with its unit.
    missing : int
        Rows without a value.
    """

    name: str
    dtype: str
    meaning: str
    missing: int = 0


@dataclass(frozen=True)
class Citation:
    """A work to cite: its key in book/references.bib, its words in a text, its doi if known."""

    key: str
    text: str
    doi: str = ""


@dataclass(frozen=True)
class DataSet:
    """A published file and the table made of it.

    Attributes
    ----------
    name, title, description : str
        The name used in code, the name used in prose, what it is.
    owner, repository, commit, path : str
        Where the original is: a public repository at one commit.
    sha256 : str
        Checksum of the original, in hexadecimal.
    n_bytes : int
        Size of the original in bytes.
    licence : str
        As the source states it.
    citations : tuple of Citation
        What to cite when using it.
    rows : int
        Rows of the converted table.
    columns : tuple of Column
        Columns of the converted table, in order.
    convert : callable
        From the path of the original to the table.
    version : int
        Raised when the conversion changes, so that old converted copies are made anew.
    """

    name: str
    title: str
    description: str
    owner: str
    repository: str
    commit: str
    path: str
    sha256: str
    n_bytes: int
    licence: str
    citations: tuple[Citation, ...]
    rows: int
    columns: tuple[Column, ...]
    convert: Callable[[Path], pd.DataFrame]
    version: int = 1

    @property
    def location(self) -> str:
        """owner/repository/commit/path: the layout of the public address and of every mirror."""
        return f"{self.owner}/{self.repository}/{self.commit}/{self.path}"


_POTATO_CITATIONS = (
    Citation(
        "anithakumari2010",
        "Anithakumari, Tang, van Eck, Visser, Leunissen, Vosman and van der Linden (2010), "
        "Molecular Breeding 26:65-75",
    ),
    Citation(
        "voorrips2011",
        "Voorrips, Gort and Vosman (2011), BMC Bioinformatics 12:172",
        "10.1186/1471-2105-12-172",
    ),
)


def _intensity_columns(missing: int) -> tuple[Column, ...]:
    return (
        Column("marker", "str", "name of the SNP"),
        Column("sample", "str", "name of the variety"),
        Column("x_raw", "int64", "raw intensity of the first channel, arbitrary units"),
        Column("y_raw", "int64", "raw intensity of the second channel, arbitrary units"),
        Column(
            "theta",
            "float64",
            "angle of the normalised intensities, in units of a right angle (0: first channel "
            "only, 1: second channel only)",
            missing,
        ),
        Column("r", "float64", "radius of the normalised intensities, arbitrary units", missing),
        Column("ploidy", "int64", "copies of each chromosome"),
        Column("ratio", "float64", "y_raw / (x_raw + y_raw), rounded to 5 decimals, no unit"),
    )


_ENTRIES = (
    DataSet(
        name="potato_tetraploid",
        title="Potato SNP intensities, tetraploid varieties",
        description="384 SNPs in 224 tetraploid potato varieties, Illumina GoldenGate array",
        owner="cran",
        repository="fitTetra",
        commit="13f5ecccdbd17f694a72efdea975d6c0641a5f3a",
        path="data/tetra.potato.SNP.rda",
        sha256="735dc96c53fd9846151814a55a37b577a64a0807c6afbe8b29f71f703e076caf",
        n_bytes=597_036,
        licence="GPL (>= 2.2), as stated by the R package fitTetra",
        citations=_POTATO_CITATIONS,
        rows=86_016,
        columns=_intensity_columns(missing=4_160),
        convert=partial(snp_intensity, table="tetra.potato.SNP", ploidy=4),
    ),
    DataSet(
        name="potato_diploid",
        title="Potato SNP intensities, diploid varieties",
        description="the same 384 SNPs in 64 diploid potato varieties, Illumina GoldenGate array",
        owner="cran",
        repository="fitTetra",
        commit="13f5ecccdbd17f694a72efdea975d6c0641a5f3a",
        path="data/diplo.potato.SNP.rda",
        sha256="de57b21a424d7c1b448f85242f4372c8478910ab15b49f7100e416ef6797d51b",
        n_bytes=157_684,
        licence="GPL (>= 2.2), as stated by the R package fitTetra",
        citations=_POTATO_CITATIONS,
        rows=24_576,
        columns=_intensity_columns(missing=1_392),
        convert=partial(snp_intensity, table="diplo.potato.SNP", ploidy=2),
    ),
)

REGISTRY: Mapping[str, DataSet] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
