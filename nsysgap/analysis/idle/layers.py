"""Intervals of several ranks, of which each moment belongs to one: to the lowest rank that covers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.intervals import is_sorted

Times = NDArray[np.int64]


class Layer(NamedTuple):
    """Intervals [start, end) sorted by start, end >= start, and the rank of each: arrays of shape (intervals,)."""

    start: Times
    end: Times
    rank: NDArray[np.int8]


def layer(start: Times, end: Times, rank: int) -> Layer:
    """Intervals that all have one rank."""
    return Layer(start, end, np.full(len(start), rank, np.int8))


def exclusive_lengths(layers: Sequence[Layer], a: Times, b: Times) -> Iterator[tuple[int, Times]]:
    """(rank, how long of each [a, b) belongs to it) for every rank that there is, in order; `a` is sorted, b >= a."""
    start, end, rank = _merged(layers, int(a[0]) - 1)
    in_a, in_b = np.searchsorted(start, a) - 1, np.searchsorted(start, b) - 1
    present = np.flatnonzero(np.bincount(rank)).tolist()
    seen: Times | int = 0
    for this_rank in present:
        # Intervals of higher ranks are as if they took no time.
        reach = np.maximum.accumulate(end if this_rank == present[-1] else np.where(rank <= this_rank, end, start))
        # What is covered before t is before[i] + min(t, reach[i]) - start[i], where interval i is the last to start.
        covered = np.minimum(reach[:-1], start[1:])
        covered -= start[:-1]
        before = -start
        before[1:] += np.cumsum(covered, out=covered)
        until_here = before[in_b] - before[in_a] + np.minimum(b, reach[in_b]) - np.minimum(a, reach[in_a])
        yield this_rank, until_here - seen
        seen = until_here


def _merged(layers: Sequence[Layer], first: int) -> Layer:
    """All intervals in order of start, behind one of no length that starts before them and at the latest at `first`."""
    first = min([first, *(int(intervals.start[0]) - 1 for intervals in layers if len(intervals.start))])
    moment = np.array([first], np.int64)
    lowest = min((int(intervals.rank.min()) for intervals in layers if len(intervals.rank)), default=0)
    parts = [layer(moment, moment, lowest), *(intervals for intervals in layers if len(intervals.start))]
    start, end, rank = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if not is_sorted(start):
        order = np.argsort(start, kind="stable")
        start, end, rank = start[order], end[order], rank[order]
    return Layer(start, end, rank)
