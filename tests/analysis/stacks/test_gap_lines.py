"""The line of each gap, and idle time by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from idle_stack_answers import F, G
from stack_reports import StackReport

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.gap_lines import idle_by_line, lines_of_gaps
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_stacks


def test_gaps_name_the_line_with_most_of_their_cause_and_groups_by_line_sum_to_the_idle_time(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, call_ns=100)
    report.gap(90_000, 91_000)
    for time, frame in ((1100, F), (1200, G), (1300, G), (1950, F)):
        report.python(time, [frame])
    with open_source(report.write(tmp_path / "r.sqlite")) as opened:
        trace = read_trace(opened)
        stacks = read_stacks(opened, trace)
    idle = IdleReport(trace)
    assert lines_of_gaps(idle, stacks, np.array([1, 0])) == [None, "a.py:2 g"]
    groups = idle_by_line(idle, stacks)
    assert [(one.name, one.idle, one.gaps, one.longest, one.main_cause) for one in groups] == [
        ("(not sampled)", 1000, 1, 1000, "host"),
        ("g a.py:2", 600, 1, 600, "host"),
        ("f a.py:1", 400, 1, 400, "host"),
    ]
