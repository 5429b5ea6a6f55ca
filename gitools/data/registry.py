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
from gitools.data.convert_genes import (
    annotated_genes,
    gene_parts,
    gene_places,
    gene_terms,
    inbred_vcf,
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


_TAIR = Citation(
    "lamesch2012",
    "Lamesch et al. (2012), Nucleic Acids Research 40:D1202-D1210",
    "10.1093/nar/gkr1090",
)


def _gene_part(part: str, words: str, rows: int, sha256: str, n_bytes: int) -> DataSet:
    return DataSet(
        name=f"arabidopsis_{part}",
        title=f"Arabidopsis, {words}",
        description=f"{words} of the transcripts of TAIR10, by gene",
        owner="timoast",
        repository="Arabidopsis-TE-variants",
        commit="4f1c006093aa3d62dcc5c5a3f79ef364ebe3e3ae",
        path=f"ProcessedData/GeneFeatures/{part}.bed.gz",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="GPL-3, as stated by the repository; TAIR data older than a year are CC BY 4.0",
        citations=(
            _TAIR,
            Citation("stuart2016", "Stuart et al. (2016), eLife 5:e20777", "10.7554/eLife.20777"),
        ),
        form=Table(
            rows,
            (
                Column("chromosome", "str", "1 to 5, Mt or Pt"),
                Column("start", "int64", "first base pair, counted from 0"),
                Column("end", "int64", "base pair after the last, counted from 0"),
                Column("gene_id", "str", "the gene"),
                Column("transcripts", "str", "its transcripts with this stretch, parted by commas"),
            ),
        ),
        convert=gene_parts,
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
    DataSet(
        name="arabidopsis_genes",
        title="Arabidopsis, genes",
        description="place and strand of the 27,655 genes of Araport11, as in release 47 of "
        "Ensembl Plants",
        owner="dtrain16",
        repository="annotations",
        commit="1bc5f7b235d3288605ef03d4ce93efba02b025d6",
        path="TAIR10.47_genes.bed",
        sha256="a9de2f885ae20165d503d335197d86cb5c49c8b16a915da5b74b2eae359923ac",
        n_bytes=912_494,
        licence="No licence file in the repository",
        citations=(
            Citation(
                "cheng2017",
                "Cheng et al. (2017), The Plant Journal 89:789-804",
                "10.1111/tpj.13415",
            ),
        ),
        form=Table(
            27_655,
            (
                Column("gene_id", "str", "the gene"),
                Column("chromosome", "str", "1 to 5, Mt or Pt"),
                Column("start", "int64", "first base pair, counted from 1"),
                Column("end", "int64", "last base pair, counted from 1"),
                Column("strand", "str", "+ or -"),
            ),
        ),
        convert=gene_places,
    ),
    _gene_part(
        "exons",
        "exons",
        152_898,
        "50bfc651ddb36fe28f58d8962c55e944c29ea871db6faefacc09b797ad355f22",
        1_373_891,
    ),
    _gene_part(
        "introns",
        "introns",
        86_019,
        "7b628f539db122f809447d1a14b4dd0526a28789dede9ee31c504318d54299c9",
        739_336,
    ),
    _gene_part(
        "utr5",
        "untranslated starts",
        24_871,
        "41019daf23fbd934f7a6d63d4a4702d6106d0c92fb2267f6b28cc3c90323ade7",
        281_799,
    ),
    _gene_part(
        "utr3",
        "untranslated ends",
        22_763,
        "9e2622e508cba2f4af049c320d4af635001410edf9796e056533b2f13fa18b38",
        259_942,
    ),
    DataSet(
        name="arabidopsis_terms",
        title="Arabidopsis, terms of the genes",
        description="Gene Ontology terms of the genes, ancestors of each term included",
        owner="yassato",
        repository="GOfisher",
        commit="d3f02a03bc6a34b21ca8b518f763febd4aef6d56",
        path="data/ulg.rda",
        sha256="9f979b4d1b22bb6b59264a18464e834886ebbf3760cf83e6eedc77918504baf4",
        n_bytes=1_164_592,
        licence="MIT, as stated by the repository; annotations of the Gene Ontology are CC BY 4.0",
        citations=(
            Citation(
                "ashburner2000",
                "Ashburner et al. (2000), Nature Genetics 25:25-29",
                "10.1038/75556",
            ),
            Citation(
                "ontology2023",
                "The Gene Ontology Consortium (2023), Genetics 224:iyad031",
                "10.1093/genetics/iyad031",
            ),
        ),
        form=Arrays(
            (
                Array("genes", "str", (31_028,), "names of the genes"),
                Array("terms", "str", (10_404,), "names of the terms"),
                Array("pairs", "int32", (1_261_119, 2), "index of a gene, index of a term"),
            )
        ),
        convert=gene_terms,
    ),
    DataSet(
        name="arabidopsis_stress_genes",
        title="Arabidopsis, forty accessions at genes of stress responses",
        description="calls of 20 accessions from Sweden and 20 from Spain at 57,879 SNPs in and "
        "around genes of stress responses, filtered from the 1001 Genomes",
        owner="IngoGiebel",
        repository="qbio305-student-work-arabidopsis-thaliana",
        commit="769d1662ad56f6d836a9dd6038714e9ccf33ac9d",
        path="data/final_1001genomes_snp-short-indel_only_ACGTN_Dp10GQ20Q30_NoIndel_Bialleleic_"
        "80PcMissing.vcf.gz",
        sha256="f7ab486c2b282e963a0b43f5e9a9f817b727dbbbfc84a43893245740bb3ccb0c",
        n_bytes=3_961_418,
        licence="No licence file in the repository",
        citations=(_ARABIDOPSIS,),
        form=Arrays(
            (
                Array("genotypes", "int8", (40, 57_879), "0: reference allele, 1: other", 203_281),
                Array("accessions", "int64", (40,), "number of each accession"),
                Array("chromosomes", "int64", (57_879,), "1 to 5"),
                Array("positions", "int64", (57_879,), "base pairs from 1, TAIR10"),
                Array("references", "str", (57_879,), "reference allele"),
                Array("alternatives", "str", (57_879,), "other allele"),
            )
        ),
        convert=inbred_vcf,
    ),
    DataSet(
        name="arabidopsis_auxin_receptors",
        title="Arabidopsis, two annotated genes of all accessions",
        description="calls and snpEff annotations of the 1,135 accessions of the 1001 Genomes at "
        "415 variants in and around the auxin receptors TIR1 and AFB2",
        owner="wrightrc",
        repository="r1001genomes",
        commit="2efddf207ff532ac390d49af7d70cd5266aeeb20",
        path="inst/shiny-app/demo_VCFs.rds",
        sha256="3e497c296eb85d367e662127e833423f6b14300a66b79c1dccd8d04cf28ba728",
        n_bytes=1_728_224,
        licence="Artistic-2.0, as stated by the repository",
        citations=(
            _ARABIDOPSIS,
            Citation("cingolani2012", "Cingolani et al. (2012), Fly 6:80-92", "10.4161/fly.19695"),
        ),
        form=Arrays(
            (
                Array("genotypes", "int8", (1_135, 415), "number of the allele", 48_613),
                Array("accessions", "int64", (1_135,), "number of each accession"),
                Array("positions", "int64", (415,), "base pairs from 1 on chromosome 3, TAIR10"),
                Array("genes", "str", (415,), "the gene looked up: AT3G62980 or AT3G26810"),
                Array("references", "str", (415,), "reference allele"),
                Array("alternatives", "str", (415,), "other alleles, parted by commas"),
                Array("annotations", "str", (415,), "snpEff's annotation, in its EFF form"),
            )
        ),
        convert=annotated_genes,
    ),
)

REGISTRY: Mapping[str, DataSet] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
