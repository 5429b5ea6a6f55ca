"""Names of columns: those of the GWAS-SSF standard, and what other files call them.

References
----------
Hayhurst, J. et al. (2022). A community driven GWAS summary statistics standard. bioRxiv
2022.07.15.500230 (GWAS-SSF).
"""

STATISTICS_ALIASES = {
    "chromosome": ("chr", "chrom", "hm_chrom"),
    "base_pair_location": ("bp", "pos", "position", "genpos", "hm_pos"),
    "effect_allele": ("a1", "ea", "allele1", "tested_allele", "hm_effect_allele"),
    "other_allele": ("a2", "oa", "nea", "allele2", "allele0", "non_effect_allele",
                     "hm_other_allele"),
    "beta": ("b", "effect", "log_odds", "hm_beta"),
    "odds_ratio": ("or", "hm_odds_ratio"),
    "standard_error": ("se", "stderr", "log_or_se"),
    "effect_allele_frequency": ("eaf", "freq", "freq1", "a1freq", "a1_freq",
                                "hm_effect_allele_frequency"),
    "p_value": ("p", "pval", "pvalue", "p-value", "p_val"),
    "neg_log_10_p_value": ("log10p", "mlog10p", "neglog10_p"),
    "ci_lower": ("l95", "ci_low", "hm_ci_lower"),
    "ci_upper": ("u95", "ci_high", "hm_ci_upper"),
    "n": ("n_total", "samplesize", "sample_size", "neff", "n_eff", "obs_ct"),
}  # fmt: skip
GENE_ALIASES = {
    "gene": ("gene_name", "gene_id", "symbol", "name"),
    "chromosome": ("chr", "chrom"),
    "start": ("start_position", "txstart", "gene_start"),
    "end": ("end_position", "stop", "txend", "gene_end"),
}


def standard_columns(found, aliases, overrides=None, *, name="file"):
    """Which column of a file holds what.

    Parameters
    ----------
    found : sequence of str
        Column names as the file has them. Case, outer blanks and a leading ``#`` do not matter.
    aliases : dict of str to tuple of str
        Other names of each standard column.
    overrides : dict of str to str, optional
        Standard name to the file's name, where the file calls it something else.
    name : str
        What the file is, for the messages.

    Returns
    -------
    dict of str to str
        Standard name to the file's own name, for the columns that are there.

    Raises
    ------
    ValueError
        If an override names an unknown or absent column, or two columns could be the same thing
        and neither has the standard's name.
    """
    plain = {column: _plain(column) for column in found}
    chosen = dict(overrides or {})
    for standard, column in chosen.items():
        if standard not in aliases:
            raise ValueError(
                f"columns: got the standard name {standard!r}, expected one of {', '.join(aliases)}"
            )
        if column not in plain:
            raise ValueError(
                f"columns: got {column!r} for {standard}, expected one of the {name}'s columns: "
                f"{', '.join(found)}"
            )
    for column in chosen.values():
        # A column that was said to be one thing is not also what its name says.
        del plain[column]
    for standard, others in aliases.items():
        if standard in chosen:
            continue
        exact = [column for column, text in plain.items() if text == standard]
        candidates = exact or [column for column, text in plain.items() if text in others]
        if len(candidates) > 1:
            raise ValueError(
                f"{name}: got {' and '.join(candidates)}, either of which may be {standard}; say "
                f"which with columns={{{standard!r}: ...}}"
            )
        if candidates:
            chosen[standard] = candidates[0]
    return chosen


def require(chosen, wanted, found, *, name="file"):
    """Check that all wanted columns are there.

    Parameters
    ----------
    chosen : dict of str to str
        As `standard_columns` returns it.
    wanted : sequence of str or of tuple of str
        A tuple stands for "one of these".
    found : sequence of str
        The file's own columns, for the message.
    name : str
        What the file is, for the message.

    Raises
    ------
    ValueError
        If columns are missing; it names all of them.
    """
    groups = [(one,) if isinstance(one, str) else one for one in wanted]
    missing = [" or ".join(group) for group in groups if not any(one in chosen for one in group)]
    if missing:
        raise ValueError(
            f"{name}: got the columns {', '.join(map(str, found))}; missing: {', '.join(missing)} "
            "(say with columns={standard name: the file's name} where they go by another name)"
        )


def _plain(column):
    return str(column).strip().lstrip("#").strip().lower()
