"""What waiting in collectives cost each unit, and what it did between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.matching import Matched
from nsysgap.analysis.idle.attribution import Attribution, Pieces
from nsysgap.analysis.idle.gaps import DeviceGaps
from nsysgap.causes import PARTS
from nsysgap.intervals import IntervalSet, covered_length, intersect, pieces, subtract, union

Times = NDArray[np.int64]


def waits_of(matched: Matched, unit: int) -> IntervalSet:
    """When a unit waited in collectives: the union of [start, end - transfer)."""
    return union(matched.start[unit], matched.end[unit] - matched.transfer)


def exposed(waits: IntervalSet, other_ops: IntervalSet, selection: IntervalSet | None) -> int:
    """How long a unit waited while no other (non-collective) op ran on its GPU, inside the selection, ns."""
    bare = subtract(waits, other_ops)
    return (bare if selection is None else intersect(bare, selection)).total


def between_collectives(attribution: Attribution, whole: DeviceGaps, start: Times, end: Times) -> NDArray[np.int64]:
    """GPU busy time and the ten parts of idle time between each collective's end and the next one's start.

    `start`, `end`: of the unit's matched collectives, in order. int64 of shape (collectives - 1, 11), ns: busy, then
    the parts as in PARTS; each row sums to the stretch inside the GPU's window, 0 where the next began before the end.
    """
    low, high = end[:-1], np.maximum(start[1:], end[:-1])
    times = np.zeros((len(low), 1 + len(PARTS)), np.int64)
    times[:, 0] = covered_length(whole.busy, low, high)
    # Gaps are disjoint, stretches need not be: what is cut are the stretches, to the gaps.
    begin, stop, stretch = pieces(low, high, IntervalSet(whole.start, whole.end))
    gap = np.searchsorted(whole.start, begin, side="right") - 1

    def add(part: int, rows: NDArray[np.intp], values: Times) -> None:
        np.add.at(times[:, 1 + part], stretch[rows], values)

    attribution.each_part(Pieces(begin, stop, whole.end[gap], whole.after[gap]), add)
    return times
