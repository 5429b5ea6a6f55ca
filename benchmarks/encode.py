"""Encoding a VCF of many plants: variants a second and memory, for more variants and more plants.

Run as ``python benchmarks/encode.py`` (``--quick`` for small sizes, nothing written). Each file is
encoded in a process of its own. Columns: plants, variants; cpu_seconds and variants_a_second of
`gitools.genomes.encode.encode`, annotations read from the file included; peak_mb of the whole
process, and growth_mb: the peak less what the process held before it began to encode.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.book.bench import asked_to_be_quick, run_table

COLUMNS = ("plants", "variants", "cpu_seconds", "variants_a_second", "peak_mb", "growth_mb")
SIZES = ((1135, 2_000), (1135, 6_000), (1135, 20_000), (400, 6_000), (100, 6_000))
_A_GENE, _GENES = 20, 27_655
_TERMS = ("missense_variant", "intron_variant", "upstream_gene_variant", "stop_gained")
_MEGA = 1e6

_WORKER = """
import json, resource, sys, time
import pandas as pd
from gitools.genomes.encode import encode
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
genes = pd.read_csv(sys.argv[2])
before, start = peak(), time.process_time()
tensor = encode(sys.argv[1], sys.argv[3], genes)
print(json.dumps([time.process_time() - start, peak(), peak() - before, tensor.report["sites"]]))
"""


def write_file(path, n_plants, n_variants, rng) -> None:
    """A VCF of inbred plants with snpEff's annotations, twenty variants a gene."""
    samples = "\t".join(f"p{i}" for i in range(n_plants))
    with open(path, "w", encoding="utf-8") as file:
        file.write("##fileformat=VCFv4.2\n##contig=<ID=1>\n##INFO=<ID=ANN,Number=.,Type=String,")
        file.write('Description="effects">\n##FORMAT=<ID=GT,Number=1,Type=String,')
        file.write('Description="Genotype">\n')
        file.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n")
        words = np.array(["0|0", "1|1", "./."])
        for v in range(n_variants):
            share = rng.beta(0.3, 3)
            calls = (rng.random(n_plants) < share) * 1
            calls[rng.random(n_plants) < 0.05] = 2
            gene, term = f"g{v // _A_GENE}", _TERMS[rng.integers(len(_TERMS))]
            told = f"T|{term}|LOW|{gene}|{gene}|transcript|{gene}.1|protein_coding|1/1|||||||"
            line = f"1\t{1_000 * (v // _A_GENE) + 10 * (v % _A_GENE) + 1}\t.\tC\tT\t40\tPASS"
            file.write(f"{line}\tANN={told}\tGT\t" + "\t".join(words[calls]) + "\n")


def write_genes(path, n_genes) -> None:
    """Genes a thousand base pairs apart."""
    starts = 1 + 1_000 * np.arange(n_genes)
    table = {"gene_id": [f"g{g}" for g in range(n_genes)], "chromosome": 1, "start": starts}
    pd.DataFrame(table | {"end": starts + 500, "strand": "+"}).to_csv(path, index=False)


def rows(sizes, n_genes):
    """One row for each size."""
    for n_plants, n_variants in sizes:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("calls.vcf", "genes.csv", "tensor")]
            write_file(paths[0], n_plants, n_variants, np.random.default_rng([52, 200]))
            write_genes(paths[1], n_genes)
            command = [sys.executable, "-c", _WORKER, *map(str, paths)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, peak, growth, sites = json.loads(told.splitlines()[-1])
        yield {
            "plants": n_plants,
            "variants": sites,
            "cpu_seconds": f"{seconds:.2f}",
            "variants_a_second": f"{sites / seconds:.0f}",
            "peak_mb": f"{peak / _MEGA:.0f}",
            "growth_mb": f"{growth / _MEGA:.1f}",
        }


if __name__ == "__main__":
    if asked_to_be_quick(__doc__):
        run_table(None, COLUMNS, rows(((50, 300),), 500), quick=True)
    else:
        run_table(Path(__file__).with_suffix(".csv"), COLUMNS, rows(SIZES, _GENES), quick=False)
