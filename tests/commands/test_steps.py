"""`nsysgap steps`: what it prints of real reports and of made ones."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import reference_steps
from command_line import run
from folders import NAIVE
from report_builder import ReportBuilder

from nsysgap.answers.opening import ask, opened
from nsysgap.answers.steps import StepsOptions, loop_time, main_loops, steps
from nsysgap.causes import PARTS


def report_of(folder: Path) -> Path:
    """Six steps of 100 ns, number 4 of 300; each launches a kernel of 40 ns, then two in one graph."""
    report, time = ReportBuilder(), 1_000
    for number in range(6):
        long = 300 if number == 4 else 100
        report.nvtx(time, time + long, f"step {number}")
        report.call(time + 10, time + 20, 10 * number + 1).kernel(time + 25, time + 65, 10 * number + 1)
        report.call(time + 30, time + 40, 10 * number + 2, "cudaGraphLaunch_v10000")
        for node in (1, 2):
            report.kernel(time + 60 + 10 * node, time + 68 + 10 * node, 10 * number + 2, node=node)
        time += long
    return report.save(folder)


def loops(*arguments: object) -> list[dict[str, Any]]:
    done = run("steps", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document) == ["schema", "report", "loops"]
    assert document["schema"] == "nsysgap.steps/1"
    found: list[dict[str, Any]] = document["loops"]
    return found


def test_json_is_what_the_reference_says(tmp_path: Path) -> None:
    path = report_of(tmp_path)
    (loop,) = loops(path)
    assert loop == reference_steps.steps_json(str(path))[0]
    assert (loop["label"], loop["count"], loop["launches"]["total"], loop["ops"]["total"]) == ("step #", 6, 12, 18)


def test_iterations_sum_to_the_loop(tmp_path: Path) -> None:
    (loop,) = loops(report_of(tmp_path), "--loop", "step #")
    rows, device = loop["iterations"], loop["devices"][0]
    assert [row["outlier"] for row in rows] == [False, False, False, False, True, False]
    assert all(row["busy_ns"] + row["idle_ns"] == row["window_ns"] for row in rows)
    for part in PARTS:
        assert sum(row["idle_by_cause_ns"][part] for row in rows) == device["idle_by_cause_ns"][part]
    assert sum(row["busy_ns"] for row in rows) == device["busy_ns"]


def test_csv_and_parquet_have_a_row_per_iteration(tmp_path: Path) -> None:
    import pandas as pd

    path = report_of(tmp_path)
    rows = list(csv.DictReader(io.StringIO(run("steps", path, "--loop", "step #", "--format", "csv").stdout)))
    assert [row["iteration"] for row in rows] == list("012345")
    assert run("steps", path, "--loop", "step #", "-o", tmp_path / "steps.parquet").returncode == 0
    frame = pd.read_parquet(tmp_path / "steps.parquet")
    assert frame["idle_ns"].tolist() == [int(row["idle_ns"]) for row in rows]
    (one,) = csv.DictReader(io.StringIO(run("steps", path, "--format", "csv").stdout))
    assert (one["label"], one["count"], one["duration_max_ns"]) == ("step #", "6", "300")


def test_text_names_outliers(tmp_path: Path) -> None:
    done = run("steps", report_of(tmp_path))
    assert done.returncode == 0
    assert "6 x step #" in done.stdout
    assert "Outliers: iterations 4 (300 ns)." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    listed = run("steps", tmp_path / "report.sqlite", "--loop", "step #").stdout
    assert [line.split()[0] for line in listed.splitlines()[-6:]] == list("012345")


def test_a_label_that_no_loop_has(tmp_path: Path) -> None:
    done = run("steps", report_of(tmp_path), "--loop", "token #")
    assert done.returncode == 1
    assert "No loop is called 'token #'" in done.stderr
    assert "'step #'" in done.stderr


def test_names_are_untrusted(tmp_path: Path) -> None:
    report = ReportBuilder()
    for number in range(3):
        report.nvtx(10 * number, 10 * number + 10, "\x1b[31mred\x1b[0m")
        report.call(10 * number + 1, 10 * number + 2, number + 1).kernel(10 * number + 3, 10 * number + 5, number + 1)
    done = run("steps", report.save(tmp_path))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_nothing_repeats(tmp_path: Path) -> None:
    report = ReportBuilder().call(0, 5, 1).kernel(6, 9, 1)
    done = run("steps", report.save(tmp_path))
    assert done.returncode == 0
    assert "Nothing repeats" in done.stdout


def test_a_report_without_gpu_work_says_so(tmp_path: Path) -> None:
    done = run("steps", ReportBuilder().call(0, 5, 1, "cudaMalloc").save(tmp_path))
    assert done.returncode == 1
    assert "holds no GPU work" in done.stderr


@pytest.mark.parametrize(
    ("name", "label", "count"),
    [("decode_pysampled", "token #", 48), ("copy_pageable", "step #", 40), ("fleet_host_rank1", "step #", 28)],
)
def test_main_loops_of_real_reports(name: str, label: str, count: int, real_report: Callable[[str], Path]) -> None:
    with opened(real_report(name)) as report:
        (loop,) = main_loops(report)
        time = loop_time([loop])
    assert (loop.row["label"], loop.row["count"]) == (label, count)
    for device in loop.row["devices"]:
        number = device["device"]
        assert time[number].total == device["window_ns"]
        assert loop.set_up[number][1] == int(time[number].starts[0])
        assert loop.after[number][0] == int(time[number].ends[-1])


def test_an_answer_is_picklable() -> None:
    answer = ask(NAIVE, steps, StepsOptions())
    assert pickle.loads(pickle.dumps(answer)).document() == answer.document()
    assert {figure.name for figure in answer.figures()} >= {"step_ns", "iterations", "idle_host_ns"}


def test_iterations_say_which_of_several_gpus_of_one_number(tmp_path: Path) -> None:
    report = ReportBuilder().gpu(0, "A100", uuid="GPU-1")
    for pid in (11, 12):
        report.device(pid, 0, None, uuid=f"MIG-{pid}")
        for i in range(3):
            report.nvtx(100 * i, 100 * i + 50, f"step {i}", pid=pid)
            report.launch((100 * i, 100 * i + 5), (100 * i + 8, 100 * i + 40), pid=pid)
    path = report.save(tmp_path)
    document = json.loads(run("steps", path, "--loop", "step #", "--format", "json").stdout)
    named = [{(row["device"], row["which"]) for row in loop["iterations"]} for loop in document["loops"]]
    assert named == [{(0, "MIG-11")}, {(0, "MIG-12")}]
    for options in ([], ["--loop", "step #"]):
        head, first, *_ = run("steps", path, *options, "--format", "csv").stdout.splitlines()
        place = head.split(",").index("device")
        assert head.split(",")[place + 1] == "which"
        assert first.split(",")[place : place + 2] == ["0", "MIG-11"]
    assert "0 MIG-12" in run("steps", path).stdout
    units = json.loads(run("ranks", path, "--format", "json").stdout)["units"]
    assert [(unit["device"], unit["which"]) for unit in units] == [(0, "MIG-11"), (0, "MIG-12")]
