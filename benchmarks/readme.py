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


def notebooks_table():
    """Seconds of notebooks and of make book."""
    lines = [[f"`{row['what']}`", row["seconds"]] for row in rows_of("notebooks")]
    return table(["what", "seconds"], lines)


TABLES = {"em": em_table, "notebooks": notebooks_table}


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
