"""What annotation programs say of a variant, in the 17 types, gene by gene.

Annovar writes functions, snpEff and VEP write terms of the Sequence Ontology. All of them become
the names in ``VARIANT_TYPES``, with three more for what these lack.

References
----------
Wang, Li and Hakonarson (2010), Nucleic Acids Research 38, e164 (Annovar). Cingolani et al. (2012),
Fly 6, 80-92 (snpEff). McLaren et al. (2016), Genome Biology 17, 122 (VEP, and the order of
severity).
"""

import re
from typing import NamedTuple

from gitools.simulate.variant_types import VARIANT_TYPES

SYNONYMOUS, CODING, GENIC = "synonymous", "coding", "genic"
EXTRA_TYPES = (SYNONYMOUS, CODING, GENIC)
"""Not among the 17: a silent change, a change in the translated part whose consequence is unknown,
a change somewhere in a gene whose parts are unknown."""

# The order of Ensembl's consequences, most severe first.
SEVERITY = (
    *("splicing", "ncRNA splicing", "stopgain", "frameshift deletion", "frameshift insertion"),
    *("stoploss", "non-frameshift insertion", "non-frameshift deletion", "nonsynonymous"),
    *(SYNONYMOUS, CODING, "UTR5", "UTR3", "exonic ncRNA", "intronic", "intronic ncRNA", GENIC),
    *("upstream", "downstream", "intergenic"),
)
RANK = {name: rank for rank, name in enumerate(SEVERITY)}

FORMATS = ("annovar", "ann", "eff", "csq")

_FRAMESHIFT, _IN_FRAME, _NOTHING = "frameshift", "in frame", ""
_TERMS = {
    "splice_acceptor_variant": "splicing",
    "splice_donor_variant": "splicing",
    "stop_gained": "stopgain",
    "frameshift_variant": _FRAMESHIFT,
    "stop_lost": "stoploss",
    "start_lost": "nonsynonymous",
    "initiator_codon_variant": "nonsynonymous",
    "transcript_ablation": _FRAMESHIFT,
    "exon_loss_variant": _FRAMESHIFT,
    "inframe_insertion": _IN_FRAME,
    "inframe_deletion": _IN_FRAME,
    "conservative_inframe_insertion": _IN_FRAME,
    "conservative_inframe_deletion": _IN_FRAME,
    "disruptive_inframe_insertion": _IN_FRAME,
    "disruptive_inframe_deletion": _IN_FRAME,
    "missense_variant": "nonsynonymous",
    "protein_altering_variant": "nonsynonymous",
    "rare_amino_acid_variant": "nonsynonymous",
    "synonymous_variant": SYNONYMOUS,
    "stop_retained_variant": SYNONYMOUS,
    "start_retained_variant": SYNONYMOUS,
    "start_retained": SYNONYMOUS,
    "coding_sequence_variant": CODING,
    "incomplete_terminal_codon_variant": CODING,
    "exon_variant": CODING,
    "5_prime_UTR_variant": "UTR5",
    "5_prime_UTR_premature_start_codon_gain_variant": "UTR5",
    "5_prime_UTR_truncation": "UTR5",
    "3_prime_UTR_variant": "UTR3",
    "3_prime_UTR_truncation": "UTR3",
    "non_coding_transcript_exon_variant": "exonic ncRNA",
    "non_coding_exon_variant": "exonic ncRNA",
    "mature_miRNA_variant": "exonic ncRNA",
    "intron_variant": "intronic",
    "conserved_intron_variant": "intronic",
    "gene_variant": GENIC,
    "intragenic_variant": GENIC,
    "upstream_gene_variant": "upstream",
    "downstream_gene_variant": "downstream",
    "intergenic_region": "intergenic",
    "intergenic_variant": "intergenic",
    # Said beside another term that decides.
    "splice_region_variant": _NOTHING,
    "splice_donor_5th_base_variant": _NOTHING,
    "splice_donor_region_variant": _NOTHING,
    "splice_polypyrimidine_tract_variant": _NOTHING,
    "non_coding_transcript_variant": _NOTHING,
    "nc_transcript_variant": _NOTHING,
    "NMD_transcript_variant": _NOTHING,
}
_NONCODING = {
    "splicing": "ncRNA splicing",
    "intronic": "intronic ncRNA",
    CODING: "exonic ncRNA",
    "UTR5": "exonic ncRNA",
    "UTR3": "exonic ncRNA",
}
_TRANSLATED_BIOTYPES = {"", ".", "protein_coding", "mrna", "coding"}

_FUNCTIONS = {
    "splicing": "splicing",
    "ncRNA_exonic": "exonic ncRNA",
    "ncRNA_intronic": "intronic ncRNA",
    "ncRNA_splicing": "ncRNA splicing",
    "ncRNA": "exonic ncRNA",
    "UTR3": "UTR3",
    "UTR5": "UTR5",
    "intronic": "intronic",
    "upstream": "upstream",
    "downstream": "downstream",
    "intergenic": "intergenic",
}
_EXONIC_FUNCTIONS = {
    "frameshift_insertion": "frameshift insertion",
    "frameshift_deletion": "frameshift deletion",
    "frameshift_substitution": _FRAMESHIFT,
    "frameshift_block_substitution": _FRAMESHIFT,
    "nonframeshift_insertion": "non-frameshift insertion",
    "nonframeshift_deletion": "non-frameshift deletion",
    "nonframeshift_substitution": _IN_FRAME,
    "nonframeshift_block_substitution": _IN_FRAME,
    "stopgain": "stopgain",
    "stopgain_SNV": "stopgain",
    "stoploss": "stoploss",
    "stoploss_SNV": "stoploss",
    "startloss": "nonsynonymous",
    "startgain": "nonsynonymous",
    "nonsynonymous_SNV": "nonsynonymous",
    "nonsynonymous": "nonsynonymous",
    "synonymous_SNV": SYNONYMOUS,
    "synonymous": SYNONYMOUS,
    "unknown": CODING,
    ".": CODING,
}
_EFF = re.compile(r"([^(),]+)\(([^)]*)\)")


class Effect(NamedTuple):
    """One effect of one allele.

    Attributes
    ----------
    allele : int
        Number of the alternative allele, from 1.
    genes : tuple of str
        Names that the gene may go by, the likeliest first; empty for an intergenic variant.
    type : str
        A name in ``VARIANT_TYPES`` or ``EXTRA_TYPES``, or "unknown term: ..." for a word that
        none of these stands for.
    """

    allele: int
    genes: tuple[str, ...]
    type: str


def change_type(kind: str, reference: str, alternative: str) -> str:
    """Name of a frameshift or in-frame change, by the lengths of its alleles."""
    longer = len(alternative) - len(reference)
    if kind == _FRAMESHIFT:
        return "frameshift insertion" if longer > 0 else "frameshift deletion"
    if kind == _IN_FRAME:
        if longer == 0:
            return "nonsynonymous"
        return "non-frameshift insertion" if longer > 0 else "non-frameshift deletion"
    return kind


def coding_type(reference: str, alternative: str) -> str:
    """Type of a change in the translated part as far as the alleles' lengths tell it."""
    longer = len(alternative) - len(reference)
    if longer == 0:
        return CODING
    return change_type(_FRAMESHIFT if longer % 3 else _IN_FRAME, reference, alternative)


def type_of_terms(terms: str, reference: str, alternative: str, noncoding: bool = False) -> str:
    """Most severe type of Sequence Ontology terms joined by "&"; "" if none of them decides.

    Parameters
    ----------
    terms : str
        Such as "missense_variant&splice_region_variant".
    reference, alternative : str
        The alleles.
    noncoding : bool
        Whether the transcript is not translated.

    Returns
    -------
    str
    """
    words = terms.split("&")
    noncoding = noncoding or any(word.startswith(("non_coding", "nc_")) for word in words)
    found = []
    for word in words:
        kind = _TERMS.get(word)
        if kind is None:
            found.append(f"unknown term: {word}")
        elif kind:
            kind = change_type(kind, reference, alternative)
            found.append(_NONCODING.get(kind, kind) if noncoding else kind)
    return most_severe(found) if found else _NOTHING


def most_severe(types) -> str:
    """The first of `types` in the order of severity; names outside the order come last."""
    return min(types, key=lambda name: (RANK.get(name, len(RANK)), name))


def parse_ann(text: str, reference: str, alternatives) -> list[Effect]:
    """Effects from snpEff's ANN field.

    Parameters
    ----------
    text : str
        The field: effects parted by commas, their parts by "|".
    reference : str
    alternatives : sequence of str
        Alleles of the site.

    Returns
    -------
    list of Effect
    """
    effects = []
    for entry in text.split(","):
        parts = entry.split("|")
        if len(parts) < 8:
            raise ValueError(f"ANN: got the effect {entry!r}; expected at least 8 parts")
        allele = _allele_number(parts[0], alternatives)
        if allele is None:
            continue
        noncoding = parts[7].lower() not in _TRANSLATED_BIOTYPES
        kind = type_of_terms(parts[1], reference, alternatives[allele - 1], noncoding)
        effects += _effect(allele, (parts[4], parts[3], _gene_of(parts[6])), kind)
    return effects


def parse_eff(text: str, reference: str, alternatives) -> list[Effect]:
    """Effects from snpEff's older EFF field, ``effect(impact|...|gene|biotype|...)``.

    Parameters and return value as in `parse_ann`.
    """
    effects = []
    for terms, inside in _EFF.findall(text):
        parts = inside.split("|")
        if len(parts) < 11:
            raise ValueError(f"EFF: got the effect {terms}({inside}); expected at least 11 parts")
        number = parts[10]
        allele = int(number) if number.isdigit() else _allele_number(number, alternatives)
        if allele is None or not 1 <= allele <= len(alternatives):
            continue
        noncoding = parts[7] == "NON_CODING" or parts[6].lower() not in _TRANSLATED_BIOTYPES
        terms = terms.strip().replace("+", "&")
        kind = type_of_terms(terms, reference, alternatives[allele - 1], noncoding)
        effects += _effect(allele, (_gene_of(parts[8]), parts[5]), kind)
    return effects


def parse_csq(text: str, reference: str, alternatives, fields) -> list[Effect]:
    """Effects from VEP's CSQ field.

    Parameters
    ----------
    text, reference, alternatives
        As in `parse_ann`.
    fields : sequence of str
        Names of the parts of an effect, from the file's header: Allele, Consequence, Gene, SYMBOL,
        BIOTYPE and, where VEP was asked for it, ALLELE_NUM.

    Returns
    -------
    list of Effect
    """
    named = vep_alleles(reference, alternatives)
    effects = []
    for entry in text.split(","):
        parts = dict(zip(fields, entry.split("|"), strict=False))
        number = parts.get("ALLELE_NUM", "")
        allele = int(number) if number.isdigit() else _allele_number(parts["Allele"], named)
        if allele is None or not 1 <= allele <= len(alternatives):
            continue
        noncoding = parts.get("BIOTYPE", "").lower() not in _TRANSLATED_BIOTYPES
        terms = parts["Consequence"]
        kind = type_of_terms(terms, reference, alternatives[allele - 1], noncoding)
        genes = (parts.get("Gene", ""), parts.get("SYMBOL", ""), _gene_of(parts.get("Feature", "")))
        effects += _effect(allele, genes, kind)
    return effects


def parse_annovar(functions: str, genes: str, exonic: str, allele: int, alleles) -> list[Effect]:
    r"""Effects from the fields that Annovar writes for one allele.

    Parameters
    ----------
    functions, genes, exonic : str
        The fields Func, Gene and ExonicFunc; a semicolon inside a field stands as ``\x3b``.
    allele : int
        Number of the alternative allele, from 1.
    alleles : tuple of str
        The reference allele and this alternative one.

    Returns
    -------
    list of Effect
        Where there are several functions and as many groups of genes, the first function is of
        the first group, and so on ("upstream;downstream" of "A;B"). Otherwise each is of all.
    """
    functions, genes, exonic = (
        text.replace("\\x3b", ";").replace("\\x3d", "=") for text in (functions, genes, exonic)
    )
    names, groups = functions.split(";"), genes.split(";")
    paired = zip(names, groups, strict=True) if len(names) == len(groups) else None
    effects = []
    for name, group in paired or ((name, group) for name in names for group in groups):
        if name == "exonic":
            kind = _EXONIC_FUNCTIONS.get(exonic.split(";")[0].replace(" ", "_"), CODING)
            kind = change_type(kind, *alleles)
        else:
            kind = _FUNCTIONS.get(name, f"unknown term: {name}")
        for gene in group.split(","):
            # A splicing gene may carry its exon in brackets.
            effects += _effect(allele, (re.sub(r"\(.*", "", gene),), kind)
    return effects


def vep_alleles(reference: str, alternatives) -> list[str]:
    """Names that VEP gives to alternative alleles: without a first base that all share."""
    if all(len(a) == len(reference) for a in alternatives):
        return list(alternatives)
    if any(a[:1] != reference[:1] for a in alternatives):
        return list(alternatives)
    return [a[1:] or "-" for a in alternatives]


def _allele_number(name, alternatives):
    # A site with one alternative needs no name to match.
    if len(alternatives) == 1:
        return 1
    return list(alternatives).index(name) + 1 if name in alternatives else None


def _gene_of(transcript):
    return transcript.rsplit(".", 1)[0] if transcript else ""


def _effect(allele, genes, kind):
    if not kind:
        return []
    known = tuple(dict.fromkeys(gene for gene in genes if gene not in ("", ".", "NONE")))
    return [Effect(allele, () if kind == "intergenic" else known, kind)]


assert set(RANK) == {*VARIANT_TYPES, *EXTRA_TYPES}
