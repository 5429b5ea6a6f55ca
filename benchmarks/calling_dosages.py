"""Dosages called from signal ratios: the studies behind chapter 13.

    python benchmarks/calling_dosages.py [--quick]

Writes to ``benchmarks/calling_dosages.csv``, a line for each value:

- ``impossible``: for each real marker and way of fitting the tetraploids, the posterior
  probability (in per cent) of an odd dosage, averaged over diploid plants;
- ``hardy-weinberg``: likelihood-ratio statistic of an inbreeding term at each real marker, in
  tetraploids and diploids, and at 200 simulated tetraploid markers that have none;
- ``components``: whether BIC prefers three or four Gaussians at 100 simulated diploid markers of
  1,000 plants, for three levels of noise, read as a ratio and as log-odds.

Needs the real data (``make data``).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import csv
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gitools.book.bench import asked_to_be_quick
from gitools.book.studies.calling import (
    chosen_by_bic,
    free_fits,
    free_posteriors,
    hardy_weinberg_statistics,
    odd_share,
    random_markers,
    ruler_fits,
)
from gitools.data import potato_intensities
from gitools.mixtures import fit_dosages

TABLE = Path(__file__).with_suffix(".csv")
SEED = 13
NOISES = (0.2, 0.3, 0.4)
KINDS = ("free", "hardy-weinberg", "inbreeding")


def ratios_of(ploidy):
    """Markers' names and their ratios (R, n)."""
    table = potato_intensities(ploidy).pivot(index="marker", columns="sample", values="ratio")
    return list(table.index), table.to_numpy()


def impossible(tetraploids, diploids):
    """Shares of odd dosages [per cent] by way of fitting."""
    even_chance = np.full(5, 0.2)
    shares = {
        "free mixture": odd_share(
            free_posteriors(free_fits(tetraploids, 4), diploids, even_chance)
        ),
        "ruler": odd_share(ruler_fits(tetraploids, 4).posteriors(diploids, even_chance)),
    }
    for kind in KINDS:
        fits = fit_dosages(tetraploids, 4, weights=kind)
        shares[f"chemistry, {kind}"] = odd_share(fits.posteriors(diploids, even_chance))
    return {name: 100 * share for name, share in shares.items()}


def components(noise, n_markers):
    """Components that BIC prefers, on two scales, at simulated diploid markers."""
    rng = np.random.default_rng([SEED, 3, NOISES.index(noise)])
    ratio = random_markers(n_markers, 1000, 2, frequencies=(0.3, 0.7), noise=noise, rng=rng).ratio
    settings = {"n_components": (3, 4), "n_starts": 3, "random_state": rng}
    return {
        f"ratio, noise {noise:g}": chosen_by_bic(ratio, **settings),
        f"log-odds, noise {noise:g}": chosen_by_bic(np.log(ratio / (1 - ratio)), **settings),
    }


def studies(n_markers, n_sets):
    """Pairs of a study's name and its values by method, each an array over sets."""
    names, tetraploids = ratios_of(4)
    diploids = ratios_of(2)[1][:n_markers]
    tetraploids = tetraploids[:n_markers]
    yield "impossible", names, impossible(tetraploids, diploids)
    null = random_markers(2 * n_sets, 224, rng=np.random.default_rng([SEED, 2])).ratio
    yield (
        "hardy-weinberg",
        names,
        {
            "tetraploids": hardy_weinberg_statistics(tetraploids, 4),
            "diploids": hardy_weinberg_statistics(diploids, 2),
        },
    )
    yield "hardy-weinberg", range(2 * n_sets), {"simulated": hardy_weinberg_statistics(null, 4)}
    for noise in NOISES:
        yield "components", range(n_sets), components(noise, n_sets)


def main(arguments=None):
    """Run all studies and write the table; with --quick, print small ones."""
    quick = asked_to_be_quick(__doc__, arguments)
    sizes = (10, 4) if quick else (384, 100)
    rows = []
    for study, sets, values in tqdm(studies(*sizes), disable=bool(os.environ.get("GITOOLS_QUIET"))):
        for method, column in values.items():
            shown = [f"{v:.4g}" if study != "components" else str(v) for v in column]
            rows += [(study, s, method, v) for s, v in zip(sets, shown, strict=False)]
    if quick:
        print(*rows[::7], sep="\n")
        return
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("study", "set", "method", "value"), *rows]
        )


if __name__ == "__main__":
    main()
