"""The workloads without a GPU: check against NumPy, command line, what they say without CuPy."""

from __future__ import annotations

import ast
import importlib
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import WORKLOADS
from workload_parts import require_part

NAMES = ("cdp", "fused", "graph", "mega", "naive", "slow_host")
OTHERS = (*("batching", "calibrate", "graph_explicit", "graph_pitfalls", "graph_update", "torch_gains", "torch_graph"),)

sys.path.insert(0, str(WORKLOADS))
check: Any = importlib.import_module("common.check")
WorkloadError: type[Exception] = importlib.import_module("common.errors").WorkloadError


def run_workload(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a workload as users do, by a Python that sees the standard library alone: no CuPy."""
    command = [sys.executable, "-S", "-E", str(WORKLOADS / f"{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=600)


def float32_work(values: Any, kernels: int) -> Any:
    """Do the work in float32, as the GPU does it up to the last bits."""
    for _ in range(kernels * check.ITERATIONS):
        values = np.sin(values) * np.float32(0.99) + np.float32(0.01)
    return values


def short_result(n: int = 5000, kernels: int = 6) -> Any:
    return float32_work(check.start_values(n), kernels)


def test_folder_holds_the_workloads_and_nothing_else_that_runs() -> None:
    assert sorted(path.stem for path in WORKLOADS.glob("*.py")) == sorted((*NAMES, *OTHERS))


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_header_says_what_a_report_must_show(name: str) -> None:
    header = ast.get_docstring(ast.parse((WORKLOADS / f"{name}.py").read_text(encoding="utf-8")))
    assert header is not None
    assert "A report of it must show" in header


@pytest.mark.parametrize("name", NAMES)
def test_without_cupy_one_sentence_names_the_extras(name: str, tmp_path: Path) -> None:
    result = run_workload(name, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"{name}: CuPy is not installed: `pip install nsysgap[gpu]` brings it for CUDA 12, "
        "`pip install nsysgap[gpu13]` for CUDA 13\n"
    )


def test_without_a_gpu_one_sentence_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(WORKLOADS / "naive.py")]
    environment = require_part("cupy")
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False, timeout=600
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("naive: no usable NVIDIA GPU")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--n", "--steps", "--kernels"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "", "2147483648", "9" * 5000])
def test_wrong_size_is_an_argument_error(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli: Any = importlib.import_module("common.cli")
    with pytest.raises(SystemExit) as stopped:
        cli.parse_sizes("naive", None, [f"{option}={value}"])
    assert stopped.value.code == 2
    assert f"argument {option}: {value!r} is not a whole number from 1 to 2147483647" in capsys.readouterr().err


def test_sizes_default_to_the_measured_ones() -> None:
    cli: Any = importlib.import_module("common.cli")
    sizes = cli.parse_sizes("naive", None, [])
    assert (sizes.n, sizes.steps, sizes.kernels) == (2**21, 50, 20)


@pytest.mark.parametrize(
    ("name", "launches", "syncs", "traced"),
    [
        ("naive", 1000, 1000, 1000),
        ("graph", 50, 50, 1000),
        ("fused", 50, 50, 50),
        ("mega", 1, 1, 1),
        ("cdp", 50, 50, 50),
    ],
)
def test_calls_of_fifty_steps_of_twenty_kernels(name: str, launches: int, syncs: int, traced: int) -> None:
    calls = importlib.import_module(name).calls(50, 20)
    assert (calls.host_launches, calls.host_syncs, calls.traced_kernels) == (
        launches,
        syncs,
        traced,
    )


def test_start_values_repeat_after_the_period() -> None:
    values = check.start_values(10_000)
    assert values.dtype == np.float32
    assert values.tolist() == [float(np.float32((i % 4093) / 4093)) for i in range(10_000)]


@pytest.mark.parametrize("kernels", [1, 2, 6])
@pytest.mark.parametrize("element", [0, 1, 1000, 4092])
def test_reference_is_the_work_of_each_element(kernels: int, element: int) -> None:
    value = float(np.float32(element / 4093))
    for _ in range(kernels * 20):
        value = math.sin(value) * float(np.float32(0.99)) + float(np.float32(0.01))
    assert check.reference(10_000, kernels)[element] == pytest.approx(value, abs=1e-14)
    assert check.reference(10_000, kernels)[element + 4093] == pytest.approx(value, abs=1e-14)


def test_reference_of_many_kernels_is_the_fixed_point() -> None:
    values = check.reference(5000, 1000)
    following = np.sin(values) * np.float64(np.float32(0.99)) + np.float64(np.float32(0.01))
    assert np.abs(following - values).max() < 1e-15
    assert np.ptp(values) < 1e-13


@pytest.mark.parametrize("n", [1, 255, 4093, 4094, 20_000])
@pytest.mark.parametrize("kernels", [1, 6, 60])
def test_float32_stays_far_below_the_tolerance(n: int, kernels: int) -> None:
    error = check.check_result("run", short_result(n, kernels), kernels, kernels)
    assert 0 < error < check.TOLERANCE / 5


@pytest.mark.parametrize("ran", [0, 4, 5, 7, 12])
def test_short_run_shows_a_missing_and_a_repeated_kernel(ran: int) -> None:
    expected = check.SHORT_STEPS * check.SHORT_KERNELS
    with pytest.raises(WorkloadError, match=r"wrong result: \d+ of 5000 elements of the short run"):
        check.check_result("short run", short_result(kernels=ran), expected, expected)


def test_one_kernel_moves_the_short_result_by_many_tolerances() -> None:
    difference = np.abs(check.reference(4093, 6) - check.reference(4093, 5)).max()
    assert difference > 50 * check.TOLERANCE


def test_count_shows_a_missing_kernel_where_the_array_cannot() -> None:
    result = short_result(kernels=60)
    check.check_result("measured run", result, 61, 61)
    with pytest.raises(WorkloadError, match="60 kernels of work ran in the measured run, 61 were launched"):
        check.check_result("measured run", result, 61, 60)


@pytest.mark.parametrize("wrong", [0.0, 1.0, math.nan, math.inf])
def test_one_wrong_element_is_named(wrong: float) -> None:
    result = short_result()
    result[4321] = wrong
    with pytest.raises(WorkloadError, match=r"1 of 5000 elements .* the first is element 4321"):
        check.check_result("run", result, 6, 6)
