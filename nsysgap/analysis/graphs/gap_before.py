"""The gap before each op of a graph's replays: what "gap before" of a node is the mean of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.replays import Replays


def gap_before(replays: Replays) -> NDArray[np.int64]:
    """For each op of `replays.ops` the time since the latest end of earlier ops of its replay, ns.

    0 for the first op of a replay, and where an earlier op still ran.
    """
    start, end = (replays.trace.ops[key][replays.ops] for key in ("start", "end"))
    # Each replay on a stretch of its own, later ones behind: one running maximum serves them all.
    base, step = replays.start[replays.replay], int(replays.span.max(initial=0)) + 1
    reach = np.maximum.accumulate(end - base + replays.replay * step) - replays.replay * step + base
    before = np.concatenate((reach[:1], reach[:-1]))
    before[replays.heads] = start[replays.heads]
    return np.asarray(np.maximum(start - before, 0), np.int64)
