"""The columnar read: every value of every row, whatever is mixed in and however many threads read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsysgap.errors import NsysgapError
from nsysgap.report import open_source
from nsysgap.report.reads import ROWID, Absent, Condition, NoneOf, OneOf, Present, Read
from nsysgap.report.sqlite import columns, pages, sql_columns

BIG = 2**63 - 1
Rows = Sequence[tuple[Any, ...]]
A, B = Read("a", "a", default=-7), Read("b", "b")


def table(folder: Path, rows: Rows, rowids: Sequence[int] | None = None) -> Path:
    """A table T (a, b), by default with rowids from 1."""
    path = folder / "t.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE T (a, b)")
        numbered = zip(rowids or range(1, len(rows) + 1), rows, strict=True)
        values = [(rowid, *row) for rowid, row in numbered]
        connection.executemany("INSERT INTO T (rowid, a, b) VALUES (?, ?, ?)", values)
        connection.commit()
    return path


def read(path: Path, *reads: Read, where: Condition | None = None) -> list[list[int]]:
    with open_source(path) as source:
        found = source.columns("T", reads or (A, B), where)
    return [array.tolist() for array in found.values()]


@pytest.fixture(
    params=[(8192, 1 << 20, 100_000), (4, 1 << 20, 100_000), (4, 1, 10)],
    ids=["one chunk", "many chunks", "many threads"],
)
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tables in one chunk, in several, and by several threads."""
    rows, page_bytes, parallel = request.param
    monkeypatch.setattr(sql_columns, "CHUNK_ROWS", rows)
    monkeypatch.setattr(pages, "CHUNK_BYTES", page_bytes)
    monkeypatch.setattr(columns, "PARALLEL_ROWS", parallel)
    monkeypatch.setattr(columns, "usable_cores", lambda: 4)


@pytest.fixture(params=["pages", "SQL"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tables from their pages, where these are plain, and by SQL alone."""
    if request.param == "SQL":
        monkeypatch.setattr(columns, "plain_table", lambda *_: None)


@pytest.mark.usefixtures("sizes", "way")
class TestEveryWay:
    """Whatever the sizes of chunks and the number of threads."""

    def test_order_of_rowids(self, tmp_path: Path) -> None:
        rows = [(i, -i) for i in range(50)]
        assert read(table(tmp_path, rows)) == [list(range(50)), [-i for i in range(50)]]

    def test_nulls_mixed_in_take_their_default(self, tmp_path: Path) -> None:
        rows = [(None if i % 3 else i, None if i % 5 == 0 else i) for i in range(50)]
        assert read(table(tmp_path, rows)) == [
            [-7 if i % 3 else i for i in range(50)],
            [0 if i % 5 == 0 else i for i in range(50)],
        ]

    def test_a_column_of_nulls(self, tmp_path: Path) -> None:
        assert read(table(tmp_path, [(None, i) for i in range(50)])) == [[-7] * 50, list(range(50))]

    def test_a_null_late_in_the_table(self, tmp_path: Path) -> None:
        rows = [(i, i) for i in range(49)] + [(None, 49)]
        assert read(table(tmp_path, rows))[0] == [*range(49), -7]

    def test_holes_in_the_rowids(self, tmp_path: Path) -> None:
        rowids = [3, 4, 90, 91, 300, 301, 302, 999]
        rows = [(i, i * i) for i in range(8)]
        assert read(table(tmp_path, rows, rowids)) == [list(range(8)), [i * i for i in range(8)]]

    def test_negative_rowids(self, tmp_path: Path) -> None:
        assert read(table(tmp_path, [(1, 2), (3, 4), (5, 6)], [-40, 0, 40])) == [[1, 3, 5], [2, 4, 6]]

    def test_a_filter(self, tmp_path: Path) -> None:
        rows = [(i, i % 7) for i in range(50)]
        path = table(tmp_path, rows)
        assert read(path, A, where=OneOf("b", (0, 1)))[0] == [i for i in range(50) if i % 7 < 2]
        assert read(path, where=OneOf("b", (99,))) == [[], []]
        assert read(path, A, where=NoneOf("b", (0, 1, 2, 3)))[0] == [i for i in range(50) if i % 7 > 3]
        assert read(path, A, where=Present("b"))[0] == list(range(50))
        assert read(path, A, where=Absent("b"))[0] == []
        assert read(path, A, where=OneOf("c", (0,)))[0] == []
        assert read(path, A, where=Absent("c"))[0] == list(range(50))

    def test_values_beyond_int32(self, tmp_path: Path) -> None:
        rows = [(BIG - i, -BIG - 1 + i) for i in range(50)]
        assert read(table(tmp_path, rows)) == [[BIG - i for i in range(50)], [-BIG - 1 + i for i in range(50)]]

    @pytest.mark.parametrize("value", [1.5, "text", "1,2", "", b"\x00", 1e300])
    def test_values_that_are_no_integers(self, tmp_path: Path, value: object) -> None:
        path = table(tmp_path, [(i, i) for i in range(49)] + [(value, 49)])
        with pytest.raises(NsysgapError, match="is damaged: its table T holds values that are no integers"):
            read(path)


@pytest.mark.parametrize("value", [2**32, -(2**31) - 1, 2**62])
def test_numbers_that_32_bits_cannot_hold(tmp_path: Path, value: int) -> None:
    """Never another number: refused, or what stands for them."""
    path = table(tmp_path, [(1, 0), (2**32 - 1, 0), (-(2**31), 0), (value, 0)])
    with pytest.raises(NsysgapError, match=r"is damaged: its table T holds an impossible number \(a\)"):
        read(path, Read("a", "a", 0, "int32"))
    assert read(path, Read("a", "a", 0, "int32", too_large=77)) == [[1, -1, -(2**31), 77]]


def test_an_empty_table(tmp_path: Path) -> None:
    assert read(table(tmp_path, [])) == [[], []]


@pytest.mark.usefixtures("way")
def test_dtypes_rowids_and_columns_that_are_not_there(tmp_path: Path) -> None:
    path = table(tmp_path, [(1, 2), (None, 5), (3, None)], [4, 5, 9])
    with open_source(path) as source:
        reads = [Read("a", "a", -1, "int32"), Read("flag", "b", 0, "bool"), Read("constant", "c", 9, "int8")]
        found = source.columns("T", [*reads, Read("row", ROWID)])
    assert {name: (array.dtype.name, array.tolist()) for name, array in found.items()} == {
        "a": ("int32", [1, -1, 3]),
        "flag": ("bool", [True, True, False]),
        "constant": ("int8", [9, 9, 9]),
        "row": ("int64", [4, 5, 9]),
    }


def test_scattered_rowids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NsysgapError, match="is damaged: the rowids of T are scattered"):
        read(table(tmp_path, [(1, 1), (2, 2)], [1, 10**12]))


def test_progress_counts_every_rowid_once(tmp_path: Path) -> None:
    path = table(tmp_path, [(i, i) for i in range(20_000)])
    done: list[int] = []
    with open_source(path) as source:
        source.columns("T", [A], progress=done.append)
    assert sum(done) == 20_000


VALUE = st.one_of(st.none(), st.integers(-BIG - 1, BIG))


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(VALUE, VALUE), max_size=40), gaps=st.lists(st.integers(1, 30), min_size=40, max_size=40))
def test_any_table(
    tmp_path_factory: pytest.TempPathFactory, sizes: None, way: None, rows: Rows, gaps: list[int]
) -> None:
    rowids = [sum(gaps[: i + 1]) for i in range(len(rows))]
    assert read(table(tmp_path_factory.getbasetemp(), rows, rowids or None)) == [
        [-7 if a is None else a for a, _ in rows],
        [0 if b is None else b for _, b in rows],
    ]
