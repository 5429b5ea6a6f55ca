"""Stamps: what makes a notebook stale, and what does not."""

import subprocess
import sys

import pytest
from nbformat import NotebookNode, reads, writes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gitools.book.stamps import dependencies, is_stale, stamp_of

FILES = {
    "_toc.yml": "",
    "gitools/__init__.py": '"""Thin."""\n',
    "gitools/simulate/__init__.py": "from gitools.simulate.arrays import draw\n",
    "gitools/simulate/arrays.py": "from .noise import noise\n\n\ndef draw(): ...\n",
    "gitools/simulate/noise.py": "def noise(): ...\n",
    "gitools/simulate/unused.py": "SEED = 1\n",
    "gitools/mixtures/__init__.py": "from .em import EM\nfrom gitools.mixtures.dp import DP\n",
    "gitools/mixtures/em.py": "from gitools.simulate import draw\n\nEM = draw\n",
    "gitools/mixtures/dp.py": "DP = 1\n",
    "gitools/book/__init__.py": "from gitools.book.answers import check_answer\n",
    "gitools/book/answers.py": "def check_answer(id, value): ...\n",
    "gitools/book/explorer.py": 'PAGE = "explorer.html"\n',
    "gitools/book/explorer.html": "<p>\n",
    "gitools/book/other.html": "<p>\n",
    "gitools/structure.py": "PARTS = 2\n",
    "benchmarks/em.csv": "n,seconds\n",
    "benchmarks/dp.csv": "n,seconds\n",
    "book/answers.yml": '- id: "11-1"\n  expected: 3\n- id: "12-1"\n  expected: 4\n',
    "book/claims.yml": "",
}
CODE = (
    "import numpy as np\nfrom gitools.mixtures import EM\nfrom gitools.book import check_answer",
    "from gitools.book.explorer import PAGE",
    'check_answer("11-1", 3)',
)


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def notebook_of(*sources):
    cells = [new_markdown_cell("# Title")]
    cells += [
        new_code_cell(source, outputs=[new_output("stream", text="1\n")]) for source in sources
    ]
    return new_notebook(cells=cells, metadata={"gitools": {"reads": ["benchmarks/em.csv"]}})


def stamped(root, *sources):
    notebook = notebook_of(*(sources or CODE))
    notebook.metadata.gitools.stamp = NotebookNode(stamp_of(notebook, root))
    assert is_stale(notebook, root) is None
    return notebook


def names_of(notebook, root):
    return {path.relative_to(root).as_posix() for path in dependencies(notebook, root)}


def replace(root, name, old, new):
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), encoding="utf-8")


def test_a_notebook_without_stamp_is_stale(root):
    assert is_stale(notebook_of("1"), root) == "never stamped"
    assert is_stale(new_notebook(), root) == "never stamped"


def test_all_that_the_code_rests_on_is_found(root):
    assert names_of(notebook_of(*CODE), root) == {
        "gitools/mixtures/em.py",
        "gitools/simulate/arrays.py",
        "gitools/simulate/noise.py",
        "gitools/book/answers.py",
        "gitools/book/explorer.py",
        "gitools/book/explorer.html",
        "benchmarks/em.csv",
    }


EM = {"gitools/mixtures/em.py", "gitools/simulate/arrays.py", "gitools/simulate/noise.py"}
DP = {"gitools/mixtures/dp.py"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from gitools.mixtures import EM", EM),
        ("from gitools.mixtures import EM as Mixture, DP", EM | DP),
        ("from gitools.mixtures import *", EM | DP),
        ("import gitools.mixtures", EM | DP),
        ("import gitools.mixtures as m", EM | DP),
        ("from gitools import mixtures", EM | DP),
        ("import gitools.mixtures.dp", DP),
        ("from gitools.mixtures.dp import DP", DP),
        ("from gitools.mixtures import dp", DP),
        ("def f():\n    from gitools.mixtures import DP", DP),
        ("from gitools import structure", {"gitools/structure.py"}),
        ("from gitools.structure import PARTS", {"gitools/structure.py"}),
        ("import gitools", set()),
        ("import numpy.linalg", set()),
        ("from numpy import *", set()),
        ('"from gitools.mixtures import DP"', set()),
    ],
)
def test_every_form_of_import_is_followed(root, source, found):
    assert names_of(notebook_of(source), root) - {"benchmarks/em.csv"} == found


CHANGED = "a file it depends on has changed"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("gitools/mixtures/em.py", "EM = draw", "EM = 1"),
        ("gitools/mixtures/em.py", "EM = draw", "EM = draw  # a comment"),
        ("gitools/simulate/arrays.py", "...", "pass"),
        ("gitools/simulate/noise.py", "...", "pass"),
        ("gitools/mixtures/__init__.py", "from .em import EM", "from .dp import DP as EM"),
        ("gitools/book/answers.py", "...", "pass"),
        ("gitools/book/explorer.html", "<p>", "<div>"),
        ("benchmarks/em.csv", "n", "m"),
        ("book/answers.yml", "expected: 3", "expected: 5"),
    ],
)
def test_a_changed_dependency_makes_stale(root, name, old, new):
    notebook = stamped(root)
    replace(root, name, old, new)
    assert is_stale(notebook, root) == CHANGED


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("gitools/mixtures/dp.py", "1", "2"),
        ("gitools/simulate/unused.py", "1", "2"),
        ("gitools/structure.py", "2", "3"),
        ("gitools/mixtures/__init__.py", "from gitools.mixtures.dp import DP", "# no DP"),
        ("gitools/book/__init__.py", "from", '"""Thin."""\nfrom'),
        ("gitools/book/other.html", "<p>", "<div>"),
        ("benchmarks/dp.csv", "n", "m"),
        ("book/answers.yml", "expected: 4", "expected: 5"),
        ("book/claims.yml", "", "# a comment"),
    ],
)
def test_an_unrelated_change_does_not(root, name, old, new):
    notebook = stamped(root)
    replace(root, name, old, new)
    assert is_stale(notebook, root) is None


def test_answers_count_in_either_quotes_and_only_where_asked_for(root):
    quoted = stamped(root, "from gitools.book import check_answer\ncheck_answer('11-1', 3)")
    without = stamped(root, 'print("11-1")')
    replace(root, "book/answers.yml", "expected: 3", "expected: 5")
    assert is_stale(quoted, root) == CHANGED
    assert is_stale(without, root) is None


def _edit_output(notebook):
    notebook.cells[2].outputs[0].text = "2\n"


def _edit_image(notebook):
    notebook.cells[2].outputs.append(new_output("display_data", data={"image/png": "AA=="}))


def _drop_output(notebook):
    notebook.cells[2].outputs = []


@pytest.mark.parametrize("edit", [_edit_output, _edit_image, _drop_output])
def test_edited_outputs_make_stale(root, edit):
    notebook = stamped(root)
    edit(notebook)
    assert is_stale(notebook, root) == "its outputs were edited"


def _edit_code(notebook):
    notebook.cells[2].source += " "


def _tag(notebook):
    notebook.cells[2].metadata["tags"] = ["nbval-ignore-output"]


def _new_cell(notebook):
    notebook.cells.append(new_code_cell(""))


def _reorder(notebook):
    notebook.cells[1:3] = notebook.cells[2:0:-1]


@pytest.mark.parametrize("edit", [_edit_code, _tag, _new_cell, _reorder])
def test_edited_code_makes_stale(root, edit):
    notebook = stamped(root)
    edit(notebook)
    assert "its code has changed" in is_stale(notebook, root)


def test_every_reason_is_said(root):
    notebook = stamped(root)
    _edit_code(notebook)
    _edit_output(notebook)
    replace(root, "benchmarks/em.csv", "n", "m")
    assert is_stale(notebook, root) == (f"its code has changed; {CHANGED}; its outputs were edited")


def _edit_prose(notebook):
    notebook.cells[0].source = "# Another title"


def _add_prose(notebook):
    notebook.cells.insert(1, new_markdown_cell("More."))


def _edit_caption(notebook):
    notebook.cells[1].metadata["mystnb"] = {"figure": {"caption": "x"}}


def _other_metadata(notebook):
    notebook.metadata["kernelspec"] = {"name": "python3"}


@pytest.mark.parametrize("edit", [_edit_prose, _add_prose, _edit_caption, _other_metadata])
def test_edited_prose_does_not(root, edit):
    notebook = stamped(root)
    edit(notebook)
    assert is_stale(notebook, root) is None


def test_a_stamp_survives_the_file(root):
    notebook = stamped(root)
    assert is_stale(reads(writes(notebook), as_version=4), root) is None


def test_a_declared_file_that_is_not_there_is_named(root):
    notebook = notebook_of("1")
    notebook.metadata.gitools.reads = ["benchmarks/no.csv"]
    with pytest.raises(FileNotFoundError, match=r"benchmarks/no\.csv: declared in"):
        stamp_of(notebook, root)


def test_a_cell_that_is_no_python_is_named(root):
    with pytest.raises(SyntaxError, match="the cell '%time fit\\(\\)' is no plain Python"):
        stamp_of(notebook_of("x = 1", "%time fit()"), root)


def test_stamps_do_not_depend_on_the_hash_seed_or_the_folder(root):
    """The same text gives the same stamp in another process."""
    script = (
        "import sys, nbformat\n"
        "from gitools.book.stamps import stamp_of\n"
        "notebook = nbformat.reads(sys.stdin.read(), as_version=4)\n"
        "print(sorted(stamp_of(notebook, sys.argv[1]).items()))\n"
    )
    notebook = notebook_of(*CODE)
    elsewhere = root / "copy"
    (elsewhere / "book").mkdir(parents=True)
    for name, text in FILES.items():
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, str(elsewhere)],
        input=writes(notebook),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(sorted(stamp_of(notebook, root).items()))
