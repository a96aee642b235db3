"""Launches that wait because their stream's queue is full: how long it is, and how soon after room they return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.calls import Calls
from nsysgap.analysis.schedule.constants import BLOCKED_LAUNCH, FEWEST_BLOCKED, QUEUE_LENGTHS, QUEUE_SPREAD
from nsysgap.analysis.schedule.ops import Ops
from nsysgap.analysis.schedule.typical import median
from nsysgap.arrays import distinct, held_once
from nsysgap.tables import NONE

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class BackPressure:
    """`blocked`: which ops' calls waited for room; `room` (-1 none) and `room_tail` as in Schedule, shape (ops,).

    `base`: what a launch call takes that does not wait, ns; `lengths`: streams' queue lengths by number of stream;
    `unexplained`: the calls of blocked launches that no length of a queue explains.
    """

    blocked: NDArray[np.bool_]
    room: NDArray[np.int64]
    room_tail: Times
    base: int
    lengths: dict[int, int]
    unexplained: Indices


def back_pressure(calls: Calls, ops: Ops, blocks: NDArray[np.bool_]) -> BackPressure:
    """Find the streams whose queue was full. `blocks`: ops whose calls wait for the op itself."""
    took = calls.end[ops.call] - calls.start[ops.call]
    base = median(took[(took <= BLOCKED_LAUNCH) & ~blocks])
    pressure = BackPressure(
        blocked=np.zeros(len(took), np.bool_),
        room=np.full(len(took), NONE, np.int64),
        room_tail=np.zeros(len(took), np.int64),
        base=0 if base is None else base,
        lengths={},
        unexplained=np.empty(0, np.intp),
    )
    left = []
    long = (took > BLOCKED_LAUNCH) & ~blocks
    for stream in distinct(ops.stream[long]).tolist():
        rows = np.flatnonzero(ops.stream == stream)
        outstanding = np.arange(len(rows)) - np.searchsorted(
            np.sort(ops.end[rows]), calls.start[ops.call[rows]], "right"
        )
        full = np.flatnonzero(long[rows] & (outstanding >= QUEUE_LENGTHS[0]))
        if len(full) and not _explained(pressure, calls, ops, rows, full, stream):
            left.append(rows[full])
    return BackPressure(
        *(held_once(pressure.blocked), held_once(pressure.room), held_once(pressure.room_tail)),
        *(pressure.base, pressure.lengths),
        unexplained=ops.call[np.concatenate(left)] if left else np.empty(0, np.intp),
    )


def _explained(pressure: BackPressure, calls: Calls, ops: Ops, rows: Indices, full: Indices, stream: int) -> bool:
    """Whether one length of the queue explains the full launches of a stream; fills in what follows from it."""
    if len(full) < FEWEST_BLOCKED:
        return False
    length = min(QUEUE_LENGTHS, key=lambda queue_length: _spread(calls, ops, rows, full, queue_length)[0])
    spread, usual = _spread(calls, ops, rows, full, length)
    if spread > QUEUE_SPREAD:
        return False
    later, room = rows[length:], rows[:-length]
    after_room = calls.end[ops.call[later]] - ops.end[room]
    pressure.blocked[rows[full]] = True
    pressure.room[later] = room
    pressure.room_tail[later] = np.where(pressure.blocked[later], after_room, np.minimum(after_room, usual))
    pressure.lengths[stream] = length
    return True


def _spread(calls: Calls, ops: Ops, rows: Indices, full: Indices, length: int) -> tuple[int, int]:
    """(median distance from the median, the median) of the time from room in a queue of that length to the return."""
    full = full[full >= length]
    if not len(full):
        return 1 << 62, 0
    after_room = calls.end[ops.call[rows[full]]] - ops.end[rows[full - length]]
    usual = median(after_room) or 0
    return median(np.abs(after_room - usual)) or 0, usual
