"""Two sliders that make a correlation from what is within groups and what is between them."""

import json

import numpy as np
from IPython.display import HTML

from gitools.book.style import COLORS

_COLORS = [COLORS[c] for c in ("blue", "vermillion", "green")]
_A_GROUP = 24


def correlation_slider(rng, name: str = "simpson-slider") -> HTML:
    """Three groups whose pooled correlation the reader makes.

    One slider sets the correlation within groups, the other how far the groups' means lie apart and
    which way: along the rising diagonal, or, below zero, along the falling one. The page shows the
    cloud, the correlation of all points, and its two parts. Nothing is fetched from elsewhere.

    Parameters
    ----------
    rng : numpy Generator
        Source of the points.
    name : str
        Id of the fragment in the page.

    Returns
    -------
    IPython.display.HTML
    """
    u, v = (_standard(rng.standard_normal((3, _A_GROUP))) for _ in range(2))
    v = _standard(v - (u * v).mean(axis=1, keepdims=True) * u)
    config = {"u": np.round(u, 3).tolist(), "v": np.round(v, 3).tolist(), "colors": _COLORS}
    text = json.dumps(config, separators=(",", ":"), sort_keys=True)
    return HTML(_TEMPLATE.replace("__NAME__", name).replace("__CONFIG__", text))


def _standard(values):
    values = values - values.mean(axis=1, keepdims=True)
    return values / values.std(axis=1, keepdims=True)


_TEMPLATE = """<div id="__NAME__" role="group" aria-label="Sliders: a correlation and its parts"
 style="max-width:42rem;border:1px solid #8a939c;border-radius:6px;padding:0.75rem;
 background:#ffffff;color:#1d2329;color-scheme:light">
<div style="display:flex;flex-wrap:wrap;gap:1rem">
<svg viewBox="-6 -6 12 12" width="270" height="270" role="img"
 aria-label="Measured against predicted values of three groups" style="background:#f5f6f7"></svg>
<div style="flex:1 1 15rem">
<label style="display:block">correlation within countries
<input type="range" data-k="within" min="-0.9" max="0.9" step="0.05" value="0.3"
 style="width:100%"></label>
<label style="display:block">distance between countries
<input type="range" data-k="between" min="-3" max="3" step="0.1" value="1.5"
 style="width:100%"></label>
<p data-k="say" aria-live="polite" style="font-variant-numeric:tabular-nums"></p>
</div></div>
<script>
(() => {
  const root = document.getElementById("__NAME__"), c = __CONFIG__;
  const svg = root.querySelector("svg"), say = root.querySelector('[data-k="say"]');
  const input = k => root.querySelector('input[data-k="' + k + '"]');
  const f = x => (x < 0 ? "\\u2212" : "") + Math.abs(x).toFixed(2);
  const draw = () => {
    const w = +input("within").value, d = +input("between").value, s = Math.sqrt(1 - w * w);
    const pts = [];
    c.u.forEach((row, g) => row.forEach((u, i) => {
      pts.push([u + Math.abs(d) * (g - 1), w * u + s * c.v[g][i] + d * (g - 1), g]);
    }));
    const b = 2 * d * d / 3, share = b / (1 + b), sign = Math.sign(d);
    const inside = (1 - share) * w, among = share * sign, total = inside + among;
    svg.innerHTML = pts.map(p => '<circle r="0.13" fill-opacity="0.7" fill="' + c.colors[p[2]] +
      '" cx="' + p[0].toFixed(2) + '" cy="' + (-p[1]).toFixed(2) + '"/>').join("");
    say.innerHTML = "All plants together: <b>r = " + f(total) + "</b><br>" +
      "= " + f(inside) + " from within (a share of " + f(1 - share) + " \\u00d7 " + f(w) + ")<br>" +
      "+ " + f(among) + " from between (a share of " + f(share) + " \\u00d7 " + f(sign) + ")" +
      (total * w < 0 ? "<br><b>Reversed: each country says the opposite.</b>" : "");
  };
  ["within", "between"].forEach(k => input(k).addEventListener("input", draw));
  draw();
})();
</script>
<noscript>The sliders need JavaScript; the figure above shows three of their positions.</noscript>
</div>"""
