"""Untraced time, the hardware's evidence and the figures of a comparison, on reports that fit on one screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_builder import ReportBuilder
from untraced_reports import DARK_CALLS, DARK_KERNELS, idle_of, report

from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.untraced import UntracedKernel, untraced_pieces, untraced_summary
from nsysgap.intervals import IntervalSet
from nsysgap.render.text.untraced import untraced_lines
from nsysgap.report import open_source, read_trace


def test_untraced_piece_names_the_kernel_before_it_and_gives_a_range(tmp_path: Path) -> None:
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100)
    found = untraced_pieces(idle)
    assert list(zip(found.start.tolist(), found.end.tolist(), found.gap.tolist(), strict=True)) == [(200, 1000, 0)]
    [summary] = untraced_summary(idle, found)
    assert (summary.untraced_ns, summary.idle_low_ns, summary.idle_high_ns, summary.window_ns) == (800, 100, 900, 1200)
    assert list(summary.idle_percent) == pytest.approx([100 * 100 / 1200, 100 * 900 / 1200])
    assert summary.kernels == (UntracedKernel("kernel", "parent", 1, 800, dark_runs=1, runs=1, likely=False),)


def test_without_untraced_time_there_is_no_range(tmp_path: Path) -> None:
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=800)  # not longer than 800
    assert untraced_summary(idle) == ()
    [device] = gaps_document(idle, idle.gaps.longest())["devices"]
    assert device["untraced"] is None


def test_selection_cuts_untraced_pieces(tmp_path: Path) -> None:
    with open_source(report(tmp_path, DARK_KERNELS, DARK_CALLS)) as source:
        selection = IntervalSet(np.array([500]), np.array([1150]))
        idle = IdleReport(read_trace(source), selection=selection, hidden_after_ns=100)
    [summary] = untraced_summary(idle)
    assert (summary.untraced_ns, summary.idle_high_ns, summary.window_ns) == (500, 600, 650)


def test_every_gpu_has_its_own_range_for_one_wait(tmp_path: Path) -> None:
    kernels = [*DARK_KERNELS, (120, 180, 1, 5, 2), (1150, 1250, 1, 6, 2)]
    calls = [*DARK_CALLS, (92, 98, 5, 3), (1062, 1066, 6, 3)]
    first, second = untraced_summary(idle_of(report(tmp_path, kernels, calls), hidden_after_ns=100))
    assert (first.device, first.untraced_ns, second.device, second.untraced_ns) == (0, 800, 1, 800)


@pytest.mark.parametrize(
    ("dark", "plain", "returned", "likely"),
    [(10, 0, False, True), (9, 1, False, True), (8, 2, False, False), (2, 0, False, False), (10, 0, True, False)],
)
def test_unseen_work_is_likely_where_nearly_every_run_shows_it_and_no_sync_had_returned(
    report: ReportBuilder, tmp_path: Path, dark: int, plain: int, returned: bool, likely: bool
) -> None:
    """Kernels of 10 us, 1 ms apart: after dark ones a sync lasts 500 us, after a short sync if `returned`."""
    for i in range(dark + plain):
        at = i * 1_000_000
        report.launch((at, at + 1_000), (at + 2_000, at + 12_000), "parent")
        if returned:
            report.sync(at + 3_000, at + 13_000)
        report.sync(at + 14_000, at + (514_000 if i < dark else 15_000))
    report.launch((20_000_000, 20_001_000), (20_002_000, 20_003_000), "last")
    [summary] = untraced_summary(report.idle(tmp_path))
    [kernel] = summary.kernels
    assert (kernel.name, kernel.dark_runs, kernel.runs, kernel.likely) == ("parent", dark, dark + plain, likely)
    text = " ".join(
        str(line) for line in untraced_lines(gaps_document(report.idle(tmp_path), np.empty(0, np.intp))["devices"])
    )
    assert f"({dark} of {dark + plain} runs, " in text
    assert ("probably" in text, "or the calls returned late" in text) == (likely, not likely)
