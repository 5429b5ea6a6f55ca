"""The rendered pages: nothing is asked of another host, and every page can be read by anyone."""

import importlib.util
import os
import re
import subprocess
import sysconfig
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "notebooks/**/*.ipynb")
# Attributes through which opening a page fetches a file, by tag; "*" is any tag.
FETCHING = {
    "*": ("background", "poster"),
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "frame": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "audio": ("src",),
    "video": ("src",),
    "track": ("src",),
    "input": ("src",),
    "base": ("href",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
# Kinds of <link> that only name another page; every other kind makes the browser connect.
QUIET_LINKS = {"alternate", "author", "canonical", "help", "index", "license", "next", "prev"}
QUIET_LINKS |= {"search", "nofollow", "noreferrer", "up"}
CSS_FETCH = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")
SCRIPT_URL = re.compile(r"""['"`]((?:https?:|wss?:)?//[\w.-]+\.[a-z]{2,}[^'"`\s]*)""", re.I)
SCRIPT_FETCH = re.compile(
    r"""(?:fetch|import|importScripts|Request|WebSocket|EventSource|Worker|sendBeacon)\s*\(\s*"""
    r"""['"`]((?:https?:|wss?:)?//[^'"`]+)|\.(?:src|href)\s*=\s*['"`]((?:https?:)?//[^'"`]+)"""
)
# Names of XML namespaces look like addresses and are never fetched.
NAMESPACE = "http://www.w3.org/"


def is_remote(url: str) -> bool:
    """Whether a browser that opens `url` from a page would ask another host."""
    url = url.strip()
    return url.startswith("//") or urlsplit(url).scheme in {"http", "https", "ws", "wss", "ftp"}


def remote_in_css(css: str) -> list[str]:
    """Addresses on other hosts that a stylesheet fetches."""
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    found = [a or b for a, b in CSS_FETCH.findall(bare)]
    return [f"css: {url}" for url in found if is_remote(url)]


def remote_in_script(code: str) -> list[str]:
    """Addresses on other hosts that a script file fetches by a literal address."""
    return [f"script: {a or b}" for a, b in SCRIPT_FETCH.findall(code)]


class Page(HTMLParser):
    """What a page fetches when it opens, and what its reader's software needs to know."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.remote: list[str] = []
        self.local: list[str] = []
        self.images: list[dict] = []
        self.count = {"h1": 0}
        self.lang = self.title = ""
        self.ids: set[str] = set()
        self.is_redirect = False
        # Open <div>s inside the block that the theme shows on paper only, with a title of its own.
        self._paper_depth = 0
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = {name: value or "" for name, value in attrs}
        self._inside = tag
        if tag == "div" and (self._paper_depth or attrs.get("id") == "jb-print-docs-body"):
            self._paper_depth += 1
        if not self._paper_depth:
            self.count[tag] = self.count.get(tag, 0) + 1
        self.ids.add(attrs.get("id", ""))
        self.lang = attrs.get("lang", "") if tag == "html" else self.lang
        if tag == "img":
            self.images.append(attrs)
        if tag == "meta" and attrs.get("http-equiv", "").lower() == "refresh":
            self.is_redirect = True
            self._note("meta refresh", attrs["content"].partition("url=")[2])
        if tag == "link" and set(attrs.get("rel", "").lower().split()) - QUIET_LINKS:
            self._note("link", attrs.get("href", ""))
        for name in (*FETCHING["*"], *FETCHING.get(tag, ())):
            for url in attrs.get(name, "").split(",") if name == "srcset" else [attrs.get(name)]:
                if url:
                    self._note(tag, url.split()[0])
        self.remote += remote_in_css(attrs.get("style", ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self._inside = ""

    def handle_endtag(self, tag):
        self._inside = ""
        if tag == "div" and self._paper_depth:
            self._paper_depth -= 1

    def handle_data(self, data):
        if self._inside == "style":
            self.remote += remote_in_css(data)
        if self._inside == "script":
            urls = SCRIPT_URL.findall(data)
            self.remote += [f"inline script: {u}" for u in urls if not u.startswith(NAMESPACE)]
        if self._inside == "title":
            self.title += data

    def _note(self, tag, url):
        if is_remote(url):
            self.remote.append(f"{tag}: {url}")
        elif url and not urlsplit(url).scheme and not url.startswith("#"):
            self.local.append(unquote(urlsplit(url).path))


def newest_source() -> float:
    """Time of the last change of anything that the pages are made from."""
    paths = [p for pattern in SOURCES for p in ROOT.glob(pattern)]
    return max(p.stat().st_mtime for p in paths if p.is_file() and "__pycache__" not in p.parts)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Folder of the rendered book: the last build if it is newer than its sources, else a new one.

    A new build fails on any warning.
    """
    built = ROOT / "_build" / "html"
    stamp = built / "searchindex.js"
    if stamp.is_file() and stamp.stat().st_mtime > newest_source():
        return built
    out = tmp_path_factory.mktemp("book")
    program = Path(sysconfig.get_path("scripts")) / "jupyter-book"
    run = subprocess.run(
        [program, "build", ROOT, "--path-output", out, "-W", "-n", "--keep-going", "--all"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-6000:]
    return out / "_build" / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    """Every page of the rendered book; templates that the theme leaves in _static are none."""
    found = [p for p in site.rglob("*.html") if "_static" not in p.relative_to(site).parts]
    assert len(found) > 5, f"only {len(found)} pages in {site}"
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(found)}


def test_no_page_asks_another_host(pages):
    problems = [f"{path.name}: {what}" for path, page in pages.items() for what in page.remote]
    assert not problems, "\n".join(problems)


def test_no_stylesheet_or_loaded_script_asks_another_host(site, pages):
    loaded = {
        (path.parent / url).resolve()
        for path, page in pages.items()
        for url in page.local
        if url.endswith((".css", ".js"))
    }
    assert any("mathjax" in p.parts for p in loaded), "no page loads MathJax"
    problems = []
    for path in sorted(loaded):
        scan = remote_in_css if path.suffix == ".css" else remote_in_script
        problems += [f"{path.name}: {what}" for what in scan(path.read_text(encoding="utf-8"))]
    assert not problems, "\n".join(problems)


def test_what_pages_fetch_is_there(site, pages):
    missing = {
        f"{path.relative_to(site)}: {url}"
        for path, page in pages.items()
        for url in page.local
        if url and not (path.parent / url).exists()
    }
    css = (site / "_static" / "custom.css").read_text(encoding="utf-8")
    missing |= {
        f"custom.css: {url}"
        for url, _ in CSS_FETCH.findall(css)
        if not (site / "_static" / url).is_file()
    }
    assert not missing, "\n".join(sorted(missing))


def test_every_page_can_be_read_aloud(site, pages):
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site)
        if page.is_redirect:
            continue
        if page.count["h1"] != 1:
            problems.append(f"{name}: {page.count['h1']} headings of the first level")
        if page.lang != "en":
            problems.append(f"{name}: lang is {page.lang!r}")
        if not page.title.strip():
            problems.append(f"{name}: no title")
        problems += [
            f"{name}: no alt text on {image.get('src')}"
            for image in page.images
            if not image.get("alt", "").strip()
        ]
    assert not problems, "\n".join(problems)


def test_the_ledger_shows_every_claim(site, pages):
    entries = yaml.safe_load((ROOT / "book" / "claims.yml").read_text(encoding="utf-8")) or []
    page = pages[site / "book" / "claims.html"]
    missing = [e["id"] for e in entries if f"claim-{e['id']}" not in page.ids]
    assert not missing


def load(path: Path):
    """Module from a file of the book's folder, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cover_is_what_its_script_draws():
    path = ROOT / "book" / "_cover" / "make_cover.py"
    assert path.with_name("figure.html").read_text(encoding="utf-8") == load(path).figure()


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (None, 1e-9, "at most 1e-09"),
        (0.5, None, "at least 0.5"),
        (0.03, 0.07, "0.03 to 0.07"),
        (1, 1, "1"),
        (None, None, "none: not tested"),
    ],
)
def test_a_range_in_words(low, high, words):
    extension = load(ROOT / "book" / "_ext" / "gitools_book.py")
    assert extension.accepted({"low": low, "high": high}) == words


BAD = {
    "script": '<script src="https://cdn.example.org/x.js"></script>',
    "script without scheme": '<script async src="//cdn.example.org/x.js"></script>',
    "inline script": '<script>const URL = "https://unpkg.com/thebe@0.8.2/lib/index.js"</script>',
    "inline import": '<script type="module">import x from "https://esm.sh/d3";</script>',
    "stylesheet": '<link rel="stylesheet" href="https://fonts.googleapis.com/css?family=X">',
    "preload": '<link rel="preload" as="font" href="http://example.org/a.woff2">',
    "preconnect": '<link rel="preconnect" href="https://fonts.gstatic.com">',
    "icon": '<link rel="shortcut icon" href="https://example.org/favicon.ico">',
    "image": '<img alt="a" src="https://mybinder.org/badge_logo.svg">',
    "image in a set": '<img alt="a" src="a.png" srcset="a.png 1x, https://example.org/b.png 2x">',
    "frame": '<iframe src="https://www.youtube.com/embed/x"></iframe>',
    "object": '<object data="https://example.org/x.svg"></object>',
    "video": '<video poster="https://example.org/x.png"></video>',
    "base": '<base href="https://example.org/">',
    "svg": '<svg><image xlink:href="https://example.org/x.png"/></svg>',
    "style attribute": '<p style="background: url(https://example.org/x.png)">a</p>',
    "style element": "<style>@font-face { src: url('//example.org/x.woff2'); }</style>",
    "import in style": '<style>@import "https://example.org/x.css";</style>',
    "redirect": '<meta http-equiv="refresh" content="0; url=https://example.org/">',
}
GOOD = {
    "link to read": '<a href="https://example.org/">there</a>',
    "canonical": '<link rel="canonical" href="https://example.org/book">',
    "local": '<script src="../x.js?v=1"></script><img alt="a" src="data:image/png;base64,">',
    "namespace": '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
    '<script>d.createElementNS("http://www.w3.org/2000/svg", "g"); // see https://a.org/b</script>',
    "code shown": "<pre>&lt;script src='https://example.org/x.js'&gt;</pre>",
    "local style": "<style>@import 'x.css'; p { background: url(x.png) }</style>",
}


@pytest.mark.parametrize("html", BAD.values(), ids=BAD.keys())
def test_scan_finds(html):
    assert Page(html).remote


@pytest.mark.parametrize("html", GOOD.values(), ids=GOOD.keys())
def test_scan_lets_pass(html):
    assert not Page(html).remote


@pytest.mark.parametrize(
    "code",
    [
        'fetch("https://example.org/x.json")',
        "new WebSocket('wss://example.org')",
        's.src = "https://cdn.example.org/x.js"',
        'import("//example.org/x.js")',
    ],
)
def test_scan_of_scripts_finds(code):
    assert remote_in_script(code)


def test_scan_of_stylesheets_passes_comments():
    assert not remote_in_css("/* url(https://example.org/x.png) */ p { color: red }")
    assert remote_in_css("p { background: url( 'https://example.org/x.png' ) }")


def test_a_page_without_names_is_noticed():
    page = Page('<html><body><h1>a</h1><h1>b</h1><img src="x.png"></body></html>')
    assert page.count["h1"] == 2
    assert not page.lang
    assert "alt" not in page.images[0]
    paper = '<div id="jb-print-docs-body"><h1>a</h1><div>b</div></div><h1>a</h1>'
    assert Page(paper).count["h1"] == 1
