"""Mean field against the ceiling: the study behind chapter 32.

    python benchmarks/variational_loci.py

Data sets of 600 variants and 5,000 people. Under LD a data set is four of twenty stretches of 150
variants each, with the correlations of simulated genotypes; without LD the correlation matrix is
the identity. A variant is causal with probability 0.02, and the effect of a causal one has a
variance of 0.0072, six standard errors squared, so that most are seen and many are not certain. A
null data set has no effects. Marginal effects follow the summary-statistics model.

The spike-and-slab by mean field learns its prior, or is given the true one. Its opponents are zero,
the marginal effects, ridge (given the heritability that is expected), the lasso with a penalty
chosen by pseudo-validation, the lasso with the penalty of smallest error in hindsight, and the
optimal posterior under the true prior, by long Gibbs runs for each stretch.

Errors, average precision and the learnt prior go to ``benchmarks/variational_loci.csv``, counts of
variants by inclusion probability to ``benchmarks/variational_pips.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from sklearn.metrics import average_precision_score
from tqdm import tqdm

from gitools.association import ld_matrix
from gitools.shrinkage import (
    elastic_net_rss_path,
    oracle_posterior,
    pseudo_validate,
    ridge_rss,
    spike_and_slab_rss,
)
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

TABLE = Path(__file__).with_suffix(".csv")
PIPS = TABLE.with_name("variational_pips.csv")
SEED = 32
SIZES = {"ld": 60, "independent": 60, "no effects": 100}
N_PEOPLE, N_STRETCHES, N_VARIANTS, N_JOINED = 5000, 20, 150, 4
CAUSAL_FRACTION, EFFECT_VARIANCE = 0.02, 0.0072


def stretches(rng) -> list:
    """LD matrices of twenty stretches of a million base pairs."""
    panel = simulate_genotypes(
        N_PEOPLE,
        N_STRETCHES * N_VARIANTS,
        n_blocks=N_STRETCHES,
        sequence_length=20e6,
        random_state=rng,
    )
    return [ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(N_STRETCHES)]


def optimum(beta, blocks, residual, rng) -> tuple:
    """Optimal posterior mean and inclusion probability, and whether every chain converged."""
    parts, begin = [], 0
    for R in blocks:
        part = beta[begin : begin + len(R)]
        begin += len(R)
        parts.append(
            oracle_posterior(
                part, R, N_PEOPLE, CAUSAL_FRACTION, EFFECT_VARIANCE, residual, random_state=rng
            )
        )
    mean = np.concatenate([part.posterior_mean for part in parts])
    pip = np.concatenate([part.pip for part in parts])
    return mean, pip, all(part.converged for part in parts)


def lassos(beta, R, b, rng) -> tuple:
    """The lasso by pseudo-validation, and at the penalty that is best in hindsight."""
    chosen = pseudo_validate(beta, R, N_PEOPLE, random_state=rng)
    _, path = elastic_net_rss_path(beta, R, N_PEOPLE, penalties=chosen.penalties, tol=1e-6)
    best = np.argmin([np.mean((effects - b) ** 2) for effects in path])
    return chosen.effects, path[best]


def largest_errors(estimate, b, R) -> dict:
    """How the two variants of largest error are correlated, and their share of all error."""
    square = (estimate - b) ** 2
    second, first = np.argsort(square)[-2:]
    return {
        "pair_correlation": abs(R[first, second]),
        "pair_share": (square[first] + square[second]) / square.sum(),
    }


def counts(pip, causal) -> list:
    """Variants, causal ones and the sum of probabilities in each tenth of the unit interval."""
    tenth = np.minimum((pip * 10).astype(int), 9)
    return [np.bincount(tenth, w, minlength=10) for w in (None, causal.astype(float), pip)]


def data_set(setting, ld, rng) -> tuple:
    """One row of results, and the counts by inclusion probability of each method."""
    chosen = rng.choice(len(ld), N_JOINED, replace=False)
    blocks = [ld[k] for k in chosen]
    p = N_JOINED * N_VARIANTS
    R = np.eye(p) if setting == "independent" else block_diag(*blocks)
    causal = (rng.random(p) < CAUSAL_FRACTION) & (setting != "no effects")
    b = np.where(causal, rng.normal(0, np.sqrt(EFFECT_VARIANCE), p), 0.0)
    residual = 1 - b @ R @ b
    beta = simulate_summary_statistics(R, b, N_PEOPLE, random_state=rng).beta
    learnt = spike_and_slab_rss(beta, R, N_PEOPLE)
    row = {
        "setting": setting,
        "n_causal": int(causal.sum()),
        "residual": residual,
        "causal_fraction": learnt.causal_fraction,
        "effect_variance": learnt.effect_variance,
        "residual_variance": learnt.residual_variance,
        "converged": learnt.converged,
        "max_pip": learnt.pip.max(),
    }
    if setting == "no effects":
        return row, {}
    given = spike_and_slab_rss(
        beta,
        R,
        N_PEOPLE,
        causal_fraction=CAUSAL_FRACTION,
        effect_variance=EFFECT_VARIANCE,
        residual_variance=residual,
    )
    singles = [np.eye(1)] * p if setting == "independent" else blocks
    best_mean, best_pip, converged = optimum(beta, singles, residual, rng)
    lasso, hindsight = lassos(beta, R, b, rng)
    h2 = p * CAUSAL_FRACTION * EFFECT_VARIANCE
    estimates = {
        "zero": np.zeros(p),
        "marginal": beta,
        "ridge": ridge_rss(beta, R, N_PEOPLE, h2),
        "lasso": lasso,
        "hindsight": hindsight,
        "learnt": learnt.posterior_mean,
        "given": given.posterior_mean,
        "optimal": best_mean,
    }
    scores = {name: np.abs(e) for name, e in estimates.items() if name != "zero"}
    pips = {"learnt": learnt.pip, "given": given.pip, "optimal": best_pip}
    row |= {f"mse_{name}": np.mean((e - b) ** 2) for name, e in estimates.items()}
    row |= {
        f"ap_{name}": average_precision_score(causal, score)
        for name, score in (scores | pips).items()
        if causal.any()
    }
    row |= {f"pips_{name}": pip.sum() for name, pip in pips.items()}
    row |= largest_errors(learnt.posterior_mean, b, R)
    row["optimum_converged"] = converged
    return row, {name: counts(pip, causal) for name, pip in pips.items()}


def main() -> None:
    """Run all data sets, write both tables and print the averages."""
    ld = stretches(np.random.default_rng([SEED, 0]))
    jobs = [(setting, i) for setting, size in SIZES.items() for i in range(size)]
    rows, pips = [], []
    for setting, i in tqdm(jobs, disable=bool(os.environ.get("GITOOLS_QUIET"))):
        rng = np.random.default_rng([SEED, list(SIZES).index(setting) + 1, i])
        row, counted = data_set(setting, ld, rng)
        rows.append({"data_set": i} | row)
        for method, (n, n_causal, total) in counted.items():
            for tenth in np.flatnonzero(n):
                entry = (setting, i, method, tenth, n[tenth], int(n_causal[tenth]), total[tenth])
                pips.append(entry)
    table = pd.DataFrame(rows)
    table.to_csv(TABLE, index=False, float_format="%.6g")
    columns = ("setting", "data_set", "method", "tenth", "n", "n_causal", "sum_of_pips")
    pd.DataFrame(pips, columns=columns).to_csv(PIPS, index=False, float_format="%.6g")
    print(table.drop(columns="data_set").groupby("setting").mean().T.to_string())


if __name__ == "__main__":
    main()
