"""Every notice of the analysis: a report that must show it, and one, as like it as can be, that must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from case_answers import MS, US, answer, steps
from report_builder import ReportBuilder, global_tid

Change = Callable[[ReportBuilder], object]


def loading(report: ReportBuilder, tid: int) -> ReportBuilder:
    span = {"start": 2 * MS - 500 * US, "end": 2 * MS - 100 * US, "globalTid": global_tid(1, tid)}
    return report.row("CUPTI_ACTIVITY_KIND_OVERHEAD", **span, overheadType=7, nameId=report.text("Lazy"))


def in_mpi(report: ReportBuilder, tid: int) -> ReportBuilder:
    span = {"start": 2 * MS - 500 * US, "end": 2 * MS - 100 * US, "globalTid": global_tid(1, tid)}
    return report.row("MPI_OTHER_EVENTS", **span, textId=report.text("MPI_Barrier"))


def library(report: ReportBuilder, start: int) -> ReportBuilder:
    span = {"start": start, "end": start + 200 * US, "globalTid": global_tid(1, 1)}
    return report.row("CUDNN_EVENTS", **span, nameId=report.text("cudnnConvolutionForward"))


def blocking(report: ReportBuilder, late: int) -> ReportBuilder:
    for i in range(60):
        at = 50 * MS + i * MS
        report.launch((at, at + (9 * US if i < late else 2 * US)), (at + 3 * US, at + 8 * US))
    return report


# (words of the notice, what must show it, what must not)
NOTICES: dict[str, tuple[Change, Change]] = {
    "left no kernel": (lambda r: r.call(0, 1, 9), lambda r: r.call(0, 1, 9, returnValue=1)),
    "idle at most": (lambda r: r.kernel(0, 0), lambda r: r.kernel(0, 1)),
    "The last CUDA row is at": (
        lambda r: [r.nvtx(20 * MS * i, 20 * MS * i + MS, "step") for i in range(9)],
        lambda r: [r.nvtx(MS // 4 * i, MS // 4 * i + MS, "step") for i in range(9)],
    ),
    "on another clock": (
        lambda r: r.row("ANALYSIS_DETAILS", duration=60 * MS).osrt(10**14, 10**14 + 1),
        lambda r: r.row("ANALYSIS_DETAILS", duration=60 * MS).osrt(1 << 30, 1 << 31),
    ),
    "have no timestamp": (lambda r: r.kernel(0, 0).kernel(0, 0), lambda r: r.kernel(0, 1).kernel(0, 2)),
    "that the report does not tell": (
        lambda r: steps(r.gpu(0, "A").gpu(1, "B"), 2, MS, pid=2),
        lambda r: steps(r.gpu(0, "A").gpu(1, "B").device(1, 0, 0).device(2, 0, 1), 2, MS, pid=2),
    ),
    "names a call that cannot launch": (
        lambda r: r.call(0, 1, 9, "cudaEventRecord").kernel(2, 3, 9),
        lambda r: r.call(0, 1, 9, "cudaMemcpy").kernel(2, 3, 9),
    ),
    "has no launch call in the report": (lambda r: r.kernel(2, 3, 99), lambda r: r.memcpy(2, 3, 0, copyKind=11)),
    "starts before the call that launched it": (lambda r: r.launch((5, 6), (2, 3)), lambda r: r.launch((5, 6), (5, 7))),
    "returns before the work that it covers ends": (
        lambda r: r.launch((5, 6), (7, 99)).sync(8, 50),
        lambda r: r.launch((5, 6), (7, 99)).sync(8, 99),
    ),
    "returned an error": (
        lambda r: r.call(0, 1, 9, returnValue=2),
        lambda r: r.call(0, 1, 9, "cudaMalloc", returnValue=2),
    ),
    "queued time was held": (
        lambda r: r.launch((10 * MS, 10 * MS + 5), (11 * MS, 12 * MS)),
        lambda r: r.launch((10 * MS, 10 * MS + 5), (10 * MS + 90 * US, 12 * MS)),
    ),
    "launches are blocking": (lambda r: blocking(r, 60), lambda r: blocking(r, 1)),
    "launched by the GPU itself": (
        lambda r: r.graph_trace(0, 5, 0),
        lambda r: r.call(0, 1, 9, "cudaGraphLaunch").graph_trace(2, 5, 9),
    ),
    "had no NVTX range open": (
        lambda r: steps(r.nvtx(0, 90 * MS, "main"), 3, MS, tid=2, delay=40 * MS),
        lambda r: steps(r.nvtx(0, 90 * MS, "main").nvtx(0, 90 * MS, "own", tid=2), 3, MS, tid=2, delay=40 * MS),
    ),
    "is loading modules": (lambda r: loading(r, 1), lambda r: loading(r, 2)),
    "mpi: of": (lambda r: in_mpi(r, 1), lambda r: in_mpi(r, 2)),
    "Not counted: OPENMP_EVENT_KIND_TASK": (
        lambda r: r.row("OPENMP_EVENT_KIND_TASK", start=2 * MS, end=3 * MS),
        lambda r: r.row("OPENMP_EVENT_KIND_TASK", start=900 * MS, end=901 * MS),
    ),
    "Other work covers idle time": (
        lambda r: r.row("VULKAN_WORKLOAD", start=2 * MS - 300 * US, end=2 * MS),
        lambda r: r.row("VULKAN_WORKLOAD", start=2 * MS, end=2 * MS + 300 * US),
    ),
    "libraries: of": (
        lambda r: library(r, 2 * MS - 300 * US),
        lambda r: library(r, 2 * MS),
    ),
    "waited inside its NVTX ranges": (
        lambda r: steps(r.nvtx(40 * MS, 90 * MS, "backward"), 3, MS, tid=2, delay=40 * MS),
        lambda r: steps(r.nvtx(40 * MS, 90 * MS, "backward").call(50 * MS, 51 * MS, 0), 3, MS, tid=2, delay=40 * MS),
    ),
    "slept in pthread_cond_wait until thread 1": (
        lambda r: steps(r.osrt(30 * MS, 40 * MS, "pthread_cond_wait", tid=2), 1, MS, tid=2, delay=40 * MS),
        lambda r: steps(r.osrt(30 * MS, 40 * MS, "poll", tid=2), 1, MS, tid=2, delay=40 * MS),
    ),
    "page migration of unified memory": (
        lambda r: r.memcpy(40 * MS, 41 * MS, 0, copyKind=11),
        lambda r: r.launch((40 * MS, 40 * MS + 1), (40 * MS + 2, 41 * MS)),
    ),
    "OS runtime calls were not recorded": (lambda r: r.nvtx(0, 1, "x"), lambda r: r.osrt(0, 1)),
    "There are no NVTX ranges": (lambda r: r.osrt(0, 1), lambda r: r.nvtx(0, 1, "x")),
    "CUDA graphs were traced as a whole": (lambda r: r.graph_trace(0, 5, 0), lambda r: r.kernel(0, 5, 0)),
    "of one process without GPU work": (
        lambda r: r.diagnostic(2, "Not all NVTX events might have been collected.", 9),
        lambda r: r.diagnostic(2, "Not all NVTX events might have been collected."),
    ),
    "nsys says: Unrecognized CUDA": (
        lambda r: r.diagnostic(2, "Unrecognized CUDA driver."),
        lambda r: r.diagnostic(1, "Unrecognized CUDA driver."),
    ),
}


@pytest.mark.parametrize("words", NOTICES)
def test_a_notice_is_there_when_it_holds_and_only_then(tmp_path: Path, words: str) -> None:
    for change, there in zip(NOTICES[words], (True, False), strict=True):
        report = steps(ReportBuilder(), 5, MS)
        change(report)
        said = " ".join(one["text"] for one in answer(report, tmp_path)["report"]["warnings"])
        assert (words in said) == there, said
