"""Each check of the frame passes a small good book, and fails on one that is bad in one place."""

import pytest
from frame.cells import check_metadata, output_problems
from frame.pages import open_book
from frame.results import answer_problems
from frame.small_book import (
    image,
    record,
    said,
    small_notebook,
    write_files,
    write_notebook,
)
from test_frame import OF_BOOK, OF_CHAPTERS, OF_PAGES

CHECKS = {check.__name__: check for check in OF_PAGES + OF_CHAPTERS + OF_BOOK}


def _cell(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def _problems(root, check, notebook):
    write_notebook(notebook, root)
    book = open_book(root)
    if check in OF_BOOK:
        return check(book)
    pages = book.pages if check in OF_PAGES else book.chapters
    return [problem for page in pages for problem in check(page, book)]


@pytest.fixture
def root(tmp_path):
    write_files(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CHECKS)
def test_the_good_book_passes(root, name):
    assert _problems(root, CHECKS[name], small_notebook(root)) == []


def _source(name, source):
    """Break a notebook by giving a cell another source."""
    return lambda notebook, root: _cell(notebook, name).update(source=source)


def _extend(name, text):
    """Break a notebook by adding to a cell's source."""

    def change(notebook, root):
        _cell(notebook, name).source += text

    return change


def _outputs(name, *outputs):
    """Break a notebook by giving a cell more outputs."""
    return lambda notebook, root: _cell(notebook, name).outputs.extend(outputs)


def _figure(**changes):
    """Break a figure's metadata."""

    def change(notebook, root):
        mystnb = _cell(notebook, "figure").metadata.mystnb
        mystnb.image.update({k: v for k, v in changes.items() if k == "alt"})
        mystnb.figure.update({k: v for k, v in changes.items() if k != "alt"})

    return change


def _remove(*names):
    """Break a notebook by leaving cells out."""

    def change(notebook, root):
        notebook.cells = [cell for cell in notebook.cells if cell.id not in names]

    return change


def _replace(name, old, new):
    """Break a file of the book."""

    def change(notebook, root):
        path = root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def _count(name, count):
    return lambda notebook, root: _cell(notebook, name).update(execution_count=count)


def _swap_sections(notebook, root):
    ids = [cell.id for cell in notebook.cells]
    first, second = ids.index("takeaways"), ids.index("what-you-will-learn")
    cells = notebook.cells
    cells[first], cells[second] = cells[second], cells[first]


def _without_stamp(notebook, root):
    del notebook.metadata.gitools["stamp"]


def _ignore_three(notebook, root):
    for name in ("imports", "glue"):
        _cell(notebook, name).metadata["tags"] = ["nbval-ignore-output"]
    _cell(notebook, "claim").source += "\n# NBVAL_IGNORE_OUTPUT"


def _skip_one(notebook, root):
    _cell(notebook, "glue").metadata["tags"] = ["nbval-skip"]


def _error(notebook, root):
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
    _cell(notebook, "imports").outputs.append(type(notebook)(error))


def _plain_answer(notebook, root):
    _cell(notebook, "answer").outputs = [said("Not yet.\n")]


BAD = [
    # Stamps
    ("check_stamp", _extend("imports", "\nx = 1"), "its code has changed"),
    ("check_stamp", _outputs("imports", said("x")), "its outputs were edited"),
    ("check_stamp", _replace("gitools/helper.py", "3", "4"), "a file it depends on has changed"),
    ("check_stamp", _replace("benchmarks/em.csv", "n,", "m,"), "a file it depends on has changed"),
    ("check_stamp", lambda n, root: (root / "benchmarks/em.csv").unlink(), "not there"),
    ("check_stamp", _without_stamp, "never stamped"),
    # Cells
    ("check_executed", _count("glue", None), 'cell 8: not executed: \'glue("mean"'),
    ("check_executed", _count("glue", 3), "cell 8: execution count 3, expected 2"),
    ("check_executed", _count("imports", 4), "cell 5: execution count 4, expected 1"),
    ("check_code", _source("glue", "x = 1\n" * 21 + "x"), "cell 8: 22 lines, at most 20"),
    ("check_code", _source("glue", "%time x = 1"), "% or ! line: %time x = 1"),
    ("check_code", _source("glue", "!ls"), "% or ! line: !ls"),
    ("check_code", _source("glue", "plt.plot(x);"), "trailing ';': plt.plot(x);"),
    ("check_code", _source("glue", "plt.plot(x);  # no text"), "trailing ';'"),
    ("check_code", _source("glue", "get_ipython().run()"), "no plain Python"),
    ("check_code", _source("glue", "x = ("), "cell 8: no Python"),
    ("check_code", _skip_one, "nbval-skip hides it"),
    ("check_ignored", _ignore_three, "3 cells with nbval-ignore-output, at most 2"),
    ("check_size", _outputs("imports", said("x" * 1_000_001)), "bytes, at most 1,000,000"),
    ("check_metadata", lambda n, root: n.metadata.update(language_info={}), "language_info"),
    (
        "check_metadata",
        lambda n, root: _cell(n, "glue").metadata.update(execution={"iopub.status.busy": "x"}),
        "cell 8: metadata holds execution",
    ),
    # Outputs
    ("check_outputs", _error, "cell 5: error: ValueError: no"),
    ("check_outputs", _outputs("imports", said("slow", "stderr")), "warning (stderr): 'slow'"),
    ("check_outputs", _outputs("imports", said("UserWarning: x")), "warning: 'UserWarning: x'"),
    ("check_outputs", _outputs("figure", image("image/svg+xml")), "an SVG image"),
    ("check_outputs", _outputs("imports", said("/home/a/b")), "path of a machine: '/home/a/b'"),
    ("check_outputs", _outputs("imports", said("/root/b")), "path of a machine"),
    ("check_outputs", _outputs("imports", said("/tmp/b")), "path of a machine"),
    ("check_outputs", _outputs("imports", said("/Users/b")), "path of a machine"),
    ("check_outputs", _outputs("imports", said("C:\\b")), "path of a machine"),
    ("check_outputs", _outputs("imports", said("lib/site-packages")), "path of a machine"),
    # Figures
    ("check_figures", _figure(alt="Three humps."), "alt text of 12 characters, at least 40"),
    ("check_figures", _figure(alt="{glue:text}`mean`" * 4), "alt text cannot hold glue"),
    ("check_figures", _figure(caption=" "), "cell 12: a figure without caption"),
    ("check_figures", _figure(name="humps"), "begins with 'fig-', got 'humps'"),
    ("check_figures", _outputs("figure", image()), "2 figures in one cell"),
    ("check_figures", _source("figure", "plt.plot(x)"), "ends with plt.show()"),
    ("check_images", _extend("takeaways", "\n\n![Humps](a.png)"), "alt text of 5 characters"),
    (
        "check_images",
        _extend("takeaways", "\n\n```{figure} a.png\n:alt: Humps\n\nWords.\n```"),
        "alt text of 5 characters",
    ),
    # Sections
    ("check_sections", _remove("the-ceiling"), "no section 'The ceiling'"),
    ("check_sections", _swap_sections, "section 'What you need' stands after 'Takeaways'"),
    ("check_sections", _source("takeaways", "## Takeaways"), "section 'Takeaways' is empty"),
    ("check_sections", _extend("takeaways", "\n\n### More"), "section 'More' is empty"),
    ("check_sections", _source("takeaways", "## Takeaways\n% no"), "'Takeaways' is empty"),
    (
        "check_sections",
        _source("the-ceiling", "## The ceiling\n\nNot applicable: none."),
        "'The ceiling' says 'Not applicable' without a reason",
    ),
    (
        "check_sections",
        _source("the-ceiling", "## The ceiling\n\nNot applicable in this chapter, sadly."),
        "'The ceiling' says 'Not applicable' without a reason",
    ),
    ("check_sections", _source("title", "Words.\n\n# Title"), "one title (#)"),
    ("check_sections", _extend("takeaways", "\n\n# Two\n\nWords."), "one title (#)"),
    (
        "check_sections",
        _source("what-you-need", "## What you need\n\n{given}`45` minutes to read"),
        "does not say '{given}`..` seconds to run'",
    ),
    # Exercises
    ("check_exercises", _remove("solution", "answer", "solution-end"), "'ex-11-1' has no solution"),
    ("check_exercises", _source("answer", "HUMPS"), "'ex-11-1' has no check_answer"),
    ("check_exercises", _source("answer", 'check_answer("11-9", 3)'), "no answer '11-9'"),
    ("check_exercises", _plain_answer, "does not print a line that begins with 'Right'"),
    ("check_exercises", _source("solution", "```{solution-start} ex-11-1\n```"), "not folded"),
    ("check_exercises", _remove("solution-end"), "has no solution-end"),
    ("check_exercises", _source("exercises", "## Exercises\n\nNone."), "no exercise in section"),
    ("check_exercises", _extend("exercises", "\n\n```{exercise}\nHow?\n```"), "without label"),
    (
        "check_exercises",
        _extend("takeaways", "\n\n```{exercise}\n:label: ex-11-1\nHow?\n```"),
        "'ex-11-1' stands twice",
    ),
    # Prose
    ("check_numbers", _extend("takeaways", "\n\nIt is 0.97."), "typed number: ...It is 0.97...."),
    ("check_numbers", _figure(caption="All 64 plants."), "caption of cell 12: typed number"),
    ("check_numbers", _extend("takeaways", "\n\n|a|\n|-|\n|64|"), "cell 21: typed number: ...64"),
    ("check_numbers", _replace("book/introduction.md", "mean is", "97 are"), "page: typed number"),
    # Glue
    ("check_glue", _extend("takeaways", "{glue:text}`men`"), "glue key 'men' is not in 11_small"),
    ("check_glue", _figure(caption="{glue:text}`men`"), "caption of cell 12: glue key 'men'"),
    ("check_glue", _extend("takeaways", "{glue:text}`12_x.ipynb::mean:s`"), "no such notebook"),
    ("check_glue", _extend("takeaways", "{glue:text}`mean:.2f`"), "their format is 's'"),
    ("check_glue", _extend("takeaways", "{glue:text} `mean`"), "a glue role that is none"),
    ("check_glue", _replace("book/introduction.md", "::mean:s", "::men:s"), "glue key 'men'"),
    ("check_glue", _replace("book/introduction.md", "::mean:s", "::mean"), "ends with ':s'"),
    ("check_dead_glue", _outputs("glue", record("x", "1")), "glued but never quoted: 'x'"),
    ("check_dead_glue", _outputs("glue", record("mean", "1")), "'mean' is glued twice"),
    # Claims
    ("check_claims", _replace("book/claims.yml", "[0.4, 0.6]", "[0.6, 0.7]"), "out of its range"),
    ("check_claims", _replace("book/claims.yml", "id: small", "id: big"), "is not in book/claims"),
    ("check_claims", _replace("book/claims.yml", "11_small", "12_x"), "places it in 12_x"),
    ("check_claims", _replace("book/claims.yml", "reproduced", "open"), "the verdict says 'open'"),
    ("check_claims", _remove("claim"), "'small-claim' is of this chapter but never called"),
    (
        "claims_without_chapter",
        _replace("book/claims.yml", "11_small", "12_x"),
        "there is no chapter '12_x'",
    ),
    # References
    ("check_citations", _extend("takeaways", "{cite:p}`dempster1977, x1980`"), "no entry 'x1980'"),
    ("bibliography_problems", _source("the-idea", "## The idea"), "'dempster1977' is never cited"),
    (
        "bibliography_problems",
        _replace("book/references.bib", "\n}\n", "\n}\n@book{dempster1977,\n}\n"),
        "'dempster1977' stands 2 times",
    ),
    # Answers
    ("answer_problems", _remove("answer"), "'11-1': no chapter asks for it"),
    (
        "answer_problems",
        _replace("book/answers.yml", "    - value: 2\n      says: Look at the middle.", "    []"),
        "no typical wrong answer",
    ),
    (
        "answer_problems",
        _replace(
            "book/answers.yml",
            "    - value: 2\n",
            "    - value: 2\n      says: Other.\n    - value: 2\n",
        ),
        "wrong answer 2 gets another hint",
    ),
]


@pytest.mark.parametrize(("name", "change", "message"), BAD, ids=[f"{b[0]}-{b[2]}" for b in BAD])
def test_a_bad_book_fails(root, name, change, message):
    notebook = small_notebook(root)
    change(notebook, root)
    problems = _problems(root, CHECKS[name], notebook)
    assert any(message in problem for problem in problems), problems


def test_every_check_was_seen_failing():
    assert {name for name, _, _ in BAD} == set(CHECKS)


@pytest.mark.parametrize(
    ("value", "message"), [("3", "3 would be right"), ("[2]", r"wrong value: got \[2\]")]
)
def test_a_wrong_answer_that_cannot_be_one_is_refused(root, value, message):
    _replace("book/answers.yml", "value: 2", f"value: {value}")(None, root)
    with pytest.raises(ValueError, match=f"'11-1': {message}"):
        _problems(root, answer_problems, small_notebook(root))


def test_problems_of_every_cell_are_named(root):
    notebook = small_notebook(root)
    for cell in notebook.cells:
        cell.metadata["execution"] = {}
    assert len(_problems(root, check_metadata, notebook)) == len(notebook.cells)


def test_the_path_of_the_checkout_itself_is_found():
    assert output_problems(said("read /srv/book/x.csv"), "/srv/book")
    assert not output_problems(said("read book/x.csv"), "/srv/book")
