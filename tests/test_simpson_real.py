"""Measured accessions of chapter 61, on a small made-up panel."""

import numpy as np
import pandas as pd
import pytest

from gitools.book.studies import simpson_real as real
from gitools.data import ArabidopsisGenotypes

N, P = 60, 300


@pytest.fixture
def rng():
    return np.random.default_rng(61)


@pytest.fixture
def panel(rng, monkeypatch):
    """60 accessions; 2 is a copy of 1, 3 has no value, 4 no country, 5 no place."""
    frequency = rng.uniform(0.02, 0.98, P)
    frequency[150] = 0.4
    genotypes = (rng.random((N, P)) < frequency).astype(np.int8)
    genotypes[2] = genotypes[1]
    positions = np.sort(rng.choice(2_000_000, P, replace=False))
    sodium = np.exp(rng.normal(7, 0.3, N) + genotypes[:, 150])
    sodium[3] = np.nan
    places = np.c_[rng.uniform(36, 60, N), rng.uniform(-5, 20, N)]
    places[5] = np.nan
    country = np.array(["AAA", "BBB", "CCC"])[np.arange(N) % 3].astype(object)
    country[4] = ""
    about = pd.DataFrame(
        {"latitude": places[:, 0], "longitude": places[:, 1], "country_code": country}
    )
    chromosomes = np.full(P, 4)
    drawn = ArabidopsisGenotypes(genotypes, np.arange(N), chromosomes, positions)
    monkeypatch.setattr(real, "arabidopsis_genotypes", lambda: drawn)
    monkeypatch.setattr(real, "arabidopsis_accessions", lambda: about)
    monkeypatch.setattr(
        real, "arabidopsis_phenotypes", lambda: pd.DataFrame({"leaf_sodium": sodium})
    )
    return drawn, sodium


def test_who_counts(panel):
    drawn, sodium = panel
    data = real.measured("leaf_sodium")
    kept = [i for i in range(N) if i not in (2, 3)]
    np.testing.assert_allclose(data.y, np.log(sodium[kept]))
    assert data.n_collapsed == 1
    frequency = drawn.genotypes[kept].mean(axis=0)
    common = np.minimum(frequency, 1 - frequency) >= 0.05
    np.testing.assert_array_equal(data.genotypes, drawn.genotypes[kept][:, common])
    np.testing.assert_array_equal(data.positions, drawn.positions[common])
    placed = real.measured("leaf_sodium", placed=True)
    assert len(placed.y) == len(kept) - 2
    assert (placed.country != "").all()
    assert len(real.measured(None).y) == N - 1


def test_the_scan_finds_the_planted_snp_by_both_methods(panel):
    drawn, _ = panel
    data = real.measured("leaf_sodium")
    table = real.scans(data)
    for method in ("plain", "mixed"):
        assert (table[method] >= 0).all()
        assert table["position"][table[method].idxmax()] == drawn.positions[150]


@pytest.mark.parametrize("scale", ["as published", "logarithm", "normal scores"])
def test_a_peak_beside_its_gene(panel, monkeypatch, scale):
    drawn, _ = panel
    at = int(drawn.positions[150])
    monkeypatch.setitem(real.GENES, "leaf_sodium", (4, at + 1_000, at + 2_000))
    found = real.peak("leaf_sodium", scale, "common SNPs")
    assert found["position"] == at
    assert found["near_gene"] == found["log10_p"]
    monkeypatch.setitem(real.GENES, "leaf_sodium", (4, at + 101_000, at + 102_000))
    assert real.peak("leaf_sodium", scale, "all SNPs")["near_gene"] < found["log10_p"]


def test_a_map_predicts_a_trait_of_the_land_and_coordinates_help(panel, rng):
    data = real.measured("leaf_sodium", placed=True)
    data = data._replace(y=data.coordinates[:, 0] / 5 + 0.1 * rng.standard_normal(len(data.y)))
    train, test = np.arange(0, len(data.y), 2), np.arange(1, len(data.y), 2)
    K = np.cov(data.genotypes.astype(float))
    K /= np.trace(K) / len(K)
    models = real.predictors(data, K)
    r = {
        name: np.corrcoef(f(train, test)[:, 0], data.y[test])[0, 1]
        for name, f in models.items()
        if name != "country mean"
    }
    assert r["map"] > 0.8
    assert r["GBLUP and coordinates"] > 0.9 > r["GBLUP"]
    assert models["country mean"](train, test).shape == (len(test), 1)


def test_kinship_in_bins_of_distance():
    coordinates = np.array([[50.0, 10.0], [50.0, 10.001], [50.0, 20.0]])
    data = real.Measured(None, None, None, None, None, coordinates, 0)
    K = np.array([[1, 0.9, 0.1], [0.9, 1, 0.3], [0.1, 0.3, 1]])
    table = real.kinship_by_distance(data, K, [0, 1, 100, 2_000])
    assert table["pairs"].tolist() == [1, 2]
    np.testing.assert_allclose(table["kinship"], [0.9, 0.2])
