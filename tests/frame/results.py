"""Checks of what the prose quotes: numbers, glued results, claims, references, answers."""

from collections import Counter
from pathlib import Path

from gitools.book.answers import judge
from gitools.book.claims import as_number, is_within
from gitools.book.glue import glued
from gitools.book.ledger import claimed

from .pages import Book, Page, calls_of
from .prose import typed_numbers_in


def check_numbers(page: Page, book: Book) -> list[str]:
    """No result is typed into prose, tables or captions."""
    return [
        f"{place}: typed number: {found}"
        for place, parts in page.prose
        for found in typed_numbers_in(parts)
    ]


def _glued(page: Page) -> dict[str, str]:
    try:
        return glued(page.notebook)
    except ValueError:
        return {}


def _quoted(page: Page, book: Book) -> list[tuple[str, str, Page | None, str, str]]:
    """Glue roles: where, the role's text, the page that holds the key, the key, the format."""
    quoted = []
    for place, piece in page.roles("glue"):
        source, path, rest = piece.text.rpartition("::")[0], page.path, piece.text
        if "::" in piece.text:
            path, rest = (page.path.parent / Path(source)), piece.text.rpartition("::")[2]
        key, _, fmt = rest.partition(":")
        quoted.append((place, piece.text, book.page(path), key.strip(), fmt.strip()))
    return quoted


def check_glue(page: Page, book: Book) -> list[str]:
    """Every quoted key was glued, by this notebook or by the one named."""
    problems = []
    for place, text, source, key, fmt in _quoted(page, book):
        if source is None or source.notebook is None:
            problems.append(f"{place}: glue {text!r}: there is no such notebook")
        elif key not in _glued(source):
            problems.append(f"{place}: glue key {key!r} is not in {source.path.name}")
        elif source is not page and fmt != "s":
            problems.append(f"{place}: glue {text!r}: of another page a key ends with ':s'")
        elif fmt not in ("", "s"):
            problems.append(f"{place}: glue {text!r}: values are text, their format is 's'")
    for place, parts in page.prose:
        broken = [p.text for p in parts if p.kind == "text" and "{glue" in p.text]
        problems += [f"{place}: a glue role that is none: {text!r}" for text in broken]
    return problems


def check_dead_glue(page: Page, book: Book) -> list[str]:
    """Every glued key is quoted somewhere; those of claims stand in the ledger."""
    try:
        keys = glued(page.notebook)
    except ValueError as error:
        return [str(error)]
    used = {key for other in book.pages for _, _, at, key, _ in _quoted(other, book) if at is page}
    unused = [key for key in keys if key not in used and key not in claimed(page.notebook)]
    return [f"glued but never quoted: {key!r}" for key in unused]


def check_claims(page: Page, book: Book) -> list[str]:
    """The claims that a chapter makes are the ledger's, and in their ranges."""
    entries = {entry["id"]: entry for entry in book.claims}
    try:
        values = claimed(page.notebook)
    except ValueError as error:
        return [str(error)]
    problems = []
    for id_, text in values.items():
        if id_ in entries:
            problems += [f"claim {id_!r}: {p}" for p in _claim_problems(page, entries[id_], text)]
        else:
            problems.append(f"claim {id_!r} is not in book/claims.yml")
    return problems + [
        f"claim {id_!r} is of this chapter but never called"
        for id_, entry in entries.items()
        if entry["chapter"] == page.path.stem
        and entry["verdict"] != "not testable here"
        and id_ not in values
    ]


def _claim_problems(page: Page, entry: dict, text: str) -> list[str]:
    problems = []
    if entry["chapter"] != page.path.stem:
        problems.append(f"the ledger places it in {entry['chapter']}")
    if entry["verdict"] in ("open", "not testable here"):
        problems.append(f"it was measured, and the verdict says {entry['verdict']!r}")
    try:
        value = as_number(text)
    except ValueError:
        return [*problems, f"{text!r} is no number"]
    if entry["range"] is not None and not is_within(entry, value):
        problems.append(f"{text} is out of its range {entry['range']}")
    return problems


def claims_without_chapter(book: Book) -> list[str]:
    """Claims of chapters that are not written, though their verdict is given."""
    stems = {page.path.stem for page in book.chapters}
    return [
        f"claim {entry['id']!r}: verdict {entry['verdict']!r}, but there is no chapter "
        f"{entry['chapter']!r} that measures it"
        for entry in book.claims
        if entry["chapter"] not in stems and entry["verdict"] not in ("open", "not testable here")
    ]


def cited(page: Page) -> list[tuple[str, str]]:
    """Keys that a page cites, with where."""
    return [
        (place, key.strip()) for place, piece in page.roles("cite") for key in piece.text.split(",")
    ]


def check_citations(page: Page, book: Book) -> list[str]:
    """Every cited work is in the bibliography."""
    known = set(book.reference_keys)
    return [
        f"{place}: no entry {key!r} in book/references.bib"
        for place, key in cited(page)
        if key not in known
    ]


def bibliography_problems(book: Book) -> list[str]:
    """Entries that no page cites, or that stand twice."""
    used = {key for page in book.pages for _, key in cited(page)}
    counts = Counter(book.reference_keys)
    return [f"{key!r} is never cited" for key in counts if key not in used] + [
        f"{key!r} stands {n} times" for key, n in counts.items() if n > 1
    ]


def answer_problems(book: Book) -> list[str]:
    """Expected answers are right, each typical wrong one gets its hint, and all are asked for."""
    asked = {
        id_
        for page in book.chapters
        for _, cell in page.code_cells
        for id_ in calls_of(cell.source, "check_answer")
    }
    problems = [f"{id_!r}: no chapter asks for it" for id_ in book.answers if id_ not in asked]
    for id_, entry in book.answers.items():
        problems += [f"{id_!r}: {problem}" for problem in _entry_problems(entry)]
    return problems


def _entry_problems(entry: dict) -> list[str]:
    right, said = judge(entry, entry["expected"])
    problems = []
    if not right or not said.startswith("Right"):
        problems.append(f"the expected answer is not taken as right: {said}")
    if not entry["wrong"]:
        problems.append("no typical wrong answer")
    for wrong in entry["wrong"]:
        try:
            right, said = judge(entry, wrong["value"])
        except ValueError as error:
            problems.append(f"wrong answer {wrong['value']!r}: {error}")
            continue
        if right or said.startswith("Right"):
            problems.append(f"wrong answer {wrong['value']!r} is taken as right")
        elif wrong["says"] not in said:
            problems.append(f"wrong answer {wrong['value']!r} gets another hint: {said}")
    return problems
