"""What a report cannot answer, why, and how to record it."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.questions import limits, questions, why_no_kernels


def missing(report: ReportBuilder, folder: Path) -> list[str]:
    return [limit.missing for limit in limits(report.trace(folder))]


def complete() -> ReportBuilder:
    report = ReportBuilder().launch((0, 1), (5, 10)).graph_launch((11, 12), (20, 30)).sync(13, 40)
    report.nvtx(0, 10, "step").osrt(0, 1).row("GPU_METRICS", timestamp=1)
    return report.row("SAMPLING_CALLCHAINS", id=1).row("COMPOSITE_EVENTS", id=1)


def test_a_complete_report(tmp_path: Path) -> None:
    assert missing(complete(), tmp_path) == []
    assert [question.answered for question in questions(complete().trace(tmp_path))] == [True] * 8
    assert why_no_kernels(complete().trace(tmp_path)) is None


LACKS = {
    "CUPTI_ACTIVITY_KIND_KERNEL": ["kernel rows", "graph node IDs"],
    "CUPTI_ACTIVITY_KIND_RUNTIME": ["CUDA API calls"],
    "OSRT_API": ["OS runtime calls"],
    "NVTX_EVENTS": ["NVTX ranges"],
    "CUPTI_ACTIVITY_KIND_KERNEL.graphNodeId": ["graph node IDs"],
    "SAMPLING_CALLCHAINS": ["call stacks"],
    "GPU_METRICS": ["GPU metrics"],
}


@pytest.mark.parametrize(("table", "expected"), LACKS.items(), ids=LACKS)
def test_each_missing_table(tmp_path: Path, table: str, expected: list[str]) -> None:
    report = complete()
    report.without = (table,)
    assert missing(report, tmp_path) == expected


SAMPLES, NO_STACKS = "stack samples", "call stacks"
CALLS_ONLY = "call stacks (only inside calls)"


@pytest.mark.parametrize(
    ("rows", "blobs", "limit", "answered", "rests_on"),
    [
        ({"COMPOSITE_EVENTS": {"id": 1}, "SAMPLING_CALLCHAINS": {"id": 1}}, None, None, True, SAMPLES),
        ({"COMPOSITE_EVENTS": {"id": 1}}, None, NO_STACKS, False, NO_STACKS),
        ({"OSRT_CALLCHAINS": {"id": 1}}, None, SAMPLES, False, "functions that made calls, no lines"),
        ({"CUDA_CALLCHAINS": {"id": 1}}, None, SAMPLES, False, "functions that made calls, no lines"),
        ({"NVTX_PAYLOAD_SCHEMAS": {"name": "Python Periodic Sampling"}}, b"stack", None, True, SAMPLES),
        ({"NVTX_PAYLOAD_SCHEMAS": {"name": "Python Periodic Sampling"}}, None, NO_STACKS, False, NO_STACKS),
        ({"NVTX_PAYLOAD_SCHEMAS": {"name": "Python Backtrace on CUDA"}}, b"stack", SAMPLES, True, CALLS_ONLY),
        ({"NVTX_PAYLOAD_SCHEMAS": {"name": "ncclAllReduce"}}, b"size", NO_STACKS, False, NO_STACKS),
        ({}, None, NO_STACKS, False, NO_STACKS),
    ],
)
def test_what_tells_lines_of_code(
    report: ReportBuilder,
    tmp_path: Path,
    rows: dict[str, dict[str, object]],
    blobs: bytes | None,
    limit: str | None,
    answered: bool,
    rests_on: str,
) -> None:
    """Tables that other tools of nsys fill too (payloads of NCCL) are no call stacks."""
    report.launch((0, 1), (5, 10)).row("NVTX_EVENTS", start=1, eventType=34, binaryData=blobs)
    for table, columns in rows.items():
        report.row(table, **columns)
    trace = report.trace(tmp_path)
    assert [one for one in missing(report, tmp_path) if "stack" in one] == ([] if limit is None else [limit])
    line = questions(trace)[-1]
    assert (line.answered, rests_on in line.why) == (answered, True), line


def test_a_graph_traced_as_a_whole(tmp_path: Path) -> None:
    report = complete().graph_trace(50, 60, 5)
    assert missing(report, tmp_path) == ["graph nodes (traced as a whole)"]


UNANSWERED = {
    "CUPTI_ACTIVITY_KIND_KERNEL": [0, 1, 2, 3, 4, 5, 6, 7],
    "CUPTI_ACTIVITY_KIND_RUNTIME": [1, 3, 4, 7],
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION": [4],
    "OSRT_API": [2],
    "NVTX_EVENTS": [6],
    "SAMPLING_CALLCHAINS": [7],
}


@pytest.mark.parametrize(("table", "expected"), UNANSWERED.items(), ids=UNANSWERED)
def test_questions_that_a_report_cannot_answer(tmp_path: Path, table: str, expected: list[int]) -> None:
    report = complete()
    report.without = (table,)
    found = questions(report.trace(tmp_path))
    assert [number for number, question in enumerate(found) if not question.answered] == expected
    assert [one.why.startswith("needs ") for one in found] == [not one.answered for one in found]


def test_no_gpu_work_and_why(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 1, 1).diagnostic(3, "The application crashed.").diagnostic(1, "A note.")
    why = why_no_kernels(report.trace(tmp_path))
    assert why is not None
    assert "how idle the GPU was cannot be told from it. 1 launch suc" in why[0]
    assert why[2] == ("nsys says: The application crashed.",)
    assert "let the program end by itself" in why[1]


def test_no_gpu_work_under_wsl(report: ReportBuilder, tmp_path: Path) -> None:
    report.row("TARGET_INFO_SYSTEM_ENV", name="SoftwareReleaseVersion", value="5.15.90.1-microsoft-standard-WSL2")
    why = why_no_kernels(report.call(0, 1, 1).trace(tmp_path))
    assert why is not None
    assert "The program ran under WSL2" in why[2][0]


@pytest.mark.parametrize(("calls", "said"), [(1, "the only launch"), (2, "all 2 launches")])
def test_no_kernels_since_all_launches_failed(report: ReportBuilder, tmp_path: Path, calls: int, said: str) -> None:
    report.memcpy(0, 10)
    for number in range(calls):
        report.call(number, number + 1, number + 1, returnValue=222)
    why = why_no_kernels(report.trace(tmp_path))
    assert why is not None
    code = f"{calls} x 222, unsupported PTX version: the driver is too old for the PTX"
    assert why[0].endswith(f"No kernel ran: {said} returned an error ({code}).")


def test_no_kernels_since_nothing_was_launched(report: ReportBuilder, tmp_path: Path) -> None:
    why = why_no_kernels(report.call(0, 1, 1, "cudaMalloc").call(2, 3, 2, "cudaLaunchHostFunc").trace(tmp_path))
    assert why is not None
    assert why[0].endswith("launch no kernel.")


def test_no_cuda_at_all(report: ReportBuilder, tmp_path: Path) -> None:
    why = why_no_kernels(report.osrt(0, 1).trace(tmp_path))
    assert why is not None
    assert "--trace=cuda" in why[1]


def test_only_copies(report: ReportBuilder, tmp_path: Path) -> None:
    why = why_no_kernels(report.memcpy(0, 10).memset(20, 30).trace(tmp_path))
    assert why is not None
    assert "holds no kernel rows, only copies and memsets" in why[0]
