"""What a report does not show of graphs, said in `graphs` as in `gaps`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from case_answers import MS, US
from command_line import run
from graph_reports import partly_recorded
from report_builder import ReportBuilder


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("graphs", path, "--format", "json").stdout)
    return found


@pytest.mark.parametrize("correlation", [0, None])
def test_whole_graphs_launched_by_the_gpu(report: ReportBuilder, tmp_path: Path, correlation: int | None) -> None:
    report.call(0, 10, 1, "cudaGraphLaunch_v10000").graph_trace(20, 120, 1)
    for i in range(1, 20):
        report.graph_trace(20 + 130 * i, 120 + 130 * i, correlation)
    path = report.save(tmp_path)
    assert document(path)["launched_by_gpu"] == {"graphs": 19, "nodes": 0}
    assert "19 graphs were launched by the GPU itself" in run("graphs", path).stdout


def test_nodes_launched_by_the_gpu(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 10), (20, 30)).kernel(40, 50, 0, node=9).kernel(60, 70, None, node=9)
    path = report.save(tmp_path)
    assert document(path)["launched_by_gpu"] == {"graphs": 0, "nodes": 2}
    for command in (("graphs",), ("gaps", "--detail")):
        assert "2 nodes of graphs were launched by the GPU itself" in run(*command, path).stdout


def test_only_nodes_launched_by_the_gpu(report: ReportBuilder, tmp_path: Path) -> None:
    path = report.kernel(40, 50, 0, node=9).save(tmp_path)
    assert document(path)["graphs"] == []


def test_replays_of_which_a_part_is_recorded(report: ReportBuilder, tmp_path: Path) -> None:
    path = partly_recorded(report, 8 * MS).save(tmp_path)
    (found,) = document(path)["unrecorded"]
    assert (found["device"], found["unrecorded_ns"], found["gaps"]) == (0, 9 * 7825 * US, 9)
    assert found["idle_range_ns"] == [10 * 2 * 5 * US, 9 * 7825 * US + 100 * US]
    text = " ".join(run("graphs", path).stdout.split())
    assert "Replays may have gone on for 70.4 ms after their last recorded node, in 9 gaps of GPU 0" in text
    assert "GPU 0 was idle 100 us to 70.5 ms (0.1 % to 97.7 %)" in text


def test_replays_one_right_after_the_other(report: ReportBuilder, tmp_path: Path) -> None:
    assert document(partly_recorded(report, 200 * US).save(tmp_path))["unrecorded"] == []
