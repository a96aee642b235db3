"""Reports with CUDA graphs for tests: made ones with known answers, and the samples of the workloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from case_answers import MS, US
from click.testing import CliRunner
from folders import SAMPLES
from report_builder import ReportBuilder, global_tid

from nsysgap.analysis.graphs.overview import GraphView, graph_overview
from nsysgap.analysis.launch_costs import LaunchSelection, launch_costs
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.commands import cli
from nsysgap.drawing import Drawing, DrawnNode
from nsysgap.figures import as_json
from nsysgap.report import open_source, read_trace
from nsysgap.report.details import read_op_details
from nsysgap.report.graphs import read_graph_events, read_graph_nodes

NODES = "CUDA_GRAPH_NODE_EVENTS"
GRAPH = 1 << 32
Document = dict[str, Any]


def sample(name: str) -> Path:
    return SAMPLES / f"{name}.sqlite.xz"


def document(path: Path) -> Document:
    with open_source(path) as source:
        trace = read_trace(source)
        nodes, events = read_graph_nodes(source, trace), read_graph_events(source, trace)
        view = GraphView(trace, launch_calls(trace), nodes, events)
        found: Document = as_json(graph_overview(view, read_op_details(source, trace)))
    return found


def node(report: ReportBuilder, time: int, graph: int, number: int, original: int | None = None) -> None:
    copied = None if original is None else original * GRAPH + number
    report.row(
        NODES,
        start=time,
        end=time,
        eventClass=77,
        globalTid=global_tid(1, 1),
        nameId=report.text("Graph Node Creation"),
        graphNodeId=graph * GRAPH + number,
        originalGraphNodeId=copied,
    )


def replay(
    report: ReportBuilder, call: tuple[int, int], correlation: int, graph: int, *ops: tuple[int, int, str]
) -> None:
    report.call(*call, correlation, "cudaGraphLaunch_v10000")
    for number, (start, end, name) in enumerate(ops):
        report.kernel(start, end, correlation, name, node=graph * GRAPH + number)


def partly_recorded(report: ReportBuilder, apart: int) -> ReportBuilder:
    """Ten launches at once of a graph of which 165 us are recorded, so far from one start to the next."""
    for i in range(10):
        call, start = MS + 20 * US * i, 2 * MS + apart * i
        ops = [(start + 60 * US * node, start + 60 * US * node + 55 * US, "kernel") for node in range(3)]
        replay(report, (call, call + 10 * US), i + 1, 1, *ops)
    return report


def captured_graph() -> ReportBuilder:
    """Two launches captured into graph 1, instantiated as graph 2, replayed twice; the same launched singly once."""
    report = ReportBuilder()
    report.launch((0, 10), (20, 50), "a").launch((60, 70), (75, 95), "b")
    report.call(100, 105, 1, "cudaStreamBeginCapture_v10000")
    report.call(110, 120, 2).call(130, 140, 3)
    node(report, 115, 1, 0)
    node(report, 135, 1, 1)
    report.call(150, 160, 4, "cudaStreamEndCapture_v10000")
    report.call(170, 200, 5, "cudaGraphInstantiateWithFlags_v11040")
    for number in (0, 1):
        node(report, 180, 2, number)
        node(report, 181, 2, number, 1)
    replay(report, (210, 220), 6, 2, (230, 260, "a"), (262, 280, "b"))
    report.call(285, 290, 7, "cudaGraphExecUpdate_v10020")
    replay(report, (300, 310), 8, 2, (320, 360, "a"), (360, 380, "b"))
    return report


def chain(names: str, edges: list[tuple[int, int]] | None = None) -> Drawing:
    nodes = tuple(DrawnNode(i, "kernel", name, mean_ns=i) for i, name in enumerate(names))
    return Drawing(nodes, tuple(edges or [(i, i + 1) for i in range(len(names) - 1)]), "a test")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, arguments, catch_exceptions=True)


def launches(path: Path, selection: LaunchSelection | None = None) -> Document:
    with open_source(path) as source:
        trace = read_trace(source)
        details = read_op_details(source, trace)
        found: Document = as_json(launch_costs(trace, launch_calls(trace), details, selection))
    return found
