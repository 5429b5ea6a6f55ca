"""Arabidopsis accessions: genotypes, places, admixture groups and phenotypes."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.data.store import DataError, load


class ArabidopsisGenotypes(NamedTuple):
    """Genotypes of inbred accessions.

    Attributes
    ----------
    genotypes : int8 array of shape (2029, 22000)
        0 where the line carries the allele of the reference line Col-0, 1 where it carries the
        other. Lines are inbred, so one number stands for both copies. Nothing is missing:
        missing calls were imputed before publication.
    accessions : int array of shape (2029,)
        Number of each accession, the same in every data set on Arabidopsis.
    chromosomes : int array of shape (22000,)
        1 to 5.
    positions : int array of shape (22000,)
        Base pairs (TAIR10), increasing within a chromosome.
    """

    genotypes: np.ndarray
    accessions: np.ndarray
    chromosomes: np.ndarray
    positions: np.ndarray


def arabidopsis_genotypes() -> ArabidopsisGenotypes:
    """Open 22,000 SNPs of 2,029 accessions, all 1,135 of the 1001 Genomes among them.

    Returns
    -------
    ArabidopsisGenotypes

    Raises
    ------
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    The 1001 Genomes Consortium (2016). 1,135 genomes reveal the global pattern of polymorphism in
    Arabidopsis thaliana. Cell 166, 481-491.

    Arouisse, B. et al. (2020). Imputation of 3 million SNPs in the Arabidopsis regional mapping
    population. The Plant Journal 102, 872-882.
    """
    return ArabidopsisGenotypes(**load("arabidopsis_genotypes"))


def arabidopsis_accessions() -> pd.DataFrame:
    """Open what is known of the 2,029 accessions, in the order of their genotypes.

    Returns
    -------
    DataFrame of shape [2029, 11]
        One row for each accession:

        - accession_id, name, country : number, name and country.
        - latitude, longitude : degrees north and east; NaN for 7 accessions.
        - n_arapheno_phenotypes : phenotypes in AraPheno when the table was made.
        - in_1001g : whether it is one of the 1,135 of the 1001 Genomes. The next four are empty
          where it is not.
        - country_code, admixture_group, cs_number, sequenced_by : country; one of nine groups
          or "admixed"; number in the seed stock centre; laboratory.

    Raises
    ------
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    The 1001 Genomes Consortium (2016), Cell 166, 481-491.
    """
    places, groups = load("arabidopsis_places"), load("arabidopsis_groups")
    joined = places.merge(groups, on="accession_id", how="left", validate="one_to_one")
    known = joined["country_code"].notna()
    joined.insert(places.shape[1], "in_1001g", known.to_numpy(dtype=bool))
    added = list(groups.columns.drop("accession_id"))
    joined[added] = joined[added].fillna("")
    return joined


def arabidopsis_phenotypes() -> pd.DataFrame:
    """Open three phenotypes of the 2,029 accessions, in the order of their genotypes.

    Returns
    -------
    DataFrame of shape [2029, 4]
        One row for each accession; NaN where a phenotype was not measured:

        - accession_id : number of the accession.
        - leaf_sodium : sodium in leaves, accession mean, as published (scale unstated; 953).
        - flowering_time_16 : days to flowering at 16 degrees (1,021).
        - glucosinolate_g3hp : the glucosinolate 3-hydroxypropyl in leaves, standardised before
          publication (595).

    Raises
    ------
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read, or its accessions are not those
        of the other tables.

    References
    ----------
    Busoms et al. (2018), PNAS 115, E12443 (sodium). The 1001 Genomes Consortium (2016), Cell 166,
    481 (flowering time). Brachi et al. (2015), PNAS 112, 4032 (glucosinolates).
    """
    order = load("arabidopsis_places")[["accession_id"]]
    phenotypes = load("arabidopsis_phenotypes")
    joined = order.merge(phenotypes, on="accession_id", how="left", validate="one_to_one")
    if len(phenotypes) != len(order) or set(phenotypes["accession_id"]) != set(
        order["accession_id"]
    ):
        raise DataError("arabidopsis_phenotypes: its accessions are not those of the genotypes")
    return joined
