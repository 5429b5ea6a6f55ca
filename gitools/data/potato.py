"""Potato SNP intensities."""

from numbers import Integral

import pandas as pd

from gitools.data.store import load

_DATA_SET_OF_PLOIDY = {2: "potato_diploid", 4: "potato_tetraploid"}


def potato_intensities(ploidy: int) -> pd.DataFrame:
    """Two-channel intensities of 384 SNPs in potato varieties (Illumina GoldenGate).

    Parameters
    ----------
    ploidy : int
        4: 224 tetraploid varieties; 2: 64 diploid varieties.

    Returns
    -------
    DataFrame of shape [86016, 8] (ploidy 4) or [24576, 8] (ploidy 2)
        One row for each SNP in each variety:

        - marker, sample : names of the SNP and of the variety.
        - x_raw, y_raw : raw intensities of the two channels, arbitrary units.
        - theta : angle of the normalised intensities in units of a right angle, 0 (first
          channel only) to 1 (second channel only); NaN where the array's software gave none,
          which it did at low intensity.
        - r : radius of the normalised intensities, arbitrary units; NaN where theta is.
        - ploidy : copies of each chromosome.
        - ratio : y_raw / (x_raw + y_raw), rounded to 5 decimals, without unit.

    Raises
    ------
    ValueError
        If `ploidy` is neither 2 nor 4.
    DataNotAvailable
        If the data have not been fetched (``make data``).
    DataError
        If the copy on this machine is damaged or cannot be read.

    References
    ----------
    Anithakumari et al. (2010), Molecular Breeding 26:65-75 (the data).
    Voorrips, Gort and Vosman (2011), BMC Bioinformatics 12:172 (the R package holding them).
    """
    if not isinstance(ploidy, Integral) or ploidy not in _DATA_SET_OF_PLOIDY:
        raise ValueError(f"ploidy: got {ploidy!r}; expected 2 or 4")
    return load(_DATA_SET_OF_PLOIDY[ploidy])
