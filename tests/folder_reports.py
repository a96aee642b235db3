"""SQLite reports written as nsys writes folders of Parquet or Arrow files: unsigned IDs, flags, rows in any order."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SIGNED = {"start", "end", "timestamp", "callchainId", "int64Value"}
FLAGS = {"kernelMode", "unresolved", "isDiscrete"}


def as_folder(report: Path, folder: Path, ending: str = ".parquet", *, shuffled: bool = True) -> Path:
    """Write every table of a report into a new folder; the folder."""
    folder.mkdir()
    chance = random.Random(1)
    with closing(sqlite3.connect(report)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            cursor = connection.execute(f'SELECT * FROM "{name}"')
            columns = [column for column, *_ in cursor.description]
            rows = cursor.fetchall()
            if shuffled:
                chance.shuffle(rows)
            arrays = [_array(column, [row[i] for row in rows]) for i, column in enumerate(columns)]
            write(pa.table(dict(zip(columns, arrays, strict=True))), folder / f"{name}{ending}")
    return folder


def write(table: pa.Table, file: Path) -> None:
    """One table's file: Parquet, or an Arrow stream as nsys writes it."""
    if file.suffix == ".parquet":
        pq.write_table(table, file, row_group_size=7)
    else:
        with pa.OSFile(str(file), "wb") as opened, pa.ipc.new_stream(opened, table.schema) as stream:
            for batch in table.to_batches(max_chunksize=5):
                stream.write_batch(batch)


def _array(column: str, values: list[object]) -> pa.Array:
    if any(isinstance(value, str) for value in values):
        return pa.array(values, pa.large_string())
    if any(isinstance(value, bytes) for value in values):
        return pa.array(values, pa.large_binary())
    if any(isinstance(value, float) for value in values):
        return pa.array(values, pa.float64())
    if column in FLAGS:
        return pa.array([None if value is None else bool(value) for value in values])
    if column in SIGNED:
        return pa.array(values, pa.int64())
    unsigned = [value % 2**64 if isinstance(value, int) else None for value in values]
    return pa.array(unsigned, pa.uint64())
