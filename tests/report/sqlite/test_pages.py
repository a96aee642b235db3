"""Reading integers from a SQLite file's own pages: what SQLite says, or not at all."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_reports import real_reports

from nsysgap.report.reads import ROWID, OneOf, Read
from nsysgap.report.sqlite.page_columns import plain_table
from nsysgap.report.sqlite.pages import PageFile, TablePages
from nsysgap.report.sqlite.records import UnusualPagesError
from nsysgap.report.sqlite.source import SqliteSource

NULL = -77
Rows = Sequence[tuple[Any, ...]]


def make(folder: Path, rows: Rows, *, columns: str = "a, b", page_size: int = 512, after: str = "") -> Path:
    """A file with a table T of these rows."""
    path = folder / "t.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"CREATE TABLE T ({columns})")
        connection.execute("BEGIN")
        marks = ", ".join("?" for _ in (rows[0] if rows else ()))
        connection.executemany(f"INSERT INTO T VALUES ({marks})", rows)
        connection.execute("COMMIT")
        connection.executescript(after)
    return path


def from_pages(path: Path, *names: str, where: OneOf | None = None, parts: int = 1) -> list[list[int]] | None:
    """The columns read from the pages; None where that is left to SQL."""
    with closing(SqliteSource(path, path)) as source:
        plain = plain_table(source, "T", [Read(name, name, NULL) for name in names], where)
    if plain is None:
        return None
    with closing(sqlite3.connect(path)) as connection:
        low, high = connection.execute("SELECT min(rowid), max(rowid) FROM T").fetchone()
    edges = [low + (high + 1 - low) * i // parts for i in range(parts + 1)]
    try:
        found = plain.read(edges, lambda: len(by_sqlite(path, *names)[0]), lambda _: None)
    except UnusualPagesError:
        return None
    return [found[name].tolist() for name in names]


def by_sqlite(path: Path, *names: str, where: str = "1") -> list[list[int]]:
    """The same as SQLite reads it."""
    wanted = ", ".join(f"ifnull({name}, {NULL})" for name in names)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"SELECT {wanted} FROM T WHERE {where} ORDER BY rowid").fetchall()
    return [[row[i] for row in rows] for i in range(len(names))]


WIDTHS = [
    0,
    1,
    -1,
    127,
    -128,
    128,
    2**15,
    -(2**15) - 1,
    2**23,
    -(2**23) - 1,
    2**31,
    2**47,
    -(2**47) - 1,
    2**63 - 1,
    -(2**63),
]


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_integers_of_every_width_in_trees_of_every_depth(tmp_path: Path, page_size: int) -> None:
    rows = [(WIDTHS[i % len(WIDTHS)], i, None if i % 4 else -i) for i in range(9_000)]
    path = make(tmp_path, rows, columns="a, b, c", page_size=page_size)
    assert from_pages(path, "a", "b", "c", ROWID, parts=3) == by_sqlite(path, "a", "b", "c", "rowid")


def test_texts_floats_and_blobs_between_are_passed_over(tmp_path: Path) -> None:
    between = [None, "", "text", "x" * 57, "x" * 100, b"\x00\xff", 1.5, 7]
    path = make(tmp_path, [(i, between[i % len(between)], -i) for i in range(500)], columns="a, b, c", page_size=1024)
    assert from_pages(path, "a", "c") == by_sqlite(path, "a", "c")


@pytest.mark.parametrize("deleted", ["rowid % 3 = 0", "rowid BETWEEN 100 AND 900", "rowid > 990"])
def test_rows_that_were_deleted_and_written_over(tmp_path: Path, deleted: str) -> None:
    after = f"DELETE FROM T WHERE {deleted}; UPDATE T SET a = a * 1000000 WHERE rowid % 7 = 1;"
    path = make(tmp_path, [(i, i) for i in range(1_000)], after=after)
    assert from_pages(path, "a", "b", ROWID, parts=2) == by_sqlite(path, "a", "b", "rowid")


def test_only_rows_with_one_of_some_values(tmp_path: Path) -> None:
    path = make(tmp_path, [(i, None if i % 5 == 0 else i % 5) for i in range(1_000)])
    where = OneOf("b", (0, 1, 3))
    assert from_pages(path, "a", where=where, parts=3) == by_sqlite(path, "a", where="b IN (0, 1, 3)")


@pytest.mark.parametrize(
    ("columns", "row", "after"),
    [
        ("a INTEGER PRIMARY KEY, b", (1, 2), ""),  # the value is the rowid, the row holds NULL
        ("a, b, PRIMARY KEY (a)", (1, 2), "CREATE TABLE U (a); DROP TABLE U;"),
        ("a, b", (1, 2), "ALTER TABLE T ADD COLUMN c DEFAULT 5; INSERT INTO T VALUES (3, 4, 6);"),
        ("a, b", (1, 2), "ALTER TABLE T ADD COLUMN c DEFAULT 5;"),
        ("a, b, c AS (a + b)", (1, 2), ""),
        ("a, b, c", (1, 2, "x" * 10_000), ""),  # goes on in overflow pages
        ("a, b", (1.5, 2), ""),
        ("a, b", ("1", 2), ""),
    ],
    ids=["rowid alias", "key", "added column", "column that no row has", "generated", "overflow", "float", "text"],
)
def test_what_is_not_plain_is_left_to_sqlite(tmp_path: Path, columns: str, row: tuple[Any, ...], after: str) -> None:
    marks = columns.replace(", c AS (a + b)", "")
    path = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE T ({columns})")
        names = ", ".join(part.split()[0] for part in marks.split(", ") if not part.startswith("PRIMARY"))
        connection.execute(f"INSERT INTO T ({names}) VALUES ({', '.join('?' for _ in row)})", row)
        connection.executescript(after)
    wanted = ["a", "b", "c"] if "ALTER" in after else ["a", "b"]
    assert from_pages(path, *wanted) is None


@pytest.mark.parametrize("rowid", [-5, -(2**40), -(2**63), 2**62, 2**63 - 1])
def test_numbers_of_rows_of_every_length(tmp_path: Path, rowid: int) -> None:
    path = make(tmp_path, [(1, 2)], after=f"DELETE FROM T; INSERT INTO T (rowid, a, b) VALUES ({rowid}, 3, 4);")
    assert from_pages(path, "a", "b", ROWID) == [[3], [4], [rowid]]


def test_a_table_without_rowid_and_a_view(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE S (a, b, k INTEGER PRIMARY KEY) WITHOUT ROWID")
        connection.execute("INSERT INTO S VALUES (1, 2, 3)")
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'S'").fetchone()[0]
        connection.execute("CREATE VIEW T AS SELECT a, b FROM S")
        connection.commit()
    file = PageFile.of(path)
    with file.opened() as descriptor, pytest.raises(UnusualPagesError):
        list(TablePages(file, root, {0: 0}).chunks(descriptor, file.leaves(descriptor, root)))
    with closing(SqliteSource(path, path)) as source:
        assert "T" not in source.catalog


VALUE = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300))
OTHER = st.one_of(VALUE, st.text(max_size=80), st.binary(max_size=80), st.floats())


@settings(max_examples=examples(80), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(VALUE, OTHER, VALUE), min_size=1, max_size=120),
    page_size=st.sampled_from([512, 1024, 4096]),
    parts=st.integers(1, 4),
)
def test_any_table(tmp_path_factory: pytest.TempPathFactory, rows: Rows, page_size: int, parts: int) -> None:
    path = make(tmp_path_factory.getbasetemp(), rows, columns="a, b, c", page_size=page_size)
    assert from_pages(path, "a", "c", ROWID, parts=parts) == by_sqlite(path, "a", "c", "rowid")


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_file_gives_what_sqlite_gives_or_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = make(tmp_path, [(i, chance.choice(WIDTHS)) for i in range(2_000)])
    with PageFile.of(path).opened() as descriptor:
        pages = PageFile.of(path).leaves(descriptor, 2).tolist()
    data = bytearray(path.read_bytes())
    for page in chance.sample([2, *pages], 5):
        begin = (page - 1) * 512
        # Where SQLite looks itself: the page's header, the cells' places, the first cells.
        data[begin + chance.choice([0, 3, 4, *range(8, 40), *range(400, 512)])] = chance.randrange(256)
    path.write_bytes(data)
    try:
        expected = by_sqlite(path, "a", "b")
    except sqlite3.DatabaseError:
        expected = None
    found = from_damaged(path)
    if found is not None and expected is not None:
        assert found == expected


@pytest.mark.parametrize(
    ("row", "header", "damaged"),
    [
        ((1, 5, 7), b"\x04\x09\x01\x01", b"\x04\x0a\x01\x01"),  # a type that SQLite keeps for itself
        ((1, 1, 1), b"\x04\x09\x09\x09", b"\x04\x06\x06\x06"),  # eight bytes each, of which the records have none
    ],
)
def test_rows_that_are_all_damaged_alike(tmp_path: Path, row: tuple[int, ...], header: bytes, damaged: bytes) -> None:
    path = make(tmp_path, [row] * 20, columns="a, b, c")
    assert from_damaged(path, (1,)) == [[row[1]] * 20]
    data = path.read_bytes()
    assert data.count(header) == 20
    path.write_bytes(data.replace(header, damaged))
    assert from_damaged(path, (1,)) is None


def from_damaged(path: Path, columns: tuple[int, ...] = (0, 1)) -> list[list[int]] | None:
    file = PageFile.of(path)
    try:
        with file.opened() as descriptor:
            chunks = list(
                TablePages(file, 2, dict.fromkeys(columns, NULL)).chunks(descriptor, file.leaves(descriptor, 2))
            )
    except UnusualPagesError:
        return None
    return [np.concatenate([values[column] for _, values in chunks]).tolist() for column in columns]


@pytest.mark.parametrize("name", [path.name.removesuffix(".sqlite.xz") for path in real_reports()] or ["proto_naive"])
def test_every_table_of_a_real_report(name: str, real_report: Callable[[str], Path]) -> None:
    path = real_report(name)
    file = PageFile.of(path)
    read = 0
    with closing(sqlite3.connect(path)) as connection, file.opened() as descriptor:
        tables = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
        for table, root in tables:
            layout = connection.execute(f'SELECT cid, name, type, pk FROM pragma_table_xinfo("{table}")').fetchall()
            integers = {cid: column for cid, column, kind, key in layout if "INT" in kind.upper() and not key}
            pages = TablePages(file, root, dict.fromkeys(integers, NULL))
            try:
                chunks = list(pages.chunks(descriptor, file.leaves(descriptor, root)))
            except UnusualPagesError:
                continue
            wanted = ", ".join(["rowid", *(f'ifnull("{column}", {NULL})' for column in integers.values())])
            rows = connection.execute(f'SELECT {wanted} FROM "{table}" ORDER BY rowid').fetchall()
            found = [np.concatenate([rowids for rowids, _ in chunks]).tolist() if chunks else []]
            found += [np.concatenate([values[c] for _, values in chunks]).tolist() if chunks else [] for c in integers]
            assert found == [[row[i] for row in rows] for i in range(len(integers) + 1)], table
            read += bool(rows) and table.startswith(("CUPTI", "OSRT", "NVTX"))
    assert read or "nocuda" in name
