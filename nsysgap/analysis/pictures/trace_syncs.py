"""Synchronization as PyTorch's profiler (Kineto) writes it: `cuda_sync` events on the GPU that was waited for.

A record is named by its call, since the type that nsys stores has several codings. A call that names no kind (CUPTI
notes some that free or copy) and one that failed, such as a query of an event that had not happened, have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import QUERIES, STREAM_WAITS, SYNC_CALLS
from nsysgap.analysis.relations.launches import match_calls
from nsysgap.analysis.relations.syncs import NEVER, awaited_records
from nsysgap.arrays import codes
from nsysgap.tables import NONE, Table, Trace, stream_ids
from nsysgap.tracks import Arg, Slices, Texts

Rows = NDArray[np.integer[Any]]
Times = NDArray[np.int64]
KINDS = ("Stream Sync", "Event Sync", "Context Sync", "Stream Wait Event")
_STREAM, _EVENT, _CONTEXT, _WAIT = range(len(KINDS))
_OF_CALL = {"stream": _STREAM, "event": _EVENT, "context": _CONTEXT}


@dataclass(frozen=True)
class CudaSyncs:
    """`cuda_sync` events by start, arrays of shape (syncs,).

    `record`: row of sync_records, `call`: row of api, `kind`: position in KINDS. `recorded`: of those that wait for an
    event, the correlation ID of the call that recorded it, and `recorded_on` its stream; -1 where the report does not
    say. `end` is never before `start`, both lie inside the call.
    """

    record: Rows
    call: Rows
    kind: NDArray[np.int8]
    start: Times
    end: Times
    recorded: Times
    recorded_on: Times


def cuda_syncs(trace: Trace, spans: Table, kept: NDArray[np.bool_], device: NDArray[np.bool_]) -> CudaSyncs:
    """The syncs of the kept calls, shape (api,), and of the GPUs that `device` marks, shape (sync_records,).

    `spans`: start and end of each record, beside sync_records.
    """
    call = match_calls(trace, trace.sync_records)
    kind = _kinds(trace, call)
    record = np.flatnonzero((kind != NONE) & device)
    record = record[kept[call[record]]]
    begin, leave = trace.api["start"][call[record]], trace.api["end"][call[record]]
    start = np.clip(spans["start"][record], begin, leave)
    end = np.clip(spans["end"][record], begin, leave)
    whole = end <= start  # a record without times of its own takes the call's
    start, end = np.where(whole, begin, start), np.where(whole, leave, end)
    order = np.argsort(start, kind="stable")
    record, start, end = record[order], start[order], end[order]
    recorded, recorded_on = _recorded(trace, record, call[record], kind[record])
    return CudaSyncs(record, call[record], kind[record], start, end, recorded, recorded_on)


def _kinds(trace: Trace, call: Rows) -> NDArray[np.int8]:
    """The kind of each record, -1 for none."""
    usable = call != NONE
    usable[usable] &= ~trace.api["failed"][call[usable]]
    kind = np.full(len(call), NONE, np.int8)
    names, code = codes(trace.api["name"][call[usable]])
    of_name = np.array([_kind(trace.name(index)) for index in names.tolist()], np.int8)
    kind[usable] = of_name[code]
    return kind


def _kind(name: str) -> int:
    if name in STREAM_WAITS:
        return _WAIT
    if name in QUERIES:
        return _EVENT if "Event" in name else NONE
    return _OF_CALL.get(SYNC_CALLS.get(name, ""), NONE)


def _recorded(trace: Trace, record: Rows, call: Rows, kind: NDArray[np.int8]) -> tuple[Times, Times]:
    """(correlation ID of the call that recorded the event, its stream) of each sync, -1 where there is none."""
    correlation, stream = np.full(len(record), NONE, np.int64), np.full(len(record), NONE, np.int64)
    waiting = np.flatnonzero(_awaits_event(kind))
    if not len(waiting) or not trace.event_records.rows:
        return correlation, stream
    recorded_by = match_calls(trace, trace.event_records)
    at = np.where(recorded_by == NONE, NEVER, trace.api["start"][recorded_by])
    records = trace.sync_records.take(record[waiting])
    event = awaited_records(trace.event_records, at, records, trace.api["start"][call[waiting]])
    known, event = waiting[event != NONE], event[event != NONE]
    correlation[known] = trace.event_records["correlation"][event]
    stream[known] = stream_ids(trace.event_records["stream"][event])
    return correlation, stream


def _awaits_event(kind: NDArray[np.int8]) -> NDArray[np.bool_]:
    awaiting: NDArray[np.bool_] = (kind == _EVENT) | (kind == _WAIT)
    return awaiting


def sync_slices(trace: Trace, syncs: CudaSyncs, part: slice, device: Times, track: NDArray[np.int32]) -> Slices:
    """Some of the syncs with Kineto's args; `device` of each record, `track` of each sync."""
    record, kind = syncs.record[part], syncs.kind[part]
    records, awaits = trace.sync_records, _awaits_event(kind)
    args = (
        Arg("cuda_sync_kind", Texts(kind, KINDS)),
        Arg("stream", _as_signed(stream_ids(records["stream"][record]))),
        Arg("correlation", records["correlation"][record]),
        Arg("device", device[record]),
        Arg("context", records["context"][record].astype(np.int64)),
        Arg("wait_on_stream", syncs.recorded_on[part], awaits),
        Arg("wait_on_cuda_event_record_corr_id", syncs.recorded[part], awaits),
        Arg("wait_on_cuda_event_id", records["event"][record], awaits),
    )
    return Slices("cuda_sync", Texts(kind, KINDS), syncs.start[part], syncs.end[part], track[part], args)


def _as_signed(stream: Times) -> Times:
    """-1 for CUPTI's "no stream", all bits set."""
    return np.where(stream == 0xFFFFFFFF, NONE, stream)
