"""The path's time in the program's own code by line, where the report holds stack samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.stretches import Stretches
from nsysgap.analysis.schedule.host_pieces import Pieces
from nsysgap.analysis.stacks.document import line_name
from nsysgap.analysis.stacks.idle_stacks import SAMPLED, samples_of
from nsysgap.analysis.stacks.shares import PERIODS_AWAY, Shares, share_among_samples
from nsysgap.tables import NONE, Stacks, Trace

Times = NDArray[np.int64]
NOT_SAMPLED = "(not sampled)"


def path_lines(trace: Trace, stacks: Stacks, pieces: Pieces) -> list[tuple[int, str, int]]:
    """(row of nvtx or -1, innermost line, ns) of the pieces without an OS call; none where no stacks were sampled."""
    own = np.flatnonzero(pieces.os == NONE)
    source = _source(stacks)
    if source is None or not len(own):
        return []
    stretches = Stretches(
        pieces.start[own], pieces.end[own], np.arange(len(own)), np.zeros(len(own), np.int8), pieces.thread[own]
    )
    shares, frame = _shares(stacks, source, stretches)
    sums: dict[tuple[int, int], int] = {}
    rows = zip(pieces.range[own][shares.gap].tolist(), frame.tolist(), shares.ns.tolist(), strict=True)
    for within, line, ns in rows:
        sums[within, line] = sums.get((within, line), 0) + ns
    return [
        (within, NOT_SAMPLED if line == NONE else line_name(trace, stacks.frames, line, place_first=True), ns)
        for (within, line), ns in sums.items()
    ]


def line_time(trace: Trace, stacks: Stacks, start: Times, end: Times, call: Times, line: str) -> Times:
    """How much of each stretch before a call (row of api) is a line's, ns: "decode.py:12", or with its function."""
    ns = np.zeros(len(start), np.int64)
    source = _source(stacks)
    if source is None or not len(start):
        return ns
    thread = trace.api["thread"][call]
    shares, frame = _shares(
        stacks, source, Stretches(start, end, np.arange(len(start)), np.zeros(len(start), np.int8), thread)
    )
    present = [row for row in np.unique(frame).tolist() if row != NONE]
    names = {row: line_name(trace, stacks.frames, row, place_first=True) for row in present}
    mine = np.isin(frame, [row for row, name in names.items() if line in (name, name.split(" ")[0])])
    np.add.at(ns, shares.gap[mine], shares.ns[mine])
    return ns


def _source(stacks: Stacks) -> str | None:
    """Which samples to take: Python's before native ones; None without any."""
    return next((source for source, number in SAMPLED.items() if (stacks.samples["source"] == number).any()), None)


def _shares(stacks: Stacks, source: str, stretches: Stretches) -> tuple[Shares, Times]:
    """(the stretches shared out among samples, the innermost frame of each share, -1 not sampled)."""
    samples, period = samples_of(stacks, source)
    shares = share_among_samples(stretches, samples, PERIODS_AWAY * period)
    stack = samples["stack"][shares.receiver]
    known = (shares.receiver != NONE) & (stacks.stacks["count"][stack] > 0)
    frame = np.full(len(shares.ns), NONE, np.int64)
    frame[known] = stacks.chain[stacks.stacks["first"][stack[known]]]
    return shares, frame
