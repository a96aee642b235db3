"""Jobs of several ranks as sides of a comparison: each rank's figures, what it waited, and who it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nsysgap.analysis.collectives.iterations import NO_WINDOW
from nsysgap.analysis.comparing.captures import EXPOSED_WAIT, Capture
from nsysgap.analysis.comparing.roles import by_role
from nsysgap.analysis.loops.steps import lower_median
from nsysgap.answers.captures import CaptureOptions, capture
from nsysgap.answers.opening import Asker, OpenReport
from nsysgap.answers.rank_units import OK, RankOptions, ReportUnits, report_units
from nsysgap.answers.ranks import RanksAnswer, ranks
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_name, unsigned
from nsysgap.fleet.paths import report_paths, reports_of


@dataclass(frozen=True)
class RankCapture:
    """One report of a job: its figures, and what it brings to the comparison of ranks."""

    capture: Capture
    units: ReportUnits


def rank_capture(report: OpenReport, options: CaptureOptions) -> RankCapture:
    """A report as a capture and as units, read once."""
    asked = RankOptions(options.selection, options.whole and not options.selects_time)
    return RankCapture(capture(report, options), report_units(report, asked))


def side_captures(
    names: Sequence[str], options: CaptureOptions, asker: Asker, *, job: bool = False
) -> tuple[Capture, ...]:
    """The captures that the user named: a report is one, a folder or pattern of reports a job, by role.

    `job`: all reports named are the ranks of one job.
    """
    if job:
        return _job(report_paths(names), _named(names), options, asker)
    captures: list[Capture] = []
    for name in names:
        several = reports_of(name)
        if several is None:
            captures.append(asker(name, capture, options))
        else:
            captures += _job(several, unsigned(name).rstrip("/") or name, options, asker)
    return tuple(captures)


def _named(names: Sequence[str]) -> str:
    first = report_name(names[0])
    return first if len(names) == 1 else f"{first} ..."


def _job(paths: Sequence[str], name: str, options: CaptureOptions, asker: Asker) -> tuple[Capture, ...]:
    if len(paths) == 1:
        return (asker(paths[0], capture, options),)
    asked: list[RankCapture] = [asker(path, rank_capture, options) for path in paths]
    for rank in asked:
        if rank.units.status != OK or len(rank.units.units) > 1:
            said = rank.units.text or "several processes of it have GPU work."
            raise NsysgapError(f"{rank.units.path} is no report of one rank: {said}", "Leave it out.")
    answer = ranks([rank.units for rank in asked])
    number_of = {rank.units.path: number for number, rank in enumerate(asked)}
    captures = [_with_wait(asked[number_of[unit.path]].capture, answer, row) for row, unit in enumerate(answer.units)]
    return by_role(captures, [unit.name for unit in answer.units], answer.verdict.unit, name)


def _with_wait(alone: Capture, answer: RanksAnswer, row: int) -> Capture:
    """The capture with the exposed wait that only all ranks together tell: per iteration, or in the window."""
    if answer.matched is None:
        return alone
    wait = answer.figures[row].exposed_wait
    if alone.loop is not None:
        if answer.iterations is None:
            return alone
        waits = answer.iterations.wait[row]
        wait = lower_median(waits[waits != NO_WINDOW])
    return replace(alone, figures={**alone.figures, EXPOSED_WAIT: wait})
