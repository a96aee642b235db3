"""When each GPU was idle: the window, busy and idle time, every gap and the ops at its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.spans import LEAST, stretches
from nsysgap.arrays import lookup, stands_again
from nsysgap.intervals import IntervalSet, gaps_between, union
from nsysgap.tables import NONE, Trace, names_launch

Indices = NDArray[np.int32]


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
    after: Indices
    before: Indices


def device_gaps(trace: Trace, calls: NDArray[np.int32]) -> list[DeviceGaps]:
    """The gaps of every GPU that ran an op, by device number. `calls`: the launch call of each op."""
    devices = trace.ops.distinct("device")
    return [_gaps_of(trace, calls, int(device), len(devices) == 1) for device in devices]


def _gaps_of(trace: Trace, calls: NDArray[np.int32], device: int, only: bool) -> DeviceGaps:
    ops = trace.ops
    rows = np.arange(ops.rows, dtype=np.int32) if only else np.flatnonzero(ops["device"] == device).astype(np.int32)
    start, end = (ops[name] if only else ops[name][rows] for name in ("start", "end"))
    window = (int(start[0]), int(end.max()))
    lasting = end > start
    momentary = rows[~lasting]  # zero-length ops widen the window, but split no gap
    if len(momentary):
        rows, start, end = rows[lasting], start[lasting], end[lasting]
    busy = union(start, end)
    gap_start, gap_end = _gaps_around(busy, window)
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


def _gaps_around(busy: IntervalSet, window: tuple[int, int]) -> IntervalSet:
    """All of a window that is not busy; as views of the busy time's edges where it begins and ends busy."""
    if len(busy.starts) and window == (int(busy.starts[0]), int(busy.ends[-1])):
        return gaps_between(busy)
    start, end = np.concatenate(([window[0]], busy.ends)), np.concatenate((busy.starts, [window[1]]))
    idle = end > start
    return IntervalSet(start[idle], end[idle])


def _after_ops(
    trace: Trace, calls: NDArray[np.int32], rows: Indices, start: NDArray[np.int64], at: NDArray[np.int64]
) -> Indices:
    """The op that starts at each time; of several the one that `_preference` puts first; -1 where none starts."""
    after = np.full(len(at), NONE, np.int32)
    for some in stretches(len(at) if len(rows) else 0):
        first, starts = lookup(start, at[some])
        after[some] = np.where(starts, rows[first], NONE)
        for gap in np.flatnonzero(starts & stands_again(start, first)):
            candidates = rows[first[gap] : np.searchsorted(start, at[some.start + gap], side="right")]
            after[some.start + gap] = candidates[_preference(trace, calls, candidates)[0]]
    return after


def _preference(trace: Trace, calls: NDArray[np.int32], rows: Indices) -> NDArray[np.intp]:
    """Order of ops that start together: with a launch call first, earliest call, lowest correlation ID, then as listed.

    Ops are listed by kind and row where they start together, which are the last two rules.
    """
    call = calls[rows]
    without, correlation = call == NONE, trace.ops["correlation"][rows]
    call_start = (
        np.where(without, 0, trace.api["start"][np.maximum(call, 0)]) if trace.api.rows else np.zeros(len(rows))
    )
    return np.lexsort((rows, np.where(names_launch(correlation), correlation, 0), call_start, without))


def _before_ops(rows: Indices, start: NDArray[np.int64], end: NDArray[np.int64], at: NDArray[np.int64]) -> Indices:
    """The op that ends at each time, the latest to start of several; -1 where none ends."""
    before = np.full(len(at), NONE, np.int32)
    if not len(rows):
        return before
    reaching = _latest_to_end(end)
    for some in stretches(len(at)):
        last = np.searchsorted(start, at[some], side="left") - 1
        candidate = reaching[np.maximum(last, 0)]
        before[some] = np.where((last >= 0) & (end[candidate] == at[some]), rows[candidate], NONE)
    return before


def _latest_to_end(end: NDArray[np.int64]) -> Indices:
    """Of each row and all before it the one that ends last, of several the last."""
    reaching = np.empty(len(end), np.int32)
    latest, row = LEAST, 0
    for some in stretches(len(end)):
        reach = np.maximum.accumulate(np.maximum(end[some], latest))
        candidates = np.where(end[some] == reach, np.arange(some.start, some.stop), row)
        reaching[some] = np.maximum.accumulate(candidates)
        latest, row = int(reach[-1]), int(reaching[some.stop - 1])
    return reaching
