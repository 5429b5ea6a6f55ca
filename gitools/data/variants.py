"""Called and annotated variants of Arabidopsis: some genes of forty plants, two genes of all."""

from typing import NamedTuple

import numpy as np

from gitools.data.store import load


class StressGeneCalls(NamedTuple):
    """Calls of 40 inbred accessions at SNPs in and around genes of stress responses.

    Attributes
    ----------
    genotypes : int8 array of shape (40, 57879)
        0 for the reference allele, 1 for the other, -1 for a missing call.
    accessions : int array of shape (40,)
        Numbers: 20 from Sweden, 20 from Spain.
    chromosomes, positions : int arrays of shape (57879,)
        1 to 5; base pairs from 1, TAIR10.
    references, alternatives : arrays of str
        The two alleles.
    """

    genotypes: np.ndarray
    accessions: np.ndarray
    chromosomes: np.ndarray
    positions: np.ndarray
    references: np.ndarray
    alternatives: np.ndarray


class AuxinReceptorCalls(NamedTuple):
    """Calls and annotations of the 1001 Genomes in and around the genes TIR1 and AFB2.

    Attributes
    ----------
    genotypes : int8 array of shape (1135, 415)
        Number of the allele that the inbred line carries: 0 the reference, 1 the first
        alternative, and so on; -1 for a missing call.
    accessions : int array of shape (1135,)
        Numbers.
    positions : int array of shape (415,)
        Base pairs on chromosome 3, from 1, TAIR10.
    genes : array of str
        The gene around which the variant was looked up: AT3G62980 (TIR1) or AT3G26810 (AFB2).
    references, alternatives : arrays of str
        Alleles; several alternatives are parted by commas.
    annotations : array of str
        What snpEff says, in its older EFF form.
    """

    genotypes: np.ndarray
    accessions: np.ndarray
    positions: np.ndarray
    genes: np.ndarray
    references: np.ndarray
    alternatives: np.ndarray
    annotations: np.ndarray


def stress_gene_calls() -> StressGeneCalls:
    """Open the calls of 40 accessions at 57,879 SNPs.

    Returns
    -------
    StressGeneCalls

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
    return StressGeneCalls(**load("arabidopsis_stress_genes"))


def auxin_receptor_calls() -> AuxinReceptorCalls:
    """Open the calls and annotations of 1,135 accessions at two genes.

    Returns
    -------
    AuxinReceptorCalls

    Raises
    ------
    DataNotAvailable, DataError
        As in `stress_gene_calls`.

    References
    ----------
    The 1001 Genomes Consortium (2016), Cell 166, 481-491; Cingolani et al. (2012), Fly 6, 80-92
    (snpEff).
    """
    return AuxinReceptorCalls(**load("arabidopsis_auxin_receptors"))
