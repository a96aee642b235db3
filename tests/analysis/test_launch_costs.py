"""What launching cost, by kernel and by range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from graph_reports import captured_graph, launches, sample
from report_builder import ReportBuilder, intervals

from nsysgap.analysis.launch_costs import LaunchSelection


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


def test_a_kernel_counts_where_it_runs_and_a_call_where_it_starts(tmp_path: Path) -> None:
    """As in gaps: the kernel that runs across the selection's begin is in it, its call before it is not."""
    report = ReportBuilder().launch((0, 10), (50, 120), "across").launch((110, 115), (300, 310), "later")
    found = launches(report.save(tmp_path), LaunchSelection(intervals((100, 200))))
    assert [one["name"] for one in found["kernels"]] == ["across"]
    assert (found["all"]["launches"], found["all"]["calls_ns"]) == (1, 5)


def test_launches_of_any_thread_of_the_process_count_for_a_range(tmp_path: Path) -> None:
    """PyTorch's backward thread (2) launches for the step of the main thread; another process has its own ranges."""
    report = ReportBuilder().nvtx(0, 100, "step").nvtx(100, 200, "step").nvtx(0, 200, "other", pid=9)
    for start in (10, 110):
        report.launch((start, start + 2), (start + 5, start + 9), "forward")
        report.launch((start + 20, start + 24), (start + 30, start + 35), "backward", tid=2)
    report.launch((50, 51), (60, 61), "elsewhere", pid=9)
    step, other = launches(report.save(tmp_path))["ranges"]
    assert (step["name"], step["launches"], step["launches_each"]["median"], step["calls_ns"]) == ("step", 4, 2, 12)
    assert (other["name"], other["launches"]) == ("other", 1)


def test_an_open_range_ends_with_the_trace(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(5, None, "server").launch((10, 20), (30, 40), "k").launch((50, 60), (70, 90), "k")
    [server] = launches(report.save(tmp_path))["ranges"]
    assert (server["launches"], server["duration_ns"]["total"]) == (2, 85)


def test_ranges_are_cut_to_the_selection_and_only_the_chosen_are_listed(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(0, 100, "step 12").nvtx(50, 200, "step 13", event_type=60).nvtx(60, 80, "inner")
    report.launch((20, 25), (30, 40), "a").launch((70, 72), (75, 90), "b").launch((150, 155), (160, 170), "c")
    path = report.save(tmp_path)
    chosen = LaunchSelection(intervals((0, 100)), ranges=np.array([0]))
    assert [(one["name"], one["launches"]) for one in launches(path, chosen)["ranges"]] == [("step 12", 2)]
    cut = launches(path, LaunchSelection(intervals((60, 160))))["ranges"]
    assert [(one["name"], one["launches"], one["duration_ns"]["total"]) for one in cut] == [
        ("step 13", 2, 100),
        ("inner", 1, 20),
        ("step 12", 1, 40),
    ]


def test_a_range_of_several_pieces_is_one(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(0, 100, "step").launch((10, 12), (20, 30), "a").launch((60, 63), (70, 80), "b")
    [step] = launches(report.save(tmp_path), LaunchSelection(intervals((0, 20), (40, 90))))["ranges"]
    assert (step["count"], step["launches"], step["calls_ns"], step["duration_ns"]["total"]) == (1, 2, 5, 70)


def test_a_million_of_a_range_are_launches_of_kernels_alone(tmp_path: Path) -> None:
    """Neither the graph launch of 50 ns nor the copy that waits 30 ns is in the price of a kernel's launch."""
    report = ReportBuilder().nvtx(0, 200, "step").launch((0, 4), (10, 20), "k").launch((4, 10), (20, 30), "k")
    report.graph_launch((20, 70), (80, 90), (90, 95)).call(100, 130, 77, "cudaMemcpy_v3020").memcpy(110, 125, 77)
    [step] = launches(report.save(tmp_path))["ranges"]
    assert (step["launches"], step["ops"], step["calls_ns"]) == (4, 5, 90)
    assert (step["kernel_launches"], step["kernel_calls_ns"], step["per_million_ns"]) == (2, 10, 5_000_000)


def test_of_one_gpu_its_kernels_and_the_calls_that_launched_on_it(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(0, 100, "step").launch((0, 5), (10, 20), "a", deviceId=0)
    found = launches(report.launch((30, 37), (40, 50), "b", deviceId=1).save(tmp_path), LaunchSelection(device=1))
    assert ([one["name"] for one in found["kernels"]], found["all"]["calls_ns"]) == (["b"], 7)
    assert [one["launches"] for one in found["ranges"]] == [1]


def test_one_name_under_two_numbers_is_one_kernel(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 5), (10, 20), "a").row("StringIds", id=999, value="a")
    report.launch((20, 27), (40, 55), "a", demangledName=999)
    [kernel] = launches(report.save(tmp_path))["kernels"]
    assert (kernel["count"], kernel["duration_ns"]["total"], kernel["call_ns"]["total"]) == (2, 25, 12)


def test_grids_of_a_kernel_the_most_frequent_first(tmp_path: Path) -> None:
    report = ReportBuilder()
    for i, size in enumerate((8, 4, 8, 2)):
        report.launch((10 * i, 10 * i + 1), (10 * i + 2, 10 * i + 3), "k", gridX=size, gridY=1, gridZ=1)
    [kernel] = launches(report.save(tmp_path))["kernels"]
    assert [(one["grid"][0], one["count"]) for one in kernel["grids"]] == [(8, 2), (2, 1), (4, 1)]
