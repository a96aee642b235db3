"""From when to when a report holds events."""

from __future__ import annotations

from pathlib import Path

from report_builder import ReportBuilder

from nsysgap.analysis.events_from import events_from_to


def test_the_first_start_and_the_last_end_of_any_table(tmp_path: Path) -> None:
    report = ReportBuilder().launch((20, 25), (30, 40)).nvtx(10, 35, "step").osrt(30, 90, "poll")
    assert events_from_to(report.trace(tmp_path)) == [10, 90]


def test_a_report_without_events_has_no_such_time(tmp_path: Path) -> None:
    assert events_from_to(ReportBuilder().trace(tmp_path)) is None
