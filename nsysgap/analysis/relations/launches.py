"""Which API call launched each op."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.call_keys import CallKeys
from nsysgap.analysis.relations.calls import NO_LAUNCHES
from nsysgap.analysis.relations.spans import stretches
from nsysgap.arrays import combined_codes, distinct, is_any, lookup, stands_again
from nsysgap.intervals import is_sorted
from nsysgap.tables import NONE, Table, Trace, names_launch

Indices = NDArray[Any]
Times = NDArray[np.int64]


def launch_calls(trace: Trace) -> NDArray[np.int32]:
    """The row of `trace.api` that launched each op, -1 for none: int32 of shape (ops,).

    The key is (process, correlation ID), never the ID alone: two processes of one report share the numbers. Of several
    calls with one key (process IDs and numbers are reused) those nested in another do not count; of the rest the latest
    that starts at or before the op does, else the earliest. 0 and NULL are no key, and a call that cannot launch is
    nobody's launch call.
    """
    calls = _named_calls(trace, slice(None))
    calls[_cannot_launch(trace, calls)] = NONE
    return calls


def misled_ops(trace: Trace, calls: NDArray[np.int32]) -> Indices:
    """The ops whose correlation ID names a call that cannot launch: rows of ops. `calls`: as `launch_calls`."""
    without = _rows((calls == NONE) & names_launch(trace.ops["correlation"]))
    if not len(without) or not NO_LAUNCHES.names(trace):
        return without[:0]
    return without[_cannot_launch(trace, _named_calls(trace, without))]


def _named_calls(trace: Trace, rows: slice | Indices) -> NDArray[np.int32]:
    """The call that the (process, correlation ID) of each of these ops names, whatever it does; -1 none."""
    process_of, correlation, start = (trace.ops[name][rows] for name in ("process", "correlation", "start"))
    calls = np.full(len(start), NONE, np.int32)
    for process, api in _calls_by_process(trace):
        mine = _rows((process_of == process) & names_launch(correlation))
        calls[mine] = CallKeys(trace.api, api).latest(correlation[mine], start[mine])
    return calls


def _cannot_launch(trace: Trace, calls: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of these rows of api (-1 none) are calls that launch nothing, such as cudaEventRecord."""
    names = NO_LAUNCHES.names(trace)
    if not names:
        return np.zeros(len(calls), np.bool_)
    launching_nothing: NDArray[np.bool_] = (calls != NONE) & is_any(trace.api["name"], names)[calls]
    return launching_nothing


def _calls_by_process(trace: Trace) -> Iterator[tuple[int, Indices]]:
    """(process, its API rows) for every process that the report names (a global ID of 0 names none)."""
    processes = distinct(trace.threads["process"][trace.api.distinct("thread")])
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


def match_records(trace: Trace, records: Table, call: Indices) -> NDArray[np.int32]:
    """The record of each of these calls (rows of api), by (process, correlation), -1 for none: `match_calls` from the
    other side."""
    record = np.full(len(call), NONE, np.int32)
    process = trace.threads["process"][trace.api["thread"][call]] if len(call) else np.empty(0, np.int32)
    for process_row, api in _calls_by_process(trace):
        mine = _rows(process == process_row)
        rows = _rows((records["process"] == process_row) & (records["correlation"] != 0))
        keys = records["correlation"] if len(rows) == records.rows else records["correlation"][rows]
        if not is_sorted(keys):
            order = np.argsort(keys, kind="stable")
            keys, rows = keys[order], rows[order]
        if len(keys) and len(mine):
            record[mine] = _of_keys(trace.api, api, keys, rows, call[mine])
    return record


def _of_keys(api: Table, of_process: Indices, keys: Times, rows: Indices, call: Indices) -> NDArray[np.int32]:
    """Of these calls of a process the rows with their keys, -1 for none. `keys` are sorted, `rows` beside them."""
    position = np.full(len(call), NONE, np.int32)
    several = np.zeros(len(call), np.bool_)
    for some in stretches(len(call)):
        wanted = api["correlation"][call[some]]
        first, known = lookup(keys, wanted)
        position[some] = np.where(known, first, NONE)
        several[some] = known & stands_again(keys, first)
    again = np.flatnonzero(several)
    if len(again):  # the n-th call of a key has its n-th record
        wanted, at = api["correlation"][call[again]], api["start"][call[again]]
        number = _keys_among(api, of_process, wanted).number(wanted, at)
        position[again] = np.minimum(position[again] + number, np.searchsorted(keys, wanted, side="right") - 1)
    return np.where(position == NONE, np.int32(NONE), rows[np.maximum(position, 0)])


def _keys_among(api: Table, rows: Indices, wanted: NDArray[np.int64]) -> CallKeys:
    """The calls of a process that have one of these keys: records are few beside the calls."""
    keys, chosen = distinct(wanted), np.empty(len(rows), np.bool_)
    for some in stretches(len(rows)):
        chosen[some] = lookup(keys, api["correlation"][rows[some]])[1]
    return CallKeys(api, rows[chosen])


def by_stream(ops: Table) -> tuple[Indices, Indices]:
    """(order, bounds): op rows by (process, context, stream), then start; group i is order[bounds[i]:bounds[i + 1]]."""
    stream, number = combined_codes(ops["process"], ops["context"], ops["stream"])
    order = np.argsort(stream, kind="stable").astype(np.int32)
    return order, np.concatenate(([0], np.cumsum(np.bincount(stream, minlength=number))))
