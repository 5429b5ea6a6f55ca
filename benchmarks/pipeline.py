"""The chain on simulated files of growing size: time by stage, peak memory, genes a second.

    python benchmarks/pipeline.py

One trait, a panel of 500 people, chromosomes of 10,000 variants in blocks of 500 to 1,500, genes of
50 variants. Genotypes of 10,000 variants (coalescent) are repeated along the genome, effects and
noise are not. The files are written piece by piece into a temporary folder, and each size runs in a
process of its own, which says its peak memory. Times are of the processor, one thread, so that
others on the machine do not count. Rows are appended to ``benchmarks/pipeline.csv`` as they are
finished, and only missing sizes run. ``--quick`` runs one small size and writes nothing.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.association import ld_matrix
from gitools.book.bench import blas_name
from gitools.pipeline import PipelineOptions, TraitFile, run_pipeline, write_panel
from gitools.simulate import simulate_genotypes, simulate_summary_statistics

TABLE = Path(__file__).with_suffix(".csv")
SIZES = (10_000, 50_000, 100_000, 1_000_000)
CHROMOSOME, REPEATED, BLOCK, GENE = 10_000, 10_000, 1_000, 50
N_PEOPLE, N_PANEL, CAUSAL, H2 = 50_000, 500, 2, 0.0005
STAGES = ("read", "panel", "harmonise", "blocks", "shrink", "mixture", "types", "genes", "report")


def write_files(folder, n_variants, chromosome=CHROMOSOME, repeated=REPEATED):
    """Panel, summary statistics and genes of ``n_variants`` variants, a piece at a time."""
    rng = np.random.default_rng([45, 100])
    piece = simulate_genotypes(N_PANEL, repeated, hotspots=10, min_maf=0.02, random_state=rng)
    blocks = [slice(a, a + BLOCK) for a in range(0, repeated, BLOCK)]
    ld = [ld_matrix(piece.dosages[:, block]) for block in blocks]
    alleles = np.array([("A", "G"), ("C", "T"), ("A", "C")])[rng.integers(3, size=repeated)]
    variants = pd.DataFrame(
        {
            "chromosome": "1",
            "position": piece.positions,
            "effect_allele": alleles[:, 0],
            "other_allele": alleles[:, 1],
        }
    )
    write_panel(folder / "piece", variants, piece.dosages)
    body = (folder / "piece.bed").read_bytes()
    (folder / "panel.fam").write_bytes((folder / "piece.fam").read_bytes())
    length = int(piece.positions[-1]) + 10_000
    with (
        open(folder / "panel.bed", "wb") as bed,
        open(folder / "panel.bim", "w") as bim,
        open(folder / "trait.tsv", "w") as trait,
        open(folder / "genes.tsv", "w") as genes,
    ):
        bed.write(body[:3])
        genes.write("gene\tchromosome\tstart\tend\n")
        for k in range(n_variants // repeated):
            bed.write(body[3:])
            here = variants.assign(chromosome=str(1 + k * repeated // chromosome))
            here["position"] += length * (k % (chromosome // repeated))
            ids = [f"v{k}.{j}" for j in range(repeated)]
            here.assign(id=ids, cm=0)[
                ["chromosome", "id", "cm", "position", "effect_allele", "other_allele"]
            ].to_csv(bim, sep="\t", header=False, index=False)
            rows = _statistics(here, piece.frequencies, ld, blocks, rng)
            rows.to_csv(trait, sep="\t", index=False, header=k == 0, float_format="%.6g")
            for a in range(0, repeated, GENE):
                ends = here["position"].iloc[[a, a + GENE - 1]].to_list()
                genes.write(f"g{k}.{a}\t{here['chromosome'].iloc[0]}\t{ends[0]}\t{ends[1]}\n")


def _statistics(here, frequencies, ld, blocks, rng):
    """A file's rows for one piece, with a few effects in each block."""
    parts = []
    for R in ld:
        b = np.zeros(BLOCK)
        b[rng.choice(BLOCK, CAUSAL, replace=False)] = rng.normal(0, np.sqrt(H2 / CAUSAL), CAUSAL)
        parts.append(simulate_summary_statistics(R, b, N_PEOPLE, random_state=rng))
    scale = np.sqrt(2 * frequencies * (1 - frequencies))
    return pd.DataFrame(
        {
            "chromosome": here["chromosome"],
            "base_pair_location": here["position"],
            "effect_allele": here["effect_allele"],
            "other_allele": here["other_allele"],
            "beta": np.concatenate([part.beta for part in parts]) / scale,
            "standard_error": np.concatenate([part.se for part in parts]) / scale,
            "effect_allele_frequency": frequencies,
        }
    )


def measure(folder):
    """Run the chain here and print what it took, as json."""
    folder, seconds = Path(folder), dict.fromkeys(STAGES, 0.0)
    last = [time.process_time()]

    def stored(stage, unit):
        now = time.process_time()
        seconds[stage] += now - last[0]
        last[0] = now

    begin = time.process_time()
    result = run_pipeline(
        {"trait": TraitFile(folder / "trait.tsv", N_PEOPLE)},
        folder / "panel",
        folder / "genes.tsv",
        folder / "results",
        PipelineOptions(),
        on_result=stored,
    )
    total = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kept = int(result.report.loc[result.report["used"], "rows"].sum())
    n_blocks = sum(stage == "shrink" for stage, _ in result.computed)
    print(
        json.dumps(
            {
                "seconds": total,
                "peak_mb": peak,
                "kept": kept,
                "n_blocks": n_blocks,
                "n_genes": len(result.genes),
                "times": seconds,
            }
        )
    )


def row_of(n_variants, **sizes):
    """Write files of one size, run the chain in a process of its own, and make a row of it."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), n_variants, **sizes)
        done = subprocess.run(
            [sys.executable, __file__, "--measure", folder],
            check=True,
            capture_output=True,
            text=True,
        )
    found = json.loads(done.stdout)
    row = {"variants": n_variants, "blocks": found["n_blocks"], "genes": found["n_genes"]}
    row |= {"seconds": f"{found['seconds']:.1f}", "peak_mb": f"{found['peak_mb']:.0f}"}
    row |= {
        "variants_per_second": f"{found['kept'] / found['seconds']:.0f}",
        "genes_per_second": f"{found['n_genes'] / found['times']['genes']:.0f}",
    }
    row |= {f"seconds_{stage}": f"{found['times'][stage]:.1f}" for stage in STAGES}
    return row | {"kept": found["kept"], "blas": blas_name()}


def main():
    if "--measure" in sys.argv:
        measure(sys.argv[-1])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    asked = parser.parse_args()
    if asked.quick:
        print(row_of(4_000, chromosome=2_000, repeated=2_000))
        return
    table = pd.read_csv(TABLE, dtype=str) if TABLE.is_file() else pd.DataFrame({"variants": []})
    for size in asked.sizes:
        if str(size) in set(table["variants"]):
            continue
        table = pd.concat([table, pd.DataFrame([row_of(size)]).astype(str)], ignore_index=True)
        table.to_csv(TABLE, index=False, lineterminator="\n")
        print(table.to_string())


if __name__ == "__main__":
    main()
