"""Stacks that hold for a stretch of a thread's time: NVTX ranges, and calls whose stack was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.intervals import IntervalSet
from nsysgap.range_labels import folded
from nsysgap.tables import CALL_STACKS, FRAMES, NONE, STACK_SAMPLES, STACKS, Stacks, Table, Trace

Times = NDArray[np.int64]


class Spans(NamedTuple):
    """Disjoint, sorted stretches of one thread's time, and the stack (row of the stacks table) that holds in each."""

    time: IntervalSet
    stack: NDArray[np.int64]


def call_spans(stacks: Stacks, thread: int) -> Spans:
    """The calls of a thread whose stack was recorded; of nested ones the outer, of equal ones Python's stack."""
    calls = stacks.calls
    rows = np.flatnonzero((calls["thread"] == thread) & (calls["end"] > calls["start"]))
    order = rows[np.lexsort((calls["source"][rows], -calls["end"][rows], calls["start"][rows]))]
    start, end = calls["start"][order], calls["end"][order]
    reach = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(end)[:-1])) if len(end) else end
    own = np.maximum(start, reach)
    lasting = end > own
    return Spans(IntervalSet(own[lasting], end[lasting]), calls["stack"][order[lasting]].astype(np.int64))


def nvtx_stacks(trace: Trace, labels: Mapping[int, int] | None = None) -> tuple[Stacks, dict[int, Spans]]:
    """The NVTX ranges as stacks: every path of ranges, and per thread when each holds.

    A range is a frame without file and line. Ranges that cross (start/end ranges may) stand in the order they began.
    `labels`: the name that stands for a name (indices), of those that differ in numbers only; none for each its own.
    """
    paths: dict[tuple[int, ...], int] = {}
    spans = {
        int(thread): _thread_paths(trace, int(thread), paths, labels or {})
        for thread in np.unique(trace.nvtx["thread"])
    }
    names = sorted({name for path in paths for name in path})
    row = {name: i for i, name in enumerate(names)}
    count = np.array([len(path) for path in paths], np.int32)
    columns: dict[str, NDArray[Any]] = {
        "function": np.array(names, np.int32),
        "file": np.full(len(names), NONE, np.int32),
        "line": np.zeros(len(names), np.int32),
        "native": np.zeros(len(names), np.bool_),
    }
    table = Table(STACKS, {"first": np.cumsum(count, dtype=np.int64) - count, "count": count})
    chain = np.array([row[name] for path in paths for name in reversed(path)], np.int32)
    return Stacks(Table(FRAMES, columns), table, chain, STACK_SAMPLES.empty(), CALL_STACKS.empty()), spans


def _thread_paths(trace: Trace, thread: int, paths: dict[tuple[int, ...], int], labels: Mapping[int, int]) -> Spans:
    rows = np.flatnonzero(trace.nvtx["thread"] == thread)
    name = [labels.get(index, index) for index in trace.nvtx["name"][rows].tolist()]
    segments = list(_segments(trace.nvtx, rows, name, paths))
    start, end, stack = np.array(segments, np.int64).reshape(len(segments), 3).T
    return Spans(IntervalSet(start, end), stack)


def _segments(
    nvtx: Table, rows: NDArray[np.intp], name: list[int], paths: dict[tuple[int, ...], int]
) -> Iterator[tuple[int, int, int]]:
    """(start, end, path) between any two edges of a thread's ranges, where at least one range is open."""
    times = np.concatenate((nvtx["start"][rows], nvtx["end"][rows]))
    begins = np.concatenate((np.ones(len(rows), np.int64), np.zeros(len(rows), np.int64)))
    which = np.concatenate((np.arange(len(rows)), np.arange(len(rows))))
    order = np.lexsort((which, begins, times))  # at the same time, ranges end before others begin
    opened: dict[int, int] = {}
    before = 0
    for time, begin, number in zip(times[order].tolist(), begins[order].tolist(), which[order].tolist(), strict=True):
        if opened and time > before:
            yield before, time, paths.setdefault(tuple(opened.values()), len(paths))
        before = time
        if begin:
            opened[number] = name[number]
        else:
            opened.pop(number, None)


def folded_names(trace: Trace) -> tuple[dict[int, int], dict[int, str]]:
    """(the name that stands for each name of ranges, what stands for it in rows): "token # (48)" for 48 of them."""
    texts = {int(index): trace.name(int(index)) for index in np.unique(trace.nvtx["name"])}
    rows = folded(texts.values())
    first: dict[str, int] = {}
    labels = {index: first.setdefault(rows[text], index) for index, text in texts.items()}
    return labels, {index: row for row, index in first.items()}
