"""Loops that no NVTX range tells, from what is launched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from command_line import run
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


def handed_over() -> ReportBuilder:
    """Six steps: eight launches of thread 1, then six of thread 2, which runs what thread 1 hands over."""
    report = ReportBuilder()
    for step in range(6):
        for call in range(14):
            at = 100_000 * step + 1_000 * call
            tid, name = (1, f"forward{call}") if call < 8 else (2, f"backward{call}")
            report.launch((at, at + 400), (at + 500, at + 900), tid=tid, name=name)
    return report


def test_threads_that_hand_over_to_each_other_have_one_loop(tmp_path: Path) -> None:
    path = handed_over().save(tmp_path)
    (loop,) = steps_of(path).loops
    assert (loop.label, loop.count, loop.ops) == ("forward0 … (14 launches)", 6, 6 * 14)
    assert loop.start.tolist() == [100_000 * step for step in range(6)]
    assert "on thread 1 and 2, which hands over to it" in run("steps", path).stdout


def test_a_thread_that_an_nvtx_loop_s_thread_hands_over_to_has_no_other(tmp_path: Path) -> None:
    report = handed_over()
    for step in range(6):
        report.nvtx(100_000 * step, 100_000 * step + 90_000, f"step {step}")
    assert [loop.label for loop in steps_of(report.save(tmp_path)).loops] == ["step #"]


def test_what_repeats_within_a_step_is_a_loop_inside_it(tmp_path: Path) -> None:
    """Nine steps of an embedding, four layers of two kernels, and a wait."""
    layers = ["attention", "mlp"] * 4
    steps = steps_of(program(9, ["embed", *layers, "sync"]).save(tmp_path))
    outer, inner = steps.loops
    assert (outer.label, outer.count) == ("embed … (9 launches)", 9)
    assert (inner.label, inner.count, inner.inside) == ("attention … (2 launches)", 36, 0)
    assert inner.ops == 72
    assert steps.main == {0: 0}


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
