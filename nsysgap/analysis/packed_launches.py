"""Which launches ran packed: back to back with the op before them in their stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.unqueued_latency import stream_free_since
from nsysgap.tables import Table

BACK_TO_BACK_NS = 2_000
"""An op that starts within this time after the one before it in its stream runs back to back: the GPU's own step."""


def packed(ops: Table, rows: NDArray[Any]) -> NDArray[np.bool_]:
    """For each of these rows of ops whether it started within 2 us of the end of what ran before it in its stream.

    The first op of a stream is not packed. "back_to_back" in "nsysgap.launches/1" counts them, by kernel.
    """
    # int64's least, "nothing before it", would overflow in the difference
    free = np.maximum(stream_free_since(ops)[rows], np.iinfo(np.int64).min // 2)
    close: NDArray[np.bool_] = ops["start"][rows] - free <= BACK_TO_BACK_NS
    return close
