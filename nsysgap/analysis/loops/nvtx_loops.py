"""Loops as the program's own NVTX ranges tell them: "token 0" to "token 47" are 48 iterations of "token #"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.launched_inside import LaunchOrder, number_inside
from nsysgap.analysis.relations.lock_ranges import HOLDING, WAITING, lock_ranges
from nsysgap.analysis.relations.ranges import range_labels
from nsysgap.arrays import combined_codes
from nsysgap.range_labels import label_of
from nsysgap.tables import NONE, OPEN_END, Trace

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
NVTX, LAUNCHES = "nvtx", "launches"
LEAST_ITERATIONS = 3
FEW_ITERATIONS = 8
"""A main loop of fewer iterations gives way to the loop inside it."""


@dataclass(frozen=True)
class Loop:
    """What repeats on a thread (row of threads): iterations [start, end) in ns, sorted, not overlapping.

    `source`: "nvtx" or "launches"; `domain`: the NVTX domain's ID, None without NVTX; `inside`: the number, in the list
    that this is from, of the innermost loop around this one, -1 none; `ops`: how many ops its iterations launched;
    `merged`: the threads that hand over to this one, and count as it.
    """

    label: str
    source: str
    domain: int | None
    thread: int
    start: Times
    end: Times
    ops: int
    inside: int = NONE
    merged: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many iterations it has."""
        return len(self.start)

    @property
    def total(self) -> int:
        """The sum of the iterations' durations, ns."""
        return int((self.end - self.start).sum())


def nvtx_loops(trace: Trace, order: LaunchOrder) -> list[Loop]:
    """Every loop that NVTX ranges tell, in no particular order, `inside` not yet known."""
    loops = []
    for rows, label in _ranges_by_label(trace):
        start, end = trace.nvtx["start"][rows], trace.nvtx["end"][rows]
        if len(rows) < LEAST_ITERATIONS or (start[1:] < end[:-1]).any():
            continue
        thread = int(trace.nvtx["thread"][rows[0]])
        launched = number_inside(order.of(int(trace.threads["process"][thread])).op_time, start, end)
        if 2 * int((launched > 0).sum()) >= len(rows):
            domain = int(trace.nvtx["domain"][rows[0]])
            loops.append(Loop(label, NVTX, domain, thread, start, end, int(launched.sum())))
    return loops


def _ranges_by_label(trace: Trace) -> Iterator[tuple[Indices, str]]:
    """(rows of nvtx by start, label) for the ranges of each thread, domain and label that have an end after them.

    A thread takes Python's lock again and again: what nsys writes of that repeats, but is no loop of the program.
    """
    nvtx = trace.nvtx
    counts = (nvtx["end"] > nvtx["start"]) & (nvtx["end"] != OPEN_END)
    counts[lock_ranges(trace, HOLDING, WAITING)] = False
    timed = np.flatnonzero(counts)
    if not len(timed):
        return
    label, texts = range_labels(trace)
    code, _ = combined_codes(label[timed], nvtx["thread"][timed], nvtx["domain"][timed])
    order = np.argsort(code, kind="stable")
    heads = np.flatnonzero(np.concatenate(([True], code[order][1:] != code[order][:-1])))
    for rows in np.split(timed[order], heads[1:]):
        yield rows, texts[label[rows[0]]]


def in_order(loops: Sequence[Loop]) -> list[Loop]:
    """The loops with `inside`: outermost ones first, then by ops, total duration (both descending) and first start."""
    inside = _innermost(loops)
    ranks = sorted(range(len(loops)), key=lambda i: _rank(loops[i], nested=inside[i] != NONE))
    position = {number: i for i, number in enumerate(ranks)}
    return [replace(loops[i], inside=NONE if inside[i] == NONE else position[inside[i]]) for i in ranks]


def _rank(loop: Loop, *, nested: bool) -> tuple[bool, int, int, int, int, str, int]:
    return nested, -loop.ops, -loop.total, int(loop.start[0]), loop.thread, loop.label, loop.domain or 0


def _innermost(loops: Sequence[Loop]) -> list[int]:
    """The number of the innermost loop around each, -1 none."""
    around = [NONE] * len(loops)
    for thread in {loop.thread for loop in loops}:
        mine = [i for i, loop in enumerate(loops) if loop.thread == thread]
        mine.sort(key=lambda i: (loops[i].total, -loops[i].count, int(loops[i].start[0]), loops[i].label))
        first_start = np.array([loops[i].start[0] for i in mine])
        first_end = np.array([loops[i].end[0] for i in mine])
        for outer in mine:  # the shortest first: the first that holds a loop is the innermost around it
            holds_first = _held(first_start, first_end, loops[outer])
            for inner in (mine[position] for position in np.flatnonzero(holds_first).tolist()):
                if around[inner] == NONE and is_inside(loops[inner], loops[outer]):
                    around[inner] = outer
    return around


def _held(start: Times, end: Times, outer: Loop) -> NDArray[np.bool_]:
    """Whether each [start, end) lies within one iteration."""
    iteration = np.searchsorted(outer.start, start, side="right") - 1
    held: NDArray[np.bool_] = (iteration >= 0) & (end <= outer.end[np.maximum(iteration, 0)])
    return held


def loops_called(loops: Sequence[Loop], label: str) -> list[int]:
    """The numbers of the loops with this label; without any, of those whose labels differ from it in numbers alone."""
    exactly = [number for number, loop in enumerate(loops) if loop.label == label]
    blank = label_of(label)
    return exactly or [number for number, loop in enumerate(loops) if label_of(loop.label) == blank]


def is_inside(inner: Loop, outer: Loop) -> bool:
    """Whether every iteration lies within one of the other's, and it is shorter in all (or as long, with more)."""
    if inner.thread != outer.thread or (inner.total, -inner.count) >= (outer.total, -outer.count):
        return False
    return bool(_held(inner.start, inner.end, outer).all())


def main_loops(trace: Trace, loops: Sequence[Loop]) -> dict[int, int]:
    """The number of each process's main loop, by row of processes: the first of `in_order`, or what it gives way to."""
    first: dict[int, int] = {}
    for number, loop in enumerate(loops):
        first.setdefault(int(trace.threads["process"][loop.thread]), number)
    return {process: _given_way(loops, number) for process, number in first.items()}


def _given_way(loops: Sequence[Loop], number: int) -> int:
    """Epochs give way to steps; steps of many layers stay steps."""
    while loops[number].count < FEW_ITERATIONS:
        outer = loops[number]
        better = [
            i
            for i, loop in enumerate(loops)
            if loop.count > outer.count and 5 * loop.total >= 4 * outer.total and is_inside(loop, outer)
        ]
        if not better:
            break
        number = max(better, key=lambda i: (loops[i].total, -i))
    return number
