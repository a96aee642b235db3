"""What one process of one report contributes to the comparison of ranks: figures and collectives, never raw rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.drawing import DrawnStep, drawn_steps
from nsysgap.analysis.collectives.operations import Collectives, barrier_collectives, collective_kernels
from nsysgap.analysis.collectives.waiting import between_collectives
from nsysgap.analysis.idle.attribution import Attribution
from nsysgap.analysis.idle.idle_report import IdleReport, WholeTrace
from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.analysis.loops.steps import LoopSteps
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.arrays import distinct
from nsysgap.causes import HOST, PARTS
from nsysgap.intervals import IntervalSet, intersect, pieces, union
from nsysgap.range_labels import label_of
from nsysgap.tables import NONE, Trace

Times = NDArray[np.int64]


@dataclass(frozen=True)
class LoopOfUnit:
    """A unit's main loop: the `duration` of each iteration, and for each that launched on the GPU, of number
    `iteration`, its window with busy time and the parts of idle time (windows, 10); ns."""

    label: str
    count: int
    step: int
    duration: Times
    window_start: Times
    window_end: Times
    iteration: NDArray[np.intp]
    busy: Times
    parts: Times


@dataclass(frozen=True)
class UnitFacts:
    """One process on one GPU. All times ns; `parts` by PARTS.

    `selection` is the time that window, busy and idle are of. `others`: when other than NCCL's kernels ran during a
    barrier collective, whoever launched them. `between` (collectives - 1, 11): see `between_collectives`.
    `host_by_range`: host idle time by the label of the innermost NVTX range that the launching thread was in.
    `drawn`: some iterations as pictures, where they were asked for.
    """

    pid: int
    device: int
    window: int
    busy: int
    parts: dict[str, int]
    collective: int
    loop: LoopOfUnit | None
    selection: IntervalSet
    collectives: Collectives
    others: IntervalSet
    between: NDArray[np.int64]
    host_by_range: dict[str, int] = field(default_factory=dict)
    drawn: tuple[DrawnStep, ...] = ()

    @property
    def idle(self) -> int:
        """Idle time inside the selection, ns."""
        return self.window - self.busy


def device_of(trace: Trace, process: int) -> int:
    """The GPU of a process: the one with most of its NCCL kernels, without any the one with most of its ops."""
    ops = trace.ops
    mine = ops["process"] == process
    nccl = mine & collective_kernels(trace)
    devices, counts = np.unique(ops["device"][nccl if nccl.any() else mine], return_counts=True)
    return int(devices[counts.argmax()])


def unit_facts(
    whole: WholeTrace,
    attribution: Attribution,
    process: int,
    selection: IntervalSet | None,
    loop: LoopSteps | None,
    communicator: NDArray[np.uint64] | None,
    *,
    draw: bool = False,
) -> UnitFacts | None:
    """The facts of a process (row of processes). `selection`: of time on its GPU, None for the GPU's whole window.

    None where the selection holds nothing of its GPU's window.
    """
    trace, device = whole.trace, device_of(whole.trace, process)
    idle = IdleReport(
        trace, selection=selection, device=device, hidden_after_ns=attribution.hidden_after_ns, whole=whole
    )
    if not idle.devices:
        return None
    figures = idle.devices[0]
    gaps = next(of_device for of_device in whole.gaps if of_device.device == device)
    window = IntervalSet(np.array([gaps.window[0]]), np.array([gaps.window[1]]))
    chosen = window if selection is None else intersect(window, selection)
    collectives = barrier_collectives(trace, process, device, communicator)
    on_device = trace.ops["device"] == device
    nccl = collective_kernels(trace) & on_device
    mine = nccl & (trace.ops["process"] == process)
    return UnitFacts(
        pid=int(trace.processes["pid"][process]),
        device=device,
        window=figures.busy + figures.idle,
        busy=figures.busy,
        parts=dict(zip(PARTS, figures.idle_by_part.tolist(), strict=True)),
        collective=intersect(_covered(trace, mine), chosen).total,
        loop=None if loop is None else _loop(loop, device),
        selection=chosen,
        collectives=collectives,
        others=intersect(_covered(trace, on_device & ~nccl), union(collectives.start, collectives.end)),
        between=between_collectives(attribution, gaps, collectives.start, collectives.end),
        host_by_range=host_by_range(idle),
        drawn=_drawn(whole, attribution, loop, device) if draw else (),
    )


def _covered(trace: Trace, ops: NDArray[np.bool_]) -> IntervalSet:
    return union(trace.ops["start"][ops], trace.ops["end"][ops])


def _loop(loop: LoopSteps, device: int) -> LoopOfUnit:
    windows = next((windows for windows in loop.windows if windows.edges.device == device), None)
    none = np.empty(0, np.int64)
    about = (loop.loop.label, loop.loop.count, loop.step, loop.duration)
    if windows is None:
        return LoopOfUnit(*about, none, none, none.astype(np.intp), none, np.empty((0, len(PARTS)), np.int64))
    edges = windows.edges
    return LoopOfUnit(*about, edges.start, edges.end, edges.iteration, windows.busy, windows.parts)


def _drawn(whole: WholeTrace, attribution: Attribution, loop: LoopSteps | None, device: int) -> tuple[DrawnStep, ...]:
    edges = None if loop is None else next((gpu.edges for gpu in loop.windows if gpu.edges.device == device), None)
    if loop is None or edges is None:
        return ()
    return drawn_steps(whole, edges, loop.loop.count, attribution.hidden_after_ns)


def host_by_range(idle: IdleReport) -> dict[str, int]:
    """Host idle time by the label of the innermost range that the launching thread was in, "" outside all, ns."""
    trace, nvtx = idle.trace, idle.trace.nvtx
    stretches = idle_stretches(idle, frozenset({HOST}))
    finder = RangeFinder(trace)
    sums: dict[str, int] = {}
    for thread in distinct(stretches.thread).tolist():
        mine = np.flatnonzero(stretches.thread == thread)
        start, end = stretches.start[mine], stretches.end[mine]
        rows = np.flatnonzero(nvtx["thread"] == thread)
        if len(rows) and len(mine):
            start, end = _cut_at(start, end, np.unique(np.concatenate((nvtx["start"][rows], nvtx["end"][rows]))))
        innermost = finder.innermost(np.full(len(start), thread, np.int32), start)
        for row in distinct(innermost).tolist():
            inside = innermost == row
            label = "" if row == NONE else label_of(trace.names[int(nvtx["name"][row])])
            sums[label] = sums.get(label, 0) + int((end[inside] - start[inside]).sum())
    return sums


def _cut_at(start: Times, end: Times, edges: Times) -> tuple[Times, Times]:
    """Intervals cut wherever a range begins or ends: in each piece one range is the innermost."""
    limits = np.iinfo(np.int64)
    bounds = np.unique(np.concatenate(([limits.min], edges, [limits.max]))).astype(np.int64)
    low, high, _ = pieces(start, end, IntervalSet(bounds[:-1], bounds[1:]))
    return low, high
