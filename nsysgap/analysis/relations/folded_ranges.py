"""NVTX ranges that differ in numbers only, told as one: how long each is, and how busy their work keeps the GPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.launched_inside import LaunchOrder, span_edges
from nsysgap.analysis.relations.ranges import trace_end
from nsysgap.analysis.stats import stats
from nsysgap.arrays import codes, distinct, is_any
from nsysgap.figures import Document, Stats, as_json
from nsysgap.range_labels import label_of
from nsysgap.tables import Trace

Indices = NDArray[np.integer]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class FoldedRanges:
    """Ranges of one label, of which there are `texts` different ones. `duration`: of each, ns; `gpu_ns`: the sum of the
    run times of what was launched inside them, on any thread of their process."""

    label: str
    texts: int
    duration: Stats
    gpu_ns: int

    @property
    def busy(self) -> float | None:
        """GPU time by the ranges' own time: above 1 where the GPU works on after them; None for ranges without any."""
        return self.gpu_ns / self.duration.total if self.duration.total else None

    def row(self) -> Document:
        """As plain values, with `busy`."""
        return {**as_json(self), "busy": self.busy}


def folded_ranges(trace: Trace, calls: NDArray[np.int32], rows: Indices | None = None) -> list[FoldedRanges]:
    """Of some ranges (rows of nvtx; None: all) those of a label that several texts have, the longest in all first.

    A range without an end ends with the trace. `calls`: as `launch_calls`.
    """
    nvtx = trace.nvtx
    rows = np.arange(nvtx.rows) if rows is None else rows
    present, code = codes(nvtx["name"][rows])
    texts = [trace.name(int(index)) for index in present.tolist()]
    by_label: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        by_label.setdefault(label_of(text), []).append(number)
    several = {label: numbers for label, numbers in by_label.items() if len({texts[number] for number in numbers}) > 1}
    if not several:
        return []
    lasted = np.minimum(nvtx["end"][rows], trace_end(trace)) - nvtx["start"][rows]
    gpu = gpu_time_of(trace, calls, rows)
    folded = []
    for label, numbers in several.items():
        mine = is_any(code, numbers)
        long = stats(lasted[mine])
        if long is not None:
            different = len({texts[number] for number in numbers})
            folded.append(FoldedRanges(label, different, long, int(gpu[mine].sum())))
    return sorted(folded, key=lambda folded_range: (-folded_range.duration.total, folded_range.label))


def gpu_time_of(trace: Trace, calls: NDArray[np.int32], rows: Indices) -> Times:
    """The run time of all ops launched inside each of some ranges, on any thread of its process, ns."""
    order, nvtx, ops = LaunchOrder(trace, calls), trace.nvtx, trace.ops
    process = trace.threads["process"][nvtx["thread"][rows]]
    run_time = np.zeros(len(rows), np.int64)
    for process_row in distinct(process).tolist():
        mine, launched = np.flatnonzero(process == process_row), order.of(process_row)
        ran = ops["end"][launched.op] - ops["start"][launched.op]
        sums = np.concatenate(([0], np.cumsum(ran)))
        low, high = span_edges(launched.op_time, nvtx["start"][rows[mine]], nvtx["end"][rows[mine]])
        run_time[mine] = sums[high] - sums[low]
    return run_time
