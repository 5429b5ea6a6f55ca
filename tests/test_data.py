"""The mechanics of gitools.data, on small made-up files: nothing here needs the real data."""

import errno
import hashlib
import logging
import os
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pooch
import pytest
import rdata

from gitools.data import (
    REGISTRY,
    Array,
    Arrays,
    DataError,
    DataNotAvailable,
    arabidopsis_accessions,
    arabidopsis_genotypes,
    arabidopsis_phenotypes,
    available,
    cache_folder,
    fetch,
    g1000_europeans,
    load,
    potato_intensities,
    source_address,
    susie_n3,
    ukb_ld,
)
from gitools.data.__main__ import main
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
from gitools.data.forms import Table

NAME = "made_up"
LD = "1.000000 0.250000 -0.5\n0.250000 1.000000 0.1\n-0.5 0.1 1\n"
LD_FORM = Arrays((Array("R", "float64", (3, 3), "correlations"),))


def write_original(path, **changes):
    table = {
        "MarkerName": pd.Categorical(["M1", "M2", "M1", "M2"]),
        "SampleName": pd.Categorical(["NA", "NA", "007", "007"]),
        "X_Raw": np.array([100, 3, 7, 1], dtype=np.int32),
        "Y_Raw": np.array([0, 6, 7, 2], dtype=np.int32),
        "Theta": np.array([0.0, 0.677, np.nan, 0.1 + 0.2]),
        "R": np.array([1.0, 1.5, np.nan, 0.299]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    rdata.write_rda(path, {"made.up": pd.DataFrame(table | changes)})


def entry_for(original, **changes):
    """An entry of the registry for a made-up original: a table, or arrays if it is text."""
    content = original.read_bytes()
    potato = REGISTRY["potato_diploid"]
    own = {
        "name": NAME,
        "owner": "somebody",
        "repository": "something",
        "commit": "0" * 40,
        "path": f"data/{original.name}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "n_bytes": len(content),
        "form": LD_FORM if original.suffix == ".ld" else small_table(),
        "convert": CONVERT[original.suffix],
    }
    return replace(potato, **(own | changes))


def small_table(rows=4, missing=1):
    columns = REGISTRY["potato_diploid"].form.columns
    return Table(
        rows,
        tuple(replace(c, missing=missing if c.name in ("theta", "r") else 0) for c in columns),
    )


def ld_form(**changes):
    return Arrays((replace(LD_FORM.arrays[0], **changes),))


CONVERT = {".rda": partial(snp_intensity, table="made.up", ploidy=2), ".ld": ld_matrix}


def files_in(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("GITOOLS_DATA_CACHE", str(folder))
    monkeypatch.delenv("GITOOLS_DATA_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture(params=["made.up.rda", "made.up.ld"])
def original(tmp_path, request):
    """One original that becomes a table, one that becomes an array: all below holds for both."""
    path = tmp_path / "mirror" / "somebody" / "something" / ("0" * 40) / "data" / request.param
    if path.suffix == ".rda":
        write_original(path)
    else:
        path.parent.mkdir(parents=True)
        path.write_text(LD)
    return path


@pytest.fixture
def registry(original):
    return {NAME: entry_for(original)}


@pytest.fixture
def mirror(original, monkeypatch):
    folder = original.parents[4]
    monkeypatch.setenv("GITOOLS_DATA_MIRROR", str(folder))
    return folder


class Handler(BaseHTTPRequestHandler):
    """Serves the mirror folder, in the manner that the server's `manner` says."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        path = server.folder / self.path.lstrip("/")
        if server.manner == "error" or not path.is_file():
            self.send_error(server.status)
            return
        content = path.read_bytes()
        half = content[: len(content) // 2]
        body = {"alters a byte": half[:-1] + bytes([half[-1] ^ 1]) + content[len(half) :]}
        body |= {"cuts the connection": half, "ends early": half}
        self.send_response(200)
        if server.manner != "ends early":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(body.get(server.manner, content))

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(original, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.folder, http.manner, http.status, http.asked = original.parents[4], "serves", 404, []
        address = f"http://127.0.0.1:{http.server_address[1]}"
        monkeypatch.setenv("GITOOLS_DATA_MIRROR", address)
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield http
        http.shutdown()


def check_content(content):
    if isinstance(content, dict):
        assert list(content) == ["R"]
        assert content["R"].dtype == np.float64
        expected = [[1, 0.25, -0.5], [0.25, 1, 0.1], [-0.5, 0.1, 1]]
        np.testing.assert_array_equal(content["R"], expected)
    else:
        check_table(content)


def check_table(table):
    assert list(table["marker"]) == ["M1", "M2", "M1", "M2"]
    assert list(table["sample"]) == ["NA", "NA", "007", "007"]
    assert list(table["x_raw"]) == [100, 3, 7, 1]
    np.testing.assert_array_equal(table["theta"], [0.0, 0.677, np.nan, 0.1 + 0.2])
    np.testing.assert_array_equal(table["ratio"], [0.0, 0.66667, 0.5, 0.66667])
    assert set(table["ploidy"]) == {2}
    assert table["x_raw"].dtype == table["ploidy"].dtype == np.int64


# --- what works -----------------------------------------------------------------------------


def test_fetch_over_http_then_opens_offline(server, registry):
    assert not available(NAME, registry=registry)
    path = fetch(NAME, registry=registry)
    assert path.is_file()
    assert server.asked == ["/" + registry[NAME].location]
    assert available(NAME, registry=registry)
    check_content(load(NAME, registry=registry))
    fetch(NAME, registry=registry)
    assert len(server.asked) == 1


def test_opening_never_uses_the_network(server, registry):
    with pytest.raises(DataNotAvailable, match=r"made_up.*make data"):
        load(NAME, registry=registry)
    assert not available(NAME, registry=registry)
    assert server.asked == []


def test_folder_mirror(mirror, registry, cache):
    assert available(NAME, registry=registry)
    check_content(load(NAME, registry=registry))
    assert len(files_in(cache)) == 1
    assert fetch(NAME, registry=registry) == files_in(cache)[0]


def test_a_readers_cache_serves_as_a_mirror(server, registry, cache, tmp_path, monkeypatch):
    fetch(NAME, registry=registry)
    monkeypatch.setenv("GITOOLS_DATA_MIRROR", str(cache / "originals"))
    monkeypatch.setenv("GITOOLS_DATA_CACHE", str(tmp_path / "another"))
    check_content(load(NAME, registry=registry))


def test_conversion_gives_equal_bytes(mirror, registry, cache, tmp_path, monkeypatch):
    first = fetch(NAME, registry=registry)
    monkeypatch.setenv("GITOOLS_DATA_CACHE", str(tmp_path / "another"))
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: 1e9)
        second = fetch(NAME, registry=registry)
    assert first != second
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


def test_a_new_version_of_the_conversion_is_made_anew(mirror, registry):
    first = fetch(NAME, registry=registry)
    second = fetch(NAME, registry={NAME: replace(registry[NAME], version=2)})
    assert first != second


def test_the_public_address_is_the_repository_at_a_commit():
    assert source_address(REGISTRY["potato_tetraploid"]) == (
        "https://raw.githubusercontent.com/cran/fitTetra/"
        "13f5ecccdbd17f694a72efdea975d6c0641a5f3a/data/tetra.potato.SNP.rda"
    )


def test_the_default_cache_is_the_users(monkeypatch):
    monkeypatch.delenv("GITOOLS_DATA_CACHE")
    assert cache_folder() == Path(pooch.os_cache("genotype-to-trait"))


def test_pooch_is_silent_and_its_logger_is_as_before(server, registry, capfd):
    logger, records = pooch.get_logger(), []
    level = logger.level
    listener = logging.Handler()
    listener.emit = records.append
    logger.addHandler(listener)
    try:
        fetch(NAME, registry=registry)
    finally:
        logger.removeHandler(listener)
    assert records == []
    assert capfd.readouterr() == ("", "")
    assert logger.level == level


# --- what fails: one line, nothing half-written, and the next try works ----------------------


def check_refused(registry, cache, match):
    with pytest.raises(DataError, match=match) as caught:
        fetch(NAME, registry=registry)
    message = str(caught.value)
    assert message.startswith("data set made_up: ")
    assert "make data" in message
    assert "\n" not in message
    assert files_in(cache) == []


@pytest.mark.parametrize(
    ("manner", "match"),
    [
        ("cuts the connection", "broke off"),
        ("ends early", "not the published file"),
        ("alters a byte", "not the published file"),
    ],
)
def test_bad_download(server, registry, cache, manner, match):
    server.manner = manner
    check_refused(registry, cache, match)
    server.manner = "serves"
    check_content(load_after_fetch(registry))


def load_after_fetch(registry):
    fetch(NAME, registry=registry)
    return load(NAME, registry=registry)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_the_server_answers_with_an_error(server, registry, cache, status):
    server.manner, server.status = "error", status
    check_refused(registry, cache, f"answered with status {status}")


def test_no_server_at_all(server, registry, cache, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as gone:
        port = gone.server_address[1]
    monkeypatch.setenv("GITOOLS_DATA_MIRROR", f"http://127.0.0.1:{port}")
    check_refused(registry, cache, "could not be reached")


def test_a_damaged_original_in_the_cache_is_fetched_again(server, registry, cache):
    fetch(NAME, registry=registry)
    for path in files_in(cache / "converted"):
        path.unlink()
    (kept,) = files_in(cache / "originals")
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"not the published file.*make data"):
        load(NAME, registry=registry)
    check_content(load_after_fetch(registry))
    assert len(server.asked) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_an_altered_file_in_a_mirror_folder(mirror, original, registry, cache, damage):
    original.write_bytes(damage(original.read_bytes()))
    check_refused(registry, cache, "not the published file")
    with pytest.raises(DataError, match="not the published file"):
        load(NAME, registry=registry)


def test_a_file_missing_from_a_mirror_folder(mirror, original, registry, cache):
    original.unlink()
    assert not available(NAME, registry=registry)
    check_refused(registry, cache, "mirror holds no")
    with pytest.raises(DataNotAvailable):
        load(NAME, registry=registry)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_a_converted_copy_cut_short_is_made_anew(server, registry, cache):
    cut_short(fetch(NAME, registry=registry))
    check_content(load(NAME, registry=registry))
    assert len(files_in(cache / "converted")) == 1
    assert len(server.asked) == 1


def test_a_converted_copy_cut_short_without_an_original(mirror, original, registry):
    cut_short(fetch(NAME, registry=registry))
    original.unlink()
    with pytest.raises(DataError, match=r"damaged.*make data"):
        load(NAME, registry=registry)


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullAfterAByte:
    """A file on a disk that fills up while it is written."""

    def __init__(self, *arguments):
        self.file = open(*arguments)

    def write(self, content):
        self.file.write(content[:1])
        full_disk()

    def close(self):
        self.file.close()


def test_the_disk_fills_up_during_the_download(server, registry, cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("pooch.downloaders.open", FullAfterAByte, raising=False)
        check_refused(registry, cache, "download could not be written.*No space.*make room")
    check_content(load_after_fetch(registry))


@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
def test_the_disk_fills_up_during_the_conversion(mirror, registry, cache, monkeypatch, step):
    with monkeypatch.context() as patch:
        patch.setattr(step, full_disk)
        check_refused(registry, cache, "copy could not be written.*No space.*make room")
        with pytest.raises(DataError, match="No space"):
            load(NAME, registry=registry)
    assert files_in(cache) == []
    check_content(load(NAME, registry=registry))


def test_an_interrupt_leaves_nothing(mirror, registry, cache, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(NAME, registry=registry)
    assert files_in(cache) == []


@pytest.mark.parametrize("source", ["server", "mirror"])
def test_the_cache_cannot_be_a_folder(source, registry, cache, request):
    request.getfixturevalue(source)
    cache.write_text("a file stands where the folder should be")
    with pytest.raises(DataError, match=r"could not be written.*GITOOLS_DATA_CACHE"):
        fetch(NAME, registry=registry)


@pytest.mark.parametrize(
    ("original", "changes", "match"),
    [
        ("made.up.rda", {"form": small_table(rows=5)}, "got 4 rows; expected 5"),
        ("made.up.rda", {"form": small_table(missing=2)}, "column theta: got 1 missing"),
        ("made.up.rda", {"form": Table(4, small_table().columns[:-1])}, "got the columns"),
        ("made.up.rda", {"convert": partial(CONVERT[".rda"], table="x")}, "holds the objects"),
        ("made.up.ld", {"form": ld_form(name="LD")}, r"got the arrays \['R'\]; expected \['LD'\]"),
        ("made.up.ld", {"form": ld_form(shape=(3, 4))}, r"shape \(3, 3\); expected .*\(3, 4\)"),
        ("made.up.ld", {"form": ld_form(dtype="float32")}, "got float64 .*expected float32"),
        ("made.up.ld", {"form": ld_form(missing=1)}, "array R: got 0 missing values; expected 1"),
    ],
    indirect=["original"],
)
def test_an_original_that_does_not_convert(mirror, original, cache, changes, match):
    registry = {NAME: entry_for(original, **changes)}
    with pytest.raises(DataError, match=match):
        fetch(NAME, registry=registry)
    assert files_in(cache) == []


@pytest.mark.parametrize("x", [[0, 3, 7, 1], [-1, 3, 7, 1]])
def test_spots_without_signal_are_refused(tmp_path, x):
    path = tmp_path / "x.rda"
    write_original(path, X_Raw=np.array(x, dtype=np.int32))
    with pytest.raises(ValueError, match=r"original: a spot of 'made.up'"):
        snp_intensity(path, table="made.up", ploidy=2)


@pytest.mark.parametrize(
    "text",
    ["1 0.5\n0.4 1\n", "1 0.5\n0.5 0.9\n", "1 0.5 0.1\n0.5 1 0.2\n", "1 x\nx 1\n", "1 2\n1\n"],
)
def test_what_is_no_ld_matrix_is_refused(tmp_path, text):
    path = tmp_path / "x.ld"
    path.write_text(text)
    with pytest.raises(ValueError):
        ld_matrix(path)


def write_region(path, genotypes):
    # The writer of R files knows no strings of Arrow's, pandas' choice where pyarrow is installed.
    with pd.option_context("mode.string_storage", "python"):
        people = pd.DataFrame({"id": ["NA1", "NA2"]})
        variants = pd.DataFrame({"id": ["rs1"], "pos": [7], "A1": ["A"], "A2": ["T"]})
        pop = pd.Categorical(["FIN", "TSI"])
        objects = {"Z.gen": genotypes, "Z.fam": people, "Z.bim": variants, "Z.pop": pop}
        rdata.write_rda(path, objects)


def test_a_region(tmp_path):
    path = tmp_path / "x.rda"
    write_region(path, np.array([[2.0], [np.nan]]))
    region = thousand_genomes_region(path, region="Z")
    assert region["genotypes"].tolist() == [[2], [-1]]
    assert region["genotypes"].dtype == np.int8
    assert region["populations"].tolist() == ["FIN", "TSI"]
    assert region["people"].tolist() == ["NA1", "NA2"]
    assert region["counted_alleles"].tolist() == ["T"]
    assert region["other_alleles"].tolist() == ["A"]
    assert region["positions"].tolist() == [7]


def test_a_genotype_of_a_half_is_refused(tmp_path):
    path = tmp_path / "x.rda"
    write_region(path, np.array([[2.0], [0.5]]))
    with pytest.raises(ValueError, match="original: a genotype is none of"):
        thousand_genomes_region(path, region="Z")


@pytest.mark.parametrize("heterozygote", [0.0, 0.5, np.nan])
def test_a_panel_of_inbred_lines(tmp_path, heterozygote, monkeypatch):
    """The package writes no matrix of named rows, so the object is handed over as read."""
    import xarray

    values = np.array([[1.0, 0.0, heterozygote], [0.0, 0.0, 1.0]])
    names = ["2- 7", "1- 100", "1- 23"]
    matrix = xarray.DataArray(values, dims=("a", "b"), coords=[["9", "10"], names])
    monkeypatch.setattr("rdata.read_rda", lambda path: {"X": matrix})
    if heterozygote != 0:
        with pytest.raises(ValueError, match="original: a genotype is neither"):
            inbred_panel(tmp_path / "x.rda", matrix="X")
        return
    panel = inbred_panel(tmp_path / "x.rda", matrix="X")
    assert panel["genotypes"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert panel["accessions"].tolist() == [9, 10]
    assert panel["chromosomes"].tolist() == [1, 1, 2]
    assert panel["positions"].tolist() == [23, 100, 7]


PLACES = "accession_id,name,country,latitude,longitude,count_phenotypes\n"


def test_places_without_coordinates(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(PLACES + '9,"NA",Sweden,55.5,13,3\n10,A,Spain,NA,NA,0\n')
    table = accession_places(path)
    assert table["name"].tolist() == ["NA", "A"]
    assert table["accession_id"].tolist() == [9, 10]
    np.testing.assert_array_equal(table["latitude"], [55.5, np.nan])
    assert table["n_arapheno_phenotypes"].tolist() == [3, 0]


def test_places_of_another_form_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(PLACES.replace("country", "land"))
    with pytest.raises(ValueError, match="original: has the columns"):
        accession_places(path)


def test_groups_without_a_header(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('88,"M","CYR","FRA","CYR","47","1","Somebody","","CS1","spain","","blu"\n')
    (row,) = accession_groups(path).to_dict("records")
    assert row == {
        "accession_id": 88,
        "country_code": "FRA",
        "admixture_group": "spain",
        "cs_number": "CS1",
        "sequenced_by": "M",
    }
    path.write_text("88,M\n")
    with pytest.raises(ValueError, match="original: has 2 columns"):
        accession_groups(path)


def test_an_object_that_is_not_there(tmp_path):
    path = tmp_path / "x.rda"
    write_region(path, np.array([[2.0], [1.0]]))
    with pytest.raises(ValueError, match=r"holds the objects .*expected 'N3'"):
        fine_mapping_locus(path, name="N3")


# --- bad arguments and the command ------------------------------------------------------------


@pytest.mark.parametrize("ploidy", [0, 1, 3, -4, 2.5, 4.0, "4", None, [4], np.array([2, 4])])
def test_bad_ploidy(ploidy):
    with pytest.raises(ValueError, match=r"ploidy: got .*; expected 2 or 4"):
        potato_intensities(ploidy)


@pytest.mark.parametrize("block", [1, -1, 0.0, "0", None, False, [5]])
def test_bad_block(block):
    with pytest.raises(ValueError, match=r"block: got .*; expected 0 or 5"):
        ukb_ld(block)


@pytest.mark.parametrize("region", ["lct", "HBB", None, 2, ["LCT"]])
def test_bad_region(region):
    with pytest.raises(ValueError, match=r"region: got .*; expected 'LCT' or 'TTN'"):
        g1000_europeans(region)


@pytest.mark.parametrize(
    ("opener", "name"),
    [
        (susie_n3, "susie_n3"),
        (partial(ukb_ld, 5), "ukb_ld_block5"),
        (partial(g1000_europeans, "TTN"), "g1000_ttn"),
        (arabidopsis_genotypes, "arabidopsis_genotypes"),
        (arabidopsis_accessions, "arabidopsis_places"),
        (arabidopsis_phenotypes, "arabidopsis_places"),
    ],
)
def test_absent_loci_say_what_to_do(opener, name):
    with pytest.raises(DataNotAvailable, match=f"{name}.*make data"):
        opener()


@pytest.mark.parametrize("function", [available, fetch, load])
@pytest.mark.parametrize("name", ["potato", "", None, 4, ["potato_diploid"]])
def test_unknown_name(function, name):
    with pytest.raises(ValueError, match=r"name: got .*; expected one of potato_tetraploid, "):
        function(name)


def test_absent_potatoes_say_what_to_do():
    with pytest.raises(DataNotAvailable, match=r"potato_tetraploid.*make data"):
        potato_intensities(4)


@pytest.mark.parametrize("quiet", ["", "1"])
@pytest.mark.parametrize(
    ("original", "size"),
    [("made.up.rda", "4 rows x 8 columns"), ("made.up.ld", "R [3 x 3]")],
    indirect=["original"],
)
def test_command(server, registry, cache, capfd, monkeypatch, quiet, size):
    monkeypatch.setenv("GITOOLS_QUIET", quiet)
    assert main([], registry) == 0
    printed = capfd.readouterr()
    assert printed.out == f"made_up: ready, {size}\ncache: {cache}\n"
    assert ("made_up" in printed.err) == (not quiet)


def test_command_goes_on_after_a_failure(server, registry, capfd, monkeypatch):
    monkeypatch.setenv("GITOOLS_QUIET", "1")
    absent = replace(registry[NAME], name="absent", path="data/absent")
    assert main(["absent", "unknown", NAME], registry | {"absent": absent}) == 1
    printed = capfd.readouterr()
    first, second = printed.err.splitlines()
    assert first.startswith("failed: data set absent: ")
    assert second.startswith("failed: name: got 'unknown'")
    assert printed.out.startswith("made_up: ready")


def write_phenotypes(folder, ids):
    path = folder / "made.up.rda"
    frame = pd.DataFrame({"id": ids, "FT16": [30.0, np.nan], "Sodium": [900.0, 1_000.0]})
    rdata.write_rda(path, {"atlas": frame})
    return path


def test_phenotypes_are_chosen_and_renamed(tmp_path):
    path = write_phenotypes(tmp_path, [88, 108])
    found = accession_phenotypes(path, table="atlas", columns={"days": "FT16"})
    assert list(found.columns) == ["accession_id", "days"]
    assert found["accession_id"].tolist() == [88, 108]
    np.testing.assert_array_equal(found["days"], [30.0, np.nan])


def test_bad_phenotypes_are_named(tmp_path):
    path = write_phenotypes(tmp_path, [88, 108])
    with pytest.raises(ValueError, match=r"no column \['FT10'\]"):
        accession_phenotypes(path, table="atlas", columns={"days": "FT10"})
    path = write_phenotypes(tmp_path, [88, 88])
    with pytest.raises(ValueError, match="an accession twice"):
        accession_phenotypes(path, table="atlas", columns={"days": "FT16"})
