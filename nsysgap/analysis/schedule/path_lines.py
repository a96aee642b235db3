"""The path's time in the program's own code by line, where the report holds stack samples."""

from __future__ import annotations

import numpy as np

from nsysgap.analysis.idle.stretches import Stretches
from nsysgap.analysis.schedule.host_pieces import Pieces
from nsysgap.analysis.stacks.document import line_name
from nsysgap.analysis.stacks.idle_stacks import SAMPLED, samples_of
from nsysgap.analysis.stacks.shares import PERIODS_AWAY, share_among_samples
from nsysgap.tables import NONE, Stacks, Trace

NOT_SAMPLED = "(not sampled)"


def path_lines(trace: Trace, stacks: Stacks, pieces: Pieces) -> list[tuple[int, str, int]]:
    """(row of nvtx or -1, innermost line, ns) of the pieces without an OS call; none where no stacks were sampled."""
    own = np.flatnonzero(pieces.os == NONE)
    source = next((one for one, number in SAMPLED.items() if (stacks.samples["source"] == number).any()), None)
    if source is None or not len(own):
        return []
    samples, period = samples_of(stacks, source)
    stretches = Stretches(
        pieces.start[own], pieces.end[own], np.arange(len(own)), np.zeros(len(own), np.int8), pieces.thread[own]
    )
    shares = share_among_samples(stretches, samples, PERIODS_AWAY * period)
    stack = samples["stack"][shares.receiver]
    known = (shares.receiver != NONE) & (stacks.stacks["count"][stack] > 0)
    frame = np.full(len(shares.ns), NONE, np.int64)
    frame[known] = stacks.chain[stacks.stacks["first"][stack[known]]]
    sums: dict[tuple[int, int], int] = {}
    rows = zip(pieces.range[own][shares.gap].tolist(), frame.tolist(), shares.ns.tolist(), strict=True)
    for within, line, ns in rows:
        sums[within, line] = sums.get((within, line), 0) + ns
    return [
        (within, NOT_SAMPLED if line == NONE else line_name(trace, stacks.frames, line, place_first=True), ns)
        for (within, line), ns in sums.items()
    ]
