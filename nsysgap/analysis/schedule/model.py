"""From a trace to the schedule of one process: which call waits for what, and for how long each thing takes by itself.

The unchanged replay gives every recorded start and end back; where it does not, `Model.off_by` says by how much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.back_pressure import BackPressure, back_pressure
from nsysgap.analysis.schedule.calls import RECORD, SYNC_ROLES, Calls, enclosing, process_rows, significant_calls
from nsysgap.analysis.schedule.constants import LARGE_COPY_BYTES, PLAIN_COPY
from nsysgap.analysis.schedule.dependencies import Dependencies, dependencies
from nsysgap.analysis.schedule.ops import Ops, launched_ops
from nsysgap.analysis.schedule.replay import replay
from nsysgap.analysis.schedule.schedule import NEVER, Replay, Schedule, Times
from nsysgap.analysis.schedule.typical import launch_latency, median, queue_gap, sync_times
from nsysgap.arrays import Indices, held_once, narrowed
from nsysgap.tables import MEMCPY, NONE, Table, Trace


@dataclass(frozen=True)
class Model:
    """One process as the replay sees it.

    `unchanged`: the replay without a change. `stream_bound`: which ops waited for their stream rather than for their
    launch. `launch_latency`, `queue_gap`: what is typical of each op, ns. `without_call`: rows of ops of the process
    that no call launched. `off_by`: the greatest difference of the unchanged replay from the report, ns: 0, or the
    model does not hold.
    """

    trace: Trace
    sizes: Table
    calls: Calls
    ops: Ops
    schedule: Schedule
    unchanged: Replay
    stream_bound: NDArray[np.bool_]
    launch_latency: Times
    queue_gap: Times
    back_pressure: BackPressure
    without_call: NDArray[np.intp]

    @property
    def off_by(self) -> int:
        """The greatest difference of any start or end from the recorded one, ns."""
        pairs = (
            (self.unchanged.call_start, self.calls.start),
            (self.unchanged.call_end, self.calls.end),
            (self.unchanged.op_start, self.ops.start),
            (self.unchanged.op_end, self.ops.end),
        )
        return max(int(np.abs(replayed - recorded).max(initial=0)) for replayed, recorded in pairs)


def process_model(trace: Trace, sizes: Table, owner: NDArray[np.int32], process: int) -> Model:
    """The model of one process. `owner`: the launch call of each op (row of api, -1 none); `sizes`: table OP_SIZES."""
    calls, ops, counts_as = _rows(trace, sizes, owner, process)
    recorded = _as_recorded(calls, ops, dependencies(trace, calls, ops.streams, counts_as))
    del counts_as
    none = np.flatnonzero((trace.ops["process"] == process) & (owner == NONE))
    schedule, stream_bound, typical, gap, full = _modelled(trace, calls, ops, recorded, replay(recorded))
    del recorded  # these columns are long: what is not needed any more is not held
    return Model(
        *(trace, sizes, calls, ops, schedule, _replayed(schedule, calls, ops), stream_bound, typical, gap, full),
        without_call=none,
    )


def _replayed(schedule: Schedule, calls: Calls, ops: Ops) -> Replay:
    """The replay of an unchanged schedule, whose times are the recorded ones: held once where they are."""
    times = replay(schedule)
    recorded = {"call_start": calls.start, "call_end": calls.end, "op_start": ops.start, "op_end": ops.end}
    same = {name: column for name, column in recorded.items() if np.array_equal(getattr(times, name), column)}
    return replace(times, **same)


def _modelled(
    trace: Trace, calls: Calls, ops: Ops, recorded: Schedule, seen: Replay
) -> tuple[Schedule, NDArray[np.bool_], Times, Times, BackPressure]:
    """(the schedule, which ops waited for their stream, what is typical of each op's launch and queue, full queues).

    `recorded`: a schedule in which nothing waits, `seen`: its replay.
    """
    waits, base, tail = sync_times(calls, seen.covered)
    blocks, copy_base, op_tail = _blocking(calls, ops)
    base[ops.call[blocks]] = copy_base[blocks]
    full = back_pressure(calls, ops, blocks)
    base[ops.call[full.blocked]] = full.base
    typical, gap = launch_latency(trace, calls, ops, seen.before), queue_gap(calls, ops, seen.before)
    stream_bound, latency, delta = _binding(calls, ops, seen.before, typical, gap)
    schedule = replace(
        recorded,
        waits=waits,
        base=base,
        tail=narrowed(tail),
        latency=latency,
        delta=narrowed(delta),
        blocks=blocks,
        op_tail=op_tail,
        room=full.room,
        room_tail=full.room_tail,
    )
    return schedule, stream_bound, typical, gap, full


def _rows(trace: Trace, sizes: Table, owner: NDArray[np.int32], process: int) -> tuple[Calls, Ops, Indices]:
    """(the calls, the ops, the number of the call that each row of api counts as)."""
    rows = process_rows(trace, process)
    outer = np.full(trace.api.rows, NONE, rows.dtype)
    outer[rows] = enclosing(trace, rows)
    launcher = np.where(owner == NONE, NONE, outer[owner]) if trace.api.rows else np.full(len(owner), NONE, rows.dtype)
    launcher[trace.ops["process"] != process] = NONE
    owns = np.zeros(trace.api.rows, np.bool_)
    owns[launcher[launcher != NONE]] = True
    kept = rows[outer[rows] == rows]
    starts = [int(trace.api["start"][rows].min(initial=np.iinfo(np.int64).max))]
    mine = trace.ops["process"] == process
    origin = min(starts + trace.ops["start"][mine][:1].tolist())
    calls = significant_calls(trace, process, origin, owns, kept, len(rows) - len(kept))
    number = np.full(trace.api.rows, NONE, rows.dtype)
    number[calls.row] = np.arange(len(calls.row))
    counts_as = np.where(outer == NONE, NONE, number[outer]) if trace.api.rows else number
    of_op = np.where(launcher == NONE, NONE, number[launcher]) if trace.api.rows else launcher
    return calls, launched_ops(trace, sizes, of_op), counts_as


def _as_recorded(calls: Calls, ops: Ops, depends: Dependencies) -> Schedule:
    """A schedule in which nothing waits: its replay tells what ended before each op and what each wait covers."""
    zeros, none = np.zeros(len(ops.call), np.int64), np.full(len(ops.call), NONE, np.int64)
    return Schedule(
        origin=calls.origin,
        thread=calls.thread,
        gap=calls.gap,
        base=calls.end - calls.start,
        waits=np.isin(calls.role, SYNC_ROLES),
        tail=np.full(len(calls.row), NEVER, np.int64),
        scope=depends.scope,
        event=held_once(depends.event),
        records=calls.role == RECORD,
        awaits=held_once(depends.awaits),
        own_stream=held_once(depends.own_stream),
        scopes=depends.scopes,
        call=ops.call,
        stream=ops.stream,
        stream_count=len(ops.streams),
        alive=np.ones(len(ops.call), np.bool_),
        latency=ops.start - calls.start[ops.call],
        delta=-ops.duration,
        duration=ops.duration,
        blocks=np.zeros(len(ops.call), np.bool_),
        op_tail=zeros,
        room=none,
        room_tail=zeros,
        edges=np.empty((0, 2), np.int64),
    )


def _blocking(calls: Calls, ops: Ops) -> tuple[NDArray[np.bool_], Times, Times]:
    """(which ops' calls wait for them, how long those take by themselves, how long after the op they return), ns.

    Single copies whose call returns after their end, or is staged: large, of pageable memory, and still in the call
    for half of the copy or more.
    """
    start, end = calls.start[ops.call], calls.end[ops.call]
    alone = np.bincount(ops.call, minlength=len(calls.row))[ops.call] == 1
    copy = (ops.kind == MEMCPY) & alone
    staged = (ops.bytes >= LARGE_COPY_BYTES) & ops.pageable & (2 * (end - ops.start) >= ops.duration)
    blocks = copy & ((end >= ops.end) | staged)
    usual = median((end - start)[copy & ~blocks])
    base = np.minimum(PLAIN_COPY if usual is None else usual, end - start)
    return blocks, base, held_once(np.where(blocks, end - ops.end, 0))


def _binding(
    calls: Calls, ops: Ops, before: Times, typical: Times, gap: Times
) -> tuple[NDArray[np.bool_], Times, Times]:
    """(which ops waited for their stream, latency, delta): what the replay needs to start each op where it started."""
    call_start = calls.start[ops.call]
    some = before != NEVER
    stream_bound = some & (before > call_start) & (call_start + typical < before + gap)
    after = np.where(some, ops.start - before, gap)
    delta = np.where(stream_bound, after, np.minimum(gap, after))
    latency = ops.start - call_start
    return stream_bound, np.where(stream_bound, np.minimum(typical, latency), latency), delta
