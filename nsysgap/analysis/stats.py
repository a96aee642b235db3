"""The seven integers that summarise any quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.figures import Stats


def stats(values: NDArray[np.int64]) -> Stats | None:
    """Statistics of int64 values, None of nothing.

    median = sorted[(n - 1) // 2]; a quantile q is the nearest rank, sorted[ceil(q n) - 1], in integer arithmetic.
    """
    n = len(values)
    if n == 0:
        return None
    ordered, quantiles = values.copy(), list[int]()
    for rank in ((n - 1) // 2, -(-9 * n // 10) - 1, -(-99 * n // 100) - 1):
        ordered.partition(rank)  # one at a time: for that numpy uses vector instructions
        quantiles.append(int(ordered[rank]))
    median, p90, p99 = quantiles
    return Stats(n, int(values.sum()), int(values.min()), median, p90, p99, int(values.max()))


def grouped_stats(values: NDArray[np.int64], group: NDArray[np.integer[Any]], number: int) -> list[Stats | None]:
    """`stats` of each group 0 to number - 1, by one sort: None of an empty one."""
    order = np.lexsort((values, group))
    ordered, count = values[order], np.bincount(group, minlength=number)
    first = np.cumsum(count) - count
    some = np.flatnonzero(count)
    n, at = count[some], first[some]
    ranks = (0 * n, (n - 1) // 2, -(-9 * n // 10) - 1, -(-99 * n // 100) - 1, n - 1)
    total = np.add.reduceat(ordered, at) if len(some) else ordered
    columns = [n, total, *(ordered[at + rank] for rank in ranks)]
    by_group: list[Stats | None] = [None] * number
    for index, row in zip(some.tolist(), zip(*(column.tolist() for column in columns), strict=True), strict=True):
        by_group[index] = Stats(*row)
    return by_group
