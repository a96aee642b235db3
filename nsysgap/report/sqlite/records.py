"""The integers in the records of a table's leaf pages.

A record is a header, its own length and then one type per column, and behind it the values in as many bytes as their
types need, big-endian (https://www.sqlite.org/fileformat2.html, section 2.1). Most columns have one type in all rows
of a few hundred pages: as long as that is so, a column begins in the same place of every record.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.sqlite.varints import SEVERAL_BYTES, Bytes, Places, Values, varints

WINDOW = 8
WIDEST = 512  # longer records, of long texts, are decoded where they lie
ROOM = WIDEST + WINDOW  # bytes that may be read behind the last page
# By the type in a record's header: null, integers of 1 to 8 bytes, a float, and the constants 0 and 1.
NULL, FLOAT, ZERO, ONE, FIRST_TEXT = 0, 7, 8, 9, 12
WIDTH = np.array([0, 1, 2, 3, 4, 6, 8, 8, 0, 0], np.intp)
UNUSED_BITS = np.array([0, 56, 48, 40, 32, 16, 0, 0, 0, 0], np.int64)
LONGEST_TEXT = 1 << 24


class UnusualPagesError(Exception):
    """The pages hold what is not read here."""


@dataclass(frozen=True)
class Records:
    """Rows of a table: where in `data` each record begins, how long its header and all of it are, in bytes.

    `data` has ROOM bytes more behind the last page.
    """

    data: Bytes
    start: Places
    header: Bytes
    length: Values

    def values(self, columns: Mapping[int, int]) -> dict[int, Values]:
        """The values of some columns, by column number; `columns`: what stands for NULL in each.

        Raises UnusualPagesError for values that are no integers, and for damage.
        """
        if int(self.length.max()) > WIDEST or (self.header != self.header[0]).any():
            return self._one_by_one(columns)
        last, header = max(columns, default=-1), int(self.header[0])
        if last + 1 >= header:  # rows from before the column was added
            raise UnusualPagesError
        width = int(self.length.max()) + WINDOW
        rows = np.ndarray((len(self.data) - width + 1,), f"V{width}", self.data.data, strides=(1,))[self.start]
        each = np.ndarray((header - 1, len(rows)), np.uint8, rows.data, offset=1, strides=(1, width)).copy()
        kinds = list(map(Kinds, each, each.min(axis=1).tolist(), each.max(axis=1).tolist()))
        if max((kind.high for kind in kinds), default=0) >= SEVERAL_BYTES:
            return self._one_by_one(columns)
        return self._side_by_side(columns, rows, kinds[: last + 1], last + 2 == header)

    def _side_by_side(
        self, columns: Mapping[int, int], rows: NDArray[np.void], kinds: list[Kinds], every: bool
    ) -> dict[int, Values]:
        """The same where all headers are equally long. `rows`: the records' bytes, as long as the longest and WINDOW;
        `kinds`: of the columns up to the last wanted one; `every`: it is the last of all."""
        values = {}
        offset = int(self.header[0])  # of the next value in each record
        at: Places | None = None  # in the data, from where on records differ
        for column, kind in enumerate(kinds):
            if column in columns:
                stored = _Stored(rows, offset) if at is None else _Stored(_windows(self.data), at)
                values[column] = kind.integers(stored, columns[column])
            widths = kind.widths()
            if at is None and isinstance(widths, int):
                offset += widths
            else:
                at = (self.start + offset if at is None else at) + widths
        self._check_ends(self.start + offset if at is None else at, every)
        return values

    def _one_by_one(self, columns: Mapping[int, int]) -> dict[int, Values]:
        """The same for rows of any headers."""
        windows, header_end = _windows(self.data), self.start + self.header
        kind_at, value_at = self.start + 1, header_end.copy()
        values = {}
        for column in range(max(columns, default=-1) + 1):
            if (kind_at >= header_end).any():  # rows from before the column was added
                raise UnusualPagesError
            kinds, kind_at = _kinds(self.data, kind_at)
            if column in columns:
                values[column] = kinds.integers(_Stored(windows, value_at), columns[column])
            value_at += kinds.widths()
        if (kind_at > header_end).any():
            raise UnusualPagesError
        self._check_ends(value_at, kind_at == header_end)
        return values

    def _check_ends(self, value_end: Places, every: NDArray[np.bool_] | bool) -> None:
        """As SQLite checks too: no value reaches beyond the row, and with every value read none is left over."""
        end = self.start + self.length
        if ((value_end > end) | (every & (value_end < end))).any():
            raise UnusualPagesError


@dataclass(frozen=True)
class _Stored:
    """Values of up to eight bytes: in rows of bytes at one place in each, or at places of windows."""

    within: NDArray[Any]
    offset: Places | int

    def __len__(self) -> int:
        return len(self.within) if isinstance(self.offset, int) else len(self.offset)

    def load(self) -> Values:
        """The eight bytes of each, of which the value's are the first, as numbers."""
        if isinstance(self.offset, int):
            if self.offset + WINDOW > self.within.itemsize:  # beyond the longest row
                raise UnusualPagesError
            stored = np.ndarray((len(self),), ">i8", self.within.data, self.offset, self.within.strides)
            return stored.astype(np.int64)
        values: Values = self.within[self.offset]
        if sys.byteorder == "little":
            values.byteswap(inplace=True)
        return values


def _windows(data: Bytes) -> Values:
    """A number of eight bytes from every place on. (Gathered in the machine's order, then swapped: the fastest way.)"""
    return np.ndarray((len(data) - WINDOW + 1,), np.int64, data.data, strides=(1,))


class Kinds(NamedTuple):
    """The types of a column's values in some rows, and the lowest and highest of them."""

    each: NDArray[np.uint8] | Values
    low: int
    high: int

    @property
    def alike(self) -> bool:
        """Whether all rows have the same."""
        return self.low == self.high

    def widths(self) -> Places | int:
        """How many bytes the values take; one number where all rows have the same type."""
        low, high = self.low, self.high
        if low < 0 or high > LONGEST_TEXT:
            raise UnusualPagesError
        if high <= ONE:
            return int(WIDTH[low]) if self.alike else np.asarray(WIDTH[self.each])
        if ((self.each > ONE) & (self.each < FIRST_TEXT)).any():
            raise UnusualPagesError
        text = (self.each.astype(np.intp) - FIRST_TEXT) // 2
        return np.where(self.each > ONE, text, WIDTH[np.minimum(self.each, ONE)])

    def integers(self, stored: _Stored, null: int) -> Values:
        """The values of these types: eight bytes of each, shifted down to as many as it has."""
        if self.high > ONE or (self.each == FLOAT).any():
            raise UnusualPagesError
        constants = {NULL: null, ZERO: 0, ONE: 1}
        if self.alike and self.low in constants:
            return np.full(len(stored), constants[self.low], np.int64)
        values = stored.load()
        values >>= UNUSED_BITS[self.low] if self.alike else UNUSED_BITS[self.each]
        if self.low == NULL or self.high >= ZERO:
            for kind, constant in constants.items():
                values[self.each == kind] = constant
        return values


def _kinds(data: Bytes, offset: Places) -> tuple[Kinds, Places]:
    """(the types that lie there, the places behind them)."""
    kinds: NDArray[np.uint8] | Values = data[offset]
    offset = offset + 1
    if kinds.max() >= SEVERAL_BYTES:
        kinds, offset = varints(data, offset - 1)
    return Kinds(kinds, int(kinds.min()), int(kinds.max())), offset
