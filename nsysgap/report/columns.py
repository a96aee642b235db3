"""The columnar read: millions of rows of integers from SQLite into numpy arrays, on every core.

Row by row, Python would make an object of each value (10 s for 9 M rows). Instead SQLite itself joins a column of a
few thousand rows into one text (`group_concat`), which numpy parses; several threads do this over their own ranges of
rowids, because both SQLite and numpy release the interpreter's lock. All aggregates of one SELECT see the same rows in
the same order, so the columns stay aligned; NULLs, which group_concat skips, show as a wrong count and are asked again
with a default in their place.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import LargeBinary, bindparam, cast, func, literal_column, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from nsysgap.errors import NsysgapError
from nsysgap.report.source import EXPORT_AGAIN_HINT, Source

CHUNK_ROWS = 8192
PARALLEL_ROWS = 100_000
CHANGED_HINT = "The file was changed after nsys wrote it: export it again."
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Read:
    """One column to read: a SQL integer expression, what stands for NULL, and the dtype to keep it in.

    `too_large` stands for numbers that int32 cannot hold, with or without a sign; None: they are damage.
    """

    name: str
    expression: str
    default: int = 0
    dtype: str = "int64"
    too_large: int | None = None


def read_columns(
    source: Source, name: str, reads: Sequence[Read], *, where: str | None = None, progress: Progress | None = None
) -> dict[str, NDArray[Any]]:
    """The columns of one table as arrays of equal length, in order of rowid.

    `name`, `where` and the expressions are nsysgap's own SQL, never a user's text. `progress` is called with the
    number of rowids done since the last call, from several threads. Raises NsysgapError for a value that is no integer.
    """
    with source.engine.connect() as connection:
        edges = _rowid_edges(connection, source, name)
    # Untouched memory costs nothing: room for every rowid, filled by each thread from its own first place on.
    room = {one.name: np.empty(edges[-1] - edges[0], one.dtype) for one in reads}
    reader = _Reader(source, name, tuple(reads), where, progress or (lambda _: None), room, edges[0])
    with warnings.catch_warnings(), ThreadPoolExecutor(max(len(edges) - 1, 1)) as pool:
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's, of text that is no integer: the count shows it
        filled = list(pool.map(reader.read, pairwise(edges)))
    return {column: _close_up(array, edges, filled) for column, array in room.items()}


def _close_up(array: NDArray[Any], edges: list[int], filled: list[int]) -> NDArray[Any]:
    """The rows that were found, without the room left for rowids that do not exist or were not wanted."""
    size = 0
    for begin, rows in zip((edge - edges[0] for edge in edges), filled, strict=False):
        if size != begin:
            array[size : size + rows] = array[begin : begin + rows]
        size += rows
    return array if size == len(array) else array[:size].copy()


def _rowid_edges(connection: Connection, source: Source, name: str) -> list[int]:
    """Rowids that cut a table into one part per thread: [first, ..., last + 1]."""
    rowid: ColumnElement[int] = literal_column("rowid")
    # One by one: SQLite finds each at an end of the tree, but scans the whole table for both at once.
    low, high = (
        connection.execute(select(end(rowid)).select_from(table(name))).scalar() for end in (func.min, func.max)
    )
    if low is None or high is None:
        return [0, 0]
    if high < low:
        raise NsysgapError(f"{source.path} is damaged: the rowids of {name} are out of order.", EXPORT_AGAIN_HINT)
    # A row takes more than a byte: room for all these rowids would be absurd.
    if high - low > source.file.stat().st_size:
        raise NsysgapError(f"{source.path} is damaged: the rowids of {name} are scattered.", CHANGED_HINT)
    workers = max(1, min(os.cpu_count() or 1, 4, (high - low) // PARALLEL_ROWS))
    return [low + (high + 1 - low) * i // workers for i in range(workers + 1)]


class _Reader:
    def __init__(
        self,
        source: Source,
        name: str,
        reads: tuple[Read, ...],
        where: str | None,
        progress: Progress,
        room: dict[str, NDArray[Any]],
        first: int,
    ) -> None:
        self.source = source
        self.name = name
        self.reads = reads
        self.where = where
        self.progress = progress
        self.room = room
        self.first = first

    def read(self, span: tuple[int, int]) -> int:
        """Read the rows whose rowid lies in [low, high) into the room from low on; how many there are."""
        low, high = span
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
        return place - begin

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
        found = cursor.execute(f'SELECT min(rowid) FROM "{self.name}" WHERE rowid >= ?', (low,)).fetchone()[0]
        return high if found is None else min(int(found), high)

    def _sql(self, *, with_defaults: bool) -> str:
        columns = [
            cast(
                func.group_concat(
                    literal_column(f"ifnull({one.expression}, {one.default})" if with_defaults else one.expression)
                ),
                LargeBinary,
            )
            for one in self.reads
        ]
        rowid: ColumnElement[int] = literal_column("rowid")
        statement = select(func.count(), *columns).select_from(table(self.name))
        statement = statement.where(rowid >= bindparam("low"), rowid < bindparam("high"))
        if self.where:
            statement = statement.where(literal_column(self.where))
        return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))

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
        # What is longer than 32 bits would come out as another number.
        if one.dtype == "int32" and (int(array.min()) < -(1 << 31) or int(array.max()) >= 1 << 32):
            if one.too_large is None:
                raise self._damaged(f"an impossible number ({one.name})")
            return np.where((array < -(1 << 31)) | (array >= 1 << 32), one.too_large, array)
        return array

    def _damaged(self, what: str) -> NsysgapError:
        return NsysgapError(f"{self.source.path} is damaged: its table {self.name} holds {what}.", CHANGED_HINT)
