"""What the benchmark scripts share."""

import csv

import pytest

from gitools.book.bench import asked_to_be_quick, blas_name, run_table


def test_the_switch_is_read():
    assert asked_to_be_quick("A script.", ["--quick"])
    assert not asked_to_be_quick("A script.", [])


def test_the_blas_has_a_name_and_a_version():
    name, version = blas_name().split(",")[0].split()
    assert name.isidentifier()
    assert version[0].isdigit()


def test_rows_are_printed_as_they_come_and_written_at_the_end(tmp_path, capsys):
    path = tmp_path / "table.csv"

    def rows():
        yield {"n": 1, "ratio": "0.5"}
        assert "0.5" in capsys.readouterr().out
        assert not path.exists()
        yield {"n": 2}

    found = run_table(path, ["n", "ratio"], rows(), quick=False)
    assert found == [{"n": 1, "ratio": "0.5"}, {"n": 2}]
    with open(path, newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{"n": "1", "ratio": "0.5"}, {"n": "2", "ratio": ""}]


def test_a_broken_run_leaves_the_old_table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old", encoding="utf-8")

    def rows():
        yield {"n": 1}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_table(path, ["n"], rows(), quick=False)
    assert path.read_text(encoding="utf-8") == "old"
    run_table(path, ["n"], [{"n": 1}], quick=True)
    assert path.read_text(encoding="utf-8") == "old"
