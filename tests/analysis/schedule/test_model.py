"""The model of a process: exact on every real report, and each rule of it on a small report."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from random_reports import Row, build, report_rows
from real_reports import real_reports
from report_builder import ReportBuilder
from schedule_models import full_queue, model_of, models_of, same_replay

from nsysgap.analysis.schedule.calls import CONTEXT_SYNC, FREE, LAUNCH, RECORD, WAIT
from nsysgap.analysis.schedule.limits import doubts
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.replay import replay
from nsysgap.analysis.schedule.replay_loop import replay_by_loop
from nsysgap.analysis.schedule.stretch import time_stretch
from nsysgap.answers.opening import opened

LONG = 20_000


def shifted(model: Model, **columns: Any) -> list[int]:
    """The calls' ends in a replay with some columns replaced."""
    ends: list[int] = replay(replace(model.schedule, **columns)).call_end.tolist()
    return ends


@pytest.mark.usefixtures("traces_dir")
def test_real_reports_replay_exactly(tmp_path: Path) -> None:
    modelled = 0
    for packed in real_reports():
        path = tmp_path / packed.name.removesuffix(".xz")
        path.write_bytes(lzma.decompress(packed.read_bytes()))
        for model in models_of(path):
            if len(model.calls.row):
                modelled += 1
                assert model.off_by == 0, packed.name
                same_replay(model.unchanged, replay_by_loop(model.schedule), packed.name)
        path.unlink()
    assert modelled > 20


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=report_rows())
def test_any_report_replays_exactly(rows: list[Row], tmp_path: Path) -> None:
    for model in models_of(build(rows).save(tmp_path)):
        assert model.off_by == 0


def test_nested_calls_are_left_out_and_their_ops_belong_to_the_outer_call(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.call(0, 100, 1).call(10, 90, 2, "cuLaunchKernel").kernel(150, 200, 2)
    model = model_of(report, tmp_path)
    assert model.calls.nested == 1
    assert model.calls.start.tolist() == [0]
    assert model.ops.call.tolist() == [0]


def test_only_significant_calls_are_walked_and_the_others_counted_in_gaps(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (20, 30)).call(11, 12, 0, "cudaGetDevice").call(13, 14, 0, "cudaGetLastError")
    report.sync(20, 40)
    model = model_of(report, tmp_path)
    assert model.calls.role.tolist() == [LAUNCH, CONTEXT_SYNC]
    assert model.calls.gap.tolist() == [0, 10]
    assert model.calls.inside_gap.tolist() == [0, 2]


def test_ops_of_one_graph_launch_are_one(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.graph_launch((0, 10), (20, 30), (25, 60), (40, 50))
    model = model_of(report, tmp_path)
    assert (model.ops.start.tolist(), model.ops.end.tolist(), model.ops.nodes.tolist()) == ([20], [60], [3])


def test_a_sync_that_waited_keeps_its_tail(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (100, 10_000)).sync(20, 12_000)
    model = model_of(report, tmp_path)
    assert shifted(model, duration=model.schedule.duration + 500)[-1] == 12_500


def test_a_sync_that_found_nothing_waits_once_there_is_something(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (20, 30)).sync(1_000, 2_000)
    model = model_of(report, tmp_path)
    assert shifted(model)[-1] == 2_000
    ends_at, usual_tail = 20 + 50_000, 3_000
    assert shifted(model, duration=np.array([50_000]))[-1] == ends_at + usual_tail


def test_a_free_that_returned_right_after_the_gpu_had_finished_waited_for_it(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (100, 10_000)).call(20, 11_000, 0, "cudaFree_v3020")
    model = model_of(report, tmp_path)
    assert model.calls.role.tolist() == [LAUNCH, FREE]
    assert shifted(model, duration=model.schedule.duration + 500)[-1] == 11_500


@pytest.mark.parametrize("end", [5_000, 10_000 + 200_000], ids=["before the GPU had finished", "long after it"])
def test_any_other_free_is_a_plain_call(tmp_path: Path, end: int) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (100, 10_000)).call(20, end, 0, "cudaFree_v3020")
    model = model_of(report, tmp_path)
    assert shifted(model, duration=model.schedule.duration + 500)[-1] == end


def test_a_blocking_copy_returns_after_the_copy(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.call(0, 9_000, 1, "cudaMemcpyAsync").memcpy(1_000, 8_000, 1, copyKind=2, srcKind=2, dstKind=0)
    model = model_of(report, tmp_path)
    assert model.schedule.blocks.tolist() == [True]
    assert shifted(model, duration=np.array([7_700])) == [9_700]


@pytest.mark.parametrize(
    ("memory", "size", "end", "staged"),
    [(0, 65_536, 6_000, True), (1, 65_536, 6_000, False), (0, 65_535, 6_000, False), (0, 65_536, 4_000, False)],
    ids=["staged", "pinned", "small", "returned before half of it"],
)
def test_a_staged_copy_blocks_although_its_call_returned_before(
    tmp_path: Path, memory: int, size: int, end: int, staged: bool
) -> None:
    report = ReportBuilder()
    report.call(0, end, 1, "cudaMemcpyAsync").memcpy(1_000, 9_000, 1, bytes=size, srcKind=memory, dstKind=2)
    model = model_of(report, tmp_path)
    assert model.schedule.blocks.tolist() == [staged]
    assert shifted(model, duration=np.array([8_000 + LONG])) == [end + LONG if staged else end]


def test_a_stream_that_awaits_an_event_starts_after_what_it_stands_for(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (100, 10_000), stream=7)
    report.event_record(20, 30, 90, stream=7, event=5, event_sync=6)
    report.call(40, 50, 91, "cudaStreamWaitEvent_v3020").sync_record(91, stream=8, event=5, event_sync=6)
    report.launch((60, 70), (10_500, 11_000), stream=8)
    model = model_of(report, tmp_path)
    assert model.calls.role.tolist() == [LAUNCH, RECORD, WAIT, LAUNCH]
    later = replay(replace(model.schedule, duration=model.schedule.duration + np.array([LONG, 0])))
    assert later.op_start.tolist() == [100, 10_500 + LONG]


def test_an_event_is_awaited_no_further_than_it_was_recorded(tmp_path: Path) -> None:
    report = ReportBuilder()
    report.launch((0, 10), (100, 10_000))
    report.event_record(20, 30, 90, event=5, event_sync=6)
    report.launch((40, 50), (10_100, 30_000))
    report.sync(60, 12_000, 91, "cudaEventSynchronize_v3020", event=5, event_sync=6)
    model = model_of(report, tmp_path)
    assert shifted(model, duration=model.schedule.duration + np.array([0, LONG]))[-1] == 12_000
    assert shifted(model, duration=model.schedule.duration + np.array([LONG, 0]))[-1] == 12_000 + LONG


def test_threads_that_hand_over_to_each_other_are_one(tmp_path: Path) -> None:
    report = ReportBuilder()
    for turn in range(4):
        for call, tid in [*((n, 1) for n in range(8)), *((n, 2) for n in range(8, 14))]:
            at = 100_000 * turn + 1_000 * call
            report.launch((at, at + 400), (at + 500, at + 900), tid=tid)
    model = model_of(report, tmp_path)
    assert [len(group) for group in model.calls.threads] == [2]
    slower = replace(model.schedule, base=model.schedule.base + np.array([LONG] + [0] * 55))
    assert replay(slower).call_start[8:].tolist() == (model.calls.start[8:] + LONG).tolist()


def test_threads_that_work_side_by_side_are_two(tmp_path: Path) -> None:
    report = ReportBuilder()
    for number in range(40):
        report.launch((1_000 * number, 1_000 * number + 700), (1_000 * number + 800, 1_000 * number + 900))
    for number in range(25):
        at = 1_000 * number + 500
        report.launch((at, at + 700), (at + 800, at + 900), tid=2, stream=8)
    model = model_of(report, tmp_path)
    assert [len(group) for group in model.calls.threads] == [1, 1]


def test_launches_wait_for_room_in_a_full_queue(tmp_path: Path) -> None:
    model = model_of(full_queue(30), tmp_path)
    assert model.back_pressure.lengths == {0: 1_005}
    assert int(model.back_pressure.blocked.sum()) == 30
    assert model.off_by == 0
    faster = replay(replace(model.schedule, duration=model.schedule.duration // 2))
    assert faster.call_end[-1] < model.calls.end[-1] - 30 * 40_000


def test_too_few_blocked_launches_tell_no_length_of_a_queue(tmp_path: Path) -> None:
    model = model_of(full_queue(10), tmp_path)
    assert model.back_pressure.lengths == {}
    assert len(model.back_pressure.unexplained) == 10
    assert model.off_by == 0
    (said,) = doubts(model, time_stretch(model, None, None))
    assert said.startswith("10 launches waited while 1,000 or more operations were queued, and no length of the queue")


def test_waits_cover_what_the_analysis_of_syncs_says(real_report: Callable[[str], Path]) -> None:
    for name in ("s3.13.2_cloverleaf", "fleet_host_rank0", "s3.23.3_balinski"):
        with opened(real_report(name)) as report:
            found = report.idle().syncs
        (model,) = models_of(real_report(name))
        number = {row: place for place, row in enumerate(model.calls.row.tolist())}
        waited = [(number[call], end) for call, end in zip(found.call.tolist(), found.finished.tolist(), strict=True)]
        assert waited
        for place, end in waited:
            covered = int(model.unchanged.covered[place])
            assert max(covered, int(model.calls.start[place])) == max(end, int(model.calls.start[place]))


def test_waiting_for_the_null_stream_waits_for_blocking_streams(real_case: Callable[[str], Path]) -> None:
    (model,) = models_of(real_case("null_stream_sync"))
    waits = model.schedule.waits
    assert (model.unchanged.covered[waits] == model.ops.end).all()
