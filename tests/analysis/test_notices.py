"""What a person must know beside the figures: each notice when it holds, and not otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.notices import all_notices, failed_launches
from nsysgap.tables import Notice


def notices(report: ReportBuilder, folder: Path, **options: int) -> list[Notice]:
    idle = report.idle(folder, **options)
    return list(all_notices(idle, idle.latencies))


def texts(report: ReportBuilder, folder: Path) -> list[str]:
    return [f"{one.level}: {one.text}" for one in notices(report, folder)]


@pytest.fixture
def complete(report: ReportBuilder) -> ReportBuilder:
    """A report that leaves nothing to say."""
    return report.launch((0, 1), (5, 10)).nvtx(0, 10, "step").osrt(0, 1)


def test_nothing_to_say(complete: ReportBuilder, tmp_path: Path) -> None:
    assert texts(complete, tmp_path) == []


def test_missing_sources(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 1, 1, "cudaGraphLaunch").graph_trace(5, 10, 1)
    assert [text.split(":")[1].split("(")[0] for text in texts(report, tmp_path)] == [
        " OS runtime calls were not recorded",
        " There are no NVTX ranges",
        " CUDA graphs were traced as a whole",
    ]


def test_negative_latency(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.launch((30, 40), (20, 25)).launch((45, 46), (40, 44))
    (text,) = texts(complete, tmp_path)
    assert text.startswith("warning: 2 ops start before the call that launched them (by up to 10 ns): the clocks of ")


def test_negative_sync_tail(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.launch((30, 31), (40, 60)).sync(35, 50)
    (text,) = texts(complete, tmp_path)
    assert text.startswith("warning: 1 sync call returns before the work that it covers ends (by up to 10 ns): the clo")


def test_ops_whose_call_is_missing(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.kernel(20, 30, 77).memcpy(40, 50, 0, copyKind=1)
    assert texts(complete, tmp_path) == [
        "warning: 1 of 3 ops has no launch call in the report: gaps that end with it are 'unknown'."
    ]


def test_ops_that_name_no_process(complete: ReportBuilder, tmp_path: Path) -> None:
    """Their calls may well be in the report, but correlation IDs are numbers of a process."""
    complete.call(12, 13, 77, "cudaMemcpyAsync").call(14, 15, 9, "cudaMemcpyAsync", pid=2).kernel(
        20, 30, 77, globalPid=None
    )
    why = "(without globalPid, so whose calls to match is unknown: 1): gaps that end with"
    assert texts(complete, tmp_path) == [
        f"warning: 1 of 2 ops has no launch call in the report {why} it are 'unknown'."
    ]
    complete.kernel(40, 50, 78)
    assert texts(complete, tmp_path) == [
        f"warning: 2 of 3 ops have no launch call in the report {why} one of them are 'unknown'."
    ]


def test_failed_launches(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.call(20, 21, 8, returnValue=1).call(22, 23, 9, "cuLaunchKernelEx", returnValue=700)
    complete.call(24, 25, 10, "cudaEventQuery_v3020", returnValue=600)  # not ready: no launch
    assert failed_launches(complete.trace(tmp_path)) == 2
    (text,) = texts(complete, tmp_path)
    assert text == (
        "warning: 2 launch calls returned an error: they own no op (1 x 1, invalid value; 1 x 700, illegal address: "
        "run the program under compute-sanitizer)."
    )


def test_one_failed_launch(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.call(20, 21, 8, returnValue=1)
    assert texts(complete, tmp_path) == [
        "warning: 1 launch call returned an error: it owns no op (1 x 1, invalid value)."
    ]


def test_exports_without_return_values(tmp_path: Path) -> None:
    report = ReportBuilder(without=("CUPTI_ACTIVITY_KIND_RUNTIME.returnValue",))
    report.call(20, 21, 8, returnValue=1)
    assert failed_launches(report.trace(tmp_path)) == 0


def test_page_migrations(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.memcpy(20, 30, copyKind=11).memcpy(40, 50, copyKind=12).memcpy(60, 70, copyKind=8)
    (text,) = texts(complete, tmp_path)
    assert text.startswith("note: 2 gaps (20 ns, 66.7 % of the idle time) end with a page migration of unified memory")
    assert "cudaMemPrefetchAsync before the kernel" in text
    assert "cudaCpuDeviceId" in text  # 12: from the GPU to the host


def test_page_migrations_that_the_program_asked_for(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.call(12, 15, 0, "cudaMemPrefetchAsync_v8000").memcpy(20, 30, copyKind=11)
    (text,) = texts(complete, tmp_path)
    assert text == (
        "note: 1 gap (10 ns, 100.0 % of the idle time) ends with a page migration of unified memory, which no call "
        "launches: 'unknown'. Those that 1 cudaMemPrefetchAsync call asked for are among them."
    )


def test_only_copies(report: ReportBuilder, tmp_path: Path) -> None:
    report.memcpy(0, 10).nvtx(0, 1, "step").osrt(0, 1)
    assert texts(report, tmp_path) == [
        "incomplete: No kernel rows: the figures know only of copies and memsets, not of kernels."
    ]


def test_most_important_first_and_each_once(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.memcpy(20, 30, copyKind=11).kernel(40, 50, 88).kernel(0, 0)
    complete.diagnostic(2, "Not all CUDA events might have been collected.")
    complete.diagnostic(2, "Not all CUDA events might have been collected.")
    assert [one.level for one in notices(complete, tmp_path)] == [
        "incomplete",
        "incomplete",
        "incomplete",
        "warning",
        "note",
    ]


@pytest.mark.parametrize(
    ("severity", "said", "level"),
    [
        (1, "Profiling has started.", None),
        (2, "CPU sampling was not possible.", None),
        (2, "Unrecognized CUDA driver.", "warning"),
        (3, "Something broke.", "warning"),
        (2, "Not all NVTX events might have been collected.", "incomplete"),
        (1, "1,234 events were lost.", "incomplete"),
        (3, "CUPTI failed to initialise.", "incomplete"),
    ],
)
def test_the_profiler_s_own_words(
    complete: ReportBuilder, tmp_path: Path, severity: int, said: str, level: str | None
) -> None:
    complete.diagnostic(severity, said)
    expected = [] if level is None else [f"{level}: nsys says: {said}"]
    assert texts(complete, tmp_path) == expected


def test_a_process_without_cuda_in_a_report_with_cuda(complete: ReportBuilder, tmp_path: Path) -> None:
    complete.diagnostic(2, "No CUDA events collected. Does the process use CUDA?")
    assert texts(complete, tmp_path) == [
        "note: nsys says of one process without CUDA events: No CUDA events collected. Does the process use CUDA?"
    ]


def test_doubts_about_processes_without_cuda_are_no_loss(complete: ReportBuilder, tmp_path: Path) -> None:
    doubt = "CUDA profiling might have not been started correctly."
    for pid in (7, 8):
        complete.diagnostic(2, doubt, pid=pid).diagnostic(2, "No CUDA events collected. Does it?", pid=pid)
    assert texts(complete, tmp_path) == [
        f"note: nsys says of 2 processes without CUDA events: {doubt}",
        "note: nsys says of 2 processes without CUDA events: No CUDA events collected. Does it?",
    ]


def test_a_doubt_about_a_process_with_cuda_stands(complete: ReportBuilder, tmp_path: Path) -> None:
    doubt = "CUDA profiling might have not been started correctly."
    complete.diagnostic(2, doubt, pid=1).diagnostic(2, "No CUDA events collected. Does it?", pid=8)
    assert texts(complete, tmp_path)[0] == f"incomplete: nsys says: {doubt}"


def test_a_report_without_any_cuda(report: ReportBuilder, tmp_path: Path) -> None:
    report.osrt(0, 1).diagnostic(2, "No CUDA events collected. Does the process use CUDA?")
    assert texts(report, tmp_path)[:2] == [
        "incomplete: nsys says: No CUDA events collected. Does the process use CUDA?",
        "incomplete: No GPU work was recorded: nothing tells how idle the GPU was, or what syncs waited for.",
    ]
