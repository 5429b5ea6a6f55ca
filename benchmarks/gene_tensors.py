"""What gene tensors keep of simulated genomes: sixty panels, one row each.

Run as ``python benchmarks/gene_tensors.py``; rows are appended, so a run that was stopped goes on
where it was. ``--quick`` does one small panel and writes nothing.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from gitools.book.bench import asked_to_be_quick
from gitools.book.studies.tensors import study_panel

TABLE = Path(__file__).with_suffix(".csv")
N_PANELS = 60


def main() -> None:
    """Append the panels that the table lacks."""
    if asked_to_be_quick(__doc__):
        print(pd.Series(study_panel(np.random.default_rng([52, 99]), 60, 15, 20)))
        return
    done = set(pd.read_csv(TABLE)["panel"]) if TABLE.exists() else set()
    for panel in sorted(set(range(N_PANELS)) - done):
        row = {"panel": panel} | study_panel(np.random.default_rng([52, 100 + panel]))
        row = {name: f"{value:.6g}" for name, value in row.items()}
        pd.DataFrame([row]).to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False)
        print(panel, flush=True)


if __name__ == "__main__":
    main()
