"""The gap before each op of a graph's replays."""

from __future__ import annotations

from pathlib import Path

from graph_reports import replay
from report_builder import ReportBuilder

from nsysgap.analysis.graphs.gap_before import gap_before
from nsysgap.analysis.graphs.replays import replays_by_graph
from nsysgap.analysis.relations.launches import launch_calls


def test_gaps_between_overlapping_nodes_are_spans_less_busy(tmp_path: Path) -> None:
    report = ReportBuilder()
    replay(report, (0, 5), 1, 2, (10, 40, "a"), (20, 30, "b"), (50, 60, "c"))
    replay(report, (70, 75), 2, 2, (80, 90, "a"), (85, 120, "b"), (120, 130, "c"))
    trace = report.trace(tmp_path)
    [replays] = replays_by_graph(trace, launch_calls(trace)).values()
    gap = gap_before(replays)
    assert gap.tolist() == [0, 0, 10, 0, 0, 0]
    assert gap.sum() == (replays.span - replays.busy).sum() == 10
