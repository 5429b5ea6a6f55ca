"""How good could any estimate of effects be? The study behind the ceiling of chapter 21.

    python benchmarks/gwas_ceiling.py

Sixty loci of 150 variants with coalescent LD and 5,000 people. Effects are spike-and-slab: each
variant is causal with probability 0.01, and the effect of a causal one has variance 0.0133 (so
that a locus explains about 0.02 of the trait). Marginal estimates follow the summary-statistics
model. The Bayes-optimal posterior comes from long Gibbs runs under the very prior that the effects
were drawn from. Errors and average precision go to ``benchmarks/gwas_ceiling.csv``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score
from tqdm import trange

from gitools.association import ld_matrix
from gitools.shrinkage.oracle import oracle_posterior
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

TABLE = Path(__file__).with_suffix(".csv")
SEED = 21
N_LOCI, N_VARIANTS, N_PEOPLE = 60, 150, 5000
CAUSAL_FRACTION, EFFECT_VARIANCE = 0.01, 0.0133


def locus(R, rng) -> dict:
    """Errors of every estimate on one locus with freshly drawn effects."""
    causal = rng.random(len(R)) < CAUSAL_FRACTION
    b = np.where(causal, rng.normal(0, np.sqrt(EFFECT_VARIANCE), len(R)), 0.0)
    residual = 1 - b @ R @ b
    study = simulate_summary_statistics(R, b, N_PEOPLE, random_state=rng)
    best = oracle_posterior(
        study.beta, R, N_PEOPLE, CAUSAL_FRACTION, EFFECT_VARIANCE, residual, random_state=rng
    )
    estimates = {
        "zero": np.zeros(len(R)),
        "marginal": study.beta,
        "joint": np.linalg.pinv(R, rcond=1e-6, hermitian=True) @ study.beta,
        "optimal": best.posterior_mean,
    }
    row = {f"mse_{name}": np.mean((e - b) ** 2) for name, e in estimates.items()}
    row |= {"cross": np.sum(study.beta * b), "square": np.sum(study.beta**2)}
    row |= {"n_causal": causal.sum(), "truth_square": np.sum(b**2)}
    if causal.any():
        row["ap_z"] = average_precision_score(causal, np.abs(study.z))
        row["ap_pip"] = average_precision_score(causal, best.pip)
    return row | {"converged": best.converged, "r_hat": best.r_hat.max()}


def main() -> None:
    """Run all loci, write the table and print the averages."""
    rng = np.random.default_rng(SEED)
    panel = simulate_genotypes(
        N_PEOPLE, 20 * N_VARIANTS, n_blocks=20, sequence_length=20e6, random_state=rng
    )
    ld = [ld_matrix(panel.dosages[:, panel.blocks == k]) for k in range(20)]
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    rows = [locus(ld[i % 20], rng) for i in trange(N_LOCI, disable=hidden)]
    table = pd.DataFrame(rows)
    table.to_csv(TABLE, index=False, float_format="%.6g")
    print(f"{N_LOCI} loci; chains converged in {table.converged.sum()}")
    print(table.filter(regex="mse|ap_").mean().to_string())


if __name__ == "__main__":
    main()
