"""Idle time by the call in which it passed: CUDA calls, and calls of the operating system by their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.grouping import Group, gap_pieces
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.interpreter_lock import waits_for_lock
from nsysgap.arrays import codes, grouped
from nsysgap.causes import (
    CAUSES,
    CUDA_API,
    HOST,
    IN_GRAPH,
    LAUNCH,
    OS,
    PARTS,
    PROFILER,
    QUEUED,
    SYNC,
    UNKNOWN,
    UNTRACED,
)
from nsysgap.intervals import IntervalSet, complement, pieces, union
from nsysgap.tables import NONE, Stacks, Table

# What passed in no call, in the words of its cause.
NO_CALL = {part: f"({CAUSES[part].label})" for part in (QUEUED, IN_GRAPH, PROFILER, HOST, UNKNOWN)}
LOCK = "{} (Python's lock, GIL)"
Indices = NDArray[np.intp]
Times = NDArray[np.int64]


def idle_by_call(idle: IdleReport, stacks: Stacks | None = None) -> list[Group]:
    """The idle time by the call in which it passed, of nested ones the outermost, largest first, then by name.

    What passed in no call is named so. Which OS calls wait for Python's lock, threads tell and the report's `stacks`.
    """
    calls = _Calls(idle)
    calls.whole_parts()
    launched = np.flatnonzero((idle.gaps.call != NONE) & ~calls.in_graph)
    if len(launched):
        calls.launch(launched)
        calls.before(launched, stacks)
    return sorted((group for group in calls.groups() if group.idle), key=lambda group: (-group.idle, group.name))


class _Calls:
    """Adds up idle time by call name."""

    def __init__(self, idle: IdleReport) -> None:
        self.idle = idle
        self.rows: dict[str, list[int]] = {}  # name -> idle, gaps, longest, part
        self.in_graph = np.zeros(len(idle.gaps), np.bool_)

    def add(self, name: str, values: Times, part: int) -> None:
        """Shares of gaps that passed in one call."""
        values = values[values > 0]
        if len(values):
            row = self.rows.setdefault(name, [0, 0, 0, part])
            row[0] += int(values.sum())
            row[1] += len(values)
            row[2] = max(row[2], int(values.max()))

    def whole_parts(self) -> None:
        """The parts that no call holds."""

        def keep(part: int, rows: Indices, values: Times) -> None:
            if part == IN_GRAPH:
                self.in_graph[rows] = True
            if part in NO_CALL:
                self.add(NO_CALL[part], values, part)

        self.idle.attribution.each_part(gap_pieces(self.idle), keep)

    def launch(self, rows: Indices) -> None:
        """Time inside the call that launched the after-op."""
        gaps, api = self.idle.gaps, self.idle.trace.api
        call = gaps.call[rows]
        values = np.minimum(gaps.end[rows], api["end"][call]) - np.maximum(gaps.start[rows], api["start"][call])
        for name in np.unique(api["name"][call]):
            self.add(self.idle.trace.names[name], values[api["name"][call] == name], LAUNCH)

    def before(self, rows: Indices, stacks: Stacks | None) -> None:
        """Time in other calls of the launching thread, before the launch call: CUDA's first, then the system's."""
        gaps, trace = self.idle.gaps, self.idle.trace
        call = gaps.call[rows]
        start, end = gaps.start[rows], np.minimum(gaps.end[rows], trace.api["start"][call])
        os_name, os_labels = _os_names(self.idle, stacks)
        api_name, api_labels = _labels(self.idle, trace.api["name"])
        waiting = {code for code, name in enumerate(api_labels) if self._waits(name)}
        calls_of, os_of, work_of = (
            grouped(table["thread"], trace.threads.rows) for table in (trace.api, trace.osrt, trace.overhead)
        )
        for thread in np.unique(trace.api["thread"][call]).tolist():
            mine = np.flatnonzero((trace.api["thread"][call] == thread) & (end > start))
            work, calls = (
                _union_of(table, of(thread)) for table, of in ((trace.overhead, work_of), (trace.api, calls_of))
            )
            in_cuda = _segments(trace.api, calls_of(thread), complement(work), api_name)
            in_system = _segments(trace.osrt, os_of(thread), complement(_both(work, calls)), os_name)
            for code, shares in _shares(start[mine], end[mine], *in_cuda):
                self.add(api_labels[code], shares, SYNC if code in waiting else CUDA_API)
            for code, shares in _shares(start[mine], end[mine], *in_system):
                self.add(os_labels[code], shares, OS)

    def _waits(self, name: str) -> bool:
        return any(self.idle.trace.names[one] == name for one in self.idle.attribution.sync_names)

    def groups(self) -> list[Group]:
        """All rows; a waiting call's part is `untraced` where the report's waiting is mostly that."""
        hidden = sum(int(device.idle_by_part[UNTRACED]) for device in self.idle.devices)
        waiting = sum(int(device.idle_by_part[SYNC]) for device in self.idle.devices)
        waits = UNTRACED if hidden > waiting else SYNC
        return [
            Group(name, idle, gaps, longest, PARTS[waits if part == SYNC else part])
            for name, (idle, gaps, longest, part) in self.rows.items()
        ]


def _labels(idle: IdleReport, names: NDArray[np.int32]) -> tuple[NDArray[np.int64], list[str]]:
    """(a code for each row's name, the text of each code)."""
    present, code = codes(names)
    return code.astype(np.int64), [idle.trace.names[int(one)] for one in present.tolist()]


def _os_names(idle: IdleReport, stacks: Stacks | None) -> tuple[NDArray[np.int64], list[str]]:
    """`_labels` of OS calls, those that wait for Python's lock apart."""
    osrt = idle.trace.osrt
    code, labels = _labels(idle, osrt["name"])
    locked = waits_for_lock(idle.trace, stacks)
    return np.where(locked, code + len(labels), code), [*labels, *map(LOCK.format, labels)]


def _union_of(table: Table, rows: Indices) -> IntervalSet:
    return union(table["start"][rows], table["end"][rows])


def _both(one: IntervalSet, other: IntervalSet) -> IntervalSet:
    return union(np.concatenate((one.starts, other.starts)), np.concatenate((one.ends, other.ends)))


def _segments(
    table: Table, rows: Indices, free: IntervalSet, code: NDArray[np.int64]
) -> tuple[IntervalSet, NDArray[np.int64]]:
    """Disjoint stretches in a thread's calls, where `free`, and the code of the outermost call of each."""
    start, end = table["start"][rows], table["end"][rows]
    reach = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(end)))[: len(end)]
    own = np.maximum(start, reach)
    lasting = end > own
    start, end, owner = pieces(own[lasting], end[lasting], free)
    return IntervalSet(start, end), code[rows[lasting]][owner]


def _shares(start: Times, end: Times, segments: IntervalSet, code: NDArray[np.int64]) -> Sequence[tuple[int, Times]]:
    """(code, how much of each [start, end) passed in its segments), for each code that has any."""
    low, high, owner = pieces(start, end, segments)
    of = code[np.searchsorted(segments.ends, low, side="right")] if len(low) else np.empty(0, np.int64)
    found = []
    for one in np.unique(of).tolist():
        chosen = np.flatnonzero(of == one)
        shares = np.zeros(len(start), np.int64)
        np.add.at(shares, owner[chosen], (high - low)[chosen])
        found.append((one, shares))
    return found
