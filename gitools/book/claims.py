"""Claims of the sources and of the book, each with the range that its measured value must be in."""

import math
from functools import lru_cache
from pathlib import Path

import yaml

from gitools.book.glue import _display, _formatted
from gitools.book.root import find_root

SOURCES = ("gmm-tutorial", "ml-mages-abstract", "ml-mages-method", "ionome-paper", "ours")
VERDICTS = (
    "reproduced",
    "holds in simulation",
    "partly",
    "differs",
    "not testable here",
    "open",
)
FIELDS = ("id", "source", "says", "range", "because", "chapter", "verdict", "why")
_OPTIONAL = ("found",)
# The one written in C is several times faster, and not built everywhere.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    entries = yaml.load(Path(path).read_text(encoding="utf-8"), _LOADER) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path}: got {entries!r}, expected a list of entries with keys")
    seen = set()
    for entry in entries:
        odd = sorted((set(entry) - set(_OPTIONAL)) ^ set(FIELDS), key=str)
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


@lru_cache(maxsize=1)
def _by_id(path, changed) -> dict[str, dict]:
    """Entries of the ledger by id, read once: a chapter makes up to thirty claims.

    `changed` is the file's time: a ledger edited while a notebook is open is read again.
    """
    return {entry["id"]: entry for entry in load_claims(path)}


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
    path = find_root() / "book" / "claims.yml"
    entries = _by_id(path, path.stat().st_mtime_ns)
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
