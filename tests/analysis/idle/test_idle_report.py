"""Selections: gaps and parts are worked out on the whole, then cut."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_builder import ReportBuilder, gap_parts

from nsysgap.analysis.idle import idle_report as module
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.ranges import select_ranges
from nsysgap.answers.opening import opened
from nsysgap.answers.selection import Selection
from nsysgap.errors import NsysgapError

OF_ALL_KINDS = {"kernel": 0, "memcpy": 0, "memset": 0, "graph": 0}


@pytest.fixture
def two_gaps(report: ReportBuilder) -> ReportBuilder:
    """Kernels [0, 100), [200, 300), [500, 600); launches 40 into the first gap and 100 into the second."""
    report.launch((-20, -10), (0, 100)).launch((140, 160), (200, 300)).launch((400, 450), (500, 600))
    return report


def test_all_of_it(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    assert gap_parts(two_gaps.idle(tmp_path)) == [
        (100, 200, {"host": 40, "launch": 20, "queued": 40}),
        (300, 500, {"host": 100, "launch": 50, "queued": 50}),
    ]


SELECTIONS = {
    "the whole": (
        [(-1000, 9000)],
        [
            (100, 200, {"host": 40, "launch": 20, "queued": 40}),
            (300, 500, {"host": 100, "launch": 50, "queued": 50}),
        ],
    ),
    "from inside a gap": ([(150, 320)], [(150, 200, {"launch": 10, "queued": 40}), (300, 320, {"host": 20})]),
    "two parts of one gap": (
        [(110, 130), (150, 170)],
        [(110, 130, {"host": 20}), (150, 170, {"launch": 10, "queued": 10})],
    ),
    "touching times are one": ([(110, 130), (130, 150)], [(110, 150, {"host": 30, "launch": 10})]),
    "overlapping times are one": ([(110, 140), (120, 150)], [(110, 150, {"host": 30, "launch": 10})]),
    "busy time only": ([(10, 90)], []),
    "up to a gap": ([(10, 100)], []),
}


@pytest.mark.parametrize(("selected", "expected"), SELECTIONS.values(), ids=SELECTIONS)
def test_selected_times(
    two_gaps: ReportBuilder,
    tmp_path: Path,
    selected: list[tuple[int, int]],
    expected: list[tuple[int, int, dict[str, int]]],
) -> None:
    idle = two_gaps.idle(tmp_path, *selected)
    assert gap_parts(idle) == expected
    (device,) = idle.devices
    assert device.idle == sum(end - start for start, end, _ in expected) == device.idle_by_part.sum()
    assert device.gap_count == len(expected)
    assert device.longest_gap == max((end - start for start, end, _ in expected), default=0)


def test_window_and_busy_are_those_inside(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    (device,) = two_gaps.idle(tmp_path, (-50, 20), (90, 120), (580, 900)).devices
    assert device.window == (0, 600)  # first and last selected moment of the window
    assert (device.busy, device.idle) == (20 + 10 + 20, 20)


def test_the_cause_is_that_of_the_selected_part(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    assert two_gaps.idle(tmp_path).gaps_by_cause()["queued"] == 1  # of host 40, queued 40 the first in order
    assert two_gaps.idle(tmp_path, (100, 150)).gaps_by_cause()["host"] == 1


def test_in_graph_and_untraced_are_known_from_the_whole(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((-5, -1), (0, 10), (30, 40))
    report.sync(50, 150).launch((160, 165), (170, 180))
    idle = report.idle(tmp_path, (20, 25), (60, 70), hidden_after_ns=90)
    assert gap_parts(idle) == [(20, 25, {"in_graph": 5}), (60, 70, {"untraced": 10})]


def test_a_gpu_outside_the_selection_is_left_out(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    two_gaps.kernel(700, 800, device=1)
    assert [one.device for one in two_gaps.idle(tmp_path, (0, 650)).devices] == [0]
    assert [one.device for one in two_gaps.idle(tmp_path, (0, 701)).devices] == [0, 1]


def test_ops_and_calls_count_where_they_run_inside(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    two_gaps.memset(150, 150).sync(210, 320).sync(700, 710)
    idle = two_gaps.idle(tmp_path, (150, 220))
    assert idle.devices[0].op_count == {**OF_ALL_KINDS, "kernel": 1, "memset": 1}
    assert idle.latencies.latency.tolist() == [60]
    assert idle.syncs.wait.tolist() == [300 - 210]
    assert two_gaps.idle(tmp_path, (151, 220)).devices[0].op_count == {**OF_ALL_KINDS, "kernel": 1}
    assert two_gaps.idle(tmp_path).syncs.wait.tolist() == [300 - 210, 0]


def test_graph_launches_count_with_their_first_op(report: ReportBuilder, tmp_path: Path) -> None:
    report.graph_launch((0, 1), (5, 10), (20, 30)).graph_launch((32, 33), (35, 40), (50, 60))
    assert report.idle(tmp_path).graph_launches.span.tolist() == [25, 25]
    assert report.idle(tmp_path, (20, 45)).graph_launches.latency.tolist() == [3]


def test_one_gpu_of_two(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 5), (10, 20)).launch((22, 30), (40, 50), device=1).launch((52, 53), (60, 70), device=1)
    idle = report.idle(tmp_path, device=1)
    assert [one.device for one in idle.devices] == [1]
    assert idle.latencies.latency.tolist() == [18, 8]
    assert gap_parts(idle) == [(50, 60, {"host": 2, "launch": 1, "queued": 7})]


def test_latencies_and_syncs_beside_the_gaps_are_the_same(
    two_gaps: ReportBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BESIDE_OPS", 1)
    two_gaps.sync(210, 320)
    trace = two_gaps.trace(tmp_path)
    plain, beside = IdleReport(trace), IdleReport(trace, all_at_once=True)
    assert plain.latencies.latency.tolist() == beside.latencies.latency.tolist() == [20, 60, 100]
    assert plain.syncs.tail.tolist() == beside.syncs.tail.tolist() == [20]


# ------------------------------------------------------------- --nvtx, --from, --to


def select(report: ReportBuilder, folder: Path, pattern: str) -> tuple[list[tuple[int, int]], int, tuple[str, ...]]:
    found = select_ranges(report.trace(folder), re.compile(pattern))
    return list(zip(found.time.starts.tolist(), found.time.ends.tolist(), strict=True)), found.ranges, found.names


def test_ranges_that_match_are_united(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    two_gaps.nvtx(0, 50, "step 1").nvtx(40, 80, "step 2", tid=2).nvtx(90, 95, registered="step 3", event_type=60)
    two_gaps.nvtx(60, 70, "other").nvtx(10, 10, "step 0")
    assert select(two_gaps, tmp_path, "^step") == (
        [(0, 80), (90, 95)],
        4,
        ("step 0", "step 1", "step 2", "step 3"),
    )


def test_an_open_range_reaches_to_the_end_of_the_trace(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    two_gaps.nvtx(550, None, "open").osrt(590, 777)
    assert select(two_gaps, tmp_path, "open") == ([(550, 777)], 1, ("open",))


def test_no_range_matches(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    two_gaps.nvtx(0, 50, "step")
    assert select(two_gaps, tmp_path, "^tep") == ([], 0, ())
    with pytest.raises(NsysgapError, match=r"No NVTX range matches 'x'.*1 names, such as: step"):
        Selection(nvtx=re.compile("x")).resolve(two_gaps.trace(tmp_path))


def test_ranges_and_times_intersect(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    two_gaps.nvtx(100, 200, "in").nvtx(400, 450, "in")
    trace = two_gaps.trace(tmp_path)
    found = Selection(None, re.compile("in"), 150, 420).resolve(trace)
    assert gap_parts(IdleReport(trace, selection=found.time)) == [
        (150, 200, {"launch": 10, "queued": 40}),
        (400, 420, {"launch": 20}),
    ]
    assert found.words == "inside 2 NVTX ranges (in), 150 ns, from 150 ns to 420 ns"


def test_from_and_to_alone(two_gaps: ReportBuilder, tmp_path: Path) -> None:
    trace = two_gaps.trace(tmp_path)
    late = IdleReport(trace, selection=Selection(since=480).resolve(trace).time)
    early = IdleReport(trace, selection=Selection(until=130).resolve(trace).time)
    assert (gap_parts(late), late.devices[0].window) == ([(480, 500, {"queued": 20})], (480, 600))
    assert (gap_parts(early), early.devices[0].window) == ([(100, 130, {"host": 30})], (0, 130))
    assert Selection().resolve(trace).time is None


@pytest.mark.parametrize(("since", "until", "said"), [(5, 5, "--from is not before --to"), (600, 900, "no GPU time")])
def test_nothing_selected(two_gaps: ReportBuilder, tmp_path: Path, since: int, until: int, said: str) -> None:
    with pytest.raises(NsysgapError, match=said):
        Selection(since=since, until=until).resolve(two_gaps.trace(tmp_path))


def test_gaps_of_two_gpus_keep_what_a_selection_cuts_off(report: ReportBuilder, tmp_path: Path) -> None:
    for device in (0, 1):
        for start in (10, 40, 70):
            report.kernel(start + device, start + device + 10, deviceId=device)
    path = report.save(tmp_path)
    with opened(path) as whole:
        gaps = whole.idle().gaps
        assert gaps.gap_start.tolist() == gaps.start.tolist() == [20, 50, 21, 51]
        assert gaps.gap_end.tolist() == gaps.end.tolist() == [40, 70, 41, 71]
        cut = whole.idle(Selection(since=25, until=65)).gaps
        assert (cut.start.tolist(), cut.gap_start.tolist()) == ([25, 50, 25, 51], [20, 50, 21, 51])
        assert (cut.end.tolist(), cut.gap_end.tolist()) == ([40, 65, 41, 65], [40, 70, 41, 71])
