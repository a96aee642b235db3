"""A CUDA graph as a picture: SVG, and an HTML page around it with zoom, search and folding. Nothing is fetched.

All names are escaped; the script of the page (page/graph.js) reads no names, it looks for text that is already there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import NamedTuple, TypeVar

from nsysgap.drawing import DrawnNode, Picture
from nsysgap.kernel_names import short_kernel_name
from nsysgap.render.pages.bundle import asset, bundle, filled, hashed, head, inline, policy
from nsysgap.render.pages.markup import text
from nsysgap.units import duration, printable

WIDTH, HEIGHT, ACROSS, DOWN, EDGE, GUTTER = 360, 46, 24, 22, 20, 72
LANE = 14
"""Where edges from other columns go down or up: so far to the left of their column."""
MOST_ACROSS = 8
"""A layer of more nodes than this goes on in the next row."""
ONE_COLUMN = 24
"""More rows than this stand in columns side by side, so that the whole is about as wide as a screen is: 16 to 10."""
T = TypeVar("T")
COLORS = {"kernel": "#e3eefc", "memcpy": "#fdeed3", "memset": "#f3e6f8"}
LONGEST_NAME = 40


class _Corner(NamedTuple):
    """The upper left corner of a node, and the left edge and number of the column that it stands in."""

    x: int
    y: int
    column: int
    left: int


def graph_svg(picture: Picture, title: str, number: int = 0) -> str:
    """The graph as an SVG document: nodes from top to bottom, each layer side by side, long graphs in columns.

    `number` tells the pictures of one page apart.
    """
    corners = _corners(picture)
    width = max((corner.x for corner in corners.values()), default=0) + WIDTH + (GUTTER if picture.repeats else EDGE)
    height = max((corner.y for corner in corners.values()), default=0) + HEIGHT + EDGE
    body = [*_fold_boxes(picture, corners), *_edges(picture, corners, number), *_nodes(picture, corners)]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([opening, f"<title>{text(title)}</title>", _ARROW.format(number=number), *body, "</svg>", ""])


_ARROW = (
    '<defs><marker id="arrow{number}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0,0L8,4L0,8z" fill="#667"/></marker></defs>'
)


def _cut(things: Sequence[T], size: int) -> list[tuple[T, ...]]:
    return [tuple(things[i : i + size]) for i in range(0, len(things), size)]


def _rows(picture: Picture) -> list[tuple[int, ...]]:
    """The nodes row by row: a layer is a row, a wide one several; layers without nodes take no room."""
    layers: dict[int, list[int]] = {}
    for node in picture.drawing.nodes:
        layers.setdefault(picture.layers[node.number], []).append(node.number)
    return [row for layer in sorted(layers) for row in _cut(sorted(layers[layer]), MOST_ACROSS)]


def _columns(rows: Sequence[tuple[int, ...]]) -> list[tuple[tuple[int, ...], ...]]:
    """The rows cut into columns."""
    if len(rows) <= ONE_COLUMN:
        return [tuple(rows)]
    widest = max(len(row) for row in rows)
    wanted = sqrt(1.6 * len(rows) * (HEIGHT + DOWN) / (widest * (WIDTH + ACROSS) + GUTTER))
    return _cut(rows, ceil(len(rows) / max(1, round(wanted))))


def _corners(picture: Picture) -> dict[int, _Corner]:
    corners, left = {}, EDGE
    for column, rows in enumerate(_columns(_rows(picture))):
        widest = max((len(row) for row in rows), default=1)
        for y, row in enumerate(rows):
            indent = (widest - len(row)) * (WIDTH + ACROSS) // 2
            for x, number in enumerate(row):
                corner = (left + indent + x * (WIDTH + ACROSS), EDGE + y * (HEIGHT + DOWN))
                corners[number] = _Corner(*corner, column, left)
        left += widest * (WIDTH + ACROSS) - ACROSS + GUTTER
    return corners


def _edges(picture: Picture, corners: Mapping[int, _Corner], number: int) -> list[str]:
    return [
        f'<path d="{_path(corners[a], corners[b])}" fill="none" stroke="#667" marker-end="url(#arrow{number})"/>'
        for a, b in picture.drawing.edges
    ]


def _path(a: _Corner, b: _Corner) -> str:
    """The way of an edge: to another column between the rows, and up or down between the columns."""
    ax, ay, bx, by = a.x + WIDTH // 2, a.y + HEIGHT, b.x + WIDTH // 2, b.y
    if a.column != b.column:
        half = DOWN // 2
        return f"M{ax},{ay}V{ay + half}H{b.left - LANE}V{by - half}H{bx}V{by}"
    middle = (ay + by) // 2
    return f"M{ax},{ay}L{bx},{by}" if ax == bx else f"M{ax},{ay}C{ax},{middle} {bx},{middle} {bx},{by}"


def _fold_boxes(picture: Picture, corners: Mapping[int, _Corner]) -> list[str]:
    """A frame around the folded nodes of each column, with how many there are of them beside the first frame."""
    columns: dict[int, list[_Corner]] = {}
    for number in picture.repeats:
        columns.setdefault(corners[number].column, []).append(corners[number])
    lines: list[str] = []
    for column in sorted(columns):
        framed = columns[column]
        left, top = min(corner.x for corner in framed) - 8, min(corner.y for corner in framed) - 8
        right, bottom = max(corner.x for corner in framed) + WIDTH + 8, max(corner.y for corner in framed) + HEIGHT + 8
        size = f'width="{right - left}" height="{bottom - top}"'
        lines.append(f'<rect x="{left}" y="{top}" {size} rx="8" fill="#eee" stroke="#999" stroke-dasharray="6 4"/>')
        if len(lines) == 1:
            times = next(iter(picture.repeats.values()))
            lines.append(f'<text x="{right + 4}" y="{top + 18}" font-size="16" font-weight="bold">&#215;{times}</text>')
    return lines


def _nodes(picture: Picture, corners: Mapping[int, _Corner]) -> list[str]:
    slowest = max((node.mean_ns or 0 for node in picture.drawing.nodes), default=0)
    return [line for node in picture.drawing.nodes for line in _node(node, corners[node.number], slowest)]


def _node(node: DrawnNode, corner: _Corner, slowest: int) -> list[str]:
    x, y = corner.x, corner.y
    bar = round((WIDTH - 2) * (node.mean_ns or 0) / slowest) if slowest else 0
    name = printable(short_kernel_name(node.name) if node.kind == "kernel" else node.name, LONGEST_NAME)
    time = "" if node.mean_ns is None else duration(node.mean_ns)
    color = COLORS.get(node.kind, "#eee")
    return [
        f'<g class="node"><title>{text(node.name)}</title>',
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="{color}" stroke="#889"/>',
        f'<rect x="{x + 1}" y="{y + HEIGHT - 4}" width="{bar}" height="3" fill="#c33"/>',
        f'<text x="{x + 8}" y="{y + 18}">{text(name)}</text>',
        f'<text x="{x + 8}" y="{y + 35}" fill="#556">{text(_facts(node))}</text>',
        f'<text x="{x + WIDTH - 8}" y="{y + 35}" text-anchor="end" fill="#a22">{text(time)}</text></g>',
    ]


def _facts(node: DrawnNode) -> str:
    facts = [f"#{node.label}"]
    if node.grid is not None:
        facts.append("x".join(map(str, node.grid)))
    if node.block is not None:
        facts.append("x".join(map(str, node.block)))
    if node.shared:
        facts.append(f"{node.shared} B shared")
    return "  ".join(facts)


def graph_html(pictures: Sequence[tuple[str, Picture]], title: str, facts: Sequence[str]) -> str:
    """A page of its own: the first picture is shown, a menu shows the others (label, picture)."""
    drawn = [
        f'<div class="picture" data-number="{i}"{"" if i == 0 else " hidden"}>{graph_svg(picture, title, i)}</div>'
        for i, (_, picture) in enumerate(pictures)
    ]
    choices = "".join(f'<option value="{i}">{text(label)}</option>' for i, (label, _) in enumerate(pictures))
    style, script = asset("page/graph.css"), inline(bundle(("page/graph.js",)))
    body = filled(
        asset("page/graph.html"),
        TITLE=text(title),
        FACTS="".join(f"<p>{text(fact)}</p>" for fact in facts),
        CHOICES=choices,
        HIDE="hidden" if len(pictures) < 2 else "",
        PICTURES="\n".join(drawn),
        SCRIPT=script.tag,
    )
    return head(title, style, policy(script.allow, hashed(style))) + body
