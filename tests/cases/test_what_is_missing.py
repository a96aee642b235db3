"""Is my trace complete: cases in which events were lost in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from case_answers import MS, US, answer, said, steps
from report_builder import ReportBuilder


def losses(document: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(one["kind"], one["count"], one["of"]) for one in document["completeness"]]


def without_ops(report: ReportBuilder, *lost: int) -> ReportBuilder:
    """100 launches, 100 us apart, of kernels of 99 us; these own none."""
    for i in range(100):
        at = MS + 100 * US * i
        if i in lost:
            report.call(at - 20 * US, at - 16 * US, 5000 + i)
        else:
            report.launch((at - 20 * US, at - 16 * US), (at, at + 99 * US))
    return report


def test_launches_that_left_no_kernel(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(without_ops(report, *range(30, 60)), tmp_path)
    assert losses(document) == [("lost_launches", 30, 100)]
    (loss,) = document["completeness"]
    assert (loss["first_ns"], loss["last_ns"], loss["pid"]) == (3980 * US, 6880 * US, 1)
    (device,) = document["devices"]
    assert device["idle_range_ns"] == [0, device["idle_ns"]]
    # Of 99 x 100 us + 99 us, 70 x 99 us were busy.
    assert "idle at most 30.7 %" in said(document, "incomplete")


def test_a_process_of_which_nothing_was_recorded(report: ReportBuilder, tmp_path: Path) -> None:
    steps(report, 10, MS)
    for i in range(9):
        report.call(MS * i, MS * i + 5, i + 1, "cuLaunchKernelEx", pid=4)
    document = answer(report, tmp_path)
    assert losses(document) == [("lost_launches", 9, 9)]
    assert "left no kernel (process 4" in said(document, "incomplete")


def test_launches_that_are_not_lost(report: ReportBuilder, tmp_path: Path) -> None:
    """Captured, failed, nested, or no launches at all."""
    steps(report, 10, MS)
    report.call(0, 1, 1, "cudaStreamBeginCapture").call(2, 3, 2).call(4, 5, 3, "cudaStreamEndCapture")
    report.call(6, 7, 4, returnValue=700).call(8, 9, 5, "cudaLaunchHostFunc")
    report.call(MS - 19 * US, MS - 18 * US, 77, "cuLaunchKernel")
    report.call(20, 40, 80, "cudaMemset2DAsync").call(22, 30, 81, "cuLaunchKernel").memset(50, 60, 80)
    document = answer(report, tmp_path)
    assert (losses(document), document["devices"][0]["idle_range_ns"]) == ([], None)


def on_another_clock(report: ReportBuilder, far: int, table: str = "kernel") -> ReportBuilder:
    """50 kernels, the session lasted 200 ms; three rows lie far from it."""
    report.row("ANALYSIS_DETAILS", duration=200 * MS, startTime=0, stopTime=200 * MS)
    steps(report, 50, 2 * MS)
    for i in range(3):
        at = far + i * MS
        report.kernel(at, at + US, 0) if table == "kernel" else report.osrt(at, at + US)
    return report


@pytest.mark.parametrize("far", [-(10**14), 10**14])
def test_rows_on_another_clock(report: ReportBuilder, tmp_path: Path, far: int) -> None:
    document = answer(on_another_clock(report, far), tmp_path)
    (device,) = document["devices"]
    assert (device["busy_ns"], device["idle_ns"]) == (50 * MS, 49 * MS)
    assert losses(document) == [("left_out", 3, 3)]
    assert "3 rows of CUPTI_ACTIVITY_KIND_KERNEL lie far outside the session" in said(document, "incomplete")


def test_other_rows_on_another_clock(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(on_another_clock(report, 10**14, "osrt"), tmp_path)
    assert losses(document) == [("left_out", 3, 3)]


def test_rows_within_the_bounds_stay(report: ReportBuilder, tmp_path: Path) -> None:
    """2 D + 10 s after the session's start is no other clock yet."""
    document = answer(on_another_clock(report, 10_400 * MS - 2 * MS), tmp_path)
    assert losses(document) == []


def test_ops_without_a_timestamp(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(steps(report, 3, MS).kernel(0, 0).kernel(9, 5), tmp_path)
    assert losses(document) == [("left_out", 1, 1), ("left_out", 1, 1)]
    assert "idle at most" in said(document, "incomplete")


def ranges_that_go_on(report: ReportBuilder, number: int, name: str = "step") -> ReportBuilder:
    """20 steps of 100 ms with CUDA, then ranges without."""
    for i in range(20):
        report.nvtx(100 * MS * i, 100 * MS * i + 95 * MS, "step")
        at = 100 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + 80 * MS))
    for i in range(20, 20 + number):
        report.nvtx(100 * MS * i, 100 * MS * i + 95 * MS, name)
    return report


def test_cuda_that_stops_early(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(ranges_that_go_on(report, 20), tmp_path)
    assert losses(document) == [("stopped_early", 20, 40)]
    assert "The last CUDA row is at 1.98 s of 4.00 s" in said(document, "incomplete")
    assert "20 of 40 NVTX ranges hold none" in said(document, "incomplete")


@pytest.mark.parametrize(("number", "name"), [(1, "step"), (20, "save results")])
def test_a_program_that_ends_without_cuda(report: ReportBuilder, tmp_path: Path, number: int, name: str) -> None:
    """One more range, or ranges of another name: nothing is missing."""
    assert losses(answer(ranges_that_go_on(report, number, name), tmp_path)) == []


def test_a_selection_outside_of_what_was_recorded(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(ranges_that_go_on(report, 30), tmp_path, "step")
    assert "Only 39.7 % of the selected time lies where GPU work was recorded" in said(document, "incomplete")


def open_ranges(report: ReportBuilder, number: int) -> ReportBuilder:
    """Ten steps of 4 ms, 10 ms apart; the last ones have no end."""
    steps(report, 10, 10 * MS)
    for i in range(10):
        report.nvtx(MS + 10 * MS * i, None if i >= 10 - number else 5 * MS + 10 * MS * i, "step")
    return report


@pytest.mark.parametrize("number", [1, 2])
def test_ranges_without_an_end(report: ReportBuilder, tmp_path: Path, number: int) -> None:
    document = answer(open_ranges(report, number), tmp_path, "step")
    assert f"{number} of 10 selected range" in said(document, "warning")
    assert "cut at the end of the trace" in said(document, "warning")


def test_ranges_that_all_end(report: ReportBuilder, tmp_path: Path) -> None:
    assert "selected range" not in said(answer(open_ranges(report, 0), tmp_path, "step"), "warning")
