"""The page "The data" says of each data set what the registry says."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gitools.data import REGISTRY, Arrays, Citation, Table

BOOK = Path(__file__).resolve().parents[1] / "book"


def section(page, title):
    """Text under the heading `title`, its roles and code marks taken off."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    return re.sub(r"\{[a-z:]+\}|`", "", found.group(1)) if found else ""


def lacking(page, bibliography, data_set):
    """What the page or its bibliography does not say of `data_set`."""
    text = section(page, data_set.title)
    facts = [
        data_set.name,
        f"{data_set.owner}/{data_set.repository}",
        data_set.path,
        data_set.commit,
        f"{data_set.n_bytes:,} bytes",
        data_set.licence,
        *(citation.key for citation in data_set.citations),
        *FACTS[type(data_set.form)](data_set.form),
    ]
    missing = [fact for fact in facts if fact not in text]
    missing += [part.name for part in parts(data_set.form) if f"`{part.name}`" not in page]
    return missing + [c.key for c in data_set.citations if not cited(bibliography, c)]


def parts(form):
    return form.columns if isinstance(form, Table) else form.arrays


def facts_of_table(form):
    counts = [f"{form.rows:,} rows", f"{len(form.columns)} columns"]
    return counts + [f"{column.missing:,} rows" for column in form.columns if column.missing]


def facts_of_arrays(form):
    """A row of the page's table for each array: its name, its shape, its missing entries."""
    rows = [f"{array.name} | {' x '.join(f'{n:,}' for n in array.shape)}" for array in form.arrays]
    return rows + [f"{array.missing:,} missing" for array in form.arrays if array.missing]


FACTS = {Table: facts_of_table, Arrays: facts_of_arrays}


def cited(bibliography, citation):
    """Whether the bibliography has the entry, with its year, volume, pages and doi."""
    found = re.search(rf"@\w+\{{{citation.key},\n(.*?)^}}", bibliography, re.M | re.S)
    if not found:
        return False
    year, volume, pages = re.search(r"\((\d{4})\), .* (\d+):([\w-]+)$", citation.text).groups()
    fields = dict(re.findall(r"(\w+)\s*=\s*\{(.*)\},?$", found.group(1), re.M))
    stated = (fields["year"], fields["volume"], fields["pages"].replace("--", "-"))
    return stated == (year, volume, pages) and fields.get("doi", "") == citation.doi


@pytest.fixture
def page():
    return (BOOK / "data.md").read_text(encoding="utf-8")


@pytest.fixture
def bibliography():
    return (BOOK / "references.bib").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REGISTRY)
def test_page_says_what_the_registry_says(page, bibliography, name):
    assert lacking(page, bibliography, REGISTRY[name]) == []


@pytest.mark.parametrize("words", ["make data", "GITOOLS_DATA_MIRROR", "GITOOLS_DATA_CACHE"])
def test_page_says_how_to_get_the_data(page, words):
    assert words in page


@pytest.mark.parametrize(
    "changes",
    [
        {"licence": "no licence file in the repository"},
        {"form": Table(86_017, REGISTRY["potato_tetraploid"].form.columns)},
        {"form": Table(86_016, REGISTRY["potato_tetraploid"].form.columns[:-1])},
        {"commit": "0" * 40},
        {"title": "Something else"},
        {"citations": (Citation("voorrips2011", "Voorrips (2011), Journal 12:172", "10.1/1"),)},
        {"citations": (Citation("voorrips2011", "Voorrips (2012), Journal 12:172"),)},
        {"citations": (Citation("nobody2000", "Nobody (2000), Journal 1:1"),)},
    ],
)
def test_a_page_that_says_otherwise_is_found(page, bibliography, changes):
    assert lacking(page, bibliography, replace(REGISTRY["potato_tetraploid"], **changes))


@pytest.mark.parametrize(
    "array",
    [{"shape": (573, 1001)}, {"name": "genotypes"}, {"missing": 1}],
)
def test_a_page_that_says_otherwise_of_an_array_is_found(page, bibliography, array):
    locus = REGISTRY["susie_n3"]
    first, *others = locus.form.arrays
    other = replace(locus, form=Arrays((replace(first, **array), *others)))
    assert len(lacking(page, bibliography, other)) >= 1
