"""Which CUDA graph each op belongs to, and its replays.

The executable graph of an op is the upper 32 bits of its graphNodeId; CUDA_GRAPH_NODE_EVENTS leads from the copy that
instantiation makes of a node back to the node that the program captured or added. The body of a conditional node (IF,
WHILE, SWITCH) is a graph with an ID of its own; its ops carry the correlation ID of the launch of the graph around it,
and belong to that replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import launch_keys
from nsysgap.arrays import combined_codes, distinct
from nsysgap.intervals import covered_in_groups
from nsysgap.tables import NO_GRAPH_NODE, NONE, Table, Trace, names_launch

GRAPH_SHIFT = 32
NODE_MASK = (1 << GRAPH_SHIFT) - 1
Indices = NDArray[np.intp]


def graph_of(node: NDArray[np.int64]) -> NDArray[np.int64]:
    """The graph's ID of graph node IDs."""
    return node >> GRAPH_SHIFT


def originals(nodes: Table) -> dict[tuple[int, int], int]:
    """(process, graph) -> the graph that it is a copy of, followed to the first: from the table GRAPH_NODES."""
    copies = np.flatnonzero(nodes["original"] != 0)
    columns = (nodes["process"][copies], graph_of(nodes["node"][copies]), graph_of(nodes["original"][copies]))
    keys = np.unique(np.column_stack(columns), axis=0) if len(copies) else np.empty((0, 3), np.int64)
    copied_from = {(int(process), int(graph)): int(original) for process, graph, original in keys}
    for (process, graph), first in list(copied_from.items()):
        seen, original = {graph}, first
        while (process, original) in copied_from and original not in seen:
            seen.add(original)
            original = copied_from[(process, original)]
        copied_from[(process, graph)] = original
    return copied_from


@dataclass(frozen=True)
class Replays:
    """All replays of a set of executable graphs that are the same graph to the user.

    `ops` are rows of ops sorted by (replay, start); `replay` numbers them from 0 in that order; `node` is the number of
    the op's node in its graph, in a body with the body's number, from 1 on, in the upper 32 bits. `call` has one row of
    api per replay, -1 unknown.
    """

    trace: Trace
    ops: Indices
    replay: Indices
    node: NDArray[np.int64]
    call: NDArray[np.int32]

    @property
    def count(self) -> int:
        """How many replays there are."""
        return len(self.call)

    @cached_property
    def heads(self) -> Indices:
        """The position in `ops` of each replay's first op."""
        return np.searchsorted(self.replay, np.arange(self.count))

    @cached_property
    def whole_replay(self) -> Indices:
        """Rows of ops of the first replay with the most ops: one that the trace's begin or end did not cut."""
        bounds = np.append(self.heads, len(self.ops))
        first = int(np.argmax(np.diff(bounds)))
        return self.ops[bounds[first] : bounds[first + 1]]

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """Start of each replay's first op, ns."""
        return self.trace.ops["start"][self.ops[self.heads]]

    @cached_property
    def end(self) -> NDArray[np.int64]:
        """End of each replay's last op, ns."""
        return np.asarray(np.maximum.reduceat(self.trace.ops["end"][self.ops], self.heads), np.int64)

    @property
    def span(self) -> NDArray[np.int64]:
        """First start to last end, ns."""
        return self.end - self.start

    @cached_property
    def busy(self) -> NDArray[np.int64]:
        """Covered time within each span, ns."""
        start, end = self.trace.ops["start"][self.ops], self.trace.ops["end"][self.ops]
        return covered_in_groups(self.replay, start - self.start[self.replay], end - start, self.span)

    @property
    def known(self) -> Indices:
        """The replays whose launch call is known."""
        return np.flatnonzero(self.call != NONE)

    @property
    def call_duration(self) -> NDArray[np.int64]:
        """Duration of each known launch call, ns."""
        call = self.call[self.known]
        return self.trace.api["end"][call] - self.trace.api["start"][call]

    @property
    def latency(self) -> NDArray[np.int64]:
        """From each known launch call's start to the first op's start, ns."""
        return self.start[self.known] - self.trace.api["start"][self.call[self.known]]

    @property
    def whole(self) -> NDArray[np.int64]:
        """From each known launch call's start to the last op's end, ns."""
        return self.end[self.known] - self.trace.api["start"][self.call[self.known]]

    def took(self, previous_end: NDArray[np.int64]) -> NDArray[np.int64]:
        """What each known replay took, ns: from its call's start, or the replay's end that it waited for, to its end.

        `previous_end` is the latest end of replays that began before each, on its stream.
        """
        begin = np.maximum(self.trace.api["start"][self.call[self.known]], previous_end[self.known])
        return self.end[self.known] - np.minimum(begin, self.start[self.known])


def previous_ends(replays: list[Replays]) -> list[NDArray[np.int64]]:
    """For each replay of these graphs the latest end of those that began before it on its (process, stream), ns.

    The stream is that of its first op; the least int64 where none began before.
    """
    if not replays:
        return []
    ops = replays[0].trace.ops
    first = np.concatenate([of_graph.ops[of_graph.heads] for of_graph in replays])
    start, end = (np.concatenate([getattr(of_graph, name) for of_graph in replays]) for name in ("start", "end"))
    stream, _ = combined_codes(ops["process"][first], ops["device"][first], ops["stream"][first])
    previous = np.full(len(first), np.iinfo(np.int64).min)
    order = np.lexsort((start, stream))
    for low, high in pairwise(np.searchsorted(stream[order], [*distinct(stream).tolist(), int(stream.max()) + 1])):
        mine = order[low:high]
        reach = np.maximum.accumulate(end[mine])
        earlier = np.searchsorted(start[mine], start[mine], side="left")
        previous[mine[earlier > 0]] = reach[earlier[earlier > 0] - 1]
    return np.split(previous, np.cumsum([of_graph.count for of_graph in replays])[:-1])


def replays_by_graph(trace: Trace, calls: NDArray[np.int32]) -> dict[tuple[int, int], Replays]:
    """(process, executable graph) -> its replays, for graphs traced node by node."""
    ops = trace.ops
    rows = np.flatnonzero((ops["graph_node"] != NO_GRAPH_NODE) & names_launch(ops["correlation"]))
    if not len(rows):
        return {}
    launch = launch_keys(ops, rows, calls)
    graph = outer_graphs(ops, rows, launch)
    order = np.lexsort((rows, launch, graph, ops["process"][rows]))
    rows, graph, launch = rows[order], graph[order], launch[order]
    process = ops["process"][rows]
    new_graph = np.append(True, (process[1:] != process[:-1]) | (graph[1:] != graph[:-1]))
    new_launch = new_graph | np.append(True, launch[1:] != launch[:-1])
    bounds = np.append(np.flatnonzero(new_graph), len(rows))
    by_graph = {}
    for low, high in pairwise(bounds.tolist()):
        key = (int(process[low]), int(graph[low]))
        by_graph[key] = _in_time(trace, rows[low:high], np.cumsum(new_launch[low:high]) - 1, calls, key[1])
    return by_graph


def outer_graphs(ops: Table, rows: Indices, launch: NDArray[np.int64]) -> NDArray[np.int64]:
    """The graph that was launched of each of these graph ops: int64 of shape (rows,).

    Of several graphs of one launch it is the one that most launches have, then one of whose nodes none ran twice, then
    the one that began first; the others are bodies of its conditional nodes. `launch`: as `launch_keys`.
    """
    graph = graph_of(ops["graph_node"][rows])
    order = np.lexsort((rows, graph, launch))
    heads = np.flatnonzero(np.append(True, (np.diff(graph[order]) != 0) | (np.diff(launch[order]) != 0)))
    first = order[heads]
    launches, of_launch = np.unique(launch[first], return_inverse=True)
    if len(launches) == len(first):
        return graph
    own, _ = combined_codes(ops["process"][rows[first]], graph[first])
    often = np.bincount(own)[own]
    part = np.repeat(np.arange(len(first)), np.diff(np.append(heads, len(rows))))
    again = runs_of_nodes(part, ops["graph_node"][rows[order]]) > 1
    rank = np.lexsort((rows[first], again, -often, of_launch))
    chosen = rank[np.searchsorted(of_launch[rank], np.arange(len(launches)))]
    outer: NDArray[np.int64] = graph[first[chosen]][np.searchsorted(launches, launch)]
    return outer


def runs_of_nodes(group: Indices, node: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often the node that ran most often ran in each group of ops; groups are numbered from 0, none without ops."""
    order = np.lexsort((node, group))
    group, node = group[order], node[order]
    heads = np.flatnonzero(np.append(True, (np.diff(group) != 0) | (np.diff(node) != 0)))
    most = np.zeros(int(group[-1]) + 1, np.int64)
    np.maximum.at(most, group[heads], np.diff(np.append(heads, len(group))))
    return most


def _in_time(trace: Trace, rows: Indices, launch: Indices, calls: NDArray[np.int32], outer: int) -> Replays:
    """Number the replays of a graph by the start of their first op."""
    heads = rows[np.searchsorted(launch, np.arange(launch[-1] + 1))]
    rank = np.empty(len(heads), np.intp)
    rank[np.argsort(heads, kind="stable")] = np.arange(len(heads))
    replay = rank[launch]
    order = np.lexsort((rows, replay))
    rows, replay = rows[order], replay[order]
    return Replays(trace, rows, replay, _numbers(trace.ops["graph_node"][rows], outer), calls[np.sort(heads)])


def _numbers(nodes: NDArray[np.int64], outer: int) -> NDArray[np.int64]:
    """The numbers of graph nodes of one graph and its bodies, whose numbers are in the order of their IDs."""
    graph = graph_of(nodes)
    bodies = distinct(graph[graph != outer])
    body = np.where(graph == outer, 0, np.searchsorted(bodies, graph) + 1)
    return (nodes & NODE_MASK) | body << GRAPH_SHIFT


def joined(parts: list[Replays]) -> Replays:
    """The replays of several executables of one graph as one."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(part.count for part in parts[:-1])])
    return Replays(
        parts[0].trace,
        np.concatenate([part.ops for part in parts]),
        np.concatenate([part.replay + offset for part, offset in zip(parts, offsets, strict=True)]),
        np.concatenate([part.node for part in parts]),
        np.concatenate([part.call for part in parts]),
    )
