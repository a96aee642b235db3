"""Notices of single questions: what was selected, whose stacks, what is not recorded or untraced, what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from case_answers import MS, US
from command_line import run
from compared_reports import loop_report, saved
from notice_cases import Ask, Case, printed
from report_builder import ReportBuilder
from stack_reading import with_work
from stack_reports import MAIN, OTHER, StackReport

GRAPH_LAUNCH = "cudaGraphLaunch_v10000"
SELECTED = printed("gaps", "--nvtx", "step", "--detail")
DETAIL = printed("gaps", "--detail", "--whole")
INFO = printed("info", "--format", "json")
PROGRAM = ("main", "/home/me/solver")
EVALUATES = ("_PyEval_EvalFrameDefault", "/usr/bin/python3.12")


def native(report: StackReport, *frames: tuple[str, str], tid: int = MAIN) -> StackReport:
    report.native(1500, list(frames), tid=tid)
    return report


def in_calls(report: StackReport) -> StackReport:
    """All idle time is in the call that launches the next kernel."""
    report.gap(1000, 2000, call_ns=1000)
    return native(report, PROGRAM)


def on_host(report: StackReport) -> StackReport:
    report.gap(1000, 2000)
    return native(report, PROGRAM)


def with_range(report: StackReport, tid: int) -> StackReport:
    report.nvtx("step", 900, 2100)
    return native(report, PROGRAM, tid=tid)


def dark(report: ReportBuilder, runs: int, of: int, op: str = "kernel", wait: int = 900 * US) -> ReportBuilder:
    """Waits for an op of 100 us; in so many of the runs `wait` of it pass after the op has ended."""
    for i in range(of):
        at = 2 * MS * i
        report.call(at, at + US, i + 1, "cudaLaunchKernel_v7000" if op == "kernel" else "cudaMemcpyAsync_v3020")
        getattr(report, op)(at + 2 * US, at + 100 * US, i + 1)
        report.sync(at + 3 * US, at + (100 * US + wait if i < runs else 102 * US), record=False)
    return report.launch((2 * MS * of, 2 * MS * of + US), (2 * MS * of + 2 * US, 2 * MS * of + 9 * US), "last")


def active(report: ReportBuilder, at: int) -> ReportBuilder:
    """Samples of the hardware's counter, 100 us apart."""
    report.row("TARGET_INFO_GPU_METRICS", typeId=1 << 48, metricId=3, metricName="SMs Active [Throughput %]")
    for i in range(20):
        report.row("GPU_METRICS", timestamp=at + 100 * US * i, typeId=1 << 48, metricId=3, value=50)
    return report


class Profiled(ReportBuilder):
    """A report beside which the summary of `profile` lies, of the report with this name."""

    def __init__(self, of: str) -> None:
        super().__init__()
        self.of = of
        self.launch((0, 5), (6, 9))

    def save(self, folder: Path, name: str = "report.sqlite") -> Path:
        measured = {"of": "the whole run", "plain_s": 1.5, "profiled_s": 2.5}
        summary = {"schema": "nsysgap.profile/1", "files": [f"{self.of}.sqlite"], "perturbation": measured}
        (folder / "report.json").write_text(json.dumps(summary))
        return super().save(folder, name)


def replayed(report: ReportBuilder, apart: int, launched: int) -> ReportBuilder:
    """What a range launched, so far after it was launched."""
    return report.nvtx(0, 5 * MS, "step").launch(
        (launched, launched + US), (launched + apart, launched + apart + 9 * MS)
    )


def hand_over(report: ReportBuilder, *, tid: int) -> ReportBuilder:
    """Steps of 8 launches, then 6 by this thread."""
    for turn in range(4):
        report.nvtx(100 * US * turn, 100 * US * turn + 99 * US, f"step {turn}")
        for call in range(14):
            at = 100 * US * turn + US * call
            report.launch((at, at + 400), (at + 500, at + 900), tid=1 if call < 8 else tid)
    return report


def compared(**before: Any) -> Ask:
    """What `compare` says of a loop and this report."""

    def said(path: Path) -> str:
        return printed("compare", path, "--detail")(saved(path.parent, "before", **before))

    return said


def html(path: Path) -> str:
    """The page of `report`."""
    page = path.with_suffix(".html")
    run("report", path, "-o", page, "--force")
    return page.read_text()


def why_none(report: ReportBuilder, name: str, **more: Any) -> ReportBuilder:
    return report.call(0, 5, 1, name, **more)


SELECTIONS = (
    Case(
        (
            " of the selection is ",
            " alone. A push without a pop, or cut off by the capture's end: it is cut at the end",
        ),
        lambda r: r.nvtx(MS, None, "step"),
        lambda r: r.nvtx(MS, 5 * MS, "step").nvtx(MS, None, "epoch"),
        SELECTED,
    ),
    Case(
        (
            " the work launched inside the selected NVTX ranges takes ",
            "ends up to ",
            ": --select gpu selects that time.",
        ),
        lambda r: replayed(r, 4 * MS, MS),
        lambda r: r.nvtx(950 * US, 5520 * US, "step"),
        SELECTED,
    ),
    Case(
        "ends before they do: --select gpu",
        lambda r: r.nvtx(0, 20 * MS, "step"),
        lambda r: replayed(r, 4 * MS, MS),
        SELECTED,
    ),
    *(
        Case((words, ". What selects ranges takes them to reach to the end of the trace."), shown, hidden)
        for words, shown, hidden in (
            (
                ", pushed and not popped: ",
                lambda r: r.nvtx(0, None, "step").nvtx(MS, 2 * MS, "step"),
                lambda r: r.nvtx(0, 3 * MS, "step").nvtx(MS, 2 * MS, "step"),
            ),
            (
                ", not popped before the capture ended",
                lambda r: r.nvtx(0, None, "step"),
                lambda r: r.nvtx(0, 9 * MS, "step"),
            ),
            (
                ", started and not ended",
                lambda r: r.nvtx(0, None, "step", event_type=60),
                lambda r: r.nvtx(0, 9 * MS, "step", event_type=60),
            ),
        )
    ),
)
STACKS = (
    Case(
        (
            " of this time is inside Python's interpreter (",
            "), whose lines CPU samples do not see: Python sampling does",
        ),
        lambda r: native(r, ("read", "/usr/lib/libio.so"), EVALUATES),
        lambda r: native(r, ("read", "/usr/lib/libio.so"), PROGRAM),
        printed("stacks"),
        with_work,
    ),
    Case("None of the idle time is 'host': this is all of it.", in_calls, on_host, printed("stacks"), StackReport),
    Case(
        (
            "No stacks were sampled on the launching threads: this is by NVTX range. ",
            "Capture them: nsysgap profile --stacks python PROGRAM; by hand: ",
        ),
        lambda r: with_range(r, OTHER),
        lambda r: with_range(r, MAIN),
        printed("stacks"),
        with_work,
    ),
    Case(
        "stacks of a thread that launched work, only of others, and no NVTX ranges",
        lambda r: native(r, PROGRAM, tid=OTHER),
        lambda r: native(r, PROGRAM),
        printed("stacks"),
        with_work,
    ),
    Case("stacks and no NVTX ranges", lambda r: r, lambda r: native(r, PROGRAM), printed("stacks"), with_work),
    Case(
        "stacks that say where something was launched",
        lambda r: with_range(r, OTHER),
        lambda r: with_range(r, MAIN),
        printed("stacks", "--launched-from"),
        with_work,
    ),
)
LIMITS = (
    Case("no idle time, no launch latency", lambda r: r.memcpy(0, 1), lambda r: r.kernel(0, 1), INFO, ReportBuilder),
    Case(
        "causes of idle time are unknown",
        lambda r: r.kernel(0, 1),
        lambda r: r.launch((0, 1), (2, 3)),
        INFO,
        ReportBuilder,
    ),
    Case(
        ("graph nodes (traced as a whole)", "no kernels inside graphs"),
        lambda r: r.graph_trace(0, 5, 0),
        lambda r: r.kernel(0, 5, 0, node=1),
        INFO,
    ),
    Case("'os' time counts as 'host'", lambda r: r.nvtx(0, 1, "x"), lambda r: r.osrt(0, 1), INFO),
    Case(
        ("no phases, no --nvtx", "--trace=nvtx, and ranges ("),
        lambda r: r.osrt(0, 1),
        lambda r: r.nvtx(0, 1, "x"),
        INFO,
    ),
    Case(
        "graph launches cannot be told apart",
        lambda r: r.call(0, 5, 1, GRAPH_LAUNCH).kernel(6, 9, 1),
        lambda r: r.call(0, 5, 1, GRAPH_LAUNCH).kernel(6, 9, 1, node=1),
        INFO,
        ReportBuilder,
    ),
    Case("no line of code for 'host' time", lambda r: r, lambda r: native(r, PROGRAM), INFO, with_work),
    Case("no hardware check of busy and idle", lambda r: r, lambda r: active(r, MS), INFO),
)
NOTHING_RAN = (
    Case(
        "Capture with nsys profile --trace=cuda,nvtx,osrt, with an nsys as new as the driver (nsys status -e shows",
        lambda r: r.osrt(0, 1),
        lambda r: why_none(r, "cudaLaunchKernel_v7000"),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        (
            " succeeded and left no kernel row: nsys could not trace the GPU (an nsys older than the driver, WSL2)",
            "Use --trace=cuda,nvtx,osrt and the newest nsys; ",
            "let the program end by itself, or bound the capture with cudaProfilerStop or --duration.",
        ),
        lambda r: why_none(r, "cudaLaunchKernel_v7000"),
        lambda r: why_none(r, "cudaLaunchKernel_v7000", returnValue=222),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        "Mend what its CUDA calls return, then capture it again.",
        lambda r: why_none(r, "cudaDeviceSynchronize_v3020", returnValue=700),
        lambda r: why_none(r, "cudaStreamQuery_v3020", returnValue=600),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        "Run the program under compute-sanitizer, and check what its CUDA calls return.",
        lambda r: why_none(r, "cudaLaunchKernel_v7000", returnValue=222),
        lambda r: why_none(r, "cudaLaunchKernel_v7000"),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        (
            " The CUDA calls that were recorded launch no kernel.",
            "Capture the part that launches kernels with --trace=cuda,nvtx,osrt; ",
        ),
        lambda r: why_none(r, "cudaMalloc_v3020"),
        lambda r: why_none(r, "cudaLaunchKernel_v7000"),
        DETAIL,
        ReportBuilder,
    ),
)
UNTRACED = (
    Case(
        (
            " in sync calls without any recorded work.",
            "The GPU probably worked unseen, as with kernels launched by kernels (CUDA dynamic parallelism): nearly ",
        ),
        lambda r: dark(r, 5, 5),
        lambda r: dark(r, 0, 5),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        "The GPU may have worked unseen, as with kernels launched by kernels (CUDA dynamic parallelism), or the ",
        lambda r: dark(r, 1, 5),
        lambda r: dark(r, 5, 5),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        "The GPU may have worked on what nsys cannot record, or the calls returned late.",
        lambda r: dark(r, 5, 5, "memcpy"),
        lambda r: dark(r, 5, 5),
        DETAIL,
        ReportBuilder,
    ),
    Case(
        " % of the window if that time was busy, ",
        lambda r: dark(r, 1, 5),
        lambda r: dark(r, 1, 500, wait=101 * US),
        DETAIL,
        ReportBuilder,
    ),
    Case("Hardware counter: SMs active in ", lambda r: active(r, 2 * MS), lambda r: active(r, 90 * MS), DETAIL),
)
SCREEN = (
    Case(
        ": nsys makes 'launch' and 'host' longer",
        lambda r: r.launch((0, 5), (6, 9)),
        lambda r: r.kernel(6, 9),
        printed("gaps"),
        ReportBuilder,
    ),
    Case(
        ("node tracing adds about ", " a graph launch ("),
        lambda r: r.graph_launch((0, 5), (6, 9)),
        lambda r: r.launch((0, 5), (6, 9)),
        printed("gaps"),
        ReportBuilder,
    ),
    Case(
        "graphs traced as a whole: time between their nodes counts as busy",
        lambda r: r.graph_trace(0, 5, 0),
        lambda r: r.kernel(0, 5, 0, node=1),
        printed("gaps"),
    ),
    Case(
        "nsys itself makes launches and host code longer: compare with a plain run, nsysgap profile.",
        lambda r: r.launch((0, 5), (6, 9)),
        lambda r: r.kernel(6, 9),
        html,
        ReportBuilder,
    ),
    *(
        Case(
            (f"{word}, the whole run took ", ", under nsys "),
            lambda _: Profiled("report"),
            lambda _: Profiled("r"),
            ask,
        )
        for word, ask in (("plain", printed("gaps")), ("Plain", html))
    ),
)
PATHS = (
    Case(
        "Threads that hand over to each other count as one: ",
        lambda r: hand_over(r, tid=2),
        lambda r: hand_over(r, tid=1),
        printed("critical-path"),
        ReportBuilder,
    ),
)
COMPARED = (
    Case("Not the same GPU: before ", lambda _: loop_report(gpu="NVIDIA H100"), lambda r: r, compared(), loop_report),
    Case(
        ("CUDA graphs were traced in two ways: before ", ". Capture both with --cuda-graph-trace=node."),
        lambda _: loop_report(graph="graph"),
        lambda _: loop_report(graph="node"),
        compared(graph="node"),
        loop_report,
    ),
    Case(
        ("Not the same loop: before ", ". Name one with --loop LABEL."),
        lambda _: loop_report(label="epoch {}"),
        lambda r: r,
        compared(),
        loop_report,
    ),
    Case(
        ("Launches differ by more than half: ", " after. Where that is meant, add --anyway."),
        lambda _: loop_report(kernels=("a", "b", "c", "d", "e")),
        lambda _: loop_report(kernels=("a", "b", "c", "d")),
        compared(),
        loop_report,
    ),
    Case(
        "CUDA graphs were traced as a whole where they ran: their kernels are not in the table, and time between ",
        lambda _: loop_report(graph="graph"),
        lambda _: loop_report(graph="node"),
        compared(),
        loop_report,
    ),
)
CASES = (*SELECTIONS, *STACKS, *LIMITS, *NOTHING_RAN, *UNTRACED, *SCREEN, *PATHS, *COMPARED)
