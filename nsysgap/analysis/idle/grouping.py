"""Idle time by cause, kernel, CUDA call, NVTX range, thread or process: every grouping sums to the idle time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.arrays import grouped
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
from nsysgap.tables import NONE

GROUPINGS = ("cause", "kernel", "api", "nvtx", "thread", "process")
# What passed in no call, in the words of its cause.
NO_CALL = {part: f"({CAUSES[part].label})" for part in (QUEUED, IN_GRAPH, PROFILER, OS, HOST, UNKNOWN)}
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Group:
    """Idle time of one group, ns. `gaps` is how many gaps belong to it or have a share in it, `longest` the longest
    gap or share; `main_cause` is the largest of its parts.
    """

    name: str
    idle: int
    gaps: int
    longest: int
    main_cause: str


def idle_by(idle: IdleReport, by: str) -> list[Group]:
    """The idle time of all gaps by one of GROUPINGS, largest first, then by name."""
    groups = {"cause": _by_cause, "api": _by_api}.get(by, _by_gap)(idle, by)
    return sorted((group for group in groups if group.idle), key=lambda group: (-group.idle, group.name))


def _by_cause(idle: IdleReport, _: str) -> list[Group]:
    totals = np.zeros(len(PARTS), np.int64)
    gaps, longest = totals.copy(), totals.copy()

    def count(part: int, __: Indices, values: NDArray[np.int64]) -> None:
        totals[part] += values.sum()
        gaps[part] += int((values > 0).sum())
        longest[part] = max(longest[part], values.max(initial=0))

    idle.attribution.each_part(_pieces(idle), count)
    return [Group(name, int(totals[i]), int(gaps[i]), int(longest[i]), name) for i, name in enumerate(PARTS)]


def _pieces(idle: IdleReport) -> Pieces:
    gaps = idle.gaps
    return Pieces(gaps.start, gaps.end, gaps.gap_end, gaps.after)


def _by_gap(idle: IdleReport, by: str) -> list[Group]:
    """Groupings in which a gap belongs to one group as a whole."""
    keys, name = {"kernel": _kernel_keys, "nvtx": _nvtx_keys, "thread": _thread_keys, "process": _process_keys}[by](
        idle
    )
    present, place = np.unique(keys, return_inverse=True)
    texts, of_text = numbered_texts([name(key) for key in present.tolist()])
    group = of_text[place.reshape(-1)]
    duration = idle.gaps.duration
    sums = np.zeros((len(texts), len(PARTS)), np.int64)

    def add(part: int, rows: Indices, values: NDArray[np.int64]) -> None:
        np.add.at(sums[:, part], group[rows], values)

    idle.attribution.each_part(_pieces(idle), add)
    gaps = np.bincount(group, minlength=len(texts))
    longest = np.zeros(len(texts), np.int64)
    np.maximum.at(longest, group, duration)
    return [
        Group(text, int(sums[i].sum()), int(gaps[i]), int(longest[i]), PARTS[int(sums[i].argmax())])
        for i, text in enumerate(texts)
    ]


def numbered_texts(texts: Iterable[str]) -> tuple[list[str], NDArray[np.intp]]:
    """(the different texts, the number of each text among them).

    Different indices may carry the same text: they are one group, whose main cause is the largest of its parts.
    """
    numbers: dict[str, int] = {}
    place = [numbers.setdefault(text, len(numbers)) for text in texts]
    return list(numbers), np.array(place, np.intp)


Keys = tuple[NDArray[np.int64], Callable[[int], str]]


def _kernel_keys(idle: IdleReport) -> Keys:
    after = idle.gaps.after
    keys = np.where(after == NONE, NONE, idle.trace.ops["name"][after] if idle.trace.ops.rows else NONE)
    return keys.astype(np.int64), lambda key: "(no op)" if key == NONE else idle.trace.names[key]


def _nvtx_keys(idle: IdleReport) -> Keys:
    trace, call = idle.trace, idle.gaps.call
    known = np.flatnonzero(call != NONE)
    keys = np.full(len(call), NONE, np.int64)
    ranges = RangeFinder(trace).innermost(trace.api["thread"][call[known]], trace.api["start"][call[known]])
    keys[known] = np.where(ranges == NONE, NONE, trace.nvtx["name"][ranges] if trace.nvtx.rows else NONE)
    return keys, lambda key: "(outside any range)" if key == NONE else trace.names[key]


def _thread_keys(idle: IdleReport) -> Keys:
    trace, call = idle.trace, idle.gaps.call
    keys = np.where(call == NONE, NONE, trace.api["thread"][call] if trace.api.rows else NONE).astype(np.int64)

    def name(key: int) -> str:
        if key == NONE:
            return NO_CALL[UNKNOWN]
        process = trace.threads["process"][key]
        label = trace.name(int(trace.threads["name"][key]))
        return f"{trace.processes['pid'][process]}/{trace.threads['tid'][key]} {label}".strip()

    return keys, name


def _process_keys(idle: IdleReport) -> Keys:
    trace, after = idle.trace, idle.gaps.after
    keys = np.where(after == NONE, NONE, trace.ops["process"][after] if trace.ops.rows else NONE).astype(np.int64)

    def name(key: int) -> str:
        if key == NONE:
            return "(no op)"
        return f"{trace.processes['pid'][key]} {trace.name(int(trace.processes['name'][key]))}".strip()

    return keys, name


def _by_api(idle: IdleReport, _: str) -> list[Group]:
    """The CUDA call in which the time passed; of nested calls the outermost. What passed in no call is named so."""
    table = _ApiTable(idle)
    gaps = idle.gaps
    table.whole_parts()
    launched = np.flatnonzero(gaps.call != NONE)
    if len(launched):
        in_graph = table.in_graph[launched]
        launched = launched[~in_graph]
        table.launch(launched)
        table.before(launched)
    return table.groups()


class _ApiTable:
    """Adds up idle time by call name."""

    def __init__(self, idle: IdleReport) -> None:
        self.idle = idle
        self.rows: dict[str, list[int]] = {}  # name -> idle, gaps, longest, part
        self.in_graph = np.zeros(len(idle.gaps), np.bool_)

    def add(self, name: str, values: NDArray[np.int64], part: int) -> None:
        """Shares of gaps that passed in one call."""
        values = values[values > 0]
        if len(values):
            row = self.rows.setdefault(name, [0, 0, 0, part])
            row[0] += int(values.sum())
            row[1] += len(values)
            row[2] = max(row[2], int(values.max()))

    def whole_parts(self) -> None:
        """The parts that no call holds."""

        def keep(part: int, rows: Indices, values: NDArray[np.int64]) -> None:
            if part == IN_GRAPH:
                self.in_graph[rows] = True
            if part in NO_CALL:
                self.add(NO_CALL[part], values, part)

        self.idle.attribution.each_part(_pieces(self.idle), keep)

    def launch(self, rows: Indices) -> None:
        """Time inside the call that launched the after-op."""
        gaps, api = self.idle.gaps, self.idle.trace.api
        call = gaps.call[rows]
        values = np.minimum(gaps.end[rows], api["end"][call]) - np.maximum(gaps.start[rows], api["start"][call])
        for name in np.unique(api["name"][call]):
            self.add(self.idle.trace.names[name], values[api["name"][call] == name], LAUNCH)

    def before(self, rows: Indices) -> None:
        """Time in other calls of the launching thread, before the launch call."""
        gaps, api = self.idle.gaps, self.idle.trace.api
        call = gaps.call[rows]
        start, end = gaps.start[rows], np.minimum(gaps.end[rows], api["start"][call])
        by_thread = grouped(api["thread"], self.idle.trace.threads.rows)
        for thread in np.unique(api["thread"][call]):
            mine = np.flatnonzero((api["thread"][call] == thread) & (end > start))
            segments, name = self._segments(int(thread), by_thread(int(thread)))
            self._add_segments(start[mine], end[mine], segments, name)

    def _segments(self, thread: int, calls: Indices) -> tuple[IntervalSet, NDArray[np.int32]]:
        """Disjoint stretches in a thread's calls, and the outermost call's name, without the profiler's work."""
        api, overhead = self.idle.trace.api, self.idle.trace.overhead
        start, end = api["start"][calls], api["end"][calls]
        reach = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(end)[:-1]))
        own = np.maximum(start, reach)
        lasting = end > own
        mine = overhead["thread"] == thread
        free = complement(union(overhead["start"][mine], overhead["end"][mine]))
        start, end, owner = pieces(own[lasting], end[lasting], free)
        return IntervalSet(start, end), api["name"][calls[lasting]][owner]

    def _add_segments(
        self, start: NDArray[np.int64], end: NDArray[np.int64], segments: IntervalSet, name: NDArray[np.int32]
    ) -> None:
        low, high, owner = pieces(start, end, segments)
        segment = np.searchsorted(segments.ends, low, side="right")
        for one in np.unique(name[segment]):
            chosen = np.flatnonzero(name[segment] == one)
            shares = np.zeros(len(start), np.int64)
            np.add.at(shares, owner[chosen], (high - low)[chosen])
            self.add(self.idle.trace.names[one], shares, self._part(int(one)))

    def _part(self, name: int) -> int:
        return SYNC if name in self.idle.attribution.sync_names else CUDA_API

    def groups(self) -> list[Group]:
        """All rows; a waiting call's part is `untraced` where the report's waiting is mostly that."""
        hidden = sum(int(device.idle_by_part[UNTRACED]) for device in self.idle.devices)
        waiting = sum(int(device.idle_by_part[SYNC]) for device in self.idle.devices)
        waits = UNTRACED if hidden > waiting else SYNC
        return [
            Group(name, idle, gaps, longest, PARTS[waits if part == SYNC else part])
            for name, (idle, gaps, longest, part) in self.rows.items()
        ]
