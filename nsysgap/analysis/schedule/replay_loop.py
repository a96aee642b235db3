"""The replay, call by call: the definition in code, for what the fast one cannot do, and to test that against."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nsysgap.analysis.schedule.schedule import NEVER, NO_SCOPE, Replay, Schedule, Times
from nsysgap.tables import NONE

AT_A_TIME = 1 << 16  # calls whose numbers are Python's own at the same time


class _State:
    """What has happened so far: the end of each thread's last call, of each stream's ops, of what events carry."""

    def __init__(self, schedule: Schedule) -> None:
        self.threads = [schedule.origin] * (int(schedule.thread.max(initial=0)) + 1)
        self.streams = [NEVER] * schedule.stream_count
        self.carried: dict[int, int] = {}  # by the call that recorded it
        self.ends: dict[int, int] = {}  # of the ops that calls wait for, to make room
        self.wanted = set(schedule.room[schedule.room != NONE].tolist())
        self.reached: dict[int, int] = {}  # how far an op's stream was with it, where an edge begins
        self.sources = set(schedule.edges[:, 0].tolist())
        self.edges: dict[int, list[int]] = {}
        for source, target in schedule.edges.tolist():
            self.edges.setdefault(target, []).append(source)


def replay_by_loop(schedule: Schedule) -> Replay:
    """When everything happens, by walking the calls in order."""
    state = _State(schedule)
    calls = len(schedule.gap)
    times = [np.full(length, NEVER, np.int64) for length in (calls,) * 3 + (len(schedule.call),) * 3]
    for first in range(0, calls, AT_A_TIME):
        last = min(first + AT_A_TIME, calls)
        low, high = np.searchsorted(schedule.call, (first, last)).tolist()
        rows = list(_walk(schedule, state, first, last, low, high, times[3:]))
        for index, column in enumerate(zip(*rows, strict=True)):
            times[index][first:last] = column
    return Replay(*times)


def _walk(
    schedule: Schedule, state: _State, first: int, last: int, low: int, high: int, op_times: list[Times]
) -> Iterator[tuple[int, int, int]]:
    """(start, end, covered end) of each call from first to last; fills in its ops' times."""
    columns = (schedule.thread, schedule.gap, schedule.base, schedule.waits, schedule.awaits, schedule.records)
    ops = iter(_op_rows(schedule, low, high))
    op = next(ops, None)
    ran: list[tuple[int, int, int, int]] = []
    rows = zip(*(column[first:last].tolist() for column in columns), strict=True)
    for number, (thread, gap, base, waits, awaits, records) in enumerate(rows, first):
        start = state.threads[thread] + gap
        end, covered = start + base, NEVER
        while op is not None and op[1] == number:
            if op[3]:
                end, covered = _run(state, op, start, end, covered, ran)
            op = next(ops, None)
        if waits:
            covered = _covered(schedule, state, number)
            if covered > start:
                end = max(end, covered + int(schedule.tail[number]))
        elif records:
            own = int(schedule.own_stream[number])
            state.carried[number] = state.streams[own] if own != NONE else NEVER
        elif awaits != NONE:
            own = int(schedule.own_stream[number])
            state.streams[own] = max(state.streams[own], state.carried.get(awaits, NEVER))
        state.threads[thread] = end
        yield start, end, covered
    if ran:
        values = np.array(ran, np.int64)
        for index, times in enumerate(op_times):
            times[values[:, 0]] = values[:, index + 1]


def _op_rows(schedule: Schedule, low: int, high: int) -> Iterator[tuple[int, ...]]:
    columns = (
        *(schedule.call, schedule.stream, schedule.alive, schedule.latency, schedule.delta, schedule.duration),
        *(schedule.blocks, schedule.op_tail, schedule.room, schedule.room_tail),
    )
    return zip(range(low, high), *(column[low:high].tolist() for column in columns), strict=True)


def _run(
    state: _State,
    op: tuple[int, ...],
    call_start: int,
    call_end: int,
    covered: int,
    ran: list[tuple[int, int, int, int]],
) -> tuple[int, int]:
    """Run an op; (the end of its call, what that waited for)."""
    number, _, stream, _, latency, delta, duration, blocks, tail, room, room_tail = op
    for source in state.edges.get(number, ()):
        state.streams[stream] = max(state.streams[stream], state.reached.get(source, NEVER))
    before = state.streams[stream]
    start = call_start + latency
    if before != NEVER:
        start = max(start, before + delta)
    end = start + duration
    state.streams[stream] = max(before, end)
    if number in state.wanted:
        state.ends[number] = end
    if number in state.sources:
        state.reached[number] = state.streams[stream]
    ran.append((number, start, end, before))
    if blocks:
        call_end, covered = max(call_end, end + tail), end
    if room != NONE and room in state.ends:
        call_end = max(call_end, state.ends[room] + room_tail)
    return call_end, covered


def _covered(schedule: Schedule, state: _State, number: int) -> int:
    scope = int(schedule.scope[number])
    if scope != NO_SCOPE:
        return max((state.streams[stream] for stream in schedule.scopes[scope]), default=NEVER)
    return state.carried.get(int(schedule.event[number]), NEVER)
