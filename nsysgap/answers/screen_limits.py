"""What limits a report's loops and what would help, for the first screen: asked only where the answer comes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsysgap.answers.critical_path import CriticalPathAnswer, CriticalPathOptions, critical_paths
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.schedules import ProcessLoop, chosen_loops
from nsysgap.answers.selection import Selection
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document

if TYPE_CHECKING:
    from nsysgap.answers.whatif import WhatifAnswer

MOST_ROWS = 300_000
"""Calls and ops of a report up to which its critical path is looked for unasked: about a second."""
MOST_ROWS_ADVISED = 100_000
"""The same for predictions."""
WORTH_SAYING = 0.02
TOO_LARGE = "The report is large: nsysgap critical-path tells."
WITHOUT_PATH = "Leave --nvtx and --device out, or select times: --from, --to."


@dataclass(frozen=True, slots=True)
class LimitingPart:
    """One part of a critical path and what most of it is spent on; ns and `most_ns` in all iterations."""

    process: int
    part: str
    ns: int
    path_ns: int
    iterations: int
    name: str
    detail: str
    most_ns: int


@dataclass(frozen=True)
class Limits:
    """The largest parts of each process's critical path; `unknown`: why there are none, "" where there are."""

    parts: tuple[LimitingPart, ...] = ()
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """A change that would gain: from `recorded_ns` an iteration to between `best_ns` and `worst_ns`; `central_ns` None
    where only the range may be told; `target`: what is changed, "" for the whole loop."""

    change: str
    target: str
    recorded_ns: int
    best_ns: int
    worst_ns: int
    central_ns: int | None


def main_loops(report: OpenReport, selection: Selection) -> tuple[ProcessLoop, ...] | None:
    """The loops that both `limits` and `advice` are asked of, see `advised_loops`; None if not both are."""
    return advised_loops(report, selection) if _is_small(report) else None


def advised_loops(report: OpenReport, selection: Selection) -> tuple[ProcessLoop, ...] | None:
    """The loops that critical paths and predictions are both of, so that they are modelled once; None if not both are.

    Models of large reports are large: let go of them when both are told.
    """
    if not has_advice(report, selection):
        return None
    try:
        return tuple(chosen_loops(report))
    except NsysgapError:
        return None  # each of the two says by itself what it lacks


def limits(report: OpenReport, selection: Selection, loops: Sequence[ProcessLoop] | None = None) -> Limits:
    """What limits the selected time of a report: the parts that take 2 % or more of a path, largest first.

    Without a loop, and with neither time selected, from the first op to the last. `loops`: see `main_loops`.
    """
    if _rows(report) > MOST_ROWS and not _without_path(selection):
        return Limits(unknown=TOO_LARGE)
    try:
        return limits_of(critical_paths(report, path_options(report, selection), loops))
    except NsysgapError as error:
        return Limits(unknown=error.message.removeprefix("The critical path cannot be told. "))


def path_options(report: OpenReport, selection: Selection) -> CriticalPathOptions:
    """Of what the critical path is looked for. Raises NsysgapError for a selection that has none of its own."""
    if _without_path(selection):
        raise NsysgapError("Ranges and single GPUs have no critical path of their own.", WITHOUT_PATH)
    since, until = selection.since, selection.until
    looped = selection.loop and bool(report.steps(selection.hidden_after_ns).judged)
    if report.trace.ops.rows and not selection.timed and not looped:
        since = min(device.window[0] for device in report.whole.gaps)
        until = max(device.window[1] for device in report.whole.gaps)
    return CriticalPathOptions(None, since=since, until=until)


def _without_path(selection: Selection) -> bool:
    return selection.ranges or selection.device is not None


def limits_of(answer: CriticalPathAnswer) -> Limits:
    """The parts of critical paths that are worth a line."""
    return Limits(tuple(part for path in answer.paths for part in _largest(path)))


def advice(report: OpenReport, selection: Selection, loops: Sequence[ProcessLoop] | None = None) -> tuple[Advice, ...]:
    """The changes that would gain most, best first; none where nothing can be predicted, or not at once."""
    if not _is_small(report) or not has_advice(report, selection):
        return ()
    from nsysgap.answers.whatif import WhatifOptions, advise  # half of all modules: only where it is asked

    try:
        return advice_of(advise(report, WhatifOptions(), loops))
    except NsysgapError:
        return ()


def has_advice(report: OpenReport, selection: Selection) -> bool:
    """Whether a selection is the main loop, which alone changes are predicted of."""
    chosen = not selection.loop or selection.timed or _without_path(selection)
    return not chosen and bool(report.steps(selection.hidden_after_ns).judged)


def advice_of(answer: WhatifAnswer) -> tuple[Advice, ...]:
    """The predictions of an answer."""
    predictions = [(change, change["under_nsys"]) for change in answer.changes if change["under_nsys"] is not None]
    return tuple(
        Advice(
            change["change"],
            change["target"] or "",
            answer.recorded_ns,
            predicted["best_ns"],
            predicted["worst_ns"],
            predicted["central_ns"],
        )
        for change, predicted in predictions
    )


def _is_small(report: OpenReport) -> bool:
    return _rows(report) <= MOST_ROWS_ADVISED


def _rows(report: OpenReport) -> int:
    return report.trace.ops.rows + report.trace.api.rows


def _largest(path: Document) -> list[LimitingPart]:
    """The parts of one path that are worth a line."""
    length = path["window_ns"][1] - path["window_ns"][0]
    parts = sorted(path["parts_ns"].items(), key=lambda pair: -pair[1])
    limiting = []
    for part, ns in parts:
        rows = [row for row in path["by"] if row["part"] == part]
        if ns >= WORTH_SAYING * length and rows:
            most = max(rows, key=lambda row: row["ns"])
            told = (path["iterations"], most["name"], most["detail"], most["ns"])
            limiting.append(LimitingPart(path["process"], part, ns, length, *told))
    return limiting
