"""Which rows of a report can be used: those with times, a device, and the session's clock. The rest is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.left_out import LeftOut
from nsysgap.report.reads import Columns, possible
from nsysgap.tables import NONE, OPEN_END, Notice
from nsysgap.units import counted

Mask = NDArray[np.bool_]
TEN_SECONDS = 10_000_000_000
_SAID = {
    "no_timestamp": ("has no timestamp", "have no timestamp"),
    "broken": ("ends before it starts", "end before they start"),
    "no_device": ("names no device", "name no device"),
    "no_span": (
        "has no start or no end, or ends before it starts",
        "have no start or no end, or end before they start",
    ),
    "no_start": ("has no start or ends before it starts", "have no start or end before they start"),
    "impossible_time": ("has an impossible time", "have an impossible time"),
    "other_clock": ("lies far outside the session, on another clock", "lie far outside the session, on another clock"),
}


class Usable:
    """Picks the usable rows of tables; `left_out` counts the others. `duration`: of the session in ns, None unknown."""

    def __init__(self, duration: int | None) -> None:
        self.duration = duration
        self.left_out: list[LeftOut] = []

    def ops(self, table: str, columns: Columns) -> Columns:
        """GPU operations: with a time and a device."""
        start, end = columns["start"], columns["end"]
        untimed = ((start == 0) & (end == 0)) | (start == OPEN_END)
        broken = (end < start) & ~untimed
        nowhere = (columns["device"] == NONE) & ~untimed & ~broken
        return self._without(table, columns, {"no_timestamp": untimed, "broken": broken, "no_device": nowhere})

    def spans(self, table: str, columns: Columns) -> Columns:
        """Calls and other stretches of threads: with a start and an end."""
        return self._without(table, columns, {"no_span": columns["end"] < columns["start"]})

    def ranges(self, table: str, columns: Columns) -> Columns:
        """NVTX ranges: with a start; without an end they are open."""
        broken = (columns["end"] < columns["start"]) | (columns["start"] == OPEN_END)
        return self._without(table, columns, {"no_start": broken})

    def _without(self, table: str, columns: Columns, unusable: dict[str, Mask]) -> Columns:
        keep = np.ones(len(columns["start"]), np.bool_)
        for why, rows in unusable.items():
            keep &= self._counted(table, columns, rows, why)
        ended = possible(columns["end"]) | (columns["end"] == OPEN_END)
        keep &= self._counted(table, columns, ~(possible(columns["start"]) & ended) & keep, "impossible_time")
        keep &= self._counted(table, columns, self._strays(columns["start"], columns["end"]) & keep, "other_clock")
        return columns if keep.all() else {name: column[keep] for name, column in columns.items()}

    def _counted(self, table: str, columns: Columns, rows: Mask, why: str) -> Mask:
        """Count what is left out; which rows stay."""
        if number := int(rows.sum()):
            left = LeftOut(table, why, number)
            if left.of_gpu:
                left = replace(left, process=columns["process"][rows], correlation=columns["correlation"][rows])
            self.left_out.append(left)
        return ~rows

    def _strays(self, start: NDArray[Any], end: NDArray[Any]) -> Mask:
        """Which rows are on another clock: none can start so long after the session, or end so long before it."""
        if not self.duration or self.duration < 0:
            return np.zeros(len(start), np.bool_)
        late: Mask = start > 2 * self.duration + TEN_SECONDS
        return late | (end < -self.duration - TEN_SECONDS)

    def notices(self) -> list[Notice]:
        """What was left out, in words."""
        return [Notice(*_notice(left_out)) for left_out in self.left_out]


def _notice(left_out: LeftOut) -> tuple[str, str]:
    singular, plural = _SAID[left_out.why]
    said = counted(left_out.count, f"row of {left_out.table} {singular}", f"rows of {left_out.table} {plural}")
    return (
        "incomplete" if left_out.of_gpu or left_out.why == "other_clock" else "warning",
        f"{said}: left out of every figure.",
    )
