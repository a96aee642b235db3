"""The nodes of graphs as reports hold them."""

from __future__ import annotations

from pathlib import Path

from graph_reports import GRAPH
from report_builder import ReportBuilder, global_tid

from nsysgap.report import open_source, read_trace
from nsysgap.report.graphs import read_graph_events, read_graph_nodes


def test_older_exporters_nodes_are_read_too(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 1), (2, 3))
    report.row("CUDA_GRAPH_EVENTS", start=5, end=5, eventClass=77, globalTid=global_tid(1, 1), graphNodeId=GRAPH)
    with open_source(report.save(tmp_path)) as source:
        trace = read_trace(source)
        nodes, events = read_graph_nodes(source, trace), read_graph_events(source, trace)
    assert (nodes["node"].tolist(), nodes["original"].tolist(), events.rows) == ([GRAPH], [0], 0)
