"""Synchronising calls: which ops each covers, how long it waited, how long its tail is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_builder import CUDA_EVENT, NO_ID, SYNCHRONIZATION, ReportBuilder

STREAM, DEVICE, EVENT = "cudaStreamSynchronize_v3020", "cudaDeviceSynchronize_v3020", "cudaEventSynchronize_v3020"


@pytest.fixture
def working(report: ReportBuilder) -> ReportBuilder:
    """Kernels that end at 60 (stream 7), 70 (stream 8), 80 (context 2), 90 (process 2), all launched before 10."""
    report.launch((0, 1), (20, 60), stream=7).launch((1, 2), (20, 70), stream=8)
    report.launch((2, 3), (20, 80), stream=7, context=2).launch((3, 4), (20, 90), pid=2)
    return report


def figures(report: ReportBuilder, folder: Path) -> list[tuple[int, int] | None]:
    """(wait, tail) of every synchronising call by start; None: found nothing to wait for."""
    found = report.idle(folder).syncs
    rows = zip(found.waited.tolist(), found.wait.tolist(), found.tail.tolist(), strict=True)
    return [(wait, tail) if waited else None for waited, wait, tail in rows]


SCOPES: dict[str, tuple[str, dict[str, Any], int]] = {
    "a stream": (STREAM, {"stream": 7}, 60),
    "another stream": (STREAM, {"stream": 8}, 70),
    "a stream of another context": (STREAM, {"stream": 7, "context": 2}, 80),
    "a stream by the driver's call": ("cuStreamSynchronize", {"stream": 7}, 60),
    "a device covers the context": (DEVICE, {}, 70),
    "so does a context call": ("cuCtxSynchronize", {"context": 2}, 80),
    "a device call's stream means nothing": (DEVICE, {"stream": 7}, 70),
    "a stream call whose row names no stream": (STREAM, {"stream": NO_ID}, 70),
    "NULL is no stream either": (STREAM, {"stream": None}, 70),
    "a row that names no context": (DEVICE, {"context": NO_ID}, 80),
    "without a row the process": (STREAM, {"record": False}, 80),
    "an event that nobody recorded": (EVENT, {"event": 3}, 70),
    "no event at all": (EVENT, {}, 70),
}


@pytest.mark.parametrize(("name", "how", "end"), SCOPES.values(), ids=SCOPES)
def test_covered_ops(working: ReportBuilder, tmp_path: Path, name: str, how: dict[str, Any], end: int) -> None:
    working.sync(50, 100, name=name, **how)
    assert figures(working, tmp_path) == [(end - 50, 100 - end)]


def test_the_other_process_has_its_own_numbers(working: ReportBuilder, tmp_path: Path) -> None:
    working.sync(50, 100, 5, STREAM, stream=7).sync_record(5, pid=2, stream=8)
    working.sync(51, 100, 5, STREAM, pid=2, stream=7)
    assert figures(working, tmp_path) == [(10, 40), None]  # of process 2 the row with stream 8 is the first


def test_only_ops_launched_before_the_call_count(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 5), (10, 60)).launch((50, 55), (70, 90)).kernel(80, 99)
    report.sync(50, 100)  # the second launch starts with the call, the third op has no call
    report.sync(51, 100)
    assert figures(report, tmp_path) == [(10, 40), (39, 10)]


def test_found_nothing(report: ReportBuilder, tmp_path: Path) -> None:
    report.sync(0, 5)  # nothing launched yet
    report.launch((10, 11), (20, 30)).sync(30, 40)  # ended just then
    report.sync(60, 61, context=9)  # no op in that context
    assert figures(report, tmp_path) == [None, None, None]
    assert report.idle(tmp_path).syncs.summary == {
        "waited": {"count": 0, "wait_ns": None, "tail_ns": None},
        "found_nothing": 3,
    }


def test_a_call_that_returns_before_the_op_ends_has_a_negative_tail(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (5, 30)).sync(20, 25)
    assert figures(report, tmp_path) == [(10, -5)]


def test_a_long_op_before_a_short_one(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (5, 90), stream=8).launch((2, 3), (5, 20)).sync(10, 100)
    assert figures(report, tmp_path) == [(80, 10)]


def test_a_graph_launch_brings_all_its_ops(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 5), (10, 20), (30, 40), (50, 60)).sync(12, 70)
    assert figures(report, tmp_path) == [(48, 10)]


EVENTS = {
    "by eventSyncId: stream 8, before 30": (1, 102, 80),
    "by eventSyncId: stream 7, before 20": (1, 101, 70),
    "no such eventSyncId: the latest record of the event": (1, 999, 80),
    "no eventSyncId": (1, NO_ID, 80),
    "NULL": (1, None, 80),
    "0 is no eventSyncId, though a record carries it": (1, 0, 80),
    "another event, recorded in another context": (2, NO_ID, 75),
    "an event recorded after the call only": (4, NO_ID, 95),
    "no event: the context": (NO_ID, NO_ID, 95),
}


@pytest.fixture
def events(report: ReportBuilder) -> ReportBuilder:
    """Launches at 10 (stream 7, ends 70), 12 (context 2, 75), 15 (stream 8, 80), 25 (stream 7, 95), 35 (stream 8, 85);
    records of event 1 at 20 (stream 7), 30 (stream 8), 150; of event 2 at 46 in context 2; of event 4 at 150.
    """
    for launch, stream, context, end in (
        (10, 7, 1, 70),
        (12, 8, 2, 75),
        (15, 8, 1, 80),
        (25, 7, 1, 95),
        (35, 8, 1, 85),
    ):
        report.launch((launch, launch + 1), (50, end), stream=stream, context=context)
    report.event_record(30, 31, 21, event=1, event_sync=102, stream=8)  # rows are in no order
    report.event_record(20, 21, 20, event=1, event_sync=101, stream=7)
    report.event_record(150, 151, 22, event=1, event_sync=103, stream=7)
    report.event_record(46, 47, 23, event=2, event_sync=0, stream=8, context=2)
    report.event_record(0, 0, 20, event=NO_ID, stream=7, call=False)  # names no event
    report.event_record(0, 0, 99, event=1, event_sync=104, stream=8, call=False)  # its call is not in the report
    report.event_record(0, 0, 21, event=1, event_sync=102, stream=7, call=False, pid=2)  # another process's
    return report.event_record(155, 156, 24, event=4, event_sync=105, stream=7)


@pytest.mark.parametrize(("event", "event_sync", "end"), EVENTS.values(), ids=EVENTS)
def test_event_waits(events: ReportBuilder, tmp_path: Path, event: int, event_sync: int | None, end: int) -> None:
    events.sync(60, 100, name=EVENT, event=event, event_sync=event_sync)
    assert figures(events, tmp_path) == [(end - 60, 100 - end)]


def test_a_record_whose_call_is_unknown_gives_the_stream_only(events: ReportBuilder, tmp_path: Path) -> None:
    events.sync(60, 100, name=EVENT, event=1, event_sync=104)
    assert figures(events, tmp_path) == [(25, 15)]  # stream 8, up to the wait itself


@pytest.mark.parametrize("context", [None, NO_ID])
def test_an_event_wait_that_names_no_context(events: ReportBuilder, tmp_path: Path, context: int | None) -> None:
    events.sync(60, 100, name=EVENT, event=1, event_sync=101, context=context)
    events.sync(61, 100, name=EVENT, event=9, context=context)  # not recorded: the process
    assert figures(events, tmp_path) == [(10, 30), (34, 5)]


def test_older_exports_have_no_event_sync_id(tmp_path: Path) -> None:
    report = ReportBuilder(without=(f"{SYNCHRONIZATION}.eventSyncId", f"{CUDA_EVENT}.eventSyncId"))
    report.launch((0, 1), (5, 30)).event_record(2, 3, 8, event=1).launch((4, 5), (30, 60))
    report.sync(6, 80, name=EVENT, event=1)
    assert figures(report, tmp_path) == [(24, 50)]


def test_oldest_exports_have_no_event_records(tmp_path: Path) -> None:
    report = ReportBuilder(without=(f"{SYNCHRONIZATION}.eventSyncId", CUDA_EVENT))
    report.launch((0, 1), (5, 30)).event_record(2, 3, 8, event=1).launch((4, 5), (30, 60))
    report.sync(6, 80, name=EVENT, event=1)
    assert figures(report, tmp_path) == [(54, 20)]  # the context


def test_sync_type_is_not_looked_at(working: ReportBuilder, tmp_path: Path) -> None:
    for sync_type in range(8):
        working.call(50 + sync_type, 100, 30 + sync_type, STREAM)
        working.row(
            SYNCHRONIZATION,
            correlationId=30 + sync_type,
            globalPid=(1 << 48) | (1 << 24),
            contextId=1,
            streamId=7,
            syncType=sync_type,
        )
    assert figures(working, tmp_path) == [(10 - i, 40) for i in range(8)]
