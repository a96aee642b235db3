"""`nsysgap critical-path`: what limits real programs, and what cannot be told."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run
from report_builder import ReportBuilder

from nsysgap.answers.critical_path import CriticalPathOptions, critical_paths
from nsysgap.answers.opening import ask

TRUTHS = {
    "graph_small_eager": "Host code and launches take",
    "host_full": "The range tokenize takes",
    "copy_pageable": "Pin the host memory",
    "copy_pinned": "Overlap the copies",
    "batch_single": "Host code and launches take",
}


@pytest.mark.parametrize("name", TRUTHS)
def test_what_limits_real_programs_is_known(name: str, real_report: Callable[[str], Path]) -> None:
    (path,) = json.loads(run("critical-path", real_report(name), "--format", "json").stdout)["paths"]
    assert (path["loop"], path["iterations"], path["exact"]) == ("step #", 40, True)
    assert path["cure"].startswith(TRUTHS[name])
    length = path["window_ns"][1] - path["window_ns"][0]
    assert sum(path["parts_ns"].values()) == sum(row["ns"] for row in path["by"]) == length
    for part, ns in path["parts_ns"].items():
        assert sum(row["ns"] for row in path["by"] if row["part"] == part) == ns


def test_lines_stand_beside_host_code_where_they_were_sampled(real_report: Callable[[str], Path]) -> None:
    (path,) = json.loads(run("critical-path", real_report("decode_pysampled"), "--format", "json").stdout)["paths"]
    lines = {row["detail"] for row in path["by"] if row["part"] == "host"}
    assert any(line.startswith("linear.py:") for line in lines)


def test_kernels_that_launch_kernels_are_refused(real_report: Callable[[str], Path]) -> None:
    done = run("critical-path", real_report("proto_cdp"))
    assert done.returncode == 1
    assert "nothing traced runs" in done.stderr
    assert "nsysgap gaps" in done.stderr


def test_text_fits_and_answers_are_picklable(real_report: Callable[[str], Path]) -> None:
    done = run("critical-path", real_report("host_full"))
    assert "40 x step #" in done.stdout
    assert max(map(len, done.stdout.splitlines()[1:])) <= 80
    answer = ask(real_report("host_full"), critical_paths, CriticalPathOptions())
    assert pickle.loads(pickle.dumps(answer)) == answer


def steps(report: ReportBuilder, pid: int = 1, tid: int = 1) -> ReportBuilder:
    for step in range(4):
        at = 100_000 * step
        report.nvtx(at, at + 90_000, f"step {step}", pid=pid, tid=tid)
        report.launch((at + 100, at + 5_000), (at + 6_000, at + 60_000), pid=pid, tid=tid)
        report.sync(at + 6_000, at + 62_000, pid=pid, tid=tid)
    return report


def test_a_loop_in_every_format(tmp_path: Path) -> None:
    path = steps(ReportBuilder()).save(tmp_path)
    (one,) = json.loads(run("critical-path", path, "--format", "json").stdout)["paths"]
    assert one["window_ns"] == [0, 390_000]
    assert one["parts_ns"] == {
        "gpu": 4 * 54_000,
        "between_ops": 0,
        "launch_latency": 4 * 5_900,
        "launch_calls": 0,
        "other_calls": 0,
        "sync_tail": 4 * 2_000,
        "host": 4 * 28_100 + 3 * 10_000,
        "os_wait": 0,
    }
    rows = list(csv.DictReader(io.StringIO(run("critical-path", path, "--format", "csv").stdout)))
    assert sum(int(row["ns"]) for row in rows) == 390_000
    page = tmp_path / "page.html"
    assert run("critical-path", path, "-o", page).returncode == 0
    assert "critical path" in page.read_text()
    assert run("critical-path", path, "--html").stdout == page.read_text()
    (everything,) = json.loads(run("critical-path", path, "--whole", "--format", "json").stdout)["paths"]
    assert (everything["loop"], everything["iterations"], everything["window_ns"]) == (None, 1, [100, 362_000])
    (part,) = json.loads(run("critical-path", path, "--from", "100us", "--to", "0.19ms", "--format", "json").stdout)[
        "paths"
    ]
    assert part["window_ns"] == [100_000, 190_000]


def test_a_loop_that_is_not_there(tmp_path: Path) -> None:
    done = run("critical-path", steps(ReportBuilder()).save(tmp_path), "--loop", "token #")
    assert done.returncode == 1
    assert "The report's loops have 1 label, such as 'step #'." in done.stderr


def launched_by_kernels() -> ReportBuilder:
    """Each step waits 400 us for a kernel of 20 us: what that launched is not in the report."""
    report = ReportBuilder()
    for step in range(4):
        at = 500_000 * step
        report.nvtx(at, at + 490_000, f"step {step}")
        report.launch((at + 100, at + 5_000), (at + 6_000, at + 26_000))
        report.sync(at + 27_000, at + 427_000)
    return report


@pytest.mark.parametrize(
    ("report", "why"),
    [
        pytest.param(launched_by_kernels(), "on which nothing traced runs", id="kernels that launch kernels"),
        pytest.param(
            steps(steps(ReportBuilder()), pid=2, tid=2), "Several processes used GPU 0", id="processes on one GPU"
        ),
        pytest.param(
            steps(ReportBuilder()).kernel(70_000, 80_000, 0),
            "1 of 5 GPU operations have no launch call",
            id="no launch call",
        ),
        pytest.param(
            steps(ReportBuilder()).launch((63_000, 64_000), (95_000, 95_500)),
            "later than their launches and their streams explain",
            id="late for no reason",
        ),
    ],
)
def test_refusals_say_why_and_what_is_still_true(report: ReportBuilder, why: str, tmp_path: Path) -> None:
    path = report.save(tmp_path)
    done = run("critical-path", path)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Idle time by cause does not rest on the model: nsysgap gaps REPORT." in " ".join(done.stderr.split())
    assert run("gaps", path).returncode == 0


def test_a_report_without_calls_or_work(tmp_path: Path) -> None:
    done = run("critical-path", ReportBuilder().kernel(0, 10, 1).save(tmp_path))
    assert "no CUDA API calls" in done.stderr
    done = run("critical-path", ReportBuilder().call(0, 10).save(tmp_path, "none.sqlite"))
    assert "holds no GPU work" in done.stderr


@pytest.mark.parametrize("name", ["host_full", "copy_pageable"])
def test_the_path_is_a_track_of_traces(name: str, real_report: Callable[[str], Path], tmp_path: Path) -> None:
    target = tmp_path / "trace.json"
    assert run("to-chrome", real_report(name), "--critical-path", "-o", target).returncode == 0
    slices = [one for one in json.loads(target.read_text())["traceEvents"] if one.get("cat") == "critical_path"]
    slices.sort(key=lambda one: one["ts"])
    ends = [round(1_000 * (one["ts"] + one["dur"])) for one in slices]
    assert all(round(1_000 * after["ts"]) >= end - 1 for end, after in zip(ends, slices[1:], strict=False))
    (path,) = json.loads(run("critical-path", real_report(name), "--format", "json").stdout)["paths"]
    assert round(1_000 * slices[0]["ts"]) >= path["window_ns"][0]
    assert ends[-1] <= path["window_ns"][1] + 1
    total = sum(round(1_000 * one["dur"]) for one in slices)
    assert total == pytest.approx(path["window_ns"][1] - path["window_ns"][0], rel=0.01)
    assert {one["args"]["part"] for one in slices} >= {"gpu", "host", "launch_calls"}
