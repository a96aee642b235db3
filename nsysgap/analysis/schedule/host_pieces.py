"""What a thread did between its calls: cut by the innermost NVTX range, by OS call, else the program's own code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.analysis.relations.spans import stretches
from nsysgap.arrays import Indices, distinct, index_type
from nsysgap.intervals import IntervalSet, pieces
from nsysgap.tables import NONE, Table, Trace

Times = NDArray[np.int64]


class Pieces(NamedTuple):
    """Disjoint pieces of threads' time, ns; `owner`: the number of the stretch each is of; `os`: row of osrt, -1 none;
    `range`: row of nvtx, -1 none. Arrays of shape (pieces,)."""

    start: Times
    end: Times
    thread: NDArray[np.int32]
    owner: Indices
    os: Indices
    range: Indices


def loop_ranges(nvtx: Table, starts: Times, ends: Times) -> NDArray[np.bool_]:
    """Which ranges are a loop's iterations or hold one: they say nothing about where inside a step time goes."""
    if not len(starts):
        return np.zeros(nvtx.rows, np.bool_)
    first = np.minimum(np.searchsorted(starts, nvtx["start"]), len(starts) - 1)
    holds: NDArray[np.bool_] = (starts[first] >= nvtx["start"]) & (ends[first] <= nvtx["end"])
    return holds


def host_pieces(
    trace: Trace, start: Times, end: Times, thread: NDArray[np.int32], left_out: NDArray[np.bool_]
) -> Pieces:
    """Cut stretches of threads' time: where an OS call runs, and at the edges of ranges. `left_out`: ranges that do
    not count."""
    owner = np.arange(len(start), dtype=index_type(len(start)))
    start, end, thread, owner, os = _cut(trace, trace.osrt, np.arange(trace.osrt.rows), start, end, thread, owner)
    kept = np.flatnonzero(~left_out)
    positions = np.arange(len(start), dtype=index_type(len(start)))
    start, end, thread, position, innermost = _cut(trace, trace.nvtx, kept, start, end, thread, positions)
    return Pieces(start, end, thread, owner[position], os[position], innermost)


def _cut(
    trace: Trace,
    table: Table,
    kept: Indices,
    start: Times,
    end: Times,
    thread: NDArray[np.int32],
    owner: Indices,
) -> tuple[Times, Times, NDArray[np.int32], Indices, Indices]:
    """(start, end, thread, owner, row of the innermost span or -1) of the pieces between edges of a table's spans."""
    spans = table.take(kept)
    finder = RangeFinder(trace, spans)
    parts = []
    for thread_row in distinct(thread).tolist():
        mine = np.flatnonzero(thread == thread_row)
        own = np.flatnonzero(spans["thread"] == thread_row)
        limits = np.array([start[mine].min(), end[mine].max()])
        edges = distinct(np.concatenate((limits, spans["start"][own], spans["end"][own])))
        within = IntervalSet(edges[:-1], edges[1:])
        for some in stretches(len(mine)):
            low, high, which = pieces(start[mine[some]], end[mine[some]], within)
            threads = np.full(len(low), thread_row, np.int32)
            innermost = finder.innermost(threads, low)
            rows = np.where(innermost == NONE, NONE, kept[innermost]) if len(kept) else innermost
            parts.append((low, high, threads, owner[mine[some][which]], rows.astype(index_type(table.rows))))
    if not parts:
        empty = np.empty(0, np.int64)
        return empty, empty, np.empty(0, np.int32), owner[:0], empty
    columns = list(zip(*parts, strict=True))
    del parts
    low, high, threads, owners, rows = (np.concatenate(columns.pop(0)) for _ in range(5))  # one by one, then let go of
    return low, high, threads, owners, rows
