"""Reading any columns of any table by SQL, a few thousand rows as one text per column.

All aggregates of one SELECT see the same rows in the same order, so the columns stay aligned: each value is an integer,
a default in the place of NULL, or a text that no number begins with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, case, column, func, literal_column, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ColumnElement

from nsysgap.errors import NsysgapError
from nsysgap.report.reads import ROWID, Condition, Progress, Read
from nsysgap.report.source import CHANGED_HINT
from nsysgap.report.sqlite.buffers import Filled, Room
from nsysgap.report.sqlite.source import SqliteSource
from nsysgap.report.sqlite.statements import condition as as_sql
from nsysgap.report.sqlite.statements import quoted

CHUNK_ROWS = 8192


@dataclass(frozen=True)
class SqlReader:
    """Reads a table into a room whose first place is that of the rowid `first`."""

    source: SqliteSource
    name: str
    reads: tuple[Read, ...]
    where: Condition | None
    progress: Progress
    room: Room
    first: int

    def read(self, part: tuple[int, int]) -> Filled:
        """Read the rows whose rowid lies in [low, high) into the room from low on."""
        low, high = part
        begin = position = low - self.first
        passed = 0
        with closing(self.source.connect()) as connection:
            connection.text_factory = bytes
            for rows, arrays in self._chunks(connection.cursor(), low, high):
                for read, array in zip(self.reads, arrays, strict=True):
                    self.room[read.name][position : position + len(array)] = array
                passed += rows
                position += len(arrays[0])
        return Filled(begin, position - begin, passed, high - 1 - self.first)

    def _chunks(self, cursor: Any, low: int, high: int) -> Iterator[tuple[int, list[NDArray[Any]]]]:
        """(rows looked at, the columns of those wanted) of a few thousand rows at a time."""
        statement = self._sql()
        while low < high:
            stop = min(low + CHUNK_ROWS, high)
            rows, count, least, most, *texts = cursor.execute(statement, (low, stop)).fetchone()
            if rows:
                if least < low or most >= stop or rows > stop - low:
                    raise self._damaged("rowids that are out of order")
                yield rows, [self._parse(text, count, read) for text, read in zip(texts, self.reads, strict=True)]
            elif stop < high:
                stop = self._next_rowid(cursor, stop, high)  # rows were deleted: leap over the hole
            self.progress(stop - low)
            low = stop

    def _next_rowid(self, cursor: Any, low: int, high: int) -> int:
        statement = f"SELECT min({self.rowid}) FROM {quoted(self.name)} WHERE {self.rowid} >= ?"
        next_rowid = cursor.execute(statement, (low,)).fetchone()[0]
        return high if next_rowid is None else min(max(int(next_rowid), low), high)

    @property
    def rowid(self) -> str:
        """What SQL calls the row's number."""
        return self.source.layouts[self.name].rowid or "rowid"

    def _sql(self) -> str:
        """All rows of a range of rowids, and what is asked of those that fulfil the condition."""
        rowid: ColumnElement[int] = literal_column(self.rowid)
        wanted: list[Any] = [func.count(), *(func.group_concat(self._value(read)) for read in self.reads)]
        if self.where:
            condition: ColumnElement[bool] = literal_column(as_sql(self.source.layouts[self.name], self.where))
            wanted = [aggregate.filter(condition) for aggregate in wanted]
        count, *texts = wanted
        statement = select(func.count(), count, func.min(rowid), func.max(rowid), *texts).select_from(table(self.name))
        statement = statement.where(rowid >= bindparam("low"), rowid < bindparam("high"))
        return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))

    def _value(self, read: Read) -> ColumnElement[Any]:
        """A column's integers, NULLs as their default, anything else as a text that is no number."""
        default: ColumnElement[Any] = literal_column(str(read.default))
        if read.column == ROWID:
            return literal_column(self.rowid)
        if not self.source.catalog.has(self.name, read.column):
            return default
        value: ColumnElement[Any] = column(quoted(read.column), is_literal=True)
        no_integer: ColumnElement[str] = literal_column("'no integer'")
        kind = func.typeof(value)
        return case((kind == literal_column("'integer'"), value), (value.is_(None), default), else_=no_integer)

    def _parse(self, text: bytes | None, count: int, read: Read) -> NDArray[Any]:
        try:
            values = np.fromstring(text or b"", np.int64, sep=",")
        except ValueError:  # newer releases of numpy raise where older ones warn and stop
            values = np.empty(0, np.int64)
        return self._checked(values if len(values) == count else None, read)

    def _checked(self, array: NDArray[Any] | None, read: Read) -> NDArray[Any]:
        if array is None:
            raise self._damaged("values that are no integers")
        fitted = read.fitted(array)
        if fitted is None:
            raise self._damaged(f"an impossible number ({read.name})")
        return fitted

    def _damaged(self, what: str) -> NsysgapError:
        return NsysgapError(f"{self.source.path} is damaged: its table {self.name} holds {what}.", CHANGED_HINT)
