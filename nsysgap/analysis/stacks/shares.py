"""Idle time shared out among stacks: exact integers, nothing lost, whatever the samples.

Each stretch of idle time (one uninterrupted piece of a gap's part) gives its nanoseconds in equal shares to the samples
of its thread that were taken within it; the first ones get one more where the division leaves a remainder. A stretch
without a sample inside gives them to the nearest sample of the thread, if that is at most `reach` away, else to nobody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.stretches import Stretches
from nsysgap.arrays import grouped
from nsysgap.intervals import IntervalSet, pieces
from nsysgap.tables import NONE, Table

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
PERIODS_AWAY = 2


class Shares(NamedTuple):
    """Who got how much of the idle time, arrays of shape (shares,): `receiver` -1 means nobody.

    `receiver` is the row of a sample (or whatever received), `ns` its share, `gap` the number of the gap, `near`
    whether the sample lies outside the stretch and was merely the nearest. All shares sum to the stretches, exactly.
    """

    receiver: NDArray[np.int64]
    ns: Times
    gap: NDArray[np.int64]
    near: NDArray[np.bool_]


NOTHING = Shares(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_))


def joined(parts: list[Shares]) -> Shares:
    """Several lists of shares as one."""
    return Shares(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else NOTHING


def measured_period(samples: Table, asked: int | None = None) -> int:
    """The sampling period in ns: the median distance of a thread's consecutive samples; as asked for without any."""
    order = np.lexsort((samples["time"], samples["global_tid"]))
    time, tid = samples["time"][order], samples["global_tid"][order]
    distance = np.diff(time)[tid[1:] == tid[:-1]]
    return int(np.sort(distance)[(len(distance) - 1) // 2]) if len(distance) else asked or 0


def share_among_samples(stretches: Stretches, samples: Table, reach: int) -> Shares:
    """Share the stretches out among the samples (STACK_SAMPLES, sorted by time); receivers are rows of `samples`."""
    shares = []
    threads = np.unique(stretches.thread)
    of_thread = grouped(samples["thread"] + 1, int(threads.max(initial=0)) + 2) if samples.rows else None
    for thread in threads:
        mine = np.flatnonzero(stretches.thread == thread)
        rows = np.empty(0, np.intp) if thread == NONE or of_thread is None else of_thread(int(thread) + 1)
        shares.append(_share_on_thread(stretches, mine, samples["time"][rows], rows, reach))
    return joined(shares)


def _share_on_thread(stretches: Stretches, mine: Indices, time: Times, rows: Indices, reach: int) -> Shares:
    start, end, gap = stretches.start[mine], stretches.end[mine], stretches.gap[mine]
    low, high = np.searchsorted(time, start, side="left"), np.searchsorted(time, end, side="left")
    alone = np.flatnonzero(low == high)
    nearest = _nearest(time, start[alone], end[alone], low[alone], reach)
    receiver = np.where(nearest == NONE, NONE, rows[nearest] if len(rows) else NONE).astype(np.int64)
    inside, ns, owner = _equal_shares(end - start, low, high)
    return joined(
        [
            Shares(rows[inside].astype(np.int64), ns, gap[owner], np.zeros(len(ns), np.bool_)),
            Shares(receiver, (end - start)[alone], gap[alone], receiver != NONE),
        ]
    )


def _equal_shares(length: Times, low: Indices, high: Indices) -> tuple[Indices, Times, Indices]:
    """Each length in equal integers to the samples low to high: (sample, ns, number of the length) of each share."""
    count = high - low
    owner = np.repeat(np.arange(len(low)), count)
    position = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    each, left = np.divmod(length[owner], np.maximum(count[owner], 1))
    return low[owner] + position, each + (position < left), owner


def _nearest(time: Times, start: Times, end: Times, low: Indices, reach: int) -> NDArray[np.int64]:
    """Where the sample nearest to each [start, end) is, which holds none; of equals the earlier; NONE: too far."""
    if not len(time):
        return np.full(len(start), NONE, np.int64)
    far = np.iinfo(np.int64).max
    before, after = np.maximum(low - 1, 0), np.minimum(low, len(time) - 1)
    since = np.where(low > 0, start - time[before], far)
    until = np.where(low < len(time), time[after] - end, far)
    return np.where(np.minimum(since, until) > reach, NONE, np.where(since <= until, before, after))


def share_among_spans(stretches: Stretches, thread: int, spans: IntervalSet, receiver: NDArray[np.int64]) -> Shares:
    """Share a thread's stretches out among disjoint spans of its time; what no span covers goes to nobody."""
    mine = np.flatnonzero(stretches.thread == thread)
    start, end, gap = stretches.start[mine], stretches.end[mine], stretches.gap[mine]
    low, high, owner = pieces(start, end, spans)
    span = np.searchsorted(spans.ends, low, side="right")
    left = end - start
    np.subtract.at(left, owner, high - low)
    rest = np.flatnonzero(left)
    return joined(
        [
            Shares(receiver[span], high - low, gap[owner], np.zeros(len(low), np.bool_)),
            Shares(np.full(len(rest), NONE), left[rest], gap[rest], np.zeros(len(rest), np.bool_)),
        ]
    )


def nearest_before(samples: Table, thread: NDArray[np.int32], time: Times, reach: int) -> NDArray[np.int64]:
    """The row of the last sample of each thread at or before each time, NONE if it is more than `reach` earlier."""
    nearest = np.full(len(time), NONE, np.int64)
    for owner in np.unique(thread):
        rows = np.flatnonzero(samples["thread"] == owner)
        mine = np.flatnonzero(thread == owner)
        position = np.searchsorted(samples["time"][rows], time[mine], side="right") - 1
        seen = position >= 0
        seen[seen] = time[mine[seen]] - samples["time"][rows[position[seen]]] <= reach
        nearest[mine[seen]] = rows[position[seen]]
    return nearest
