"""Every CUDA graph of a report: how it was built, instantiated, updated and replayed, and what its nodes took.

Graphs of the same build (captured again and again, say) with the same nodes are one entry: `graphs` counts them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.captures import INSTANTIATE, LAUNCHING, UPLOAD, calls_named, graph_costs
from nsysgap.analysis.graph_replays import (
    NodeTimes,
    Replays,
    graph_of,
    joined,
    node_times,
    originals,
    replays_by_graph,
)
from nsysgap.analysis.graph_singly import Singly, launched_singly
from nsysgap.analysis.stats import Stats, stats
from nsysgap.arrays import distinct
from nsysgap.tables import GRAPH, NONE, OP_KINDS, Table, Trace

SCHEMA = "nsysgap.graphs/1"
UPDATES = re.compile(r"cu(?:da)?Graph(?:ExecUpdate|\w*NodeSet)")
ADDING = re.compile(r"cu(?:da)?GraphAdd")
CLONING = re.compile(r"cu(?:da)?GraphClone")
LAUNCH = re.compile(r"cu(?:da)?GraphLaunch")
Document = dict[str, Any]
Key = tuple[int, int]


@dataclass(frozen=True)
class Build:
    """How the nodes of one graph came to be: "captured", "explicit", "cloned" or "unknown"; times in ns."""

    how: str
    nodes: int
    start: int
    end: int


@dataclass(frozen=True)
class GraphEntry:
    """One graph as the user thinks of it; `keys` are the (process, graph) of all that were folded into it."""

    process: int
    built: str
    keys: tuple[Key, ...]
    executables: tuple[int, ...]
    node_count: int
    build_ns: Stats | None
    replays: Replays | None
    times: NodeTimes | None
    singly: Singly | None


class GraphView:
    """All graphs of a report. `nodes`, `events`: the report's tables of graph nodes and events."""

    def __init__(self, trace: Trace, calls: NDArray[np.int32], nodes: Table, events: Table) -> None:
        self.trace, self.calls, self.nodes, self.events = trace, calls, nodes, events
        self.originals = originals(nodes)
        self.builds = self._builds()
        self._replays = replays_by_graph(trace, calls)
        self.entries = self._entries()

    def _builds(self) -> dict[Key, Build]:
        """The builds of the graphs that are nobody's copy."""
        process, graph = self.nodes["process"], graph_of(self.nodes["node"])
        own = np.flatnonzero(self.nodes["original"] == 0)
        found: dict[Key, list[int]] = {}
        for row in own.tolist():
            found.setdefault((int(process[row]), int(graph[row])), []).append(row)
        return {key: self._build(rows) for key, rows in found.items() if key not in self.originals}

    def _build(self, rows: list[int]) -> Build:
        time = self.nodes["time"][rows]
        names = Counter(self._call_name(row) for row in rows)
        how = "unknown"
        for name, _ in names.most_common():
            how = _how(name)
            if how != "unknown":
                break
        return Build(how, len({int(self.nodes["node"][row]) for row in rows}), int(time.min()), int(time.max()))

    def _call_name(self, row: int) -> str:
        """The innermost API call around a node's creation; the one that began last if none encloses it."""
        api, thread, time = self.trace.api, int(self.nodes["thread"][row]), int(self.nodes["time"][row])
        last = int(np.searchsorted(api["start"], time, side="right"))
        for call in range(last - 1, max(last - 9, -1), -1):
            if api["thread"][call] == thread and api["end"][call] >= time:
                return self.trace.name(int(api["name"][call]))
        return ""

    def _entries(self) -> list[GraphEntry]:
        """Fold graphs of the same process, build and nodes; those with most replays first, then by first build."""
        groups: dict[tuple[Any, ...], list[Key]] = {}
        for key in self._original_keys():
            groups.setdefault(self._signature(key), []).append(key)
        entries = [self._entry(keys) for keys in groups.values()]
        return sorted(entries, key=lambda one: (-(one.replays.count if one.replays else 0), one.keys[0]))

    def _original_keys(self) -> list[Key]:
        executed = {(process, self.originals.get((process, graph), graph)) for process, graph in self._replays}
        return sorted(executed | set(self.builds))

    def _executables(self, key: Key) -> list[int]:
        copies = [graph for (process, graph), original in self.originals.items() if (process, original) == key]
        own = [key[1]] if key in self._replays and key[1] not in copies else []
        return sorted([*copies, *own])

    def _signature(self, key: Key) -> tuple[Any, ...]:
        """What graphs must share to be one entry: process, build, number of nodes, and the ops of a replay."""
        build = self.builds.get(key)
        replays = [self._replays[key[0], one] for one in self._executables(key) if (key[0], one) in self._replays]
        names: bytes = b""
        if replays:
            first = replays[0].ops[replays[0].replay == 0]
            order = np.argsort(self.trace.ops["graph_node"][first], kind="stable")
            names = self.trace.ops["name"][first[order]].tobytes()
        return key[0], build.how if build else "unknown", build.nodes if build else 0, names

    def _entry(self, keys: list[Key]) -> GraphEntry:
        process, builds = keys[0][0], [self.builds[key] for key in keys if key in self.builds]
        executables = [one for key in keys for one in self._executables(key)]
        parts = [self._replays[process, one] for one in executables if (process, one) in self._replays]
        replays = joined(parts) if parts else None
        times = node_times(replays) if replays else None
        build_ns = stats(np.array([one.end - one.start for one in builds], np.int64))
        nodes = max([one.nodes for one in builds] + [len(times.node) if times else 0])
        return GraphEntry(
            process=process,
            built=builds[0].how if builds else "unknown",
            keys=tuple(keys),
            executables=tuple(executables),
            node_count=nodes,
            build_ns=build_ns,
            replays=replays,
            times=times,
            singly=launched_singly(self.trace, self.calls, parts[0], process) if parts else None,
        )

    def updates(self) -> dict[str, Stats]:
        """Calls that change a graph (SetParams, Update) or send it to the GPU (Upload): Stats of duration by name."""
        api = self.trace.api
        chosen = np.flatnonzero(calls_named(self.trace, UPDATES) | calls_named(self.trace, UPLOAD))
        found = {}
        for name in sorted({int(one) for one in distinct(api["name"][chosen])}, key=self.trace.name):
            mine = chosen[api["name"][chosen] == name]
            summed = stats(api["end"][mine] - api["start"][mine])
            if summed is not None:
                found[self.trace.name(name)] = summed
        return found

    def updates_before(self, replays: Replays) -> Stats | None:
        """Time in calls that update or instantiate, per replay: since the launch before on its thread; None: all 0."""
        api, trace = self.trace.api, self.trace
        changing = np.flatnonzero(calls_named(trace, UPDATES) | calls_named(trace, INSTANTIATE))
        launches = np.flatnonzero(calls_named(trace, LAUNCH))
        sums = np.zeros(replays.count, np.int64)
        for i, call in enumerate(replays.call.tolist()):
            if call == NONE:
                continue
            thread, start = api["thread"][call], api["start"][call]
            place = int(np.searchsorted(launches, call))
            earlier = [one for one in launches[:place][::-1][:64].tolist() if api["thread"][one] == thread][:1]
            since = api["end"][earlier[0]] if earlier else np.iinfo(np.int64).min
            low, high = np.searchsorted(api["start"][changing], (since, start))
            mine = changing[low:high]
            mine = mine[api["thread"][mine] == thread]
            sums[i] = int((api["end"][mine] - api["start"][mine]).sum())
        return stats(sums) if sums.any() else None


def _how(call: str) -> str:
    """What a call that created a node says of the graph."""
    if ADDING.match(call):
        return "explicit"
    if CLONING.match(call):
        return "cloned"
    return "captured" if LAUNCHING.match(call) or call.startswith(("cudaMalloc", "cudaFree", "cuMem")) else "unknown"


def graphs_document(view: GraphView, details: Table, only: int | None = None) -> Document:
    """Everything about a report's graphs: the contract "nsysgap.graphs/1". `only`: the number of one graph's entry."""
    trace, costs = view.trace, graph_costs(view.trace, view.calls)
    entries = [(number, one) for number, one in enumerate(view.entries, 1) if only in (None, number)]
    return {
        "schema": SCHEMA,
        "report": {
            "path": trace.path,
            "nsys_version": trace.nsys_version,
            "schema_version": trace.schema_version,
            "warnings": [{"level": one.level, "text": one.text} for one in trace.warnings],
        },
        "graphs": [_graph(view, number, one, details) for number, one in entries],
        "events": _events(view.events),
        "whole_graph_launches": _whole_launches(view),
        "captures": {"captured_launches": costs.captured_launches, "duration_ns": costs.captures},
        "instantiation_ns": costs.instantiations,
        "updates": [{"call": name, "duration_ns": one} for name, one in view.updates().items()],
    }


def _events(events: Table) -> dict[str, int]:
    """How many graphs were created, cloned and instantiated, as traces of whole graphs count them."""
    names = {95: "created", 96: "cloned", 94: "instantiated"}
    return {name: int((events["event"] == code).sum()) for code, name in names.items()} if events.rows else {}


def _graph(view: GraphView, number: int, entry: GraphEntry, details: Table) -> Document:
    kinds: Mapping[str, int] = {}
    if entry.times is not None:
        kinds = Counter(OP_KINDS[kind] for kind in view.trace.ops["kind"][entry.times.op].tolist())
    return {
        "graph": number,
        "process": int(view.trace.processes["pid"][entry.process]) if entry.process != NONE else None,
        "built": entry.built,
        "graphs": len(entry.keys),
        "graph_ids": [graph for _, graph in entry.keys],
        "executables": len(entry.executables),
        "node_count": entry.node_count,
        "nodes_by_kind": {kind: kinds[kind] for kind in OP_KINDS if kind in kinds},
        "build_ns": entry.build_ns,
        "replays": None if entry.replays is None else _replays(view, entry.replays),
        "launched_singly": None if entry.singly is None else _saved(entry, entry.singly),
        "nodes": [] if entry.times is None else _nodes(view.trace, entry.times, details),
    }


def _replays(view: GraphView, replays: Replays) -> Document:
    return {
        "count": replays.count,
        "call_ns": stats(replays.call_duration),
        "latency_ns": stats(replays.latency),
        "span_ns": stats(replays.span),
        "busy_ns": stats(replays.busy),
        "between_nodes_ns": stats(replays.span - replays.busy),
        "whole_ns": stats(replays.whole),
        "updates_before_ns": view.updates_before(replays),
    }


def _saved(entry: GraphEntry, singly: Singly) -> Document:
    """The same ops launched one by one, and the difference of the medians."""
    whole = stats(entry.replays.whole) if entry.replays else None
    return {
        "runs": singly.time.count,
        "launches": singly.launches,
        "time_ns": singly.time,
        "calls_ns": singly.calls,
        "saved_ns": None if whole is None else singly.time.median - whole.median,
    }


def _nodes(trace: Trace, times: NodeTimes, details: Table) -> list[Document]:
    found = []
    for i, op in enumerate(times.op.tolist()):
        found.append(
            {
                "node": int(times.node[i]),
                "kind": OP_KINDS[trace.ops["kind"][op]],
                "name": trace.name(int(trace.ops["name"][op])),
                "grid": _triple(details, "grid", op),
                "block": _triple(details, "block", op),
                "shared_bytes": _shared(details, op),
                "stream": int(trace.ops["stream"][op]),
                "count": int(times.count[i]),
                "mean_ns": round(float(times.mean[i])),
                "spread_ns": round(float(times.spread[i])),
                "min_ns": int(times.min[i]),
                "max_ns": int(times.max[i]),
                "gap_before_ns": round(float(times.gap[i])),
                "starts_at_ns": round(float(times.start[i])),
            }
        )
    return found


def _triple(details: Table, name: str, op: int) -> list[int] | None:
    values = [int(details[f"{name}_{axis}"][op]) for axis in "xyz"]
    return None if NONE in values else values


def _shared(details: Table, op: int) -> int | None:
    values = [int(details[f"{kind}_shared"][op]) for kind in ("static", "dynamic")]
    return None if NONE in values else sum(values)


def _whole_launches(view: GraphView) -> list[Document]:
    """Graphs traced as a whole (--cuda-graph-trace=graph): what one row per launch can tell."""
    trace, calls = view.trace, view.calls
    ops = np.flatnonzero(trace.ops["kind"] == GRAPH)
    found = []
    for process, name in sorted(
        set(zip(trace.ops["process"][ops].tolist(), trace.ops["name"][ops].tolist(), strict=True))
    ):
        mine = ops[(trace.ops["process"][ops] == process) & (trace.ops["name"][ops] == name)]
        known = mine[calls[mine] != NONE]
        begin, end = trace.api["start"][calls[known]], trace.api["end"][calls[known]]
        found.append(
            {
                "process": int(trace.processes["pid"][process]) if process != NONE else None,
                "name": trace.name(name),
                "count": len(mine),
                "call_ns": stats(end - begin),
                "latency_ns": stats(trace.ops["start"][known] - begin),
                "span_ns": stats(trace.ops["end"][mine] - trace.ops["start"][mine]),
            }
        )
    return found
