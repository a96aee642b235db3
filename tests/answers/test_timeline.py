"""answers/timeline.py: what a page draws and says."""

from __future__ import annotations

import re
from pathlib import Path

from report_builder import ReportBuilder

from nsysgap.answers.opening import ask
from nsysgap.answers.selection import Selection
from nsysgap.answers.timeline import TimelineOptions, timeline


def test_a_page_says_once_what_to_know_of_its_selection(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 10), (20, 30)).launch((40, 50), (60, 70)).nvtx(5, None, "open")
    data = ask(report.save(tmp_path), timeline, TimelineOptions(Selection(nvtx=re.compile("open"))))
    said = [warning["text"] for warning in data.summary["report"]["warnings"]]
    assert len([text for text in said if "selected range has no end" in text]) == 1
    assert len(said) == len(set(said))
