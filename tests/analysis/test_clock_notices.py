"""Sync calls that return early: the clocks' difference where it is the rule, no word of clocks where nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.clock_notices import clock_notices
from nsysgap.answers.info import info
from nsysgap.answers.opening import opened


def said(report: ReportBuilder, folder: Path) -> list[tuple[str, str]]:
    idle = report.idle(folder)
    return [(one.level, one.text) for one in clock_notices(idle.latencies, idle.syncs)]


def waits(report: ReportBuilder, early: int, late: int, by: int = 6_000) -> ReportBuilder:
    """Kernels of 50 us, each waited for: `early` calls return `by` ns before its end, `late` ones 1 us after it."""
    for i in range(early + late):
        at, end = i * 100_000, i * 100_000 + 60_000
        report.launch((at, at + 1_000), (at + 10_000, end)).sync(at + 2_000, end - by if i < early else end + 1_000)
    return report


@pytest.mark.parametrize(("early", "late"), [(9, 1), (6, 4), (5, 5)])
def test_early_as_a_rule_is_the_gpu_s_clock(report: ReportBuilder, tmp_path: Path, early: int, late: int) -> None:
    [(level, text)] = said(waits(report, early, late), tmp_path)
    assert level == "warning"
    assert text.startswith(f"{early} of 10 sync calls return early, by 6.00 us on median")
    assert "queues and latencies are too long, and 'sync' too short" in text


def test_it_is_said_in_info_too(report: ReportBuilder, tmp_path: Path) -> None:
    with opened(waits(report, 9, 1).save(tmp_path)) as opened_report:
        texts = [one.text for one in info(opened_report).header.warnings]
    assert any("9 of 10 sync calls return early" in text for text in texts)


@pytest.mark.parametrize(("early", "late"), [(1, 9), (4, 6), (2, 0)])
def test_some_early_calls_say_less(report: ReportBuilder, tmp_path: Path, early: int, late: int) -> None:
    [(_, text)] = said(waits(report, early, late), tmp_path)
    assert "on median" not in text
    assert "(by up to 6.00 us): the clocks of host and GPU are not aligned, or the call did not wait" in text


@pytest.mark.parametrize("recorded", [True, False])
def test_an_event_that_was_not_recorded_is_no_skew(report: ReportBuilder, tmp_path: Path, recorded: bool) -> None:
    """Each wait is for an event after its first kernel; the second one runs on, and without the event's record
    the context stands for what was waited for."""
    for i in range(10):
        at = i * 100_000
        report.launch((at, at + 1_000), (at + 5_000, at + 20_000))
        if recorded:
            report.event_record(at + 2_000, at + 3_000, 500 + i, event=i, event_sync=i + 1)
        report.launch((at + 4_000, at + 5_000), (at + 25_000, at + 90_000), stream=8)
        report.sync(at + 6_000, at + 21_000, None, "cudaEventSynchronize_v3020", event=i, event_sync=i + 1)
    found = said(report, tmp_path)
    assert [level for level, _ in found] == ([] if recorded else ["note"])
    assert (
        recorded or "10 sync calls return before all work of their contexts ends: what they waited for" in found[0][1]
    )
    assert all("clock" not in text for _, text in found)
