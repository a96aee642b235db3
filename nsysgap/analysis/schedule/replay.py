"""The replay at full speed: the time between two joints is sums and running maxima, only joints are walked.

A joint is where the host waits for the GPU or one stream for another. Between joints every thread goes on by a sum of
gaps and calls, and the end of an op is a running maximum once the stream's own sum of steps is taken off:
end(k) = max(host(k) + duration(k), end(k - 1) + step(k)), step(k) = max(0, delta(k) + duration(k)), is with C the
running sum of the steps end(k) = C(k) + max over j <= k of (host(j) + duration(j) - C(j)). Host times of a thread
shift as a whole when a call of it waits longer, so these maxima need be taken once only, before any joint is walked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.replay_loop import replay_by_loop
from nsysgap.analysis.schedule.schedule import NEVER, NO_SCOPE, Indices, Replay, Schedule, Times
from nsysgap.tables import NONE

SYNC, BLOCK, RECORD, AWAIT, SOURCE, TARGET = range(6)
PHASES = 3  # of a call: before its ops, its ops, after them


class _Sums(NamedTuple):
    """Running sums without any waiting: start and end of calls; per op the stream's steps up to it, and its own."""

    start: Times
    end: Times
    steps: Times
    step: Times


class _Joints(NamedTuple):
    """Where one thing waits for another, in order: what, `key` = phases * call + phase, the call or the edge."""

    key: Times
    what: NDArray[np.int8]
    which: Indices


@dataclass(frozen=True)
class _Groups:
    """Ops between two joints by (joint after them, stream, thread): the end of the last one is the greater of the
    stream's end before + `step` and the thread's shift + `host`. `first`: where each joint's groups begin."""

    first: list[int]
    stream: list[int]
    thread: list[int]
    step: list[int]
    host: list[int]


def replay(schedule: Schedule) -> Replay:
    """When everything happens: exactly what `replay_by_loop` gives."""
    if bool((schedule.room != NONE).any()):
        return replay_by_loop(schedule)
    sums = _sums(schedule)
    joints = _joints(schedule)
    groups = _groups(schedule, sums, joints)
    walk = _Walk(schedule, sums)
    walk.run(joints, groups)
    return _expanded(schedule, sums, walk)


def _sums(schedule: Schedule) -> _Sums:
    took = schedule.gap + schedule.base
    end = np.empty_like(took)
    for mine in _places(schedule.thread):
        end[mine] = schedule.origin + np.cumsum(took[mine])
    step = np.where(schedule.alive, np.maximum(schedule.delta + schedule.duration, 0), 0)
    steps = np.empty_like(step)
    for mine in _places(schedule.stream):
        steps[mine] = np.cumsum(step[mine])
    return _Sums(end - schedule.base, end, steps, step)


def _places(number: NDArray[np.int32]) -> Sequence[Indices | slice]:
    """Where each number stands, by number."""
    most = int(number.max(initial=0))
    if most == 0:
        return [slice(None)]
    order = np.argsort(number.astype(np.min_scalar_type(most)), kind="stable")
    return np.split(order, np.cumsum(np.bincount(number, minlength=most + 1))[:-1])


def _joints(schedule: Schedule) -> _Joints:
    """All joints; of records only those that something awaits."""
    awaited = np.union1d(schedule.awaits[schedule.awaits != NONE], schedule.event[schedule.waits])
    recorded = np.flatnonzero(schedule.records)
    edges = np.flatnonzero(schedule.alive[schedule.edges].all(axis=1))
    parts = [
        (SYNC, np.flatnonzero(schedule.waits), PHASES - 1, None),
        (BLOCK, np.flatnonzero(schedule.blocks & schedule.alive), PHASES - 1, schedule.call),
        (RECORD, recorded[np.isin(recorded, awaited)], PHASES - 1, None),
        (AWAIT, np.flatnonzero(schedule.awaits != NONE), PHASES - 1, None),
        (SOURCE, edges, PHASES - 1, schedule.call[schedule.edges[:, 0]]),
        (TARGET, edges, 0, schedule.call[schedule.edges[:, 1]]),
    ]
    keys = [PHASES * (which if call is None else call[which]) + phase for _, which, phase, call in parts]
    key = np.concatenate(keys)
    what = np.repeat(np.array([part[0] for part in parts], np.int8), [len(part[1]) for part in parts])
    which = np.concatenate([part[1] for part in parts])
    order = np.lexsort((what == SOURCE, key))  # an edge starts from what its own call's op is by then
    return _Joints(key[order], what[order], which[order])


def _groups(schedule: Schedule, sums: _Sums, joints: _Joints) -> _Groups:
    live = np.flatnonzero(schedule.alive & ~schedule.blocks)
    call, stream = schedule.call[live], schedule.stream[live].astype(np.int64)
    thread = schedule.thread[call].astype(np.int64)
    threads = int(thread.max(initial=0)) + 1
    joint = np.searchsorted(joints.key, PHASES * call + 1)
    code = (joint * schedule.stream_count + stream) * threads + thread
    if len(code) and not bool((code[1:] >= code[:-1]).all()):
        order = np.argsort(code, kind="stable")
        live, code = live[order], code[order]
    first = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1]))) if len(code) else np.empty(0, np.intp)
    if not len(first):
        return _Groups([0] * (len(joints.key) + 2), [], [], [], [])
    steps = sums.steps[live]
    host = sums.start[schedule.call[live]] + schedule.latency[live] + schedule.duration[live] - steps
    code, thread = np.divmod(code[first], threads)
    joint, stream = np.divmod(code, schedule.stream_count)
    # Two threads that launch into one stream between the same joints share its steps: counted once, reached by both.
    shared = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1])))
    reached = np.repeat(np.maximum.reduceat(steps, first[shared]), np.diff(np.append(shared, len(code))))
    step = np.zeros(len(code), np.int64)
    step[shared] = reached[shared] - np.minimum.reduceat(steps - sums.step[live], first[shared])
    host = np.maximum.reduceat(host, first) + reached
    begins = np.searchsorted(joint, np.arange(len(joints.key) + 2))
    return _Groups(begins.tolist(), stream.tolist(), thread.tolist(), step.tolist(), host.tolist())


class _Walk:
    """The walk over the joints. Keeps per thread its shift, per stream the greatest end so far."""

    def __init__(self, schedule: Schedule, sums: _Sums) -> None:
        self.schedule, self.sums = schedule, sums
        self.shift = [0] * (int(schedule.thread.max(initial=0)) + 1)
        self.scope: list[int] = schedule.scope.tolist()
        self.streams = [NEVER] * max(schedule.stream_count, 1)
        self.carried: dict[int, int] = {}
        self.edges: dict[int, int] = {}
        self.shifts: list[tuple[int, int]] = []  # (call, by how much what follows on its thread is later)
        self.covered: list[tuple[int, int]] = []
        self.awaited: list[tuple[int, int, int]] = []  # (stream, key, end): what a stream waits for from there on

    def run(self, joints: _Joints, groups: _Groups) -> None:
        """Walk all joints, and nothing in between."""
        streams, shift = self.streams, self.shift
        stream, thread, step, host = groups.stream, groups.thread, groups.step, groups.host
        done = 0
        steps: tuple[Callable[..., None], ...] = (
            *(self._sync, self._block, self._record),
            *(self._await, self._source, self._target),
        )
        # Lists, and of the joints alone: a column's single values are slow to get.
        rows = zip(groups.first[1:], joints.what.tolist(), *self._columns(joints), joints.key.tolist(), strict=False)
        for until, what, *waiting, key in rows:
            for one in range(done, until):
                into = stream[one]
                reached = streams[into] + step[one]
                launched = shift[thread[one]] + host[one]
                streams[into] = reached if reached > launched else launched
            done = until
            steps[what](*waiting, key)

    def _columns(self, joints: _Joints) -> list[list[int]]:
        """Of each joint: what it is of, its call, that one's thread, start, end and tail, without any waiting."""
        schedule, which = self.schedule, joints.which
        call = which.copy()
        block = joints.what == BLOCK
        call[block] = schedule.call[which[block]]
        edge = joints.what >= SOURCE
        call[edge] = 0
        tail = schedule.tail[call]
        tail[block] = schedule.op_tail[which[block]]
        columns = (which, call, schedule.thread[call], self.sums.start[call], self.sums.end[call], tail)
        return [column.tolist() for column in columns]

    def _sync(self, call: int, _: int, thread: int, start: int, end: int, tail: int, __: int) -> None:
        scope = self.scope[call]
        if scope == NO_SCOPE:
            covered = self.carried.get(int(self.schedule.event[call]), NEVER)
        else:
            members = self.schedule.scopes[scope]
            covered = self.streams[members[0]] if len(members) == 1 else self._latest(members)
        self.covered.append((call, covered))
        if covered > start + self.shift[thread]:
            self._wait(call, thread, end, covered + tail)

    def _latest(self, members: tuple[int, ...]) -> int:
        return max([self.streams[one] for one in members], default=NEVER)

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
        self.covered.append((call, done))
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
        self.awaited.append((stream, key, until))

    def _source(self, edge: int, *_: int) -> None:
        self.edges[edge] = self.streams[self.schedule.stream[self.schedule.edges[edge, 0]]]

    def _target(self, edge: int, *more: int) -> None:
        target = self.schedule.edges[edge, 1]
        self._held(int(self.schedule.stream[target]), more[-1], self.edges.get(edge, NEVER))


def _expanded(schedule: Schedule, sums: _Sums, walk: _Walk) -> Replay:
    """All times, from what the joints gave."""
    own = np.zeros(len(schedule.gap), np.int64)
    if walk.shifts:
        np.add.at(own, *np.array(walk.shifts, np.int64).T)
    shift = np.empty_like(own)
    for mine in _places(schedule.thread):
        shift[mine] = np.cumsum(own[mine])
    covered = np.full(len(own), NEVER, np.int64)
    if walk.covered:
        call, until = np.array(walk.covered, np.int64).T
        covered[call] = np.where(until > NEVER // 2, until, NEVER)
    start = sums.start + shift - own
    return Replay(start, sums.end + shift, covered, *_op_times(schedule, sums, walk, start))


def _op_times(schedule: Schedule, sums: _Sums, walk: _Walk, call_start: Times) -> tuple[Times, Times, Times]:
    start, end, before = (np.full(len(schedule.call), NEVER, np.int64) for _ in range(3))
    held: dict[int, list[tuple[int, int]]] = {}
    for stream, key, until in walk.awaited:
        held.setdefault(stream, []).append((key, until))
    for stream, mine in enumerate(_places(schedule.stream)):
        rows = np.arange(len(schedule.call))[mine]
        rows = rows[schedule.alive[rows]]
        host = call_start[schedule.call[rows]] + schedule.latency[rows]
        before[rows] = _before(schedule, sums, rows, host, held.get(stream, []))
        after = np.where(before[rows] > NEVER // 2, before[rows] + schedule.delta[rows], NEVER)
        start[rows] = np.maximum(host, after)
        end[rows] = start[rows] + schedule.duration[rows]
    before[before <= NEVER // 2] = NEVER
    return start, end, before


def _before(schedule: Schedule, sums: _Sums, rows: Indices, host: Times, held: list[tuple[int, int]]) -> Times:
    """The greatest end on a stream before each of its ops."""
    if not len(rows):
        return np.empty(0, np.int64)
    steps = sums.steps[rows]
    reach = np.concatenate(([NEVER], (host + schedule.duration[rows] - steps)[:-1]))
    earlier = steps - sums.step[rows]
    if held:
        key, until = np.array(held, np.int64).T
        place = np.searchsorted(PHASES * schedule.call[rows] + 1, key)
        used = (place < len(rows)) & (until > NEVER // 2)
        place, until = place[used], until[used]
        np.maximum.at(reach, place, until - earlier[place])
    reached: Times = np.maximum.accumulate(reach) + earlier
    return reached
