"""A SQLite export opened for reading: small tables row by row, wide ones column by column (columns.py)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from nsysgap.errors import NsysgapError
from nsysgap.report.catalog import Catalog, known_name
from nsysgap.report.reads import Columns, Condition, Progress, Read
from nsysgap.report.source import EXPORT_AGAIN_HINT, Source, enough_memory
from nsysgap.report.sqlite.header import HEADER_BYTES, in_wal_mode, unfinished
from nsysgap.report.sqlite.layout import COLUMNS, TABLES, VIEWS, TableLayout, refuse_views
from nsysgap.report.sqlite.statements import selection

WRITING_HINT = "Wait until nsys has finished exporting, then run this again."


class SqliteSource(Source):
    """A SQLite export. `file` is the SQLite file behind what the user named: another one where that was packed."""

    def __init__(self, path: Path, file: Path) -> None:
        self.path = path
        self.file = file
        self._state = _state(file)
        self._counts: dict[tuple[str, tuple[Condition, ...]], int] = {}

    @property
    def rows_guess(self) -> int:
        """About how many rows the file holds: event rows take some 50 bytes each."""
        return self.file.stat().st_size // 50

    def connect(self) -> sqlite3.Connection:
        """A new read-only connection, which decodes text as UTF-8 with replacement characters."""
        name = quote(os.fsencode(self.file.resolve()))  # bytes: a name need not be UTF-8
        uri = f"file:{name}?mode=ro{'&immutable=1' if in_wal_mode(self.file) else ''}"
        connection = sqlite3.connect(uri, uri=True, timeout=1.0, check_same_thread=False)
        connection.text_factory = _lenient_text
        connection.execute("PRAGMA query_only = ON")
        return connection

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        return self.connect()

    def close(self) -> None:
        """Close the connection."""
        if connection := self.__dict__.pop("_connection", None):
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Translate errors, and notice a file that is not what it was when it was opened."""
        try:
            with translated_errors(self.path):
                yield
        except NsysgapError:
            self.check_unchanged()  # what was written meanwhile does not fit what was read, and looks like damage
            raise
        self.check_unchanged()

    def check_unchanged(self) -> None:
        """Raise NsysgapError where the file was replaced or written to since it was opened."""
        if _state(self.file) != self._state or unfinished(self.file):
            raise NsysgapError(
                f"{self.path} was changed while it was read.", "Wait until it is whole, then run this again."
            )

    @cached_property
    def layouts(self) -> dict[str, TableLayout]:
        """Where each table lies, by the name that nsys gives it; without SQLite's own and virtual ones."""
        with self._reading():
            refuse_views(self.path, [name for (name,) in self.query(VIEWS)])
            tables = [(name, root) for name, root in self.query(TABLES) if isinstance(root, int) and root > 1]
            return {known_name(name) or name: TableLayout.of(root, self.query(COLUMNS, name)) for name, root in tables}

    def _probe(self) -> Catalog:
        return Catalog({table: layout.columns for table, layout in self.layouts.items() if layout.columns})

    def columns(
        self, table: str, reads: Sequence[Read], where: Condition | None = None, progress: Progress | None = None
    ) -> Columns:
        """Columns of integers of one table, in order of rowid."""
        from nsysgap.report.sqlite.columns import read_columns

        if table not in self.catalog:
            return {read.name: np.empty(0, read.dtype) for read in reads}
        with self._reading():
            return read_columns(self, table, reads, where=where, progress=progress)

    def rows(self, table: str, columns: Sequence[str], *where: Condition) -> Generator[tuple[Any, ...], None, None]:
        """The rows of a table in order of rowid."""
        if table in self.catalog:
            with self._reading():
                # No "yield from": that would close the rows of a connection that may be closed already.
                rows = self._connection.execute(selection(self.layouts[table], table, columns, where))
                for row in rows:  # noqa: UP028
                    yield row

    def texts(self, table: str, key: str, text: str, *where: Condition) -> list[tuple[Any, bytes]]:
        """The texts of a table, by a key, as bytes of UTF-8."""
        if not self.catalog.has(table, text):
            return []
        with self._reading(), closing(self.connect()) as connection:
            connection.text_factory = bytes
            # Damage shows as NULL even where a column is declared NOT NULL, which SQLite then takes for granted.
            rows = connection.execute(selection(self.layouts[table], table, (key, text), where, as_text={text}))
            return [(index, value) for index, value in rows if value is not None]

    def count(self, table: str, *where: Condition) -> int:
        """The number of rows."""
        if table not in self.catalog:
            return 0
        asked = (table, where)
        with self._reading():  # a file that has changed since has other rows
            if asked not in self._counts:  # SQLite goes through the whole table
                statement = selection(self.layouts[table], table, ("count(*)",), where)
                self._counts[asked] = int(self._connection.execute(statement).fetchone()[0])
        return self._counts[asked]

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement of nsysgap's own."""
        return self._connection.execute(statement, values).fetchall()

    def scalar(self, statement: str, *values: object) -> Any:
        """The first value of a statement's first row, None without one."""
        row = self._connection.execute(statement, values).fetchone()
        return row[0] if row else None


def _state(file: Path) -> tuple[object, ...]:
    """What changes when a file is replaced or written to: SQLite counts its commits in the header, too."""
    try:
        with file.open("rb", buffering=0) as opened:
            status = os.fstat(opened.fileno())
            return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, opened.read(HEADER_BYTES)
    except OSError as error:
        return (error.errno,)


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says about a damaged or locked file into one sentence and a next step."""
    try:
        with enough_memory(path):
            yield
    except sqlite3.Error as error:
        raise _explain(path, error) from error
    except UnicodeDecodeError as error:
        # sqlite3 quotes a damaged schema in its own message and then cannot decode it.
        raise NsysgapError(f"{path} is damaged (its layout is no text).", EXPORT_AGAIN_HINT) from error


def _explain(path: Path, error: Exception) -> NsysgapError:
    text = " ".join(str(error).split())
    if "locked" in text or "busy" in text:
        return NsysgapError(f"{path} is locked: another program is writing it.", WRITING_HINT)
    if "malformed" in text or "not a database" in text or "corrupt" in text or "disk I/O" in text:
        return NsysgapError(f"{path} is damaged ({text}).", EXPORT_AGAIN_HINT)
    if "unable to open" in text:
        return NsysgapError(f"{path} cannot be opened ({text}).", "Check the file's and its folder's permissions.")
    if "no such column" in text or "no such table" in text:
        return NsysgapError(f"{path} is not laid out as an nsys export ({text}).", "Export it again with nsys export.")
    return NsysgapError(f"{path} cannot be read ({text}).", EXPORT_AGAIN_HINT)
