"""The schedules of a report's processes and the loops that questions are asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nsysgap.analysis.loops.nvtx_loops import Loop, loops_called
from nsysgap.analysis.schedule.model import Model, process_model
from nsysgap.analysis.schedule.stretch import Stretch, loop_stretch, time_stretch
from nsysgap.answers.opening import OpenReport
from nsysgap.arrays import distinct
from nsysgap.op_sizes import OP_SIZES
from nsysgap.report.details import read_op_details
from nsysgap.tables import NONE, Table


@dataclass(frozen=True)
class ProcessLoop:
    """A process's model and what is looked at of it."""

    pid: int
    model: Model
    stretch: Stretch


def chosen_loops(
    report: OpenReport,
    label: str | None = None,
    *,
    whole: bool = False,
    since: int | None = None,
    until: int | None = None,
) -> Iterator[ProcessLoop]:
    """Every process that launched something, with its main loop or what was asked for instead.

    Raises NsysgapError where no loop has the label that is asked for.
    """
    timed = whole or since is not None or until is not None
    loops = {} if timed else _loops(report, label)
    sizes = op_sizes(report)
    for process in _processes(report):
        if label is not None and process not in loops:
            continue
        model = process_model(report.trace, sizes, report.whole.calls, process)
        if not len(model.calls.row):
            continue
        loop = loops.get(process)
        stretch = time_stretch(model, since, until) if loop is None else loop_stretch(model, loop)
        yield ProcessLoop(int(report.trace.processes["pid"][process]), model, stretch)


def op_sizes(report: OpenReport) -> Table:
    """The table OP_SIZES beside the ops."""
    with report.source() as source:
        return read_op_details(source, report.trace, schema=OP_SIZES)


def _processes(report: OpenReport) -> list[int]:
    """The processes that ran something on a GPU, by pid."""
    present = [process for process in distinct(report.trace.ops["process"]).tolist() if process != NONE]
    return sorted(present, key=lambda process: int(report.trace.processes["pid"][process]))


def _loops(report: OpenReport, label: str | None) -> dict[int, Loop]:
    """The loop to look at of each process: its main loop, or the first with a label."""
    steps = report.steps()
    if label is None:
        return {process: steps.loops[number] for process, number in steps.main.items()}
    loops: dict[int, Loop] = {}
    for number in loops_called(steps.loops, label):
        loop = steps.loops[number]
        loops.setdefault(int(report.trace.threads["process"][loop.thread]), loop)
    if not loops:
        from nsysgap.answers.steps import no_such_loop

        raise no_such_loop(steps, label)
    return loops
