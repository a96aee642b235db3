"""Which call launched an op, and what launching cost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.launches import by_stream, latency_summary
from nsysgap.tables import NONE


def launched_at(idle: IdleReport) -> list[tuple[int, int] | None]:
    """The launch call of every op, by the ops' start."""
    api = idle.trace.api
    return [None if call == NONE else (int(api["start"][call]), int(api["end"][call])) for call in idle.calls]


def test_processes_share_correlation_ids(report: ReportBuilder, tmp_path: Path) -> None:
    """One GPU, two processes with the same numbers: correlationId alone would give four pairs."""
    report.call(0, 5, 1, pid=1).call(2, 4, 1, pid=2).call(20, 25, 2, pid=1).call(22, 24, 2, pid=2)
    report.kernel(10, 12, 1, pid=1).kernel(13, 14, 1, pid=2).kernel(30, 32, 2, pid=2).kernel(33, 34, 2, pid=1)
    idle = report.idle(tmp_path)
    assert launched_at(idle) == [(0, 5), (2, 4), (22, 24), (20, 25)]
    assert idle.latencies.latency.tolist() == [10, 11, 8, 13]


def test_threads_of_a_process_share_its_numbers(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 5, 1, tid=8).kernel(10, 12, 1).call(6, 8, 2, tid=9).kernel(14, 16, 2)
    assert launched_at(report.idle(tmp_path)) == [(0, 5), (6, 8)]


def test_of_several_calls_the_first_to_start_then_the_longest(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(30, 35, 2).call(20, 24, 2).call(20, 28, 2).call(22, 90, 2).kernel(50, 60, 2)
    report.call(61, 63, 3).call(61, 63, 3, tid=2).kernel(70, 80, 3)  # all the same: the report's order
    idle = report.idle(tmp_path)
    assert launched_at(idle) == [(20, 28), (61, 63)]
    assert idle.trace.threads["tid"][idle.trace.api["thread"][idle.calls[1]]] == 1


def test_backtrace_rows_are_no_calls(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(5, 90, 2, eventClass=67).call(20, 28, 2, eventClass=1).kernel(50, 60, 2)
    assert launched_at(report.idle(tmp_path)) == [(20, 28)]


def test_without_the_column_event_class_all_rows_are_calls(tmp_path: Path) -> None:
    report = ReportBuilder(without=("CUPTI_ACTIVITY_KIND_RUNTIME.eventClass",))
    report.call(20, 28, 2).kernel(50, 60, 2)
    assert launched_at(report.idle(tmp_path)) == [(20, 28)]


@pytest.mark.parametrize("correlation", [0, None])
def test_no_correlation_id_is_no_key(report: ReportBuilder, tmp_path: Path, correlation: int | None) -> None:
    report.call(0, 5, correlation).memcpy(10, 20, correlation, copyKind=11)
    assert launched_at(report.idle(tmp_path)) == [None]


@pytest.mark.parametrize("column", ["globalPid", "globalTid"])
def test_without_a_process_there_is_no_key(report: ReportBuilder, tmp_path: Path, column: str) -> None:
    none: dict[str, Any] = {column: None}
    report.call(0, 5, 1, **(none if column == "globalTid" else {}))
    report.kernel(10, 20, 1, **(none if column == "globalPid" else {}))
    assert launched_at(report.idle(tmp_path)) == [None]


def test_calls_that_end_before_they_start_are_left_out(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(9, 5, 1).call(None, 3, 1).call(2, None, 1).call(4, 4, 1).kernel(10, 20, 1)
    idle = report.idle(tmp_path)
    assert launched_at(idle) == [(4, 4)]
    (warning,) = idle.trace.warnings
    assert warning.text.startswith("3 rows of CUPTI_ACTIVITY_KIND_RUNTIME have no start or no end, or end before they ")


def test_call_latency_and_queue(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 10), (25, 30))  # started 15 after the call returned
    report.launch((40, 60), (50, 70))  # started inside the call: no time in the queue
    found = report.idle(tmp_path).latencies
    assert (found.call.tolist(), found.latency.tolist(), found.queue.tolist()) == ([10, 20], [25, 10], [15, 0])


UNQUEUED = {
    "nothing before": ([], [], True),
    "an earlier op has ended": ([(10, 90)], [7], True),
    "an earlier op ends as the call begins": ([(10, 100)], [7], True),
    "an earlier op still runs": ([(10, 101)], [7], False),
    "an earlier op has not started yet": ([(150, 160)], [7], False),
    "a long op before a short one": ([(10, 300), (20, 30)], [7, 7], False),
    "another stream's op runs": ([(10, 300)], [8], True),
    "a zero-length op waits": ([(150, 150)], [7], False),
}


@pytest.mark.parametrize(("spans", "streams", "unqueued"), UNQUEUED.values(), ids=UNQUEUED)
def test_unqueued(
    report: ReportBuilder, tmp_path: Path, spans: list[tuple[int, int]], streams: list[int], unqueued: bool
) -> None:
    for span, stream in zip(spans, streams, strict=True):
        report.kernel(*span, stream=stream)
    report.launch((100, 110), (200, 210), stream=7)
    assert report.idle(tmp_path).latencies.unqueued.tolist() == [unqueued]


@pytest.mark.parametrize("other", [{"pid": 2}, {"context": 2}, {"stream": 8}])
def test_a_stream_belongs_to_a_process_and_a_context(
    report: ReportBuilder, tmp_path: Path, other: dict[str, Any]
) -> None:
    report.kernel(10, 300, **other).launch((100, 110), (200, 210))
    assert report.idle(tmp_path).latencies.unqueued.tolist() == [True]


def test_ops_that_start_together_are_not_earlier_than_one_another(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 5), (10, 30)).launch((6, 8), (10, 20))
    assert report.idle(tmp_path).latencies.unqueued.tolist() == [True, True]


def test_negative_latency_is_kept_and_counted(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((100, 110), (95, 120)).launch((130, 135), (100, 121)).launch((140, 141), (150, 160))
    found = report.idle(tmp_path).latencies
    assert found.latency.tolist() == [-5, -30, 10]
    assert found.queue.tolist() == [0, 0, 9]
    assert found.negative() == (2, 30)


def test_graph_ops_have_no_launch_latency(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 5), (10, 20), (30, 40)).launch((50, 51), (60, 70))
    assert report.idle(tmp_path).latencies.latency.tolist() == [10]


def test_a_graph_traced_as_a_whole_has(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 5, 1, "cudaGraphLaunch_v10000").graph_trace(10, 20, 1)
    idle = report.idle(tmp_path)
    assert latency_summary(idle.trace, idle.latencies)["graph"]["count"] == 1


def test_summary_by_kind(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 10), (20, 100)).launch((30, 40), (100, 110))
    report.call(50, 54, 3, "cudaMemsetAsync").memset(60, 70, 3, stream=8)
    report.memcpy(200, 210)  # without a call: in no summary
    idle = report.idle(tmp_path)
    found = latency_summary(idle.trace, idle.latencies)
    assert list(found) == ["kernel", "memset"]
    latency, unqueued = found["kernel"]["latency_ns"], found["kernel"]["unqueued_latency_ns"]
    assert (found["kernel"]["count"], found["memset"]["count"]) == (2, 1)
    assert (getattr(latency, "total", None), getattr(unqueued, "total", None)) == (20 + 70, 20)


def test_ops_by_stream(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 1, stream=8).kernel(2, 3, stream=7).kernel(4, 5, stream=8)
    order, bounds = by_stream(report.trace(tmp_path).ops)
    groups = [order[low:high].tolist() for low, high in pairwise(bounds)]
    assert groups == [[1], [0, 2]]
