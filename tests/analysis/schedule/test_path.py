"""The critical path: its parts sum to the stretch, whatever the report; and what each kind of waiting becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_reports import Row, build, report_rows
from report_builder import ReportBuilder
from schedule_models import model_of, models_of

from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.path import End, critical_path, last_end
from nsysgap.analysis.schedule.path_rows import host_time, parts_of, path_rows
from nsysgap.analysis.schedule.replay import replay


def whole(model: Model) -> dict[str, int]:
    """The parts of everything that have time."""
    path = critical_path(model.schedule, model.unchanged, model.calls.origin, last_end(model.schedule, model.unchanged))
    host = host_time(model, path, np.zeros(model.trace.nvtx.rows, np.bool_))
    parts = parts_of(model, path, host)
    assert sum(parts.values()) == path.end - path.start == sum(row.ns for row in path_rows(model, path, host))
    return {part: ns for part, ns in parts.items() if ns}


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=report_rows(), data=st.data())
def test_parts_sum_to_any_stretch_of_any_report(rows: list[Row], data: st.DataObject, tmp_path: Path) -> None:
    for model in models_of(build(rows).save(tmp_path)):
        if not len(model.calls.row):
            continue
        last = last_end(model.schedule, model.unchanged).time
        start = data.draw(st.integers(model.calls.origin, max(last, model.calls.origin)))
        end = data.draw(st.integers(start, max(last, start)))
        thread = data.draw(st.sampled_from(sorted(set(model.schedule.thread.tolist()))))
        assert critical_path(model.schedule, model.unchanged, start, End(end, thread=thread)).total == end - start
        whole(model)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=report_rows(), data=st.data())
def test_taking_out_a_part_gains_at_most_that_part(rows: list[Row], data: st.DataObject, tmp_path: Path) -> None:
    for model in models_of(build(rows).save(tmp_path)):
        schedule = model.schedule
        if not len(model.calls.row) or (schedule.delta + schedule.duration < 0).any() or (schedule.latency < 0).any():
            continue  # an op before its own call has a path that does not lead to that call
        end = last_end(schedule, model.unchanged)
        path = critical_path(schedule, model.unchanged, model.calls.origin, end)
        part = data.draw(st.sampled_from(["gpu", "gap", "call"]))
        if part == "gpu":
            changed, most = replace(schedule, duration=schedule.duration // 2), int(path.gpu.sum())
        elif part == "gap":
            last = path.last[2] - path.last[1] if path.last else 0  # before a call of no length, with which all ends
            changed, most = (
                replace(schedule, gap=np.minimum(schedule.gap, 0)),
                last + int(np.maximum(path.gap, 0).sum()),
            )
        else:
            changed, most = replace(schedule, base=np.minimum(schedule.base, 1)), int(path.call.sum())
        assert end.time - last_end(changed, replay(changed)).time <= most


def test_a_launch_onto_a_free_gpu(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (9, 30)).launch((20, 50), (70, 100))
    assert whole(model_of(report, tmp_path)) == {"launch_calls": 5, "host": 15, "launch_latency": 50, "gpu": 30}


def test_a_stream_that_is_busy(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (10, 10_000)).launch((6, 8), (10_100, 20_000))
    assert whole(model_of(report, tmp_path)) == {"launch_latency": 10, "gpu": 19_890, "between_ops": 100}


def test_a_wait_for_the_gpu(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (10, 10_000)).sync(20, 14_000)
    assert whole(model_of(report, tmp_path)) == {"launch_latency": 10, "gpu": 9_990, "sync_tail": 4_000}


def test_a_wait_that_found_nothing(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (10, 20)).sync(100, 300)
    assert whole(model_of(report, tmp_path)) == {"launch_calls": 5, "host": 95, "other_calls": 200}


def test_a_blocking_copy(tmp_path: Path) -> None:
    report = ReportBuilder().call(0, 9_000, 1, "cudaMemcpyAsync").memcpy(1_000, 8_000, 1, copyKind=2, dstKind=0)
    assert whole(model_of(report, tmp_path)) == {"launch_latency": 1_000, "gpu": 7_000, "sync_tail": 1_000}


def test_another_stream_that_is_awaited(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (100, 20_000), stream=7)
    report.event_record(20, 30, 90, stream=7, event=5, event_sync=6)
    report.call(40, 50, 91, "cudaStreamWaitEvent").sync_record(91, stream=8, event=5, event_sync=6)
    report.launch((60, 70), (20_500, 21_000), stream=8)
    assert whole(model_of(report, tmp_path)) == {"launch_latency": 100, "gpu": 20_400, "between_ops": 500}


def test_time_between_calls_by_range_and_os_call(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (9, 30)).launch((1_000, 1_050), (1_070, 1_100))
    report.nvtx(100, 600, "load").nvtx(200, 300, "decode").osrt(500, 700, "read")
    model = model_of(report, tmp_path)
    end = last_end(model.schedule, model.unchanged)
    path = critical_path(model.schedule, model.unchanged, 0, end)
    host = host_time(model, path, np.zeros(model.trace.nvtx.rows, np.bool_))
    rows = [(row.part, row.name, row.detail, row.ns) for row in path_rows(model, path, host)]
    assert [row for row in rows if row[0] in ("host", "os_wait")] == [
        ("host", "own code", "", 95 + 300),
        ("host", "load", "", 100 + 200),
        ("host", "decode", "", 100),
        ("os_wait", "read", "load", 100),
        ("os_wait", "read", "", 100),
    ]


def test_a_full_queue_leads_to_the_op_that_made_room(tmp_path: Path) -> None:
    report, ends, at = ReportBuilder(), [10_000_000], 0
    for number in range(1_060):
        call_end = at + 2_000 if number < 1_005 else ends[number - 1_004] + 4_000
        start = ends[-1] + 100 if number else 9_900_000
        took = 100_000 + 37 * (number * 7_919 % 1_000)
        report.launch((at, call_end), (start, start + took))
        ends.append(start + took)
        at = call_end + 500
    report.call(at, at + 100, 9_999, "cudaEventRecord_v3020")
    model = model_of(report, tmp_path)
    path = critical_path(model.schedule, model.unchanged, 0, End(at, thread=0))
    assert path.total == at
    assert int(path.gpu.sum()) > 0.35 * at
