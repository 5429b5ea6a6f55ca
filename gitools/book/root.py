"""Where the book is."""

from pathlib import Path


def find_root(start: str | Path | None = None) -> Path:
    """Folder of the book that holds `start`.

    Parameters
    ----------
    start : path, optional
        Where to begin looking upwards; the working folder by default (a notebook's kernel
        works in the notebook's own folder).

    Returns
    -------
    Path
        The first folder at or above `start` that holds ``_toc.yml``.

    Raises
    ------
    FileNotFoundError
        If no folder above holds one.
    """
    start = Path.cwd() if start is None else Path(start).resolve()
    for folder in (start, *start.parents):
        if (folder / "_toc.yml").is_file():
            return folder
    raise FileNotFoundError(f"no _toc.yml at or above {start}: this is no folder of the book")


def chapters(root: str | Path) -> list[Path]:
    """Notebooks of the book under `root`, in the order of their two digits."""
    return sorted(Path(root).glob("notebooks/*/[0-9][0-9]_*.ipynb"))
