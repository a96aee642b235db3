"""Is the trace complete: every kind of loss in text, JSON, page and `check`, with the idle time that it leaves open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from case_answers import MS, US, steps
from command_line import run
from report_builder import ReportBuilder

from nsysgap.answers.timeline import TimelineOptions, timeline

Change = Callable[[ReportBuilder], object]
COPY = "cudaMemcpyAsync_v3020"


def copies(report: ReportBuilder, number: int, *, name: str = COPY) -> ReportBuilder:
    """Five copies that ran, then calls of that name that left none, 20 ms apart."""
    for i in range(5):
        report.call(MS + i * MS, MS + i * MS + US, 900 + i, COPY).memcpy(
            MS + i * MS + 2 * US, MS + i * MS + 9 * US, 900 + i
        )
    for i in range(number):
        report.call(20 * MS * (i + 1), 20 * MS * (i + 1) + US, 950 + i, name)
    return report


# kind: (what makes the report lose something, words, idle time that it leaves open, of how long; in us)
LOSSES: dict[str, tuple[Change, str, tuple[int, int, int]]] = {
    "lost_launches": (lambda r: r.call(0, 1, 9), "1 of 10 launches left no kernel (process 1", (0, 4000, 8500)),
    "left_out": (lambda r: r.kernel(0, 0), "1 row of CUPTI_ACTIVITY_KIND_KERNEL has no timestamp", (0, 4000, 8500)),
    "stopped_early": (
        lambda r: [r.nvtx(20 * MS * i, 20 * MS * i + MS, "step") for i in range(9)],
        "The last CUDA row is at 9.50 ms of 161 ms",
        (4000, 155_500, 160_000),
    ),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_is_said_everywhere(tmp_path: Path, kind: str) -> None:
    change, words, (low, high, of) = LOSSES[kind]
    report = steps(ReportBuilder(), 9, MS)
    change(report)
    path = report.save(tmp_path)
    document = json.loads(run("gaps", path, "--from", "0", "--format", "json").stdout)
    (loss,) = document["completeness"]
    expected = {"device": 0, "idle_range_ns": [low * US, high * US], "of_ns": of * US}
    assert (loss["kind"], loss["idle_ranges"]) == (kind, [expected])
    for text in (run("gaps", path, "--detail").stdout, run(path).stdout):
        assert "incomplete" in text
        assert words.partition(" (")[0][:40] in " ".join(text.split())
    assert run("check", path, "--max-idle", "99").returncode == 4
    page = run("timeline", path, "-o", tmp_path / "page.html")
    assert page.returncode == 0
    shown = timeline_warnings(path)
    assert any(words in one for one in shown)
    assert any("was idle" in one for one in shown)


def timeline_warnings(path: Path) -> list[str]:
    """The texts of level "incomplete" that the page of a report gets."""
    from nsysgap.answers.opening import opened

    with opened(path) as report:
        data = timeline(report, TimelineOptions())
    return [one["text"] for one in data.summary["report"]["warnings"] if one["level"] == "incomplete"]


@pytest.mark.parametrize(("number", "name", "lost"), [(5, COPY, True), (2, COPY, False), (5, "cudaMemcpy", False)])
def test_gpu_rows_that_stop_while_calls_go_on(
    report: ReportBuilder, tmp_path: Path, number: int, name: str, lost: bool
) -> None:
    """Too few of them, or calls of a name that never left GPU work, tell nothing."""
    path = copies(steps(report, 5, MS), number, name=name).save(tmp_path)
    found = json.loads(run("gaps", path, "--from", "0", "--format", "json").stdout)["completeness"]
    assert [(one["kind"], one["count"], one["of"]) for one in found] == ([("stopped_early", 5, 10)] if lost else [])
    assert run("check", path, "--max-idle", "99").returncode == (4 if lost else 0)


def test_a_selection_mostly_outside(report: ReportBuilder, tmp_path: Path) -> None:
    """Of 100 selected ms 8.5 were recorded: the rest may have been busy or idle."""
    path = steps(report, 9, MS).osrt(0, 200 * MS).save(tmp_path)
    document = json.loads(run("gaps", path, "--from", "0", "--to", "100ms", "--format", "json").stdout)
    (loss,) = document["completeness"]
    assert (loss["kind"], loss["count"], loss["of"]) == ("outside", 8500 * US, 100 * MS)
    assert loss["idle_ranges"] == [{"device": 0, "idle_range_ns": [4 * MS, 95_500 * US], "of_ns": 100 * MS}]
    text = " ".join(run("gaps", path, "--from", "0", "--to", "100ms", "--detail").stdout.split())
    assert "Of 100 ms of selected time GPU 0 was idle 4.00 ms to 95.5 ms (4.0 % to 95.5 %)" in text
    assert run("check", path, "--from", "0", "--to", "100ms", "--max-idle", "99").returncode == 4


@pytest.mark.parametrize("name", ["step {}", "step"])
def test_cuda_of_one_process_that_stops_while_another_s_goes_on(
    report: ReportBuilder, tmp_path: Path, name: str
) -> None:
    """Of 60 steps of process 1, 1 ms apart, 30 launch a kernel of 490 us; process 2 runs one of 100 us in all of them.

    GPU 0 runs both of them, GPU 1 process 2 alone: of its idle time nothing is open.
    """
    for i in range(60):
        at = MS * i
        report.nvtx(at, at + 900 * US, name.format(i))
        if i < 30:
            report.launch((at, at + 5 * US), (at + 10 * US, at + 500 * US))
        report.launch((at, at + 5 * US), (at + 500 * US, at + 600 * US), pid=2, tid=2)
        report.launch((at + 5 * US, at + 9 * US), (at + 500 * US, at + 600 * US), pid=2, tid=2, device=1)
    document = json.loads(run("gaps", report.save(tmp_path), "--format", "json").stdout)
    (loss,) = document["completeness"]
    assert (loss["kind"], loss["count"], loss["of"], loss["pid"]) == ("stopped_early", 30, 60, 1)
    first, last, end = 10 * US, 29 * MS + 500 * US, 59 * MS + 900 * US
    idle, since = 29 * 410 * US + 30 * 900 * US, 30 * 900 * US  # in all, and of it from the last row of process 1 on
    assert (document["devices"][0]["idle_ns"], loss["last_ns"]) == (idle, end)
    assert loss["first_ns"] == last
    rest = end - (59 * MS + 600 * US)
    assert loss["idle_ranges"] == [{"device": 0, "idle_range_ns": [idle - since, idle + rest], "of_ns": end - first}]


@pytest.mark.parametrize(("named", "stopped"), [(True, ["stopped_early"]), (False, [])])
def test_cuda_of_a_process_that_may_go_on_in_ops_that_name_none(
    report: ReportBuilder, tmp_path: Path, named: bool, stopped: list[str]
) -> None:
    """Process 1 launches in 30 of its 60 steps; a copy in each of the others is process 2's, or nobody's."""
    report.call(0, 1, pid=2, tid=2)
    for i in range(60):
        at = MS * i
        report.nvtx(at, at + 900 * US, f"step {i}")
        if i < 30:
            report.launch((at, at + 5 * US), (at + 10 * US, at + 500 * US))
        else:
            report.memcpy(at + 10 * US, at + 500 * US, **({"pid": 2} if named else {"globalPid": None}))
    document = json.loads(run("gaps", report.save(tmp_path), "--format", "json").stdout)
    assert [loss["kind"] for loss in document["completeness"] if loss["kind"] == "stopped_early"] == stopped


def test_ops_that_name_no_process_may_be_of_lost_launches(report: ReportBuilder, tmp_path: Path) -> None:
    """Two processes call, so that the ops without globalPid are nobody's."""
    report.launch((0, 1), (2, 9), globalPid=None).call(3, 4, 7, pid=2)
    texts = timeline_warnings(report.save(tmp_path))
    assert [one.partition(":")[0] for one in texts] == [
        "1 of 1 launch owns no op (process 1, at 0 ns of the session)",
        "1 of 1 launch owns no op (process 2, at 3 ns of the session)",
        "GPU work may be missing",
    ]
    assert "1 op does not say what launched it and may be theirs" in texts[0]


def test_ops_of_a_report_without_correlation_ids_may_be_of_its_launches(tmp_path: Path) -> None:
    report = steps(ReportBuilder(without=("CUPTI_ACTIVITY_KIND_KERNEL.correlationId",)), 5, MS)
    said, most = timeline_warnings(report.save(tmp_path))
    assert said.startswith("5 of 5 launches own no op")
    assert "5 ops do not say what launched them and may be theirs" in said
    assert most == "GPU work may be missing: GPU 0 was idle at most 44.4 %."


def test_several_processes_without_any_kernel(report: ReportBuilder, tmp_path: Path) -> None:
    steps(report, 5, MS)
    for pid in (2, 3, 4):
        for i in range(300):
            report.call(MS + i * US, MS + i * US + 5, i + 1, pid=pid)
    text = " ".join(run("gaps", report.save(tmp_path), "--detail").stdout.split())
    assert "3 of 4 processes launched 900 kernels, and none of them is in the report" in text
    assert "300 of 300 launches left no kernel (process 4" in text
