"""NVTX ranges: which enclose a moment, and which GPU work each launched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_builder import ReportBuilder, global_tid

from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.analysis.relations.ranges import RangeFinder, range_work, select_ranges, trace_end
from nsysgap.tables import NONE, NVTX, Table, Trace


def paths(trace: Trace, *moments: int, tid: int = 1) -> list[list[str]]:
    """The names of the ranges around moments of a thread, outermost first."""
    thread = trace.threads["tid"].tolist().index(tid)
    number, found = RangeFinder(trace).paths(np.full(len(moments), thread, np.int32), np.array(moments))
    return [[trace.name(name) for name in found[one]] for one in number.tolist()]


def work(report: ReportBuilder, folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """name -> (ops, first start, last end, sum of durations) of every range."""
    trace = report.trace(folder)
    found = range_work(trace, launch_calls(trace))
    rows = zip(found.ops, found.first, found.last, found.busy, strict=True)
    return {trace.name(trace.nvtx["name"][i]): (*map(int, row),) for i, row in enumerate(rows)}  # type: ignore[misc]


def test_nested_ranges(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 100, "outer").nvtx(10, 50, "middle").nvtx(20, 30, "inner").nvtx(60, 70, "second")
    assert paths(report.trace(tmp_path), 5, 20, 29, 30, 50, 65, 100) == [
        ["outer"],
        ["outer", "middle", "inner"],
        ["outer", "middle", "inner"],
        ["outer", "middle"],  # half-open: over at its end
        ["outer"],
        ["outer", "second"],
        [],
    ]


def test_push_pop_and_start_end_ranges(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 50, "push/pop", event_type=59).nvtx(20, 90, "start/end", event_type=60)
    report.nvtx(0, 99, "a mark", event_type=34).nvtx(0, None, "a domain", event_type=75)
    trace = report.trace(tmp_path)
    assert paths(trace, 30, 60) == [["push/pop", "start/end"], ["start/end"]]
    assert trace.nvtx["start_end"].tolist() == [False, True]


def test_text_and_registered_text(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 9, "own").nvtx(10, 19, registered="registered").nvtx(20, 29, "").nvtx(30, 39)
    assert paths(report.trace(tmp_path), 5, 15, 25, 35) == [["own"], ["registered"], [""], [""]]


@pytest.mark.parametrize("column", ["text", "textId"])
def test_exports_with_one_of_the_two_columns(tmp_path: Path, column: str) -> None:
    other = {"text": "textId", "textId": "text"}[column]
    report = ReportBuilder(without=(f"NVTX_EVENTS.{other}",))
    report.nvtx(0, 9, "name" if column == "text" else None, registered="name")
    assert paths(report.trace(tmp_path), 5) == [["name"]]


def test_an_open_range_never_ends(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(10, None, "open").nvtx(20, 30, "closed")
    assert paths(report.trace(tmp_path), 5, 25, 10**15) == [[], ["open", "closed"], ["open"]]


def test_a_range_that_ends_on_another_thread_belongs_where_it_began(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 50, "handed over", event_type=60, endGlobalTid=global_tid(1, 2)).call(10, 11, 1, tid=2)
    report.call(20, 21, 2).kernel(30, 35, 2).kernel(40, 45, 1)
    trace = report.trace(tmp_path)
    assert (paths(trace, 10), paths(trace, 10, tid=2)) == ([["handed over"]], [[]])
    assert trace.threads["tid"][trace.nvtx["end_thread"]].tolist() == [2]
    assert work(report, tmp_path) == {"handed over": (1, 30, 35, 5)}


def test_threads_of_two_processes_with_the_same_number(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 50, "first", pid=1, tid=5).nvtx(0, 50, "second", pid=2, tid=5)
    report.launch((10, 11), (20, 30), pid=1, tid=5).launch((12, 13), (40, 44), pid=2, tid=5)
    assert work(report, tmp_path) == {"first": (1, 20, 30, 10), "second": (1, 40, 44, 4)}


def test_ranges_that_end_before_they_start_are_counted_out(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(9, 5, "reversed").nvtx(None, 5, "no start").nvtx(None, None, "nothing").nvtx(0, 5, "good")
    trace = report.trace(tmp_path)
    assert [trace.name(name) for name in trace.nvtx["name"]] == ["good"]
    assert [one.text for one in trace.warnings] == [
        "3 rows of NVTX_EVENTS have no start or end before they start: left out of every figure."
    ]


def test_equal_starts_the_longer_is_the_outer(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 10, "short").nvtx(0, 50, "long").nvtx(0, 10, "short again").nvtx(0, None, "open")
    assert paths(report.trace(tmp_path), 5) == [["open", "long", "short", "short again"]]


def test_a_gap_names_the_ranges_at_its_launch(report: ReportBuilder, tmp_path: Path) -> None:
    from nsysgap.analysis.idle.gap_chunks import listed_gaps

    report.launch((0, 1), (5, 10)).launch((20, 30), (40, 50)).nvtx(15, 25, "at the launch").nvtx(25, 60, "too late")
    report.nvtx(0, 60, "other thread's", tid=2)
    (gap,) = listed_gaps(report.idle(tmp_path), np.array([0]))
    assert (gap["nvtx"], gap["process"], gap["thread"]) == (["at the launch"], 1, 1)


def test_gpu_work_of_a_range(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, 100, "outer").nvtx(10, 20, "inner").nvtx(50, 60, "idle").nvtx(0, 100, "other", tid=2)
    report.launch((5, 9), (30, 40)).launch((10, 15), (60, 90), stream=8).launch((20, 25), (35, 45))
    report.launch((100, 101), (200, 300))  # after the outer range, which is half-open
    report.kernel(12, 13)  # no launch call
    assert work(report, tmp_path) == {
        "outer": (3, 30, 90, 10 + 30 + 10),
        "inner": (1, 60, 90, 30),
        "idle": (0, 0, 0, 0),
        "other": (0, 0, 0, 0),
    }


def test_every_step_of_a_graph_replaying_loop_gets_all_its_kernels(report: ReportBuilder, tmp_path: Path) -> None:
    """49 steps, each a graph of 40 kernels behind one call: kernels may run long after the step's range."""
    for step in range(49):
        at = step * 1_000
        report.nvtx(at, at + 100, f"step {step}")
        report.graph_launch((at + 10, at + 20), *((at + 100 + 20 * i, at + 110 + 20 * i) for i in range(40)))
    assert work(report, tmp_path) == {
        f"step {step}": (40, step * 1_000 + 100, step * 1_000 + 890, 400) for step in range(49)
    }


def test_the_trace_ends_with_its_last_event(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10).nvtx(90, None, "open")
    assert trace_end(report.trace(tmp_path)) == 90
    assert trace_end(ReportBuilder().trace(tmp_path)) == 0


Range = tuple[int, int | None]
TIME = st.integers(0, 20)
RANGES = st.lists(st.tuples(TIME, st.one_of(st.none(), st.integers(0, 8))), min_size=1, max_size=12)


@given(RANGES)
def test_ranges_of_any_overlap(drawn: list[Range]) -> None:
    """Against looking at every range: start/end ranges may cross, and the last to begin is the innermost."""
    ranges = [(start, np.iinfo(np.int64).max if length is None else start + length) for start, length in drawn]
    ranges.sort(key=lambda one: (one[0], -one[1]))
    rows = len(ranges)
    columns = {column.name: np.zeros(rows, column.dtype) for column in NVTX.columns}
    columns |= {"start": np.array([a for a, _ in ranges]), "end": np.array([b for _, b in ranges])}
    columns["name"] = np.arange(rows, dtype=columns["name"].dtype)
    finder = RangeFinder(_trace_of(Table(NVTX, columns)))
    number, paths_of = finder.paths(np.zeros(30, np.int32), np.arange(30))
    for moment in range(30):
        expected = [i for i, (start, end) in enumerate(ranges) if start <= moment < end]
        assert list(paths_of[number[moment]]) == expected
        inner = finder.innermost(np.zeros(1, np.int32), np.array([moment]))
        assert inner.tolist() == (expected[-1:] or [NONE])


def _trace_of(nvtx: Table) -> Trace:
    from nsysgap.names import Names
    from nsysgap.tables import API, OPS, PROCESSES, THREADS

    one = {column.name: np.zeros(1, column.dtype) for column in THREADS.columns}
    return Trace("", OPS.empty(), API.empty(), Names(), PROCESSES.empty(), Table(THREADS, one), nvtx=nvtx)


def test_selecting_by_name_looks_at_text_not_at_ids(report: ReportBuilder, tmp_path: Path) -> None:
    """The same text from StringIds and as a row's own text is one name."""
    import re

    report.nvtx(0, 5, "step").nvtx(10, 15, registered="step").nvtx(20, 25, "step")
    found = select_ranges(report.trace(tmp_path), re.compile("^step$"))
    assert (found.ranges, found.names, found.time.total) == (3, ("step",), 15)
