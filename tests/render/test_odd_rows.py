"""Rows that viewers drop, misplace or mix up unless they are written with care; each read back from both formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from perfetto_reader import Engine, Reader
from report_builder import ReportBuilder
from trace_files import write

SLICES = """SELECT slice.name, category, ts, dur, depth, ifnull(thread.name, track.name) AS track,
ifnull(process.name, parent.name) AS owner FROM slice JOIN track ON track.id = slice.track_id
LEFT JOIN track AS parent ON parent.id = track.parent_id LEFT JOIN thread_track ON thread_track.id = track.id
LEFT JOIN thread USING (utid) LEFT JOIN process USING (upid) WHERE category IS NOT NULL ORDER BY ts, dur DESC"""
ARROWS = """SELECT a.name AS begins, b.name AS ends, a.ts AS left, b.ts AS reached
FROM flow JOIN slice AS a ON a.id = slice_out JOIN slice AS b ON b.id = slice_in ORDER BY a.ts, b.ts"""
Row = dict[str, Any]


class Readers:
    """The same report through both formats, one after the other: the trace processor holds one trace."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.count = engine, folder, 0

    def __call__(self, report: ReportBuilder, **options: Any) -> Iterator[Reader]:
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        path = report.save(folder)
        for form in ("json", "pftrace"):
            with self.engine.open(write(path, folder / f"trace.{form}", **options)) as reader:
                assert reader.losses() == []
                yield reader


@pytest.fixture
def through_both(tmp_path: Path, perfetto: Engine) -> Callable[..., Iterator[Reader]]:
    return Readers(perfetto, tmp_path)


def rows(reader: Reader, *columns: str, category: str = "") -> list[tuple[Any, ...]]:
    wanted = [row for row in reader.rows(SLICES) if category in (row["category"] or "")]
    return [tuple(row[column] for column in columns) for row in wanted]


NAMES = {
    "backslash": (r"C:\new\table", "C:\uff3cnew\uff3ctable"),
    "quote": ('say "hi"', 'say "hi"'),
    "backslash and quote": (r"\"", '\uff3c"'),
    "newline": ("two\nlines", "two␊lines"),
    "control characters": ("a\x1b[31m\x01\x7fb", "a␛[31m␁\ufffdb"),
    "emoji": ("\N{ROCKET} launch", "\N{ROCKET} launch"),
    "emoji and quote": ('"\N{ROCKET}"', '"\N{ROCKET}"'),
    "invalid UTF-8": (b"caf\xe9", "caf\ufffd"),
    "nothing": ("", "[No name]"),
    "script": ("</script><b>", "</script><b>"),
}


def test_names_with_backslashes_quotes_newlines_control_characters_emoji_and_invalid_utf8(
    through_both: Callable[..., Iterator[Reader]],
) -> None:
    report = ReportBuilder()
    for i, (name, _) in enumerate(NAMES.values()):
        report.row(
            "NVTX_EVENTS", start=i * 10, end=i * 10 + 5, eventType=59, text=name, globalTid=1 << 48 | 1 << 24 | 1
        )
    as_json, as_pftrace = ([name for (name,) in rows(reader, "name")] for reader in through_both(report))
    assert as_json == [shown for _, shown in NAMES.values()]
    exact = [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name, _ in NAMES.values()]
    assert as_pftrace == exact


def test_open_ranges_end_with_the_trace(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().nvtx(5, None, "open").nvtx(10, 20, "inside").call(30, 50)
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "dur", "depth", category="user") == [
            ("open", 5, 45, 0),
            ("inside", 10, 10, 1),
        ]


def test_unordered_ranges_that_cross_and_ranges_that_end_on_other_threads(
    through_both: Callable[..., Iterator[Reader]],
) -> None:
    report = ReportBuilder().nvtx(30, 60, "late").nvtx(10, 50, "early")
    report.nvtx(40, 70, "moving", event_type=60, endGlobalTid=1 << 48 | 1 << 24 | 2).nvtx(
        65, 80, "second", event_type=60
    )
    report.thread(1, 1, "main").osrt(0, 1, tid=2)
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "dur", "track", category="user") == [
            ("early", 10, 40, "main"),
            ("late", 30, 30, "main (2)"),
            ("moving", 40, 30, "main NVTX start/end"),
            ("second", 65, 15, "main NVTX start/end (2)"),
        ]


def test_calls_that_overlap_on_one_thread_and_calls_that_nest(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().call(0, 100, 1, "cudaA").call(10, 20, 2, "cuB").call(50, 120, 3, "cudaC")
    report.call(20, 30, 4, "cudaD").call(100, 110, 5, "cudaE")
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "dur", "depth") == [
            ("cudaA", 0, 100, 0),
            ("cuB", 10, 10, 1),
            ("cudaD", 20, 10, 1),
            ("cudaC", 50, 70, 0),
            ("cudaE", 100, 10, 0),
        ]


def test_zero_length_rows_and_rows_that_begin_together(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().call(10, 40, 1, "cudaLaunchKernel").call(10, 20, 2, "cuInner").call(10, 10, 3, "cuNothing")
    report.nvtx(10, 50, "outer").nvtx(10, 30, "range").kernel(60, 60, 1, "short").kernel(60, 70, 0, "long")
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "dur", "depth", category="u") == [
            ("outer", 10, 40, 0),
            ("cudaLaunchKernel", 10, 30, 1),
            ("range", 10, 20, 2),
            ("cuInner", 10, 10, 3),
            ("cuNothing", 10, 0, 4),
            ("outer", 60, 0, 0),
            ("range", 60, 0, 1),
        ]
        assert rows(reader, "name", "ts", "dur", "depth", "track", category="kernel") == [
            ("long", 60, 10, 0, "Stream 7"),
            ("short", 60, 0, 0, "Stream 7 (2)"),
        ]
        assert reader.rows(ARROWS) == [{"begins": "cudaLaunchKernel", "ends": "short", "left": 10, "reached": 60}]


def test_negative_times_shift_the_whole_trace(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().nvtx(-50, 20, "before the session").launch((0, 10), (15, 35))
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "dur", category="user_annotation")[0] == ("before the session", 0, 70)
        assert rows(reader, "ts", "dur", category="kernel") == [(65, 20)]


def test_ids_above_32_bits(through_both: Callable[..., Iterator[Reader]]) -> None:
    correlation, node = (1 << 40) + 5, -(1 << 62)
    report = ReportBuilder().call(0, 10, correlation, "cudaGraphLaunch", pid=0xFFFFFF, tid=0xFFFFFE)
    report.kernel(20, 30, correlation, pid=0xFFFFFF, node=node, stream=0x7FFFFFFF, context=0x7FFFFFFE)
    for place, reader in zip(("args", "debug"), through_both(report), strict=True):
        args = ("correlation", "graph node id", "stream", "context")
        columns = ", ".join(f"extract_arg(arg_set_id, '{place}.{name}')" for name in args)
        assert [*reader.one(f"SELECT {columns} FROM slice WHERE category = 'kernel'").values()] == [
            *(correlation, node, 0x7FFFFFFF, 0x7FFFFFFE),
        ]
        assert reader.rows("SELECT tid, pid FROM thread JOIN process USING (upid) WHERE tid = 16777214") == [
            {"tid": 0xFFFFFE, "pid": 0xFFFFFF}
        ]
        assert len(reader.rows(ARROWS)) == 1


def test_streams_above_31_bits_and_none(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().kernel(0, 10, name="high", stream=3_000_000_000).kernel(20, 30, name="none", stream=None)
    for place, reader in zip(("args", "debug"), through_both(report), strict=True):
        assert rows(reader, "name", "track", category="kernel") == [
            ("high", "Stream 3000000000"),
            ("none", "No stream"),
        ]
        stream = (
            f"SELECT extract_arg(arg_set_id, '{place}.stream') AS it FROM slice WHERE category = 'kernel' ORDER BY ts"
        )
        assert [row["it"] for row in reader.rows(stream)] == [3_000_000_000, -1]


def test_ops_that_overlap_on_one_stream_get_lanes(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().kernel(0, 10, name="a").kernel(9, 20, name="b").kernel(10, 12, name="c")
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "dur", "track", category="kernel") == [
            ("a", 0, 10, "Stream 7"),
            ("b", 9, 11, "Stream 7 (2)"),
            ("c", 10, 2, "Stream 7"),
        ]


def test_two_processes_with_the_same_thread_and_correlation_ids_are_kept_apart(
    through_both: Callable[..., Iterator[Reader]],
) -> None:
    report = ReportBuilder().process(1, "first").process(2, "second").gpu(0, "H200").gpu(1, "H200")
    report.call(0, 10, 5, "cudaLaunchKernel", pid=1, tid=9).kernel(20, 30, 5, "one", pid=1, device=0)
    report.call(1, 12, 5, "cudaLaunchKernel", pid=2, tid=9).kernel(21, 32, 5, "two", pid=2, device=1)
    for reader in through_both(report):
        assert rows(reader, "name", "ts", "owner") == [
            ("cudaLaunchKernel", 0, "first"),
            ("cudaLaunchKernel", 1, "second"),
            ("one", 20, "GPU 0 H200"),
            ("two", 21, "GPU 1 H200"),
        ]
        assert [(row["left"], row["ends"]) for row in reader.rows(ARROWS)] == [(0, "one"), (1, "two")]


def test_work_of_no_thread_is_not_the_main_thread_s(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().process(7, "python3").thread(7, 7, "main").launch((0, 10), (20, 50), pid=7, tid=7)
    report.overhead(60, 90, "flush of all", pid=7, tid=0)
    for reader in through_both(report):
        assert rows(reader, "name", "track", category="profiler_overhead") == [("flush of all", "thread 0")]
        assert rows(reader, "name", "track", category="cuda_runtime") == [("cudaLaunchKernel", "main")]


def test_a_kernel_that_starts_before_its_call_and_one_that_has_ended_by_then(
    through_both: Callable[..., Iterator[Reader]],
) -> None:
    report = ReportBuilder().call(20, 30, 1).kernel(15, 40, 1, "skewed").call(60, 70, 2).kernel(45, 50, 2, "over")
    for reader in through_both(report):
        # The trace processor lets every arrow point from the slice that begins first.
        assert [(row["left"], row["ends"]) for row in reader.rows(ARROWS)] == [(15, "cudaLaunchKernel")]
        assert rows(reader, "name", "ts", "dur", category="kernel") == [("skewed", 15, 25), ("over", 45, 5)]


def test_a_graph_launch_points_at_its_first_op_or_at_all(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().graph_launch((0, 10), (20, 30), (30, 40), (45, 50)).launch((60, 65), (70, 80))
    for options, reached in (({}, [20, 70]), ({"flows": "all"}, [20, 30, 45, 70])):
        for reader in through_both(report, **options):
            assert [row["reached"] for row in reader.rows(ARROWS)] == reached


def test_waiting_for_an_event_points_back_at_its_record(through_both: Callable[..., Iterator[Reader]]) -> None:
    report = ReportBuilder().launch((0, 5), (10, 50)).event_record(6, 8, 77, event=3, event_sync=9)
    report.sync(20, 55, 78, "cudaEventSynchronize", event=3, event_sync=9, stream=7)
    report.sync(60, 65, 79, "cudaEventSynchronize", event=3, event_sync=9, stream=7)
    for reader in through_both(report):
        waits = [row for row in reader.rows(ARROWS) if row["begins"] == "cudaEventRecord"]
        assert [(row["ends"], row["reached"]) for row in waits] == [
            ("cudaEventSynchronize", 20),
            ("cudaEventSynchronize", 60),
        ]
        assert rows(reader, "name", "ts", "dur", category="sync") == [
            ("Event Sync", 20, 35),
            ("waiting for the GPU", 20, 30),
            ("sync tail", 50, 5),
            ("Event Sync", 60, 5),
        ]


def test_a_time_of_years_keeps_its_nanoseconds(through_both: Callable[..., Iterator[Reader]]) -> None:
    years = 1_795_218_553_566_640_366
    report = ReportBuilder().launch((years + 1, years + 12), (years + 23, years + 57))
    for reader in through_both(report):
        assert rows(reader, "ts", "dur", category="kernel") == [(22, 34)]
