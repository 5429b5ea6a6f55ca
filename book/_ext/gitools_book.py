"""Roles and directives of the book, and the removal of what would ask another host for a file.

``{given}`0.05` ``
    A number that is a setting or a source's figure, and so not a result that code must compute.
``{claims-ledger}``
    The claims of one source (its argument), of one chapter (``:chapter:``) or of all, with the
    measured values.
``{claims-summary}``
    How many claims of each source came to which verdict.
"""

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from gitools.book.claims import SOURCES, VERDICTS
from gitools.book.ledger import ledger_rows

SOURCE_NAMES = {
    "gmm-tutorial": "The mixture tutorial",
    "ml-mages-abstract": "ML-MAGES, the abstract",
    "ml-mages-method": "ML-MAGES, the method and its code",
    "ionome-paper": "The ionome paper",
    "ours": "This book's own",
}
COLUMNS = (("Claim", 58), ("Measured", 13), ("Accepted", 13), ("Verdict", 16))


class Given(SphinxRole):
    """Plain text in a span, so that a setting can be told from a result."""

    def run(self):
        return [nodes.inline(self.rawtext, self.text, classes=["given"])], []


def accepted(row: dict) -> str:
    """Accepted range of a claim in words."""
    low, high = row["low"], row["high"]
    if low is None and high is None:
        return "none: not tested"
    if low is None:
        return f"at most {high:g}"
    if high is None:
        return f"at least {low:g}"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def badge(verdict: str) -> nodes.inline:
    """Verdict as a coloured label."""
    return nodes.inline("", verdict, classes=["verdict", "verdict-" + verdict.replace(" ", "-")])


def count_verdicts(rows: list[dict]) -> dict[str, int]:
    """How many rows came to each verdict, every verdict named."""
    return {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in VERDICTS}


def table_of(widths, header, body, classes) -> nodes.table:
    """Docutils table from lists of cells, each cell a list of nodes."""
    group = nodes.tgroup(cols=len(widths))
    group += [nodes.colspec(colwidth=width) for width in widths]
    for part, rows in ((nodes.thead(), [header]), (nodes.tbody(), body)):
        for cells in rows:
            part += nodes.row("", *[nodes.entry("", *cell) for cell in cells])
        group += part
    return nodes.table("", group, classes=classes)


class _LedgerDirective(SphinxDirective):
    """What the ledger's directives share: the rows, and the files that they come from."""

    def rows(self) -> list[dict]:
        root = Path(self.env.srcdir)
        for path in (root / "book" / "claims.yml", *root.glob("notebooks/*/*.ipynb")):
            self.env.note_dependency(str(path))
        return ledger_rows(root)

    def parse(self, text: str) -> list[nodes.Node]:
        box = nodes.container()
        self.state.nested_parse(StringList([text], "book/claims.yml"), self.content_offset, box)
        return box.children


class ClaimsLedger(_LedgerDirective):
    """Table of claims; each row of the full ledger is a target named ``claim-<id>``."""

    optional_arguments = 1
    option_spec = {"chapter": directives.unchanged_required}  # noqa: RUF012 (the name is docutils')

    def run(self):
        source, chapter = (self.arguments or [None])[0], self.options.get("chapter")
        if source is not None and source not in SOURCES:
            raise self.error(f"claims-ledger: got {source!r}, expected one of {', '.join(SOURCES)}")
        rows = [
            row
            for row in self.rows()
            if source in (None, row["source"]) and chapter in (None, row["chapter"])
        ]
        if not rows:
            return [nodes.paragraph("", "No claim stands here yet.")]
        header = [[nodes.paragraph("", name)] for name, _ in COLUMNS]
        body = [self.cells(row, is_home=chapter is None) for row in rows]
        widths = [width for _, width in COLUMNS]
        return [table_of(widths, header, body, ["claims-ledger"])]

    def cells(self, row: dict, is_home: bool) -> list[list[nodes.Node]]:
        """Cells of one claim: its words and reasons, the measured value, the range, the verdict."""
        claim = nodes.container("", *self.parse(row["says"]), classes=["claim-says"])
        if is_home:
            self.note_target(row, claim)
        why = self.small(row["why"], "claim-reason")
        because = self.small(row["because"], "claim-because")
        home = nodes.paragraph(
            "", "", nodes.literal("", row["id"]), nodes.Text(" · "), self.link(row["chapter"])
        )
        home["classes"] += ["claim-why"]
        return [
            [claim, because, why, home],
            [nodes.paragraph("", row["value"] or "–")],
            [nodes.paragraph("", accepted(row))],
            [nodes.paragraph("", "", badge(row["verdict"]))],
        ]

    def small(self, text: str | None, name: str) -> nodes.container:
        """Smaller text under a claim; empty where there is none yet."""
        return nodes.container("", *self.parse(text or ""), classes=["claim-why", name])

    def note_target(self, row: dict, node: nodes.Element) -> None:
        """Make ``{ref}`text <claim-id>` `` lead to this row from every page."""
        label = f"claim-{row['id']}"
        node["ids"].append(label)
        std = self.env.get_domain("std")
        std.anonlabels[label] = (self.env.docname, label)
        std.labels[label] = (self.env.docname, label, row["id"])

    def link(self, chapter: str) -> nodes.Node:
        """Link to a chapter, or its name where it isn't written yet."""
        found = [name for name in self.env.found_docs if name.rsplit("/", 1)[-1] == chapter]
        if not found:
            return nodes.Text(f"chapter {chapter}, not written yet")
        reference = addnodes.pending_xref(
            "",
            nodes.Text(f"chapter {chapter[:2]}"),
            refdomain="std",
            reftype="doc",
            reftarget="/" + found[0],
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=True,
        )
        return reference


class ClaimsSummary(_LedgerDirective):
    """Table of how often each verdict occurs, a column a source."""

    def run(self):
        rows = self.rows()
        columns = {
            source: count_verdicts([row for row in rows if row["source"] == source])
            for source in SOURCES
            if any(row["source"] == source for row in rows)
        }
        if not columns:
            return [nodes.paragraph("", "No claim stands here yet.")]
        header = [
            [nodes.paragraph("", name)] for name in ("Verdict", *map(SOURCE_NAMES.get, columns))
        ]
        body = []
        for verdict, total in count_verdicts(rows).items():
            if total:
                counts = [str(column[verdict] or "–") for column in columns.values()]
                body.append([[nodes.paragraph("", "", badge(verdict))]])
                body[-1] += [[nodes.paragraph("", count)] for count in counts]
        return [table_of([24] + [19] * len(columns), header, body, ["claims-summary"])]


def silence_thebe(app) -> None:
    """Disconnect the live-code extension: its script would be fetched from another host.

    Jupyter Book loads it whatever the configuration says.
    """
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)
    app.registry.css_files = [
        entry for entry in app.registry.css_files if "thebe" not in str(entry[0])
    ]


def setup(app):
    """Register with Sphinx."""
    app.add_role("given", Given())
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("claims-summary", ClaimsSummary)
    silence_thebe(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
