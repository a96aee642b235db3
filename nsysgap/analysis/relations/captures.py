"""Stream capture: which API calls were recorded into a CUDA graph instead of being executed, and what graphs cost.

A launch call between cudaStreamBeginCapture and cudaStreamEndCapture owns no op: the kernel becomes a node of the graph
and runs when the graph is launched. Such calls are not lost. Any thread may launch into a stream that another one
captures: PyTorch's backward thread does, while the main thread waits for it inside its capture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import (
    CAPTURE_BEGINS,
    CAPTURE_ENDS,
    CAPTURED_WORK,
    INSTANTIATIONS,
    UPLOADS,
    CallKind,
)
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.analysis.stats import stats
from nsysgap.arrays import distinct
from nsysgap.figures import Stats
from nsysgap.tables import NONE, Trace

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Captures:
    """Stream captures in order of their begin: rows of api of both calls, and the times between, ns."""

    begin: Indices
    end: Indices
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    thread: NDArray[np.int32]

    @property
    def duration(self) -> NDArray[np.int64]:
        """How long each took, from the first call's start to the last one's end, ns."""
        return self.stop - self.start


def captures(trace: Trace) -> Captures:
    """Every stream capture: an outermost pair of begin and end calls on one thread.

    Captures of several streams that one thread interleaves count as one. One that is never ended is none; a begin that
    CUDA refused neither.
    """
    begins, ends = CAPTURE_BEGINS.rows(trace) & ~trace.api["failed"], CAPTURE_ENDS.rows(trace)
    api, pairs = trace.api, []
    for thread in distinct(api["thread"][begins]).tolist():
        rows = np.flatnonzero((begins | ends) & (api["thread"] == thread))
        pairs += _outermost(rows.tolist(), begins)
    begin_and_end = np.array(sorted(pairs), np.intp).reshape(-1, 2)
    begin, end = begin_and_end[:, 0], begin_and_end[:, 1]
    return Captures(begin, end, api["start"][begin], api["end"][end], api["thread"][begin])


def _outermost(rows: list[int], begins: NDArray[np.bool_]) -> list[tuple[int, int]]:
    pairs, depth, first = [], 0, NONE
    for row in rows:
        if begins[row]:
            first = row if depth == 0 else first
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                pairs.append((first, row))
    return pairs


def captured_calls(
    trace: Trace, calls: NDArray[np.int32] | None = None, within: Captures | None = None
) -> NDArray[np.bool_]:
    """Which rows of api are launch, copy or memset calls that a capture recorded: bool of shape (api,).

    They lie inside a capture of their process, succeeded, and own no op. `calls`: the launch call of each op, `within`:
    the captures; where the caller knows them.
    """
    captured = np.zeros(trace.api.rows, np.bool_)
    within = captures(trace) if within is None else within
    if not len(within.begin):
        return captured
    owners = launch_calls(trace) if calls is None else calls
    candidates = CAPTURED_WORK.rows(trace) & ~trace.api["failed"]
    candidates[owners[owners != NONE]] = False
    rows = np.flatnonzero(candidates)
    captured[rows[_capture_of(trace, rows, within) != NONE]] = True
    return captured


def launches_of_captures(trace: Trace, within: Captures, captured: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many launch calls each capture recorded: shape (captures,). `captured`: as `captured_calls`."""
    holders = _capture_of(trace, np.flatnonzero(captured), within)
    return np.bincount(holders[holders != NONE], minlength=len(within.begin)).astype(np.int64)


def _capture_of(trace: Trace, rows: Indices, within: Captures) -> Indices:
    """The capture around each row of api: one of its own thread, else one of its process; NONE without any."""
    capture = np.full(len(rows), NONE, np.intp)
    process = trace.threads["process"]
    for holder, lane in (
        (within.thread, trace.api["thread"][rows]),
        (process[within.thread], process[trace.api["thread"][rows]]),
    ):
        for number in distinct(holder).tolist():
            of = np.flatnonzero(holder == number)
            mine = np.flatnonzero((lane == number) & (capture == NONE))
            capture[mine] = _around(trace, rows[mine], within, of)
    return capture


def _around(trace: Trace, rows: Indices, within: Captures, of: Indices) -> Indices:
    """Of some captures, in order of their begin, the one around each row of api: the longest where they overlap."""
    stop = within.stop[of]
    latest = np.maximum.accumulate(stop)
    longest = np.flatnonzero(stop == latest)  # the captures that no earlier one outlives
    position = np.searchsorted(within.start[of][longest], trace.api["start"][rows], side="right") - 1
    inside = (position >= 0) & (trace.api["end"][rows] <= stop[longest][position])
    return np.where(inside, of[longest][position], NONE)


@dataclass(frozen=True)
class GraphCosts:
    """What a report's graphs cost before their first launch; Stats of ns, None without any."""

    captures: Stats | None
    captured_launches: int
    instantiations: Stats | None
    uploads: Stats | None


def graph_costs(trace: Trace, calls: NDArray[np.int32] | None = None) -> GraphCosts:
    """The cost of capturing, instantiating and uploading graphs."""
    within = captures(trace)
    return GraphCosts(
        captures=stats(within.duration),
        captured_launches=int(captured_calls(trace, calls, within).sum()),
        instantiations=durations(trace, INSTANTIATIONS),
        uploads=durations(trace, UPLOADS),
    )


def durations(trace: Trace, kind: CallKind) -> Stats | None:
    """Stats of the durations of the calls of a kind, ns."""
    rows = kind.rows(trace)
    return stats(trace.api["end"][rows] - trace.api["start"][rows])
