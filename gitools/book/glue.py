"""Results that the prose quotes."""

import ast
import re

from IPython.display import display

_MIME_PREFIX = "application/papermill.record/"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def glue(name: str, value, fmt: str = "") -> None:
    """Store a result under a name, so that the page can quote it with ``{glue:text}``.

    The text is stored in the mime bundle that MyST-NB reads, so a notebook needs no MyST-NB
    to run.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and single hyphens.
    value : object
        Anything ``format`` takes.
    fmt : str
        Format specification, for example ``".2f"``. Give only the digits that are reproducible.

    Raises
    ------
    ValueError
        If the name is of another form, or the value is not a finite number where `fmt` asks
        for a number.
    """
    _display(name, _formatted(name, value, fmt))


def _formatted(name: str, value, fmt: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name: got {name!r}, expected lower-case letters, digits and single hyphens"
        )
    try:
        text = format(value, fmt)
    except (TypeError, ValueError) as error:
        raise ValueError(f"fmt: {fmt!r} does not format {value!r} ({name}): {error}") from error
    if text.strip("+- %").lower() in {"nan", "inf"}:
        raise ValueError(f"value: got {text} for {name}, expected a finite number")
    # "-0.00" is a rounding artefact that differs between machines.
    return text[1:] if re.fullmatch(r"-0(\.0*)?(e[+-]\d+)?%?", text) else text


def _display(name: str, text: str, **metadata) -> None:
    scrapbook = {"name": name, "mime_prefix": _MIME_PREFIX}
    # MyST-NB evaluates the bundle as a Python literal: the repr of a string keeps "3.00" as it is.
    display(
        {f"{_MIME_PREFIX}text/plain": repr(text)},
        metadata={"scrapbook": scrapbook, **metadata},
        raw=True,
    )


def glued(notebook) -> dict[str, str]:
    """All glued texts of an executed notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook, with outputs.

    Returns
    -------
    dict
        From name to formatted text, in the order of the cells.

    Raises
    ------
    ValueError
        If one name is glued twice.
    """
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            record = output.get("metadata", {}).get("scrapbook")
            if record is None:
                continue
            if record["name"] in found:
                raise ValueError(f"{record['name']!r} is glued twice")
            raw = output["data"][f"{_MIME_PREFIX}text/plain"]
            found[record["name"]] = ast.literal_eval(raw)
    return found
