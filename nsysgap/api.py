"""The Python API: `nsysgap.open_report(path)` gives a Report whose methods return pandas DataFrames."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.answers.opening import OpenReport, opened
from nsysgap.api_arguments import Regex, Time, maybe_ns, ns, one_of, selection
from nsysgap.causes import GROUPINGS
from nsysgap.errors import NsysgapError
from nsysgap.shown import ShownDocument, ShownList, ShownPage, ShownText, shown, shown_list
from nsysgap.tables import Trace
from nsysgap.units import count, duration, percent

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from nsysgap.api_steps import Steps


def open_report(path: str | os.PathLike[str]) -> Report:
    """Read an Nsight Systems report: .sqlite, also compressed (.gz, .xz, .zst), or .nsys-rep with nsys on PATH.

    The whole report is read into memory and the file closed. Raises NsysgapError, whose text says what to do next, for
    anything that is not a readable report.
    """
    with opened(path) as report:
        return Report(report.trace)


class Report:
    """One report. All times are integer nanoseconds from the start of the session, as the report stores them.

    `trace` holds the typed NumPy tables behind everything (docs/tables.md). What counts can be selected in every
    method, as on the command line: `device` is a GPU's number, `nvtx` a regular expression of NVTX range names,
    `domain` of their domains' names, `since` and `until` times (ns, or text such as "1.2s"). A selection of nothing
    raises NsysgapError. Methods that read what the Trace does not hold (stacks, graphs, launches by kernel, info,
    to_chrome, timeline_html) open the file again.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._opened = OpenReport(trace)

    def analyse(
        self,
        *,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
        hidden_after_ns: int = HIDDEN_AFTER_NS,
    ) -> IdleReport:
        """The analysis behind the DataFrames; kept for the whole report and for the last selection."""
        return self._opened.idle(selection(device, (nvtx, domain), since, until, hidden_after_ns))

    def idle(
        self,
        *,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
        hidden_after_ns: int = HIDDEN_AFTER_NS,
    ) -> pd.DataFrame:
        """Idle time per GPU.

        Columns: device, name, window_start_ns, window_end_ns, busy_ns, idle_ns (busy + idle = window), gaps,
        longest_gap_ns, and <part>_ns for each of the ten parts of docs/definitions.md, which sum to idle_ns.
        """
        from nsysgap.analysis.idle.dataframes import idle_frame

        return idle_frame(self._opened.idle(selection(device, (nvtx, domain), since, until, hidden_after_ns)))

    def gaps(  # noqa: PLR0913 - an argument per option
        self,
        top: int | None = None,
        *,
        by: str | None = None,
        at_least: Time = 0,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
        hidden_after_ns: int = HIDDEN_AFTER_NS,
    ) -> pd.DataFrame:
        """All gaps, or the `top` longest that last `at_least`: longest first, then by device and start.

        Columns: device, start_ns, end_ns, duration_ns, cause, <part>_ns for each of the ten parts (they sum to
        duration_ns), process, thread, nvtx (the ranges around the launch, outermost first, " > " between), and
        before_/after_ + kind, name, stream, start_ns, end_ns, correlation_id, graph_node of the ops at the edges.

        With `by` (cause, kernel, api, nvtx, thread, process, line) the idle time in groups instead, largest first: the
        group, idle_ns, gaps, longest_ns, main_cause.
        """
        from nsysgap.analysis.idle.dataframes import gaps_frame
        from nsysgap.answers.gaps import GapsOptions, gaps

        chosen = selection(device, (nvtx, domain), since, until, hidden_after_ns)
        if by is not None:
            frame = gaps(self._opened, GapsOptions(chosen, 0, 0, one_of(by, GROUPINGS, "by"))).frame()
            return frame.drop(columns="report")[:top]
        idle = self._opened.idle(chosen)
        return gaps_frame(idle, idle.gaps.longest(top, ns(at_least)))

    def launches(
        self,
        *,
        by: str = "op",
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> pd.DataFrame:
        """Launch latency of every op that a single call launched (not a graph).

        Columns: kind, name, device, stream, start_ns, end_ns, api (the call), call_ns (its duration), latency_ns (op
        start - call start), queue_ns (op start - call end, at least 0), unqueued (the stream was empty when the call
        began: only then latency_ns is what a launch costs), process, thread, correlation_id.

        With by="kernel" what `nsysgap launches` says: one row per kernel, totals and medians beside its run time.
        """
        from nsysgap.analysis.idle.dataframes import launches_frame
        from nsysgap.answers.launches import LaunchesOptions, launches

        chosen = selection(device, (nvtx, domain), since, until)
        if one_of(by, ("op", "kernel"), "by") == "kernel":
            return launches(self._opened, LaunchesOptions(chosen)).frame()
        return launches_frame(self._opened.idle(chosen))

    def syncs(
        self,
        *,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> pd.DataFrame:
        """Every synchronising call.

        Columns: api, start_ns, end_ns, waited, wait_ns (from the call to the end of the last op it covers), tail_ns
        (from there to the return; both missing where it found nothing to wait for), finished_ns, process, thread.
        """
        from nsysgap.analysis.idle.dataframes import syncs_frame

        return syncs_frame(self._opened.idle(selection(None, (nvtx, domain), since, until)))

    def stacks(  # noqa: PLR0913 - an argument per option
        self,
        *,
        by: str = "line",
        causes: tuple[str, ...] | list[str] = (),
        stacks: str | None = None,
        launched_from: bool = False,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
        hidden_after_ns: int = HIDDEN_AFTER_NS,
    ) -> pd.DataFrame:
        """Idle time by the program's lines, functions or files (`by`), as `nsysgap stacks` prints it.

        `causes`: which parts of the idle time count ("all" for all; host without any); `stacks`: python, native, calls
        or nvtx; `launched_from`: by the line that launched the op after each gap. Raises NsysgapError for a report
        without the stacks asked for.
        """
        from nsysgap.answers.stacks import StacksOptions
        from nsysgap.answers.stacks import stacks as by_stacks

        chosen = selection(device, (nvtx, domain), since, until, hidden_after_ns)
        by = one_of(by, ("line", "function", "file"), "by")
        return by_stacks(self._opened, StacksOptions(chosen, by, tuple(causes), stacks, launched_from)).frame()

    def graphs(self, number: int | None = None) -> pd.DataFrame:
        """The nodes of every CUDA graph, or of graph `number` of the list of `nsysgap graphs`: one row per node.

        Raises NsysgapError for a report without graphs, or whose graphs were traced as a whole.
        """
        from nsysgap.answers.graphs import GraphsOptions, graphs

        return graphs(self._opened, GraphsOptions(number)).frame()

    def info(self) -> ShownDocument:
        """What the report holds, what is missing, and which questions it can answer: "nsysgap.info/1", a dict."""
        from nsysgap.answers.info import info

        return shown(info(self._opened).document())

    def steps(self, loop: str | None = None, *, hidden_after_ns: int = HIDDEN_AFTER_NS) -> Steps:
        """What repeats: `loops()`, `iterations()`, `figure()` and `document()` of the loops.

        Iterations are those of the loops with the label `loop`, such as "step #", else of each process's main loop.
        Raises NsysgapError where no loop has that label, with those that there are.
        """
        from nsysgap.api_steps import steps_of

        return steps_of(self._opened, loop, hidden_after_ns)

    def to_chrome(
        self,
        path: str | os.PathLike[str],
        *,
        top_gaps: int | None = None,
        kernels_only: bool = False,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Path:
        """Write what `nsysgap to-chrome` writes, by the name's ending: .json, .json.gz or .pftrace; the path.

        An existing file is replaced, whole or not at all, but never the report itself.
        """
        from nsysgap.answers.to_chrome import ToChromeOptions, to_chrome
        from nsysgap.files import output_file
        from nsysgap.render.traces import TRACE_ENDINGS, write_trace

        form = next((form for ending, form in TRACE_ENDINGS.items() if str(path).endswith(ending)), None)
        if form is None:
            hint = f"End it with {', '.join(TRACE_ENDINGS)}."
            raise NsysgapError(f"The name {path} does not say which format to write.", hint, exit_code=2)
        options = ToChromeOptions(selection(device, (nvtx, domain), since, until), top_gaps, kernels_only=kernels_only)
        for _, viewed in to_chrome(self._opened, options):
            with output_file(Path(path), force=True, inputs=(self.trace.path,)) as file:
                write_trace(viewed, form, file)
        return Path(path)

    def critical_path(
        self, loop: str | None = None, *, whole: bool = False, since: Time | None = None, until: Time | None = None
    ) -> pd.DataFrame:
        """What limits each process's main loop: every nanosecond of it once, by part and by what it is spent on.

        `loop`: the label of another loop, such as "step #"; `whole`: everything. Columns: process, thread, loop, part,
        name, detail, ns, share. Raises NsysgapError where it cannot be told, with the reason.
        """
        from nsysgap.answers.critical_path import CriticalPathOptions, critical_paths

        options = CriticalPathOptions(loop, whole, maybe_ns(since), maybe_ns(until))
        return critical_paths(self._opened, options).frame()

    def whatif(
        self,
        *,
        graph: str | bool = False,
        sync_every: int | None = None,
        pin: bool = False,
        overlap_copies: bool = False,
        elsewhere: str | None = None,
        faster: Mapping[str, float] | None = None,
        loop: str | None = None,
        plain: str | None = None,
    ) -> pd.DataFrame:
        """What changes would gain of a step of the main loop, each by itself.

        `graph`: True, or the label of the loop or range to capture; `faster`: how many times by range, line or kernel;
        `plain`: what a step takes without nsys ("9.31ms"). Columns: change, target, factor, refused, loop, recorded_ns,
        plain_recorded_ns, then central_ns, best_ns, worst_ns, gain_percent, kind, host_share, and these as plain_...
        """
        from nsysgap.answers.asked_changes import asked_changes
        from nsysgap.answers.whatif import WhatifOptions, whatif

        asked = asked_changes(
            graph=None if not graph else "" if graph is True else str(graph),
            sync_every=sync_every,
            pin=pin,
            overlap_copies=overlap_copies,
            elsewhere=(elsewhere,) if elsewhere else (),
            faster=(faster or {}).items(),
        )
        return whatif(self._opened, WhatifOptions(asked, loop, plain)).frame()

    def advise(self, *, loop: str | None = None, plain: str | None = None) -> pd.DataFrame:
        """The changes that would gain 2 % of a step or more, best first; columns as in `whatif`."""
        from nsysgap.answers.whatif import WhatifOptions, advise

        return advise(self._opened, WhatifOptions((), loop, plain)).frame()

    def summary(
        self,
        form: str = "markdown",
        *,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> str:
        """The summary that `nsysgap report` writes, as text: markdown, or html with the timeline inside."""
        from nsysgap.answers.report import SummaryOptions, summary, summary_timelines

        chosen = replace(selection(device, (nvtx, domain), since, until), loop=True)
        form = one_of(form, ("markdown", "html"), "form")
        answer = summary(self._opened, SummaryOptions(chosen))
        if form == "markdown":
            from nsysgap.render.text.report import report_markdown

            return ShownText(report_markdown(answer))
        from nsysgap.render.pages.report import fitting_timeline, report_page

        return ShownPage(report_page(answer, fitting_timeline(summary_timelines(self._opened, chosen))))

    def timeline(
        self,
        top_gaps: int = 1,
        *,
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> go.Figure:
        """A Plotly figure of the time around the `top_gaps` longest gaps: gaps by cause, streams, CUDA API calls.

        At most 4,000 slices are drawn; `timeline_html` has everything.
        """
        from nsysgap.analysis.pictures.page import timeline_data
        from nsysgap.render.pages.timeline import timeline_figure

        idle = self._opened.idle(selection(device, (nvtx, domain), since, until))
        return timeline_figure(timeline_data(idle), top_gaps=top_gaps)

    timeline_figure = timeline

    def timeline_html(
        self,
        *,
        top_gaps: int | None = None,
        plotlyjs: str = "inline",
        device: int | None = None,
        nvtx: Regex | None = None,
        domain: Regex | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> str:
        """The page that `nsysgap timeline` writes, as text.

        `top_gaps`: full detail only around that many of the longest gaps; `plotlyjs`: inline, cdn or a path.
        """
        from nsysgap.answers.timeline import TimelineOptions, timeline
        from nsysgap.render.pages.timeline import timeline_html

        data = timeline(self._opened, TimelineOptions(selection(device, (nvtx, domain), since, until), top_gaps))
        return ShownPage(timeline_html(data, plotlyjs=plotlyjs))

    @property
    def warnings(self) -> ShownList:
        """What the report cannot show and what looks odd in it, as `nsysgap gaps` prints it."""
        from nsysgap.analysis.notices import all_notices

        idle = self.analyse()
        return shown_list([f"{notice.level}: {notice.text}" for notice in all_notices(idle, idle.latencies)])

    def __repr__(self) -> str:
        return f"<nsysgap report {self.trace.path}: {'; '.join(self._sentences()) or 'no GPU work'}>"

    def _sentences(self) -> list[str]:
        return [
            f"GPU {self.trace.device(device.device).label} idle {percent(device.idle, device.busy + device.idle)} of "
            f"{duration(device.busy + device.idle)} in {count(device.gap_count)} gaps"
            for device in self.analyse().devices
        ]

    def _repr_html_(self) -> str:
        """The report as a notebook shows it: a sentence per GPU, the idle table, the warnings. Names are escaped."""
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences()) or "<p>no GPU work</p>"
        table = self.idle().to_html(index=False, escape=True) if self.analyse().devices else ""
        warnings = "".join(f"<li>{escape(text)}</li>" for text in self.warnings)
        return f"<h4>{escape(self.trace.path)}</h4>{said}{table}<ul>{warnings}</ul>"
