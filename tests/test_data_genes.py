"""Conversions of files on genes and annotated variants, on small files of the same make."""

import gzip
import struct

import numpy as np
import pytest

from gitools.data import arabidopsis_gene_terms, genes
from gitools.data.convert_genes import (
    annotated_genes,
    gene_parts,
    gene_places,
    gene_terms,
    inbred_vcf,
)
from gitools.data.r_format import read_r_file

# R's binary format, written by hand.
STRINGS, LIST, REALS, INTEGERS = 16, 19, 14, 13


def word(text):
    if text is None:
        return struct.pack(">ii", 9, -1)
    return struct.pack(">ii", 0x40009, len(text)) + text.encode()


def vector(kind, values, attributes=()):
    flags = kind | (0x200 if attributes else 0)
    if kind == STRINGS:
        body = b"".join(word(value) for value in values)
    elif kind == LIST:
        body = b"".join(values)
    else:
        body = struct.pack(f">{len(values)}{'d' if kind == REALS else 'i'}", *values)
    return struct.pack(">ii", flags, len(values)) + body + pairs(attributes)


def pairs(attributes):
    parts = [struct.pack(">ii", 0x402, 1) + word(name) + value for name, value in attributes]
    return b"".join(parts) + (struct.pack(">i", 254) if attributes else b"")


def frame(columns):
    names = vector(STRINGS, list(columns))
    return vector(LIST, list(columns.values()), [("names", names)])


HEADER = b"X\n" + struct.pack(">iii", 2, 0x40202, 0x20300)


def calls(rows):
    """A data frame of the kind that holds annotated calls."""
    at, lines, genotypes, notes = zip(*rows, strict=True)
    return frame(
        {
            "POS": vector(INTEGERS, at),
            "Indiv": vector(REALS, lines),
            "REF": vector(STRINGS, ["A"] * len(rows)),
            "ALT": vector(STRINGS, ["T,C"] * len(rows)),
            "gt_GT": vector(STRINGS, genotypes),
            "EFF": vector(STRINGS, notes),
        }
    )


def write_calls(tmp_path, rows):
    named = vector(LIST, [calls(rows)], [("names", vector(STRINGS, ["AT1G01010.1"]))])
    path = tmp_path / "calls.rds"
    path.write_bytes(gzip.compress(HEADER + named))
    return path


def test_annotated_calls(tmp_path):
    rows = [(7, 9.0, "0|0", "a"), (7, 88.0, "2|2", "a"), (3, 88.0, "1|1", "b")]
    # The second effect of a call repeats its row.
    found = annotated_genes(write_calls(tmp_path, [*rows, rows[1]]))
    np.testing.assert_array_equal(found["genotypes"], [[-1, 0], [1, 2]])
    np.testing.assert_array_equal(found["accessions"], [9, 88])
    np.testing.assert_array_equal(found["positions"], [3, 7])
    assert found["genes"].tolist() == ["AT1G01010"] * 2
    assert found["annotations"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([(7, 9.0, "0|0", "a"), (7, 9.0, "1|1", "a")], "two calls"),
        ([(7, 9.0, "0|0", "a"), (7, 8.0, "0|0", "b")], "two annotations"),
        ([(7, 9.0, "0|1", "a")], "homozygous"),
    ],
)
def test_odd_calls_are_refused(tmp_path, rows, match):
    with pytest.raises(ValueError, match=match):
        annotated_genes(write_calls(tmp_path, rows))


def write_terms(tmp_path, values, dim):
    matrix = vector(STRINGS, values, [("dim", vector(INTEGERS, dim))])
    entry = struct.pack(">ii", 0x402, 1) + word("ulg") + matrix + struct.pack(">i", 254)
    path = tmp_path / "terms.rda"
    path.write_bytes(b"RDX2\n" + HEADER + entry)
    return path


def test_terms(tmp_path, monkeypatch):
    values = ["g2", "g1", "g2", "g1", "GO:1", "GO:2", "GO:2", "GO:2"]
    found = gene_terms(write_terms(tmp_path, values, [4, 2]))
    assert found["genes"].tolist() == ["g1", "g2"]
    assert found["terms"].tolist() == ["GO:1", "GO:2"]
    np.testing.assert_array_equal(found["pairs"], [[1, 0], [0, 1], [1, 1]])
    monkeypatch.setattr(genes, "load", lambda name: found)
    terms = arabidopsis_gene_terms(2, 5)
    assert terms.terms.tolist() == ["GO:2"]
    np.testing.assert_array_equal(terms.pairs, [[0, 0], [1, 0]])
    turned = arabidopsis_gene_terms(1, 5, genes=["g3", "g2"])
    np.testing.assert_array_equal(turned.pairs, [[1, 0], [1, 1]])
    with pytest.raises(ValueError, match="min_size"):
        arabidopsis_gene_terms(3, 2)
    with pytest.raises(ValueError, match="genes"):
        arabidopsis_gene_terms(genes=["g1", "g1"])


@pytest.mark.parametrize(
    ("values", "dim"), [(["GO:1", "GO:2"], [2, 1]), (["a", "b"], [1, 2]), (["GO:1"] * 2, [1, 2])]
)
def test_odd_terms_are_refused(tmp_path, values, dim):
    with pytest.raises(ValueError, match="original"):
        gene_terms(write_terms(tmp_path, values, dim))


@pytest.mark.parametrize("keep", [3, 20, -1])
def test_an_r_file_cut_short_is_refused(tmp_path, keep):
    path = tmp_path / "cut.rds"
    path.write_bytes((HEADER + vector(INTEGERS, [1, 2]))[:keep])
    with pytest.raises(ValueError, match="path"):
        read_r_file(path)


def test_missing_strings_and_several_attributes(tmp_path):
    path = tmp_path / "some.rds"
    attributes = [("names", vector(STRINGS, ["a", "b"])), ("class", vector(STRINGS, ["c"]))]
    path.write_bytes(HEADER + vector(STRINGS, ["x", None], attributes))
    found = read_r_file(path)
    assert found.named() == {"a": b"x", "b": None}
    assert found.attributes["class"].values == [b"c"]


def test_gene_places(tmp_path):
    path = tmp_path / "genes.bed"
    path.write_text("1\t5\t9\tAT1\t.\t+\nMt\t1\t3\tAT2\t.\t-\n")
    table = gene_places(path)
    assert table.iloc[1].tolist() == ["AT2", "Mt", 1, 3, "-"]
    path.write_text("1\t5\t9\tAT1\t.\t+\n1\t5\t9\tAT1\t.\t+\n")
    with pytest.raises(ValueError, match="twice"):
        gene_places(path)


def test_gene_parts(tmp_path):
    path = tmp_path / "exons.bed.gz"
    lines = "chr1\t4\t9\tParent=A.1,Parent=A.2,Parent=B.1\nchrC\t0\t2\tParent=C.1\n"
    path.write_bytes(gzip.compress(lines.encode()))
    table = gene_parts(path)
    assert table.to_numpy().tolist() == [
        ["1", 4, 9, "A", "A.1,A.2"],
        ["1", 4, 9, "B", "B.1"],
        ["Pt", 0, 2, "C", "C.1"],
    ]
    path.write_bytes(gzip.compress(b"chr1\t4\t9\n"))
    with pytest.raises(ValueError, match="4"):
        gene_parts(path)


def test_inbred_vcf(tmp_path):
    path = tmp_path / "calls.vcf.gz"
    head = "##fileformat=VCFv4.1\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t88\t9\n"
    line = "1\t7\t.\tA\tT\t40\tPASS\t.\tGT:GQ\t{}:40\t./.:.\n"
    path.write_bytes(gzip.compress((head + line.format("1|1")).encode()))
    found = inbred_vcf(path)
    np.testing.assert_array_equal(found["genotypes"], [[1], [-1]])
    assert found["alternatives"].tolist() == ["T"]
    path.write_bytes(gzip.compress((head + line.format("0|1")).encode()))
    with pytest.raises(ValueError, match="homozygous"):
        inbred_vcf(path)
