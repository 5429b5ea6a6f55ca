"""The ledger page: each claim beside the value that its chapter measured."""

from pathlib import Path

import nbformat

from gitools.book.claims import FIELDS, load_claims
from gitools.book.glue import glued
from gitools.book.root import chapters


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
        row = {key: entry[key] for key in FIELDS if key != "range"}
        rows.append(row | {"low": low, "high": high, "value": values.get(entry["id"])})
    return rows
