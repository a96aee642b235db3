"""Every loop of a report with the figures of its iterations: what `nsysgap steps` answers, before it becomes rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.idle.idle_report import WholeTrace
from nsysgap.analysis.loops.gpu_windows import GpuWindows, WindowClock, WindowEdges, window_clocks, window_edges
from nsysgap.analysis.loops.launch_loops import launch_loops
from nsysgap.analysis.loops.launched_inside import LaunchOrder, number_inside
from nsysgap.analysis.loops.nvtx_loops import NVTX, Loop, in_order, main_loops, nvtx_loops
from nsysgap.analysis.loops.sequences import Sequences, Shapes
from nsysgap.arrays import distinct
from nsysgap.cores import BESIDE_OPS
from nsysgap.intervals import IntervalSet, union, union_of
from nsysgap.tables import NONE

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class LoopSteps:
    """One loop and its iterations' figures, arrays of shape (iterations,).

    `launches`: distinct launch calls that start inside, `ops`: the ops they launched, `api_calls`: API calls that start
    inside, each on any thread of the process; `sequences`: of the process, to tell which launched the same.
    """

    loop: Loop
    launches: Times
    ops: Times
    api_calls: Times
    windows: tuple[GpuWindows, ...]
    sequences: Sequences

    @cached_property
    def identical(self) -> NDArray[np.bool_]:
        """Which launched exactly the most common sequence."""
        return self.sequences.identical(self.loop.start, self.loop.end)

    @property
    def duration(self) -> Times:
        """How long each iteration took on the host, ns."""
        return self.loop.end - self.loop.start

    @property
    def between(self) -> int:
        """The sum of the time from one iteration's end to the next one's start, ns."""
        return int((self.loop.start[1:] - self.loop.end[:-1]).sum())

    @property
    def warm_up(self) -> int:
        """How many leading iterations took longer than twice the median."""
        usual = self.duration <= 2 * lower_median(self.duration)
        return int(usual.argmax())  # the median itself is usual: there is one

    @property
    def outliers(self) -> Indices:
        """Numbers of iterations longer than the median + 5 median absolute deviations and than 1.5 medians."""
        return outliers(self.duration)

    @property
    def step(self) -> int:
        """What a step takes, ns: the longer of the host's median (with its share of the time between) and the GPU's."""
        host = lower_median(self.duration) + self.between // (self.loop.count - 1)
        return max([host, *(lower_median(windows.window) for windows in self.windows)])

    def covered(self, device: int) -> IntervalSet | None:
        """The loop's GPU windows on a device as one set; None where it launched nothing there."""
        return next((windows.edges.covered for windows in self.windows if windows.edges.device == device), None)


def lower_median(values: Times) -> int:
    """sorted[(n - 1) // 2]."""
    middle = (len(values) - 1) // 2
    return int(np.partition(values, middle)[middle])


def outliers(duration: Times) -> Indices:
    """Which are longer than median + 5 MAD and than 1.5 medians."""
    median = lower_median(duration)
    spread = lower_median(np.abs(duration - median))
    return np.flatnonzero((duration > median + 5 * spread) & (2 * duration > 3 * median))


class Steps:
    """All loops of a report, in the order of `in_order`, and the main loop of each process.

    `shapes_of` gives what `op_shapes` makes of the ops: it is called when they are first needed, which may be never.
    """

    def __init__(
        self,
        whole: WholeTrace,
        shapes_of: Callable[[], NDArray[np.int32]],
        *,
        hidden_after_ns: int = HIDDEN_AFTER_NS,
    ) -> None:
        self.trace = whole.trace
        self.whole = whole
        self.shapes = Shapes(shapes_of)
        self.attribution = whole.attribution(hidden_after_ns)
        self.order = LaunchOrder(whole.trace, whole.calls)

    @cached_property
    def loops(self) -> list[Loop]:
        """Every loop, NVTX's and those of threads without one, in order."""
        by_ranges = nvtx_loops(self.trace, self.order)
        threads = {loop.thread for loop in by_ranges}
        return in_order([*by_ranges, *launch_loops(self.trace, self.whole.calls, self.shapes, threads, self.order)])

    @cached_property
    def main(self) -> dict[int, int]:
        """The number of each process's main loop, by row of processes."""
        return main_loops(self.trace, self.loops)

    @cached_property
    def steps(self) -> list[LoopSteps]:
        """Every loop with its figures."""
        return self.of(self.loops)

    @cached_property
    def judged(self) -> dict[int, int]:
        """The main loops that stand for their process: those that NVTX tells, and those that launch half of its ops.

        What repeats without a name, and launches less, may be anything.
        """
        return {process: number for process, number in self.main.items() if self._stands_for(process, number)}

    def _stands_for(self, process: int, number: int) -> bool:
        loop = self.loops[number]
        return loop.source == NVTX or 2 * loop.ops >= len(self.order.of(process).op)

    @property
    def judged_loops(self) -> list[Loop]:
        """These loops themselves."""
        return [self.loops[number] for number in self.judged.values()]

    @cached_property
    def judged_edges(self) -> list[WindowEdges]:
        """The GPU windows of all these loops, without what happened in them."""
        return [edges for loop in self.judged_loops for edges in self.edges(loop)]

    @cached_property
    def judged_time(self) -> dict[int, IntervalSet]:
        """The GPU windows of these loops together, by device; the whole window of a GPU that ran none of them."""
        windows = {gaps.device: _interval(*gaps.window) for gaps in self.whole.gaps}
        covered: dict[int, list[IntervalSet]] = {}
        for edges in self.judged_edges:
            covered.setdefault(edges.device, []).append(edges.covered)
        together = {device: union_of(*sets) for device, sets in covered.items()}
        return windows | {device: time for device, time in together.items() if len(time.starts)}

    @cached_property
    def judged_host_time(self) -> dict[int, IntervalSet]:
        """The iterations of these loops by row of processes; all time for a process without one."""
        time = {process: everything() for process in distinct(self.trace.threads["process"]).tolist()}
        loops = {process: self.loops[number] for process, number in self.judged.items()}
        return time | {process: union(loop.start, loop.end) for process, loop in loops.items()}

    def edges(self, loop: Loop) -> list[WindowEdges]:
        """The GPU windows of a loop, without what happened in them."""
        return window_edges(loop.start, loop.end, self.order.of(self._process(loop)), self.trace.ops)

    @cached_property
    def judged_clocks(self) -> dict[int, WindowClock]:
        """What happens in the GPU windows of these loops, by device: whoever attributes those gaps can fill them."""
        return window_clocks(self.whole.gaps, self.judged_edges)

    def shapes_beside(self, *, wanted: bool = True) -> AbstractContextManager[object]:
        """While the caller goes on, what `identical` will ask for is worked out on another core, if it is wanted."""
        return self.shapes.worked_out_beside(worth_it=wanted and self.trace.ops.rows >= BESIDE_OPS)

    def of(self, loops: Sequence[Loop], *, compared: bool = True) -> list[LoopSteps]:
        """The figures of some loops. `compared`: which iterations are identical will be asked for, too."""
        sequences = {process: Sequences(self.order.of(process), self.shapes) for process in map(self._process, loops)}
        edges = [self.edges(loop) for loop in loops]
        shared = all(any(loop is own for own in self.judged_loops) for loop in loops)
        clocks = self.judged_clocks if shared else window_clocks(self.whole.gaps, list(chain.from_iterable(edges)))
        with self.shapes_beside(wanted=compared and bool(loops)):
            for clock in clocks.values():
                clock.fill(self.attribution)
        return [
            self._figures(
                loop, sequences[self._process(loop)], tuple(clocks[each.device].windows(each) for each in own)
            )
            for loop, own in zip(loops, edges, strict=True)
        ]

    def _process(self, loop: Loop) -> int:
        return int(self.trace.threads["process"][loop.thread])

    def _figures(self, loop: Loop, sequences: Sequences, windows: tuple[GpuWindows, ...]) -> LoopSteps:
        launched = sequences.launched
        launches, ops = (number_inside(times, loop.start, loop.end) for times in (launched.call_time, launched.op_time))
        api_calls = launched.api_calls(loop.start, loop.end)
        return LoopSteps(loop, launches, ops, api_calls, windows, sequences)


def _interval(start: int, end: int) -> IntervalSet:
    return union(np.array([start], np.int64), np.array([end], np.int64))


def everything() -> IntervalSet:
    """All time that a report can hold; short enough for its length to be one, too."""
    return _interval(-(1 << 61), 1 << 61)


def inside_label(loops: Sequence[Loop], loop: Loop) -> str | None:
    """The label of the innermost loop around one, None for an outermost one."""
    return None if loop.inside == NONE else loops[loop.inside].label
