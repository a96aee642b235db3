"""Flame graphs of idle time and of critical paths: one HTML page, opened from disk, nothing loaded from elsewhere.

It is drawn by the timeline's own module (timeline/page/flame.js).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.bundle import asset, bundle, filled, hashed, head, inline, policy
from nsysgap.render.pages.markup import data_script
from nsysgap.units import count, duration, percent, printable

Document = Mapping[str, Any]
MOST_NODES = 10_000
"""Of a larger tree only the nodes with most time are in the page: their callers have no less, so none is cut off."""
MODULES = ("timeline/page/format.js", "timeline/page/flame.js", "page/flame_page.js")
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


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says: its title, a sentence, what all of it is ("idle time"), what to search."""

    title: str
    said: str
    whole: str
    searched: str


@dataclass(slots=True)
class Nodes:
    """The nodes of a flame graph as columns, parents before children. `parent`: numbers from 1, 0 for an outermost one.

    `text` stands on the node, `title` is what pointing at it shows, `sought` what searching looks at.
    """

    parent: list[int] = field(default_factory=list)
    total: list[int] = field(default_factory=list)
    color: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    sought: list[str] = field(default_factory=list)

    def add(self, parent: int, total: int, color: str, text: str, title: str, sought: str) -> int:
        """Add a node; its number."""
        self.parent.append(parent)
        self.total.append(total)
        self.color.append(color)
        self.text.append(printable(text, 300))
        self.title.append("\n".join(printable(line, 300) for line in title.split("\n")))
        self.sought.append(printable(sought))
        return len(self.parent)

    def columns(self) -> dict[str, Any]:
        """The columns by name."""
        return {name: getattr(self, name) for name in Nodes.__slots__}


def flame_page(nodes: Nodes, whole: int, words: Words, legend: Iterable[tuple[str, str]]) -> str:
    """A page with one flame graph of `whole` ns; `legend`: (colour, words)."""
    data = {
        "whole": whole,
        "what": words.whole,
        "legend": list(legend),
        "nodes": nodes.columns(),
    }
    style, script = asset("page/flame_page.css") + asset("timeline/page/icicle.css"), inline(bundle(MODULES))
    body = filled(
        asset("page/flame_page.html"),
        TITLE=html.escape(words.title),
        SAID=html.escape(words.said),
        SEARCHED=html.escape(words.searched),
        DATA=f"{data_script(data)}\n{script.tag}",
    )
    return head(words.title, style, policy(script.allow, hashed(style))) + body


def flame_graph_page(tree: Document) -> str:
    """The page of a tree document (frames, nodes as columns, total_ns): width is idle time, colour whose code it is."""
    title = f"Idle time by line - {printable(report_name(tree['path']), 80)}"
    nodes, left_out = _nodes(tree)
    without = f", without the {count(left_out)} smallest calls" if left_out else ""
    how = "Width is idle time; callers are above callees. Click a frame to zoom in, again to zoom out."
    present = {frame["kind"] for frame in tree["frames"]}
    legend = [(color, KIND_NAMES[kind]) for kind, color in COLORS.items() if kind in present]
    words = Words(title, f"{_said(tree)}{without}. {how}", "idle time", "functions and files")
    return flame_page(nodes, tree["total_ns"], words, legend)


def _said(tree: Document) -> str:
    causes = "all causes" if len(tree["causes"]) == 10 else ", ".join(tree["causes"])
    where = printable(f"{tree['path']}, only {tree['selection']}" if tree["selection"] else tree["path"])
    return f"{duration(tree['total_ns'])} of GPU idle time ({causes}) in {where}"


def _nodes(tree: Document) -> tuple[Nodes, int]:
    """(the nodes that are shown, how many are not)."""
    columns, made = tree["nodes"], Nodes()
    least = _least_shown(columns["total_ns"])
    number = {-1: 0}
    for i, value in enumerate(columns["total_ns"]):
        if value >= least and value > 0:
            frame = tree["frames"][columns["frame"][i]]
            line = f":{frame['line']}" if frame["line"] else ""
            name = f"{frame['function']} {frame['short'] or ''}{line}".strip()
            file = f"{frame['file']}{line}\n" if frame["file"] else ""
            time = f"{duration(value)}, {percent(value, tree['total_ns'])} of the idle time"
            own = f"{duration(columns['self_ns'][i])} in itself"
            seen = f"{count(columns['total_samples'][i])} stacks, {KIND_NAMES[frame['kind']]}"
            title = f"{frame['function']}\n{file}{time}; {own}\n{seen}"
            color = COLORS[frame["kind"]]
            number[i] = made.add(
                number[columns["parent"][i]], value, color, name, title, f"{name} {frame['file'] or ''}"
            )
    return made, len(columns["total_ns"]) + 1 - len(number)


def _least_shown(totals: list[int]) -> int:
    """The smallest total that is shown as a node of its own."""
    return sorted(totals, reverse=True)[MOST_NODES - 1] + 1 if len(totals) > MOST_NODES else 0
