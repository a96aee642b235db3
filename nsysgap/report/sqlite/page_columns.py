"""Reading plain columns of plain tables from a file's pages, on every core."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.reads import ROWID, Condition, OneOf, Progress, Read
from nsysgap.report.sqlite.buffers import Filled, Room, close_up, make_room, side_by_side
from nsysgap.report.sqlite.pages import PageFile, TablePages, UnusualPagesError
from nsysgap.report.sqlite.source import SqliteSource

NO_COLUMN = "(none)"


def plain_table(
    source: SqliteSource, name: str, reads: Sequence[Read], where: Condition | None = None
) -> PlainTable | None:
    """How to read these columns from the file's pages; None where only SQL can answer."""
    if not isinstance(where, OneOf | None) or not hasattr(os, "preadv"):  # macOS and Windows have no such call
        return None
    root = source.scalar("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = ?", name)
    numbers = _column_numbers(source, name)
    places = {one.name: _place(one, source.catalog.columns[name], numbers) for one in reads}
    if (
        not isinstance(root, int)
        or root < 2
        or any(place is None for place in places.values())
        or (where and where.column not in numbers)
    ):
        return None
    wanted: dict[int, int] = {}
    for one in reads:
        place = places[one.name]
        if isinstance(place, int) and wanted.setdefault(place, one.default) != one.default:
            return None  # one column with two defaults
    condition = None
    if where is not None:
        condition = numbers[where.column]
        if wanted.setdefault(condition, max(where.values) + 1) in where.values:
            return None
    return PlainTable(TablePages(PageFile.of(source.file), root, wanted), tuple(reads), places, condition, where)


def _column_numbers(source: SqliteSource, name: str) -> dict[str, int]:
    """Which field of a row each column is; without keys, which may be the rowid itself."""
    layout = source.query("SELECT cid, name, pk, hidden FROM pragma_table_xinfo(?)", name)
    if any(hidden for *_, hidden in layout):  # generated columns take no place
        return {}
    return {column: number for number, column, key, _ in layout if not key}


def _place(one: Read, columns: Sequence[str], numbers: dict[str, int]) -> int | str | None:
    """The number of a column, ROWID or NO_COLUMN; None for a column that the rows may not hold."""
    if one.column == ROWID:
        return ROWID
    return numbers.get(one.column) if one.column in columns else NO_COLUMN


@dataclass(frozen=True)
class PlainTable:
    """A table whose pages can be decoded.

    `places`: by name what is read, the number of a column, ROWID or NO_COLUMN; `condition`: the number of the
    column that `where` looks at, None for all rows.
    """

    table: TablePages
    reads: tuple[Read, ...]
    places: Mapping[str, int | str | None]
    condition: int | None
    where: OneOf | None

    def read(self, edges: list[int], progress: Progress) -> Room:
        """Read the rows between the edges on as many threads. Raises UnusualPagesError for what is not plain."""
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
            _check_order(filled)
        except UnusualPagesError:
            progress(-sum(done))
            raise
        return close_up(reader.room, filled)


def _check_order(filled: Sequence[Filled]) -> None:
    """Each part's rowids come after those of the part before it: else one wrote over the other."""
    if any(one.begin + one.rows > other.begin for one, other in pairwise(filled) if other.rows):
        raise UnusualPagesError


@dataclass(frozen=True)
class _PageReader:
    plain: PlainTable
    descriptor: int
    room: Room
    edges: list[int]
    progress: Progress

    def read(self, leaves: NDArray[np.intp]) -> Filled:
        """Decode leaf pages into the room, from the place of their first rowid on."""
        begin = place = -1
        for rowids, values in self.plain.table.chunks(self.descriptor, leaves):
            if rowids[0] < self.edges[0] or rowids[-1] >= self.edges[-1]:
                raise UnusualPagesError
            if place < 0:
                begin = place = int(rowids[0]) - self.edges[0]
            keep = self._wanted(values)
            for one in self.plain.reads:
                column = self._column(one, rowids, values)
                kept = column if keep is None else column[keep]
                self.room[one.name][place : place + len(kept)] = kept
            place += len(rowids) if keep is None else int(keep.sum())
            self.progress(len(rowids))
        return Filled(max(begin, 0), place - begin)

    def _wanted(self, values: dict[int, NDArray[np.int64]]) -> NDArray[np.bool_] | None:
        if self.plain.condition is None or self.plain.where is None:
            return None
        keep = np.isin(values[self.plain.condition], self.plain.where.values)
        return None if keep.all() else keep

    def _column(self, one: Read, rowids: NDArray[np.int64], values: dict[int, NDArray[np.int64]]) -> NDArray[np.int64]:
        place = self.plain.places[one.name]
        if isinstance(place, int):
            fitted = one.fitted(values[place])
            if fitted is None:
                raise UnusualPagesError
            return fitted
        return rowids if place == ROWID else np.full(len(rowids), one.default, np.int64)
