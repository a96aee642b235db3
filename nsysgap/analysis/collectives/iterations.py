"""Every iteration of a loop that all units share, on each of them: what a heat map of ranks shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.units import LoopOfUnit
from nsysgap.causes import PARTS
from nsysgap.intervals import IntervalSet, covered_length

Times = NDArray[np.int64]
NO_WINDOW = -1


@dataclass(frozen=True)
class Iterations:
    """Figures of iterations on each unit's GPU: int64 (units, iterations), ns; `parts` (units, iterations, 10).

    `window`: from the iteration's first work to the next one's, -1 where it launched nothing; `wait`: exposed wait in
    collectives. busy + parts = window; starved is idle + wait.
    """

    label: str
    window: Times
    busy: Times
    wait: Times
    parts: Times

    @property
    def starved(self) -> Times:
        """Idle time and exposed wait, -1 without a window."""
        starved: Times = np.where(self.window == NO_WINDOW, NO_WINDOW, self.window - self.busy + self.wait)
        return starved


def iterations(loops: Sequence[LoopOfUnit | None], waits: Sequence[IntervalSet]) -> Iterations | None:
    """The iterations of all units, matched by ordinal; None where their loops' labels or counts differ.

    `waits`: when each unit waited in collectives while nothing else ran on its GPU.
    """
    shared = shared_loops(loops)
    if shared is None:
        return None
    shape = (len(shared), shared[0].count)
    window, busy, wait = (np.full(shape, NO_WINDOW, np.int64) for _ in range(3))
    parts = np.full((*shape, len(PARTS)), NO_WINDOW, np.int64)
    for unit, (loop, waited) in enumerate(zip(shared, waits, strict=True)):
        window[unit, loop.iteration] = loop.window_end - loop.window_start
        busy[unit, loop.iteration] = loop.busy
        parts[unit, loop.iteration] = loop.parts
        wait[unit, loop.iteration] = covered_length(waited, loop.window_start, loop.window_end)
    return Iterations(shared[0].label, window, busy, wait, parts)


def shared_loops(loops: Sequence[LoopOfUnit | None]) -> list[LoopOfUnit] | None:
    """The loops, where all units have one of one label and count."""
    known = [loop for loop in loops if loop is not None]
    same = len({(loop.label, loop.count) for loop in known}) == 1
    return known if same and len(known) == len(loops) else None
