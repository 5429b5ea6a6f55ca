"""Gene tensors from VCF files and from calls."""

import sys

import numpy as np
import pandas as pd
import pytest
import zarr

from gitools.genomes import encode as module
from gitools.genomes.encode import count_types, encode, open_tensor
from gitools.genomes.variant_files import call_chunks
from gitools.simulate.variant_types import VARIANT_TYPES

pytest.importorskip("cyvcf2", reason="cyvcf2 has no build for this system")

GENES = pd.DataFrame(
    {
        "gene_id": ["A", "B", "C"],
        "chromosome": ["1", "1", "2"],
        "start": [1_001, 1_901, 501],
        "end": [2_000, 3_000, 900],
        "strand": ["+", "-", "+"],
    }
)
PARTS = pd.DataFrame(
    [
        ("exon", "Chr1", 1_000, 1_300, "A", "A.1,A.2"),
        ("exon", "Chr1", 1_400, 2_000, "A", "A.1"),
        ("exon", "Chr1", 1_350, 2_000, "A", "A.2"),
        ("UTR5", "Chr1", 1_000, 1_050, "A", "A.1,A.2"),
        ("UTR3", "Chr1", 1_950, 2_000, "A", "A.1,A.2"),
        ("exon", "Chr1", 1_900, 3_000, "B", "B.1"),
    ],
    columns=["part", "chromosome", "start", "end", "gene_id", "transcripts"],
)
ANN = '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">'
EFF = '##INFO=<ID=EFF,Number=.,Type=String,Description="Effects">'
CSQ = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    'Format: Allele|Consequence|SYMBOL|Gene|Feature|BIOTYPE">'
)
ANNOVAR = "\n".join(
    f'##INFO=<ID={name}.refGene,Number=.,Type=String,Description="{name}">'
    for name in ("Func", "Gene", "ExonicFunc")
)


def write_vcf(path, lines, header="", samples=("p1", "p2", "p3")):
    """Lines hold chromosome, position, reference, alternatives, info and calls."""
    head = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    head += ["##contig=<ID=1>", "##contig=<ID=2>", "##contig=<ID=9>"]
    columns = "CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split()
    head += [header, "#" + "\t".join([*columns, *samples])]
    body = [
        "\t".join([c, str(p), ".", ref, alt, "40", "PASS", info, "GT", *calls.split()])
        for c, p, ref, alt, info, calls in lines
    ]
    path.write_text("\n".join(part for part in [*head, *body] if part) + "\n")
    return path


def cells(tensor):
    """The counts that are not 0, by plant, gene and type."""
    found = {}
    for i, g, t in np.argwhere(tensor.counts[:] > 0):
        key = tensor.samples[i], tensor.genes[g], tensor.types[t]
        found[key] = int(tensor.counts[i, g, t])
    return found


def ann(allele, terms, gene, biotype="protein_coding"):
    return f"{allele}|{terms}|HIGH|{gene}|{gene}|transcript|{gene}.1|{biotype}|1/1|c.1|p.1|||||"


def test_a_small_file_by_hand(tmp_path):
    lines = [
        ("1", 1_100, "C", "T", "ANN=" + ann("T", "missense_variant", "A"), "1|1 0|0 ./."),
        ("1", 1_200, "C", "T", "ANN=" + ann("T", "missense_variant", "A"), "1|1 0|1 0|0"),
        ("1", 1_500, "C", "CA", "ANN=" + ann("CA", "frameshift_variant", "A"), "0|0 1|1 0|0"),
        ("2", 700, "C", "T", "ANN=" + ann("T", "synonymous_variant", "C"), "1|1 1|1 1|1"),
    ]
    path = write_vcf(tmp_path / "small.vcf", lines, ANN)
    tensor = encode(path, tmp_path / "tensor", GENES)
    assert cells(tensor) == {
        ("p1", "A", "nonsynonymous"): 2,
        ("p2", "A", "nonsynonymous"): 1,
        ("p2", "A", "frameshift insertion"): 1,
    }
    np.testing.assert_array_equal(tensor.missing[:], [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    assert tensor.report["missing calls"] == 1
    assert tensor.report["calls"] == 12
    assert tensor.report["left out"] == {"type: synonymous": 1}
    with_silent = encode(path, tmp_path / "more", GENES, types=(*VARIANT_TYPES, "synonymous"))
    assert with_silent.counts.shape == (3, 3, 18)
    assert with_silent.counts[:, 2, 17].tolist() == [1, 1, 1]


def test_alleles_of_a_site_are_counted_apart(tmp_path):
    info = "ANN=" + ann("T", "stop_gained", "A") + "," + ann("G", "intron_variant", "A")
    path = write_vcf(tmp_path / "m.vcf", [("1", 1_100, "C", "T,G", info, "1|2 2|2 .|1")], ANN)
    tensor = encode(path, tmp_path / "tensor", GENES)
    assert cells(tensor) == {
        ("p1", "A", "stopgain"): 1,
        ("p1", "A", "intronic"): 1,
        ("p2", "A", "intronic"): 1,
        ("p3", "A", "stopgain"): 1,
    }
    # p3 may or may not carry G on the copy that has no call.
    assert tensor.missing[:, 0].tolist() == [0, 0, 1]


def test_most_severe_of_a_gene_and_every_gene(tmp_path):
    told = [
        ann("T", "intron_variant", "A"),
        ann("T", "missense_variant&splice_region_variant", "A"),
        ann("T", "downstream_gene_variant", "A"),
        ann("T", "5_prime_UTR_variant", "B"),
        ann("T", "upstream_gene_variant", "nobody"),
    ]
    path = write_vcf(
        tmp_path / "o.vcf", [("1", 1_950, "C", "T", "ANN=" + ",".join(told), "1|1 0|0 0|0")], ANN
    )
    tensor = encode(path, tmp_path / "tensor", GENES)
    assert cells(tensor) == {("p1", "A", "nonsynonymous"): 1, ("p1", "B", "UTR5"): 1}
    assert tensor.report["left out"] == {"gene not in the table": 1}


def test_eff_strings_and_the_nearest_gene(tmp_path):
    upstream = "upstream_gene_variant(MODIFIER||192||575|X|protein_coding|CODING|A.1||1)"
    between = "intergenic_region(MODIFIER||||||||||1)"
    lines = [
        ("1", 900, "C", "T", f"EFF={upstream},{between}", "1|1 0|0 0|0"),
        ("1", 4_000, "C", "T", f"EFF={between}", "1|1 1|1 0|0"),
        ("9", 10, "C", "T", f"EFF={between}", "1|1 1|1 0|0"),
        ("1", 4_100, "C", "T", "DP=3", "1|1 1|1 0|0"),
    ]
    header = EFF + '\n##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">'
    tensor = encode(write_vcf(tmp_path / "e.vcf", lines, header), tmp_path / "t", GENES)
    assert cells(tensor) == {
        ("p1", "A", "upstream"): 1,
        ("p1", "B", "intergenic"): 1,
        ("p2", "B", "intergenic"): 1,
    }
    assert tensor.report["left out"] == {"no annotation": 1, "no gene on the chromosome": 1}


def test_vep_names_alleles_without_their_shared_base(tmp_path):
    told = (
        "CSQ=A|frameshift_variant|sa|A|A.1|protein_coding,-|inframe_deletion||B|B.1|protein_coding"
    )
    told += ",-|intron_variant&non_coding_transcript_variant||C|C.1|lncRNA"
    line = ("1", 1_100, "CTTT", "CTTTA,C", told, "1|1 2|2 0|0")
    told_again = told.replace("CSQ=A|", "CSQ=TTTA|")
    path = write_vcf(tmp_path / "v.vcf", [(*line[:4], told_again, line[5])], CSQ)
    tensor = encode(path, tmp_path / "t", GENES)
    assert cells(tensor) == {
        ("p1", "A", "frameshift insertion"): 1,
        ("p2", "B", "non-frameshift deletion"): 1,
        ("p2", "C", "intronic ncRNA"): 1,
    }


def test_annovar_fields_of_one_and_of_two_alleles(tmp_path):
    def told(function, gene, exonic):
        return f"Func.refGene={function};Gene.refGene={gene};ExonicFunc.refGene={exonic}"

    both = told("exonic", "A", "stopgain") + ";ALLELE_END;" + told("intronic", "A", ".")
    lines = [
        ("1", 300, "C", "T", told("intergenic", "NONE\\x3bA", "."), "1|1 0|0 0|0"),
        ("1", 1_100, "C", "T", told("exonic", "A,B", "nonsynonymous_SNV"), "1|1 0|0 0|0"),
        ("1", 1_200, "C", "T", told("upstream\\x3bdownstream", "A\\x3bB", "."), "0|0 1|1 0|0"),
        ("1", 1_300, "C", "T,G", both, "1|1 0|0 2|2"),
        ("1", 1_500, "CA", "C", told("exonic", "A", "frameshift_deletion"), "0|0 0|0 1|1"),
    ]
    header = ANNOVAR + '\n##INFO=<ID=ALLELE_END,Number=0,Type=Flag,Description="end">'
    tensor = encode(write_vcf(tmp_path / "a.vcf", lines, header), tmp_path / "t", GENES)
    assert cells(tensor) == {
        ("p1", "A", "nonsynonymous"): 1,
        ("p1", "B", "nonsynonymous"): 1,
        ("p2", "A", "upstream"): 1,
        ("p2", "B", "downstream"): 1,
        ("p1", "A", "stopgain"): 1,
        ("p3", "A", "intronic"): 1,
        ("p1", "A", "intergenic"): 1,
        ("p3", "A", "frameshift deletion"): 1,
    }


# Position, alleles and types in A and B, by hand from the tables above.
PLACES = [
    (500, "C", "T", {"A": "upstream"}),
    (100, "C", "T", {"A": "upstream"}),
    (1_020, "C", "T", {"A": "UTR5", "B": "downstream"}),
    (1_100, "C", "T", {"A": "coding", "B": "downstream"}),
    (1_100, "C", "CAA", {"A": "frameshift insertion", "B": "downstream"}),
    (1_100, "CAAA", "C", {"A": "non-frameshift deletion", "B": "downstream"}),
    (1_300, "C", "T", {"A": "coding", "B": "downstream"}),
    (1_301, "C", "T", {"A": "splicing", "B": "downstream"}),
    (1_303, "C", "T", {"A": "intronic", "B": "downstream"}),
    (1_349, "C", "T", {"A": "splicing", "B": "downstream"}),
    (1_360, "C", "T", {"A": "coding", "B": "downstream"}),
    (1_399, "C", "T", {"A": "splicing", "B": "downstream"}),
    (1_930, "C", "T", {"A": "coding", "B": "coding"}),
    (1_960, "C", "T", {"A": "UTR3", "B": "coding"}),
    (3_500, "C", "T", {"A": None, "B": "upstream"}),
    (2_999, "CTT", "C", {"A": "downstream", "B": "coding"}),
    (5_000, "C", "T", {"B": "intergenic"}),
]


def test_places_without_annotation(tmp_path):
    lines = [("1", p, ref, alt, ".", "1|1 0|0 0|0") for p, ref, alt, _ in sorted(PLACES[:-2])]
    lines.append(("2", 600, "C", "T", ".", "1|1 0|0 0|0"))
    expected = {}
    for _, _, _, types in PLACES[:-2]:
        for gene, name in types.items():
            if name:
                expected["p1", gene, name] = expected.get(("p1", gene, name), 0) + 1
    # C is a gene without parts.
    expected["p1", "C", "genic"] = 1
    path = write_vcf(tmp_path / "p.vcf", lines)
    types = (*VARIANT_TYPES, "coding", "genic")
    tensor = encode(path, tmp_path / "t", GENES, parts=PARTS, types=types)
    assert cells(tensor) == expected


@pytest.mark.parametrize(("position", "reference", "alternative", "types"), PLACES)
def test_each_place(tmp_path, position, reference, alternative, types):
    path = write_vcf(
        tmp_path / "p.vcf", [("1", position, reference, alternative, ".", "1|1 0|0 ./.")]
    )
    tensor = encode(
        path, tmp_path / "t", GENES, parts=PARTS, types=(*VARIANT_TYPES, "coding", "genic")
    )
    if position == 2_999:
        # A deletion of the last base of B and the first one behind it.
        types = {"A": "downstream", "B": "frameshift deletion"}
    assert cells(tensor) == {("p1", g, name): 1 for g, name in types.items() if name}


def test_rna_genes_have_the_ncrna_types(tmp_path):
    path = write_vcf(
        tmp_path / "r.vcf",
        [("1", p, "C", "T", ".", "1|1 0|0 0|0") for p in (1_020, 1_100, 1_301, 1_310)],
    )
    genes = GENES.assign(coding=[False, True, True])
    tensor = encode(path, tmp_path / "t", genes, parts=PARTS)
    ours = {key: n for key, n in cells(tensor).items() if key[1] == "A"}
    assert ours == {
        ("p1", "A", "exonic ncRNA"): 2,
        ("p1", "A", "ncRNA splicing"): 1,
        ("p1", "A", "intronic ncRNA"): 1,
    }


def random_calls(rng, n=7, p=400, n_genes=900):
    genes = pd.DataFrame(
        {
            "gene_id": [f"g{k}" for k in range(n_genes)],
            "chromosome": np.where(np.arange(n_genes) < n_genes // 2, "1", "2"),
            "start": 1 + 1_000 * (np.arange(n_genes) % (n_genes // 2)),
            "strand": "+",
        }
    )
    genes["end"] = genes["start"] + 700
    terms = ["missense_variant", "stop_gained", "intron_variant", "synonymous_variant"]
    rows = []
    for _ in range(p):
        k = int(rng.integers(1, 3))
        entries = [
            (allele, terms[rng.integers(4)], int(rng.integers(n_genes)))
            for allele in range(1, k + 1)
            for _ in range(rng.integers(1, 4))
        ]
        rows.append((k, entries))
    genotypes = rng.integers(-1, 2, size=(n, p, 2))
    two = np.array([k for k, _ in rows]) == 2
    genotypes[:, two] += (rng.random((n, two.sum(), 2)) < 0.3) & (genotypes[:, two] == 1)
    return genes, genotypes, rows


def independent_count(genes, genotypes, rows):
    """The same counts by a join and a groupby."""
    order = ["stopgain", "nonsynonymous", "synonymous", "intronic"]
    names = {
        "missense_variant": "nonsynonymous",
        "stop_gained": "stopgain",
        "intron_variant": "intronic",
        "synonymous_variant": "synonymous",
    }
    said = pd.DataFrame(
        [
            (v, allele, gene, order.index(names[term]))
            for v, (_, entries) in enumerate(rows)
            for allele, term, gene in entries
        ],
        columns=["site", "allele", "gene", "rank"],
    )
    said = said.groupby(["site", "allele", "gene"], as_index=False)["rank"].min()
    said["type"] = [order[rank] for rank in said["rank"]]
    plant, site, copy = np.nonzero(genotypes > 0)
    carried = pd.DataFrame({"plant": plant, "site": site, "allele": genotypes[plant, site, copy]})
    joined = carried.drop_duplicates().merge(said, on=["site", "allele"])
    joined = joined[joined["type"].isin(VARIANT_TYPES)]
    tensor = np.zeros((len(genotypes), len(genes), 17), dtype=int)
    for (i, g, name), n in joined.groupby(["plant", "gene", "type"]).size().items():
        tensor[i, g, VARIANT_TYPES.index(name)] = n
    return tensor


def calls_of(genes, genotypes, rows, chunk_size):
    alleles = "ACGT"
    return call_chunks(
        genotypes,
        ["1"] * len(rows),
        np.arange(1, len(rows) + 1),
        ["A"] * len(rows),
        [",".join(alleles[1 : k + 1]) for k, _ in rows],
        [f"p{i}" for i in range(len(genotypes))],
        annotations=[
            ",".join(ann(alleles[a], term, f"g{g}") for a, term, g in entries)
            for _, entries in rows
        ],
        annotation="ann",
        chunk_size=chunk_size,
    )


@pytest.mark.parametrize("chunk_size", [1, 37, 1_000])
def test_equals_an_independent_count_in_any_order_of_genes(tmp_path, monkeypatch, chunk_size):
    # Genes at random and few, small blocks: every block is written and read again often.
    monkeypatch.setattr(module, "_BLOCK_GENES", 64)
    monkeypatch.setattr(module, "_BLOCKS_IN_MEMORY", 2)
    p = 60 if chunk_size == 1 else 400
    genes, genotypes, rows = random_calls(np.random.default_rng(chunk_size), p=p)
    tensor = encode(calls_of(genes, genotypes, rows, chunk_size), tmp_path / "t", genes)
    np.testing.assert_array_equal(tensor.counts[:], independent_count(genes, genotypes, rows))
    missing = (genotypes < 0).any(axis=2)
    assert tensor.report["missing calls"] == missing.sum()
    assert tensor.report["placed"] == sum(tensor.report["pairs by type"].values())
    again = open_tensor(tmp_path / "t")
    np.testing.assert_array_equal(again.missing[:], tensor.missing[:])
    assert again.report == tensor.report


def test_rare_alleles_are_left_out(tmp_path):
    told = "ANN=" + ann("T", "missense_variant", "A")
    calls = ["1|1 0|0 0|0 0|0", "0|1 0|0 0|0 0|0", "1|1 1|1 1|1 1|1", "1|1 ./. ./. 0|0"]
    lines = [("1", 1_100 + k, "C", "T", told, c) for k, c in enumerate(calls)]
    path = write_vcf(tmp_path / "r.vcf", lines, ANN, samples=("a", "b", "c", "d"))
    tensor = encode(path, tmp_path / "t", GENES, min_maf=0.125)
    assert cells(tensor) == {("a", "A", "nonsynonymous"): 2}
    assert tensor.report["rare"] == 2


def test_alleles_without_a_sequence_are_left_out(tmp_path):
    told = "ANN=" + ann("T", "missense_variant", "A") + "," + ann("*", "missense_variant", "A")
    lines = [
        ("1", 1_100, "C", "T,*", told, "1|1 2|2 0|0"),
        ("1", 1_200, "C", "<DEL>", told, "1|1 0|0 0|0"),
    ]
    tensor = encode(write_vcf(tmp_path / "s.vcf", lines, ANN), tmp_path / "t", GENES)
    assert cells(tensor) == {("p1", "A", "nonsynonymous"): 1}
    assert tensor.report["left out"] == {"allele without a sequence": 2}


def test_missing_calls_are_never_reference(tmp_path):
    genotypes = np.array([[1, 0], [-1, 1], [-1, -1]], dtype=np.int8)
    chunks = call_chunks(
        genotypes, ["1", "1"], [1_020, 1_030], ["C", "C"], ["T", "T"], ["a", "b", "c"]
    )
    tensor = encode(chunks, tmp_path / "t", GENES, parts=PARTS)
    assert tensor.missing[:, 0].tolist() == [0, 1, 2]
    assert tensor.report["missing calls"] == 3


class Interrupted(Exception):
    pass


def test_an_interruption_leaves_nothing(tmp_path):
    def chunks():
        yield from call_chunks(np.ones((2, 1), dtype=int), ["1"], [1_020], ["C"], ["T"], ["a", "b"])
        raise Interrupted

    with pytest.raises(Interrupted):
        encode(chunks(), tmp_path / "t", GENES, parts=PARTS)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_not_taken_for_a_tensor(tmp_path):
    left = zarr.open_group(tmp_path / ".t.part", mode="w")
    left.create_array("counts", shape=(1,), dtype="i2")
    with pytest.raises(ValueError, match="path"):
        open_tensor(tmp_path / ".t.part")
    chunks = call_chunks(np.ones((1, 1), dtype=int), ["1"], [1_020], ["C"], ["T"], ["a"])
    encode(chunks, tmp_path / "t", GENES, parts=PARTS)
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_tensor_is_replaced_only_when_asked(tmp_path):
    def chunks():
        return call_chunks(np.ones((1, 1), dtype=int), ["1"], [1_020], ["C"], ["T"], ["a"])

    encode(chunks(), tmp_path / "t", GENES, parts=PARTS)
    with pytest.raises(FileExistsError, match="out"):
        encode(chunks(), tmp_path / "t", GENES, parts=PARTS)
    encode(chunks(), tmp_path / "t", GENES, parts=PARTS, overwrite=True)


def test_a_count_beyond_the_type_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 3)
    n = 4
    chunks = call_chunks(
        np.ones((1, n), dtype=int), ["1"] * n, [1_020] * n, ["C"] * n, ["T"] * n, ["a"]
    )
    with pytest.raises(ValueError, match="count passes"):
        encode(chunks, tmp_path / "t", GENES, parts=PARTS)


def test_without_cyvcf2_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cyvcf2", None)
    path = write_vcf(tmp_path / "x.vcf", [("1", 1, "C", "T", ".", "1|1 0|0 0|0")])
    with pytest.raises(ImportError, match="Windows"):
        encode(path, tmp_path / "t", GENES, parts=PARTS)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"genes": GENES.drop(columns="strand")}, "genes"),
        ({"genes": pd.concat([GENES, GENES])}, "genes"),
        ({"genes": GENES.assign(strand="f")}, "genes"),
        ({"parts": None}, "annotation"),
        ({"parts": PARTS.drop(columns="part")}, "parts"),
        ({"annotation": "ann"}, "annotation"),
        ({"annotation": "snpEff"}, "annotation"),
        ({"distance": -1}, "distance"),
        ({"types": ("a", "a")}, "types"),
        ({"min_maf": 0.5}, "min_maf"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"source": "nowhere.vcf"}, "source"),
        ({"source": 3}, "source"),
        ({"source": [1, 2]}, "source"),
    ],
)
def test_bad_input_is_named(tmp_path, changes, match):
    path = write_vcf(tmp_path / "x.vcf", [("1", 1, "C", "T", ".", "1|1 0|0 0|0")])
    arguments = {"source": path, "genes": GENES, "parts": PARTS} | changes
    source, genes = arguments.pop("source"), arguments.pop("genes")
    with pytest.raises(ValueError, match=match):
        encode(source, tmp_path / "t", genes, **arguments)
    assert not (tmp_path / "t").exists()


def test_two_annotations_are_ambiguous(tmp_path):
    path = write_vcf(tmp_path / "x.vcf", [("1", 1, "C", "T", ".", "1|1 0|0 0|0")], ANN + "\n" + EFF)
    with pytest.raises(ValueError, match="say which one"):
        encode(path, tmp_path / "t", GENES)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"genotypes": [[2]]}, "genotypes"),
        ({"genotypes": [[-2]]}, "genotypes"),
        ({"positions": [1, 2]}, "positions"),
        ({"samples": []}, "samples"),
        ({"annotation": "csq"}, "annotation"),
    ],
)
def test_bad_calls_are_named(changes, match):
    arguments = {
        "genotypes": [[1]],
        "chromosomes": ["1"],
        "positions": [1],
        "references": ["C"],
        "alternatives": ["T"],
        "samples": ["a"],
    } | changes
    with pytest.raises(ValueError, match=match):
        list(call_chunks(**arguments))


def test_counting_variants_of_known_types():
    rng = np.random.default_rng(3)
    carried = rng.integers(-1, 2, size=(5, 60)).astype(np.int8)
    gene, kind = rng.integers(4, size=60), rng.integers(17, size=60)
    expected = np.zeros((5, 4, 17), dtype=int)
    for v in range(60):
        expected[:, gene[v], kind[v]] += carried[:, v] == 1
    np.testing.assert_array_equal(count_types(carried, gene, kind, 4), expected)
    with pytest.raises(ValueError, match="variant_gene"):
        count_types(carried, gene, kind, 3)
    with pytest.raises(ValueError, match="shapes"):
        count_types(carried, gene[1:], kind, 4)
