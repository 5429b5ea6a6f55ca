"""Measured accessions of thale cress, ready for a scan or a prediction."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from gitools.association.mixed_model import kinship, mixed_model_scan
from gitools.association.regression import log10_p, marginal_regression
from gitools.book.studies.simpson import gblup_many, great_circle, group_means, place_kernel
from gitools.data import arabidopsis_accessions, arabidopsis_genotypes, arabidopsis_phenotypes
from gitools.structure import near_identical

MIN_MAF, IDENTITY = 0.05, 0.99
TRAITS = ("leaf_sodium", "flowering_time_16", "glucosinolate_g3hp")
# TAIR10, base pairs on chromosome 4: HKT1 (AT4G10310) and AOP3 (AT4G03050), of the AOP cluster.
GENES = {"leaf_sodium": (4, 6_391_854, 6_395_922), "glucosinolate_g3hp": (4, 1_343_845, 1_346_436)}
NEIGHBOURHOOD = 100_000


class Measured(NamedTuple):
    """Accessions with a value, one of each family of near-identical ones.

    Attributes
    ----------
    genotypes : int8 array of shape (n, p)
        At SNPs of which at least 5 % of these accessions carry the rarer allele.
    chromosomes, positions : int arrays of shape (p,)
    y : float array of shape (n,)
        The trait; sodium as a logarithm.
    country : str array of shape (n,)
        Code of the 1001 Genomes, empty where the accession is not among them.
    coordinates : float array of shape (n, 2)
        Degrees; NaN where unknown.
    n_collapsed : int
        Accessions left out because a near-identical one is in.
    """

    genotypes: np.ndarray
    chromosomes: np.ndarray
    positions: np.ndarray
    y: np.ndarray
    country: np.ndarray
    coordinates: np.ndarray
    n_collapsed: int


def measured(trait, *, placed=False) -> Measured:
    """Accessions with a value of the trait; only those with country and place if `placed`.

    Without a trait (None) all accessions count, and y is 0.
    """
    panel, about = arabidopsis_genotypes(), arabidopsis_accessions()
    y = np.zeros(len(about)) if trait is None else arabidopsis_phenotypes()[trait].to_numpy()
    if trait == "leaf_sodium":
        y = np.log(y)
    places = about[["latitude", "longitude"]].to_numpy(dtype=float)
    country = about["country_code"].to_numpy(dtype=str)
    use = ~np.isnan(y)
    if placed:
        use &= (country != "") & ~np.isnan(places).any(axis=1)
    rows = np.flatnonzero(use)
    common = _common(panel.genotypes[rows])
    families = near_identical(panel.genotypes[rows][:, common], identity=IDENTITY, ploidy=1)
    kept = rows[np.sort(np.unique(families, return_index=True)[1])]
    common = _common(panel.genotypes[kept])
    return Measured(
        panel.genotypes[kept][:, common],
        panel.chromosomes[common],
        panel.positions[common],
        y[kept],
        country[kept],
        places[kept],
        len(rows) - len(kept),
    )


def scans(data) -> pd.DataFrame:
    """-log10 p of each SNP, by plain regression and by the exact mixed model."""
    plain = marginal_regression(data.genotypes, data.y)
    mixed = mixed_model_scan(data.genotypes, data.y, kinship(data.genotypes))
    return pd.DataFrame(
        {
            "chromosome": data.chromosomes,
            "position": data.positions,
            "plain": -log10_p(plain.z, len(data.y) - 2),
            "mixed": -mixed.log10_p,
        }
    )


def peak(trait, scale, kin) -> dict[str, float]:
    """Largest -log10 p of a mixed-model scan, where it is, and the largest beside the trait's gene.

    All accessions with a value count, near-identical ones too; scale is "as published",
    "logarithm" or "normal scores", kin says whether kinship is made of common SNPs or of all.
    """
    panel, y = arabidopsis_genotypes(), arabidopsis_phenotypes()[trait].to_numpy()
    rows = np.flatnonzero(~np.isnan(y))
    y = y[rows]
    if scale == "logarithm":
        y = np.log(y)
    elif scale == "normal scores":
        y = norm.ppf((rankdata(y) - 0.5) / len(y))
    genotypes = panel.genotypes[rows]
    common = _common(genotypes)
    K = kinship(genotypes[:, common] if kin == "common SNPs" else genotypes)
    values = -mixed_model_scan(genotypes[:, common], y, K).log10_p
    chromosome, position = panel.chromosomes[common], panel.positions[common]
    on, start, end = GENES[trait]
    away = np.maximum(start - position, position - end).clip(0)
    near = (chromosome == on) & (away <= NEIGHBOURHOOD)
    top = np.argmax(values)
    return {
        "accessions": len(y),
        "tests": len(values),
        "log10_p": values[top],
        "chromosome": chromosome[top],
        "position": position[top],
        "near_gene": values[near].max(),
    }


def predictors(data, K, coordinates=None):
    """Functions (train, test) -> predictions [test, 1] of the models that are compared."""
    Y, places = data.y[:, None], place_kernel(data.coordinates)
    degrees = (data.coordinates - data.coordinates.mean(axis=0)) / data.coordinates.std(axis=0)
    covariates = np.column_stack([degrees, degrees**2])
    return {
        "GBLUP": lambda a, b: gblup_many(K, Y, a, b),
        "GBLUP and coordinates": lambda a, b: gblup_many(K, Y, a, b, covariates),
        "map": lambda a, b: gblup_many(places / np.trace(places) * len(places), Y, a, b),
        "country mean": lambda a, b: group_means(Y, data.country, a, b),
    }


def kinship_by_distance(data, K, edges_km) -> pd.DataFrame:
    """Mean kinship of pairs of accessions in bins of distance."""
    upper = np.triu_indices(len(K), 1)
    distance, kin = great_circle(data.coordinates)[upper], K[upper]
    bins = np.digitize(distance, edges_km)
    rows = [
        {"from_km": edges_km[b - 1], "to_km": edges_km[b], "pairs": int((bins == b).sum()),
         "kinship": kin[bins == b].mean()}
        for b in range(1, len(edges_km)) if (bins == b).any()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _common(genotypes):
    frequency = genotypes.mean(axis=0)
    return np.minimum(frequency, 1 - frequency) >= MIN_MAF
