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

from gitools.data import REGISTRY, DataError, fetch, load, potato_intensities

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
CONVERTED = SHARED / "data" / "intensity"
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
    entry = REGISTRY[name]
    assert list(table.columns) == [column.name for column in entry.columns]
    assert len(table) == entry.rows
    assert not table.duplicated(["marker", "sample"]).any()
    assert table["marker"].nunique() == 384
    assert table["sample"].nunique() == {2: 64, 4: 224}[PLOIDY[name]]
    assert (table["ploidy"] == PLOIDY[name]).all()
    assert table["theta"].dropna().between(0, 1).all()
    assert table["ratio"].between(0, 1).all()
    assert (table["theta"].isna() == table["r"].isna()).all()


@pytest.mark.parametrize("name", REGISTRY)
def test_original_converts(originals, name):
    fetch(name)
    check_potatoes(load(name), name)
    pd.testing.assert_frame_equal(potato_intensities(PLOIDY[name]), load(name))


@pytest.mark.parametrize("name", REGISTRY)
def test_original_over_loopback(server, name):
    assert fetch(name).is_file()
    server.shutdown()
    check_potatoes(load(name), name)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_value_equals_the_reference_conversion(originals, name):
    path = CONVERTED / f"{name}_snp_intensity.csv.gz"
    if not path.is_file():
        pytest.skip("the reference conversion is not here")
    fetch(name)
    ours, theirs = load(name), pd.read_csv(path)
    assert list(ours.columns) == list(theirs.columns)
    assert len(ours) == len(theirs) == REGISTRY[name].rows
    for column in ours:
        np.testing.assert_array_equal(ours[column].to_numpy(), theirs[column].to_numpy())


@pytest.mark.parametrize("name", REGISTRY)
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
