"""Simulate the plants of the cover, resolve them into dosages and write the figure.

Run ``python book/_cover/make_cover.py`` after a change; a test holds the committed file against
what this script writes.
"""

from pathlib import Path

import numpy as np

N_PLANTS = 260
PLOIDY = 4
SEED = 11
BINS = np.linspace(0.0, 1.0, 51)
# Drawing area in units of the view box: left, top, right, bottom.
BOX = (14.0, 40.0, 706.0, 330.0)
VIEW = (720, 392)


def simulate_intensities(rng):
    """Allele-intensity ratios of one marker, [n_plants], in (0, 1).

    Dosages are binomial (random mating in a tetraploid), the ratio of a plant scatters around
    a place that is drawn in towards the middle, as background light does on a real array.
    """
    dosage = rng.binomial(PLOIDY, 0.46, size=N_PLANTS)
    places = 0.08 + 0.84 * np.arange(PLOIDY + 1) / PLOIDY
    spread = np.array([0.028, 0.05, 0.058, 0.05, 0.028])
    return np.clip(rng.normal(places[dosage], spread[dosage]), 0.005, 0.995)


def responsibilities(x, weights, means, sds):
    """Posterior probability of each dosage, [len(x), n_components]."""
    z = (np.atleast_1d(x)[:, None] - means) / sds
    log_joint = np.log(weights) - np.log(sds) - 0.5 * z**2
    log_joint -= log_joint.max(axis=1, keepdims=True)
    joint = np.exp(log_joint)
    return joint / joint.sum(axis=1, keepdims=True)


def fit(x, n_iter=500):
    """Weights, means and standard deviations of five normal humps, by EM from even places."""
    k = PLOIDY + 1
    weights, means, sds = np.full(k, 1 / k), 0.1 + 0.8 * np.arange(k) / PLOIDY, np.full(k, 0.06)
    for _ in range(n_iter):
        r = responsibilities(x, weights, means, sds)
        size = r.sum(axis=0)
        weights, means = size / size.sum(), r.T @ x / size
        sds = np.sqrt((r * (x[:, None] - means) ** 2).sum(axis=0) / size)
    return weights, means, sds


def to_x(value):
    """Horizontal place in the view box of an intensity ratio."""
    return BOX[0] + value * (BOX[2] - BOX[0])


def bars(x, parameters, unit):
    """One bar a bin, divided among the dosages by the responsibilities of its plants."""
    weight, parts = responsibilities(x, *parameters), []
    place = np.digitize(x, BINS) - 1
    for b in range(len(BINS) - 1):
        base, left = BOX[3], to_x(BINS[b]) + 0.75
        width = to_x(BINS[b + 1]) - to_x(BINS[b]) - 1.5
        for k, height in enumerate(weight[place == b].sum(axis=0) * unit):
            if height < 0.3:
                continue
            base -= height
            parts.append(
                f'<rect class="dose-{k}" x="{left:.1f}" y="{base:.1f}" '
                f'width="{width:.1f}" height="{height:.1f}"/>'
            )
    return parts


def curves(parameters, unit):
    """Outline of each fitted hump, on the scale of the bars, with the number of copies on top."""
    parts, bin_width = [], BINS[1] - BINS[0]
    for k, (weight, mean, sd) in enumerate(zip(*parameters, strict=True)):
        grid = np.linspace(max(0, mean - 3.2 * sd), min(1, mean + 3.2 * sd), 61)
        density = weight * np.exp(-0.5 * ((grid - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        y = BOX[3] - density * N_PLANTS * bin_width * unit
        points = " ".join(f"{to_x(g):.1f},{v:.1f}" for g, v in zip(grid, y, strict=True))
        parts.append(f'<polyline class="hump line-{k}" points="{points}"/>')
    for k, mean in enumerate(parameters[1]):
        parts.append(f'<text class="copies" x="{to_x(mean):.1f}" y="24">{k}</text>')
    return parts


def axis():
    """Base line, ticks and the name of what is measured."""
    parts = [f'<line class="axis" x1="{BOX[0]}" x2="{BOX[2]}" y1="{BOX[3]}" y2="{BOX[3]}"/>']
    for value in (0, 0.25, 0.5, 0.75, 1):
        anchor = {0: "start", 1: "end"}.get(value, "middle")
        parts.append(
            f'<text class="tick" style="text-anchor:{anchor}" '
            f'x="{to_x(value):.1f}" y="{BOX[3] + 24}">{value:g}</text>'
        )
    parts.append(
        f'<text class="axis-title" x="{(BOX[0] + BOX[2]) / 2}" y="{BOX[3] + 52}">'
        "share of the light that comes from allele B</text>"
    )
    return parts


def said(probability):
    """The two most probable dosages in words."""
    first, second = np.argsort(probability)[::-1][:2]
    return (
        f"{first} copies with probability {probability[first]:.2f}, "
        f"{second} with {probability[second]:.2f}"
    )


def shares(probability):
    """The bar of five probabilities under the picture."""
    return "".join(
        f'<span class="dose-{k}" style="width:{100 * p:.1f}%"></span>'
        for k, p in enumerate(probability)
    )


SCRIPT = """
(function () {
  var box = document.getElementById("cover-figure");
  var p = JSON.parse(box.dataset.parameters);
  var slider = document.getElementById("cover-slider");
  var mark = box.querySelector(".plant");
  var line = document.getElementById("cover-answer");
  var parts = box.querySelectorAll(".shares span");
  box.querySelector(".control").hidden = false;
  function words(v) {
    return v > 0.99 ? "over 0.99" : v < 0.01 ? "under 0.01" : v.toFixed(2);
  }
  slider.addEventListener("input", function () {
    var x = Number(slider.value);
    var joint = p.means.map(function (m, k) {
      var z = (x - m) / p.sds[k];
      return Math.log(p.weights[k] / p.sds[k]) - z * z / 2;
    });
    var top = Math.max.apply(null, joint);
    joint = joint.map(function (v) { return Math.exp(v - top); });
    var sum = joint.reduce(function (a, b) { return a + b; }, 0);
    var r = joint.map(function (v) { return v / sum; });
    r.forEach(function (v, k) { parts[k].style.width = 100 * v + "%"; });
    var order = r.map(function (v, k) { return k; }).sort(function (a, b) { return r[b] - r[a]; });
    line.textContent = "A plant at " + x.toFixed(3) + ": " + order[0] + " copies with probability "
      + words(r[order[0]]) + ", " + order[1] + " with " + words(r[order[1]]) + ".";
    mark.setAttribute("transform", "translate(" + (p.left + x * p.width).toFixed(1) + " 0)");
  });
})();
"""


def as_list(values):
    """Parameters as JSON, rounded to what the drawing needs."""
    return "[" + ",".join(f"{v:.4f}" for v in values) + "]"


def figure():
    """The whole figure as an HTML fragment."""
    x = simulate_intensities(np.random.default_rng(SEED))
    parameters = fit(x)
    probability = responsibilities(x, *parameters)
    # The plant the mixture is least sure of, among those between two and three copies.
    doubtful = probability[:, [2, 3]].min(axis=1).argmax()
    tallest = np.histogram(x, BINS)[0].max()
    unit = (BOX[3] - BOX[1]) / tallest
    # Rounded before it is used, so that the slider's own place says the same as the text.
    place = round(float(x[doubtful]), 3)
    at_place = responsibilities(place, *(np.round(p, 4) for p in parameters))[0]
    drawing = [*bars(x, parameters, unit), *curves(parameters, unit), *axis()]
    data = (
        f'{{"weights":{as_list(parameters[0])},"means":{as_list(parameters[1])},'
        f'"sds":{as_list(parameters[2])},"left":{BOX[0]},"width":{BOX[2] - BOX[0]}}}'
    )
    lines = [
        f'<figure id="cover-figure" class="cover-figure" data-parameters=\'{data}\'>',
        f'<svg viewBox="0 0 {VIEW[0]} {VIEW[1]}" role="img" aria-labelledby="cover-title">',
        f'<title id="cover-title">Histogram of {N_PLANTS} simulated intensity ratios between 0 and '
        "1 with five overlapping humps, one for each number of copies from 0 to 4; a vertical line "
        f"marks a plant at {place:.3f}, between the humps of two and three copies.</title>",
        *drawing,
        f'<g class="plant" transform="translate({to_x(place):.1f} 0)">'
        f'<line y1="{BOX[1] - 8}" y2="{BOX[3] + 6}"/><text y="{BOX[1] - 16}">?</text></g>',
        "</svg>",
        f'<div class="shares" aria-hidden="true">{shares(at_place)}</div>',
        '<p id="cover-answer" class="answer" aria-live="polite">'
        f"A plant at {place:.3f}: {said(at_place)}.</p>",
        '<p class="control" hidden><label for="cover-slider">Move the plant</label> '
        f'<input id="cover-slider" type="range" min="0" max="1" step="0.001" value="{place:.3f}">'
        "</p>",
        f"<figcaption>{N_PLANTS} simulated plants with four copies of every chromosome, measured "
        "at one marker. The numbers on top are copies of allele B. A mixture of five humps, fitted "
        "without being told any plant's copies, divides each bar among them. "
        "One plant sits between two humps.</figcaption>",
        "</figure>",
        f"<script>{SCRIPT}</script>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("figure.html").write_text(figure(), encoding="utf-8")
