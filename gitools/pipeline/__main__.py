"""The chain from a terminal: python -m gitools.pipeline --help."""

import argparse
import os
import sys

from tqdm import tqdm

from gitools.pipeline.harmonise import AMBIGUOUS_RULES, HarmoniseOptions
from gitools.pipeline.run import PipelineOptions, TraitFile, run_pipeline
from gitools.pipeline.stages import SIGN_RULES


def main(arguments=None) -> int:
    """Run the chain and write ``genes.tsv``, ``gene_types.tsv`` and ``report.tsv``.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the command line.

    Returns
    -------
    int
        0, or 1 where the input was refused; the reason is then printed.
    """
    asked = _parser().parse_args(arguments)
    options = PipelineOptions(
        shrink=asked.shrink,
        signs=asked.signs,
        flank=asked.flank,
        harmonise=HarmoniseOptions(ambiguous=asked.ambiguous),
    )
    quiet = bool(os.environ.get("GITOOLS_QUIET"))
    try:
        traits = _traits(asked.trait)
        with tqdm(disable=quiet, unit=" results") as bar:

            def progress(stage, unit):
                bar.set_description(f"{stage} {unit}")
                bar.update()

            result = run_pipeline(
                traits, asked.panel, asked.genes, asked.folder, options, on_result=progress
            )
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("genes", "gene_types", "report", "flagged"):
        path = result.folder / f"{name}.tsv"
        getattr(result, name).to_csv(path, sep="\t", index=False)
    used = result.report[result.report["rows"] > 0]
    print(used[["trait", "fate", "rows", "meaning"]].to_string(index=False))
    print(f"{len(result.computed)} results computed, {len(result.reused)} found finished")
    return 0


def _traits(texts):
    traits = {}
    for name, file in map(_trait, texts):
        if name in traits:
            raise ValueError(f"--trait: got {name!r} twice, expected a name of its own for each")
        traits[name] = file
    return traits


def _trait(text):
    """name=path or name=path,n"""
    name, sign, rest = text.partition("=")
    path, _, n = rest.partition(",")
    if not sign or not path:
        raise ValueError(f"--trait: got {text!r}, expected name=path or name=path,n")
    try:
        return name, TraitFile(path, float(n) if n else None)
    except ValueError:
        raise ValueError(f"--trait: got {n!r} people in {text!r}, expected a number") from None


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m gitools.pipeline",
        description="Summary statistics of one trait or several to genes. A stopped run goes on.",
    )
    parser.add_argument(
        "--trait", action="append", required=True, metavar="NAME=PATH[,N]",
        help="summary statistics; N people (of cases and controls the effective number) where the "
        "file has no column n; may be repeated",
    )  # fmt: skip
    parser.add_argument("--panel", required=True, help="prefix of PLINK files, or stored LD")
    parser.add_argument("--genes", required=True, help="table of genes")
    parser.add_argument("--folder", required=True, help="where results are kept")
    parser.add_argument("--shrink", default="network", help="network, susie, spike_and_slab, none")
    parser.add_argument(
        "--signs", default="report", choices=SIGN_RULES,
        help="what to do with signs that contradict LD; drop leaves them out",
    )  # fmt: skip
    parser.add_argument(
        "--ambiguous", default="frequency", choices=AMBIGUOUS_RULES,
        help="how to read A/T and C/G variants",
    )  # fmt: skip
    parser.add_argument("--flank", type=int, default=0, help="base pairs around a gene")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
