"""Reading summary statistics: any file near the GWAS-SSF standard, some rows at a time.

References
----------
Hayhurst, J. et al. (2022). A community driven GWAS summary statistics standard. bioRxiv
2022.07.15.500230 (GWAS-SSF).
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_ndtr
from scipy.stats import norm

from gitools.pipeline.columns import STATISTICS_ALIASES, require, standard_columns

ROWS_AT_ONCE = 100_000
_GZIP = b"\x1f\x8b"
_TEXT = ("chromosome", "effect_allele", "other_allele")
_CHROMOSOMES = {"23": "X", "24": "Y", "26": "MT", "M": "MT"}
_WANTED = (
    "chromosome",
    "base_pair_location",
    "effect_allele",
    "other_allele",
    ("beta", "odds_ratio"),
)
# An effect column of this many rows without one negative value cannot be what it says.
_ENOUGH_EFFECTS = 50
# -log10 p-values that differ by this plus this share were not made of the same z.
_P_SLACK = 0.1


class CleanRows(NamedTuple):
    """Some rows of a file, checked one by one.

    Attributes
    ----------
    table : DataFrame
        The sound rows: row (int, 1 for the first below the header), chromosome, position,
        effect_allele, other_allele, z (effect over its standard error), n, frequency (of the effect
        allele, NaN where the file has none).
    dropped : DataFrame
        The others: row, fate.
    """

    table: pd.DataFrame
    dropped: pd.DataFrame


def read_statistics(path, *, n=None, columns=None) -> CleanRows:
    """Read a whole file of summary statistics.

    Parameters
    ----------
    path : path
        Tab-separated text with a header, gzip-compressed or not; GWAS-SSF names or common aliases.
        Effects are linear ones or log odds ratios (``beta``), or odds ratios (``odds_ratio``, with
        the standard error of the *log* odds ratio, or ``ci_lower`` and ``ci_upper`` at 95 %).
    n : float, optional
        Number of people, where the file has no column ``n``. For cases and controls the effective
        number, 4 / (1/cases + 1/controls).
    columns : dict of str to str, optional
        Standard name to the file's name, for columns under other names.

    Returns
    -------
    CleanRows

    Raises
    ------
    ValueError
        If the file is empty, damaged or not tab-separated, lacks columns (all are named), holds
        odds ratios as ``beta``, or standard errors that contradict its p-values; if n is needed
        and missing, or below 3.
    FileNotFoundError
        If there is no such file.
    """
    parts = list(clean_chunks(path, n=n, columns=columns))
    return CleanRows(
        pd.concat([part.table for part in parts], ignore_index=True),
        pd.concat([part.dropped for part in parts], ignore_index=True),
    )


def clean_chunks(
    path, *, n=None, columns=None, rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[CleanRows]:
    """As `read_statistics`, some rows at a time, so that memory does not depend on their number.

    What speaks of the file as a whole is checked when its last rows have been read.

    Parameters
    ----------
    path, n, columns
        See `read_statistics`.
    rows_at_once : int

    Yields
    ------
    CleanRows

    Raises
    ------
    ValueError, FileNotFoundError
        See `read_statistics`.
    """
    path = Path(path)
    chosen = _header(path, n, columns)
    seen = Counter()
    start = 1
    for chunk in _chunks(path, chosen, rows_at_once):
        chunk.columns = [{v: k for k, v in chosen.items()}[column] for column in chunk.columns]
        chunk.insert(0, "row", np.arange(start, start + len(chunk)))
        start += len(chunk)
        yield _clean(chunk, n, seen)
    if start == 1:
        raise ValueError(f"path: got {path.name} with a header and no rows")
    _check_whole(path, seen)


def normal_chromosomes(values: pd.Series) -> pd.Series:
    """Chromosome names in one form: "chr01" and "1.0" become "1", "23" becomes "X".

    Parameters
    ----------
    values : Series
        Names or numbers; missing ones stay missing.

    Returns
    -------
    Series of str
    """
    names = {}
    for value in values.dropna().unique():
        text = str(value).strip().upper().removeprefix("CHR").removesuffix(".0").lstrip("0")
        names[value] = _CHROMOSOMES.get(text, text)
    return values.map(names)


def _header(path, n, columns):
    """Standard name to the file's name, for the columns that are used."""
    if not path.is_file():
        raise FileNotFoundError(f"path: got {path}, where there is no file")
    with _reading(path), _open(path) as file:
        line = file.readline().rstrip("\r\n")
    if "\t" not in line:
        raise ValueError(
            f"path: got {path.name} whose first line has no tab, expected tab-separated columns "
            f"with a header; it begins {line[:60]!r}"
        )
    found = line.split("\t")
    chosen = standard_columns(found, STATISTICS_ALIASES, columns, name=path.name)
    require(chosen, _WANTED, found, name=path.name)
    if "standard_error" not in chosen and not {"ci_lower", "ci_upper"} <= set(chosen):
        require(chosen, ["standard_error"], found, name=path.name)
    if n is None:
        if "n" not in chosen:
            raise ValueError(f"n: got none, and {path.name} has no column n; expected one of both")
    elif not np.isfinite(n) or n < 3:
        raise ValueError(f"n: got {n!r}, expected a finite number of at least 3")
    return chosen


def _open(path):
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rt", encoding="utf-8") if packed else open(path, encoding="utf-8")


class _reading:
    """Turn the faults of a damaged file into one line that names it."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        damage = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, pd.errors.ParserError)
        if kind is not None and issubclass(kind, damage):
            raise ValueError(f"path: {self.path.name} is damaged or cut short ({error})") from error


def _chunks(path, chosen, rows_at_once):
    text = {chosen[name]: str for name in _TEXT if name in chosen}
    with _reading(path), _open(path) as file:
        yield from pd.read_csv(
            file, sep="\t", usecols=list(chosen.values()), dtype=text, chunksize=rows_at_once,
            na_values=["NA", "."], quoting=3,
        )  # fmt: skip


def _clean(chunk, n, seen):
    numbers = {
        name: pd.to_numeric(chunk[name], errors="coerce").to_numpy(float)
        for name in chunk.columns
        if name not in ("row", *_TEXT)
    }
    numbers.setdefault("n", np.full(len(chunk), np.nan if n is None else float(n)))
    if n is not None:
        numbers["n"][:] = n
    effect, se, ratio = _effects(numbers)
    chromosome = normal_chromosomes(chunk["chromosome"])
    alleles = [chunk[name].str.strip().str.upper() for name in ("effect_allele", "other_allele")]
    position, frequency = numbers["base_pair_location"], numbers.get("effect_allele_frequency")
    needed = np.column_stack([effect, se, position, numbers["n"]])
    fates = np.full(len(chunk), "", dtype=object)
    # The first reason that holds is the one that is reported.
    reasons = {
        "missing_value": np.isnan(needed).any(axis=1) | chromosome.isna()
        | alleles[0].isna() | alleles[1].isna(),
        "bad_odds_ratio": np.zeros(len(chunk), bool) if ratio is None else ratio <= 0,
        "infinite_value": np.isinf(needed).any(axis=1),
        "bad_standard_error": se <= 0,
        "bad_frequency": np.zeros(len(chunk), bool) if frequency is None
        else (frequency < 0) | (frequency > 1),
        "bad_allele": ~_sound_alleles(*alleles),
    }  # fmt: skip
    for fate, holds in reasons.items():
        fates[(fates == "") & np.asarray(holds)] = fate
    sound = fates == ""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = effect / se
    _watch(seen, numbers, effect[sound], z[sound], sound)
    table = pd.DataFrame(
        {
            "row": chunk["row"],
            "chromosome": chromosome,
            "position": np.where(sound, position, 0).astype(np.int64),
            "effect_allele": alleles[0],
            "other_allele": alleles[1],
            "z": z,
            "n": numbers["n"],
            "frequency": np.nan if frequency is None else frequency,
        }
    )
    dropped = pd.DataFrame({"row": chunk["row"][~sound], "fate": fates[~sound]})
    return CleanRows(table[sound].reset_index(drop=True), dropped.reset_index(drop=True))


def _effects(numbers):
    """Effect and standard error on the additive scale, and the odds ratios if there are any."""
    ratio = None if "beta" in numbers else numbers["odds_ratio"]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A ratio that has no logarithm is reported under its own name.
        effect = numbers["beta"] if ratio is None else np.log(np.where(ratio <= 0, 1, ratio))
        if "standard_error" in numbers:
            return effect, numbers["standard_error"], ratio
        low, high = numbers["ci_lower"], numbers["ci_upper"]
        if ratio is not None:
            low, high = np.log(low), np.log(high)
    return effect, (high - low) / (2 * norm.ppf(0.975)), ratio


def _sound_alleles(first, second):
    bases = [allele.str.fullmatch("[ACGT]+", na=False).to_numpy(bool) for allele in (first, second)]
    return bases[0] & bases[1] & (first != second).to_numpy(bool)


def _watch(seen, numbers, effect, z, sound):
    """Count what is judged once the whole file has been read."""
    if "beta" in numbers:
        seen["effects"] += len(effect)
        seen["positive"] += int(np.sum(effect > 0))
        seen["near_one"] += int(np.sum((effect > 0.2) & (effect < 5)))
    if "neg_log_10_p_value" in numbers:
        reported = numbers["neg_log_10_p_value"][sound]
    elif "p_value" in numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            reported = -np.log10(numbers["p_value"][sound])
    else:
        return
    ours = -(log_ndtr(-np.abs(z)) + np.log(2)) / np.log(10)
    compared = np.isfinite(reported)
    difference = np.abs(ours - reported)[compared]
    seen["compared"] += int(compared.sum())
    seen["p_differs"] += int(np.sum(difference > _P_SLACK * (1 + ours[compared])))


def _check_whole(path, seen):
    n_effects = seen["effects"]
    if n_effects >= _ENOUGH_EFFECTS and seen["positive"] == n_effects:
        hint = " They look like odds ratios" if seen["near_one"] > 0.9 * n_effects else ""
        raise ValueError(
            f"beta: got {n_effects} effects in {path.name} and none is negative, expected linear "
            f"effects or log odds ratios.{hint}; name the column with columns={{'odds_ratio': ...}}"
        )
    if seen["compared"] >= _ENOUGH_EFFECTS and seen["p_differs"] > 0.5 * seen["compared"]:
        raise ValueError(
            f"standard_error: got {seen['p_differs']} of {seen['compared']} rows in {path.name} "
            "whose p-value is not that of effect / standard error, expected them to agree. Is the "
            "standard error that of the log odds ratio?"
        )
