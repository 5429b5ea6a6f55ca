"""A reader's own files through the chain, from summary statistics to genes."""

from gitools.pipeline.blocks import cut_blocks, cut_costs
from gitools.pipeline.example import Example, write_example, write_panel
from gitools.pipeline.fates import fate_table
from gitools.pipeline.gene_table import read_genes
from gitools.pipeline.harmonise import (
    Harmonised,
    HarmoniseOptions,
    check_build,
    common_variants,
    harmonise,
)
from gitools.pipeline.panel import PlinkPanel, StoredLD, open_ld, write_stored_ld
from gitools.pipeline.run import PipelineOptions, PipelineResult, TraitFile, run_pipeline
from gitools.pipeline.shrinkers import Shrinker, shrink_block, shrinker
from gitools.pipeline.signs import flag_signs
from gitools.pipeline.stages import (
    Mixture,
    ShrunkenBlock,
    fit_mixture,
    scan_genes,
    shrink_and_check,
    variant_types,
)
from gitools.pipeline.statistics import CleanRows, clean_chunks, read_statistics

__all__ = [
    "CleanRows",
    "Example",
    "HarmoniseOptions",
    "Harmonised",
    "Mixture",
    "PipelineOptions",
    "PipelineResult",
    "PlinkPanel",
    "Shrinker",
    "ShrunkenBlock",
    "StoredLD",
    "TraitFile",
    "check_build",
    "clean_chunks",
    "common_variants",
    "cut_blocks",
    "cut_costs",
    "fate_table",
    "fit_mixture",
    "flag_signs",
    "harmonise",
    "open_ld",
    "read_genes",
    "read_statistics",
    "run_pipeline",
    "scan_genes",
    "shrink_and_check",
    "shrink_block",
    "shrinker",
    "variant_types",
    "write_example",
    "write_panel",
    "write_stored_ld",
]
