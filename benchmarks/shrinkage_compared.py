"""Every method of shrinkage on the same simulated data sets: the study behind chapter 36.

    python benchmarks/shrinkage_compared.py [--jobs 2] [--replicates 50] [--methods zero ridge ...]

A data set is a panel of genotypes (coalescent, hot spots, thinned as on an array) with effects and
summary statistics drawn on it. A setting changes one thing of the base setting; ``ours-*`` is the
realistic grid, ``authors-*`` the sixteen settings of the training data published with ML-MAGES.
Settings of one size share their panels, so that methods and settings compare in pairs. Rows are
appended to ``benchmarks/shrinkage_compared.csv.gz`` as they are finished and only missing ones are
computed: a stopped run goes on where it was. At the end the table is sorted.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from gitools.association import ld_matrix, ld_scores, marginal_regression
from gitools.book.studies.shrinkage import METHODS, Study, score
from gitools.simulate import (
    binary_target,
    genetic_values,
    n_effective,
    simulate_binary,
    simulate_genotypes,
    simulate_summary_statistics,
)

TABLE = Path(__file__).with_suffix(".csv.gz")
KEYS = ["setting", "replicate", "method"]
SEED = 36
N_PEOPLE, N_OTHERS, N_POOL = 5_000, 500, 30_000
PREVALENCE = 0.1
SHRINK_PANEL = 0.1
"""The LD of a panel of other people is used as 0.9 R + 0.1 I, as is usual practice."""


@dataclass(frozen=True)
class Setting:
    """How data are drawn; variances of standardised effects go as het^(1 + s) ldscore^w."""

    n: int = 50_000
    p: int = 500
    h2: float = 0.005
    causal: float = 0.01
    s: float = -1.0
    w: float = 0.0
    shape: str = "normal"
    panel: str = "in sample"
    binary: bool = False
    exact_h2: bool = False


BASE = Setting()
SETTINGS = {
    "ours-base": BASE,
    "ours-n-10k": replace(BASE, n=10_000),
    "ours-n-250k": replace(BASE, n=250_000),
    "ours-h2-0.001": replace(BASE, h2=0.001),
    "ours-h2-0.02": replace(BASE, h2=0.02),
    "ours-causal-0.002": replace(BASE, causal=0.002),
    "ours-causal-0.05": replace(BASE, causal=0.05),
    "ours-causal-0.2": replace(BASE, causal=0.2),
    "ours-s": replace(BASE, s=-0.25),
    "ours-w": replace(BASE, w=-1.0),
    "ours-p-100": replace(BASE, p=100, h2=0.001),
    "ours-p-2000": replace(BASE, p=2_000, h2=0.02),
    "ours-heavy-tails": replace(BASE, shape="heavy tails"),
    "ours-small-panel": replace(BASE, panel="500 others"),
    "ours-other-population": replace(BASE, panel="another population"),
    "ours-binary": replace(BASE, h2=0.05, binary=True),
} | {
    f"authors-{causal}-{h2}-{s}-{w}": Setting(10_000, 1_000, h2, causal, s, w, exact_h2=True)
    for causal, h2, s, w in itertools.product((0.01, 0.05), (0.3, 0.7), (-0.25, 0.0), (-1.0, 0.0))
}


SAMPLED = ["ours-base"]
"""Settings with the ceiling and the sampled spike-and-slab, whose chains take seconds a data set.
They were planned in seven settings; time was enough for this one alone, run when all other results
were known, and the clock ended it: the committed table holds its first data sets only."""


def methods_of(name: str) -> list[str]:
    """The methods run in a setting."""
    left_out = set() if name in SAMPLED else {"ceiling", "gibbs"}
    if SETTINGS[name].p > 500:
        left_out.add("lasso")
    return [method for method in METHODS if method not in left_out]


def draw_panel(setting: Setting, rng):
    """Dosages of the study's people, and of those whose LD the methods get."""
    people = N_POOL if setting.binary else N_PEOPLE
    other = setting.panel == "another population"
    panel = simulate_genotypes(
        (people, N_OTHERS) if other else people + N_OTHERS,
        setting.p,
        n_blocks=1,
        hotspots=20,
        random_state=rng,
    )
    return panel.dosages[:people], panel.dosages[people:]


def draw_effects(setting: Setting, frequencies, R, rng):
    """Standardised effects, and the variance that each variant's would have."""
    het = 2 * frequencies * (1 - frequencies)
    relative = het ** (1 + setting.s) * ld_scores(R) ** setting.w
    variances = setting.h2 / setting.causal * relative / relative.sum()
    causal = rng.random(setting.p) < setting.causal
    if setting.exact_h2:
        causal[rng.integers(setting.p)] |= not causal.any()
    heavy = setting.shape == "heavy tails"
    draws = rng.standard_t(3, setting.p) / np.sqrt(3) if heavy else rng.normal(size=setting.p)
    effects = np.where(causal, np.sqrt(variances) * draws, 0.0)
    explained = effects @ R @ effects
    if setting.exact_h2:
        effects *= np.sqrt(setting.h2 / explained)
    return effects, variances


def binary_study(setting: Setting, effects, dosages, rng):
    """Marginal regression of the status of as many cases as controls."""
    trait = simulate_binary(genetic_values(dosages, effects), PREVALENCE, random_state=rng)
    cases, controls = (np.flatnonzero(trait.status == k) for k in (1, 0))
    controls = rng.choice(controls, len(cases), replace=False)
    people = np.sort(np.concatenate([cases, controls]))
    status, sampled = trait.status[people], dosages[trait.people[people]]
    fit = marginal_regression(sampled, status / status.std())
    n = n_effective(len(cases), len(controls))
    scale = sampled.std(axis=0)
    frequencies = dosages.mean(axis=0) / 2
    target = binary_target(effects, PREVALENCE, 0.5, frequencies=frequencies)
    return target, fit.beta * scale, fit.se * scale, n, ld_matrix(sampled)


def draw_study(setting: Setting, dosages, others, rng) -> Study:
    """One data set: effects, summary statistics, and the LD that the methods are given."""
    frequencies = dosages.mean(axis=0) / 2
    R = ld_matrix(dosages)
    effects, variances = draw_effects(setting, frequencies, R, rng)
    n = setting.n
    if setting.binary:
        effects, beta, se, n, R = binary_study(setting, effects, dosages, rng)
    else:
        found = simulate_summary_statistics(R, effects, n, random_state=rng)
        beta, se = found.beta, found.se
    if setting.panel != "in sample":
        R = (1 - SHRINK_PANEL) * ld_matrix(others) + SHRINK_PANEL * np.eye(setting.p)
    h2 = effects @ effects if setting.binary else setting.h2
    return Study(effects, beta, se, beta / se, R, n, h2, setting.causal, variances)


def run(replicate: int, panel_key: tuple, wanted: list) -> list[dict]:
    """All rows that are missing for the settings of one panel."""
    first = SETTINGS[wanted[0][0]]
    panel = draw_panel(first, np.random.default_rng([SEED, first.p, replicate, *panel_key]))
    rows = []
    for name, methods in wanted:
        place = list(SETTINGS).index(name)
        setting = SETTINGS[name]
        study = draw_study(setting, *panel, np.random.default_rng([SEED, replicate, 1, place]))
        for method in methods:
            stream = [SEED, replicate, 2, place, list(METHODS).index(method)]
            result = score(study, METHODS[method], np.random.default_rng(stream))
            rows.append({"setting": name, "replicate": replicate, "method": method} | result)
    return rows


def missing(replicates: int, methods, settings) -> list[tuple]:
    """Arguments of `run` for what the table does not hold yet."""
    done = set()
    if TABLE.exists():
        done = set(pd.read_csv(TABLE)[KEYS].itertuples(index=False, name=None))
    groups = {}
    for replicate, name in itertools.product(range(replicates), settings):
        setting = SETTINGS[name]
        absent = [m for m in methods_of(name) if m in methods]
        absent = [m for m in absent if (name, replicate, m) not in done]
        key = (int(setting.panel == "another population"), int(setting.binary))
        if absent:
            groups.setdefault((replicate, setting.p, key), []).append((name, absent))
    return [(replicate, key, wanted) for (replicate, _, key), wanted in groups.items()]


def sort_table() -> None:
    """Put the rows in the order of settings, methods and replicates; no time enters the file."""
    table = pd.read_csv(TABLE)
    places = {
        name: {key: place for place, key in enumerate(keys)}
        for name, keys in (("setting", SETTINGS), ("method", METHODS))
    }
    table = table.sort_values(
        ["setting", "method", "replicate"], key=lambda c: c.map(places.get(c.name, lambda v: v))
    )
    options = {"index": False, "float_format": "%.4g"}
    table.to_csv(TABLE, compression={"method": "gzip", "mtime": 0}, **options)


def main() -> None:
    """Compute what is missing and append it to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--replicates", type=int, default=50)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    options = parser.parse_args()
    tasks = missing(options.replicates, options.methods, options.settings)
    workers = Parallel(n_jobs=options.jobs, return_as="generator_unordered")
    results = workers(delayed(run)(*task) for task in tasks)
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    for rows in tqdm(results, total=len(tasks), unit="panel", disable=hidden):
        table = pd.DataFrame(rows)
        table.to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False, float_format="%.4g")
    sort_table()


if __name__ == "__main__":
    main()
