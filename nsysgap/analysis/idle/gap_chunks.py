"""The listed gaps as columns, worked out a chunk of rows at a time: a list of millions is never held whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.analysis.idle.idle_report import KEPT, IdleReport
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.arrays import combined_codes, distinct
from nsysgap.causes import PARTS
from nsysgap.gap_columns import Coded, GapColumns, GapList, Masked, OpColumns
from nsysgap.tables import NO_GRAPH_NODE, NONE, OP_KINDS, Trace, stream_ids

Indices = NDArray[np.intp]
ROWS = 1 << 14


def listed_gaps(idle: IdleReport, rows: Indices, more: Mapping[str, Coded | None] | None = None) -> GapList:
    """The gaps with these numbers, in that order; `more`: the columns line, via, acts_for of GapColumns. A short list
    holds on to nothing else."""
    chunks = GapChunks(idle, rows, more)
    return GapList(tuple(chunks) if len(rows) <= KEPT else chunks, len(rows))


class GapChunks:
    """The columns of gaps, ROWS at a time, at least one chunk; where they are sent elsewhere, all of them as they are.

    The trace is needed for as long as there are rows to come.
    """

    def __init__(self, idle: IdleReport, rows: Indices, more: Mapping[str, Coded | None] | None = None) -> None:
        self.idle = idle
        self.rows = rows
        self.more = {name: column for name, column in (more or {}).items() if column is not None}

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)

    def __iter__(self) -> Iterator[GapColumns]:
        ranges = RangeFinder(self.idle.trace)
        parts = _Parts(self.idle, self.rows)
        devices = distinct(self.idle.gaps.device[self.rows])
        for first in range(0, max(len(self.rows), 1), ROWS):
            rows = self.rows[first : first + ROWS]
            more: dict[str, Any] = {
                name: Coded(column.code[first : first + ROWS], column.values) for name, column in self.more.items()
            }
            yield replace(gap_columns(self.idle, rows, parts.of(rows), ranges, devices), **more)


class _Parts:
    """The parts of many gaps, worked out once, in the fewest bytes that hold them."""

    def __init__(self, idle: IdleReport, rows: Indices) -> None:
        self.idle = idle
        self.sorted = np.empty(0, np.intp)
        self.columns: dict[int, NDArray[Any]] = {}
        if len(rows) > KEPT:
            self._fill(np.sort(rows))

    def _fill(self, rows: Indices) -> None:
        self.sorted = rows
        gaps, columns = self.idle.gaps, self.columns

        def store(part: int, positions: Indices, values: NDArray[np.int64]) -> None:
            largest = int(values.max(initial=0))
            if not largest:
                return
            held = columns.get(part, np.zeros(len(rows), np.uint8))
            columns[part] = held.astype(np.promote_types(held.dtype, np.min_scalar_type(largest)), copy=False)
            columns[part][positions] = values

        some = Pieces(gaps.start[rows], gaps.end[rows], gaps.gap_end[rows], gaps.after[rows])
        self.idle.attribution.each_part(some, store)

    def of(self, rows: Indices) -> NDArray[np.int64]:
        """The ten parts of some of the gaps, ns: int64 of shape (rows, 10)."""
        if not len(self.sorted):
            return self.idle.parts(rows)
        parts = np.zeros((len(rows), len(PARTS)), np.int64)
        positions = np.searchsorted(self.sorted, rows)
        for part, column in self.columns.items():
            parts[:, part] = column[positions]
        return parts


def gap_columns(
    idle: IdleReport,
    rows: Indices,
    parts: NDArray[np.int64],
    ranges: RangeFinder,
    devices: NDArray[np.int32],
) -> GapColumns:
    """The columns of the gaps with these numbers, whose parts are given; `devices` are those of all listed gaps."""
    gaps, trace = idle.gaps, idle.trace
    process, thread, nvtx = _launchers(idle, rows, ranges)
    return GapColumns(
        device=Coded(
            np.searchsorted(devices, gaps.device[rows]), [trace.device(device).named() for device in devices.tolist()]
        ),
        start=gaps.start[rows],
        end=gaps.end[rows],
        cause=gaps.cause[rows],
        parts=parts,
        before=op_columns(trace, gaps.before[rows]),
        after=op_columns(trace, gaps.after[rows]),
        process=process,
        thread=thread,
        nvtx=nvtx,
    )


def op_columns(trace: Trace, rows: NDArray[np.int32]) -> OpColumns:
    """Ops by their rows, -1 for none."""
    ops, known = trace.ops, rows != NONE
    some = np.flatnonzero(known)
    kind, name = ops["kind"][rows[some]], ops["name"][rows[some]]
    combined, _ = combined_codes(kind, name)
    _, first, label = np.unique(combined, return_index=True, return_inverse=True)
    labels = [(OP_KINDS[kind[row]], trace.name(int(name[row]))) for row in first.tolist()]
    code = np.full(len(rows), len(labels), np.intp)
    code[some] = label

    def column(values: NDArray[Any], missing: int | None = None) -> Masked:
        filled = np.zeros(len(rows), np.int64)
        filled[some] = values
        return Masked(filled, known if missing is None else known & (filled != missing))

    numbers = (
        column(stream_ids(ops["stream"][rows[some]]), NONE),
        column(ops["start"][rows[some]]),
        column(ops["end"][rows[some]]),
        column(ops["correlation"][rows[some]], NONE),
        column(ops["graph_node"][rows[some]], NO_GRAPH_NODE),
    )
    return OpColumns(known, Coded(code, [*labels, (None, None)]), numbers)


def _launchers(idle: IdleReport, rows: Indices, ranges: RangeFinder) -> tuple[Masked, Masked, Coded]:
    """(pid, tid, NVTX path) of the call that launched each gap's after-op; the op's own pid where no call is known."""
    trace, call, after = idle.trace, idle.gaps.call[rows], idle.gaps.after[rows]
    process, thread = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    known, launched = np.zeros(len(rows), np.bool_), call != NONE
    alone = np.flatnonzero(~launched & (after != NONE))
    if len(alone):
        process[alone] = trace.processes["pid"][trace.ops["process"][after[alone]]]
        known[alone] = process[alone] != 0  # an op may name no process
    some = np.flatnonzero(launched)
    path, names = np.full(len(rows), NONE, np.intp), list[tuple[int, ...]]()
    if len(some):
        by = trace.api["thread"][call[some]]
        process[some] = trace.processes["pid"][trace.threads["process"][by]]
        thread[some] = trace.threads["tid"][by]
        known[some] = True
        path[some], names = ranges.paths(by, trace.api["start"][call[some]])
    path[path == NONE] = len(names)
    texts = [tuple(trace.name(name) for name in names_of) for names_of in [*names, ()]]
    return Masked(process, known), Masked(thread, launched), Coded(path, texts)
