"""The flame graph of idle time: one HTML page with a Plotly icicle, opened from disk, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from nsysgap.units import count, duration, percent, printable

Document = Mapping[str, Any]
MOST_NODES = 3_000
COLORS = {  # Okabe and Ito's, told apart by the colour-blind too
    "program": "#e69f00",
    "framework": "#56b4e9",
    "library": "#009e73",
    "native": "#b5a6c9",
    None: "#c8c8c8",
}
KIND_NAMES = {
    "program": "the program's own code",
    "framework": "framework (PyTorch, CuPy, CUDA, ...)",
    "library": "other libraries",
    "native": "system, native",
    None: "no stack",
}
Columns = dict[str, list[Any]]


def icicle_page(tree: Document) -> str:
    """The page of a tree document (frames, nodes as columns, total_ns): width is idle time, colour is whose code it is.

    Nodes too small to be seen are merged per parent, so that the widths still sum up.
    """
    title = f"Idle time by line - {printable(PurePosixPath(tree['path']).name, 80)}"
    how = "Width is idle time; callers are above callees. Click a frame to zoom, the bar on top to go back."
    said = f"{_said(tree)}. {how}"
    return icicle(_columns(tree), Words(title, said, "idle time", "functions and files"), _legend(tree))


@dataclass(frozen=True, slots=True)
class Words:
    """What a page of an icicle says: its title, a sentence, what all of it is ("idle time"), what to search."""

    title: str
    said: str
    whole: str
    searched: str


def icicle(columns: Columns, words: Words, legend: str) -> str:
    """A page with one icicle. `columns`: as `icicle_node` fills them, the root first; `legend`: HTML."""
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), _SCRIPT]
    policy = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    told = {**columns, "whole": words.whole}
    data = json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    page = _PAGE.replace("POLICY", policy).replace("SEARCHED", html.escape(words.searched)).replace("LEGEND", legend)
    page = page.replace("TITLE", html.escape(words.title)).replace("SAID", html.escape(words.said))
    head, tail = page.split("<!-- SCRIPTS -->")
    parts = [head, f'<script type="application/json" id="data">{data}</script>\n']
    parts += [f"<script>{script}</script>\n" for script in scripts]
    return "".join([*parts, tail])


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _said(tree: Document) -> str:
    causes = "all causes" if len(tree["causes"]) == 10 else ", ".join(tree["causes"])
    where = printable(f"{tree['path']}, only {tree['selection']}" if tree["selection"] else tree["path"])
    return f"{duration(tree['total_ns'])} of GPU idle time ({causes}) in {where}"


def _legend(tree: Document) -> str:
    present = {frame["kind"] for frame in tree["frames"]}
    return "".join(
        f'<span><i style="background:{color}"></i>{html.escape(KIND_NAMES[kind])}</span>'
        for kind, color in COLORS.items()
        if kind in present
    )


def _columns(tree: Document) -> Columns:
    """Plotly's columns of the nodes that are shown: ids, labels, parents, values, colors, hover; the root first."""
    nodes, total = tree["nodes"], tree["total_ns"]
    least = _least_shown(nodes["total_ns"])
    made = no_nodes()
    icicle_node(made, "root", "idle time", "", total, "#eeeeee", f"all idle time: {duration(total)}", "")
    merged: dict[str, list[int]] = {}
    for i, (parent, frame, value) in enumerate(zip(nodes["parent"], nodes["frame"], nodes["total_ns"], strict=True)):
        above = "root" if parent < 0 else str(parent)
        if value >= least and value > 0:
            one = tree["frames"][frame]
            hover = _hover(one, value, nodes["self_ns"][i], nodes["total_samples"][i], total)
            icicle_node(made, str(i), _label(one), above, value, COLORS[one["kind"]], hover, _name(one))
        elif parent < 0 or nodes["total_ns"][parent] >= least:
            rest = merged.setdefault(above, [0, 0])
            rest[0] += value
            rest[1] += 1
    for above, (value, number) in merged.items():
        if value:
            said = f"{count(number)} smaller: {duration(value)}, {percent(value, total)}"
            icicle_node(made, f"rest-{above}", f"({count(number)} smaller)", above, value, COLORS[None], said, "")
    return made


def no_nodes() -> Columns:
    """Plotly's columns of an icicle, empty."""
    return {key: [] for key in ("ids", "labels", "parents", "values", "colors", "hover", "names")}


def icicle_node(
    made: Columns, node: str, label: str, parent: str, value: int, color: str, hover: str, name: str
) -> None:
    """Add a node; `label` and `hover` are HTML, `name` is what searching looks at."""
    for key, one in zip(made, (node, label, parent, value, color, hover, name), strict=True):
        made[key].append(one)


def _least_shown(totals: list[int]) -> int:
    """The smallest total that is shown as a node of its own."""
    return sorted(totals, reverse=True)[MOST_NODES - 1] + 1 if len(totals) > MOST_NODES else 0


def _name(frame: Document) -> str:
    line = f":{frame['line']}" if frame["line"] else ""
    return printable(f"{frame['function']} {frame['short'] or ''}{line}".strip())


def _label(frame: Document) -> str:
    """Plotly reads tags and entities in texts: escaped, they are shown as they are."""
    return html.escape(printable(_name(frame), 120), quote=False)


def _hover(frame: Document, total: int, own: int, samples: int, whole: int) -> str:
    line = f":{frame['line']}" if frame["line"] else ""
    lines = [f"<b>{html.escape(printable(frame['function'], 160), quote=False)}</b>"]
    if frame["file"]:
        lines.append(html.escape(printable(frame["file"], 160) + line, quote=False))
    lines.append(f"{duration(total)}, {percent(total, whole)} of the idle time; {duration(own)} in itself")
    lines.append(f"{count(samples)} stacks, {KIND_NAMES[frame['kind']]}")
    return "<br>".join(lines)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src POLICY; style-src 'unsafe-inline'; img-src data: blob:">
<title>TITLE</title>
<style>
body { margin: 0; font: 14px/1.4 system-ui, sans-serif; color: #222; background: #fff; min-height: 100vh; display: flex;
  flex-direction: column; }
header { padding: 10px 16px 6px; border-bottom: 1px solid #ddd; }
h1 { font-size: 16px; margin: 0 0 2px; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin-top: 6px; }
.tools span { white-space: nowrap; }
.tools i { display: inline-block; width: 11px; height: 11px; margin-right: 5px; border-radius: 2px; }
input { font: inherit; padding: 3px 6px; width: 26em; }
button { font: inherit; padding: 3px 10px; }
#plot { flex: 1; }
#found:not(:empty) { color: #555; min-width: 14em; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b; } header { border-color: #444; }
  #found:not(:empty) { color: #aaa; } }
</style>
</head>
<body>
<header>
<h1>TITLE</h1>
<div>SAID</div>
<div class="tools">
<input id="search" type="search" placeholder="Search SEARCHED (regular expression)" aria-label="Search">
<button type="button" id="reset">Reset</button>
<span id="found" role="status"></span>
LEGEND
</div>
</header>
<div id="plot"></div>
<!-- SCRIPTS -->
</body>
</html>
"""
_SCRIPT = """
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const plot = document.getElementById("plot");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const back = dark ? "#1b1b1b" : "#ffffff";
  const place = new Map(data.ids.map((id, i) => [id, i]));
  const depth = [];
  data.parents.forEach((parent, i) => { depth[i] = parent === "" ? 1 : depth[place.get(parent)] + 1; });
  const deepest = depth.reduce((most, one) => Math.max(most, one), 1);
  plot.style.minHeight = `${24 * deepest + 60}px`;
  const trace = {
    type: "icicle", ids: data.ids, labels: data.labels, parents: data.parents, values: data.values,
    branchvalues: "total", customdata: data.hover, hovertemplate: "%{customdata}<extra></extra>",
    marker: { colors: data.colors, line: { width: 0.5, color: back } }, tiling: { orientation: "v" },
    root: { color: "#eeeeee" }, leaf: { opacity: 1 }, pathbar: { visible: true, thickness: 22 }, sort: false,
    textfont: { color: "#111111", size: 12 }, textposition: "middle left",
  };
  const layout = {
    margin: { l: 8, r: 8, t: 30, b: 8 }, paper_bgcolor: back, plot_bgcolor: back,
    uniformtext: { minsize: 10, mode: "hide" },
  };
  Plotly.newPlot(plot, [trace], layout, { responsive: true, displaylogo: false });
  const found = document.getElementById("found");
  const search = document.getElementById("search");

  function matching(text) {
    try { return new RegExp(text, "i"); } catch { return null; }
  }

  function show(text) {
    const pattern = text ? matching(text) : null;
    found.textContent = text && !pattern ? "not a regular expression" : "";
    if (!pattern) { Plotly.restyle(plot, { "marker.colors": [data.colors] }); return; }
    const hit = data.names.map((name) => name !== "" && pattern.test(name));
    let sum = 0, frames = 0;
    for (let i = 0; i < hit.length; i += 1) {
      if (!hit[i]) continue;
      frames += 1;
      let above = place.get(data.parents[i]);
      while (above !== undefined && !hit[above]) above = place.get(data.parents[above]);
      if (above === undefined) sum += data.values[i];
    }
    const share = data.values[0] ? (100 * sum / data.values[0]).toFixed(1) : "0.0";
    found.textContent = `${frames} frames, ${share} % of the ${data.whole}`;
    Plotly.restyle(plot, { "marker.colors": [data.colors.map((color, i) => (hit[i] ? "#d6336c" : color + "55"))] });
  }

  search.addEventListener("input", () => show(search.value));
  document.getElementById("reset").addEventListener("click", () => {
    search.value = "";
    show("");
    Plotly.restyle(plot, { level: ["root"] });
  });
})();
"""
