"""The chain: from files to genes, one chromosome and one block at a time, resumable."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gitools.association import gene_types
from gitools.pipeline import store
from gitools.pipeline.blocks import MAX_SIZE, MIN_SIZE, REACH, cut_blocks
from gitools.pipeline.fates import fate_table
from gitools.pipeline.gene_table import read_genes
from gitools.pipeline.harmonise import (
    Harmonised,
    HarmoniseOptions,
    check_build,
    check_options,
    common_variants,
    harmonise,
    is_kept,
)
from gitools.pipeline.panel import open_ld
from gitools.pipeline.shrinkers import shrinker
from gitools.pipeline.stages import (
    SIGN_RULES,
    Mixture,
    fit_mixture,
    scan_genes,
    shrink_and_check,
    type_patterns,
    variant_types,
)
from gitools.pipeline.statistics import clean_chunks

STAGES = ("read", "panel", "harmonise", "blocks", "shrink", "mixture", "types", "genes", "report")


class TraitFile(NamedTuple):
    """A file of summary statistics.

    Attributes
    ----------
    path : path
    n : float or None
        Number of people, where the file has no column n.
    columns : dict of str to str or None
        Standard name to the file's name.
    """

    path: str | Path
    n: float | None = None
    columns: dict | None = None


class PipelineOptions(NamedTuple):
    """What can be chosen; the defaults suit common variants and a panel of some hundred people.

    Attributes
    ----------
    shrink : str, NeuralShrinkage or Shrinker
        See `gitools.pipeline.shrinker`.
    harmonise : HarmoniseOptions
    signs : {"report", "drop", "ignore"}
        See `gitools.pipeline.shrink_and_check`.
    ld_shrinkage : float or None
        Share of the identity mixed into LD; None: 0.1 for a panel, 0 for stored LD.
    min_size, max_size, reach : int
        See `gitools.pipeline.cut_blocks`.
    flank : int
        Base pairs around a gene that count as its own.
    mixture_rows : int
        Variants of the genome, drawn at random, to which the mixture is fitted.
    least_found, least_alleles : float
        See `gitools.pipeline.check_build`.
    seed : int
        Of the draw of these variants, and of the mixture's starts.
    """

    shrink: object = "network"
    harmonise: HarmoniseOptions = HarmoniseOptions()
    signs: str = "report"
    ld_shrinkage: float | None = None
    min_size: int = MIN_SIZE
    max_size: int = MAX_SIZE
    reach: int = REACH
    flank: int = 0
    mixture_rows: int = 20_000
    least_found: float = 0.5
    least_alleles: float = 0.8
    seed: int = 0


_DEFAULT = PipelineOptions()


@dataclass(frozen=True)
class PipelineResult:
    """What a run made, and where it lies.

    Attributes
    ----------
    genes : DataFrame
        One row for each gene and trait: gene, chromosome, start, end, trait, n_variants,
        statistic, p, and shrunken (sum of squared shrunken effects, in squared standard errors).
    gene_types : DataFrame
        One row for each gene and type: gene, type, expected number of its variants of that type,
        probability that the gene is of that type (`gitools.association.gene_types`; NaN without
        variants).
    report : DataFrame
        See `gitools.pipeline.fate_table`, all traits below one another.
    flagged : DataFrame
        Variants whose sign contradicts their neighbours': chromosome, position, trait, z, used.
    folder : Path
        Everything in files; ``types/<chromosome>.parquet`` holds the variants.
    computed, reused : list of (stage, unit)
        What this call computed, and what it found finished.
    """

    genes: pd.DataFrame
    gene_types: pd.DataFrame
    report: pd.DataFrame
    flagged: pd.DataFrame
    folder: Path
    computed: list
    reused: list

    def variants(self, chromosome: str) -> pd.DataFrame:
        """Variants of one chromosome: position, alleles, block, and for each trait z, n, shrunken
        effect (standard errors), flag of a sign that contradicts LD; posterior of each type."""
        return store.read_table(self.folder / "types" / f"{chromosome}.parquet")

    def dropped(self, trait: str, chromosome: str) -> pd.DataFrame:
        """Input rows of a trait on a chromosome that were not used: row, fate."""
        fates = store.read_table(self.folder / "harmonise" / f"{chromosome}.fates.parquet")
        fates = fates[(fates["trait"] == trait) & ~is_kept(fates["fate"])]
        return fates[["row", "fate"]].reset_index(drop=True)


def run_pipeline(
    traits: dict,
    panel,
    genes,
    folder,
    options: PipelineOptions = _DEFAULT,
    *,
    on_result: Callable | None = None,
) -> PipelineResult:
    """Summary statistics of some traits to genes.

    Each stage's result is written to the folder before the next begins: a run that was stopped,
    however rudely, goes on at the stage, chromosome and block it had reached. A changed file or
    option makes anew what depends on it.

    Parameters
    ----------
    traits : dict of str to path or TraitFile
        Files of summary statistics by the trait's name.
    panel : path, PlinkPanel or StoredLD
        See `gitools.pipeline.open_ld`.
    genes : path
        See `gitools.pipeline.read_genes`.
    folder : path
        Where results are kept; made if needed. One run at a time.
    options : PipelineOptions
    on_result : callable, optional
        ``on_result(stage, unit)`` is called whenever a result has been stored.

    Returns
    -------
    PipelineResult

    Raises
    ------
    ValueError
        If a file is not what it should be, an option is out of range, or a file looks to be of
        another genome build.
    FileNotFoundError
        If a file is missing.
    """
    return _Run(traits, panel, genes, folder, options, on_result).all()


@dataclass
class _Run:
    """One call of `run_pipeline`."""

    traits: dict
    panel: object
    genes: object
    folder: Path
    options: PipelineOptions
    on_result: Callable | None
    computed: list = field(default_factory=list)
    reused: list = field(default_factory=list)
    marks: dict = field(default_factory=dict)

    def __post_init__(self):
        self.traits = _check_traits(self.traits)
        _check(self.options)
        self.panel = open_ld(self.panel)
        self.gene_file, self.genes = Path(self.genes), read_genes(self.genes)
        self.method = shrinker(self.options.shrink)
        self.folder = Path(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        store.clear_unfinished(self.folder)

    def all(self):
        for trait, file in self.traits.items():
            self.read(trait, file)
        chromosomes = self.panel.chromosomes
        for chromosome in chromosomes:
            self.look_at_panel(chromosome)
            self.harmonise(chromosome)
        self.check_builds()
        chromosomes = [one for one in chromosomes if self.n_harmonised(one)]
        if not chromosomes:
            raise ValueError("traits: got no variant that all of them share with the panel")
        for chromosome in chromosomes:
            self.cut(chromosome)
            for block in range(len(self.borders(chromosome)) - 1):
                self.shrink(chromosome, block)
        self.mix(chromosomes)
        for chromosome in chromosomes:
            self.type_variants(chromosome)
            self.test_genes(chromosome)
        self.report(chromosomes)
        return self.result()

    def keep(self, stage, unit, path, mark, make):
        """Make a result unless it is there already."""
        self.marks[stage, unit] = mark
        if store.is_current(path, mark):
            self.reused.append((stage, unit))
            return
        make()
        self.computed.append((stage, unit))
        if self.on_result is not None:
            self.on_result(stage, unit)

    def read(self, trait, file):
        folder = self.folder / "read" / trait
        made_from = [store.file_fingerprint(file.path)]
        mark = store.fingerprint("read", made_from, n=file.n, columns=file.columns)
        self.keep("read", trait, folder / "counts.parquet", mark, lambda: store.write_folder(
            folder, lambda temporary: _split_by_chromosome(file, temporary, mark)))  # fmt: skip

    def look_at_panel(self, chromosome):
        path = self.folder / "panel" / f"{chromosome}.parquet"
        made_from = [store.file_fingerprint(file) for file in self.panel.files]
        mark = store.fingerprint("panel", made_from, chromosome=chromosome)
        self.keep(
            "panel",
            chromosome,
            path,
            mark,
            lambda: store.write_table(path, self.panel.variants(chromosome), mark),
        )

    def harmonise(self, chromosome):
        path = self.folder / "harmonise" / f"{chromosome}.parquet"
        made_from = [self.marks["panel", chromosome]]
        made_from += [self.marks["read", trait] for trait in self.traits]
        mark = store.fingerprint(
            "harmonise", made_from, traits=list(self.traits), **self.options.harmonise._asdict()
        )

        def make():
            variants = store.read_table(self.folder / "panel" / f"{chromosome}.parquet")
            aligned = {trait: self.align(trait, chromosome, variants) for trait in self.traits}
            table, fates = common_variants(aligned)
            described = variants.iloc[table["panel_row"]].reset_index(drop=True)
            whole = pd.concat([fates[t].assign(trait=t) for t in fates], ignore_index=True)
            store.write_table(path.with_suffix(".fates.parquet"), whole, mark)
            store.write_table(path, pd.concat([described, table], axis=1), mark)

        self.keep("harmonise", chromosome, path, mark, make)

    def align(self, trait, chromosome, variants) -> Harmonised:
        path = self.folder / "read" / trait / _rows_file(chromosome)
        statistics = store.read_table(path) if path.is_file() else _NO_ROWS
        return harmonise(statistics, variants, self.options.harmonise)

    def n_harmonised(self, chromosome):
        return _n_rows(self.folder / "harmonise" / f"{chromosome}.parquet")

    def harmonised(self, chromosome):
        return store.read_table(self.folder / "harmonise" / f"{chromosome}.parquet")

    def check_builds(self):
        for trait in self.traits:
            counts = self.counts(trait)
            read = store.read_table(self.folder / "read" / trait / "counts.parquet")
            shared = set(read["chromosome"]) & set(self.panel.chromosomes)
            n_panel = sum(_n_rows(self.folder / "panel" / f"{one}.parquet") for one in shared)
            check_build(
                counts, n_panel, trait=trait,
                least_found=self.options.least_found, least_alleles=self.options.least_alleles,
            )  # fmt: skip

    def counts(self, trait, flagged=None):
        """Rows of each fate, over all chromosomes."""
        read = store.read_table(self.folder / "read" / trait / "counts.parquet")
        counts = Counter()
        for row in read.itertuples():
            if row.fate != _SOUND:
                counts[row.fate] += row.rows
            elif row.chromosome not in self.panel.chromosomes:
                counts["not_in_panel"] += row.rows
        for chromosome in self.panel.chromosomes:
            path = self.folder / "harmonise" / f"{chromosome}.fates.parquet"
            fates = store.read_table(path)
            fates = fates[fates["trait"] == trait]
            fate = fates["fate"].to_numpy(object)
            if flagged is not None and chromosome in flagged:
                fate[fates["row"].isin(flagged[chromosome][trait])] = "sign_contradicts_ld"
            counts.update(Counter(fate))
        return counts

    def cut(self, chromosome):
        path = self.folder / "blocks" / f"{chromosome}.npz"
        o = self.options
        sizes = {"min_size": o.min_size, "max_size": o.max_size, "reach": o.reach}
        mark = store.fingerprint("blocks", [self.marks["harmonise", chromosome]], **sizes)

        def make():
            rows = self.harmonised(chromosome)["panel_row"].to_numpy()
            borders = cut_blocks(
                lambda a, b: self.panel.ld(chromosome, rows[a:b]), len(rows), **sizes
            )
            store.write_arrays(path, {"borders": borders}, mark)

        self.keep("blocks", chromosome, path, mark, make)

    def borders(self, chromosome):
        return store.read_arrays(self.folder / "blocks" / f"{chromosome}.npz")["borders"]

    def shrink(self, chromosome, block):
        path = self.shrunken_path(chromosome, block)
        share = self.options.ld_shrinkage
        share = self.panel.ld_shrinkage if share is None else share
        mark = store.fingerprint(
            "shrink", [self.marks["blocks", chromosome]], block=block, method=self.method.name,
            ld_shrinkage=share, signs=self.options.signs,
        )  # fmt: skip

        def make():
            a, b = self.borders(chromosome)[block : block + 2]
            table = self.block_table(chromosome).iloc[a:b]
            z, n = (table[[f"{k}_{trait}" for trait in self.traits]].to_numpy() for k in "zn")
            R = self.panel.ld(chromosome, table["panel_row"].to_numpy())
            found = shrink_and_check(
                z, R, n, self.method, ld_shrinkage=share, signs=self.options.signs
            )
            store.write_arrays(path, found._asdict(), mark)

        self.keep("shrink", f"{chromosome}:{block}", path, mark, make)

    def block_table(self, chromosome):
        """The table of one chromosome, kept while its blocks are worked on."""
        if getattr(self, "_table", (None, None))[0] != chromosome:
            self._table = (chromosome, self.harmonised(chromosome))
        return self._table[1]

    def shrunken_path(self, chromosome, block):
        return self.folder / "shrink" / chromosome / f"{block}.npz"

    def shrunken(self, chromosome):
        """Effects and flags [p, n_traits] of one chromosome."""
        n_blocks = len(self.borders(chromosome)) - 1
        parts = [store.read_arrays(self.shrunken_path(chromosome, k)) for k in range(n_blocks)]
        return [np.concatenate([part[name] for part in parts]) for name in ("effects", "flagged")]

    def mix(self, chromosomes):
        path = self.folder / "mixture" / "mixture.npz"
        blocks = [mark for (stage, _), mark in self.marks.items() if stage == "shrink"]
        rows, seed = self.options.mixture_rows, self.options.seed
        mark = store.fingerprint("mixture", blocks, rows=rows, seed=seed)

        def make():
            rng = np.random.default_rng(seed)
            sizes = [self.borders(one)[-1] for one in chromosomes]
            total = int(np.sum(sizes))
            drawn = np.sort(rng.choice(total, size=min(rows, total), replace=False))
            sample, offset = [], 0
            for chromosome, size in zip(chromosomes, sizes, strict=True):
                here = drawn[(drawn >= offset) & (drawn < offset + size)] - offset
                effects, flagged = self.shrunken(chromosome)
                inside = here[~self.left_out(flagged)[here]]
                sample.append(effects[inside])
                offset += size
            mixture = fit_mixture(np.concatenate(sample), random_state=seed)
            store.write_arrays(path, mixture._asdict(), mark)

        self.keep("mixture", "all", path, mark, make)

    def left_out(self, flagged):
        return flagged.any(axis=1) & (self.options.signs == "drop")

    def type_variants(self, chromosome):
        path = self.folder / "types" / f"{chromosome}.parquet"
        mark = store.fingerprint("types", [self.marks["mixture", "all"]], chromosome=chromosome)

        def make():
            mixture = Mixture(**store.read_arrays(self.folder / "mixture" / "mixture.npz"))
            table = self.block_table(chromosome).copy()
            borders = self.borders(chromosome)
            table["block"] = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
            effects, flagged = self.shrunken(chromosome)
            for k, trait in enumerate(self.traits):
                table[f"shrunken_{trait}"] = effects[:, k]
                table[f"flagged_{trait}"] = flagged[:, k]
            found = variant_types(effects, mixture, list(self.traits))
            for name, column in zip(found.types, found.posterior.T, strict=True):
                table[f"type_{name}"] = column
            table["used"] = ~self.left_out(flagged)
            store.write_table(path, table, mark)

        self.keep("types", chromosome, path, mark, make)

    def test_genes(self, chromosome):
        path = self.folder / "genes" / f"{chromosome}.parquet"
        made_from = [self.marks["types", chromosome], store.file_fingerprint(self.gene_file)]
        mark = store.fingerprint("genes", made_from, flank=self.options.flank)

        def make():
            genes = self.genes[self.genes["chromosome"] == chromosome].reset_index(drop=True)
            table = store.read_table(self.folder / "types" / f"{chromosome}.parquet")
            table = table[table["used"]]
            rows = table["panel_row"].to_numpy()
            z = table[[f"z_{trait}" for trait in self.traits]].to_numpy()
            tests, members = scan_genes(
                z, lambda a, b: self.panel.ld(chromosome, rows[a:b]),
                table["position"].to_numpy(), genes, flank=self.options.flank,
            )  # fmt: skip
            found = _types_of_genes(members, table, list(self.traits))
            store.write_table(path, pd.concat([genes, tests, found], axis=1), mark)

        self.keep("genes", chromosome, path, mark, make)

    def report(self, chromosomes):
        path = self.folder / "report.parquet"
        made_from = [mark for (stage, _), mark in self.marks.items() if stage in ("genes", "read")]
        mark = store.fingerprint("report", made_from)

        def make():
            flagged = {one: self.flagged_rows(one) for one in chromosomes}
            tables = [fate_table(self.counts(trait, flagged), trait=trait) for trait in self.traits]
            store.write_table(path, pd.concat(tables, ignore_index=True), mark)

        self.keep("report", "all", path, mark, make)

    def flagged_rows(self, chromosome):
        """Input rows of each trait that were left out because a sign contradicts LD."""
        table = store.read_table(self.folder / "types" / f"{chromosome}.parquet")
        left_out = table[~table["used"]]
        return {trait: left_out[f"row_{trait}"].to_numpy() for trait in self.traits}

    def flagged(self, chromosome):
        """Variants whose sign contradicts LD, of all traits."""
        table = store.read_table(self.folder / "types" / f"{chromosome}.parquet")
        parts = []
        for trait in self.traits:
            part = table.loc[table[f"flagged_{trait}"], ["position", f"z_{trait}", "used"]]
            part = part.rename(columns={f"z_{trait}": "z"})
            parts.append(part.assign(chromosome=chromosome, trait=trait))
        columns = ["chromosome", "position", "trait", "z", "used"]
        return pd.concat(parts, ignore_index=True)[columns]

    def result(self):
        files = sorted((self.folder / "genes").glob("*.parquet"))
        done = {str(unit) for stage, unit in self.marks if stage == "genes"}
        wide = [store.read_table(file) for file in files if file.stem in done]
        absent = self.genes[~self.genes["chromosome"].isin(done)].assign(n_variants=0)
        wide = pd.concat([*wide, absent], ignore_index=True)
        order = wide.set_index("gene").loc[self.genes["gene"]].reset_index()
        return PipelineResult(
            _tidy_genes(order, list(self.traits)),
            _tidy_types(order),
            store.read_table(self.folder / "report.parquet"),
            pd.concat([self.flagged(one) for one in sorted(done)], ignore_index=True),
            self.folder,
            self.computed,
            self.reused,
        )


_SOUND = "sound"
_NO_ROWS = pd.DataFrame(
    {
        "row": pd.Series(dtype=np.int64),
        "position": pd.Series(dtype=np.int64),
        "effect_allele": pd.Series(dtype=object),
        "other_allele": pd.Series(dtype=object),
        "z": pd.Series(dtype=float),
        "n": pd.Series(dtype=float),
        "frequency": pd.Series(dtype=float),
    }
)


def _split_by_chromosome(file, folder, mark):
    """Write the sound rows of a file by chromosome, the others' fates, and counts of both."""
    counts, writers = Counter(), {}
    dropped = []
    try:
        for part in clean_chunks(file.path, n=file.n, columns=file.columns):
            for chromosome, rows in part.table.groupby("chromosome", sort=False):
                _append(writers, folder, chromosome, rows.drop(columns="chromosome"))
                counts[chromosome, _SOUND] += len(rows)
            dropped.append(part.dropped)
            counts.update(("", fate) for fate in part.dropped["fate"])
    finally:
        for writer in writers.values():
            writer.close()
    store.write_table(folder / "dropped.parquet", pd.concat(dropped, ignore_index=True), mark)
    table = pd.DataFrame(
        [(chromosome, fate, rows) for (chromosome, fate), rows in counts.items()],
        columns=["chromosome", "fate", "rows"],
    )
    store.write_table(folder / "counts.parquet", table, mark)


def _append(writers, folder, chromosome, rows):
    arrow = pa.Table.from_pandas(rows.astype({"frequency": float}), preserve_index=False)
    if chromosome not in writers:
        writers[chromosome] = pq.ParquetWriter(folder / _rows_file(chromosome), arrow.schema)
    writers[chromosome].write_table(arrow.cast(writers[chromosome].schema))


def _rows_file(chromosome):
    return f"rows.{_file_safe(chromosome)}.parquet"


def _file_safe(chromosome):
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in chromosome)


def _n_rows(path):
    return pq.read_metadata(path).num_rows


def _types_of_genes(members, table, traits):
    """Shrunken sum of squares, and expected number and probability of each type, of each gene."""
    names = [name.removeprefix("type_") for name in table if name.startswith("type_")]
    with_variants = [k for k, inside in enumerate(members) if inside.stop > inside.start]
    columns = [f"shrunken_{trait}" for trait in traits]
    columns += [f"{what}_{name}" for what in ("expected", "probability") for name in names]
    values = np.full((len(members), len(columns)), np.nan)
    if with_variants:
        found = gene_types(
            table[[f"shrunken_{trait}" for trait in traits]].to_numpy(),
            table[[f"type_{name}" for name in names]].to_numpy(),
            type_patterns(names, traits),
            [np.arange(members[k].start, members[k].stop) for k in with_variants],
        )
        squares = np.diagonal(found.products, axis1=1, axis2=2)
        values[with_variants] = np.hstack([squares, found.expected, found.probability])
    return pd.DataFrame(values, columns=columns)


def _tidy_genes(wide, traits):
    parts = []
    for number, trait in enumerate(traits):
        names = {
            f"statistic_{number}": "statistic",
            f"p_{number}": "p",
            f"shrunken_{trait}": "shrunken",
        }
        part = wide[["gene", "chromosome", "start", "end"]].assign(trait=trait)
        part["n_variants"] = wide["n_variants"].astype(int)
        for theirs, ours in names.items():
            part[ours] = wide[theirs].to_numpy(float) if theirs in wide else np.nan
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _tidy_types(wide):
    names = [name.removeprefix("expected_") for name in wide if name.startswith("expected_")]
    parts = [
        pd.DataFrame(
            {
                "gene": wide["gene"],
                "type": name,
                "expected": wide[f"expected_{name}"].fillna(0.0),
                "probability": wide[f"probability_{name}"],
            }
        )
        for name in names
    ]
    return pd.concat(parts, ignore_index=True)


def _check_traits(traits):
    if not isinstance(traits, dict) or not traits:
        raise ValueError(
            f"traits: got {type(traits).__name__}, expected a dict of names and files, not empty"
        )
    for name in traits:
        if not isinstance(name, str) or not name or _file_safe(name) != name or name == "null":
            raise ValueError(
                f"traits: got the name {name!r}, expected letters, digits, '.', '-' and '_' only, "
                "and not 'null'"
            )
    return {
        name: file if isinstance(file, TraitFile) else TraitFile(file)
        for name, file in traits.items()
    }


def _check(options):
    check_options(options.harmonise)
    if options.signs not in SIGN_RULES:
        raise ValueError(f"signs: got {options.signs!r}, expected one of {', '.join(SIGN_RULES)}")
    if options.ld_shrinkage is not None and not 0 <= options.ld_shrinkage <= 1:
        raise ValueError(
            f"ld_shrinkage: got {options.ld_shrinkage!r}, expected None or a number from 0 to 1"
        )
    for name in ("mixture_rows", "min_size", "reach"):
        value = getattr(options, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
    if options.max_size < 2 * options.min_size:
        raise ValueError(
            f"max_size: got {options.max_size!r}, expected at least twice min_size, "
            f"{2 * options.min_size}"
        )
    if options.flank < 0:
        raise ValueError(f"flank: got {options.flank!r}, expected base pairs of at least 0")
