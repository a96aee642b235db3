"""What launching costs, per kernel and per NVTX range: the arithmetic "1,200 launches a token x 5 us" for a report.

*call* is the host's time in the launch call, *run* the kernel's duration. A kernel whose median call is longer than its
median run is marked: the host cannot keep the GPU busy with it (the mean would rest on the first call, which loads the
module). Kernels of a graph share one call: they have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.launches import Latencies, latencies, stream_free_since
from nsysgap.analysis.stats import stats
from nsysgap.arrays import distinct
from nsysgap.intervals import IntervalSet, covered_before
from nsysgap.tables import GRAPH, KERNEL, NO_GRAPH_NODE, NONE, OPEN_END, Table, Trace

SCHEMA = "nsysgap.launches/1"
MILLION = 1_000_000
BACK_TO_BACK_NS = 2_000
"""An op that starts within this time after the one before it in its stream runs back to back: the GPU's own step."""
Document = dict[str, Any]
Indices = NDArray[np.intp]


def launches_document(
    trace: Trace, calls: NDArray[np.int32], details: Table, selection: IntervalSet | None = None
) -> Document:
    """The contract "nsysgap.launches/1": kernels by total launch call time, NVTX ranges by launches, and all together.

    `selection`: only kernels and launch calls that start inside it, and ranges that begin inside it.
    """
    kernels = np.flatnonzero(trace.ops["kind"] == KERNEL)
    kernels = kernels[_selected(trace.ops["start"][kernels], selection)]
    owners = np.unique(calls[calls != NONE]).astype(np.intp)
    owners = owners[_selected(trace.api["start"][owners], selection)]
    spent = trace.api["end"][owners] - trace.api["start"][owners]
    of_kernels = stats(spent[_launches_kernels(trace, calls, owners)])
    ranges = _ranges(trace, calls, owners, selection)
    return {
        "schema": SCHEMA,
        "report": {
            "path": trace.path,
            "nsys_version": trace.nsys_version,
            "schema_version": trace.schema_version,
            "warnings": [{"level": one.level, "text": one.text} for one in trace.warnings],
        },
        "kernels": _kernels(trace, calls, kernels, details),
        "ranges": ranges,
        "all": {
            "launches": len(owners),
            "calls_ns": int(spent.sum()),
            "call_ns": stats(spent),
            "kernel_call_ns": of_kernels,
            "per_million_ns": None if of_kernels is None else of_kernels.median * MILLION,
            "per_range": _typical(ranges),
        },
    }


def _selected(time: NDArray[np.int64], selection: IntervalSet | None) -> NDArray[np.bool_]:
    if selection is None:
        return np.ones(len(time), np.bool_)
    return covered_before(selection, time + 1) > covered_before(selection, time)


def _launches_kernels(trace: Trace, calls: NDArray[np.int32], owners: Indices) -> NDArray[np.bool_]:
    """Which calls launched a kernel or a graph: the others copy or set memory, and may wait until that is done."""
    working = (trace.ops["kind"] == KERNEL) | (trace.ops["kind"] == GRAPH)
    found = np.zeros(trace.api.rows, np.bool_)
    found[calls[working & (calls != NONE)]] = True
    return found[owners]


def _kernels(trace: Trace, calls: NDArray[np.int32], kernels: Indices, details: Table) -> list[Document]:
    found = latencies(trace, calls, kernels.astype(np.int32))
    close = (
        trace.ops["start"] - np.maximum(stream_free_since(trace.ops), np.iinfo(np.int64).min // 2) <= BACK_TO_BACK_NS
    )
    names = trace.ops["name"][kernels]
    rows = [
        _kernel(trace, int(name), kernels[names == name], found, close, details) for name in distinct(names).tolist()
    ]
    return sorted(
        rows, key=lambda one: (-(one["call_ns"].total if one["call_ns"] else 0), -one["duration_ns"].total, one["name"])
    )


def _kernel(
    trace: Trace, name: int, rows: Indices, found: Latencies, close: NDArray[np.bool_], details: Table
) -> Document:
    duration = trace.ops["end"][rows] - trace.ops["start"][rows]
    own = found.take(np.flatnonzero(trace.ops["name"][found.op] == name))
    call, ran = stats(own.call), stats(trace.ops["end"][own.op] - trace.ops["start"][own.op])
    ratio = round(call.median / ran.median, 4) if call is not None and ran is not None and ran.median else None
    return {
        "name": trace.name(name),
        "count": len(rows),
        "in_graphs": int((trace.ops["graph_node"][rows] != NO_GRAPH_NODE).sum()),
        "duration_ns": stats(duration),
        "call_ns": call,
        "latency_ns": stats(own.latency),
        "unqueued_latency_ns": stats(own.latency[own.unqueued]),
        "call_per_run": ratio,
        "costs_more_than_it_runs": ratio is not None and ratio > 1,
        "grids": _grids(details, rows),
        "back_to_back": int(close[rows].sum()),
    }


def _grids(details: Table, rows: Indices) -> list[Document]:
    """Every (grid, block) and how often it was launched, the most frequent first."""
    columns = [details[f"{name}_{axis}"][rows] for name in ("grid", "block") for axis in "xyz"]
    shapes, number = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    order = np.argsort(-number, kind="stable")
    return [
        {"grid": shapes[i, :3].tolist(), "block": shapes[i, 3:].tolist(), "count": int(number[i])}
        for i in order.tolist()
    ]


def _ranges(trace: Trace, calls: NDArray[np.int32], owners: Indices, selection: IntervalSet | None) -> list[Document]:
    """Per name of NVTX ranges: how many, their durations, launch calls and ops that began inside, on their threads."""
    nvtx = trace.nvtx
    kept = np.flatnonzero(_selected(nvtx["start"], selection) & (nvtx["end"] != OPEN_END))
    launched, ops, spent = (np.zeros(nvtx.rows, np.int64) for _ in range(3))
    per_call = np.bincount(calls[calls != NONE], minlength=trace.api.rows)
    for thread in distinct(nvtx["thread"][kept]).tolist():
        mine, own = kept[nvtx["thread"][kept] == thread], owners[trace.api["thread"][owners] == thread]
        start, end = trace.api["start"][own], trace.api["end"][own]
        low, high = np.searchsorted(start, nvtx["start"][mine]), np.searchsorted(start, nvtx["end"][mine])
        launched[mine] = high - low
        ops[mine] = _between(per_call[own], low, high)
        spent[mine] = _between(end - start, low, high)
    rows = [
        _range(trace, int(name), kept[nvtx["name"][kept] == name], launched, ops, spent)
        for name in distinct(nvtx["name"][kept]).tolist()
    ]
    return sorted((one for one in rows if one["launches"]), key=lambda one: (-one["launches"], one["name"]))


def _between(values: NDArray[Any], low: Indices, high: Indices) -> NDArray[np.int64]:
    total = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(total[high] - total[low], np.int64)


def _range(trace: Trace, name: int, rows: Indices, *sums: NDArray[np.int64]) -> Document:
    launched, ops, spent = (int(one[rows].sum()) for one in sums)
    long = stats(trace.nvtx["end"][rows] - trace.nvtx["start"][rows])
    return {
        "name": trace.name(name),
        "count": len(rows),
        "duration_ns": long,
        "launches": launched,
        "launches_each": stats(sums[0][rows]),
        "ops": ops,
        "calls_ns": spent,
        "per_million_ns": spent * MILLION // launched if launched else None,
    }


def _typical(ranges: Iterable[Document]) -> Document | None:
    """The range to do the arithmetic with: the most frequent that launches, such as a token or a step."""
    best = max(ranges, key=lambda one: (one["count"], one["launches"]), default=None)
    return best if best is not None and best["count"] > 1 else None
