"""`nsysgap info` by its output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run
from folders import NAIVE
from real_reports import require_report
from report_builder import ReportBuilder


def test_info_names_what_is_there_and_what_is_missing() -> None:
    document = json.loads(run("info", NAIVE, "--format", "json").stdout)
    rows = {one["table"]: one["rows"] for one in document["tables"]}
    assert rows["CUPTI_ACTIVITY_KIND_KERNEL"] == document["devices"][0]["ops"] - sum(
        rows.get(f"CUPTI_ACTIVITY_KIND_{kind}", 0) for kind in ("MEMCPY", "MEMSET", "GRAPH_TRACE")
    )
    assert document["report"]["nsys_version"].startswith("2025.3")
    assert "GPU metrics" in [one["missing"] for one in document["missing"]]
    assert {one["text"]: one["answered"] for one in document["questions"]}["How long was each GPU idle?"]


def test_info_of_several_reports_and_a_bad_one_spoils_no_other(tmp_path: Path) -> None:
    done = run("info", tmp_path / "missing.sqlite", NAIVE)
    assert done.returncode == 1
    assert "How long was each GPU idle?" in done.stdout
    assert "missing.sqlite does not exist" in done.stderr


def test_info_names_processes_and_threads_and_how_many_it_leaves_out(report: ReportBuilder, tmp_path: Path) -> None:
    for pid in range(1, 31):
        report.launch((pid, pid + 1), (10 * pid, 10 * pid + 5), pid=pid, device=pid % 2).osrt(0, 1, pid=pid, tid=99)
    report.process(7, "worker").thread(7, 7, "main")
    path = report.save(tmp_path)
    document = json.loads(run("info", path, "--format", "json").stdout)
    assert len(document["processes"]) == 30
    assert len(document["threads"]) == 60
    seven = next(one for one in document["processes"] if one["pid"] == 7)
    own = [{"own": 1, "device": 1}]
    assert seven == {"pid": 7, "name": "worker", "devices": [1], "own_numbers": own, "ops": 1, "threads": 2}
    text = run("info", path, "--tables").stdout
    assert "(10 more)" in text
    assert "(40 more)" in text
    assert "(27 more)" in run("info", path).stdout


def test_tables_and_notes_come_when_asked_for_and_equal_diagnostics_are_counted(
    report: ReportBuilder, tmp_path: Path
) -> None:
    report.launch((0, 1), (2, 3)).diagnostic(1, "Profiling has started.")
    for _ in range(48):
        report.diagnostic(2, "Unable to unwind.")
    path = report.save(tmp_path)
    short, full = run("info", path).stdout, run("info", path, "--tables").stdout
    assert short.count("Unable to unwind. (x48)") == full.count("Unable to unwind. (x48)") == 1
    assert "Profiling has started." in full
    assert "Profiling has started." not in short
    assert "CUPTI_ACTIVITY_KIND_KERNEL" in full
    assert "CUPTI_ACTIVITY_KIND_KERNEL" not in short
    assert "1 more of nsys's diagnostics: nsysgap info --tables." in short
    found = json.loads(run("info", path, "--format", "json").stdout)
    assert [one["count"] for one in found["diagnostics"]] == [1, 48]


def test_diagnostics_of_processes_without_gpu_work_say_of_how_many(report: ReportBuilder, tmp_path: Path) -> None:
    """Said 5 times of 3 processes without GPU work, and once of the one that has some: there it is a loss."""
    lost = "Not all NVTX events might have been collected."
    report.launch((0, 1), (2, 3)).diagnostic(2, lost)
    for pid in (7, 8, 9, 9, 9):
        report.diagnostic(2, lost, pid)
    report.diagnostic(2, lost, 1).diagnostic(2, "No CUDA events collected.", 7)
    path = report.save(tmp_path)
    rows = json.loads(run("info", path, "--format", "json").stdout)["diagnostics"]
    assert [(one["text"], one["incomplete"], one["of"], one["count"]) for one in rows] == [
        (lost, True, None, 2),
        (lost, False, "3 processes without GPU work", 5),
        ("No CUDA events collected.", False, "one process without CUDA events", 1),
    ]
    text = " ".join(run("info", path, "--tables").stdout.split())
    assert f"note {lost} (of 3 processes without GPU work) (x5)" in text
    assert f"incomplete {lost} (x2)" in text
    assert "note No CUDA events collected. (of one process without CUDA events)" in text


def test_info_says_which_gpu_a_process_means_by_its_numbers_and_how_that_is_known(
    report: ReportBuilder, tmp_path: Path
) -> None:
    report.gpu(0, "Small", cuDevice=1).gpu(3, "Large", cuDevice=0).launch((0, 1), (2, 3))
    text = run("info", report.save(tmp_path)).stdout
    assert "TARGET_INFO_GPU.cuDevice" in line_with(text, "Large")
    assert "3 (its 0)" in text
    report.device(77, 0, 3)  # as a container numbers its processes
    assert "container's pids" in line_with(run("info", report.save(tmp_path)).stdout, "Small")


def line_with(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if words in line)


def test_info_counts_ranges_by_domain_and_those_without_an_end(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (2, 3)).nvtx(0, 9, "step")
    assert "NVTX domain" not in run("info", report.save(tmp_path)).stdout
    report.nvtx(1, None, "reduce", domainId=4).nvtx(2, 3, "reduce", domainId=4)
    report.nvtx(0, None, "NCCL", event_type=75, domainId=4)
    path = report.save(tmp_path)
    assert line_with(run("info", path).stdout, "NCCL").split() == ["NCCL", "2", "1"]
    assert json.loads(run("info", path, "--format", "json").stdout)["domains"] == [
        {"name": "NCCL", "ranges": 2, "open": 1},
        {"name": "default", "ranges": 1, "open": 0},
    ]


@pytest.mark.parametrize("name", ["naive.sqlite", "batching.sqlite.xz", "ranks/one_report.sqlite.xz"])
def test_a_normal_report_takes_less_than_40_lines(name: str) -> None:
    assert len(run("info", NAIVE.parent / name).stdout.splitlines()) < 40


@pytest.mark.parametrize("name", ["crash", "graphlevel", "s3.13.2", "s3.20.2_nsightful_BSD3"])
def test_reports_with_much_missing_and_much_said_take_less_than_40_lines(name: str, tmp_path: Path) -> None:
    report = require_report(name, tmp_path)
    assert len(run("info", report.name, cwd=tmp_path).stdout.splitlines()) < 40  # a longer path takes a line more


def test_what_is_folded_is_counted_and_whole_with_tables(report: ReportBuilder, tmp_path: Path) -> None:
    for gpu in range(4):
        report.gpu(gpu, f"Model {gpu}")
    report.launch((0, 1), (2, 3), device=2).nvtx(0, 9, "step").nvtx(2, 3, "sum", domainId=4)
    report.nvtx(0, None, "NCCL", event_type=75, domainId=4)
    for text in ("first", "second", "third", "fourth"):
        report.diagnostic(2, f"The {text} warning.")
    path = report.save(tmp_path)
    short, full = run("info", path).stdout, run("info", path, "--tables").stdout
    for folded in ("Model 0", "Model 1", "Model 3", "The fourth warning.", "NVTX domain "):
        assert folded in full
        assert folded not in short
    assert line_with(short, "(3 more)").split() == ["(3", "more)", "0"]
    assert "Model 2" in short
    assert "The third warning." in short
    assert "1 more of nsys's diagnostics" in short
    assert line_with(short, "domains ").endswith("NVTX ranges")
    assert "NCCL 1" in line_with(short, "domains ")
