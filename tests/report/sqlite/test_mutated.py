"""Tables with some bytes changed: read as SQLite reads them, by pages and by SQL, or refused. Never another row."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nsysgap.errors import NsysgapError
from nsysgap.report.reads import OneOf, Read
from nsysgap.report.sqlite import columns
from nsysgap.report.sqlite.pages import PageFile
from nsysgap.report.sqlite.source import SqliteSource

NULL = -77
MUTATED = int(os.environ.get("NSYSGAP_MUTATED_TABLES", "300"))  # 20,000 take some ten minutes
PAGE = 512
VALUES = [0, 1, -1, 127, 2**15, -(2**23) - 1, 2**31, 2**47, 2**63 - 1, None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    """The bytes of a file with a table T of two levels of inner pages, and the numbers of the table's pages."""
    path = tmp_path_factory.mktemp("whole") / "t.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("CREATE TABLE T (a INTEGER, b INTEGER, c TEXT, d INTEGER)")
        rows = [(i, VALUES[i % len(VALUES)], "text"[: i % 5], i % 3) for i in range(1_500)]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO T VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    file = PageFile.of(path)
    with file.opened() as descriptor:
        pages = [2, *file.leaves(descriptor, 2).tolist()]
    return path.read_bytes(), pages


def mutated(whole: tuple[bytes, list[int]], chance: random.Random) -> bytes:
    """One to three bytes changed, mostly where the tree and the rows' shapes are kept."""
    data, pages = bytearray(whole[0]), whole[1]
    inner = [page for page in range(2, len(data) // PAGE + 1) if page not in set(pages) or page == 2]
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        begin = (chance.choice(chance.choice([pages, inner])) - 1) * PAGE
        place = chance.choice([chance.randrange(12), chance.randrange(12, 60), chance.randrange(PAGE)])
        flipped = data[begin + place] ^ (1 << chance.randrange(8))
        data[begin + place] = chance.choice([chance.randrange(256), flipped, 0])
    return bytes(data)


def by_sqlite(path: Path, where: str) -> list[tuple[Any, ...]] | None:
    """The rows as SQLite scans them; None where it refuses."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.text_factory = bytes
            return connection.execute(f"SELECT a, b, d FROM T WHERE {where}").fetchall()
    except (sqlite3.Error, MemoryError):
        return None


@pytest.mark.parametrize("way", ["pages", "SQL"])
@pytest.mark.parametrize("where", [None, OneOf("d", (0, 2))])
def test_no_other_row_than_sqlite_reads(
    whole: tuple[bytes, list[int]], tmp_path: Path, way: str, where: OneOf | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "SQL":
        monkeypatch.setattr(columns, "plain_table", lambda *_: None)
    monkeypatch.setattr(columns, "PARALLEL_ROWS", 400)
    monkeypatch.setattr(columns, "usable_cores", lambda: 3)
    chance = random.Random(f"{way} {where}")
    path = tmp_path / "t.sqlite"
    read = 0
    for number in range(MUTATED // 4):
        path.write_bytes(mutated(whole, chance))
        expected = by_sqlite(path, "d IN (0, 2)" if where else "1")
        try:
            with closing(SqliteSource(path, path)) as source:
                found = source.columns("T", [Read(name, name, NULL) for name in "abd"], where)
        except NsysgapError:
            continue
        assert expected is not None, f"number {number} is read, where SQLite refuses"
        rows = [tuple(NULL if value is None else value for value in row) for row in expected]
        assert list(zip(*(found[name].tolist() for name in "abd"), strict=True)) == rows, f"number {number}"
        read += 1
    assert read > MUTATED // 40
