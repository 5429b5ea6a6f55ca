"""Tests on mixtures of traits over many data sets: the studies behind chapter 23.

    python benchmarks/mixtures_and_traits.py [--parts tests humps panels] [--share 1.0]

``_tests``: 1,000 traits of 500 people in each of eleven scenarios, in 20 batches, each trait with a
marker that has an effect and four that have none. ``_humps``: one hump against two on four scales,
500 traits of 300 people in each of eight scenarios, in ten batches; thresholds come from 1,000
traits without humps (``_thresholds``). ``_panels``: 50 panels of 1,000 variants, on each ten traits
without causal variants and ten with. Finished batches are appended, and a stopped run goes on where
it was. The committed tables hold the first half of the batches (``--share 0.5``).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.book.studies import traits as studies
from gitools.simulate import simulate_genotypes

FOLDER = Path(__file__).parent
SEED, LEVEL = 23, 0.05
N_PEOPLE, BATCHES, BATCH = 500, 20, 50
DISTANCES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
SCENARIOS = [studies.Scenario("class", d) for d in DISTANCES] + [
    studies.Scenario("normal"),
    studies.Scenario("skewed"),
    studies.Scenario("humped", 3.0),
]
HUMPS = [("lognormal", 0.0), ("gamma", 0.0)] + [
    ("humps", d) for d in (2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
]
HUMP_PEOPLE, HUMP_BATCHES, HUMP_NULL = 300, 10, 1000
SCALES = ("raw", "logarithm", "first", "together")
PANELS, PANEL_TRAITS, PERMUTATIONS = 50, 10, 199


def table_of(part):
    """Path of a part's table."""
    return FOLDER / f"mixtures_and_traits_{part}.csv"


@cache
def ceiling_threshold(place):
    """Threshold of the most powerful test of a scenario."""
    rng = np.random.default_rng([SEED, 1, place])
    return studies.ceiling_threshold(SCENARIOS[place], N_PEOPLE, 4000, LEVEL, rng)


def run_tests(place, batch):
    """One batch of traits of one scenario."""
    scenario = SCENARIOS[place]
    rng = np.random.default_rng([SEED, 2, place, batch])
    threshold = ceiling_threshold(place)
    rows = studies.study_tests(scenario, BATCH, N_PEOPLE, threshold, rng, level=LEVEL)
    return [
        {"kind": scenario.kind, "distance": scenario.distance, "batch": batch} | r for r in rows
    ]


def hump_thresholds():
    """Quantiles of the four statistics on traits without humps, kept in a file of their own."""
    path = table_of("thresholds")
    if path.exists():
        return pd.read_csv(path).iloc[0]
    shape = HUMP_NULL, HUMP_PEOPLE
    of_normal, of_lognormal = (np.random.default_rng([SEED, 3, k]) for k in range(2))
    normal = studies.draw_positive("normal", 0.0, shape, of_normal)
    lognormal = studies.draw_positive("lognormal", 0.0, shape, of_lognormal)
    statistics = studies.hump_tests(lognormal, of_lognormal)
    null = {name: getattr(statistics, name) for name in SCALES}
    null["raw"] = studies.raw_hump_test(normal, of_normal)
    found = {name: np.quantile(values, 1 - LEVEL) for name, values in null.items()}
    pd.DataFrame([found]).to_csv(path, index=False, float_format="%.4f", lineterminator="\n")
    return pd.read_csv(path).iloc[0]


def run_humps(place, batch):
    """One batch of traits of one scenario, on four scales."""
    kind, distance = HUMPS[place]
    thresholds = hump_thresholds()
    rng = np.random.default_rng([SEED, 4, place, batch])
    X = studies.draw_positive(kind, distance, (BATCH, HUMP_PEOPLE), rng)
    found = studies.hump_tests(X, rng)
    powers = {"first": found.power_one.mean(), "together": found.power_two.mean()}
    return [
        {
            "kind": kind,
            "distance": distance,
            "batch": batch,
            "scale": name,
            "rejected": np.mean(getattr(found, name) > thresholds[name]),
            "power_chosen": powers.get(name, np.nan),
        }
        for name in SCALES
    ]


def run_panels(place, batch):
    """Traits on one panel; means over its traits."""
    rng = np.random.default_rng([SEED, 5, batch])
    panel = simulate_genotypes(
        N_PEOPLE, 1000, n_blocks=20, sequence_length=4e6, min_maf=0.05, random_state=rng
    )
    rows = studies.study_panel(
        panel.dosages, panel.blocks, PANEL_TRAITS, PERMUTATIONS, rng, level=LEVEL
    )
    means = pd.DataFrame(rows).drop(columns="trait").groupby("correction", sort=False).mean()
    return [{"batch": batch} | row for row in means.reset_index().to_dict("records")]


PARTS = {
    "tests": (run_tests, len(SCENARIOS), BATCHES),
    "humps": (run_humps, len(HUMPS), HUMP_BATCHES),
    "panels": (run_panels, 1, PANELS),
}


def missing(part, places, batches):
    """Places and batches that the table does not hold yet."""
    wanted = [(place, batch) for batch in range(batches) for place in range(places)]
    if not table_of(part).exists():
        return wanted
    table = pd.read_csv(table_of(part))
    if "kind" not in table:
        return [one for one in wanted if one[1] not in set(table.batch)]
    done = set(table[["kind", "distance", "batch"]].itertuples(index=False, name=None))
    names = {
        "tests": [(s.kind, s.distance) for s in SCENARIOS],
        "humps": HUMPS,
    }[part]
    return [(place, batch) for place, batch in wanted if (*names[place], batch) not in done]


def main() -> None:
    """Compute what is missing and append it to the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the batches, the first")
    options = parser.parse_args()
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    for part in options.parts:
        run, places, batches = PARTS[part]
        batches = round(options.share * batches)
        for place, batch in tqdm(missing(part, places, batches), desc=part, disable=hidden):
            rows = pd.DataFrame(run(place, batch))
            path = table_of(part)
            rows.to_csv(
                path, mode="a", header=not path.exists(), index=False, float_format="%.4g",
                lineterminator="\n",
            )  # fmt: skip


if __name__ == "__main__":
    main()
