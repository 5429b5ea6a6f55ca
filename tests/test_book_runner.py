"""The runner executes what is stale, and leaves alone what it must not touch."""

import os

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gitools.book import runner
from gitools.book.glue import glued
from gitools.book.stamps import is_stale, stamp_of

GOOD = (
    'import os\n\nprint(*[os.environ.get(k) for k in ("OMP_NUM_THREADS", "GITOOLS_QUIET")])',
    'print("one", flush=True)\nprint(os.path.basename(os.getcwd()))',
    'from gitools.book import glue\n\nglue("half", 0.5, ".2f")',
    "import matplotlib.pyplot as plt\n\nplt.plot([0, 1])\nplt.show()",
)
BAD = ("humps = 3", "humps / 0")


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "notebooks" / "1_mixtures").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root, stem, sources=("x = 1",), *, stamped=False, **gitools):
    """A notebook with old outputs and traces of another program's run."""
    cells = [new_markdown_cell("# Title", id="title")]
    for i, source in enumerate(sources):
        old = [new_output("stream", text="old\n")]
        timing = {"execution": {"iopub.status.busy": "2020-01-01T00:00:00Z"}}
        cells.append(
            new_code_cell(source, id=f"c{i}", outputs=old, execution_count=9, metadata=timing)
        )
    metadata = {"language_info": {"name": "python", "version": "3.0"}, "gitools": gitools}
    notebook = new_notebook(cells=cells, metadata=metadata)
    if stamped:
        notebook.metadata.gitools["stamp"] = NotebookNode(stamp_of(notebook, root))
    path = root / "notebooks" / "1_mixtures" / f"{stem}.ipynb"
    nbformat.write(notebook, path)
    return path


def files_of(root):
    return sorted(path.name for path in (root / "notebooks" / "1_mixtures").iterdir())


@pytest.fixture
def executed(monkeypatch):
    """Stems of what would be executed, in place of executing it."""
    stems = []

    def execute(path, root):
        stems.append(path.stem)
        return 3.2

    monkeypatch.setattr(runner, "execute", execute)
    return stems


def test_a_book_is_executed(root, monkeypatch, capsys):
    """Two real runs in one test: kernels take seconds to start."""
    good = write(root, "11_good", GOOD, reads=["_toc.yml"])
    bad = write(root, "12_bad", BAD)
    before = bad.read_bytes()
    # Under this backend a figure would vanish.
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("GITOOLS_QUIET", raising=False)

    assert runner.main([]) == 1

    said = capsys.readouterr().out
    assert said.startswith("2 of 2 notebooks to execute; running 11_good and 12_bad\n")
    assert "11_good: never stamped: " in said
    assert "12_bad: never stamped: FAILED\n" in said
    assert "humps / 0" in said
    assert "ZeroDivisionError: division by zero" in said
    assert bad.read_bytes() == before
    assert files_of(root) == ["11_good.ipynb", "12_bad.ipynb"]
    assert os.environ["MPLBACKEND"] == "agg"
    assert "GITOOLS_QUIET" not in os.environ

    notebook = nbformat.read(good, as_version=4)
    nbformat.validate(notebook)
    assert is_stale(notebook, root) is None
    assert notebook.metadata.gitools.reads == ["_toc.yml"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[0].outputs[0].text == "1 1\n"
    assert [output.text for output in code[1].outputs] == ["one\n1_mixtures\n"]
    assert glued(notebook) == {"half": "0.50"}
    assert "image/png" in code[3].outputs[0].data
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert "language_info" not in notebook.metadata

    first = good.read_bytes()
    assert runner.main(["--force", "11"]) == 0
    assert "[1/1] 11_good: asked for: " in capsys.readouterr().out
    assert good.read_bytes() == first


def test_nothing_stale_is_one_line(root, executed, capsys):
    write(root, "11_fresh", stamped=True)
    assert runner.main([]) == 0
    assert capsys.readouterr().out == "Nothing to execute.\n"
    assert executed == []


def test_only_what_is_stale_is_executed(root, executed, capsys):
    write(root, "11_fresh", stamped=True)
    for stem in ("12_a", "13_b", "21_c"):
        write(root, stem)
    assert runner.main([]) == 0
    assert sorted(executed) == ["12_a", "13_b", "21_c"]
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "3 of 4 notebooks to execute; running 12_a and 13_b"
    assert [line.split("]")[0] for line in lines] == ["[1/3", "[2/3", "[3/3"]
    assert {line.split("] ")[1] for line in lines} == {
        f"{stem}: never stamped: 3 s" for stem in executed
    }


@pytest.mark.parametrize(
    ("arguments", "stems"),
    [
        (["12"], ["12_a"]),
        (["1"], ["12_a"]),
        (["--force", "1"], ["11_fresh", "12_a"]),
        (["--force"], ["11_fresh", "12_a", "21_c"]),
        (["21_c", "12"], ["12_a", "21_c"]),
        (["11"], []),
    ],
)
def test_notebooks_are_chosen_by_name(root, executed, arguments, stems):
    write(root, "11_fresh", stamped=True)
    write(root, "12_a")
    write(root, "21_c")
    assert runner.main(arguments) == 0
    assert sorted(executed) == stems


def test_a_name_of_no_notebook_is_refused(root, executed, capsys):
    write(root, "11_a")
    with pytest.raises(SystemExit) as error:
        runner.main(["11", "13"])
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert "names: got '13', expected the beginning of one of 11_a" in said
    assert executed == []


def test_check_lists_and_executes_nothing(root, executed, capsys):
    write(root, "11_fresh", stamped=True)
    path = write(root, "12_a")
    before = path.read_bytes()
    assert runner.main(["--check"]) == 1
    assert capsys.readouterr().out == "12_a: stale (never stamped)\n"
    assert executed == []
    assert path.read_bytes() == before


def test_check_is_silent_when_all_is_fresh(root, capsys):
    write(root, "11_fresh", stamped=True)
    assert runner.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_without_its_data_a_notebook_keeps_its_outputs(root, executed, monkeypatch, capsys):
    asked = []

    def available(name):
        asked.append(name)
        return False

    monkeypatch.setattr(runner, "available", available)
    path = write(root, "11_a", needs_data=["potato_diploid"])
    before = path.read_bytes()
    assert runner.main([]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == (
        "11_a: keeps its old outputs (never stamped, but potato_diploid is not here: make data)"
    )
    assert last == "Nothing to execute."
    assert asked == ["potato_diploid"]
    assert executed == []
    assert path.read_bytes() == before
    assert runner.main(["--check"]) == 0


def test_with_its_data_it_is_executed(root, executed, monkeypatch):
    monkeypatch.setattr(runner, "available", lambda name: True)
    write(root, "11_a", needs_data=["potato_diploid"])
    assert runner.main([]) == 0
    assert executed == ["11_a"]


def test_a_fresh_notebook_without_its_data_is_not_spoken_of(root, monkeypatch, capsys):
    monkeypatch.setattr(runner, "available", lambda name: False)
    write(root, "11_a", stamped=True, needs_data=["potato_diploid"])
    assert runner.main([]) == 0
    assert capsys.readouterr().out == "Nothing to execute.\n"


@pytest.mark.parametrize(
    "failure",
    [
        DeadKernelError("Kernel died"),
        CellTimeoutError("A cell timed out"),
        OSError("No space left on device"),
        SyntaxError("the cell '%x' is no plain Python"),
    ],
)
def test_one_failure_does_not_stop_the_others(root, monkeypatch, capsys, failure):
    def execute(path, root):
        if path.stem == "11_a":
            raise failure
        return 1.0

    monkeypatch.setattr(runner, "execute", execute)
    for stem in ("11_a", "12_b", "13_c"):
        write(root, stem)
    assert runner.main([]) == 1
    said = capsys.readouterr().out
    assert f"11_a: never stamped: FAILED\n{failure}\n" in said
    assert said.count(": 1 s\n") == 2


def test_a_full_disk_leaves_the_old_file(root, monkeypatch):
    path = write(root, "11_a")
    before = path.read_bytes()

    def write_half(notebook, name):
        with open(name, "w", encoding="utf-8") as file:
            file.write("{")
        raise OSError("No space left on device")

    monkeypatch.setattr(runner.nbformat, "write", write_half)
    with pytest.raises(OSError, match="No space left"):
        runner._write(nbformat.read(path, as_version=4), path)
    assert path.read_bytes() == before
    assert files_of(root) == ["11_a.ipynb"]


def test_a_cell_that_is_no_python_is_stale_with_its_text(root, capsys):
    write(root, "11_a", ["%time x = 1"], stamp={})
    assert runner.main(["--check"]) == 1
    assert "the cell '%time x = 1' is no plain Python" in capsys.readouterr().out
