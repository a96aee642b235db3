"""What a graph saves against the same launches made singly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from graph_reports import GRAPH, document, replay, run, sample
from report_builder import ReportBuilder


def test_saving_is_told_by_a_whole_replay_where_the_first_was_cut(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 50), "a").launch((60, 70), (75, 95), "b")
    report.kernel(100, 120, 7, "b", node=2 * GRAPH + 1)  # its launch and its first node were not recorded
    replay(report, (300, 310), 8, 2, (320, 360, "a"), (361, 380, "b"))
    [graph] = document(report.save(tmp_path))["graphs"]
    assert (graph["launched_singly"]["runs"], graph["launched_singly"]["launches"]) == (1, 2)
    assert graph["launched_singly"]["saved_ns"] == 95 - 80


def test_numbers_of_a_signature_do_not_collide_by_order() -> None:
    from nsysgap.analysis.graphs.savings import _runs

    names = np.array([9, 1, 2, 3, 9, 1, 3, 2, 9, 1, 2, 3], np.int32)
    assert _runs(names, np.array([1, 2, 3], np.int32)) == [1, 9]
    assert _runs(names[:2], np.array([1, 2, 3], np.int32)) == []


def test_a_replay_does_not_take_the_time_that_it_waited_in_the_queue(tmp_path: Path) -> None:
    """Three replays launched at once, 30 ns each on the GPU, behind one another: each took about 30, not up to 100."""
    report = ReportBuilder()
    for at in (0, 1000):
        report.launch((at, at + 10), (at + 20, at + 50), "a").launch((at + 60, at + 70), (at + 75, at + 95), "b")
    for i in range(3):
        begin = 2010 + 30 * i
        replay(report, (2000 + i, 2001 + i), 8 + i, 2, (begin, begin + 10, "a"), (begin + 10, begin + 30, "b"))
    [graph] = document(report.save(tmp_path))["graphs"]
    assert [graph["replays"]["whole_ns"][key] for key in ("min", "median", "max")] == [40, 69, 98]
    assert [graph["replays"]["replay_ns"][key] for key in ("min", "median", "max")] == [30, 30, 40]
    assert (graph["launched_singly"]["runs"], graph["launched_singly"]["saved_ns"]) == (2, 95 - 30)


def test_runs_of_single_launches_in_the_queue_are_measured_alike(tmp_path: Path) -> None:
    report = ReportBuilder()
    for i in range(3):  # all six calls are made before the first kernel starts
        report.launch((4 * i, 4 * i + 1), (20 + 30 * i, 30 + 30 * i), "a")
        report.launch((4 * i + 2, 4 * i + 3), (30 + 30 * i, 50 + 30 * i), "b")
    replay(report, (2000, 2001), 80, 2, (2010, 2020, "a"), (2020, 2040, "b"))
    [graph] = document(report.save(tmp_path))["graphs"]
    assert graph["launched_singly"]["time_ns"] == {
        "count": 3,
        "total": 50 + 30 + 30,
        "min": 30,
        "median": 30,
        "p90": 50,
        "p99": 50,
        "max": 50,
    }


def test_replays_of_other_streams_keep_nobody_waiting(tmp_path: Path) -> None:
    report = ReportBuilder()
    for i, stream in enumerate((7, 8)):
        report.call(2000 + i, 2001 + i, 8 + i, "cudaGraphLaunch_v10000")
        report.kernel(2010, 2050 + i, 8 + i, "a", node=2 * GRAPH, streamId=stream)
    [graph] = document(report.save(tmp_path))["graphs"]
    assert [graph["replays"]["replay_ns"][key] for key in ("min", "max")] == [50, 50]


def test_the_text_says_how_many_runs_and_that_they_are_under_nsys() -> None:
    found = " ".join(run("graphs", str(sample("torch_graph"))).output.split())
    assert "medians of 15 runs launched singly, 6 replays" in found
    assert "both under nsys, which makes every launch dearer" in found
