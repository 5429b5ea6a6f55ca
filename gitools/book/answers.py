"""Checks of a reader's answers to the exercises."""

import math
from pathlib import Path

import numpy as np
import yaml

from gitools.book.root import find_root


def load_answers(path: str | Path) -> dict[str, dict]:
    """Read and validate the file of expected answers.

    Parameters
    ----------
    path : path
        A YAML file: a list of entries with ``id``, ``expected`` (a number, a text or a list),
        ``tolerance`` (absolute; for numbers), ``right`` (what is said to a right answer) and
        ``wrong``: typical wrong answers, each a ``value`` and what it ``says``.

    Returns
    -------
    dict
        The entries by id.

    Raises
    ------
    ValueError
        If an entry is incomplete, an id repeats, or a wrong answer would count as right.
    """
    answers = {}
    for entry in yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []:
        missing = {"id", "expected", "right", "wrong"} - set(entry)
        if missing:
            raise ValueError(f"{path}: answer {entry.get('id')!r} lacks {sorted(missing)}")
        if entry["id"] in answers:
            raise ValueError(f"{path}: answer {entry['id']!r} stands twice")
        try:
            _check_tolerance(entry.get("tolerance", 0))
            for wrong in entry["wrong"]:
                _check_wrong(wrong, entry)
        except ValueError as error:
            raise ValueError(f"{path}: answer {entry['id']!r}: {error}") from error
        answers[entry["id"]] = entry
    return answers


def _check_tolerance(tolerance) -> None:
    is_number = isinstance(tolerance, int | float) and not isinstance(tolerance, bool)
    if not is_number or not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance: got {tolerance!r}, expected a number of at least 0")


def _check_wrong(wrong, entry) -> None:
    if not isinstance(wrong, dict) or set(wrong) != {"value", "says"}:
        raise ValueError(f"wrong: got {wrong!r}, expected a value and what it says")
    try:
        _check_kind(wrong["value"], entry["expected"])
    except ValueError as error:
        raise ValueError(f"wrong {error}") from error
    if _agrees(wrong["value"], entry["expected"], entry.get("tolerance", 0)):
        raise ValueError(f"{wrong['value']!r} would be right")


def judge(entry: dict, value) -> tuple[bool, str]:
    """Judge one answer.

    Parameters
    ----------
    entry : dict
        An entry of `load_answers`.
    value : number, str, bool or sequence
        The reader's answer.

    Returns
    -------
    right : bool
    text : str
        What is said to the reader.

    Raises
    ------
    ValueError
        If the answer is of another kind than the expected one.
    """
    expected, tolerance = entry["expected"], entry.get("tolerance", 0)
    _check_kind(value, expected)
    if _agrees(value, expected, tolerance):
        return True, f"Right. {entry['right']}"
    for wrong in entry["wrong"]:
        if _agrees(value, wrong["value"], tolerance):
            return False, f"Not yet. {wrong['says']}"
    return False, "Not yet. Look at the hint, or open the solution."


def _check_kind(value, expected) -> None:
    kinds = "number" if np.asarray(expected).dtype.kind in "iufb" else "text"
    shape = np.asarray(expected).shape
    try:
        given = np.asarray(value)
        fits = given.dtype.kind in ("iufb" if kinds == "number" else "U") and given.shape == shape
    except ValueError:
        # Rows of different lengths are no array at all.
        fits = False
    if not fits:
        what = f"{kinds}s of shape {shape}" if shape else f"one {kinds}"
        raise ValueError(f"value: got {value!r}, expected {what}")


def _agrees(value, expected, tolerance) -> bool:
    value, expected = np.asarray(value), np.asarray(expected)
    if value.shape != expected.shape:
        return False
    if expected.dtype.kind in "iufb":
        near = np.abs(value.astype(float) - expected.astype(float)) <= tolerance + 1e-12
        return bool(np.all(near))
    return bool(np.all(np.char.lower(np.char.strip(value)) == np.char.lower(expected)))


def check_answer(id: str, value) -> None:
    """Say whether an answer to an exercise is right, with a hint where it is a common slip.

    Parameters
    ----------
    id : str
        Id of the exercise, for example ``"11-2"``.
    value : number, str, bool or sequence
        Your answer.

    Raises
    ------
    ValueError
        If there is no such exercise, or the answer is of another kind or shape than expected.
    """
    answers = load_answers(find_root() / "book" / "answers.yml")
    if id not in answers:
        raise ValueError(f"id: got {id!r}, expected one of {', '.join(sorted(answers))}")
    print(judge(answers[id], value)[1])
