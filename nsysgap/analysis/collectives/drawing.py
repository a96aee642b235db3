"""A step of a unit as a picture: when other work than collectives ran on its GPU, and why the GPU was idle.

A unit does not know which step will be drawn: it brings some that are spread over the loop, and the ranks together
choose the most usual of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.operations import collective_kernels
from nsysgap.analysis.idle.idle_report import IdleReport, WholeTrace
from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.analysis.loops.gpu_windows import WindowEdges
from nsysgap.intervals import IntervalSet, intersect, union

Times = NDArray[np.int64]
CANDIDATES = 9
MOST_DRAWN = 300


@dataclass(frozen=True)
class DrawnStep:
    """An iteration [start, end) of a unit, ns on its own clock.

    `work` (stretches, 2): when ops other than NCCL's ran; `idle` (stretches, 3): start, end and an index into PARTS; of
    each the 300 longest.
    """

    iteration: int
    start: int
    end: int
    work: Times
    idle: Times


def drawn_steps(whole: WholeTrace, edges: WindowEdges, count: int, hidden_after_ns: int) -> tuple[DrawnStep, ...]:
    """Some iterations of a loop of `count`, spread evenly, of those that have a window on this GPU."""
    wanted = sorted({count * (number + 1) // (CANDIDATES + 1) for number in range(CANDIDATES)})
    rows = np.flatnonzero(np.isin(edges.iteration, wanted))
    start, end = edges.start[rows], edges.end[rows]
    trace, device = whole.trace, edges.device
    ops = trace.ops
    mine = (ops["device"] == device) & ~collective_kernels(trace)
    work = intersect(union(ops["start"][mine], ops["end"][mine]), union(start, end))
    idle = IdleReport(trace, selection=union(start, end), device=device, hidden_after_ns=hidden_after_ns, whole=whole)
    pieces = idle_stretches(idle)
    drawn = []
    for row, low, high in zip(rows.tolist(), start.tolist(), end.tolist(), strict=True):
        inside = (pieces.start < high) & (pieces.end > low)
        gaps = np.column_stack(
            (np.maximum(pieces.start[inside], low), np.minimum(pieces.end[inside], high), pieces.part[inside])
        )
        ran = intersect(work, IntervalSet(np.array([low]), np.array([high])))
        busy = np.column_stack((ran.starts, ran.ends))
        drawn.append(DrawnStep(int(edges.iteration[row]), low, high, longest(busy), longest(gaps.astype(np.int64))))
    return tuple(drawn)


def longest(stretches: Times, most: int = MOST_DRAWN) -> Times:
    """The longest of some stretches (start, end, ...), in their order; a new array."""
    return stretches[np.sort(np.argsort(stretches[:, 0] - stretches[:, 1], kind="stable")[:most])]


def usual(steps: list[tuple[DrawnStep, ...]], window: Times) -> int | None:
    """The number of the iteration to draw: of those that all units bring the one nearest to the usual length.

    `window` (units, iterations): their lengths, ns. None where they share none.
    """
    shared = set.intersection(*({step.iteration for step in unit} for unit in steps)) if steps else set()
    if not shared:
        return None
    length = window.max(axis=0)
    median = np.sort(length)[(len(length) - 1) // 2]
    return min(sorted(shared), key=lambda number: abs(int(length[number]) - int(median)))
