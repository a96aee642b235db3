"""Bodies of conditional nodes: iterations of a graph that is launched once, not graphs of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run
from graph_reports import Document, document
from report_builder import ReportBuilder

OUTER, BODY, INNER = 5 << 32, 6 << 32, 7 << 32


def loops(report: ReportBuilder, *iterations: int, begin: bool = True) -> ReportBuilder:
    """Graphs of "first", a WHILE node and "last": so many iterations of "body" (10 ns, 2 later "check", 2 ns)."""
    for launch, number in enumerate(iterations, 1):
        at = 1000 * launch
        report.call(at, at + 10, launch, "cudaGraphLaunch_v10000")
        if begin:
            report.kernel(at + 20, at + 60, launch, "first", node=OUTER + 1)
        for i in range(number):
            start = at + 62 + 18 * i
            report.kernel(start, start + 10, launch, "body", node=BODY + 1)
            report.kernel(start + 12, start + 14, launch, "check", node=BODY + 2)
        report.kernel(at + 70 + 18 * number, at + 80 + 18 * number, launch, "last", node=OUTER + 3)
    return report


def only_graph(report: ReportBuilder, folder: Path) -> Document:
    graphs: list[Document] = document(report.save(folder))["graphs"]
    assert len(graphs) == 1
    return graphs[0]


@pytest.mark.parametrize("begin", [True, False])
def test_a_while_body_is_part_of_its_graph(report: ReportBuilder, tmp_path: Path, begin: bool) -> None:
    """Also where the graph begins with the WHILE node, so that the first op is one of the body."""
    graph = only_graph(loops(report, 3, 5, begin=begin), tmp_path)
    assert (graph["graph_ids"], graph["node_count"]) == ([5], 2 if begin else 1)
    assert graph["replays"]["count"] == 2
    (body,) = graph["bodies"]
    assert (body["graph_ids"], body["node_count"], body["replays"]) == ([6], 2, 2)
    assert (body["iterations"]["min"], body["iterations"]["max"]) == (3, 5)
    # Three iterations of 18 ns, the last of them ends with its second node.
    assert (body["span_ns"]["min"], body["busy_ns"]["min"], body["between_nodes_ns"]["min"]) == (50, 36, 14)
    # 2 ns before the body, and from its last op to "last".
    assert graph["replays"]["between_nodes_ns"]["min"] == (2 + 12 if begin else 12)


def test_span_is_busy_time_and_what_lies_between(report: ReportBuilder, tmp_path: Path) -> None:
    graph = only_graph(loops(report, 4), tmp_path)
    span, busy, between = (graph["replays"][key]["total"] for key in ("span_ns", "busy_ns", "between_nodes_ns"))
    assert span == busy + between + graph["bodies"][0]["between_nodes_ns"]["total"]


def test_a_body_that_ran_in_no_replay_but_one(report: ReportBuilder, tmp_path: Path) -> None:
    """An IF node."""
    graph = only_graph(loops(report, 0, 1, 0), tmp_path)
    assert (graph["replays"]["count"], graph["bodies"][0]["replays"]) == (3, 1)


def test_a_loop_in_a_loop(report: ReportBuilder, tmp_path: Path) -> None:
    loops(report, 2).kernel(1075, 1076, 1, "inner", node=INNER + 1).kernel(1077, 1078, 1, "inner", node=INNER + 1)
    graph = only_graph(report, tmp_path)
    assert [(one["body"], one["graph_ids"], one["iterations"]["max"]) for one in graph["bodies"]] == [
        (1, [6], 2),
        (2, [7], 2),
    ]


def test_bodies_of_several_executables_are_one(report: ReportBuilder, tmp_path: Path) -> None:
    """Each executable has a body of its own ID."""
    loops(report, 2, 2)
    for row in report.tables["CUPTI_ACTIVITY_KIND_KERNEL"]:
        if row["correlationId"] == 2:
            row["graphNodeId"] += 10 << 32
    graph = only_graph(report, tmp_path)
    assert (graph["graph_ids"], graph["executables"], len(graph["nodes"])) == ([5, 15], 2, 4)
    assert [one["graph_ids"] for one in graph["bodies"]] == [[6, 16]]


def test_only_the_body_was_recorded(report: ReportBuilder, tmp_path: Path) -> None:
    """A graph of nothing but a WHILE node: its iterations, one launch."""
    report.call(0, 10, 1, "cudaGraphLaunch_v10000")
    for i in range(7):
        report.kernel(20 + 20 * i, 30 + 20 * i, 1, "body", node=BODY + 1)
    graph = only_graph(report, tmp_path)
    assert (graph["replays"]["count"], graph["replays"]["iterations"]["max"], graph["bodies"]) == (1, 7, [])


def test_other_graphs_of_the_report_stay(report: ReportBuilder, tmp_path: Path) -> None:
    loops(report, 3).graph_launch((5000, 5010), (5020, 5030))
    assert len(document(report.save(tmp_path))["graphs"]) == 2


def test_text_and_drawing(report: ReportBuilder, tmp_path: Path) -> None:
    path = loops(report, 30).save(tmp_path)
    text = run("graphs", path).stdout
    assert "2 kernel + 30 x 2 in a body" in text
    assert "body 1: iterations" in text
    page = tmp_path / "graph.html"
    assert run("graphs", path, "--html", "-o", page).returncode == 0
    drawn = page.read_text()
    assert "#body 1: 2" in drawn
    assert "it is another one" not in drawn
