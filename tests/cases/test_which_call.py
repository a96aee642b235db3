"""Which call, which sync: correlation IDs that come back or are wrong, null streams, green contexts, zero lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from case_answers import MS, US, answer, parts, said, waits
from report_builder import ReportBuilder

SYNC = "cudaStreamSynchronize_v3020"


def lives(report: ReportBuilder, number: int, **more: Any) -> ReportBuilder:
    """A process ID used so many times, a second apart: the same correlation IDs each time."""
    for life in range(number):
        for i in range(1, 11):
            start = life * 1000 * MS + i * MS
            report.call(start, start + 5 * US, i, pid=77, **more)
            report.kernel(start + 8 * US, start + 508 * US, i, pid=77)
    return report


@pytest.mark.parametrize("number", [2, 3])
def test_a_process_id_used_again(report: ReportBuilder, tmp_path: Path, number: int) -> None:
    document = answer(lives(report, number), tmp_path)
    stats = document["launches"]["kernel"]
    assert (stats["count"], stats["queue_ns"]["min"], stats["queue_ns"]["max"]) == (10 * number, 3 * US, 3 * US)
    assert document["completeness"] == []


def test_a_driver_call_nested_in_the_runtime_s(report: ReportBuilder, tmp_path: Path) -> None:
    """Both carry the ID: the outer one launched, in each life."""
    lives(report, 2)
    for row in list(report.tables["CUPTI_ACTIVITY_KIND_RUNTIME"]):
        inner = {"start": row["start"] + US, "end": row["end"] - US, "nameId": report.text("cuLaunchKernel")}
        report.row("CUPTI_ACTIVITY_KIND_RUNTIME", **{**row, **inner})
    document = answer(report, tmp_path)
    assert document["launches"]["kernel"]["call_ns"]["max"] == 5 * US
    assert document["completeness"] == []


def test_graphs_of_a_process_id_used_again(report: ReportBuilder, tmp_path: Path) -> None:
    """The gap between two lives is not one between two nodes of a graph."""
    for life in (0, 1000 * MS):
        report.call(life, life + 10 * US, 5, "cudaGraphLaunch")
        for node in (1, 2):
            start = life + node * 100 * US
            report.kernel(start, start + 50 * US, 5, node=node)
    document = answer(report, tmp_path)
    assert document["graph_launches"]["count"] == 2
    assert parts(document)["in_graph"] == 2 * 50 * US


def wrong_ids(report: ReportBuilder, call: str) -> ReportBuilder:
    """Graph kernels that carry the ID of the call in front of their cudaGraphLaunch."""
    for i in range(1, 21):
        at = i * MS
        report.call(at, at + 4 * US, 10 * i + 1, call).call(at + 5 * US, at + 15 * US, 10 * i + 2, "cudaGraphLaunch")
        for node in range(4):
            start = at + 30 * US + 50 * US * node
            report.kernel(start, start + 49 * US, 10 * i + 1, node=node + 1)
        report.sync(at + 20 * US, at + 240 * US, 10 * i + 3, SYNC, stream=7)
    return report


@pytest.mark.parametrize("call", ["cudaEventRecord_v3020", "cuStreamWaitEvent_ptsz", "cudaStreamQuery"])
def test_ids_of_calls_that_cannot_launch(report: ReportBuilder, tmp_path: Path, call: str) -> None:
    document = answer(wrong_ids(report, call), tmp_path)
    assert "80 of 80 ops name a call that cannot launch" in said(document, "warning")
    assert [(one["kind"], one["count"], one["of"]) for one in document["completeness"]] == [("lost_launches", 20, 20)]
    assert parts(document) == {"in_graph": 20 * 3 * US, "unknown": 19 * 801 * US}
    assert waits(document) == (0, 20, None, None)


def on_streams(report: ReportBuilder, flag: int, **sync: Any) -> ReportBuilder:
    """Ten kernels of 5 ms on stream 13 of that flag, each awaited on the null stream, 7."""
    report.stream(7, 3).stream(13, flag)
    for i in range(10):
        at = MS + 10 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + 5008 * US), stream=13)
        report.sync(at + 10 * US, at + 5013 * US, 10 * i + 2, **{"name": SYNC, "stream": 7, **sync})
    return report


def test_waiting_for_the_null_stream(report: ReportBuilder, tmp_path: Path) -> None:
    assert waits(answer(on_streams(report, 1), tmp_path)) == (10, 0, 4998 * US, 5 * US)


def test_the_null_stream_does_not_wait_for_others(report: ReportBuilder, tmp_path: Path) -> None:
    assert waits(answer(on_streams(report, 2), tmp_path))[:2] == (0, 10)


def test_the_null_stream_of_a_context(report: ReportBuilder, tmp_path: Path) -> None:
    """Known by nullStreamId alone."""
    on_streams(report, 1).tables["TARGET_INFO_CUDA_STREAM"].pop(0)
    report.row("TARGET_INFO_CUDA_CONTEXT_INFO", nullStreamId=7, hwId=0, vmId=1, processId=1, deviceId=0, contextId=1)
    assert waits(answer(report, tmp_path)) == (10, 0, 4998 * US, 5 * US)


def test_an_event_recorded_in_the_null_stream(report: ReportBuilder, tmp_path: Path) -> None:
    report.stream(7, 3).stream(13, 1)
    report.launch((0, 5 * US), (8 * US, 5 * MS), stream=13).launch((12 * US, 14 * US), (5 * MS, 9 * MS), stream=13)
    report.event_record(10 * US, 11 * US, 900, stream=7, event=4)
    report.sync(20 * US, 5010 * US, 901, "cudaEventSynchronize_v3020", event=4)
    assert waits(answer(report, tmp_path)) == (1, 0, 4980 * US, 10 * US)


def green(report: ReportBuilder, awaited: int) -> ReportBuilder:
    """A long kernel in green context 3, a short one in 2; cuCtxSynchronize in one of them."""
    for i in range(10):
        at = MS + 10 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + 8008 * US), stream=21, greenContextId=3)
        report.launch((at + 6 * US, at + 9 * US), (at + 12 * US, at + 1012 * US), stream=20, greenContextId=2)
        report.sync(at + 10 * US, at + 1016 * US if awaited == 2 else at + 8012 * US, 90 + i, "cuCtxSynchronize_v2")
        report.tables["CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"][-1]["greenContextId"] = awaited
    return report


@pytest.mark.parametrize(("awaited", "wait"), [(2, 1002 * US), (3, 7998 * US), (0, 7998 * US)])
def test_waiting_in_a_green_context(report: ReportBuilder, tmp_path: Path, awaited: int, wait: int) -> None:
    """0 is none: the whole context, as CUDA documents it."""
    assert waits(answer(green(report, awaited), tmp_path)) == (10, 0, wait, 4 * US)


def test_ops_of_no_length_at_a_border(report: ReportBuilder, tmp_path: Path) -> None:
    """The last gap ends with an op of no length, whose launch call is known."""
    report.launch((0, 3 * US), (5 * US, 50 * US)).launch((3 * US, 4 * US), (20 * US, 20 * US))
    report.launch((70 * US, 71 * US), (90 * US, 90 * US))
    assert parts(answer(report, tmp_path)) == {"host": 20 * US, "launch": US, "queued": 19 * US}


def test_an_op_of_no_length_where_another_starts(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 3 * US), (5 * US, 50 * US)).launch((51 * US, 52 * US), (60 * US, 60 * US))
    report.launch((55 * US, 58 * US), (60 * US, 70 * US))
    (gap,) = answer(report, tmp_path)["gaps"]
    assert (gap["after"]["end_ns"], gap["parts_ns"]["launch"]) == (70 * US, 3 * US)


def test_only_ops_of_no_length_at_the_beginning(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, US), (2 * US, 2 * US)).launch((3 * US, 4 * US), (6 * US, 9 * US))
    (gap,) = answer(report, tmp_path)["gaps"]
    assert (gap["before"]["end_ns"], gap["after"]["start_ns"]) == (2 * US, 6 * US)


@pytest.mark.parametrize("correlation", [0, None])
def test_graphs_launched_by_the_gpu(report: ReportBuilder, tmp_path: Path, correlation: int | None) -> None:
    report.call(MS, MS + 10 * US, 1, "cudaGraphLaunch_v10000").graph_trace(MS + 20 * US, MS + 120 * US, 1)
    for i in range(1, 20):
        report.graph_trace(MS + 20 * US + 130 * US * i, MS + 120 * US + 130 * US * i, correlation)
    report.sync(MS + 15 * US, MS + 2600 * US, 2, SYNC, stream=7)
    document = answer(report, tmp_path)
    assert "19 graphs were launched by the GPU itself" in said(document, "note")
    assert waits(document) == (1, 0, 2575 * US, 10 * US)
