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
    assert "7.70 ms of host time; the 1,242 that launched kernels" in found.output.replace("\n", " ")
    rows = run(*arguments, "--format", "csv").output.splitlines()
    assert rows[0].startswith(
        "name,count,in_graphs,call_per_run,costs_more_than_it_runs,back_to_back,grid,block,of_that_grid,other_grids,"
    )
    assert re.search(r"unrolled_elementwise_kern\S+ +4x1x1 +128x1x1 +100.0 % +0 +0.0 %", found.output)
    assert "nvjet_sm90_hsh" not in found.output  # the fourth
    assert re.search(r"way: eager\S* \S+ +1 +27.1 ms +1,266.0 +1,266.0 +7.70 ms +28.4 % +5.92 s", found.output)
    assert not re.search(r"^step", found.output, re.MULTILINE)  # inside, but its name does not match
    assert json.loads(run(*arguments, "--format", "json").output)["selection"].startswith("inside 1 NVTX range")


@pytest.fixture(scope="module")
def report_without_kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ReportBuilder().memcpy(1, 2).call(0, 1).save(tmp_path_factory.mktemp("none"))


def test_report_without_kernels_is_refused(report_without_kernels: Path) -> None:
    found = run("launches", str(report_without_kernels))
    assert isinstance(found.exception, NsysgapError)
    assert "holds no kernels" in str(found.exception)


def test_a_selection_without_kernels_says_so_and_when_they_ran(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(100, 200, "quiet").launch((0, 10), (20, 50), "k").launch((300, 310), (320, 350), "k")
    found = run("launches", str(report.save(tmp_path)), "--nvtx", "quiet")
    assert isinstance(found.exception, NsysgapError)
    assert str(found.exception) == (
        "No kernel ran and none was launched in what was selected (inside 1 NVTX range (quiet), 100 ns). "
        "The kernels of this report ran from 20 ns to 350 ns of the session."
    )


def test_launches_ahead_of_their_kernels_are_shown_without_kernels(tmp_path: Path) -> None:
    path = ReportBuilder().nvtx(0, 20, "ahead").launch((5, 10), (25, 50), "k").memset(15, 18).save(tmp_path)
    found = run("launches", str(path), "--nvtx", "ahead")
    assert "No kernel ran in the selection." in found.output
    assert "1 launch call took 5 ns of host time" in found.output
    rows = run("launches", str(path), "--nvtx", "ahead", "--format", "csv").output.splitlines()
    assert (len(rows), rows[0].split(",")[:2]) == (1, ["name", "count"])


def test_the_key_of_the_order_is_shown(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 9_000), (9_100, 9_200), "slow to launch")
    for start in range(10_000, 15_000, 1_000):
        report.launch((start, start + 1_000), (start + 1_100, start + 1_900), "quick to launch")
    found = run("launches", str(report.save(tmp_path))).output
    head, first, second = found[found.index("kernel ") :].splitlines()[:3]
    assert re.match(r"kernel +count +calls +call +run +ratio +unqueued", head)
    assert re.match(r"slow to launch +1 +9.00 us +9.00 us", first)
    assert re.match(r"quick to launch +5 +5.00 us +1.00 us", second)


def test_of_one_gpu(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 50), "a", deviceId=0)
    path = str(report.launch((60, 70), (80, 90), "b", deviceId=1).save(tmp_path))
    found = run("launches", path, "--device", "1").output
    assert "Only GPU 1." in found
    assert "1 launch call took 10 ns" in found
    missing = run("launches", path, "--device", "4").exception
    assert isinstance(missing, NsysgapError)
    assert str(missing).startswith("GPU 4 ran nothing")


def test_kernels_of_one_short_name_are_told_apart(tmp_path: Path) -> None:
    report = ReportBuilder()
    for i, functor in enumerate(("CUDAFunctor_add<float>", "FillFunctor<float>")):
        name = f"void at::native::vectorized_elementwise_kernel<4, at::native::{functor}, std::array<char*, 2ul>>(int)"
        report.launch((100 * i, 100 * i + 10), (100 * i + 20, 100 * i + 50), name)
    found = run("launches", str(report.save(tmp_path))).output
    assert re.search(r"^vector\S*…<CUDAFunctor_add<float>> +1 ", found, re.MULTILINE)
    assert re.search(r"^vector\S*…<FillFunctor<float>> +1 ", found, re.MULTILINE)
