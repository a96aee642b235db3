"""CUDA graph launches: one call, many ops."""

from __future__ import annotations

from pathlib import Path

from report_builder import ReportBuilder

from nsysgap.analysis.relations.graph_launches import graph_summary
from nsysgap.figures import Stats


def test_a_graph_launch(report: ReportBuilder, tmp_path: Path) -> None:
    """Three nodes, two of them side by side: span [20, 60), busy [20, 45) and [50, 60)."""
    report.graph_launch((0, 10), (20, 40), (30, 45), (50, 60))
    found = report.idle(tmp_path).graph_launches
    assert (found.call.tolist(), found.latency.tolist()) == ([10], [20])
    assert (found.span.tolist(), found.busy.tolist(), found.nodes.tolist()) == ([40], [35], [3])


def test_launches_of_one_graph_by_processes_with_the_same_numbers(report: ReportBuilder, tmp_path: Path) -> None:
    for pid, late in ((1, 0), (2, 100)):
        report.call(late, late + 5, 7, "cudaGraphLaunch_v10000", pid=pid)
        report.kernel(late + 10, late + 20, 7, node=1, pid=pid).kernel(late + 30, late + 31, 7, node=2, pid=pid)
    found = report.idle(tmp_path).graph_launches
    assert (found.span.tolist(), found.busy.tolist(), found.nodes.tolist()) == ([21, 21], [11, 11], [2, 2])


def test_interleaved_launches(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 1), (10, 20), (30, 40), stream=7).graph_launch((2, 5), (15, 35), (36, 37), stream=8)
    found = report.idle(tmp_path).graph_launches
    assert (found.call.tolist(), found.span.tolist(), found.busy.tolist()) == ([1, 3], [30, 22], [20, 21])


def test_without_the_call_span_and_busy_are_known(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(10, 20, 7, node=1).kernel(30, 40, 7, node=2)
    found = graph_summary(report.idle(tmp_path).graph_launches)
    one = Stats(1, 30, 30, 30, 30, 30, 30)
    assert (found["count"], found["call_ns"], found["latency_ns"], found["span_ns"]) == (1, None, None, one)


def test_ops_without_a_key_are_no_launch(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(10, 20, 0, node=1).kernel(30, 40, None, node=2).kernel(50, 60, 7)
    report.kernel(70, 80, 5, node=1, globalPid=None)
    found = graph_summary(report.idle(tmp_path).graph_launches)
    assert (found["count"], found["span_ns"]) == (0, None)


def test_zero_length_nodes_count_as_nodes(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 1), (10, 10), (20, 30), (40, 40))
    found = report.idle(tmp_path).graph_launches
    assert (found.span.tolist(), found.busy.tolist(), found.nodes.tolist()) == ([30], [10], [3])


def test_node_ids_above_2_to_the_63_are_nodes(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 1, 7).kernel(10, 20, 7, node=-(1 << 62)).kernel(30, 40, 7, node=(1 << 63) - 1)
    idle = report.idle(tmp_path)
    assert idle.graph_launches.nodes.tolist() == [2]
    assert idle.gaps_by_cause()["in_graph"] == 1
