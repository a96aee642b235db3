"""Tables that hold work or waiting and are read into nothing: named in `info`, noted in `gaps` where they matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from case_answers import MS, answer, said, steps
from command_line import run
from report_builder import ReportBuilder

TABLES = ("OPENMP_EVENT_KIND_SYNC_REGION_WAIT", "CUPTI_ACTIVITY_KIND_OPENACC_DATA", "NVVIDEO_ENCODER_API", "MY_EVENTS")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_not_read_is_named(report: ReportBuilder, tmp_path: Path, table: str) -> None:
    path = steps(report, 3, MS).row(table, start=MS, end=2 * MS).save(tmp_path)
    assert json.loads(run("info", path, "--format", "json").stdout)["unread"] == [table]
    assert f"not read: {table}" in " ".join(run("info", path).stdout.split())
    assert f"Not counted: {table}" in said(answer(report, tmp_path), "note")


@pytest.mark.parametrize(("start", "end", "noted"), [(0, MS, False), (MS, MS, True), (90 * MS, 91 * MS, False)])
def test_only_rows_inside_the_windows_are_noted(
    report: ReportBuilder, tmp_path: Path, start: int, end: int, noted: bool
) -> None:
    """The window is [1 ms, 3.5 ms)."""
    steps(report, 3, MS).row("WDDM_DMA_PACKET_START_EVENTS", start=start, end=end)
    assert ("Not counted" in said(answer(report, tmp_path), "note")) == noted


def test_a_selection_s_window_counts(report: ReportBuilder, tmp_path: Path) -> None:
    path = steps(report, 9, MS).row("OPENGL_API", start=8 * MS, end=9 * MS).save(tmp_path)
    assert "Not counted" not in run("gaps", path, "--from", "0", "--to", "5ms", "--detail").stdout
    assert "Not counted" in run("gaps", path, "--from", "7ms", "--to", "9ms", "--detail").stdout


@pytest.mark.parametrize("table", ["VULKAN_WORKLOAD", "CUDNN_EVENTS", "MPI_P2P_EVENTS", "CUDA_GRAPH_NODE_EVENTS"])
def test_tables_that_are_read_are_not_named(report: ReportBuilder, tmp_path: Path, table: str) -> None:
    path = steps(report, 3, MS).row(table, start=MS, end=2 * MS).save(tmp_path)
    assert json.loads(run("info", path, "--format", "json").stdout)["unread"] == []


def test_columns_that_are_no_times_do_no_harm(report: ReportBuilder, tmp_path: Path) -> None:
    path = steps(report, 3, MS).row("MY_EVENTS", start="soon", end="later").save(tmp_path)
    assert run("gaps", path).returncode == 0
    assert json.loads(run("info", path, "--format", "json").stdout)["unread"] == ["MY_EVENTS"]
