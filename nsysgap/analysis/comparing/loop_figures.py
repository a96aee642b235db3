"""The figures of a loop per iteration, and of any other time as a whole: what one capture brings to a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.comparing.captures import (
    BUSY,
    COUNTS,
    EXPOSED_WAIT,
    IDLE,
    PART_FIGURES,
    STEP,
    SYNC_TAIL,
    Value,
)
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.loops.launched_inside import LaunchOrder, positions, span_edges
from nsysgap.analysis.loops.steps import LoopSteps, lower_median
from nsysgap.analysis.relations.syncs import Syncs
from nsysgap.causes import PARTS
from nsysgap.intervals import IntervalSet, pieces
from nsysgap.tables import NONE, Trace

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class LoopOnGpus:
    """A loop on all its GPUs together: rows are iterations that have a window on at least one of them.

    `iteration`: their numbers; `window`, `busy` of shape (rows,), `parts` (rows, 10): sums over the GPUs, ns.
    """

    iteration: Indices
    window: Times
    busy: Times
    parts: Times
    gpus: int


def loop_on_gpus(steps: LoopSteps, device: int | None = None) -> LoopOnGpus | None:
    """The windows of a loop, on one GPU or all of them; None where it launched nothing there."""
    windows = [gpu for gpu in steps.windows if device in (None, gpu.edges.device)]
    if not windows:
        return None
    number = steps.loop.count
    window, busy = np.zeros(number, np.int64), np.zeros(number, np.int64)
    parts, some = np.zeros((number, len(PARTS)), np.int64), np.zeros(number, np.bool_)
    for gpu in windows:
        rows = gpu.edges.iteration
        window[rows] += gpu.window
        busy[rows] += gpu.busy
        parts[rows] += gpu.parts
        some[rows] = True
    rows = np.flatnonzero(some)
    return LoopOnGpus(rows, window[rows], busy[rows], parts[rows], len(windows))


def loop_figures(steps: LoopSteps, on_gpus: LoopOnGpus | None, tails: Times, exposed: Times | None) -> dict[str, Value]:
    """Every figure as the median over iterations. `tails`, `exposed`: ns of each iteration, None where not known."""
    figures: dict[str, Value] = dict.fromkeys((STEP, BUSY, IDLE, *PART_FIGURES))
    if on_gpus is not None:
        figures |= {STEP: steps.step, BUSY: lower_median(on_gpus.busy)}
        figures[IDLE] = lower_median(on_gpus.window - on_gpus.busy)
        figures |= {name: lower_median(on_gpus.parts[:, part]) for part, name in enumerate(PART_FIGURES)}
    counts = (steps.launches, steps.ops, steps.api_calls)
    figures |= {name: lower_median(values) for name, values in zip(COUNTS, counts, strict=True)}
    figures[SYNC_TAIL] = lower_median(tails)
    figures[EXPOSED_WAIT] = None if exposed is None else lower_median(exposed)
    return figures


def step_lengths(steps: LoopSteps, on_gpus: LoopOnGpus | None) -> Times:
    """What each iteration took, ns: by the clock that decides what a step takes, the GPU's or the host's."""
    longest = [gpu.window for gpu in steps.windows if lower_median(gpu.window) == steps.step]
    return longest[0] if longest and on_gpus is not None else steps.duration


def window_figures(idle: IdleReport, launches: int, api_calls: int, exposed: int | None) -> dict[str, Value]:
    """Every figure of a whole window: the longest window of a GPU, sums over GPUs, numbers of the whole."""
    figures: dict[str, Value] = dict.fromkeys((STEP, BUSY, IDLE, *PART_FIGURES))
    devices = idle.devices
    if devices:
        figures |= {STEP: max(gpu.busy + gpu.idle for gpu in devices), BUSY: sum(gpu.busy for gpu in devices)}
        figures[IDLE] = sum(gpu.idle for gpu in devices)
        parts = np.sum([gpu.idle_by_part for gpu in devices], axis=0).tolist()
        figures |= dict(zip(PART_FIGURES, parts, strict=True))
    ops = sum(sum(gpu.op_count.values()) for gpu in devices)
    figures |= dict(zip(COUNTS, (launches, ops, api_calls), strict=True))
    figures |= {SYNC_TAIL: int(idle.syncs.tail.sum()), EXPOSED_WAIT: exposed}
    return figures


def tails_inside(trace: Trace, syncs: Syncs, process: int, start: Times, end: Times) -> Times:
    """The sum of the sync tails of a process's calls that start in each [start, end), ns."""
    api = trace.api
    mine = np.flatnonzero(trace.threads["process"][api["thread"][syncs.call]] == process) if api.rows else syncs.call
    sums = np.concatenate(([0], np.cumsum(syncs.tail[mine])))
    low, high = span_edges(api["start"][syncs.call[mine]], start, end)
    return sums[high] - sums[low]


def ops_inside(order: LaunchOrder, process: int, start: Times, end: Times) -> NDArray[np.int32]:
    """Rows of the ops that a process launched in any of the disjoint spans [start, end)."""
    launched = order.of(process)
    inside, _ = positions(*span_edges(launched.op_time, start, end))
    return launched.op[inside]


def longest_gap(steps: LoopSteps, idle_gaps: Mapping[int, IntervalSet]) -> int | None:
    """The longest gap of any GPU inside the loop's windows there, ns. `idle_gaps`: all gaps, by device."""
    longest = []
    for gpu in steps.windows:
        gaps = idle_gaps[gpu.edges.device]
        start, end, _ = pieces(gaps.starts, gaps.ends, gpu.edges.covered)
        longest.append(int((end - start).max(initial=0)))
    return max(longest, default=None)


def launch_calls_of(calls: NDArray[np.int32], rows: Indices) -> int:
    """How many distinct calls launched some ops."""
    launching = calls[rows]
    return len(np.unique(launching[launching != NONE]))
