"""All ranks of a job in one trace, on aligned clocks, with arrows between the parts of each collective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nsysgap.analysis.pictures.merged import Joins, Part, joins, merged
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.rank_units import OK, RankOptions, ReportUnits, report_units
from nsysgap.answers.ranks import RanksAnswer, ranks
from nsysgap.answers.to_chrome import ToChromeOptions, to_chrome
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_name
from nsysgap.tracks import Viewed
from nsysgap.version import __version__


def ranks_trace(
    reports: Sequence[OpenReport],
    options: ToChromeOptions,
    rank_regex: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Viewed:
    """The merged picture; all reports stay open while it is written. Times are those of the earliest session.

    Cuts by time count on each report's own clock. Raises NsysgapError where ranks contradict, where a report has no GPU
    work, or where clocks cannot be aligned.
    """
    asked = RankOptions(replace(options.selection, nvtx=None, since=None, until=None), True, rank_regex)
    units = [report_units(report, asked) for report in reports]
    bad = next((report for report in units if report.status != OK), None)
    if bad is not None:
        raise NsysgapError(f"{bad.path} cannot be drawn with the others: {bad.text}", "Leave it out.")
    answer = ranks(units)
    shift = _shifts(answer, units)
    ordered = sorted(range(len(reports)), key=lambda number: _first_unit(answer, reports[number].path))
    parts = []
    arrows = _joins(answer, reports, units, shift)
    for number in ordered:
        report = reports[number]
        for _, viewed in to_chrome(report, options, say, arrows[number]):
            parts.append(Part(viewed, _name(answer, report.path), shift[number]))
    facts = {
        "tool": f"nsysgap {__version__}",
        "reports": [report_name(reports[number].path) for number in ordered],
        "clocks": "one clock" if len(reports) == 1 else "aligned by the ends of shared collectives",
        "residual_p50_ns": answer.clocks.residual_p50,
        "residual_p95_ns": answer.clocks.residual_p95,
        "session_start_utc_ns": _utc_of_zero(units, shift),
        "verdict": answer.text,
        "warnings": [warning.text for report in reports for warning in report.trace.warnings],
    }
    return merged(parts, facts)


def _of_report(answer: RanksAnswer, path: str) -> list[int]:
    return [number for number, unit in enumerate(answer.units) if unit.path == path]


def _first_unit(answer: RanksAnswer, path: str) -> int:
    return min(_of_report(answer, path))


def _name(answer: RanksAnswer, path: str) -> str:
    """ "rank 3", or the file's name where several ranks share it."""
    mine = _of_report(answer, path)
    return answer.units[mine[0]].name if len(mine) == 1 else report_name(path)


def _shifts(answer: RanksAnswer, units: Sequence[ReportUnits]) -> list[int]:
    """ns to add to each report's times: 0 for the one whose session began first."""
    if len(units) == 1:
        return [0]
    if answer.clocks.offset is None:
        why = answer.reason or "they share fewer than ten collectives, or their ends contradict one another"
        raise NsysgapError(f"The clocks of the reports cannot be aligned: {why}.", "Draw each report by itself.")
    zero = []
    for report in units:
        offsets = sorted(int(answer.clocks.offset[number]) for number in _of_report(answer, report.path))
        # Plain integers: UTC in ns leaves little room in 64 bits.
        zero.append((report.units[0].utc_start_ns or 0) - offsets[(len(offsets) - 1) // 2])
    return [start - min(zero) for start in zero]


def _utc_of_zero(units: Sequence[ReportUnits], shift: Sequence[int]) -> int | None:
    """When the trace's moment 0 was, by the clock of the session that began first."""
    return next((report.units[0].utc_start_ns for report, ns in zip(units, shift, strict=True) if ns == 0), None)


def _joins(
    answer: RanksAnswer, reports: Sequence[OpenReport], units: Sequence[ReportUnits], shift: Sequence[int]
) -> list[Joins | None]:
    """The arrows of each report; of one with several ranks those of all of them together."""
    if answer.matched is None or len(answer.units) < 2:
        return [None] * len(reports)
    number_of = {report.path: number for number, report in enumerate(units)}
    rows = [reports[number_of[unit.path]].trace.ops.rows for unit in answer.units]
    own = [unit.facts.collectives.op for unit in answer.units]
    arrows = joins(answer.matched, own, rows, [shift[number_of[unit.path]] for unit in answer.units])
    together: list[Joins | None] = [None] * len(reports)
    for unit, of_unit in zip(answer.units, arrows, strict=True):
        before = together[number_of[unit.path]]
        together[number_of[unit.path]] = of_unit if before is None else before.with_other(of_unit)
    return together
