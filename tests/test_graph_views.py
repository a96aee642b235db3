"""`nsysgap graphs` and `nsysgap launches`: made reports with known answers, and the sample reports of the workloads."""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, watched_page
from click.testing import CliRunner
from report_builder import ReportBuilder, global_tid

from nsysgap.analysis.graphs.overview import GraphView, graphs_document
from nsysgap.analysis.graphs.replays import originals, replays_by_graph
from nsysgap.analysis.graphs.shape import Fold, find_fold, folded, layers
from nsysgap.analysis.launch_costs import launches_document
from nsysgap.analysis.notices import all_notices
from nsysgap.analysis.relations.captures import captured_calls, captures, graph_costs
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.commands import cli
from nsysgap.drawing import Drawing, DrawnNode
from nsysgap.errors import NsysgapError
from nsysgap.render.data import as_json
from nsysgap.render.pages.graph import Picture, graph_svg
from nsysgap.report import open_source, read_trace
from nsysgap.report.details import read_op_details
from nsysgap.report.dot import read_dot
from nsysgap.report.graphs import read_graph_events, read_graph_nodes

SAMPLES = Path(__file__).parents[1] / "sample_traces"
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
        found: Document = as_json(graphs_document(view, read_op_details(source, trace)))
    return found


@cache
def of_sample(name: str) -> Document:
    return document(sample(name))


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


def test_captured_graph_with_its_costs_and_what_it_saved(tmp_path: Path) -> None:
    found = document(captured_graph().save(tmp_path))
    [graph] = found["graphs"]
    assert (graph["built"], graph["graph_ids"], graph["executables"], graph["node_count"]) == ("captured", [1], 1, 2)
    assert graph["nodes_by_kind"] == {"kernel": 2}
    assert graph["build_ns"]["total"] == 20
    replays = graph["replays"]
    assert {key: [value["min"], value["max"]] for key, value in replays.items() if key != "count"} == {
        "call_ns": [10, 10],
        "latency_ns": [20, 20],
        "span_ns": [50, 60],
        "busy_ns": [48, 60],
        "between_nodes_ns": [0, 2],
        "whole_ns": [70, 80],
        "updates_before_ns": [5, 30],
    }
    assert (graph["built_at_ns"], graph["instantiation_ns"]["total"], graph["clones"]) == (115, 30, 0)
    singly = graph["launched_singly"]
    assert (singly["runs"], singly["launches"]) == (1, 2)
    assert (singly["time_ns"]["median"], singly["calls_ns"]["median"], singly["saved_ns"]) == (95, 20, 25)
    assert found["captures"] == {
        "captured_launches": 2,
        "duration_ns": {"count": 1, "total": 60, "min": 60, "median": 60, "p90": 60, "p99": 60, "max": 60},
    }
    assert found["instantiation_ns"]["total"] == 30
    assert [(one["call"], one["duration_ns"]["total"]) for one in found["updates"]] == [("cudaGraphExecUpdate", 5)]


def test_nodes_of_a_graph_over_its_replays(tmp_path: Path) -> None:
    [graph] = document(captured_graph().save(tmp_path))["graphs"]
    keys = ("node", "name", "count", "mean_ns", "spread_ns", "min_ns", "max_ns", "gap_before_ns", "starts_at_ns")
    assert [tuple(one[key] for key in keys) for one in graph["nodes"]] == [
        (0, "a", 2, 35, 5, 30, 40, 0, 0),
        (1, "b", 2, 19, 1, 18, 20, 1, 36),
    ]


def test_captured_calls_are_those_inside_that_own_no_op(tmp_path: Path) -> None:
    report = captured_graph()
    report.call(112, 118, 0, tid=2)  # another thread's
    report.call(121, 125, 0, "cudaMalloc_v3020")  # no launch
    report.call(126, 128, 0, returnValue=900)  # refused
    report.launch((141, 145), (400, 410))  # launched on another stream: owns a kernel
    trace = report.trace(tmp_path)
    assert trace.api["start"][captured_calls(trace)].tolist() == [110, 130]


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


def test_explicit_and_cloned_graphs_are_told_by_the_calls_that_made_their_nodes(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 1), (2, 3))
    report.call(10, 12, 0, "cuGraphAddKernelNode_v2").call(20, 22, 0, "cudaGraphAddMemcpyNode1D_v11010")
    report.call(30, 32, 0, "cudaGraphClone_v10000").call(40, 42, 0, "cudaFree_v3020")
    node(report, 11, 1, 0)
    node(report, 21, 1, 1)
    node(report, 31, 2, 0, 1)
    node(report, 50, 3, 0)
    found = document(report.save(tmp_path))["graphs"]
    assert [(one["built"], one["graph_ids"], one["node_count"]) for one in found] == [
        ("explicit", [1], 2),
        ("unknown", [3], 1),
    ]


def test_clones_go_back_to_their_original_and_are_no_executables(tmp_path: Path) -> None:
    report = ReportBuilder().call(0, 5, 0, "cudaGraphAddKernelNode_v10000")
    node(report, 4, 1, 0)
    for graph, call in ((2, "cudaGraphClone_v10000"), (3, "cudaGraphClone_v10000"), (4, "cudaGraphInstantiate_v12000")):
        report.call(10 * graph, 10 * graph + graph, 0, call)
        node(report, 10 * graph + 1, graph, 0)
        node(report, 10 * graph + 1, graph, 0, graph - 1)
    replay(report, (50, 55), 1, 4, (60, 70, "k"))
    [graph] = document(report.save(tmp_path))["graphs"]
    assert [graph[key] for key in ("built", "graph_ids", "clones", "executables")] == ["explicit", [1], 2, 1]
    assert (graph["instantiation_ns"]["count"], graph["instantiation_ns"]["total"]) == (1, 4)
    assert graph["replays"]["count"] == 1


def test_nodes_that_never_ran_are_named_by_the_calls_that_made_them(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 1), (2, 3))
    names = ("cuGraphAddKernelNode_v2", "cudaGraphAddMemsetNode", "cudaGraphAddHostNode", "cudaGraphAddNode", "cuFoo")
    for number, name in enumerate(names):
        report.call(10 * number, 10 * number + 5, 0, name)
        node(report, 10 * number + 1, 1, number)
    [graph] = document(report.save(tmp_path))["graphs"]
    assert graph["nodes_by_kind"] == {"kernel": 1, "memset": 1, "other": 2, "host": 1}
    assert graph["replays"] is None


def test_call_that_made_a_node_is_found_among_other_threads_calls(tmp_path: Path) -> None:
    report = ReportBuilder().call(0, 100, 0, "cudaGraphAddKernelNode_v10000")
    for time in range(1, 50):
        report.call(time, time + 1, 0, "cudaMalloc_v3020", tid=2)
    node(report, 60, 1, 0)
    [graph] = document(report.save(tmp_path))["graphs"]
    assert graph["built"] == "explicit"


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


def test_saving_is_told_by_a_whole_replay_where_the_first_was_cut(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 50), "a").launch((60, 70), (75, 95), "b")
    report.kernel(100, 120, 7, "b", node=2 * GRAPH + 1)  # its launch and its first node were not recorded
    replay(report, (300, 310), 8, 2, (320, 360, "a"), (361, 380, "b"))
    [graph] = document(report.save(tmp_path))["graphs"]
    assert (graph["launched_singly"]["runs"], graph["launched_singly"]["launches"]) == (1, 2)
    assert graph["launched_singly"]["saved_ns"] == 95 - 80


def test_graphs_without_a_table_of_nodes_or_of_calls(tmp_path: Path) -> None:
    report = ReportBuilder().kernel(20, 40, 5, "a", node=2 * GRAPH).kernel(50, 60, 5, "b", node=2 * GRAPH + 1)
    [graph] = document(report.save(tmp_path))["graphs"]
    assert [graph[key] for key in ("built", "built_at_ns", "executables", "node_count")] == ["unknown", None, 1, 2]
    assert graph["replays"]["span_ns"]["max"] == 40
    assert [graph["replays"][key] for key in ("call_ns", "latency_ns", "whole_ns")] == [None] * 3


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


def test_older_exporters_nodes_are_read_too(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 1), (2, 3))
    report.row("CUDA_GRAPH_EVENTS", start=5, end=5, eventClass=77, globalTid=global_tid(1, 1), graphNodeId=GRAPH)
    with open_source(report.save(tmp_path)) as source:
        trace = read_trace(source)
        nodes, events = read_graph_nodes(source, trace), read_graph_events(source, trace)
    assert (nodes["node"].tolist(), nodes["original"].tolist(), events.rows) == ([GRAPH], [0], 0)


def test_gaps_between_overlapping_nodes_are_spans_less_busy(tmp_path: Path) -> None:
    report = ReportBuilder()
    replay(report, (0, 5), 1, 2, (10, 40, "a"), (20, 30, "b"), (50, 60, "c"))
    replay(report, (70, 75), 2, 2, (80, 90, "a"), (85, 120, "b"), (120, 130, "c"))
    trace = report.trace(tmp_path)
    [replays] = replays_by_graph(trace, launch_calls(trace)).values()
    assert replays.gap.tolist() == [0, 0, 10, 0, 0, 0]
    assert replays.gap.sum() == (replays.span - replays.busy).sum() == 10


def chain(names: str, edges: list[tuple[int, int]] | None = None) -> Drawing:
    nodes = tuple(DrawnNode(i, "kernel", name, mean_ns=i) for i, name in enumerate(names))
    return Drawing(nodes, tuple(edges or [(i, i + 1) for i in range(len(names) - 1)]), "a test")


@pytest.mark.parametrize(
    ("names", "fold"),
    [
        ("abc", None),
        ("abab", None),
        ("ababab", Fold(3, (0, 1), (0, 1, 2, 3, 4, 5))),
        ("xaaaay", Fold(4, (1,), (1, 2, 3, 4))),
        ("xabcabcabcy", Fold(3, (1, 2, 3), tuple(range(1, 10)))),
        ("", None),
    ],
)
def test_repeats_are_found(names: str, fold: Fold | None) -> None:
    assert find_fold(chain(names)) == fold


def test_node_in_a_loop_is_drawn_once_with_its_edges(tmp_path: Path) -> None:
    report = ReportBuilder().call(0, 10, 1, "cudaGraphLaunch_v10000")
    for time in (20, 40, 60):
        report.kernel(time, time + 10, 1, "body", node=2 * GRAPH + 3)
    found = run("graphs", str(report.kernel(80, 90, 1, "after", node=2 * GRAPH + 4).save(tmp_path)), "--html").output
    assert "2 nodes, 1 edges from the order and overlap seen in 1 replay." in found
    assert "shared" not in found  # the report does not tell


def columns_of(svg: str) -> list[int]:
    return sorted({int(x) for x in re.findall(r'<g class="node">.*\n<rect x="(\d+)"', svg)})


def test_long_graphs_stand_in_columns_and_wide_layers_in_rows() -> None:
    def drawn(drawing: Drawing) -> str:
        return graph_svg(Picture(drawing, layers(drawing), {}), "a test")

    assert columns_of(drawn(chain("a" * 20))) == [20]
    assert len(columns_of(drawn(chain("a" * 400)))) == 10
    width, height = map(int, re.findall(r'width="(\d+)" height="(\d+)"', drawn(chain("a" * 400)))[0])
    assert 1.2 < width / height < 2
    wide = Drawing(tuple(DrawnNode(i, "kernel", "a") for i in range(20)), (), "a test")
    assert len(columns_of(drawn(wide))) == 8  # and three rows, the last one set in the middle


def test_pictures_of_one_page_have_arrows_of_their_own() -> None:
    found = run("graphs", str(sample("torch_graph")), "--html").output
    assert found.count('<marker id="arrow0"') == found.count('<marker id="arrow1"') == 1
    assert found.count('marker-end="url(#arrow1)"') == 421


def test_branches_side_by_side_are_no_repeats_of_each_other() -> None:
    edges = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7), (6, 7)]
    fold = find_fold(chain("xaaaaaay", edges))
    assert fold == Fold(3, (1, 2), (1, 2, 3, 4, 5, 6))


def test_folded_graph_keeps_its_way_in_and_out_and_mean_times() -> None:
    drawing = chain("xabababy")
    fold = find_fold(drawing)
    assert fold is not None
    short = folded(drawing, fold)
    assert [(one.number, one.name, one.mean_ns) for one in short.nodes] == [
        (0, "x", 0),
        (1, "a", 3),
        (2, "b", 4),
        (7, "y", 7),
    ]
    assert short.edges == ((0, 1), (1, 2), (2, 7))
    assert layers(short) == {0: 0, 1: 1, 2: 2, 7: 3}


def test_explicit_sample_is_what_the_workload_built() -> None:
    [graph] = of_sample("graph_explicit")["graphs"]
    assert (graph["built"], graph["node_count"], graph["nodes_by_kind"]) == (
        "explicit",
        22,
        {"kernel": 20, "memcpy": 2},
    )
    assert graph["replays"]["count"] == 10 + 5  # measured and warm-up
    assert graph["launched_singly"]["runs"] == 10 + 5
    assert graph["launched_singly"]["saved_ns"] == 77_366
    kernels = [one for one in graph["nodes"] if one["kind"] == "kernel"]
    assert all((one["grid"], one["block"], one["count"]) == ([512, 1, 1], [256, 1, 1], 15) for one in kernels)
    assert of_sample("graph_explicit")["captures"]["captured_launches"] == 0


def test_whole_graph_sample_gives_what_it_can() -> None:
    found = of_sample("graph_explicit_whole")
    assert found["graphs"] == []
    assert found["events"] == {"created": 3, "cloned": 0, "instantiated": 1}
    [whole] = found["whole_graph_launches"]
    assert (whole["name"], whole["count"], whole["span_ns"]["median"]) == ("[CUDA graph 1]", 15, 97_855)
    assert whole["whole_ns"]["median"] == 103_688


def test_update_sample_shows_every_way_of_changing_a_graph() -> None:
    found = of_sample("graph_update")
    steps, kernels = 5, 20
    chain = {"kernel": kernels, "memcpy": 1}
    assert [(one["built"], one["graphs"], one["executables"], one["nodes_by_kind"]) for one in found["graphs"]] == [
        ("explicit", 1, 9, chain),
        ("explicit", 1, 1, {"kernel": kernels}),  # the indirect kernels
        ("captured", 10, 10, chain),  # captured and instantiated each time, warm-up included
        ("captured", 10, 0, chain),  # captured for cudaGraphExecUpdate
        ("explicit", 1, 0, {"kernel": kernels + 1}),  # the three that CUDA refused
        ("explicit", 1, 0, {"memcpy": kernels, "kernel": 1}),
        ("explicit", 1, 0, {"kernel": 1}),
    ]
    assert found["graphs"][0]["instantiation_ns"]["count"] == 9
    calls = {one["call"]: one["duration_ns"]["count"] for one in found["updates"]}
    assert calls["cuGraphExecKernelNodeSetParams"] == 2 * steps * kernels + 2  # and two that are refused
    assert found["captures"]["captured_launches"] == 2 * 2 * steps * (kernels + 1)
    assert found["graphs"][2]["replays"]["updates_before_ns"]["min"] > 20_000


def test_pytorch_sample_is_one_captured_graph_of_every_decode_kernel() -> None:
    found = of_sample("torch_graph")
    [graph] = found["graphs"]
    assert (graph["built"], graph["node_count"], graph["replays"]["count"]) == ("captured", 422, 3 + 3)
    assert found["captures"]["captured_launches"] == 422
    assert graph["launched_singly"]["saved_ns"] > 4 * graph["replays"]["whole_ns"]["median"]


def test_pitfall_sample_counts_refused_captures() -> None:
    found = of_sample("graph_pitfalls")
    assert {one["built"] for one in found["graphs"]} == {"captured"}
    assert found["captures"]["duration_ns"]["count"] == 18


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, arguments, catch_exceptions=True)


def test_gains_sample_replays_what_eager_launches() -> None:
    found = of_sample("torch_gains")
    [graph] = found["graphs"]
    assert (graph["built"], graph["node_count"], graph["nodes_by_kind"]) == ("captured", 342, {"kernel": 342})
    assert graph["replays"]["count"] == 3 + 1  # measured, and one to compare with eager's result
    ranges = {one["name"]: one["launches"] for one in launches(sample("torch_gains"))["ranges"]}
    assert (ranges["way: resnet50, eager"], ranges["way: resnet50, graph"]) == (3 * 342, 3)
    assert graph["replays"]["whole_ns"]["median"] < graph["launched_singly"]["time_ns"]["median"] / 4


def test_text_names_graphs_replays_and_slowest_nodes() -> None:
    found = run("graphs", str(sample("graph_explicit")), "--top", "2")
    assert found.exit_code == 0, found.output
    assert re.search(r"1 +explicit +\S+ m?s +1 +1 +20 kernel, 2 memcpy +15 +114 us +77.4 us", found.output)
    assert "between nodes" in found.output
    assert len(re.findall(r"CUDA memc", found.output)) == 2


def test_processes_are_named_where_there_are_several(tmp_path: Path) -> None:
    report = ReportBuilder()
    for pid in (7, 8):
        report.call(10 * pid, 10 * pid + 5, 1, "cudaGraphLaunch_v10000", pid=pid)
        report.kernel(100 * pid, 100 * pid + 50, 1, "k", node=2 * GRAPH, pid=pid)
    found = run("graphs", str(report.save(tmp_path))).output
    assert re.search(r"process +no +built", found)
    assert re.search(r"7 +1 +unknown.*\n +8 +2 +unknown", found)
    assert "process" not in run("graphs", str(sample("graph_explicit"))).output


def test_json_and_csv_of_one_graph() -> None:
    found = run("graphs", str(sample("graph_update")), "--node", "2", "--format", "json")
    [graph] = json.loads(found.output)["graphs"]
    assert (graph["graph"], graph["node_count"]) == (2, 20)
    rows = run("graphs", str(sample("graph_update")), "--node", "2", "--format", "csv").output.splitlines()
    assert len(rows) == 1 + 20
    assert rows[0].startswith("graph,process,node,kind,name,grid,block")


def test_same_input_same_bytes() -> None:
    arguments = ("graphs", str(sample("torch_graph")), "--html")
    assert run(*arguments).output == run(*arguments).output


@pytest.mark.parametrize("form", ["--svg", "--html"])
def test_drawing_from_replays_says_so(form: str) -> None:
    found = run("graphs", str(sample("graph_explicit")), form).output
    assert "the order and overlap seen in 15 replays" in found
    assert found.count('class="node"') == 22


def test_dot_file_gives_the_edges_and_the_report_the_times() -> None:
    dot = SAMPLES / "graph_explicit.dot"
    drawing = read_dot(dot)
    assert Counter(one.kind for one in drawing.nodes) == {"kernel": 20, "memcpy": 2}
    assert (len(drawing.edges), drawing.nodes[1].grid, drawing.nodes[1].block) == (22, (512, 1, 1), (256, 1, 1))
    assert {a for a, b in drawing.edges if b == 21} == {10, 20}  # both branches joined
    found = run("graphs", str(sample("graph_explicit")), "--svg", "--dot", str(dot)).output
    assert "the DOT file graph_explicit.dot" in found
    assert "23.0 us" in found
    other = run("graphs", str(sample("graph_update")), "--node", "2", "--html", "--dot", str(dot)).output
    assert "The report&#x27;s graph has 20 nodes, so it is another one" in other


def test_graph_of_400_nodes_is_folded_to_its_layers() -> None:
    found = run("graphs", str(sample("torch_graph")), "--html").output
    assert '<option value="0">65 nodes: 8 repeats of 51 folded</option>' in found
    assert '<option value="1">all 422 nodes</option>' in found


def test_page_of_400_nodes_folds_searches_and_zooms(tmp_path: Path) -> None:
    path = tmp_path / "graph.html"
    assert run("graphs", str(sample("torch_graph")), "--html", "-o", str(path)).exit_code == 0
    with chromium() as browser, watched_page(browser) as watched:
        page = watched.open(path)
        visible = "document.querySelectorAll('.picture:not([hidden]) .node').length"
        assert page.evaluate(visible) == 65
        page.fill("#search", "softmax")
        assert page.inner_text("#hits") == "1 of 1"
        page.select_option("#choice", "1")
        assert page.evaluate(visible) == 422
        assert page.inner_text("#hits") == "1 of 8"  # one a layer
        page.press("#search", "Enter")
        assert page.inner_text("#hits") == "2 of 8"
        box = page.locator(".picture:not([hidden]) .found").nth(1).bounding_box()
        assert 0 <= box["x"] <= 1440 - box["width"]
        assert 0 <= box["y"] <= 1000 - box["height"]
        page.click("#fit")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        watched.check()


def test_names_are_escaped_in_drawings(tmp_path: Path) -> None:
    report = ReportBuilder()
    replay(report, (0, 5), 1, 2, (10, 40, "<script>alert(1)</script>&\x1b[31m"), (50, 60, "b"))
    path = report.save(tmp_path, "re<b>port.sqlite")
    for form in ("--html", "--svg"):
        found = run("graphs", str(path), form).output
        assert "<script>alert" not in found
        assert "re<b>port" not in found
        assert "\x1b" not in found
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in found


def dot_of(label: str) -> str:
    return f'digraph dot {{\n"graph_1_node_0"[style="bold" shape="record" label="{label}"];\n}}\n'


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (
            r"{KERNEL| {ID | 0 (topoId: 1) | f\<\<\<4,\{32,4\},16\>\>\>}}",
            DrawnNode(0, "kernel", "f", (4, 1, 1), (32, 4, 1), 16),
        ),
        (r"{KERNEL| {ID | 0 | g\<\<\<\{4,8,2\},384,0\>\>\>}}", DrawnNode(0, "kernel", "g", (4, 8, 2), (384, 1, 1), 0)),
        ("{\nMEMSET\n| {{ID | node handle} | {0 | 0x1}}}", DrawnNode(0, "memset", "memset")),
        ("{\nMEMCPY\n| {kind | HtoD (HOST to DEVICE)}}", DrawnNode(0, "memcpy", "memcpy HtoD (HOST to DEVICE)")),
        ("0\nMEM_ALLOC", DrawnNode(0, "node", "node")),
        ("{EMPTY | x}", DrawnNode(0, "empty", "empty")),
    ],
)
def test_labels_of_dot_files(label: str, expected: DrawnNode, tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.write_text(dot_of(label), encoding="utf-8")
    assert read_dot(path).nodes == (expected,)


@pytest.mark.parametrize("content", ["", "digraph dot {}", "not a graph at all", "\x00\xff"])
def test_file_that_is_no_dot_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NsysgapError, match="holds no CUDA graph"):
        read_dot(path)
    with pytest.raises(NsysgapError, match="cannot be read"):
        read_dot(tmp_path / "missing.dot")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("graph_explicit", "--node", "9"), 2, "There is no graph 9"),
        (("graph_explicit", "--dot", "x.dot"), 2, "--dot says what to draw"),
        (("graph_explicit_whole", "--html"), 1, "were not seen to run"),
        (("graph_explicit_whole", "--node", "1"), 2, "There is no graph 1: all were traced as a whole"),
        (("graph_explicit_whole", "--format", "csv"), 1, "No node was seen to run"),
        (("cdp",), 1, "holds no CUDA graph: it records no graph launch"),
    ],
)
def test_wrong_wishes_are_one_sentence(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    found = run("graphs", str(sample(arguments[0])), *arguments[1:])
    assert isinstance(found.exception, NsysgapError)
    assert (found.exception.exit_code, sentence in str(found.exception)) == (code, True)


def launches(path: Path) -> Document:
    with open_source(path) as source:
        trace = read_trace(source)
        found: Document = as_json(launches_document(trace, launch_calls(trace), read_op_details(source, trace)))
    return found


def test_launches_of_a_made_report(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(0, 10_000, "token").nvtx(20_000, 30_000, "token").nvtx(40_000, 50_000, "nothing")
    shape = {"gridX": 4, "gridY": 1, "gridZ": 1, "blockX": 64, "blockY": 1, "blockZ": 1}
    report.launch((0, 5_000), (6_000, 7_000), "short", **shape)
    report.launch((5_000, 6_000), (7_500, 9_500), "short", **shape)
    report.launch((21_000, 22_000), (23_000, 26_000), "long", **shape)
    found = launches(report.save(tmp_path))
    short, long = found["kernels"]
    assert (short["name"], short["count"], short["call_ns"]["total"], short["call_per_run"]) == ("short", 2, 6_000, 1.0)
    assert not short["costs_more_than_it_runs"]
    assert (long["call_per_run"], long["back_to_back"], short["back_to_back"]) == (0.3333, 0, 1)
    assert short["grids"] == [{"grid": [4, 1, 1], "block": [64, 1, 1], "count": 2}]
    [token] = found["ranges"]
    assert (token["name"], token["count"], token["launches"], token["ops"], token["calls_ns"]) == (
        "token",
        2,
        3,
        3,
        7_000,
    )
    assert token["launches_each"]["max"] == 2
    assert token["per_million_ns"] == 7_000 * 1_000_000 // 3
    whole = found["all"]
    assert (whole["launches"], whole["calls_ns"], whole["per_range"]["name"]) == (3, 7_000, "token")
    assert whole["per_million_ns"] == 1_000 * 1_000_000


def test_cost_of_a_million_is_that_of_kernels_not_of_copies_that_wait(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (10, 20), "k").call(30, 9_000, 77, "cudaMemcpy_v3020")
    found = launches(report.memcpy(8_000, 8_900, 77).save(tmp_path))["all"]
    assert (found["launches"], found["calls_ns"], found["kernel_call_ns"]["count"]) == (2, 8_975, 1)
    assert found["per_million_ns"] == 5_000_000


def test_kernels_of_a_graph_have_no_call_of_their_own(tmp_path: Path) -> None:
    [a, _] = launches(captured_graph().save(tmp_path))["kernels"]
    assert (a["count"], a["in_graphs"], a["call_ns"]["count"]) == (3, 2, 1)


def test_launches_of_the_batching_sample_are_its_commands() -> None:
    found = launches(sample("batching"))
    ranges = {one["name"]: one["launches"] for one in found["ranges"]}
    assert ranges["decode fp32 none"] == 1000
    assert ranges["decode fp32 shape-batched"] == 63  # 1,000 by 16


def test_launches_command_selects_and_does_the_arithmetic() -> None:
    arguments = ("launches", str(sample("torch_graph")), "--nvtx", "^way: eager", "--top", "3")
    found = run(*arguments)
    assert found.exit_code == 0, found.output
    assert re.search(r"In each 'step': 422\.0 launches x \d\.\d\d us = \d\.\d\d ms", found.output.replace("\n", " "))
    rows = run(*arguments, "--format", "csv").output.splitlines()
    assert rows[0].startswith(
        "name,count,in_graphs,call_per_run,costs_more_than_it_runs,back_to_back,grid,block,of_that_grid,other_grids,"
    )
    assert re.search(r"unrolled_elementwise_kern\S+ +4x1x1 +128x1x1 +100.0 % +0 +0.0 %", found.output)
    assert "nvjet_sm90_hsh" not in found.output  # the fourth
    assert re.search(r"step +3 +8.94 ms +422.0 +422.0 +2.57 ms +28.5 % +6.09 s", found.output)
    assert json.loads(run(*arguments, "--format", "json").output)["selection"].startswith("inside 1 NVTX range")


@pytest.fixture(scope="module")
def report_without_kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ReportBuilder().memcpy(1, 2).call(0, 1).save(tmp_path_factory.mktemp("none"))


def test_report_without_kernels_is_refused(report_without_kernels: Path) -> None:
    found = run("launches", str(report_without_kernels))
    assert isinstance(found.exception, NsysgapError)
    assert "holds no kernels" in str(found.exception)


def test_samples_are_small_and_whole() -> None:
    for name in (
        *("batching", "graph_explicit", "graph_explicit_whole", "graph_pitfalls", "graph_update"),
        "torch_gains",
        "torch_graph",
    ):
        packed = sample(name).read_bytes()
        assert len(packed) < 600_000
        assert lzma.decompress(packed).startswith(b"SQLite format 3\0")


def test_numbers_of_a_signature_do_not_collide_by_order() -> None:
    from nsysgap.analysis.graphs.savings import _runs

    names = np.array([9, 1, 2, 3, 9, 1, 3, 2, 9, 1, 2, 3], np.int32)
    assert _runs(names, np.array([1, 2, 3], np.int32)) == [1, 9]
    assert _runs(names[:2], np.array([1, 2, 3], np.int32)) == []


def test_trace_for_viewers_marks_captured_launches(tmp_path: Path) -> None:
    path = captured_graph().save(tmp_path)
    target = tmp_path / "trace.json"
    assert run("to-chrome", str(path), "-o", str(target)).exit_code == 0
    events = json.loads(target.read_text(encoding="utf-8"))["traceEvents"]
    marked = [event["name"] for event in events if "captured into a graph" in event.get("args", {})]
    assert marked == ["cudaLaunchKernel", "cudaLaunchKernel"]
    [end] = [event for event in events if event.get("name") == "cudaStreamEndCapture"]
    assert (end["args"]["captured launches"], end["args"]["capture took ns"]) == (2, 60)
