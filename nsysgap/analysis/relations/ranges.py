"""NVTX ranges: which enclose a moment on a thread, which a pattern selects, how much GPU work each launched."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import distinct, grouped, is_any
from nsysgap.intervals import IntervalSet, union
from nsysgap.range_labels import label_of
from nsysgap.tables import NONE, OPEN_END, Table, Trace

Indices = NDArray[np.intp]


class RangeFinder:
    """Finds the ranges that enclose a moment on a thread, [start, end) each, of any overlap.

    Ranges are searched per thread in order of start, longest first. `_outer` links each to the nearest earlier one that
    ends later: from a range that has ended by t, following the links skips only ranges that have ended too.
    """

    def __init__(self, trace: Trace, ranges: Table | None = None) -> None:
        """`ranges`: some of the trace's NVTX ranges, or another table with thread, start and end in such order."""
        self.ranges = trace.nvtx if ranges is None else ranges
        self._rows = grouped(self.ranges["thread"], trace.threads.rows)
        self._sorted: dict[int, tuple[Indices, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = {}

    def innermost(self, thread: NDArray[np.int32], time: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each (thread, time) the last range to begin that still runs: row of nvtx, -1 none."""
        row = np.full(len(time), NONE, np.int64)
        for thread_row in distinct(thread).tolist():
            rows, start, end, outer = self._of_thread(thread_row)
            if len(rows):
                mine = np.flatnonzero(thread == thread_row)
                inner = _running(np.searchsorted(start, time[mine], side="right") - 1, end, outer, time[mine])
                row[mine] = np.where(inner == NONE, NONE, rows[inner])
        return row

    def _of_thread(self, thread: int) -> tuple[Indices, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """(row, start, end, position of the next outer one) of each range of a thread."""
        if thread not in self._sorted:
            rows = self._rows(thread)
            end = self.ranges["end"][rows]
            self._sorted[thread] = rows, self.ranges["start"][rows], end, _previous_greater(end)
        return self._sorted[thread]

    def paths(
        self, thread: NDArray[np.int32], time: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], list[tuple[int, ...]]]:
        """The names of all ranges that enclose each (thread, time), outermost (first to begin) first.

        Gives a number per moment and the path that each number stands for, as values of the column `name`.
        """
        numbers = np.zeros(len(time), np.intp)
        names: list[tuple[int, ...]] = [()]
        for thread_row in distinct(thread).tolist():
            rows, start, end, outer = self._of_thread(thread_row)
            mine = np.flatnonzero(thread == thread_row)
            label = self.ranges["name"][rows].astype(np.int64)
            position = np.searchsorted(start, time[mine], side="right") - 1
            while len(mine):
                position = _running(position, end, outer, time[mine])
                mine, position = mine[position != NONE], position[position != NONE]
                _prefix(numbers, names, mine, label[position])
                position -= 1
        used, path_number = np.unique(numbers, return_inverse=True)
        return path_number, [names[number] for number in used.tolist()]


def _running(
    position: NDArray[np.intp], end: NDArray[np.int64], outer: NDArray[np.int64], time: NDArray[np.int64]
) -> NDArray[np.intp]:
    """From each position on outwards the first range that has not ended by its time, -1 for none."""
    while True:
        ended = np.flatnonzero((position != NONE) & (end[position] <= time)) if len(end) else position[:0]
        if not len(ended):
            return position
        position[ended] = outer[position[ended]]


def _prefix(numbers: NDArray[np.intp], names: list[tuple[int, ...]], rows: Indices, label: NDArray[np.int64]) -> None:
    """Put a name before the paths of some rows: paths get new numbers, `names` what these stand for."""
    width = int(label.max(initial=0)) + 2  # a name may be -1
    present, path_number = np.unique(numbers[rows] * width + label + 1, return_inverse=True)
    numbers[rows] = len(names) + path_number
    names += [(code % width - 1, *names[code // width]) for code in present.tolist()]


def _previous_greater(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each value the position of the nearest earlier one that is greater, -1 for none."""
    links = np.arange(-1, len(values) - 1)
    left = np.arange(len(values))
    while len(left):  # all between a value and its link are known to be no greater
        left = left[links[left] != NONE]
        left = left[values[links[left]] <= values[left]]
        links[left] = links[links[left]]
    return links


def range_labels(trace: Trace) -> tuple[NDArray[np.int32], list[str]]:
    """(the number of each range's label, the labels): ranges of equal text under several IDs share one."""
    present = trace.nvtx.distinct("name")
    texts = [label_of(trace.names[int(index)]) for index in present]
    number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    of_name = np.fromiter((number[text] for text in texts), np.int32, len(texts))
    return of_name[np.searchsorted(present, trace.nvtx["name"])], list(number)


@dataclass(frozen=True)
class NvtxSelection:
    """What was selected: the union of the matching ranges, how many there are, their distinct names.

    `rows` are the matching rows of nvtx.
    """

    time: IntervalSet
    rows: Indices
    names: tuple[str, ...]

    @property
    def ranges(self) -> int:
        """How many ranges match."""
        return len(self.rows)


def select_ranges(trace: Trace, pattern: re.Pattern[str], among: NDArray[np.bool_] | None = None) -> NvtxSelection:
    """The ranges whose name the pattern is found in; an open range reaches to the end of the trace.

    `among`: only where it is true, bool of shape (nvtx rows,).
    """
    nvtx = trace.nvtx
    present = {int(index): trace.names[index] for index in nvtx.distinct("name")}
    matching = {index: name for index, name in present.items() if pattern.search(name)}
    chosen = is_any(nvtx["name"], list(matching))
    rows = np.flatnonzero(chosen if among is None else chosen & among)
    time = union(nvtx["start"][rows], np.minimum(nvtx["end"][rows], trace_end(trace)))
    names = {matching[index] for index in distinct(nvtx["name"][rows]).tolist()}
    return NvtxSelection(time, rows, tuple(sorted(names)))


def time_by_process(trace: Trace, rows: Indices) -> dict[int, IntervalSet]:
    """The time of some ranges (rows of nvtx) by row of processes; an open range reaches to the end of the trace."""
    start, end = trace.nvtx["start"][rows], np.minimum(trace.nvtx["end"][rows], trace_end(trace))
    process = trace.threads["process"][trace.nvtx["thread"][rows]]
    return {
        process_row: union(start[process == process_row], end[process == process_row])
        for process_row in distinct(process).tolist()
    }


def trace_end(trace: Trace) -> int:
    """The latest time of any event, ns: where open ranges end."""
    nvtx_end = trace.nvtx["end"]
    ends = [table["end"] for table in (trace.ops, trace.api, trace.osrt, trace.overhead)]
    ends += [nvtx_end[nvtx_end != OPEN_END], trace.nvtx["start"]]
    return max((int(end.max()) for end in ends if len(end)), default=0)


@dataclass(frozen=True)
class RangeWork:
    """GPU work per NVTX range, arrays of shape (nvtx rows,): ops launched inside it on its thread, and their extent.

    `first`/`last` are the first start and last end of those ops in ns (0 without any), `busy` the sum of their
    durations. A graph launch brings all its ops.
    """

    ops: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    busy: NDArray[np.int64]


def range_work(trace: Trace, calls: NDArray[np.int32], threads: NDArray[np.int32] | None = None) -> RangeWork:
    """Which ops each range launched: those whose launch call starts inside it on its thread.

    `threads`: of each row of api the thread whose ranges hold it, else its own (relations/acting.py).
    """
    rows = trace.nvtx.rows
    work = RangeWork(*(np.zeros(rows, np.int64) for _ in range(4)))
    launched = np.flatnonzero(calls != NONE)
    thread = (trace.api["thread"] if threads is None else threads)[calls[launched]]
    for thread_row in trace.nvtx.distinct("thread"):
        mine = launched[thread == thread_row]
        mine = mine[np.argsort(trace.api["start"][calls[mine]], kind="stable")]
        if len(mine):
            _fill_work(work, trace, np.flatnonzero(trace.nvtx["thread"] == thread_row), mine, calls)
    return work


def _fill_work(work: RangeWork, trace: Trace, ranges: Indices, ops: Indices, calls: NDArray[np.int32]) -> None:
    at = trace.api["start"][calls[ops]]
    low = np.searchsorted(at, trace.nvtx["start"][ranges], side="left")
    high = np.searchsorted(at, trace.nvtx["end"][ranges], side="left")
    start, end = trace.ops["start"][ops], trace.ops["end"][ops]
    total = np.concatenate(([0], np.cumsum(end - start)))
    some = high > low
    ranges, low, high = ranges[some], low[some], high[some]
    work.ops[ranges] = high - low
    work.busy[ranges] = total[high] - total[low]
    if len(ranges):
        work.first[ranges] = _over_spans(np.minimum, start, low, high)
        work.last[ranges] = _over_spans(np.maximum, end, low, high)


def _over_spans(reduce: np.ufunc, values: NDArray[np.int64], low: Indices, high: Indices) -> NDArray[np.int64]:
    """The ufunc reduced over values[low:high] of each non-empty span; spans may nest."""
    edges = np.column_stack((low, high)).ravel()
    padded = np.append(values, values[-1])  # reduceat wants indices below the length
    result: NDArray[np.int64] = reduce.reduceat(padded, edges)[::2]
    return result
