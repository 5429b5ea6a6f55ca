"""Do 95 % credible sets hold the causal variant? The studies behind chapter 33.

    python benchmarks/susie_coverage.py [--jobs 2]

Three parts, each locus with a genealogy and a seed of its own. *Coverage*: 500 loci of 400
neighbouring variants with 1 to 5 causal ones, 5,000 people, fine-mapped from z scores of their
genotypes in eight ways (`gitools.book.studies.fine_mapping.study_coverage`). *Regions*: 50 loci
with three causal variants, within 100, 500 and 2,000 variants. *Ceiling*: 100 loci of 150 variants
beside the posterior under the prior that they were drawn from. One row a credible set goes to
``benchmarks/susie_coverage.csv``, one a locus and method of the ceiling to
``benchmarks/susie_ceiling.csv``. Every finished locus is kept in a file of its own beside the
table until all are there: a run that was stopped goes on where it was, and gives the same tables.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from gitools.book.studies.fine_mapping import study_ceiling, study_coverage, study_regions

TABLE = Path(__file__).with_suffix(".csv")
CEILING = TABLE.with_name("susie_ceiling.csv")
SEED = 33
MOST_CAUSAL = 5
PARTS = ("coverage", "regions", "ceiling")
N_LOCI = {"coverage": 500, "regions": 50, "ceiling": 100}


def run_locus(part, locus, folder, **sizes) -> Path:
    """Study one locus, or find that it was studied; the file with its rows."""
    path = Path(folder) / f"{part}-{locus:04d}.csv"
    if path.exists():
        return path
    seed = np.random.SeedSequence(SEED, spawn_key=(PARTS.index(part), locus))
    if part == "coverage":
        rows = study_coverage(1 + locus % MOST_CAUSAL, random_state=seed, **sizes)
    else:
        study = study_regions if part == "regions" else study_ceiling
        rows = study(random_state=seed, **sizes)
    unfinished = path.with_suffix(".unfinished")
    table = pd.DataFrame([{"part": part, "locus": locus} | row for row in rows])
    table.to_csv(unfinished, index=False, float_format="%.5g")
    # A rename is all or nothing: a file that is there is whole.
    return unfinished.replace(path)


def run(n_loci, folder, jobs=1, sizes=None) -> dict[str, list[Path]]:
    """Study all loci that are missing in a folder; the files of all, by part."""
    Path(folder).mkdir(exist_ok=True)
    sizes = sizes or {}
    todo = [(part, locus) for part in PARTS for locus in range(n_loci[part])]
    tasks = (delayed(run_locus)(*one, folder, **sizes.get(one[0], {})) for one in todo)
    done = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    files = list(tqdm(done, total=len(todo), desc="loci", disable=hidden))
    return {
        part: [path for path, one in zip(files, todo, strict=True) if one[0] == part]
        for part in PARTS
    }


def write_tables(files, table, ceiling) -> None:
    """Join the loci's files into the two tables."""
    for path, parts in ((table, ("coverage", "regions")), (ceiling, ("ceiling",))):
        rows = [pd.read_csv(one) for part in parts for one in files[part]]
        pd.concat(rows, ignore_index=True).to_csv(path, index=False, float_format="%.5g")


def main(argv=None) -> None:
    """Run what is missing, write the tables, and print coverage by analysis."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    jobs = parser.parse_args(argv).jobs
    folder = TABLE.with_suffix(".parts")
    files = run(N_LOCI, folder, jobs)
    write_tables(files, TABLE, CEILING)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    table = pd.read_csv(TABLE)
    sets = table[table.set >= 0]
    print("Share of credible sets that hold a causal variant")
    print(sets.groupby("analysis").covers.agg(["mean", "size"]).to_string())


if __name__ == "__main__":
    main()
