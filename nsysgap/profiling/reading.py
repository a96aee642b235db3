"""A captured report, read: why the GPU was idle, its loops beside the plain runs' loops, and the summary of it all."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nsysgap.errors import NsysgapError
from nsysgap.profiling.step_times import paired_loops, step_times

if TYPE_CHECKING:
    from nsysgap.answers.opening import OpenReport
    from nsysgap.answers.screen import ScreenAnswer
    from nsysgap.profiling.capture import Captured, Record
    from nsysgap.profiling.finding import Driver
    from nsysgap.tables import Trace

Opener = Callable[[Path], AbstractContextManager["OpenReport"]]
"""Opens a report for questions, with a progress bar where there is a terminal."""
Ranges = tuple[re.Pattern[str] | None, re.Pattern[str] | None]
"""Which NVTX ranges to look at, by name and by domain."""
WORKLOAD_RANGE = "measured"
NO_DRIVER_HINT = "This machine has no NVIDIA driver, so no program can use a GPU here. Profile on a machine with one."
NO_PLAIN_RUN = "There was no plain run."
NOT_PAIRED = "The report and the plain run have no loop of NVTX ranges in common."


def unread_summary(captured: Captured, driver: Driver | None) -> str:
    """The text of NAME.json as long as the report has not been read: without figures."""
    from nsysgap.analysis.launching_ways import INFLATED
    from nsysgap.profiling.summary import summary
    from nsysgap.render.data import dump_json

    document = summary(captured, driver, session_ns=None, selection="", figures=None, inflated=INFLATED)
    unread = {"level": "warning", "text": "The report has not been read: there are no figures."}
    return dump_json(document | {"warnings": [unread]}) + "\n"


def read_round(path: Path, open_report: Opener) -> tuple[tuple[Record, ...], int | None]:
    """The loops of NVTX ranges of a report, and how long nsys recorded, ns."""
    with open_report(path) as report:
        return tuple(report_loops(report)), report.header().duration_ns


def report_loops(report: OpenReport) -> list[Record]:
    """The loops of a report's NVTX ranges, as rows of "nsysgap.steps/1" with their domains' names; of a report without
    GPU work all loops.

    Which loop launches GPU work a report without any cannot say: then loops are those of docs/steps.md but for that.
    """
    from nsysgap.answers.steps import steps

    if report.trace.ops.rows:
        loops = [loop for loop in steps(report).document()["loops"] if loop["source"] == "nvtx"]
        return [{**loop, "domain": _domain(report.trace, loop["process"], loop["domain"])} for loop in loops]
    return [vars(loop) for loop in step_times(_range_times(report.trace))]


def _domain(trace: Trace, pid: int, domain: int) -> str:
    """A domain's name as a plain run has it: "" the default one's."""
    known = (row for row, process_pid in enumerate(trace.processes["pid"].tolist()) if process_pid == pid)
    return next((trace.domains[row, domain] for row in known if (row, domain) in trace.domains), "") if domain else ""


def _range_times(trace: Trace) -> Any:
    import numpy as np

    from nsysgap.analysis.relations.domains import DEFAULT, range_domains
    from nsysgap.profiling.nvtx_times import RangeTimes, TimedRange

    ranges, threads = trace.nvtx, trace.threads
    order = ranges["start"].argsort(kind="stable").tolist()
    index, names = range_domains(trace, np.arange(ranges.rows))
    domain = ["" if name == DEFAULT else name for name in names]
    return RangeTimes(
        tuple(
            TimedRange(
                int(threads["process"][ranges["thread"][row]]),
                int(ranges["thread"][row]),
                domain[index[row]],
                trace.name(int(ranges["name"][row])),
                int(ranges["start"][row]),
                int(ranges["end"][row]),
            )
            for row in order
        )
    )


class CapturedReport:
    """A captured report, read and summed up: `refusal` says why it cannot answer, None if it can."""

    def __init__(
        self,
        captured: Captured,
        driver: Driver | None,
        ranges: Ranges,
        open_report: Opener,
        *,
        whole: bool,
    ) -> None:
        from nsysgap.analysis.launching_ways import INFLATED
        from nsysgap.profiling.summary import summary

        self.target = captured.target
        self.screen: ScreenAnswer | None = None
        self.selection = ""
        self.refusal: NsysgapError | None = None
        with open_report(captured.target.file(".sqlite")) as report:
            figures = self._ask(report, captured, driver, ranges)
            header = report.header()
            loops, why = _compared_loops(captured, report)
        session = header.duration_ns if whole else None
        self.summary = {
            **summary(
                captured, driver, session_ns=session, selection=self.selection, figures=figures, inflated=INFLATED
            ),
            "report": header.document(),
            "loops": loops,
            "no_loops": why or None,
            "warnings": header.document()["warnings"],
        }

    def _ask(
        self, report: OpenReport, captured: Captured, driver: Driver | None, ranges: Ranges
    ) -> dict[str, Any] | None:
        """Ask why the GPU was idle; the figures of the summary, None from a report that cannot answer."""
        from nsysgap.analysis.launching_ways import launch_figures
        from nsysgap.analysis.questions import why_no_kernels
        from nsysgap.answers.screen import ScreenOptions, screen
        from nsysgap.answers.selection import Selection
        from nsysgap.figures import as_json

        why = why_no_kernels(report.trace)
        if why is not None:
            self.refusal = NsysgapError(why[0], why[1] if driver else NO_DRIVER_HINT)
            return None
        record = captured.profiled.record
        nvtx, domain = ranges
        if nvtx is None and domain is None:
            nvtx = _workload_range(report.trace, record)
        selection = Selection(nvtx=nvtx, domain=domain)
        self.selection = report.select(selection).words
        self.screen = screen(report, ScreenOptions(replace(selection, loop=True)))
        figures: dict[str, Any] = as_json(launch_figures(report.idle(selection), record).as_dict())
        return figures

    def write_json(self) -> None:
        """Write NAME.json."""
        from nsysgap.files import output_file
        from nsysgap.render.data import json_bytes

        with output_file(self.target.file(".json"), force=True) as file:
            file.write(json_bytes([self.summary]))


def _compared_loops(captured: Captured, report: OpenReport) -> tuple[list[Record], str]:
    """(the loops that plain runs and reports have in common, why there are none)."""
    rounds = captured.rounds
    if rounds[-1].plain is None:
        return [], NO_PLAIN_RUN
    if rounds[-1].no_loops:
        return [], rounds[-1].no_loops
    try:
        last = report_loops(report)
    except NsysgapError as error:
        return [], str(error)
    pairs = paired_loops([turn.plain_loops for turn in rounds], [*(turn.report_loops for turn in rounds[:-1]), last])
    compared = [pair for pair in pairs if pair["ratio"] is not None]
    return compared, "" if compared else NOT_PAIRED


def _workload_range(trace: Any, record: dict[str, Any] | None) -> re.Pattern[str] | None:
    """The range that holds what a workload's record is about, if this is a workload's report."""
    if record is None or "kernels_of_work" not in record or not trace.nvtx.rows:
        return None
    known = trace.names.find((WORKLOAD_RANGE,))
    return re.compile(f"^{WORKLOAD_RANGE}$") if known & set(trace.nvtx["name"].tolist()) else None


def failure_of(captured: Captured, driver: Driver | None) -> NsysgapError | None:
    """What to say about a target that failed."""
    code = captured.profiled.exit_code
    if not code:
        return None
    target = captured.target
    message = f"{target.said} ended with exit code {code} under nsys; its partial report is {target.file('.sqlite')}."
    hint = "See what it printed above."
    if captured.plain is not None:
        hint += f" Without nsys it ended with exit code {captured.plain.exit_code}."
    if captured.missing_cupy:
        extra = "gpu" if driver is not None and driver.cuda < (13, 0) else "gpu13"
        hint = f"It needs CuPy: pip install 'nsysgap[{extra}]' (gpu for CUDA 12, gpu13 for CUDA 13)."
    return NsysgapError(message, hint, exit_code=code)
