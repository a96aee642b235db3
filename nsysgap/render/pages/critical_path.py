"""Critical paths as one HTML page: an icicle of process and loop, part, what it was spent on, memory, range or line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.flame_graph import Nodes, Words, flame_page
from nsysgap.render.pages.path_colors import COLORS
from nsysgap.units import duration, percent, printable

Document = Mapping[str, Any]


def critical_path_page(document: Document) -> str:
    """The page of a document "nsysgap.critical-path/1"."""
    nodes, whole, legend = path_nodes(document)
    name = printable(report_name(document["report"]["path"]), 80)
    said = "What each loop waited for, every nanosecond once. Width is time. Click to zoom in, again to zoom out."
    return flame_page(nodes, whole, Words(f"Critical path - {name}", said, "critical path", "names"), legend)


def path_nodes(document: Document) -> tuple[Nodes, int, list[tuple[str, str]]]:
    """The flame graph of such a document: (nodes, ns of all of them, what its colours mean)."""
    nodes, paths = Nodes(), document["paths"]
    whole = sum(_positive(path) for path in paths)
    for path in paths:
        _path(nodes, path, whole)
    present = {row["part"] for path in paths for row in path["by"]}
    return nodes, whole, [shown for part, shown in COLORS.items() if part in present]


def _positive(path: Document) -> int:
    """A call that returned before its copy counts less than nothing, which no width can show."""
    return sum(row["ns"] for row in path["by"] if row["ns"] > 0)


def _path(nodes: Nodes, path: Document, whole: int) -> None:
    loop = path["loop"] or "everything"
    label = f"{loop}, process {path['process']}"
    top = _node(nodes, label, 0, _positive(path), whole, "#dddddd", path["cure"])
    for part, (color, name) in COLORS.items():
        rows = [row for row in path["by"] if row["part"] == part and row["ns"] > 0]
        if not rows:
            continue
        above = _node(nodes, name, top, sum(row["ns"] for row in rows), whole, color, "")
        named: dict[str, list[Document]] = {}
        for row in rows:
            named.setdefault(row["name"], []).append(row)
        for spent_on, mine in named.items():
            below = _node(nodes, spent_on, above, sum(row["ns"] for row in mine), whole, color, "")
            for row in mine:
                if row["detail"]:
                    _node(nodes, row["detail"], below, row["ns"], whole, color, "")


def _node(nodes: Nodes, name: str, parent: int, ns: int, whole: int, color: str, more: str) -> int:
    title = "\n".join(filter(None, (name, f"{duration(ns)}, {percent(ns, whole)}", more)))
    return nodes.add(parent, ns, color, name, title, name)
