"""Notebooks on absent data are skipped with one line that says so; all others run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from gitools.data import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
TETRAPLOID = REGISTRY["potato_tetraploid"]


def write_notebook(path, needs_data):
    """Two cells; the second one's stored output is wrong, so that running it must fail."""
    cells = [
        new_code_cell("print(2)", execution_count=1, outputs=[new_output("stream", text="2\n")]),
        new_code_cell("print(3)", execution_count=2, outputs=[new_output("stream", text="4\n")]),
    ]
    metadata = {"gitools": {"needs_data": needs_data}} if needs_data else {}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def run_pytest(folder, mirror):
    environment = os.environ | {
        "GITOOLS_DATA_CACHE": str(folder / "cache"),
        "GITOOLS_DATA_MIRROR": str(mirror),
    }
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    options = ["--nbval", "--nbval-current-env", "-rs", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def mirror(tmp_path):
    """A mirror that holds something at the tetraploid potatoes' place, and no diploid ones."""
    path = tmp_path / "mirror" / TETRAPLOID.location
    path.parent.mkdir(parents=True)
    path.write_bytes(b"presence is what counts here")
    return tmp_path / "mirror"


def test_absent_data_skip_the_notebook_with_one_line(tmp_path, mirror):
    write_notebook(tmp_path / "one.ipynb", ["potato_tetraploid", "potato_diploid"])
    done = run_pytest(tmp_path, mirror)
    lines = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert done.returncode == 0, done.stdout
    assert len(lines) == 1, done.stdout
    assert lines[0].endswith("data set potato_diploid is not here: run make data")
    assert "2 skipped" in done.stdout


@pytest.mark.parametrize("needs_data", [None, ["potato_tetraploid"]])
def test_everything_else_runs(tmp_path, mirror, needs_data):
    write_notebook(tmp_path / "one.ipynb", needs_data)
    done = run_pytest(tmp_path, mirror)
    assert "1 failed, 1 passed" in done.stdout
    assert "SKIPPED" not in done.stdout


def test_an_unknown_name_is_an_error(tmp_path, mirror):
    write_notebook(tmp_path / "one.ipynb", ["potato_octoploid"])
    done = run_pytest(tmp_path, mirror)
    assert done.returncode != 0
    assert "one.ipynb: metadata.gitools.needs_data: name: got 'potato_octoploid'" in (
        done.stdout + done.stderr
    )
