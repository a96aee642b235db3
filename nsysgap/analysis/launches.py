"""Which API call launched each op, and what launching cost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.stats import Stats, stats
from nsysgap.tables import NO_GRAPH_NODE, NONE, OP_KINDS, Table, Trace

Indices = NDArray[np.intp]


def launch_calls(trace: Trace) -> NDArray[np.int32]:
    """The row of `trace.api` that launched each op, -1 for none: int32 of shape (ops,).

    The key is (process, correlation ID), never the ID alone: two processes of one report share the numbers. Of several
    calls with one key the first to start counts, the longest of equals, then the report's order. ID 0 is no key.
    """
    calls = np.full(trace.ops.rows, NONE, np.int32)
    call_process = trace.threads["process"][trace.api["thread"]] if trace.api.rows else np.empty(0, np.int32)
    processes = np.unique(call_process)
    for process in processes[trace.processes["global_pid"][processes] != 0]:  # 0: the report names no process
        whole = len(processes) == 1
        ops = np.flatnonzero((trace.ops["process"] == process) & (trace.ops["correlation"] != 0))
        api = np.arange(trace.api.rows) if whole else np.flatnonzero(call_process == process)
        calls[ops] = _match(trace.ops["correlation"][ops], trace.api, api)
    return calls


def match_calls(trace: Trace, records: Table) -> NDArray[np.int32]:
    """The row of `trace.api` with each record's (process, correlation): for tables with those two columns."""
    calls = np.full(records.rows, NONE, np.int32)
    call_process = trace.threads["process"][trace.api["thread"]] if trace.api.rows else np.empty(0, np.int32)
    for process in np.unique(records["process"]):
        wanted = np.flatnonzero((records["process"] == process) & (records["correlation"] != 0))
        calls[wanted] = _match(records["correlation"][wanted], trace.api, np.flatnonzero(call_process == process))
    return calls


def _match(wanted: NDArray[np.int64], api: Table, rows: Indices) -> NDArray[np.int32]:
    """Rows of `api`, among `rows`, whose correlation is `wanted`; -1 where there is none."""
    keys = api["correlation"][rows]
    if len(keys) and (keys[1:] < keys[:-1]).any():
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
    keys, rows = _first_of_equals(keys, rows, api)
    if not len(keys):
        return np.full(len(wanted), NONE, np.int32)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, rows[place], NONE).astype(np.int32)


def _first_of_equals(keys: NDArray[np.int64], rows: Indices, api: Table) -> tuple[NDArray[np.int64], Indices]:
    """One row per key: the first to start, the longest of those, then the report's order. `keys` are sorted."""
    again = np.flatnonzero(keys[1:] == keys[:-1])
    if not len(again):
        return keys, rows
    shared = np.flatnonzero(np.isin(keys, keys[again]))
    subset = rows[shared]
    best = np.lexsort((subset, -api["end"][subset], api["start"][subset], keys[shared]))
    rows = rows.copy()
    rows[shared] = subset[best]
    keep = np.concatenate(([True], keys[1:] != keys[:-1]))
    return keys[keep], rows[keep]


@dataclass(frozen=True)
class Latencies:
    """Launch latency of ops, arrays of equal length: `op` and `api_call` are row numbers, the rest is ns.

    call = the call's duration, latency = op start - call start (negative means skewed clocks), queue = time between the
    call's return and the op's start, 0 if the op started before. `unqueued` marks ops whose stream was idle and empty
    when the call began: only their latency shows what a launch costs.
    """

    op: Indices
    api_call: NDArray[np.int32]
    call: NDArray[np.int64]
    latency: NDArray[np.int64]
    queue: NDArray[np.int64]
    unqueued: NDArray[np.bool_]

    @property
    def negative(self) -> int:
        """How many ops start before the call that launched them."""
        return int((self.latency < 0).sum())


def latencies(trace: Trace, calls: NDArray[np.int32], ops: Indices | None = None) -> Latencies:
    """Latencies of every op that has a launch call and was not launched by a graph (of `ops` only, if given)."""
    single = (calls != NONE) & (trace.ops["graph_node"] == NO_GRAPH_NODE)
    rows = np.flatnonzero(single) if ops is None else ops[single[ops]]
    api_call = calls[rows]
    call_start, call_end = trace.api["start"][api_call], trace.api["end"][api_call]
    start = trace.ops["start"][rows]
    return Latencies(
        op=rows,
        api_call=api_call,
        call=call_end - call_start,
        latency=start - call_start,
        queue=np.maximum(start - call_end, 0),
        unqueued=stream_free_since(trace.ops)[rows] <= call_start,
    )


def stream_free_since(ops: Table) -> NDArray[np.int64]:
    """For each op the latest end of earlier-started ops of its (process, context, stream), int64's least for none."""
    order, bounds = by_stream(ops)
    free = np.full(ops.rows, np.iinfo(np.int64).min)
    for low, high in pairwise(bounds):
        rows = order[low:high]
        start, reach = ops["start"][rows], np.maximum.accumulate(ops["end"][rows])
        earlier = np.arange(len(rows))
        if (start[1:] == start[:-1]).any():
            earlier = np.searchsorted(start, start, side="left")
        has = earlier > 0
        free[rows[has]] = reach[earlier[has] - 1]
    return free


def by_stream(ops: Table) -> tuple[Indices, Indices]:
    """(order, bounds): op rows by (process, context, stream), then start; group i is order[bounds[i]:bounds[i + 1]]."""
    code = np.zeros(ops.rows, np.int64)
    for name in ("process", "context", "stream"):
        values, inverse = _codes(ops[name])
        code = code * max(len(values), 1) + inverse
    values, code = _codes(code)
    small = code.astype(np.min_scalar_type(max(len(values), 1)))
    order = np.argsort(small, kind="stable")  # radix sort for up to 16 bits
    return order, np.searchsorted(small[order], np.arange(len(values) + 1))


def _codes(values: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    present = np.unique(values)
    return present, np.searchsorted(present, values)


def latency_summary(trace: Trace, found: Latencies) -> dict[str, dict[str, int | Stats | None]]:
    """Per op kind that has any: count and the Stats of call, latency, queue and unqueued latency, ns."""
    kind = trace.ops["kind"][found.op]
    summary: dict[str, dict[str, int | Stats | None]] = {}
    for number, name in enumerate(OP_KINDS):
        mine = kind == number
        if not mine.any():
            continue
        summary[name] = {
            "count": int(mine.sum()),
            "call_ns": stats(found.call[mine]),
            "latency_ns": stats(found.latency[mine]),
            "queue_ns": stats(found.queue[mine]),
            "unqueued_latency_ns": stats(found.latency[mine & found.unqueued]),
        }
    return summary
