"""Steps as PyTorch's profiler marks them, where NVTX tells a main loop: ProfilerStep#N, and what runs inside as ops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.nvtx_loops import Loop
from nsysgap.tables import NONE, Trace

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class MarkedSteps:
    """The iterations of the main loops that the picture shows: `row` of nvtx, and their `number` in their loop."""

    row: Rows
    number: NDArray[np.int64]


def marked_steps(trace: Trace, loops: tuple[Loop, ...], kept: Rows) -> MarkedSteps:
    """The kept NVTX ranges that are the iterations of these loops, by start."""
    rows: list[int] = []
    numbers: list[int] = []
    nvtx = trace.nvtx
    for loop in loops:
        mine = kept[(nvtx["thread"][kept] == loop.thread) & np.isin(nvtx["start"][kept], loop.start)]
        spans = zip(nvtx["start"][mine].tolist(), nvtx["end"][mine].tolist(), strict=True)
        of_span = dict(zip(spans, mine.tolist(), strict=True))
        for number, span in enumerate(zip(loop.start.tolist(), loop.end.tolist(), strict=True)):
            if span in of_span:
                rows.append(of_span[span])
                numbers.append(number)
    row, number_of = np.array(rows, np.int32), np.array(numbers, np.int64)
    order = np.argsort(nvtx["start"][row], kind="stable")
    return MarkedSteps(row[order], number_of[order])


def inside_steps(trace: Trace, loops: tuple[Loop, ...], rows: Rows) -> NDArray[np.bool_]:
    """Which of these NVTX ranges are iterations of their process's main loop or lie inside one, on any thread."""
    inside = np.zeros(len(rows), np.bool_)
    nvtx = trace.nvtx
    process = trace.threads["process"][nvtx["thread"][rows]]
    for loop in loops:
        mine = np.flatnonzero(process == trace.threads["process"][loop.thread])
        start, end = nvtx["start"][rows[mine]], nvtx["end"][rows[mine]]
        step = np.searchsorted(loop.start, start, side="right") - 1
        inside[mine] = (step != NONE) & (end <= loop.end[np.maximum(step, 0)])
    return inside
