"""Captures: their extent, the calls captured into graphs, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from graph_reports import captured_graph
from report_builder import ReportBuilder

from nsysgap.analysis.completeness import lost_launches
from nsysgap.analysis.notices import all_notices
from nsysgap.analysis.relations.captures import captured_calls, captures, graph_costs, launches_of_captures
from nsysgap.analysis.relations.launches import launch_calls


def test_captured_calls_are_those_inside_that_own_no_op(tmp_path: Path) -> None:
    report = captured_graph()
    report.call(121, 125, 0, "cudaMalloc_v3020")  # no launch
    report.call(126, 128, 0, returnValue=900)  # refused
    report.launch((141, 145), (400, 410))  # launched on another stream: owns a kernel
    trace = report.trace(tmp_path)
    assert trace.api["start"][captured_calls(trace)].tolist() == [110, 130]


def test_another_thread_of_the_process_launches_into_the_capture(tmp_path: Path) -> None:
    report = captured_graph()
    report.call(112, 118, 0, tid=2)  # as PyTorch's backward thread does
    report.call(112, 118, 0, pid=2, tid=3)  # another process's: lost
    report.call(10, 12, 0, tid=2)  # before the capture: lost
    trace = report.trace(tmp_path)
    process = trace.processes["pid"][trace.threads["process"][trace.api["thread"]]]
    found = np.flatnonzero(captured_calls(trace))
    assert list(zip(process[found].tolist(), trace.api["start"][found].tolist(), strict=True)) == [
        (1, 110),
        (1, 112),
        (1, 130),
    ]
    assert launches_of_captures(trace, captures(trace), captured_calls(trace)).tolist() == [3]
    assert len(lost_launches(trace, launch_calls(trace))) == 2


def test_of_captures_that_overlap_the_call_belongs_to_one_that_is_open(tmp_path: Path) -> None:
    report = ReportBuilder()
    for tid, begin, end in ((1, 0, 100), (2, 10, 30), (3, 90, 200)):
        report.call(begin, begin + 1, 0, "cudaStreamBeginCapture_v10000", tid=tid)
        report.call(end - 1, end, 0, "cudaStreamEndCapture_v10000", tid=tid)
    for tid, start in ((4, 20), (4, 50), (2, 15), (4, 150), (4, 95), (4, 250)):
        report.call(start, start + 2, 0, tid=tid)
    trace = report.trace(tmp_path)
    found = captured_calls(trace)
    assert sorted(trace.api["start"][found].tolist()) == [15, 20, 50, 95, 150]
    assert launches_of_captures(trace, captures(trace), found).tolist() == [2, 1, 2]


def test_nested_and_unfinished_and_refused_captures(tmp_path: Path) -> None:
    report = ReportBuilder()
    for start, end, name in ((0, 1, "Begin"), (2, 3, "Begin"), (4, 5, "End"), (6, 8, "End"), (10, 11, "Begin")):
        report.call(start, end, 0, f"cudaStream{name}Capture_v10000")
    report.call(20, 21, 0, "cudaStreamBeginCapture_v10000", tid=2, returnValue=900)
    report.call(22, 23, 0, "cudaStreamEndCapture_v10000", tid=2)
    found = captures(report.trace(tmp_path))
    assert (found.start.tolist(), found.stop.tolist()) == ([0], [8])


def test_report_without_graphs_has_no_costs(tmp_path: Path) -> None:
    trace = ReportBuilder().launch((0, 1), (2, 3)).trace(tmp_path)
    costs = graph_costs(trace)
    assert (costs.captures, costs.captured_launches, costs.instantiations, costs.uploads) == (None, 0, None, None)
    assert not captured_calls(trace).any()


def test_notice_says_that_captured_launches_are_not_lost(tmp_path: Path) -> None:
    idle = captured_graph().idle(tmp_path)
    texts = [one.text for one in all_notices(idle, idle.latencies)]
    assert (
        "2 launch calls were captured into CUDA graphs and own no op (not lost): 1 capture took 60 ns; "
        "1 graph instantiation took 30 ns. See: nsysgap graphs."
    ) in texts
