"""What real data the book uses: one entry a data set, everything else follows from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from gitools.data.convert import (
    accession_groups,
    accession_phenotypes,
    accession_places,
    fine_mapping_locus,
    inbred_panel,
    ld_matrix,
    snp_intensity,
    thousand_genomes_region,
)
from gitools.data.forms import Array, Arrays, Column, Table


@dataclass(frozen=True)
class Citation:
    """A work to cite: its key in book/references.bib, its words in a text, its doi if known."""

    key: str
    text: str
    doi: str = ""


@dataclass(frozen=True)
class DataSet:
    """A published file and what is made of it.

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
    form : Table or Arrays
        What the conversion gives: a table with its columns, or arrays with their shapes.
    convert : callable
        From the path of the original to the table, or to a dict of arrays.
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
    form: Table | Arrays
    convert: Callable[[Path], pd.DataFrame | dict[str, np.ndarray]]
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


_LIU = Citation(
    "liu2025",
    "Liu, Crawford and Ramachandran (2025), Genome Research 35:2691-2700",
    "10.1101/gr.280440.125",
)
_UK_BIOBANK = Citation(
    "bycroft2018", "Bycroft et al. (2018), Nature 562:203-209", "10.1038/s41586-018-0579-z"
)
_THOUSAND_GENOMES = Citation(
    "genomes2015",
    "The 1000 Genomes Project Consortium (2015), Nature 526:68-74",
    "10.1038/nature15393",
)


_ARABIDOPSIS = Citation(
    "genomes2016",
    "The 1001 Genomes Consortium (2016), Cell 166:481-491",
    "10.1016/j.cell.2016.05.063",
)
_ARABIDOPSIS_PANEL = (
    _ARABIDOPSIS,
    Citation(
        "arouisse2020",
        "Arouisse, Korte, van Eeuwijk and Kruijer (2020), The Plant Journal 102:872-882",
        "10.1111/tpj.14659",
    ),
    Citation("horton2012", "Horton et al. (2012), Nature Genetics 44:212-216", "10.1038/ng.1042"),
)
_KORTE = {
    "owner": "arthurkorte",
    "repository": "GWAS",
    "commit": "77671dd006d8e8e26c9f18dcccdb849ecb4c6973",
    "licence": "MIT, (c) 2019 Arthur Korte, as stated by the repository",
}


def _ld_block(block: int, n_variants: int, sha256: str, n_bytes: int) -> DataSet:
    return DataSet(
        name=f"ukb_ld_block{block}",
        title=f"LD in the UK Biobank, block {block} of chromosome 22",
        description=f"correlations between {n_variants} variants of an array, block {block} as "
        "published with ML-MAGES",
        owner="ramachandran-lab",
        repository="ML-MAGES",
        commit="777a95fb0e3122784f562f8b5ef59110fc01944e",
        path=f"data/ld_blocks/chr22_block{block}.ld",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="No licence file in the repository",
        citations=(_LIU, _UK_BIOBANK),
        form=Arrays(
            (Array("R", "float64", (n_variants, n_variants), "LD correlations, 6 decimals"),)
        ),
        convert=ld_matrix,
    )


def _region(region: str, n_variants: int, missing: int, sha256: str, n_bytes: int) -> DataSet:
    shape = (n_variants,)
    return DataSet(
        name=f"g1000_{region.lower()}",
        title=f"1000 Genomes, Europeans at {region}",
        description=f"genotypes of 503 Europeans at {n_variants} variants around the gene "
        f"{region}, chromosome 2",
        owner="cran",
        repository="gaston",
        commit="4db5af105595c1b46d8c8926ad9d56a16e6765cb",
        path=f"data/{region}.rda",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="GPL-3, as stated by the R package gaston; the 1000 Genomes data are open",
        citations=(_THOUSAND_GENOMES,),
        form=Arrays(
            (
                Array(
                    "genotypes",
                    "int8",
                    (503, n_variants),
                    "copies of the counted allele (0, 1, 2; -1: missing)",
                    missing,
                ),
                Array("populations", "str", (503,), "the population of each person"),
                Array("people", "str", (503,), "the name of each person's sample"),
                Array("rsids", "str", shape, "names of the variants"),
                Array("positions", "int64", shape, "positions in base pairs, GRCh37"),
                Array("counted_alleles", "str", shape, "the allele that is counted"),
                Array("other_alleles", "str", shape, "the other allele"),
            )
        ),
        convert=partial(thousand_genomes_region, region=region),
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
        form=Table(86_016, _intensity_columns(missing=4_160)),
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
        form=Table(24_576, _intensity_columns(missing=1_392)),
        convert=partial(snp_intensity, table="diplo.potato.SNP", ploidy=2),
    ),
    DataSet(
        name="susie_n3",
        title="A fine-mapping locus with two simulated traits",
        description="genotypes of 574 people at 1,001 variants on chromosome 19, two traits "
        "simulated from them, and the effects that made them",
        owner="stephenslab",
        repository="susieR",
        commit="b10d47decb4b59409104cf11aa38e99da1cf110d",
        path="data/N3finemapping.RData",
        sha256="23230f8d142e49a7b10c2f10b1e775593dea01d2d9237a64fe6421626997f6f0",
        n_bytes=131_512,
        licence="BSD-3-Clause, as stated by the R package susieR",
        citations=(
            Citation(
                "wang2020",
                "Wang, Sarkar, Carbonetto and Stephens (2020), Journal of the Royal Statistical "
                "Society: Series B 82:1273-1300",
                "10.1111/rssb.12388",
            ),
        ),
        form=Arrays(
            (
                Array("X", "float64", (574, 1001), "genotypes: centred dosages, allele copies"),
                Array("Y", "float64", (574, 2), "simulated traits, centred, arbitrary units"),
                Array("effects", "float64", (1001, 2), "true effects, trait units per copy"),
                Array("positions", "int64", (1001,), "positions in base pairs, GRCh38"),
                Array("allele_frequencies", "float64", (1001,), "frequencies of the allele"),
                Array("residual_variances", "float64", (2,), "variances of the traits' noise"),
            )
        ),
        convert=partial(fine_mapping_locus, name="N3finemapping"),
    ),
    _ld_block(
        0, 603, "6f9a7fd8c4ce8d11aa790e21b66937eca9bf2c435e2dd3536798c9d7a5ef793b", 3_467_855
    ),
    _ld_block(
        5, 588, "166f83e265eb7c8abf6b60e1aada24638199698e9dd2a2deca8777406f6f4aa8", 3_303_590
    ),
    _region(
        "LCT", 607, 3, "d88e70c5f7949647be11e00a2ad496a4a5b403ad5dffae0899d73ece5fe3069b", 35_134
    ),
    _region(
        "TTN", 733, 215, "ad93aa32de0606319850efbfe49a05ea43fb21ebd7c9252412be38d8ee8dc765", 58_946
    ),
    DataSet(
        name="arabidopsis_genotypes",
        title="Arabidopsis, 2,029 accessions at 22,000 SNPs",
        description="genotypes of 2,029 inbred accessions of Arabidopsis thaliana at 22,000 "
        "SNPs of the whole genome, imputed",
        path="data/X_Mix.rda",
        sha256="a99de40592ea09a7907ee8cdcd96c5e2513780a6eb70af2ba7416e733ab44a97",
        n_bytes=2_379_473,
        citations=_ARABIDOPSIS_PANEL,
        form=Arrays(
            (
                Array("genotypes", "int8", (2_029, 22_000), "0: the allele of Col-0, 1: another"),
                Array("accessions", "int64", (2_029,), "number of each accession"),
                Array("chromosomes", "int64", (22_000,), "chromosome of each SNP, 1 to 5"),
                Array("positions", "int64", (22_000,), "positions in base pairs, TAIR10"),
            )
        ),
        convert=partial(inbred_panel, matrix="X"),
        **_KORTE,
    ),
    DataSet(
        name="arabidopsis_places",
        title="Arabidopsis, where the accessions come from",
        description="name, country and coordinates of the same 2,029 accessions",
        path="data/lat_long_2029.csv",
        sha256="040f3e1f0579352a8cd7f905a5403287e6acdb3d3cd8d36cf0d457d818f6dd88",
        n_bytes=80_490,
        citations=(_ARABIDOPSIS,),
        form=Table(
            2_029,
            (
                Column("accession_id", "int64", "number of the accession"),
                Column("name", "str", "name of the accession"),
                Column("country", "str", "country where it was collected"),
                Column("latitude", "float64", "degrees north", 7),
                Column("longitude", "float64", "degrees east", 7),
                Column("n_arapheno_phenotypes", "int64", "phenotypes in AraPheno at the time"),
            ),
        ),
        convert=accession_places,
        **_KORTE,
    ),
    DataSet(
        name="arabidopsis_groups",
        title="Arabidopsis, admixture groups of the 1001 Genomes",
        description="country and admixture group of the 1,135 accessions of the 1001 Genomes",
        owner="IngoGiebel",
        repository="qbio305-student-work-arabidopsis-thaliana",
        commit="769d1662ad56f6d836a9dd6038714e9ccf33ac9d",
        path="data/1001genomes_accessions.csv",
        sha256="7d7cab1cc97713fdff5fef07861bc913af1663b5a13850c7414ab6d6badae656",
        n_bytes=142_184,
        licence="No licence file in the repository",
        citations=(_ARABIDOPSIS,),
        form=Table(
            1_135,
            (
                Column("accession_id", "int64", "number of the accession"),
                Column("country_code", "str", "country, in three letters or two"),
                Column("admixture_group", "str", "one of nine groups, or admixed"),
                Column("cs_number", "str", "number in the seed stock centre"),
                Column("sequenced_by", "str", "laboratory that sequenced it"),
            ),
        ),
        convert=accession_groups,
    ),
    DataSet(
        name="arabidopsis_phenotypes",
        title="Arabidopsis, three phenotypes",
        description="leaf sodium, flowering time at 16 degrees and the glucosinolate G3HP of the "
        "2,029 accessions, where measured",
        owner="moiexpositoalonsolab",
        repository="Athaliana_Natural_Selection_Conflict",
        commit="8ea849263eb8618804f907c782135240683571d0",
        path="data/allphenotypes.rda",
        sha256="c1c00271642cb857f49555233c98a72d61410b56253ca3dc7dfa712cc908790c",
        n_bytes=2_151_690,
        licence="No licence file in the repository",
        citations=(
            Citation(
                "busoms2018",
                "Busoms et al. (2018), Proceedings of the National Academy of Sciences "
                "115:E12443-E12452",
                "10.1073/pnas.1816964115",
            ),
            _ARABIDOPSIS,
            Citation(
                "brachi2015",
                "Brachi et al. (2015), Proceedings of the National Academy of Sciences "
                "112:4032-4037",
                "10.1073/pnas.1421416112",
            ),
        ),
        form=Table(
            2_029,
            (
                Column("accession_id", "int64", "number of the accession"),
                Column("leaf_sodium", "float64", "concentration in leaves, scale unstated", 1_076),
                Column("flowering_time_16", "float64", "days to flowering at 16 degrees", 1_008),
                Column("glucosinolate_g3hp", "float64", "G3HP in leaves, standardised", 1_434),
            ),
        ),
        convert=partial(
            accession_phenotypes,
            table="allphenotypes",
            columns={
                "leaf_sodium": "Sodium",
                "flowering_time_16": "FT16",
                "glucosinolate_g3hp": "G3HP",
            },
        ),
    ),
)

REGISTRY: Mapping[str, DataSet] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
