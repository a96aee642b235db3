"""Threads that act for another one, which waits inside its ranges: their launches are held by those ranges."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_answers import MS, US, answer, said
from command_line import run
from report_builder import ReportBuilder

from nsysgap.analysis.idle.grouping import idle_by
from nsysgap.analysis.pictures.busy_and_idle_in_ranges import busy_and_idle_in_ranges


def steps(report: ReportBuilder, *, asleep: bool | None = None) -> ReportBuilder:
    """Three steps of 10 ms: main launches in "forward", thread 2 in "backward" of 6 ms, in which main calls nothing.

    `asleep`: whether main sleeps then in an OS call; None: OS calls are not recorded.
    """
    report.thread(1, 1, "main").thread(1, 2, "pt_autograd_0")
    for i in range(3):
        at = 10 * MS * i
        report.nvtx(at, at + 9 * MS, f"step {i}").nvtx(at, at + 2 * MS, "forward")
        report.launch((at, at + 5 * US), (at + 8 * US, at + MS))
        report.nvtx(at + 2 * MS, at + 8 * MS, "backward")
        for k in range(2):
            own = at + 3 * MS + 2 * MS * k
            report.launch((own, own + 5 * US), (own + 8 * US, own + MS), tid=2)
        if asleep is not None:
            wait = (at + 2 * MS, at + 8 * MS) if asleep else (at + 7 * MS, at + 8 * MS)
            report.osrt(*wait, "pthread_cond_wait")
    return report


def by_nvtx(report: ReportBuilder, folder: Path, *, unfold: bool = True) -> dict[str, int]:
    return {one.name: one.gaps for one in idle_by(report.idle(folder), "nvtx", unfold=unfold)}


@pytest.mark.parametrize(("asleep", "held"), [(None, True), (True, True), (False, False)])
def test_ranges_of_the_waiting_thread_hold_what_was_launched_for_it(
    report: ReportBuilder, tmp_path: Path, asleep: bool | None, held: bool
) -> None:
    """Where OS calls tell that main did not wait, it was busy with something else."""
    found = by_nvtx(steps(report, asleep=asleep), tmp_path)
    assert found == ({"backward, by thread 2": 6, "forward": 2} if held else {"(outside any range)": 6, "forward": 2})


def test_a_thread_that_launches_itself_does_not_wait(report: ReportBuilder, tmp_path: Path) -> None:
    """Without OS calls: a call of CUDA inside the range says that main works on."""
    steps(report).call(7 * MS, 7 * MS + 1, 0, "cudaMalloc")
    found = by_nvtx(report, tmp_path)
    assert (found["backward, by thread 2"], found["(outside any range)"]) == (4, 2)


def test_one_of_two_waiting_threads_is_not_guessed(report: ReportBuilder, tmp_path: Path) -> None:
    assert "backward, by thread 2" not in by_nvtx(steps(report.nvtx(0, 90 * MS, "other", tid=3)), tmp_path)


def test_a_range_of_the_thread_s_own_goes_first(report: ReportBuilder, tmp_path: Path) -> None:
    assert by_nvtx(steps(report.nvtx(0, 90 * MS, "own", tid=2)), tmp_path) == {"own": 6, "forward": 2}


def test_threads_of_other_processes_wait_for_others(report: ReportBuilder, tmp_path: Path) -> None:
    steps(report)
    for row in report.tables["NVTX_EVENTS"]:
        row["globalTid"] += 1 << 24
    assert by_nvtx(report, tmp_path) == {"(outside any range)": 8}


def test_ranges_that_differ_in_numbers_are_one_for_the_thread_too(report: ReportBuilder, tmp_path: Path) -> None:
    for i in range(3):
        at = 10 * MS * i
        report.nvtx(at, at + 9 * MS, f"token {i}")
        report.launch((at + MS, at + MS + 5), (at + 2 * MS, at + 3 * MS), tid=7)
    assert by_nvtx(report, tmp_path, unfold=False) == {"token # (2), by thread 7": 2}
    assert "token 1, by thread 7" in run("gaps", report.save(tmp_path), "--by", "nvtx", "--unfold").stdout


def test_gaps_name_the_range_and_the_thread(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(steps(report), tmp_path)
    gap = next(gap for gap in document["gaps"] if gap["thread"] == 2)
    assert (gap["nvtx"], gap["acts_for"]) == ([], {"thread": 1, "nvtx": ["step 0", "backward"]})
    path = report.save(tmp_path)
    assert "backward by 2" in run("gaps", path, "--from", "0", "--top", "8").stdout
    rows = run("gaps", path, "--from", "0", "--top", "8", "--format", "csv").stdout
    assert rows.count("thread 1: step 0 > backward") == 2


def test_the_page_s_ranges_hold_their_work(report: ReportBuilder, tmp_path: Path) -> None:
    idle = steps(report).idle(tmp_path)
    ops = {idle.trace.name(row["name"]): row["ops"] for row in busy_and_idle_in_ranges(idle)}
    assert (ops["backward"], ops["step 0"], ops["forward"]) == (6, 3, 3)


def test_the_note(report: ReportBuilder, tmp_path: Path) -> None:
    found = said(answer(steps(report), tmp_path), "note")
    assert "6 of 9 ops were launched by thread 2 (pt_autograd_0) while thread 1 (main) waited inside its NVTX" in found
