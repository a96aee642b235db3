"""Millions of intervals of a table, looked at where they are asked about: some ten thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import is_any
from nsysgap.intervals import IntervalSet, union
from nsysgap.tables import Table

Indices = NDArray[np.int32]
Times = NDArray[np.int64]
ROWS = 1 << 15  # so many rows, and what is worked out of them, stay in a processor's cache
LEAST, MOST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)


def stretches(number: int) -> Iterator[slice]:
    """So many rows, ROWS at a time."""
    return (slice(first, min(first + ROWS, number)) for first in range(0, number, ROWS))


class Spans:
    """Intervals in order of start, to ask what they cover in a stretch of time: some rows of a table (None: all of it),
    of these only those whose `name` is in `names`, if given."""

    def __init__(self, table: Table, rows: Indices | None = None, names: list[int] | None = None) -> None:
        self.table = table
        self.rows = rows
        self.names = names

    def __len__(self) -> int:
        return self.table.rows if self.rows is None else len(self.rows)

    def within(self, low: int, high: int) -> IntervalSet:
        """What is covered of [low, high), exactly; the set may reach beyond `high`."""
        first, last = self.position(low), self.position(high)
        start, end = self.between(first, last)
        reach = self.reach(first)
        if reach > low:  # begun before, still going on
            start, end = np.concatenate(([low], start)), np.concatenate(([reach], end))
        return union(start, end)

    def windows(self, times: Times) -> Iterator[slice]:
        """Cut sorted times into stretches of at most ROWS, in which at most ROWS of the rows start too."""
        first = 0
        while first < len(times):
            beyond = self.position(int(times[first])) + ROWS
            until = int(self.between(beyond, beyond + 1, every=True)[0][0]) if beyond < len(self) else int(times[-1])
            last = max(int(np.searchsorted(times, until, side="right")), first + 1)
            last = min(last, first + ROWS)
            yield slice(first, last)
            first = last

    def position(self, time: int) -> int:
        """How many of the rows start before a time."""
        row = int(np.searchsorted(self.table["start"], time))
        return row if self.rows is None else int(np.searchsorted(self.rows, self.rows.dtype.type(row)))

    def between(self, first: int, last: int, *, every: bool = False) -> tuple[Times, Times]:
        """(starts, ends) of the intervals among the rows of these positions; `every`: whatever their names."""
        rows = self._some(first, last)
        start, end = self.table["start"][rows], self.table["end"][rows]
        if self.names is None or every:
            return start, end
        named = self.named(first, last)
        return start[named], end[named]

    def ends(self, first: int, last: int) -> Times:
        """The ends of the intervals among the rows of these positions: `between` without the starts."""
        end: Times = self.table["end"][self._some(first, last)]
        return end if self.names is None else end[self.named(first, last)]

    def named(self, first: int, last: int) -> NDArray[np.bool_]:
        """Which of the rows of these positions have one of the names."""
        return is_any(self.table["name"][self._some(first, last)], self.names or [])

    def _some(self, first: int, last: int) -> slice | Indices:
        return slice(first, last) if self.rows is None else self.rows[first:last]

    def reach(self, position: int) -> int:
        """The latest end of the intervals before a position."""
        block = position // ROWS
        return max(self._reaches[block], int(self.ends(block * ROWS, position).max(initial=LEAST)))

    @cached_property
    def _reaches(self) -> list[int]:
        """The latest end before each block of ROWS positions."""
        ends = [self.ends(first, first + ROWS).max(initial=LEAST) for first in range(0, len(self), ROWS)]
        return [LEAST, *np.maximum.accumulate(np.array(ends, np.int64)).tolist()]
