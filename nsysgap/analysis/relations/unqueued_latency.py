"""What launching cost: the call, from its start to the op's start, and which ops found their stream free (unqueued)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.spans import Spans, stretches
from nsysgap.analysis.stats import stats
from nsysgap.arrays import combined_codes, distinct, grouped
from nsysgap.figures import Stats
from nsysgap.tables import NO_GRAPH_NODE, NONE, OP_KINDS, Table, Trace

Array = NDArray[Any]
Indices = NDArray[Any]


@dataclass(frozen=True)
class Latencies:
    """Launch latency of ops: arrays of equal length; `op` and `api_call` are rows of `trace.ops` and `trace.api`.

    `unqueued` marks ops whose stream was idle and empty when the call began: only their latency shows what a launch
    costs. The times are worked out when asked for, since millions of them are.
    """

    trace: Trace
    op: Indices
    api_call: NDArray[np.int32]
    unqueued: NDArray[np.bool_]

    @property
    def call(self) -> NDArray[np.int64]:
        """The call's duration, ns."""
        start, end = self.trace.api["start"], self.trace.api["end"]
        return self._each(lambda _, call: end[call] - start[call])

    @property
    def latency(self) -> NDArray[np.int64]:
        """The op's start - the call's start, ns; negative where clocks are skewed."""
        start, begun = self.trace.ops["start"], self.trace.api["start"]
        return self._each(lambda op, call: start[op] - begun[call])

    @property
    def queue(self) -> NDArray[np.int64]:
        """The time from the call's return to the op's start, ns; 0 if the op started before."""
        start, returned = self.trace.ops["start"], self.trace.api["end"]
        return self._each(lambda op, call: np.maximum(start[op] - returned[call], 0))

    def _each(self, time: Callable[[Indices, Indices], NDArray[np.int64]]) -> NDArray[np.int64]:
        """The time of each op and its call, worked out where it stays in a processor's cache."""
        times = np.empty(len(self.op), np.int64)
        for some in stretches(len(times)):
            times[some] = time(self.op[some], self.api_call[some])
        return times

    def negative(self) -> tuple[int, int]:
        """(how many ops start before the call that launched them, the earliest by how many ns)."""
        latency = self.latency
        return int((latency < 0).sum()), -min(int(latency.min(initial=0)), 0)

    @cached_property
    def summary(self) -> dict[str, dict[str, int | Stats | None]]:
        """Per op kind that has any: count and the Stats of call, latency, queue and unqueued latency, ns."""
        kind = self.trace.ops["kind"][self.op]
        summary: dict[str, dict[str, int | Stats | None]] = {}
        for number, name in enumerate(OP_KINDS):
            own = kind == number
            if not own.any():
                continue
            mine = self if own.all() else self.take(np.flatnonzero(own))
            latency = mine.latency
            summary[name] = {
                "count": len(mine.op),
                "call_ns": stats(mine.call),
                "latency_ns": stats(latency),
                "queue_ns": stats(mine.queue),
                "unqueued_latency_ns": stats(latency[mine.unqueued]),
            }
        return summary

    def take(self, rows: Array) -> Latencies:
        """Some of them."""
        return Latencies(self.trace, self.op[rows], self.api_call[rows], self.unqueued[rows])


def latencies(trace: Trace, calls: NDArray[np.int32], ops: Indices | None = None) -> Latencies:
    """Latencies of every op that has a launch call and was not launched by a graph (of `ops` only, if given)."""
    single = (calls != NONE) & (trace.ops["graph_node"] == NO_GRAPH_NODE)
    rows = (np.flatnonzero(single) if ops is None else ops[single[ops]]).astype(np.int32)
    free, api_call, unqueued = stream_free_since(trace.ops), calls[rows], np.zeros(len(rows), np.bool_)
    for some in stretches(len(rows)):
        unqueued[some] = free[rows[some]] <= trace.api["start"][api_call[some]]
    return Latencies(trace, rows, api_call, unqueued)


def stream_free_since(ops: Table) -> NDArray[np.int64]:
    """For each op the latest end of earlier-started ops of its (process, context, stream), int64's least for none."""
    stream, number = combined_codes(ops["process"], ops["context"], ops["stream"])
    rows_of, free = grouped(stream, number), np.empty(ops.rows, np.int64)
    for stream_code in distinct(stream).tolist():
        rows = rows_of(stream_code)
        spans = Spans(ops, rows)
        for some in stretches(len(rows)):
            start = ops["start"][rows[some]]
            first = spans.position(int(start[0]))  # of those that start together: none of them is earlier
            reach = np.maximum.accumulate(np.append(spans.reach(first), spans.ends(first, some.stop)))
            earlier = np.searchsorted(start, start) + some.start
            earlier[start == start[0]] = first
            free[rows[some]] = reach[earlier - first]
    return free
