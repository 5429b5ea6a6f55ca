"""What a converted data set is kept as: one table, or a set of arrays."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

# Stands for a missing value where a type of integers has none.
MISSING = -1


@dataclass(frozen=True)
class Column:
    """A column of a converted table.

    Attributes
    ----------
    name, dtype : str
        As in the table; dtype is "str", "int64" or "float64".
    meaning : str
        What it holds, with its unit.
    missing : int
        Rows without a value.
    """

    name: str
    dtype: str
    meaning: str
    missing: int = 0


@dataclass(frozen=True)
class Array:
    """An array of a converted set.

    Attributes
    ----------
    name : str
        As in the set.
    dtype : str
        "str", or the name of a numpy type of numbers.
    shape : tuple of int
        Its size along each axis.
    meaning : str
        What it holds, with its unit.
    missing : int
        Entries without a value: NaN, or -1 where dtype is an integer with a sign.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    meaning: str
    missing: int = 0


@dataclass(frozen=True)
class Table:
    """A pandas table, kept as gzip-compressed csv.

    Attributes
    ----------
    rows : int
        Number of rows.
    columns : tuple of Column
        The columns, in order.
    """

    rows: int
    columns: tuple[Column, ...]

    suffix = ".csv.gz"

    @property
    def size(self) -> str:
        """How much it holds, in words."""
        return f"{self.rows:,} rows x {len(self.columns)} columns"

    def check(self, content: pd.DataFrame) -> None:
        """Raise ValueError unless columns, rows and missing values are as stated."""
        names = [column.name for column in self.columns]
        if list(content.columns) != names:
            raise ValueError(f"got the columns {list(content.columns)}; expected {names}")
        if len(content) != self.rows:
            raise ValueError(f"got {len(content):,} rows; expected {self.rows:,}")
        for column in self.columns:
            found = int(content[column.name].isna().sum())
            _check_missing(f"column {column.name}", found, column.missing)

    def serialise(self, content: pd.DataFrame) -> bytes:
        """Bytes of the table."""
        buffer = io.BytesIO()
        # Without the time of writing, equal tables are equal bytes.
        compression = {"method": "gzip", "compresslevel": 6, "mtime": 0}
        content.to_csv(buffer, index=False, lineterminator="\n", compression=compression)
        return buffer.getvalue()

    def parse(self, path: Path) -> pd.DataFrame:
        """The table, each column of its type."""
        # As text first: a variety may be called "NA" or "007", and pandas reads decimal numbers
        # to the last digit in some of its versions only.
        text = pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.DataFrame({c.name: _typed(text[c.name], c.dtype) for c in self.columns})


@dataclass(frozen=True)
class Arrays:
    """Named numpy arrays, kept as a compressed npz file without pickles.

    Attributes
    ----------
    arrays : tuple of Array
        The arrays, in order.
    """

    arrays: tuple[Array, ...]

    suffix = ".npz"

    @property
    def size(self) -> str:
        """How much it holds, in words."""
        shapes = (" x ".join(f"{n:,}" for n in array.shape) for array in self.arrays)
        named = zip(self.arrays, shapes, strict=True)
        return ", ".join(f"{array.name} [{shape}]" for array, shape in named)

    def check(self, content: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless names, shapes, types and missing values are as stated."""
        names = [array.name for array in self.arrays]
        if list(content) != names:
            raise ValueError(f"got the arrays {list(content)}; expected {names}")
        for array in self.arrays:
            got = content[array.name]
            kind = "str" if got.dtype.kind == "U" else got.dtype.name
            if (kind, got.shape) != (array.dtype, array.shape):
                raise ValueError(
                    f"array {array.name}: got {kind} of shape {got.shape}; expected "
                    f"{array.dtype} of shape {array.shape}"
                )
            _check_missing(f"array {array.name}", _count_missing(got), array.missing)

    def serialise(self, content: Mapping[str, np.ndarray]) -> bytes:
        """Bytes of the arrays."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **content)
        return buffer.getvalue()

    def parse(self, path: Path) -> dict[str, np.ndarray]:
        """The arrays by name."""
        with np.load(path, allow_pickle=False) as kept:
            return {array.name: kept[array.name] for array in self.arrays}


def _typed(text: pd.Series, dtype: str) -> pd.Series | np.ndarray:
    if dtype == "str":
        return text
    if dtype == "float64":
        text = text.replace("", "nan")
    return text.to_numpy(dtype=object).astype(dtype)


def _count_missing(array: np.ndarray) -> int:
    if array.dtype.kind == "f":
        return int(np.isnan(array).sum())
    return int((array == MISSING).sum()) if array.dtype.kind == "i" else 0


def _check_missing(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"{what}: got {found:,} missing values; expected {expected:,}")
