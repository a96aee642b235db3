"""Lines of the program for `gaps`: idle time grouped by line, and the line of a single gap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.grouping import Group, numbered_texts
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import Stretches, idle_stretches
from nsysgap.analysis.stacks.code_owner import ABOVE, OWN
from nsysgap.analysis.stacks.document import frames_tell, line_name
from nsysgap.analysis.stacks.idle_stacks import SAMPLED, choose_source, samples_of
from nsysgap.analysis.stacks.shares import PERIODS_AWAY, share_among_samples
from nsysgap.causes import PARTS
from nsysgap.gap_columns import Coded
from nsysgap.tables import NONE, Stacks

NOT_SAMPLED = "(not sampled)"
Indices = NDArray[np.intp]


class LineShares:
    """The idle time of chosen gaps shared out among samples, each share with its line and its part.

    The line is the innermost of the program's own code on the stack; where it has none see `most_telling`.

    `stretches` are those of the gaps. `frame` (row of frames, -1 not sampled), `stack` (row of stacks, -1), `ns`,
    `gap`, `part`, `stretch` (a number among the stretches) and `receiver` (the sample, -1) are arrays of shape
    (shares,).
    """

    def __init__(self, idle: IdleReport, stacks: Stacks, gaps: Indices | None = None) -> None:
        self.idle = idle
        self.stacks = stacks
        self.stretches = idle_stretches(idle)
        if gaps is not None:
            self.stretches = _take(self.stretches, np.isin(self.stretches.gap, gaps))
        source = choose_source(stacks, self.stretches)
        self.sampled = source in SAMPLED
        samples, period = samples_of(stacks, source if self.sampled else "python")
        numbered = self.stretches._replace(gap=np.arange(len(self.stretches.gap)))
        shares = share_among_samples(numbered, samples, PERIODS_AWAY * period)
        self.ns, self.stretch, self.receiver = shares.ns, shares.gap, shares.receiver
        self.gap, self.part = self.stretches.gap[self.stretch], self.stretches.part[self.stretch]
        stack = samples["stack"][shares.receiver] if samples.rows else np.zeros(len(shares.ns), np.int32)
        some = (shares.receiver != NONE) & (stacks.stacks["count"][stack] > 0 if stacks.stacks.rows else False)
        self.stack = np.where(some, stack, NONE).astype(np.int64)
        self.frame = np.full(len(shares.ns), NONE, np.int64)
        self.frame[some] = most_telling(stacks, frames_tell(idle.trace, stacks.frames), stack[some])

    def name(self, frame: int, *, place_first: bool = False) -> str:
        """ "rotate_half modeling_llama.py:134", or the place first."""
        if frame == NONE:
            return NOT_SAMPLED
        return line_name(self.idle.trace, self.stacks.frames, frame, place_first=place_first)


def most_telling(stacks: Stacks, tell: NDArray[np.int8], stack: NDArray[np.int64]) -> NDArray[np.int32]:
    """For each of these non-empty stacks its innermost frame of the program's own code, where it has none its innermost
    above driver, C library and kernel, else its innermost. `tell`: of each frame, see code_owner."""
    first, count = stacks.stacks["first"][stack], stacks.stacks["count"][stack]
    chosen = first.copy()
    for least in (ABOVE, OWN):
        telling = np.flatnonzero(tell[stacks.chain] >= least)
        if len(telling):
            nearest = telling[np.minimum(np.searchsorted(telling, first), len(telling) - 1)]
            chosen = np.where((nearest >= first) & (nearest < first + count), nearest, chosen)
    return np.asarray(stacks.chain[chosen], np.int32)


def _take(stretches: Stretches, chosen: NDArray[np.bool_]) -> Stretches:
    start, end, gap, part, thread = stretches
    return Stretches(start[chosen], end[chosen], gap[chosen], part[chosen], thread[chosen])


def idle_by_line(idle: IdleReport, stacks: Stacks) -> list[Group]:
    """The idle time of all gaps by line of the launching thread, as in `LineShares`: sums to the idle time, exactly."""
    shares = LineShares(idle, stacks)
    present, number = np.unique(shares.frame, return_inverse=True)
    names, of_name = numbered_texts([shares.name(frame) for frame in present.tolist()])
    group = of_name[number.reshape(-1)]
    sums = np.zeros((len(names), len(PARTS)), np.int64)
    np.add.at(sums, (group, shares.part), shares.ns)
    of_gap, pair = np.unique(np.stack((group, shares.gap), axis=1), axis=0, return_inverse=True)
    share = np.zeros(len(of_gap), np.int64)
    np.add.at(share, pair.reshape(-1), shares.ns)
    gaps = np.bincount(of_gap[:, 0], minlength=len(names)) if len(of_gap) else np.zeros(0, np.int64)
    longest = np.zeros(len(names), np.int64)
    np.maximum.at(longest, of_gap[:, 0], share)
    groups = [
        Group(name, int(sums[i].sum()), int(gaps[i]), int(longest[i]), PARTS[int(sums[i].argmax())])
        for i, name in enumerate(names)
    ]
    return sorted((line for line in groups if line.idle), key=lambda line: (-line.idle, line.name))


def lines_of_gaps(idle: IdleReport, stacks: Stacks, gaps: Indices) -> Coded:
    """For each gap the line with most of the time of its cause, "modeling_llama.py:134 rotate_half"; None without."""
    shares = LineShares(idle, stacks, gaps)
    known = np.flatnonzero((shares.frame != NONE) & (shares.part == idle.gaps.cause[shares.gap]))
    gap, frame, ns = shares.gap[known], shares.frame[known], shares.ns[known]
    order = np.lexsort((frame, gap))
    gap, frame, ns = gap[order], frame[order], ns[order]
    heads = np.flatnonzero(np.append(True, (gap[1:] != gap[:-1]) | (frame[1:] != frame[:-1]))[: len(gap)])
    sums = np.add.reduceat(ns, heads) if len(heads) else ns
    gap, frame = gap[heads], frame[heads]
    most = np.lexsort((frame, -sums, gap))
    first = most[np.append(True, gap[most][1:] != gap[most][:-1])[: len(most)]]
    line = np.full(len(idle.gaps), NONE, np.int64)
    line[gap[first]] = frame[first]
    present, number = np.unique(line[gaps], return_inverse=True)
    return Coded(number, [None if row == NONE else shares.name(row, place_first=True) for row in present.tolist()])
