"""The shape of real edges from genes to terms, behind chapter 54.

    python benchmarks/sparse_biology_terms.py

MapMan is not at hand; Gene Ontology terms of 5 to 500 genes (a gene of a term also belongs to the
term's ancestors, so the sets overlap) stand in for it, on the 27,655 genes of the paper. Written to
benchmarks/sparse_biology_terms.csv: how many genes have how many terms and the reverse; the share
of pairs of genes that any path joins; and shares of pairs by the number of terms that the shortest
path passes, from 100 genes drawn at random. It needs the data of ``make data``.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra

from gitools.data import arabidopsis_gene_terms, arabidopsis_genes

TABLE = Path(__file__).with_suffix(".csv")
N_STARTS = 100


def shape_of(pairs, n_genes, n_terms, rng):
    """Rows (what, value, count)."""
    for side, size, name in ((0, n_genes, "terms of a gene"), (1, n_terms, "genes of a term")):
        degrees = np.bincount(pairs[:, side], minlength=size)
        for value, count in zip(*np.unique(degrees, return_counts=True), strict=True):
            yield name, int(value), int(count)
    places = (pairs[:, 0], n_genes + pairs[:, 1])
    total = n_genes + n_terms
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), places), shape=(total, total)).tocsr()
    part = connected_components(graph, directed=False)[1][:n_genes]
    sizes = np.bincount(part)
    yield "joined pairs", "", (sizes * (sizes - 1)).sum() / (n_genes * (n_genes - 1))
    starts = rng.choice(n_genes, N_STARTS, replace=False)
    steps = dijkstra(graph, directed=False, indices=starts, unweighted=True)[:, :n_genes] / 2
    steps = steps[steps > 0]
    for value in np.unique(steps[np.isfinite(steps)]):
        yield "terms passed", int(value), np.mean(steps == value)


def main():
    genes = arabidopsis_genes()["gene_id"].to_numpy()
    terms = arabidopsis_gene_terms(genes=genes)
    rng = np.random.default_rng([54, 40])
    rows = shape_of(terms.pairs, len(genes), len(terms.terms), rng)
    table = pd.DataFrame(rows, columns=["what", "value", "count"])
    table.to_csv(TABLE, index=False, float_format="%.4f", lineterminator="\n")
    print(table.groupby("what")["count"].sum())


if __name__ == "__main__":
    main()
