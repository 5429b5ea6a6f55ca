"""Where LD comes from: genotypes of a reference panel, or stored matrices."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gitools.association import ld_matrix
from gitools.pipeline.statistics import normal_chromosomes

_MISSING = -127
_VARIANTS_AT_ONCE = 2_000
_BIM = ["chromosome", "id", "centimorgan", "position", "effect_allele", "other_allele"]
# What the reader of .bed files shall not load: it would read the whole .bim.
_PROPERTIES = (
    "fid", "iid", "father", "mother", "sex", "pheno",
    "chromosome", "sid", "cm_position", "bp_position", "allele_1", "allele_2",
)  # fmt: skip
_COLUMNS = ["position", "effect_allele", "other_allele", "frequency"]


class PlinkPanel:
    """A reference panel in PLINK's binary form.

    Nothing but an index of chromosomes is kept in memory; genotypes are read when asked for.

    Parameters
    ----------
    prefix : path
        Path of the .bed file, with or without its ending; .bim and .fam lie beside it. Variants of
        a chromosome follow one another.

    Attributes
    ----------
    chromosomes : list of str
    n_people : int
    ld_shrinkage : float
        What is mixed into the LD of another sample by default, 0.1.

    Raises
    ------
    ValueError
        If a chromosome comes in two pieces, or the .bed file is not as long as the other two say.
    FileNotFoundError
        If one of the three files is missing.
    """

    ld_shrinkage = 0.1

    def __init__(self, prefix):
        prefix = Path(prefix)
        base = prefix.with_suffix("") if prefix.suffix == ".bed" else prefix
        self.files = [Path(f"{base}.{ending}") for ending in ("bed", "bim", "fam")]
        for path in self.files:
            if not path.is_file():
                raise FileNotFoundError(f"prefix: got {prefix}, expected a file {path}")
        with open(self.files[2], "rb") as file:
            self.n_people = sum(1 for line in file if line.strip())
        self._places = _index(self.files[1])
        self.chromosomes = list(self._places)
        self._n_variants = sum(count for *_, count in self._places.values())
        expected = 3 + self._n_variants * -(-self.n_people // 4)
        if (size := self.files[0].stat().st_size) != expected:
            raise ValueError(
                f"prefix: got a .bed file of {size} bytes, expected {expected} for "
                f"{self.n_people} people (.fam) and {self._n_variants} variants (.bim)"
            )

    def variants(self, chromosome: str) -> pd.DataFrame:
        """Variants of a chromosome, in the panel's order.

        Parameters
        ----------
        chromosome : str

        Returns
        -------
        DataFrame
            position, effect_allele (the one that dosages count, A1), other_allele, frequency (of
            the effect allele; NaN where no person has a genotype).
        """
        start, length, first, count = self._place(chromosome)
        table = _bim_rows(self.files[1], start, length)
        parts = [
            self._mean(first + at, first + min(at + _VARIANTS_AT_ONCE, count))
            for at in range(0, count, _VARIANTS_AT_ONCE)
        ]
        table["frequency"] = np.concatenate(parts) / 2
        return table[_COLUMNS]

    def ld(self, chromosome: str, rows) -> np.ndarray:
        """LD correlations of some variants.

        Parameters
        ----------
        chromosome : str
        rows : int array of shape (p,)
            Places in the table that `variants` returns.

        Returns
        -------
        ndarray of shape (p, p)
            Missing genotypes count as the variant's mean.
        """
        first = self._place(chromosome)[2]
        return ld_matrix(self._dosages(first + np.asarray(rows)))

    def _place(self, chromosome):
        if chromosome not in self._places:
            raise ValueError(
                f"chromosome: got {chromosome!r}, expected one of {', '.join(self.chromosomes)}"
            )
        return self._places[chromosome]

    def _mean(self, start, stop):
        dosages = self._read(slice(start, stop))
        present = dosages != _MISSING
        total = np.where(present, dosages, 0).sum(axis=0, dtype=np.int64)
        counts = present.sum(axis=0)
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)

    def _dosages(self, columns):
        dosages = self._read(columns)
        if dosages.min(initial=0) != _MISSING:
            return dosages
        present = dosages != _MISSING
        filled = np.where(present, dosages, 0).astype(float)
        means = filled.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
        return np.where(present, filled, means)

    def _read(self, columns):
        from gitools.pipeline._bed import open_bed

        nothing = dict.fromkeys(_PROPERTIES)
        with open_bed(
            self.files[0], iid_count=self.n_people, sid_count=self._n_variants, properties=nothing,
            num_threads=1,
        ) as bed:  # fmt: skip
            return bed.read(np.s_[:, columns], dtype="int8")


class StoredLD:
    """LD matrices computed earlier, one file for each set of variants that are in LD.

    Parameters
    ----------
    path : path
        An npz file that `write_stored_ld` wrote, or a folder of such files. Variants of different
        files count as uncorrelated. One matrix at a time is in memory.

    Attributes
    ----------
    chromosomes : list of str
    ld_shrinkage : float
        0: a stored matrix is taken as it is.

    Raises
    ------
    ValueError
        If a file lacks an array, or sizes disagree.
    FileNotFoundError
        If there is no such file, or the folder holds none.
    """

    ld_shrinkage = 0.0
    _ARRAYS = ("chromosome", *_COLUMNS, "R")

    def __init__(self, path):
        path = Path(path)
        self.files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not self.files or not self.files[0].is_file():
            raise FileNotFoundError(f"path: got {path}, expected an npz file or a folder of them")
        self._pieces = {}
        for file in self.files:
            chromosome, first = self._look(file)
            self._pieces.setdefault(chromosome, []).append((first, file))
        for chromosome, pieces in self._pieces.items():
            self._pieces[chromosome] = [file for _, file in sorted(pieces)]
        self.chromosomes = list(self._pieces)
        self._kept = (None, None)

    def variants(self, chromosome: str) -> pd.DataFrame:
        """Variants of a chromosome: see `PlinkPanel.variants`."""
        parts = []
        for file in self._files_of(chromosome):
            with np.load(file, allow_pickle=False) as arrays:
                parts.append(pd.DataFrame({name: arrays[name] for name in _COLUMNS}))
        return pd.concat(parts, ignore_index=True).astype(
            {"effect_allele": "str", "other_allele": "str"}
        )

    def ld(self, chromosome: str, rows) -> np.ndarray:
        """LD correlations of some variants: see `PlinkPanel.ld`."""
        rows = np.asarray(rows)
        R = np.eye(len(rows))
        offset = 0
        for file in self._files_of(chromosome):
            size = _n_positions(file)
            here = np.flatnonzero((rows >= offset) & (rows < offset + size))
            if here.size:
                local = rows[here] - offset
                R[np.ix_(here, here)] = self._matrix(file)[np.ix_(local, local)]
            offset += size
        return R

    def _files_of(self, chromosome):
        if chromosome not in self._pieces:
            raise ValueError(
                f"chromosome: got {chromosome!r}, expected one of {', '.join(self.chromosomes)}"
            )
        return self._pieces[chromosome]

    def _look(self, file):
        with np.load(file, allow_pickle=False) as arrays:
            missing = [name for name in self._ARRAYS if name not in arrays]
            if missing:
                raise ValueError(f"path: {file.name} lacks the arrays {', '.join(missing)}")
            p = len(arrays["position"])
            for name in _COLUMNS:
                if arrays[name].shape != (p,):
                    raise ValueError(
                        f"{name}: got shape {arrays[name].shape} in {file.name}, expected ({p},)"
                    )
            if arrays["R"].shape != (p, p):
                raise ValueError(
                    f"R: got shape {arrays['R'].shape} in {file.name}, expected ({p}, {p})"
                )
            named = normal_chromosomes(pd.Series([str(arrays["chromosome"])]))[0]
            return named, int(arrays["position"][0])

    def _matrix(self, file):
        if self._kept[0] != file:
            with np.load(file, allow_pickle=False) as arrays:
                self._kept = (file, arrays["R"].astype(float))
        return self._kept[1]


def write_stored_ld(path, chromosome: str, variants: pd.DataFrame, R) -> None:
    """Write the LD matrix of some neighbouring variants for `StoredLD`.

    Parameters
    ----------
    path : path
        An .npz file.
    chromosome : str
    variants : DataFrame
        position, effect_allele, other_allele, frequency, in the order of R.
    R : array of shape (p, p)
        Their correlations, of dosages of the effect allele; kept in single precision.

    Raises
    ------
    ValueError
        If the sizes disagree.
    """
    R = np.asarray(R, dtype=np.float32)
    if R.shape != (len(variants), len(variants)):
        raise ValueError(f"R: got shape {R.shape}, expected {(len(variants),) * 2}, as variants")
    np.savez_compressed(
        path,
        chromosome=np.array(str(chromosome)),
        position=variants["position"].to_numpy(np.int64),
        effect_allele=variants["effect_allele"].to_numpy("U"),
        other_allele=variants["other_allele"].to_numpy("U"),
        frequency=variants["frequency"].to_numpy(float),
        R=R,
    )


def open_ld(path):
    """Open a panel by what lies at a path.

    Parameters
    ----------
    path : path, PlinkPanel or StoredLD
        Prefix of PLINK files, an npz file of stored LD, or a folder of those.

    Returns
    -------
    PlinkPanel or StoredLD

    Raises
    ------
    ValueError, FileNotFoundError
        See there.
    """
    if isinstance(path, PlinkPanel | StoredLD):
        return path
    path = Path(path)
    stored = path.suffix == ".npz" or path.is_dir()
    return StoredLD(path) if stored else PlinkPanel(path)


def _n_positions(file):
    with np.load(file, allow_pickle=False) as arrays:
        return len(arrays["position"])


def _index(bim):
    """Chromosome to (first byte, number of bytes, first variant, number of variants)."""
    places = {}
    for raw, start, length, first, count in _runs(bim):
        name = normal_chromosomes(pd.Series([raw.decode()]))[0]
        if name in places:
            raise ValueError(
                f"prefix: got chromosome {name} in two pieces in {bim.name}, expected its variants "
                "one after another (sort the panel by chromosome)"
            )
        places[name] = (start, length, first, count)
    if not places:
        raise ValueError(f"prefix: got {bim.name} without any variant")
    return places


def _runs(bim) -> Iterator:
    name, start, first, offset, number = None, 0, 0, 0, 0
    with open(bim, "rb") as file:
        for line in file:
            here = line.split(None, 1)[0] if line.strip() else name
            if here != name:
                if name is not None:
                    yield name, start, offset - start, first, number - first
                name, start, first = here, offset, number
            offset += len(line)
            number += bool(line.strip())
    if name is not None:
        yield name, start, offset - start, first, number - first


def _bim_rows(bim, start, length):
    with open(bim, "rb") as file:
        file.seek(start)
        text = io.BytesIO(file.read(length))
    table = pd.read_csv(text, sep=r"\s+", names=_BIM, dtype=dict.fromkeys(_BIM, str))
    table["position"] = pd.to_numeric(table["position"]).astype(np.int64)
    for name in ("effect_allele", "other_allele"):
        table[name] = table[name].str.upper()
    return table
