"""Which call launched an op."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_builder import ReportBuilder

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.call_keys import CallKeys
from nsysgap.analysis.relations.launches import by_stream, misled_ops
from nsysgap.tables import NONE, Table


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


def test_of_several_calls_the_latest_before_the_op_that_is_not_nested(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(20, 28, 2).call(20, 24, 2).call(22, 25, 2).call(30, 35, 2).call(51, 52, 2).kernel(50, 60, 2)
    report.call(61, 63, 3).call(61, 63, 3, tid=2).kernel(70, 80, 3)  # all the same: the report's order
    idle = report.idle(tmp_path)
    assert launched_at(idle) == [(30, 35), (61, 63)]
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


def test_a_call_without_a_process_is_nobody_s(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 5, 1, globalTid=None).kernel(10, 20, 1)
    assert launched_at(report.idle(tmp_path)) == [None]


def test_ops_without_a_process_belong_to_the_only_one_that_called(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 5, 1).kernel(10, 20, 1, globalPid=None)
    assert launched_at(report.idle(tmp_path)) == [(0, 5)]
    report.call(6, 7, 2, pid=2)
    assert launched_at(report.idle(tmp_path)) == [None]


@pytest.mark.parametrize(
    "name", ["cudaEventRecord_v3020", "cudaEventRecordWithFlags_ptsz_v11010", "cuEventQuery", "cudaStreamWaitEvent"]
)
def test_a_call_that_cannot_launch_is_nobody_s(report: ReportBuilder, tmp_path: Path, name: str) -> None:
    report.call(0, 5, 1, name).kernel(10, 20, 1).launch((21, 22), (30, 40))
    idle = report.idle(tmp_path)
    assert launched_at(idle) == [None, (21, 22)]
    assert misled_ops(idle.trace, idle.calls).tolist() == [0]


KEYED = st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(1, 3))


@given(calls=st.lists(KEYED, max_size=9), ops=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), max_size=6))
def test_calls_of_reused_ids(calls: list[tuple[int, int, int]], ops: list[tuple[int, int]]) -> None:
    """`latest` and `number` against a plain reading: (start, length, ID) of calls, (time, ID) of ops."""
    ordered = sorted(calls, key=lambda call: call[0])
    start, length, key = (np.array(column, np.int64) for column in zip(*ordered, strict=True)) if calls else [_NONE] * 3
    api = {"start": start, "end": start + length, "correlation": key}
    found = CallKeys(cast(Table, api), np.arange(len(calls), dtype=np.int32))
    time, wanted = (np.array(column, np.int64) for column in zip(*ops, strict=True)) if ops else [_NONE] * 2
    expected = [_plain_latest(ordered, at, one) for at, one in ops]
    assert found.latest(wanted, time).tolist() == expected


_NONE = np.empty(0, np.int64)


def _plain_latest(calls: list[tuple[int, int, int]], at: int, key: int) -> int:
    rows = sorted((i for i in range(len(calls)) if calls[i][2] == key), key=lambda i: (calls[i][0], -calls[i][1], i))
    kept: list[int] = []
    for i in rows:
        if all(calls[other][0] + calls[other][1] < calls[i][0] + calls[i][1] for other in kept):
            kept.append(i)
    before = [i for i in kept if calls[i][0] <= at]
    return before[-1] if before else kept[0] if kept else -1


def test_calls_that_end_before_they_start_are_left_out(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(9, 5, 1).call(None, 3, 1).call(2, None, 1).call(4, 4, 1).kernel(10, 20, 1)
    idle = report.idle(tmp_path)
    assert launched_at(idle) == [(4, 4)]
    (warning,) = idle.trace.warnings
    assert warning.text.startswith("3 rows of CUPTI_ACTIVITY_KIND_RUNTIME have no start or no end, or end before they ")


def test_ops_by_stream(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 1, stream=8).kernel(2, 3, stream=7).kernel(4, 5, stream=8)
    order, bounds = by_stream(report.trace(tmp_path).ops)
    groups = [order[low:high].tolist() for low, high in pairwise(bounds)]
    assert groups == [[1], [0, 2]]
