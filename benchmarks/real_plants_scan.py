"""Scans of three traits of real accessions, plain and mixed: one row a SNP.

    python benchmarks/real_plants_scan.py

Accessions with a value, one of each family of near-identical ones, at SNPs of a minor allele
frequency of 5 % or more among them; -log10 p of plain regression and of the exact mixed model.
Writes ``benchmarks/real_plants_scan.csv``, and in ``real_plants_choices.csv`` what becomes of the
peaks under other choices of scale, kinship and accessions; needs ``make data``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path

import pandas as pd

from gitools.book.studies import simpson_real as studies

TABLE = Path(__file__).with_suffix(".csv")
CHOICES = Path(__file__).with_name("real_plants_choices.csv")
SCALES = {
    "leaf_sodium": ("as published", "logarithm"),
    "glucosinolate_g3hp": ("as published", "normal scores"),
}


def main() -> None:
    """One table, a column for each trait and method; empty where a SNP is rare for a trait."""
    parts = []
    for trait in studies.TRAITS:
        data = studies.measured(trait)
        table = studies.scans(data).set_index(["chromosome", "position"])
        parts.append(table.add_prefix(f"{trait} "))
        print(f"{trait}: {len(data.y)} accessions, {data.n_collapsed} collapsed, {len(table)} SNPs")
    joined = pd.concat(parts, axis=1).sort_index().round(2).reset_index()
    joined.to_csv(TABLE, index=False, lineterminator="\n")
    rows = [
        {"trait": trait, "scale": scale, "kinship": kinship, **studies.peak(trait, scale, kinship)}
        for trait, scales in SCALES.items()
        for scale in scales
        for kinship in ("common SNPs", "all SNPs")
    ]
    pd.DataFrame(rows).round(2).to_csv(CHOICES, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
