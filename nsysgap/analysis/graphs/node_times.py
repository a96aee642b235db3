"""What each node of a CUDA graph took over all its replays, and the gap before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.gap_before import gap_before
from nsysgap.analysis.graphs.replays import Replays

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class NodeTimes:
    """What each node of a graph took, by node number: arrays of shape (nodes,), times in ns.

    `op` is the node's first op; `mean`, `spread` (standard deviation) and `gap` (mean time since the op before it in
    the replay ended) are float64; `start` is the mean distance from the replay's start.
    """

    node: NDArray[np.int64]
    op: Indices
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    min: NDArray[np.int64]
    max: NDArray[np.int64]
    gap: NDArray[np.float64]
    start: NDArray[np.float64]


def node_times(replays: Replays) -> NodeTimes:
    """The times of each node over all replays."""
    ops, rows = replays.trace.ops, replays.ops
    node, first, index = np.unique(replays.node, return_index=True, return_inverse=True)
    duration = ops["end"][rows] - ops["start"][rows]
    count = np.bincount(index, minlength=len(node))
    mean = np.bincount(index, duration, len(node)) / np.maximum(count, 1)
    square = np.bincount(index, (duration - mean[index]) ** 2, len(node)) / np.maximum(count, 1)
    low, high = np.full(len(node), np.iinfo(np.int64).max), np.zeros(len(node), np.int64)
    np.minimum.at(low, index, duration)
    np.maximum.at(high, index, duration)
    offset = ops["start"][rows] - replays.start[replays.replay]
    return NodeTimes(
        node=node,
        op=rows[first],
        count=count,
        mean=mean,
        spread=np.sqrt(square),
        min=low,
        max=high,
        gap=np.bincount(index, gap_before(replays), len(node)) / np.maximum(count, 1),
        start=np.bincount(index, offset, len(node)) / np.maximum(count, 1),
    )
