"""What a chapter's code says to its page: glued results, claims, answers, figures."""

import importlib
import math
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
import yaml
from matplotlib.colors import to_rgba
from myst_nb.core.variables import format_plain_text
from nbformat.v4 import new_code_cell, new_notebook, new_output
from scipy.stats import binom, norm

from gitools.book import COLORS, check_answer, claim, glue, set_style
from gitools.book.answers import judge, load_answers
from gitools.book.claims import (
    ClaimError,
    as_number,
    is_within,
    load_claims,
)
from gitools.book.glue import glued
from gitools.book.ledger import claimed, ledger_rows
from gitools.book.reference import mclust_trace
from gitools.book.root import chapters, find_root
from gitools.book.studies.dosage import calls, excess_log_loss, expected_excess
from gitools.simulate import simulate_intensities

# `gitools.book.glue` names the function, which hides the module.
GLUE = importlib.import_module("gitools.book.glue")
MIME = "application/papermill.record/text/plain"

CLAIM = {
    "id": "halves",
    "source": "ours",
    "says": "a half",
    "range": [0.4, 0.6],
    "because": "symmetry",
    "chapter": "11_small",
    "verdict": "reproduced",
    "why": "arithmetic",
}
ANSWER = {
    "id": "11-1",
    "expected": 0.25,
    "tolerance": 0.01,
    "right": "A quarter.",
    "wrong": [{"value": 0.5, "says": "Half of what?"}],
}


@pytest.fixture
def displayed(monkeypatch):
    """Outputs as a kernel would store them."""
    outputs = []

    def keep(data, metadata, raw):
        assert raw
        outputs.append(new_output("display_data", data=data, metadata=metadata))

    monkeypatch.setattr(GLUE, "display", keep)
    return outputs


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Folder of a book, as working folder."""
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "book").mkdir()
    write(tmp_path / "book" / "claims.yml", [CLAIM])
    write(tmp_path / "book" / "answers.yml", [ANSWER])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, entries):
    path.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
    return path


def notebook_of(outputs):
    return new_notebook(cells=[new_code_cell("", outputs=outputs)])


# Glue


@pytest.mark.parametrize(
    ("value", "fmt", "text"),
    [
        (3, ".2f", "3.00"),
        (1234, ",", "1,234"),
        (np.float64(0.5), ".0%", "50%"),
        (np.int64(7), "", "7"),
        ("1e3", "", "1e3"),
        ("it's", "", "it's"),
        (-0.001, ".2f", "0.00"),
        (-0.4, ".0f", "0"),
        (-0.00004, ".1%", "0.0%"),
        (-0.0, ".1e", "0.0e+00"),
        (-0.01, ".2f", "-0.01"),
        (-10.0, ".0f", "-10"),
    ],
)
def test_glued_text_is_stored_to_the_letter(displayed, value, fmt, text):
    glue("a-1", value, fmt)
    (output,) = displayed
    assert glued(notebook_of(displayed)) == {"a-1": text}
    assert format_plain_text(output.data[MIME], "") == text
    assert format_plain_text(output.data[MIME], "s") == text
    assert output.metadata["scrapbook"]["name"] == "a-1"
    assert MIME.startswith(output.metadata["scrapbook"]["mime_prefix"])


@pytest.mark.parametrize(
    ("name", "value", "fmt", "message"),
    [
        ("a:b", 1, "", "name: got 'a:b', expected lower-case letters"),
        ("A", 1, "", "name: got 'A', expected"),
        ("a--b", 1, "", "name: got 'a--b', expected"),
        ("a ", 1, "", "name: got 'a ', expected"),
        ("", 1, "", "name: got '', expected"),
        (3, 1, "", "name: got 3, expected"),
        ("a", math.nan, ".2f", "value: got nan for a, expected a finite number"),
        ("a", np.float64("nan"), "", "value: got nan for a, expected a finite number"),
        ("a", math.nan, ".2F", "value: got NAN for a, expected a finite number"),
        ("a", -math.inf, ".1%", "value: got -inf% for a, expected a finite number"),
        ("a", "half", ".2f", "fmt: '.2f' does not format 'half'"),
        ("a", None, ".2f", "fmt: '.2f' does not format None"),
        ("a", [1.0], ".2f", "fmt: '.2f' does not format"),
        ("a", 1.0, "d", "fmt: 'd' does not format 1.0"),
        ("a", 1.0, 2, "fmt: 2 does not format 1.0"),
    ],
)
def test_glue_refuses(displayed, name, value, fmt, message):
    with pytest.raises(ValueError) as error:
        glue(name, value, fmt)
    assert message in str(error.value)
    assert displayed == []


def test_a_name_glued_twice_is_refused(displayed):
    glue("a", 1)
    glue("a", 2)
    with pytest.raises(ValueError, match="'a' is glued twice"):
        glued(notebook_of(displayed))


def test_outputs_without_glue_are_passed_over(displayed):
    glue("a", 1)
    plain = new_output("stream", text="2")
    assert glued(notebook_of([plain, *displayed])) == {"a": "1"}


# Claims


def test_a_claim_is_glued_and_marked(displayed, book):
    claim("halves", 0.5, ".2f")
    glue("other", 1)
    assert displayed[0].metadata["gitools"] == {"claim": "halves"}
    assert claimed(notebook_of(displayed)) == {"halves": "0.50"}
    assert format_plain_text(displayed[0].data[MIME], "s") == "0.50"


def test_a_claim_is_found_from_the_notebooks_folder(displayed, book, monkeypatch):
    (book / "notebooks").mkdir()
    monkeypatch.chdir(book / "notebooks")
    claim("halves", 0.5)
    assert len(displayed) == 1


@pytest.mark.parametrize("value", [0.39, 0.61, -0.5, 1e9])
def test_a_claim_outside_its_range_raises(displayed, book, value):
    with pytest.raises(ClaimError, match=r"halves: .* is outside \[0.4, 0.6\] \(symmetry\)"):
        claim("halves", value)
    assert displayed == []


def test_a_claim_is_judged_as_printed(displayed, book):
    claim("halves", 0.6004, ".2f")
    with pytest.raises(ClaimError):
        claim("halves", 0.6004, ".4f")


@pytest.mark.parametrize(
    ("name", "value", "fmt", "message"),
    [
        ("thirds", 0.5, ".2f", "id: got 'thirds', expected one of halves"),
        (None, 0.5, ".2f", "id: got None, expected one of halves"),
        ("halves", math.nan, ".2f", "value: got nan for halves, expected a finite number"),
        ("halves", math.inf, ".2f", "value: got inf for halves, expected a finite number"),
        ("halves", "0.5", ".2f", "fmt: '.2f' does not format '0.5'"),
        ("halves", True, "", "value: got 'True' for halves, expected a number"),
        ("halves", None, "", "value: got 'None' for halves, expected a number"),
        ("halves", np.array([0.5]), "", "value: got '[0.5]' for halves, expected a number"),
    ],
)
def test_claim_refuses(displayed, book, name, value, fmt, message):
    with pytest.raises(ValueError) as error:
        claim(name, value, fmt)
    assert message in str(error.value)
    assert displayed == []


def test_a_ledger_edited_while_a_notebook_is_open_counts(displayed, book):
    claim("halves", 0.5)
    path = write(book / "book" / "claims.yml", [{**CLAIM, "range": [0.6, 0.7]}])
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    with pytest.raises(ClaimError):
        claim("halves", 0.5)


def test_a_chapter_does_not_wait_for_what_only_the_ledger_needs():
    code = "import sys, gitools.book; sys.exit('nbformat' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_claim_that_cannot_be_tested_takes_no_value(displayed, book):
    entry = CLAIM | {"verdict": "not testable here", "range": None}
    write(book / "book" / "claims.yml", [entry])
    with pytest.raises(ValueError, match="'halves' is not testable here"):
        claim("halves", 0.5)


def test_a_claim_that_failed_is_held_to_what_was_found(displayed, book):
    entry = CLAIM | {"verdict": "differs", "found": [0.8, 0.9]}
    write(book / "book" / "claims.yml", [entry])
    claim("halves", 0.85)
    with pytest.raises(ClaimError, match=r"outside \[0.8, 0.9\]"):
        claim("halves", 0.5)


@pytest.mark.parametrize(
    ("bounds", "value", "inside"),
    [
        ([0.4, 0.6], 0.4, True),
        ([0.4, 0.6], 0.6, True),
        ([None, 0.6], -1e9, True),
        ([None, 0.6], 0.61, False),
        ([0.4, None], 1e9, True),
        ([0.4, None], 0.39, False),
        ([0, 0], 0.0, True),
        ([None, 1.0], math.nan, False),
    ],
)
def test_ranges_are_closed(bounds, value, inside):
    assert is_within(CLAIM | {"range": bounds}, value) is inside


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234", 1234), ("12.5%", 0.125), ("-0.03", -0.03), ("2.1e-12", 2.1e-12), ("7", 7)],
)
def test_number_behind_a_text(text, number):
    assert as_number(text) == pytest.approx(number, rel=1e-15)


def test_claims_are_read_in_order(tmp_path):
    entries = [CLAIM, CLAIM | {"id": "b", "range": [None, 1e-9], "verdict": "open"}]
    entries.append(CLAIM | {"id": "a", "range": None, "verdict": "not testable here"})
    entries.append(CLAIM | {"id": "c", "verdict": "partly", "found": [2, None]})
    assert load_claims(write(tmp_path / "claims.yml", entries)) == entries


def test_a_ledger_may_be_empty(tmp_path):
    (tmp_path / "claims.yml").touch()
    assert load_claims(tmp_path / "claims.yml") == []


def _without(entry, key):
    return {k: v for k, v in entry.items() if k != key}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        *[
            ([_without(CLAIM, key)], f"missing or unknown keys ['{key}']")
            for key in CLAIM
            if key != "id"
        ],
        ([_without(CLAIM, "id")], "claim None: missing or unknown keys ['id']"),
        ([CLAIM | {"colour": 1}], "'halves': missing or unknown keys ['colour']"),
        (
            [_without(CLAIM, "why") | {"found": [0, 1], "verdict": "differs"}],
            "missing or unknown keys ['why']",
        ),
        ([CLAIM, CLAIM], "claim 'halves' stands twice"),
        ([CLAIM | {"source": "hearsay"}], "source is 'hearsay', expected one of gmm-tutorial"),
        ([CLAIM | {"verdict": "true"}], "verdict is 'true', expected one of reproduced"),
        *[
            ([CLAIM | {"range": bounds}], "expected [low, high] with null for one open end")
            for bounds in (
                None,
                0.5,
                [0.5],
                [0.6, 0.4],
                [None, None],
                ["0", "1"],
                [0, 1, 2],
                "1e-9",
                [math.nan, 1],
                [None, math.inf],
            )
        ],
        ([CLAIM | {"found": [0, 1]}], "found is for the verdicts differs and partly"),
        ([CLAIM | {"found": [1, 0], "verdict": "differs"}], "found is [1, 0], expected [low"),
        ({"halves": CLAIM}, "expected a list of entries with keys"),
        (["halves"], "expected a list of entries with keys"),
    ],
)
def test_a_bad_ledger_is_refused(tmp_path, entries, message):
    path = write(tmp_path / "claims.yml", entries)
    with pytest.raises(ValueError) as error:
        load_claims(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_claim_of_a_wrong_value_is_refused_as_yaml_has_it(tmp_path):
    """YAML 1.1 reads 1e-9 as text: the ledger must not take it for a bound."""
    text = yaml.safe_dump([CLAIM]).replace("- 0.4", "- 1e-9")
    (tmp_path / "claims.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="'1e-9'"):
        load_claims(tmp_path / "claims.yml")


def test_the_ledger_shows_what_was_measured(displayed, book):
    open_claim = CLAIM | {"id": "later", "range": [None, 1], "verdict": "open"}
    no_claim = CLAIM | {"id": "never", "range": None, "verdict": "not testable here"}
    write(book / "book" / "claims.yml", [CLAIM, open_claim, no_claim])
    claim("halves", 0.5, ".2f")
    write_chapter(book, notebook_of(displayed))
    rows = ledger_rows(book)
    assert [(r["id"], r["low"], r["high"], r["value"]) for r in rows] == [
        ("halves", 0.4, 0.6, "0.50"),
        ("later", None, 1, None),
        ("never", None, None, None),
    ]
    assert rows[0]["says"] == "a half"


def write_chapter(root, notebook):
    folder = root / "notebooks" / "1_mixtures"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "11_small.ipynb")


# Answers


@pytest.mark.parametrize(
    ("entry", "value", "right", "said"),
    [
        (ANSWER, 0.25, True, "Right. A quarter."),
        (ANSWER, 0.26, True, "Right. A quarter."),
        (ANSWER, np.float32(0.25), True, "Right. A quarter."),
        (ANSWER, 0.262, False, "Not yet. Look at the hint, or open the solution."),
        (ANSWER, 0.5, False, "Not yet. Half of what?"),
        (ANSWER, math.nan, False, "Not yet. Look at the hint, or open the solution."),
        (ANSWER | {"expected": "tied", "wrong": []}, " Tied ", True, "Right. A quarter."),
        (ANSWER | {"expected": "tied", "wrong": []}, "full", False, "Not yet. Look at"),
        (ANSWER | {"expected": [1, 2], "wrong": []}, np.array([1, 2.0]), True, "Right."),
        (ANSWER | {"expected": [1, 2], "wrong": []}, (2, 1), False, "Not yet. Look at"),
        (ANSWER | {"expected": ["a", "b"], "wrong": []}, ["A", "b"], True, "Right."),
        (ANSWER | {"expected": True, "wrong": []}, np.True_, True, "Right."),
    ],
)
def test_answers_are_judged(entry, value, right, said):
    judged, text = judge(entry, value)
    assert judged is right
    assert text.startswith(said)


@pytest.mark.parametrize(
    ("expected", "value", "what"),
    [
        (0.25, "a quarter", "one number"),
        (0.25, None, "one number"),
        (0.25, [0.25], "one number"),
        (0.25, 1j, "one number"),
        ("tied", 3, "one text"),
        ([1, 2], 1, "numbers of shape (2,)"),
        ([1, 2], [1, 2, 3], "numbers of shape (2,)"),
        ([1, 2], [[1, 2], [3]], "numbers of shape (2,)"),
        (["a", "b"], [1, 2], "texts of shape (2,)"),
    ],
)
def test_an_answer_of_another_kind_is_refused(expected, value, what):
    with pytest.raises(ValueError) as error:
        judge(ANSWER | {"expected": expected, "wrong": []}, value)
    assert f"value: got {value!r}, expected {what}" in str(error.value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (0.25, "Right. A quarter.\n"),
        (0.5, "Not yet. Half of what?\n"),
        (9, "Not yet. Look at the hint, or open the solution.\n"),
    ],
)
def test_one_line_is_printed(book, capsys, value, line):
    assert check_answer("11-1", value) is None
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("id_", ["11-2", 11, None])
def test_an_unknown_exercise_is_refused(book, id_):
    with pytest.raises(ValueError, match=f"id: got {id_!r}, expected one of 11-1"):
        check_answer(id_, 1)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        *[
            ([_without(ANSWER, key)], f"lacks ['{key}']")
            for key in ("id", "expected", "right", "wrong")
        ],
        ([ANSWER, ANSWER], "answer '11-1' stands twice"),
        ([ANSWER | {"wrong": [{"value": 0.255, "says": "x"}]}], "0.255 would be right"),
        ([ANSWER | {"wrong": [{"value": "a", "says": "x"}]}], "wrong value: got 'a', expected"),
        ([ANSWER | {"wrong": [{"value": 0.5}]}], "expected a value and what it says"),
        ([ANSWER | {"wrong": [0.5]}], "wrong: got 0.5, expected a value and what it says"),
        ([ANSWER | {"tolerance": -1}], "tolerance: got -1, expected a number of at least 0"),
        ([ANSWER | {"tolerance": "1e-3"}], "tolerance: got '1e-3', expected a number"),
        ([ANSWER | {"tolerance": math.nan}], "tolerance: got nan, expected a number"),
    ],
)
def test_a_bad_file_of_answers_is_refused(tmp_path, entries, message):
    path = write(tmp_path / "answers.yml", entries)
    with pytest.raises(ValueError) as error:
        load_answers(path)
    assert message in str(error.value)


# Where the book is


def test_the_root_is_found_from_below(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    deep = tmp_path / "notebooks" / "1_mixtures"
    deep.mkdir(parents=True)
    assert find_root(deep) == tmp_path
    assert find_root(str(tmp_path)) == tmp_path
    monkeypatch.chdir(deep)
    assert find_root() == tmp_path


def test_the_root_is_the_nearest(tmp_path):
    inner = tmp_path / "copy"
    inner.mkdir()
    for folder in (tmp_path, inner):
        (folder / "_toc.yml").touch()
    assert find_root(inner) == inner


def test_outside_the_book_there_is_no_root(tmp_path):
    with pytest.raises(FileNotFoundError, match="this is no folder of the book"):
        find_root(tmp_path)


def test_chapters_come_in_order(tmp_path):
    names = ["2_b/21_y", "1_a/12_x", "1_a/11_z", "1_a/.ipynb_checkpoints/11_z", "1_a/draft"]
    for name in names:
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [path.stem for path in chapters(tmp_path)] == ["11_z", "12_x", "21_y"]


# Figures


def test_style_is_set_and_opaque():
    with mpl.rc_context():
        mpl.rcdefaults()
        set_style()
        assert mpl.rcParams["figure.dpi"] == mpl.rcParams["savefig.dpi"] == 100
        assert to_rgba(mpl.rcParams["figure.facecolor"]) == (1, 1, 1, 1)
        assert to_rgba(mpl.rcParams["savefig.facecolor"]) == (1, 1, 1, 1)
        cycle = [entry["color"] for entry in mpl.rcParams["axes.prop_cycle"]]
    assert set(cycle) <= set(COLORS.values())
    assert len(set(cycle)) == len(cycle) >= 5


# Figures of other software


@pytest.fixture
def in_this_book(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])


def test_the_trace_of_mclust_fits_its_data(in_this_book):
    X, labels, trace = mclust_trace("faithful", "full")
    assert X.shape == (272, 2)
    assert labels.shape == (272,)
    assert trace.shape == (15,)
    assert np.all(np.diff(trace) > -1e-8 * np.abs(trace[:-1]))


@pytest.mark.parametrize(
    ("name", "family", "message"),
    [
        ("geyser", "full", "name: got 'geyser', expected one of degenerate_duplicates2d"),
        ("faithful", "VVV", "family: got 'VVV', expected one of"),
    ],
)
def test_a_trace_that_is_not_there_is_refused(in_this_book, name, family, message):
    with pytest.raises(ValueError) as error:
        mclust_trace(name, family)
    assert message in str(error.value)


# Replicate studies


def test_bayes_loss_is_that_of_the_true_parameters():
    found = excess_log_loss(50, 0.05, 1, random_state=3)
    ratio, dosage = simulate_intensities(50, 4, 0.5, sd=0.05, random_state=np.random.default_rng(3))
    means = np.array([0.05, 0.275, 0.5, 0.725, 0.95])
    joint = binom.pmf(np.arange(5), 4, 0.5) * norm.pdf(ratio[:, None], means, 0.05)
    posterior = joint / joint.sum(axis=1, keepdims=True)
    loss = -np.log(posterior[np.arange(50), dosage]).mean()
    assert found.bayes == pytest.approx([loss], rel=1e-9)


def test_no_fit_beats_the_ceiling_on_average():
    found = excess_log_loss(60, 0.06, 200, n_starts=2, random_state=1)
    for excess in (found.evenly_spaced, found.restarts):
        standard_error = excess.std(ddof=1) / np.sqrt(len(excess))
        assert excess.mean() > 2 * standard_error
    assert found.likelier.shape == (200,)
    assert found.likelier.dtype == bool


def test_studies_repeat_with_their_seed():
    first, again, other = (excess_log_loss(40, 0.05, 3, random_state=s) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.bayes, other.bayes)


def test_calls_are_sure_and_right_where_humps_are_apart():
    largest, right = calls(500, 0.01, 4, random_state=1)
    assert largest.shape == right.shape == (4, 500)
    assert right.all()
    assert largest.min() > 1 - 1e-6


def test_calls_are_calibrated_where_humps_overlap():
    largest, right = calls(2000, 0.06, 20, random_state=1)
    assert 0.9 < right.mean() < 0.97
    # The parameters were fitted to the same plants, so posteriors are a little too sure.
    assert right.mean() == pytest.approx(largest.mean(), abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.05, 3), "n: got 0"),
        ((50, -1, 3), "sd: got array(-1.), expected a positive number"),
        ((50, math.nan, 3), "sd: got array(nan), expected a positive number"),
        ((50, 0.05, 0), "n_sets: got 0, expected an integer of at least 1"),
        ((50, 0.05, 2.5), "n_sets: got 2.5, expected an integer of at least 1"),
    ],
)
@pytest.mark.parametrize("study", [excess_log_loss, calls])
def test_studies_refuse(study, arguments, message):
    with pytest.raises(ValueError) as error:
        study(*arguments)
    assert message in str(error.value)


def test_the_number_of_starts_is_checked():
    with pytest.raises(ValueError, match="n_starts: got 0"):
        excess_log_loss(50, 0.05, 2, n_starts=0)


def test_expected_excess_is_what_large_data_sets_lose():
    """Three thousand plants are near the limit: the mean over data sets agrees with the formula."""
    measured = excess_log_loss(3000, 0.05, 60, n_starts=1, random_state=5).evenly_spaced
    error = measured.std(ddof=1) / np.sqrt(60)
    assert abs(measured.mean() - expected_excess(3000, 0.05)) < 4 * error
    assert error < 0.2 * expected_excess(3000, 0.05)


def test_expected_excess_vanishes_where_no_label_is_in_doubt():
    assert expected_excess(100, 0.01) < 1e-8


@pytest.mark.parametrize(
    ("arguments", "named"), [((0, 0.05), "n_plants: got 0"), ((100, 0.0), "sd: got 0.0")]
)
def test_expected_excess_refuses(arguments, named):
    with pytest.raises(ValueError, match=named):
        expected_excess(*arguments)
