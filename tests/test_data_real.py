"""The real originals, where they are: converted, served over loopback, held against a conversion
made by others."""

import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest

from gitools.data import (
    REGISTRY,
    DataError,
    arabidopsis_accessions,
    arabidopsis_gene_terms,
    arabidopsis_genes,
    arabidopsis_genotypes,
    arabidopsis_phenotypes,
    auxin_receptor_calls,
    fetch,
    g1000_europeans,
    load,
    potato_intensities,
    stress_gene_calls,
    susie_n3,
    ukb_ld,
)

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
CONVERTED = SHARED / "data"
PLOIDY = {"potato_tetraploid": 4, "potato_diploid": 2}


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """Address or folder of the originals; the cache is an empty one of this test."""
    mirror = os.environ.get("GITOOLS_DATA_MIRROR") or str(SHARED / "data-original")
    if not mirror.startswith(("http://", "https://")) and not Path(mirror).is_dir():
        pytest.skip("the published originals are not here: set GITOOLS_DATA_MIRROR")
    monkeypatch.setenv("GITOOLS_DATA_MIRROR", mirror)
    monkeypatch.setenv("GITOOLS_DATA_CACHE", str(tmp_path))
    return mirror


@pytest.fixture
def server(originals, monkeypatch):
    if not Path(originals).is_dir():
        pytest.skip("the published originals are not in a folder here")
    handler = partial(Silent, directory=originals)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        monkeypatch.setenv("GITOOLS_DATA_MIRROR", f"http://127.0.0.1:{http.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield http
        http.shutdown()


def check_potatoes(table, name):
    form = REGISTRY[name].form
    assert list(table.columns) == [column.name for column in form.columns]
    assert len(table) == form.rows
    assert not table.duplicated(["marker", "sample"]).any()
    assert table["marker"].nunique() == 384
    assert table["sample"].nunique() == {2: 64, 4: 224}[PLOIDY[name]]
    assert (table["ploidy"] == PLOIDY[name]).all()
    assert table["theta"].dropna().between(0, 1).all()
    assert table["ratio"].between(0, 1).all()
    assert (table["theta"].isna() == table["r"].isna()).all()
    pd.testing.assert_frame_equal(potato_intensities(PLOIDY[name]), table)


def check_n3(arrays, name):
    locus = susie_n3()
    assert list(arrays) == list(locus._fields)
    assert (locus.effects != 0).sum(axis=0).tolist() == [3, 3]
    assert (np.diff(locus.positions) > 0).all()
    assert np.abs(locus.X.mean(axis=0)).max() < 1e-12
    dosages = locus.X + 2 * locus.allele_frequencies
    assert dosages.min() >= -1e-12
    assert dosages.max() <= 2 + 1e-12
    # Filled calls of a variant share one value near the mean; all others are whole numbers.
    filled = np.abs(dosages - dosages.round()) > 1e-9
    assert np.abs(locus.X[filled]).max() < 0.05
    values = [
        np.unique(column[of].round(9)) for column, of in zip(dosages.T, filled.T, strict=True)
    ]
    assert max(map(len, values)) == 1
    # The noise of this one draw: its variance is known to about sqrt(2 / 574) = 6 %.
    noise = (locus.Y - locus.X @ locus.effects).var(axis=0)
    np.testing.assert_allclose(noise, locus.residual_variances, rtol=0.15)


def check_ld(arrays, name):
    R = arrays["R"]
    np.testing.assert_array_equal(R, ukb_ld(int(name[-1])))
    np.testing.assert_array_equal(R, R.T)
    np.testing.assert_array_equal(np.diag(R), 1)
    assert np.linalg.eigvalsh(R)[0] > 1e-4


def check_region(arrays, name):
    region = g1000_europeans(name[-3:].upper())
    assert list(arrays) == list(region._fields)
    assert set(np.unique(region.genotypes)) == {-1, 0, 1, 2}
    assert dict(zip(*np.unique(region.populations, return_counts=True), strict=True)) == {
        "CEU": 99,
        "FIN": 99,
        "GBR": 91,
        "IBS": 107,
        "TSI": 107,
    }
    assert (np.diff(region.positions) > 0).all()
    assert len(set(region.people)) == 503


def check_panel(arrays, name):
    panel = arabidopsis_genotypes()
    assert list(arrays) == list(panel._fields)
    assert set(np.unique(panel.genotypes)) == {0, 1}
    assert len(set(panel.accessions)) == 2029
    assert set(panel.chromosomes) == {1, 2, 3, 4, 5}
    same = np.diff(panel.chromosomes) == 0
    assert (np.diff(panel.positions)[same] > 0).all()
    assert (np.diff(panel.chromosomes) >= 0).all()


def check_places(table, name):
    assert table["accession_id"].is_unique
    assert (table["latitude"].isna() == table["longitude"].isna()).all()
    assert table["latitude"].dropna().between(-90, 90).all()
    assert table["longitude"].dropna().between(-180, 180).all()


def check_groups(table, name):
    assert table["accession_id"].is_unique
    assert table["admixture_group"].nunique() == 10
    assert (table["admixture_group"] == "admixed").sum() == 137


def check_phenotypes(table, name):
    assert table["accession_id"].is_unique
    assert (table["leaf_sodium"].dropna() > 0).all()
    assert table["flowering_time_16"].dropna().between(10, 365).all()
    standardised = table["glucosinolate_g3hp"]
    assert abs(standardised.mean()) < 1e-9


def check_genes(table, name):
    assert table["gene_id"].is_unique
    assert set(table["strand"]) == {"+", "-"}
    assert (table["start"] <= table["end"]).all()
    assert set(table["chromosome"]) == {"1", "2", "3", "4", "5", "Mt", "Pt"}


def check_parts(table, name):
    assert (table["start"] < table["end"]).all()
    assert set(table["chromosome"]) <= {"1", "2", "3", "4", "5", "Mt", "Pt"}
    assert not table.duplicated(["chromosome", "start", "end", "gene_id"]).any()
    named = table["transcripts"].str.split(",").explode().str.split(".").str[0]
    assert (named == table["gene_id"].loc[named.index]).all()


def check_terms(arrays, name):
    genes, terms, pairs = arrays.values()
    assert (np.unique(genes) == genes).all()
    assert (np.unique(terms) == terms).all()
    assert pairs.min() == 0
    assert pairs.max(axis=0).tolist() == [len(genes) - 1, len(terms) - 1]


def check_stress_genes(arrays, name):
    calls = stress_gene_calls()
    assert list(arrays) == list(calls._fields)
    assert set(np.unique(calls.genotypes)) == {-1, 0, 1}
    assert set(calls.references) | set(calls.alternatives) == set("ACGT")


def check_auxin_receptors(arrays, name):
    calls = auxin_receptor_calls()
    assert list(arrays) == list(calls._fields)
    n_alternatives = np.array([len(a.split(",")) for a in calls.alternatives])
    assert (calls.genotypes.max(axis=0) <= n_alternatives).all()
    assert set(calls.genes) == {"AT3G62980", "AT3G26810"}


CHECKS = {
    "arabidopsis_genes": check_genes,
    "arabidopsis_exons": check_parts,
    "arabidopsis_introns": check_parts,
    "arabidopsis_utr5": check_parts,
    "arabidopsis_utr3": check_parts,
    "arabidopsis_terms": check_terms,
    "arabidopsis_stress_genes": check_stress_genes,
    "arabidopsis_auxin_receptors": check_auxin_receptors,
    "arabidopsis_genotypes": check_panel,
    "arabidopsis_places": check_places,
    "arabidopsis_groups": check_groups,
    "arabidopsis_phenotypes": check_phenotypes,
    "potato_tetraploid": check_potatoes,
    "potato_diploid": check_potatoes,
    "susie_n3": check_n3,
    "ukb_ld_block0": check_ld,
    "ukb_ld_block5": check_ld,
    "g1000_lct": check_region,
    "g1000_ttn": check_region,
}


@pytest.mark.parametrize("name", REGISTRY)
def test_original_converts(originals, name):
    fetch(name)
    CHECKS[name](load(name), name)


# How a file travels does not depend on what it holds: those slow to convert are left out here.
QUICK = [
    name
    for name, entry in REGISTRY.items()
    if entry.convert.__module__ != "gitools.data.convert_genes" or name == "arabidopsis_genes"
]


@pytest.mark.parametrize("name", QUICK)
def test_original_over_loopback(server, name):
    assert fetch(name).is_file()
    server.shutdown()
    CHECKS[name](load(name), name)


def test_lactose_persistence_is_rare_in_tuscany_and_common_in_britain(originals):
    """Which allele is counted, by what is known of one variant."""
    fetch("g1000_lct")
    region = g1000_europeans("LCT")
    (at,) = np.flatnonzero(region.rsids == "rs4988235")
    assert (region.counted_alleles[at], region.other_alleles[at]) == ("G", "A")
    persistent = 1 - region.genotypes[:, at] / 2
    assert persistent[region.populations == "TSI"].mean() < 0.15
    assert persistent[region.populations == "GBR"].mean() > 0.65


def reference(path):
    path = CONVERTED / path
    if not path.is_file():
        pytest.skip("the reference conversion is not here")
    return pd.read_csv(path, low_memory=False) if path.suffix == ".gz" else np.load(path)


@pytest.mark.parametrize("name", PLOIDY)
def test_every_value_equals_the_reference_conversion(originals, name):
    theirs = reference(f"intensity/{name}_snp_intensity.csv.gz")
    fetch(name)
    ours = load(name)
    assert list(ours.columns) == list(theirs.columns)
    assert len(ours) == len(theirs) == REGISTRY[name].form.rows
    for column in ours:
        np.testing.assert_array_equal(ours[column].to_numpy(), theirs[column].to_numpy())


def test_n3_equals_the_reference_conversion(originals):
    theirs = reference("human/susie_N3finemapping.npz")
    fetch("susie_n3")
    ours = susie_n3()
    # The reference keeps single precision.
    np.testing.assert_array_equal(ours.X.astype(np.float32), theirs["X"])
    np.testing.assert_array_equal(ours.Y, theirs["Y"])
    np.testing.assert_array_equal(ours.effects, theirs["true_coef"])
    np.testing.assert_array_equal(ours.positions, theirs["pos"])
    np.testing.assert_array_equal(ours.allele_frequencies, theirs["allele_freq"])
    np.testing.assert_array_equal(ours.residual_variances, theirs["residual_variance"])


@pytest.mark.parametrize("block", [0, 5])
def test_ld_equals_the_reference_conversion(originals, block):
    theirs = reference(f"human/ukb_ld_chr22_block{block}.npz")
    fetch(f"ukb_ld_block{block}")
    R = ukb_ld(block)
    assert len(R) == theirs["n"]
    upper = R[np.triu_indices(len(R), 1)]
    np.testing.assert_array_equal(np.round(upper * 1e6).astype(int), theirs["upper_x1e6"])


@pytest.mark.parametrize("region", ["LCT", "TTN"])
def test_a_region_equals_the_reference_conversion(originals, region):
    theirs = reference(f"human/g1000_eur_{region}.npz")
    fetch(f"g1000_{region.lower()}")
    ours = g1000_europeans(region)
    names = ["genotype", "population", "sample_id", "rsid", "pos", "A2", "A1"]
    for array, name in zip(ours, names, strict=True):
        np.testing.assert_array_equal(array, theirs[name])


def test_the_panel_equals_the_reference_conversion(originals):
    theirs = reference("arabidopsis/genotypes_2029x22000.npz")
    fetch("arabidopsis_genotypes")
    ours = arabidopsis_genotypes()
    bits = np.unpackbits(theirs["packed"], axis=1)[:, : len(ours.accessions)]
    np.testing.assert_array_equal(ours.genotypes, bits.T)
    np.testing.assert_array_equal(ours.accessions, theirs["accession_id"])
    np.testing.assert_array_equal(ours.chromosomes, theirs["chrom"])
    np.testing.assert_array_equal(ours.positions, theirs["pos"])


def test_the_accessions_equal_the_reference_conversion(originals):
    theirs = reference("arabidopsis/accessions.csv.gz")
    for name in ("arabidopsis_genotypes", "arabidopsis_places", "arabidopsis_groups"):
        fetch(name)
    ours = arabidopsis_accessions()
    np.testing.assert_array_equal(ours["accession_id"], arabidopsis_genotypes().accessions)
    assert set(theirs.columns) - set(ours.columns) == {"in_regmap_250k"}
    assert ours["in_1001g"].sum() == 1135
    for column in ours:
        kept = theirs[column]
        if ours[column].dtype.kind not in "bif":
            kept = kept.fillna("")
        np.testing.assert_array_equal(ours[column].to_numpy(), kept.to_numpy())


def test_the_phenotypes_equal_the_reference_conversion(originals):
    theirs = reference("arabidopsis/phenotype_atlas.csv.gz")
    for name in ("arabidopsis_genotypes", "arabidopsis_places", "arabidopsis_phenotypes"):
        fetch(name)
    ours = arabidopsis_phenotypes()
    np.testing.assert_array_equal(ours["accession_id"], arabidopsis_genotypes().accessions)
    theirs = theirs.set_index("accession_id").loc[ours["accession_id"]]
    columns = {"leaf_sodium": "Sodium", "flowering_time_16": "FT16", "glucosinolate_g3hp": "G3HP"}
    for column, name in columns.items():
        np.testing.assert_array_equal(ours[column].to_numpy(), theirs[name].to_numpy())


def test_genes_equal_the_reference_conversion(originals):
    theirs = reference("arabidopsis/genes_27655.csv.gz")
    fetch("arabidopsis_genes")
    ours = arabidopsis_genes()
    for column, name in zip(ours, ["gene_id", "chrom", "start", "end", "strand"], strict=True):
        np.testing.assert_array_equal(ours[column], theirs[name].astype(ours[column].dtype))


def places(table, *columns):
    return set(zip(*(table[column] for column in columns), strict=True))


@pytest.mark.parametrize(
    ("name", "part"),
    [("exons", "exon"), ("introns", "intron"), ("utr5", "utr5"), ("utr3", "utr3")],
)
def test_parts_of_genes_hold_the_reference_conversion(originals, name, part):
    """Ours has the same stretches, and those that two genes share a second time."""
    theirs = reference("arabidopsis/gene_features_tair10.csv.gz")
    theirs = theirs[(theirs["feature"] == part) & theirs["chrom"].astype(str).str.isdigit()]
    for wanted in ("arabidopsis_genes", f"arabidopsis_{name}"):
        fetch(wanted)
    ours = load(f"arabidopsis_{name}")
    again = ours.duplicated(["chromosome", "start", "end"], keep=False)
    ours = ours.assign(again=again)[ours["gene_id"].isin(arabidopsis_genes()["gene_id"])]
    ours = ours[ours["chromosome"].str.isdigit()].astype({"chromosome": int})
    theirs = theirs.astype({"chrom": int})
    kept = places(ours, "chromosome", "start", "end", "gene_id")
    lost = places(theirs, "chrom", "start", "end", "gene_id") - kept
    assert not lost
    first = places(ours[~ours["again"]], "chromosome", "start", "end", "gene_id")
    assert first <= places(theirs, "chrom", "start", "end", "gene_id")


def test_terms_equal_the_reference_conversion(originals):
    theirs = reference("arabidopsis/gene_go_edges.csv.gz")
    for name in ("arabidopsis_genes", "arabidopsis_terms"):
        fetch(name)
    names = arabidopsis_genes()["gene_id"]
    genes, terms, pairs = arabidopsis_gene_terms(genes=names)
    np.testing.assert_array_equal(genes, names)
    ours = list(zip(genes[pairs[:, 0]], terms[pairs[:, 1]], strict=True))
    assert len(ours) == len(theirs)
    assert set(ours) == places(theirs, "gene_id", "go_id")
    assert np.bincount(pairs[:, 1]).min() >= 5


def test_stress_genes_equal_the_reference_conversion(originals):
    theirs = reference("arabidopsis/stress_genes_40x57879.npz")
    fetch("arabidopsis_stress_genes")
    ours = stress_gene_calls()
    np.testing.assert_array_equal(ours.genotypes.T, theirs["genotype"])
    names = ["accession_id", "chrom", "pos", "ref", "alt"]
    for array, name in zip(ours[1:], names, strict=True):
        np.testing.assert_array_equal(array, theirs[name].astype(array.dtype))


def test_auxin_receptors_equal_the_reference_conversion(originals):
    """The reference holds the alleles that are not the reference's: ours has those, no others."""
    theirs = reference("arabidopsis/tir1_afb2_nonref_genotypes.csv.gz")
    variants = reference("arabidopsis/tir1_afb2_variants.csv.gz")
    fetch("arabidopsis_auxin_receptors")
    ours = auxin_receptor_calls()
    line, variant = np.nonzero(ours.genotypes > 0)
    alleles = ours.genotypes[line, variant]
    found = set(zip(ours.accessions[line], ours.positions[variant], alleles, strict=True))
    allele = theirs["gt"].str.split("|").str[0].astype(int)
    assert found == set(zip(theirs["accession_id"], theirs["pos"], allele, strict=True))
    assert len(found) == len(theirs)
    said = dict(zip(variants["pos"], variants["snpeff_eff"], strict=True))
    assert [said[position] for position in ours.positions] == list(ours.annotations)


@pytest.mark.parametrize("name", PLOIDY)
def test_missing_angles_are_spots_of_low_intensity(originals, name):
    fetch(name)
    table = load(name)
    total = table["x_raw"] + table["y_raw"]
    missing = table["theta"].isna()
    assert total[missing].max() < total[~missing].quantile(0.05)


def test_one_potatos_file_is_not_taken_for_the_others(originals, tmp_path, monkeypatch):
    if not Path(originals).is_dir():
        pytest.skip("the published originals are not in a folder here")
    mirror = tmp_path / "mirror"
    wrong = mirror / REGISTRY["potato_diploid"].location
    wrong.parent.mkdir(parents=True)
    right = Path(originals) / REGISTRY["potato_tetraploid"].location
    wrong.write_bytes(right.read_bytes())
    monkeypatch.setenv("GITOOLS_DATA_MIRROR", str(mirror))
    with pytest.raises(DataError, match="not the published file"):
        fetch("potato_diploid")
