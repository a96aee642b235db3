"""Notices that the analyses make: what is incomplete, clocks, what held and hid the GPU, graphs, page migrations."""

from __future__ import annotations

from functools import partial
from typing import Any

from case_answers import MS, US, steps
from graph_reports import partly_recorded
from notice_cases import Case, of_page, printed
from report_builder import ReportBuilder, global_pid, global_tid
from timeline_pages import FAR

from nsysgap.analysis.call_errors import MEANINGS

GRAPH_LAUNCH = "cudaGraphLaunch_v10000"


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


def early(report: ReportBuilder, number: int, of: int) -> ReportBuilder:
    """Kernels of 50 us, each waited for: so many calls return 6 us before its end, the others 1 us after it."""
    for i in range(of):
        at, end = i * 100 * US, i * 100 * US + 60 * US
        report.launch((at, at + US), (at + 10 * US, end))
        report.sync(at + 2 * US, end - 6 * US if i < number else end + US)
    return report


def event_waits(report: ReportBuilder, number: int, *, recorded: bool) -> ReportBuilder:
    """Waits for an event after the first of two kernels; the second one runs on."""
    for i in range(number):
        at = i * 100 * US
        report.launch((at, at + US), (at + 5 * US, at + 20 * US))
        if recorded:
            report.event_record(at + 2 * US, at + 3 * US, 500 + i, event=i, event_sync=i + 1)
        report.launch((at + 4 * US, at + 5 * US), (at + 25 * US, at + 90 * US), stream=8)
        report.sync(at + 6 * US, at + 21 * US, None, "cudaEventSynchronize_v3020", event=i, event_sync=i + 1)
    return report


def failed(report: ReportBuilder, code: int) -> ReportBuilder:
    """A launch that returned this code."""
    return report.call(0, 1, 9, returnValue=code)


def copies(report: ReportBuilder, *, all_own: bool) -> ReportBuilder:
    """Copies go on after the last op, which leave none; or did so before."""
    for i in range(20):
        at = 10 * MS + 5 * MS * i
        report.call(at, at + US, 100 + i, "cudaMemcpyAsync_v3020")
        if i < 10 and (all_own or i % 2):
            report.memcpy(at + 2 * US, at + 9 * US, 100 + i)
    return report


def alone(report: ReportBuilder, pids: tuple[int, ...]) -> ReportBuilder:
    """Processes that launch three kernels each, none of which is there."""
    for pid in pids:
        for i in range(3):
            report.call(MS + i, MS + i + 1, 50 + i, pid=pid, tid=pid)
    return report


def waits_in_queue(report: ReportBuilder, after: int, name: str = "kernel") -> ReportBuilder:
    """A launch at 10 ms, whose kernel starts so much later."""
    return report.launch((10 * MS, 10 * MS + 5), (10 * MS + after, 12 * MS), name)


def captured(report: ReportBuilder, begin: str) -> ReportBuilder:
    """A launch between this call and the end of a capture."""
    return report.call(100, 105, 1, begin).call(110, 120, 2).call(150, 160, 4, "cudaStreamEndCapture_v10000")


def on_windows(report: ReportBuilder, name: str = "Windows 10") -> ReportBuilder:
    return report.row("TARGET_INFO_SYSTEM_ENV", name="OperatingSystemName", value=name)


def migrated(report: ReportBuilder, cause: int | None = None, kind: int = 11) -> ReportBuilder:
    more: dict[str, Any] = {} if cause is None else {"migrationCause": cause}
    return report.memcpy(40 * MS, 41 * MS, 0, copyKind=kind, **more)


COMPLETE = (
    Case(
        ("left no kernel ", "they are not", " in the report, so the GPU may have been busy where it looks idle."),
        lambda r: r.call(0, 1, 9).call(1, 2, 10),
        lambda r: r.call(0, 1, 9, returnValue=1),
    ),
    Case("none of them is", lambda r: alone(r, (2,)), lambda r: r.call(0, 1, 9)),
    Case(
        (
            "theirs; if not, the GPU may have been busy where it looks idle.",
            "op does not say what launched it",
            "GPU work may be missing",
        ),
        lambda r: r.call(0, 1, 9, pid=2).kernel(2, 3, 9, globalPid=None),
        lambda r: r.call(0, 1, 9, pid=2).kernel(2, 3, 9),
    ),
    Case("them is in the report.", lambda r: alone(r, (2, 3)), lambda r: alone(r, (2,))),
    Case((": GPU ", " was idle at most "), lambda r: r.kernel(0, 0), lambda r: r.kernel(0, 1)),
    Case(
        (
            "The last CUDA row is at ",
            ", though ranges go on that held CUDA before: ",
            "time until the session ended",
        ),
        lambda r: [r.nvtx(20 * MS * i, 20 * MS * i + MS, "step") for i in range(9)],
        lambda r: [r.nvtx(MS // 4 * i, MS // 4 * i + MS, "step") for i in range(9)],
    ),
    Case(
        ("The last GPU row is at ", ", though calls go on that all left GPU work before: ", "copies and memsets"),
        lambda r: copies(r, all_own=True),
        lambda r: copies(r, all_own=False),
    ),
    Case(
        " of the selected time lies where GPU work was recorded.",
        lambda r: r.nvtx(4 * MS, 99 * MS, "step"),
        lambda r: r.nvtx(4 * MS, 6 * MS, "step"),
        printed("gaps", "--nvtx", "step", "--detail"),
    ),
    Case(
        "No kernel rows: the figures know only of copies and memsets, not of kernels.",
        lambda r: r.memcpy(0, 5, 0),
        lambda r: r.kernel(0, 5, 0),
        of_page,
        ReportBuilder,
    ),
    Case(
        "No GPU work was recorded: nothing tells how idle the GPU was, or what syncs waited for.",
        lambda r: r.call(0, 5, 1),
        lambda r: r.call(0, 5, 1).kernel(6, 9, 1),
        of_page,
        ReportBuilder,
    ),
)
CALLS = (
    Case(
        " a call that cannot launch, such as cudaEventRecord: their correlation IDs are wrong",
        lambda r: r.call(0, 1, 9, "cudaEventRecord").kernel(2, 3, 9),
        lambda r: r.call(0, 1, 9, "cudaMemcpy").kernel(2, 3, 9),
    ),
    Case(
        (" no launch call in the report", ": gaps that end with "),
        lambda r: r.kernel(2, 3, 99),
        lambda r: r.memcpy(2, 3, 0, copyKind=11),
    ),
    Case(
        " (without globalPid, so whose calls to match is unknown: ",
        lambda r: r.call(0, 1, 5, pid=2).kernel(2, 3, 99, globalPid=None),
        lambda r: r.call(0, 1, 5, pid=2).kernel(2, 3, 99),
    ),
    Case(
        "launch call returned an error: it owns no op",
        lambda r: r.call(0, 1, 9, returnValue=2),
        lambda r: r.call(0, 1, 9, "cudaMalloc", returnValue=2),
    ),
    *(
        Case(
            meaning,
            partial(failed, code=code),
            partial(failed, code=900 + code % 7),
        )
        for code, meaning in MEANINGS.items()
    ),
    Case(
        " (1 x 1, invalid value)",
        lambda r: r.call(0, 1, 9, "cudaMemcpyAsync_v3020", returnValue=1),
        lambda r: r.call(0, 1, 9, "cudaMemcpyAsync_v3020", returnValue=2),
    ),
    Case(
        ("CUDA_LAUNCH_BLOCKING=1 or a debug build: launches", " are blocking, "),
        lambda r: blocking(r, 60),
        lambda r: blocking(r, 1),
    ),
)
CLOCKS = (
    Case(
        (
            "op starts before the call that launched it",
            "of host and GPU are not aligned. The figures keep them as",
        ),
        lambda r: r.launch((5, 6), (2, 3)),
        lambda r: r.launch((5, 6), (5, 7)),
    ),
    Case(
        ("sync call returns before the work that it covers ends", " Sync tails are negative there."),
        lambda r: early(r, 1, 1),
        lambda r: early(r, 0, 1),
    ),
    Case(
        ("sync calls return before the work that they cover ends", "or the call did not wait for all of it."),
        lambda r: early(r, 4, 10),
        lambda r: early(r, 6, 10),
        begin=ReportBuilder,
    ),
    Case(
        (
            "sync calls return early, by ",
            " on median, before the work ends that they waited for: ",
        ),
        lambda r: early(r, 6, 10),
        lambda r: early(r, 4, 10).sync(2 * MS, 3 * MS, record=False),
        begin=ReportBuilder,
    ),
    *(
        Case(
            (said, "the report does not say (no CUDA_EVENT or synchronization record). Sync tails are negative there."),
            partial(event_waits, number=number, recorded=False),
            partial(event_waits, number=number, recorded=True),
            begin=ReportBuilder,
        )
        for number, said in (
            (1, "sync call returns before all work of its context ends: what it waited for"),
            (9, "sync calls return before all work of their contexts ends: what they waited for"),
        )
    ),
)
HELD = (
    Case(
        ("'s queued time was held: launched work waited longer than ", " although no op ran. "),
        lambda r: waits_in_queue(r, MS),
        lambda r: waits_in_queue(r, 90 * US),
    ),
    Case(
        ("(nothing that the report records)", "It may have been code being uploaded (a first launch), a host callback"),
        lambda r: waits_in_queue(r, MS),
        lambda r: waits_in_queue(r, MS, "first of its name"),
    ),
    Case(
        "(the first run of its kernel: its code may have been uploaded)",
        lambda r: waits_in_queue(r, MS, "first of its name"),
        lambda r: waits_in_queue(r, MS),
    ),
    Case(
        ("(Windows: WDDM may have batched the launches)", "On Windows WDDM batches launches: a cudaStreamQuery sends"),
        lambda r: waits_in_queue(on_windows(r), MS),
        lambda r: waits_in_queue(on_windows(r, "Ubuntu 24.04"), MS),
    ),
    Case(
        (
            "(a graph's work that is not recorded, such as later iterations of a WHILE node)",
            " The GPU worked, or may have worked, then: it was idle ",
        ),
        lambda r: partly_recorded(r, 8 * MS),
        lambda r: partly_recorded(r, 200 * US),
        begin=ReportBuilder,
    ),
    Case(
        "hardware decompression (MEM_DECOMPRESS)",
        lambda r: waits_in_queue(r, MS).row(
            "CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS", start=10 * MS, end=11 * MS, deviceId=0, globalPid=global_pid(1)
        ),
        lambda r: waits_in_queue(r, MS).row(
            "CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS", start=12 * MS, end=13 * MS, deviceId=0, globalPid=global_pid(1)
        ),
    ),
    Case(
        ("Other work covers idle time of GPU ", ". Busy is CUDA's work alone; the GPU was idle "),
        lambda r: r.row("VULKAN_WORKLOAD", start=2 * MS - 300 * US, end=2 * MS),
        lambda r: r.row("VULKAN_WORKLOAD", start=2 * MS, end=2 * MS + 300 * US),
    ),
    Case(
        ". What these tables hold may have kept the GPU busy, or held it.",
        lambda r: r.row("OPENMP_EVENT_KIND_TASK", start=2 * MS, end=3 * MS),
        lambda r: r.row("OPENMP_EVENT_KIND_TASK", start=900 * MS, end=901 * MS),
    ),
)
HOST = (
    Case(
        "; fewer launches would not help.",
        lambda r: loading(r, 1),
        lambda r: loading(r, 2),
    ),
    Case(("mpi: of ", " idle time the launching thread spent "), lambda r: in_mpi(r, 1), lambda r: in_mpi(r, 2)),
    Case("libraries: of ", lambda r: library(r, 2 * MS - 300 * US), lambda r: library(r, 2 * MS)),
    Case(
        ", which had no NVTX range open, while another thread of the process had one and was not seen to wait",
        lambda r: steps(r.nvtx(0, 90 * MS, "main"), 3, MS, tid=2, delay=40 * MS),
        lambda r: steps(r.nvtx(0, 90 * MS, "main").nvtx(0, 90 * MS, "own", tid=2), 3, MS, tid=2, delay=40 * MS),
    ),
    Case(
        " waited inside its NVTX ranges (PyTorch's backward thread does so): --by nvtx has them there, 'by thread ",
        lambda r: steps(r.nvtx(40 * MS, 90 * MS, "backward"), 3, MS, tid=2, delay=40 * MS),
        lambda r: steps(r.nvtx(40 * MS, 90 * MS, "backward").call(50 * MS, 51 * MS, 0), 3, MS, tid=2, delay=40 * MS),
    ),
    Case(
        (" of 'os' time in ", " woke it, the only other thread that was awake. What that did meanwhile: "),
        lambda r: steps(r.osrt(30 * MS, 40 * MS, "pthread_cond_wait", tid=2), 1, MS, tid=2, delay=40 * MS),
        lambda r: steps(r.osrt(30 * MS, 40 * MS, "poll", tid=2), 1, MS, tid=2, delay=40 * MS),
    ),
)
GRAPHS = (
    Case(
        ("launch call was captured into CUDA graphs and owns no op", ". See: nsysgap graphs."),
        lambda r: captured(r, "cudaStreamBeginCapture_v10000"),
        lambda r: captured(r, "cudaStreamIsCapturing_v10000"),
    ),
    Case(
        "CUDA graphs were traced as a whole: time between their nodes counts as busy (--cuda-graph-trace=node).",
        lambda r: r.graph_trace(0, 5, 0),
        lambda r: r.kernel(0, 5, 0),
    ),
    Case(
        "launched by the GPU itself (device graph launch): no launch call, gaps are 'unknown'.",
        lambda r: r.graph_trace(0, 5, 0),
        lambda r: r.call(0, 1, 9, GRAPH_LAUNCH).graph_trace(2, 5, 9),
    ),
    Case("node of graphs was", lambda r: r.kernel(0, 5, 0, node=3), lambda r: r.kernel(0, 5, 0)),
    Case(
        (
            "Replays may have gone on for ",
            " after their last recorded node, in ",
            "a WHILE node are not recorded. GPU ",
        ),
        lambda r: partly_recorded(r, 8 * MS),
        lambda r: partly_recorded(r, 200 * US),
        printed("graphs"),
        ReportBuilder,
    ),
)
PAGES = (
    Case(
        " with a page migration of unified memory, which no call launches: 'unknown'.",
        migrated,
        lambda r: r.launch((40 * MS, 40 * MS + 1), (40 * MS + 2, 41 * MS)),
    ),
    *(
        Case(words, partial(migrated, cause=cause), partial(migrated, cause=cause % 5 + 1))
        for cause, words in (
            (1, " prefetched by the program"),
            (2, " after page faults"),
            (3, " prefetched by the driver beside faults"),
            (4, " evicted to make room"),
            (5, " by access counters"),
        )
    ),
    Case("Evicted pages come back: the GPU's memory holds less", lambda r: migrated(r, 4), lambda r: migrated(r, 2)),
    Case(
        " asked for are among them.",
        lambda r: migrated(r).call(0, 1, 9, "cudaMemPrefetchAsync_v8000"),
        lambda r: migrated(r, 2).call(0, 1, 9, "cudaMemPrefetchAsync_v8000"),
    ),
    Case(" before the kernel and ", migrated, lambda r: migrated(r, 1)),
    Case("Pages move to the host when it touches them: ", lambda r: migrated(r, kind=12), migrated),
    Case(
        (" more than 26 days away from the GPU's work (a damaged clock): not shown here.",),
        lambda r: r.nvtx(0, 1, "then").nvtx(FAR, FAR + 1, "much later"),
        lambda r: r.nvtx(0, 1, "then").nvtx(99 * MS, 100 * MS, "later"),
        of_page,
    ),
)
CASES = (*COMPLETE, *CALLS, *CLOCKS, *HELD, *HOST, *GRAPHS, *PAGES)
