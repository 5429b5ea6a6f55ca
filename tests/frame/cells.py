"""Checks of a notebook's cells and outputs."""

import ast
import io
import json
import tokenize
from itertools import pairwise

from gitools.book.stamps import is_stale

from .pages import Book, Page, figure_of

_MAX_BYTES = 1_000_000
_MAX_LINES = 20
_MAX_IGNORED = 2
_MIN_ALT = 40
_IGNORE_TAG = "nbval-ignore-output"
_IGNORE_COMMENTS = ("# NBVAL_IGNORE_OUTPUT", "#NBVAL_IGNORE_OUTPUT", "#PYTEST_VALIDATE_IGNORE")
_SKIP_MARKS = ("nbval-skip", "skip-execution", "NBVAL_SKIP")
_IMAGES = ("image/png", "image/jpeg")
_MACHINE_PATHS = ("/home/", "/root/", "/tmp/", "/Users/", "C:\\", "site-packages")
_TIMING = ("execution", "ExecuteTime")


def check_stamp(page: Page, book: Book) -> list[str]:
    """The outputs were made from the code, helpers and data files as they are now."""
    try:
        reason = is_stale(page.notebook, book.root)
    except (FileNotFoundError, SyntaxError) as error:
        reason = str(error)
    return [f"stale: {reason}; run make notebooks"] if reason else []


def check_executed(page: Page, book: Book) -> list[str]:
    """Every code cell was executed, once, from top to bottom."""
    problems = []
    for expected, (place, cell) in enumerate(page.code_cells, 1):
        count = cell.execution_count
        if count is None:
            problems.append(f"{place}: not executed: {_first_line(cell)}")
        elif count != expected:
            problems.append(f"{place}: execution count {count}, expected {expected}")
    return problems


def check_code(page: Page, book: Book) -> list[str]:
    """Code cells are short, plain Python, and compared by nbval."""
    problems = []
    for place, cell in page.code_cells:
        lines = cell.source.count("\n") + 1
        if lines > _MAX_LINES:
            problems.append(f"{place}: {lines} lines, at most {_MAX_LINES}: {_first_line(cell)}")
        problems += [f"{place}: {problem}" for problem in _not_plain_python(cell.source)]
        marks = [*cell.metadata.get("tags", []), *cell.source.split()]
        problems += [
            f"{place}: {mark} hides it from nbval" for mark in _SKIP_MARKS if mark in marks
        ]
    return problems


def _not_plain_python(source: str) -> list[str]:
    try:
        ast.parse(source)
    except SyntaxError as error:
        lines = [line for line in source.splitlines() if line.lstrip()[:1] in ("%", "!", "?")]
        return [f"% or ! line: {line}" for line in lines] or [f"no Python: {error.msg}"]
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    endings = (tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER)
    problems = [
        f"trailing ';': {token.line.strip()}"
        for token, after in pairwise(tokens)
        if token.string == ";" and after.type in endings
    ]
    return problems + (["get_ipython() is no plain Python"] if "get_ipython(" in source else [])


def check_ignored(page: Page, book: Book) -> list[str]:
    """At most two cells whose output nbval does not compare."""
    ignored = [place for place, cell in page.code_cells if _is_ignored(cell)]
    if len(ignored) <= _MAX_IGNORED:
        return []
    return [f"{len(ignored)} cells with {_IGNORE_TAG}, at most {_MAX_IGNORED}: {ignored}"]


def _is_ignored(cell) -> bool:
    comments = any(comment in cell.source for comment in _IGNORE_COMMENTS)
    return comments or _IGNORE_TAG in cell.metadata.get("tags", [])


def check_size(page: Page, book: Book) -> list[str]:
    """The file is light."""
    size = page.path.stat().st_size
    return [f"{size:,} bytes, at most {_MAX_BYTES:,}"] if size > _MAX_BYTES else []


def check_metadata(page: Page, book: Book) -> list[str]:
    """Nothing that differs between two runs or two machines."""
    problems = [
        f"metadata holds {key}"
        for key in ("language_info", "widgets")
        if key in page.notebook.metadata
    ]
    return problems + [
        f"{place}: metadata holds {key}"
        for place, cell in page.cells
        for key in _TIMING
        if key in cell.metadata
    ]


def check_outputs(page: Page, book: Book) -> list[str]:
    """No error, warning, path of a machine or SVG."""
    return [
        f"{place}: {problem}"
        for place, cell in page.code_cells
        for output in cell.outputs
        for problem in output_problems(output, str(book.root))
    ]


def output_problems(output, own_path: str) -> list[str]:
    """What must not stand in an output; `own_path` is that of the checkout."""
    problems = []
    if output.output_type == "error":
        problems.append(f"error: {output.ename}: {output.evalue}")
    if output.get("name") == "stderr":
        problems.append(f"warning (stderr): {output.text[:80]!r}")
    if "image/svg+xml" in output.get("data", {}):
        problems.append("an SVG image; use PNG")
    text = _text_of(output)
    if "Warning:" in text:
        problems.append(f"warning: {_around(text, 'Warning:')}")
    for path in (*_MACHINE_PATHS, own_path):
        if path in text:
            problems.append(f"path of a machine: {_around(text, path)}")
    return problems


def _text_of(output) -> str:
    parts = [output.get("text", ""), *output.get("traceback", [])]
    for mime, data in output.get("data", {}).items():
        if mime not in _IMAGES:
            parts.append(data if isinstance(data, str) else json.dumps(data))
    return "\n".join(parts)


def _around(text: str, found: str) -> str:
    start = text.index(found)
    return repr(text[max(start - 30, 0) : start + 50])


def check_figures(page: Page, book: Book) -> list[str]:
    """One figure a cell, shown by plt.show(), with alt text, caption and name."""
    problems = []
    for place, cell in page.code_cells:
        images = [o for o in cell.outputs for mime in _IMAGES if mime in o.get("data", {})]
        if images:
            problems += [f"{place}: {problem}" for problem in _figure_problems(cell, len(images))]
    return problems


def _figure_problems(cell, count: int) -> list[str]:
    alt = str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")).strip()
    figure = figure_of(cell)
    problems = []
    if count > 1:
        problems.append(f"{count} figures in one cell, at most one")
    if len(alt) < _MIN_ALT:
        problems.append(f"alt text of {len(alt)} characters, at least {_MIN_ALT}: {alt!r}")
    if "{glue" in alt:
        problems.append(f"alt text cannot hold glue: {alt!r}")
    if not str(figure.get("caption", "")).strip():
        problems.append("a figure without caption")
    if not str(figure.get("name", "")).startswith("fig-"):
        problems.append(f"a figure's name begins with 'fig-', got {figure.get('name')!r}")
    if cell.source.strip().splitlines()[-1:] != ["plt.show()"]:
        problems.append("a figure's cell ends with plt.show()")
    return problems


def check_images(page: Page, book: Book) -> list[str]:
    """Pictures that prose shows have alt text too."""
    problems = []
    for place, parts in page.prose:
        for piece in parts:
            alt = piece.text
            if piece.kind == "directive" and piece.name in ("figure", "image"):
                alt = piece.options.get("alt", "")
            elif piece.kind != "image":
                continue
            if len(alt) < _MIN_ALT:
                problems.append(
                    f"{place}: a picture with alt text of {len(alt)} characters, "
                    f"at least {_MIN_ALT}: {alt!r}"
                )
    return problems


def _first_line(cell) -> str:
    return repr((cell.source.splitlines() or [""])[0])
