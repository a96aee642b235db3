"""Everything that the timeline page and figure show of a report."""

from __future__ import annotations

from dataclasses import dataclass

from nsysgap.analysis.pictures.page import TimelineData, run_facts, timeline_data
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.errors import NsysgapError
from nsysgap.report.describe import describe


@dataclass(frozen=True)
class TimelineOptions:
    """`top_gaps`: full detail only around that many of the longest gaps; None: around all, as far as a page can."""

    selection: Selection = WHOLE
    top_gaps: int | None = None


def timeline(report: OpenReport, options: TimelineOptions = TimelineOptions()) -> TimelineData:
    """What a page draws. Raises NsysgapError for an empty selection and a report with neither GPU work nor calls."""
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
        facts=run_facts(trace, about.command, about.started, about.target),
        top_gaps=options.top_gaps,
        stacks=report.samples,
    )
