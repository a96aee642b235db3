"""What launching cost, by kernel and by range."""

from __future__ import annotations

from pathlib import Path

from graph_reports import captured_graph, launches, sample
from report_builder import ReportBuilder


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
