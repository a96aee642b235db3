"""`nsysgap launches`: its text, its other formats, its refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from graph_reports import run, sample
from report_builder import ReportBuilder

from nsysgap.errors import NsysgapError


def test_launches_command_selects_and_does_the_arithmetic() -> None:
    arguments = ("launches", str(sample("torch_graph")), "--nvtx", "^way: eager", "--top", "3")
    found = run(*arguments)
    assert found.exit_code == 0, found.output
    assert re.search(r"In each 'step': 422\.0 launches x \d\.\d\d us = \d\.\d\d ms", found.output.replace("\n", " "))
    rows = run(*arguments, "--format", "csv").output.splitlines()
    assert rows[0].startswith(
        "name,count,in_graphs,call_per_run,costs_more_than_it_runs,back_to_back,grid,block,of_that_grid,other_grids,"
    )
    assert re.search(r"unrolled_elementwise_kern\S+ +4x1x1 +128x1x1 +100.0 % +0 +0.0 %", found.output)
    assert "nvjet_sm90_hsh" not in found.output  # the fourth
    assert re.search(r"step +3 +8.94 ms +422.0 +422.0 +2.57 ms +28.5 % +6.09 s", found.output)
    assert json.loads(run(*arguments, "--format", "json").output)["selection"].startswith("inside 1 NVTX range")


@pytest.fixture(scope="module")
def report_without_kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ReportBuilder().memcpy(1, 2).call(0, 1).save(tmp_path_factory.mktemp("none"))


def test_report_without_kernels_is_refused(report_without_kernels: Path) -> None:
    found = run("launches", str(report_without_kernels))
    assert isinstance(found.exception, NsysgapError)
    assert "holds no kernels" in str(found.exception)
