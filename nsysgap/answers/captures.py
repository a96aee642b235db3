"""What a report brings to a comparison: its loop's figures per iteration, or those of what was selected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.matching import match
from nsysgap.analysis.collectives.operations import collective_kernels
from nsysgap.analysis.collectives.waiting import waits_of
from nsysgap.analysis.comparing.captures import STEP, Capture, Drawn
from nsysgap.analysis.comparing.drawing import Span, drawn, typical_step
from nsysgap.analysis.comparing.kernels import op_times
from nsysgap.analysis.comparing.loop_figures import (
    launch_calls_of,
    longest_gap,
    loop_figures,
    loop_on_gpus,
    ops_inside,
    step_lengths,
    tails_inside,
    window_figures,
)
from nsysgap.analysis.comparing.steadiness import drift
from nsysgap.analysis.completeness import loss_notices, losses, trace_losses
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.loops.nvtx_loops import loops_called
from nsysgap.analysis.loops.steps import LoopSteps
from nsysgap.analysis.relations.syncs import syncs
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.rank_units import RankOptions, report_units
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.answers.steps import no_such_loop
from nsysgap.arrays import distinct
from nsysgap.causes import IN_GRAPH, OS, PARTS, UNKNOWN
from nsysgap.intervals import EMPTY, IntervalSet, covered_length, subtract
from nsysgap.report.details import read_op_details
from nsysgap.tables import GRAPH, NO_GRAPH_NODE, Trace
from nsysgap.units import counted, duration

Times = NDArray[np.int64]


@dataclass(frozen=True)
class CaptureOptions:
    """What of a report is compared: its main loop, the one of the label `loop`, or what `selection` selects.

    `whole`: the whole window although there is a loop; `short`: kernels by short name; `draw`: a step as
    a picture too.
    """

    selection: Selection = WHOLE
    loop: str | None = None
    whole: bool = False
    short: bool = False
    draw: bool = False

    @property
    def selects_time(self) -> bool:
        """Whether NVTX ranges or a stretch of time are selected: a window, not a loop."""
        chosen = self.selection
        return chosen.ranges or chosen.timed

    @property
    def selects_both(self) -> bool:
        """Whether a loop and a window are selected, of which only one can be compared."""
        return self.loop is not None and (self.selects_time or self.whole)


def capture(report: OpenReport, options: CaptureOptions = CaptureOptions()) -> Capture:
    """The figures of one capture. Raises NsysgapError where the loop or the selection is not there."""
    if not options.selects_time and not options.whole:
        chosen, said = _loop(report, options)
        if chosen is not None:
            return _of_loop(report, options, chosen, said)
    return _of_window(report, options)


def _loop(report: OpenReport, options: CaptureOptions) -> tuple[LoopSteps | None, list[str]]:
    """The loop to compare, None without one, and what to say of how it was chosen."""
    steps = report.steps(options.selection.hidden_after_ns)
    if options.loop is None:
        numbers = list(steps.main.values())
    else:
        numbers = loops_called(steps.loops, options.loop)
        if not numbers:
            raise no_such_loop(steps, options.loop)
    if not numbers:
        return None, []
    best = max(numbers, key=lambda number: (steps.loops[number].ops, -number))
    loop = steps.loops[best]
    processes = {int(steps.trace.threads["process"][steps.loops[number].thread]) for number in numbers}
    said = []
    if len(processes) > 1:
        pid = int(steps.trace.processes["pid"][steps.trace.threads["process"][loop.thread]])
        said.append(f"{counted(len(processes), 'process has', 'processes have')} such a loop: compared is {pid}'s.")
    return steps.of([loop])[0], said


def _of_loop(report: OpenReport, options: CaptureOptions, steps: LoopSteps, said: list[str]) -> Capture:
    trace, loop, device = report.trace, steps.loop, options.selection.device
    process = int(trace.threads["process"][loop.thread])
    on_gpus = loop_on_gpus(steps, device)
    calls = report.whole.calls
    tails = tails_inside(trace, syncs(trace, calls), process, loop.start, loop.end)
    bare = _bare_waits(report, options)
    exposed = None if bare is None else _exposed_per_iteration(steps, bare)
    rows = ops_inside(report.steps(options.selection.hidden_after_ns).order, process, loop.start, loop.end)
    if device is not None:
        rows = rows[trace.ops["device"][rows] == device]
    if on_gpus is not None and on_gpus.gpus > 1:
        said.append(f"The loop runs on {on_gpus.gpus} GPUs: busy and idle time are sums over them.")
    drifting = drift(steps.duration)
    if drifting is not None:
        said.append(
            f"Not steady: its iterations went from {duration(drifting.first)} to {duration(drifting.last)} (medians of "
            f"the first and the last quarter, Spearman {drifting.correlation:+.2f})."
        )
    gaps = {gpu.device: IntervalSet(gpu.start, gpu.end) for gpu in report.whole.gaps}
    size = _sizes(report)
    return Capture(
        path=report.path,
        loop=loop.label,
        iterations=loop.count,
        figures=loop_figures(steps, on_gpus, tails, exposed),
        steps=tuple(step_lengths(steps, on_gpus).tolist()),
        ops=op_times(trace, size, rows, short=options.short),
        gpus=_gpu_names(trace, {window.edges.device for window in steps.windows}),
        gpu_count=0 if on_gpus is None else on_gpus.gpus,
        graph_trace=_graph_trace(trace),
        longest_gap=longest_gap(steps, gaps),
        incomplete=_incomplete(report),
        warnings=tuple(said),
        untold=_untold(trace),
        drawn=_drawn(report, options, size, typical_step(steps, device)),
    )


def _of_window(report: OpenReport, options: CaptureOptions) -> Capture:
    trace = report.trace
    idle = report.idle(options.selection)
    rows = idle.selected_ops(options.selection.device)
    api = trace.api
    calls = api.rows
    if idle.selection is not None:
        start = api["start"]
        calls = int((covered_length(idle.selection, start, start + 1) > 0).sum())
    figures = window_figures(idle, launch_calls_of(idle.calls, rows), calls, _exposed_in_window(report, options))
    length, size = figures[STEP], _sizes(report)
    longest = max(idle.devices, key=lambda device: device.busy + device.idle, default=None)
    span = None if longest is None else (longest.device, *longest.window)
    return Capture(
        path=report.path,
        loop=None,
        iterations=1,
        figures=figures,
        steps=() if length is None else (length,),
        ops=op_times(trace, size, rows, short=options.short),
        gpus=_gpu_names(trace, {device.device for device in idle.devices}),
        gpu_count=len(idle.devices),
        graph_trace=_graph_trace(trace),
        longest_gap=max((device.longest_gap for device in idle.devices), default=None),
        warnings=tuple(note.text for note in report.select(options.selection).notes),
        incomplete=_incomplete(report, idle),
        chosen=options.selects_time or options.whole,
        untold=_untold(trace),
        drawn=_drawn(report, options, size, span),
    )


def _drawn(report: OpenReport, options: CaptureOptions, size: Times, span: Span | None) -> Drawn | None:
    if not options.draw or span is None:
        return None
    hidden_after_ns = options.selection.hidden_after_ns
    return drawn(report.whole, size, span, short=options.short, hidden_after_ns=hidden_after_ns)


def _sizes(report: OpenReport) -> Times:
    with report.source() as source:
        size: Times = read_op_details(source, report.trace, only=("bytes",))["bytes"]
    return size


def _gpu_names(trace: Trace, devices: set[int]) -> tuple[str, ...]:
    """The models of the GPUs that worked, without those that the report does not name."""
    names = {trace.device(device).name for device in devices}
    return tuple(sorted(name for name in names if name))


def _graph_trace(trace: Trace) -> str | None:
    """How CUDA graphs were traced, None where none ran."""
    if (trace.ops["kind"] == GRAPH).any():
        return "graph"
    return "node" if (trace.ops["graph_node"] != NO_GRAPH_NODE).any() else None


def _untold(trace: Trace) -> tuple[str, ...]:
    """The causes that this report cannot tell, because it lacks the calls that tell them."""
    if not trace.api.rows:
        return tuple(part for part in PARTS if part not in (PARTS[IN_GRAPH], PARTS[UNKNOWN]))
    return () if trace.osrt.rows else (PARTS[OS],)


def _incomplete(report: OpenReport, idle: IdleReport | None = None) -> tuple[str, ...]:
    """Why the report does not hold everything that ran. `idle`: of the selection, where a window is compared."""
    trace = report.trace
    missing = trace_losses(trace, report.whole.calls) if idle is None else losses(idle)
    said = [notice.text for notice in trace.warnings if notice.level == "incomplete"]
    if idle is None:
        said += [loss.text for loss in missing if loss.text]
    else:
        said += [notice.text for notice in loss_notices(idle, missing)]
    return tuple(dict.fromkeys(said))


def _bare_waits(report: OpenReport, options: CaptureOptions) -> dict[int, IntervalSet] | None:
    """By GPU, when a rank of this report waited in collectives for another, and nothing else ran there.

    Empty without collectives; None where they wait for ranks of other reports, of which this one does not know.
    """
    trace = report.trace
    nccl = collective_kernels(trace)
    if not nccl.any():
        return {}
    if len(distinct(trace.ops["process"][nccl])) < 2:
        return None
    units = report_units(report, RankOptions(options.selection, whole=True)).units
    matched = match([unit.facts.collectives for unit in units])
    if isinstance(matched, str):
        return None
    return {
        unit.facts.device: subtract(waits_of(matched, number), unit.facts.others) for number, unit in enumerate(units)
    }


def _exposed_per_iteration(steps: LoopSteps, bare: dict[int, IntervalSet]) -> Times:
    exposed = np.zeros(steps.loop.count, np.int64)
    for window in steps.windows:
        waits = bare.get(window.edges.device, EMPTY)
        exposed[window.edges.iteration] += covered_length(waits, window.edges.start, window.edges.end)
    return exposed


def _exposed_in_window(report: OpenReport, options: CaptureOptions) -> int | None:
    bare = _bare_waits(report, options)
    if bare is None:
        return None
    time = report.select(options.selection).time
    wanted = [waits for device, waits in bare.items() if options.selection.device in (None, device)]
    if time is None:
        return sum(waits.total for waits in wanted)
    return sum(int(covered_length(waits, time.starts, time.ends).sum()) for waits in wanted)
