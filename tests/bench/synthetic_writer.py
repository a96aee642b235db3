"""Writes tables of an export: columns in, rows of a new SQLite file out."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from synthetic_schema import TABLES

BATCH_ROWS = 20_000
# Columns in which -1 stands for NULL until the row is written.
NULL_AS_MINUS_ONE = {
    "CUPTI_ACTIVITY_KIND_KERNEL": {"graphNodeId"},
    "CUDA_GRAPH_NODE_EVENTS": {"originalGraphNodeId"},
    "NVTX_EVENTS": {"end", "rangeId", "globalTid", "endGlobalTid", "textId"},
}
ONE_VALUE: dict[str, dict[str, int]] = {
    "CUPTI_ACTIVITY_KIND_KERNEL": {
        "launchType": 1, "cacheConfig": 1, "gridY": 1, "gridZ": 1, "blockY": 1, "blockZ": 1,
        "staticSharedMemory": 0, "localMemoryPerThread": 0, "localMemoryTotal": 164_364_288,
        "sharedMemoryExecuted": 32_768, "sharedMemoryLimitConfig": 0,
    },
    "CUPTI_ACTIVITY_KIND_MEMCPY": {"copyCount": 1},
    "CUPTI_ACTIVITY_KIND_MEMSET": {"value": 0, "memKind": 2},
    "OSRT_API": {"eventClass": 27, "returnValue": 0, "callchainId": 0},
    "PROFILER_OVERHEAD": {"returnValue": 0},
}  # fmt: skip


@contextmanager
def new_database(target: Path) -> Iterator[sqlite3.Connection]:
    """A new database that takes its name only when it is complete."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def columns_of(table: str) -> list[tuple[str, str]]:
    """Name and SQL type of each column of a table of `synthetic_schema`."""
    columns = []
    for word in TABLES[table].split():
        name, _, kind = word.partition(":")
        suffix = {"!": " NOT NULL", "*": " NOT NULL PRIMARY KEY"}.get(name[-1], "")
        columns.append((name.rstrip("!*"), (kind or "INTEGER") + suffix))
    return columns


def _create(db: sqlite3.Connection, table: str) -> str:
    """Create a table; returns its INSERT statement."""
    columns = columns_of(table)
    db.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns)})")
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"


def insert_rows(db: sqlite3.Connection, table: str, values: Iterable[tuple[Any, ...]]) -> None:
    """Create a table and fill it from whole rows."""
    db.executemany(_create(db, table), values)


def insert(db: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> None:
    """Create and fill a table from arrays; columns not given are NULL. No rows: no table, as exporters do."""
    arrays = [values for values in columns.values() if isinstance(values, np.ndarray)]
    count = len(arrays[0]) if arrays else 0
    if not count:
        return
    statement = _create(db, table)
    known = ONE_VALUE.get(table, {}) | dict(columns)
    nullable = NULL_AS_MINUS_ONE.get(table, set())
    wanted = [(known.get(name), name in nullable) for name, _ in columns_of(table)]
    for start in range(0, count, BATCH_ROWS):
        chunk = slice(start, min(start + BATCH_ROWS, count))
        db.executemany(
            statement,
            zip(*(_values(column, chunk, marked) for column, marked in wanted), strict=False),
        )


def _values(column: Any, chunk: slice, minus_one_is_null: bool) -> Iterable[Any]:
    if not isinstance(column, np.ndarray):
        return repeat(column, chunk.stop - chunk.start)
    values: list[Any] = column[chunk].tolist()
    return [None if value == -1 else value for value in values] if minus_one_is_null else values
