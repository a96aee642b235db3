"""`nsysgap calibrate` as text: what was measured, beside the usual costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from nsysgap.render.text.console import add, table
from nsysgap.units import duration, printable

Document = Mapping[str, Any]
HOW = {"nsys": "nsys", "graph": "whole", "plain": "plain"}
GAPS = ("gap of two kernels", "gap of one kernel", "gap at a copy")
DIRECTIONS = ("to the GPU", "from it")
LEGEND = (
    "nsys: graphs traced by node; whole: as a whole. n: the graph's nodes. Gaps are from node to node; a negative one: "
    "a node begins before the one before has ended."
)


def calibrate_blocks(document: Document, usual: Document) -> Iterable[RenderableType]:
    """All blocks. `document`, `usual`: "nsysgap.calibration/1" of this machine, and what predictions rest on else."""
    driver = f", driver {printable(document['driver'], 30)}" if document["driver"] else ""
    head = Text(f"{printable(document['gpu'], 60)}{driver}, nsys {printable(document['nsys'], 30)}", style="bold")
    yield head
    made = table("<cost", "<", "measured", "usual")
    for key, name in (("graph_call", "graph launch call"), ("graph_latency", "to its first node")):
        for how, said in HOW.items():
            if how in document[key]:
                add(made, name, said, _line(document[key][how]), _line(usual[key].get(how)))
    for how in ("nsys", "plain"):
        for index, name in enumerate(GAPS):
            measured, known = document["node_gaps"][how][index], usual["node_gaps"][how][index]
            add(made, name, how, f"{measured:,} ns", f"{known:,} ns")
    less, known = document["plain_queue_gap"], usual["plain_queue_gap"]
    add(made, "queue gap, less by", "plain", f"{less:,} ns", f"{known:,} ns")
    for key, name in (("pinned_rate", "pinned"), ("pageable_rate", "pageable")):
        for way, rate in zip(DIRECTIONS, document[key] or (), strict=False):
            add(made, f"{name} {way}", "plain", f"{rate:.1f} GB/s", "-")
    yield made
    yield Text(LEGEND, style="dim")


def _line(values: tuple[int, int] | None) -> str:
    if values is None:
        return "-"
    return duration(values[0]) + (f" + {values[1]:,} ns x n" if values[1] else "")
