"""Utilisation in bins, coarse to fine: what a shortened page draws where it does not hold the slices themselves.

The first level has equal bins. Each further level splits in four those bins of the level before it that a category
covers in part: one that is empty or covered as a whole is exact at any zoom as it is. The last of the four is not
stored, it is what the others leave of the bin. page/bins.js puts the levels together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from nsysgap.render.pages.timeline.model import Times
from nsysgap.render.pages.timeline.pack import Packed, pack_columns

BINS = 16_384
PARTS = 4
DEEPEST = 3
# What the page is about comes first; the calls, of which there are most, last.
ORDER = ("gaps", "critical_path", "stream", "projected", "nvtx", "osrt", "overhead", "api")
# Characters of the finer levels: at most so many, and at most this multiple of the first level's.
ROOM, ROOM_SHARE = 4_500_000, 1.3
LEAST_SIZE = 1.5  # characters that a value takes, at the very least seen

Slices = Callable[[], Iterator[tuple[str, Times, Times]]]


class Grid:
    """Equal bins over [first, last) in whole ns that can be split `DEEPEST` times; the last may reach beyond."""

    def __init__(self, first: int, last: int, bins: int = BINS) -> None:
        finest = PARTS**DEEPEST
        self.width = max(1, -(-(last - first) // (bins * finest))) * finest
        self.edges: Times = first + self.width * np.arange(-(-(last - first) // self.width) + 1, dtype=np.int64)


def covered_before(start: Times, end: Times, times: Times) -> Times:
    """The ns covered before each of some times by slices that do not overlap, sorted by start: exact."""
    total = np.zeros(len(start) + 1, np.int64)
    np.cumsum(end - start, out=total[1:])
    index = np.searchsorted(start, times, side="right")
    before = total[index]
    begun = index > 0
    before[begun] -= np.maximum(end[index[begun] - 1] - times[begun], 0)
    return before


class TrackBins:
    """The bins of a track, level by level: per lane and category (the column "lane category") the ns in each bin.

    `slices` gives (column, start, end) anew for each level: kept, the copies of all tracks would fill the memory.
    """

    def __init__(self, kind: str, slices: Slices, grid: Grid) -> None:
        self.kind = kind
        self.slices = slices
        self.grid = grid
        self.levels: list[Packed] = []
        self.partly: dict[str, Times] = {}

    @property
    def split(self) -> int:
        """Into how many of the finest level's bins one of the first level is split."""
        return int(PARTS ** (len(self.levels) - 1))

    @property
    def next_values(self) -> int:
        """How many values the next level has."""
        return sum(len(begins) for begins in self.partly.values()) * (PARTS - 1)

    def add(self, level: Packed, partly: dict[str, Times]) -> None:
        """Keep what `next_level` made."""
        self.levels.append(level)
        self.partly = partly

    def next_level(self) -> tuple[Packed, dict[str, Times]]:
        """(the next level; by column, the starts of those of its bins that are covered in part)."""
        width = self.grid.width // PARTS ** len(self.levels)
        columns: dict[str, NDArray[np.int64]] = {}
        partly = {}
        for column, start, end in self.slices():
            if self.levels:
                if column not in self.partly:
                    continue
                edges = self.partly[column][:, np.newaxis] + width * np.arange(PARTS + 1)
                values = np.diff(covered_before(start, end, edges), axis=1)
                begins, columns[column] = edges[:, :-1], values[:, :-1].T.ravel()
            else:
                values = np.diff(covered_before(start, end, self.grid.edges))
                begins, columns[column] = self.grid.edges[:-1], values
            if len(left := begins[(values > 0) & (values < width)]):
                partly[column] = left
        packed = pack_columns(columns, {})
        for column, values in columns.items():
            packed.specs[column]["n"] = len(values)
        return packed, partly


def fill(tracks: Sequence[TrackBins], pool: Executor, room: float | None = None) -> None:
    """Give every track its first level, and finer ones while they fit into `room` characters, level by level.

    All tracks of a kind get a level or none of them; a kind that does not get one gets no finer one either.
    """
    for track, level in zip(tracks, pool.map(TrackBins.next_level, tracks), strict=True):
        track.add(*level)
    left = min(ROOM, ROOM_SHARE * _size(track.levels[0] for track in tracks)) if room is None else room
    going = [[track for track in tracks if track.kind == kind] for kind in ORDER]
    for _ in range(DEEPEST):
        deeper = []
        for group in going:
            if LEAST_SIZE * sum(track.next_values for track in group) > left:
                continue
            levels = list(pool.map(TrackBins.next_level, group))
            if (size := _size(level for level, _ in levels)) > left:
                continue
            left -= size
            deeper.append(group)
            for track, level in zip(group, levels, strict=True):
                track.add(*level)
        going = deeper


def _size(levels: Iterator[Packed]) -> int:
    return sum(len(level.text) for level in levels)
