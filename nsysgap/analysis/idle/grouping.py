"""Idle time by cause, kernel, NVTX range, thread or process: every grouping sums to the idle time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.analysis.idle.idle_report import IdleReport, runs_inside
from nsysgap.analysis.relations.acting import acted_for
from nsysgap.analysis.relations.folded_ranges import folded_ranges
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.causes import CAUSES, PARTS, UNKNOWN
from nsysgap.figures import Document
from nsysgap.range_labels import folded
from nsysgap.tables import NONE

GROUPINGS = ("cause", "kernel", "nvtx", "thread", "process")
Indices = NDArray[np.intp]
NAME_BITS = 32  # of an index into Trace.names
BY_THREAD = ", by thread "  # which acted for the range's own


@dataclass(frozen=True)
class Group:
    """Idle time of one group, ns. `gaps` is how many gaps belong to it or have a share in it, `longest` the longest
    gap or share; `main_cause` is the largest of its parts.
    """

    name: str
    idle: int
    gaps: int
    longest: int
    main_cause: str


def idle_by(idle: IdleReport, by: str, *, unfold: bool = True) -> list[Group]:
    """The idle time of all gaps by one of GROUPINGS, largest first, then by name.

    `unfold`: NVTX ranges singly; else those that differ in numbers only are one group, "token # (48)".
    """
    groups = _by_cause(idle) if by == "cause" else _by_gap(idle, by, fold=by == "nvtx" and not unfold)
    return sorted((group for group in groups if group.idle), key=lambda group: (-group.idle, group.name))


def folded_inside(idle: IdleReport) -> list[Document]:
    """The rows that stand for several NVTX ranges, of those that run inside the selection: `FoldedRanges.row`."""
    nvtx, rows = idle.trace.nvtx, None
    if idle.selection is not None:
        rows = np.flatnonzero(runs_inside(nvtx["start"], nvtx["end"], idle.selection))
    return [group.row() for group in folded_ranges(idle.trace, idle.calls, rows)]


def _by_cause(idle: IdleReport) -> list[Group]:
    totals = np.zeros(len(PARTS), np.int64)
    gaps, longest = totals.copy(), totals.copy()

    def count(part: int, __: Indices, values: NDArray[np.int64]) -> None:
        totals[part] += values.sum()
        gaps[part] += int((values > 0).sum())
        longest[part] = max(longest[part], values.max(initial=0))

    idle.attribution.each_part(gap_pieces(idle), count)
    return [Group(name, int(totals[i]), int(gaps[i]), int(longest[i]), name) for i, name in enumerate(PARTS)]


def gap_pieces(idle: IdleReport) -> Pieces:
    """All gaps as `Attribution` takes them."""
    gaps = idle.gaps
    return Pieces(gaps.start, gaps.end, gaps.gap_end, gaps.after)


def _by_gap(idle: IdleReport, by: str, *, fold: bool) -> list[Group]:
    """Groupings in which a gap belongs to one group as a whole."""
    keys, name = {"kernel": _kernel_keys, "nvtx": _nvtx_keys, "thread": _thread_keys, "process": _process_keys}[by](
        idle
    )
    present, code = np.unique(keys, return_inverse=True)
    named = [name(key) for key in present.tolist()]
    texts, of_text = numbered_texts(_folded(named) if fold else named)
    group = of_text[code.reshape(-1)]
    duration = idle.gaps.duration
    sums = np.zeros((len(texts), len(PARTS)), np.int64)

    def add(part: int, rows: Indices, values: NDArray[np.int64]) -> None:
        np.add.at(sums[:, part], group[rows], values)

    idle.attribution.each_part(gap_pieces(idle), add)
    gaps = np.bincount(group, minlength=len(texts))
    longest = np.zeros(len(texts), np.int64)
    np.maximum.at(longest, group, duration)
    return [
        Group(text, int(sums[i].sum()), int(gaps[i]), int(longest[i]), PARTS[int(sums[i].argmax())])
        for i, text in enumerate(texts)
    ]


def _folded(named: list[str]) -> list[str]:
    """Texts that differ in numbers only as one, each with the thread that acted for the range."""
    parts = [text.partition(BY_THREAD) for text in named]
    rows = folded(text for text, _, _ in parts)
    return [rows[text] + by + thread for text, by, thread in parts]


def numbered_texts(texts: Iterable[str]) -> tuple[list[str], NDArray[np.intp]]:
    """(the different texts, the number of each text among them).

    Different indices may carry the same text: they are one group, whose main cause is the largest of its parts.
    """
    numbers: dict[str, int] = {}
    of_text = [numbers.setdefault(text, len(numbers)) for text in texts]
    return list(numbers), np.array(of_text, np.intp)


Keys = tuple[NDArray[np.int64], Callable[[int], str]]


def _kernel_keys(idle: IdleReport) -> Keys:
    after = idle.gaps.after
    keys = np.where(after == NONE, NONE, idle.trace.ops["name"][after] if idle.trace.ops.rows else NONE)
    return keys.astype(np.int64), lambda key: "(no op)" if key == NONE else idle.trace.names[key]


def _nvtx_keys(idle: IdleReport) -> Keys:
    trace, call = idle.trace, idle.gaps.call
    known = np.flatnonzero(call != NONE)
    keys = np.full(len(call), NONE, np.int64)
    finder, calls = RangeFinder(trace), call[known].astype(np.int64)
    acting = acted_for(trace, calls, finder)
    thread = trace.api["thread"][calls]
    ranges = finder.innermost(np.where(acting == NONE, thread, acting), trace.api["start"][calls])
    by = np.where(acting == NONE, 0, thread.astype(np.int64) + 1) << NAME_BITS
    keys[known] = np.where(ranges == NONE, NONE, by | (trace.nvtx["name"][ranges] if trace.nvtx.rows else 0))

    def name(key: int) -> str:
        if key == NONE:
            return "(outside any range)"
        text, launcher = trace.names[key & ((1 << NAME_BITS) - 1)], (key >> NAME_BITS) - 1
        return text if launcher == NONE else f"{text}{BY_THREAD}{trace.threads['tid'][launcher]}"

    return keys, name


def _thread_keys(idle: IdleReport) -> Keys:
    trace, call = idle.trace, idle.gaps.call
    keys = np.where(call == NONE, NONE, trace.api["thread"][call] if trace.api.rows else NONE).astype(np.int64)

    def name(key: int) -> str:
        if key == NONE:
            return f"({CAUSES[UNKNOWN].label})"
        process = trace.threads["process"][key]
        label = trace.name(int(trace.threads["name"][key]))
        return f"{trace.processes['pid'][process]}/{trace.threads['tid'][key]} {label}".strip()

    return keys, name


def _process_keys(idle: IdleReport) -> Keys:
    trace, after = idle.trace, idle.gaps.after
    keys = np.where(after == NONE, NONE, trace.ops["process"][after] if trace.ops.rows else NONE).astype(np.int64)

    def name(key: int) -> str:
        if key == NONE:
            return "(no op)"
        return f"{trace.processes['pid'][key]} {trace.name(int(trace.processes['name'][key]))}".strip()

    return keys, name
