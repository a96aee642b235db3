"""A critical path in words: its eight parts, and below them kernels, copies, calls, ranges, OS calls, lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.calls import LAUNCH
from nsysgap.analysis.schedule.host_pieces import Pieces, host_pieces
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.path import Path
from nsysgap.arrays import codes, combined_codes
from nsysgap.tables import GRAPH, KERNEL, MEMCPY, NO_GRAPH_NODE, NONE
from nsysgap.units import counted

Times = NDArray[np.int64]
Indices = NDArray[np.intp]
PARTS = ("gpu", "between_ops", "launch_latency", "launch_calls", "other_calls", "sync_tail", "host", "os_wait")
OWN_CODE = "own code"
MEMORY_KINDS = ("pageable", "pinned", "device", "array", "managed", "device static", "managed static", "unknown")


@dataclass(frozen=True, slots=True)
class PathRow:
    """Time of one part under one name. `detail`: a copy's memory, the NVTX range around a call or OS call, the line of
    the program; "" where there is none."""

    part: str
    name: str
    detail: str
    ns: int


@dataclass(frozen=True)
class HostTime:
    """The path's time between calls, cut: `pieces` in recorded time, and `rest`, gaps of merged threads that overlap
    (0 or less), which no piece stands for, ns."""

    pieces: Pieces
    rest: int


def host_time(model: Model, path: Path, left_out: NDArray[np.bool_]) -> HostTime:
    """The path's gaps, cut by OS calls and ranges. The path is one of the unchanged replay."""
    calls, api = model.calls, model.trace.api
    some = np.flatnonzero(path.gap > 0)
    start, end = calls.start[some] - path.gap[some], calls.start[some]
    thread = api["thread"][calls.row[some]]
    if path.last is not None:
        call, since, until = path.last
        row = calls.row[call] if call != NONE else calls.row[-1]
        start, end = np.append(start, since), np.append(end, until)
        thread = np.append(thread, api["thread"][row]).astype(np.int32)
    return HostTime(host_pieces(model.trace, start, end, thread, left_out), int(path.gap[path.gap < 0].sum()))


def parts_of(model: Model, path: Path, host: HostTime) -> dict[str, int]:
    """The eight parts, ns: they sum to the path's length."""
    launches = model.calls.role == LAUNCH
    length = host.pieces.end - host.pieces.start
    waiting = host.pieces.os != NONE
    times = (
        *(path.gpu.sum(), path.between.sum(), path.latency.sum(), path.call[launches].sum()),
        *(path.call[~launches].sum(), path.tail.sum(), length[~waiting].sum() + host.rest, length[waiting].sum()),
    )
    return {part: int(ns) for part, ns in zip(PARTS, times, strict=True)}


def path_rows(model: Model, path: Path, host: HostTime, lines: Sequence[tuple[int, str, int]] = ()) -> list[PathRow]:
    """The parts by what they were spent on, most first within a part; the rows of a part sum to it.

    `lines`: (row of nvtx or -1, line, ns) of the pieces without an OS call, where lines are known: they stand for them.
    """
    return [
        *_op_rows(model, "gpu", path.gpu),
        *_op_rows(model, "between_ops", path.between),
        *_op_rows(model, "launch_latency", path.latency),
        *_call_rows(model, "launch_calls", np.where(model.calls.role == LAUNCH, path.call, 0)),
        *_call_rows(model, "other_calls", np.where(model.calls.role == LAUNCH, 0, path.call)),
        *_call_rows(model, "sync_tail", path.tail),
        *_host_rows(model, host, lines),
        *_os_rows(model, host),
    ]


def _sums(ns: Times, *columns: NDArray[np.generic]) -> list[tuple[int, int]]:
    """(the first place of each combination of values that has time, its sum), largest first."""
    some = np.flatnonzero(ns)
    if not len(some):
        return []
    code, _ = combined_codes(*(column[some] for column in columns))
    _, group = codes(code.astype(np.int64))
    total = np.zeros(int(group.max()) + 1, np.int64)
    np.add.at(total, group, ns[some])
    first = np.full(len(total), len(ns), np.int64)
    np.minimum.at(first, group, some)
    rows = zip(first.tolist(), total.tolist(), strict=True)
    return sorted((row for row in rows if row[1]), key=lambda row: (-row[1], row[0]))


def _op_rows(model: Model, part: str, ns: Times) -> list[PathRow]:
    ops, trace = model.ops, model.trace
    memory = memory_kind(model)
    name = trace.ops["name"][ops.row]
    graph = np.where((ops.kind == GRAPH) & (ops.nodes > 1), ops.nodes, 0)
    sums = _sums(ns, ops.kind, np.where(graph > 0, NONE, name), memory, graph)
    rows = []
    for op, total in sums:
        whole = graph[op] > 0
        said = f"CUDA graph of {counted(int(graph[op]), 'node', 'nodes')}" if whole else trace.name(int(name[op]))
        rows.append(PathRow(part, said, MEMORY_KINDS[memory[op]] if memory[op] != NONE else "", total))
    return rows


def top_kernel(model: Model, path: Path) -> str:
    """The name of the kernel with most of a path, "" of a path without any.

    A graph's time on the path belongs to its kernels by how long each of them ran.
    """
    ops, table = model.ops, model.trace.ops
    alone = np.flatnonzero((ops.kind == KERNEL) & (path.gpu > 0))
    graphs = np.flatnonzero((ops.kind == GRAPH) & (path.gpu > 0))
    nodes = np.flatnonzero((table["graph_node"] != NO_GRAPH_NODE) & (table["process"] == model.calls.process))
    present, launch = np.unique(table["correlation"][ops.row[graphs]], return_inverse=True)
    ran = (table["end"] - table["start"])[nodes].astype(np.float64)
    of_path, whole = (np.zeros(len(present)) for _ in range(2))
    np.add.at(of_path, launch.reshape(-1), path.gpu[graphs])
    mine = np.isin(table["correlation"][nodes], present)
    nodes, ran = nodes[mine], ran[mine]
    position = np.searchsorted(present, table["correlation"][nodes])
    np.add.at(whole, position, ran)
    kernels = table["kind"][nodes] == KERNEL
    nodes, share = nodes[kernels], (ran * of_path[position] / np.maximum(whole[position], 1))[kernels]
    names = np.concatenate((table["name"][ops.row[alone]], table["name"][nodes]))
    if not len(names):
        return ""
    present_names, number = np.unique(names, return_inverse=True)
    total = np.bincount(number.reshape(-1), np.concatenate((path.gpu[alone], share)))
    return model.trace.name(int(present_names[total.argmax()]))


def memory_kind(model: Model) -> NDArray[np.int32]:
    """The kind of host memory of each copy (MEMORY_KINDS), of device memory where no host is in it; -1 no copy."""
    ops = model.ops
    source, target = (model.sizes[name][ops.row] for name in ("source_kind", "target_kind"))
    kind = np.where(source == 2, target, source)  # the side that is not the device's
    kind = np.where((ops.kind == MEMCPY) & (kind >= 0) & (kind < len(MEMORY_KINDS)), kind, NONE)
    return kind.astype(np.int32)


def _call_rows(model: Model, part: str, ns: Times) -> list[PathRow]:
    name = model.trace.api["name"][model.calls.row]
    return [PathRow(part, model.trace.name(int(name[call])), "", total) for call, total in _sums(ns, name)]


def _host_rows(model: Model, host: HostTime, lines: Sequence[tuple[int, str, int]]) -> list[PathRow]:
    trace, pieces = model.trace, host.pieces
    own = pieces.os == NONE
    sums: dict[tuple[str, str], int] = {}
    if lines:
        told = lines
    else:
        range_sums = _sums(np.where(own, pieces.end - pieces.start, 0), pieces.range)
        told = [(int(pieces.range[piece]), "", total) for piece, total in range_sums]
    for row, line, ns in [*told, (NONE, "", host.rest)]:
        name = OWN_CODE if row == NONE else trace.name(int(trace.nvtx["name"][row]))
        sums[name, line] = sums.get((name, line), 0) + ns
    ordered = sorted(sums.items(), key=lambda named_ns: (-named_ns[1], named_ns[0]))
    return [PathRow("host", name, line, ns) for (name, line), ns in ordered if ns]


def _os_rows(model: Model, host: HostTime) -> list[PathRow]:
    trace, pieces = model.trace, host.pieces
    waiting = np.flatnonzero(pieces.os != NONE)
    call = np.full(len(pieces.os), NONE, np.int64)
    call[waiting] = trace.osrt["name"][pieces.os[waiting]]
    named = np.full(len(pieces.os), NONE, np.int64)
    inside = np.flatnonzero(pieces.range != NONE)
    named[inside] = trace.nvtx["name"][pieces.range[inside]]
    sums = _sums(np.where(call != NONE, pieces.end - pieces.start, 0), call, named)
    return [
        PathRow("os_wait", trace.name(int(call[piece])), trace.name(int(named[piece])), total) for piece, total in sums
    ]
