"""Fetch the book's real data: ``python -m gitools.data [names]`` (all of them without names)."""

import sys
from collections.abc import Mapping, Sequence

from gitools.data.registry import REGISTRY, DataSet
from gitools.data.store import DataError, cache_folder, fetch


def main(names: Sequence[str], registry: Mapping[str, DataSet] = REGISTRY) -> int:
    """Fetch `names`, one printed line each.

    Parameters
    ----------
    names : sequence of str
        Names in the registry; all of it if empty.
    registry : mapping of str to DataSet, optional
        Where names are looked up.

    Returns
    -------
    int
        Exit status: 0, or 1 if any data set could not be had.
    """
    status = 0
    for name in names or registry:
        try:
            fetch(name, registry=registry, progress=True)
        except (DataError, ValueError) as error:
            print(f"failed: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"{name}: ready, {registry[name].form.size}")
    try:
        print(f"cache: {cache_folder()}")
    except DataError as error:
        print(f"failed: {error}", file=sys.stderr)
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
