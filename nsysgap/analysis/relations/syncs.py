"""Synchronising calls: how long each waited for the GPU, and how long after the GPU had finished it returned."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import SYNC_CALLS, SYNCS
from nsysgap.analysis.relations.launches import by_stream, match_calls, match_records
from nsysgap.analysis.relations.spans import Spans, stretches
from nsysgap.analysis.stats import stats
from nsysgap.arrays import codes, combined_codes, distinct, grouped
from nsysgap.figures import Stats
from nsysgap.intervals import is_sorted
from nsysgap.tables import (
    BLOCKING_STREAM,
    GRAPH,
    LEGACY_NULL_STREAM,
    NO_GRAPH_NODE,
    NONE,
    Table,
    Trace,
    names_launch,
)

Indices = NDArray[np.integer[Any]]
Times = NDArray[np.int64]
NEVER = int(np.iinfo(np.int64).min)
NO_EVENT_SYNC = 0
KINDS = ("stream", "event", "context")
STREAM, EVENT = KINDS.index("stream"), KINDS.index("event")


@dataclass(frozen=True)
class Syncs:
    """Every synchronising call by start, arrays of shape (syncs,): `call` is its row of api.

    `finished` is the latest end of the ops it covers (int64's least without any). waited: finished > start; then `wait`
    = finished - start and `tail` = end - finished, ns, both 0 for a call that found nothing to wait for. `known`: the
    report says what the call waited for; else its whole context or process stands for that.
    """

    trace: Trace
    call: NDArray[np.int32]
    finished: Times
    known: NDArray[np.bool_]

    @property
    def waited(self) -> NDArray[np.bool_]:
        """Whether the call waited for the GPU."""
        waiting: NDArray[np.bool_] = self.finished > self.trace.api["start"][self.call]
        return waiting

    @property
    def wait(self) -> Times:
        """How long the GPU still worked, ns."""
        return np.maximum(self.finished, self.trace.api["start"][self.call]) - self.trace.api["start"][self.call]

    @property
    def tail(self) -> Times:
        """How long after the GPU had finished the call returned, ns."""
        return np.where(self.waited, self.trace.api["end"][self.call] - self.finished, 0)

    @cached_property
    def summary(self) -> dict[str, object]:
        """waited: count and the Stats of wait and tail in ns; found_nothing: how many calls had nothing to wait for."""
        waited = self.waited
        waits: dict[str, int | Stats | None] = {
            "count": int(waited.sum()),
            "wait_ns": stats(self.wait[waited]),
            "tail_ns": stats(self.tail[waited]),
        }
        return {"waited": waits, "found_nothing": int((~waited).sum())}

    def take(self, rows: Indices) -> Syncs:
        """Some of the calls."""
        return Syncs(self.trace, self.call[rows], self.finished[rows], self.known[rows])


def syncs(trace: Trace, calls: NDArray[np.int32]) -> Syncs:
    """Match every synchronising call with the ops it covers.

    Covered are ops whose launch call starts before the sync call does: on its stream, its context, or on the stream of
    the awaited event and launched before that was recorded; on the whole process where the report has no
    synchronization record. A context's legacy null stream stands for its blocking streams too. The kind of call is
    taken from the API's name, since syncType has five codings.
    """
    call = np.flatnonzero(SYNCS.rows(trace)).astype(np.int32)
    scopes, finished = _Scopes(trace, calls), np.full(len(call), NEVER)
    record = match_records(trace, trace.sync_records, call)
    by_event = np.zeros(len(call), np.bool_)
    known = record != NONE
    known[known] = trace.sync_records["context"][record[known]] != NONE
    for some in stretches(len(call)):
        kind = _kinds(trace, call[some])
        by_event[some] = (kind == EVENT) & (record[some] != NONE)
        finished[some] = _finished(scopes, call[some], record[some], kind)
    events = np.flatnonzero(by_event)
    if len(events):
        awaited = trace.sync_records.take(record[events])
        finished[events], known[events] = _events(trace, scopes, awaited, trace.api["start"][call[events]])
    return Syncs(trace, call, finished, known)


def _finished(scopes: _Scopes, call: Indices, record: Indices, kind: NDArray[np.int8]) -> Times:
    """The latest end of the ops that each sync call covers; of those of events it is still to be found."""
    trace, records = scopes.trace, scopes.trace.sync_records
    process = trace.threads["process"][trace.api["thread"][call]]
    before = scopes.begun_before_calls(call)
    finished = np.full(len(call), NEVER)
    context = np.where(record == NONE, NONE, records["context"][record] if records.rows else NONE)
    stream = np.where(record == NONE, NONE, records["stream"][record] if records.rows else NONE)
    by_event = (kind == EVENT) & (record != NONE)
    by_stream = (kind == STREAM) & (context != NONE) & (stream != NONE)
    green = np.where(record == NONE, 0, records["green_context"][record] if records.rows else 0)
    by_green = (context != NONE) & ~by_event & ~by_stream & (green != 0)
    by_context = (context != NONE) & ~by_event & ~by_stream & ~by_green
    whole = (context == NONE) & ~by_event  # no record, or one that names no context
    finished[whole] = scopes.latest_end(before[whole], process[whole])
    finished[by_context] = scopes.latest_end(before[by_context], process[by_context], context[by_context])
    finished[by_stream] = scopes.on_streams(
        before[by_stream], process[by_stream], context[by_stream], stream[by_stream]
    )
    finished[by_green] = scopes.in_green(before[by_green], process[by_green], context[by_green], green[by_green])
    return finished


def _kinds(trace: Trace, call: Indices) -> NDArray[np.int8]:
    """What each sync call waits for, as an index into KINDS."""
    present, code = codes(trace.api["name"][call])
    kinds = np.array([KINDS.index(SYNC_CALLS[trace.names[index]]) for index in present.tolist()], np.int8)
    return kinds[code] if len(kinds) else kinds


def _events(trace: Trace, scopes: _Scopes, records: Table, before: Times) -> tuple[Times, NDArray[np.bool_]]:
    """(the latest end for event waits: ops of the event's stream launched before it was recorded; of the sync record's
    context (the process, if it names none) where the report does not say which event or when it was recorded;
    whether it does)."""
    event_call = match_calls(trace, trace.event_records)
    recorded = np.where(event_call == NONE, NEVER, trace.api["start"][event_call] if trace.api.rows else NEVER)
    awaited = awaited_records(trace.event_records, recorded, records, before)
    known = awaited != NONE
    latest = np.full(records.rows, NEVER)
    in_context, in_process = ~known & (records["context"] != NONE), ~known & (records["context"] == NONE)
    started = scopes.begun_before(before)
    latest[in_context] = scopes.latest_end(
        started[in_context], records["process"][in_context], records["context"][in_context]
    )
    latest[in_process] = scopes.latest_end(started[in_process], records["process"][in_process])
    events = trace.event_records.take(awaited[known])
    limit = recorded[awaited[known]]
    limit = np.where(limit == NEVER, before[known], np.minimum(limit, before[known]))
    latest[known] = scopes.on_streams(
        scopes.begun_before(limit), events["process"], events["context"], events["stream"]
    )
    return latest, known


def awaited_records(events: Table, recorded: Times, records: Table, before: Times) -> NDArray[np.int64]:
    """The event record of each wait: the same eventSyncId, else the latest of its event recorded before; -1 none."""
    by_sync: dict[tuple[int, int], int] = {}
    by_event: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, (process, event, sync, at) in enumerate(
        zip(*(events[name].tolist() for name in ("process", "event", "event_sync")), recorded.tolist(), strict=True)
    ):
        if sync not in (NONE, NO_EVENT_SYNC):
            by_sync.setdefault((process, sync), row)
        if at != NEVER and event != NONE:
            by_event.setdefault((process, event), []).append((at, row))
    for pairs in by_event.values():
        pairs.sort()
    columns = (records[name].tolist() for name in ("process", "event", "event_sync"))
    awaited = []
    for process, event, sync, limit in zip(*columns, before.tolist(), strict=True):
        row = by_sync.get((process, sync), NONE) if sync not in (NONE, NO_EVENT_SYNC) else NONE
        if row == NONE:
            pairs = by_event.get((process, event), [])
            earlier = bisect_left(pairs, (limit,))
            row = pairs[earlier - 1][1] if earlier else NONE
        awaited.append(row)
    return np.array(awaited, np.int64)


def _with_device_launches(trace: Trace, calls: NDArray[np.int32]) -> NDArray[np.int32]:
    """The launch calls with those of graphs that the GPU itself launched: that of the latest op before on the stream.

    Such graphs carry no correlation ID; whoever waits for the work that launched them waits for them too.
    """
    ops = trace.ops
    graphs = (ops["kind"] == GRAPH) | (ops["graph_node"] != NO_GRAPH_NODE)
    own = np.flatnonzero(graphs & ~names_launch(ops["correlation"]))
    if not len(own):
        return calls
    launch = calls.copy()
    order, bounds = by_stream(ops)
    for low, high in pairwise(bounds.tolist()):
        rows = order[low:high]
        known = np.where(calls[rows] != NONE, np.arange(len(rows)), NONE)
        latest = np.maximum.accumulate(known) if len(rows) else known
        mine = np.flatnonzero(np.isin(rows, own) & (latest != NONE))
        launch[rows[mine]] = calls[rows[latest[mine]]]
    return launch


class _Scopes:
    """The latest end of the ops launched before a moment, within a process, a context of it or a stream of that.

    `before`: how many API calls start before each moment.
    """

    def __init__(self, trace: Trace, calls: NDArray[np.int32]) -> None:
        self.trace = trace
        self.streams = trace.streams
        calls = _with_device_launches(trace, calls)
        self.ops, self.api = trace.ops, trace.api
        self.rows = np.flatnonzero(calls != NONE).astype(np.int32)
        self.calls = calls[self.rows]
        if not is_sorted(self.calls):  # in order of launch: api is sorted by start
            order = np.argsort(self.calls, kind="stable")
            self.rows, self.calls = self.rows[order], self.calls[order]
        self._groups: dict[int, dict[tuple[int, ...], _Launched]] = {}

    def begun_before(self, times: Times) -> Indices:
        """How many API calls start before each time."""
        return np.searchsorted(self.api["start"], times).astype(np.int32)

    def begun_before_calls(self, call: Indices) -> Indices:
        """The same of the starts of these calls, rows of api, which is sorted by start: nothing needs to be searched
        but for what starts together."""
        start, number = self.api["start"], call.copy()
        together = np.flatnonzero((start[np.maximum(call - 1, 0)] == start[call]) & (call > 0))
        number[together] = self.begun_before(start[call[together]])
        return number

    def latest_end(self, before: Indices, *scope: NDArray[np.int32]) -> Times:
        """For each moment and scope (process[, context[, stream]]) the latest end of ops launched strictly before."""
        latest = np.full(len(before), NEVER)
        if not len(before) or not len(self.rows):
            return latest
        groups = self._grouped(len(scope))
        wanted, number = combined_codes(*scope)
        waits_of = grouped(wanted, number)
        for code in distinct(wanted).tolist():
            waits = waits_of(code)
            group = groups.get(tuple(int(column[waits[0]]) for column in scope))
            if group is not None:
                latest[waits] = group.latest_end(before[waits])
        return latest

    def on_streams(
        self, before: Indices, process: NDArray[np.int32], context: NDArray[np.int32], stream: NDArray[np.int32]
    ) -> Times:
        """`latest_end` of streams; waiting for a context's legacy null stream also waits for its blocking streams."""
        latest = self.latest_end(before, process, context, stream)
        null = self.streams.take(self.streams["flag"] == LEGACY_NULL_STREAM)
        for scope in zip(*(null[name].tolist() for name in ("process", "context", "stream")), strict=True):
            waits = np.flatnonzero((process == scope[0]) & (context == scope[1]) & (stream == scope[2]))
            for other in self._streams_of(scope[0], scope[1], "flag", BLOCKING_STREAM) if len(waits) else ():
                ends = self.latest_end(
                    before[waits], process[waits], context[waits], np.full_like(stream[waits], other)
                )
                latest[waits] = np.maximum(latest[waits], ends)
        return latest

    def in_green(
        self, before: Indices, process: NDArray[np.int32], context: NDArray[np.int32], green: NDArray[np.int32]
    ) -> Times:
        """`latest_end` of green contexts: of all streams whose ops ran in them."""
        latest = np.full(len(before), NEVER)
        for scope in {*zip(process.tolist(), context.tolist(), green.tolist(), strict=True)}:
            waits = np.flatnonzero((process == scope[0]) & (context == scope[1]) & (green == scope[2]))
            for stream in self._streams_of(scope[0], scope[1], "green_context", scope[2]):
                streams = np.full(len(waits), stream, np.int32)
                ends = self.latest_end(before[waits], process[waits], context[waits], streams)
                latest[waits] = np.maximum(latest[waits], ends)
        return latest

    def _streams_of(self, process: int, context: int, column: str, value: int) -> list[int]:
        """The streams of a context whose column has a value."""
        streams = self.streams
        own = (streams["process"] == process) & (streams["context"] == context) & (streams[column] == value)
        return [int(stream) for stream in distinct(streams["stream"][own])]

    def _grouped(self, depth: int) -> dict[tuple[int, ...], _Launched]:
        """What was launched in each scope of `depth` values."""
        if depth not in self._groups:
            columns = [self.ops[name] for name in ("process", "context", "stream")[:depth]]
            code, number = combined_codes(*(column[self.rows] for column in columns))
            present, positions_of, launched = (
                distinct(code).tolist(),
                grouped(code, number),
                dict[tuple[int, ...], _Launched](),
            )
            for scope_code in present:
                positions = slice(None) if len(present) == 1 else positions_of(scope_code)
                rows = self.rows[positions]
                launched[tuple(int(column[rows[0]]) for column in columns)] = _Launched(
                    self.calls[positions], Spans(self.ops, rows)
                )
            self._groups[depth] = launched
        return self._groups[depth]


@dataclass(frozen=True)
class _Launched:
    """Ops in order of launch, and the calls (rows of api) that launched them."""

    calls: NDArray[np.int32]
    ops: Spans

    def latest_end(self, limit: Indices) -> Times:
        """For each limit the latest end of those launched by calls before it; int64's least without any."""
        # Limits are near each other: what lies around them fits into a processor's cache.
        low, high = np.searchsorted(self.calls, np.array([limit.min(), limit.max()], self.calls.dtype)).tolist()
        ends = np.concatenate(([self.ops.reach(low)], self.ops.ends(low, high)))
        latest: Times = np.maximum.accumulate(ends)[np.searchsorted(self.calls[low:high], limit)]
        return latest
