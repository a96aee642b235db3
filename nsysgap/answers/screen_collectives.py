"""Collectives inside a report's busy time: one report with several processes is a fleet of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nsysgap.analysis.collectives.operations import collective_kernels
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import Selection
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.answers.rank_units import Unit
    from nsysgap.answers.ranks import RanksAnswer


@dataclass(frozen=True, slots=True)
class CollectiveTime:
    """A process's time in collectives on its GPU in the selection, ns.

    `waiting_ns`: of it the exposed wait for other ranks of this report, None where only the other ranks' reports could
    tell; `waits_for`: the pid that it waited for longest, None for nobody.
    """

    process: int
    device: int
    collective_ns: int
    waiting_ns: int | None
    waits_for: int | None


@dataclass(frozen=True)
class Collectives:
    """The collectives of every process that has any in the selection; `said`: who keeps whom waiting, "" where only
    one process has any or they cannot be matched."""

    times: tuple[CollectiveTime, ...] = ()
    said: str = ""


def collectives(report: OpenReport, selection: Selection) -> Collectives:
    """What of a report's busy time is collectives, and who is waited for in them."""
    if not collective_kernels(report.trace).any():
        return Collectives()
    from nsysgap.answers.rank_units import RankOptions, report_units  # few reports have any: none pays for the others
    from nsysgap.answers.ranks import ranks

    whole = not (selection.loop and report.steps(selection.hidden_after_ns).judged)
    units = report_units(report, RankOptions(selection, whole))
    compared = None
    if len(units.units) > 1:
        try:
            compared = ranks([units])
        except NsysgapError:  # their ranks contradict each other: what each does by itself is still true
            compared = None
    if compared is None or compared.matched is None:
        return Collectives(tuple(_alone(unit) for unit in units.units if unit.facts.collective))
    compared_units = enumerate(compared.units)
    times = tuple(_compared(compared, number, unit) for number, unit in compared_units if unit.facts.collective)
    return Collectives(times, compared.text if len(compared.matched) else "")


def _alone(unit: Unit) -> CollectiveTime:
    return CollectiveTime(unit.facts.pid, unit.facts.device, unit.facts.collective, None, None)


def _compared(answer: RanksAnswer, number: int, unit: Unit) -> CollectiveTime:
    waiting = answer.figures[number].exposed_wait
    longest = _longest_waited_for(answer, number, answer.units) if waiting else None
    return CollectiveTime(unit.facts.pid, unit.facts.device, unit.facts.collective, waiting, longest)


def _longest_waited_for(answer: RanksAnswer, number: int, units: Sequence[Unit]) -> int | None:
    """The pid of the unit that arrived last in the collectives in which this one waited longest."""
    if answer.matched is None:
        return None
    waited = np.zeros(len(units), np.int64)
    np.add.at(waited, answer.matched.last, answer.matched.wait[number])
    waited[number] = 0
    return units[int(waited.argmax())].facts.pid if waited.any() else None
