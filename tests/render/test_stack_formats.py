"""Flame graphs read back by others' programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from browser import missing, watched_page
from folders import SPEEDSCOPE
from stack_answers import stacks
from stack_reports import StackReport


def test_collapsed_stacks_sum_to_the_idle_time(hostile_stacks: Path) -> None:
    lines = stacks(hostile_stacks, "--format", "collapsed").splitlines()
    parsed = [re.fullmatch(r"(.+) (\d+)", line) for line in lines]
    assert sum(int(one[2]) for one in parsed if one) == 2000
    assert "main (prog.py:3);work (lib/prog.py:20);work (lib/prog.py:20) 500" in lines
    assert all(line.count(";") <= 2 for line in lines)


def flamegraph_line(line: str) -> tuple[str, int]:
    """A line as flamegraph.pl reads it: a number before the last one would be another weight, of a differential."""
    found = re.fullmatch(r"(.*)\s+?(\d+(?:\.\d*)?)", line)
    assert found is not None
    assert re.fullmatch(r"(.*)\s+?(\d+(?:\.\d*)?)", found[1]) is None
    return found[1], int(found[2])


def test_collapsed_names_that_end_in_numbers_are_no_weights(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("all 3.5", 900, 2100)
    report.nvtx("token 17", 1000, 1400)
    report.nvtx("", 1400, 1500)
    lines = stacks(report.write(tmp_path / "r.sqlite"), "--format", "collapsed").splitlines()
    assert [flamegraph_line(line) for line in lines] == [
        *(("all_3.5", 500), ("all_3.5;(no name)", 100), ("all_3.5;token_17", 400)),
    ]


def test_speedscope_itself_reads_the_profile(hostile_stacks: Path, tmp_path: Path, browser: Any) -> None:
    if not SPEEDSCOPE.exists():
        missing("speedscope (npm ci --prefix tests)")
    profile = tmp_path / "idle.speedscope.json"
    stacks(hostile_stacks, "--format", "speedscope", "-o", str(profile))
    with watched_page(browser) as watched:
        page = watched.open(SPEEDSCOPE)
        page.set_input_files("input[type=file]", str(profile))
        page.wait_for_function("document.title.startsWith('idle time')")
        page.keyboard.press("3")
        page.wait_for_selector("text=Symbol Name")
        cells = [line.strip() for line in page.inner_text("body").splitlines() if line.strip()]
    assert cells[cells.index("work") - 2 : cells.index("work")] == ["750.00ns (38%)", "750.00ns (38%)"]
    assert cells[cells.index("main") - 2] == "1.00µs (50%)"
