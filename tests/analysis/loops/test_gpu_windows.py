"""The GPU windows of a loop: a program that runs ahead of the GPU, and one whose launches come late."""

from __future__ import annotations

from pathlib import Path

import pytest
from loop_reports import document_of, steps_of
from report_builder import ReportBuilder

from nsysgap.answers.opening import opened
from nsysgap.answers.selection import WHOLE, Selection


def ahead() -> ReportBuilder:
    """Three steps of 10 ns; the kernels run 100 ns later and take 30 ns each, 20 ns apart; iteration 1 launches none.

    calls     2-4     22-24   32-34
    steps   [0 10)[10 20)[20 30)[30 40)
    kernels                      [100 130)   [150 180) [180 190)
    """
    report = ReportBuilder()
    for number, (call, start, end) in enumerate([(2, 100, 130), (22, 150, 180), (32, 180, 190)], 1):
        report.call(call, call + 2, number).kernel(start, end, number)
    for number in range(4):
        report.nvtx(10 * number, 10 * number + 10, f"step {number}")
    return report


def test_windows_reach_from_one_iteration_s_work_to_the_next_ones(tmp_path: Path) -> None:
    loop = document_of(steps_of(ahead().save(tmp_path)))["loops"][0]
    assert (loop["label"], loop["count"], loop["duration_ns"]["median"], loop["between_ns"]) == ("step #", 4, 10, 0)
    assert loop["step_ns"] == 30  # windows of 50, 30 and 10: the GPU's median is the longer one
    (device,) = loop["devices"]
    assert (device["without_ops"], device["window_ns"], device["busy_ns"], device["idle_ns"]) == (1, 90, 70, 20)
    assert {part: time for part, time in device["idle_by_cause_ns"].items() if time} == {"queued": 20}
    assert device["busy_per_iteration_ns"]["count"] == 3


def test_starts_are_made_ascending(tmp_path: Path) -> None:
    """The second iteration's kernel runs before the first one's: its window begins where that one does."""
    report = ReportBuilder()
    for number, start in ((1, 50), (2, 40), (3, 60)):
        report.call(10 * number, 10 * number + 1, number).kernel(start, start + 5, number)
        report.nvtx(10 * number, 10 * number + 10, f"step {number}")
    (one,) = steps_of(report.save(tmp_path)).steps
    (windows,) = one.windows
    assert windows.edges.start.tolist() == [50, 50, 60]
    assert windows.edges.end.tolist() == [50, 60, 65]
    assert windows.busy.tolist() == [0, 5, 5]
    assert (windows.busy + windows.parts.sum(axis=1)).tolist() == windows.window.tolist()
    assert windows.edges.covered.total == 15


@pytest.mark.parametrize("selection", [Selection(loop=True), WHOLE, Selection(loop=True, device=0)])
def test_windows_learn_of_their_gaps_from_who_cuts_the_same_ones(tmp_path: Path, selection: Selection) -> None:
    """The figures are those of windows that went through the gaps themselves, which others spare them."""
    path = ahead().kernel(60, 90).save(tmp_path)  # of the set-up, which is no loop's
    with opened(path) as report, opened(path) as other:
        idle = report.idle_with_windows(selection)
        spared = {device: clock.complete for device, clock in report.steps().judged_clocks.items()}
        (found,), (expected,) = report.steps().steps, other.steps().steps
        (mine,), (its,) = idle.devices, other.idle(selection).devices
    assert (mine.window, mine.idle_by_part.tolist()) == (its.window, its.idle_by_part.tolist())
    assert spared == {0: selection.loop}
    for name in ("busy", "parts"):
        assert getattr(found.windows[0], name).tolist() == getattr(expected.windows[0], name).tolist()
