"""Loading of modules: neither what a launch costs nor the profiler's work, whatever call it lies in."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_answers import MS, US, answer, parts, said
from command_line import run
from report_builder import ReportBuilder, global_tid

from nsysgap.analysis.idle.idle_calls import idle_by_call


def by_call(report: ReportBuilder, folder: Path) -> dict[str, tuple[int, str]]:
    return {one.name: (one.idle, one.main_cause) for one in idle_by_call(report.idle(folder))}


def first_launches(report: ReportBuilder, kind: int | None = 7) -> ReportBuilder:
    """Four kernels whose first launch takes 3 ms, of which 2.85 ms are overhead of a kind."""
    for i in range(4):
        at = MS + 4 * MS * i
        report.launch((at, at + 3 * MS), (at + 3002 * US, at + 3022 * US), f"layer {i}")
        span = {"start": at + 100 * US, "end": at + 2950 * US, "globalTid": global_tid(1, 1)}
        if kind is not None:
            report.row("CUPTI_ACTIVITY_KIND_OVERHEAD", **span, overheadType=kind, nameId=report.text("overhead"))
    return report


@pytest.mark.parametrize("kind", [2, 6, 7])
def test_loading_in_launch_calls(report: ReportBuilder, tmp_path: Path, kind: int) -> None:
    found = by_call(first_launches(report, kind), tmp_path)
    assert found["(loading modules)"] == (3 * 2850 * US, "cuda_api")
    assert found["cudaLaunchKernel"] == (3 * 150 * US, "launch")
    document = answer(report, tmp_path)
    assert document["devices"][0]["loading_ns"] == 3 * 2850 * US
    assert sum(idle for idle, _ in found.values()) == document["devices"][0]["idle_ns"]
    assert parts(document)["launch"] == 3 * 3 * MS  # the ten parts are as they are defined


def test_a_full_command_buffer_is_no_loading(report: ReportBuilder, tmp_path: Path) -> None:
    """Kind 8, by CUPTI's own enumeration: more work than the GPU took."""
    found = by_call(first_launches(report, 8), tmp_path)
    assert "(loading modules)" not in found
    assert found["(the command buffer was full)"] == (3 * 2850 * US, "launch")


@pytest.mark.parametrize(("kind", "name"), [(3, "Buffer flush"), (None, "")])
def test_cupti_s_own_work_is_no_loading(report: ReportBuilder, tmp_path: Path, kind: int | None, name: str) -> None:
    assert "(loading modules)" not in by_call(first_launches(report, kind), tmp_path), name


def unknown_work(
    report: ReportBuilder, name: str, *, call: str = "cudaLaunchKernel", kernel: str = "b"
) -> ReportBuilder:
    """Kernel "a"; 2 ms of the profiler's rows inside a call before or of the launch of another one."""
    report.launch((0, 5 * US), (10 * US, MS), "a").overhead(3 * MS, 5 * MS, name)
    if call == "cudaLaunchKernel":
        return report.launch((2 * MS, 6 * MS), (7 * MS, 8 * MS), kernel)
    report.call(2 * MS, 6 * MS, 7, call)
    return report.launch((6 * MS + 10, 6 * MS + 20), (7 * MS, 8 * MS), kernel)


@pytest.mark.parametrize(
    ("name", "call", "kernel", "loading"),
    [
        ("Unknown", "cudaLaunchKernel", "b", 2 * MS),
        ("Unknown", "cuLibraryLoadData", "a", 2 * MS),
        ("Unknown", "cudaLaunchKernel", "a", 0),  # its code is there
        ("Unknown", "cudaMalloc", "b", 0),
        ("CUPTI Buffer flush", "cudaLaunchKernel", "b", 0),
    ],
)
def test_what_the_profiler_calls_unknown(
    report: ReportBuilder, tmp_path: Path, name: str, call: str, kernel: str, loading: int
) -> None:
    found = by_call(unknown_work(report, name, call=call, kernel=kernel), tmp_path)
    assert found.get("(loading modules)", (0, ""))[0] == loading
    assert sum(idle for idle, _ in found.values()) == 6 * MS


def test_loading_is_never_cured_by_fusing(report: ReportBuilder, tmp_path: Path) -> None:
    """First screen and tables say what helps; the launch calls' own advice does not stand there."""
    path = first_launches(report).save(tmp_path)
    first, tables = run(path).stdout, run("gaps", path, "--by", "api").stdout
    assert "of idle, loading modules" in first
    assert "%: warm up, or load before" in first
    assert "nsysgap gaps" in first
    assert "--by api" in first
    assert "of it loading" in tables
    assert "CUDA_MODULE_LOADING=EAGER" in tables
    assert "fuse" not in first + tables.lower()


def test_the_note(report: ReportBuilder, tmp_path: Path) -> None:
    assert "idle time is loading modules: load before" in said(answer(first_launches(report), tmp_path), "note")
