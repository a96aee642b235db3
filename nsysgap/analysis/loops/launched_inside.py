"""What a process launched while a stretch of time ran, on any of its threads: PyTorch's backward thread launches for
the step of the main thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import Array, distinct
from nsysgap.intervals import IntervalSet, union, union_of
from nsysgap.tables import NONE, Trace

Indices = NDArray[np.int32]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class Launched:
    """One process's API calls and ops in order of launch.

    `started`: the starts of all API calls of the report, sorted, ns; `own`: which of them are the process's, None for
    all. `op`: rows of the ops with a launch call, by that call's
    start, the call's row, then their own; `op_time`: those calls' starts, ns. `call_time`: the starts of the distinct
    launch calls, sorted, ns. `on_device`: `op` and `op_time` of each GPU's ops alone, by device.
    """

    started: Times
    own: Indices | None
    op: Indices
    op_time: Times
    call_time: Times
    on_device: dict[int, tuple[Indices, Times]]

    def api_calls(self, start: Times, end: Times) -> Times:
        """How many of the process's API calls start in each [start, end)."""
        low, high = span_edges(self.started, start, end)
        if self.own is None:
            return high - low
        low, high = (np.searchsorted(self.own, edge.astype(self.own.dtype)) for edge in (low, high))
        return high - low


class LaunchOrder:
    """The ops of a report in order of launch, by process; each process is worked out when first asked for."""

    def __init__(self, trace: Trace, calls: NDArray[np.int32]) -> None:
        self.trace = trace
        self.calls = calls
        self._of_processes: dict[int, Launched] = {}

    def of(self, process: int) -> Launched:
        """What a process (row of processes) launched."""
        if process not in self._of_processes:
            self._of_processes[process] = self._launched(process)
        return self._of_processes[process]

    def let_go(self) -> None:
        """Release the memory, some 40 bytes a call: what is asked for again is worked out again."""
        self._of_processes = {}

    def _launched(self, process: int) -> Launched:
        api, of_process = self.trace.api, self.trace.threads["process"] == process
        launched = np.flatnonzero(self.calls != NONE).astype(np.int32)
        own = None
        if not of_process.all():  # an op is of its call's process
            launched = launched[self.trace.ops["process"][launched] == process]
            own = np.flatnonzero(of_process[api["thread"]]).astype(np.int32)
        # API rows are sorted by start: the order of rows is that of starts.
        launched, call = _in_order(launched, self.calls[launched], api.rows)
        heads = np.concatenate(([True], call[1:] != call[:-1])) if len(call) else np.empty(0, np.bool_)
        op_time = api["start"][call]
        call_time = op_time if heads.all() else op_time[heads]
        return Launched(api["start"], own, launched, op_time, call_time, self._by_device(launched, op_time))

    def _by_device(self, launched: Indices, op_time: Times) -> dict[int, tuple[Indices, Times]]:
        device = self.trace.ops["device"][launched]
        devices = distinct(device).tolist()
        if len(devices) == 1:
            return {devices[0]: (launched, op_time)}
        return {gpu: (launched[device == gpu], op_time[device == gpu]) for gpu in devices}


def _in_order(launched: Indices, call: Indices, calls: int) -> tuple[Indices, Indices]:
    """The ops and their calls, by call, then op."""
    if not len(call) or not (call[1:] < call[:-1]).any():
        return launched, call
    op_of = np.full(calls, NONE, np.int32)
    op_of[call] = launched
    own = np.flatnonzero(op_of != NONE).astype(np.int32)
    if len(own) == len(call):  # each call launched one op: nothing has to be sorted
        return op_of[own], own
    order = np.argsort(call, kind="stable")
    return launched[order], call[order]


def number_inside(times: Times, start: Times, end: Times) -> Times:
    """How many of sorted times lie in each [start, end): int64 of the spans' shape."""
    return np.searchsorted(times, end, side="left") - np.searchsorted(times, start, side="left")


def span_edges(times: Times, start: Times, end: Times) -> tuple[Times, Times]:
    """(low, high): the positions of sorted times that lie in each [start, end)."""
    return np.searchsorted(times, start, side="left"), np.searchsorted(times, end, side="left")


def positions(low: Times, high: Times) -> tuple[Times, Times]:
    """All of [low, high) of every span one after the other, and where each span begins among them."""
    length = high - low
    first = np.cumsum(length) - length
    return np.arange(int(length.sum())) + np.repeat(low - first, length), first


def reduced(reduce: np.ufunc, values: Array, low: Times, high: Times) -> Array:
    """The ufunc over values[low:high] of each non-empty span; costs no more than what the spans hold."""
    if not len(low):
        return values[:0]
    if (low[1:] == high[:-1]).all():  # one after the other
        values, first = values[low[0] : high[-1]], low - low[0]
    else:
        inside, first = positions(low, high)
        values = values[inside]
    per_span: Array = reduce.reduceat(values, first)
    return per_span


@dataclass(frozen=True)
class LaunchedExtents:
    """When GPUs worked for NVTX ranges: by device the union of [first start, last end) of what each range launched.

    `latest`: by device how long after its range the last of such work ended at most, ns (0 or less: never after).
    """

    by_device: dict[int, IntervalSet]
    latest: dict[int, int]


def launched_extents(trace: Trace, calls: Indices, ranges: NDArray[np.intp]) -> LaunchedExtents:
    """The GPU's time for some ranges (rows of nvtx), whichever thread of their processes launched the work."""
    order, nvtx, ops = LaunchOrder(trace, calls), trace.nvtx, trace.ops
    process = trace.threads["process"][nvtx["thread"][ranges]]
    extents: dict[int, list[IntervalSet]] = {}
    latest: dict[int, int] = {}
    for process_row in distinct(process).tolist():
        launched, mine = order.of(process_row), ranges[process == process_row]
        for number, (work, time) in launched.on_device.items():
            low, high = span_edges(time, nvtx["start"][mine], nvtx["end"][mine])
            some = np.flatnonzero(high > low)
            if len(some):
                first = ops["start"][reduced(np.minimum, work, low[some], high[some])]  # ops are sorted by start
                last = reduced(np.maximum, ops["end"][work], low[some], high[some])
                extents.setdefault(number, []).append(union(first, last))
                late = int((last - nvtx["end"][mine[some]]).max())
                latest[number] = max(late, latest.get(number, late))
    return LaunchedExtents({device: union_of(*sets) for device, sets in sorted(extents.items())}, latest)
