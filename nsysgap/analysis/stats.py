"""The seven integers that summarise any quantity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stats:
    """count, total, min, median (the lower one), p90 and p99 (nearest rank), max: integers in the quantity's unit."""

    count: int
    total: int
    min: int
    median: int
    p90: int
    p99: int
    max: int


def stats(values: NDArray[np.int64]) -> Stats | None:
    """Statistics of int64 values, None of nothing.

    median = sorted[(n - 1) // 2]; a quantile q is the nearest rank, sorted[ceil(q n) - 1], in integer arithmetic.
    """
    n = len(values)
    if n == 0:
        return None
    ranks = [0, (n - 1) // 2, -(-9 * n // 10) - 1, -(-99 * n // 100) - 1, n - 1]
    ordered = np.partition(values, sorted(set(ranks)))
    return Stats(n, int(values.sum()), *(int(ordered[rank]) for rank in ranks))
