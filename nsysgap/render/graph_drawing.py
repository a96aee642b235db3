"""A CUDA graph as a picture: SVG, and an HTML page around it with zoom, search and folding. Nothing is fetched.

All names are escaped; the script of the page reads no names, it looks for text that is already in the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from nsysgap.drawing import Drawing, DrawnNode
from nsysgap.units import duration, printable, short_kernel_name

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 300, 46, 24, 22, 20
COLORS = {"kernel": "#e3eefc", "memcpy": "#fdeed3", "memset": "#f3e6f8"}
LONGEST_NAME = 40


@dataclass(frozen=True)
class Picture:
    """What to draw: a graph, the layer of each node, and the nodes that stand for several (number -> how many)."""

    drawing: Drawing
    layers: Mapping[int, int]
    repeats: Mapping[int, int]


def graph_svg(picture: Picture, title: str) -> str:
    """The graph as an SVG document: nodes from top to bottom, each layer side by side."""
    places = _places(picture)
    width = max((x for x, _ in places.values()), default=0) + WIDTH + EDGE
    height = max((y for _, y in places.values()), default=0) + HEIGHT + EDGE
    body = [*_fold_box(picture, places), *_edges(picture, places), *_nodes(picture, places)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f"<title>{_text(title)}</title>", _ARROW, *body, "</svg>", ""])


_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0L8,4L0,8z" fill="#667"/></marker></defs>'
)


def _places(picture: Picture) -> dict[int, tuple[int, int]]:
    """The upper left corner of each node; layers without nodes take no room."""
    rows: dict[int, list[int]] = {}
    for node in picture.drawing.nodes:
        rows.setdefault(picture.layers[node.number], []).append(node.number)
    widest = max((len(row) for row in rows.values()), default=1)
    found = {}
    for y, layer in enumerate(sorted(rows)):
        indent = (widest - len(rows[layer])) * (WIDTH + ACROSS) // 2
        for x, number in enumerate(sorted(rows[layer])):
            found[number] = (EDGE + indent + x * (WIDTH + ACROSS), EDGE + y * (HEIGHT + DOWN))
    return found


def _edges(picture: Picture, places: Mapping[int, tuple[int, int]]) -> list[str]:
    lines = []
    for a, b in picture.drawing.edges:
        (ax, ay), (bx, by) = places[a], places[b]
        ax, ay, bx, y = ax + WIDTH // 2, ay + HEIGHT, bx + WIDTH // 2, (ay + HEIGHT + by) // 2
        path = f"M{ax},{ay}L{bx},{by}" if ax == bx else f"M{ax},{ay}C{ax},{y} {bx},{y} {bx},{by}"
        lines.append(f'<path d="{path}" fill="none" stroke="#667" marker-end="url(#arrow)"/>')
    return lines


def _fold_box(picture: Picture, places: Mapping[int, tuple[int, int]]) -> list[str]:
    if not picture.repeats:
        return []
    corners = [places[number] for number in picture.repeats]
    left, top = min(x for x, _ in corners) - 8, min(y for _, y in corners) - 8
    right, bottom = max(x for x, _ in corners) + WIDTH + 8, max(y for _, y in corners) + HEIGHT + 8
    times = next(iter(picture.repeats.values()))
    size = f'width="{right - left}" height="{bottom - top}"'
    return [
        f'<rect x="{left}" y="{top}" {size} rx="8" fill="#f4f4f4" stroke="#999" stroke-dasharray="6 4"/>',
        f'<text x="{right - 6}" y="{top + 14}" text-anchor="end" font-weight="bold" fill="#555">&#215; {times}</text>',
    ]


def _nodes(picture: Picture, places: Mapping[int, tuple[int, int]]) -> list[str]:
    slowest = max((node.mean_ns or 0 for node in picture.drawing.nodes), default=0)
    return [line for node in picture.drawing.nodes for line in _node(node, places[node.number], slowest)]


def _node(node: DrawnNode, place: tuple[int, int], slowest: int) -> list[str]:
    x, y = place
    bar = round((WIDTH - 2) * (node.mean_ns or 0) / slowest) if slowest else 0
    name = printable(short_kernel_name(node.name) if node.kind == "kernel" else node.name, LONGEST_NAME)
    time = "" if node.mean_ns is None else duration(node.mean_ns)
    color = COLORS.get(node.kind, "#eee")
    return [
        f'<g class="node"><title>{_text(node.name)}</title>',
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="{color}" stroke="#889"/>',
        f'<rect x="{x + 1}" y="{y + HEIGHT - 4}" width="{bar}" height="3" fill="#c33"/>',
        f'<text x="{x + 8}" y="{y + 18}">{_text(name)}</text>',
        f'<text x="{x + 8}" y="{y + 35}" fill="#556">{_text(_facts(node))}</text>',
        f'<text x="{x + WIDTH - 8}" y="{y + 35}" text-anchor="end" fill="#a22">{_text(time)}</text></g>',
    ]


def _facts(node: DrawnNode) -> str:
    facts = [f"#{node.number}"]
    if node.grid is not None:
        facts.append("x".join(map(str, node.grid)))
    if node.block is not None:
        facts.append("x".join(map(str, node.block)))
    if node.shared:
        facts.append(f"{node.shared} B shared")
    return "  ".join(facts)


def _text(text: str) -> str:
    return escape(printable(text))


def graph_html(pictures: Sequence[tuple[str, Picture]], title: str, facts: Sequence[str]) -> str:
    """A page of its own: the first picture is shown, a menu shows the others (label, picture)."""
    drawn = [
        f'<div class="picture" data-number="{i}"{"" if i == 0 else " hidden"}>{graph_svg(picture, title)}</div>'
        for i, (_, picture) in enumerate(pictures)
    ]
    choices = "".join(f'<option value="{i}">{_text(label)}</option>' for i, (label, _) in enumerate(pictures))
    return _PAGE.format(
        title=_text(title),
        facts="".join(f"<p>{_text(fact)}</p>" for fact in facts),
        choices=choices,
        hide=" hidden" if len(pictures) < 2 else "",
        pictures="\n".join(drawn),
        script=_SCRIPT,
    )


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
 script-src 'unsafe-inline'">
<style>
body{{font-family:sans-serif;margin:0}}
header{{position:sticky;top:0;background:#fff;border-bottom:1px solid #ccc;padding:8px 16px;z-index:1}}
h1{{font-size:16px;margin:0 0 4px}} p{{margin:2px 0;color:#445;font-size:13px}}
.picture{{transform-origin:0 0}} .dim{{opacity:.2}} .found>rect:first-of-type{{stroke:#c33;stroke-width:3}}
</style></head><body>
<header><h1>{title}</h1>{facts}
<label{hide}>Show <select id="choice">{choices}</select></label>
<label>Search <input id="search" type="search" autocomplete="off"></label> <span id="hits"></span>
<button id="in">+</button> <button id="out">&#8722;</button> <button id="fit">1:1</button></header>
<main>
{pictures}
</main>
<script>{script}</script></body></html>
"""
_SCRIPT = """
"use strict";
const pictures = [...document.querySelectorAll(".picture")], search = document.getElementById("search");
let zoom = 1, shown = pictures[0];
function scale(to) {
  zoom = Math.min(4, Math.max(0.05, to));
  for (const one of pictures) {
    const svg = one.querySelector("svg"), box = svg.viewBox.baseVal;
    svg.setAttribute("width", box.width * zoom); svg.setAttribute("height", box.height * zoom);
  }
}
function find() {
  const wanted = search.value.toLowerCase();
  let hits = [];
  for (const node of shown.querySelectorAll(".node")) {
    const hit = wanted !== "" && node.textContent.toLowerCase().includes(wanted);
    node.classList.toggle("found", hit); node.classList.toggle("dim", wanted !== "" && !hit);
    if (hit) hits.push(node);
  }
  const number = hits.length + (hits.length === 1 ? " node" : " nodes");
  document.getElementById("hits").textContent = wanted === "" ? "" : number;
  if (hits.length) hits[0].scrollIntoView({block: "center", inline: "center"});
}
document.getElementById("choice").addEventListener("change", event => {
  shown = pictures[Number(event.target.value)];
  for (const one of pictures) one.hidden = one !== shown;
  find();
});
search.addEventListener("input", find);
document.getElementById("in").addEventListener("click", () => scale(zoom * 1.25));
document.getElementById("out").addEventListener("click", () => scale(zoom / 1.25));
document.getElementById("fit").addEventListener("click", () => scale(1));
document.addEventListener("wheel", event => {
  if (event.ctrlKey) { event.preventDefault(); scale(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1)); }
}, {passive: false});
"""
