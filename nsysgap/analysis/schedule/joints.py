"""The replay's joints, where one thing waits for another, and what happens between them as sums and running maxima.

Between joints every thread goes on by a sum of gaps and calls, and the end of an op is a running maximum once the
stream's own sum of steps is taken off: end(k) = max(host(k) + duration(k), end(k - 1) + step(k)), step(k) = max(0,
delta(k) + duration(k)), is with C the running sum of the steps end(k) = C(k) + max over j <= k of (host(j) +
duration(j) - C(j)). Host times of a thread shift as a whole when a call of it waits longer, so these maxima need be
taken once only, before any joint is walked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.schedule import NEVER, Indices, Schedule, Times
from nsysgap.arrays import distinct
from nsysgap.tables import NONE

SYNC, BLOCK, RECORD, AWAIT, SOURCE, TARGET = range(6)
PHASES = 3  # of a call: before its ops, its ops, after them


class Sums(NamedTuple):
    """Running sums without any waiting: start and end of calls; per op the stream's steps up to it, and its own."""

    start: Times
    end: Times
    steps: Times
    step: Times


class Joints(NamedTuple):
    """Where one thing waits for another, in order; arrays of shape (joints,).

    `what`: one of the constants of this module; `key` = phases * call + phase; `which`: the call, of BLOCK the op, of
    SOURCE and TARGET the edge; `call`: its call (of edges 0), that one's `thread`, `start` and `end` without any
    waiting and `tail`; `stream`: whose state it changes, -1 for none or several.
    """

    key: Times
    what: NDArray[np.int8]
    which: Indices
    call: Indices
    thread: NDArray[np.int32]
    start: Times
    end: Times
    tail: Times
    stream: NDArray[np.int32]

    def take(self, rows: Indices) -> Joints:
        """Some of them."""
        return Joints._make(column[rows] for column in self)


class Groups(NamedTuple):
    """Ops between two joints by (joint after them, stream, thread), in order; arrays of shape (groups,).

    The end of the last one is the greater of the stream's end before + `step` and the thread's shift + `host`.
    """

    joint: Indices
    stream: NDArray[np.int64]
    thread: NDArray[np.int64]
    step: Times
    host: Times

    def take(self, rows: Indices) -> Groups:
        """Some of them."""
        return Groups._make(column[rows] for column in self)


def by_number(number: NDArray[np.int32] | NDArray[np.int64], count: int) -> list[Indices]:
    """Where each number of 0 to count - 1 stands, in order; not those of -1."""
    if count == 1:
        return [np.flatnonzero(number == 0)]
    order = np.argsort((number + 1).astype(np.min_scalar_type(count + 1)), kind="stable")
    return np.split(order, np.cumsum(np.bincount(number + 1, minlength=count + 1))[:-1])[1:]


def rows_by_number(number: NDArray[np.int32]) -> Sequence[Indices | slice]:
    """Where each number stands, by number: everywhere where all are 0, which copies nothing."""
    count = int(number.max(initial=0)) + 1
    return [slice(None)] if count == 1 else by_number(number, count)


def sums_of(schedule: Schedule) -> Sums:
    """The schedule's sums."""
    took = schedule.gap + schedule.base
    end = np.empty_like(took)
    for mine in rows_by_number(schedule.thread):
        end[mine] = schedule.origin + np.cumsum(took[mine])
    step = np.where(schedule.alive, np.maximum(schedule.delta + schedule.duration, 0), 0)
    steps = np.empty_like(step)
    for mine in rows_by_number(schedule.stream):
        steps[mine] = np.cumsum(step[mine])
    return Sums(end - schedule.base, end, steps, step)


def joints_of(schedule: Schedule, sums: Sums) -> Joints:
    """All joints; of records only those that something awaits, of waits only those that can last."""
    waits = np.flatnonzero(schedule.waits & (schedule.tail > NEVER // 2))
    awaited = distinct(np.concatenate((schedule.awaits[schedule.awaits != NONE], schedule.event[schedule.waits])))
    recorded = np.flatnonzero(schedule.records)
    edges = np.flatnonzero(schedule.alive[schedule.edges].all(axis=1))
    parts = [
        (SYNC, waits, PHASES - 1, None),
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
    if len(key) > len(waits):
        order = np.lexsort((what == SOURCE, key))  # an edge starts from what its own call's op is by then
        key, what, which = key[order], what[order], which[order]
    return _with_columns(schedule, sums, key, what, which)


def _with_columns(schedule: Schedule, sums: Sums, key: Times, what: NDArray[np.int8], which: Indices) -> Joints:
    block, edge, target = what == BLOCK, what >= SOURCE, what == TARGET
    call = which.copy()
    call[block] = schedule.call[which[block]]
    call[edge] = 0
    tail = schedule.tail[call]
    tail[block] = schedule.op_tail[which[block]]
    stream = np.where(what == AWAIT, schedule.own_stream[call], NONE).astype(np.int32)
    stream[block] = schedule.stream[which[block]]
    stream[target] = schedule.stream[schedule.edges[which[target], 1]]
    return Joints(key, what, which, call, schedule.thread[call], sums.start[call], sums.end[call], tail, stream)


def groups_of(schedule: Schedule, sums: Sums, joints: Joints) -> Groups:
    """All ops that do not block, by the joint after them."""
    live = np.flatnonzero(schedule.alive & ~schedule.blocks)
    if not len(live):
        return Groups(*(np.empty(0, np.int64) for _ in range(5)))
    call, stream = schedule.call[live], schedule.stream[live].astype(np.int64)
    thread = schedule.thread[call].astype(np.int64)
    threads = int(thread.max()) + 1
    joint = np.searchsorted(joints.key, PHASES * call + 1)
    code = (joint * schedule.stream_count + stream) * threads + thread
    if not bool((code[1:] >= code[:-1]).all()):
        order = np.argsort(code, kind="stable")
        live, code = live[order], code[order]
    first = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1])))
    steps = sums.steps[live]
    host = sums.start[schedule.call[live]] + schedule.latency[live] + schedule.duration[live] - steps
    code, thread = np.divmod(code[first], threads)
    joint, stream = np.divmod(code, schedule.stream_count)
    # Two threads that launch into one stream between the same joints share its steps: counted once, reached by both.
    shared = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1])))
    reached = np.repeat(np.maximum.reduceat(steps, first[shared]), np.diff(np.append(shared, len(code))))
    step = np.zeros(len(code), np.int64)
    step[shared] = reached[shared] - np.minimum.reduceat(steps - sums.step[live], first[shared])
    return Groups(joint, stream, thread, step, np.maximum.reduceat(host, first) + reached)
