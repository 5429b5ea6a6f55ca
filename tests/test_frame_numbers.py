"""The scan for typed numbers, on small texts that are good and small texts that are bad."""

import pytest
from frame.prose import typed_numbers

GOOD = [
    "Two humps, and one plant between them.",
    "There are 3 classes, 0 to 4 copies, and 2 alleles.",
    "# 12 plants\n\n## 97% right",
    "The mean is {glue:text}`mean` at {given}`0.05`.",
    "a {given}`10`-fold split with {given}`1,000` plants",
    "See {numref}`fig-11`, {eq}`eq-12`, {ref}`Part 7 <part-7>` and {doc}`12_starts`.",
    "{cite:t}`dempster1977` and {cite}`teicher1963,wu1983`",
    "Use `tol=1e-6` and\n\n```python\nx = 0.97\n```",
    "    indented = 0.97",
    "[the paper](https://example.org/2019/12345) and <https://doi.org/10.1000/182>",
    "at https://example.org/v2/17.html",
    r"$x_{11}$, $\sum_{i=1}^{10} x_i$, $K = 12$ and $10^{-6}$",
    r"$\alpha = \tfrac{1}{2}$, $z \sim \mathcal{N}(0, 0.5)$ and $x < 0.5$",
    "$$\nn = 200\n$$ (eq-big)",
    "HWE2, chr17, SNP_12, R2, k-means++, a 1-based index, the 2nd allele, BSD-3-Clause",
    "CC BY 4.0 and Python 3.11 to 3.13",
    "chapter 12, chapters 11 and 12, exercise 11-3",
    "```{math}\n:label: eq-17\nK = 12\n```",
    "```{figure} fig_0.97.png\n:name: fig-97\n:width: 80%\n\nA cloud.\n```",
    "```{bibliography}\n:filter: docname in docnames\n:style: unsrt17\n```",
    "```{exercise} Two humps\n:label: ex-11-1\n\nWhich one?\n```",
    "```{solution-start} ex-11-1\n:class: dropdown\n```",
    ":::{admonition} Derivation\n:class: dropdown\n\n$a = 12$ and {given}`12`\n:::",
    "::::{grid} 2\n:::{grid-item-card} 5 · Genomes\nwords\n:::\n::::",
    "| a | b |\n|---|---|\n| {glue:text}`x` | {given}`12` |",
    "(target-17)=\n% a comment of 1977\n1. first\n5. fifth",
    "![12 plants](fig12.png)",
    '<div class="w-97" id="x12">words<!-- 97 --></div>',
    "---\nnumbering: 97\n---\n\nwords",
]

BAD = [
    ("The accuracy is 0.97.", "0.97"),
    ("we found 64 plants", "64"),
    ("in 3% of plants", "3%"),
    ("in 3 % of plants", "3 %"),
    ("in 2 percent of plants", "2 percent"),
    ("1,234 markers", "1,234"),
    ("a 10-fold split", "10-fold"),
    ("5 clusters", "5"),
    ("since 1977", "1977"),
    ("p below 1e-5", "1e-5"),
    ("about .5 of them", ".5"),
    ("a ratio of 3:1, or 3/4, or ¾", "3:1"),
    ("almost ¾ of them", "¾"),
    ("-12.5 on the log scale", "12.5"),
    ("**97** in bold, _97_ in italics", "97"),
    ("97&#37; as entities: &#57;&#55;", "97"),
    ("[12 humps](x.md)", "12 humps"),
    ("$n$ = 200", "200"),
    ("| a | b |\n|---|---|\n| x | 0.81 |", "0.81"),
    ("- an item with 64", "64"),
    ("> a quote with 64", "64"),
    ("Term\n: a definition with 64", "64"),
    ("A note[^n].\n\n[^n]: with 64 plants", "64"),
    (r"$\hat\mu = 0.97$", "= 0.97"),
    (r"$a \approx -1.25$", "-1.25"),
    (r"$a = 1 - 0.03$", "0.03"),
    (r"$\mu = (0.2, 0.8)$", "(0.2"),
    ("$0.97$", "bare number"),
    (r"$97\%$", "bare number"),
    ("$$\n\\begin{aligned}a &= 0.97\\end{aligned}\n$$", "0.97"),
    ("\\begin{align}a &= 0.97\\end{align}", "0.97"),
    ("```{math}\na = 0.97\n```", "0.97"),
    ("{math}`a = 0.97`", "0.97"),
    ("{strong}`97 plants`", "97"),
    (":::{note}\nin 64 plants\n:::", "64"),
    (":::{note} 64 plants\n:::", "64"),
    ("````{exercise} Humps\n:label: ex-1\n\n:::{hint}\nit is 0.97\n:::\n````", "0.97"),
    ("```{figure} a.png\n:name: fig-a\n\nAll 64 plants.\n```", "64"),
    ("```{table} The 64 plants\n| a |\n|---|\n| b |\n```", "64"),
    ("```{list-table}\n* - a\n  - 64\n```", "64"),
    ("<p>in <b>64</b> plants</p>", "64"),
]


@pytest.mark.parametrize("text", GOOD)
def test_free_numbers_pass(text):
    assert typed_numbers(text) == []


@pytest.mark.parametrize(("text", "found"), BAD)
def test_typed_numbers_are_found(text, found):
    assert any(found in problem for problem in typed_numbers(text))
