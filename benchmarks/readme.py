"""Tables of the README's performance section, from the tables that the benchmarks wrote.

Run as ``python benchmarks/readme.py`` after the others (``make bench`` does); a test holds
README.md to what it writes.
"""

import csv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows_of(name):
    """Rows of a benchmark's table."""
    with open(ROOT / "benchmarks" / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(header, lines):
    """A Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def em_table():
    """EM against scikit-learn: one line for each number of samples."""
    header = [
        "samples",
        "gitools, s",
        "scikit-learn, s",
        "ratio",
        "gitools, MB",
        "scikit-learn, MB",
    ]
    return table(
        header,
        [
            [
                f"{int(row['n']):,}",
                row["seconds_ours"],
                row["seconds_sklearn"],
                row["time_ratio"],
                row["peak_mb_ours"],
                row["peak_mb_sklearn"],
            ]
            for row in rows_of("em")
        ],
    )


def against(name, peer, keys, peer_seconds):
    """Seconds of gitools and of a peer: one line for each row of a benchmark's table."""
    return table(
        [*keys, "gitools, s", f"{peer}, s", "ratio"],
        [
            [row[key] for key in keys] + [row["seconds_ours"], row[peer_seconds], row["time_ratio"]]
            for row in rows_of(name)
        ],
    )


def marginal_regression_table():
    """Marginal regression against a loop over linregress."""
    return against("marginal_regression", "linregress loop", ["n", "p"], "seconds_linregress")


def mixed_model_table():
    """The mixed-model scan beside GEMMA and a search on the dense likelihood."""
    keys = ["method", "seconds", "ratio", "worst_error", "peak_mb"]
    lines = [
        [row["data"], f"{int(row['n']):,} × {int(row['p']):,}", *(row[key] or "–" for key in keys)]
        for row in rows_of("mixed_model")
    ]
    header = ["data", "people × variants", "method", "s", "ratio", "worst error", "MB"]
    return table(header, lines)


def coordinate_descent_table():
    """Elastic net on summary statistics against scikit-learn's Gram path."""
    keys = ["p", "l1_ratio", "within"]
    return against("coordinate_descent", "scikit-learn", keys, "seconds_sklearn")


def susie_table():
    """SuSiE against susieR."""
    lines = [
        [
            f"{row['n']} × {row['p']}",
            row["seconds_ours"],
            row["seconds_susier"],
            row["time_ratio"],
            row["elbo_difference"],
        ]
        for row in rows_of("susie")
    ]
    header = ["people × variants", "gitools, s", "susieR, s", "ratio", "ELBO, ours − theirs"]
    return table(header, lines)


def gibbs_table():
    """Sampled and variational spike-and-slab beside the oracle."""
    lines = [
        [
            row["p"],
            row["method"],
            row["seconds"],
            f"{row['relative_error']} ({row['error_low']} to {row['error_high']})",
        ]
        for row in rows_of("gibbs")
        if row["method"] != "truth"
    ]
    return table(["variants", "method", "seconds a locus", "error, oracle = 1"], lines)


def gene_p_values_table():
    """Tails of weighted chi-square sums against 40-digit values."""
    lines = [
        [row["method"], row["genes_per_second"] or "–"]
        + [row[f"error_to_1e-{k}"] for k in (4, 8, 12)]
        for row in rows_of("gene_p_values")
    ]
    return table(["method", "genes a second", "error to 1e-4", "to 1e-8", "to 1e-12"], lines)


def dirichlet_process_table():
    """The zero-mean Dirichlet-process mixture against BayesianGaussianMixture."""
    keys = ["seconds_ours", "seconds_sklearn", "time_ratio", "peak_mb_ours", "peak_mb_sklearn"]
    lines = [
        [f"{int(row['n']):,} × {row['traits']}", *(row[key] or "–" for key in keys)]
        for row in rows_of("dirichlet_process")
    ]
    peer = "scikit-learn"
    units = ["gitools, s", f"{peer}, s", "ratio", "gitools, MB", f"{peer}, MB"]
    return table(["variants × traits", *units], lines)


def neural_speed_table():
    """Neural shrinkage at use beside other methods on the same blocks."""
    keys = ["variants", "blocks", "seconds", "megabytes"]
    lines = [[row["method"], *(row[key] for key in keys)] for row in rows_of("neural_speed")]
    return table(["method", "variants", "blocks", "seconds", "MB"], lines)


def principal_components_table():
    """Principal components against scikit-learn's randomised solver."""
    keys = ["method", "data", "n", "p", "seconds", "time_ratio", "peak_mb", "worst_angle"]
    header = ["method", "data", "n", "p", "seconds", "ratio", "MB", "worst angle, degrees"]
    return table(header, [[row[key] for key in keys] for row in rows_of("principal_components")])


def hidden_markov_table():
    """Baum-Welch against hmmlearn's."""
    keys = ["features", "seconds_ours", "seconds_hmmlearn", "time_ratio"]
    lines = [
        [row["chains"], f"{int(row['positions']):,}", *(row[key] for key in keys)]
        for row in rows_of("hidden_markov")
    ]
    return table(["chains", "positions", "features", "gitools, s", "hmmlearn, s", "ratio"], lines)


def galiana_step_table():
    """A training step with each distinct gene computed once, against the plain model."""
    keys = ["batch", "distinct_share", "seconds_ours", "seconds_plain", "time_ratio"]
    lines = [[row[key] for key in keys] for row in rows_of("galiana_step")]
    return table(["batch", "distinct share", "gitools, s", "plain, s", "ratio"], lines)


def sparse_layer_table():
    """The sparse layer beside a dense one with a mask, at the size of a genome."""
    keys = ["method", "milliseconds", "time_ratio", "peak_mb", "memory_ratio"]
    lines = [[f"{int(row['edges']):,}", *(row[k] for k in keys)] for row in rows_of("sparse_layer")]
    return table(["edges", "method", "ms", "ratio", "MB", "ratio of memory"], lines)


def folds_together_table():
    """Networks trained side by side against the same ones trained one after the other."""
    keys = ["plants", "genes", "networks", "together_s", "apart_s", "ratio"]
    lines = [[row[key] for key in keys] for row in rows_of("folds_together")]
    header = ["plants", "genes", "networks", "side by side, s", "one by one, s", "ratio"]
    return table(header, lines)


def pipeline_table():
    """The chain on files of growing size."""
    keys = ["blocks", "genes", "seconds", "peak_mb", "variants_per_second", "genes_per_second"]
    lines = [
        [f"{int(row['variants']):,}", *(row[key] for key in keys)] for row in rows_of("pipeline")
    ]
    units = ["seconds", "peak MB", "variants a second", "genes a second"]
    return table(["variants", "blocks", "genes", *units], lines)


def notebooks_table():
    """Seconds of notebooks and of make book."""
    lines = [[f"`{row['what']}`", row["seconds"]] for row in rows_of("notebooks")]
    return table(["what", "seconds"], lines)


TABLES = {
    "em": em_table,
    "marginal_regression": marginal_regression_table,
    "mixed_model": mixed_model_table,
    "coordinate_descent": coordinate_descent_table,
    "susie": susie_table,
    "gibbs": gibbs_table,
    "gene_p_values": gene_p_values_table,
    "dirichlet_process": dirichlet_process_table,
    "neural_speed": neural_speed_table,
    "principal_components": principal_components_table,
    "hidden_markov": hidden_markov_table,
    "galiana_step": galiana_step_table,
    "sparse_layer": sparse_layer_table,
    "folds_together": folds_together_table,
    "pipeline": pipeline_table,
    "notebooks": notebooks_table,
}


def with_tables(text):
    """The README's text, with what stands between its table marks written anew.

    Raises
    ------
    ValueError
        If the text lacks the marks of a table.
    """
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}.csv -->\n", f"\n<!-- end of {name}.csv -->"
        before, mark, rest = text.partition(begin)
        _, end_mark, after = rest.partition(end)
        if not (mark and end_mark):
            raise ValueError(f"text: expected the marks {begin.strip()} and {end.strip()}")
        text = before + begin + make() + end + after
    return text


def main():
    path = ROOT / "README.md"
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
