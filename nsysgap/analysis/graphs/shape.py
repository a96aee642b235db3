"""The shape of a graph: edges from the replays where no DOT file tells them, layers to draw, repeats to fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.node_times import NodeTimes
from nsysgap.analysis.graphs.overview import GraphEntry, shared_bytes, size_of
from nsysgap.analysis.graphs.replays import Replays
from nsysgap.drawing import Drawing, DrawnNode
from nsysgap.tables import OP_KINDS, Table, Trace
from nsysgap.units import counted

MOST_REPLAYS = 64
MOST_NODES = 3000
"""More nodes than this are drawn in the order of their starts: comparing all pairs would take too long."""
LEAST_REPEATS = 3
Mask = NDArray[np.bool_]


def drawing_from_replays(trace: Trace, entry: GraphEntry, details: Table) -> Drawing | None:
    """The graph as its replays show it; None for a graph that never ran node by node.

    An edge a -> b: in every replay looked at b started after a had ended, and no third node lies between the two so.
    That is the order seen: it holds every dependency, and also orders that merely always happened.
    """
    if entry.replays is None or entry.times is None:
        return None
    nodes = tuple(_drawn(trace, entry.times, details, i) for i in range(len(entry.times.node)))
    start, end = _times(entry.replays, entry.times)
    looked = len(start)
    edges = _reduced(start, end) if len(nodes) <= MOST_NODES else _in_order(start)
    numbers = entry.times.node
    pairs = tuple((int(numbers[a]), int(numbers[b])) for a, b in edges)
    return Drawing(nodes, pairs, f"the order and overlap seen in {counted(looked, 'replay', 'replays')}")


def with_times(drawing: Drawing, trace: Trace, entry: GraphEntry | None, details: Table) -> Drawing:
    """A drawing from a DOT file with names, sizes and times of the report's nodes of the same number, kind, grid."""
    if entry is None or entry.times is None:
        return drawing
    seen = {int(node): i for i, node in enumerate(entry.times.node)}
    nodes = []
    for node in drawing.nodes:
        drawn = _drawn(trace, entry.times, details, seen[node.number]) if node.number in seen else node
        same = drawn.kind == node.kind and (drawn.grid is None or node.grid is None or drawn.grid == node.grid)
        nodes.append(drawn if same else node)
    return replace(drawing, nodes=tuple(nodes))


def matching_entry(drawing: Drawing, entries: list[GraphEntry]) -> GraphEntry | None:
    """The graph of the report that a DOT file shows: the one with as many nodes, the most replayed of several."""
    same = [entry for entry in entries if entry.node_count == len(drawing.nodes) and entry.times is not None]
    return same[0] if same else None


def _drawn(trace: Trace, times: NodeTimes, details: Table, i: int) -> DrawnNode:
    op = int(times.op[i])
    kind = OP_KINDS[trace.ops["kind"][op]]
    grid, block = (size_of(details, name, op) for name in ("grid", "block"))
    shared = shared_bytes(details, op) if kind == "kernel" else None
    name = trace.name(int(trace.ops["name"][op]))
    return DrawnNode(int(times.node[i]), kind, name, grid, block, shared, round(float(times.mean[i])))


def _times(replays: Replays, times: NodeTimes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First start and last end of each node, shape (replays looked at, nodes): replays of all nodes only.

    A node in the body of a loop runs several times in a replay.
    """
    ops, nodes = replays.trace.ops, len(times.node)
    bounds = np.append(replays.heads, len(replays.ops))
    starts: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows = low + np.argsort(replays.node[low:high], kind="stable")
        own = np.flatnonzero(np.diff(replays.node[rows], prepend=-1))
        if len(own) == nodes:
            starts.append(np.minimum.reduceat(ops["start"][replays.ops[rows]], own))
            ends.append(np.maximum.reduceat(ops["end"][replays.ops[rows]], own))
        if len(starts) == MOST_REPLAYS:
            break
    if not starts:
        return np.zeros((0, nodes), np.int64), np.zeros((0, nodes), np.int64)
    return np.array(starts), np.array(ends)


def _reduced(start: NDArray[np.int64], end: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The pairs in order in every replay, without those that follow from others."""
    nodes = start.shape[1]
    if not len(start):
        return []
    before = np.ones((nodes, nodes), np.bool_)
    for starts, ends in zip(start, end, strict=True):
        before &= ends[:, None] <= starts[None, :]
    before &= ~before.T  # zero-length ops at one moment have no order
    step = before.astype(np.float32)
    implied = step @ step > 0
    a, b = np.nonzero(before & ~implied)
    return list(zip(a.tolist(), b.tolist(), strict=True))


def _in_order(start: NDArray[np.int64]) -> list[tuple[int, int]]:
    order = np.argsort(np.median(start, axis=0), kind="stable").tolist() if len(start) else []
    return list(pairwise(order))


def layers(drawing: Drawing) -> dict[int, int]:
    """The layer of each node: the length of the longest way to it. Edges that would close a circle are left out."""
    after: dict[int, list[int]] = {node.number: [] for node in drawing.nodes}
    waiting = dict.fromkeys(after, 0)
    for a, b in drawing.edges:
        after[a].append(b)
        waiting[b] += 1
    layer = dict.fromkeys(after, 0)
    ready = [node for node, number in waiting.items() if not number]
    while ready:
        node = ready.pop()
        for following in after[node]:
            layer[following] = max(layer[following], layer[node] + 1)
            waiting[following] -= 1
            if not waiting[following]:
                ready.append(following)
    return layer


@dataclass(frozen=True)
class Fold:
    """`repeats` times the same `nodes` one after the other: numbers of the first repeat's nodes and of all."""

    repeats: int
    first: tuple[int, ...]
    all: tuple[int, ...]


def find_fold(drawing: Drawing) -> Fold | None:
    """The repeated part that hides most nodes when it is shown once: layers of a model, steps of a loop.

    Nodes are compared by kind, name, grid and block in the order of their layers and numbers; the shortest repeat
    counts. None if nothing repeats at least three times.
    """
    depth = layers(drawing)
    ordered = sorted(drawing.nodes, key=lambda node: (depth[node.number], node.number))
    signs: dict[tuple[object, ...], int] = {}
    codes = np.array([signs.setdefault(_sign(node), len(signs)) for node in ordered], np.int64)
    depths = np.array([depth[node.number] for node in ordered], np.int64)
    best: tuple[int, int, int] | None = None  # hidden nodes, begin, period
    for period in range(1, len(codes) // LEAST_REPEATS + 1):
        begin, length = _longest_run(codes[period:] == codes[:-period])
        # A run of this length hides at most as many nodes: most periods need no closer look.
        if length < (LEAST_REPEATS - 1) * period or (best is not None and length <= best[0]):
            continue
        begin, repeats = _one_after_the_other(depths, begin, length + period, period)
        if repeats >= LEAST_REPEATS and (best is None or (repeats - 1) * period > best[0]):
            best = ((repeats - 1) * period, begin, period)
    if best is None:
        return None
    hidden, begin, period = best
    numbers = [node.number for node in ordered]
    return Fold(
        hidden // period + 1, tuple(numbers[begin : begin + period]), tuple(numbers[begin : begin + hidden + period])
    )


def _one_after_the_other(depths: NDArray[np.int64], begin: int, length: int, period: int) -> tuple[int, int]:
    """(begin, repeats) within a run so that every repeat begins on a deeper layer than the one before ends on."""
    best = (begin, 0)
    for shift in range(min(period, length)):
        repeats = (length - shift) // period
        if repeats <= best[1]:
            break
        edges = begin + shift + period * np.arange(1, repeats)
        wrong = np.flatnonzero(depths[edges] <= depths[edges - 1])
        repeats = int(wrong[0]) + 1 if len(wrong) else repeats
        if repeats > best[1]:
            best = (begin + shift, repeats)
    return best


def _sign(node: DrawnNode) -> tuple[object, ...]:
    return node.kind, node.name, node.grid, node.block


def _longest_run(equal: Mask) -> tuple[int, int]:
    """(begin, length) of the longest run of true values, the first of equals."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], equal.astype(np.int8), [0]))))
    if not len(edges):
        return 0, 0
    begins, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest] - begins[longest])


def folded(drawing: Drawing, fold: Fold) -> Drawing:
    """The drawing with the repeats shown once: times are the mean over the repeats, names say how many there are."""
    period = len(fold.first)
    standing = {number: fold.first[i % period] for i, number in enumerate(fold.all)}
    times: dict[int, list[int]] = {}
    for node in drawing.nodes:
        if node.mean_ns is not None:
            times.setdefault(standing.get(node.number, node.number), []).append(node.mean_ns)
    kept = [node for node in drawing.nodes if standing.get(node.number, node.number) == node.number]
    nodes = tuple(
        replace(node, mean_ns=sum(times[node.number]) // len(times[node.number])) if node.number in times else node
        for node in kept
    )
    depth = layers(drawing)
    edges = {(standing.get(a, a), standing.get(b, b)) for a, b in drawing.edges}
    forward = {(a, b) for a, b in edges if a != b and depth[a] < depth[b]}
    return Drawing(nodes, tuple(sorted(forward)), drawing.source)
