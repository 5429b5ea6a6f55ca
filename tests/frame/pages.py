"""Pages of the book, each read and taken apart once."""

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
import yaml

from gitools.book.answers import load_answers
from gitools.book.claims import load_claims

from .prose import Piece, pieces

_ENTRY = re.compile(r"^\s*@(\w+)\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)


@dataclass
class Page:
    """A notebook, or a page of prose (`notebook` is None)."""

    path: Path
    root: Path
    notebook: nbformat.NotebookNode | None

    @property
    def cells(self) -> list[tuple[str, nbformat.NotebookNode]]:
        """Cells with their names, counted from 1 as a reader counts."""
        return [(f"cell {i}", cell) for i, cell in enumerate(self.notebook.cells, 1)]

    @property
    def code_cells(self) -> list[tuple[str, nbformat.NotebookNode]]:
        """Code cells with their names."""
        return [(place, cell) for place, cell in self.cells if cell.cell_type == "code"]

    @property
    def captions(self) -> list[tuple[str, str]]:
        """Captions of the figures, with the names of their cells."""
        captions = ((place, figure_of(cell).get("caption", "")) for place, cell in self.code_cells)
        return [(f"caption of {place}", str(text)) for place, text in captions if text]

    @cached_property
    def prose(self) -> list[tuple[str, tuple[Piece, ...]]]:
        """All prose, taken apart: where it stands, and its pieces."""
        if self.notebook is None:
            return [("page", pieces(self.path.read_text(encoding="utf-8")))]
        texts = [(place, c.source) for place, c in self.cells if c.cell_type == "markdown"]
        return [(place, pieces(text)) for place, text in texts + self.captions]

    def roles(self, prefix: str) -> list[tuple[str, Piece]]:
        """Roles whose name begins so, with where each stands."""
        return [
            (place, piece)
            for place, parts in self.prose
            for piece in parts
            if piece.kind == "role" and piece.name.startswith(prefix)
        ]


@dataclass
class Book:
    """All pages under a root, with the files that hold claims, answers and references."""

    root: Path
    chapters: list[Page] = field(default_factory=list)
    other_pages: list[Page] = field(default_factory=list)

    @property
    def pages(self) -> list[Page]:
        """Chapters, then pages of prose."""
        return self.chapters + self.other_pages

    def page(self, path: Path) -> Page | None:
        """The page that is stored at `path`."""
        return next((page for page in self.pages if page.path == path.resolve()), None)

    @cached_property
    def claims(self) -> list[dict]:
        """Entries of the ledger."""
        return load_claims(self.root / "book" / "claims.yml")

    @cached_property
    def answers(self) -> dict[str, dict]:
        """Expected answers by exercise."""
        return load_answers(self.root / "book" / "answers.yml")

    @cached_property
    def reference_keys(self) -> list[str]:
        """Keys of the bibliography, in the file's order."""
        text = (self.root / "book" / "references.bib").read_text(encoding="utf-8")
        no_work = {"comment", "preamble", "string"}
        return [key for kind, key in _ENTRY.findall(text) if kind.lower() not in no_work]


def open_book(root: Path) -> Book:
    """Read every notebook and page of prose under `root`."""
    root = root.resolve()
    notebooks = [
        path
        for path in sorted(root.glob("notebooks/**/*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts
    ]
    return Book(
        root,
        [Page(path, root, nbformat.read(path, as_version=4)) for path in notebooks],
        [Page(path, root, None) for path in sorted(root.glob("book/**/*.md"))],
    )


def figure_of(cell) -> dict:
    """What a cell's metadata says of its figure."""
    return cell.metadata.get("mystnb", {}).get("figure", {})


def toc_files(root: Path) -> list[str]:
    """Files that the table of contents lists, without their endings, in order."""

    def listed(node):
        if isinstance(node, list):
            return [name for item in node for name in listed(item)]
        if not isinstance(node, dict):
            return []
        own = [node[key] for key in ("root", "file") if key in node]
        return own + [name for value in node.values() for name in listed(value)]

    return listed(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8")))


def calls_of(source: str, function: str) -> list:
    """First arguments (None where not a constant) of the calls of `function` in some code."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    return [
        node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) == function
    ]
