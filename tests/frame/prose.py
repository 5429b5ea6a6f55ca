"""MyST prose taken apart, and the scan for results that were typed instead of glued."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

# Their bodies are code, generated, or no prose at all.
_NO_PROSE = {
    "bibliography",
    "claims-ledger",
    "code",
    "code-block",
    "code-cell",
    "image",
    "include",
    "literalinclude",
    "raw",
    "sourcecode",
    "tableofcontents",
    "toctree",
}
# Their arguments are a target or, on cards, a heading.
_NO_TITLE = {"card", "figure", "grid-item-card", "solution", "solution-end", "solution-start"}
# Roles whose content is a target, a setting or a computed result. Any other is read as words.
_FREE_ROLES = {
    "code",
    "doc",
    "download",
    "eq",
    "file",
    "given",
    "index",
    "numref",
    "prf:ref",
    "ref",
    "term",
}
_ALLOWED = re.compile(
    r"CC BY 4\.0"
    r"|\bPython 3\.\d+(?: (?:to|or|and) 3\.\d+)?"
    r"|\b[Cc]hapters? \d\d(?:(?:, | and | to |–)\d\d)*\b"
    r"|\b[Ee]xercises? \d\d-\d+\b"
    r"|\b(?:https?://|doi:|arXiv:)\S+"
)
_NUMBER = re.compile(r"(?:(?<![\w.])\.)?\d+(?:[.,:/]\d+)*|[¼-¾⅐-⅞]")
_NOT_ALONE = re.compile(r"[eE][-+]?\d|\s*(?:[%‰°]|per ?cent\b|thousand\b|million\b)")
_MATH_RESULT = re.compile(
    r"(?:=|≈|≃|∼|~|\\approx|\\simeq|\\sim|\\cong|\\doteq)"
    # Between the sign and the decimal: signs, brackets, spacing and other numbers only.
    r"(?:[\s&+\-−(\[{|,/\d]|\\[,;:! {|]|\\(?:left|bigl?|pm|cdot|times|text|mathrm|[dt]?frac)\b)*?"
    r"\d*\.\d+"
)
_BARE_MATH = re.compile(r"[\s{}]*[+\-−]?[\s{}]*(\d[\d.,{}]*|\.\d+)\s*(\\?%)?[\s{}]*")
_MARKUP = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)
_DIRECTIVE = re.compile(r"\{([^}]+)\}\s*(.*)")
_OPTION = re.compile(r"\s*:([\w-]+):\s*(.*)")


class Piece(NamedTuple):
    """One piece of a page: text, math, role, heading, directive, code, image or html."""

    kind: str
    text: str
    name: str = ""
    depth: int = 0
    line: int = 0
    options: dict | None = None


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.use(front_matter_plugin).use(myst_block_plugin).use(myst_role_plugin)
    parser.use(footnote_plugin).disable(["footnote_inline", "footnote_tail"])
    parser.use(dollarmath_plugin).use(amsmath_plugin).use(colon_fence_plugin)
    parser.use(deflist_plugin).use(tasklists_plugin)
    after = ("image", "code_inline", "link_close", "span_close")
    return parser.use(attrs_plugin, after=after, spans=True, span_after="footnote_ref")


@cache
def pieces(text: str, depth: int = 0) -> tuple[Piece, ...]:
    """Take a text apart; the bodies of directives that hold prose are taken apart as well."""
    return tuple(_walk(_parser().parse(text), depth))


def _walk(tokens, depth: int) -> Iterator[Piece]:
    heading = None
    for token in tokens:
        if token.type == "heading_open":
            heading = token
        elif token.type == "inline":
            inner = _inline(token.children, depth)
            if heading is None:
                yield from inner
            else:
                yield Piece("heading", token.content, heading.tag, depth, heading.map[0])
                yield from (p._replace(depth=depth + 1) for p in inner if p.kind == "role")
                heading = None
        elif token.type in ("fence", "colon_fence"):
            yield from _fence(token, depth)
        elif token.type == "code_block":
            yield Piece("code", token.content, depth=depth)
        elif token.type in ("math_block", "math_block_label", "amsmath"):
            yield Piece("math", token.content, depth=depth)
        elif token.type == "html_block":
            yield Piece("html", _MARKUP.sub(" ", token.content), depth=depth)


def _inline(tokens, depth: int) -> Iterator[Piece]:
    autolink = False
    for token in tokens:
        if token.type == "link_open":
            autolink = token.markup == "autolink"
        elif token.type == "link_close":
            autolink = False
        elif token.type == "text" and not autolink and token.content.strip():
            yield Piece("text", token.content, depth=depth)
        elif token.type == "code_inline":
            yield Piece("code", token.content, depth=depth)
        elif token.type in ("math_inline", "math_inline_double"):
            yield Piece("math", token.content, depth=depth)
        elif token.type == "myst_role" and token.meta["name"] == "math":
            yield Piece("math", token.content, depth=depth)
        elif token.type == "myst_role":
            yield Piece("role", token.content, token.meta["name"], depth)
        elif token.type == "image":
            yield Piece("image", token.content, depth=depth)


def _fence(token, depth: int) -> Iterator[Piece]:
    directive = _DIRECTIVE.fullmatch(token.info.strip())
    if directive is None:
        yield Piece("code", token.content, depth=depth)
        return
    name, argument = directive.groups()
    options, body = _options(token.content)
    yield Piece("directive", argument, name, depth, token.map[0], options)
    if name == "math":
        yield Piece("math", body, depth=depth + 1)
    elif name not in _NO_PROSE and not name.startswith("glue"):
        title = "" if name in _NO_TITLE else argument
        for text in (title, options.get("caption", ""), body):
            yield from pieces(text, depth + 1)


def _options(content: str) -> tuple[dict, str]:
    lines = content.splitlines()
    options = {}
    if lines and lines[0].strip() == "---":
        end = next((i for i, x in enumerate(lines[1:], 1) if x.startswith("---")), len(lines))
        block, lines = lines[1:end], lines[end + 1 :]
        options = dict([part.strip() for part in x.split(":", 1)] for x in block if ":" in x)
    while lines and (option := _OPTION.fullmatch(lines[0])):
        options[option[1]] = option[2].strip()
        lines.pop(0)
    return options, "\n".join(lines)


def is_free_role(name: str) -> bool:
    """Whether the content of a role is anything but words of the page's own."""
    return name in _FREE_ROLES or name.startswith(("glue:", "cite"))


def typed_numbers(text: str) -> list[str]:
    """Numbers of a text that no code computed, each with the words around it.

    Free are code, headings, roles such as ``{given}`` and ``{glue:text}``, targets of links, the
    integers 0 to 4 standing alone, digits within a name ("HWE2", "BSD-3"), a few names and
    cross-references, and mathematics without a decimal after an equal or approximate sign.
    """
    return typed_numbers_in(pieces(text))


def typed_numbers_in(parts: tuple[Piece, ...]) -> list[str]:
    """The same for a text that is already taken apart."""
    found = []
    for piece in parts:
        if piece.kind in ("text", "html"):
            found += _in_words(piece.text)
        elif piece.kind == "role" and not is_free_role(piece.name):
            found += _in_words(piece.text)
        elif piece.kind == "math":
            found += _in_math(piece.text)
    return found


def _in_words(text: str) -> list[str]:
    text = _ALLOWED.sub(lambda m: " " * len(m[0]), text)
    return [
        "..." + " ".join(text[max(m.start() - 25, 0) : m.end() + 15].split()) + "..."
        for m in _NUMBER.finditer(text)
        if not _is_part_of_name(text, m) and not _is_small_and_alone(text, m)
    ]


def _is_part_of_name(text: str, match: re.Match) -> bool:
    before = text[max(match.start() - 2, 0) : match.start()]
    if before[-1:].isalpha() or before[-1:] == "_":
        return True
    hyphenated = len(before) == 2 and before[0].isalpha() and before[1] == "-"
    return hyphenated and match[0].isdigit() and not _NOT_ALONE.match(text, match.end())


def _is_small_and_alone(text: str, match: re.Match) -> bool:
    return match[0] in ("0", "1", "2", "3", "4") and not _NOT_ALONE.match(text, match.end())


def _in_math(text: str) -> list[str]:
    bare = _BARE_MATH.fullmatch(text)
    if bare and (bare[2] or bare[1] not in ("0", "1", "2", "3", "4")):
        return [f"${text.strip()}$ (a bare number is no mathematics)"]
    return [f"${' '.join(m[0].split())}$" for m in _MATH_RESULT.finditer(text)]
