"""Reading any columns of any table by SQL, a few thousand rows as one text per column.

All aggregates of one SELECT see the same rows in the same order, so the columns stay aligned; NULLs, which group_concat
skips, show as a wrong count and are asked again with a default in their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, column, func, literal_column, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ColumnElement

from nsysgap.errors import NsysgapError
from nsysgap.report.reads import ROWID, Condition, Progress, Read
from nsysgap.report.source import CHANGED_HINT
from nsysgap.report.sqlite.buffers import Filled, Room
from nsysgap.report.sqlite.source import SqliteSource
from nsysgap.report.sqlite.statements import condition, quoted

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
        begin = place = low - self.first
        connection = self.source.connect()
        connection.text_factory = bytes
        try:
            for arrays in self._chunks(connection.cursor(), low, high):
                for one, array in zip(self.reads, arrays, strict=True):
                    self.room[one.name][place : place + len(array)] = array
                place += len(arrays[0])
        finally:
            connection.close()
        return Filled(begin, place - begin)

    def _chunks(self, cursor: Any, low: int, high: int) -> Iterator[list[NDArray[Any]]]:
        statement, careful = self._sql(with_defaults=False), self._sql(with_defaults=True)
        while low < high:
            stop = min(low + CHUNK_ROWS, high)
            count, *texts = cursor.execute(statement, (low, stop)).fetchone()
            if count:
                arrays = [self._parse(text, count, one) for text, one in zip(texts, self.reads, strict=True)]
                if any(array is None for array in arrays):
                    statement = careful  # this part of the table mixes NULLs in: do not try twice again
                    _, *texts = cursor.execute(careful, (low, stop)).fetchone()
                    arrays = [self._parse(text, count, one) for text, one in zip(texts, self.reads, strict=True)]
                yield [self._checked(array, one) for array, one in zip(arrays, self.reads, strict=True)]
            elif stop < high:
                stop = self._next_rowid(cursor, stop, high)  # rows were deleted: leap over the hole
            self.progress(stop - low)
            low = stop

    def _next_rowid(self, cursor: Any, low: int, high: int) -> int:
        found = cursor.execute(f"SELECT min(rowid) FROM {quoted(self.name)} WHERE rowid >= ?", (low,)).fetchone()[0]
        return high if found is None else min(int(found), high)

    def _sql(self, *, with_defaults: bool) -> str:
        texts = [func.group_concat(self._value(one, with_defaults=with_defaults)) for one in self.reads]
        rowid: ColumnElement[int] = literal_column("rowid")
        statement = select(func.count(), *texts).select_from(table(self.name))
        statement = statement.where(rowid >= bindparam("low"), rowid < bindparam("high"))
        if self.where:
            statement = statement.where(literal_column(condition(self.source.catalog, self.name, self.where)))
        return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))

    def _value(self, one: Read, *, with_defaults: bool) -> ColumnElement[int]:
        default: ColumnElement[int] = literal_column(str(one.default))
        if one.column == ROWID:
            return literal_column("rowid")
        if not self.source.catalog.has(self.name, one.column):
            return default
        value: ColumnElement[int] = column(quoted(one.column), is_literal=True)
        return func.ifnull(value, default) if with_defaults else value

    @staticmethod
    def _parse(text: bytes | None, count: int, one: Read) -> NDArray[Any] | None:
        if text is None:  # every value was NULL
            return np.full(count, one.default, np.int64)
        try:
            values = np.fromstring(text, np.int64, sep=",")
        except ValueError:  # newer releases of numpy raise where older ones warn and stop
            return None
        return values if len(values) == count else None

    def _checked(self, array: NDArray[Any] | None, one: Read) -> NDArray[Any]:
        if array is None:
            raise self._damaged("values that are no integers")
        fitted = one.fitted(array)
        if fitted is None:
            raise self._damaged(f"an impossible number ({one.name})")
        return fitted

    def _damaged(self, what: str) -> NsysgapError:
        return NsysgapError(f"{self.source.path} is damaged: its table {self.name} holds {what}.", CHANGED_HINT)
