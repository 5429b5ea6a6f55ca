"""A small book that passes every check, written to a folder of its own."""

from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

from gitools.book.stamps import stamp_of

from .sections import SECTIONS

_PREFIX = "application/papermill.record/"
_NAME = "notebooks/1_mixtures/11_small.ipynb"
_FILES = {
    "_toc.yml": "root: book/introduction\nchapters:\n  - file: notebooks/1_mixtures/11_small\n",
    "gitools/helper.py": "HUMPS = 3\n",
    "benchmarks/em.csv": "n,seconds\n",
    "book/introduction.md": (
        "# A small book\n\n"
        "The mean is {glue:text}`../notebooks/1_mixtures/11_small.ipynb::mean:s`.\n"
    ),
    "book/references.bib": "@article{dempster1977,\n  title = {EM},\n}\n",
    "book/claims.yml": """\
- id: small-claim
  source: ours
  says: a half
  range: [0.4, 0.6]
  because: symmetry
  chapter: 11_small
  verdict: reproduced
  why: arithmetic
""",
    "book/answers.yml": """\
- id: "11-1"
  expected: 3
  tolerance: 0
  right: One a class.
  wrong:
    - value: 2
      says: Look at the middle.
""",
}
_TEXT = {
    "What you need": "{given}`45` minutes to read, {given}`25` seconds to run.",
    "The idea": "After {cite:t}`dempster1977`: the mean is {glue:text}`mean`.",
    "The ceiling": "Not applicable: with one class there is nothing to tell apart.",
    "Exercises": "```{exercise} Humps\n:label: ex-11-1\n\nHow many humps?\n```",
    "References": "```{bibliography}\n:filter: docname in docnames\n```",
}


def write_files(root: Path) -> None:
    """Write all of the small book but its notebook."""
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def small_notebook(root: Path) -> NotebookNode:
    """A notebook by the frame, with outputs as if executed; a cell's id tells what it holds."""
    cells = [_markdown("title", "# A small chapter")]
    for name in SECTIONS:
        text = _TEXT.get(name, "Words.")
        cells.append(_markdown(name, f"## {name}\n\n{text}"))
        cells += _code_after(name)
    code = [cell for cell in cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
    notebook = new_notebook(cells=cells, metadata={"gitools": {"reads": ["benchmarks/em.csv"]}})
    notebook.metadata.gitools.stamp = NotebookNode(stamp_of(notebook, root))
    return notebook


def write_notebook(notebook: NotebookNode, root: Path) -> None:
    """Write the small book's notebook."""
    path = root / _NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(writes(notebook), encoding="utf-8")


def record(name: str, text: str, **metadata) -> NotebookNode:
    """The output of a glue call."""
    scrapbook = {"name": name, "mime_prefix": _PREFIX}
    return new_output(
        "display_data",
        data={f"{_PREFIX}text/plain": repr(text)},
        metadata={"scrapbook": scrapbook, **metadata},
    )


def image(mime: str = "image/png") -> NotebookNode:
    """The output of plt.show()."""
    return new_output("display_data", data={mime: "iVBORw0KGgo=", "text/plain": "<Figure>"})


def said(text: str, name: str = "stdout") -> NotebookNode:
    """What a cell printed."""
    return new_output("stream", name=name, text=text)


def _markdown(name: str, source: str) -> NotebookNode:
    return new_markdown_cell(source, id=_id(name))


def _code(name: str, source: str, *outputs, **metadata) -> NotebookNode:
    return new_code_cell(source, id=name, outputs=list(outputs), metadata=metadata)


def _id(name: str) -> str:
    return name.lower().replace(" ", "-")


def _code_after(section: str) -> list[NotebookNode]:
    if section == "The question":
        return [_code("imports", "from gitools.helper import HUMPS")]
    if section == "From scratch":
        return [
            _code("glue", 'glue("mean", 1, ".2f")', record("mean", "1.00")),
            _code(
                "claim",
                'claim("small-claim", 0.5)',
                record("small-claim", "0.5", gitools={"claim": "small-claim"}),
            ),
        ]
    if section == "On data":
        figure = {"caption": "Humps around {glue:text}`mean`.", "name": "fig-humps"}
        alt = "Histogram of the intensities with three humps of equal width."
        mystnb = {"image": {"alt": alt}, "figure": figure}
        return [_code("figure", "plt.hist(values)\nplt.show()", image(), mystnb=mystnb)]
    if section == "Exercises":
        return [
            _markdown("solution", "```{solution-start} ex-11-1\n:class: dropdown\n```"),
            _code("answer", 'check_answer("11-1", HUMPS)', said("Right. One a class.\n")),
            _markdown("solution-end", "```{solution-end}\n```"),
        ]
    return []
