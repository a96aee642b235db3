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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nsysgap.arrays import distinct
from nsysgap.report.sqlite.header import page_size
from nsysgap.report.sqlite.records import ROOM, Records, UnusualPagesError
from nsysgap.report.sqlite.varints import SEVERAL_BYTES, Bytes, Places, Values, varints

Decode = Callable[[Bytes, int], tuple[Values, dict[int, Values]]]

LEAF, INTERIOR = 13, 5
LEAF_HEADER, INTERIOR_HEADER = 8, 12
DEEPEST = 20  # SQLite's own limit
CHUNK_BYTES = 1 << 20


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

    def room(self, pages: int) -> bytearray:
        """What so many pages can be loaded into."""
        return bytearray(pages * self.size + ROOM)

    def load(self, descriptor: int, numbers: Places, room: bytearray | None = None) -> Bytes:
        """These pages, one after the other, and ROOM bytes of no meaning behind them; in a room that has been used
        before, if given: new memory for each megabyte takes longer than to read it."""
        if not len(numbers) or numbers.min() < 1 or numbers.max() > self.count:
            raise UnusualPagesError
        room = self.room(len(numbers)) if room is None else room
        edges = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
        with memoryview(room) as view:
            for begin, end in pairwise(edges):
                into = view[begin * self.size : end * self.size]
                if os.preadv(descriptor, [into], (int(numbers[begin]) - 1) * self.size) != len(into):
                    raise UnusualPagesError
        return np.frombuffer(room, np.uint8, len(numbers) * self.size + ROOM)

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
            if len(level) > self.count or len(distinct(level)) < len(level):
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
        # Each page's numbers of two bytes, side by side: as many as the fullest page has.
        most = int(number.max(initial=0))
        offset = np.ndarray((pages, most), ">u2", data.data, header, (self.size, 2)).astype(np.intp)
        there = np.arange(most) < number[:, None]
        if (there & ((offset < first_cell[:, None]) | (offset > self.usable - 4))).any():
            raise UnusualPagesError
        offset += base[:, None]
        return offset[there], number, base


def _big_endian(data: Bytes, offset: Places, width: int) -> Places:
    """Unsigned numbers of so many bytes."""
    value = data[offset].astype(np.intp)
    for i in range(1, width):
        value = (value << 8) | data[offset + i]
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
        last, room = None, self.file.room(min(self.file.chunk, len(leaves)))
        for begin in range(0, len(leaves), self.file.chunk):
            part = leaves[begin : begin + self.file.chunk]
            try:
                rowids, values = decode(self.file.load(descriptor, part, room), len(part))
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
        length, offset = varints(data, cells)
        rowids, record = varints(data, offset)
        return _Cells(rowids, record, length, np.repeat(base + self.file.usable, number))

    def _numbers(self, data: Bytes, pages: int) -> tuple[Values, dict[int, Values]]:
        return self._cells(data, pages).rowids, {}

    def _decode(self, data: Bytes, pages: int) -> tuple[Values, dict[int, Values]]:
        cells = self._cells(data, pages)
        rowids, record, length, end_of_page = cells.rowids, cells.record, cells.length, cells.end_of_page
        header = data[record]
        if (
            (length < 0).any()
            or (length > self.file.usable - 35).any()  # such a row goes on in an overflow page
            or (record + length > end_of_page).any()
            or (header >= SEVERAL_BYTES).any()
            or (header > length).any()
        ):
            raise UnusualPagesError
        return rowids, Records(data, record, header, length).values(self.columns)
