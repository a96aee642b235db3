"""When exactly each part of each gap passed: the stretches of time behind the figures of `causes`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.arrays import distinct
from nsysgap.causes import HOST, IN_GRAPH, LAUNCH, PARTS, QUEUED, UNKNOWN
from nsysgap.intervals import EMPTY, IntervalSet, complement, pieces, subtract
from nsysgap.tables import NONE

Indices = NDArray[np.intp]
Times = NDArray[np.int64]


class Stretches(NamedTuple):
    """Disjoint stretches [start, end) of idle time within each gap, arrays of shape (stretches,).

    Ordered by gap, part and start. `gap` is the number of the gap, `part` an index into PARTS, `thread` the row of
    threads that launched the gap's after-op; -1 where no launch call is known. Lengths sum to the parts, exactly.
    """

    start: Times
    end: Times
    gap: NDArray[np.int64]
    part: NDArray[np.int8]
    thread: NDArray[np.int32]

    @property
    def total(self) -> int:
        """The length of all stretches, ns."""
        return int((self.end - self.start).sum())


def idle_stretches(
    idle: IdleReport, parts: frozenset[int] = frozenset(range(len(PARTS))), chosen: Indices | None = None
) -> Stretches:
    """The stretches of some parts (indices into PARTS) of all gaps of a report, or of the `chosen` ones."""
    collected = _Collector(idle, parts)
    gaps, api = idle.gaps, idle.trace.api
    chosen = np.arange(len(gaps)) if chosen is None else chosen
    whole = idle.attribution.whole_parts(gaps.after[chosen], gaps.call[chosen])
    for part in (IN_GRAPH, UNKNOWN):
        rows = chosen[whole == part]
        collected.add(part, rows, gaps.start[rows], gaps.end[rows])
    rows = chosen[whole == NONE]
    if len(rows):
        start, end, call = gaps.start[rows], gaps.end[rows], gaps.call[rows]
        call_start, call_end = api["start"][call], api["end"][call]
        collected.add(QUEUED, rows, np.maximum(start, call_end), end)
        collected.add(LAUNCH, rows, np.maximum(start, call_start), np.minimum(end, call_end))
        thread = api["thread"][call]
        for launcher in distinct(thread):
            mine = np.flatnonzero((thread == launcher) & (call_start > start))
            collected.before(int(launcher), rows[mine], start[mine], np.minimum(end, call_start)[mine])
    return collected.stretches()


def in_order_of_time(stretches: Stretches) -> Stretches:
    """The same by gap and start, touching stretches of one part of one gap as one."""
    order = np.lexsort((stretches.start, stretches.gap))
    start, end, gap = stretches.start[order], stretches.end[order], stretches.gap[order]
    part, thread = stretches.part[order], stretches.thread[order]
    heads = np.ones(len(start), np.bool_)
    heads[1:] = (gap[1:] != gap[:-1]) | (part[1:] != part[:-1]) | (start[1:] != end[:-1])
    first = np.flatnonzero(heads)
    last = np.append(first[1:], len(start)) - 1 if len(first) else first
    return Stretches(start[first], end[last], gap[first], part[first], thread[first])


class _Collector:
    def __init__(self, idle: IdleReport, parts: frozenset[int]) -> None:
        self.idle = idle
        self.parts = parts
        self.collected: list[tuple[Times, Times, NDArray[np.int64], int]] = []

    def add(self, part: int, gaps: Indices, start: Times, end: Times) -> None:
        """Stretches of gaps; those that are empty are no stretches."""
        if part in self.parts:
            lasting = np.flatnonzero(end > start)
            self.collected.append((start[lasting], end[lasting], gaps[lasting].astype(np.int64), part))

    def before(self, thread: int, gaps: Indices, start: Times, end: Times) -> None:
        """What a thread was doing in [start, end), before it began the launch call."""
        seen: IntervalSet = EMPTY
        for part, covered in self.idle.attribution.threads.of(thread).sets():
            if part in self.parts:
                self._within(part, gaps, start, end, subtract(covered, seen) if len(seen.starts) else covered)
            seen = covered
        if HOST in self.parts:
            self._within(HOST, gaps, start, end, complement(seen))

    def _within(self, part: int, gaps: Indices, start: Times, end: Times, covered: IntervalSet) -> None:
        low, high, owner = pieces(start, end, covered)
        self.add(part, gaps[owner], low, high)

    def stretches(self) -> Stretches:
        """All of them, in order."""
        if not self.collected:
            none = np.empty(0, np.int64)
            return Stretches(none, none, none, none.astype(np.int8), none.astype(np.int32))
        start, end, gap = (np.concatenate([batch[i] for batch in self.collected]) for i in range(3))
        part = np.concatenate([np.full(len(batch[0]), batch[3], np.int8) for batch in self.collected])
        order = np.lexsort((start, part, gap))
        call = self.idle.gaps.call[gap[order]]
        api = self.idle.trace.api
        thread = np.where(call == NONE, NONE, api["thread"][call] if api.rows else NONE).astype(np.int32)
        return Stretches(start[order], end[order], gap[order], part[order], thread)
