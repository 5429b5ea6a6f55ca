"""The frame that keeps the book honest, held against every page."""

from pathlib import Path

import pytest
from frame.cells import (
    check_code,
    check_executed,
    check_figures,
    check_ignored,
    check_images,
    check_metadata,
    check_outputs,
    check_size,
    check_stamp,
)
from frame.pages import Page, open_book
from frame.results import (
    answer_problems,
    bibliography_problems,
    check_citations,
    check_claims,
    check_dead_glue,
    check_glue,
    check_numbers,
    claims_without_chapter,
)
from frame.sections import check_exercises, check_sections

BOOK = open_book(Path(__file__).parents[1])

OF_PAGES = [check_citations, check_glue, check_images, check_numbers]
OF_CHAPTERS = [
    check_claims,
    check_code,
    check_dead_glue,
    check_executed,
    check_exercises,
    check_figures,
    check_ignored,
    check_metadata,
    check_outputs,
    check_sections,
    check_size,
    check_stamp,
]
OF_BOOK = [answer_problems, bibliography_problems, claims_without_chapter]


def _say(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


def _name(value) -> str:
    return value.path.stem if isinstance(value, Page) else value.__name__


@pytest.mark.parametrize("check", OF_PAGES, ids=_name)
@pytest.mark.parametrize("page", BOOK.pages, ids=_name)
def test_page(page, check):
    _say(check(page, BOOK))


@pytest.mark.parametrize("check", OF_CHAPTERS, ids=_name)
@pytest.mark.parametrize("page", BOOK.chapters, ids=_name)
def test_chapter(page, check):
    _say(check(page, BOOK))


@pytest.mark.parametrize("check", OF_BOOK, ids=_name)
def test_book(check):
    _say(check(BOOK))
