"""Who keeps whom waiting: the ranks of a job beside one another, from any number of reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.clocks import Clocks, align
from nsysgap.analysis.collectives.iterations import Iterations, iterations, shared_loops
from nsysgap.analysis.collectives.matching import Matched, match
from nsysgap.analysis.collectives.operations import KINDS
from nsysgap.analysis.collectives.units import LoopOfUnit
from nsysgap.analysis.collectives.verdict import SlowIteration, Verdict, slow_iterations, verdict
from nsysgap.analysis.collectives.waiting import exposed, waits_of
from nsysgap.analysis.stats import stats
from nsysgap.answers.rank_units import OK, ReportUnits, Unit
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, as_json
from nsysgap.intervals import EMPTY, covered_length, subtract
from nsysgap.units import counted, duration

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.ranks/1"


@dataclass(frozen=True)
class UnitFigures:
    """What the comparison adds to a unit: exposed wait (ns), how often it arrived last, its clock's offset (ns)."""

    exposed_wait: int
    arrived_last: int | None
    offset: int | None


@dataclass(frozen=True)
class RanksAnswer:
    """All units by rank with their figures, the collectives they share, and the verdict.

    `matched` holds the collectives of the selection; `reason` says why there are none. `iterations`: of the loop that
    all units share, None without one. `iteration_of` (collectives,): which of them each collective is in, -1 for none.
    """

    reports: tuple[ReportUnits, ...]
    units: tuple[Unit, ...]
    figures: tuple[UnitFigures, ...]
    matched: Matched | None
    reason: str | None
    verdict: Verdict
    slow: tuple[SlowIteration, ...]
    clocks: Clocks
    missing: tuple[int, ...]
    range_of_lateness: tuple[str, int] | None
    iterations: Iterations | None = None
    iteration_of: NDArray[np.int64] | None = None

    def document(self) -> Document:
        """The contract "nsysgap.ranks/1"."""
        reports = [{"path": report.path, "status": report.status, "text": report.text} for report in self.reports]
        document: Document = {
            "schema": SCHEMA,
            "reports": reports,
            "units": self.unit_rows(),
            "collectives": self._collectives(),
            "verdict": self._verdict(),
            "slow_iterations": [
                {"iteration": slow.iteration, "duration_ns": slow.duration, **self._last(slow.last)}
                for slow in self.slow
            ],
            "clocks": {
                "aligned": self.clocks.offset is not None,
                "residual_p50_ns": self.clocks.residual_p50,
                "residual_p95_ns": self.clocks.residual_p95,
            },
            "missing_ranks": list(self.missing),
        }
        plain: Document = as_json(document)
        return plain

    def unit_rows(self) -> list[Document]:
        """One row per unit, by rank."""
        return [_unit_row(unit, figures) for unit, figures in zip(self.units, self.figures, strict=True)]

    def frame(self) -> pd.DataFrame:
        """One row per unit, the parts as columns."""
        import pandas as pd

        rows = []
        for row in self.unit_rows():
            parts = row.pop("idle_by_cause_ns")
            rows.append({**row, **{f"{part}_ns": value for part, value in parts.items()}})
        return pd.DataFrame(rows)

    def collective_frame(self) -> pd.DataFrame:
        """One row per matched collective and unit, times on the unit's own clock."""
        import pandas as pd

        matched, names = self.matched, [unit.name for unit in self.units]
        if matched is None:
            return pd.DataFrame()
        units, number = matched.wait.shape
        iteration = np.full(number, -1, np.int64) if self.iteration_of is None else self.iteration_of
        columns = {
            "collective": np.tile(np.arange(number), units),
            "kind": np.tile([KINDS[kind] for kind in matched.kind.tolist()], units),
            "iteration": np.tile(iteration, units),
            "rank": np.repeat(names, number),
            "start_ns": matched.start.ravel(),
            "end_ns": matched.end.ravel(),
            "wait_ns": matched.wait.ravel(),
            "transfer_ns": np.tile(matched.transfer, units),
            "last": (matched.last == np.arange(units)[:, None]).ravel(),
        }
        return pd.DataFrame(columns)

    def _last(self, number: int | None) -> Document:
        unit = None if number is None else self.units[number]
        return {"last": unit and unit.rank, "process": unit and unit.facts.pid}

    def _collectives(self) -> Document:
        if self.matched is None:
            return {"matched": 0, "unmatched_reason": self.reason, "by_kind": []}
        by_kind = []
        for kind in np.unique(self.matched.kind).tolist():
            mine = self.matched.take(np.flatnonzero(self.matched.kind == kind))
            waits = stats(mine.wait.ravel())
            sizes = self.units[0].message_bytes[mine.number[0]]
            row = {"kind": KINDS[kind], "count": len(mine), "transfer_ns": stats(mine.transfer), "wait_ns": waits}
            by_kind.append({**row, "message_bytes": stats(sizes[sizes >= 0])})
        return {"matched": len(self.matched), "unmatched_reason": self.reason, "by_kind": by_kind}

    def _verdict(self) -> Document:
        judged = self.verdict
        unit = None if judged.unit is None else self.units[judged.unit]
        return {
            "kind": judged.kind,
            "rank": None if unit is None else unit.rank,
            "process": None if unit is None else unit.facts.pid,
            "share_last": judged.share_last,
            "late_by_ns": judged.late_by,
            "cause": judged.cause,
            "text": self.text,
        }

    @property
    def text(self) -> str:
        """The verdict in one sentence."""
        judged, matched = self.verdict, self.matched
        if judged.kind == "unknown" or matched is None:
            return f"Who waits for whom cannot be told: {self.reason or 'the selection holds no shared collective'}."
        total = len(matched)
        if judged.kind == "even":
            return f"Nobody keeps the others waiting: no exposed wait worth 5 % in {total:,} shared collectives."
        if judged.kind == "rotates" or judged.unit is None:
            most = int(np.bincount(matched.last).argmax())
            times = int((matched.last == most).sum())
            return (
                f"The last one rotates: no rank arrived last in half of {total:,} collectives; "
                f"{self.units[most].name} did most often, in {times:,}."
            )
        return self._straggler(judged.unit, judged, total)

    def _straggler(self, unit: int, judged: Verdict, total: int) -> str:
        times = round(judged.share_last * total)
        cause, late_by = judged.cause, judged.late_by or {}
        if cause is None:  # of equals the lowest rank counts as last
            said = f"{self.units[unit].name} arrived last in {times:,} of {total:,}"
            return f"{said}, and does no more between them than the fastest rank."
        late = late_by[cause]
        loop = self.units[unit].facts.loop
        per = f"{duration(late // loop.count)} more {cause} a step" if loop else f"{duration(late)} more {cause}"
        where = ""
        if cause == "host" and self.range_of_lateness is not None:
            where = f", in the range {self.range_of_lateness[0]}"
        return f"{self.units[unit].name} arrived last in {times:,} of {total:,}: {per} than the fastest rank{where}."


def _unit_row(unit: Unit, figures: UnitFigures) -> Document:
    facts, loop = unit.facts, unit.facts.loop
    return {
        "path": unit.path,
        "process": facts.pid,
        "rank": unit.rank,
        "rank_source": unit.rank_source or None,
        "world_size": unit.world_size,
        "host": unit.host,
        **unit.device.named(),
        "device_name": unit.device.name,
        "loop": None if loop is None else loop.label,
        "iterations": None if loop is None else loop.count,
        "step_ns": None if loop is None else loop.step,
        "window_ns": facts.window,
        "busy_ns": facts.busy,
        "idle_ns": facts.idle,
        "idle_by_cause_ns": facts.parts,
        "collective_ns": facts.collective,
        "exposed_wait_ns": figures.exposed_wait,
        "starved_ns": facts.idle + figures.exposed_wait,
        "arrived_last": figures.arrived_last,
        "offset_ns": figures.offset,
    }


def ranks(reports: Sequence[ReportUnits]) -> RanksAnswer:
    """Compare the units of any number of reports.

    Raises NsysgapError where two units have one rank, a rank is not below the world size, or no report has a unit.
    """
    units = sorted((unit for report in reports for unit in report.units), key=_order)
    if not units:
        bad = next((report for report in reports if report.status != OK), None)
        raise NsysgapError("None of the reports holds GPU work.", "" if bad is None else f"{bad.path}: {bad.text}")
    missing = _check_ranks(units)
    matched = match([unit.facts.collectives for unit in units], [unit.name for unit in units])
    reason = matched if isinstance(matched, str) else None
    selected = None if isinstance(matched, str) else matched.take(_selected(matched, units))
    waits = [0] * len(units)
    judged, clocks = Verdict("unknown"), Clocks(None)
    bare = [EMPTY] * len(units)
    if selected is not None:
        bare = [subtract(waits_of(selected, number), unit.facts.others) for number, unit in enumerate(units)]
        waits = [exposed(uncovered, EMPTY, unit.facts.selection) for uncovered, unit in zip(bare, units, strict=True)]
        judged = verdict(selected, waits, [unit.facts.window for unit in units], _between(selected, units))
    if not isinstance(matched, str):
        clocks = align(matched, np.array([unit.utc_start_ns or 0 for unit in units], np.int64))
    last = None if selected is None else np.bincount(selected.last, minlength=len(units))
    figures = tuple(
        UnitFigures(
            waits[number],
            None if last is None else int(last[number]),
            None if clocks.offset is None else int(clocks.offset[number]),
        )
        for number in range(len(units))
    )
    loops = shared_loops([unit.facts.loop for unit in units])
    numbers = None if selected is None or loops is None else _iteration_of(selected, loops[0])
    slow = (
        ()
        if selected is None or loops is None or numbers is None
        else tuple(slow_iterations([loop.duration for loop in loops], numbers, selected.last))
    )
    return RanksAnswer(
        reports=tuple(reports),
        units=tuple(units),
        figures=figures,
        matched=selected,
        reason=reason,
        verdict=judged,
        slow=slow,
        clocks=clocks,
        missing=missing,
        range_of_lateness=_range_of_lateness(units, judged.unit),
        iterations=iterations([unit.facts.loop for unit in units], bare),
        iteration_of=numbers,
    )


def _order(unit: Unit) -> tuple[bool, int, str, int]:
    return unit.rank is None, unit.rank or 0, unit.path, unit.facts.pid


def _check_ranks(units: Sequence[Unit]) -> tuple[int, ...]:
    """The ranks that are missing of the world. Raises NsysgapError for ranks that cannot be."""
    known = [unit for unit in units if unit.rank is not None]
    for rank, number in Counter(unit.rank for unit in known).items():
        if number > 1:
            files = ", ".join(unit.path for unit in known if unit.rank == rank)
            raise NsysgapError(
                f"{counted(number, 'unit', 'units')} say that they are rank {rank}: {files}.",
                "Compare one job at a time, or tell ranks by file name: --rank-regex 'rank(\\d+)'.",
            )
    for unit in known:
        if unit.world_size is not None and unit.rank is not None and unit.rank >= unit.world_size:
            raise NsysgapError(
                f"{unit.path} says rank {unit.rank} of {unit.world_size}: ranks go from 0 to {unit.world_size - 1}.",
                "Tell ranks by file name: --rank-regex 'rank(\\d+)'.",
            )
    sizes = {unit.world_size for unit in known} - {None}
    if len(sizes) > 1:
        said = "; ".join(f"{unit.path}: {unit.world_size}" for unit in known)
        raise NsysgapError(f"The reports are of jobs of different sizes ({said}).", "Compare one job at a time.")
    ranks_there = {unit.rank for unit in known}
    return tuple(rank for rank in range(sizes.pop() or 0) if rank not in ranks_there) if sizes else ()


def _selected(matched: Matched, units: Sequence[Unit]) -> NDArray[np.intp]:
    """The collectives that begin inside the selection of every unit."""
    inside = np.ones(len(matched), np.bool_)
    for number, unit in enumerate(units):
        start = matched.start[number]
        inside &= covered_length(unit.facts.selection, start, start + 1) > 0
    return np.flatnonzero(inside)


def _between(matched: Matched, units: Sequence[Unit]) -> list[NDArray[np.int64]]:
    """Each unit's work between consecutive collectives; not where a unit had another collective between them."""
    number = matched.number
    consecutive = np.flatnonzero((number[:, 1:] == number[:, :-1] + 1).all(axis=0))
    return [unit.facts.between[number[row, consecutive]] for row, unit in enumerate(units)]


def _iteration_of(matched: Matched, loop: LoopOfUnit) -> NDArray[np.int64]:
    """The iteration of the first unit's loop in whose window each collective begins, -1 for none."""
    iteration = np.full(len(matched), -1, np.int64)
    if len(loop.window_start):
        window = np.searchsorted(loop.window_start, matched.start[0], side="right") - 1
        inside = (window >= 0) & (matched.start[0] < loop.window_end[np.maximum(window, 0)])
        iteration[inside] = loop.iteration[window[inside]]
    return iteration


def _range_of_lateness(units: Sequence[Unit], straggler: int | None) -> tuple[str, int] | None:
    """The NVTX label in which a straggler's host time exceeds the others' mean most, and by how much, ns."""
    if straggler is None or len(units) < 2:
        return None
    late = units[straggler].facts.host_by_range
    others = [unit.facts.host_by_range for number, unit in enumerate(units) if number != straggler]
    more = {
        label: ns - sum(other.get(label, 0) for other in others) // len(others) for label, ns in late.items() if label
    }
    if not more:
        return None
    label = max(more, key=lambda name: (more[name], name))
    return (label, more[label]) if more[label] > 0 else None
