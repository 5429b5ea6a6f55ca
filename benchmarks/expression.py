"""Modes, tails, correlations, modules and missing values of expression: behind chapter 14.

    python benchmarks/expression.py [modes pairs modules missing]

Each study writes its own table, ``benchmarks/expression_<study>.csv``, a setting at a time:
settings that a table holds already are not run again.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from gitools.book.studies import expression as study
from gitools.simulate.expression import simulate_expression, simulate_pairs

FOLDER = Path(__file__).parent
SEED = 14
N_GENES, N_SAMPLES = 500, 200
N_PAIRS, PAIR_SAMPLES, N_OTHERS = 1000, 100, 20
N_SETS = 100
TAIL = {"separation": 4.0, "share_on": 0.4, "tail_scale": 3.0}

MODES = {f"two modes, tail {share}": share for share in (0.0, 0.02, 0.05, 0.1)} | {
    "one mode, tail 0.0": 0.0,
    "one mode, tail 0.05": 0.05,
    "rare mode": None,
}
# Shifts of the two genes between modes, and their correlation within modes. "Hidden" cancels:
# 0.5 + 0.4 x 0.6 x 3 x s = 0 at s = -0.694.
PAIRS = {
    "spurious": ((3.0, 3.0), 0.0),
    "hidden": ((3.0, -0.694), 0.5),
    "nothing": ((3.0, 0.0), 0.0),
    "one mode": ((0.0, 0.0), 0.5),
}
MODULES = {"modules": True, "no modules": False}
MISSING = {"at random": False, "below the detection limit": True}


def modes_table(setting: str, rng) -> pd.DataFrame:
    """Number of modes found for each gene, and wrong calls where there are two."""
    share, wrong = MODES[setting], {}
    if setting == "rare mode":
        values = rng.normal(size=(N_GENES, N_SAMPLES))
        values[:, :6] += 6
    elif setting.startswith("one"):
        values = simulate_expression(
            N_GENES, N_SAMPLES, separation=0.0, tail_share=share, random_state=rng
        ).values
    else:
        genes = simulate_expression(N_GENES, N_SAMPLES, tail_share=share, **TAIL, random_state=rng)
        values, on = genes.values, genes.on
        wrong = {
            "wrong_plain": study.wrong_calls(values, on, with_tail=False, random_state=rng),
            "wrong_tail": study.wrong_calls(values, on, with_tail=True, random_state=rng),
            "wrong_bayes": study.bayes_wrong_calls(values, on, tail_share=share, **TAIL),
        }
    modes = {
        "modes_plain": study.count_modes(values, with_tail=False, random_state=rng),
        "modes_tail": study.count_modes(values, with_tail=True, random_state=rng),
    }
    return pd.DataFrame({"gene": np.arange(N_GENES)} | modes | wrong)


def pairs_table(setting: str, rng) -> pd.DataFrame:
    """P-values of a correlation, by where the modes come from."""
    shifts, within = PAIRS[setting]
    pairs = simulate_pairs(
        N_PAIRS, PAIR_SAMPLES, shifts=shifts, within=within, n_others=N_OTHERS, random_state=rng
    )
    genes = pairs.first, pairs.second
    # Where nothing shifts there is no mode to know of.
    known = pairs.on & bool(shifts[0])
    others = study.modes_of_others(pairs.others, random_state=rng) if shifts[0] else known
    modes = {
        "plain": np.zeros_like(pairs.on),
        "pair": study.modes_of_pair(*genes, random_state=rng),
        "others": others,
        "known": known,
    }
    p = {name: study.within_mode_p(*genes, of) for name, of in modes.items()}
    return pd.DataFrame({"data_set": np.arange(N_PAIRS)} | p)


def modules_table(setting: str, rng) -> pd.DataFrame:
    """Clusters of genes by BIC, and agreement with the modules at the true number."""
    rows = []
    for data_set in range(N_SETS):
        X, module = study.simulate_modules(MODULES[setting], rng)
        fits = study.fit_gene_clusters(X, random_state=rng)
        means = KMeans(4, n_init=5, random_state=int(rng.integers(2**31))).fit_predict(X)
        rows.append(
            {
                "data_set": data_set,
                "clusters": 1 + int(np.argmin([fit.bic(X) for fit in fits])),
                "rand_mixture": adjusted_rand_score(module, fits[3].predict(X)),
                "rand_kmeans": adjusted_rand_score(module, means),
            }
        )
    return pd.DataFrame(rows)


def lose(X, low: bool, rng):
    """A copy with a fifth of the entries missing: any, or mostly the lowest of each gene."""
    chance = np.full(X.shape, 0.2)
    if low:
        rank = X.argsort(axis=0).argsort(axis=0) / len(X)
        chance = np.where(rank < 0.25, 0.8, 0.0)
    holes = np.where(rng.random(X.shape) < chance, np.nan, X)
    return holes[~np.isnan(holes).all(axis=1)], X[~np.isnan(holes).all(axis=1)]


def missing_table(setting: str, rng) -> pd.DataFrame:
    """Errors of what is filled in, and correlations of the first two genes."""
    rows = []
    for data_set in range(N_SETS):
        holes, X = lose(study.simulate_factor(150, random_state=rng), MISSING[setting], rng)
        gone = np.isnan(holes)
        by_mean = np.where(gone, np.nanmean(holes, axis=0), holes)
        by_em = study.fill_in(holes, random_state=int(rng.integers(2**31)))
        complete = holes[~gone.any(axis=1)]
        row = {"data_set": data_set, "complete": len(complete)}
        for name, filled in (("mean", by_mean), ("em", by_em)):
            error = (filled - X)[gone]
            row |= {f"rmse_{name}": np.sqrt(np.mean(error**2)), f"bias_{name}": error.mean()}
        for name, Y in (("full", X), ("mean", by_mean), ("em", by_em), ("complete", complete)):
            row[f"r_{name}"] = np.corrcoef(Y[:, :2].T)[0, 1]
        rows.append(row)
    return pd.DataFrame(rows)


STUDIES = {
    "modes": (MODES, modes_table),
    "pairs": (PAIRS, pairs_table),
    "modules": (MODULES, modules_table),
    "missing": (MISSING, missing_table),
}


def main() -> None:
    """Run the settings that the tables lack."""
    for name in sys.argv[1:] or STUDIES:
        settings, table = STUDIES[name]
        path = FOLDER / f"expression_{name}.csv"
        done = set(pd.read_csv(path).setting) if path.exists() else set()
        hidden = bool(os.environ.get("GITOOLS_QUIET"))
        for place, setting in enumerate(tqdm(settings, desc=name, disable=hidden)):
            if setting in done:
                continue
            rng = np.random.default_rng([SEED, list(STUDIES).index(name), place])
            rows = table(setting, rng)
            rows.insert(0, "setting", setting)
            rows.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.3g")


if __name__ == "__main__":
    main()
