"""Tail probabilities of weighted chi-square sums: error and speed beside other methods.

    python benchmarks/gene_p_values.py

Errors are the largest relative ones over the stored 40-digit references (tests/reference/chi2mix):
for sets of at least 20 weights by how small the probability is, and for all sets together. Davies
and one Imhof are the recorded outputs of R's CompQuadForm there, without those that Davies itself
declares faulty; the other Imhof is a plain numerical integration run here. Genes a second are
for 4,000 sets of 50 eigenvalues of simulated genotypes (100 for the second Imhof), one thread, from
eigenvalues to p-values. Writes ``benchmarks/gene_p_values.csv``; ``--quick`` runs few genes and
writes nothing.
"""

import argparse
import csv
import json
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
from scipy.integrate import quad
from threadpoolctl import threadpool_limits

from gitools.association import ld_matrix, liu_sf, weighted_chi2_sf
from gitools.simulate import simulate_genotypes

REFERENCE = Path(__file__).parents[1] / "tests" / "reference" / "chi2mix"
# Probabilities down to each of these, and above the one before.
BANDS = (1e-4, 1e-8, 1e-13)
COLUMNS = (
    "method",
    "genes_per_second",
    "error_to_1e-4",
    "error_to_1e-8",
    "error_to_1e-12",
    "error_all_sets",
)
GENE_LIKE = 20
N_GENES, N_VARIANTS, N_SLOW = 4_000, 50, 100


def imhof(q, weights):
    """P(Q > q) by Imhof's integral, to the absolute accuracy that quad reaches."""
    weights = weights[weights > 0]

    def integrand(u):
        angle = np.arctan(weights * u).sum() / 2 - q * u / 2
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** 0.25))

    # quad complains in its full output where it cannot reach its tolerance.
    return 0.5 + quad(integrand, 0, np.inf, limit=500, full_output=1)[0] / np.pi


def references():
    """Rows (weights, q, true p, recorded outputs) of the stored references."""
    truth = json.loads((REFERENCE / "truth.json").read_text(encoding="utf-8"))
    with open(REFERENCE / "compquadform.csv", newline="", encoding="utf-8") as file:
        recorded = list(csv.DictReader(file))
    rows = []
    for row in recorded:
        case = truth[row["set"]]
        stored = min(case["rows"], key=lambda one: abs(one["q"] - float(row["q"])))
        rows.append((np.array(case["lam"]), stored["q"], float(stored["p_true_str"]), row))
    return rows


def worst_errors(values, stored):
    """Largest relative error in each band of probabilities and in all sets, NaN left out."""
    truths = np.array([true for _, _, true, _ in stored])
    gene_like = np.array([len(weights) >= GENE_LIKE for weights, *_ in stored])
    errors = np.abs(np.array(values) / truths - 1)
    above, worst = np.inf, []
    for below in BANDS:
        at = gene_like & (truths < above) & (truths >= below)
        worst.append(np.nanmax(errors[at]))
        above = below
    return [f"{error:.1e}" for error in (*worst, np.nanmax(errors))]


def recorded_values(stored, column):
    """Outputs of CompQuadForm; NaN where it declares a fault."""
    return [
        np.nan if row.get(f"{column}_ifault", "0") != "0" else float(row[column])
        for *_, row in stored
    ]


def genes(n_genes, rng):
    """Eigenvalues [g, p] of LD of windows of one panel, and thresholds spread over the tail."""
    panel = simulate_genotypes(2_000, 2_000, n_blocks=8, random_state=rng)
    R = [ld_matrix(panel.dosages[:, panel.blocks == block]) for block in range(8)]
    spectra = []
    for gene in range(n_genes):
        start = rng.integers(200)
        window = slice(start, start + N_VARIANTS)
        spectra.append(np.linalg.eigvalsh(R[gene % 8][window, window]))
    weights = np.maximum(spectra, 0)
    return weights, weights.sum(axis=1) * rng.uniform(0.5, 12, n_genes)


def genes_per_second(function, q, weights, repeats):
    """Best of several runs."""
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function(q, weights)
        taken.append(time.perf_counter() - begin)
    return len(q) / min(taken)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few genes, nothing written")
    quick = parser.parse_args(arguments).quick
    n_genes, n_slow = (40, 2) if quick else (N_GENES, N_SLOW)
    weights, q = genes(n_genes, np.random.default_rng([43, 200]))
    stored = references()[:: 5 if quick else 1]

    def slow(q, weights):
        return [imhof(*one) for one in zip(q, weights, strict=True)]

    runs = {
        "saddlepoint contour": (weighted_chi2_sf, n_genes, 3),
        "Liu": (liu_sf, n_genes, 3),
        "Imhof by quad": (slow, n_slow, 1),
    }
    rows = []
    with threadpool_limits(1):
        for name, (function, size, repeats) in runs.items():
            speed = genes_per_second(function, q[:size], weights[:size], repeats)
            one = imhof if function is slow else function
            values = [one(at, lam) for lam, at, _, _ in stored]
            rows.append([name, f"{speed:.0f}", *worst_errors(values, stored)])
    for name, column in (
        ("Davies, default", "davies_default"),
        ("Davies, accuracy 1e-9", "davies_1e9"),
        ("Imhof, CompQuadForm", "imhof_default"),
    ):
        rows.append([name, "", *worst_errors(recorded_values(stored, column), stored)])
    for row in (COLUMNS, *rows):
        print("  ".join(f"{cell:>21}" for cell in row))
    if not quick:
        with open(Path(__file__).with_suffix(".csv"), "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *rows])
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


if __name__ == "__main__":
    main()
