"""Ridge, lasso and elastic net beside zero, one constant and the optimum: chapter 31's study.

    python benchmarks/penalised_loci.py

A hundred loci of 150 variants, each with its own coalescent LD, and 5,000 people. Three kinds of
effects, each explaining about 0.02 of the trait, the first drawn as for the ceiling of chapter 21:

- ``sparse``: a variant is causal with probability 0.01, effects of variance 0.0133;
- ``many``: every variant has an effect of variance 0.02 / 150;
- ``one``: one variant explains 0.02.

Traits are made person by person, so that a penalty can be chosen by folds of people as well as
from the marginal effects. ``mse`` is the mean squared error of the effects, ``loss`` that of the
genetic value, by the LD of the study. One row for each locus and method goes to
``benchmarks/penalised_loci.csv``. ``--quick`` runs two loci and writes nothing.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNetCV
from sklearn.preprocessing import normalize
from tqdm import trange

from gitools.association import ld_matrix
from gitools.book.studies.penalised import fold_losses, make_folds, penalty_grid
from gitools.shrinkage import (
    elastic_net_rss_path,
    oracle_posterior,
    pseudo_validate,
    ridge_rss,
)
from gitools.simulate import simulate_genotypes

TABLE = Path(__file__).with_suffix(".csv")
N_LOCI, N_VARIANTS, N_PEOPLE, N_PANEL = 100, 150, 5000, 500
CAUSAL_FRACTION, EFFECT_VARIANCE, H2 = 0.01, 0.0133, 0.02
N_FOLDS, L1_RATIO = 5, 0.5
KINDS = ("sparse", "many", "one")


def genotypes(rng):
    """Dosages of the study, of a panel of the same population, and of one of another."""
    drawn = simulate_genotypes(
        (N_PEOPLE + N_PANEL, N_PANEL), 2 * N_VARIANTS, n_blocks=1, sequence_length=2e6,
        random_state=rng,
    )  # fmt: skip
    groups = np.split(drawn.dosages, [N_PEOPLE, N_PEOPLE + N_PANEL])
    frequencies = np.array([group.mean(axis=0) / 2 for group in groups])
    common = np.flatnonzero(np.minimum(frequencies, 1 - frequencies).min(axis=0) >= 0.01)
    # A random subset of neighbours would thin LD; a run of them does not.
    first = rng.integers(len(common) - N_VARIANTS + 1)
    return [group[:, common[first : first + N_VARIANTS]] for group in groups]


def effects(kind, rng):
    """Standardised joint effects of one kind."""
    if kind == "many":
        return rng.normal(0, np.sqrt(H2 / N_VARIANTS), N_VARIANTS)
    if kind == "one":
        b = np.zeros(N_VARIANTS)
        b[rng.integers(N_VARIANTS)] = np.sqrt(H2)
        return b
    causal = rng.random(N_VARIANTS) < CAUSAL_FRACTION
    return np.where(causal, rng.normal(0, np.sqrt(EFFECT_VARIANCE), N_VARIANTS), 0.0)


def by_folds(folds, trait, beta, R, l1_ratio=1.0):
    """Elastic net, its penalty chosen by folds of the people."""
    penalties = penalty_grid(beta, l1_ratio)
    best = int(fold_losses(folds, trait, penalties, l1_ratio).mean(axis=0).argmin())
    return elastic_net_rss_path(beta, R, N_PEOPLE, l1_ratio, penalties=penalties)[1][best]


def in_hindsight(beta, R, b):
    """Lasso at the penalty of the path that is best for these very effects."""
    _, path = elastic_net_rss_path(beta, R, N_PEOPLE, n_penalties=50, smallest=1e-2)
    return path[((path - b) ** 2).sum(axis=1).argmin()]


def by_split(beta, R, rng, l1_ratio=1.0):
    """Elastic net, its penalty chosen by splits of the summary statistics."""
    return pseudo_validate(beta, R, N_PEOPLE, l1_ratio, random_state=rng).effects


def with_panel(beta, panel, rng):
    """Lasso by split on a panel's LD; zero where the solver refuses, and whether it did."""
    try:
        return by_split(beta, ld_matrix(panel), rng), False
    except ValueError:
        return np.zeros_like(beta), True


def on_rows(beta, rows):
    """Elastic net of the marginal effects on rows of LD, five folds of the variants."""
    fit = ElasticNetCV(l1_ratio=L1_RATIO, cv=5, alphas=50, fit_intercept=False, max_iter=20_000)
    return fit.fit(rows, beta).coef_


def locus(place):
    """Rows of the table for one locus."""
    rng = np.random.default_rng([31, 1, place])
    dosages, near, far = genotypes(rng)
    X = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    R, folds, rows = ld_matrix(dosages), make_folds(dosages, N_FOLDS, rng), []
    for kind in KINDS:
        b = effects(kind, rng)
        residual = 1 - b @ R @ b
        trait = X @ b + rng.normal(0, np.sqrt(residual), N_PEOPLE)
        trait -= trait.mean()
        beta = X.T @ trait / N_PEOPLE
        found = {
            "zero": np.zeros_like(b),
            "marginal": beta,
            "ridge": ridge_rss(beta, R, N_PEOPLE, H2),
            "lasso": by_split(beta, R, rng),
            "lasso by folds": by_folds(folds, trait, beta, R),
            "lasso in hindsight": in_hindsight(beta, R, b),
            "elastic net": by_split(beta, R, rng, L1_RATIO),
        }
        refused = {}
        if kind == "sparse":
            posterior = oracle_posterior(
                beta, R, N_PEOPLE, CAUSAL_FRACTION, EFFECT_VARIANCE, residual, random_state=rng
            )
            found["optimum"] = posterior.posterior_mean
            refused["optimum"] = not posterior.converged
            found["rows"], found["normalised rows"] = on_rows(beta, R), on_rows(beta, normalize(R))
            for name, panel in (("same population", near), ("other population", far)):
                found[name], refused[name] = with_panel(beta, panel, rng)
        for method, estimate in found.items():
            gap = estimate - b
            rows.append(
                {
                    "locus": place,
                    "kind": kind,
                    "method": method,
                    "mse": np.mean(gap**2),
                    "loss": gap @ R @ gap,
                    "n_chosen": np.count_nonzero(estimate),
                    "refused": refused.get(method, False),
                    # What one constant times the marginal effects needs, for errors of effects.
                    "cross": estimate @ b / N_VARIANTS if method == "marginal" else np.nan,
                }
            )
    return rows


def main(arguments=None) -> pd.DataFrame:
    """Run all loci, write the table and print the averages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two loci, nothing written")
    quick = parser.parse_args(arguments).quick
    hidden = bool(os.environ.get("GITOOLS_QUIET"))
    places = trange(2 if quick else N_LOCI, disable=hidden)
    table = pd.DataFrame([row for place in places for row in locus(place)])
    if not quick:
        table.to_csv(TABLE, index=False, float_format="%.5g")
    print(table.groupby(["kind", "method"], sort=False)[["mse", "loss"]].mean().to_string())
    return table


if __name__ == "__main__":
    main()
