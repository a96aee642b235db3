"""What is known of a report's CUDA graphs: made reports with known answers, and the sample reports of the workloads."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from graph_reports import GRAPH, Document, captured_graph, document, launches, node, replay, run, sample
from report_builder import ReportBuilder


@cache
def of_sample(name: str) -> Document:
    return document(sample(name))


def test_captured_graph_with_its_costs_and_what_it_saved(tmp_path: Path) -> None:
    found = document(captured_graph().save(tmp_path))
    [graph] = found["graphs"]
    assert (graph["built"], graph["graph_ids"], graph["executables"], graph["node_count"]) == ("captured", [1], 1, 2)
    assert graph["nodes_by_kind"] == {"kernel": 2}
    assert graph["build_ns"]["total"] == 20
    replays = graph["replays"]
    assert {
        key: [value["min"], value["max"]] for key, value in replays.items() if key not in ("count", "iterations")
    } == {
        "call_ns": [10, 10],
        "latency_ns": [20, 20],
        "span_ns": [50, 60],
        "busy_ns": [48, 60],
        "between_nodes_ns": [0, 2],
        "whole_ns": [70, 80],
        "replay_ns": [70, 80],
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


def test_graphs_without_a_table_of_nodes_or_of_calls(tmp_path: Path) -> None:
    report = ReportBuilder().kernel(20, 40, 5, "a", node=2 * GRAPH).kernel(50, 60, 5, "b", node=2 * GRAPH + 1)
    [graph] = document(report.save(tmp_path))["graphs"]
    assert [graph[key] for key in ("built", "built_at_ns", "executables", "node_count")] == ["unknown", None, 1, 2]
    assert graph["replays"]["span_ns"]["max"] == 40
    assert [graph["replays"][key] for key in ("call_ns", "latency_ns", "whole_ns")] == [None] * 3


def test_node_in_a_loop_is_drawn_once_with_its_edges(tmp_path: Path) -> None:
    report = ReportBuilder().call(0, 10, 1, "cudaGraphLaunch_v10000")
    for time in (20, 40, 60):
        report.kernel(time, time + 10, 1, "body", node=2 * GRAPH + 3)
    found = run("graphs", str(report.kernel(80, 90, 1, "after", node=2 * GRAPH + 4).save(tmp_path)), "--html").output
    assert "2 nodes, 1 edges from the order and overlap seen in 1 replay." in found
    assert "shared" not in found  # the report does not tell


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


def test_gains_sample_replays_what_eager_launches() -> None:
    found = of_sample("torch_gains")
    [graph] = found["graphs"]
    assert (graph["built"], graph["node_count"], graph["nodes_by_kind"]) == ("captured", 342, {"kernel": 342})
    assert graph["replays"]["count"] == 3 + 1  # measured, and one to compare with eager's result
    ranges = {one["name"]: one["launches"] for one in launches(sample("torch_gains"))["ranges"]}
    assert (ranges["way: resnet50, eager"], ranges["way: resnet50, graph"]) == (3 * 342, 3)
    assert graph["replays"]["whole_ns"]["median"] < graph["launched_singly"]["time_ns"]["median"] / 4
