"""Windows, busy time, gaps and the ops at their edges."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder, gap_parts

from nsysgap.analysis.idle.gap_chunks import op_columns
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.tables import NONE


def figures(idle: IdleReport) -> list[tuple[int, tuple[int, int], int, int]]:
    return [(one.device, one.window, one.busy, one.idle) for one in idle.devices]


def gaps(idle: IdleReport) -> list[tuple[int, int, int]]:
    return list(zip(idle.gaps.device.tolist(), idle.gaps.start.tolist(), idle.gaps.end.tolist(), strict=True))


def edge(idle: IdleReport, side: str, gap: int = 0) -> tuple[str, int] | None:
    """(kind, stream) of the op before or after a gap."""
    (found,) = op_columns(idle.trace, getattr(idle.gaps, side)[[gap]]).documents()
    return None if found is None else (found["kind"], found["stream"])


@pytest.mark.parametrize("stored", [7, 0, None, 1 << 31])
def test_ids_are_shown_as_stored(report: ReportBuilder, tmp_path: Path, stored: int | None) -> None:
    """A memory copy [20, 30) with odd IDs after a kernel [0, 10): NULL stays null, 0 stays 0, 32 bits are unsigned."""
    idle = report.kernel(0, 10).memcpy(20, 30, stored, stream=stored).idle(tmp_path)
    (after,) = op_columns(idle.trace, idle.gaps.after[:1]).documents()
    assert after is not None
    assert (after["correlation_id"], after["stream"]) == (stored, stored)


@pytest.mark.parametrize("node", [None, 1])
def test_ops_without_a_correlation_id_share_no_launch(report: ReportBuilder, tmp_path: Path, node: int | None) -> None:
    """Two kernels and a call whose correlation IDs are NULL, one whose ID is 0: nothing launched anything."""
    report.kernel(0, 10, None, node=node).kernel(20, 30, None, node=node)
    idle = report.call(-9, -5, None).call(-4, -2, 0).idle(tmp_path)
    assert gap_parts(idle) == [(10, 20, {"unknown": 10})]
    assert len(idle.latencies.op) == len(idle.graph_launches.first_op) == 0


def test_a_gap_is_where_no_op_runs(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(10, 30).kernel(20, 40, stream=8)  # overlap on two streams
    report.kernel(22, 25, stream=9)  # nested
    report.memcpy(40, 50)  # touches
    report.memset(60, 65, pid=2)  # another process on the same GPU
    report.kernel(70, 80)
    idle = report.idle(tmp_path)
    assert figures(idle) == [(0, (10, 80), 40 + 5 + 10, 10 + 5)]
    assert gaps(idle) == [(0, 50, 60), (0, 65, 70)]
    assert idle.devices[0].longest_gap == 10
    assert idle.devices[0].op_count == {"kernel": 4, "memcpy": 1, "memset": 1, "graph": 0}


def test_zero_length_ops_bound_gaps_only_at_the_window_s_edges(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(5, 5).kernel(10, 20).kernel(15, 15).kernel(25, 25).kernel(30, 40).kernel(50, 50)
    idle = report.idle(tmp_path)
    assert figures(idle) == [(0, (5, 50), 20, 25)]
    assert gaps(idle) == [(0, 5, 10), (0, 20, 30), (0, 40, 50)]
    starts = idle.trace.ops["start"]
    assert starts[idle.gaps.before].tolist() == [5, 10, 30]
    assert starts[idle.gaps.after].tolist() == [10, 30, 50]


def test_only_zero_length_ops(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(5, 5).kernel(9, 9)
    idle = report.idle(tmp_path)
    assert figures(idle) == [(0, (5, 9), 0, 4)]
    assert gaps(idle) == [(0, 5, 9)]


def test_one_op_has_no_gap(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(5, 9)
    idle = report.idle(tmp_path)
    assert figures(idle) == [(0, (5, 9), 4, 0)]
    assert len(idle.gaps) == 0


def test_untimed_and_broken_rows_are_left_out_and_counted(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(10, 20).kernel(0, 0).kernel(90, 80).memcpy(None, 70).memcpy(None, None).memset(60, None)
    report.kernel(95, 99, device=None)
    idle = report.idle(tmp_path)
    assert figures(idle) == [(0, (10, 20), 10, 0)]
    assert [notice.text.split(":")[0] for notice in idle.trace.warnings] == [
        "1 row of CUPTI_ACTIVITY_KIND_KERNEL has no timestamp",
        "1 row of CUPTI_ACTIVITY_KIND_KERNEL ends before it starts",
        "1 row of CUPTI_ACTIVITY_KIND_KERNEL names no device",
        "2 rows of CUPTI_ACTIVITY_KIND_MEMCPY have no timestamp",
        "1 row of CUPTI_ACTIVITY_KIND_MEMSET ends before it starts",
    ]


def test_devices_are_physical_gpus(report: ReportBuilder, tmp_path: Path) -> None:
    report.device(pid=1, ordinal=0, gpu=3).device(pid=2, ordinal=1, gpu=3).device(pid=2, ordinal=0, gpu=1)
    report.gpu(3, "GPU three")
    report.kernel(0, 10, device=0, pid=1)  # GPU 3
    report.kernel(20, 30, device=1, pid=2)  # GPU 3
    report.kernel(5, 6, device=0, pid=2)  # GPU 1
    report.kernel(7, 9, device=2, pid=1)  # not described: the process's own number stands
    idle = report.idle(tmp_path)
    assert figures(idle) == [(1, (5, 6), 1, 0), (2, (7, 9), 2, 0), (3, (0, 30), 20, 10)]
    assert [idle.trace.device(number).name for number in (1, 2, 3)] == [None, None, "GPU three"]


def test_ordinals_may_swap_gpus(report: ReportBuilder, tmp_path: Path) -> None:
    report.device(pid=1, ordinal=0, gpu=1).device(pid=1, ordinal=1, gpu=0)
    report.kernel(0, 1, device=0).kernel(5, 7, device=1)
    assert figures(report.idle(tmp_path)) == [(0, (5, 7), 2, 0), (1, (0, 1), 1, 0)]


TIE = {
    "one with a launch call before one without": (
        [("kernel", 1, 7), ("kernel", 2, 8)],
        [(2, 20)],
        ("kernel", 8),
    ),
    "the earliest launch call": ([("kernel", 1, 7), ("kernel", 2, 8)], [(1, 22), (2, 20)], ("kernel", 8)),
    "the lowest correlation ID": ([("kernel", 2, 7), ("kernel", 1, 8)], [(1, 20), (2, 20)], ("kernel", 8)),
    "kernel before memcpy": ([("memcpy", 1, 7), ("kernel", 1, 8)], [(1, 20)], ("kernel", 8)),
    "memcpy before memset": ([("memset", 1, 7), ("memcpy", 1, 8)], [(1, 20)], ("memcpy", 8)),
    "memset before graph": ([("graph_trace", 1, 7), ("memset", 1, 8)], [(1, 20)], ("memset", 8)),
    "the first row": ([("kernel", 1, 8), ("kernel", 1, 7)], [(1, 20)], ("kernel", 8)),
    "without any call, the lowest correlation ID": ([("kernel", 2, 7), ("kernel", 1, 8)], [], ("kernel", 8)),
}


@pytest.mark.parametrize(("ops", "calls", "expected"), TIE.values(), ids=TIE)
def test_after_op_of_several_that_start_together(
    report: ReportBuilder,
    tmp_path: Path,
    ops: list[tuple[str, int, int]],
    calls: list[tuple[int, int]],
    expected: tuple[str, int],
) -> None:
    report.kernel(0, 10)
    for kind, correlation, stream in ops:
        getattr(report, kind)(50, 60, correlation, stream=stream)
    for correlation, start in calls:
        report.call(start, start + 1, correlation)
    assert edge(report.idle(tmp_path), "after") == expected


def test_a_zero_length_op_is_no_after_op(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10).kernel(50, 50, 1, stream=8).call(20, 21, 1).kernel(50, 60, stream=9)
    assert edge(report.idle(tmp_path), "after") == ("kernel", 9)


def test_before_op_ends_where_the_gap_starts(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 50, stream=7).kernel(10, 20, stream=8).memcpy(30, 40, stream=9)
    report.kernel(60, 70)
    assert edge(report.idle(tmp_path), "before") == ("kernel", 7)


def test_two_gpus_have_gaps_of_their_own(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10, device=0).kernel(30, 40, device=0).kernel(12, 20, device=1).kernel(21, 25, device=1)
    idle = report.idle(tmp_path)
    assert gaps(idle) == [(0, 10, 30), (1, 20, 21)]
    assert gaps(report.idle(tmp_path, device=1)) == [(1, 20, 21)]


def test_no_op_at_all(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 10, 1)
    idle = report.idle(tmp_path)
    assert (idle.devices, len(idle.gaps), idle.gaps.longest(5).tolist()) == ([], 0, [])
    assert idle.gaps.after.tolist() == [NONE] * 0


def test_longest_gaps_first_then_device_then_start(report: ReportBuilder, tmp_path: Path) -> None:
    for device in (1, 0):
        report.kernel(0, 10, device=device).kernel(15, 20, device=device).kernel(25, 30, device=device)
    report.kernel(40, 50, device=1)
    idle = report.idle(tmp_path)
    order = [gaps(idle)[row] for row in idle.gaps.longest()]
    assert order == [(1, 30, 40), (0, 10, 15), (0, 20, 25), (1, 10, 15), (1, 20, 25)]
    assert [gaps(idle)[row] for row in idle.gaps.longest(2)] == order[:2]
    assert [gaps(idle)[row] for row in idle.gaps.longest(None, at_least=6)] == order[:1]
    assert idle.gaps.longest(0).tolist() == []
