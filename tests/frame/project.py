"""Checks of the project around the pages: packages, contents, floors of the helper package."""

import ast
import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .pages import Book, toc_files
from .sections import minutes_of, title_of

# Lowest first: a module imports from its own floor and those below.
FLOORS = (
    "simulate",
    "data",
    "association",
    "mixtures",
    "shrinkage",
    "genomes",
    "structure",
    "pipeline",
    "book",
)
_HEAVY = ("nvidia", "cuda", "triton")
_CHAPTER_PATH = re.compile(r"notebooks/[\w/]+?/\d\d_\w+")


def declared(root: Path) -> dict[str, Requirement]:
    """Packages of pyproject.toml, of all its extras, by name."""
    project = _project(root)
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def _project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def check_conda(root: Path) -> list[str]:
    """environment.yml names the packages of pyproject.toml, with the same bounds."""
    listed = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    nested = [line for item in listed if isinstance(item, dict) for line in item["pip"]]
    lines = [item for item in listed if isinstance(item, str)] + nested
    conda = {
        canonicalize_name(r.name): r.specifier
        for r in (Requirement(line) for line in lines if not line.startswith("-"))
    }
    conda.pop("pip", None)
    project = {name: requirement.specifier for name, requirement in declared(root).items()}
    project["python"] = Requirement("python" + _project(root)["requires-python"]).specifier
    return [
        f"{name}: environment.yml says {_said(conda, name)}, "
        f"pyproject.toml says {_said(project, name)}"
        for name in sorted(set(conda) | set(project))
        if conda.get(name) != project.get(name)
    ]


def _said(specifiers: dict, name: str) -> str:
    return str(specifiers[name]) or "any" if name in specifiers else "nothing"


def check_bounds(root: Path) -> list[str]:
    """Every declared package has a lower and an upper bound."""
    problems = []
    for name, requirement in declared(root).items():
        operators = {specifier.operator for specifier in requirement.specifier}
        if not (operators & {">=", ">", "=="} and operators & {"<", "<=", "=="}):
            problems.append(f"{name}: {requirement} has no lower or no upper bound")
    return problems


def check_lock(root: Path) -> list[str]:
    """constraints.txt pins each declared package within its bounds, and none of a GPU's."""
    project, pinned, problems = declared(root), set(), []
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        try:
            lock = Requirement(line)
        except InvalidRequirement:
            problems.append(f"constraints.txt: {line!r} is no constraint")
            continue
        name = canonicalize_name(lock.name)
        pinned.add(name)
        versions = [s.version for s in lock.specifier if s.operator == "=="]
        if len(versions) != 1:
            problems.append(f"{name}: {line!r} does not pin one version")
        elif name in project and versions[0] not in project[name].specifier:
            problems.append(f"{name}: {line!r} is outside {project[name].specifier}")
        if name.startswith(_HEAVY):
            problems.append(f"{name}: needed on machines with one kind of GPU only")
    return problems + [f"{name}: not in constraints.txt" for name in project if name not in pinned]


def check_toc(book: Book) -> list[str]:
    """The table of contents lists exactly the pages that exist, each once."""
    listed = toc_files(book.root)
    there = [p.path.relative_to(book.root).with_suffix("").as_posix() for p in book.pages]
    problems = [f"{name} is listed in _toc.yml but not there" for name in set(listed) - set(there)]
    problems += [f"{name} is not listed in _toc.yml" for name in there if name not in listed]
    twice = {name for name in listed if listed.count(name) > 1}
    return problems + [f"{name} is listed twice in _toc.yml" for name in twice]


def check_readme(book: Book) -> list[str]:
    """The README's chapter list names the chapters, with the title and the minutes of each."""
    lines = (book.root / "README.md").read_text(encoding="utf-8").splitlines()
    named = {path: line for line in lines for path in _CHAPTER_PATH.findall(line)}
    problems = []
    for page in book.chapters:
        name = page.path.relative_to(book.root).with_suffix("").as_posix()
        line = named.pop(name, None)
        if line is None:
            problems.append(f"README.md does not link {name}.ipynb")
            continue
        if title_of(page) not in line:
            problems.append(f"README.md: {name} without its title {title_of(page)!r}: {line}")
        if not re.search(rf"\b{minutes_of(page)}\b", line.replace(name, "")):
            problems.append(f"README.md: {name} without its {minutes_of(page)} minutes: {line}")
    return problems + [f"README.md links {name}, which is not there" for name in named]


def check_floors(root: Path) -> list[str]:
    """A module of gitools imports only from its own floor and those below."""
    problems = []
    for path in sorted((root / "gitools").rglob("*.py")):
        module = path.relative_to(root).with_suffix("").parts
        for imported in _imported(path, module):
            if problem := _floor_problem(module, imported):
                problems.append(f"{path.relative_to(root).as_posix()}: {problem}")
    return problems


def _imported(path: Path, module: tuple[str, ...]) -> list[list[str]]:
    """Modules of gitools that a file imports, in any scope, as lists of names."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(module[: len(module) - node.level]) if node.level else []
            base += (node.module or "").split(".") if node.module else []
            # "from gitools import book" names the floor only in what it imports.
            found += [[*base, alias.name] for alias in node.names]
    return [names for names in found if names[0] == "gitools"]


def _floor_problem(module: tuple[str, ...], imported: list[str]) -> str | None:
    own = module[1]
    if own == "__init__":
        return f"the package's __init__ imports {'.'.join(imported)}; it stays empty"
    if own not in FLOORS:
        return f"{own!r} is no floor of gitools, expected one of {', '.join(FLOORS)}"
    below = imported[1] if len(imported) > 1 else ""
    if below not in FLOORS:
        return f"imports {'.'.join(imported)}, which is on no floor"
    if FLOORS.index(below) > FLOORS.index(own):
        return f"imports {'.'.join(imported)}, a floor above {own}"
    return None


def check_thin(root: Path) -> list[str]:
    """The ``__init__`` files re-export and define nothing of their own."""
    allowed = (ast.Import, ast.ImportFrom)
    problems = []
    for path in sorted((root / "gitools").rglob("__init__.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_all = isinstance(node, ast.Assign) and node.targets[0].id in (
                "__all__",
                "__version__",
            )
            if not (isinstance(node, allowed) or is_docstring or is_all):
                where = f"{path.relative_to(root).as_posix()}:{node.lineno}"
                problems.append(f"{where}: an __init__ only re-exports")
    return problems
