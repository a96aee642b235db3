"""What each call of a process waits for: the streams it covers, the event it awaits, and where that was recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.launches import match_calls
from nsysgap.analysis.relations.syncs import NEVER, awaited_records
from nsysgap.analysis.schedule.calls import CONTEXT_SYNC, EVENT_SYNC, FREE, RECORD, STREAM_SYNC, WAIT, Calls
from nsysgap.analysis.schedule.schedule import NO_SCOPE
from nsysgap.arrays import Indices, codes, combined_codes, index_type
from nsysgap.tables import BLOCKING_STREAM, LEGACY_NULL_STREAM, NONE, Table, Trace

Streams = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Dependencies:
    """Per call, arrays of shape (calls,), as in Schedule: `scope` (of `scopes`), `event`, `awaits`, `own_stream`."""

    scope: NDArray[np.int32]
    event: NDArray[np.int64]
    awaits: NDArray[np.int64]
    own_stream: NDArray[np.int32]
    scopes: tuple[tuple[int, ...], ...]


class _Scopes:
    """Numbers of sets of streams, each set once."""

    def __init__(self, trace: Trace, process: int, streams: Streams) -> None:
        self.streams = streams
        self.number = {stream: number for number, stream in enumerate(streams)}
        self.sets: dict[tuple[int, ...], int] = {}
        known = trace.streams.take(trace.streams["process"] == process)
        rows = zip(*(known[name].tolist() for name in ("context", "stream", "flag", "green_context")), strict=True)
        self.known = [row for row in rows if (row[0], row[1]) in self.number or row[2] == LEGACY_NULL_STREAM]

    def of(self, context: int, stream: int, green: int = 0) -> int:
        """The scope of a stream (of a context's legacy null stream: its blocking streams too); of a green context or a
        context for no stream, of the process for no context."""
        if NONE not in (context, stream):
            wanted = {(context, stream)}
            if (context, stream, LEGACY_NULL_STREAM) in {row[:3] for row in self.known}:
                wanted |= {row[:2] for row in self.known if row[0] == context and row[2] == BLOCKING_STREAM}
        elif context != NONE and green:
            wanted = {row[:2] for row in self.known if row[0] == context and row[3] == green}
        else:
            wanted = {pair for pair in self.streams if context in (NONE, pair[0])}
        members = sorted(self.number[pair] for pair in wanted if pair in self.number)
        return self.sets.setdefault(tuple(members), len(self.sets))


def dependencies(trace: Trace, calls: Calls, streams: Streams, counts_as: Indices) -> Dependencies:
    """What the calls wait for. `counts_as`: the number of the call that each row of api counts as, -1 none."""
    record = _records_of(trace, trace.sync_records, counts_as, len(calls.row))
    made = _records_of(trace, trace.event_records, counts_as, len(calls.row))
    scopes = _Scopes(trace, calls.process, streams)
    waits = Dependencies(
        scope=np.full(len(calls.row), NO_SCOPE, np.int32),
        event=np.full(len(calls.row), NONE, np.int64),
        awaits=np.full(len(calls.row), NONE, np.int64),
        own_stream=np.full(len(calls.row), NONE, np.int32),
        scopes=(),
    )
    _fill_scopes(waits, trace, calls, record, scopes)
    _fill_records(waits, trace, calls, made, scopes)
    _fill_events(waits, trace, calls, record, scopes, counts_as)
    return Dependencies(waits.scope, waits.event, waits.awaits, waits.own_stream, tuple(scopes.sets))


def _records_of(trace: Trace, records: Table, counts_as: Indices, calls: int) -> Indices:
    """The first record of each call, -1 for none."""
    call = match_calls(trace, records)
    rows = np.flatnonzero(call != NONE)
    number = counts_as[call[rows]]
    rows, number = rows[number != NONE][::-1], number[number != NONE][::-1]
    first = np.full(calls, NONE, index_type(records.rows))
    first[number] = rows
    return first


def _fill_scopes(waits: Dependencies, trace: Trace, calls: Calls, record: Indices, scopes: _Scopes) -> None:
    """Stream, context and other waiting calls: what their record names, the process without one."""
    mine = np.flatnonzero(np.isin(calls.role, (STREAM_SYNC, CONTEXT_SYNC, FREE)))
    known = record[mine] != NONE
    context, stream, green = (np.full(len(mine), none, np.int32) for none in (NONE, NONE, 0))
    context[known] = trace.sync_records["context"][record[mine[known]]]
    green[known] = trace.sync_records["green_context"][record[mine[known]]]
    by_stream = known & (calls.role[mine] == STREAM_SYNC)
    stream[by_stream] = trace.sync_records["stream"][record[mine[by_stream]]]
    present, code = codes(combined_codes(context, stream, green)[0].astype(np.int64))
    first = np.zeros(len(present), np.intp)
    first[code[::-1]] = np.arange(len(code))[::-1]
    number = np.zeros(len(present), np.int32)
    for scope_code in np.argsort(first).tolist():  # numbered as they come
        number[scope_code] = scopes.of(*(int(column[first[scope_code]]) for column in (context, stream, green)))
    waits.scope[mine] = number[code]


def _fill_records(waits: Dependencies, trace: Trace, calls: Calls, made: Indices, scopes: _Scopes) -> None:
    for number in np.flatnonzero((calls.role == RECORD) & (made != NONE)).tolist():
        pair = tuple(int(trace.event_records[name][made[number]]) for name in ("context", "stream"))
        waits.own_stream[number] = scopes.number.get((pair[0], pair[1]), NONE)


def _fill_events(
    waits: Dependencies,
    trace: Trace,
    calls: Calls,
    record: Indices,
    scopes: _Scopes,
    counts_as: Indices,
) -> None:
    """Calls that wait for an event, and calls that make a stream wait for one."""
    waiting = np.flatnonzero(np.isin(calls.role, (EVENT_SYNC, WAIT)))
    known = waiting[record[waiting] != NONE]
    event_call = match_calls(trace, trace.event_records)
    recorded = np.where(event_call == NONE, NEVER, trace.api["start"][event_call] if trace.api.rows else NEVER)
    rows = trace.sync_records.take(record[known])
    awaited = awaited_records(trace.event_records, recorded, rows, calls.start[known])
    for row, (number, event) in enumerate(zip(known.tolist(), awaited.tolist(), strict=True)):
        context, stream = int(rows["context"][row]), int(rows["stream"][row])
        by = int(counts_as[event_call[event]]) if event != NONE and event_call[event] != NONE else NONE
        by = by if by < number and by != NONE and calls.role[by] == RECORD else NONE
        if calls.role[number] == WAIT:
            own = scopes.number.get((context, stream), NONE)
            waits.own_stream[number] = own
            waits.awaits[number] = by if own != NONE else NONE
        elif by != NONE:
            waits.event[number] = by
        elif event != NONE:
            waits.scope[number] = scopes.of(*(int(trace.event_records[name][event]) for name in ("context", "stream")))
        else:
            waits.scope[number] = scopes.of(context, NONE)
    for number in waiting[(record[waiting] == NONE) & (calls.role[waiting] == EVENT_SYNC)].tolist():
        waits.scope[number] = scopes.of(NONE, NONE)
