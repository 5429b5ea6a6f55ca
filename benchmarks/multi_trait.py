"""Types of variants on several traits: the replicate studies that chapter 42 reads.

    python benchmarks/multi_trait.py [--studies types overlap ...]

- types: 51 data sets of 2,000 variants each with two, three and four traits; the fitted mixture
  beside the true parameters and per-trait thresholds. The bins of the posterior of being shared
  go to ``benchmarks/multi_trait_calibration.csv``.
- peer: scikit-learn's mixture on the first 10 of these data sets; it is slow.
- known: 10 draws of 1,000 and 5,000 variants (known large: 2 of 20,000) from the mixtures of
  ``tests/reference/dpmix/known_mixtures.npz``.
- larger: 20 data sets of 10,000 variants with three traits.
- overlap: 50 data sets of 2,000 variants, two traits measured in the same people.
- cutoff: 50 data sets of 6,000 variants, of which those beyond 2.5 in some trait are looked at.
- null: 33 data sets of 2,000 null variants, noise independent or correlated.
- uneven: 20 data sets of 2,000 null variants with standard errors of effects per allele.
- ld: 50 data sets of 1,000 null variants in LD, before and after pruning.

Rows are appended to ``benchmarks/multi_trait.csv`` (scores) and ``benchmarks/multi_trait_null.csv``
as they are finished and only missing ones are computed: a stopped run goes on where it was. Each
data set has a stream of its own. The numbers of data sets were set by the time there was: cut
before any was run, and some raised again after the first, smaller tables had been looked at.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import csv
from pathlib import Path

import numpy as np

from gitools.book.studies import multi_trait as studies
from gitools.book.studies.dirichlet import study_kinds

HERE = Path(__file__).parent
KNOWN = HERE.parent / "tests" / "reference" / "dpmix" / "known_mixtures.npz"
SCORES = (
    HERE / "multi_trait.csv",
    ("study", "traits", "dataset", "method", "log_loss", "ari", "recall", "precision",
     "types_right", "mean_shared", "n_clusters"),
)  # fmt: skip
NULLS = (
    HERE / "multi_trait_null.csv",
    ("study", "traits", "dataset", "n_called", "n_shared", "overlap_p", "n_called_given",
     "n_pruned", "n_called_pruned"),
)  # fmt: skip
BINS = (
    HERE / "multi_trait_calibration.csv",
    ("study", "traits", "dataset", "bin", "n", "probability", "shared"),
)
N = 2_000


def types(d, rng):
    rows, bins = studies.study_types(d, N, rng)
    for k, (n, probability, shared) in enumerate(bins):
        yield BINS, {"bin": k, "n": int(n), "probability": probability, "shared": int(shared)}
    for row in rows:
        yield SCORES, row


def larger(d, rng):
    rows, _ = studies.study_types(d, 5 * N, rng)
    for row in rows:
        yield SCORES, row


def peer(d, rng):
    yield SCORES, studies.study_peer(d, N, rng)


def overlap(d, rng):
    for row in studies.study_overlap(N, rng):
        yield SCORES, row


def cutoff(d, rng):
    for row in studies.study_cutoff(3 * N, rng):
        yield SCORES, row


def null(correlated, rng):
    noise = studies.noise_of(2, studies.NOISE_CORRELATION if correlated else 0.0)
    z = studies.draw_noise(np.repeat(noise[None], N, axis=0), rng)
    called, shared = studies.anything_called(z, rng)
    overlap_p = studies.lists_overlap_p(z)
    yield NULLS, {"n_called": called, "n_shared": shared, "overlap_p": overlap_p}


def uneven(d, rng):
    noise = studies.uneven_noise(N, rng)
    x = studies.draw_noise(noise, rng)
    called, shared = studies.anything_called(x, rng)
    given = studies.anything_called(x, rng, noise)[0]
    yield NULLS, {"n_called": called, "n_shared": shared, "n_called_given": given}


def ld(d, rng):
    found = studies.study_ld(1_000, rng)
    yield (
        NULLS,
        {
            "n_called": found["called"],
            "n_called_pruned": found["called_pruned"],
            "n_pruned": found["n_pruned"],
        },
    )


def known(key, rng):
    d, n = divmod(key, 100_000)
    with np.load(KNOWN) as file:
        covariances, weights = file[f"sim{d}_Sigma"], file[f"sim{d}_pi"]
    found = study_kinds(covariances, weights, n, 1, random_state=rng)
    for method in ("true", "fitted", "unweighted"):
        row = {"method": method, "ari": getattr(found, f"ari_{method}")[0]}
        yield SCORES, row | {"n_clusters": int(found.n_clusters[0])}


# name: function of one data set, settings ("traits" in the table), data sets, stream
PLAN = {
    "types": (types, (2, 3, 4), 51, 2),
    "overlap": (overlap, (2,), 50, 3),
    "cutoff": (cutoff, (2,), 50, 4),
    "null": (null, (0, 1), 33, 1),
    "ld": (ld, (2,), 50, 6),
    "known": (known, (201_000, 301_000, 305_000), 10, 7),
    "peer": (peer, (2, 3, 4), 10, 2),
    "uneven": (uneven, (2,), 20, 5),
    "larger": (larger, (3,), 20, 8),
    "known large": (known, (220_000, 320_000), 2, 7),
}


def finished(path):
    """Keys (study, setting, data set) that a table holds."""
    if not path.exists():
        return set()
    with open(path, newline="", encoding="utf-8") as file:
        return {(r["study"], int(r["traits"]), int(r["dataset"])) for r in csv.DictReader(file)}


def append(table, rows):
    """Write rows under the table's columns, the header first if the table is new."""
    path, columns = table
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        if new:
            writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def run(name):
    """Compute the data sets of one study that its table lacks."""
    one, settings, n_datasets, stream = PLAN[name]
    table = NULLS if name in ("null", "uneven", "ld") else SCORES
    done = finished(table[0])
    todo = [(s, k) for k in range(n_datasets) for s in settings if (name, s, k) not in done]
    for setting, dataset in studies.bar(todo):
        rng = np.random.default_rng([42, 100 + stream, setting, dataset])
        key = {"study": name, "traits": setting, "dataset": dataset}
        found = list(one(setting, rng))
        # the table that says what is finished comes last
        for target in (BINS, SCORES, NULLS):
            rows = [key | row for to, row in found if to is target]
            if rows:
                append(target, rows)


def main(arguments=None):
    """Run the studies named, all by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", nargs="*", default=list(PLAN), choices=list(PLAN))
    for name in parser.parse_args(arguments).studies:
        run(name)
        print(name, "finished", flush=True)


if __name__ == "__main__":
    main()
