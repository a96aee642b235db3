"""Replays: which graph each ran, and what it cost beside the calls around it."""

from __future__ import annotations

from pathlib import Path

from graph_reports import GRAPH, document, node
from report_builder import ReportBuilder

from nsysgap.analysis.graphs.replays import originals
from nsysgap.report import open_source, read_trace
from nsysgap.report.graphs import read_graph_nodes


def test_replays_of_several_threads_have_their_own_updates(tmp_path: Path) -> None:
    report = ReportBuilder()
    for thread in (1, 2):
        report.call(thread, thread + 1, thread, "cudaGraphLaunch_v10000", tid=thread)
        report.kernel(10 * thread, 10 * thread + 5, thread, "k", node=2 * GRAPH)
    for time in range(100, 300):  # more launches than one would look back
        report.call(time, time + 1, 1000 + time, "cudaGraphLaunch_v10000", tid=2)
    report.call(310, 317, 0, "cudaGraphExecUpdate_v10020", tid=1).call(311, 330, 0, "cudaGraphExecUpdate_v10020", tid=2)
    report.call(340, 350, 9, "cudaGraphLaunch_v10000", tid=1).kernel(360, 370, 9, "k", node=2 * GRAPH)
    [graph] = document(report.save(tmp_path))["graphs"]
    updates = graph["replays"]["updates_before_ns"]
    assert (updates["count"], updates["total"], updates["max"]) == (3, 7, 7)


def test_copies_of_copies_lead_to_the_first_and_circles_end(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 1), (2, 3))
    node(report, 1, 2, 0, 1)
    node(report, 2, 3, 0, 2)
    node(report, 3, 7, 0, 8)
    node(report, 4, 8, 0, 7)
    with open_source(report.save(tmp_path)) as source:
        nodes = read_graph_nodes(source, read_trace(source))
    found = originals(nodes)
    assert (found[(0, 2)], found[(0, 3)]) == (1, 1)
    assert set(found) == {(0, 2), (0, 3), (0, 7), (0, 8)}
