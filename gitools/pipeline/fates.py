"""What can become of a row of summary statistics, and the table that counts it."""

import pandas as pd

KEPT = {
    "kept": "alleles as in the panel",
    "swapped": "effect and other allele exchanged; sign of the effect changed",
    "strand": "alleles read off the other strand",
    "strand_swapped": "alleles read off the other strand and exchanged; sign changed",
    "ambiguous_kept": "A/T or C/G, effect allele told by its frequency",
    "ambiguous_swapped": "A/T or C/G, effect allele told by its frequency; sign changed",
}
DROPPED = {
    "missing_value": "a value is missing or no number",
    "infinite_value": "a value is infinite",
    "bad_standard_error": "standard error not above 0",
    "bad_odds_ratio": "odds ratio not above 0",
    "bad_frequency": "allele frequency outside 0 to 1",
    "bad_allele": "an allele that is no text of A, C, G and T, or both the same",
    "not_in_panel": "no variant of the panel at this position",
    "alleles_differ": "a variant of the panel there, with other alleles",
    "ambiguous": "A/T or C/G, strand not to be told",
    "frequency_differs": "allele frequency far from the panel's",
    "panel_constant": "does not vary in the panel",
    "duplicate": "the same variant with the same result again",
    "contradicting_duplicate": "the same variant more than once, with different results",
    "not_in_every_trait": "sound, but lost in another trait",
    "sign_contradicts_ld": "sign of the effect contradicts the neighbours' (in any trait)",
}
MEANINGS = KEPT | DROPPED


def fate_table(counts, *, trait) -> pd.DataFrame:
    """Table of the fates of one trait's rows.

    Parameters
    ----------
    counts : mapping of str to int
        Rows of each fate; those that are absent count 0.
    trait : str

    Returns
    -------
    DataFrame
        One row for each fate, in a fixed order: trait, fate, used (bool), rows, meaning.

    Raises
    ------
    ValueError
        If a fate is unknown.
    """
    unknown = [fate for fate in counts if fate not in MEANINGS]
    if unknown:
        raise ValueError(f"counts: got {unknown[0]!r}, expected fates: {', '.join(MEANINGS)}")
    rows = [
        (trait, fate, fate in KEPT, int(counts.get(fate, 0)), meaning)
        for fate, meaning in MEANINGS.items()
    ]
    return pd.DataFrame(rows, columns=["trait", "fate", "used", "rows", "meaning"])
