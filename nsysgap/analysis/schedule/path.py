"""The critical path: back from the end of a stretch of time to its begin, always to what the last thing waited for.

Every nanosecond of the stretch is on it once. It leaves a call for the op whose end the call returned after, an op for
the op that its stream waited for, and everything else for what came before on its thread.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.spans import stretches
from nsysgap.analysis.schedule.schedule import NEVER, Indices, Replay, Schedule, Times
from nsysgap.arrays import index_type
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


class _Walk:
    """The walk back: from the end of a call to the end of what it waited for, or of the call before it on its thread;
    from the end of an op to that of the op that it waited for, or of the call before its own.

    Calls are numbered as in the schedule, ops after them. Where each leads to does not depend on where the walk came
    from: so it follows a list of numbers, and what is on it is told from its times afterwards, all at once.
    """

    def __init__(self, schedule: Schedule, times: Replay, start: int) -> None:
        self.schedule, self.times, self.start = schedule, times, start
        self.calls = len(schedule.gap)
        self.waited_for, self.for_room = _waited_for(schedule, times)
        self.stream_bound, self.pred = _predecessors(schedule, times, self.waited_for.dtype)
        self.previous = _previous(schedule.thread, self.waited_for.dtype)
        self.origin = min(schedule.origin, start)  # a loop may begin before its first call
        self.gpu, self.between, self.latency = (np.zeros(len(schedule.call), np.int64) for _ in range(3))
        self.call, self.tail, self.gap = (np.zeros(self.calls, np.int64) for _ in range(3))
        self.parts = (self.gpu, self.between, self.latency, self.call, self.tail, self.gap)
        self.last: tuple[int, int, int] | None = None

    def run(self, end: End) -> None:
        """Walk from the end until the start is reached."""
        begun = self._from_time(end) if end.op == NONE else self.calls + end.op
        if begun == NONE:
            return
        then = self._leads_to().data  # single values of it are quicker to get, and no list takes memory
        passed, which = array(then.format), begun
        while which >= 0:
            passed.append(which)
            which = then[which]
        del then, self.pred  # long columns that nothing looks at any more
        on_path = np.frombuffer(passed, self.waited_for.dtype)
        for rows in stretches(len(on_path)):
            some = on_path[rows]
            self._fill_calls(some[some < self.calls])
            self._fill_ops(some[some >= self.calls] - self.calls)
        if self.last is None and end.op == NONE:
            self._clip(end.time, begun)

    def _since(self, calls: Indices | slice) -> Times:
        """When the call before each one on its thread ended."""
        previous = self.previous[calls]
        return np.where(previous == NONE, self.origin, self.times.call_end[previous])

    def _leads_to(self) -> Times:
        """What comes before each call and op on a path through it; -1 where that begins no later than the path does."""
        times, start, calls = self.times, self.start, self.calls
        waited = self.waited_for != NONE
        ended = self._since(slice(None))
        since = np.where(waited, times.op_end[self.waited_for], ended) if len(times.op_end) else ended
        of_call = np.where(waited, calls + self.waited_for, self.previous)
        of_call[since <= start] = NONE
        call, bound = self.schedule.call, self.stream_bound
        of_op = np.where(bound, calls + self.pred, self.previous[call])
        since = np.where(bound, times.before, np.minimum(ended[call], times.call_start[call]))
        of_op[np.minimum(since, times.op_start) <= start] = NONE
        return np.concatenate((of_call, of_op))

    def _from_time(self, end: End) -> int:
        """The call that ends last on the thread before the end, or the one in whose middle that is; -1 for none."""
        times = self.times
        line = np.flatnonzero(self.schedule.thread == end.thread)
        position = int(np.searchsorted(times.call_start[line], end.time, side="left")) - 1
        if position < 0:
            self.last = (int(line[0]) if len(line) else NONE, self.start, end.time)
            return NONE
        call = int(line[position])
        if times.call_end[call] > end.time:
            return call  # what of it comes after is clipped
        since = int(times.call_end[call])
        after = int(line[position + 1]) if position + 1 < len(line) else NONE
        self.last = (after, max(since, self.start), end.time)
        return call if since > self.start else NONE

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

    def _fill_calls(self, on_path: Indices) -> None:
        """Calls that returned because an op had ended, and those that only came after others."""
        times, start = self.times, self.start
        waited = self.waited_for[on_path] != NONE
        mine = on_path[waited]
        tail = times.call_end[mine] - np.maximum(times.op_end[self.waited_for[mine]], start)
        room = self.for_room[mine]
        self.call[mine[room]], self.tail[mine[~room]] = tail[room], tail[~room]
        mine = on_path[~waited]
        since = self._since(mine)
        reached = since <= start  # by the last one alone: the path begins in it or in the gap before
        begin = times.call_start[mine]
        self.call[mine] = times.call_end[mine] - np.where(reached, np.maximum(begin, start), begin)
        self.gap[mine] = np.where(reached, np.maximum(begin - start, 0), begin - since)

    def _fill_ops(self, on_path: Indices) -> None:
        """Ops that waited for another one, and those that waited for their launch, with the gap before that."""
        times, start = self.times, self.start
        begin = np.maximum(times.op_start[on_path], start)
        self.gpu[on_path] = times.op_end[on_path] - begin
        bound = self.stream_bound[on_path]
        mine = on_path[bound]
        self.between[mine] = np.where(begin[bound] > start, begin[bound] - np.maximum(times.before[mine], start), 0)
        mine, begin = on_path[~bound], begin[~bound]
        call = self.schedule.call[mine]
        launched = np.maximum(times.call_start[call], start)
        self.latency[mine] = np.where(begin > start, begin - launched, 0)
        further = (begin > start) & (launched > start)
        self.gap[call] = np.where(further, launched - np.maximum(self._since(call), start), 0)


def _previous(number: NDArray[np.int32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The one before each that has the same number, -1 for none."""
    if not number.any():
        return np.arange(NONE, len(number) - 1, dtype=dtype)
    order = np.argsort(number, kind="stable")
    previous = np.full(len(number), NONE, dtype)
    same = number[order[1:]] == number[order[:-1]]
    previous[order[1:][same]] = order[:-1][same]
    return previous


def _waited_for(schedule: Schedule, times: Replay) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """(the op whose end decided when each call returned, -1 none; whether that made room in a full queue)."""
    alone = times.call_start + schedule.base
    op = np.full(len(alone), NONE, index_type(len(alone) + len(schedule.call)))
    for_room = np.zeros(len(alone), np.bool_)
    blocking = np.flatnonzero(schedule.blocks & schedule.alive)
    blocking = blocking[(times.op_end + schedule.op_tail)[blocking] > alone[schedule.call[blocking]]]
    op[schedule.call[blocking]] = blocking
    full = np.flatnonzero((schedule.room != NONE) & schedule.alive)
    full = full[schedule.alive[schedule.room[full]]]
    full = full[(times.op_end[schedule.room[full]] + schedule.room_tail[full]) > alone[schedule.call[full]]]
    op[schedule.call[full]] = schedule.room[full]
    for_room[schedule.call[full]] = True
    waited = schedule.waits & (times.covered > times.call_start) & (times.covered + schedule.tail > alone)
    calls = np.flatnonzero(waited)
    op[calls] = ops_ending(times, times.covered[calls], np.searchsorted(schedule.call, calls))
    return op, for_room


def _predecessors(schedule: Schedule, times: Replay, dtype: np.dtype[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """(which ops waited for another and not for their call, for which: the one before on the stream, or another's)."""
    launched = times.call_start[schedule.call] + schedule.latency
    bound = schedule.alive & (times.before != NEVER) & (times.before + schedule.delta > launched)
    alive = np.flatnonzero(schedule.alive)
    before = _previous(schedule.stream[alive], dtype)
    previous = np.full(len(launched), NONE, dtype)
    previous[alive] = np.where(before == NONE, NONE, alive[before])
    chained = bound & (previous != NONE)
    chained[chained] = times.op_end[previous[chained]] == times.before[chained]
    others = np.flatnonzero(bound & ~chained)
    previous[others] = ops_ending(times, times.before[others], others)
    bound[others[previous[others] == NONE]] = False
    return bound, previous


def ops_ending(times: Replay, ends: Times, below: Times) -> Times:
    """For each time the last op, of those numbered below a limit, that ends then; -1 for none."""
    if not len(ends):
        return np.empty(0, np.int64)
    order = np.argsort(times.op_end, kind="stable")
    ordered = times.op_end[order]
    low, high = np.searchsorted(ordered, ends, "left"), np.searchsorted(ordered, ends, "right")
    last: Times = order[np.maximum(high, 1) - 1]  # nearly always the only one that ends then
    last[high == low] = NONE
    for position in np.flatnonzero((high > low) & (last >= below)).tolist():
        equal = order[low[position] : high[position]]
        last[position] = equal[equal < below[position]].max(initial=NONE)
    return last
