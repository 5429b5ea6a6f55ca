"""Reading files: what is accepted, and what is refused with which words."""

import gzip

import numpy as np
import pandas as pd
import pytest

from gitools.pipeline import (
    PlinkPanel,
    StoredLD,
    clean_chunks,
    open_ld,
    read_genes,
    read_statistics,
    write_panel,
    write_stored_ld,
)
from gitools.pipeline.statistics import normal_chromosomes

HEADER = (
    "chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\t"
    "effect_allele_frequency\tp_value\tn"
)
ROWS = ["1\t100\tA\tG\t0.5\t0.25\t0.3\t0.0455\t1000", "2\t200\tc\tt\t-0.5\t0.25\t0.3\t0.0455\t1000"]


def _file(tmp_path, *lines, name="trait.tsv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _fates(path, **options):
    return read_statistics(path, **options).dropped["fate"].tolist()


def test_reads_the_standard_columns(tmp_path):
    found = read_statistics(_file(tmp_path, HEADER, *ROWS))
    assert found.dropped.empty
    table = found.table
    assert table["row"].tolist() == [1, 2]
    assert table["chromosome"].tolist() == ["1", "2"]
    assert table["effect_allele"].tolist() == ["A", "C"]
    np.testing.assert_allclose(table["z"], [2, -2])
    assert table["n"].tolist() == [1000, 1000]


def test_gzip_is_told_by_its_bytes_not_by_its_name(tmp_path):
    path = tmp_path / "trait.txt"
    path.write_bytes(gzip.compress(("\n".join([HEADER, *ROWS]) + "\n").encode()))
    assert len(read_statistics(path).table) == 2


def test_pieces_together_are_the_whole(tmp_path):
    lines = [f"1\t{100 + k}\tA\tG\t{(-1) ** k * k}\t1\t0.3\tNA\t1000" for k in range(1, 8)]
    path = _file(tmp_path, HEADER, *lines)
    parts = list(clean_chunks(path, rows_at_once=3))
    assert [len(part.table) for part in parts] == [3, 3, 1]
    whole = pd.concat([part.table for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(whole, read_statistics(path).table)


def test_aliases_odds_ratios_and_a_given_n(tmp_path):
    path = _file(tmp_path, "#CHR\tPOS\tA1\tA2\tOR\tSE", f"chr01\t5\tA\tG\t{np.exp(0.3)}\t0.1")
    table = read_statistics(path, n=500).table
    assert table["chromosome"].tolist() == ["1"]
    np.testing.assert_allclose(table["z"], [3], rtol=1e-12)
    assert table["n"].tolist() == [500]
    assert table["frequency"].isna().all()


def test_standard_errors_come_from_confidence_limits_too(tmp_path):
    low, high = np.exp(0.3 - 1.959964 * 0.1), np.exp(0.3 + 1.959964 * 0.1)
    path = _file(tmp_path, "chr\tpos\tea\toa\tor\tci_lower\tci_upper\tn",
                 f"1\t5\tA\tG\t{np.exp(0.3)}\t{low}\t{high}\t900")  # fmt: skip
    np.testing.assert_allclose(read_statistics(path).table["z"], [3], rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "fate"),
    [
        ("1\t100\tA\tG\tNA\t0.25\t0.3\t0.5\t1000", "missing_value"),
        ("1\t100\tA\tG\tabc\t0.25\t0.3\t0.5\t1000", "missing_value"),
        ("\t100\tA\tG\t0.5\t0.25\t0.3\t0.5\t1000", "missing_value"),
        ("1\t100\t\tG\t0.5\t0.25\t0.3\t0.5\t1000", "missing_value"),
        ("1\t100\tA\tG\t0.5\t0.25\t0.3\t0.5\tNA", "missing_value"),
        ("1\t100\tA\tG\t-inf\t0.25\t0.3\t0.5\t1000", "infinite_value"),
        ("1\t100\tA\tG\t0.5\tinf\t0.3\t0.5\t1000", "infinite_value"),
        ("1\t100\tA\tG\t0.5\t0\t0.3\t0.5\t1000", "bad_standard_error"),
        ("1\t100\tA\tG\t0.5\t-1\t0.3\t0.5\t1000", "bad_standard_error"),
        ("1\t100\tA\tG\t0.5\t0.25\t1.3\t0.5\t1000", "bad_frequency"),
        ("1\t100\tA\t<DEL>\t0.5\t0.25\t0.3\t0.5\t1000", "bad_allele"),
        ("1\t100\tA\tA\t0.5\t0.25\t0.3\t0.5\t1000", "bad_allele"),
    ],
)
def test_each_bad_row_is_named(tmp_path, row, fate):
    found = read_statistics(_file(tmp_path, HEADER, ROWS[0], row))
    assert found.dropped["fate"].tolist() == [fate]
    assert found.dropped["row"].tolist() == [2]
    assert len(found.table) == 1


def test_an_odds_ratio_of_zero_has_its_own_name(tmp_path):
    path = _file(tmp_path, "chr\tpos\tea\toa\tor\tse", "1\t5\tA\tG\t0\t0.1", "1\t6\tA\tG\t-2\t0.1")
    assert _fates(path, n=500) == ["bad_odds_ratio"] * 2


def test_missing_columns_are_all_named(tmp_path):
    path = _file(tmp_path, "chromosome\tbeta\tstandard_error", "1\t0.1\t0.1")
    with pytest.raises(
        ValueError, match="missing: base_pair_location, effect_allele, other_allele"
    ):
        read_statistics(path, n=100)
    path = _file(tmp_path, "chr\tpos\tea\toa\tbeta", "1\t5\tA\tG\t0.1")
    with pytest.raises(ValueError, match="missing: standard_error"):
        read_statistics(path, n=100)
    path = _file(tmp_path, "chr\tpos\tea\toa\tse", "1\t5\tA\tG\t0.1")
    with pytest.raises(ValueError, match="missing: beta or odds_ratio"):
        read_statistics(path, n=100)


def test_other_faults_of_the_header(tmp_path):
    with pytest.raises(ValueError, match="no tab"):
        read_statistics(_file(tmp_path, HEADER.replace("\t", ","), "1,2"))
    with pytest.raises(ValueError, match=r"effect_allele.*say which"):
        read_statistics(_file(tmp_path, "chr\tpos\ta1\tea\toa\tbeta\tse", "1"), n=9)
    with pytest.raises(ValueError, match=r"^n: got none"):
        read_statistics(_file(tmp_path, "chr\tpos\tea\toa\tbeta\tse", "1"))
    with pytest.raises(ValueError, match=r"^n: got -3"):
        read_statistics(_file(tmp_path, "chr\tpos\tea\toa\tbeta\tse", "1"), n=-3)
    with pytest.raises(ValueError, match="no rows"):
        read_statistics(_file(tmp_path, HEADER))
    with pytest.raises(ValueError, match=r"^columns: got 'gwas_b'"):
        read_statistics(_file(tmp_path, HEADER, ROWS[0]), columns={"beta": "gwas_b"})
    with pytest.raises(FileNotFoundError):
        read_statistics(tmp_path / "nowhere.tsv")


def test_columns_may_be_named_by_hand(tmp_path):
    path = _file(tmp_path, HEADER.replace("beta", "gwas_b"), *ROWS)
    np.testing.assert_allclose(
        read_statistics(path, columns={"beta": "gwas_b"}).table["z"], [2, -2]
    )


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    packed = gzip.compress(("\n".join([HEADER, *ROWS * 500]) + "\n").encode())
    path = tmp_path / "cut.tsv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ValueError, match=r"cut.tsv.gz is damaged or cut short"):
        read_statistics(path)


def test_odds_ratios_under_the_name_beta_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"1\t{k}\tA\tG\t{np.exp(b)}\t0.1" for k, b in enumerate(rng.normal(0, 0.1, 60))]
    path = _file(tmp_path, "chr\tpos\tea\toa\tbeta\tse", *rows)
    with pytest.raises(ValueError, match="odds ratios"):
        read_statistics(path, n=100)
    assert len(read_statistics(path, n=100, columns={"odds_ratio": "beta"}).table) == 60


def test_standard_errors_on_another_scale_are_refused(tmp_path):
    rng = np.random.default_rng(1)
    beta = rng.normal(0, 0.3, 60)
    p = [f"{x:.6g}" for x in 2 * (1 - _normal_cdf(np.abs(beta) / 0.1))]
    rows = [f"1\t{k}\tA\tG\t{b}\t0.3\t{q}" for k, (b, q) in enumerate(zip(beta, p, strict=True))]
    path = _file(tmp_path, "chr\tpos\tea\toa\tbeta\tse\tp", *rows)
    with pytest.raises(ValueError, match=r"^standard_error: got"):
        read_statistics(path, n=100)


def _normal_cdf(x):
    from scipy.stats import norm

    return norm.cdf(x)


def test_names_of_chromosomes():
    given = pd.Series(["chr1", "01", "1.0", "X", "23", "chrM", None, "scaffold_10"])
    expected = ["1", "1", "1", "X", "X", "MT", None, "SCAFFOLD_10"]
    found = normal_chromosomes(given)
    assert [None if pd.isna(x) else x for x in found] == expected


def test_genes(tmp_path):
    path = _file(tmp_path, "symbol\tchr\tstart\tend", "B\tchr2\t5\t9", "A\t1\t7\t9", "C\t1\t2\t8")
    genes = read_genes(path)
    assert genes["gene"].tolist() == ["C", "A", "B"]
    assert genes["chromosome"].tolist() == ["1", "1", "2"]
    for line, message in [
        ("A\t1\t9\t7", "end before the start"),
        ("A\t1\t\t7", "missing value"),
        ("C\t1\t7\t9", "more than once"),
    ]:
        bad = _file(tmp_path, "symbol\tchr\tstart\tend", "C\t1\t2\t8", line)
        with pytest.raises(ValueError, match=message):
            read_genes(bad)
    with pytest.raises(ValueError, match="missing: end"):
        read_genes(_file(tmp_path, "gene\tchr\tstart", "A\t1\t2"))


def _variants(chromosomes):
    p = len(chromosomes)
    return pd.DataFrame(
        {
            "chromosome": chromosomes,
            "position": np.arange(p) + 1,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )


def test_panel_gives_frequencies_and_ld_by_chromosome(tmp_path):
    rng = np.random.default_rng(2)
    dosages = rng.binomial(2, 0.4, size=(41, 7)).astype("int8")
    dosages[3, 4] = -127
    write_panel(tmp_path / "panel", _variants(list("1112222")), dosages)
    panel = open_ld(tmp_path / "panel")
    assert panel.chromosomes == ["1", "2"] and panel.n_people == 41
    second = dosages[:, 3:].astype(float)
    second[3, 1] = np.nan
    np.testing.assert_allclose(panel.variants("2")["frequency"], np.nanmean(second, axis=0) / 2)
    second[3, 1] = np.nanmean(second[:, 1])
    rows = np.array([0, 1, 3])
    expected = np.corrcoef(second[:, rows].T)
    np.testing.assert_allclose(panel.ld("2", rows), expected, atol=1e-12)


def test_panel_refuses_what_does_not_fit(tmp_path):
    dosages = np.zeros((5, 3), dtype="int8")
    write_panel(tmp_path / "split", _variants(list("121")), dosages)
    with pytest.raises(ValueError, match="chromosome 1 in two pieces"):
        PlinkPanel(tmp_path / "split")
    write_panel(tmp_path / "cut", _variants(list("111")), dosages)
    bed = tmp_path / "cut.bed"
    bed.write_bytes(bed.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"got a .bed file of"):
        PlinkPanel(bed)
    with pytest.raises(FileNotFoundError, match="expected a file"):
        PlinkPanel(tmp_path / "nothing")


def test_stored_ld_is_put_together_from_its_files(tmp_path):
    rng = np.random.default_rng(3)
    blocks = [np.corrcoef(rng.normal(size=(9, 4)).T), np.corrcoef(rng.normal(size=(9, 3)).T)]
    for k, (R, start) in enumerate(zip(blocks, (500, 100), strict=True)):
        variants = _variants(["1"] * len(R)).assign(frequency=0.3)
        variants["position"] += start
        write_stored_ld(tmp_path / f"block{k}.npz", "chr1", variants, R)
    stored = StoredLD(tmp_path)
    assert stored.chromosomes == ["1"]
    assert stored.variants("1")["position"].tolist() == [101, 102, 103, 501, 502, 503, 504]
    R = stored.ld("1", np.array([1, 2, 4, 6]))
    np.testing.assert_allclose(R[:2, :2], blocks[1][1:, 1:], atol=1e-7)
    np.testing.assert_allclose(R[2:, 2:], blocks[0][np.ix_([1, 3], [1, 3])], atol=1e-7)
    assert np.all(R[:2, 2:] == 0)
    with pytest.raises(ValueError, match=r"^chromosome: got '7'"):
        stored.ld("7", [0])
    np.savez(tmp_path / "bad.npz", R=np.eye(2))
    with pytest.raises(ValueError, match=r"bad.npz lacks the arrays"):
        StoredLD(tmp_path)
