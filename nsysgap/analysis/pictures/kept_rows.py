"""Which rows of a report a viewer gets: all of them, or those that a time, a GPU or a wish for less leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport, runs_inside
from nsysgap.intervals import IntervalSet, intersect, union
from nsysgap.tables import KERNEL, NONE, OPEN_END, Table, Trace

Rows = NDArray[np.int32]
PAD_LEAST, PAD_MOST = 100_000, 2_000_000


@dataclass(frozen=True)
class Cut:
    """What to leave out. `time`: keep what runs inside it, whole; `device`: keep one GPU, the processes that used it,
    and of their calls all but those that launched only work of other GPUs; `samples`: keep stack samples."""

    time: IntervalSet | None = None
    device: int | None = None
    osrt: bool = True
    kernels_only: bool = False
    samples: bool = True


@dataclass(frozen=True)
class Kept:
    """Row numbers that are kept of each table, ascending."""

    ops: Rows
    api: Rows
    nvtx: Rows
    osrt: Rows
    overhead: Rows


def keep(trace: Trace, calls: NDArray[np.int32], cut: Cut) -> Kept:
    """Apply a cut. `calls`: the launch call of each op."""
    ops = _inside(trace.ops, cut.time)
    if cut.device is not None:
        ops = ops[trace.ops["device"][ops] == cut.device]
    if cut.kernels_only:
        ops = ops[trace.ops["kind"][ops] == KERNEL]
        none = np.empty(0, np.int32)
        return Kept(ops, none, none, none, none)
    tables = [_of_device(trace, table, cut) for table in (trace.api, trace.nvtx, trace.osrt, trace.overhead)]
    api, nvtx, osrt, overhead = tables
    return Kept(ops, _launching(trace, calls, api, cut), nvtx, osrt if cut.osrt else osrt[:0], overhead)


def _inside(table: Table, time: IntervalSet | None) -> Rows:
    if time is None:
        return np.arange(table.rows, dtype=np.int32)
    return np.flatnonzero(runs_inside(table["start"], table["end"], time)).astype(np.int32)


def _of_device(trace: Trace, table: Table, cut: Cut) -> Rows:
    rows = _inside(table, cut.time)
    if cut.device is None:
        return rows
    users = np.zeros(trace.processes.rows, np.bool_)
    users[np.unique(trace.ops["process"][trace.ops["device"] == cut.device])] = True
    return rows[users[trace.threads["process"][table["thread"][rows]]]]


def _launching(trace: Trace, calls: NDArray[np.int32], api: Rows, cut: Cut) -> Rows:
    """The calls without those that launched work of other GPUs only."""
    if cut.device is None:
        return api
    elsewhere = np.zeros(trace.api.rows, np.bool_)
    launched = calls != NONE
    here = trace.ops["device"] == cut.device
    elsewhere[calls[launched & ~here]] = True
    elsewhere[calls[launched & here]] = False
    return api[~elsewhere[api]]


def surroundings(idle: IdleReport, rows: NDArray[np.intp]) -> IntervalSet:
    """The time around these gaps that explains them, the same in every picture.

    From the launch call's start to the gap's end, on both sides half the gap more, PAD_LEAST at least and PAD_MOST at
    most; inside the selection of `idle` only.
    """
    gaps, api = idle.gaps, idle.trace.api
    start, end, call = gaps.start[rows], gaps.end[rows], gaps.call[rows]
    called = np.where(call == NONE, start, api["start"][call]) if api.rows else start
    pad = np.clip((end - start) // 2, PAD_LEAST, PAD_MOST)
    around = union(np.minimum(start, called) - pad, end + pad)
    return around if idle.selection is None else intersect(around, idle.selection)


def closed_ends(trace: Trace, last: int) -> NDArray[np.int64]:
    """The end of each NVTX range; an open one ends where the trace does, at `last`, but not before it began."""
    nvtx = trace.nvtx
    ends: NDArray[np.int64] = np.where(nvtx["end"] == OPEN_END, np.maximum(nvtx["start"], last), nvtx["end"])
    return ends
