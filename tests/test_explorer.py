"""The EM explorer: markup, input checks, and its computation against one in Python."""

import json
import re
import shutil
import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from gitools.book.explorer import em_explorer

ROOT = Path(__file__).parents[1]
TEMPLATE = (ROOT / "gitools/book/em_explorer.html").read_text(encoding="utf-8")
VOID = {"input", "br", "hr", "img", "meta", "link"}


def three_humps(n=64):
    rng = np.random.default_rng(5)
    return rng.normal(np.repeat([0.1, 0.5, 0.9], [n // 3, n // 3, n - 2 * (n // 3)]), 0.06)


def between(text, mark):
    return text.split(f"// {mark}:begin\n")[1].split(f"// {mark}:end")[0]


def self_checks():
    body = between(TEMPLATE, "self-check")
    return json.loads(body[body.index("[") : body.rindex("]") + 1])


def config_of(html):
    return json.loads(re.search(r"const CONFIG = (\{.*\});\n", html.data).group(1))


class Elements(HTMLParser):
    """Every element with its attributes, its ancestors and the text within it."""

    def __init__(self, text):
        super().__init__()
        self.open, self.all = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        element = {
            "tag": tag,
            "attrs": dict(attrs),
            "within": [e["tag"] for e in self.open],
            "text": "",
        }
        self.all.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data


def mean_log_likelihoods(check):
    """Mean log-likelihoods of EM in one dimension with scipy's densities."""
    x = np.array(check["values"])[:, None]
    weights, means = (np.array(check["start"][name]) for name in ("weights", "means"))
    variances = np.maximum(check["start"]["variances"], check["floor"])
    trace = []
    for _ in check["expected"]:
        joint = np.log(weights) + norm.logpdf(x, means, np.sqrt(variances))
        total = logsumexp(joint, axis=1, keepdims=True)
        trace.append(total.mean())
        r = np.exp(joint - total)
        weights = r.mean(axis=0)
        means = (r * x).sum(axis=0) / r.sum(axis=0)
        variances = (r * (x - means) ** 2).sum(axis=0) / r.sum(axis=0)
        variances = np.maximum(variances, check["floor"])
    return trace


def test_the_self_check_holds_the_figures_of_python():
    checks = self_checks()
    assert len(checks) == 3
    assert sum(check["floor"] > 0 for check in checks) == 1
    for check in checks:
        np.testing.assert_allclose(mean_log_likelihoods(check), check["expected"], rtol=1e-11)
        assert np.all(np.diff(check["expected"]) > 0)


def test_the_script_takes_the_steps_of_python():
    core = between(TEMPLATE, "core")
    for name in ("logSumExp", "eStep", "mStep", "freeEnergy", "startMixture", "withFloor"):
        assert f"function {name}(" in core
    assert not re.search(r"\b(document|window|CONFIG|state|part)\.", core)
    node = shutil.which("node")
    if node is None:
        # The page itself runs the same comparison in the reader's browser.
        assert "CHECKS.some(checkFails)" in TEMPLATE
        return
    script = core + (
        "const checks = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(checks.map((c) => { let mix = withFloor(c.start, c.floor);"
        "return c.expected.map((_, t) => {"
        "if (t > 0) { const r = eStep(c.values, mix), next = mStep(c.values, r, mix, c.floor);"
        "const old = logLikelihood(c.values, mix), bound = freeEnergy(c.values, r, next);"
        "if (Math.abs(freeEnergy(c.values, r, mix) - old) > 1e-12 * Math.abs(old)) return NaN;"
        "if (bound < old || bound > logLikelihood(c.values, next)) return NaN; mix = next; }"
        "return logLikelihood(c.values, mix); }); })));"
    )
    done = subprocess.run(
        [node, "-e", script],
        input=json.dumps(self_checks()),
        capture_output=True,
        text=True,
        check=True,
    )
    for check, trace in zip(self_checks(), json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(trace, check["expected"], rtol=1e-11)


def test_same_call_gives_same_html_of_modest_size():
    values = np.random.default_rng(1).normal(size=300)
    truth = np.repeat([0, 1, 2], 100)
    first = em_explorer(values, xlabel="signal (log units)", truth=truth)
    second = em_explorer(values, xlabel="signal (log units)", truth=truth)
    assert first.data == second.data
    assert len(first.data.encode()) < 60_000
    assert "__" not in first.data


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_values_are_shown_to_a_ten_thousandth_of_their_range(scale):
    values = scale * three_humps()
    shown = config_of(em_explorer(values, xlabel="x"))["values"]
    np.testing.assert_allclose(shown, values, rtol=0, atol=1e-4 * np.ptp(values))
    assert max(len(re.sub(r"e.*|[-.]|^0\.0*", "", str(x))) for x in shown) <= 7


def test_nothing_is_fetched_from_elsewhere():
    text = em_explorer(three_humps(), xlabel="allele ratio").data
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|fetch\(|XMLHttp|\bimport\b", text)
    assert not any("src" in e["attrs"] or "href" in e["attrs"] for e in Elements(text).all)


def test_controls_have_names():
    elements = Elements(re.search(r"const MARKUP = `(.*?)`;", TEMPLATE, re.DOTALL).group(1))
    assert not elements.open
    assert not any("id" in e["attrs"] for e in elements.all)
    for e in elements.all:
        if e["tag"] in ("input", "select"):
            assert "label" in e["within"], e
        if e["tag"] == "label":
            assert len(e["text"].strip()) > 5, e
        if e["tag"] == "button":
            assert e["attrs"]["type"] == "button" and e["text"].strip(), e
        if e["tag"] == "svg":
            assert e["attrs"]["role"] == "img" and e["attrs"]["aria-label"], e
    assert sum(e["tag"] == "button" for e in elements.all) == 6
    assert any(e["attrs"].get("aria-live") == "polite" for e in elements.all)


def test_without_its_script_the_fragment_says_what_is_missing():
    elements = Elements(em_explorer(three_humps(), xlabel="ratio", name="potato-em").data)
    assert not elements.open
    assert [e["attrs"]["id"] for e in elements.all if "id" in e["attrs"]] == ["potato-em"]
    tags = [e["tag"] for e in elements.all]
    assert tags == ["div", "style", "p", "noscript", "p", "script"]
    fallback, aside = (e for e in elements.all if e["tag"] == "p")
    assert "JavaScript" in fallback["text"] and "hidden" not in fallback["attrs"]
    assert "noscript" in aside["within"] and "JavaScript" in aside["text"]


def test_style_stays_within_the_fragment():
    style = re.search(r"<style>(.*)</style>", TEMPLATE, re.DOTALL).group(1)
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    selectors = [s for s in re.findall(r"([^{}]+)\{", style) if not s.strip().startswith("@")]
    assert selectors
    for selector in ",".join(selectors).split(","):
        assert ".gi-em" in selector, selector


def test_every_part_that_the_script_names_is_there():
    used = set(re.findall(r"\bpart\.(\w+)", TEMPLATE))
    assert used == set(re.findall(r'data-part="(\w+)"', TEMPLATE))


def test_a_label_cannot_break_out_of_the_script():
    label = "</script><b>x</b> & \"quoted\" 'ratio' \u2028"
    html = em_explorer(three_humps(), xlabel=label)
    assert html.data.count("</script>") == 1 and "<b>" not in html.data
    assert config_of(html)["xlabel"] == label


def test_truth_and_number_of_components_reach_the_page():
    truth = np.arange(64) % 3
    config = config_of(em_explorer(three_humps(), xlabel="x", truth=truth, n_components=5))
    assert config["truth"] == truth.tolist() and config["k"] == 5
    assert config_of(em_explorer(three_humps(), xlabel="x"))["truth"] is None


def test_the_template_is_installed_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "**/*.html" in project["tool"]["setuptools"]["package-data"]["gitools"]


GOOD = [0.1, 0.2, 0.4, 0.5, 0.9]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"values": [0.1, 0.2, np.nan, 0.4, 0.5]}, "values: got 1 NaN"),
        ({"values": [0.1, 0.2, np.inf, 0.4, 0.5]}, "values: got 1 NaN"),
        ({"values": [0.1, 0.2, 0.3, 0.4]}, r"values: .*\(4,\)"),
        ({"values": np.zeros((5, 2))}, r"values: .*\(5, 2\)"),
        ({"values": np.arange(301.0)}, r"values: .*\(301,\)"),
        ({"values": ["a", "b", "c", "d", "e"]}, "values: expected numbers"),
        ({"values": [[1, 2], [3]]}, "values: expected numbers"),
        ({"values": [0.3] * 6}, "values: all are 0.3"),
        ({"truth": [0, 1]}, r"truth: .*\(2,\)"),
        ({"truth": [0.5, 1, 1, 2, 2]}, "truth: .*float"),
        ({"truth": list("abcde")}, "truth: .*integer"),
        ({"values": np.arange(11.0), "truth": range(11)}, "truth: got 11"),
        ({"xlabel": " "}, "xlabel"),
        ({"xlabel": None}, "xlabel"),
        ({"name": "EM explorer"}, "name"),
        ({"name": '"><b>'}, "name"),
        ({"name": 3}, "name"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": 7}, "n_components"),
        ({"n_components": 2.5}, "n_components"),
        ({"n_components": True}, "n_components"),
    ],
)
def test_bad_input_is_named(arguments, named):
    call = {"values": GOOD, "xlabel": "allele ratio"} | arguments
    with pytest.raises(ValueError, match=named):
        em_explorer(call.pop("values"), **call)
