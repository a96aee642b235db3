"""Protocol buffer messages of one layout as tables of bytes.

A varint may be longer than its value needs (the rest are continuation bytes of value 0, as every decoder accepts), so
in a batch each field gets the width of its largest value and all messages the same length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.render.rows import Rows

VARINT, FIXED64, LENGTH = 0, 1, 2
PAIR_BITS = 14
PAIR = 1 << PAIR_BITS
LONGEST = 10


def _pair_tables() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """14 bits as two bytes of a varint: (more bytes follow, these are the last)."""
    value = np.arange(PAIR)
    low, high = (value & 0x7F) | 0x80, value >> 7
    last = (low | high << 8).astype("<u2")
    return last | np.uint16(0x8000), last


MORE, LAST = _pair_tables()


def varint(value: int) -> bytes:
    """A non-negative integer, or a negative one as its 64-bit two's complement."""
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def tag(field: int, wire: int) -> bytes:
    """What stands before a field's value."""
    return varint(field << 3 | wire)


def number(field: int, value: int) -> bytes:
    """An integer field."""
    return tag(field, VARINT) + varint(value)


def message(field: int, body: bytes) -> bytes:
    """A length-delimited field: a nested message, or bytes."""
    return tag(field, LENGTH) + varint(len(body)) + body


def text(field: int, value: str) -> bytes:
    """A string field; lone surrogates, which UTF-8 cannot hold, become question marks."""
    return message(field, value.encode("utf-8", "replace"))


class Packets(Rows):
    """Messages of one layout: fields are appended, `open` and `close` enclose those of a nested message."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._open: list[tuple[int, bool]] = []

    def varint(self, field: int, values: NDArray[np.int64]) -> None:
        """An integer field; negative values take ten bytes."""
        self.const(tag(field, VARINT))
        if len(values) and int(values.min()) < 0:
            self._negative(values.view(np.uint64))
            return
        largest = int(values.max()) if len(values) else 0
        while largest >= PAIR:
            self.column(MORE[values & (PAIR - 1)])
            values, largest = values >> PAIR_BITS, largest >> PAIR_BITS
        self.column(LAST[values])

    def _negative(self, values: NDArray[np.uint64]) -> None:
        for pair in range(LONGEST // 2):
            shift = np.uint64(pair * PAIR_BITS)
            table = LAST if pair == LONGEST // 2 - 1 else MORE
            self.column(table[(values >> shift & np.uint64(PAIR - 1)).astype(np.intp)])

    def fixed64(self, field: int, values: NDArray[np.int64]) -> None:
        """A fixed64 field."""
        self.const(tag(field, FIXED64))
        self.column(values.astype("<i8"))

    def double(self, field: int, values: NDArray[Any]) -> None:
        """A double field."""
        self.const(tag(field, FIXED64))
        self.column(values.astype("<f8"))

    def open(self, field: int, *, wide: bool = False) -> None:
        """Begin a nested message: room is kept for its length, two bytes (up to 16 KB) or four."""
        self.const(tag(field, LENGTH))
        self._open.append((len(self._template), wide))
        self.const(bytes(4 if wide else 2))

    def close(self) -> None:
        """End the innermost open message."""
        at, wide = self._open.pop()
        room = 4 if wide else 2
        length = len(self._template) - at - room
        low = MORE[[length & (PAIR - 1)]].tobytes() if wide else b""
        self._template[at : at + room] = low + LAST[[length >> PAIR_BITS if wide else length]].tobytes()

    def build(self, field: int | None = None) -> bytearray:
        """All messages; with `field` each as that field of an enclosing message. Closes what is open."""
        while self._open:
            self.close()
        if field is None:
            return super().build()
        head = tag(field, LENGTH) + varint(len(self._template))
        self._template[:0] = head
        self._columns = [(offset + len(head), values) for offset, values in self._columns]
        return super().build()
