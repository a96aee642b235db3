"""How CUDA graphs came to be: the API call during which each node was created, and what it says of graph and node."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.replays import NODE_MASK, graph_of
from nsysgap.analysis.relations.calls import CAPTURED, GRAPH_CLONES, NODE_ADDS, created_node
from nsysgap.arrays import distinct
from nsysgap.tables import NONE, Table, Trace

MOST_NESTED = 9
"""So many calls back on its thread the one around a node's creation is looked for: those begun later have ended."""
Key = tuple[int, int]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Build:
    """How the nodes of one graph came to be: "captured", "explicit", "cloned" or "unknown".

    `kinds`: node number -> kind, as the creating calls name it; `start`, `end`: first and last node's creation, ns.
    """

    how: str
    kinds: dict[int, str]
    start: int
    end: int


def creating_calls(trace: Trace, nodes: Table) -> NDArray[np.int32]:
    """Row of api of the innermost call around each node's creation on its thread, -1 without one: shape (nodes,)."""
    api = trace.api
    creating = np.full(nodes.rows, NONE, np.int32)
    for thread in distinct(nodes["thread"][nodes["thread"] != NONE]).tolist():
        calls, mine = np.flatnonzero(api["thread"] == thread), np.flatnonzero(nodes["thread"] == thread)
        if not len(calls):
            continue
        time, end = nodes["time"][mine], api["end"][calls]
        candidate = np.searchsorted(api["start"][calls], time, side="right") - 1
        for _ in range(MOST_NESTED - 1):
            candidate -= (candidate >= 0) & (end[candidate] < time)
        around = (candidate >= 0) & (end[candidate] >= time)
        creating[mine[around]] = calls[candidate[around]]
    return creating


def builds(trace: Trace, nodes: Table, calls: NDArray[np.int32], copies: set[Key]) -> dict[Key, Build]:
    """(process, graph) -> its build, for the graphs that are nobody's copy. `calls`: as `creating_calls`."""
    process, graph = nodes["process"].tolist(), graph_of(nodes["node"]).tolist()
    rows_by_key: dict[Key, list[int]] = {}
    for row in np.flatnonzero(nodes["original"] == 0).tolist():
        key = (process[row], graph[row])
        if key not in copies:
            rows_by_key.setdefault(key, []).append(row)
    return {key: _build(trace, nodes, calls, rows) for key, rows in rows_by_key.items()}


def _build(trace: Trace, nodes: Table, calls: NDArray[np.int32], rows: list[int]) -> Build:
    names = ["" if call == NONE else trace.name(int(trace.api["name"][call])) for call in calls[rows].tolist()]
    told = (_how(name) for name, _ in Counter(names).most_common())
    how = next((way for way in told if way != "unknown"), "unknown")
    numbers = (nodes["node"][rows] & NODE_MASK).tolist()
    time = nodes["time"][rows]
    return Build(how, dict(zip(numbers, map(created_node, names), strict=True)), int(time.min()), int(time.max()))


def _how(call: str) -> str:
    """What a call that created a node says of the graph."""
    if call in NODE_ADDS:
        return "explicit"
    if call in GRAPH_CLONES:
        return "cloned"
    return "captured" if call in CAPTURED else "unknown"


def copying_calls(nodes: Table, calls: NDArray[np.int32]) -> dict[Key, int]:
    """(process, graph) -> row of api of the call that made it a copy of another graph, -1 unknown."""
    rows = np.flatnonzero(nodes["original"] != 0)
    process, graph = nodes["process"][rows].tolist(), graph_of(nodes["node"][rows]).tolist()
    copied_by: dict[Key, int] = {}
    for key, call in zip(zip(process, graph, strict=True), calls[rows].tolist(), strict=True):
        if copied_by.get(key, NONE) == NONE:
            copied_by[key] = call
    return copied_by
