"""Time and memory of drawing simulated plants, up to the source's 998 plants and 27,655 genes.

    python benchmarks/plants_full_size.py [--quick]

Each size is drawn in a process of its own, so that its peak memory is its own. Writes
``benchmarks/plants_full_size.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import multiprocessing
import resource
import sys
import time
from pathlib import Path

from gitools.book.bench import asked_to_be_quick, run_table
from gitools.simulate import simulate_ionome, simulate_plants

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ["plants", "genes", "density", "variants", "panel_s", "traits_s", "peak_mb"]
SIZES = [(300, 200), (998, 2_000), (998, 27_655)]


def measure(size: tuple[int, int]) -> dict:
    """CPU seconds of a panel and of its traits, and the peak memory of the process."""
    start = time.process_time()
    panel = simulate_plants(*size, random_state=51)
    drawn = time.process_time()
    simulate_ionome(panel, random_state=51)
    done = time.process_time()
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "plants": size[0],
        "genes": size[1],
        "density": 8.0,
        "variants": panel.variants.shape[1],
        "panel_s": round(drawn - start, 1),
        "traits_s": round(done - drawn, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit),
    }


def apart(size: tuple[int, int]) -> dict:
    """The same in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (size,))


if __name__ == "__main__":
    quick = asked_to_be_quick(__doc__)
    sizes = SIZES[:1] if quick else SIZES
    run_table(TABLE, COLUMNS, (apart(size) for size in sizes), quick=quick)
