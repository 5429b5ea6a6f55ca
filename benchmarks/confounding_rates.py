"""Rejection rates and power of ten ways to test, on confounded studies simulated many times.

Each data set has genotypes, traits and noise of its own. Run as ``python
benchmarks/confounding_rates.py people`` (or ``plants``, ``families``); it appends a row for each
world and method to benchmarks/confounding_people.csv (..._plants.csv, ..._families.csv) and, when
called again, goes on where it was stopped. ``--most`` data sets are added a call. Sixty data sets
of people were planned; a busy machine made them fifty, before one of their rows had been looked at.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.book.studies import confounding as c

SEED = 22
REPLICATES = {"people": 50, "plants": 60, "families": 60}
ALL = list(c.METHODS)
COSTLY = ["mixed model, other chromosomes", "mixed model and components"]
FEW = [name for name in ALL if name not in COSTLY]
QUICK = ["plain", "genomic control", "components", "mixed model, null ratio"]
DIFFERENCES = (0.0, 0.3, 0.6, 0.9)


def rows_of(panel, X, y, methods, null, causal=()):
    """One row a method; the plain one with LD score regression's intercept."""
    rows = []
    for name in methods:
        scan = c.METHODS[name](X, y, panel)
        rows.append({"method": name} | c.score(scan, null, causal))
    return rows


def in_world(world, rows):
    return [{"world": world} | row for row in rows]


def with_intercept(panel, rows, X, y, scores):
    """The first, plain row with LD score regression's intercept and the mean of all chi-squares."""
    z = c.plain(X, y, panel).z
    rows[0] |= {"intercept": c.ld_score_intercept(z**2, scores), "all_chi_square": np.mean(z**2)}
    return rows


def two_populations(rng):
    """Worlds on people of two populations."""
    panel = c.people((300, 300), rng=rng)
    X, n, everything = panel.dosages, 600, np.arange(2_000)
    scores = c.local_ld_scores(panel)
    town, fst = c.environment(panel.groups, 0.2, rng), c.fst_of_two(X, panel.groups)
    rows = in_world("noise", rows_of(panel, X, rng.normal(size=n), FEW, everything))
    y = town + rng.normal(0, np.sqrt(0.8), n)
    methods = [name for name in ALL if name != COSTLY[0]]
    confounded = with_intercept(panel, rows_of(panel, X, y, methods, everything), X, y, scores)
    rows += in_world("environment", [row | {"fst": fst} for row in confounded])
    rows += in_world("shuffled", rows_of(panel, X, rng.permutation(y), ["plain"], everything))
    chosen = np.sort(rng.choice(40, 10, replace=False))
    causal = np.array([rng.choice(np.flatnonzero(panel.blocks == k)) for k in chosen])
    null = np.flatnonzero(~np.isin(panel.blocks, chosen))
    parts = c.equal_effects(X, causal, 0.3, rng)
    noise = rng.normal(0, np.sqrt(0.5), n)
    rows += in_world("both", rows_of(panel, X, parts.sum(axis=1) + town + noise, ALL, null, causal))
    alone = [c.plain(X[:, [j]], parts[:, k] + noise, panel) for k, j in enumerate(causal)]
    log_p = np.concatenate([scan.log10_p for scan in alone])
    known = {"power": np.mean(log_p < np.log10(0.05 / 2_000)), "power_0.001": np.mean(log_p < -3)}
    rows += in_world("both", [{"method": "all else known"} | known])
    return rows + differentiated(panel, rng)


def differentiated(panel, rng):
    """A causal variant whose frequency differs between populations by more and more."""
    rows = []
    for difference in DIFFERENCES:
        f = 0.5 + difference / 2 * np.where(panel.groups == 0, -1, 1)
        x = rng.binomial(2, f).astype(np.int8)[:, None]
        y = c.equal_effects(x, np.array([0]), 0.06, rng)[:, 0]
        y = y + rng.normal(0, np.sqrt(0.94), len(y))
        for name in ("plain", "components", "memberships", "mixed model"):
            log_p = c.METHODS[name](x, y, panel).log10_p[0]
            found = {"power": float(log_p < np.log10(0.05 / 2_000))}
            rows.append({"world": f"difference {difference:g}", "method": name} | found)
    return rows


def one_population(rng):
    """Worlds on people of one population: polygenic, and two batches."""
    panel = c.people(600, rng=rng)
    X, n = panel.dosages, 600
    scores = c.local_ld_scores(panel)
    with_effect = np.isin(panel.blocks, rng.choice(40, 20, replace=False))
    null, causal = np.flatnonzero(~with_effect), np.flatnonzero(with_effect)
    y = c.genetic(X, causal, 0.5, rng) + rng.normal(0, np.sqrt(0.5), n)
    polygenic = with_intercept(panel, rows_of(panel, X, y, QUICK, null, causal), X, y, scores)
    rows = in_world("polygenic", polygenic)
    status = rng.permutation(np.repeat([0.0, 1.0], n // 2))
    for share in (1.0, 0.75):
        # So many cases, and as many controls less, are read in the first batch.
        first = rng.random(n).argsort()
        cases, controls = first[status[first] == 1], first[status[first] == 0]
        batch = np.zeros(n, dtype=bool)
        batch[cases[: round(share * 300)]] = True
        batch[controls[: round((1 - share) * 300)]] = True
        read, _ = c.misread(X, batch, 50, rng)
        seen = c.describe(read, panel.groups, panel.blocks, panel.chromosomes, rng, most=1)
        everything = np.arange(read.shape[1])
        found = rows_of(seen, read, status, QUICK, everything)
        if share < 1:
            scan = c.plain(read, status, seen, batch.astype(float))
            found.append({"method": "batch known"} | c.score(scan, everything, ()))
        rows += in_world(f"batch {share:g}", found)
    return rows


def people(replicate):
    """All worlds of one data set of people."""
    streams = [np.random.default_rng([SEED, 100, replicate, k]) for k in (0, 1)]
    return two_populations(streams[0]) + one_population(streams[1])


def plants(replicate):
    """Plants: noise, countries, one small country, and causal variants besides."""
    rng = np.random.default_rng([SEED, 101, replicate])
    panel = c.plants(300, 200, 1_500, rng=rng)
    X, n, everything = panel.dosages, 300, np.arange(1_500)
    rows = in_world("noise", rows_of(panel, X, rng.normal(size=n), FEW, everything))
    climate = c.environment(panel.groups, 0.3, rng)
    y = climate + rng.normal(0, np.sqrt(0.7), n)
    rows += in_world("countries", rows_of(panel, X, y, ALL, everything))
    small = panel.groups == rng.integers(7, panel.groups.max() + 1)
    place = (small - small.mean()) * np.sqrt(0.1) / small.std()
    y = place + rng.normal(0, np.sqrt(0.9), n)
    rows += in_world("one small country", rows_of(panel, X, y, ALL, everything))
    on = np.isin(panel.chromosomes, [0, 1, 2])
    causal = rng.choice(np.flatnonzero(on), 6, replace=False)
    parts = c.equal_effects(X, causal, 0.3, rng)
    y = parts.sum(axis=1) + climate + rng.normal(0, np.sqrt(0.4), n)
    return rows + in_world("both", rows_of(panel, X, y, ALL, np.flatnonzero(~on), causal))


def families(replicate):
    """Five siblings from each of 120 couples: noise, and a heritable trait.

    The kinship of other chromosomes was added when the mixed model's low rate had been seen.
    """
    rng = np.random.default_rng([SEED, 102, replicate])
    panel = c.families(120, 5, 1_000, rng=rng)
    X, everything = panel.dosages, np.arange(panel.dosages.shape[1])
    rows = in_world("noise", rows_of(panel, X, rng.normal(size=600), FEW[:-1], everything))
    causal = np.sort(rng.choice(X.shape[1], 500, replace=False))
    null = np.setdiff1d(everything, causal)
    y = c.genetic(X, causal, 0.8, rng) + rng.normal(0, np.sqrt(0.2), 600)
    return rows + in_world("heritable", rows_of(panel, X, y, [*FEW[:-1], COSTLY[0]], null, causal))


STUDIES = {"people": people, "plants": plants, "families": families}
COLUMNS = [
    "replicate", "world", "method", "rate_0.05", "rate_0.001", "hits", "chi_square", "lambda",
    "heritability", "power", "power_0.001", "power_fair", "intercept", "all_chi_square", "fst",
]  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=list(STUDIES))
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--most", type=int)
    options = parser.parse_args(arguments)
    path = Path(__file__).with_name(f"confounding_{options.study}.csv")
    done = set(pd.read_csv(path)["replicate"]) if path.exists() else set()
    wanted = range(options.replicates or REPLICATES[options.study])
    todo = [k for k in wanted if k not in done][: options.most]
    for replicate in tqdm(todo, unit="data set", disable=bool(os.environ.get("GITOOLS_QUIET"))):
        table = pd.DataFrame(STUDIES[options.study](replicate)).reindex(columns=COLUMNS[1:])
        table.insert(0, "replicate", replicate)
        table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
