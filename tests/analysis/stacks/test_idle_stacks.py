"""Idle time shared out among stacks: exact sums whatever the samples, and small reports whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from idle_stack_answers import Answer, F, G, answer
from stack_reports import MAIN, OTHER, StackReport

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.analysis.stacks.call_tree import places_by
from nsysgap.analysis.stacks.document import frame_describer
from nsysgap.analysis.stacks.idle_stacks import idle_stacks, samples_by_thread
from nsysgap.causes import HOST, PARTS
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_stacks
from nsysgap.tables import NONE


def rows(found: Answer, by: str = "line", column: str = "self_ns") -> dict[tuple[str, int], int]:
    """{(function, line): ns} of all rows with time."""
    idle, stacks = found
    frames, describe = stacks.stacks.frames, frame_describer(idle, stacks)
    return {
        (describe(one.frame)["function"], int(frames["line"][one.frame])): getattr(one, column)
        for one in places_by(stacks.tree, frames, by, stacks.effective)
        if getattr(one, column)
    }


def test_samples_inside_a_gap_share_it_equally_to_the_nanosecond(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    for time, frame in ((1100, F), (1500, F), (1900, G)):
        report.python(time, [frame])
    assert rows(answer(report, tmp_path / "r.sqlite")) == {("f", 1): 667, ("g", 2): 333}


def test_edges_are_half_open(tmp_path: Path) -> None:
    """A sample at the gap's start lies inside, one at its end does not."""
    report = StackReport()
    report.gap(1000, 2000)
    report.python(1000, [F])
    report.python(2000, [G])
    assert rows(answer(report, tmp_path / "r.sqlite")) == {("f", 1): 1000}


def test_without_a_sample_inside_the_nearest_within_two_periods_gets_it(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 1100)
    report.gap(1300, 1400)
    report.gap(9000, 9100)
    for time in (800, 990, 1180):  # 190 ns apart: two periods are 380
        report.python(time, [F if time < 1000 else G])
    idle, found = answer(report, tmp_path / "r.sqlite")
    assert found.period == 190
    assert rows((idle, found)) == {("f", 1): 100, ("g", 2): 100, ("(not sampled)", 0): 100}
    assert rows((idle, found), column="near_ns") == {("f", 1): 100, ("g", 2): 100}
    assert (found.inside_ns, found.near_ns, found.rest_ns, found.total) == (0, 200, 100, 300)


def test_samples_of_another_thread_say_nothing(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.call("cudaGetDevice", 100, 110, tid=OTHER)
    report.python(1500, [G], tid=OTHER)
    report.python(1990, [F])
    assert rows(answer(report, tmp_path / "r.sqlite")) == {("f", 1): 1000}


def test_each_gap_belongs_to_the_thread_that_launched_what_ended_it(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.gap(3000, 4000, tid=OTHER)
    for time in range(1000, 4000, 100):
        report.python(time, [F], tid=MAIN)
        report.python(time + 1, [G], tid=OTHER)
    assert rows(answer(report, tmp_path / "r.sqlite")) == {("f", 1): 1000, ("g", 2): 1000}


def test_recursion_counts_once_and_self_is_the_innermost_frame(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.python(1100, [G, F, F, G, F])
    report.python(1200, [F])
    found = answer(report, tmp_path / "r.sqlite")
    assert rows(found) == {("f", 1): 500, ("g", 2): 500}
    assert rows(found, column="inclusive_ns") == {("f", 1): 1000, ("g", 2): 500}
    assert list(rows(found, by="file").values()) == [1000]


def test_lines_of_one_function_are_summed_up_by_function(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    for i, line in enumerate((5, 6, 5, 7)):
        report.python(1100 + i, [("f", "/p/a.py", line)])
    found = answer(report, tmp_path / "r.sqlite")
    assert rows(found) == {("f", 5): 500, ("f", 6): 250, ("f", 7): 250}
    assert list(rows(found, by="function").values()) == [1000]


def test_python_comes_before_native_unless_asked(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.python(1100, [F])
    report.native(1200, [("spin", "/bin/prog"), ("main", "/bin/prog")])
    assert rows(answer(report, tmp_path / "a.sqlite")) == {("f", 1): 1000}
    assert rows(answer(report, tmp_path / "b.sqlite", source="native")) == {("spin", 0): 1000}


def test_nvtx_paths_are_exact(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("step", 1100, 1900)
    report.nvtx("forward", 1200, 1500)
    report.nvtx("late", 1950, None)
    idle, found = answer(report, tmp_path / "r.sqlite")
    assert found.source == "nvtx"
    assert rows((idle, found)) == {
        ("step", 0): 500,
        ("forward", 0): 300,
        ("late", 0): 50,
        ("(outside any NVTX range)", 0): 150,
    }
    assert rows((idle, found), column="inclusive_ns")["step", 0] == 800


def test_calls_with_a_stack_are_exact(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    row = (
        1200,
        1700,
        MAIN,
        report.text("read"),
        report.chain("OSRT", [("read", "/lib/libc.so.6"), ("load", "/bin/p")], 3),
    )
    report.rows["OSRT_API"].append(row)
    found = answer(report, tmp_path / "r.sqlite", parts=tuple(range(len(PARTS))), source="calls")
    assert rows(found) == {("read", 0): 500, ("(in no call whose stack was recorded)", 0): 500}
    assert rows(found, column="inclusive_ns")["load", 0] == 500


def test_launched_from_is_exact_with_the_calls_own_stack_else_the_sample_before(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, correlation=11, call_ns=50)
    report.call(
        "cudaLaunchKernel",
        1951,
        1999,
        correlation=11,
        chain=report.chain("CUDA", [("go", "/bin/p")], 5),
        event_class=67,
    )
    report.gap(3000, 4000, correlation=12, call_ns=50)
    for time in (1500, 2500, 3500, 3960):
        report.python(time, [F if time == 3500 else G])
    idle, found = answer(report, tmp_path / "r.sqlite", launch=True)
    assert rows((idle, found)) == {("go", 0): 950, ("f", 1): 950}
    assert rows((idle, found), column="near_ns") == {("f", 1): 950}
    assert (found.inside_ns, found.near_ns) == (950, 950)


def test_samples_by_thread_are_in_order_of_time(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.call("cudaGetDevice", 100, 110, tid=OTHER)
    for time, tid in ((1500, OTHER), (1200, MAIN), (1100, MAIN)):
        report.python(time, [F], tid=tid)
    report.native(1300, [("spin", "/bin/prog")])
    with open_source(report.write(tmp_path / "r.sqlite")) as opened:
        stacks = read_stacks(opened, read_trace(opened))
    found = [(thread, time.tolist(), source.tolist()) for thread, time, _, source in samples_by_thread(stacks)]
    assert found == [(0, [1100, 1200, 1300], [0, 0, 1]), (1, [1500], [0])]


def test_report_without_any_sample(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    idle, found = answer(report, tmp_path / "r.sqlite", source="python")
    assert rows((idle, found)) == {("(not sampled)", 0): 1000}


STACK = st.lists(st.sampled_from([F, G]), max_size=4)


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.sampled_from([MAIN, OTHER]), st.lists(st.sampled_from([F, G]), max_size=4)),
        max_size=12,
    )
)
def test_rows_sum_to_the_parts_for_any_samples(tmp_path_factory: pytest.TempPathFactory, samples: list[Any]) -> None:
    report = StackReport()
    report.gap(1000, 2000, call_ns=77)
    report.call("cudaGetDevice", 1200, 1300)
    report.gap(2500, 3000, tid=OTHER, call_ns=33)
    report.call("cudaStreamSynchronize", 2600, 2650, tid=OTHER)
    for time, tid, frames in samples:
        report.python(time, frames, tid=tid)
    parts = tuple(range(len(PARTS)))
    idle, found = answer(report, tmp_path_factory.mktemp("r") / "r.sqlite", parts=parts, source="python")
    whole = sum(device.idle for device in idle.devices)
    assert found.total == whole == found.inside_ns + found.near_ns + found.rest_ns
    for by in ("line", "function", "file"):
        assert sum(rows((idle, found), by).values()) == whole
    tree = found.tree
    assert int(tree["total_ns"][tree["parent"] == NONE].sum()) == whole


@pytest.mark.parametrize("source", ["python", "calls", "nvtx"])
def test_the_trace_s_names_stay_as_they_were_read(tmp_path: Path, source: str) -> None:
    """Two answers of one trace are the same as of two: what nobody received has its name from the analysis alone."""
    report = StackReport()
    report.gap(1000, 2000)
    report.python(1100, [F])
    with open_source(report.write(tmp_path / "r.sqlite")) as opened:
        trace = read_trace(opened)
        stacks = read_stacks(opened, trace)
    before = dict(trace.names.items())
    idle = IdleReport(trace)
    found = idle_stacks(idle, idle_stretches(idle, frozenset((HOST,))), stacks, source)
    assert dict(trace.names.items()) == before
    assert frame_describer(idle, found)(found.rest_frame)["function"] == found.rest_name
