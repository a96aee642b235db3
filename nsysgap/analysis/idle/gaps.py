"""When each GPU was idle: the window, busy and idle time, every gap and the ops at its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import distinct
from nsysgap.intervals import IntervalSet, union
from nsysgap.tables import NONE, Table, Trace, names_launch

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class DeviceGaps:
    """The idle time of one GPU. `start`, `end` (ns), `after`, `before` (rows of ops, -1 none) have shape (gaps,).

    busy + the sum of the gaps = window end - window start, exactly.
    """

    device: int
    window: tuple[int, int]
    busy: IntervalSet
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    after: NDArray[np.int64]
    before: NDArray[np.int64]


def device_gaps(trace: Trace, calls: NDArray[np.int32]) -> list[DeviceGaps]:
    """The gaps of every GPU that ran an op, by device number. `calls`: the launch call of each op."""
    devices = distinct(trace.ops["device"])
    return [_gaps_of(trace, calls, int(device), len(devices) == 1) for device in devices]


def _gaps_of(trace: Trace, calls: NDArray[np.int32], device: int, only: bool) -> DeviceGaps:
    ops = trace.ops
    rows = np.arange(ops.rows) if only else np.flatnonzero(ops["device"] == device)
    start, end = ops["start"][rows], ops["end"][rows]
    window = (int(start[0]), int(end.max()))
    lasting = end > start
    momentary = rows[~lasting]  # zero-length ops widen the window, but split no gap
    if len(momentary):
        rows, start, end = rows[lasting], start[lasting], end[lasting]
    busy = union(start, end)
    edges_start = np.concatenate(([window[0]], busy.ends))
    edges_end = np.concatenate((busy.starts, [window[1]]))
    idle = edges_end > edges_start
    gap_start, gap_end = edges_start[idle], edges_end[idle]
    after, before = _after_ops(trace, calls, rows, start, gap_end), _before_ops(rows, start, end, gap_start)
    if len(momentary):  # they end a gap where no other op does: at the edges of the window
        moment = ops["start"][momentary]
        alone, first = np.flatnonzero(after == NONE), np.flatnonzero(before == NONE)
        after[alone] = _after_ops(trace, calls, momentary, moment, gap_end[alone])
        before[first] = _after_ops(trace, calls, momentary, moment, gap_start[first])
    return DeviceGaps(
        device=device,
        window=window,
        busy=busy,
        start=gap_start,
        end=gap_end,
        after=after,
        before=before,
    )


def _after_ops(
    trace: Trace, calls: NDArray[np.int32], rows: Indices, start: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The op that starts at each time; of several the one that `_preference` puts first; -1 where none starts."""
    first = np.searchsorted(start, at, side="left")
    count = np.searchsorted(start, at, side="right") - first
    after = np.where(count > 0, rows[np.minimum(first, len(rows) - 1)] if len(rows) else NONE, NONE)
    for gap in np.flatnonzero(count > 1):
        candidates = rows[first[gap] : first[gap] + count[gap]]
        after[gap] = candidates[_preference(trace, calls, candidates)[0]]
    return after


def _preference(trace: Trace, calls: NDArray[np.int32], rows: Indices) -> Indices:
    """Order of ops that start together: with a launch call first, earliest call, lowest correlation ID, then as listed.

    Ops are listed by kind and row where they start together, which are the last two rules.
    """
    call = calls[rows]
    without, correlation = call == NONE, trace.ops["correlation"][rows]
    call_start = (
        np.where(without, 0, trace.api["start"][np.maximum(call, 0)]) if trace.api.rows else np.zeros(len(rows))
    )
    return np.lexsort((rows, np.where(names_launch(correlation), correlation, 0), call_start, without))


def _before_ops(
    rows: Indices, start: NDArray[np.int64], end: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The op that ends at each time, the latest to start of several; -1 where none ends."""
    if not len(rows):
        return np.full(len(at), NONE)
    reach = np.maximum.accumulate(end)
    reaching = np.maximum.accumulate(np.where(end == reach, np.arange(len(end)), 0))
    last = np.searchsorted(start, at, side="left") - 1
    found = reaching[np.maximum(last, 0)]
    return np.where((last >= 0) & (end[found] == at), rows[found], NONE)


def process_busy(trace: Trace, process: int) -> IntervalSet:
    """When any op of a process ran, on any GPU."""
    ops: Table = trace.ops
    mine = ops["process"] == process
    return union(ops["start"], ops["end"]) if mine.all() else union(ops["start"][mine], ops["end"][mine])
