"""Lines of the program for `gaps`: idle time grouped by line, and the line of a single gap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.causes import PARTS
from nsysgap.analysis.grouping import Group
from nsysgap.analysis.idle import IdleReport
from nsysgap.analysis.sharing import PERIODS_AWAY, Shares, share_among_samples
from nsysgap.analysis.stack_document import text_of
from nsysgap.analysis.stacks import SAMPLED, choose_source, samples_of
from nsysgap.analysis.stretches import Stretches, idle_stretches
from nsysgap.tables import NONE, Stacks

NOT_SAMPLED = "(not sampled)"
Indices = NDArray[np.intp]


class LineShares:
    """The idle time of chosen gaps shared out among samples, each share with its innermost line and its part.

    `frame` (row of frames, -1 not sampled), `ns`, `gap` and `part` are arrays of shape (shares,).
    """

    def __init__(self, idle: IdleReport, stacks: Stacks, gaps: Indices | None = None) -> None:
        self.idle = idle
        self.stacks = stacks
        stretches = idle_stretches(idle)
        if gaps is not None:
            stretches = _take(stretches, np.isin(stretches.gap, gaps))
        source = choose_source(stacks, stretches)
        self.sampled = source in SAMPLED
        samples, period = samples_of(stacks, source if self.sampled else "python")
        parts = np.unique(stretches.part)
        shares = [
            share_among_samples(_take(stretches, stretches.part == one), samples, PERIODS_AWAY * period)
            for one in parts
        ]
        joined = [np.concatenate(column) for column in zip(*shares, strict=True)] if shares else [np.empty(0, int)] * 4
        found = Shares(*joined)
        self.ns, self.gap = found.ns, found.gap
        self.part = np.repeat(parts, [len(one.ns) for one in shares])
        stack = samples["stack"][found.receiver] if samples.rows else np.zeros(len(found.ns), np.int32)
        some = (found.receiver != NONE) & (stacks.stacks["count"][stack] > 0 if stacks.stacks.rows else False)
        self.frame = np.full(len(found.ns), NONE, np.int64)
        self.frame[some] = stacks.chain[stacks.stacks["first"][stack[some]]]

    def name(self, frame: int, *, place_first: bool = False) -> str:
        """ "rotate_half modeling_llama.py:134", or the place first."""
        if frame == NONE:
            return NOT_SAMPLED
        frames, trace = self.stacks.frames, self.idle.trace
        native, line = bool(frames["native"][frame]), int(frames["line"][frame])
        file = text_of(trace, int(frames["file"][frame]), native=native).rsplit("/", 1)[-1]
        function = text_of(trace, int(frames["function"][frame]), native=native)
        place = f"{file}:{line}" if line else file
        return (f"{place} {function}" if place_first else f"{function} {place}").strip()


def _take(stretches: Stretches, chosen: NDArray[np.bool_]) -> Stretches:
    start, end, gap, part, thread = stretches
    return Stretches(start[chosen], end[chosen], gap[chosen], part[chosen], thread[chosen])


def idle_by_line(idle: IdleReport, stacks: Stacks) -> list[Group]:
    """The idle time of all gaps by the innermost line of the launching thread; groups sum to the idle time, exactly."""
    shares = LineShares(idle, stacks)
    present, group = np.unique(shares.frame, return_inverse=True)
    sums = np.zeros((len(present), len(PARTS)), np.int64)
    np.add.at(sums, (group.reshape(-1), shares.part), shares.ns)
    of_gap, place = np.unique(np.stack((group.reshape(-1), shares.gap), axis=1), axis=0, return_inverse=True)
    share = np.zeros(len(of_gap), np.int64)
    np.add.at(share, place.reshape(-1), shares.ns)
    gaps = np.bincount(of_gap[:, 0], minlength=len(present)) if len(of_gap) else np.zeros(0, np.int64)
    longest = np.zeros(len(present), np.int64)
    np.maximum.at(longest, of_gap[:, 0], share)
    groups = [
        Group(shares.name(int(one)), int(sums[i].sum()), int(gaps[i]), int(longest[i]), PARTS[int(sums[i].argmax())])
        for i, one in enumerate(present)
    ]
    return sorted((one for one in groups if one.idle), key=lambda one: (-one.idle, one.name))


def lines_of_gaps(idle: IdleReport, stacks: Stacks, gaps: Indices) -> list[str | None]:
    """For each gap the line with most of the time of its cause, "modeling_llama.py:134 rotate_half"; None without."""
    shares = LineShares(idle, stacks, gaps)
    found: list[str | None] = []
    for gap in gaps.tolist():
        mine = (shares.gap == gap) & (shares.frame != NONE) & (shares.part == idle.gaps.cause[gap])
        present, place = np.unique(shares.frame[mine], return_inverse=True)
        sums = np.zeros(len(present), np.int64)
        np.add.at(sums, place.reshape(-1), shares.ns[mine])
        found.append(shares.name(int(present[sums.argmax()]), place_first=True) if len(sums) else None)
    return found
