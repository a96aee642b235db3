"""Loops that no NVTX range tells, from what is launched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from loop_reports import steps_of
from report_builder import ReportBuilder

TO_HOST = 2


def program(steps: int, body: Sequence[str], *, pause_before: str = "") -> ReportBuilder:
    """`steps` times the calls of `body`, 10 ns apart, 40 before one: a kernel's name, "copy" to the host, "sync"."""
    report, time, number = ReportBuilder(), 0, 0
    for name in list(body) * steps:
        time += 40 if name == pause_before else 10
        number += 1
        if name == "sync":
            report.sync(time, time + 5, number)
            continue
        report.call(time, time + 5, number)
        if name == "copy":
            report.memcpy(time + 2, time + 4, number, copyKind=TO_HOST)
        else:
            report.kernel(time + 2, time + 6, number, name=name)
    return report


@pytest.mark.parametrize(
    ("body", "pause_before", "label"),
    [
        pytest.param(["a", "b", "copy", "sync", "c", "sync"], "b", "c … (4 launches)", id="behind a copy and a wait"),
        pytest.param(["a", "b", "sync", "c"], "b", "c … (3 launches)", id="behind a wait"),
        pytest.param(["a", "b", "c"], "b", "b … (3 launches)", id="behind the longest pause"),
    ],
)
def test_where_a_step_begins(body: list[str], pause_before: str, label: str, tmp_path: Path) -> None:
    loops = steps_of(program(6, body, pause_before=pause_before).save(tmp_path)).loops
    assert [(loop.label, loop.source, loop.domain) for loop in loops] == [(label, "launches", None)]
    assert loops[0].count >= 5


def test_the_first_time_counts_for_none_of_three_repeats(tmp_path: Path) -> None:
    assert steps_of(program(3, ["a", "b", "c"]).save(tmp_path)).loops == []
    (loop,) = steps_of(program(4, ["a", "b", "c"]).save(tmp_path)).loops
    assert loop.count == 4


def test_waiting_alone_is_no_loop(tmp_path: Path) -> None:
    report = program(1, ["a", "b"])
    for number in range(10):
        report.sync(200 + 10 * number, 205 + 10 * number, 50 + number)
    assert steps_of(report.save(tmp_path)).loops == []


def test_a_thread_with_an_nvtx_loop_has_no_other(tmp_path: Path) -> None:
    report = program(4, ["a", "b", "c"])
    for number in range(4):
        report.nvtx(5 + 30 * number, 35 + 30 * number, f"step {number}")
    assert [loop.label for loop in steps_of(report.save(tmp_path)).loops] == ["step #"]


def test_eager_decoding_is_48_steps_of_408_launches_and_a_wait(real_report: Callable[[str], Path]) -> None:
    from dataclasses import replace

    from nsysgap.analysis.idle.idle_report import WholeTrace
    from nsysgap.analysis.loops.steps import Steps
    from nsysgap.tables import NVTX

    whole = steps_of(real_report("decode_pysampled"))
    assert [(loop.label, loop.count) for loop in whole.loops] == [("token #", 48)]
    without = Steps(WholeTrace(replace(whole.trace, nvtx=NVTX.empty())), lambda: whole.shapes.of_ops)
    loop = without.steps[0]
    assert (loop.loop.label, loop.loop.count) == ("indexSelectSmallIndex … (408 launches)", 48)
    assert set(loop.launches.tolist()) == {408}
    assert bool(loop.identical.all())
    # Each step lies within the token that the program itself marked.
    assert bool((loop.loop.start >= whole.loops[0].start).all() and (loop.loop.end <= whole.loops[0].end).all())
