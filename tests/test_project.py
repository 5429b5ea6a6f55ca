"""The project around the pages: packages, contents, style, floors, reference outputs."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from frame.pages import open_book
from frame.project import (
    check_bounds,
    check_conda,
    check_floors,
    check_lock,
    check_readme,
    check_thin,
    check_toc,
)
from frame.small_book import small_notebook, write_files, write_notebook

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "reference"

OF_ROOT = [check_bounds, check_conda, check_floors, check_lock, check_thin]
OF_BOOK = [check_readme, check_toc]

_FILES = {
    "pyproject.toml": """\
[project]
requires-python = ">=3.11,<3.14"
dependencies = ["numpy>=2.0,<3"]
[project.optional-dependencies]
test = ["PyYAML>=6,<7"]
""",
    "environment.yml": """\
dependencies:
  - python>=3.11,<3.14
  - pip
  - numpy>=2.0,<3
  - pip:
      - pyyaml>=6,<7
      - --no-deps -e .
""",
    "constraints.txt": "numpy==2.4.6 ; python_version < '3.12'\npyyaml==6.0.3  # yaml\n",
    "README.md": "- [A small chapter](notebooks/1_mixtures/11_small.ipynb), 45 minutes\n",
    "gitools/__init__.py": '"""Thin."""\n',
    "gitools/helper.py": "HUMPS = 3\n",
    "gitools/simulate/__init__.py": "from gitools.simulate.arrays import draw\n",
    "gitools/simulate/arrays.py": "import numpy\n\n\ndef draw(): ...\n",
    "gitools/mixtures/em.py": "from gitools.simulate import draw\n",
    "gitools/book/claims.py": "from gitools.mixtures.em import draw\n",
}


def _found(check, root):
    return check(open_book(root) if check in OF_BOOK else root)


def _name(check):
    return check.__name__


@pytest.mark.parametrize("check", OF_ROOT + OF_BOOK, ids=_name)
def test_project(check):
    problems = _found(check, ROOT)
    assert not problems, "\n" + "\n".join(problems)


@pytest.fixture
def root(tmp_path):
    write_files(tmp_path)
    for name, text in _FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_notebook(small_notebook(tmp_path), tmp_path)
    return tmp_path


@pytest.mark.parametrize("check", OF_ROOT + OF_BOOK, ids=_name)
def test_the_good_project_passes(root, check):
    assert _found(check, root) == []


_EM = "gitools/mixtures/em.py"
BAD = [
    (
        check_conda,
        "environment.yml",
        "numpy>=2.0,<3",
        "numpy>=2.0,<4",
        "numpy: environment.yml says",
    ),
    (check_conda, "environment.yml", "  - numpy>=2.0,<3\n", "", "says nothing, pyproject"),
    (
        check_conda,
        "environment.yml",
        "- pip\n",
        "- pip\n  - rpy2>=3\n",
        "pyproject.toml says nothing",
    ),
    (check_conda, "environment.yml", "python>=3.11", "python>=3.10", "python: environment.yml"),
    (check_conda, "environment.yml", "pyyaml>=6,<7", "pyyaml>=6", "pyyaml: environment.yml"),
    (check_bounds, "pyproject.toml", "numpy>=2.0,<3", "numpy>=2.0", "numpy: numpy>=2.0 has no"),
    (check_bounds, "pyproject.toml", "PyYAML>=6,<7", "PyYAML", "pyyaml: PyYAML has no"),
    (check_lock, "constraints.txt", "2.4.6", "1.26.0", "is outside"),
    (check_lock, "constraints.txt", "pyyaml==6.0.3", "", "pyyaml: not in constraints.txt"),
    (check_lock, "constraints.txt", "pyyaml", "triton==3.1\npyyaml", "triton: needed on"),
    (check_lock, "constraints.txt", "pyyaml", "nvidia-nccl-cu12==2\npyyaml", "nvidia-nccl-cu12"),
    (check_lock, "constraints.txt", "pyyaml==", "pyyaml>=", "does not pin one version"),
    (check_lock, "constraints.txt", "pyyaml", "-e .\npyyaml", "'-e .' is no constraint"),
    (check_toc, "_toc.yml", "11_small", "12_x", "12_x is listed in _toc.yml but not there"),
    (check_toc, "_toc.yml", "11_small", "12_x", "11_small is not listed"),
    (check_toc, "_toc.yml", "chapters:", "chapters:\n  - file: book/introduction", "listed twice"),
    (check_readme, "README.md", "11_small", "12_x", "does not link notebooks/1_mixtures/11_small"),
    (check_readme, "README.md", "11_small", "12_x", "links notebooks/1_mixtures/12_x"),
    (check_readme, "README.md", "small chapter", "chapter", "without its title 'A small chapter'"),
    (check_readme, "README.md", "45", "40", "without its 45 minutes"),
    (check_floors, _EM, "simulate", "genomes", "a floor above mixtures"),
    (
        check_floors,
        "gitools/mixtures/em.py",
        "gitools.simulate import draw",
        "..book import claim",
        "above",
    ),
    (check_floors, _EM, ".simulate import draw", " import book", "above"),
    (
        check_floors,
        "gitools/mixtures/em.py",
        "from gitools.simulate import draw",
        "import gitools.book",
        "above",
    ),
    (check_floors, _EM, "simulate", "helper", "on no floor"),
    (check_floors, "gitools/helper.py", "", "import gitools.data\n", "is no floor"),
    (check_floors, "gitools/__init__.py", '"""Thin."""', "import gitools.data", "stays empty"),
    (check_thin, "gitools/simulate/__init__.py", "from", "SEED = 1\nfrom", "only re-exports"),
    (check_thin, "gitools/__init__.py", "", "def f(): ...\n", "__init__.py:1: an __init__"),
]


@pytest.mark.parametrize(("check", "name", "old", "new", "message"), BAD)
def test_a_bad_project_fails(root, check, name, old, new, message):
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    problems = _found(check, root)
    assert any(message in problem for problem in problems), problems


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_is_content(arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--quiet", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _listed():
    lines = (REFERENCE / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    return {name.removeprefix("./"): digest for digest, name in map(str.split, lines)}


def test_reference_outputs_are_the_listed_ones():
    there = {
        path.relative_to(REFERENCE).as_posix() for path in REFERENCE.rglob("*") if path.is_file()
    }
    assert there - {"SHA256SUMS"} == set(_listed())


@pytest.mark.parametrize("name", _listed())
def test_reference_output_is_unaltered(name):
    assert hashlib.sha256((REFERENCE / name).read_bytes()).hexdigest() == _listed()[name]
