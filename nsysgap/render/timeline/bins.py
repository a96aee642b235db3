"""Utilisation in equal bins: what a shortened page draws where it does not hold the slices themselves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.render.timeline.model import Times
from nsysgap.render.timeline.pack import pack_columns

BINS = 16_384


class Grid:
    """Equal bins over [first, last) in whole ns; the last may reach beyond. Set once per page."""

    def __init__(self, first: int, last: int, bins: int = BINS) -> None:
        self.width = max(1, -(-(last - first) // bins))
        self.edges: Times = first + self.width * np.arange(-(-(last - first) // self.width) + 1, dtype=np.int64)


def covered(start: Times, end: Times, edges: Times) -> Times:
    """The ns covered in each bin by slices that do not overlap, sorted by start: int64 of shape (edges - 1,), exact."""
    total = np.zeros(len(start) + 1, np.int64)
    np.cumsum(end - start, out=total[1:])
    index = np.searchsorted(start, edges, side="right")
    before = total[index]
    begun = np.flatnonzero(index)
    before[begun] -= np.maximum(end[index[begun] - 1] - edges[begun], 0)
    return before[1:] - before[:-1]


def packed_bins(
    start: Times, end: Times, category: NDArray[Any], lanes: NDArray[np.intp], grid: Grid
) -> list[dict[str, Any]]:
    """Per lane: {"columns": specs by category, "data": base64}; a column has the ns in every bin."""
    found = []
    for low, high in pairwise(lanes.tolist()):
        present = np.unique(category[low:high])
        columns = {}
        for one in present.tolist():
            mine = low + np.flatnonzero(category[low:high] == one)
            columns[str(one)] = covered(start[mine], end[mine], grid.edges)
        packed = pack_columns(columns, {})
        for spec in packed.specs.values():
            spec["n"] = len(grid.edges) - 1
        found.append({"columns": packed.specs, "data": packed.text})
    return found
