"""The line of each gap, and idle time by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from idle_stack_answers import F, G
from stack_reports import StackReport

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.gap_lines import LineShares, idle_by_line, lines_of_gaps
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
    assert lines_of_gaps(idle, stacks, np.array([1, 0])).tolist() == [None, "a.py:2 g"]
    groups = idle_by_line(idle, stacks)
    assert [(one.name, one.idle, one.gaps, one.longest, one.main_cause) for one in groups] == [
        ("(not sampled)", 1000, 1, 1000, "host"),
        ("g a.py:2", 600, 1, 600, "host"),
        ("f a.py:1", 400, 1, 400, "host"),
    ]


@settings(max_examples=examples(30), deadline=None)
@given(st.data())
def test_the_line_of_a_gap_has_most_of_the_time_of_its_cause(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Against the sums of each gap alone; of equals the first line in the table of frames."""
    report = StackReport()
    for start in range(1_000, 6_000, 1_000):
        report.gap(start, start + 900)
        for time in sorted(data.draw(st.sets(st.integers(start + 1, start + 899), max_size=4))):
            report.python(time, [("f", "/p/f.py", data.draw(st.integers(1, 3)))])
    with open_source(report.write(tmp_path_factory.mktemp("lines") / "r.sqlite")) as source:
        trace = read_trace(source)
        idle, stacks = IdleReport(trace), read_stacks(source, trace)
    gaps = np.arange(len(idle.gaps))[::-1]
    shares = LineShares(idle, stacks, gaps)
    expected: list[str | None] = []
    for gap in gaps.tolist():
        sums = {
            frame: int(shares.ns[(shares.gap == gap) & (shares.frame == frame) & of_cause].sum())
            for of_cause in [shares.part == idle.gaps.cause[gap]]
            for frame in np.unique(shares.frame[(shares.gap == gap) & of_cause & (shares.frame != -1)]).tolist()
        }
        expected.append(shares.name(max(sums, key=lambda one: (sums[one], -one)), place_first=True) if sums else None)
    assert lines_of_gaps(idle, stacks, gaps).tolist() == expected
