"""Loops as plain rows, as the contract "nsysgap.steps/1" has them, and one row per iteration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nsysgap.analysis.loops.gpu_windows import GpuWindows
from nsysgap.analysis.loops.nvtx_loops import Loop
from nsysgap.analysis.loops.steps import LoopSteps, inside_label
from nsysgap.analysis.stats import stats
from nsysgap.causes import PARTS
from nsysgap.figures import Document
from nsysgap.tables import Trace


def loop_rows(trace: Trace, steps: Sequence[LoopSteps]) -> list[Document]:
    """One document per loop of a report, in order: all loops, since `inside` is looked up among them."""
    loops = [loop_steps.loop for loop_steps in steps]
    return [_loop_row(trace, loops, loop_steps) for loop_steps in steps]


def _loop_row(trace: Trace, loops: Sequence[Loop], steps: LoopSteps) -> Document:
    loop = steps.loop
    process = trace.threads["process"][loop.thread]
    return {
        "label": loop.label,
        "source": loop.source,
        "domain": loop.domain,
        "process": int(trace.processes["pid"][process]),
        "thread": int(trace.threads["tid"][loop.thread]),
        "inside": inside_label(loops, loop),
        "count": loop.count,
        "warm_up": steps.warm_up,
        "identical": int(steps.identical.sum()),
        "duration_ns": stats(steps.duration),
        "between_ns": steps.between,
        "span_ns": [int(loop.start[0]), int(loop.end[-1])],
        "step_ns": steps.step,
        "launches": stats(steps.launches),
        "ops": stats(steps.ops),
        "api_calls": stats(steps.api_calls),
        "devices": [_device_row(trace, windows) for windows in steps.windows],
    }


def _device_row(trace: Trace, windows: GpuWindows) -> Document:
    return {
        **trace.device(windows.edges.device).named(),
        "without_ops": windows.edges.without_ops,
        "window_ns": int(windows.window.sum()),
        "busy_ns": int(windows.busy.sum()),
        "idle_ns": int(windows.idle.sum()),
        "idle_by_cause_ns": dict(zip(PARTS, windows.parts.sum(axis=0).tolist(), strict=True)),
        "busy_per_iteration_ns": stats(windows.busy),
        "idle_per_iteration_ns": stats(windows.idle),
    }


def iteration_rows(trace: Trace, steps: LoopSteps) -> list[Document]:
    """One document per iteration and GPU; where an iteration launched nothing, its window and times there are None."""
    outliers = set(steps.outliers.tolist())
    loop = steps.loop
    host = [
        {
            "iteration": i,
            "start_ns": int(loop.start[i]),
            "end_ns": int(loop.end[i]),
            "duration_ns": int(loop.end[i] - loop.start[i]),
            "launches": int(steps.launches[i]),
            "ops": int(steps.ops[i]),
            "api_calls": int(steps.api_calls[i]),
            "identical": bool(steps.identical[i]),
            "outlier": i in outliers,
        }
        for i in range(loop.count)
    ]
    if not steps.windows:
        return [{**row, **_no_window({"device": None})} for row in host]
    gpu = [_window_rows(trace.device(windows.edges.device).named(), windows, loop.count) for windows in steps.windows]
    return [{**row, **of_device[i]} for i, row in enumerate(host) for of_device in gpu]


def _window_rows(named: Document, windows: GpuWindows, count: int) -> list[Document]:
    """`named`: the GPU as documents name it."""
    edges = windows.edges
    rows = [_no_window(named) for _ in range(count)]
    figures = np.column_stack((edges.start, edges.end, windows.window, windows.busy, windows.idle))
    for i, times, parts in zip(edges.iteration.tolist(), figures.tolist(), windows.parts.tolist(), strict=True):
        start, end, window, busy, idle = times
        rows[i] = {
            **named,
            "window_start_ns": start,
            "window_end_ns": end,
            "window_ns": window,
            "busy_ns": busy,
            "idle_ns": idle,
            "idle_by_cause_ns": dict(zip(PARTS, parts, strict=True)),
        }
    return rows


def _no_window(named: Document) -> Document:
    empty = dict.fromkeys(("window_start_ns", "window_end_ns", "window_ns", "busy_ns", "idle_ns"))
    return {**named, **empty, "idle_by_cause_ns": None}
