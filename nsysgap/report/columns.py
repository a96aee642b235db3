"""The columnar read: millions of rows of integers from SQLite into numpy arrays, on every core.

Row by row, Python would make an object of each value (10 s for 9 M rows). Plain columns of plain tables are decoded
from the file's pages (pages.py, page_columns.py). For the others SQLite itself joins a column of a few thousand rows
into one text, which numpy parses (sql_columns.py). Several threads do this, each over its own part of the table,
because both SQLite and numpy release the interpreter's lock.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from sqlalchemy import func, literal_column, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from nsysgap.errors import NsysgapError
from nsysgap.report.reads import OneOf, Progress, Read
from nsysgap.report.source import EXPORT_AGAIN_HINT, Source
from nsysgap.report.sqlite.buffers import Room, close_up, make_room, side_by_side
from nsysgap.report.sqlite.page_columns import plain_table
from nsysgap.report.sqlite.pages import UnusualPagesError
from nsysgap.report.sqlite.sql_columns import CHANGED_HINT, SqlReader

PARALLEL_ROWS = 100_000


def read_columns(
    source: Source,
    name: str,
    reads: Sequence[Read],
    *,
    where: OneOf | str | None = None,
    progress: Progress | None = None,
) -> Room:
    """The columns of one table as arrays of equal length, in order of rowid.

    `name`, `where` and the expressions are nsysgap's own SQL, never a user's text. `progress` is called with the
    number of rowids done since the last call, from several threads, negative where a part is read again. Raises
    NsysgapError for a value that is no integer.
    """
    progress = progress or (lambda _: None)
    with source.engine.connect() as connection:
        edges = _rowid_edges(connection, source, name)
        plain = plain_table(connection, source.file, name, reads, where)
    if plain is not None and len(edges) > 1:
        with suppress(UnusualPagesError):  # then it is SQLite's to read, or to refuse
            return plain.read(edges, progress)
    reader = SqlReader(source, name, tuple(reads), where, progress, make_room(reads, edges[-1] - edges[0]), edges[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's, of text that is no integer: the count shows it
        return close_up(reader.room, side_by_side(reader.read, list(pairwise(edges))))


def _rowid_edges(connection: Connection, source: Source, name: str) -> list[int]:
    """Rowids that cut a table into one part per thread: [first, ..., last + 1]."""
    rowid: ColumnElement[int] = literal_column("rowid")
    # One by one: SQLite finds each at an end of the tree, but scans the whole table for both at once.
    low, high = (
        connection.execute(select(end(rowid)).select_from(table(name))).scalar() for end in (func.min, func.max)
    )
    if low is None or high is None:
        return [0]
    if high < low:
        raise NsysgapError(f"{source.path} is damaged: the rowids of {name} are out of order.", EXPORT_AGAIN_HINT)
    # A row takes more than a byte: room for all these rowids would be absurd.
    if high - low > source.file.stat().st_size:
        raise NsysgapError(f"{source.path} is damaged: the rowids of {name} are scattered.", CHANGED_HINT)
    workers = max(1, min(os.cpu_count() or 1, 4, (high - low) // PARALLEL_ROWS))
    return [low + (high + 1 - low) * i // workers for i in range(workers + 1)]
