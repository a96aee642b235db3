"""A loop as a GPU sees it: where each iteration's work begins, and how busy the GPU is until the next one's.

A program that runs ahead of the GPU has short iterations and long windows: only the windows say what a step takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import Attribution, Pieces
from nsysgap.analysis.idle.gaps import DeviceGaps
from nsysgap.analysis.loops.launched_inside import Launched, reduced, span_edges
from nsysgap.arrays import distinct
from nsysgap.causes import PARTS
from nsysgap.intervals import IntervalSet, covered_before, pieces, union
from nsysgap.tables import Table

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class WindowEdges:
    """The windows of one loop on one GPU: [start, end) in ns of each iteration that launched an op on it, sorted.

    `iteration`: their numbers, of shape (windows,); `without_ops`: how many iterations have none.
    """

    device: int
    iteration: Indices
    start: Times
    end: Times
    without_ops: int

    @property
    def covered(self) -> IntervalSet:
        """All windows together: what a selection of the loop selects on this GPU."""
        return union(self.start, self.end)


@dataclass(frozen=True)
class GpuWindows:
    """`WindowEdges` with what happened in them, ns: `busy` of shape (windows,), `parts` of shape (windows, 10).

    busy + the parts = the window, for each of them: all ops of the GPU count, whoever launched them.
    """

    edges: WindowEdges
    busy: Times
    parts: Times

    @property
    def window(self) -> Times:
        """The length of each window, ns."""
        return self.edges.end - self.edges.start

    @property
    def idle(self) -> Times:
        """The idle time of each window, ns."""
        return self.window - self.busy


def window_edges(start: Times, end: Times, launched: Launched, ops: Table) -> list[WindowEdges]:
    """The windows of the iterations [start, end) of one process on every GPU they launched ops on, by device."""
    all_edges = (
        _edges(device, *span_edges(time, start, end), ops, rows) for device, (rows, time) in launched.on_device.items()
    )
    return [edges for edges in all_edges if edges is not None]


def _edges(device: int, low: Times, high: Times, ops: Table, rows: NDArray[np.int32]) -> WindowEdges | None:
    iteration = np.flatnonzero(high > low)
    if not len(iteration):
        return None
    # Ops are sorted by start: the first of an iteration is that of the lowest row.
    start = np.maximum.accumulate(ops["start"][reduced(np.minimum, rows, low[iteration], high[iteration])])
    last = ops["end"][rows[low[iteration[-1]] : high[iteration[-1]]]].max()
    end = np.append(start[1:], max(int(last), int(start[-1])))
    return WindowEdges(device, iteration, start, end, len(low) - len(iteration))


def window_clocks(gaps: Sequence[DeviceGaps], edges: Sequence[WindowEdges]) -> dict[int, WindowClock]:
    """A clock for the windows of each GPU, by device, not yet filled. `gaps`: of each GPU, over the whole."""
    own = {whole.device: [edge for edge in edges if edge.device == whole.device] for whole in gaps}
    return {whole.device: WindowClock(whole, own[whole.device]) for whole in gaps if own[whole.device]}


class WindowClock:
    """Busy time and parts of one GPU before any edge of its loops' windows.

    Every gap is cut once at all edges: a window's figures are then differences, however many loops there are. An
    Onlooker: the parts are `complete` when each of `pieces` went through `add`.
    """

    def __init__(self, whole: DeviceGaps, edges: Sequence[WindowEdges]) -> None:
        self.times = distinct(np.concatenate([time for edge in edges for time in (edge.start, edge.end)]))
        self.busy = covered_before(whole.busy, self.times)
        self.pieces, self._segment = _cut_at(whole, self.times)
        self._inside = np.zeros((len(self.times), len(PARTS)), np.int64)
        self.complete = False

    def add(self, part: int, rows: Indices, values: Times) -> None:
        """Take what `Attribution.each_part` says of `pieces`."""
        segment = self._segment[rows]
        heads = np.concatenate(([0], np.flatnonzero(segment[1:] != segment[:-1]) + 1))
        np.add.at(self._inside[:, part], segment[heads], np.add.reduceat(values, heads))

    def fill(self, attribution: Attribution) -> None:
        """Let all pieces through, unless who cut the same ones has done so."""
        if not self.complete:
            attribution.each_part(self.pieces, self.add)
            self.complete = True

    def wants(self, pieces_of: Pieces) -> bool:
        """Whether these are its pieces, and it has yet to learn their parts."""
        mine = self.pieces
        if self.complete or len(mine.start) != len(pieces_of.start):
            return False
        return bool((mine.start == pieces_of.start).all() and (mine.end == pieces_of.end).all())

    @cached_property
    def _parts(self) -> Times:
        return np.cumsum(self._inside, axis=0)

    def windows(self, edges: WindowEdges) -> GpuWindows:
        """The figures of windows whose edges the clock was made of."""
        low, high = np.searchsorted(self.times, edges.start), np.searchsorted(self.times, edges.end)
        return GpuWindows(edges, self.busy[high] - self.busy[low], self._parts[high] - self._parts[low])


def _cut_at(whole: DeviceGaps, times: Times) -> tuple[Pieces, Indices]:
    """What lies of the gaps between any two of sorted times, and for each piece the number of the time behind it."""
    edges = np.searchsorted(whole.start, times)
    last = np.maximum(edges - 1, 0)
    if len(whole.start) and ((edges > 0) & (whole.end[last] > times)).any():
        start, end, owner = pieces(whole.start, whole.end, IntervalSet(times[:-1], times[1:]))
        segment = np.searchsorted(times, start, side="right")
        return Pieces(start, end, whole.end[owner], whole.after[owner]), segment
    some = slice(int(edges[0]), int(edges[-1]))  # as most often: windows begin where an op does, which ends a gap
    segment = np.repeat(np.arange(1, len(times)), np.diff(edges))
    return Pieces(whole.start[some], whole.end[some], whole.end[some], whole.after[some]), segment
