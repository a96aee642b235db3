"""The replay at full speed: of the joints, where the host waits for the GPU or one stream for another, only those are
walked whose wait depends on what came before; all else is sums and running maxima, part after part."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.fixed_waits import FixedWaits, fixed_waits
from nsysgap.analysis.schedule.joints import BLOCK, Groups, Joints, Sums, groups_of, joints_of, sums_of
from nsysgap.analysis.schedule.parts import Part, Reached, parts_of
from nsysgap.analysis.schedule.replay_loop import replay_by_loop
from nsysgap.analysis.schedule.replay_times import BEFORE_ALL, Held, all_times
from nsysgap.analysis.schedule.schedule import NEVER, NO_SCOPE, Indices, Replay, Schedule, Times
from nsysgap.tables import NONE

AT_A_TIME = 1 << 16  # calls whose columns fit into a core's cache
REPLAYED = tuple(Replay.__dataclass_fields__)


def replay(schedule: Schedule, at_a_time: int = AT_A_TIME) -> Replay:
    """When everything happens: exactly what `replay_by_loop` gives."""
    if bool((schedule.room != NONE).any()):
        return replay_by_loop(schedule)
    calls, ops = len(schedule.gap), len(schedule.call)
    times, reached = Replay(*(np.empty(length, np.int64) for length in (*3 * (calls,), *3 * (ops,)))), Reached(schedule)
    for part in parts_of(schedule, at_a_time):
        _fill(times, part, reached.schedule_of(schedule, part), reached)
    return times


def _fill(times: Replay, part: Part, schedule: Schedule, reached: Reached) -> None:
    """Replay a part, fill in its times and go on to its end."""
    sums = sums_of(schedule)
    own, walk = _joined(schedule, sums, reached.streams)
    held = [[(BEFORE_ALL, until), *walk.awaited.get(stream, ())] for stream, until in enumerate(reached.streams)]
    replayed = all_times(schedule, sums, own, held, walk.carried)
    for column, rows in zip(REPLAYED, (*3 * (part[0],), *3 * (part[1],)), strict=True):
        getattr(times, column)[rows] = getattr(replayed, column)
    reached.go_on(schedule, replayed, held)


def _joined(schedule: Schedule, sums: Sums, streams: Sequence[int]) -> tuple[Times, _Walk]:
    """(By how much each call delays what follows on its thread, ns; the walk over the joints that had to be walked.)

    `streams`: the greatest end on each before.
    """
    joints = joints_of(schedule, sums)
    groups = groups_of(schedule, sums, joints)
    fixed = fixed_waits(schedule, joints, groups, streams)
    own = np.zeros(len(schedule.gap), np.int64)
    own[joints.call[fixed.fixed]] = fixed.wait[fixed.fixed]
    walk = _Walk(schedule, streams)
    walk.run(*_to_walk(schedule, joints, groups, fixed))
    if walk.shifts:
        np.add.at(own, *np.array(walk.shifts, np.int64).T)
    return own, walk


def _to_walk(schedule: Schedule, joints: Joints, groups: Groups, fixed: FixedWaits) -> tuple[Joints, Groups]:
    """The joints and groups that are left, later by the fixed waits of their thread before them.

    Of the groups between two such joints on one stream those before one that begins after its launch do not matter. An
    op that blocks its call, where that is fixed, is a group that begins after its launch.
    """
    kept = np.flatnonzero(~fixed.fixed)
    left = joints.take(kept)
    left = left._replace(start=left.start + fixed.earlier[kept], end=left.end + fixed.earlier[kept])
    last = kept[-1] if len(kept) else NONE
    some = np.flatnonzero(groups.joint <= last)
    blocks = np.flatnonzero(fixed.fixed[: last + 1] & (joints.what[: last + 1] == BLOCK))
    used = groups.take(some)
    parts = (
        used._replace(host=used.host + fixed.earlier_group[some]),
        Groups(
            *(blocks, joints.stream[blocks].astype(np.int64), joints.thread[blocks].astype(np.int64)),
            step=np.zeros(len(blocks), np.int64),
            host=(fixed.earlier + fixed.done)[blocks],
        ),
    )
    groups = Groups._make(map(np.concatenate, zip(*parts, strict=True)))
    order = np.concatenate((2 * used.joint, 2 * blocks + 1))
    after_launch = np.concatenate((fixed.after_launch[some], np.ones(len(blocks), np.bool_)))
    groups = groups._replace(joint=np.searchsorted(kept, groups.joint))
    line = groups.joint * max(schedule.stream_count, 1) + groups.stream
    sort = np.lexsort((order, line))
    return left, groups.take(sort[_since_last(line[sort], after_launch[sort])])


def _since_last(line: Times, marked: NDArray[np.bool_]) -> Indices:
    """Of each run of equal values those from its last marked one on; all of a run without."""
    if not len(line):
        return np.empty(0, np.intp)
    first = np.flatnonzero(np.concatenate(([True], line[1:] != line[:-1])))
    position = np.arange(len(line))
    last = np.maximum.reduceat(np.where(marked, position, NONE), first)
    return np.flatnonzero(position >= np.repeat(last, np.diff(np.append(first, len(line)))))


class _Walk:
    """The walk over the joints. Keeps per thread its shift, per stream the greatest end so far."""

    def __init__(self, schedule: Schedule, streams: Sequence[int]) -> None:
        self.schedule = schedule
        self.shift = [0] * (int(schedule.thread.max(initial=0)) + 1)
        self.streams = list(streams)
        self.carried: dict[int, int] = {}
        self.edges: dict[int, int] = {}
        self.shifts: list[tuple[int, int]] = []  # (call, by how much what follows on its thread is later)
        self.awaited: dict[int, list[Held]] = {}  # by stream

    def run(self, joints: Joints, groups: Groups) -> None:
        """Walk all joints, and nothing in between."""
        streams, shift = self.streams, self.shift
        # Lists, and of the joints alone: a column's single values are slow to get.
        stream, thread, step, host = (
            column.tolist() for column in (groups.stream, groups.thread, groups.step, groups.host)
        )
        first = np.searchsorted(groups.joint, np.arange(1, len(joints.key) + 1)).tolist()
        done = 0
        steps: tuple[Callable[..., None], ...] = (
            *(self._sync, self._block, self._record),
            *(self._await, self._source, self._target),
        )
        columns = (joints.which, joints.call, joints.thread, joints.start, joints.end, joints.tail, joints.key)
        rows = zip(first, joints.what.tolist(), *(column.tolist() for column in columns), strict=True)
        for until, what, *waiting in rows:
            for group in range(done, until):
                into = stream[group]
                reached = streams[into] + step[group]
                launched = shift[thread[group]] + host[group]
                streams[into] = reached if reached > launched else launched
            done = until
            steps[what](*waiting)

    def _sync(self, call: int, _: int, thread: int, start: int, end: int, tail: int, __: int) -> None:
        scope = int(self.schedule.scope[call])
        if scope == NO_SCOPE:
            covered = self.carried.get(int(self.schedule.event[call]), NEVER)
        else:
            members = self.schedule.scopes[scope]
            covered = self.streams[members[0]] if len(members) == 1 else self._latest(members)
        if covered > start + self.shift[thread]:
            self._wait(call, thread, end, covered + tail)

    def _latest(self, members: tuple[int, ...]) -> int:
        return max([self.streams[stream] for stream in members], default=NEVER)

    def _wait(self, call: int, thread: int, end: int, until: int) -> None:
        later = until - end - self.shift[thread]
        if later > 0:
            self.shift[thread] += later
            self.shifts.append((call, later))

    def _block(self, op: int, call: int, thread: int, start: int, end: int, tail: int, _: int) -> None:
        schedule = self.schedule
        stream = int(schedule.stream[op])
        begin = start + self.shift[thread] + int(schedule.latency[op])
        before = self.streams[stream]
        if before > NEVER // 2:
            begin = max(begin, before + int(schedule.delta[op]))
        done = begin + int(schedule.duration[op])
        self.streams[stream] = max(before, done)
        self._wait(call, thread, end, done + tail)

    def _record(self, call: int, *_: int) -> None:
        own = int(self.schedule.own_stream[call])
        self.carried[call] = self.streams[own] if own != NONE else NEVER

    def _await(self, call: int, *more: int) -> None:
        self._held(
            int(self.schedule.own_stream[call]), more[-1], self.carried.get(int(self.schedule.awaits[call]), NEVER)
        )

    def _held(self, stream: int, key: int, until: int) -> None:
        self.streams[stream] = max(self.streams[stream], until)
        self.awaited.setdefault(stream, []).append((key, until))

    def _source(self, edge: int, *_: int) -> None:
        self.edges[edge] = self.streams[self.schedule.stream[self.schedule.edges[edge, 0]]]

    def _target(self, edge: int, *more: int) -> None:
        target = self.schedule.edges[edge, 1]
        self._held(int(self.schedule.stream[target]), more[-1], self.edges.get(edge, NEVER))
