"""The critical path: back from the end of a stretch of time to its begin, always to what the last thing waited for.

Every nanosecond of the stretch is on it once. It leaves a call for the op whose end the call returned after, an op for
the op that its stream waited for, and everything else for what came before on its thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.schedule import NEVER, Indices, Replay, Schedule, Times
from nsysgap.tables import NONE


@dataclass(frozen=True)
class Path:
    """What of each call and op lies on the path, ns; arrays of shape (calls,) and (ops,).

    Ops: `gpu` (of its run time, up to its end), `between` (before it, after the op that it waited for), `latency`
    (before it, after its call began). Calls: `call` (of its time), `tail` (after the end of what it waited for),
    `gap` (of the time before it, up to its start). `last`: (the call whose gap the path ends in, from, to), of which
    the gap's time before the path's end is; None where the path ends otherwise.
    """

    start: int
    end: int
    gpu: Times
    between: Times
    latency: Times
    call: Times
    tail: Times
    gap: Times
    last: tuple[int, int, int] | None

    @property
    def total(self) -> int:
        """The sum of all parts: the stretch's length, ns."""
        last = 0 if self.last is None else self.last[2] - self.last[1]
        parts = (self.gpu, self.between, self.latency, self.call, self.tail, self.gap)
        return last + sum(int(part.sum()) for part in parts)


class End(NamedTuple):
    """Where a path begins, looked at from its end: at the end of an op, or at `time` on a logical thread."""

    time: int
    thread: int = NONE
    op: int = NONE


def critical_path(schedule: Schedule, times: Replay, start: int, end: End) -> Path:
    """The critical path of [start, end.time) through a replay."""
    walk = _Walk(schedule, times, start)
    if end.time > start:
        walk.run(end)
    return Path(start, max(end.time, start), *walk.parts, walk.last)


def last_end(schedule: Schedule, times: Replay) -> End:
    """Where everything has ended: the last op's end, or the last call's where that is later."""
    op_end = np.where(schedule.alive, times.op_end, NEVER)
    op = int(op_end.argmax()) if len(op_end) else NONE
    call = int(times.call_end.argmax())
    if op != NONE and op_end[op] >= times.call_end[call]:
        return End(int(op_end[op]), op=op)
    return End(int(times.call_end[call]), thread=int(schedule.thread[call]))


class _Lines:
    """Calls by thread, or ops by stream: `items[number]` in order, the `place` of each in there, and the place of the
    last break at or before it (-1 none)."""

    def __init__(self, number: NDArray[np.int32], used: NDArray[np.bool_], breaks: NDArray[np.bool_]) -> None:
        self.items: list[Indices] = []
        self.place = np.full(len(number), NONE, np.int64)
        self.broken = np.full(len(number), NONE, np.int64)
        for one in range(int(number.max(initial=0)) + 1):
            mine = np.flatnonzero((number == one) & used)
            place = np.arange(len(mine))
            self.items.append(mine)
            self.place[mine] = place
            self.broken[mine] = np.maximum.accumulate(np.where(breaks[mine], place, NONE))


class _Walk:
    """The walk back, a stretch at a time: along a thread up to a call that waited, along a stream up to an op that
    did not wait for the one before."""

    def __init__(self, schedule: Schedule, times: Replay, start: int) -> None:
        self.schedule, self.times, self.start = schedule, times, start
        self.origin = min(schedule.origin, start)  # a loop may begin before its first call
        self.gpu, self.between, self.latency = (np.zeros(len(schedule.call), np.int64) for _ in range(3))
        self.call, self.tail, self.gap = (np.zeros(len(schedule.gap), np.int64) for _ in range(3))
        self.parts = (self.gpu, self.between, self.latency, self.call, self.tail, self.gap)
        self.last: tuple[int, int, int] | None = None
        self.waited_for, self.for_room = _waited_for(schedule, times)
        self.stream_bound, self.pred, chained = _predecessors(schedule, times)
        self.threads = _Lines(schedule.thread, np.ones(len(schedule.thread), np.bool_), self.waited_for != NONE)
        self.streams = _Lines(schedule.stream, schedule.alive, ~chained)

    def run(self, end: End) -> None:
        """Walk from the end until the start is reached."""
        then = (self._op, end.op) if end.op != NONE else self._from_time(end)
        begun = NONE if then is None else then[1]
        while then is not None:
            step, which = then
            then = step(which)
        if self.last is None and end.op == NONE:
            self._clip(end.time, begun)

    def _from_time(self, end: End) -> _Step:
        """Begin in the middle of a thread's call or gap."""
        line, times = self.threads.items[end.thread], self.times
        place = int(np.searchsorted(times.call_start[line], end.time, side="left")) - 1
        if place < 0:
            self.last = (int(line[0]) if len(line) else NONE, self.start, end.time)
            return None
        call = int(line[place])
        if times.call_end[call] > end.time:
            return self._thread, call  # what of it comes after is clipped
        since = int(times.call_end[call])
        after = int(line[place + 1]) if place + 1 < len(line) else NONE
        self.last = (after, max(since, self.start), end.time)
        return (self._thread, call) if since > self.start else None

    def _clip(self, limit: int, begun: int) -> None:
        """Take off what lies after the path's end, where that is in the middle of a call, `begun`.

        Of an earlier call that overlaps it, as on threads that are one, the gap between them is less than 0 by as much:
        that call is whole on the path.
        """
        times = self.times
        call_end = np.full(len(times.call_end), NEVER)
        call_end[begun] = times.call_end[begun]
        for part, until in (
            *((self.gpu, times.op_end), (self.between, times.op_start), (self.latency, times.op_start)),
            *((self.call, call_end), (self.tail, call_end), (self.gap, times.call_start)),
        ):
            late = np.flatnonzero((part != 0) & (until > limit))  # less than 0: a call that returned before its copy
            part[late] = np.maximum(part[late] - (until[late] - limit), 0)

    def _thread(self, call: int) -> _Step:
        """From the end of a call back along its thread."""
        times = self.times
        line = self.threads.items[self.schedule.thread[call]]
        place, broken = int(self.threads.place[call]), int(self.threads.broken[call])
        row = line[broken + 1 : place + 1]
        if len(row):
            before = np.empty(len(row), np.int64)
            before[0] = times.call_end[line[broken]] if broken != NONE else self.origin
            before[1:] = times.call_end[row[:-1]]
            if before[0] <= self.start or broken == NONE:
                self._cut_thread(row, before)
                return None
            self.call[row] = times.call_end[row] - times.call_start[row]
            self.gap[row] = times.call_start[row] - before
        return self._wait, int(line[broken])

    def _cut_thread(self, row: Indices, before: Times) -> None:
        """The last stretch along a thread: up to the path's start, which one of the calls or gaps reaches over."""
        times = self.times
        over = int(np.flatnonzero(before <= self.start)[-1])
        full, cut = row[over + 1 :], row[over]
        self.call[full] = times.call_end[full] - times.call_start[full]
        self.gap[full] = times.call_start[full] - before[over + 1 :]
        self.call[cut] = times.call_end[cut] - max(int(times.call_start[cut]), self.start)
        self.gap[cut] = max(int(times.call_start[cut]) - self.start, 0)

    def _wait(self, call: int) -> _Step:
        """A call that returned because an op had ended."""
        op = int(self.waited_for[call])
        since = int(self.times.op_end[op])
        (self.call if self.for_room[call] else self.tail)[call] = self.times.call_end[call] - max(since, self.start)
        return (self._op, op) if since > self.start else None

    def _op(self, op: int) -> _Step:
        """From the end of an op back along its stream."""
        times = self.times
        line = self.streams.items[self.schedule.stream[op]]
        row = line[int(self.streams.broken[op]) : int(self.streams.place[op]) + 1]
        chained = row[1:]
        if len(chained) and times.op_end[row[0]] <= self.start:
            over = int(np.flatnonzero(times.before[chained] <= self.start)[-1])
            full, cut = chained[over + 1 :], chained[over]
            self._cut_op(int(cut))
            self._full(full)
            return None
        self._full(chained)
        return self._head(int(row[0]))

    def _full(self, ops: Indices) -> None:
        self.gpu[ops] = self.schedule.duration[ops]
        self.between[ops] = self.times.op_start[ops] - self.times.before[ops]

    def _cut_op(self, op: int) -> None:
        start = int(self.times.op_start[op])
        self.gpu[op] = self.times.op_end[op] - max(start, self.start)
        self.between[op] = max(start - self.start, 0)

    def _head(self, op: int) -> _Step:
        """An op that did not wait for the one before it on its stream: for one of another stream, or for its call."""
        start = int(self.times.op_start[op])
        self.gpu[op] = self.times.op_end[op] - max(start, self.start)
        if start <= self.start:
            return None
        if self.stream_bound[op]:
            since = int(self.times.before[op])
            self.between[op] = start - max(since, self.start)
            return (self._op, int(self.pred[op])) if since > self.start else None
        call = int(self.schedule.call[op])
        since = int(self.times.call_start[call])
        self.latency[op] = start - max(since, self.start)
        return (self._gap, call) if since > self.start else None

    def _gap(self, call: int) -> _Step:
        """From the start of a call back to the one before it on its thread."""
        line, place = self.threads.items[self.schedule.thread[call]], int(self.threads.place[call])
        since = int(self.times.call_end[line[place - 1]]) if place else self.origin
        self.gap[call] = self.times.call_start[call] - max(since, self.start)
        return (self._thread, int(line[place - 1])) if place and since > self.start else None


_Step = tuple[Callable[[int], "_Step"], int] | None


def _waited_for(schedule: Schedule, times: Replay) -> tuple[Times, NDArray[np.bool_]]:
    """(the op whose end decided when each call returned, -1 none; whether that made room in a full queue)."""
    alone = times.call_start + schedule.base
    found = np.full(len(alone), NONE, np.int64)
    for_room = np.zeros(len(alone), np.bool_)
    blocking = np.flatnonzero(schedule.blocks & schedule.alive)
    blocking = blocking[(times.op_end + schedule.op_tail)[blocking] > alone[schedule.call[blocking]]]
    found[schedule.call[blocking]] = blocking
    full = np.flatnonzero((schedule.room != NONE) & schedule.alive)
    full = full[schedule.alive[schedule.room[full]]]
    full = full[(times.op_end[schedule.room[full]] + schedule.room_tail[full]) > alone[schedule.call[full]]]
    found[schedule.call[full]] = schedule.room[full]
    for_room[schedule.call[full]] = True
    waited = schedule.waits & (times.covered > times.call_start) & (times.covered + schedule.tail > alone)
    calls = np.flatnonzero(waited)
    found[calls] = ops_ending(times, times.covered[calls], np.searchsorted(schedule.call, calls))
    return found, for_room


def _predecessors(schedule: Schedule, times: Replay) -> tuple[NDArray[np.bool_], Times, NDArray[np.bool_]]:
    """(which ops waited for another and not for their call, for which, whether for the one before on the stream)."""
    launched = times.call_start[schedule.call] + schedule.latency
    bound = schedule.alive & (times.before != NEVER) & (times.before + schedule.delta > launched)
    previous = np.full(len(launched), NONE, np.int64)
    for stream in range(schedule.stream_count):
        mine = np.flatnonzero((schedule.stream == stream) & schedule.alive)
        previous[mine[1:]] = mine[:-1]
    chained = bound & (previous != NONE)
    chained[chained] = times.op_end[previous[chained]] == times.before[chained]
    others = np.flatnonzero(bound & ~chained)
    previous[others] = ops_ending(times, times.before[others], others)
    bound[others[previous[others] == NONE]] = False
    return bound, previous, chained


def ops_ending(times: Replay, ends: Times, below: Times) -> Times:
    """For each time the last op, of those numbered below a limit, that ends then; -1 for none."""
    if not len(ends):
        return np.empty(0, np.int64)
    order = np.argsort(times.op_end, kind="stable")
    ordered = times.op_end[order]
    low, high = np.searchsorted(ordered, ends, "left"), np.searchsorted(ordered, ends, "right")
    found = np.full(len(ends), NONE, np.int64)
    for place, (first, last, limit) in enumerate(zip(low.tolist(), high.tolist(), below.tolist(), strict=True)):
        found[place] = next((op for op in order[first:last][::-1].tolist() if op < limit), NONE)
    return found
