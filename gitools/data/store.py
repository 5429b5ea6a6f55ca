"""Getting a data set, keeping it, opening it.

Only `fetch` may use the network; `available` and `load` look at the disk alone.
"""

import errno
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.data.registry import REGISTRY, DataSet

PUBLIC_ADDRESS = "https://raw.githubusercontent.com"
TIMEOUT_SECONDS = 30
INSTALL_HINT = "install the book's packages again (the extra [data] holds it)"


class DataError(RuntimeError):
    """A data set could not be fetched, converted, kept or opened."""


class DataNotAvailable(DataError):
    """A data set has not been fetched on this machine."""


def cache_folder() -> Path:
    """Folder of the originals and the converted copies.

    Returns
    -------
    Path
        The environment variable GITOOLS_DATA_CACHE if set, otherwise the folder
        "genotype-to-trait" among the user's caches. It need not exist yet.

    Raises
    ------
    DataError
        If neither the variable nor the package platformdirs is there to tell.
    """
    chosen = os.environ.get("GITOOLS_DATA_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    try:
        # Where pooch puts things; pooch itself would write a warning into a notebook's outputs.
        from platformdirs import user_cache_path
    except ImportError as error:
        raise DataError(f"real data need the package platformdirs; {INSTALL_HINT}") from error
    return user_cache_path("genotype-to-trait")


def source_address(data_set: DataSet) -> str:
    """Where `fetch` gets the original of `data_set`.

    Parameters
    ----------
    data_set : DataSet
        An entry of the registry.

    Returns
    -------
    str
        Its public address; its address or path on the mirror where the environment variable
        GITOOLS_DATA_MIRROR names one (a folder, or the http address of one).
    """
    base = os.environ.get("GITOOLS_DATA_MIRROR") or PUBLIC_ADDRESS
    return f"{base.rstrip('/')}/{data_set.location}"


def available(name: str, *, registry: Mapping[str, DataSet] = REGISTRY) -> bool:
    """Whether `load` can open the data set `name` without the network.

    Parameters
    ----------
    name : str
        A name in the registry.
    registry : mapping of str to DataSet, optional
        Where names are looked up.

    Returns
    -------
    bool
        True where the converted copy or the original is in the cache, or the original in a
        folder named by GITOOLS_DATA_MIRROR. Presence is asked, not soundness: a damaged file is
        reported by `load`.

    Raises
    ------
    ValueError
        If `name` is not in the registry.
    """
    data_set = _look_up(name, registry)
    try:
        return bool(_converted_copies(data_set)) or _local_original(data_set) is not None
    except DataError:
        return False


def fetch(name: str, *, registry: Mapping[str, DataSet] = REGISTRY, progress: bool = False) -> Path:
    """Get a data set, check it, convert it and keep the result in the cache.

    Nothing is done where a sound converted copy is already there. The original comes from
    the mirror where GITOOLS_DATA_MIRROR names one, otherwise from its public address; it is
    refused unless its sha256 is the registry's.

    Parameters
    ----------
    name : str
        A name in the registry.
    registry : mapping of str to DataSet, optional
        Where names are looked up.
    progress : bool, optional
        Show a progress bar while downloading (never where GITOOLS_QUIET is set).

    Returns
    -------
    Path
        The converted copy: a table as gzip-compressed csv, arrays as npz.

    Raises
    ------
    ValueError
        If `name` is not in the registry.
    DataError
        If the original cannot be had, is cut short or altered, or cannot be converted or
        written; nothing half-written is left.
    """
    data_set = _look_up(name, registry)
    converted = _sound_copy(data_set)
    if converted is not None:
        return converted
    if _mirror_folder() is None:
        original = _download(data_set, progress)
    else:
        original = _local_original(data_set)
        if original is None:
            raise _fault(
                data_set,
                f"the mirror holds no {source_address(data_set)}",
                "point GITOOLS_DATA_MIRROR at a full mirror, or unset it and run `make data`",
            )
    return _make_copy(data_set, original)


def load(name: str, *, registry: Mapping[str, DataSet] = REGISTRY):
    """Open a data set, without the network.

    A converted copy that is missing or damaged in the cache is made anew where the original lies
    in the cache or in a mirror folder.

    Parameters
    ----------
    name : str
        A name in the registry.
    registry : mapping of str to DataSet, optional
        Where names are looked up.

    Returns
    -------
    DataFrame of shape [rows, columns], or dict of str to ndarray
        A table or arrays, with names, shapes, types and units as the registry's entry says.

    Raises
    ------
    ValueError
        If `name` is not in the registry.
    DataNotAvailable
        If the data set has not been fetched.
    DataError
        If what is there is damaged, or cannot be converted, written or read.
    """
    data_set = _look_up(name, registry)
    copy = _sound_copy(data_set)
    if copy is None:
        original = _local_original(data_set)
        if original is None:
            raise _nothing_to_open(data_set)
        copy = _make_copy(data_set, original)
    with _disk(data_set, "the converted copy could not be read"):
        return data_set.form.parse(copy)


def _look_up(name: str, registry: Mapping[str, DataSet]) -> DataSet:
    if not isinstance(name, str) or name not in registry:
        raise ValueError(f"name: got {name!r}; expected one of {', '.join(registry)}")
    return registry[name]


def _fault(
    data_set: DataSet, what: str, remedy: str, kind: type[DataError] = DataError
) -> DataError:
    return kind(f"data set {data_set.name}: {what}; {remedy}")


def _nothing_to_open(data_set: DataSet) -> DataError:
    if _converted_copies(data_set):
        what = "its converted copy in the cache is damaged and no original is here to mend it"
        return _fault(data_set, what, "run `make data`")
    return _fault(data_set, "it is not here", "run `make data` to get it", DataNotAvailable)


@contextmanager
def _disk(data_set: DataSet, what: str) -> Iterator[None]:
    """Turn a failure of the file system into one line that says what to do."""
    try:
        yield
    except OSError as error:
        remedy = "make room there" if error.errno == errno.ENOSPC else "see to that folder"
        raise _fault(
            data_set,
            f"{what} in {cache_folder()} ({error.strerror or error})",
            f"{remedy}, or name another with GITOOLS_DATA_CACHE, and run `make data`",
        ) from error


def _mirror_folder() -> Path | None:
    mirror = os.environ.get("GITOOLS_DATA_MIRROR")
    if not mirror or mirror.startswith(("http://", "https://")):
        return None
    return Path(mirror).expanduser()


def _cached_originals() -> Path:
    # Laid out as a mirror, so that one reader's cache can serve as another's mirror.
    return cache_folder() / "originals"


def _local_original(data_set: DataSet) -> Path | None:
    folders = (_mirror_folder(), _cached_originals())
    paths = [folder / data_set.location for folder in folders if folder is not None]
    return next((path for path in paths if path.is_file()), None)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _copies_folder() -> Path:
    return cache_folder() / "converted"


def _copy_name(data_set: DataSet, sha256: str) -> str:
    original = data_set.sha256[:12]
    return f"{data_set.name}-{original}-v{data_set.version}-{sha256}{data_set.form.suffix}"


def _converted_copies(data_set: DataSet) -> list[Path]:
    return sorted(_copies_folder().glob(_copy_name(data_set, "*")))


def _sound_copy(data_set: DataSet) -> Path | None:
    """The converted copy whose content still has the sha256 that its name carries."""
    with _disk(data_set, "the converted copy could not be read"):
        for path in _converted_copies(data_set):
            if path.name == _copy_name(data_set, _sha256(path.read_bytes())):
                return path
    return None


def _download(data_set: DataSet, progress: bool) -> Path:
    """Get the original over http into the cache; pooch renames it there once it is checked."""
    try:
        import pooch
        from tqdm import tqdm
    except ImportError as error:
        raise _fault(data_set, f"the package {error.name} is missing", INSTALL_HINT) from error

    target = _cached_originals() / data_set.location
    hidden = not progress or bool(os.environ.get("GITOOLS_QUIET"))
    options = {"desc": data_set.name, "total": data_set.n_bytes, "unit": "B", "unit_scale": True}
    with tqdm(disable=hidden, leave=False, **options) as bar, _quiet(pooch.get_logger()):
        downloader = pooch.HTTPDownloader(
            progressbar=False if hidden else bar, timeout=TIMEOUT_SECONDS
        )
        try:
            with _disk(data_set, "the download could not be written"), _network(data_set):
                pooch.retrieve(
                    source_address(data_set),
                    known_hash=f"sha256:{data_set.sha256}",
                    fname=target.name,
                    path=target.parent,
                    downloader=downloader,
                )
        except DataError:
            _remove_empty_folders(target.parent, _cached_originals())
            raise
    return target


@contextmanager
def _network(data_set: DataSet) -> Iterator[None]:
    """Turn a failure of the download into one line that says what to do."""
    # Comes with pooch.
    from requests import exceptions

    address = source_address(data_set)
    again = "run `make data` again, or name a mirror with GITOOLS_DATA_MIRROR"
    try:
        yield
    except exceptions.HTTPError as error:
        status = error.response.status_code
        raise _fault(data_set, f"{address} answered with status {status}", again) from error
    except exceptions.RequestException as error:
        what = f"{address} could not be reached, or broke off ({type(error).__name__})"
        raise _fault(data_set, what, f"check the network and {again}") from error
    except ValueError as error:
        what = f"what {address} sent is not the published file (cut short or altered)"
        raise _fault(data_set, what, f"it was refused; {again}") from error


def _remove_empty_folders(folder: Path, top: Path) -> None:
    while folder != top.parent:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep a library's progress messages out of notebooks for a while."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _make_copy(data_set: DataSet, original: Path) -> Path:
    """Convert `original` and keep the result under a name that carries its sha256."""
    _check_original(data_set, original)
    content = data_set.form.serialise(_converted(data_set, original))
    name = _copy_name(data_set, _sha256(content))
    path = _copies_folder() / name
    with _disk(data_set, "the converted copy could not be written"):
        _write(path, content)
    return path


def _check_original(data_set: DataSet, original: Path) -> None:
    with _disk(data_set, f"{original} could not be read"):
        content = original.read_bytes()
    if _sha256(content) != data_set.sha256:
        raise _fault(
            data_set,
            f"{original} is not the published file ({len(content):,} bytes, expected "
            f"{data_set.n_bytes:,}, with the sha256 {data_set.sha256[:12]}...)",
            "remove it and run `make data`",
        )


def _converted(data_set: DataSet, original: Path) -> pd.DataFrame | dict[str, np.ndarray]:
    try:
        content = data_set.convert(original)
        data_set.form.check(content)
    except ImportError as error:
        raise _fault(data_set, f"the package {error.name} is missing", INSTALL_HINT) from error
    # The bytes are the published ones: whatever a parser raises means that it is at fault.
    except Exception as error:
        raise _fault(
            data_set,
            f"its original could not be converted ({type(error).__name__}: {error})",
            "check that the installed packages are those of constraints.txt",
        ) from error
    return content


def _write(path: Path, content: bytes) -> None:
    """Write all of `content` or nothing: under another name first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
