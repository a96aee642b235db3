"""CUDA graph launches: one call, many ops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import keyed_nodes, launch_keys
from nsysgap.analysis.stats import stats
from nsysgap.figures import Stats
from nsysgap.intervals import covered_in_groups
from nsysgap.tables import NONE, Trace

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
    """Group the graph ops by (process, correlation ID), where that comes back by their launch call."""
    ops = trace.ops
    rows = np.flatnonzero(keyed_nodes(trace))
    keys = launch_keys(ops, rows, calls)
    _, heads, group = np.unique(keys, return_index=True, return_inverse=True)
    by_start = np.argsort(heads, kind="stable")  # ops are sorted by start, so a launch's first row is its first op
    rank = np.empty(len(heads), np.intp)
    rank[by_start] = np.arange(len(heads))
    group, first = rank[group], rows[heads[by_start]]
    start, end = ops["start"][rows], ops["end"][rows]
    last_end = np.full(len(first), np.iinfo(np.int64).min)
    np.maximum.at(last_end, group, end)
    call = calls[first]
    known = call != NONE
    call_start, call_end = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    call_start[known], call_end[known] = trace.api["start"][call[known]], trace.api["end"][call[known]]
    return GraphLaunches(
        first_op=first,
        api_call=call,
        call=call_end - call_start,
        latency=ops["start"][first] - call_start,
        span=last_end - ops["start"][first],
        busy=covered_in_groups(group, start - ops["start"][first][group], end - start, last_end - ops["start"][first]),
        nodes=np.bincount(group, minlength=len(first)),
    )


def graph_summary(launches: GraphLaunches) -> dict[str, int | Stats | None]:
    """count and the Stats of call, latency, span, busy (ns) and node count."""
    known = launches.api_call != NONE
    return {
        "count": len(launches.first_op),
        "call_ns": stats(launches.call[known]),
        "latency_ns": stats(launches.latency[known]),
        "span_ns": stats(launches.span),
        "busy_ns": stats(launches.busy),
        "node_count": stats(launches.nodes),
    }
