"""SQLite's integers of variable length: seven bits a byte, the last byte below 128, at most nine of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Values = NDArray[np.int64]

SEVERAL_BYTES = 128  # a byte from here on is not the last


def varints(data: Bytes, offset: Places) -> tuple[Values, Places]:
    """(the numbers that lie at these places, the places behind them)."""
    byte = data[offset]
    value, offset = (byte & 127).astype(np.int64), offset + 1
    rows: Places | None = None  # which have more bytes; None: all
    for _ in range(7):
        more = byte >= SEVERAL_BYTES
        if not more.any():
            return value, offset
        if not more.all():  # most often all numbers of a page have equally many bytes
            rows = np.flatnonzero(more) if rows is None else rows[more]
        some = slice(None) if rows is None else rows
        byte = data[offset[some]]
        value[some] = (value[some] << 7) | (byte & 127)
        offset[some] += 1
    more = byte >= SEVERAL_BYTES
    if more.any():  # the ninth byte counts whole: a negative number, or one beyond 2**56
        rows = np.flatnonzero(more) if rows is None else rows[more]
        value[rows] = (value[rows] << 8) | data[offset[rows]]
        offset[rows] += 1
    return value, offset
