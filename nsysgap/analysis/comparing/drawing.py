"""The typical step of a capture as a picture: what ran on its GPU, and why it was idle between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.comparing.captures import Drawn
from nsysgap.analysis.comparing.kernels import UNKNOWN_SIZE, op_key
from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.idle.idle_report import IdleReport, WholeTrace
from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.analysis.loops.steps import LoopSteps, lower_median
from nsysgap.intervals import IntervalSet
from nsysgap.tables import MEMCPY, MEMSET

MOST_DRAWN = 1_500
Span = tuple[int, int, int]
"""(device, start, end) in ns."""


def typical_step(steps: LoopSteps, device: int | None = None) -> Span | None:
    """The window whose length is the median, the first of equals, on the GPU whose median is the longest."""
    windows = [gpu for gpu in steps.windows if device in (None, gpu.edges.device)]
    if not windows:
        return None
    medians = [lower_median(gpu.window) for gpu in windows]
    at = medians.index(max(medians))
    row = int(np.flatnonzero(windows[at].window == medians[at])[0])
    edges = windows[at].edges
    return edges.device, int(edges.start[row]), int(edges.end[row])


def drawn(
    whole: WholeTrace,
    size: NDArray[np.int64],
    span: Span,
    *,
    short: bool = False,
    hidden_after_ns: int = HIDDEN_AFTER_NS,
) -> Drawn:
    """The longest ops and stretches of idle time of a GPU in a span, at most 1,500 of each; `size`: bytes of ops."""
    device, start, end = span
    trace, ops = whole.trace, whole.trace.ops
    inside = np.flatnonzero((ops["device"] == device) & (ops["start"] < end) & (ops["end"] > start))
    begin, stop = np.maximum(ops["start"][inside], start), np.minimum(ops["end"][inside], end)
    kept = np.sort(np.argsort(begin - stop, kind="stable")[:MOST_DRAWN])
    drawn_ops = []
    for at in kept.tolist():
        row = int(inside[at])
        kind = int(ops["kind"][row])
        sized = int(size[row]) if kind in {MEMCPY, MEMSET} else UNKNOWN_SIZE
        key = op_key(trace, kind, int(ops["name"][row]), sized, short=short)
        drawn_ops.append((int(begin[at]) - start, int(stop[at] - begin[at]), *key))
    window = IntervalSet(np.array([start], np.int64), np.array([end], np.int64))
    idle = IdleReport(trace, selection=window, device=device, hidden_after_ns=hidden_after_ns, whole=whole)
    pieces = idle_stretches(idle)
    longest = np.sort(np.argsort(pieces.start - pieces.end, kind="stable")[:MOST_DRAWN])
    return Drawn(
        length=end - start,
        ops=tuple(drawn_ops),
        idle=tuple(
            (int(pieces.start[i]) - start, int(pieces.end[i] - pieces.start[i]), int(pieces.part[i])) for i in longest
        ),
        left_out=len(inside) - len(kept),
    )
