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
        self.number = {stream: place for place, stream in enumerate(streams)}
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
            wanted = {one for one in self.streams if context in (NONE, one[0])}
        members = sorted(self.number[one] for one in wanted if one in self.number)
        return self.sets.setdefault(tuple(members), len(self.sets))


def dependencies(trace: Trace, calls: Calls, streams: Streams, counts_as: Indices) -> Dependencies:
    """What the calls wait for. `counts_as`: the number of the call that each row of api counts as, -1 none."""
    record = _records_of(trace, trace.sync_records, counts_as, len(calls.row))
    made = _records_of(trace, trace.event_records, counts_as, len(calls.row))
    scopes = _Scopes(trace, calls.process, streams)
    found = Dependencies(
        scope=np.full(len(calls.row), NO_SCOPE, np.int32),
        event=np.full(len(calls.row), NONE, np.int64),
        awaits=np.full(len(calls.row), NONE, np.int64),
        own_stream=np.full(len(calls.row), NONE, np.int32),
        scopes=(),
    )
    _fill_scopes(found, trace, calls, record, scopes)
    _fill_records(found, trace, calls, made, scopes)
    _fill_events(found, trace, calls, record, scopes, counts_as)
    return Dependencies(found.scope, found.event, found.awaits, found.own_stream, tuple(scopes.sets))


def _records_of(trace: Trace, records: Table, counts_as: Indices, calls: int) -> Indices:
    """The first record of each call, -1 for none."""
    call = match_calls(trace, records)
    rows = np.flatnonzero(call != NONE)
    number = counts_as[call[rows]]
    rows, number = rows[number != NONE][::-1], number[number != NONE][::-1]
    found = np.full(calls, NONE, index_type(records.rows))
    found[number] = rows
    return found


def _fill_scopes(found: Dependencies, trace: Trace, calls: Calls, record: Indices, scopes: _Scopes) -> None:
    """Stream, context and other waiting calls: what their record names, the process without one."""
    mine = np.flatnonzero(np.isin(calls.role, (STREAM_SYNC, CONTEXT_SYNC, FREE)))
    known = record[mine] != NONE
    context, stream, green = (np.full(len(mine), none, np.int32) for none in (NONE, NONE, 0))
    context[known] = trace.sync_records["context"][record[mine[known]]]
    green[known] = trace.sync_records["green_context"][record[mine[known]]]
    by_stream = known & (calls.role[mine] == STREAM_SYNC)
    stream[by_stream] = trace.sync_records["stream"][record[mine[by_stream]]]
    present, place = codes(combined_codes(context, stream, green)[0].astype(np.int64))
    first = np.zeros(len(present), np.intp)
    first[place[::-1]] = np.arange(len(place))[::-1]
    number = np.zeros(len(present), np.int32)
    for one in np.argsort(first).tolist():  # numbered as they come
        number[one] = scopes.of(*(int(column[first[one]]) for column in (context, stream, green)))
    found.scope[mine] = number[place]


def _fill_records(found: Dependencies, trace: Trace, calls: Calls, made: Indices, scopes: _Scopes) -> None:
    for number in np.flatnonzero((calls.role == RECORD) & (made != NONE)).tolist():
        place = tuple(int(trace.event_records[name][made[number]]) for name in ("context", "stream"))
        found.own_stream[number] = scopes.number.get((place[0], place[1]), NONE)


def _fill_events(
    found: Dependencies,
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
    for place, (number, event) in enumerate(zip(known.tolist(), awaited.tolist(), strict=True)):
        context, stream = int(rows["context"][place]), int(rows["stream"][place])
        by = int(counts_as[event_call[event]]) if event != NONE and event_call[event] != NONE else NONE
        by = by if by < number and by != NONE and calls.role[by] == RECORD else NONE
        if calls.role[number] == WAIT:
            own = scopes.number.get((context, stream), NONE)
            found.own_stream[number] = own
            found.awaits[number] = by if own != NONE else NONE
        elif by != NONE:
            found.event[number] = by
        elif event != NONE:
            found.scope[number] = scopes.of(*(int(trace.event_records[name][event]) for name in ("context", "stream")))
        else:
            found.scope[number] = scopes.of(context, NONE)
    for number in waiting[(record[waiting] == NONE) & (calls.role[waiting] == EVENT_SYNC)].tolist():
        found.scope[number] = scopes.of(NONE, NONE)
