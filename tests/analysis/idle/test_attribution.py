"""The ten parts of a gap: which nanoseconds each takes, and which comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_builder import ReportBuilder, gap_parts

from nsysgap.causes import PARTS
from nsysgap.report.reads import LATEST

Parts = dict[str, int]


def gap_until(report: ReportBuilder, start: int = 100, end: int = 200) -> ReportBuilder:
    """Ops around a gap; the call of the second, with correlation ID 2, is the test's."""
    return report.kernel(0, start, 1).call(0, 1, 1).kernel(end, end + 10, 2)


LAUNCHES = {
    "returned before the gap": ((20, 50), {"queued": 100}),
    "returned as the gap began": ((50, 100), {"queued": 100}),
    "returned inside": ((50, 130), {"launch": 30, "queued": 70}),
    "entered and returned inside": ((120, 150), {"host": 20, "launch": 30, "queued": 50}),
    "returned as the op started": ((120, 200), {"host": 20, "launch": 80}),
    "returned later": ((120, 300), {"host": 20, "launch": 80}),
    "all the gap long": ((50, 300), {"launch": 100}),
    "took no time": ((150, 150), {"host": 50, "queued": 50}),
    "began as the op started": ((200, 210), {"host": 100}),
    "began after the op (clock skew)": ((220, 230), {"host": 100}),
}


@pytest.mark.parametrize(("call", "expected"), LAUNCHES.values(), ids=LAUNCHES)
def test_the_launch_call(report: ReportBuilder, tmp_path: Path, call: tuple[int, int], expected: Parts) -> None:
    gap_until(report).call(*call, 2)
    assert gap_parts(report.idle(tmp_path)) == [(100, 200, expected)]


def test_each_part_before_the_launch_by_what_the_thread_did(report: ReportBuilder, tmp_path: Path) -> None:
    gap_until(report, 0 + 100, 1000).call(900, 950, 2)
    report.overhead(100, 110)
    report.sync(110, 130, record=False)
    report.sync(130, 560, record=False)  # 430 ns without any op of the process
    report.call(560, 600, 3, "cudaMalloc_v3020")
    report.osrt(600, 650)
    expected = {"profiler": 10, "sync": 20, "untraced": 430, "cuda_api": 40, "os": 50, "host": 250}
    idle = report.idle(tmp_path, hidden_after_ns=400)
    assert gap_parts(idle) == [(100, 1000, {**expected, "launch": 50, "queued": 50})]
    assert idle.devices[0].idle_by_part.sum() == 900


PRIORITIES = {
    "profiler over sync": (["overhead", "sync"], {"profiler": 60, "host": 40}),
    "profiler over untraced": (["overhead", "long sync"], {"profiler": 60, "untraced": 30, "host": 10}),
    "profiler over cuda_api": (["overhead", "api"], {"profiler": 60, "host": 40}),
    "sync over cuda_api": (["sync", "api"], {"sync": 60, "host": 40}),
    "untraced over cuda_api": (["long sync", "api"], {"untraced": 90, "host": 10}),
    "untraced over a shorter sync": (["long sync", "sync"], {"untraced": 90, "host": 10}),
    "sync over os": (["sync", "osrt"], {"sync": 60, "host": 40}),
    "cuda_api over os": (["api", "osrt"], {"cuda_api": 60, "host": 40}),
    "os over host": (["osrt"], {"os": 60, "host": 40}),
}


@pytest.mark.parametrize(("rows", "expected"), PRIORITIES.values(), ids=PRIORITIES)
def test_of_two_at_once_the_first_that_applies(
    report: ReportBuilder, tmp_path: Path, rows: list[str], expected: Parts
) -> None:
    gap_until(report).call(200, 210, 2)
    for row in rows:
        if row == "overhead":
            report.overhead(100, 160)
        elif row == "sync":
            report.sync(100, 160, record=False)
        elif row == "long sync":
            report.sync(100, 190, record=False)
        elif row == "api":
            report.call(100, 160, 9, "cudaMemcpy_v3020")
        elif row == "osrt":
            report.osrt(100, 160)
    assert gap_parts(report.idle(tmp_path, hidden_after_ns=80)) == [(100, 200, expected)]


@pytest.mark.parametrize(("tid", "pid"), [(2, 1), (1, 2)])
def test_only_the_launching_thread_counts(report: ReportBuilder, tmp_path: Path, tid: int, pid: int) -> None:
    gap_until(report).call(200, 210, 2)
    report.overhead(100, 120, tid=tid, pid=pid).osrt(120, 140, tid=tid, pid=pid)
    report.call(140, 160, 9, "cudaMalloc", tid=tid, pid=pid).sync(160, 180, tid=tid, pid=pid)
    assert gap_parts(report.idle(tmp_path)) == [(100, 200, {"host": 100})]


@pytest.mark.parametrize(
    "name",
    [
        *("cudaStreamSynchronize_v3020", "cudaDeviceSynchronize_v3020", "cudaEventSynchronize_v3020"),
        *("cudaStreamSynchronize_ptsz_v7000", "cuStreamSynchronize", "cuCtxSynchronize", "cuEventSynchronize"),
    ],
)
def test_synchronising_calls(report: ReportBuilder, tmp_path: Path, name: str) -> None:
    gap_until(report).call(200, 210, 2).sync(100, 150, name=name)
    assert gap_parts(report.idle(tmp_path)) == [(100, 200, {"sync": 50, "host": 50})]


@pytest.mark.parametrize("name", ["cudaStreamWaitEvent_v3020", "cudaEventQuery_v3020", "cudaMemcpy_v3020", "cudaFree"])
def test_other_calls_do_not_synchronise(report: ReportBuilder, tmp_path: Path, name: str) -> None:
    gap_until(report).call(200, 210, 2).call(100, 150, 9, name)
    assert gap_parts(report.idle(tmp_path)) == [(100, 200, {"cuda_api": 50, "host": 50})]


def test_nested_and_crossing_rows_count_once(report: ReportBuilder, tmp_path: Path) -> None:
    gap_until(report).call(200, 210, 2)
    report.call(100, 160, 3, "cudaMalloc").call(110, 120, 4, "cuMemAlloc_v2").call(150, 170, 5, "cudaFree")
    report.osrt(90, 180).osrt(165, 185)
    assert gap_parts(report.idle(tmp_path)) == [(100, 200, {"cuda_api": 70, "os": 15, "host": 15})]


@pytest.mark.parametrize(("hidden_after", "part"), [(49, "untraced"), (50, "sync"), (51, "sync")])
def test_untraced_is_longer_than_the_threshold(
    report: ReportBuilder, tmp_path: Path, hidden_after: int, part: str
) -> None:
    gap_until(report).call(200, 210, 2).sync(100, 150)
    idle = report.idle(tmp_path, hidden_after_ns=hidden_after)
    assert gap_parts(idle) == [(100, 200, {part: 50, "host": 50})]


def test_untraced_is_measured_before_the_cut_to_the_gap(report: ReportBuilder, tmp_path: Path) -> None:
    """The process was without work from 100 to 180; this GPU's gap holds 30 ns of that."""
    report.kernel(0, 100, 1, pid=1).sync(20, 180, pid=1)
    report.kernel(100, 150, 8, pid=2)  # another process keeps the GPU busy, not this process
    report.call(185, 186, 2).kernel(190, 195, 2)
    assert gap_parts(report.idle(tmp_path, hidden_after_ns=79)) == [
        (150, 190, {"untraced": 30, "host": 5, "launch": 1, "queued": 4})
    ]


def test_work_on_another_gpu_is_no_untraced_time(report: ReportBuilder, tmp_path: Path) -> None:
    gap_until(report).call(200, 210, 2).sync(100, 190)
    report.kernel(110, 180, device=1)  # of the same process: 10 ns before and after it are short
    idle = report.idle(tmp_path, hidden_after_ns=10)
    assert gap_parts(idle) == [(100, 200, {"sync": 90, "host": 10})]


def test_a_gap_of_a_graph_is_the_gpu_s_own_step(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 5), (10, 20), (25, 30), (30, 31), (50, 60))
    report.graph_launch((70, 75), (80, 90), (95, 99))
    assert gap_parts(report.idle(tmp_path)) == [
        (20, 25, {"in_graph": 5}),
        (31, 50, {"in_graph": 19}),
        (60, 80, {"host": 10, "launch": 5, "queued": 5}),  # the first node: launched like any op
        (90, 95, {"in_graph": 5}),
    ]


def test_in_graph_needs_a_graph_op_of_the_same_launch(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 5, 1).call(0, 5, 1, pid=2)
    report.kernel(10, 20, 1, node=1, pid=1)
    report.kernel(30, 40, 1, node=1, pid=2)  # the same number in another process: its first node
    report.kernel(50, 60, 1, pid=1)  # the same launch, but no graph node
    report.kernel(70, 80, 0, node=2)  # no correlation ID
    assert gap_parts(report.idle(tmp_path)) == [
        (20, 30, {"queued": 10}),
        (40, 50, {"queued": 10}),
        (60, 70, {"unknown": 10}),
    ]


def test_an_op_on_another_gpu_may_have_begun_the_graph(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10).kernel(20, 30, 5, node=2).kernel(12, 15, 5, node=1, device=1)
    assert gap_parts(report.idle(tmp_path)) == [(10, 20, {"in_graph": 10})]


def test_without_a_launch_call_unknown(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10).kernel(20, 30, 7).memcpy(40, 50, 0, copyKind=11).memcpy(60, 70, None)
    report.call(0, 1, 0).call(0, 1, None)
    report.kernel(80, 80)  # ends the window, without being an after-op
    assert [parts for _, _, parts in gap_parts(report.idle(tmp_path))] == [{"unknown": 10}] * 4


@pytest.mark.parametrize(("call", "cause"), [((50, 150), "queued"), ((120, 160), "queued"), ((150, 200), "launch")])
def test_the_cause_of_equal_parts_is_the_first(
    report: ReportBuilder, tmp_path: Path, call: tuple[int, int], cause: str
) -> None:
    """50 launch and 50 queued; 20 host, 40 launch and 40 queued; 50 host and 50 launch."""
    idle = gap_until(report).call(*call, 2).idle(tmp_path)
    assert [PARTS[one] for one in idle.gaps.cause] == [cause]
    assert idle.gaps_by_cause() == {part: int(part == cause) for part in PARTS}


def test_times_beyond_any_clock(report: ReportBuilder, tmp_path: Path) -> None:
    """Negative times, and the latest that are read (73 years), as exact as any; later ones are left out as damage."""
    far = LATEST - 10
    report.call(-40, -30, 1).kernel(-20, -10, 1).call(far, far + 3, 2).kernel(far + 5, far + 9, 2)
    expected = {"host": far + 10, "launch": 3, "queued": 2}
    assert gap_parts(report.idle(tmp_path)) == [(-10, far + 5, expected)]


def test_parts_of_more_gaps_than_are_kept(report: ReportBuilder, tmp_path: Path) -> None:
    """Totals are summed while parts are worked out; parts of a long list are worked out again: the same."""
    for i in range(1_200):
        report.launch((i * 10 + 2, i * 10 + 3), (i * 10 + 4, i * 10 + 10 - i % 3))
    idle = report.idle(tmp_path)
    whole = idle.parts(np.arange(len(idle.gaps)))
    few = idle.gaps.longest(50)
    assert len(idle.gaps) > 1_000
    assert idle.devices[0].idle_by_part.tolist() == whole.sum(axis=0).tolist()
    assert idle.parts(few).tolist() == whole[few].tolist()
