"""Stamps: what a notebook's outputs were made from, so that stale ones are found.

A stamp holds three hashes: of the notebook's code, of the files that the code depends on
(the modules of gitools that it imports, directly or through other modules, their package data,
and the files it declares to read), and of its outputs. Source text is hashed as it stands.
"""

import ast
import hashlib
import json
from pathlib import Path

import yaml

_DATA_SUFFIXES = {".safetensors", ".npz", ".csv", ".json", ".html", ".js", ".css"}


def stamp_of(notebook, root: str | Path) -> dict[str, str]:
    """Stamp that fits the notebook as it is.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook, with its outputs.
    root : path
        The book's folder.

    Returns
    -------
    dict
        ``code``, ``depends`` and ``outputs``: sha256 in hexadecimal.
    """
    root = Path(root).resolve()
    code = [c for c in notebook.cells if c.cell_type == "code"]
    sources = [[c.source, sorted(c.metadata.get("tags", []))] for c in code]
    depends = [
        [path.relative_to(root).as_posix(), _file_hash(path)]
        for path in dependencies(notebook, root)
    ]
    depends += _answers("\n".join(c.source for c in code), root)
    return {
        "code": _hash(sources),
        "depends": _hash(depends),
        "outputs": _hash([c.outputs for c in code]),
    }


def is_stale(notebook, root: str | Path) -> str | None:
    """Why the notebook's outputs are not to be trusted, or None when they are.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook, with its outputs and its stamp.
    root : path
        The book's folder.

    Returns
    -------
    str or None
        A reason in a few words.
    """
    old = notebook.metadata.get("gitools", {}).get("stamp")
    if old is None:
        return "never stamped"
    new = stamp_of(notebook, root)
    reasons = {
        "code": "its code has changed",
        "depends": "a file it depends on has changed",
        "outputs": "its outputs were edited",
    }
    changed = [reasons[key] for key in reasons if old.get(key) != new[key]]
    return "; ".join(changed) or None


def dependencies(notebook, root: str | Path) -> list[Path]:
    """Files that the outputs of a notebook depend on.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        A notebook; what it reads beside modules stands in ``metadata.gitools.reads``.
    root : path
        The book's folder.

    Returns
    -------
    list of Path
        Modules of gitools and their package data, then declared files, sorted.

    Raises
    ------
    FileNotFoundError
        If a declared file is not there.
    SyntaxError
        If a cell is no plain Python.
    """
    root = Path(root).resolve()
    todo = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            todo |= _cell_imports(cell.source, root)
    found = set()
    while todo:
        path = todo.pop()
        found.add(path)
        package = path.parent.relative_to(root).parts
        todo |= _imports(path.read_text(encoding="utf-8"), root, package) - found
    for path in list(found):
        found |= set(_package_data(path))
    for name in notebook.metadata.get("gitools", {}).get("reads", []):
        if not (root / name).is_file():
            raise FileNotFoundError(f"{name}: declared in metadata.gitools.reads, but not there")
        found.add(root / name)
    return sorted(found)


def _answers(source: str, root: Path) -> list:
    """Entries of the answers' file that the code names: what `check_answer` prints."""
    if "check_answer" not in source:
        return []
    entries = yaml.safe_load((root / "book" / "answers.yml").read_text(encoding="utf-8"))
    return [e for e in entries if f'"{e["id"]}"' in source or f"'{e['id']}'" in source]


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cell_imports(source: str, root: Path) -> set[Path]:
    try:
        return _imports(source, root)
    except SyntaxError as error:
        first = source.strip().splitlines()[0]
        raise SyntaxError(f"the cell {first!r} is no plain Python: {error.msg}") from error


def _imports(source: str, root: Path, package: tuple[str, ...] = ()) -> set[Path]:
    """Files of gitools that a text imports, looking through thin ``__init__`` files.

    `package` is the one that holds the text, which its relative imports start from.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _module_files(alias.name, root)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found |= _resolve(_absolute(node, package), alias.name, root)
    return found


def _absolute(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    """Full name of the module that a ``from`` imports from."""
    base = package[: len(package) - node.level + 1] if node.level else ()
    return ".".join([*base, *([node.module] if node.module else [])])


def _module_files(module: str, root: Path) -> set[Path]:
    """Files behind ``import module``: one file, or all that a package's __init__ exports."""
    if module.split(".")[0] != "gitools":
        return set()
    path = root.joinpath(*module.split("."))
    if path.with_suffix(".py").is_file():
        return {path.with_suffix(".py")}
    exports = _exports(path / "__init__.py", root)
    return {file for origin, name in exports.values() for file in _resolve(origin, name, root)}


def _resolve(module: str, name: str, root: Path) -> set[Path]:
    """Files behind ``from module import name``."""
    if module.split(".")[0] != "gitools":
        return set()
    path = root.joinpath(*module.split("."))
    if path.with_suffix(".py").is_file():
        return {path.with_suffix(".py")}
    if (path / f"{name}.py").is_file() or (path / name / "__init__.py").is_file():
        return _module_files(f"{module}.{name}", root)
    if name == "*":
        return _module_files(module, root)
    exports = _exports(path / "__init__.py", root)
    if name in exports:
        return _resolve(*exports[name], root)
    return {path / "__init__.py"} if (path / "__init__.py").is_file() else set()


def _exports(init: Path, root: Path) -> dict[str, tuple[str, str]]:
    """What an ``__init__`` re-exports: local name to (module, name there)."""
    if not init.is_file():
        return {}
    package = init.parent.relative_to(root).parts
    exports = {}
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                exports[alias.asname or alias.name] = (_absolute(node, package), alias.name)
    return exports


def _package_data(module: Path) -> list[Path]:
    """Data files beside a module that its text names."""
    text = module.read_text(encoding="utf-8")
    return [p for p in module.parent.iterdir() if p.suffix in _DATA_SUFFIXES and p.name in text]
