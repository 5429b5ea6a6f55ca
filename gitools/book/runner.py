"""Re-execute stale notebooks, two at a time: ``python -m gitools.book.runner``."""

import argparse
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from gitools.book.root import chapters, find_root
from gitools.book.stamps import is_stale, stamp_of
from gitools.data import available

# One thread and one backend, whatever the reader's shell says: results must not depend on it.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "GITOOLS_QUIET": "1",
    "PYTHONHASHSEED": "0",
}
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_CELL_TIMEOUT = 600
_AT_ONCE = 2
# What one notebook may fail with; the others run on.
_FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError, OSError, SyntaxError)


def execute(path: Path, root: Path) -> float:
    """Execute one notebook in place, and stamp it.

    The file is replaced only when every cell has run, so a failure leaves it as it was. What
    differs between two runs (times, versions of the kernel) is not stored.

    Parameters
    ----------
    path : Path
        The notebook.
    root : Path
        The book's folder.

    Returns
    -------
    float
        Seconds taken.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises; its text holds the cell and the traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=_CELL_TIMEOUT,
        kernel_name="python3",
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    _tidy(notebook)
    notebook.metadata.setdefault("gitools", {})["stamp"] = stamp_of(notebook, root)
    _write(notebook, path)
    return seconds


def _tidy(notebook) -> None:
    notebook.metadata.pop("language_info", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def _write(notebook, path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    os.close(handle)
    try:
        nbformat.write(notebook, name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def kernel_environment():
    """The kernels' environment, with the notice that ipykernel prints at its start silenced."""
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile_default"
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
        wanted = {**_ENVIRONMENT, "IPYTHONDIR": folder}
        before = {key: os.environ.get(key) for key in wanted}
        # Under this name every figure would vanish from the outputs.
        before["MPLBACKEND"] = os.environ.pop("MPLBACKEND", None)
        os.environ.update(wanted)
        try:
            yield
        finally:
            for key, value in before.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value


def stale_notebooks(root: Path, names: list[str] | None = None, force: bool = False):
    """Notebooks to execute and those that cannot be, each with the reason.

    Parameters
    ----------
    root : Path
        The book's folder.
    names : list of str, optional
        Only notebooks whose file name begins with one of these.
    force : bool
        Take fresh ones too.

    Returns
    -------
    todo, lacking : list of (Path, str)
        What to execute and why; what is stale but lacks data, and which.

    Raises
    ------
    ValueError
        If no notebook begins with one of the names.
    """
    stems = [path.stem for path in chapters(root)]
    for name in names or []:
        if not any(stem.startswith(name) for stem in stems):
            known = ", ".join(stems) or "none: there is no notebook"
            raise ValueError(f"names: got {name!r}, expected the beginning of one of {known}")
    todo, lacking = [], []
    for path in chapters(root):
        if names and not path.name.startswith(tuple(names)):
            continue
        notebook = nbformat.read(path, as_version=4)
        reason = _why_stale(notebook, root) or ("asked for" if force else None)
        if reason is None:
            continue
        needs = notebook.metadata.get("gitools", {}).get("needs_data", [])
        missing = [name for name in needs if not available(name)]
        if missing:
            lacking.append((path, f"{reason}, but {', '.join(missing)} is not here: make data"))
        else:
            todo.append((path, reason))
    return todo, lacking


def _why_stale(notebook, root: Path) -> str | None:
    try:
        return is_stale(notebook, root)
    except (FileNotFoundError, SyntaxError) as error:
        # Executing it then names the cell, or the file.
        return str(error)


def main(argv: list[str] | None = None) -> int:
    """Command line: execute what is stale; exit status 1 when a cell fails."""
    parser = argparse.ArgumentParser(prog="python -m gitools.book.runner", description=__doc__)
    parser.add_argument("names", nargs="*", help="only notebooks that begin so, for example 11")
    parser.add_argument("--force", action="store_true", help="execute fresh notebooks too")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    arguments = parser.parse_args(argv)
    root = find_root()
    try:
        todo, lacking = stale_notebooks(root, arguments.names, arguments.force)
    except ValueError as error:
        parser.error(str(error))
    for path, reason in lacking:
        print(f"{path.stem}: keeps its old outputs ({reason})")
    if arguments.check:
        for path, reason in todo:
            print(f"{path.stem}: stale ({reason})")
        return int(bool(todo))
    return _execute_all(todo, root)


def _execute_all(todo: list[tuple[Path, str]], root: Path) -> int:
    if not todo:
        print("Nothing to execute.")
        return 0
    first = " and ".join(path.stem for path, _ in todo[:_AT_ONCE])
    print(f"{len(todo)} of {len(chapters(root))} notebooks to execute; running {first}", flush=True)
    failed = 0
    with kernel_environment(), ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        running = {pool.submit(execute, path, root): (path, reason) for path, reason in todo}
        try:
            for done, future in enumerate(as_completed(running), start=1):
                path, reason = running[future]
                said, ok = _outcome(future)
                failed += not ok
                print(f"[{done}/{len(todo)}] {path.stem}: {reason}: {said}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    return int(failed > 0)


def _outcome(future) -> tuple[str, bool]:
    """What is said of a finished notebook, and whether all its cells ran."""
    try:
        return f"{future.result():.0f} s", True
    except _FAILURES as error:
        # A traceback is coloured, which a log file shows as noise.
        return f"FAILED\n{_COLOR.sub('', str(error))}", False


if __name__ == "__main__":
    sys.exit(main())
