"""CUDA graph launches: one call, many ops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.stats import Stats, stats
from nsysgap.intervals import union
from nsysgap.tables import NO_GRAPH_NODE, NONE, Trace

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class GraphLaunches:
    """One element per graph launch traced node by node, in order of the first op's start.

    `first_op` is a row of ops, `api_call` a row of api (-1 unknown); `latency` = first op's start - call's start (only
    meaningful with a call), `span` = first start to last end, `busy` = covered time within it, all ns.
    """

    first_op: Indices
    api_call: NDArray[np.int32]
    call: NDArray[np.int64]
    latency: NDArray[np.int64]
    span: NDArray[np.int64]
    busy: NDArray[np.int64]
    nodes: NDArray[np.int64]

    def take(self, rows: Indices) -> GraphLaunches:
        """Some of the launches."""
        return GraphLaunches(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def graph_launches(trace: Trace, calls: NDArray[np.int32]) -> GraphLaunches:
    """Group the graph ops by (process, correlation ID)."""
    ops = trace.ops
    rows = np.flatnonzero((ops["graph_node"] != NO_GRAPH_NODE) & (ops["correlation"] != 0))
    order = rows[np.lexsort((ops["correlation"][rows], ops["process"][rows]))]
    process, correlation = ops["process"][order], ops["correlation"][order]
    change = (process[1:] != process[:-1]) | (correlation[1:] != correlation[:-1])
    heads = np.concatenate(([0], np.flatnonzero(change) + 1)) if len(order) else np.empty(0, np.intp)
    bounds = np.append(heads, len(order))
    first = order[heads]
    by_start = np.argsort(first, kind="stable")
    groups = [order[bounds[i] : bounds[i + 1]] for i in by_start]
    first = first[by_start]
    call = calls[first]
    known = call != NONE
    call_start = np.where(known, trace.api["start"][call] if trace.api.rows else 0, 0)
    call_end = np.where(known, trace.api["end"][call] if trace.api.rows else 0, 0)
    last_end = np.array([ops["end"][group].max() for group in groups], np.int64)
    return GraphLaunches(
        first_op=first,
        api_call=call,
        call=call_end - call_start,
        latency=ops["start"][first] - call_start,
        span=last_end - ops["start"][first],
        busy=np.array([union(ops["start"][group], ops["end"][group]).total for group in groups], np.int64),
        nodes=np.array([len(group) for group in groups], np.int64),
    )


def graph_summary(found: GraphLaunches) -> dict[str, int | Stats | None]:
    """count and the Stats of call, latency, span, busy (ns) and node count."""
    known = found.api_call != NONE
    return {
        "count": len(found.first_op),
        "call_ns": stats(found.call[known]),
        "latency_ns": stats(found.latency[known]),
        "span_ns": stats(found.span),
        "busy_ns": stats(found.busy),
        "node_count": stats(found.nodes),
    }
