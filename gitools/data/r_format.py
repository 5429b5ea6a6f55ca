"""Tables in R's own binary format (XDR), read column by column.

The package rdata reads any R object; for a table of 400,000 rows it takes minutes and gigabytes.
This reader knows vectors, lists and their attributes, which is all that a table is made of.
"""

import bz2
import gzip
import lzma
import struct
from pathlib import Path

import numpy as np

_OPENERS = {b"\x1f\x8b": gzip, b"BZ": bz2, b"\xfd7": lzma}
_NULL, _REFERENCE, _SYMBOL, _PAIRS, _CHARACTERS = 254, 255, 1, 2, 9
_LOGICAL, _INTEGER, _REAL, _STRINGS, _LIST = 10, 13, 14, 16, 19
_NUMBERS = {_LOGICAL: ">i4", _INTEGER: ">i4", _REAL: ">f8"}


class RVector:
    """A vector or list with its attributes.

    Attributes
    ----------
    values : ndarray or list
        Numbers as an array (an integer NA is -2**31); strings as a list of bytes, None for NA;
        a list as a list of vectors.
    attributes : dict of str to RVector
        Such as "names" and "dim".
    """

    def __init__(self, values, attributes):
        self.values = values
        self.attributes = attributes

    def named(self) -> dict[str, "RVector"]:
        """Entries of a list or data frame by name."""
        names = self.attributes["names"].values
        return {n.decode(): value for n, value in zip(names, self.values, strict=True)}


def read_r_file(path: Path):
    """Read an .rds file, or the first object of an .rda file.

    Parameters
    ----------
    path : Path
        The file, plain or compressed by gzip, bzip2 or xz.

    Returns
    -------
    RVector

    Raises
    ------
    ValueError
        If the file is not in R's XDR format, or holds what is neither vector nor list.
    """
    content = Path(path).read_bytes()
    opener = _OPENERS.get(content[:2])
    content = content if opener is None else opener.decompress(content)
    at = 5 if content[:5] in (b"RDX2\n", b"RDX3\n") else 0
    if content[at : at + 2] != b"X\n":
        raise ValueError(f"path: {path} is not in R's binary (XDR) format")
    try:
        read = _Reader(content, at + 2).item()
    except (struct.error, IndexError) as error:
        raise ValueError(f"path: {path} ends in the middle of an object") from error
    return read[0][1] if at else read


class _Reader:
    def __init__(self, content, at):
        self.content = content
        self.symbols = []
        version = self._int_at(at)
        self.at = at + 12
        if version == 3:
            self.at += 4 + self._int_at(self.at)

    def item(self):
        flags = self._int()
        kind = flags & 255
        if kind == _NULL:
            return None
        if kind == _REFERENCE:
            return self.symbols[(flags >> 8) - 1]
        if kind == _SYMBOL:
            self.symbols.append(self.item().decode())
            return self.symbols[-1]
        if kind == _CHARACTERS:
            return self._characters()
        if kind == _PAIRS:
            return self._pairs(flags)
        values = self._values(kind)
        attributes = self.item() if flags & 0x200 else None
        return RVector(values, dict(attributes or ()))

    def _values(self, kind):
        if kind in _NUMBERS:
            n, dtype = self._int(), np.dtype(_NUMBERS[kind])
            if self.at + n * dtype.itemsize > len(self.content):
                raise IndexError("numbers beyond the end")
            values = np.frombuffer(self.content, dtype, n, self.at)
            self.at += n * dtype.itemsize
            return values.astype(dtype.newbyteorder("="))
        if kind == _STRINGS:
            return self._strings(self._int())
        if kind == _LIST:
            return [self.item() for _ in range(self._int())]
        raise ValueError(f"path: holds an R object of type {kind}; expected vectors and lists")

    def _strings(self, n):
        # The loop that takes the time: one pass over local names.
        content, at, length = self.content, self.at, struct.Struct(">i").unpack_from
        values = []
        for _ in range(n):
            size = length(content, at + 4)[0]
            at += 8
            if size < 0:
                values.append(None)
            else:
                values.append(content[at : at + size])
                at += size
        self.at = at
        return values

    def _pairs(self, flags):
        pairs = []
        while flags & 255 == _PAIRS:
            if flags & 0x200:
                self.item()
            tag = self.item() if flags & 0x400 else None
            pairs.append((tag, self.item()))
            flags = self._int()
        return pairs

    def _characters(self):
        size = self._int()
        if size < 0:
            return None
        self.at += size
        return self.content[self.at - size : self.at]

    def _int(self):
        self.at += 4
        return self._int_at(self.at - 4)

    def _int_at(self, at):
        return struct.unpack_from(">i", self.content, at)[0]
