"""Damaged and hostile reports: the rows that SQLite reads, or a sentence. By hand here, and as they were once found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command_line import run
from real_reports import case_report
from report_builder import KERNEL, ReportBuilder

from nsysgap.report import diagnostics, open_source, read_trace
from nsysgap.report.sqlite import columns
from nsysgap.report.sqlite.pages import PageFile

ROWS = 400
HELD = {  # as found; None: read, what is wrong with it left out or replaced
    "rowid-bitflip": "the rows of CUPTI_ACTIVITY_KIND_KERNEL are out of order",
    "child-pointer": "are out of order",
    "empty-leaf": "is damaged",
    "broadcast": "are out of order",
    "terminal-escape": None,
    "nvtx-blob-start-null": None,
    "deep-stack": None,
    "diagnostic-redos": None,
    "time-overflow": None,
    "time-overflow-index": None,
    "time-overflow-chrome": None,
    "graphs-overflow": None,
    "rowid-column": None,
    "rowid-column-int": None,
    "view-table": "is a view, where nsys writes a table",
    "comma-text": "holds values that are no integers",
    "csv-large-id": None,
    "scrub-trigger": None,
}
COMMANDS = (
    *("gaps --format json --top all", "gaps --format csv --top all", "info", "launches", "graphs"),
    *("stacks --format collapsed", "to-chrome -o out.json --force", "timeline -o out.html --force"),
    "scrub -o out.sqlite --force",
)


def some(folder: Path) -> Path:
    report = ReportBuilder().versions().gpu(0, "GPU")
    for step in range(ROWS):
        report.launch((100 * step, 100 * step + 10), (100 * step + 20, 100 * step + 60))
    return report.save(folder)


def kernel_pages(path: Path) -> tuple[int, list[int], int]:
    """(the root page of the kernels' table, its leaves, the size of a page)."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (KERNEL,)).fetchone()
    file = PageFile.of(path)
    with file.opened() as descriptor:
        return root, file.leaves(descriptor, root).tolist(), file.size


def number(data: bytearray, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")


def flip_a_rowid(data: bytearray, _: int, leaf: int) -> None:
    cell = leaf + number(data, leaf + 8 + 2 * 5)
    data[cell + 1 + (data[cell] >= 128)] ^= 0x41


def lead_to_another_leaf(data: bytearray, root: int, _: int) -> None:
    first, second = (root + number(data, root + 12 + 2 * i) for i in (0, 1))
    data[first : first + 4] = data[second : second + 4]


def empty_a_leaf(data: bytearray, _: int, leaf: int) -> None:
    data[leaf + 3 : leaf + 5] = b"\0\0"


def count_too_many(data: bytearray, _: int, leaf: int) -> None:
    data[leaf + 4] += 2


def no_cells_in_the_root(data: bytearray, root: int, _: int) -> None:
    data[root + 3 : root + 5] = b"\0\0"


def a_type_beyond_the_header(data: bytearray, _: int, leaf: int) -> None:
    cell = leaf + number(data, leaf + 8)
    record = cell + 2 + (data[cell] >= 128)
    data[record + data[record] - 1] |= 0x80


@pytest.mark.parametrize("way", ["pages", "SQL"])
@pytest.mark.parametrize(
    "change",
    [flip_a_rowid, lead_to_another_leaf, empty_a_leaf, count_too_many, no_cells_in_the_root, a_type_beyond_the_header],
)
def test_a_damaged_tree_is_told(
    tmp_path: Path, change: Callable[[bytearray, int, int], None], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "SQL":
        monkeypatch.setattr(columns, "plain_table", lambda *_: None)
    path = some(tmp_path)
    root, leaves, size = kernel_pages(path)
    assert len(leaves) > 3
    data = bytearray(path.read_bytes())
    change(data, (root - 1) * size, (leaves[1] - 1) * size)
    path.write_bytes(data)
    done = run("gaps", path)
    assert done.returncode == 1
    assert "is damaged" in done.stderr


def changed(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


@pytest.mark.parametrize("way", ["pages", "SQL"])
@pytest.mark.parametrize("kind", ["TEXT", "INTEGER"])
def test_a_column_called_rowid(tmp_path: Path, way: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "SQL":
        monkeypatch.setattr(columns, "plain_table", lambda *_: None)
    path = changed(some(tmp_path), f'ALTER TABLE {KERNEL} ADD COLUMN "rowid" {kind}', f"UPDATE {KERNEL} SET rowid = 7")
    with open_source(path) as source:
        assert read_trace(source).ops.rows == ROWS


def test_all_names_of_row_numbers_taken(tmp_path: Path) -> None:
    path = changed(some(tmp_path), *(f"ALTER TABLE {KERNEL} ADD COLUMN {name}" for name in ("rowid", "oid", "_rowid_")))
    assert "hide its rowids" in run("gaps", path).stderr


def test_a_view_in_the_place_of_a_table(tmp_path: Path) -> None:
    path = changed(
        some(tmp_path), f"ALTER TABLE {KERNEL} RENAME TO other", f"CREATE VIEW {KERNEL} AS SELECT * FROM other"
    )
    assert "is a view, where nsys writes a table" in run("gaps", path).stderr


def test_a_name_of_a_table_in_small_letters(tmp_path: Path) -> None:
    path = changed(
        some(tmp_path), f"ALTER TABLE {KERNEL} RENAME TO other", f"ALTER TABLE other RENAME TO {KERNEL.lower()}"
    )
    with open_source(path) as source:
        trace = read_trace(source)
    assert trace.ops.rows == ROWS
    assert KERNEL in trace.tables_present


def test_a_text_with_a_comma_is_no_two_numbers(tmp_path: Path) -> None:
    path = changed(some(tmp_path), f"UPDATE {KERNEL} SET streamId = '7,8' WHERE rowid = 3")
    changed(path, f"UPDATE {KERNEL} SET streamId = NULL WHERE rowid = 4")
    assert "holds values that are no integers" in run("gaps", path).stderr


@pytest.mark.parametrize(("start", "end"), [(-(2**63) + 1, 50), (50, 2**63 - 2), (2**62, 2**62 + 5)])
def test_times_that_cannot_be(tmp_path: Path, start: int, end: int) -> None:
    path = changed(some(tmp_path), f"UPDATE {KERNEL} SET start = {start}, end = {end} WHERE rowid = 3")
    with open_source(path) as source:
        trace = read_trace(source)
    assert trace.ops.rows == ROWS - 1
    assert any("1 row of CUPTI_ACTIVITY_KIND_KERNEL has an impossible time" in one.text for one in trace.warnings)
    (device,) = json.loads(run("gaps", path, "--format", "json").stdout)["devices"]
    assert device["window_ns"] == [20, 100 * (ROWS - 1) + 60]


def test_ids_beyond_what_a_float_holds_stay_exact(tmp_path: Path) -> None:
    largest = 2**63 - 1
    path = changed(some(tmp_path), f"UPDATE {KERNEL} SET graphNodeId = {largest} WHERE rowid = 200")
    assert str(largest) in run("gaps", path, "--format", "csv", "--top", "all").stdout
    assert run("gaps", path, "--top", "all", "-o", tmp_path / "a.parquet").returncode == 0


def test_a_trigger_does_not_run_while_scrubbing(tmp_path: Path) -> None:
    report = ReportBuilder().versions().gpu(0, "GPU").launch((0, 1), (5, 10))
    report.row("TARGET_INFO_SYSTEM_ENV", name="DeviceEnvironment", value="TOKEN=secret;RANK=3")
    path = changed(
        report.save(tmp_path),
        "CREATE TABLE MY_EVENTS (start, text)",
        "CREATE TRIGGER keep BEFORE DELETE ON TARGET_INFO_SYSTEM_ENV "
        "BEGIN INSERT INTO MY_EVENTS VALUES (1, OLD.value); END",
        "CREATE TRIGGER keep_too BEFORE UPDATE ON TARGET_INFO_SYSTEM_ENV "
        "BEGIN INSERT INTO MY_EVENTS VALUES (1, OLD.value); END",
    )
    done = run("scrub", path, "-o", tmp_path / "out.sqlite")
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert "removed: 2 triggers, which nsys does not write" in said
    assert "kept: RANK=3 of the environment, which name nobody" in said
    assert b"secret" not in (tmp_path / "out.sqlite").read_bytes()


@pytest.mark.parametrize("text", ["event ", "lost ", "CUPTI ", "dropped", "events word word "])
def test_long_diagnostics_end(text: str) -> None:
    """Texts that the expressions nearly match from every word on: hours, where each looks as far as the text's end."""
    assert diagnostics.level_of("note", text * 100_000) == ""
    assert diagnostics.level_of("note", "some events were lost") == diagnostics.level_of("note", "events lost")


def test_thousands_of_diagnostics_are_counted(tmp_path: Path) -> None:
    report = ReportBuilder().versions().gpu(0, "GPU").launch((0, 1), (5, 10))
    for event in range(5_000):
        report.diagnostic(3, f"{event} CUDA events lost" if event % 2 else f"error {event}")
    said = [one.text for one in report.trace(tmp_path).warnings]
    assert [one for one in said if "more of this kind" in one] == [
        "nsys says 2,480 more of this kind: nsysgap info lists them."
    ] * 2
    assert len(run("gaps", tmp_path / "report.sqlite").stdout) < 5_000


@pytest.mark.parametrize("name", HELD)
def test_a_report_as_it_was_found(tmp_path: Path, name: str) -> None:
    path = case_report(f"damaged/{name}", tmp_path)
    for command in COMMANDS:
        done = run(*command.split()[:1], path, *command.split()[1:], cwd=tmp_path)
        assert done.returncode in (0, 1), (command, done.stderr)
        assert "\x1b" not in done.stderr
        if command.startswith("gaps") and (sentence := HELD[name]):
            assert done.returncode == 1
            assert sentence in done.stderr
