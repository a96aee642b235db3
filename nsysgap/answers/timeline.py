"""Everything that the timeline page and figure show of a report."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nsysgap.analysis.loops.document import iteration_rows, loop_rows
from nsysgap.analysis.pictures.page import LoopPictures, TimelineData, run_facts, timeline_data
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.answers.critical_path import path_tracks
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, as_json
from nsysgap.report.describe import describe
from nsysgap.tables import NONE

MOST_BARS = 20_000
"""A loop of more iterations is not shown as bars: nothing in a page of that many can be found by eye."""


@dataclass(frozen=True)
class TimelineOptions:
    """`top_gaps`: full detail only around that many of the longest gaps; None: around all, as far as a page can;
    `critical_path`: also what limits each process's main loop."""

    selection: Selection = WHOLE
    top_gaps: int | None = None
    critical_path: bool = False


def timeline(report: OpenReport, options: TimelineOptions = TimelineOptions()) -> TimelineData:
    """What a page draws.

    Raises NsysgapError for an empty selection, a report with neither GPU work nor calls, and where no critical path can
    be told though one is wanted.
    """
    trace = report.trace
    selected = report.select(options.selection)
    if not trace.ops.rows and not trace.api.rows:
        raise NsysgapError(*(why_no_kernels(trace) or ("",)))
    with report.source() as source:
        about = describe(source)
    return timeline_data(
        report.idle(options.selection),
        report.details,
        selected=selected.words,
        notes=selected.notes,
        facts=run_facts(trace, about.command, about.started, about.target),
        top_gaps=options.top_gaps,
        stacks=report.samples,
        loops=LoopPictures(
            loops_with_iterations(report, options.selection) if selected.time is None else (),
            path_tracks(report) if options.critical_path else (),
        ),
    )


def loops_with_iterations(report: OpenReport, selection: Selection) -> tuple[Document, ...]:
    """The main loops that stand for their process, with their iterations; on one GPU alone if one is selected."""
    measured = report.steps(selection.hidden_after_ns)
    numbers = [number for number in measured.judged.values() if measured.loops[number].count <= MOST_BARS]
    only = None if selection.device is None else report.trace.device(selection.device).named()
    rows: list[Document] = []
    for loop_steps in measured.of([measured.loops[number] for number in numbers]):
        (row,) = loop_rows(report.trace, [replace(loop_steps, loop=replace(loop_steps.loop, inside=NONE))])
        on = [device for device in row["devices"] if _is(device, only)]
        times = [time for time in iteration_rows(report.trace, loop_steps) if _is(time, only)]
        if on:
            rows.append(as_json({**row, "devices": on, "iterations": times}))
    return tuple(rows)


def _is(row: Document, gpu: Document | None) -> bool:
    """Whether a row is of a GPU, as documents name it; None: of any."""
    return gpu is None or all(row.get(key) == value for key, value in gpu.items())
