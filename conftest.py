"""Notebooks on real data are skipped, with the reason, where the data are not."""

import json

import pytest


def pytest_collection_modifyitems(items):
    """Skip the cells of notebooks whose ``metadata.gitools.needs_data`` is not here."""
    reasons = {}
    for item in items:
        if item.path.suffix != ".ipynb":
            continue
        if item.path not in reasons:
            reasons[item.path] = _why_skipped(item.path)
        if reasons[item.path]:
            item.add_marker(pytest.mark.skip(reason=reasons[item.path]))


def _why_skipped(notebook):
    metadata = json.loads(notebook.read_text(encoding="utf-8")).get("metadata", {})
    names = metadata.get("gitools", {}).get("needs_data", [])
    if not names:
        return None
    # Only here: most test runs need no pandas.
    from gitools.data import available

    try:
        absent = [name for name in names if not available(name)]
    except ValueError as error:
        raise pytest.UsageError(f"{notebook.name}: metadata.gitools.needs_data: {error}") from error
    if not absent:
        return None
    return f"data set {' and '.join(absent)} is not here: run make data"
