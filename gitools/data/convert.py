"""One function a kind of original: from the published file to a table."""

from pathlib import Path

import numpy as np
import pandas as pd

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
    # rdata comes with the extra [data]; opening what is already converted does without it.
    import rdata

    tables = rdata.read_rda(original)
    if table not in tables:
        raise ValueError(f"original: holds the tables {sorted(tables)}; expected {table!r}")
    raw = tables[table]
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
