"""Making two sources speak of the same allele: summary statistics and a reference panel.

Alleles are compared as numbers, A, C, G, T = 0, 1, 2, 3, so that 3 - a is the base on the other
strand. Alleles of several bases are compared as text and never read off the other strand.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from gitools.pipeline.fates import KEPT, fate_table

_CODES = {"A": 0, "C": 1, "G": 2, "T": 3}
_LONG = -1
AMBIGUOUS_RULES = ("frequency", "drop", "keep")
_SAME_Z = 1e-6


class HarmoniseOptions(NamedTuple):
    """What counts as the same variant.

    Attributes
    ----------
    ambiguous : {"frequency", "drop", "keep"}
        What to do with A/T and C/G variants: tell the effect allele by its frequency, drop them, or
        trust that the file reads the panel's strand.
    max_ambiguous_maf : float
        Ambiguous variants whose minor allele is more frequent than this, in the file or the panel,
        are dropped under "frequency".
    max_frequency_difference : float
        Rows whose allele frequency is farther from the panel's are dropped.
    """

    ambiguous: str = "frequency"
    max_ambiguous_maf: float = 0.4
    max_frequency_difference: float = 0.2


_DEFAULT = HarmoniseOptions()


class Harmonised(NamedTuple):
    """Summary statistics in the panel's alleles and order.

    Attributes
    ----------
    table : DataFrame
        panel_row, row, z (of the panel's effect allele), n, one row for each variant kept, in the
        panel's order.
    fates : DataFrame
        row, fate: one row for each row of the input.
    """

    table: pd.DataFrame
    fates: pd.DataFrame

    def report(self, trait="trait") -> pd.DataFrame:
        """The fates counted: see `gitools.pipeline.fate_table`."""
        return fate_table(Counter(self.fates["fate"]), trait=trait)


def harmonise(statistics, variants, options=_DEFAULT) -> Harmonised:
    """Align the summary statistics of one chromosome with a panel's variants.

    Each row of the input gets exactly one fate.

    Parameters
    ----------
    statistics : DataFrame
        row, position, effect_allele, other_allele, z, n, frequency, as `read_statistics` gives.
    variants : DataFrame
        position, effect_allele, other_allele, frequency, as a panel's ``variants`` gives.
    options : HarmoniseOptions

    Returns
    -------
    Harmonised

    Raises
    ------
    ValueError
        If a column is missing or an option out of range.
    """
    _check_columns(statistics, variants)
    check_options(options)
    ours, theirs = _coded(statistics), _coded(variants)
    fates = np.full(len(statistics), "", dtype=object)
    match = _matches(ours, theirs)
    known = np.isin(ours["position"], theirs["position"])
    fates[match < 0] = np.where(known, "alleles_differ", "not_in_panel")[match < 0]
    found = np.flatnonzero(match >= 0)
    sign, found_fates = _orient(
        ours.iloc[found], theirs.iloc[match[found]], statistics.iloc[found], options
    )
    constant = ~_varies(variants["frequency"].to_numpy(float)[match[found]])
    found_fates[constant] = "panel_constant"
    fates[found] = found_fates
    kept = found[is_kept(found_fates)]
    table = pd.DataFrame(
        {
            "panel_row": match[kept],
            "row": statistics["row"].to_numpy()[kept],
            "z": statistics["z"].to_numpy(float)[kept] * sign[is_kept(found_fates)],
            "n": statistics["n"].to_numpy(float)[kept],
        }
    )
    again = _repeats(table)
    fates[kept[again != ""]] = again[again != ""]
    table = table[again == ""].sort_values("panel_row", ignore_index=True)
    return Harmonised(table, pd.DataFrame({"row": statistics["row"].to_numpy(), "fate": fates}))


def common_variants(harmonised: dict) -> tuple[pd.DataFrame, dict]:
    """Keep the variants that all traits have.

    Parameters
    ----------
    harmonised : dict of str to Harmonised
        One for each trait, of the same chromosome and panel.

    Returns
    -------
    table : DataFrame
        panel_row, then row_<trait>, z_<trait> and n_<trait> for each trait.
    fates : dict of str to DataFrame
        As in `Harmonised`, rows of other variants now "not_in_every_trait".
    """
    shared = None
    for one in harmonised.values():
        rows = one.table["panel_row"].to_numpy()
        shared = rows if shared is None else np.intersect1d(shared, rows)
    table, fates = pd.DataFrame({"panel_row": shared}), {}
    for trait, one in harmonised.items():
        inside = one.table["panel_row"].isin(shared).to_numpy()
        lost = one.fates["row"].isin(one.table["row"].to_numpy()[~inside]).to_numpy()
        fate = np.where(lost, "not_in_every_trait", one.fates["fate"].to_numpy(object))
        fates[trait] = one.fates.assign(fate=fate)
        table[f"row_{trait}"] = one.table["row"].to_numpy()[inside]
        table[f"z_{trait}"] = one.table["z"].to_numpy()[inside]
        table[f"n_{trait}"] = one.table["n"].to_numpy()[inside]
    return table, fates


def check_build(counts, n_panel, *, trait, least_found=0.5, least_alleles=0.8) -> None:
    """Refuse a file whose positions look like those of another genome build.

    Parameters
    ----------
    counts : mapping of str to int
        Rows of each fate.
    n_panel : int
        Variants of the panel on the file's chromosomes.
    trait : str
        Name for the message.
    least_found : float
        The file is refused if fewer of its rows are at a position of the panel, and fewer of the
        panel's variants at one of the file.
    least_alleles : float
        ... or if fewer of the rows that are at such a position have its alleles.

    Raises
    ------
    ValueError
    """
    read = {fate: counts.get(fate, 0) for fate in counts}
    absent, differ = read.get("not_in_panel", 0), read.get("alleles_differ", 0)
    dirty = sum(read.get(fate, 0) for fate in _NEVER_COMPARED)
    compared = sum(read.values()) - dirty
    at_position = compared - absent
    found = max(at_position / max(compared, 1), at_position / max(n_panel, 1))
    alleles = (at_position - differ) / max(at_position, 1)
    if found < least_found or alleles < least_alleles:
        raise ValueError(
            f"{trait}: got {at_position} of {compared} rows at a position of the panel "
            f"({n_panel} variants), {alleles:.0%} of them with its alleles; expected at least "
            f"{least_found:.0%} and {least_alleles:.0%}. Are the positions of another genome "
            "build, or the panel of other variants? (least_found, least_alleles set the limits)"
        )


_NEVER_COMPARED = (
    "missing_value",
    "infinite_value",
    "bad_standard_error",
    "bad_odds_ratio",
    "bad_frequency",
    "bad_allele",
)


def is_kept(fates) -> np.ndarray:
    """Which fates keep a row.

    Parameters
    ----------
    fates : array of str

    Returns
    -------
    bool array of the same shape
    """
    return np.isin(np.asarray(fates, dtype=str), list(KEPT))


def check_options(options) -> None:
    """Check the options of `harmonise`.

    Parameters
    ----------
    options : HarmoniseOptions

    Raises
    ------
    ValueError
        If one is out of range.
    """
    if options.ambiguous not in AMBIGUOUS_RULES:
        raise ValueError(
            f"ambiguous: got {options.ambiguous!r}, expected one of {', '.join(AMBIGUOUS_RULES)}"
        )
    if not 0 <= options.max_ambiguous_maf < 0.5:
        raise ValueError(
            f"max_ambiguous_maf: got {options.max_ambiguous_maf!r}, expected a number in [0, 0.5)"
        )
    if not 0 < options.max_frequency_difference <= 1:
        raise ValueError(
            f"max_frequency_difference: got {options.max_frequency_difference!r}, expected a "
            "number in (0, 1]"
        )


def _check_columns(statistics, variants):
    wanted = {
        "statistics": ("row", "position", "effect_allele", "other_allele", "z", "n", "frequency"),
        "variants": ("position", "effect_allele", "other_allele", "frequency"),
    }
    for (name, columns), table in zip(wanted.items(), (statistics, variants), strict=True):
        missing = [column for column in columns if column not in table]
        if missing:
            raise ValueError(f"{name}: missing the columns {', '.join(missing)}")


def _coded(table):
    """Position, coded alleles, and a key that is the same for all ways to write a variant."""
    effect = table["effect_allele"].map(_CODES).fillna(_LONG).to_numpy(int)
    other = table["other_allele"].map(_CODES).fillna(_LONG).to_numpy(int)
    single = (effect >= 0) & (other >= 0)
    pair = np.minimum(effect, other) * 4 + np.maximum(effect, other)
    mirrored = np.minimum(3 - effect, 3 - other) * 4 + np.maximum(3 - effect, 3 - other)
    key = np.minimum(pair, mirrored).astype(object)
    long = np.flatnonzero(~single)
    texts = [table[name].to_numpy(object)[long] for name in ("effect_allele", "other_allele")]
    key[long] = [" ".join(sorted(alleles)) for alleles in zip(*texts, strict=True)]
    return pd.DataFrame(
        {
            "position": table["position"].to_numpy(np.int64),
            "key": key.astype(str),
            "effect": effect,
            "other": other,
            "text": table["effect_allele"].to_numpy(object),
            "frequency": table["frequency"].to_numpy(float),
        }
    )


def _matches(ours, theirs):
    """Place in the panel of each row, -1 where there is none; the first of equal variants."""
    panel = theirs[["position", "key"]].copy()
    panel["place"] = np.arange(len(panel))
    panel = panel.drop_duplicates(["position", "key"])
    joined = ours[["position", "key"]].merge(panel, how="left", on=["position", "key"])
    return joined["place"].fillna(-1).to_numpy(int)


def _orient(ours, theirs, statistics, options):
    """Sign and fate of rows that have a partner in the panel."""
    effect, other = ours["effect"].to_numpy(), ours["other"].to_numpy()
    target = theirs["effect"].to_numpy()
    single = effect >= 0
    same = np.where(
        single, effect == target, ours["text"].to_numpy() == theirs["text"].to_numpy()
    ).astype(bool)
    exchanged = np.where(single, other == target, ~same).astype(bool)
    on_strand = same | exchanged
    mirrored = ~on_strand & (3 - effect == target)
    sign = np.where(same | mirrored, 1.0, -1.0)
    fates = np.where(on_strand, np.where(same, "kept", "swapped"),
                     np.where(mirrored, "strand", "strand_swapped")).astype(object)  # fmt: skip
    file_f, panel_f = ours["frequency"].to_numpy(), theirs["frequency"].to_numpy()
    palindromic = single & (effect + other == 3)
    if options.ambiguous == "drop":
        fates[palindromic] = "ambiguous"
    elif options.ambiguous == "frequency":
        told = np.where((file_f - 0.5) * (panel_f - 0.5) > 0, 1.0, -1.0)
        clear = np.minimum(panel_f, 1 - panel_f) <= options.max_ambiguous_maf
        clear &= np.minimum(file_f, 1 - file_f) <= options.max_ambiguous_maf
        sign = np.where(palindromic, told, sign)
        fates[palindromic] = np.where(told > 0, "ambiguous_kept", "ambiguous_swapped")[palindromic]
        fates[palindromic & ~clear] = "ambiguous"
    aligned = np.where(sign > 0, file_f, 1 - file_f)
    far = np.abs(aligned - panel_f) > options.max_frequency_difference
    fates[far & (fates != "ambiguous")] = "frequency_differs"
    return sign, fates


def _varies(frequency):
    return (frequency > 0) & (frequency < 1)


def _repeats(table):
    """Fate of the rows that say something about a variant that another row speaks of."""
    fates = np.full(len(table), "", dtype=object)
    groups = table.groupby("panel_row")["z"]
    spread = (groups.transform("max") - groups.transform("min")).to_numpy()
    several = table["panel_row"].duplicated(keep=False).to_numpy()
    contradicts = several & (spread > _SAME_Z * (1 + table["z"].abs().to_numpy()))
    fates[contradicts] = "contradicting_duplicate"
    fates[table["panel_row"].duplicated().to_numpy() & ~contradicts] = "duplicate"
    return fates
