"""Idle time by the call in which it passed: CUDA calls, and calls of the operating system by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import FULL_BUFFER
from nsysgap.analysis.idle.grouping import Group
from nsysgap.analysis.idle.host_calls import host_calls, launches_block
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.loading import launched_gaps, loading_by_thread
from nsysgap.analysis.relations.calls import KERNEL_LAUNCHES
from nsysgap.analysis.stacks.interpreter_lock import waits_for_lock
from nsysgap.arrays import codes, grouped
from nsysgap.causes import (
    CAUSES,
    CUDA_API,
    HOST,
    IN_GRAPH,
    LAUNCH,
    LOADING,
    OS,
    PARTS,
    PROFILER,
    QUEUED,
    SYNC,
    UNKNOWN,
    UNTRACED,
)
from nsysgap.intervals import EMPTY, IntervalSet, complement, covered_length, intersect, pieces, union, union_of
from nsysgap.tables import NONE, Stacks, Table, Trace

# What passed in no call, in the words of its cause.
NO_CALL = {part: f"({CAUSES[part].label})" for part in (QUEUED, IN_GRAPH, PROFILER, HOST, UNKNOWN)}
LOADING_MODULES, FULL = f"({LOADING.name})", "(the command buffer was full)"
BLOCKING = "CUDA_LAUNCH_BLOCKING: {}"
LOCK = "{} (Python's lock, GIL)"
Indices = NDArray[np.intp]
Times = NDArray[np.int64]


def idle_by_call(idle: IdleReport, stacks: Stacks | None = None) -> list[Group]:
    """The idle time by the call in which it passed, of nested ones the outermost, largest first, then by name.

    What passed in no call is named so, and so is loading of modules, whatever call it lies in. CUDA's calls go before
    those of MPI, cuDNN and cuBLAS, and these before the system's. `stacks` (the report's, of OS calls) tell which of
    those wait for Python's lock.
    """
    calls = _Calls(idle, stacks)
    calls.whole_parts()
    launched = launched_gaps(idle)
    thread = idle.trace.api["thread"][idle.gaps.call[launched]] if len(launched) else np.empty(0, np.int32)
    for launcher in np.unique(thread).tolist():
        calls.of_thread(launcher, launched[thread == launcher])
    return sorted((group for group in calls.groups() if group.idle), key=lambda group: (-group.idle, group.name))


class _Named(NamedTuple):
    """A table of calls, the rows of each thread, a code for each row's label, and the labels."""

    table: Table
    of: Callable[[int], Indices]
    code: Times
    labels: list[str]

    def segments(self, thread: int, free: IntervalSet) -> tuple[IntervalSet, Times]:
        """Disjoint stretches in a thread's calls, where `free`, and the code of the outermost call of each."""
        return _segments(self.table, self.of(thread), free, self.code)


class _Calls:
    """Adds up idle time by call name."""

    def __init__(self, idle: IdleReport, stacks: Stacks | None) -> None:
        self.idle = idle
        self.rows: dict[str, list[int]] = {}  # name -> idle, gaps, longest, part
        trace, number = idle.trace, idle.trace.threads.rows
        self.loading = loading_by_thread(trace, idle.calls)
        self.full = _full_buffers(trace)
        self.work_of = grouped(trace.overhead["thread"], number)
        self.cuda = _Named(trace.api, grouped(trace.api["thread"], number), *_labels(idle, trace.api["name"]))
        host = host_calls(trace)
        self.host = _Named(host, grouped(host["thread"], number), *_labels(idle, host["name"]))
        self.system = _Named(trace.osrt, grouped(trace.osrt["thread"], number), *_os_names(idle, stacks))
        self.waiting = {code for code, name in enumerate(self.cuda.labels) if self._waits(name)}
        self.blocking = _blocking(idle, self.cuda.labels)

    def add(self, name: str, values: Times, part: int) -> None:
        """Shares of gaps that passed in one call."""
        values = values[values > 0]
        if len(values):
            row = self.rows.setdefault(name, [0, 0, 0, part])
            row[0] += int(values.sum())
            row[1] += len(values)
            row[2] = max(row[2], int(values.max()))

    def whole_parts(self) -> None:
        """The gaps that belong to no thread: of a graph, and of no known launch."""
        gaps = self.idle.gaps
        whole = self.idle.attribution.whole_parts(gaps.after, gaps.call)
        for part in (IN_GRAPH, UNKNOWN):
            self.add(NO_CALL[part], gaps.duration[whole == part], part)

    def of_thread(self, thread: int, rows: Indices) -> None:
        """The time of gaps whose after-ops this thread launched: until the launch call returned, and queued."""
        gaps, api = self.idle.gaps, self.idle.trace.api
        call, start = gaps.call[rows], gaps.start[rows]
        returned = np.maximum(np.minimum(gaps.end[rows], api["end"][call]), start)
        self.add(NO_CALL[QUEUED], gaps.end[rows] - returned, QUEUED)
        called = np.clip(api["start"][call], start, returned)
        taken = EMPTY
        for name, when, part in ((LOADING_MODULES, self.loading, CUDA_API), (FULL, self.full, LAUNCH)):
            both = union_of(taken, when.get(thread, EMPTY))
            self.add(name, covered_length(both, start, returned) - covered_length(taken, start, returned), part)
            taken = both
        inside = returned - called - covered_length(taken, called, returned)
        for name in np.unique(api["name"][call]):
            self.add(self.idle.trace.names[name], inside[api["name"][call] == name], LAUNCH)
        self._before(thread, start, called, taken)

    def _before(self, thread: int, start: Times, called: Times, taken: IntervalSet) -> None:
        """Time before the launch call began, but for what is `taken`: what is left of it is the program's own code."""
        trace = self.idle.trace
        work = union_of(taken, _union_of(trace.overhead, self.work_of(thread)))
        left = called - start - covered_length(work, start, called)
        self.add(NO_CALL[PROFILER], called - start - left - covered_length(taken, start, called), PROFILER)
        for code, shares in _shares(start, called, *self.cuda.segments(thread, complement(work))):
            part = SYNC if code in self.waiting else CUDA_API
            self.add(self.blocking.get(code, self.cuda.labels[code]), shares, part)
            left -= shares
        cuda = union_of(work, _union_of(trace.api, self.cuda.of(thread)))
        system = _union_of(trace.osrt, self.system.of(thread))
        named = self.host.segments(thread, complement(cuda))
        in_system = intersect(named[0], system).total
        for code, shares in _shares(start, called, *named):
            self.add(self.host.labels[code], shares, OS if 2 * in_system > named[0].total else HOST)
            left -= shares
        both = union_of(cuda, _union_of(self.host.table, self.host.of(thread)))
        for code, shares in _shares(start, called, *self.system.segments(thread, complement(both))):
            self.add(self.system.labels[code], shares, OS)
            left -= shares
        self.add(NO_CALL[HOST], left, HOST)

    def _waits(self, name: str) -> bool:
        return any(self.idle.trace.names[index] == name for index in self.idle.attribution.sync_names)

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
    return code.astype(np.int64), [idle.trace.names[int(index)] for index in present.tolist()]


def _os_names(idle: IdleReport, stacks: Stacks | None) -> tuple[NDArray[np.int64], list[str]]:
    """`_labels` of OS calls, those that wait for Python's lock apart."""
    osrt = idle.trace.osrt
    code, labels = _labels(idle, osrt["name"])
    locked = waits_for_lock(idle.trace, stacks)
    return np.where(locked, code + len(labels), code), [*labels, *map(LOCK.format, labels)]


def _full_buffers(trace: Trace) -> dict[int, IntervalSet]:
    """When launch calls of each thread waited for room in the command buffer."""
    table = trace.activities
    if table is None:
        return {}
    rows = np.flatnonzero((table["kind"] == FULL_BUFFER) & (table["thread"] != NONE))
    return {
        thread: _union_of(table, rows[table["thread"][rows] == thread])
        for thread in np.unique(table["thread"][rows]).tolist()
    }


def _blocking(idle: IdleReport, labels: list[str]) -> dict[int, str]:
    """The labels of launch calls that wait for their kernels, by code; none where launches do not block."""
    if not any(name in KERNEL_LAUNCHES for name in labels) or not launches_block(idle):
        return {}
    return {code: BLOCKING.format(name) for code, name in enumerate(labels) if name in KERNEL_LAUNCHES}


def _union_of(table: Table, rows: Indices) -> IntervalSet:
    return union(table["start"][rows], table["end"][rows])


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
    by_code = []
    for label_code in np.unique(of).tolist():
        chosen = np.flatnonzero(of == label_code)
        shares = np.zeros(len(start), np.int64)
        np.add.at(shares, owner[chosen], (high - low)[chosen])
        by_code.append((label_code, shares))
    return by_code
