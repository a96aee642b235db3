"""Loops that NVTX tells: the rows of a report in, the loops out, on one screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from loop_reports import steps_of
from report_builder import ReportBuilder

from nsysgap.analysis.loops.nvtx_loops import loops_called
from nsysgap.range_labels import label_of


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("token 17", "token #"),
        ("step -4", "step #"),
        ("-4 of -10", "# of #"),
        ("layer-3", "layer-#"),
        ("a - 1", "a - #"),
        ("v1.2", "v#.#"),
        ("step", "step"),
        ("", ""),
        ("\u0663", "\u0663"),  # a digit, but not ASCII's
    ],
)
def test_a_number_in_a_name_is_no_name(text: str, label: str) -> None:
    assert label_of(text) == label


def launches(report: ReportBuilder, *starts: int, pid: int = 1, tid: int = 1) -> ReportBuilder:
    """Calls of 2 ns that each launch a kernel of 5 ns, 3 ns later."""
    for start in starts:
        number = 1_000 * pid + start
        report.call(start, start + 2, number, pid=pid, tid=tid)
        report.kernel(start + 3, start + 8, number, pid=pid)
    return report


def ranges(report: ReportBuilder, name: str, *spans: tuple[int, int], tid: int = 1, **more: Any) -> ReportBuilder:
    for number, (start, end) in enumerate(spans):
        report.nvtx(start, end, name.format(number), tid=tid, **more)
    return report


def found(report: ReportBuilder, folder: Path) -> list[tuple[str, int, str | None]]:
    """(label, count, label of the loop around it)"""
    loops = steps_of(report.save(folder)).loops
    return [
        (loop.label, loop.count, None if loop.inside < 0 else loops[loop.inside].label)
        for loop in loops
        if loop.source == "nvtx"
    ]


@pytest.mark.parametrize(
    ("domain", "named", "loops"),
    [
        (7, "GIL Trace", [("step #", 3, None)]),  # as nsys 2023.4 writes it
        (7, None, [("step #", 3, None)]),
        (7, "my locks", [("step #", 3, None), ("Holding GIL", 3, "step #")]),
        (0, None, [("step #", 3, None), ("Holding GIL", 3, "step #")]),
    ],
)
def test_taking_the_lock_of_python_is_no_loop(
    domain: int, named: str | None, loops: list[tuple[str, int, str | None]], tmp_path: Path
) -> None:
    report = ranges(launches(ReportBuilder(), 1, 11, 21), "step {}", (0, 10), (10, 20), (20, 30))
    ranges(report, "Holding GIL", (1, 4), (11, 14), (21, 24), domainId=domain)
    if named is not None:
        report.nvtx(0, None, named, event_type=75, domainId=domain)
    assert found(report, tmp_path) == loops


def test_three_ranges_that_launch_are_a_loop(tmp_path: Path) -> None:
    report = ranges(launches(ReportBuilder(), 1, 11, 21), "step {}", (0, 10), (10, 20), (20, 30))
    assert found(report, tmp_path) == [("step #", 3, None)]


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([(0, 10), (10, 20)], id="two are too few"),
        pytest.param([(0, 11), (10, 20), (20, 30)], id="they overlap"),
        pytest.param([(0, 10), (10, 20), (20, 20)], id="one lasts no time"),
        pytest.param([(0, 1), (2, 3), (4, 5), (6, 7), (10, 20), (20, 30)], id="less than half launch"),
    ],
)
def test_what_is_no_loop(spans: list[tuple[int, int]], tmp_path: Path) -> None:
    report = ranges(launches(ReportBuilder(), 1, 11, 21), "step {}", *spans)
    assert found(report, tmp_path) == []


def test_half_of_the_ranges_launching_is_enough(tmp_path: Path) -> None:
    report = ranges(launches(ReportBuilder(), 1, 11), "step {}", (0, 10), (10, 20), (20, 30), (30, 40))
    assert found(report, tmp_path) == [("step #", 4, None)]


def test_other_domains_and_threads_are_other_loops(tmp_path: Path) -> None:
    report = launches(ReportBuilder(), 1, 11, 21)
    ranges(report, "step {}", (0, 10), (10, 20), domainId=7)
    ranges(report, "step {}", (20, 30), tid=2)
    assert found(report, tmp_path) == []


def test_another_thread_of_the_process_launches_for_the_step(tmp_path: Path) -> None:
    report = launches(ReportBuilder(), 1, 11, 21, tid=2)
    ranges(report, "step {}", (0, 10), (10, 20), (20, 30))
    launches(report, 2, pid=2)
    steps = steps_of(report.save(tmp_path))
    loop = next(one for one in steps.steps if one.loop.source == "nvtx")
    assert loop.ops.tolist() == [1, 1, 1]
    assert loop.api_calls.tolist() == [1, 1, 1]


def test_layers_are_inside_steps(tmp_path: Path) -> None:
    report = launches(ReportBuilder(), *range(1, 90, 10))
    ranges(report, "layer {}", *((start, start + 9) for start in range(0, 90, 10)))
    ranges(report, "step {}", (0, 30), (30, 60), (60, 90))
    assert found(report, tmp_path) == [("step #", 3, None), ("layer #", 9, "step #")]


@pytest.mark.parametrize(("layer", "main"), [(9, "layer #"), (7, "step #")])
def test_few_iterations_give_way_to_many_that_cover_them(layer: int, main: str, tmp_path: Path) -> None:
    report = launches(ReportBuilder(), *range(1, 90, 10))
    ranges(report, "layer {}", *((start, start + layer) for start in range(0, 90, 10)))
    ranges(report, "step {}", (0, 30), (30, 60), (60, 90))
    steps = steps_of(report.save(tmp_path))
    assert [steps.loops[number].label for number in steps.main.values()] == [main]


def test_each_process_has_its_main_loop(tmp_path: Path) -> None:
    report = launches(launches(ReportBuilder(), 1, 11, 21), 1, 11, 21, 31, pid=2)
    ranges(report, "step {}", (0, 10), (10, 20), (20, 30))
    ranges(report, "token {}", (0, 10), (10, 20), (20, 30), (30, 40), pid=2)
    steps = steps_of(report.save(tmp_path))
    pids = steps.trace.processes["pid"]
    main = {int(pids[process]): steps.loops[number].label for process, number in steps.main.items()}
    assert main == {1: "step #", 2: "token #"}


@pytest.mark.parametrize(
    ("asked", "labels"), [("step #", ["step #"]), ("step -17", ["step #"]), ("read 2 of 3", ["read # of #"]), ("s", [])]
)
def test_a_loop_is_called_by_any_of_its_iterations(asked: str, labels: list[str], tmp_path: Path) -> None:
    report = ranges(launches(ReportBuilder(), 1, 11, 21), "step {}", (0, 10), (10, 20), (20, 30))
    ranges(report, "read {} of 3", (0, 5), (10, 15), (20, 25))
    loops = steps_of(report.save(tmp_path)).loops
    assert [loops[number].label for number in loops_called(loops, asked)] == labels


def test_a_label_as_it_stands_goes_before_one_with_other_numbers(tmp_path: Path) -> None:
    report = launches(ReportBuilder(), *range(1, 60, 10))  # no ranges: a loop of launches has a number in its label
    loops = steps_of(report.save(tmp_path)).loops
    (label,) = (loop.label for loop in loops)
    assert label == "kernel … (1 launch)"
    assert loops_called(loops, label) == loops_called(loops, "kernel … (9 launch)") == [0]
