"""`nsysgap graphs`: its text, its other formats, its drawings and its refusals."""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from pathlib import Path

import pytest
from folders import SAMPLES
from graph_reports import GRAPH, captured_graph, run, sample
from report_builder import ReportBuilder

from nsysgap.errors import NsysgapError
from nsysgap.report.dot import read_dot


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


def test_samples_are_small_and_whole() -> None:
    for name in (
        *("batching", "graph_explicit", "graph_explicit_whole", "graph_pitfalls", "graph_update"),
        "torch_gains",
        "torch_graph",
    ):
        packed = sample(name).read_bytes()
        assert len(packed) < 600_000
        assert lzma.decompress(packed).startswith(b"SQLite format 3\0")


def test_trace_for_viewers_marks_captured_launches(tmp_path: Path) -> None:
    path = captured_graph().save(tmp_path)
    target = tmp_path / "trace.json"
    assert run("to-chrome", str(path), "-o", str(target)).exit_code == 0
    events = json.loads(target.read_text(encoding="utf-8"))["traceEvents"]
    marked = [event["name"] for event in events if "captured into a graph" in event.get("args", {})]
    assert marked == ["cudaLaunchKernel", "cudaLaunchKernel"]
    [end] = [event for event in events if event.get("name") == "cudaStreamEndCapture"]
    assert (end["args"]["captured launches"], end["args"]["capture took ns"]) == (2, 60)
