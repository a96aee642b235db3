"""`nsysgap info` by its output."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import run
from folders import NAIVE
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
    assert seven == {"pid": 7, "name": "worker", "devices": [1], "ops": 1, "threads": 2}
    text = run("info", path).stdout
    assert "(10 more)" in text
    assert "(40 more)" in text
