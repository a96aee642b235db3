"""Copies of a report as a SQLite file of its own."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from nsysgap.report.source import Source
from nsysgap.report.sqlite.source import SqliteSource
from nsysgap.report.sqlite.statements import quoted


def copy_to(source: Source, target: Path) -> None:
    """Write a report as a SQLite file: the file itself, or the tables of a folder, whose IDs it keeps.

    Raises OSError without room, sqlite3.Error for what SQLite cannot hold.
    """
    if isinstance(source, SqliteSource):
        shutil.copyfile(source.file, target)
        return
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table, columns in source.catalog.columns.items():
            named = ", ".join(map(quoted, columns))
            connection.execute(f"CREATE TABLE {quoted(table)} ({named})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", source.rows(table, columns))
        connection.commit()
