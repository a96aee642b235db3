"""Which API call launched each op."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.call_keys import CallKeys
from nsysgap.analysis.relations.calls import NO_LAUNCHES
from nsysgap.arrays import combined_codes, distinct, is_any
from nsysgap.tables import NONE, Table, Trace, names_launch

Indices = NDArray[Any]


def launch_calls(trace: Trace) -> NDArray[np.int32]:
    """The row of `trace.api` that launched each op, -1 for none: int32 of shape (ops,).

    The key is (process, correlation ID), never the ID alone: two processes of one report share the numbers. Of several
    calls with one key (process IDs and numbers are reused) those nested in another do not count; of the rest the latest
    that starts at or before the op does, else the earliest. 0 and NULL are no key, and a call that cannot launch is
    nobody's launch call.
    """
    calls = _named_calls(trace, np.arange(trace.ops.rows, dtype=np.int32))
    calls[_cannot_launch(trace, calls)] = NONE
    return calls


def misled_ops(trace: Trace, calls: NDArray[np.int32]) -> Indices:
    """The ops whose correlation ID names a call that cannot launch: rows of ops. `calls`: as `launch_calls`."""
    without = _rows((calls == NONE) & names_launch(trace.ops["correlation"]))
    if not len(without) or not NO_LAUNCHES.names(trace):
        return without[:0]
    return without[_cannot_launch(trace, _named_calls(trace, without))]


def _named_calls(trace: Trace, rows: Indices) -> NDArray[np.int32]:
    """The call that the (process, correlation ID) of each of these ops names, whatever it does; -1 none."""
    ops, calls = trace.ops, np.full(len(rows), NONE, np.int32)
    for process, api in _calls_by_process(trace):
        mine = _rows((ops["process"][rows] == process) & names_launch(ops["correlation"][rows]))
        of_process = CallKeys(trace.api, api)
        calls[mine] = of_process.latest(ops["correlation"][rows[mine]], ops["start"][rows[mine]])
    return calls


def _cannot_launch(trace: Trace, calls: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of these rows of api (-1 none) are calls that launch nothing, such as cudaEventRecord."""
    names = NO_LAUNCHES.names(trace)
    if not names:
        return np.zeros(len(calls), np.bool_)
    found: NDArray[np.bool_] = (calls != NONE) & is_any(trace.api["name"], names)[calls]
    return found


def _calls_by_process(trace: Trace) -> Iterator[tuple[int, Indices]]:
    """(process, its API rows) for every process that the report names (a global ID of 0 names none)."""
    processes = distinct(trace.threads["process"][distinct(trace.api["thread"])])
    of_call = trace.threads["process"][trace.api["thread"]] if len(processes) > 1 else None
    for process in processes[trace.processes["global_pid"][processes] != 0].tolist():
        yield process, np.arange(trace.api.rows, dtype=np.int32) if of_call is None else _rows(of_call == process)


def _rows(mask: NDArray[np.bool_]) -> Indices:
    """Where a mask is true, in half the memory that np.flatnonzero takes."""
    return np.flatnonzero(mask).astype(np.int32)


def match_calls(trace: Trace, records: Table) -> NDArray[np.int32]:
    """The row of `trace.api` with each record's (process, correlation): for tables with those two columns.

    Where IDs are reused, the calls and the records of a key belong together in their order.
    """
    calls = np.full(records.rows, NONE, np.int32)
    for process, api in _calls_by_process(trace):
        wanted = np.flatnonzero((records["process"] == process) & (records["correlation"] != 0))
        keys = records["correlation"][wanted]
        calls[wanted] = _keys_among(trace.api, api, keys).in_order(keys)
    return calls


def match_records(trace: Trace, records: Table, call: Indices) -> NDArray[np.int64]:
    """The record of each of these calls (rows of api), by (process, correlation), -1 for none: `match_calls` from the
    other side."""
    found = np.full(len(call), NONE, np.int64)
    process = trace.threads["process"][trace.api["thread"][call]] if len(call) else np.empty(0, np.int32)
    for one, api in _calls_by_process(trace):
        mine = np.flatnonzero(process == one)
        rows = np.flatnonzero((records["process"] == one) & (records["correlation"] != 0))
        order = np.argsort(records["correlation"][rows], kind="stable")
        keys, wanted = records["correlation"][rows][order], trace.api["correlation"][call[mine]]
        if len(keys) and len(mine):
            first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right") - 1
            number = _keys_among(trace.api, api, wanted).number(wanted, trace.api["start"][call[mine]])
            place = np.minimum(first + number, last)
            found[mine] = np.where(first <= last, rows[order][np.maximum(place, 0)], NONE)
    return found


def _keys_among(api: Table, rows: Indices, wanted: NDArray[np.int64]) -> CallKeys:
    """The calls of a process that have one of these keys: records are few beside the calls."""
    return CallKeys(api, rows[is_any(api["correlation"][rows], wanted)])


def by_stream(ops: Table) -> tuple[Indices, Indices]:
    """(order, bounds): op rows by (process, context, stream), then start; group i is order[bounds[i]:bounds[i + 1]]."""
    stream, number = combined_codes(ops["process"], ops["context"], ops["stream"])
    order = np.argsort(stream, kind="stable").astype(np.int32)
    return order, np.concatenate(([0], np.cumsum(np.bincount(stream, minlength=number))))
