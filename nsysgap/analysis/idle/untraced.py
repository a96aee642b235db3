"""Time that nsys cannot see: which pieces of the gaps it is, after which kernels, and the range of % idle it leaves.

A thread waits in a synchronising call although no op of its process runs: the GPU may be busy with work that is in no
table, such as kernels launched by kernels (CUDA dynamic parallelism), or the call returns late. Whether that time was
idle, the events cannot tell; so % idle is a range, with all of it counted as busy and all of it as idle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.analysis.idle.idle_report import DeviceIdle, IdleReport
from nsysgap.analysis.relations.calls import SYNCS
from nsysgap.arrays import distinct, is_any
from nsysgap.causes import PROFILER, UNTRACED
from nsysgap.intervals import IntervalSet, pieces, subtract
from nsysgap.tables import NONE, OP_KINDS, Trace

NEARLY_ALL, LEAST_RUNS = 0.9, 3  # of a kernel's runs, and how many at least
Indices = NDArray[np.intp]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class UntracedPieces:
    """The untraced pieces of all gaps, arrays of shape (pieces,): times in ns; `gap` is the number of the gap that the
    piece lies in, `before` the row of the process's op that ended last before it (-1 none)."""

    start: Times
    end: Times
    gap: Indices
    before: NDArray[np.int64]


@dataclass(frozen=True)
class UntracedKernel:
    """An op after which the GPU went dark: kind (kernel, ...), name, in how many pieces, for how many ns in all.

    `dark_runs` of its `runs` on this GPU have such a piece after them. `likely`: nearly all have, and none after a sync
    call had returned, so that the GPU probably worked on unseen; else the calls may have returned late.
    """

    kind: str
    name: str
    count: int
    untraced_ns: int
    dark_runs: int
    runs: int
    likely: bool


@dataclass(frozen=True)
class UntracedSummary:
    """One GPU's untraced time. Its true idle time lies between `idle_low_ns` (untraced time was busy) and
    `idle_high_ns` (it was idle), both of `window_ns`; `kernels` has the most untraced time first."""

    device: int
    untraced_ns: int
    idle_low_ns: int
    idle_high_ns: int
    window_ns: int
    kernels: tuple[UntracedKernel, ...]

    @property
    def idle_percent(self) -> tuple[float, float]:
        """% of the window idle, counting untraced time as busy and as idle."""
        whole = max(self.window_ns, 1)
        return 100 * self.idle_low_ns / whole, 100 * self.idle_high_ns / whole


def untraced_summary(idle: IdleReport, untraced: UntracedPieces | None = None) -> tuple[UntracedSummary, ...]:
    """The untraced time of every GPU that has any, by device. `untraced`: its pieces, where the caller has them."""
    if untraced is None:
        untraced = untraced_pieces(idle)
    return tuple(_of_device(idle, device, untraced) for device in idle.devices if device.idle_by_part[UNTRACED])


def _of_device(idle: IdleReport, device: DeviceIdle, untraced: UntracedPieces) -> UntracedSummary:
    mine = np.flatnonzero(idle.gaps.device[untraced.gap] == device.device)
    hidden = int(device.idle_by_part[UNTRACED])
    return UntracedSummary(
        device=device.device,
        untraced_ns=hidden,
        idle_low_ns=device.idle - hidden,
        idle_high_ns=device.idle,
        window_ns=device.busy + device.idle,
        kernels=_kernels(idle.trace, device.device, untraced.before[mine], untraced.start[mine], untraced.end[mine]),
    )


def _kernels(
    trace: Trace, device: int, before: NDArray[np.int64], start: Times, end: Times
) -> tuple[UntracedKernel, ...]:
    """The ops before pieces [start, end), by name."""
    known = before != NONE
    before, start, length = before[known], start[known], (end - start)[known]
    returned = _sync_returned(trace, before, start)
    names = distinct(trace.ops["name"][before]).tolist()
    named = trace.ops["name"][is_any(trace.ops["name"], names) & (trace.ops["device"] == device)]
    kernels = []
    for name in names:
        mine = np.flatnonzero(trace.ops["name"][before] == name)
        kind = int(trace.ops["kind"][before[mine[0]]])
        dark = len(distinct(before[mine]))
        runs = max(int((named == name).sum()), dark)
        likely = LEAST_RUNS <= dark >= NEARLY_ALL * runs and not returned[mine].any()
        total = int(length[mine].sum())
        kernels.append(UntracedKernel(OP_KINDS[kind], trace.name(name), len(mine), total, dark, runs, likely))
    return tuple(sorted(kernels, key=lambda kernel: (-kernel.untraced_ns, kernel.name)))


def _sync_returned(trace: Trace, before: NDArray[np.int64], start: Times) -> NDArray[np.bool_]:
    """Whether a sync call of the op's process had returned between the op's end and the start of the piece after it."""
    returned = np.zeros(len(before), np.bool_)
    calls = np.flatnonzero(SYNCS.rows(trace))
    of_call = trace.threads["process"][trace.api["thread"][calls]] if len(calls) else np.empty(0, np.int32)
    process, done = trace.ops["process"][before], trace.ops["end"][before]
    for process_row in distinct(process).tolist():
        mine = np.flatnonzero(process == process_row)
        ends = np.sort(trace.api["end"][calls[of_call == process_row]])
        first, last = np.searchsorted(ends, done[mine], side="left"), np.searchsorted(ends, start[mine], side="right")
        returned[mine] = last > first
    return returned


def untraced_pieces(idle: IdleReport) -> UntracedPieces:
    """Every untraced piece of every gap, by gap and start; per GPU their lengths sum to its part `untraced`."""
    gaps = _gaps_with_untraced(idle)
    thread = idle.trace.api["thread"][idle.gaps.call[gaps]] if len(gaps) else np.empty(0, np.int32)
    cut = [_of_thread(idle, int(launcher), gaps[thread == launcher]) for launcher in distinct(thread)]
    start, end, gap, before = (
        np.concatenate([part[i] for part in cut]) if cut else np.empty(0, np.int64) for i in range(4)
    )
    order = np.lexsort((start, gap))
    return UntracedPieces(start[order], end[order], gap[order].astype(np.intp), before[order])


def _gaps_with_untraced(idle: IdleReport) -> Indices:
    untraced: list[Indices] = []

    def keep(part: int, rows: Indices, values: Times) -> None:
        if part == UNTRACED:
            untraced.append(rows[values > 0])

    gaps = idle.gaps
    if any(device.idle_by_part[UNTRACED] for device in idle.devices):
        idle.attribution.each_part(Pieces(gaps.start, gaps.end, gaps.gap_end, gaps.after), keep)
    return np.sort(np.concatenate(untraced)) if untraced else np.empty(0, np.intp)


def _of_thread(idle: IdleReport, thread: int, gaps: Indices) -> tuple[Times, Times, Indices, NDArray[np.int64]]:
    trace = idle.trace
    launch = trace.api["start"][idle.gaps.call[gaps]]
    start, end, owner = pieces(idle.gaps.start[gaps], np.minimum(idle.gaps.end[gaps], launch), _hidden(idle, thread))
    return start, end, gaps[owner], _last_ops(trace, int(trace.threads["process"][thread]), start)


def _hidden(idle: IdleReport, thread: int) -> IntervalSet:
    """When a thread waited for work that no table shows, without the profiler's own work."""
    sets = dict(part for part, _ in zip(idle.attribution.threads.of(thread).sets(), (PROFILER, UNTRACED), strict=False))
    return subtract(sets[UNTRACED], sets[PROFILER])


def _last_ops(trace: Trace, process: int, at: Times) -> NDArray[np.int64]:
    """The row of the op of a process that ended last of those that started before each time; -1 without any."""
    rows = np.flatnonzero(trace.ops["process"] == process)
    end = trace.ops["end"][rows]
    reach = np.maximum.accumulate(end)
    latest = np.maximum.accumulate(np.where(end == reach, np.arange(len(end)), 0))
    position = np.searchsorted(trace.ops["start"][rows], at, side="left") - 1
    return np.where(position >= 0, rows[latest[np.maximum(position, 0)]] if len(rows) else NONE, NONE)
