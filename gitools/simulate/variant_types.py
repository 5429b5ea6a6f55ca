"""The 17 types of variants that a gene's part of a genome is counted by.

References
----------
Raimondi, D. et al. (2024). Predicting the ionome of Arabidopsis from genomes. Scientific Reports 14
(doi 10.1038/s41598-024-63855-6), after the annotations of Annovar.
"""

VARIANT_TYPES: tuple[str, ...] = (
    "nonsynonymous",
    "non-frameshift insertion",
    "non-frameshift deletion",
    "stoploss",
    "frameshift insertion",
    "frameshift deletion",
    "UTR3",
    "UTR5",
    "exonic ncRNA",
    "intronic ncRNA",
    "upstream",
    "downstream",
    "intergenic",
    "intronic",
    "splicing",
    "ncRNA splicing",
    "stopgain",
)
"""Names of the types, in the source's order: the last axis of every gene tensor."""

LOSS_OF_FUNCTION: tuple[str, ...] = (
    "stoploss",
    "frameshift insertion",
    "frameshift deletion",
    "splicing",
    "stopgain",
)
"""Types that usually destroy the protein."""

DAMAGING_TYPES: tuple[str, ...] = (
    "nonsynonymous",
    "non-frameshift insertion",
    "non-frameshift deletion",
    *LOSS_OF_FUNCTION,
)
"""Types that change the protein. No other type enters the dominant, burden and epistatic traits."""
