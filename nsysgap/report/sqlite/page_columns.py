"""Reading plain columns of plain tables from a file's pages, on every core."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import is_any
from nsysgap.report.reads import ROWID, Condition, OneOf, Progress, Read
from nsysgap.report.sqlite.buffers import Filled, Room, close_up, make_room, side_by_side
from nsysgap.report.sqlite.pages import PageFile, TablePages
from nsysgap.report.sqlite.records import UnusualPagesError
from nsysgap.report.sqlite.source import SqliteSource

NO_COLUMN = "(none)"
READS_PAGES = hasattr(os, "preadv")  # macOS and Windows have no such call


def plain_table(
    source: SqliteSource, name: str, reads: Sequence[Read], where: Condition | None = None
) -> PlainTable | None:
    """How to read these columns from the file's pages; None where only SQL can answer."""
    if not isinstance(where, OneOf | None) or not READS_PAGES:
        return None
    layout = source.layouts[name]
    numbers = {read.name: _number(read, source, name) for read in reads}
    if any(number is None for number in numbers.values()):
        return None
    wanted: dict[int, int] = {}
    for read in reads:
        number = numbers[read.name]
        if isinstance(number, int) and wanted.setdefault(number, read.default) != read.default:
            return None  # one column with two defaults
    condition = None
    if where is not None:
        condition = layout.fields.get(where.column.lower())
        if condition is None or wanted.setdefault(condition, max(where.values) + 1) in where.values:
            return None
    return PlainTable(
        TablePages(PageFile.of(source.file), layout.root, wanted), tuple(reads), numbers, condition, where
    )


def _number(read: Read, source: SqliteSource, name: str) -> int | str | None:
    """The number of a column, ROWID or NO_COLUMN; None for a column that the rows may not hold."""
    if read.column == ROWID:
        return ROWID
    layout = source.layouts[name]
    return layout.fields.get(read.column.lower()) if layout.has(read.column) else NO_COLUMN


def has_plain_tree(source: SqliteSource, name: str, rows: int) -> bool:
    """Whether a table's pages hold so many rows in order of their numbers, whatever the rows themselves hold.

    SQLite looks rows up by their numbers and trusts them to be in order. True where pages cannot be read here.
    """
    if not READS_PAGES:
        return True
    table = TablePages(PageFile.of(source.file), source.layouts[name].root, {})
    try:
        with table.file.opened() as descriptor:
            leaves = table.file.leaves(descriptor, table.root)
            return sum(len(rowids) for rowids in table.rowids(descriptor, leaves)) == rows
    except UnusualPagesError:
        return False


@dataclass(frozen=True)
class PlainTable:
    """A table whose pages can be decoded.

    `numbers`: by name what is read, the number of a column, ROWID or NO_COLUMN; `condition`: the number of the column
    that `where` looks at, None for all rows.
    """

    table: TablePages
    reads: tuple[Read, ...]
    numbers: Mapping[str, int | str | None]
    condition: int | None
    where: OneOf | None

    def read(self, edges: list[int], counted: Callable[[], int], progress: Progress) -> Room:
        """Read the rows, so many as SQLite `counted`, between the edges on as many threads.

        Raises UnusualPagesError for what is not plain.
        """
        done: list[int] = []

        def count(rows: int) -> None:
            done.append(rows)
            progress(rows)

        file = self.table.file
        try:
            with file.opened() as descriptor:
                leaves = file.leaves(descriptor, self.table.root)
                reader = _PageReader(self, descriptor, make_room(self.reads, edges[-1] - edges[0]), edges, count)
                filled = side_by_side(reader.read, np.array_split(leaves, len(edges) - 1))
            _check_order(filled, counted())
        except UnusualPagesError:
            progress(-sum(done))
            raise
        return close_up(reader.room, filled)


def _check_order(filled: Sequence[Filled], rows: int) -> None:
    """Each part's rowids come after those of the part before it (else one wrote over the other); none is missing."""
    parts = [part for part in filled if part.passed]
    if (
        any(earlier.last >= later.begin for earlier, later in pairwise(parts))
        or sum(part.passed for part in parts) != rows
    ):
        raise UnusualPagesError


@dataclass(frozen=True)
class _PageReader:
    """Reads a table's columns from its pages."""

    plain: PlainTable
    descriptor: int
    room: Room
    edges: list[int]
    progress: Progress

    def read(self, leaves: NDArray[np.intp]) -> Filled:
        """Decode leaf pages into the room, from the place of their first rowid on."""
        begin = position = last = -1
        passed = 0
        for rowids, values in self.plain.table.chunks(self.descriptor, leaves):
            if rowids[0] < self.edges[0] or rowids[-1] >= self.edges[-1]:
                raise UnusualPagesError
            if position < 0:
                begin = position = int(rowids[0]) - self.edges[0]
            passed += len(rowids)
            last = int(rowids[-1]) - self.edges[0]
            keep = self._wanted(values)
            for read in self.plain.reads:
                column = self._column(read, rowids, values)
                kept = column if keep is None else column[keep]
                self.room[read.name][position : position + len(kept)] = kept
            position += len(rowids) if keep is None else int(keep.sum())
            self.progress(len(rowids))
        return Filled(max(begin, 0), position - begin, passed, last)

    def _wanted(self, values: dict[int, NDArray[np.int64]]) -> NDArray[np.bool_] | None:
        if self.plain.condition is None or self.plain.where is None:
            return None
        keep = is_any(values[self.plain.condition], self.plain.where.values)
        return None if keep.all() else keep

    def _column(self, read: Read, rowids: NDArray[np.int64], values: dict[int, NDArray[np.int64]]) -> NDArray[np.int64]:
        number = self.plain.numbers[read.name]
        if isinstance(number, int):
            fitted = read.fitted(values[number])
            if fitted is None:
                raise UnusualPagesError
            return fitted
        return rowids if number == ROWID else np.full(len(rowids), read.default, np.int64)
