"""Integer columns straight from a SQLite file's pages, without asking SQLite for one row.

Most tables of a report are integers alone, and those a thread decodes here in a third of the processor time that any
SQL takes. A table is a tree: interior pages point to leaf pages, whose cells are one row each: the record's length, the
rowid, a header with one type per column, then the values in as many bytes as they need, big-endian
(https://www.sqlite.org/fileformat2.html). A few hundred leaf pages are decoded at a time, column by column.

Only what is plain is read. Everything else (values that are no integers, rows that go on in overflow pages, columns
added later, whatever looks damaged) raises UnusualPagesError: SQLite reads the table, or says what is wrong with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.sqlite.header import page_size

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Values = NDArray[np.int64]
Kinds = NDArray[np.uint8] | NDArray[np.int64]
Decode = Callable[[Bytes, int], tuple[Values, dict[int, Values]]]

LEAF, INTERIOR = 13, 5
LEAF_HEADER, INTERIOR_HEADER = 8, 12
DEEPEST = 20  # SQLite's own limit
CHUNK_BYTES = 1 << 21
WINDOW = 8
# By the type in a record's header: null, integers of 1 to 8 bytes, a float, and the constants 0 and 1.
NULL, FLOAT, ZERO, ONE, FIRST_TEXT = 0, 7, 8, 9, 12
WIDTH = np.array([0, 1, 2, 3, 4, 6, 8, 8, 0, 0], np.intp)
UNUSED_BITS = np.array([0, 56, 48, 40, 32, 16, 0, 0, 0, 0], np.int64)
SEVERAL_BYTES = 128  # a varint's byte from here on is not its last
LONGEST_TEXT = 1 << 24


class UnusualPagesError(Exception):
    """The pages hold what is not read here."""


@dataclass(frozen=True)
class PageFile:
    """A SQLite file's pages. `usable`: the bytes of a page that SQLite uses, `count`: how many pages there are."""

    path: Path
    size: int
    usable: int
    count: int

    @classmethod
    def of(cls, path: Path) -> PageFile:
        """What the file's header says."""
        with path.open("rb") as file:
            head = file.read(100)
        size = page_size(head)
        return cls(path, size, size - head[20], path.stat().st_size // size)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor to read pages by."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @property
    def chunk(self) -> int:
        """How many pages to decode at a time: so many stay in a processor's cache."""
        return max(CHUNK_BYTES // self.size, 1)

    def load(self, descriptor: int, numbers: Places) -> Bytes:
        """These pages, one after the other, and a window's room behind them."""
        if not len(numbers) or numbers.min() < 1 or numbers.max() > self.count:
            raise UnusualPagesError
        room = bytearray(len(numbers) * self.size + WINDOW)
        edges = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
        with memoryview(room) as view:
            for begin, end in pairwise(edges):
                into = view[begin * self.size : end * self.size]
                if os.preadv(descriptor, [into], (int(numbers[begin]) - 1) * self.size) != len(into):
                    raise UnusualPagesError
        return np.frombuffer(room, np.uint8)

    def leaves(self, descriptor: int, root: int) -> Places:
        """The numbers of a table's leaf pages, in order of rowid."""
        level = np.array([root], np.intp)
        for _ in range(DEEPEST):
            # All leaves lie equally deep: one of a level tells what it is, and its pages are looked at when decoded.
            if self.load(descriptor, level[:1])[0] == LEAF:
                return level
            data = self.load(descriptor, level)
            if not (data[np.arange(len(level)) * self.size] == INTERIOR).all():
                raise UnusualPagesError
            level = self._children(data, len(level))
            # More pages than there are, or a page that two others lead to.
            if len(level) > self.count or len(np.unique(level)) < len(level):
                raise UnusualPagesError
        raise UnusualPagesError

    def _children(self, data: Bytes, pages: int) -> Places:
        """Each interior page's children: one per cell, and the one for all higher rowids."""
        cells, number, base = self.cells(data, pages, INTERIOR_HEADER)
        if not number.all():
            raise UnusualPagesError
        children = np.empty(len(cells) + pages, np.intp)
        last = np.cumsum(number + 1) - 1
        others = np.ones(len(children), np.bool_)
        others[last] = False
        children[others] = _big_endian(data, cells, 4)
        children[last] = _big_endian(data, base + 8, 4)
        return children

    def cells(self, data: Bytes, pages: int, header: int) -> tuple[Places, Places, Places]:
        """(place of every cell in the data, cells per page, place of every page)."""
        base = np.arange(pages) * self.size
        number = _big_endian(data, base + 3, 2)
        first_cell = header + 2 * number
        if (first_cell > self.usable).any():
            raise UnusualPagesError
        before = np.cumsum(number) - number
        turn = np.arange(int(number.sum())) - np.repeat(before, number)
        page = np.repeat(base, number)
        place = _big_endian(data, page + header + 2 * turn, 2)
        if (place < np.repeat(first_cell, number)).any() or (place > self.usable - 4).any():
            raise UnusualPagesError
        return page + place, number, base


def _big_endian(data: Bytes, place: Places, width: int) -> Places:
    """Unsigned numbers of so many bytes."""
    value = data[place].astype(np.intp)
    for i in range(1, width):
        value = (value << 8) | data[place + i]
    return value


@dataclass(frozen=True)
class _Cells:
    """A leaf's rows: their numbers, where each record begins, its length, where its page ends."""

    rowids: Values
    record: Places
    length: Values
    end_of_page: Places


@dataclass(frozen=True)
class TablePages:
    """A table's leaf pages, and which of its columns to read: column number to what stands for NULL."""

    file: PageFile
    root: int
    columns: Mapping[int, int]

    def chunks(self, descriptor: int, leaves: Places) -> Iterator[tuple[Values, dict[int, Values]]]:
        """(rowids, values by column number) of a few hundred leaf pages at a time, in order of rowid."""
        return self._pieces(descriptor, leaves, self._decode)

    def rowids(self, descriptor: int, leaves: Places) -> Iterator[Values]:
        """The rowids alone of a few hundred leaf pages at a time, in order, whatever the rows hold."""
        for rowids, _ in self._pieces(descriptor, leaves, self._numbers):
            yield rowids

    def _pieces(self, descriptor: int, leaves: Places, decode: Decode) -> Iterator[tuple[Values, dict[int, Values]]]:
        last = None
        for begin in range(0, len(leaves), self.file.chunk):
            part = leaves[begin : begin + self.file.chunk]
            try:
                rowids, values = decode(self.file.load(descriptor, part), len(part))
            except IndexError as error:  # a damaged length leads beyond the pages
                raise UnusualPagesError from error
            if (rowids[1:] <= rowids[:-1]).any() or (last is not None and rowids[0] <= last):
                raise UnusualPagesError
            last = rowids[-1]
            yield rowids, values

    def _cells(self, data: Bytes, pages: int) -> _Cells:
        if (data[np.arange(pages) * self.file.size] != LEAF).any():
            raise UnusualPagesError
        cells, number, base = self.file.cells(data, pages, LEAF_HEADER)
        if not number.all():  # only a table without any row has a page without one
            raise UnusualPagesError
        length, place = _varints(data, cells)
        rowids, record = _varints(data, place)
        return _Cells(rowids, record, length, np.repeat(base + self.file.usable, number))

    def _numbers(self, data: Bytes, pages: int) -> tuple[Values, dict[int, Values]]:
        return self._cells(data, pages).rowids, {}

    def _decode(self, data: Bytes, pages: int) -> tuple[Values, dict[int, Values]]:
        cells = self._cells(data, pages)
        rowids, record, length, end_of_page = cells.rowids, cells.record, cells.length, cells.end_of_page
        header = data[record].astype(np.intp)
        if (
            (length < 0).any()
            or (length > self.file.usable - 35).any()  # such a row goes on in an overflow page
            or (record + length > end_of_page).any()
            or (header >= SEVERAL_BYTES).any()
            or (header > length).any()
        ):
            raise UnusualPagesError
        return rowids, self._values(data, record, record + header, record + length)

    def _values(self, data: Bytes, record: Places, header_end: Places, record_end: Places) -> dict[int, Values]:
        # A number of eight bytes from every place on. (Gathered in the machine's order, then swapped: the fastest way.)
        windows: Values = np.ndarray((len(data) - WINDOW + 1,), np.int64, data.data, strides=(1,))
        kind_at, value_at = record + 1, header_end.copy()
        values = {}
        for column in range(max(self.columns, default=-1) + 1):
            if (kind_at >= header_end).any():  # rows from before the column was added
                raise UnusualPagesError
            kinds, kind_at = _kinds(data, kind_at)
            if column in self.columns:
                values[column] = _integers(windows, value_at, kinds, self.columns[column])
            value_at += _widths(kinds)
        # As SQLite checks too: no type reaches beyond the header, no value beyond the row, and none is left over.
        if (
            (kind_at > header_end) | (value_at > record_end) | ((kind_at == header_end) & (value_at < record_end))
        ).any():
            raise UnusualPagesError
        return values


def _kinds(data: Bytes, place: Places) -> tuple[Kinds, Places]:
    """(the types that lie there, the places behind them); one type alone where all rows have the same."""
    kinds = data[place]
    most = kinds.max()
    if most >= SEVERAL_BYTES:
        return _varints(data, place)
    return kinds[:1] if kinds.min() == most else kinds, place + 1


def _varints(data: Bytes, place: Places) -> tuple[Values, Places]:
    """(numbers of variable length, the places behind them)."""
    byte = data[place].astype(np.int64)
    value, place = byte & 127, place + 1
    rows = np.flatnonzero(byte >= SEVERAL_BYTES)
    for _ in range(7):
        if not len(rows):
            return value, place
        byte = data[place[rows]].astype(np.int64)
        value[rows] = (value[rows] << 7) | (byte & 127)
        place[rows] += 1
        rows = rows[byte >= SEVERAL_BYTES]
    if len(rows):  # the ninth byte counts whole: a negative number, or one beyond 2**56
        value[rows] = (value[rows] << 8) | data[place[rows]]
        place[rows] += 1
    return value, place


def _widths(kinds: Kinds) -> Places:
    """How many bytes values of these types take."""
    if kinds.min() < 0:
        raise UnusualPagesError
    if kinds.max() < len(WIDTH):
        return np.asarray(WIDTH[kinds])
    if ((kinds > ONE) & (kinds < FIRST_TEXT)).any() or kinds.max() > LONGEST_TEXT:
        raise UnusualPagesError
    return np.where(kinds > ONE, (kinds - FIRST_TEXT) // 2, WIDTH[np.minimum(kinds, ONE)]).astype(np.intp)


def _integers(windows: Values, place: Places, kinds: Kinds, default: int) -> Values:
    """The values that lie there: eight bytes each, shifted down to as many as they have."""
    if (kinds == FLOAT).any() or kinds.max() > ONE:
        raise UnusualPagesError
    constants = {NULL: default, ZERO: 0, ONE: 1}
    if len(kinds) == 1 and int(kinds[0]) in constants:
        return np.full(len(place), constants[int(kinds[0])], np.int64)
    values = windows[place]
    if sys.byteorder == "little":
        values.byteswap(inplace=True)
    values >>= UNUSED_BITS[kinds]
    for kind, constant in constants.items():
        if len(kinds) > 1:
            values[kinds == kind] = constant
    return values
