"""The Python API: `nsysgap.open_report(path)` gives a Report whose methods return pandas DataFrames."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.report import open_source, read_trace
from nsysgap.tables import Trace
from nsysgap.units import count, duration, percent

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def open_report(path: str | os.PathLike[str]) -> Report:
    """Read an Nsight Systems report: .sqlite, also compressed (.gz, .xz, .zst), or .nsys-rep with nsys on PATH.

    The whole report is read into memory and the file closed. Raises NsysgapError, whose text says what to do next, for
    anything that is not a readable report.
    """
    with open_source(path) as source:
        return Report(read_trace(source))


class Report:
    """One report. All times are integer nanoseconds from the start of the session, as the report stores them.

    `trace` holds the typed NumPy tables behind everything (docs/tables.md).
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._whole: IdleReport | None = None

    def analyse(self, *, device: int | None = None, hidden_after_ns: int = HIDDEN_AFTER_NS) -> IdleReport:
        """The analysis behind the DataFrames, of one GPU if given; kept for the plain call."""
        if device is not None or hidden_after_ns != HIDDEN_AFTER_NS:
            return IdleReport(self.trace, device=device, hidden_after_ns=hidden_after_ns)
        if self._whole is None:
            self._whole = IdleReport(self.trace)
        return self._whole

    def idle(self, *, device: int | None = None, hidden_after_ns: int = HIDDEN_AFTER_NS) -> pd.DataFrame:
        """Idle time per GPU.

        Columns: device, name, window_start_ns, window_end_ns, busy_ns, idle_ns (busy + idle = window), gaps,
        longest_gap_ns, and <part>_ns for each of the ten parts of docs/definitions.md, which sum to idle_ns.
        """
        from nsysgap.analysis.idle.dataframes import idle_frame

        return idle_frame(self.analyse(device=device, hidden_after_ns=hidden_after_ns))

    def gaps(
        self, top: int | None = None, *, device: int | None = None, hidden_after_ns: int = HIDDEN_AFTER_NS
    ) -> pd.DataFrame:
        """All gaps, or the `top` longest: longest first, then by device and start.

        Columns: device, start_ns, end_ns, duration_ns, cause, <part>_ns for each of the ten parts (they sum to
        duration_ns), process, thread, nvtx (the ranges around the launch, outermost first, " > " between), and
        before_/after_ + kind, name, stream, start_ns, end_ns, correlation_id, graph_node of the ops at the edges.
        """
        from nsysgap.analysis.idle.dataframes import gaps_frame

        idle = self.analyse(device=device, hidden_after_ns=hidden_after_ns)
        return gaps_frame(idle, idle.gaps.longest(top))

    def launches(self, *, device: int | None = None) -> pd.DataFrame:
        """Launch latency of every op that a single call launched (not a graph).

        Columns: kind, name, device, stream, start_ns, end_ns, api (the call), call_ns (its duration), latency_ns (op
        start - call start), queue_ns (op start - call end, at least 0), unqueued (the stream was empty when the call
        began: only then latency_ns is what a launch costs), process, thread, correlation_id.
        """
        from nsysgap.analysis.idle.dataframes import launches_frame

        return launches_frame(self.analyse(device=device))

    def syncs(self) -> pd.DataFrame:
        """Every synchronising call.

        Columns: api, start_ns, end_ns, waited, wait_ns (from the call to the end of the last op it covers), tail_ns
        (from there to the return; both missing where it found nothing to wait for), finished_ns, process, thread.
        """
        from nsysgap.analysis.idle.dataframes import syncs_frame

        return syncs_frame(self.analyse())

    def timeline(self, top_gaps: int = 1, *, device: int | None = None) -> go.Figure:
        """A Plotly figure of the time around the `top_gaps` longest gaps: gaps by cause, streams, CUDA API calls.

        At most 4,000 slices are drawn; `timeline_html` has everything.
        """
        from nsysgap.analysis.pictures.page import timeline_data
        from nsysgap.render.pages.timeline import timeline_figure

        return timeline_figure(timeline_data(self.analyse(device=device)), top_gaps=top_gaps)

    def timeline_html(self, *, top_gaps: int | None = None, device: int | None = None, plotlyjs: str = "inline") -> str:
        """The page that `nsysgap timeline` writes, as text; the report's file must still be there.

        `top_gaps`: full detail only around that many of the longest gaps; `plotlyjs`: inline, cdn or a path.
        """
        from nsysgap.analysis.pictures.page import run_facts, timeline_data
        from nsysgap.render.pages.timeline import timeline_html
        from nsysgap.report.describe import describe
        from nsysgap.report.details import read_op_details
        from nsysgap.report.stacks import read_samples

        with open_source(self.trace.path) as source:
            details, about = read_op_details(source, self.trace), describe(source)
            stacks = read_samples(source, self.trace)
        facts = run_facts(self.trace, about.command, about.started, about.target)
        data = timeline_data(self.analyse(device=device), details, facts=facts, top_gaps=top_gaps, stacks=stacks)
        return timeline_html(data, plotlyjs=plotlyjs)

    @property
    def warnings(self) -> list[str]:
        """What the report cannot show and what looks odd in it, as `nsysgap gaps` prints it."""
        from nsysgap.analysis.notices import all_notices

        idle = self.analyse()
        return [f"{one.level}: {one.text}" for one in all_notices(idle, idle.latencies)]

    def __repr__(self) -> str:
        return f"<nsysgap report {self.trace.path}: {'; '.join(self._sentences()) or 'no GPU work'}>"

    def _sentences(self) -> list[str]:
        return [
            f"GPU {one.device} idle {percent(one.idle, one.busy + one.idle)} of {duration(one.busy + one.idle)} "
            f"in {count(one.gap_count)} gaps"
            for one in self.analyse().devices
        ]

    def _repr_html_(self) -> str:
        """The report as a notebook shows it: a sentence per GPU, the idle table, the warnings. Names are escaped."""
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences()) or "<p>no GPU work</p>"
        table = self.idle().to_html(index=False, escape=True) if self.analyse().devices else ""
        warnings = "".join(f"<li>{escape(text)}</li>" for text in self.warnings)
        return f"<h4>{escape(self.trace.path)}</h4>{said}{table}<ul>{warnings}</ul>"
