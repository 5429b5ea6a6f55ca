"""Checks of a chapter's sections and exercises."""

import re
from dataclasses import dataclass
from itertools import pairwise

from .pages import Book, Page, calls_of
from .prose import Piece, pieces

SECTIONS = (
    "What you will learn",
    "What you need",
    "The question",
    "The idea",
    "From scratch",
    "Checked against",
    "On data",
    "The ceiling",
    "When it fails",
    "A negative control",
    "What the sources claim and what we found",
    "Exercises",
    "Takeaways",
    "References",
)
_MINUTES = re.compile(r"\{given\}`(\d+)` minutes to read")
_SECONDS = re.compile(r"\{given\}`(\d+)` seconds to run")
_NOT_APPLICABLE = re.compile(r"not applicable\b(:?)\s*(.*)", re.IGNORECASE | re.DOTALL)
_MIN_REASON = 20


@dataclass
class Section:
    """A heading with what follows it, up to the next heading."""

    place: str
    level: int
    title: str
    text: str = ""
    has_content: bool = False


def sections_of(page: Page) -> list[Section]:
    """Headings of a notebook in order, each with its text and whether anything follows it."""
    found = [Section("start", 0, "")]
    for place, cell in page.cells:
        if cell.cell_type == "markdown":
            _read_markdown(place, cell.source, found)
        else:
            found[-1].has_content = True
    return found[1:]


def _read_markdown(place: str, source: str, found: list[Section]) -> None:
    lines, start = source.splitlines(), 0
    for piece in pieces(source):
        if piece.kind == "heading" and piece.depth == 0:
            found[-1].text += "\n".join(lines[start : piece.line]) + "\n"
            found.append(Section(place, int(piece.name[1]), piece.text.strip()))
            start = piece.line + 1
        elif not (piece.kind == "role" and piece.depth > 0):
            found[-1].has_content = True
    found[-1].text += "\n".join(lines[start:]) + "\n"


def minutes_of(page: Page) -> int | None:
    """Minutes to read, as the chapter states them."""
    text = "".join(s.text for s in sections_of(page) if s.title.startswith("What you need"))
    found = _MINUTES.search(text)
    return int(found[1]) if found else None


def title_of(page: Page) -> str:
    """Title of a chapter."""
    return next((s.title for s in sections_of(page) if s.level == 1), "")


def check_sections(page: Page, book: Book) -> list[str]:
    """The frame's sections are there, in order, none of them empty."""
    sections = sections_of(page)
    frame = [s for s in sections if s.level == 2]
    problems = _title_problems(page, sections)
    order = [i for s in frame for i, name in enumerate(SECTIONS) if s.title.startswith(name)]
    problems += [f"no section {SECTIONS[i]!r}" for i in range(len(SECTIONS)) if i not in order]
    for before, after in pairwise(order):
        if after < before:
            problems.append(f"section {SECTIONS[after]!r} stands after {SECTIONS[before]!r}")
    return problems + _empty_sections(sections) + _not_applicable(frame) + _needs(frame)


def _title_problems(page: Page, sections: list[Section]) -> list[str]:
    titles = [f"{s.place}: {s.title}" for s in sections if s.level == 1]
    if len(titles) != 1 or not page.notebook.cells[0].source.startswith("# "):
        return [f"one title (#) at the start of cell 1 is expected, found {titles}"]
    return []


def _empty_sections(sections: list[Section]) -> list[str]:
    problems = []
    for section, after in zip(sections, [*sections[1:], None], strict=True):
        has_parts = after is not None and after.level > section.level
        if not section.has_content and not has_parts:
            problems.append(f"{section.place}: section {section.title!r} is empty")
    return problems


def _not_applicable(frame: list[Section]) -> list[str]:
    problems = []
    for section in frame:
        found = _NOT_APPLICABLE.match(section.text.strip())
        if found and (not found[1] or len(found[2].strip()) < _MIN_REASON):
            problems.append(
                f"{section.place}: section {section.title!r} says 'Not applicable' "
                f"without a reason after the colon (at least {_MIN_REASON} characters)"
            )
    return problems


def _needs(frame: list[Section]) -> list[str]:
    section = next((s for s in frame if s.title.startswith("What you need")), None)
    if section is None:
        return []
    wanted = {"minutes to read": _MINUTES, "seconds to run": _SECONDS}
    return [
        f"{section.place}: {section.title!r} does not say '{{given}}`..` {words}'"
        for words, pattern in wanted.items()
        if not pattern.search(section.text)
    ]


def check_exercises(page: Page, book: Book) -> list[str]:
    """Each exercise has a folded solution whose code checks its answer, and is right."""
    exercises, solutions, problems = _gather(page)
    for label, place in exercises.items():
        if label not in solutions:
            problems.append(f"{place}: exercise {label!r} has no solution")
    for label, (place, cells) in solutions.items():
        if label not in exercises:
            problems.append(f"{place}: a solution of the unknown exercise {label!r}")
        problems += [f"{place}: {problem}" for problem in _solution_problems(label, cells, book)]
    section = next((s for s in sections_of(page) if s.title.startswith("Exercises")), None)
    if section and not exercises and not _NOT_APPLICABLE.match(section.text.strip()):
        problems.append(f"{section.place}: no exercise in section {section.title!r}")
    return problems


def _gather(page: Page) -> tuple[dict[str, str], dict[str, tuple], list[str]]:
    exercises, solutions, problems, current = {}, {}, [], None
    for place, cell in page.cells:
        if cell.cell_type == "code":
            if current is not None:
                solutions[current][1].append(cell)
            continue
        for piece in pieces(cell.source):
            if piece.kind != "directive":
                continue
            if piece.name in ("exercise", "exercise-start"):
                _add_exercise(piece, place, exercises, problems)
            elif piece.name == "solution-start":
                current = piece.text.strip()
                solutions[current] = (place, [])
                if "dropdown" not in piece.options.get("class", ""):
                    problems.append(f"{place}: solution {current!r} is not folded (dropdown)")
            elif piece.name == "solution-end":
                current = None
    if current is not None:
        problems.append(f"solution {current!r} has no solution-end")
    return exercises, solutions, problems


def _add_exercise(piece: Piece, place: str, exercises: dict, problems: list[str]) -> None:
    label = piece.options.get("label")
    if not label:
        problems.append(f"{place}: an exercise without label: {piece.text!r}")
    elif label in exercises:
        problems.append(f"{place}: exercise {label!r} stands twice")
    else:
        exercises[label] = place


def _solution_problems(label: str, cells: list, book: Book) -> list[str]:
    ids = [id_ for cell in cells for id_ in calls_of(cell.source, "check_answer")]
    if not ids:
        return [f"solution {label!r} has no check_answer"]
    said = [str(o.get("text", "")) for cell in cells for o in cell.outputs]
    lines = [line for text in said for line in text.splitlines()]
    problems = [
        f"solution {label!r}: no answer {id_!r} in book/answers.yml"
        for id_ in ids
        if id_ not in book.answers
    ]
    if not any(line.startswith("Right") for line in lines):
        problems.append(f"solution {label!r} does not print a line that begins with 'Right'")
    return problems
