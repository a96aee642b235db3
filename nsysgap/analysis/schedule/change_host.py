"""Changes to what the host does: fewer syncs, faster code, work done elsewhere, cheaper launches, no OS waits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.bodies import SYNC_ROLES, Bodies
from nsysgap.analysis.schedule.calls import LAUNCH
from nsysgap.analysis.schedule.constants import SMALL_READ_BYTES
from nsysgap.analysis.schedule.ops import DEVICE_TO_HOST
from nsysgap.analysis.schedule.schedule import Schedule
from nsysgap.intervals import IntervalSet, covered_length
from nsysgap.tables import NONE

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


def fewer_syncs(bodies: Bodies, schedule: Schedule, every: int, case: str) -> Schedule:
    """Keep the waits of every `every`-th step, and of the last; gaps stay. At best the value read before goes too."""
    dropped = dropped_syncs(bodies, every)
    waits, base = schedule.waits.copy(), schedule.base.copy()
    waits[dropped], base[dropped] = False, 0
    changed = replace(schedule, waits=waits, base=base)
    return _without_reads(bodies, changed, dropped) if case == "best" else changed


def dropped_syncs(bodies: Bodies, every: int) -> Indices:
    """The waits that are dropped."""
    role = bodies.model.calls.role[bodies.calls]
    kept = ((bodies.body + 1) % every == 0) | (bodies.body == bodies.count - 1)
    dropped: Indices = bodies.calls[np.isin(role, SYNC_ROLES) & ~kept]
    return dropped


def _without_reads(bodies: Bodies, schedule: Schedule, dropped: Indices) -> Schedule:
    """Small copies to the host right before a dropped wait, their calls and the gaps before those, left out."""
    ops = bodies.model.ops
    position = np.searchsorted(bodies.calls, dropped)
    before = bodies.calls[position[position > 0] - 1]
    op = bodies.op_of[before]
    read = (op != NONE) & (ops.direction[op] == DEVICE_TO_HOST) & (ops.bytes[op] <= SMALL_READ_BYTES)
    return without(schedule, before[read], op[read])


def without(schedule: Schedule, calls: Indices, ops: Indices) -> Schedule:
    """Calls, the gaps before them and ops left out."""
    gap, base, alive = schedule.gap.copy(), schedule.base.copy(), schedule.alive.copy()
    gap[calls] = 0
    base[calls] = 0
    alive[ops] = False
    return replace(schedule, gap=gap, base=base, alive=alive)


def shorter_gaps(schedule: Schedule, taken: Times) -> Schedule:
    """Gaps without what is taken of each; of overlapping ones, which are less than nothing, nothing is taken."""
    return replace(schedule, gap=schedule.gap - np.minimum(taken, np.maximum(schedule.gap, 0)))


def covered_gaps(bodies: Bodies, spans: IntervalSet) -> Times:
    """How much of the gap before each call of the loop's thread, inside the loop, a set of times covers, ns."""
    calls, stretch = bodies.model.calls, bodies.stretch
    taken = np.zeros(len(calls.row), np.int64)
    mine = np.flatnonzero((calls.thread == stretch.logical) & (calls.gap > 0))
    low = np.maximum(calls.start[mine] - calls.gap[mine], stretch.start)
    high = np.minimum(calls.start[mine], stretch.end.time)
    taken[mine] = covered_length(spans, low, high)
    return taken


def cheaper_launches(bodies: Bodies, schedule: Schedule, factor: float) -> Schedule:
    """Launch calls of the loop `factor` times cheaper, and their latency by as much shorter."""
    mine = bodies.calls[bodies.model.calls.role[bodies.calls] == LAUNCH]
    saved = np.zeros(len(schedule.base), np.int64)
    saved[mine] = (schedule.base[mine] * (1 - 1 / factor)).astype(np.int64)
    latency = schedule.latency - np.minimum(saved[schedule.call], np.maximum(schedule.latency, 0))
    return replace(schedule, base=schedule.base - saved, latency=latency)
