"""Stretches of human chromosomes: genotypes or LD, as they were published."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from gitools.data.store import load


class SusieN3(NamedTuple):
    """A locus with two simulated traits, known causal variants and real LD.

    Attributes
    ----------
    X : float array of shape (574, 1001)
        Genotypes: copies of the allele, less their mean; columns in order of position. Missing
        calls were filled before publication, those of a variant with one value near its mean.
    Y : float array of shape (574, 2)
        Two traits of mean zero, in arbitrary units.
    effects : float array of shape (1001, 2)
        True effects on the two traits, in their units per copy of the allele; three in each
        column are not zero.
    positions : int array of shape (1001,)
        Base pairs on chromosome 19 (GRCh38).
    allele_frequencies : float array of shape (1001,)
        Frequencies of the counted allele, half the mean dosage.
    residual_variances : float array of shape (2,)
        Variances of the noise that was added to the genetic values.
    """

    X: np.ndarray
    Y: np.ndarray
    effects: np.ndarray
    positions: np.ndarray
    allele_frequencies: np.ndarray
    residual_variances: np.ndarray


def susie_n3() -> SusieN3:
    """Open the fine-mapping example of the R package susieR (N3finemapping).

    Returns
    -------
    SusieN3

    Raises
    ------
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    Wang, G., Sarkar, A., Carbonetto, P. and Stephens, M. (2020). A simple new approach to
    variable selection in regression, with application to genetic fine mapping. Journal of the
    Royal Statistical Society B 82, 1273-1300.
    """
    return SusieN3(**load("susie_n3"))


def ukb_ld(block: int) -> np.ndarray:
    """Open a block of LD in the UK Biobank, as published with ML-MAGES.

    Parameters
    ----------
    block : int
        0 or 5: the two blocks of chromosome 22 that the release holds.

    Returns
    -------
    float array of shape (603, 603) for block 0, (588, 588) for block 5
        Correlations between the dosages of neighbouring variants of a genotyping array, to 6
        decimals, without unit; positive definite. Names and positions of the variants were not
        published.

    Raises
    ------
    ValueError
        If `block` is neither 0 nor 5.
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    Liu, X., Crawford, L. and Ramachandran, S. (2025). Genome Research 35, 2691-2700.
    """
    if not isinstance(block, Integral) or isinstance(block, bool) or block not in (0, 5):
        raise ValueError(f"block: got {block!r}; expected 0 or 5")
    return load(f"ukb_ld_block{block}")["R"]


class Region(NamedTuple):
    """Genotypes of a region.

    Attributes
    ----------
    genotypes : int8 array of shape (people, variants)
        Copies of the counted allele: 0, 1 or 2; -1 where the call is missing.
    populations, people : str arrays of shape (people,)
        Population (CEU, FIN, GBR, IBS or TSI) and name of each person's sample.
    rsids : str array of shape (variants,)
    positions : int array of shape (variants,)
        Base pairs on chromosome 2 (GRCh37).
    counted_alleles, other_alleles : str arrays of shape (variants,)
    """

    genotypes: np.ndarray
    populations: np.ndarray
    people: np.ndarray
    rsids: np.ndarray
    positions: np.ndarray
    counted_alleles: np.ndarray
    other_alleles: np.ndarray


def g1000_europeans(region: str) -> Region:
    """Open the genotypes of 503 Europeans of the 1000 Genomes Project around a gene.

    Parameters
    ----------
    region : str
        "LCT" (607 variants; among them rs4988235, by which adults digest lactose) or "TTN" (733).

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        If `region` is neither "LCT" nor "TTN".
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    The 1000 Genomes Project Consortium (2015). A global reference for human genetic variation.
    Nature 526, 68-74.
    """
    if not isinstance(region, str) or region not in ("LCT", "TTN"):
        raise ValueError(f"region: got {region!r}; expected 'LCT' or 'TTN'")
    return Region(**load(f"g1000_{region.lower()}"))
