"""What launching costs, per kernel and per NVTX range: the arithmetic "1,200 launches a token x 5 us" for a report.

*call* is the host's time in the launch call, *run* the kernel's duration. A kernel whose median call is longer than its
median run is marked: the host cannot keep the GPU busy with it (the mean would rest on the first call, which loads the
module). Kernels of a graph share one call: they have none.

A selection means the same as for idle time: an op counts where it runs inside. A call counts where it starts inside,
for a range on any thread of the range's process: PyTorch's backward thread launches for the main thread's step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.grouping import numbered_texts
from nsysgap.analysis.idle.idle_report import runs_inside
from nsysgap.analysis.packed_launches import packed
from nsysgap.analysis.relations.folded_ranges import folded_ranges
from nsysgap.analysis.relations.ranges import trace_end
from nsysgap.analysis.relations.unqueued_latency import latencies
from nsysgap.analysis.stats import grouped_stats, stats
from nsysgap.arrays import codes, distinct
from nsysgap.figures import Stats
from nsysgap.intervals import IntervalSet, covered_before, pieces
from nsysgap.range_labels import folded
from nsysgap.tables import KERNEL, NO_GRAPH_NODE, NONE, Table, Trace

MILLION = 1_000_000
Document = dict[str, Any]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class LaunchSelection:
    """What counts: ops inside `time` and on `device`, calls that start inside and launch on it, and `ranges` to list.

    `time` None is all of it, `device` None all GPUs; `ranges` holds rows of nvtx, None for all that have time inside.
    `by_device` and `by_process` take the place of `time` where they are given: when ops run inside on each GPU, when
    calls of each process (row of processes) start inside; what they do not name is left out.
    `fold`: ranges that differ in numbers only are listed as one, "token # (48)".
    """

    time: IntervalSet | None = None
    device: int | None = None
    ranges: Indices | None = None
    fold: bool = False
    by_device: Mapping[int, IntervalSet] | None = None
    by_process: Mapping[int, IntervalSet] | None = None


@dataclass(frozen=True)
class _Launching:
    """The selected launch calls, rows of api in order of start, with what each launched: arrays of equal length.

    `ops` counts its ops, `singly` marks calls that launched a kernel by itself: no graph, no copy.
    """

    call: Indices
    process: NDArray[np.int32]
    start: NDArray[np.int64]
    spent: NDArray[np.int64]
    ops: NDArray[np.int64]
    singly: NDArray[np.bool_]


def launch_costs(
    trace: Trace, calls: NDArray[np.int32], details: Table, selection: LaunchSelection | None = None
) -> Document:
    """What follows the header in "nsysgap.launches/1": kernels by launch call time, ranges by launches, all together.

    `calls` has the launch call of each op (row of api, -1 none); all times are integer ns.
    """
    chosen = selection or LaunchSelection()
    kernels = _kernels_inside(trace, chosen)
    launching = _launching(trace, calls, chosen)
    of_kernels = stats(launching.spent[launching.singly])
    ranges, rows = _ranges(trace, launching, chosen)
    folded = [group.row() for group in folded_ranges(trace, calls, rows)] if chosen.fold else []
    return {
        "kernels": _kernels(trace, calls, kernels, details),
        "ranges": ranges,
        **({"folded": folded} if folded else {}),
        "all": {
            "launches": len(launching.call),
            "calls_ns": int(launching.spent.sum()),
            "call_ns": stats(launching.spent),
            "kernel_call_ns": of_kernels,
            "per_million_ns": None if of_kernels is None else of_kernels.median * MILLION,
            "per_range": _typical(ranges),
        },
    }


def _kernels_inside(trace: Trace, selection: LaunchSelection) -> Indices:
    """Rows of the kernels that run inside the selection, on its GPU."""
    ops = trace.ops
    chosen = ops["kind"] == KERNEL
    if selection.device is not None:
        chosen = chosen & (ops["device"] == selection.device)
    rows = np.flatnonzero(chosen)
    inside = np.zeros(len(rows), np.bool_)
    for mine, time in _times(ops["device"][rows], selection.by_device, selection.time):
        inside[mine] = time is None or runs_inside(ops["start"][rows[mine]], ops["end"][rows[mine]], time)
    return rows[inside]


def _times(
    whose: NDArray[np.int32], by_owner: Mapping[int, IntervalSet] | None, time: IntervalSet | None
) -> list[tuple[Indices, IntervalSet | None]]:
    """(positions, the time selected for them; None: all), by what each position belongs to: a GPU, a process."""
    if by_owner is None:
        return [(np.arange(len(whose)), time)]
    return [(np.flatnonzero(whose == owner), known) for owner, known in by_owner.items()]


def _launching(trace: Trace, calls: NDArray[np.int32], selection: LaunchSelection) -> _Launching:
    """The calls that start inside the selection and launched an op on its GPU."""
    ops, api = trace.ops, trace.api
    known = calls != NONE
    if selection.device is not None:
        known &= ops["device"] == selection.device
    number = np.bincount(calls[known], minlength=api.rows)
    singly = np.zeros(api.rows, np.bool_)
    singly[calls[known & (ops["kind"] == KERNEL) & (ops["graph_node"] == NO_GRAPH_NODE)]] = True
    call = np.flatnonzero(number)
    process = trace.threads["process"][api["thread"][call]]
    inside = np.zeros(len(call), np.bool_)
    for mine, time in _times(process, selection.by_process, selection.time):
        inside[mine] = time is None or _starts_inside(api["start"][call[mine]], time)
    call, process = call[inside], process[inside]
    start = api["start"][call]
    return _Launching(call, process, start, api["end"][call] - start, number[call], singly[call])


def _starts_inside(time: NDArray[np.int64], selection: IntervalSet) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = covered_before(selection, time + 1) > covered_before(selection, time)
    return inside


def _by_text(trace: Trace, names: NDArray[np.int32]) -> tuple[list[str], Indices]:
    """(distinct texts, the position of each name's among them): two indices may carry the same text."""
    present, code = codes(names)
    texts = [trace.name(int(index)) for index in present.tolist()]
    position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return list(position), np.array([position[text] for text in texts], np.intp)[code]


def _kernels(trace: Trace, calls: NDArray[np.int32], kernels: Indices, details: Table) -> list[Document]:
    """One document per kernel name, the most time in launch calls first. One sort per figure, however many names."""
    ops = trace.ops
    texts, group = _by_text(trace, ops["name"][kernels])
    number = len(texts)
    single = latencies(trace, calls, kernels.astype(np.int32))
    own = group[np.searchsorted(kernels, single.op)]
    duration = ops["end"][kernels] - ops["start"][kernels]
    ran = grouped_stats(ops["end"][single.op] - ops["start"][single.op], own, number)
    unqueued = single.unqueued
    columns = {
        "count": np.bincount(group, minlength=number).tolist(),
        "in_graphs": np.bincount(group[ops["graph_node"][kernels] != NO_GRAPH_NODE], minlength=number).tolist(),
        "duration_ns": grouped_stats(duration, group, number),
        "call_ns": grouped_stats(single.call, own, number),
        "latency_ns": grouped_stats(single.latency, own, number),
        "unqueued_latency_ns": grouped_stats(single.latency[unqueued], own[unqueued], number),
        "grids": _grids(details, kernels, group, number),
        "back_to_back": np.bincount(group[packed(ops, kernels)], minlength=number).tolist(),
    }
    rows = [
        {"name": text, **dict(zip(columns, row, strict=True)), **_ratio(row[3], ran[i])}
        for i, (text, row) in enumerate(zip(texts, zip(*columns.values(), strict=True), strict=True))
    ]
    return sorted(
        rows, key=lambda row: (-(row["call_ns"].total if row["call_ns"] else 0), -row["duration_ns"].total, row["name"])
    )


def _ratio(call: Stats | None, ran: Stats | None) -> Document:
    """The median launch call by the median run of the kernels that have one, null without."""
    ratio = round(call.median / ran.median, 4) if call is not None and ran is not None and ran.median else None
    return {"call_per_run": ratio, "costs_more_than_it_runs": ratio is not None and ratio > 1}


def _grids(details: Table, rows: Indices, group: Indices, number: int) -> list[list[Document]]:
    """Per group every (grid, block) and how often it was launched, the most frequent first, then the smallest."""
    columns = [details[f"{name}_{axis}"][rows] for name in ("grid", "block") for axis in "xyz"]
    order = np.lexsort((*reversed(columns), group))
    sizes = np.column_stack((group[order], *(column[order] for column in columns)))
    new = np.append(True, (sizes[1:] != sizes[:-1]).any(axis=1)) if len(rows) else np.empty(0, np.bool_)
    heads = np.flatnonzero(new)
    times = np.diff(np.append(heads, len(rows)))
    by_group: list[list[Document]] = [[] for _ in range(number)]
    for head, time in zip(sizes[heads].tolist(), times.tolist(), strict=True):
        by_group[head[0]].append({"grid": head[1:4], "block": head[4:], "count": time})
    return [sorted(shapes, key=lambda shape: -shape["count"]) for shapes in by_group]


def _ranges(trace: Trace, launching: _Launching, selection: LaunchSelection) -> tuple[list[Document], Indices]:
    """Per name of NVTX ranges: how many have time inside the selection, that time, and what was launched in it.

    An open range ends with the trace. Ranges in which nothing was launched are left out by name. With them the rows
    of nvtx that have time inside.
    """
    nvtx = trace.nvtx
    rows = np.arange(nvtx.rows) if selection.ranges is None else selection.ranges
    start, end = nvtx["start"][rows], np.minimum(nvtx["end"][rows], trace_end(trace))
    process = trace.threads["process"][nvtx["thread"][rows]]
    low, high, owner = _selected_pieces(start, end, process, selection)
    long, *sums = _launched_in(launching, low, high, owner, process)
    inside = distinct(owner)
    texts, group = _by_text(trace, nvtx["name"][rows[inside]])
    if selection.fold:
        shown = folded(texts)
        texts, of_text = numbered_texts([shown[text] for text in texts])
        group = of_text[group]
    keys = ("launches", "ops", "calls_ns", "kernel_launches", "kernel_calls_ns")
    columns = {
        "name": texts,
        "count": np.bincount(group, minlength=len(texts)).tolist(),
        "duration_ns": grouped_stats(long[inside], group, len(texts)),
        "launches_each": grouped_stats(sums[0][inside], group, len(texts)),
        **{key: _summed(total[inside], group, len(texts)).tolist() for key, total in zip(keys, sums, strict=True)},
    }
    documents = [_with_price(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    listed = sorted(
        (document for document in documents if document["launches"]),
        key=lambda document: (-document["launches"], document["name"]),
    )
    return listed, rows[inside]


def _selected_pieces(
    start: NDArray[np.int64], end: NDArray[np.int64], process: NDArray[np.int32], selection: LaunchSelection
) -> tuple[NDArray[np.int64], NDArray[np.int64], Indices]:
    """(low, high, owner): what of the ranges of each process lies in its selected time."""
    parts = []
    for mine, time in _times(process, selection.by_process, selection.time):
        if time is None:
            parts.append((start[mine], end[mine], mine))
        else:
            low, high, owner = pieces(start[mine], end[mine], time)
            parts.append((low, high, mine[owner]))
    if not parts:
        return start[:0], end[:0], np.empty(0, np.intp)
    low, high, owner = (np.concatenate(column) for column in zip(*parts, strict=True))
    return low, high, owner


def _with_price(document: Document) -> Document:
    """A range's document with what a million of its launches of kernels take, at their mean."""
    number, spent = document["kernel_launches"], document["kernel_calls_ns"]
    return {**document, "per_million_ns": spent * MILLION // number if number else None}


def _summed(values: NDArray[np.int64], group: Indices, number: int) -> NDArray[np.int64]:
    total = np.zeros(number, np.int64)
    np.add.at(total, group, values)
    return total


def _launched_in(
    launching: _Launching,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    owner: Indices,
    process: NDArray[np.int32],
) -> list[NDArray[np.int64]]:
    """Per range, from its pieces [low, high): its length, calls, ops, call time, calls and call time of lone kernels.

    Counted are the calls of the range's process that start in a piece, on whatever thread.
    """
    singly = launching.singly
    values = (np.ones(len(singly), np.int64), launching.ops, launching.spent, singly, launching.spent * singly)
    totals = [_summed(high - low, owner, len(process)), *(np.zeros(len(process), np.int64) for _ in values)]
    for process_row in distinct(process).tolist():
        mine, own = np.flatnonzero(process[owner] == process_row), launching.process == process_row
        bounds = [np.searchsorted(launching.start[own], time[mine]) for time in (low, high)]
        for sums, value in zip(totals[1:], values, strict=True):
            np.add.at(sums, owner[mine], _between(value[own], *bounds))
    return totals


def _between(values: NDArray[Any], low: Indices, high: Indices) -> NDArray[np.int64]:
    total = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(total[high] - total[low], np.int64)


def _typical(ranges: Iterable[Document]) -> Document | None:
    """The range to do the arithmetic with: the most frequent that launches, such as a token or a step."""
    best = max(ranges, key=lambda document: (document["count"], document["launches"]), default=None)
    return best if best is not None and best["count"] > 1 else None
