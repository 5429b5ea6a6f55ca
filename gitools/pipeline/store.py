"""Results on disk: each is written whole or not at all, and carries what it was made from.

A fingerprint is a hash of the stage's name, its options, and the fingerprints of what it read. A
result is used again only if its fingerprint is the one expected; otherwise it is made anew.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# Raised whenever a stage computes or stores something else from the same input.
VERSION = 1
_KEY = b"gitools_fingerprint"
_FIELD = "gitools_fingerprint"
_TEMPORARY = ".unfinished-"
_SAMPLE_BYTES = 2**20


def fingerprint(stage: str, inputs, **options) -> str:
    """Hash of everything that a result depends on.

    Parameters
    ----------
    stage : str
    inputs : sequence of str
        Fingerprints of what the stage reads.
    **options
        Numbers, texts, and lists or dicts of them.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    content = json.dumps([VERSION, stage, list(inputs), options], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def file_fingerprint(path) -> str:
    """Hash of a file's name, size, time of change, and its first and last megabyte.

    A panel of many gigabytes is thus not read as a whole for it.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
    """
    path = Path(path)
    about = path.stat()
    digest = hashlib.sha256(f"{path.name} {about.st_size} {about.st_mtime_ns}".encode())
    with open(path, "rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        file.seek(max(0, about.st_size - _SAMPLE_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def write_table(path, table: pd.DataFrame, mark: str) -> None:
    """Write a table as parquet, whole or not at all.

    Parameters
    ----------
    path : path
    table : DataFrame
    mark : str
        Its fingerprint.
    """
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), _KEY: mark.encode()})
    _write(path, lambda temporary: pq.write_table(arrow, temporary))


def write_arrays(path, arrays: dict, mark: str) -> None:
    """Write arrays as npz, whole or not at all; see `write_table`."""
    marked = {**arrays, _FIELD: np.array(mark)}

    def write(temporary):
        with open(temporary, "wb") as file:
            np.savez(file, **marked)

    _write(path, write)


def read_table(path) -> pd.DataFrame:
    """Read a table that `write_table` wrote."""
    return pq.read_table(path, use_threads=False).to_pandas()


def read_arrays(path) -> dict:
    """Read arrays that `write_arrays` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if name != _FIELD}


def is_current(path, mark: str) -> bool:
    """Whether a result is there, readable, and has this fingerprint.

    Parameters
    ----------
    path : path
        A parquet or npz file.
    mark : str

    Returns
    -------
    bool
    """
    path = Path(path)
    if not path.is_file():
        return False
    try:
        if path.suffix == ".parquet":
            return (pq.read_schema(path).metadata or {}).get(_KEY) == mark.encode()
        with np.load(path, allow_pickle=False) as stored:
            return str(stored[_FIELD]) == mark
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return False


def clear_unfinished(folder) -> None:
    """Remove what a killed run left half-written.

    Parameters
    ----------
    folder : path
    """
    for leftover in Path(folder).rglob(f"{_TEMPORARY}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def write_folder(path, fill: Callable) -> None:
    """Make a folder of several files appear all at once.

    Parameters
    ----------
    path : path
        An older folder of this name is replaced.
    fill : callable
        ``fill(folder)`` writes into a temporary folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=path.parent))
    try:
        fill(temporary)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(path, write):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        write(temporary)
        _to_disk(temporary)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _to_disk(path):
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
