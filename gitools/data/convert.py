"""One function a kind of original: from the published file to a table, or to arrays."""

from pathlib import Path

import numpy as np
import pandas as pd

from gitools.data.forms import MISSING

RATIO_DECIMALS = 5


def snp_intensity(original: Path, *, table: str, ploidy: int) -> pd.DataFrame:
    """Two-channel SNP intensities from an R file of the package fitTetra.

    Parameters
    ----------
    original : Path
        The ``.rda`` file.
    table : str
        Name of the R data frame in it, with the columns MarkerName, SampleName, X_Raw, Y_Raw,
        Theta and R.
    ploidy : int
        Copies of each chromosome in the plants of this table.

    Returns
    -------
    DataFrame of shape [markers x samples, 8]
        Columns as in `gitools.data.potato_intensities`.

    Raises
    ------
    ValueError
        If the table is not in the file, a raw intensity is missing or negative, or a spot has
        no signal at all (its ratio would be undefined).

    References
    ----------
    Voorrips, Gort and Vosman (2011), BMC Bioinformatics 12:172 (the signal ratio).
    """
    raw = _r_object(original, table)
    x = raw["X_Raw"].to_numpy(dtype=np.int64)
    y = raw["Y_Raw"].to_numpy(dtype=np.int64)
    if min(x.min(), y.min()) < 0 or (x + y).min() == 0:
        raise ValueError(
            f"original: a spot of {table!r} has a negative raw intensity or no signal in either "
            "channel; expected intensities of at least 0 with a positive sum"
        )
    return pd.DataFrame(
        {
            "marker": raw["MarkerName"].astype(str).to_numpy(),
            "sample": raw["SampleName"].astype(str).to_numpy(),
            "x_raw": x,
            "y_raw": y,
            "theta": raw["Theta"].to_numpy(dtype=float),
            "r": raw["R"].to_numpy(dtype=float),
            "ploidy": np.full(len(raw), ploidy, dtype=np.int64),
            "ratio": np.round(y / (x + y), RATIO_DECIMALS),
        }
    )


def fine_mapping_locus(original: Path, *, name: str) -> dict[str, np.ndarray]:
    """Genotypes, simulated traits and their true effects from an R file of the package susieR.

    Parameters
    ----------
    original : Path
        The ``.RData`` file.
    name : str
        Name of the R list in it, with X, Y, true_coef, pos, allele_freq and residual_variance.

    Returns
    -------
    dict of str to ndarray
        Arrays as in `gitools.data.susie_n3`, numbers as published.

    Raises
    ------
    ValueError
        If the list is not in the file.
    """
    locus = _r_object(original, name)
    return {
        "X": np.ascontiguousarray(locus["X"]),
        "Y": np.ascontiguousarray(locus["Y"]),
        "effects": np.ascontiguousarray(locus["true_coef"]),
        "positions": locus["pos"].astype(np.int64),
        "allele_frequencies": locus["allele_freq"].reshape(-1),
        "residual_variances": locus["residual_variance"],
    }


def ld_matrix(original: Path) -> dict[str, np.ndarray]:
    """LD from a text file: one row of correlations a line, numbers parted by blanks.

    Parameters
    ----------
    original : Path
        The text file.

    Returns
    -------
    dict of str to ndarray
        R : array of shape (p, p), the correlations as published.

    Raises
    ------
    ValueError
        If the lines are of unequal length, hold anything but numbers, or do not make a symmetric
        matrix with a diagonal of one.
    """
    R = np.loadtxt(original, ndmin=2)
    if R.shape[0] != R.shape[1] or np.any(R != R.T) or np.any(np.diag(R) != 1):
        raise ValueError(
            f"original: holds a matrix of shape {R.shape}; expected a square, symmetric one with "
            "a diagonal of 1"
        )
    return {"R": R}


def thousand_genomes_region(original: Path, *, region: str) -> dict[str, np.ndarray]:
    """Genotypes of a region from an R file of the package gaston.

    Parameters
    ----------
    original : Path
        The ``.rda`` file.
    region : str
        Its name: the file's objects are ``region.gen``, ``.bim``, ``.fam`` and ``.pop``.

    Returns
    -------
    dict of str to ndarray
        Arrays as in `gitools.data.g1000_europeans`.

    Raises
    ------
    ValueError
        If an object is not in the file, or a genotype is none of 0, 1, 2 and missing.
    """
    variants, people = (_r_object(original, f"{region}.{part}") for part in ("bim", "fam"))
    dosages = np.asarray(_r_object(original, f"{region}.gen"))
    dosages = np.where(np.isnan(dosages), MISSING, dosages)
    if not np.isin(dosages, [MISSING, 0, 1, 2]).all():
        raise ValueError("original: a genotype is none of 0, 1, 2 and missing")
    return {
        "genotypes": np.ascontiguousarray(dosages, dtype=np.int8),
        "populations": _strings(_r_object(original, f"{region}.pop")),
        "people": _strings(people["id"]),
        "rsids": _strings(variants["id"]),
        "positions": variants["pos"].to_numpy(dtype=np.int64),
        "counted_alleles": _strings(variants["A2"]),
        "other_alleles": _strings(variants["A1"]),
    }


def inbred_panel(original: Path, *, matrix: str) -> dict[str, np.ndarray]:
    """Genotypes of inbred lines from an R matrix whose columns are named by place.

    Parameters
    ----------
    original : Path
        The ``.rda`` file.
    matrix : str
        Name of the R matrix in it: a row for each line, named by its number, and a column for
        each SNP, named "chromosome- base pair".

    Returns
    -------
    dict of str to ndarray
        Arrays as in `gitools.data.arabidopsis_genotypes`, SNPs in order of place.

    Raises
    ------
    ValueError
        If the matrix is not in the file, or holds anything but 0 and 1.
    """
    panel = _r_object(original, matrix)
    values = panel.to_numpy()
    if not np.isin(values, (0, 1)).all():
        raise ValueError("original: a genotype is neither 0 nor 1; expected inbred lines")
    lines, places = (panel.coords[dim].to_numpy() for dim in panel.dims)
    place = np.array([name.split("-") for name in places], dtype=np.int64)
    order = np.lexsort((place[:, 1], place[:, 0]))
    return {
        "genotypes": np.ascontiguousarray(values[:, order], dtype=np.int8),
        "accessions": lines.astype(np.int64),
        "chromosomes": place[order, 0],
        "positions": place[order, 1],
    }


def accession_places(original: Path) -> pd.DataFrame:
    """Names and places of accessions from the csv that lies beside the genotypes.

    Parameters
    ----------
    original : Path
        The csv file.

    Returns
    -------
    DataFrame of shape [accessions, 6]
        accession_id, name, country, latitude, longitude and n_arapheno_phenotypes.

    Raises
    ------
    ValueError
        If a column is missing, or a number is none.
    """
    table = pd.read_csv(original, dtype=str, keep_default_na=False)
    table = table.rename(columns={"count_phenotypes": "n_arapheno_phenotypes"})
    expected = ["accession_id", "name", "country", "latitude", "longitude", "n_arapheno_phenotypes"]
    if list(table.columns) != expected:
        raise ValueError(f"original: has the columns {list(table.columns)}; expected {expected}")
    for name in ("accession_id", "n_arapheno_phenotypes"):
        table[name] = table[name].astype("int64")
    for name in ("latitude", "longitude"):
        table[name] = pd.to_numeric(table[name].replace("NA", None))
    return table


def accession_groups(original: Path) -> pd.DataFrame:
    """Countries and admixture groups of the 1001 Genomes, from its table without a header.

    Parameters
    ----------
    original : Path
        The csv file.

    Returns
    -------
    DataFrame of shape [accessions, 5]
        accession_id, country_code, admixture_group, cs_number and sequenced_by. Collectors'
        names are left out.

    Raises
    ------
    ValueError
        If the file does not have thirteen columns.
    """
    table = pd.read_csv(original, header=None, dtype=str, keep_default_na=False)
    if table.shape[1] != 13:
        raise ValueError(f"original: has {table.shape[1]} columns; expected 13")
    names = {
        0: "accession_id",
        3: "country_code",
        10: "admixture_group",
        9: "cs_number",
        1: "sequenced_by",
    }
    table = table[list(names)].rename(columns=names)
    table["accession_id"] = table["accession_id"].astype("int64")
    return table


def accession_phenotypes(original: Path, *, table: str, columns: dict[str, str]) -> pd.DataFrame:
    """Some phenotypes of accessions from an R data frame that holds very many.

    Parameters
    ----------
    original : Path
        The ``.rda`` file.
    table : str
        Name of the R data frame in it: a row for each accession, with its number in ``id``.
    columns : dict of str to str
        Column of the R data frame for each name that it gets here.

    Returns
    -------
    DataFrame of shape [accessions, 1 + columns]
        accession_id, then the columns asked for, in that order; NaN where not measured.

    Raises
    ------
    ValueError
        If the data frame or a column is not in the file, or an accession is there twice.
    """
    raw = _r_object(original, table)
    lacking = {"id", *columns.values()} - set(raw.columns)
    if lacking:
        raise ValueError(f"original: {table!r} has no column {sorted(lacking)}")
    numbers = raw["id"].to_numpy().astype("int64")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"original: {table!r} has an accession twice; expected one row each")
    values = {new: raw[old].to_numpy(dtype=float) for new, old in columns.items()}
    return pd.DataFrame({"accession_id": numbers, **values})


def _strings(values):
    return np.array([str(value) for value in values])


def _r_object(original, name):
    # rdata comes with the extra [data]; opening what is already converted does without it.
    import rdata

    objects = rdata.read_rda(original)
    if name not in objects:
        raise ValueError(f"original: holds the objects {sorted(objects)}; expected {name!r}")
    return objects[name]
