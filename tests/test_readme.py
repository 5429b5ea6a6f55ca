"""The README's tables are those that the benchmarks wrote, and its commands exist."""

import importlib.util
import os
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_notebook

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def script(name):
    """A script of benchmarks/, as a module."""
    path = ROOT / "benchmarks" / f"{name}.py"
    specification = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def cores():
    """Cores that this process may use; systems that cannot say so count as one."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


def test_tables_are_those_of_the_benchmarks():
    assert script("readme").with_tables(README) == README, "run python benchmarks/readme.py"


@pytest.mark.parametrize(
    "name",
    [
        "em",
        "marginal_regression",
        "coordinate_descent",
        "susie",
        "gibbs",
        "gene_p_values",
        "dirichlet_process",
        "neural_speed",
        "principal_components",
        "galiana_step",
        "notebooks",
    ],
)
def test_a_changed_measurement_is_seen(name, monkeypatch):
    readme = script("readme")
    rows = readme.rows_of(name)
    rows[-1] = dict.fromkeys(rows[-1], "987654")
    unchanged = readme.rows_of
    monkeypatch.setattr(readme, "rows_of", lambda n: rows if n == name else unchanged(n))
    assert readme.with_tables(README) != README


def test_a_readme_without_the_marks_is_refused():
    with pytest.raises(ValueError, match=r"expected the marks <!-- em\.csv -->"):
        script("readme").with_tables("# Title\n")


def test_every_notebook_was_timed():
    timed = {row["what"] for row in script("readme").rows_of("notebooks")}
    assert {path.stem for path in ROOT.glob("notebooks/*/*.ipynb")} < timed
    assert len([what for what in timed if what.startswith("make book")]) == 2


def test_commands_and_links_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"make (?:[A-Z]+=\S+ )*([a-z]+)", README)) - {"need"}
    assert targets == named
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).is_file(), link
    for command in re.findall(r"python (benchmarks/\w+\.py)", README):
        assert (ROOT / command).is_file(), command


def test_quick_lists_what_would_run(capsys):
    rows = script("notebooks").main(["--quick"])
    said = capsys.readouterr().out
    for path in ROOT.glob("notebooks/*/*.ipynb"):
        assert path.stem in said
    assert [row["what"] for row in rows][-2:] == [
        "make book (nothing stale)",
        "make book (all notebooks stale)",
    ]


def test_notebooks_are_timed_one_by_one_and_then_made_stale(tmp_path, monkeypatch):
    notebooks = script("notebooks")
    path = tmp_path / "11_a.ipynb"
    metadata = {"gitools": {"stamp": {"code": "x"}, "reads": ["a.csv"]}}
    nbformat.write(new_notebook(metadata=metadata), path)
    seen = []

    def execute(path, book):
        seen.append((path.stem, book, len(cores())))
        return 12.4

    def seconds_of_make(book):
        seen.append(dict(nbformat.read(path, as_version=4).metadata.gitools))
        return 30.6

    before = cores()
    monkeypatch.setattr(notebooks, "execute", execute)
    monkeypatch.setattr(notebooks, "seconds_of_make", seconds_of_make)
    bar = SimpleNamespace(set_description=lambda text: None, update=lambda: None)
    other = tmp_path / "12_b.ipynb"
    nbformat.write(new_notebook(metadata={"gitools": {}}), other)
    seconds = notebooks.measure(tmp_path, [path, other], ["11_a"], bar)
    assert list(seconds.values()) == ["12", "31", "31"]
    assert next(iter(seconds)) == "11_a"
    assert seen == [("11_a", tmp_path, 1), metadata["gitools"], {"reads": ["a.csv"]}]
    assert cores() == before


def test_only_names_of_notebooks_are_timed(capsys):
    with pytest.raises(SystemExit):
        script("notebooks").main(["99_nothing"])
    assert "names: got 99_nothing" in capsys.readouterr().err
