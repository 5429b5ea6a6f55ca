"""From four studies to genes by association type, method by method: the study behind chapter 44.

    python benchmarks/gene_chain.py [--studies 10] [--nulls 5]

A simulated genome of five chromosomes (4,000 variants in 200 genes each) serves all studies. A
study draws causal genes, effects on four traits and summary statistics anew; the mixture is fitted
to its five chromosomes together. Studies without any effect come first: their largest gene
statistics are the null of the gene tests (``gene_chain_null.csv``). Rows are appended as studies
are finished, and only missing ones are computed: a stopped run goes on where it was.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from gitools.association import gene_types
from gitools.book.studies import gene_chain as chain

TABLE = Path(__file__).with_suffix(".csv")
SCORES = TABLE.with_name("gene_chain_scores.csv")
NULL = TABLE.with_name("gene_chain_null.csv")
SEED = 44
N_CHROMOSOMES = 5
KEPT_TAIL = 0.1
COHORT_METHODS = ("network", "none")


def genome() -> list:
    """LD of the five chromosomes."""
    return [chain.draw_panel([SEED, 1, k]) for k in range(N_CHROMOSOMES)]


def draw(ld, setting, number) -> list:
    """The chromosomes of one study; settings of one number share their draws."""
    shapes = chain.draw_covariances(np.random.default_rng([SEED, 2, number]))
    return [
        chain.draw_study(one, setting, shapes, np.random.default_rng([SEED, 3, number, k]))
        for k, one in enumerate(ld)
    ]


def shrink(studies, method, number):
    """Effects over standard errors on all chromosomes, (p, n_traits), and the seconds it took."""
    rng = np.random.default_rng([SEED, 4, number, list(chain.METHODS).index(method)])
    begun = time.process_time()
    x = np.concatenate([chain.METHODS[method](one, rng) for one in studies])
    return x, time.process_time() - begun


def collect(x, studies, method, number):
    """Types of components, of variants and of genes."""
    rng = np.random.default_rng([SEED, 5, number])
    marginal = method == "none"
    noise = chain.noise_correlation(studies[0].setting)
    types, members, posterior = chain.cluster(x, rng, marginal=marginal, noise=noise)
    genes = np.arange(len(x)).reshape(-1, chain.GENE)
    return types, members, posterior, gene_types(x, posterior, members, list(genes))


def statistics(x):
    """Sums of squares of each gene and trait."""
    return (x**2).reshape(-1, chain.GENE, x.shape[1]).sum(axis=1)


def score_calls(called, kinds, number):
    """Counts of called genes, and pathways found on each chromosome."""
    found, shuffled = [], []
    for k, part in enumerate(np.split(np.arange(len(kinds)), N_CHROMOSOMES)):
        rng = np.random.default_rng([SEED, 6, number, k])
        p = chain.pathway_p(called[part] != "", kinds[part], rng)
        found.append(p[0] <= 0.05)
        shuffled.append(p[1] <= 0.05)
    return {
        "called": (called != "").sum(),
        "called_causal": (kinds[called != ""] != "").sum(),
        "called_right": (called == kinds)[called != ""].sum(),
        "pathways": sum(found),
        "shuffled": sum(shuffled),
    }


def score_lists(on, kinds):
    """Counts of true and false entries of per-trait lists, and of shared genes rightly listed."""
    true = chain.acts(kinds)
    shared = (true.sum(axis=1) > 1) & on.any(axis=1)
    binary = np.array(chain.BINARY)
    return {
        "list_true_q": (on & true)[:, ~binary].sum(),
        "list_false_q": (on & ~true)[:, ~binary].sum(),
        "list_true_b": (on & true)[:, binary].sum(),
        "list_false_b": (on & ~true)[:, binary].sum(),
        "shared_listed": shared.sum(),
        "shared_exact": (on == true).all(axis=1)[shared].sum(),
    }


def rank_columns(scores, strength, kinds):
    """Average precision of each type, and of any association."""
    by_type = chain.average_precisions(scores, kinds)
    any_type = chain.average_precision_score(kinds != "", strength)
    return {f"ap_{k}": v for k, v in zip(chain.TYPES, by_type, strict=True)} | {"ap_any": any_type}


def run_chain(studies, method, number, null):
    """The chain after one method: a row for the table, and the scores for the curves."""
    kinds = np.concatenate([one.kinds for one in studies])
    truth = np.concatenate([one.truth / one.se for one in studies])
    x, seconds = shrink(studies, method, number)
    begun = time.process_time()
    types, members, posterior, found = collect(x, studies, method, number)
    row = {"seconds": seconds, "seconds_mixture": time.process_time() - begun}
    row["r"] = np.corrcoef(x.ravel(), truth.ravel())[0, 1]
    scores = chain.of_kinds(found, types)
    row |= rank_columns(scores, found.energy.sum(axis=1), kinds)
    row |= score_calls(chain.called_types(found, types), kinds, number)
    shared = posterior @ (members.sum(axis=1) > 1) > 0.5
    row |= {"shared": shared.sum(), "shared_right": ((truth != 0).sum(axis=1) > 1)[shared].sum()}
    union = chain.names_of(found.trait_probability > 0.5)
    row |= {"union_called": (union != "").sum(), "union_right": (union == kinds)[union != ""].sum()}
    by_trait = chain.evidence_scores(statistics(x))
    row["ap_by_trait"] = chain.average_precisions(by_trait, kinds).mean()
    told = method == "ridge" and studies[0].setting.h2 != chain.SETTINGS["realistic"].h2
    if method in null and not told:
        p = chain.pooled_p(statistics(x), null[method])
        row |= score_lists(chain.listed(p), kinds)
    return row, chain.best_of(scores, kinds)


def run_others(studies, number):
    """Lists by p-values, and the judge who is told all but the gene's type."""
    kinds = np.concatenate([one.kinds for one in studies])
    for name, test in (("smallest p", chain.smallest_p), ("squares", chain.squares_p)):
        p = np.concatenate([test(one) for one in studies])
        scores, on = chain.overlap_scores(p), chain.listed(p)
        row = rank_columns(scores, -p.min(axis=1), kinds) | score_lists(on, kinds)
        yield name, row | score_calls(chain.names_of(on), kinds, number), scores
    posterior = np.concatenate([chain.judge(one) for one in studies])
    called = np.array(["", *chain.TYPES])[posterior.argmax(axis=1)]
    row = rank_columns(posterior[:, 1:], -posterior[:, 0], kinds)
    yield "judge", row | score_calls(called, kinds, number), posterior[:, 1:]


def run_study(ld, name, number, null):
    """Rows of one study."""
    studies = draw(ld, chain.SETTINGS[name], number)
    kinds = np.concatenate([one.kinds for one in studies])
    key = {"setting": name, "study": number}
    rows, curves = [], []
    for method in COHORT_METHODS if name == "one cohort" else chain.METHODS:
        row, best = run_chain(studies, method, number, null)
        rows.append(key | {"method": method} | row)
        curves += [key | {"method": method} | _coded(one) for one in best]
    if name != "one cohort":
        for method, row, scores in run_others(studies, number):
            rows.append(key | {"method": method} | row)
            best = chain.best_of(scores, kinds)
            curves += [key | {"method": method} | _coded(one) for one in best]
    return rows, curves


def _coded(one):
    text = {
        name: " ".join(f"{value:.3g}" for value in one[name]) if len(one[name]) else ""
        for name in ("true", "false")
    }
    return {"type": one["type"]} | text


def run_nulls(ld, n_studies):
    """Gene statistics without any effect, their tails, and what the chain calls there."""
    kept, rows = {}, []
    for number in tqdm(range(n_studies), disable=bool(os.environ.get("GITOOLS_QUIET"))):
        studies = draw(ld, chain.SETTINGS["nothing"], 1000 + number)
        for method in chain.METHODS:
            if method in ("truth", "none"):
                continue
            x, seconds = shrink(studies, method, 1000 + number)
            kept.setdefault(method, []).append(statistics(x))
            types, _, _, found = collect(x, studies, method, 1000 + number)
            called = (chain.called_types(found, types) != "").sum()
            rows.append({"setting": "nothing", "study": number, "method": method,
                         "seconds": seconds, "called": called})  # fmt: skip
    for row in rows:
        others = [T for k, T in enumerate(kept[row["method"]]) if k != row["study"]]
        p = chain.pooled_p(kept[row["method"]][row["study"]], others)
        row |= {"tests": p.size, "rejected": (p <= 0.05).sum()}
    tails = {}
    for method, values in kept.items():
        ordered = np.sort(np.concatenate(values).ravel())[::-1]
        tails[method] = ordered[: int(KEPT_TAIL * len(ordered))]
    # Of 20,000 statistics the largest tenth decides every p-value that a list looks at.
    return pd.DataFrame(tails), rows, sum(T.size for T in next(iter(kept.values())))


def read_null():
    """Null statistics of each method, the nine tenths below the tail as zeros."""
    tails = pd.read_csv(NULL)
    n = round(len(tails) / KEPT_TAIL)
    return {m: np.concatenate([tails[m], np.full(n - len(tails), -1.0)]) for m in tails}


def append(rows, path):
    """Add rows to a table, with the columns that it has."""
    table = pd.DataFrame(rows)
    if path.exists():
        table = table.reindex(columns=pd.read_csv(path, nrows=0).columns)
    table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4g")


def main() -> None:
    """Compute what is missing and append it to the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--nulls", type=int, default=5)
    options = parser.parse_args()
    ld = genome()
    if not NULL.exists():
        tails, null_rows, _ = run_nulls(ld, options.nulls)
        tails.to_csv(NULL, index=False, float_format="%.4g")
        append(null_rows, TABLE.with_name("gene_chain_nothing.csv"))
    null = read_null()
    done = set()
    if TABLE.exists():
        done = set(pd.read_csv(TABLE)[["setting", "study"]].itertuples(index=False, name=None))
    wanted = [
        (name, k) for k in range(options.studies) for name in ("authors", "realistic", "one cohort")
    ]
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    for name, number in tqdm([pair for pair in wanted if pair not in done], disable=hidden):
        rows, curves = run_study(ld, name, number, null)
        append(curves, SCORES)
        append(rows, TABLE)


if __name__ == "__main__":
    main()
