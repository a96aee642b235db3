"""NVTX domains: what each is called, how many ranges it holds, and which ranges have no end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.ranges import range_labels
from nsysgap.arrays import codes, combined_codes
from nsysgap.tables import OPEN_END, Notice, Trace
from nsysgap.units import count, counted, printable

DEFAULT = "default"
NAMED_OPEN = 3
Rows = NDArray[Any]


def domain_name(trace: Trace, process: int, domain: int) -> str:
    """What a domain of a process (row of processes) is called: "default", its name, or its number without one."""
    return trace.domains.get((process, domain), str(domain)) if domain else DEFAULT


def range_domains(trace: Trace, rows: Rows) -> tuple[NDArray[np.intp], list[str]]:
    """The domain of each of some ranges (rows of nvtx), as a place in the list of names, which differ."""
    process, domain = trace.threads["process"][trace.nvtx["thread"][rows]], trace.nvtx["domain"][rows]
    present, code = codes(combined_codes(process, domain)[0])
    first = np.zeros(len(present), np.intp)
    first[code[::-1]] = np.arange(len(rows))[::-1]
    named = [domain_name(trace, int(process[row]), int(domain[row])) for row in first.tolist()]
    names = list(dict.fromkeys(named))
    return np.array([names.index(name) for name in named], np.intp)[code], names


def of_domains(trace: Trace, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
    """Which ranges belong to a domain whose name the pattern is found in: bool of shape (nvtx rows,)."""
    code, names = range_domains(trace, np.arange(trace.nvtx.rows))
    chosen: NDArray[np.bool_] = np.array([bool(pattern.search(name)) for name in names], np.bool_)[code]
    return chosen


def told_domains(trace: Trace) -> tuple[NDArray[np.intp], list[str]]:
    """(the domain of every range, as a place in the names; those names), one "" where all ranges are in one domain."""
    if trace.nvtx["domain"].any():
        code, names = range_domains(trace, np.arange(trace.nvtx.rows))
        if len(names) > 1:
            return code, names
    return np.zeros(trace.nvtx.rows, np.intp), [""]


@dataclass(frozen=True)
class Domain:
    """A domain's name, how many ranges it holds, how many of them have no end."""

    name: str
    ranges: int
    open: int


def domains(trace: Trace) -> list[Domain]:
    """Every domain that holds ranges, of all processes together, most ranges first."""
    code, names = range_domains(trace, np.arange(trace.nvtx.rows))
    number = np.bincount(code, minlength=len(names))
    without_end = np.bincount(code[trace.nvtx["end"] == OPEN_END], minlength=len(names))
    with_ranges = [Domain(*row) for row in zip(names, number.tolist(), without_end.tolist(), strict=True)]
    return sorted(with_ranges, key=lambda domain: (-domain.ranges, domain.name))


def open_range_notices(trace: Trace) -> Iterator[Notice]:
    """Ranges without an end, by name: of a push without a pop later ranges of its name begin inside it."""
    rows = np.flatnonzero(trace.nvtx["end"] == OPEN_END)
    if not len(rows):
        return
    named = [_said_of_open(trace, row, later) for row, later in _later_alike(trace, rows)[:NAMED_OPEN]]
    more = f" and {count(len(rows) - NAMED_OPEN)} more" if len(rows) > NAMED_OPEN else ""
    have = "has" if len(rows) == 1 else "have"
    yield Notice(
        "note",
        f"{count(len(rows))} of {counted(trace.nvtx.rows, 'NVTX range', 'NVTX ranges')} {have} no end: "
        f"{'; '.join(named)}{more}. What selects ranges takes them to reach to the end of the trace.",
    )


def _later_alike(trace: Trace, rows: Rows) -> list[tuple[int, int]]:
    """(row, how many later ranges of its thread, domain and label there are) of ranges without an end, most first."""
    nvtx, label = trace.nvtx, range_labels(trace)[0]
    code, several = combined_codes(label, nvtx["thread"], nvtx["domain"])
    of_code = np.bincount(code, minlength=several)
    rank = np.empty(nvtx.rows, np.int64)  # of each range among those of its code, by start
    order = np.argsort(code, kind="stable")
    rank[order] = np.arange(nvtx.rows) - np.repeat(np.cumsum(of_code) - of_code, of_code)
    later = np.where(nvtx["start_end"][rows], 0, of_code[code[rows]] - rank[rows] - 1)
    best = np.argsort(-later, kind="stable")
    return list(zip(rows[best].tolist(), later[best].tolist(), strict=True))


def _said_of_open(trace: Trace, row: int, later: int) -> str:
    name, thread = printable(trace.name(int(trace.nvtx["name"][row])), 40), int(trace.nvtx["thread"][row])
    whose = f"'{name}' of thread {int(trace.threads['tid'][thread])}"
    if trace.nvtx["start_end"][row]:
        return f"{whose}, started and not ended"
    if not later:
        return f"{whose}, not popped before the capture ended"
    return f"{whose}, pushed and not popped: {counted(later, 'later one', 'later ones')} of its name inside it"
