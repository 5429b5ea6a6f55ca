"""What every benchmark script needs: one switch, one table, and the name of the BLAS."""

import argparse
import csv

from threadpoolctl import threadpool_info


def blas_name():
    """Names and versions of the BLAS libraries that NumPy and SciPy loaded, as one text."""
    libraries = {
        f"{library['internal_api']} {library['version']}"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return ", ".join(sorted(libraries)) or "unknown BLAS"


def asked_to_be_quick(description, arguments=None):
    """Whether a script was called with ``--quick``.

    Parameters
    ----------
    description : str
        The script's docstring; its first line stands in the help.
    arguments : list of str, optional
        Default: those of the command line.

    Returns
    -------
    bool
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written")
    return parser.parse_args(arguments).quick


def run_table(path, columns, rows, *, quick):
    """Print rows as they come under their columns, then write them.

    Parameters
    ----------
    path : Path
        Table to write, if not quick. Nothing is written before the last row is there.
    columns : sequence of str
    rows : iterable of dict
        What a row lacks stays empty.
    quick : bool

    Returns
    -------
    list of dict
    """
    print("  ".join(columns))
    done = []
    for row in rows:
        done.append(row)
        print("  ".join(f"{row.get(name, '')!s:>{len(name)}}" for name in columns), flush=True)
    if not quick:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(done)
    return done
