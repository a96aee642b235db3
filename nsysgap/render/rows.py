"""Millions of records of one layout as bytes, without a Python object per record.

A `Rows` is a table of bytes: a template repeated for each record, into which columns are written at fixed offsets.
Numbers become decimal digits four at a time through tables; NUL bytes stand for nothing and are deleted at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
GROUP = 10_000


def _digit_tables() -> tuple[Column, Column, Column]:
    """ASCII of 0..9999 as uint32, as first part of a number, then padded; so for the lowest part (0 is "0"); ".000"."""
    padded = [b"%04d" % number for number in range(GROUP)]
    high = [b""] + [b"%d" % number for number in range(1, GROUP)]
    low = [b"%d" % number for number in range(GROUP)]
    fraction = [b".%03d" % number for number in range(1000)]
    upper, lower, fractions = (
        np.frombuffer(b"".join(text.rjust(4, b"\0") for text in texts), np.uint32)
        for texts in (high + padded, low + padded, fraction)
    )
    return upper, lower, fractions


UPPER, LOWER, FRACTION = _digit_tables()


class Rows:
    """Records of one layout; fields are appended from left to right, then `build` gives all records as bytes."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._template = bytearray()
        self._columns: list[tuple[int, Column]] = []

    def const(self, text: bytes) -> None:
        """The same bytes in every record."""
        self._template += text

    def column(self, values: Column) -> None:
        """One fixed-width value per record: shape (count,)."""
        self._columns.append((len(self._template), values))
        self._template += bytes(values.dtype.itemsize)

    def integer(self, values: NDArray[np.int64]) -> None:
        """Decimal integers."""
        if len(values) and int(values.min()) < 0:
            self.column(np.where(values < 0, ord("-"), 0).astype(np.uint8))
            # The least int64 has no positive counterpart: its bits, read as uint64, are its magnitude.
            self._digits(np.abs(values).view(np.uint64))
        else:
            self._digits(values)

    def thousandths(self, values: NDArray[np.int64]) -> None:
        """Decimal numbers with three places, given as integer thousandths: 1234567 -> 1234.567."""
        if len(values) and int(values.min()) < 0:
            self.column(np.where(values < 0, ord("-"), 0).astype(np.uint8))
            values = np.abs(values)
        whole = values // 1000
        self._digits(whole)
        self.column(FRACTION[values - whole * 1000])

    def _digits(self, values: Column) -> None:
        parts = []
        largest = int(values.max()) if len(values) else 0
        first = True
        while first or largest:
            rest = values // GROUP if largest >= GROUP else np.zeros_like(values)
            part = (values - rest * GROUP).astype(np.intp)
            part[rest > 0] += GROUP
            parts.append((LOWER if first else UPPER)[part])
            values, largest, first = rest, largest // GROUP, False
        for part in reversed(parts):
            self.column(part)

    def text(self, index: Column, texts: Sequence[bytes]) -> None:
        """One of several texts per record."""
        width = max(*map(len, texts), 1)
        table = np.frombuffer(b"".join(text.ljust(width, b"\0") for text in texts), f"V{width}")
        self.column(table[index])

    def build(self) -> bytearray:
        """All records, one after the other, NUL bytes left in place."""
        width = len(self._template)
        buffer = bytearray(self.count * width)
        np.frombuffer(buffer, np.uint8).reshape(self.count, width)[:] = np.frombuffer(bytes(self._template), np.uint8)
        for offset, values in self._columns:
            target: Column = np.ndarray((self.count,), values.dtype, buffer, offset, (width,))
            target[:] = values
        return buffer

    def build_text(self) -> bytearray:
        """All records without their NUL bytes."""
        return self.build().translate(None, b"\0")
