"""Every CUDA graph of a report: how it was built, instantiated, updated and replayed, and what its nodes took.

Graphs of the same build (captured again and again, say) with the same nodes are one entry: `graphs` counts them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.bodies import BodyRuns, between_nodes, body_of, body_runs, iterations_of_nodes
from nsysgap.analysis.graphs.builds import Build, Key, builds, copying_calls, creating_calls
from nsysgap.analysis.graphs.node_times import NodeTimes, node_times
from nsysgap.analysis.graphs.replays import (
    NODE_MASK,
    Replays,
    graph_of,
    joined,
    originals,
    previous_ends,
    replays_by_graph,
)
from nsysgap.analysis.graphs.savings import Singly, launched_singly
from nsysgap.analysis.relations.calls import GRAPH_LAUNCHES, GRAPH_UPDATES, INSTANTIATIONS, UPLOADS
from nsysgap.analysis.relations.captures import graph_costs
from nsysgap.analysis.stats import stats
from nsysgap.arrays import distinct
from nsysgap.figures import Stats
from nsysgap.op_sizes import shared_memory
from nsysgap.tables import GRAPH, NONE, OP_KINDS, Table, Trace, stream_id

Document = dict[str, Any]


@dataclass(frozen=True)
class GraphEntry:
    """One graph as the user thinks of it; `keys` are the (process, graph) of all that were folded into it.

    `clones` counts the copies that are graphs themselves (cudaGraphClone, a child graph's node), `executables` are the
    others; `instantiation_ns` holds the calls that made those.
    """

    process: int
    builds: tuple[Build, ...]
    keys: tuple[Key, ...]
    executables: tuple[int, ...]
    clones: int
    instantiation_ns: Stats | None
    replays: Replays | None
    times: NodeTimes | None
    singly: Singly | None

    @property
    def built(self) -> str:
        """How the graph was built, "unknown" where the report does not say."""
        return self.builds[0].how if self.builds else "unknown"

    @property
    def node_count(self) -> int:
        """The nodes of one graph: those created or those seen to run, whichever are more; without those of bodies."""
        seen = int((body_of(self.times.node) == 0).sum()) if self.times is not None else 0
        return max([len(build.kinds) for build in self.builds] + [seen])

    @property
    def drawn_nodes(self) -> int:
        """The nodes of a drawing of its replays: those of bodies too."""
        inside = int((body_of(self.times.node) > 0).sum()) if self.times is not None else 0
        return self.node_count + inside


class GraphView:
    """All graphs of a report. `nodes`, `events`: the report's tables of graph nodes and events."""

    def __init__(self, trace: Trace, calls: NDArray[np.int32], nodes: Table, events: Table) -> None:
        self.trace, self.calls, self.events = trace, calls, events
        self.originals = originals(nodes)
        creating = creating_calls(trace, nodes)
        self.builds = builds(trace, nodes, creating, set(self.originals))
        self._copied_by = copying_calls(nodes, creating)
        self._replays = replays_by_graph(trace, calls)
        self._executables, self._clones = self._copies()
        self.entries = self._entries()
        of_all = [entry.replays for entry in self.entries if entry.replays is not None]
        self._previous_ends = dict(zip(map(id, of_all), previous_ends(of_all), strict=True))

    def _copies(self) -> tuple[dict[Key, list[int]], dict[Key, list[int]]]:
        """Executable graphs and clones by the (process, graph) they go back to; a copy of unknown make is the former.

        A graph that nobody copied and that ran is its own executable: then the report does not tell of the copying.
        """
        executables: dict[Key, list[int]] = {key: [key[1]] for key in self._replays if key not in self.originals}
        clones: dict[Key, list[int]] = {}
        for (process, graph), original in self.originals.items():
            call = self._copied_by.get((process, graph), NONE)
            instantiated = call == NONE or self._name(call) in INSTANTIATIONS or (process, graph) in self._replays
            (executables if instantiated else clones).setdefault((process, original), []).append(graph)
        return {key: sorted(set(graphs)) for key, graphs in executables.items()}, clones

    def _name(self, call: int) -> str:
        return self.trace.name(int(self.trace.api["name"][call]))

    def _entries(self) -> list[GraphEntry]:
        """Fold graphs of the same process, build and nodes; those with most replays first, then by first build."""
        groups: dict[tuple[Any, ...], list[Key]] = {}
        bodies = self._bodies()
        for key in sorted((self._executables.keys() | self.builds.keys()) - bodies):
            groups.setdefault(self._signature(key), []).append(key)
        entries = [self._entry(keys) for keys in groups.values()]
        return sorted(entries, key=lambda entry: (-(entry.replays.count if entry.replays else 0), entry.keys[0]))

    def _bodies(self) -> set[Key]:
        """Bodies of conditional nodes that ran inside another graph's replays, and the graphs that they are copies of.

        They are no graphs of their own.
        """
        bodies: set[Key] = set()
        for (process, graph), replays in self._replays.items():
            inside = distinct(graph_of(self.trace.ops["graph_node"][replays.ops])).tolist()
            bodies |= {(process, body) for body in inside if body != graph}
        bodies |= {(process, self.originals.get((process, graph), graph)) for process, graph in bodies}
        return bodies - self._replays.keys()

    def _parts(self, key: Key) -> list[Replays]:
        """The replays of each executable of a graph."""
        parts = (self._replays.get((key[0], executable)) for executable in self._executables.get(key, ()))
        return [part for part in parts if part is not None]

    def _signature(self, key: Key) -> tuple[Any, ...]:
        """What graphs must share to be one entry: process, build, the kinds of its nodes, and the ops of a replay."""
        build, parts = self.builds.get(key), self._parts(key)
        names: bytes = b""
        if parts:
            ops = parts[0].whole_replay
            order = np.argsort(self.trace.ops["graph_node"][ops], kind="stable")
            names = self.trace.ops["name"][ops[order]].tobytes()
        how, kinds = (build.how, tuple(sorted(build.kinds.items()))) if build else ("unknown", ())
        return key[0], how, kinds, names

    def _entry(self, keys: list[Key]) -> GraphEntry:
        process, parts = keys[0][0], [part for key in keys for part in self._parts(key)]
        executables = [executable for key in keys for executable in self._executables.get(key, ())]
        replays = joined(parts) if parts else None
        return GraphEntry(
            process=process,
            builds=tuple(self.builds[key] for key in keys if key in self.builds),
            keys=tuple(keys),
            executables=tuple(executables),
            clones=sum(len(self._clones.get(key, ())) for key in keys),
            instantiation_ns=self._instantiations(process, executables),
            replays=replays,
            times=node_times(replays) if replays else None,
            singly=launched_singly(self.trace, self.calls, replays, process) if replays else None,
        )

    def _instantiations(self, process: int, executables: list[int]) -> Stats | None:
        """The calls that made executable graphs; None where the report does not tell."""
        api = self.trace.api
        calls = np.array([self._copied_by.get((process, executable), NONE) for executable in executables], np.int64)
        calls = np.unique(calls[calls != NONE])
        return stats(api["end"][calls] - api["start"][calls])

    def updates(self) -> dict[str, Stats]:
        """Calls that change a graph (SetParams, Update) or send it to the GPU (Upload): Stats of duration by name."""
        api = self.trace.api
        chosen = np.flatnonzero((GRAPH_UPDATES | UPLOADS).rows(self.trace))
        durations = {}
        for name in sorted({int(index) for index in distinct(api["name"][chosen])}, key=self.trace.name):
            mine = chosen[api["name"][chosen] == name]
            summed = stats(api["end"][mine] - api["start"][mine])
            if summed is not None:
                durations[self.trace.name(name)] = summed
        return durations

    def took(self, replays: Replays) -> NDArray[np.int64]:
        """What each replay of an entry took whose launch call is known, ns, without its time in the queue."""
        return replays.took(self._previous_ends[id(replays)])

    def updates_before(self, replays: Replays) -> Stats | None:
        """Time in calls that update, upload or instantiate, per replay whose launch call is known; None: all 0.

        Counted are those since the launch before on the thread of the replay's launch.
        """
        api, trace, calls = self.trace.api, self.trace, replays.call[replays.known].astype(np.intp)
        changing = (GRAPH_UPDATES | UPLOADS | INSTANTIATIONS).rows(trace)
        launching = GRAPH_LAUNCHES.rows(trace)
        sums = np.zeros(len(calls), np.int64)
        for thread in distinct(api["thread"][calls]).tolist():
            on_thread = api["thread"] == thread
            changes, launches = np.flatnonzero(changing & on_thread), np.flatnonzero(launching & on_thread)
            mine = np.flatnonzero(api["thread"][calls] == thread)
            launch = np.searchsorted(launches, calls[mine])
            ends = np.concatenate(([np.iinfo(np.int64).min], api["end"][launches]))
            since = ends[launch]
            spent = np.concatenate(([0], np.cumsum(api["end"][changes] - api["start"][changes])))
            first, last = (np.searchsorted(api["start"][changes], time) for time in (since, api["start"][calls[mine]]))
            sums[mine] = spent[np.maximum(first, last)] - spent[first]
        return stats(sums) if sums.any() else None


def graph_overview(view: GraphView, details: Table, only: int | None = None) -> Document:
    """Everything about a report's graphs: what follows the header in "nsysgap.graphs/1".

    `only`: the number of one graph's entry.
    """
    costs = graph_costs(view.trace, view.calls)
    entries = [(number, entry) for number, entry in enumerate(view.entries, 1) if only in (None, number)]
    return {
        "graphs": [_graph(view, number, entry, details) for number, entry in entries],
        "events": _events(view.events),
        "whole_graph_launches": _whole_launches(view),
        "captures": {"captured_launches": costs.captured_launches, "duration_ns": costs.captures},
        "instantiation_ns": costs.instantiations,
        "updates": [{"call": name, "duration_ns": duration} for name, duration in view.updates().items()],
    }


def _events(events: Table) -> dict[str, int]:
    """How many graphs were created, cloned and instantiated, as traces of whole graphs count them."""
    names = {95: "created", 96: "cloned", 94: "instantiated"}
    return {name: int((events["event"] == code).sum()) for code, name in names.items()} if events.rows else {}


def _graph(view: GraphView, number: int, entry: GraphEntry, details: Table) -> Document:
    build_ns = stats(np.array([build.end - build.start for build in entry.builds], np.int64))
    bodies = [] if entry.replays is None else body_runs(entry.replays)
    return {
        "graph": number,
        "process": int(view.trace.processes["pid"][entry.process]) if entry.process != NONE else None,
        "built": entry.built,
        "graphs": len(entry.keys),
        "graph_ids": [graph for _, graph in entry.keys],
        "clones": entry.clones,
        "executables": len(entry.executables),
        "node_count": entry.node_count,
        "nodes_by_kind": _kinds(view.trace, entry),
        "bodies": [_body(runs) for runs in bodies],
        "built_at_ns": min((build.start for build in entry.builds), default=None),
        "build_ns": build_ns,
        "instantiation_ns": entry.instantiation_ns,
        "replays": None if entry.replays is None else _replays(view, entry.replays, bodies),
        "launched_singly": None if entry.singly is None else _saved(view, entry, entry.singly),
        "nodes": [] if entry.times is None else _nodes(view.trace, entry.times, details),
    }


def _kinds(trace: Trace, entry: GraphEntry) -> dict[str, int]:
    """Nodes by kind: of those seen to run as their ops are, of the others as the calls that created them say."""
    ran: dict[int, str] = {}
    if entry.times is not None:
        own = np.flatnonzero(body_of(entry.times.node) == 0)
        kinds = trace.ops["kind"][entry.times.op[own]].tolist()
        ran = dict(zip(entry.times.node[own].tolist(), (OP_KINDS[kind] for kind in kinds), strict=True))
    created = entry.builds[0].kinds if entry.builds else {}
    counts = Counter({**created, **ran}.values())
    return {kind: counts[kind] for kind in sorted(counts, key=lambda kind: (kind not in OP_KINDS, -counts[kind], kind))}


def _body(runs: BodyRuns) -> Document:
    """A conditional node's body: its nodes, and what its runs took."""
    return {
        "body": runs.body,
        "graph_ids": list(runs.graphs),
        "node_count": runs.node_count,
        "replays": len(runs.replay),
        "iterations": stats(runs.iterations),
        "span_ns": stats(runs.span),
        "busy_ns": stats(runs.busy),
        "between_nodes_ns": stats(runs.span - runs.busy),
    }


def _replays(view: GraphView, replays: Replays, bodies: list[BodyRuns]) -> Document:
    iterations = iterations_of_nodes(replays)
    return {
        "count": replays.count,
        "iterations": stats(iterations) if (iterations > 1).any() else None,
        "call_ns": stats(replays.call_duration),
        "latency_ns": stats(replays.latency),
        "span_ns": stats(replays.span),
        "busy_ns": stats(replays.busy),
        "between_nodes_ns": stats(between_nodes(replays, bodies)),
        "whole_ns": stats(replays.whole),
        "replay_ns": stats(view.took(replays)),
        "updates_before_ns": view.updates_before(replays),
    }


def _saved(view: GraphView, entry: GraphEntry, singly: Singly) -> Document:
    """The same ops launched one by one, and the difference of the medians, without either's time in the queue."""
    took = stats(view.took(entry.replays)) if entry.replays else None
    return {
        "runs": singly.time.count,
        "launches": singly.launches,
        "time_ns": singly.time,
        "calls_ns": singly.calls,
        "saved_ns": None if took is None else singly.time.median - took.median,
    }


def _nodes(trace: Trace, times: NodeTimes, details: Table) -> list[Document]:
    nodes, body = [], body_of(times.node)
    for i, op in enumerate(times.op.tolist()):
        nodes.append(
            {
                "node": int(times.node[i]) & NODE_MASK,
                "kind": OP_KINDS[trace.ops["kind"][op]],
                "name": trace.name(int(trace.ops["name"][op])),
                "grid": size_of(details, "grid", op),
                "block": size_of(details, "block", op),
                "shared_bytes": shared_bytes(details, op),
                "stream": stream_id(int(trace.ops["stream"][op])),
                "count": int(times.count[i]),
                "mean_ns": round(float(times.mean[i])),
                "spread_ns": round(float(times.spread[i])),
                "min_ns": int(times.min[i]),
                "max_ns": int(times.max[i]),
                "gap_before_ns": round(float(times.gap[i])),
                "starts_at_ns": round(float(times.start[i])),
                "body": int(body[i]) or None,
            }
        )
    return nodes


def size_of(details: Table, name: str, op: int) -> tuple[int, ...] | None:
    """A kernel's grid or block, whichever `name` says; None where it has none."""
    values = tuple(int(details[f"{name}_{axis}"][op]) for axis in "xyz")
    return None if NONE in values else values


def shared_bytes(details: Table, op: int) -> int | None:
    """A kernel's shared memory per block, in B; None where it has none."""
    value = int(shared_memory(details, np.array([op]))[0])
    return None if value == NONE else value


def _whole_launches(view: GraphView) -> list[Document]:
    """Graphs traced as a whole (--cuda-graph-trace=graph): what one row per launch can tell."""
    trace, calls = view.trace, view.calls
    ops = np.flatnonzero(trace.ops["kind"] == GRAPH)
    launches = []
    for process, name in sorted(
        set(zip(trace.ops["process"][ops].tolist(), trace.ops["name"][ops].tolist(), strict=True))
    ):
        mine = ops[(trace.ops["process"][ops] == process) & (trace.ops["name"][ops] == name)]
        known = mine[calls[mine] != NONE]
        begin, end = trace.api["start"][calls[known]], trace.api["end"][calls[known]]
        launches.append(
            {
                "process": int(trace.processes["pid"][process]) if process != NONE else None,
                "name": trace.name(name),
                "count": len(mine),
                "call_ns": stats(end - begin),
                "latency_ns": stats(trace.ops["start"][known] - begin),
                "span_ns": stats(trace.ops["end"][mine] - trace.ops["start"][mine]),
                "whole_ns": stats(trace.ops["end"][known] - begin),
            }
        )
    return launches
