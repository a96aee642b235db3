"""A report as one summary to send around: what several answers say of its loop, and how to ask for each again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from nsysgap.analysis.pictures.idle_before_ops import idle_before_ops
from nsysgap.analysis.pictures.page import TimelineData, run_facts
from nsysgap.answers.critical_path import CriticalPathAnswer, critical_paths
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.schedules import ProcessLoop
from nsysgap.answers.screen import LOOP, ScreenAnswer, screen_with
from nsysgap.answers.screen_limits import Limits, advice_of, advised_loops, has_advice, limits_of, path_options
from nsysgap.answers.screen_next import Command, selection_arguments
from nsysgap.answers.selection import Selection
from nsysgap.answers.stacks import CAPTURE_HINT, StacksAnswer, StacksOptions, stacks
from nsysgap.answers.steps import StepsAnswer, StepsOptions, steps
from nsysgap.answers.timeline import TimelineOptions, loops_with_iterations, timeline
from nsysgap.answers.whatif import WhatifAnswer, WhatifOptions, advise
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header
from nsysgap.fleet.names import report_stem
from nsysgap.report.describe import describe

SCHEMA = "nsysgap.report/1"
NO_PREDICTION = "Changes are predicted of a report's main loop alone."
MOST_IN_FULL = 2_000_000
"""Rows of a report whose timeline may be small enough with all of them: some bytes each."""
FEWER_GAPS = (2_000, 400, 80)
"""Around how many of the longest gaps a larger one is drawn in full."""
Part = TypeVar("Part")


@dataclass(frozen=True)
class SummaryOptions:
    """What the summary is about: the main loops, unless `selection` chooses something else."""

    selection: Selection = LOOP


@dataclass(frozen=True)
class Question:
    """What a command answers, and the command, complete, as a list of arguments."""

    asks: str
    command: Command


@dataclass(frozen=True)
class SummaryAnswer:
    """The answer, made of others: `screen` of `gaps`, `steps`, `path`, `advice` and `lines` (idle time by line).

    `drawn`: the main loops' rows of "nsysgap.steps/1" with their iterations; `busy`: what ran in the selection by name,
    longest in all first: name, count, total_ns, longest_ns; ops that ran side by side count each. `untold`: why a part
    (path, advice, lines) is None; `facts`: (label, text) of the run; `again`: how to ask for each part again;
    `kernel`: the command that looks into the longest kernel, where kernels are what limits.
    """

    header: Header
    screen: ScreenAnswer
    steps: StepsAnswer
    drawn: tuple[Document, ...]
    path: CriticalPathAnswer | None
    advice: WhatifAnswer | None
    lines: StacksAnswer | None
    busy: tuple[Document, ...]
    untold: Mapping[str, NsysgapError] = field(default_factory=dict)
    facts: tuple[tuple[str, str], ...] = ()
    again: tuple[Question, ...] = ()
    kernel: str = ""

    @property
    def refusal(self) -> NsysgapError | None:
        """Why the report cannot say how idle the GPU was, None if it can."""
        return self.screen.refusal

    def document(self) -> Document:
        """The contract "nsysgap.report/1": the documents of the answers, null where there is none, and why."""
        told = {"critical_path": self.path, "advice": self.advice, "lines": self.lines}
        return {
            "schema": SCHEMA,
            "report": self.header.document(),
            "gaps": {**self.screen.gaps.document(), "loops": list(self.steps.loops)},
            "steps": self.steps.document(),
            **{name: None if answer is None else answer.document() for name, answer in told.items()},
            "untold": {_KEYS.get(name, name): self.why_not(name) for name in self.untold},
            "busy": list(self.busy),
            "commands": [{"asks": question.asks, "command": list(question.command)} for question in self.again],
        }

    def why_not(self, part: str) -> str:
        """Why a part is None, and what helps or is still true; "" where it is there."""
        error = self.untold.get(part)
        return "" if error is None else f"{_reason(error)} {error.hint}".strip()

    def figures(self) -> tuple[Figure, ...]:
        """Those of the answers that it is made of."""
        told = [answer for answer in (self.path, self.advice, self.lines) if answer is not None]
        parts = (self.screen.gaps, self.steps, *told)
        return tuple(figure for part in parts for figure in part.figures())


_KEYS = {"path": "critical_path"}
_NO_ANSWER = re.compile(r"^(?:The critical path cannot be told|No gain can be predicted)\. ")


def summary(report: OpenReport, options: SummaryOptions = SummaryOptions()) -> SummaryAnswer:
    """What a report's loop is, how idle the GPU is in it, why, what limits it, what would gain.

    Raises NsysgapError for an empty selection; what a report cannot tell is None, with the reason.
    """
    selection, untold = options.selection, dict[str, NsysgapError]()
    path, advice = _path_and_advice(report, selection, untold)
    lines = _told("lines", untold, lambda: _lines(report, selection))
    limits = Limits(unknown=_reason(untold["path"])) if path is None else limits_of(path)
    screen = screen_with(report, selection, limits, () if advice is None else advice_of(advice))
    with report.source() as source:
        about = describe(source)
    return SummaryAnswer(
        header=screen.header,
        screen=screen,
        steps=steps(report, StepsOptions(hidden_after_ns=selection.hidden_after_ns)),
        drawn=loops_with_iterations(report, selection) if screen.looped else (),
        path=path,
        advice=advice,
        lines=lines,
        busy=tuple(_busy(report, selection)),
        untold=untold,
        facts=run_facts(report.trace, about.command, about.started, about.target),
        again=tuple(_again(report, selection, screen, untold)),
        kernel="" if advice is None else advice.kernel_command,
    )


def summary_timelines(report: OpenReport, selection: Selection = LOOP) -> Iterator[TimelineData]:
    """What the timeline behind a summary draws, then the same with less detail, for the first one that is small enough.

    Nothing for a report of which no timeline can be drawn.
    """
    trace, shown = report.trace, replace(selection, loop=False)
    rows = trace.ops.rows + trace.api.rows + trace.nvtx.rows + trace.osrt.rows
    for top_gaps in (*([None] if rows <= MOST_IN_FULL else []), *FEWER_GAPS):
        try:
            yield timeline(report, TimelineOptions(shown, top_gaps))
        except NsysgapError:
            return


def _reason(error: NsysgapError) -> str:
    return _NO_ANSWER.sub("", error.message)


def _told(name: str, untold: dict[str, NsysgapError], ask: Callable[[], Part]) -> Part | None:
    """A part of the summary, or None with the reason noted."""
    try:
        return ask()
    except NsysgapError as error:
        untold[name] = error.with_traceback(None)  # it would hold on to the report
        return None


def _path_and_advice(
    report: OpenReport, selection: Selection, untold: dict[str, NsysgapError]
) -> tuple[CriticalPathAnswer | None, WhatifAnswer | None]:
    """What limits the loops, and what would gain, of one model of each loop."""
    loops = advised_loops(report, selection)
    path = _told("path", untold, lambda: critical_paths(report, path_options(report, selection), loops))
    return path, _told("advice", untold, lambda: _advice(report, selection, loops))


def _advice(report: OpenReport, selection: Selection, loops: Sequence[ProcessLoop] | None) -> WhatifAnswer:
    if not report.trace.ops.rows or not has_advice(report, selection):
        raise NsysgapError(NO_PREDICTION, "")
    return advise(report, WhatifOptions(), loops)


def _lines(report: OpenReport, selection: Selection) -> StacksAnswer:
    """Idle time by line, or by NVTX range. Raises NsysgapError where nothing of it is known."""
    answer = stacks(report, StacksOptions(selection, unfold=False))
    if answer.shares["no_stack_ns"] == answer.shares["chosen_ns"]:
        raise NsysgapError("No recorded stack or range lies in the time in which the GPU was idle.", CAPTURE_HINT)
    return answer


def _busy(report: OpenReport, selection: Selection) -> Iterator[Document]:
    """What ran inside the selection, by name."""
    for row in idle_before_ops(report.idle(selection, all_at_once=True)):
        name = report.trace.name(row["name"])
        yield {"name": name, **{key: row[key] for key in ("count", "total_ns", "longest_ns")}}


def _again(
    report: OpenReport, selection: Selection, screen: ScreenAnswer, untold: Mapping[str, NsysgapError]
) -> Iterator[Question]:
    """The commands that say what the summary says, and more of it."""
    path, name = report.path, report_stem(report.path)
    whole = selection_arguments(selection)
    yield Question("this summary", ("nsysgap", "report", path, *whole, "-o", f"{name}-summary.html"))
    yield Question("idle time by cause, every table", ("nsysgap", "gaps", path, *whole, "--detail"))
    if not screen.holds.ops:
        yield Question("what the report holds, and what to record", ("nsysgap", "info", path))
        return
    hidden_after = selection_arguments(Selection(hidden_after_ns=selection.hidden_after_ns), takes_whole=False)
    yield Question("what a step takes", ("nsysgap", "steps", path, *hidden_after))
    if "path" not in untold:
        yield Question("what limits it", ("nsysgap", "critical-path", path, *_stretch(report, selection)))
    if "advice" not in untold:
        yield Question("what would gain, and how to do it", ("nsysgap", "advise", path))
    yield Question("kernels, and what launching them costs", ("nsysgap", "launches", path, *whole))
    if "lines" not in untold:
        yield Question("which line kept the GPU idle", ("nsysgap", "stacks", path, *whole))
    times = selection_arguments(selection, takes_whole=False)
    yield Question("the timeline", ("nsysgap", "timeline", path, *times, "-o", f"{name}.html"))


def _stretch(report: OpenReport, selection: Selection) -> Command:
    """The options of `critical-path` for the same stretch."""
    options = path_options(report, selection)
    times = (("--from", options.since), ("--to", options.until))
    return tuple(text for name, ns in times if ns is not None for text in (name, f"{ns}ns"))
