"""Seconds of each notebook, alone on one core, and of ``make book`` warm and cold.

All runs in a temporary copy of the book, with the packages of the Python that runs this script;
the committed notebooks are not touched. Warm: no notebook is stale, nothing is rendered yet, as
after the installation. Cold: every notebook is stale as well. Run as
``python benchmarks/notebooks.py``; it prints one table and writes it to benchmarks/notebooks.csv.
``--quick`` lists what would run. Notebooks whose data are not here are left out, and named. With
names of notebooks only those are timed alone again, and the others keep their rows.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
from tqdm import tqdm

from gitools.book.root import chapters
from gitools.book.runner import execute, kernel_environment
from gitools.data import available

ROOT = Path(__file__).parents[1]
COLUMNS = ("what", "seconds")
WARM, COLD = "make book (nothing stale)", "make book (all notebooks stale)"
NOT_COPIED = (".git", ".venv", "_build", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")


def missing_data(path):
    """Names of the data sets that a notebook needs and that are not here."""
    metadata = nbformat.read(path, as_version=4).metadata
    return [
        name for name in metadata.get("gitools", {}).get("needs_data", []) if not available(name)
    ]


@contextmanager
def one_core():
    """Keep this process, and the kernels it starts, on one core where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def make_stale(path):
    """Remove the stamp of a notebook."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.get("gitools", {}).pop("stamp", None)
    nbformat.write(notebook, path)


def seconds_of_make(book):
    """Seconds that ``make book`` takes in the folder `book`, rendering all of it."""
    shutil.rmtree(book / "_build", ignore_errors=True)
    venv = Path(sys.prefix)
    # The packages are those of this Python: make must not install them anew.
    command = ["make", f"VENV={venv}", "-o", f"{venv}/.ready", "book"]
    # Under `make bench` a nested make would take over the outer one's settings.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    begin = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=book,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"make book failed:\n{done.stdout[-3000:]}")
    return time.perf_counter() - begin


def measure(book, paths, alone, bar):
    """Seconds by what was measured, from the copy `book` of the project.

    Of the notebooks `paths` those of the names `alone` are timed alone.
    """
    rows = []
    for path in paths:
        if path.stem not in alone:
            continue
        bar.set_description(path.stem)
        with kernel_environment(), one_core():
            rows.append((path.stem, execute(path, book)))
        bar.update()
    bar.set_description(WARM)
    rows.append((WARM, seconds_of_make(book)))
    bar.update()
    bar.set_description(COLD)
    for path in paths:
        make_stale(path)
    rows.append((COLD, seconds_of_make(book)))
    bar.update()
    return {what: f"{taken:.0f}" for what, taken in rows}


def earlier():
    """Seconds by what was measured, from the table as it is."""
    path = Path(__file__).with_suffix(".csv")
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {row["what"]: row["seconds"] for row in csv.DictReader(file)}


def show(rows):
    width = max(len(row["what"]) for row in rows)
    print(f"{COLUMNS[0]:<{width}}  {COLUMNS[1]}")
    for row in rows:
        print(f"{row['what']:<{width}}  {row['seconds']:>{len(COLUMNS[1])}}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="list what would run, run nothing")
    parser.add_argument("names", nargs="*", help="notebooks to time alone; all by default")
    options = parser.parse_args(arguments)
    quick = options.quick
    ready = []
    for path in chapters(ROOT):
        if missing := missing_data(path):
            print(f"{path.stem}: left out, {', '.join(missing)} is not here: make data")
        else:
            ready.append(path.relative_to(ROOT))
    everything = [*(path.stem for path in ready), WARM, COLD]
    alone = options.names or [path.stem for path in ready]
    if unknown := sorted(set(alone) - set(everything)):
        parser.error(f"names: got {', '.join(unknown)}, expected names of notebooks")
    if quick:
        rows = [{"what": what, "seconds": "-"} for what in everything]
        show(rows)
        return rows
    quiet = bool(os.environ.get("GITOOLS_QUIET"))
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(total=len(alone) + 2, disable=quiet, leave=False) as bar,
    ):
        book = Path(folder) / "book"
        shutil.copytree(ROOT, book, ignore=shutil.ignore_patterns(*NOT_COPIED))
        seconds = earlier() | measure(book, [book / path for path in ready], alone, bar)
    rows = [{"what": what, "seconds": seconds[what]} for what in everything if what in seconds]
    show(rows)
    with open(Path(__file__).with_suffix(".csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


if __name__ == "__main__":
    main()
