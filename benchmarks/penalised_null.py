"""The lasso, tuned by cross-validation, on traits of noise: chapter 31's negative control.

    python benchmarks/penalised_null.py

Twenty loci of 150 variants and 3,000 people, thirty traits without any causal variant on each. A
lasso is tuned by five folds of one half of the people and tested on the other. One row a trait
goes to ``benchmarks/penalised_null.csv``. ``--quick`` runs four traits and writes nothing.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import trange

from gitools.book.studies.penalised import make_folds, null_trait, split_people
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
N_LOCI, N_TRAITS, N_VARIANTS, N_PEOPLE, N_FOLDS = 20, 30, 150, 3000, 5


def locus(place, n_traits) -> list[dict]:
    """Rows of the table for one locus."""
    rng = np.random.default_rng([31, 2, place])
    dosages = simulate_genotypes(
        N_PEOPLE, N_VARIANTS, n_blocks=1, sequence_length=1e6, random_state=rng
    ).dosages
    halves = np.array_split(np.arange(N_PEOPLE), 2)
    fold = split_people(dosages, *halves)
    folds = make_folds(dosages[fold.fit], N_FOLDS, rng)
    return [{"locus": place} | null_trait(fold, folds, rng)._asdict() for _ in range(n_traits)]


def main(arguments=None) -> pd.DataFrame:
    """Run all loci, write the table and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="four traits, nothing written")
    quick = parser.parse_args(arguments).quick
    n_loci, n_traits = (2, 2) if quick else (N_LOCI, N_TRAITS)
    places = trange(n_loci, disable=bool(os.environ.get("GITOOLS_QUIET")))
    table = pd.DataFrame([row for place in places for row in locus(place, n_traits)])
    if not quick:
        table.to_csv(TABLE, index=False, float_format="%.6g")
    tested = table[table.n_chosen > 0]
    print(f"{len(table)} null traits, {len(tested)} with some effect")
    print((tested[["p_left_out", "p_same"]] < 0.05).mean().to_string())
    return table


if __name__ == "__main__":
    main()
