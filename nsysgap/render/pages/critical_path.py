"""Critical paths as one HTML page: an icicle of process and loop, part, what it was spent on, memory, range or line."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from nsysgap.render.pages.flame_graph import Columns, Words, icicle, icicle_node, no_nodes
from nsysgap.units import duration, percent, printable

Document = Mapping[str, Any]
COLORS = {  # Okabe and Ito's
    "gpu": ("#009e73", "GPU work"),
    "between_ops": ("#8fd0bd", "between ops"),
    "launch_latency": ("#f0e442", "launch latency"),
    "launch_calls": ("#e69f00", "launch calls"),
    "other_calls": ("#d9a0c4", "other CUDA calls"),
    "sync_tail": ("#d55e00", "return from waits"),
    "host": ("#56b4e9", "host code"),
    "os_wait": ("#b5a6c9", "waiting in the OS"),
}


def critical_path_page(document: Document) -> str:
    """The page of a document "nsysgap.critical-path/1"."""
    made, paths = no_nodes(), document["paths"]
    total = sum(_positive(path) for path in paths)
    icicle_node(made, "root", "critical path", "", total, "#eeeeee", f"all of it: {duration(total)}", "")
    for number, path in enumerate(paths):
        _path(made, f"{number}", path, total)
    name = printable(PurePosixPath(document["report"]["path"]).name, 80)
    said = "What each loop waited for, every nanosecond once. Width is time. Click to zoom, the bar on top to go back."
    return icicle(made, Words(f"Critical path - {name}", said, "critical path", "names"), _legend(paths))


def _positive(path: Document) -> int:
    """A call that returned before its copy counts less than nothing, which no width can show."""
    return sum(row["ns"] for row in path["by"] if row["ns"] > 0)


def _path(made: Columns, node: str, path: Document, whole: int) -> None:
    loop = path["loop"] or "everything"
    label = f"{loop}, process {path['process']}"
    _node(made, node, label, "root", _positive(path), whole, "#dddddd", path["cure"])
    for part, (color, name) in COLORS.items():
        rows = [row for row in path["by"] if row["part"] == part and row["ns"] > 0]
        if not rows:
            continue
        above = f"{node}/{part}"
        _node(made, above, name, node, sum(row["ns"] for row in rows), whole, color, "")
        named: dict[str, list[Document]] = {}
        for row in rows:
            named.setdefault(row["name"], []).append(row)
        for place, (spent_on, mine) in enumerate(named.items()):
            below = f"{above}/{place}"
            _node(made, below, spent_on, above, sum(row["ns"] for row in mine), whole, color, "")
            for detail, row in enumerate(mine):
                if row["detail"]:
                    _node(made, f"{below}/{detail}", row["detail"], below, row["ns"], whole, color, "")


def _node(made: Columns, node: str, name: str, parent: str, ns: int, whole: int, color: str, more: str) -> None:
    label = html.escape(printable(name, 120), quote=False)
    hover = f"<b>{html.escape(printable(name, 160), quote=False)}</b><br>{duration(ns)}, {percent(ns, whole)}"
    if more:
        hover += f"<br>{html.escape(printable(more, 200), quote=False)}"
    icicle_node(made, node, label, parent, ns, color, hover, printable(name))


def _legend(paths: list[Document]) -> str:
    present = {row["part"] for path in paths for row in path["by"]}
    return "".join(
        f'<span><i style="background:{color}"></i>{html.escape(name)}</span>'
        for part, (color, name) in COLORS.items()
        if part in present
    )
