"""What launching cost, and which ops found their stream free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_builder import ReportBuilder


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
    assert idle.latencies.summary["graph"]["count"] == 1


def test_summary_by_kind(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 10), (20, 100)).launch((30, 40), (100, 110))
    report.call(50, 54, 3, "cudaMemsetAsync").memset(60, 70, 3, stream=8)
    report.memcpy(200, 210)  # without a call: in no summary
    idle = report.idle(tmp_path)
    found = idle.latencies.summary
    assert list(found) == ["kernel", "memset"]
    latency, unqueued = found["kernel"]["latency_ns"], found["kernel"]["unqueued_latency_ns"]
    assert (found["kernel"]["count"], found["memset"]["count"]) == (2, 1)
    assert (getattr(latency, "total", None), getattr(unqueued, "total", None)) == (20 + 70, 20)
