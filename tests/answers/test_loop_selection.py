"""The loop apart from set-up, and what ranges launched apart from the ranges: both select by GPU."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import run
from report_builder import ReportBuilder

from nsysgap.answers.gaps import GapsOptions, gaps
from nsysgap.answers.launches import LaunchesOptions, launches
from nsysgap.answers.opening import ask, opened
from nsysgap.answers.selection import Selection, pattern
from nsysgap.answers.steps import main_loops
from nsysgap.answers.timeline import TimelineOptions, timeline

MS = 1_000_000


def program(folder: Path, *, late: int = 0) -> Path:
    """Set-up with a kernel, then four steps of 10 ms with a kernel of 6 ms each, `late` ms after its launch; 2 GPUs.

    GPU 0   [0 1)        [102+l 108+l) [112+l 118+l) ...
    GPU 1   [50 51)
    """
    report = ReportBuilder()
    report.call(0, MS, 1).kernel(0, MS, 1)
    report.call(49 * MS, 50 * MS, 2).kernel(50 * MS, 51 * MS, 2, device=1)
    for number in range(4):
        start = (100 + 10 * number) * MS
        report.nvtx(start, start + 10 * MS, f"step {number}")
        report.call(start + MS, start + 2 * MS, 10 + number)
        report.kernel(start + (2 + late) * MS, start + (8 + late) * MS, 10 + number)
    return report.save(folder)


def test_text_is_about_the_loop(tmp_path: Path) -> None:
    path = program(tmp_path)
    text = run("gaps", path, "--detail").stdout
    assert "Only the loop, 4 x step #: 102 ms of set-up and 0 ns after it left out." in text
    assert "36.0 ms  24.0 ms  12.0 ms" in text  # GPU 0 from 102 to 138 ms
    assert "1.00 ms  1.00 ms     0 ns" in text  # GPU 1 ran no loop: all of it
    whole = run("gaps", path, "--whole", "--detail").stdout
    assert "Only" not in whole
    (row,) = (line for line in whole.splitlines() if line.startswith("0 "))
    assert row.split()[1:7] == ["138", "ms", "25.0", "ms", "113", "ms"]


def test_json_keeps_its_totals_and_gains_loops(tmp_path: Path) -> None:
    path = program(tmp_path)
    document = json.loads(run("gaps", path, "--format", "json").stdout)
    assert [one["idle_ns"] for one in document["devices"]] == [113 * MS, 0]
    steps = json.loads(run("steps", path, "--format", "json").stdout)
    assert document["loops"] == steps["loops"]
    assert document["loops"][0]["devices"][0]["idle_ns"] == 12 * MS
    assert "selection" not in document


def test_a_selection_of_ones_own_is_not_cut_to_the_loop(tmp_path: Path) -> None:
    text = run("gaps", program(tmp_path), "--to", "60ms", "--detail").stdout
    assert "Only from 0 ns to 60.0 ms." in text


def test_the_main_loop_serves_as_a_selection(tmp_path: Path) -> None:
    with opened(program(tmp_path)) as report:
        (loop,) = main_loops(report)
        answer = gaps(report, GapsOptions(Selection(loop=True)))
    assert (loop.process, loop.row["label"], loop.set_up, loop.after) == (
        *(1, "step #"),
        {0: (0, 102 * MS)},
        {0: (138 * MS, 138 * MS)},
    )
    busy = {one["device"]: one["busy_ns"] for one in answer.devices}
    assert busy[0] == loop.row["devices"][0]["busy_ns"] == 24 * MS


@pytest.mark.parametrize(("late", "noted"), [(0, True), (1, True), (20, True)])
def test_select_gpu_takes_the_time_of_what_was_launched(late: int, noted: bool, tmp_path: Path) -> None:
    path = program(tmp_path, late=late)
    chosen = Selection(nvtx=pattern("^step"))
    host = ask(path, gaps, GapsOptions(chosen))
    gpu = ask(path, gaps, GapsOptions(replace(chosen, select="gpu")))
    assert gpu.devices[0]["busy_ns"] == 24 * MS
    assert gpu.devices[0]["idle_ns"] == 0
    assert [one["device"] for one in gpu.devices] == [0]
    notes = [one.text for one in host.header.warnings if "--select gpu" in one.text]
    assert bool(notes) == noted
    if late == 20:
        assert "takes 24.0 ms and ends up to 18.0 ms after them" in notes[0]


LATE = "ends up to 18.0 ms after them"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("gaps", "REPORT"), id="screen"),
        ("gaps", "REPORT", "--detail"),
        ("stacks", "REPORT", "--stacks", "nvtx"),
        ("launches", "REPORT"),
        ("compare", "REPORT", "REPORT"),
        ("check", "REPORT", "--max-step", "1s"),
        ("to-chrome", "REPORT", "-o", "OUT"),
        ("view", "REPORT", "--no-browser", "--wait", "1ms"),
    ],
)
def test_every_command_that_selects_says_so(command: tuple[str, ...], tmp_path: Path) -> None:
    files = {"REPORT": str(program(tmp_path, late=20)), "OUT": str(tmp_path / "out.json")}
    done = run(*(files.get(one, one) for one in command), "--nvtx", "^step")
    assert LATE in " ".join(f"{done.stdout} {done.stderr}".split())


def test_a_page_says_so(tmp_path: Path) -> None:
    data = ask(program(tmp_path, late=20), timeline, TimelineOptions(Selection(nvtx=pattern("^step"))))
    assert any(LATE in one["text"] for one in data.summary["report"]["warnings"])


def test_nothing_is_said_where_host_and_gpu_agree(tmp_path: Path) -> None:
    report = ReportBuilder()
    for number in range(3):
        start = 100 * number
        report.nvtx(start, start + 100, f"step {number}")
        report.call(start, start + 1, number + 1).kernel(start + 2, start + 99, number + 1)
    answer = ask(report.save(tmp_path), gaps, GapsOptions(Selection(nvtx=pattern("step"))))
    assert not [one for one in answer.header.warnings if "--select" in one.text]


def test_select_gpu_needs_ranges_that_launch(tmp_path: Path) -> None:
    path = program(tmp_path)
    assert "needs --nvtx" in run("gaps", path, "--select", "gpu").stderr
    report = ReportBuilder().call(0, 5, 1).kernel(6, 9, 1).nvtx(2, 9, "idle")
    done = run("gaps", report.save(tmp_path, "other.sqlite"), "--nvtx", "idle", "--select", "gpu")
    assert (done.returncode, "Nothing was launched inside" in done.stderr) == (1, True)


def test_launches_count_what_the_loop_launched(tmp_path: Path) -> None:
    """Calls by when the loop's iterations ran on the host, kernels by the GPU windows: late work is in neither lost."""
    path = program(tmp_path, late=30)  # every kernel runs after the last step has ended on the host
    text = run("launches", path).stdout
    assert "Only the loop, 4 x step #:" in text
    assert "step # (4): 10.0 ms median, 10.0 to 10.0; busy 0.60" in text
    with opened(path) as report:
        loop = launches(report, LaunchesOptions(Selection(loop=True))).costs
        whole = launches(report).costs
    assert loop["all"]["launches"] == 4
    assert loop["all"]["calls_ns"] == 4 * MS
    assert [one["count"] for one in loop["ranges"]] == [1, 1, 1, 1]
    assert whole["all"]["launches"] == 6
    assert "Only" not in run("launches", path, "--whole").stdout
    assert json.loads(run("launches", path, "--format", "json").stdout)["all"]["launches"] == 6


def test_launches_by_what_ranges_launched(tmp_path: Path) -> None:
    """--select gpu: step 1's kernel ran long after the step, its call inside it; host time has the call alone."""
    path = program(tmp_path, late=30)
    host = json.loads(run("launches", path, "--nvtx", "step 1", "--format", "json").stdout)
    gpu = json.loads(run("launches", path, "--nvtx", "step 1", "--select", "gpu", "--format", "json").stdout)
    assert [one["count"] for one in host["kernels"]] == []
    assert [(one["count"], one["duration_ns"]["total"]) for one in gpu["kernels"]] == [(1, 6 * MS)]
    assert host["all"]["launches"] == gpu["all"]["launches"] == 1
    assert [(one["name"], one["launches"]) for one in gpu["ranges"]] == [("step 1", 1)]
    assert "--select gpu selects that time" in " ".join(run("launches", path, "--nvtx", "step 1").stdout.split())


def test_stacks_are_of_the_loop(tmp_path: Path) -> None:
    path = program(tmp_path)
    text = run("stacks", path, "--cause", "all").stdout
    assert "Only the loop, 4 x step #: 102 ms of set-up" in text
    assert "12.0 ms of idle time (all causes), 100.0 % of 12.0 ms" in text
    assert "of 113 ms" in run("stacks", path, "--cause", "all", "--whole").stdout
    assert json.loads(run("stacks", path, "--format", "json").stdout)["idle_ns"] == 113 * MS


def test_a_process_without_a_loop_is_counted_whole(tmp_path: Path) -> None:
    """Steps of one process, and another that launches once before them, once in their midst."""
    report = ReportBuilder()
    for number in range(4):
        start = (100 + 10 * number) * MS
        report.nvtx(start, start + 10 * MS, f"step {number}", tid=1_001)
        report.call(start + MS, start + 2 * MS, 10 + number, tid=1_001)
        report.kernel(start + 2 * MS, start + 8 * MS, 10 + number)
    report.call(0, MS, 1, pid=2_000, tid=2_001).kernel(MS, 2 * MS, 1, pid=2_000, device=1)
    report.call(115 * MS, 116 * MS, 2, pid=2_000, tid=2_001).kernel(116 * MS, 117 * MS, 2, pid=2_000, device=1)
    with opened(report.save(tmp_path)) as opened_report:
        loop = launches(opened_report, LaunchesOptions(Selection(loop=True))).costs
    assert loop["all"]["launches"] == 6


def test_a_trace_of_what_ranges_launched(tmp_path: Path) -> None:
    """--select gpu cuts to when step 1's kernel ran, 30 ms after the step; host time has no kernel, and says so."""
    path = program(tmp_path, late=30)
    for number, (select, kernels) in enumerate({"host": 0, "gpu": 1}.items()):
        done = run("to-chrome", path, "--nvtx", "step 1", "--select", select, "-o", tmp_path / f"{number}.json")
        events = json.loads((tmp_path / f"{number}.json").read_text())["traceEvents"]
        assert sum(event.get("cat") == "kernel" for event in events) == kernels
        assert ("--select gpu selects that time" in " ".join(done.stderr.split())) == (select == "host")


def test_rows_say_whether_a_gap_is_in_the_loop(tmp_path: Path) -> None:
    """Before the first window [1 102), then three within it; every gap is there, and no column without a loop."""
    rows = list(csv.DictReader(run("gaps", program(tmp_path), "--format", "csv").stdout.splitlines()))
    assert [(row["start_ns"], row["in_loop"]) for row in sorted(rows, key=lambda row: int(row["start_ns"]))] == [
        (str(MS), "False"),
        *((str(start * MS), "True") for start in (108, 118, 128)),
    ]
    plain = ReportBuilder().call(0, 1, 1).kernel(2, 3, 1).call(4, 5, 2).kernel(6, 7, 2).save(tmp_path, "plain.sqlite")
    assert "in_loop" not in run("gaps", plain, "--format", "csv").stdout
