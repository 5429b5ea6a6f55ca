"""The reader of .bed files, opened without the notice that its progress bars write in notebooks."""

import warnings

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # It names a path of the reader's machine, which would stand in every notebook's output.
    warnings.simplefilter("ignore", TqdmWarning)
    from bed_reader import open_bed, to_bed

__all__ = ["open_bed", "to_bed"]
