"""Claims of the sources and of the book, each with the range that its measured value must be in."""

import math
from pathlib import Path

import nbformat
import yaml

from gitools.book.glue import _display, _formatted, glued
from gitools.book.root import chapters, find_root

SOURCES = ("gmm-tutorial", "ml-mages-abstract", "ml-mages-method", "ionome-paper", "ours")
VERDICTS = (
    "reproduced",
    "holds in simulation",
    "partly",
    "differs",
    "not testable here",
    "open",
)
_FIELDS = ("id", "source", "says", "range", "because", "chapter", "verdict", "why")
_OPTIONAL = ("found",)


class ClaimError(AssertionError):
    """A measured value is outside the range that its claim accepts."""


def load_claims(path: str | Path) -> list[dict]:
    """Read and validate a ledger of claims.

    Parameters
    ----------
    path : path
        A YAML file: a list of entries with the keys ``id``, ``source``, ``says`` (the claim in
        short), ``range`` ([low, high], null for an open end), ``because`` (where the range comes
        from), ``chapter``, ``verdict`` and ``why``. A claim that the measurement went against
        keeps its range and gets ``found``: the range in which the value was then seen to be.

    Returns
    -------
    list of dict
        The entries, in the file's order.

    Raises
    ------
    ValueError
        If the file is no list of entries, or an entry lacks a key, has an unknown one, repeats
        an id, has a range, source or verdict that does not exist, or has ``found`` with a
        verdict other than "differs" or "partly".
    """
    entries = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path}: got {entries!r}, expected a list of entries with keys")
    seen = set()
    for entry in entries:
        odd = sorted((set(entry) - set(_OPTIONAL)) ^ set(_FIELDS), key=str)
        if odd:
            raise ValueError(f"{path}: claim {entry.get('id')!r}: missing or unknown keys {odd}")
        if entry["id"] in seen:
            raise ValueError(f"{path}: claim {entry['id']!r} stands twice")
        seen.add(entry["id"])
        for key, allowed in (("source", SOURCES), ("verdict", VERDICTS)):
            if entry[key] not in allowed:
                raise ValueError(
                    f"{path}: claim {entry['id']!r}: {key} is {entry[key]!r}, "
                    f"expected one of {', '.join(allowed)}"
                )
        if entry["verdict"] != "not testable here":
            _check_range(path, entry, "range")
        if "found" in entry:
            _check_range(path, entry, "found")
            if entry["verdict"] not in ("differs", "partly"):
                raise ValueError(
                    f"{path}: claim {entry['id']!r}: found is for the verdicts differs and partly, "
                    f"not for {entry['verdict']!r}"
                )
    return entries


def _check_range(path, entry, key) -> None:
    bounds = entry[key]
    numbers = [b for b in bounds if b is not None] if isinstance(bounds, list) else []
    fits = (
        isinstance(bounds, list)
        and len(bounds) == 2
        and all(isinstance(b, int | float) and math.isfinite(b) for b in numbers)
        and 1 <= len(numbers)
        and numbers == sorted(numbers)
    )
    if not fits:
        raise ValueError(
            f"{path}: claim {entry['id']!r}: {key} is {bounds!r}, "
            "expected [low, high] with null for one open end"
        )


def is_within(entry: dict, value: float) -> bool:
    """Whether `value` is where the claim `entry` expects it (never for NaN).

    That is its closed range; where the ledger says that the measurement went against the claim,
    the range ``found``.
    """
    low, high = entry.get("found", entry["range"])
    return (low is None or low <= value) and (high is None or value <= high) and value == value


def as_number(text: str) -> float:
    """Number behind a formatted text such as ``"1,234"`` or ``"12.5%"``."""
    text = text.replace(",", "")
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def claim(id: str, value: float, fmt: str = ".3g") -> None:
    """Hold a measured value against the ledger, and glue it under the claim's id.

    Parameters
    ----------
    id : str
        Id of an entry of ``book/claims.yml``.
    value : float
        What was measured. It is judged as printed, in the digits of `fmt`.
    fmt : str
        Format specification.

    Raises
    ------
    ValueError
        If the ledger has no such claim, or one that says "not testable here", or if `value` is
        not a finite number in the format `fmt`.
    ClaimError
        If the value is outside the accepted range.
    """
    entries = {e["id"]: e for e in load_claims(find_root() / "book" / "claims.yml")}
    if id not in entries:
        raise ValueError(f"id: got {id!r}, expected one of {', '.join(sorted(entries))}")
    entry = entries[id]
    if entry["verdict"] == "not testable here":
        raise ValueError(f"id: {id!r} is not testable here, so it takes no value")
    text = _formatted(id, value, fmt)
    try:
        measured = as_number(text)
    except ValueError as error:
        raise ValueError(f"value: got {text!r} for {id}, expected a number") from error
    if not is_within(entry, measured):
        expected = entry.get("found", entry["range"])
        raise ClaimError(f"{id}: {text} is outside {expected} ({entry['because']})")
    _display(id, text, gitools={"claim": id})


def claimed(notebook) -> dict[str, str]:
    """Measured values of the claims that an executed notebook makes: id to formatted text."""
    ids = {
        output["metadata"]["gitools"]["claim"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "claim" in output.get("metadata", {}).get("gitools", {})
    }
    return {name: text for name, text in glued(notebook).items() if name in ids}


def ledger_rows(root: str | Path) -> list[dict]:
    """Rows of the ledger page: each claim with the value that its chapter measured.

    Parameters
    ----------
    root : path
        The book's folder.

    Returns
    -------
    list of dict
        The fields of each claim, with ``low`` and ``high`` in place of ``range``, and ``value``:
        the formatted text, or None where no chapter measured one.
    """
    root = Path(root)
    values = {}
    for path in chapters(root):
        values |= claimed(nbformat.read(path, as_version=4))
    rows = []
    for entry in load_claims(root / "book" / "claims.yml"):
        low, high = entry["range"] or (None, None)
        row = {key: entry[key] for key in _FIELDS if key != "range"}
        rows.append(row | {"low": low, "high": high, "value": values.get(entry["id"])})
    return rows
