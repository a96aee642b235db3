"""Idle time shared out among stacks: exact sums whatever the samples, and small reports whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack_reports import MAIN, OTHER, StackReport

from nsysgap.analysis.idle.attribution import HOST, PARTS
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import Stretches, idle_stretches
from nsysgap.analysis.stacks.call_tree import interval, places
from nsysgap.analysis.stacks.gap_lines import idle_by_line, lines_of_gaps
from nsysgap.analysis.stacks.idle_stacks import IdleStacks, choose_source, idle_stacks, launched_from, samples_by_thread
from nsysgap.analysis.stacks.shares import Shares, measured_period, share_among_samples
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_stacks
from nsysgap.tables import NONE, STACK_SAMPLES, Table

F = ("f", "/p/a.py", 1)
G = ("g", "/p/a.py", 2)
Answer = tuple[IdleReport, IdleStacks]


def answer(
    report: StackReport,
    path: Path,
    *,
    parts: tuple[int, ...] = (HOST,),
    source: str | None = None,
    launch: bool = False,
) -> Answer:
    with open_source(report.write(path)) as opened:
        trace = read_trace(opened)
        stacks = read_stacks(opened, trace)
    idle = IdleReport(trace)
    stretches = idle_stretches(idle, frozenset(parts))
    chosen = source or choose_source(stacks, stretches)
    share = launched_from if launch else idle_stacks
    return idle, share(idle, stretches, stacks, chosen)


def rows(found: Answer, by: str = "line", column: str = "self_ns") -> dict[tuple[str, int], int]:
    """{(function, line): ns} of all rows with time."""
    idle, stacks = found
    frames, trace = stacks.stacks.frames, idle.trace
    return {
        (trace.name(int(frames["function"][one.frame])), int(frames["line"][one.frame])): getattr(one, column)
        for one in places(stacks.tree, frames, by, stacks.effective)
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


times = st.integers(0, 400)
STACK = st.lists(st.sampled_from([F, G]), max_size=4)
spans = st.lists(st.tuples(times, st.integers(1, 40), st.integers(-1, 2)), max_size=12)


def stretches_of(given_spans: list[tuple[int, int, int]]) -> Stretches:
    """One stretch per gap; they may overlap, as gaps of several GPUs do."""
    start = np.array([one[0] for one in given_spans], np.int64)
    length = np.array([one[1] for one in given_spans], np.int64)
    thread = np.array([one[2] for one in given_spans], np.int32)
    return Stretches(start, start + length, np.arange(len(start)), np.full(len(start), HOST, np.int8), thread)


def samples_of(given_samples: list[tuple[int, int]]) -> Table:
    given_samples = sorted(given_samples)
    columns: dict[str, Any] = {
        "time": np.array([time for time, _ in given_samples], np.int64),
        "thread": np.array([thread for _, thread in given_samples], np.int32),
        "global_tid": np.array([thread for _, thread in given_samples], np.int64),
        "stack": np.zeros(len(given_samples), np.int32),
        "source": np.zeros(len(given_samples), np.int8),
    }
    return Table(STACK_SAMPLES, columns)


def brute_force(stretches: Stretches, samples: Table, reach: int) -> dict[int, int]:
    """{sample or -1: ns}, stretch by stretch."""
    found: dict[int, int] = {}
    for start, end, thread in zip(
        stretches.start.tolist(), stretches.end.tolist(), stretches.thread.tolist(), strict=True
    ):
        own = [(time, i) for i, time in enumerate(samples["time"].tolist()) if samples["thread"][i] == thread != NONE]
        inside = [i for time, i in own if start <= time < end]
        if inside:
            for place, i in enumerate(inside):
                each, left = divmod(end - start, len(inside))
                found[i] = found.get(i, 0) + each + (place < left)
            continue
        near = sorted(
            (start - time if time < start else time - end, time, -i if time < start else i) for time, i in own
        )
        receiver = abs(near[0][2]) if near and near[0][0] <= reach else NONE
        found[receiver] = found.get(receiver, 0) + end - start
    return {i: ns for i, ns in found.items() if ns}


@settings(max_examples=300, deadline=None)
@given(spans, st.lists(st.tuples(times, st.integers(-1, 2)), max_size=15, unique=True), st.integers(0, 60))
def test_shares_are_those_of_a_plain_loop_and_sum_exactly(
    given_spans: list[tuple[int, int, int]], given_samples: list[tuple[int, int]], reach: int
) -> None:
    stretches, samples = stretches_of(given_spans), samples_of(given_samples)
    shares: Shares = share_among_samples(stretches, samples, reach)
    assert int(shares.ns.sum()) == stretches.total
    summed: dict[int, int] = {}
    for receiver, ns in zip(shares.receiver.tolist(), shares.ns.tolist(), strict=True):
        summed[receiver] = summed.get(receiver, 0) + ns
    assert {i: ns for i, ns in summed.items() if ns} == brute_force(stretches, samples, reach)
    by_gap = np.zeros(len(given_spans), np.int64)
    np.add.at(by_gap, shares.gap, shares.ns)
    assert by_gap.tolist() == [length for _, length, _ in given_spans]


@settings(max_examples=40, deadline=None)
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


def test_stretches_sum_to_every_part(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, call_ns=100)
    report.call("cudaGetDevice", 1100, 1150)
    report.rows["OSRT_API"].append((1300, 1400, MAIN, report.text("read"), 0))
    idle, _ = answer(report, tmp_path / "r.sqlite")
    stretches = idle_stretches(idle)
    sums = np.zeros(len(PARTS), np.int64)
    np.add.at(sums, stretches.part, stretches.end - stretches.start)
    assert sums.tolist() == idle.devices[0].idle_by_part.tolist()


def test_measured_period_is_the_median_on_one_thread() -> None:
    assert measured_period(samples_of([(0, 0), (5, 1), (10, 0), (16, 1), (20, 0), (300, 0)])) == 10
    assert measured_period(samples_of([(5, 0)]), asked=500) == 500
    assert measured_period(samples_of([])) == 0


def test_interval_is_wilsons() -> None:
    """Share 0.5 of 100 samples: 0.4038 to 0.5962 (any statistics table)."""
    low, high = interval(5_000_000, 10_000_000, 100)
    assert low == pytest.approx(4_038_000, abs=1000)
    assert high == pytest.approx(5_962_000, abs=1000)
    assert interval(3, 10, 0) == (3, 3)
