"""The decoder of SQLite's pages against SQLite itself, led by coverage: needs `pip install atheris`.

    PYTHONPATH=tests:. python tests/fuzz/pages_atheris.py CORPUS -max_total_time=3600

An input is a list of (place, byte) changes to a small file with a table of two levels, so that no byte is spent on what
SQLite refuses at once. CORPUS is a folder that grows; a finding ends the run with the input that made it.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nsysgap.report.sqlite"]):
    from nsysgap.errors import NsysgapError
    from nsysgap.report.reads import Read
    from nsysgap.report.sqlite.source import SqliteSource

PAGE, ROWS, NULL = 512, 400, -77
CHANGE_BYTES = 4
VALUES = (0, 1, -1, 127, 2**15, -(2**23) - 1, 2**31, 2**47, 2**63 - 1, None)
FOLDER = tempfile.TemporaryDirectory()
PATH = Path(FOLDER.name) / "t.sqlite"


def whole() -> bytes:
    """The file, before it is changed."""
    with closing(sqlite3.connect(PATH, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("CREATE TABLE T (a INTEGER, b INTEGER, c TEXT, d INTEGER)")
        connection.execute("BEGIN")
        rows = [(i, VALUES[i % len(VALUES)], "text"[: i % 5] * (1 + 99 * (i % 40 == 0)), i % 3) for i in range(ROWS)]
        connection.executemany("INSERT INTO T VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    return PATH.read_bytes()


WHOLE = whole()


def one_input(data: bytes) -> None:
    """Change the file as the input says; what is read must be what SQLite reads."""
    changed = bytearray(WHOLE)
    for begin in range(0, len(data) - CHANGE_BYTES + 1, CHANGE_BYTES):
        place = int.from_bytes(data[begin : begin + 3], "little") % (len(changed) - PAGE)
        changed[PAGE + place] = data[
            begin + 3
        ]  # the first page has the names: what a table is called is another matter
    PATH.write_bytes(changed)
    try:
        with closing(SqliteSource(PATH, PATH)) as source:
            found = source.columns("T", [Read(name, name, NULL) for name in "abd"])
    except NsysgapError:
        return
    try:
        with closing(sqlite3.connect(PATH)) as connection:
            connection.text_factory = bytes
            expected = connection.execute("SELECT a, b, d FROM T").fetchall()
    except (sqlite3.Error, MemoryError) as error:
        raise AssertionError(f"read, where SQLite refuses: {error}") from None
    rows = [tuple(NULL if value is None else value for value in row) for row in expected]
    assert list(zip(*(found[name].tolist() for name in "abd"), strict=True)) == rows


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
