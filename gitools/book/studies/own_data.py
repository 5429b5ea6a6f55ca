"""Studies of the chapter on a reader's own data: faults nobody caught, and the chain on noise."""

from pathlib import Path

import numpy as np
import pandas as pd

from gitools.association import ld_matrix
from gitools.pipeline import PipelineOptions, flag_signs, run_pipeline, shrinker, write_example
from gitools.shrinkage import susie_rss
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

N_STUDY, N_PANEL = 2_000, 500
LD_SHRINKAGE = 0.1
LARGE_Z = 4.0


def damage_of_faults(
    rng, *, p=300, n=20_000, h2=0.005, n_causal=3, shares=(0.01, 0.05)
) -> pd.DataFrame:
    """Shrink one simulated locus soundly, with wrong signs, and with LD of others.

    Parameters
    ----------
    rng : numpy Generator
    p, n : int
        Variants and people.
    h2 : float
        Variance that the causal variants explain.
    n_causal : int
    shares : pair of float
        Shares of the variants whose sign is wrong; the smaller set lies in the larger.

    Returns
    -------
    DataFrame
        One row for each condition and method: condition, method, rmse (standardised effects, over
        the variants whose sign is never wrong), sets and covered (credible sets, and those with a
        causal variant; SuSiE only), wrong and found (variants of absolute z above 4 with a wrong
        sign, and those of them that are flagged), sound and accused (variants without, and those
        of them that are flagged); the last four in the condition "mended" only.
    """
    R, same, other = _three_lds(rng, p)
    b = np.zeros(len(R))
    causal = rng.choice(len(R), n_causal, replace=False)
    b[causal] = rng.normal(size=n_causal)
    b *= np.sqrt(h2 / (b @ R @ b))
    z = simulate_summary_statistics(R, b, n, random_state=rng).z
    order = rng.permutation(len(R))
    few, many = (np.isin(np.arange(len(R)), order[: round(s * len(R))]) for s in shares)
    wrong = np.where(many, -z, z)
    flags = flag_signs(wrong, R, n)
    conditions = {
        "sound": (z, R, None),
        "few wrong": (np.where(few, -z, z), R, None),
        "many wrong": (wrong, R, None),
        "mended": (wrong, R, ~flags),
        "own panel": (z, _softened(same), None),
        "foreign panel": (z, _softened(other), None),
    }
    large = many & (np.abs(z) > LARGE_Z)
    signs = {
        "wrong": large.sum(),
        "found": (large & flags).sum(),
        "sound": (~many).sum(),
        "accused": (flags & ~many).sum(),
    }
    rows = []
    for name, (scores, ld, kept) in conditions.items():
        extra = signs if name == "mended" else {}
        for method in ("network", "susie"):
            scored = _score(method, scores, ld, n, kept, b, causal, ~many)
            rows.append({"condition": name, "method": method, **scored, **extra})
    return pd.DataFrame(rows)


def _three_lds(rng, p):
    """LD of the study, of others of its population, and of another population."""
    genotypes = simulate_genotypes(
        (N_STUDY + N_PANEL, N_PANEL), p, n_blocks=1, min_maf=0.02, random_state=rng
    )
    edges = np.cumsum([N_STUDY, N_PANEL, N_PANEL])[:-1]
    groups = np.split(genotypes.dosages, edges)
    frequencies = np.array([group.mean(axis=0) / 2 for group in groups])
    common = (np.minimum(frequencies, 1 - frequencies) >= 0.01).all(axis=0)
    return [ld_matrix(group[:, common]) for group in groups]


def _softened(R):
    return (1 - LD_SHRINKAGE) * R + LD_SHRINKAGE * np.eye(len(R))


def _score(method, z, R, n, kept, b, causal, judged):
    kept = np.arange(len(z)) if kept is None else np.flatnonzero(kept)
    z, R = z[kept], R[np.ix_(kept, kept)]
    estimate = np.zeros(len(b))
    sets = []
    if method == "susie":
        fit = susie_rss(z, R, n, max_iter=300)
        estimate[kept], sets = fit.posterior_mean, fit.credible_sets
    else:
        estimate[kept] = shrinker("network").function(z, R, n)
    error = np.sqrt(np.mean((estimate - b)[judged] ** 2))
    covered = sum(np.isin(kept[found.indices], causal).any() for found in sets)
    return {"rmse": error, "sets": len(sets), "covered": covered}


def null_pipeline(folder, rng) -> pd.DataFrame:
    """The whole chain on example files without any effect.

    Parameters
    ----------
    folder : path
        For the files and results.
    rng : numpy Generator

    Returns
    -------
    DataFrame
        One row: genes tested (both traits), those with p below 0.05 and 0.001, expected number of
        variants with any type but null.
    """
    folder = Path(folder)
    example = write_example(folder / "files", effects=False, random_state=rng)
    options = PipelineOptions(min_size=150, max_size=500, reach=100)
    result = run_pipeline(example.traits, example.panel, example.genes, folder / "results", options)
    p = result.genes["p"].dropna()
    types = result.gene_types
    return pd.DataFrame(
        {
            "tests": [len(p)],
            "below_05": [(p < 0.05).sum()],
            "below_001": [(p < 0.001).sum()],
            "not_null": [types.loc[types["type"] != "null", "expected"].sum()],
        }
    )
